/*
 * IDLE (RFC 2177): the client is told what happens as it happens.
 *
 * Hints say when to look; since one may be lost, the mailbox is looked at now and then anyway
 * ("idle_poll"). While nothing happens, a session holds no memory of its command.
 */
#include "commands.h"
#include "view.h"

#include <mansio/bus.h>
#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/session.h>
#include <mansio/str.h>
#include <mansio/stream.h>
#include <mansio/time.h>

#include "reply.h"

enum { LINE_MAX_BYTES = 1024 };

/* The first hint is followed at once; a stream of them every so often. */
#define LOOK_AT_MOST_EVERY_US (10 * MANSIO_MS)

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/*
 * Wait until there is something to do.
 *
 * @return 1: the client said something; 0: look at the mailbox; or an error
 */
static int wait_for_more(const struct imap_session *session, int64_t ends_us, int64_t still_us)
{
    const struct imap_view *view = session->view;
    int64_t deadline_us = earlier(ends_us, still_us);
    struct mansio_waitable *sources[] = {mansio_stream_readable(session->stream), NULL};
    if (view != NULL) {
        int64_t rested_us = view->looked_us + LOOK_AT_MOST_EVERY_US;
        if (mansio_now_us() >= rested_us) {
            sources[1] = mansio_subscription_readable(view->hints);
            rested_us = view->looked_us + imap_setting(session, "idle_poll");
        }
        deadline_us = earlier(deadline_us, rested_us);
    }
    int rc = mansio_wait(sources, MANSIO_COUNT(sources), deadline_us, MANSIO_WAIT_IDLE);
    if (rc == 0) {
        return 1;
    }
    if (rc == MANSIO_E_TIMEOUT && mansio_now_us() < ends_us) {
        return 0;
    }
    return rc < 0 ? rc : 0;
}

/* DONE ends it; anything else is a mistake (RFC 2177 4) and ends it too. */
static int read_done(struct imap_session *session)
{
    struct mansio_str line;
    mansio_stream_set_deadline(session->stream, imap_deadline(session));
    int rc = mansio_stream_read_line(session->stream, LINE_MAX_BYTES, MANSIO_READ_BARE_LF, &line);
    if (rc < 0 && rc != MANSIO_E_LIMIT) {
        return rc;
    }
    if (rc == MANSIO_E_LIMIT || !mansio_str_ieq(line, MANSIO_STR("DONE"))) {
        return imap_end_bad(session, NULL, "DONE");
    }
    return imap_end_with(session, IMAP_OK, "No longer idle");
}

static int idle(struct imap_session *session)
{
    int64_t ends_us = imap_deadline(session);
    int64_t still_period_us = imap_setting(session, "idle_keepalive");
    int64_t still_us = still_period_us > 0 ? mansio_deadline_in(still_period_us) : MANSIO_NEVER;
    int rc = 0;
    while (rc == 0 && !session->is_over) {
        rc = imap_view_catch_up(session, IMAP_CATCH_UP_EXPUNGES);
        if (mansio_now_us() >= still_us) {
            imap_reply_untagged(session->out, "OK Still here");
            still_us = mansio_deadline_in(still_period_us);
        }
        rc = rc < 0 ? rc : imap_send(session, 0);
        if (rc == 0 && !session->is_over) {
            imap_rest(session);
            rc = wait_for_more(session, ends_us, still_us);
        }
    }
    return rc;
}

int imap_cmd_idle(struct imap_session *session, struct imap_cursor *cursor)
{
    if (imap_parse_end(cursor) < 0) {
        return imap_end_bad(session, cursor, "the end of the command");
    }
    mansio_session_set_activity(session->session, "idle");
    mansio_buf_add(session->out, MANSIO_STR("+ idling\r\n"));
    imap_view_look(session);
    int rc = idle(session);
    mansio_session_set_activity(session->session,
                                session->view != NULL ? "selected" : "authenticated");
    if (rc == 1) {
        return read_done(session);
    }
    return rc < 0 ? rc : imap_end_with(session, IMAP_OK, "No longer idle");
}
