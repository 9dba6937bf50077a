/*
 * The store under many hands: fibers that work on one account at once, each collection held against
 * a model; two processes that deliver to crossing sets of mailboxes. Afterwards all must be so that
 * tests/lib/mansio_test/invariants.py finds nothing, and PostgreSQL must have met no deadlock.
 */
#include "store_private.h"

#include "core/host/testing.h"

#include <stdlib.h>
#include <string.h>

#include "testing_store.h"

#define LONG_US (120 * MANSIO_SECOND)

enum {
    FIBERS = 6,
    OPERATIONS = 80,
    ENTRIES_MAX = 2000,
    ACCOUNT = 301,
    PROCESSES = 2,
    SENDERS = 8,
    PLANS = 30,
    CROSSING = 6, /* accounts a tenant */
};

static struct store_world w;

static int64_t soon(void)
{
    return mansio_deadline_in(LONG_US);
}

/* ---- one account, many fibers --------------------------------------------------------------- */

struct entry {
    uint32_t uid, flags;
    int tag; /* says what its body is */
};

struct worker {
    int number;
    uint64_t seed;
    struct mansio_account *account;
    uint64_t collection;
    struct entry entries[ENTRIES_MAX]; /* by UID */
    size_t count;
    int has_failed;
};

static long delivered, moved; /* into INBOX, and out of it again */

static uint32_t chance(struct worker *worker, uint32_t of)
{
    worker->seed ^= worker->seed << 13;
    worker->seed ^= worker->seed >> 7;
    worker->seed ^= worker->seed << 17;
    return (uint32_t)(worker->seed >> 33) % of;
}

#define WORKER_CHECK(worker, condition)                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (worker)->has_failed = 1;                                                              \
            CHECK(!#condition);                                                                    \
        }                                                                                          \
    } while (0)

static void body_of(int tag, char out[64])
{
    snprintf(out, 64, "Subject: %d\r\n\r\n%0*d\r\n", tag, 1 + tag % 20, tag);
}

static void remember(struct worker *worker, uint32_t uid, uint32_t flags, int tag)
{
    MANSIO_ASSERT(worker->count < ENTRIES_MAX);
    WORKER_CHECK(worker, worker->count == 0 || worker->entries[worker->count - 1].uid < uid);
    worker->entries[worker->count++] = (struct entry){uid, flags, tag};
}

static struct mansio_plan *plan_to(struct mansio_arena *arena, struct mansio_account *account,
                                   const char *collection)
{
    const struct mansio_plan_facts facts = {.size = sizeof facts,
                                            .received_us = INT64_C(1700000000000000)};
    const struct mansio_plan_entry entry = {
        .size = sizeof entry,
        .action = MANSIO_PLAN_DELIVER,
        .account = account,
        .collection = mansio_str_from_cstr(collection),
    };
    struct mansio_plan *plan = mansio_plan_new(arena, &facts);
    CHECK(mansio_plan_add(plan, &entry) == 0);
    return plan;
}

static void op_deliver(struct worker *worker, struct mansio_arena *arena, int tag, int is_inbox)
{
    char name[16];
    char body[64];
    snprintf(name, sizeof name, "W%d", worker->number);
    body_of(tag, body);
    struct mansio_plan *plan = plan_to(arena, worker->account, is_inbox ? "" : name);
    WORKER_CHECK(worker,
                 w.store->deliver(w.pool, plan, store_content(arena, mansio_str_from_cstr(body)),
                                  soon()) == 0);
    if (is_inbox) {
        delivered++;
        return;
    }
    const struct mansio_plan_outcome *outcome = mansio_plan_outcome(plan, 0);
    WORKER_CHECK(worker, outcome->collection_id == worker->collection);
    remember(worker, outcome->uid, 0, tag);
}

static void op_append(struct worker *worker, struct mansio_arena *arena, int tag)
{
    struct mansio_append messages[2];
    char body[64];
    body_of(tag, body);
    for (size_t i = 0; i < MANSIO_COUNT(messages); i++) {
        messages[i] = (struct mansio_append){
            .size = sizeof messages[i],
            .content = store_content(arena, mansio_str_from_cstr(body)),
            .flags = i == 0 ? MANSIO_FLAG_SEEN : 0,
            .received_us = INT64_C(1700000000000000),
        };
    }
    WORKER_CHECK(worker,
                 w.store->message_append(w.pool, worker->account, worker->collection, messages,
                                         MANSIO_COUNT(messages), soon(), NULL) == 0);
    remember(worker, messages[0].uid, MANSIO_FLAG_SEEN, tag);
    remember(worker, messages[1].uid, 0, tag);
}

/* A range of UIDs around what is there. */
static void some_range(struct worker *worker, uint32_t range[2])
{
    uint32_t most = worker->count > 0 ? worker->entries[worker->count - 1].uid + 2 : 3;
    range[0] = 1 + chance(worker, most);
    range[1] = range[0] + chance(worker, 8);
}

static int in_range(const struct entry *entry, const uint32_t range[2])
{
    return entry->uid >= range[0] && entry->uid <= range[1];
}

static void op_flag(struct worker *worker)
{
    uint32_t range[2];
    some_range(worker, range);
    struct mansio_flag_change change = {
        .size = sizeof change,
        .uid_ranges = range,
        .range_count = 1,
        .operation = 1 + chance(worker, 3),
        .flags = chance(worker, 32),
        .unchanged_since = UINT64_MAX,
    };
    WORKER_CHECK(worker, w.store->message_flag(w.pool, worker->account, worker->collection, &change,
                                               NULL, NULL, NULL, soon()) == 0);
    for (size_t i = 0; i < worker->count; i++) {
        struct entry *entry = &worker->entries[i];
        if (!in_range(entry, range)) {
            continue;
        }
        entry->flags = change.operation == MANSIO_FLAGS_ADD      ? entry->flags | change.flags
                       : change.operation == MANSIO_FLAGS_REMOVE ? entry->flags & ~change.flags
                                                                 : change.flags;
    }
}

static void op_expunge(struct worker *worker)
{
    uint32_t range[2];
    uint32_t only_deleted = chance(worker, 2);
    some_range(worker, range);
    WORKER_CHECK(worker, w.store->message_expunge(w.pool, worker->account, worker->collection,
                                                  range, 1, only_deleted, NULL, NULL, soon()) == 0);
    size_t left = 0;
    for (size_t i = 0; i < worker->count; i++) {
        const struct entry *entry = &worker->entries[i];
        int goes =
            in_range(entry, range) && (!only_deleted || (entry->flags & MANSIO_FLAG_DELETED) != 0);
        if (!goes) {
            worker->entries[left++] = *entry;
        }
    }
    worker->count = left;
}

struct copied {
    struct worker *worker;
    struct entry before[ENTRIES_MAX];
    size_t count;
    int is_move;
};

static int note_copied(void *arg, uint32_t from, uint32_t to)
{
    struct copied *copied = arg;
    const struct entry *found = NULL;
    for (size_t i = 0; i < copied->count; i++) {
        found = copied->before[i].uid == from ? &copied->before[i] : found;
    }
    WORKER_CHECK(copied->worker, found != NULL);
    if (found != NULL) {
        remember(copied->worker, to, found->flags, found->tag);
    }
    return 0;
}

static void op_copy(struct worker *worker, struct mansio_arena *arena)
{
    uint32_t range[2];
    struct copied *copied = mansio_arena_try_alloc(arena, sizeof *copied);
    some_range(worker, range);
    copied->worker = worker;
    copied->is_move = (int)chance(worker, 2);
    memcpy(copied->before, worker->entries, sizeof copied->before);
    copied->count = worker->count;
    if (copied->is_move) {
        size_t left = 0;
        for (size_t i = 0; i < worker->count; i++) {
            if (!in_range(&worker->entries[i], range)) {
                worker->entries[left++] = worker->entries[i];
            }
        }
        worker->count = left;
    }
    WORKER_CHECK(worker, w.store->message_copy(w.pool, worker->account, worker->collection, range,
                                               1, worker->collection, (uint32_t)copied->is_move,
                                               note_copied, copied, soon(), NULL) == 0);
}

struct taken {
    struct worker *worker;
    uint32_t uids[64];
    size_t count;
};

static int note_taken(void *arg, uint32_t from, uint32_t to)
{
    struct taken *taken = arg;
    (void)from;
    if (taken->count < MANSIO_COUNT(taken->uids)) {
        taken->uids[taken->count++] = to;
    }
    return 0;
}

static int note_message(void *arg, const struct mansio_message *message)
{
    struct copied *listed = arg;
    if (listed->count < ENTRIES_MAX) {
        listed->before[listed->count++] = (struct entry){message->uid, message->flags, 0};
    }
    return 0;
}

/* From the INBOX that all share. What came is read, to know what it is. */
static void op_take(struct worker *worker, struct mansio_arena *arena)
{
    uint32_t range[2] = {1 + chance(worker, 100), 0};
    struct taken taken = {.worker = worker};
    range[1] = range[0] + chance(worker, 4);
    WORKER_CHECK(worker, w.store->message_copy(w.pool, worker->account, ACCOUNT, range, 1,
                                               worker->collection, 1, note_taken, &taken, soon(),
                                               NULL) == 0);
    moved += (long)taken.count;
    for (size_t i = 0; i < taken.count; i++) {
        struct mansio_str bytes = MANSIO_STR_NONE;
        WORKER_CHECK(worker,
                     w.store->message_read(w.pool, worker->account, worker->collection,
                                           taken.uids[i], 0, 1000, arena, soon(), &bytes) == 0);
        struct mansio_str number = mansio_str_sub(bytes, 9, SIZE_MAX);
        uint32_t tag = 0;
        ptrdiff_t end = mansio_str_find_char(number, '\r');
        WORKER_CHECK(worker, end > 0 && mansio_parse_u32(mansio_str_sub(number, 0, (size_t)end),
                                                         UINT32_MAX, &tag) == 0);
        remember(worker, taken.uids[i], 0, (int)tag);
    }
}

/* The collection is as the model has it. */
static void compare(struct worker *worker, struct mansio_arena *arena)
{
    const struct mansio_message_query query = {.size = sizeof query};
    struct copied *listed = mansio_arena_try_alloc(arena, sizeof *listed);
    WORKER_CHECK(worker, w.store->message_list(w.pool, worker->account, worker->collection, &query,
                                               note_message, listed, soon()) == 0);
    WORKER_CHECK(worker, listed->count == worker->count);
    for (size_t i = 0; i < worker->count && i < listed->count; i++) {
        WORKER_CHECK(worker, listed->before[i].uid == worker->entries[i].uid);
        WORKER_CHECK(worker, listed->before[i].flags == worker->entries[i].flags);
    }
    if (worker->count > 0) {
        const struct entry *entry = &worker->entries[chance(worker, (uint32_t)worker->count)];
        struct mansio_str bytes = MANSIO_STR_NONE;
        char body[64];
        body_of(entry->tag, body);
        WORKER_CHECK(worker,
                     w.store->message_read(w.pool, worker->account, worker->collection, entry->uid,
                                           0, 1000, arena, soon(), &bytes) == 0);
        WORKER_CHECK(worker, mansio_str_eq(bytes, mansio_str_from_cstr(body)));
    }
}

static int work(void *arg)
{
    struct worker *worker = arg;
    char name[16];
    snprintf(name, sizeof name, "W%d", worker->number);
    WORKER_CHECK(worker, w.store->collection_create(w.pool, worker->account, MANSIO_COLLECTION_MAIL,
                                                    mansio_str_from_cstr(name), MANSIO_SPECIAL_NONE,
                                                    soon(), &worker->collection) == 0);
    for (int i = 0; i < OPERATIONS && !worker->has_failed; i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "operation", 0);
        int tag = worker->number * 1000 + i;
        switch (chance(worker, 8)) {
        case 0:
            op_append(worker, arena, tag);
            break;
        case 1:
            op_flag(worker);
            break;
        case 2:
            op_expunge(worker);
            break;
        case 3:
            op_copy(worker, arena);
            break;
        case 4:
            op_take(worker, arena);
            break;
        case 5:
            op_deliver(worker, arena, tag, 0);
            break;
        default:
            op_deliver(worker, arena, tag, 1);
        }
        if (i % 8 == 7) {
            compare(worker, arena);
        }
        mansio_arena_free(arena);
    }
    return 0;
}

static int many_fibers(void *arg)
{
    (void)arg;
    static struct worker workers[FIBERS];
    CHECK(store_world_open(&w) == 0);
    struct mansio_account *account = store_account(&w, 1, ACCOUNT, 0, 0);
    struct mansio_group *group = mansio_group_new("workers");
    uint64_t seed = (uint64_t)mansio_wall_us();
    print_message("# seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < FIBERS; i++) {
        workers[i] = (struct worker){
            .number = i, .account = account, .seed = seed * (uint64_t)(2 * i + 3) + 1};
        CHECK(mansio_group_spawn(group, "worker", work, &workers[i], NULL) == 0);
    }
    CHECK(mansio_group_join(group, mansio_deadline_in(4 * LONG_US)) == 0);
    mansio_group_close(group);
    struct mansio_arena *arena = mansio_arena_new(NULL, "end", 0);
    struct mansio_collection inbox = {.size = sizeof inbox};
    CHECK(w.store->collection_find(w.pool, account, MANSIO_STR("INBOX"), arena, soon(), &inbox) ==
          0);
    CHECK((long)inbox.messages == delivered - moved);
    for (int i = 0; i < FIBERS; i++) {
        compare(&workers[i], arena);
    }
    mansio_arena_free(arena);
    store_world_close(&w);
    return 0;
}

static void test_many_fibers_one_account(void **state)
{
    (void)state;
    run_fiber(many_fibers, NULL);
    assert_int_equal(store_invariants(), 0);
}

/* ---- two processes, crossing mailboxes ------------------------------------------------------ */

struct sender {
    struct worker worker; /* for its chance */
    int number;
};

static void cross(struct sender *sender, int number)
{
    const struct mansio_plan_facts facts = {.size = sizeof facts,
                                            .received_us = INT64_C(1700000000000000)};
    struct mansio_arena *arena = mansio_arena_new(NULL, "plan", 0);
    struct mansio_plan *plan = mansio_plan_new(arena, &facts);
    uint32_t count = 1 + chance(&sender->worker, 6);
    char body[64];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t tenant = 1 + chance(&sender->worker, 2);
        const struct mansio_plan_entry entry = {
            .size = sizeof entry,
            .action = MANSIO_PLAN_DELIVER,
            .recipient = i,
            .account = store_account(&w, tenant,
                                     400 + tenant * 100 + chance(&sender->worker, CROSSING), 0, 0),
            .collection = chance(&sender->worker, 4) == 0 ? MANSIO_STR("Lists") : MANSIO_STR_NONE,
            .is_creating = 1,
        };
        CHECK(mansio_plan_add(plan, &entry) == (int)i);
    }
    body_of(number, body);
    int rc =
        w.store->deliver(w.pool, plan, store_content(arena, mansio_str_from_cstr(body)), soon());
    if (rc < 0) {
        print_message("# %s\n", mansio_error_detail());
    }
    CHECK(rc == 0);
    mansio_arena_free(arena);
}

static int send_plans(void *arg)
{
    struct sender *sender = arg;
    for (int i = 0; i < PLANS; i++) {
        cross(sender, sender->number * 1000 + i);
    }
    return 0;
}

static int crossing(void *arg)
{
    const int *process = arg;
    static struct sender senders[SENDERS];
    CHECK(store_world_open(&w) == 0);
    struct mansio_group *group = mansio_group_new("senders");
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.number = *process * SENDERS + i};
        senders[i].worker.seed = (uint64_t)mansio_wall_us() * (uint64_t)(2 * senders[i].number + 3);
        CHECK(mansio_group_spawn(group, "sender", send_plans, &senders[i], NULL) == 0);
    }
    CHECK(mansio_group_join(group, mansio_deadline_in(2 * LONG_US)) == 0);
    mansio_group_close(group);
    store_world_close(&w);
    core_loop_stop();
    return 0;
}

/* In a child: no assert of cmocka may leave it by the parent's stack. */
static int child(int process)
{
    const struct core_loop_options options = {
        .fibers_max = 1000, .stacks_kept_max = 16, .offload_threads = 2, .offload_queue_max = 8};
    if (core_loop_init(&options) < 0) {
        return 1;
    }
    struct mansio_group *group = mansio_group_new("test");
    if (mansio_group_spawn(group, "root", crossing, &process, NULL) < 0) {
        return 1;
    }
    core_loop_run();
    return testing_failures == 0 ? 0 : 1;
}

static void test_two_processes_crossing(void **state)
{
    (void)state;
    pid_t pids[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            _exit(child(i));
        }
        assert_true(pids[i] > 0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(store_invariants(), 0);
    char command[512];
    snprintf(command, sizeof command,
             "psql -XAtq -v ON_ERROR_STOP=1 -h %s -U postgres -d mansio -c \"SELECT 1 / "
             "(sum(deadlocks) = 0)::int FROM pg_stat_database\" >/dev/null",
             testing_dir);
    assert_int_equal(testing_run("/bin/sh", "-c", command), 0);
    snprintf(command, sizeof command,
             "psql -XAtq -v ON_ERROR_STOP=1 -h %s -U postgres -d mansio -c \"SELECT 1 / "
             "(count(DISTINCT message_id) = %d)::int FROM mansio.message_state "
             "WHERE account_id BETWEEN 500 AND 699\" >/dev/null",
             testing_dir, PROCESSES * SENDERS * PLANS);
    assert_int_equal(testing_run("/bin/sh", "-c", command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_processes_crossing),
        cmocka_unit_test(test_many_fibers_one_account),
    };
    return cmocka_run_group_tests_name("store stress", tests, store_cluster_up,
                                       testing_cluster_down);
}
