/*
 * Tests of the resolver against a server of our own, tests/lib/dns_server.py, over UDP and TCP: all
 * kinds of records, chains, names that don't exist, servers that fail, stay silent or talk
 * nonsense; what is kept; cancellation.
 */
#include "core/net/resolver.h"

#include "core/base/testing.h"
#include "core/loop/testing.h"

#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/resolver.h>
#include <mansio/str.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#define LATER mansio_deadline_in(20 * MANSIO_SECOND)

/* ---- the server */

static struct {
    pid_t pid;
    int stdin_fd;
    char address[32];
} server;

static int start_server(void **state)
{
    const char *top = getenv("MANSIO_SRCDIR");
    char path[1024];
    char line[16] = "";
    int in[2];
    int out[2];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/tests/lib/dns_server.py", top != NULL ? top : ".");
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    server.pid = fork();
    assert_true(server.pid >= 0);
    if (server.pid == 0) {
        (void)dup2(in[0], STDIN_FILENO);
        (void)dup2(out[1], STDOUT_FILENO);
        (void)close(in[1]);
        (void)close(out[0]);
        (void)execl("/usr/bin/python3", "python3", path, (char *)NULL);
        _exit(127);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    server.stdin_fd = in[1];
    for (size_t at = 0; at + 1 < sizeof line && strchr(line, '\n') == NULL; at++) {
        assert_int_equal(read(out[0], line + at, 1), 1);
    }
    (void)close(out[0]);
    (void)snprintf(server.address, sizeof server.address, "127.0.0.1:%ld", strtol(line, NULL, 10));
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    (void)close(server.stdin_fd);
    return waitpid(server.pid, NULL, 0) == server.pid ? 0 : -1;
}

/* ---- answers as text: "name-known authentic [records]", or the error's name */

static void print_record(struct mansio_buf *out, uint32_t type, const struct mansio_dns_record *r)
{
    switch (type) {
    case MANSIO_DNS_MX:
        (void)mansio_buf_printf(out, " %u:%.*s", r->preference, MANSIO_STR_ARG(r->name));
        break;
    case MANSIO_DNS_SRV:
        (void)mansio_buf_printf(out, " %u:%u:%u:%.*s", r->preference, r->weight, r->port,
                                MANSIO_STR_ARG(r->name));
        break;
    case MANSIO_DNS_TLSA:
        (void)mansio_buf_printf(out, " %u:%u:%u:%zu", r->usage, r->selector, r->matching,
                                r->data.len);
        break;
    case MANSIO_DNS_TXT:
        (void)mansio_buf_printf(out, " \"%.*s\"", MANSIO_STR_ARG(r->data));
        break;
    case MANSIO_DNS_A:
    case MANSIO_DNS_AAAA:
        (void)mansio_buf_printf(out, " %.*s", MANSIO_STR_ARG(r->data));
        break;
    default:
        (void)mansio_buf_printf(out, " %.*s", MANSIO_STR_ARG(r->name));
        break;
    }
}

static struct mansio_str answer_of(struct mansio_arena *arena, const char *name, uint32_t type)
{
    struct mansio_dns_answer answer = {.size = sizeof answer};
    struct mansio_buf *out = mansio_buf_new(arena, 65536);
    int rc = mansio_dns_query(arena, mansio_str_from_cstr(name), type, LATER, &answer);

    if (rc < 0) {
        (void)mansio_buf_printf(out, "%s", mansio_error_name(rc));
        return mansio_buf_str(out);
    }
    (void)mansio_buf_printf(out, "%s%s", answer.is_name_known ? "known" : "unknown",
                            answer.is_authentic ? " authentic" : "");
    for (size_t i = 0; i < answer.count; i++) {
        print_record(out, type, answer.records[i]);
    }
    return mansio_buf_str(out);
}

static const struct {
    const char *name;
    uint32_t type;
    const char *wanted;
} ROWS[] = {
    {"a.test", MANSIO_DNS_A, "known 192.0.2.1 192.0.2.2"},
    {"A.TEST.", MANSIO_DNS_A, "known 192.0.2.1 192.0.2.2"},
    {"a.test", MANSIO_DNS_AAAA, "known 2001:db8::1"},
    {"a.test", MANSIO_DNS_MX, "known 10:mx1.a.test 20:mx2.a.test"},
    {"null.test", MANSIO_DNS_MX, "known 0:"},
    {"a.test", MANSIO_DNS_TXT, "known \"v=spf1 -all\" \"\""},
    {"_25._tcp.mx1.a.test", MANSIO_DNS_TLSA, "known 3:1:1:32"},
    {"_imaps._tcp.a.test", MANSIO_DNS_SRV, "known 5:7:993:imap.a.test"},
    {"192.0.2.1", MANSIO_DNS_PTR, "known a.test"},
    {"1.2.0.192.in-addr.arpa", MANSIO_DNS_PTR, "known a.test"},
    {"2001:db8::1", MANSIO_DNS_PTR, "known six.a.test"},
    {"192.0.2.99", MANSIO_DNS_PTR, "unknown"},
    {"m\xc3\xbcnchen.test", MANSIO_DNS_A, "known 192.0.2.9"},
    {"www.test", MANSIO_DNS_A, "known 192.0.2.3"},
    {"www.test", MANSIO_DNS_CNAME, "known host.test"},
    {"www.test", MANSIO_DNS_AAAA, "known"},
    {"dangling.test", MANSIO_DNS_A, "unknown"},
    {"out.test", MANSIO_DNS_A, "known 192.0.2.4"},
    {"loop1.test", MANSIO_DNS_A, "unavailable"},
    {"chain0.test", MANSIO_DNS_A, "unavailable"},
    {"nx.test", MANSIO_DNS_A, "unknown"},
    {"hidden.onion", MANSIO_DNS_A, "unknown"},
    {"a.test", MANSIO_DNS_SRV, "known"},
    {"servfail.test", MANSIO_DNS_A, "unavailable"},
    {"silent.test", MANSIO_DNS_A, "unavailable"},
    {"garbage.test", MANSIO_DNS_A, "unavailable"},
    {"wrong.test", MANSIO_DNS_A, "unavailable"},
    {"formerr.test", MANSIO_DNS_A, "known 192.0.2.6"},
    {"formerr2.test", MANSIO_DNS_A, "known 192.0.2.6"}, /* c-ares has given EDNS up by now */
    {"signed.secure.test", MANSIO_DNS_A, "known authentic 192.0.2.7"},
    {"nx.secure.test", MANSIO_DNS_A, "unknown authentic"},
    {"a..test", MANSIO_DNS_A, "invalid"},
    {"", MANSIO_DNS_A, "invalid"},
    {"a.test", 99, "invalid"},
};

struct setup {
    int trust_ad;
    size_t cache_bytes;
    int (*fn)(void *arg);
};

static int with_resolver(void *arg)
{
    const struct setup *setup = arg;
    const struct mansio_str servers[] = {mansio_str_from_cstr(server.address)};
    const struct core_resolver_options options = {
        .servers = servers,
        .server_count = 1,
        .trust_ad = setup->trust_ad,
        .timeout_us = 100 * MANSIO_MS,
        .tries = 2,
        .cache_bytes = setup->cache_bytes,
    };
    struct core_resolver_stats stats;

    CHECK(core_resolver_init(&options) == 0);
    (void)setup->fn(arg);
    core_resolver_stats(&stats);
    core_resolver_fini();
    return 0;
}

static void run_with(int trust_ad, size_t cache_bytes, int (*fn)(void *arg))
{
    struct setup setup = {.trust_ad = trust_ad, .cache_bytes = cache_bytes, .fn = fn};

    run_fiber(with_resolver, &setup);
}

static int rows_run(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < MANSIO_COUNT(ROWS); i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
        struct mansio_str got = answer_of(arena, ROWS[i].name, ROWS[i].type);

        if (!mansio_str_eq(got, mansio_str_from_cstr(ROWS[i].wanted))) {
            print_message("# %s %u gives \"%.*s\", wanted \"%s\": %s\n", ROWS[i].name, ROWS[i].type,
                          MANSIO_STR_ARG(got), ROWS[i].wanted, mansio_error_detail());
            CHECK(0);
        }
        mansio_arena_free(arena);
    }
    return 0;
}

static void all_kinds(void **state)
{
    (void)state;
    run_with(1, 0, rows_run);
}

/* With answers kept, the same comes again. */
static int again_run(void *arg)
{
    (void)rows_run(arg);
    return rows_run(arg);
}

static void all_kinds_kept(void **state)
{
    (void)state;
    run_with(1, 1 << 20, again_run);
}

static int large_run(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_dns_answer answer = {.size = sizeof answer};

    (void)arg;
    CHECK(mansio_dns_query(arena, MANSIO_STR("cut.test"), MANSIO_DNS_TXT, LATER, &answer) == 0);
    CHECK(answer.count == 1 && answer.records[0]->data.len == 20 * 255);
    mansio_arena_free(arena);
    return 0;
}

static void cut_answers_come_by_tcp(void **state)
{
    (void)state;
    run_with(0, 0, large_run);
}

static int untrusted_run(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)arg;
    CHECK(mansio_str_eq(answer_of(arena, "signed.secure.test", MANSIO_DNS_A),
                        MANSIO_STR("known 192.0.2.7")));
    mansio_arena_free(arena);
    return 0;
}

static void untrusted_resolvers_are_not_believed(void **state)
{
    (void)state;
    run_with(0, 0, untrusted_run);
}

static uint64_t asked(void)
{
    struct core_resolver_stats stats;

    core_resolver_stats(&stats);
    return stats.asked;
}

static int kept_run(void *arg)
{
    static const struct {
        const char *name;
        uint64_t second; /* questions the second time */
    } KEPT[] = {{"a.test", 0},     {"nx.test", 0},       {"out.test", 0},
                {"short.test", 1}, {"servfail.test", 1}, {"dangling.test", 0}};
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)arg;
    for (size_t i = 0; i < MANSIO_COUNT(KEPT); i++) {
        struct mansio_str first = answer_of(arena, KEPT[i].name, MANSIO_DNS_A);
        uint64_t before = asked();

        CHECK(mansio_str_eq(first, answer_of(arena, KEPT[i].name, MANSIO_DNS_A)));
        CHECK(asked() - before == KEPT[i].second);
    }
    mansio_arena_free(arena);
    return 0;
}

static void answers_are_kept(void **state)
{
    (void)state;
    run_with(1, 1 << 20, kept_run);
}

/* ---- many at once; cancelled; out of time */

static int one_run(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    CHECK(mansio_str_eq(answer_of(arena, arg, MANSIO_DNS_A), MANSIO_STR("known 192.0.2.3")));
    mansio_arena_free(arena);
    return 0;
}

static int many_run(void *arg)
{
    struct mansio_group *group = mansio_group_new("many");
    static char name[] = "www.test";

    (void)arg;
    for (int i = 0; i < 200; i++) {
        CHECK(mansio_group_spawn(group, "one", one_run, name, NULL) == 0);
    }
    CHECK(mansio_group_join(group, LATER) == 0);
    mansio_group_close(group);
    return 0;
}

static void many_at_once(void **state)
{
    (void)state;
    run_with(0, 0, many_run);
}

static int waiting_run(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_dns_answer answer = {.size = sizeof answer};

    *(int *)arg =
        mansio_dns_query(arena, MANSIO_STR("silent.test"), MANSIO_DNS_A, MANSIO_NEVER, &answer);
    mansio_arena_free(arena);
    return 0;
}

static int cancel_run(void *arg)
{
    struct mansio_group *group = mansio_group_new("cancel");
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_dns_answer answer = {.size = sizeof answer};
    struct mansio_fiber *fiber = NULL;
    struct core_resolver_stats stats;
    int result = 1;

    (void)arg;
    CHECK(mansio_group_spawn(group, "waiting", waiting_run, &result, &fiber) == 0);
    CHECK(mansio_fiber_yield() == 0);
    mansio_fiber_cancel(fiber);
    CHECK(mansio_fiber_join(fiber, LATER, NULL) == 0);
    CHECK(result == MANSIO_E_CANCELLED);
    mansio_group_close(group);
    CHECK(mansio_dns_query(arena, MANSIO_STR("silent.test"), MANSIO_DNS_A, mansio_now_us(),
                           &answer) == MANSIO_E_TIMEOUT);
    core_resolver_stats(&stats);
    CHECK(stats.waiting == 2); /* left alone */
    /* Others are answered meanwhile, and in time the two are done with. */
    CHECK(
        mansio_str_eq(answer_of(arena, "host.test", MANSIO_DNS_A), MANSIO_STR("known 192.0.2.3")));
    CHECK(mansio_str_eq(answer_of(arena, "silent.test", MANSIO_DNS_A), MANSIO_STR("unavailable")));
    core_resolver_stats(&stats);
    CHECK(stats.waiting == 0);
    mansio_arena_free(arena);
    return 0;
}

static void cancelled_and_late(void **state)
{
    (void)state;
    run_with(0, 0, cancel_run);
}

/* At the end a question that waits is called back, its fiber being gone. */
static int abandoned_run(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_dns_answer answer = {.size = sizeof answer};

    (void)arg;
    CHECK(mansio_dns_query(arena, MANSIO_STR("silent.test"), MANSIO_DNS_A, mansio_now_us(),
                           &answer) == MANSIO_E_TIMEOUT);
    mansio_arena_free(arena);
    return 0;
}

static void abandoned_at_the_end(void **state)
{
    (void)state;
    run_with(0, 0, abandoned_run);
}

static int without_run(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)arg;
    CHECK(mansio_str_eq(answer_of(arena, "a.test", MANSIO_DNS_A), MANSIO_STR("unavailable")));
    mansio_arena_free(arena);
    return 0;
}

static void without_a_resolver(void **state)
{
    (void)state;
    run_fiber(without_run, NULL);
}

static void servers(void **state)
{
    static const struct {
        const char *text;
        int result;
    } SERVERS[] = {
        {"192.0.2.1", 0},
        {"192.0.2.1:5353", 0},
        {"2001:db8::53", 0},
        {"[2001:db8::53]", 0},
        {"[2001:db8::53]:5353", 0},
        {"", MANSIO_E_INVALID},
        {"192.0.2", MANSIO_E_INVALID},
        {"192.0.2.1:0", MANSIO_E_INVALID},
        {"192.0.2.1:99999", MANSIO_E_INVALID},
        {"*:53", MANSIO_E_INVALID},
        {"dns.test", MANSIO_E_INVALID},
        {"unix:/run/x", MANSIO_E_INVALID},
        {"[::1", MANSIO_E_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(SERVERS); i++) {
        if (core_resolver_check_server(core_test_slice(SERVERS[i].text)) != SERVERS[i].result) {
            print_error("%s\n", SERVERS[i].text);
            fail();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers),
        cmocka_unit_test(all_kinds),
        cmocka_unit_test(all_kinds_kept),
        cmocka_unit_test(cut_answers_come_by_tcp),
        cmocka_unit_test(untrusted_resolvers_are_not_believed),
        cmocka_unit_test(answers_are_kept),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(cancelled_and_late),
        cmocka_unit_test(abandoned_at_the_end),
        cmocka_unit_test(without_a_resolver),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
