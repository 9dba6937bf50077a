/*
 * Contents: a message's bytes on their way in, counted, bounded, and read for what they are.
 *
 * Up to 1 MiB stays in memory, under the worker's cap (`limits.content_memory`); beyond that, or
 * without room, bytes go to an unlinked file in `limits.content_directory` through offload threads.
 * While they come, the message is parsed: mansio_content_finish() leaves its structure and its text
 * for search beside it, as stores keep them.
 */
#ifndef MANSIO_CONTENT_H
#define MANSIO_CONTENT_H

#include <mansio/arena.h>
#include <mansio/base.h>

/** Most bytes of a content that are held in memory. */
#define MANSIO_CONTENT_MEMORY_MAX 1048576

/** Opaque. */
struct mansio_content;

/**
 * Begin a content.
 *
 * @param arena      whose end is the content's end
 * @param max_bytes  most it may hold
 * @return the content, never NULL
 * @yields no     @since 1.0
 */
MANSIO_EXPORT struct mansio_content *mansio_content_new(struct mansio_arena *arena,
                                                        uint64_t max_bytes);

/**
 * The next bytes.
 *
 * @param bytes        copied
 * @param deadline_us  monotonic time
 * @return 0; MANSIO_E_LIMIT past max_bytes; MANSIO_E_IO when the file can't be written;
 *         MANSIO_E_UNAVAILABLE when the system has no memory; MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED.
 *         Errors are sticky: what was written is dropped
 * @yields yes     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_content_write(struct mansio_content *content,
                                                         struct mansio_str bytes,
                                                         int64_t deadline_us);

/**
 * The bytes are all there.
 *
 * @return 0, or an error as mansio_content_write(), an earlier one included. Never for what the
 *         message says: one that can't be read in full has a structure that says less
 * @yields yes     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_content_finish(struct mansio_content *content,
                                                          int64_t deadline_us);

/** Bytes so far. @yields no @since 1.0 */
MANSIO_EXPORT uint64_t mansio_content_size(const struct mansio_content *content);

/**
 * Read bytes back, after mansio_content_finish().
 *
 * @param offset  from the first byte
 * @param max     most bytes wanted, at most 1 MiB
 * @param out     what is there; shorter at the end, empty past it. Lives as long as the content
 *                when that is in memory, else until the next read of it
 * @return bytes given; MANSIO_E_IO; MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED
 * @yields yes, when a file is read     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_content_read(struct mansio_content *content,
                                                        uint64_t offset, size_t max,
                                                        int64_t deadline_us,
                                                        struct mansio_str *out);

/** All bytes, when they are in memory; ptr NULL when they are in a file. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_str mansio_content_memory(const struct mansio_content *content);

/** After mansio_content_finish(): the message's structure in the form that stores keep (opaque
 * bytes with a version of their own). Lives as long as the content. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_str mansio_content_structure(const struct mansio_content *content);

/** After mansio_content_finish(): header and text parts, decoded, in UTF-8, case-folded, without
 * NUL, bounded (256 KiB), in the form that mansio/search.h says: what SEARCH looks at. Lives as
 * long as the content. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_str mansio_content_search_text(const struct mansio_content *content);

/** After mansio_content_finish(): length of the header, its empty line included.
 * @yields no @since 1.0 */
MANSIO_EXPORT uint64_t mansio_content_header_size(const struct mansio_content *content);

/** After mansio_content_finish(): how many Received fields the header has, for who refuses loops
 * (RFC 5321 6.3). @yields no @since 1.0 */
MANSIO_EXPORT uint32_t mansio_content_received_count(const struct mansio_content *content);

/**
 * After mansio_content_finish(): 1 if the header has a field of this name and, unless @p value is
 * empty, one with this value (ASCII without case, white space at both ends aside).
 *
 * @yields no     @since 1.0
 */
MANSIO_EXPORT int mansio_content_has_field(const struct mansio_content *content,
                                           struct mansio_str name, struct mansio_str value);

#endif
