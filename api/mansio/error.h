/*
 * Errors: one idiom for the whole platform.
 *
 * A function that can fail returns int: >= 0 is success (0, or a count), < 0 one of these codes.
 * Each code belongs to one class, and the class decides what a client is told (4yz or 5yz): so a
 * reader of newer codes than it knows can still act on mansio_error_class().
 * The place that detects a failure records the detail for people with mansio_fail(); the layer
 * that decides what to do logs it, once. The detail lives in the current fiber.
 */
#ifndef MANSIO_ERROR_H
#define MANSIO_ERROR_H

#include <mansio/base.h>

/** Classes; the class of a code is its hundreds. */
enum mansio_error_class {
    MANSIO_CLASS_NONE = 0,      /* not an error */
    MANSIO_CLASS_TRANSIENT = 1, /* try again later; SMTP 4yz */
    MANSIO_CLASS_PERMANENT = 2, /* the same will fail again; SMTP 5yz */
    MANSIO_CLASS_LIMIT = 3,     /* a configured bound was reached */
    MANSIO_CLASS_CANCELLED = 4, /* somebody wants this fiber to end */
    MANSIO_CLASS_BUG = 5,       /* the caller broke the contract */
};

enum mansio_error {
    MANSIO_OK = 0,

    MANSIO_E_IO = -100,          /* the system refused: file, socket, memory map */
    MANSIO_E_TIMEOUT = -101,     /* the deadline of a wait passed */
    MANSIO_E_EOF = -102,         /* the peer closed its side */
    MANSIO_E_UNAVAILABLE = -103, /* a back end is away */
    MANSIO_E_BUSY = -104,        /* somebody else holds it */
    MANSIO_E_CLOSED = -105,      /* the object was closed on our side */

    MANSIO_E_INVALID = -200,     /* input that breaks its grammar or range */
    MANSIO_E_NOT_FOUND = -201,   /* no such thing, or one that is not yours to see */
    MANSIO_E_EXISTS = -202,      /* the name is taken */
    MANSIO_E_DENIED = -203,      /* known and not allowed */
    MANSIO_E_UNSUPPORTED = -204, /* well-formed, but not offered here */

    MANSIO_E_LIMIT = -300, /* too long, too many, too deep, too large */

    MANSIO_E_CANCELLED = -400, /* this fiber is cancelled; sticky: pass it up, clean up, return */
    MANSIO_E_STOPPING = -401,  /* a stop request reached an idle wait; not sticky: say goodbye */

    MANSIO_E_BUG = -500, /* called against its contract */
};

/** Longest detail kept, bytes, its terminating NUL included; longer text is cut. */
#define MANSIO_ERROR_DETAIL_MAX 512

/**
 * Record why something failed and return its code, so that one line does both:
 * `return mansio_fail(MANSIO_E_IO, "open %s: %s", path, strerror(err));`
 *
 * @param code    a negative enum mansio_error value
 * @param format  printf format of the detail; CR, LF and NUL from arguments become '?'
 * @return @p code
 * @yields no     @since 1.0
 */
MANSIO_EXPORT int mansio_fail(int code, const char *format, ...) MANSIO_PRINTF(2, 3);

/**
 * The detail of the last failure recorded in this fiber.
 *
 * @return NUL-terminated text, "" if there is none; valid until the next mansio_fail() of this
 *         fiber. Owned by the fiber.
 * @yields no     @since 1.0
 */
MANSIO_EXPORT const char *mansio_error_detail(void);

/**
 * The class of a code, also of codes newer than this core.
 *
 * @param code  what a function returned
 * @return an enum mansio_error_class value; MANSIO_CLASS_NONE for code >= 0; MANSIO_CLASS_BUG for
 *         a negative value outside every class
 * @yields no     @since 1.0
 */
MANSIO_EXPORT uint32_t mansio_error_class(int code);

/**
 * The name of a code, for logs: "timeout", "not-found", ...
 *
 * @param code  what a function returned
 * @return static text; "ok" for code >= 0, "unknown" for a code this core does not know
 * @yields no     @since 1.0
 */
MANSIO_EXPORT const char *mansio_error_name(int code);

#endif
