/*
 * All files of a source as one tree. `instances` and `listeners` may be spread over files, entry
 * by entry; any other key stands in one place. `include` is each file's own and has been followed.
 */
#include "core/host/source.h"

#include <mansio/error.h>
#include <mansio/map.h>
#include <mansio/str.h>

static int is_spread(struct mansio_str key)
{
    return mansio_str_eq(key, MANSIO_STR("instances")) ||
           mansio_str_eq(key, MANSIO_STR("listeners"));
}

static void append(struct core_node *map, struct core_node *entry)
{
    entry->parent = map;
    entry->next = NULL;
    if (map->last == NULL) {
        map->first = entry;
    } else {
        map->last->next = entry;
    }
    map->last = entry;
    map->count++;
}

/* As core_node_get(), for one that is to be changed. */
static struct core_node *find(struct core_node *map, struct mansio_str key)
{
    struct core_node *node = map->first;
    while (node != NULL && !mansio_str_eq(node->key->text, key)) {
        node = node->next;
    }
    return node;
}

static void refuse_twice(struct core_problems *problems, const char *inside,
                         const struct core_node *second, const struct core_node *first)
{
    struct core_place before = core_node_place(first);
    char name[CORE_QUOTE_MAX];
    core_problems_add(problems, core_node_place(second),
                      "%sfound the key %s a second time; it stands at %s:%u:%u too", inside,
                      core_quote(second->key->text, name), before.file->path, before.line,
                      before.column);
}

/* Move the entries of one file's `instances` or `listeners` to those gathered. */
static int merge_entries(struct core_problems *problems, struct core_node *gathered,
                         struct core_node *more)
{
    if (gathered->kind != CORE_NODE_MAP && core_node_is_null(gathered)) {
        gathered->kind = CORE_NODE_MAP; /* "instances:" with nothing below, in an earlier file */
    }
    if (more->kind == CORE_NODE_TEXT && core_node_is_null(more)) {
        return 0;
    }
    if (more->kind != CORE_NODE_MAP) {
        core_problems_add(problems, more->at, "%.*s: found %s, expected named sections",
                          MANSIO_STR_ARG(more->key->text), core_node_describe(more));
        return 0;
    }
    if (gathered->kind != CORE_NODE_MAP) {
        return 0; /* the check of the whole will say so */
    }
    const char *inside =
        mansio_str_eq(more->key->text, MANSIO_STR("instances")) ? "instances: " : "listeners: ";
    /* There may be thousands: by a map, not by a walk for each. */
    struct mansio_arena *temporary = mansio_arena_new(NULL, "merge", 0);
    struct mansio_map *names = mansio_map_new(temporary, CORE_YAML_NODES_MAX);
    int result = 0;
    for (struct core_node *entry = gathered->first; entry != NULL && result >= 0;
         entry = entry->next) {
        result = mansio_map_put(names, entry->key->text, entry);
    }
    struct core_node *entry = more->first;
    while (entry != NULL && result >= 0) {
        struct core_node *next = entry->next;
        const struct core_node *before = mansio_map_get(names, entry->key->text);
        if (before != NULL) {
            refuse_twice(problems, inside, entry, before);
        } else {
            append(gathered, entry);
        }
        entry = next;
    }
    mansio_arena_free(temporary);
    return result < 0 ? result : 0;
}

static int merge_file(struct core_problems *problems, struct core_node *root,
                      struct core_node *more)
{
    struct core_node *entry = more->first;
    int result = 0;
    while (entry != NULL && result == 0) {
        struct core_node *next = entry->next;
        struct core_node *before = find(root, entry->key->text);
        if (before == NULL) {
            append(root, entry);
        } else if (is_spread(entry->key->text)) {
            result = merge_entries(problems, before, entry);
        } else if (!mansio_str_eq(entry->key->text, MANSIO_STR("include"))) {
            refuse_twice(problems, "", entry, before);
        }
        entry = next;
    }
    return result;
}

int core_source_merge(struct mansio_arena *arena, const struct core_source *source,
                      struct core_problems *problems, struct core_node **out)
{
    size_t nodes_left = CORE_YAML_NODES_MAX;
    struct core_node *root = NULL;
    for (size_t i = 0; i < source->file_count; i++) {
        const struct core_source_file *file = &source->files[i];
        struct core_node *more = NULL;
        int result = core_yaml_parse(arena, &file->name, file->bytes, &nodes_left, &more);
        if (result < 0) {
            return result;
        }
        if (more->kind != CORE_NODE_MAP) {
            core_problems_add(problems, more->at,
                              "found %s, expected settings such as \"listeners:\"",
                              core_node_describe(more));
            size_t one = 1;
            result = core_yaml_parse(arena, &file->name, MANSIO_STR(""), &one, &more);
            if (result < 0) {
                return result;
            }
        }
        if (root == NULL) {
            root = more;
        } else {
            result = merge_file(problems, root, more);
        }
        if (result < 0) {
            return result;
        }
    }
    MANSIO_ASSERT(root != NULL);
    *out = root;
    return 0;
}
