/* Tests of census.c: depths by name, also of recycled, trimmed and live stacks. */
#include "core/loop/testing.h"

#include <stdlib.h>
#include <string.h>

#include "core/loop/census.h"

/* Each frame is used after the call, or the compiler would make a loop of it. */
__attribute__((noinline)) static int recurse(int depth, const volatile char *above)
{
    volatile char room[1024];
    for (size_t i = 0; i < sizeof room; i++) {
        room[i] = (char)(depth + 1);
    }
    int below = depth > 0 ? recurse(depth - 1, room) : 0;
    return below / 2 + room[1] + above[0];
}

static int use(void *arg)
{
    return recurse(*(int *)arg, "") < 0;
}

static int use_and_trim(void *arg)
{
    (void)recurse(*(int *)arg, "");
    mansio_fiber_trim();
    return 0;
}

static int use_and_stay(void *arg)
{
    (void)recurse(*(int *)arg, "");
    return mansio_fiber_sleep_until(MANSIO_NEVER);
}

static int count(void *arg)
{
    (void)arg;
    int ten = 10, forty = 40, sixty = 60;
    struct mansio_group *group = mansio_group_new("users");
    /* One after the other on the same stack: a shallow one after a deep one stays shallow. */
    CHECK(mansio_group_spawn(group, "forty", use, &forty, NULL) == 0);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(mansio_group_spawn(group, "ten", use, &ten, NULL) == 0);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(mansio_group_spawn(group, "sixty", use_and_trim, &sixty, NULL) == 0);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(mansio_group_spawn(group, "both", use, &ten, NULL) == 0);
    CHECK(mansio_group_spawn(group, "both", use, &sixty, NULL) == 0);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(mansio_group_spawn(group, "live", use_and_stay, &sixty, NULL) == 0);
    CHECK(mansio_fiber_yield() == 0);

    CHECK(core_census_depth("nobody") == 0);
    CHECK(core_census_depth("live") == 0);
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    core_census_print(file);
    (void)fclose(file);
    CHECK(strstr(text, "2 fibers ended: both\n") != NULL);
    CHECK(strstr(text, "0 fibers ended: live\n") != NULL);
    CHECK(strstr(text, "1 fibers ended: ten\n") != NULL);
    free(text);

    size_t frame = 1024;
    CHECK(core_census_depth("ten") >= 11 * frame);
    CHECK(core_census_depth("ten") < core_census_depth("forty") - 20 * frame);
    CHECK(core_census_depth("forty") < core_census_depth("sixty") - 10 * frame);
    CHECK(core_census_depth("both") >= 61 * frame);
    CHECK(core_census_depth("live") >= 61 * frame);
    mansio_group_close(group);
    return 0;
}

static void depths_are_recorded_by_name(void **state)
{
    (void)state;
    const struct core_loop_options options = {
        .fibers_max = 10,
        .stacks_kept_max = 10,
        .stack_census = 1,
    };
    run_fiber_with(&options, count, NULL);
}

static int quiet(void *arg)
{
    int one = 1;
    (void)use(&one);
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    core_census_print(file);
    (void)fclose(file);
    CHECK(size == 0);
    free(text);
    (void)arg;
    return 0;
}

static void nothing_is_recorded_while_off(void **state)
{
    (void)state;
    run_fiber(quiet, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depths_are_recorded_by_name),
        cmocka_unit_test(nothing_is_recorded_while_off),
    };
    return cmocka_run_group_tests_name("census", tests, NULL, NULL);
}
