/*
 * Encoded words: see word.h.
 */
#include "core/mail/word.h"

#include "core/mail/chars.h"
#include "core/mail/charset.h"
#include "core/mail/transfer.h"

#include <mansio/arena.h>

enum {
    CHARSET_MAX = 64, /* longer is no charset; keeps the search for its end bounded */
    PIECE_BYTES = 256,
    LINE_MAX_BYTES = 76, /* RFC 2047 2 */
    /* "=?utf-8?q?" and "?=" */
    AROUND_BYTES = 12,
};

/* One encoded word, cut into its pieces. */
struct word {
    struct mansio_str charset;
    struct mansio_str text;
    int is_base64;
    size_t length; /* all of it */
};

/* What runs along while text is decoded. */
struct decoding {
    struct mansio_buf *out;
    struct core_mail_charset charset; /* of the words, while is_open */
    struct mansio_str charset_name;
    int is_open;
    int has_no_end; /* no "?=" follows: don't look again */
};

/* ---- decoding */

/* The encoded word that begins at @p at. @return 1, or 0 if none does */
static int word_at(struct decoding *decoding, struct mansio_str raw, size_t at, struct word *out)
{
    struct mansio_str rest = mansio_str_sub(raw, at + 2, SIZE_MAX);
    ptrdiff_t mark = mansio_str_find_char(mansio_str_sub(rest, 0, CHARSET_MAX + 1), '?');
    ptrdiff_t star;
    ptrdiff_t end;
    char letter;

    if (mark <= 0 || rest.len < (size_t)mark + 3 || rest.ptr[mark + 2] != '?' ||
        decoding->has_no_end) {
        return 0;
    }
    letter = core_mail_to_lower(rest.ptr[mark + 1]);
    if (letter != 'b' && letter != 'q') {
        return 0;
    }
    out->charset = mansio_str_sub(rest, 0, (size_t)mark);
    for (size_t i = 0; i < out->charset.len; i++) {
        if (!core_mail_is_visible(out->charset.ptr[i])) {
            return 0;
        }
    }
    rest = mansio_str_sub(rest, (size_t)mark + 3, SIZE_MAX);
    end = mansio_str_find(rest, MANSIO_STR("?="));
    if (end < 0) {
        decoding->has_no_end = 1;
        return 0;
    }
    star = mansio_str_find_char(out->charset, '*');
    out->charset = mansio_str_sub(out->charset, 0, star < 0 ? SIZE_MAX : (size_t)star);
    out->text = mansio_str_sub(rest, 0, (size_t)end);
    out->is_base64 = letter == 'b';
    out->length = (size_t)(rest.ptr + end + 2 - (raw.ptr + at));
    return 1;
}

static void end_words(struct decoding *decoding)
{
    if (decoding->is_open) {
        core_mail_charset_flush(&decoding->charset, decoding->out);
        core_mail_charset_close(&decoding->charset);
        decoding->is_open = 0;
    }
}

static void feed(struct decoding *decoding, const char *bytes, size_t length)
{
    core_mail_charset_feed(&decoding->charset, (struct mansio_str){bytes, length}, decoding->out);
}

/* RFC 2047 4.2: the Q encoding. */
static void decode_q(struct decoding *decoding, struct mansio_str text)
{
    char piece[PIECE_BYTES];
    size_t length = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i] == '_' ? ' ' : text.ptr[i];

        if (c == '=' && i + 2 < text.len && core_mail_hex_value(text.ptr[i + 1]) >= 0 &&
            core_mail_hex_value(text.ptr[i + 2]) >= 0) {
            c = (char)(core_mail_hex_value(text.ptr[i + 1]) << 4 |
                       core_mail_hex_value(text.ptr[i + 2]));
            i += 2;
        } else if (c == '\r' || c == '\n') {
            continue; /* folded inside: it was written so by mistake */
        }
        piece[length++] = c;
        if (length == sizeof piece) {
            feed(decoding, piece, length);
            length = 0;
        }
    }
    feed(decoding, piece, length);
}

static void decode_b(struct decoding *decoding, struct mansio_str text)
{
    char piece[PIECE_BYTES + CORE_MAIL_DECODE_EXTRA];
    struct core_mail_decoder decoder;

    core_mail_decoder_init(&decoder, CORE_MAIL_BASE64);
    while (text.len > 0) {
        struct mansio_str part = mansio_str_sub(text, 0, PIECE_BYTES);

        feed(decoding, piece, core_mail_decode(&decoder, part, piece));
        text = mansio_str_sub(text, part.len, SIZE_MAX);
    }
    feed(decoding, piece, core_mail_decode_end(&decoder, piece));
}

static void decode_word(struct decoding *decoding, const struct word *word)
{
    if (decoding->is_open && !core_mail_charset_same(decoding->charset_name, word->charset)) {
        end_words(decoding);
    }
    if (!decoding->is_open) {
        (void)core_mail_charset_open(&decoding->charset, word->charset);
        decoding->charset_name = word->charset;
        decoding->is_open = 1;
    }
    if (word->is_base64) {
        decode_b(decoding, word->text);
    } else {
        decode_q(decoding, word->text);
    }
}

/* Text between words, line ends left out. Behind a word, white space waits for what follows. */
static void add_plain(struct mansio_buf *out, struct mansio_str text)
{
    struct core_mail_charset guess;
    size_t from = 0;

    (void)core_mail_charset_open(&guess, MANSIO_STR_NONE);
    for (size_t i = 0; i <= text.len; i++) {
        if (i == text.len || text.ptr[i] == '\r' || text.ptr[i] == '\n') {
            if (i > from) {
                core_mail_charset_feed(&guess, mansio_str_sub(text, from, i - from), out);
            }
            from = i + 1;
        }
    }
    core_mail_charset_flush(&guess, out);
    core_mail_charset_close(&guess);
}

/* 1 if text is white space alone. */
static int is_blank(struct mansio_str text)
{
    return core_mail_trim(text).len == 0;
}

void core_mail_word_decode(struct mansio_buf *out, struct mansio_str raw)
{
    struct decoding decoding = {.out = out};
    size_t plain = 0; /* where the text before the next word begins */
    size_t i = 0;

    while (i + 1 < raw.len) {
        struct word word;

        if (raw.ptr[i] != '=' || raw.ptr[i + 1] != '?' || !word_at(&decoding, raw, i, &word)) {
            i++;
            continue;
        }
        struct mansio_str between = mansio_str_sub(raw, plain, i - plain);

        /* RFC 2047 6.2: white space between words separates them and is no part of the text. */
        if (!decoding.is_open || !is_blank(between)) {
            end_words(&decoding);
            add_plain(out, between);
        }
        decode_word(&decoding, &word);
        i += word.length;
        plain = i;
    }
    end_words(&decoding);
    add_plain(out, mansio_str_sub(raw, plain, SIZE_MAX));
}

/* ---- encoding */

static int needs_words(struct mansio_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((text.ptr[i] < ' ' && text.ptr[i] != '\t') || text.ptr[i] == 0x7f ||
            core_mail_is_8bit(text.ptr[i])) {
            return 1;
        }
    }
    return mansio_str_find(text, MANSIO_STR("=?")) >= 0;
}

/* RFC 2047 5 (3): what stands for itself in a word wherever the word stands. */
static int is_q_safe(char c)
{
    return core_mail_is_alpha(c) || core_mail_is_digit(c) ||
           (c != '\0' && strchr("!*+-/", c) != NULL);
}

/* Bytes that one byte takes in the Q encoding. */
static size_t q_cost(char c)
{
    return is_q_safe(c) || c == ' ' ? 1 : 3;
}

static void add_q(struct mansio_buf *out, struct mansio_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == ' ') {
            (void)mansio_buf_add_char(out, '_');
        } else if (is_q_safe(text.ptr[i])) {
            (void)mansio_buf_add_char(out, text.ptr[i]);
        } else {
            (void)mansio_buf_printf(out, "=%02X", (unsigned char)text.ptr[i]);
        }
    }
}

/* How many bytes of whole characters fit in a word with @p room for its text; at least one
 * character, so that it ends. */
static size_t fitting(struct mansio_str text, size_t room, int is_base64)
{
    size_t used = 0;
    size_t cost = 0;

    while (used < text.len) {
        int length = core_mail_utf8_length(text.ptr + used, text.len - used);
        size_t count = length > 0 ? (size_t)length : 1;

        for (size_t i = 0; i < count; i++) {
            cost += q_cost(text.ptr[used + i]);
        }
        if (used > 0 && (is_base64 ? (used + count + 2) / 3 * 4 : cost) > room) {
            break;
        }
        used += count;
    }
    return used;
}

static void add_words(struct mansio_buf *out, struct mansio_str text, size_t column)
{
    size_t cost = 0;
    int is_base64;

    for (size_t i = 0; i < text.len; i++) {
        cost += q_cost(text.ptr[i]);
    }
    is_base64 = cost > (text.len + 2) / 3 * 4;
    while (text.len > 0) {
        size_t line = column + AROUND_BYTES < LINE_MAX_BYTES ? LINE_MAX_BYTES - column : 0;
        size_t room = line > CORE_MAIL_WORD_MAX ? CORE_MAIL_WORD_MAX : line;
        struct mansio_str part = mansio_str_sub(
            text, 0, fitting(text, room > AROUND_BYTES ? room - AROUND_BYTES : 0, is_base64));

        (void)mansio_buf_add(out, is_base64 ? MANSIO_STR("=?utf-8?b?") : MANSIO_STR("=?utf-8?q?"));
        if (is_base64) {
            core_mail_base64_encode(out, part);
        } else {
            add_q(out, part);
        }
        (void)mansio_buf_add(out, MANSIO_STR("?="));
        text = mansio_str_sub(text, part.len, SIZE_MAX);
        if (text.len > 0) {
            (void)mansio_buf_add(out, MANSIO_STR("\r\n "));
            column = 1;
        }
    }
}

void core_mail_word_encode(struct mansio_buf *out, struct mansio_str text, size_t column)
{
    if (!needs_words(text)) {
        (void)mansio_buf_add(out, text);
        return;
    }
    struct mansio_arena *work = mansio_arena_new(NULL, "mail words", 0);
    struct mansio_buf *clean = mansio_buf_new(work, 3 * text.len + 16);

    core_mail_charset_convert(MANSIO_STR("utf-8"), text, clean);
    add_words(out, mansio_buf_str(clean), column);
    mansio_arena_free(work);
}
