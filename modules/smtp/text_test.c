/*
 * A message's text: its end, dots, faults; cut at every byte, and against a slow model. The rows
 * named smuggling are forms that some servers took for the end of a message.
 */
#include "text.h"

#include "core/base/testing.h"

#include <stdlib.h>

#include <mansio/str.h>

enum {
    LINE_MAX_USUAL = 1000,
    OUT_MAX = 1200,
};

struct outcome {
    char out[OUT_MAX];
    size_t length;
    uint32_t faults, is_8bit;
    size_t used; /* up to the end of the text; 0: there was none */
};

/* Feed @p in, in pieces cut at @p cut and then every @p step bytes. */
static void feed(struct mansio_str in, uint32_t is_dotted, uint64_t line_max, size_t cut,
                 size_t step, struct outcome *outcome)
{
    struct smtp_text text;
    size_t at = 0;

    *outcome = (struct outcome){.length = 0};
    smtp_text_begin(&text, is_dotted, line_max);
    while (at < in.len) {
        size_t upto = at < cut ? cut : at + step;
        struct mansio_str piece = mansio_str_sub(in, at, upto - at);
        struct mansio_str bytes = MANSIO_STR_NONE;
        uint32_t found;
        at += piece.len;
        while ((found = smtp_text_next(&text, &piece, &bytes)) == SMTP_TEXT_BYTES) {
            assert_true(outcome->length + bytes.len <= OUT_MAX);
            memcpy(outcome->out + outcome->length, bytes.ptr, bytes.len);
            outcome->length += bytes.len;
        }
        if (found == SMTP_TEXT_END) {
            outcome->used = at - piece.len;
            break;
        }
        assert_int_equal(piece.len, 0);
    }
    outcome->faults = text.faults;
    outcome->is_8bit = text.is_8bit;
}

static const struct {
    const char *name;
    struct mansio_str in;
    const char *out; /* NULL: a fault, so whatever */
    uint32_t faults;
    size_t left; /* bytes behind the end; SIZE_MAX: no end */
} ROWS[] = {
    {"empty", MANSIO_STR(".\r\n"), "", 0, 0},
    {"one line", MANSIO_STR("a\r\n.\r\n"), "a\r\n", 0, 0},
    {"empty lines", MANSIO_STR("\r\n\r\n.\r\n"), "\r\n\r\n", 0, 0},
    {"what follows", MANSIO_STR("a\r\n.\r\nQUIT\r\n"), "a\r\n", 0, 6},
    {"dot doubled", MANSIO_STR("..\r\n.\r\n"), ".\r\n", 0, 0},
    {"dots", MANSIO_STR("..a\r\n...\r\na.b.\r\n.\r\n"), ".a\r\n..\r\na.b.\r\n", 0, 0},
    {"dot and more: the dot goes (4.5.2)", MANSIO_STR(".a\r\n.\r\n"), "a\r\n", 0, 0},
    {"no end", MANSIO_STR("a\r\n"), "a\r\n", 0, SIZE_MAX},
    {"no end after a dot", MANSIO_STR("a\r\n.\r"), "a\r\n", 0, SIZE_MAX},
    {"8 bit", MANSIO_STR("\xc3\xa4\r\n.\r\n"), "\xc3\xa4\r\n", 0, 0},
    {"NUL", MANSIO_STR("a\0b\r\n.\r\n"), NULL, SMTP_TEXT_NUL, 0},
    {"smuggling LF . LF", MANSIO_STR("a\n.\nMAIL\r\n.\r\n"), NULL, SMTP_TEXT_BARE_LF, 0},
    {"smuggling LF . CRLF", MANSIO_STR("a\n.\r\nMAIL\r\n.\r\n"), NULL, SMTP_TEXT_BARE_LF, 0},
    {"smuggling CRLF . LF", MANSIO_STR("a\r\n.\nMAIL\r\n.\r\n"), NULL, SMTP_TEXT_BARE_LF, 0},
    {"smuggling CRLF . CR", MANSIO_STR("a\r\n.\rMAIL\r\n.\r\n"), NULL, SMTP_TEXT_BARE_CR, 0},
    {"smuggling CR . CRLF", MANSIO_STR("a\r.\r\nMAIL\r\n.\r\n"), NULL, SMTP_TEXT_BARE_CR, 0},
    {"smuggling CR . CR", MANSIO_STR("a\r.\rMAIL\r\n.\r\n"), NULL, SMTP_TEXT_BARE_CR, 0},
    {"smuggling LF . CR LF at once", MANSIO_STR("\n.\r\nX\r\n.\r\n"), NULL, SMTP_TEXT_BARE_LF, 0},
    {"smuggling CRLF NUL . CRLF", MANSIO_STR("a\r\n\0.\r\nX\r\n.\r\n"), NULL, SMTP_TEXT_NUL, 0},
    {"smuggling CRLF . NUL CRLF", MANSIO_STR("a\r\n.\0\r\nX\r\n.\r\n"), NULL, SMTP_TEXT_NUL, 0},
    {"smuggling CRCR LF", MANSIO_STR("a\r\r\n.\r\n"), NULL, SMTP_TEXT_BARE_CR, 0},
    {"smuggling CRLF . CRCR LF", MANSIO_STR("a\r\n.\r\r\nX\r\n.\r\n"), NULL, SMTP_TEXT_BARE_CR, 0},
    {"both", MANSIO_STR("a\rb\nc\r\n.\r\n"), NULL, SMTP_TEXT_BARE_CR | SMTP_TEXT_BARE_LF, 0},
    {"CR last", MANSIO_STR("a\r\n.\r\n\r"), "a\r\n", 0, 1},
};

static void rows_cut_at_every_byte(void **state)
{
    (void)state;
    for (size_t row = 0; row < MANSIO_COUNT(ROWS); row++) {
        struct mansio_str in = ROWS[row].in;
        for (size_t cut = 0; cut <= in.len; cut++) {
            struct outcome got;
            feed(in, 1, LINE_MAX_USUAL, cut, cut == 0 ? 1 : in.len, &got);
            size_t used = ROWS[row].left == SIZE_MAX ? 0 : in.len - ROWS[row].left;
            if (got.used != used || got.faults != ROWS[row].faults) {
                print_error("%s, cut %zu: used %zu, faults %u\n", ROWS[row].name, cut, got.used,
                            got.faults);
                fail();
            }
            if (ROWS[row].out != NULL) {
                core_test_str((struct mansio_str){got.out, got.length}, ROWS[row].out);
            }
        }
    }
}

/* The line limit counts the CRLF, and not the dot that is taken away (RFC 5321 4.5.3.1.6). */
static void lines_are_bounded(void **state)
{
    char line[LINE_MAX_USUAL + 16];
    struct outcome got;

    (void)state;
    for (int extra = 0; extra <= 1; extra++) {
        for (size_t dots = 0; dots <= 1; dots++) {
            size_t length = 0;
            line[length] = '.';
            length += dots;
            memset(line + length, 'x', LINE_MAX_USUAL - 2 + (size_t)extra);
            if (dots > 0) {
                line[length] = '.'; /* of the line itself */
            }
            length += LINE_MAX_USUAL - 2 + (size_t)extra;
            memcpy(line + length, "\r\n.\r\n", 5);
            for (size_t step = 1; step < 8; step++) {
                feed((struct mansio_str){line, length + 5}, 1, LINE_MAX_USUAL, 0, step, &got);
                assert_int_equal(got.faults, extra ? SMTP_TEXT_LONG_LINE : 0);
                assert_int_equal(got.used, length + 5);
            }
        }
    }
}

static void chunks_have_no_dots(void **state)
{
    struct outcome got;
    struct smtp_text text;
    struct mansio_str bytes = MANSIO_STR_NONE;
    struct mansio_str in = MANSIO_STR("..a\r\n.\r\nb");

    (void)state;
    feed(in, 0, LINE_MAX_USUAL, 0, 1, &got);
    core_test_str((struct mansio_str){got.out, got.length}, "..a\r\n.\r\nb");
    assert_int_equal(got.used, 0);
    assert_int_equal(got.faults, 0);

    smtp_text_begin(&text, 0, LINE_MAX_USUAL);
    assert_false(smtp_text_finish(&text));
    in = MANSIO_STR("a\r\n");
    assert_int_equal(smtp_text_next(&text, &in, &bytes), SMTP_TEXT_BYTES);
    assert_false(smtp_text_finish(&text));
    in = MANSIO_STR("b");
    assert_int_equal(smtp_text_next(&text, &in, &bytes), SMTP_TEXT_BYTES);
    assert_true(smtp_text_finish(&text));
    assert_int_equal(text.faults, 0);
    in = MANSIO_STR("\r");
    assert_int_equal(smtp_text_next(&text, &in, &bytes), SMTP_TEXT_BYTES);
    assert_true(smtp_text_finish(&text));
    assert_int_equal(text.faults, SMTP_TEXT_BARE_CR);
}

/* ---- against a model ------------------------------------------------------------------------- */

/* The whole input at once, line by line: a line ends at CRLF and nowhere else. */
static void model(struct mansio_str in, struct outcome *outcome)
{
    size_t at = 0;

    *outcome = (struct outcome){.length = 0};
    for (;;) {
        ptrdiff_t end = mansio_str_find(mansio_str_sub(in, at, SIZE_MAX), MANSIO_STR("\r\n"));
        if (end < 0) {
            return;
        }
        struct mansio_str line = mansio_str_sub(in, at, (size_t)end);
        at += line.len + 2;
        if (mansio_str_eq(line, MANSIO_STR("."))) {
            outcome->used = at;
            return;
        }
        line = mansio_str_sub(line, line.len > 0 && line.ptr[0] == '.', SIZE_MAX);
        for (size_t i = 0; i < line.len; i++) {
            outcome->faults |= line.ptr[i] == '\r' ? SMTP_TEXT_BARE_CR : 0;
            outcome->faults |= line.ptr[i] == '\n' ? SMTP_TEXT_BARE_LF : 0;
            outcome->faults |= line.ptr[i] == '\0' ? SMTP_TEXT_NUL : 0;
        }
        memcpy(outcome->out + outcome->length, line.ptr, line.len);
        memcpy(outcome->out + outcome->length + line.len, "\r\n", 2);
        outcome->length += line.len + 2;
    }
}

static void agrees_with_a_model(void **state)
{
    static const char ALPHABET[] = {'\r', '\n', '.', 'a', '\0', '\r', '\n', '.'};
    unsigned seed = 12345;
    size_t ended = 0;
    size_t sound = 0;

    (void)state;
    for (int round = 0; round < 200000; round++) {
        char input[24];
        struct outcome got;
        struct outcome wanted;
        size_t length = (size_t)rand_r(&seed) % (sizeof input - 5);
        for (size_t i = 0; i < length; i++) {
            input[i] = ALPHABET[(size_t)rand_r(&seed) % sizeof ALPHABET];
        }
        memcpy(input + length, "\r\n.\r\n", 5);
        struct mansio_str in = {input, length + 5};
        model(in, &wanted);
        feed(in, 1, LINE_MAX_USUAL, 0, (size_t)rand_r(&seed) % 4 + 1, &got);
        assert_int_equal(got.used, wanted.used);
        assert_int_equal(got.faults, wanted.faults);
        if (wanted.faults == 0) {
            assert_int_equal(got.length, wanted.length);
            assert_memory_equal(got.out, wanted.out, wanted.length);
            sound++;
        }
        ended += wanted.used > 0;
    }
    assert_int_equal(ended, 200000);
    assert_true(sound > 1000); /* or it shows little */
}

static void every_fault_has_words(void **state)
{
    (void)state;
    for (uint32_t fault = SMTP_TEXT_BARE_CR; fault <= SMTP_TEXT_LONG_LINE; fault <<= 1) {
        assert_true(strlen(smtp_text_fault_words(fault)) > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_cut_at_every_byte), cmocka_unit_test(lines_are_bounded),
        cmocka_unit_test(chunks_have_no_dots),    cmocka_unit_test(agrees_with_a_model),
        cmocka_unit_test(every_fault_has_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
