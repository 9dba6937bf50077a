/* Tests of core/base/context.h: who is current, and how a worker stops. */
#include "core/base/context.h"
#include "core/base/testing.h"

#include <pthread.h>
#include <stdio.h>
#include <mansio/error.h>

static void swap_and_back(void **state)
{
    struct core_context *own = core_context_current();
    struct core_context one = {.name = "one"};
    struct core_context two = {.name = "two"};

    (void)state;
    assert_non_null(own);
    assert_string_equal(own->name, "main");
    assert_ptr_equal(core_context_swap(&one), own);
    assert_ptr_equal(core_context_current(), &one);
    assert_ptr_equal(core_context_swap(&two), &one);
    assert_ptr_equal(core_context_swap(NULL), &two);
    assert_ptr_equal(core_context_current(), own);
    assert_ptr_equal(core_context_swap(own), own);
    assert_ptr_equal(core_context_current(), own);
}

struct seen {
    struct core_context *context;
    int is_detail_empty;
};

static void *look_around(void *arg)
{
    struct seen *seen = arg;
    struct mansio_arena *scratch;

    seen->context = core_context_current();
    seen->is_detail_empty = mansio_error_detail()[0] == '\0';
    /* What this leaves behind is released at the thread's end: leak checkers see it if not. */
    (void)mansio_fail(MANSIO_E_IO, "in the thread");
    scratch = mansio_scratch_begin();
    (void)mansio_arena_alloc(scratch, 10);
    mansio_scratch_end(scratch);
    return NULL;
}

static void each_thread_has_its_own(void **state)
{
    struct seen seen = {0};
    pthread_t thread;

    (void)state;
    (void)mansio_fail(MANSIO_E_IO, "in main");
    assert_int_equal(pthread_create(&thread, NULL, look_around, &seen), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_non_null(seen.context);
    assert_ptr_not_equal(seen.context, core_context_current());
    assert_true(seen.is_detail_empty);
    assert_string_equal(mansio_error_detail(), "in main");
}

static void end_current(void *arg)
{
    (void)arg;
    core_context_fini(core_context_current());
}

static void the_current_one_cannot_end(void **state)
{
    (void)state;
    core_test_stops(end_current, NULL, "context != core_context_current()");
}

static void fail_assertion(void *arg)
{
    const struct core_log_fields fields = {.session = MANSIO_STR("s-42")};
    struct core_context fiber = {.name = "imap", .fields = &fields};

    (void)core_context_swap(&fiber);
    MANSIO_ASSERT(arg == &fiber);
}

static void an_assertion_says_where(void **state)
{
    (void)state;
    core_test_stops(fail_assertion, NULL, "assertion failed: arg == &fiber (");
    core_test_stops(fail_assertion, NULL, "context_test.c:");
    core_test_stops(fail_assertion, NULL, "fail_assertion), fiber=imap session=s-42\n");
}

static void report(const char *condition, const char *file, int line, const char *function)
{
    fprintf(stderr, "HOOK %s %d %s %s\n", condition, line > 0, strrchr(file, '/') + 1, function);
}

static void fail_with_hook(void *arg)
{
    core_context_on_assert(report);
    fail_assertion(arg);
}

static void report_badly(const char *condition, const char *file, int line, const char *function)
{
    (void)file;
    (void)line;
    (void)function;
    fprintf(stderr, "FIRST %s\n", condition);
    MANSIO_ASSERT(condition == NULL);
}

static void fail_in_hook(void *arg)
{
    core_context_on_assert(report_badly);
    fail_assertion(arg);
}

static void a_hook_reports_instead(void **state)
{
    (void)state;
    core_test_stops(fail_with_hook, NULL, "HOOK arg == &fiber 1 context_test.c fail_assertion\n");
    core_test_stops(fail_in_hook, NULL, "FIRST arg == &fiber\nmansio: assertion failed: condition");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(swap_and_back),
        cmocka_unit_test(each_thread_has_its_own),
        cmocka_unit_test(the_current_one_cannot_end),
        cmocka_unit_test(an_assertion_says_where),
        cmocka_unit_test(a_hook_reports_instead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
