/*
 * For the tests of the gate: a directory that tells standings and what changes in them, a clock
 * that runs ahead as the test wants, and a session that stays while something happens.
 */
#ifndef MANSIO_CORE_HOST_GATE_TESTING_H
#define MANSIO_CORE_HOST_GATE_TESTING_H

#include "core/host/login_testing.h"

#include <time.h>

#include "core/base/testing.h"
#include "core/base/time.h"
#include "core/host/gate.h"

/* ---- a directory that tells standings ---- */

enum { CHANGES_MAX = 32 };

static struct {
    struct mansio_policy_word rows[8];
    const struct mansio_policy_word *words[8];
    size_t count;
    uint32_t default_verb;
    uint32_t state; /* 0: no such account */
    uint64_t version;
    int64_t expires_us, hours_known_us;
    const struct mansio_str *services; /* of its credentials */
    size_t service_count;
    int has_no_credential;
    const char *plan;

    struct mansio_standing_change changes[CHANGES_MAX];
    const struct mansio_standing_change *told[CHANGES_MAX];
    uint64_t epoch;
    int is_all;

    int looks, loads, loaded;     /* how often each was asked, and how many standings */
    int look_result, load_result; /* 0: answer */
    void (*during_load)(void);    /* once, between reading and telling */
    size_t load_most;             /* standings told at once; 0: any number */
    int is_stuck;                 /* what changed is told when whoever asks is cancelled */
} world;

static inline struct mansio_policy_word *add_word(uint32_t scope, uint32_t verb)
{
    struct mansio_policy_word *word = &world.rows[world.count];
    world.words[world.count++] = word;
    *word = (struct mansio_policy_word){
        .size = sizeof *word, .scope = scope, .verb = verb, .service = MANSIO_STR("pop3")};
    return word;
}

static inline void commit(uint64_t tenant_id, uint64_t account_id, const char *plan)
{
    world.changes[world.epoch - 1] = (struct mansio_standing_change){
        .size = sizeof(struct mansio_standing_change),
        .tenant_id = tenant_id,
        .account_id = account_id,
        .plan = plan != NULL ? mansio_str_from_cstr(plan) : MANSIO_STR_NONE};
    world.told[world.epoch - 1] = &world.changes[world.epoch - 1];
    world.epoch++;
}

static inline int fake_changes(struct mansio_instance *instance, uint64_t since,
                               struct mansio_arena *arena, int64_t deadline_us,
                               struct mansio_standing_changes *out)
{
    (void)instance;
    (void)arena;
    (void)deadline_us;
    world.looks++;
    int rc = world.is_stuck ? mansio_fiber_sleep_until(MANSIO_NEVER) : mansio_fiber_yield();
    if (rc < 0 || world.look_result < 0) {
        return rc < 0 ? rc : world.look_result;
    }
    out->epoch = world.epoch;
    out->is_all = (uint32_t)world.is_all;
    if (since > 0) {
        out->changes = &world.told[since - 1];
        out->change_count = (size_t)(world.epoch - since);
    }
    return 0;
}

/* Words as they are now, whatever happens until they are told. */
static inline const struct mansio_standing *tell(struct mansio_arena *arena,
                                                 const struct mansio_account_key *key)
{
    struct mansio_standing *out = mansio_arena_alloc(arena, sizeof *out);
    struct mansio_account_facts *facts = mansio_arena_alloc(arena, sizeof *facts);
    struct mansio_policy_word *words = mansio_arena_alloc(arena, sizeof world.rows);
    const struct mansio_policy_word **pointers = mansio_arena_alloc(arena, sizeof world.words);
    struct mansio_standing_credential *credentials =
        mansio_arena_alloc(arena, 2 * sizeof *credentials);
    const struct mansio_standing_credential **list = mansio_arena_alloc(arena, 2 * sizeof(void *));
    memcpy(words, world.rows, sizeof world.rows);
    for (size_t i = 0; i < world.count; i++) {
        pointers[i] = &words[i];
    }
    for (size_t i = 0; i < 2; i++) {
        credentials[i] =
            (struct mansio_standing_credential){.size = sizeof *credentials,
                                                .id = 10 * key->account_id + i,
                                                .kind = MANSIO_CREDENTIAL_MAIN + (uint32_t)i,
                                                .version = world.version,
                                                .expires_us = world.expires_us,
                                                .services = world.services,
                                                .service_count = world.service_count};
        list[i] = &credentials[i];
    }
    *facts = testing_facts(key->account_id, "");
    facts->state = world.state;
    facts->plan = mansio_str_from_cstr(world.plan);
    *out = (struct mansio_standing){.size = sizeof *out,
                                    .account = world.state != 0 ? facts : NULL,
                                    .words = pointers,
                                    .word_count = world.count,
                                    .credentials = list,
                                    .credential_count = world.has_no_credential ? 0 : 2,
                                    .default_verb = world.default_verb,
                                    .hours_known_us = world.hours_known_us};
    return out;
}

static inline int fake_standings(struct mansio_instance *instance,
                                 const struct mansio_account_key *keys, size_t count,
                                 struct mansio_arena *arena, int64_t deadline_us,
                                 const struct mansio_standing *const **out)
{
    (void)instance;
    (void)deadline_us;
    const struct mansio_standing **list = mansio_arena_alloc(arena, count * sizeof *list);
    void (*during)(void) = world.during_load;
    CHECK(count > 0 && count <= CORE_STANDINGS_AT_ONCE);
    world.loads++;
    world.loaded += (int)count;
    int result =
        world.load_most > 0 && count > world.load_most ? MANSIO_E_LIMIT : world.load_result;
    for (size_t i = 0; i < count; i++) {
        list[i] = tell(arena, &keys[i]);
    }
    world.during_load = NULL;
    int rc = mansio_fiber_yield();
    if (during != NULL) {
        during();
    }
    *out = list;
    return rc < 0 ? rc : result;
}

/* ---- the clock ---- */

static int64_t later_us;    /* than the system's */
static int64_t put_back_us; /* the wall clock, by so much */

static inline int64_t read_now(void *arg)
{
    (void)arg;
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * MANSIO_SECOND + t.tv_nsec / 1000 + later_us;
}

static inline int64_t read_wall(void *arg)
{
    (void)arg;
    return 1000 * MANSIO_SECOND + later_us -
           put_back_us; /* stands still, but for what a test adds */
}

static const struct core_time_source test_clock = {.now_us = read_now, .wall_us = read_wall};

/* ---- a node with a gate ---- */

static inline int gate_setup(void **state)
{
    memset(&world, 0, sizeof world);
    world.epoch = 1;
    world.default_verb = MANSIO_POLICY_ALLOW;
    world.state = MANSIO_STATE_ACTIVE;
    world.version = 5;
    world.plan = "gold";
    fake_directory.standing_changes = fake_changes;
    fake_directory.standings = fake_standings;
    later_us = 0;
    put_back_us = 0;
    core_time_set_source(&test_clock);
    int rc = node_setup(state);
    people.version = 5;
    node.config.policy.hold_us = 60 * MANSIO_SECOND;
    core_gate_configure(&node.config);
    core_gate_begin();
    return rc;
}

static inline int gate_teardown(void **state)
{
    core_gate_stop();
    fake_directory.standing_changes = NULL;
    fake_directory.standings = NULL;
    core_time_set_source(NULL);
    int leaked = core_standings_count() != 0 || core_rules_count() != 0;
    return node_teardown(state) < 0 || leaked ? -1 : 0;
}

/* ---- sessions ---- */

static const char *given_name, *given_password;

static inline int log_in(struct mansio_session *session)
{
    return mansio_session_login(session, mansio_str_from_cstr(given_name),
                                mansio_str_from_cstr(given_password), MANSIO_NEVER);
}

static inline int attempt(const char *name, const char *password)
{
    given_name = name;
    given_password = password;
    return run_session(log_in);
}

/* Stay logged in while another fiber does what the test wants. What becomes of the session. */
static void (*meanwhile)(struct mansio_session *session);
static struct mansio_session *staying;

static inline int meanwhile_run(void *arg)
{
    meanwhile(arg);
    return 0;
}

static int (*stay_log_in)(struct mansio_session *session) = log_in;

static inline int stay(struct mansio_session *session)
{
    struct mansio_fiber *fiber = NULL;
    int rc = stay_log_in(session);
    if (rc < 0) {
        return rc;
    }
    staying = session;
    CHECK(mansio_group_spawn(testing_group, "meanwhile", meanwhile_run, session, &fiber) == 0);
    mansio_fiber_mask();
    CHECK(mansio_fiber_join(fiber, MANSIO_NEVER, NULL) == 0);
    mansio_fiber_unmask();
    return mansio_fiber_yield(); /* cancelled, if the gate has ended us */
}

static inline int stay_while(void (*fn)(struct mansio_session *session))
{
    meanwhile = fn;
    given_name = "user@alpha.test";
    given_password = "pencil";
    return run_session(stay);
}

static inline void look_and_reload(void)
{
    CHECK(core_gate_look() == 0);
    for (int i = 0; i < 8 && core_standings_waiting() > 0; i++) {
        CHECK(core_gate_reload() == 0);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, gate_setup, gate_teardown)

#endif
