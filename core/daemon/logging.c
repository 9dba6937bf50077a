/*
 * Where the log goes. See logging.h. Owns the descriptor of the log file.
 */
#include "core/daemon/logging.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/host/log.h"
#include <mansio/log.h>

static int file_fd = -1;

void core_logging_set(const struct core_logging *logging)
{
    int fd = -1;
    int err = 0;
    if (logging->file.len > 0) {
        fd = open(logging->file.ptr, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
        err = errno;
    }
    struct core_log_options options = {
        .format = logging->format,
        .level = logging->level,
        .fd = fd >= 0 ? fd : STDERR_FILENO,
        .process = logging->process,
        .generation = logging->generation,
    };
    core_log_configure(&options);
    if (file_fd >= 0) {
        close(file_fd);
    }
    file_fd = fd;
    if (logging->file.len > 0 && fd < 0) {
        mansio_log(MANSIO_LOG_ERROR, "log-file-not-opened", MANSIO_KV_STR("path", logging->file),
                   MANSIO_KV_CSTR("error", strerror(err)), MANSIO_KV_END);
    }
}
