/*
 * Log lines from any bytes, in both formats: whatever the event, the fields, the keys and the
 * values are, a line is one line, has no control byte in it, is valid UTF-8; in logfmt its first
 * value can be read back byte by byte, in JSON it parses.
 */
#include "tests/fuzz/fuzz.h"

#include <jansson.h>
#include <string.h>

#include <mansio/base.h>
#include <mansio/log.h>
#include <mansio/str.h>

#include "core/host/log_line.h"

const char fuzz_name[] = "log";

/* The input is texts, each behind a byte with its length (255: the rest, whatever it is). */
static struct mansio_str take(struct mansio_str *rest)
{
    size_t len = rest->len > 0 ? (unsigned char)rest->ptr[0] : 0;
    struct mansio_str text = mansio_str_sub(*rest, 1, len == 255 ? SIZE_MAX : len);
    *rest = mansio_str_sub(*rest, 1 + text.len, SIZE_MAX);
    return text;
}

/* For what is a C string in the interface. */
static const char *take_cstr(struct mansio_str *rest, char out[256])
{
    struct mansio_str text = mansio_str_sub(take(rest), 0, 255);
    if (text.len > 0) {
        memcpy(out, text.ptr, text.len);
    }
    out[text.len] = '\0';
    return out;
}

static void check_bytes(const struct core_line *line)
{
    MANSIO_ASSERT(line->len > 0 && line->len <= line->room);
    MANSIO_ASSERT(line->ptr[line->len - 1] == '\n');
    for (size_t i = 0; i + 1 < line->len; i++) {
        unsigned char c = (unsigned char)line->ptr[i];
        MANSIO_ASSERT(c >= ' ' && c != 0x7f);
        /* C1 in UTF-8 is 0xc2 and 0x80 to 0x9f */
        MANSIO_ASSERT(c != 0xc2 || (unsigned char)line->ptr[i + 1] >= 0xa0);
    }
    json_t *text = json_stringn(line->ptr, line->len - 1); /* NULL if it is no UTF-8 */
    MANSIO_ASSERT(text != NULL);
    json_decref(text);
}

static uint32_t hex(const char *digits, size_t count)
{
    uint64_t value = 0;
    MANSIO_ASSERT(mansio_parse_hex((struct mansio_str){digits, count}, UINT32_MAX, &value) == 0);
    return (uint32_t)value;
}

static size_t put_rune(char *out, uint32_t rune)
{
    if (rune < 0x800) {
        out[0] = (char)(0xc0 | rune >> 6);
        out[1] = (char)(0x80 | (rune & 0x3f));
        return 2;
    }
    if (rune < 0x10000) {
        out[0] = (char)(0xe0 | rune >> 12);
        out[1] = (char)(0x80 | (rune >> 6 & 0x3f));
        out[2] = (char)(0x80 | (rune & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | rune >> 18);
    out[1] = (char)(0x80 | (rune >> 12 & 0x3f));
    out[2] = (char)(0x80 | (rune >> 6 & 0x3f));
    out[3] = (char)(0x80 | (rune & 0x3f));
    return 4;
}

/* One escape behind its backslash; returns how many bytes of @p in it took. */
static size_t unescape_one(const char *in, char *out, size_t *len)
{
    static const char letters[] = "n\nr\rt\t\"\"\\\\";
    for (size_t i = 0; letters[i] != '\0'; i += 2) {
        if (letters[i] == in[0]) {
            out[(*len)++] = letters[i + 1];
            return 1;
        }
    }
    if (in[0] == 'x') {
        out[(*len)++] = (char)hex(in + 1, 2);
        return 3;
    }
    MANSIO_ASSERT(in[0] == 'u');
    uint32_t rune = hex(in + 1, 4);
    if (rune < 0xd800 || rune > 0xdbff) {
        *len += put_rune(out + *len, rune);
        return 5;
    }
    rune = 0x10000 + ((rune - 0xd800) << 10) + (hex(in + 7, 4) - 0xdc00);
    *len += put_rune(out + *len, rune);
    return 11;
}

/* The value behind " v=", if it is there whole. */
static void check_value(const struct core_line *line, struct mansio_str wanted)
{
    static char out[CORE_LINE_MAX];
    size_t len = 0;
    struct mansio_str text = {line->ptr, line->len - 1};
    ptrdiff_t at = mansio_str_find(text, MANSIO_STR(" first_value="));
    if (at < 0 || wanted.len > CORE_LINE_VALUE_MAX) {
        return;
    }
    const char *p = text.ptr + at + 13;
    const char *end = text.ptr + text.len;
    int is_quoted = p < end && *p == '"';
    for (p += is_quoted; p < end && *p != (is_quoted ? '"' : ' ');) {
        if (is_quoted && *p == '\\') {
            p += 1 + unescape_one(p + 1, out, &len);
        } else {
            out[len++] = *p++;
        }
    }
    MANSIO_ASSERT(!is_quoted || (p < end && *p == '"'));
    MANSIO_ASSERT(mansio_str_eq((struct mansio_str){out, len}, wanted));
}

static void write_line(struct mansio_str input, uint32_t format)
{
    static char memory[CORE_LINE_MAX];
    char event[256];
    char name[256];
    struct core_line line;
    const struct core_log_options options = {
        .format = format, .process = "fuzz", .generation = input.len & 1};
    struct mansio_str first = take(&input);
    take_cstr(&input, event);
    struct core_log_fields fields = {.module = take(&input)};
    fields.instance = take(&input);
    fields.session = take(&input);
    take_cstr(&input, name);
    const struct core_context context = {.name = name, .fields = &fields};

    core_line_begin(&line, memory, 64 + (input.len * 97) % (sizeof memory - 64), format);
    /* In so little room the head alone may not fit: pairs are then missing, nothing worse. */
    core_line_head(&line, &options, &context, 1, 0, MANSIO_LOG_INFO, event);
    core_line_str(&line, "first_value", first);
    for (int i = 0; input.len > 0 && i < 64; i++) {
        char key[256];
        take_cstr(&input, key);
        core_line_str(&line, key, take(&input));
        core_line_int(&line, key, (int64_t)input.len - 100);
        core_line_duration(&line, key, 100 - (int64_t)input.len);
    }
    core_line_end(&line);
    check_bytes(&line);
    if (format == CORE_LOG_JSON) {
        json_error_t error;
        json_t *json = json_loadb(line.ptr, line.len, 0, &error);
        MANSIO_ASSERT(json_is_object(json));
        json_decref(json);
    } else {
        /* Only the field's own text may look like the key. */
        struct mansio_str text = {line.ptr, line.len};
        ptrdiff_t at = mansio_str_find(text, MANSIO_STR(" first_value="));
        ptrdiff_t fiber = mansio_str_find(text, MANSIO_STR(" fiber="));
        if (at >= 0 && at > fiber && strstr(event, "first_value") == NULL &&
            mansio_str_find((struct mansio_str){line.ptr, (size_t)at}, MANSIO_STR("\"")) < 0) {
            check_value(&line, first);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mansio_str input = {(const char *)data, size};
    write_line(input, CORE_LOG_LOGFMT);
    write_line(input, CORE_LOG_JSON);
    return 0;
}
