/*
 * store-loader: puts bytes into a mailbox through the store interface, as they are. What SMTP must
 * refuse (NUL, a lone CR, endless lines) can get into a mailbox by other ways; tests get it there
 * by this one.
 *
 *   DELIVER user@domain BYTES CRLF, then so many bytes    OK uid, or NO error detail
 *   QUIT
 */
#include <mansio/account.h>
#include <mansio/content.h>
#include <mansio/error.h>
#include <mansio/interface.h>
#include <mansio/mail.h>
#include <mansio/plan.h>
#include <mansio/protocol.h>
#include <mansio/store.h>
#include <mansio/str.h>

#define STEP_US     (60 * MANSIO_SECOND)
#define CONTENT_MAX (64 << 20)
#define ARENA_BYTES (8 << 20)

/* The bytes that follow the command. */
static int read_content(struct mansio_stream *stream, struct mansio_content *content, uint64_t left)
{
    while (left > 0) {
        struct mansio_str part;
        size_t max = left < MANSIO_STREAM_READ_MAX ? (size_t)left : MANSIO_STREAM_READ_MAX;
        int rc = mansio_stream_read(stream, max, 0, &part);
        if (rc >= 0) {
            rc = mansio_content_write(content, part, mansio_deadline_in(STEP_US));
        }
        if (rc < 0) {
            return rc;
        }
        left -= part.len;
    }
    return mansio_content_finish(content, mansio_deadline_in(STEP_US));
}

static int commit(struct mansio_arena *arena, struct mansio_str address,
                  struct mansio_content *content, uint32_t *out_uid)
{
    struct mansio_path path = {.size = sizeof path};
    struct mansio_recipient *recipient;
    int rc = mansio_mailbox_parse(arena, address, MANSIO_PATH_UTF8, &path);
    if (rc >= 0) {
        rc = mansio_recipient_resolve(arena, path.local, path.domain, mansio_deadline_in(STEP_US),
                                      &recipient);
    }
    if (rc < 0) {
        return rc;
    }
    struct mansio_plan *plan =
        mansio_plan_new(arena, &(struct mansio_plan_facts){.size = sizeof(struct mansio_plan_facts),
                                                           .received_us = mansio_wall_us()});
    if (plan == NULL) {
        return MANSIO_E_LIMIT;
    }
    struct mansio_plan_entry entry = {.size = sizeof entry,
                                      .action = MANSIO_PLAN_DELIVER,
                                      .account = mansio_recipient_account(recipient, 0)};
    rc = mansio_plan_add(plan, &entry);
    if (rc < 0) {
        return rc;
    }
    struct mansio_instance *pool;
    const struct mansio_store *store = mansio_account_store(entry.account, &pool);
    rc = store->deliver(pool, plan, content, mansio_deadline_in(STEP_US));
    if (rc == 0) {
        *out_uid = mansio_plan_outcome(plan, 0)->uid;
    }
    return rc;
}

static int deliver(struct mansio_stream *stream, struct mansio_str rest)
{
    struct mansio_str address;
    uint64_t size;
    if (!mansio_str_split(&rest, ' ', &address) || mansio_parse_u64(rest, CONTENT_MAX, &size) < 0) {
        return mansio_stream_printf(stream, "NO arguments\r\n");
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "load", ARENA_BYTES);
    struct mansio_str kept;
    uint32_t uid = 0;
    int rc = mansio_arena_copy(arena, address, &kept); /* the line goes with the next read */
    if (rc == 0) {
        struct mansio_content *content = mansio_content_new(arena, CONTENT_MAX);
        rc = read_content(stream, content, size);
        if (rc >= 0) {
            rc = commit(arena, kept, content, &uid);
        }
    }
    mansio_arena_free(arena);
    if (rc < 0) {
        return mansio_stream_printf(stream, "NO %s %s\r\n", mansio_error_name(rc),
                                    mansio_error_detail());
    }
    return mansio_stream_printf(stream, "OK %u\r\n", uid);
}

static int serve(struct mansio_instance *instance, struct mansio_session *session)
{
    (void)instance;
    struct mansio_stream *stream = mansio_session_stream(session);
    for (;;) {
        struct mansio_str line, verb;
        mansio_stream_set_deadline(stream, mansio_deadline_in(STEP_US));
        int rc = mansio_stream_read_line(stream, 1000, MANSIO_READ_IDLE, &line);
        if (rc < 0) {
            return rc;
        }
        if (!mansio_str_split(&line, ' ', &verb) || !mansio_str_eq(verb, MANSIO_STR("DELIVER"))) {
            return 0;
        }
        rc = deliver(stream, line);
        if (rc < 0) {
            return rc;
        }
    }
}

static const struct mansio_protocol protocol = {
    .size = sizeof protocol, .service = "store-loader", .serve = serve};

static int load(struct mansio_instance *instance)
{
    return mansio_interface_provide(instance, MANSIO_PROTOCOL, MANSIO_PROTOCOL_VERSION, &protocol);
}

MANSIO_MODULE("store-loader", "1.0", "", .summary = "Loads messages for tests.", .load = load);
