/*
 * The postgres module's readers: what a notification says, and keys of objects as people write
 * them. A key that is accepted, written out and read again is the same; a notification publishes at
 * most one hint a line.
 *
 * The first byte chooses the kind of object, the rest is the key, a stored credential, and the
 * notification.
 */
#include "tests/fuzz/fuzz.h"

#include <mansio/arena.h>
#include <mansio/directory.h>
#include <mansio/str.h>

#include "modules/postgres/object_key.h"
#include "modules/postgres/relay.h"

const char fuzz_name[] = "postgres";

static void check_same(struct mansio_str a, struct mansio_str b)
{
    MANSIO_ASSERT(mansio_str_eq(a, b));
}

static void check_key(struct mansio_arena *arena, uint32_t kind, struct mansio_str text)
{
    struct pg_key once;
    struct pg_key again;
    if (pg_key_parse(arena, kind, text, &once) < 0) {
        return;
    }
    int rc = pg_key_parse(arena, kind, once.text, &again);
    MANSIO_ASSERT(rc == 0);
    check_same(once.text, again.text);
    check_same(once.a, again.a);
    check_same(once.b, again.b);
    check_same(once.c, again.c);
}

/* The same bytes as a stored credential: its scheme lies within them. */
static void check_stored(struct mansio_str text)
{
    struct mansio_str scheme = pg_stored_scheme(text);
    MANSIO_ASSERT(scheme.len == 0 || (scheme.ptr == text.ptr + 1 && scheme.len < text.len &&
                                      scheme.ptr[scheme.len] == '}'));
    MANSIO_ASSERT(!mansio_str_eq(scheme, MANSIO_STR("SCRAM-SHA-256")) || pg_stored_has_scram(text));
}

static void check_hints(struct mansio_str text)
{
    size_t lines = 0;
    struct mansio_str rest = text;
    struct mansio_str line;
    while (mansio_str_split(&rest, '\n', &line)) {
        lines++;
    }
    MANSIO_ASSERT(pg_relay_publish(text) <= lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 16384) {
        return 0;
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", 0);
    struct mansio_str text = {(const char *)data + 1, size - 1};
    uint32_t kind = data[0] % (MANSIO_OBJECT_NETWORK + 1);
    MANSIO_ASSERT((pg_form_of(kind) != NULL) == (kind != 0));
    check_key(arena, kind, text);
    check_stored(text);
    check_hints(text);
    mansio_arena_free(arena);
    return 0;
}
