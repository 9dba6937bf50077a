/*
 * Reading what SEARCH asks for: see search_parse.h. Keys that hold others (NOT, OR, brackets) wait
 * on a stack of their own until what they hold is complete.
 */
#include "search_parse.h"

#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/search.h>
#include <mansio/store.h>
#include <mansio/str.h>
#include <mansio/structure.h>

enum {
    /* Leaves, joined by one fewer ANDs or ORs, each and every one perhaps negated. */
    CODE_MAX = 4 * IMAP_SEARCH_LEAVES_MAX,
    TEXT_MAX = 4 * MANSIO_SEARCH_NEEDLE_MAX, /* no text gets so much shorter when it is folded */
    FIELD_NAME_MAX = 256,
};

/* What waits for keys. */
enum frame_kind {
    FRAME_ALL,      /* the whole: keys up to the end */
    FRAME_BRACKETS, /* keys up to ")" */
    FRAME_NOT,      /* one */
    FRAME_OR,       /* two */
};

struct frame {
    uint32_t kind;
    uint32_t count; /* keys that it has */
};

struct parsing {
    struct imap_cursor *cursor;
    struct imap_search *search;
    struct mansio_str charset;
    const char *expected;
    size_t depth;
    struct frame frames[IMAP_SEARCH_DEPTH_MAX];
};

/* ---- what follows a key's word ----------------------------------------------------------------
 */

typedef int (*argument_fn)(struct parsing *p, struct imap_search_leaf *leaf);

static int parse_space(struct parsing *p)
{
    p->expected = "a space";
    return imap_parse_space(p->cursor);
}

static int no_argument(struct parsing *p, struct imap_search_leaf *leaf)
{
    (void)p, (void)leaf;
    return 0;
}

static int take_date(struct parsing *p, struct imap_search_leaf *leaf)
{
    int rc = parse_space(p);
    p->expected = rc == 0 ? "a date like 1-Feb-1994" : p->expected;
    return rc == 0 ? imap_parse_date(p->cursor, &leaf->days) : rc;
}

static int take_number(struct parsing *p, struct imap_search_leaf *leaf)
{
    uint32_t number = 0;
    int rc = parse_space(p);
    p->expected = rc == 0 ? "a number" : p->expected;
    rc = rc == 0 ? imap_parse_number(p->cursor, &number) : rc;
    leaf->number = number;
    return rc;
}

static int take_keyword(struct parsing *p, struct imap_search_leaf *leaf)
{
    int rc = parse_space(p);
    p->expected = rc == 0 ? "a keyword" : p->expected;
    return rc == 0 ? imap_parse_atom(p->cursor, &leaf->text) : rc;
}

/* A needle as the stores have text. Where it is empty, every message has it (RFC 3501 6.4.4). */
static int fold(struct parsing *p, struct mansio_str text, struct mansio_str *out)
{
    struct mansio_arena *arena = p->cursor->arena;
    if (text.len > TEXT_MAX) {
        return MANSIO_E_LIMIT;
    }
    struct mansio_buf *decoded = mansio_buf_new(arena, 4 * text.len + 16);
    struct mansio_buf *folded = mansio_buf_new(arena, MANSIO_SEARCH_NEEDLE_MAX + 16);
    (void)mansio_text_from_charset(decoded, p->charset, text);
    mansio_text_fold(folded, MANSIO_SEARCH_NEEDLE_MAX + 16, mansio_buf_str(decoded));
    *out = mansio_buf_str(folded);
    return mansio_buf_status(decoded) < 0 || mansio_buf_status(folded) < 0 ||
                   out->len > MANSIO_SEARCH_NEEDLE_MAX
               ? MANSIO_E_LIMIT
               : 0;
}

static int take_string(struct parsing *p, struct imap_search_leaf *leaf)
{
    struct mansio_str text = MANSIO_STR_NONE;
    int rc = parse_space(p);
    p->expected = rc == 0 ? "a text to look for" : p->expected;
    rc = rc == 0 ? imap_parse_astring(p->cursor, &text) : rc;
    rc = rc == 0 ? fold(p, text, &leaf->text) : rc;
    if (rc == 0 && leaf->text.len == 0 && leaf->kind != IMAP_SEARCH_FIELD) {
        leaf->kind = IMAP_SEARCH_ALL;
    }
    return rc;
}

static int take_field(struct parsing *p, struct imap_search_leaf *leaf)
{
    struct mansio_str name = MANSIO_STR_NONE;
    int rc = parse_space(p);
    p->expected = rc == 0 ? "a header field's name" : p->expected;
    rc = rc == 0 ? imap_parse_astring(p->cursor, &name) : rc;
    rc = rc == 0 && name.len == 0 ? MANSIO_E_INVALID : rc;
    rc = rc == 0 && name.len > FIELD_NAME_MAX ? MANSIO_E_LIMIT : rc;
    rc = rc == 0 ? fold(p, name, &leaf->field) : rc;
    return rc == 0 ? take_string(p, leaf) : rc;
}

static int take_uids(struct parsing *p, struct imap_search_leaf *leaf)
{
    int rc = parse_space(p);
    p->expected = rc == 0 ? "a set of UIDs" : p->expected;
    return rc == 0 ? imap_parse_set(p->cursor, &leaf->set) : rc;
}

/* [entry-name SP type SP] number: whose modseq it is we don't tell apart (RFC 7162 3.1.5). */
static int take_modseq(struct parsing *p, struct imap_search_leaf *leaf)
{
    struct mansio_str name, type;
    int rc = parse_space(p);
    if (rc == 0 && imap_parse_sees(p->cursor, '"')) {
        p->expected = "the name of a flag's entry";
        rc = imap_parse_string(p->cursor, &name);
        rc = rc == 0 && !mansio_str_istarts(name, MANSIO_STR("/flags/")) ? MANSIO_E_INVALID : rc;
        rc = rc == 0 ? parse_space(p) : rc;
        rc = rc == 0 ? imap_parse_atom(p->cursor, &type) : rc;
        if (rc == 0 && !mansio_str_ieq(type, MANSIO_STR("all")) &&
            !mansio_str_ieq(type, MANSIO_STR("priv")) &&
            !mansio_str_ieq(type, MANSIO_STR("shared"))) {
            p->expected = "all, priv or shared";
            rc = MANSIO_E_INVALID;
        }
        rc = rc == 0 ? parse_space(p) : rc;
    }
    p->expected = rc == 0 ? "a mod-sequence" : p->expected;
    rc = rc == 0 ? imap_parse_number64(p->cursor, &leaf->number) : rc;
    p->search->has_modseq |= rc == 0;
    return rc;
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* RFC 3501 6.4.4. Words are matched whole. */
static const struct key {
    struct mansio_str word;
    argument_fn argument;
    uint32_t kind, mask;
    uint32_t number;
    uint32_t is_negated;
} keys[] = {
    {MANSIO_STR("ALL"), no_argument, IMAP_SEARCH_ALL, 0, 0, 0},
    {MANSIO_STR("ANSWERED"), no_argument, IMAP_SEARCH_FLAGS, MANSIO_FLAG_ANSWERED,
     MANSIO_FLAG_ANSWERED, 0},
    {MANSIO_STR("BCC"), take_string, IMAP_SEARCH_BCC, 0, 0, 0},
    {MANSIO_STR("BEFORE"), take_date, IMAP_SEARCH_BEFORE, 0, 0, 0},
    {MANSIO_STR("BODY"), take_string, IMAP_SEARCH_BODY, 0, 0, 0},
    {MANSIO_STR("CC"), take_string, IMAP_SEARCH_CC, 0, 0, 0},
    {MANSIO_STR("DELETED"), no_argument, IMAP_SEARCH_FLAGS, MANSIO_FLAG_DELETED,
     MANSIO_FLAG_DELETED, 0},
    {MANSIO_STR("DRAFT"), no_argument, IMAP_SEARCH_FLAGS, MANSIO_FLAG_DRAFT, MANSIO_FLAG_DRAFT, 0},
    {MANSIO_STR("FLAGGED"), no_argument, IMAP_SEARCH_FLAGS, MANSIO_FLAG_FLAGGED,
     MANSIO_FLAG_FLAGGED, 0},
    {MANSIO_STR("FROM"), take_string, IMAP_SEARCH_FROM, 0, 0, 0},
    {MANSIO_STR("HEADER"), take_field, IMAP_SEARCH_FIELD, 0, 0, 0},
    {MANSIO_STR("KEYWORD"), take_keyword, IMAP_SEARCH_KEYWORD, 0, 0, 0},
    {MANSIO_STR("LARGER"), take_number, IMAP_SEARCH_LARGER, 0, 0, 0},
    {MANSIO_STR("MODSEQ"), take_modseq, IMAP_SEARCH_MODSEQ, 0, 0, 0}, /* 7162 3.1.5 */
    {MANSIO_STR("NEW"), no_argument, IMAP_SEARCH_NEW, 0, 0, 0},
    {MANSIO_STR("OLD"), no_argument, IMAP_SEARCH_RECENT, 0, 0, 1},
    {MANSIO_STR("ON"), take_date, IMAP_SEARCH_ON, 0, 0, 0},
    {MANSIO_STR("RECENT"), no_argument, IMAP_SEARCH_RECENT, 0, 0, 0},
    {MANSIO_STR("SEEN"), no_argument, IMAP_SEARCH_FLAGS, MANSIO_FLAG_SEEN, MANSIO_FLAG_SEEN, 0},
    {MANSIO_STR("SENTBEFORE"), take_date, IMAP_SEARCH_SENT_BEFORE, 0, 0, 0},
    {MANSIO_STR("SENTON"), take_date, IMAP_SEARCH_SENT_ON, 0, 0, 0},
    {MANSIO_STR("SENTSINCE"), take_date, IMAP_SEARCH_SENT_SINCE, 0, 0, 0},
    {MANSIO_STR("SINCE"), take_date, IMAP_SEARCH_SINCE, 0, 0, 0},
    {MANSIO_STR("SMALLER"), take_number, IMAP_SEARCH_SMALLER, 0, 0, 0},
    {MANSIO_STR("SUBJECT"), take_string, IMAP_SEARCH_SUBJECT, 0, 0, 0},
    {MANSIO_STR("TEXT"), take_string, IMAP_SEARCH_TEXT, 0, 0, 0},
    {MANSIO_STR("TO"), take_string, IMAP_SEARCH_TO, 0, 0, 0},
    {MANSIO_STR("UID"), take_uids, IMAP_SEARCH_UIDS, 0, 0, 0},
    {MANSIO_STR("UNANSWERED"), no_argument, IMAP_SEARCH_FLAGS, MANSIO_FLAG_ANSWERED, 0, 0},
    {MANSIO_STR("UNDELETED"), no_argument, IMAP_SEARCH_FLAGS, MANSIO_FLAG_DELETED, 0, 0},
    {MANSIO_STR("UNDRAFT"), no_argument, IMAP_SEARCH_FLAGS, MANSIO_FLAG_DRAFT, 0, 0},
    {MANSIO_STR("UNFLAGGED"), no_argument, IMAP_SEARCH_FLAGS, MANSIO_FLAG_FLAGGED, 0, 0},
    {MANSIO_STR("UNKEYWORD"), take_keyword, IMAP_SEARCH_KEYWORD, 0, 0, 1},
    {MANSIO_STR("UNSEEN"), no_argument, IMAP_SEARCH_FLAGS, MANSIO_FLAG_SEEN, 0, 0},
};

static int emit(struct parsing *p, uint16_t code)
{
    if (p->search->code_count == CODE_MAX) {
        return MANSIO_E_LIMIT;
    }
    p->search->code[p->search->code_count++] = code;
    return 0;
}

static int push(struct parsing *p, uint32_t kind)
{
    if (p->depth == MANSIO_COUNT(p->frames)) {
        return MANSIO_E_LIMIT;
    }
    p->frames[p->depth++] = (struct frame){.kind = kind};
    return 0;
}

/* A leaf by its word and what follows; or numbers without a word. */
static int parse_leaf(struct parsing *p)
{
    struct imap_search *search = p->search;
    static const struct key numbers = {.kind = IMAP_SEARCH_NUMBERS};
    const struct key *key = NULL;
    p->expected = "a search key";
    if (p->cursor->at != p->cursor->end &&
        (*p->cursor->at == '*' || (*p->cursor->at >= '0' && *p->cursor->at <= '9'))) {
        key = &numbers;
    }
    for (size_t i = 0; key == NULL && i < MANSIO_COUNT(keys); i++) {
        key = imap_parse_word(p->cursor, keys[i].word) ? &keys[i] : NULL;
    }
    if (key == NULL) {
        return MANSIO_E_INVALID;
    }
    if (search->leaf_count == IMAP_SEARCH_LEAVES_MAX) {
        return MANSIO_E_LIMIT;
    }
    size_t index = search->leaf_count++;
    struct imap_search_leaf *leaf = &search->leaves[index];
    *leaf = (struct imap_search_leaf){
        .kind = key->kind, .mask = key->mask, .number = key->number, .is_required = p->depth == 1};
    p->expected = "a set of numbers";
    int rc = key == &numbers ? imap_parse_set(p->cursor, &leaf->set) : key->argument(p, leaf);
    rc = rc == 0 ? emit(p, (uint16_t)index) : rc;
    if (rc == 0 && key->is_negated) {
        leaf->is_required = 0;
        rc = emit(p, IMAP_SEARCH_NOT);
    }
    return rc;
}

/* A key is complete: so may be those that waited for it. Then what comes next: 1 if another key
 * must follow, 0 at the end. */
static int complete(struct parsing *p)
{
    for (;;) {
        struct frame *top = &p->frames[p->depth - 1];
        int rc = 0;
        top->count++;
        if (top->kind == FRAME_NOT) {
            rc = emit(p, IMAP_SEARCH_NOT);
        } else if (top->kind == FRAME_OR && top->count == 2) {
            rc = emit(p, IMAP_SEARCH_OR);
        } else if (top->kind != FRAME_OR) {
            rc = top->count > 1 ? emit(p, IMAP_SEARCH_AND) : 0;
            p->expected = "another key, or the end";
            if (rc == 0 && imap_parse_end(p->cursor) == 0 && top->kind == FRAME_ALL) {
                return 0;
            }
            if (rc == 0 && (top->kind == FRAME_ALL || imap_parse_char(p->cursor, ')') < 0)) {
                rc = imap_parse_space(p->cursor);
                return rc < 0 ? rc : 1;
            }
        } else {
            rc = parse_space(p);
            return rc < 0 ? rc : 1;
        }
        if (rc < 0) {
            return rc;
        }
        p->depth--;
    }
}

static int parse_keys(struct parsing *p)
{
    int rc = push(p, FRAME_ALL);
    int goes_on = 1;
    while (rc == 0 && goes_on) {
        if (imap_parse_char(p->cursor, '(') == 0) {
            rc = push(p, FRAME_BRACKETS);
        } else if (imap_parse_word(p->cursor, MANSIO_STR("NOT"))) {
            rc = push(p, FRAME_NOT);
            rc = rc == 0 ? parse_space(p) : rc;
        } else if (imap_parse_word(p->cursor, MANSIO_STR("OR"))) {
            rc = push(p, FRAME_OR);
            rc = rc == 0 ? parse_space(p) : rc;
        } else {
            rc = parse_leaf(p);
            goes_on = rc == 0 ? complete(p) : 0;
            rc = goes_on < 0 ? goes_on : rc;
        }
    }
    return rc;
}

/* "CHARSET" SP astring SP, before all keys. */
static int parse_charset(struct parsing *p)
{
    if (!imap_parse_word(p->cursor, MANSIO_STR("CHARSET"))) {
        return 0;
    }
    p->expected = "a charset";
    int rc = imap_parse_space(p->cursor);
    rc = rc == 0 ? imap_parse_astring(p->cursor, &p->charset) : rc;
    rc = rc == 0 ? parse_space(p) : rc;
    if (rc == 0) {
        struct mansio_buf *none = mansio_buf_new(p->cursor->arena, 16);
        rc = mansio_text_from_charset(none, p->charset, MANSIO_STR_NONE) ? 0 : MANSIO_E_UNSUPPORTED;
    }
    return rc;
}

int imap_search_parse(struct imap_cursor *cursor, struct imap_search *out,
                      const char **out_expected)
{
    struct parsing p = {
        .cursor = cursor,
        .search = out,
        .charset = MANSIO_STR("us-ascii"), /* bytes beyond it are guessed: UTF-8 most often */
    };
    *out = (struct imap_search){
        .leaves =
            mansio_arena_try_alloc(cursor->arena, IMAP_SEARCH_LEAVES_MAX * sizeof *out->leaves),
        .code = mansio_arena_try_alloc(cursor->arena, CODE_MAX * sizeof *out->code),
    };
    if (out->leaves == NULL || out->code == NULL) {
        return MANSIO_E_LIMIT;
    }
    int rc = parse_space(&p);
    rc = rc == 0 ? parse_charset(&p) : rc;
    rc = rc == 0 ? parse_keys(&p) : rc;
    *out_expected = p.expected != NULL ? p.expected : "a search key";
    return rc;
}

/* ---- joining answers ------------------------------------------------------------------------ */

enum imap_search_answer imap_search_join(const struct imap_search *search, const uint64_t *values,
                                         const uint64_t *unknown)
{
    unsigned char stack[IMAP_SEARCH_DEPTH_MAX * 2 + 2];
    size_t top = 0;
    stack[0] = IMAP_SEARCH_NO; /* of no code at all, which no parser gives */
    for (size_t i = 0; i < search->code_count; i++) {
        uint16_t code = search->code[i];
        if (code < IMAP_SEARCH_LEAVES_MAX) {
            uint64_t bit = UINT64_C(1) << (code % 64);
            stack[top++] = unknown[code / 64] & bit  ? IMAP_SEARCH_UNKNOWN
                           : values[code / 64] & bit ? IMAP_SEARCH_YES
                                                     : IMAP_SEARCH_NO;
        } else if (code == IMAP_SEARCH_NOT) {
            unsigned char was = stack[top - 1];
            stack[top - 1] = was == IMAP_SEARCH_UNKNOWN ? was : (unsigned char)!was;
        } else {
            unsigned char right = stack[--top];
            unsigned char left = stack[top - 1];
            unsigned char decides = code == IMAP_SEARCH_OR ? IMAP_SEARCH_YES : IMAP_SEARCH_NO;
            stack[top - 1] = left == decides || right == decides ? decides
                             : left == IMAP_SEARCH_UNKNOWN       ? left
                                                                 : right;
        }
    }
    return (enum imap_search_answer)stack[0];
}
