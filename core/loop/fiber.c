/*
 * A fiber's life: it is spawned ready, runs in slices between suspensions, ends when its function
 * returns, and is reclaimed when somebody has asked for the result or nobody will. What a fiber
 * can wait for is in wait.c; whom it belongs to in group.c; when it runs in loop.c.
 */
#include "core/loop/fiber.h"

#include "core/base/list.h"
#include "core/loop/census.h"
#include "core/loop/clock.h"
#include "core/loop/sweep.h"
#include "core/loop/wait.h"
#include "core/loop/watchdog.h"

#include <mansio/error.h>
#include <mansio/time.h>

/* Waits in a row that find what they want before the others get a turn. */
#define FREE_WAITS_MAX 32

#define PACE_US (1 * MANSIO_MS)

/* Budget of a turn: enough to make polling cheap, little enough to keep answers quick. The time is
 * reckoned in the fewest ticks it may be: a clock faster than that gives shorter turns. */
#define TURN_SLICES 256
#define TURN_US     (4 * MANSIO_MS)

struct core_scheduler core_scheduler;

static const struct core_waitable_ops done_ops;

/* ---- ready queue: first come, first served ---- */

static void make_ready(struct mansio_fiber *fiber)
{
    fiber->state = CORE_FIBER_READY;
    fiber->ready_next = NULL;
    if (core_scheduler.ready_last != NULL) {
        core_scheduler.ready_last->ready_next = fiber;
    } else {
        core_scheduler.ready_first = fiber;
    }
    core_scheduler.ready_last = fiber;
    core_scheduler.stats.ready++;
}

/* ---- birth and end ---- */

/* Prepare what differs from fiber to fiber; the stack and its place stay. */
static void start(struct mansio_fiber *fiber, const char *name, mansio_fiber_fn fn, void *arg)
{
    fiber->context = (struct core_context){
        .name = name,
        .fields = core_context_current()->fields,
    };
    fiber->fn = fn;
    fiber->arg = arg;
    fiber->result = 0;
    fiber->is_cancelled = false;
    fiber->is_stop_pending = false;
    fiber->is_idle_wait = false;
    fiber->is_timed_out = false;
    fiber->is_trimmed = false;
    fiber->mask_depth = 0;
    fiber->unsuspended = 0;
    fiber->stop_reason = MANSIO_REASON_NONE;
    fiber->wait_deadline_us = MANSIO_NEVER;
    fiber->stop_deadline_us = MANSIO_NEVER;
    fiber->waiting_in = "start";
    fiber->suspended_at_us = core_scheduler.turn_us;
    core_deadline_init(fiber);
    core_waitable_init(&fiber->done, &done_ops);

    fiber->all_next = NULL;
    fiber->all_prev = core_scheduler.all_last;
    if (core_scheduler.all_last != NULL) {
        core_scheduler.all_last->all_next = fiber;
    } else {
        core_scheduler.all_first = fiber;
    }
    core_scheduler.all_last = fiber;

    core_scheduler.fibers++;
    core_scheduler.untrimmed++;
    core_scheduler.stats.spawns++;
    if (core_scheduler.fibers > core_scheduler.stats.fibers_peak) {
        core_scheduler.stats.fibers_peak = core_scheduler.fibers;
    }
}

/* The last thing before a stack is unmapped. */
static void before_unmap(struct core_stack *stack)
{
    struct mansio_fiber *fiber = (struct mansio_fiber *)(void *)stack;
    core_switch_destroy(&fiber->place);
}

/* Give back the struct and stack of a fiber that has ended. */
void core_fiber_reclaim(struct mansio_fiber *fiber)
{
    core_group_forget(fiber->group, fiber);
    core_sweep_forget(fiber);
    if (fiber->all_prev != NULL) {
        fiber->all_prev->all_next = fiber->all_next;
    } else {
        core_scheduler.all_first = fiber->all_next;
    }
    if (fiber->all_next != NULL) {
        fiber->all_next->all_prev = fiber->all_prev;
    } else {
        core_scheduler.all_last = fiber->all_prev;
    }
    if (!core_stack_keep(&fiber->stack, core_scheduler.turn_us)) {
        before_unmap(&fiber->stack);
        core_stack_unmap(&fiber->stack);
    }
}

/* In the loop, after a fiber's function has returned. */
static void end(struct mansio_fiber *fiber)
{
    core_census_end(fiber);
    ev_timer_stop(core_scheduler.ev, &fiber->timer);
    core_context_fini(&fiber->context);
    core_scheduler.fibers--;
    if (!fiber->is_trimmed) {
        core_scheduler.untrimmed--;
    }
    struct mansio_group *group = fiber->group;
    (void)core_waitable_wake_all(&fiber->done);
    if (fiber->is_detached) {
        core_fiber_reclaim(fiber);
    }
    core_group_ended(group);
}

/* ---- slices ---- */

/*
 * Begin the slice of the fiber whose turn it is; NULL if the loop's has come: nobody is ready, or
 * this turn's budget is spent. The caller switches to it.
 */
static inline struct mansio_fiber *begin_slice(void)
{
    struct mansio_fiber *fiber = core_scheduler.ready_first;
    if (fiber == NULL || core_scheduler.slices_left == 0 ||
        core_ticks_may_exceed(core_scheduler.slice_start - core_scheduler.turn_start, TURN_US)) {
        return NULL;
    }
    core_scheduler.slices_left--;
    core_scheduler.ready_first = fiber->ready_next;
    if (core_scheduler.ready_first == NULL) {
        core_scheduler.ready_last = NULL;
    }
    core_scheduler.stats.ready--;
    core_scheduler.stats.switches++;
    fiber->state = CORE_FIBER_RUNNING;
    fiber->unsuspended = 0;
    if (fiber->is_trimmed) {
        fiber->is_trimmed = false;
        core_scheduler.untrimmed++;
    }
    atomic_store_explicit(&core_scheduler.running, fiber, memory_order_relaxed);
    (void)core_context_swap(&fiber->context);
    return fiber;
}

/* End the running fiber's slice in the loop's favour: it switches there and finds who left. */
static inline void leave_to_loop(struct mansio_fiber *self, uint64_t held)
{
    core_scheduler.left = self;
    core_scheduler.left_held = held;
    atomic_store_explicit(&core_scheduler.running, NULL, memory_order_relaxed);
    (void)core_context_swap(&core_scheduler.context);
    core_switch(&self->place, &core_scheduler.place);
}

/* What runs on every stack. The loop is for recycling: a stack that is used again goes on here,
 * in the same frame, with another fiber's function, and no context needs to be made. */
static void fiber_main(void *arg)
{
    struct mansio_fiber *self = arg;
    for (;;) {
        self->result = self->fn(self->arg);
        MANSIO_ASSERT(self->mask_depth == 0);
        self->state = CORE_FIBER_ENDED;
        self->place.is_last = true;
        leave_to_loop(self, core_watchdog_slice_end()); /* somebody else's stack has to free this */
        self->place.is_last = false;
    }
}

/*
 * Leave the thread to the others; the state says when to come back. Goes to the next fiber
 * directly, which spares half the switches; to the loop when it is its turn, and when this slice
 * was so long that the watchdog wants to see it, which is not done on a fiber's stack. Inline, like
 * what it calls: processors predict returns by the calls they have seen, which were another
 * stack's, so each frame between here and the fiber's own code costs.
 */
static inline __attribute__((always_inline)) void leave(struct mansio_fiber *self,
                                                        const char *waiting_in)
{
    self->waiting_in = waiting_in;
    self->suspended_at_us = core_scheduler.turn_us;
    if (core_scheduler.on_suspend != NULL) {
        core_scheduler.on_suspend(self);
    }
    uint64_t held = core_watchdog_slice_end();
    struct mansio_fiber *next = NULL;
    if (!core_watchdog_is_long(held)) {
        next = begin_slice();
    }
    if (next == NULL) {
        leave_to_loop(self, held);
    } else if (next != self) {
        core_switch(&self->place, &next->place);
    }
}

void core_fiber_run_turn(void)
{
    core_scheduler.slices_left = TURN_SLICES;
    core_scheduler.turn_start = core_scheduler.slice_start;
    struct mansio_fiber *fiber = begin_slice();
    while (fiber != NULL) {
        core_switch(&core_scheduler.place, &fiber->place);
        fiber = core_scheduler.left; /* not the one that was switched to: they pass it on */
        if (core_watchdog_is_long(core_scheduler.left_held)) {
            core_watchdog_judge(&fiber->context, core_scheduler.left_held);
        }
        if (fiber->state == CORE_FIBER_ENDED) {
            end(fiber);
        }
        fiber = begin_slice();
    }
}

/* ---- spawning ---- */

int mansio_group_spawn(struct mansio_group *group, const char *name, mansio_fiber_fn fn, void *arg,
                       struct mansio_fiber **out)
{
    MANSIO_ASSERT(core_scheduler.is_set_up);
    if (core_group_is_closing(group)) {
        return mansio_fail(MANSIO_E_CANCELLED, "spawn \"%s\": its group is closing", name);
    }
    if (core_scheduler.fibers >= core_scheduler.options.fibers_max) {
        return mansio_fail(MANSIO_E_LIMIT, "spawn \"%s\": %zu fibers run, as many as configured",
                           name, core_scheduler.fibers);
    }
    bool is_fresh = false;
    struct core_stack *stack = core_stack_get(&is_fresh);
    if (stack == NULL) {
        return MANSIO_E_LIMIT;
    }
    struct mansio_fiber *fiber = (struct mansio_fiber *)(void *)stack;
    if (is_fresh) {
        core_switch_init(&fiber->place, stack->low, stack->high, fiber_main, fiber);
    }
    start(fiber, name, fn, arg);
    fiber->is_detached = out == NULL;
    core_group_add(group, fiber);
    core_census_begin(fiber);
    make_ready(fiber);
    if (out != NULL) {
        *out = fiber;
    }
    return 0;
}

/* ---- the steps of a wait ---- */

/* Whether a fiber runs on this very thread: an offload thread has a context of its own, and what
 * it takes for itself must not be the fiber that the loop happens to run meanwhile. */
static inline bool is_running_here(const struct mansio_fiber *fiber)
{
    return fiber != NULL && core_context_current() == &fiber->context;
}

struct mansio_fiber *core_fiber_running(void)
{
    struct mansio_fiber *self = atomic_load_explicit(&core_scheduler.running, memory_order_relaxed);
    if (!is_running_here(self)) {
        mansio_assert_failed("this call is for fibers (not for offload functions or other threads)",
                             __FILE__, __LINE__, __func__);
    }
    return self;
}

int core_fiber_answer(struct mansio_fiber *self, int code)
{
    if (code < 0 && self->context.detail != NULL) {
        self->context.detail[0] = '\0';
    }
    return code;
}

int core_fiber_take_signal(struct mansio_fiber *self, uint32_t flags)
{
    if (self->mask_depth > 0) {
        return 0;
    }
    if (self->is_cancelled) {
        return core_fiber_answer(self, MANSIO_E_CANCELLED);
    }
    if (self->is_stop_pending && (flags & MANSIO_WAIT_IDLE) != 0) {
        self->is_stop_pending = false;
        return core_fiber_answer(self, MANSIO_E_STOPPING);
    }
    return 0;
}

int core_fiber_suspend(struct mansio_fiber *self, int64_t deadline_us, uint32_t flags,
                       const char *waiting_in)
{
    self->state = CORE_FIBER_WAITING;
    self->is_idle_wait = (flags & MANSIO_WAIT_IDLE) != 0;
    self->is_timed_out = false;
    self->wait_deadline_us = deadline_us;
    core_deadline_arm(self);
    leave(self, waiting_in);
    self->wait_deadline_us = MANSIO_NEVER;
    self->is_idle_wait = false;

    int rc = core_fiber_take_signal(self, flags);
    if (rc == 0 && self->is_timed_out) {
        rc = core_fiber_answer(self, MANSIO_E_TIMEOUT);
    }
    return rc;
}

void core_fiber_wake(struct mansio_fiber *fiber)
{
    if (fiber->state == CORE_FIBER_WAITING) {
        make_ready(fiber);
    }
}

/* To the end of the ready queue. */
static inline __attribute__((always_inline)) int requeue(struct mansio_fiber *self)
{
    make_ready(self);
    leave(self, "yield");
    return core_fiber_take_signal(self, 0);
}

int core_fiber_breathe(struct mansio_fiber *self)
{
    if (++self->unsuspended < FREE_WAITS_MAX) {
        return 0;
    }
    return requeue(self);
}

/* ---- public: signals ---- */

void mansio_fiber_cancel(struct mansio_fiber *fiber)
{
    if (fiber->state == CORE_FIBER_ENDED) {
        return;
    }
    fiber->is_cancelled = true;
    if (fiber->mask_depth == 0) {
        core_fiber_wake(fiber);
    }
}

void mansio_fiber_stop(struct mansio_fiber *fiber, uint32_t reason, int64_t deadline_us)
{
    if (fiber->state == CORE_FIBER_ENDED) {
        return;
    }
    fiber->stop_reason = reason;
    fiber->is_stop_pending = true;
    if (deadline_us < fiber->stop_deadline_us) {
        fiber->stop_deadline_us = deadline_us;
        core_deadline_arm(fiber);
    }
    if (fiber->is_idle_wait && fiber->mask_depth == 0) {
        core_fiber_wake(fiber);
    }
}

uint32_t mansio_fiber_stop_reason(void)
{
    const struct mansio_fiber *self = mansio_fiber_self();
    return self == NULL ? MANSIO_REASON_NONE : self->stop_reason;
}

int mansio_fiber_is_cancelled(void)
{
    const struct mansio_fiber *self = mansio_fiber_self();
    return self != NULL && self->is_cancelled;
}

void mansio_fiber_mask(void)
{
    core_fiber_running()->mask_depth++;
}

void mansio_fiber_unmask(void)
{
    struct mansio_fiber *self = core_fiber_running();
    MANSIO_ASSERT(self->mask_depth > 0);
    self->mask_depth--;
}

/* ---- public: the rest ---- */

static int is_done(struct mansio_waitable *self)
{
    return CORE_CONTAINER(self, struct mansio_fiber, done)->state == CORE_FIBER_ENDED;
}

static const struct core_waitable_ops done_ops = {.name = "join", .is_ready = is_done};

struct mansio_waitable *mansio_fiber_done(struct mansio_fiber *fiber)
{
    return &fiber->done;
}

int mansio_fiber_join(struct mansio_fiber *fiber, int64_t deadline_us, int *out_result)
{
    struct mansio_fiber *self = core_fiber_running();
    MANSIO_ASSERT(fiber != self && !fiber->is_detached);
    int rc = core_fiber_take_signal(self, 0);
    if (rc != 0) {
        return rc;
    }
    if (fiber->state != CORE_FIBER_ENDED) {
        rc = core_wait_for(&fiber->done, deadline_us);
        if (rc != 0) {
            return rc;
        }
    }
    if (out_result != NULL) {
        *out_result = fiber->result;
    }
    core_fiber_reclaim(fiber);
    return 0;
}

struct mansio_fiber *mansio_fiber_self(void)
{
    struct mansio_fiber *self = atomic_load_explicit(&core_scheduler.running, memory_order_relaxed);
    return is_running_here(self) ? self : NULL;
}

const char *mansio_fiber_name(void)
{
    struct mansio_fiber *self = mansio_fiber_self();
    return self == NULL ? "" : self->context.name;
}

int mansio_fiber_yield(void)
{
    struct mansio_fiber *self = core_fiber_running();
    int rc = core_fiber_take_signal(self, 0);
    return rc != 0 ? rc : requeue(self);
}

int mansio_fiber_pace(void)
{
    struct mansio_fiber *self = core_fiber_running();
    uint64_t held = core_ticks() - core_scheduler.slice_start;
    if (!core_ticks_may_exceed(held, PACE_US) || core_ticks_to_us(held) < PACE_US) {
        return core_fiber_take_signal(self, 0);
    }
    return mansio_fiber_yield();
}

int mansio_fiber_sleep_until(int64_t deadline_us)
{
    struct mansio_fiber *self = core_fiber_running();
    int rc = core_fiber_take_signal(self, 0);
    if (rc != 0) {
        return rc;
    }
    if (deadline_us <= core_scheduler.turn_us) {
        return requeue(self);
    }
    rc = core_fiber_suspend(self, deadline_us, 0, "sleep");
    return rc == MANSIO_E_TIMEOUT ? 0 : rc;
}

void mansio_fiber_trim(void)
{
    struct mansio_fiber *self = core_fiber_running();
    core_census_note(self);
    core_stack_trim(&self->stack, __builtin_frame_address(0));
}

void core_fiber_setup(void)
{
    core_stack_setup(core_scheduler.options.stack_size_bytes, sizeof(struct mansio_fiber),
                     core_scheduler.options.stacks_kept_max);
}

void core_fiber_teardown(void)
{
    /* Fibers left floating: their frames hold what they hold, but nobody may find them again. */
    while (core_scheduler.all_first != NULL) {
        struct mansio_fiber *fiber = core_scheduler.all_first;
        core_scheduler.all_first = fiber->all_next;
        ev_timer_stop(core_scheduler.ev, &fiber->timer);
        core_context_fini(&fiber->context);
        before_unmap(&fiber->stack);
        core_stack_unmap(&fiber->stack);
    }
    core_scheduler.all_last = NULL;
    core_stack_teardown(before_unmap);
}
