/* Tests of contents: pieces against the whole, memory against file, the cap, a disk that fails. */
#include "core/host/content.h"

#include "core/base/testing.h"
#include "core/loop/testing.h"
#include "core/mail/stored.h"

#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/offload.h>
#include <mansio/str.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>

#define PLENTY ((size_t)1 << 30)
#define SOON   mansio_deadline_in(20 * MANSIO_SECOND)

static const char MESSAGE[] = "Received: from a\r\n"
                              "\tby b; date\r\n"
                              "Subject: =?utf-8?q?=C3=9Cber?= Alles\r\n"
                              "From: \"Doe, J\" <J.Doe@Example.Org>\r\n"
                              "To: list: a@x.test, =?utf-8?q?B=C3=96B?= <b@x.test>;\r\n"
                              "received: from c by d\r\n"
                              "X-Loop: Value\r\n"
                              "\t Folded\r\n"
                              "Content-Type: multipart/mixed; boundary=b\r\n"
                              "\r\n"
                              "Received: no field\r\n"
                              "--b\r\n"
                              "\r\n"
                              "Some TEXT\r\n"
                              "--b\r\n"
                              "Content-Type: message/rfc822\r\n"
                              "\r\n"
                              "Subject: INSIDE\r\n"
                              "Received: inside\r\n"
                              "\r\n"
                              "Deep\r\n"
                              "--b--\r\n";

static const char SEARCHED[] = "H\n"
                               "received: from a by b; date\n"
                               "subject: \xc3\xbc"
                               "ber alles\n"
                               "from: \"doe, j\" <j.doe@example.org>\n"
                               "to: list: a@x.test, b\xc3\xb6"
                               "b <b@x.test>;\n"
                               "received: from c by d\n"
                               "x-loop: value  folded\n"
                               "content-type: multipart/mixed; boundary=b\n"
                               "B"
                               "inside\n"
                               "some text\n"
                               "deep\n";

/* All that is known of a content, and its bytes, in one text. */
static struct mansio_str facts_of(struct mansio_arena *arena, struct mansio_content *content)
{
    struct mansio_buf *out = mansio_buf_new(arena, PLENTY);
    struct mansio_str piece = MANSIO_STR_NONE;
    uint64_t at = 0;

    (void)mansio_buf_printf(out, "%llu %llu %u ", (unsigned long long)mansio_content_size(content),
                            (unsigned long long)mansio_content_header_size(content),
                            mansio_content_received_count(content));
    (void)mansio_buf_add(out, mansio_content_structure(content));
    (void)mansio_buf_add(out, mansio_content_search_text(content));
    while (mansio_content_read(content, at, 50000, SOON, &piece) > 0) {
        (void)mansio_buf_add(out, piece);
        at += piece.len;
    }
    CHECK(at == mansio_content_size(content));
    return mansio_buf_str(out);
}

/* Write a text in pieces of random sizes up to a bound, and finish. */
static struct mansio_content *make(struct mansio_arena *arena, struct mansio_str text,
                                   size_t piece_max, unsigned seed)
{
    struct mansio_content *content = mansio_content_new(arena, PLENTY);

    while (text.len > 0) {
        size_t piece = piece_max == 0 ? text.len : (size_t)rand_r(&seed) % piece_max + 1;

        CHECK(mansio_content_write(content, mansio_str_sub(text, 0, piece), SOON) == 0);
        text = mansio_str_sub(text, piece, SIZE_MAX);
    }
    CHECK(mansio_content_finish(content, SOON) == 0);
    return content;
}

/* A message with a body of so many bytes. */
static struct mansio_str large(struct mansio_arena *arena, size_t bytes)
{
    struct mansio_buf *out = mansio_buf_new(arena, PLENTY);

    (void)mansio_buf_add(out, MANSIO_STR("Subject: Large\r\nReceived: x\r\n\r\n"));
    for (unsigned i = 0; mansio_buf_str(out).len < bytes; i++) {
        (void)mansio_buf_printf(out, "Line %u of a LARGE message\r\n", i);
    }
    return mansio_buf_str(out);
}

static int small_run(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_content *content = make(arena, core_test_slice(MESSAGE), 0, 0);
    struct core_mail_message message = {.root = NULL};

    (void)arg;
    CHECK(mansio_content_size(content) == sizeof MESSAGE - 1);
    CHECK(mansio_str_eq(mansio_content_memory(content), core_test_slice(MESSAGE)));
    CHECK(mansio_content_received_count(content) == 2);
    CHECK(mansio_content_header_size(content) ==
          (size_t)(strstr(MESSAGE, "\r\n\r\n") + 4 - MESSAGE));
    CHECK(mansio_str_eq(mansio_content_search_text(content), core_test_slice(SEARCHED)));
    CHECK(mansio_content_has_field(content, MANSIO_STR("X-LOOP"), MANSIO_STR_NONE));
    CHECK(mansio_content_has_field(content, MANSIO_STR("x-loop"), MANSIO_STR("value\t folded")));
    CHECK(mansio_content_has_field(content, MANSIO_STR("x-loop"), MANSIO_STR(" value\t folded ")));
    CHECK(!mansio_content_has_field(content, MANSIO_STR("x-loop"), MANSIO_STR("value")));
    CHECK(!mansio_content_has_field(content, MANSIO_STR("x-other"), MANSIO_STR_NONE));
    CHECK(mansio_content_has_field(content, MANSIO_STR("Received"), MANSIO_STR("from c by d")));
    CHECK(!mansio_content_has_field(content, MANSIO_STR("Received"), MANSIO_STR("inside")));
    CHECK(core_mail_stored_read(arena, mansio_content_structure(content), &message) == 0);
    CHECK(message.part_count == 4 && message.size == sizeof MESSAGE - 1);
    mansio_arena_free(arena);
    CHECK(core_content_memory_used() == 0);
    return 0;
}

static void small_message(void **state)
{
    (void)state;
    core_content_setup(PLENTY, MANSIO_STR_NONE);
    run_fiber(small_run, NULL);
}

static int empty_run(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_content *content = make(arena, MANSIO_STR_NONE, 0, 0);
    struct mansio_str out = MANSIO_STR_NONE;

    (void)arg;
    CHECK(mansio_content_size(content) == 0 && mansio_content_header_size(content) == 0);
    CHECK(mansio_content_structure(content).len > 0);
    CHECK(mansio_content_memory(content).ptr != NULL);
    CHECK(mansio_content_read(content, 0, 10, SOON, &out) == 0 && out.len == 0);
    CHECK(mansio_content_write(content, MANSIO_STR("late"), SOON) == MANSIO_E_BUG);
    mansio_arena_free(arena);
    CHECK(core_content_memory_used() == 0);
    return 0;
}

static void empty(void **state)
{
    (void)state;
    run_fiber(empty_run, NULL);
}

static int pieces_run(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_str large_text = large(arena, 100000);
    struct mansio_str whole = facts_of(arena, make(arena, core_test_slice(MESSAGE), 0, 0));
    struct mansio_str whole_large = facts_of(arena, make(arena, large_text, 0, 0));

    (void)arg;
    for (unsigned seed = 1; seed <= 200; seed++) {
        struct mansio_arena *inner = mansio_arena_new(NULL, "test", 0);
        size_t max = (size_t)1 << seed % 8;

        CHECK(mansio_str_eq(whole,
                            facts_of(inner, make(inner, core_test_slice(MESSAGE), max, seed))));
        if (seed % 20 == 0) {
            CHECK(mansio_str_eq(whole_large,
                                facts_of(inner, make(inner, large_text, max * 100, seed))));
        }
        mansio_arena_free(inner);
    }
    mansio_arena_free(arena);
    CHECK(core_content_memory_used() == 0);
    return 0;
}

static void pieces(void **state)
{
    (void)state;
    core_content_setup(PLENTY, MANSIO_STR_NONE);
    run_fiber(pieces_run, NULL);
}

static int file_run(void *arg)
{
    static const size_t SIZES[] = {20000, 32768, 32769, 40000, 200000, 1048576, 1048577, 3000000};
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)arg;
    for (size_t i = 0; i < MANSIO_COUNT(SIZES); i++) {
        struct mansio_arena *inner = mansio_arena_new(NULL, "test", 0);
        struct mansio_str text = mansio_str_sub(large(inner, SIZES[i]), 0, SIZES[i]);
        struct mansio_content *plenty;
        struct mansio_content *tight;
        struct mansio_str facts;

        core_content_setup(PLENTY, MANSIO_STR_NONE);
        plenty = make(inner, text, 70000, 1);
        CHECK((mansio_content_memory(plenty).ptr != NULL) == (SIZES[i] <= 1048576));
        facts = facts_of(inner, plenty);
        /* As much as is held already: bodies get no more, parsers up to as much again. */
        core_content_setup(core_content_memory_used() + 1000000, MANSIO_STR("/tmp"));
        CHECK(mansio_content_finish(plenty, SOON) == 0);
        for (int fill = 0; fill < 100 && core_content_has_room(65536, 1); fill++) {
            (void)make(inner, mansio_str_sub(text, 0, 32768), 0, 0);
        }
        tight = make(inner, text, 7000, 2);
        CHECK((mansio_content_memory(tight).ptr != NULL) == (SIZES[i] <= 32768));
        CHECK(mansio_str_eq(facts, facts_of(inner, tight)));
        CHECK(mansio_content_has_field(tight, MANSIO_STR("subject"), MANSIO_STR("large")));
        CHECK(mansio_str_eq(facts, facts_of(inner, make(inner, text, 0, 0))));
        mansio_arena_free(inner);
        CHECK(core_content_memory_used() == 0);
    }
    mansio_arena_free(arena);
    return 0;
}

static void memory_and_file(void **state)
{
    uint64_t before = core_content_files();

    (void)state;
    run_fiber(file_run, NULL);
    assert_true(core_content_files() > before);
}

/* Without memory even for the parser a message is taken, and its structure is a minimal one. */
static int narrow_run(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_content *content = make(arena, core_test_slice(MESSAGE), 0, 0);
    struct core_mail_message message = {.root = NULL};
    struct mansio_content *spilled;

    (void)arg;
    CHECK(core_mail_stored_read(arena, mansio_content_structure(content), &message) == 0);
    CHECK(message.part_count == 1 && message.size == sizeof MESSAGE - 1);
    CHECK(mansio_content_received_count(content) == 2);
    CHECK(mansio_str_starts(mansio_content_search_text(content), MANSIO_STR("C\nreceived: ")));
    spilled = make(arena, large(arena, 300000), 0, 0);
    CHECK(mansio_content_memory(spilled).ptr == NULL);
    CHECK(core_mail_stored_read(arena, mansio_content_structure(spilled), &message) == 0);
    CHECK(message.part_count == 1 && message.size == mansio_content_size(spilled));
    CHECK(message.lines > 1000);
    mansio_arena_free(arena);
    CHECK(core_content_memory_used() == 0);
    return 0;
}

static void no_memory_for_the_parser(void **state)
{
    (void)state;
    core_content_setup(1, MANSIO_STR("/tmp"));
    run_fiber(narrow_run, NULL);
}

/* Many at once: those that find no room go to files, and the cap holds but for the floors. */
static int many_run(void *arg)
{
    enum { COUNT = 40, BYTES = 100000 };
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_str text = large(arena, BYTES);
    struct mansio_content *contents[COUNT];
    unsigned in_memory = 0;

    (void)arg;
    for (size_t i = 0; i < COUNT; i++) {
        contents[i] = mansio_content_new(arena, PLENTY);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t at = 0; at < text.len; at += 10000) {
            CHECK(mansio_content_write(contents[i], mansio_str_sub(text, at, 10000), SOON) == 0);
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        struct mansio_str out = MANSIO_STR_NONE;

        CHECK(mansio_content_finish(contents[i], SOON) == 0);
        in_memory += mansio_content_memory(contents[i]).ptr != NULL;
        CHECK(mansio_content_read(contents[i], 0, text.len, SOON, &out) == (int)text.len);
        CHECK(mansio_str_eq(out, text));
    }
    CHECK(in_memory > 0 && in_memory < COUNT);
    mansio_arena_free(arena);
    CHECK(core_content_memory_used() == 0);
    return 0;
}

static void many_at_once(void **state)
{
    (void)state;
    core_content_setup(4 << 20, MANSIO_STR("/tmp"));
    run_fiber(many_run, NULL);
}

static int limit_run(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_content *content = mansio_content_new(arena, 10);

    (void)arg;
    CHECK(mansio_content_write(content, MANSIO_STR("0123456789"), SOON) == 0);
    CHECK(mansio_content_write(content, MANSIO_STR_NONE, SOON) == 0);
    CHECK(mansio_content_write(content, MANSIO_STR("x"), SOON) == MANSIO_E_LIMIT);
    CHECK(mansio_content_write(content, MANSIO_STR_NONE, SOON) == MANSIO_E_LIMIT);
    CHECK(mansio_content_finish(content, SOON) == MANSIO_E_LIMIT);
    content = mansio_content_new(arena, 10);
    CHECK(mansio_content_write(content, MANSIO_STR("0123456789"), SOON) == 0);
    CHECK(mansio_content_finish(content, SOON) == 0);
    mansio_arena_free(arena);
    CHECK(core_content_memory_used() == 0);
    return 0;
}

static void limits(void **state)
{
    (void)state;
    core_content_setup(PLENTY, MANSIO_STR_NONE);
    run_fiber(limit_run, NULL);
}

static int disk_run(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_content *content = mansio_content_new(arena, PLENTY);
    struct mansio_str text = large(arena, 3000000);
    int result = mansio_content_write(content, text, SOON);

    CHECK(result == MANSIO_E_IO);
    CHECK(mansio_error_class(result) == MANSIO_CLASS_TRANSIENT);
    CHECK(mansio_str_find(mansio_str_from_cstr(mansio_error_detail()), mansio_str_from_cstr(arg)) >=
          0);
    CHECK(mansio_content_write(content, MANSIO_STR("x"), SOON) == MANSIO_E_IO);
    CHECK(mansio_content_finish(content, SOON) == MANSIO_E_IO);
    mansio_arena_free(arena);
    CHECK(core_content_memory_used() == 0);
    return 0;
}

static void failing_disk(void **state)
{
    struct rlimit before;
    struct rlimit low;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    low = (struct rlimit){.rlim_cur = 2000000, .rlim_max = before.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    core_content_setup(PLENTY, MANSIO_STR("/tmp"));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    run_fiber(disk_run, (void *)(uintptr_t) "File too large");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    core_content_setup(PLENTY, MANSIO_STR("/nowhere/at/all"));
    run_fiber(disk_run, (void *)(uintptr_t) "/nowhere/at/all: No such file");
}

/* ---- cancelled while a thread is awaited */

struct blocked {
    int ends[2];
    int result;
    struct mansio_arena *arena;
    struct mansio_content *content;
};

static int block_job(void *arg)
{
    struct blocked *blocked = arg;
    char c;

    return read(blocked->ends[0], &c, 1) == 1 ? 0 : -1;
}

static int blocker_run(void *arg)
{
    CHECK(mansio_offload(block_job, arg, MANSIO_NEVER, NULL) == 0);
    return 0;
}

static int writer_run(void *arg)
{
    struct blocked *blocked = arg;

    blocked->result =
        mansio_content_write(blocked->content, large(blocked->arena, 1200000), MANSIO_NEVER);
    return 0;
}

static int cancel_run(void *arg)
{
    struct blocked blocked = {.result = 1, .arena = mansio_arena_new(NULL, "test", 0)};
    struct mansio_group *group = mansio_group_new("cancel");
    struct mansio_fiber *writer = NULL;

    (void)arg;
    blocked.content = mansio_content_new(blocked.arena, PLENTY);
    CHECK(pipe2(blocked.ends, O_CLOEXEC) == 0);
    CHECK(mansio_group_spawn(group, "blocker", blocker_run, &blocked, NULL) == 0);
    CHECK(mansio_fiber_yield() == 0);
    CHECK(mansio_group_spawn(group, "writer", writer_run, &blocked, &writer) == 0);
    CHECK(mansio_fiber_yield() == 0);
    CHECK(mansio_fiber_yield() == 0);
    CHECK(blocked.result == 1);
    mansio_fiber_cancel(writer);
    CHECK(mansio_fiber_join(writer, MANSIO_NEVER, NULL) == 0);
    CHECK(blocked.result == MANSIO_E_CANCELLED);
    CHECK(mansio_content_finish(blocked.content, SOON) == MANSIO_E_CANCELLED);
    CHECK(mansio_content_write(blocked.content, MANSIO_STR("x"), mansio_now_us()) ==
          MANSIO_E_CANCELLED);
    mansio_arena_free(blocked.arena);
    CHECK(core_content_memory_used() == 0);
    CHECK(write(blocked.ends[1], "x", 1) == 1);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    mansio_group_close(group);
    (void)close(blocked.ends[0]);
    (void)close(blocked.ends[1]);
    return 0;
}

static void cancelled_while_writing(void **state)
{
    const struct core_loop_options options = {
        .fibers_max = 100,
        .stacks_kept_max = 16,
        .offload_threads = 1,
        .offload_queue_max = 8,
    };

    (void)state;
    core_content_setup(PLENTY, MANSIO_STR("/tmp"));
    run_fiber_with(&options, cancel_run, NULL);
}

/* No descriptor is left behind by any of this. */
static void no_descriptors_left(void **state)
{
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_true(next >= 0 && next < 16);
    (void)close(next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_message),
        cmocka_unit_test(empty),
        cmocka_unit_test(pieces),
        cmocka_unit_test(memory_and_file),
        cmocka_unit_test(no_memory_for_the_parser),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(limits),
        cmocka_unit_test(failing_disk),
        cmocka_unit_test(cancelled_while_writing),
        cmocka_unit_test(no_descriptors_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
