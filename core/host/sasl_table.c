/*
 * The SASL mechanisms there are. See sasl_table.h.
 */
#include "core/host/sasl_table.h"

#include <mansio/str.h>

/* Best first: what clients that take the first they know should take. */
const struct core_sasl_facts core_sasl_table[CORE_SASL_COUNT] = {
    {{"EXTERNAL", 8}, CORE_SASL_EXTERNAL, CORE_SASL_CERTIFICATE},
    {{"SCRAM-SHA-256-PLUS", 18}, CORE_SASL_SCRAM_SHA_256_PLUS, CORE_SASL_SCRAM | CORE_SASL_BINDING},
    {{"SCRAM-SHA-256", 13}, CORE_SASL_SCRAM_SHA_256, CORE_SASL_SCRAM},
    {{"PLAIN", 5}, CORE_SASL_PLAIN, CORE_SASL_PASSWORD},
    {{"LOGIN", 5}, CORE_SASL_LOGIN, CORE_SASL_PASSWORD | CORE_SASL_SERVER_BEGINS},
};

const struct core_sasl_facts *core_sasl_find(struct mansio_str name)
{
    for (size_t i = 0; i < CORE_SASL_COUNT; i++) {
        if (mansio_str_ieq(core_sasl_table[i].name, name)) {
            return &core_sasl_table[i];
        }
    }
    return NULL;
}
