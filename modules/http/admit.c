/*
 * From a request to who may answer it: TLS, route, session, credentials, in this order. What a
 * client lacks is said as RFC 9110 15.5 has it.
 */
#include "conn.h"

#include <inttypes.h>

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/login.h>
#include <mansio/settings.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum {
    CREDENTIALS_CAP = 128 * 1024,
    RETRY_SECONDS = 30,           /* what is away is perhaps back */
    RETRY_THROTTLED_SECONDS = 60, /* too many failed logins */
    ALL_METHODS = MANSIO_HTTP_GET | MANSIO_HTTP_HEAD | MANSIO_HTTP_POST | MANSIO_HTTP_PUT |
                  MANSIO_HTTP_DELETE | MANSIO_HTTP_OPTIONS,
};

static int refuse(struct http_conn *conn, uint32_t status)
{
    http_answer_refuse(&conn->answer, status);
    return HTTP_ANSWERED;
}

/* With a field of ours, which can't fail but for want of memory. */
static int refuse_with(struct http_conn *conn, uint32_t status, struct mansio_str name,
                       struct mansio_str value)
{
    http_answer_refuse(&conn->answer, status);
    int rc = http_answer_add_header(&conn->answer, name, value);
    return rc < 0 ? refuse(conn, 500) : HTTP_ANSWERED;
}

static int refuse_for(struct http_conn *conn, uint32_t status, int seconds)
{
    struct mansio_str text;
    return mansio_arena_printf(conn->arena, &text, "%d", seconds) < 0
               ? refuse(conn, status)
               : refuse_with(conn, status, MANSIO_STR("Retry-After"), text);
}

/* ---- methods --------------------------------------------------------------------------------- */

static int say_allowed(struct http_conn *conn, uint32_t status, uint32_t methods)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"};
    struct mansio_buf *text = mansio_buf_new(conn->arena, 64);
    for (size_t i = 0; i < MANSIO_COUNT(names); i++) {
        if (methods & (1U << i)) {
            mansio_buf_printf(text, "%s%s", mansio_buf_str(text).len > 0 ? ", " : "", names[i]);
        }
    }
    int rc = refuse_with(conn, status, MANSIO_STR("Allow"), mansio_buf_str(text));
    if (status == 204) {
        conn->answer.type = conn->answer.body = MANSIO_STR_NONE;
    }
    return rc;
}

/* ---- redirection ----------------------------------------------------------------------------- */

static int is_excepted(const struct http_conn *conn)
{
    const struct mansio_settings *settings = mansio_instance_settings(conn->module->instance);
    for (size_t i = 0; i < mansio_settings_count(settings, "redirect_except"); i++) {
        if (mansio_str_starts(conn->head.target.path,
                              mansio_settings_item(settings, "redirect_except", i))) {
            return 1;
        }
    }
    return 0;
}

/* Host and target are checked: neither can hold what would end the field. */
static int redirect(struct http_conn *conn)
{
    struct mansio_str place, port = MANSIO_STR("");
    int is_read = conn->head.method == MANSIO_HTTP_GET || conn->head.method == MANSIO_HTTP_HEAD;
    if (conn->head.host.host.len == 0) {
        return refuse(conn, 403);
    }
    int rc = 0;
    if (conn->options.redirect_port != 443) {
        rc = mansio_arena_printf(conn->arena, &port, ":%" PRIu32, conn->options.redirect_port);
    }
    if (rc == 0) {
        rc = mansio_arena_printf(conn->arena, &place, "https://%.*s%.*s%.*s",
                                 MANSIO_STR_ARG(conn->head.host.host), MANSIO_STR_ARG(port),
                                 MANSIO_STR_ARG(conn->head.target.raw));
    }
    /* RFC 9110 15.4.2, 15.4.9: a POST stays one. */
    return rc < 0 ? refuse(conn, 500)
                  : refuse_with(conn, is_read ? 301 : 308, MANSIO_STR("Location"), place);
}

/* ---- credentials ----------------------------------------------------------------------------- */

/* RFC 7617 2. Who would send the password in the clear is not asked for it. */
static int challenge(struct http_conn *conn)
{
    struct mansio_str text, realm;
    if (!mansio_session_may_use_password(conn->session)) {
        return refuse(conn, 403);
    }
    realm = mansio_settings_str(mansio_instance_settings(conn->module->instance), "realm");
    return mansio_arena_printf(conn->arena, &text, "Basic realm=\"%.*s\", charset=\"UTF-8\"",
                               MANSIO_STR_ARG(realm)) < 0
               ? refuse(conn, 500)
               : refuse_with(conn, 401, MANSIO_STR("WWW-Authenticate"), text);
}

static int say_denied(struct http_conn *conn, int result)
{
    if (mansio_error_class(result) == MANSIO_CLASS_CANCELLED) {
        return result;
    }
    mansio_metric_add(conn->module->instance, HTTP_METRIC_LOGIN_FAILURES, 1);
    conn->login_failures++;
    conn->closes |= conn->login_failures >= conn->options.login_failures;
    switch (result) {
    case MANSIO_E_DENIED:
    case MANSIO_E_INVALID:
        return challenge(conn);
    case MANSIO_E_UNSUPPORTED:
        return refuse(conn, 403);
    case MANSIO_E_LIMIT:
        return refuse_for(conn, 429, RETRY_THROTTLED_SECONDS);
    case MANSIO_E_UNAVAILABLE:
    case MANSIO_E_TIMEOUT:
        return refuse_for(conn, 503, RETRY_SECONDS);
    default:
        mansio_log(MANSIO_LOG_ERROR, "login-failed", MANSIO_KV_CODE("error", result),
                   MANSIO_KV_END);
        return refuse(conn, 500);
    }
}

static int judge_credentials(struct http_conn *conn, struct mansio_str value)
{
    struct mansio_arena *arena = mansio_arena_new(conn->arena, "http.credentials", CREDENTIALS_CAP);
    struct http_basic basic = {0};
    int rc = http_parse_basic(arena, value, &basic);
    if (rc == 0) {
        rc = mansio_session_login(conn->session, basic.user, basic.password,
                                  mansio_deadline_in(conn->options.login_us));
        http_wipe(basic.user);
        http_wipe(basic.password);
    } else if (rc == MANSIO_E_UNSUPPORTED || rc == MANSIO_E_LIMIT) {
        rc = MANSIO_E_INVALID; /* a scheme of others, or too long: nobody's credentials */
    }
    mansio_arena_free(arena);
    return rc == 0 ? HTTP_ADMITTED : say_denied(conn, rc);
}

static int log_in(struct http_conn *conn)
{
    struct mansio_str value;
    uint32_t flags = conn->route->flags;
    if (!(flags & (MANSIO_HTTP_NEEDS_LOGIN | MANSIO_HTTP_TAKES_LOGIN))) {
        return HTTP_ADMITTED;
    }
    if (http_head_find(&conn->head, MANSIO_STR("Authorization"), &value) > 0) {
        return mansio_session_may_use_password(conn->session) ? judge_credentials(conn, value)
                                                              : refuse(conn, 403);
    }
    return flags & MANSIO_HTTP_NEEDS_LOGIN ? challenge(conn) : HTTP_ADMITTED;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int find_route(struct http_conn *conn)
{
    const struct http_head *head = &conn->head;
    uint32_t allowed = 0;
    conn->route = http_routes_find(&conn->module->routes, head->host.host, head->target.path,
                                   head->method, &allowed);
    if (conn->route != NULL) {
        return HTTP_ADMITTED;
    }
    if (allowed == 0) {
        return refuse(conn, 404);
    }
    allowed |= MANSIO_HTTP_OPTIONS;
    return say_allowed(conn, head->method == MANSIO_HTTP_OPTIONS ? 204 : 405, allowed);
}

static int open_session(struct http_conn *conn)
{
    int rc = mansio_session_open(conn->conn, conn->route->instance, conn->route->service,
                                 &conn->session);
    if (rc == 0) {
        mansio_session_set_activity(conn->session, "request");
        return HTTP_ADMITTED;
    }
    if (mansio_error_class(rc) == MANSIO_CLASS_CANCELLED) {
        return rc;
    }
    mansio_log(rc == MANSIO_E_LIMIT ? MANSIO_LOG_WARNING : MANSIO_LOG_ERROR, "session-refused",
               MANSIO_KV_STR("service", conn->route->service), MANSIO_KV_CODE("error", rc),
               MANSIO_KV_END);
    return rc == MANSIO_E_LIMIT ? refuse_for(conn, 503, RETRY_SECONDS) : refuse(conn, 500);
}

int http_admit(struct http_conn *conn)
{
    const struct http_head *head = &conn->head;
    int is_safe = conn->is_tls || conn->is_unix; /* nobody listens in */
    /* RFC 9110 7.4. Behind a unix socket another program may have ended TLS. */
    if (head->target.is_absolute && !conn->is_unix && head->target.is_https != conn->is_tls) {
        return refuse(conn, 421);
    }
    if (head->method == 0) {
        return refuse(conn, 501);
    }
    if (head->target.is_asterisk) {
        return say_allowed(conn, 204, ALL_METHODS);
    }
    if (conn->options.redirects && !is_safe && !is_excepted(conn)) {
        return redirect(conn);
    }
    int rc = find_route(conn);
    if (rc != HTTP_ADMITTED) {
        return rc;
    }
    if ((conn->route->flags & MANSIO_HTTP_NEEDS_TLS) && !is_safe) {
        return refuse(conn, 403);
    }
    if (head->has_body &&
        (head->length > conn->route->body_max_bytes || head->length > conn->options.body_bytes ||
         conn->route->body_max_bytes == 0)) {
        return refuse(conn, 413);
    }
    rc = open_session(conn);
    return rc == HTTP_ADMITTED ? log_in(conn) : rc;
}
