/*
 * For the tests of policy: standings and facts in a few words.
 */
#ifndef MANSIO_CORE_HOST_POLICY_TESTING_H
#define MANSIO_CORE_HOST_POLICY_TESTING_H

#include "core/base/testing.h" /* includes cmocka */

#include <stdlib.h>

#include <mansio/auth.h>
#include <mansio/error.h>
#include <mansio/str.h>

#include "core/host/policy.h"

enum { TESTING_WORDS_MAX = 16 };

/* A standing of words that a test fills in. */
struct words {
    struct mansio_policy_word rows[TESTING_WORDS_MAX];
    const struct mansio_policy_word *pointers[TESTING_WORDS_MAX];
    size_t count;
    uint32_t default_verb;
    int64_t hours_known_us;
};

static inline struct mansio_policy_word *words_add(struct words *words, uint32_t scope,
                                                   uint32_t verb, const char *service)
{
    struct mansio_policy_word *word = &words->rows[words->count];
    words->pointers[words->count++] = word;
    *word = (struct mansio_policy_word){.size = sizeof *word,
                                        .scope = scope,
                                        .verb = verb,
                                        .service = mansio_str_from_cstr(service)};
    return word;
}

static inline struct mansio_standing words_standing(const struct words *words)
{
    return (struct mansio_standing){.size = sizeof(struct mansio_standing),
                                    .words = words->pointers,
                                    .word_count = words->count,
                                    .default_verb = words->default_verb,
                                    .hours_known_us = words->hours_known_us};
}

/* POP3 by a password, TLS, from 192.0.2.1. */
static inline struct core_policy_facts testing_policy_facts(void)
{
    struct core_policy_facts facts = {.service = MANSIO_STR("pop3"),
                                      .is_protected = 1,
                                      .mechanism = MANSIO_STR("PLAIN"),
                                      .credential_kind = MANSIO_CREDENTIAL_MAIN,
                                      .now_us = 1000};
    if (core_network_parse(MANSIO_STR("192.0.2.1"), &facts.peer) < 0) {
        abort();
    }
    return facts;
}

#endif
