/*
 * Limits: counting, windows that slide, tables that fill, processes that die.
 */
#include <config.h>

#include "core/host/limit.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "core/base/time.h"
#include "core/host/shm.h"

static int64_t fake_now_us;

static int64_t read_fake(void *arg)
{
    (void)arg;
    return fake_now_us;
}

static const struct core_time_source fake_time = {.now_us = read_fake};

static int set_up(void **state)
{
    struct core_shm *shm = NULL;
    fake_now_us = 36000 * MANSIO_SECOND;
    core_time_set_source(&fake_time);
    assert_int_equal(core_shm_create(&shm), 0);
    core_shm_attach(shm, 0);
    *state = shm;
    return 0;
}

static int tear_down(void **state)
{
    core_shm_unmap(*state);
    core_time_set_source(NULL);
    return 0;
}

static struct mansio_str key_of(char out[16], unsigned n)
{
    int len = snprintf(out, 16, "key %u", n);
    return (struct mansio_str){out, (size_t)len};
}

static void test_counts(void **state)
{
    (void)state;
    struct mansio_str a = MANSIO_STR("192.0.2.1");
    struct mansio_str b = MANSIO_STR("192.0.2.2");
    assert_int_equal(mansio_limit_acquire("conns", a, 2), 0);
    assert_int_equal(mansio_limit_acquire("conns", a, 2), 0);
    assert_int_equal(mansio_limit_acquire("conns", a, 2), MANSIO_E_LIMIT);
    assert_string_equal(mansio_error_detail(), "limit conns: 2 reached");
    assert_int_equal(mansio_limit_acquire("conns", a, 0), MANSIO_E_LIMIT);
    /* of another key, another name, another kind */
    assert_int_equal(mansio_limit_acquire("conns", b, 1), 0);
    assert_int_equal(mansio_limit_acquire("logins", a, 1), 0);
    assert_int_equal(mansio_limit_rate("conns", a, 1, MANSIO_SECOND), 0);
    assert_int_equal(mansio_limit_count("conns", a), 2);
    assert_int_equal(mansio_limit_count("conns", b), 1);
    assert_int_equal(mansio_limit_count("conns", MANSIO_STR_NONE), 0);
    mansio_limit_release("conns", a);
    assert_int_equal(mansio_limit_count("conns", a), 1);
    assert_int_equal(mansio_limit_acquire("conns", a, 2), 0);
}

static void test_without_shared_memory(void **state)
{
    core_shm_attach(NULL, 0);
    core_limits_forget();
    test_counts(state);
    core_limits_forget();
}

static int rate(uint32_t max, int64_t window_us)
{
    return mansio_limit_rate("r", MANSIO_STR("k"), max, window_us);
}

static void test_window_slides(void **state)
{
    (void)state;
    const int64_t minute = 60 * MANSIO_SECOND;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(rate(10, minute), 0);
    }
    assert_int_equal(rate(10, minute), MANSIO_E_LIMIT);
    fake_now_us += minute - 1;
    assert_int_equal(rate(10, minute), MANSIO_E_LIMIT);
    /* Into the next window: a tenth of it lets one in, not ten. */
    fake_now_us += 1;
    assert_int_equal(rate(10, minute), MANSIO_E_LIMIT);
    fake_now_us += minute / 10;
    assert_int_equal(rate(10, minute), 0);
    assert_int_equal(rate(10, minute), MANSIO_E_LIMIT);
    /* Half of it: five in all. */
    fake_now_us += 4 * minute / 10;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rate(10, minute), 0);
    }
    assert_int_equal(rate(10, minute), MANSIO_E_LIMIT);
    /* Two windows later nothing counts any more. */
    fake_now_us += 2 * minute;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(rate(10, minute), 0);
    }
    assert_int_equal(rate(10, minute), MANSIO_E_LIMIT);
}

/* Looking counts nothing, and says what counting would. */
static void test_looks_without_counting(void **state)
{
    (void)state;
    const int64_t minute = 60 * MANSIO_SECOND;
    struct mansio_str key = MANSIO_STR("k");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mansio_limit_rate_left("r", key, 10, minute), 10);
    }
    for (int i = 9; i >= 0; i--) {
        assert_int_equal(rate(10, minute), 0);
        assert_int_equal(mansio_limit_rate_left("r", key, 10, minute), i);
    }
    assert_int_equal(mansio_limit_rate_left("r", key, 10, minute), 0);
    assert_int_equal(mansio_limit_rate_left("r", key, 4, minute), 0);
    assert_int_equal(mansio_limit_rate_left("r", key, UINT32_MAX, minute), INT32_MAX);
    assert_int_equal(mansio_limit_rate_left("other", key, 3, minute), 3);
    fake_now_us += minute + minute / 2; /* half of them slide out */
    assert_int_equal(mansio_limit_rate_left("r", key, 10, minute), 5);
    fake_now_us += minute;
    assert_int_equal(mansio_limit_rate_left("r", key, 10, minute), 10);
    assert_int_equal(mansio_limit_rate_left("r", key, 10, MANSIO_SECOND - 1), MANSIO_E_BUG);
}

static void test_window_range(void **state)
{
    (void)state;
    assert_int_equal(rate(1, MANSIO_SECOND - 1), MANSIO_E_BUG);
    assert_int_equal(rate(1, 86400 * MANSIO_SECOND + 1), MANSIO_E_BUG);
    assert_int_equal(rate(1, 86400 * MANSIO_SECOND), 0);
    assert_int_equal(rate(1, 86400 * MANSIO_SECOND), MANSIO_E_LIMIT);
}

/* Refused events don't count: who keeps trying is let in again all the same. */
static void test_refused_events_dont_count(void **state)
{
    (void)state;
    assert_int_equal(rate(1, MANSIO_SECOND), 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(rate(1, MANSIO_SECOND), MANSIO_E_LIMIT);
    }
    fake_now_us += 2 * MANSIO_SECOND;
    assert_int_equal(rate(1, MANSIO_SECOND), 0);
}

/* Several rates at once: all of them, or none. */
static void test_all_or_nothing(void **state)
{
    (void)state;
    const int64_t minute = 60 * MANSIO_SECOND;
    size_t refused = 99;
    struct core_limit_use uses[3] = {
        {.name = "address", .key = MANSIO_STR("a"), .max = 10},
        {.name = "network", .key = MANSIO_STR("n"), .max = 4},
        {.name = "tenant", .key = MANSIO_STR("t"), .max = 20},
    };
    assert_int_equal(core_limit_rates(uses, 3, 3, minute, &refused), 0);
    assert_int_equal(core_limit_rates(uses, 3, 2, minute, &refused), MANSIO_E_LIMIT);
    assert_int_equal(refused, 1);
    assert_int_equal(mansio_limit_rate_left("address", MANSIO_STR("a"), 10, minute), 7);
    assert_int_equal(mansio_limit_rate_left("network", MANSIO_STR("n"), 4, minute), 1);
    assert_int_equal(mansio_limit_rate_left("tenant", MANSIO_STR("t"), 20, minute), 17);
    assert_int_equal(core_limit_rates(uses, 3, 1, minute, &refused), 0);
    assert_int_equal(core_limit_rates(uses, 3, 1, minute, &refused), MANSIO_E_LIMIT);
    /* Another network goes on with the same tenant, to its end; many at once never fit. */
    uses[0].key = MANSIO_STR("b");
    uses[1].key = MANSIO_STR("m");
    assert_int_equal(core_limit_rates(uses, 3, 5, minute, &refused), MANSIO_E_LIMIT);
    assert_int_equal(refused, 1);
    uses[1].max = UINT32_MAX;
    assert_int_equal(core_limit_rates(uses, 3, 10, minute, &refused), 0);
    assert_int_equal(core_limit_rates(uses, 3, 1, minute, &refused), MANSIO_E_LIMIT);
    assert_int_equal(refused, 0);
    assert_int_equal(core_limit_rates(uses, 0, 1, minute, &refused), 0);
    assert_int_equal(core_limit_rates(uses, 1, 1, MANSIO_SECOND - 1, &refused), MANSIO_E_BUG);
}

/* One event of a key; whether there was room for it. */
static int has_room(struct mansio_str key)
{
    return mansio_limit_rate("x", key, 1000, 60 * MANSIO_SECOND) == 0;
}

/* Where the last of several finds no room in the table, those before it are as they were. */
static void test_nothing_where_the_table_is_full(void **state)
{
    (void)state;
    const int64_t minute = 60 * MANSIO_SECOND;
    char text[16], with[16], without[16];
    size_t refused = 99;
    unsigned i = 0;
    unsigned held = 0;
    /* Counts never give way. Of those that found room, the first thousand go again. */
    for (unsigned n = 0; n < 3 * CORE_SHM_LIMITS_MAX; n++) {
        held += mansio_limit_acquire("full", key_of(text, n), 1) == 0;
    }
    assert_true(held > CORE_SHM_LIMITS_MAX * 9 / 10);
    for (unsigned n = 0; n < 1000; n++) {
        mansio_limit_release("full", key_of(text, n));
    }
    while (has_room(key_of(without, i))) {
        i++;
    }
    struct core_limit_use uses[2] = {{.name = "x", .max = 1000},
                                     {.name = "x", .key = key_of(without, i), .max = 1000}};
    do {
        uses[0].key = key_of(with, ++i);
    } while (!has_room(uses[0].key));
    assert_true(i < 100000);
    int left = mansio_limit_rate_left("x", uses[0].key, 1000, minute);
    assert_int_equal(left, 999);
    assert_int_equal(core_limit_rates(uses, 2, 7, minute, &refused), MANSIO_E_LIMIT);
    assert_int_equal(refused, 1);
    assert_int_equal(mansio_limit_rate_left("x", uses[0].key, 1000, minute), left);
    assert_int_equal(core_limit_rates(uses, 1, 7, minute, &refused), 0);
    assert_int_equal(mansio_limit_rate_left("x", uses[0].key, 1000, minute), left - 7);
}

static void test_full_table(void **state)
{
    (void)state;
    char text[16];
    unsigned held = 0;
    while (held <= CORE_SHM_LIMITS_MAX &&
           mansio_limit_acquire("full", key_of(text, held), 1) == 0) {
        held++;
    }
    print_message("# %u of %d entries held when the first found no room\n", held,
                  CORE_SHM_LIMITS_MAX);
    assert_true(held > CORE_SHM_LIMITS_MAX * 5 / 10); /* one choice: about a fifth */
    assert_true(held < CORE_SHM_LIMITS_MAX);
    assert_non_null(strstr(mansio_error_detail(), "65536 entries has no room"));
    assert_int_equal(core_limits_used(), held);
    for (unsigned i = 0; i < held; i++) {
        assert_int_equal(mansio_limit_count("full", key_of(text, i)), 1);
    }
    assert_int_equal(mansio_limit_acquire("full", key_of(text, held), 1), MANSIO_E_LIMIT);
    for (unsigned i = 0; i < held; i++) {
        mansio_limit_release("full", key_of(text, i));
    }
    assert_int_equal(core_limits_used(), 0);
    assert_int_equal(mansio_limit_acquire("full", key_of(text, held), 1), 0);
}

/* Somebody with many addresses fails from each: that neither keeps others out nor is he, who fails
 * often from one, forgotten for it. */
static void test_rates_give_way(void **state)
{
    (void)state;
    struct mansio_str often = MANSIO_STR("often");
    char text[16];
    for (int i = 0; i < 5; i++) {
        assert_int_equal(mansio_limit_rate("fails", often, 5, 3600 * MANSIO_SECOND), 0);
    }
    for (unsigned i = 0; i < 2 * CORE_SHM_LIMITS_MAX; i++) {
        assert_int_equal(mansio_limit_rate("fails", key_of(text, i), 5, 3600 * MANSIO_SECOND), 0);
    }
    assert_int_equal(mansio_limit_rate("fails", often, 5, 3600 * MANSIO_SECOND), MANSIO_E_LIMIT);
    for (unsigned i = 0; i < CORE_SHM_LIMITS_MAX / 2; i++) {
        assert_int_equal(mansio_limit_acquire("conns", key_of(text, i), 1), 0);
        assert_int_equal(mansio_limit_acquire("conns", key_of(text, i), 1), MANSIO_E_LIMIT);
    }
    for (unsigned i = 0; i < CORE_SHM_LIMITS_MAX / 2; i++) {
        mansio_limit_release("conns", key_of(text, i));
    }
}

/* A table that lives long: keys come and go without end, and room stays. */
static void test_entries_are_used_again(void **state)
{
    (void)state;
    char text[16];
    for (unsigned i = 0; i < 25 * CORE_SHM_LIMITS_MAX / 16; i++) {
        if (i % 512 == 0) {
            fake_now_us += 3 * MANSIO_SECOND;
        }
        assert_int_equal(mansio_limit_acquire("c", key_of(text, i), 1), 0);
        assert_int_equal(mansio_limit_rate("r", key_of(text, i), 1, MANSIO_SECOND), 0);
        assert_int_equal(mansio_limit_rate("r", key_of(text, i), 1, MANSIO_SECOND), MANSIO_E_LIMIT);
        mansio_limit_release("c", key_of(text, i));
    }
    assert_true(core_limits_used() <= 512);
    fake_now_us += 3 * MANSIO_SECOND;
    assert_int_equal(core_limits_used(), 0);
}

/* A child that holds, says so, and waits to be killed or told to go. */
struct child {
    pid_t pid;
    int said, tell; /* our ends */
    uint32_t slot;
};

static void run_child(struct core_shm *shm, uint32_t slot, int say, int hear)
{
    char c = 'n';
    core_shm_attach(shm, slot);
    for (int i = 0; i < 3; i++) {
        if (mansio_limit_acquire("conns", MANSIO_STR("peer"), 9) != 0 ||
            mansio_limit_rate("fails", MANSIO_STR("peer"), 9, 60 * MANSIO_SECOND) != 0) {
            _exit(1);
        }
    }
    if (write(say, &c, 1) != 1 || read(hear, &c, 1) != 1) {
        _exit(1);
    }
    mansio_limit_release("conns", MANSIO_STR("peer"));
    _exit(write(say, &c, 1) != 1);
}

static struct child start_child(struct core_shm *shm)
{
    struct child child = {0};
    int up[2];
    int down[2];
    char c;
    assert_int_equal(core_shm_claim(shm, &child.slot), 0);
    assert_int_equal(pipe(up), 0);
    assert_int_equal(pipe(down), 0);
    child.pid = fork();
    if (child.pid == 0) {
        run_child(shm, child.slot, up[1], down[0]);
    }
    assert_true(child.pid > 0);
    close(up[1]);
    close(down[0]);
    child.said = up[0];
    child.tell = down[1];
    assert_int_equal(read(child.said, &c, 1), 1);
    return child;
}

static void end_child(struct core_shm *shm, struct child *child)
{
    int status = 0;
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    core_shm_reclaim(shm, child->slot);
    close(child->said);
    close(child->tell);
}

static void test_processes(void **state)
{
    struct core_shm *shm = *state;
    struct mansio_str peer = MANSIO_STR("peer");
    char c = 'g';
    struct child children[3];
    for (int i = 0; i < 3; i++) {
        children[i] = start_child(shm);
        assert_int_equal(mansio_limit_count("conns", peer), 3 * (i + 1));
    }
    assert_int_equal(mansio_limit_acquire("conns", peer, 9), MANSIO_E_LIMIT);
    assert_int_equal(mansio_limit_rate("fails", peer, 9, 60 * MANSIO_SECOND), MANSIO_E_LIMIT);

    /* One lets go of one. */
    assert_int_equal(write(children[0].tell, &c, 1), 1);
    assert_int_equal(read(children[0].said, &c, 1), 1);
    assert_int_equal(mansio_limit_count("conns", peer), 8);
    assert_int_equal(mansio_limit_acquire("conns", peer, 9), 0);
    end_child(shm, &children[0]);
    assert_int_equal(mansio_limit_count("conns", peer), 7);

    /* One is killed: what it held is free once its slot is. */
    assert_int_equal(kill(children[1].pid, SIGKILL), 0);
    end_child(shm, &children[1]);
    assert_int_equal(mansio_limit_count("conns", peer), 4);
    assert_int_equal(mansio_limit_rate("fails", peer, 9, 60 * MANSIO_SECOND), 0);

    /* The slot's next owner begins with nothing. */
    struct child next = start_child(shm);
    assert_int_equal(mansio_limit_count("conns", peer), 7);
    assert_int_equal(kill(next.pid, SIGKILL), 0);
    end_child(shm, &next);
    assert_int_equal(kill(children[2].pid, SIGKILL), 0);
    end_child(shm, &children[2]);
    assert_int_equal(mansio_limit_count("conns", peer), 1);
}

static void release_unheld(void)
{
    mansio_limit_release("conns", MANSIO_STR("nobody"));
}

static void test_release_without_acquire_is_a_mistake(void **state)
{
    (void)state;
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(STDERR_FILENO); /* the report */
        release_unheld();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_shared_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_window_slides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_looks_without_counting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_window_range, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_events_dont_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_or_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_where_the_table_is_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rates_give_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_entries_are_used_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_processes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_release_without_acquire_is_a_mistake, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
