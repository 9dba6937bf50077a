/*
 * SCRAM keys of a login (RFC 5802): the credentials' own, all under one salt; for a login that has
 * none, a key of nobody, always the same for a name, so that asking twice tells nothing.
 */
#include "auth.h"

#include "scram.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>

#include <mansio/error.h>
#include <mansio/str.h>

enum { NAME_MAX_BYTES = 1024, KEYS_MAX = 64 };

/* HMAC-SHA-256 of a label and the name, under the tenant's decoy. */
static int derive(struct mansio_str decoy, const char *label, struct mansio_str name,
                  unsigned char out[AUTH_SCRAM_KEY_BYTES])
{
    unsigned char text[16 + NAME_MAX_BYTES] = {0};
    size_t length = strlen(label) + 1;

    MANSIO_ASSERT(length <= 16 && name.len <= NAME_MAX_BYTES);
    memcpy(text, label, length);
    if (name.len > 0) {
        memcpy(text + length, name.ptr, name.len);
    }
    return HMAC(EVP_sha256(), decoy.ptr != NULL ? decoy.ptr : "", (int)decoy.len, text,
                length + name.len, out, NULL) != NULL
               ? 0
               : mansio_fail(MANSIO_E_UNSUPPORTED, "SCRAM: the library refused");
}

/* A name as directories compare: without case, in NFC. One that isn't UTF-8 stays as it is. */
static struct mansio_str fold(struct mansio_str name, uint8_t room[NAME_MAX_BYTES])
{
    size_t length = NAME_MAX_BYTES;

    name = mansio_str_sub(name, 0, NAME_MAX_BYTES);
    if (name.len == 0) {
        return name;
    }
    uint8_t *folded =
        u8_casefold((const uint8_t *)name.ptr, name.len, NULL, UNINORM_NFC, room, &length);
    if (folded == room) {
        return (struct mansio_str){(const char *)room, length};
    }
    free(folded); /* it grew beyond the room: no name of ours, whose are shorter */
    return name;
}

static int key_of_nobody(const struct auth_state *state, const struct mansio_login *login,
                         struct mansio_str name, struct mansio_arena *arena,
                         struct mansio_scram_keys *out)
{
    uint8_t room[NAME_MAX_BYTES] = {0};
    unsigned char *keys = mansio_arena_alloc(arena, (size_t)3 * AUTH_SCRAM_KEY_BYTES);
    struct mansio_str folded = fold(name, room);
    static const char *const labels[] = {"salt", "stored", "server"};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < MANSIO_COUNT(labels); i++) {
        rc = derive(login->decoy, labels[i], folded, keys + i * AUTH_SCRAM_KEY_BYTES);
    }
    const char *bytes = (const char *)keys;
    out->size = sizeof *out;
    out->iterations = state->costs.scram_iterations;
    out->salt = (struct mansio_str){bytes, AUTH_SCRAM_SALT_BYTES};
    out->stored_key = (struct mansio_str){bytes + AUTH_SCRAM_KEY_BYTES, AUTH_SCRAM_KEY_BYTES};
    out->server_key =
        (struct mansio_str){bytes + (size_t)2 * AUTH_SCRAM_KEY_BYTES, AUTH_SCRAM_KEY_BYTES};
    return rc;
}

/* Whether an exchange may use this credential beside the first that was found. */
static int is_usable(const struct auth_stored *stored, const struct mansio_scram_keys *first)
{
    return stored->has_scram && (first == NULL || (first->iterations == stored->scram.iterations &&
                                                   mansio_str_eq(first->salt, stored->scram.salt)));
}

static void fill(struct mansio_scram_keys *out, const struct auth_scram *scram, uint64_t id)
{
    *out = (struct mansio_scram_keys){
        .size = sizeof *out,
        .iterations = scram->iterations,
        .salt = scram->salt,
        .stored_key = scram->stored_key,
        .server_key = scram->server_key,
        .credential_id = id,
    };
}

/* Gather keys of the credentials, those of the main password first: it says which salt. */
static size_t gather(const struct auth_state *state, const struct mansio_login *login,
                     struct mansio_arena *arena, struct mansio_scram_keys **keys)
{
    static const uint32_t kinds[] = {MANSIO_CREDENTIAL_MAIN, 0};
    size_t count = 0;

    for (size_t pass = 0; pass < MANSIO_COUNT(kinds); pass++) {
        for (size_t i = 0; i < login->credential_count && count < KEYS_MAX; i++) {
            const struct mansio_credential *credential = login->credentials[i];
            struct auth_stored stored = {.scheme = NULL};
            if ((credential->kind == MANSIO_CREDENTIAL_MAIN) != (kinds[pass] != 0) ||
                auth_stored_parse(arena, credential->stored, &stored) < 0 ||
                auth_limits_check(&state->limits, &stored) < 0 ||
                !is_usable(&stored, count > 0 ? keys[0] : NULL)) {
                continue;
            }
            keys[count] = mansio_arena_alloc(arena, sizeof *keys[count]);
            fill(keys[count], &stored.scram, credential->id);
            count++;
        }
    }
    return count;
}

int auth_scram_keys(struct mansio_instance *instance, const struct mansio_login *login,
                    struct mansio_str name, struct mansio_arena *arena,
                    const struct mansio_scram_keys *const **out, size_t *out_count)
{
    const struct auth_state *state = auth_state(instance);
    struct mansio_scram_keys **keys = mansio_arena_alloc(arena, KEYS_MAX * sizeof(*keys));
    size_t count = login->account != NULL ? gather(state, login, arena, keys) : 0;

    if (count == 0) {
        keys[0] = mansio_arena_alloc(arena, sizeof *keys[0]);
        int rc = key_of_nobody(state, login, name, arena, keys[0]);
        if (rc < 0) {
            return rc;
        }
        count = 1;
    }
    *out = (const struct mansio_scram_keys *const *)keys;
    *out_count = count;
    return 0;
}
