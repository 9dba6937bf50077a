/*
 * The loop: libev polls and calls back, callbacks make fibers ready, and before the next poll
 * the ready ones run, first come first served.
 *
 * A turn runs so many slices or so long, whichever ends first; then events are looked at again,
 * without blocking while anybody is ready. Owns libev's loop and starts and ends the parts
 * of this layer; what fibers do is in fiber.c and wait.c.
 */
#include "core/loop/loop.h"

#include <errno.h>
#include <string.h>

#include "core/loop/census.h"
#include "core/loop/crash.h"
#include "core/loop/fiber.h"
#include "core/loop/offload.h"
#include "core/loop/sweep.h"
#include "core/loop/watchdog.h"

#include <mansio/error.h>
#include <mansio/time.h>

static struct {
    struct ev_prepare prepare; /* runs fibers */
    struct ev_check check;     /* notes the time of a turn */
    struct ev_idle idle;       /* started while fibers are ready: polling does not block */
} watchers;

static void on_prepare(struct ev_loop *ev, struct ev_prepare *prepare, int events)
{
    (void)prepare;
    (void)events;
    uint64_t held = core_watchdog_slice_end(); /* by callbacks, since polling */
    if (core_watchdog_is_long(held)) {
        core_watchdog_judge(&core_scheduler.context, held);
    }
    core_fiber_run_turn();
    core_scheduler.stats.turns++;
    core_sweep_look();
    if (core_scheduler.ready_first != NULL) {
        ev_idle_start(ev, &watchers.idle);
    } else {
        ev_idle_stop(ev, &watchers.idle);
    }
    core_watchdog_before_poll();
}

static void on_check(struct ev_loop *ev, struct ev_check *check, int events)
{
    (void)ev;
    (void)check;
    (void)events;
    core_scheduler.turn_us = mansio_now_us();
    core_watchdog_after_poll();
}

static void on_idle(struct ev_loop *ev, struct ev_idle *idle, int events)
{
    (void)ev;
    (void)idle;
    (void)events;
}

int core_loop_init(const struct core_loop_options *options)
{
    MANSIO_ASSERT(!core_scheduler.is_set_up);
    core_scheduler = (struct core_scheduler){
        .options = *options,
        .context = {.name = "loop"},
        .turn_us = mansio_now_us(),
    };
    size_t fit = core_stack_fit();
    if (core_scheduler.options.fibers_max > fit) {
        core_scheduler.options.fibers_max = fit;
    }
    core_scheduler.stats.fibers_max = core_scheduler.options.fibers_max;

    /* Not the default loop: that one reaps every child of the process. */
    core_scheduler.ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    if (core_scheduler.ev == NULL) {
        return mansio_fail(MANSIO_E_IO, "libev: no loop: %s", strerror(errno));
    }
    int rc = core_crash_setup();
    if (rc != 0) {
        ev_loop_destroy(core_scheduler.ev);
        return rc;
    }
    core_fiber_setup();
    core_census_setup(options->stack_census);
    core_watchdog_setup();
    core_sweep_setup();
    core_offload_setup();

    ev_prepare_init(&watchers.prepare, on_prepare);
    ev_set_priority(&watchers.prepare, EV_MINPRI); /* after everybody else's */
    ev_prepare_start(core_scheduler.ev, &watchers.prepare);
    ev_check_init(&watchers.check, on_check);
    ev_set_priority(&watchers.check, EV_MAXPRI); /* before everybody else's */
    ev_check_start(core_scheduler.ev, &watchers.check);
    ev_idle_init(&watchers.idle, on_idle);
    core_scheduler.is_set_up = true;
    return 0;
}

void core_loop_run(void)
{
    MANSIO_ASSERT(core_scheduler.is_set_up && mansio_fiber_self() == NULL);
    core_watchdog_start();
    struct core_context *before = core_context_swap(&core_scheduler.context);
    core_scheduler.turn_us = mansio_now_us();
    ev_now_update(core_scheduler.ev);
    core_watchdog_after_poll();
    while (!core_scheduler.is_stopping) {
        (void)ev_run(core_scheduler.ev, 0);
    }
    core_scheduler.is_stopping = false;
    core_watchdog_before_poll();
    (void)core_context_swap(before);
}

void core_loop_stop(void)
{
    core_scheduler.is_stopping = true;
    ev_break(core_scheduler.ev, EVBREAK_ALL);
}

size_t core_loop_fini(void)
{
    MANSIO_ASSERT(core_scheduler.is_set_up && mansio_fiber_self() == NULL);
    size_t floating = core_scheduler.fibers;
    core_offload_teardown();
    core_watchdog_teardown();
    core_sweep_teardown();
    core_fiber_teardown();
    core_crash_teardown();
    ev_prepare_stop(core_scheduler.ev, &watchers.prepare);
    ev_check_stop(core_scheduler.ev, &watchers.check);
    ev_idle_stop(core_scheduler.ev, &watchers.idle);
    ev_loop_destroy(core_scheduler.ev);
    core_context_fini(&core_scheduler.context);
    core_scheduler.ev = NULL;
    core_scheduler.is_set_up = false;
    return floating;
}

void core_loop_forked(void)
{
    ev_loop_fork(core_scheduler.ev);
    core_offload_forked();
    core_watchdog_forked();
}

struct ev_loop *core_loop_ev(void)
{
    return core_scheduler.ev;
}

void core_loop_stats(struct core_loop_stats *out)
{
    *out = core_scheduler.stats;
    out->fibers = core_scheduler.fibers;
    out->stacks_kept = core_stack_kept();
}

void core_loop_visit_fibers(core_fiber_visit_fn fn, void *arg)
{
    int64_t now = mansio_now_us();
    for (struct mansio_fiber *fiber = core_scheduler.all_first; fiber != NULL;
         fiber = fiber->all_next) {
        switch (fiber->state) {
        case CORE_FIBER_RUNNING:
            fn(arg, &fiber->context, "running", 0);
            break;
        case CORE_FIBER_READY:
            fn(arg, &fiber->context, "ready", now - fiber->suspended_at_us);
            break;
        case CORE_FIBER_WAITING:
            fn(arg, &fiber->context, fiber->waiting_in, now - fiber->suspended_at_us);
            break;
        default: /* ended: nothing to tell */
            break;
        }
    }
}
