/*
 * Commands that ask nobody: CAPABILITY, NOOP, LOGOUT (RFC 3501 6.1), NAMESPACE (RFC 2342), ENABLE
 * (RFC 5161).
 */
#include "commands.h"

#include <mansio/str.h>

#include "reply.h"
#include "view.h"

int imap_cmd_capability(struct imap_session *session, struct imap_cursor *cursor)
{
    if (imap_parse_end(cursor) < 0) {
        return imap_end_bad(session, cursor, "no arguments");
    }
    int rc = imap_ask_mechanisms(session);
    if (rc < 0) {
        return rc;
    }
    mansio_buf_add(session->out, MANSIO_STR("* CAPABILITY "));
    imap_print_capabilities(session, session->out);
    mansio_buf_add(session->out, MANSIO_STR("\r\n"));
    return imap_end_with(session, IMAP_OK, "These are our capabilities");
}

/* What happened to the mailbox comes with the dispatcher's catching up. */
int imap_cmd_noop(struct imap_session *session, struct imap_cursor *cursor)
{
    if (imap_parse_end(cursor) < 0) {
        return imap_end_bad(session, cursor, "no arguments");
    }
    imap_view_look(session);
    return imap_end_with(session, IMAP_OK, "Still here");
}

int imap_cmd_logout(struct imap_session *session, struct imap_cursor *cursor)
{
    if (imap_parse_end(cursor) < 0) {
        return imap_end_bad(session, cursor, "no arguments");
    }
    imap_reply_untagged(session->out, "BYE Until next time");
    session->state = IMAP_LOGOUT;
    session->is_over = 1;
    return imap_end_with(session, IMAP_OK, "Logged out");
}

/* One namespace, all of it the account's own. */
int imap_cmd_namespace(struct imap_session *session, struct imap_cursor *cursor)
{
    if (imap_parse_end(cursor) < 0) {
        return imap_end_bad(session, cursor, "no arguments");
    }
    imap_reply_untagged(session->out, "NAMESPACE ((\"\" \"/\")) NIL NIL");
    return imap_end_with(session, IMAP_OK, "That is all");
}

/* What is unknown or can't be enabled is passed over (RFC 5161 3.1). */
int imap_cmd_enable(struct imap_session *session, struct imap_cursor *cursor)
{
    struct mansio_buf *enabled = mansio_buf_new(session->arena, IMAP_OUT_FLUSH);
    do {
        struct mansio_str capability, name;
        if (imap_parse_space(cursor) < 0 || imap_parse_atom(cursor, &capability) < 0) {
            return imap_end_bad(session, cursor, "a space and a capability");
        }
        uint32_t bit = imap_find_enabled(capability, &name);
        if (bit != 0 && !(session->enabled & bit)) {
            if (bit == IMAP_ENABLED_CONDSTORE) {
                imap_view_enable_condstore(session);
            }
            session->enabled |= bit;
            mansio_buf_printf(enabled, " %.*s", MANSIO_STR_ARG(name));
        }
    } while (imap_parse_end(cursor) < 0);
    imap_reply_untagged(session->out, "ENABLED%.*s", MANSIO_STR_ARG(mansio_buf_str(enabled)));
    return imap_end_with(session, IMAP_OK, "Enabled");
}
