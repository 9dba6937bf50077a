/*
 * IMAP's SEARCH and LIST: the text as arguments of SEARCH, of LIST and of LSUB; and, cut at its
 * first NUL, as a pattern and a name. What is read as a program is one: its answers are those of
 * any reader of postfix, and what isn't known is never told as known. A pattern says of a name what
 * a plain matcher says.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/search.h>
#include <mansio/str.h>

#include "modules/imap/list_args.h"
#include "modules/imap/match.h"
#include "modules/imap/search_parse.h"

const char fuzz_name[] = "imap_search";

enum { ARENA_CAP = 16 << 20, NAIVE_MAX = 24, WORDS = IMAP_SEARCH_LEAVES_MAX / 64, TRIES = 8 };

static struct imap_cursor cursor_of(struct mansio_arena *arena, struct mansio_str text)
{
    return (struct imap_cursor){text.ptr, text.ptr, text.ptr + text.len, arena};
}

static void check_cursor(const struct imap_cursor *cursor, int rc, const char *expected)
{
    MANSIO_ASSERT(cursor->begin <= cursor->at && cursor->at <= cursor->end);
    MANSIO_ASSERT(rc < 0 || cursor->at == cursor->end);
    MANSIO_ASSERT(rc != MANSIO_E_INVALID || (expected != NULL && expected[0] != '\0'));
}

/* ---- SEARCH --------------------------------------------------------------------------------- */

static void check_leaf(const struct imap_search_leaf *leaf)
{
    MANSIO_ASSERT(leaf->kind >= IMAP_SEARCH_ALL && leaf->kind <= IMAP_SEARCH_TEXT);
    MANSIO_ASSERT(leaf->text.len <= MANSIO_SEARCH_NEEDLE_MAX);
    MANSIO_ASSERT((leaf->kind == IMAP_SEARCH_FIELD) == (leaf->field.len > 0));
    int has_set = leaf->kind == IMAP_SEARCH_NUMBERS || leaf->kind == IMAP_SEARCH_UIDS;
    MANSIO_ASSERT(has_set == (leaf->set.count > 0));
    /* Folded: no capital letter of ASCII. Keywords stay as they are. */
    for (size_t i = 0; leaf->kind != IMAP_SEARCH_KEYWORD && i < leaf->text.len; i++) {
        MANSIO_ASSERT(leaf->text.ptr[i] < 'A' || leaf->text.ptr[i] > 'Z');
    }
}

/* Postfix as anybody reads it: never too few on the stack, one at the end. */
static void check_code(const struct imap_search *search)
{
    size_t depth = 0;
    for (size_t i = 0; i < search->code_count; i++) {
        uint16_t code = search->code[i];
        if (code < IMAP_SEARCH_LEAVES_MAX) {
            MANSIO_ASSERT(code < search->leaf_count);
            depth++;
        } else if (code == IMAP_SEARCH_NOT) {
            MANSIO_ASSERT(depth >= 1);
        } else {
            MANSIO_ASSERT((code == IMAP_SEARCH_AND || code == IMAP_SEARCH_OR) && depth >= 2);
            depth--;
        }
        MANSIO_ASSERT(depth <= IMAP_SEARCH_DEPTH_MAX + 2);
    }
    MANSIO_ASSERT(depth == 1);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* What is told as known stays so, whatever becomes known. */
static void check_answers(const struct imap_search *search, uint64_t seed)
{
    static const uint64_t none[WORDS];
    for (int try = 0; try < TRIES; try++) {
        uint64_t values[WORDS], unknown[WORDS], whole[WORDS];
        for (size_t i = 0; i < WORDS; i++) {
            values[i] = next_random(&seed);
            unknown[i] = next_random(&seed) & next_random(&seed);
            whole[i] = (values[i] & ~unknown[i]) | (next_random(&seed) & unknown[i]);
        }
        enum imap_search_answer answer = imap_search_join(search, values, unknown);
        enum imap_search_answer final = imap_search_join(search, whole, none);
        MANSIO_ASSERT(final == IMAP_SEARCH_YES || final == IMAP_SEARCH_NO);
        MANSIO_ASSERT(answer == IMAP_SEARCH_UNKNOWN || answer == final);
    }
}

static void check_search(struct mansio_arena *arena, struct mansio_str text)
{
    struct imap_cursor cursor = cursor_of(arena, text);
    struct imap_search search;
    const char *expected = NULL;
    int rc = imap_search_parse(&cursor, &search, &expected);
    check_cursor(&cursor, rc, expected);
    MANSIO_ASSERT(rc == 0 || rc == MANSIO_E_INVALID || rc == MANSIO_E_LIMIT ||
                  rc == MANSIO_E_UNSUPPORTED);
    if (rc == 0) {
        MANSIO_ASSERT(search.leaf_count > 0 && search.leaf_count <= IMAP_SEARCH_LEAVES_MAX);
        for (size_t i = 0; i < search.leaf_count; i++) {
            check_leaf(&search.leaves[i]);
        }
        check_code(&search);
        check_answers(&search, UINT64_C(0x9E3779B97F4A7C15) + text.len);
    }
}

/* ---- LIST ----------------------------------------------------------------------------------- */

static void check_list(struct mansio_arena *arena, struct mansio_str text, int may_extend)
{
    struct imap_cursor cursor = cursor_of(arena, text);
    struct imap_list_args args;
    const char *expected = NULL;
    int rc = imap_list_parse(&cursor, may_extend, &args, &expected);
    check_cursor(&cursor, rc, expected);
    MANSIO_ASSERT(rc == 0 || rc == MANSIO_E_INVALID || rc == MANSIO_E_LIMIT);
    if (rc < 0) {
        return;
    }
    MANSIO_ASSERT(may_extend || !args.is_extended);
    MANSIO_ASSERT(!args.is_root || (args.pattern_count == 0 && !args.is_extended));
    MANSIO_ASSERT(!(args.select & IMAP_LIST_RECURSIVEMATCH) ||
                  (args.select & (IMAP_LIST_SUBSCRIBED | IMAP_LIST_SPECIAL_USE)));
    for (size_t i = 0; i < args.pattern_count; i++) {
        MANSIO_ASSERT(mansio_str_starts(args.patterns[i], args.reference));
        MANSIO_ASSERT(args.patterns[i].len > args.reference.len);
    }
}

static int is_wild(char c)
{
    return c == '*' || c == '%';
}

/* As one would write it down, for short ones. */
static int naive(struct mansio_str pattern, struct mansio_str name)
{
    if (pattern.len == 0) {
        return name.len == 0;
    }
    struct mansio_str rest = mansio_str_sub(pattern, 1, SIZE_MAX);
    if (is_wild(pattern.ptr[0])) {
        return naive(rest, name) ||
               (name.len > 0 && (pattern.ptr[0] == '*' || name.ptr[0] != '/') &&
                naive(pattern, mansio_str_sub(name, 1, SIZE_MAX)));
    }
    return name.len > 0 && pattern.ptr[0] == name.ptr[0] &&
           naive(rest, mansio_str_sub(name, 1, SIZE_MAX));
}

static size_t count_wild(struct mansio_str pattern)
{
    size_t count = 0;
    for (size_t i = 0; i < pattern.len; i++) {
        count += (size_t)is_wild(pattern.ptr[i]);
    }
    return count;
}

static void check_pattern(struct mansio_arena *arena, struct mansio_str text)
{
    ptrdiff_t nul = mansio_str_find_char(text, '\0');
    struct mansio_str pattern = mansio_str_sub(text, 0, nul < 0 ? SIZE_MAX : (size_t)nul);
    struct mansio_str name = nul < 0 ? text : mansio_str_sub(text, (size_t)nul + 1, SIZE_MAX);
    struct imap_pattern read;
    int rc = imap_pattern_read(arena, pattern, &read);
    MANSIO_ASSERT(rc == (pattern.len > IMAP_PATTERN_MAX ? MANSIO_E_LIMIT : 0));
    if (rc < 0) {
        return;
    }
    int is_match = imap_pattern_matches(&read, name);
    MANSIO_ASSERT(is_match == imap_pattern_matches(&read, name));
    MANSIO_ASSERT(nul >= 0 || count_wild(pattern) > 0 || is_match); /* each matches itself */
    if (name.len <= NAIVE_MAX && count_wild(pattern) <= 6 &&
        !mansio_str_istarts(name, MANSIO_STR("inbox"))) {
        MANSIO_ASSERT(is_match == naive(pattern, name));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mansio_str text = {(const char *)data, size};
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", ARENA_CAP);
    check_search(arena, text);
    check_list(arena, text, 1);
    check_list(arena, text, 0);
    check_pattern(arena, text);
    mansio_arena_free(arena);
    return 0;
}
