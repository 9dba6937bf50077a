/*
 * Names to log in with, and the message of PLAIN that carries one. See login_name.h.
 */
#include "core/host/login_name.h"

#include <mansio/error.h>
#include <mansio/mail.h>
#include <mansio/str.h>

enum { NAME_MAX_BYTES = 512 }; /* a local part and a domain, with room */

int core_login_name_read(struct mansio_arena *arena, struct mansio_str name,
                         struct mansio_str domain, struct core_login_name *out)
{
    struct core_login_name read = {.local = name, .domain = domain};
    if (name.len == 0 || name.len > NAME_MAX_BYTES) {
        return mansio_fail(MANSIO_E_INVALID, "a login name of %zu bytes", name.len);
    }
    /* The last '@': a local part may hold one, a domain not. Not quoted, as an address would be:
     * people type names, and no two accounts differ in quotes. */
    size_t at = name.len;
    while (at > 0 && name.ptr[at - 1] != '@') {
        at--;
    }
    int rc = 0;
    if (at > 0) {
        read.local = mansio_str_sub(name, 0, at - 1);
        rc = mansio_domain_normalize(arena, mansio_str_sub(name, at, SIZE_MAX), &read.domain);
    }
    if (rc == 0 && read.local.len == 0) {
        rc = mansio_fail(MANSIO_E_INVALID, "a login name without a local part");
    }
    if (rc == 0) {
        rc = mansio_local_normalize(arena, read.local, &read.local);
    }
    if (rc == 0) {
        *out = read;
    }
    return rc;
}

int core_sasl_plain_read(struct mansio_str message, struct core_sasl_plain *out)
{
    struct core_sasl_plain plain;
    struct mansio_str rest = message;
    struct mansio_str more;
    if (!mansio_str_split(&rest, '\0', &plain.authzid) ||
        !mansio_str_split(&rest, '\0', &plain.authcid) ||
        !mansio_str_split(&rest, '\0', &plain.password) || mansio_str_split(&rest, '\0', &more)) {
        return mansio_fail(MANSIO_E_INVALID, "PLAIN: wanted three texts with a NUL between them");
    }
    if (plain.authcid.len == 0 || plain.password.len == 0) {
        return mansio_fail(MANSIO_E_INVALID, "PLAIN: no name, or no password");
    }
    *out = plain;
    return 0;
}
