/*
 * Asking the filters of an instance, in order, what they think.
 */
#ifndef MANSIO_MODULES_SMTP_FILTERS_H
#define MANSIO_MODULES_SMTP_FILTERS_H

#include "reply.h"
#include "session.h"

#include <mansio/arena.h>
#include <mansio/filter.h>

/* What is asked beside what the session knows. */
struct smtp_question {
    uint32_t stage;            /* enum mansio_filter_stage */
    struct mansio_plan *plan;  /* DELIVERY */
    size_t recipient;          /* DELIVERY: whose turn it is */
    struct mansio_buf *prefix; /* MESSAGE */
    struct mansio_arena
        *arena; /* owns words, and what filters keep where there is no transaction */
};

/**
 * Ask at a stage.
 *
 * @param out  for REJECT (5yz) and DEFER (4yz): what to tell the client; words in the question's
 *             arena, or static
 * @return an enum mansio_verdict value: NEXT if nobody has anything against it; an error that ends
 *         the session
 * @yields yes
 */
int smtp_filters_ask(struct smtp_session *session, const struct smtp_question *question,
                     struct smtp_answer *out);

#endif
