/*
 * The imap module: its settings, its metrics, its life.
 */
#include "imap.h"

#include <mansio/interface.h>
#include <mansio/protocol.h>
#include <mansio/settings.h>
#include <mansio/str.h>

#include "session.h"

static const struct mansio_setting imap_settings[] = {
    MANSIO_SETTING(.name = "greeting", .type = MANSIO_SETTING_STRING, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "IMAP at your service", .min = 1, .max = 200,
                   .help = "What clients are greeted with"),
    MANSIO_SETTING(.name = "id_name", .type = MANSIO_SETTING_STRING, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "Mansio", .min = 0, .max = 100,
                   .help = "What ID says of the program; empty: nothing"),
    MANSIO_SETTING(.name = "login_timeout", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "3m", .min = 1000000,
                   .max = INT64_C(86400000000),
                   .help = "How long a client may take in all until it is logged in"),
    MANSIO_SETTING(.name = "timeout", .type = MANSIO_SETTING_DURATION, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "30m", .min = 1000000, .max = INT64_C(86400000000),
                   .help = "How long a client may be silent after login; RFC 3501 asks for 30 "
                           "minutes at least"),
    MANSIO_SETTING(.name = "login_failures", .type = MANSIO_SETTING_INT, .unit = "failures",
                   .flags = MANSIO_SETTING_LIVE, .default_text = "3", .min = 1, .max = 1000,
                   .help = "Failed logins after which a connection is closed"),
    MANSIO_SETTING(.name = "bad_commands", .type = MANSIO_SETTING_INT, .unit = "commands",
                   .flags = MANSIO_SETTING_LIVE, .default_text = "20", .min = 1, .max = 1000000,
                   .help = "Commands that make no sense after which a connection is closed; after "
                           "login, so many in a row"),
    MANSIO_SETTING(.name = "literal_size", .type = MANSIO_SETTING_SIZE,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "64K", .min = 1024, .max = 1 << 20,
                   .help = "Most that the literals of a command may have in all, the message of "
                           "APPEND not counted"),
    MANSIO_SETTING(.name = "store_timeout", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "30s", .min = 100000,
                   .max = INT64_C(3600000000), .help = "How long the store may take for a step"),
    MANSIO_SETTING(.name = "message_size_max", .type = MANSIO_SETTING_SIZE,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "50M", .min = 65536,
                   .max = INT64_C(1) << 40, .help = "Largest message that APPEND takes"),
    MANSIO_SETTING(.name = "append_timeout", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "1h", .min = 1000000,
                   .max = INT64_C(86400000000),
                   .help = "How long a message of APPEND may take to come"),
    MANSIO_SETTING(.name = "idle_poll", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "1m", .min = 100000,
                   .max = INT64_C(86400000000),
                   .help = "How often a selected mailbox is looked at if nothing hints at a "
                           "change: hints come at once, but one may be lost"),
    MANSIO_SETTING(.name = "idle_keepalive", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "2m", .min = 0,
                   .max = INT64_C(86400000000),
                   .help = "How often a client in IDLE hears that we are still here, so that no "
                           "router forgets the connection; 0: never"),
};

static const struct mansio_metric imap_metrics[] = {
    [IMAP_METRIC_LOGINS] = MANSIO_METRIC(.name = "logins", .type = MANSIO_METRIC_COUNTER,
                                         .help = "Sessions that logged in."),
    [IMAP_METRIC_LOGIN_FAILURES] =
        MANSIO_METRIC(.name = "login_failures", .type = MANSIO_METRIC_COUNTER,
                      .help = "Logins that were refused or could not be judged."),
    [IMAP_METRIC_COMMANDS] = MANSIO_METRIC(.name = "commands", .type = MANSIO_METRIC_COUNTER,
                                           .help = "Commands, bad ones too."),
    [IMAP_METRIC_BAD_COMMANDS] =
        MANSIO_METRIC(.name = "bad_commands", .type = MANSIO_METRIC_COUNTER,
                      .help = "Commands that were unknown, misplaced or malformed."),
    [IMAP_METRIC_FAILED_COMMANDS] =
        MANSIO_METRIC(.name = "failed_commands", .type = MANSIO_METRIC_COUNTER,
                      .help = "Commands that a step on our side refused or failed."),
};

static const struct mansio_protocol imap_protocol = {
    .size = sizeof imap_protocol,
    .service = "imap",
    .serve = imap_serve,
    .goodbye = imap_goodbye,
};

/* What stands in a line of ours must not break it, nor pass for a response code. */
static int check_text(const struct mansio_settings *settings, const char *name)
{
    struct mansio_str text = mansio_settings_str(settings, name);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || c >= 0x7f || (i == 0 && c == '[')) {
            return mansio_settings_fail(settings, name,
                                        "expected printable ASCII, and no '[' at its begin");
        }
    }
    return 0;
}

static int check_texts(struct mansio_instance *instance)
{
    const struct mansio_settings *settings = mansio_instance_settings(instance);
    int rc = check_text(settings, "greeting");
    return rc < 0 ? rc : check_text(settings, "id_name");
}

static int imap_load(struct mansio_instance *instance)
{
    int rc = check_texts(instance);
    return rc < 0 ? rc
                  : mansio_interface_provide(instance, MANSIO_PROTOCOL, MANSIO_PROTOCOL_VERSION,
                                             &imap_protocol);
}

static int imap_start(struct mansio_instance *instance, uint32_t role)
{
    if (role != MANSIO_ROLE_WORKER) {
        return 0;
    }
    struct imap_module *module =
        mansio_arena_alloc(mansio_instance_arena(instance), sizeof *module);
    module->instance = instance;
    mansio_instance_set_data(instance, module);
    return 0;
}

/* Nothing runs beside sessions, and those the core asks to stop: no drain() is needed. */
MANSIO_MODULE("imap", "1.0", "", .summary = "IMAP: mail is read where it is kept.",
              .settings = imap_settings, .setting_count = MANSIO_COUNT(imap_settings),
              .metrics = imap_metrics, .metric_count = MANSIO_COUNT(imap_metrics),
              .load = imap_load, .start = imap_start);
