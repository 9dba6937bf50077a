/*
 * The YAML reader: libyaml's events made into nodes. One pass, one open node at a time and
 * parent pointers instead of recursion, so that depth costs no stack. libyaml looks ahead at most
 * 1,024 characters for a key, so the bounds are met soon after the input passes them.
 */
#include "core/host/yaml.h"

#include <mansio/error.h>
#include <mansio/map.h>
#include <mansio/str.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct reader {
    struct mansio_arena *arena;
    const struct core_file *file;
    struct mansio_map *keys; /* of all maps: the map's number and the key, to the key's node */
    size_t *nodes_left;
    struct core_node *root;
    struct core_node *open; /* innermost list or map not yet ended */
    struct core_node *key;  /* of the open map, waiting for its value */
    unsigned depth;
    struct core_place document; /* of the first document; file NULL before it */
};

static int fail_at(int code, struct core_place at, const char *format, ...) MANSIO_PRINTF(3, 4);

static int fail_at(int code, struct core_place at, const char *format, ...)
{
    char text[MANSIO_ERROR_DETAIL_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)mansio_fail(code, "%s:%u:%u: %s", at.file->path, at.line, at.column, text);
    return code;
}

static struct core_place place_of(const struct core_file *file, const yaml_mark_t *mark)
{
    return (struct core_place){
        .file = file, .line = (uint32_t)mark->line + 1, .column = (uint32_t)mark->column + 1};
}

/* The place of a byte, for what is found before libyaml has counted. */
static struct core_place place_of_offset(const struct core_file *file, struct mansio_str bytes,
                                         size_t offset)
{
    struct core_place at = {.file = file, .line = 1, .column = 1};
    for (size_t i = 0; i < offset && i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        if (c == '\n' || (c == '\r' && (i + 1 >= bytes.len || bytes.ptr[i + 1] != '\n'))) {
            at.line++;
            at.column = 1;
        } else if ((c & 0xC0) != 0x80 && c != '\r') {
            at.column++;
        }
    }
    return at;
}

/* Length of the UTF-8 sequence at the front of @p s, 0 if it is none (RFC 3629 4). */
static size_t utf8_length(const unsigned char *s, size_t left)
{
    size_t need;
    unsigned low = 0x80;
    unsigned high = 0xBF;
    if (s[0] < 0x80) {
        return 1;
    }
    if (s[0] >= 0xC2 && s[0] <= 0xDF) {
        need = 2;
    } else if (s[0] >= 0xE0 && s[0] <= 0xEF) {
        need = 3;
        low = s[0] == 0xE0 ? 0xA0 : 0x80;  /* not longer than needed */
        high = s[0] == 0xED ? 0x9F : 0xBF; /* no surrogates */
    } else if (s[0] >= 0xF0 && s[0] <= 0xF4) {
        need = 4;
        low = s[0] == 0xF0 ? 0x90 : 0x80;
        high = s[0] == 0xF4 ? 0x8F : 0xBF;
    } else {
        return 0;
    }
#ifdef CORE_YAML_PLANTED_BUG /* tests/fuzz/planted: the fuzzer must find this off-by-one */
    if (need > left + 1) {
#else
    if (need > left) {
#endif
        return 0;
    }
    if (s[1] < low || s[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < need; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return need;
}

static int check_bytes(const struct core_file *file, struct mansio_str bytes)
{
    if (bytes.len > CORE_YAML_BYTES_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "%s: found %zu bytes, expected at most %d", file->path,
                           bytes.len, CORE_YAML_BYTES_MAX);
    }
    for (size_t i = 0; i < bytes.len;) {
        const unsigned char *s = (const unsigned char *)bytes.ptr + i;
        size_t length = utf8_length(s, bytes.len - i);
        if (length == 0) {
            return fail_at(MANSIO_E_INVALID, place_of_offset(file, bytes, i),
                           "found the byte 0x%02x, expected UTF-8", s[0]);
        }
        if (s[0] == 0) {
            return fail_at(MANSIO_E_INVALID, place_of_offset(file, bytes, i),
                           "found a NUL byte, expected text");
        }
        i += length;
    }
    return 0;
}

static int new_node(struct reader *reader, uint32_t kind, struct core_place at,
                    struct core_node **out)
{
    if (*reader->nodes_left == 0) {
        return fail_at(MANSIO_E_LIMIT, at, "found too many values, expected at most %d in all",
                       CORE_YAML_NODES_MAX);
    }
    (*reader->nodes_left)--;
    struct core_node *node = mansio_arena_try_alloc(reader->arena, sizeof *node);
    if (node == NULL) {
        return MANSIO_E_LIMIT;
    }
    node->kind = kind;
    node->at = at;
    *out = node;
    return 0;
}

/* Keep the node as key of the open map; refuse one that is there already. */
static int take_key(struct reader *reader, struct core_node *node)
{
    if (node->kind != CORE_NODE_TEXT) {
        return fail_at(MANSIO_E_INVALID, node->at, "found %s as a key, expected text",
                       core_node_describe(node));
    }
    if (node->text.len == 0 || node->text.len > CORE_YAML_KEY_MAX) {
        return fail_at(MANSIO_E_INVALID, node->at, "found a key of %zu bytes, expected 1 to %d",
                       node->text.len, CORE_YAML_KEY_MAX);
    }
    char name[sizeof reader->open + CORE_YAML_KEY_MAX];
    memcpy(name, &reader->open, sizeof reader->open);
    memcpy(name + sizeof reader->open, node->text.ptr, node->text.len);
    struct mansio_str unique = {name, sizeof reader->open + node->text.len};
    const struct core_node *before = mansio_map_get(reader->keys, unique);
    if (before != NULL) {
        return fail_at(MANSIO_E_INVALID, node->at,
                       "found the key \"%.*s\" a second time; it stands at line %u, column %u too",
                       MANSIO_STR_ARG(node->text), before->at.line, before->at.column);
    }
    int result = mansio_map_put(reader->keys, unique, node);
    if (result < 0) {
        return result;
    }
    reader->key = node;
    return 0;
}

/* Put a node where the document has it. */
static int place_node(struct reader *reader, struct core_node *node)
{
    struct core_node *parent = reader->open;
    if (parent == NULL) {
        reader->root = node;
        return 0;
    }
    if (parent->kind == CORE_NODE_MAP && reader->key == NULL) {
        return take_key(reader, node);
    }
    node->key = reader->key;
    reader->key = NULL;
    node->parent = parent;
    if (parent->last == NULL) {
        parent->first = node;
    } else {
        parent->last->next = node;
    }
    parent->last = node;
    parent->count++;
    return 0;
}

static int refuse_marks(struct core_place at, const unsigned char *anchor, const unsigned char *tag)
{
    if (anchor != NULL) {
        return fail_at(MANSIO_E_INVALID, at,
                       "found an anchor (&), expected a plain value: anchors are not supported");
    }
    if (tag != NULL) {
        return fail_at(MANSIO_E_INVALID, at,
                       "found a tag (!), expected a plain value: tags are not supported");
    }
    return 0;
}

static int on_text(struct reader *reader, const yaml_event_t *event, struct core_place at)
{
    struct mansio_str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    int result = refuse_marks(at, event->data.scalar.anchor, event->data.scalar.tag);
    if (result < 0) {
        return result;
    }
    if (text.len > CORE_YAML_TEXT_MAX) {
        return fail_at(MANSIO_E_LIMIT, at, "found a text of %zu bytes, expected at most %d",
                       text.len, CORE_YAML_TEXT_MAX);
    }
    if (mansio_str_find_char(text, '\0') >= 0) {
        return fail_at(MANSIO_E_INVALID, at, "found a NUL byte in a text, expected none");
    }
    struct core_node *node = NULL;
    result = new_node(reader, CORE_NODE_TEXT, at, &node);
    if (result < 0) {
        return result;
    }
    node->is_quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    result = mansio_arena_copy(reader->arena, text, &node->text);
    if (result < 0) {
        return result;
    }
    return place_node(reader, node);
}

static int on_start(struct reader *reader, uint32_t kind, struct core_place at)
{
    if (reader->depth == CORE_YAML_DEPTH_MAX) {
        return fail_at(MANSIO_E_LIMIT, at, "found more than %d levels, expected fewer",
                       CORE_YAML_DEPTH_MAX);
    }
    struct core_node *node = NULL;
    int result = new_node(reader, kind, at, &node);
    if (result == 0) {
        result = place_node(reader, node);
    }
    if (result < 0) {
        return result;
    }
    reader->open = node;
    reader->depth++;
    return 0;
}

static int on_document(struct reader *reader, const yaml_event_t *event, struct core_place at)
{
    if (reader->document.file != NULL) {
        return fail_at(MANSIO_E_INVALID, at,
                       "found a second document, expected one; the first is at line %u, column %u",
                       reader->document.line, reader->document.column);
    }
    if (event->data.document_start.tag_directives.start !=
        event->data.document_start.tag_directives.end) {
        return fail_at(MANSIO_E_INVALID, at,
                       "found a %%TAG directive, expected none: tags are not supported");
    }
    reader->document = at;
    return 0;
}

static int on_event(struct reader *reader, const yaml_event_t *event)
{
    struct core_place at = place_of(reader->file, &event->start_mark);
    int result;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return on_document(reader, event, at);
    case YAML_ALIAS_EVENT:
        return fail_at(MANSIO_E_INVALID, at,
                       "found an alias (*), expected a plain value: aliases are not supported");
    case YAML_SCALAR_EVENT:
        return on_text(reader, event, at);
    case YAML_SEQUENCE_START_EVENT:
        result =
            refuse_marks(at, event->data.sequence_start.anchor, event->data.sequence_start.tag);
        return result < 0 ? result : on_start(reader, CORE_NODE_LIST, at);
    case YAML_MAPPING_START_EVENT:
        result = refuse_marks(at, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        return result < 0 ? result : on_start(reader, CORE_NODE_MAP, at);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        MANSIO_ASSERT(reader->open != NULL); /* libyaml's events are balanced */
        reader->open = reader->open->parent;
        reader->depth--;
        return 0;
    default:
        return 0;
    }
}

/* libyaml's own refusal, in our form. Its texts are constants without content of the file. */
static int syntax_error(const struct core_file *file, struct mansio_str bytes,
                        const yaml_parser_t *parser)
{
    const char *problem = parser->problem != NULL ? parser->problem : "out of memory";
    if (parser->error == YAML_READER_ERROR) {
        return fail_at(MANSIO_E_INVALID, place_of_offset(file, bytes, parser->problem_offset),
                       "YAML: found the character 0x%02x: %s", (unsigned)parser->problem_value,
                       problem);
    }
    struct core_place at = place_of(file, &parser->problem_mark);
    if (strcmp(problem, "found character that cannot start any token") == 0) {
        return fail_at(MANSIO_E_INVALID, at,
                       "YAML: found a character that can't begin a value (a tab?), expected "
                       "spaces, or quotes around it");
    }
    if (parser->context == NULL) {
        return fail_at(MANSIO_E_INVALID, at, "YAML: %s", problem);
    }
    return fail_at(MANSIO_E_INVALID, at, "YAML: %s, %s that begins at line %zu, column %zu",
                   problem, parser->context, parser->context_mark.line + 1,
                   parser->context_mark.column + 1);
}

static int read_events(struct reader *reader, struct mansio_str bytes, yaml_parser_t *parser)
{
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            return syntax_error(reader->file, bytes, parser);
        }
        int is_end = event.type == YAML_STREAM_END_EVENT;
        int result = on_event(reader, &event);
        yaml_event_delete(&event);
        if (result < 0 || is_end) {
            return result;
        }
    }
}

int core_yaml_parse(struct mansio_arena *arena, const struct core_file *file,
                    struct mansio_str bytes, size_t *nodes_left, struct core_node **out)
{
    /* Editors put a byte order mark first; libyaml would count it as a column. */
    if (mansio_str_starts(bytes, MANSIO_STR("\xEF\xBB\xBF"))) {
        bytes = mansio_str_sub(bytes, 3, SIZE_MAX);
    }
    int result = check_bytes(file, bytes);
    if (result < 0) {
        return result;
    }
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        return mansio_fail(MANSIO_E_LIMIT, "%s: no memory for a YAML parser", file->path);
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(bytes.ptr ? bytes.ptr : ""),
                                 bytes.len);
    struct mansio_arena *temporary = mansio_arena_new(NULL, "yaml keys", 0);
    struct reader reader = {.arena = arena,
                            .file = file,
                            .nodes_left = nodes_left,
                            .keys = mansio_map_new(temporary, CORE_YAML_NODES_MAX)};
    result = read_events(&reader, bytes, &parser);
    if (result == 0 && (reader.root == NULL || core_node_is_null(reader.root))) {
        struct core_place top = {.file = file, .line = 1, .column = 1};
        result = new_node(&reader, CORE_NODE_MAP, top, &reader.root);
    }
    mansio_arena_free(temporary);
    yaml_parser_delete(&parser);
    if (result == 0) {
        *out = reader.root;
    }
    return result;
}

const struct core_node *core_node_get(const struct core_node *map, struct mansio_str key)
{
    if (map == NULL || map->kind != CORE_NODE_MAP) {
        return NULL;
    }
    for (const struct core_node *node = map->first; node != NULL; node = node->next) {
        if (mansio_str_eq(node->key->text, key)) {
            return node;
        }
    }
    return NULL;
}

int core_node_is_null(const struct core_node *node)
{
    return node->kind == CORE_NODE_TEXT && !node->is_quoted &&
           (node->text.len == 0 || mansio_str_eq(node->text, MANSIO_STR("~")) ||
            mansio_str_eq(node->text, MANSIO_STR("null")));
}

struct core_place core_node_place(const struct core_node *node)
{
    return node->key != NULL ? node->key->at : node->at;
}

const char *core_node_describe(const struct core_node *node)
{
    if (node->kind == CORE_NODE_LIST) {
        return "a list";
    }
    if (node->kind == CORE_NODE_MAP) {
        return "a section";
    }
    return core_node_is_null(node) ? "nothing" : "text";
}

/* One node against the other, what is below them left out. */
static int says_same(const struct core_node *a, const struct core_node *b)
{
    return a->kind == b->kind && a->count == b->count && mansio_str_eq(a->text, b->text) &&
           (a->kind != CORE_NODE_TEXT || core_node_is_null(a) == core_node_is_null(b)) &&
           (a->key == NULL) == (b->key == NULL) &&
           (a->key == NULL || mansio_str_eq(a->key->text, b->key->text));
}

int core_node_eq(const struct core_node *a, const struct core_node *b)
{
    if (a == NULL || b == NULL) {
        return a == b;
    }
    const struct core_node *top = a;
    while (says_same(a, b)) {
        if (a->first != NULL) {
            a = a->first;
            b = b->first;
            continue;
        }
        while (a != top && a->next == NULL) {
            a = a->parent;
            b = b->parent;
        }
        if (a == top) {
            return 1;
        }
        a = a->next;
        b = b->next;
    }
    return 0;
}
