/*
 * JSON between processes: values made of slices and read back with the name of what is missing,
 * and whole documents in memory files, for what is too long for one message. jansson does the work.
 */
#ifndef MANSIO_CORE_DAEMON_JSON_H
#define MANSIO_CORE_DAEMON_JSON_H

#include <jansson.h>
#include <mansio/arena.h>
#include <mansio/base.h>
#include <stdint.h>

/* A string; what isn't UTF-8 in @p s is replaced by '?'. */
json_t *core_json_str(struct mansio_str s);

/* Times and durations as mansioctl shows them: RFC 3339, seconds. */
json_t *core_json_time(int64_t wall_us);
json_t *core_json_seconds(int64_t us);

/* Members of an object: 0, or MANSIO_E_INVALID naming the member. The string is copied. */
MANSIO_MUST_CHECK int core_json_get_str(struct mansio_arena *arena, const json_t *object,
                                        const char *name, struct mansio_str *out);
MANSIO_MUST_CHECK int core_json_get_int(const json_t *object, const char *name, int64_t min,
                                        int64_t max, int64_t *out);
/* An array, borrowed. */
MANSIO_MUST_CHECK int core_json_get_array(const json_t *object, const char *name,
                                          const json_t **out);

/* Parse text; MANSIO_E_INVALID with line and column. The result is to be json_decref'd. */
MANSIO_MUST_CHECK int core_json_parse(struct mansio_str text, json_t **out);

/* Into a memory file and back; close-on-exec. Reading maps up to 64 MiB and doesn't move the
 * file's offset. */
MANSIO_MUST_CHECK int core_json_store(const json_t *value, const char *name, int *out_fd);
MANSIO_MUST_CHECK int core_json_load(int fd, json_t **out);

#endif
