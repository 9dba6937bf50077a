/*
 * state.c: the round trip, and what is refused with which words: another version, no state at all.
 * state_form.c: each member that a new binary needs, missing in turn.
 */
#include "core/daemon/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "core/daemon/json.h"
#include "core/daemon/state_form.h"
#include <mansio/error.h>

static void comes_back_as_it_was(void **state)
{
    (void)state;
    json_t *content =
        json_pack("{s:i, s:[i, i], s:s}", "fd", 7, "list", 1, 2, "text", "Gr\xc3\xbc");
    json_t *copy = json_deep_copy(content);
    json_t *found = NULL;
    int fd = -1;
    assert_int_equal(core_state_store(content, &fd), 0);
    for (int i = 0; i < 2; i++) { /* the checking child reads it too */
        assert_int_equal(core_state_load(fd, &found), 0);
        assert_true(json_equal(found, copy));
        json_decref(found);
    }
    json_decref(copy);
    close(fd);
}

static void refuses_what_it_does_not_know(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        const char *detail;
    } rows[] = {
        {"{\"format\":\"mansiod-state\",\"version\":2,\"content\":{}}", MANSIO_E_UNSUPPORTED,
         "of version 2, the new binary reads 1"},
        {"{\"format\":\"mansiod-state\",\"version\":0,\"content\":{}}", MANSIO_E_UNSUPPORTED,
         "of version 0"},
        {"{\"format\":\"mansiod-state\",\"version\":1}", MANSIO_E_INVALID, "no state of mansiod"},
        {"{\"format\":\"other\",\"version\":1,\"content\":{}}", MANSIO_E_INVALID,
         "no state of mansiod"},
        {"[]", MANSIO_E_INVALID, "no state of mansiod"},
        {"7", MANSIO_E_INVALID, "no state of mansiod"},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        json_t *json = json_loads(rows[i].text, JSON_DECODE_ANY, NULL);
        json_t *found = NULL;
        int fd = -1;
        assert_non_null(json);
        assert_int_equal(core_json_store(json, "test", &fd), 0);
        assert_int_equal(core_state_load(fd, &found), rows[i].code);
        assert_null(found);
        if (strstr(mansio_error_detail(), rows[i].detail) == NULL) {
            fail_msg("%s: \"%s\"", rows[i].text, mansio_error_detail());
        }
        json_decref(json);
        close(fd);
    }
}

static void refuses_what_is_no_json(void **state)
{
    (void)state;
    int pipe_fds[2];
    json_t *found = NULL;
    assert_int_equal(pipe(pipe_fds), 0);
    assert_int_equal(core_state_load(pipe_fds[0], &found), MANSIO_E_INVALID);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static json_t *whole_state(void)
{
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:[{s:i, s:i, s:b, s:s}], s:[], "
                     "s:[{s:b, s:i, s:[]}], s:n}",
                     "last_number", 3, "current", 3, "reloads", 2, "upgrades", 1, "crashes", 0,
                     "started_us", 5, "started_wall_us", 6, "shm", 9, "sockets", "fd", 4, "lock_fd",
                     -1, "inherited", 0, "address", "127.0.0.1:25", "generations", "operations",
                     "forced", 1, "client", -1, "changes", "last_reload");
}

static void refuses_a_state_with_a_member_missing(void **state)
{
    (void)state;
    struct core_master_form form;
    json_t *whole = whole_state();
    assert_int_equal(core_master_form_read(whole, &form), 0);
    assert_int_equal(form.last_number, 3);
    assert_int_equal(form.shm_fd, 9);
    /* All is there, but no generation is the one in service. */
    assert_int_equal(core_state_form_check(whole), MANSIO_E_INVALID);
    assert_non_null(strstr(mansio_error_detail(), "no generation is in service"));

    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(whole, key, value)
    {
        json_t *less = json_deep_copy(whole);
        json_object_del(less, key);
        assert_int_equal(core_state_form_check(less), MANSIO_E_INVALID);
        assert_non_null(strstr(mansio_error_detail(), "the master is none"));
        json_decref(less);
    }
    static const struct {
        const char *list, *what;
    } lists[] = {
        {"sockets", "a socket is none"},
        {"generations", "a generation is none"},
        {"operations", "an operation is none"},
    };
    for (size_t i = 0; i < MANSIO_COUNT(lists); i++) {
        json_t *odd = json_deep_copy(whole);
        json_array_insert_new(json_object_get(odd, lists[i].list), 0, json_object());
        assert_int_equal(core_state_form_check(odd), MANSIO_E_INVALID);
        assert_non_null(strstr(mansio_error_detail(), lists[i].what));
        json_decref(odd);
    }
    json_decref(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(refuses_what_it_does_not_know),
        cmocka_unit_test(refuses_a_state_with_a_member_missing),
        cmocka_unit_test(refuses_what_is_no_json),
    };
    return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
