/*
 * store-memory's spool: a list, claims with fences.
 */
#include "store_memory.h"

#include <string.h>

/* Prefixes of a message are numbered by the first item that has them. */
static uint32_t prefix_no(const struct memory_state *state, const struct memory_message *message,
                          struct mansio_str prefix)
{
    uint32_t next = 0;

    for (const struct memory_spool *at = state->spool; at != NULL; at = at->next) {
        if (at->message == message && mansio_str_eq(at->prefix, prefix)) {
            return at->item.prefix_no;
        }
        next += at->message == message;
    }
    return next;
}

void memory_spool_add(struct memory_state *state, const struct mansio_plan_facts *facts,
                      const struct mansio_plan_entry *entry, const struct memory_tenant *tenant,
                      struct memory_message *message)
{
    struct memory_spool *spool = memory_alloc(state, sizeof *spool);
    struct memory_spool **at = &state->spool;

    spool->tenant = tenant;
    spool->message = message;
    spool->prefix = memory_copy(state, entry->prefix);
    spool->item = (struct mansio_spool_item){
        .size = sizeof spool->item,
        .id = memory_new_id(state),
        .message_id = message->id,
        .prefix_no = prefix_no(state, message, entry->prefix),
        .message_bytes = entry->prefix.len + message->blob->bytes.len,
        .spooled_us = mansio_wall_us(),
        .next_us = mansio_wall_us(),
        .flags = facts->flags & (MANSIO_PLAN_8BIT | MANSIO_PLAN_UTF8),
        .tenant = mansio_str_from_cstr(tenant->name),
        .reverse_path = memory_copy(state, facts->reverse_path),
        .forward_path = memory_copy(state, entry->forward_path),
        .envelope_id = memory_copy(state, facts->envelope_id),
        .ret = memory_copy(state, facts->ret),
        .notify = memory_copy(state, entry->notify),
        .original_recipient = memory_copy(state, entry->original_recipient),
        .claim = spool,
    };
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = spool;
}

static int is_claimed(const struct memory_spool *spool)
{
    return spool->item.fence != 0 && spool->claimed_until_us > mansio_now_us();
}

int memory_spool_claim(struct mansio_instance *pool, struct mansio_str holder, size_t max,
                       int64_t duration_us, struct mansio_arena *arena, int64_t deadline_us,
                       const struct mansio_spool_item *const **out, size_t *out_count,
                       int64_t *out_next_us)
{
    struct memory_state *state = memory_state(pool);
    const struct mansio_spool_item **items = NULL;
    int64_t now_us = mansio_wall_us();
    int64_t next_us = INT64_MAX;
    size_t count = 0;
    int rc = memory_begin(deadline_us);

    if (rc < 0) {
        return rc;
    }
    items = mansio_arena_try_alloc(arena, (max + 1) * sizeof(*items));
    if (items == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (struct memory_spool *at = state->spool; at != NULL; at = at->next) {
        if (is_claimed(at)) {
            continue;
        }
        if (at->item.next_us > now_us || count == max) {
            next_us = at->item.next_us < next_us ? at->item.next_us : next_us;
            continue;
        }
        MANSIO_ASSERT(holder.len <= sizeof at->holder);
        memcpy(at->holder, holder.ptr, holder.len);
        at->holder_len = holder.len;
        at->claimed_until_us = mansio_deadline_in(duration_us);
        at->item.fence = ++state->last_fence;
        struct mansio_spool_item *copy = mansio_arena_alloc(arena, sizeof *copy);
        *copy = at->item;
        items[count++] = copy;
    }
    *out = items;
    *out_count = count;
    *out_next_us = next_us;
    return 0;
}

/* What a claim is of, if it still holds. */
static struct memory_spool *held(struct memory_state *state, const struct mansio_spool_item *item,
                                 struct mansio_str holder)
{
    struct memory_spool *at = state->spool;

    while (at != NULL && at->item.id != item->id) {
        at = at->next;
    }
    if (at == NULL || state->mistake == MISTAKE_FENCE_IGNORED) {
        return at;
    }
    return is_claimed(at) && at->item.fence == item->fence &&
                   (holder.ptr == NULL ||
                    mansio_str_eq(holder, (struct mansio_str){at->holder, at->holder_len}))
               ? at
               : NULL;
}

static int lost(void)
{
    return mansio_fail(MANSIO_E_DENIED, "a claim was lost");
}

int memory_spool_renew(struct mansio_instance *pool, struct mansio_str holder,
                       const struct mansio_spool_item *const *items, size_t count,
                       int64_t duration_us, int64_t deadline_us)
{
    struct memory_state *state = memory_state(pool);
    int rc = memory_begin(deadline_us);

    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = held(state, items[i], holder) != NULL ? 0 : lost();
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        held(state, items[i], holder)->claimed_until_us = mansio_deadline_in(duration_us);
    }
    return rc;
}

int memory_spool_read(struct mansio_instance *pool, const struct mansio_spool_item *item,
                      uint64_t offset, size_t max, struct mansio_arena *arena, int64_t deadline_us,
                      struct mansio_str *out)
{
    struct memory_state *state = memory_state(pool);
    int rc = memory_begin(deadline_us);

    if (rc < 0) {
        return rc;
    }
    const struct memory_spool *spool = held(state, item, MANSIO_STR_NONE);
    return spool == NULL ? lost()
                         : memory_slice(state, spool->prefix, spool->message->blob->bytes, offset,
                                        max, arena, out);
}

static void take_out(struct memory_state *state, struct memory_spool *spool)
{
    struct memory_spool **at = &state->spool;

    while (*at != spool) {
        at = &(*at)->next;
    }
    *at = spool->next;
}

/* Whose an item is; NULL: it is gone. */
static const struct memory_tenant *tenant_of(const struct memory_state *state,
                                             const struct mansio_spool_item *item)
{
    const struct memory_spool *at = state->spool;

    while (at != NULL && at->item.id != item->id) {
        at = at->next;
    }
    return at != NULL ? at->tenant : NULL;
}

int memory_spool_finish(struct mansio_instance *pool, struct mansio_str holder,
                        const struct mansio_spool_outcome *outcomes, size_t count,
                        struct mansio_plan *plan, struct mansio_content *content,
                        int64_t deadline_us)
{
    struct memory_state *state = memory_state(pool);
    struct memory_letter letter = {.plan = plan, .content = content};
    const struct memory_tenant *behalf = count > 0 ? tenant_of(state, outcomes[0].item) : NULL;
    int rc = memory_begin(deadline_us);

    if (rc == 0 && plan != NULL) {
        rc = memory_content(state, content, deadline_us, &letter.body);
    }
    if (rc == 0 && plan != NULL && state->mistake == MISTAKE_BOUNCE_APART) {
        rc = memory_deliver(pool, &letter, 1, behalf);
        plan = NULL;
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = held(state, outcomes[i].item, holder) != NULL ? 0 : lost();
    }
    if (rc == 0 && plan != NULL) {
        rc = memory_deliver(pool, &letter, 1, behalf);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct memory_spool *spool = held(state, outcomes[i].item, holder);
        int is_tried = outcomes[i].verdict != MANSIO_SPOOL_PUT_BACK;
        spool->item.fence = 0;
        spool->item.attempts += outcomes[i].verdict == MANSIO_SPOOL_RETRY;
        if (is_tried || outcomes[i].next_us != 0) {
            spool->item.next_us = outcomes[i].next_us;
        }
        if (is_tried || outcomes[i].reply.len > 0) {
            spool->item.last_reply = memory_copy(state, outcomes[i].reply);
        }
        if (outcomes[i].verdict == MANSIO_SPOOL_DONE) {
            take_out(state, spool);
        }
    }
    return rc;
}

int memory_spool_list(struct mansio_instance *pool, struct mansio_str tenant, mansio_spool_fn visit,
                      void *arg, int64_t deadline_us)
{
    int rc = memory_begin(deadline_us);

    for (const struct memory_spool *at = memory_state(pool)->spool; rc == 0 && at != NULL;
         at = at->next) {
        if (tenant.len == 0 || mansio_str_eq(tenant, at->item.tenant)) {
            struct mansio_spool_item item = at->item;
            item.fence = is_claimed(at) ? item.fence : 0;
            rc = visit(arg, &item);
        }
    }
    return rc;
}

/* An item that nobody tries now. */
static int idle(struct mansio_instance *pool, uint64_t id, int64_t deadline_us,
                struct memory_spool **out)
{
    int rc = memory_begin(deadline_us);
    struct memory_spool *at = memory_state(pool)->spool;

    while (rc == 0 && at != NULL && at->item.id != id) {
        at = at->next;
    }
    if (rc == 0 && at == NULL) {
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "no such item");
    }
    if (rc == 0 && is_claimed(at)) {
        rc = mansio_fail(MANSIO_E_BUSY, "it is being tried");
    }
    *out = at;
    return rc;
}

int memory_spool_retry(struct mansio_instance *pool, uint64_t id, int64_t deadline_us)
{
    struct memory_spool *spool = NULL;
    int rc = idle(pool, id, deadline_us, &spool);

    if (rc == 0) {
        spool->item.next_us = mansio_wall_us();
    }
    return rc;
}

int memory_spool_change(struct mansio_instance *pool, uint64_t id, uint32_t change,
                        int64_t deadline_us)
{
    struct memory_spool *spool = NULL;
    int rc = change == MANSIO_SPOOL_HOLD || change == MANSIO_SPOOL_GIVE_UP
                 ? idle(pool, id, deadline_us, &spool)
                 : mansio_fail(MANSIO_E_INVALID, "change %u", change);

    if (rc == 0 && change == MANSIO_SPOOL_HOLD) {
        spool->item.next_us = INT64_MAX;
    } else if (rc == 0) {
        spool->item.next_us = mansio_wall_us();
        spool->item.flags |= MANSIO_SPOOL_GIVEN_UP;
    }
    return rc;
}

int memory_spool_remove(struct mansio_instance *pool, uint64_t id, int64_t deadline_us)
{
    struct memory_spool *spool = NULL;
    int rc = idle(pool, id, deadline_us, &spool);

    if (rc == 0) {
        take_out(memory_state(pool), spool);
    }
    return rc;
}

int memory_spool_look(struct mansio_instance *pool, uint64_t id, uint64_t offset, size_t max,
                      struct mansio_arena *arena, int64_t deadline_us, struct mansio_str *out)
{
    struct memory_state *state = memory_state(pool);
    int rc = memory_begin(deadline_us);

    for (const struct memory_spool *at = state->spool; rc == 0 && at != NULL; at = at->next) {
        if (at->item.id == id) {
            return memory_slice(state, at->prefix, at->message->blob->bytes, offset, max, arena,
                                out);
        }
    }
    return rc < 0 ? rc : mansio_fail(MANSIO_E_NOT_FOUND, "no such item");
}
