/*
 * Cases of plans: many recipients, two tenants, quota, collections that aren't there.
 */
#include "store_conformance.h"

#include <string.h>

#define BODY   "Subject: delivered\r\n\r\nall of it\r\n"
#define REPORT "Subject: report\r\n\r\nit was delivered\r\n"

static uint64_t messages_in(struct sc *sc, const struct sc_side *side, uint64_t id)
{
    return sc_get(sc, side, id).messages;
}

static void several_recipients_of_two_tenants(struct sc *sc)
{
    const struct sc_side *sides[] = {&sc->one, &sc->two, &sc->foreign};
    static const char *const prefixes[] = {"X-To: one\r\n", "X-To: two, who is longer\r\n", ""};
    struct mansio_plan *plan = sc_plan(sc, 0);
    uint32_t next[3];

    for (size_t i = 0; i < MANSIO_COUNT(sides); i++) {
        const struct mansio_plan_entry entry = {
            .prefix = sc_text(prefixes[i]),
            .flags = i == 1 ? MANSIO_FLAG_FLAGGED : 0,
            .keywords = sc_text(i == 1 ? "$Label1 mine" : ""),
        };
        next[i] = sc_get(sc, sides[i], sc_inbox(sc, sides[i])).uid_next;
        sc_plan_add(sc, plan, sides[i], &entry);
    }
    SC_CODE(sc, sc_deliver(sc, &sc->one, plan, sc_text(BODY)), 0);
    for (size_t i = 0; i < MANSIO_COUNT(sides) && !sc->failed; i++) {
        const struct mansio_plan_outcome *outcome = sc_outcome(sc, plan, i);
        uint64_t inbox = sc_inbox(sc, sides[i]);
        SC_WANT(sc, outcome->code == 0 && outcome->collection_id == inbox);
        SC_WANT(sc, outcome->uid >= next[i]);
        const struct mansio_message *message = sc_message(sc, sides[i], inbox, outcome->uid);
        SC_WANT(sc, message->received_us == INT64_C(1600000000000000));
        SC_WANT(sc, message->body_bytes == strlen(BODY));
        SC_WANT(sc, message->prefix_bytes == strlen(prefixes[i]));
        SC_WANT(sc, message->flags == (i == 1 ? MANSIO_FLAG_FLAGGED : 0U));
        SC_WANT(sc, message->keywords.len == strlen(i == 1 ? "$Label1 mine" : ""));
        struct mansio_str text = sc_read(sc, sides[i], inbox, outcome->uid, 11);
        SC_WANT(sc, text.len == strlen(prefixes[i]) + strlen(BODY));
        SC_WANT(sc, mansio_str_starts(text, sc_text(prefixes[i])) &&
                        mansio_str_ends(text, sc_text(BODY)));
    }
}

/* Kept in one mailbox and copied to another: two entries of one recipient. */
static void one_recipient_twice(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Second");
    struct mansio_plan *plan = sc_plan(sc, 0);
    struct mansio_plan_entry entry = {
        .size = sizeof entry, .action = MANSIO_PLAN_DELIVER, .account = sc->one.account};

    SC_CODE(sc, mansio_plan_add(plan, &entry), 0);
    entry.collection = sc_name(sc, "Second");
    SC_CODE(sc, mansio_plan_add(plan, &entry), 1);
    SC_CODE(sc, sc_deliver(sc, &sc->one, plan, sc_text(BODY)), 0);
    SC_WANT(sc, sc_outcome(sc, plan, 0)->collection_id == sc_inbox(sc, &sc->one));
    SC_WANT(sc, sc_outcome(sc, plan, 1)->collection_id == id);
    SC_WANT(sc, messages_in(sc, &sc->one, id) == 1);
}

static uint64_t deliver_to(struct sc *sc, struct mansio_str name, uint32_t is_creating)
{
    struct mansio_plan *plan = sc_plan(sc, 0);
    const struct mansio_plan_entry entry = {.collection = name, .is_creating = is_creating};

    sc_plan_add(sc, plan, &sc->one, &entry);
    SC_CODE(sc, sc_deliver(sc, &sc->one, plan, sc_text(BODY)), 0);
    SC_CODE(sc, sc_outcome(sc, plan, 0)->code, 0);
    SC_WANT(sc, sc_outcome(sc, plan, 0)->uid > 0);
    return sc_outcome(sc, plan, 0)->collection_id;
}

static void collections_that_are_not_there(struct sc *sc)
{
    uint64_t inbox = sc_inbox(sc, &sc->one);
    struct mansio_collection found = {.size = sizeof found};

    SC_WANT(sc, deliver_to(sc, MANSIO_STR(""), 0) == inbox);
    SC_WANT(sc, deliver_to(sc, MANSIO_STR("inbox"), 0) == inbox);
    SC_WANT(sc, deliver_to(sc, sc_name(sc, "Absent"), 0) == inbox);
    SC_CODE(sc,
            sc->one.store->collection_find(SC_SIDE(sc->one), sc_name(sc, "Absent"), sc->arena,
                                           sc_deadline(), &found),
            MANSIO_E_NOT_FOUND);
    uint64_t made = deliver_to(sc, sc_name(sc, "Made/here"), 1);
    SC_WANT(sc, made != inbox);
    SC_WANT(sc, mansio_str_eq(sc_get(sc, &sc->one, made).name, sc_name(sc, "Made/here")));
    SC_WANT(sc, deliver_to(sc, sc_name(sc, "Made/here"), 1) == made);
    SC_WANT(sc, deliver_to(sc, sc_name(sc, "Made/here"), 0) == made);
    SC_WANT(sc, messages_in(sc, &sc->one, made) == 3);
}

static void quarantine_makes_a_place(struct sc *sc)
{
    uint64_t old = sc_special(sc, &sc->two, MANSIO_SPECIAL_JUNK);
    uint64_t ids[2] = {0, 0};

    if (old != 0) {
        SC_CODE(sc, sc->two.store->collection_remove(SC_SIDE(sc->two), old, sc_deadline()), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        struct mansio_plan *plan = sc_plan(sc, 0);
        const struct mansio_plan_entry entry = {.action = MANSIO_PLAN_QUARANTINE};
        sc_plan_add(sc, plan, &sc->two, &entry);
        SC_CODE(sc, sc_deliver(sc, &sc->two, plan, sc_text(BODY)), 0);
        ids[i] = sc_outcome(sc, plan, 0)->collection_id;
    }
    SC_WANT(sc, ids[0] != 0 && ids[0] == ids[1]);
    SC_WANT(sc, sc_get(sc, &sc->two, ids[0]).special_use == MANSIO_SPECIAL_JUNK);
    SC_WANT(sc, messages_in(sc, &sc->two, ids[0]) == 2);
}

/* A plan for one, the small account, and two. */
static struct mansio_plan *plan_of_three(struct sc *sc, uint32_t flags)
{
    const struct mansio_plan_entry entry = {.size = 0};
    struct mansio_plan *plan = sc_plan(sc, flags);

    sc_plan_add(sc, plan, &sc->one, &entry);
    sc_plan_add(sc, plan, &sc->small, &entry);
    sc_plan_add(sc, plan, &sc->foreign, &entry);
    return plan;
}

static void over_quota_fails_all(struct sc *sc)
{
    sc_fill_small(sc);
    struct mansio_str one = sc_dump(sc, &sc->one);
    struct mansio_str small = sc_dump(sc, &sc->small);
    struct mansio_str foreign = sc_dump(sc, &sc->foreign);

    SC_CODE(sc, sc_deliver(sc, &sc->one, plan_of_three(sc, 0), sc_text(BODY)), MANSIO_E_LIMIT);
    SC_WANT(sc, mansio_str_eq(sc_dump(sc, &sc->one), one));
    SC_WANT(sc, mansio_str_eq(sc_dump(sc, &sc->small), small));
    SC_WANT(sc, mansio_str_eq(sc_dump(sc, &sc->foreign), foreign));
}

/* RFC 2033 4.2 */
static void over_quota_fails_one_of_each(struct sc *sc)
{
    struct mansio_plan *plan = plan_of_three(sc, MANSIO_PLAN_EACH);

    sc_fill_small(sc);
    uint64_t one = messages_in(sc, &sc->one, sc_inbox(sc, &sc->one));
    uint64_t foreign = messages_in(sc, &sc->foreign, sc_inbox(sc, &sc->foreign));
    SC_CODE(sc, sc_deliver(sc, &sc->one, plan, sc_text(BODY)), 0);
    SC_CODE(sc, sc_outcome(sc, plan, 0)->code, 0);
    SC_CODE(sc, sc_outcome(sc, plan, 1)->code, MANSIO_E_LIMIT);
    SC_CODE(sc, sc_outcome(sc, plan, 2)->code, 0);
    SC_WANT(sc, messages_in(sc, &sc->one, sc_inbox(sc, &sc->one)) == one + 1);
    SC_WANT(sc, messages_in(sc, &sc->foreign, sc_inbox(sc, &sc->foreign)) == foreign + 1);
    SC_WANT(sc, messages_in(sc, &sc->small, sc_inbox(sc, &sc->small)) == 3);
}

static void accepted_passes_quota(struct sc *sc)
{
    struct mansio_plan *plan = plan_of_three(sc, MANSIO_PLAN_ACCEPTED);

    sc_fill_small(sc);
    SC_CODE(sc, sc_deliver(sc, &sc->one, plan, sc_text(BODY)), 0);
    SC_CODE(sc, sc_outcome(sc, plan, 1)->code, 0);
    SC_WANT(sc, messages_in(sc, &sc->small, sc_inbox(sc, &sc->small)) == 4);
    (void)sc_expunge(sc, &sc->small, sc_inbox(sc, &sc->small), NULL, 0, 0);
}

static void may_deliver_tells_before(struct sc *sc)
{
    SC_CODE(sc, sc->one.store->may_deliver(SC_SIDE(sc->one), 1000, sc_deadline()), 0);
    /* A hint: but a message larger than all of the quota never is within it. */
    SC_CODE(sc, sc->small.store->may_deliver(SC_SIDE(sc->small), 100001, sc_deadline()),
            MANSIO_E_LIMIT);
}

static void rejected_and_discarded_are_passed_over(struct sc *sc)
{
    struct mansio_plan *plan = sc_plan(sc, 0);
    const struct mansio_plan_entry reject = {.action = MANSIO_PLAN_REJECT,
                                             .reply = MANSIO_STR("550 5.7.1 no")};
    const struct mansio_plan_entry discard = {.action = MANSIO_PLAN_DISCARD};
    struct mansio_str before = sc_dump(sc, &sc->one);
    struct mansio_str two = sc_dump(sc, &sc->two);

    sc_plan_add(sc, plan, &sc->one, &reject);
    sc_plan_add(sc, plan, &sc->two, &discard);
    SC_CODE(sc, sc_deliver(sc, &sc->one, plan, sc_text(BODY)), 0);
    SC_WANT(sc, mansio_str_eq(sc_dump(sc, &sc->one), before));
    SC_WANT(sc, mansio_str_eq(sc_dump(sc, &sc->two), two));
}

static void an_account_that_is_gone(struct sc *sc)
{
    const struct mansio_plan_entry entry = {.size = 0};
    struct mansio_usage usage = {.size = sizeof usage};

    if (sc->gone.account == NULL) {
        sc_fail(sc, __FILE__, __LINE__, "say HOLD, and remove the account, before");
        return;
    }
    for (int is_each = 0; is_each < 2; is_each++) {
        struct mansio_plan *plan = sc_plan(sc, is_each ? MANSIO_PLAN_EACH : 0);
        uint64_t before = messages_in(sc, &sc->one, sc_inbox(sc, &sc->one));
        sc_plan_add(sc, plan, &sc->gone, &entry);
        sc_plan_add(sc, plan, &sc->one, &entry);
        SC_CODE(sc, sc_deliver(sc, &sc->one, plan, sc_text(BODY)),
                is_each ? 0 : MANSIO_E_NOT_FOUND);
        uint64_t after = messages_in(sc, &sc->one, sc_inbox(sc, &sc->one));
        SC_WANT(sc, after == before + (is_each ? 1 : 0));
        if (is_each) {
            SC_CODE(sc, sc_outcome(sc, plan, 0)->code, MANSIO_E_NOT_FOUND);
            SC_CODE(sc, sc_outcome(sc, plan, 1)->code, 0);
        }
    }
    SC_CODE(sc, sc->gone.store->usage(SC_SIDE(sc->gone), sc_deadline(), &usage),
            MANSIO_E_NOT_FOUND);
    /* A hint, that may be of some seconds ago. */
    int hint = sc->gone.store->may_deliver(SC_SIDE(sc->gone), 1, sc_deadline());
    SC_WANT(sc, hint == 0 || hint == MANSIO_E_NOT_FOUND);
}

static void a_big_delivery_is_exact(struct sc *sc)
{
    struct mansio_str noise = sc_noise(sc, (3 << 20) + 17, 0);
    struct mansio_plan *plan = sc_plan(sc, 0);
    const struct mansio_plan_entry entry = {.prefix = MANSIO_STR("X-P: q\r\n")};
    const struct sc_side *sides[] = {&sc->one, &sc->two, &sc->foreign};

    for (size_t i = 0; i < MANSIO_COUNT(sides); i++) {
        sc_plan_add(sc, plan, sides[i], &entry);
    }
    SC_CODE(sc, sc_deliver(sc, &sc->one, plan, noise), 0);
    for (size_t i = 0; i < MANSIO_COUNT(sides) && !sc->failed; i++) {
        struct mansio_str read =
            sc_read(sc, sides[i], sc_inbox(sc, sides[i]), sc_outcome(sc, plan, i)->uid, 300007);
        SC_WANT(sc, read.len == noise.len + 8);
        SC_WANT(sc, mansio_str_ends(read, noise));
    }
}

/* ---- what is committed together ---- */

static int deliver_both(struct sc *sc, struct mansio_plan *plan, struct mansio_str bytes,
                        struct mansio_plan *report)
{
    const struct mansio_delivery deliveries[] = {
        {.size = sizeof *deliveries, .plan = plan, .content = sc_content(sc, bytes)},
        {.size = sizeof *deliveries, .plan = report, .content = sc_content(sc, sc_text(REPORT))},
    };

    return sc->one.store->deliver_together(sc->one.pool, deliveries, 2, sc_deadline());
}

/* A plan for one account. */
static struct mansio_plan *plan_of_one(struct sc *sc, const struct sc_side *side, uint32_t flags)
{
    const struct mansio_plan_entry entry = {.prefix = MANSIO_STR("X-P: q\r\n")};
    struct mansio_plan *plan = sc_plan(sc, flags);

    sc_plan_add(sc, plan, side, &entry);
    return plan;
}

/* RFC 3461 5.2.1: success is told of what was delivered, and of nothing else. */
static void a_report_stands_with_what_it_tells_of(struct sc *sc)
{
    const struct sc_side *sides[] = {&sc->one, &sc->two, &sc->small, &sc->foreign};
    struct mansio_str before[MANSIO_COUNT(sides)];

    sc_fill_small(sc);
    for (size_t i = 0; i < MANSIO_COUNT(sides); i++) {
        before[i] = sc_dump(sc, sides[i]);
    }
    SC_CODE(sc, deliver_both(sc, plan_of_three(sc, 0), sc_text(BODY), plan_of_one(sc, &sc->two, 0)),
            MANSIO_E_LIMIT);
    SC_CODE(sc,
            deliver_both(sc, plan_of_one(sc, &sc->small, 0), sc_text(BODY),
                         plan_of_one(sc, &sc->two, 0)),
            MANSIO_E_LIMIT);
    SC_CODE(sc,
            deliver_both(sc, plan_of_one(sc, &sc->foreign, 0), sc_text(BODY),
                         plan_of_one(sc, &sc->small, 0)),
            MANSIO_E_LIMIT);
    SC_CODE(sc,
            deliver_both(sc, plan_of_one(sc, &sc->one, MANSIO_PLAN_EACH), sc_text(BODY),
                         plan_of_one(sc, &sc->two, 0)),
            MANSIO_E_INVALID);
    SC_CODE(sc, sc->one.store->deliver_together(sc->one.pool, NULL, 0, sc_deadline()),
            MANSIO_E_INVALID);
    for (size_t i = 0; i < MANSIO_COUNT(sides) && !sc->failed; i++) {
        SC_WANT(sc, mansio_str_eq(sc_dump(sc, sides[i]), before[i]));
    }
}

/* The only entry of a plan, read back. */
static void reads_as(struct sc *sc, const struct sc_side *side, struct mansio_plan *plan,
                     struct mansio_str bytes)
{
    const struct mansio_plan_outcome *outcome = sc_outcome(sc, plan, 0);

    SC_WANT(sc, outcome->code == 0 && outcome->collection_id == sc_inbox(sc, side));
    struct mansio_str read = sc_read(sc, side, sc_inbox(sc, side), outcome->uid, 300007);
    SC_WANT(sc, read.len == bytes.len + strlen("X-P: q\r\n"));
    SC_WANT(sc, mansio_str_ends(read, bytes));
}

/* Each message is its plan's, whosever mailboxes they are and however large; quota counts both. */
static void a_report_and_its_cause_are_two_messages(struct sc *sc)
{
    struct mansio_str noise = sc_noise(sc, (3 << 20) + 17, 0);
    const struct sc_side *senders[] = {&sc->one, &sc->two, &sc->foreign};

    for (size_t i = 0; i < 2 * MANSIO_COUNT(senders) && !sc->failed; i++) {
        const struct sc_side *sender = senders[i / 2];
        struct mansio_str bytes = i % 2 == 0 ? sc_text(BODY) : noise;
        struct mansio_plan *plan = plan_of_one(sc, &sc->one, MANSIO_PLAN_ACCEPTED);
        struct mansio_plan *report = plan_of_one(sc, sender, MANSIO_PLAN_ACCEPTED);
        SC_CODE(sc, deliver_both(sc, plan, bytes, report), 0);
        reads_as(sc, &sc->one, plan, bytes);
        reads_as(sc, sender, report, sc_text(REPORT));
    }
    sc_fill_small(sc);
    uint64_t inbox = sc_inbox(sc, &sc->small);
    struct sc_list *list = sc_all(sc, &sc->small, inbox);
    SC_WANT(sc, list->count == 3);
    const uint32_t first[2] = {list->messages[0].uid, list->messages[0].uid};
    (void)sc_expunge(sc, &sc->small, inbox, first, 1, 0);
    SC_CODE(sc,
            deliver_both(sc, plan_of_one(sc, &sc->small, 0), sc_text(BODY),
                         plan_of_one(sc, &sc->small, 0)),
            MANSIO_E_LIMIT);
    SC_WANT(sc, messages_in(sc, &sc->small, inbox) == 2);
}

static const struct sc_case cases[] = {
    {"several_recipients_of_two_tenants", several_recipients_of_two_tenants, 0},
    {"one_recipient_twice", one_recipient_twice, 0},
    {"collections_that_are_not_there", collections_that_are_not_there, 0},
    {"quarantine_makes_a_place", quarantine_makes_a_place, 0},
    {"over_quota_fails_all", over_quota_fails_all, 0},
    {"over_quota_fails_one_of_each", over_quota_fails_one_of_each, 0},
    {"accepted_passes_quota", accepted_passes_quota, 0},
    {"may_deliver_tells_before", may_deliver_tells_before, 0},
    {"rejected_and_discarded_are_passed_over", rejected_and_discarded_are_passed_over, 0},
    {"an_account_that_is_gone", an_account_that_is_gone, 0},
    {"a_big_delivery_is_exact", a_big_delivery_is_exact, 0},
    {"a_report_stands_with_what_it_tells_of", a_report_stands_with_what_it_tells_of, 0},
    {"a_report_and_its_cause_are_two_messages", a_report_and_its_cause_are_two_messages, 0},
};
const struct sc_cases sc_deliveries = {cases, MANSIO_COUNT(cases)};
