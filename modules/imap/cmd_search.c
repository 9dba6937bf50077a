/*
 * SEARCH and UID SEARCH (RFC 3501 6.4.4): the words around search_parse.h and search_run.h.
 */
#include <inttypes.h>

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/str.h>

#include "commands.h"
#include "reply.h"
#include "search_parse.h"
#include "search_run.h"
#include "view.h"

/* One line, however long: sent as it grows. */
static int print(struct imap_session *session, const struct imap_search_found *found,
                 uint32_t has_modseq)
{
    const struct imap_set *uids = &found->uids.set;
    int rc = 0;
    mansio_buf_add(session->out, MANSIO_STR("* SEARCH"));
    for (size_t i = 0; rc == 0 && i < uids->count; i++) {
        for (uint64_t uid = uids->ranges[2 * i]; rc == 0 && uid <= uids->ranges[2 * i + 1]; uid++) {
            uint32_t number =
                session->is_uid ? (uint32_t)uid : imap_view_number(session->view, (uint32_t)uid);
            if (session->is_uid && imap_view_number(session->view, (uint32_t)uid) == 0) {
                number = 0;
            }
            if (number != 0) {
                mansio_buf_printf(session->out, " %" PRIu32, number);
            }
            if (mansio_buf_str(session->out).len >= IMAP_OUT_FLUSH) {
                session->is_mid_response = 1;
                rc = imap_send(session, IMAP_OUT_FLUSH);
                rc = rc == 0 ? mansio_fiber_pace() : rc;
            }
        }
    }
    if (has_modseq && uids->count > 0) { /* RFC 7162 3.1.6 */
        mansio_buf_printf(session->out, " (MODSEQ %" PRIu64 ")", found->modseq);
    }
    mansio_buf_add(session->out, MANSIO_STR("\r\n"));
    session->is_mid_response = rc < 0 ? session->is_mid_response : 0;
    return rc;
}

static int refuse(struct imap_session *session, struct imap_cursor *cursor, int rc,
                  const char *expected)
{
    switch (rc) {
    case MANSIO_E_INVALID:
        return imap_end_bad(session, cursor, expected);
    case MANSIO_E_UNSUPPORTED: /* RFC 3501 6.4.4: no list, for all that mail has are taken */
        return imap_end_with(session, IMAP_NO, "[BADCHARSET] Nobody knows that charset");
    default:
        return imap_end_with(session, IMAP_NO, "[LIMIT] Too much to look for at once");
    }
}

int imap_cmd_search(struct imap_session *session, struct imap_cursor *cursor)
{
    struct imap_search search;
    struct imap_search_found found;
    const char *expected = "";
    int rc = imap_search_parse(cursor, &search, &expected);
    if (rc < 0) {
        return refuse(session, cursor, rc, expected);
    }
    if (search.has_modseq) {
        imap_view_enable_condstore(session); /* RFC 7162 3.1 */
    }
    rc = imap_search_run(session, &search, &found);
    if (rc == MANSIO_E_INVALID) {
        return imap_end_bad(session, NULL, "numbers of messages that there are");
    }
    if (rc < 0) {
        return imap_end_failed(session, rc, "The search can't be done now");
    }
    rc = print(session, &found, search.has_modseq);
    return rc < 0 ? rc : imap_end_with(session, IMAP_OK, "That is what was found");
}
