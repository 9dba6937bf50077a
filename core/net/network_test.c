/*
 * Networks: what parses to what, what is refused and why, what contains what.
 */
#include "config.h"
#include "core/net/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <mansio/error.h>
#include <mansio/str.h>

static void accepts_and_prints(void **state)
{
    (void)state;
    static const struct {
        const char *text, *printed;
        unsigned family, prefix;
    } rows[] = {
        {"192.0.2.0/24", "192.0.2.0/24", CORE_NETWORK_IPV4, 24},
        {"192.0.2.1", "192.0.2.1", CORE_NETWORK_IPV4, 32},
        {"192.0.2.1/32", "192.0.2.1", CORE_NETWORK_IPV4, 32},
        {"192.0.2.128/25", "192.0.2.128/25", CORE_NETWORK_IPV4, 25},
        {"0.0.0.0/0", "0.0.0.0/0", CORE_NETWORK_IPV4, 0},
        {"2001:db8::/32", "2001:db8::/32", CORE_NETWORK_IPV6, 32},
        {"2001:DB8:0::1", "2001:db8::1", CORE_NETWORK_IPV6, 128},
        {"::/0", "::/0", CORE_NETWORK_IPV6, 0},
        {"fe80::/10", "fe80::/10", CORE_NETWORK_IPV6, 10},
        {"unix", "unix", CORE_NETWORK_UNIX, 0},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct core_network network;
        struct core_network again;
        char text[CORE_NETWORK_TEXT_MAX];
        assert_int_equal(core_network_parse(mansio_str_from_cstr(rows[i].text), &network), 0);
        assert_int_equal(network.family, rows[i].family);
        assert_int_equal(network.prefix, rows[i].prefix);
        assert_int_equal(core_network_print(&network, text), strlen(rows[i].printed));
        assert_string_equal(text, rows[i].printed);
        assert_int_equal(core_network_parse(mansio_str_from_cstr(text), &again), 0);
        assert_memory_equal(&again, &network, sizeof network);
    }
}

static void refuses_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        struct mansio_str text;
        const char *reason;
    } rows[] = {
        {MANSIO_STR(""), "one address or"},
        {MANSIO_STR("/24"), "one address or"},
        {MANSIO_STR("192.0.2"), "one address or"},
        {MANSIO_STR("192.0.2.0\0/24"), "one address or"},
        {MANSIO_STR("192.0.02.0/24"), "one address or"},
        {MANSIO_STR("mail.test"), "one address or"},
        {MANSIO_STR("unix/0"), "one address or"},
        {MANSIO_STR("[2001:db8::]/32"), "one address or"},
        {MANSIO_STR("fe80::1%2"), "one address or"},
        {MANSIO_STR("192.0.2.0/"), "0 to 32 bits"},
        {MANSIO_STR("192.0.2.0/33"), "0 to 32 bits"},
        {MANSIO_STR("192.0.2.0/024"), "0 to 32 bits"},
        {MANSIO_STR("192.0.2.0/-1"), "0 to 32 bits"},
        {MANSIO_STR("192.0.2.0/24/24"), "0 to 32 bits"},
        {MANSIO_STR("192.0.2.0/255.255.255.0"), "0 to 32 bits"},
        {MANSIO_STR("2001:db8::/129"), "0 to 128 bits"},
        {MANSIO_STR("192.0.2.1/24"), "\"192.0.2.0/24\"?"},
        {MANSIO_STR("192.0.2.129/25"), "\"192.0.2.128/25\"?"},
        {MANSIO_STR("2001:db8::1/64"), "\"2001:db8::/64\"?"},
        {MANSIO_STR("::ffff:192.0.2.0/120"), "written as IPv4"},
        {MANSIO_STR("::ffff:192.0.2.0"), "written as IPv4"},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct core_network network;
        assert_int_equal(core_network_parse(rows[i].text, &network), MANSIO_E_INVALID);
        if (!strstr(mansio_error_detail(), rows[i].reason)) {
            fail_msg("row %zu: %s", i, mansio_error_detail());
        }
    }
}

static void knows_what_is_in(void **state)
{
    (void)state;
    static const struct {
        const char *network, *ip;
        int is_in;
    } rows[] = {
        {"192.0.2.0/24", "192.0.2.0", 1},
        {"192.0.2.0/24", "192.0.2.255", 1},
        {"192.0.2.0/24", "192.0.3.0", 0},
        {"192.0.2.128/25", "192.0.2.127", 0},
        {"192.0.2.128/25", "192.0.2.128", 1},
        {"192.0.2.1", "192.0.2.1", 1},
        {"192.0.2.1", "192.0.2.2", 0},
        {"0.0.0.0/0", "203.0.113.9", 1},
        {"0.0.0.0/0", "2001:db8::1", 0},
        {"::/0", "192.0.2.1", 0},
        {"192.0.2.0/24", "::ffff:192.0.2.9", 1},
        {"::/0", "::ffff:192.0.2.9", 0},
        {"2001:db8::/32", "2001:db8:ffff::1", 1},
        {"2001:db8::/32", "2001:db9::", 0},
        {"2001:db8::/33", "2001:db8:8000::", 0},
        {"fe80::/10", "fe80::1%2", 1},
        {"unix", "unix", 1},
        {"unix", "192.0.2.1", 0},
        {"0.0.0.0/0", "unix", 0},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct core_network network;
        struct core_network ip;
        assert_int_equal(core_network_parse(mansio_str_from_cstr(rows[i].network), &network), 0);
        assert_int_equal(core_network_of_ip(mansio_str_from_cstr(rows[i].ip), &ip), 0);
        if (core_network_contains(&network, &ip) != rows[i].is_in) {
            fail_msg("%s in %s", rows[i].ip, rows[i].network);
        }
    }
    struct core_network wide;
    struct core_network narrow;
    assert_int_equal(core_network_parse(MANSIO_STR("10.0.0.0/8"), &wide), 0);
    assert_int_equal(core_network_parse(MANSIO_STR("10.1.0.0/16"), &narrow), 0);
    assert_true(core_network_contains(&wide, &narrow));
    assert_false(core_network_contains(&narrow, &wide));
    assert_int_equal(core_network_of_ip(MANSIO_STR("nobody"), &wide), MANSIO_E_INVALID);
}

static void takes_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *address, *network;
    } rows[] = {
        {"192.0.2.1:25", "192.0.2.1"},
        {"[2001:db8::1]:25", "2001:db8::1"},
        {"[fe80::1%2]:25", "fe80::1"},
        {"unix:/run/x", "unix"},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct core_address address;
        struct core_network network;
        char text[CORE_NETWORK_TEXT_MAX];
        assert_int_equal(core_address_parse(mansio_str_from_cstr(rows[i].address), &address), 0);
        assert_int_equal(core_network_of_address(&address, &network), 0);
        core_network_print(&network, text);
        assert_string_equal(text, rows[i].network);
    }
    struct core_network network;
    struct core_address nowhere = {.len = 0};
    assert_int_equal(core_network_of_address(&nowhere, &network), MANSIO_E_UNSUPPORTED);
}

/* The network that an address is in, and never a narrower one. */
static void widens(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        unsigned prefix;
    } rows[] = {
        {"192.0.2.77", "192.0.2.0/24", 24},
        {"192.0.2.77", "192.0.2.76/30", 30},
        {"192.0.2.77", "192.0.2.77", 32},
        {"192.0.2.0/24", "192.0.2.0/24", 30},
        {"2001:db8:1:2::3", "2001:db8:1::/48", 48},
        {"2001:db8:1:2::3", "2001:db8:1:2::3", 128},
        {"192.0.2.77", "0.0.0.0/0", 0},
        {"unix", "unix", 24},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct core_network network;
        char text[CORE_NETWORK_TEXT_MAX];
        assert_int_equal(core_network_parse(mansio_str_from_cstr(rows[i].from), &network), 0);
        core_network_widen(&network, rows[i].prefix);
        core_network_print(&network, text);
        assert_string_equal(text, rows[i].to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_and_prints),
        cmocka_unit_test(refuses_with_a_reason),
        cmocka_unit_test(knows_what_is_in),
        cmocka_unit_test(takes_addresses),
        cmocka_unit_test(widens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
