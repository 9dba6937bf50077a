/*
 * A message's text on its way in: from DATA's or BDAT's bytes into the transaction's content.
 */
#ifndef MANSIO_MODULES_SMTP_BODY_H
#define MANSIO_MODULES_SMTP_BODY_H

#include "reply.h"
#include "session.h"

/* Begin the text of a transaction that has none yet. */
void smtp_body_begin(struct smtp_session *session, uint32_t is_dotted);

/*
 * Take bytes. What is wrong with them is kept in the transaction; the text goes on to its end.
 *
 * @param in  used up, or, where the text has ended, what lies behind it
 * @return 1 at the end, 0 before; an error that ends the session
 * @yields yes
 */
int smtp_body_take(struct smtp_session *session, struct mansio_str *in);

/* A text without an end of its own (BDAT) is over: 0, or an error that ends the session. Yields. */
int smtp_body_finish(struct smtp_session *session);

/* Set the stream's deadline for more of a text. */
void smtp_body_set_deadline(struct smtp_session *session);

/* What is against the text so far, whatever is in it; code 0: nothing. */
struct smtp_answer smtp_body_judge(const struct smtp_session *session);

#endif
