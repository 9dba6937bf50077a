/*
 * The list of problems, kept sorted by place: a new one that stands behind all of a full list is
 * counted and dropped.
 */
#include "core/host/problems.h"

#include <mansio/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int is_before(struct core_place a, struct core_place b)
{
    if (a.file == NULL || b.file == NULL) {
        return a.file == NULL && b.file != NULL;
    }
    if (a.file->index != b.file->index) {
        return a.file->index < b.file->index;
    }
    return a.line != b.line ? a.line < b.line : a.column < b.column;
}

/* Keep a text where its place is; a full list loses its last. */
static void keep(struct core_problems *problems, struct core_place at, const char *text)
{
    size_t slot = problems->count;
    while (slot > 0 && is_before(at, problems->places[slot - 1])) {
        slot--;
    }
    if (slot == CORE_PROBLEMS_MAX) {
        return;
    }
    size_t after = problems->count - slot;
    if (problems->count == CORE_PROBLEMS_MAX) {
        after--;
    } else {
        problems->count++;
    }
    memmove(problems->texts + slot + 1, problems->texts + slot, after * sizeof problems->texts[0]);
    memmove(problems->places + slot + 1, problems->places + slot, after * sizeof at);
    snprintf(problems->texts[slot], sizeof problems->texts[slot], "%s", text);
    problems->places[slot] = at;
}

void core_problems_add(struct core_problems *problems, struct core_place at, const char *format,
                       ...)
{
    char text[MANSIO_ERROR_DETAIL_MAX];
    int used = 0;
    if (at.file != NULL) {
        used = snprintf(text, sizeof text, "%s:%u:%u: ", at.file->path, at.line, at.column);
    }
    if (used >= 0 && (size_t)used < sizeof text) {
        va_list args;
        va_start(args, format);
        vsnprintf(text + used, sizeof text - (size_t)used, format, args);
        va_end(args);
    }
    problems->total++;
    keep(problems, at, text);
}

void core_problems_merge(struct core_problems *problems, const struct core_problems *from)
{
    problems->total += from->total;
    for (size_t i = 0; i < from->count; i++) {
        keep(problems, from->places[i], from->texts[i]);
    }
}

int core_problems_status(const struct core_problems *problems)
{
    if (problems->total == 0) {
        return 0;
    }
    return mansio_fail(MANSIO_E_INVALID, "%s", problems->texts[0]);
}
