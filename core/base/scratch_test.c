/* Tests of scratch frames: nesting, fibers apart, the cap over all frames, cheap when unused. */
#include "core/base/scratch.h"

#include "core/base/context.h"
#include "core/base/testing.h"
#include <mansio/arena.h>
#include <mansio/error.h>

/* The case that a plain mark-and-release stack gets wrong: a callee with a frame of its own
 * returns memory of its caller's. */
static struct mansio_str *callee(struct mansio_arena *arena)
{
    MANSIO_SCRATCH_BEGIN(inner);
    struct mansio_str *result = mansio_arena_alloc(arena, sizeof *result);

    memset(mansio_arena_alloc(inner, 1000), 1, 1000);
    *result = MANSIO_STR("kept");
    MANSIO_SCRATCH_END(inner);
    return result;
}

static void outer_memory_outlives_an_inner_frame(void **state)
{
    (void)state;
    MANSIO_SCRATCH_BEGIN(outer);
    struct mansio_str *result = callee(outer);

    memset(callee(outer), 0, sizeof *result);
    core_test_str(*result, "kept");
    MANSIO_SCRATCH_END(outer);
    assert_null(core_context_current()->scratch);
}

static void set_flag(void *arg)
{
    *(int *)arg = 1;
}

static void an_end_runs_clean_ups_and_frees(void **state)
{
    struct mansio_arena *again;
    int is_clean = 0;

    (void)state;
    MANSIO_SCRATCH_BEGIN(scratch);
    mansio_arena_defer(scratch, set_flag, &is_clean);
    assert_non_null(mansio_arena_try_alloc(scratch, 1000));
    assert_int_equal(is_clean, 0);
    mansio_arena_reset(scratch); /* allowed: a loop may empty its frame each turn */
    assert_int_equal(is_clean, 1);
    is_clean = 0;
    mansio_arena_defer(scratch, set_flag, &is_clean);
    MANSIO_SCRATCH_END(scratch);
    assert_int_equal(is_clean, 1);
    again = mansio_scratch_begin();
    assert_int_equal(mansio_arena_used(again), 0);
    mansio_scratch_end(again);
}

static void end_outer_first(void *arg)
{
    struct mansio_arena *outer = mansio_scratch_begin();

    (void)arg;
    (void)mansio_scratch_begin();
    mansio_scratch_end(outer);
}

static void end_twice(void *arg)
{
    struct mansio_arena *scratch = mansio_scratch_begin();

    (void)arg;
    mansio_scratch_end(scratch);
    mansio_scratch_end(scratch);
}

static void free_frame(void *arg)
{
    (void)arg;
    mansio_arena_free(mansio_scratch_begin());
}

static void reset_outer(void *arg)
{
    struct mansio_arena *outer = mansio_scratch_begin();

    (void)arg;
    (void)mansio_scratch_begin();
    mansio_arena_reset(outer);
}

static void wrong_nesting_stops(void **state)
{
    (void)state;
    core_test_stops(end_outer_first, NULL, "scratch == context->scratch");
    core_test_stops(end_twice, NULL, "scratch == context->scratch");
    core_test_stops(free_frame, NULL, "core_context_current()->scratch");
    core_test_stops(reset_outer, NULL, "core_context_current()->scratch");
}

static void one_mebibyte_over_all_frames(void **state)
{
    const size_t quarter = 256 * 1024;

    (void)state;
    MANSIO_SCRATCH_BEGIN(outer);
    assert_non_null(mansio_arena_try_alloc(outer, quarter));
    MANSIO_SCRATCH_BEGIN(inner);
    assert_non_null(mansio_arena_try_alloc(inner, 2 * quarter));
    assert_null(mansio_arena_try_alloc(inner, quarter + 1));
    assert_non_null(mansio_arena_try_alloc(inner, quarter));
    assert_null(mansio_arena_try_alloc(outer, 1));
    MANSIO_SCRATCH_END(inner);
    assert_non_null(mansio_arena_try_alloc(outer, 3 * quarter));
    MANSIO_SCRATCH_END(outer);
}

static void frames_of_two_fibers_never_mix(void **state)
{
    struct core_context one = {.name = "one"};
    struct core_context two = {.name = "two"};
    struct core_context *thread = core_context_swap(&one);
    struct mansio_arena *of_one = mansio_scratch_begin();
    char *kept = mansio_arena_alloc(of_one, 10);
    struct mansio_arena *of_two;

    (void)state;
    kept[0] = 'k';
    (void)core_context_swap(&two);
    of_two = mansio_scratch_begin();
    assert_ptr_not_equal(of_one, of_two);
    memset(mansio_arena_alloc(of_two, 1000), 'x', 1000);
    (void)core_context_swap(&one);
    /* One's frame ends while two's, begun later, is open. */
    assert_int_equal(kept[0], 'k');
    mansio_scratch_end(of_one);
    (void)core_context_swap(&two);
    mansio_scratch_end(of_two);
    (void)core_context_swap(thread);
    assert_null(one.scratch);
    assert_null(two.scratch);
    core_context_fini(&one);
    core_context_fini(&two);
}

static void fini_ends_frames_left_open(void **state)
{
    struct core_context fiber = {.name = "fiber"};
    struct core_context *thread = core_context_swap(&fiber);
    int flags[2] = {0, 0};

    (void)state;
    mansio_arena_defer(mansio_scratch_begin(), set_flag, &flags[0]);
    mansio_arena_defer(mansio_scratch_begin(), set_flag, &flags[1]);
    (void)core_context_swap(thread);
    core_context_fini(&fiber);
    assert_int_equal(flags[0], 1);
    assert_int_equal(flags[1], 1);
    assert_null(fiber.scratch);
}

static void use_frames(void *arg)
{
    int depth = *(const int *)arg;

    if (depth > 0) {
        MANSIO_SCRATCH_BEGIN(scratch);
        (void)mansio_arena_alloc(scratch, 1000);
        depth--;
        use_frames(&depth);
        MANSIO_SCRATCH_END(scratch);
    }
}

static void warm_frames_cost_no_allocation(void **state)
{
    int shallow = 16;
    int deep = 20;

    (void)state;
    use_frames(&shallow);
    assert_int_equal(core_test_count_allocations(use_frames, &shallow), 0);
    assert_true(core_test_count_allocations(use_frames, &deep) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outer_memory_outlives_an_inner_frame),
        cmocka_unit_test(an_end_runs_clean_ups_and_frees),
        cmocka_unit_test(wrong_nesting_stops),
        cmocka_unit_test(one_mebibyte_over_all_frames),
        cmocka_unit_test(frames_of_two_fibers_never_mix),
        cmocka_unit_test(fini_ends_frames_left_open),
        cmocka_unit_test(warm_frames_cost_no_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
