/*
 * Tests of answers of DNS as bytes: RFC 1035 4.1, RFC 2181 8, RFC 2308 5, RFC 7505. Packets are
 * written as text: names with their labels' lengths, pointers, numbers.
 */
#include "core/net/dns.h"

#include "core/base/testing.h"
#include "core/net/dns_cache.h"

#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include <stdio.h>
#include <stdlib.h>

/* The question of all packets: "a.test", at 12; "test" is at 14; records begin at 24. */
#define NAME "\1a\4test\0"
#define HEAD(flags, answers, authority)                                                            \
    "\x12\x34" flags "\0\1\0" answers "\0" authority "\0\0" NAME "\0\1\0\1"
#define MX_HEAD(flags, answers, authority)                                                         \
    "\x12\x34" flags "\0\1\0" answers "\0" authority "\0\0" NAME "\0\17\0\1"
#define OK    "\x81\x80"
#define IN_A  "\0\1\0\1"
#define IN_MX "\0\17\0\1"
#define TTL60 "\0\0\0\x3c"
#define SELF  "\xc0\x0c"
#define SOA                                                                                        \
    "\xc0\x0e\0\6\0\1\0\0\1\0\0\x1c\1n\xc0\x0e\1r\xc0\x0e"                                         \
    "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\x32"
#define CNAME_B     SELF "\0\5\0\1" TTL60 "\0\4\1b\xc0\x0e" /* a.test is b.test */
#define A_OF(owner) owner IN_A TTL60 "\0\4\300\0\2\1"

#define ROW(packet, type, result, wanted)                                                          \
    {                                                                                              \
        packet, sizeof(packet) - 1, type, result, wanted                                           \
    }

/* Wanted: "rcode ad steps ttl next records". */
static const struct {
    const char *packet;
    size_t length;
    uint32_t type;
    int result;
    const char *wanted;
} ROWS[] = {
    ROW(HEAD(OK, "\1", "\0") A_OF(SELF), MANSIO_DNS_A, 0, "0 0 0 60 - 192.0.2.1"),
    ROW(HEAD("\x81\xa0", "\1", "\0") A_OF(SELF), MANSIO_DNS_A, 0, "0 1 0 60 - 192.0.2.1"),
    ROW(HEAD(OK, "\1", "\0") A_OF("\1A\4TEST\0"), MANSIO_DNS_A, 0, "0 0 0 60 - 192.0.2.1"),
    ROW(HEAD(OK, "\1", "\0") SELF IN_A "\x80\0\0\1\0\4\300\0\2\1", MANSIO_DNS_A, 0,
        "0 0 0 0 - 192.0.2.1"),
    ROW(HEAD(OK, "\1", "\0") SELF IN_A "\0\x0f\0\0\0\4\300\0\2\1", MANSIO_DNS_A, 0,
        "0 0 0 86400 - 192.0.2.1"),
    ROW(HEAD(OK, "\0", "\0"), MANSIO_DNS_A, 0, "0 0 0 0 -"),
    ROW(HEAD(OK, "\0", "\1") SOA, MANSIO_DNS_A, 0, "0 0 0 50 -"),
    ROW(HEAD("\x81\x83", "\0", "\1") SOA, MANSIO_DNS_A, 0, "3 0 0 50 -"),
    ROW(HEAD("\x81\x83", "\0", "\0"), MANSIO_DNS_A, 0, "3 0 0 0 -"),
    ROW(HEAD(OK, "\2", "\0") CNAME_B A_OF("\1b\xc0\x0e"), MANSIO_DNS_A, 0, "0 0 1 60 - 192.0.2.1"),
    ROW(HEAD(OK, "\2", "\0") A_OF("\1b\xc0\x0e") CNAME_B, MANSIO_DNS_A, 0, "0 0 1 60 - 192.0.2.1"),
    ROW(HEAD(OK, "\1", "\0") CNAME_B, MANSIO_DNS_A, 0, "0 0 1 60 b.test"),
    ROW(HEAD(OK, "\1", "\1") CNAME_B SOA, MANSIO_DNS_A, 0, "0 0 1 50 -"),
    ROW(HEAD("\x81\x83", "\1", "\1") CNAME_B SOA, MANSIO_DNS_A, 0, "3 0 1 50 -"),
    /* Of somebody else, of another class, of another type: left out. */
    ROW(HEAD(OK, "\1", "\0") A_OF("\1c\xc0\x0e"), MANSIO_DNS_A, 0, "0 0 0 0 -"),
    ROW(HEAD(OK, "\1", "\0") SELF "\0\1\0\3" TTL60 "\0\4\300\0\2\1", MANSIO_DNS_A, 0, "0 0 0 0 -"),
    ROW(HEAD(OK, "\1", "\0") SELF "\0\x63\0\1" TTL60 "\0\4abcd", MANSIO_DNS_A, 0, "0 0 0 0 -"),
    /* A chain that bites its tail. */
    ROW(HEAD(OK, "\1", "\0") SELF "\0\5\0\1" TTL60 "\0\2" SELF, MANSIO_DNS_A, MANSIO_E_INVALID,
        NULL),
    /* MX: sorted; the root; a name with bytes that aren't plain. */
    ROW(MX_HEAD(OK, "\2", "\0") SELF IN_MX TTL60 "\0\6\0\x14\1m\xc0\x0e" SELF IN_MX TTL60
                                                 "\0\6\0\x0a\1N\xc0\x0e",
        MANSIO_DNS_MX, 0, "0 0 0 60 - 10:n.test 20:m.test"),
    ROW(MX_HEAD(OK, "\1", "\0") SELF IN_MX TTL60 "\0\3\0\0\0", MANSIO_DNS_MX, 0, "0 0 0 60 - 0:"),
    ROW(MX_HEAD(OK, "\1", "\0") SELF IN_MX TTL60 "\0\x0a\0\0\5.\\\n \xff\xc0\x0e", MANSIO_DNS_MX, 0,
        "0 0 0 60 - 0:\\.\\\\\\010\\032\\255.test"),
    /* Names that point at themselves, forward, past the end; a reserved kind; one too long. */
    ROW(MX_HEAD(OK, "\1", "\0") SELF IN_MX TTL60 "\0\4\0\0\xc0\x26", MANSIO_DNS_MX,
        MANSIO_E_INVALID, NULL),
    ROW(MX_HEAD(OK, "\1", "\0") SELF IN_MX TTL60 "\0\4\0\0\xc0\x28", MANSIO_DNS_MX,
        MANSIO_E_INVALID, NULL),
    ROW(MX_HEAD(OK, "\1", "\0") SELF IN_MX TTL60 "\0\4\0\0\xff\xff", MANSIO_DNS_MX,
        MANSIO_E_INVALID, NULL),
    ROW(MX_HEAD(OK, "\1", "\0") SELF IN_MX TTL60 "\0\4\0\0\x80\x0c", MANSIO_DNS_MX,
        MANSIO_E_INVALID, NULL),
    ROW(MX_HEAD(OK, "\1", "\0") "\xc0\x18" IN_MX TTL60 "\0\3\0\0\0", MANSIO_DNS_MX,
        MANSIO_E_INVALID, NULL),
    /* Two that point at each other: each would have to be before the other. */
    ROW(MX_HEAD(OK, "\1", "\0") SELF IN_MX TTL60 "\0\6\0\0\xc0\x28\xc0\x26", MANSIO_DNS_MX,
        MANSIO_E_INVALID, NULL),
    /* Data that are shorter or longer than what is in them. */
    ROW(MX_HEAD(OK, "\1", "\0") SELF IN_MX TTL60 "\0\1\0", MANSIO_DNS_MX, MANSIO_E_INVALID, NULL),
    ROW(MX_HEAD(OK, "\1", "\0") SELF IN_MX TTL60 "\0\4\0\0\0\0", MANSIO_DNS_MX, MANSIO_E_INVALID,
        NULL),
    ROW(HEAD(OK, "\1", "\0") SELF IN_A TTL60 "\0\3\300\0\2", MANSIO_DNS_A, MANSIO_E_INVALID, NULL),
    ROW(HEAD(OK, "\2", "\0") A_OF(SELF), MANSIO_DNS_A, MANSIO_E_INVALID, NULL),
    /* No answer, a cut one, another operation, another question, a failure. */
    ROW(HEAD("\x01\x80", "\0", "\0"), MANSIO_DNS_A, MANSIO_E_INVALID, NULL),
    ROW(HEAD("\x83\x80", "\0", "\0"), MANSIO_DNS_A, MANSIO_E_INVALID, NULL),
    ROW(HEAD("\x89\x80", "\0", "\0"), MANSIO_DNS_A, MANSIO_E_INVALID, NULL),
    ROW(HEAD(OK, "\0", "\0"), MANSIO_DNS_MX, MANSIO_E_INVALID, NULL),
    ROW("\x12\x34" OK "\0\1\0\0\0\0\0\0\1b\4test\0\0\1\0\1", MANSIO_DNS_A, MANSIO_E_INVALID, NULL),
    ROW("\x12\x34" OK "\0\0\0\0\0\0\0\0", MANSIO_DNS_A, MANSIO_E_INVALID, NULL),
    ROW("\x12\x34" OK "\0\2\0\0\0\0\0\0" NAME IN_A NAME IN_A, MANSIO_DNS_A, MANSIO_E_INVALID, NULL),
    ROW(HEAD("\x81\x82", "\0", "\0"), MANSIO_DNS_A, MANSIO_E_UNSUPPORTED, NULL),
    ROW("", MANSIO_DNS_A, MANSIO_E_INVALID, NULL),
};

static struct mansio_str print(struct mansio_arena *arena, uint32_t type,
                               const struct core_dns_result *result)
{
    struct mansio_buf *out = mansio_buf_new(arena, 65536);

    (void)mansio_buf_printf(out, "%u %u %u %u ", result->rcode, result->is_authentic, result->steps,
                            result->ttl);
    (void)mansio_buf_add(out, result->next.ptr != NULL ? result->next : MANSIO_STR("-"));
    for (size_t i = 0; i < result->count; i++) {
        const struct mansio_dns_record *record = result->records[i];

        if (type == MANSIO_DNS_MX) {
            (void)mansio_buf_printf(out, " %u:%.*s", record->preference,
                                    MANSIO_STR_ARG(record->name));
        } else {
            (void)mansio_buf_printf(out, " %.*s", MANSIO_STR_ARG(record->data));
        }
    }
    return mansio_buf_str(out);
}

static void answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(ROWS); i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
        struct core_dns_result result = {.rcode = 77};
        int rc = core_dns_parse(arena, (struct mansio_str){ROWS[i].packet, ROWS[i].length},
                                MANSIO_STR("a.test"), ROWS[i].type, &result);

        if (rc != ROWS[i].result) {
            print_error("row %zu gives %d: %s\n", i, rc, mansio_error_detail());
        }
        assert_int_equal(rc, ROWS[i].result);
        if (rc == 0) {
            struct mansio_str got = print(arena, ROWS[i].type, &result);

            if (!mansio_str_eq(got, mansio_str_from_cstr(ROWS[i].wanted))) {
                print_error("row %zu gives \"%.*s\"\n", i, MANSIO_STR_ARG(got));
            }
            core_test_str(got, ROWS[i].wanted);
        }
        mansio_arena_free(arena);
    }
}

/* Cut anywhere, an answer that is good is none; and nothing behind the cut is looked at. */
static void cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(ROWS); i++) {
        for (size_t length = 0; ROWS[i].result == 0 && length < ROWS[i].length; length++) {
            struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
            struct core_dns_result result = {.rcode = 0};
            char *copy = malloc(length + 1); /* its end is watched by sanitizers */

            assert_non_null(copy);
            memcpy(copy, ROWS[i].packet, length);
            assert_int_equal(core_dns_parse(arena, (struct mansio_str){copy, length},
                                            MANSIO_STR("a.test"), ROWS[i].type, &result),
                             MANSIO_E_INVALID);
            free(copy);
            mansio_arena_free(arena);
        }
    }
}

/* A byte changed is no fault, whatever it makes of an answer. */
static void any_byte_changed(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(ROWS); i++) {
        for (size_t at = 0; at < ROWS[i].length; at++) {
            for (unsigned with = 0; with < 256; with += 5) {
                struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
                struct core_dns_result result = {.rcode = 0};
                char copy[512];
                int rc;

                memcpy(copy, ROWS[i].packet, ROWS[i].length);
                copy[at] = (char)(copy[at] ^ with);
                rc = core_dns_parse(arena, (struct mansio_str){copy, ROWS[i].length},
                                    MANSIO_STR("a.test"), ROWS[i].type, &result);
                assert_true(rc == 0 || rc == MANSIO_E_INVALID || rc == MANSIO_E_UNSUPPORTED);
                mansio_arena_free(arena);
            }
        }
    }
}

static void longest_names(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct core_dns_result result = {.rcode = 0};

    (void)state;
    for (size_t last = 60; last <= 62; last++) {
        static const char head[] = MX_HEAD(OK, "\1", "\0") SELF IN_MX TTL60;
        char packet[512];
        size_t at = sizeof head - 1;
        size_t length = 2 + 3 * 64 + last + 1 + 1;

        memcpy(packet, head, at);
        packet[at++] = (char)(length >> 8);
        packet[at++] = (char)length;
        packet[at++] = 0;
        packet[at++] = 1;
        for (size_t i = 0; i < 4; i++) {
            size_t label = i < 3 ? 63 : last;

            packet[at++] = (char)label;
            memset(packet + at, '\xfe', label);
            at += label;
        }
        packet[at++] = 0;
        /* RFC 1035 2.3.4: 255 bytes are a name, 256 are none. */
        assert_int_equal(core_dns_parse(arena, (struct mansio_str){packet, at},
                                        MANSIO_STR("a.test"), MANSIO_DNS_MX, &result),
                         last <= 61 ? 0 : MANSIO_E_INVALID);
        if (last == 61) {
            assert_int_equal(result.records[0]->name.len, 4 * 250 + 3);
        }
    }
    mansio_arena_free(arena);
}

static void full_arena(void **state)
{
    static const char packet[] = HEAD(OK, "\1", "\0") A_OF(SELF);

    (void)state;
    for (size_t cap = 16; cap < 300; cap += 16) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", cap);
        struct core_dns_result result = {.rcode = 0};
        int rc = core_dns_parse(arena, (struct mansio_str){packet, sizeof packet - 1},
                                MANSIO_STR("a.test"), MANSIO_DNS_A, &result);

        assert_true(rc == MANSIO_E_LIMIT || (rc == 0 && cap > 150));
        mansio_arena_free(arena);
    }
}

static void too_many_records(void **state)
{
    static const char head[] = "\x12\x34" OK "\0\1\2\1\0\0\0\0" NAME IN_A;
    static const char record[] = A_OF(SELF);
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_buf *packet = mansio_buf_new(arena, 1 << 20);
    struct core_dns_result result = {.rcode = 0};

    (void)state;
    (void)mansio_buf_add(packet, (struct mansio_str){head, sizeof head - 1});
    for (int i = 0; i < 513; i++) {
        (void)mansio_buf_add(packet, (struct mansio_str){record, sizeof record - 1});
    }
    assert_int_equal(
        core_dns_parse(arena, mansio_buf_str(packet), MANSIO_STR("a.test"), MANSIO_DNS_A, &result),
        MANSIO_E_INVALID);
    mansio_arena_free(arena);
}

static void reverse_names(void **state)
{
    static const struct {
        const char *address;
        const char *wanted;
    } REVERSE[] = {
        {"192.0.2.1", "1.2.0.192.in-addr.arpa"},
        {"2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"},
        {"example.org", NULL},
        {"192.0.2", NULL},
        {"", NULL},
    };
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(REVERSE); i++) {
        struct mansio_str out = MANSIO_STR_NONE;

        assert_int_equal(core_dns_reverse(arena, core_test_slice(REVERSE[i].address), &out),
                         REVERSE[i].wanted != NULL ? 0 : MANSIO_E_NOT_FOUND);
        if (REVERSE[i].wanted != NULL) {
            core_test_str(out, REVERSE[i].wanted);
        }
    }
    mansio_arena_free(arena);
}

static void cache(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct core_dns_cache *kept = core_dns_cache_new(arena, 4096);
    uint32_t age = 77;
    char name[16];

    (void)state;
    core_dns_cache_put(kept, MANSIO_STR("a"), 1, MANSIO_STR("one"), 10, 0);
    core_dns_cache_put(kept, MANSIO_STR("a"), 2, MANSIO_STR("two"), 10, 0);
    core_dns_cache_put(kept, MANSIO_STR("b"), 1, MANSIO_STR("none"), 0, 0);
    core_test_str(core_dns_cache_get(kept, MANSIO_STR("a"), 1, 5 * MANSIO_SECOND, &age), "one");
    assert_int_equal(age, 5);
    core_test_str(core_dns_cache_get(kept, MANSIO_STR("a"), 2, 0, &age), "two");
    assert_null(core_dns_cache_get(kept, MANSIO_STR("b"), 1, 0, &age).ptr);
    core_dns_cache_put(kept, MANSIO_STR("a"), 1, MANSIO_STR("three"), 10, 0);
    core_test_str(core_dns_cache_get(kept, MANSIO_STR("a"), 1, 0, &age), "three");
    assert_int_equal(core_dns_cache_entries(kept), 2);
    assert_null(core_dns_cache_get(kept, MANSIO_STR("a"), 1, 10 * MANSIO_SECOND, &age).ptr);
    assert_int_equal(core_dns_cache_entries(kept), 1);
    for (int i = 0; i < 1000; i++) {
        int length = snprintf(name, sizeof name, "n%d", i);

        core_dns_cache_put(kept, (struct mansio_str){name, (size_t)length}, 1, MANSIO_STR("x"), 10,
                           0);
        assert_true(core_dns_cache_bytes(kept) <= 4096);
    }
    assert_true(core_dns_cache_entries(kept) > 10);
    assert_null(core_dns_cache_get(kept, MANSIO_STR("n0"), 1, 0, &age).ptr);
    core_test_str(core_dns_cache_get(kept, MANSIO_STR("n999"), 1, 0, &age), "x");
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),          cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(any_byte_changed), cmocka_unit_test(longest_names),
        cmocka_unit_test(full_arena),       cmocka_unit_test(too_many_records),
        cmocka_unit_test(reverse_names),    cmocka_unit_test(cache),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
