/*
 * See sweep.h.
 */
#include "core/loop/sweep.h"

#include "core/loop/census.h"
#include "core/loop/fiber.h"

#include <mansio/time.h>

#define IDLE_US (1 * MANSIO_SECOND) /* waiting this long is waiting long */
#define STEP_S  0.2

/* Bounds of one step: about a millisecond's worth. */
#define STEP_VISITS 4096
#define STEP_TRIMS  512

static struct {
    struct ev_timer timer;
    struct mansio_fiber *hand; /* next to look at; NULL: the first */
    size_t kept_left;          /* kept stacks that will want trimming */
} sweep;

/* Where the used part of a suspended stack begins: saved_sp is core_switch()'s caller's, and its
 * own frame below that, sanitizers' additions included, is a part of what it comes back to. */
static const void *used_from(struct core_stack *stack)
{
    return (const char *)((struct mansio_fiber *)(void *)stack)->place.saved_sp - 1024;
}

static bool trim(struct mansio_fiber *fiber, int64_t before_us)
{
    if (fiber->state != CORE_FIBER_WAITING || fiber->is_trimmed ||
        fiber->suspended_at_us > before_us) {
        return false;
    }
    core_census_note(fiber);
    core_stack_trim(&fiber->stack, used_from(&fiber->stack));
    fiber->is_trimmed = true;
    core_scheduler.untrimmed--;
    return true;
}

static void on_step(struct ev_loop *ev, struct ev_timer *timer, int events)
{
    (void)events;
    int64_t before_us = core_scheduler.turn_us - IDLE_US;
    size_t trims = 0;
    for (size_t visits = 0; visits < STEP_VISITS && trims < STEP_TRIMS; visits++) {
        if (sweep.hand == NULL) {
            sweep.hand = core_scheduler.all_first;
            if (visits > 0 || sweep.hand == NULL) {
                break; /* once round is enough for one step */
            }
        }
        trims += trim(sweep.hand, before_us);
        sweep.hand = sweep.hand->all_next;
    }
    sweep.kept_left = core_stack_trim_kept(before_us, STEP_TRIMS, used_from);
    if (core_scheduler.untrimmed == 0 && sweep.kept_left == 0) {
        ev_timer_stop(ev, timer);
    }
}

void core_sweep_look(void)
{
    if (core_scheduler.untrimmed > 0 && !ev_is_active(&sweep.timer)) {
        ev_timer_again(core_scheduler.ev, &sweep.timer);
    }
}

void core_sweep_forget(const struct mansio_fiber *fiber)
{
    if (sweep.hand == fiber) {
        sweep.hand = fiber->all_next;
    }
}

void core_sweep_setup(void)
{
    ev_timer_init(&sweep.timer, on_step, STEP_S, STEP_S);
    sweep.hand = NULL;
}

void core_sweep_teardown(void)
{
    ev_timer_stop(core_scheduler.ev, &sweep.timer);
}
