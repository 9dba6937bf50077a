/*
 * Plans: what shall become of an arrived message, recipient by recipient. Filters shape a plan, a
 * store commits it in one transaction.
 *
 * A plan is a list of entries. A recipient may have several (kept in one mailbox and copied to
 * another); it has at least one.
 */
#ifndef MANSIO_PLAN_H
#define MANSIO_PLAN_H

#include <mansio/account.h>
#include <mansio/arena.h>
#include <mansio/base.h>

/** Opaque. */
struct mansio_plan;

enum mansio_plan_action {
    MANSIO_PLAN_DELIVER = 1,    /* into a collection of the account */
    MANSIO_PLAN_DISCARD = 2,    /* nothing is kept, the sender is told 250 */
    MANSIO_PLAN_REJECT = 3,     /* the sender is told `reply` */
    MANSIO_PLAN_QUARANTINE = 4, /* into the account's \Junk, made if there is none */
    MANSIO_PLAN_SEND = 5,       /* into the spool, to `forward_path` */
};

struct mansio_plan_entry {
    size_t size;                    /* sizeof(struct mansio_plan_entry) */
    uint32_t action;                /* enum mansio_plan_action */
    uint32_t recipient;             /* which recipient of the transaction, from 0 */
    struct mansio_account *account; /* whose mailbox, or on whose behalf it is sent. NULL: SEND, in
                                     * spool_finish() alone, on behalf of whose item it is */
    struct mansio_str collection;   /* DELIVER: its name; empty: INBOX */
    uint32_t is_creating; /* DELIVER: 1: make the collection if there is none; 0: INBOX then */
    uint32_t flags;       /* enum mansio_message_flags */
    struct mansio_str keywords;     /* separated by one space */
    struct mansio_str prefix;       /* header lines before the message, with CRLF: Return-Path,
                                     * Delivered-To, Received. Most often the same bytes for all */
    struct mansio_str forward_path; /* SEND: "user@example.org" */
    struct mansio_str
        notify; /* SEND: as RFC 3461 4.1: "NEVER", "SUCCESS,FAILURE"; empty: the usual */
    struct mansio_str original_recipient; /* SEND: ORCPT of RFC 3461 4.2, decoded; may be empty */
    struct mansio_str reply;              /* REJECT: "550 5.7.1 text", one line */
};

enum mansio_plan_flags {
    /* Recipients stand or fall alone (LMTP, RFC 2033 4.2): what can't be delivered to one of them
     * doesn't keep the rest from being committed. Without it: all or nothing. */
    MANSIO_PLAN_EACH = 1,
    /* Recipients were accepted one by one before the message came: quota, which was asked then,
     * refuses nobody now. */
    MANSIO_PLAN_ACCEPTED = 2,
    MANSIO_PLAN_8BIT = 4, /* there are bytes beyond ASCII (RFC 6152) */
    MANSIO_PLAN_UTF8 = 8, /* the message needs SMTPUTF8 (RFC 6531) */
};

/** What all entries of a plan share. */
struct mansio_plan_facts {
    size_t size;                    /* sizeof(struct mansio_plan_facts) */
    uint32_t flags;                 /* enum mansio_plan_flags */
    uint32_t reserved;              /* 0 */
    int64_t received_us;            /* wall clock: the internal date */
    struct mansio_str reverse_path; /* "user@example.org"; empty: the null path */
    struct mansio_str envelope_id;  /* ENVID of RFC 3461 4.4; may be empty */
    struct mansio_str ret;          /* "FULL", "HDRS" or empty (RFC 3461 4.3) */
};

/**
 * Make a plan without entries.
 *
 * @param facts  copied
 * @return the plan; NULL, with the detail, when @p arena is full
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK struct mansio_plan *mansio_plan_new(
    struct mansio_arena *arena, const struct mansio_plan_facts *facts);

/** What all entries share; lives as long as the plan. @yields no @since 1.0 */
MANSIO_EXPORT const struct mansio_plan_facts *mansio_plan_facts(const struct mansio_plan *plan);

/**
 * Add an entry.
 *
 * @param entry  copied, texts too; the account must live as long as the plan
 * @return its index; MANSIO_E_LIMIT past 10,000 entries or without room; MANSIO_E_INVALID for an
 *         entry that is none
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_plan_add(struct mansio_plan *plan,
                                                    const struct mansio_plan_entry *entry);

/** Replace an entry: as mansio_plan_add(), or MANSIO_E_NOT_FOUND. @yields no @since 1.0 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_plan_change(struct mansio_plan *plan, size_t index,
                                                       const struct mansio_plan_entry *entry);

/** Number of entries. @yields no @since 1.0 */
MANSIO_EXPORT size_t mansio_plan_count(const struct mansio_plan *plan);

/** An entry; valid until it is changed. NULL past the end. @yields no @since 1.0 */
MANSIO_EXPORT const struct mansio_plan_entry *mansio_plan_entry(const struct mansio_plan *plan,
                                                                size_t index);

/** What became of an entry. */
struct mansio_plan_outcome {
    size_t size;            /* sizeof(struct mansio_plan_outcome) */
    int32_t code;           /* 0: committed; MANSIO_E_LIMIT: over quota; MANSIO_E_NOT_FOUND: the
                             * account is gone; MANSIO_E_BUG: nobody has said yet */
    uint32_t uid;           /* DELIVER, QUARANTINE */
    uint64_t collection_id; /* likewise */
};

/** For stores: say what became of an entry. @yields no @since 1.0 */
MANSIO_EXPORT void mansio_plan_set_outcome(struct mansio_plan *plan, size_t index,
                                           const struct mansio_plan_outcome *outcome);

/** What became of an entry; valid until it is set again. NULL past the end. @yields no @since 1.0
 */
MANSIO_EXPORT const struct mansio_plan_outcome *mansio_plan_outcome(const struct mansio_plan *plan,
                                                                    size_t index);

#endif
