/* Tests of hash maps: order, removal during a walk, bounds, and a model to compare with. */
#include <mansio/map.h>

#include "core/base/testing.h"

#include <stdio.h>
#include <mansio/error.h>
#include <mansio/str.h>

enum { KEYS = 500 };

/* A value for each key of the model; its address is what the map holds. */
static int values[KEYS];

static struct mansio_str key_of(int number, char text[16])
{
    return (struct mansio_str){text, (size_t)snprintf(text, 16, "key-%d", number)};
}

static void put_get_remove(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_map *map = mansio_map_new(arena, 10);

    (void)state;
    assert_null(mansio_map_get(map, MANSIO_STR("a")));
    assert_null(mansio_map_remove(map, MANSIO_STR("a")));
    assert_int_equal(mansio_map_put(map, MANSIO_STR("a"), &values[1]), 1);
    assert_int_equal(mansio_map_put(map, MANSIO_STR("a"), &values[2]), 0);
    assert_int_equal(mansio_map_put(map, MANSIO_STR(""), &values[3]), 1);
    assert_int_equal(mansio_map_put(map, MANSIO_STR("a\0b"), &values[4]), 1);
    assert_int_equal(mansio_map_count(map), 3);
    assert_ptr_equal(mansio_map_get(map, MANSIO_STR("a")), &values[2]);
    assert_ptr_equal(mansio_map_get(map, MANSIO_STR_NONE), &values[3]);
    assert_ptr_equal(mansio_map_get(map, MANSIO_STR("a\0b")), &values[4]);
    assert_null(mansio_map_get(map, MANSIO_STR("A")));
    assert_ptr_equal(mansio_map_remove(map, MANSIO_STR("a")), &values[2]);
    assert_null(mansio_map_get(map, MANSIO_STR("a")));
    assert_int_equal(mansio_map_count(map), 2);
    mansio_arena_free(arena);
}

static void keys_are_copied(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_map *map = mansio_map_new(arena, 10);
    char text[] = "abc";

    (void)state;
    assert_int_equal(mansio_map_put(map, (struct mansio_str){text, 3}, &values[0]), 1);
    text[0] = 'x';
    assert_ptr_equal(mansio_map_get(map, MANSIO_STR("abc")), &values[0]);
    assert_null(mansio_map_get(map, MANSIO_STR("xbc")));
    mansio_arena_free(arena);
}

static void put_null(void *arg)
{
    (void)!mansio_map_put(arg, MANSIO_STR("a"), NULL);
}

static void a_value_is_never_null(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)state;
    core_test_stops(put_null, mansio_map_new(arena, 10), "value != NULL");
    mansio_arena_free(arena);
}

static void full_is_a_limit(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_map *map = mansio_map_new(arena, 2);

    (void)state;
    assert_int_equal(mansio_map_put(map, MANSIO_STR("a"), &values[0]), 1);
    assert_int_equal(mansio_map_put(map, MANSIO_STR("b"), &values[0]), 1);
    assert_int_equal(mansio_map_put(map, MANSIO_STR("c"), &values[0]), MANSIO_E_LIMIT);
    assert_string_equal(mansio_error_detail(), "map: full with 2 entries");
    assert_int_equal(mansio_map_put(map, MANSIO_STR("b"), &values[1]), 0);
    assert_ptr_equal(mansio_map_remove(map, MANSIO_STR("a")), &values[0]);
    assert_int_equal(mansio_map_put(map, MANSIO_STR("c"), &values[0]), 1);
    assert_int_equal(mansio_map_count(map), 2);
    map = mansio_map_new(arena, 0);
    assert_int_equal(mansio_map_put(map, MANSIO_STR("a"), &values[0]), MANSIO_E_LIMIT);
    mansio_arena_free(arena);
}

/* Random puts and removals; order and content against an array of sequence numbers. */
static void behaves_as_its_model(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_map *map = mansio_map_new(arena, KEYS);
    int added_at[KEYS] = {0}; /* 0 when absent */
    size_t count = 0;
    uint32_t random = 7;

    (void)state;
    for (int step = 1; step <= 20000; step++) {
        char text[16];
        int number;

        random = random * 1664525 + 1013904223;
        number = (int)((random >> 8) % KEYS);
        if (random >> 31 != 0) {
            int is_new = added_at[number] == 0;

            assert_int_equal(mansio_map_put(map, key_of(number, text), &values[number]), is_new);
            count += (size_t)is_new;
            added_at[number] = is_new ? step : added_at[number];
        } else {
            assert_ptr_equal(mansio_map_remove(map, key_of(number, text)),
                             added_at[number] != 0 ? &values[number] : NULL);
            count -= added_at[number] != 0;
            added_at[number] = 0;
        }
        assert_int_equal(mansio_map_count(map), count);
        if (step % 1000 == 0) {
            struct mansio_str key;
            size_t cursor = 0;
            size_t seen = 0;
            int last = 0;
            void *value;

            while (mansio_map_next(map, &cursor, &key, &value)) {
                int at = (int)((int *)value - values);

                assert_true(mansio_str_eq(key, key_of(at, text)));
                assert_true(added_at[at] > last);
                last = added_at[at];
                seen++;
            }
            assert_int_equal(seen, count);
        }
    }
    mansio_arena_reset(arena);
    assert_int_equal(mansio_arena_used(arena), 0);
    mansio_arena_free(arena);
}

static void the_entry_last_visited_may_go(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_map *map = mansio_map_new(arena, KEYS);
    struct mansio_str key;
    size_t cursor = 0;
    char text[16];
    int seen = 0;

    (void)state;
    for (int i = 0; i < KEYS; i++) {
        assert_int_equal(mansio_map_put(map, key_of(i, text), &values[i]), 1);
    }
    while (mansio_map_next(map, &cursor, &key, NULL)) {
        assert_true(mansio_str_eq(key, key_of(seen, text)));
        if (seen % 3 != 0) {
            assert_ptr_equal(mansio_map_remove(map, key), &values[seen]);
        }
        seen++;
    }
    assert_int_equal(seen, KEYS);
    assert_int_equal(mansio_map_count(map), (KEYS + 2) / 3);
    assert_int_equal(mansio_map_next(map, &cursor, NULL, NULL), 0);
    mansio_arena_free(arena);
}

/* Growth and closing of holes under a walk: it may miss or repeat, but it ends and stays inside. */
static void a_walk_survives_other_changes(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_map *map = mansio_map_new(arena, KEYS);
    size_t cursor = 0;
    char text[16];
    void *value;
    int turns = 0;

    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(mansio_map_put(map, key_of(i, text), &values[i]), 1);
    }
    while (mansio_map_next(map, &cursor, NULL, &value) && turns < KEYS) {
        assert_in_range((uintptr_t)value, (uintptr_t)values, (uintptr_t)(values + KEYS - 1));
        (void)mansio_map_remove(map, key_of((turns * 7) % 100, text));
        assert_true(mansio_map_put(map, key_of(100 + turns % 300, text), &values[0]) >= 0);
        turns++;
    }
    assert_true(turns > 0);
    cursor = SIZE_MAX;
    assert_int_equal(mansio_map_next(map, &cursor, NULL, &value), 0);
    mansio_arena_free(arena);
}

/* A table of sessions lives long: adding and removing for ever must not grow it. */
static void turnover_takes_no_more_memory(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_map *map = mansio_map_new(arena, KEYS);
    size_t most = 0;
    char text[16];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        assert_int_equal(mansio_map_put(map, key_of(i, text), &values[0]), 1);
        if (i >= 10) {
            assert_ptr_equal(mansio_map_remove(map, key_of(i - 10, text)), &values[0]);
        }
        if (i == 100) {
            most = mansio_arena_used(arena);
        }
    }
    assert_int_equal(mansio_map_count(map), 10);
    assert_true(mansio_arena_used(arena) <= most + 100);
    mansio_arena_free(arena);
}

static void caps_bind(void **state)
{
    static char longest[2048];
    struct mansio_arena *arena = mansio_arena_new(NULL, "session", 2048);
    struct mansio_map *map = mansio_map_new(arena, KEYS);
    char text[16];
    int result = 1;
    int count = 0;

    (void)state;
    while (result == 1 && count < KEYS) {
        result = mansio_map_put(map, key_of(count, text), &values[count]);
        count += result == 1;
    }
    assert_int_equal(result, MANSIO_E_LIMIT);
    assert_non_null(strstr(mansio_error_detail(), "session:"));
    assert_int_equal(mansio_map_count(map), count);
    /* a key too long for what is left, though there is room for its entry */
    count--;
    assert_ptr_equal(mansio_map_remove(map, key_of(count, text)), &values[count]);
    assert_int_equal(mansio_map_put(map, (struct mansio_str){longest, sizeof longest}, &values[0]),
                     MANSIO_E_LIMIT);
    assert_int_equal(mansio_map_count(map), count);
    for (int i = 0; i < count; i++) {
        assert_ptr_equal(mansio_map_get(map, key_of(i, text)), &values[i]);
    }
    mansio_arena_free(arena);
}

/* Fail the n-th allocation for every n: the put is refused, the map stays whole. */
static void no_memory_leaves_it_whole(void **state)
{
    uint64_t left = 0;
    size_t used = 0;

    (void)state;
    for (uint64_t nth = 1; left == 0; nth++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
        struct mansio_map *map = mansio_map_new(arena, KEYS);
        size_t count = 0;
        char text[16];

        assert_true(nth < 1000);
        (void)core_alloc_fail_at(nth);
        for (int i = 0; i < 40; i++) {
            int result = mansio_map_put(map, key_of(i, text), &values[i]);

            assert_true(result == 1 || result == MANSIO_E_LIMIT);
            count += result == 1;
            assert_ptr_equal(mansio_map_get(map, key_of(i, text)), result == 1 ? &values[i] : NULL);
        }
        left = core_alloc_fail_at(0);
        assert_int_equal(count, left > 0 ? 40 : 39);
        assert_int_equal(mansio_map_count(map), count);
        /* Nothing of the failure stays: made up for, it comes to the same use of memory. */
        for (int i = 0; i < 40; i++) {
            assert_true(mansio_map_put(map, key_of(i, text), &values[i]) >= 0);
        }
        used = used == 0 ? mansio_arena_used(arena) : used;
        assert_int_equal(mansio_arena_used(arena), used);
        mansio_arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_get_remove),
        cmocka_unit_test(keys_are_copied),
        cmocka_unit_test(a_value_is_never_null),
        cmocka_unit_test(full_is_a_limit),
        cmocka_unit_test(behaves_as_its_model),
        cmocka_unit_test(the_entry_last_visited_may_go),
        cmocka_unit_test(a_walk_survives_other_changes),
        cmocka_unit_test(turnover_takes_no_more_memory),
        cmocka_unit_test(caps_bind),
        cmocka_unit_test(no_memory_leaves_it_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
