/*
 * What PostgreSQL's failures are to us: a class for each SQLSTATE.
 */
#ifndef MANSIO_MODULES_POSTGRES_ERROR_H
#define MANSIO_MODULES_POSTGRES_ERROR_H

/*
 * The code for an SQLSTATE (five characters; NULL or "": none, the connection broke):
 *   08* 25006 53* 57* 58*   away, read-only, full      MANSIO_E_UNAVAILABLE
 *   40* 55P03 55006         deadlock, lock_timeout     MANSIO_E_BUSY
 *   57014                   statement_timeout          MANSIO_E_TIMEOUT
 *   23505 23503             duplicate, no such         MANSIO_E_EXISTS, MANSIO_E_NOT_FOUND
 *   22*, other 23*          bad data                   MANSIO_E_INVALID
 *   42501                   no right to                MANSIO_E_DENIED
 *   MN001 to MN008          raised by our own functions: NOT_FOUND, LIMIT, BUSY, INVALID, DENIED,
 *                           UNSUPPORTED, EXISTS, UNSUPPORTED
 * Anything else is ours to mend, and temporary to whoever asks: MANSIO_E_UNAVAILABLE.
 */
int pg_error_code(const char *sqlstate);

/*
 * What to tell people of one of ours (MN*), whose message the function or statement gave: that, for
 * it is said for them; words for the code where it gave none ("refused"). NULL for all others.
 */
const char *pg_error_words(const char *sqlstate, const char *message);

#endif
