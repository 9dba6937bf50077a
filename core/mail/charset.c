/*
 * Charsets: see charset.h. The table below is also the list of what iconv may be asked for.
 * Missing on purpose: ISO-2022-CN-EXT (CVE-2024-2961), UTF-7 (its converter forgets its state at an
 * error, so that the result depends on how the text was cut), EBCDIC, what mail has never seen.
 */
#include "core/mail/charset.h"

#include "core/mail/chars.h"

#include <mansio/str.h>

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

enum {
    MODE_GUESS,
    MODE_UTF8,
    MODE_LATIN1,
    MODE_ICONV,
};

enum {
    NAME_MAX_BYTES = 40, /* a normalised name */
    PIECE_BYTES = 1024,  /* what iconv writes at once */
};

struct known {
    const char *name;  /* lower case, letters and digits alone */
    const char *iconv; /* what iconv calls it */
};

#define UTF8   "UTF-8"
#define ASCII  "US-ASCII"
#define LATIN1 "ISO-8859-1"

/* Sorted by name: found by halving, and a test holds it to that. */
static const struct known KNOWN[] = {
    {"437", "CP437"},
    {"646", ASCII},
    {"850", "CP850"},
    {"852", "CP852"},
    {"866", "CP866"},
    {"8859", LATIN1},
    {"88591", LATIN1},
    {"885910", "ISO-8859-10"},
    {"885913", "ISO-8859-13"},
    {"885914", "ISO-8859-14"},
    {"885915", "ISO-8859-15"},
    {"88592", "ISO-8859-2"},
    {"88595", "ISO-8859-5"},
    {"88597", "ISO-8859-7"},
    {"88598", "ISO-8859-8"},
    {"88599", "CP1254"},
    {"ansix341968", ASCII},
    {"ansix341986", ASCII},
    {"arabic", "ISO-8859-6"},
    {"ascii", ASCII},
    {"big5", "CP950"},
    {"big5hkscs", "BIG5-HKSCS"},
    {"cngb", "GB18030"},
    {"cp1250", "CP1250"},
    {"cp1251", "CP1251"},
    {"cp1252", LATIN1},
    {"cp1253", "CP1253"},
    {"cp1254", "CP1254"},
    {"cp1255", "CP1255"},
    {"cp1256", "CP1256"},
    {"cp1257", "CP1257"},
    {"cp1258", "CP1258"},
    {"cp437", "CP437"},
    {"cp819", LATIN1},
    {"cp850", "CP850"},
    {"cp852", "CP852"},
    {"cp855", "CP855"},
    {"cp866", "CP866"},
    {"cp874", "CP874"},
    {"cp932", "CP932"},
    {"cp936", "GB18030"},
    {"cp949", "CP949"},
    {"cp950", "CP950"},
    {"csbig5", "CP950"},
    {"cseuckr", "CP949"},
    {"csgb2312", "GB18030"},
    {"csiso2022jp", "ISO-2022-JP"},
    {"csiso2022kr", "ISO-2022-KR"},
    {"csisolatin1", LATIN1},
    {"csisolatin2", "ISO-8859-2"},
    {"cskoi8r", "KOI8-R"},
    {"csshiftjis", "CP932"},
    {"cswindows31j", "CP932"},
    {"cyrillic", "ISO-8859-5"},
    {"euccn", "GB18030"},
    {"eucjp", "EUC-JP"},
    {"euckr", "CP949"},
    {"euctw", "EUC-TW"},
    {"gb18030", "GB18030"},
    {"gb2312", "GB18030"},
    {"gb23121980", "GB18030"},
    {"gbk", "GB18030"},
    {"greek", "ISO-8859-7"},
    {"hebrew", "ISO-8859-8"},
    {"ibm437", "CP437"},
    {"ibm850", "CP850"},
    {"ibm852", "CP852"},
    {"ibm855", "CP855"},
    {"ibm866", "CP866"},
    {"iso10646ucs2", "UTF-16"},
    {"iso2022jp", "ISO-2022-JP"},
    {"iso2022jp1", "ISO-2022-JP-2"},
    {"iso2022jp2", "ISO-2022-JP-2"},
    {"iso2022jp3", "ISO-2022-JP-3"},
    {"iso2022jpms", "ISO-2022-JP"},
    {"iso2022kr", "ISO-2022-KR"},
    {"iso646us", ASCII},
    {"iso8859", LATIN1},
    {"iso88591", LATIN1},
    {"iso885910", "ISO-8859-10"},
    {"iso885911", "CP874"},
    {"iso885911987", LATIN1},
    {"iso885913", "ISO-8859-13"},
    {"iso885914", "ISO-8859-14"},
    {"iso885915", "ISO-8859-15"},
    {"iso885916", "ISO-8859-16"},
    {"iso88592", "ISO-8859-2"},
    {"iso88593", "ISO-8859-3"},
    {"iso88594", "ISO-8859-4"},
    {"iso88595", "ISO-8859-5"},
    {"iso88596", "ISO-8859-6"},
    {"iso88597", "ISO-8859-7"},
    {"iso88598", "ISO-8859-8"},
    {"iso88598e", "ISO-8859-8"},
    {"iso88598i", "ISO-8859-8"},
    {"iso88599", "CP1254"},
    {"isoir100", LATIN1},
    {"isoir101", "ISO-8859-2"},
    {"koi8", "KOI8-R"},
    {"koi8r", "KOI8-R"},
    {"koi8ru", "KOI8-U"},
    {"koi8u", "KOI8-U"},
    {"korean", "CP949"},
    {"ksc5601", "CP949"},
    {"ksc56011987", "CP949"},
    {"l1", LATIN1},
    {"latin0", "ISO-8859-15"},
    {"latin1", LATIN1},
    {"latin2", "ISO-8859-2"},
    {"latin5", "CP1254"},
    {"latin9", "ISO-8859-15"},
    {"mac", "MACINTOSH"},
    {"maccyrillic", "MAC-CYRILLIC"},
    {"macintosh", "MACINTOSH"},
    {"macroman", "MACINTOSH"},
    {"ms932", "CP932"},
    {"ms936", "GB18030"},
    {"ms949", "CP949"},
    {"ms950", "CP950"},
    {"mskanji", "CP932"},
    {"shiftjis", "CP932"},
    {"sjis", "CP932"},
    {"tis620", "CP874"},
    {"ucs2", "UTF-16"},
    {"uhc", "CP949"},
    {"unicode11utf8", UTF8},
    {"us", ASCII},
    {"usascii", ASCII},
    {"utf16", "UTF-16"},
    {"utf16be", "UTF-16BE"},
    {"utf16le", "UTF-16LE"},
    {"utf32", "UTF-32"},
    {"utf32be", "UTF-32BE"},
    {"utf32le", "UTF-32LE"},
    {"utf8", UTF8},
    {"utf8mb4", UTF8},
    {"viscii", "VISCII"},
    {"win1250", "CP1250"},
    {"win1251", "CP1251"},
    {"win1252", LATIN1},
    {"windows1250", "CP1250"},
    {"windows1251", "CP1251"},
    {"windows1252", LATIN1},
    {"windows1253", "CP1253"},
    {"windows1254", "CP1254"},
    {"windows1255", "CP1255"},
    {"windows1256", "CP1256"},
    {"windows1257", "CP1257"},
    {"windows1258", "CP1258"},
    {"windows31j", "CP932"},
    {"windows874", "CP874"},
    {"windows932", "CP932"},
    {"windows936", "GB18030"},
    {"windows949", "CP949"},
    {"xbig5", "CP950"},
    {"xcp1250", "CP1250"},
    {"xcp1251", "CP1251"},
    {"xcp1252", LATIN1},
    {"xeucjp", "EUC-JP"},
    {"xgbk", "GB18030"},
    {"xmaccyrillic", "MAC-CYRILLIC"},
    {"xmacroman", "MACINTOSH"},
    {"xsjis", "CP932"},
    {"xuserdefined", ASCII},
    {"xwindows949", "CP949"},
};

/* windows-1252 at 0x80 to 0x9f; its five holes are the C1 controls of ISO-8859-1. */
static const uint16_t WINDOWS_1252[32] = {
    0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008D, 0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178,
};

static int compare_known(const void *key, const void *entry)
{
    return strcmp(key, ((const struct known *)entry)->name);
}

/* The entry of a name as mail has it, NULL for none. */
static const struct known *known_of(struct mansio_str name)
{
    char text[NAME_MAX_BYTES];
    size_t length = 0;

    for (size_t i = 0; i < name.len; i++) {
        if (core_mail_is_digit(name.ptr[i]) || core_mail_is_alpha(name.ptr[i])) {
            if (length == sizeof text - 1) {
                return NULL;
            }
            text[length++] = core_mail_to_lower(name.ptr[i]);
        }
    }
    text[length] = '\0';
    return bsearch(text, KNOWN, MANSIO_COUNT(KNOWN), sizeof KNOWN[0], compare_known);
}

int core_mail_charset_same(struct mansio_str a, struct mansio_str b)
{
    const struct known *known_a = known_of(a);
    const struct known *known_b = known_of(b);

    if (known_a != NULL && known_b != NULL) {
        return strcmp(known_a->iconv, known_b->iconv) == 0;
    }
    return mansio_str_ieq(a, b);
}

int core_mail_charset_open(struct core_mail_charset *charset, struct mansio_str name)
{
    const struct known *known = known_of(name);
    iconv_t handle;

    *charset = (struct core_mail_charset){.mode = MODE_GUESS};
    if (known == NULL) {
        return 0;
    }
    if (strcmp(known->iconv, ASCII) == 0) {
        return 1;
    }
    if (strcmp(known->iconv, UTF8) == 0 || strcmp(known->iconv, LATIN1) == 0) {
        charset->mode = strcmp(known->iconv, UTF8) == 0 ? MODE_UTF8 : MODE_LATIN1;
        return 1;
    }
/* gcc's analyzer takes the -1 of a failed iconv_open() for a handle that leaks. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif
    handle = iconv_open("UTF-8", known->iconv);
    /* A cast of -1 says that it failed: this system lacks the module, so guess. */
    if (handle == (iconv_t)-1) { // NOLINT(performance-no-int-to-ptr): what POSIX returns
        return 0;
    }
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
    charset->mode = MODE_ICONV;
    charset->iconv = handle;
    return 1;
}

void core_mail_charset_close(struct core_mail_charset *charset)
{
    if (charset->iconv != NULL) {
        (void)iconv_close(charset->iconv);
        charset->iconv = NULL;
    }
    charset->held = 0;
}

static void add_replacement(struct mansio_buf *out)
{
    (void)mansio_buf_add(out, MANSIO_STR("\xEF\xBF\xBD"));
}

/* Append converted text, its NULs replaced. */
static void add_text(struct mansio_buf *out, const char *text, size_t length)
{
    while (length > 0) {
        const char *nul = memchr(text, '\0', length);
        size_t count = nul != NULL ? (size_t)(nul - text) : length;

        if (count > 0) {
            (void)mansio_buf_add(out, (struct mansio_str){text, count});
        }
        if (nul != NULL) {
            add_replacement(out);
            count++;
        }
        text += count;
        length -= count;
    }
}

/* A byte of 128 or more, read as windows-1252. */
static void add_windows_1252(struct mansio_buf *out, unsigned char byte)
{
    unsigned code = byte < 0xA0 ? WINDOWS_1252[byte - 0x80] : byte;
    char text[3];
    size_t length = 0;

    if (code < 0x800) {
        text[length++] = (char)(0xC0 | code >> 6);
    } else {
        text[length++] = (char)(0xE0 | code >> 12);
        text[length++] = (char)(0x80 | (code >> 6 & 0x3F));
    }
    text[length++] = (char)(0x80 | (code & 0x3F));
    (void)mansio_buf_add(out, (struct mansio_str){text, length});
}

int core_mail_utf8_length(const char *bytes, size_t count)
{
    const unsigned char *b = (const unsigned char *)bytes;
    unsigned low = 0x80;
    unsigned high = 0xBF;
    int length;

    if (count == 0) {
        return 0;
    }
    if (b[0] < 0x80) {
        return 1;
    }
    if (b[0] < 0xC2 || b[0] > 0xF4) {
        return -1;
    }
    length = b[0] < 0xE0 ? 2 : b[0] < 0xF0 ? 3 : 4;
    /* RFC 3629 4: what would be too long, a surrogate or past U+10FFFF shows in the second byte. */
    low = b[0] == 0xE0 ? 0xA0 : b[0] == 0xF0 ? 0x90 : low;
    high = b[0] == 0xED ? 0x9F : b[0] == 0xF4 ? 0x8F : high;
    for (int i = 1; i < length; i++) {
        if ((size_t)i >= count) {
            return 0;
        }
        if (b[i] < low || b[i] > high) {
            return -1;
        }
        low = 0x80;
        high = 0xBF;
    }
    return length;
}

int core_mail_is_utf8(struct mansio_str bytes)
{
    size_t i = 0;

    for (;;) {
        int length;

        i += core_mail_ascii_run(bytes.ptr + i, bytes.len - i);
        if (i == bytes.len) {
            return 1;
        }
        length = core_mail_utf8_length(bytes.ptr + i, bytes.len - i);
        if (length <= 0) {
            return 0;
        }
        i += (size_t)length;
    }
}

/* One byte that is no UTF-8 there. */
static void add_stray(const struct core_mail_charset *charset, char c, struct mansio_buf *out)
{
    if (charset->mode == MODE_GUESS) {
        add_windows_1252(out, (unsigned char)c);
    } else {
        add_replacement(out);
    }
}

/* Convert what is whole of UTF-8 or of what is guessed. @return bytes used */
static size_t utf8_some(struct core_mail_charset *charset, const char *text, size_t length,
                        struct mansio_buf *out)
{
    size_t from = 0;
    size_t i = 0;

    for (;;) {
        int count;

        i += core_mail_ascii_run(text + i, length - i);
        if (i == length) {
            break;
        }
        count = core_mail_utf8_length(text + i, length - i);
        if (count > 0) {
            i += (size_t)count;
            continue;
        }
        add_text(out, text + from, i - from);
        if (count == 0) {
            return i;
        }
        add_stray(charset, text[i], out);
        from = ++i;
    }
    add_text(out, text + from, i - from);
    return i;
}

/* Convert what is whole by iconv. @return bytes used */
static size_t iconv_some(struct core_mail_charset *charset, const char *text, size_t length,
                         struct mansio_buf *out)
{
    char piece[PIECE_BYTES];
    /* POSIX forgot a const: iconv doesn't write there. */
    union {
        const char *in;
        char *plain;
    } at = {.in = text};
    size_t left = length;

    while (left > 0) {
        char *end = piece;
        size_t room = sizeof piece;
        size_t before = left;
        size_t result = iconv(charset->iconv, &at.plain, &left, &end, &room);
        int err = errno;

        add_text(out, piece, sizeof piece - room);
        if (result != (size_t)-1) {
            continue;
        }
        if (err == EINVAL && left < sizeof charset->hold) {
            break;
        }
        if (err == E2BIG && (left < before || room < sizeof piece)) {
            continue;
        }
        add_replacement(out);
        at.in++;
        left--;
    }
    return length - left;
}

static size_t convert_some(struct core_mail_charset *charset, const char *text, size_t length,
                           struct mansio_buf *out)
{
    return charset->mode == MODE_ICONV ? iconv_some(charset, text, length, out)
                                       : utf8_some(charset, text, length, out);
}

/* Put bytes to the front of what is held until nothing is. @return bytes of @p in used */
static size_t feed_held(struct core_mail_charset *charset, struct mansio_str in,
                        struct mansio_buf *out)
{
    size_t used = 0;

    while (charset->held > 0 && used < in.len) {
        size_t done;

        charset->hold[charset->held++] = in.ptr[used++];
        done = convert_some(charset, charset->hold, charset->held, out);
        charset->held -= (uint32_t)done;
        memmove(charset->hold, charset->hold + done, charset->held);
    }
    return used;
}

void core_mail_charset_feed(struct core_mail_charset *charset, struct mansio_str in,
                            struct mansio_buf *out)
{
    size_t used;

    if (charset->mode == MODE_LATIN1) {
        size_t from = 0;

        while (from < in.len) {
            size_t run = core_mail_ascii_run(in.ptr + from, in.len - from);

            add_text(out, in.ptr + from, run);
            from += run;
            if (from < in.len) {
                add_windows_1252(out, (unsigned char)in.ptr[from++]);
            }
        }
        return;
    }
    used = feed_held(charset, in, out);
    if (used < in.len) {
        used += convert_some(charset, in.ptr + used, in.len - used, out);
        charset->held = (uint32_t)(in.len - used);
        memcpy(charset->hold, in.ptr + used, charset->held);
    }
}

void core_mail_charset_flush(struct core_mail_charset *charset, struct mansio_buf *out)
{
    char piece[PIECE_BYTES];
    char *end = piece;
    size_t room = sizeof piece;

    if (charset->held > 0) {
        if (charset->mode == MODE_GUESS) {
            for (uint32_t i = 0; i < charset->held; i++) {
                add_stray(charset, charset->hold[i], out);
            }
        } else {
            add_replacement(out);
        }
        charset->held = 0;
    }
    if (charset->mode == MODE_ICONV) {
        /* A few converters keep their last character back; this also resets the state. */
        (void)iconv(charset->iconv, NULL, NULL, &end, &room);
        add_text(out, piece, sizeof piece - room);
    }
}

void core_mail_charset_convert(struct mansio_str name, struct mansio_str in, struct mansio_buf *out)
{
    struct core_mail_charset charset;

    (void)core_mail_charset_open(&charset, name);
    core_mail_charset_feed(&charset, in, out);
    core_mail_charset_flush(&charset, out);
    core_mail_charset_close(&charset);
}

int core_mail_charset_warm(int *known)
{
    /* glibc unloads a converter soon after its last handle is closed (and loading one took 200 us
     * of disk and linker): so one handle of each stays open until the process ends. */
    static struct core_mail_charset pinned[MANSIO_COUNT(KNOWN)];
    static int is_here[MANSIO_COUNT(KNOWN)];
    int have = 0;

    *known = (int)MANSIO_COUNT(KNOWN);
    for (size_t i = 0; i < MANSIO_COUNT(KNOWN); i++) {
        size_t first = 0;

        while (strcmp(KNOWN[first].iconv, KNOWN[i].iconv) != 0) {
            first++; /* several names are one charset; it stops at the name's own row */
        }
        if (first == i && !is_here[i]) {
            is_here[i] = core_mail_charset_open(&pinned[i], mansio_str_from_cstr(KNOWN[i].name));
        }
        have += is_here[first];
    }
    return have;
}
