/*
 * Stored passwords: what is accepted lies within its bounds, says what it costs, and reads the same
 * again; a refusal has words, and none of them are the text's. Passwords: what is prepared once
 * stays so.
 */
#include "tests/fuzz/fuzz.h"

#include "modules/auth-password/limits.h"
#include "modules/auth-password/prepare.h"
#include "modules/auth-password/stored.h"

#include <mansio/error.h>
#include <mansio/str.h>

const char fuzz_name[] = "password";

enum { ARENA_BYTES = 1 << 20 };

static const struct auth_limits limits = {64 << 20, 10, 8, 100000, 12};

static void check_scram(const struct auth_scram *scram)
{
    MANSIO_ASSERT(scram->iterations > 0);
    MANSIO_ASSERT(scram->salt.len > 0 && scram->salt.len <= 256);
    MANSIO_ASSERT(scram->stored_key.len == 32 && scram->server_key.len == 32);
}

static void check_stored(struct mansio_arena *arena, struct mansio_str text)
{
    struct auth_stored stored = {.scheme = NULL};
    struct auth_stored again = {.scheme = NULL};
    int rc = auth_stored_parse(arena, text, &stored);

    if (rc < 0) {
        MANSIO_ASSERT(rc == MANSIO_E_INVALID || rc == MANSIO_E_UNSUPPORTED);
        MANSIO_ASSERT(mansio_error_detail()[0] != '\0' && stored.scheme == NULL);
        return;
    }
    MANSIO_ASSERT(text.len <= AUTH_STORED_MAX && stored.scheme != NULL);
    MANSIO_ASSERT(stored.text.len + stored.hash.len <= text.len);
    MANSIO_ASSERT(stored.scheme->form != AUTH_FORM_SCRAM || stored.has_scram);
    if (stored.has_scram) {
        check_scram(&stored.scram);
    }
    rc = auth_limits_check(&limits, &stored);
    MANSIO_ASSERT(rc == 0 || rc == MANSIO_E_LIMIT);
    MANSIO_ASSERT(rc < 0 || (stored.memory_bytes <= limits.memory_bytes && stored.lanes <= 8));
    MANSIO_ASSERT(auth_stored_parse(arena, text, &again) == 0 && again.scheme == stored.scheme);
    MANSIO_ASSERT(again.rounds == stored.rounds && mansio_str_eq(again.hash, stored.hash) &&
                  mansio_str_eq(again.salt, stored.salt));
}

static void check_password(struct mansio_str text)
{
    struct auth_password once = {.len = 0};
    struct auth_password twice = {.len = 0};
    int rc = auth_password_prepare(text, &once);

    if (rc < 0) {
        MANSIO_ASSERT(rc == MANSIO_E_INVALID || rc == MANSIO_E_LIMIT);
        return;
    }
    MANSIO_ASSERT(once.len > 0 && once.len <= AUTH_PASSWORD_MAX && once.bytes[once.len] == '\0');
    MANSIO_ASSERT(auth_password_prepare(auth_password_str(&once), &twice) == 0);
    MANSIO_ASSERT(mansio_str_eq(auth_password_str(&once), auth_password_str(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", ARENA_BYTES);
    struct mansio_str text = {(const char *)data, size};

    check_stored(arena, text);
    check_password(text);
    mansio_arena_free(arena);
    return 0;
}
