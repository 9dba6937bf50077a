/*
 * Addresses and hosts that clients bring.
 */
#include "core/base/testing.h"

#include "address.h"
#include <mansio/error.h>

static void takes_addresses_apart(void **state)
{
    static const struct {
        const char *text, *whole, *domain;
    } rows[] = {
        {"fred@example.org", "fred@example.org", "example.org"},
        {"\r\n\t fred@example.org \n", "fred@example.org", "example.org"},
        {"a@b@example.org", "a@b@example.org", "example.org"},
        {"\"a b\"@x", "\"a b\"@x", "x"},
        {"f\xc3\xbc@\xe4\xbe\x8b.test", "f\xc3\xbc@\xe4\xbe\x8b.test", "\xe4\xbe\x8b.test"},
        {"\xf0\x9f\x93\xae@x.test", "\xf0\x9f\x93\xae@x.test", "x.test"},
        {"<&>@x", "<&>@x", "x"},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct autodiscover_address address;
        assert_int_equal(autodiscover_address_parse(core_test_slice(rows[i].text), &address), 0);
        core_test_str(address.whole, rows[i].whole);
        core_test_str(address.domain, rows[i].domain);
    }
}

static void refuses_what_is_no_address(void **state)
{
    static const struct mansio_str rows[] = {
        MANSIO_STR(""),
        MANSIO_STR("  "),
        MANSIO_STR("fred"),
        MANSIO_STR("@example.org"),
        MANSIO_STR("fred@"),
        MANSIO_STR("@"),
        MANSIO_STR("f\0@x"),
        MANSIO_STR("f\nb@x"),
        MANSIO_STR("f\x7f@x"),
        MANSIO_STR("f\xc2\x85@x"),         /* NEL */
        MANSIO_STR("f\xc0\x80@x"),         /* NUL, too long a form */
        MANSIO_STR("f\xe0\x80\xaf@x"),     /* too long a form */
        MANSIO_STR("f\xed\xa0\x80@x"),     /* a surrogate */
        MANSIO_STR("f\xef\xbf\xbf@x"),     /* no character */
        MANSIO_STR("f\xf4\x90\x80\x80@x"), /* beyond the last */
        MANSIO_STR("f\xf5\x80\x80\x80@x"),
        MANSIO_STR("f\x80@x"),
        MANSIO_STR("f@x\xe4\xbe"), /* cut off */
        MANSIO_STR("f@x\xc3("),
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct autodiscover_address address;
        assert_int_equal(autodiscover_address_parse(rows[i], &address), MANSIO_E_INVALID);
    }
}

static void refuses_what_is_too_long(void **state)
{
    char text[AUTODISCOVER_ADDRESS_MAX + 1];
    struct autodiscover_address address;

    (void)state;
    memset(text, 'a', sizeof text);
    text[1] = '@';
    assert_int_equal(
        autodiscover_address_parse((struct mansio_str){text, AUTODISCOVER_ADDRESS_MAX}, &address),
        0);
    assert_int_equal(autodiscover_address_parse((struct mansio_str){text, sizeof text}, &address),
                     MANSIO_E_LIMIT);
}

static void knows_whom_a_host_is_for(void **state)
{
    static const struct {
        const char *host, *domain;
    } rows[] = {
        {"autoconfig.example.org", "example.org"},
        {"autodiscover.example.org", "example.org"},
        {"AutoConfig.Example.org", "Example.org"},
        {"example.org", "example.org"},
        {"autoconfig", "autoconfig"},
        {"autoconfig.", ""},
        {"autoconfig.autoconfig.x", "autoconfig.x"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        core_test_str(autodiscover_host_domain(core_test_slice(rows[i].host)), rows[i].domain);
    }
}

static void knows_hosts_for_urls(void **state)
{
    static const struct {
        const char *host;
        int is_plain;
    } rows[] = {
        {"example.org", 1},
        {"192.0.2.1", 1},
        {"[2001:db8::1]", 1},
        {"a_b-c.example:443", 1},
        {"", 0},
        {"a/b", 0},
        {"a@b", 0},
        {"a?b", 0},
        {"a b", 0},
        {"a\r\nb", 0},
        {"a%64", 0},
        {"\xc3\xa4.test", 0},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        assert_int_equal(autodiscover_host_is_plain(core_test_slice(rows[i].host)),
                         rows[i].is_plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_addresses_apart),    cmocka_unit_test(refuses_what_is_no_address),
        cmocka_unit_test(refuses_what_is_too_long), cmocka_unit_test(knows_whom_a_host_is_for),
        cmocka_unit_test(knows_hosts_for_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
