/*
 * The TLS transport: OpenSSL between a stream above and another transport below. Owns the SSL and
 * the lower transport. Never waits: what OpenSSL lacks is passed up as what to watch for.
 *
 * OpenSSL reads and writes through a BIO that asks the lower transport. It reads ahead (one system
 * call a burst instead of two a record), and a lower transport that has said "that was all" is not
 * asked again in the same call. A record that couldn't be sent whole stays in OpenSSL, but its
 * bytes count as unsent above until it is gone: the stream offers them again, and OpenSSL then only
 * goes on with the record (SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER). So a flush means what it says.
 */
#include "core/net/tls_ssl.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "core/base/alloc.h"

enum {
    RECORD_MAX = 16384, /* RFC 8446 5.1: bytes in a record */
};

static struct core_tls *tls_of(struct core_transport *transport)
{
    return (struct core_tls *)transport;
}

/* ---- OpenSSL's way down -----------------------------------------------------------------------
 */

static int bio_take_ahead(struct core_tls *tls, char *data, size_t len)
{
    size_t left = tls->ahead_len - tls->ahead_used;
    size_t n = left < len ? left : len;
    memcpy(data, tls->ahead + tls->ahead_used, n);
    tls->ahead_used += n;
    if (tls->ahead_used == tls->ahead_len) {
        core_free(tls->ahead);
        tls->ahead = NULL;
        tls->ahead_len = tls->ahead_used = 0;
    }
    return (int)n;
}

static int bio_read(BIO *bio, char *data, int len)
{
    struct core_tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (len <= 0) {
        return 0;
    }
    if (tls->ahead) {
        return bio_take_ahead(tls, data, (size_t)len);
    }
    int n = 0;
    if (!(tls->exhausted & CORE_TRANSPORT_READ)) {
        struct iovec iov = {.iov_base = data, .iov_len = (size_t)len};
        uint32_t wants = 0;
        n = tls->lower->ops->read(tls->lower, &iov, 1, &wants);
        if (wants != 0) {
            tls->lower_wants = wants;
            tls->exhausted |= CORE_TRANSPORT_READ;
        }
    }
    if (n > 0) {
        return n;
    }
    if (n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    tls->lower_code = n;
    return n == MANSIO_E_EOF ? 0 : -1;
}

static int bio_write(BIO *bio, const char *data, int len)
{
    struct core_tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (len <= 0) {
        return 0;
    }
    int n = 0;
    if (!(tls->exhausted & CORE_TRANSPORT_WRITE)) {
        struct iovec iov = {.iov_len = (size_t)len};
        memcpy(&iov.iov_base, &data, sizeof data); /* iovec knows no const */
        uint32_t wants = 0;
        n = tls->lower->ops->write(tls->lower, &iov, 1, &wants);
        if (wants != 0) {
            tls->lower_wants = wants;
            tls->exhausted |= CORE_TRANSPORT_WRITE;
        }
    }
    if (n > 0) {
        return n;
    }
    if (n == 0) {
        BIO_set_retry_write(bio);
        return -1;
    }
    tls->lower_code = n;
    return -1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *arg)
{
    (void)bio;
    (void)number;
    (void)arg;
    return command == BIO_CTRL_FLUSH ? 1 : 0; /* nothing is held here */
}

static BIO *bio_new(struct core_tls *tls)
{
    static BIO_METHOD *method; /* one a process */
    if (!method) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mansio transport");
        MANSIO_ASSERT(method != NULL);
        BIO_meth_set_read(method, bio_read);
        BIO_meth_set_write(method, bio_write);
        BIO_meth_set_ctrl(method, bio_ctrl);
    }
    BIO *bio = BIO_new(method);
    MANSIO_ASSERT(bio != NULL);
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    return bio;
}

/* ---- outcomes ---------------------------------------------------------------------------------
 */

const char *core_tls_reason(void)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = error != 0 ? ERR_reason_error_string(error) : NULL;
    ERR_clear_error();
    return reason ? reason : "unknown failure";
}

static int end_side(struct core_tls_side *side, int code, const char *reason)
{
    side->code = code;
    side->reason = reason;
    return mansio_fail(code, "TLS: %s", reason);
}

static int say_again(const struct core_tls_side *side)
{
    return mansio_fail(side->code, "TLS: %s", side->reason);
}

int core_tls_outcome(struct core_tls *tls, struct core_tls_side *side, int result, uint32_t *wants)
{
    uint32_t lacked = tls->lower_wants;
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        *wants = lacked != 0 ? lacked : CORE_TRANSPORT_READ;
        return 0;
    case SSL_ERROR_WANT_WRITE:
        *wants = lacked != 0 ? lacked : CORE_TRANSPORT_WRITE;
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        return end_side(side, MANSIO_E_EOF, "the peer closed the connection");
    case SSL_ERROR_SYSCALL:
        /* Without close_notify, too: what our protocols carry says itself where it ends. */
        if (tls->lower_code == MANSIO_E_EOF) {
            return end_side(side, MANSIO_E_EOF, "the peer closed without close_notify");
        }
        if (tls->lower_code != 0) {
            side->code = tls->lower_code; /* whose detail stands */
            side->reason = "the connection has failed";
            return side->code;
        }
        return end_side(side, MANSIO_E_IO, "the connection has failed");
    default:
        return end_side(side, MANSIO_E_IO, core_tls_reason());
    }
}

/* Before every call of OpenSSL's that may move bytes. */
static void begin(struct core_tls *tls)
{
    ERR_clear_error();
    tls->exhausted = 0;
    tls->lower_wants = 0;
    tls->lower_code = 0;
}

/* ---- the transport ----------------------------------------------------------------------------
 */

static int tls_read(struct core_transport *transport, const struct iovec *iov, size_t count,
                    uint32_t *wants)
{
    struct core_tls *tls = tls_of(transport);
    if (tls->in.code != 0) {
        return say_again(&tls->in);
    }
    begin(tls);
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        size_t done = 0;
        while (done < iov[i].iov_len) {
            size_t n = 0;
            int rc =
                SSL_read_ex(tls->ssl, (char *)iov[i].iov_base + done, iov[i].iov_len - done, &n);
            if (rc != 1) {
                int code = core_tls_outcome(tls, &tls->in, rc, wants);
                return total > 0 ? (int)total : code; /* an end is told the next time */
            }
            done += n;
            total += n;
        }
    }
    return (int)total;
}

/* What makes the next record: in the caller's memory if it is in one piece there, else gathered.
 * A record that hangs is offered again with the same bytes, perhaps more behind them: the stream
 * keeps what is unsent as it is, so here they are cut at the same place or later. */
static struct mansio_str next_record(const struct iovec *iov, size_t count, size_t skip)
{
    static char record[RECORD_MAX]; /* nothing stays here over a wait */
    size_t used = 0;
    for (size_t i = 0; i < count && used < RECORD_MAX; i++) {
        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        const char *from = (const char *)iov[i].iov_base + skip;
        size_t len = iov[i].iov_len - skip;
        skip = 0;
        if (used == 0 && (len >= RECORD_MAX || i + 1 == count)) {
            return (struct mansio_str){from, len < RECORD_MAX ? len : RECORD_MAX};
        }
        size_t n = len < RECORD_MAX - used ? len : RECORD_MAX - used;
        memcpy(record + used, from, n);
        used += n;
    }
    return (struct mansio_str){record, used};
}

static int tls_write(struct core_transport *transport, const struct iovec *iov, size_t count,
                     uint32_t *wants)
{
    struct core_tls *tls = tls_of(transport);
    if (tls->out.code != 0) {
        return say_again(&tls->out);
    }
    begin(tls);
    size_t total = 0;
    for (;;) {
        struct mansio_str bytes = next_record(iov, count, total);
        if (bytes.len == 0) {
            return (int)total;
        }
        size_t n = 0;
        int rc = SSL_write_ex(tls->ssl, bytes.ptr, bytes.len, &n);
        if (rc != 1) {
            int code = core_tls_outcome(tls, &tls->out, rc, wants);
            return total > 0 ? (int)total : code;
        }
        total += n;
    }
}

/* Bytes for the protocol, an end, or something to write first. A record that is not whole yet, or
 * one of TLS's own (tickets, key updates), is none of these. */
static int tls_is_readable(struct core_transport *transport)
{
    struct core_tls *tls = tls_of(transport);
    if (!tls->is_open || tls->in.code != 0) {
        return 1;
    }
    begin(tls);
    char byte;
    size_t n = 0;
    int rc = SSL_peek_ex(tls->ssl, &byte, 1, &n);
    if (rc == 1) {
        return 1;
    }
    int is_hungry = SSL_get_error(tls->ssl, rc) == SSL_ERROR_WANT_READ;
    if (!is_hungry) {
        uint32_t wants = 0;
        (void)core_tls_outcome(tls, &tls->in, rc, &wants);
    }
    return !is_hungry;
}

/* From the lower transport, in the loop. */
static void on_lower_ready(void *owner, uint32_t directions)
{
    struct core_tls *tls = owner;
    if ((directions & CORE_TRANSPORT_READ) && !tls_is_readable(&tls->base)) {
        directions &= ~(uint32_t)CORE_TRANSPORT_READ;
    }
    if (directions != 0) {
        core_transport_ready(&tls->base, directions);
    }
}

static void tls_watch(struct core_transport *transport, uint32_t directions)
{
    struct core_tls *tls = tls_of(transport);
    tls->lower->ops->watch(tls->lower, directions);
}

static void tls_shutdown(struct core_transport *transport)
{
    struct core_tls *tls = tls_of(transport);
    if (tls->is_open && tls->in.code != MANSIO_E_IO && tls->out.code == 0) {
        begin(tls);
        (void)SSL_shutdown(tls->ssl); /* close_notify, if it goes out at once */
        ERR_clear_error();
    }
    tls->lower->ops->shutdown(tls->lower);
}

static void tls_close(struct core_transport *transport)
{
    struct core_tls *tls = tls_of(transport);
    for (size_t i = 0; i < tls->found.count; i++) {
        core_tls_certificate_unref(tls->found.list[i]);
    }
    SSL_free(tls->ssl);
    ERR_clear_error();
    tls->lower->ops->close(tls->lower);
    core_free(tls->ahead);
    core_free(tls);
}

static const struct core_transport_ops tls_ops = {
    .name = "tls",
    .read = tls_read,
    .write = tls_write,
    .is_readable = tls_is_readable,
    .watch = tls_watch,
    .shutdown = tls_shutdown,
    .close = tls_close,
};

struct core_tls *core_tls_new(struct mansio_arena *arena, SSL *ssl, struct core_transport *lower)
{
    struct core_tls *tls = core_alloc_must(sizeof(*tls));
    tls->base.ops = &tls_ops;
    tls->arena = arena;
    tls->ssl = ssl;
    tls->lower = lower;
    lower->owner = tls;
    lower->on_ready = on_lower_ready;
    BIO *bio = bio_new(tls);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, tls);
    return tls;
}

struct core_tls *core_tls_of_stream(const struct mansio_stream *stream)
{
    return stream->transport ? stream->tls : NULL;
}

void core_tls_set_common(SSL_CTX *ctx)
{
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION);
    SSL_CTX_set_options(ctx,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CLEANSE_PLAINTEXT);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
}
