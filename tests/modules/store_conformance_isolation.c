/*
 * Cases of isolation: every id that another account or tenant has, tried with one's own handle,
 * is not found, as one that doesn't exist is not; and nothing has changed there.
 */
#include "store_conformance.h"

#include <string.h>

#define ONE "Subject: secret\r\n\r\nnobody else's\r\n"

static int pass_collection(void *arg, const struct mansio_collection *collection)
{
    (void)arg, (void)collection;
    return 0;
}

static int pass_message(void *arg, const struct mansio_message *message)
{
    (void)arg, (void)message;
    return 0;
}

static int pass_found(void *arg, uint32_t uid, uint32_t is_certain)
{
    (void)arg, (void)uid, (void)is_certain;
    return 0;
}

static int pass_change(void *arg, const struct mansio_change *change)
{
    (void)arg, (void)change;
    return 0;
}

/* Every function that takes the id of a collection, with one that isn't ours. */
static void try_collection(struct sc *sc, uint64_t id, uint32_t uid, uint64_t own)
{
    const struct mansio_store *store = sc->one.store;
    const uint32_t range[] = {uid, uid};
    struct mansio_collection collection = {.size = sizeof collection};
    const struct mansio_message_query query = {.size = sizeof query};
    const struct mansio_flag_change change = {.size = sizeof change,
                                              .operation = MANSIO_FLAGS_REPLACE,
                                              .flags = MANSIO_FLAG_DELETED,
                                              .unchanged_since = UINT64_MAX};
    struct mansio_append append = {.size = sizeof append,
                                   .content = sc_content(sc, sc_text("a: b\r\n\r\n"))};
    struct mansio_str text = MANSIO_STR_NONE;
    uint32_t from = 0;

    SC_CODE(sc, store->collection_get(SC_SIDE(sc->one), id, sc->arena, sc_deadline(), &collection),
            MANSIO_E_NOT_FOUND);
    SC_CODE(sc, store->collection_rename(SC_SIDE(sc->one), id, sc_name(sc, "mine"), sc_deadline()),
            MANSIO_E_NOT_FOUND);
    SC_CODE(sc, store->recent_claim(SC_SIDE(sc->one), id, sc_deadline(), &from),
            MANSIO_E_NOT_FOUND);
    SC_CODE(sc,
            store->message_list(SC_SIDE(sc->one), id, &query, pass_message, NULL, sc_deadline()),
            MANSIO_E_NOT_FOUND);
    SC_CODE(sc,
            store->message_read(SC_SIDE(sc->one), id, uid, 0, 100, sc->arena, sc_deadline(), &text),
            MANSIO_E_NOT_FOUND);
    SC_CODE(sc, store->message_text(SC_SIDE(sc->one), id, uid, sc->arena, sc_deadline(), &text),
            MANSIO_E_NOT_FOUND);
    if (store->message_search != NULL) {
        const struct mansio_search_key key = {
            .size = sizeof key, .where = MANSIO_SEARCH_TEXT, .needle = MANSIO_STR("secret")};
        SC_CODE(sc,
                store->message_search(SC_SIDE(sc->one), id, NULL, 0, &key, pass_found, NULL,
                                      sc_deadline()),
                MANSIO_E_NOT_FOUND);
    }
    SC_CODE(sc, store->message_flag(SC_SIDE(sc->one), id, &change, NULL, NULL, NULL, sc_deadline()),
            MANSIO_E_NOT_FOUND);
    SC_CODE(sc, store->message_append(SC_SIDE(sc->one), id, &append, 1, sc_deadline(), NULL),
            MANSIO_E_NOT_FOUND);
    for (uint32_t is_move = 0; is_move < 2; is_move++) {
        SC_CODE(sc,
                store->message_copy(SC_SIDE(sc->one), id, range, 1, own, is_move, NULL, NULL,
                                    sc_deadline(), NULL),
                MANSIO_E_NOT_FOUND);
        SC_CODE(sc,
                store->message_copy(SC_SIDE(sc->one), own, NULL, 0, id, is_move, NULL, NULL,
                                    sc_deadline(), NULL),
                MANSIO_E_NOT_FOUND);
    }
    SC_CODE(sc, store->message_expunge(SC_SIDE(sc->one), id, NULL, 0, 0, NULL, NULL, sc_deadline()),
            MANSIO_E_NOT_FOUND);
    if (id != 0) { /* which changes() takes for everywhere */
        SC_CODE(sc, store->changes(SC_SIDE(sc->one), id, 0, pass_change, NULL, sc_deadline()),
                MANSIO_E_NOT_FOUND);
    }
    SC_CODE(sc, store->collection_remove(SC_SIDE(sc->one), id, sc_deadline()), MANSIO_E_NOT_FOUND);
    SC_CODE(sc, store->collection_list(SC_SIDE(sc->one), 0, pass_collection, NULL, sc_deadline()),
            0);
    SC_WANT(sc, text.len == 0 && collection.id == 0);
}

/* The same for somebody of another tenant and of one's own. */
static void collections_of(struct sc *sc, const struct sc_side *other)
{
    uint64_t own = sc_create(sc, &sc->one, "Own");
    uint64_t id = sc_create(sc, other, "Theirs");
    uint64_t inbox = sc_inbox(sc, other);
    uint32_t uid = sc_append(sc, other, id, ONE);

    (void)sc_append(sc, &sc->one, own, ONE);
    struct mansio_str before = sc_dump(sc, other);
    struct mansio_str mine = sc_dump(sc, &sc->one);
    try_collection(sc, id, uid, own);
    try_collection(sc, inbox, 1, own);
    try_collection(sc, UINT64_C(987654321987), uid, own);
    try_collection(sc, 0, uid, own);
    try_collection(sc, UINT64_MAX, uid, own);
    SC_WANT(sc, mansio_str_eq(sc_dump(sc, other), before));
    SC_WANT(sc, mansio_str_eq(sc_dump(sc, &sc->one), mine));
}

static void collections_of_another_tenant(struct sc *sc)
{
    collections_of(sc, &sc->foreign);
}

static void collections_of_another_account(struct sc *sc)
{
    collections_of(sc, &sc->two);
}

/* Names are one's own. */
static void names_of_another_account(struct sc *sc)
{
    const struct sc_side *others[] = {&sc->foreign, &sc->two};
    struct mansio_collection found = {.size = sizeof found};

    for (size_t i = 0; i < MANSIO_COUNT(others); i++) {
        uint64_t theirs = sc_create(sc, others[i], i == 0 ? "Foreign" : "Neighbour");
        struct mansio_str name = sc_name(sc, i == 0 ? "Foreign" : "Neighbour");
        SC_CODE(sc,
                sc->one.store->collection_find(SC_SIDE(sc->one), name, sc->arena, sc_deadline(),
                                               &found),
                MANSIO_E_NOT_FOUND);
        uint64_t mine = sc_create(sc, &sc->one, i == 0 ? "Foreign" : "Neighbour");
        SC_WANT(sc, mine != theirs);
        SC_WANT(sc, sc_inbox(sc, &sc->one) != sc_inbox(sc, others[i]));
    }
}

/* UIDs of another account's messages mean nothing here. */
static void uids_of_another_account(struct sc *sc)
{
    uint64_t theirs = sc_create(sc, &sc->foreign, "Many");
    uint64_t mine = sc_create(sc, &sc->one, "None");
    struct mansio_str text = MANSIO_STR_NONE;
    uint32_t uid = 0;

    for (int i = 0; i < 3; i++) {
        uid = sc_append(sc, &sc->foreign, theirs, ONE);
    }
    SC_WANT(sc, sc_all(sc, &sc->one, mine)->count == 0);
    for (uint32_t one = 1; one <= uid; one++) {
        SC_CODE(sc,
                sc->one.store->message_read(SC_SIDE(sc->one), mine, one, 0, 100, sc->arena,
                                            sc_deadline(), &text),
                MANSIO_E_NOT_FOUND);
    }
    sc_flag(sc, &sc->one, mine, uid, MANSIO_FLAG_DELETED);
    SC_WANT(sc, sc_expunge(sc, &sc->one, mine, NULL, 0, 0)->count == 0);
    SC_WANT(sc, sc_all(sc, &sc->foreign, theirs)->count == 3);
}

static int read_blob(struct sc *sc, const struct sc_side *side, uint64_t id)
{
    struct mansio_str out = MANSIO_STR_NONE;
    uint64_t size = 0;
    int rc = side->blob->read(SC_SIDE(*side), id, 0, 100, sc->arena, sc_deadline(), &out, &size);

    SC_WANT(sc, rc == 0 || (out.len == 0 && size == 0));
    return rc;
}

static void blobs_of_another_tenant(struct sc *sc)
{
    uint64_t put = 0;

    SC_CODE(sc,
            sc->foreign.blob->put(SC_SIDE(sc->foreign), sc_content(sc, sc_text(ONE)), sc_deadline(),
                                  &put),
            0);
    uint64_t id = sc_create(sc, &sc->foreign, "Blobs");
    uint32_t uid = sc_append(sc, &sc->foreign, id, ONE);
    uint64_t of_message = sc_message(sc, &sc->foreign, id, uid)->blob_id;

    SC_CODE(sc, read_blob(sc, &sc->foreign, put), 0);
    SC_CODE(sc, read_blob(sc, &sc->foreign, of_message), 0);
    SC_CODE(sc, read_blob(sc, &sc->one, put), MANSIO_E_NOT_FOUND);
    SC_CODE(sc, read_blob(sc, &sc->one, of_message), MANSIO_E_NOT_FOUND);
    SC_CODE(sc, read_blob(sc, &sc->one, UINT64_C(987654321987)), MANSIO_E_NOT_FOUND);
    SC_CODE(sc, read_blob(sc, &sc->one, 0), MANSIO_E_NOT_FOUND);
    SC_CODE(sc, read_blob(sc, &sc->one, UINT64_MAX), MANSIO_E_NOT_FOUND);
}

/* One message to two tenants: neither's ids lead to the other's. They may be the same number, which
 * then finds one's own. */
static void a_message_to_two_tenants_is_two(struct sc *sc)
{
    struct mansio_plan *plan = sc_plan(sc, 0);
    const struct mansio_plan_entry entry = {.size = 0};

    sc_plan_add(sc, plan, &sc->one, &entry);
    sc_plan_add(sc, plan, &sc->foreign, &entry);
    SC_CODE(sc, sc_deliver(sc, &sc->one, plan, sc_text(ONE)), 0);
    const struct mansio_message *mine =
        sc_message(sc, &sc->one, sc_inbox(sc, &sc->one), sc_outcome(sc, plan, 0)->uid);
    const struct mansio_message *theirs =
        sc_message(sc, &sc->foreign, sc_inbox(sc, &sc->foreign), sc_outcome(sc, plan, 1)->uid);
    SC_WANT(sc, mine->blob_id != 0 && theirs->blob_id != 0);
    SC_CODE(sc, read_blob(sc, &sc->one, theirs->blob_id),
            mine->blob_id == theirs->blob_id ? 0 : MANSIO_E_NOT_FOUND);
    SC_CODE(sc, read_blob(sc, &sc->foreign, mine->blob_id),
            mine->blob_id == theirs->blob_id ? 0 : MANSIO_E_NOT_FOUND);
    /* What one does with theirs is nothing to the other's. */
    const uint32_t range[] = {mine->uid, mine->uid};
    sc_flag(sc, &sc->one, sc_inbox(sc, &sc->one), mine->uid, MANSIO_FLAG_FLAGGED);
    (void)sc_expunge(sc, &sc->one, sc_inbox(sc, &sc->one), range, 1, 0);
    theirs = sc_message(sc, &sc->foreign, sc_inbox(sc, &sc->foreign), theirs->uid);
    SC_WANT(sc, theirs->flags == 0);
    SC_WANT(sc,
            mansio_str_eq(sc_read(sc, &sc->foreign, sc_inbox(sc, &sc->foreign), theirs->uid, 1000),
                          sc_text(ONE)));
}

static const struct sc_case cases[] = {
    {"collections_of_another_tenant", collections_of_another_tenant, 0},
    {"collections_of_another_account", collections_of_another_account, 0},
    {"names_of_another_account", names_of_another_account, 0},
    {"uids_of_another_account", uids_of_another_account, 0},
    {"blobs_of_another_tenant", blobs_of_another_tenant, 0},
    {"a_message_to_two_tenants_is_two", a_message_to_two_tenants_is_two, 0},
};
const struct sc_cases sc_isolation = {cases, MANSIO_COUNT(cases)};
