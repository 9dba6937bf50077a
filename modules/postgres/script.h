/*
 * Scripts: SQL text of several statements, outside of pipelines. For migrations alone.
 */
#ifndef MANSIO_MODULES_POSTGRES_SCRIPT_H
#define MANSIO_MODULES_POSTGRES_SCRIPT_H

#include "conn.h"

/*
 * Run SQL on a connection at rest, masked from cancellation. In one transaction, unless the text
 * says otherwise; what BEGIN within began is rolled back after a failure.
 *
 * @param out   the first value of the last result, as text, in @p arena; ptr NULL for none. NULL:
 *              not asked for
 * @return 0; as pg_receive()
 * @yields yes
 */
MANSIO_MUST_CHECK int pg_script(struct pg_conn *conn, const char *text, int64_t deadline_us,
                                struct mansio_arena *arena, struct mansio_str *out);

#endif
