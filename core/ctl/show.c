/*
 * Answers made into tables and lists. Knows members by the caller's rows alone, so that an older
 * mansioctl shows what it knows of a newer daemon's answer, and "-" for what isn't there.
 */
#include "core/ctl/show.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/ctl/table.h"
#include "core/ctl/text.h"
#include <mansio/error.h>
#include <mansio/str.h>

enum {
    FIELDS_MAX = 16,
    VALUE_MAX = 4096,
};

static void show_text(struct mansio_buf *out, const json_t *value)
{
    mansio_buf_add(out, (struct mansio_str){json_string_value(value), json_string_length(value)});
}

/* "2026-11-22T01:02:03.456789Z" without the fraction, which only machines want. */
static void show_time(struct mansio_buf *out, const json_t *value)
{
    struct mansio_str text = {json_string_value(value), json_string_length(value)};
    ptrdiff_t dot = mansio_str_find_char(text, '.');
    if (dot < 0) {
        mansio_buf_add(out, text);
        return;
    }
    mansio_buf_add(out, mansio_str_sub(text, 0, (size_t)dot));
    mansio_buf_add_char(out, 'Z');
}

static void show_list(struct mansio_buf *out, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (i > 0) {
            mansio_buf_add_char(out, ' ');
        }
        if (json_is_string(json_array_get(value, i))) {
            show_text(out, json_array_get(value, i));
        }
    }
}

void core_ctl_show_value(struct mansio_buf *out, const json_t *object, const char *key,
                         uint32_t kind)
{
    const json_t *value = json_object_get(object, key);
    if (kind == CORE_CTL_TEXT && json_is_string(value)) {
        show_text(out, value);
    } else if (kind == CORE_CTL_TIME && json_is_string(value)) {
        show_time(out, value);
    } else if (kind == CORE_CTL_COUNT && json_is_integer(value)) {
        mansio_buf_printf(out, "%" PRId64, (int64_t)json_integer_value(value));
    } else if (kind == CORE_CTL_DURATION && json_is_number(value)) {
        double seconds = json_number_value(value);
        core_ctl_duration(out, seconds > 0 && seconds < 1e15 ? (int64_t)seconds : 0);
    } else if (kind == CORE_CTL_BYTES && json_is_integer(value) && json_integer_value(value) >= 0) {
        core_ctl_bytes(out, (uint64_t)json_integer_value(value));
    } else if (kind == CORE_CTL_LIST && json_is_array(value)) {
        show_list(out, value);
    } else if (kind == CORE_CTL_YES && json_is_boolean(value)) {
        mansio_buf_add(out, json_is_true(value) ? MANSIO_STR("yes") : MANSIO_STR("no"));
    }
}

static int add_row(struct core_ctl_table *table, const struct core_ctl_field *fields,
                   size_t field_count, const json_t *row)
{
    int rc = 0;
    MANSIO_SCRATCH_BEGIN(scratch);
    struct mansio_buf *cell = mansio_buf_new(scratch, VALUE_MAX);
    for (size_t i = 0; rc == 0 && i < field_count; i++) {
        mansio_buf_reset(cell);
        core_ctl_show_value(cell, row, fields[i].key, fields[i].kind);
        rc = core_ctl_table_add(table, mansio_buf_str(cell));
    }
    MANSIO_SCRATCH_END(scratch);
    return rc;
}

int core_ctl_show_rows(struct core_ctl *ctl, struct mansio_buf *out,
                       const struct core_ctl_field *fields, size_t field_count, const json_t *rows)
{
    MANSIO_ASSERT(field_count <= FIELDS_MAX);
    struct mansio_arena *arena = mansio_arena_new(ctl->arena, "ctl.table", 0);
    struct core_ctl_column *columns = mansio_arena_alloc(arena, field_count * sizeof(*columns));
    for (size_t i = 0; i < field_count; i++) {
        columns[i].title = fields[i].title;
        columns[i].is_right = fields[i].kind == CORE_CTL_COUNT ||
                              fields[i].kind == CORE_CTL_DURATION ||
                              fields[i].kind == CORE_CTL_BYTES;
    }
    struct core_ctl_table *table = core_ctl_table_new(arena, columns, field_count);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < json_array_size(rows); i++) {
        rc = add_row(table, fields, field_count, json_array_get(rows, i));
    }
    if (rc == 0) {
        core_ctl_table_print(table, out);
        rc = mansio_buf_status(out);
    }
    mansio_arena_free(arena);
    if (rc < 0) {
        core_ctl_error(ctl, "the answer is too large to show; --json has it");
        return CORE_CTL_FAILED;
    }
    return CORE_CTL_OK;
}

void core_ctl_show_object(struct mansio_buf *out, const struct core_ctl_field *fields,
                          size_t field_count, const json_t *object)
{
    size_t width = 0;
    for (size_t i = 0; i < field_count; i++) {
        size_t len = strlen(fields[i].title);
        width = len > width ? len : width;
    }
    for (size_t i = 0; i < field_count; i++) {
        MANSIO_SCRATCH_BEGIN(scratch);
        struct mansio_buf *value = mansio_buf_new(scratch, VALUE_MAX);
        core_ctl_show_value(value, object, fields[i].key, fields[i].kind);
        if (mansio_buf_str(value).len > 0) {
            mansio_buf_printf(out, "%-*s  ", (int)width, fields[i].title);
            core_ctl_escape(out, mansio_buf_str(value));
            mansio_buf_add_char(out, '\n');
        }
        MANSIO_SCRATCH_END(scratch);
    }
}

int core_ctl_show_json(struct core_ctl *ctl, const json_t *value)
{
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    if (text == NULL) {
        core_ctl_error(ctl, "no memory for the answer");
        return CORE_CTL_FAILED;
    }
    int rc = core_ctl_write(ctl, mansio_str_from_cstr(text));
    free(text);
    return rc == CORE_CTL_OK ? core_ctl_write(ctl, MANSIO_STR("\n")) : rc;
}
