/*
 * What a client says to log in, by the first byte: messages of SCRAM, of PLAIN, a name, base64.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/login.h>
#include <mansio/str.h>

#include "core/host/login_name.h"
#include "core/host/scram.h"

const char fuzz_name[] = "sasl";

static int is_within(struct mansio_str part, struct mansio_str whole)
{
    return part.len == 0 || (part.ptr >= whole.ptr && part.len <= whole.len &&
                             part.ptr + part.len <= whole.ptr + whole.len);
}

static void try_first(struct mansio_arena *arena, struct mansio_str message)
{
    struct core_scram_first first;
    int rc = core_scram_read_first(arena, message, &first);
    MANSIO_ASSERT(rc == 0 || rc == MANSIO_E_INVALID || rc == MANSIO_E_LIMIT);
    if (rc < 0) {
        MANSIO_ASSERT(mansio_error_detail()[0] != '\0');
        return;
    }
    MANSIO_ASSERT(first.header.ptr == message.ptr &&
                  first.header.len + first.bare.len == message.len);
    MANSIO_ASSERT(is_within(first.bare, message) && is_within(first.nonce, message));
    MANSIO_ASSERT(is_within(first.binding_name, message));
    MANSIO_ASSERT(first.name.len > 0 && memchr(first.name.ptr, '\0', first.name.len) == NULL);
    MANSIO_ASSERT(first.nonce.len > 0 && first.nonce.len <= CORE_SCRAM_NONCE_MAX);
    MANSIO_ASSERT((first.binding == CORE_SCRAM_BINDING_WANTED) == (first.binding_name.len > 0));
}

static void try_final(struct mansio_arena *arena, struct mansio_str message)
{
    struct core_scram_final final;
    unsigned char signature[CORE_SCRAM_HASH_BYTES];
    static const char key[CORE_SCRAM_HASH_BYTES + 1] = "0123456789abcdef0123456789abcdef";
    const struct mansio_scram_keys keys = {.size = sizeof keys,
                                           .iterations = 4096,
                                           .stored_key = {key, CORE_SCRAM_HASH_BYTES},
                                           .server_key = {key, CORE_SCRAM_HASH_BYTES}};
    int rc = core_scram_read_final(arena, message, &final);
    MANSIO_ASSERT(rc == 0 || rc == MANSIO_E_INVALID || rc == MANSIO_E_LIMIT);
    if (rc < 0) {
        return;
    }
    MANSIO_ASSERT(final.proof.len == CORE_SCRAM_HASH_BYTES);
    MANSIO_ASSERT(final.without_proof.ptr == message.ptr);
    MANSIO_ASSERT(is_within(final.nonce, final.without_proof) && final.nonce.len > 0);
    /* Nobody finds the key to these by chance. */
    MANSIO_ASSERT(core_scram_verify(&keys, final.without_proof, final.proof, signature) == 0);
}

static void try_plain(struct mansio_str message)
{
    struct core_sasl_plain plain;
    if (core_sasl_plain_read(message, &plain) == 0) {
        MANSIO_ASSERT(plain.authzid.len + plain.authcid.len + plain.password.len + 2 ==
                      message.len);
        MANSIO_ASSERT(plain.authcid.len > 0 && plain.password.len > 0);
    }
}

/* A spelling of a spelling is itself. */
static void try_name(struct mansio_arena *arena, struct mansio_str name)
{
    struct core_login_name once, twice;
    struct mansio_str text;
    int rc = core_login_name_read(arena, name, MANSIO_STR_NONE, &once);
    MANSIO_ASSERT(rc == 0 || rc == MANSIO_E_INVALID || rc == MANSIO_E_LIMIT);
    if (rc < 0 || once.domain.len == 0) {
        return;
    }
    MANSIO_ASSERT(once.local.len > 0);
    MANSIO_ASSERT(mansio_arena_printf(arena, &text, "%.*s@%.*s", MANSIO_STR_ARG(once.local),
                                      MANSIO_STR_ARG(once.domain)) == 0);
    if (core_login_name_read(arena, text, MANSIO_STR_NONE, &twice) == 0) {
        MANSIO_ASSERT(mansio_str_eq(once.local, twice.local));
        MANSIO_ASSERT(mansio_str_eq(once.domain, twice.domain));
    }
}

static void try_base64(struct mansio_arena *arena, struct mansio_str text)
{
    struct mansio_str bytes, again;
    int rc = mansio_base64_decode(arena, text, &bytes);
    MANSIO_ASSERT(rc == 0 || rc == MANSIO_E_INVALID || rc == MANSIO_E_LIMIT);
    if (rc == 0) { /* one spelling for each */
        MANSIO_ASSERT(mansio_base64_encode(arena, bytes, &again) == 0);
        MANSIO_ASSERT(mansio_str_eq(again, text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", 1 << 20);
    struct mansio_str input = {(const char *)data + 1, size - 1};
    switch (data[0]) {
    case '1':
        try_first(arena, input);
        break;
    case '2':
        try_final(arena, input);
        break;
    case 'p':
        try_plain(input);
        break;
    case 'n':
        try_name(arena, input);
        break;
    default:
        try_base64(arena, input);
        break;
    }
    mansio_arena_free(arena);
    return 0;
}
