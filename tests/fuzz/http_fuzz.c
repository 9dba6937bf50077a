/*
 * Heads of HTTP requests from any bytes: each ends with a status that we have words for, and what
 * is accepted looks as a request must.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include <mansio/base.h>
#include <mansio/str.h>

#include "core/host/http_request.h"

const char fuzz_name[] = "http";

static int is_known(int status)
{
    return status == 0 || status == 400 || status == 405 || status == 413 || status == 431 ||
           status == 505;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mansio_str rest = {(const char *)data, size};
    struct mansio_str line = MANSIO_STR_NONE;
    struct core_http_request request = {0};
    (void)mansio_str_split(&rest, '\n', &line);
    int status = core_http_request_line(line, &request);
    MANSIO_ASSERT(is_known(status));
    while (status == 0 && mansio_str_split(&rest, '\n', &line)) {
        status = core_http_header(line, &request);
        MANSIO_ASSERT(is_known(status));
        MANSIO_ASSERT(status != 0 || memchr(line.ptr, '\r', line.len) == NULL ||
                      line.ptr[line.len - 1] == '\r' || line.len == 0);
    }
    if (status == 0) {
        status = core_http_head_end(&request);
        MANSIO_ASSERT(is_known(status));
    }
    if (status == 0) {
        MANSIO_ASSERT(request.is_get + request.is_head == 1);
        MANSIO_ASSERT(!request.has_body);
        MANSIO_ASSERT(request.minor == 0 || request.host_count == 1);
        MANSIO_ASSERT(request.header_count <= CORE_HTTP_HEADERS_MAX);
        MANSIO_ASSERT(request.path_len > 0 && request.path_len <= sizeof request.path);
        MANSIO_ASSERT(request.path[0] == '/');
        for (size_t i = 0; i < request.path_len; i++) {
            MANSIO_ASSERT(request.path[i] > ' ' && request.path[i] < 0x7f);
        }
    }
    (void)core_http_keeps(&request);
    return 0;
}
