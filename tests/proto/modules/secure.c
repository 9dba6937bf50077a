/*
 * secure: shows what a module learns of TLS. A line dialogue with the commands
 *   starttls        "go", then a handshake; without TLS, or in it: "no"
 *   facts           state and every fact, "key=value" with "|" between
 *   binding TYPE    channel binding, hexadecimal, or the error's name
 *   certificate     length of the peer's DER, or the error's name
 *   peer            peer and local address as the conn has them
 *   client ADDRESS NAME CA
 *                   connect there, start TLS as a client ("-": no name, no verification), say
 *                   version and whether the peer is verified; or the error's name and detail
 *   quit
 * Anything else is said back.
 */
#include <mansio/error.h>
#include <mansio/interface.h>
#include <mansio/protocol.h>
#include <mansio/str.h>
#include <mansio/time.h>
#include <mansio/tls.h>

enum { LINE_MAX_BYTES = 2000, WORDS = 4 };

static int say_facts(struct mansio_stream *stream, const struct mansio_conn *conn)
{
    struct mansio_tls_facts facts = {.size = sizeof facts};
    uint32_t state = mansio_conn_tls_state(conn);
    int rc = mansio_conn_tls_facts(conn, &facts);
    if (rc < 0) {
        return mansio_stream_printf(stream, "state=%u|error=%s\r\n", state, mansio_error_name(rc));
    }
    return mansio_stream_printf(
        stream,
        "state=%u|version=%.*s|cipher=%.*s|name=%.*s|bits=%u|resumed=%u|verified=%u|subject=%.*s|"
        "fingerprint=%.*s\r\n",
        state, MANSIO_STR_ARG(facts.version), MANSIO_STR_ARG(facts.cipher),
        MANSIO_STR_ARG(facts.server_name), facts.cipher_bits, facts.is_resumed,
        facts.is_peer_verified, MANSIO_STR_ARG(facts.peer_subject),
        MANSIO_STR_ARG(facts.peer_fingerprint));
}

static int say_binding(struct mansio_stream *stream, struct mansio_conn *conn,
                       struct mansio_str type)
{
    struct mansio_str data = MANSIO_STR_NONE;
    int rc = mansio_conn_channel_binding(conn, type, mansio_conn_arena(conn), &data);
    if (rc < 0) {
        return mansio_stream_printf(stream, "%s\r\n", mansio_error_name(rc));
    }
    for (size_t i = 0; rc >= 0 && i < data.len; i++) {
        rc = mansio_stream_printf(stream, "%02x", (unsigned)(unsigned char)data.ptr[i]);
    }
    return rc < 0 ? rc : mansio_stream_printf(stream, "\r\n");
}

static int say_certificate(struct mansio_stream *stream, struct mansio_conn *conn)
{
    struct mansio_str der = MANSIO_STR_NONE;
    int rc = mansio_conn_peer_certificate(conn, mansio_conn_arena(conn), &der);
    return rc < 0 ? mansio_stream_printf(stream, "%s\r\n", mansio_error_name(rc))
                  : mansio_stream_printf(stream, "%zu\r\n", der.len);
}

static int ask_elsewhere(struct mansio_arena *arena, const struct mansio_str *words,
                         struct mansio_tls_facts *facts)
{
    struct mansio_stream *out = NULL;
    int64_t deadline_us = mansio_deadline_in(20 * MANSIO_SECOND);
    int is_named = !mansio_str_eq(words[2], MANSIO_STR("-"));
    struct mansio_tls_client options = {
        .size = sizeof options,
        .server_name = is_named ? words[2] : MANSIO_STR_NONE,
        .verify = is_named ? MANSIO_TLS_VERIFY_NAME : MANSIO_TLS_VERIFY_NONE,
        .ca_file = words[3],
    };
    int rc = mansio_stream_connect(arena, words[1], deadline_us, &out);
    if (rc == 0) {
        rc = mansio_stream_start_tls(out, &options, deadline_us);
    }
    return rc < 0 ? rc : mansio_stream_tls_facts(out, facts);
}

static int be_client(struct mansio_stream *stream, struct mansio_conn *conn,
                     const struct mansio_str *words)
{
    struct mansio_arena *arena = mansio_arena_new(mansio_conn_arena(conn), "client", 0);
    struct mansio_tls_facts facts = {.size = sizeof facts};
    int rc = ask_elsewhere(arena, words, &facts);
    rc = rc < 0 ? mansio_stream_printf(stream, "%s: %s\r\n", mansio_error_name(rc),
                                       mansio_error_detail())
                : mansio_stream_printf(stream, "version=%.*s|verified=%u|name=%.*s\r\n",
                                       MANSIO_STR_ARG(facts.version), facts.is_peer_verified,
                                       MANSIO_STR_ARG(facts.server_name));
    mansio_arena_free(arena);
    return rc;
}

static int start(struct mansio_stream *stream, struct mansio_conn *conn)
{
    if (mansio_conn_tls_state(conn) != MANSIO_TLS_AVAILABLE) {
        return mansio_stream_printf(stream, "no\r\n");
    }
    int rc = mansio_stream_printf(stream, "go\r\n");
    return rc < 0 ? rc : mansio_conn_start_tls(conn, mansio_deadline_in(5 * MANSIO_SECOND));
}

static int answer(struct mansio_stream *stream, struct mansio_conn *conn, struct mansio_str line)
{
    struct mansio_str rest = line;
    struct mansio_str words[WORDS] = {{0}};
    for (size_t i = 0; i < WORDS && mansio_str_split(&rest, ' ', &words[i]); i++) {
    }
    if (mansio_str_eq(words[0], MANSIO_STR("starttls"))) {
        return start(stream, conn);
    }
    if (mansio_str_eq(words[0], MANSIO_STR("facts"))) {
        return say_facts(stream, conn);
    }
    if (mansio_str_eq(words[0], MANSIO_STR("binding"))) {
        return say_binding(stream, conn, words[1]);
    }
    if (mansio_str_eq(words[0], MANSIO_STR("certificate"))) {
        return say_certificate(stream, conn);
    }
    if (mansio_str_eq(words[0], MANSIO_STR("client"))) {
        return be_client(stream, conn, words);
    }
    if (mansio_str_eq(words[0], MANSIO_STR("peer"))) {
        return mansio_stream_printf(
            stream, "%.*s %.*s %.*s\r\n", MANSIO_STR_ARG(mansio_conn_peer(conn)),
            MANSIO_STR_ARG(mansio_conn_peer_ip(conn)), MANSIO_STR_ARG(mansio_conn_local(conn)));
    }
    return mansio_stream_printf(stream, "said %.*s\r\n", MANSIO_STR_ARG(line));
}

static int secure_serve(struct mansio_instance *instance, struct mansio_session *session)
{
    (void)instance;
    struct mansio_conn *conn = mansio_session_conn(session);
    struct mansio_stream *stream = mansio_conn_stream(conn);
    int rc = mansio_stream_printf(stream, "ready\r\n");
    while (rc >= 0) {
        struct mansio_str line;
        mansio_stream_set_deadline(stream, mansio_deadline_in(300 * MANSIO_SECOND));
        rc = mansio_stream_read_line(stream, LINE_MAX_BYTES, MANSIO_READ_IDLE, &line);
        if (rc >= 0 && mansio_str_eq(line, MANSIO_STR("quit"))) {
            return 0;
        }
        if (rc >= 0) {
            rc = answer(stream, conn, line);
        }
    }
    return rc;
}

static const struct mansio_protocol secure_protocol = {
    .size = sizeof secure_protocol, .service = "secure", .serve = secure_serve};

static int secure_load(struct mansio_instance *instance)
{
    return mansio_interface_provide(instance, MANSIO_PROTOCOL, MANSIO_PROTOCOL_VERSION,
                                    &secure_protocol);
}

MANSIO_MODULE("secure", "1.0", "", .summary = "Shows what a module learns of TLS.",
              .load = secure_load);
