/*
 * Cases of bytes: what went in comes out, whatever it is and however it is asked for; blobs.
 */
#include "store_conformance.h"

#include <string.h>

enum { CHUNK = 256 << 10, BIG = 3 << 20 };

static uint32_t append(struct sc *sc, uint64_t id, struct mansio_str bytes, const char *prefix)
{
    struct mansio_append one = {
        .size = sizeof one, .content = sc_content(sc, bytes), .prefix = sc_text(prefix)};

    SC_CODE(sc, sc->one.store->message_append(SC_SIDE(sc->one), id, &one, 1, sc_deadline(), NULL),
            0);
    return one.uid;
}

static struct mansio_str slice(struct sc *sc, uint64_t id, uint32_t uid, uint64_t offset,
                               size_t max)
{
    struct mansio_str out = MANSIO_STR_NONE;

    SC_CODE(sc,
            sc->one.store->message_read(SC_SIDE(sc->one), id, uid, offset, max, sc->arena,
                                        sc_deadline(), &out),
            0);
    return out;
}

static void a_body_of_nothing(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Empty");
    uint32_t bare = append(sc, id, MANSIO_STR(""), "");
    uint32_t uid = append(sc, id, MANSIO_STR(""), "X-A: b\r\n");

    SC_WANT(sc, sc_message(sc, &sc->one, id, bare)->body_bytes == 0);
    SC_WANT(sc, slice(sc, id, bare, 0, 100).len == 0);
    SC_WANT(sc, mansio_str_eq(slice(sc, id, uid, 0, 100), MANSIO_STR("X-A: b\r\n")));
    SC_WANT(sc, sc_get(sc, &sc->one, id).messages == 2);
}

static void bytes_of_any_value(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Bytes");
    struct mansio_str noise = sc_noise(sc, 5000, 1);
    uint32_t uid = append(sc, id, noise, "");
    uint32_t nul = append(sc, id, MANSIO_STR("a\0b\0\0\r\xff\n"), "");

    SC_WANT(sc, mansio_str_eq(sc_read(sc, &sc->one, id, uid, 333), noise));
    SC_WANT(sc, mansio_str_eq(slice(sc, id, nul, 0, 100), MANSIO_STR("a\0b\0\0\r\xff\n")));
    SC_WANT(sc, sc_message(sc, &sc->one, id, nul)->body_bytes == 8);
}

/* What a store gives of several at once is what it gives of each; what it leaves out is asked for
 * singly. */
static void many_at_once(struct sc *sc)
{
    enum { COUNT = 5 };
    uint64_t id = sc_create(sc, &sc->one, "Many");
    struct mansio_str out[COUNT];
    uint32_t uids[COUNT];

    for (size_t i = 0; i < COUNT; i++) {
        uids[i] = append(sc, id, sc_noise(sc, 1000 + i, 1), i == 1 ? "X-A: b\r\n" : "");
    }
    SC_WANT(sc, sc->one.store->message_read_many != NULL);
    if (sc->failed) {
        return;
    }
    uint32_t gone[2] = {uids[2], uids[2]};
    (void)sc_expunge(sc, &sc->one, id, gone, 1, 0);
    SC_CODE(sc,
            sc->one.store->message_read_many(SC_SIDE(sc->one), id, uids, COUNT, 1 << 20, sc->arena,
                                             sc_deadline(), out),
            0);
    for (size_t i = 0; i < COUNT; i++) {
        SC_WANT(sc, i == 2 ? out[i].len == 0
                           : mansio_str_eq(out[i], sc_read(sc, &sc->one, id, uids[i], 4096)));
    }
    SC_CODE(sc,
            sc->one.store->message_read_many(SC_SIDE(sc->one), id, uids, COUNT, 3100, sc->arena,
                                             sc_deadline(), out),
            0);
    SC_WANT(sc, out[0].len == 1000 && out[1].len == 1009 && out[3].len == 1003 && out[4].len == 0);
    /* None of the first account's in a collection of another's. */
    SC_CODE(sc,
            sc->two.store->message_read_many(SC_SIDE(sc->two), id, uids, COUNT, 1 << 20, sc->arena,
                                             sc_deadline(), out),
            0);
    SC_WANT(sc, out[0].len == 0 && out[4].len == 0);
    SC_CODE(sc,
            sc->foreign.store->message_read_many(SC_SIDE(sc->foreign), id, uids, COUNT, 1 << 20,
                                                 sc->arena, sc_deadline(), out),
            0);
    SC_WANT(sc, out[0].len == 0 && out[4].len == 0);
}

/* A slice of each is what message_read() gives of it, wherever it begins and ends. */
static void slices_of_many(struct sc *sc)
{
    enum { COUNT = 6 };
    static const struct {
        uint64_t offset;
        uint32_t max;
    } rows[] = {
        {0, 1},  {0, 8},    {0, 9},     {3, 2},     {3, 100},        {8, 50},
        {9, 50}, {500, 10}, {990, 400}, {99999, 5}, {UINT64_MAX, 5}, {0, 100000},
    };
    uint64_t id = sc_create(sc, &sc->one, "Slices");
    struct mansio_slice slices[COUNT];
    uint32_t uids[COUNT];

    for (size_t i = 0; i < COUNT; i++) {
        uids[i] = append(sc, id, sc_noise(sc, 1000 * (i + 1), 1), i % 2 == 1 ? "X-A: b\r\n" : "");
    }
    SC_WANT(sc, sc->one.store->message_read_slices != NULL);
    if (sc->failed) {
        return;
    }
    uint32_t gone[2] = {uids[2], uids[2]};
    (void)sc_expunge(sc, &sc->one, id, gone, 1, 0);
    for (size_t row = 0; row < MANSIO_COUNT(rows) && !sc->failed; row++) {
        for (size_t i = 0; i < COUNT; i++) {
            size_t turn = (row + i) % MANSIO_COUNT(rows);
            slices[i] = (struct mansio_slice){.size = sizeof slices[i],
                                              .uid = uids[i],
                                              .offset = rows[turn].offset,
                                              .max = rows[turn].max,
                                              .bytes = MANSIO_STR("?")};
        }
        SC_CODE(sc,
                sc->one.store->message_read_slices(SC_SIDE(sc->one), id, slices, COUNT, sc->arena,
                                                   sc_deadline()),
                0);
        for (size_t i = 0; i < COUNT; i++) {
            SC_WANT(sc,
                    i == 2 ? slices[i].bytes.len == 0
                           : mansio_str_eq(slices[i].bytes, slice(sc, id, uids[i], slices[i].offset,
                                                                  slices[i].max)));
        }
    }
    /* None of the first account's in a collection of another's. */
    SC_CODE(sc,
            sc->foreign.store->message_read_slices(SC_SIDE(sc->foreign), id, slices, COUNT,
                                                   sc->arena, sc_deadline()),
            0);
    SC_WANT(sc, slices[0].bytes.len == 0 && slices[5].bytes.len == 0);
}

/* Sizes about the edges at which a store may change its way of storing. */
static void sizes_about_edges(struct sc *sc)
{
    static const size_t sizes[] = {1,     2000,      4079,  4080,      4081,    65535,
                                   65536, CHUNK - 1, CHUNK, CHUNK + 1, 1 << 20, (1 << 20) + 1};
    uint64_t id = sc_create(sc, &sc->one, "Sizes");

    for (size_t i = 0; i < MANSIO_COUNT(sizes) && !sc->failed; i++) {
        struct mansio_str noise = sc_noise(sc, sizes[i], 1);
        uint32_t uid = append(sc, id, noise, "");
        struct mansio_str read = sc_read(sc, &sc->one, id, uid, 1 << 20);
        if (!mansio_str_eq(read, noise)) {
            sc_fail(sc, __FILE__, __LINE__, "%zu bytes came back as %zu, or others", sizes[i],
                    read.len);
        }
    }
}

static void a_big_body_in_slices(struct sc *sc)
{
    const char *prefix = "Return-Path: <a@example.org>\r\n";
    uint64_t id = sc_create(sc, &sc->one, "Big");
    struct mansio_str noise = sc_noise(sc, BIG, 1);
    uint32_t uid = append(sc, id, noise, prefix);
    size_t before = strlen(prefix);
    static const size_t lengths[] = {1, 2, 1000, CHUNK, CHUNK + 1, 1 << 20};

    SC_WANT(sc, sc_message(sc, &sc->one, id, uid)->body_bytes == BIG);
    struct mansio_str whole = sc_read(sc, &sc->one, id, uid, 700001);
    SC_WANT(sc, mansio_str_eq(mansio_str_sub(whole, 0, before), sc_text(prefix)));
    SC_WANT(sc, mansio_str_eq(mansio_str_sub(whole, before, SIZE_MAX), noise));
    /* About every edge of 256 KiB of the body, and of the bytes as they are read. */
    for (size_t edge = CHUNK; edge < BIG && !sc->failed; edge += CHUNK) {
        for (size_t i = 0; i < MANSIO_COUNT(lengths) && !sc->failed; i++) {
            size_t offset = edge + before - 1;
            struct mansio_str out = slice(sc, id, uid, offset, lengths[i]);
            SC_WANT(sc, out.len > 0 && out.len <= lengths[i]);
            SC_WANT(sc, mansio_str_eq(out, mansio_str_sub(noise, offset - before, out.len)));
            if (lengths[i] <= 1000) {
                SC_WANT(sc, out.len == lengths[i]);
            }
        }
    }
    SC_WANT(sc, slice(sc, id, uid, before + BIG - 1, 100).len == 1);
    SC_WANT(sc, slice(sc, id, uid, before + BIG, 100).len == 0);
    SC_WANT(sc, slice(sc, id, uid, UINT64_C(1) << 40, 100).len == 0);
    /* The same bytes for who copied it. */
    uint64_t to = sc_create(sc, &sc->one, "Copied");
    SC_CODE(sc,
            sc->one.store->message_copy(SC_SIDE(sc->one), id, NULL, 0, to, 1, NULL, NULL,
                                        sc_deadline(), NULL),
            0);
    uint32_t moved = sc_all(sc, &sc->one, to)->messages[0].uid;
    SC_WANT(sc, mansio_str_eq(sc_read(sc, &sc->one, to, moved, 1 << 20), whole));
}

static void a_read_respects_its_arena(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Arena");
    uint32_t uid = append(sc, id, sc_noise(sc, 300000, 0), "");
    struct mansio_arena *arena = mansio_arena_new(NULL, "small", 20000);
    struct mansio_str out = MANSIO_STR_NONE;

    SC_CODE(sc,
            sc->one.store->message_read(SC_SIDE(sc->one), id, uid, 0, 300000, arena, sc_deadline(),
                                        &out),
            MANSIO_E_LIMIT);
    mansio_arena_free(arena);
    SC_WANT(sc, slice(sc, id, uid, 299999, 10).len == 1);
}

static void texts_are_folded(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Text");
    uint32_t uid = append(sc, id, sc_text("Subject: Greetings\r\n\r\nHello WORLD\r\n"), "");
    struct mansio_str text = MANSIO_STR_NONE;

    SC_CODE(sc,
            sc->one.store->message_text(SC_SIDE(sc->one), id, uid, sc->arena, sc_deadline(), &text),
            0);
    /* Empty as long as there is none. */
    SC_WANT(sc, text.len == 0 || mansio_str_find(text, MANSIO_STR("hello world")) >= 0);
    SC_CODE(
        sc,
        sc->one.store->message_text(SC_SIDE(sc->one), id, uid + 1, sc->arena, sc_deadline(), &text),
        MANSIO_E_NOT_FOUND);
}

static void blobs_come_back(struct sc *sc)
{
    static const size_t sizes[] = {0, 1, 5000, CHUNK + 1, BIG};

    for (size_t i = 0; i < MANSIO_COUNT(sizes) && !sc->failed; i++) {
        struct mansio_str noise = sc_noise(sc, sizes[i], 1);
        struct mansio_str out = MANSIO_STR_NONE;
        uint64_t id = 0;
        uint64_t size = 77;
        SC_CODE(sc, sc->one.blob->put(SC_SIDE(sc->one), sc_content(sc, noise), sc_deadline(), &id),
                0);
        SC_WANT(sc, id != 0);
        for (size_t at = 0; at < sizes[i] && !sc->failed; at += out.len) {
            SC_CODE(sc,
                    sc->one.blob->read(SC_SIDE(sc->one), id, at, 400001, sc->arena, sc_deadline(),
                                       &out, &size),
                    0);
            SC_WANT(sc, out.len > 0 && size == sizes[i]);
            SC_WANT(sc, mansio_str_eq(out, mansio_str_sub(noise, at, out.len)));
        }
        SC_CODE(sc,
                sc->one.blob->read(SC_SIDE(sc->one), id, sizes[i], 10, sc->arena, sc_deadline(),
                                   &out, NULL),
                0);
        SC_WANT(sc, out.len == 0);
    }
}

static void a_message_is_a_blob(struct sc *sc)
{
    uint64_t id = sc_create(sc, &sc->one, "Blob");
    uint32_t uid = append(sc, id, sc_text("a: b\r\n\r\nbody\r\n"), "X-Prefix: c\r\n");
    const struct mansio_message *message = sc_message(sc, &sc->one, id, uid);
    struct mansio_str out = MANSIO_STR_NONE;

    SC_CODE(sc,
            sc->one.blob->read(SC_SIDE(sc->one), message->blob_id, 0, 1000, sc->arena,
                               sc_deadline(), &out, NULL),
            0);
    SC_WANT(sc, mansio_str_eq(out, MANSIO_STR("a: b\r\n\r\nbody\r\n")));
}

static const struct sc_case cases[] = {
    {"a_body_of_nothing", a_body_of_nothing, 0},
    {"bytes_of_any_value", bytes_of_any_value, 0},
    {"many_at_once", many_at_once, 0},
    {"slices_of_many", slices_of_many, 0},
    {"sizes_about_edges", sizes_about_edges, 0},
    {"a_big_body_in_slices", a_big_body_in_slices, 0},
    {"a_read_respects_its_arena", a_read_respects_its_arena, 0},
    {"texts_are_folded", texts_are_folded, 0},
    {"blobs_come_back", blobs_come_back, 0},
    {"a_message_is_a_blob", a_message_is_a_blob, 0},
};
const struct sc_cases sc_bodies = {cases, MANSIO_COUNT(cases)};
