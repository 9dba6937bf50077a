/*
 * Where a literal is announced (RFC 3501 4.3, RFC 7888 3).
 */
#include "reader.h"

#include <mansio/error.h>
#include <mansio/str.h>

int imap_literal_find(struct mansio_str text, struct imap_literal *out)
{
    struct imap_literal literal = {.is_synchronizing = 1};
    if (!mansio_str_ends(text, MANSIO_STR("}"))) {
        return MANSIO_E_INVALID;
    }
    size_t end = text.len - 1;
    if (end > 0 && text.ptr[end - 1] == '+') { /* RFC 7888 3 */
        literal.is_synchronizing = 0;
        end--;
    }
    size_t begin = end;
    while (begin > 0 && text.ptr[begin - 1] >= '0' && text.ptr[begin - 1] <= '9') {
        begin--;
    }
    if (begin == 0 || text.ptr[begin - 1] != '{') {
        return MANSIO_E_INVALID;
    }
    int rc = mansio_parse_u64(mansio_str_sub(text, begin, end - begin), INT64_MAX, &literal.size);
    if (rc < 0 && rc != MANSIO_E_LIMIT) {
        return MANSIO_E_INVALID;
    }
    literal.size = rc == MANSIO_E_LIMIT ? INT64_MAX : literal.size;
    literal.left = literal.size;
    *out = literal;
    return 0;
}
