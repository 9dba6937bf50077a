/*
 * The master's ticket secret. See ticket.h. It is hexadecimal text all its life: the keys are
 * derived from it by a hash, and text goes through JSON.
 */
#include "core/daemon/ticket.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "core/daemon/json.h"
#include <mansio/error.h>
#include <mansio/str.h>

enum { RANDOM_BYTES = 32, TEXT_LEN = 2 * RANDOM_BYTES };

static const char member[] = "ticket_secret";

int core_ticket_secret_new(struct mansio_arena *arena, struct mansio_secret **out)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[RANDOM_BYTES];
    char text[TEXT_LEN];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        int err = errno; /* so few bytes come whole, or not at all */
        return mansio_fail(MANSIO_E_IO, "getrandom: %s", strerror(err));
    }
    for (size_t i = 0; i < RANDOM_BYTES; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    int rc = mansio_secret_new(arena, (struct mansio_str){text, sizeof text}, out);
    explicit_bzero(bytes, sizeof bytes);
    explicit_bzero(text, sizeof text);
    return rc;
}

void core_ticket_secret_put(json_t *object, const struct mansio_secret *secret)
{
    if (secret != NULL) {
        json_object_set_new(object, member, core_json_str(mansio_secret_bytes(secret)));
    }
}

int core_ticket_secret_get(struct mansio_arena *arena, const json_t *object,
                           struct mansio_secret **out)
{
    struct mansio_str text =
        mansio_str_from_cstr(json_string_value(json_object_get(object, member)));
    return text.len == TEXT_LEN ? mansio_secret_new(arena, text, out) : 0;
}
