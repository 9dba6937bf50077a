/*
 * `mansioctl queue domains`: where what is in the queue is to go, a line a domain, the most first.
 * What an admin looks at before single messages: is it one host that is away, or all the world?
 */
#include "core/ctl/admin.h"
#include "core/ctl/ctl.h"
#include "core/ctl/fields.h"
#include "core/ctl/queue.h"
#include "core/ctl/show.h"

#include <stdlib.h>

#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/map.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum {
    DOMAINS_MAX = 1000000,
    DOMAINS_CAP = 1 << 30,
    REPLY_KEPT = 200, /* bytes of a reply */
};

static const struct core_ctl_field fields[] = {
    {"DOMAIN", "domain", CORE_CTL_TEXT},
    {"RECIPIENTS", "recipients", CORE_CTL_COUNT},
    {"SIZE", "bytes", CORE_CTL_BYTES},
    {"DUE", "due", CORE_CTL_COUNT},
    {"WAITING", "waiting", CORE_CTL_COUNT},
    {"SENDING", "sending", CORE_CTL_COUNT},
    {"HELD", "held", CORE_CTL_COUNT},
    {"OLDEST", "age", CORE_CTL_DURATION},
    {"LAST REPLY", "last_reply", CORE_CTL_TEXT},
};

struct domain {
    struct mansio_str name;
    uint64_t recipients, bytes, due, waiting, sending, held;
    int64_t oldest_us;
    struct mansio_str last_reply; /* of the newest that has one */
    char reply[REPLY_KEPT];
};

struct summing {
    struct mansio_arena *arena;
    struct mansio_map *domains;
    int64_t now_us;
};

/* The domain's row, made at first need; NULL without room. Domains are compared without case. */
static struct domain *find(struct summing *summing, struct mansio_str name)
{
    struct domain *found = NULL;
    MANSIO_SCRATCH_BEGIN(scratch);
    struct mansio_buf *lower = mansio_buf_new(scratch, name.len + 1);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        (void)mansio_buf_add_char(lower, (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
    }
    struct mansio_str key = mansio_buf_str(lower);
    found = mansio_map_get(summing->domains, key);
    if (found == NULL) {
        found = mansio_arena_try_alloc(summing->arena, sizeof *found);
        if (found != NULL && (mansio_arena_copy(summing->arena, key, &found->name) < 0 ||
                              mansio_map_put(summing->domains, key, found) < 0)) {
            found = NULL;
        }
    }
    MANSIO_SCRATCH_END(scratch);
    return found;
}

static int add(void *arg, size_t store, const struct mansio_spool_item *item)
{
    struct summing *summing = arg;
    struct domain *domain = find(summing, core_ctl_queue_domain(item));
    (void)store;
    if (domain == NULL) {
        return mansio_fail(MANSIO_E_LIMIT, "the queue has too many domains to list");
    }
    domain->oldest_us = domain->recipients == 0 || item->spooled_us < domain->oldest_us
                            ? item->spooled_us
                            : domain->oldest_us;
    domain->recipients++;
    domain->bytes += item->message_bytes;
    enum core_ctl_queue_state state = core_ctl_queue_state(item, summing->now_us);
    domain->sending += state == CORE_CTL_QUEUE_SENDING;
    domain->due += state == CORE_CTL_QUEUE_DUE;
    domain->waiting += state == CORE_CTL_QUEUE_WAITING;
    domain->held += state == CORE_CTL_QUEUE_HELD;
    if (item->last_reply.len > 0) {
        struct mansio_str kept = mansio_str_sub(item->last_reply, 0, REPLY_KEPT);
        for (size_t i = 0; i < kept.len; i++) {
            domain->reply[i] = kept.ptr[i];
        }
        domain->last_reply = (struct mansio_str){domain->reply, kept.len};
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct domain *x = *(const struct domain *const *)a;
    const struct domain *y = *(const struct domain *const *)b;
    if (x->recipients != y->recipients) {
        return x->recipients > y->recipients ? -1 : 1;
    }
    return mansio_str_cmp(x->name, y->name);
}

static json_t *row_of(struct mansio_arena *arena, const struct domain *domain, int64_t now_us)
{
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"recipients", domain->recipients}, {"bytes", domain->bytes},     {"due", domain->due},
        {"waiting", domain->waiting},       {"sending", domain->sending}, {"held", domain->held},
    };
    json_t *row = json_object();
    json_object_set_new(row, "domain", core_ctl_text_json(arena, domain->name));
    for (size_t i = 0; i < MANSIO_COUNT(numbers); i++) {
        json_object_set_new(row, numbers[i].name, json_integer((json_int_t)numbers[i].value));
    }
    json_object_set_new(row, "age", json_integer((now_us - domain->oldest_us) / MANSIO_SECOND));
    if (domain->last_reply.len > 0) {
        json_object_set_new(row, "last_reply", core_ctl_text_json(arena, domain->last_reply));
    }
    return row;
}

static json_t *rows_of(const struct summing *summing)
{
    size_t count = 0;
    size_t cursor = 0;
    void *value = NULL;
    const struct domain **sorted = mansio_arena_try_alloc(
        summing->arena, (mansio_map_count(summing->domains) + 1) * sizeof(*sorted));
    json_t *rows = json_array();
    while (sorted != NULL && mansio_map_next(summing->domains, &cursor, NULL, &value)) {
        sorted[count++] = value;
    }
    if (count > 0) {
        qsort(sorted, count, sizeof(*sorted), compare);
    }
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(rows, row_of(summing->arena, sorted[i], summing->now_us));
    }
    return rows;
}

static int show(struct core_ctl *ctl, json_t *rows)
{
    if (ctl->is_json) {
        json_t *out = json_object();
        json_object_set(out, "domains", rows);
        int rc = core_ctl_show_json(ctl, out);
        json_decref(out);
        return rc;
    }
    struct mansio_buf *out = mansio_buf_new(ctl->arena, CORE_CTL_SHOW_MAX);
    int rc = core_ctl_show_rows(ctl, out, fields, MANSIO_COUNT(fields), rows);
    rc = rc == CORE_CTL_OK ? core_ctl_write(ctl, mansio_buf_str(out)) : rc;
    mansio_buf_release(out);
    return rc;
}

int core_ctl_cmd_queue_domains(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    struct core_ctl_queue queue = {.id_count = 0};
    struct summing summing = {
        .arena = mansio_arena_new(NULL, "ctl.queue", DOMAINS_CAP),
        .now_us = mansio_wall_us(),
    };
    summing.domains = mansio_map_new(summing.arena, DOMAINS_MAX);
    int rc = core_ctl_queue_read(ctl, args, &queue);
    rc = rc < 0 ? rc : core_ctl_queue_visit(ctl, &queue, add, &summing);
    int exit_code = CORE_CTL_OK;
    if (rc < 0) {
        exit_code = core_ctl_failed(ctl, rc);
    } else {
        json_t *rows = rows_of(&summing);
        exit_code = show(ctl, rows);
        json_decref(rows);
    }
    mansio_arena_free(summing.arena);
    return exit_code;
}
