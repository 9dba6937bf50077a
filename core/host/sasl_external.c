/*
 * EXTERNAL (RFC 4422 appendix A): who shook hands with a certificate is who the certificate says.
 * Nothing is proven here, as TLS did that; what is left is to find the account. The client's one
 * message is whom to act as, or empty.
 *
 * A certificate may be made out to several addresses: the message then picks one of them, and
 * without a word it is the first. Whoever asks for somebody else is refused like any other.
 */
#include "core/host/sasl.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "core/host/login_channel.h"
#include "core/host/login_settings.h"

/* Which of the addresses a client means: a place in the list, the first if it is none of them. */
static int pick(struct mansio_sasl *sasl, struct mansio_str authzid,
                const struct mansio_str *addresses, size_t count, size_t *out)
{
    struct mansio_str domain = MANSIO_STR_NONE;
    struct core_login_name asked, other;
    uint32_t is_ready;
    *out = 0;
    if (authzid.len == 0 || count == 1) {
        return 0;
    }
    int rc = core_login_domain(sasl->session, &domain, &is_ready);
    if (rc < 0) {
        return rc;
    }
    if (core_login_name_read(sasl->arena, authzid, domain, &asked) < 0) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (core_login_name_read(sasl->arena, addresses[i], MANSIO_STR_NONE, &other) == 0 &&
            mansio_str_eq(asked.local, other.local) && mansio_str_eq(asked.domain, other.domain)) {
            *out = i;
            break;
        }
    }
    return 0;
}

int core_sasl_external_step(struct mansio_sasl *sasl, struct mansio_str response,
                            int64_t deadline_us, struct mansio_str *out_challenge)
{
    const struct mansio_conn *conn = mansio_session_conn(sasl->session);
    struct core_login *login = &sasl->login;
    const struct mansio_str *addresses = NULL;
    size_t count = 0;
    size_t which = 0;
    (void)out_challenge;
    if (response.len > 0 && memchr(response.ptr, '\0', response.len) != NULL) {
        return mansio_fail(MANSIO_E_INVALID, "EXTERNAL: a NUL in an authorization identity");
    }
    int rc = core_channel_peer_addresses(conn, core_login_peer_names(conn), sasl->arena, &addresses,
                                         &count);
    if (rc == 0 && count == 0) { /* its end came since the exchange began */
        rc = mansio_fail(MANSIO_E_UNSUPPORTED, "EXTERNAL: no certificate that is good for it");
    }
    if (rc == 0) {
        rc = pick(sasl, response, addresses, count, &which);
    }
    if (rc == 0) {
        rc = core_login_begin(login, sasl->session, sasl->arena, sasl->facts->name.ptr,
                              addresses[which], response, deadline_us);
    }
    if (rc < 0) {
        return rc;
    }
    login->result = (struct mansio_auth_result){.size = sizeof login->result,
                                                .kind = MANSIO_CREDENTIAL_CERTIFICATE};
    login->until_us = core_channel_peer_until_us(conn);
    rc = core_login_finish(login, 0, deadline_us); /* who isn't there is denied there */
    return rc < 0 ? rc : MANSIO_SASL_DONE;
}
