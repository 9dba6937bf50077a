/*
 * The Basic scheme (RFC 7617): a name and a password in base64, in UTF-8.
 */
#include "parse.h"

#include <mansio/error.h>
#include <mansio/login.h>
#include <mansio/str.h>

int http_parse_basic(struct mansio_arena *arena, struct mansio_str value, struct http_basic *out)
{
    struct mansio_str text;
    if (!mansio_str_istarts(value, MANSIO_STR("Basic")) || value.len < 6 || value.ptr[5] != ' ') {
        return MANSIO_E_UNSUPPORTED;
    }
    int rc =
        mansio_base64_decode(arena, mansio_str_trim(mansio_str_sub(value, 6, SIZE_MAX)), &text);
    if (rc < 0) {
        return rc;
    }
    ptrdiff_t colon = mansio_str_find_char(text, ':');
    if (colon < 0 || !http_is_text(text)) {
        http_wipe(text);
        return MANSIO_E_INVALID;
    }
    *out = (struct http_basic){
        .user = mansio_str_sub(text, 0, (size_t)colon),
        .password = mansio_str_sub(text, (size_t)colon + 1, SIZE_MAX),
    };
    return 0;
}
