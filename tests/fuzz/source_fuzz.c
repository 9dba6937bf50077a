/*
 * The stored form of a source from bytes: what is accepted writes itself again as it was, comes
 * back from the sealed memory that a worker is given, and can be made into a configuration or
 * refused.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/str.h>

#include "core/host/config.h"
#include "core/host/source.h"

const char fuzz_name[] = "source";

/* Handed on as the master does it. */
static void check_handed_on(struct mansio_arena *arena, const struct core_source *source)
{
    struct core_source *handed = NULL;
    int fd = -1;
    int rc = core_source_store(source, &fd);
    MANSIO_ASSERT(rc == 0);
    rc = core_source_load(arena, fd, &handed);
    MANSIO_ASSERT(rc == 0 && core_source_eq(source, handed));
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", 256 << 20);
    struct core_source *source = NULL;
    struct core_config *config = NULL;
    if (core_source_decode(arena, (struct mansio_str){(const char *)data, size}, &source) == 0) {
        MANSIO_ASSERT(core_source_encoded_size(source) == size);
        unsigned char *again = malloc(size);
        MANSIO_ASSERT(again != NULL);
        core_source_encode(source, again, size);
        MANSIO_ASSERT(memcmp(again, data, size) == 0);
        free(again);
        check_handed_on(arena, source);
        if (core_config_parse(arena, source, &config) < 0) {
            MANSIO_ASSERT(mansio_error_detail()[0] != '\0');
        }
    }
    mansio_arena_free(arena);
    return 0;
}
