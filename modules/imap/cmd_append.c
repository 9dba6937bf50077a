/*
 * APPEND (RFC 3501 6.3.11), with APPENDUID (RFC 4315 3). The message comes as a literal and goes
 * into a content as it comes; what can be refused is refused before the client sends it.
 */
#include "commands.h"
#include "reader.h"
#include "view.h"

#include <inttypes.h>
#include <string.h>

#include <mansio/content.h>
#include <mansio/error.h>
#include <mansio/session.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "reply.h"

enum {
    SKIP_MAX = 1 << 30, /* of a literal that comes unasked and is refused (RFC 7888 4) */
};

struct appending {
    struct mansio_str mailbox;
    struct mansio_append message;
    struct imap_literal literal;
    uint64_t collection_id;
    struct mansio_arena *arena; /* of the content */
    uint32_t has_nul;
};

/* ---- the command's text -------------------------------------------------------------------------
 */

/* In front of the literal, whose "{n}" ends the text. */
static int parse(struct imap_cursor *cursor, struct appending *out, const char **expected)
{
    *expected = "a mailbox";
    int rc = imap_parse_space(cursor);
    rc = rc < 0 ? rc : imap_parse_mailbox(cursor, &out->mailbox);
    *expected = rc < 0 ? *expected : "a space";
    rc = rc < 0 ? rc : imap_parse_space(cursor);
    if (rc == 0 && imap_parse_sees(cursor, '(')) {
        *expected = "flags that a client can set, and a space";
        rc = imap_parse_flags(cursor, &out->message.flags, &out->message.keywords);
        rc = rc < 0 ? rc : imap_parse_space(cursor);
    }
    if (rc == 0 && imap_parse_sees(cursor, '"')) {
        *expected = "a date and time, and a space";
        rc = imap_parse_date_time(cursor, &out->message.received_us);
        rc = rc < 0 ? rc : imap_parse_space(cursor);
    }
    if (rc == 0) {
        *expected = "a literal";
        rc = imap_parse_sees(cursor, '{') ? 0 : MANSIO_E_INVALID;
    }
    return rc;
}

/* ---- refusing -----------------------------------------------------------------------------------
 */

/* Read past what comes all the same, up to the end of the command. How it ends has been said. */
static int discard(struct imap_session *session, struct imap_literal *literal)
{
    struct mansio_str words = session->words, rest;
    uint32_t status = session->status;
    /* As many as come: each has the memory of the one before. */
    struct mansio_arena *arena = mansio_arena_new(session->arena, "imap.discard", 0);
    int rc = 0;
    while (rc == 0 && !literal->is_synchronizing) {
        if (literal->left > SKIP_MAX) {
            imap_reply_untagged(session->out, "BYE That literal is too large to be read past");
            session->is_over = 1;
            break;
        }
        mansio_arena_reset(arena);
        rc = imap_literal_skip(session, literal);
        rc = rc < 0 ? rc : imap_read_rest(session, arena, &rest);
        if (rc == 0 && imap_literal_find(rest, literal) < 0) {
            break;
        }
    }
    mansio_arena_free(arena);
    session->words = words;
    session->status = status;
    return rc == MANSIO_E_LIMIT ? 0 : rc; /* that the rest was too long, too, is no matter now */
}

/* What is known before a byte of it has come. @return 1: refused, and said so */
static int refuse_early(struct imap_session *session, struct appending *appending)
{
    const struct mansio_account_facts *facts = mansio_account_facts(session->account);
    struct mansio_collection collection = {.size = sizeof collection};
    uint64_t max = (uint64_t)imap_setting(session, "message_size_max");
    uint64_t size = appending->literal.size;
    if (facts->message_bytes_max > 0 && facts->message_bytes_max < max) {
        max = facts->message_bytes_max;
    }
    int rc =
        session->store->collection_find(session->pool, session->account, appending->mailbox,
                                        session->arena, imap_store_deadline(session), &collection);
    if (rc == 0 && collection.kind != MANSIO_COLLECTION_MAIL) {
        rc = MANSIO_E_NOT_FOUND;
    }
    appending->collection_id = collection.id;
    if (rc == MANSIO_E_NOT_FOUND) {
        imap_end_with(session, IMAP_NO, "[TRYCREATE] There is no such mailbox");
        return 1;
    }
    if (rc == 0 && size > max) {
        imap_end_with(session, IMAP_NO, "[TOOBIG] A message may have %" PRIu64 " bytes", max);
        return 1;
    }
    if (rc == 0 && size == 0) {
        imap_end_with(session, IMAP_NO, "[CANNOT] A message has at least one byte");
        return 1;
    }
    if (rc == 0) {
        rc = session->store->may_deliver(session->pool, session->account, size,
                                         imap_store_deadline(session));
    }
    if (rc == MANSIO_E_LIMIT) {
        imap_end_with(session, IMAP_NO, "[OVERQUOTA] There is no room for it");
        return 1;
    }
    rc = rc < 0 ? imap_end_failed(session, rc, "The mailbox can't be reached now") : 0;
    return rc < 0 ? rc : session->status != 0;
}

/* ---- taking -------------------------------------------------------------------------------------
 */

/* The literal, to its end whatever becomes of it. @param out_kept  what came of keeping it
 * @return 0, or the error that ends the session */
static int take(struct imap_session *session, struct appending *appending, int *out_kept)
{
    struct mansio_content *content = appending->message.content;
    int64_t ends_us = mansio_deadline_in(imap_setting(session, "append_timeout"));
    int rc = imap_literal_begin(session, &appending->literal);
    *out_kept = 0;
    while (rc == 0 && appending->literal.left > 0) {
        struct mansio_str bytes;
        rc = imap_literal_read(session, &appending->literal, &bytes);
        if (rc == 0 && mansio_now_us() > ends_us) {
            return mansio_fail(MANSIO_E_TIMEOUT, "a message takes too long to come");
        }
        if (rc == 0 && bytes.len > 0 && memchr(bytes.ptr, '\0', bytes.len) != NULL) {
            appending->has_nul = 1;
        }
        if (rc == 0 && *out_kept == 0 && !appending->has_nul) {
            *out_kept = mansio_content_write(content, bytes, imap_store_deadline(session));
            rc = mansio_error_class(*out_kept) == MANSIO_CLASS_CANCELLED ? *out_kept : 0;
        }
    }
    return rc;
}

/* Behind the literal nothing may come: more than one message is RFC 3502's.
 * @return 1: refused, and said so */
static int refuse_rest(struct imap_session *session, const struct appending *appending)
{
    struct mansio_str rest;
    struct imap_literal more;
    int rc = imap_read_rest(session, session->arena, &rest);
    if (rc == MANSIO_E_LIMIT) {
        return 1; /* said there */
    }
    if (rc < 0) {
        return rc;
    }
    if (rest.len > 0) {
        imap_end_bad(session, NULL, "the end of the command behind the message");
        rc = imap_literal_find(rest, &more) == 0 ? discard(session, &more) : 0;
        return rc < 0 ? rc : 1;
    }
    if (appending->has_nul) { /* CHAR8 has none (RFC 3501 9) */
        imap_end_bad(session, NULL, "a message without NUL");
        return 1;
    }
    return 0;
}

static int commit(struct imap_session *session, struct appending *appending)
{
    uint32_t uid_validity = 0;
    int rc = mansio_content_finish(appending->message.content, imap_store_deadline(session));
    if (rc < 0) {
        return imap_end_failed(session, rc, "The message can't be kept now");
    }
    rc = session->store->message_append(session->pool, session->account, appending->collection_id,
                                        &appending->message, 1, imap_store_deadline(session),
                                        &uid_validity);
    if (rc == MANSIO_E_NOT_FOUND) {
        return imap_end_with(session, IMAP_NO, "[TRYCREATE] There is no such mailbox any more");
    }
    if (rc == MANSIO_E_LIMIT) {
        return imap_end_with(session, IMAP_NO, "[OVERQUOTA] There is no room for it");
    }
    if (rc == MANSIO_E_UNSUPPORTED) { /* RFC 5530 3 */
        return imap_end_with(session, IMAP_NO, "[LIMIT] This mailbox has no UIDs left");
    }
    if (rc < 0) {
        return imap_end_failed(session, rc, "The message can't be stored now");
    }
    return imap_end_with(session, IMAP_OK, "[APPENDUID %" PRIu32 " %" PRIu32 "] Appended",
                         uid_validity, appending->message.uid);
}

static int append(struct imap_session *session, struct appending *appending)
{
    int kept;
    appending->message.size = sizeof appending->message;
    appending->message.content = mansio_content_new(appending->arena, appending->literal.size);
    int rc = take(session, appending, &kept);
    if (rc == 0) {
        rc = refuse_rest(session, appending);
    }
    if (rc != 0) {
        return rc < 0 ? rc : 0;
    }
    return kept < 0 ? imap_end_failed(session, kept, "The message can't be kept now")
                    : commit(session, appending);
}

int imap_cmd_append(struct imap_session *session, struct imap_cursor *cursor)
{
    struct appending appending = {.message = {.received_us = mansio_wall_us()}};
    const char *expected;
    int rc = parse(cursor, &appending, &expected);
    if (imap_literal_find((struct mansio_str){cursor->at, (size_t)(cursor->end - cursor->at)},
                          &appending.literal) < 0) {
        return imap_end_bad(session, cursor, rc < 0 ? expected : "a literal");
    }
    if (rc < 0) {
        imap_end_bad(session, cursor, expected);
        return discard(session, &appending.literal);
    }
    rc = refuse_early(session, &appending);
    if (rc != 0) {
        return rc < 0 ? rc : discard(session, &appending.literal);
    }
    appending.arena =
        mansio_arena_new(NULL, "imap.append", 0); /* a content has bounds of its own */
    rc = append(session, &appending);
    mansio_arena_free(appending.arena);
    return rc;
}
