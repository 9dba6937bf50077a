/*
 * Certificates: a chain and a key, read from PEM, checked against each other, with the names they
 * stand for. Counted, as a conn may use one that nobody offers any more. Reads files only where it
 * says so.
 */
#include "core/net/tls_ssl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "core/base/alloc.h"

enum {
    CHAIN_MAX = 16,   /* certificates of a chain */
    NAMES_MAX = 4096, /* of a certificate */
};

/* ---- files ------------------------------------------------------------------------------------
 */

/* Bytes read, or -errno; -EFBIG for too many. */
static ssize_t read_all(int fd, char *bytes, size_t size)
{
    size_t used = 0;
    for (;;) {
        ssize_t n = read(fd, bytes + used, size - used);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -errno : (ssize_t)used;
        }
        used += (size_t)n;
        if (used == size) {
            return -EFBIG;
        }
    }
}

int core_tls_file_read(const char *path, struct mansio_str *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "%s: %s", path, strerror(err));
    }
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return mansio_fail(MANSIO_E_IO, "%s: found no regular file, expected one", path);
    }
    size_t size = CORE_TLS_FILE_MAX_BYTES + 1;
    char *bytes = core_alloc(size);
    ssize_t n = bytes ? read_all(fd, bytes, size) : -ENOMEM;
    close(fd);
    if (n < 0) {
        if (bytes) {
            explicit_bzero(bytes, size);
        }
        core_free(bytes);
        return mansio_fail(MANSIO_E_IO, "%s: %s", path, strerror((int)-n));
    }
    *out = (struct mansio_str){bytes, (size_t)n};
    return 0;
}

void core_tls_file_free(struct mansio_str bytes)
{
    char *ptr = NULL;
    memcpy(&ptr, &bytes.ptr, sizeof ptr); /* ours: core_tls_file_read() made it */
    if (ptr) {
        explicit_bzero(ptr, bytes.len);
    }
    core_free(ptr);
}

/* ---- life -------------------------------------------------------------------------------------
 */

struct core_tls_certificate *core_tls_certificate_ref(struct core_tls_certificate *certificate)
{
    certificate->refs++;
    return certificate;
}

void core_tls_certificate_unref(struct core_tls_certificate *certificate)
{
    if (!certificate || --certificate->refs > 0) {
        return;
    }
    X509_free(certificate->leaf);
    sk_X509_pop_free(certificate->chain, X509_free);
    EVP_PKEY_free(certificate->key);
    mansio_arena_free(certificate->arena);
    core_free(certificate);
}

int64_t core_tls_certificate_not_before(const struct core_tls_certificate *certificate)
{
    return certificate->not_before_us;
}

int64_t core_tls_certificate_not_after(const struct core_tls_certificate *certificate)
{
    return certificate->not_after_us;
}

/* ---- parsing ----------------------------------------------------------------------------------
 */

/* A key that needs a password has none here: a daemon starts without anybody there. */
static int no_password(char *out, int size, int is_writing, void *arg)
{
    (void)out;
    (void)size;
    (void)is_writing;
    (void)arg;
    return -1;
}

static int parse_chain(struct core_tls_certificate *certificate, struct mansio_str text)
{
    BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
    certificate->chain = sk_X509_new_null();
    int is_whole = bio && certificate->chain;
    for (int i = 0; is_whole && i <= CHAIN_MAX; i++) {
        X509 *one = PEM_read_bio_X509(bio, NULL, no_password, NULL);
        if (!one) {
            break;
        }
        if (!certificate->leaf) {
            certificate->leaf = one;
        } else if (sk_X509_push(certificate->chain, one) == 0) {
            X509_free(one);
            is_whole = 0;
        }
    }
    BIO_free(bio);
    unsigned long error = ERR_peek_last_error();
    if (!certificate->leaf && ERR_GET_REASON(error) == PEM_R_NO_START_LINE) {
        ERR_clear_error();
        return mansio_fail(MANSIO_E_INVALID, "found no PEM certificate");
    }
    if (!certificate->leaf || !is_whole ||
        (error != 0 && ERR_GET_REASON(error) != PEM_R_NO_START_LINE)) {
        return mansio_fail(MANSIO_E_INVALID, "found a broken certificate: %s", core_tls_reason());
    }
    ERR_clear_error();
    if (sk_X509_num(certificate->chain) >= CHAIN_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "found more than %d certificates", (int)CHAIN_MAX);
    }
    return 0;
}

static int parse_key(struct core_tls_certificate *certificate, struct mansio_str text)
{
    BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
    certificate->key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    if (!certificate->key) {
        return mansio_fail(MANSIO_E_INVALID, "found no PEM key without a password: %s",
                           core_tls_reason());
    }
    if (X509_check_private_key(certificate->leaf, certificate->key) != 1) {
        ERR_clear_error();
        return mansio_fail(MANSIO_E_INVALID, "found a key of another certificate");
    }
    return 0;
}

/* Whether handshakes will take it: a key that is too short for OpenSSL's level, for one. */
static int check_usable(const struct core_tls_certificate *certificate)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    int is_usable = ctx && SSL_CTX_use_cert_and_key(ctx, certificate->leaf, certificate->key,
                                                    certificate->chain, 1) == 1;
    SSL_CTX_free(ctx);
    if (!is_usable) {
        return mansio_fail(MANSIO_E_INVALID, "found a certificate that can't be used: %s",
                           core_tls_reason());
    }
    return 0;
}

int64_t core_tls_wall_us(const ASN1_TIME *time)
{
    struct tm parts = {0};
    if (ASN1_TIME_to_tm(time, &parts) != 1) {
        return 0;
    }
    return (int64_t)timegm(&parts) * MANSIO_SECOND;
}

static int keep_name(struct core_tls_certificate *certificate, const ASN1_IA5STRING *name)
{
    const char *text = (const char *)ASN1_STRING_get0_data(name);
    int len = ASN1_STRING_length(name);
    if (len <= 0 || len > CORE_TLS_NAME_MAX || certificate->name_count == NAMES_MAX) {
        return 0; /* none that anybody could ask for */
    }
    char *copy = mansio_arena_alloc(certificate->arena, (size_t)len + 1);
    for (int i = 0; i < len; i++) {
        copy[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
    }
    struct mansio_str kept = {copy, (size_t)len};
    if (mansio_str_find_char(kept, '\0') >= 0) {
        return 0;
    }
    certificate->names[certificate->name_count++] = kept;
    return 0;
}

/* The DNS names of its subjectAltName: the common name has been no name since RFC 6125. */
static int take_names(struct core_tls_certificate *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate->leaf, NID_subject_alt_name, NULL, NULL);
    int count = names ? sk_GENERAL_NAME_num(names) : 0;
    count = count > NAMES_MAX ? NAMES_MAX : count;
    certificate->names = mansio_arena_try_alloc(certificate->arena,
                                                ((size_t)count + 1) * sizeof(*certificate->names));
    int rc = certificate->names ? 0 : MANSIO_E_LIMIT;
    for (int i = 0; rc == 0 && i < count; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS) {
            rc = keep_name(certificate, name->d.dNSName);
        }
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return rc;
}

static int take_facts(struct core_tls_certificate *certificate)
{
    unsigned int len = 0;
    certificate->not_before_us = core_tls_wall_us(X509_get0_notBefore(certificate->leaf));
    certificate->not_after_us = core_tls_wall_us(X509_get0_notAfter(certificate->leaf));
    if (X509_digest(certificate->leaf, EVP_sha256(), certificate->fingerprint, &len) != 1) {
        return mansio_fail(MANSIO_E_IO, "TLS: %s", core_tls_reason());
    }
    return take_names(certificate);
}

int core_tls_certificate_parse(struct mansio_str chain, struct mansio_str key,
                               struct core_tls_certificate **out, enum core_tls_file *out_file)
{
    struct core_tls_certificate *certificate = core_alloc_must(sizeof(*certificate));
    certificate->refs = 1;
    certificate->arena = mansio_arena_new(NULL, "certificate", 0);
    *out_file = CORE_TLS_FILE_CHAIN;
    ERR_clear_error();
    int rc = chain.len <= INT_MAX && key.len <= INT_MAX ? parse_chain(certificate, chain)
                                                        : MANSIO_E_LIMIT;
    if (rc == 0) {
        *out_file = CORE_TLS_FILE_KEY;
        rc = parse_key(certificate, key);
    }
    if (rc == 0) {
        *out_file = CORE_TLS_FILE_CHAIN;
        rc = check_usable(certificate);
    }
    if (rc == 0) {
        rc = take_facts(certificate);
    }
    if (rc < 0) {
        core_tls_certificate_unref(certificate);
        return rc;
    }
    *out = certificate;
    return 0;
}

int core_tls_certificate_load(const char *chain_path, const char *key_path,
                              struct core_tls_certificate **out, enum core_tls_file *out_file)
{
    struct mansio_str chain = MANSIO_STR_NONE;
    struct mansio_str key = MANSIO_STR_NONE;
    *out_file = CORE_TLS_FILE_CHAIN;
    int rc = core_tls_file_read(chain_path, &chain);
    if (rc < 0) {
        return rc;
    }
    rc = core_tls_file_read(key_path, &key);
    if (rc < 0) {
        *out_file = CORE_TLS_FILE_KEY;
    } else {
        rc = core_tls_certificate_parse(chain, key, out, out_file);
        core_tls_file_free(key);
    }
    core_tls_file_free(chain);
    return rc;
}
