/*
 * Logging in once more on a connection, as each request of HTTP does: with the name and password
 * that were right a while ago the auth modules aren't asked again. What is kept is a proof of both,
 * keyed with what this process drew, never the password, and how they let their session in: as long
 * as the conn, at most `login.again`, one a conn.
 *
 * It lets nobody in: the throttle is asked as ever, and the gate judges each session that comes in
 * by it as it judges live ones, by what the directory says now. Sessions that are the conn's first
 * keep nothing, as nobody logs in again there.
 */
#ifndef MANSIO_CORE_HOST_LOGIN_AGAIN_H
#define MANSIO_CORE_HOST_LOGIN_AGAIN_H

#include "core/host/session.h"

struct core_login_again;

/* What was right before on this session's conn, if it is the same as now: its account and way, into
 * @p arena. 1: it is; 0: it isn't, or there is nothing; as good as that: no room. */
int core_login_again_find(struct mansio_session *session, struct mansio_str name,
                          struct mansio_str password, struct mansio_arena *arena,
                          const struct mansio_account_facts **out_facts,
                          struct core_session_way *out_way);

/* A session has been let in by these: keep it for the next of its conn. */
void core_login_again_keep(struct mansio_session *session, struct mansio_str name,
                           struct mansio_str password);

/* They let nobody in any more. */
void core_login_again_forget(struct mansio_session *session);

#endif
