/*
 * The pop3 module: its settings, its metrics, its life.
 */
#include "pop3.h"

#include <mansio/interface.h>
#include <mansio/protocol.h>
#include <mansio/settings.h>
#include <mansio/str.h>

#include "lock.h"
#include "session.h"

static const struct mansio_setting pop3_settings[] = {
    MANSIO_SETTING(.name = "greeting", .type = MANSIO_SETTING_STRING, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "POP3 at your service", .min = 1, .max = 200,
                   .help = "What clients are greeted with"),
    MANSIO_SETTING(.name = "implementation", .type = MANSIO_SETTING_STRING,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "Mansio", .min = 0, .max = 100,
                   .help = "What CAPA says of the program; empty: nothing"),
    MANSIO_SETTING(.name = "login_timeout", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "10m", .min = 1000000,
                   .max = INT64_C(86400000000),
                   .help = "How long a client may take in all until it is logged in"),
    MANSIO_SETTING(.name = "timeout", .type = MANSIO_SETTING_DURATION, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "10m", .min = 1000000, .max = INT64_C(86400000000),
                   .help = "How long a client may be silent after login, or take for a slice of a "
                           "message; RFC 1939 asks for 10 minutes at least"),
    MANSIO_SETTING(.name = "login_failures", .type = MANSIO_SETTING_INT, .unit = "failures",
                   .flags = MANSIO_SETTING_LIVE, .default_text = "3", .min = 1, .max = 1000,
                   .help = "Failed logins after which a connection is closed"),
    MANSIO_SETTING(.name = "bad_commands", .type = MANSIO_SETTING_INT, .unit = "commands",
                   .flags = MANSIO_SETTING_LIVE, .default_text = "20", .min = 1, .max = 1000000,
                   .help = "Commands that make no sense after which a connection is closed"),
    MANSIO_SETTING(.name = "messages", .type = MANSIO_SETTING_INT, .unit = "messages",
                   .flags = MANSIO_SETTING_LIVE, .default_text = "1000000", .min = 1,
                   .max = 10000000,
                   .help = "Most messages that a session shows, the oldest; each takes 16 bytes"),
    MANSIO_SETTING(.name = "mark_seen", .type = MANSIO_SETTING_BOOL, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "true",
                   .help = "At QUIT, mark what was retrieved as \\Seen for IMAP"),
    MANSIO_SETTING(.name = "store_timeout", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "30s", .min = 100000,
                   .max = INT64_C(3600000000), .help = "How long the store may take for a step"),
    MANSIO_SETTING(.name = "lease", .type = MANSIO_SETTING_STRING, .min = 0, .max = 64,
                   .help = "The instance that locks maildrops on all nodes; empty: the only one "
                           "that can; without one they are locked on this node alone"),
    MANSIO_SETTING(.name = "lock_time", .type = MANSIO_SETTING_DURATION, .default_text = "60s",
                   .min = 5000000, .max = INT64_C(3600000000),
                   .help = "How long a maildrop stays locked after a node has died"),
};

static const struct mansio_metric pop3_metrics[] = {
    [POP3_METRIC_LOGINS] = MANSIO_METRIC(.name = "logins", .type = MANSIO_METRIC_COUNTER,
                                         .help = "Sessions that opened their maildrop."),
    [POP3_METRIC_LOGIN_FAILURES] =
        MANSIO_METRIC(.name = "login_failures", .type = MANSIO_METRIC_COUNTER,
                      .help = "Logins that were refused or could not be judged."),
    [POP3_METRIC_IN_USE] = MANSIO_METRIC(.name = "in_use", .type = MANSIO_METRIC_COUNTER,
                                         .help = "Logins to a maildrop that another session had."),
    [POP3_METRIC_LOCKS_LOST] =
        MANSIO_METRIC(.name = "locks_lost", .type = MANSIO_METRIC_COUNTER,
                      .help = "Sessions that ended because their lease was lost."),
    [POP3_METRIC_RETRIEVED] = MANSIO_METRIC(.name = "retrieved", .type = MANSIO_METRIC_COUNTER,
                                            .help = "Messages given by RETR."),
    [POP3_METRIC_SENT_BYTES] =
        MANSIO_METRIC(.name = "sent", .type = MANSIO_METRIC_COUNTER, .unit = "bytes",
                      .help = "Bytes of messages given by RETR and TOP."),
    [POP3_METRIC_DELETED] = MANSIO_METRIC(.name = "deleted", .type = MANSIO_METRIC_COUNTER,
                                          .help = "Messages removed at QUIT."),
    [POP3_METRIC_BAD_COMMANDS] =
        MANSIO_METRIC(.name = "bad_commands", .type = MANSIO_METRIC_COUNTER,
                      .help = "Commands that were unknown, misplaced or malformed."),
    [POP3_METRIC_OPEN_SECONDS] =
        MANSIO_METRIC(.name = "open", .type = MANSIO_METRIC_HISTOGRAM, .unit = "seconds",
                      .help = "How long maildrops were open."),
};

static const struct mansio_protocol pop3_protocol = {
    .size = sizeof pop3_protocol,
    .service = "pop3",
    .serve = pop3_serve,
    .goodbye = pop3_goodbye,
};

/* A client takes what stands in angle brackets there for an invitation to APOP (RFC 1939 7). */
static int check_text(const struct mansio_settings *settings, const char *name)
{
    struct mansio_str text = mansio_settings_str(settings, name);
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f || text.ptr[i] == '<') {
            return mansio_settings_fail(settings, name,
                                        "expected one line without control characters and '<'");
        }
    }
    return 0;
}

static int pop3_load(struct mansio_instance *instance)
{
    const struct mansio_settings *settings = mansio_instance_settings(instance);
    int rc = check_text(settings, "greeting");
    if (rc == 0) {
        rc = check_text(settings, "implementation");
    }
    return rc < 0 ? rc
                  : mansio_interface_provide(instance, MANSIO_PROTOCOL, MANSIO_PROTOCOL_VERSION,
                                             &pop3_protocol);
}

static int pop3_start(struct mansio_instance *instance, uint32_t role)
{
    if (role != MANSIO_ROLE_WORKER) {
        return 0;
    }
    struct pop3_module *module =
        mansio_arena_alloc(mansio_instance_arena(instance), sizeof *module);
    module->instance = instance;
    mansio_instance_set_data(instance, module);
    return pop3_locks_start(module);
}

/* Renewing goes on while sessions do: without a drain() the core ends the group after them. */
MANSIO_MODULE("pop3", "1.0", "", .summary = "POP3: mail is fetched and, if wanted, deleted.",
              .settings = pop3_settings, .setting_count = MANSIO_COUNT(pop3_settings),
              .metrics = pop3_metrics, .metric_count = MANSIO_COUNT(pop3_metrics),
              .load = pop3_load, .start = pop3_start);
