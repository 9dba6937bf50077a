/*
 * Replies of servers: what they are, what is kept, and what is none.
 */
#include "core/base/testing.h"

#include "reply.h"
#include <mansio/error.h>
#include <mansio/str.h>

#include <string.h>

static const struct {
    const char *lines; /* separated by '\n' */
    int result;        /* of the last */
    uint32_t code;
    const char *status, *text;
} cases[] = {
    {"250 ok", 1, 250, "", "250 ok"},
    {"250", 1, 250, "", "250"},
    {"250 2.0.0 ok", 1, 250, "2.0.0", "250 2.0.0 ok"},
    {"550-5.1.1 no such\n550 5.1.1 user", 1, 550, "5.1.1", "550-5.1.1 no such\n550 5.1.1 user"},
    {"550-5.1.10 first\n550 last", 1, 550, "5.1.10", "550-5.1.10 first\n550 last"},
    {"451 4.7.1", 1, 451, "4.7.1", "451 4.7.1"},
    {"354 go ahead", 1, 354, "", "354 go ahead"},
    /* a status of another class says nothing */
    {"550 4.1.1 x", 1, 550, "", "550 4.1.1 x"},
    {"250 2.1.2345 x", 1, 250, "", "250 2.1.2345 x"},
    {"250 2.1.5x", 1, 250, "", "250 2.1.5x"},
    {"250 a\tb\x1b\x7f\xff", 1, 250, "", "250 a?b???"},
    {"250-one", 0, 250, "", "250-one"},
    {"250-", 0, 250, "", "250-"},
    {"", MANSIO_E_INVALID, 0, "", ""},
    {"25", MANSIO_E_INVALID, 0, "", ""},
    {"150 x", MANSIO_E_INVALID, 0, "", ""},
    {"650 x", MANSIO_E_INVALID, 0, "", ""},
    {"2x0 x", MANSIO_E_INVALID, 0, "", ""},
    {"250x", MANSIO_E_INVALID, 0, "", ""},
    {"hello", MANSIO_E_INVALID, 0, "", ""},
    {" 250 x", MANSIO_E_INVALID, 0, "", ""},
    {"250-a\n251 b", MANSIO_E_INVALID, 250, "", "250-a"},
    {"250-a\nb", MANSIO_E_INVALID, 250, "", "250-a"},
};

static int read_all(struct ob_reply *reply, struct mansio_str lines)
{
    struct mansio_str line;
    int rc = 0;

    ob_reply_init(reply);
    if (lines.len == 0) {
        return ob_reply_add(reply, lines);
    }
    while (rc == 0 && mansio_str_split(&lines, '\n', &line)) {
        rc = ob_reply_add(reply, line);
    }
    return rc;
}

static void replies(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        struct ob_reply reply;
        assert_int_equal(read_all(&reply, mansio_str_from_cstr(cases[i].lines)), cases[i].result);
        assert_int_equal(reply.code, cases[i].code);
        assert_string_equal(reply.status, cases[i].status);
        core_test_str(ob_reply_text(&reply), cases[i].text);
    }
}

static void has_bounds(void **state)
{
    static char line[OB_REPLY_LINE_MAX];
    struct ob_reply reply;
    int rc = 0;

    (void)state;
    memset(line, 'x', sizeof line);
    memcpy(line, "250-", 4);
    ob_reply_init(&reply);
    for (int i = 0; i < OB_REPLY_LINES_MAX; i++) {
        rc = ob_reply_add(&reply, (struct mansio_str){line, sizeof line});
        assert_int_equal(rc, 0);
    }
    assert_int_equal(reply.len, OB_REPLY_TEXT_MAX);
    assert_int_equal(ob_reply_add(&reply, MANSIO_STR("250 end")), MANSIO_E_LIMIT);
}

static void words(void **state)
{
    (void)state;
    core_test_str(ob_reply_words(MANSIO_STR("250-SIZE 100")), "SIZE 100");
    core_test_str(ob_reply_words(MANSIO_STR("250")), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies),
        cmocka_unit_test(has_bounds),
        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
