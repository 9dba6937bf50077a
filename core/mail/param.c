/*
 * Values with parameters: see param.h.
 *
 * Each "name*N*=value" is a section. Sections of one name are gathered behind the first of them,
 * sorted by number, and joined; plain parameters are sections of their own.
 */
#include "core/mail/param.h"

#include "core/mail/chars.h"
#include "core/mail/charset.h"
#include "core/mail/cursor.h"
#include "core/mail/word.h"

#include <mansio/error.h>

enum {
    NUMBER_NONE = -1,
    NUMBER_MAX = 9999,
};

/* One parameter as written. */
struct section {
    struct section *next;
    struct mansio_str name; /* lower case, without its marks */
    struct mansio_str value;
    int32_t number; /* NUMBER_NONE: no continuation */
    int is_extended;
    int is_used;
};

struct sections {
    struct section *first;
    struct section *last;
    size_t count;
};

/* ---- reading */

static int copy_lower(struct mansio_arena *arena, struct mansio_str s, struct mansio_str *out)
{
    char *text = mansio_arena_try_alloc(arena, s.len + 1);

    if (text == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < s.len; i++) {
        text[i] = core_mail_to_lower(s.ptr[i]);
    }
    *out = (struct mansio_str){text, s.len};
    return 0;
}

static struct mansio_str take_token(struct core_mail_cursor *cursor)
{
    const char *from = cursor->at;

    while (!core_mail_at_end(cursor) && core_mail_is_token(*cursor->at)) {
        cursor->at++;
    }
    return core_mail_between(from, cursor->at);
}

/* Go to the next ";" outside of quotes, or to the end. */
static void skip_to_semicolon(struct core_mail_cursor *cursor)
{
    while (!core_mail_at_end(cursor) && *cursor->at != ';') {
        struct mansio_str ignored;

        if (*cursor->at == '"') {
            (void)core_mail_skip_quoted(cursor, &ignored);
        } else {
            cursor->at++;
        }
    }
}

/*
 * A value: a quoted string, or a token. What breaks the grammar (spaces, slashes and brackets
 * without quotes) is taken whole up to the semicolon.
 */
static void take_value(struct core_mail_cursor *cursor, struct mansio_buf *out)
{
    const char *from;
    struct mansio_str raw;
    struct mansio_str inside;

    core_mail_skip_cfws(cursor, NULL);
    if (core_mail_peek(cursor) == '"') {
        (void)core_mail_skip_quoted(cursor, &inside);
        core_mail_unquote(out, inside);
        skip_to_semicolon(cursor);
        return;
    }
    from = cursor->at;
    raw = take_token(cursor);
    core_mail_skip_cfws(cursor, NULL);
    if (!core_mail_at_end(cursor) && *cursor->at != ';') {
        cursor->at = from;
        while (!core_mail_at_end(cursor) && *cursor->at != ';') {
            cursor->at++;
        }
        raw = core_mail_trim(core_mail_between(from, cursor->at));
    }
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.ptr[i] != '\r' && raw.ptr[i] != '\n' && raw.ptr[i] != '\0') {
            (void)mansio_buf_add_char(out, raw.ptr[i]);
        }
    }
}

/* Cut the marks off a name: "name*", "name*0", "name*0*" (RFC 2231 7). */
static void take_marks(struct section *section)
{
    struct mansio_str name = section->name;
    ptrdiff_t star = mansio_str_find_char(name, '*');
    struct mansio_str marks;
    int32_t number = 0;
    size_t digits = 0;

    section->number = NUMBER_NONE;
    if (star < 0) {
        return;
    }
    marks = mansio_str_sub(name, (size_t)star + 1, SIZE_MAX);
    while (digits < marks.len && core_mail_is_digit(marks.ptr[digits]) && number <= NUMBER_MAX) {
        number = number * 10 + (marks.ptr[digits++] - '0');
    }
    if (number > NUMBER_MAX || marks.len > digits + 1 ||
        (marks.len == digits + 1 && marks.ptr[digits] != '*')) {
        return; /* another name that has a star in it */
    }
    if (marks.len == 1 && digits == 0) {
        return; /* "name**" */
    }
    section->is_extended = marks.len != digits || digits == 0;
    section->number = digits > 0 ? number : NUMBER_NONE;
    section->name = mansio_str_sub(name, 0, (size_t)star);
}

/* One parameter at the cursor, which stands behind a ";". @return 0; MANSIO_E_LIMIT */
static int take_section(struct mansio_arena *arena, struct core_mail_cursor *cursor,
                        struct mansio_buf *value, struct sections *sections)
{
    struct section model = {.number = NUMBER_NONE};
    struct section *section;
    struct mansio_str name;

    core_mail_skip_cfws(cursor, NULL);
    name = take_token(cursor);
    core_mail_skip_cfws(cursor, NULL);
    if (name.len == 0 || core_mail_peek(cursor) != '=') {
        skip_to_semicolon(cursor);
        return 0;
    }
    cursor->at++;
    mansio_buf_reset(value);
    take_value(cursor, value);
    if (sections->count >= CORE_MAIL_SECTIONS_MAX) {
        return 0;
    }
    if (copy_lower(arena, name, &model.name) < 0 ||
        mansio_arena_copy(arena, mansio_buf_str(value), &model.value) < 0) {
        return MANSIO_E_LIMIT;
    }
    take_marks(&model);
    section = mansio_arena_try_alloc(arena, sizeof *section);
    if (section == NULL) {
        return MANSIO_E_LIMIT;
    }
    *section = model;
    *(sections->last != NULL ? &sections->last->next : &sections->first) = section;
    sections->last = section;
    sections->count++;
    return 0;
}

/* ---- joining */

/* Append a section to an extended value: what was not in %XX is put into it (RFC 2231 4.1 lets both
 * kinds stand side by side). */
static void add_extended(struct mansio_buf *out, const struct section *section, int is_first)
{
    if (section->is_extended) {
        (void)mansio_buf_add(out, section->value);
        return;
    }
    if (is_first) {
        (void)mansio_buf_add(out, MANSIO_STR("''"));
    }
    for (size_t i = 0; i < section->value.len; i++) {
        char c = section->value.ptr[i];

        if (core_mail_is_token(c) && !core_mail_is_8bit(c) && strchr("*'%", c) == NULL) {
            (void)mansio_buf_add_char(out, c);
        } else {
            (void)mansio_buf_printf(out, "%%%02X", (unsigned char)c);
        }
    }
}

/* The first section of a name with a number; NULL for none. */
static struct section *section_of(const struct sections *all, struct mansio_str name,
                                  int32_t number)
{
    for (struct section *at = all->first; at != NULL; at = at->next) {
        if (at->number == number && mansio_str_eq(at->name, name)) {
            return at;
        }
    }
    return NULL;
}

/*
 * Join the sections 0, 1, ... of the name of @p first. A gap ends them (RFC 2231 3), and what
 * follows it is lost, as are duplicates; a value that doesn't begin with 0 begins where it can.
 */
static void join(struct mansio_buf *out, const struct section *first, const struct sections *all,
                 struct core_mail_param *param)
{
    int32_t start = section_of(all, first->name, 0) != NULL ? 0 : first->number;
    const struct section *section;
    int is_extended = 0;

    for (int32_t i = start; (section = section_of(all, first->name, i)) != NULL; i++) {
        is_extended |= section->is_extended;
    }
    for (int32_t i = start; (section = section_of(all, first->name, i)) != NULL; i++) {
        if (is_extended) {
            add_extended(out, section, i == start);
        } else {
            (void)mansio_buf_add(out, section->value);
        }
    }
    for (struct section *at = all->first; at != NULL; at = at->next) {
        if (at->number != NUMBER_NONE && mansio_str_eq(at->name, first->name)) {
            at->is_used = 1;
        }
    }
    param->is_extended = (uint32_t)is_extended;
}

/* Make parameters of sections. @return 0; MANSIO_E_LIMIT */
static int gather(struct mansio_arena *arena, struct sections *sections, struct mansio_buf *value,
                  struct core_mail_param **out_first)
{
    struct core_mail_param **end = out_first;
    size_t count = 0;

    for (struct section *at = sections->first; at != NULL && count < CORE_MAIL_PARAMS_MAX;
         at = at->next) {
        struct core_mail_param *param;

        if (at->is_used) {
            continue;
        }
        param = mansio_arena_try_alloc(arena, sizeof *param);
        if (param == NULL) {
            return MANSIO_E_LIMIT;
        }
        mansio_buf_reset(value);
        if (at->number == NUMBER_NONE) {
            (void)mansio_buf_add(value, at->value);
            param->is_extended = (uint32_t)at->is_extended;
        } else {
            join(value, at, sections, param);
        }
        if (mansio_arena_copy(arena, at->name, &param->name) < 0 ||
            mansio_arena_copy(arena, mansio_buf_str(value), &param->value) < 0) {
            return MANSIO_E_LIMIT;
        }
        *end = param;
        end = &param->next;
        count++;
    }
    return 0;
}

/* Everything behind the value. @return 0; MANSIO_E_LIMIT */
static int take_params(struct mansio_arena *arena, struct core_mail_cursor *cursor,
                       struct core_mail_param **out_first)
{
    size_t left = core_mail_at_end(cursor) ? 0 : (size_t)(cursor->end - cursor->at);
    struct sections sections = {.first = NULL};
    int result = 0;

    /* Not the scratch arena, whose cap a large header would reach: bounded by the text. */
    struct mansio_arena *work = mansio_arena_new(NULL, "mail parameters", 0);
    /* Three bytes for one where text is put into %XX. */
    struct mansio_buf *value = mansio_buf_new(work, 3 * left + 16);

    for (;;) {
        skip_to_semicolon(cursor);
        if (core_mail_at_end(cursor) || result < 0) {
            break;
        }
        cursor->at++;
        result = take_section(work, cursor, value, &sections);
    }
    if (result == 0) {
        result = gather(arena, &sections, value, out_first);
    }
    mansio_arena_free(work);
    return result;
}

int core_mail_param_parse_type(struct mansio_arena *arena, struct mansio_str text,
                               struct core_mail_typed *out)
{
    struct core_mail_cursor cursor = core_mail_cursor_at(text);
    struct core_mail_typed typed = {.first = NULL};
    struct mansio_str type;
    struct mansio_str subtype = MANSIO_STR_NONE;
    int result;

    core_mail_skip_cfws(&cursor, NULL);
    type = take_token(&cursor);
    core_mail_skip_cfws(&cursor, NULL);
    if (core_mail_peek(&cursor) == '/') {
        cursor.at++;
        core_mail_skip_cfws(&cursor, NULL);
        subtype = take_token(&cursor);
    }
    if (type.len > 0 && subtype.len > 0) {
        result = copy_lower(arena, type, &typed.value);
        if (result == 0) {
            result = copy_lower(arena, subtype, &typed.subtype);
        }
        if (result < 0) {
            return result;
        }
    }
    result = take_params(arena, &cursor, &typed.first);
    if (result == 0) {
        *out = typed;
    }
    return result;
}

int core_mail_param_parse_token(struct mansio_arena *arena, struct mansio_str text,
                                struct core_mail_typed *out)
{
    struct core_mail_cursor cursor = core_mail_cursor_at(text);
    struct core_mail_typed typed = {.first = NULL};
    struct mansio_str token;
    int result = 0;

    core_mail_skip_cfws(&cursor, NULL);
    token = take_token(&cursor);
    if (token.len > 0) {
        result = copy_lower(arena, token, &typed.value);
    }
    if (result == 0) {
        result = take_params(arena, &cursor, &typed.first);
    }
    if (result == 0) {
        *out = typed;
    }
    return result;
}

const struct core_mail_param *core_mail_param_find(const struct core_mail_param *first,
                                                   struct mansio_str name)
{
    for (const struct core_mail_param *at = first; at != NULL; at = at->next) {
        if (mansio_str_eq(at->name, name)) {
            return at;
        }
    }
    return NULL;
}

void core_mail_param_decode(struct mansio_buf *out, const struct core_mail_param *param)
{
    struct mansio_str rest = param->value;
    struct mansio_str charset_name = MANSIO_STR_NONE;
    struct core_mail_charset charset;
    ptrdiff_t mark = mansio_str_find_char(rest, '\'');
    ptrdiff_t second = -1;

    if (!param->is_extended) {
        core_mail_word_decode(out, param->value);
        return;
    }
    if (mark >= 0) {
        second = mansio_str_find_char(mansio_str_sub(rest, (size_t)mark + 1, SIZE_MAX), '\'');
    }
    if (second >= 0) {
        charset_name = mansio_str_sub(rest, 0, (size_t)mark);
        rest = mansio_str_sub(rest, (size_t)mark + (size_t)second + 2, SIZE_MAX);
    }
    (void)core_mail_charset_open(&charset, charset_name);
    for (size_t i = 0; i < rest.len; i++) {
        char c = rest.ptr[i];

        if (c == '%' && i + 2 < rest.len && core_mail_hex_value(rest.ptr[i + 1]) >= 0 &&
            core_mail_hex_value(rest.ptr[i + 2]) >= 0) {
            c = (char)(core_mail_hex_value(rest.ptr[i + 1]) << 4 |
                       core_mail_hex_value(rest.ptr[i + 2]));
            i += 2;
        }
        core_mail_charset_feed(&charset, (struct mansio_str){&c, 1}, out);
    }
    core_mail_charset_flush(&charset, out);
    core_mail_charset_close(&charset);
}
