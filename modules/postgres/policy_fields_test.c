/*
 * Fields of words, networks and app passwords; hours, and the spans of time that they are. No
 * database.
 */
#include "policy_fields.h"

#include "core/host/testing.h"

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "hours.h"
#include "object_key.h"

static struct mansio_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = mansio_arena_new(NULL, "test", 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mansio_arena_free(arena);
    return 0;
}

static void test_values(void **state)
{
    (void)state;
    static const struct {
        uint32_t kind;
        const char *name, *given, *wanted; /* NULL: refused; then a word of why */
        const char *why;
    } rows[] = {
        {MANSIO_OBJECT_POLICY, "networks", "192.0.2.0/24 unix", "192.0.2.0/24 unix", NULL},
        {MANSIO_OBJECT_POLICY, "networks", " 192.0.2.7/32  office ", "192.0.2.7 office", NULL},
        {MANSIO_OBJECT_POLICY, "networks", "2001:DB8:0::/32", "2001:db8::/32", NULL},
        {MANSIO_OBJECT_POLICY, "networks", "0.0.0.0/0 ::/0", "0.0.0.0/0 ::/0", NULL},
        {MANSIO_OBJECT_POLICY, "networks", "fe80::1", "fe80::1", NULL},
        {MANSIO_OBJECT_POLICY, "networks", "192.0.2.1/24", NULL, "did you mean 192.0.2.0/24"},
        {MANSIO_OBJECT_POLICY, "networks", "2001:db8::1/32", NULL, "did you mean 2001:db8::/32"},
        {MANSIO_OBJECT_POLICY, "networks", "192.0.2.0/33", NULL, "number of bits"},
        {MANSIO_OBJECT_POLICY, "networks", "192.0.2.0/024", NULL, "number of bits"},
        {MANSIO_OBJECT_POLICY, "networks", "192.0.2.0/", NULL, "number of bits"},
        {MANSIO_OBJECT_POLICY, "networks", "10.1/16", NULL, "expected"},
        {MANSIO_OBJECT_POLICY, "networks", "::ffff:192.0.2.0/120", NULL, "IPv4-mapped"},
        {MANSIO_OBJECT_POLICY, "networks", "fe80::1%2", NULL, "expected"},
        {MANSIO_OBJECT_POLICY, "networks", "Office", NULL, "expected"},
        {MANSIO_OBJECT_POLICY, "networks", "", NULL, "empty"},
        {MANSIO_OBJECT_POLICY, "networks", "  ", NULL, "empty"},
        {MANSIO_OBJECT_NETWORK, "networks", "192.0.2.0/24 unix", "192.0.2.0/24 unix", NULL},
        {MANSIO_OBJECT_NETWORK, "networks", "office", NULL, "expected"},
        {MANSIO_OBJECT_POLICY, "mechanisms", "plain scram-sha-256", "PLAIN SCRAM-SHA-256", NULL},
        {MANSIO_OBJECT_POLICY, "mechanisms", "pl/ain", NULL, "mechanism"},
        {MANSIO_OBJECT_POLICY, "mechanisms", "A23456789012345678901", NULL, "mechanism"},
        {MANSIO_OBJECT_POLICY, "credentials", "main app certificate", "main app certificate", NULL},
        {MANSIO_OBJECT_POLICY, "credentials", "Main", NULL, "main, app or certificate"},
        {MANSIO_OBJECT_POLICY, "hours", "mon-FRI 08:00-18:00,Sat  09:00-12:00 ",
         "Mon-Fri 08:00-18:00, Sat 09:00-12:00", NULL},
        {MANSIO_OBJECT_POLICY, "hours", "Mon 8:00-18:00", NULL, "times as"},
        {MANSIO_OBJECT_POLICY, "hours", "", NULL, "times as"},
        {MANSIO_OBJECT_POLICY, "zone", "", NULL, "empty"},
        {MANSIO_OBJECT_CREDENTIAL, "services", "imap pop3", "imap pop3", NULL},
        {MANSIO_OBJECT_CREDENTIAL, "services", "IMAP", NULL, "service"},
        {MANSIO_OBJECT_CREDENTIAL, "services", "a2345678901234567890123456789012", NULL, "service"},
        {MANSIO_OBJECT_CREDENTIAL, "expires", "2027-01-31T12:00:00Z", "2027-01-31T12:00:00Z", NULL},
        {MANSIO_OBJECT_CREDENTIAL, "expires", "2027-01-31T12:00:00.25+02:00",
         "2027-01-31T12:00:00.25+02:00", NULL},
        {MANSIO_OBJECT_CREDENTIAL, "expires", "2027-01-31", NULL, "a time as"},
        {MANSIO_OBJECT_CREDENTIAL, "expires", "2027-01-31T12:00:00", NULL, "a time as"},
        {MANSIO_OBJECT_CREDENTIAL, "expires", "2027-01-31T12:00:00.Z", NULL, "a time as"},
        {MANSIO_OBJECT_CREDENTIAL, "expires", "tomorrow", NULL, "a time as"},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_str value = mansio_str_from_cstr(rows[i].given);
        int rc = pg_policy_value(arena, pg_form_of(rows[i].kind),
                                 mansio_str_from_cstr(rows[i].name), &value);
        int is_good =
            rows[i].wanted != NULL
                ? rc == 1 && mansio_str_eq(value, mansio_str_from_cstr(rows[i].wanted))
                : rc == MANSIO_E_INVALID && strstr(mansio_error_detail(), rows[i].why) != NULL;
        if (!is_good) {
            fail_msg("%s \"%s\": %d \"%.*s\" (%s)", rows[i].name, rows[i].given, rc,
                     MANSIO_STR_ARG(value), mansio_error_detail());
        }
    }
    struct mansio_str other = MANSIO_STR("x");
    assert_int_equal(
        pg_policy_value(arena, pg_form_of(MANSIO_OBJECT_TENANT), MANSIO_STR("plan"), &other), 0);
}

static void test_keys(void **state)
{
    (void)state;
    static const struct {
        uint32_t kind;
        const char *key, *wanted; /* "a|b|c|text"; NULL: refused */
    } rows[] = {
        {MANSIO_OBJECT_POLICY, "platform/pop3", "platform||pop3|platform/pop3"},
        {MANSIO_OBJECT_POLICY, "plan:gold/pop3", "plan|gold|pop3|plan:gold/pop3"},
        {MANSIO_OBJECT_POLICY, "domain:Alpha.TEST/imap",
         "domain|alpha.test|imap|domain:alpha.test/imap"},
        {MANSIO_OBJECT_POLICY, "account:A/b@alpha.test/imap",
         "account|a/b@alpha.test|imap|account:a/b@alpha.test/imap"},
        {MANSIO_OBJECT_POLICY, "platform", NULL},
        {MANSIO_OBJECT_POLICY, "platform/", NULL},
        {MANSIO_OBJECT_POLICY, "platform:x/imap", NULL},
        {MANSIO_OBJECT_POLICY, "tenant/imap", NULL},
        {MANSIO_OBJECT_POLICY, "tenant:/imap", NULL},
        {MANSIO_OBJECT_POLICY, "tenant:alpha/IMAP", NULL},
        {MANSIO_OBJECT_POLICY, "/imap", NULL},
        {MANSIO_OBJECT_NETWORK, "office", "|office||office"},
        {MANSIO_OBJECT_NETWORK, "alpha:office", "alpha|office||alpha:office"},
        {MANSIO_OBJECT_NETWORK, "unix", NULL},
        {MANSIO_OBJECT_NETWORK, "7", NULL},
        {MANSIO_OBJECT_NETWORK, ":office", NULL},
        {MANSIO_OBJECT_NETWORK, "", NULL},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        char text[256] = "";
        struct pg_key key;
        int rc = pg_key_parse(arena, rows[i].kind, mansio_str_from_cstr(rows[i].key), &key);
        if (rc == 0) {
            snprintf(text, sizeof text, "%.*s|%.*s|%.*s|%.*s", MANSIO_STR_ARG(key.a),
                     MANSIO_STR_ARG(key.b), MANSIO_STR_ARG(key.c), MANSIO_STR_ARG(key.text));
        }
        if (rows[i].wanted == NULL ? rc != MANSIO_E_INVALID
                                   : rc != 0 || strcmp(text, rows[i].wanted) != 0) {
            fail_msg("%s: %d \"%s\"", rows[i].key, rc, text);
        }
    }
}

/* ---- hours ---- */

/* "from-until from-until", minutes of the week. */
static void print_week(const struct pg_hours *hours, char *out, size_t size)
{
    out[0] = '\0';
    for (size_t i = 0; i < hours->count; i++) {
        size_t at = strlen(out);
        snprintf(out + at, size - at, "%s%u-%u", i > 0 ? " " : "", hours->spans[i].from,
                 hours->spans[i].until);
    }
}

static void test_hours(void **state)
{
    (void)state;
    static const struct {
        const char *text, *spans; /* NULL: refused */
    } rows[] = {
        {"Mon 00:00-24:00", "0-1440"},
        {"00:00-24:00", "0-10080"},
        {"Mon 08:00-18:00", "480-1080"},
        {"Sun 22:00-06:00", "0-360 9960-10080"},
        {"Mon-Tue 22:00-06:00", "1320-1800 2760-3240"},
        {"Sat-Mon 10:00-11:00", "600-660 7800-7860 9240-9300"},
        {"Mon 08:00-10:00, Mon 09:00-12:00", "480-720"},
        {"Mon 08:00-10:00,Mon 10:00-11:00", "480-660"},
        {"Mon 24:00-06:00", NULL},
        {"Mon 08:00-08:00", NULL},
        {"Mon 08:00-24:01", NULL},
        {"Mon 08:60-09:00", NULL},
        {"Mon 25:00-26:00", NULL},
        {"Mon", NULL},
        {"Monday 08:00-09:00", NULL},
        {"Mon-Fri", NULL},
        {"Mon- 08:00-09:00", NULL},
        {"Mon 08:00-09:00,", NULL},
        {"Mon 08:00 - 09:00", NULL},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct pg_hours hours;
        struct mansio_str once;
        struct mansio_str twice;
        char text[256] = "";
        int rc = pg_hours_parse(arena, mansio_str_from_cstr(rows[i].text), &hours, &once);
        if (rc == 0) {
            print_week(&hours, text, sizeof text);
            /* Its one spelling means the same, and stays. */
            assert_int_equal(pg_hours_parse(arena, once, &hours, &twice), 0);
            assert_true(mansio_str_eq(once, twice));
        }
        if (rows[i].spans == NULL ? rc != MANSIO_E_INVALID
                                  : rc != 0 || strcmp(text, rows[i].spans) != 0) {
            fail_msg("%s: %d \"%s\" (%s)", rows[i].text, rc, text, mansio_error_detail());
        }
    }
}

#define HOUR_US (3600 * MANSIO_SECOND)

/* Clocks forward, then back: every minute compared with the wall clock's of that minute. */
static void test_spans(void **state)
{
    (void)state;
    /* Monday 2026-10-19 00:00 UTC; an hour ahead of a zone whose offset changes in its midst. */
    const int64_t start_us = INT64_C(1792368000) * MANSIO_SECOND;
    const int64_t instants[] = {start_us, start_us + 50 * HOUR_US, start_us + 122 * HOUR_US};
    const int32_t offsets[] = {3600, 7200, -5400};
    const struct pg_zone zone = {instants, offsets, 3};
    const int64_t until_us = start_us + 300 * HOUR_US;
    struct pg_hours hours;
    const struct mansio_time_span *spans = NULL;
    size_t count = 0;
    assert_int_equal(
        pg_hours_parse(arena, MANSIO_STR("Mon-Thu 01:30-04:15, Wed-Sat 22:00-03:00"), &hours, NULL),
        0);
    assert_int_equal(pg_hours_spans(arena, &hours, &zone, until_us, &spans, &count), 0);
    assert_true(count > 8);
    size_t at = 0;
    for (int64_t us = start_us; us < until_us; us += 60 * MANSIO_SECOND) {
        int32_t offset = us < instants[1] ? offsets[0] : us < instants[2] ? offsets[1] : offsets[2];
        /* start_us is a Monday's midnight. */
        int64_t minute = ((us - start_us) / MANSIO_SECOND + offset + 7 * 86400) / 60 % 10080;
        int64_t day = minute / 1440;
        int64_t of_day = minute % 1440;
        int64_t before = (day + 6) % 7;
        int is_wanted = (day <= 3 && of_day >= 90 && of_day < 255) ||
                        (day >= 2 && day <= 5 && of_day >= 1320) ||
                        (before >= 2 && before <= 5 && of_day < 180);
        while (at < count && spans[at].until_us <= us) {
            at++;
        }
        int is_found = at < count && spans[at].from_us <= us;
        if (is_found != is_wanted) {
            fail_msg("minute %lld: %d", (long long)minute, is_found);
        }
    }
    for (size_t i = 1; i < count; i++) {
        assert_true(spans[i - 1].until_us < spans[i].from_us);
    }
    const struct pg_zone none = {NULL, NULL, 0};
    assert_int_equal(pg_hours_spans(arena, &hours, &none, until_us, &spans, &count), 0);
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_hours),
        cmocka_unit_test(test_spans),
    };
    return cmocka_run_group_tests_name("policy_fields", tests, setup, teardown);
}
