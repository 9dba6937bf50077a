/*
 * smtp: receives mail, as the host that a domain's MX records name (RFC 5321), from another mail
 * system behind it (LMTP, RFC 2033), or from the people who write it (RFC 6409). This file has the
 * descriptor, the tables of settings and metrics, and the instance's life; session.c begins the
 * dialogue.
 */
#include "service.h"
#include "session.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <mansio/error.h>
#include <mansio/interface.h>
#include <mansio/mail.h>
#include <mansio/protocol.h>
#include <mansio/str.h>

static const char *const MODES[] = {"mx", "lmtp", "submission", NULL};
static const char *const FAILURES[] = {"defer", "accept", NULL};
static const char *const TLS_WORDS[] = {"optional", "required", NULL};

#define LIVE(setting_name, setting_type, ...)                                                      \
    MANSIO_SETTING(.name = setting_name, .type = setting_type, .flags = MANSIO_SETTING_LIVE,       \
                   __VA_ARGS__)

static const struct mansio_setting SETTINGS[] = {
    MANSIO_SETTING(.name = "mode", .type = MANSIO_SETTING_CHOICE, .choices = MODES,
                   .default_text = "mx",
                   .help = "mx: SMTP from other hosts; lmtp: LMTP from a mail system of yours; "
                           "submission: mail that people send, once they are logged in"),
    LIVE("hostname", MANSIO_SETTING_STRING, .max = SMTP_HOSTNAME_MAX,
         .help = "Our name in greetings and Received fields; empty: the machine's"),
    LIVE("tls", MANSIO_SETTING_CHOICE, .choices = TLS_WORDS, .default_text = "optional",
         .help = "required: no mail without TLS; not for a public MX (RFC 3207 4)"),
    LIVE("message_size_max", MANSIO_SETTING_SIZE, .default_text = "50M", .min = 65536,
         .max = INT64_C(1) << 40, .help = "Largest message; announced as SIZE"),
    LIVE("line_max", MANSIO_SETTING_SIZE, .default_text = "1000", .min = 1000, .max = 1 << 30,
         .help = "Longest line of a message, its CRLF included"),
    LIVE("command_line_max", MANSIO_SETTING_SIZE, .default_text = "4K", .min = 1024, .max = 65536,
         .help = "Longest command line, its CRLF included"),
    LIVE("login_failures", MANSIO_SETTING_INT, .unit = "failures", .default_text = "3", .min = 1,
         .max = 1000, .help = "Failed logins of a session before it is ended (submission)"),
    LIVE("login_timeout", MANSIO_SETTING_DURATION, .default_text = "5m", .min = 1 * MANSIO_SECOND,
         .max = 3600 * MANSIO_SECOND,
         .help = "How long a client may take in all until it is logged in (submission)"),
    LIVE("from_check", MANSIO_SETTING_BOOL, .default_text = "true",
         .help = "The addresses in From and Sender must be one's own, too (submission)"),
    LIVE("shared_senders", MANSIO_SETTING_BOOL, .default_text = "true",
         .help = "An address that leads to several accounts may be the sender of each of them "
                 "(submission)"),
    LIVE("path_space", MANSIO_SETTING_BOOL, .default_text = "true",
         .help = "Accept white space behind the colon of MAIL FROM: and RCPT TO:"),
    LIVE("recipients_max", MANSIO_SETTING_INT, .unit = "recipients", .default_text = "1000",
         .min = 100, .max = 10000, .help = "Recipients of one message"),
    LIVE("transactions_max", MANSIO_SETTING_INT, .unit = "transactions", .default_text = "100000",
         .min = 1, .max = 1000000, .help = "Messages of one session, successful or not"),
    LIVE("errors_max", MANSIO_SETTING_INT, .unit = "errors", .default_text = "20", .min = 1,
         .max = 100000,
         .help = "Errors of a client, unknown recipients among them in mode mx, before it is sent "
                 "away; a message that is accepted forgives them"),
    LIVE("unknown_commands_max", MANSIO_SETTING_INT, .unit = "commands", .default_text = "10",
         .min = 1, .max = 100000, .help = "Unknown commands before a client is sent away"),
    LIVE("received_max", MANSIO_SETTING_INT, .unit = "fields", .default_text = "100", .min = 10,
         .max = 10000, .help = "Received fields from which a message counts as looping"),
    LIVE("command_timeout", MANSIO_SETTING_DURATION, .default_text = "5m", .min = 1 * MANSIO_SECOND,
         .max = 3600 * MANSIO_SECOND, .help = "Waiting for a command (RFC 5321 4.5.3.2.7)"),
    LIVE("data_timeout", MANSIO_SETTING_DURATION, .default_text = "5m", .min = 1 * MANSIO_SECOND,
         .max = 3600 * MANSIO_SECOND, .help = "Waiting for more of a message"),
    LIVE("message_timeout", MANSIO_SETTING_DURATION, .default_text = "1h", .min = 1 * MANSIO_SECOND,
         .max = 86400 * MANSIO_SECOND, .help = "From the beginning of a message's text to its end"),
    LIVE("session_timeout", MANSIO_SETTING_DURATION, .default_text = "4h", .min = 1 * MANSIO_SECOND,
         .max = 86400 * MANSIO_SECOND,
         .help = "From the greeting to the end of a session; a message under way is finished"),
    LIVE("lookup_timeout", MANSIO_SETTING_DURATION, .default_text = "30s", .min = 1 * MANSIO_SECOND,
         .max = 600 * MANSIO_SECOND, .help = "Finding out about a recipient"),
    LIVE("delivery_timeout", MANSIO_SETTING_DURATION, .default_text = "100s",
         .min = 1 * MANSIO_SECOND, .max = 600 * MANSIO_SECOND,
         .help = "Committing a message; stay below 10 minutes (RFC 5321 4.5.3.2.6), in submission "
                 "below two (RFC 6409 5.3)"),
    MANSIO_SETTING(.name = "filters", .type = MANSIO_SETTING_LIST, .max = SMTP_FILTERS_MAX,
                   .help = "Instances that provide the interface filter, in the order of asking"),
    LIVE("filter_timeout", MANSIO_SETTING_DURATION, .default_text = "1m", .min = 1 * MANSIO_SECOND,
         .max = 600 * MANSIO_SECOND, .help = "For one answer of one filter"),
    LIVE("filter_failure", MANSIO_SETTING_CHOICE, .choices = FAILURES, .default_text = "defer",
         .help = "When a filter fails: defer (4yz), or accept and go on without it"),
};

static const struct mansio_metric METRICS[] = {
    [SMTP_MESSAGES_ACCEPTED] =
        MANSIO_METRIC(.name = "messages_accepted", .type = MANSIO_METRIC_COUNTER,
                      .help = "Messages that at least one mailbox holds."),
    [SMTP_MESSAGES_REJECTED] =
        MANSIO_METRIC(.name = "messages_rejected", .type = MANSIO_METRIC_COUNTER,
                      .help = "Messages refused for good after their text came."),
    [SMTP_MESSAGES_DEFERRED] =
        MANSIO_METRIC(.name = "messages_deferred", .type = MANSIO_METRIC_COUNTER,
                      .help = "Messages put off after their text came."),
    [SMTP_MESSAGES_DISCARDED] =
        MANSIO_METRIC(.name = "messages_discarded", .type = MANSIO_METRIC_COUNTER,
                      .help = "Messages that filters let be dropped."),
    [SMTP_RECIPIENTS_DELIVERED] =
        MANSIO_METRIC(.name = "recipients_delivered", .type = MANSIO_METRIC_COUNTER,
                      .help = "Recipients whose message is committed."),
    [SMTP_RECIPIENTS_SPOOLED] =
        MANSIO_METRIC(.name = "recipients_spooled", .type = MANSIO_METRIC_COUNTER,
                      .help = "Recipients elsewhere whose message is committed to the spool."),
    [SMTP_RECIPIENTS_UNKNOWN] =
        MANSIO_METRIC(.name = "recipients_unknown", .type = MANSIO_METRIC_COUNTER,
                      .help = "Recipients refused: no such address."),
    [SMTP_RECIPIENTS_NOT_OURS] =
        MANSIO_METRIC(.name = "recipients_not_ours", .type = MANSIO_METRIC_COUNTER,
                      .help = "Recipients refused: not a domain of ours."),
    [SMTP_RECIPIENTS_OVER_QUOTA] =
        MANSIO_METRIC(.name = "recipients_over_quota", .type = MANSIO_METRIC_COUNTER,
                      .help = "Recipients refused or put off: over quota."),
    [SMTP_RECIPIENTS_REFUSED] =
        MANSIO_METRIC(.name = "recipients_refused", .type = MANSIO_METRIC_COUNTER,
                      .help = "Recipients refused for other reasons."),
    [SMTP_RECIPIENTS_DEFERRED] =
        MANSIO_METRIC(.name = "recipients_deferred", .type = MANSIO_METRIC_COUNTER,
                      .help = "Recipients put off for other reasons."),
    [SMTP_CONTENT_FAULTS] =
        MANSIO_METRIC(.name = "content_faults", .type = MANSIO_METRIC_COUNTER,
                      .help = "Messages refused: bare CR or LF, NUL, over-long line."),
    [SMTP_LOOPS] = MANSIO_METRIC(.name = "loops", .type = MANSIO_METRIC_COUNTER,
                                 .help = "Messages or recipients refused: mail loop."),
    [SMTP_ERRORS] = MANSIO_METRIC(.name = "errors", .type = MANSIO_METRIC_COUNTER,
                                  .help = "Commands that clients got wrong."),
    [SMTP_FILTER_FAILURES] = MANSIO_METRIC(.name = "filter_failures", .type = MANSIO_METRIC_COUNTER,
                                           .help = "Answers that filters failed to give."),
    [SMTP_STARTTLS] = MANSIO_METRIC(.name = "starttls", .type = MANSIO_METRIC_COUNTER,
                                    .help = "Sessions that went over to TLS."),
    [SMTP_LOGINS] = MANSIO_METRIC(.name = "logins", .type = MANSIO_METRIC_COUNTER,
                                  .help = "Sessions that somebody logged in to."),
    [SMTP_LOGIN_FAILURES] = MANSIO_METRIC(.name = "login_failures", .type = MANSIO_METRIC_COUNTER,
                                          .help = "Logins refused for wrong credentials."),
    [SMTP_SENDERS_REFUSED] =
        MANSIO_METRIC(.name = "senders_refused", .type = MANSIO_METRIC_COUNTER,
                      .help = "Messages refused since their sender is somebody else."),
    [SMTP_REPAIRS] = MANSIO_METRIC(.name = "messages_repaired", .type = MANSIO_METRIC_COUNTER,
                                   .help = "Messages whose header was completed or cut."),
    [SMTP_REPORTS] = MANSIO_METRIC(.name = "reports", .type = MANSIO_METRIC_COUNTER,
                                   .help = "Reports of delivery (RFC 3461) given to senders."),
    [SMTP_REPORTS_LOST] = MANSIO_METRIC(.name = "reports_lost", .type = MANSIO_METRIC_COUNTER,
                                        .help = "Reports of delivery that could not be given."),
    [SMTP_RECEIVED_BYTES] =
        MANSIO_METRIC(.name = "received_bytes", .type = MANSIO_METRIC_COUNTER, .unit = "bytes",
                      .help = "Bytes of messages, accepted or not."),
    [SMTP_MESSAGE_BYTES] = MANSIO_METRIC(.name = "message_bytes", .type = MANSIO_METRIC_HISTOGRAM,
                                         .unit = "bytes", .help = "Sizes of accepted messages."),
    [SMTP_DELIVERY_SECONDS] =
        MANSIO_METRIC(.name = "delivery_seconds", .type = MANSIO_METRIC_HISTOGRAM,
                      .unit = "seconds", .help = "From a message's last byte to its commit."),
};

_Static_assert(MANSIO_COUNT(METRICS) == SMTP_METRIC_COUNT, "a row for each metric");

/* ---- settings ------------------------------------------------------------------------------- */

static uint32_t read_u32(const struct mansio_settings *settings, const char *name)
{
    return (uint32_t)mansio_settings_int(settings, name); /* the table's range fits */
}

/* The name that is set, else the machine's: it must be a domain. */
static int read_hostname(const struct mansio_settings *settings, struct smtp_options *out)
{
    struct mansio_str name = mansio_settings_str(settings, "hostname");
    int is_ours = name.len > 0;

    if (is_ours) {
        memcpy(out->hostname, name.ptr, name.len);
    } else if (gethostname(out->hostname, sizeof out->hostname - 1) < 0) {
        return mansio_fail(MANSIO_E_IO, "gethostname: %s", strerror(errno));
    }
    MANSIO_SCRATCH_BEGIN(scratch);
    struct mansio_str normal = MANSIO_STR_NONE;
    int rc = mansio_domain_normalize(scratch, mansio_str_from_cstr(out->hostname), &normal);
    if (rc == 0 && normal.len < sizeof out->hostname) {
        memcpy(out->hostname, normal.ptr, normal.len);
        out->hostname[normal.len] = '\0';
    } else {
        rc = mansio_settings_fail(settings, "hostname", "found \"%s\"%s, expected a domain name",
                                  out->hostname, is_ours ? "" : ", the machine's name");
    }
    MANSIO_SCRATCH_END(scratch);
    return rc;
}

int smtp_options_read(struct mansio_instance *instance, struct smtp_options *out)
{
    const struct mansio_settings *settings = mansio_instance_settings(instance);
    struct smtp_options options = {
        .mode = read_u32(settings, "mode"),
        .is_tls_required = read_u32(settings, "tls"),
        .may_space_path = read_u32(settings, "path_space"),
        .filter_failure = read_u32(settings, "filter_failure"),
        .message_bytes_max = (uint64_t)mansio_settings_int(settings, "message_size_max"),
        .line_max = (uint64_t)mansio_settings_int(settings, "line_max"),
        .command_max = (uint64_t)mansio_settings_int(settings, "command_line_max"),
        .recipients_max = read_u32(settings, "recipients_max"),
        .transactions_max = read_u32(settings, "transactions_max"),
        .errors_max = read_u32(settings, "errors_max"),
        .unknown_max = read_u32(settings, "unknown_commands_max"),
        .received_max = read_u32(settings, "received_max"),
        .login_failures_max = read_u32(settings, "login_failures"),
        .is_from_checked = read_u32(settings, "from_check"),
        .may_share_senders = read_u32(settings, "shared_senders"),
        .command_us = mansio_settings_int(settings, "command_timeout"),
        .data_us = mansio_settings_int(settings, "data_timeout"),
        .message_us = mansio_settings_int(settings, "message_timeout"),
        .login_us = mansio_settings_int(settings, "login_timeout"),
        .session_us = mansio_settings_int(settings, "session_timeout"),
        .lookup_us = mansio_settings_int(settings, "lookup_timeout"),
        .delivery_us = mansio_settings_int(settings, "delivery_timeout"),
        .filter_us = mansio_settings_int(settings, "filter_timeout"),
    };
    int rc = read_hostname(settings, &options);
    if (rc == 0) {
        *out = options;
    }
    return rc;
}

/* ---- life ----------------------------------------------------------------------------------- */

/* One a mode: they differ in the name that policy knows. */
#define PROTOCOL(service_name)                                                                     \
    {                                                                                              \
        .size = sizeof(struct mansio_protocol), .service = (service_name), .serve = smtp_serve,    \
        .goodbye = smtp_goodbye                                                                    \
    }

static const struct mansio_protocol RECEIVING = PROTOCOL("smtp");
static const struct mansio_protocol SUBMITTING = PROTOCOL("submission");

static int smtp_load(struct mansio_instance *instance)
{
    struct smtp_service *service =
        mansio_arena_alloc(mansio_instance_arena(instance), sizeof *service);
    int rc = smtp_options_read(instance, &service->options);

    if (rc < 0) {
        return rc;
    }
    service->instance = instance;
    mansio_instance_set_data(instance, service);
    return mansio_interface_provide(
        instance, MANSIO_PROTOCOL, MANSIO_PROTOCOL_VERSION,
        smtp_mode_rules(service->options.mode)->wants_login ? &SUBMITTING : &RECEIVING);
}

static int smtp_start(struct mansio_instance *instance, uint32_t role)
{
    struct smtp_service *service = mansio_instance_data(instance);
    const struct mansio_settings *settings = mansio_instance_settings(instance);

    if (role != MANSIO_ROLE_WORKER) {
        return 0; /* no listeners there, so nobody to ask filters for */
    }
    for (size_t i = 0; i < mansio_settings_count(settings, "filters"); i++) {
        struct smtp_filter_use *use = &service->filters[i];
        int rc = mansio_interface_get(instance, MANSIO_FILTER, MANSIO_FILTER_VERSION,
                                      mansio_settings_item(settings, "filters", i), &use->table,
                                      sizeof use->table, &use->instance);
        if (rc < 0) {
            return rc;
        }
        service->filter_count = i + 1;
    }
    return 0;
}

static int smtp_reconfigure(struct mansio_instance *instance)
{
    struct smtp_service *service = mansio_instance_data(instance);

    return smtp_options_read(instance, &service->options);
}

/* Sessions are the core's to drain; fibers of its own the module has none. */
MANSIO_MODULE("smtp", "1.0", "", .summary = "Receives mail: SMTP for MX hosts, LMTP, submission.",
              .settings = SETTINGS, .setting_count = MANSIO_COUNT(SETTINGS), .metrics = METRICS,
              .metric_count = MANSIO_COUNT(METRICS), .load = smtp_load, .start = smtp_start,
              .reconfigure = smtp_reconfigure);
