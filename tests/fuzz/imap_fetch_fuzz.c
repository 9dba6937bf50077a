/*
 * FETCH: its items, up to a NUL; behind that a message, or the stored form of a structure ("MS")
 * that may have nothing to do with the bytes. A section lies within the message, and its name in
 * the answer asks for the same again. Fields chosen and fields not chosen are all fields. What is
 * printed is words of IMAP's grammar.
 */
#include "tests/fuzz/fuzz.h"

#include "core/mail/parser.h"
#include "core/mail/stored.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/structure.h>

#include "modules/imap/fetch_items.h"
#include "modules/imap/fetch_print.h"
#include "modules/imap/section.h"

const char fuzz_name[] = "imap_fetch";

enum { ARENA_CAP = 64 << 20, OUT_MAX = 8 << 20 };

static const struct mansio_str prefix = {"P: x\r\n", 6};

static int parse(struct mansio_arena *arena, struct mansio_str text, struct imap_fetch *out)
{
    struct imap_cursor cursor = {text.ptr, text.ptr, text.ptr + text.len, arena};
    int rc = imap_fetch_parse(&cursor, out);
    MANSIO_ASSERT(cursor.begin <= cursor.at && cursor.at <= cursor.end);
    MANSIO_ASSERT(rc == 0 || rc == MANSIO_E_INVALID || rc == MANSIO_E_LIMIT);
    MANSIO_ASSERT(rc < 0 || cursor.at == cursor.end);
    return rc;
}

/* ---- items ------------------------------------------------------------------------------------
 */

/* The name of a section in an answer, as a question: with the length that answers don't have. */
static void check_label(struct mansio_arena *arena, const struct imap_section *section)
{
    struct mansio_buf *text = mansio_buf_new(arena, OUT_MAX);
    struct imap_fetch again = {.what = 0};
    mansio_buf_add(text, section->label);
    if (section->is_partial) {
        size_t len = section->label.len - 1;
        mansio_buf_reset(text);
        mansio_buf_add(text, mansio_str_sub(section->label, 0, len));
        mansio_buf_printf(text, ".%u>", section->length);
    }
    MANSIO_ASSERT(parse(arena, mansio_buf_str(text), &again) == 0 && again.section_count == 1);
    const struct imap_section *other = again.sections;
    MANSIO_ASSERT(other->text == section->text && other->depth == section->depth);
    MANSIO_ASSERT(other->is_partial == section->is_partial && other->origin == section->origin);
    MANSIO_ASSERT(other->length == section->length);
    MANSIO_ASSERT(other->field_count == section->field_count);
    for (size_t i = 0; i < section->depth; i++) {
        MANSIO_ASSERT(section->numbers[i] > 0 && other->numbers[i] == section->numbers[i]);
    }
    for (size_t i = 0; i < section->field_count; i++) {
        MANSIO_ASSERT(mansio_str_eq(other->fields[i], section->fields[i]));
    }
}

/* ---- sections ---------------------------------------------------------------------------------
 */

/* Fields that are chosen and those that aren't: nothing else, and none twice. */
static void check_choice(struct mansio_arena *arena, const struct imap_section *section,
                         struct mansio_str header)
{
    struct mansio_str none[1] = {MANSIO_STR_NONE};
    struct imap_section opposite = *section, all = *section;
    struct mansio_buf *chosen = mansio_buf_new(arena, OUT_MAX);
    struct mansio_buf *others = mansio_buf_new(arena, OUT_MAX);
    struct mansio_buf *every = mansio_buf_new(arena, OUT_MAX);
    opposite.text = IMAP_SECTION_FIELDS + IMAP_SECTION_FIELDS_NOT - section->text;
    all.text = IMAP_SECTION_FIELDS_NOT;
    all.fields = none;
    all.field_count = 0;
    imap_section_choose(chosen, section, header);
    imap_section_choose(others, &opposite, header);
    imap_section_choose(every, &all, header);
    MANSIO_ASSERT(mansio_str_ends(mansio_buf_str(chosen), MANSIO_STR("\r\n")));
    MANSIO_ASSERT(mansio_buf_str(chosen).len + mansio_buf_str(others).len ==
                  mansio_buf_str(every).len + 2);
    MANSIO_ASSERT(mansio_buf_str(every).len <= header.len + 4);
    struct mansio_str bytes = imap_section_cut_bytes(section, mansio_buf_str(chosen));
    MANSIO_ASSERT(!section->is_partial || bytes.len <= section->length);
}

static void check_section(struct mansio_arena *arena, const struct imap_section *section,
                          const struct mansio_part *root, struct mansio_str message)
{
    struct imap_range range = {UINT64_MAX, UINT64_MAX};
    uint64_t total = prefix.len + message.len;
    if (!imap_section_find(section, imap_section_needs_structure(section) ? root : NULL, prefix.len,
                           message.len, &range)) {
        MANSIO_ASSERT(section->depth > 0);
        return;
    }
    MANSIO_ASSERT(range.offset <= total && range.length <= total - range.offset);
    if (imap_section_is_choice(section)) {
        struct mansio_buf *whole = mansio_buf_new(arena, OUT_MAX);
        mansio_buf_add(whole, prefix);
        mansio_buf_add(whole, message);
        check_choice(arena, section,
                     mansio_str_sub(mansio_buf_str(whole), range.offset, range.length));
        return;
    }
    struct imap_range cut = imap_section_cut(section, range);
    MANSIO_ASSERT(cut.offset >= range.offset);
    MANSIO_ASSERT(cut.offset + cut.length <= range.offset + range.length);
}

/* ---- what is printed --------------------------------------------------------------------------
 */

/* Parenthesised words with a space between, or none between two lists (RFC 3501 9: body, address).
 */
static void check_printed(struct mansio_arena *arena, struct mansio_str text)
{
    struct imap_cursor cursor = {text.ptr, text.ptr, text.ptr + text.len, arena};
    size_t depth = 0;
    do {
        struct mansio_str word;
        uint32_t number;
        if (imap_parse_char(&cursor, '(') == 0) {
            depth++;
            continue;
        }
        MANSIO_ASSERT(imap_parse_word(&cursor, MANSIO_STR("NIL")) ||
                      imap_parse_string(&cursor, &word) == 0 ||
                      imap_parse_number(&cursor, &number) == 0);
        while (imap_parse_char(&cursor, ')') == 0) {
            MANSIO_ASSERT(depth > 0);
            depth--;
        }
        MANSIO_ASSERT(depth == 0 || imap_parse_sees(&cursor, '(') ||
                      imap_parse_space(&cursor) == 0);
    } while (depth > 0);
    MANSIO_ASSERT(imap_parse_end(&cursor) == 0);
}

static void check_print(struct mansio_arena *arena, const struct mansio_part *root)
{
    for (int is_extended = 0; is_extended <= 1; is_extended++) {
        struct mansio_buf *out = mansio_buf_new(arena, OUT_MAX);
        imap_print_structure(out, root, is_extended);
        if (mansio_buf_status(out) == 0) {
            check_printed(arena, mansio_buf_str(out));
        }
    }
    struct mansio_buf *out = mansio_buf_new(arena, OUT_MAX);
    imap_print_envelope(out, root->envelope);
    if (mansio_buf_status(out) == 0) {
        check_printed(arena, mansio_buf_str(out));
    }
}

/* ---- the message ------------------------------------------------------------------------------
 */

/* 0 if there is no structure. */
static int structure_of(struct mansio_arena *arena, struct mansio_str message,
                        const struct mansio_part **out)
{
    struct core_mail_limits limits = core_mail_limits_usual();
    const struct core_mail_message *parsed = NULL;
    struct mansio_buf *stored = mansio_buf_new(arena, OUT_MAX);
    if (mansio_str_starts(message, MANSIO_STR("MS"))) {
        return mansio_structure_read(arena, message, out) == 0;
    }
    if (core_mail_parse(arena, message, &limits, &parsed) < 0) {
        return 0;
    }
    core_mail_stored_write(stored, parsed);
    return mansio_structure_read(arena, mansio_buf_str(stored), out) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", ARENA_CAP);
    struct mansio_str text = {(const char *)data, size};
    ptrdiff_t nul = mansio_str_find_char(text, '\0');
    struct mansio_str message =
        nul < 0 ? MANSIO_STR_NONE : mansio_str_sub(text, (size_t)nul + 1, SIZE_MAX);
    const struct mansio_part *root = NULL;
    struct imap_fetch fetch = {.what = 0};
    int is_read = parse(arena, nul < 0 ? text : mansio_str_sub(text, 0, (size_t)nul), &fetch) == 0;
    for (size_t i = 0; i < fetch.section_count; i++) {
        check_label(arena, &fetch.sections[i]);
    }
    if (structure_of(arena, message, &root)) {
        check_print(arena, root);
        for (size_t i = 0; is_read && i < fetch.section_count; i++) {
            check_section(arena, &fetch.sections[i], root, message);
        }
    }
    mansio_arena_free(arena);
    return 0;
}
