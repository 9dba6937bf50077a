/*
 * Telling the sender that a message was delivered here, where it was asked for: NOTIFY=SUCCESS (RFC
 * 3461 5.2.1). What goes on elsewhere takes the wish along; failure is told in the dialogue.
 */
#ifndef MANSIO_MODULES_SMTP_NOTIFY_H
#define MANSIO_MODULES_SMTP_NOTIFY_H

#include "session.h"

/*
 * The transaction is committed, and the reply written: report to whom it is from. What can't be
 * reported is logged and counted; the message is delivered all the same.
 *
 * @return 0, or an error that ends the session
 * @yields yes
 */
MANSIO_MUST_CHECK int smtp_notify_success(struct smtp_session *session);

#endif
