/*
 * Answers of the daemon, and things that are none: each becomes a result or an exit code with
 * something to show.
 */
#include "core/ctl/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mansio/str.h>

static void reads_answers(void **state)
{
    static const struct {
        const char *line;
        int exit;
        const char *message;
    } rows[] = {
        {"{\"ok\": true, \"result\": {\"a\": 1}}", CORE_CTL_OK, NULL},
        {"{\"ok\": true, \"result\": {}, \"later\": []}", CORE_CTL_OK, NULL},
        {"{\"ok\": false, \"error\": {\"code\": \"bad_request\", \"message\": \"m\"}}",
         CORE_CTL_USAGE, "m"},
        {"{\"ok\": false, \"error\": {\"code\": \"unknown_command\", \"message\": \"m\"}}",
         CORE_CTL_USAGE, "m"},
        {"{\"ok\": false, \"error\": {\"code\": \"denied\", \"message\": \"m\"}}", CORE_CTL_DENIED,
         "m"},
        {"{\"ok\": false, \"error\": {\"code\": \"not_found\", \"message\": \"m\"}}",
         CORE_CTL_NOT_FOUND, "m"},
        {"{\"ok\": false, \"error\": {\"code\": \"refused\", \"message\": \"a:1:2: m\"}}",
         CORE_CTL_FAILED, "a:1:2: m"},
        {"{\"ok\": false, \"error\": {\"code\": \"stopping\", \"message\": \"m\"}}",
         CORE_CTL_STOPPING, "m"},
        {"{\"ok\": false, \"error\": {\"code\": \"timeout\", \"message\": \"m\"}}",
         CORE_CTL_TIMEOUT, "m"},
        {"{\"ok\": false, \"error\": {\"code\": \"internal\", \"message\": \"m\"}}",
         CORE_CTL_FAILED, "m"},
        {"{\"ok\": false, \"error\": {\"code\": \"of_later\", \"message\": \"m\"}}",
         CORE_CTL_FAILED, "m"},
        {"{\"ok\": false, \"error\": {\"code\": 7}}", CORE_CTL_FAILED,
         "mansiod's answer makes no sense"},
        {"{\"ok\": true}", CORE_CTL_FAILED, "mansiod's answer makes no sense"},
        {"{\"ok\": \"yes\", \"result\": {}}", CORE_CTL_FAILED, "mansiod's answer makes no sense"},
        {"[1, 2]", CORE_CTL_FAILED, "mansiod's answer makes no sense"},
        {"{\"ok\": tr", CORE_CTL_FAILED, "mansiod's answer makes no sense"},
        {"", CORE_CTL_FAILED, "mansiod's answer makes no sense"},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        json_t *result = NULL, *message = NULL;
        int rc = core_ctl_read_answer(mansio_str_from_cstr(rows[i].line), &result, &message);
        assert_int_equal(rc, rows[i].exit);
        if (rc == CORE_CTL_OK) {
            assert_true(json_is_object(result));
        } else {
            assert_null(result);
            assert_string_equal(json_string_value(message), rows[i].message);
        }
        json_decref(result);
        json_decref(message);
    }
}

static void survives_deep_nesting(void **state)
{
    static char line[100000];
    json_t *result = NULL, *message = NULL;
    (void)state;
    memset(line, '[', sizeof(line));
    assert_int_equal(
        core_ctl_read_answer((struct mansio_str){line, sizeof(line)}, &result, &message),
        CORE_CTL_FAILED);
    assert_null(result);
    json_decref(message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_answers),
        cmocka_unit_test(survives_deep_nesting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
