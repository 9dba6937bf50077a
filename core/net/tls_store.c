/*
 * Certificates by name: what a client asks for is looked up as it is, then with its first label
 * made a wildcard. A name may have several certificates, one a kind of key: the handshake takes
 * the one that the client can verify.
 */
#include "core/net/tls_ssl.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/map.h>
#include <mansio/str.h>

enum { STORE_NAMES_MAX = 1 << 20 };

struct core_tls_store {
    struct mansio_arena *arena;
    struct mansio_map *by_name; /* struct core_tls_choice */
};

static void store_end(void *arg)
{
    struct core_tls_store *store = arg;
    size_t cursor = 0;
    void *value = NULL;
    while (mansio_map_next(store->by_name, &cursor, NULL, &value)) {
        struct core_tls_choice *choice = value;
        for (size_t i = 0; i < choice->count; i++) {
            core_tls_certificate_unref(choice->list[i]);
        }
    }
}

struct core_tls_store *core_tls_store_new(struct mansio_arena *arena)
{
    struct core_tls_store *store = mansio_arena_alloc(arena, sizeof(*store));
    store->arena = arena;
    store->by_name = mansio_map_new(arena, STORE_NAMES_MAX);
    mansio_arena_defer(arena, store_end, store);
    return store;
}

static int add_name(struct core_tls_store *store, struct mansio_str name,
                    struct core_tls_certificate *certificate)
{
    struct core_tls_choice *choice = mansio_map_get(store->by_name, name);
    if (!choice) {
        choice = mansio_arena_try_alloc(store->arena, sizeof(*choice));
        int rc = choice ? mansio_map_put(store->by_name, name, choice) : MANSIO_E_LIMIT;
        if (rc < 0) {
            return rc;
        }
    }
    for (size_t i = 0; i < choice->count; i++) {
        if (EVP_PKEY_get_base_id(choice->list[i]->key) == EVP_PKEY_get_base_id(certificate->key)) {
            return 0;
        }
    }
    if (choice->count < CORE_TLS_CHOICE_MAX) {
        choice->list[choice->count++] = core_tls_certificate_ref(certificate);
    }
    return 0;
}

int core_tls_store_add(struct core_tls_store *store, struct core_tls_certificate *certificate)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < certificate->name_count; i++) {
        rc = add_name(store, certificate->names[i], certificate);
    }
    return rc;
}

size_t core_tls_store_choose(const struct core_tls_store *store, struct mansio_str name,
                             struct core_tls_choice *out)
{
    const struct core_tls_choice *choice = mansio_map_get(store->by_name, name);
    ptrdiff_t dot = mansio_str_find_char(name, '.');
    /* "*.example.org" is for one label, and for no top-level domain. */
    if (!choice && dot > 0 && name.len <= CORE_TLS_NAME_MAX) {
        struct mansio_str parent = mansio_str_sub(name, (size_t)dot, SIZE_MAX);
        char wildcard[CORE_TLS_NAME_MAX + 1];
        wildcard[0] = '*';
        memcpy(wildcard + 1, parent.ptr, parent.len);
        choice = mansio_map_get(store->by_name, (struct mansio_str){wildcard, parent.len + 1});
    }
    if (!choice) {
        out->count = 0;
        return 0;
    }
    *out = *choice;
    return out->count;
}
