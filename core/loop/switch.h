/*
 * The seam that everything else stands on: give a stack something to run, go there, come back.
 *
 * Three functions: init, switch, destroy. What is inside (ucontext once, then jump buffers) can be
 * replaced without anybody noticing. Owns nothing; no scheduling, no fibers, no signals.
 */
#ifndef MANSIO_CORE_LOOP_SWITCH_H
#define MANSIO_CORE_LOOP_SWITCH_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

/* A place of execution, suspended or about to be. All zero: the thread's own stack. */
struct core_switch {
    sigjmp_buf jump;

    /* Where it was suspended, for gdb: glibc mangles the pointers in a jump buffer. As just after
     * the return to core_switch()'s caller. */
    void *saved_pc, *saved_sp, *saved_fp;

    void (*entry)(void *arg);
    void *arg;

    const void *stack_low; /* sanitizers want to know which stack is next */
    size_t stack_size;
    void *fake_stack; /* AddressSanitizer's */
    unsigned valgrind_id;
    bool is_last; /* set before a switch away from which nothing is kept: the function
                   * that ran has returned. Cleared by the switch back */
};

/*
 * Prepare @p self to run @p entry, which must not return, on the stack from @p low to @p high.
 * It runs at the first switch to @p self.
 */
void core_switch_init(struct core_switch *self, void *low, void *high, void (*entry)(void *arg),
                      void *arg);

/* Suspend the running one into @p from and go on with @p to. */
void core_switch(struct core_switch *from, struct core_switch *to);

/* @p self will not be switched to again, its stack may go. Never the running one. */
void core_switch_destroy(struct core_switch *self);

#endif
