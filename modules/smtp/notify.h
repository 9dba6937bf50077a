/*
 * Telling the sender that a message was delivered here, where it was asked for: NOTIFY=SUCCESS (RFC
 * 3461 5.2.1). What goes on elsewhere takes the wish along; failure is told in the dialogue.
 *
 * A report and what it tells of are committed in one transaction, so that there are both or
 * neither.
 */
#ifndef MANSIO_MODULES_SMTP_NOTIFY_H
#define MANSIO_MODULES_SMTP_NOTIFY_H

#include "delivery_plan.h"

/*
 * Commit a batch, all or nothing, with the reports that its recipients' sender asked for. Where
 * there is nobody to tell any more, that is logged and counted, and the batch committed alone.
 *
 * @return as the store's deliver(), also where a report couldn't be made: nothing is committed then
 * @yields yes
 */
MANSIO_MUST_CHECK int smtp_notify_deliver(struct smtp_delivery *delivery, struct smtp_batch *batch,
                                          int64_t deadline_us);

#endif
