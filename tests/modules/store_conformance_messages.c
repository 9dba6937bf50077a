/*
 * Cases of messages: UIDs, flags, copies, removal, quotas.
 */
#include "store_conformance.h"

#include <string.h>

#define ONE "Subject: one\r\n\r\nfirst\r\n"

static const struct sc_list *ranges_of(struct sc *sc, uint64_t id, const uint32_t *ranges,
                                       size_t count)
{
    const struct mansio_message_query query = {
        .size = sizeof query, .uid_ranges = ranges, .range_count = count};

    return sc_messages_of(sc, &sc->one, id, &query);
}

static void appended_is_as_given(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Append");
    struct mansio_append append[3];
    uint32_t validity = 0;

    memset(append, 0, sizeof append);
    for (size_t i = 0; i < MANSIO_COUNT(append); i++) {
        append[i] = (struct mansio_append){
            .size = sizeof append[i],
            .content = sc_content(sc, sc_text(ONE)),
            .flags = i == 0 ? MANSIO_FLAG_SEEN | MANSIO_FLAG_DRAFT : 0,
            .keywords = sc_text(i == 1 ? "$Forwarded holiday" : ""),
            .prefix = sc_text(i == 2 ? "X-Prefix: yes\r\n" : ""),
            .received_us = INT64_C(1234567890000000) + (int64_t)i,
        };
    }
    uint64_t modseq = sc_modseq(sc, &sc->one);
    SC_CODE(
        sc,
        sc->one.store->message_append(SC_SIDE(sc->one), id, append, 3, sc_deadline(), &validity),
        0);
    struct mansio_collection got = sc_get(sc, &sc->one, id);
    SC_WANT(sc, validity == got.uid_validity && got.messages == 3 && got.unseen == 2);
    SC_WANT(sc, append[0].uid < append[1].uid && append[1].uid < append[2].uid);
    SC_WANT(sc, got.uid_next > append[2].uid);
    for (size_t i = 0; i < MANSIO_COUNT(append) && !sc->failed; i++) {
        const struct mansio_message *message = sc_message(sc, &sc->one, id, append[i].uid);
        SC_WANT(sc, message->flags == append[i].flags);
        SC_WANT(sc, message->received_us == append[i].received_us);
        SC_WANT(sc, message->body_bytes == strlen(ONE));
        SC_WANT(sc, message->prefix_bytes == append[i].prefix.len);
        SC_WANT(sc, message->modseq == append[i].modseq && message->modseq > modseq);
        SC_WANT(sc, message->message_id != 0 && message->blob_id != 0);
        SC_WANT(sc, mansio_str_eq(message->structure, mansio_content_structure(append[i].content)));
    }
    const struct mansio_message *second = sc_message(sc, &sc->one, id, append[1].uid);
    SC_WANT(sc, mansio_str_find(second->keywords, MANSIO_STR("$Forwarded")) >= 0);
    SC_WANT(sc, mansio_str_find(second->keywords, MANSIO_STR("holiday")) >= 0);
    SC_WANT(sc, second->keywords.len == strlen("$Forwarded holiday"));
    SC_WANT(sc, mansio_str_eq(sc_read(sc, &sc->one, id, append[2].uid, 10),
                              sc_text("X-Prefix: yes\r\n" ONE)));
    SC_CODE(sc,
            sc->one.store->message_append(SC_SIDE(sc->one), UINT64_C(987654321987), append, 1,
                                          sc_deadline(), NULL),
            MANSIO_E_NOT_FOUND);
}

static void what_is_not_asked_for_is_not_told(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Asked");
    (void)sc_append(sc, &sc->one, id, ONE);
    const struct sc_list *list = sc_all(sc, &sc->one, id);

    SC_WANT(sc, list->count == 1 && list->messages[0].structure.len == 0);
    SC_WANT(sc, list->messages[0].blob_id == 0);
}

static void uids_are_never_used_again(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Uids");
    uint32_t last = 0;

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++) {
            uint32_t uid = sc_append(sc, &sc->one, id, ONE);
            SC_WANT(sc, uid > last);
            last = uid;
        }
        SC_WANT(sc, sc_get(sc, &sc->one, id).uid_next > last);
        SC_WANT(sc, sc_expunge(sc, &sc->one, id, NULL, 0, 0)->count == 3);
        SC_WANT(sc, sc_get(sc, &sc->one, id).uid_next > last);
    }
    SC_WANT(sc, sc_all(sc, &sc->one, id)->count == 0);
}

static void counters_are_counts(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Counters");
    uint32_t first = sc_append(sc, &sc->one, id, ONE);
    uint32_t second = sc_append_with(sc, &sc->one, id, ONE ONE, MANSIO_FLAG_SEEN, "");
    struct mansio_collection got = sc_get(sc, &sc->one, id);

    SC_WANT(sc, got.messages == 2 && got.unseen == 1 && got.bytes == 3 * strlen(ONE));
    sc_flag(sc, &sc->one, id, first, MANSIO_FLAG_SEEN);
    SC_WANT(sc, sc_get(sc, &sc->one, id).unseen == 0);
    const uint32_t range[] = {second, second};
    (void)sc_expunge(sc, &sc->one, id, range, 1, 0);
    got = sc_get(sc, &sc->one, id);
    SC_WANT(sc, got.messages == 1 && got.unseen == 0 && got.bytes == strlen(ONE));
}

static void ranges_choose(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Ranges");
    uint32_t uids[6];

    for (size_t i = 0; i < MANSIO_COUNT(uids); i++) {
        uids[i] = sc_append(sc, &sc->one, id, ONE);
    }
    const uint32_t gap[] = {uids[2], uids[2]};
    (void)sc_expunge(sc, &sc->one, id, gap, 1, 0);
    const uint32_t middle[] = {uids[1], uids[3]};
    SC_WANT(sc, ranges_of(sc, id, middle, 1)->count == 2);
    SC_WANT(sc, ranges_of(sc, id, gap, 1)->count == 0);
    const uint32_t two[] = {uids[0], uids[0], uids[4], UINT32_MAX};
    const struct sc_list *list = ranges_of(sc, id, two, 2);
    SC_WANT(sc, list->count == 3 && list->messages[0].uid == uids[0] &&
                    list->messages[1].uid == uids[4] && list->messages[2].uid == uids[5]);
    /* "*" is the last that there is (RFC 3501 9, seq-number). */
    const uint32_t star[] = {UINT32_MAX, UINT32_MAX};
    list = ranges_of(sc, id, star, 1);
    SC_WANT(sc, list->count == 1 && list->messages[0].uid == uids[5]);
    const uint32_t beyond[] = {uids[5] + 1, uids[5] + 1000};
    SC_WANT(sc, ranges_of(sc, id, beyond, 1)->count == 0);
    const struct mansio_message_query none = {.size = sizeof none, .uid_ranges = two};
    SC_WANT(sc, sc_messages_of(sc, &sc->one, id, &none)->count == 0);
}

static void changed_since_narrows(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Since");
    uint32_t first = sc_append(sc, &sc->one, id, ONE);
    uint32_t second = sc_append(sc, &sc->one, id, ONE);
    struct mansio_message_query query = {.size = sizeof query,
                                         .changed_since = sc_modseq(sc, &sc->one)};

    SC_WANT(sc, sc_messages_of(sc, &sc->one, id, &query)->count == 0);
    sc_flag(sc, &sc->one, id, first, MANSIO_FLAG_FLAGGED);
    const struct sc_list *list = sc_messages_of(sc, &sc->one, id, &query);
    SC_WANT(sc, list->count == 1 && list->messages[0].uid == first);
    const uint32_t other[] = {second, second};
    query.uid_ranges = other;
    query.range_count = 1;
    SC_WANT(sc, sc_messages_of(sc, &sc->one, id, &query)->count == 0);
}

/* ---- flags ---- */

struct seen {
    struct sc *sc;
    struct sc_uids shown, refused;
    struct mansio_message last;
    struct mansio_str keywords;
};

static int note_shown(void *arg, const struct mansio_message *message)
{
    struct seen *seen = arg;

    seen->last = *message;
    SC_CODE(seen->sc, mansio_arena_copy(seen->sc->arena, message->keywords, &seen->keywords), 0);
    return sc_note_uid(&seen->shown, message->uid);
}

static int note_refused(void *arg, uint32_t uid)
{
    return sc_note_uid(&((struct seen *)arg)->refused, uid);
}

static struct seen change(struct sc *sc, uint64_t id, uint32_t operation, uint32_t flags,
                          const char *keywords, uint64_t unchanged_since)
{
    const struct mansio_flag_change what = {
        .size = sizeof what,
        .operation = operation,
        .flags = flags,
        .keywords = sc_text(keywords),
        .unchanged_since = unchanged_since,
    };
    struct seen seen = {.sc = sc};

    SC_CODE(sc,
            sc->one.store->message_flag(SC_SIDE(sc->one), id, &what, note_shown, note_refused,
                                        &seen, sc_deadline()),
            0);
    return seen;
}

static void flags_and_keywords_change(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Flags");
    uint32_t uid = sc_append_with(sc, &sc->one, id, ONE, MANSIO_FLAG_SEEN, "Alpha");
    uint64_t all = UINT64_MAX;
    struct seen seen = change(sc, id, MANSIO_FLAGS_ADD, MANSIO_FLAG_FLAGGED, "beta", all);

    SC_WANT(sc, seen.shown.count == 1 && seen.last.uid == uid && seen.refused.count == 0);
    SC_WANT(sc, seen.last.flags == (MANSIO_FLAG_SEEN | MANSIO_FLAG_FLAGGED));
    SC_WANT(sc, seen.keywords.len == strlen("Alpha beta"));
    uint64_t modseq = seen.last.modseq;
    SC_WANT(sc, modseq == sc_modseq(sc, &sc->one));
    /* The same once more, in other letters: nothing changes. */
    seen = change(sc, id, MANSIO_FLAGS_ADD, MANSIO_FLAG_FLAGGED, "ALPHA Beta", all);
    SC_WANT(sc, seen.shown.count == 1 && seen.last.modseq == modseq);
    SC_WANT(sc, seen.keywords.len == strlen("Alpha beta"));
    SC_WANT(sc, modseq == sc_modseq(sc, &sc->one));
    seen = change(sc, id, MANSIO_FLAGS_REMOVE, MANSIO_FLAG_SEEN, "alpha", all);
    SC_WANT(sc, seen.last.flags == MANSIO_FLAG_FLAGGED && seen.last.modseq > modseq);
    SC_WANT(sc, mansio_str_ieq(seen.keywords, MANSIO_STR("beta")));
    modseq = seen.last.modseq;
    seen = change(sc, id, MANSIO_FLAGS_REPLACE, MANSIO_FLAG_ANSWERED | MANSIO_FLAG_DELETED, "gamma",
                  all);
    SC_WANT(sc, seen.last.flags == (MANSIO_FLAG_ANSWERED | MANSIO_FLAG_DELETED));
    SC_WANT(sc, mansio_str_eq(seen.keywords, MANSIO_STR("gamma")) && seen.last.modseq > modseq);
    const struct mansio_message *message = sc_message(sc, &sc->one, id, uid);
    SC_WANT(sc, message->flags == seen.last.flags && message->modseq == seen.last.modseq);
    SC_WANT(sc, mansio_str_eq(message->keywords, seen.keywords));
    SC_WANT(sc, sc_get(sc, &sc->one, id).modseq >= message->modseq);
    seen = change(sc, id, MANSIO_FLAGS_REPLACE, 0, "", all);
    SC_WANT(sc, seen.last.flags == 0 && seen.keywords.len == 0);
}

static void flags_of_what_is_not_there(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Absent");
    uint32_t uid = sc_append(sc, &sc->one, id, ONE);
    const uint32_t ranges[] = {uid, uid + 5};
    const struct mansio_flag_change what = {
        .size = sizeof what,
        .uid_ranges = ranges,
        .range_count = 1,
        .operation = MANSIO_FLAGS_ADD,
        .flags = MANSIO_FLAG_SEEN,
        .unchanged_since = UINT64_MAX,
    };
    struct seen seen = {.sc = sc};

    SC_CODE(sc,
            sc->one.store->message_flag(SC_SIDE(sc->one), id, &what, note_shown, note_refused,
                                        &seen, sc_deadline()),
            0);
    SC_WANT(sc, seen.shown.count == 1 && seen.shown.uids[0] == uid && seen.refused.count == 0);
    SC_CODE(sc,
            sc->one.store->message_flag(SC_SIDE(sc->one), UINT64_C(987654321987), &what, NULL, NULL,
                                        NULL, sc_deadline()),
            MANSIO_E_NOT_FOUND);
}

/* RFC 7162 3.1.3 */
static void unchanged_since_holds_back(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Unchanged");
    uint32_t first = sc_append(sc, &sc->one, id, ONE);
    uint32_t second = sc_append(sc, &sc->one, id, ONE);
    uint64_t since = sc_modseq(sc, &sc->one);

    sc_flag(sc, &sc->one, id, first, MANSIO_FLAG_FLAGGED);
    struct seen seen = change(sc, id, MANSIO_FLAGS_ADD, MANSIO_FLAG_SEEN, "", since);
    SC_WANT(sc, seen.shown.count == 1 && seen.shown.uids[0] == second);
    SC_WANT(sc, seen.refused.count == 1 && seen.refused.uids[0] == first);
    SC_WANT(sc, sc_message(sc, &sc->one, id, first)->flags == MANSIO_FLAG_FLAGGED);
    SC_WANT(sc, sc_message(sc, &sc->one, id, second)->flags == MANSIO_FLAG_SEEN);
}

/* ---- copies ---- */

struct pairs {
    size_t count;
    uint32_t from[16], to[16];
};

static int note_pair(void *arg, uint32_t uid_from, uint32_t uid_to)
{
    struct pairs *pairs = arg;

    if (pairs->count < MANSIO_COUNT(pairs->from)) {
        pairs->from[pairs->count] = uid_from;
        pairs->to[pairs->count++] = uid_to;
    }
    return 0;
}

static struct pairs copy(struct sc *sc, uint64_t from, const uint32_t *ranges, size_t count,
                         uint64_t to, uint32_t is_move)
{
    struct pairs pairs = {.count = 0};
    uint32_t validity = 0;

    SC_CODE(sc,
            sc->one.store->message_copy(SC_SIDE(sc->one), from, ranges, count, to, is_move,
                                        note_pair, &pairs, sc_deadline(), &validity),
            0);
    SC_WANT(sc, validity == sc_get(sc, &sc->one, to).uid_validity);
    for (size_t i = 1; i < pairs.count; i++) {
        SC_WANT(sc, pairs.from[i] > pairs.from[i - 1] && pairs.to[i] > pairs.to[i - 1]);
    }
    return pairs;
}

/* A collection with four messages, the second with everything that goes along. */
static uint64_t four(struct sc *sc, const char *name, uint32_t uids[4])
{
    uint64_t id = sc_create(sc, &sc->one, name);

    for (size_t i = 0; i < 4; i++) {
        uids[i] = sc_append_with(sc, &sc->one, id, ONE, i == 1 ? MANSIO_FLAG_FLAGGED : 0,
                                 i == 1 ? "$Junk word" : "");
    }
    return id;
}

static void copies_are_like_the_first(struct sc *sc)
{
    uint32_t uids[4];
    uint64_t from = four(sc, "Source", uids);
    uint64_t to = sc_create(sc, &sc->one, "Target");
    const uint32_t ranges[] = {uids[1], uids[2]};
    uint64_t modseq = sc_modseq(sc, &sc->one);
    struct pairs pairs = copy(sc, from, ranges, 1, to, 0);

    SC_WANT(sc, pairs.count == 2 && pairs.from[0] == uids[1] && pairs.from[1] == uids[2]);
    SC_WANT(sc, sc_get(sc, &sc->one, from).messages == 4);
    SC_WANT(sc, sc_get(sc, &sc->one, to).messages == 2);
    const struct mansio_message *was = sc_message(sc, &sc->one, from, uids[1]);
    const struct mansio_message *is = sc_message(sc, &sc->one, to, pairs.to[0]);
    SC_WANT(sc, is->message_id == was->message_id && is->blob_id == was->blob_id);
    SC_WANT(sc, is->flags == was->flags && is->received_us == was->received_us);
    SC_WANT(sc, mansio_str_eq(is->keywords, was->keywords) && is->keywords.len > 0);
    SC_WANT(sc, is->modseq > modseq && was->modseq <= modseq);
    SC_WANT(sc, mansio_str_eq(sc_read(sc, &sc->one, to, pairs.to[0], 1000), sc_text(ONE)));
    /* Into itself: more of the same. */
    pairs = copy(sc, to, NULL, 0, to, 0);
    SC_WANT(sc, pairs.count == 2 && sc_get(sc, &sc->one, to).messages == 4);
    SC_WANT(sc, pairs.to[0] > pairs.from[1]);
    /* What outlives its first entry. */
    (void)sc_expunge(sc, &sc->one, from, NULL, 0, 0);
    SC_WANT(sc, mansio_str_eq(sc_read(sc, &sc->one, to, pairs.to[1], 7), sc_text(ONE)));
    pairs = copy(sc, from, NULL, 0, to, 0);
    SC_WANT(sc, pairs.count == 0);
    SC_CODE(sc,
            sc->one.store->message_copy(SC_SIDE(sc->one), to, NULL, 0, UINT64_C(987654321987), 0,
                                        NULL, NULL, sc_deadline(), NULL),
            MANSIO_E_NOT_FOUND);
    SC_CODE(sc,
            sc->one.store->message_copy(SC_SIDE(sc->one), UINT64_C(987654321987), NULL, 0, to, 0,
                                        NULL, NULL, sc_deadline(), NULL),
            MANSIO_E_NOT_FOUND);
}

/* RFC 6851 */
static void moved_is_there_and_no_longer_here(struct sc *sc)
{
    uint32_t uids[4];
    uint64_t from = four(sc, "Source", uids);
    uint64_t to = sc_create(sc, &sc->one, "Target");
    const uint32_t ranges[] = {uids[0], uids[1], uids[3], UINT32_MAX};
    struct mansio_usage before = {.size = sizeof before};
    struct mansio_usage after = {.size = sizeof after};

    SC_CODE(sc, sc->one.store->usage(SC_SIDE(sc->one), sc_deadline(), &before), 0);
    struct pairs pairs = copy(sc, from, ranges, 2, to, 1);
    SC_WANT(sc, pairs.count == 3);
    const struct sc_list *left = sc_all(sc, &sc->one, from);
    SC_WANT(sc, left->count == 1 && left->messages[0].uid == uids[2]);
    SC_WANT(sc, sc_all(sc, &sc->one, to)->count == 3);
    SC_WANT(sc, sc_message(sc, &sc->one, to, pairs.to[1])->flags == MANSIO_FLAG_FLAGGED);
    SC_CODE(sc, sc->one.store->usage(SC_SIDE(sc->one), sc_deadline(), &after), 0);
    SC_WANT(sc, before.bytes == after.bytes && before.messages == after.messages);
    SC_WANT(sc, after.modseq > before.modseq);
    /* Into itself: the same messages under new UIDs. */
    pairs = copy(sc, to, NULL, 0, to, 1);
    const struct sc_list *list = sc_all(sc, &sc->one, to);
    SC_WANT(sc, pairs.count == 3 && list->count == 3);
    SC_WANT(sc, list->messages[0].uid == pairs.to[0] && pairs.to[0] > pairs.from[2]);
    struct mansio_collection got = sc_get(sc, &sc->one, to);
    SC_WANT(sc, got.messages == 3 && got.unseen == 3 && got.bytes == 3 * strlen(ONE));
}

/* COPY is all or none, also of what another has removed meanwhile (RFC 3501 6.4.7). */
static void copied_whole_or_not_at_all(struct sc *sc)
{
    uint32_t uids[4];
    uint64_t from = four(sc, "Source", uids);
    uint64_t to = sc_create(sc, &sc->one, "Target");
    const uint32_t all[] = {uids[0], uids[3]};
    const uint32_t second[] = {uids[1], uids[1]};
    const uint32_t rest[] = {uids[0], uids[0], uids[2], uids[3]};

    SC_WANT(sc, copy(sc, from, all, 1, to, MANSIO_COPY_WHOLE).count == 4);
    (void)sc_expunge(sc, &sc->one, from, second, 1, 0);
    for (uint32_t flags = MANSIO_COPY_WHOLE; flags <= (MANSIO_COPY_WHOLE | MANSIO_COPY_MOVE);
         flags++) {
        uint64_t modseq = sc_modseq(sc, &sc->one);
        SC_CODE(sc,
                sc->one.store->message_copy(SC_SIDE(sc->one), from, all, 1, to, flags, NULL, NULL,
                                            sc_deadline(), NULL),
                MANSIO_E_INVALID);
        SC_WANT(sc, sc_get(sc, &sc->one, to).messages == 4);
        SC_WANT(sc, sc_get(sc, &sc->one, from).messages == 3);
        SC_WANT(sc, sc_modseq(sc, &sc->one) == modseq);
    }
    SC_WANT(sc, copy(sc, from, rest, 2, to, MANSIO_COPY_WHOLE | MANSIO_COPY_MOVE).count == 3);
    SC_WANT(sc, sc_get(sc, &sc->one, from).messages == 0);
}

static void expunge_takes_what_it_should(struct sc *sc)
{
    uint32_t uids[4];
    uint64_t id = four(sc, "Expunge", uids);
    const uint32_t first_two[] = {uids[0], uids[1]};

    sc_flag(sc, &sc->one, id, uids[1], MANSIO_FLAG_DELETED);
    sc_flag(sc, &sc->one, id, uids[3], MANSIO_FLAG_DELETED);
    const struct sc_uids *gone = sc_expunge(sc, &sc->one, id, first_two, 1, 1);
    SC_WANT(sc, gone->count == 1 && gone->uids[0] == uids[1]);
    gone = sc_expunge(sc, &sc->one, id, NULL, 0, 1);
    SC_WANT(sc, gone->count == 1 && gone->uids[0] == uids[3]);
    gone = sc_expunge(sc, &sc->one, id, NULL, 0, 1);
    SC_WANT(sc, gone->count == 0);
    const struct sc_list *left = sc_all(sc, &sc->one, id);
    SC_WANT(sc, left->count == 2 && left->messages[0].uid == uids[0] &&
                    left->messages[1].uid == uids[2]);
    gone = sc_expunge(sc, &sc->one, id, NULL, 0, 0);
    SC_WANT(sc, gone->count == 2 && gone->uids[0] == uids[0] && gone->uids[1] == uids[2]);
    struct mansio_str text = MANSIO_STR_NONE;
    SC_CODE(sc,
            sc->one.store->message_read(SC_SIDE(sc->one), id, uids[0], 0, 100, sc->arena,
                                        sc_deadline(), &text),
            MANSIO_E_NOT_FOUND);
    SC_CODE(sc,
            sc->one.store->message_expunge(SC_SIDE(sc->one), UINT64_C(987654321987), NULL, 0, 0,
                                           NULL, NULL, sc_deadline()),
            MANSIO_E_NOT_FOUND);
}

/* ---- what it all weighs ---- */

static void usage_follows(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Usage");
    struct mansio_usage before = {.size = sizeof before};
    struct mansio_usage after = {.size = sizeof after};

    SC_CODE(sc, sc->one.store->usage(SC_SIDE(sc->one), sc_deadline(), &before), 0);
    (void)sc_append(sc, &sc->one, id, ONE);
    SC_CODE(sc, sc->one.store->usage(SC_SIDE(sc->one), sc_deadline(), &after), 0);
    SC_WANT(sc, after.messages == before.messages + 1);
    SC_WANT(sc, after.bytes == before.bytes + strlen(ONE));
    (void)copy(sc, id, NULL, 0, id, 0);
    SC_CODE(sc, sc->one.store->usage(SC_SIDE(sc->one), sc_deadline(), &after), 0);
    SC_WANT(sc, after.messages == before.messages + 2);
    SC_WANT(sc, after.bytes == before.bytes + 2 * strlen(ONE));
    (void)sc_expunge(sc, &sc->one, id, NULL, 0, 0);
    SC_CODE(sc, sc->one.store->usage(SC_SIDE(sc->one), sc_deadline(), &after), 0);
    SC_WANT(sc, after.messages == before.messages && after.bytes == before.bytes);
}

static void quota_of_messages_holds(struct sc *sc)
{
    uint64_t inbox = sc_inbox(sc, &sc->small);

    sc_fill_small(sc);
    struct mansio_str before = sc_dump(sc, &sc->small);
    struct mansio_append append = {.size = sizeof append, .content = sc_content(sc, sc_text(ONE))};
    SC_CODE(
        sc,
        sc->small.store->message_append(SC_SIDE(sc->small), inbox, &append, 1, sc_deadline(), NULL),
        MANSIO_E_LIMIT);
    const uint32_t star[] = {UINT32_MAX, UINT32_MAX};
    SC_CODE(sc,
            sc->small.store->message_copy(SC_SIDE(sc->small), inbox, star, 1, inbox, 0, NULL, NULL,
                                          sc_deadline(), NULL),
            MANSIO_E_LIMIT);
    SC_WANT(sc, mansio_str_eq(sc_dump(sc, &sc->small), before));
    SC_CODE(sc,
            sc->small.store->message_copy(SC_SIDE(sc->small), inbox, star, 1, inbox, 1, NULL, NULL,
                                          sc_deadline(), NULL),
            0);
    (void)sc_expunge(sc, &sc->small, inbox, star, 1, 0);
    (void)sc_append(sc, &sc->small, inbox, ONE);
}

static void quota_of_bytes_holds(struct sc *sc)
{
    uint64_t inbox = sc_inbox(sc, &sc->small);
    struct mansio_append append = {.size = sizeof append};

    (void)sc_expunge(sc, &sc->small, inbox, NULL, 0, 0);
    append.content = sc_content(sc, sc_noise(sc, 100001, 0));
    SC_CODE(
        sc,
        sc->small.store->message_append(SC_SIDE(sc->small), inbox, &append, 1, sc_deadline(), NULL),
        MANSIO_E_LIMIT);
    append.content = sc_content(sc, sc_noise(sc, 60000, 0));
    SC_CODE(
        sc,
        sc->small.store->message_append(SC_SIDE(sc->small), inbox, &append, 1, sc_deadline(), NULL),
        0);
    /* All or none: the first of these alone would fit. */
    struct mansio_append both[] = {append, append};
    both[0].content = sc_content(sc, sc_text(ONE));
    SC_CODE(
        sc,
        sc->small.store->message_append(SC_SIDE(sc->small), inbox, both, 2, sc_deadline(), NULL),
        MANSIO_E_LIMIT);
    SC_WANT(sc, sc_get(sc, &sc->small, inbox).messages == 1);
}

static const struct sc_case cases[] = {
    {"appended_is_as_given", appended_is_as_given, 0},
    {"what_is_not_asked_for_is_not_told", what_is_not_asked_for_is_not_told, 0},
    {"uids_are_never_used_again", uids_are_never_used_again, 0},
    {"counters_are_counts", counters_are_counts, 0},
    {"ranges_choose", ranges_choose, 0},
    {"changed_since_narrows", changed_since_narrows, 0},
    {"flags_and_keywords_change", flags_and_keywords_change, 0},
    {"flags_of_what_is_not_there", flags_of_what_is_not_there, 0},
    {"unchanged_since_holds_back", unchanged_since_holds_back, 0},
    {"copies_are_like_the_first", copies_are_like_the_first, 0},
    {"moved_is_there_and_no_longer_here", moved_is_there_and_no_longer_here, 0},
    {"copied_whole_or_not_at_all", copied_whole_or_not_at_all, 0},
    {"expunge_takes_what_it_should", expunge_takes_what_it_should, 0},
    {"usage_follows", usage_follows, 0},
    {"quota_of_messages_holds", quota_of_messages_holds, 0},
    {"quota_of_bytes_holds", quota_of_bytes_holds, 0},
};
const struct sc_cases sc_messages = {cases, MANSIO_COUNT(cases)};
