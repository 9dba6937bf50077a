/*
 * store-memory's deliveries: plans are judged whole before any of it is done.
 */
#include "store_memory.h"

#include <string.h>

/* An entry of a plan, found out about. */
struct step {
    const struct memory_letter *letter;
    size_t index; /* of its plan */
    const struct mansio_plan_entry *entry;
    struct memory_account *account; /* NULL: an item's tenant sends it */
    const struct memory_tenant *tenant;
    struct memory_message *message;
    int code; /* why it can't be */
};

static int is_ours(const struct step *step)
{
    return step->entry->action == MANSIO_PLAN_DELIVER ||
           step->entry->action == MANSIO_PLAN_QUARANTINE || step->entry->action == MANSIO_PLAN_SEND;
}

/* What the account gets from this and earlier entries. */
static int is_within_quota(const struct step *steps, size_t index)
{
    uint64_t bytes = 0;
    uint64_t messages = 0;

    for (size_t i = 0; i <= index; i++) {
        if (steps[i].account == steps[index].account && steps[i].code == 0 && is_ours(&steps[i]) &&
            steps[i].entry->action != MANSIO_PLAN_SEND) {
            bytes += steps[i].entry->prefix.len + steps[i].letter->body.len;
            messages++;
        }
    }
    return memory_has_room(steps[index].account, bytes, messages);
}

/* 0, or why it is no entry of this store. */
static int enter(struct mansio_instance *pool, struct step *step,
                 const struct memory_tenant *behalf)
{
    struct mansio_instance *its = NULL;

    if (step->entry->account == NULL) {
        step->tenant = behalf;
        return behalf != NULL ? 0 : mansio_fail(MANSIO_E_BUG, "an entry of nobody");
    }
    (void)mansio_account_store(step->entry->account, &its);
    if (its != pool) {
        return mansio_fail(MANSIO_E_BUG, "an account of another pool");
    }
    step->code = memory_account(pool, step->entry->account, &step->account);
    step->tenant = step->code == 0 ? step->account->tenant : NULL;
    return 0;
}

/* A recipient's entries stand or fall together. */
static void share_fate(struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count && steps[i].code == 0 && is_ours(&steps[i]); j++) {
            if (steps[j].letter == steps[i].letter &&
                steps[j].entry->recipient == steps[i].entry->recipient) {
                steps[i].code = steps[j].code;
            }
        }
    }
}

/* 0, or why it can't be as a whole. */
static int judge(struct mansio_instance *pool, struct step *steps, size_t count,
                 const struct memory_tenant *behalf)
{
    struct memory_state *state = memory_state(pool);
    uint32_t flags = 0;
    int first = 0;

    for (size_t i = 0; i < count; i++) {
        flags = mansio_plan_facts(steps[i].letter->plan)->flags;
        if (!is_ours(&steps[i])) {
            continue;
        }
        int rc = enter(pool, &steps[i], behalf);
        if (rc < 0) {
            return rc;
        }
        if (steps[i].code == 0 && steps[i].account != NULL &&
            steps[i].entry->action != MANSIO_PLAN_SEND && !(flags & MANSIO_PLAN_ACCEPTED) &&
            state->mistake != MISTAKE_QUOTA_IGNORED && !is_within_quota(steps, i)) {
            steps[i].code = mansio_fail(MANSIO_E_LIMIT, "over quota");
        }
        first = first == 0 ? steps[i].code : first;
    }
    share_fate(steps, count);
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
                                         size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (steps[i].message != NULL && steps[i].letter == steps[index].letter &&
            steps[i].tenant == steps[index].tenant) {
            return steps[i].message;
        }
    }
    return memory_message_new(state, steps[index].tenant, steps[index].letter->content,
                              steps[index].letter->body);
}

static void do_step(struct memory_state *state, const struct step *step)
{
    const struct mansio_plan_facts *facts = mansio_plan_facts(step->letter->plan);
    struct mansio_plan_outcome outcome = {.size = sizeof outcome};

    if (step->entry->action == MANSIO_PLAN_SEND) {
        memory_spool_add(state, facts, step->entry, step->tenant, step->message);
    } else {
        struct memory_collection *collection = target_of(state, step->account, step->entry);
        struct memory_entry *entry =
            memory_entry_add(state, step->account, collection, step->message);
        const struct mansio_plan_entry *first = mansio_plan_entry(step->letter->plan, 0);
        entry->flags = step->entry->flags;
        entry->keywords = memory_copy(state, step->entry->keywords);
        entry->prefix = memory_copy(
            state, state->mistake == MISTAKE_PREFIX_SHARED ? first->prefix : step->entry->prefix);
        entry->received_us = facts->received_us;
        outcome.uid = entry->uid;
        outcome.collection_id = collection->id;
    }
    mansio_plan_set_outcome(step->letter->plan, step->index, &outcome);
}

/* A step for each entry. */
static struct step *make_steps(struct memory_state *state, const struct memory_letter *letters,
                               size_t count, size_t *out_count)
{
    size_t all = 0;
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        all += mansio_plan_count(letters[i].plan);
    }
    struct step *steps = memory_alloc(state, (all + 1) * sizeof *steps);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < mansio_plan_count(letters[i].plan); k++) {
            steps[n++] = (struct step){
                .letter = &letters[i], .index = k, .entry = mansio_plan_entry(letters[i].plan, k)};
        }
    }
    *out_count = all;
    return steps;
}

int memory_deliver(struct mansio_instance *pool, const struct memory_letter *letters,
                   size_t letter_count, const struct memory_tenant *behalf)
{
    struct memory_state *state = memory_state(pool);
    size_t count;
    struct step *steps = make_steps(state, letters, letter_count, &count);
    int rc = judge(pool, steps, count, behalf);

    if (rc < 0 && state->mistake != MISTAKE_HALF_PLAN) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_ours(&steps[i])) {
            continue;
        }
        if (steps[i].code < 0) {
            const struct mansio_plan_outcome outcome = {.size = sizeof outcome,
                                                        .code = steps[i].code};
            mansio_plan_set_outcome(steps[i].letter->plan, steps[i].index, &outcome);
            if (rc < 0) {
                return rc;
            }
            continue;
        }
        steps[i].message = message_in(state, steps, i);
        do_step(state, &steps[i]);
    }
    return rc;
}

int memory_deliver_plan(struct mansio_instance *pool, struct mansio_plan *plan,
                        struct mansio_content *content, int64_t deadline_us)
{
    struct memory_letter letter = {.plan = plan, .content = content};
    int rc = memory_begin(deadline_us);

    rc = rc < 0 ? rc : memory_content(memory_state(pool), content, deadline_us, &letter.body);
    return rc < 0 ? rc : memory_deliver(pool, &letter, 1, NULL);
}

/* One after the other, the last first: what it says may then not be so. */
static int deliver_apart(struct mansio_instance *pool, const struct memory_letter *letters,
                         size_t count)
{
    int rc = 0;

    for (size_t i = count; rc == 0 && i > 0; i--) {
        rc = memory_deliver(pool, &letters[i - 1], 1, NULL);
    }
    return rc;
}

int memory_deliver_together(struct mansio_instance *pool, const struct mansio_delivery *deliveries,
                            size_t count, int64_t deadline_us)
{
    struct memory_state *state = memory_state(pool);
    struct memory_letter letters[MANSIO_DELIVERIES_MAX];
    int rc = memory_begin(deadline_us);

    if (count == 0 || count > MANSIO_DELIVERIES_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "%zu deliveries", count);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct mansio_delivery *delivery =
            (const struct mansio_delivery *)(const void *)((const char *)deliveries +
                                                           i * deliveries[0].size);
        letters[i] = (struct memory_letter){.plan = delivery->plan, .content = delivery->content};
        if ((mansio_plan_facts(delivery->plan)->flags & MANSIO_PLAN_EACH) != 0) {
            return mansio_fail(MANSIO_E_INVALID, "recipients stand or fall together here");
        }
        rc = memory_content(state, delivery->content, deadline_us, &letters[i].body);
    }
    if (rc == 0 && state->mistake == MISTAKE_TOLD_APART) {
        return deliver_apart(pool, letters, count);
    }
    return rc < 0 ? rc : memory_deliver(pool, letters, count, NULL);
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
