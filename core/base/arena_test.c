/* Tests of arenas: memory, caps, ends in the right order, and life without memory. */
#include <mansio/arena.h>

#include "core/base/arena.h"
#include "core/base/sanitize.h"
#include "core/base/testing.h"

#include <mansio/error.h>

/* What clean-ups did, in order. */
struct trace {
    char text[64];
    size_t len;
};

struct mark {
    struct trace *trace;
    char letter;
};

static void leave_mark(void *arg)
{
    const struct mark *mark = arg;

    assert_true(mark->trace->len + 1 < sizeof mark->trace->text);
    mark->trace->text[mark->trace->len++] = mark->letter;
    mark->trace->text[mark->trace->len] = '\0';
}

/* The mark lives in the arena that ends: its memory must last until its clean-ups have run. */
static void defer_mark(struct mansio_arena *arena, struct trace *trace, char letter)
{
    struct mark *mark = mansio_arena_alloc(arena, sizeof *mark);

    *mark = (struct mark){trace, letter};
    mansio_arena_defer(arena, leave_mark, mark);
}

static void memory_is_zeroed_and_aligned(void **state)
{
    static const size_t sizes[] = {0,   1,    7,    15,   16,   17,   100,  480,   481,  512,
                                   513, 1000, 4000, 4095, 4096, 4097, 9000, 16384, 65536};
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < MANSIO_COUNT(sizes); i++) {
            unsigned char *ptr = mansio_arena_alloc(arena, sizes[i]);

            assert_int_equal((uintptr_t)ptr % 16, 0);
            for (size_t at = 0; at < sizes[i]; at++) {
                assert_int_equal(ptr[at], 0);
            }
            memset(ptr, 0xa5, sizes[i]);
        }
        mansio_arena_reset(arena);
    }
    mansio_arena_free(arena);
    mansio_arena_free(NULL);
}

static void neighbours_keep_apart(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    unsigned char *ptrs[200];

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(ptrs); i++) {
        ptrs[i] = mansio_arena_alloc(arena, i * 7 + 1);
        memset(ptrs[i], (int)i, i * 7 + 1);
    }
    for (size_t i = 0; i < MANSIO_COUNT(ptrs); i++) {
        assert_int_equal(ptrs[i][0], i);
        assert_int_equal(ptrs[i][i * 7], i);
    }
    mansio_arena_free(arena);
}

static void a_cap_binds_the_try_form(void **state)
{
    static const struct {
        size_t cap, first, second;
        int is_first_ok, is_second_ok;
    } rows[] = {
        {1024, 1024, 1, 1, 0},    {1024, 1025, 1024, 0, 1},    {1000, 1000, 1, 1, 0},
        {1000, 1000, 16, 1, 0},   {0, 100000, 100000, 1, 1},   {16, 0, 0, 1, 0},
        {32, 16, 16, 1, 1},       {65536, 65000, 528, 1, 1},   {65536, 65000, 529, 1, 0},
        {64, SIZE_MAX, 64, 0, 1}, {0, SIZE_MAX, 64, 0, 1},     {0, SIZE_MAX - 15, 64, 0, 1},
        {SIZE_MAX, 64, 64, 1, 1}, {0, SIZE_MAX / 2, 64, 0, 1},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", rows[i].cap);

        assert_int_equal(mansio_arena_try_alloc(arena, rows[i].first) != NULL, rows[i].is_first_ok);
        assert_int_equal(mansio_arena_try_alloc(arena, rows[i].second) != NULL,
                         rows[i].is_second_ok);
        mansio_arena_free(arena);
    }
}

static void a_refusal_says_who_and_how_much(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "session", 64);

    (void)state;
    assert_non_null(mansio_arena_try_alloc(arena, 48));
    assert_null(mansio_arena_try_alloc(arena, 100));
    assert_string_equal(mansio_error_detail(),
                        "session: 100 bytes more than the 48 in use exceed the cap of 64");
    mansio_arena_free(arena);
}

static void children_count_towards_their_parents(void **state)
{
    struct mansio_arena *top = mansio_arena_new(NULL, "top", 1024);
    struct mansio_arena *middle = mansio_arena_new(top, "middle", 0);
    struct mansio_arena *leaf = mansio_arena_new(middle, "leaf", 512);

    (void)state;
    assert_non_null(mansio_arena_try_alloc(top, 256));
    assert_non_null(mansio_arena_try_alloc(middle, 256));
    assert_non_null(mansio_arena_try_alloc(leaf, 256));
    assert_int_equal(mansio_arena_used(leaf), 256);
    assert_int_equal(mansio_arena_used(middle), 512);
    assert_int_equal(mansio_arena_used(top), 768);
    assert_null(mansio_arena_try_alloc(leaf, 272));
    assert_non_null(strstr(mansio_error_detail(), "leaf:"));
    assert_null(mansio_arena_try_alloc(middle, 272));
    assert_non_null(strstr(mansio_error_detail(), "top:"));
    mansio_arena_reset(leaf);
    assert_int_equal(mansio_arena_used(leaf), 0);
    assert_int_equal(mansio_arena_used(top), 512);
    assert_non_null(mansio_arena_try_alloc(middle, 272));
    assert_non_null(mansio_arena_try_alloc(leaf, 240));
    mansio_arena_free(leaf);
    assert_int_equal(mansio_arena_used(top), 784);
    (void)mansio_arena_new(middle, "late", 0);
    mansio_arena_reset(top);
    assert_int_equal(mansio_arena_used(top), 0);
    assert_non_null(mansio_arena_try_alloc(top, 1024));
    mansio_arena_free(top);
}

/* Fixed sizes pass the cap; @p arg of them are too many. */
static void alloc_many(void *arg)
{
    struct mansio_arena *top = mansio_arena_new(NULL, "top", 1024);
    struct mansio_arena *arena = mansio_arena_new(top, "child", 0);

    for (size_t i = 0; i < *(const size_t *)arg; i++) {
        (void)mansio_arena_alloc(arena, 1024);
    }
    mansio_arena_free(top);
}

static void alloc_huge(void *arg)
{
    (void)mansio_arena_alloc(arg, 65537);
}

static void fixed_sizes_pass_the_cap_but_not_for_ever(void **state)
{
    size_t most = 2 + 64;
    size_t more = most + 1;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 16);

    (void)state;
    alloc_many(&most);
    core_test_stops(alloc_many, &more, "HARD_SLACK_BYTES");
    core_test_stops(alloc_huge, arena, "ALLOC_MAX_BYTES");
    assert_non_null(mansio_arena_alloc(arena, 4096));
    assert_null(mansio_arena_try_alloc(arena, 1)); /* beyond the cap already */
    mansio_arena_free(arena);
}

static void clean_ups_and_children_end_last_in_first_out(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_arena *child;
    struct mansio_arena *gone;
    struct trace trace = {0};

    (void)state;
    for (int round = 0; round < 2; round++) {
        trace = (struct trace){0};
        defer_mark(arena, &trace, 'a');
        child = mansio_arena_new(arena, "child", 0);
        defer_mark(arena, &trace, 'b');
        gone = mansio_arena_new(arena, "gone", 0);
        defer_mark(child, &trace, 'x');
        defer_mark(arena, &trace, 'c');
        defer_mark(mansio_arena_new(child, "grandchild", 0), &trace, 'g');
        defer_mark(gone, &trace, 'h');
        defer_mark(child, &trace, 'y');
        mansio_arena_free(gone);
        assert_string_equal(trace.text, "h");
        if (round == 0) {
            mansio_arena_reset(arena);
        } else {
            mansio_arena_free(arena);
        }
        assert_string_equal(trace.text, "hcbygxa");
    }
}

static void undefer_takes_the_latest(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct trace trace = {0};
    struct mark a = {&trace, 'a'};
    struct mark b = {&trace, 'b'};

    (void)state;
    mansio_arena_defer(arena, leave_mark, &a);
    mansio_arena_defer(arena, leave_mark, &b);
    mansio_arena_defer(arena, leave_mark, &a);
    assert_int_equal(mansio_arena_undefer(arena, leave_mark, &a), 1);
    assert_int_equal(mansio_arena_undefer(arena, leave_mark, &trace), 0);
    mansio_arena_reset(arena);
    assert_string_equal(trace.text, "ba");
    assert_int_equal(mansio_arena_undefer(arena, leave_mark, &a), 0);
    mansio_arena_free(arena);
    assert_string_equal(trace.text, "ba");
}

static void defer_and_undefer_often(void *arg)
{
    for (int i = 0; i < 10000; i++) {
        mansio_arena_defer(arg, leave_mark, arg);
        assert_int_equal(mansio_arena_undefer(arg, leave_mark, arg), 1);
    }
}

static void a_long_life_of_clean_ups_takes_no_more_memory(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)state;
    assert_true(core_test_count_allocations(defer_and_undefer_often, arena) <= 1);
    assert_int_equal(mansio_arena_used(arena), 0); /* bookkeeping isn't counted */
    mansio_arena_free(arena);
}

static void a_reset_forgets_spare_clean_ups(void **state)
{
    static const char zeroes[400];
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct trace trace = {0};
    struct mark mark = {&trace, 'a'};
    char *memory;

    (void)state;
    mansio_arena_defer(arena, leave_mark, &mark);
    assert_int_equal(mansio_arena_undefer(arena, leave_mark, &mark), 1);
    mansio_arena_reset(arena);
    memory = mansio_arena_alloc(arena, sizeof zeroes);
    mansio_arena_defer(arena, leave_mark, &mark);
    assert_memory_equal(memory, zeroes, sizeof zeroes);
    mansio_arena_free(arena);
    assert_string_equal(trace.text, "a");
}

struct busy {
    struct mansio_arena *arena;
    struct mansio_arena *child;
    struct trace *trace;
};

static void be_busy(void *arg)
{
    struct busy *busy = arg;

    mansio_arena_free(busy->child);
    (void)mansio_arena_alloc(busy->arena, 100);
    (void)mansio_arena_alloc(mansio_arena_new(busy->arena, "late", 0), 100);
    defer_mark(busy->arena, busy->trace, 'z');
}

static void a_clean_up_may_use_its_arena(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct trace trace = {0};
    struct busy busy = {arena, mansio_arena_new(arena, "child", 0), &trace};

    (void)state;
    defer_mark(arena, &trace, 'a');
    defer_mark(busy.child, &trace, 'x');
    mansio_arena_defer(arena, be_busy, &busy);
    mansio_arena_reset(arena);
    assert_string_equal(trace.text, "xza");
    assert_int_equal(mansio_arena_used(arena), 0);
    mansio_arena_free(arena);
}

static void free_within(void *arg)
{
    mansio_arena_free(arg);
}

static void free_twice(void *arg)
{
    mansio_arena_defer(arg, free_within, arg);
    mansio_arena_free(arg);
}

static void ending_within_an_end_stops(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)state;
    core_test_stops(free_twice, arena, "is_ending");
    mansio_arena_free(arena);
}

/* An idle conn's arena: header and first block, together under 1 KiB. */
static void make_small(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "conn", 0);

    (void)arg;
    for (int i = 0; i < (CORE_ASAN ? 14 : 28); i++) {
        (void)mansio_arena_alloc(arena, 16);
    }
    mansio_arena_free(arena);
}

static void fill_kib(void *arg)
{
    for (int i = 0; i < 64; i++) {
        (void)mansio_arena_alloc(arg, 16);
    }
}

static void fill_mib(void *arg)
{
    for (int i = 0; i < 1024 * 16; i++) {
        (void)mansio_arena_alloc(arg, CORE_ASAN ? 48 : 64);
    }
}

static void use_after_reset(void *arg)
{
    mansio_arena_reset(arg);
    (void)mansio_arena_alloc(arg, 400);
}

static void blocks_are_few_and_small(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)state;
    assert_int_equal(core_test_count_allocations(make_small, NULL), 2);
    /* The first block is no larger than that: 1 KiB takes a second. */
    assert_in_range(core_test_count_allocations(fill_kib, arena), 2, 3);
    assert_int_equal(core_test_count_allocations(use_after_reset, arena), 0);
    mansio_arena_reset(arena);
    /* Blocks grow to 16 KiB and no further: a MiB takes 64 and the few on the way. */
    assert_in_range(core_test_count_allocations(fill_mib, arena), 64, 72);
    /* What a reset keeps is small. */
    assert_int_equal(core_test_count_allocations(use_after_reset, arena), 0);
    assert_in_range(core_test_count_allocations(fill_kib, arena), 1, 3);
    mansio_arena_free(arena);
}

static void moving_takes_the_charge_along(void **state)
{
    struct mansio_arena *one = mansio_arena_new(NULL, "one", 0);
    struct mansio_arena *two = mansio_arena_new(NULL, "two", 64);
    struct mansio_arena *child = mansio_arena_new(one, "child", 0);
    struct trace trace = {0};

    (void)state;
    defer_mark(child, &trace, 'c');
    defer_mark(two, &trace, 't');
    (void)mansio_arena_alloc(child, 112);
    assert_int_equal(mansio_arena_used(one), 128);
    core_arena_move(child, two);
    assert_ptr_equal(core_arena_parent(child), two);
    assert_string_equal(core_arena_name(child), "child");
    assert_int_equal(mansio_arena_used(one), 0);
    assert_int_equal(mansio_arena_used(two), 144);
    mansio_arena_free(one);
    assert_string_equal(trace.text, "");
    mansio_arena_free(two);
    assert_string_equal(trace.text, "ct");
}

static void charges_count_and_are_bounded(void **state)
{
    struct mansio_arena *top = mansio_arena_new(NULL, "top", 1024);
    struct mansio_arena *arena = mansio_arena_new(top, "child", 0);

    (void)state;
    assert_int_equal(core_arena_charge(arena, 1000), 0);
    assert_int_equal(core_arena_charge(arena, 25), MANSIO_E_LIMIT);
    assert_non_null(strstr(mansio_error_detail(), "top:"));
    assert_int_equal(mansio_arena_used(top), 1000);
    assert_null(mansio_arena_try_alloc(arena, 25));
    core_arena_uncharge(arena, 1000);
    assert_int_equal(mansio_arena_used(top), 0);
    mansio_arena_free(top);
}

static void no_memory_is_no_end(void **state)
{
    static const size_t sizes[] = {16, 400, 2000, 5000, 100000};

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(sizes); i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

        (void)core_alloc_fail_at(1);
        assert_null(mansio_arena_try_alloc(arena, sizes[i]));
        assert_int_equal(core_alloc_fail_at(0), 0);
        assert_non_null(strstr(mansio_error_detail(), "test: no memory for "));
        assert_int_equal(mansio_arena_used(arena), 0);
        assert_non_null(mansio_arena_try_alloc(arena, sizes[i]));
        mansio_arena_free(arena);
    }
}

static void alloc_without_memory(void *arg)
{
    (void)core_alloc_fail_at(1);
    (void)mansio_arena_alloc(arg, 40);
}

static void defer_without_memory(void *arg)
{
    (void)core_alloc_fail_at(1);
    mansio_arena_defer(arg, free_within, NULL);
}

static void the_must_forms_stop_without_memory(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)state;
    core_test_stops(alloc_without_memory, arena, "out of memory for 40 bytes");
    core_test_stops(defer_without_memory, arena, "out of memory for");
    mansio_arena_free(arena);
}

#if CORE_ASAN
static void unused_memory_is_poisoned(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    char *ptr = mansio_arena_alloc(arena, 24);

    (void)state;
    assert_false(__asan_address_is_poisoned(ptr + 23));
    assert_true(__asan_address_is_poisoned(ptr + 24));
    assert_true(__asan_address_is_poisoned(ptr + 40));
    mansio_arena_reset(arena);
    assert_true(__asan_address_is_poisoned(ptr));
    mansio_arena_free(arena);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(neighbours_keep_apart),
        cmocka_unit_test(a_cap_binds_the_try_form),
        cmocka_unit_test(a_refusal_says_who_and_how_much),
        cmocka_unit_test(children_count_towards_their_parents),
        cmocka_unit_test(fixed_sizes_pass_the_cap_but_not_for_ever),
        cmocka_unit_test(clean_ups_and_children_end_last_in_first_out),
        cmocka_unit_test(undefer_takes_the_latest),
        cmocka_unit_test(a_long_life_of_clean_ups_takes_no_more_memory),
        cmocka_unit_test(a_reset_forgets_spare_clean_ups),
        cmocka_unit_test(a_clean_up_may_use_its_arena),
        cmocka_unit_test(ending_within_an_end_stops),
        cmocka_unit_test(blocks_are_few_and_small),
        cmocka_unit_test(moving_takes_the_charge_along),
        cmocka_unit_test(charges_count_and_are_bounded),
        cmocka_unit_test(no_memory_is_no_end),
        cmocka_unit_test(the_must_forms_stop_without_memory),
#if CORE_ASAN
        cmocka_unit_test(unused_memory_is_poisoned),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
