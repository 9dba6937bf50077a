/*
 * Passwords made of random bytes: their form, and that each byte's five bits count.
 */
#include "core/ctl/app_password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void has_four_groups_of_five(void **state)
{
    uint8_t random[CORE_CTL_APP_PASSWORD_RANDOM];
    char out[CORE_CTL_APP_PASSWORD_LEN + 1] = {0};
    (void)state;
    for (size_t i = 0; i < sizeof random; i++) {
        random[i] = (uint8_t)(i * 13);
    }
    core_ctl_app_password(random, out);
    assert_string_equal(out, "ap4hw-bq5ix-cr6jy-ds7kz");
}

static void every_letter_is_as_likely_as_another(void **state)
{
    size_t counts[256] = {0};
    (void)state;
    for (int value = 0; value < 256; value++) {
        uint8_t random[CORE_CTL_APP_PASSWORD_RANDOM];
        char out[CORE_CTL_APP_PASSWORD_LEN];
        memset(random, value, sizeof random);
        core_ctl_app_password(random, out);
        for (size_t i = 0; i < sizeof out; i++) {
            assert_true(out[i] == (i % 6 == 5 ? '-' : out[0]));
        }
        counts[(unsigned char)out[0]]++;
    }
    size_t different = 0;
    for (size_t i = 0; i < 256; i++) {
        assert_true(counts[i] == 0 || counts[i] == 8);
        different += counts[i] > 0;
    }
    assert_int_equal(different, 32);
    assert_int_equal(counts['l'] + counts['1'] + counts['o'] + counts['0'], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_four_groups_of_five),
        cmocka_unit_test(every_letter_is_as_likely_as_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
