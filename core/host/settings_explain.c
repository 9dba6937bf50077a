/*
 * A settings table as documentation: indented text as a file would be written, and Markdown. Both
 * from the table alone, so that what is printed is what is checked.
 */
#include "core/host/config.h"
#include "core/host/settings.h"

#include <mansio/buf.h>
#include <mansio/str.h>
#include <string.h>

static const char *const type_words[] = {
    [MANSIO_SETTING_BOOL] = "true or false", [MANSIO_SETTING_INT] = "number",
    [MANSIO_SETTING_SIZE] = "size",          [MANSIO_SETTING_DURATION] = "duration",
    [MANSIO_SETTING_STRING] = "text",        [MANSIO_SETTING_SECRET] = "secret",
    [MANSIO_SETTING_PATH] = "path",          [MANSIO_SETTING_LIST] = "list of texts",
    [MANSIO_SETTING_SECTION] = "section",    [MANSIO_SETTING_MAP] = "named sections",
};

/* What a row takes, with its default and flags: "number, 0 to 64 workers; default 0". */
static void print_facts(struct mansio_buf *out, const struct mansio_setting *row)
{
    char text[CORE_SETTINGS_WHY_MAX];
    if (row->type == CORE_SETTING_RAW) {
        mansio_buf_printf(out, "section, as the module says");
    } else if (row->type == MANSIO_SETTING_CHOICE) {
        core_setting_expected(row, text);
        mansio_buf_printf(out, "%s", text);
    } else {
        mansio_buf_printf(out, "%s", type_words[row->type]);
        if (core_setting_range(row, text)) {
            mansio_buf_printf(out, ", %s", text);
        } else if (row->unit != NULL) {
            mansio_buf_printf(out, ", %s", row->unit);
        }
    }
    if (row->default_text != NULL && row->default_text[0] != '\0') {
        mansio_buf_printf(out, "; default %s", row->default_text);
    }
    if ((row->flags & MANSIO_SETTING_REQUIRED) != 0) {
        mansio_buf_printf(out, "; required");
    }
    if ((row->flags & MANSIO_SETTING_LIVE) != 0) {
        mansio_buf_printf(out, "; live");
    }
}

static void print_indented(struct mansio_buf *out, const struct mansio_setting *table, size_t count,
                           unsigned depth)
{
    for (size_t i = 0; i < count && depth < 2 * CORE_SETTINGS_DEPTH_MAX; i++) {
        const struct mansio_setting *row = core_setting_row(table, i);
        int margin = (int)depth * 2;
        if (row->child_count == 0) {
            mansio_buf_printf(out, "%*s%s: ", margin, "", row->name);
            print_facts(out, row);
            mansio_buf_printf(out, "\n%*s    %s\n", margin, "", row->help);
            continue;
        }
        mansio_buf_printf(out, "%*s%s:", margin, "", row->name);
        if ((row->flags & MANSIO_SETTING_REQUIRED) != 0) {
            mansio_buf_printf(out, " required");
        }
        if ((row->flags & MANSIO_SETTING_LIVE) != 0) {
            mansio_buf_printf(out, " live");
        }
        mansio_buf_printf(out, "\n%*s    %s\n", margin, "", row->help);
        if (row->type == MANSIO_SETTING_MAP) {
            mansio_buf_printf(out, "%*s  NAME:\n", margin, "");
            print_indented(out, row->children, row->child_count, depth + 2);
        } else {
            print_indented(out, row->children, row->child_count, depth + 1);
        }
    }
}

void core_settings_explain(struct mansio_buf *out, const char *title,
                           const struct mansio_setting *table, size_t count)
{
    mansio_buf_printf(out, "# %s\n", title);
    print_indented(out, table, count, 0);
    if (count == 0) {
        mansio_buf_printf(out, "no settings\n");
    }
}
