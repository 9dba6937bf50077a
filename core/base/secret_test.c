/* Tests of secrets: what they hold, that they are wiped, that core dumps leave them out. */
#include <mansio/arena.h>

#include "core/base/sanitize.h"
#include "core/base/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <mansio/error.h>

static void holds_its_bytes(void **state)
{
    static const size_t sizes[] = {0, 1, 40, 47, 48, 200, 300, 1100, 4000, 4090, 5000, 65536};
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    char *input = malloc(65536);

    (void)state;
    for (int round = 0; round < 2; round++) {
        struct mansio_secret *secrets[MANSIO_COUNT(sizes)];

        for (size_t i = 0; i < MANSIO_COUNT(sizes); i++) {
            memset(input, 'a' + (int)i, 65536);
            assert_int_equal(
                mansio_secret_new(arena, (struct mansio_str){input, sizes[i]}, &secrets[i]), 0);
        }
        for (size_t i = 0; i < MANSIO_COUNT(sizes); i++) {
            struct mansio_str bytes = mansio_secret_bytes(secrets[i]);

            memset(input, 'a' + (int)i, 65536);
            assert_int_equal(bytes.len, sizes[i]);
            assert_memory_equal(bytes.ptr, input, sizes[i]);
            assert_int_equal(bytes.ptr[bytes.len], '\0');
        }
        assert_true(mansio_arena_used(arena) > 65536);
        mansio_arena_reset(arena);
        assert_int_equal(mansio_arena_used(arena), 0);
    }
    free(input);
    mansio_arena_free(arena);
    assert_int_equal(mansio_secret_bytes(NULL).len, 0);
}

static void bounds(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 256);
    struct mansio_secret *secret = NULL;
    char *input = calloc(1, 65537);

    (void)state;
    assert_int_equal(mansio_secret_new(arena, (struct mansio_str){input, 65537}, &secret),
                     MANSIO_E_LIMIT);
    assert_string_equal(mansio_error_detail(),
                        "a secret of 65537 bytes, at most 65536 are possible");
    assert_int_equal(mansio_secret_new(arena, (struct mansio_str){input, 256}, &secret),
                     MANSIO_E_LIMIT);
    assert_non_null(strstr(mansio_error_detail(), "cap of 256"));
    assert_null(secret);
    assert_int_equal(mansio_secret_new(arena, (struct mansio_str){input, 128}, &secret), 0);
    free(input);
    mansio_arena_free(arena);
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static void no_memory_is_a_limit(void **state)
{
    static char large[5000];
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_secret *secrets[100];
    int refused = 0;
    size_t used;

    (void)state;
    /* Clean-ups to spare: none of what follows needs the arena's own memory. */
    for (size_t i = 0; i < MANSIO_COUNT(secrets); i++) {
        mansio_arena_defer(arena, do_nothing, NULL);
    }
    while (mansio_arena_undefer(arena, do_nothing, NULL)) {
    }
    /* Slots that were used before need no memory: so until one does. */
    for (size_t i = 0; i < MANSIO_COUNT(secrets) && refused == 0; i++) {
        (void)core_alloc_fail_at(1);
        refused = mansio_secret_new(arena, (struct mansio_str){large, 4000}, &secrets[i]);
        (void)core_alloc_fail_at(0);
    }
    assert_int_equal(refused, MANSIO_E_LIMIT);
    assert_string_equal(mansio_error_detail(),
                        "secret: mmap of 65536 bytes: Cannot allocate memory");
    used = mansio_arena_used(arena);
    (void)core_alloc_fail_at(1);
    assert_int_equal(
        mansio_secret_new(arena, (struct mansio_str){large, sizeof large}, &secrets[0]),
        MANSIO_E_LIMIT);
    assert_int_equal(core_alloc_fail_at(0), 0);
    assert_int_equal(mansio_arena_used(arena), used);
    mansio_arena_free(arena);
}

static void make_and_end_often(void *arg)
{
    static char input[1000];
    struct mansio_secret *secret;

    for (int i = 0; i < 10000; i++) {
        assert_int_equal(
            mansio_secret_new(arg, (struct mansio_str){input, (size_t)i % 1000}, &secret), 0);
        mansio_arena_reset(arg);
    }
}

static void ended_ones_make_room_for_others(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)state;
    make_and_end_often(arena);
    assert_int_equal(core_test_count_allocations(make_and_end_often, arena), 0);
    mansio_arena_free(arena);
}

static void wiped_at_the_end(void **state)
{
    static const char password[] = "correct horse battery staple";
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_secret *secret = NULL;
    struct mansio_str bytes;

    (void)state;
    assert_int_equal(mansio_secret_new(arena, MANSIO_STR("correct horse battery staple"), &secret),
                     0);
    bytes = mansio_secret_bytes(secret);
    assert_memory_equal(bytes.ptr, password, sizeof password);
    mansio_arena_free(arena);
    /* The slot stays mapped for the next secret: so this may look at what is left in it. */
    core_unpoison(bytes.ptr, bytes.len);
    for (size_t i = 0; i < bytes.len; i++) {
        assert_int_equal(bytes.ptr[i], 0);
    }
    core_poison(bytes.ptr, bytes.len);
}

/* The kernel's flags of the mapping that holds @p ptr: 1 if "dd" (do not dump) is among them, 0 if
 * not, -1 if nothing is mapped there. */
static int is_left_out_of_dumps(const void *ptr)
{
    FILE *maps = fopen("/proc/self/smaps", "re");
    char line[512];
    int is_ours = 0;
    int result = -1;

    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long from;
        unsigned long to;

        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
            is_ours = (uintptr_t)ptr >= from && (uintptr_t)ptr < to;
        } else if (is_ours && strncmp(line, "VmFlags:", 8) == 0) {
            result = strstr(line, " dd") != NULL;
        }
    }
    (void)fclose(maps);
    return result;
}

static void left_out_of_core_dumps(void **state)
{
    static char large[5000];
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_secret *secret = NULL;
    const void *at;

    (void)state;
    assert_int_equal(is_left_out_of_dumps(arena), 0);
    assert_int_equal(mansio_secret_new(arena, MANSIO_STR("small"), &secret), 0);
    assert_int_equal(is_left_out_of_dumps(mansio_secret_bytes(secret).ptr), 1);
    assert_int_equal(mansio_secret_new(arena, (struct mansio_str){large, sizeof large}, &secret),
                     0);
    at = mansio_secret_bytes(secret).ptr;
    assert_int_equal(is_left_out_of_dumps(at), 1);
    mansio_arena_free(arena);
}

static void compares(void **state)
{
    static const struct {
        struct mansio_str a;
        struct mansio_str b;
        int wanted;
    } rows[] = {
        {MANSIO_STR(""), MANSIO_STR(""), 1},
        {{NULL, 0}, MANSIO_STR(""), 1},
        {MANSIO_STR("abc"), MANSIO_STR("abc"), 1},
        {MANSIO_STR("abc"), MANSIO_STR("abd"), 0},
        {MANSIO_STR("abc"), MANSIO_STR("Abc"), 0},
        {MANSIO_STR("abc"), MANSIO_STR("ab"), 0},
        {MANSIO_STR("a\0c"), MANSIO_STR("a\0d"), 0},
        {MANSIO_STR("\xff"), MANSIO_STR("\x7f"), 0},
        {MANSIO_STR("ab"), MANSIO_STR("ba"), 0},
        {MANSIO_STR("\x01\x01"), MANSIO_STR("\x00\x00"), 0}, /* differences don't cancel out */
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        assert_int_equal(mansio_secret_eq(rows[i].a, rows[i].b), rows[i].wanted);
        assert_int_equal(mansio_secret_eq(rows[i].b, rows[i].a), rows[i].wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_its_bytes),
        cmocka_unit_test(bounds),
        cmocka_unit_test(no_memory_is_a_limit),
        cmocka_unit_test(ended_ones_make_room_for_others),
        cmocka_unit_test(wiped_at_the_end),
        cmocka_unit_test(left_out_of_core_dumps),
        cmocka_unit_test(compares),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
