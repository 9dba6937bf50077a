/*
 * `mansioctl complete WORD...`, which the shells' completion asks: the tables' candidates, and
 * session ids from the running daemon. Silent and quick: nobody wants an error, or a pause, for a
 * tabulator.
 */
#include "core/ctl/client.h"
#include "core/ctl/complete.h"
#include "core/ctl/ctl.h"

#include <string.h>

#include <mansio/str.h>
#include <mansio/time.h>

enum {
    CANDIDATES_MAX = 1024 * 1024,
    SESSIONS_MAX = 1000,
};

#define ANSWER_TIMEOUT_US (1 * MANSIO_SECOND)

static void offer(struct mansio_buf *out, struct mansio_str candidate, const char *begun)
{
    if (mansio_str_starts(candidate, mansio_str_from_cstr(begun))) {
        mansio_buf_add(out, candidate);
        mansio_buf_add_char(out, '\n');
    }
}

static void offer_sessions(struct core_ctl *ctl, struct mansio_buf *out, const char *begun)
{
    json_t *result = NULL;
    json_t *asked = json_pack("{s:i}", "limit", SESSIONS_MAX);
    if (core_ctl_ask(ctl, "sessions.list", asked, ANSWER_TIMEOUT_US, &result) != CORE_CTL_OK) {
        return;
    }
    const json_t *sessions = json_object_get(result, "sessions");
    for (size_t i = 0; i < json_array_size(sessions); i++) {
        const char *id = json_string_value(json_object_get(json_array_get(sessions, i), "id"));
        if (id != NULL) {
            offer(out, mansio_str_from_cstr(id), begun);
        }
    }
    json_decref(result);
}

int core_ctl_complete(struct core_ctl *ctl, const char *const *words, size_t count)
{
    struct mansio_buf *out = mansio_buf_new(ctl->arena, CANDIDATES_MAX);
    ctl->is_quiet = 1;
    /* The socket that the line names is the one to ask. */
    for (size_t i = 0; i + 2 < count; i++) {
        if (strcmp(words[i], "--socket") == 0) {
            ctl->socket = words[i + 1];
        } else if (strcmp(words[i], "--config") == 0) {
            ctl->config = words[i + 1];
        }
    }
    if (core_ctl_candidates(out, words, count) == CORE_CTL_WANT_SESSION) {
        offer_sessions(ctl, out, words[count - 1]);
    }
    return core_ctl_write(ctl, mansio_buf_str(out));
}
