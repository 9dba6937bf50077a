/*
 * What an idle conn costs in memory, from accept to its wait for the first line: fiber, stack,
 * conn, arena, stream. Everything above core/net (sessions, modules) is left out; `run idle`
 * measures that with a whole daemon.
 *
 *   idle_conns [CONNS [tls]]    10000 by default; in the clear or through TLS 1.3
 *
 * The clients are bare descriptors of a child process, over a unix socket, which needs no ports.
 * PSS is what this process takes of the machine; heap is what malloc() has given out, its own
 * bookkeeping left out.
 */
#include "config.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "core/loop/loop.h"
#include "core/net/address.h"
#include "core/net/conn.h"
#include "core/net/listener.h"
#include "core/net/stream.h"
#include "core/net/tls.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/str.h>

enum {
    CONNS_MAX = 100000,
    WARM = 100,  /* conns before the first look: what only the first ones cost is not counted */
    FILES = 100, /* descriptors beside the conns */
};

static struct {
    size_t conns;
    char path[64];
    int control; /* to the child, and its end of it */
    struct core_listener *listener;
    struct core_tls_server *tls; /* NULL: in the clear */
    SSL_CTX *client;             /* the child's */
    int is_failed;
} bench;

static int fail(const char *what)
{
    fprintf(stderr, "idle_conns: %s: %s\n", what, mansio_error_detail());
    bench.is_failed = 1;
    return -1;
}

/* ---- the child: clients ------------------------------------------------------------------------
 */

/* The same through TLS; what it takes of memory is the child's. */
static int say_through_tls(int fd)
{
    char text[13];
    size_t done = 0;
    SSL *ssl = SSL_new(bench.client);
    if (!ssl || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1 ||
        SSL_write(ssl, "line\r\n", 6) != 6) {
        return -1;
    }
    while (done < sizeof(text)) {
        int n = SSL_read(ssl, text + done, (int)(sizeof(text) - done));
        if (n <= 0) {
            return -1;
        }
        done += (size_t)n;
    }
    return 0; /* the SSL stays, as its conn does */
}

static int say(int fd)
{
    char text[13];
    return send(fd, "line\r\n", 6, MSG_NOSIGNAL) == 6 &&
                   recv(fd, text, sizeof(text), MSG_WAITALL) == (ssize_t)sizeof(text)
               ? 0
               : -1;
}

/* Connect, say a line, see both answers. */
static int client_new(const struct core_address *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, &address->u.any, address->len) != 0 ||
        (bench.tls ? say_through_tls(fd) : say(fd)) != 0) {
        perror("idle_conns: client");
        return -1;
    }
    return fd;
}

/* For each line with a number: have so many conns, say so. Ends with the parent, and all with it.
 */
static int clients(const struct core_address *address)
{
    char line[32];
    size_t count = 0;
    FILE *control = fdopen(bench.control, "r+");
    while (control && fgets(line, sizeof(line), control)) {
        size_t wanted = strtoul(line, NULL, 10);
        while (count < wanted && client_new(address) >= 0) {
            count++;
        }
        rewind(control);
        fprintf(control, "%zu\r\n", count);
        fflush(control);
        rewind(control);
    }
    return 0;
}

/* ---- the server --------------------------------------------------------------------------------
 */

/* As contrib/hello does: greet, then lines. */
static int serve(void *arg, struct mansio_conn *conn)
{
    (void)arg;
    struct mansio_stream *stream = mansio_conn_stream(conn);
    struct mansio_str line;
    int rc = bench.tls ? core_conn_begin_tls(conn, mansio_deadline_in(60 * MANSIO_SECOND)) : 0;
    if (rc >= 0) {
        rc = mansio_stream_write(stream, MANSIO_STR("hello\r\n"));
    }
    while (rc >= 0) {
        mansio_stream_set_deadline(stream, mansio_deadline_in(3600 * MANSIO_SECOND));
        rc = mansio_stream_read_line(stream, 512, MANSIO_READ_IDLE, &line);
        if (rc >= 0) {
            rc = mansio_stream_printf(stream, "%.*s\r\n", MANSIO_STR_ARG(line));
        }
    }
    return rc;
}

static int sleep_ms(int64_t ms)
{
    return mansio_fiber_sleep_until(mansio_deadline_in(ms * MANSIO_MS));
}

/* Have the child hold so many conns. */
static int have(struct mansio_stream *control, size_t count)
{
    struct mansio_str line;
    uint64_t got = 0;
    mansio_stream_set_deadline(control, mansio_deadline_in(300 * MANSIO_SECOND));
    int rc = mansio_stream_printf(control, "%zu\n", count);
    if (rc == 0) {
        rc = mansio_stream_read_line(control, 32, 0, &line);
    }
    if (rc < 0 || mansio_parse_u64(line, count, &got) != 0 || got != count ||
        core_listener_conns(bench.listener) != count) {
        return fail("clients");
    }
    return 0;
}

struct look {
    double pss, heap;
};

static struct look look(void)
{
    struct mallinfo2 info = mallinfo2();
    return (struct look){.pss = (double)bench_pss(), .heap = (double)info.uordblks};
}

static void report(const char *when, struct look before, struct look now)
{
    double count = (double)(bench.conns - WARM);
    printf("%-28s PSS %7.0f bytes a conn, of which heap %6.0f\n", when,
           (now.pss - before.pss) / count, (now.heap - before.heap) / count);
}

static void measure(struct mansio_stream *control)
{
    if (have(control, WARM) != 0) {
        return;
    }
    (void)sleep_ms(3000);
    struct look before = look();
    if (have(control, bench.conns) != 0) {
        return;
    }
    report("after a line each:", before, look());
    (void)sleep_ms(4000 + (int64_t)(bench.conns / 10)); /* the loop gives idle stacks back */
    report("after seconds of silence:", before, look());
}

static int root(void *arg)
{
    struct core_listener_options options = {
        .name = MANSIO_STR("bench"),
        .fd = *(int *)arg,
        .conn_arena_cap_bytes = 65536,
        .tls = bench.tls,
        .hooks = {.serve = serve},
    };
    struct mansio_arena *arena = mansio_arena_new(NULL, "bench", 0);
    struct mansio_stream *control = core_stream_new(arena, core_socket_transport(bench.control));
    if (core_listener_open(&options, &bench.listener) == 0) {
        measure(control);
    } else {
        (void)fail("listener");
    }
    mansio_arena_free(arena); /* the child sees its end */
    core_listener_close(bench.listener);
    core_loop_stop();
    return 0;
}

/* A certificate of its own, good for as long as this runs. */
static struct core_tls_certificate *make_certificate(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    BIO *chain = BIO_new(BIO_s_mem());
    BIO *secret = BIO_new(BIO_s_mem());
    char *chain_text = NULL;
    char *key_text = NULL;
    struct core_tls_certificate *out = NULL;
    enum core_tls_file file;
    X509_gmtime_adj(X509_getm_notBefore(x509), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509), 24 * 3600);
    X509_set_pubkey(x509, key);
    X509_sign(x509, key, EVP_sha256());
    PEM_write_bio_X509(chain, x509);
    PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL);
    size_t chain_len = (size_t)BIO_get_mem_data(chain, &chain_text);
    size_t key_len = (size_t)BIO_get_mem_data(secret, &key_text);
    if (core_tls_certificate_parse((struct mansio_str){chain_text, chain_len},
                                   (struct mansio_str){key_text, key_len}, &out, &file) != 0) {
        (void)fail("certificate");
    }
    BIO_free(chain);
    BIO_free(secret);
    X509_free(x509);
    EVP_PKEY_free(key);
    return out;
}

static int prepare_tls(struct mansio_arena *arena)
{
    struct core_tls_tickets *tickets = NULL;
    struct core_tls_certificate *certificate = make_certificate();
    if (!certificate || core_tls_tickets_new(arena, MANSIO_STR("for this bench, and no other use"),
                                             &tickets) != 0) {
        return fail("tickets");
    }
    struct core_tls_server_options options = {.fallback = certificate, .tickets = tickets};
    int rc = core_tls_server_new(&options, &bench.tls);
    core_tls_certificate_unref(certificate);
    bench.client = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(bench.client, SSL_MODE_RELEASE_BUFFERS);
    return rc == 0 ? 0 : fail("TLS");
}

/* The listening socket, and a child that connects to it. */
static int prepare(int *out_fd, pid_t *out_child)
{
    char text[80];
    int ends[2] = {-1, -1};
    struct core_address address;
    snprintf(bench.path, sizeof(bench.path), "/tmp/mansio-idle-conns.%d", (int)getpid());
    snprintf(text, sizeof(text), "unix:%s", bench.path);
    if (core_address_parse(mansio_str_from_cstr(text), &address) != 0 ||
        core_address_listen(&address, 128, 0600, out_fd) != 0) {
        return fail("listen");
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return fail("socketpair");
    }
    fflush(stdout);
    *out_child = fork();
    bench.control = ends[*out_child == 0];
    close(ends[*out_child != 0]);
    if (*out_child == 0) {
        close(*out_fd);
        _exit(clients(&address));
    }
    return *out_child < 0 || fcntl(bench.control, F_SETFL, O_NONBLOCK) != 0 ? fail("fork") : 0;
}

static int allow_files(size_t count)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < count) {
        files.rlim_cur = count;
        files.rlim_max = files.rlim_max < count ? count : files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
            perror("idle_conns: setrlimit RLIMIT_NOFILE");
            return -1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    bench.conns = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
    if (bench.conns <= WARM || bench.conns > CONNS_MAX) {
        fprintf(stderr, "idle_conns: from %d to %d conns\n", WARM + 1, CONNS_MAX);
        return 2;
    }
    struct core_loop_options options = {.fibers_max = bench.conns + 10, .stacks_kept_max = 100};
    int fd = -1;
    pid_t child = -1;
    struct mansio_arena *arena = mansio_arena_new(NULL, "tls", 0);
    if (argc > 2 && prepare_tls(arena) != 0) {
        return 1;
    }
    if (allow_files(bench.conns + FILES) != 0 || prepare(&fd, &child) != 0) {
        return 1;
    }
    struct mansio_group *group = NULL;
    if (core_loop_init(&options) == 0) {
        group = mansio_group_new("bench");
    }
    if (group && mansio_group_spawn(group, "root", root, &fd, NULL) == 0) {
        core_loop_run();
        mansio_group_close(group);
        (void)core_loop_fini();
    } else {
        (void)fail("loop");
        close(bench.control);
    }
    unlink(bench.path);
    waitpid(child, NULL, 0);
    core_tls_server_free(bench.tls);
    SSL_CTX_free(bench.client);
    mansio_arena_free(arena);
    return bench.is_failed;
}
