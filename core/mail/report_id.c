/*
 * What tells a report from any other: 128 random bits. The one thing of reports that isn't pure.
 */
#include <mansio/report.h>

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <mansio/buf.h>
#include <mansio/error.h>

enum { ID_BYTES = 16 };

int mansio_report_id(struct mansio_arena *arena, struct mansio_str *out)
{
    unsigned char bytes[ID_BYTES];
    struct mansio_buf *text = mansio_buf_new(arena, 2 * ID_BYTES);
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "getrandom: %s", strerror(err));
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        mansio_buf_printf(text, "%02x", bytes[i]);
    }
    int rc = mansio_buf_status(text);
    if (rc == 0) {
        *out = mansio_buf_str(text);
    }
    return rc;
}
