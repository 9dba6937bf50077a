/*
 * Reading what clients say. No I/O, no state, nothing kept.
 */
#include "parse.h"

#include <mansio/error.h>
#include <mansio/str.h>

static int is_refused(char c)
{
    return c == '\0' || c == '\r' || c == '\n';
}

/* Cut what stands before the next space off. */
static struct mansio_str take_word(struct mansio_str *rest)
{
    ptrdiff_t space = mansio_str_find_char(*rest, ' ');
    size_t len = space < 0 ? rest->len : (size_t)space;
    struct mansio_str word = mansio_str_sub(*rest, 0, len);
    *rest = mansio_str_sub(*rest, space < 0 ? len : len + 1, SIZE_MAX);
    return word;
}

int pop3_parse_line(struct mansio_str text, struct pop3_line *out)
{
    *out = (struct pop3_line){.arg_count = 0};
    for (size_t i = 0; i < text.len; i++) {
        if (is_refused(text.ptr[i])) {
            return mansio_fail(MANSIO_E_INVALID, "a NUL or a lone CR in a command");
        }
    }
    struct mansio_str rest = text;
    out->verb = take_word(&rest);
    out->rest = rest;
    if (out->verb.len == 0) {
        return mansio_fail(MANSIO_E_INVALID, "no command");
    }
    while (rest.len > 0) {
        struct mansio_str word = take_word(&rest);
        if (word.len == 0) {
            continue;
        }
        if (out->arg_count < POP3_ARGS_MAX) {
            out->args[out->arg_count] = word;
        }
        out->arg_count++;
    }
    return 0;
}

int pop3_parse_number(struct mansio_str text, uint32_t max, uint32_t *out)
{
    uint32_t number = 0;
    int rc = mansio_parse_u32(text, UINT32_MAX, &number);
    if (rc == MANSIO_E_INVALID) {
        return rc;
    }
    if (rc < 0 || number == 0 || number > max) {
        return MANSIO_E_NOT_FOUND;
    }
    *out = number;
    return 0;
}

int pop3_parse_lines(struct mansio_str text, uint64_t *out)
{
    int rc = mansio_parse_u64(text, UINT64_MAX - 1, out);
    if (rc == MANSIO_E_LIMIT) {
        *out = UINT64_MAX - 1;
        return 0;
    }
    return rc;
}
