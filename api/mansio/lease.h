/*
 * The interface "lease", version 1: for everything that one party does at a time.
 *
 * A lease expires by itself when its holder dies. Each grant of a name carries a greater fence
 * than the one before; whoever writes under a lease passes the fence along, and the store refuses
 * one that is older than the newest it has seen. Times are the provider's, not the holder's.
 */
#ifndef MANSIO_LEASE_H
#define MANSIO_LEASE_H

#include <mansio/base.h>
#include <mansio/module.h>

#define MANSIO_LEASE         "lease"
#define MANSIO_LEASE_VERSION 1

/** Longest name and longest holder, bytes. */
#define MANSIO_LEASE_NAME_MAX 127

struct mansio_lease {
    size_t size; /* sizeof(struct mansio_lease) */

    /**
     * Take a lease, or take it again by the same holder (the fence grows all the same).
     *
     * @param name         what is leased: "spool/12", "acme", ...; bytes without NUL
     * @param holder       who asks: one process for as long as it lives
     * @param duration_us  1 second to 1 hour
     * @param deadline_us  monotonic time by which to answer
     * @param out_fence    greater than every fence given for @p name before
     * @return 0; MANSIO_E_BUSY if somebody else holds it; MANSIO_E_UNAVAILABLE; MANSIO_E_TIMEOUT;
     *         MANSIO_E_CANCELLED; MANSIO_E_INVALID
     * @yields yes    @since 1.0
     */
    int (*acquire)(struct mansio_instance *instance, struct mansio_str name,
                   struct mansio_str holder, int64_t duration_us, int64_t deadline_us,
                   uint64_t *out_fence);

    /**
     * Prolong a lease from now.
     *
     * @param fence  what acquire gave
     * @return 0; MANSIO_E_DENIED if it was lost meanwhile: stop what stands on it at once;
     *         MANSIO_E_UNAVAILABLE (it may still be held); MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED
     * @yields yes    @since 1.0
     */
    int (*renew)(struct mansio_instance *instance, struct mansio_str name, struct mansio_str holder,
                 uint64_t fence, int64_t duration_us, int64_t deadline_us);

    /**
     * Give a lease back, so that nobody waits for its end. One that was lost is left alone.
     *
     * @return 0; MANSIO_E_UNAVAILABLE; MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED
     * @yields yes    @since 1.0
     */
    int (*release)(struct mansio_instance *instance, struct mansio_str name,
                   struct mansio_str holder, uint64_t fence, int64_t deadline_us);
};

#endif
