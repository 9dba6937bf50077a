/*
 * The command line taken apart, and the table of commands itself.
 */
#include "core/ctl/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum { WORDS_MAX = 8 };

static size_t count_words(const char *const *words)
{
    size_t count = 0;
    while (count < WORDS_MAX && words[count] != NULL) {
        count++;
    }
    return count;
}

static void takes_good_lines_apart(void **state)
{
    static const struct {
        const char *words[WORDS_MAX];
        const char *command, *operand, *first_option;
    } rows[] = {
        {{"status"}, "status", NULL, NULL},
        {{"--json", "status"}, "status", NULL, NULL},
        {{"status", "--json"}, "status", NULL, NULL},
        {{"sessions", "list"}, "sessions list", NULL, NULL},
        {{"sessions", "list", "--service", "imap"}, "sessions list", NULL, "imap"},
        {{"sessions", "list", "--service=imap"}, "sessions list", NULL, "imap"},
        {{"sessions", "list", "--service="}, "sessions list", NULL, ""},
        {{"sessions", "--json", "list"}, "sessions list", NULL, NULL},
        {{"sessions", "kill", "a-1"}, "sessions kill", "a-1", NULL},
        {{"sessions", "kill", "--", "-1"}, "sessions kill", "-1", NULL},
        {{"sessions", "kill", "-"}, "sessions kill", "-", NULL},
        {{"reload", "--force"}, "reload", NULL, ""},
        {{"help"}, "help", NULL, NULL},
        {{"help", "sessions", "kill"}, "help", "sessions kill", NULL},
        {{"--socket", "/x", "status"}, "status", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct core_ctl ctl = {.arena = mansio_arena_new(NULL, "test", 1 << 20), .timeout_us = -1};
        struct core_ctl_request request;
        assert_int_equal(core_ctl_parse(&ctl, rows[i].words, count_words(rows[i].words), &request),
                         0);
        assert_string_equal(request.command->words, rows[i].command);
        assert_string_equal(request.args.operand ? request.args.operand : "(none)",
                            rows[i].operand ? rows[i].operand : "(none)");
        assert_string_equal(request.args.options[0] ? request.args.options[0] : "(none)",
                            rows[i].first_option ? rows[i].first_option : "(none)");
        mansio_arena_free(ctl.arena);
    }
}

static void refuses_bad_lines_by_name(void **state)
{
    static const struct {
        const char *words[WORDS_MAX];
        const char *detail;
    } rows[] = {
        {{NULL}, "no command given"},
        {{"statsu"}, "unknown command \"statsu\"; did you mean \"status\"?"},
        {{"statsu", "x"}, "unknown command \"statsu x\"; did you mean \"status\"?"},
        {{"sessions"}, "sessions: expected kill, list"},
        {{"sessions", "frobnicate"}, "sessions frobnicate: expected kill, list"},
        {{"policy"},
         "policy: expected allow, clear, deny, explain, history, lock, show, test, unlock"},
        {{"session"}, "unknown command \"session\""},
        {{"sessions", "lst"}, "unknown command \"sessions lst\"; did you mean \"sessions list\"?"},
        {{"status", "now"}, "status: \"now\" is too much"},
        {{"sessions", "kill"}, "sessions kill needs ID"},
        {{"sessions", "kill", "a", "b"}, "sessions kill: \"b\" is too much"},
        {{"--frobnicate", "status"}, "unknown option --frobnicate"},
        {{"status", "--force"}, "unknown option --force of status"},
        {{"--service", "x", "sessions", "list"}, "unknown option --service"},
        {{"status", "--socket"}, "--socket needs PATH"},
        {{"status", "--json=1"}, "--json takes no value"},
        {{"tenant", "ad", "x"}, "unknown command \"tenant ad\"; did you mean \"tenant add\"?"},
        {{"tenant", "set", "x", "--state", "suspend"},
         "--state suspend: expected active, suspended, closed; did you mean \"suspended\"?"},
        {{"tenant", "set", "x", "--pln", "y"},
         "unknown option --pln of tenant set; did you mean \"--plan\"?"},
        {{"policy", "deny", "imap", "--network", "192.0.2.1", "--network", "192.0.2.2"},
         "--network twice: expected it once, with NETWORK,..."},
        {{"policy", "deny", "imap", "--tenant=a", "--tenant=a"},
         "--tenant twice: expected it once, with NAME"},
        {{"address", "add"}, "address add needs USER@DOMAIN|@DOMAIN"},
        {{"--timeout", "soon", "status"}, "--timeout soon: expected 0 to 86400 seconds"},
        {{"--timeout=-1", "status"}, "--timeout -1: expected 0 to 86400 seconds"},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct core_ctl ctl = {.arena = mansio_arena_new(NULL, "test", 1 << 20), .timeout_us = -1};
        struct core_ctl_request request;
        assert_int_equal(core_ctl_parse(&ctl, rows[i].words, count_words(rows[i].words), &request),
                         MANSIO_E_INVALID);
        assert_string_equal(mansio_error_detail(), rows[i].detail);
        mansio_arena_free(ctl.arena);
    }
}

static void sets_what_is_global(void **state)
{
    static const char *const words[] = {"--timeout",   "7",        "status",
                                        "--socket=/s", "--config", "/c"};
    (void)state;
    struct core_ctl ctl = {.arena = mansio_arena_new(NULL, "test", 1 << 20), .timeout_us = -1};
    struct core_ctl_request request;
    assert_int_equal(core_ctl_parse(&ctl, words, MANSIO_COUNT(words), &request), 0);
    assert_int_equal(ctl.timeout_us, 7 * MANSIO_SECOND);
    assert_string_equal(ctl.socket, "/s");
    assert_string_equal(ctl.config, "/c");
    assert_int_equal(ctl.is_json, 0);
    mansio_arena_free(ctl.arena);
}

static void bounds_what_it_joins(void **state)
{
    static char word[5000];
    (void)state;
    memset(word, 'x', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    const char *words[] = {"sessions", "kill", word};
    struct core_ctl ctl = {.arena = mansio_arena_new(NULL, "test", 1 << 20), .timeout_us = -1};
    struct core_ctl_request request;
    assert_int_equal(core_ctl_parse(&ctl, words, 3, &request), MANSIO_E_INVALID);
    assert_string_equal(mansio_error_detail(), "sessions kill: ID is too long");
    mansio_arena_free(ctl.arena);
}

static void has_a_whole_and_sorted_table(void **state)
{
    size_t count = 0, used = 0;
    const struct core_ctl_command *commands = core_ctl_commands(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_non_null(commands[i].run);
        assert_true(strlen(commands[i].help) > 0);
        assert_true(commands[i].option_count <= CORE_CTL_OPTIONS_MAX);
        assert_true(i == 0 || strcmp(commands[i - 1].words, commands[i].words) < 0);
        for (size_t j = 0; j < commands[i].option_count; j++) {
            assert_true(strncmp(commands[i].options[j].name, "--", 2) == 0);
            assert_true(strlen(commands[i].options[j].help) > 0);
        }
    }
    assert_null(core_ctl_find((const char *const[]){"nothing"}, 1, &used));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_good_lines_apart),       cmocka_unit_test(refuses_bad_lines_by_name),
        cmocka_unit_test(sets_what_is_global),          cmocka_unit_test(bounds_what_it_joins),
        cmocka_unit_test(has_a_whole_and_sorted_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
