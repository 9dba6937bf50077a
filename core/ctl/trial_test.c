/*
 * Changes tried out: who loses, who gains, who has fewer ways in; and which sessions would go.
 */
#include "core/ctl/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mansio/auth.h>
#include <mansio/str.h>

enum { WORDS_MAX = 3, NETWORKS_MAX = 2 };

/* A word in short; scope 0 ends a list. */
struct word {
    uint32_t scope, verb, is_locked, tls, kinds;
    const char *networks[NETWORKS_MAX];
    const char *mechanism;
    int64_t from_us, until_us; /* hours; 0: none */
};

struct made {
    struct mansio_policy_word words[WORDS_MAX];
    const struct mansio_policy_word *list[WORDS_MAX];
    struct mansio_str networks[WORDS_MAX][NETWORKS_MAX], mechanisms[WORDS_MAX];
    struct mansio_time_span hours[WORDS_MAX];
    struct mansio_account_facts facts;
    struct mansio_standing standing;
};

static void make(struct made *made, const struct word *words, const char *address, uint32_t state)
{
    *made = (struct made){.facts = {.size = sizeof made->facts,
                                    .tenant = MANSIO_STR("alpha"),
                                    .address = mansio_str_from_cstr(address),
                                    .state = state}};
    size_t count = 0;
    for (; count < WORDS_MAX && words[count].scope != 0; count++) {
        const struct word *from = &words[count];
        size_t networks = 0;
        while (networks < NETWORKS_MAX && from->networks[networks] != NULL) {
            made->networks[count][networks] = mansio_str_from_cstr(from->networks[networks]);
            networks++;
        }
        made->mechanisms[count] = mansio_str_from_cstr(from->mechanism);
        made->hours[count] = (struct mansio_time_span){from->from_us, from->until_us};
        made->words[count] = (struct mansio_policy_word){
            .size = sizeof made->words[count],
            .scope = from->scope,
            .verb = from->verb,
            .is_locked = from->is_locked,
            .tls = from->tls,
            .credential_kinds = from->kinds,
            .has_hours = from->until_us != 0,
            .service = MANSIO_STR("pop3"),
            .networks = made->networks[count],
            .network_count = networks,
            .has_networks = networks > 0,
            .mechanisms = &made->mechanisms[count],
            .mechanism_count = from->mechanism != NULL,
            .hours = &made->hours[count],
            .hour_count = from->until_us != 0,
        };
        made->list[count] = &made->words[count];
    }
    made->standing = (struct mansio_standing){
        .size = sizeof made->standing,
        .account = &made->facts,
        .words = made->list,
        .word_count = count,
        .default_verb = MANSIO_POLICY_DENY,
        .hours_known_us = INT64_MAX,
    };
}

#define ALLOW_ALL                                                                                  \
    {                                                                                              \
        .scope = MANSIO_POLICY_PLATFORM, .verb = MANSIO_POLICY_ALLOW                               \
    }
#define TENANT(v) .scope = MANSIO_POLICY_TENANT, .verb = MANSIO_POLICY_##v

static void tells_who_turns_how(void **state)
{
    static const struct {
        struct word before[WORDS_MAX], after[WORDS_MAX];
        uint32_t turn;
    } rows[] = {
        {{ALLOW_ALL}, {ALLOW_ALL}, CORE_CTL_TURN_NONE},
        {{ALLOW_ALL}, {ALLOW_ALL, {TENANT(DENY)}}, CORE_CTL_TURN_LOSES},
        {{ALLOW_ALL, {TENANT(DENY)}}, {ALLOW_ALL}, CORE_CTL_TURN_GAINS},
        {{{0}}, {{TENANT(ALLOW), .tls = MANSIO_POLICY_TLS_REQUIRED}}, CORE_CTL_TURN_GAINS},
        {{ALLOW_ALL},
         {ALLOW_ALL, {TENANT(ALLOW), .tls = MANSIO_POLICY_TLS_REQUIRED}},
         CORE_CTL_TURN_FEWER},
        {{ALLOW_ALL},
         {ALLOW_ALL, {TENANT(DENY), .networks = {"192.0.2.0/24"}}},
         CORE_CTL_TURN_FEWER},
        {{ALLOW_ALL},
         {ALLOW_ALL, {TENANT(DENY), .networks = {"0.0.0.0/0"}}},
         CORE_CTL_TURN_FEWER}, /* IPv6 and unix are left */
        {{{TENANT(ALLOW), .networks = {"10.0.0.0/16"}}},
         {{TENANT(ALLOW), .networks = {"10.0.0.0/8"}}},
         CORE_CTL_TURN_MORE},
        {{{TENANT(ALLOW), .networks = {"2001:db8::/32"}}},
         {{TENANT(ALLOW), .networks = {"2001:db8::/33"}}},
         CORE_CTL_TURN_FEWER},
        {{{TENANT(ALLOW), .networks = {"255.255.255.255"}}},
         {{TENANT(ALLOW), .networks = {"255.255.255.254"}}},
         CORE_CTL_TURN_OTHERS},
        {{{TENANT(ALLOW), .networks = {"10.0.0.0/16"}}},
         {{TENANT(ALLOW), .networks = {"10.1.0.0/16"}}},
         CORE_CTL_TURN_OTHERS},
        {{ALLOW_ALL},
         {ALLOW_ALL, {TENANT(DENY), .kinds = 1U << MANSIO_CREDENTIAL_MAIN}},
         CORE_CTL_TURN_FEWER},
        {{ALLOW_ALL}, {ALLOW_ALL, {TENANT(DENY), .mechanism = "LOGIN"}}, CORE_CTL_TURN_FEWER},
        {{ALLOW_ALL},
         {ALLOW_ALL, {TENANT(DENY), .from_us = 2000, .until_us = 3000}},
         CORE_CTL_TURN_FEWER},
        /* Over before now: it changes nothing. */
        {{ALLOW_ALL},
         {ALLOW_ALL, {TENANT(DENY), .from_us = 200, .until_us = 300}},
         CORE_CTL_TURN_NONE},
        /* Behind a lock nobody hears it. */
        {{{.scope = MANSIO_POLICY_PLATFORM, .verb = MANSIO_POLICY_ALLOW, .is_locked = 1}},
         {{.scope = MANSIO_POLICY_PLATFORM, .verb = MANSIO_POLICY_ALLOW, .is_locked = 1},
          {TENANT(DENY)}},
         CORE_CTL_TURN_NONE},
    };
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 24);
        struct core_ctl_trial *trial = core_ctl_trial_new(arena, MANSIO_STR("pop3"), 1000);
        struct made before, after;
        make(&before, rows[i].before, "u@alpha.test", MANSIO_STATE_ACTIVE);
        make(&after, rows[i].after, "u@alpha.test", MANSIO_STATE_ACTIVE);
        assert_int_equal(core_ctl_trial_add(trial, 0, &before.standing), 0);
        assert_int_equal(core_ctl_trial_add(trial, 1, &after.standing), 0);
        assert_int_equal(core_ctl_trial_judge(trial), 0);
        assert_int_equal(trial->seen, 1);
        assert_int_equal(trial->first->turn, rows[i].turn);
        assert_int_equal(trial->counts[rows[i].turn], rows[i].turn != CORE_CTL_TURN_NONE);
        mansio_arena_free(arena);
    }
}

static void leaves_out_who_gets_in_neither_way(void **state)
{
    static const struct word allow[] = {ALLOW_ALL, {0}}, deny[] = {ALLOW_ALL, {TENANT(DENY)}, {0}};
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 24);
    struct core_ctl_trial *trial = core_ctl_trial_new(arena, MANSIO_STR("pop3"), 1000);
    struct made made;
    (void)state;
    make(&made, allow, "suspended@alpha.test", MANSIO_STATE_SUSPENDED);
    assert_int_equal(core_ctl_trial_add(trial, 0, &made.standing), 0);
    make(&made, allow, "u@alpha.test", MANSIO_STATE_ACTIVE);
    assert_int_equal(core_ctl_trial_add(trial, 0, &made.standing), 0);
    make(&made, deny, "suspended@alpha.test", MANSIO_STATE_SUSPENDED);
    assert_int_equal(core_ctl_trial_add(trial, 1, &made.standing), 0);
    make(&made, deny, "u@alpha.test", MANSIO_STATE_ACTIVE);
    assert_int_equal(core_ctl_trial_add(trial, 1, &made.standing), 0);
    make(&made, deny, "new@alpha.test", MANSIO_STATE_ACTIVE); /* added meanwhile */
    assert_int_equal(core_ctl_trial_add(trial, 1, &made.standing), 0);
    assert_int_equal(core_ctl_trial_judge(trial), 0);
    assert_int_equal(trial->seen, 3);
    assert_int_equal(trial->counts[CORE_CTL_TURN_LOSES], 1);
    mansio_arena_free(arena);
}

static void tells_which_sessions_go(void **state)
{
    static const struct word allow[] = {ALLOW_ALL, {0}};
    static const struct word deny[] = {
        ALLOW_ALL, {TENANT(DENY), .networks = {"192.0.2.0/24", "unix"}}, {0}};
    static const struct {
        const char *address, *network;
        int ends;
    } rows[] = {
        {"u@alpha.test", "192.0.2.7", 1},
        {"u@alpha.test", "192.0.3.7", 0},
        {"u@alpha.test", "unix", 1},
        {"else@beta.test", "192.0.2.7", 0},
    };
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 24);
    struct core_ctl_trial *trial = core_ctl_trial_new(arena, MANSIO_STR("pop3"), 1000);
    struct made made;
    (void)state;
    make(&made, allow, "u@alpha.test", MANSIO_STATE_ACTIVE);
    assert_int_equal(core_ctl_trial_add(trial, 0, &made.standing), 0);
    make(&made, deny, "u@alpha.test", MANSIO_STATE_ACTIVE);
    assert_int_equal(core_ctl_trial_add(trial, 1, &made.standing), 0);
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct core_policy_facts facts = {.mechanism = MANSIO_STR("PLAIN"),
                                          .credential_kind = MANSIO_CREDENTIAL_MAIN};
        assert_int_equal(core_network_of_ip(mansio_str_from_cstr(rows[i].network), &facts.peer), 0);
        assert_int_equal(core_ctl_trial_ends(trial, mansio_str_from_cstr(rows[i].address), &facts),
                         rows[i].ends);
    }
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_who_turns_how),
        cmocka_unit_test(leaves_out_who_gets_in_neither_way),
        cmocka_unit_test(tells_which_sessions_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
