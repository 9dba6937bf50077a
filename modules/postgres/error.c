/*
 * SQLSTATEs to codes: one table, the longest prefix that fits decides.
 *
 * What the database can't do now is transient, whatever the reason: a mail server that answers 5yz
 * because a disk is full or a table is missing has lost that mail. Permanent is only what the same
 * words would meet again in a healthy database.
 */
#include "error.h"

#include <string.h>

#include <mansio/base.h>
#include <mansio/error.h>

struct row {
    const char *prefix;
    int code;
};

/* PostgreSQL 15, appendix A. MN* are raised by our own functions and statements. */
static const struct row rows[] = {
    {"08", MANSIO_E_UNAVAILABLE},    /* connection */
    {"22", MANSIO_E_INVALID},        /* data */
    {"23503", MANSIO_E_NOT_FOUND},   /* what it refers to isn't there */
    {"23505", MANSIO_E_EXISTS},      /* unique */
    {"23P01", MANSIO_E_EXISTS},      /* exclusion */
    {"23", MANSIO_E_INVALID},        /* other constraints */
    {"25006", MANSIO_E_UNAVAILABLE}, /* a standby, or made read-only */
    {"40", MANSIO_E_BUSY},           /* serialization, deadlock */
    {"42501", MANSIO_E_DENIED},      /* rights */
    {"53", MANSIO_E_UNAVAILABLE},    /* disk full, out of memory, too many connections */
    {"54", MANSIO_E_LIMIT},          /* too complex, too many columns */
    {"55006", MANSIO_E_BUSY},        /* in use */
    {"55P03", MANSIO_E_BUSY},        /* lock_timeout, NOWAIT */
    {"57014", MANSIO_E_TIMEOUT},     /* statement_timeout */
    {"57", MANSIO_E_UNAVAILABLE},    /* shut down, starting up */
    {"58", MANSIO_E_UNAVAILABLE},    /* the system: I/O */
    {"MN001", MANSIO_E_NOT_FOUND},   {"MN002", MANSIO_E_LIMIT},
    {"MN003", MANSIO_E_BUSY},        {"MN004", MANSIO_E_INVALID},
    {"MN005", MANSIO_E_DENIED},      {"MN006", MANSIO_E_UNSUPPORTED},
    {"MN007", MANSIO_E_EXISTS},      {"MN008", MANSIO_E_UNSUPPORTED},
};

const char *pg_error_words(const char *sqlstate, const char *message)
{
    /* refuse() of the store: in the middle of a statement there is nobody to word it. */
    static const struct {
        const char *sqlstate, *words;
    } refusals[] = {
        {"MN001", "what it refers to isn't there any more"},
        {"MN002", "a limit is reached"},
        {"MN003", "somebody else is changing it; try again"},
        {"MN004", "it can't be made so"},
        {"MN005", "it belongs to somebody else"},
        {"MN006", "what changed so long ago isn't known any more"},
        {"MN007", "it exists already"},
        {"MN008", "the collection has given out all its UIDs"},
    };
    if (sqlstate == NULL || strncmp(sqlstate, "MN", 2) != 0) {
        return NULL;
    }
    for (size_t i = 0; strcmp(message, "refused") == 0 && i < MANSIO_COUNT(refusals); i++) {
        if (strcmp(refusals[i].sqlstate, sqlstate) == 0) {
            return refusals[i].words;
        }
    }
    return message;
}

int pg_error_code(const char *sqlstate)
{
    int code = MANSIO_E_UNAVAILABLE;
    size_t longest = 0;
    for (size_t i = 0; sqlstate != NULL && i < MANSIO_COUNT(rows); i++) {
        size_t len = strlen(rows[i].prefix);
        if (len > longest && strncmp(sqlstate, rows[i].prefix, len) == 0) {
            longest = len;
            code = rows[i].code;
        }
    }
    return code;
}
