/*
 * A delivery status notification from facts on standard input, for report_test: lines "key=value",
 * "%XX" for bytes that a line can't hold; "recipient=ADDRESS" begins one, and what follows is about
 * it. The report goes to standard output, its flags to standard error.
 */
#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/report.h>
#include <mansio/str.h>

#include <stdio.h>
#include <string.h>

enum { LINE_MAX_BYTES = 1 << 20, RECIPIENTS_MAX = 16 };

static struct mansio_report_recipient recipients[RECIPIENTS_MAX];
static struct mansio_report report = {.size = sizeof report, .recipients = recipients};

static const struct {
    struct mansio_str name;
    struct mansio_str *value;
} REPORT_TEXTS[] = {
    {MANSIO_STR("hostname"), &report.hostname}, {MANSIO_STR("id"), &report.id},
    {MANSIO_STR("from"), &report.reverse_path}, {MANSIO_STR("envid"), &report.envelope_id},
    {MANSIO_STR("ret"), &report.ret},           {MANSIO_STR("message"), &report.message},
};

static const struct {
    struct mansio_str name;
    size_t offset;
} RECIPIENT_TEXTS[] = {
    {MANSIO_STR("original"), offsetof(struct mansio_report_recipient, original)},
    {MANSIO_STR("status"), offsetof(struct mansio_report_recipient, status)},
    {MANSIO_STR("remote"), offsetof(struct mansio_report_recipient, remote)},
    {MANSIO_STR("reply"), offsetof(struct mansio_report_recipient, reply)},
    {MANSIO_STR("reason"), offsetof(struct mansio_report_recipient, reason)},
    {MANSIO_STR("log_id"), offsetof(struct mansio_report_recipient, log_id)},
};

static int64_t number(struct mansio_str value)
{
    int64_t out = 0;

    if (mansio_parse_i64(value, 0, INT64_MAX, &out) < 0) {
        (void)fprintf(stderr, "%.*s: no number\n", MANSIO_STR_ARG(value));
    }
    return out;
}

static struct mansio_str decode(struct mansio_arena *arena, struct mansio_str value)
{
    char *out = mansio_arena_try_alloc(arena, value.len + 1);
    size_t length = 0;

    for (size_t i = 0; i < value.len; i++) {
        uint64_t byte = 0;

        if (value.ptr[i] == '%' &&
            mansio_parse_hex(mansio_str_sub(value, i + 1, 2), 255, &byte) == 0) {
            out[length++] = (char)byte;
            i += 2;
        } else {
            out[length++] = value.ptr[i];
        }
    }
    return (struct mansio_str){out, length};
}

static int set(struct mansio_str name, struct mansio_str value)
{
    struct mansio_report_recipient *recipient =
        &recipients[report.recipient_count > 0 ? report.recipient_count - 1 : 0];

    for (size_t i = 0; i < MANSIO_COUNT(REPORT_TEXTS); i++) {
        if (mansio_str_eq(name, REPORT_TEXTS[i].name)) {
            *REPORT_TEXTS[i].value = value;
            return 0;
        }
    }
    for (size_t i = 0; i < MANSIO_COUNT(RECIPIENT_TEXTS); i++) {
        if (mansio_str_eq(name, RECIPIENT_TEXTS[i].name)) {
            memcpy((char *)recipient + RECIPIENT_TEXTS[i].offset, &value, sizeof value);
            return 0;
        }
    }
    if (mansio_str_eq(name, MANSIO_STR("recipient")) && report.recipient_count < RECIPIENTS_MAX) {
        recipients[report.recipient_count++] =
            (struct mansio_report_recipient){.size = sizeof *recipients, .address = value};
    } else if (mansio_str_eq(name, MANSIO_STR("action"))) {
        recipient->action = (uint32_t)number(value);
    } else if (mansio_str_eq(name, MANSIO_STR("last"))) {
        recipient->last_attempt_us = number(value);
    } else if (mansio_str_eq(name, MANSIO_STR("until"))) {
        recipient->retry_until_us = number(value);
    } else if (mansio_str_eq(name, MANSIO_STR("flags"))) {
        report.flags = (uint32_t)number(value);
    } else if (mansio_str_eq(name, MANSIO_STR("max"))) {
        report.returned_bytes_max = (uint64_t)number(value);
    } else if (mansio_str_eq(name, MANSIO_STR("arrived"))) {
        report.arrived_us = number(value);
    } else if (mansio_str_eq(name, MANSIO_STR("now"))) {
        report.now_us = number(value);
    } else {
        (void)fprintf(stderr, "%.*s: no fact\n", MANSIO_STR_ARG(name));
        return 1;
    }
    return 0;
}

static void put(struct mansio_str text)
{
    (void)fwrite(text.ptr, 1, text.len, stdout);
}

int main(void)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "dump", 0);
    struct mansio_report_text text = {.size = sizeof text};
    char *line = mansio_arena_try_alloc(arena, LINE_MAX_BYTES);
    int rc = 0;

    while (line != NULL && rc == 0 && fgets(line, LINE_MAX_BYTES, stdin) != NULL) {
        struct mansio_str name;
        struct mansio_str rest = {line, strcspn(line, "\n")};

        if (mansio_str_split(&rest, '=', &name)) {
            rc = set(name, decode(arena, rest));
        }
    }
    report.message_bytes = report.message.len;
    if (rc == 0) {
        rc = mansio_report_compose(arena, &report, &text);
    }
    if (rc != 0) {
        (void)fprintf(stderr, "%s: %s\n", mansio_error_name(rc), mansio_error_detail());
    } else {
        put(text.head);
        put(mansio_str_sub(report.message, 0, text.returned_bytes));
        put(text.tail);
        (void)fprintf(stderr, "%u\n", text.flags);
    }
    mansio_arena_free(arena);
    return rc == 0 ? 0 : 1;
}
