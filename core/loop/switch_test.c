/* Tests of switch.c: going there and back, what survives it, being started again. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "core/loop/switch.h"

#define STACK_BYTES ((size_t)256 * 1024)

static struct core_switch here;

struct partner {
    struct core_switch place;
    char *stack;
    int rounds;
    double sum;
};

static void count_rounds(void *arg)
{
    struct partner *self = arg;
    double sum = 0.5;
    for (int i = 1;; i++) {
        self->rounds = i;
        sum += i; /* a local that lives across switches, in a register if the compiler likes */
        self->sum = sum;
        core_switch(&self->place, &here);
    }
}

static void set_up(struct partner *partner, void (*entry)(void *))
{
    *partner = (struct partner){.rounds = 0};
    partner->stack =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(partner->stack, MAP_FAILED);
    core_switch_init(&partner->place, partner->stack, partner->stack + STACK_BYTES, entry, partner);
}

static void tear_down(struct partner *partner)
{
    core_switch_destroy(&partner->place);
    munmap(partner->stack, STACK_BYTES);
}

static void nothing_runs_before_the_first_switch(void **state)
{
    (void)state;
    struct partner partner;
    set_up(&partner, count_rounds);
    assert_int_equal(partner.rounds, 0);
    core_switch(&here, &partner.place);
    assert_int_equal(partner.rounds, 1);
    tear_down(&partner);
}

static void locals_survive(void **state)
{
    (void)state;
    struct partner a, b;
    set_up(&a, count_rounds);
    set_up(&b, count_rounds);
    for (int i = 1; i <= 1000; i++) {
        core_switch(&here, &a.place);
        if (i % 2 == 0) {
            core_switch(&here, &b.place);
        }
    }
    assert_int_equal(a.rounds, 1000);
    assert_int_equal(b.rounds, 500);
    assert_true(a.sum > 500500 && a.sum < 500501);
    tear_down(&a);
    tear_down(&b);
}

static void where_it_was_left_is_known(void **state)
{
    (void)state;
    struct partner partner;
    set_up(&partner, count_rounds);
    core_switch(&here, &partner.place);
    char *sp = partner.place.saved_sp, *fp = partner.place.saved_fp;
    assert_true(sp > partner.stack && sp < partner.stack + STACK_BYTES);
    assert_true(fp >= sp && fp < partner.stack + STACK_BYTES);
    assert_non_null(partner.place.saved_pc);
    tear_down(&partner);
}

static void the_signal_mask_is_not_touched(void **state)
{
    (void)state;
    struct partner partner;
    set_up(&partner, count_rounds);
    core_switch(&here, &partner.place);
    sigset_t blocked, now;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
    core_switch(&here, &partner.place);
    assert_int_equal(sigprocmask(SIG_UNBLOCK, &blocked, &now), 0);
    assert_int_equal(sigismember(&now, SIGUSR2), 1);
    tear_down(&partner);
}

/* A life after the last switch, as recycled stacks have it. */
static void ends_twice(void *arg)
{
    struct partner *self = arg;
    for (;;) {
        volatile char room[3000];
        memset((void *)(uintptr_t)room, 1, sizeof room);
        self->rounds += room[17];
        self->place.is_last = true;
        core_switch(&self->place, &here);
        self->place.is_last = false;
    }
}

static void a_place_can_be_used_again(void **state)
{
    (void)state;
    struct partner partner;
    set_up(&partner, ends_twice);
    for (int i = 0; i < 10; i++) {
        core_switch(&here, &partner.place);
    }
    assert_int_equal(partner.rounds, 10);
    tear_down(&partner);
}

static void a_stack_at_the_same_address_starts_clean(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct partner partner;
        set_up(&partner, ends_twice);
        core_switch(&here, &partner.place);
        assert_int_equal(partner.rounds, 1);
        tear_down(&partner);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_runs_before_the_first_switch),
        cmocka_unit_test(locals_survive),
        cmocka_unit_test(where_it_was_left_is_known),
        cmocka_unit_test(the_signal_mask_is_not_touched),
        cmocka_unit_test(a_place_can_be_used_again),
        cmocka_unit_test(a_stack_at_the_same_address_starts_clean),
    };
    return cmocka_run_group_tests_name("switch", tests, NULL, NULL);
}
