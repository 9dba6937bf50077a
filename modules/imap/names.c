/*
 * Names of mailboxes in their hierarchy: see names.h. Levels above need not exist in the store:
 * here they are made up.
 */
#include "names.h"

#include <stdlib.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/store.h>
#include <mansio/str.h>

#include "session.h"

enum { ROOM_FIRST = 64 };

static const struct {
    uint32_t use;
    const char *name;
} special_uses[] = {
    {MANSIO_SPECIAL_DRAFTS, "\\Drafts"},   {MANSIO_SPECIAL_SENT, "\\Sent"},
    {MANSIO_SPECIAL_JUNK, "\\Junk"},       {MANSIO_SPECIAL_TRASH, "\\Trash"},
    {MANSIO_SPECIAL_ARCHIVE, "\\Archive"},
};

const char *imap_special_use_name(uint32_t special_use)
{
    for (size_t i = 0; i < MANSIO_COUNT(special_uses); i++) {
        if (special_uses[i].use == special_use) {
            return special_uses[i].name;
        }
    }
    return NULL;
}

uint32_t imap_special_use_find(struct mansio_str attribute)
{
    for (size_t i = 0; i < MANSIO_COUNT(special_uses); i++) {
        if (mansio_str_ieq(attribute, mansio_str_from_cstr(special_uses[i].name))) {
            return special_uses[i].use;
        }
    }
    return 0;
}

/* ---- gathering ------------------------------------------------------------------------------ */

static struct imap_name *new_row(struct imap_names *names)
{
    if (names->count == names->room) {
        size_t room = names->room > 0 ? 2 * names->room : ROOM_FIRST;
        struct imap_name *rows = mansio_arena_try_alloc(names->arena, room * sizeof *rows);
        if (rows == NULL) {
            names->status = MANSIO_E_LIMIT;
            return NULL;
        }
        if (names->count > 0) {
            memcpy(rows, names->rows, names->count * sizeof *rows);
        }
        names->rows = rows;
        names->room = room;
    }
    return &names->rows[names->count++];
}

void imap_names_add(struct imap_names *names, struct mansio_str name, uint32_t flags,
                    uint32_t special_use)
{
    struct mansio_str copy = MANSIO_STR_NONE;
    if (names->status < 0 || (names->status = mansio_arena_copy(names->arena, name, &copy)) < 0) {
        return;
    }
    struct imap_name *row = new_row(names);
    if (row != NULL) {
        *row = (struct imap_name){.name = copy, .flags = flags, .special_use = special_use};
    }
}

/* ---- the hierarchy -------------------------------------------------------------------------- */

/* Level by level: the separator comes before every other byte. */
static int compare(const void *a, const void *b)
{
    const struct imap_name *left = a;
    const struct imap_name *right = b;
    size_t both = left->name.len < right->name.len ? left->name.len : right->name.len;
    for (size_t i = 0; i < both; i++) {
        unsigned char l = (unsigned char)left->name.ptr[i];
        unsigned char r = (unsigned char)right->name.ptr[i];
        if (l != r) {
            return l == '/' ? -1 : r == '/' ? 1 : l < r ? -1 : 1;
        }
    }
    return left->name.len < right->name.len ? -1 : left->name.len > right->name.len;
}

static int is_above(struct mansio_str name, struct mansio_str other)
{
    return other.len > name.len && other.ptr[name.len] == '/' && mansio_str_starts(other, name);
}

/* The levels of a name below @p parent that aren't there yet, then the name itself. */
static void add_levels(struct imap_names *out, const struct imap_name *row, size_t parent)
{
    size_t from = parent == SIZE_MAX ? 0 : out->rows[parent].name.len + 1;
    for (size_t i = from; i <= row->name.len && out->status == 0; i++) {
        if (i < row->name.len && row->name.ptr[i] != '/') {
            continue;
        }
        struct imap_name *added = new_row(out);
        if (added == NULL) {
            return;
        }
        *added = i == row->name.len ? *row : (struct imap_name){.name = {row->name.ptr, i}};
        added->parent = parent;
        parent = out->count - 1;
    }
}

int imap_names_arrange(struct imap_names *names)
{
    struct imap_names out = {.arena = names->arena};
    if (names->status < 0) {
        return mansio_fail(names->status, "more names than there is room for");
    }
    if (names->count > 0) {
        qsort(names->rows, names->count, sizeof *names->rows, compare);
    }
    for (size_t i = 0; i < names->count; i++) {
        const struct imap_name *row = &names->rows[i];
        size_t last = out.count > 0 ? out.count - 1 : SIZE_MAX;
        if (last != SIZE_MAX && mansio_str_eq(out.rows[last].name, row->name)) {
            out.rows[last].flags |= row->flags;
            out.rows[last].special_use |= row->special_use;
            continue;
        }
        while (last != SIZE_MAX && !is_above(out.rows[last].name, row->name)) {
            last = out.rows[last].parent;
        }
        add_levels(&out, row, last);
    }
    *names = out;
    return out.status < 0 ? mansio_fail(out.status, "more names than there is room for") : 0;
}

void imap_names_carry(struct imap_names *names)
{
    for (size_t i = names->count; i > 0; i--) {
        const struct imap_name *row = &names->rows[i - 1];
        if (row->parent == SIZE_MAX) {
            continue;
        }
        uint32_t up = row->flags & (IMAP_NAME_ABOVE_EXISTS | IMAP_NAME_ABOVE_SUBSCRIBED |
                                    IMAP_NAME_ABOVE_SELECTED | IMAP_NAME_ABOVE_HIDDEN);
        up |= row->flags & IMAP_NAME_EXISTS ? IMAP_NAME_ABOVE_EXISTS : 0;
        up |= row->flags & IMAP_NAME_SUBSCRIBED ? IMAP_NAME_ABOVE_SUBSCRIBED : 0;
        if (row->flags & IMAP_NAME_SELECTED) {
            up |= IMAP_NAME_ABOVE_SELECTED;
            up |= row->flags & IMAP_NAME_MATCHES ? 0 : IMAP_NAME_ABOVE_HIDDEN;
        }
        names->rows[row->parent].flags |= up;
    }
}

/* ---- from the store ------------------------------------------------------------------------- */

static int note_collection(void *arg, const struct mansio_collection *collection)
{
    imap_names_add(arg, collection->name, IMAP_NAME_EXISTS, collection->special_use);
    return 0;
}

static int note_subscription(void *arg, struct mansio_str name)
{
    imap_names_add(arg, name, IMAP_NAME_SUBSCRIBED, 0);
    return 0;
}

int imap_names_load(struct imap_session *session, struct imap_names *out)
{
    int64_t deadline_us = imap_store_deadline(session);
    *out = (struct imap_names){.arena = session->arena};
    int rc = session->store->collection_list(
        session->pool, session->account, MANSIO_COLLECTION_MAIL, note_collection, out, deadline_us);
    if (rc == 0) {
        rc = session->store->subscription_list(session->pool, session->account, note_subscription,
                                               out, deadline_us);
    }
    return rc == 0 ? imap_names_arrange(out) : rc;
}
