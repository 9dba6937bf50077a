/*
 * PROXY headers, and what a ClientHello names: what is accepted lies within the bytes, asks for
 * more at every beginning of it and is the same with anything behind it; a name is one that
 * certificates can have.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "core/net/proxy_header.h"
#include "core/net/tls.h"

const char fuzz_name[] = "proxy_header";

static void check_same(const struct core_proxy_header *a, const struct core_proxy_header *b)
{
    MANSIO_ASSERT(a->version == b->version && a->has_ends == b->has_ends);
    if (a->has_ends) {
        char text[CORE_ADDRESS_TEXT_MAX];
        MANSIO_ASSERT(core_address_eq(&a->peer, &b->peer));
        MANSIO_ASSERT(core_address_eq(&a->local, &b->local));
        MANSIO_ASSERT(core_address_print(&a->peer, text) < sizeof text);
    }
}

static void check_header(struct mansio_str bytes)
{
    struct core_proxy_header header = {.version = 0};
    int len = core_proxy_header_parse(bytes, &header);
    if (len <= 0) {
        MANSIO_ASSERT(len == 0 || mansio_error_detail()[0] != '\0');
        MANSIO_ASSERT(len < 0 || bytes.len < CORE_PROXY_HEADER_MAX);
        return;
    }
    MANSIO_ASSERT((size_t)len <= bytes.len && len <= CORE_PROXY_HEADER_MAX);
    struct core_proxy_header again = {.version = 0};
    MANSIO_ASSERT(core_proxy_header_parse(mansio_str_sub(bytes, 0, (size_t)len), &again) == len);
    check_same(&header, &again);
    for (size_t cut = 0; cut < (size_t)len; cut++) {
        MANSIO_ASSERT(core_proxy_header_parse(mansio_str_sub(bytes, 0, cut), &again) == 0);
    }
}

static void check_name(const uint8_t *data, size_t size)
{
    char name[CORE_TLS_NAME_MAX + 1];
    size_t len = core_tls_parse_server_name(data, size, name);
    MANSIO_ASSERT(len <= CORE_TLS_NAME_MAX);
    for (size_t i = 0; i < len; i++) {
        MANSIO_ASSERT(strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.", name[i]) && name[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_header((struct mansio_str){(const char *)data, size});
    check_name(data, size);
    return 0;
}
