/*
 * See crash.h. A hit of the running fiber's stack guard goes to on_overflow, anything else to
 * on_crash. Both are told of a context and have to be async-signal-safe. Afterwards the action
 * that was there before is put back and the fault happens again: a core dump, or a sanitizer's
 * report, is as good as without us.
 */
#include "core/loop/crash.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "core/loop/fiber.h"

#include <mansio/error.h>

#define HANDLER_STACK_BYTES ((size_t)64 * 1024)

static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

static struct {
    struct sigaction before[MANSIO_COUNT(signals)];
    void *stack;
    stack_t stack_before;
} crash;

static void put_back(int number)
{
    for (size_t i = 0; i < MANSIO_COUNT(signals); i++) {
        if (signals[i] == number) {
            (void)sigaction(number, &crash.before[i], NULL);
        }
    }
}

static void on_signal(int number, siginfo_t *info, void *ucontext)
{
    (void)ucontext;
    int saved_errno = errno;
    const struct mansio_fiber *running =
        atomic_load_explicit(&core_scheduler.running, memory_order_relaxed);
    static volatile sig_atomic_t is_told; /* the first is what matters, not what follows from it */
    bool is_memory = number == SIGSEGV || number == SIGBUS;
    if (is_told) {
        /* nothing */
    } else if (is_memory && running != NULL &&
               core_stack_in_guard(&running->stack, info->si_addr)) {
        if (core_scheduler.options.on_overflow != NULL) {
            core_scheduler.options.on_overflow(&running->context);
        }
    } else if (core_scheduler.options.on_crash != NULL) {
        /* The thread's own: this may be an offload thread. */
        core_scheduler.options.on_crash(core_context_current(), number);
    }
    is_told = 1;
    put_back(number);
    if (info->si_code <= 0) {
        (void)raise(number); /* somebody sent it: nothing will fault again */
    }
    errno = saved_errno;
}

int core_crash_setup(void)
{
    if (core_scheduler.options.on_overflow == NULL && core_scheduler.options.on_crash == NULL) {
        return 0;
    }
    crash.stack = mmap(NULL, HANDLER_STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (crash.stack == MAP_FAILED) {
        crash.stack = NULL;
        return mansio_fail(MANSIO_E_IO, "map the signal stack: %s", strerror(errno));
    }
    stack_t stack = {.ss_sp = crash.stack, .ss_size = HANDLER_STACK_BYTES};
    MANSIO_ASSERT(sigaltstack(&stack, &crash.stack_before) == 0);
    for (size_t i = 0; i < MANSIO_COUNT(signals); i++) {
        struct sigaction action = {
            .sa_sigaction = on_signal,
            .sa_flags = SA_SIGINFO | SA_ONSTACK,
        };
        MANSIO_ASSERT(sigaction(signals[i], &action, &crash.before[i]) == 0);
    }
    return 0;
}

void core_crash_teardown(void)
{
    if (crash.stack == NULL) {
        return;
    }
    for (size_t i = 0; i < MANSIO_COUNT(signals); i++) {
        (void)sigaction(signals[i], &crash.before[i], NULL);
    }
    (void)sigaltstack(&crash.stack_before, NULL);
    (void)munmap(crash.stack, HANDLER_STACK_BYTES);
    crash.stack = NULL;
}
