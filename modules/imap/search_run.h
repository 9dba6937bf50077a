/*
 * Running a search over the selected mailbox: the cheap questions first, those that read texts only
 * for messages of which the rest has not decided.
 */
#ifndef MANSIO_MODULES_IMAP_SEARCH_RUN_H
#define MANSIO_MODULES_IMAP_SEARCH_RUN_H

#include "ranges.h"
#include "search_parse.h"
#include "session.h"

struct imap_search_found {
    struct imap_gather uids;
    uint64_t modseq; /* highest of what was found */
};

/*
 * @param out  what was found, in the command's arena
 * @return 0; MANSIO_E_INVALID: a set has a number that no message has; or an error of the store
 * @yields yes
 */
MANSIO_MUST_CHECK int imap_search_run(struct imap_session *session,
                                      const struct imap_search *search,
                                      struct imap_search_found *out);

#endif
