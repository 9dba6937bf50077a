/*
 * HTTP/1.1 request heads: no leniency, because nobody who measures us needs any.
 *
 * modules/http has a parser of its own, for all of HTTP: core/ can't use a module's, and what the
 * core would export for the module would be public, and stay so, for the sake of GET /metrics.
 */
#include "core/host/http_request.h"

#include <string.h>

#include <mansio/str.h>

enum {
    STATUS_BAD_REQUEST = 400,
    STATUS_METHOD = 405,
    STATUS_TOO_LARGE = 413,
    STATUS_HEADERS = 431,
    STATUS_VERSION = 505,
};

/* RFC 9110 5.6.2 */
static int is_token(struct mansio_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        int is_alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_alnum && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return 0;
        }
    }
    return s.len > 0;
}

static int parse_version(struct mansio_str s, struct core_http_request *out)
{
    if (s.len != 8 || !mansio_str_starts(s, MANSIO_STR("HTTP/")) || s.ptr[6] != '.' ||
        s.ptr[5] < '0' || s.ptr[5] > '9' || s.ptr[7] < '0' || s.ptr[7] > '9') {
        return STATUS_BAD_REQUEST;
    }
    if (s.ptr[5] != '1') {
        return STATUS_VERSION;
    }
    out->minor = s.ptr[7] == '0' ? 0 : 1; /* RFC 9110 2.5: later minors are read as 1.1 */
    return 0;
}

/* RFC 9112 3.2: "/path?query", or the same behind "http://host" as a proxy would be asked. */
static int parse_target(struct mansio_str s, struct core_http_request *out)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] <= ' ' || (unsigned char)s.ptr[i] >= 0x7f) {
            return STATUS_BAD_REQUEST;
        }
    }
    if (mansio_str_istarts(s, MANSIO_STR("http://"))) {
        s = mansio_str_sub(s, strlen("http://"), SIZE_MAX);
        ptrdiff_t slash = mansio_str_find_char(s, '/');
        if (s.len == 0 || slash == 0) {
            return STATUS_BAD_REQUEST;
        }
        s = slash < 0 ? MANSIO_STR("/") : mansio_str_sub(s, (size_t)slash, SIZE_MAX);
    }
    /* "*" goes with OPTIONS alone and "host:port" with CONNECT: methods that are refused later. */
    int is_other = !out->is_get && !out->is_head;
    if (s.len == 0 || (s.ptr[0] != '/' && !is_other)) {
        return STATUS_BAD_REQUEST;
    }
    ptrdiff_t query = mansio_str_find_char(s, '?');
    size_t len = query < 0 ? s.len : (size_t)query;
    out->path_len = len < sizeof out->path ? len : sizeof out->path;
    memcpy(out->path, s.ptr, out->path_len);
    return 0;
}

int core_http_request_line(struct mansio_str line, struct core_http_request *out)
{
    struct core_http_request request = {0};
    struct mansio_str rest = line;
    struct mansio_str method;
    struct mansio_str target;
    if (!mansio_str_split(&rest, ' ', &method) || !is_token(method) ||
        !mansio_str_split(&rest, ' ', &target)) {
        return STATUS_BAD_REQUEST;
    }
    request.is_get = mansio_str_eq(method, MANSIO_STR("GET"));
    request.is_head = mansio_str_eq(method, MANSIO_STR("HEAD"));
    int status = parse_version(rest, &request); /* a third space would be part of it */
    if (status == 0) {
        status = parse_target(target, &request);
    }
    if (status == 0) {
        *out = request;
    }
    return status;
}

/* RFC 9110 7.6.1: a list of words. */
static void read_connection(struct mansio_str value, struct core_http_request *request)
{
    struct mansio_str word;
    while (mansio_str_split(&value, ',', &word)) {
        word = mansio_str_trim(word);
        request->wants_close |= mansio_str_ieq(word, MANSIO_STR("close"));
        request->wants_keep |= mansio_str_ieq(word, MANSIO_STR("keep-alive"));
    }
}

int core_http_header(struct mansio_str line, struct core_http_request *request)
{
    if (++request->header_count > CORE_HTTP_HEADERS_MAX) {
        return STATUS_HEADERS;
    }
    /* A name with a space before the colon, or a line that continues the one before, is how
     * requests are smuggled (RFC 9112 5.1, 5.2); neither is a token. */
    ptrdiff_t colon = mansio_str_find_char(line, ':');
    if (colon < 0 || !is_token(mansio_str_sub(line, 0, (size_t)colon))) {
        return STATUS_BAD_REQUEST;
    }
    struct mansio_str name = mansio_str_sub(line, 0, (size_t)colon);
    struct mansio_str value = mansio_str_trim(mansio_str_sub(line, (size_t)colon + 1, SIZE_MAX));
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return STATUS_BAD_REQUEST;
        }
    }
    if (mansio_str_ieq(name, MANSIO_STR("host"))) {
        request->host_count++;
    } else if (mansio_str_ieq(name, MANSIO_STR("content-length"))) {
        uint64_t length;
        if (++request->length_count > 1 || mansio_parse_u64(value, UINT64_MAX, &length) < 0) {
            return STATUS_BAD_REQUEST;
        }
        request->has_body |= length > 0;
    } else if (mansio_str_ieq(name, MANSIO_STR("transfer-encoding"))) {
        request->has_body = 1;
    } else if (mansio_str_ieq(name, MANSIO_STR("connection"))) {
        read_connection(value, request);
    }
    return 0;
}

int core_http_head_end(const struct core_http_request *request)
{
    /* RFC 9112 3.2: exactly one, in 1.1 */
    if (request->host_count > 1 || (request->host_count == 0 && request->minor > 0)) {
        return STATUS_BAD_REQUEST;
    }
    if (!request->is_get && !request->is_head) {
        return STATUS_METHOD;
    }
    return request->has_body ? STATUS_TOO_LARGE : 0;
}

int core_http_keeps(const struct core_http_request *request)
{
    /* RFC 9112 9.3 */
    return !request->wants_close && (request->minor > 0 || request->wants_keep);
}
