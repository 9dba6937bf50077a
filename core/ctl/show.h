/*
 * From JSON to what people read: which members of an answer become which columns is a table, too.
 */
#ifndef MANSIO_CORE_CTL_SHOW_H
#define MANSIO_CORE_CTL_SHOW_H

#include "core/ctl/ctl.h"
#include <jansson.h>

enum core_ctl_kind {
    CORE_CTL_TEXT = 1,     /* a string */
    CORE_CTL_COUNT = 2,    /* a number, to the right */
    CORE_CTL_DURATION = 3, /* seconds */
    CORE_CTL_YES = 4,      /* true: "yes" */
    CORE_CTL_TIME = 5,     /* RFC 3339; shown without the fraction */
    CORE_CTL_BYTES = 6,    /* a number: "1.5G", to the right */
    CORE_CTL_LIST = 7,     /* an array of strings: separated by spaces */
};

struct core_ctl_field {
    const char *title;
    const char *key;
    uint32_t kind; /* enum core_ctl_kind */
};

/* Append a member as one cell's text, unescaped; nothing if it is missing or of another type. */
void core_ctl_show_value(struct mansio_buf *out, const json_t *object, const char *key,
                         uint32_t kind);

/* Append a table of an array's objects. Returns an exit code. */
int core_ctl_show_rows(struct core_ctl *ctl, struct mansio_buf *out,
                       const struct core_ctl_field *fields, size_t field_count, const json_t *rows);

/* Append the titles and one object's values, a line each; what is missing is left out. */
void core_ctl_show_object(struct mansio_buf *out, const struct core_ctl_field *fields,
                          size_t field_count, const json_t *object);

/* Write an answer as a JSON document: ASCII alone, so that no terminal obeys a peer's bytes. */
int core_ctl_show_json(struct core_ctl *ctl, const json_t *value);

/* Room for what is shown at once: 100,000 sessions. */
#define CORE_CTL_SHOW_MAX ((size_t)256 * 1024 * 1024)

#endif
