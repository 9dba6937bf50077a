/*
 * Answers, built: RFC 9110 15 has the statuses, RFC 9112 4 the form.
 */
#include "answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "parse.h"

static const struct {
    uint32_t status;
    const char *words;
} statuses[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {449, "Retry With"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

/* What says where an answer ends, and what becomes of the connection. */
static const struct mansio_str ours[] = {
    {"Connection", 10}, {"Content-Length", 14},    {"Date", 4},    {"Keep-Alive", 10},
    {"Trailer", 7},     {"Transfer-Encoding", 17}, {"Upgrade", 7},
};

const char *http_status_words(uint32_t status)
{
    for (size_t i = 0; i < MANSIO_COUNT(statuses); i++) {
        if (statuses[i].status == status) {
            return statuses[i].words;
        }
    }
    return "";
}

void http_answer_init(struct mansio_http_answer *answer, struct mansio_arena *arena,
                      uint32_t status)
{
    *answer = (struct mansio_http_answer){
        .arena = arena,
        .fields = mansio_buf_new(arena, HTTP_ANSWER_FIELDS_MAX),
        .status = status,
    };
}

void http_answer_set_status(struct mansio_http_answer *answer, uint32_t status)
{
    answer->status = status >= 200 && status <= 599 ? status : 500;
}

int http_answer_add_header(struct mansio_http_answer *answer, struct mansio_str name,
                           struct mansio_str value)
{
    if (!http_is_token(name) || !http_is_field_value(value)) {
        return mansio_fail(MANSIO_E_INVALID, "that is no field of an answer");
    }
    for (size_t i = 0; i < MANSIO_COUNT(ours); i++) {
        if (mansio_str_ieq(name, ours[i])) {
            return mansio_fail(MANSIO_E_INVALID, "%s is not for handlers", ours[i].ptr);
        }
    }
    if (mansio_str_ieq(name, MANSIO_STR("Content-Type"))) {
        return mansio_arena_copy(answer->arena, value, &answer->type);
    }
    size_t wanted = name.len + value.len + 4;
    if (wanted > HTTP_ANSWER_FIELDS_MAX - mansio_buf_str(answer->fields).len) {
        return mansio_fail(MANSIO_E_LIMIT, "more than %d bytes of fields", HTTP_ANSWER_FIELDS_MAX);
    }
    return mansio_buf_printf(answer->fields, "%.*s: %.*s\r\n", MANSIO_STR_ARG(name),
                             MANSIO_STR_ARG(value));
}

int http_answer_set_body(struct mansio_http_answer *answer, struct mansio_str type,
                         struct mansio_str body)
{
    struct mansio_str kept;
    if (!http_is_field_value(type)) {
        return mansio_fail(MANSIO_E_INVALID, "that is no type of content");
    }
    if (body.len > HTTP_ANSWER_BODY_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "an answer of %zu bytes", body.len);
    }
    int rc = mansio_arena_copy(answer->arena, type, &kept);
    if (rc == 0) {
        answer->type = kept;
        answer->body = body;
    }
    return rc;
}

void http_answer_refuse(struct mansio_http_answer *answer, uint32_t status)
{
    mansio_buf_reset(answer->fields);
    answer->status = status;
    answer->type = MANSIO_STR("text/plain; charset=utf-8");
    if (mansio_arena_printf(answer->arena, &answer->body, "%" PRIu32 " %s\n", status,
                            http_status_words(status)) < 0) {
        answer->body = MANSIO_STR_NONE;
    }
}

/* No locale has a say in it. */
size_t http_date(int64_t wall_us, char out[HTTP_DATE_MAX])
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)(wall_us / MANSIO_SECOND);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year > 9999 - 1900) {
        seconds = 0;
        (void)gmtime_r(&seconds, &tm);
    }
    int len = snprintf(out, HTTP_DATE_MAX, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
                       days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon, 1900 + tm.tm_year,
                       tm.tm_hour, tm.tm_min, tm.tm_sec);
    return len < 0 ? 0 : (size_t)len;
}

int http_answer_head(const struct mansio_http_answer *answer, const struct http_framing *framing,
                     struct mansio_buf *out)
{
    char date[HTTP_DATE_MAX];
    size_t date_len = http_date(framing->wall_us, date);
    mansio_buf_printf(out, "HTTP/1.1 %" PRIu32 " %s\r\nDate: %.*s\r\n", answer->status,
                      http_status_words(answer->status), (int)date_len, date);
    if (framing->closes) {
        mansio_buf_add(out, MANSIO_STR("Connection: close\r\n"));
    } else if (framing->minor == 0) {
        mansio_buf_add(out, MANSIO_STR("Connection: keep-alive\r\n"));
    }
    /* RFC 9110 8.6: not with 204; a 304's would be the 200's, which nobody knows here. */
    if (answer->status != 204 && answer->status != 304) {
        mansio_buf_printf(out, "Content-Length: %zu\r\n", answer->body.len);
    }
    if (answer->type.len > 0) {
        mansio_buf_printf(out, "Content-Type: %.*s\r\n", MANSIO_STR_ARG(answer->type));
    }
    if (framing->hsts_seconds > 0) {
        mansio_buf_printf(out, "Strict-Transport-Security: max-age=%" PRId64 "\r\n",
                          framing->hsts_seconds);
    }
    mansio_buf_add(out, mansio_buf_str(answer->fields));
    mansio_buf_add(out, MANSIO_STR("\r\n"));
    return mansio_buf_status(out);
}
