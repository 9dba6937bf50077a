/*
 * LIST and LSUB (RFC 3501 6.3.8, 6.3.9), LIST with options (RFC 5258, RFC 6154), CHILDREN (RFC
 * 3348). All names of the account are looked at, of which there are at most some thousands.
 */
#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/str.h>

#include "commands.h"
#include "list_args.h"
#include "match.h"
#include "names.h"
#include "reply.h"

struct listing {
    struct imap_session *session;
    struct imap_list_args args;
    struct imap_pattern *patterns;
    struct imap_names names;
};

/* ---- which --------------------------------------------------------------------------------------
 */

static int read_patterns(struct listing *l)
{
    struct mansio_arena *arena = l->session->arena;
    l->patterns = mansio_arena_try_alloc(arena, (l->args.pattern_count + 1) * sizeof *l->patterns);
    if (l->patterns == NULL) {
        return MANSIO_E_LIMIT;
    }
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < l->args.pattern_count; i++) {
        rc = imap_pattern_read(arena, l->args.patterns[i], &l->patterns[i]);
    }
    return rc;
}

/* 0: no; 1: yes; 2: by a pattern that asks for levels of the hierarchy too. */
static int matches(const struct listing *l, struct mansio_str name)
{
    int found = 0;
    for (size_t i = 0; i < l->args.pattern_count && found < 2; i++) {
        if (imap_pattern_matches(&l->patterns[i], name)) {
            found = l->patterns[i].ends_percent ? 2 : 1;
        }
    }
    return found;
}

static int is_selected(const struct listing *l, const struct imap_name *row)
{
    uint32_t select = l->args.select;
    if (!(select & (IMAP_LIST_SUBSCRIBED | IMAP_LIST_SPECIAL_USE))) {
        return (row->flags & IMAP_NAME_EXISTS) != 0;
    }
    return (!(select & IMAP_LIST_SUBSCRIBED) || (row->flags & IMAP_NAME_SUBSCRIBED)) &&
           (!(select & IMAP_LIST_SPECIAL_USE) || imap_special_use_name(row->special_use) != NULL);
}

/* Mark what matches and what is selected; what is below counts for those above. */
static int mark(struct listing *l)
{
    int rc = read_patterns(l);
    for (size_t i = 0; rc == 0 && i < l->names.count; i++) {
        struct imap_name *row = &l->names.rows[i];
        row->flags |= matches(l, row->name) ? IMAP_NAME_MATCHES : 0;
        row->flags |= is_selected(l, row) ? IMAP_NAME_SELECTED : 0;
        rc = mansio_fiber_pace();
    }
    if (rc == 0) {
        imap_names_carry(&l->names);
    }
    return rc;
}

/* ---- LIST ----------------------------------------------------------------------------------- */

static void add_attribute(struct mansio_buf *out, const char *name, const char **space)
{
    mansio_buf_printf(out, "%s%s", *space, name);
    *space = " ";
}

static void print_name(struct listing *l, const struct imap_name *row)
{
    struct mansio_buf *out = l->session->out;
    const char *space = "";
    const char *use = imap_special_use_name(row->special_use);
    mansio_buf_add(out, MANSIO_STR("* LIST ("));
    if (!(row->flags & IMAP_NAME_EXISTS)) {
        add_attribute(out, l->args.is_extended ? "\\NonExistent" : "\\Noselect", &space);
    }
    if ((l->args.returns & IMAP_LIST_SUBSCRIBED) && (row->flags & IMAP_NAME_SUBSCRIBED)) {
        add_attribute(out, "\\Subscribed", &space);
    }
    add_attribute(out, row->flags & IMAP_NAME_ABOVE_EXISTS ? "\\HasChildren" : "\\HasNoChildren",
                  &space);
    if (use != NULL) {
        add_attribute(out, use, &space);
    }
    mansio_buf_add(out, MANSIO_STR(") \"/\" "));
    imap_reply_mailbox(out, row->name);
    if ((l->args.select & IMAP_LIST_RECURSIVEMATCH) && (row->flags & IMAP_NAME_ABOVE_SELECTED)) {
        mansio_buf_printf(out, " (\"CHILDINFO\" (%s%s%s))",
                          l->args.select & IMAP_LIST_SUBSCRIBED ? "\"SUBSCRIBED\"" : "",
                          (l->args.select & IMAP_LIST_SUBSCRIBED) &&
                                  (l->args.select & IMAP_LIST_SPECIAL_USE)
                              ? " "
                              : "",
                          l->args.select & IMAP_LIST_SPECIAL_USE ? "\"SPECIAL-USE\"" : "");
    }
    mansio_buf_add(out, MANSIO_STR("\r\n"));
}

/* A name that wasn't asked for, and is told all the same for what lies below: where the client goes
 * down level by level (RFC 3501 6.3.8, RFC 5258 3.5), or asks for such names (RFC 5258 3.1). */
static int is_told_for_others(const struct listing *l, const struct imap_name *row)
{
    if (l->args.select & IMAP_LIST_RECURSIVEMATCH) {
        return (row->flags & IMAP_NAME_ABOVE_HIDDEN) != 0;
    }
    return !(row->flags & IMAP_NAME_EXISTS) && (row->flags & IMAP_NAME_ABOVE_EXISTS) &&
           (row->flags & IMAP_NAME_ABOVE_SELECTED) && matches(l, row->name) == 2;
}

static int list_all(struct listing *l)
{
    int rc = imap_names_load(l->session, &l->names);
    rc = rc == 0 ? mark(l) : rc;
    for (size_t i = 0; rc == 0 && i < l->names.count; i++) {
        const struct imap_name *row = &l->names.rows[i];
        if ((row->flags & IMAP_NAME_MATCHES) &&
            ((row->flags & IMAP_NAME_SELECTED) || is_told_for_others(l, row))) {
            print_name(l, row);
            rc = imap_send(l->session, IMAP_OUT_FLUSH);
        }
        rc = rc == 0 ? mansio_fiber_pace() : rc;
    }
    return rc;
}

static int read_args(struct listing *l, struct imap_cursor *cursor, int may_extend)
{
    const char *expected = "";
    int rc = imap_list_parse(cursor, may_extend, &l->args, &expected);
    if (rc == MANSIO_E_INVALID) {
        imap_end_bad(l->session, cursor, expected);
    } else if (rc < 0) {
        imap_end_with(l->session, IMAP_NO, "[LIMIT] Too much of it");
    }
    return rc;
}

/* RFC 3501 6.3.8: the separator, and the root of all names, which has none. */
static int list_root(struct imap_session *session, const char *verb)
{
    imap_reply_untagged(session->out, "%s (\\Noselect) \"/\" \"\"", verb);
    return imap_end_with(session, IMAP_OK, "That is the separator");
}

static int end(struct imap_session *session, int rc, const char *words, const char *failed)
{
    return rc == 0 ? imap_end_with(session, IMAP_OK, "%s", words)
                   : imap_end_failed(session, rc, failed);
}

int imap_cmd_list(struct imap_session *session, struct imap_cursor *cursor)
{
    struct listing *l = mansio_arena_alloc(session->arena, sizeof *l);
    l->session = session;
    if (read_args(l, cursor, 1) < 0) {
        return 0;
    }
    if (l->args.is_root) {
        return list_root(session, "LIST");
    }
    return end(session, list_all(l), "These are the mailboxes", "Mailboxes can't be listed");
}

/* ---- LSUB ----------------------------------------------------------------------------------- */

static void print_subscription(struct listing *l, const struct imap_name *row)
{
    struct mansio_buf *out = l->session->out;
    mansio_buf_printf(out, "* LSUB (%s) \"/\" ",
                      row->flags & IMAP_NAME_SUBSCRIBED ? "" : "\\Noselect");
    imap_reply_mailbox(out, row->name);
    mansio_buf_add(out, MANSIO_STR("\r\n"));
}

/* RFC 3501 6.3.9: with "%", a level below which something is subscribed to is told as well, as one
 * that can't be selected, though it may be. */
static int lsub_all(struct listing *l)
{
    int rc = imap_names_load(l->session, &l->names);
    l->args.select = IMAP_LIST_SUBSCRIBED;
    rc = rc == 0 ? mark(l) : rc;
    for (size_t i = 0; rc == 0 && i < l->names.count; i++) {
        const struct imap_name *row = &l->names.rows[i];
        if ((row->flags & IMAP_NAME_MATCHES) &&
            ((row->flags & IMAP_NAME_SUBSCRIBED) ||
             ((row->flags & IMAP_NAME_ABOVE_SUBSCRIBED) && matches(l, row->name) == 2))) {
            print_subscription(l, row);
            rc = imap_send(l->session, IMAP_OUT_FLUSH);
        }
        rc = rc == 0 ? mansio_fiber_pace() : rc;
    }
    return rc;
}

int imap_cmd_lsub(struct imap_session *session, struct imap_cursor *cursor)
{
    struct listing *l = mansio_arena_alloc(session->arena, sizeof *l);
    l->session = session;
    if (read_args(l, cursor, 0) < 0) {
        return 0;
    }
    if (l->args.is_root) {
        return list_root(session, "LSUB");
    }
    return end(session, lsub_all(l), "These are subscribed to", "Subscriptions can't be listed");
}
