/*
 * From plans to what is written, and back.
 *
 * Entries are sorted by tenant and account here, so that statements take locks in one order
 * whatever the order of recipients was. Prefixes that are the same are kept once. Nothing is sent.
 */
#include "deliver.h"

#include <stdlib.h>
#include <string.h>

#include <mansio/bus.h>

struct sorted {
    uint64_t tenant, account;
    size_t index;
};

static int compare(const void *a, const void *b)
{
    const struct sorted *x = a;
    const struct sorted *y = b;
    if (x->tenant != y->tenant) {
        return x->tenant < y->tenant ? -1 : 1;
    }
    if (x->account != y->account) {
        return x->account < y->account ? -1 : 1;
    }
    return x->index < y->index ? -1 : x->index > y->index;
}

static int is_mailbox(const struct mansio_plan_entry *entry)
{
    return entry->action == MANSIO_PLAN_DELIVER || entry->action == MANSIO_PLAN_QUARANTINE;
}

static int is_ours(const struct mansio_plan_entry *entry)
{
    return is_mailbox(entry) || entry->action == MANSIO_PLAN_SEND;
}

/* The entries of a letter that are this store's, in order. */
static int sort_entries(const struct pg_letter *letter, struct mansio_instance *pool,
                        struct sorted **out, size_t *out_count)
{
    const struct pg_post *post = letter->post;
    size_t all = mansio_plan_count(letter->plan);
    size_t count = 0;
    struct sorted *sorted = mansio_arena_try_alloc(post->arena, (all + 1) * sizeof *sorted);
    if (sorted == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < all; i++) {
        const struct mansio_plan_entry *entry = mansio_plan_entry(letter->plan, i);
        if (!is_ours(entry)) {
            continue;
        }
        if (entry->account == NULL) {
            if (post->behalf.tenant == 0) {
                return mansio_fail(MANSIO_E_BUG, "plan entry %zu is nobody's", i);
            }
            sorted[count++] = (struct sorted){.tenant = (uint64_t)post->behalf.tenant, .index = i};
            continue;
        }
        struct mansio_instance *theirs = NULL;
        if (mansio_account_store(entry->account, &theirs) == NULL || theirs != pool) {
            return mansio_fail(MANSIO_E_BUG, "plan entry %zu is another pool's", i);
        }
        const struct mansio_account_facts *facts = mansio_account_facts(entry->account);
        sorted[count++] =
            (struct sorted){.tenant = facts->tenant_id, .account = facts->account_id, .index = i};
    }
    qsort(sorted, count, sizeof *sorted, compare);
    *out = sorted;
    *out_count = count;
    return 0;
}

static int part_alloc(struct pg_part *part, struct mansio_arena *arena, size_t count)
{
    struct {
        void **where;
        size_t size;
    } const arrays[] = {
        {(void **)&part->entry, sizeof *part->entry},
        {(void **)&part->accounts, sizeof *part->accounts},
        {(void **)&part->quota_bytes, sizeof *part->quota_bytes},
        {(void **)&part->quota_messages, sizeof *part->quota_messages},
        {(void **)&part->uses, sizeof *part->uses},
        {(void **)&part->flags, sizeof *part->flags},
        {(void **)&part->prefix_no, sizeof *part->prefix_no},
        {(void **)&part->prefix_bytes, sizeof *part->prefix_bytes},
        {(void **)&part->names, sizeof *part->names},
        {(void **)&part->keywords, sizeof *part->keywords},
        {(void **)&part->ensure_ids, sizeof *part->ensure_ids},
        {(void **)&part->locks, sizeof *part->locks},
        {(void **)&part->open_ids, PG_OPEN_IDS * sizeof *part->open_ids},
        {(void **)&part->is_new, sizeof *part->is_new},
        {(void **)&part->spool_entry, sizeof *part->spool_entry},
        {(void **)&part->spool_ids, sizeof *part->spool_ids},
        {(void **)&part->spool_prefix_no, sizeof *part->spool_prefix_no},
        {(void **)&part->spool_prefix_bytes, sizeof *part->spool_prefix_bytes},
        {(void **)&part->forward, sizeof *part->forward},
        {(void **)&part->notify, sizeof *part->notify},
        {(void **)&part->orcpt, sizeof *part->orcpt},
        {(void **)&part->prefixes, sizeof *part->prefixes},
        {(void **)&part->prefix_numbers, sizeof *part->prefix_numbers},
        {(void **)&part->uids, sizeof *part->uids},
        {(void **)&part->targets, sizeof *part->targets},
        {(void **)&part->modseqs, sizeof *part->modseqs},
        {(void **)&part->held_bytes, sizeof *part->held_bytes},
        {(void **)&part->held_messages, sizeof *part->held_messages},
    };
    size_t total = 0;
    for (size_t i = 0; i < MANSIO_COUNT(arrays); i++) {
        total += (arrays[i].size * count + 15) & ~(size_t)15;
    }
    char *at = mansio_arena_try_alloc(arena, total);
    for (size_t i = 0; at != NULL && i < MANSIO_COUNT(arrays); i++) {
        *arrays[i].where = at;
        at += (arrays[i].size * count + 15) & ~(size_t)15;
    }
    return at != NULL ? 0 : MANSIO_E_LIMIT;
}

/* The number of a prefix among the part's; the latest is looked at first, as most are the same. */
static int32_t prefix_number(struct pg_part *part, struct mansio_str prefix)
{
    enum { LOOK_BACK = 64 };
    size_t from = part->prefix_count > LOOK_BACK ? part->prefix_count - LOOK_BACK : 0;
    for (size_t i = part->prefix_count; i > from; i--) {
        const struct mansio_str *have = &part->prefixes[i - 1];
        if (have->len == prefix.len && (have->ptr == prefix.ptr || mansio_str_eq(*have, prefix))) {
            return (int32_t)(i - 1);
        }
    }
    part->prefixes[part->prefix_count] = prefix;
    part->prefix_numbers[part->prefix_count] = (int32_t)part->prefix_count;
    return (int32_t)part->prefix_count++;
}

/* In an array a slice without a pointer is NULL, and none of these columns has that. */
static struct mansio_str solid(struct mansio_str s)
{
    return s.ptr != NULL ? s : MANSIO_STR("");
}

static int add_mailbox(struct pg_part *part, const struct mansio_plan_entry *entry, size_t index)
{
    const struct mansio_account_facts *facts = mansio_account_facts(entry->account);
    const struct mansio_str *words = NULL;
    size_t word_count = 0;
    size_t n = part->count;
    int is_accepted = (part->letter->facts->flags & MANSIO_PLAN_ACCEPTED) != 0;
    int rc = pg_keywords(part->letter->post->arena, entry->keywords, &words, &word_count);
    if (rc < 0) {
        return rc;
    }
    part->entry[n] = index;
    part->accounts[n] = (int64_t)facts->account_id;
    part->quota_bytes[n] = is_accepted ? 0 : (int64_t)facts->quota_bytes;
    part->quota_messages[n] = is_accepted ? 0 : (int64_t)facts->quota_messages;
    part->flags[n] = (int32_t)(entry->flags & 31);
    part->keywords[n] = solid(entry->keywords);
    part->prefix_no[n] = prefix_number(part, solid(entry->prefix));
    part->prefix_bytes[n] = (int32_t)entry->prefix.len;
    part->uses[n] = MANSIO_SPECIAL_INBOX;
    part->names[n] = MANSIO_STR("INBOX");
    if (entry->action == MANSIO_PLAN_QUARANTINE) {
        part->uses[n] = MANSIO_SPECIAL_JUNK;
        part->names[n] = MANSIO_STR("Junk");
        part->ensure_ids[n] = 1;
    } else if (entry->collection.len > 0 &&
               pg_name_check(entry->collection, &part->names[n]) == 0 &&
               !mansio_str_eq(part->names[n], MANSIO_STR("INBOX"))) {
        part->uses[n] = MANSIO_SPECIAL_NONE;
        part->ensure_ids[n] = entry->is_creating != 0;
    }
    if (part->account_count == 0 || part->locks[part->account_count - 1] != part->accounts[n]) {
        part->locks[part->account_count++] = part->accounts[n];
    }
    part->count++;
    return 0;
}

static void add_spool(struct pg_part *part, const struct mansio_plan_entry *entry, size_t index)
{
    size_t n = part->spool_count++;
    part->spool_entry[n] = index;
    part->spool_prefix_no[n] = prefix_number(part, solid(entry->prefix));
    part->spool_prefix_bytes[n] = (int32_t)entry->prefix.len;
    part->forward[n] = solid(entry->forward_path);
    part->notify[n] = solid(entry->notify);
    part->orcpt[n] = solid(entry->original_recipient);
    part->tenant_name = entry->account != NULL ? mansio_account_facts(entry->account)->tenant
                                               : part->letter->post->behalf.name;
}

/* @param is_only  the post has no other part, or the parts needn't stand and fall together:
 *                 DELIVER_ONE passes over who is over quota, DELIVER_MANY can undo it all. */
static int make_part(struct pg_letter *letter, struct pg_part *part, const struct sorted *sorted,
                     size_t count, int is_only)
{
    struct pg_post *post = letter->post;
    *part = (struct pg_part){.letter = letter, .tenant = (int64_t)sorted[0].tenant};
    int rc = part_alloc(part, post->arena, count);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct mansio_plan_entry *entry = mansio_plan_entry(letter->plan, sorted[i].index);
        if (is_mailbox(entry)) {
            rc = add_mailbox(part, entry, sorted[i].index);
        } else {
            add_spool(part, entry, sorted[i].index);
        }
    }
    part->is_simple = is_only && part->count == 1 && part->spool_count == 0 && !letter->is_large &&
                      part->uses[0] == MANSIO_SPECIAL_INBOX;
    /* Tenant, delivery, spool; each account may be opened and locked, each entry's collection made;
     * and each of these statements prepared. */
    post->statements += 8 + 2 * part->account_count + part->count;
    post->bytes += letter->size; /* a body is sent once a tenant */
    return rc;
}

/* Ids for what may be made. */
static int take_ids(struct pg_part *part, struct pg_store *store, int64_t deadline_us)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < part->account_count; i++) {
        part->is_new[i] = !pg_seen_has(store->seen, part->tenant, part->locks[i]);
        if (part->is_new[i]) {
            rc =
                pg_ids_take(store->ids, PG_OPEN_IDS, deadline_us, &part->open_ids[i * PG_OPEN_IDS]);
        }
    }
    for (size_t i = 0; rc == 0 && i < part->count; i++) {
        if (part->ensure_ids[i] != 0) {
            rc = pg_ids_take(store->ids, 1, deadline_us, &part->ensure_ids[i]);
        }
    }
    return rc == 0 ? pg_ids_take(store->ids, part->spool_count, deadline_us, part->spool_ids) : rc;
}

static void read_content(struct pg_letter *letter, const struct pg_store *store)
{
    letter->size = (int64_t)mansio_content_size(letter->content);
    letter->body = mansio_content_memory(letter->content);
    letter->is_large = letter->body.ptr == NULL && letter->size > 0;
    letter->structure = mansio_content_structure(letter->content);
    letter->text = MANSIO_STR_NONE;
    if (pg_store_keeps_text(store->pg)) {
        struct mansio_str text = mansio_content_search_text(letter->content);
        letter->text = pg_is_text(text) ? text : MANSIO_STR_NONE;
    }
}

/* A letter's entries by tenant. */
struct sorting {
    struct sorted *sorted;
    size_t count, tenants;
};

static int sort_letters(struct pg_post *post, struct pg_store *store, struct mansio_instance *pool,
                        struct sorting *sortings, size_t *out_parts)
{
    for (size_t i = 0; i < post->letter_count; i++) {
        struct sorting *sorting = &sortings[i];
        struct pg_letter *letter = &post->letters[i];
        read_content(letter, store);
        int rc = sort_entries(letter, pool, &sorting->sorted, &sorting->count);
        if (rc < 0) {
            return rc;
        }
        for (size_t k = 0; k < sorting->count; k++) {
            sorting->tenants +=
                k == 0 || sorting->sorted[k].tenant != sorting->sorted[k - 1].tenant;
        }
        post->is_large |= letter->is_large && sorting->count > 0;
        *out_parts += sorting->tenants;
    }
    return 0;
}

static int make_parts(struct pg_letter *letter, const struct sorting *sorting, int is_only,
                      struct pg_store *store, int64_t deadline_us)
{
    struct pg_post *post = letter->post;
    const struct sorted *sorted = sorting->sorted;
    int rc = sorting->count > 0 ? pg_ids_take(store->ids, 1, deadline_us, &letter->id) : 0;
    for (size_t first = 0; rc == 0 && first < sorting->count;) {
        size_t end = first + 1;
        while (end < sorting->count && sorted[end].tenant == sorted[first].tenant) {
            end++;
        }
        struct pg_part *part = &post->parts[post->part_count++];
        rc = make_part(letter, part, &sorted[first], end - first, is_only);
        if (rc == 0) {
            rc = take_ids(part, store, deadline_us);
        }
        first = end;
    }
    return rc;
}

int pg_post_prepare(struct pg_post *post, struct pg_store *store, struct mansio_instance *pool,
                    int64_t deadline_us)
{
    struct sorting *sortings =
        mansio_arena_alloc(post->arena, post->letter_count * sizeof *sortings);
    size_t parts = 0;
    int rc = sort_letters(post, store, pool, sortings, &parts);
    if (rc < 0 || parts == 0) {
        return rc;
    }
    int is_only = parts == 1 || post->is_each;
    post->parts = mansio_arena_try_alloc(post->arena, parts * sizeof *post->parts);
    if (post->parts == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; rc == 0 && i < post->letter_count; i++) {
        rc = make_parts(&post->letters[i], &sortings[i], is_only, store, deadline_us);
    }
    return rc;
}

/* ---- what came of it ------------------------------------------------------------------------ */

static void set_outcome(const struct pg_letter *letter, size_t entry, int code, int64_t uid,
                        int64_t collection)
{
    const struct mansio_plan_outcome outcome = {
        .size = sizeof outcome,
        .code = code,
        .uid = (uint32_t)uid,
        .collection_id = (uint64_t)collection,
    };
    mansio_plan_set_outcome(letter->plan, entry, &outcome);
}

static int part_done(struct pg_part *part, struct pg_store *store)
{
    int is_refused = 0;
    for (size_t i = 0; i < part->count; i++) {
        if (part->uids[i] == 0) {
            is_refused = 1;
            continue;
        }
        set_outcome(part->letter, part->entry[i], 0, part->uids[i], part->targets[i]);
        pg_seen_put(store->seen, part->tenant, part->accounts[i], part->held_bytes[i],
                    part->held_messages[i]);
        pg_tell(part->accounts[i], part->targets[i], part->modseqs[i]);
    }
    for (size_t i = 0; i < part->spool_count; i++) {
        set_outcome(part->letter, part->spool_entry[i], 0, 0, 0);
    }
    if (part->spool_count > 0) {
        (void)mansio_bus_publish(MANSIO_STR("spool"), MANSIO_STR("due"));
    }
    return is_refused;
}

int pg_post_done(struct pg_post *post, struct pg_store *store)
{
    int is_refused = 0;
    for (size_t i = 0; i < post->part_count; i++) {
        is_refused |= part_done(&post->parts[i], store);
    }
    return is_refused;
}

static int explain_entry(struct pg_part *part, size_t i, struct pg_store *store,
                         int64_t deadline_us)
{
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    struct pg_params params;
    pg_params_init(&params);
    pg_add_int64(&params, part->tenant);
    pg_add_int64(&params, part->accounts[i]);
    int rc = pg_borrow_ask(store->pg->serving, (uint64_t)part->tenant, PG_SQL_ACCOUNT_USAGE,
                           &params, deadline_us, &conn, &result);
    if (rc < 0) {
        return rc;
    }
    if (pg_rows(result) == 0) {
        pg_seen_drop(store->seen, part->tenant, part->accounts[i]);
        rc = mansio_fail(MANSIO_E_BUSY, "the account wasn't open: again");
    } else if (pg_get_bool(result, 0, 3)) {
        pg_seen_drop(store->seen, part->tenant, part->accounts[i]);
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "the account is gone");
    } else {
        pg_seen_put(store->seen, part->tenant, part->accounts[i], pg_get_int64(result, 0, 1),
                    pg_get_int64(result, 0, 2));
        rc = mansio_fail(MANSIO_E_LIMIT, "over quota");
    }
    pg_give_back(conn);
    return rc;
}

int pg_post_explain(struct pg_post *post, struct pg_store *store, int64_t deadline_us)
{
    int first = 0;
    for (size_t p = 0; p < post->part_count; p++) {
        struct pg_part *part = &post->parts[p];
        for (size_t i = 0; i < part->count; i++) {
            if (part->uids[i] != 0) {
                continue;
            }
            int code = explain_entry(part, i, store, deadline_us);
            set_outcome(part->letter, part->entry[i], code, 0, 0);
            first = first == 0 ? code : first;
        }
    }
    return first;
}

void pg_post_fail(struct pg_post *post, int code)
{
    for (size_t p = 0; p < post->part_count; p++) {
        struct pg_part *part = &post->parts[p];
        for (size_t i = 0; i < part->count; i++) {
            set_outcome(part->letter, part->entry[i], code, 0, 0);
        }
        for (size_t i = 0; i < part->spool_count; i++) {
            set_outcome(part->letter, part->spool_entry[i], code, 0, 0);
        }
    }
}
