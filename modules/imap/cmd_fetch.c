/*
 * FETCH and UID FETCH (RFC 3501 6.4.5 and 6.4.8, RFC 7162 3.1.4). Here the command is read and
 * ended, and answered where no bytes of messages are asked for; fetch_bodies.c does the rest.
 *
 * Messages that somebody else has expunged meanwhile are passed over. By number, the client then
 * gets NO with EXPUNGEISSUED (RFC 5530 3) behind the answers for the others, as RFC 2180 4.1.3
 * allows; by UID they are as those that never were (RFC 3501 6.4.8).
 */
#include "commands.h"

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/str.h>

#include "fetch.h"
#include "fetch_print.h"
#include "reply.h"
#include "view.h"

enum {
    LIST_UIDS = 512,          /* messages of one list */
    LIST_OUT_MAX = 1 << 20,   /* printed before a list is broken off; a line fits behind it */
    STRUCTURE_CAP = 16 << 20, /* of one message */
    STOPPED = 1,              /* a list was broken off */
};

_Static_assert(LIST_OUT_MAX + IMAP_FETCH_LINE_MAX <= IMAP_OUT_MAX, "one line more fits");

/* ---- one message ------------------------------------------------------------------------------
 */

/* "NAME ", with a space before it but for the first. */
static void begin_item(struct mansio_buf *out, struct mansio_str name, int *is_first)
{
    if (!*is_first) {
        mansio_buf_add_char(out, ' ');
    }
    *is_first = 0;
    mansio_buf_add(out, name);
}

/* What the store has of a message beside its structure. */
static void print_entry(struct mansio_buf *out, uint32_t what, const struct mansio_message *message,
                        int is_recent, int *is_first)
{
    if (what & IMAP_FETCH_UID) {
        begin_item(out, MANSIO_STR("UID "), is_first);
        imap_print_number(out, message->uid);
    }
    if (what & IMAP_FETCH_FLAGS) {
        begin_item(out, MANSIO_STR("FLAGS "), is_first);
        imap_reply_flags(out, message->flags, is_recent, message->keywords);
    }
    if (what & IMAP_FETCH_INTERNALDATE) {
        begin_item(out, MANSIO_STR("INTERNALDATE "), is_first);
        imap_reply_date_time(out, message->received_us);
    }
    if (what & IMAP_FETCH_SIZE) {
        begin_item(out, MANSIO_STR("RFC822.SIZE "), is_first);
        imap_print_number(out, message->body_bytes + message->prefix_bytes);
    }
    if (what & IMAP_FETCH_MODSEQ) {
        begin_item(out, MANSIO_STR("MODSEQ ("), is_first);
        imap_print_number(out, message->modseq);
        mansio_buf_add_char(out, ')');
    }
}

void imap_fetch_print(struct imap_fetching *fetching, uint32_t number, uint32_t what,
                      const struct mansio_message *message, const struct mansio_part *root)
{
    struct mansio_buf *out = fetching->line;
    int is_first = 1;
    mansio_buf_add(out, MANSIO_STR("* "));
    imap_print_number(out, number);
    mansio_buf_add(out, MANSIO_STR(" FETCH ("));
    print_entry(out, what, message, imap_view_is_recent(fetching->session->view, message->uid),
                &is_first);
    if (what & IMAP_FETCH_ENVELOPE) {
        begin_item(out, MANSIO_STR("ENVELOPE "), &is_first);
        imap_print_envelope(out, root->envelope);
    }
    if (what & IMAP_FETCH_BODY) {
        begin_item(out, MANSIO_STR("BODY "), &is_first);
        imap_print_structure(out, root, 0);
    }
    if (what & IMAP_FETCH_BODYSTRUCTURE) {
        begin_item(out, MANSIO_STR("BODYSTRUCTURE "), &is_first);
        imap_print_structure(out, root, 1);
    }
}

int imap_fetch_structure(const struct imap_fetching *fetching, struct mansio_arena *arena,
                         const struct mansio_message *message, const struct mansio_part **out)
{
    *out = NULL;
    return fetching->query_flags & MANSIO_QUERY_STRUCTURE
               ? mansio_structure_read(arena, message->structure, out)
               : 0;
}

uint32_t imap_fetch_flags_items(const struct imap_session *session, uint32_t what)
{
    int wants_modseq = (session->enabled & IMAP_ENABLED_CONDSTORE) != 0;
    return (what & IMAP_FETCH_FLAGS) != 0 && wants_modseq ? IMAP_FETCH_MODSEQ : 0;
}

void imap_fetch_told(struct imap_fetching *fetching, uint32_t what,
                     const struct mansio_message *message)
{
    fetching->answered++;
    if ((what & IMAP_FETCH_FLAGS) != 0 && message->modseq > fetching->session->view->modseq) {
        imap_view_told(fetching->session, message->uid, message->modseq);
    }
}

void imap_fetch_failed(struct imap_fetching *fetching, int code)
{
    fetching->answered++; /* it isn't gone */
    if (fetching->failed == 0) {
        fetching->failed = code;
    }
}

int imap_fetch_send(struct imap_fetching *fetching, size_t at_least)
{
    int rc = imap_send(fetching->session, at_least);
    fetching->is_broken |= rc < 0;
    return rc;
}

/* ---- without bytes of messages ----------------------------------------------------------------
 */

/* One line, or none: half of one would be taken for a whole. */
static void print_line(struct imap_fetching *fetching, const struct mansio_message *message)
{
    const struct mansio_part *root = NULL;
    uint32_t number = imap_view_number(fetching->session->view, message->uid);
    if (number == 0) {
        return;
    }
    int rc = imap_fetch_structure(fetching, fetching->parts, message, &root);
    if (rc == 0) {
        imap_fetch_print(fetching, number, fetching->what.what, message, root);
        mansio_buf_add(fetching->line, MANSIO_STR(")\r\n"));
        rc = mansio_buf_status(fetching->line);
    }
    if (rc == 0) {
        mansio_buf_add(fetching->session->out, mansio_buf_str(fetching->line));
        imap_fetch_told(fetching, fetching->what.what, message);
    } else {
        imap_fetch_failed(fetching, rc);
    }
    mansio_buf_reset(fetching->line);
    mansio_arena_reset(fetching->parts);
}

static int visit(void *arg, const struct mansio_message *message)
{
    struct imap_fetching *fetching = arg;
    print_line(fetching, message);
    if (mansio_buf_str(fetching->session->out).len < LIST_OUT_MAX) {
        return 0;
    }
    imap_walk_behind(&fetching->walk, message->uid);
    return STOPPED;
}

/* The store lists, we print: a few hundred messages, then what was printed goes out. */
static int list(struct imap_fetching *fetching)
{
    struct imap_session *session = fetching->session;
    uint32_t ranges[2 * LIST_UIDS / 4];
    struct mansio_message_query query = {
        .size = sizeof query,
        .uid_ranges = ranges,
        .changed_since = fetching->what.changed_since,
        .flags = fetching->query_flags,
    };
    while ((query.range_count =
                imap_walk_take(&fetching->walk, LIST_UIDS, ranges, MANSIO_COUNT(ranges) / 2)) > 0) {
        int rc = session->store->message_list(session->pool, session->account,
                                              session->view->collection_id, &query, visit, fetching,
                                              imap_store_deadline(session));
        if (rc >= 0) {
            rc = imap_fetch_send(fetching, IMAP_OUT_FLUSH);
        }
        if (rc == 0) {
            rc = mansio_fiber_pace();
        }
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* Nothing but UIDs: the view knows them. */
static int list_uids(struct imap_fetching *fetching)
{
    const struct imap_view *view = fetching->session->view;
    struct mansio_buf *out = fetching->session->out;
    for (size_t i = 0; i < fetching->uids.count; i++) {
        uint32_t first = fetching->uids.ranges[2 * i], last = fetching->uids.ranges[2 * i + 1];
        uint32_t number = imap_view_number(view, first);
        for (uint32_t at = 0; at <= last - first; at++) {
            mansio_buf_add(out, MANSIO_STR("* "));
            imap_print_number(out, number + at);
            mansio_buf_add(out, MANSIO_STR(" FETCH (UID "));
            imap_print_number(out, first + at);
            mansio_buf_add(out, MANSIO_STR(")\r\n"));
            int rc = imap_fetch_send(fetching, IMAP_OUT_FLUSH);
            if (rc == 0 && at % LIST_UIDS == LIST_UIDS - 1) {
                rc = mansio_fiber_pace();
            }
            if (rc < 0) {
                return rc;
            }
            if (at == UINT32_MAX) {
                break;
            }
        }
        fetching->answered += (uint64_t)last - first + 1;
    }
    return 0;
}

/* ---- the command ------------------------------------------------------------------------------
 */

static uint32_t query_flags(const struct imap_fetch *what)
{
    uint32_t of_structure = IMAP_FETCH_ENVELOPE | IMAP_FETCH_BODY | IMAP_FETCH_BODYSTRUCTURE;
    int needs = (what->what & of_structure) != 0;
    for (size_t i = 0; i < what->section_count; i++) {
        needs |= imap_section_needs_structure(&what->sections[i]);
    }
    return needs ? MANSIO_QUERY_STRUCTURE : 0;
}

static int answer(struct imap_fetching *fetching)
{
    if (fetching->what.section_count > 0) {
        return imap_fetch_bodies(fetching);
    }
    int is_uids = fetching->what.what == IMAP_FETCH_UID && !fetching->what.has_changed_since;
    return is_uids ? list_uids(fetching) : list(fetching);
}

static int end(struct imap_fetching *fetching, int rc)
{
    struct imap_session *session = fetching->session;
    if (rc < 0 && fetching->is_broken) {
        return rc;
    }
    if (rc < 0 || fetching->failed < 0) {
        return imap_end_failed(session, rc < 0 ? rc : fetching->failed,
                               "Not all of these messages can be read now");
    }
    if (!fetching->what.has_changed_since &&
        fetching->answered < imap_walk_count(&fetching->uids)) {
        imap_view_look(session);
        if (!session->is_uid) {
            return imap_end_with(session, IMAP_NO,
                                 "[EXPUNGEISSUED] Some of these messages are gone");
        }
    }
    return imap_end_with(session, IMAP_OK, "Fetched");
}

/* Set, items, modifiers: 0; MANSIO_E_DENIED if it has been said what is wrong. */
static int parse(struct imap_fetching *fetching, struct imap_cursor *cursor)
{
    struct imap_session *session = fetching->session;
    struct imap_set set;
    int rc = imap_parse_space(cursor);
    if (rc == 0) {
        rc = imap_parse_set(cursor, &set);
    }
    if (rc == 0) {
        rc = imap_parse_space(cursor);
    }
    if (rc == 0) {
        rc = imap_fetch_parse(cursor, &fetching->what);
    }
    if (rc < 0) {
        imap_end_bad(session, cursor,
                     rc == MANSIO_E_LIMIT ? "less at once" : "messages, and items of FETCH");
        return MANSIO_E_DENIED;
    }
    rc = imap_view_resolve(session->view, &set, (int)session->is_uid, session->arena,
                           &fetching->uids);
    if (rc == MANSIO_E_INVALID) {
        imap_end_bad(session, NULL, "numbers of messages that there are");
        return MANSIO_E_DENIED;
    }
    return rc;
}

int imap_cmd_fetch(struct imap_session *session, struct imap_cursor *cursor)
{
    struct imap_fetching fetching = {
        .session = session,
        .line = mansio_buf_new(session->arena, IMAP_FETCH_LINE_MAX),
        .parts = mansio_arena_new(session->arena, "imap.fetch.parts", STRUCTURE_CAP),
    };
    int rc = parse(&fetching, cursor);
    if (rc == MANSIO_E_DENIED) {
        return 0;
    }
    if (rc < 0) {
        return imap_end_failed(session, rc, "Too many messages at once");
    }
    /* Answers by UID always have it (RFC 3501 6.4.8). */
    fetching.what.what |= session->is_uid ? IMAP_FETCH_UID : 0;
    if (fetching.what.what & IMAP_FETCH_MODSEQ) {
        imap_view_enable_condstore(session);
    }
    fetching.what.what |= imap_fetch_flags_items(session, fetching.what.what);
    fetching.query_flags = query_flags(&fetching.what);
    imap_walk_init(&fetching.walk, &fetching.uids);
    return end(&fetching, answer(&fetching));
}
