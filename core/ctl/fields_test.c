/*
 * Fields: what people write and what the directory gets, what it gives and what is shown; and the
 * commands made from the forms.
 */
#include "core/base/testing.h"

#include <stdlib.h>

#include "core/ctl/fields.h"
#include "core/ctl/objects.h"
#include "core/ctl/parse.h"
#include <mansio/error.h>

static void values_are_made_uniform(void **state)
{
    static const struct {
        uint32_t type;
        const char *text, *value; /* value NULL: refused */
    } rows[] = {
        {MANSIO_FIELD_TEXT, "a, b", "a, b"},
        {MANSIO_FIELD_NUMBER, "42", "42"},
        {MANSIO_FIELD_NUMBER, "4k", NULL},
        {MANSIO_FIELD_NUMBER, "-1", NULL},
        {MANSIO_FIELD_NUMBER, "9223372036854775808", NULL},
        {MANSIO_FIELD_BYTES, "10G", "10737418240"},
        {MANSIO_FIELD_BYTES, "0", "0"},
        {MANSIO_FIELD_BYTES, "512", "512"},
        {MANSIO_FIELD_BYTES, "1.5G", NULL},
        {MANSIO_FIELD_BYTES, "10 apples", NULL},
        {MANSIO_FIELD_BOOL, "yes", "true"},
        {MANSIO_FIELD_BOOL, "ON", "true"},
        {MANSIO_FIELD_BOOL, "False", "false"},
        {MANSIO_FIELD_BOOL, "perhaps", NULL},
        {MANSIO_FIELD_LIST, "a,b", "a b"},
        {MANSIO_FIELD_LIST, " a , b  c,", "a b c"},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 20);
        struct mansio_field_form field = {.name = "x", .type = rows[i].type};
        struct mansio_str value = MANSIO_STR_NONE;
        int rc = core_ctl_field_value(arena, &field, rows[i].text, &value);
        assert_int_equal(rc, rows[i].value != NULL ? 0 : MANSIO_E_INVALID);
        if (rc == 0) {
            core_test_str(value, rows[i].value);
        }
        mansio_arena_free(arena);
    }
}

/* Parse a command line and read its fields. */
static int fields_of(struct mansio_arena *arena, const char *const *words, size_t count,
                     struct mansio_field **out, size_t *out_count)
{
    struct core_ctl ctl = {.arena = arena, .timeout_us = -1};
    struct core_ctl_request request;
    int rc = core_ctl_parse(&ctl, words, count, &request);
    return rc < 0 ? rc : core_ctl_fields(arena, &request.args, out, out_count);
}

static void options_become_fields(void **state)
{
    static const char *const words[] = {"tenant",
                                        "set",
                                        "alpha",
                                        "--plan",
                                        "gold",
                                        "--state",
                                        "",
                                        "--no-quota-reply",
                                        "--reason",
                                        "moved",
                                        "--upgrade-passwords=yes"};
    static const char *const both[] = {"tenant", "set", "alpha", "--plan", "gold", "--no-plan"};
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 20);
    struct mansio_field *fields = NULL;
    size_t count = 0;
    (void)state;
    assert_int_equal(fields_of(arena, words, MANSIO_COUNT(words), &fields, &count), 0);
    assert_int_equal(count, 4);
    core_test_str(fields[0].name, "plan");
    core_test_str(fields[0].value, "gold");
    core_test_str(fields[1].name, "state");
    assert_null(fields[1].value.ptr);
    core_test_str(fields[2].name, "upgrade_passwords");
    core_test_str(fields[2].value, "true");
    core_test_str(fields[3].name, "quota_reply");
    assert_null(fields[3].value.ptr);
    assert_int_equal(fields_of(arena, both, MANSIO_COUNT(both), &fields, &count), MANSIO_E_INVALID);
    assert_string_equal(mansio_error_detail(), "--no-plan: given and taken away at once");
    mansio_arena_free(arena);
}

static void what_is_required_is_asked_for(void **state)
{
    static const char *const without[] = {"domain", "add", "alpha.test"};
    static const char *const with[] = {"domain", "add", "alpha.test", "--tenant", "alpha"};
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 20);
    const struct mansio_object_form *form = core_ctl_form(MANSIO_OBJECT_DOMAIN);
    struct mansio_field *fields = NULL;
    size_t count = 0;
    (void)state;
    assert_int_equal(fields_of(arena, without, MANSIO_COUNT(without), &fields, &count), 0);
    assert_int_equal(core_ctl_fields_required(form, fields, count), MANSIO_E_INVALID);
    assert_string_equal(mansio_error_detail(), "domain add needs --tenant: whose it is");
    assert_int_equal(fields_of(arena, with, MANSIO_COUNT(with), &fields, &count), 0);
    assert_int_equal(core_ctl_fields_required(form, fields, count), 0);
    mansio_arena_free(arena);
}

static void objects_become_json(void **state)
{
    static const struct mansio_field quota[] = {
        {MANSIO_STR("bytes"), MANSIO_STR("1024")},
        {MANSIO_STR("messages"), MANSIO_STR_NONE},
        {MANSIO_STR("unheard_of"), MANSIO_STR("x")},
    };
    static const struct mansio_field credential[] = {
        {MANSIO_STR("stored"), MANSIO_STR("secret")},
        {MANSIO_STR("scram"), MANSIO_STR("true")},
        {MANSIO_STR("account"), MANSIO_STR("\xff")},
    };
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 20);
    struct mansio_object object = {.key = MANSIO_STR("a@b"), .fields = quota, .field_count = 3};
    (void)state;
    json_t *json = core_ctl_object_json(arena, core_ctl_form(MANSIO_OBJECT_QUOTA), &object);
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, "{\"bytes\":1024,\"key\":\"a@b\"}");
    free(text);
    json_decref(json);
    object.fields = credential;
    json = core_ctl_object_json(arena, core_ctl_form(MANSIO_OBJECT_CREDENTIAL), &object);
    text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, "{\"account\":\"\\\\xff\",\"key\":\"a@b\",\"scram\":true}");
    free(text);
    json_decref(json);
    mansio_arena_free(arena);
}

/* Every command can be found, and no option hides another or a global one. */
static void commands_are_well_formed(void **state)
{
    size_t count = 0, global_count = 0;
    const struct core_ctl_command *commands = core_ctl_commands(&count);
    const struct core_ctl_option *globals = core_ctl_global_options(&global_count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_non_null(commands[i].run);
        assert_non_null(commands[i].help);
        assert_true(i == 0 || strcmp(commands[i - 1].words, commands[i].words) < 0);
        for (uint32_t j = 0; j < commands[i].option_count; j++) {
            const char *name = commands[i].options[j].name;
            assert_int_equal(strncmp(name, "--", 2), 0);
            assert_null(strchr(name, '_'));
            for (uint32_t k = 0; k < j; k++) {
                assert_string_not_equal(name, commands[i].options[k].name);
            }
            for (size_t k = 0; k < global_count; k++) {
                assert_string_not_equal(name, globals[k].name);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_made_uniform),       cmocka_unit_test(options_become_fields),
        cmocka_unit_test(what_is_required_is_asked_for), cmocka_unit_test(objects_become_json),
        cmocka_unit_test(commands_are_well_formed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
