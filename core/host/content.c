/*
 * Contents: their bytes. See content.h and <mansio/content.h>.
 *
 * Bytes are held in one piece that doubles, up to 1 MiB or as far as the process's cap lets it;
 * then they go to a file and the piece becomes a block of it. All memory is counted: the piece, the
 * arenas of what was read, a block read back. Only the piece asks whether there is room, for only
 * it can go elsewhere.
 */
#include "core/host/content.h"

#include "core/base/alloc.h"
#include "core/base/arena.h"

#include <mansio/error.h>
#include <mansio/str.h>

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    FIRST_BYTES = 4096,
    DIRECTORY_MAX = 1024,
    HEAP_KEPT_BYTES = 8 << 20, /* at the heap's top, not given back to the system */
    HEAP_MAP_BYTES = 1 << 20,  /* from here on an allocation is a mapping of its own */
};

#define MEMORY_MAX_DEFAULT ((size_t)256 << 20)

/* One a process. */
static struct {
    size_t memory_max;
    size_t memory_used;
    char directory[DIRECTORY_MAX];
} setup = {.memory_max = MEMORY_MAX_DEFAULT, .directory = "/var/tmp"};

void core_content_setup(size_t memory_max_bytes, struct mansio_str directory)
{
    /* A message's buffers are the heap's top, and the C library would give their pages back after
     * each message to have them cleared again for the next: 40 KiB took 183 us for 78
     * (tests/bench/content). */
    (void)mallopt(M_TRIM_THRESHOLD, HEAP_KEPT_BYTES);
    (void)mallopt(M_TOP_PAD, HEAP_MAP_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, HEAP_MAP_BYTES);
    setup.memory_max = memory_max_bytes;
    (void)snprintf(setup.directory, sizeof setup.directory, "%.*s",
                   MANSIO_STR_ARG(directory.len > 0 ? directory : MANSIO_STR("/var/tmp")));
}

const char *core_content_directory(void)
{
    return setup.directory;
}

size_t core_content_memory_used(void)
{
    return setup.memory_used;
}

void core_content_count(ptrdiff_t bytes)
{
    setup.memory_used += (size_t)bytes;
}

int core_content_has_room(size_t bytes, unsigned times)
{
    return setup.memory_max == 0 ? 0 : setup.memory_used + bytes <= setup.memory_max * times;
}

void core_content_count_arenas(struct mansio_content *content)
{
    size_t used = mansio_arena_used(content->arena) +
                  (content->work != NULL ? mansio_arena_used(content->work) : 0);

    core_content_count((ptrdiff_t)used - (ptrdiff_t)content->arena_charge);
    content->arena_charge = used;
}

static void drop_bytes(struct mansio_content *content)
{
    core_free(content->bytes);
    core_content_count(-(ptrdiff_t)content->room);
    content->bytes = NULL;
    content->room = 0;
    content->held = 0;
}

static void end_content(void *arg)
{
    struct mansio_content *content = arg;

    drop_bytes(content);
    core_free(content->read);
    core_content_count(-(ptrdiff_t)(content->read_room + content->arena_charge));
    if (content->fd >= 0) {
        (void)close(content->fd);
    }
    mansio_arena_free(content->work);
    mansio_arena_free(content->arena); /* the struct is in it */
}

struct mansio_content *mansio_content_new(struct mansio_arena *arena, uint64_t max_bytes)
{
    /* Apart from the owner's: a message's memory is bounded by its own rules, not by the cap of
     * a conn's. */
    struct mansio_arena *own = mansio_arena_new(NULL, "content", 0);
    struct mansio_content *content = mansio_arena_alloc(own, sizeof *content);

    content->arena = own;
    content->max_bytes = max_bytes;
    content->fd = -1;
    core_content_count_arenas(content);
    mansio_arena_defer(arena, end_content, content);
    return content;
}

/* Room for so many bytes held. @return 1; 0 if they must go elsewhere; a code */
static int make_room(struct mansio_content *content, size_t wanted)
{
    size_t room = content->room < FIRST_BYTES ? FIRST_BYTES : content->room;
    size_t max = content->fd < 0 ? MANSIO_CONTENT_MEMORY_MAX : CORE_CONTENT_FLOOR_BYTES;
    char *bytes;

    if (wanted <= content->room) {
        return 1;
    }
    if (wanted > max) {
        return 0;
    }
    while (room < wanted) {
        room *= 2;
    }
    if (room > CORE_CONTENT_FLOOR_BYTES && !core_content_has_room(room - content->room, 1)) {
        return 0;
    }
    bytes = core_realloc(content->bytes, room);
    if (bytes == NULL) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "content: no memory for %zu bytes", room);
    }
    core_content_count((ptrdiff_t)(room - content->room));
    content->bytes = bytes;
    content->room = room;
    return 1;
}

/* What is held goes to the file; the parser has seen it before. */
static int spill(struct mansio_content *content, int64_t deadline_us)
{
    int result = core_content_parse(content, 1);

    if (result == 0) {
        result = core_content_flush(content, deadline_us);
    }
    if (result == 0 && content->room > CORE_CONTENT_FLOOR_BYTES) {
        drop_bytes(content); /* a block is smaller */
    }
    return result;
}

/* As many of the next bytes as fit. @return how many; 0 when a spill made room first; a code */
static int take_some(struct mansio_content *content, struct mansio_str bytes, int64_t deadline_us)
{
    size_t max = content->fd < 0 ? MANSIO_CONTENT_MEMORY_MAX : CORE_CONTENT_FLOOR_BYTES;
    size_t some = bytes.len < max - content->held ? bytes.len : max - content->held;
    int result = some > 0 ? make_room(content, content->held + some) : 0;

    if (result == 0 && content->held < content->room) {
        some = content->room - content->held; /* the cap lets it grow no more: fill it */
        some = some < bytes.len ? some : bytes.len;
        result = 1;
    } else if (result == 0 && content->held == 0) {
        /* More at once than memory has room for: a block at a time. */
        some = CORE_CONTENT_FLOOR_BYTES < bytes.len ? CORE_CONTENT_FLOOR_BYTES : bytes.len;
        result = make_room(content, some);
    }
    if (result < 0) {
        return result;
    }
    if (result == 0) {
        return spill(content, deadline_us);
    }
    memcpy(content->bytes + content->held, bytes.ptr, some);
    content->held += some;
    content->size += some;
    result = core_content_parse(content, 0);
    return result < 0 ? result : (int)some;
}

/* What was taken is of no use any more. */
static int give_up(struct mansio_content *content, int code)
{
    content->error = code;
    drop_bytes(content);
    return code;
}

int mansio_content_write(struct mansio_content *content, struct mansio_str bytes,
                         int64_t deadline_us)
{
    if (content->is_finished) {
        return mansio_fail(MANSIO_E_BUG, "content: written to after its end");
    }
    if (content->error < 0) {
        return mansio_fail(content->error, "content: an earlier write failed");
    }
    if (bytes.len > content->max_bytes - content->size) {
        return give_up(content, mansio_fail(MANSIO_E_LIMIT, "content: larger than %llu bytes",
                                            (unsigned long long)content->max_bytes));
    }
    while (bytes.len > 0) {
        int some = take_some(content, bytes, deadline_us);

        if (some < 0) {
            return give_up(content, some);
        }
        bytes = mansio_str_sub(bytes, (size_t)some, SIZE_MAX);
    }
    return 0;
}

int mansio_content_finish(struct mansio_content *content, int64_t deadline_us)
{
    int result;

    if (content->error < 0) {
        return mansio_fail(content->error, "content: an earlier write failed");
    }
    if (content->is_finished) {
        return 0;
    }
    result = core_content_parse(content, 1);
    if (result == 0 && content->fd >= 0) {
        result = core_content_flush(content, deadline_us);
        if (result == 0) {
            drop_bytes(content);
        }
    }
    if (result == 0) {
        result = core_content_digest(content, deadline_us);
    }
    if (result < 0) {
        return give_up(content, result);
    }
    content->is_finished = 1;
    return 0;
}

uint64_t mansio_content_size(const struct mansio_content *content)
{
    return content->size;
}

int mansio_content_read(struct mansio_content *content, uint64_t offset, size_t max,
                        int64_t deadline_us, struct mansio_str *out)
{
    uint64_t left = offset < content->size ? content->size - offset : 0;
    int result;

    if (!content->is_finished) {
        return mansio_fail(MANSIO_E_BUG, "content: read before its end");
    }
    max = max < MANSIO_CONTENT_MEMORY_MAX ? max : MANSIO_CONTENT_MEMORY_MAX;
    max = max < left ? max : (size_t)left;
    if (max == 0) {
        *out = MANSIO_STR("");
        return 0;
    }
    if (content->fd < 0) {
        *out = (struct mansio_str){content->bytes + offset, max};
        return (int)max;
    }
    result = core_content_fetch(content, offset, max, deadline_us);
    if (result >= 0) {
        *out = (struct mansio_str){content->read, (size_t)result};
    }
    return result;
}

struct mansio_str mansio_content_memory(const struct mansio_content *content)
{
    if (content->fd >= 0) {
        return MANSIO_STR_NONE;
    }
    return content->held > 0 ? (struct mansio_str){content->bytes, content->held} : MANSIO_STR("");
}

struct mansio_str mansio_content_structure(const struct mansio_content *content)
{
    return content->structure;
}

struct mansio_str mansio_content_search_text(const struct mansio_content *content)
{
    return content->search_text;
}

uint64_t mansio_content_header_size(const struct mansio_content *content)
{
    return content->header_size;
}

uint32_t mansio_content_received_count(const struct mansio_content *content)
{
    return content->received_count;
}
