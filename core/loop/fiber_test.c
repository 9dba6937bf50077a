/* Tests of fiber.c: spawning, results, order, yielding, signals, names, limits. */
#include "core/loop/testing.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/log.h>

static int answer(void *arg)
{
    return *(int *)arg;
}

static int spawn_and_join(void *arg)
{
    (void)arg;
    struct mansio_group *group = mansio_group_new("children");
    int values[20];
    struct mansio_fiber *fibers[20];
    for (int i = 0; i < 20; i++) {
        values[i] = i + 100;
        CHECK(mansio_group_spawn(group, "child", answer, &values[i], &fibers[i]) == 0);
    }
    CHECK(mansio_group_count(group) == 20);
    for (int i = 0; i < 20; i++) {
        int result = 0;
        CHECK(mansio_fiber_join(fibers[i], MANSIO_NEVER, &result) == 0);
        CHECK(result == i + 100);
    }
    CHECK(mansio_group_count(group) == 0);
    mansio_group_close(group);
    return 0;
}

static void joins_give_results(void **state)
{
    (void)state;
    run_fiber(spawn_and_join, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_give_results),
    };
    return cmocka_run_group_tests_name("fiber", tests, NULL, NULL);
}
