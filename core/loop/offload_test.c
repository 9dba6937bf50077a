/* Tests of offload.c: results, details, queue, deadlines, cancellation, crash-free ends. */
#include "core/loop/testing.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/context.h"

#include <mansio/error.h>
#include <mansio/offload.h>

static pthread_t loop_thread;

/* A gate that threads wait behind, so that tests decide when work ends. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int is_open, inside;

static void set_open(int open)
{
    pthread_mutex_lock(&lock);
    is_open = open;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static int behind_the_gate(void *arg)
{
    pthread_mutex_lock(&lock);
    inside++;
    while (!is_open) {
        pthread_cond_wait(&changed, &lock);
    }
    inside--;
    pthread_mutex_unlock(&lock);
    return arg == NULL ? 0 : *(int *)arg;
}

static int count_inside(void)
{
    pthread_mutex_lock(&lock);
    int count = inside;
    pthread_mutex_unlock(&lock);
    return count;
}

static int elsewhere(void *arg)
{
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    *(int *)arg = !pthread_equal(pthread_self(), loop_thread) && sigismember(&mask, SIGTERM) &&
                  strcmp(core_context_current()->name, "offload") == 0;
    return mansio_fail(MANSIO_E_UNAVAILABLE, "from the thread");
}

static int one_job(void *arg)
{
    (void)arg;
    int ok = 0, result = 0;
    CHECK(mansio_fail(MANSIO_E_IO, "before") == MANSIO_E_IO);
    CHECK(mansio_offload(elsewhere, &ok, MANSIO_NEVER, &result) == 0);
    CHECK(ok == 1 && result == MANSIO_E_UNAVAILABLE);
    CHECK(strcmp(mansio_error_detail(), "from the thread") == 0);
    return 0;
}

static void it_runs_in_a_thread(void **state)
{
    (void)state;
    loop_thread = pthread_self();
    run_fiber(one_job, NULL);
}

struct caller {
    int value, rc, result;
    int64_t deadline_us;
};

static int call(void *arg)
{
    struct caller *self = arg;
    int value = self->value; /* on this fiber's stack, as callers have it */
    self->rc = mansio_offload(behind_the_gate, &value, self->deadline_us, &self->result);
    return mansio_fiber_yield();
}

static int many_jobs(void *arg)
{
    (void)arg;
    enum { THREADS = 2, QUEUE = 8, CALLERS = THREADS + QUEUE };
    struct caller callers[CALLERS + 1];
    struct mansio_group *group = mansio_group_new("callers");
    set_open(0);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.value = i, .rc = 99, .deadline_us = MANSIO_NEVER};
        CHECK(mansio_group_spawn(group, "caller", call, &callers[i], NULL) == 0);
        CHECK(mansio_fiber_yield() == 0);
        while (i < THREADS && count_inside() < i + 1) {
            CHECK(mansio_fiber_yield() == 0);
        }
    }
    struct caller *late = &callers[CALLERS];
    *late = (struct caller){.rc = 99, .deadline_us = MANSIO_NEVER};
    CHECK(mansio_group_spawn(group, "caller", call, late, NULL) == 0);
    while (late->rc == 99) {
        CHECK(mansio_fiber_yield() == 0);
    }
    CHECK(late->rc == MANSIO_E_LIMIT);
    CHECK(count_inside() == THREADS);
    set_open(1);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    for (int i = 0; i < CALLERS; i++) {
        CHECK(callers[i].rc == 0 && callers[i].result == i);
    }
    mansio_group_close(group);
    return 0;
}

static void jobs_queue_up_to_a_limit(void **state)
{
    (void)state;
    run_fiber(many_jobs, NULL);
}

/* Two are begun, three queued; of the queued the first times out, the second is cancelled; the
 * begun are cancelled too, and finish all the same. */
static int withdrawn(void *arg)
{
    (void)arg;
    struct caller callers[5];
    int results[5];
    struct mansio_fiber *fibers[5];
    struct mansio_group *group = mansio_group_new("callers");
    set_open(0);
    for (int i = 0; i < 5; i++) {
        callers[i] = (struct caller){.value = i, .rc = 99, .deadline_us = MANSIO_NEVER};
        if (i == 2) {
            callers[i].deadline_us = mansio_deadline_in(2 * MANSIO_MS);
        }
        CHECK(mansio_group_spawn(group, "caller", call, &callers[i], &fibers[i]) == 0);
        CHECK(mansio_fiber_yield() == 0);
        while (i < 2 && count_inside() < i + 1) {
            CHECK(mansio_fiber_yield() == 0);
        }
    }
    CHECK(mansio_fiber_join(fibers[2], MANSIO_NEVER, NULL) == 0);
    CHECK(callers[2].rc == MANSIO_E_TIMEOUT);
    mansio_fiber_cancel(fibers[3]);
    CHECK(mansio_fiber_join(fibers[3], MANSIO_NEVER, NULL) == 0);
    CHECK(callers[3].rc == MANSIO_E_CANCELLED);
    mansio_fiber_cancel(fibers[0]);
    for (int i = 0; i < 5; i++) {
        CHECK(mansio_fiber_yield() == 0);
    }
    CHECK(callers[0].rc == 99);
    set_open(1);
    static const int order[] = {0, 1, 4};
    for (int i = 0; i < 3; i++) {
        int n = order[i];
        CHECK(mansio_fiber_join(fibers[n], MANSIO_NEVER, &results[n]) == 0);
        CHECK(callers[n].rc == 0 && callers[n].result == n);
    }
    CHECK(results[0] == MANSIO_E_CANCELLED && results[1] == 0); /* the next wait tells */
    mansio_group_close(group);
    return 0;
}

static void what_has_begun_is_waited_for(void **state)
{
    (void)state;
    run_fiber(withdrawn, NULL);
}

static int no_threads(void *arg)
{
    (void)arg;
    int ok = 0;
    CHECK(mansio_offload(elsewhere, &ok, MANSIO_NEVER, NULL) == MANSIO_E_LIMIT);
    CHECK(ok == 0);
    return 0;
}

static void without_threads_it_is_refused(void **state)
{
    (void)state;
    const struct core_loop_options options = {.fibers_max = 10, .offload_queue_max = 3};
    run_fiber_with(&options, no_threads, NULL);
}

static atomic_int done;

static int quick(void *arg)
{
    (void)arg;
    atomic_fetch_add(&done, 1);
    return 0;
}

static int call_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < 200; i++) {
        CHECK(mansio_offload(quick, NULL, MANSIO_NEVER, NULL) == 0);
    }
    return 0;
}

static int storm(void *arg)
{
    (void)arg;
    struct mansio_group *group = mansio_group_new("callers");
    for (int i = 0; i < 8; i++) {
        CHECK(mansio_group_spawn(group, "caller", call_often, NULL, NULL) == 0);
    }
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(atomic_load(&done) == 1600);
    mansio_group_close(group);
    return 0;
}

static void no_job_is_forgotten(void **state)
{
    (void)state;
    atomic_store(&done, 0);
    run_fiber(storm, NULL);
}

/* While a fiber holds the loop, a thread is still outside fibers: what belongs to that fiber must
 * not be taken for its own. */
static atomic_int is_looked;

static int look_for_self(void *arg)
{
    *(int *)arg = mansio_fiber_self() == NULL && mansio_fiber_name()[0] == '\0' &&
                  mansio_fiber_stop_reason() == MANSIO_REASON_NONE;
    atomic_store(&is_looked, 1);
    return 0;
}

static int hold_until_looked(void *arg)
{
    (void)arg;
    mansio_fiber_stop(mansio_fiber_self(), MANSIO_REASON_DRAIN, MANSIO_NEVER);
    while (!atomic_load(&is_looked)) {
        sched_yield();
    }
    return 0;
}

static int look_while_held(void *arg)
{
    (void)arg;
    struct mansio_group *group = mansio_group_new("holders");
    int is_outside = 0;
    CHECK(mansio_group_spawn(group, "holder", hold_until_looked, NULL, NULL) == 0);
    CHECK(mansio_offload(look_for_self, &is_outside, MANSIO_NEVER, NULL) == 0);
    CHECK(is_outside);
    mansio_group_close(group);
    return 0;
}

static void a_thread_is_outside_fibers(void **state)
{
    (void)state;
    atomic_store(&is_looked, 0);
    run_fiber(look_while_held, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_runs_in_a_thread),
        cmocka_unit_test(jobs_queue_up_to_a_limit),
        cmocka_unit_test(what_has_begun_is_waited_for),
        cmocka_unit_test(without_threads_it_is_refused),
        cmocka_unit_test(no_job_is_forgotten),
        cmocka_unit_test(a_thread_is_outside_fibers),
    };
    return cmocka_run_group_tests_name("offload", tests, NULL, NULL);
}
