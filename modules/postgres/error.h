/*
 * What PostgreSQL's failures are to us: a class for each SQLSTATE.
 */
#ifndef MANSIO_MODULES_POSTGRES_ERROR_H
#define MANSIO_MODULES_POSTGRES_ERROR_H

/*
 * The code for an SQLSTATE (five characters; NULL or "": none, the connection broke):
 * 08*, 53*, 57*, 58*, 25006 (read-only), 3D000, 28*, 42501 of a login: MANSIO_E_UNAVAILABLE;
 * 40* (serialization, deadlock), 55P03 (lock_timeout), 55006: MANSIO_E_BUSY;
 * 57014 (statement_timeout): MANSIO_E_TIMEOUT;
 * 23505: MANSIO_E_EXISTS; 23503: MANSIO_E_NOT_FOUND; other 23*, 22*: MANSIO_E_INVALID;
 * 42501: MANSIO_E_DENIED; P0001 and MN*: as raised by our own functions (see error.c);
 * anything else is ours to mend and temporary to whoever asks: MANSIO_E_UNAVAILABLE.
 */
int pg_error_code(const char *sqlstate);

#endif
