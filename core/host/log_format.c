/*
 * What a log line looks like, in logfmt and in JSON. Pure: no writing, no clock, no lock.
 *
 *   time=... level=info event=delivered process=worker pid=7 generation=2 module=smtp
 *   instance=mx session=... fiber=conn to="a b" size=12
 *   {"time":"...","level":"info","event":"delivered",...,"to":"a b","size":12}
 *
 * A key that means something of the core's on every line gets a '_' appended, so that no pair
 * can pass for it.
 */
#include "core/host/log_line.h"

#include <string.h>
#include <unistd.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum {
    END_ROOM = 32,  /* kept free for the number of missing pairs and the line's end */
    PAIR_ROOM = 16, /* more than separator, quotes and colon */
};

static const char *const reserved_keys[] = {
    "time",   "level",    "event",   "process", "pid",     "generation",
    "module", "instance", "session", "fiber",   "missing",
};

const char *core_log_level_name(uint32_t level)
{
    static const char *const names[] = {"error", "error", "warning", "info", "debug"};
    return level < MANSIO_COUNT(names) ? names[level] : "debug";
}

static void put(struct core_line *line, const char *bytes, size_t len)
{
    memcpy(line->ptr + line->len, bytes, len);
    line->len += len;
}

static size_t room_left(const struct core_line *line)
{
    size_t kept = line->len + END_ROOM;
    return kept < line->room ? line->room - kept : 0;
}

/* Only letters, digits and "_.-"; never empty. */
static size_t clean_key(char out[CORE_LINE_KEY_MAX + 1], const char *key)
{
    size_t len = 0;
    for (; key != NULL && key[len] != '\0' && len < CORE_LINE_KEY_MAX; len++) {
        char c = key[len];
        int is_legal = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '.' || c == '-';
        out[len] = is_legal ? c : '_';
    }
    if (len == 0) {
        out[len++] = '_';
    }
    return len;
}

static int is_reserved(struct mansio_str key)
{
    for (size_t i = 0; i < MANSIO_COUNT(reserved_keys); i++) {
        if (mansio_str_eq(key, mansio_str_from_cstr(reserved_keys[i]))) {
            return 1;
        }
    }
    return 0;
}

/* Separator and key. 0 if there is no room for it and the least of values. */
static int put_key(struct core_line *line, struct mansio_str key)
{
    if (room_left(line) < key.len + PAIR_ROOM) {
        return 0;
    }
    if (line->format == CORE_LOG_JSON) {
        put(line, line->pair_count == 0 ? "{\"" : ",\"", 2);
        put(line, key.ptr, key.len);
        put(line, "\":", 2);
    } else {
        if (line->pair_count > 0) {
            put(line, " ", 1);
        }
        put(line, key.ptr, key.len);
        put(line, "=", 1);
    }
    return 1;
}

/* A value's first bytes, whole characters, if it is too long. */
static size_t cut_at(struct mansio_str value)
{
    if (value.len <= CORE_LINE_VALUE_MAX) {
        return value.len;
    }
    size_t cut = CORE_LINE_VALUE_MAX;
    for (int i = 0; i < 3 && (value.ptr[cut] & 0xc0) == 0x80; i++) {
        cut--;
    }
    return cut;
}

static size_t print_u64(char out[20], uint64_t value)
{
    char digits[20];
    size_t len = 0;
    do {
        digits[len++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < len; i++) {
        out[i] = digits[len - 1 - i];
    }
    return len;
}

/* Quotes where the format wants them, the escaped text, and how much was cut. 0 if there is no
 * room. */
static int put_text(struct core_line *line, struct mansio_str value)
{
    struct mansio_str kept = {value.ptr, cut_at(value)};
    int is_quoted =
        line->format == CORE_LOG_JSON || kept.len < value.len || core_log_needs_quotes(value);
    size_t room = room_left(line);
    if (room < 48) { /* quotes and the mark of a cut */
        return 0;
    }
    if (is_quoted) {
        put(line, "\"", 1);
    }
    ptrdiff_t used = core_log_escape(line->ptr + line->len, room - 48, line->format, kept);
    if (used < 0) {
        return 0;
    }
    line->len += (size_t)used;
    if (kept.len < value.len) {
        char digits[20];
        put(line, "...[+", 5);
        size_t digit_count = print_u64(digits, value.len - kept.len);
        put(line, digits, digit_count);
        put(line, "]", 1);
    }
    if (is_quoted) {
        put(line, "\"", 1);
    }
    return 1;
}

/* A pair is written whole or not at all. */
static void put_pair(struct core_line *line, struct mansio_str key, struct mansio_str value,
                     int is_number)
{
    size_t before = line->len;
    int is_put = put_key(line, key);
    if (is_put && is_number) {
        is_put = room_left(line) >= value.len;
        if (is_put) {
            put(line, value.ptr, value.len);
        }
    } else if (is_put) {
        is_put = put_text(line, value);
    }
    if (!is_put) {
        line->len = before;
        line->missing++;
        return;
    }
    line->pair_count++;
}

/* Under a key of the caller's choice. */
static void put_callers(struct core_line *line, const char *key, struct mansio_str value,
                        int is_number)
{
    char clean[CORE_LINE_KEY_MAX + 1];
    struct mansio_str name = {clean, clean_key(clean, key)};
    if (is_reserved(name)) {
        clean[name.len++] = '_';
    }
    put_pair(line, name, value, is_number);
}

void core_line_begin(struct core_line *line, char *memory, size_t room, uint32_t format)
{
    MANSIO_ASSERT(room >= 64);
    *line = (struct core_line){.ptr = memory, .room = room, .format = format};
}

void core_line_str(struct core_line *line, const char *key, struct mansio_str value)
{
    put_callers(line, key, value, 0);
}

static size_t print_i64(char out[24], int64_t value)
{
    size_t len = 0;
    if (value < 0) {
        out[len++] = '-';
    }
    return len + print_u64(out + len, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void core_line_int(struct core_line *line, const char *key, int64_t value)
{
    char digits[24];
    put_callers(line, key, (struct mansio_str){digits, print_i64(digits, value)}, 1);
}

void core_line_duration(struct core_line *line, const char *key, int64_t us)
{
    char text[32];
    uint64_t all = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    size_t len = 0;
    if (us < 0) {
        text[len++] = '-';
    }
    len += print_u64(text + len, all / 1000000);
    text[len++] = '.';
    for (uint64_t unit = 100000; unit > 0; unit /= 10) {
        text[len++] = (char)('0' + all / unit % 10);
    }
    put_callers(line, key, (struct mansio_str){text, len}, 1);
}

static void put_own(struct core_line *line, const char *key, struct mansio_str value)
{
    if (value.len > 0) {
        put_pair(line, mansio_str_from_cstr(key), value, 0);
    }
}

static void put_own_int(struct core_line *line, const char *key, int64_t value)
{
    char digits[24];
    put_pair(line, mansio_str_from_cstr(key), (struct mansio_str){digits, print_i64(digits, value)},
             1);
}

void core_line_head(struct core_line *line, const struct core_log_options *options,
                    const struct core_context *context, int64_t pid, int64_t wall_us,
                    uint32_t level, const char *event)
{
    char time[MANSIO_TIME_RFC3339_MAX];
    size_t time_len = mansio_time_rfc3339(wall_us, time);
    put_own(line, "time", (struct mansio_str){time, time_len});
    put_own(line, "level", mansio_str_from_cstr(core_log_level_name(level)));
    put_own(line, "event", event != NULL ? mansio_str_from_cstr(event) : MANSIO_STR("none"));
    put_own(line, "process", mansio_str_from_cstr(options->process));
    put_own_int(line, "pid", pid);
    if (options->generation != 0) {
        put_own_int(line, "generation", options->generation);
    }
    if (context == NULL) {
        return;
    }
    if (context->fields != NULL) {
        put_own(line, "module", context->fields->module);
        put_own(line, "instance", context->fields->instance);
        put_own(line, "session", context->fields->session);
    }
    put_own(line, "fiber", mansio_str_from_cstr(context->name));
}

static void put_code(struct core_line *line, const char *key, int code, const char *detail)
{
    core_line_str(line, key, mansio_str_from_cstr(mansio_error_name(code)));
    if (code < 0 && detail != NULL && detail[0] != '\0' && !line->has_detail) {
        line->has_detail = 1;
        core_line_str(line, "detail", mansio_str_from_cstr(detail));
    }
}

void core_line_pairs(struct core_line *line, const char *detail, va_list pairs)
{
    for (;;) {
        int kind = va_arg(pairs, int);
        if (kind == MANSIO_KV_KIND_END) {
            return;
        }
        const char *key = va_arg(pairs, const char *);
        const char *ptr;
        size_t len;
        switch (kind) {
        case MANSIO_KV_KIND_STR:
            ptr = va_arg(pairs, const char *);
            len = va_arg(pairs, size_t);
            core_line_str(line, key, (struct mansio_str){ptr, ptr != NULL ? len : 0});
            break;
        case MANSIO_KV_KIND_CSTR:
            core_line_str(line, key, mansio_str_from_cstr(va_arg(pairs, const char *)));
            break;
        case MANSIO_KV_KIND_INT:
            core_line_int(line, key, va_arg(pairs, int64_t));
            break;
        case MANSIO_KV_KIND_CODE:
            put_code(line, key, va_arg(pairs, int), detail);
            break;
        case MANSIO_KV_KIND_DURATION:
            core_line_duration(line, key, va_arg(pairs, int64_t));
            break;
        default:
            /* A kind of a newer minor: what follows it can't be known. */
            line->missing++;
            return;
        }
    }
}

void core_line_end(struct core_line *line)
{
    /* END_ROOM was kept free for this. */
    if (line->missing > 0) {
        char digits[20];
        size_t len = print_u64(digits, line->missing < 999999 ? line->missing : 999999);
        if (line->format == CORE_LOG_JSON) {
            put(line, line->pair_count == 0 ? "{\"missing\":" : ",\"missing\":", 11);
        } else {
            put(line, " missing=", 9);
        }
        put(line, digits, len);
    } else if (line->pair_count == 0 && line->format == CORE_LOG_JSON) {
        put(line, "{", 1);
    }
    put(line, line->format == CORE_LOG_JSON ? "}\n" : "\n", line->format == CORE_LOG_JSON ? 2 : 1);
}

void core_log_format(struct mansio_buf *out, const struct core_log_options *options,
                     const struct core_context *context, int64_t wall_us, uint32_t level,
                     const char *event, va_list pairs)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "log line", 0);
    struct core_line line;
    core_line_begin(&line, mansio_arena_alloc(arena, CORE_LINE_MAX), CORE_LINE_MAX,
                    options->format);
    core_line_head(&line, options, context, (int64_t)getpid(), wall_us, level, event);
    core_line_pairs(&line, context != NULL ? context->detail : NULL, pairs);
    core_line_end(&line);
    (void)mansio_buf_add(out, (struct mansio_str){line.ptr, line.len});
    mansio_arena_free(arena);
}
