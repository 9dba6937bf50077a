/*
 * The YAML reader: what it makes of good text, and that everything else is refused with its place.
 */
#include <config.h>

#include "core/host/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/str.h>

static struct mansio_arena *arena;
static const struct core_file file = {.path = "t.yaml", .dir = "/etc", .index = 0};

static int set_up(void **state)
{
    (void)state;
    arena = mansio_arena_new(NULL, "test", 64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mansio_arena_free(arena);
    return 0;
}

static int parse(struct mansio_str text, struct core_node **out)
{
    size_t nodes_left = CORE_YAML_NODES_MAX;
    /* Of exact size on the heap, so that a sanitizer sees every byte read too much. */
    char *bytes = malloc(text.len + (text.len == 0));
    memcpy(bytes, text.ptr, text.len);
    int result =
        core_yaml_parse(arena, &file, (struct mansio_str){bytes, text.len}, &nodes_left, out);
    free(bytes);
    return result;
}

/* A tree on one line: texts with their place, "q" before quoted ones. */
static void print(struct mansio_buf *out, const struct core_node *node)
{
    if (node->key != NULL) {
        mansio_buf_printf(out, "%.*s=", MANSIO_STR_ARG(node->key->text));
    }
    if (node->kind == CORE_NODE_TEXT) {
        mansio_buf_printf(out, "%s%.*s@%u:%u ", node->is_quoted ? "q" : "",
                          MANSIO_STR_ARG(node->text), node->at.line, node->at.column);
        return;
    }
    mansio_buf_printf(out, "%s@%u:%u ", node->kind == CORE_NODE_LIST ? "[" : "{", node->at.line,
                      node->at.column);
    for (const struct core_node *one = node->first; one != NULL; one = one->next) {
        print(out, one);
    }
    mansio_buf_printf(out, "%s ", node->kind == CORE_NODE_LIST ? "]" : "}");
}

static const struct {
    const char *text;
    const char *tree;
} good[] = {
    {"", "{@1:1 } "},
    {"# nothing\n", "{@1:1 } "},
    {"---\n", "{@1:1 } "},
    {"a: 1\nb: '2'\n", "{@1:1 a=1@1:4 b=q2@2:4 } "},
    {"a:\n  - x\n  - \"y\"\n  - [z]\n", "{@1:1 a=[@2:3 x@2:5 qy@3:5 [@4:5 z@4:6 ] ] } "},
    {"a: {b: {c: d}}\n", "{@1:1 a={@1:4 b={@1:8 c=d@1:12 } } } "},
    {"a:\nb: ~\n", "{@1:1 a=@1:3 b=~@2:4 } "},
    {"a: |\n  one\n  two\n", "{@1:1 a=qone\ntwo\n@1:4 } "},
    {"\xEF\xBB\xBF"
     "a: b\n",
     "{@1:1 a=b@1:4 } "},
    {"\xC3\xA4: \xE2\x82\xAC\xF0\x9F\x93\xAC x\n",
     "{@1:1 \xC3\xA4=\xE2\x82\xAC\xF0\x9F\x93\xAC x@1:4 } "},
    {"- a\n- b\n", "[@1:1 a@1:3 b@2:3 ] "},
    {"just text", "just text@1:1 "},
    {"x: {a: 1}\ny: {a: 2}\n", "{@1:1 x={@1:4 a=1@1:8 } y={@2:4 a=2@2:8 } } "},
};

static void reads_what_is_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(good); i++) {
        struct core_node *root = NULL;
        struct mansio_buf *out = mansio_buf_new(arena, 4096);
        if (parse(mansio_str_from_cstr(good[i].text), &root) < 0) {
            fail_msg("row %zu: %s", i, mansio_error_detail());
        }
        print(out, root);
        assert_string_equal(mansio_buf_str(out).ptr, good[i].tree);
    }
}

#define TEXT_AND_LENGTH(literal) literal, sizeof(literal) - 1

static const struct {
    const char *text;
    size_t len;
    const char *detail;
} bad[] = {
    {TEXT_AND_LENGTH("a: &x 1\n"),
     "t.yaml:1:4: found an anchor (&), expected a plain value: anchors are not supported"},
    {TEXT_AND_LENGTH("a: &x [1]\n"),
     "t.yaml:1:4: found an anchor (&), expected a plain value: anchors are not supported"},
    {TEXT_AND_LENGTH("a: *x\n"),
     "t.yaml:1:4: found an alias (*), expected a plain value: aliases are not supported"},
    {TEXT_AND_LENGTH("a: !!str 1\n"),
     "t.yaml:1:4: found a tag (!), expected a plain value: tags are not supported"},
    {TEXT_AND_LENGTH("a: !x {b: c}\n"),
     "t.yaml:1:4: found a tag (!), expected a plain value: tags are not supported"},
    {TEXT_AND_LENGTH("%TAG ! tag:x,2000:\n---\na: b\n"),
     "t.yaml:1:1: found a %TAG directive, expected none: tags are not supported"},
    {TEXT_AND_LENGTH("a: 1\n---\nb: 2\n"),
     "t.yaml:2:1: found a second document, expected one; the first is at line 1, column 1"},
    {TEXT_AND_LENGTH("a: 1\nb: 2\na: 3\n"),
     "t.yaml:3:1: found the key \"a\" a second time; it stands at line 1, column 1 too"},
    {TEXT_AND_LENGTH("x: {a: 1, 'a': 2}\n"),
     "t.yaml:1:11: found the key \"a\" a second time; it stands at line 1, column 5 too"},
    {TEXT_AND_LENGTH("? [a]\n: b\n"), "t.yaml:1:3: found a list as a key, expected text"},
    {TEXT_AND_LENGTH("{a: b}: c\n"), "t.yaml:1:1: found a section as a key, expected text"},
    {TEXT_AND_LENGTH("'': b\n"), "t.yaml:1:1: found a key of 0 bytes, expected 1 to 255"},
    {TEXT_AND_LENGTH("a: \"x\\0y\"\n"), "t.yaml:1:4: found a NUL byte in a text, expected none"},
    {TEXT_AND_LENGTH("a: b\nc: \0\n"), "t.yaml:2:4: found a NUL byte, expected text"},
    {TEXT_AND_LENGTH("a: \xFF\n"), "t.yaml:1:4: found the byte 0xff, expected UTF-8"},
    {TEXT_AND_LENGTH("\xC3\xA4: \xC3"), "t.yaml:1:4: found the byte 0xc3, expected UTF-8"},
    {TEXT_AND_LENGTH("a\r\nb\xC0\xAF"), "t.yaml:2:2: found the byte 0xc0, expected UTF-8"},
    {TEXT_AND_LENGTH("a: \xED\xA0\x80"), "t.yaml:1:4: found the byte 0xed, expected UTF-8"},
    {TEXT_AND_LENGTH("a: \xE0\x80\x80"), "t.yaml:1:4: found the byte 0xe0, expected UTF-8"},
    {TEXT_AND_LENGTH("a: \xF4\x90\x80\x80"), "t.yaml:1:4: found the byte 0xf4, expected UTF-8"},
    {TEXT_AND_LENGTH("a: \xF0\x8F\x80\x80"), "t.yaml:1:4: found the byte 0xf0, expected UTF-8"},
    {TEXT_AND_LENGTH("a: \xE2\x82x"), "t.yaml:1:4: found the byte 0xe2, expected UTF-8"},
    {TEXT_AND_LENGTH("a: \xE2\x82"), "t.yaml:1:4: found the byte 0xe2, expected UTF-8"},
    {TEXT_AND_LENGTH("a: 1\nb: \x01\n"),
     "t.yaml:2:4: YAML: found the character 0x01: control characters are not allowed"},
    {TEXT_AND_LENGTH("a:\n\t- b\n"),
     "t.yaml:2:1: YAML: found a character that can't begin a value (a tab?), expected spaces, or "
     "quotes around it"},
    {TEXT_AND_LENGTH("a: [b\nc: d\n"),
     "t.yaml:2:2: YAML: did not find expected ',' or ']', while parsing a flow sequence that "
     "begins at line 1, column 4"},
    {TEXT_AND_LENGTH("a: b: c\n"),
     "t.yaml:1:5: YAML: mapping values are not allowed in this context"},
    {TEXT_AND_LENGTH("a: 'b\n"), "t.yaml:2:1: YAML: found unexpected end of stream, while "
                                 "scanning a quoted scalar that begins at line 1, column 4"},
    {TEXT_AND_LENGTH("a: \"\\ud800\"\n"),
     "t.yaml:1:7: YAML: found invalid Unicode character escape code, while parsing a quoted "
     "scalar that begins at line 1, column 4"},
};

static void refuses_what_is_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(bad); i++) {
        struct core_node *root = NULL;
        int result = parse((struct mansio_str){bad[i].text, bad[i].len}, &root);
        if (result != MANSIO_E_INVALID || strcmp(mansio_error_detail(), bad[i].detail) != 0) {
            fail_msg("row %zu: %d\n  %s\n  %s", i, result, mansio_error_detail(), bad[i].detail);
        }
        assert_null(root);
    }
}

/* Many times the same text, with something before and after it. */
static struct mansio_str repeat(const char *before, const char *text, size_t count,
                                const char *after)
{
    struct mansio_buf *out = mansio_buf_new(arena, 8 << 20);
    mansio_buf_printf(out, "%s", before);
    for (size_t i = 0; i < count; i++) {
        mansio_buf_printf(out, "%s", text);
    }
    mansio_buf_printf(out, "%s", after);
    assert_int_equal(mansio_buf_status(out), 0);
    return mansio_buf_str(out);
}

static void refuse_limit(struct mansio_str text, const char *detail)
{
    struct core_node *root = NULL;
    assert_int_equal(parse(text, &root), MANSIO_E_LIMIT);
    assert_string_equal(mansio_error_detail(), detail);
}

static void bounds_depth(void **state)
{
    (void)state;
    struct core_node *root = NULL;
    assert_int_equal(parse(repeat("", "[", 16, "]]]]]]]]]]]]]]]]"), &root), 0);
    refuse_limit(repeat("", "[", 17, "]]]]]]]]]]]]]]]]]"),
                 "t.yaml:1:17: found more than 16 levels, expected fewer");
    refuse_limit(repeat("", "[", 500000, ""),
                 "t.yaml:1:17: found more than 16 levels, expected fewer");
    refuse_limit(repeat("", "- ", 300000, ""),
                 "t.yaml:1:33: found more than 16 levels, expected fewer");
}

static void bounds_sizes(void **state)
{
    (void)state;
    struct core_node *root = NULL;
    assert_int_equal(parse(repeat("a: ", "x", CORE_YAML_TEXT_MAX, ""), &root), 0);
    assert_int_equal(root->first->text.len, CORE_YAML_TEXT_MAX);
    refuse_limit(repeat("a: ", "x", CORE_YAML_TEXT_MAX + 1, ""),
                 "t.yaml:1:4: found a text of 65536 bytes, expected at most 65535");
    refuse_limit(repeat("", "x", CORE_YAML_BYTES_MAX + 1, ""),
                 "t.yaml: found 1048577 bytes, expected at most 1048576");
    refuse_limit(repeat("[", "1,", CORE_YAML_NODES_MAX, "]"),
                 "t.yaml:1:131072: found too many values, expected at most 65536 in all");
    assert_int_equal(parse(repeat("? ", "k", CORE_YAML_KEY_MAX, "\n: v"), &root), 0);
    assert_int_equal(parse(repeat("? ", "k", CORE_YAML_KEY_MAX + 1, "\n: v"), &root),
                     MANSIO_E_INVALID);
    assert_string_equal(mansio_error_detail(),
                        "t.yaml:1:3: found a key of 256 bytes, expected 1 to 255");
}

static void stops_at_the_arena_cap(void **state)
{
    (void)state;
    struct mansio_arena *small = mansio_arena_new(NULL, "small", 4096);
    struct mansio_str text = repeat("[", "value,", 1000, "]");
    struct core_node *root = NULL;
    size_t nodes_left = CORE_YAML_NODES_MAX;
    assert_int_equal(core_yaml_parse(small, &file, text, &nodes_left, &root), MANSIO_E_LIMIT);
    mansio_arena_free(small);
}

static const struct {
    const char *a, *b;
    int eq;
} pairs[] = {
    {"a: [1, {b: c}]", "a:\n  - '1'\n  - b: c\n", 1},
    {"a: [1, {b: c}]", "a: [1, {b: d}]", 0},
    {"a: [1, {b: c}]", "a: [1, {x: c}]", 0},
    {"a: [1, 2]", "a: [1, 2, 3]", 0},
    {"a: [1, [2], 3]", "a: [1, [2], 4]", 0},
    {"a: ~", "a: '~'", 0},
    {"a: ~", "a: ~", 1},
    {"a: {}", "a: []", 0},
    {"a: 1\nb: 2", "b: 2\na: 1", 0},
};

static void compares(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(pairs); i++) {
        struct core_node *a = NULL;
        struct core_node *b = NULL;
        assert_int_equal(parse(mansio_str_from_cstr(pairs[i].a), &a), 0);
        assert_int_equal(parse(mansio_str_from_cstr(pairs[i].b), &b), 0);
        assert_int_equal(core_node_eq(a, b), pairs[i].eq);
        assert_int_equal(core_node_eq(b->first, a->first), pairs[i].eq);
        assert_int_equal(core_node_eq(a, NULL), 0);
    }
    assert_int_equal(core_node_eq(NULL, NULL), 1);
}

static void finds_entries(void **state)
{
    (void)state;
    struct core_node *root = NULL;
    assert_int_equal(parse(MANSIO_STR("a: 1\nb: [x]\n"), &root), 0);
    assert_ptr_equal(core_node_get(root, MANSIO_STR("b")), root->last);
    assert_null(core_node_get(root, MANSIO_STR("c")));
    assert_null(core_node_get(root->first, MANSIO_STR("a")));
    assert_null(core_node_get(NULL, MANSIO_STR("a")));
    assert_int_equal(core_node_place(root->last).column, 1);
    assert_int_equal(core_node_place(root->last->first).column, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_good), cmocka_unit_test(refuses_what_is_bad),
        cmocka_unit_test(bounds_depth),       cmocka_unit_test(bounds_sizes),
        cmocka_unit_test(compares),           cmocka_unit_test(stops_at_the_arena_cap),
        cmocka_unit_test(finds_entries),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
