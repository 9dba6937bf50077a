/*
 * Mechanisms that carry the password itself: PLAIN (RFC 4616), and LOGIN, which has no RFC: the
 * server asks for a name, then for a password. Old clients know nothing else.
 */
#include "core/host/sasl.h"

#include <mansio/error.h>
#include <mansio/str.h>

enum { LOGIN_NAME_MAX = 1024 }; /* what is asked for afterwards must still find room */

static int log_in(struct mansio_sasl *sasl, struct mansio_str name, struct mansio_str authzid,
                  struct mansio_str password, int64_t deadline_us)
{
    struct core_login *login = &sasl->login;
    int rc = core_login_begin(login, sasl->session, sasl->arena, sasl->facts->name.ptr, name,
                              authzid, deadline_us);
    if (rc == 0) {
        rc = core_login_password(login, password, deadline_us);
        rc = core_login_finish(login, rc, deadline_us);
    }
    return rc < 0 ? rc : MANSIO_SASL_DONE;
}

int core_sasl_plain_step(struct mansio_sasl *sasl, struct mansio_str response, int64_t deadline_us,
                         struct mansio_str *out_challenge)
{
    struct core_sasl_plain plain;
    (void)out_challenge;
    int rc = core_sasl_plain_read(response, &plain);
    return rc < 0 ? rc : log_in(sasl, plain.authcid, plain.authzid, plain.password, deadline_us);
}

/* The prompts are those that clients have learnt to expect; most don't look at them. */
int core_sasl_login_step(struct mansio_sasl *sasl, struct mansio_str response, int64_t deadline_us,
                         struct mansio_str *out_challenge)
{
    if (sasl->step == 0 && response.ptr == NULL) {
        *out_challenge = MANSIO_STR("Username:");
        return MANSIO_SASL_CONTINUE;
    }
    if (sasl->name.ptr == NULL) {
        if (response.len > LOGIN_NAME_MAX) {
            return mansio_fail(MANSIO_E_INVALID, "LOGIN: a name of %zu bytes", response.len);
        }
        int rc = mansio_arena_copy(sasl->arena, response, &sasl->name);
        *out_challenge = MANSIO_STR("Password:");
        return rc < 0 ? rc : MANSIO_SASL_CONTINUE;
    }
    return log_in(sasl, sasl->name, MANSIO_STR_NONE, response, deadline_us);
}
