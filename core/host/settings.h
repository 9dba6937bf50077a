/*
 * Settings from the inside: the values that accessors read, and the steps that make them of nodes
 * and tables. Public are <mansio/settings.h> (reading) and config.h (checking).
 */
#ifndef MANSIO_CORE_HOST_SETTINGS_H
#define MANSIO_CORE_HOST_SETTINGS_H

#include "core/base/export.h"
#include "core/host/problems.h"
#include "core/host/yaml.h"
#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/settings.h>

enum {
    CORE_SETTING_RAW = 64, /* a type of the core's own table: the node itself, checked later */
    CORE_SETTINGS_DEPTH_MAX = 8,     /* sections within sections */
    CORE_SETTINGS_ROWS_MAX = 256,    /* rows of a table */
    CORE_SETTINGS_ITEMS_MAX = 10000, /* items of a list, sections of a map, if the row says none */
    CORE_SETTINGS_PATH_MAX = 4095,
    CORE_SETTINGS_WHY_MAX = 400, /* "found X, expected Y" */
};

struct core_source;

/* Values hold copies: they outlive the nodes that they were made of, all but a RAW's. */
struct core_item {
    struct mansio_str text;
    struct core_place at;
};

struct core_value {
    int is_set;                        /* the file says it, else it is the default */
    int is_bad;                        /* the file says something else than the table allows */
    struct core_place at;              /* if set */
    const struct core_node *raw;       /* RAW: lives with the configuration */
    int64_t number;                    /* BOOL, INT, SIZE, DURATION, CHOICE */
    struct mansio_str text;            /* STRING, PATH, CHOICE */
    struct mansio_secret *secret;      /* SECRET */
    size_t count;                      /* LIST, MAP */
    struct core_item *items;           /* LIST */
    struct mansio_settings **sections; /* SECTION: one; MAP: count */
};

struct mansio_settings {
    const struct mansio_setting *table;
    size_t row_count;
    struct mansio_str key;  /* of a MAP: its name in the file */
    struct mansio_str path; /* "listeners.imap", from the table's root; empty for the root */
    struct core_place at;
    struct core_value *values; /* one a row */
};

/* A table's stride is the size that its author's headers had. */
static inline const struct mansio_setting *core_setting_row(const struct mansio_setting *table,
                                                            size_t index)
{
    return (const struct mansio_setting *)(const void *)((const char *)table + index * table->size);
}

/* ---- values as text (settings_value.c): pure ---- */

/* "64K", "10M". 0; MANSIO_E_INVALID; MANSIO_E_LIMIT beyond int64_t. */
CORE_EXPORT MANSIO_MUST_CHECK int core_size_parse(struct mansio_str text, int64_t *out);
/* "10ms", "5m", "0". As above, and MANSIO_E_UNSUPPORTED for a number without a unit. */
MANSIO_MUST_CHECK int core_duration_parse(struct mansio_str text, int64_t *out_us);
/* With the largest unit that divides it. */
enum { CORE_VALUE_TEXT_MAX = 32 };
void core_size_print(int64_t bytes, char out[CORE_VALUE_TEXT_MAX]);
void core_duration_print(int64_t us, char out[CORE_VALUE_TEXT_MAX]);

/* Quoted for messages: at most 40 bytes, what can't be printed escaped. */
enum { CORE_QUOTE_MAX = 192 };
const char *core_quote(struct mansio_str text, char out[CORE_QUOTE_MAX]);

/* A BOOL, INT, SIZE, DURATION, STRING or CHOICE made of its text: fills number and text.
 * MANSIO_E_INVALID with "found X, expected Y" in @p why. */
MANSIO_MUST_CHECK int core_scalar_check(const struct mansio_setting *row, struct mansio_str text,
                                        int is_quoted, struct core_value *value,
                                        char why[CORE_SETTINGS_WHY_MAX]);

/* What a row takes, "1 to 64 workers", "a list of texts": for messages and documentation. */
void core_setting_expected(const struct mansio_setting *row, char out[CORE_SETTINGS_WHY_MAX]);

/* "1 to 64 workers"; 0, nothing written, if the range is the type's own. */
int core_setting_range(const struct mansio_setting *row, char out[CORE_SETTINGS_WHY_MAX]);

/* ---- unknown names (settings_suggest.c): pure ---- */

/* A remark on an unknown name among @p section's rows: '; did you mean "x"?' or the names known,
 * or where in @p root the name stands. */
void core_setting_suggest(const struct mansio_setting *root, size_t root_count,
                          const struct mansio_setting *section, size_t section_count,
                          struct mansio_str unknown, char out[CORE_SETTINGS_WHY_MAX]);

/* Edits from one name to another: a letter more, less, another, or two neighbours swapped. */
CORE_EXPORT size_t core_name_distance(struct mansio_str a, struct mansio_str b);

/* Is a name at that distance worth a guess? A third of the letters may differ; of a short name
 * one. */
CORE_EXPORT int core_name_is_near(struct mansio_str unknown, size_t distance);

/* ---- checking (settings_check.c, settings_table.c) ---- */

/**
 * Make values of a node; what is wrong is added to @p problems, and the default stands for it.
 *
 * @param source  has the secrets; NULL: a SECRET given as {file:} or {env:} is a problem
 * @param node    a section; NULL: only defaults
 * @param where   for what is missing, if @p node is NULL; may be NULL
 * @param out     set whenever 0 is returned, also with problems
 * @return 0; MANSIO_E_LIMIT past the arena's cap
 */
MANSIO_MUST_CHECK int core_settings_make(
    struct mansio_arena *arena, const struct core_source *source, struct core_problems *problems,
    const struct core_node *node, const struct core_node *where, const struct mansio_setting *table,
    size_t count, struct mansio_settings **out);

/* core_settings_table_check() that also takes the core's own types. */
MANSIO_MUST_CHECK int core_settings_table_check_core(const struct mansio_setting *table,
                                                     size_t count);

/* ---- reading beside the public accessors ---- */

/* A value by name and type; what the accessors stand on. Never NULL. */
const struct core_value *core_settings_value(const struct mansio_settings *settings,
                                             const char *name, uint32_t types);
/* The node of a RAW; NULL if the file says nothing. */
const struct core_node *core_settings_node(const struct mansio_settings *settings,
                                           const char *name);
/* Where a value stands, or its section if it is the default. */
struct core_place core_settings_place(const struct mansio_settings *settings, const char *name);
/* Where an item of a LIST stands. */
struct core_place core_settings_item_place(const struct mansio_settings *settings, const char *name,
                                           size_t index);

#endif
