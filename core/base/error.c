/*
 * Error codes, their names and classes, and the detail of the last failure in the current context.
 * Owns the table of codes; the detail's memory belongs to the context.
 */
#include <mansio/error.h>

#include "core/base/alloc.h"
#include "core/base/context.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Descending, so that it reads as <mansio/error.h> does. */
static const struct {
    int code;
    const char *name;
} names[] = {
    {MANSIO_E_IO, "io"},
    {MANSIO_E_TIMEOUT, "timeout"},
    {MANSIO_E_EOF, "eof"},
    {MANSIO_E_UNAVAILABLE, "unavailable"},
    {MANSIO_E_BUSY, "busy"},
    {MANSIO_E_CLOSED, "closed"},
    {MANSIO_E_INVALID, "invalid"},
    {MANSIO_E_NOT_FOUND, "not-found"},
    {MANSIO_E_EXISTS, "exists"},
    {MANSIO_E_DENIED, "denied"},
    {MANSIO_E_UNSUPPORTED, "unsupported"},
    {MANSIO_E_LIMIT, "limit"},
    {MANSIO_E_CANCELLED, "cancelled"},
    {MANSIO_E_STOPPING, "stopping"},
    {MANSIO_E_BUG, "bug"},
};

/* What arrives in a detail may come from a peer and ends up in logs and on terminals. */
static void sanitise(char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c == 0x7f) {
            text[i] = '?';
        }
    }
}

int mansio_fail(int code, const char *format, ...)
{
    struct core_context *context = core_context_current();
    int err = errno;                    /* callers may still want to look at it */
    char text[MANSIO_ERROR_DETAIL_MAX]; /* the old detail may be among the arguments */
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length < 0) {
        length = 0;
    } else if ((size_t)length >= sizeof text) {
        length = sizeof text - 1;
    }
    sanitise(text, (size_t)length);
    text[length] = '\0';
    if (context->detail == NULL) {
        context->detail = core_alloc(MANSIO_ERROR_DETAIL_MAX);
        core_context_release_at_thread_end();
    }
    /* Without memory the code alone must do. */
    if (context->detail != NULL) {
        memcpy(context->detail, text, (size_t)length + 1);
    }
    errno = err;
    return code;
}

const char *mansio_error_detail(void)
{
    const struct core_context *context = core_context_current();

    return context->detail != NULL ? context->detail : "";
}

uint32_t mansio_error_class(int code)
{
    if (code >= 0) {
        return MANSIO_CLASS_NONE;
    }
    switch (code / -100) {
    case 1:
        return MANSIO_CLASS_TRANSIENT;
    case 2:
        return MANSIO_CLASS_PERMANENT;
    case 3:
        return MANSIO_CLASS_LIMIT;
    case 4:
        return MANSIO_CLASS_CANCELLED;
    default:
        return MANSIO_CLASS_BUG;
    }
}

const char *mansio_error_name(int code)
{
    if (code >= 0) {
        return "ok";
    }
    for (size_t i = 0; i < MANSIO_COUNT(names); i++) {
        if (names[i].code == code) {
            return names[i].name;
        }
    }
    return "unknown";
}
