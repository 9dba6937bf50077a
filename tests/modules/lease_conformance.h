/*
 * What every provider of the interface "lease" must do, as a function that any of them can be run
 * through: in a fiber, with nothing but the table, an instance, and a way to let time pass (an
 * injected clock, or, for a provider that has a clock of its own, waiting).
 */
#ifndef MANSIO_TESTS_MODULES_LEASE_CONFORMANCE_H
#define MANSIO_TESTS_MODULES_LEASE_CONFORMANCE_H

#include <string.h>

#include <mansio/error.h>
#include <mansio/lease.h>
#include <mansio/str.h>
#include <mansio/time.h>

struct lease_subject {
    const struct mansio_lease *table;
    struct mansio_instance *instance;
    void (*pass)(void *arg, int64_t us); /* let so much of the provider's time pass */
    void *arg;
    struct mansio_str one, two; /* two names that nobody has used, nor uses meanwhile */
};

#define LEASE_A   MANSIO_STR("node-a")
#define LEASE_B   MANSIO_STR("node-b")
#define LEASE_TEN (10 * MANSIO_SECOND)

/* Leaves the test with what was not so. */
#define LEASE_MUST(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return "not so: " #condition;                                                          \
        }                                                                                          \
    } while (0)

static inline int lease_take(const struct lease_subject *s, struct mansio_str name,
                             struct mansio_str holder, uint64_t *out_fence)
{
    return s->table->acquire(s->instance, name, holder, LEASE_TEN, MANSIO_NEVER, out_fence);
}

static inline int lease_keep(const struct lease_subject *s, struct mansio_str name,
                             struct mansio_str holder, uint64_t fence)
{
    return s->table->renew(s->instance, name, holder, fence, LEASE_TEN, MANSIO_NEVER);
}

static inline int lease_give(const struct lease_subject *s, struct mansio_str name,
                             struct mansio_str holder, uint64_t fence)
{
    return s->table->release(s->instance, name, holder, fence, MANSIO_NEVER);
}

/* One holder at a time, by name; the fence grows with each grant, whoever gets it. */
static inline const char *lease_check_grants(const struct lease_subject *s)
{
    uint64_t first = 0;
    uint64_t again = 0;
    uint64_t other = 0;
    uint64_t untouched = 42;
    LEASE_MUST(lease_take(s, s->one, LEASE_A, &first) == 0);
    LEASE_MUST(first > 0);
    LEASE_MUST(lease_take(s, s->one, LEASE_B, &untouched) == MANSIO_E_BUSY);
    LEASE_MUST(untouched == 42);
    LEASE_MUST(lease_take(s, s->two, LEASE_B, &other) == 0);
    LEASE_MUST(lease_take(s, s->one, LEASE_A, &again) == 0);
    LEASE_MUST(again > first);
    /* The grant before is lost, though its holder is the same. */
    LEASE_MUST(lease_keep(s, s->one, LEASE_A, first) == MANSIO_E_DENIED);
    LEASE_MUST(lease_keep(s, s->one, LEASE_A, again) == 0);
    LEASE_MUST(lease_keep(s, s->one, LEASE_B, again) == MANSIO_E_DENIED);
    LEASE_MUST(lease_keep(s, s->one, LEASE_A, again + 1) == MANSIO_E_DENIED);
    LEASE_MUST(lease_give(s, s->one, LEASE_A, again) == 0);
    LEASE_MUST(lease_give(s, s->two, LEASE_B, other) == 0);
    return NULL;
}

/* What is given back is free at once; what is not one's own to give stays. */
static inline const char *lease_check_release(const struct lease_subject *s)
{
    uint64_t old = 0;
    uint64_t fence = 0;
    uint64_t next = 0;
    uint64_t ignored;
    LEASE_MUST(lease_take(s, s->one, LEASE_A, &old) == 0);
    LEASE_MUST(lease_take(s, s->one, LEASE_A, &fence) == 0);
    LEASE_MUST(lease_give(s, s->one, LEASE_A, old) == 0);
    LEASE_MUST(lease_give(s, s->one, LEASE_B, fence) == 0);
    LEASE_MUST(lease_take(s, s->one, LEASE_B, &ignored) == MANSIO_E_BUSY);
    LEASE_MUST(lease_give(s, s->one, LEASE_A, fence) == 0);
    LEASE_MUST(lease_give(s, s->one, LEASE_A, fence) == 0);
    LEASE_MUST(lease_keep(s, s->one, LEASE_A, fence) == MANSIO_E_DENIED);
    LEASE_MUST(lease_take(s, s->one, LEASE_B, &next) == 0);
    LEASE_MUST(next > fence);
    LEASE_MUST(lease_give(s, s->one, LEASE_B, next) == 0);
    return NULL;
}

/* A holder that says nothing loses its lease at the end of the time granted, not before; renewing
 * counts from then. */
static inline const char *lease_check_expiry(const struct lease_subject *s)
{
    uint64_t a = 0;
    uint64_t b = 0;
    uint64_t ignored;
    LEASE_MUST(lease_take(s, s->one, LEASE_A, &a) == 0);
    s->pass(s->arg, LEASE_TEN * 5 / 4);
    LEASE_MUST(lease_take(s, s->one, LEASE_B, &b) == 0);
    LEASE_MUST(b > a);
    LEASE_MUST(lease_give(s, s->one, LEASE_B, b) == 0);

    LEASE_MUST(lease_take(s, s->one, LEASE_A, &a) == 0);
    s->pass(s->arg, LEASE_TEN / 2);
    LEASE_MUST(lease_take(s, s->one, LEASE_B, &ignored) == MANSIO_E_BUSY);
    LEASE_MUST(lease_keep(s, s->one, LEASE_A, a) == 0);
    s->pass(s->arg, LEASE_TEN * 3 / 4);
    LEASE_MUST(lease_take(s, s->one, LEASE_B, &ignored) == MANSIO_E_BUSY);
    s->pass(s->arg, LEASE_TEN / 2);
    /* Lost even if nobody else has taken it: somebody may have, and given it back. */
    LEASE_MUST(lease_keep(s, s->one, LEASE_A, a) == MANSIO_E_DENIED);
    LEASE_MUST(lease_take(s, s->one, LEASE_B, &b) == 0);
    LEASE_MUST(b > a);
    LEASE_MUST(lease_keep(s, s->one, LEASE_A, a) == MANSIO_E_DENIED);
    LEASE_MUST(lease_give(s, s->one, LEASE_A, a) == 0);
    LEASE_MUST(lease_keep(s, s->one, LEASE_B, b) == 0);
    LEASE_MUST(lease_give(s, s->one, LEASE_B, b) == 0);
    return NULL;
}

static inline const char *lease_check_arguments(const struct lease_subject *s)
{
    char longest[MANSIO_LEASE_NAME_MAX + 1];
    uint64_t fence = 0;
    uint64_t none = 42;
    memset(longest, 'x', sizeof longest);
    struct mansio_str too_long = {longest, sizeof longest};
    struct mansio_str just = {longest, sizeof longest - 1};
    const struct mansio_str bad[] = {MANSIO_STR_NONE, MANSIO_STR("a\0b"), too_long};
    for (size_t i = 0; i < MANSIO_COUNT(bad); i++) {
        LEASE_MUST(lease_take(s, bad[i], LEASE_A, &none) == MANSIO_E_INVALID);
        LEASE_MUST(lease_take(s, s->one, bad[i], &none) == MANSIO_E_INVALID);
    }
    const int64_t durations[] = {0, -1, MANSIO_SECOND - 1, 3600 * MANSIO_SECOND + 1};
    for (size_t i = 0; i < MANSIO_COUNT(durations); i++) {
        LEASE_MUST(s->table->acquire(s->instance, s->one, LEASE_A, durations[i], MANSIO_NEVER,
                                     &none) == MANSIO_E_INVALID);
    }
    LEASE_MUST(none == 42);
    LEASE_MUST(lease_take(s, s->one, just, &fence) == 0);
    LEASE_MUST(lease_give(s, s->one, just, fence) == 0);
    return NULL;
}

/* NULL, or what was not so. */
static inline const char *lease_conformance(const struct lease_subject *s)
{
    LEASE_MUST(s->table->size >= sizeof(struct mansio_lease));
    const char *(*const checks[])(const struct lease_subject *) = {
        lease_check_grants, lease_check_release, lease_check_expiry, lease_check_arguments};
    for (size_t i = 0; i < MANSIO_COUNT(checks); i++) {
        const char *wrong = checks[i](s);
        if (wrong != NULL) {
            return wrong;
        }
    }
    return NULL;
}

#endif
