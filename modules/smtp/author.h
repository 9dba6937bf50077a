/*
 * Whose a message says it is: the addresses of From and Sender, judged as sender.h judges one.
 */
#ifndef MANSIO_MODULES_SMTP_AUTHOR_H
#define MANSIO_MODULES_SMTP_AUTHOR_H

#include "header.h"
#include "reply.h"
#include "session.h"

/*
 * May the account that is logged in be the author of that (setting `from_check`)?
 *
 * @param header       read to its end
 * @param out_authors  how many mailboxes From names
 * @param out          code 0: it may, or nobody asks
 * @return 0, or an error that ends the session
 * @yields yes
 */
MANSIO_MUST_CHECK int smtp_author_judge(struct smtp_session *session,
                                        const struct smtp_header *header, size_t *out_authors,
                                        struct smtp_answer *out);

#endif
