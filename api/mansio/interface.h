/*
 * Interfaces: tables of functions under a name and version, through which modules use each other.
 *
 * A table begins with its size and grows only at the end. The consumer passes the size of the
 * table it knows; the core copies what both have and zero-fills the rest, so a missing tail reads
 * as NULL: "not offered". A changed meaning is a new version under the same name.
 */
#ifndef MANSIO_INTERFACE_H
#define MANSIO_INTERFACE_H

#include <mansio/base.h>
#include <mansio/module.h>

/**
 * Offer an interface. Only while load() runs.
 *
 * @param instance   who offers it
 * @param interface  its name: lower-case letters, digits, '-'; at most 31 bytes
 * @param version    1 or more
 * @param table      constant, lives as long as the process; begins with its size_t size
 * @return 0; MANSIO_E_INVALID for a bad name, version or size; MANSIO_E_EXISTS if this instance
 *         offers it already; MANSIO_E_BUG outside load()
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_interface_provide(struct mansio_instance *instance,
                                                             const char *interface,
                                                             uint32_t version, const void *table);

/**
 * Find an interface. From start() on.
 *
 * @param consumer      who asks
 * @param interface     its name
 * @param version       the version wanted, exactly
 * @param provider      the instance to use, as the configuration names it; the empty slice for
 *                      the only one there is
 * @param table         receives the functions; its first field is then the size that both know
 * @param table_size    sizeof the caller's table
 * @param out_provider  the instance to pass to the functions
 * @return 0; MANSIO_E_NOT_FOUND, with wanted and found in the detail; MANSIO_E_INVALID if
 *         several offer it and @p provider is empty, for version 0, or for a table without room for
 *         its size; MANSIO_E_BUG before start()
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_interface_get(struct mansio_instance *consumer,
                                                         const char *interface, uint32_t version,
                                                         struct mansio_str provider, void *table,
                                                         size_t table_size,
                                                         struct mansio_instance **out_provider);

/**
 * Find the providers of an interface one by one, in the configuration's order. From start() on.
 *
 * @param index  from 0
 * @return 0; MANSIO_E_NOT_FOUND past the last; else as mansio_interface_get()
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_interface_at(struct mansio_instance *consumer,
                                                        const char *interface, uint32_t version,
                                                        size_t index, void *table,
                                                        size_t table_size,
                                                        struct mansio_instance **out_provider);

#endif
