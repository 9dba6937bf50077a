/*
 * Metrics and health over HTTP/1.1: a loop of requests on a conn, each step with its deadline.
 *
 * Owns what is answered; the head of a request is read by http_request.c. A conn that breaks the
 * rules is told once and closed.
 */
#include <config.h>

#include "core/host/metrics_http.h"

#include <inttypes.h>
#include <time.h>

#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/module.h>
#include <mansio/str.h>
#include <mansio/stream.h>
#include <mansio/time.h>

#include "core/host/http_request.h"
#include "core/host/metrics.h"

enum {
    REQUESTS_MAX = 1000, /* on one conn */
    HEAD_MAX = 2048,     /* of an answer */
    PAGE_MAX = 16 * 1024 * 1024,
    STATUS_TIMEOUT = 408,
    STATUS_URI = 414,
    STATUS_HEADERS = 431,
};

#define IDLE_US   (60 * MANSIO_SECOND) /* for a request's first line */
#define HEAD_US   (10 * MANSIO_SECOND) /* for the rest of its head */
#define ANSWER_US (30 * MANSIO_SECOND)

static const char TYPE_TEXT[] = "text/plain; charset=utf-8";
static const char TYPE_JSON[] = "application/json";
static const char TYPE_METRICS[] = "text/plain; version=0.0.4; charset=utf-8";

struct answer {
    int status;
    const char *type;
    struct mansio_str body;
};

static const struct {
    int status;
    const char *phrase;
} phrases[] = {
    {200, "OK"},
    {400, "Bad Request"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

static const char *phrase_of(int status)
{
    for (size_t i = 0; i < MANSIO_COUNT(phrases); i++) {
        if (phrases[i].status == status) {
            return phrases[i].phrase;
        }
    }
    return "Error";
}

/* RFC 9110 5.6.7; strftime() would speak the process's language. */
static void print_date(struct mansio_buf *out)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = (time_t)(mansio_wall_us() / MANSIO_SECOND);
    struct tm tm = {0};
    (void)gmtime_r(&now, &tm);
    (void)mansio_buf_printf(out, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday],
                            tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                            tm.tm_sec);
}

/* Head and, unless only the head was asked for, body. */
static int send_answer(struct mansio_stream *stream, struct mansio_arena *arena,
                       const struct answer *answer, int is_head, int keeps)
{
    struct mansio_buf *head = mansio_buf_new(arena, HEAD_MAX);
    (void)mansio_buf_printf(head, "HTTP/1.1 %d %s\r\n", answer->status, phrase_of(answer->status));
    print_date(head);
    (void)mansio_buf_printf(head, "Content-Type: %s\r\nContent-Length: %zu\r\n", answer->type,
                            answer->body.len);
    if (answer->status == 405) {
        (void)mansio_buf_add(head, MANSIO_STR("Allow: GET, HEAD\r\n"));
    }
    (void)mansio_buf_printf(head, "Cache-Control: no-store\r\nConnection: %s\r\n\r\n",
                            keeps ? "keep-alive" : "close");
    mansio_stream_set_deadline(stream, mansio_deadline_in(ANSWER_US));
    int rc = mansio_buf_status(head);
    if (rc == 0) {
        rc = mansio_stream_write(stream, mansio_buf_str(head));
    }
    if (rc == 0 && !is_head) {
        rc = mansio_stream_write(stream, answer->body);
    }
    return rc < 0 ? rc : mansio_stream_flush(stream);
}

/* ---- what is answered ----------------------------------------------------------------------- */

static uint64_t load(const _Atomic uint64_t *field)
{
    return atomic_load_explicit(field, memory_order_relaxed);
}

void core_health_read(struct core_shm *shm, struct core_health *out)
{
    struct core_health health = {0};
    uint64_t accepting_generation = 0;
    for (uint32_t i = 1; i < CORE_SHM_SLOTS; i++) {
        const struct core_slot *slot = core_shm_slot(shm, i);
        uint64_t state = load(&slot->state);
        uint64_t generation = load(&slot->generation);
        if (state == CORE_SLOT_FREE || load(&slot->role) != MANSIO_ROLE_WORKER) {
            continue;
        }
        health.conns_open += load(&slot->conns_open);
        health.sessions_open += load(&slot->sessions_open);
        if (state == CORE_SLOT_STARTING) {
            health.starting++;
            continue;
        }
        if (state == CORE_SLOT_ACCEPTING) {
            health.accepting++;
            accepting_generation =
                generation > accepting_generation ? generation : accepting_generation;
        } else {
            health.draining++;
        }
        health.generation = generation > health.generation ? generation : health.generation;
    }
    health.is_ok = health.accepting > 0 && accepting_generation == health.generation;
    *out = health;
}

static struct answer answer_health(struct core_shm *shm, struct mansio_arena *arena)
{
    struct core_health health;
    struct mansio_buf *body = mansio_buf_new(arena, HEAD_MAX);
    core_health_read(shm, &health);
    (void)mansio_buf_printf(body,
                            "{\"status\":\"%s\",\"generation\":%" PRIu64
                            ",\"workers\":{\"starting\":%u,\"accepting\":%u,\"draining\":%u},"
                            "\"conns_open\":%" PRIu64 ",\"sessions_open\":%" PRIu64 "}\n",
                            health.is_ok ? "ok" : "unavailable", health.generation, health.starting,
                            health.accepting, health.draining, health.conns_open,
                            health.sessions_open);
    return (struct answer){health.is_ok ? 200 : 503, TYPE_JSON, mansio_buf_str(body)};
}

static struct answer answer_metrics(struct core_shm *shm, struct mansio_arena *arena)
{
    struct mansio_buf *body = mansio_buf_new(arena, PAGE_MAX);
    core_metrics_print(shm, body);
    if (mansio_buf_status(body) < 0) {
        return (struct answer){500, TYPE_TEXT, MANSIO_STR("too many metrics\n")};
    }
    return (struct answer){200, TYPE_METRICS, mansio_buf_str(body)};
}

static struct answer answer_status(int status, struct mansio_arena *arena)
{
    struct mansio_buf *body = mansio_buf_new(arena, HEAD_MAX);
    (void)mansio_buf_printf(body, "%s\n", phrase_of(status));
    return (struct answer){status, TYPE_TEXT, mansio_buf_str(body)};
}

static struct answer answer_request(const struct core_http_request *request,
                                    struct mansio_arena *arena)
{
    struct core_shm *shm = core_shm_current();
    struct mansio_str path = {request->path, request->path_len};
    if (shm != NULL && mansio_str_eq(path, MANSIO_STR("/metrics"))) {
        return answer_metrics(shm, arena);
    }
    if (shm != NULL && mansio_str_eq(path, MANSIO_STR("/health"))) {
        return answer_health(shm, arena);
    }
    return (struct answer){404, TYPE_TEXT, MANSIO_STR("here are /metrics and /health\n")};
}

/* ---- the dialogue --------------------------------------------------------------------------- */

/* Read a request's head. 0, a status to refuse with, or an error that ends the conn in silence. */
static int read_head(struct mansio_stream *stream, struct core_http_request *request)
{
    struct mansio_str line;
    mansio_stream_set_deadline(stream, mansio_deadline_in(IDLE_US));
    int rc = mansio_stream_read_line(stream, CORE_HTTP_LINE_MAX, MANSIO_READ_IDLE, &line);
    if (rc == 0) { /* RFC 9112 2.2: one empty line before a request is forgiven */
        rc = mansio_stream_read_line(stream, CORE_HTTP_LINE_MAX, 0, &line);
    }
    if (rc < 0) {
        return rc == MANSIO_E_LIMIT ? STATUS_URI : rc;
    }
    rc = core_http_request_line(line, request);
    mansio_stream_set_deadline(stream, mansio_deadline_in(HEAD_US));
    while (rc == 0) {
        rc = mansio_stream_read_line(stream, CORE_HTTP_LINE_MAX, 0, &line);
        if (rc == 0) {
            return core_http_head_end(request);
        }
        if (rc < 0) {
            return rc == MANSIO_E_LIMIT     ? STATUS_HEADERS
                   : rc == MANSIO_E_TIMEOUT ? STATUS_TIMEOUT
                                            : rc;
        }
        rc = core_http_header(line, request);
    }
    return rc;
}

/* 1 to go on with the conn, 0 to close it, or the error that ended it. */
static int serve_request(struct mansio_stream *stream, struct mansio_arena *arena, int is_last)
{
    struct core_http_request request = {0};
    int rc = read_head(stream, &request);
    if (rc < 0) {
        return rc;
    }
    int keeps = rc == 0 && !is_last && core_http_keeps(&request);
    struct answer answer = rc == 0 ? answer_request(&request, arena) : answer_status(rc, arena);
    rc = send_answer(stream, arena, &answer, request.is_head, keeps);
    return rc < 0 ? rc : keeps;
}

int core_metrics_serve(void *arg, struct mansio_conn *conn)
{
    struct mansio_stream *stream = mansio_conn_stream(conn);
    int rc = 1;
    (void)arg;
    for (int i = 1; rc == 1 && i <= REQUESTS_MAX; i++) {
        /* Not in the conn's arena: a page may be larger than what a conn may hold. */
        struct mansio_arena *arena = mansio_arena_new(NULL, "http", 0);
        rc = serve_request(stream, arena, i == REQUESTS_MAX);
        mansio_arena_free(arena);
    }
    /* Ends as ends go, for a server that nobody has to say goodbye in. */
    int is_quiet = rc == MANSIO_E_EOF || rc == MANSIO_E_STOPPING || rc == MANSIO_E_TIMEOUT;
    return rc < 0 && !is_quiet ? rc : 0;
}
