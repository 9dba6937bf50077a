/*
 * The gate. See gate.h.
 */
#include "core/host/gate.h"

#include <mansio/error.h>

int core_gate_judge(const struct core_gate_facts *facts)
{
    if (facts->account->state != MANSIO_STATE_ACTIVE) {
        return mansio_fail(
            MANSIO_E_DENIED, "account %.*s is %s", MANSIO_STR_ARG(facts->account->address),
            facts->account->state == MANSIO_STATE_SUSPENDED ? "suspended" : "closed");
    }
    return 0;
}
