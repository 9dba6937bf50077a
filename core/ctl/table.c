/*
 * Tables for terminals. Owns the escaped text of the cells (in the caller's arena) and the widths
 * of the columns; knows nothing of JSON, sockets or what the figures mean.
 */
#include "core/ctl/table.h"

#include "core/ctl/text.h"
#include <mansio/error.h>
#include <mansio/str.h>

enum {
    COLUMNS_MAX = 16,
    CELL_MAX = 4096, /* a cell's escaped bytes; longer text is cut */
    GAP = 2,
};

struct cell {
    struct cell *next;
    struct mansio_str text;
    size_t width;
};

struct core_ctl_table {
    struct mansio_arena *arena;
    const struct core_ctl_column *columns;
    size_t column_count;
    size_t cell_count;
    size_t widths[COLUMNS_MAX];
    struct cell *first;
    struct cell **last;
};

struct core_ctl_table *core_ctl_table_new(struct mansio_arena *arena,
                                          const struct core_ctl_column *columns, size_t count)
{
    MANSIO_ASSERT(count > 0 && count <= COLUMNS_MAX);
    struct core_ctl_table *table = mansio_arena_alloc(arena, sizeof(*table));
    table->arena = arena;
    table->columns = columns;
    table->column_count = count;
    table->last = &table->first;
    for (size_t i = 0; i < count; i++) {
        table->widths[i] = core_ctl_width(mansio_str_from_cstr(columns[i].title));
    }
    return table;
}

/* Escape into the table's arena; what would be too long ends in "...". */
static int escape(struct core_ctl_table *table, struct mansio_str text, struct mansio_str *out)
{
    MANSIO_SCRATCH_BEGIN(scratch);
    struct mansio_buf *buf = mansio_buf_new(scratch, CELL_MAX);
    core_ctl_escape(buf, text.len == 0 ? MANSIO_STR("-") : text);
    int is_cut = mansio_buf_status(buf) < 0;
    struct mansio_str escaped = mansio_buf_str(buf);
    int rc = mansio_arena_printf(table->arena, out, "%.*s%s", MANSIO_STR_ARG(escaped),
                                 is_cut ? "..." : "");
    MANSIO_SCRATCH_END(scratch);
    return rc;
}

int core_ctl_table_add(struct core_ctl_table *table, struct mansio_str text)
{
    struct cell *cell = mansio_arena_try_alloc(table->arena, sizeof(*cell));
    if (cell == NULL) {
        return MANSIO_E_LIMIT;
    }
    int rc = escape(table, text, &cell->text);
    if (rc < 0) {
        return rc;
    }
    cell->width = core_ctl_width(cell->text);
    size_t *width = &table->widths[table->cell_count % table->column_count];
    if (cell->width > *width) {
        *width = cell->width;
    }
    *table->last = cell;
    table->last = &cell->next;
    table->cell_count++;
    return 0;
}

static void spaces(struct mansio_buf *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mansio_buf_add_char(out, ' ');
    }
}

/* One cell with what aligns it. The last of a line gets nothing behind it. */
static void print_cell(const struct core_ctl_table *table, struct mansio_buf *out, size_t column,
                       struct mansio_str text, size_t width)
{
    size_t fill = table->widths[column] - width;
    int is_last = column + 1 == table->column_count;
    if (table->columns[column].is_right) {
        spaces(out, fill);
    }
    mansio_buf_add(out, text);
    if (is_last) {
        mansio_buf_add_char(out, '\n');
        return;
    }
    spaces(out, GAP + (table->columns[column].is_right ? 0 : fill));
}

void core_ctl_table_print(const struct core_ctl_table *table, struct mansio_buf *out)
{
    MANSIO_ASSERT(table->cell_count % table->column_count == 0);
    for (size_t i = 0; i < table->column_count; i++) {
        struct mansio_str title = mansio_str_from_cstr(table->columns[i].title);
        print_cell(table, out, i, title, core_ctl_width(title));
    }
    size_t column = 0;
    for (const struct cell *cell = table->first; cell != NULL; cell = cell->next) {
        print_cell(table, out, column, cell->text, cell->width);
        column = (column + 1) % table->column_count;
    }
}
