/*
 * How control passes between stacks: a context is made with makecontext() once; from then on
 * sigsetjmp() and siglongjmp() without signal masks carry it, because swapcontext() costs two
 * system calls a switch (16 ns against 280, tests/bench/switch.c).
 *
 * Deliberately no assembler of our own: it would be 10 ns faster, on one architecture, and blind
 * to what sanitizers and hardening do to jump buffers.
 *
 * This file alone is compiled with -fcf-protection=branch (Makefile.inc): a shadow stack knows
 * one stack a thread, and one object that does not promise to keep it turns it off for the process.
 */
#include "config.h"

#include "core/loop/switch.h"

#include <stdint.h>
#include <ucontext.h>

#include "core/base/sanitize.h"
#include <mansio/base.h>

#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/valgrind.h>
#endif
#if CORE_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

/*
 * siglongjmp() by its bare symbol. With _FORTIFY_SOURCE the header redirects it to
 * __longjmp_chk(), which takes a jump to a higher frame of another stack for an attack; turning
 * fortification off for one declaration leaves it on for everything else.
 */
extern MANSIO_NORETURN void unchecked_siglongjmp(sigjmp_buf env, int value) __asm__("siglongjmp");

/* Between core_switch_init() and the trampoline: makecontext() passes ints only. One thread. */
static struct core_switch *starting, *starter;

#if CORE_ASAN
/* Who switched last: the one arriving tells ASan's knowledge of that stack to it, which is how
 * the bounds of the thread's own stack get known. */
static struct core_switch *leaving;
#endif

static inline void before_leaving(struct core_switch *from, struct core_switch *to)
{
#if CORE_ASAN
    leaving = from;
    __sanitizer_start_switch_fiber(from->is_last ? NULL : &from->fake_stack, to->stack_low,
                                   to->stack_size);
#else
    (void)from;
    (void)to;
#endif
}

static inline void after_arriving(struct core_switch *self)
{
#if CORE_ASAN
    __sanitizer_finish_switch_fiber(self->fake_stack, &leaving->stack_low, &leaving->stack_size);
    self->fake_stack = NULL;
#else
    (void)self;
#endif
}

__attribute__((noinline)) void core_switch(struct core_switch *from, struct core_switch *to)
{
    void **frame = __builtin_frame_address(0);
    from->saved_fp = frame[0];
    from->saved_pc = __builtin_return_address(0);
    from->saved_sp = frame + 2;

    before_leaving(from, to);
    if (sigsetjmp(from->jump, 0) == 0) {
        unchecked_siglongjmp(to->jump, 1);
    }
    after_arriving(from);
}

/* The bottom frame of every stack but the thread's own. */
static void trampoline(void)
{
    struct core_switch *self = starting;
    after_arriving(self);
    core_switch(self, starter);
    self->entry(self->arg);
    MANSIO_ASSERT(!"an entry function of core_switch returned");
}

void core_switch_init(struct core_switch *self, void *low, void *high, void (*entry)(void *arg),
                      void *arg)
{
    *self = (struct core_switch){
        .entry = entry,
        .arg = arg,
        .stack_low = low,
        .stack_size = (size_t)((char *)high - (char *)low),
    };
#ifdef HAVE_VALGRIND_VALGRIND_H
    self->valgrind_id = VALGRIND_STACK_REGISTER(low, high);
#endif

    struct core_switch here = {.arg = NULL};
    ucontext_t first;
    MANSIO_ASSERT(getcontext(&first) == 0);
    first.uc_stack.ss_sp = low;
    first.uc_stack.ss_size = self->stack_size;
    first.uc_link = NULL;
    makecontext(&first, trampoline, 0);

    /* Go there once, to leave a jump buffer behind: later all switches are alike. */
    starting = self;
    starter = &here;
    before_leaving(&here, self);
    if (sigsetjmp(here.jump, 0) == 0) {
        setcontext(&first);
        MANSIO_ASSERT(!"setcontext failed");
    }
    after_arriving(&here);
    starting = NULL;
    starter = NULL;
}

void core_switch_destroy(struct core_switch *self)
{
#ifdef HAVE_VALGRIND_VALGRIND_H
    VALGRIND_STACK_DEREGISTER(self->valgrind_id);
#endif
    /* The next mapping at this address must not inherit what frames left in the shadow. */
    core_unpoison(self->stack_low, self->stack_size);
    *self = (struct core_switch){.arg = NULL};
}
