/*
 * Policy as a directory tells it: what each scope says of each service, and what else decides
 * whether an account may use one.
 *
 * A *word* is what one scope says of one service: allow or deny, perhaps under conditions, perhaps
 * locked. A *standing* is all that bears on one account. Nobody but the core's gate judges them;
 * protocols don't see either.
 */
#ifndef MANSIO_POLICY_H
#define MANSIO_POLICY_H

#include <mansio/account.h>
#include <mansio/base.h>

/** From general to special. */
enum mansio_policy_scope {
    MANSIO_POLICY_PLATFORM = 1,
    MANSIO_POLICY_PLAN = 2, /* the account's own plan, else its tenant's */
    MANSIO_POLICY_TENANT = 3,
    MANSIO_POLICY_DOMAIN = 4, /* the login's */
    MANSIO_POLICY_ACCOUNT = 5,
};

enum mansio_policy_verb {
    MANSIO_POLICY_ALLOW = 1,
    MANSIO_POLICY_DENY = 2,
};

/** The condition "tls". A unix socket counts as protected: nothing of it goes over a wire. */
enum mansio_policy_tls {
    MANSIO_POLICY_TLS_ANY = 0,
    MANSIO_POLICY_TLS_REQUIRED = 1, /* holds where the conn is protected */
    MANSIO_POLICY_TLS_ABSENT = 2,   /* holds where it isn't */
};

/** From the first microsecond to before the second; wall clock. */
struct mansio_time_span {
    int64_t from_us, until_us;
};

/** What a scope says of a service. A condition that isn't there holds; all that are there must. */
struct mansio_policy_word {
    size_t size;               /* sizeof(struct mansio_policy_word) */
    uint32_t scope;            /* enum mansio_policy_scope */
    uint32_t verb;             /* enum mansio_policy_verb */
    uint32_t is_locked;        /* 1: more special scopes have no say behind this word */
    uint32_t tls;              /* enum mansio_policy_tls */
    uint32_t credential_kinds; /* bits 1 << enum mansio_credential_kind; 0: no condition */
    uint32_t has_hours;        /* 1: holds within the hours, of which there may be none */
    struct mansio_str service; /* "pop3" */
    struct mansio_str owner;   /* "gold", "alpha", "alpha.test", ...; empty for the platform */
    const struct mansio_str *networks; /* "192.0.2.0/24", "2001:db8::/32", "unix": one must hold the
                                        * peer. Names of networks are resolved */
    size_t network_count;              /* 0: no condition, unless has_networks */
    const struct mansio_str *mechanisms;  /* of SASL, upper case; "PASSWORD" for USER and PASS */
    size_t mechanism_count;               /* 0: no condition */
    const struct mansio_time_span *hours; /* in order, apart from each other */
    size_t hour_count;
    uint32_t has_networks; /* 1: the condition is there even if no network is left in it */
    uint32_t reserved;     /* 0 */
};

/** A credential as far as it bears on sessions. */
struct mansio_standing_credential {
    size_t size; /* sizeof(struct mansio_standing_credential) */
    uint64_t id;
    uint64_t version;                  /* another one once somebody gave it another secret */
    uint32_t kind;                     /* enum mansio_credential_kind */
    uint32_t reserved;                 /* 0 */
    int64_t expires_us;                /* wall clock; 0: never */
    const struct mansio_str *services; /* it is good for these alone */
    size_t service_count;              /* 0: for all */
};

/** All that bears on one account now; or, with account NULL, on who names none of a domain. */
struct mansio_standing {
    size_t size;                                   /* sizeof(struct mansio_standing) */
    const struct mansio_account_facts *account;    /* NULL: there is none (any more) */
    const struct mansio_policy_word *const *words; /* of every service; at most one a scope and
                                                    * service, from general to special */
    size_t word_count;
    const struct mansio_standing_credential *const *credentials;
    size_t credential_count;
    uint32_t default_verb;    /* where no scope speaks */
    uint32_t is_ours;         /* of a domain: 1 if it is one of ours, and active */
    int64_t hours_known_us;   /* wall clock: spans reach so far; ask again before */
    struct mansio_str domain; /* of a domain: its own name, where an alias was asked for */
};

/** Who an account is, as its facts have it. */
struct mansio_account_key {
    uint64_t tenant_id, account_id;
};

/** Where something changed that bears on standings. */
struct mansio_standing_change {
    size_t size;            /* sizeof(struct mansio_standing_change) */
    uint64_t tenant_id;     /* this tenant; 0: any */
    uint64_t account_id;    /* this account of it; 0: all of them */
    struct mansio_str plan; /* all who have this plan; empty: any. Everything empty: everybody */
};

/** What changed since an epoch. */
struct mansio_standing_changes {
    size_t size;       /* sizeof(struct mansio_standing_changes), set by the caller */
    uint64_t epoch;    /* the newest one; never 0 */
    uint32_t is_all;   /* 1: it isn't known where (any more): everywhere */
    uint32_t reserved; /* 0 */
    const struct mansio_standing_change *const *changes;
    size_t change_count;
};

/** That a credential let somebody in. */
struct mansio_credential_use {
    size_t size; /* sizeof(struct mansio_credential_use) */
    struct mansio_account_key account;
    uint64_t credential_id;
    int64_t at_us; /* wall clock */
    struct mansio_str service;
    struct mansio_str network; /* the peer's address */
};

#endif
