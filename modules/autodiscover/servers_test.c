/*
 * From offers to servers.
 */
#include "testing.h"

#include <mansio/error.h>

static void sorts_by_kind_then_as_offered(void **state)
{
    static const struct row rows[] = {
        {"submission", "", 465, MANSIO_OFFER_IMPLICIT, EVERYWHERE},
        {"pop3", "pop.example.net", 995, MANSIO_OFFER_IMPLICIT, "PASSWORD " EVERYWHERE},
        {"imap", "", 993, MANSIO_OFFER_IMPLICIT, EVERYWHERE},
        {"hello", "", 7777, MANSIO_OFFER_PLAIN, EVERYWHERE},
        {"imap", "", 143, MANSIO_OFFER_STARTTLS, EVERYWHERE},
        {"imap", "", 144, MANSIO_OFFER_PLAIN, "SCRAM-SHA-256"},
    };
    static const struct {
        uint32_t kind, port, logins;
        const char *host;
    } wanted[] = {
        {AUTODISCOVER_IMAP, 993, AUTODISCOVER_PASSWORD | AUTODISCOVER_SCRAM, "mail.example.org"},
        {AUTODISCOVER_IMAP, 143, AUTODISCOVER_PASSWORD | AUTODISCOVER_SCRAM, "mail.example.org"},
        {AUTODISCOVER_IMAP, 144, AUTODISCOVER_SCRAM, "mail.example.org"},
        {AUTODISCOVER_POP3, 995, AUTODISCOVER_PASSWORD | AUTODISCOVER_SCRAM, "pop.example.net"},
        {AUTODISCOVER_SMTP, 465, AUTODISCOVER_PASSWORD | AUTODISCOVER_SCRAM, "mail.example.org"},
    };

    (void)state;
    const struct autodiscover_servers *servers = servers_of(rows, MANSIO_COUNT(rows));
    assert_int_equal(servers->count, MANSIO_COUNT(wanted));
    for (size_t i = 0; i < MANSIO_COUNT(wanted); i++) {
        assert_int_equal(servers->rows[i].kind, wanted[i].kind);
        assert_int_equal(servers->rows[i].port, wanted[i].port);
        assert_int_equal(servers->rows[i].logins, wanted[i].logins);
        core_test_str(servers->rows[i].host, wanted[i].host);
    }
}

static void knows_ways_of_logging_in(void **state)
{
    static const struct {
        const char *mechanisms;
        uint32_t logins;
    } rows[] = {
        {"PASSWORD", AUTODISCOVER_PASSWORD},
        {"PLAIN", AUTODISCOVER_PASSWORD},
        {"LOGIN", AUTODISCOVER_PASSWORD},
        {"SCRAM-SHA-256-PLUS", AUTODISCOVER_SCRAM},
        {"CRAM-MD5 DIGEST-MD5", AUTODISCOVER_CHALLENGE},
        {"EXTERNAL PLAIN", AUTODISCOVER_CERTIFICATE | AUTODISCOVER_PASSWORD},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct row row = {"imap", "", 143, MANSIO_OFFER_STARTTLS, rows[i].mechanisms};
        const struct autodiscover_servers *servers = servers_of(&row, 1);
        assert_int_equal(servers->count, 1);
        assert_int_equal(servers->rows[0].logins, rows[i].logins);
    }
}

static void leaves_out_what_nobody_could_use(void **state)
{
    static const struct row rows[] = {
        {"imap", "", 143, MANSIO_OFFER_STARTTLS, ""},
        {"imap", "", 144, MANSIO_OFFER_STARTTLS, "X-NEW XPLAIN PLAINX SCRAM"},
        {"jmap", "", 443, MANSIO_OFFER_IMPLICIT, EVERYWHERE},
    };

    (void)state;
    assert_int_equal(servers_of(rows, MANSIO_COUNT(rows))->count, 0);
    assert_int_equal(servers_of(rows, 0)->count, 0);
}

static void names_a_place_once(void **state)
{
    static const struct row rows[] = {
        {"imap", "a.test", 993, MANSIO_OFFER_IMPLICIT, EVERYWHERE},
        {"imap", "A.test", 993, MANSIO_OFFER_IMPLICIT, EVERYWHERE},
        {"imap", "b.test", 993, MANSIO_OFFER_IMPLICIT, EVERYWHERE},
        {"pop3", "a.test", 993, MANSIO_OFFER_IMPLICIT, EVERYWHERE},
    };

    (void)state;
    assert_int_equal(servers_of(rows, MANSIO_COUNT(rows))->count, 3);
}

static void takes_no_more_than_there_is_room_for(void **state)
{
    struct row rows[AUTODISCOVER_SERVERS_MAX + 10];

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        rows[i] = (struct row){"imap", "", (uint32_t)(1000 + i), MANSIO_OFFER_IMPLICIT, EVERYWHERE};
    }
    assert_int_equal(servers_of(rows, MANSIO_COUNT(rows))->count, AUTODISCOVER_SERVERS_MAX);
}

static void fills_in_the_domain(void **state)
{
    static const struct {
        const char *pattern, *filled;
    } rows[] = {
        {"mail.example.net", "mail.example.net"},
        {"%d", "x.test"},
        {"mail.%d", "mail.x.test"},
        {"%d.mail.%d:8443", "x.test.mail.x.test:8443"},
        {"", ""},
    };
    char many[2000];
    struct mansio_str text;

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        assert_int_equal(
            autodiscover_fill(arena, core_test_slice(rows[i].pattern), MANSIO_STR("x.test"), &text),
            0);
        core_test_str(text, rows[i].filled);
    }
    for (size_t i = 0; i < sizeof many; i++) {
        many[i] = i % 2 == 0 ? '%' : 'd';
    }
    assert_int_equal(autodiscover_fill(arena, (struct mansio_str){many, sizeof many},
                                       MANSIO_STR("x.test"), &text),
                     MANSIO_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts_by_kind_then_as_offered),
        cmocka_unit_test(knows_ways_of_logging_in),
        cmocka_unit_test(leaves_out_what_nobody_could_use),
        cmocka_unit_test(names_a_place_once),
        cmocka_unit_test(takes_no_more_than_there_is_room_for),
        cmocka_unit_test(fills_in_the_domain),
    };
    return cmocka_run_group_tests(tests, make_arena, end_arena);
}
