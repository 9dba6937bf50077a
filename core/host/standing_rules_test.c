/*
 * Rules of standings: shared by who has the same, and as large as a directory lets them become.
 */
#include "core/host/standing.h"

#include <stdio.h>

#include "core/base/testing.h"
#include <mansio/account.h>
#include <mansio/error.h>
#include <mansio/str.h>

/* What modules/postgres lets be said. */
enum {
    SCOPES = 5,
    WORDS = 64, /* of a scope */
    NETWORKS = 4000,
    MECHANISMS = 32,
    SPANS = 64 * 11, /* parts of hours, on each of the days that are known */
};

static const struct mansio_str longest_network =
    MANSIO_STR("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127");

/* A standing with so many networks in each scope, all in words of their greatest size. */
static const struct mansio_standing *make(struct mansio_arena *arena, size_t networks)
{
    static struct mansio_time_span spans[SPANS];
    static struct mansio_str mechanisms[MECHANISMS];
    struct mansio_standing *standing = mansio_arena_alloc(arena, sizeof *standing);
    const struct mansio_policy_word **words =
        mansio_arena_alloc(arena, (size_t)SCOPES * WORDS * sizeof *words);
    struct mansio_str *texts = mansio_arena_try_alloc(arena, (networks + 1) * sizeof *texts);
    assert_non_null(texts);
    char *owner = mansio_arena_alloc(arena, 320); /* RFC 5321 4.5.3.1: 64, '@', 255 */
    memset(owner, 'o', 320);
    for (size_t i = 0; i < networks; i++) {
        texts[i] = longest_network;
    }
    for (size_t i = 0; i < MECHANISMS; i++) {
        mechanisms[i] = MANSIO_STR("X-TWENTY-BYTES-OF-IT");
    }
    for (int64_t i = 0; i < SPANS; i++) {
        spans[i] = (struct mansio_time_span){2 * i, 2 * i + 1};
    }
    for (size_t i = 0; i < (size_t)SCOPES * WORDS; i++) {
        struct mansio_policy_word *word = mansio_arena_alloc(arena, sizeof *word);
        struct mansio_str service = MANSIO_STR_NONE;
        assert_int_equal(mansio_arena_printf(arena, &service, "service-%023zu", i % WORDS), 0);
        *word = (struct mansio_policy_word){.size = sizeof *word,
                                            .scope = (uint32_t)(i / WORDS) + MANSIO_POLICY_PLATFORM,
                                            .verb = MANSIO_POLICY_ALLOW,
                                            .service = service,
                                            .owner = {owner, 320},
                                            .has_networks = 1,
                                            .networks = texts,
                                            .network_count = i % WORDS < 2 ? networks / 2 : 0,
                                            .mechanisms = mechanisms,
                                            .mechanism_count = MECHANISMS,
                                            .has_hours = 1,
                                            .hours = spans,
                                            .hour_count = SPANS};
        words[i] = word;
    }
    *standing = (struct mansio_standing){.size = sizeof *standing,
                                         .default_verb = MANSIO_POLICY_DENY,
                                         .hours_known_us = 1,
                                         .words = words,
                                         .word_count = (size_t)SCOPES * WORDS};
    return standing;
}

static void test_the_largest(void **state)
{
    (void)state;
    struct core_rules *rules = NULL, *again = NULL;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    const struct mansio_standing *standing = make(arena, NETWORKS);
    assert_int_equal(core_rules_take(standing, &rules), 0);
    assert_int_equal(rules->policy->word_count, SCOPES * WORDS);
    assert_int_equal(core_rules_take(standing, &again), 0);
    assert_ptr_equal(rules, again);
    core_rules_give(again);
    core_rules_give(rules);
    assert_int_equal(core_rules_count(), 0);
    mansio_arena_free(arena);
}

static void test_too_large(void **state)
{
    (void)state;
    struct core_rules *rules = NULL;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    assert_int_equal(core_rules_take(make(arena, (size_t)25 * NETWORKS), &rules), MANSIO_E_LIMIT);
    assert_null(rules);
    assert_int_equal(core_rules_count(), 0);
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_largest),
        cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
