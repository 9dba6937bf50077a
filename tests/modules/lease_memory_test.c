/*
 * The leases in memory conform; and the conformance test finds the mistakes that providers make.
 *
 * The module's source is linked in, and what it asks of its host is played here: neither the
 * loader nor a clock is needed.
 */
#include "core/loop/testing.h"

#include <mansio/interface.h>
#include <mansio/map.h>

#include "core/base/time.h"
#include "tests/modules/lease_conformance.h"

/* ---- the host ---- */

struct mansio_instance {
    struct mansio_arena *arena;
    void *data;
};

static const struct mansio_lease *provided;

struct mansio_arena *mansio_instance_arena(struct mansio_instance *instance)
{
    return instance->arena;
}

void *mansio_instance_data(const struct mansio_instance *instance)
{
    return instance->data;
}

void mansio_instance_set_data(struct mansio_instance *instance, void *data)
{
    instance->data = data;
}

int mansio_interface_provide(struct mansio_instance *instance, const char *interface,
                             uint32_t version, const void *table)
{
    (void)instance;
    if (strcmp(interface, MANSIO_LEASE) != 0 || version != MANSIO_LEASE_VERSION) {
        return MANSIO_E_INVALID;
    }
    provided = table;
    return 0;
}

extern const struct mansio_module mansio_module;

static int64_t clock_us;

static int64_t read_clock(void *arg)
{
    (void)arg;
    return clock_us;
}

static const struct core_time_source fake_clock = {.now_us = read_clock};

static void pass(void *arg, int64_t us)
{
    (void)arg;
    clock_us += us;
}

/* ---- mistakes ---- */

static int same_fence(struct mansio_instance *instance, struct mansio_str name,
                      struct mansio_str holder, int64_t duration_us, int64_t deadline_us,
                      uint64_t *out_fence)
{
    uint64_t fence;
    int rc = provided->acquire(instance, name, holder, duration_us, deadline_us, &fence);
    if (rc == 0) {
        *out_fence = 1;
    }
    return rc;
}

static int everybody_gets_it(struct mansio_instance *instance, struct mansio_str name,
                             struct mansio_str holder, int64_t duration_us, int64_t deadline_us,
                             uint64_t *out_fence)
{
    int rc = provided->acquire(instance, name, holder, duration_us, deadline_us, out_fence);
    return rc == MANSIO_E_BUSY ? 0 : rc;
}

static int never_expires(struct mansio_instance *instance, struct mansio_str name,
                         struct mansio_str holder, int64_t duration_us, int64_t deadline_us,
                         uint64_t *out_fence)
{
    return provided->acquire(instance, name, holder,
                             duration_us == LEASE_TEN ? 6 * LEASE_TEN : duration_us, deadline_us,
                             out_fence);
}

static int always_renewed(struct mansio_instance *instance, struct mansio_str name,
                          struct mansio_str holder, uint64_t fence, int64_t duration_us,
                          int64_t deadline_us)
{
    (void)provided->renew(instance, name, holder, fence, duration_us, deadline_us);
    return 0;
}

/* Renews what has expired, by taking it anew behind the holder's back. */
static int renewed_too_late(struct mansio_instance *instance, struct mansio_str name,
                            struct mansio_str holder, uint64_t fence, int64_t duration_us,
                            int64_t deadline_us)
{
    uint64_t newer;
    int rc = provided->renew(instance, name, holder, fence, duration_us, deadline_us);
    if (rc == MANSIO_E_DENIED && clock_us > 100 * MANSIO_SECOND + 2 * LEASE_TEN) {
        rc = provided->acquire(instance, name, holder, duration_us, deadline_us, &newer);
    }
    return rc;
}

static int released_never(struct mansio_instance *instance, struct mansio_str name,
                          struct mansio_str holder, uint64_t fence, int64_t deadline_us)
{
    (void)instance, (void)name, (void)holder, (void)fence, (void)deadline_us;
    return 0;
}

static int released_by_anybody(struct mansio_instance *instance, struct mansio_str name,
                               struct mansio_str holder, uint64_t fence, int64_t deadline_us)
{
    (void)provided->release(instance, name, LEASE_A, fence, deadline_us);
    return provided->release(instance, name, holder, fence, deadline_us);
}

struct mistake {
    struct mansio_lease table;
    const char *found; /* part of what the conformance test says */
};

/* ---- tests ---- */

struct run {
    const struct mistake *mistake; /* NULL: none */
    const char *wrong;
};

static int conform(void *arg)
{
    struct run *run = arg;
    struct mansio_lease table = {.size = sizeof table};
    struct mansio_instance instance = {.arena = mansio_arena_new(NULL, "instance", 0)};
    clock_us = 100 * MANSIO_SECOND;
    core_time_set_source(&fake_clock);
    CHECK(mansio_module.load(&instance) == 0);
    table.acquire = provided->acquire;
    table.renew = provided->renew;
    table.release = provided->release;
    if (run->mistake != NULL) {
        const struct mansio_lease *with = &run->mistake->table;
        table.acquire = with->acquire != NULL ? with->acquire : table.acquire;
        table.renew = with->renew != NULL ? with->renew : table.renew;
        table.release = with->release != NULL ? with->release : table.release;
        table.size = with->size != 0 ? with->size : table.size;
    }
    const struct lease_subject subject = {
        .table = &table,
        .instance = &instance,
        .pass = pass,
        .one = MANSIO_STR("spool/12"),
        .two = MANSIO_STR("acme"),
    };
    run->wrong = lease_conformance(&subject);
    core_time_set_source(NULL);
    mansio_arena_free(instance.arena);
    return 0;
}

static void test_conforms(void **state)
{
    (void)state;
    struct run run = {0};
    run_fiber(conform, &run);
    if (run.wrong != NULL) {
        fail_msg("%s", run.wrong);
    }
}

static void test_mistakes_are_found(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {{.size = sizeof(size_t)}, "s->table->size >="},
        {{.acquire = same_fence}, "again > first"},
        {{.acquire = everybody_gets_it}, "== MANSIO_E_BUSY"},
        {{.acquire = never_expires}, "lease_take(s, s->one, LEASE_B, &b) == 0"},
        {{.renew = always_renewed}, "== MANSIO_E_DENIED"},
        {{.renew = renewed_too_late}, "== MANSIO_E_DENIED"},
        {{.release = released_never}, "lease_keep(s, s->one, LEASE_A, fence) == MANSIO_E_DENIED"},
        {{.release = released_by_anybody}, "LEASE_B, &ignored) == MANSIO_E_BUSY"},
    };
    for (size_t i = 0; i < MANSIO_COUNT(mistakes); i++) {
        struct run run = {.mistake = &mistakes[i]};
        run_fiber(conform, &run);
        if (run.wrong == NULL || strstr(run.wrong, mistakes[i].found) == NULL) {
            fail_msg("mistake %zu: wanted %s, found %s", i, mistakes[i].found,
                     run.wrong != NULL ? run.wrong : "nothing");
        }
    }
}

struct taker {
    struct mansio_instance instance;
    int result;
};

static int take_cancelled(void *arg)
{
    struct taker *taker = arg;
    uint64_t fence = 42;
    taker->result = provided->acquire(&taker->instance, MANSIO_STR("n"), LEASE_A, LEASE_TEN,
                                      MANSIO_NEVER, &fence);
    CHECK(fence == 42);
    return 0;
}

static int cancel(void *arg)
{
    struct taker *taker = arg;
    struct mansio_fiber *fiber = NULL;
    taker->instance.arena = mansio_arena_new(NULL, "instance", 0);
    CHECK(mansio_module.load(&taker->instance) == 0);
    CHECK(mansio_group_spawn(testing_group, "taker", take_cancelled, taker, &fiber) == 0);
    mansio_fiber_cancel(fiber);
    CHECK(mansio_fiber_join(fiber, MANSIO_NEVER, NULL) == 0);
    mansio_arena_free(taker->instance.arena);
    return 0;
}

static void test_can_be_cancelled(void **state)
{
    (void)state;
    struct taker taker = {0};
    run_fiber(cancel, &taker);
    assert_int_equal(taker.result, MANSIO_E_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conforms),
        cmocka_unit_test(test_mistakes_are_found),
        cmocka_unit_test(test_can_be_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
