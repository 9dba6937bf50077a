/* Tests of SEARCH's arguments: programs as text, mistakes and their places, limits, answers joined.
 */
#include "search_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/store.h>
#include <mansio/str.h>

static int parse(struct mansio_arena *arena, struct mansio_str text, struct imap_search *out,
                 size_t *column)
{
    const char *expected = NULL;
    struct imap_cursor cursor = {text.ptr, text.ptr, text.ptr + text.len, arena};
    int rc = imap_search_parse(&cursor, out, &expected);
    assert_true(rc != MANSIO_E_INVALID || expected != NULL);
    assert_in_range(cursor.at - cursor.begin, 0, text.len);
    *column = (size_t)(cursor.at - cursor.begin) + 1;
    return rc;
}

/* A leaf as kind, what it asks, and "!" if it is required. */
static void print_leaf(struct mansio_buf *out, const struct imap_search_leaf *leaf)
{
    mansio_buf_printf(out, "%u", leaf->kind);
    if (leaf->field.len > 0) {
        mansio_buf_printf(out, ":%.*s", MANSIO_STR_ARG(leaf->field));
    }
    if (leaf->text.len > 0) {
        mansio_buf_printf(out, "=%.*s", MANSIO_STR_ARG(leaf->text));
    }
    if (leaf->mask != 0 || leaf->number != 0) {
        mansio_buf_printf(out, "#%x,%llu", leaf->mask, (unsigned long long)leaf->number);
    }
    if (leaf->days != 0) {
        mansio_buf_printf(out, "@%d", leaf->days);
    }
    for (size_t i = 0; i < leaf->set.count; i++) {
        mansio_buf_printf(out, "[%u:%u]", leaf->set.ranges[2 * i], leaf->set.ranges[2 * i + 1]);
    }
    mansio_buf_printf(out, "%s ", leaf->is_required ? "!" : "");
}

static const char *print(struct mansio_arena *arena, const struct imap_search *search)
{
    struct mansio_buf *out = mansio_buf_new(arena, 100000);
    for (size_t i = 0; i < search->code_count; i++) {
        if (search->code[i] < IMAP_SEARCH_LEAVES_MAX) {
            print_leaf(out, &search->leaves[search->code[i]]);
        } else {
            mansio_buf_printf(out, "%s ",
                              search->code[i] == IMAP_SEARCH_NOT   ? "not"
                              : search->code[i] == IMAP_SEARCH_AND ? "and"
                                                                   : "or");
        }
    }
    return mansio_buf_str(out).ptr;
}

static void test_programs(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        {" ALL", "1! "},
        {" seen UNSEEN", "2#1,1! 2#1,0! and "},
        {" ANSWERED UNANSWERED DELETED UNDELETED", "2#2,2! 2#2,0! and 2#8,8! and 2#8,0! and "},
        {" DRAFT UNDRAFT FLAGGED UNFLAGGED", "2#10,16! 2#10,0! and 2#4,4! and 2#4,0! and "},
        {" KEYWORD $Junk UNKEYWORD x", "3=$Junk! 3=x not and "},
        {" RECENT NEW OLD", "4! 5! and 4 not and "},
        {" 1:3,7 UID *", "6[1:3][7:7]! 7[4294967295:4294967295]! and "},
        {" *:4", "6[4:4294967295]! "},
        {" BEFORE 1-Jan-1970 ON 2-Jan-1970 SINCE \"03-Feb-1970\"", "8! 9@1! and 10@33! and "},
        {" SENTBEFORE 2-Jan-1970 SENTON 2-Jan-1970 SENTSINCE 2-Jan-1970",
         "14@1! 15@1! and 16@1! and "},
        {" LARGER 10 SMALLER 4294967295", "11#0,10! 12#0,4294967295! and "},
        {" MODSEQ 620162338", "13#0,620162338! "},
        {" MODSEQ \"/flags/\\\\draft\" all 7", "13#0,7! "},
        {" FROM a TO b CC c BCC d SUBJECT e", "17=a! 18=b! and 19=c! and 20=d! and 21=e! and "},
        {" BODY \"X y\" TEXT {3}\r\nABC HEADER X-Foo \"\"", "23=x y! 24=abc! and 22:x-foo! and "},
        {" SUBJECT \"\" TEXT \"\"", "1! 1! and "},
        {" HEADER \"Message-ID\" <A@b>", "22:message-id=<a@b>! "},
        {" NOT SEEN", "2#1,1 not "},
        {" NOT NOT SEEN", "2#1,1 not not "},
        {" OR SEEN FLAGGED", "2#1,1 2#4,4 or "},
        {" OR OR 1 2 OR 3 4 5", "6[1:1] 6[2:2] or 6[3:3] 6[4:4] or or 6[5:5]! and "},
        {" (SEEN)", "2#1,1 "},
        {" ((SEEN FLAGGED) DRAFT) 1", "2#1,1 2#4,4 and 2#10,16 and 6[1:1]! and "},
        {" NOT (SEEN OR 1 NOT 2) 3", "2#1,1 6[1:1] 6[2:2] not or and not 6[3:3]! and "},
        {" CHARSET utf-8 SUBJECT \"GR\xc3\x9c\xc3\x9f"
         "E\"",
         "21=gr\xc3\xbcsse! "},
        {" CHARSET iso-8859-1 SUBJECT \"GR\xdc\xdf"
         "E\"",
         "21=gr\xc3\xbcsse! "},
        {" CHARSET \"US-ASCII\" TEXT Word", "24=word! "},
        {" SUBJECT \"\xc3\x84\"", "21=\xc3\xa4! "},
        {" TEXT charset", "24=charset! "},
    };
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct imap_search search;
        size_t column;
        int rc = parse(arena, mansio_str_from_cstr(rows[i].text), &search, &column);
        if (rc != 0) {
            fail_msg("%s: %d at %zu", rows[i].text, rc, column);
        }
        assert_string_equal(print(arena, &search), rows[i].wanted);
        assert_int_equal(search.has_modseq, strstr(rows[i].text, "MODSEQ") != NULL);
    }
    mansio_arena_free(arena);
}

static void test_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        size_t column;
    } rows[] = {
        {"", MANSIO_E_INVALID, 1},
        {" ", MANSIO_E_INVALID, 2},
        {" FROB", MANSIO_E_INVALID, 2},
        {" SEENX", MANSIO_E_INVALID, 2},
        {" SEEN ", MANSIO_E_INVALID, 7},
        {" SEEN  FLAGGED", MANSIO_E_INVALID, 7},
        {" 0", MANSIO_E_INVALID, 2},
        {" UID", MANSIO_E_INVALID, 5},
        {" NOT", MANSIO_E_INVALID, 5},
        {" NOT ", MANSIO_E_INVALID, 6},
        {" OR 1", MANSIO_E_INVALID, 6},
        {" OR 1 ", MANSIO_E_INVALID, 7},
        {" ()", MANSIO_E_INVALID, 3},
        {" (1", MANSIO_E_INVALID, 4},
        {" (1 )", MANSIO_E_INVALID, 5},
        {" (1))", MANSIO_E_INVALID, 5},
        {" 1)", MANSIO_E_INVALID, 3},
        {" (1)2", MANSIO_E_INVALID, 5},
        {" ON 31-Foo-2000", MANSIO_E_INVALID, 8},
        {" LARGER x", MANSIO_E_INVALID, 9},
        {" KEYWORD \\Seen", MANSIO_E_INVALID, 10},
        {" HEADER x", MANSIO_E_INVALID, 10},
        {" HEADER \"\" x", MANSIO_E_INVALID, 11},
        {" MODSEQ -1", MANSIO_E_INVALID, 9},
        {" MODSEQ \"/flags/x\" some 1", MANSIO_E_INVALID, 24},
        {" CHARSET utf-8", MANSIO_E_INVALID, 15},
        {" CHARSET utf-8 ", MANSIO_E_INVALID, 16},
        {" CHARSET klingon SEEN", MANSIO_E_UNSUPPORTED, 18},
        {" SEEN CHARSET utf-8 SEEN", MANSIO_E_INVALID, 7},
        {" RETURN (ALL) SEEN", MANSIO_E_INVALID, 2},
    };
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct imap_search search;
        size_t column;
        int rc = parse(arena, mansio_str_from_cstr(rows[i].text), &search, &column);
        if (rc != rows[i].code || column != rows[i].column) {
            fail_msg("%s: %d at %zu", rows[i].text, rc, column);
        }
    }
    mansio_arena_free(arena);
}

static void repeat(struct mansio_buf *out, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mansio_buf_add(out, mansio_str_from_cstr(text));
    }
}

static void test_limits(void **state)
{
    (void)state;
    static const struct {
        const char *before, *repeated, *behind;
        size_t count;
        int code;
    } rows[] = {
        {" ", "(", "1", IMAP_SEARCH_DEPTH_MAX, MANSIO_E_LIMIT},
        {" ", "NOT ", "1", IMAP_SEARCH_DEPTH_MAX - 1, 0},
        {" ", "NOT ", "1", 100000, MANSIO_E_LIMIT},
        {" ", "OR 1 ", "1", 100000, MANSIO_E_LIMIT},
        {"", " SEEN", "", IMAP_SEARCH_LEAVES_MAX, 0},
        {"", " SEEN", "", IMAP_SEARCH_LEAVES_MAX + 1, MANSIO_E_LIMIT},
        {"", " NOT NOT NOT NOT SEEN", "", 500, MANSIO_E_LIMIT},
        {" TEXT \"", "x", "\"", 4096, 0},
        {" TEXT \"", "x", "\"", 4097, MANSIO_E_LIMIT},
        {" TEXT \"", "x", "\"", 200000, MANSIO_E_LIMIT},
        {" HEADER \"", "x", "\" y", 257, MANSIO_E_LIMIT},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
        struct mansio_buf *text = mansio_buf_new(arena, 1 << 20);
        struct imap_search search;
        size_t column;
        repeat(text, rows[i].before, 1);
        repeat(text, rows[i].repeated, rows[i].count);
        repeat(text, rows[i].behind, 1);
        int rc = parse(arena, mansio_buf_str(text), &search, &column);
        if (rc != rows[i].code) {
            fail_msg("row %zu: %d", i, rc);
        }
        mansio_arena_free(arena);
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 2000);
    struct imap_search search;
    size_t column;
    assert_int_equal(parse(arena, MANSIO_STR(" ALL"), &search, &column), MANSIO_E_LIMIT);
    mansio_arena_free(arena);
}

/* Every leaf once: with what isn't known, the answer must be what all that could be known say. */
static void test_joining(void **state)
{
    (void)state;
    static const char *const programs[] = {
        " 1 2 3",      " OR 1 2 3",   " NOT 1",          " NOT (1 2)", " OR 1 OR 2 3",
        " NOT OR 1 2", " (OR 1 2) 3", " OR (1 2) NOT 3", " OR 1 1",    " OR (1 NOT 2) (3 NOT 1)",
    };
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    unsigned unknowns = 0;
    for (size_t i = 0; i < MANSIO_COUNT(programs); i++) {
        struct imap_search search;
        size_t column;
        assert_int_equal(parse(arena, mansio_str_from_cstr(programs[i]), &search, &column), 0);
        unsigned all = 1U << search.leaf_count;
        for (uint64_t unknown = 0; unknown < all; unknown++) {
            for (uint64_t values = 0; values < all; values++) {
                int seen[2] = {0, 0};
                for (uint64_t could = 0; could < all; could++) {
                    uint64_t whole = (values & ~unknown) | (could & unknown);
                    uint64_t none = 0;
                    seen[imap_search_join(&search, &whole, &none)] = 1;
                }
                enum imap_search_answer answer = imap_search_join(&search, &values, &unknown);
                /* It may be more careful than it need be ("1 or not 1"), never wrong. */
                if (answer != IMAP_SEARCH_UNKNOWN) {
                    assert_int_equal(seen[answer], 1);
                    assert_int_equal(seen[!answer], 0);
                } else {
                    unknowns++;
                    assert_int_not_equal(unknown, 0);
                }
            }
        }
    }
    assert_true(unknowns > 100);
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_programs),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_joining),
    };
    return cmocka_run_group_tests_name("search_parse", tests, NULL, NULL);
}
