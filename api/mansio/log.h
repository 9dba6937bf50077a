/*
 * Structured logs: one event a line, key=value or JSON as configured, with time, level, module,
 * instance, fiber and session id added by the core.
 *
 * mansio_log(MANSIO_LOG_INFO, "delivered", MANSIO_KV_STR("to", address), MANSIO_KV_INT("size", n),
 *            MANSIO_KV_END);
 *
 * Never log secrets or message content. Bytes from peers are escaped by the core.
 */
#ifndef MANSIO_LOG_H
#define MANSIO_LOG_H

#include <mansio/base.h>

enum mansio_log_level {
    MANSIO_LOG_ERROR = 1,   /* the operator must act */
    MANSIO_LOG_WARNING = 2, /* looks wrong, goes on */
    MANSIO_LOG_INFO = 3,    /* one line a session or message */
    MANSIO_LOG_DEBUG = 4,   /* for who looks closer */
};

/* Kinds of pair, as mansio_log() reads them from its arguments: kind, key, value. */
enum mansio_kv_kind {
    MANSIO_KV_KIND_END = 0,
    MANSIO_KV_KIND_STR = 1,      /* const char *ptr, size_t len */
    MANSIO_KV_KIND_CSTR = 2,     /* const char * */
    MANSIO_KV_KIND_INT = 3,      /* int64_t */
    MANSIO_KV_KIND_CODE = 4,     /* int: an error code; adds its name, and the detail as "detail" */
    MANSIO_KV_KIND_DURATION = 5, /* int64_t microseconds; printed as seconds */
};

#define MANSIO_KV_STR(key, s) (int)MANSIO_KV_KIND_STR, (const char *)(key), (s).ptr, (s).len
#define MANSIO_KV_CSTR(key, cstr)                                                                  \
    (int)MANSIO_KV_KIND_CSTR, (const char *)(key), (const char *)(cstr)
#define MANSIO_KV_INT(key, n)       (int)MANSIO_KV_KIND_INT, (const char *)(key), (int64_t)(n)
#define MANSIO_KV_CODE(key, code)   (int)MANSIO_KV_KIND_CODE, (const char *)(key), (int)(code)
#define MANSIO_KV_DURATION(key, us) (int)MANSIO_KV_KIND_DURATION, (const char *)(key), (int64_t)(us)
#define MANSIO_KV_END               (int)MANSIO_KV_KIND_END

/**
 * Log an event. Values longer than 1 KiB and lines longer than 8 KiB are cut, visibly.
 *
 * @param level  an enum mansio_log_level value
 * @param event  static text: a short, stable name
 * @param ...    MANSIO_KV_ pairs, ended by MANSIO_KV_END
 * @yields no     @since 1.0
 */
MANSIO_EXPORT void mansio_log(uint32_t level, const char *event, ...);

/** 1 if lines of this level are written, else 0: for what is costly to prepare.
 * @yields no @since 1.0 */
MANSIO_EXPORT int mansio_log_enabled(uint32_t level);

#endif
