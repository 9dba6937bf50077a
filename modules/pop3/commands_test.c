/*
 * The table of commands: complete, sorted, and what RFC 1939 and its extensions say of each.
 */
#include "core/base/testing.h"

#include "commands.h"
#include "session.h"
#include <mansio/str.h>

static void is_sorted_and_well_formed(void **state)
{
    size_t count = 0;
    const struct pop3_command *commands = pop3_commands(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || mansio_str_cmp(commands[i - 1].verb, commands[i].verb) < 0);
        assert_true(commands[i].verb.len >= 3 && commands[i].verb.len <= 4); /* RFC 1939 3 */
        assert_non_null(commands[i].run);
        assert_true(commands[i].states != 0);
        assert_true(commands[i].args_min <= commands[i].args_max);
        assert_true(commands[i].args_max <= POP3_ARGS_MAX);
    }
}

static void has_every_command_where_it_belongs(void **state)
{
    static const struct {
        const char *verb;
        uint32_t states;
    } rows[] = {
        {"USER", POP3_AUTHORIZATION},
        {"PASS", POP3_AUTHORIZATION},
        {"AUTH", POP3_AUTHORIZATION},
        {"STLS", POP3_AUTHORIZATION},
        {"CAPA", POP3_AUTHORIZATION | POP3_TRANSACTION},
        {"QUIT", POP3_AUTHORIZATION | POP3_TRANSACTION},
        {"STAT", POP3_TRANSACTION},
        {"LIST", POP3_TRANSACTION},
        {"RETR", POP3_TRANSACTION},
        {"DELE", POP3_TRANSACTION},
        {"NOOP", POP3_TRANSACTION},
        {"RSET", POP3_TRANSACTION},
        {"TOP", POP3_TRANSACTION},
        {"UIDL", POP3_TRANSACTION},
    };
    size_t count = 0;

    (void)state;
    (void)pop3_commands(&count);
    assert_int_equal(count, MANSIO_COUNT(rows));
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        const struct pop3_command *command = pop3_find_command(core_test_slice(rows[i].verb));
        assert_non_null(command);
        assert_int_equal(command->states, rows[i].states);
    }
}

static void finds_by_verb_in_any_case(void **state)
{
    (void)state;
    assert_ptr_equal(pop3_find_command(MANSIO_STR("retr")), pop3_find_command(MANSIO_STR("RETR")));
    assert_null(pop3_find_command(MANSIO_STR("RET")));
    assert_null(pop3_find_command(MANSIO_STR("RETRY")));
    assert_null(pop3_find_command(MANSIO_STR("APOP")));
    assert_null(pop3_find_command(MANSIO_STR_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_sorted_and_well_formed),
        cmocka_unit_test(has_every_command_where_it_belongs),
        cmocka_unit_test(finds_by_verb_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
