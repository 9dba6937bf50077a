/*
 * Addresses: what parses prints as text that parses to the same; what doesn't says why; and any
 * bytes in a socket address print within their bounds, as text without control bytes.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "core/net/address.h"

const char fuzz_name[] = "address";

static void check_text(const char *text, size_t len)
{
    MANSIO_ASSERT(len < CORE_ADDRESS_TEXT_MAX && strlen(text) == len);
    for (size_t i = 0; i < len; i++) {
        MANSIO_ASSERT((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
    }
}

/* As if the system had said it. */
static void print_raw(const uint8_t *data, size_t size)
{
    struct core_address address = {.len = 0};
    if (size < sizeof(sa_family_t)) {
        return;
    }
    size_t len = size < sizeof(address.u) ? size : sizeof(address.u);
    memcpy(&address.u, data, len);
    static const sa_family_t families[] = {AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC};
    address.u.any.sa_family = families[data[0] % 4];
    address.len = (socklen_t)len;
    char text[CORE_ADDRESS_TEXT_MAX];
    check_text(text, core_address_print(&address, text));
    check_text(text, core_address_print_ip(&address, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct core_address address;
    if (core_address_parse((struct mansio_str){(const char *)data, size}, &address) < 0) {
        MANSIO_ASSERT(mansio_error_detail()[0] != '\0');
    } else {
        char text[CORE_ADDRESS_TEXT_MAX];
        struct core_address again;
        size_t len = core_address_print(&address, text);
        check_text(text, len);
        MANSIO_ASSERT(core_address_parse((struct mansio_str){text, len}, &again) == 0);
        MANSIO_ASSERT(core_address_eq(&address, &again));
        check_text(text, core_address_print_ip(&address, text));
    }
    print_raw(data, size);
    return 0;
}
