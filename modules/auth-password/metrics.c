/*
 * The metrics table.
 */
#include "metrics.h"

#define COUNTER(text, words)                                                                       \
    MANSIO_METRIC(.name = (text), .type = MANSIO_METRIC_COUNTER, .help = (words))
#define FAMILY(family, text, words)                                                                \
    [AUTH_METRIC_SCHEMES +                                                                         \
        2 * (family)] = COUNTER(text "_matched", "Passwords that matched " words "."),             \
            [AUTH_METRIC_SCHEMES + 2 * (family) + 1] =                                             \
                COUNTER(text "_refused", "Passwords that did not match " words ".")

const struct mansio_metric auth_metrics[AUTH_METRICS] = {
    FAMILY(AUTH_FAMILY_PLAIN, "plain", "one in the clear"),
    FAMILY(AUTH_FAMILY_DIGEST, "digest", "a SHA or SSHA digest"),
    FAMILY(AUTH_FAMILY_DES_CRYPT, "des_crypt", "DES-CRYPT"),
    FAMILY(AUTH_FAMILY_MD5_CRYPT, "md5_crypt", "MD5-CRYPT"),
    FAMILY(AUTH_FAMILY_SHA256_CRYPT, "sha256_crypt", "SHA256-CRYPT"),
    FAMILY(AUTH_FAMILY_SHA512_CRYPT, "sha512_crypt", "SHA512-CRYPT"),
    FAMILY(AUTH_FAMILY_BLF_CRYPT, "blf_crypt", "BLF-CRYPT"),
    FAMILY(AUTH_FAMILY_YESCRYPT, "yescrypt", "YESCRYPT"),
    FAMILY(AUTH_FAMILY_ARGON2, "argon2", "ARGON2ID or ARGON2I"),
    FAMILY(AUTH_FAMILY_PBKDF2, "pbkdf2", "PBKDF2"),
    FAMILY(AUTH_FAMILY_SCRAM, "scram", "SCRAM-SHA-256 keys"),
    [AUTH_METRIC_DECOYS] =
        COUNTER("decoys", "Passwords for accounts that aren't there or have no credential."),
    [AUTH_METRIC_UNKNOWN] = COUNTER("unknown", "Credentials of a form that is unknown here."),
    [AUTH_METRIC_UNUSABLE] =
        COUNTER("unusable", "Credentials that are malformed or ask for more than is allowed."),
    [AUTH_METRIC_FAILED] = COUNTER("failed", "Checks that couldn't be made."),
    [AUTH_METRIC_MADE] = COUNTER("made", "Stored passwords made."),
    [AUTH_METRIC_UPGRADES] = COUNTER("upgrades", "Of them, those made anew at a login."),
    [AUTH_METRIC_TURNED_AWAY] =
        COUNTER("turned_away", "Checks not made because too many waited already."),
    [AUTH_METRIC_WAIT] = MANSIO_METRIC(.name = "wait", .type = MANSIO_METRIC_HISTOGRAM,
                                       .unit = "seconds", .help = "Waiting for room to hash."),
    [AUTH_METRIC_HASH] =
        MANSIO_METRIC(.name = "hash", .type = MANSIO_METRIC_HISTOGRAM, .unit = "seconds",
                      .help = "Hashing, the wait for an offload thread included."),
    [AUTH_METRIC_MEMORY] = MANSIO_METRIC(.name = "memory", .type = MANSIO_METRIC_GAUGE,
                                         .unit = "bytes", .help = "Memory that hashes take now."),
};
