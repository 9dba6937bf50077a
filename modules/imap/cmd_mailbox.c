/*
 * CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 6.3.3 to 6.3.7), CREATE with a special
 * use (RFC 6154 3). What the store refuses is worded here, with the codes of RFC 5530.
 */
#include <mansio/error.h>
#include <mansio/str.h>

#include "commands.h"
#include "names.h"
#include "view.h"

/* What a name can't be is no mistake of grammar: NO. Of what isn't worded here, the class decides.
 */
static int refuse(struct imap_session *session, int rc, const char *failed)
{
    switch (rc) {
    case MANSIO_E_EXISTS:
        return imap_end_with(session, IMAP_NO, "[ALREADYEXISTS] There is one of that name");
    case MANSIO_E_NOT_FOUND:
        return imap_end_with(session, IMAP_NO, "[NONEXISTENT] There is no such mailbox");
    case MANSIO_E_INVALID:
        return imap_end_with(session, IMAP_NO, "[CANNOT] No mailbox can have that name");
    case MANSIO_E_LIMIT:
        return imap_end_with(session, IMAP_NO, "[LIMIT] No more mailboxes, or none so large");
    case MANSIO_E_DENIED:
        return imap_end_with(session, IMAP_NO, "[CANNOT] Not with INBOX");
    default:
        return imap_end_failed(session, rc, failed);
    }
}

/* A name that ends the command. @return 0, or what imap_parse_mailbox() says, and then it is
 * answered */
static int parse_name(struct imap_session *session, struct imap_cursor *cursor,
                      struct mansio_str *out)
{
    struct mansio_str text;
    int rc = imap_parse_space(cursor);
    struct imap_cursor ahead = *cursor;
    rc = rc == 0 ? imap_parse_mailbox(cursor, out) : rc;
    if (rc < 0 && ahead.at != cursor->begin && imap_parse_astring(&ahead, &text) == 0) {
        refuse(session, MANSIO_E_INVALID, ""); /* a string, but no name */
        return rc;
    }
    if (rc < 0) {
        imap_end_bad(session, cursor, "a mailbox's name");
    }
    return rc;
}

static int parse_only_name(struct imap_session *session, struct imap_cursor *cursor,
                           struct mansio_str *out)
{
    int rc = parse_name(session, cursor, out);
    if (rc == 0 && imap_parse_end(cursor) < 0) {
        rc = MANSIO_E_INVALID;
        imap_end_bad(session, cursor, "nothing more");
    }
    return rc;
}

static int find(struct imap_session *session, struct mansio_str name, struct mansio_collection *out)
{
    *out = (struct mansio_collection){.size = sizeof *out};
    return session->store->collection_find(session->pool, session->account, name, session->arena,
                                           imap_store_deadline(session), out);
}

/* ---- CREATE --------------------------------------------------------------------------------- */

static int create(struct imap_session *session, struct mansio_str name, uint32_t use,
                  uint64_t *out_id)
{
    return session->store->collection_create(session->pool, session->account,
                                             MANSIO_COLLECTION_MAIL, name, use,
                                             imap_store_deadline(session), out_id);
}

/* The levels above a name that aren't there, as RFC 3501 6.3.3 and 6.3.5 wish it. They come behind
 * what was asked for, which needs none of them and has been done: so what fails here fails nothing.
 */
static void create_above(struct imap_session *session, struct mansio_str name)
{
    int rc = 0;
    for (size_t i = 1; (rc == 0 || rc == MANSIO_E_EXISTS) && i < name.len; i++) {
        uint64_t id;
        if (name.ptr[i] == '/') {
            rc = create(session, mansio_str_sub(name, 0, i), MANSIO_SPECIAL_NONE, &id);
        }
    }
}

/* "USE" SP "(" attributes ")". @param out  0: one that can't be given, or more than one */
static int parse_use(struct imap_cursor *cursor, uint32_t *out)
{
    size_t count = 0;
    *out = MANSIO_SPECIAL_NONE;
    int rc = imap_parse_word(cursor, MANSIO_STR("USE")) ? 0 : MANSIO_E_INVALID;
    rc = rc == 0 ? imap_parse_space(cursor) : rc;
    rc = rc == 0 ? imap_parse_char(cursor, '(') : rc;
    while (rc == 0 && !imap_parse_sees(cursor, ')')) {
        struct mansio_str word = MANSIO_STR_NONE;
        const char *begin = cursor->at;
        rc = imap_parse_char(cursor, '\\');
        rc = rc == 0 ? imap_parse_atom(cursor, &word) : rc;
        if (rc == 0) {
            *out = ++count > 1 ? 0
                               : imap_special_use_find(
                                     (struct mansio_str){begin, (size_t)(cursor->at - begin)});
        }
        if (rc == 0 && !imap_parse_sees(cursor, ')')) {
            rc = imap_parse_space(cursor);
        }
    }
    return rc == 0 ? imap_parse_char(cursor, ')') : rc;
}

/* What follows the name: nothing, or " (USE (\Sent))" (RFC 4466 2.2). */
static int parse_parameters(struct imap_cursor *cursor, uint32_t *out_use)
{
    *out_use = MANSIO_SPECIAL_NONE;
    if (imap_parse_end(cursor) == 0) {
        return 0;
    }
    int rc = imap_parse_space(cursor);
    rc = rc == 0 ? imap_parse_char(cursor, '(') : rc;
    rc = rc == 0 ? parse_use(cursor, out_use) : rc;
    rc = rc == 0 ? imap_parse_char(cursor, ')') : rc;
    return rc == 0 ? imap_parse_end(cursor) : rc;
}

/* MANSIO_E_EXISTS may be of the name or of the use. */
static int refuse_create(struct imap_session *session, struct mansio_str name, uint32_t use, int rc)
{
    struct mansio_collection there;
    if (rc == MANSIO_E_EXISTS && use != MANSIO_SPECIAL_NONE &&
        find(session, name, &there) == MANSIO_E_NOT_FOUND) {
        return imap_end_with(session, IMAP_NO, "[USEATTR] Another mailbox has that use");
    }
    return refuse(session, rc, "The mailbox can't be made");
}

int imap_cmd_create(struct imap_session *session, struct imap_cursor *cursor)
{
    struct mansio_str name;
    uint32_t use;
    uint64_t id;
    if (parse_name(session, cursor, &name) < 0) {
        return 0;
    }
    if (parse_parameters(cursor, &use) < 0) {
        return imap_end_bad(session, cursor, "nothing more, or (USE (...))");
    }
    if (use == 0) {
        return imap_end_with(session, IMAP_NO, "[USEATTR] No mailbox can have that use");
    }
    int rc = create(session, name, use, &id);
    if (rc < 0) {
        return refuse_create(session, name, use, rc);
    }
    create_above(session, name);
    return imap_end_with(session, IMAP_OK, "Made");
}

/* ---- DELETE --------------------------------------------------------------------------------- */

/* 1 if there is a mailbox below a name; or an error. */
static int has_below(struct imap_session *session, struct mansio_str name)
{
    struct imap_names names;
    int rc = imap_names_load(session, &names);
    if (rc < 0) {
        return rc;
    }
    imap_names_carry(&names);
    for (size_t i = 0; i < names.count; i++) {
        if (mansio_str_eq(names.rows[i].name, name)) {
            return (names.rows[i].flags & IMAP_NAME_ABOVE_EXISTS) != 0;
        }
    }
    return 0;
}

/* What is gone from under the session isn't selected any more. */
static void deselect(struct imap_session *session, uint64_t id)
{
    if (session->view != NULL && session->view->collection_id == id) {
        session->view->is_removed = 1;
        imap_view_close(session);
    }
}

/* A mailbox with others below it goes, and its name stays as a level of theirs, \Noselect, as long
 * as they are there (RFC 3501 6.3.4). Such a level can't be deleted: it is no mailbox. */
int imap_cmd_delete(struct imap_session *session, struct imap_cursor *cursor)
{
    struct mansio_str name;
    struct mansio_collection there;
    if (parse_only_name(session, cursor, &name) < 0) {
        return 0;
    }
    int rc = find(session, name, &there);
    if (rc == MANSIO_E_NOT_FOUND && has_below(session, name) == 1) {
        return imap_end_with(session, IMAP_NO, "[CANNOT] It is a level above other mailboxes");
    }
    if (rc == 0) {
        rc = session->store->collection_remove(session->pool, session->account, there.id,
                                               imap_store_deadline(session));
    }
    if (rc < 0) {
        return refuse(session, rc, "The mailbox can't be deleted");
    }
    deselect(session, there.id);
    return imap_end_with(session, IMAP_OK, "Deleted");
}

/* ---- RENAME --------------------------------------------------------------------------------- */

static int rename_one(struct imap_session *session, uint64_t id, struct mansio_str to)
{
    return session->store->collection_rename(session->pool, session->account, id, to,
                                             imap_store_deadline(session));
}

/* RFC 3501 6.3.5: the messages move, INBOX stays, and so does what lies below it. */
static int rename_inbox(struct imap_session *session, const struct mansio_collection *inbox,
                        struct mansio_str to)
{
    uint64_t id;
    int rc = create(session, to, MANSIO_SPECIAL_NONE, &id);
    if (rc == 0) {
        rc = session->store->message_copy(session->pool, session->account, inbox->id, NULL, 0, id,
                                          1, NULL, NULL, imap_store_deadline(session), NULL);
    }
    return rc;
}

/* A level that is no mailbox: those below take its new name, each with what is below it. */
static int rename_level(struct imap_session *session, struct mansio_str from, struct mansio_str to)
{
    struct imap_names names;
    size_t count = 0;
    int rc = imap_names_load(session, &names);
    for (size_t i = 0; rc == 0 && i < names.count; i++) {
        const struct imap_name *row = &names.rows[i];
        struct mansio_collection there;
        struct mansio_str name;
        if (!(row->flags & IMAP_NAME_EXISTS) || row->name.len <= from.len + 1 ||
            !mansio_str_starts(row->name, from) || row->name.ptr[from.len] != '/') {
            continue;
        }
        /* Gone along with one above it is as good as renamed. */
        rc = find(session, row->name, &there);
        if (rc == 0) {
            rc = mansio_arena_printf(session->arena, &name, "%.*s%.*s", MANSIO_STR_ARG(to),
                                     MANSIO_STR_ARG(mansio_str_sub(row->name, from.len, SIZE_MAX)));
            rc = rc == 0 ? rename_one(session, there.id, name) : rc;
            count++;
        }
        rc = rc == MANSIO_E_NOT_FOUND && count > 0 ? 0 : rc;
    }
    return rc == 0 && count == 0 ? MANSIO_E_NOT_FOUND : rc;
}

static int is_below(struct mansio_str name, struct mansio_str level)
{
    return name.len > level.len && mansio_str_starts(name, level) && name.ptr[level.len] == '/';
}

static int rename(struct imap_session *session, struct mansio_str from, struct mansio_str to)
{
    struct mansio_collection there, other;
    int found = find(session, from, &there);
    if (found < 0 && found != MANSIO_E_NOT_FOUND) {
        return found;
    }
    if (found < 0) {
        int below = has_below(session, from);
        if (below <= 0) {
            return below < 0 ? below : MANSIO_E_NOT_FOUND;
        }
    }
    int rc = find(session, to, &other);
    if (rc != MANSIO_E_NOT_FOUND) {
        return rc == 0 ? MANSIO_E_EXISTS : rc;
    }
    if (found < 0) {
        return rename_level(session, from, to);
    }
    return there.special_use == MANSIO_SPECIAL_INBOX ? rename_inbox(session, &there, to)
                                                     : rename_one(session, there.id, to);
}

int imap_cmd_rename(struct imap_session *session, struct imap_cursor *cursor)
{
    struct mansio_str from = {0}, to = {0};
    if (parse_name(session, cursor, &from) < 0 || parse_only_name(session, cursor, &to) < 0) {
        return 0;
    }
    if (is_below(to, from) && !mansio_str_eq(from, MANSIO_STR("INBOX"))) {
        return imap_end_with(session, IMAP_NO, "[CANNOT] A mailbox can't be below itself");
    }
    int rc = rename(session, from, to);
    if (rc < 0) {
        return refuse(session, rc, "The mailbox can't be renamed");
    }
    create_above(session, to);
    return imap_end_with(session, IMAP_OK, "Renamed");
}

/* ---- SUBSCRIBE ------------------------------------------------------------------------------ */

/* There need be no such mailbox: it may come back (RFC 3501 6.3.6). */
static int subscribe(struct imap_session *session, struct imap_cursor *cursor, uint32_t is_on)
{
    struct mansio_str name;
    if (parse_only_name(session, cursor, &name) < 0) {
        return 0;
    }
    int rc = session->store->subscribe(session->pool, session->account, name, is_on,
                                       imap_store_deadline(session));
    return rc == 0 ? imap_end_with(session, IMAP_OK, is_on ? "Subscribed" : "Unsubscribed")
                   : refuse(session, rc, "Subscriptions can't be changed");
}

int imap_cmd_subscribe(struct imap_session *session, struct imap_cursor *cursor)
{
    return subscribe(session, cursor, 1);
}

int imap_cmd_unsubscribe(struct imap_session *session, struct imap_cursor *cursor)
{
    return subscribe(session, cursor, 0);
}
