/* Tests of dates: RFC 5322 3.3, 4.3 and appendix A, RFC 3501 date-time. Seconds are GNU date's. */
#include "core/mail/date.h"

#include "core/mail/testing.h"

#include <mansio/error.h>

#include <stdio.h>

#define NO INT64_MIN

static const struct {
    const char *text;
    int64_t seconds; /* NO: refused */
    int zone;
    int is_unknown;
    const char *printed;
} ROWS[] = {
    {"Thu, 01 Jan 1970 00:00:00 +0000", 0, 0, 0, "Thu, 01 Jan 1970 00:00:00 +0000"},
    {"Fri, 21 Nov 1997 09:55:06 -0600", 880127706, -360, 0, "Fri, 21 Nov 1997 09:55:06 -0600"},
    {"21 Nov 97 09:55:06 GMT", 880106106, 0, 0, "Fri, 21 Nov 1997 09:55:06 +0000"},
    {"Thu, 13\r\n Feb\r\n 1969\r\n 23:32\r\n -0330 (Newfoundland Time)", -27723480, -210, 0,
     "Thu, 13 Feb 1969 23:32:00 -0330"},
    {"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", 880127706, -360, 0,
     "Fri, 21 Nov 1997 09:55:06 -0600"},
    {"29 Feb 2000 12:00:00 +0000", 951825600, 0, 0, "Tue, 29 Feb 2000 12:00:00 +0000"},
    {"29 Feb 1900 12:00:00 +0000", NO, 0, 0, ""},
    {"31 Dec 1999 23:59:60 +0000", 946684800, 0, 0, "Sat, 01 Jan 2000 00:00:00 +0000"},
    {"1 Jan 2106 00:00:00 +0000", 4291747200, 0, 0, "Fri, 01 Jan 2106 00:00:00 +0000"},
    {"1 Jan 0001 00:00:00 +0000", -62135596800, 0, 0, "Mon, 01 Jan 0001 00:00:00 +0000"},
    {"31 Dec 9999 23:59:59 +0000", 253402300799, 0, 0, "Fri, 31 Dec 9999 23:59:59 +0000"},
    /* years, RFC 5322 4.3 */
    {"1 Jan 49 0:00:00 Z", 2493072000, 0, 0, "Fri, 01 Jan 2049 00:00:00 +0000"},
    {"1 Jan 50 0:00:00 Z", -631152000, 0, 0, "Sun, 01 Jan 1950 00:00:00 +0000"},
    {"1 Jan 105 0:00:00 Z", 1104537600, 0, 0, "Sat, 01 Jan 2005 00:00:00 +0000"},
    {"1 Jan 5 0:00:00 Z", NO, 0, 0, ""},
    {"1 Jan 20055 0:00:00 Z", NO, 0, 0, ""},
    /* zones */
    {"2 Jan 2006 15:04:05 EST", 1136232245, -300, 0, "Mon, 02 Jan 2006 15:04:05 -0500"},
    {"2 Jan 2006 15:04:05 pdt", 1136239445, -420, 0, "Mon, 02 Jan 2006 15:04:05 -0700"},
    {"2 Jan 2006 15:04:05 -0000", 1136214245, 0, 1, "Mon, 02 Jan 2006 15:04:05 -0000"},
    {"2 Jan 2006 15:04:05 A", 1136214245, 0, 1, "Mon, 02 Jan 2006 15:04:05 -0000"},
    {"2 Jan 2006 15:04:05 CEST", 1136214245, 0, 1, "Mon, 02 Jan 2006 15:04:05 -0000"},
    {"2 Jan 2006 15:04:05", 1136214245, 0, 1, "Mon, 02 Jan 2006 15:04:05 -0000"},
    {"2 Jan 2006 15:04:05 +01:30", 1136208845, 90, 0, "Mon, 02 Jan 2006 15:04:05 +0130"},
    {"2 Jan 2006 15:04:05 -600", 1136235845, -360, 0, "Mon, 02 Jan 2006 15:04:05 -0600"},
    {"2 Jan 2006 15:04:05 +05", 1136196245, 300, 0, "Mon, 02 Jan 2006 15:04:05 +0500"},
    {"2 Jan 2006 15:04:05 +0175", 1136214245, 0, 1, "Mon, 02 Jan 2006 15:04:05 -0000"},
    {"2 Jan 2006 15:04:05 GMT+0200", 1136207045, 120, 0, "Mon, 02 Jan 2006 15:04:05 +0200"},
    {"2 Jan 2006 15:04:05 (EST) -0500", 1136232245, -300, 0, "Mon, 02 Jan 2006 15:04:05 -0500"},
    /* the wild */
    {"Mon Jan  2 15:04:05 2006", 1136214245, 0, 1, "Mon, 02 Jan 2006 15:04:05 -0000"},
    {"Mon Jan  2 15:04:05 PST 2006", 1136243045, -480, 0, "Mon, 02 Jan 2006 15:04:05 -0800"},
    {"Monday, 2-January-2006 15.04.05 UT", 1136214245, 0, 0, "Mon, 02 Jan 2006 15:04:05 +0000"},
    {"Jan 2, 2006 15:04 +0000", 1136214240, 0, 0, "Mon, 02 Jan 2006 15:04:00 +0000"},
    {"Sun, 2 Jan 2006 15:04:05 +0000", 1136214245, 0, 0, "Mon, 02 Jan 2006 15:04:05 +0000"},
    {"", NO, 0, 0, ""},
    {"Mon,", NO, 0, 0, ""},
    {"2006-01-02T15:04:05Z", NO, 0, 0, ""},
    {"2 Foo 2006 15:04:05 Z", NO, 0, 0, ""},
    {"2 Jan 2006", NO, 0, 0, ""},
    {"32 Jan 2006 15:04:05 Z", NO, 0, 0, ""},
    {"0 Jan 2006 15:04:05 Z", NO, 0, 0, ""},
    {"31 Apr 2006 15:04:05 Z", NO, 0, 0, ""},
    {"2 Jan 2006 24:00:00 Z", NO, 0, 0, ""},
    {"2 Jan 2006 15:60:00 Z", NO, 0, 0, ""},
    {"2 Jan 2006 15:04:61 Z", NO, 0, 0, ""},
    {"2 Jan 2006 15:04: Z", NO, 0, 0, ""},
};

static void test_dates(void **state)
{
    struct mail_fixture *fixture = *state;

    for (size_t i = 0; i < MANSIO_COUNT(ROWS); i++) {
        struct core_mail_date date = {.seconds = NO};
        int result = core_mail_date_parse(core_test_slice(ROWS[i].text), &date);

        if (date.seconds != ROWS[i].seconds) {
            print_error("%s: %lld, wanted %lld\n", ROWS[i].text, (long long)date.seconds,
                        (long long)ROWS[i].seconds);
            fail();
        }
        if (ROWS[i].seconds == NO) {
            assert_int_equal(result, MANSIO_E_INVALID);
            continue;
        }
        assert_int_equal(result, 0);
        assert_int_equal(date.offset_minutes, ROWS[i].zone);
        assert_int_equal(date.is_zone_unknown, ROWS[i].is_unknown);
        core_mail_date_print(fixture->out, &date);
        mail_expect(fixture, ROWS[i].text, ROWS[i].printed);
    }
}

static const struct {
    const char *text;
    int64_t seconds;
    int zone;
} IMAP_ROWS[] = {
    {"17-Jul-1996 02:44:25 -0700", 837596665, -420}, /* RFC 3501 2.3.3 */
    {" 2-Jan-2006 15:04:05 +0130", 1136208845, 90},
    {"02-jan-2006 15:04:05 +0000", 1136214245, 0},
    {"2-Jan-2006 15:04:05 +0000", NO, 0},
    {" 2-Jan-2006 15:04:05 0000 ", NO, 0},
    {" 2-Jan-2006 15:04:05 +2400", NO, 0},
    {" 2-Jan-2006 15:04:05 +0060", NO, 0},
    {"32-Jan-2006 15:04:05 +0000", NO, 0},
    {" 2-Foo-2006 15:04:05 +0000", NO, 0},
    {" x-Jan-2006 15:04:05 +0000", NO, 0},
    {" 2-Jan-2006T15:04:05 +0000", NO, 0},
    {"", NO, 0},
};

static void test_imap_dates(void **state)
{
    struct mail_fixture *fixture = *state;

    for (size_t i = 0; i < MANSIO_COUNT(IMAP_ROWS); i++) {
        struct core_mail_date date = {.seconds = NO};
        int result = core_mail_date_parse_imap(core_test_slice(IMAP_ROWS[i].text), &date);

        assert_int_equal(date.seconds, IMAP_ROWS[i].seconds);
        assert_int_equal(result, IMAP_ROWS[i].seconds == NO ? MANSIO_E_INVALID : 0);
        if (result == 0 && i < 2) {
            core_mail_date_print_imap(fixture->out, &date);
            mail_expect(fixture, IMAP_ROWS[i].text, IMAP_ROWS[i].text);
        }
    }
}

/* Every day of 800 years follows the one before it, and has the weekday that it must. */
static void test_calendar(void **state)
{
    static const unsigned char DAYS[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct mail_fixture *fixture = *state;
    int64_t expected = core_mail_date_days(1600, 1, 1);

    assert_int_equal(core_mail_date_days(1970, 1, 1), 0);
    assert_int_equal(core_mail_date_days(0, 3, 1), -719468);
    for (int64_t year = 1600; year < 2400; year++) {
        for (unsigned month = 1; month <= 12; month++) {
            unsigned days = DAYS[month - 1];

            if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) {
                days++;
            }
            for (unsigned day = 1; day <= days; day++) {
                assert_int_equal(core_mail_date_days(year, month, day), expected);
                expected++;
            }
        }
        struct core_mail_date date = {.seconds = core_mail_date_days(year, 3, 1) * 86400};
        char wanted[64];

        core_mail_date_print_imap(fixture->out, &date);
        (void)snprintf(wanted, sizeof wanted, " 1-Mar-%04d 00:00:00 +0000", (int)year);
        mail_expect(fixture, "calendar", wanted);
    }
}

static void test_extremes_print(void **state)
{
    struct mail_fixture *fixture = *state;
    struct core_mail_date date = {.seconds = INT64_MAX, .offset_minutes = 100000};

    core_mail_date_print_imap(fixture->out, &date);
    mail_expect(fixture, "largest", "31-Dec-9999 23:59:59 +0000");
    date.seconds = INT64_MIN;
    core_mail_date_print_imap(fixture->out, &date);
    mail_expect(fixture, "smallest", " 1-Jan-0000 00:00:00 +0000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAIL_TEST(test_dates),
        MAIL_TEST(test_imap_dates),
        MAIL_TEST(test_calendar),
        MAIL_TEST(test_extremes_print),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
