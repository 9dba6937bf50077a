/*
 * Ids of sessions. Pure.
 */
#include "core/host/session_id.h"

#include <string.h>

static const char DIGITS[] = "0123456789abcdefghjkmnpqrstvwxyz";

enum {
    SLOT_BITS = 8, /* CORE_SHM_SLOTS is 130 */
    DIGIT_BITS = 5,
};

/* 50 bits in ten digits: 42 of milliseconds (to the year 2164 from 2025 on), 8 of slot. */
#define EPOCH_MS INT64_C(1735689600000) /* 2025-01-01T00:00:00Z */
#define MS_MASK  ((UINT64_C(1) << 42) - 1)

void core_session_id_process(int64_t wall_us, uint32_t slot, char out[CORE_SESSION_ID_PROCESS])
{
    uint64_t ms = (uint64_t)(wall_us / 1000 - EPOCH_MS) & MS_MASK;
    uint64_t bits = ms << SLOT_BITS | (slot & ((1u << SLOT_BITS) - 1));
    for (int i = CORE_SESSION_ID_PROCESS - 1; i >= 0; i--) {
        out[i] = DIGITS[bits & ((1u << DIGIT_BITS) - 1)];
        bits >>= DIGIT_BITS;
    }
}

size_t core_session_id_print(const char process[CORE_SESSION_ID_PROCESS], uint64_t number,
                             char out[CORE_SESSION_ID_MAX])
{
    char reversed[13];
    size_t count = 0;
    do {
        reversed[count++] = DIGITS[number & ((1u << DIGIT_BITS) - 1)];
        number >>= DIGIT_BITS;
    } while (number > 0);

    memcpy(out, process, CORE_SESSION_ID_PROCESS);
    size_t len = CORE_SESSION_ID_PROCESS;
    out[len++] = '-';
    while (count > 0) {
        out[len++] = reversed[--count];
    }
    return len;
}
