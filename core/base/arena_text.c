/*
 * Text in arenas: copies, formatted text, C strings for the border to libraries. Owns nothing.
 */
#include <mansio/arena.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <mansio/error.h>

int mansio_arena_copy(struct mansio_arena *arena, struct mansio_str s, struct mansio_str *out)
{
    char *copy;

    if (s.len == SIZE_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "no room for a NUL behind %zu bytes", s.len);
    }
    copy = mansio_arena_try_alloc(arena, s.len + 1);
    if (copy == NULL) {
        return MANSIO_E_LIMIT;
    }
    if (s.len > 0) {
        memcpy(copy, s.ptr, s.len);
    }
    *out = (struct mansio_str){copy, s.len};
    return 0;
}

MANSIO_PRINTF(3, 0)
static int format(struct mansio_arena *arena, struct mansio_str *out, const char *format,
                  va_list args)
{
    va_list again;
    char *text;
    int length;

    va_copy(again, args);
    length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0) {
        int err = errno;

        return mansio_fail(MANSIO_E_BUG, "format \"%s\": %s", format, strerror(err));
    }
    text = mansio_arena_try_alloc(arena, (size_t)length + 1);
    if (text == NULL) {
        return MANSIO_E_LIMIT;
    }
    vsnprintf(text, (size_t)length + 1, format, args);
    *out = (struct mansio_str){text, (size_t)length};
    return 0;
}

int mansio_arena_printf(struct mansio_arena *arena, struct mansio_str *out, const char *text, ...)
{
    va_list args;
    int result;

    va_start(args, text);
    result = format(arena, out, text, args);
    va_end(args);
    return result;
}

int mansio_cstr(struct mansio_arena *arena, struct mansio_str s, const char **out)
{
    struct mansio_str copy;
    int result;

    if (s.len > 0 && memchr(s.ptr, '\0', s.len) != NULL) {
        return mansio_fail(MANSIO_E_INVALID, "a NUL byte within %zu bytes of text", s.len);
    }
    result = mansio_arena_copy(arena, s, &copy);
    if (result < 0) {
        return result;
    }
    *out = copy.ptr;
    return 0;
}
