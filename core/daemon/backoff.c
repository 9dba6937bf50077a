/*
 * How long a dead child's place waits. See backoff.h.
 */
#include "core/daemon/backoff.h"

#include <mansio/time.h>

#define FIRST_US   (500 * MANSIO_MS)
#define MOST_US    (30 * MANSIO_SECOND)
#define HEALTHY_US (60 * MANSIO_SECOND)

int64_t core_backoff_next(struct core_backoff *backoff, int64_t lived_us)
{
    if (lived_us >= HEALTHY_US) {
        backoff->next_us = 0;
    }
    int64_t pause_us = backoff->next_us;
    backoff->next_us = pause_us == 0 ? FIRST_US : 2 * pause_us;
    if (backoff->next_us > MOST_US) {
        backoff->next_us = MOST_US;
    }
    return pause_us;
}
