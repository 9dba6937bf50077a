/*
 * The interface "auth", version 1: who judges credentials.
 *
 * The core asks the instances that `login.auth` names, in order, until one knows the credentials'
 * form. They see what the directory holds and what the client gave, never the network. Slow work
 * (hashing) goes to offload threads.
 */
#ifndef MANSIO_AUTH_H
#define MANSIO_AUTH_H

#include <mansio/account.h>
#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/module.h>

#define MANSIO_AUTH         "auth"
#define MANSIO_AUTH_VERSION 1

/** Kinds of credential, as policy tells them apart. */
enum mansio_credential_kind {
    MANSIO_CREDENTIAL_MAIN = 1,        /* the account's password */
    MANSIO_CREDENTIAL_APP = 2,         /* one of its app passwords */
    MANSIO_CREDENTIAL_CERTIFICATE = 3, /* a client certificate (SASL EXTERNAL); id and version 0 */
};

/** One stored credential: "{SCHEME}..." or a bare crypt(3) text, as the directory holds it. */
struct mansio_credential {
    size_t size;
    uint64_t id;
    uint32_t kind;            /* enum mansio_credential_kind */
    uint32_t reserved;        /* 0 */
    struct mansio_str stored; /* never logged */
    uint64_t version;         /* as struct mansio_standing_credential has it */
};

/** What the directory knows of a name that somebody wants to log in as. */
struct mansio_login {
    size_t size; /* sizeof(struct mansio_login) */
    /* NULL: no such account. The rest still says what the tenant of that domain, or the platform,
     * would have: so that a stranger costs what a member does. */
    const struct mansio_account_facts *account;
    const struct mansio_credential *const *credentials;
    size_t credential_count;
    struct mansio_str scheme; /* the tenant's default: "ARGON2ID"; empty: the auth module's */
    struct mansio_str decoy;  /* 32 bytes, secret, the tenant's own and always the same: salts of
                               * accounts that don't exist are made of it */
    uint32_t is_scram_ready;  /* 1: every credential of the tenant has SCRAM-SHA-256 keys */
    uint32_t is_upgrading;    /* 1: store a credential anew in the default scheme at login */
    uint32_t is_ours;         /* 1: the domain that was asked for is one of ours, by this name */
    uint32_t is_remembered;   /* 1: as it was a while ago; login_anew() of the directory looks */
    uint64_t tenant_id;       /* whose the domain is that was asked for, also without account; 0:
                               * nobody's, or not known */
};

/** Keys of SCRAM (RFC 5802 3). Slices live in the arena given. */
struct mansio_scram_keys {
    size_t size; /* sizeof(struct mansio_scram_keys), set by the caller */
    uint32_t iterations;
    uint32_t reserved; /* 0 */
    struct mansio_str salt, stored_key, server_key;
    uint64_t credential_id; /* 0: of nobody */
};

/** What a check found. */
struct mansio_auth_result {
    size_t size;               /* sizeof(struct mansio_auth_result), set by the caller */
    uint64_t credential_id;    /* which matched */
    uint32_t kind;             /* its kind */
    uint32_t reserved;         /* 0 */
    struct mansio_str upgrade; /* in the arena: what to store instead of it; empty: nothing */
};

struct mansio_auth {
    size_t size; /* sizeof(struct mansio_auth) */

    /**
     * Compare a password with a login's credentials. Costs the same for a login without account as
     * for one in the tenant's default scheme whose password is wrong, however many it has.
     *
     * @param login        borrowed
     * @param password     borrowed; as the client gave it, never empty. Which spellings of it to
     *                     try (RFC 8265 4.2) is the module's business
     * @param arena        owns what @p out holds
     * @param deadline_us  monotonic time
     * @param out          its size set; filled in on success
     * @return 0: it matches; MANSIO_E_DENIED: it doesn't; MANSIO_E_UNSUPPORTED: none of these
     *         credentials are of a form known here (ask the next module); MANSIO_E_LIMIT (too
     * busy), MANSIO_E_UNAVAILABLE, MANSIO_E_TIMEOUT, MANSIO_E_CANCELLED
     * @yields yes    @since 1.0
     */
    int (*check_password)(struct mansio_instance *instance, const struct mansio_login *login,
                          struct mansio_str password, struct mansio_arena *arena,
                          int64_t deadline_us, struct mansio_auth_result *out);

    /**
     * The SCRAM-SHA-256 keys that an exchange with this login may use, all with one salt and one
     * iteration count (app passwords share the main password's). A login without account, or
     * without such keys, gives one key of nobody, its salt made of the decoy and @p name.
     *
     * @param name       what the client called itself
     * @param out        keys, in @p arena; at least one
     * @param out_count  how many
     * @return 0; MANSIO_E_LIMIT; MANSIO_E_UNSUPPORTED
     * @yields no     @since 1.0
     */
    int (*scram_keys)(struct mansio_instance *instance, const struct mansio_login *login,
                      struct mansio_str name, struct mansio_arena *arena,
                      const struct mansio_scram_keys *const **out, size_t *out_count);

    /**
     * Make a stored credential of a password.
     *
     * @param scheme       "ARGON2ID", "SHA512-CRYPT", ...; empty: the module's default
     * @param with_scram   1: SCRAM-SHA-256 keys beside it, so that both ways of login work
     * @param like         a stored credential of the same account whose SCRAM salt and iterations
     *                     to share; empty: none
     * @param arena        owns the result
     * @param deadline_us  monotonic time
     * @param out          what to store
     * @return 0; MANSIO_E_INVALID for a scheme that is none, or a password that isn't UTF-8 or is
     *         empty; MANSIO_E_UNSUPPORTED for one that can only be checked; MANSIO_E_LIMIT;
     *         MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED
     * @yields yes    @since 1.0
     */
    int (*make)(struct mansio_instance *instance, struct mansio_str scheme, uint32_t with_scram,
                struct mansio_str like, struct mansio_str password, struct mansio_arena *arena,
                int64_t deadline_us, struct mansio_str *out);

    /**
     * What a stored credential can do.
     *
     * @param stored      as a directory holds it
     * @param out_scheme  its scheme, "ARGON2ID"; static text
     * @param out_scram   1: it has SCRAM-SHA-256 keys
     * @return 0; MANSIO_E_INVALID: malformed; MANSIO_E_UNSUPPORTED: of a form unknown here
     * @yields no     @since 1.0
     */
    int (*inspect)(struct mansio_instance *instance, struct mansio_str stored,
                   const char **out_scheme, uint32_t *out_scram);
};

#endif
