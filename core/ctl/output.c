/*
 * What mansioctl writes: errors escaped line by line, and output that is whole or a failure.
 */
#include "core/ctl/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/ctl/text.h"
#include <mansio/str.h>

enum { ERROR_MAX = 256 * 1024 };

/* Not stdio: a short write must not be taken for a whole one, nor an error be found at exit. */
static int write_all(int fd, struct mansio_str text)
{
    while (text.len > 0) {
        ssize_t count = write(fd, text.ptr, text.len);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return errno;
        }
        text.ptr += count;
        text.len -= (size_t)count;
    }
    return 0;
}

void core_ctl_error(const struct core_ctl *ctl, const char *format, ...)
{
    if (ctl->is_quiet) {
        return;
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "ctl.error", 0);
    struct mansio_buf *text = mansio_buf_new(arena, ERROR_MAX);
    struct mansio_buf *out = mansio_buf_new(arena, 4 * (size_t)ERROR_MAX + ERROR_MAX);
    va_list args;
    va_start(args, format);
    mansio_buf_vprintf(text, format, args);
    va_end(args);

    /* The daemon's reasons may hold several lines: those ends are meant, nothing else is. */
    struct mansio_str rest = mansio_buf_str(text), line;
    char prefix_text[48] = "mansioctl: ";
    const char *prefix = prefix_text;
    if (ctl->line > 0) {
        (void)snprintf(prefix_text, sizeof prefix_text, "mansioctl: line %u: ", ctl->line);
    }
    while (mansio_str_split(&rest, '\n', &line)) {
        if (line.len == 0) {
            continue;
        }
        mansio_buf_printf(out, "%s", prefix);
        core_ctl_escape(out, line);
        mansio_buf_add_char(out, '\n');
        prefix = "    ";
    }
    int err = write_all(STDERR_FILENO, mansio_buf_str(out));
    (void)err; /* nowhere left to say it */
    mansio_arena_free(arena);
}

int core_ctl_write(const struct core_ctl *ctl, struct mansio_str text)
{
    int err = write_all(STDOUT_FILENO, text);
    if (err != 0) {
        core_ctl_error(ctl, "standard output: %s", strerror(err));
        return CORE_CTL_FAILED;
    }
    return CORE_CTL_OK;
}
