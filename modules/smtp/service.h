/*
 * The module's state of one instance: its settings in the form that code asks for, its filters, and
 * the rows of its metrics table.
 */
#ifndef MANSIO_MODULES_SMTP_SERVICE_H
#define MANSIO_MODULES_SMTP_SERVICE_H

#include "mode.h"

#include <mansio/filter.h>
#include <mansio/module.h>

enum {
    SMTP_FILTERS_MAX = 16,
    SMTP_HOSTNAME_MAX = 255, /* RFC 5321 4.5.3.1.2 */
};

/* What to do about a filter that fails; order of the setting's choices. */
enum smtp_filter_failure {
    SMTP_FILTER_DEFER = 0,
    SMTP_FILTER_ACCEPT = 1,
};

/* The settings; replaced whole by reconfigure(), so: copy what must stay the same over a yield. */
struct smtp_options {
    uint32_t mode; /* enum smtp_mode */
    uint32_t is_tls_required;
    uint32_t may_space_path;
    uint32_t filter_failure; /* enum smtp_filter_failure */
    uint64_t message_bytes_max;
    uint64_t line_max, command_max; /* bytes, CRLF included */
    uint32_t recipients_max, transactions_max, errors_max, unknown_max, received_max;
    uint32_t login_failures_max, may_share_senders, is_from_checked;
    int64_t command_us, data_us, message_us, session_us, login_us, lookup_us, delivery_us,
        filter_us;
    char hostname[SMTP_HOSTNAME_MAX + 1];
};

struct smtp_filter_use {
    struct mansio_filter table;
    struct mansio_instance *instance;
};

struct smtp_service {
    struct mansio_instance *instance;
    struct smtp_options options;
    struct smtp_filter_use filters[SMTP_FILTERS_MAX];
    size_t filter_count;
};

/* Rows of the metrics table. */
enum smtp_metric {
    SMTP_MESSAGES_ACCEPTED,
    SMTP_MESSAGES_REJECTED,
    SMTP_MESSAGES_DEFERRED,
    SMTP_MESSAGES_DISCARDED,
    SMTP_RECIPIENTS_DELIVERED,
    SMTP_RECIPIENTS_SPOOLED,
    SMTP_RECIPIENTS_UNKNOWN,
    SMTP_RECIPIENTS_NOT_OURS,
    SMTP_RECIPIENTS_OVER_QUOTA,
    SMTP_RECIPIENTS_REFUSED,
    SMTP_RECIPIENTS_DEFERRED,
    SMTP_CONTENT_FAULTS,
    SMTP_LOOPS,
    SMTP_ERRORS,
    SMTP_FILTER_FAILURES,
    SMTP_STARTTLS,
    SMTP_LOGINS,
    SMTP_LOGIN_FAILURES,
    SMTP_SENDERS_REFUSED,
    SMTP_REPAIRS,
    SMTP_REPORTS,
    SMTP_REPORTS_LOST,
    SMTP_RECEIVED_BYTES,
    SMTP_MESSAGE_BYTES,
    SMTP_DELIVERY_SECONDS,
    SMTP_METRIC_COUNT,
};

/* Read the settings: 0; MANSIO_E_INVALID with the place in the file. */
int smtp_options_read(struct mansio_instance *instance, struct smtp_options *out);

#endif
