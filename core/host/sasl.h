/*
 * SASL exchanges from the inside: what a mechanism keeps, and the function that each has for its
 * steps.
 */
#ifndef MANSIO_CORE_HOST_SASL_H
#define MANSIO_CORE_HOST_SASL_H

#include "core/host/login.h"
#include "core/host/sasl_table.h"
#include <mansio/login.h>

struct core_scram_exchange;

struct mansio_sasl {
    struct mansio_session *session;
    const struct core_sasl_facts *facts;
    struct mansio_arena *arena; /* of this exchange */
    struct core_login login;
    uint32_t step;                     /* how many were taken */
    uint32_t is_over;                  /* done, or failed */
    struct mansio_str name;            /* LOGIN's first answer */
    struct core_scram_exchange *scram; /* SCRAM's first message, and what was made of it */
};

/* Each as mansio_sasl_step(); sasl_external.c, sasl_password.c, sasl_scram.c. */
MANSIO_MUST_CHECK int core_sasl_external_step(struct mansio_sasl *sasl, struct mansio_str response,
                                              int64_t deadline_us,
                                              struct mansio_str *out_challenge);
MANSIO_MUST_CHECK int core_sasl_plain_step(struct mansio_sasl *sasl, struct mansio_str response,
                                           int64_t deadline_us, struct mansio_str *out_challenge);
MANSIO_MUST_CHECK int core_sasl_login_step(struct mansio_sasl *sasl, struct mansio_str response,
                                           int64_t deadline_us, struct mansio_str *out_challenge);
MANSIO_MUST_CHECK int core_sasl_scram_step(struct mansio_sasl *sasl, struct mansio_str response,
                                           int64_t deadline_us, struct mansio_str *out_challenge);

/* 1 if the session offers it now; 0; MANSIO_E_CANCELLED. Yields. */
MANSIO_MUST_CHECK int core_sasl_is_offered(struct mansio_session *session,
                                           const struct core_sasl_facts *facts);

/* 1 if an auth module gives keys for SCRAM. */
int core_sasl_has_scram(void);

/* For tests: what our half of each nonce is from now on; NULL for random ones again. Static. */
void core_sasl_set_nonce(const char *nonce);

#endif
