/*
 * The end of a message: judging it, making a plan of it, committing that, and telling the client.
 */
#ifndef MANSIO_MODULES_SMTP_DELIVERY_H
#define MANSIO_MODULES_SMTP_DELIVERY_H

#include "session.h"

/*
 * The text is whole, or wrong to its end. Replies (SMTP: once; LMTP: for each recipient, RFC 2033
 * 4.2) and ends the transaction. 250 is said of what is committed and of nothing else.
 *
 * @return 0, or an error that ends the session
 * @yields yes
 */
int smtp_message_end(struct smtp_session *session);

#endif
