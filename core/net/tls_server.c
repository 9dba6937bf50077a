/*
 * What a listener offers: one SSL_CTX with its demands on clients, shared by its conns. The
 * certificate is chosen when the ClientHello is there, before anything else is looked at: so the
 * choice may wait (SSL_CLIENT_HELLO_RETRY), and a ticket can be bound to it.
 *
 * A session is taken up again only under the same certificates and the same demands on clients:
 * both are in the session id context. So a ticket that a tenant's name was given is worth nothing
 * under another's, and none gets by a demand for a client certificate, nor past a list of revoked
 * ones that came after it, or that is over since.
 */
#include "core/net/tls_ssl.h"

#include <string.h>

#include <openssl/pem.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "core/base/alloc.h"

enum {
    CLIENT_CHAIN_MAX = 32 * 1024, /* bytes of a client's certificates */
};

/* TLS 1.2: forward secrecy only, AEAD first; CBC is for the Exchange servers that know no better.
 * 1.3's own list is good as it is. Mozilla's "intermediate", and ECDHE with CBC. */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES256:"
                              "ECDHE+AES128:!aNULL:!eNULL:!PSK:!SRP:!AESCCM:!AESCCM8:!CAMELLIA:"
                              "!ARIA:!3DES:!RC4";

struct core_tls_server {
    struct core_tls_server_options options;
    SSL_CTX *ctx;
    unsigned char demand[CORE_TLS_HASH_SIZE]; /* of clients: mode and CAs */
    struct core_tls_lists *lists;             /* NULL: none */
};

/* ---- the ClientHello --------------------------------------------------------------------------
 */

static int is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

size_t core_tls_parse_server_name(const unsigned char *data, size_t len,
                                  char out[CORE_TLS_NAME_MAX + 1])
{
    enum { HEAD = 5, HOST_NAME = 0 };
    /* A list of one: length, type, length of the name. Nothing but host names was ever defined. */
    if (len < HEAD || ((size_t)data[0] << 8 | data[1]) != len - 2 || data[2] != HOST_NAME) {
        return 0;
    }
    size_t size = (size_t)data[3] << 8 | data[4];
    if (size != len - HEAD) {
        return 0;
    }
    const unsigned char *name = data + HEAD;
    if (size > 0 && name[size - 1] == '.') {
        size--; /* not allowed, but harmless */
    }
    if (size == 0 || size > CORE_TLS_NAME_MAX) {
        return 0;
    }
    for (size_t i = 0; i < size; i++) {
        char c = (char)name[i];
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        if (!is_name_char(out[i]) || (c == '.' && (i == 0 || out[i - 1] == '.'))) {
            return 0;
        }
    }
    out[size] = '\0';
    return size;
}

static void take_server_name(struct core_tls *tls)
{
    const unsigned char *data = NULL;
    size_t len = 0;
    char name[CORE_TLS_NAME_MAX + 1];
    if (SSL_client_hello_get0_ext(tls->ssl, TLSEXT_TYPE_server_name, &data, &len) == 1) {
        len = core_tls_parse_server_name(data, len, name);
        if (mansio_arena_copy(tls->arena, (struct mansio_str){name, len}, &tls->server_name) < 0) {
            tls->server_name = MANSIO_STR_NONE; /* the conn's memory is used up: the fallback */
        }
    }
    tls->has_hello = 1;
}

/* A session id context of what may not differ between a session and its resumption. */
static int bind_sessions(struct core_tls *tls, const struct core_tls_choice *choice)
{
    unsigned char context[CORE_TLS_HASH_SIZE];
    unsigned char parts[(2 + CORE_TLS_CHOICE_MAX) * CORE_TLS_HASH_SIZE];
    size_t used = 0;
    const struct core_tls_lists *lists = tls->server->lists;
    memcpy(parts, tls->server->demand, CORE_TLS_HASH_SIZE);
    used += CORE_TLS_HASH_SIZE;
    if (lists) {
        if (!core_tls_lists_hash(lists, mansio_wall_us(), parts + used)) {
            return 0;
        }
        used += CORE_TLS_HASH_SIZE;
    }
    for (size_t i = 0; i < choice->count; i++) {
        memcpy(parts + used, choice->list[i]->fingerprint, CORE_TLS_HASH_SIZE);
        used += CORE_TLS_HASH_SIZE;
    }
    unsigned int len = 0;
    return EVP_Digest(parts, used, context, &len, EVP_sha256(), NULL) == 1 &&
           SSL_set_session_id_context(tls->ssl, context, len) == 1;
}

static int apply(struct core_tls *tls, const struct core_tls_choice *choice)
{
    for (size_t i = 0; i < choice->count; i++) {
        const struct core_tls_certificate *one = choice->list[i];
        if (SSL_use_cert_and_key(tls->ssl, one->leaf, one->key, one->chain, 1) != 1) {
            return 0;
        }
    }
    tls->is_ambiguous = choice->count > 1;
    return bind_sessions(tls, choice);
}

static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
    (void)arg;
    struct core_tls *tls = SSL_get_app_data(ssl);
    const struct core_tls_server_options *options = &tls->server->options;
    if (!tls->has_hello) {
        take_server_name(tls);
    }
    struct core_tls_choice choice = {.count = 0};
    if (options->store && tls->server_name.len > 0) {
        (void)core_tls_store_choose(options->store, tls->server_name, &choice);
    }
    if (choice.count == 0 && options->lookup && tls->server_name.len > 0) {
        if (!tls->is_looked_up) {
            return SSL_CLIENT_HELLO_RETRY;
        }
        choice = tls->found;
    }
    if (choice.count == 0 && options->fallback) {
        choice = (struct core_tls_choice){.list = {options->fallback}, .count = 1};
    }
    if (choice.count == 0) {
        *alert = SSL_AD_UNRECOGNIZED_NAME;
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (!apply(tls, &choice)) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

int core_tls_server_look_up(struct core_tls *tls)
{
    const struct core_tls_server_options *options = &tls->server->options;
    struct core_tls_choice found = {.count = 0};
    tls->is_looked_up = 1;
    int rc = options->lookup(options->lookup_arg, tls->server_name, &found);
    if (rc < 0) {
        return rc == MANSIO_E_CANCELLED ? rc : 0;
    }
    tls->found = found;
    return 0;
}

/* ---- demands on clients -----------------------------------------------------------------------
 */

/* REQUEST: what is shown is taken; whether our CAs vouch for it is remembered beside it. */
static int take_any(int is_good, X509_STORE_CTX *store)
{
    (void)is_good;
    (void)store;
    return 1;
}

static int add_client_ca(struct core_tls_server *server, X509 *ca)
{
    unsigned char both[2 * CORE_TLS_HASH_SIZE];
    unsigned int len = 0;
    memcpy(both, server->demand, CORE_TLS_HASH_SIZE);
    return X509_STORE_add_cert(SSL_CTX_get_cert_store(server->ctx), ca) == 1 &&
           SSL_CTX_add_client_CA(server->ctx, ca) == 1 &&
           X509_digest(ca, EVP_sha256(), both + CORE_TLS_HASH_SIZE, &len) == 1 &&
           EVP_Digest(both, sizeof both, server->demand, &len, EVP_sha256(), NULL) == 1;
}

static int read_client_cas(struct core_tls_server *server)
{
    const char *path = server->options.client_ca_path;
    struct mansio_str text;
    int rc = core_tls_file_read(path, &text);
    if (rc < 0) {
        return rc;
    }
    size_t count = 0;
    BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
    X509 *ca = NULL;
    ERR_clear_error();
    while (bio && (ca = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        count += (size_t)add_client_ca(server, ca);
        X509_free(ca);
    }
    unsigned long error = ERR_peek_last_error();
    ERR_clear_error();
    BIO_free(bio);
    core_tls_file_free(text);
    if (count == 0 || ERR_GET_REASON(error) != PEM_R_NO_START_LINE) { /* how PEM ends */
        return mansio_fail(MANSIO_E_INVALID, "%s: found no PEM certificates of CAs", path);
    }
    return 0;
}

static int demand_of_clients(struct core_tls_server *server)
{
    server->demand[0] = (unsigned char)server->options.client_certificate;
    if (server->options.client_certificate == CORE_TLS_CLIENT_OFF) {
        return 0;
    }
    int is_required = server->options.client_certificate == CORE_TLS_CLIENT_REQUIRE;
    SSL_CTX_set_verify(server->ctx,
                       SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       is_required ? NULL : take_any);
    SSL_CTX_set_max_cert_list(server->ctx, CLIENT_CHAIN_MAX);
    SSL_CTX_set_session_ticket_cb(server->ctx, core_tls_on_ticket_made, NULL, NULL);
    return read_client_cas(server);
}

void core_tls_init(void)
{
    SSL_CTX_free(SSL_CTX_new(TLS_server_method()));
    ERR_clear_error();
}

/* ---- life -------------------------------------------------------------------------------------
 */

static void offer_tickets(struct core_tls_server *server)
{
    if (!server->options.tickets) {
        SSL_CTX_set_options(server->ctx, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(server->ctx, 0);
        return;
    }
    SSL_CTX_set_timeout(server->ctx, CORE_TLS_TICKET_PERIOD_S);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(server->ctx, core_tls_on_ticket);
}

int core_tls_server_new(const struct core_tls_server_options *options, struct core_tls_server **out)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx || SSL_CTX_set_cipher_list(ctx, ciphers) != 1) {
        SSL_CTX_free(ctx);
        return mansio_fail(MANSIO_E_IO, "TLS: %s", core_tls_reason());
    }
    core_tls_set_common(ctx);
    /* Ours first; but a client that has ChaCha first has no AES in hardware. */
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_dh_auto(ctx, 1);
    SSL_CTX_set_client_hello_cb(ctx, on_client_hello, NULL);
    struct core_tls_server *server = core_alloc_must(sizeof(*server));
    server->options = *options;
    server->ctx = ctx;
    if (options->fallback) {
        core_tls_certificate_ref(options->fallback);
    }
    offer_tickets(server);
    int rc = demand_of_clients(server);
    if (rc < 0) {
        core_tls_server_free(server);
        return rc;
    }
    *out = server;
    return 0;
}

int core_tls_server_add_lists(struct core_tls_server *server, const char *path)
{
    server->lists = core_alloc_must(sizeof *server->lists);
    *server->lists = (struct core_tls_lists){.until_us = INT64_MAX};
    return core_tls_lists_read(path, SSL_CTX_get_cert_store(server->ctx), server->lists);
}

int64_t core_tls_server_lists_until(const struct core_tls_server *server)
{
    return server->lists ? server->lists->until_us : INT64_MAX;
}

void core_tls_server_free(struct core_tls_server *server)
{
    if (!server) {
        return;
    }
    core_free(server->lists);
    SSL_CTX_free(server->ctx);
    core_tls_certificate_unref(server->options.fallback);
    core_free(server);
}

SSL *core_tls_server_ssl(struct core_tls_server *server)
{
    ERR_clear_error();
    SSL *ssl = SSL_new(server->ctx);
    if (ssl) {
        SSL_set_accept_state(ssl);
    }
    return ssl;
}

const struct core_tls_server_options *core_tls_server_get_options(
    const struct core_tls_server *server)
{
    return &server->options;
}
