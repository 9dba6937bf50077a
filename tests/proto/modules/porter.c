/*
 * porter: lets in whoever can log in, for tests of that. A line a command, a line an answer:
 *
 *     MECHS                  the mechanisms that are offered
 *     LOGIN NAME PASSWORD    "ok", or the error's name
 *     AUTH MECH [RESPONSE]   base64; challenges are "+ BASE64", the end "ok" or the error's name
 *     WHO                    account and tenant, or "nobody"
 *     TLS                    start TLS
 */
#include <mansio/account.h>
#include <mansio/error.h>
#include <mansio/interface.h>
#include <mansio/login.h>
#include <mansio/protocol.h>
#include <mansio/str.h>
#include <mansio/time.h>
#include <mansio/tls.h>

enum { LINE_MAX_BYTES = 20000 };

static int64_t soon(void)
{
    return mansio_deadline_in(30 * MANSIO_SECOND);
}

static int say(struct mansio_stream *stream, int code)
{
    return mansio_stream_printf(stream, "%s\r\n", mansio_error_name(code));
}

static int say_mechanisms(struct mansio_session *session, struct mansio_arena *arena)
{
    struct mansio_str names;
    int rc = mansio_session_mechanisms(session, arena, &names);
    return rc < 0 ? rc
                  : mansio_stream_printf(mansio_session_stream(session), "mechs%s%.*s\r\n",
                                         names.len > 0 ? " " : "", MANSIO_STR_ARG(names));
}

static int say_who(struct mansio_session *session)
{
    const struct mansio_account *account = mansio_session_account(session);
    struct mansio_stream *stream = mansio_session_stream(session);
    if (account == NULL) {
        return mansio_stream_printf(stream, "nobody\r\n");
    }
    const struct mansio_account_facts *facts = mansio_account_facts(account);
    return mansio_stream_printf(stream, "%.*s %.*s\r\n", MANSIO_STR_ARG(facts->address),
                                MANSIO_STR_ARG(facts->tenant));
}

static int ask(struct mansio_session *session, struct mansio_arena *arena,
               struct mansio_str challenge, struct mansio_str *out)
{
    struct mansio_stream *stream = mansio_session_stream(session);
    struct mansio_str text, line;
    int rc = mansio_base64_encode(arena, challenge, &text);
    if (rc == 0) {
        rc = mansio_stream_printf(stream, "+ %.*s\r\n", MANSIO_STR_ARG(text));
    }
    if (rc >= 0) {
        rc = mansio_stream_read_line(stream, LINE_MAX_BYTES, 0, &line);
    }
    return rc < 0 ? rc : mansio_base64_decode(arena, line, out);
}

static int authenticate(struct mansio_session *session, struct mansio_arena *arena,
                        struct mansio_str mechanism, struct mansio_str initial)
{
    struct mansio_sasl *sasl = NULL;
    struct mansio_str response = MANSIO_STR_NONE, challenge = MANSIO_STR_NONE;
    int rc = mansio_sasl_begin(session, mechanism, arena, &sasl);
    if (rc == 0 && initial.len > 0) {
        rc = mansio_base64_decode(arena, initial, &response);
    } else if (rc == 0 && mansio_sasl_client_begins(sasl)) {
        rc = ask(session, arena, challenge, &response);
    }
    while (rc >= 0 && (rc = mansio_sasl_step(sasl, response, soon(), &challenge)) >= 0) {
        if (rc == MANSIO_SASL_DONE) {
            return challenge.len > 0 ? ask(session, arena, challenge, &response) : 0;
        }
        rc = ask(session, arena, challenge, &response);
    }
    return rc;
}

static int run(struct mansio_session *session, struct mansio_arena *arena, struct mansio_str line)
{
    struct mansio_stream *stream = mansio_session_stream(session);
    struct mansio_str verb = MANSIO_STR_NONE, one = MANSIO_STR_NONE, rest = line;
    (void)mansio_str_split(&rest, ' ', &verb);
    if (mansio_str_eq(verb, MANSIO_STR("MECHS"))) {
        return say_mechanisms(session, arena);
    }
    if (mansio_str_eq(verb, MANSIO_STR("WHO"))) {
        return say_who(session);
    }
    if (mansio_str_eq(verb, MANSIO_STR("TLS"))) {
        int rc = say(stream, 0);
        return rc < 0 ? rc : mansio_conn_start_tls(mansio_session_conn(session), soon());
    }
    (void)mansio_str_split(&rest, ' ', &one);
    int rc = mansio_str_eq(verb, MANSIO_STR("LOGIN"))
                 ? mansio_session_login(session, one, rest, soon())
                 : authenticate(session, arena, one, rest);
    return rc == MANSIO_E_CANCELLED || rc == MANSIO_E_EOF ? rc : say(stream, rc);
}

static int serve(struct mansio_instance *instance, struct mansio_session *session)
{
    (void)instance;
    struct mansio_stream *stream = mansio_session_stream(session);
    struct mansio_arena *arena = mansio_arena_new(mansio_session_arena(session), "porter", 0);
    int rc = mansio_stream_printf(stream, "porter\r\n");
    while (rc >= 0) {
        struct mansio_str line, kept;
        rc = mansio_stream_read_line(stream, LINE_MAX_BYTES, MANSIO_READ_IDLE, &line);
        if (rc >= 0) {
            rc = mansio_arena_copy(arena, line, &kept);
        }
        if (rc >= 0) {
            rc = run(session, arena, kept);
        }
        mansio_arena_reset(arena);
    }
    return rc;
}

static void goodbye(struct mansio_instance *instance, struct mansio_session *session,
                    uint32_t reason, struct mansio_buf *out)
{
    (void)instance;
    (void)session;
    (void)mansio_buf_printf(out, "bye %u\r\n", reason);
}

static const struct mansio_protocol protocol = {
    .size = sizeof protocol, .service = "porter", .serve = serve, .goodbye = goodbye};

static int load(struct mansio_instance *instance)
{
    return mansio_interface_provide(instance, MANSIO_PROTOCOL, MANSIO_PROTOCOL_VERSION, &protocol);
}

MANSIO_MODULE("porter", "1.0", "", .summary = "lets in whoever can log in", .load = load);
