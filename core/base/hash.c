/*
 * SipHash and the key of this process. Owns the key: drawn once, never shown, other in each
 * process, so nothing that outlives a process may depend on a hash.
 */
#include "core/base/hash.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

static uint64_t process_key[2];
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static uint64_t rotate(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static void mix(uint64_t v[4], int rounds)
{
    for (int i = 0; i < rounds; i++) {
        v[0] += v[1];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[0] = rotate(v[0], 32);
        v[2] += v[3];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

/* Up to eight bytes, the first one lowest, whatever the machine's order. */
static uint64_t load(const char *ptr, size_t count)
{
    uint64_t word = 0;

    for (size_t i = 0; i < count; i++) {
        word |= (uint64_t)(unsigned char)ptr[i] << (8 * i);
    }
    return word;
}

static void absorb(uint64_t v[4], uint64_t word, int rounds)
{
    v[3] ^= word;
    mix(v, rounds);
    v[0] ^= word;
}

uint64_t core_siphash(const uint64_t key[2], struct mansio_str bytes, int rounds, int final_rounds)
{
    /* The paper's constants: "somepseudorandomlygeneratedbytes". */
    uint64_t v[4] = {
        key[0] ^ UINT64_C(0x736f6d6570736575),
        key[1] ^ UINT64_C(0x646f72616e646f6d),
        key[0] ^ UINT64_C(0x6c7967656e657261),
        key[1] ^ UINT64_C(0x7465646279746573),
    };
    size_t whole = bytes.len & ~(size_t)7;

    for (size_t i = 0; i < whole; i += 8) {
        absorb(v, load(bytes.ptr + i, 8), rounds);
    }
    absorb(v,
           (uint64_t)bytes.len << 56 |
               load(whole < bytes.len ? bytes.ptr + whole : "", bytes.len - whole),
           rounds);
    v[2] ^= 0xff;
    mix(v, final_rounds);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void draw_key(void)
{
    ssize_t count;

    do {
        count = getrandom(process_key, sizeof process_key, 0);
    } while (count < 0 && errno == EINTR);
    /* Up to 256 bytes come whole; without randomness no peer may be let in. */
    MANSIO_ASSERT(count == sizeof process_key);
}

uint64_t core_hash(struct mansio_str bytes)
{
    pthread_once(&key_once, draw_key);
    return core_siphash(process_key, bytes, 1, 3);
}
