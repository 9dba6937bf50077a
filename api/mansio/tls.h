/*
 * TLS of a conn and of an outgoing stream: starting it, and what is known of it.
 *
 * A listener's configuration says whether a conn begins with TLS, may start it, or has none; its
 * certificates are chosen by the name that the client asks for. TLS 1.2 and 1.3 only.
 */
#ifndef MANSIO_TLS_H
#define MANSIO_TLS_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/conn.h>
#include <mansio/stream.h>

/** What a conn may do. Readers accept unknown values. */
enum mansio_tls_state {
    MANSIO_TLS_NONE = 1,      /* this listener has no TLS */
    MANSIO_TLS_AVAILABLE = 2, /* mansio_conn_start_tls() may be called */
    MANSIO_TLS_ACTIVE = 3,    /* everything goes through TLS */
};

/** An enum mansio_tls_state value. @yields no @since 1.0 */
MANSIO_EXPORT uint32_t mansio_conn_tls_state(const struct mansio_conn *conn);

/**
 * Start TLS on a conn, as the server (RFC 3207, RFC 2595): sends what is gathered (the "go ahead"
 * must be in it), forgets whatever the client sent before the handshake, and shakes hands. After
 * it, forget what the client said before, too.
 *
 * @param conn         in state MANSIO_TLS_AVAILABLE; no other fiber reads or writes its stream
 * @param deadline_us  monotonic time
 * @return 0; MANSIO_E_BUG in another state; MANSIO_E_INVALID when the handshake fails: end the
 *         conn without a word; MANSIO_E_EOF; MANSIO_E_IO; MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_conn_start_tls(struct mansio_conn *conn,
                                                          int64_t deadline_us);

/** Facts of a TLS connection. Texts live as long as the conn or stream. */
struct mansio_tls_facts {
    size_t size;                    /* sizeof(struct mansio_tls_facts), set by the caller */
    struct mansio_str version;      /* "TLSv1.3" */
    struct mansio_str cipher;       /* "TLS_AES_256_GCM_SHA384" (IANA's name) */
    struct mansio_str server_name;  /* what the client asked for, lower case; may be empty */
    uint32_t cipher_bits;           /* secret bits */
    uint32_t is_resumed;            /* 1: an earlier session was taken up again */
    uint32_t is_peer_verified;      /* 1: the peer showed a certificate that our CAs vouch for */
    uint32_t reserved;              /* 0 */
    struct mansio_str peer_subject; /* its subject (RFC 4514); empty without a certificate */
    struct mansio_str peer_fingerprint; /* SHA-256 of it, lower-case hex; empty without one */
};

/**
 * What is known of a conn's TLS.
 *
 * @param out  its size set; the rest is filled in as far as both know
 * @return 0; MANSIO_E_NOT_FOUND without TLS
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_conn_tls_facts(const struct mansio_conn *conn,
                                                          struct mansio_tls_facts *out);

/**
 * The peer's certificate.
 *
 * @param out  DER, in @p arena
 * @return 0; MANSIO_E_NOT_FOUND if it showed none; MANSIO_E_LIMIT
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_conn_peer_certificate(const struct mansio_conn *conn,
                                                                 struct mansio_arena *arena,
                                                                 struct mansio_str *out);

/**
 * Channel binding data of a conn.
 *
 * @param type  "tls-exporter" (RFC 9266; TLS 1.3 only) or "tls-server-end-point" (RFC 5929)
 * @param out   the data, in @p arena
 * @return 0; MANSIO_E_NOT_FOUND without TLS; MANSIO_E_UNSUPPORTED for a type that this connection
 *         doesn't have; MANSIO_E_LIMIT
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_conn_channel_binding(const struct mansio_conn *conn,
                                                                struct mansio_str type,
                                                                struct mansio_arena *arena,
                                                                struct mansio_str *out);

/** How an outgoing stream judges its peer. */
enum mansio_tls_verify {
    MANSIO_TLS_VERIFY_NONE = 1, /* any certificate: opportunistic (RFC 7435) */
    MANSIO_TLS_VERIFY_NAME = 2, /* one that a trusted CA vouches for, of this name (RFC 6125) */
};

struct mansio_tls_client {
    size_t size;                   /* sizeof(struct mansio_tls_client) */
    struct mansio_str server_name; /* for SNI and verification; empty: no SNI */
    uint32_t verify;               /* enum mansio_tls_verify */
    uint32_t reserved;             /* 0 */
    struct mansio_str ca_file;     /* PEM; empty: the system's */
};

/**
 * Start TLS on an outgoing stream, as the client.
 *
 * @param stream       of mansio_stream_connect(); no other fiber uses it
 * @param options      borrowed for the call
 * @param deadline_us  monotonic time
 * @return 0; MANSIO_E_INVALID when the handshake or verification fails, with the reason;
 *         MANSIO_E_EOF; MANSIO_E_IO; MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED; MANSIO_E_BUG if it has
 *         TLS already, or for options that are none
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_stream_start_tls(struct mansio_stream *stream,
                                                            const struct mansio_tls_client *options,
                                                            int64_t deadline_us);

/** As mansio_conn_tls_facts(), of an outgoing stream. @yields no @since 1.0 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_stream_tls_facts(const struct mansio_stream *stream,
                                                            struct mansio_tls_facts *out);

#endif
