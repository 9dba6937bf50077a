/*
 * Deliveries through the store interface: the module in this process, fibers that deliver one
 * message after the other, no protocol before them.
 *
 *     store_deliveries dump FILE SIZE                               messages for store_ceiling
 *     store_deliveries run CONNINFO IN-FLIGHT SECONDS SIZE ACCOUNTS
 *     store_deliveries open CONNINFO ACCOUNTS                       accounts, opened
 *
 * Prints messages a second and microseconds of our own CPU a message. Contents are read (parsed)
 * before the clock starts: what taking a message costs is measured elsewhere.
 */
#include "core/host/testing.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "modules/postgres/testing_store.h"

enum { MESSAGES = 48, BODY_MAX = 1 << 20 };

struct bench {
    char **args;
    int in_flight;
    double seconds;
    int size;
    long accounts;
    struct store_world world;
    struct mansio_content *contents[MESSAGES];
    struct mansio_account **handles;
    int64_t until_us;
    long count, failed;
};

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A message of a header of about 1.2 KB and lines of words, of just this size. */
static struct mansio_content *make_content(struct mansio_arena *arena, int size, int number)
{
    static const char *const words[] = {"mansio", "post",  "courier", "horse",  "road",
                                        "letter", "house", "guest",   "morning"};
    char *text = mansio_arena_try_alloc(arena, BODY_MAX);
    int at = snprintf(text, BODY_MAX,
                      "Received: from mx%d.example.org (mx.example.org [192.0.2.%d])\r\n"
                      "\tby in.example.net with ESMTPS id %08x; Mon, 1 Jun 2026 10:00:00 +0000\r\n"
                      "From: Somebody <user%d@example.org>\r\nTo: user@alpha.test\r\n"
                      "Subject: message %d about a house on the road\r\n"
                      "Date: Mon, 1 Jun 2026 09:59:58 +0000\r\n"
                      "Message-ID: <%d.%08x@example.org>\r\nMIME-Version: 1.0\r\n"
                      "Content-Type: text/plain; charset=utf-8\r\n",
                      number, number, number * 7919, number, number, number, number * 104729);
    for (int i = 0; i < 8; i++) {
        at += snprintf(text + at, (size_t)(BODY_MAX - at),
                       "X-Example-%d: %08x; policy=reject; score=%d; relay=mx%d.example.org\r\n", i,
                       number * i, i, number);
    }
    at += snprintf(text + at, (size_t)(BODY_MAX - at), "\r\n");
    for (int column = 0, n = number; at < size - 2; n = n * 31 + 7) {
        const char *word = words[(unsigned)n % MANSIO_COUNT(words)];
        int len =
            snprintf(text + at, (size_t)(BODY_MAX - at), "%s%s", word, column > 60 ? "\r\n" : " ");
        column = column > 60 ? 0 : column + len;
        at += len;
    }
    memcpy(text + size - 2, "\r\n", 2);
    return store_content(arena, (struct mansio_str){text, (size_t)size});
}

static int make_contents(struct bench *b, struct mansio_arena *arena)
{
    for (int i = 0; i < MESSAGES; i++) {
        struct mansio_arena *scratch = mansio_arena_new(arena, "message", 0);
        b->contents[i] = make_content(scratch, b->size, i);
        if (b->contents[i] == NULL) {
            return -1;
        }
    }
    return 0;
}

static void write_bytes(FILE *file, struct mansio_str bytes)
{
    uint32_t len = (uint32_t)bytes.len;
    (void)fwrite(&len, sizeof len, 1, file);
    (void)fwrite(bytes.ptr, 1, bytes.len, file);
}

static int dump(void *arg)
{
    struct bench *b = arg;
    struct mansio_arena *arena = mansio_arena_new(NULL, "dump", 0);
    FILE *file = fopen(b->args[2], "wb");
    CHECK(file != NULL && make_contents(b, arena) == 0);
    for (int i = 0; testing_failures == 0 && i < MESSAGES; i++) {
        write_bytes(file, mansio_content_memory(b->contents[i]));
        write_bytes(file, mansio_content_structure(b->contents[i]));
        write_bytes(file, mansio_content_search_text(b->contents[i]));
    }
    CHECK(file != NULL && fclose(file) == 0);
    mansio_arena_free(arena);
    return 0;
}

static int deliver_one(struct bench *b)
{
    const struct mansio_plan_facts facts = {
        .size = sizeof facts,
        .received_us = INT64_C(1700000000000000),
        .reverse_path = MANSIO_STR("sender@example.org"),
    };
    const struct mansio_plan_entry entry = {
        .size = sizeof entry,
        .action = MANSIO_PLAN_DELIVER,
        .account = b->handles[random() % b->accounts],
        .prefix = MANSIO_STR("Return-Path: <sender@example.org>\r\n"
                             "Delivered-To: user@alpha.test\r\n"),
    };
    struct mansio_arena *arena = mansio_arena_new(NULL, "delivery", 0);
    struct mansio_plan *plan = mansio_plan_new(arena, &facts);
    int rc = mansio_plan_add(plan, &entry);
    if (rc >= 0) {
        rc = b->world.store->deliver(b->world.pool, plan, b->contents[random() % MESSAGES],
                                     mansio_deadline_in(60 * MANSIO_SECOND));
    }
    mansio_arena_free(arena);
    return rc;
}

static int sender(void *arg)
{
    struct bench *b = arg;
    while (mansio_now_us() < b->until_us) {
        if (deliver_one(b) < 0) {
            print_message("# %s\n", mansio_error_detail());
            b->failed++;
            return 0;
        }
        b->count++;
    }
    return 0;
}

static int open_world(struct bench *b)
{
    if (store_world_open(&b->world) < 0) {
        return -1;
    }
    b->handles = mansio_arena_try_alloc(b->world.arena, (size_t)b->accounts * sizeof(*b->handles));
    for (long i = 0; i < b->accounts; i++) {
        b->handles[i] = store_account(&b->world, 1, (uint64_t)i + 1, UINT64_C(1) << 40, 0);
    }
    return 0;
}

static int run(void *arg)
{
    struct bench *b = arg;
    CHECK(open_world(b) == 0 && make_contents(b, b->world.arena) == 0);
    /* What this process learns once: that accounts are open. */
    for (long i = 0; i < b->accounts; i++) {
        struct mansio_usage usage = {.size = sizeof usage};
        CHECK(b->world.store->usage(b->world.pool, b->handles[i],
                                    mansio_deadline_in(60 * MANSIO_SECOND), &usage) == 0);
    }
    struct mansio_group *group = mansio_group_new("senders");
    double own = cpu_seconds();
    int64_t begin_us = mansio_now_us();
    b->until_us = begin_us + (int64_t)(b->seconds * 1e6);
    for (int i = 0; i < b->in_flight; i++) {
        CHECK(mansio_group_spawn(group, "sender", sender, b, NULL) == 0);
    }
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    double elapsed = (double)(mansio_now_us() - begin_us) * 1e-6;
    own = cpu_seconds() - own;
    mansio_group_close(group);
    printf("%.0f %.1f\n", (double)b->count / elapsed, own * 1e6 / (double)b->count);
    CHECK(b->failed == 0);
    store_world_close(&b->world);
    return 0;
}

/* The schema, and accounts that have had a message. */
static int open_accounts(void *arg)
{
    struct bench *b = arg;
    struct mansio_arena *arena = mansio_arena_new(NULL, "schema", 0);
    CHECK(pg_schema_apply(TESTING_PG(arena), NULL, NULL, mansio_deadline_in(60 * MANSIO_SECOND)) >=
          0);
    mansio_arena_free(arena);
    CHECK(open_world(b) == 0);
    for (long i = 0; i < b->accounts; i++) {
        struct mansio_usage usage = {.size = sizeof usage};
        CHECK(b->world.store->usage(b->world.pool, b->handles[i],
                                    mansio_deadline_in(60 * MANSIO_SECOND), &usage) == 0);
    }
    store_world_close(&b->world);
    return 0;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    int (*what)(void *) = NULL;
    bench.args = argv;
    if (argc == 4 && strcmp(argv[1], "dump") == 0) {
        what = dump;
        bench.size = (int)strtol(argv[3], NULL, 10);
    } else if (argc == 7 && strcmp(argv[1], "run") == 0) {
        what = run;
        bench.in_flight = (int)strtol(argv[3], NULL, 10);
        bench.seconds = strtod(argv[4], NULL);
        bench.size = (int)strtol(argv[5], NULL, 10);
        bench.accounts = strtol(argv[6], NULL, 10);
    } else if (argc == 4 && strcmp(argv[1], "open") == 0) {
        what = open_accounts;
        bench.accounts = strtol(argv[3], NULL, 10);
    }
    if (what == NULL || (what != dump && bench.accounts < 1) ||
        (what != open_accounts && (bench.size < 2048 || bench.size >= BODY_MAX - 256))) {
        fprintf(stderr, "store_deliveries: see its file for usage\n");
        return 2;
    }
    snprintf(testing_conninfo, sizeof testing_conninfo, "%s", what != dump ? argv[2] : "");
    srandom((unsigned)time(NULL));
    run_fiber(what, &bench);
    return testing_failures == 0 ? 0 : 1;
}
