/*
 * Cases of the spool: what is to leave, claimed by one, given back, finished, bounced.
 *
 * Other items may be in the spool; a case knows its own by their path.
 */
#include "store_conformance.h"

#include <string.h>

#include <mansio/fiber.h>

#define BODY   "Subject: leaving\r\n\r\ngoodbye\r\n"
#define PREFIX "Received: here\r\n"
#define HOUR   (3600 * MANSIO_SECOND)

/* The path that a case sends to. */
static struct mansio_str path(struct sc *sc)
{
    struct mansio_str out = MANSIO_STR_NONE;

    SC_CODE(sc, mansio_arena_printf(sc->arena, &out, "%sto@example.net", sc->prefix), 0);
    return out;
}

static void spool_one(struct sc *sc)
{
    struct mansio_plan *plan = sc_plan(sc, MANSIO_PLAN_8BIT);
    const struct mansio_plan_entry entry = {
        .action = MANSIO_PLAN_SEND,
        .forward_path = path(sc),
        .prefix = MANSIO_STR(PREFIX),
        .notify = MANSIO_STR("SUCCESS,FAILURE"),
        .original_recipient = MANSIO_STR("rfc822;to@example.net"),
    };

    sc_plan_add(sc, plan, &sc->one, &entry);
    SC_CODE(sc, sc_deliver(sc, &sc->one, plan, sc_text(BODY)), 0);
    SC_CODE(sc, sc_outcome(sc, plan, 0)->code, 0);
}

/* The case's item, if a claim gives it; what else it gives is given back for later. */
static const struct mansio_spool_item *claim(struct sc *sc, const char *holder, int64_t duration_us)
{
    const struct mansio_spool_item *const *items = NULL;
    const struct mansio_spool_item *mine = NULL;
    struct mansio_str to = path(sc);
    size_t count = 0;
    int64_t next_us = 0;

    SC_CODE(sc,
            sc->one.store->spool_claim(sc->one.pool, sc_text(holder), 100, duration_us, sc->arena,
                                       sc_deadline(), &items, &count, &next_us),
            0);
    for (size_t i = 0; i < count; i++) {
        if (mansio_str_eq(items[i]->forward_path, to)) {
            SC_WANT(sc, mine == NULL);
            mine = items[i];
        }
    }
    return mine;
}

static int finish(struct sc *sc, const char *holder, const struct mansio_spool_item *item,
                  uint32_t verdict, int64_t next_us, struct mansio_plan *plan)
{
    const struct mansio_spool_outcome outcome = {
        .size = sizeof outcome,
        .item = item,
        .verdict = verdict,
        .next_us = next_us,
        .reply = MANSIO_STR("451 4.3.0 later"),
    };

    return sc->one.store->spool_finish(sc->one.pool, sc_text(holder), &outcome, 1, plan,
                                       plan != NULL ? sc_content(sc, sc_text("Subject: bounce\r\n"
                                                                             "\r\nsorry\r\n"))
                                                    : NULL,
                                       sc_deadline());
}

/* An item, or the end of the case. */
static int is_given(struct sc *sc, const struct mansio_spool_item *item)
{
    SC_WANT(sc, item != NULL);
    return item != NULL && !sc->failed;
}

struct search {
    struct mansio_str path;
    struct mansio_spool_item item;
    struct sc *sc;
    struct mansio_str last_reply;
};

static int note_item(void *arg, const struct mansio_spool_item *item)
{
    struct search *search = arg;

    if (mansio_str_eq(item->forward_path, search->path)) {
        search->item = *item;
        SC_CODE(search->sc,
                mansio_arena_copy(search->sc->arena, item->last_reply, &search->last_reply), 0);
    }
    return 0;
}

/* The case's item as administrators see it; id 0: there is none. */
static struct search look(struct sc *sc, const char *tenant)
{
    struct search search = {.path = path(sc), .sc = sc};

    SC_CODE(
        sc,
        sc->one.store->spool_list(sc->one.pool, sc_text(tenant), note_item, &search, sc_deadline()),
        0);
    return search;
}

static void what_is_sent_is_claimed_and_read(struct sc *sc)
{
    spool_one(sc);
    const struct mansio_spool_item *item = claim(sc, "holder", HOUR);

    if (!is_given(sc, item)) {
        return;
    }
    SC_WANT(sc, item->id != 0 && item->fence != 0 && item->attempts <= 1);
    SC_WANT(sc, item->message_bytes == strlen(PREFIX) + strlen(BODY));
    SC_WANT(sc, item->flags == MANSIO_PLAN_8BIT);
    SC_WANT(sc, mansio_str_eq(item->tenant, MANSIO_STR("alpha")));
    SC_WANT(sc, mansio_str_eq(item->reverse_path, MANSIO_STR("sender@example.org")));
    SC_WANT(sc, mansio_str_eq(item->envelope_id, MANSIO_STR("envelope-7")));
    SC_WANT(sc, mansio_str_eq(item->ret, MANSIO_STR("HDRS")));
    SC_WANT(sc, mansio_str_eq(item->notify, MANSIO_STR("SUCCESS,FAILURE")));
    SC_WANT(sc, mansio_str_eq(item->original_recipient, MANSIO_STR("rfc822;to@example.net")));
    SC_WANT(sc, item->spooled_us <= mansio_wall_us());
    struct mansio_str text = MANSIO_STR_NONE;
    SC_CODE(sc,
            sc->one.store->spool_read(sc->one.pool, item, 0, 1000, sc->arena, sc_deadline(), &text),
            0);
    SC_WANT(sc, mansio_str_eq(text, MANSIO_STR(PREFIX BODY)));
    SC_CODE(sc,
            sc->one.store->spool_read(sc->one.pool, item, strlen(PREFIX) - 2, 5, sc->arena,
                                      sc_deadline(), &text),
            0);
    SC_WANT(sc, mansio_str_eq(text, MANSIO_STR("\r\nSub")));
    SC_CODE(sc, finish(sc, "holder", item, MANSIO_SPOOL_DONE, 0, NULL), 0);
    SC_WANT(sc, claim(sc, "holder", HOUR) == NULL);
    SC_CODE(sc, finish(sc, "holder", item, MANSIO_SPOOL_DONE, 0, NULL), MANSIO_E_DENIED);
}

static void a_claim_is_one_holders(struct sc *sc)
{
    spool_one(sc);
    const struct mansio_spool_item *item = claim(sc, "first", HOUR);

    if (!is_given(sc, item)) {
        return;
    }
    SC_WANT(sc, claim(sc, "second", HOUR) == NULL);
    SC_WANT(sc, claim(sc, "first", HOUR) == NULL);
    SC_CODE(sc, finish(sc, "second", item, MANSIO_SPOOL_DONE, 0, NULL), MANSIO_E_DENIED);
    SC_CODE(
        sc,
        sc->one.store->spool_renew(sc->one.pool, sc_text("second"), &item, 1, HOUR, sc_deadline()),
        MANSIO_E_DENIED);
    SC_CODE(
        sc,
        sc->one.store->spool_renew(sc->one.pool, sc_text("first"), &item, 1, HOUR, sc_deadline()),
        0);
    SC_CODE(sc, finish(sc, "first", item, MANSIO_SPOOL_DONE, 0, NULL), 0);
}

static void what_is_put_off_comes_later(struct sc *sc)
{
    spool_one(sc);
    const struct mansio_spool_item *item = claim(sc, "holder", HOUR);
    const struct mansio_spool_item *const *items = NULL;
    int64_t later = mansio_wall_us() + HOUR;
    int64_t next_us = 0;
    size_t count = 0;

    if (!is_given(sc, item)) {
        return;
    }
    uint32_t attempts = item->attempts;
    uint64_t fence = item->fence;
    SC_CODE(sc, finish(sc, "holder", item, MANSIO_SPOOL_RETRY, later, NULL), 0);
    SC_WANT(sc, claim(sc, "holder", HOUR) == NULL);
    SC_CODE(sc,
            sc->one.store->spool_claim(sc->one.pool, sc_text("holder"), 1, HOUR, sc->arena,
                                       sc_deadline(), &items, &count, &next_us),
            0);
    SC_WANT(sc, next_us <= later);
    struct search found = look(sc, "alpha");
    SC_WANT(sc, found.item.id == item->id && found.item.fence == 0);
    SC_WANT(sc, mansio_str_eq(found.last_reply, MANSIO_STR("451 4.3.0 later")));
    SC_WANT(sc, found.item.next_us / MANSIO_SECOND == later / MANSIO_SECOND);
    SC_WANT(sc, look(sc, "").item.id == item->id && look(sc, "beta").item.id == 0);
    SC_CODE(sc, sc->one.store->spool_retry(sc->one.pool, item->id, sc_deadline()), 0);
    const struct mansio_spool_item *again = claim(sc, "holder", HOUR);
    if (is_given(sc, again)) {
        SC_WANT(sc, again->id == item->id && again->fence > fence);
        SC_WANT(sc, again->attempts == attempts + 1);
        SC_CODE(sc, sc->one.store->spool_retry(sc->one.pool, item->id, sc_deadline()),
                MANSIO_E_BUSY);
        SC_CODE(sc, sc->one.store->spool_remove(sc->one.pool, item->id, sc_deadline()),
                MANSIO_E_BUSY);
        SC_CODE(sc, finish(sc, "holder", again, MANSIO_SPOOL_DONE, 0, NULL), 0);
    }
}

/* Given back untried: nothing of it has changed but when it is due. */
static void what_is_put_back_is_as_it_was(struct sc *sc)
{
    spool_one(sc);
    const struct mansio_spool_item *item = claim(sc, "holder", HOUR);
    int64_t later = mansio_wall_us() + HOUR;

    if (!is_given(sc, item)) {
        return;
    }
    const struct mansio_spool_outcome untold = {
        .size = sizeof untold, .item = item, .verdict = MANSIO_SPOOL_PUT_BACK};
    SC_CODE(sc,
            sc->one.store->spool_finish(sc->one.pool, sc_text("holder"), &untold, 1, NULL, NULL,
                                        sc_deadline()),
            0);
    const struct mansio_spool_item *again = claim(sc, "other", HOUR);
    if (!is_given(sc, again)) {
        return;
    }
    SC_WANT(sc, again->attempts == item->attempts && again->next_us == item->next_us);
    SC_WANT(sc, again->last_reply.len == 0 && again->fence > item->fence);
    SC_CODE(sc, finish(sc, "other", again, MANSIO_SPOOL_PUT_BACK, later, NULL), 0);
    SC_WANT(sc, claim(sc, "holder", HOUR) == NULL);
    struct search found = look(sc, "alpha");
    SC_WANT(sc, found.item.attempts == item->attempts);
    SC_WANT(sc, found.item.next_us / MANSIO_SECOND == later / MANSIO_SECOND);
    SC_WANT(sc, mansio_str_eq(found.last_reply, MANSIO_STR("451 4.3.0 later")));
    SC_CODE(sc, sc->one.store->spool_remove(sc->one.pool, item->id, sc_deadline()), 0);
}

/* Items of one message with one prefix say so. */
static void items_of_one_message(struct sc *sc)
{
    static const char *const prefixes[] = {PREFIX, PREFIX, "Received: there\r\n"};
    struct mansio_plan *plan = sc_plan(sc, 0);
    const struct mansio_spool_item *const *items = NULL;
    const struct mansio_spool_item *mine[MANSIO_COUNT(prefixes)] = {NULL};
    struct mansio_str to = path(sc);
    int64_t next_us = 0;
    size_t count = 0;
    size_t n = 0;

    for (size_t i = 0; i < MANSIO_COUNT(prefixes); i++) {
        const struct mansio_plan_entry entry = {
            .action = MANSIO_PLAN_SEND, .forward_path = to, .prefix = sc_text(prefixes[i])};
        sc_plan_add(sc, plan, &sc->one, &entry);
    }
    SC_CODE(sc, sc_deliver(sc, &sc->one, plan, sc_text(BODY)), 0);
    SC_CODE(sc,
            sc->one.store->spool_claim(sc->one.pool, sc_text("holder"), 100, HOUR, sc->arena,
                                       sc_deadline(), &items, &count, &next_us),
            0);
    for (size_t i = 0; i < count && n < MANSIO_COUNT(mine); i++) {
        if (mansio_str_eq(items[i]->forward_path, to)) {
            mine[n++] = items[i];
        }
    }
    SC_WANT(sc, n == MANSIO_COUNT(mine));
    size_t same = 0;
    for (size_t i = 0; i < n; i++) {
        SC_WANT(sc, mine[i]->message_id != 0 && mine[i]->message_id == mine[0]->message_id);
        same += mine[i]->prefix_no == mine[(i + 1) % n]->prefix_no;
    }
    SC_WANT(sc, same == 1);
    for (size_t i = 0; i < n; i++) {
        SC_CODE(sc, finish(sc, "holder", mine[i], MANSIO_SPOOL_DONE, 0, NULL), 0);
    }
}

/* What comes of an item may be sent on, on behalf of its tenant; of nobody it may not. */
static void what_is_sent_for_an_item(struct sc *sc)
{
    struct mansio_plan *plan = sc_plan(sc, 0);
    const struct mansio_plan_entry on = {.size = sizeof on,
                                         .action = MANSIO_PLAN_SEND,
                                         .forward_path = MANSIO_STR("on@example.net")};

    SC_CODE(sc, mansio_plan_add(plan, &on), 0);
    SC_CODE(sc, sc_deliver(sc, &sc->one, plan, sc_text(BODY)), MANSIO_E_BUG);
    spool_one(sc);
    const struct mansio_spool_item *item = claim(sc, "holder", HOUR);
    if (!is_given(sc, item)) {
        return;
    }
    SC_CODE(sc, finish(sc, "holder", item, MANSIO_SPOOL_DONE, 0, plan), 0);
    SC_CODE(sc, sc_outcome(sc, plan, 0)->code, 0);
    SC_WANT(sc, look(sc, "").item.id == 0);
    struct search search = {.path = MANSIO_STR("on@example.net"), .sc = sc};
    SC_CODE(sc,
            sc->one.store->spool_list(sc->one.pool, sc_text("alpha"), note_item, &search,
                                      sc_deadline()),
            0);
    SC_WANT(sc, search.item.id != 0);
    SC_CODE(sc, sc->one.store->spool_remove(sc->one.pool, search.item.id, sc_deadline()), 0);
}

/* A plan that puts a bounce into an INBOX. */
static struct mansio_plan *bounce_to(struct sc *sc, const struct sc_side *side)
{
    struct mansio_plan *plan = sc_plan(sc, 0);
    const struct mansio_plan_entry entry = {.size = 0};

    sc_plan_add(sc, plan, side, &entry);
    return plan;
}

static void a_claim_that_was_lost(struct sc *sc)
{
    const struct mansio_spool_item *second = NULL;
    struct mansio_str text = MANSIO_STR_NONE;

    spool_one(sc);
    const struct mansio_spool_item *first = claim(sc, "first", MANSIO_SECOND);
    if (!is_given(sc, first)) {
        return;
    }
    for (int i = 0; i < 200 && second == NULL && !sc->failed; i++) {
        (void)mansio_fiber_sleep_until(mansio_deadline_in(50 * MANSIO_MS));
        second = claim(sc, "second", HOUR);
    }
    if (!is_given(sc, second)) {
        return;
    }
    SC_WANT(sc, second->id == first->id && second->fence > first->fence);
    struct mansio_str before = sc_dump(sc, &sc->one);
    SC_CODE(sc, finish(sc, "first", first, MANSIO_SPOOL_DONE, 0, bounce_to(sc, &sc->one)),
            MANSIO_E_DENIED);
    SC_WANT(sc, mansio_str_eq(sc_dump(sc, &sc->one), before));
    SC_CODE(
        sc,
        sc->one.store->spool_renew(sc->one.pool, sc_text("first"), &first, 1, HOUR, sc_deadline()),
        MANSIO_E_DENIED);
    SC_CODE(sc,
            sc->one.store->spool_read(sc->one.pool, first, 0, 10, sc->arena, sc_deadline(), &text),
            MANSIO_E_DENIED);
    SC_CODE(sc,
            sc->one.store->spool_read(sc->one.pool, second, 0, 10, sc->arena, sc_deadline(), &text),
            0);
    SC_CODE(sc, finish(sc, "second", second, MANSIO_SPOOL_DONE, 0, NULL), 0);
}

static void a_bounce_and_its_end_are_one(struct sc *sc)
{
    spool_one(sc);
    const struct mansio_spool_item *item = claim(sc, "holder", HOUR);
    uint64_t inbox = sc_inbox(sc, &sc->one);
    uint64_t before = sc_get(sc, &sc->one, inbox).messages;

    if (!is_given(sc, item)) {
        return;
    }
    /* The bounce can't be: so the item stays claimed. */
    sc_fill_small(sc);
    SC_CODE(sc, finish(sc, "holder", item, MANSIO_SPOOL_DONE, 0, bounce_to(sc, &sc->small)),
            MANSIO_E_LIMIT);
    SC_WANT(sc, look(sc, "alpha").item.id == item->id);
    struct mansio_plan *plan = bounce_to(sc, &sc->one);
    SC_CODE(sc, finish(sc, "holder", item, MANSIO_SPOOL_DONE, 0, plan), 0);
    SC_WANT(sc, sc_get(sc, &sc->one, inbox).messages == before + 1);
    SC_WANT(sc, sc_outcome(sc, plan, 0)->uid > 0 && look(sc, "alpha").item.id == 0);
    (void)sc_expunge(sc, &sc->small, sc_inbox(sc, &sc->small), NULL, 0, 0);
}

static void administrators_remove(struct sc *sc)
{
    spool_one(sc);
    uint64_t id = look(sc, "").item.id;

    SC_WANT(sc, id != 0);
    SC_CODE(sc, sc->one.store->spool_remove(sc->one.pool, id, sc_deadline()), 0);
    SC_CODE(sc, sc->one.store->spool_remove(sc->one.pool, id, sc_deadline()), MANSIO_E_NOT_FOUND);
    SC_CODE(sc, sc->one.store->spool_retry(sc->one.pool, id, sc_deadline()), MANSIO_E_NOT_FOUND);
    SC_WANT(sc, claim(sc, "holder", HOUR) == NULL);
}

/* Some here, some away, in one plan: one transaction. */
static void spool_and_mailbox_in_one_plan(struct sc *sc)
{
    struct mansio_plan *plan = sc_plan(sc, 0);
    const struct mansio_plan_entry here = {.size = 0};
    const struct mansio_plan_entry away = {.action = MANSIO_PLAN_SEND, .forward_path = path(sc)};

    sc_fill_small(sc);
    sc_plan_add(sc, plan, &sc->one, &away);
    sc_plan_add(sc, plan, &sc->small, &here);
    SC_CODE(sc, sc_deliver(sc, &sc->one, plan, sc_text(BODY)), MANSIO_E_LIMIT);
    SC_WANT(sc, look(sc, "").item.id == 0);
    (void)sc_expunge(sc, &sc->small, sc_inbox(sc, &sc->small), NULL, 0, 0);
    SC_CODE(sc, sc_deliver(sc, &sc->one, plan, sc_text(BODY)), 0);
    SC_WANT(sc, look(sc, "").item.id != 0 && sc_outcome(sc, plan, 1)->uid > 0);
    SC_CODE(sc, sc->one.store->spool_remove(sc->one.pool, look(sc, "").item.id, sc_deadline()), 0);
    (void)sc_expunge(sc, &sc->small, sc_inbox(sc, &sc->small), NULL, 0, 0);
}

/* Who administers sees what is in an item, claimed or not, and takes no claim by that. */
static void administrators_look(struct sc *sc)
{
    struct mansio_str whole = MANSIO_STR_NONE;
    struct mansio_str part = MANSIO_STR_NONE;
    struct mansio_str claimed = MANSIO_STR_NONE;
    const struct mansio_store *store = sc->one.store;

    spool_one(sc);
    uint64_t id = look(sc, "").item.id;
    SC_CODE(sc, store->spool_look(sc->one.pool, id, 0, 4096, sc->arena, sc_deadline(), &whole), 0);
    SC_WANT(sc, whole.len == look(sc, "").item.message_bytes);
    SC_WANT(sc, mansio_str_starts(whole, sc_text(PREFIX)) && mansio_str_ends(whole, sc_text(BODY)));
    SC_CODE(sc, store->spool_look(sc->one.pool, id, 3, 5, sc->arena, sc_deadline(), &part), 0);
    SC_WANT(sc, mansio_str_eq(part, mansio_str_sub(whole, 3, 5)));
    const struct mansio_spool_item *item = claim(sc, "holder", HOUR);
    if (!is_given(sc, item)) {
        return;
    }
    SC_CODE(sc, store->spool_look(sc->one.pool, id, 0, 4096, sc->arena, sc_deadline(), &claimed),
            0);
    SC_WANT(sc, mansio_str_eq(claimed, whole));
    SC_CODE(sc, finish(sc, "holder", item, MANSIO_SPOOL_DONE, 0, NULL), 0);
    SC_CODE(sc, store->spool_look(sc->one.pool, id, 0, 1, sc->arena, sc_deadline(), &part),
            MANSIO_E_NOT_FOUND);
}

/* What administrators do to an item that nobody is trying. */
static void held_and_given_up(struct sc *sc)
{
    const struct mansio_store *store = sc->one.store;

    spool_one(sc);
    uint64_t id = look(sc, "").item.id;
    SC_CODE(sc, store->spool_change(sc->one.pool, id, MANSIO_SPOOL_HOLD, sc_deadline()), 0);
    SC_WANT(sc, look(sc, "").item.next_us == INT64_MAX);
    SC_WANT(sc, claim(sc, "holder", HOUR) == NULL);
    SC_CODE(sc, store->spool_retry(sc->one.pool, id, sc_deadline()), 0);
    SC_CODE(sc, store->spool_change(sc->one.pool, id, MANSIO_SPOOL_HOLD, sc_deadline()), 0);
    SC_CODE(sc, store->spool_change(sc->one.pool, id, MANSIO_SPOOL_GIVE_UP, sc_deadline()), 0);
    SC_CODE(sc, store->spool_change(sc->one.pool, id, 3, sc_deadline()), MANSIO_E_INVALID);
    const struct mansio_spool_item *item = claim(sc, "holder", HOUR);
    if (!is_given(sc, item)) {
        return;
    }
    SC_WANT(sc, item->flags == (MANSIO_PLAN_8BIT | MANSIO_SPOOL_GIVEN_UP));
    SC_CODE(sc, store->spool_change(sc->one.pool, id, MANSIO_SPOOL_HOLD, sc_deadline()),
            MANSIO_E_BUSY);
    SC_CODE(sc, finish(sc, "holder", item, MANSIO_SPOOL_DONE, 0, NULL), 0);
    SC_CODE(sc, store->spool_change(sc->one.pool, id, MANSIO_SPOOL_HOLD, sc_deadline()),
            MANSIO_E_NOT_FOUND);
}

static const struct sc_case cases[] = {
    {"held_and_given_up", held_and_given_up, 1},
    {"what_is_sent_is_claimed_and_read", what_is_sent_is_claimed_and_read, 1},
    {"a_claim_is_one_holders", a_claim_is_one_holders, 1},
    {"what_is_put_off_comes_later", what_is_put_off_comes_later, 1},
    {"what_is_put_back_is_as_it_was", what_is_put_back_is_as_it_was, 1},
    {"items_of_one_message", items_of_one_message, 1},
    {"what_is_sent_for_an_item", what_is_sent_for_an_item, 1},
    {"a_claim_that_was_lost", a_claim_that_was_lost, 1},
    {"a_bounce_and_its_end_are_one", a_bounce_and_its_end_are_one, 1},
    {"administrators_remove", administrators_remove, 1},
    {"administrators_look", administrators_look, 1},
    {"spool_and_mailbox_in_one_plan", spool_and_mailbox_in_one_plan, 1},
};
const struct sc_cases sc_spool = {cases, MANSIO_COUNT(cases)};
