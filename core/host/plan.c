/*
 * Plans: the list of what shall become of a message, recipient by recipient. Owns copies of what it
 * is given, in its arena. Neither delivers nor judges; it refuses entries that no store could
 * commit.
 */
#include <mansio/plan.h>

#include <string.h>

#include <mansio/error.h>
#include <mansio/store.h>
#include <mansio/str.h>

enum {
    ENTRIES_MAX = 10000, /* <mansio/plan.h> promises it */
    CHUNK_ENTRIES = 32,
    CHUNKS_MAX = (ENTRIES_MAX + CHUNK_ENTRIES - 1) / CHUNK_ENTRIES,
    FLAGS_ALL = MANSIO_FLAG_SEEN | MANSIO_FLAG_ANSWERED | MANSIO_FLAG_FLAGGED |
                MANSIO_FLAG_DELETED | MANSIO_FLAG_DRAFT,
    REPLY_CODE_DIGITS = 3,
};

/* What the first release's structs hold: who is built for it gives no less. */
static const size_t entry_size_min =
    offsetof(struct mansio_plan_entry, reply) + sizeof(struct mansio_str);
static const size_t facts_size_min =
    offsetof(struct mansio_plan_facts, ret) + sizeof(struct mansio_str);
static const size_t outcome_size_min =
    offsetof(struct mansio_plan_outcome, collection_id) + sizeof(uint64_t);

struct row {
    struct mansio_plan_entry entry;
    struct mansio_plan_outcome outcome;
};

/* Entries stay where they are, as callers hold pointers to them: so they come in chunks. */
struct mansio_plan {
    struct mansio_arena *arena;
    struct mansio_plan_facts facts;
    size_t count;
    struct row *chunks[CHUNKS_MAX];
};

static struct row *row_at(const struct mansio_plan *plan, size_t index)
{
    return &plan->chunks[index / CHUNK_ENTRIES][index % CHUNK_ENTRIES];
}

/* ---- copies --------------------------------------------------------------------------------- */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

struct mansio_plan *mansio_plan_new(struct mansio_arena *arena,
                                    const struct mansio_plan_facts *facts)
{
    if (facts->size < facts_size_min) {
        (void)mansio_fail(MANSIO_E_BUG, "plan: facts of %zu bytes", facts->size);
        return NULL;
    }
    struct mansio_plan *plan = mansio_arena_try_alloc(arena, sizeof *plan);
    if (plan == NULL) {
        return NULL;
    }
    plan->arena = arena;
    memcpy(&plan->facts, facts, smaller(facts->size, sizeof plan->facts));
    plan->facts.size = sizeof plan->facts;
    if (mansio_arena_copy(arena, facts->reverse_path, &plan->facts.reverse_path) < 0 ||
        mansio_arena_copy(arena, facts->envelope_id, &plan->facts.envelope_id) < 0 ||
        mansio_arena_copy(arena, facts->ret, &plan->facts.ret) < 0) {
        return NULL;
    }
    return plan;
}

/* Most entries of a plan share a text, the prefix above all: one copy does. */
static int copy_text(struct mansio_plan *plan, const struct mansio_str *last, struct mansio_str *io)
{
    if (io->len == 0) {
        *io = MANSIO_STR_NONE;
        return 0;
    }
    if (last != NULL && mansio_str_eq(*last, *io)) {
        *io = *last;
        return 0;
    }
    return mansio_arena_copy(plan->arena, *io, io);
}

/* @p last: an entry of the plan whose texts may be shared; NULL for none. */
static int copy_entry(struct mansio_plan *plan, const struct mansio_plan_entry *from,
                      const struct mansio_plan_entry *last, struct mansio_plan_entry *out)
{
    static const size_t texts[] = {
        offsetof(struct mansio_plan_entry, collection),
        offsetof(struct mansio_plan_entry, keywords),
        offsetof(struct mansio_plan_entry, prefix),
        offsetof(struct mansio_plan_entry, forward_path),
        offsetof(struct mansio_plan_entry, notify),
        offsetof(struct mansio_plan_entry, original_recipient),
        offsetof(struct mansio_plan_entry, reply),
    };
    memset(out, 0, sizeof *out);
    memcpy(out, from, smaller(from->size, sizeof *out));
    out->size = sizeof *out;
    for (size_t i = 0; i < MANSIO_COUNT(texts); i++) {
        struct mansio_str *text = (struct mansio_str *)(void *)((char *)out + texts[i]);
        const struct mansio_str *shared = NULL;
        if (last != NULL) {
            shared = (const struct mansio_str *)(const void *)((const char *)last + texts[i]);
        }
        int err = copy_text(plan, shared, text);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

/* ---- what an entry must be ------------------------------------------------------------------ */

static int has_control(struct mansio_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f) {
            return 1;
        }
    }
    return 0;
}

/* One line of a reply that refuses: "550 5.7.1 text" (RFC 5321 4.2). */
static int is_refusal(struct mansio_str reply)
{
    if (reply.len < REPLY_CODE_DIGITS + 1 || (reply.ptr[0] != '4' && reply.ptr[0] != '5') ||
        reply.ptr[REPLY_CODE_DIGITS] != ' ' || has_control(reply)) {
        return 0;
    }
    uint32_t code;
    return mansio_parse_u32(mansio_str_sub(reply, 0, REPLY_CODE_DIGITS), 599, &code) == 0;
}

/* Whole lines, so that the message begins at the beginning of one. */
static int is_lines(struct mansio_str prefix)
{
    return prefix.len == 0 || mansio_str_ends(prefix, MANSIO_STR("\r\n"));
}

static int check_entry(const struct mansio_plan_entry *entry)
{
    const char *what = NULL;

    if (entry->size < entry_size_min) {
        what = "a struct of another size";
    } else if (entry->action < MANSIO_PLAN_DELIVER || entry->action > MANSIO_PLAN_SEND) {
        what = "an unknown action";
    } else if (entry->account == NULL && entry->action != MANSIO_PLAN_SEND) {
        what = "no account";
    } else if ((entry->flags & ~(uint32_t)FLAGS_ALL) != 0) {
        what = "unknown flags";
    } else if (has_control(entry->keywords)) {
        what = "control characters in its keywords";
    } else if (!is_lines(entry->prefix)) {
        what = "a prefix that doesn't end a line";
    } else if (entry->action == MANSIO_PLAN_REJECT && !is_refusal(entry->reply)) {
        what = "no refusal as its reply";
    } else if (entry->action == MANSIO_PLAN_SEND &&
               (entry->forward_path.len == 0 || has_control(entry->forward_path))) {
        what = "no path to send it to";
    }
    return what == NULL ? 0 : mansio_fail(MANSIO_E_INVALID, "plan entry: found %s", what);
}

/* ---- entries -------------------------------------------------------------------------------- */

const struct mansio_plan_facts *mansio_plan_facts(const struct mansio_plan *plan)
{
    return &plan->facts;
}

int mansio_plan_add(struct mansio_plan *plan, const struct mansio_plan_entry *entry)
{
    int err = check_entry(entry);
    if (err < 0) {
        return err;
    }
    if (plan->count == ENTRIES_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "a plan has %d entries at most", ENTRIES_MAX);
    }
    struct row **chunk = &plan->chunks[plan->count / CHUNK_ENTRIES];
    if (*chunk == NULL &&
        (*chunk = mansio_arena_try_alloc(plan->arena, CHUNK_ENTRIES * sizeof **chunk)) == NULL) {
        return MANSIO_E_LIMIT;
    }
    struct row *row = row_at(plan, plan->count);
    const struct mansio_plan_entry *last =
        plan->count > 0 ? &row_at(plan, plan->count - 1)->entry : NULL;
    if ((err = copy_entry(plan, entry, last, &row->entry)) < 0) {
        return err;
    }
    row->outcome = (struct mansio_plan_outcome){.size = sizeof row->outcome, .code = MANSIO_E_BUG};
    return (int)plan->count++;
}

int mansio_plan_change(struct mansio_plan *plan, size_t index,
                       const struct mansio_plan_entry *entry)
{
    struct mansio_plan_entry fresh;
    int err = check_entry(entry);
    if (err == 0 && index >= plan->count) {
        err = mansio_fail(MANSIO_E_NOT_FOUND, "plan: no entry %zu of %zu", index, plan->count);
    }
    if (err == 0) {
        err = copy_entry(plan, entry, &row_at(plan, index)->entry, &fresh);
    }
    if (err == 0) {
        row_at(plan, index)->entry = fresh;
    }
    return err;
}

size_t mansio_plan_count(const struct mansio_plan *plan)
{
    return plan->count;
}

const struct mansio_plan_entry *mansio_plan_entry(const struct mansio_plan *plan, size_t index)
{
    return index < plan->count ? &row_at(plan, index)->entry : NULL;
}

/* ---- outcomes ------------------------------------------------------------------------------- */

void mansio_plan_set_outcome(struct mansio_plan *plan, size_t index,
                             const struct mansio_plan_outcome *outcome)
{
    MANSIO_ASSERT(index < plan->count && outcome->size >= outcome_size_min);
    struct mansio_plan_outcome *out = &row_at(plan, index)->outcome;
    memset(out, 0, sizeof *out);
    memcpy(out, outcome, smaller(outcome->size, sizeof *out));
    out->size = sizeof *out;
}

const struct mansio_plan_outcome *mansio_plan_outcome(const struct mansio_plan *plan, size_t index)
{
    return index < plan->count ? &row_at(plan, index)->outcome : NULL;
}
