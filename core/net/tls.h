/*
 * TLS under a stream: a transport of OpenSSL on top of another transport, as server or client,
 * with what a listener needs for it: certificates chosen by name, tickets, demands on clients.
 *
 * Versions 1.2 and 1.3; no renegotiation, no compression, no early data. Nothing here waits but
 * core_tls_handshake(). Who counts and logs handshakes is told by a hook. OpenSSL's types stay in
 * tls_ssl.h.
 */
#ifndef MANSIO_CORE_NET_TLS_H
#define MANSIO_CORE_NET_TLS_H

#include "core/base/export.h"
#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/conn.h>
#include <mansio/tls.h>

struct core_tls;             /* the transport of one connection */
struct core_tls_certificate; /* a chain and its key, counted */
struct core_tls_server;      /* what a listener offers */
struct core_tls_store;       /* certificates by name */
struct core_tls_tickets;     /* keys of session tickets */

/* ---- certificates (tls_certificate.c, tls_store.c) --------------------------------------------
 */

enum {
    CORE_TLS_NAME_MAX = 253,           /* RFC 1035 2.3.4, as text */
    CORE_TLS_FILE_MAX_BYTES = 1 << 20, /* of a file with certificates or a key */
    CORE_TLS_CHOICE_MAX = 4,           /* certificates for one name: one a kind of key */
    CORE_TLS_TICKET_SECRET_MIN = 32,   /* bytes */
};

/* Make OpenSSL ready, which takes it some 30 ms: before the loop runs. */
CORE_EXPORT void core_tls_init(void);

/* Which of the two files a failure is about. */
enum core_tls_file { CORE_TLS_FILE_CHAIN = 1, CORE_TLS_FILE_KEY = 2 };

/* Read a PEM chain, its own certificate first, and its PEM key. Reads files: at start only.
 * @p out_file says which of them a failure is about. MANSIO_E_IO; MANSIO_E_INVALID. */
CORE_EXPORT MANSIO_MUST_CHECK int core_tls_certificate_load(const char *chain_path,
                                                            const char *key_path,
                                                            struct core_tls_certificate **out,
                                                            enum core_tls_file *out_file);
/* The same from bytes, for certificates that no file has. */
CORE_EXPORT MANSIO_MUST_CHECK int core_tls_certificate_parse(struct mansio_str chain,
                                                             struct mansio_str key,
                                                             struct core_tls_certificate **out,
                                                             enum core_tls_file *out_file);
CORE_EXPORT struct core_tls_certificate *core_tls_certificate_ref(
    struct core_tls_certificate *certificate);
CORE_EXPORT void core_tls_certificate_unref(struct core_tls_certificate *certificate);

/* Its time, in wall microseconds. */
CORE_EXPORT int64_t core_tls_certificate_not_before(const struct core_tls_certificate *certificate);
CORE_EXPORT int64_t core_tls_certificate_not_after(const struct core_tls_certificate *certificate);

/* What answers a name: one certificate a kind of key. */
struct core_tls_choice {
    struct core_tls_certificate *list[CORE_TLS_CHOICE_MAX];
    size_t count;
};

/* Ends with the arena. */
CORE_EXPORT struct core_tls_store *core_tls_store_new(struct mansio_arena *arena);
/* Takes a reference of its own. A name that has a certificate of the same kind of key keeps it.
 * MANSIO_E_LIMIT. */
CORE_EXPORT MANSIO_MUST_CHECK int core_tls_store_add(struct core_tls_store *store,
                                                     struct core_tls_certificate *certificate);
/* Certificates of a name, in lower case: exact, else by the wildcard one label up (RFC 6125
 * 6.4.3). Returns how many; borrowed from the store. */
CORE_EXPORT size_t core_tls_store_choose(const struct core_tls_store *store, struct mansio_str name,
                                         struct core_tls_choice *out);

/* ---- tickets (tls_ticket.c) -------------------------------------------------------------------
 */

/* Keys derived from a secret and the time: whoever has the same secret has the same keys. A period
 * is 8 hours; tickets of the one before are taken and renewed, those of the next (clocks differ)
 * too. MANSIO_E_INVALID for a secret that is too short. */
CORE_EXPORT MANSIO_MUST_CHECK int core_tls_tickets_new(struct mansio_arena *arena,
                                                       struct mansio_str secret,
                                                       struct core_tls_tickets **out);

/* ---- a listener's side (tls_server.c) ---------------------------------------------------------
 */

enum core_tls_client_certificate {
    CORE_TLS_CLIENT_OFF = 0,
    CORE_TLS_CLIENT_REQUEST = 1, /* taken as it comes; is_peer_verified says more */
    CORE_TLS_CLIENT_REQUIRE = 2, /* one that our CAs vouch for, or no handshake */
};

/* Where of a client's certificate to look for mail addresses. */
enum core_tls_peer_names {
    CORE_TLS_PEER_SAN = 0,     /* its subjectAltName */
    CORE_TLS_PEER_SUBJECT = 1, /* emailAddress of its subject */
    CORE_TLS_PEER_EITHER = 2,  /* the former; the latter if that has none */
};
enum { CORE_TLS_PEER_ADDRESSES_MAX = 64 }; /* of a certificate; further ones are left out */

/* The mail addresses that the certificate of a conn's peer was made out to, in @p arena: one that
 * the listener's CAs vouch for, and that is valid now. *out_count 0 for any other. MANSIO_E_LIMIT.
 * tls_peer.c */
CORE_EXPORT MANSIO_MUST_CHECK int core_conn_peer_addresses(const struct mansio_conn *conn,
                                                           uint32_t from,
                                                           struct mansio_arena *arena,
                                                           const struct mansio_str **out,
                                                           size_t *out_count);

/* When that certificate ends, or one that vouches for it, in wall microseconds; 0 if it has none.
 */
CORE_EXPORT int64_t core_conn_peer_until_us(const struct mansio_conn *conn);

/* How a handshake ended. */
enum core_tls_end {
    CORE_TLS_END_FULL = 0,
    CORE_TLS_END_RESUMED,
    CORE_TLS_END_TIMEOUT,     /* not done at its deadline */
    CORE_TLS_END_CLOSED,      /* the peer went */
    CORE_TLS_END_VERSION,     /* no version in common */
    CORE_TLS_END_CIPHER,      /* no cipher, group or signature in common */
    CORE_TLS_END_CERTIFICATE, /* the peer's is missing, or not one of ours */
    CORE_TLS_END_ALERT,       /* the peer refused: ours, most likely */
    CORE_TLS_END_PROTOCOL,    /* what came is no TLS, or broken */
    CORE_TLS_END_CANCELLED,
    CORE_TLS_END_COUNT,
};

struct core_tls_server_options {
    struct mansio_str name;                /* the listener's; must outlive the server */
    const struct core_tls_store *store;    /* must outlive it; may be NULL */
    struct core_tls_certificate *fallback; /* for no name or an unknown one; may be NULL */
    struct core_tls_tickets *tickets;      /* NULL: no resumption */
    uint32_t client_certificate;           /* enum core_tls_client_certificate */
    const char *client_ca_path;            /* PEM; needed unless OFF */
    /* Certificates of a name that the store hasn't, from wherever: may yield, runs in the fiber
     * that shakes hands. Fills @p out with references that are the caller's to give back; none: the
     * fallback. An error other than MANSIO_E_CANCELLED is as none. NULL: there is nobody to ask. */
    int (*lookup)(void *arg, struct mansio_str server_name, struct core_tls_choice *out);
    void *lookup_arg;
    /* A handshake has ended. @p result: what is returned; its detail is the fiber's. */
    void (*on_end)(void *arg, struct mansio_conn *conn, uint32_t end, int result);
    void *on_end_arg;
};

/* Reads client_ca_path. MANSIO_E_IO, MANSIO_E_INVALID: of that file. */
CORE_EXPORT MANSIO_MUST_CHECK int core_tls_server_new(const struct core_tls_server_options *options,
                                                      struct core_tls_server **out);
/* Have clients' certificates held against the lists of revoked ones in a PEM file: one of each CA
 * of client_ca. Before the first handshake. MANSIO_E_IO, MANSIO_E_INVALID: of that file. */
CORE_EXPORT MANSIO_MUST_CHECK int core_tls_server_add_lists(struct core_tls_server *server,
                                                            const char *path);
/* When the first CA's list ends, in wall microseconds: from then on nobody gets in by what that CA
 * signs. INT64_MAX: there are no lists. */
CORE_EXPORT int64_t core_tls_server_lists_until(const struct core_tls_server *server);
CORE_EXPORT void core_tls_server_free(struct core_tls_server *server);

/* Why lists keep a conn's peer from being verified, NULL if they don't: static. *out_is_ours 1: for
 * want of a list that is good, not because of what stands in it. tls_revocation.c */
CORE_EXPORT const char *core_conn_peer_refusal(const struct mansio_conn *conn, int *out_is_ours);

/* Pure: the host name of a server_name extension's body (RFC 6066 3), lower case, into @p out;
 * its length, 0 for none or one that is no name. */
size_t core_tls_parse_server_name(const unsigned char *data, size_t len,
                                  char out[CORE_TLS_NAME_MAX + 1]);

/* "full", "timeout", ...; static. */
CORE_EXPORT const char *core_tls_end_name(uint32_t end);

/* ---- starting it ------------------------------------------------------------------------------
 */

/* As mansio_conn_start_tls(), but what was received already belongs to the handshake: for conns
 * that begin with TLS. Yields. */
CORE_EXPORT MANSIO_MUST_CHECK int core_conn_begin_tls(struct mansio_conn *conn,
                                                      int64_t deadline_us);

/* "TLSv1.3", or empty. Static. */
CORE_EXPORT struct mansio_str core_conn_tls_version(const struct mansio_conn *conn);

#endif
