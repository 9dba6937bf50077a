/* Tests of <mansio/error.h>: names, classes, and the detail that people read. */
#include <mansio/error.h>

#include "core/base/context.h"
#include "core/base/testing.h"

#include <errno.h>
#include <wchar.h>

static void each_code_has_name_and_class(void **state)
{
    static const struct {
        int code;
        const char *name;
        uint32_t class_wanted;
    } rows[] = {
        {MANSIO_OK, "ok", MANSIO_CLASS_NONE},
        {17, "ok", MANSIO_CLASS_NONE},
        {MANSIO_E_IO, "io", MANSIO_CLASS_TRANSIENT},
        {MANSIO_E_TIMEOUT, "timeout", MANSIO_CLASS_TRANSIENT},
        {MANSIO_E_EOF, "eof", MANSIO_CLASS_TRANSIENT},
        {MANSIO_E_UNAVAILABLE, "unavailable", MANSIO_CLASS_TRANSIENT},
        {MANSIO_E_BUSY, "busy", MANSIO_CLASS_TRANSIENT},
        {MANSIO_E_CLOSED, "closed", MANSIO_CLASS_TRANSIENT},
        {MANSIO_E_INVALID, "invalid", MANSIO_CLASS_PERMANENT},
        {MANSIO_E_NOT_FOUND, "not-found", MANSIO_CLASS_PERMANENT},
        {MANSIO_E_EXISTS, "exists", MANSIO_CLASS_PERMANENT},
        {MANSIO_E_DENIED, "denied", MANSIO_CLASS_PERMANENT},
        {MANSIO_E_UNSUPPORTED, "unsupported", MANSIO_CLASS_PERMANENT},
        {MANSIO_E_LIMIT, "limit", MANSIO_CLASS_LIMIT},
        {MANSIO_E_CANCELLED, "cancelled", MANSIO_CLASS_CANCELLED},
        {MANSIO_E_STOPPING, "stopping", MANSIO_CLASS_CANCELLED},
        {MANSIO_E_BUG, "bug", MANSIO_CLASS_BUG},
        /* codes newer than this core */
        {-199, "unknown", MANSIO_CLASS_TRANSIENT},
        {-299, "unknown", MANSIO_CLASS_PERMANENT},
        {-399, "unknown", MANSIO_CLASS_LIMIT},
        {-499, "unknown", MANSIO_CLASS_CANCELLED},
        {-599, "unknown", MANSIO_CLASS_BUG},
        /* outside every class */
        {-1, "unknown", MANSIO_CLASS_BUG},
        {-99, "unknown", MANSIO_CLASS_BUG},
        {-600, "unknown", MANSIO_CLASS_BUG},
        {INT32_MIN, "unknown", MANSIO_CLASS_BUG},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        assert_string_equal(mansio_error_name(rows[i].code), rows[i].name);
        assert_int_equal(mansio_error_class(rows[i].code), rows[i].class_wanted);
    }
}

static void detail_is_clean(void **state)
{
    (void)state;
    assert_int_equal(mansio_fail(MANSIO_E_IO, "open %s: %d", "/x", 7), MANSIO_E_IO);
    assert_string_equal(mansio_error_detail(), "open /x: 7");
    (void)mansio_fail(MANSIO_E_INVALID, "\n%s", "\r");
    assert_string_equal(mansio_error_detail(), "??");
    (void)mansio_fail(MANSIO_E_INVALID, "<%s%c%s>", "a\r\nb\tc", '\0', "\x1b[2J\x7f");
    assert_string_equal(mansio_error_detail(), "<a??b?c??[2J?>");
    /* what vsnprintf() can't print leaves no text, and no old one either */
    (void)mansio_fail(MANSIO_E_INVALID, "%ls", (const wchar_t[]){(wchar_t)0x7fffffff, 0});
    assert_string_equal(mansio_error_detail(), "");
    (void)mansio_fail(MANSIO_E_INVALID, "%s", "gr\xc3\xbc\xc3\x9f");
    assert_string_equal(mansio_error_detail(), "gr\xc3\xbc\xc3\x9f");
}

static void detail_may_quote_the_last_one(void **state)
{
    (void)state;
    (void)mansio_fail(MANSIO_E_IO, "disk full");
    (void)mansio_fail(MANSIO_E_UNAVAILABLE, "store: %s", mansio_error_detail());
    assert_string_equal(mansio_error_detail(), "store: disk full");
}

static void detail_is_cut(void **state)
{
    char longer[2 * MANSIO_ERROR_DETAIL_MAX];

    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    for (size_t length = sizeof longer - 1; length > 0; length--) {
        size_t kept = length < MANSIO_ERROR_DETAIL_MAX ? length : MANSIO_ERROR_DETAIL_MAX - 1;

        longer[length] = '\0';
        (void)mansio_fail(MANSIO_E_IO, "%s", longer);
        assert_int_equal(strlen(mansio_error_detail()), kept);
        assert_memory_equal(mansio_error_detail(), longer, kept);
    }
}

static void errno_survives(void **state)
{
    (void)state;
    errno = EPIPE;
    (void)mansio_fail(MANSIO_E_IO, "%ls", (const wchar_t[]){(wchar_t)0x7fffffff, 0});
    assert_int_equal(errno, EPIPE);
}

static void detail_belongs_to_the_context(void **state)
{
    struct core_context fiber = {.name = "fiber"};
    struct core_context *thread;

    (void)state;
    (void)mansio_fail(MANSIO_E_IO, "of the thread");
    thread = core_context_swap(&fiber);
    assert_string_equal(mansio_error_detail(), "");
    (void)mansio_fail(MANSIO_E_IO, "of the fiber");
    assert_ptr_equal(core_context_swap(thread), &fiber);
    assert_string_equal(mansio_error_detail(), "of the thread");
    assert_string_equal(fiber.detail, "of the fiber");
    core_context_fini(&fiber);
    assert_null(fiber.detail);
}

static void without_memory_the_code_remains(void **state)
{
    struct core_context fiber = {.name = "fiber"};
    struct core_context *thread;

    (void)state;
    thread = core_context_swap(&fiber);
    (void)core_alloc_fail_at(1);
    assert_int_equal(mansio_fail(MANSIO_E_IO, "lost"), MANSIO_E_IO);
    assert_int_equal(core_alloc_fail_at(0), 0);
    assert_string_equal(mansio_error_detail(), "");
    assert_int_equal(mansio_fail(MANSIO_E_IO, "kept"), MANSIO_E_IO);
    assert_string_equal(mansio_error_detail(), "kept");
    (void)core_context_swap(thread);
    core_context_fini(&fiber);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_code_has_name_and_class),
        cmocka_unit_test(detail_is_clean),
        cmocka_unit_test(detail_may_quote_the_last_one),
        cmocka_unit_test(detail_is_cut),
        cmocka_unit_test(errno_survives),
        cmocka_unit_test(detail_belongs_to_the_context),
        cmocka_unit_test(without_memory_the_code_remains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
