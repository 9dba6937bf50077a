/*
 * Shaking hands, as a fiber sees it: OpenSSL is asked, what it lacks is waited for, a certificate
 * that must be fetched is fetched, until done, refused or late. Then the stack that it took (some
 * 30 KiB) is given back.
 */
#include "core/net/tls_ssl.h"

#include <openssl/sslerr.h>

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/str.h>
#include <mansio/time.h>

static const char *const end_names[] = {
    [CORE_TLS_END_FULL] = "full",
    [CORE_TLS_END_RESUMED] = "resumed",
    [CORE_TLS_END_TIMEOUT] = "timeout",
    [CORE_TLS_END_CLOSED] = "closed",
    [CORE_TLS_END_VERSION] = "version",
    [CORE_TLS_END_CIPHER] = "cipher",
    [CORE_TLS_END_CERTIFICATE] = "client-certificate",
    [CORE_TLS_END_ALERT] = "alert",
    [CORE_TLS_END_PROTOCOL] = "protocol",
    [CORE_TLS_END_CANCELLED] = "cancelled",
};
_Static_assert(MANSIO_COUNT(end_names) == CORE_TLS_END_COUNT, "a name for each end");

const char *core_tls_end_name(uint32_t end)
{
    return end < CORE_TLS_END_COUNT ? end_names[end] : "unknown";
}

/* What an error of OpenSSL's is, by its reason. */
static uint32_t end_of_reason(int reason)
{
    switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_INAPPROPRIATE_FALLBACK:
    case SSL_R_BAD_PROTOCOL_VERSION_NUMBER:
        return CORE_TLS_END_VERSION;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
        return CORE_TLS_END_CIPHER;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return CORE_TLS_END_CERTIFICATE;
    default:
        return reason >= SSL_AD_REASON_OFFSET ? CORE_TLS_END_ALERT : CORE_TLS_END_PROTOCOL;
    }
}

/* The peer's certificate is none for us: with why. */
static int refuse_certificate(const struct core_tls *tls)
{
    long why = SSL_get_verify_result(tls->ssl);
    ERR_clear_error();
    if (why == X509_V_OK) {
        return mansio_fail(MANSIO_E_INVALID, "TLS: the peer showed no certificate");
    }
    return mansio_fail(MANSIO_E_INVALID, "TLS: the peer's certificate: %s",
                       X509_verify_cert_error_string(why));
}

static int refuse(struct core_tls *tls, uint32_t *out_end)
{
    unsigned long error = ERR_peek_error();
    *out_end = end_of_reason(ERR_GET_REASON(error));
    if (*out_end == CORE_TLS_END_CERTIFICATE) {
        return refuse_certificate(tls);
    }
    const char *reason = ERR_reason_error_string(error);
    int rc = mansio_fail(MANSIO_E_INVALID, "TLS: %s", reason ? reason : "unknown failure");
    ERR_clear_error();
    return rc;
}

/* One call of OpenSSL's. 1 when done, 0 to go on (with *wants: after waiting), or a code. */
static int try_once(struct core_tls *tls, uint32_t *wants, uint32_t *out_end)
{
    ERR_clear_error();
    tls->exhausted = 0;
    tls->lower_wants = 0;
    tls->lower_code = 0;
    *wants = 0;
    int n = SSL_do_handshake(tls->ssl);
    if (n == 1) {
        return 1;
    }
    struct core_tls_side side = {0};
    switch (SSL_get_error(tls->ssl, n)) {
    case SSL_ERROR_WANT_CLIENT_HELLO_CB: {
        int rc = core_tls_server_look_up(tls);
        return rc < 0 ? rc : 0;
    }
    case SSL_ERROR_SSL:
        return refuse(tls, out_end);
    default:
        *out_end = CORE_TLS_END_CLOSED;
        return core_tls_outcome(tls, &side, n, wants);
    }
}

static int wait_for(struct mansio_stream *stream, uint32_t wants)
{
    stream->in.wants = wants;
    int rc = core_stream_wait(stream, &stream->reading, 0);
    stream->in.wants = 0;
    if (rc == MANSIO_E_TIMEOUT) {
        return mansio_fail(rc, "TLS: the handshake was not done in time");
    }
    return rc;
}

static int shake(struct mansio_stream *stream, struct core_tls *tls, uint32_t *out_end)
{
    for (;;) {
        uint32_t wants = 0;
        int rc = try_once(tls, &wants, out_end);
        if (rc != 0) {
            return rc;
        }
        rc = wants != 0 ? wait_for(stream, wants) : mansio_fiber_pace();
        if (rc == 0 && mansio_now_us() >= stream->deadline_us) {
            /* A peer that dribbles is never waited for to the end. */
            rc = mansio_fail(MANSIO_E_TIMEOUT, "TLS: the handshake was not done in time");
        }
        if (rc < 0) {
            return rc;
        }
    }
}

int core_tls_handshake(struct mansio_stream *stream, struct core_tls *tls, int64_t deadline_us,
                       uint32_t *out_end)
{
    int64_t before_us = stream->deadline_us;
    *out_end = CORE_TLS_END_PROTOCOL;
    stream->deadline_us = deadline_us;
    stream->in.is_busy = 1;
    stream->out.is_busy = 1;
    int rc = shake(stream, tls, out_end);
    stream->in.is_busy = 0;
    stream->out.is_busy = 0;
    stream->deadline_us = before_us;
    if (rc > 0) {
        tls->is_open = 1;
        *out_end = SSL_session_reused(tls->ssl) ? CORE_TLS_END_RESUMED : CORE_TLS_END_FULL;
        mansio_fiber_trim();
        return 0;
    }
    if (rc == MANSIO_E_TIMEOUT) {
        *out_end = CORE_TLS_END_TIMEOUT;
    } else if (rc == MANSIO_E_CANCELLED) {
        *out_end = CORE_TLS_END_CANCELLED;
    }
    /* Nobody may say a word in the clear now, nor read one as if it had come through TLS. */
    stream->in.end_code = rc;
    stream->out.end_code = rc;
    return rc;
}
