/*
 * Whose a peer's certificate is, as mail sees it: the addresses that it was made out to. Of a
 * certificate that our CAs vouch for alone, and while it is valid: a connection, or a session of
 * TLS that was taken up again, may be older than its end. And when that is, for who came in by it.
 *
 * Says nothing of whether there is such an account.
 */
#include "core/net/tls_ssl.h"

#include <string.h>
#include <time.h>

#include <openssl/x509v3.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "core/net/conn.h"

enum { ADDRESS_MAX = 1024 }; /* bytes; none that mail knows is so long (RFC 5321 4.5.3.1) */

struct list {
    struct mansio_arena *arena;
    struct mansio_str *items;
    size_t count;
};

/* Text between things: no controls, no NUL that would hide what is behind it, and an "@" inside, as
 * a bare name could be anybody's. Others are left out. */
static int is_address(const unsigned char *bytes, size_t len)
{
    const unsigned char *at = memchr(bytes, '@', len);
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] <= ' ' || bytes[i] == 0x7f) {
            return 0;
        }
    }
    return len <= ADDRESS_MAX && at != NULL && at > bytes && at < bytes + len - 1;
}

/* 0; MANSIO_E_LIMIT: no room in the arena. */
static int add(struct list *list, const ASN1_STRING *text)
{
    const unsigned char *bytes = ASN1_STRING_get0_data(text);
    int len = ASN1_STRING_length(text);
    if (list->count == CORE_TLS_PEER_ADDRESSES_MAX || len <= 0 || !is_address(bytes, (size_t)len)) {
        return 0;
    }
    return mansio_arena_copy(list->arena, (struct mansio_str){(const char *)bytes, (size_t)len},
                             &list->items[list->count++]);
}

/* rfc822Name (RFC 5280 4.2.1.6), and SmtpUTF8Mailbox for what isn't ASCII (RFC 9598 3). */
static int add_alternative_names(struct list *list, X509 *peer)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(peer, NID_subject_alt_name, NULL, NULL);
    int rc = 0;
    for (int i = 0; rc == 0 && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_EMAIL) {
            rc = add(list, name->d.rfc822Name);
        } else if (name->type == GEN_OTHERNAME &&
                   OBJ_obj2nid(name->d.otherName->type_id) == NID_id_on_SmtpUTF8Mailbox &&
                   name->d.otherName->value->type == V_ASN1_UTF8STRING) {
            rc = add(list, name->d.otherName->value->value.utf8string);
        }
    }
    GENERAL_NAMES_free(names);
    return rc;
}

/* emailAddress of the subject: of old certificates (RFC 5280 4.1.2.6). */
static int add_subject(struct list *list, X509 *peer)
{
    const X509_NAME *subject = X509_get_subject_name(peer);
    int rc = 0;
    int at = -1;
    while (rc == 0 && (at = X509_NAME_get_index_by_NID(subject, NID_pkcs9_emailAddress, at)) >= 0) {
        const ASN1_STRING *text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
        int type = ASN1_STRING_type(text);
        if (type == V_ASN1_IA5STRING || type == V_ASN1_UTF8STRING) {
            rc = add(list, text);
        }
    }
    return rc;
}

int core_tls_is_valid_now(const X509 *peer)
{
    time_t now = (time_t)(mansio_wall_us() / MANSIO_SECOND);
    return X509_cmp_time(X509_get0_notBefore(peer), &now) < 0 &&
           X509_cmp_time(X509_get0_notAfter(peer), &now) > 0;
}

/* An authority that ends takes with it what it has signed. */
static int64_t chain_until_us(const STACK_OF(X509) * chain)
{
    int64_t until_us = INT64_MAX;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        int64_t end_us = core_tls_wall_us(X509_get0_notAfter(sk_X509_value(chain, i)));
        until_us = end_us < until_us ? end_us : until_us;
    }
    return until_us;
}

int64_t core_tls_peer_until_us(SSL *ssl)
{
    const STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    const X509 *peer = SSL_get0_peer_certificate(ssl);
    SSL_SESSION *session = SSL_get_session(ssl);
    int64_t until_us = 0;
    void *kept = NULL;
    size_t len = 0;
    if (sk_X509_num(chain) > 0) {
        return chain_until_us(chain);
    }
    if (session != NULL && SSL_SESSION_get0_ticket_appdata(session, &kept, &len) == 1 &&
        len == sizeof until_us) {
        memcpy(&until_us, kept, sizeof until_us);
        return until_us;
    }
    return peer != NULL ? core_tls_wall_us(X509_get0_notAfter(peer)) : 0;
}

int core_tls_on_ticket_made(SSL *ssl, void *arg)
{
    int64_t until_us = core_tls_peer_until_us(ssl);
    (void)arg;
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), &until_us, sizeof until_us);
}

int core_tls_is_peer_verified(const struct core_tls *tls)
{
    return SSL_get0_peer_certificate(tls->ssl) != NULL &&
           SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE &&
           SSL_get_verify_result(tls->ssl) == X509_V_OK;
}

int core_tls_certificate_addresses(X509 *peer, uint32_t from, struct mansio_arena *arena,
                                   const struct mansio_str **out, size_t *out_count)
{
    struct list list = {.arena = arena};
    list.items = mansio_arena_try_alloc(arena, CORE_TLS_PEER_ADDRESSES_MAX * sizeof *list.items);
    if (!list.items) {
        return MANSIO_E_LIMIT;
    }
    ERR_clear_error();
    int rc = from != CORE_TLS_PEER_SUBJECT ? add_alternative_names(&list, peer) : 0;
    int wants_subject =
        from == CORE_TLS_PEER_SUBJECT || (from == CORE_TLS_PEER_EITHER && list.count == 0);
    if (rc == 0 && wants_subject) {
        rc = add_subject(&list, peer);
    }
    ERR_clear_error();
    *out = list.items;
    *out_count = list.count;
    return rc;
}

int core_tls_peer_addresses(struct core_tls *tls, uint32_t from, struct mansio_arena *arena,
                            const struct mansio_str **out, size_t *out_count)
{
    *out = NULL;
    *out_count = 0;
    if (!tls || !tls->is_open || !core_tls_is_peer_verified(tls)) {
        return 0;
    }
    X509 *peer = SSL_get0_peer_certificate(tls->ssl);
    return core_tls_is_valid_now(peer) && mansio_wall_us() < core_tls_peer_until_us(tls->ssl)
               ? core_tls_certificate_addresses(peer, from, arena, out, out_count)
               : 0;
}

int core_conn_peer_addresses(const struct mansio_conn *conn, uint32_t from,
                             struct mansio_arena *arena, const struct mansio_str **out,
                             size_t *out_count)
{
    return core_tls_peer_addresses(core_tls_of_stream(core_conn_stream(conn)), from, arena, out,
                                   out_count);
}

int64_t core_conn_peer_until_us(const struct mansio_conn *conn)
{
    const struct core_tls *tls = core_tls_of_stream(core_conn_stream(conn));
    return tls != NULL && tls->is_open && core_tls_is_peer_verified(tls)
               ? core_tls_peer_until_us(tls->ssl)
               : 0;
}
