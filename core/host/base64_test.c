/*
 * Base64: RFC 4648's vectors, what is refused, and every byte there and back.
 */
#include <mansio/login.h>

#include "core/base/testing.h"

#include <mansio/error.h>
#include <mansio/str.h>

static const struct {
    const char *bytes, *text; /* RFC 4648 10 */
} vectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xff\xfe\xfd", "//79"},
};

static void test_vectors(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    for (size_t i = 0; i < MANSIO_COUNT(vectors); i++) {
        struct mansio_str out;
        assert_int_equal(mansio_base64_encode(arena, core_test_slice(vectors[i].bytes), &out), 0);
        core_test_str(out, vectors[i].text);
        assert_int_equal(mansio_base64_decode(arena, core_test_slice(vectors[i].text), &out), 0);
        core_test_str(out, vectors[i].bytes);
    }
    mansio_arena_free(arena);
}

static const char *const refused[] = {
    "Z",
    "Zg",
    "Zg=",
    "Z===",
    "====",
    "Zg==Zg==",
    "Zm9v\n",
    "Zm 9",
    "Zm9_",
    "Zm9-",
    "Zh==",
    "Zm9=",
    "=Zg=",
    "Zg=v",
    "Zm=v",
    "Zm9vZ",
    "Zm9vZg=",
    "Zg==\r\n",
    "\xc3\xa4\xc3\xa4",
    ".m9v",
};

static void test_refuses(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_str out;
    for (size_t i = 0; i < MANSIO_COUNT(refused); i++) {
        if (mansio_base64_decode(arena, core_test_slice(refused[i]), &out) != MANSIO_E_INVALID) {
            print_error("taken: %s\n", refused[i]);
            fail();
        }
    }
    assert_int_equal(mansio_base64_decode(arena, (struct mansio_str){"Zg\0=", 4}, &out),
                     MANSIO_E_INVALID);
    struct mansio_arena *small = mansio_arena_new(NULL, "small", 64);
    char text[128];
    memset(text, 'A', sizeof text);
    struct mansio_str whole = {text, sizeof text};
    assert_int_equal(mansio_base64_decode(small, whole, &out), MANSIO_E_LIMIT);
    assert_int_equal(mansio_base64_encode(small, whole, &out), MANSIO_E_LIMIT);
    mansio_arena_free(small);
    mansio_arena_free(arena);
}

static void test_there_and_back(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    char bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)(i * 7 + 3);
    }
    for (size_t len = 0; len <= sizeof bytes; len++) {
        struct mansio_str text, out;
        assert_int_equal(mansio_base64_encode(arena, (struct mansio_str){bytes, len}, &text), 0);
        assert_int_equal(text.len % 4, 0);
        assert_int_equal(mansio_base64_decode(arena, text, &out), 0);
        assert_int_equal(out.len, len);
        assert_memory_equal(out.ptr, bytes, len);
    }
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
