/*
 * The envelope of the master's state. See state.h.
 */
#include "core/daemon/state.h"

#include "core/daemon/json.h"
#include <mansio/error.h>
#include <mansio/str.h>

static const char format[] = "mansiod-state";

int core_state_store(json_t *content, int *out_fd)
{
    json_t *envelope = json_pack("{s:s, s:i, s:o}", "format", format, "version", CORE_STATE_VERSION,
                                 "content", content);
    int rc = core_json_store(envelope, "mansio-state", out_fd);
    json_decref(envelope);
    return rc;
}

int core_state_load(int fd, json_t **out)
{
    json_t *envelope = NULL;
    int rc = core_json_load(fd, &envelope);
    if (rc < 0) {
        return rc;
    }
    const char *found = NULL;
    int version = 0;
    json_t *content = NULL;
    if (json_unpack(envelope, "{s:s, s:i, s:o}", "format", &found, "version", &version, "content",
                    &content) != 0 ||
        mansio_str_eq(mansio_str_from_cstr(found), MANSIO_STR("mansiod-state")) == 0) {
        rc = mansio_fail(MANSIO_E_INVALID, "state: this is no state of mansiod");
    } else if (version != CORE_STATE_VERSION) {
        rc = mansio_fail(MANSIO_E_UNSUPPORTED,
                         "state: the running daemon's is of version %d, the new binary reads %d: "
                         "restart the daemon instead",
                         version, CORE_STATE_VERSION);
    } else {
        *out = json_incref(content);
    }
    json_decref(envelope);
    return rc;
}
