/*
 * The loop: wait for a request, read its head, find out who answers, read its body, ask, answer,
 * and again, until one side wants no more. Requests that are sent ahead are answered in their order
 * (RFC 9112 9.3.2).
 */
#include "conn.h"

#include <mansio/account.h>
#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/log.h>
#include <mansio/str.h>
#include <mansio/time.h>
#include <mansio/tls.h>

#include "request.h"

enum {
    STATUS_TIMEOUT = 408,
    HANDLER_MEMORY = 8 * 1024 * 1024,
    HEAD_ROOM = HTTP_ANSWER_FIELDS_MAX + 4096,
    PATH_SHOWN = 200, /* bytes, in the log */
    SLICE = 64 * 1024,
    RETRY_SECONDS = 30,
};

/* ---- the head -------------------------------------------------------------------------------- */

/* The first bytes of a request: until they come, nobody waits for anything. */
static int await_request(struct http_conn *conn, struct mansio_str *out)
{
    conn->phase = HTTP_IDLE;
    mansio_session_set_activity(conn->outer, "idle");
    mansio_stream_set_deadline(conn->stream, mansio_deadline_in(conn->options.idle_us));
    int rc = mansio_stream_read(conn->stream, MANSIO_STREAM_READ_MAX, MANSIO_READ_IDLE, out);
    if (rc >= 0) {
        conn->phase = HTTP_ASKED;
        conn->began_us = mansio_now_us();
        mansio_session_set_activity(conn->outer, "request");
    }
    return rc < 0 ? rc : 0;
}

/* 0; a status to refuse with; an error. */
static int read_head(struct http_conn *conn, struct mansio_str bytes)
{
    mansio_stream_set_deadline(conn->stream, conn->began_us + conn->options.head_us);
    for (;;) {
        size_t used = 0;
        int rc = http_head_feed(&conn->head, bytes, &used);
        mansio_stream_unread(conn->stream, bytes.len - used);
        if (rc != HTTP_MORE) {
            return rc == HTTP_DONE ? 0 : rc;
        }
        rc = mansio_stream_read(conn->stream, MANSIO_STREAM_READ_MAX, 0, &bytes);
        if (rc < 0) {
            return rc == MANSIO_E_TIMEOUT ? STATUS_TIMEOUT : rc;
        }
    }
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void count_answer(struct http_conn *conn, size_t sent)
{
    struct mansio_instance *instance = conn->module->instance;
    int64_t duration_us = mansio_now_us() - conn->began_us;
    size_t class = conn->answer.status / 100;
    struct mansio_str service =
        conn->route != NULL ? conn->route->service : mansio_session_service(conn->outer);
    mansio_metric_add(instance, HTTP_METRIC_ANSWERS_2XX + class - 2, 1);
    mansio_metric_add(instance, HTTP_METRIC_RECEIVED, (int64_t)conn->received);
    mansio_metric_add(instance, HTTP_METRIC_SENT, (int64_t)sent);
    mansio_metric_observe(instance, HTTP_METRIC_DURATION, duration_us);
    /* Never the query: it may name people, or hold what is secret. */
    mansio_log(MANSIO_LOG_INFO, "request", MANSIO_KV_STR("service", service),
               MANSIO_KV_STR("method", conn->head.method_name),
               MANSIO_KV_STR("host", conn->head.host.host),
               MANSIO_KV_STR("path", mansio_str_sub(conn->head.target.path, 0, PATH_SHOWN)),
               MANSIO_KV_INT("status", conn->answer.status), MANSIO_KV_INT("bytes", sent),
               MANSIO_KV_DURATION("duration", duration_us),
               MANSIO_KV_STR("address", mansio_conn_peer_ip(conn->conn)), MANSIO_KV_END);
}

/* RFC 9110 9.3.2, 15.3.5, 15.4.5 */
static int has_content(const struct http_conn *conn)
{
    return conn->head.method != MANSIO_HTTP_HEAD && conn->answer.status != 204 &&
           conn->answer.status != 304;
}

/* In slices, each of which must be taken in time, and all of them: who reads nothing is given up
 * soon, who reads a byte now and then in the end. */
static int send_bytes(struct http_conn *conn, struct mansio_str bytes, int64_t slow_us)
{
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < bytes.len; at += SLICE) {
        int64_t silent_us = mansio_deadline_in(conn->options.answer_us);
        mansio_stream_set_deadline(conn->stream, slow_us < silent_us ? slow_us : silent_us);
        rc = mansio_stream_write(conn->stream, mansio_str_sub(bytes, at, SLICE));
    }
    return rc;
}

static int send_answer(struct http_conn *conn)
{
    struct mansio_buf *head = mansio_buf_new(conn->arena, HEAD_ROOM);
    /* Whoever drains this process waits for the request, not for the next. */
    conn->closes |= !conn->head.keeps || conn->request_count >= conn->options.requests ||
                    mansio_fiber_stop_reason() != MANSIO_REASON_NONE;
    const struct http_framing framing = {
        .wall_us = mansio_wall_us(),
        .minor = conn->head.minor,
        .closes = conn->closes,
        .hsts_seconds = conn->is_tls ? conn->options.hsts_seconds : 0,
    };
    int rc = http_answer_head(&conn->answer, &framing, head);
    if (rc < 0) {
        return rc;
    }
    struct mansio_str body = has_content(conn) ? conn->answer.body : MANSIO_STR_NONE;
    size_t len = mansio_buf_str(head).len + body.len;
    int64_t earned_us = (int64_t)((double)len / (double)conn->options.rate * (double)MANSIO_SECOND);
    int64_t slow_us = mansio_deadline_in(conn->options.answer_us + earned_us);
    conn->phase = HTTP_ANSWERING;
    rc = send_bytes(conn, mansio_buf_str(head), slow_us);
    if (rc == 0) {
        rc = send_bytes(conn, body, slow_us);
    }
    if (rc == 0) {
        conn->is_over |= conn->closes;
        count_answer(conn, len);
    }
    return rc;
}

/* ---- a request ------------------------------------------------------------------------------- */

static int refuse_for_now(struct http_conn *conn)
{
    http_answer_refuse(&conn->answer, 503);
    int rc = http_answer_add_header(&conn->answer, MANSIO_STR("Retry-After"), MANSIO_STR("30"));
    return rc < 0 ? rc : 0;
}

static int ask_handler(struct http_conn *conn)
{
    const struct http_route *route = conn->route;
    uint32_t method = conn->head.method;
    /* What cuts the body is here: who has GET needs no HEAD. */
    if (method == MANSIO_HTTP_HEAD && (route->methods & MANSIO_HTTP_GET)) {
        method = MANSIO_HTTP_GET;
    }
    const struct mansio_http_request request = {
        .arena = conn->arena,
        .head = &conn->head,
        .body = conn->body,
        .method = method,
        .is_tls = conn->is_tls,
    };
    int rc = route->handler->handle(route->instance, conn->session, route->index, &request,
                                    &conn->answer);
    if (rc >= 0) {
        return 0;
    }
    uint32_t class = mansio_error_class(rc);
    if (class == MANSIO_CLASS_CANCELLED) {
        return rc;
    }
    mansio_log(class == MANSIO_CLASS_BUG ? MANSIO_LOG_ERROR : MANSIO_LOG_WARNING, "handler-failed",
               MANSIO_KV_CODE("error", rc), MANSIO_KV_END);
    if (class == MANSIO_CLASS_TRANSIENT) {
        return refuse_for_now(conn);
    }
    http_answer_refuse(&conn->answer, class == MANSIO_CLASS_LIMIT ? 413 : 500);
    return 0;
}

/* From an admitted request to its answer. */
static int answer_admitted(struct http_conn *conn)
{
    uint64_t max = conn->route->body_max_bytes < conn->options.body_bytes
                       ? conn->route->body_max_bytes
                       : conn->options.body_bytes;
    int rc = http_body_read(conn, max);
    if (rc > 0) {
        conn->closes = 1;
        http_answer_refuse(&conn->answer, (uint32_t)rc);
        return 0;
    }
    conn->is_read = rc == 0;
    return rc < 0 ? rc : ask_handler(conn);
}

static int run_apart(void *arg)
{
    struct http_conn *conn = arg;
    int rc = answer_admitted(conn);
    if (rc < 0) { /* a detail is its fiber's */
        rc = mansio_arena_copy(conn->arena, mansio_str_from_cstr(mansio_error_detail()),
                               &conn->detail) < 0
                 ? MANSIO_E_LIMIT
                 : rc;
    }
    return rc;
}

/* Wait for what answers. Whoever asks us to stop asks it, too: a handler may wait for long. */
static int attend(struct mansio_fiber *fiber)
{
    struct mansio_waitable *done = mansio_fiber_done(fiber);
    int rc = mansio_wait(&done, 1, MANSIO_NEVER, MANSIO_WAIT_IDLE);
    if (rc == MANSIO_E_STOPPING) {
        mansio_fiber_stop(fiber, mansio_fiber_stop_reason(), MANSIO_NEVER);
        rc = mansio_wait(&done, 1, MANSIO_NEVER, 0);
    }
    return rc < 0 ? rc : 0;
}

/* Somebody's request has a fiber of its own: when his session is ended, that one is, and the
 * connection goes on, for it may carry other people's. He is told to ask again, and then why. */
static int answer_apart(struct http_conn *conn)
{
    struct mansio_group *group = mansio_group_new("http.request");
    struct mansio_fiber *fiber = NULL;
    int result = 0;
    int rc = mansio_group_spawn(group, "http.request", run_apart, conn, &fiber);
    if (rc == 0) {
        mansio_session_set_fiber(conn->session, fiber);
        rc = attend(fiber);
        if (rc == 0) {
            rc = mansio_fiber_join(fiber, MANSIO_NEVER, &result);
        }
        if (rc < 0) { /* we are to end, and it with us; until it has, it may need the account */
            mansio_group_close(group);
            group = NULL;
        }
        mansio_session_set_fiber(conn->session, NULL);
        if (rc == 0 && result < 0) {
            result = mansio_fail(result, "%.*s", MANSIO_STR_ARG(conn->detail));
        }
    } else if (rc == MANSIO_E_LIMIT) {
        conn->closes = 1;
        result = refuse_for_now(conn);
        rc = 0;
    }
    mansio_group_close(group);
    if (rc == 0 && mansio_session_account(conn->session) == NULL) {
        conn->closes |= !conn->is_read;
        result = refuse_for_now(conn);
    }
    return rc < 0 ? rc : result;
}

/* From a whole head to the answer. */
static int process(struct http_conn *conn)
{
    int rc = http_admit(conn);
    if (rc == HTTP_ANSWERED) {
        return http_body_skip(conn);
    }
    if (rc < 0) {
        return rc;
    }
    return mansio_session_account(conn->session) != NULL ? answer_apart(conn)
                                                         : answer_admitted(conn);
}

static int serve_request(struct http_conn *conn, struct mansio_str first)
{
    int rc = http_head_init(&conn->head, conn->arena, &conn->options.limits);
    if (rc == 0) {
        rc = read_head(conn, first);
    }
    if (rc < 0) {
        return rc;
    }
    conn->request_count++;
    mansio_metric_add(conn->module->instance, HTTP_METRIC_REQUESTS, 1);
    http_answer_init(&conn->answer, conn->arena, rc == 0 ? 200 : (uint32_t)rc);
    if (rc > 0) {
        mansio_metric_add(conn->module->instance, HTTP_METRIC_REFUSED_HEADS, 1);
        conn->closes = 1;
        http_answer_refuse(&conn->answer, (uint32_t)rc);
    } else {
        rc = process(conn);
    }
    return rc < 0 ? rc : send_answer(conn);
}

static void end_request(struct http_conn *conn)
{
    http_head_wipe(&conn->head);
    mansio_session_close(conn->session);
    conn->session = NULL;
    mansio_arena_free(conn->arena);
    conn->arena = NULL;
}

static int serve_one(struct http_conn *conn)
{
    struct mansio_str first;
    http_options_read(conn->module->instance, &conn->options);
    int rc = await_request(conn, &first);
    if (rc < 0) {
        return rc;
    }
    /* Not of the conn's memory: a body is bounded by a limit of its own. */
    conn->arena = mansio_arena_new(NULL, "http.request",
                                   HANDLER_MEMORY + conn->options.body_bytes +
                                       conn->options.limits.head_bytes);
    conn->head = (struct http_head){0};
    conn->route = NULL;
    conn->body = MANSIO_STR_NONE;
    conn->received = 0;
    conn->is_read = 0;
    conn->detail = MANSIO_STR_NONE;
    conn->closes = 0;
    rc = serve_request(conn, first);
    end_request(conn);
    return rc < 0 ? rc : mansio_fiber_pace();
}

int http_serve(struct mansio_instance *instance, struct mansio_session *session)
{
    struct http_conn *conn = mansio_arena_alloc(mansio_session_arena(session), sizeof *conn);
    *conn = (struct http_conn){
        .module = mansio_instance_data(instance),
        .outer = session,
        .conn = mansio_session_conn(session),
        .stream = mansio_session_stream(session),
    };
    conn->is_tls = mansio_conn_tls_state(conn->conn) == MANSIO_TLS_ACTIVE;
    conn->is_unix = (uint32_t)mansio_str_eq(mansio_conn_peer_ip(conn->conn), MANSIO_STR("unix"));
    mansio_session_set_data(session, conn);
    int rc = 0;
    while (rc >= 0 && !conn->is_over) {
        rc = serve_one(conn);
    }
    return rc < 0 ? rc : 0;
}

void http_goodbye(struct mansio_instance *instance, struct mansio_session *session, uint32_t reason,
                  struct mansio_buf *out)
{
    const struct http_conn *conn = mansio_session_data(session);
    char date[HTTP_DATE_MAX];
    (void)instance, (void)reason;
    /* Between requests a word would be taken for an answer to the next, in the midst of an answer
     * for a part of it. */
    if (conn == NULL || conn->phase != HTTP_ASKED) {
        return;
    }
    size_t len = http_date(mansio_wall_us(), date);
    mansio_buf_printf(out,
                      "HTTP/1.1 503 Service Unavailable\r\nDate: %.*s\r\nConnection: close\r\n"
                      "Retry-After: %d\r\nContent-Length: 0\r\n\r\n",
                      (int)len, date, RETRY_SECONDS);
}
