/*
 * The interface "blob", version 1: immutable bytes of a tenant, by id. Provided by the instance
 * that provides the store, reached through mansio_account_blob().
 *
 * An id finds bytes of the account's own tenant or nothing. Within a tenant an id is all that is
 * asked for: protocols show ids of what their account may see.
 */
#ifndef MANSIO_BLOB_H
#define MANSIO_BLOB_H

#include <mansio/account.h>
#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/content.h>
#include <mansio/module.h>

#define MANSIO_BLOB         "blob"
#define MANSIO_BLOB_VERSION 1

struct mansio_blob {
    size_t size; /* sizeof(struct mansio_blob) */

    /**
     * Keep bytes. What nothing refers to is swept after the provider's grace time (hours).
     *
     * @param content  finished
     * @return 0 once it is committed; MANSIO_E_UNAVAILABLE; MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED
     * @yields yes    @since 1.0
     */
    int (*put)(struct mansio_instance *pool, struct mansio_account *account,
               struct mansio_content *content, int64_t deadline_us, uint64_t *out_id);

    /**
     * Read bytes.
     *
     * @param offset    from the first byte
     * @param max       most bytes wanted, at most 1 MiB
     * @param arena     owns the result
     * @param out       what is there; empty past the end
     * @param out_size  of the whole blob; may be NULL
     * @return 0; MANSIO_E_NOT_FOUND: no such blob in this tenant; MANSIO_E_LIMIT;
     *         MANSIO_E_UNAVAILABLE; MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED
     * @yields yes    @since 1.0
     */
    int (*read)(struct mansio_instance *pool, struct mansio_account *account, uint64_t id,
                uint64_t offset, size_t max, struct mansio_arena *arena, int64_t deadline_us,
                struct mansio_str *out, uint64_t *out_size);
};

#endif
