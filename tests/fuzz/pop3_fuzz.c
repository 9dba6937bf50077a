/*
 * POP3: a command line, and a message on its way out. What is read of a line lies within it; a
 * message cut anywhere is sent as the whole is, can be undone to what it was, and never holds a
 * line that would end it too early; TOP gives a beginning of it.
 *
 * The first byte says how many lines TOP gives, the second where to cut; a line is everything.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "modules/pop3/lines.h"
#include "modules/pop3/parse.h"

const char fuzz_name[] = "pop3";

static void check_within(struct mansio_str part, struct mansio_str whole)
{
    MANSIO_ASSERT(part.len == 0 ||
                  (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
}

static void check_line(struct mansio_str text)
{
    struct pop3_line line;
    uint32_t number = 0;
    uint64_t lines = 0;
    if (pop3_parse_line(text, &line) < 0) {
        return;
    }
    MANSIO_ASSERT(line.verb.len > 0 && mansio_str_find_char(line.verb, ' ') < 0);
    check_within(line.verb, text);
    check_within(line.rest, text);
    MANSIO_ASSERT(mansio_str_find_char(text, '\r') < 0 && mansio_str_find_char(text, '\0') < 0);
    for (size_t i = 0; i < line.arg_count && i < POP3_ARGS_MAX; i++) {
        check_within(line.args[i], line.rest);
        MANSIO_ASSERT(line.args[i].len > 0);
        if (pop3_parse_number(line.args[i], 1000, &number) == 0) {
            MANSIO_ASSERT(number >= 1 && number <= 1000);
        }
        (void)!pop3_parse_lines(line.args[i], &lines);
    }
}

/* Everything that is sent, at most three bytes for each of the message's and five more. */
static struct mansio_str send(char *room, struct mansio_str message, size_t cut,
                              struct pop3_top *top)
{
    struct mansio_str parts[] = {mansio_str_sub(message, 0, cut),
                                 mansio_str_sub(message, cut, SIZE_MAX)};
    struct pop3_stuffing stuffing = {.is_inside = 0};
    size_t len = 0;
    for (size_t i = 0; i < MANSIO_COUNT(parts); i++) {
        struct mansio_str rest = top != NULL ? pop3_top_cut(top, parts[i]) : parts[i], piece;
        check_within(rest, parts[i]);
        while (pop3_stuff(&stuffing, &rest, &piece)) {
            MANSIO_ASSERT(piece.len > 0 && len + piece.len <= 3 * message.len);
            memcpy(room + len, piece.ptr, piece.len);
            len += piece.len;
        }
    }
    struct mansio_str end = pop3_stuff_end(&stuffing);
    memcpy(room + len, end.ptr, end.len);
    return (struct mansio_str){room, len + end.len};
}

/* Line by line, as a client reads it: to what was sent, with each line end made whole. */
static void check_sent(struct mansio_str sent, struct mansio_str message)
{
    size_t at = 0;
    struct mansio_str rest = sent, line;
    while (mansio_str_split(&rest, '\n', &line)) {
        MANSIO_ASSERT(line.len > 0 && line.ptr[line.len - 1] == '\r');
        if (mansio_str_eq(line, MANSIO_STR(".\r"))) {
            MANSIO_ASSERT(rest.len == 0 && at == message.len);
            return;
        }
        line = line.ptr[0] == '.' ? mansio_str_sub(line, 1, SIZE_MAX) : line;
        struct mansio_str bare = mansio_str_sub(line, 0, line.len - 1);
        struct mansio_str was = mansio_str_sub(message, at, bare.len);
        MANSIO_ASSERT(mansio_str_eq(bare, was));
        at += bare.len;
        at += at < message.len && message.ptr[at] == '\r';
        at += at < message.len && message.ptr[at] == '\n';
    }
    MANSIO_ASSERT(0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_line((struct mansio_str){(const char *)data, size});
    if (size < 2) {
        return 0;
    }
    struct mansio_str message = {(const char *)data + 2, size - 2};
    struct pop3_top whole_top = {.lines = data[0]}, cut_top = whole_top;
    size_t cut = data[1] <= message.len ? data[1] : message.len, room = 3 * message.len + 8;
    char *whole = malloc(room), *pieces = malloc(room);
    MANSIO_ASSERT(whole != NULL && pieces != NULL);
    struct mansio_str sent = send(whole, message, message.len, NULL);
    check_sent(sent, message);
    MANSIO_ASSERT(mansio_str_eq(sent, send(pieces, message, cut, NULL)));
    struct mansio_str top = send(whole, message, message.len, &whole_top);
    MANSIO_ASSERT(mansio_str_eq(top, send(pieces, message, cut, &cut_top)));
    free(whole);
    free(pieces);
    return 0;
}
