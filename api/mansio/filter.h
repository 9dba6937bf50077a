/*
 * The interface "filter", version 1: who looks at mail on its way in.
 *
 * A receiving protocol asks the instances that its `filters` setting names, in order, at each stage
 * of a transaction. A filter may accept as it stands, shape the plan, refuse, or put off. The first
 * that refuses or puts off decides; what a filter fails at is put off (4yz), unless the protocol's
 * settings say to go on without it.
 */
#ifndef MANSIO_FILTER_H
#define MANSIO_FILTER_H

#include <mansio/account.h>
#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/buf.h>
#include <mansio/content.h>
#include <mansio/module.h>
#include <mansio/plan.h>
#include <mansio/session.h>

#define MANSIO_FILTER         "filter"
#define MANSIO_FILTER_VERSION 1

/** Stages, in order. Readers accept unknown values and say MANSIO_VERDICT_NEXT. */
enum mansio_filter_stage {
    MANSIO_STAGE_CONNECT = 1,   /* before the greeting */
    MANSIO_STAGE_GREETING = 2,  /* EHLO, HELO, LHLO */
    MANSIO_STAGE_SENDER = 3,    /* MAIL */
    MANSIO_STAGE_RECIPIENT = 4, /* each RCPT, once it was found to be ours, or fit to be sent to */
    MANSIO_STAGE_MESSAGE = 5,   /* the content is whole */
    MANSIO_STAGE_DELIVERY = 6,  /* each recipient, the plan made: what Sieve does */
};

enum mansio_verdict {
    MANSIO_VERDICT_NEXT = 1,    /* nothing against it: ask the next filter */
    MANSIO_VERDICT_ACCEPT = 2,  /* ask no further filter at this stage */
    MANSIO_VERDICT_REJECT = 3,  /* with reply, 5yz */
    MANSIO_VERDICT_DEFER = 4,   /* with reply, 4yz */
    MANSIO_VERDICT_DISCARD = 5, /* say 250 and keep nothing; from SENDER on: the whole message, at
                                 * RECIPIENT and DELIVERY: this recipient */
};

/** What is known so far; fields of later stages are empty. Lives for the call. */
struct mansio_filter_subject {
    size_t size;                    /* sizeof(struct mansio_filter_subject) */
    struct mansio_session *session; /* conn, peer, TLS, account if somebody logged in */
    struct mansio_arena *arena;     /* of the transaction: for what the plan refers to */
    struct mansio_str greeting;     /* the name the client gave itself */
    struct mansio_str reverse_path; /* "user@example.org"; empty: the null path */
    uint64_t declared_bytes;        /* SIZE; 0: not told */
    const struct mansio_recipient *const *recipients; /* accepted so far; at RECIPIENT and DELIVERY
                                                       * the last, or `recipient`, is the one */
    size_t recipient_count;
    size_t recipient;               /* DELIVERY: whose turn it is */
    struct mansio_content *content; /* MESSAGE, DELIVERY; finished */
    struct mansio_plan *plan;       /* DELIVERY: to be shaped; MESSAGE: NULL */
    struct mansio_buf *prefix;      /* MESSAGE: header lines to be put before the message for every
                                     * recipient, with CRLF (Authentication-Results) */
    struct mansio_buf *reply; /* REJECT, DEFER: "550 5.7.1 text", one line, no CRLF; left empty:
                               * the protocol's own words */
};

struct mansio_filter {
    size_t size; /* sizeof(struct mansio_filter) */

    /** The stages that look() wants to be asked at: bits 1 << enum mansio_filter_stage. */
    uint32_t stages;
    uint32_t reserved; /* 0 */

    /**
     * Look at a transaction.
     *
     * @param stage        an enum mansio_filter_stage value
     * @param deadline_us  monotonic time by which to answer
     * @return an enum mansio_verdict value, or an error
     * @yields yes    @since 1.0
     */
    int (*look)(struct mansio_instance *instance, uint32_t stage,
                const struct mansio_filter_subject *subject, int64_t deadline_us);
};

#endif
