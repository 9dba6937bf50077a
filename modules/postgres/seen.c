/*
 * A direct-mapped table of accounts.
 */
#include "seen.h"

#include <mansio/time.h>

enum { SLOTS = 8192 };

struct slot {
    int64_t tenant, account; /* 0: free */
    int64_t bytes, messages, at_us;
};

struct pg_seen {
    struct slot *slots;
};

struct pg_seen *pg_seen_new(struct mansio_arena *arena)
{
    struct pg_seen *seen = mansio_arena_alloc(arena, sizeof *seen);
    seen->slots = mansio_arena_try_alloc(arena, SLOTS * sizeof *seen->slots);
    MANSIO_ASSERT(seen->slots != NULL);
    return seen;
}

static struct slot *slot_of(const struct pg_seen *seen, int64_t tenant, int64_t account)
{
    uint64_t hash = ((uint64_t)account * UINT64_C(0x9E3779B97F4A7C15)) ^
                    ((uint64_t)tenant * UINT64_C(0xC2B2AE3D27D4EB4F));
    return &seen->slots[(hash >> 40) % SLOTS];
}

int pg_seen_has(const struct pg_seen *seen, int64_t tenant, int64_t account)
{
    const struct slot *slot = slot_of(seen, tenant, account);
    return slot->account == account && slot->tenant == tenant;
}

void pg_seen_put(struct pg_seen *seen, int64_t tenant, int64_t account, int64_t bytes,
                 int64_t messages)
{
    *slot_of(seen, tenant, account) = (struct slot){.tenant = tenant,
                                                    .account = account,
                                                    .bytes = bytes,
                                                    .messages = messages,
                                                    .at_us = mansio_now_us()};
}

int pg_seen_usage(const struct pg_seen *seen, int64_t tenant, int64_t account, int64_t age_us,
                  int64_t *out_bytes, int64_t *out_messages)
{
    const struct slot *slot = slot_of(seen, tenant, account);
    if (slot->account != account || slot->tenant != tenant ||
        mansio_now_us() - slot->at_us > age_us) {
        return 0;
    }
    *out_bytes = slot->bytes;
    *out_messages = slot->messages;
    return 1;
}

void pg_seen_drop(struct pg_seen *seen, int64_t tenant, int64_t account)
{
    if (pg_seen_has(seen, tenant, account)) {
        *slot_of(seen, tenant, account) = (struct slot){0};
    }
}
