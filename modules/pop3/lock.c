/*
 * Locks of maildrops. Owns the list of leases of this worker and the fiber that renews them. A
 * lease that was lost cancels its session; what the client is then told is the session's matter.
 */
#include "lock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/interface.h>
#include <mansio/limit.h>
#include <mansio/log.h>
#include <mansio/settings.h>
#include <mansio/str.h>
#include <mansio/time.h>

static const char limit_name[] = "pop3.maildrop";

#define RENEW_PART     3                   /* a lease is renewed when a third of it has passed */
#define RENEW_LIMIT_US (5 * MANSIO_SECOND) /* for one renewal to be answered */
#define RETRY_US       (2 * MANSIO_SECOND) /* when the provider is away */
#define RELEASE_US     (2 * MANSIO_SECOND) /* for giving one back, cancelled or not */

/* ---- the list -----------------------------------------------------------------------------------
 */

static void append(struct pop3_module *module, struct pop3_lock *lock)
{
    lock->previous = module->last;
    lock->next = NULL;
    if (module->last != NULL) {
        module->last->next = lock;
    } else {
        module->first = lock;
        mansio_event_set(module->changed);
    }
    module->last = lock;
}

static void take_out(struct pop3_module *module, struct pop3_lock *lock)
{
    if (lock->previous != NULL) {
        lock->previous->next = lock->next;
    } else {
        module->first = lock->next;
    }
    if (lock->next != NULL) {
        lock->next->previous = lock->previous;
    } else {
        module->last = lock->previous;
    }
    if (module->renewing == lock) {
        module->renewing = NULL;
    }
}

/* ---- renewing -----------------------------------------------------------------------------------
 */

/* From when the provider was asked, not from when it answered: it may have counted from then. */
static void prolong(struct pop3_module *module, struct pop3_lock *lock, int64_t asked_us)
{
    lock->until_us = asked_us + module->lease_us;
    lock->renew_us = asked_us + module->lease_us / RENEW_PART;
}

static void lose(struct pop3_module *module, struct pop3_lock *lock)
{
    if (!lock->is_lost) {
        lock->is_lost = 1;
        mansio_metric_add(module->instance, POP3_METRIC_LOCKS_LOST, 1);
        mansio_log(MANSIO_LOG_WARNING, "maildrop-lock-lost", MANSIO_KV_CSTR("lease", lock->name),
                   MANSIO_KV_END);
        mansio_fiber_cancel(lock->fiber);
    }
}

static int renew(struct pop3_module *module, struct pop3_lock *lock, int64_t deadline_us)
{
    /* The session may end while we wait, and the lock with it. */
    struct pop3_lock copy = *lock;
    int64_t asked_us = mansio_now_us();
    module->renewing = lock;
    int rc = module->lease.renew(module->lease_instance, mansio_str_from_cstr(copy.name),
                                 mansio_str_from_cstr(copy.holder), copy.fence, module->lease_us,
                                 deadline_us);
    int is_gone = module->renewing != lock;
    module->renewing = NULL;
    if (is_gone) {
        return rc;
    }
    if (rc == 0) {
        prolong(module, lock, asked_us);
    } else if (rc == MANSIO_E_DENIED || mansio_now_us() >= lock->until_us) {
        lose(module, lock);
    } else {
        lock->renew_us = mansio_now_us() + RETRY_US;
    }
    if (lock->is_lost) {
        lock->renew_us = MANSIO_NEVER;
    }
    take_out(module, lock);
    append(module, lock);
    return rc;
}

static int run_renewer(void *arg)
{
    struct pop3_module *module = arg;
    int rc = 0;
    while (rc >= 0 || rc == MANSIO_E_TIMEOUT) {
        /* The list is short of sorted only after a failure, and then looked through sooner. */
        int64_t next_us = MANSIO_NEVER;
        struct pop3_lock *due = NULL;
        for (struct pop3_lock *lock = module->first; lock != NULL; lock = lock->next) {
            if (lock->renew_us < next_us) {
                next_us = lock->renew_us;
                due = lock;
            }
            if (next_us <= mansio_now_us()) {
                break;
            }
        }
        if (due != NULL && next_us <= mansio_now_us()) {
            int result = renew(module, due, mansio_deadline_in(RENEW_LIMIT_US));
            rc = result == MANSIO_E_CANCELLED ? result : mansio_fiber_pace();
            continue;
        }
        struct mansio_waitable *changed = mansio_event_waitable(module->changed);
        mansio_event_clear(module->changed);
        rc = mansio_wait(&changed, 1, next_us, MANSIO_WAIT_IDLE);
    }
    return rc;
}

/* ---- start --------------------------------------------------------------------------------------
 */

int pop3_locks_start(struct pop3_module *module)
{
    const struct mansio_settings *settings = mansio_instance_settings(module->instance);
    struct mansio_str provider = mansio_settings_str(settings, "lease");
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random) {
        return mansio_fail(MANSIO_E_IO, "getrandom: too little");
    }
    (void)snprintf(module->holder, sizeof module->holder, "%016" PRIx64, random);
    module->lease_us = mansio_settings_int(settings, "lock_time");
    module->changed = mansio_event_new(mansio_instance_arena(module->instance));
    int rc = mansio_interface_get(module->instance, MANSIO_LEASE, MANSIO_LEASE_VERSION, provider,
                                  &module->lease, sizeof module->lease, &module->lease_instance);
    if (rc == MANSIO_E_NOT_FOUND && provider.len == 0) {
        module->lease.size = 0;
        return 0;
    }
    if (rc < 0) {
        return rc;
    }
    return mansio_group_spawn(mansio_instance_group(module->instance), "pop3-leases", run_renewer,
                              module, NULL);
}

/* ---- one lock -----------------------------------------------------------------------------------
 */

static int acquire(struct pop3_module *module, struct pop3_lock *lock, int64_t deadline_us)
{
    int64_t asked_us = mansio_now_us();
    int rc = module->lease.acquire(module->lease_instance, mansio_str_from_cstr(lock->name),
                                   mansio_str_from_cstr(lock->holder), module->lease_us,
                                   deadline_us, &lock->fence);
    if (rc == 0) {
        lock->is_leased = 1;
        prolong(module, lock, asked_us);
        append(module, lock);
    }
    return rc;
}

int pop3_lock_take(struct pop3_module *module, struct pop3_lock *lock,
                   struct mansio_session *session, int64_t deadline_us)
{
    const struct mansio_account_facts *facts =
        mansio_account_facts(mansio_session_account(session));
    struct mansio_str id = mansio_session_id(session);
    *lock = (struct pop3_lock){.fiber = mansio_fiber_self()};
    /* Names may be as long as a lease's; numbers aren't. */
    (void)snprintf(lock->name, sizeof lock->name, "pop3/%" PRIu64 "/%" PRIu64, facts->tenant_id,
                   facts->account_id);
    (void)snprintf(lock->holder, sizeof lock->holder, "%.*s/%s", MANSIO_STR_ARG(id),
                   module->holder);
    if (mansio_limit_acquire(limit_name, mansio_str_from_cstr(lock->name), 1) < 0) {
        return mansio_fail(MANSIO_E_BUSY, "%s is locked on this node", lock->name);
    }
    lock->is_counted = 1;
    return module->lease.size > 0 ? acquire(module, lock, deadline_us) : 0;
}

int pop3_lock_confirm(struct pop3_module *module, struct pop3_lock *lock, int64_t deadline_us)
{
    if (!lock->is_leased) {
        return 0;
    }
    if (lock->is_lost) {
        return mansio_fail(MANSIO_E_DENIED, "%s was lost", lock->name);
    }
    int64_t asked_us = mansio_now_us();
    int rc = module->lease.renew(module->lease_instance, mansio_str_from_cstr(lock->name),
                                 mansio_str_from_cstr(lock->holder), lock->fence, module->lease_us,
                                 deadline_us);
    if (rc == 0) {
        prolong(module, lock, asked_us);
    }
    lock->is_lost |= rc == MANSIO_E_DENIED;
    return rc;
}

/* Else whoever comes next waits until it has run out. */
static void release(struct pop3_module *module, const struct pop3_lock *lock)
{
    mansio_fiber_mask();
    (void)module->lease.release(module->lease_instance, mansio_str_from_cstr(lock->name),
                                mansio_str_from_cstr(lock->holder), lock->fence,
                                mansio_deadline_in(RELEASE_US));
    mansio_fiber_unmask();
}

/* A lease to be given back when its session is no more. */
struct leftover {
    struct mansio_arena *arena;
    struct pop3_module *module;
    struct pop3_lock lock;
};

static int release_later(void *arg)
{
    struct leftover *leftover = arg;
    release(leftover->module, &leftover->lock);
    mansio_arena_free(leftover->arena);
    return 0;
}

/* Whoever is sent away is told so now, however long the provider takes. 0 if that can't be. */
static int leave_behind(struct pop3_module *module, const struct pop3_lock *lock)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "pop3.release", 0);
    struct leftover *leftover = mansio_arena_alloc(arena, sizeof *leftover);
    *leftover = (struct leftover){.arena = arena, .module = module, .lock = *lock};
    int rc = mansio_group_spawn(mansio_instance_group(module->instance), "pop3-release",
                                release_later, leftover, NULL);
    if (rc < 0) {
        mansio_arena_free(arena);
    }
    return rc == 0;
}

void pop3_lock_give_back(struct pop3_module *module, struct pop3_lock *lock)
{
    if (lock->is_leased) {
        take_out(module, lock);
        lock->is_leased = 0;
        if (!lock->is_lost && !(mansio_fiber_is_cancelled() && leave_behind(module, lock))) {
            release(module, lock);
        }
    }
    if (lock->is_counted) {
        lock->is_counted = 0;
        mansio_limit_release(limit_name, mansio_str_from_cstr(lock->name));
    }
}
