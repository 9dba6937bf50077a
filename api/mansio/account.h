/*
 * Accounts and recipients: handles to somebody's mail.
 *
 * A protocol never names a tenant or a pool. It gets an account of its session (who logged in) or
 * of a recipient (who is written to), and the account leads to the store that holds its mail. So an
 * id that belongs to another tenant finds nothing.
 */
#ifndef MANSIO_ACCOUNT_H
#define MANSIO_ACCOUNT_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/module.h>
#include <mansio/session.h>

/** Opaque. */
struct mansio_account;
struct mansio_recipient;

struct mansio_store;
struct mansio_blob;

/** What an account, a domain or a tenant may do at all; policy comes on top. */
enum mansio_state {
    MANSIO_STATE_ACTIVE = 1,
    MANSIO_STATE_SUSPENDED = 2, /* nobody logs in; mail is received */
    MANSIO_STATE_CLOSED = 3,    /* nobody logs in; mail is refused for now */
};

/** What is said when a mailbox is full. */
enum mansio_quota_reply {
    MANSIO_QUOTA_TEMPORARY = 1, /* 452 4.2.2: the sender tries again */
    MANSIO_QUOTA_PERMANENT = 2, /* 552 5.2.2 */
};

/** What a directory says of an account. Filled by providers of "directory". */
struct mansio_account_facts {
    size_t size;                /* sizeof(struct mansio_account_facts) */
    uint64_t tenant_id;         /* never 0 */
    uint64_t account_id;        /* never 0 */
    struct mansio_str tenant;   /* its name: "alpha" */
    struct mansio_str plan;     /* the account's, else the tenant's; may be empty */
    struct mansio_str address;  /* the account's own address, in its one spelling */
    struct mansio_str pool;     /* the instance that provides its store; empty: the only one */
    uint32_t state;             /* enum mansio_state: the worst of tenant, domain and account */
    uint32_t quota_reply;       /* enum mansio_quota_reply */
    uint64_t quota_bytes;       /* 0: none */
    uint64_t quota_messages;    /* 0: none */
    uint64_t message_bytes_max; /* of one message; 0: the protocol's own */
    uint64_t sessions_max;      /* open at once on a node; 0: the configuration's */
    uint64_t messages_hour;     /* that it may send in an hour, from a node; 0: likewise */
    uint64_t recipients_hour;   /* that they may go to, likewise */
};

/** What is known of an account; lives as long as the handle. @yields no @since 1.0 */
MANSIO_EXPORT const struct mansio_account_facts *mansio_account_facts(
    const struct mansio_account *account);

/**
 * The store that holds an account's mail.
 *
 * @param out_pool  the instance to pass to the store's functions; may not be NULL
 * @return its functions; one that it doesn't offer is NULL. Lives as long as the process
 * @yields no     @since 1.0
 */
MANSIO_EXPORT const struct mansio_store *mansio_account_store(const struct mansio_account *account,
                                                              struct mansio_instance **out_pool);

/**
 * The blobs of an account's tenant.
 *
 * @return its functions; NULL if the store's instance offers no blobs
 * @yields no     @since 1.0
 */
MANSIO_EXPORT const struct mansio_blob *mansio_account_blob(const struct mansio_account *account,
                                                            struct mansio_instance **out_pool);

/** Who a session belongs to: NULL while it is nameless. Lives as long as the session, or until
 * it is nameless again. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_account *mansio_session_account(const struct mansio_session *session);

/* ---- recipients -------------------------------------------------------------------------------
 */

/**
 * Find out where an address leads: aliases, catch-all and sub-addresses are followed.
 *
 * @param arena        owns the recipient
 * @param local        local part, quotes resolved; "postmaster" with an empty domain is the
 *                     platform's
 * @param domain       as written
 * @param deadline_us  monotonic time
 * @param out          where it leads; at least one account
 * @return 0; MANSIO_E_NOT_FOUND: a domain of ours without this address; MANSIO_E_UNSUPPORTED: not
 *         a domain of ours; MANSIO_E_BUSY: ours, but mail for it is refused for now;
 *         MANSIO_E_INVALID; MANSIO_E_UNAVAILABLE; MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED;
 *         MANSIO_E_LIMIT
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_recipient_resolve(struct mansio_arena *arena,
                                                             struct mansio_str local,
                                                             struct mansio_str domain,
                                                             int64_t deadline_us,
                                                             struct mansio_recipient **out);

/**
 * A recipient elsewhere, for who sends on somebody's behalf: it reaches no account of ours.
 *
 * @param arena   owns the recipient
 * @param local   local part, quotes resolved; kept as it is
 * @param domain  as written: a name becomes A-labels, an address literal stays
 * @param out     with mansio_recipient_count() 0
 * @return 0; MANSIO_E_INVALID for what is no domain; MANSIO_E_LIMIT
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_recipient_remote(struct mansio_arena *arena,
                                                            struct mansio_str local,
                                                            struct mansio_str domain,
                                                            struct mansio_recipient **out);

/** The address that was resolved, in its one spelling; of a catch-all "@example.org". Lives as long
 * as the recipient. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_str mansio_recipient_address(const struct mansio_recipient *recipient);

/** What stood behind the sub-address separator ("lists" of user+lists@...); empty without one.
 * @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_str mansio_recipient_detail(const struct mansio_recipient *recipient);

/** How many accounts it reaches; at least 1, and 0 of one elsewhere. @yields no @since 1.0 */
MANSIO_EXPORT size_t mansio_recipient_count(const struct mansio_recipient *recipient);

/** One of them. @param index  below mansio_recipient_count() @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_account *mansio_recipient_account(
    const struct mansio_recipient *recipient, size_t index);

#endif
