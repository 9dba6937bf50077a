/*
 * Scans: a message's bytes, searched as they pass. For messages whose text a store doesn't keep, or
 * not all of it; what counts as text is the same (content_text.c). Owns no more of a message than
 * its header and a window of its text.
 */
#include "core/host/content.h"
#include "core/host/content_text.h"
#include "core/mail/fold.h"
#include "core/mail/header.h"
#include "core/mail/parser.h"

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/search.h>
#include <mansio/str.h>

enum {
    SCAN_MAX = 16 << 20,
    WAITING_MAX = 65536, /* text that waits to be folded: a piece of the parser's, and what is left
                            of the one before */
    WINDOW_MAX = 3 * CORE_CONTENT_FOLD_BYTES + MANSIO_SEARCH_NEEDLE_MAX,
};

struct mansio_scan {
    struct core_content_text text;
    struct mansio_arena *arena; /* ends with the scan's result known */
    struct core_mail_parser *parser;
    struct mansio_buf *header;  /* the message's beginning */
    struct mansio_buf *waiting; /* not folded yet */
    struct mansio_buf *window;  /* folded; a needle's length of it stays from piece to piece */
    const struct mansio_search_key *keys;
    unsigned char *found;
    size_t count;
    size_t keep; /* bytes that stay in the window */
    int is_body; /* what is added is the body's */
    int error;
};

/* ---- the window */

static void look(struct mansio_scan *scan)
{
    struct mansio_str window = mansio_buf_str(scan->window);

    for (size_t i = 0; i < scan->count; i++) {
        const struct mansio_search_key *key = &scan->keys[i];

        if (!scan->found[i] && key->where != MANSIO_SEARCH_FIELD &&
            (scan->is_body || key->where == MANSIO_SEARCH_TEXT)) {
            scan->found[i] = mansio_str_find(window, key->needle) >= 0;
        }
    }
    if (window.len > scan->keep) {
        mansio_buf_consume(scan->window, window.len - scan->keep);
    }
}

/* Fold what waits; a piece's end waits for the next, for characters may be joined to it. */
static void fold(struct mansio_scan *scan, int is_end)
{
    for (;;) {
        struct mansio_str text = mansio_buf_str(scan->waiting);
        size_t length = core_mail_fold_cut(text, CORE_CONTENT_FOLD_BYTES);

        if (text.len == 0 || (!is_end && text.len <= CORE_CONTENT_FOLD_BYTES)) {
            break;
        }
        (void)core_mail_fold(scan->window, WINDOW_MAX, mansio_str_sub(text, 0, length));
        mansio_buf_consume(scan->waiting, length);
        look(scan);
    }
}

static int add(struct core_content_text *text, struct mansio_str some)
{
    struct mansio_scan *scan = (struct mansio_scan *)text;

    while (some.len > 0) {
        struct mansio_str piece = mansio_str_sub(some, 0, CORE_CONTENT_FOLD_BYTES);

        if (mansio_buf_add(scan->waiting, piece) < 0) {
            scan->error = MANSIO_E_LIMIT;
            return scan->error;
        }
        fold(scan, 0);
        some = mansio_str_sub(some, piece.len, SIZE_MAX);
    }
    return 0;
}

/* Text of a part, from the parser. */
static void take_text(void *arg, struct mansio_str text, int is_end)
{
    struct mansio_scan *scan = arg;

    (void)add(&scan->text, text);
    if (is_end) {
        fold(scan, 1);
    }
}

/* ---- fields */

/* A header's text gathered line by line, and each line held against the fields that are wanted. */
struct lines {
    struct core_content_text text;
    struct mansio_buf *line; /* folded */
};

static void look_at_line(struct mansio_scan *scan, struct mansio_str line)
{
    for (size_t i = 0; i < scan->count; i++) {
        const struct mansio_search_key *key = &scan->keys[i];
        struct mansio_str value = mansio_str_sub(line, key->field.len, SIZE_MAX);

        if (key->where == MANSIO_SEARCH_FIELD && mansio_str_starts(line, key->field) &&
            mansio_str_starts(value, MANSIO_STR(": ")) &&
            mansio_str_find(mansio_str_sub(value, 2, SIZE_MAX), key->needle) >= 0) {
            scan->found[i] = 1;
        }
    }
}

static void look_at_fields(struct mansio_scan *scan, struct mansio_str folded)
{
    struct mansio_str line = MANSIO_STR_NONE;

    while (mansio_str_split(&folded, '\n', &line)) {
        look_at_line(scan, line);
    }
}

static int add_folded(struct core_content_text *text, struct mansio_str some)
{
    struct lines *lines = (struct lines *)text;

    while (some.len > 0) {
        size_t length = core_mail_fold_cut(some, CORE_CONTENT_FOLD_BYTES);

        if (core_mail_fold(lines->line, SCAN_MAX, mansio_str_sub(some, 0, length)) < length) {
            return MANSIO_E_LIMIT;
        }
        some = mansio_str_sub(some, length, SIZE_MAX);
    }
    return 0;
}

/* A header's text, folded. */
static int fold_header(struct mansio_arena *arena, struct mansio_buf *work,
                       struct mansio_str header, struct mansio_str *out)
{
    struct lines lines = {
        .text = {.add = add_folded, .work = work},
        .line = mansio_buf_new(arena, SCAN_MAX),
    };
    int rc = core_content_text_header(&lines.text, header);

    *out = mansio_buf_str(lines.line);
    return rc;
}

static int read_fields(struct mansio_scan *scan, struct mansio_str header)
{
    struct mansio_str folded = MANSIO_STR_NONE;
    int is_wanted = 0;
    int rc;

    for (size_t i = 0; i < scan->count; i++) {
        is_wanted |= scan->keys[i].where == MANSIO_SEARCH_FIELD;
    }
    if (!is_wanted) {
        return 0;
    }
    rc = fold_header(scan->arena, scan->text.work, header, &folded);
    look_at_fields(scan, folded);
    return rc;
}

/* ---- a scan */

struct mansio_scan *mansio_scan_new(struct mansio_arena *arena,
                                    const struct mansio_search_key *keys, size_t count)
{
    struct mansio_scan *scan = mansio_arena_alloc(arena, sizeof *scan);
    struct core_mail_limits limits = core_mail_limits_usual();
    struct mansio_search_key *copy;

    scan->arena = mansio_arena_new(arena, "scan", SCAN_MAX);
    scan->text =
        (struct core_content_text){.add = add, .work = core_content_text_work(scan->arena)};
    scan->header = mansio_buf_new(scan->arena, CORE_CONTENT_HEADER_MAX);
    scan->waiting = mansio_buf_new(scan->arena, WAITING_MAX);
    scan->window = mansio_buf_new(scan->arena, WINDOW_MAX);
    scan->parser = core_mail_parser_new(scan->arena, &limits);
    scan->is_body = 1;
    core_mail_parser_give_text(scan->parser, take_text, scan);
    copy = mansio_arena_try_alloc(arena, (count + 1) * sizeof *copy);
    scan->found = mansio_arena_try_alloc(arena, count + 1);
    if (copy == NULL || scan->found == NULL) {
        scan->error = MANSIO_E_LIMIT;
        return scan;
    }
    scan->keys = copy;
    scan->count = count;
    for (size_t i = 0; i < count; i++) {
        copy[i] = keys[i];
        scan->found[i] = keys[i].where != MANSIO_SEARCH_FIELD && keys[i].needle.len == 0;
        if (keys[i].needle.len > MANSIO_SEARCH_NEEDLE_MAX) {
            scan->error = MANSIO_E_LIMIT;
        } else if (keys[i].needle.len > scan->keep + 1) {
            scan->keep = keys[i].needle.len - 1;
        }
    }
    return scan;
}

int mansio_scan_feed(struct mansio_scan *scan, struct mansio_str bytes)
{
    size_t has = mansio_buf_str(scan->header).len;

    if (scan->error == 0) {
        (void)mansio_buf_add(scan->header, mansio_str_sub(bytes, 0, CORE_CONTENT_HEADER_MAX - has));
    }
    while (bytes.len > 0 && scan->error == 0) {
        struct mansio_str slice = mansio_str_sub(bytes, 0, CORE_CONTENT_SLICE_BYTES);
        int rc = core_mail_parser_feed(scan->parser, slice);

        rc = rc == 0 ? mansio_fiber_pace() : rc;
        if (rc < 0) {
            scan->error = rc;
        }
        bytes = mansio_str_sub(bytes, slice.len, SIZE_MAX);
    }
    return scan->error;
}

static int finish(struct mansio_scan *scan)
{
    const struct core_mail_message *message = NULL;
    struct mansio_str header = mansio_buf_str(scan->header);
    int rc = core_mail_parser_finish(scan->parser, &message);

    if (rc < 0) {
        return rc;
    }
    rc = core_content_text_parts(&scan->text, message);
    fold(scan, 1);
    scan->is_body = 0;
    mansio_buf_reset(scan->window);
    if (message->root->body_start < header.len) {
        header.len = (size_t)message->root->body_start;
    }
    rc = rc == 0 ? core_content_text_header(&scan->text, header) : rc;
    fold(scan, 1);
    return rc == 0 ? read_fields(scan, header) : rc;
}

int mansio_scan_finish(struct mansio_scan *scan)
{
    if (scan->error == 0) {
        scan->error = finish(scan);
    }
    mansio_arena_free(scan->arena);
    scan->arena = NULL;
    return scan->error;
}

int mansio_scan_found(const struct mansio_scan *scan, size_t index)
{
    return index < scan->count && scan->found[index];
}

/* ---- a text that is kept */

static int has(struct mansio_str text, const struct mansio_search_key *key)
{
    struct mansio_scan one = {.keys = key, .count = 1};
    unsigned char found = 0;

    if (key->where != MANSIO_SEARCH_FIELD) {
        return mansio_str_find(text, key->needle) >= 0;
    }
    one.found = &found;
    look_at_fields(&one, text);
    return found;
}

static int prefix_has(struct mansio_str prefix, const struct mansio_search_key *key)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "prefix", SCAN_MAX);
    struct mansio_str folded = MANSIO_STR_NONE;
    int rc = fold_header(arena, core_content_text_work(arena), prefix, &folded);

    rc = rc == 0 ? has(folded, key) : MANSIO_SEARCH_UNKNOWN;
    mansio_arena_free(arena);
    return rc;
}

int mansio_search_judge(struct mansio_str text, struct mansio_str prefix,
                        const struct mansio_search_key *key)
{
    ptrdiff_t body = mansio_str_find_char(text, CORE_CONTENT_BODY_MARK);
    int found;

    if (key->needle.len == 0 && key->where != MANSIO_SEARCH_FIELD) {
        return 1;
    }
    if (body <= 0 ||
        (text.ptr[0] != CORE_CONTENT_WHOLE_MARK && text.ptr[0] != CORE_CONTENT_CUT_MARK)) {
        return MANSIO_SEARCH_UNKNOWN;
    }
    found = has(key->where == MANSIO_SEARCH_BODY    ? mansio_str_sub(text, (size_t)body, SIZE_MAX)
                : key->where == MANSIO_SEARCH_FIELD ? mansio_str_sub(text, 0, (size_t)body)
                                                    : text,
                key);
    if (!found && key->where != MANSIO_SEARCH_BODY && prefix.len > 0) {
        found = prefix_has(prefix, key);
    }
    return found || text.ptr[0] == CORE_CONTENT_WHOLE_MARK ? found : MANSIO_SEARCH_UNKNOWN;
}
