/*
 * Sessions: a dialogue for one service on a conn, authenticated or nameless.
 *
 * The core opens the first session of a conn before the protocol runs and enters it in the node's
 * registry, where administrators and policy find it. Protocols with many sessions on a conn (one a
 * request) open further ones themselves.
 */
#ifndef MANSIO_SESSION_H
#define MANSIO_SESSION_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/conn.h>
#include <mansio/module.h>

/** Opaque. */
struct mansio_session;

struct mansio_fiber;

/**
 * Open a further session on a conn, for a service of its own. The running fiber's log lines carry
 * its id until it is closed.
 *
 * @param conn      the conn
 * @param instance  the instance that serves it
 * @param service   the name that policy knows: lower-case letters, digits, '-'; at most 31 bytes
 * @param out       the session; end it with mansio_session_close()
 * @return 0; MANSIO_E_INVALID for a name that is none; MANSIO_E_LIMIT at the configured number of
 *         sessions
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_session_open(struct mansio_conn *conn,
                                                        struct mansio_instance *instance,
                                                        struct mansio_str service,
                                                        struct mansio_session **out);

/** End a session that mansio_session_open() gave; its arena goes with it. Never the one that the
 * core gave to serve(). NULL does nothing. @yields no @since 1.0 */
MANSIO_EXPORT void mansio_session_close(struct mansio_session *session);

/**
 * Say which fiber serves a session, where that isn't the conn's: one that does nothing but work for
 * this session, and that whoever calls this starts and joins. When the session is ended from
 * outside (policy, an administrator), that fiber is cancelled in place of the conn's, no goodbye is
 * said, and the conn goes on with its other sessions. A drain stops and cancels the conn's fiber as
 * ever, which passes it on.
 *
 * @param session  not the one that the core gave to serve()
 * @param fiber    not ended; NULL, once it has ended, with no yield since it was joined: the conn's
 *                 serves it again. If the session was ended meanwhile it is nameless from then on
 *                 (mansio_session_account() is NULL, handles are gone): nothing is left to do with
 *                 it but to close it
 * @yields no     @since 1.0
 */
MANSIO_EXPORT void mansio_session_set_fiber(struct mansio_session *session,
                                            struct mansio_fiber *fiber);

/** Its id, unique on this node for a very long time; in every log line. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_str mansio_session_id(const struct mansio_session *session);

/** The service it is for. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_str mansio_session_service(const struct mansio_session *session);

/** Its conn. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_conn *mansio_session_conn(struct mansio_session *session);

/** Its conn's stream. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_stream *mansio_session_stream(struct mansio_session *session);

/** The arena that lives as long as the session. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_arena *mansio_session_arena(struct mansio_session *session);

/** The protocol's own state. @yields no @since 1.0 */
MANSIO_EXPORT void *mansio_session_data(const struct mansio_session *session);

/** Set the protocol's own state; the core never looks at it. @yields no @since 1.0 */
MANSIO_EXPORT void mansio_session_set_data(struct mansio_session *session, void *data);

/** Say in a word or two what the session is doing, for `mansioctl sessions list`.
 * @param activity  static text
 * @yields no @since 1.0 */
MANSIO_EXPORT void mansio_session_set_activity(struct mansio_session *session,
                                               const char *activity);

#endif
