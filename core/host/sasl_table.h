/*
 * The SASL mechanisms there are, best first, and what each needs. Pure: the exchanges themselves
 * are in sasl_*.c.
 */
#ifndef MANSIO_CORE_HOST_SASL_TABLE_H
#define MANSIO_CORE_HOST_SASL_TABLE_H

#include <mansio/base.h>

/* All of them, for messages; sasl_table_test holds it against the table. */
#define CORE_SASL_NAMES "EXTERNAL, SCRAM-SHA-256-PLUS, SCRAM-SHA-256, PLAIN, LOGIN"

enum core_sasl_flags {
    CORE_SASL_PASSWORD = 1,      /* the password travels: only where that is allowed */
    CORE_SASL_SCRAM = 2,         /* every credential must have SCRAM-SHA-256 keys */
    CORE_SASL_BINDING = 4,       /* the channel must have binding data: needs TLS */
    CORE_SASL_SERVER_BEGINS = 8, /* with a challenge (RFC 4422 5, item 2a) */
    CORE_SASL_CERTIFICATE = 16,  /* the client showed one that names an account: needs TLS */
};

/* In the table's order. */
enum core_sasl_id {
    CORE_SASL_EXTERNAL = 0,
    CORE_SASL_SCRAM_SHA_256_PLUS = 1,
    CORE_SASL_SCRAM_SHA_256 = 2,
    CORE_SASL_PLAIN = 3,
    CORE_SASL_LOGIN = 4,
    CORE_SASL_COUNT = 5,
};

struct core_sasl_facts {
    struct mansio_str name;
    uint32_t id;    /* enum core_sasl_id */
    uint32_t flags; /* enum core_sasl_flags */
};

/* CORE_SASL_COUNT rows. */
extern const struct core_sasl_facts core_sasl_table[CORE_SASL_COUNT];

/* By name, in any case; NULL if there is none. */
const struct core_sasl_facts *core_sasl_find(struct mansio_str name);

#endif
