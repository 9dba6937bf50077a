/*
 * Telling senders: from items with an outcome to a report in somebody's mailbox or in the spool.
 */
#ifndef MANSIO_MODULES_OUTBOUND_REPORT_H
#define MANSIO_MODULES_OUTBOUND_REPORT_H

#include "outbound.h"

enum { OB_REPORT_ENDED = 1 };

/**
 * Make the report that a job's items ask for, and end all its claims in the same transaction.
 *
 * @return OB_REPORT_ENDED: it is done; 0: nobody can be told, ever: the claims are still to be
 *         ended; a code: not now
 * @yields yes
 */
MANSIO_MUST_CHECK int ob_report(struct ob_job *job, struct ob_options *options);

#endif
