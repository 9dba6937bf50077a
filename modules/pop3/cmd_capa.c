/*
 * CAPA (RFC 2449 5).
 */
#include "commands.h"
#include "session.h"

#include <mansio/error.h>
#include <mansio/login.h>
#include <mansio/settings.h>
#include <mansio/str.h>

int pop3_cmd_capa(struct pop3_session *session, const struct pop3_line *line)
{
    const struct mansio_settings *settings = mansio_instance_settings(session->module->instance);
    struct mansio_str mechanisms = MANSIO_STR_NONE;
    (void)line;
    int rc = mansio_session_mechanisms(session->session, session->arena, &mechanisms);
    if (mansio_error_class(rc) == MANSIO_CLASS_CANCELLED) {
        return rc;
    }
    pop3_reply_ok(session->reply, "These are our capabilities");
    pop3_capabilities(session, mechanisms, mansio_settings_str(settings, "implementation"),
                      session->reply);
    pop3_reply_end(session->reply);
    return 0;
}
