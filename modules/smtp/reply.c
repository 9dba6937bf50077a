/*
 * Replies: see reply.h.
 */
#include "reply.h"

#include <string.h>

#include <mansio/str.h>

/* Bytes of the UTF-8 sequence at @p s (RFC 3629 4), 0 if there is none. */
static size_t utf8_length(struct mansio_str s)
{
    const unsigned char *at = (const unsigned char *)s.ptr;
    size_t length = at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;
    if (length == 0 || length > s.len) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    int is_overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    int is_beyond = (at[0] == 0xed && at[1] >= 0xa0) || (at[0] == 0xf4 && at[1] >= 0x90);
    /* C1 controls are controls too. */
    int is_control = at[0] == 0xc2 && at[1] < 0xa0;
    return is_overlong || is_beyond || is_control ? 0 : length;
}

/* Copy what may be shown, at most @p max bytes; returns how many. */
static size_t copy_words(char *out, size_t max, struct mansio_str words)
{
    size_t length = 0;

    while (words.len > 0) {
        unsigned char c = (unsigned char)words.ptr[0];
        size_t bytes = c < 0x80 ? 1 : utf8_length(words);
        int is_shown = bytes > 1 || (bytes == 1 && c >= ' ' && c != 0x7f);
        bytes = bytes > 0 ? bytes : 1;
        if (length + bytes > max) {
            break;
        }
        if (is_shown) {
            memcpy(out + length, words.ptr, bytes);
        } else {
            memset(out + length, '?', bytes);
        }
        length += bytes;
        words = mansio_str_sub(words, bytes, SIZE_MAX);
    }
    return length;
}

size_t smtp_reply_line(char out[SMTP_REPLY_LINE_MAX], uint32_t code, const char *enhanced,
                       int is_last, struct mansio_str words)
{
    size_t length = 0;

    out[length++] = (char)('0' + code / 100 % 10);
    out[length++] = (char)('0' + code / 10 % 10);
    out[length++] = (char)('0' + code % 10);
    out[length++] = is_last ? ' ' : '-';
    if (enhanced != NULL && enhanced[0] != '\0') {
        size_t bytes = strnlen(enhanced, SMTP_ENHANCED_MAX);
        memcpy(out + length, enhanced, bytes);
        length += bytes;
        out[length++] = ' ';
    }
    length += copy_words(out + length, SMTP_REPLY_LINE_MAX - 2 - length, words);
    out[length++] = '\r';
    out[length++] = '\n';
    return length;
}

/* An enhanced code (RFC 3463 2) of a class at the front of @p text: its bytes, or 0. */
static size_t enhanced_length(struct mansio_str text, uint32_t wanted)
{
    size_t at = 0;

    for (int part = 0; part < 3; part++) {
        size_t digits = 0;
        while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9') {
            at++;
            digits++;
        }
        if (digits == 0 || digits > 3 ||
            (part == 0 && (digits != 1 || text.ptr[0] != (char)('0' + wanted)))) {
            return 0;
        }
        if (part < 2 && (at == text.len || text.ptr[at++] != '.')) {
            return 0;
        }
    }
    return at == text.len || text.ptr[at] == ' ' ? at : 0;
}

int smtp_reply_read(struct mansio_str text, uint32_t wanted, struct smtp_answer *out)
{
    struct smtp_answer answer = {.code = 0};
    uint32_t code = 0;

    if (text.len < 3 || (text.len > 3 && text.ptr[3] != ' ') ||
        mansio_parse_u32(mansio_str_sub(text, 0, 3), 559, &code) < 0 || code / 100 != wanted ||
        code / 10 % 10 > 5) {
        return 0;
    }
    answer.code = code;
    text = mansio_str_trim(mansio_str_sub(text, 4, SIZE_MAX));
    size_t bytes = enhanced_length(text, wanted);
    if (bytes > 0) {
        memcpy(answer.enhanced, text.ptr, bytes);
        text = mansio_str_trim(mansio_str_sub(text, bytes, SIZE_MAX));
    } else {
        memcpy(answer.enhanced, wanted == 4 ? "4.0.0" : "5.0.0", sizeof "5.0.0");
    }
    answer.words = text;
    *out = answer;
    return 1;
}

struct smtp_answer smtp_answer(uint32_t code, const char *enhanced, const char *words)
{
    struct smtp_answer answer = {.code = code, .words = mansio_str_from_cstr(words)};

    memcpy(answer.enhanced, enhanced, strnlen(enhanced, SMTP_ENHANCED_MAX - 1));
    return answer;
}
