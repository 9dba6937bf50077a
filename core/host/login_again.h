/*
 * Logging in once more on a connection, as each request of HTTP does: with the name and password
 * that were right a while ago the auth modules aren't asked again. What is kept is a proof of both,
 * keyed with what this process drew, never the password, whom they let in and how: as long as the
 * conn, at most `login.again`, one a conn.
 *
 * It lets nobody in: the throttle and the directory (whose name is it?) are asked as ever, and the
 * gate judges each session that comes in by it as it judges live ones, by what the directory says
 * now. Sessions that are the conn's first keep nothing, as nobody logs in again there.
 */
#ifndef MANSIO_CORE_HOST_LOGIN_AGAIN_H
#define MANSIO_CORE_HOST_LOGIN_AGAIN_H

#include "core/host/session.h"

struct core_login_again;

/* What was right before on this session's conn, if it is the same as now: its way. 1: it is; 0: it
 * isn't, or there is nothing.
 *
 * @param facts  whose name it is now, as the directory says: another's lets nobody in */
int core_login_again_find(struct mansio_session *session, struct mansio_str name,
                          struct mansio_str password, const struct mansio_account_facts *facts,
                          struct core_session_way *out_way);

/* A session has been let in by these: keep it for the next of its conn. */
void core_login_again_keep(struct mansio_session *session, struct mansio_str name,
                           struct mansio_str password);

/* They let nobody in any more. */
void core_login_again_forget(struct mansio_session *session);

#endif
