/*
 * Base64 and quoted-printable: see transfer.h.
 */
#include "core/mail/transfer.h"

#include "core/mail/chars.h"
#include "core/mail/cursor.h"

#include <mansio/base.h>

#include <string.h>

/* States of quoted-printable. */
enum {
    QP_TEXT,    /* white space may be held */
    QP_EQUALS,  /* after "=" */
    QP_DIGIT,   /* after "=" and a digit */
    QP_SOFT,    /* after "=" and white space: a soft line break if the line ends here */
    QP_SOFT_CR, /* after "=", white space and CR */
};

enum {
    QP_LINE_MAX = 76, /* RFC 2045 6.7 rule 5, "=" included */
};

static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

uint32_t core_mail_encoding_of(struct mansio_str name)
{
    struct core_mail_cursor cursor = core_mail_cursor_at(name);
    const char *from = NULL;

    core_mail_skip_cfws(&cursor, NULL);
    from = cursor.at;
    while (!core_mail_at_end(&cursor) && core_mail_is_token(*cursor.at)) {
        cursor.at++;
    }
    name = core_mail_between(from, cursor.at);
    if (mansio_str_ieq(name, MANSIO_STR("base64"))) {
        return CORE_MAIL_BASE64;
    }
    if (mansio_str_ieq(name, MANSIO_STR("quoted-printable"))) {
        return CORE_MAIL_QUOTED_PRINTABLE;
    }
    return CORE_MAIL_IDENTITY;
}

void core_mail_decoder_init(struct core_mail_decoder *decoder, uint32_t encoding)
{
    *decoder = (struct core_mail_decoder){.encoding = encoding};
}

/* ---- base64 */

/* One more than the value of each character; 0 for what is none. */
static const unsigned char BASE64_VALUES[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64};

static int base64_value(char c)
{
    return (int)BASE64_VALUES[(unsigned char)c] - 1;
}

/* Give out the whole bytes of a group that ends early. */
static size_t base64_flush(struct core_mail_decoder *decoder, char *out)
{
    size_t count = decoder->count > 1 ? decoder->count - 1 : 0;

    for (size_t i = 0; i < count; i++) {
        out[i] = (char)(decoder->bits >> (6 * decoder->count - 8 * (i + 1)));
    }
    decoder->count = 0;
    decoder->bits = 0;
    return count;
}

/* Padding ends a group and not the text: pieces of base64 put end to end are seen in the wild. */
static size_t base64_decode(struct core_mail_decoder *decoder, struct mansio_str in, char *out)
{
    size_t length = 0;

    for (size_t i = 0; i < in.len; i++) {
        int value = base64_value(in.ptr[i]);

        if (value < 0) {
            if (in.ptr[i] == '=') {
                length += base64_flush(decoder, out + length);
            }
            continue;
        }
        decoder->bits = decoder->bits << 6 | (uint32_t)value;
        if (++decoder->count == 4) {
            out[length] = (char)(decoder->bits >> 16);
            out[length + 1] = (char)(decoder->bits >> 8);
            out[length + 2] = (char)decoder->bits;
            length += 3;
            decoder->count = 0;
            decoder->bits = 0;
        }
    }
    return length;
}

/* ---- quoted-printable */

static size_t qp_release(struct core_mail_decoder *decoder, char *out)
{
    size_t count = decoder->held;

    memcpy(out, decoder->hold, count);
    decoder->held = 0;
    return count;
}

/* A byte outside an escape. RFC 2045 6.7 (3): white space at the end of a line was added on the
 * way. It is held until the line goes on; the CR of a line end is held with it. */
static size_t qp_text(struct core_mail_decoder *decoder, char c, char *out)
{
    size_t length = 0;
    int is_after_cr = decoder->held > 0 && decoder->hold[decoder->held - 1] == '\r';

    if (c == '\n') {
        decoder->held = 0;
        if (is_after_cr) {
            out[length++] = '\r';
        }
        out[length++] = c;
        return length;
    }
    if (is_after_cr ||
        ((core_mail_is_wsp(c) || c == '\r') && decoder->held == CORE_MAIL_QP_HELD_MAX)) {
        length += qp_release(decoder, out);
    }
    if (core_mail_is_wsp(c) || c == '\r') {
        decoder->hold[decoder->held++] = c;
        return length;
    }
    length += qp_release(decoder, out + length);
    if (c == '=') {
        decoder->count = QP_EQUALS;
    } else {
        out[length++] = c;
    }
    return length;
}

/* What began like an escape and is none stands for itself, and @p c is text. */
static size_t qp_not_escape(struct core_mail_decoder *decoder, int has_digit, char c, char *out)
{
    size_t length = 0;

    out[length++] = '=';
    if (has_digit) {
        out[length++] = decoder->first;
    }
    decoder->count = QP_TEXT;
    return length + qp_text(decoder, c, out + length);
}

/* Behind "=" and perhaps white space: a soft line break, if the line ends. If it doesn't,
 * the "=" stands for itself; the white space is lost: no encoder writes that. */
static size_t qp_soft(struct core_mail_decoder *decoder, char c, char *out)
{
    if (c == '\n') {
        decoder->count = QP_TEXT;
        return 0;
    }
    if (c == '\r' || core_mail_is_wsp(c)) {
        decoder->count = c == '\r' ? QP_SOFT_CR : QP_SOFT;
        return 0;
    }
    return qp_not_escape(decoder, 0, c, out);
}

static size_t qp_byte(struct core_mail_decoder *decoder, char c, char *out)
{
    switch (decoder->count) {
    case QP_EQUALS:
        if (core_mail_hex_value(c) >= 0) {
            decoder->first = c;
            decoder->count = QP_DIGIT;
            return 0;
        }
        return qp_soft(decoder, c, out);
    case QP_SOFT:
        return qp_soft(decoder, c, out);
    case QP_SOFT_CR:
        decoder->count = QP_TEXT;
        return c == '\n' ? 0 : qp_text(decoder, c, out);
    case QP_DIGIT:
        if (core_mail_hex_value(c) >= 0) {
            decoder->count = QP_TEXT;
            out[0] = (char)((unsigned)core_mail_hex_value(decoder->first) << 4 |
                            (unsigned)core_mail_hex_value(c));
            return 1;
        }
        return qp_not_escape(decoder, 1, c, out);
    default:
        return qp_text(decoder, c, out);
    }
}

/* How many bytes from an offset on stand for themselves, whatever follows them. */
static size_t qp_plain(struct mansio_str in, size_t offset)
{
    static const char SPECIAL[] = {'=', '\r', '\n'};
    size_t length = in.len - offset;

    for (size_t i = 0; i < sizeof SPECIAL && length > 0; i++) {
        const char *at = memchr(in.ptr + offset, SPECIAL[i], length);

        length = at != NULL ? (size_t)(at - (in.ptr + offset)) : length;
    }
    while (length > 0 && core_mail_is_wsp(in.ptr[offset + length - 1])) {
        length--;
    }
    return length;
}

size_t core_mail_decode(struct core_mail_decoder *decoder, struct mansio_str in, char *out)
{
    size_t length = 0;

    if (decoder->encoding == CORE_MAIL_BASE64) {
        return base64_decode(decoder, in, out);
    }
    if (decoder->encoding != CORE_MAIL_QUOTED_PRINTABLE) {
        if (in.len > 0) {
            memcpy(out, in.ptr, in.len);
        }
        return in.len;
    }
    for (size_t i = 0; i < in.len;) {
        size_t run = decoder->count == QP_TEXT && decoder->held == 0 ? qp_plain(in, i) : 0;

        if (run > 0) {
            memcpy(out + length, in.ptr + i, run);
            length += run;
            i += run;
        } else {
            length += qp_byte(decoder, in.ptr[i++], out + length);
        }
    }
    return length;
}

size_t core_mail_decode_end(struct core_mail_decoder *decoder, char *out)
{
    size_t length = 0;

    if (decoder->encoding == CORE_MAIL_BASE64) {
        length = base64_flush(decoder, out);
    } else if (decoder->encoding == CORE_MAIL_QUOTED_PRINTABLE) {
        if (decoder->count == QP_DIGIT) {
            out[length++] = '=';
            out[length++] = decoder->first;
        }
        /* Held white space ends the last line: it goes. A soft break at the end breaks nothing. */
    }
    core_mail_decoder_init(decoder, decoder->encoding);
    return length;
}

void core_mail_base64_encode(struct mansio_buf *out, struct mansio_str bytes)
{
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t count = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t bits = 0;

        for (size_t j = 0; j < 3; j++) {
            bits = bits << 8 | (j < count ? (unsigned char)bytes.ptr[i + j] : 0);
        }
        for (size_t j = 0; j < 4; j++) {
            char c = j <= count ? BASE64[bits >> (18 - 6 * j) & 63] : '=';

            (void)mansio_buf_add_char(out, c);
        }
    }
}

void core_mail_quoted_printable_encode(struct mansio_buf *out, struct mansio_str text)
{
    size_t column = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        int ends = i + 1 == text.len ||
                   mansio_str_starts(mansio_str_sub(text, i + 1, 2), MANSIO_STR("\r\n"));
        /* White space at the end of a line would be lost on the way (6.7 rule 3). */
        int is_plain = (c > ' ' && c <= '~' && c != '=') || (core_mail_is_wsp(c) && !ends);

        if (c == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n') {
            (void)mansio_buf_add(out, MANSIO_STR("\r\n"));
            column = 0;
            i++;
            continue;
        }
        if (column + (is_plain ? 1 : 3) > (ends ? QP_LINE_MAX : QP_LINE_MAX - 1)) {
            (void)mansio_buf_add(out, MANSIO_STR("=\r\n"));
            column = 0;
        }
        if (is_plain) {
            (void)mansio_buf_add_char(out, c);
        } else {
            (void)mansio_buf_printf(out, "=%02X", (unsigned char)c);
        }
        column += is_plain ? 1 : 3;
    }
}
