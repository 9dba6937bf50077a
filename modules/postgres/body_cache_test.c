/*
 * The cache of bodies: what is kept and what gives way, that its memory is counted and given back,
 * and that nobody meets the body of another tenant. No database.
 */
#include "body_cache.h"

#include "core/host/testing.h"

#include <string.h>

#include "core/base/testing.h"
#include "testing.h"

enum { BLOCK = 2048, SMALL = 256 << 10, BYTES_MAX = 1 << 20 };

static struct mansio_arena *arena;
static struct pg_body_cache *cache;
static char bytes[BYTES_MAX], copy[BYTES_MAX];

static int setup(void **state)
{
    (void)state;
    arena = mansio_arena_new(NULL, "test", 0);
    cache = pg_body_cache_new(TESTING_PG(arena)->instance, arena, SMALL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pg_body_cache_resize(cache, 0);
    mansio_arena_free(arena);
    return 0;
}

/* Bytes that only this blob of this tenant has. */
static struct mansio_str body_of(int64_t tenant, int64_t blob, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)((uint64_t)tenant * 97 + (uint64_t)blob * 31 + i + i / 253);
    }
    return (struct mansio_str){bytes, size};
}

/* The messages of these tests have the number of their blob, and are in collection 7 as the UID of
 * that number. */
static void put(int64_t tenant, int64_t blob, size_t size)
{
    const struct pg_body_source source = {tenant, blob, blob, 7, blob};
    pg_body_put(cache, &source, body_of(tenant, blob, size));
}

/* Take, compare all of it, and give back; 1: it was there. */
static int reads(int64_t tenant, int64_t collection, int64_t uid, int64_t blob, size_t size)
{
    const struct pg_body *body = pg_body_take(cache, tenant, collection, uid);
    if (body == NULL) {
        return 0;
    }
    assert_int_equal(pg_body_blob(body), blob);
    assert_int_equal(pg_body_size(body), size);
    pg_body_copy(cache, body, 0, size, copy);
    assert_memory_equal(copy, body_of(tenant, blob, size).ptr, size);
    pg_body_give_back(cache, body, 1);
    return 1;
}

static size_t size_of(int64_t blob)
{
    return 1 + (size_t)(blob * 7919 % (SMALL / 8));
}

static void test_bytes_come_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2047, 2048, 2049, 4096, 5000, 32768};
    for (size_t i = 0; i < MANSIO_COUNT(sizes); i++) {
        int64_t blob = 100 + (int64_t)i;
        put(1, blob, sizes[i]);
        assert_true(reads(1, 7, blob, blob, sizes[i]));
    }
    const struct pg_body *body = pg_body_take(cache, 1, 7, 105);
    assert_non_null(body);
    for (size_t offset = 0; offset <= 5000; offset += 7) {
        size_t length = offset % 2 == 0 ? 5000 - offset : (5000 - offset) / 3;
        memset(copy, '?', 5001);
        pg_body_copy(cache, body, offset, length, copy);
        assert_memory_equal(copy, body_of(1, 105, 5000).ptr + offset, length);
        assert_int_equal(copy[length], '?');
    }
    pg_body_give_back(cache, body, 1);
}

static void test_what_is_not_kept(void **state)
{
    (void)state;
    put(1, 1, 0);
    assert_int_equal(pg_body_cache_bytes(cache), 0); /* no memory before it is needed */
    put(1, 2, SMALL / 8 + 1);
    put(1, 3, SMALL / 8);
    assert_false(reads(1, 7, 1, 1, 0));
    assert_false(reads(1, 7, 2, 2, SMALL / 8 + 1));
    assert_true(reads(1, 7, 3, 3, SMALL / 8));
    assert_false(reads(1, 8, 3, 3, SMALL / 8));
    /* Off, or too small to be of use. */
    pg_body_cache_resize(cache, 0);
    put(1, 3, 1);
    assert_false(reads(1, 7, 3, 3, 1));
    pg_body_cache_resize(cache, 10 * BLOCK);
    put(1, 3, 1);
    assert_false(reads(1, 7, 3, 3, 1));
    assert_int_equal(pg_body_cache_bytes(cache), 0);
}

/* Tables and whole blocks, never more than is set, and nearly that much, whatever comes. */
static void test_memory_is_counted(void **state)
{
    (void)state;
    put(1, 1, 1);
    size_t tables = pg_body_cache_bytes(cache) - BLOCK, most = 0, hits = 0;
    assert_true(tables > 0 && tables < SMALL / 16);
    put(1, 2, BLOCK + 1);
    assert_int_equal(pg_body_cache_bytes(cache), tables + 3 * BLOCK);
    put(1, 2, BLOCK + 1); /* it is there */
    assert_int_equal(pg_body_cache_bytes(cache), tables + 3 * BLOCK);
    for (int64_t blob = 10; blob < 4000; blob++) {
        put(blob % 3, blob, size_of(blob));
        for (int64_t old = blob; old > 10 && old > blob - 20; old -= 1 + blob % 4) {
            hits += (size_t)reads(old % 3, 7, old, old, size_of(old));
        }
        size_t now = pg_body_cache_bytes(cache);
        assert_true(now <= SMALL && (now - tables) % BLOCK == 0);
        most = now > most ? now : most;
    }
    assert_true(most > SMALL - 2 * BLOCK);
    assert_true(hits > 4000);
}

/* Fifteen bodies of eight blocks fill it. */
enum { EIGHT = 8 * BLOCK, FULL = 15 };

static void fill(void)
{
    for (int64_t blob = 1; blob <= FULL; blob++) {
        put(1, blob, EIGHT);
    }
}

/* Which of the first 64 blobs are there, a bit each. */
static uint64_t held(void)
{
    uint64_t bits = 0;
    for (int64_t blob = 1; blob < 64; blob++) {
        bits |= (uint64_t)reads(1, 7, blob, blob, EIGHT) << blob;
    }
    return bits;
}

static uint64_t bits_of(int64_t from, int64_t to)
{
    return (UINT64_C(2) << to) - (UINT64_C(1) << from);
}

static void test_oldest_gives_way(void **state)
{
    (void)state;
    fill();
    put(1, 16, EIGHT);
    put(1, 17, EIGHT);
    assert_int_equal(held(), bits_of(3, 17));
}

static void test_read_again_stays(void **state)
{
    (void)state;
    fill();
    assert_true(reads(1, 7, 2, 2, EIGHT));
    put(1, 4, EIGHT); /* somebody else had it sent meanwhile */
    for (int64_t blob = 100; blob < 400; blob++) {
        put(1, blob, EIGHT); /* a large mailbox, once */
    }
    assert_int_equal(held(), bits_of(2, 2) | bits_of(4, 4));
}

/* Three quarters at most: who was read again first is among the others then, and goes first. */
static void test_read_again_has_its_part(void **state)
{
    (void)state;
    fill();
    assert_int_equal(held(), bits_of(1, FULL));
    put(1, 16, EIGHT);
    put(1, 17, EIGHT);
    assert_int_equal(held(), bits_of(3, 17));
}

static void test_taken_stays(void **state)
{
    (void)state;
    const struct pg_body *taken[FULL + 1];
    fill();
    taken[1] = pg_body_take(cache, 1, 7, 1);
    for (int64_t blob = 100; blob < 200; blob++) {
        put(1, blob, EIGHT);
    }
    assert_int_equal(pg_body_cache_taken(cache), 1);
    pg_body_copy(cache, taken[1], 0, EIGHT, copy);
    assert_memory_equal(copy, body_of(1, 1, EIGHT).ptr, EIGHT);
    /* Twice, and wrong: then it is as any that was read once. */
    assert_ptr_equal(pg_body_take(cache, 1, 7, 1), taken[1]);
    pg_body_give_back(cache, taken[1], 0);
    pg_body_give_back(cache, taken[1], 0);
    fill();
    /* What is taken makes no room, and nothing is kept then. */
    for (int64_t blob = 1; blob <= FULL; blob++) {
        taken[blob] = pg_body_take(cache, 1, 7, blob);
        assert_non_null(taken[blob]);
    }
    size_t before = pg_body_cache_bytes(cache);
    put(1, 50, EIGHT);
    assert_int_equal(pg_body_cache_bytes(cache), before);
    for (int64_t blob = 1; blob <= FULL; blob++) {
        pg_body_give_back(cache, taken[blob], 1);
    }
    assert_int_equal(held(), bits_of(1, FULL));
    pg_body_give_back(cache, NULL, 1);
}

static void test_shrinks(void **state)
{
    (void)state;
    fill();
    pg_body_cache_resize(cache, SMALL);
    assert_true(reads(1, 7, 1, 1, EIGHT)); /* no change */
    pg_body_cache_resize(cache, SMALL / 2);
    assert_int_equal(pg_body_cache_bytes(cache), 0);
    assert_int_equal(held(), 0);
    fill();
    assert_true(pg_body_cache_bytes(cache) <= SMALL / 2);
    /* What is taken keeps its bytes, but nothing new is taken or kept. */
    const struct pg_body *body = pg_body_take(cache, 1, 7, FULL);
    pg_body_cache_resize(cache, 0);
    assert_true(pg_body_cache_bytes(cache) > 0);
    assert_int_equal(held(), 0);
    put(1, 60, EIGHT);
    pg_body_copy(cache, body, 0, EIGHT, copy);
    assert_memory_equal(copy, body_of(1, FULL, EIGHT).ptr, EIGHT);
    pg_body_give_back(cache, body, 1);
    assert_int_equal(pg_body_cache_bytes(cache), 0);
    pg_body_cache_resize(cache, SMALL);
    fill();
    assert_int_equal(held(), bits_of(1, FULL));
}

static void test_tenants_are_apart(void **state)
{
    (void)state;
    put(1, 5, 3000);
    put(2, 5, 4000); /* the same place and blob by number, other bytes */
    assert_true(reads(1, 7, 5, 5, 3000));
    assert_true(reads(2, 7, 5, 5, 4000));
    assert_null(pg_body_take(cache, 3, 7, 5));
    /* Who says that he has a message of another's. */
    pg_body_seen(cache, 3, 5, 9, 1);
    assert_null(pg_body_take(cache, 3, 9, 1));
    /* Names of a body that is gone lead to nobody, also when another tenant has its memory. */
    for (int64_t blob = 1; blob < 64; blob++) {
        put(1, blob, EIGHT);
    }
    for (int64_t blob = 1000; blob < 1200; blob++) {
        put(2, blob, EIGHT);
        (void)reads(2, 7, blob, blob, EIGHT);
    }
    for (int64_t blob = 1; blob < 64; blob++) {
        const struct pg_body *body = pg_body_take(cache, 1, 7, blob);
        assert_true(body == NULL || pg_body_blob(body) == blob);
        pg_body_give_back(cache, body, 0);
    }
}

/* Of one that is held, each reader's place is told by what he lists. */
static void test_places_of_a_message(void **state)
{
    (void)state;
    put(1, 5, 3000);
    size_t before = pg_body_cache_bytes(cache);
    assert_null(pg_body_take(cache, 1, 8, 1));
    for (int64_t place = 8; place < 40; place++) {
        pg_body_seen(cache, 1, 5, place, 1);
        assert_true(reads(1, place, 1, 5, 3000));
    }
    pg_body_seen(cache, 1, 6, 8, 2); /* one that isn't */
    assert_null(pg_body_take(cache, 1, 8, 2));
    /* Of very many some are forgotten. */
    for (int64_t place = 100; place < 5000; place++) {
        pg_body_seen(cache, 1, 5, place, 1);
    }
    assert_int_equal(pg_body_cache_bytes(cache), before);
}

static void test_without_memory(void **state)
{
    (void)state;
    core_alloc_fail_at(2); /* behind the arena's own */
    put(1, 1, EIGHT);
    assert_int_equal(core_alloc_fail_at(0), 0);
    assert_int_equal(pg_body_cache_bytes(cache), 0);
    assert_null(pg_body_take(cache, 1, 7, 1));
    pg_body_seen(cache, 1, 1, 7, 1);
    put(1, 1, EIGHT);
    assert_true(reads(1, 7, 1, 1, EIGHT));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_bytes_come_back),   CASE(test_what_is_not_kept),
        CASE(test_memory_is_counted), CASE(test_oldest_gives_way),
        CASE(test_read_again_stays),  CASE(test_read_again_has_its_part),
        CASE(test_taken_stays),       CASE(test_shrinks),
        CASE(test_tenants_are_apart), CASE(test_places_of_a_message),
        CASE(test_without_memory),
    };
    return cmocka_run_group_tests_name("body_cache", tests, NULL, NULL);
}
