/*
 * TLS of an outgoing stream: contexts by what they trust, and starting it. Reading CA files takes
 * long and blocks, so a context is made in an offload thread, and a few are kept; one whose CA
 * file was replaced since is made anew.
 */
#include "core/net/tls_ssl.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/x509v3.h>

#include <mansio/error.h>
#include <mansio/offload.h>
#include <mansio/str.h>

enum {
    KEPT_MAX = 8,
    CA_PATH_MAX = 4096, /* with its NUL */
};

/* Verification, once asked for, is as strict as ours of our own; where any certificate will do, old
 * parameters will too: the alternative is no TLS at all (RFC 7435 3). */
static const char ciphers_named[] = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:"
                                    "ECDHE+AES:!aNULL:!eNULL:!PSK:!SRP";
static const char ciphers_any[] = "DEFAULT:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=1";

/* What makes a context. */
struct wish {
    uint32_t verify;
    char ca_path[CA_PATH_MAX]; /* empty: the system's */
};

struct kept {
    struct wish wish;
    dev_t device;
    ino_t inode;
    struct timespec mtime;
    SSL_CTX *ctx; /* NULL: the row is free */
};

static struct kept kept_rows[KEPT_MAX]; /* one set a process, never from an offload thread */
static size_t next_row;

/* In an offload thread. */
struct job {
    const struct wish *wish;
    SSL_CTX *ctx;
};

static int make(void *arg)
{
    struct job *job = arg;
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    int is_named = job->wish->verify == MANSIO_TLS_VERIFY_NAME;
    int is_good = ctx && SSL_CTX_set_cipher_list(ctx, is_named ? ciphers_named : ciphers_any) == 1;
    if (is_good && is_named) {
        is_good = job->wish->ca_path[0] != '\0' ? SSL_CTX_load_verify_file(ctx, job->wish->ca_path)
                                                : SSL_CTX_set_default_verify_paths(ctx);
    }
    if (!is_good) {
        SSL_CTX_free(ctx);
        return mansio_fail(MANSIO_E_INVALID, "TLS: certificates of CAs (%s): %s",
                           job->wish->ca_path[0] != '\0' ? job->wish->ca_path : "the system's",
                           core_tls_reason());
    }
    core_tls_set_common(ctx);
    SSL_CTX_set_verify(ctx, is_named ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    job->ctx = ctx;
    return 0;
}

static int is_of(const struct kept *row, const struct wish *wish, const struct stat *st)
{
    return row->ctx && row->wish.verify == wish->verify &&
           strcmp(row->wish.ca_path, wish->ca_path) == 0 && row->device == st->st_dev &&
           row->inode == st->st_ino && row->mtime.tv_sec == st->st_mtim.tv_sec &&
           row->mtime.tv_nsec == st->st_mtim.tv_nsec;
}

static SSL_CTX *find(const struct wish *wish, const struct stat *st)
{
    for (size_t i = 0; i < KEPT_MAX; i++) {
        if (is_of(&kept_rows[i], wish, st)) {
            return kept_rows[i].ctx;
        }
    }
    return NULL;
}

static void keep(const struct wish *wish, const struct stat *st, SSL_CTX *ctx)
{
    struct kept *row = &kept_rows[next_row++ % KEPT_MAX];
    SSL_CTX_free(row->ctx);
    row->wish = *wish;
    row->device = st->st_dev;
    row->inode = st->st_ino;
    row->mtime = st->st_mtim;
    row->ctx = ctx;
}

/* A context of one's own reference. Yields. */
static int get_context(const struct wish *wish, int64_t deadline_us, SSL_CTX **out)
{
    struct stat st = {0};
    if (wish->ca_path[0] != '\0') {
        (void)stat(wish->ca_path, &st); /* what can't be read is told when it is read */
    }
    SSL_CTX *ctx = find(wish, &st);
    if (!ctx) {
        struct job job = {.wish = wish};
        int result = 0;
        int rc = mansio_offload(make, &job, deadline_us, &result);
        rc = rc == 0 ? result : rc;
        if (rc < 0) {
            return rc;
        }
        ctx = job.ctx;
        keep(wish, &st, ctx);
    }
    SSL_CTX_up_ref(ctx);
    *out = ctx;
    return 0;
}

/* For which name it is: SNI (no addresses: RFC 6066 3), and verification. */
static int set_name(SSL *ssl, struct mansio_str name, uint32_t verify)
{
    char text[CORE_TLS_NAME_MAX + 1];
    unsigned char address[sizeof(struct in6_addr)];
    if (name.len > 0 && name.ptr[name.len - 1] == '.') {
        name.len--;
    }
    if (name.len == 0) {
        return 0;
    }
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    int is_address =
        inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
    ERR_clear_error();
    int is_set = is_address || SSL_set_tlsext_host_name(ssl, text) == 1;
    if (is_set && verify == MANSIO_TLS_VERIFY_NAME) {
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        is_set = is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), text)
                            : SSL_set1_host(ssl, text);
    }
    return is_set == 1 ? 0
                       : mansio_fail(MANSIO_E_INVALID, "TLS: server name \"%s\": %s", text,
                                     core_tls_reason());
}

static int check_options(const struct mansio_stream *stream,
                         const struct mansio_tls_client *options)
{
    if (options->size < sizeof(*options)) {
        return mansio_fail(MANSIO_E_BUG, "start_tls: the options' size is not set");
    }
    if (stream->tls || !stream->transport) {
        return mansio_fail(MANSIO_E_BUG, "start_tls: the stream %s",
                           stream->tls ? "has TLS already" : "is closed");
    }
    int is_named = options->verify == MANSIO_TLS_VERIFY_NAME;
    if (!is_named && options->verify != MANSIO_TLS_VERIFY_NONE) {
        return mansio_fail(MANSIO_E_BUG, "start_tls: verify is %u", options->verify);
    }
    if ((is_named && options->server_name.len == 0) ||
        options->server_name.len > CORE_TLS_NAME_MAX ||
        mansio_str_find_char(options->server_name, '\0') >= 0 ||
        options->ca_file.len >= CA_PATH_MAX || mansio_str_find_char(options->ca_file, '\0') >= 0) {
        return mansio_fail(MANSIO_E_BUG, "start_tls: a server name or CA file that is none");
    }
    return 0;
}

static int put_under(struct mansio_stream *stream, SSL_CTX *ctx,
                     const struct mansio_tls_client *options, struct core_tls **out)
{
    ERR_clear_error();
    SSL *ssl = SSL_new(ctx);
    if (!ssl) {
        return mansio_fail(MANSIO_E_IO, "TLS: %s", core_tls_reason());
    }
    SSL_set_connect_state(ssl);
    struct mansio_str name = MANSIO_STR_NONE;
    int rc = set_name(ssl, options->server_name, options->verify);
    if (rc == 0) {
        rc = mansio_arena_copy(stream->arena, options->server_name, &name);
    }
    if (rc < 0) {
        SSL_free(ssl);
        return rc;
    }
    struct core_tls *tls = core_tls_new(stream->arena, ssl, stream->transport);
    tls->server_name = name;
    /* What the server sent before the handshake is no part of what it says through it. */
    core_stream_forget(stream);
    core_stream_set_transport(stream, &tls->base);
    stream->tls = tls;
    *out = tls;
    return 0;
}

int mansio_stream_start_tls(struct mansio_stream *stream, const struct mansio_tls_client *options,
                            int64_t deadline_us)
{
    int rc = check_options(stream, options);
    if (rc < 0) {
        return rc;
    }
    int64_t before_us = stream->deadline_us;
    mansio_stream_set_deadline(stream, deadline_us);
    rc = mansio_stream_flush(stream);
    mansio_stream_set_deadline(stream, before_us);
    if (rc < 0) {
        return rc;
    }
    MANSIO_SCRATCH_BEGIN(scratch);
    struct wish *wish = mansio_arena_alloc(scratch, sizeof(*wish));
    wish->verify = options->verify;
    if (options->verify == MANSIO_TLS_VERIFY_NAME && options->ca_file.len > 0) {
        memcpy(wish->ca_path, options->ca_file.ptr, options->ca_file.len);
    }
    SSL_CTX *ctx = NULL;
    rc = get_context(wish, deadline_us, &ctx);
    MANSIO_SCRATCH_END(scratch);
    struct core_tls *tls = NULL;
    uint32_t end = 0;
    if (rc == 0) {
        rc = put_under(stream, ctx, options, &tls);
        SSL_CTX_free(ctx);
    }
    return rc < 0 ? rc : core_tls_handshake(stream, tls, deadline_us, &end);
}

int mansio_stream_tls_facts(const struct mansio_stream *stream, struct mansio_tls_facts *out)
{
    return core_tls_facts(core_tls_of_stream(stream), out);
}
