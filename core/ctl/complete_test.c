/*
 * Completion: what is offered at each place of a command line.
 */
#include "core/ctl/complete.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/host/sasl_table.h"
#include <mansio/str.h>

enum { WORDS_MAX = 6 };

static void offers_what_may_come(void **state)
{
    static const struct {
        const char *words[WORDS_MAX];
        const char *offered;
        uint32_t wanted;
    } rows[] = {
        {{""},
         "account\naddress\naudit\nbatch\ncompletion\ndomain\nhelp\nmodules\nnetwork\npassword\n"
         "plan\nplatform\npolicy\nqueue\nquota\nreload\nschema\nsessions\nstatus\nstop\n"
         "tenant\ntop\n",
         0},
        {{"policy", "test", ""}, "allow\nclear\ndeny\n", 0},
        {{"policy", "test", "de"}, "deny\n", 0},
        {{"policy", "test", "deny", ""}, "", 0},
        {{"s"}, "schema\nsessions\nstatus\nstop\n", 0},
        {{"st"}, "status\nstop\n", 0},
        {{"x"}, "", 0},
        {{"sessions", ""}, "kill\nlist\n", 0},
        {{"sessions", "k"}, "kill\n", 0},
        {{"--json", "sessions", "l"}, "list\n", 0},
        {{"--socket", "/x", "re"}, "reload\n", 0},
        {{"--socket", "/"}, "", 0},
        {{"--s"}, "--socket\n", 0},
        {{"reload", "--f"}, "--force\n", 0},
        {{"reload", "--j"}, "--json\n", 0},
        {{"sessions", "list", "--s"}, "--service\n--socket\n", 0},
        {{"sessions", "list", "--service", ""}, "", 0},
        {{"sessions", "kill", ""}, "", CORE_CTL_WANT_SESSION},
        {{"sessions", "kill", "a", ""}, "", 0},
        {{"completion", ""}, "bash\nzsh\n", 0},
        {{"help", "sess"}, "sessions\n", 0},
        {{"help", "sessions", ""}, "kill\nlist\n", 0},
        {{"status", ""}, "", 0},
        {{"quota", "s"}, "set\nshow\n", 0},
        {{"queue", ""}, "bounce\ndelete\ndomains\nhold\nlist\nrelease\nretry\nshow\n", 0},
        {{"queue", "retry", "--d"}, "--domain\n", 0},
        {{"domain", "add", "--a"}, "--alias-of\n", 0},
        {{"domain", "set", "--no-s"}, "--no-state\n", 0},
        {{"domain", "set", "--n"}, "", 0},
        {{"domain", "set", "--state", "s"}, "suspended\n", 0},
        {{"policy", "deny", "--credential", ""}, "main\napp\ncertificate\n", 0},
        {{"policy", "deny", "--credential", "a"}, "app\n", 0},
        {{"policy", "deny", "--credential", "app,"}, "app,main\napp,certificate\n", 0},
        {{"policy", "test", "deny", "--credential", "app,main,c"}, "app,main,certificate\n", 0},
        {{"policy", "deny", "--credential", "app,a"}, "", 0},
        {{"policy", "deny", "--credential", "app,main,certificate,"}, "", 0},
        {{"policy", "allow", "--mechanism", "SCRAM-SHA-256-PLUS,S"},
         "SCRAM-SHA-256-PLUS,SCRAM-SHA-256\n",
         0},
        {{"policy", "allow", "--mechanism", "X-OTHER,"},
         "X-OTHER,EXTERNAL\nX-OTHER,LOGIN\nX-OTHER,PASSWORD\nX-OTHER,PLAIN\n"
         "X-OTHER,SCRAM-SHA-256\nX-OTHER,SCRAM-SHA-256-PLUS\n",
         0},
        {{"policy", "explain", "--mechanism", "P"}, "PASSWORD\nPLAIN\n", 0},
        {{"policy", "explain", "--mechanism", "PLAIN,"}, "", 0}, /* it takes one */
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        size_t count = 0;
        while (count < WORDS_MAX && rows[i].words[count] != NULL) {
            count++;
        }
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 20);
        struct mansio_buf *out = mansio_buf_new(arena, 65536);
        assert_int_equal(core_ctl_candidates(out, rows[i].words, count), rows[i].wanted);
        struct mansio_str offered = mansio_buf_str(out);
        assert_string_equal(offered.ptr ? offered.ptr : "", rows[i].offered);
        mansio_arena_free(arena);
    }
}

static void offers_each_mechanism_there_is(void **state)
{
    static const char *const words[] = {"policy", "deny", "--mechanism", ""};
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 20);
    struct mansio_buf *out = mansio_buf_new(arena, 65536);
    (void)core_ctl_candidates(out, words, MANSIO_COUNT(words));
    struct mansio_str names = MANSIO_STR(CORE_SASL_NAMES ", PASSWORD"), name, line;
    while (mansio_str_split(&names, ',', &name)) {
        struct mansio_str rest = mansio_buf_str(out);
        int is_offered = 0;
        while (mansio_str_split(&rest, '\n', &line)) {
            is_offered |= mansio_str_eq(line, mansio_str_trim(name));
        }
        assert_true(is_offered);
    }
    mansio_arena_free(arena);
}

static void offers_nothing_for_no_words(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 20);
    struct mansio_buf *out = mansio_buf_new(arena, 65536);
    assert_int_equal(core_ctl_candidates(out, NULL, 0), CORE_CTL_WANT_NOTHING);
    assert_int_equal(mansio_buf_str(out).len, 0);
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers_what_may_come),
        cmocka_unit_test(offers_each_mechanism_there_is),
        cmocka_unit_test(offers_nothing_for_no_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
