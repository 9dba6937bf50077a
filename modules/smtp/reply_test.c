/* Replies: one line whatever words are made of, limits, replies of others. */
#include "reply.h"

#include "core/base/testing.h"

#include <mansio/str.h>

static const struct {
    uint32_t code;
    const char *enhanced;
    int is_last;
    struct mansio_str words;
    const char *wanted;
} LINES[] = {
    {250, "2.1.0", 1, MANSIO_STR("ok"), "250 2.1.0 ok\r\n"},
    {250, NULL, 0, MANSIO_STR("PIPELINING"), "250-PIPELINING\r\n"},
    {354, "", 1, MANSIO_STR("go"), "354 go\r\n"},
    {550, "5.1.1", 1, MANSIO_STR("a\r\n250 b"), "550 5.1.1 a??250 b\r\n"},
    {550, "5.1.1", 1, MANSIO_STR("a\0\x01\x7f\t"), "550 5.1.1 a????\r\n"},
    {550, "5.1.1", 1, MANSIO_STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
     "550 5.1.1 \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\r\n"},
    {550, "5.1.1", 1, MANSIO_STR("\xc3\xff\xc2\x85\xed\xa0\x80\xe2\x82"),
     "550 5.1.1 ?????????\r\n"},
};

static void lines_stay_lines(void **state)
{
    char line[SMTP_REPLY_LINE_MAX];

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(LINES); i++) {
        size_t length = smtp_reply_line(line, LINES[i].code, LINES[i].enhanced, LINES[i].is_last,
                                        LINES[i].words);
        core_test_str((struct mansio_str){line, length}, LINES[i].wanted);
    }
}

static void lines_are_cut_between_characters(void **state)
{
    char words[2 * SMTP_REPLY_LINE_MAX];
    char line[SMTP_REPLY_LINE_MAX];

    (void)state;
    for (size_t shift = 0; shift < 2; shift++) {
        for (size_t i = 0; i < sizeof words; i += 2) {
            memcpy(words + i, "\xc3\xa4", 2);
        }
        size_t length = smtp_reply_line(line, 550, shift ? "5.1.1" : "5.1.10", 1,
                                        (struct mansio_str){words, sizeof words});
        assert_true(length <= SMTP_REPLY_LINE_MAX && length >= SMTP_REPLY_LINE_MAX - 1);
        assert_memory_equal(line + length - 4, "\xc3\xa4\r\n", 4);
    }
}

static const struct {
    const char *text;
    uint32_t wanted;
    uint32_t code; /* 0: none */
    const char *enhanced, *words;
} REPLIES[] = {
    {"550 5.7.1 no", 5, 550, "5.7.1", "no"},
    {"550 no", 5, 550, "5.0.0", "no"},
    {"550", 5, 550, "5.0.0", ""},
    {"554 5.7.123", 5, 554, "5.7.123", ""},
    {"451 4.7.1 wait", 4, 451, "4.7.1", "wait"},
    {"451 5.7.1 wait", 4, 451, "4.0.0", "5.7.1 wait"},
    {"550 5.7.1x no", 5, 550, "5.0.0", "5.7.1x no"},
    {"550 5.7.1234 no", 5, 550, "5.0.0", "5.7.1234 no"},
    {"550-no", 5, 0, NULL, NULL},
    {"451 4.7.1 wait", 5, 0, NULL, NULL},
    {"250 2.0.0 ok", 4, 0, NULL, NULL},
    {"570 5.7.1 no", 5, 0, NULL, NULL},
    {"+50 x", 5, 0, NULL, NULL},
    {"", 5, 0, NULL, NULL},
    {"55", 5, 0, NULL, NULL},
};

static void reads_what_others_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(REPLIES); i++) {
        struct smtp_answer answer = {.code = 0};
        int found = smtp_reply_read(core_test_slice(REPLIES[i].text), REPLIES[i].wanted, &answer);
        if (found != (REPLIES[i].code != 0) || answer.code != REPLIES[i].code) {
            print_error("%s: %d, %u\n", REPLIES[i].text, found, answer.code);
            fail();
        }
        if (found) {
            assert_string_equal(answer.enhanced, REPLIES[i].enhanced);
            core_test_str(answer.words, REPLIES[i].words);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_stay_lines),
        cmocka_unit_test(lines_are_cut_between_characters),
        cmocka_unit_test(reads_what_others_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
