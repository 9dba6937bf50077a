/*
 * store-memory's deliveries: a plan is judged whole before any of it is done.
 */
#include "store_memory.h"

#include <string.h>

/* An entry of a plan, found out about. */
struct step {
    const struct mansio_plan_entry *entry;
    struct memory_account *account; /* NULL: an item's tenant sends it */
    const struct memory_tenant *tenant;
    int code; /* why it can't be */
};

static int is_ours(const struct step *step)
{
    return step->entry->action == MANSIO_PLAN_DELIVER ||
           step->entry->action == MANSIO_PLAN_QUARANTINE || step->entry->action == MANSIO_PLAN_SEND;
}

/* What the account gets from this and earlier entries. */
static int is_within_quota(const struct step *steps, size_t index, struct mansio_str body)
{
    uint64_t bytes = 0;
    uint64_t messages = 0;

    for (size_t i = 0; i <= index; i++) {
        if (steps[i].account == steps[index].account && steps[i].code == 0 && is_ours(&steps[i]) &&
            steps[i].entry->action != MANSIO_PLAN_SEND) {
            bytes += steps[i].entry->prefix.len + body.len;
            messages++;
        }
    }
    return memory_has_room(steps[index].account, bytes, messages);
}

/* 0, or why the plan as a whole can't be. */
static int judge(struct mansio_instance *pool, const struct mansio_plan *plan, struct step *steps,
                 struct mansio_str body, const struct memory_tenant *behalf)
{
    struct memory_state *state = memory_state(pool);
    uint32_t flags = mansio_plan_facts(plan)->flags;
    size_t count = mansio_plan_count(plan);
    int first = 0;

    for (size_t i = 0; i < count; i++) {
        struct mansio_instance *its = NULL;
        steps[i].entry = mansio_plan_entry(plan, i);
        if (!is_ours(&steps[i])) {
            continue;
        }
        if (steps[i].entry->account == NULL) {
            steps[i].tenant = behalf;
            if (behalf == NULL) {
                return mansio_fail(MANSIO_E_BUG, "an entry of nobody");
            }
            continue;
        }
        (void)mansio_account_store(steps[i].entry->account, &its);
        if (its != pool) {
            return mansio_fail(MANSIO_E_BUG, "an account of another pool");
        }
        steps[i].code = memory_account(pool, steps[i].entry->account, &steps[i].account);
        steps[i].tenant = steps[i].code == 0 ? steps[i].account->tenant : NULL;
        if (steps[i].code == 0 && steps[i].entry->action != MANSIO_PLAN_SEND &&
            !(flags & MANSIO_PLAN_ACCEPTED) && state->mistake != MISTAKE_QUOTA_IGNORED &&
            !is_within_quota(steps, i, body)) {
            steps[i].code = mansio_fail(MANSIO_E_LIMIT, "over quota");
        }
        first = first == 0 ? steps[i].code : first;
    }
    /* A recipient's entries stand or fall together. */
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count && steps[i].code == 0 && is_ours(&steps[i]); j++) {
            if (steps[j].entry->recipient == steps[i].entry->recipient) {
                steps[i].code = steps[j].code;
            }
        }
    }
    return flags & MANSIO_PLAN_EACH ? 0 : first;
}

static struct memory_collection *junk_of(struct memory_state *state, struct memory_account *account)
{
    struct memory_collection *at = account->collections;

    while (at != NULL && at->special_use != MANSIO_SPECIAL_JUNK) {
        at = at->next;
    }
    if (at == NULL) {
        at = memory_collection_named(account, MANSIO_STR("Junk"));
    }
    return at != NULL ? at
                      : memory_collection_add(state, account, MANSIO_COLLECTION_MAIL,
                                              MANSIO_STR("Junk"), MANSIO_SPECIAL_JUNK);
}

static struct memory_collection *target_of(struct memory_state *state,
                                           struct memory_account *account,
                                           const struct mansio_plan_entry *entry)
{
    struct memory_collection *found = NULL;

    if (entry->action == MANSIO_PLAN_QUARANTINE) {
        return junk_of(state, account);
    }
    if (entry->collection.len > 0) {
        found = memory_collection_named(account, entry->collection);
    }
    if (found == NULL && entry->is_creating && entry->collection.len > 0 &&
        memory_name_check(entry->collection) == 0) {
        found = memory_collection_add(state, account, MANSIO_COLLECTION_MAIL, entry->collection,
                                      MANSIO_SPECIAL_NONE);
    }
    return found != NULL ? found : memory_collection_named(account, MANSIO_STR("INBOX"));
}

/* The message in a tenant: one, however many have it. */
static struct memory_message *message_in(struct memory_state *state, struct step *steps,
                                         size_t index, struct memory_message **messages,
                                         struct mansio_content *content, struct mansio_str body)
{
    for (size_t i = 0; i < index; i++) {
        if (messages[i] != NULL && steps[i].tenant == steps[index].tenant) {
            return messages[i];
        }
    }
    return memory_message_new(state, steps[index].tenant, content, body);
}

static void do_step(struct memory_state *state, struct mansio_plan *plan, size_t index,
                    const struct step *step, struct memory_message *message)
{
    const struct mansio_plan_facts *facts = mansio_plan_facts(plan);
    struct mansio_plan_outcome outcome = {.size = sizeof outcome};

    if (step->entry->action == MANSIO_PLAN_SEND) {
        memory_spool_add(state, facts, step->entry, step->tenant, message);
    } else {
        struct memory_collection *collection = target_of(state, step->account, step->entry);
        struct memory_entry *entry = memory_entry_add(state, step->account, collection, message);
        const struct mansio_plan_entry *first = mansio_plan_entry(plan, 0);
        entry->flags = step->entry->flags;
        entry->keywords = memory_copy(state, step->entry->keywords);
        entry->prefix = memory_copy(
            state, state->mistake == MISTAKE_PREFIX_SHARED ? first->prefix : step->entry->prefix);
        entry->received_us = facts->received_us;
        outcome.uid = entry->uid;
        outcome.collection_id = collection->id;
    }
    mansio_plan_set_outcome(plan, index, &outcome);
}

int memory_deliver(struct mansio_instance *pool, struct mansio_plan *plan,
                   struct mansio_content *content, struct mansio_str body,
                   const struct memory_tenant *behalf)
{
    struct memory_state *state = memory_state(pool);
    size_t count = mansio_plan_count(plan);
    struct step *steps = memory_alloc(state, (count + 1) * sizeof *steps);
    struct memory_message **messages = memory_alloc(state, (count + 1) * sizeof(*messages));
    int rc = judge(pool, plan, steps, body, behalf);

    if (rc < 0 && state->mistake != MISTAKE_HALF_PLAN) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        if (steps[i].entry == NULL || !is_ours(&steps[i])) {
            continue;
        }
        if (steps[i].code < 0) {
            const struct mansio_plan_outcome outcome = {.size = sizeof outcome,
                                                        .code = steps[i].code};
            mansio_plan_set_outcome(plan, i, &outcome);
            if (rc < 0) {
                return rc;
            }
            continue;
        }
        messages[i] = message_in(state, steps, i, messages, content, body);
        do_step(state, plan, i, &steps[i], messages[i]);
    }
    return rc;
}

int memory_deliver_plan(struct mansio_instance *pool, struct mansio_plan *plan,
                        struct mansio_content *content, int64_t deadline_us)
{
    struct mansio_str body = MANSIO_STR_NONE;
    int rc = memory_begin(deadline_us);

    rc = rc < 0 ? rc : memory_content(memory_state(pool), content, deadline_us, &body);
    return rc < 0 ? rc : memory_deliver(pool, plan, content, body, NULL);
}

int memory_may_deliver(struct mansio_instance *pool, struct mansio_account *handle, uint64_t bytes,
                       int64_t deadline_us)
{
    struct memory_account *account = NULL;
    int rc = memory_enter(pool, handle, deadline_us, &account);

    if (rc == 0 && !memory_has_room(account, bytes, 1)) {
        rc = mansio_fail(MANSIO_E_LIMIT, "over quota");
    }
    return rc;
}
