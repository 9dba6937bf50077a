/* Tests of stack.c: layout, guard, recycling, trimming, both kinds of guard. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/sanitize.h"
#include "core/loop/stack.h"

struct owner {
    struct core_stack stack;
    char room[500];
};

static void nothing(struct core_stack *stack)
{
    (void)stack;
}

/* Number of resident pages of a range. */
static size_t resident(const char *from, const char *to)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), count = 0;
    static unsigned char pages[1024];
    size_t size = (size_t)(to - from) / page;
    assert_true(size <= sizeof pages);
    assert_int_equal(mincore((void *)(uintptr_t)from, size * page, pages), 0);
    for (size_t i = 0; i < size; i++) {
        count += pages[i] & 1;
    }
    return count;
}

static void layout(void **state)
{
    (void)state;
    core_stack_setup(0, sizeof(struct owner), 4);
    bool is_fresh = false;
    struct core_stack *stack = core_stack_get(&is_fresh);
    assert_non_null(stack);
    assert_true(is_fresh);
    struct owner *owner = (struct owner *)(void *)stack;
    assert_ptr_equal((char *)owner, stack->high);
    assert_int_equal((uintptr_t)stack->high % 64, 0);
    size_t size = (size_t)(stack->high - stack->low);
    size_t whole = (size_t)256 * 1024 * (CORE_ASAN ? 2 : 1);
    assert_true(size <= whole && size >= whole - 1024);
    assert_int_equal(stack->low - stack->map, CORE_STACK_GUARD_BYTES);
    for (size_t i = 0; i < sizeof owner->room; i++) {
        assert_int_equal(owner->room[i], 0);
    }
    memset(owner->room, 1, sizeof owner->room);
    stack->low[0] = 1; /* both ends may be written */

    assert_true(core_stack_in_guard(stack, stack->map));
    assert_true(core_stack_in_guard(stack, stack->low - 1));
    assert_false(core_stack_in_guard(stack, stack->low));
    assert_false(core_stack_in_guard(stack, stack->map - 1));
    core_stack_unmap(stack);
}

/* A child that touches the byte dies of it. */
static int dies_of_touching(char *at)
{
    pid_t pid = fork();
    if (pid == 0) {
        /* cmocka catches faults and would go on with the next test, here too. */
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        *(volatile char *)at = 1;
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void guard_holds(void **state)
{
    (void)state;
    for (int forced = 0; forced < 2; forced++) {
        core_stack_force_mprotect(forced);
        core_stack_setup(64 * 1024, sizeof(struct owner), 4);
        bool is_fresh = false;
        struct core_stack *stack = core_stack_get(&is_fresh);
        assert_non_null(stack);
        assert_true(dies_of_touching(stack->map));
        assert_true(dies_of_touching(stack->low - 1));
        assert_true(dies_of_touching(stack->low - 32 * 1024));
        assert_false(dies_of_touching(stack->low));
        core_stack_unmap(stack);
    }
    core_stack_force_mprotect(false);
}

static void newest_is_reused_first(void **state)
{
    (void)state;
    core_stack_setup(64 * 1024, sizeof(struct owner), 2);
    struct core_stack *stacks[3];
    bool is_fresh = false;
    for (int i = 0; i < 3; i++) {
        stacks[i] = core_stack_get(&is_fresh);
        assert_non_null(stacks[i]);
    }
    ((struct owner *)(void *)stacks[1])->room[0] = 'x';
    assert_true(core_stack_keep(stacks[0], 0));
    assert_true(core_stack_keep(stacks[1], 0));
    assert_false(core_stack_keep(stacks[2], 0));
    core_stack_unmap(stacks[2]);
    assert_int_equal(core_stack_kept(), 2);

    assert_ptr_equal(core_stack_get(&is_fresh), stacks[1]);
    assert_false(is_fresh);
    assert_int_equal(((struct owner *)(void *)stacks[1])->room[0], 'x'); /* as it was left */
    assert_ptr_equal(core_stack_get(&is_fresh), stacks[0]);
    assert_int_equal(core_stack_kept(), 0);
    assert_true(core_stack_keep(stacks[0], 0));
    assert_true(core_stack_keep(stacks[1], 0));
    core_stack_teardown(nothing);
    assert_int_equal(core_stack_kept(), 0);
}

static void trim_gives_pages_back(void **state)
{
    (void)state;
    core_stack_setup(128 * 1024, sizeof(struct owner), 2);
    bool is_fresh = false;
    struct core_stack *stack = core_stack_get(&is_fresh);
    assert_non_null(stack);
    memset(stack->low, 1, (size_t)(stack->high - stack->low));
    char *sp = stack->high - 20000;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    core_stack_trim(stack, sp);
    char *kept = (char *)(((uintptr_t)sp - 1024) / page * page);
    assert_int_equal(resident(stack->low, kept), 0);
    assert_int_equal(sp[0], 1);
    assert_int_equal(kept[0], 1);
    core_stack_trim(stack, stack->low + 100); /* nothing below: nothing happens */
    core_stack_unmap(stack);
}

static const void *top_of(struct core_stack *stack)
{
    return stack->high - 64;
}

static void old_kept_stacks_are_trimmed(void **state)
{
    (void)state;
    core_stack_setup(64 * 1024, sizeof(struct owner), 3);
    struct core_stack *stacks[3];
    bool is_fresh = false;
    for (int i = 0; i < 3; i++) {
        stacks[i] = core_stack_get(&is_fresh);
        assert_non_null(stacks[i]);
    }
    for (int i = 0; i < 3; i++) {
        memset(stacks[i]->low, 1, 32768);
        assert_true(core_stack_keep(stacks[i], i * 100));
    }
    assert_int_equal(core_stack_trim_kept(100, 1, top_of), 2); /* one step: the oldest */
    assert_int_equal(resident(stacks[0]->low, stacks[0]->low + 32768), 0);
    assert_int_equal(resident(stacks[1]->low, stacks[1]->low + 32768), 8);
    assert_int_equal(core_stack_trim_kept(100, 9, top_of), 1);
    assert_int_equal(resident(stacks[1]->low, stacks[1]->low + 32768), 0);
    assert_int_equal(resident(stacks[2]->low, stacks[2]->low + 32768), 8);
    assert_int_equal(core_stack_trim_kept(200, 9, top_of), 0);
    core_stack_teardown(nothing);
}

static void fit_knows_the_limit(void **state)
{
    (void)state;
    core_stack_force_mprotect(true);
    size_t fit = core_stack_fit();
    assert_true(fit < SIZE_MAX);
    assert_true(fit > 0);
    core_stack_force_mprotect(false);
    assert_true(core_stack_fit() >= fit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout),
        cmocka_unit_test(guard_holds),
        cmocka_unit_test(newest_is_reused_first),
        cmocka_unit_test(trim_gives_pages_back),
        cmocka_unit_test(old_kept_stacks_are_trimmed),
        cmocka_unit_test(fit_knows_the_limit),
    };
    return cmocka_run_group_tests_name("stack", tests, NULL, NULL);
}
