/*
 * Answers of DNS, as they came, for as long as they say: bounded in bytes, the oldest go first.
 * What is looked up is read anew by whoever asks (dns.h), which costs microseconds.
 */
#ifndef MANSIO_CORE_NET_DNS_CACHE_H
#define MANSIO_CORE_NET_DNS_CACHE_H

#include <mansio/arena.h>
#include <mansio/base.h>

struct core_dns_cache;

/* With room for so many bytes, bookkeeping included; ends with the arena. */
struct core_dns_cache *core_dns_cache_new(struct mansio_arena *arena, size_t max_bytes);

/* Keep an answer for some seconds; one that is there already is replaced. 0 seconds, or what is too
 * large, keeps nothing. */
void core_dns_cache_put(struct core_dns_cache *cache, struct mansio_str name, uint32_t type,
                        struct mansio_str packet, uint32_t ttl_seconds, int64_t now_us);

/*
 * An answer that is kept.
 *
 * @param out_age  seconds since it came: what its records' times to live have lost
 * @return the packet, until the next put; ptr NULL if there is none
 */
struct mansio_str core_dns_cache_get(struct core_dns_cache *cache, struct mansio_str name,
                                     uint32_t type, int64_t now_us, uint32_t *out_age);

size_t core_dns_cache_bytes(const struct core_dns_cache *cache);
size_t core_dns_cache_entries(const struct core_dns_cache *cache);

#endif
