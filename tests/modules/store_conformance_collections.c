/*
 * Cases of collections: names, trees, special uses, subscriptions, what is recent.
 */
#include "store_conformance.h"

#include <string.h>

static void find(struct sc *sc, struct mansio_str name, struct mansio_collection *out)
{
    out->size = sizeof *out;
    SC_CODE(sc,
            sc->one.store->collection_find(SC_SIDE(sc->one), name, sc->arena, sc_deadline(), out),
            0);
}

static int find_code(struct sc *sc, struct mansio_str name)
{
    struct mansio_collection out = {.size = sizeof out};

    return sc->one.store->collection_find(SC_SIDE(sc->one), name, sc->arena, sc_deadline(), &out);
}

static int create_code(struct sc *sc, struct mansio_str name, uint32_t special_use)
{
    uint64_t id = 0;

    return sc->one.store->collection_create(SC_SIDE(sc->one), MANSIO_COLLECTION_MAIL, name,
                                            special_use, sc_deadline(), &id);
}

static int rename_code(struct sc *sc, uint64_t id, struct mansio_str name)
{
    return sc->one.store->collection_rename(SC_SIDE(sc->one), id, name, sc_deadline());
}

static int remove_code(struct sc *sc, uint64_t id)
{
    return sc->one.store->collection_remove(SC_SIDE(sc->one), id, sc_deadline());
}

static void inbox_always_is(struct sc *sc)
{
    static const char *const spellings[] = {"INBOX", "inbox", "InBoX"};
    struct mansio_collection inbox = {.size = sizeof inbox};

    find(sc, sc_text("INBOX"), &inbox);
    for (size_t i = 0; i < MANSIO_COUNT(spellings); i++) {
        struct mansio_collection again = {.size = sizeof again};
        find(sc, sc_text(spellings[i]), &again);
        SC_WANT(sc, again.id == inbox.id && mansio_str_eq(again.name, MANSIO_STR("INBOX")));
        SC_CODE(sc, create_code(sc, sc_text(spellings[i]), MANSIO_SPECIAL_NONE), MANSIO_E_EXISTS);
    }
    SC_WANT(sc, inbox.kind == MANSIO_COLLECTION_MAIL);
    SC_WANT(sc, inbox.special_use == MANSIO_SPECIAL_INBOX);
    SC_WANT(sc, inbox.uid_validity > 0 && inbox.uid_next > 0 && inbox.modseq > 0);
    SC_CODE(sc, rename_code(sc, inbox.id, sc_name(sc, "x")), MANSIO_E_DENIED);
    SC_CODE(sc, remove_code(sc, inbox.id), MANSIO_E_DENIED);
    SC_CODE(sc, create_code(sc, sc_name(sc, "x"), MANSIO_SPECIAL_INBOX), MANSIO_E_EXISTS);
}

static void collection_is_found_as_made(struct sc *sc)
{
    struct mansio_collection found = {.size = sizeof found};
    uint64_t id = sc_create(sc, &sc->one, "Plain");
    struct mansio_collection got = sc_get(sc, &sc->one, id);

    find(sc, sc_name(sc, "Plain"), &found);
    SC_WANT(sc, found.id == id && got.id == id && mansio_str_eq(found.name, got.name));
    SC_WANT(sc, mansio_str_eq(got.name, sc_name(sc, "Plain")));
    SC_WANT(sc, got.kind == MANSIO_COLLECTION_MAIL && got.special_use == MANSIO_SPECIAL_NONE);
    SC_WANT(sc, got.messages == 0 && got.unseen == 0 && got.bytes == 0 && !got.is_subscribed);
    SC_WANT(sc, got.uid_next == 1 && got.recent_from == 1 && got.uid_validity > 0);
    SC_WANT(sc, got.modseq > 0 && got.modseq <= sc_modseq(sc, &sc->one));
    SC_CODE(sc, create_code(sc, sc_name(sc, "Plain"), MANSIO_SPECIAL_NONE), MANSIO_E_EXISTS);
    SC_CODE(sc, find_code(sc, sc_name(sc, "plain")), MANSIO_E_NOT_FOUND);
    SC_CODE(sc, find_code(sc, sc_name(sc, "Plain/below")), MANSIO_E_NOT_FOUND);
}

static void names_that_are_none(struct sc *sc)
{
    static const char *const names[] = {"",     "/",        "a//b",         "/a",
                                        "a/",   "a\x01",    "a\x7f",        "a\r\n",
                                        "\xff", "\xc0\x80", "\xed\xa0\x80", "a\xc3"};
    char text[1002];

    for (size_t i = 0; i < MANSIO_COUNT(names); i++) {
        SC_CODE(sc, create_code(sc, sc_text(names[i]), MANSIO_SPECIAL_NONE), MANSIO_E_INVALID);
    }
    SC_CODE(sc, create_code(sc, MANSIO_STR("a\0b"), MANSIO_SPECIAL_NONE), MANSIO_E_INVALID);
    memset(text, 'x', sizeof text);
    SC_CODE(sc, create_code(sc, (struct mansio_str){text, 1001}, MANSIO_SPECIAL_NONE),
            MANSIO_E_INVALID);
    memcpy(text, sc->prefix, strlen(sc->prefix));
    SC_CODE(sc, create_code(sc, (struct mansio_str){text, 1000}, MANSIO_SPECIAL_NONE), 0);
    for (size_t i = strlen(sc->prefix); i < sizeof text; i++) {
        text[i] = (i - strlen(sc->prefix)) % 2 == 0 ? 'a' : '/';
    }
    SC_CODE(sc,
            create_code(sc, (struct mansio_str){text, strlen(sc->prefix) + 2 * 101 - 1},
                        MANSIO_SPECIAL_NONE),
            MANSIO_E_INVALID);
    SC_CODE(sc,
            create_code(sc, (struct mansio_str){text, strlen(sc->prefix) + 2 * 100 - 1},
                        MANSIO_SPECIAL_NONE),
            0);
}

static void names_are_utf8(struct sc *sc)
{
    static const char *const names[] = {"Entw\xc3\xbcrfe", "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
                                        "\xf0\x9f\x93\xa7 & Co.", "50% _off_\\'\""};

    for (size_t i = 0; i < MANSIO_COUNT(names); i++) {
        uint64_t id = sc_create(sc, &sc->one, names[i]);
        struct mansio_collection found = {.size = sizeof found};
        find(sc, sc_name(sc, names[i]), &found);
        SC_WANT(sc, found.id == id && mansio_str_eq(found.name, sc_name(sc, names[i])));
    }
    SC_CODE(sc, find_code(sc, sc_name(sc, "entw\xc3\xbcrfe")), MANSIO_E_NOT_FOUND);
    SC_CODE(sc, find_code(sc, sc_name(sc, "50% _offX\\'\"")), MANSIO_E_NOT_FOUND);
}

struct names {
    struct sc *sc;
    struct mansio_str last;
    size_t count;
    uint32_t kind;
};

static int note_order(void *arg, const struct mansio_collection *collection)
{
    struct names *names = arg;

    SC_WANT(names->sc, names->kind == 0 || collection->kind == names->kind);
    if (names->count > 0) {
        SC_WANT(names->sc, mansio_str_cmp(names->last, collection->name) < 0);
    }
    SC_CODE(names->sc, mansio_arena_copy(names->sc->arena, collection->name, &names->last), 0);
    names->count++;
    return 0;
}

static void lists_by_name_and_kind(struct sc *sc)
{
    const uint32_t kinds[] = {0, MANSIO_COLLECTION_MAIL, MANSIO_COLLECTION_CALENDAR,
                              MANSIO_COLLECTION_CONTACTS};
    size_t counts[MANSIO_COUNT(kinds)] = {0};
    uint64_t id = 0;

    (void)sc_create(sc, &sc->one, "b");
    (void)sc_create(sc, &sc->one, "a/z");
    (void)sc_create(sc, &sc->one, "a");
    SC_CODE(sc,
            sc->one.store->collection_create(SC_SIDE(sc->one), MANSIO_COLLECTION_CALENDAR,
                                             sc_name(sc, "Dates"), MANSIO_SPECIAL_NONE,
                                             sc_deadline(), &id),
            0);
    for (size_t i = 0; i < MANSIO_COUNT(kinds); i++) {
        struct names names = {.sc = sc, .kind = kinds[i]};
        SC_CODE(sc,
                sc->one.store->collection_list(SC_SIDE(sc->one), kinds[i], note_order, &names,
                                               sc_deadline()),
                0);
        counts[i] = names.count;
    }
    SC_WANT(sc, counts[0] == counts[1] + counts[2] + counts[3]);
    SC_WANT(sc, counts[1] >= 4 && counts[2] >= 1);
    SC_WANT(sc, sc_get(sc, &sc->one, id).kind == MANSIO_COLLECTION_CALENDAR);
}

static void special_uses_are_single(struct sc *sc)
{
    uint64_t old = sc_special(sc, &sc->one, MANSIO_SPECIAL_ARCHIVE);
    uint64_t id = 0;

    if (old != 0) { /* of an earlier run */
        SC_CODE(sc, remove_code(sc, old), 0);
    }
    SC_CODE(sc,
            sc->one.store->collection_create(SC_SIDE(sc->one), MANSIO_COLLECTION_MAIL,
                                             sc_name(sc, "Archive"), MANSIO_SPECIAL_ARCHIVE,
                                             sc_deadline(), &id),
            0);
    SC_WANT(sc, sc_get(sc, &sc->one, id).special_use == MANSIO_SPECIAL_ARCHIVE);
    SC_CODE(sc, create_code(sc, sc_name(sc, "Archive2"), MANSIO_SPECIAL_ARCHIVE), MANSIO_E_EXISTS);
    SC_CODE(sc, find_code(sc, sc_name(sc, "Archive2")), MANSIO_E_NOT_FOUND);
    SC_CODE(sc, rename_code(sc, id, sc_name(sc, "Attic")), 0);
    SC_WANT(sc, sc_get(sc, &sc->one, id).special_use == MANSIO_SPECIAL_ARCHIVE);
    SC_CODE(sc, remove_code(sc, id), 0);
    SC_CODE(sc, create_code(sc, sc_name(sc, "Archive3"), MANSIO_SPECIAL_ARCHIVE), 0);
}

static void trees_are_renamed_whole(struct sc *sc)
{
    static const char *const below[] = {"Old/a", "Old/a/b", "Old/c d"};
    static const char *const after[] = {"New/x/a", "New/x/a/b", "New/x/c d"};
    uint64_t top = sc_create(sc, &sc->one, "Old");
    uint64_t beside = sc_create(sc, &sc->one, "Older");
    uint64_t ids[MANSIO_COUNT(below)];
    uint32_t uid = sc_append(sc, &sc->one, top, "a: b\r\n\r\nkept\r\n");
    uint32_t validity = sc_get(sc, &sc->one, top).uid_validity;

    for (size_t i = 0; i < MANSIO_COUNT(below); i++) {
        ids[i] = sc_create(sc, &sc->one, below[i]);
    }
    uint64_t modseq = sc_modseq(sc, &sc->one);
    SC_CODE(sc, rename_code(sc, top, sc_name(sc, "New/x")), 0);
    SC_WANT(sc, mansio_str_eq(sc_get(sc, &sc->one, top).name, sc_name(sc, "New/x")));
    SC_WANT(sc, sc_get(sc, &sc->one, top).modseq > modseq);
    for (size_t i = 0; i < MANSIO_COUNT(below); i++) {
        SC_WANT(sc, mansio_str_eq(sc_get(sc, &sc->one, ids[i]).name, sc_name(sc, after[i])));
        SC_CODE(sc, find_code(sc, sc_name(sc, below[i])), MANSIO_E_NOT_FOUND);
    }
    SC_WANT(sc, mansio_str_eq(sc_get(sc, &sc->one, beside).name, sc_name(sc, "Older")));
    SC_WANT(sc, sc_get(sc, &sc->one, top).uid_validity == validity);
    SC_WANT(sc, sc_message(sc, &sc->one, top, uid)->uid == uid);
    SC_CODE(sc, find_code(sc, sc_name(sc, "New")), MANSIO_E_NOT_FOUND);
}

static void renames_that_cannot_be(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "From");
    (void)sc_create(sc, &sc->one, "From/x");
    (void)sc_create(sc, &sc->one, "Taken");
    (void)sc_create(sc, &sc->one, "Free/x");
    struct mansio_str before = sc_dump(sc, &sc->one);

    SC_CODE(sc, rename_code(sc, id, sc_name(sc, "Taken")), MANSIO_E_EXISTS);
    SC_CODE(sc, rename_code(sc, id, sc_name(sc, "Free")), MANSIO_E_EXISTS); /* Free/x is there */
    SC_CODE(sc, rename_code(sc, id, sc_text("inbox")), MANSIO_E_EXISTS);
    SC_CODE(sc, rename_code(sc, id, sc_text("a//b")), MANSIO_E_INVALID);
    SC_CODE(sc, rename_code(sc, id, sc_text("")), MANSIO_E_INVALID);
    SC_CODE(sc, rename_code(sc, UINT64_C(987654321987), sc_name(sc, "y")), MANSIO_E_NOT_FOUND);
    SC_WANT(sc, mansio_str_eq(sc_dump(sc, &sc->one), before));
}

static void removal_takes_one_collection(struct sc *sc)
{
    uint64_t top = sc_create(sc, &sc->one, "Top");
    uint64_t below = sc_create(sc, &sc->one, "Top/below");
    uint32_t validity = sc_get(sc, &sc->one, top).uid_validity;
    struct mansio_usage before = {.size = sizeof before};
    struct mansio_usage after = {.size = sizeof after};

    SC_CODE(sc, sc->one.store->usage(SC_SIDE(sc->one), sc_deadline(), &before), 0);
    (void)sc_append(sc, &sc->one, top, "a: b\r\n\r\nsoon gone\r\n");
    SC_CODE(sc, remove_code(sc, top), 0);
    SC_CODE(sc, sc->one.store->usage(SC_SIDE(sc->one), sc_deadline(), &after), 0);
    SC_WANT(sc, before.bytes == after.bytes && before.messages == after.messages);
    SC_WANT(sc, after.modseq > before.modseq);
    SC_CODE(sc, remove_code(sc, top), MANSIO_E_NOT_FOUND);
    SC_CODE(sc, rename_code(sc, top, sc_name(sc, "y")), MANSIO_E_NOT_FOUND);
    SC_CODE(sc, find_code(sc, sc_name(sc, "Top")), MANSIO_E_NOT_FOUND);
    SC_WANT(sc, sc_get(sc, &sc->one, below).id == below);
    /* The same name is another mailbox (RFC 3501 2.3.1.1). */
    uint64_t again = sc_create(sc, &sc->one, "Top");
    SC_WANT(sc, again != top && sc_get(sc, &sc->one, again).uid_validity > validity);
    SC_WANT(sc, sc_get(sc, &sc->one, again).messages == 0);
}

struct subscriptions {
    struct sc *sc;
    struct mansio_str wanted, last;
    size_t found, count;
};

static int note_subscription(void *arg, struct mansio_str name)
{
    struct subscriptions *subscriptions = arg;

    subscriptions->found += mansio_str_eq(name, subscriptions->wanted) ? 1 : 0;
    if (subscriptions->count++ > 0) {
        SC_WANT(subscriptions->sc, mansio_str_cmp(subscriptions->last, name) < 0);
    }
    SC_CODE(subscriptions->sc,
            mansio_arena_copy(subscriptions->sc->arena, name, &subscriptions->last), 0);
    return 0;
}

static size_t count_subscriptions(struct sc *sc, struct mansio_str name)
{
    struct subscriptions subscriptions = {.sc = sc, .wanted = name};

    SC_CODE(sc,
            sc->one.store->subscription_list(SC_SIDE(sc->one), note_subscription, &subscriptions,
                                             sc_deadline()),
            0);
    return subscriptions.found;
}

static void subscribe(struct sc *sc, struct mansio_str name, uint32_t is_subscribed)
{
    SC_CODE(sc, sc->one.store->subscribe(SC_SIDE(sc->one), name, is_subscribed, sc_deadline()), 0);
}

static void subscriptions_need_no_collection(struct sc *sc)
{
    struct mansio_str absent = sc_name(sc, "Absent/yet");
    uint64_t id = sc_create(sc, &sc->one, "There");

    subscribe(sc, absent, 1);
    subscribe(sc, absent, 1);
    subscribe(sc, sc_name(sc, "There"), 1);
    SC_WANT(sc, count_subscriptions(sc, absent) == 1);
    SC_WANT(sc, count_subscriptions(sc, sc_name(sc, "There")) == 1);
    SC_WANT(sc, sc_get(sc, &sc->one, id).is_subscribed == 1);
    SC_CODE(sc, find_code(sc, absent), MANSIO_E_NOT_FOUND);
    /* One that is made later is subscribed to; one that goes stays so (RFC 3501 6.3.6). */
    uint64_t made = sc_create(sc, &sc->one, "Absent/yet");
    SC_WANT(sc, sc_get(sc, &sc->one, made).is_subscribed == 1);
    SC_CODE(sc, remove_code(sc, made), 0);
    SC_WANT(sc, count_subscriptions(sc, absent) == 1);
    subscribe(sc, absent, 0);
    subscribe(sc, absent, 0);
    SC_WANT(sc, count_subscriptions(sc, absent) == 0);
    subscribe(sc, sc_name(sc, "There"), 0);
    SC_WANT(sc, sc_get(sc, &sc->one, id).is_subscribed == 0);
    subscribe(sc, sc_text("inBOX"), 1);
    SC_WANT(sc, count_subscriptions(sc, sc_text("INBOX")) == 1);
    subscribe(sc, sc_text("INBOX"), 0);
    SC_WANT(sc, count_subscriptions(sc, sc_text("INBOX")) == 0);
}

static uint32_t claim(struct sc *sc, uint64_t id)
{
    uint32_t from = 0;

    SC_CODE(sc, sc->one.store->recent_claim(SC_SIDE(sc->one), id, sc_deadline(), &from), 0);
    return from;
}

static void recent_is_given_once(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Recent");

    SC_WANT(sc, claim(sc, id) == 1);
    uint32_t first = sc_append(sc, &sc->one, id, "a: 1\r\n\r\n");
    (void)sc_append(sc, &sc->one, id, "a: 2\r\n\r\n");
    SC_WANT(sc, sc_get(sc, &sc->one, id).recent_from <= first);
    SC_WANT(sc, claim(sc, id) <= first);
    uint32_t third = sc_append(sc, &sc->one, id, "a: 3\r\n\r\n");
    uint32_t from = claim(sc, id);
    SC_WANT(sc, from > first && from <= third);
    SC_WANT(sc, claim(sc, id) > third);
    SC_WANT(sc, sc_get(sc, &sc->one, id).recent_from > third);
    uint32_t unused = 0;
    SC_CODE(sc,
            sc->one.store->recent_claim(SC_SIDE(sc->one), UINT64_C(987654321987), sc_deadline(),
                                        &unused),
            MANSIO_E_NOT_FOUND);
}

static int stop_with_7(void *arg, const struct mansio_collection *collection)
{
    (void)collection;
    ++*(size_t *)arg;
    return 7;
}

static void a_visitor_ends_the_visit(struct sc *sc)
{
    size_t calls = 0;

    (void)sc_create(sc, &sc->one, "more");
    SC_CODE(sc,
            sc->one.store->collection_list(SC_SIDE(sc->one), 0, stop_with_7, &calls, sc_deadline()),
            7);
    SC_WANT(sc, calls == 1);
}

static const struct sc_case cases[] = {
    {"inbox_always_is", inbox_always_is, 0},
    {"collection_is_found_as_made", collection_is_found_as_made, 0},
    {"names_that_are_none", names_that_are_none, 0},
    {"names_are_utf8", names_are_utf8, 0},
    {"lists_by_name_and_kind", lists_by_name_and_kind, 0},
    {"special_uses_are_single", special_uses_are_single, 0},
    {"trees_are_renamed_whole", trees_are_renamed_whole, 0},
    {"renames_that_cannot_be", renames_that_cannot_be, 0},
    {"removal_takes_one_collection", removal_takes_one_collection, 0},
    {"subscriptions_need_no_collection", subscriptions_need_no_collection, 0},
    {"recent_is_given_once", recent_is_given_once, 0},
    {"a_visitor_ends_the_visit", a_visitor_ends_the_visit, 0},
};
const struct sc_cases sc_collections = {cases, MANSIO_COUNT(cases)};
