/*
 * The functions of the interface "http". Credentials are nobody's business but the core's: a
 * handler doesn't see them.
 */
#include "request.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "answer.h"

static uint32_t request_method(const struct mansio_http_request *request)
{
    return request->method;
}

static struct mansio_str request_host(const struct mansio_http_request *request)
{
    return request->head->host.host;
}

static uint32_t request_port(const struct mansio_http_request *request)
{
    uint32_t port = request->head->host.port;
    return port > 0 ? port : request->is_tls ? 443 : 80;
}

static struct mansio_str request_path(const struct mansio_http_request *request)
{
    return request->head->target.path;
}

static int request_query(const struct mansio_http_request *request, struct mansio_str name,
                         struct mansio_str *out)
{
    return http_query_find(request->arena, request->head->target.query, name, out);
}

static int request_header(const struct mansio_http_request *request, struct mansio_str name,
                          struct mansio_str *out)
{
    struct mansio_str first = MANSIO_STR_NONE;
    size_t count = http_head_find(request->head, name, &first), len = 0;
    if (count == 0 || mansio_str_ieq(name, MANSIO_STR("Authorization"))) {
        return MANSIO_E_NOT_FOUND;
    }
    if (count == 1) {
        *out = first;
        return 0;
    }
    for (size_t i = 0; i < request->head->field_count; i++) {
        len += request->head->fields[i].value.len + 2;
    }
    char *joined = mansio_arena_try_alloc(request->arena, len);
    if (joined == NULL) {
        return MANSIO_E_LIMIT;
    }
    len = 0;
    for (size_t i = 0; i < request->head->field_count; i++) {
        const struct http_field *field = &request->head->fields[i];
        if (!mansio_str_ieq(field->name, name)) {
            continue;
        }
        if (len > 0) {
            joined[len++] = ',';
            joined[len++] = ' ';
        }
        memcpy(joined + len, field->value.ptr, field->value.len);
        len += field->value.len;
    }
    *out = (struct mansio_str){joined, len};
    return 0;
}

static struct mansio_str request_body(const struct mansio_http_request *request)
{
    return request->body;
}

static int request_is_tls(const struct mansio_http_request *request)
{
    return (int)request->is_tls;
}

static struct mansio_arena *request_arena(const struct mansio_http_request *request)
{
    return request->arena;
}

const struct mansio_http http_table = {
    .size = sizeof http_table,
    .method = request_method,
    .host = request_host,
    .port = request_port,
    .path = request_path,
    .query = request_query,
    .header = request_header,
    .body = request_body,
    .is_tls = request_is_tls,
    .arena = request_arena,
    .set_status = http_answer_set_status,
    .add_header = http_answer_add_header,
    .set_body = http_answer_set_body,
};
