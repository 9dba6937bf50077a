/*
 * Relaying hints.
 *
 * One fiber, one connection that listens. Hints wait in a set until the fiber has slept a moment,
 * so that a burst about one collection is one line; what doesn't fit is dropped, as a hint may be.
 * After a reconnect nobody knows what was missed: so the one hint that matters for truth's sake,
 * "directory", is published then.
 */
#include "relay.h"

#include <stdlib.h>

#include <mansio/buf.h>
#include <mansio/bus.h>
#include <mansio/error.h>
#include <mansio/map.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "conn.h"
#include "libpq.h"
#include "sql.h"

#define COALESCE_US (5 * MANSIO_MS)
#define ASK_US      (10 * MANSIO_SECOND)
#define PAUSE_US    (500 * MANSIO_MS)
/* So often at least the connection is asked something: a dead peer is noticed. */
#define ALIVE_US (30 * MANSIO_SECOND)

enum {
    PENDING_MAX = 4096,
    NOTIFY_MAX = 7900, /* PostgreSQL refuses 8000 */
    LINE_MAX = MANSIO_BUS_TOPIC_MAX + 2 * MANSIO_BUS_PAYLOAD_MAX + 2,
};

struct pg_relay {
    struct pg *pg;
    struct mansio_arena *arena;
    struct mansio_group *group;
    struct pg_pool *pool;
    struct mansio_map *pending; /* lines to send; the values are nothing */
    struct mansio_event *filled;
};

static int is_shared(struct mansio_str topic)
{
    return mansio_str_eq(topic, MANSIO_STR("directory")) ||
           mansio_str_eq(topic, MANSIO_STR("policy")) ||
           mansio_str_eq(topic, MANSIO_STR("spool")) ||
           mansio_str_starts(topic, MANSIO_STR("collection/"));
}

/* ---- the form ------------------------------------------------------------------------------- */

static void add_line(struct mansio_buf *out, struct mansio_str topic, struct mansio_str payload)
{
    static const char digits[] = "0123456789abcdef";
    (void)mansio_buf_add(out, topic);
    (void)mansio_buf_add_char(out, ' ');
    for (size_t i = 0; i < payload.len; i++) {
        unsigned char c = (unsigned char)payload.ptr[i];
        (void)mansio_buf_add_char(out, digits[c >> 4]);
        (void)mansio_buf_add_char(out, digits[c & 15]);
    }
}

int pg_relay_payload(struct mansio_arena *arena, struct mansio_str topic, struct mansio_str payload,
                     struct mansio_str *out)
{
    struct mansio_buf *line = mansio_buf_new(arena, LINE_MAX);
    add_line(line, topic, payload);
    *out = mansio_buf_str(line);
    return mansio_buf_status(line);
}

static int from_hex(struct mansio_str hex, struct mansio_buf *out)
{
    mansio_buf_reset(out);
    for (size_t i = 0; i + 1 < hex.len; i += 2) {
        uint64_t byte;
        if (mansio_parse_hex(mansio_str_sub(hex, i, 2), 255, &byte) < 0) {
            return MANSIO_E_INVALID;
        }
        (void)mansio_buf_add_char(out, (char)byte);
    }
    return hex.len % 2 != 0 ? MANSIO_E_INVALID : mansio_buf_status(out);
}

size_t pg_relay_publish(struct mansio_str payload)
{
    size_t published = 0;
    MANSIO_SCRATCH_BEGIN(scratch);
    struct mansio_buf *bytes = mansio_buf_new(scratch, MANSIO_BUS_PAYLOAD_MAX);
    struct mansio_str rest = payload;
    struct mansio_str line;
    while (mansio_str_split(&rest, '\n', &line)) {
        struct mansio_str topic = line;
        struct mansio_str hex = line;
        if (mansio_str_split(&hex, ' ', &topic) && is_shared(topic) && from_hex(hex, bytes) == 0 &&
            mansio_bus_relay(topic, mansio_buf_str(bytes)) == 0) {
            published++;
        }
    }
    MANSIO_SCRATCH_END(scratch);
    return published;
}

/* ---- out ------------------------------------------------------------------------------------ */

static void on_hint(void *arg, struct mansio_str topic, struct mansio_str payload)
{
    struct pg_relay *relay = arg;
    if (!is_shared(topic) || relay->pg->config.skips_hints) {
        return;
    }
    MANSIO_SCRATCH_BEGIN(scratch);
    struct mansio_str line = MANSIO_STR_NONE;
    if (pg_relay_payload(scratch, topic, payload, &line) == 0 &&
        mansio_map_put(relay->pending, line, relay) >= 0) {
        mansio_event_set(relay->filled);
    }
    MANSIO_SCRATCH_END(scratch);
}

/* As many pending lines as one notification takes. */
static void take_lines(struct pg_relay *relay, struct mansio_buf *out)
{
    size_t cursor = 0;
    struct mansio_str line;
    while (mansio_map_next(relay->pending, &cursor, &line, NULL)) {
        size_t used = mansio_buf_str(out).len;
        if (used + line.len + 1 > NOTIFY_MAX) {
            return;
        }
        if (used > 0) {
            (void)mansio_buf_add_char(out, '\n');
        }
        (void)mansio_buf_add(out, line);
        mansio_metric_add(relay->pg->instance, PG_METRIC_HINTS_SENT, 1);
        (void)mansio_map_remove(relay->pending, line);
    }
}

static int send_pending(struct pg_relay *relay, struct pg_conn *conn)
{
    int rc = 0;
    struct mansio_arena *arena = mansio_arena_new(NULL, "hints", 0);
    struct mansio_buf *text = mansio_buf_new(arena, NOTIFY_MAX);
    while (rc == 0 && mansio_map_count(relay->pending) > 0) {
        struct pg_params params;
        mansio_buf_reset(text);
        take_lines(relay, text);
        pg_params_init(&params);
        pg_add_text(&params, mansio_buf_str(text));
        rc = pg_ask(conn, PG_SQL_NOTIFY, &params, mansio_deadline_in(ASK_US), NULL);
    }
    mansio_event_clear(relay->filled);
    mansio_arena_free(arena);
    return rc;
}

/* ---- in ------------------------------------------------------------------------------------- */

int pg_notification(struct pg_conn *conn, struct mansio_arena *arena, struct mansio_str *out)
{
    int rc = pg_look(conn);
    PGnotify *notify = rc < 0 ? NULL : PQnotifies(conn->pq);
    if (notify == NULL) {
        return rc;
    }
    rc = mansio_arena_copy(arena, mansio_str_from_cstr(notify->extra), out);
    PQfreemem(notify);
    return rc < 0 ? rc : 1;
}

static int take_notifications(struct pg_relay *relay, struct pg_conn *conn)
{
    int rc = pg_look(conn);
    if (rc < 0) {
        return rc;
    }
    for (PGnotify *notify = PQnotifies(conn->pq); notify != NULL; notify = PQnotifies(conn->pq)) {
        if (notify->be_pid != PQbackendPID(conn->pq) && !relay->pg->config.skips_hints) {
            size_t count = pg_relay_publish(mansio_str_from_cstr(notify->extra));
            mansio_metric_add(relay->pg->instance, PG_METRIC_HINTS_RECEIVED, (int64_t)count);
        }
        PQfreemem(notify);
    }
    return 0;
}

static int serve(struct pg_relay *relay, struct pg_conn *conn)
{
    struct mansio_waitable *const sources[] = {conn->readable,
                                               mansio_event_waitable(relay->filled)};
    int rc = pg_ask(conn, PG_SQL_LISTEN, NULL, mansio_deadline_in(ASK_US), NULL);
    if (rc == 0) {
        (void)mansio_bus_relay(MANSIO_STR("directory"), MANSIO_STR_NONE);
    }
    while (rc == 0 && !relay->pg->config.skips_hints) {
        rc = take_notifications(relay, conn);
        if (rc < 0) {
            break;
        }
        int ready = mansio_wait(sources, MANSIO_COUNT(sources), mansio_deadline_in(ALIVE_US), 0);
        if (ready == MANSIO_E_TIMEOUT) {
            rc = pg_ask(conn, PG_SQL_EPOCH, NULL, mansio_deadline_in(ASK_US), NULL);
        } else if (ready == 1) {
            rc = mansio_fiber_sleep_until(mansio_deadline_in(COALESCE_US));
            rc = rc < 0 ? rc : send_pending(relay, conn);
        } else {
            rc = ready < 0 ? ready : 0;
        }
    }
    return rc;
}

static int relay_fiber(void *arg)
{
    struct pg_relay *relay = arg;
    int rc = 0;
    while (rc != MANSIO_E_CANCELLED) {
        struct pg_conn *conn = NULL;
        if (relay->pg->config.skips_hints) {
            rc = mansio_fiber_sleep_until(mansio_deadline_in(PAUSE_US));
            continue;
        }
        rc = pg_borrow(relay->pool, mansio_deadline_in(ASK_US), &conn);
        if (rc == 0) {
            rc = serve(relay, conn);
            (void)pg_break(conn, "it listened"); /* nobody else wants its notifications */
            pg_give_back(conn);
        }
        if (rc != MANSIO_E_CANCELLED) {
            rc = mansio_fiber_sleep_until(mansio_deadline_in(PAUSE_US));
        }
    }
    return 0;
}

struct pg_relay *pg_relay_new(struct pg *pg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "relay", 0);
    struct pg_relay *relay = mansio_arena_alloc(arena, sizeof *relay);
    relay->pg = pg;
    relay->arena = arena;
    relay->group = mansio_group_new("relay");
    relay->pool = pg_pool_new(pg, PG_ROLE_SERVING, "bus", 1);
    relay->pending = mansio_map_new(arena, PENDING_MAX);
    relay->filled = mansio_event_new(arena);
    mansio_bus_tap(arena, on_hint, relay);
    /* Without it other nodes see changes by the epoch, within half a second. */
    (void)!mansio_group_spawn(relay->group, "relay", relay_fiber, relay, NULL);
    return relay;
}

void pg_relay_close(struct pg_relay *relay)
{
    if (relay == NULL) {
        return;
    }
    mansio_group_close(relay->group);
    pg_pool_close(relay->pool);
    mansio_arena_free(relay->arena);
}
