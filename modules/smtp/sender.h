/*
 * Whose an address is: may the account that is logged in send as it?
 */
#ifndef MANSIO_MODULES_SMTP_SENDER_H
#define MANSIO_MODULES_SMTP_SENDER_H

#include "session.h"

#include <mansio/arena.h>

/*
 * Does an address lead to the account that is logged in? Its own address, its aliases in all of the
 * tenant's domains, sub-addresses of them; an alias of several accounts where `shared_senders` is
 * on. A catch-all makes nobody an owner.
 *
 * @param arena   for temporaries
 * @param local   quotes resolved
 * @param domain  as written; a literal is nobody's
 * @return 1; 0; an error when nobody can tell now
 * @yields yes
 */
MANSIO_MUST_CHECK int smtp_sender_is_own(struct smtp_session *session, struct mansio_arena *arena,
                                         struct mansio_str local, struct mansio_str domain);

#endif
