/*
 * Policy, judged: what the words of the five scopes come to for somebody who is here, now, this
 * way. Pure: no clock, no directory, no session. DESIGN.md (Policy) has the rules in a paragraph,
 * policy_test.c as a table.
 *
 *   - Each scope's word is taken by itself: an allow whose conditions hold allows, one whose
 *     conditions don't hold denies; a deny whose conditions hold denies, else it says nothing.
 *   - The most general scope that speaks with a locked word decides; else the most special that
 *     speaks; if none does, the platform's default.
 */
#ifndef MANSIO_CORE_HOST_POLICY_H
#define MANSIO_CORE_HOST_POLICY_H

#include "core/base/export.h"
#include "core/net/network.h"
#include <mansio/arena.h>
#include <mansio/policy.h>

enum { CORE_POLICY_SCOPES = 5 };

/* What the first release's words hold: a directory built for it says no less. */
#define CORE_POLICY_WORD_SIZE_MIN                                                                  \
    (offsetof(struct mansio_policy_word, has_networks) + sizeof(uint32_t))

/* A word made ready: networks read, mechanisms as slices. Lives in the arena it was made in. */
struct core_policy_word {
    const struct mansio_policy_word *word; /* in the same arena */
    const struct core_network *networks;
    size_t network_count;
};

/* All words of a standing, made ready. */
struct core_policy {
    const struct core_policy_word *words;
    size_t word_count;
    uint32_t default_verb;  /* enum mansio_policy_verb; anything else denies */
    int64_t hours_known_us; /* 0: no end of what is known */
};

/* Copy a standing's words, ready to be judged. 0; MANSIO_E_UNAVAILABLE: a word that can't be read
 * (a network that is none, a verb nobody knows): who can't be judged doesn't get in;
 * MANSIO_E_LIMIT.
 */
CORE_EXPORT MANSIO_MUST_CHECK int core_policy_make(struct mansio_arena *arena,
                                                   const struct mansio_standing *standing,
                                                   const struct core_policy **out);

/* Who wants what, how. */
struct core_policy_facts {
    struct mansio_str service;
    struct core_network peer;    /* just an address, or unix */
    int is_protected;            /* TLS or a unix socket */
    struct mansio_str mechanism; /* any case; ptr NULL: not known yet, any that can be had */
    const struct mansio_str *mechanisms; /* then: those that can be had */
    size_t mechanism_count;
    uint32_t credential_kind; /* 0: not known yet, main or app password or certificate */
    int64_t now_us;           /* wall clock */
};

/* What a scope's word came to. */
enum core_policy_said {
    CORE_POLICY_SILENT = 0, /* no word, or a deny whose conditions don't hold */
    CORE_POLICY_ALLOWS = 1,
    CORE_POLICY_DENIES = 2, /* a deny that holds */
    CORE_POLICY_UNMET = 3,  /* an allow whose conditions don't hold: denies */
};

/* Conditions, as bits: which of a word's don't hold. */
enum core_policy_condition {
    CORE_POLICY_NETWORKS = 1,
    CORE_POLICY_TLS = 2,
    CORE_POLICY_MECHANISMS = 4,
    CORE_POLICY_CREDENTIALS = 8,
    CORE_POLICY_HOURS = 16,
};

struct core_policy_verdict {
    int is_allowed;
    uint32_t scope; /* which decided; 0: the default */
    struct {
        uint32_t said;                       /* enum core_policy_said */
        uint32_t failed;                     /* bits of enum core_policy_condition */
        const struct core_policy_word *word; /* NULL: it has none */
    } scopes[CORE_POLICY_SCOPES];            /* [scope - 1] */
    int64_t until_us; /* wall clock: by time alone nothing changes before it; INT64_MAX: ever.
                       * Not after now: the hours known end here, ask for the standing again */
};

/* Judge. With a mechanism or credential kind not known yet: allowed if there is a choice of them
 * for which it would be; the verdict is then that of one such choice, or of the last one tried.
 * EXTERNAL and a certificate go together, and with nothing else. Where there is no choice at all,
 * conditions on what isn't known don't hold. */
CORE_EXPORT void core_policy_judge(const struct core_policy *policy,
                                   const struct core_policy_facts *facts,
                                   struct core_policy_verdict *out);

#endif
