/*
 * Words of a batch's line.
 */
#include "core/ctl/words.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* One word from @p at on; returns where it ended, or an error. Never longer than what it is of. */
static int64_t take_word(struct mansio_str line, size_t at, char *word, size_t *out_len)
{
    char quote = 0;
    size_t len = 0;
    for (; at < line.len; at++) {
        char c = line.ptr[at];
        if (quote == 0 && is_blank(c)) {
            break;
        }
        if (quote == 0 && (c == '\'' || c == '"')) {
            quote = c;
        } else if (c == quote && quote != 0) {
            quote = 0;
        } else if (c == '\\' && quote != '\'' && at + 1 < line.len &&
                   (quote == 0 || line.ptr[at + 1] == '"' || line.ptr[at + 1] == '\\')) {
            word[len++] = line.ptr[++at];
        } else {
            word[len++] = c;
        }
    }
    *out_len = len;
    if (quote != 0) {
        return mansio_fail(MANSIO_E_INVALID, "a quote (%c) that doesn't end", quote);
    }
    return (int64_t)at;
}

int core_ctl_words(struct mansio_arena *arena, struct mansio_str line, const char **out)
{
    int count = 0;
    size_t at = 0;
    if (line.len > 0 && memchr(line.ptr, 0, line.len) != NULL) {
        return mansio_fail(MANSIO_E_INVALID, "a NUL byte");
    }
    for (;;) {
        while (at < line.len && is_blank(line.ptr[at])) {
            at++;
        }
        if (at == line.len || line.ptr[at] == '#') {
            return count;
        }
        if (count == CORE_CTL_WORDS_MAX) {
            return mansio_fail(MANSIO_E_INVALID, "more than %d words", CORE_CTL_WORDS_MAX);
        }
        size_t len = 0;
        char *word = mansio_arena_try_alloc(arena, line.len - at + 1);
        if (word == NULL) {
            return MANSIO_E_LIMIT;
        }
        int64_t next = take_word(line, at, word, &len);
        if (next < 0) {
            return (int)next;
        }
        at = (size_t)next;
        word[len] = '\0';
        out[count++] = word;
    }
}
