/*
 * The items of FETCH: see fetch_items.h.
 */
#include "fetch_items.h"

#include <string.h>

#include <mansio/error.h>

#include "reply.h"
#include "section.h"

enum {
    LABEL_MAX = 64 << 10,
    NAME_MAX = 32, /* longest name of an item is shorter */
};

/* ---- tables ---------------------------------------------------------------------------------- */

/* Items by name; those with a text are sections in other words. */
static const struct item {
    struct mansio_str name;
    uint32_t what; /* enum imap_fetch_what */
    uint32_t text; /* enum imap_section_text; 0: no section */
    uint32_t is_peek;
} items[] = {
    {MANSIO_STR("UID"), IMAP_FETCH_UID, 0, 0},
    {MANSIO_STR("FLAGS"), IMAP_FETCH_FLAGS, 0, 0},
    {MANSIO_STR("INTERNALDATE"), IMAP_FETCH_INTERNALDATE, 0, 0},
    {MANSIO_STR("RFC822.SIZE"), IMAP_FETCH_SIZE, 0, 0},
    {MANSIO_STR("MODSEQ"), IMAP_FETCH_MODSEQ, 0, 0},
    {MANSIO_STR("ENVELOPE"), IMAP_FETCH_ENVELOPE, 0, 0},
    {MANSIO_STR("BODY"), IMAP_FETCH_BODY, 0, 0},
    {MANSIO_STR("BODYSTRUCTURE"), IMAP_FETCH_BODYSTRUCTURE, 0, 0},
    {MANSIO_STR("RFC822"), 0, IMAP_SECTION_ALL, 0},
    {MANSIO_STR("RFC822.HEADER"), 0, IMAP_SECTION_HEADER, 1},
    {MANSIO_STR("RFC822.TEXT"), 0, IMAP_SECTION_TEXT, 0},
};

/* Each stands alone, not in a list (RFC 3501 6.4.5). */
static const struct {
    struct mansio_str name;
    uint32_t what;
} macros[] = {
    {MANSIO_STR("ALL"),
     IMAP_FETCH_FLAGS | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SIZE | IMAP_FETCH_ENVELOPE},
    {MANSIO_STR("FAST"), IMAP_FETCH_FLAGS | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SIZE},
    {MANSIO_STR("FULL"), IMAP_FETCH_FLAGS | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SIZE |
                             IMAP_FETCH_ENVELOPE | IMAP_FETCH_BODY},
};

static const struct {
    struct mansio_str name;
    uint32_t text;
} texts[] = {
    {MANSIO_STR("HEADER"), IMAP_SECTION_HEADER},
    {MANSIO_STR("HEADER.FIELDS"), IMAP_SECTION_FIELDS},
    {MANSIO_STR("HEADER.FIELDS.NOT"), IMAP_SECTION_FIELDS_NOT},
    {MANSIO_STR("TEXT"), IMAP_SECTION_TEXT},
    {MANSIO_STR("MIME"), IMAP_SECTION_MIME},
};

/* ---- words ----------------------------------------------------------------------------------- */

static int is_name_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.';
}

/* Letters, digits and dots: names end where "[", a space or a parenthesis begins, and so no atom
 * of RFC 3501 would do ("[" is a part of one). Nothing moves. */
static struct mansio_str see_name(const struct imap_cursor *cursor)
{
    size_t len = 0;
    while (cursor->at + len < cursor->end && len < NAME_MAX && is_name_char(cursor->at[len])) {
        len++;
    }
    return (struct mansio_str){cursor->at, len};
}

/* ---- sections -------------------------------------------------------------------------------- */

/* Room for one more of a list that doubles; NULL if there is none. */
static void *grow(struct mansio_arena *arena, void *old, size_t count, size_t size)
{
    if (count > 0 && (count < 4 || (count & (count - 1)) != 0)) {
        return old;
    }
    void *list = mansio_arena_try_alloc(arena, (count == 0 ? 4 : 2 * count) * size);
    if (list != NULL && count > 0) {
        memcpy(list, old, count * size);
    }
    return list;
}

/* "1.2." or "1.2": the cursor ends behind the last number, or behind its dot if text follows. */
static int parse_numbers(struct imap_cursor *cursor, struct imap_section *section, int *ends_by_dot)
{
    uint32_t *numbers = NULL;
    *ends_by_dot = 0;
    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9') {
        if (section->depth == IMAP_SECTION_DEPTH_MAX) {
            return mansio_fail(MANSIO_E_LIMIT, "a section deeper than %d", IMAP_SECTION_DEPTH_MAX);
        }
        numbers = grow(cursor->arena, numbers, section->depth, sizeof *numbers);
        if (numbers == NULL) {
            return MANSIO_E_LIMIT;
        }
        int rc = imap_parse_nz_number(cursor, &numbers[section->depth]);
        if (rc < 0) {
            return rc;
        }
        section->numbers = numbers;
        section->depth++;
        *ends_by_dot = imap_parse_sees(cursor, '.');
        cursor->at += *ends_by_dot;
        if (!*ends_by_dot) {
            break;
        }
    }
    return 0;
}

/* " (name name)" */
static int parse_fields(struct imap_cursor *cursor, struct imap_section *section)
{
    struct mansio_str *fields = NULL;
    int rc = imap_parse_space(cursor);
    if (rc == 0) {
        rc = imap_parse_char(cursor, '(');
    }
    while (rc == 0 && section->field_count < IMAP_SECTION_FIELDS_MAX) {
        fields = grow(cursor->arena, fields, section->field_count, sizeof *fields);
        if (fields == NULL) {
            return MANSIO_E_LIMIT;
        }
        rc = imap_parse_astring(cursor, &fields[section->field_count]);
        if (rc == 0) {
            section->fields = fields;
            section->field_count++;
            if (imap_parse_sees(cursor, ')')) {
                return imap_parse_char(cursor, ')');
            }
            rc = imap_parse_space(cursor);
        }
    }
    return rc < 0 ? rc
                  : mansio_fail(MANSIO_E_LIMIT, "more than %d names of fields",
                                IMAP_SECTION_FIELDS_MAX);
}

/* What stands between the brackets. */
static int parse_section(struct imap_cursor *cursor, struct imap_section *section)
{
    int wants_text = 0;
    section->text = IMAP_SECTION_ALL;
    int rc = parse_numbers(cursor, section, &wants_text);
    if (rc < 0) {
        return rc;
    }
    struct mansio_str name = see_name(cursor);
    if (name.len == 0 || (section->depth > 0 && !wants_text)) {
        return wants_text ? mansio_fail(MANSIO_E_INVALID, "a section ends with a dot") : 0;
    }
    for (size_t i = 0; i < MANSIO_COUNT(texts); i++) {
        if (mansio_str_ieq(name, texts[i].name)) {
            section->text = texts[i].text;
        }
    }
    if (section->text == IMAP_SECTION_ALL ||
        (section->text == IMAP_SECTION_MIME && section->depth == 0)) {
        return mansio_fail(MANSIO_E_INVALID, "no section of a message");
    }
    cursor->at += name.len;
    return section->text == IMAP_SECTION_FIELDS || section->text == IMAP_SECTION_FIELDS_NOT
               ? parse_fields(cursor, section)
               : 0;
}

/* "<origin.length>" */
static int parse_partial(struct imap_cursor *cursor, struct imap_section *section)
{
    if (!imap_parse_sees(cursor, '<')) {
        return 0;
    }
    section->is_partial = 1;
    int rc = imap_parse_char(cursor, '<');
    if (rc == 0) {
        rc = imap_parse_number(cursor, &section->origin);
    }
    if (rc == 0) {
        rc = imap_parse_char(cursor, '.');
    }
    if (rc == 0) {
        rc = imap_parse_nz_number(cursor, &section->length);
    }
    return rc == 0 ? imap_parse_char(cursor, '>') : rc;
}

static int is_plain_name(struct mansio_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_name_char(name.ptr[i]) && name.ptr[i] != '-' && name.ptr[i] != '_') {
            return 0;
        }
    }
    return name.len > 0;
}

/* The answer names the section as it was asked for, without PEEK and length (RFC 3501 7.4.2). */
static int make_label(struct imap_cursor *cursor, struct imap_section *section)
{
    struct mansio_buf *out = mansio_buf_new(cursor->arena, LABEL_MAX);
    (void)mansio_buf_add(out, MANSIO_STR("BODY["));
    for (size_t i = 0; i < section->depth; i++) {
        (void)mansio_buf_printf(out, i == 0 ? "%u" : ".%u", section->numbers[i]);
    }
    for (size_t i = 0; i < MANSIO_COUNT(texts); i++) {
        if (texts[i].text == section->text) {
            (void)mansio_buf_add(out, section->depth > 0 ? MANSIO_STR(".") : MANSIO_STR_NONE);
            (void)mansio_buf_add(out, texts[i].name);
        }
    }
    for (size_t i = 0; i < section->field_count; i++) {
        (void)mansio_buf_add(out, i == 0 ? MANSIO_STR(" (") : MANSIO_STR(" "));
        if (is_plain_name(section->fields[i])) {
            (void)mansio_buf_add(out, section->fields[i]);
        } else {
            imap_reply_string(out, section->fields[i]);
        }
    }
    (void)mansio_buf_add(out, section->field_count > 0 ? MANSIO_STR(")]") : MANSIO_STR("]"));
    if (section->is_partial) {
        (void)mansio_buf_printf(out, "<%u>", section->origin);
    }
    section->label = mansio_buf_str(out);
    return mansio_buf_status(out);
}

/* ---- items ----------------------------------------------------------------------------------- */

static int add_section(struct imap_cursor *cursor, struct imap_fetch *fetch,
                       struct imap_section **out)
{
    if (fetch->section_count == IMAP_FETCH_SECTIONS_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "more than %d sections", IMAP_FETCH_SECTIONS_MAX);
    }
    struct imap_section *sections =
        grow(cursor->arena, fetch->sections, fetch->section_count, sizeof *sections);
    if (sections == NULL) {
        return MANSIO_E_LIMIT;
    }
    fetch->sections = sections;
    *out = &sections[fetch->section_count++];
    memset(*out, 0, sizeof **out);
    return 0;
}

/* The cursor stands at "[". */
static int parse_body(struct imap_cursor *cursor, struct imap_fetch *fetch, int is_peek)
{
    struct imap_section *section = NULL;
    int rc = add_section(cursor, fetch, &section);
    if (rc == 0) {
        rc = imap_parse_char(cursor, '[');
    }
    if (rc == 0) {
        rc = parse_section(cursor, section);
    }
    if (rc == 0) {
        rc = imap_parse_char(cursor, ']');
    }
    if (rc == 0) {
        rc = parse_partial(cursor, section);
    }
    if (rc == 0) {
        rc = make_label(cursor, section);
        imap_section_sort(section);
    }
    fetch->sets_seen |= !is_peek;
    return rc;
}

static int parse_item(struct imap_cursor *cursor, struct imap_fetch *fetch)
{
    struct mansio_str name = see_name(cursor);
    int is_peek = mansio_str_ieq(name, MANSIO_STR("BODY.PEEK"));
    int has_bracket =
        name.len > 0 && cursor->at + name.len < cursor->end && cursor->at[name.len] == '[';
    if (has_bracket && (is_peek || mansio_str_ieq(name, MANSIO_STR("BODY")))) {
        cursor->at += name.len;
        return parse_body(cursor, fetch, is_peek);
    }
    for (size_t i = 0; i < MANSIO_COUNT(items); i++) {
        struct imap_section *section = NULL;
        if (has_bracket || !mansio_str_ieq(name, items[i].name)) {
            continue;
        }
        cursor->at += name.len;
        fetch->what |= items[i].what;
        if (items[i].text == 0) {
            return 0;
        }
        int rc = add_section(cursor, fetch, &section);
        if (rc == 0) {
            section->text = items[i].text;
            section->label = items[i].name;
            fetch->sets_seen |= !items[i].is_peek;
        }
        return rc;
    }
    return mansio_fail(MANSIO_E_INVALID, "no item of FETCH");
}

static int parse_list(struct imap_cursor *cursor, struct imap_fetch *fetch)
{
    int rc = imap_parse_char(cursor, '(');
    if (rc == 0) {
        rc = parse_item(cursor, fetch);
    }
    while (rc == 0 && !imap_parse_sees(cursor, ')')) {
        rc = imap_parse_space(cursor);
        if (rc == 0) {
            rc = parse_item(cursor, fetch);
        }
    }
    return rc == 0 ? imap_parse_char(cursor, ')') : rc;
}

static int parse_what(struct imap_cursor *cursor, struct imap_fetch *fetch)
{
    if (imap_parse_sees(cursor, '(')) {
        return parse_list(cursor, fetch);
    }
    struct mansio_str name = see_name(cursor);
    for (size_t i = 0; i < MANSIO_COUNT(macros); i++) {
        if (mansio_str_ieq(name, macros[i].name)) {
            cursor->at += name.len;
            fetch->what |= macros[i].what;
            return 0;
        }
    }
    return parse_item(cursor, fetch);
}

/* " (CHANGEDSINCE n)" (RFC 7162 3.1.4.1); it asks for MODSEQ, too. */
static int parse_modifiers(struct imap_cursor *cursor, struct imap_fetch *fetch)
{
    if (!imap_parse_sees(cursor, ' ')) {
        return 0;
    }
    int rc = imap_parse_space(cursor);
    if (rc == 0) {
        rc = imap_parse_char(cursor, '(');
    }
    if (rc == 0 && !imap_parse_word(cursor, MANSIO_STR("CHANGEDSINCE"))) {
        rc = mansio_fail(MANSIO_E_INVALID, "no modifier of FETCH");
    }
    if (rc == 0) {
        rc = imap_parse_space(cursor);
    }
    if (rc == 0) {
        rc = imap_parse_number64(cursor, &fetch->changed_since);
    }
    fetch->has_changed_since = 1;
    fetch->what |= IMAP_FETCH_MODSEQ;
    return rc == 0 ? imap_parse_char(cursor, ')') : rc;
}

int imap_fetch_parse(struct imap_cursor *cursor, struct imap_fetch *out)
{
    struct imap_fetch fetch = {.what = 0};
    int rc = parse_what(cursor, &fetch);
    if (rc == 0) {
        rc = parse_modifiers(cursor, &fetch);
    }
    if (rc == 0) {
        rc = imap_parse_end(cursor);
    }
    if (rc == 0) {
        *out = fetch;
    }
    return rc;
}
