/*
 * Numbers with units, there and back; quoting; the distance between names.
 */
#include <config.h>

#include "core/host/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "core/host/settings_fixture.h"

static const struct {
    const char *text;
    int result;
    int64_t number;
} sizes[] =
    {
        {"0", 0, 0},
        {"1", 0, 1},
        {"4096", 0, 4096},
        {"64K", 0, 65536},
        {"10M", 0, 10485760},
        {"2G", 0, INT64_C(2147483648)},
        {"1T", 0, INT64_C(1099511627776)},
        {"8388607T", 0, INT64_C(8388607) << 40},
        {"8388608T", MANSIO_E_LIMIT, 0},
        {"9223372036854775807", 0, INT64_MAX},
        {"9223372036854775808", MANSIO_E_LIMIT, 0},
        {"99999999999999999999999K", MANSIO_E_LIMIT, 0},
        {"", MANSIO_E_INVALID, 0},
        {"K", MANSIO_E_INVALID, 0},
        {"1k", MANSIO_E_INVALID, 0},
        {"1KB", MANSIO_E_INVALID, 0},
        {"1 K", MANSIO_E_INVALID, 0},
        {" 1", MANSIO_E_INVALID, 0},
        {"-1", MANSIO_E_INVALID, 0},
        {"1.5K", MANSIO_E_INVALID, 0},
        {"0x10", MANSIO_E_INVALID, 0},
},
  durations[] = {
      {"0", 0, 0},
      {"0s", 0, 0},
      {"250us", 0, 250},
      {"10ms", 0, 10000},
      {"30s", 0, 30000000},
      {"5m", 0, 300000000},
      {"2h", 0, INT64_C(7200000000)},
      {"1d", 0, INT64_C(86400000000)},
      {"106751991d", 0, INT64_C(106751991) * INT64_C(86400000000)},
      {"106751992d", MANSIO_E_LIMIT, 0},
      {"5", MANSIO_E_UNSUPPORTED, 0},
      {"00", MANSIO_E_UNSUPPORTED, 0},
      {"", MANSIO_E_INVALID, 0},
      {"s", MANSIO_E_INVALID, 0},
      {"5S", MANSIO_E_INVALID, 0},
      {"5 s", MANSIO_E_INVALID, 0},
      {"-5s", MANSIO_E_INVALID, 0},
      {"1h30m", MANSIO_E_INVALID, 0},
      {"1.5s", MANSIO_E_INVALID, 0},
};

static void reads_sizes(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(sizes); i++) {
        int64_t number = -7;
        assert_int_equal(core_size_parse(mansio_str_from_cstr(sizes[i].text), &number),
                         sizes[i].result);
        assert_true(number == (sizes[i].result == 0 ? sizes[i].number : -7));
    }
}

static void reads_durations(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(durations); i++) {
        int64_t number = -7;
        assert_int_equal(core_duration_parse(mansio_str_from_cstr(durations[i].text), &number),
                         durations[i].result);
        assert_true(number == (durations[i].result == 0 ? durations[i].number : -7));
    }
}

static void prints_with_the_largest_unit(void **state)
{
    (void)state;
    char text[CORE_VALUE_TEXT_MAX];
    core_size_print(0, text);
    assert_string_equal(text, "0");
    core_size_print(65536, text);
    assert_string_equal(text, "64K");
    core_size_print(65537, text);
    assert_string_equal(text, "65537");
    core_size_print(INT64_C(3) << 40, text);
    assert_string_equal(text, "3T");
    core_duration_print(0, text);
    assert_string_equal(text, "0");
    core_duration_print(90000000, text);
    assert_string_equal(text, "90s");
    core_duration_print(INT64_C(172800000000), text);
    assert_string_equal(text, "2d");
    core_duration_print(INT64_MAX, text);
    assert_string_equal(text, "9223372036854775807us");
}

static void quotes(void **state)
{
    (void)state;
    char text[CORE_QUOTE_MAX];
    assert_string_equal(core_quote(MANSIO_STR(""), text), "\"\"");
    assert_string_equal(core_quote(MANSIO_STR("a\r\n\x7f\0b"), text), "\"a\\x0d\\x0a\\x7f\\x00b\"");
    /* All escaped is the longest; a cut does not halve a character. */
    char worst[64];
    memset(worst, 1, sizeof worst);
    core_quote((struct mansio_str){worst, sizeof worst}, text);
    assert_int_equal(strlen(text), 2 + 40 * 4 + 3);
    char euros[64];
    for (size_t i = 0; i < sizeof euros; i++) {
        euros[i] = "\xE2\x82\xAC"[i % 3];
    }
    core_quote((struct mansio_str){euros, sizeof euros}, text);
    assert_int_equal(strlen(text), 2 + 42 + 3);
}

static const struct {
    const char *unknown;
    const char *remark;
} names[] = {
    {"flags", "; did you mean \"flag\"?"},
    {"falg", "; did you mean \"flag\"?"},
    {"fg", "; known here:"},
    {"colur", "; did you mean \"colour\"?"},
    {"color", "; did you mean \"colour\"?"},
    {"time_outs", "; did you mean \"timeouts\"?"},
    {"passwort", "; did you mean \"password\"?"},
    {"x", "; known here:"},
    {"data", "; it belongs at \"timeouts.data\""},
    {"certificate", "; it belongs at \"tls.certificate\""},
    {"a_name_that_is_much_longer_than_any_row_may_have_and_still_has_to_be_answered_well",
     "; known here:"},
};

static void suggests(void **state)
{
    (void)state;
    size_t count = 0;
    const struct mansio_setting *table = fixture_table(&count);
    char remark[CORE_SETTINGS_WHY_MAX];
    for (size_t i = 0; i < MANSIO_COUNT(names); i++) {
        core_setting_suggest(table, count, table, count, mansio_str_from_cstr(names[i].unknown),
                             remark);
        if (strncmp(remark, names[i].remark, strlen(names[i].remark)) != 0) {
            fail_msg("%s: %s", names[i].unknown, remark);
        }
    }
    core_setting_suggest(NULL, 0, NULL, 0, MANSIO_STR("x"), remark);
    assert_string_equal(remark, "; none is known here");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_sizes),
        cmocka_unit_test(reads_durations),
        cmocka_unit_test(prints_with_the_largest_unit),
        cmocka_unit_test(quotes),
        cmocka_unit_test(suggests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
