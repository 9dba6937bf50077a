/*
 * TLS over streams: both sides are ours, over a socket pair that lets through so many bytes at a
 * time. What crosses it, what is known of it, how it ends; which certificate is shown.
 */
#include "config.h"
#include "core/net/testing_tls.h"

#include <mansio/tls.h>

static struct testing_pem pem_alpha, pem_beta;
static struct mansio_arena *pems;

static int set_up_pems(void **state)
{
    (void)state;
    pems = mansio_arena_new(NULL, "pems", 0);
    pem_alpha = testing_pem_new(pems, "DNS:alpha.test,DNS:*.wild.test");
    pem_beta = testing_pem_new(pems, "DNS:beta.test");
    return 0;
}

static int tear_down_pems(void **state)
{
    (void)state;
    mansio_arena_free(pems);
    return 0;
}

/* A server that has alpha, and a store with beta; an end that is told. */
static struct {
    uint32_t end;
    int result;
    unsigned count, looked_up;
} told;

/* Tickets come behind the handshake. A socket pair that is given single bytes holds less than them,
 * and nobody reads yet. */
static int has_tickets = 1;

static void on_end(void *arg, struct mansio_conn *conn, uint32_t end, int result)
{
    (void)arg;
    CHECK(mansio_conn_listener(conn).len == 4);
    told.end = end;
    told.result = result;
    told.count++;
}

static struct testing_tls start_server(struct core_tls_server_options options)
{
    struct testing_tls self = {.arena = mansio_arena_new(NULL, "tls", 0)};
    struct core_tls_store *store = core_tls_store_new(self.arena);
    struct core_tls_certificate *alpha = testing_certificate(&pem_alpha);
    struct core_tls_certificate *beta = testing_certificate(&pem_beta);
    struct core_tls_tickets *tickets = NULL;
    CHECK(core_tls_store_add(store, beta) == 0);
    CHECK(core_tls_tickets_new(self.arena, MANSIO_STR("0123456789abcdef0123456789abcdef"),
                               &tickets) == 0);
    options.store = store;
    options.fallback = alpha;
    options.tickets = has_tickets ? tickets : NULL;
    options.on_end = on_end;
    memset(&told, 0, sizeof told);
    CHECK(core_tls_server_new(&options, &self.server) == 0);
    core_tls_certificate_unref(alpha);
    core_tls_certificate_unref(beta);
    return self;
}

static void finish(struct testing_tls *self)
{
    if (self->conn) {
        core_conn_abort(self->conn);
    }
    core_tls_server_free(self->server);
    mansio_arena_free(self->arena);
}

static const struct mansio_tls_client any = {
    .size = sizeof any, .verify = MANSIO_TLS_VERIFY_NONE, .server_name = {"beta.test", 9}};

static int be_client(void *arg)
{
    struct testing_tls *self = arg;
    return mansio_stream_start_tls(self->client, &any, SOON);
}

/* Both sides shake hands; what each came to. */
static void shake(struct testing_tls *self, int is_begun, int *out_server, int *out_client)
{
    struct mansio_fiber *client = NULL;
    CHECK(mansio_group_spawn(testing_group, "client", be_client, self, &client) == 0);
    *out_server =
        is_begun ? core_conn_begin_tls(self->conn, SOON) : mansio_conn_start_tls(self->conn, SOON);
    CHECK(mansio_fiber_join(client, SOON, out_client) == 0);
}

static void shake_well(struct testing_tls *self)
{
    int server = -1;
    int client = -1;
    shake(self, 0, &server, &client);
    CHECK(server == 0 && client == 0);
}

/* ---- crossing ---------------------------------------------------------------------------------
 */

static void ask(struct mansio_stream *from, struct mansio_stream *to, const char *text)
{
    struct mansio_str line = MANSIO_STR_NONE;
    CHECK(mansio_stream_printf(from, "%s\r\n", text) == 0);
    CHECK(mansio_stream_flush(from) == 0);
    CHECK(mansio_stream_read_line(to, 1000, 0, &line) >= 0);
    CHECK(mansio_str_eq(line, mansio_str_from_cstr(text)));
}

static int talk(void *arg)
{
    struct testing_tls self = start_server((struct core_tls_server_options){.store = NULL});
    testing_tls_connect(&self, *(const size_t *)arg);
    CHECK(mansio_conn_tls_state(self.conn) == MANSIO_TLS_AVAILABLE);
    CHECK(core_conn_tls_version(self.conn).len == 0);
    shake_well(&self);
    CHECK(mansio_conn_tls_state(self.conn) == MANSIO_TLS_ACTIVE);
    CHECK(told.count == 1 && told.end == CORE_TLS_END_FULL);
    struct mansio_stream *server = mansio_conn_stream(self.conn);
    ask(self.client, server, "from the client");
    ask(server, self.client, "from the server");
    ask(self.client, server, "");
    struct mansio_tls_facts facts = {.size = sizeof facts};
    CHECK(mansio_conn_tls_facts(self.conn, &facts) == 0);
    CHECK(mansio_str_eq(facts.version, MANSIO_STR("TLSv1.3")));
    CHECK(mansio_str_eq(facts.server_name, MANSIO_STR("beta.test")));
    CHECK(facts.cipher_bits >= 128 && !facts.is_resumed && !facts.is_peer_verified);
    CHECK(mansio_str_eq(core_conn_tls_version(self.conn), facts.version));
    CHECK(mansio_stream_tls_facts(self.client, &facts) == 0);
    CHECK(mansio_str_eq(facts.peer_subject, MANSIO_STR("CN=test")));
    CHECK(facts.peer_fingerprint.len == 64 && !facts.is_peer_verified);
    CHECK(mansio_conn_start_tls(self.conn, SOON) == MANSIO_E_BUG);
    CHECK(mansio_stream_start_tls(self.client, &any, SOON) == MANSIO_E_BUG);
    finish(&self);
    return 0;
}

static void talks_however_it_is_cut(void **state)
{
    (void)state;
    static size_t sizes[] = {1, 2, 3, 5, 11, 100, 1000, 1 << 20};
    for (size_t i = 0; i < MANSIO_COUNT(sizes); i++) {
        has_tickets = sizes[i] > 5;
        run_fiber(talk, &sizes[i]);
    }
    has_tickets = 1;
}

/* Bytes that depend on where they are. */
static char pattern(size_t at)
{
    return (char)(at * 31 + at / 251);
}

enum { MUCH = 600 * 1000, PIECE = 3000 };

static int write_much(void *arg)
{
    struct mansio_stream *stream = arg;
    char piece[PIECE];
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < MUCH; at += PIECE) {
        for (size_t i = 0; i < PIECE; i++) {
            piece[i] = pattern(at + i);
        }
        rc = mansio_stream_write(stream, (struct mansio_str){piece, PIECE});
    }
    return rc == 0 ? mansio_stream_flush(stream) : rc;
}

static size_t read_much(struct mansio_stream *stream)
{
    size_t at = 0;
    while (at < MUCH) {
        struct mansio_str bytes;
        int n = mansio_stream_read(stream, 7000, 0, &bytes);
        if (n <= 0) {
            break;
        }
        for (int i = 0; i < n; i++) {
            if (bytes.ptr[i] != pattern(at++)) {
                return 0;
            }
        }
    }
    return at;
}

/* Both ways at once, each more than all buffers hold: records hang half sent, and go on. */
static int much(void *arg)
{
    struct testing_tls self = start_server((struct core_tls_server_options){.store = NULL});
    testing_tls_connect(&self, *(const size_t *)arg);
    shake_well(&self);
    struct mansio_stream *server = mansio_conn_stream(self.conn);
    struct mansio_fiber *writers[2] = {NULL, NULL};
    int result = -1;
    CHECK(mansio_group_spawn(testing_group, "writer", write_much, server, &writers[0]) == 0);
    CHECK(mansio_group_spawn(testing_group, "writer", write_much, self.client, &writers[1]) == 0);
    testing_settle();
    CHECK(read_much(self.client) == MUCH);
    CHECK(read_much(server) == MUCH);
    for (int i = 0; i < 2; i++) {
        CHECK(mansio_fiber_join(writers[i], SOON, &result) == 0 && result == 0);
    }
    ask(self.client, server, "and in order");
    finish(&self);
    return 0;
}

static void carries_much_both_ways(void **state)
{
    (void)state;
    static size_t sizes[] = {777, 1 << 20};
    for (size_t i = 0; i < MANSIO_COUNT(sizes); i++) {
        run_fiber(much, &sizes[i]);
    }
}

/* What compresses, or the like, stands on TLS as TLS stands on a socket. */
static int layered(void *arg)
{
    (void)arg;
    struct testing_tls self = start_server((struct core_tls_server_options){.store = NULL});
    testing_tls_connect(&self, 100);
    shake_well(&self);
    struct mansio_stream *server = mansio_conn_stream(self.conn);
    testing_put_over(server, 50, 0x55);
    testing_put_over(self.client, 1000, 0x55);
    ask(self.client, server, "through one more");
    ask(server, self.client, "and back");
    struct mansio_tls_facts facts = {.size = sizeof facts};
    CHECK(mansio_conn_tls_state(self.conn) == MANSIO_TLS_ACTIVE);
    CHECK(mansio_conn_tls_facts(self.conn, &facts) == 0 && facts.version.len > 0);
    core_conn_finish(self.conn, MANSIO_SECOND / 100);
    struct mansio_str none;
    CHECK(mansio_stream_read_line(self.client, 100, 0, &none) == MANSIO_E_EOF);
    finish(&self);
    return 0;
}

static void carries_a_transport(void **state)
{
    (void)state;
    run_fiber(layered, NULL);
}

/* ---- beginning --------------------------------------------------------------------------------
 */

/* CVE-2011-0411. */
static int forget(void *arg)
{
    (void)arg;
    struct testing_tls self = start_server((struct core_tls_server_options){.store = NULL});
    testing_tls_connect(&self, 1 << 20);
    struct mansio_stream *server = mansio_conn_stream(self.conn);
    struct mansio_str line;
    CHECK(mansio_stream_printf(self.client, "STARTTLS\r\ninjected\r\nhalf") == 0);
    CHECK(mansio_stream_flush(self.client) == 0);
    CHECK(mansio_stream_read_line(server, 100, 0, &line) == 8);
    CHECK(mansio_stream_buffered(server) == 14);
    shake_well(&self);
    CHECK(mansio_stream_buffered(server) == 0);
    ask(self.client, server, "mine");
    finish(&self);
    return 0;
}

static void forgets_what_came_before(void **state)
{
    (void)state;
    run_fiber(forget, NULL);
}

/* Behind a PROXY header the ClientHello may have been received already. */
static int begin(void *arg)
{
    struct testing_tls self = start_server((struct core_tls_server_options){.store = NULL});
    testing_tls_connect(&self, *(const size_t *)arg);
    struct mansio_stream *server = mansio_conn_stream(self.conn);
    CHECK(mansio_stream_printf(self.client, "PROXY TCP4 198.51.100.7 203.0.113.1 555 25\r\n") == 0);
    CHECK(mansio_stream_flush(self.client) == 0);
    struct mansio_fiber *client = NULL;
    int result = -1;
    CHECK(mansio_group_spawn(testing_group, "client", be_client, &self, &client) == 0);
    testing_settle(); /* now the hello is there too */
    CHECK(core_conn_read_proxy_header(self.conn, SOON) == 0);
    CHECK(mansio_str_eq(mansio_conn_peer(self.conn), MANSIO_STR("198.51.100.7:555")));
    CHECK(mansio_str_eq(mansio_conn_peer_ip(self.conn), MANSIO_STR("198.51.100.7")));
    CHECK(mansio_str_eq(core_conn_peer_network(self.conn), MANSIO_STR("198.51.100.7")));
    CHECK(mansio_str_eq(mansio_conn_local(self.conn), MANSIO_STR("203.0.113.1:25")));
    CHECK(core_conn_begin_tls(self.conn, SOON) == 0);
    CHECK(mansio_fiber_join(client, SOON, &result) == 0 && result == 0);
    mansio_stream_set_deadline(server, SOON);
    ask(self.client, server, "hello");
    ask(server, self.client, "hello");
    finish(&self);
    return 0;
}

static void begins_behind_a_proxy_header(void **state)
{
    (void)state;
    static size_t sizes[] = {1, 44, 50, 1 << 20};
    for (size_t i = 0; i < MANSIO_COUNT(sizes); i++) {
        has_tickets = sizes[i] > 5;
        run_fiber(begin, &sizes[i]);
    }
    has_tickets = 1;
}

/* ---- certificates -----------------------------------------------------------------------------
 */

static struct core_tls_certificate *fetched;

/* As if from a database: it takes a while. */
static int look_up(void *arg, struct mansio_str name, struct core_tls_choice *out)
{
    (void)arg;
    told.looked_up++;
    CHECK(mansio_fiber_yield() == 0);
    if (mansio_str_eq(name, MANSIO_STR("fetched.test"))) {
        out->list[out->count++] = core_tls_certificate_ref(fetched);
        return 0;
    }
    return mansio_fail(MANSIO_E_UNAVAILABLE, "no database");
}

static int be_server(void *arg)
{
    struct testing_tls *self = arg;
    return mansio_conn_start_tls(self->conn, SOON);
}

static void expect_shown(const char *name, const struct testing_pem *pem, unsigned looked_up)
{
    struct testing_tls self = start_server((struct core_tls_server_options){.lookup = look_up});
    testing_tls_connect(&self, 1 << 20);
    struct mansio_tls_client options = any;
    options.server_name = mansio_str_from_cstr(name);
    struct mansio_fiber *server = NULL;
    int result = -1;
    CHECK(mansio_group_spawn(testing_group, "server", be_server, &self, &server) == 0);
    CHECK(mansio_stream_start_tls(self.client, &options, SOON) == 0);
    CHECK(mansio_fiber_join(server, SOON, &result) == 0 && result == 0);
    CHECK(told.looked_up == looked_up);
    struct core_tls_certificate *expected = testing_certificate(pem);
    X509 *shown = SSL_get0_peer_certificate(self.client->tls->ssl);
    CHECK(shown && X509_cmp(shown, expected->leaf) == 0);
    core_tls_certificate_unref(expected);
    ask(self.client, mansio_conn_stream(self.conn), "well");
    finish(&self);
}

static int choose(void *arg)
{
    (void)arg;
    struct testing_pem pem = testing_pem_new(pems, "DNS:fetched.test");
    fetched = testing_certificate(&pem);
    expect_shown("beta.test", &pem_beta, 0);
    expect_shown("BETA.test", &pem_beta, 0);
    expect_shown("fetched.test", &pem, 1);
    expect_shown("nobody.test", &pem_alpha, 1);
    expect_shown("", &pem_alpha, 0);
    core_tls_certificate_unref(fetched);
    return 0;
}

static void shows_the_certificate_of_the_name(void **state)
{
    (void)state;
    run_fiber(choose, NULL);
}

/* ---- ends -------------------------------------------------------------------------------------
 */

/* A client that asks for new keys says nothing to the protocol: who waits for input beside other
 * things must not be woken into a read that would hold it. */
static int stay_asleep(void *arg)
{
    (void)arg;
    struct testing_tls self = start_server((struct core_tls_server_options){.store = NULL});
    testing_tls_connect(&self, 1 << 20);
    shake_well(&self);
    struct mansio_stream *server = mansio_conn_stream(self.conn);
    SSL *ssl = self.client->tls->ssl;
    CHECK(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
    CHECK(SSL_do_handshake(ssl) == 1); /* sends it */
    struct mansio_waitable *sources[] = {mansio_stream_readable(server)};
    CHECK(mansio_wait(sources, 1, mansio_deadline_in(20 * MANSIO_MS), 0) == MANSIO_E_TIMEOUT);
    CHECK(mansio_stream_printf(self.client, "now\r\n") == 0);
    CHECK(mansio_stream_flush(self.client) == 0);
    CHECK(mansio_wait(sources, 1, SOON, 0) == 0);
    struct mansio_str line;
    CHECK(mansio_stream_read_line(server, 100, 0, &line) == 3);
    ask(server, self.client, "with new keys");
    ask(self.client, server, "both ways");
    finish(&self);
    return 0;
}

static void sleeps_through_what_is_tls_alone(void **state)
{
    (void)state;
    run_fiber(stay_asleep, NULL);
}

static int end_in_order(void *arg)
{
    (void)arg;
    for (int is_rude = 0; is_rude <= 1; is_rude++) {
        struct testing_tls self = start_server((struct core_tls_server_options){.store = NULL});
        testing_tls_connect(&self, 1 << 20);
        shake_well(&self);
        struct mansio_stream *server = mansio_conn_stream(self.conn);
        struct mansio_str line;
        CHECK(mansio_stream_printf(self.client, "last\r\n") == 0);
        if (is_rude) {
            CHECK(mansio_stream_flush(self.client) == 0);
            /* The tickets, so that closing doesn't reset what was said. */
            CHECK(!self.client->transport->ops->is_readable(self.client->transport));
            core_stream_close(self.client); /* no close_notify */
        } else {
            core_stream_finish(self.client, 100, mansio_now_us());
        }
        CHECK(mansio_stream_read_line(server, 100, 0, &line) == 4);
        CHECK(mansio_stream_read_line(server, 100, 0, &line) == MANSIO_E_EOF);
        CHECK(mansio_stream_read_line(server, 100, 0, &line) == MANSIO_E_EOF);
        if (!is_rude) { /* the other half still works (RFC 8446 6.1) */
            ask(server, self.client, "and so to bed");
        }
        finish(&self);
    }
    return 0;
}

static void ends_in_order_and_out_of_it(void **state)
{
    (void)state;
    run_fiber(end_in_order, NULL);
}

/* What may come instead of a handshake, and what it is then. */
static int fail_handshakes(void *arg)
{
    (void)arg;
    static const struct {
        struct mansio_str bytes;
        int is_closed, result;
        uint32_t end;
    } rows[] = {
        {{"EHLO client\r\n", 13}, 0, MANSIO_E_INVALID, CORE_TLS_END_PROTOCOL},
        {{"GET / HTTP/1.0\r\n\r\n", 18}, 0, MANSIO_E_INVALID, CORE_TLS_END_PROTOCOL},
        {{"\x16\x03\x01", 3}, 1, MANSIO_E_EOF, CORE_TLS_END_CLOSED},
        {{"\x16\x03\x01", 3}, 0, MANSIO_E_TIMEOUT, CORE_TLS_END_TIMEOUT},
        {{"\x15\x03\x01\x00\x02\x02\x30", 7}, 0, MANSIO_E_INVALID, CORE_TLS_END_PROTOCOL},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct testing_tls self = start_server((struct core_tls_server_options){.store = NULL});
        testing_tls_connect(&self, 1 << 20);
        struct mansio_stream *server = mansio_conn_stream(self.conn);
        CHECK(mansio_stream_write(self.client, rows[i].bytes) == 0);
        CHECK(mansio_stream_flush(self.client) == 0);
        if (rows[i].is_closed) {
            core_stream_close(self.client);
        }
        int64_t deadline_us =
            rows[i].result == MANSIO_E_TIMEOUT ? mansio_deadline_in(20 * MANSIO_MS) : SOON;
        CHECK(mansio_conn_start_tls(self.conn, deadline_us) == rows[i].result);
        CHECK(told.count == 1 && told.end == rows[i].end && told.result == rows[i].result);
        struct mansio_str line;
        CHECK(mansio_stream_write(server, MANSIO_STR("in the clear?\r\n")) < 0);
        CHECK(mansio_stream_read_line(server, 100, 0, &line) < 0);
        CHECK(mansio_conn_start_tls(self.conn, SOON) == MANSIO_E_BUG);
        CHECK(ERR_peek_error() == 0);
        finish(&self);
    }
    return 0;
}

static void says_why_a_handshake_failed(void **state)
{
    (void)state;
    run_fiber(fail_handshakes, NULL);
}

/* Cancelled at each of its waits in turn: nothing is left over. */
static int cancel_at(void *arg)
{
    size_t *turns = arg;
    struct testing_tls self = start_server((struct core_tls_server_options){.lookup = look_up});
    testing_tls_connect(&self, 200);
    struct mansio_fiber *server = NULL;
    struct mansio_fiber *client = NULL;
    int result = 0;
    CHECK(mansio_group_spawn(testing_group, "server", be_server, &self, &server) == 0);
    CHECK(mansio_group_spawn(testing_group, "client", be_client, &self, &client) == 0);
    for (size_t i = 0; i < *turns; i++) {
        CHECK(mansio_fiber_yield() == 0);
    }
    mansio_fiber_cancel(server);
    CHECK(mansio_fiber_join(server, SOON, &result) == 0);
    if (result == MANSIO_E_CANCELLED) {
        CHECK(told.count == 0 || told.end == CORE_TLS_END_CANCELLED);
    } else {
        CHECK(result == 0);
        *turns = SIZE_MAX; /* it was done before */
    }
    mansio_fiber_cancel(client);
    CHECK(mansio_fiber_join(client, SOON, &result) == 0);
    finish(&self);
    return 0;
}

static void is_cancelled_at_every_wait(void **state)
{
    (void)state;
    size_t reached = 0;
    for (size_t turns = 0; turns < 1000 && reached != SIZE_MAX; turns++) {
        reached = turns;
        run_fiber(cancel_at, &reached);
    }
    assert_int_equal(reached, SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(talks_however_it_is_cut),
        cmocka_unit_test(carries_much_both_ways),
        cmocka_unit_test(carries_a_transport),
        cmocka_unit_test(forgets_what_came_before),
        cmocka_unit_test(begins_behind_a_proxy_header),
        cmocka_unit_test(shows_the_certificate_of_the_name),
        cmocka_unit_test(sleeps_through_what_is_tls_alone),
        cmocka_unit_test(ends_in_order_and_out_of_it),
        cmocka_unit_test(says_why_a_handshake_failed),
        cmocka_unit_test(is_cancelled_at_every_wait),
    };
    return cmocka_run_group_tests(tests, set_up_pems, tear_down_pems);
}
