/*
 * YAML as a tree of nodes, each with file, line and column, read from libyaml's events under hard
 * bounds. What makes configuration surprising is refused: anchors, aliases, tags, several
 * documents, a key given twice, keys that are not text. Texts stay as written; what they mean is
 * decided by a settings table (settings_check.c). Pure: no I/O.
 */
#ifndef MANSIO_CORE_HOST_YAML_H
#define MANSIO_CORE_HOST_YAML_H

#include <mansio/arena.h>
#include <mansio/base.h>

enum {
    CORE_YAML_BYTES_MAX = 1024 * 1024, /* a file */
    CORE_YAML_NODES_MAX = 65536,       /* a whole configuration */
    CORE_YAML_DEPTH_MAX = 16,
    CORE_YAML_TEXT_MAX = 65535, /* bytes of one text */
    CORE_YAML_KEY_MAX = 255,    /* bytes of one key */
};

/* A file that nodes come from. */
struct core_file {
    const char *path; /* as messages show it */
    const char *dir;  /* absolute: what relative paths in it are relative to */
    uint32_t index;   /* order of reading: messages are sorted by it */
};

/* Where something stands; line and column count characters from 1. file NULL: nowhere. */
struct core_place {
    const struct core_file *file;
    uint32_t line, column;
};

enum core_node_kind {
    CORE_NODE_TEXT = 1,
    CORE_NODE_LIST = 2,
    CORE_NODE_MAP = 3,
};

struct core_node {
    uint32_t kind;      /* enum core_node_kind */
    uint32_t is_quoted; /* TEXT: quoted or a block text, so never a number, a word or nothing */
    struct core_place at;
    struct mansio_str text;                /* TEXT: a NUL follows, none is inside */
    const struct core_node *key;           /* an entry of a MAP: its key, a TEXT; else NULL */
    struct core_node *parent;              /* NULL for the root */
    struct core_node *first, *last, *next; /* items or entries, in the file's order */
    size_t count;                          /* of items or entries */
};

/**
 * Read one document. An empty one gives an empty MAP.
 *
 * @param file        must live as long as the nodes
 * @param bytes       need not outlive the call
 * @param nodes_left  in: how many nodes may be made; out: less those that were
 * @param out         the root
 * @return 0; MANSIO_E_INVALID or MANSIO_E_LIMIT with "path:line:column: found, expected"
 */
MANSIO_MUST_CHECK int core_yaml_parse(struct mansio_arena *arena, const struct core_file *file,
                                      struct mansio_str bytes, size_t *nodes_left,
                                      struct core_node **out);

/* The entry of a MAP under a key, or NULL; NULL for a node that is none. */
const struct core_node *core_node_get(const struct core_node *map, struct mansio_str key);

/* 1 if the node says nothing: an empty plain text, "~" or "null". */
int core_node_is_null(const struct core_node *node);

/* Where people look for a node: its key if it has one. */
struct core_place core_node_place(const struct core_node *node);

/* "a list", "text", "nothing": for messages. Never the content. */
const char *core_node_describe(const struct core_node *node);

/* 1 if both trees say the same (places and quoting aside). */
int core_node_eq(const struct core_node *a, const struct core_node *b);

#endif
