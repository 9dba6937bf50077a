/*
 * Cases of search: what is found where, and that what can't be told is said to be so. A store may
 * do without (the function is NULL).
 */
#include "store_conformance.h"

#include <string.h>

#include <mansio/buf.h>

#define PLAIN                                                                                      \
    "From: Anna <anna@example.org>\r\nTo: bert@example.org\r\nSubject: Invoice for\r\n May\r\n"    \
    "X-Mark: 100%_sure\\\r\n\r\nHello Bert,\r\nthe Subject is below.\r\n"
#define CODED                                                                                      \
    "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= aus K=?iso-8859-1?q?=F6ln?=\r\n"                         \
    "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: base64\r\n\r\n"    \
    "U2No9m5lIEdy/N9lIQ0K\r\n"
#define NESTED                                                                                     \
    "Subject: outside\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"                 \
    "Content-Type: message/rfc822\r\n\r\nSubject: inside\r\nFrom: eve@example.net\r\n\r\ndeep\r\n" \
    "--b\r\nContent-Type: application/pdf; name=\"Bill.PDF\"\r\n\r\nunread\r\n--b--\r\n"

enum { LONG_BYTES = 300000 };

struct found {
    struct sc_uids certain, unsure;
    uint32_t last;
    int is_ascending;
};

static int note_found(void *arg, uint32_t uid, uint32_t is_certain)
{
    struct found *found = arg;

    found->is_ascending &= uid > found->last;
    found->last = uid;
    return sc_note_uid(is_certain ? &found->certain : &found->unsure, uid);
}

static struct found search(struct sc *sc, uint64_t id, const uint32_t *ranges, size_t count,
                           uint32_t where, const char *field, const char *needle)
{
    const struct mansio_search_key key = {
        .size = sizeof key, .where = where, .needle = sc_text(needle), .field = sc_text(field)};
    struct found found = {.is_ascending = 1};

    if (sc->one.store->message_search != NULL) {
        SC_CODE(sc,
                sc->one.store->message_search(SC_SIDE(sc->one), id, ranges, count, &key, note_found,
                                              &found, sc_deadline()),
                0);
        SC_WANT(sc, found.is_ascending);
    }
    return found;
}

/* Messages that a needle is in, bit by bit: 1 the first, 2 the second, ... Nothing is unsure. */
static void expect(struct sc *sc, uint64_t id, const uint32_t *uids, uint32_t where,
                   const char *field, const char *needle, unsigned wanted)
{
    struct found found = search(sc, id, NULL, 0, where, field, needle);
    unsigned bits = 0;

    for (size_t i = 0; i < found.certain.count; i++) {
        for (unsigned j = 0; j < 4; j++) {
            bits |= uids[j] == found.certain.uids[i] ? 1U << j : 0;
        }
    }
    if ((bits != wanted || found.unsure.count > 0) && sc->one.store->message_search != NULL) {
        sc_fail(sc, __FILE__, __LINE__, "\"%s\" in %u%s: %x and %zu unsure, wanted %x", needle,
                where, field, bits, found.unsure.count, wanted);
    }
}

static uint32_t append(struct sc *sc, uint64_t id, struct mansio_str bytes, const char *prefix)
{
    struct mansio_append one = {
        .size = sizeof one, .content = sc_content(sc, bytes), .prefix = sc_text(prefix)};

    SC_CODE(sc, sc->one.store->message_append(SC_SIDE(sc->one), id, &one, 1, sc_deadline(), NULL),
            0);
    return one.uid;
}

static void search_finds_where_it_is_told(struct sc *sc)
{
    static const struct {
        uint32_t where;
        const char *field, *needle;
        unsigned wanted;
    } rows[] = {
        {MANSIO_SEARCH_TEXT, "", "invoice for may", 1},
        {MANSIO_SEARCH_BODY, "", "invoice", 0},
        {MANSIO_SEARCH_BODY, "", "hello bert", 1},
        {MANSIO_SEARCH_TEXT, "", "hello bert", 1},
        {MANSIO_SEARCH_BODY, "", "subject", 1},
        {MANSIO_SEARCH_TEXT, "", "subject", 7},
        {MANSIO_SEARCH_TEXT, "", "gr\xc3\xbcsse aus k\xc3\xb6ln", 2},
        {MANSIO_SEARCH_BODY, "", "sch\xc3\xb6ne gr\xc3\xbcsse", 2},
        {MANSIO_SEARCH_BODY, "", "u2no9m5l", 0},
        {MANSIO_SEARCH_BODY, "", "inside", 4},
        {MANSIO_SEARCH_BODY, "", "eve@example.net", 4},
        {MANSIO_SEARCH_BODY, "", "bill.pdf", 4},
        {MANSIO_SEARCH_BODY, "", "outside", 0},
        {MANSIO_SEARCH_BODY, "", "unread", 0},
        {MANSIO_SEARCH_TEXT, "", "100%_sure\\", 1},
        {MANSIO_SEARCH_FIELD, "x-mark", "0%_s", 1},
        {MANSIO_SEARCH_FIELD, "x-mark", "", 1},
        {MANSIO_SEARCH_FIELD, "x-mark", "x-mark", 0},
        {MANSIO_SEARCH_FIELD, "mark", "", 0},
        {MANSIO_SEARCH_FIELD, "subject", "", 7},
        {MANSIO_SEARCH_FIELD, "subject", "for may", 1},
        {MANSIO_SEARCH_FIELD, "subject", "anna", 0},
        {MANSIO_SEARCH_FIELD, "subject", "inside", 0},
        {MANSIO_SEARCH_FIELD, "from", "inside", 0},
        {MANSIO_SEARCH_TEXT, "", "for user7@example.org", 8},
        {MANSIO_SEARCH_BODY, "", "user7", 0},
        {MANSIO_SEARCH_FIELD, "received", "example.net for <user7@", 8},
        {MANSIO_SEARCH_FIELD, "received", "back\\slash", 8},
        {MANSIO_SEARCH_FIELD, "return-path", "user7", 0},
        {MANSIO_SEARCH_FIELD, "return-path", "", 8},
        {MANSIO_SEARCH_TEXT, "", "example.orgreceived", 0},
        {MANSIO_SEARCH_TEXT, "", "", 15},
        {MANSIO_SEARCH_TEXT, "", "\xc3\xa4", 0},
    };
    uint64_t id = sc_create(sc, &sc->one, "Search");
    const uint32_t uids[] = {
        append(sc, id, sc_text(PLAIN), ""),
        append(sc, id, sc_text(CODED), ""),
        append(sc, id, sc_text(NESTED), ""),
        append(sc, id, sc_text("X-Nothing: x\r\n\r\nmore\r\n"),
               "Return-Path: <A@EXAMPLE.ORG>\r\nReceived: from Example.NET\r\n\tfor "
               "<USER7@example.org> back\\slash;\r\n for user7@example.org\r\n"),
    };

    for (size_t i = 0; i < MANSIO_COUNT(rows) && !sc->failed; i++) {
        expect(sc, id, uids, rows[i].where, rows[i].field, rows[i].needle, rows[i].wanted);
    }
}

/* Lines before the message are an entry's: copies share a text and not those. */
static void search_knows_whose_prefix(struct sc *sc)
{
    uint64_t inbox[2] = {sc_inbox(sc, &sc->one), sc_inbox(sc, &sc->two)};
    struct mansio_plan *plan = sc_plan(sc, 0);
    struct mansio_str names[2] = {sc_name(sc, "first"), sc_name(sc, "second")};
    struct found found[2] = {{.is_ascending = 1}, {.is_ascending = 1}};
    const struct sc_side *sides[2] = {&sc->one, &sc->two};

    for (size_t i = 0; i < 2; i++) {
        struct mansio_str prefix = MANSIO_STR_NONE;
        SC_CODE(sc,
                mansio_arena_printf(sc->arena, &prefix, "Delivered-To: %.*s\r\n",
                                    MANSIO_STR_ARG(names[i])),
                0);
        const struct mansio_plan_entry entry = {.prefix = prefix};
        sc_plan_add(sc, plan, sides[i], &entry);
    }
    SC_CODE(sc, sc_deliver(sc, &sc->one, plan, sc_text(PLAIN)), 0);
    if (sc->failed || sc->one.store->message_search == NULL) {
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < 2; j++) {
            const struct mansio_search_key key = {
                .size = sizeof key, .where = MANSIO_SEARCH_TEXT, .needle = names[j]};
            found[i] = (struct found){.is_ascending = 1};
            SC_CODE(sc,
                    sides[i]->store->message_search(SC_SIDE(*sides[i]), inbox[i], NULL, 0, &key,
                                                    note_found, &found[i], sc_deadline()),
                    0);
            /* INBOX may have others, of which nothing is known. */
            SC_WANT(sc, found[i].certain.count == (i == j));
        }
    }
}

/* What is kept of a message has an end: what may lie beyond is said to be unsure. */
static void search_says_what_it_does_not_know(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Unsure");
    struct mansio_buf *text = mansio_buf_new(sc->arena, 2 * LONG_BYTES);

    (void)mansio_buf_add(text, MANSIO_STR("Subject: long\r\n\r\nbeginning\r\n"));
    while (mansio_buf_str(text).len < LONG_BYTES) {
        (void)mansio_buf_add(text, MANSIO_STR("Some words that say nothing at all.\r\n"));
    }
    (void)mansio_buf_add(text, MANSIO_STR("ending\r\n"));
    uint32_t shorter = append(sc, id, sc_text(PLAIN), "");
    uint32_t longer = append(sc, id, mansio_buf_str(text), "");

    if (sc->one.store->message_search == NULL) {
        return;
    }
    struct found found = search(sc, id, NULL, 0, MANSIO_SEARCH_BODY, "", "beginning");
    SC_WANT(sc, found.certain.count == 1 && found.certain.uids[0] == longer);
    SC_WANT(sc, found.unsure.count == 0);
    found = search(sc, id, NULL, 0, MANSIO_SEARCH_TEXT, "", "ending");
    SC_WANT(sc, found.certain.count == 0 && found.unsure.count == 1);
    SC_WANT(sc, found.unsure.uids[0] == longer);
    found = search(sc, id, NULL, 0, MANSIO_SEARCH_TEXT, "", "hello");
    SC_WANT(sc, found.certain.count == 1 && found.certain.uids[0] == shorter);
    SC_WANT(sc, found.unsure.count == 1);
}

static void search_keeps_to_its_ranges(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Ranges");
    uint32_t uids[5];

    for (size_t i = 0; i < MANSIO_COUNT(uids); i++) {
        uids[i] = append(sc, id, sc_text(PLAIN), "");
    }
    const uint32_t ranges[] = {uids[0], uids[0], uids[2], uids[3]};
    const uint32_t star[] = {UINT32_MAX, UINT32_MAX};
    if (sc->one.store->message_search == NULL) {
        return;
    }
    struct found found = search(sc, id, ranges, 2, MANSIO_SEARCH_TEXT, "", "hello");
    SC_WANT(sc, found.certain.count == 3 && found.certain.uids[1] == uids[2]);
    found = search(sc, id, star, 1, MANSIO_SEARCH_TEXT, "", "hello");
    SC_WANT(sc, found.certain.count == 1 && found.certain.uids[0] == uids[4]);
    (void)sc_expunge(sc, &sc->one, id, star, 1, 0);
    found = search(sc, id, NULL, 0, MANSIO_SEARCH_FIELD, "to", "bert");
    SC_WANT(sc, found.certain.count == 4);
}

static const struct sc_case cases[] = {
    {"search_finds_where_it_is_told", search_finds_where_it_is_told, 0},
    {"search_knows_whose_prefix", search_knows_whose_prefix, 0},
    {"search_says_what_it_does_not_know", search_says_what_it_does_not_know, 0},
    {"search_keeps_to_its_ranges", search_keeps_to_its_ranges, 0},
};
const struct sc_cases sc_search = {cases, MANSIO_COUNT(cases)};
