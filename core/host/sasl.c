/*
 * SASL (RFC 4422): which mechanisms a session offers, and exchanges of them. The mechanisms
 * themselves are in sasl_external.c, sasl_password.c and sasl_scram.c.
 */
#include "core/host/sasl.h"

#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/str.h>

#include "core/host/account.h"
#include "core/host/login_channel.h"
#include "core/host/login_settings.h"

enum {
    NAMES_MAX = 256,              /* all names, with spaces */
    ARENA_CAP = 512 * 1024,       /* of one exchange */
    BINDING_CAP = 16 * 1024,      /* channel binding data, looked at and dropped */
    CERTIFICATE_CAP = 128 * 1024, /* its addresses, likewise */
};

typedef int (*step_fn)(struct mansio_sasl *sasl, struct mansio_str response, int64_t deadline_us,
                       struct mansio_str *out_challenge);

static const step_fn steps[CORE_SASL_COUNT] = {
    [CORE_SASL_EXTERNAL] = core_sasl_external_step,
    [CORE_SASL_SCRAM_SHA_256_PLUS] = core_sasl_scram_step,
    [CORE_SASL_SCRAM_SHA_256] = core_sasl_scram_step,
    [CORE_SASL_PLAIN] = core_sasl_plain_step,
    [CORE_SASL_LOGIN] = core_sasl_login_step,
};

/* ---- what is offered ------------------------------------------------------------------------ */

int core_sasl_has_scram(void)
{
    size_t count = 0;
    const struct core_auth *auths = core_auths_current(&count);
    for (size_t i = 0; i < count; i++) {
        if (auths[i].table.scram_keys != NULL) {
            return 1;
        }
    }
    return 0;
}

static int has_binding(const struct mansio_conn *conn)
{
    if (!core_channel_is_tls(conn)) {
        return 0;
    }
    struct mansio_str data;
    struct mansio_arena *arena = mansio_arena_new(NULL, "sasl.binding", BINDING_CAP);
    int has = core_channel_binding(conn, MANSIO_STR("tls-exporter"), arena, &data) == 0 ||
              core_channel_binding(conn, MANSIO_STR("tls-server-end-point"), arena, &data) == 0;
    mansio_arena_free(arena);
    return has;
}

static int has_address(const struct mansio_conn *conn)
{
    const struct mansio_str *addresses;
    size_t count = 0;
    if (!core_channel_is_tls(conn)) {
        return 0;
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "sasl.certificate", CERTIFICATE_CAP);
    int rc =
        core_channel_peer_addresses(conn, core_login_peer_names(conn), arena, &addresses, &count);
    mansio_arena_free(arena);
    return rc == 0 && count > 0;
}

/* All but what the directory knows: whether passwords there have keys. */
static int is_possible(const struct mansio_conn *conn, const struct core_sasl_facts *facts)
{
    if (!core_login_allows_mechanism(conn, facts->id)) {
        return 0;
    }
    if ((facts->flags & CORE_SASL_PASSWORD) != 0 && !core_login_allows_plaintext(conn)) {
        return 0;
    }
    if ((facts->flags & CORE_SASL_SCRAM) != 0 && !core_sasl_has_scram()) {
        return 0;
    }
    if ((facts->flags & CORE_SASL_CERTIFICATE) != 0 && !has_address(conn)) {
        return 0;
    }
    return (facts->flags & CORE_SASL_BINDING) == 0 || has_binding(conn);
}

int core_sasl_is_offered(struct mansio_session *session, const struct core_sasl_facts *facts)
{
    struct mansio_str domain;
    uint32_t is_ready = 0;
    int rc = is_possible(mansio_session_conn(session), facts);
    if (rc == 1 && (facts->flags & CORE_SASL_SCRAM) != 0) {
        rc = core_login_domain(session, &domain, &is_ready);
        rc = rc < 0 ? rc : is_ready != 0;
    }
    return rc;
}

int mansio_session_mechanisms(struct mansio_session *session, struct mansio_arena *arena,
                              struct mansio_str *out)
{
    struct mansio_buf *names = mansio_buf_new(arena, NAMES_MAX);
    for (size_t i = 0; i < CORE_SASL_COUNT; i++) {
        int rc = core_sasl_is_offered(session, &core_sasl_table[i]);
        if (rc < 0) {
            return rc;
        }
        if (rc == 1) {
            if (mansio_buf_str(names).len > 0) {
                mansio_buf_add_char(names, ' ');
            }
            mansio_buf_add(names, core_sasl_table[i].name);
        }
    }
    int rc = mansio_buf_status(names);
    if (rc == 0) {
        *out = mansio_buf_str(names);
    }
    return rc;
}

/* ---- exchanges ------------------------------------------------------------------------------ */

int mansio_sasl_begin(struct mansio_session *session, struct mansio_str mechanism,
                      struct mansio_arena *arena, struct mansio_sasl **out)
{
    const struct core_sasl_facts *facts = core_sasl_find(mechanism);
    if (mansio_session_account(session) != NULL) {
        return mansio_fail(MANSIO_E_BUG, "SASL in a session that is somebody's");
    }
    int rc = facts == NULL ? 0 : core_sasl_is_offered(session, facts);
    if (rc < 0) {
        return rc;
    }
    if (rc == 0) {
        return mansio_fail(MANSIO_E_UNSUPPORTED, "mechanism %.*s is not offered here",
                           MANSIO_STR_ARG(mansio_str_sub(mechanism, 0, 20)));
    }
    struct mansio_arena *own = mansio_arena_new(arena, "sasl", ARENA_CAP);
    struct mansio_sasl *sasl = mansio_arena_alloc(own, sizeof *sasl);
    *sasl = (struct mansio_sasl){.session = session, .facts = facts, .arena = own};
    *out = sasl;
    return 0;
}

int mansio_sasl_client_begins(const struct mansio_sasl *sasl)
{
    return (sasl->facts->flags & CORE_SASL_SERVER_BEGINS) == 0;
}

int mansio_sasl_step(struct mansio_sasl *sasl, struct mansio_str response, int64_t deadline_us,
                     struct mansio_str *out_challenge)
{
    struct mansio_str challenge = MANSIO_STR_NONE;
    if (sasl->is_over) {
        return mansio_fail(MANSIO_E_BUG, "SASL: a step after the end");
    }
    sasl->is_over = 1; /* unless it goes on */
    if (response.len > MANSIO_SASL_MESSAGE_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "SASL: a message of %zu bytes", response.len);
    }
    int rc = steps[sasl->facts->id](sasl, response, deadline_us, &challenge);
    if (rc < 0) {
        return rc;
    }
    sasl->step++;
    sasl->is_over = rc == MANSIO_SASL_DONE;
    *out_challenge = challenge;
    return rc;
}
