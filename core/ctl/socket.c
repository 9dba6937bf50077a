/*
 * Where the daemon's control socket is. Reading a configuration that is broken elsewhere, or holds
 * secrets that this user may not read, must not keep an administrator from the running daemon: so
 * the installed file is asked last, and only a hint. A file named by --config is meant, though:
 * if it can't be read, nothing is guessed.
 */
#include "core/ctl/client.h"

#include <stdlib.h>

#include "core/host/config.h"
#include <mansio/error.h>

enum { CONFIG_CAP = 64 * 1024 * 1024 };

/* The socket's path by a configuration; MANSIO_E_* with the reason as the detail. */
static int read_config(struct core_ctl *ctl, const char *path, const char **out)
{
    struct mansio_arena *arena = mansio_arena_new(ctl->arena, "ctl.config", CONFIG_CAP);
    struct core_source *source = NULL;
    struct core_config *config = NULL;
    int rc = core_source_read(arena, path, &source);
    if (rc == 0) {
        rc = core_config_parse(arena, source, &config);
    }
    if (rc < 0) {
        return rc;
    }
    return mansio_cstr(ctl->arena, config->control_socket, out);
}

int core_ctl_find_socket(struct core_ctl *ctl, const char **out)
{
    const char *from_environment = getenv("MANSIO_SOCKET");
    if (ctl->socket != NULL) {
        *out = ctl->socket;
        return CORE_CTL_OK;
    }
    if (ctl->config != NULL) {
        if (read_config(ctl, ctl->config, out) == 0) {
            return CORE_CTL_OK;
        }
        core_ctl_error(ctl, "%s\nwhere the socket is can't be read there; name it with --socket",
                       mansio_error_detail());
        return CORE_CTL_UNREACHABLE;
    }
    if (from_environment != NULL && from_environment[0] != '\0') {
        *out = from_environment;
        return CORE_CTL_OK;
    }
    if (read_config(ctl, MANSIO_CONFIG_FILE, out) < 0) {
        *out = MANSIO_CONTROL_SOCKET;
    }
    return CORE_CTL_OK;
}
