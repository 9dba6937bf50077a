/*
 * Cases of modseqs and the change log: strictly growing in an account, and what changed since is
 * told exactly.
 */
#include "store_conformance.h"

#include <string.h>

#define ONE "Subject: one\r\n\r\nfirst\r\n"

struct log {
    struct sc *sc;
    size_t count;
    struct mansio_change changes[64];
};

static int note_change(void *arg, const struct mansio_change *change)
{
    struct log *log = arg;

    if (log->count > 0) {
        SC_WANT(log->sc, change->modseq >= log->changes[(log->count - 1) % 64].modseq);
    }
    if (log->count < MANSIO_COUNT(log->changes)) {
        log->changes[log->count++] = *change;
    }
    return 0;
}

static struct log *changes_since(struct sc *sc, uint64_t collection, uint64_t since)
{
    struct log *log = mansio_arena_alloc(sc->arena, sizeof *log);

    log->sc = sc;
    SC_CODE(sc,
            sc->one.store->changes(SC_SIDE(sc->one), collection, since, note_change, log,
                                   sc_deadline()),
            0);
    for (size_t i = 0; i < log->count; i++) {
        SC_WANT(sc, log->changes[i].modseq > since);
    }
    return log;
}

static size_t count_of(const struct log *log, uint32_t kind, uint64_t collection, uint32_t uid)
{
    size_t count = 0;

    for (size_t i = 0; i < log->count; i++) {
        count += log->changes[i].kind == kind && log->changes[i].collection_id == collection &&
                 log->changes[i].uid == uid;
    }
    return count;
}

/* Each step that changes something raises the account's modseq; what only looks doesn't. */
static void modseq_grows_with_every_change(struct sc *sc)
{
    uint64_t modseq = sc_modseq(sc, &sc->one);
    uint64_t others = sc_modseq(sc, &sc->two);
    uint64_t foreign = sc_modseq(sc, &sc->foreign);
    uint64_t id = 0;
    uint64_t to = 0;
    uint32_t uid = 0;

    for (int step = 0; step < 9 && !sc->failed; step++) {
        const uint32_t range[] = {uid, uid};
        switch (step) {
        case 0:
            id = sc_create(sc, &sc->one, "Grows");
            break;
        case 1:
            to = sc_create(sc, &sc->one, "Elsewhere");
            break;
        case 2:
            uid = sc_append(sc, &sc->one, id, ONE);
            break;
        case 3:
            sc_flag(sc, &sc->one, id, uid, MANSIO_FLAG_SEEN);
            break;
        case 4:
            SC_CODE(sc,
                    sc->one.store->message_copy(SC_SIDE(sc->one), id, range, 1, to, 0, NULL, NULL,
                                                sc_deadline(), NULL),
                    0);
            break;
        case 5:
            SC_CODE(sc,
                    sc->one.store->message_copy(SC_SIDE(sc->one), id, range, 1, to, 1, NULL, NULL,
                                                sc_deadline(), NULL),
                    0);
            break;
        case 6:
            (void)sc_expunge(sc, &sc->one, to, NULL, 0, 0);
            break;
        case 7:
            SC_CODE(sc,
                    sc->one.store->collection_rename(SC_SIDE(sc->one), to, sc_name(sc, "Now"),
                                                     sc_deadline()),
                    0);
            break;
        default:
            SC_CODE(sc, sc->one.store->collection_remove(SC_SIDE(sc->one), to, sc_deadline()), 0);
            break;
        }
        uint64_t now = sc_modseq(sc, &sc->one);
        if (now <= modseq) {
            sc_fail(sc, __FILE__, __LINE__, "step %d: modseq %llu, was %llu", step,
                    (unsigned long long)now, (unsigned long long)modseq);
        }
        modseq = now;
    }
    (void)sc_all(sc, &sc->one, id);
    SC_WANT(sc, sc_modseq(sc, &sc->one) == modseq);
    SC_WANT(sc, sc_get(sc, &sc->one, id).modseq <= modseq);
    SC_WANT(sc, sc_modseq(sc, &sc->two) == others && sc_modseq(sc, &sc->foreign) == foreign);
}

static void messages_that_came_and_went(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Log");
    uint64_t quiet = sc_create(sc, &sc->one, "Quiet");
    uint32_t uids[5];

    for (size_t i = 0; i < 4; i++) {
        uids[i] = sc_append(sc, &sc->one, id, ONE);
    }
    (void)sc_append(sc, &sc->one, quiet, ONE);
    uint64_t since = sc_modseq(sc, &sc->one);
    SC_WANT(sc, changes_since(sc, 0, since)->count == 0);
    uint64_t message_id = sc_message(sc, &sc->one, id, uids[1])->message_id;
    const uint32_t second[] = {uids[1], uids[1]};
    sc_flag(sc, &sc->one, id, uids[0], MANSIO_FLAG_SEEN);
    sc_flag(sc, &sc->one, id, uids[0], MANSIO_FLAG_FLAGGED);
    (void)sc_expunge(sc, &sc->one, id, second, 1, 0);
    uids[4] = sc_append(sc, &sc->one, id, ONE);
    const struct log *log = changes_since(sc, 0, since);
    SC_WANT(sc, log->count == 3);
    SC_WANT(sc, count_of(log, MANSIO_CHANGE_MESSAGE, id, uids[0]) == 1);
    SC_WANT(sc, count_of(log, MANSIO_CHANGE_MESSAGE_REMOVED, id, uids[1]) == 1);
    SC_WANT(sc, count_of(log, MANSIO_CHANGE_MESSAGE, id, uids[4]) == 1);
    for (size_t i = 0; i < log->count; i++) {
        const struct mansio_change *change = &log->changes[i];
        SC_WANT(sc, change->kind != MANSIO_CHANGE_MESSAGE_REMOVED || change->message_id == 0 ||
                        change->message_id == message_id);
        SC_WANT(sc, change->kind != MANSIO_CHANGE_MESSAGE ||
                        change->modseq == sc_message(sc, &sc->one, id, change->uid)->modseq);
    }
    SC_WANT(sc, changes_since(sc, id, since)->count == 3);
    SC_WANT(sc, changes_since(sc, quiet, since)->count == 0);
    /* From the middle on: what came after it alone. */
    uint64_t middle = sc_message(sc, &sc->one, id, uids[0])->modseq;
    log = changes_since(sc, id, middle);
    SC_WANT(sc, log->count == 2 && count_of(log, MANSIO_CHANGE_MESSAGE, id, uids[0]) == 0);
    /* All that is there, and nothing of what was. */
    log = changes_since(sc, id, 0);
    SC_WANT(sc, log->count == 5 && count_of(log, MANSIO_CHANGE_COLLECTION, id, 0) == 1);
    SC_WANT(sc, count_of(log, MANSIO_CHANGE_MESSAGE_REMOVED, id, uids[1]) == 0);
    SC_CODE(sc,
            sc->one.store->changes(SC_SIDE(sc->one), UINT64_C(987654321987), since, note_change,
                                   changes_since(sc, id, since), sc_deadline()),
            MANSIO_E_NOT_FOUND);
}

static void moves_leave_a_tombstone(struct sc *sc)
{
    uint64_t from = sc_create(sc, &sc->one, "From");
    uint64_t to = sc_create(sc, &sc->one, "To");
    uint32_t uid = sc_append(sc, &sc->one, from, ONE);
    uint64_t since = sc_modseq(sc, &sc->one);

    SC_CODE(sc,
            sc->one.store->message_copy(SC_SIDE(sc->one), from, NULL, 0, to, 1, NULL, NULL,
                                        sc_deadline(), NULL),
            0);
    const struct sc_list *list = sc_all(sc, &sc->one, to);
    const struct log *log = changes_since(sc, 0, since);
    SC_WANT(sc, list->count == 1 && log->count == 2);
    SC_WANT(sc, count_of(log, MANSIO_CHANGE_MESSAGE_REMOVED, from, uid) == 1);
    SC_WANT(sc, count_of(log, MANSIO_CHANGE_MESSAGE, to, list->messages[0].uid) == 1);
}

static void collections_that_came_and_went(struct sc *sc)
{
    uint64_t renamed = sc_create(sc, &sc->one, "Renamed");
    uint64_t removed = sc_create(sc, &sc->one, "Removed");
    uint64_t subscribed = sc_create(sc, &sc->one, "Subscribed");
    (void)sc_append(sc, &sc->one, removed, ONE);
    uint64_t since = sc_modseq(sc, &sc->one);

    SC_CODE(sc,
            sc->one.store->collection_rename(SC_SIDE(sc->one), renamed, sc_name(sc, "Named"),
                                             sc_deadline()),
            0);
    SC_CODE(sc, sc->one.store->collection_remove(SC_SIDE(sc->one), removed, sc_deadline()), 0);
    SC_CODE(sc,
            sc->one.store->subscribe(SC_SIDE(sc->one), sc_name(sc, "Subscribed"), 1, sc_deadline()),
            0);
    uint64_t made = sc_create(sc, &sc->one, "Made");
    const struct log *log = changes_since(sc, 0, since);
    SC_WANT(sc, count_of(log, MANSIO_CHANGE_COLLECTION, renamed, 0) == 1);
    SC_WANT(sc, count_of(log, MANSIO_CHANGE_COLLECTION, made, 0) == 1);
    SC_WANT(sc, count_of(log, MANSIO_CHANGE_COLLECTION, subscribed, 0) == 1);
    SC_WANT(sc, count_of(log, MANSIO_CHANGE_COLLECTION_REMOVED, removed, 0) == 1);
    SC_WANT(sc, count_of(log, MANSIO_CHANGE_COLLECTION, removed, 0) == 0);
    for (size_t i = 0; i < log->count; i++) { /* its messages may be told of, or not */
        const struct mansio_change *change = &log->changes[i];
        SC_WANT(sc, change->kind != MANSIO_CHANGE_MESSAGE);
        SC_WANT(sc,
                change->kind != MANSIO_CHANGE_MESSAGE_REMOVED || change->collection_id == removed);
        SC_WANT(sc, change->collection_id == renamed || change->collection_id == removed ||
                        change->collection_id == subscribed || change->collection_id == made);
    }
    SC_CODE(sc,
            sc->one.store->changes(SC_SIDE(sc->one), removed, since, note_change,
                                   changes_since(sc, made, 0), sc_deadline()),
            MANSIO_E_NOT_FOUND);
    SC_CODE(sc,
            sc->one.store->subscribe(SC_SIDE(sc->one), sc_name(sc, "Subscribed"), 0, sc_deadline()),
            0);
}

static const struct sc_case cases[] = {
    {"modseq_grows_with_every_change", modseq_grows_with_every_change, 0},
    {"messages_that_came_and_went", messages_that_came_and_went, 0},
    {"moves_leave_a_tombstone", moves_leave_a_tombstone, 0},
    {"collections_that_came_and_went", collections_that_came_and_went, 0},
};
const struct sc_cases sc_changes = {cases, MANSIO_COUNT(cases)};
