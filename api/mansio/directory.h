/*
 * The interface "directory", version 1: who there is. Tenants, plans, domains, accounts, addresses,
 * credentials, quotas, and what leads from an address or a login name to an account.
 *
 * The first part answers the core, for every message and every login; the second is for
 * administration: objects of named kinds with named fields, so that mansioctl and whatever else
 * administers speak of all kinds alike. Every change is one transaction with an audit row.
 */
#ifndef MANSIO_DIRECTORY_H
#define MANSIO_DIRECTORY_H

#include <mansio/account.h>
#include <mansio/arena.h>
#include <mansio/auth.h>
#include <mansio/base.h>
#include <mansio/module.h>
#include <mansio/policy.h>

#define MANSIO_DIRECTORY         "directory"
#define MANSIO_DIRECTORY_VERSION 1

/** Where an address leads. Filled by the provider, in the caller's arena. */
struct mansio_route {
    size_t size;               /* sizeof(struct mansio_route), set by the caller */
    struct mansio_str address; /* the address that was found, in its one spelling */
    struct mansio_str detail;  /* of a sub-address; else empty */
    const struct mansio_account_facts *const *accounts; /* no two the same */
    size_t account_count;
};

/* ---- objects ----------------------------------------------------------------------------------
 *
 * A key names an object: a tenant "alpha", a plan "gold", a domain "alpha.test", an account or an
 * address "user@alpha.test", a catch-all "@alpha.test", a credential "user@alpha.test" (the main
 * password) or "user@alpha.test#phone" (an app password), a quota "user@alpha.test", "alpha" (a
 * tenant's) or "plan:gold". A word of policy is named by its scope and service: "platform/pop3",
 * "plan:gold/pop3", "tenant:alpha/pop3", "domain:alpha.test/pop3", "account:user@alpha.test/pop3";
 * a named network by "office" (the platform's) or "alpha:office" (a tenant's, which comes first for
 * it).
 */
enum mansio_object_kind {
    MANSIO_OBJECT_PLATFORM = 1, /* one, key "": defaults of the installation */
    MANSIO_OBJECT_PLAN = 2,
    MANSIO_OBJECT_TENANT = 3,
    MANSIO_OBJECT_DOMAIN = 4,  /* a domain, or, with field "alias_of", another name for one */
    MANSIO_OBJECT_ACCOUNT = 5, /* its key is its first address */
    MANSIO_OBJECT_ADDRESS = 6, /* an alias; "@alpha.test" for a catch-all */
    MANSIO_OBJECT_CREDENTIAL = 7,
    MANSIO_OBJECT_QUOTA = 8,    /* of a plan, a tenant or an account: its key says whose */
    MANSIO_OBJECT_AUDIT = 9,    /* read only */
    MANSIO_OBJECT_POLICY = 10,  /* a scope's word: added or replaced by object_set() */
    MANSIO_OBJECT_NETWORK = 11, /* a name for networks, for words of policy */
};

/** Types of a field's text. */
enum mansio_field_type {
    MANSIO_FIELD_TEXT = 1,
    MANSIO_FIELD_NUMBER = 2,
    MANSIO_FIELD_BYTES = 3,  /* a number; people may write 10G */
    MANSIO_FIELD_BOOL = 4,   /* "true", "false" */
    MANSIO_FIELD_CHOICE = 5, /* one of choices */
    MANSIO_FIELD_TIME = 6,   /* RFC 3339 */
    MANSIO_FIELD_LIST = 7,   /* texts separated by one space */
    MANSIO_FIELD_SECRET = 8, /* given, never shown */
};

enum mansio_field_flags {
    MANSIO_FIELD_READ_ONLY = 1,
    MANSIO_FIELD_REQUIRED = 2, /* when the object is added */
    MANSIO_FIELD_ADD_ONLY = 4, /* can't be changed later */
    MANSIO_FIELD_IN_LIST = 8,  /* worth a column in a list */
    MANSIO_FIELD_FILTER = 16,  /* a list can be narrowed by it */
};

struct mansio_field_form {
    size_t size;      /* sizeof(struct mansio_field_form): also the table's stride */
    const char *name; /* lower-case letters, digits, '_' */
    uint32_t type;    /* enum mansio_field_type */
    uint32_t flags;
    const char *const *choices; /* NULL-terminated; for CHOICE */
    const char *help;           /* one line */
};

struct mansio_object_form {
    size_t size;       /* sizeof(struct mansio_object_form): also the table's stride */
    uint32_t kind;     /* enum mansio_object_kind */
    uint32_t reserved; /* 0 */
    const char *name;  /* "tenant" */
    const char *key;   /* what its key is, for people: "NAME", "USER@DOMAIN" */
    const struct mansio_field_form *fields;
    size_t field_count;
};

/** The forms of all kinds, which every directory shares. @param out_count  how many
 * @yields no @since 1.0 */
MANSIO_EXPORT const struct mansio_object_form *mansio_object_forms(size_t *out_count);

/** A field of an object, given or read. */
struct mansio_field {
    struct mansio_str name;
    struct mansio_str value; /* ptr NULL: take it away; when read: it has none */
};

/** An object as it was read: one field for each of its form that it has. */
struct mansio_object {
    size_t size;
    uint32_t kind;
    uint32_t reserved; /* 0 */
    struct mansio_str key;
    const struct mansio_field *fields;
    size_t field_count;
};

/** Called for each object of a list; @p object is gone when it returns. Not 0 ends the list. */
typedef int (*mansio_object_fn)(void *arg, const struct mansio_object *object);

/** Who changes something, and why: for the audit row. */
struct mansio_actor {
    size_t size;              /* sizeof(struct mansio_actor) */
    struct mansio_str name;   /* "root", "provisioning" */
    struct mansio_str reason; /* may be empty */
};

/** What was done to something that is no object: an audit row's texts. */
struct mansio_deed {
    size_t size;              /* sizeof(struct mansio_deed) */
    struct mansio_str action; /* "remove" */
    struct mansio_str kind;   /* "spool" */
    struct mansio_str object; /* which */
    struct mansio_str tenant; /* name of whose it was; may be empty */
    struct mansio_str before; /* JSON, an object: what it was; may be empty */
};

/** Called for each account of a list; @p standing is gone when it returns. Not 0 ends the list. */
typedef int (*mansio_standing_fn)(void *arg, const struct mansio_standing *standing);

struct mansio_directory {
    size_t size; /* sizeof(struct mansio_directory) */

    /* ---- for the core; deadlines are monotonic times; results live in the arena given --------
     * All: MANSIO_E_UNAVAILABLE, MANSIO_E_TIMEOUT, MANSIO_E_CANCELLED, MANSIO_E_LIMIT beside what
     * is said. */

    /**
     * Where an address leads.
     *
     * @param local   its one spelling (mansio_local_normalize())
     * @param domain  its one spelling; empty for the platform's postmaster
     * @return 0; MANSIO_E_NOT_FOUND: no such address in a domain of ours; MANSIO_E_UNSUPPORTED: not
     *         a domain of ours; MANSIO_E_BUSY: mail for it is refused for now
     * @yields yes    @since 1.0
     */
    int (*route)(struct mansio_instance *instance, struct mansio_str local,
                 struct mansio_str domain, struct mansio_arena *arena, int64_t deadline_us,
                 struct mansio_route *out);

    /**
     * What is known of a login name.
     *
     * @param local   its one spelling
     * @param domain  its one spelling; empty: none was given
     * @param out     its size set; also for a name that isn't (account NULL)
     * @return 0
     * @yields yes    @since 1.0
     */
    int (*login)(struct mansio_instance *instance, struct mansio_str local,
                 struct mansio_str domain, struct mansio_arena *arena, int64_t deadline_us,
                 struct mansio_login *out);

    /**
     * As login(), of nobody: what the tenant of a domain would have (is_scram_ready, scheme), for
     * capabilities before login. An empty domain, or one that isn't ours, gives the platform's,
     * is_scram_ready only if every tenant is.
     * @yields yes    @since 1.0
     */
    int (*login_defaults)(struct mansio_instance *instance, struct mansio_str domain,
                          struct mansio_arena *arena, int64_t deadline_us,
                          struct mansio_login *out);

    /**
     * Replace a stored credential that hasn't changed since: an upgrade at login.
     *
     * @param account  whose
     * @return 0; MANSIO_E_NOT_FOUND if it is another one by now
     * @yields yes    @since 1.0
     */
    int (*credential_upgrade)(struct mansio_instance *instance,
                              const struct mansio_account_facts *account, uint64_t credential_id,
                              struct mansio_str was, struct mansio_str stored, int64_t deadline_us);

    /* ---- for administration: role MANSIO_ROLE_ADMIN alone; MANSIO_E_DENIED elsewhere ----------
     */

    /**
     * Add an object.
     *
     * @param fields  of the kind's form; MANSIO_E_INVALID names the one that is wrong. Of a
     *                credential the field "stored" is the stored form, made by an auth module
     * @return 0; MANSIO_E_EXISTS; MANSIO_E_NOT_FOUND (what it belongs to); MANSIO_E_INVALID;
     *         MANSIO_E_LIMIT (what the plan allows)
     * @yields yes    @since 1.0
     */
    int (*object_add)(struct mansio_instance *instance, const struct mansio_actor *actor,
                      uint32_t kind, struct mansio_str key, const struct mansio_field *fields,
                      size_t count, int64_t deadline_us);

    /** Change fields of an object. @return 0; MANSIO_E_NOT_FOUND; MANSIO_E_INVALID;
     * MANSIO_E_EXISTS
     * @yields yes    @since 1.0 */
    int (*object_set)(struct mansio_instance *instance, const struct mansio_actor *actor,
                      uint32_t kind, struct mansio_str key, const struct mansio_field *fields,
                      size_t count, int64_t deadline_us);

    /**
     * Remove an object.
     *
     * @param cascade  1: with all that hangs on it (a tenant's domains, accounts, mail); 0: refuse
     *                 if anything does
     * @return 0; MANSIO_E_NOT_FOUND; MANSIO_E_BUSY: something hangs on it, the detail says what
     * @yields yes    @since 1.0
     */
    int (*object_remove)(struct mansio_instance *instance, const struct mansio_actor *actor,
                         uint32_t kind, struct mansio_str key, uint32_t cascade,
                         int64_t deadline_us);

    /**
     * Visit objects of a kind, by key.
     *
     * @param filters  fields with MANSIO_FIELD_FILTER and "key", all of which must match
     * @param visit    must not yield
     * @return 0, or what @p visit returned
     * @yields yes    @since 1.0
     */
    int (*object_list)(struct mansio_instance *instance, uint32_t kind,
                       const struct mansio_field *filters, size_t count, mansio_object_fn visit,
                       void *arg, int64_t deadline_us);

    /* ---- the schema of the provider, if it has one -------------------------------------------
     */

    /**
     * Bring the schema up to what this provider wants. Role MANSIO_ROLE_ADMIN.
     *
     * @param tell  called with each step's name as it is done; may be NULL
     * @return how many steps were done; MANSIO_E_DENIED: not with these rights
     * @yields yes    @since 1.0
     */
    int (*schema_apply)(struct mansio_instance *instance, void (*tell)(void *arg, const char *step),
                        void *arg, int64_t deadline_us);

    /**
     * What the schema is at.
     *
     * @param out_version  its version; 0: there is none
     * @param out_wanted   what this provider wants
     * @param out_oldest   the oldest provider's version that may use it
     * @return 0
     * @yields yes    @since 1.0
     */
    int (*schema_status)(struct mansio_instance *instance, int64_t deadline_us,
                         uint32_t *out_version, uint32_t *out_wanted, uint32_t *out_oldest);

    /**
     * Record a deed that is no change of an object: what is removed from the spool. Role
     * MANSIO_ROLE_ADMIN.
     *
     * @param deed  its texts; kind, object and action must not be empty
     * @return 0 once it is recorded
     * @yields yes    @since 1.0
     */
    int (*audit_add)(struct mansio_instance *instance, const struct mansio_actor *actor,
                     const struct mansio_deed *deed, int64_t deadline_us);

    /* ---- policy, for the core's gate; errors as for the core above ---------------------------
     */

    /**
     * What changed since an epoch, in what bears on standings: words, states, plans, credentials,
     * and domains, new ones too: somebody may have been told that they are nobody's.
     * The core asks twice a second in each process, and when the bus hints "directory" or "policy";
     * a provider may hang the life of what it remembers on it.
     *
     * @param since  an epoch that was told before; 0: none was
     * @param arena  owns what @p out points to
     * @param out    its size set
     * @return 0
     * @yields yes    @since 1.0
     */
    int (*standing_changes)(struct mansio_instance *instance, uint64_t since,
                            struct mansio_arena *arena, int64_t deadline_us,
                            struct mansio_standing_changes *out);

    /**
     * The standings of accounts, as they are in the database now, never remembered ones.
     *
     * @param keys   at most 1,000
     * @param out    in @p arena: one for each key, in their order; account NULL where there is none
     * @return 0
     * @yields yes    @since 1.0
     */
    int (*standings)(struct mansio_instance *instance, const struct mansio_account_key *keys,
                     size_t count, struct mansio_arena *arena, int64_t deadline_us,
                     const struct mansio_standing *const **out);

    /**
     * What bears on who names no account of a domain: words from platform to domain.
     *
     * @param domain  its one spelling, or an alias's
     * @param out     its size set; is_ours 0 for a domain that isn't
     * @return 0
     * @yields yes    @since 1.0
     */
    int (*domain_standing)(struct mansio_instance *instance, struct mansio_str domain,
                           struct mansio_arena *arena, int64_t deadline_us,
                           struct mansio_standing *out);

    /**
     * Record that credentials were used; an older time than the one recorded changes nothing. No
     * change in the sense of standing_changes().
     *
     * @return 0
     * @yields yes    @since 1.0
     */
    int (*credentials_used)(struct mansio_instance *instance,
                            const struct mansio_credential_use *uses, size_t count,
                            int64_t deadline_us);

    /* ---- policy, for administration: role MANSIO_ROLE_ADMIN alone -----------------------------
     */

    /**
     * Visit the standings of all accounts of a scope, by address.
     *
     * @param scope  an enum mansio_policy_scope value
     * @param owner  whose: a plan's, tenant's, domain's name, or an account's address; empty for
     *               the platform
     * @param at_us  wall clock: the time whose hours are asked for; 0: now
     * @param visit  must not yield
     * @return 0, or what @p visit returned; MANSIO_E_NOT_FOUND: no such owner
     * @yields yes    @since 1.0
     */
    int (*standing_list)(struct mansio_instance *instance, uint32_t scope, struct mansio_str owner,
                         int64_t at_us, mansio_standing_fn visit, void *arg, int64_t deadline_us);

    /**
     * standing_list() as it would be if a word of policy were set, or removed: the change is made,
     * looked at, and undone, and nobody else sees it.
     *
     * @param key     of MANSIO_OBJECT_POLICY; whose accounts are visited
     * @param fields  as for object_set(); NULL: the word is removed
     * @return as object_set() and standing_list()
     * @yields yes    @since 1.0
     */
    int (*policy_try)(struct mansio_instance *instance, struct mansio_str key,
                      const struct mansio_field *fields, size_t count, mansio_standing_fn visit,
                      void *arg, int64_t deadline_us);

    /**
     * Check that nobody has changed, removed or put in between rows of the audit log.
     *
     * @param out_rows  how many were checked
     * @param out_bad   the first row's key that doesn't fit, or 0
     * @return 0: it was checked (look at @p out_bad)
     * @yields yes    @since 1.0
     */
    int (*audit_verify)(struct mansio_instance *instance, int64_t deadline_us, uint64_t *out_rows,
                        uint64_t *out_bad);

    /* ---- for the core again ----------------------------------------------------------------- */

    /**
     * As login(), but as it is now, never remembered. The core asks so before it calls a password
     * wrong that didn't fit what was remembered: it may be the new one; and a name that is
     * nobody's, which there is no memory of, is to cost no more than one that is somebody's.
     * @yields yes    @since 1.0
     */
    int (*login_anew)(struct mansio_instance *instance, struct mansio_str local,
                      struct mansio_str domain, struct mansio_arena *arena, int64_t deadline_us,
                      struct mansio_login *out);
};

#endif
