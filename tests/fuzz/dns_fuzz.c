/*
 * An answer of DNS: the first byte says which type was asked for, the rest is the packet, asked for
 * by the name that its question has. What is accepted is in bounds, sorted, and reads the same
 * again.
 */
#include "tests/fuzz/fuzz.h"

#include "core/net/dns.h"

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/str.h>

#include <string.h>

const char fuzz_name[] = "dns";

enum { ARENA_BYTES = 64 << 20 };

static const uint32_t TYPES[] = {MANSIO_DNS_A,   MANSIO_DNS_CNAME, MANSIO_DNS_PTR, MANSIO_DNS_MX,
                                 MANSIO_DNS_TXT, MANSIO_DNS_AAAA,  MANSIO_DNS_SRV, MANSIO_DNS_TLSA};

/* Plain labels of the question as text, so that inputs needn't guess the name; "a.test" else. */
static struct mansio_str name_of(struct mansio_str packet, char out[256])
{
    size_t length = 0;

    for (size_t at = 12; at < packet.len && length < 200;) {
        size_t count = (unsigned char)packet.ptr[at];

        if (count == 0 && length > 0) {
            return (struct mansio_str){out, length};
        }
        if (count == 0 || count > 40 || packet.len - at <= count) {
            break;
        }
        length += length > 0;
        out[length > 0 ? length - 1 : 0] = '.';
        memcpy(out + length, packet.ptr + at + 1, count);
        length += count;
        at += count + 1;
    }
    return MANSIO_STR("a.test");
}

static void check_name(struct mansio_str name)
{
    MANSIO_ASSERT(name.len < CORE_DNS_NAME_MAX);
    for (size_t i = 0; i < name.len; i++) {
        MANSIO_ASSERT(name.ptr[i] > ' ' && name.ptr[i] < 0x7F &&
                      !(name.ptr[i] >= 'A' && name.ptr[i] <= 'Z'));
    }
}

static void check(const struct core_dns_result *result, uint32_t type, size_t size)
{
    MANSIO_ASSERT(result->rcode == CORE_DNS_NOERROR || result->rcode == CORE_DNS_NXDOMAIN);
    MANSIO_ASSERT(result->steps <= CORE_DNS_CHAIN_MAX && result->ttl <= 86400);
    MANSIO_ASSERT(result->count == 0 || result->next.ptr == NULL);
    check_name(result->next);
    for (size_t i = 0; i < result->count; i++) {
        const struct mansio_dns_record *record = result->records[i];

        MANSIO_ASSERT(record->size == sizeof *record && record->ttl <= INT32_MAX);
        MANSIO_ASSERT(record->data.len <= size);
        MANSIO_ASSERT((record->data.ptr == NULL) ==
                      (type != MANSIO_DNS_A && type != MANSIO_DNS_AAAA && type != MANSIO_DNS_TXT &&
                       type != MANSIO_DNS_TLSA));
        MANSIO_ASSERT(i == 0 || record->preference >= result->records[i - 1]->preference);
        check_name(record->name);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", ARENA_BYTES);
    struct mansio_str packet = {(const char *)data, size};
    struct core_dns_result result = {.rcode = 0};
    struct core_dns_result again = {.rcode = 0};
    struct mansio_str reverse = MANSIO_STR_NONE;
    char text[256];

    if (size > 0) {
        uint32_t type = TYPES[data[0] % MANSIO_COUNT(TYPES)];
        struct mansio_str name;
        int rc;

        packet = mansio_str_sub(packet, 1, SIZE_MAX);
        name = name_of(packet, text);
        rc = core_dns_parse(arena, packet, name, type, &result);
        MANSIO_ASSERT(rc == 0 || rc == MANSIO_E_INVALID || rc == MANSIO_E_UNSUPPORTED);
        MANSIO_ASSERT(rc == 0 || mansio_error_detail()[0] != '\0');
        if (rc == 0) {
            check(&result, type, size);
            MANSIO_ASSERT(core_dns_parse(arena, packet, name, type, &again) == 0);
            MANSIO_ASSERT(again.count == result.count && again.ttl == result.ttl);
        }
        rc = core_dns_reverse(arena, packet, &reverse);
        MANSIO_ASSERT(rc == MANSIO_E_NOT_FOUND ||
                      (rc == 0 && mansio_str_ends(reverse, MANSIO_STR(".arpa"))));
    }
    mansio_arena_free(arena);
    return 0;
}
