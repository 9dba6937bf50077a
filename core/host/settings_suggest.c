/*
 * What may have been meant by an unknown name: the nearest name beside it, the place of the same
 * name elsewhere in the table, or the names that are known here. Pure.
 */
#include "core/host/settings.h"

#include <mansio/str.h>
#include <stdio.h>
#include <string.h>

enum {
    NAME_MAX_BYTES = 63, /* of a row's name, see mansio/settings.h */
    FAR = 1000,
};

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

size_t core_name_distance(struct mansio_str a, struct mansio_str b)
{
    if (a.len > NAME_MAX_BYTES || b.len > NAME_MAX_BYTES) {
        return FAR;
    }
    size_t rows[3]
               [NAME_MAX_BYTES + 1]; /* of the classic table: this one, the last, the one before */
    for (size_t j = 0; j <= b.len; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3];
        const size_t *last = rows[(i + 2) % 3];
        const size_t *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t change = last[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
            row[j] = min3(last[j] + 1, row[j - 1] + 1, change);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1] &&
                before[j - 2] + 1 < row[j]) {
                row[j] = before[j - 2] + 1;
            }
        }
    }
    return rows[a.len % 3][b.len];
}

int core_name_is_near(struct mansio_str unknown, size_t distance)
{
    return distance <= 1 + unknown.len / 4 && distance < unknown.len;
}

static const char *nearest(const struct mansio_setting *table, size_t count,
                           struct mansio_str unknown)
{
    const char *best = NULL;
    size_t best_distance = FAR;
    for (size_t i = 0; i < count; i++) {
        const char *name = core_setting_row(table, i)->name;
        size_t edits = core_name_distance(unknown, mansio_str_from_cstr(name));
        if (edits < best_distance) {
            best = name;
            best_distance = edits;
        }
    }
    return core_name_is_near(unknown, best_distance) ? best : NULL;
}

/* Where a name stands anywhere in a table: writes its dotted path. */
static int find_elsewhere(const struct mansio_setting *table, size_t count,
                          struct mansio_str unknown, unsigned depth, char *out, size_t room)
{
    for (size_t i = 0; i < count && depth < CORE_SETTINGS_DEPTH_MAX; i++) {
        const struct mansio_setting *row = core_setting_row(table, i);
        int used = snprintf(out, room, "%s", row->name);
        if (used < 0 || (size_t)used + 8 >= room) {
            continue;
        }
        if (mansio_str_eq(mansio_str_from_cstr(row->name), unknown)) {
            return 1;
        }
        if (row->child_count == 0) {
            continue;
        }
        const char *dot = row->type == MANSIO_SETTING_MAP ? ".NAME." : ".";
        size_t length = (size_t)used + strlen(dot);
        snprintf(out + used, room - (size_t)used, "%s", dot);
        if (find_elsewhere(row->children, row->child_count, unknown, depth + 1, out + length,
                           room - length)) {
            return 1;
        }
    }
    return 0;
}

void core_setting_suggest(const struct mansio_setting *root, size_t root_count,
                          const struct mansio_setting *section, size_t section_count,
                          struct mansio_str unknown, char out[CORE_SETTINGS_WHY_MAX])
{
    const char *near = nearest(section, section_count, unknown);
    if (near != NULL) {
        snprintf(out, CORE_SETTINGS_WHY_MAX, "; did you mean \"%s\"?", near);
        return;
    }
    char path[256];
    if (find_elsewhere(root, root_count, unknown, 0, path, sizeof path)) {
        const char *dot = strchr(path, '.');
        snprintf(out, CORE_SETTINGS_WHY_MAX, "; it belongs %s%s%s",
                 dot != NULL ? "at \"" : "to the top level", dot != NULL ? path : "",
                 dot != NULL ? "\"" : "");
        return;
    }
    size_t used = (size_t)snprintf(out, CORE_SETTINGS_WHY_MAX, "; known here:");
    for (size_t i = 0; i < section_count && used < 240; i++) {
        used += (size_t)snprintf(out + used, CORE_SETTINGS_WHY_MAX - used, "%s %s",
                                 i == 0 ? "" : ",", core_setting_row(section, i)->name);
    }
    if (section_count == 0) {
        snprintf(out, CORE_SETTINGS_WHY_MAX, "; none is known here");
    }
}
