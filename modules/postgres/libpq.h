/*
 * libpq, with its structs' tags out of our way: it calls them pg_conn and pg_result too, and the
 * compiler would take ours for its own.
 */
#ifndef MANSIO_MODULES_POSTGRES_LIBPQ_H
#define MANSIO_MODULES_POSTGRES_LIBPQ_H

#define pg_conn   libpq_conn
#define pg_result libpq_result
#include <libpq-fe.h>
#undef pg_conn
#undef pg_result

#endif
