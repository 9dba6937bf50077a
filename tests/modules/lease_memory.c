/*
 * lease-memory: the interface "lease" in the memory of one process, for tests of those who take
 * leases, and the smallest provider that lease_conformance.h accepts. What it grants is forgotten
 * when its process ends, so it is nothing to build a platform on.
 */
#include <string.h>

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/interface.h>
#include <mansio/lease.h>
#include <mansio/map.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum { LEASES_MAX = 65536 };

#define DURATION_MIN_US MANSIO_SECOND
#define DURATION_MAX_US (3600 * MANSIO_SECOND)

struct held {
    char holder[MANSIO_LEASE_NAME_MAX];
    size_t holder_len;
    uint64_t fence; /* 0: given back */
    int64_t expires_us;
};

struct leases {
    struct mansio_map *by_name; /* struct held; entries stay */
    uint64_t last_fence;        /* of all names: greater than any before for each */
};

static int check_text(const char *what, struct mansio_str text)
{
    if (text.len == 0 || text.len > MANSIO_LEASE_NAME_MAX ||
        mansio_str_find_char(text, '\0') >= 0) {
        return mansio_fail(MANSIO_E_INVALID, "lease: %s: wanted 1 to %d bytes without NUL", what,
                           MANSIO_LEASE_NAME_MAX);
    }
    return 0;
}

/* As any provider would: see that it may answer, and that it was asked rightly. */
static int begin(struct mansio_str name, struct mansio_str holder, int64_t duration_us)
{
    int rc = mansio_fiber_yield();
    if (rc == 0) {
        rc = check_text("name", name);
    }
    if (rc == 0) {
        rc = check_text("holder", holder);
    }
    if (rc == 0 && (duration_us < DURATION_MIN_US || duration_us > DURATION_MAX_US)) {
        rc = mansio_fail(MANSIO_E_INVALID, "lease: duration: wanted 1 second to 1 hour");
    }
    return rc;
}

static int is_held(const struct held *held)
{
    return held->fence != 0 && held->expires_us > mansio_now_us();
}

static int is_holder(const struct held *held, struct mansio_str holder)
{
    return mansio_str_eq((struct mansio_str){held->holder, held->holder_len}, holder);
}

static int lease_acquire(struct mansio_instance *instance, struct mansio_str name,
                         struct mansio_str holder, int64_t duration_us, int64_t deadline_us,
                         uint64_t *out_fence)
{
    struct leases *leases = mansio_instance_data(instance);
    int rc = begin(name, holder, duration_us);
    (void)deadline_us; /* answers at once */
    if (rc < 0) {
        return rc;
    }
    struct held *held = mansio_map_get(leases->by_name, name);
    if (held == NULL) {
        held = mansio_arena_alloc(mansio_instance_arena(instance), sizeof *held);
        if (mansio_map_put(leases->by_name, name, held) < 0) {
            return mansio_fail(MANSIO_E_UNAVAILABLE, "lease: more than %d names", LEASES_MAX);
        }
    }
    if (is_held(held) && !is_holder(held, holder)) {
        return mansio_fail(MANSIO_E_BUSY, "lease %.*s: held by %.*s", MANSIO_STR_ARG(name),
                           (int)held->holder_len, held->holder);
    }
    memcpy(held->holder, holder.ptr, holder.len);
    held->holder_len = holder.len;
    held->fence = ++leases->last_fence;
    held->expires_us = mansio_deadline_in(duration_us);
    *out_fence = held->fence;
    return 0;
}

/* The lease, if it is still what was granted to @p holder under @p fence. */
static struct held *find_granted(struct mansio_instance *instance, struct mansio_str name,
                                 struct mansio_str holder, uint64_t fence)
{
    struct leases *leases = mansio_instance_data(instance);
    struct held *held = mansio_map_get(leases->by_name, name);
    if (held == NULL || !is_held(held) || held->fence != fence || !is_holder(held, holder)) {
        return NULL;
    }
    return held;
}

static int lease_renew(struct mansio_instance *instance, struct mansio_str name,
                       struct mansio_str holder, uint64_t fence, int64_t duration_us,
                       int64_t deadline_us)
{
    int rc = begin(name, holder, duration_us);
    (void)deadline_us;
    if (rc < 0) {
        return rc;
    }
    struct held *held = find_granted(instance, name, holder, fence);
    if (held == NULL) {
        return mansio_fail(MANSIO_E_DENIED, "lease %.*s: lost meanwhile", MANSIO_STR_ARG(name));
    }
    held->expires_us = mansio_deadline_in(duration_us);
    return 0;
}

static int lease_release(struct mansio_instance *instance, struct mansio_str name,
                         struct mansio_str holder, uint64_t fence, int64_t deadline_us)
{
    int rc = begin(name, holder, DURATION_MIN_US);
    (void)deadline_us;
    if (rc < 0) {
        return rc;
    }
    struct held *held = find_granted(instance, name, holder, fence);
    if (held != NULL) {
        held->fence = 0;
    }
    return 0;
}

static const struct mansio_lease lease_table = {
    .size = sizeof lease_table,
    .acquire = lease_acquire,
    .renew = lease_renew,
    .release = lease_release,
};

static int lease_load(struct mansio_instance *instance)
{
    struct mansio_arena *arena = mansio_instance_arena(instance);
    struct leases *leases = mansio_arena_alloc(arena, sizeof *leases);
    leases->by_name = mansio_map_new(arena, LEASES_MAX);
    mansio_instance_set_data(instance, leases);
    return mansio_interface_provide(instance, MANSIO_LEASE, MANSIO_LEASE_VERSION, &lease_table);
}

MANSIO_MODULE("lease-memory", "1.0", "", .summary = "Leases in memory, for tests.",
              .load = lease_load);
