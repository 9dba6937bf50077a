/*
 * Routes: the order of hosts, null MX, ourselves among them; literals and addresses.
 */
#include "core/base/testing.h"

#include "route.h"
#include <mansio/error.h>
#include <mansio/str.h>

#include <string.h>

enum { RECORDS_MAX = 32 };

static const struct mansio_str own[] = {MANSIO_STR("us.test"), MANSIO_STR("we.test")};

struct mx {
    const char *name;
    uint32_t preference;
};

static void read_route(const struct mx *list, size_t count, uint64_t seed, struct ob_route *out)
{
    static struct mansio_dns_record records[RECORDS_MAX];
    static const struct mansio_dns_record *pointers[RECORDS_MAX];
    struct mansio_dns_answer answer = {
        .size = sizeof answer, .records = pointers, .count = count, .is_name_known = 1};

    for (size_t i = 0; i < count; i++) {
        records[i] = (struct mansio_dns_record){.size = sizeof records[i],
                                                .preference = list[i].preference,
                                                .name = mansio_str_from_cstr(list[i].name)};
        pointers[i] = &records[i];
    }
    ob_route_read(&answer, own, MANSIO_COUNT(own), seed, out);
}

static void rfc5321_5_1_by_preference_equals_by_chance(void **state)
{
    static const struct mx list[] = {{"a", 10}, {"b", 20}, {"c", 20}, {"d", 20}, {"e", 30}};
    size_t first[3] = {0};
    struct ob_route route;
    (void)state;

    for (uint64_t seed = 0; seed < 600; seed++) {
        read_route(list, MANSIO_COUNT(list), seed, &route);
        assert_int_equal(route.kind, OB_ROUTE_HOSTS);
        assert_int_equal(route.count, 5);
        core_test_str(route.hosts[0].name, "a");
        core_test_str(route.hosts[4].name, "e");
        first[route.hosts[1].name.ptr[0] - 'b']++;
        size_t seen = 0;
        for (size_t i = 1; i < 4; i++) {
            seen |= (size_t)1 << (route.hosts[i].name.ptr[0] - 'b');
        }
        assert_int_equal(seen, 7);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_true(first[i] > 100 && first[i] < 300); /* of 600, by thirds; the seeds are fixed */
    }
}

static void rfc7505_null_mx(void **state)
{
    static const struct mx null[] = {{"", 0}};
    static const struct mx some[] = {{"", 0}, {"a", 10}};
    struct ob_route route;
    (void)state;

    read_route(null, 1, 1, &route);
    assert_int_equal(route.kind, OB_ROUTE_NULL);
    read_route(some, 2, 1, &route);
    assert_int_equal(route.kind, OB_ROUTE_HOSTS);
    assert_int_equal(route.count, 1);
}

static void rfc5321_5_1_ourselves(void **state)
{
    static const struct mx list[] = {{"a", 10}, {"WE.test", 20}, {"b", 20}, {"c", 30}};
    static const struct mx best[] = {{"us.test", 10}, {"a", 20}};
    struct ob_route route;
    (void)state;

    read_route(list, MANSIO_COUNT(list), 1, &route);
    assert_int_equal(route.kind, OB_ROUTE_HOSTS);
    assert_int_equal(route.count, 1);
    core_test_str(route.hosts[0].name, "a");
    read_route(best, MANSIO_COUNT(best), 1, &route);
    assert_int_equal(route.kind, OB_ROUTE_LOOP);
}

static void no_records(void **state)
{
    struct mansio_dns_answer answer = {.size = sizeof answer, .is_name_known = 1};
    struct ob_route route;
    (void)state;

    ob_route_read(&answer, own, MANSIO_COUNT(own), 1, &route);
    assert_int_equal(route.kind, OB_ROUTE_IMPLICIT);
    answer.is_name_known = 0;
    ob_route_read(&answer, own, MANSIO_COUNT(own), 1, &route);
    assert_int_equal(route.kind, OB_ROUTE_UNKNOWN);
}

static void has_bounds(void **state)
{
    struct mx list[RECORDS_MAX];
    struct ob_route route;
    (void)state;

    for (size_t i = 0; i < RECORDS_MAX; i++) {
        list[i] = (struct mx){"a", (uint32_t)i};
    }
    read_route(list, RECORDS_MAX, 1, &route);
    assert_int_equal(route.count, OB_HOSTS_MAX);
}

static void rfc5321_4_1_3_literals(void **state)
{
    static const struct {
        const char *literal, *address;
    } cases[] = {
        {"[192.0.2.1]", "192.0.2.1"},
        {"[IPv6:2001:db8::1]", "2001:db8::1"},
        {"[ipv6:::1]", "::1"},
        {"[2001:db8::1]", NULL},
        {"[192.0.2]", NULL},
        {"[]", NULL},
        {"192.0.2.1", NULL},
        {"[IPv6:192.0.2.1]", NULL},
        {"[tag:x]", NULL},
        {"", NULL},
        {"[", NULL},
        {"[IPv6:1111:2222:3333:4444:5555:6666:7777:8888:9999:0]", NULL},
    };
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        struct mansio_str address = MANSIO_STR_NONE;
        int rc = ob_literal_address(mansio_str_from_cstr(cases[i].literal), &address);
        assert_int_equal(rc, cases[i].address != NULL ? 0 : MANSIO_E_INVALID);
        if (rc == 0) {
            core_test_str(address, cases[i].address);
        }
    }
}

static void loopback(void **state)
{
    static const char *const yes[] = {"127.0.0.1", "127.255.1.2", "0.0.0.0",
                                      "::1",       "::",          "::ffff:127.0.0.1"};
    static const char *const no[] = {"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1",
                                     "",          "x",           "128.0.0.1"};
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(yes); i++) {
        assert_int_equal(ob_is_loopback(mansio_str_from_cstr(yes[i])), 1);
    }
    for (size_t i = 0; i < MANSIO_COUNT(no); i++) {
        assert_int_equal(ob_is_loopback(mansio_str_from_cstr(no[i])), 0);
    }
}

static void own_addresses_however_spelled(void **state)
{
    static const struct mansio_str mine[] = {MANSIO_STR("192.0.2.1"),
                                             MANSIO_STR("2001:DB8:0:0::1")};
    static const char *const yes[] = {"192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1",
                                      "2001:0db8:0000::0:1"};
    static const char *const no[] = {"192.0.2.2", "2001:db8::2", "", "x", "192.0.2.1.example"};
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(yes); i++) {
        assert_int_equal(ob_is_own_address(mansio_str_from_cstr(yes[i]), mine, MANSIO_COUNT(mine)),
                         1);
    }
    for (size_t i = 0; i < MANSIO_COUNT(no); i++) {
        assert_int_equal(ob_is_own_address(mansio_str_from_cstr(no[i]), mine, MANSIO_COUNT(mine)),
                         0);
    }
}

static void addresses(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 4096);
    struct mansio_str text = MANSIO_STR_NONE;
    (void)state;
    assert_int_equal(ob_address_text(arena, MANSIO_STR("192.0.2.1"), 25, &text), 0);
    core_test_str(text, "192.0.2.1:25");
    assert_int_equal(ob_address_text(arena, MANSIO_STR("2001:db8::1"), 587, &text), 0);
    core_test_str(text, "[2001:db8::1]:587");
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc5321_5_1_by_preference_equals_by_chance),
        cmocka_unit_test(rfc7505_null_mx),
        cmocka_unit_test(rfc5321_5_1_ourselves),
        cmocka_unit_test(no_records),
        cmocka_unit_test(has_bounds),
        cmocka_unit_test(rfc5321_4_1_3_literals),
        cmocka_unit_test(loopback),
        cmocka_unit_test(own_addresses_however_spelled),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
