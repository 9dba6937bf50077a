/*
 * STORE (RFC 3501 6.4.6), UID STORE, and UNCHANGEDSINCE (RFC 7162 3.1.3).
 *
 * It goes in two steps: first what nobody else has changed since the client was told, then the
 * rest. So a silent STORE hides the client's own change and nothing else (of the rest the catch-up
 * tells the flags as they are), and of the first step it is certain which modseqs are its own.
 */
#include "commands.h"
#include "ranges.h"
#include "view.h"

#include <inttypes.h>

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/str.h>

#include "reply.h"

enum {
    STORE_PIECE = 4096, /* messages of one call */
    STORE_CAP = 64 << 20,
    OUT_ROOM = 64 << 10, /* for the reply of one message */
};

struct storing {
    struct imap_session *session;
    struct mansio_arena *arena;
    struct mansio_flag_change change;
    struct imap_gather refused;  /* by the present step */
    struct imap_gather modified; /* by UNCHANGEDSINCE */
    uint64_t unchanged_since;    /* the client's; UINT64_MAX: none */
    uint64_t stored;             /* messages that have the flags now */
    uint32_t is_silent;
    uint32_t is_own;      /* whatever has a new modseq after this step has it by this step */
    uint32_t is_too_much; /* replies that the catch-up must give */
};

/* ---- the command's text -------------------------------------------------------------------------
 */

static int parse_modifier(struct imap_cursor *cursor, struct storing *out, const char **expected)
{
    *expected = "(UNCHANGEDSINCE n)";
    int rc = imap_parse_char(cursor, '(');
    if (rc == 0 && !imap_parse_word(cursor, MANSIO_STR("UNCHANGEDSINCE"))) {
        rc = MANSIO_E_INVALID;
    }
    rc = rc < 0 ? rc : imap_parse_space(cursor);
    rc = rc < 0 ? rc : imap_parse_number64(cursor, &out->unchanged_since);
    rc = rc < 0 ? rc : imap_parse_char(cursor, ')');
    return rc < 0 ? rc : imap_parse_space(cursor);
}

static int parse_item(struct imap_cursor *cursor, struct storing *out)
{
    out->change.operation = MANSIO_FLAGS_REPLACE;
    if (imap_parse_sees(cursor, '+')) {
        out->change.operation = MANSIO_FLAGS_ADD;
        cursor->at++;
    } else if (imap_parse_sees(cursor, '-')) {
        out->change.operation = MANSIO_FLAGS_REMOVE;
        cursor->at++;
    }
    if (imap_parse_word(cursor, MANSIO_STR("FLAGS.SILENT"))) {
        out->is_silent = 1;
        return 0;
    }
    return imap_parse_word(cursor, MANSIO_STR("FLAGS")) ? 0 : MANSIO_E_INVALID;
}

static int parse(struct imap_cursor *cursor, struct storing *out, struct imap_set *set,
                 const char **expected)
{
    *expected = "a set of messages";
    int rc = imap_parse_space(cursor);
    rc = rc < 0 ? rc : imap_parse_set(cursor, set);
    rc = rc < 0 ? rc : imap_parse_space(cursor);
    if (rc == 0 && imap_parse_sees(cursor, '(')) {
        rc = parse_modifier(cursor, out, expected);
    }
    if (rc == 0) {
        *expected = "FLAGS, +FLAGS or -FLAGS, with .SILENT or not";
        rc = parse_item(cursor, out);
        rc = rc < 0 ? rc : imap_parse_space(cursor);
    }
    if (rc == 0) {
        *expected = "flags that a client can set";
        rc = imap_parse_flags(cursor, &out->change.flags, &out->change.keywords);
    }
    if (rc == 0) {
        *expected = "the end of the command";
        rc = imap_parse_end(cursor);
    }
    return rc;
}

/* ---- storing ------------------------------------------------------------------------------------
 */

static int show_stored(void *arg, const struct mansio_message *message)
{
    struct storing *storing = arg;
    struct imap_session *session = storing->session;
    storing->stored++;
    if (storing->is_silent && !storing->is_own) {
        return 0;
    }
    if (mansio_buf_str(session->out).len > IMAP_OUT_MAX - OUT_ROOM) {
        storing->is_too_much = 1;
        return 0;
    }
    if (!storing->is_silent) {
        imap_view_reply_flags(session, message, (int)session->is_uid);
    } else if ((session->enabled & IMAP_ENABLED_CONDSTORE) != 0) {
        imap_view_reply_modseq(session, message->uid, message->modseq, (int)session->is_uid);
    }
    if (storing->is_own) {
        imap_view_changed(session, message->uid, message->modseq);
    } else {
        imap_view_told(session, message->uid, message->modseq);
    }
    return 0;
}

static int note_refused(void *arg, uint32_t uid)
{
    struct storing *storing = arg;
    if (imap_gather_add(&storing->refused, uid, uid) < 0) {
        storing->is_too_much = 1;
    }
    return 0;
}

/* One call: what has a modseq up to @p unchanged_since. */
static int store_step(struct storing *storing, const struct imap_set *uids,
                      uint64_t unchanged_since, int is_own)
{
    struct imap_session *session = storing->session;
    storing->refused = (struct imap_gather){.arena = storing->arena};
    storing->is_own = is_own != 0;
    storing->change.size = sizeof storing->change;
    storing->change.uid_ranges = uids->ranges;
    storing->change.range_count = uids->count;
    storing->change.unchanged_since = unchanged_since;
    int rc = session->store->message_flag(
        session->pool, session->account, session->view->collection_id, &storing->change,
        show_stored, note_refused, storing, imap_store_deadline(session));
    imap_gather_end(&storing->refused);
    return rc;
}

static int store_piece(struct storing *storing, const struct imap_set *uids)
{
    uint64_t known = storing->session->view->modseq;
    uint64_t since = storing->unchanged_since;
    int rc = store_step(storing, uids, since < known ? since : known, 1);
    if (rc == 0 && since > known && storing->refused.set.count > 0) {
        struct imap_set others = storing->refused.set;
        rc = store_step(storing, &others, since, 0);
    }
    const struct imap_set *refused = &storing->refused.set;
    for (size_t i = 0; rc == 0 && i < refused->count; i++) {
        rc =
            imap_gather_add(&storing->modified, refused->ranges[2 * i], refused->ranges[2 * i + 1]);
    }
    return rc;
}

static int store_all(struct storing *storing, const struct imap_set *uids)
{
    struct imap_session *session = storing->session;
    struct imap_pieces pieces;
    int rc = imap_pieces_begin(&pieces, storing->arena, uids, STORE_PIECE);
    while (rc == 0 && imap_pieces_next(&pieces)) {
        rc = store_piece(storing, &pieces.piece);
        if (rc == 0) {
            int sent = imap_send(session, IMAP_OUT_FLUSH);
            if (sent < 0) {
                session->is_over = 1; /* nobody is there to be told more */
                return 0;
            }
            rc = mansio_fiber_pace();
        }
    }
    return rc;
}

/* ---- the answer ---------------------------------------------------------------------------------
 */

/* Numbers, or UIDs behind UID. Numbers don't change before the tagged reply: STORE keeps them. */
static int print_modified(struct storing *storing, struct mansio_buf *out)
{
    struct imap_session *session = storing->session;
    struct imap_set set = storing->modified.set;
    struct imap_gather numbers = {.arena = storing->arena};
    int rc = 0;
    for (size_t i = 0; rc == 0 && !session->is_uid && i < set.count; i++) {
        uint32_t first = imap_view_number(session->view, set.ranges[2 * i]);
        uint32_t last = imap_view_number(session->view, set.ranges[2 * i + 1]);
        rc = imap_gather_add(&numbers, first, last);
    }
    if (!session->is_uid) {
        imap_gather_end(&numbers);
        set = numbers.set;
    }
    mansio_buf_add(out, MANSIO_STR("[MODIFIED "));
    imap_reply_set(out, set.ranges, set.count);
    mansio_buf_add(out, MANSIO_STR("] "));
    return rc < 0 ? rc : mansio_buf_status(out);
}

/* Messages that are gone: RFC 2180 4.2; behind UID they are passed over (RFC 3501 6.4.8). */
static int say_stored(struct storing *storing, uint64_t wanted)
{
    struct imap_session *session = storing->session;
    uint64_t modified = imap_set_count(&storing->modified.set);
    int is_gone = storing->stored + modified < wanted;
    int is_missing =
        is_gone && !session->is_uid && (!storing->is_silent || storing->stored + modified == 0);
    struct mansio_buf *code = mansio_buf_new(session->arena, IMAP_OUT_MAX);
    if (is_gone) {
        imap_view_look(session);
    }
    if (modified > 0 && print_modified(storing, code) < 0) {
        return imap_end_failed(session, MANSIO_E_LIMIT, "Too much was changed by others");
    }
    struct mansio_str words = mansio_buf_str(code);
    if (is_missing) {
        return imap_end_with(
            session, IMAP_NO, "%.*sSome of the messages are gone",
            MANSIO_STR_ARG(words.len > 0 ? words : MANSIO_STR("[EXPUNGEISSUED] ")));
    }
    return imap_end_with(session, IMAP_OK, "%.*s%s", MANSIO_STR_ARG(words),
                         modified > 0 ? "Some were changed by others" : "Stored");
}

static int store(struct imap_session *session, struct storing *storing, const struct imap_set *uids)
{
    uint64_t wanted = imap_set_count(uids);
    storing->session = session;
    storing->modified.arena = storing->arena;
    int rc = store_all(storing, uids);
    imap_gather_end(&storing->modified);
    if (storing->is_too_much) {
        imap_view_retell(session);
    }
    if (rc == MANSIO_E_LIMIT) {
        return imap_end_with(session, IMAP_NO, "[LIMIT] Too many keywords or messages");
    }
    if (rc < 0) {
        return imap_end_failed(session, rc, "Flags can't be stored now");
    }
    return say_stored(storing, wanted);
}

int imap_cmd_store(struct imap_session *session, struct imap_cursor *cursor)
{
    struct storing storing = {.unchanged_since = UINT64_MAX};
    struct imap_set set, uids;
    const char *expected;
    if (parse(cursor, &storing, &set, &expected) < 0) {
        return imap_end_bad(session, cursor, expected);
    }
    int rc = imap_view_resolve(session->view, &set, (int)session->is_uid, session->arena, &uids);
    if (rc == MANSIO_E_INVALID) {
        return imap_end_bad(session, NULL, "numbers of messages that are there");
    }
    if (rc < 0) {
        return imap_end_failed(session, rc, "That is too much at once");
    }
    if (storing.unchanged_since != UINT64_MAX) {
        imap_view_enable_condstore(session);
    }
    storing.arena = mansio_arena_new(NULL, "imap.store", STORE_CAP);
    rc = store(session, &storing, &uids);
    mansio_arena_free(storing.arena);
    return rc;
}
