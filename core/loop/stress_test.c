/*
 * Mutex, condition and channel under random use with cancellations and deadlines, against a
 * model: what was sent and not refused comes out once and in order, a permit posted is taken once,
 * a lock has one holder, and when everything is quiet nobody waits for what is there.
 * Seeded: MANSIO_SEED repeats a run.
 */
#include "core/loop/testing.h"

#include <stdlib.h>
#include <string.h>

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/sync.h>

enum { WORKERS = 24, ROUNDS = 150, ITEMS_MAX = 1 << 16 };

static uint64_t seed;

static uint32_t roll(uint32_t sides)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % sides;
}

/* Seldom for ever, often short, sometimes not at all. */
static int64_t some_deadline(void)
{
    switch (roll(4)) {
    case 0:
        return mansio_deadline_in(roll(300));
    case 1:
        return mansio_deadline_in(0);
    default:
        return MANSIO_NEVER;
    }
}

static struct mansio_mutex *mutex;
static struct mansio_cond *cond;
static struct mansio_chan *chan;

static struct {
    const void *holder; /* of the mutex */
    int posted, taken, permits;
    int takers;           /* waiting in the condition */
    char sent[ITEMS_MAX]; /* 1: accepted; 2: received */
    int next_item, accepted, received, last_received;
    int senders, receivers; /* waiting in the channel */
} model;

static void idle_a_little(void)
{
    for (uint32_t i = roll(3); i > 0; i--) {
        (void)mansio_fiber_yield();
    }
}

static void enter(const void *self)
{
    CHECK(model.holder == NULL);
    model.holder = self;
}

static void leave(const void *self)
{
    CHECK(model.holder == self);
    model.holder = NULL;
}

static int use_mutex(const void *self)
{
    int rc = mansio_mutex_lock(mutex, some_deadline());
    if (rc == 0) {
        enter(self);
        idle_a_little();
        leave(self);
        mansio_mutex_unlock(mutex);
    }
    return rc;
}

static int post(const void *self)
{
    int rc = mansio_mutex_lock(mutex, some_deadline());
    if (rc == 0) {
        enter(self);
        model.permits++;
        model.posted++;
        mansio_cond_signal(cond);
        idle_a_little();
        leave(self);
        mansio_mutex_unlock(mutex);
    }
    return rc;
}

static int take(const void *self)
{
    int rc = mansio_mutex_lock(mutex, some_deadline());
    if (rc != 0) {
        return rc;
    }
    enter(self);
    int64_t deadline = some_deadline();
    while (rc == 0 && model.permits == 0) {
        leave(self);
        model.takers++;
        rc = mansio_cond_wait(cond, mutex, deadline);
        model.takers--;
        enter(self);
    }
    if (rc == 0) {
        model.permits--;
        model.taken++;
    }
    leave(self);
    mansio_mutex_unlock(mutex);
    return rc;
}

static int send(int64_t deadline)
{
    if (model.next_item == ITEMS_MAX - 1) {
        return 0;
    }
    int number = ++model.next_item;
    model.senders++;
    int rc = mansio_chan_send(chan, &model.sent[number], deadline);
    model.senders--;
    if (rc == 0) {
        CHECK(model.sent[number] == 0 || model.sent[number] == 2); /* 2: it is out already */
        model.accepted++;
        if (model.sent[number] == 0) {
            model.sent[number] = 1;
        }
    } else {
        CHECK(model.sent[number] == 0);
        model.sent[number] = 3; /* refused: must never come out */
    }
    return rc;
}

static int receive(int64_t deadline)
{
    void *item = NULL;
    model.receivers++;
    int rc = mansio_chan_receive(chan, deadline, &item);
    model.receivers--;
    if (rc == 0) {
        char *mark = item;
        CHECK(mark > model.sent && mark < model.sent + ITEMS_MAX);
        CHECK(*mark == 0 || *mark == 1);
        *mark = 2;
        model.received++;
    }
    return rc;
}

static int work(void *arg)
{
    const char *name = arg;
    int rc = 0;
    while (rc != MANSIO_E_CANCELLED) {
        switch (roll(6)) {
        case 0:
            rc = use_mutex(&name);
            break;
        case 1:
            rc = post(&name);
            break;
        case 2:
            rc = take(&name);
            break;
        case 3:
            rc = send(roll(4) == 0 ? 0 : some_deadline());
            break;
        case 4:
            rc = receive(roll(4) == 0 ? 0 : some_deadline());
            break;
        default:
            rc = mansio_fiber_yield();
            break;
        }
        CHECK(rc == 0 || rc == MANSIO_E_TIMEOUT || rc == MANSIO_E_CANCELLED);
    }
    return rc;
}

/* Nobody runs and nobody is ready: whoever waits must have a reason to. */
static void check_quiet(void)
{
    CHECK(model.holder == NULL);
    CHECK(model.permits == model.posted - model.taken);
    CHECK(model.takers == 0 || model.permits == 0);
    int inside = model.accepted - model.received;
    CHECK(inside >= 0 && inside <= 3);
    CHECK(model.receivers == 0 || inside == 0);
    CHECK(model.senders == 0 || inside == 3);
}

/* Waiters only, of one kind, and then what they wait for: each that can be served is. */
static int serve(void *arg)
{
    int kind = *(int *)arg;
    int rc = 0;
    while (rc != MANSIO_E_CANCELLED) {
        rc = kind == 0 ? take(arg) : receive(some_deadline());
    }
    return rc;
}

static void check_service(struct mansio_group *group)
{
    static int kinds[2] = {0, 1};
    struct mansio_fiber *fibers[10];
    for (int i = 0; i < 10; i++) {
        CHECK(mansio_group_spawn(group, "server", serve, &kinds[i % 2], &fibers[i]) == 0);
    }
    for (int round = 0; round < 50; round++) {
        CHECK(post(&round) != MANSIO_E_CANCELLED);
        (void)send(0);
        mansio_fiber_cancel(fibers[roll(4)]); /* the first few; the others go on */
        for (int i = 0; i < 8; i++) {
            (void)mansio_fiber_sleep_until(mansio_deadline_in(0));
        }
        CHECK(model.takers == 0 || model.permits == 0);
    }
    (void)mansio_fiber_sleep_until(mansio_deadline_in(1 * MANSIO_MS));
    mansio_group_cancel(group);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
}

static int storm(void *arg)
{
    memset(&model, 0, sizeof model);
    mutex = mansio_mutex_new(arg);
    cond = mansio_cond_new(arg);
    chan = mansio_chan_new(arg, 3);
    struct mansio_group *group = mansio_group_new("workers");
    struct mansio_fiber *workers[WORKERS] = {NULL};
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < WORKERS; i++) {
            if (workers[i] == NULL) {
                static char name[] = "w";
                CHECK(mansio_group_spawn(group, "worker", work, name, &workers[i]) == 0);
            }
        }
        for (uint32_t i = roll(30); i > 0; i--) {
            CHECK(mansio_fiber_yield() == 0);
        }
        for (uint32_t i = roll(4); i > 0; i--) {
            struct mansio_fiber **victim = &workers[roll(WORKERS)];
            if (*victim != NULL) {
                mansio_fiber_cancel(*victim);
                int result = 0;
                CHECK(mansio_fiber_join(*victim, MANSIO_NEVER, &result) == 0);
                CHECK(result == MANSIO_E_CANCELLED);
                *victim = NULL;
            }
        }
    }
    mansio_group_cancel(group);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(model.takers == 0 && model.senders == 0 && model.receivers == 0);
    check_quiet();
    check_service(group);
    check_quiet();
    mansio_group_close(group);
    return 0;
}

static void nothing_is_lost_or_doubled(void **state)
{
    (void)state;
    const char *given = getenv("MANSIO_SEED");
    for (int run = 0; run < 10; run++) {
        seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)run * 7919 + 1;
        uint64_t first = seed;
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
        run_fiber(storm, arena);
        mansio_arena_free(arena);
        if (testing_failures > 0 || given != NULL) {
            print_message("# MANSIO_SEED=%llu: %d items, %d permits\n", (unsigned long long)first,
                          model.received, model.taken);
        }
    }
    assert_true(model.received > 20 && model.taken > 20); /* it did something */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_or_doubled),
    };
    return cmocka_run_group_tests_name("stress", tests, NULL, NULL);
}
