/*
 * Items of the queue: found by what a command line says, made JSON. See queue.h.
 */
#include "core/ctl/queue.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/ctl/admin.h"
#include "core/ctl/fields.h"
#include "core/ctl/when.h"
#include <mansio/error.h>
#include <mansio/mail.h>
#include <mansio/str.h>
#include <mansio/time.h>

static const char *const states[] = {
    [CORE_CTL_QUEUE_DUE] = "due",
    [CORE_CTL_QUEUE_WAITING] = "waiting",
    [CORE_CTL_QUEUE_SENDING] = "sending",
    [CORE_CTL_QUEUE_HELD] = "held",
};

/* What a visit is handed through. */
struct visiting {
    const struct core_ctl_queue *queue;
    core_ctl_queue_fn visit;
    void *arg;
    size_t store;
};

static int read_ids(const char *operand, struct core_ctl_queue *out)
{
    struct mansio_str rest = mansio_str_from_cstr(operand), word;
    while (mansio_str_split(&rest, ' ', &word)) {
        if (word.len == 0) {
            continue;
        }
        if (out->id_count == CORE_CTL_QUEUE_IDS_MAX) {
            return mansio_fail(MANSIO_E_INVALID, "at most %d ids at once", CORE_CTL_QUEUE_IDS_MAX);
        }
        if (mansio_parse_u64(word, INT64_MAX, &out->ids[out->id_count]) < 0) {
            return mansio_fail(MANSIO_E_INVALID, "%.*s: no id of the queue", MANSIO_STR_ARG(word));
        }
        out->id_count++;
    }
    return 0;
}

static int read_state(const char *text, struct core_ctl_queue *out)
{
    if (text == NULL) {
        return 0;
    }
    for (size_t i = CORE_CTL_QUEUE_DUE; i < MANSIO_COUNT(states); i++) {
        if (strcmp(text, states[i]) == 0) {
            out->state = (enum core_ctl_queue_state)i;
            return 0;
        }
    }
    return mansio_fail(MANSIO_E_INVALID, "--state %s: expected due, waiting, sending or held",
                       text);
}

/* A time, or for how long: "2h" is what has been there for two hours. */
static int read_older(const char *text, struct core_ctl_queue *out)
{
    int64_t time_us = 0;
    if (text == NULL) {
        return 0;
    }
    struct mansio_str when = mansio_str_from_cstr(text);
    int rc = core_ctl_time_parse(when, &out->before_us);
    if (rc < 0) {
        rc = core_ctl_when_parse(when, 0, &time_us);
        out->before_us = out->now_us - time_us;
    }
    return rc < 0 ? mansio_fail(MANSIO_E_INVALID,
                                "--older %s: expected how long (30m, 2h, 3d), or a time", text)
                  : 0;
}

int core_ctl_queue_read(struct core_ctl *ctl, const struct core_ctl_args *args,
                        struct core_ctl_queue *out)
{
    int rc = args->operand != NULL ? read_ids(args->operand, out) : 0;
    out->tenant = core_ctl_option(args, "--tenant");
    out->sender = core_ctl_option(args, "--sender");
    out->recipient = core_ctl_option(args, "--recipient");
    out->domain = core_ctl_option(args, "--domain");
    out->reply = core_ctl_option(args, "--reply");
    out->now_us = mansio_wall_us();
    rc = rc < 0 ? rc : read_state(core_ctl_option(args, "--state"), out);
    rc = rc < 0 ? rc : read_older(core_ctl_option(args, "--older"), out);
    out->is_filtered = out->tenant != NULL || out->sender != NULL || out->recipient != NULL ||
                       out->domain != NULL || out->reply != NULL || out->before_us != 0 ||
                       out->state != CORE_CTL_QUEUE_ANY;
    if (rc == 0 && out->id_count > 0 && out->is_filtered) {
        return mansio_fail(MANSIO_E_INVALID, "%s: ids, or what to look for, not both",
                           args->command->words);
    }
    if (rc == 0 && out->domain != NULL &&
        mansio_domain_normalize(ctl->arena, mansio_str_from_cstr(out->domain),
                                &out->domain_normal) < 0) {
        return mansio_fail(MANSIO_E_INVALID, "--domain %s: no name of a domain", out->domain);
    }
    return rc;
}

/* "" and "<>" are the null reverse path. */
static int is_same_path(struct mansio_str path, const char *text)
{
    struct mansio_str wanted = mansio_str_from_cstr(text);
    return mansio_str_ieq(path, mansio_str_eq(wanted, MANSIO_STR("<>")) ? MANSIO_STR("") : wanted);
}

struct mansio_str core_ctl_queue_domain(const struct mansio_spool_item *item)
{
    struct mansio_str path = item->forward_path;
    size_t at = path.len;
    while (at > 0 && path.ptr[at - 1] != '@') {
        at--;
    }
    return mansio_str_sub(path, at, SIZE_MAX);
}

enum core_ctl_queue_state core_ctl_queue_state(const struct mansio_spool_item *item, int64_t now_us)
{
    return item->fence != 0             ? CORE_CTL_QUEUE_SENDING
           : item->next_us == INT64_MAX ? CORE_CTL_QUEUE_HELD
           : item->next_us <= now_us    ? CORE_CTL_QUEUE_DUE
                                        : CORE_CTL_QUEUE_WAITING;
}

static int has_words(struct mansio_str text, const char *words)
{
    struct mansio_str wanted = mansio_str_from_cstr(words);
    for (size_t i = 0; i + wanted.len <= text.len; i++) {
        if (mansio_str_ieq(mansio_str_sub(text, i, wanted.len), wanted)) {
            return 1;
        }
    }
    return 0;
}

static int is_meant(const struct core_ctl_queue *queue, const struct mansio_spool_item *item)
{
    for (size_t i = 0; i < queue->id_count; i++) {
        if (queue->ids[i] == item->id) {
            return 1;
        }
    }
    struct mansio_str domain = core_ctl_queue_domain(item);
    return queue->id_count == 0 &&
           (queue->sender == NULL || is_same_path(item->reverse_path, queue->sender)) &&
           (queue->recipient == NULL || is_same_path(item->forward_path, queue->recipient)) &&
           (queue->domain == NULL || mansio_str_ieq(domain, mansio_str_from_cstr(queue->domain)) ||
            mansio_str_ieq(domain, queue->domain_normal)) &&
           (queue->reply == NULL || has_words(item->last_reply, queue->reply)) &&
           (queue->before_us == 0 || item->spooled_us < queue->before_us) &&
           (queue->state == CORE_CTL_QUEUE_ANY ||
            queue->state == core_ctl_queue_state(item, queue->now_us));
}

static int on_item(void *arg, const struct mansio_spool_item *item)
{
    struct visiting *visiting = arg;
    return is_meant(visiting->queue, item) ? visiting->visit(visiting->arg, visiting->store, item)
                                           : 0;
}

int core_ctl_queue_visit(struct core_ctl *ctl, const struct core_ctl_queue *queue,
                         core_ctl_queue_fn visit, void *arg)
{
    const struct core_ctl_admin *admin = ctl->admin;
    struct visiting visiting = {.queue = queue, .visit = visit, .arg = arg};
    int rc = 0;
    if (admin->store_count == 0) {
        return mansio_fail(MANSIO_E_UNSUPPORTED, "the configuration has no store with a queue");
    }
    for (size_t i = 0; rc == 0 && i < admin->store_count; i++) {
        visiting.store = i;
        rc = admin->stores[i].spool_list(
            admin->store_instances[i],
            queue->tenant != NULL ? mansio_str_from_cstr(queue->tenant) : MANSIO_STR_NONE, on_item,
            &visiting, core_ctl_deadline(ctl, CORE_CTL_STEP_US));
    }
    return rc;
}

/* ---- JSON ---------------------------------------------------------------------------------------
 */

static void set_text(struct mansio_arena *arena, json_t *out, const char *name,
                     struct mansio_str text)
{
    if (text.len > 0) {
        json_object_set_new(out, name, core_ctl_text_json(arena, text));
    }
}

static void set_time(json_t *out, const char *name, int64_t wall_us)
{
    char text[MANSIO_TIME_RFC3339_MAX];
    (void)mansio_time_rfc3339(wall_us, text);
    json_object_set_new(out, name, json_string(text));
}

/* An id is text: 63 bits are more than the numbers of some who read JSON. */
json_t *core_ctl_queue_json(struct mansio_arena *arena, const struct mansio_spool_item *item,
                            int64_t now_us)
{
    json_t *out = json_object();
    char id[24];
    (void)snprintf(id, sizeof id, "%" PRIu64, item->id);
    json_object_set_new(out, "id", json_string(id));
    json_object_set_new(out, "state", json_string(states[core_ctl_queue_state(item, now_us)]));
    set_text(arena, out, "tenant", item->tenant);
    json_object_set_new(out, "sender", core_ctl_text_json(arena, item->reverse_path));
    set_text(arena, out, "recipient", item->forward_path);
    set_text(arena, out, "original_recipient", item->original_recipient);
    set_text(arena, out, "envelope_id", item->envelope_id);
    set_text(arena, out, "ret", item->ret);
    set_text(arena, out, "notify", item->notify);
    json_object_set_new(out, "bytes", json_integer((json_int_t)item->message_bytes));
    json_object_set_new(out, "8bit", json_boolean((item->flags & MANSIO_PLAN_8BIT) != 0));
    json_object_set_new(out, "smtputf8", json_boolean((item->flags & MANSIO_PLAN_UTF8) != 0));
    set_time(out, "spooled", item->spooled_us);
    json_object_set_new(out, "age", json_integer((now_us - item->spooled_us) / MANSIO_SECOND));
    if (item->next_us != INT64_MAX) {
        set_time(out, "next", item->next_us);
    }
    json_object_set_new(out, "attempts", json_integer(item->attempts));
    set_text(arena, out, "last_reply", item->last_reply);
    return out;
}
