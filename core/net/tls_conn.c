/*
 * TLS of a conn: the public functions of <mansio/tls.h> that take one. The server side: puts the
 * transport under the conn's stream, shakes hands, tells the listener how it ended.
 */
#include "core/net/conn.h"
#include "core/net/tls_ssl.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "core/base/alloc.h"

uint32_t mansio_conn_tls_state(const struct mansio_conn *conn)
{
    if (core_tls_of_stream(core_conn_stream(conn)) != NULL) {
        return MANSIO_TLS_ACTIVE;
    }
    return core_conn_tls_server(conn) ? MANSIO_TLS_AVAILABLE : MANSIO_TLS_NONE;
}

/* What was received is the handshake's: give it to the transport that is about to be. */
static int hand_over(struct mansio_stream *stream, struct core_tls *tls)
{
    size_t len = mansio_stream_buffered(stream);
    if (len == 0) {
        return 0;
    }
    tls->ahead = core_alloc(len);
    if (!tls->ahead) {
        return mansio_fail(MANSIO_E_IO, "no memory for %zu bytes of input", len);
    }
    memcpy(tls->ahead, stream->in.data + stream->in.start, len);
    tls->ahead_len = len;
    core_stream_forget(stream);
    return 0;
}

static int put_under(struct mansio_conn *conn, int is_ahead, struct core_tls **out)
{
    struct core_tls_server *server = core_conn_tls_server(conn);
    struct mansio_stream *stream = mansio_conn_stream(conn);
    SSL *ssl = core_tls_server_ssl(server);
    if (!ssl) {
        return mansio_fail(MANSIO_E_IO, "TLS: %s", core_tls_reason());
    }
    struct core_tls *tls = core_tls_new(stream->arena, ssl, stream->transport);
    tls->server = server;
    int rc = is_ahead ? hand_over(stream, tls) : 0;
    /* Whatever came before the handshake was said by nobody knows whom (CVE-2011-0411). */
    core_stream_forget(stream);
    core_stream_set_transport(stream, &tls->base);
    stream->tls = tls;
    *out = tls;
    return rc;
}

static int start(struct mansio_conn *conn, int is_ahead, int64_t deadline_us)
{
    struct core_tls *tls = NULL;
    uint32_t end = CORE_TLS_END_PROTOCOL;
    int rc = put_under(conn, is_ahead, &tls);
    if (rc == 0) {
        rc = core_tls_handshake(mansio_conn_stream(conn), tls, deadline_us, &end);
    }
    const struct core_tls_server_options *options =
        core_tls_server_get_options(core_conn_tls_server(conn));
    if (options->on_end) {
        options->on_end(options->on_end_arg, conn, end, rc);
    }
    return rc;
}

int mansio_conn_start_tls(struct mansio_conn *conn, int64_t deadline_us)
{
    struct mansio_stream *stream = mansio_conn_stream(conn);
    if (mansio_conn_tls_state(conn) != MANSIO_TLS_AVAILABLE) {
        return mansio_fail(MANSIO_E_BUG, "start_tls: this conn %s",
                           stream->tls ? "has TLS already" : "may not have TLS");
    }
    int64_t before_us = stream->deadline_us;
    mansio_stream_set_deadline(stream, deadline_us);
    int rc = mansio_stream_flush(stream);
    mansio_stream_set_deadline(stream, before_us);
    return rc < 0 ? rc : start(conn, 0, deadline_us);
}

int core_conn_begin_tls(struct mansio_conn *conn, int64_t deadline_us)
{
    if (mansio_conn_tls_state(conn) != MANSIO_TLS_AVAILABLE) {
        return mansio_fail(MANSIO_E_BUG, "begin_tls: this conn has no TLS to begin with");
    }
    return start(conn, 1, deadline_us);
}

struct mansio_str core_conn_tls_version(const struct mansio_conn *conn)
{
    struct core_tls *tls = core_tls_of_stream(core_conn_stream(conn));
    return tls && tls->is_open ? mansio_str_from_cstr(SSL_get_version(tls->ssl)) : MANSIO_STR_NONE;
}

int mansio_conn_tls_facts(const struct mansio_conn *conn, struct mansio_tls_facts *out)
{
    return core_tls_facts(core_tls_of_stream(core_conn_stream(conn)), out);
}

int mansio_conn_peer_certificate(const struct mansio_conn *conn, struct mansio_arena *arena,
                                 struct mansio_str *out)
{
    return core_tls_peer_certificate(core_tls_of_stream(core_conn_stream(conn)), arena, out);
}

int mansio_conn_channel_binding(const struct mansio_conn *conn, struct mansio_str type,
                                struct mansio_arena *arena, struct mansio_str *out)
{
    return core_tls_channel_binding(core_tls_of_stream(core_conn_stream(conn)), type, arena, out);
}
