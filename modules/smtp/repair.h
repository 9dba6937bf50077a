/*
 * What submission does to a message (RFC 6409 8): completes its header, and takes out what isn't
 * for everybody's eyes.
 */
#ifndef MANSIO_MODULES_SMTP_REPAIR_H
#define MANSIO_MODULES_SMTP_REPAIR_H

#include "reply.h"
#include "session.h"

/*
 * Look at the transaction's message, which is whole, and judge whose it is (author.h); where
 * something is missing or too much, put another content in the place of the transaction's: Date,
 * From, Sender, Message-ID before the first byte, an empty line behind a header that has none, no
 * Bcc. Every other byte stays. A message that wants nothing is left alone.
 *
 * @param out  code 0, or why it isn't taken
 * @return 0, or an error that ends the session
 * @yields yes
 */
MANSIO_MUST_CHECK int smtp_repair(struct smtp_session *session, struct smtp_answer *out);

#endif
