/*
 * The head of a request, read as it comes: request line (RFC 9112 3), fields (5), and what they say
 * of the body (6) and the connection (9.3). Only CRLF ends a line; a byte that no head can hold
 * ends the reading at once, and so does a head that grows beyond its limits.
 */
#include "parse.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/http.h>
#include <mansio/str.h>

enum {
    STATUS_BAD_REQUEST = 400,
    STATUS_TARGET_TOO_LONG = 414,
    STATUS_EXPECTATION = 417,
    STATUS_FIELDS_TOO_LARGE = 431,
    STATUS_NOT_IMPLEMENTED = 501,
    STATUS_VERSION = 505,
    METHOD_MAX = 32, /* bytes; no method is longer that we could know */
};

static const struct {
    struct mansio_str name;
    uint32_t method;
} methods[] = {
    {{"DELETE", 6}, MANSIO_HTTP_DELETE}, {{"GET", 3}, MANSIO_HTTP_GET},
    {{"HEAD", 4}, MANSIO_HTTP_HEAD},     {{"OPTIONS", 7}, MANSIO_HTTP_OPTIONS},
    {{"POST", 4}, MANSIO_HTTP_POST},     {{"PUT", 3}, MANSIO_HTTP_PUT},
};

int http_head_init(struct http_head *head, struct mansio_arena *arena,
                   const struct http_limits *limits)
{
    *head = (struct http_head){.arena = arena, .limits = *limits};
    head->text = mansio_arena_try_alloc(arena, limits->head_bytes);
    head->fields = mansio_arena_try_alloc(arena, limits->fields * sizeof head->fields[0]);
    return head->text == NULL || head->fields == NULL ? MANSIO_E_LIMIT : 0;
}

void http_head_wipe(struct http_head *head)
{
    if (head->text != NULL) {
        explicit_bzero(head->text, head->len);
    }
    head->len = 0;
    head->field_count = 0;
}

size_t http_head_find(const struct http_head *head, struct mansio_str name,
                      struct mansio_str *out_first)
{
    size_t count = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        if (mansio_str_ieq(head->fields[i].name, name)) {
            if (count++ == 0) {
                *out_first = head->fields[i].value;
            }
        }
    }
    return count;
}

/* ---- the request line ------------------------------------------------------------------------ */

static int parse_version(struct mansio_str s, struct http_head *head)
{
    if (s.len != 8 || !mansio_str_starts(s, MANSIO_STR("HTTP/")) || s.ptr[6] != '.' ||
        s.ptr[5] < '0' || s.ptr[5] > '9' || s.ptr[7] < '0' || s.ptr[7] > '9') {
        return STATUS_BAD_REQUEST;
    }
    if (s.ptr[5] != '1') {
        return STATUS_VERSION;
    }
    head->minor = s.ptr[7] == '0' ? 0 : 1; /* RFC 9110 2.5: later minors are read as 1.1 */
    return 0;
}

/* One space between the parts, no other whitespace (RFC 9112 3). */
static int parse_request_line(struct http_head *head, struct mansio_str line)
{
    struct mansio_str rest = line, target;
    if (!mansio_str_split(&rest, ' ', &head->method_name) || !http_is_token(head->method_name) ||
        !mansio_str_split(&rest, ' ', &target) || target.len == 0) {
        return STATUS_BAD_REQUEST;
    }
    for (size_t i = 0; i < MANSIO_COUNT(methods); i++) {
        if (mansio_str_eq(head->method_name, methods[i].name)) { /* RFC 9110 9.1: case counts */
            head->method = methods[i].method;
        }
    }
    int status = parse_version(rest, head); /* a third space would be part of it */
    if (status != 0) {
        return status;
    }
    if (target.len > head->limits.target_bytes) {
        return STATUS_TARGET_TOO_LONG;
    }
    if (head->method_name.len > METHOD_MAX ||
        mansio_str_eq(head->method_name, MANSIO_STR("CONNECT"))) {
        return STATUS_NOT_IMPLEMENTED; /* whose target has a form of its own */
    }
    status = http_parse_target(head->arena, target, &head->target);
    if (status == 0 && head->target.is_asterisk && head->method != MANSIO_HTTP_OPTIONS) {
        return STATUS_BAD_REQUEST;
    }
    return status;
}

/* ---- fields ---------------------------------------------------------------------------------- */

/* A name with a space before the colon, or a line that continues the one before, is how requests
 * are smuggled (RFC 9112 5.1, 5.2); neither is a token. */
static int parse_field(struct http_head *head, struct mansio_str line)
{
    ptrdiff_t colon = mansio_str_find_char(line, ':');
    if (colon < 0 || !http_is_token(mansio_str_sub(line, 0, (size_t)colon))) {
        return STATUS_BAD_REQUEST;
    }
    if (head->field_count == head->limits.fields) {
        return STATUS_FIELDS_TOO_LARGE;
    }
    head->fields[head->field_count++] = (struct http_field){
        .name = mansio_str_sub(line, 0, (size_t)colon),
        .value = mansio_str_trim(mansio_str_sub(line, (size_t)colon + 1, SIZE_MAX)),
    };
    return 0;
}

/* RFC 9112 3.2: one, and the same as an absolute target's. RFC 9112 3.2.2 would have the field
 * ignored there; that two hosts are named has no honest reason. */
static int judge_host(struct http_head *head)
{
    struct mansio_str value = MANSIO_STR_NONE;
    size_t count = http_head_find(head, MANSIO_STR("Host"), &value);
    if (count > 1 || (count == 0 && head->minor > 0)) {
        return STATUS_BAD_REQUEST;
    }
    if (count > 0 && http_parse_authority(head->arena, value, &head->host) != 0) {
        return STATUS_BAD_REQUEST;
    }
    if (!head->target.is_absolute) {
        return 0;
    }
    struct http_authority asked;
    uint32_t usual = head->target.is_https ? 443 : 80;
    if (http_parse_authority(head->arena, head->target.authority, &asked) != 0) {
        return STATUS_BAD_REQUEST;
    }
    if (count > 0 && (!mansio_str_eq(asked.host, head->host.host) ||
                      (asked.port > 0 ? asked.port : usual) !=
                          (head->host.port > 0 ? head->host.port : usual))) {
        return STATUS_BAD_REQUEST;
    }
    head->host = asked;
    return 0;
}

/* RFC 9112 6.1: "chunked", once and alone. A coding that isn't last "chunked" leaves no way to tell
 * where the body ends (6.3); one that we don't know, before it, is 501. */
static int judge_coding(struct http_head *head)
{
    struct mansio_str last = MANSIO_STR_NONE, word, rest;
    size_t chunked = 0, others = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        if (!mansio_str_ieq(head->fields[i].name, MANSIO_STR("Transfer-Encoding"))) {
            continue;
        }
        rest = head->fields[i].value;
        head->is_chunked = 1;
        if (rest.len == 0) {
            return STATUS_BAD_REQUEST;
        }
        while (mansio_str_split(&rest, ',', &word)) {
            last = mansio_str_trim(word);
            if (mansio_str_ieq(last, MANSIO_STR("chunked"))) {
                chunked++;
            } else {
                others++;
            }
        }
    }
    if (!head->is_chunked) {
        return 0;
    }
    /* RFC 9112 6.1: in 1.0 the framing is faulty. */
    if (head->minor == 0 || chunked != 1 || !mansio_str_ieq(last, MANSIO_STR("chunked"))) {
        return STATUS_BAD_REQUEST;
    }
    return others > 0 ? STATUS_NOT_IMPLEMENTED : 0;
}

static int judge_body(struct http_head *head)
{
    struct mansio_str value = MANSIO_STR_NONE;
    size_t count = http_head_find(head, MANSIO_STR("Content-Length"), &value);
    int status = judge_coding(head);
    if (status != 0) {
        return status;
    }
    if (count > 1 || (count > 0 && head->is_chunked)) {
        return STATUS_BAD_REQUEST;
    }
    if (count > 0) {
        if (mansio_parse_u64(value, INT64_MAX, &head->length) < 0) {
            return STATUS_BAD_REQUEST;
        }
    }
    head->has_body = head->is_chunked || head->length > 0;
    return 0;
}

/* RFC 9110 7.6.1: a list of words, in any number of fields. */
static void judge_connection(struct http_head *head)
{
    uint32_t wants_close = 0, wants_keep = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        struct mansio_str rest = head->fields[i].value, word;
        if (!mansio_str_ieq(head->fields[i].name, MANSIO_STR("Connection"))) {
            continue;
        }
        while (mansio_str_split(&rest, ',', &word)) {
            word = mansio_str_trim(word);
            wants_close |= (uint32_t)mansio_str_ieq(word, MANSIO_STR("close"));
            wants_keep |= (uint32_t)mansio_str_ieq(word, MANSIO_STR("keep-alive"));
        }
    }
    head->keeps = !wants_close && (head->minor > 0 || wants_keep);
}

/* RFC 9110 10.1.1; HTTP/1.0 knows no expectations. */
static int judge_expect(struct http_head *head)
{
    struct mansio_str value;
    size_t count = http_head_find(head, MANSIO_STR("Expect"), &value);
    if (count == 0 || head->minor == 0) {
        return 0;
    }
    if (count > 1 || !mansio_str_ieq(value, MANSIO_STR("100-continue"))) {
        return STATUS_EXPECTATION;
    }
    head->wants_continue = head->has_body;
    return 0;
}

/* What has one value has one field: of two, another reader may take the other. */
static int judge_single(const struct http_head *head)
{
    static const struct mansio_str single[] = {{"Authorization", 13}, {"Content-Type", 12}};
    struct mansio_str value;
    for (size_t i = 0; i < MANSIO_COUNT(single); i++) {
        if (http_head_find(head, single[i], &value) > 1) {
            return STATUS_BAD_REQUEST;
        }
    }
    return 0;
}

static int finish(struct http_head *head)
{
    int (*const judges[])(struct http_head *) = {judge_host, judge_body, judge_expect};
    int status = judge_single(head);
    for (size_t i = 0; status == 0 && i < MANSIO_COUNT(judges); i++) {
        status = judges[i](head);
    }
    judge_connection(head);
    return status == 0 ? HTTP_DONE : status;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static int take_line(struct http_head *head)
{
    struct mansio_str line = {head->text + head->line_at, head->len - head->line_at};
    head->line_at = head->len;
    if (head->line_count == 0) {
        if (line.len == 0) { /* RFC 9112 2.2: one, left over from an old client's body */
            return head->empty_count++ > 0 ? STATUS_BAD_REQUEST : HTTP_MORE;
        }
        head->line_count = 1;
        return parse_request_line(head, line);
    }
    head->line_count++;
    return line.len == 0 ? finish(head) : parse_field(head, line);
}

static int too_large(const struct http_head *head)
{
    return head->line_count == 0 ? STATUS_TARGET_TOO_LONG : STATUS_FIELDS_TOO_LARGE;
}

static int take_byte(struct http_head *head, unsigned char c)
{
    /* Line ends count, so that there is always room for the bytes between them. */
    if (head->size++ == head->limits.head_bytes) {
        return too_large(head);
    }
    if (head->is_after_cr) {
        head->is_after_cr = 0;
        return c == '\n' ? take_line(head) : STATUS_BAD_REQUEST;
    }
    if (c == '\r') {
        head->is_after_cr = 1;
        return HTTP_MORE;
    }
    if ((c < ' ' && c != '\t') || c == 0x7f) {
        return STATUS_BAD_REQUEST;
    }
    head->text[head->len++] = (char)c;
    /* With a method and a version beside it: nothing is gained by reading on. */
    if (head->line_count == 0 && head->len > head->limits.target_bytes + METHOD_MAX + 10) {
        return STATUS_TARGET_TOO_LONG;
    }
    return HTTP_MORE;
}

int http_head_feed(struct http_head *head, struct mansio_str bytes, size_t *out_used)
{
    int rc = HTTP_MORE;
    size_t used = 0;
    while (rc == HTTP_MORE && used < bytes.len) {
        rc = take_byte(head, (unsigned char)bytes.ptr[used++]);
    }
    *out_used = used;
    return rc;
}
