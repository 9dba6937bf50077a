/*
 * See watchdog.h. The thread looks twice in ten hold limits and sleeps while the loop does, so
 * that an idle worker stays idle. It can't look at the holder safely, as that may be changing its
 * context this very moment; so it sends a signal to the loop's thread, whose handler can.
 */
#include "core/loop/watchdog.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include <mansio/error.h>
#include <mansio/time.h>

/* Stuck is so many times the hold limit. */
#define STUCK_FACTOR 10

/* A real-time signal that neither libc nor the libraries in use take for themselves. */
#define STUCK_SIGNAL (SIGRTMIN + 5)

struct core_watchdog core_watchdog;

static struct {
    pthread_t thread, loop_thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_running, must_end;
    struct sigaction before;
} watcher = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int64_t limit_us(void)
{
    return core_scheduler.options.hold_limit_us;
}

void core_watchdog_judge(const struct core_context *holder, uint64_t ticks)
{
    int64_t held_us = core_ticks_to_us(ticks);
    /* Counters that are not in step must not accuse anybody: no slice is longer than its turn. */
    int64_t turn_us = mansio_now_us() - core_scheduler.turn_us;
    if (held_us > turn_us) {
        held_us = turn_us;
    }
    if (held_us < limit_us()) {
        return;
    }
    core_scheduler.stats.holds++;
    if (core_scheduler.options.on_hold != NULL) {
        core_scheduler.options.on_hold(holder, held_us);
        core_scheduler.slice_start = core_ticks(); /* the report is nobody's */
    }
}

static void on_stuck_signal(int number)
{
    (void)number;
    struct mansio_fiber *running =
        atomic_load_explicit(&core_scheduler.running, memory_order_relaxed);
    core_scheduler.options.on_stuck(running == NULL ? &core_scheduler.context : &running->context,
                                    limit_us() * STUCK_FACTOR);
}

/* Sleep for a while, or until told. */
static void doze(int64_t duration_us)
{
    struct timespec until;
    MANSIO_ASSERT(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    int64_t ns = until.tv_nsec + duration_us * 1000;
    until.tv_sec += (time_t)(ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    (void)pthread_cond_timedwait(&watcher.changed, &watcher.lock, &until);
}

static void *watch(void *arg)
{
    (void)arg;
    unsigned unchanged = 0;
    uint64_t last = 0;
    pthread_mutex_lock(&watcher.lock);
    while (!watcher.must_end) {
        atomic_store(&core_watchdog.is_parked, 1);
        /* The loop stores is_polling, then reads is_parked; this is the other way round, so one
         * of the two sees what the other did. */
        if (atomic_load(&core_watchdog.is_polling)) {
            pthread_cond_wait(&watcher.changed, &watcher.lock);
            unchanged = 0;
            continue;
        }
        atomic_store(&core_watchdog.is_parked, 0);
        doze(limit_us() * STUCK_FACTOR / 2);
        uint64_t progress = atomic_load_explicit(&core_watchdog.progress, memory_order_relaxed);
        if (progress != last || atomic_load(&core_watchdog.is_polling)) {
            last = progress;
            unchanged = 0;
        } else if (++unchanged == 2) {
            (void)pthread_kill(watcher.loop_thread, STUCK_SIGNAL);
        }
    }
    pthread_mutex_unlock(&watcher.lock);
    return NULL;
}

static void make_condition(void)
{
    pthread_condattr_t attributes;
    MANSIO_ASSERT(pthread_condattr_init(&attributes) == 0);
    MANSIO_ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    MANSIO_ASSERT(pthread_cond_init(&watcher.changed, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
}

void core_watchdog_setup(void)
{
    core_clock_setup();
    int64_t limit = limit_us();
    core_watchdog.hold_ticks_min =
        limit <= 0 ? UINT64_MAX : (uint64_t)limit * CORE_TICKS_PER_US_MIN;
    make_condition();
    watcher.is_running = false;
}

void core_watchdog_start(void)
{
    if (watcher.is_running || limit_us() <= 0 || core_scheduler.options.on_stuck == NULL) {
        return;
    }
    struct sigaction action = {.sa_handler = on_stuck_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
    MANSIO_ASSERT(sigaction(STUCK_SIGNAL, &action, &watcher.before) == 0);
    watcher.loop_thread = pthread_self();
    watcher.must_end = false;

    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    /* Without the thread (no memory for its stack) there is one watch less, not no worker. */
    watcher.is_running = pthread_create(&watcher.thread, NULL, watch, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void core_watchdog_forked(void)
{
    /* The thread and whatever it held stayed behind; destroying the condition would wait for it. */
    watcher.is_running = false;
    make_condition();
    watcher.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    atomic_store(&core_watchdog.is_parked, 0);
}

void core_watchdog_teardown(void)
{
    if (watcher.is_running) {
        pthread_mutex_lock(&watcher.lock);
        watcher.must_end = true;
        pthread_cond_signal(&watcher.changed);
        pthread_mutex_unlock(&watcher.lock);
        pthread_join(watcher.thread, NULL);
        watcher.is_running = false;
        (void)sigaction(STUCK_SIGNAL, &watcher.before, NULL);
    }
    pthread_cond_destroy(&watcher.changed);
}

void core_watchdog_before_poll(void)
{
    atomic_store_explicit(&core_watchdog.is_polling, 1, memory_order_relaxed);
}

void core_watchdog_after_poll(void)
{
    core_scheduler.slice_start = core_ticks();
    atomic_store(&core_watchdog.is_polling, 0);
    if (atomic_load(&core_watchdog.is_parked)) {
        pthread_mutex_lock(&watcher.lock);
        atomic_store(&core_watchdog.is_parked, 0);
        pthread_cond_signal(&watcher.changed);
        pthread_mutex_unlock(&watcher.lock);
    }
}
