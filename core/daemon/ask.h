/*
 * Questions from the master to children: sent to many at once, answered in parts, waited for
 * under a deadline. A child that dies meanwhile no longer owes its answer.
 */
#ifndef MANSIO_CORE_DAEMON_ASK_H
#define MANSIO_CORE_DAEMON_ASK_H

#include <jansson.h>
#include <mansio/base.h>

struct core_channel;
struct core_master;
struct core_message;
struct core_place;

/* May this place be asked? */
typedef int (*core_ask_filter_fn)(void *arg, const struct core_place *place);

/* Ask every place that is up (and that @p filter, if not NULL, lets pass). Its type, payload and
 * descriptors are taken from @p question. Gives the answers: an array of
 * {"pid", "index", "role", "generation", "answer"}, one a part; and "silent", an array of the pids
 * that didn't answer in time; both are to be decref'd. MANSIO_E_CANCELLED. Yields. */
MANSIO_MUST_CHECK int core_ask(struct core_master *master, const struct core_message *question,
                               core_ask_filter_fn filter, void *arg, int64_t deadline_us,
                               json_t **out_answers, json_t **out_silent);

/* From the places: a part of an answer, and the end of a child. */
void core_ask_answered(struct core_place *place, const struct core_message *message);
void core_ask_gone(struct core_place *place);

#endif
