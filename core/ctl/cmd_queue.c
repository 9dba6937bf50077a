/*
 * Commands about the queue: list, show, and what changes it. They work on the stores' spools in
 * this process, so the daemon need not run; if it does, it learns of a retry by a hint, and what it
 * is sending right now is left alone.
 */
#include "core/ctl/admin.h"
#include "core/ctl/ctl.h"
#include "core/ctl/fields.h"
#include "core/ctl/queue.h"
#include "core/ctl/show.h"
#include "core/ctl/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum {
    LIST_LIMIT = 10000, /* unless --limit says otherwise: a queue may have millions */
    LIST_LIMIT_MAX = 10000000,
    ITEM_CAP = 1 << 16,       /* working memory for one item's JSON */
    HEADER_MAX = 64 * 1024,   /* bytes that are looked at for the message's header */
    SLICE_BYTES = 256 * 1024, /* of a message, at once */
    DEEDS_CAP = 1 << 30,      /* what is remembered of items that are to be changed */
    SHOWN_CAP = 8 * 64 * 1024 /* a header, escaped */
};

static const struct core_ctl_field list_fields[] = {
    {"ID", "id", CORE_CTL_TEXT},         {"TENANT", "tenant", CORE_CTL_TEXT},
    {"SENDER", "sender", CORE_CTL_TEXT}, {"RECIPIENT", "recipient", CORE_CTL_TEXT},
    {"SIZE", "bytes", CORE_CTL_BYTES},   {"AGE", "age", CORE_CTL_DURATION},
    {"STATE", "state", CORE_CTL_TEXT},   {"ATTEMPTS", "attempts", CORE_CTL_COUNT},
    {"NEXT", "next", CORE_CTL_TIME},     {"LAST REPLY", "last_reply", CORE_CTL_TEXT},
};

static const struct core_ctl_field show_fields[] = {
    {"id", "id", CORE_CTL_TEXT},
    {"state", "state", CORE_CTL_TEXT},
    {"tenant", "tenant", CORE_CTL_TEXT},
    {"sender", "sender", CORE_CTL_TEXT},
    {"recipient", "recipient", CORE_CTL_TEXT},
    {"original recipient", "original_recipient", CORE_CTL_TEXT},
    {"envelope id", "envelope_id", CORE_CTL_TEXT},
    {"returned", "ret", CORE_CTL_TEXT},
    {"notify", "notify", CORE_CTL_TEXT},
    {"size", "bytes", CORE_CTL_BYTES},
    {"8 bit", "8bit", CORE_CTL_YES},
    {"UTF-8", "smtputf8", CORE_CTL_YES},
    {"spooled", "spooled", CORE_CTL_TIME},
    {"next", "next", CORE_CTL_TIME},
    {"attempts", "attempts", CORE_CTL_COUNT},
    {"last reply", "last_reply", CORE_CTL_TEXT},
};

/* ---- list ---------------------------------------------------------------------------------------
 */

struct listing {
    struct mansio_arena *arena; /* of one item, reset each time */
    json_t *rows;
    size_t limit, total;
    int64_t now_us;
    size_t store; /* of the last */
};

static int gather(void *arg, size_t store, const struct mansio_spool_item *item)
{
    struct listing *listing = arg;
    listing->total++;
    listing->store = store;
    if (json_array_size(listing->rows) == listing->limit) {
        return 0;
    }
    json_t *row = core_ctl_queue_json(listing->arena, item, listing->now_us);
    mansio_arena_reset(listing->arena);
    return json_array_append_new(listing->rows, row) == 0 ? 0 : MANSIO_E_LIMIT;
}

static int read_items(struct core_ctl *ctl, const struct core_ctl_queue *queue,
                      struct listing *listing)
{
    listing->arena = mansio_arena_new(ctl->arena, "ctl.queue", ITEM_CAP);
    listing->rows = json_array();
    listing->now_us = mansio_wall_us();
    int rc = core_ctl_queue_visit(ctl, queue, gather, listing);
    mansio_arena_free(listing->arena);
    return rc;
}

static int show_list(struct core_ctl *ctl, const struct listing *listing)
{
    if (ctl->is_json) {
        json_t *out = json_object();
        json_object_set(out, "items", listing->rows);
        json_object_set_new(out, "total", json_integer((json_int_t)listing->total));
        int rc = core_ctl_show_json(ctl, out);
        json_decref(out);
        return rc;
    }
    struct mansio_buf *out = mansio_buf_new(ctl->arena, CORE_CTL_SHOW_MAX);
    int rc = core_ctl_show_rows(ctl, out, list_fields, MANSIO_COUNT(list_fields), listing->rows);
    if (rc == CORE_CTL_OK) {
        rc = core_ctl_write(ctl, mansio_buf_str(out));
    }
    mansio_buf_release(out);
    return rc;
}

static int read_limit(const struct core_ctl_args *args, size_t *out)
{
    uint32_t limit = LIST_LIMIT;
    const char *text = core_ctl_option(args, "--limit");
    if (text != NULL &&
        (mansio_parse_u32(mansio_str_from_cstr(text), LIST_LIMIT_MAX, &limit) < 0 || limit == 0)) {
        return mansio_fail(MANSIO_E_INVALID, "--limit %s: expected 1 to %d", text, LIST_LIMIT_MAX);
    }
    *out = limit;
    return 0;
}

int core_ctl_cmd_queue_list(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    struct core_ctl_queue queue = {.id_count = 0};
    struct listing listing = {.rows = NULL};
    int rc = core_ctl_queue_read(ctl, args, &queue);
    if (rc == 0) {
        rc = read_limit(args, &listing.limit);
    }
    if (rc == 0) {
        rc = read_items(ctl, &queue, &listing);
    }
    size_t shown = json_array_size(listing.rows);
    int exit_code = rc < 0 ? core_ctl_failed(ctl, rc) : show_list(ctl, &listing);
    if (exit_code == CORE_CTL_OK && shown < listing.total) {
        core_ctl_error(ctl, "%zu of %zu are listed (see --limit)", shown, listing.total);
    }
    json_decref(listing.rows);
    return exit_code;
}

/* ---- show ---------------------------------------------------------------------------------------
 */

/* The header of a message: up to its first empty line, or what was read of it. */
static struct mansio_str header_of(struct mansio_str text)
{
    ptrdiff_t end = mansio_str_find(text, MANSIO_STR("\n\r\n"));
    ptrdiff_t bare = mansio_str_find(text, MANSIO_STR("\n\n"));
    if (end < 0 || (bare >= 0 && bare < end)) {
        end = bare;
    }
    return mansio_str_sub(text, 0, end < 0 ? text.len : (size_t)end + 1);
}

static int read_header(struct core_ctl *ctl, size_t store, uint64_t id, struct mansio_str *out)
{
    struct core_ctl_admin *admin = ctl->admin;
    struct mansio_str text = MANSIO_STR_NONE;
    if (admin->stores[store].spool_look == NULL) {
        return 0;
    }
    int rc = admin->stores[store].spool_look(admin->store_instances[store], id, 0, HEADER_MAX,
                                             ctl->arena, core_ctl_deadline(ctl, CORE_CTL_STEP_US),
                                             &text);
    *out = rc == 0 ? header_of(text) : MANSIO_STR_NONE;
    return rc;
}

static int show_item(struct core_ctl *ctl, json_t *row, struct mansio_str header)
{
    if (ctl->is_json) {
        json_object_set_new(row, "header", core_ctl_text_json(ctl->arena, header));
        return core_ctl_show_json(ctl, row);
    }
    struct mansio_buf *out = mansio_buf_new(ctl->arena, SHOWN_CAP);
    struct mansio_str line;
    core_ctl_show_object(out, show_fields, MANSIO_COUNT(show_fields), row);
    mansio_buf_add_char(out, '\n');
    while (mansio_str_split(&header, '\n', &line) && (line.len > 0 || header.ptr != NULL)) {
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
            line.len--;
        }
        while (line.len > 0 && line.ptr[0] == '\t') { /* a folded field */
            mansio_buf_add(out, MANSIO_STR("    "));
            line = (struct mansio_str){line.ptr + 1, line.len - 1};
        }
        core_ctl_escape(out, line);
        mansio_buf_add_char(out, '\n');
    }
    int rc = core_ctl_write(ctl, mansio_buf_str(out));
    mansio_buf_release(out);
    return rc;
}

/* All of a message, as it is: into a file, or for a program. */
static int write_message(struct core_ctl *ctl, size_t store, uint64_t id)
{
    const struct mansio_store *table = &ctl->admin->stores[store];
    struct mansio_arena *arena = mansio_arena_new(NULL, "ctl.message", 4 * SLICE_BYTES);
    struct mansio_str text = MANSIO_STR_NONE;
    uint64_t offset = 0;
    int exit_code = CORE_CTL_OK;
    int rc = table->spool_look != NULL ? 0 : MANSIO_E_UNSUPPORTED;
    while (rc == 0 && exit_code == CORE_CTL_OK) {
        mansio_arena_reset(arena);
        rc = table->spool_look(ctl->admin->store_instances[store], id, offset, SLICE_BYTES, arena,
                               core_ctl_deadline(ctl, CORE_CTL_STEP_US), &text);
        if (rc < 0 || text.len == 0) {
            break;
        }
        exit_code = core_ctl_write(ctl, text);
        offset += text.len;
    }
    mansio_arena_free(arena);
    return rc < 0 ? core_ctl_failed(ctl, rc) : exit_code;
}

int core_ctl_cmd_queue_show(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    struct core_ctl_queue queue = {.id_count = 0};
    struct listing listing = {.limit = 1};
    struct mansio_str header = MANSIO_STR_NONE;
    int rc = core_ctl_queue_read(ctl, args, &queue);
    if (rc == 0 && queue.id_count != 1) {
        rc = mansio_fail(MANSIO_E_INVALID, "queue show takes one id");
    }
    if (rc == 0) {
        rc = read_items(ctl, &queue, &listing);
    }
    if (rc == 0 && listing.total == 0) {
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "%s isn't in the queue", args->operand);
    }
    if (rc == 0 && core_ctl_option(args, "--message") != NULL) {
        json_decref(listing.rows);
        return write_message(ctl, listing.store, queue.ids[0]);
    }
    if (rc == 0) {
        rc = read_header(ctl, listing.store, queue.ids[0], &header);
    }
    int exit_code =
        rc < 0 ? core_ctl_failed(ctl, rc) : show_item(ctl, json_array_get(listing.rows, 0), header);
    json_decref(listing.rows);
    return exit_code;
}

/* ---- retry, delete, hold, release, bounce -------------------------------------------------------
 */

enum verb { RETRY, DELETE, HOLD, RELEASE, BOUNCE };

static const struct {
    const char *done;
    const char *action; /* in the audit log; NULL: it leaves no row */
} verbs[] = {
    [RETRY] = {"retried", NULL},    [DELETE] = {"deleted", "remove"}, [HOLD] = {"held", NULL},
    [RELEASE] = {"released", NULL}, [BOUNCE] = {"bounced", "bounce"},
};

/* An item that is to be changed. What a visitor is shown is gone when it returns, and it may not
 * wait: so the items are remembered first. */
struct deed {
    struct deed *next;
    size_t store;
    uint64_t id;
    struct mansio_str tenant;
    struct mansio_str before; /* JSON */
};

struct deeds {
    struct mansio_arena *arena;
    struct mansio_arena *work; /* of one item, reset each time */
    struct deed *first, **last;
    size_t count; /* those that are meant, also what is left alone */
    size_t held;  /* of a retry: left alone */
    enum verb verb;
    int64_t now_us;
};

static int remember(void *arg, size_t store, const struct mansio_spool_item *item)
{
    struct deeds *deeds = arg;
    int is_held = core_ctl_queue_state(item, deeds->now_us) == CORE_CTL_QUEUE_HELD;
    deeds->count++;
    if ((deeds->verb == RETRY && is_held) || (deeds->verb == RELEASE && !is_held)) {
        deeds->held += is_held;
        return 0;
    }
    struct deed *deed = mansio_arena_try_alloc(deeds->arena, sizeof *deed);
    int rc = deed != NULL ? mansio_arena_copy(deeds->arena, item->tenant, &deed->tenant)
                          : MANSIO_E_LIMIT;
    if (rc == 0 && verbs[deeds->verb].action != NULL) {
        json_t *json = core_ctl_queue_json(deeds->work, item, deeds->now_us);
        char *text = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII);
        rc = text != NULL
                 ? mansio_arena_copy(deeds->arena, mansio_str_from_cstr(text), &deed->before)
                 : MANSIO_E_LIMIT;
        free(text);
        json_decref(json);
        mansio_arena_reset(deeds->work);
    }
    if (rc < 0) {
        return rc;
    }
    deed->store = store;
    deed->id = item->id;
    *deeds->last = deed;
    deeds->last = &deed->next;
    return 0;
}

static int read_deeds(struct core_ctl *ctl, const struct core_ctl_args *args, struct deeds *deeds)
{
    struct core_ctl_queue queue = {.id_count = 0};
    int is_all = core_ctl_option(args, "--all") != NULL;
    int rc = core_ctl_queue_read(ctl, args, &queue);
    if (rc == 0 && is_all && (queue.id_count > 0 || queue.is_filtered)) {
        rc = mansio_fail(MANSIO_E_INVALID, "%s: --all is everything: nothing goes with it",
                         args->command->words);
    }
    if (rc == 0 && !is_all && queue.id_count == 0 && !queue.is_filtered) {
        rc = mansio_fail(MANSIO_E_INVALID,
                         "%s needs ids, or what to look for; --all is the whole queue",
                         args->command->words);
    }
    if (rc < 0) {
        return rc;
    }
    deeds->arena = mansio_arena_new(ctl->arena, "ctl.deeds", DEEDS_CAP);
    deeds->work = mansio_arena_new(ctl->arena, "ctl.deed", ITEM_CAP);
    deeds->last = &deeds->first;
    deeds->now_us = mansio_wall_us();
    rc = core_ctl_queue_visit(ctl, &queue, remember, deeds);
    if (rc == 0 && deeds->count < queue.id_count) {
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "%zu of %zu ids aren't in the queue: nothing is done",
                         queue.id_count - deeds->count, queue.id_count);
    }
    return rc;
}

/* The record comes first: what is gone without one could not be told of any more. Of an item that
 * the daemon began to send meanwhile there is one, though it stays. */
static int record(struct core_ctl *ctl, const struct core_ctl_args *args, const struct deed *deed,
                  enum verb verb)
{
    struct mansio_actor actor = core_ctl_actor(ctl, args);
    char id[24];
    int length = snprintf(id, sizeof id, "%" PRIu64, deed->id);
    const struct mansio_deed told = {
        .size = sizeof told,
        .action = mansio_str_from_cstr(verbs[verb].action),
        .kind = MANSIO_STR("spool"),
        .object = {id, (size_t)length},
        .tenant = deed->tenant,
        .before = deed->before,
    };
    return ctl->admin->directory.audit_add(ctl->admin->instance, &actor, &told,
                                           core_ctl_deadline(ctl, CORE_CTL_STEP_US));
}

static int change_item(const struct core_ctl_args *args, const struct mansio_store *store,
                       struct mansio_instance *pool, uint64_t id, uint32_t change,
                       int64_t deadline_us)
{
    return store->spool_change == NULL
               ? mansio_fail(MANSIO_E_UNSUPPORTED, "the store has no %s", args->command->words)
               : store->spool_change(pool, id, change, deadline_us);
}

static int act(struct core_ctl *ctl, const struct core_ctl_args *args, const struct deed *deed,
               enum verb verb)
{
    const struct mansio_store *store = &ctl->admin->stores[deed->store];
    struct mansio_instance *pool = ctl->admin->store_instances[deed->store];
    int64_t deadline_us = core_ctl_deadline(ctl, CORE_CTL_STEP_US);
    int rc = verbs[verb].action != NULL ? record(ctl, args, deed, verb) : 0;
    if (rc < 0) {
        return rc;
    }
    switch (verb) {
    case HOLD:
        return change_item(args, store, pool, deed->id, MANSIO_SPOOL_HOLD, deadline_us);
    case BOUNCE:
        return change_item(args, store, pool, deed->id, MANSIO_SPOOL_GIVE_UP, deadline_us);
    case DELETE:
        return store->spool_remove(pool, deed->id, deadline_us);
    case RETRY:
    case RELEASE:
    default:
        return store->spool_retry(pool, deed->id, deadline_us);
    }
}

/* What was given up is due: the schedulers are told once it all is, so that they claim it together
 * and a message with many recipients goes back in one report. To be told is no more than a hint. */
static void tell_schedulers(struct core_ctl *ctl, const struct deeds *deeds)
{
    for (const struct deed *deed = deeds->first; deed != NULL; deed = deed->next) {
        if (deed->next == NULL || deed->next->store != deed->store) {
            (void)!ctl->admin->stores[deed->store].spool_retry(
                ctl->admin->store_instances[deed->store], deed->id,
                core_ctl_deadline(ctl, CORE_CTL_STEP_US));
        }
    }
}

static int say_changed(struct core_ctl *ctl, const char *what, size_t done, size_t busy)
{
    int exit_code = CORE_CTL_OK;
    if (ctl->is_json) {
        json_t *out = json_object();
        json_object_set_new(out, "done", json_string(what));
        json_object_set_new(out, "items", json_integer((json_int_t)done));
        json_object_set_new(out, "busy", json_integer((json_int_t)busy));
        exit_code = core_ctl_show_json(ctl, out);
        json_decref(out);
    }
    if (exit_code == CORE_CTL_OK && busy > 0) {
        core_ctl_error(ctl, "%zu being sent right now: left alone", busy);
        return CORE_CTL_BUSY;
    }
    return exit_code;
}

static int change(struct core_ctl *ctl, const struct core_ctl_args *args, enum verb verb)
{
    struct deeds deeds = {.verb = verb};
    size_t done = 0, busy = 0;
    int rc = verbs[verb].action != NULL ? CORE_CTL_OFFERED(ctl, audit_add) : 0;
    if (rc == 0) {
        rc = read_deeds(ctl, args, &deeds);
    }
    for (const struct deed *deed = deeds.first; rc == 0 && deed != NULL; deed = deed->next) {
        rc = act(ctl, args, deed, verb);
        done += rc == 0;
        busy += rc == MANSIO_E_BUSY;
        /* What has left meanwhile needs nothing any more. */
        rc = rc == MANSIO_E_BUSY || rc == MANSIO_E_NOT_FOUND ? 0 : rc;
    }
    if (rc < 0) {
        return core_ctl_failed(ctl, rc);
    }
    if (verb == BOUNCE) {
        tell_schedulers(ctl, &deeds);
    }
    if (deeds.held > 0) {
        core_ctl_error(ctl, "%zu held: left alone (see queue release)", deeds.held);
    }
    return say_changed(ctl, verbs[verb].done, done, busy);
}

int core_ctl_cmd_queue_retry(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    return change(ctl, args, RETRY);
}

int core_ctl_cmd_queue_delete(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    return change(ctl, args, DELETE);
}

int core_ctl_cmd_queue_hold(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    return change(ctl, args, HOLD);
}

int core_ctl_cmd_queue_release(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    return change(ctl, args, RELEASE);
}

int core_ctl_cmd_queue_bounce(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    return change(ctl, args, BOUNCE);
}
