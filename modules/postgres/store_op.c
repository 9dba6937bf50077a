/*
 * What the functions of the store begin and end with: whose, opened, locked; and the small checks
 * that they share.
 */
#include "store_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <mansio/bus.h>

enum {
    KEYWORDS_MAX = 200,
    KEYWORD_MAX = 255,
    WINDOW = 4 * PG_PAGE, /* UIDs from the first to the last of a batch: all are looked at */
};

/* What every account has from the first; INBOX takes the account's id. */
static const struct {
    int32_t use;
    const char *name;
} first_collections[PG_OPEN_IDS + 1] = {
    {MANSIO_SPECIAL_INBOX, "INBOX"}, {MANSIO_SPECIAL_DRAFTS, "Drafts"},
    {MANSIO_SPECIAL_SENT, "Sent"},   {MANSIO_SPECIAL_JUNK, "Junk"},
    {MANSIO_SPECIAL_TRASH, "Trash"}, {MANSIO_SPECIAL_ARCHIVE, "Archive"},
};

/* ---- opening -------------------------------------------------------------------------------- */

void pg_open_params(struct pg_params *params, struct mansio_arena *arena, int64_t tenant,
                    int64_t account, const int64_t ids[PG_OPEN_IDS])
{
    int64_t all[PG_OPEN_IDS + 1] = {account};
    int32_t uses[PG_OPEN_IDS + 1];
    struct mansio_str names[PG_OPEN_IDS + 1];
    for (size_t i = 0; i < MANSIO_COUNT(first_collections); i++) {
        all[i] = i == 0 ? account : ids[i - 1];
        uses[i] = first_collections[i].use;
        names[i] = mansio_str_from_cstr(first_collections[i].name);
    }
    pg_params_init(params);
    pg_add_int64(params, tenant);
    pg_add_int64(params, account);
    pg_add_int64s(params, arena, all, MANSIO_COUNT(all));
    pg_add_int32s(params, arena, uses, MANSIO_COUNT(uses));
    pg_add_texts(params, arena, names, MANSIO_COUNT(names));
    pg_add_int64(params, mansio_wall_us() / MANSIO_SECOND);
}

static int open_account(struct pg_op *op)
{
    int64_t ids[PG_OPEN_IDS];
    struct pg_params params;
    int rc = pg_ids_take(op->store->ids, PG_OPEN_IDS, op->deadline_us, ids);
    if (rc < 0) {
        return rc;
    }
    MANSIO_SCRATCH_BEGIN(scratch);
    pg_open_params(&params, scratch, op->tenant, op->account, ids);
    rc = pg_change(op->pg->serving, (uint64_t)op->tenant, PG_SQL_ACCOUNT_OPEN, &params,
                   op->deadline_us, NULL);
    MANSIO_SCRATCH_END(scratch);
    if (rc == 0) {
        pg_seen_put(op->store->seen, op->tenant, op->account, 0, 0);
    }
    return rc;
}

/* Ask first: a database that only reads still shows what is there. */
static int ensure_open(struct pg_op *op)
{
    const struct pg_result *result = NULL;
    struct pg_conn *conn = NULL;
    struct pg_params params;
    if (pg_seen_has(op->store->seen, op->tenant, op->account)) {
        return 0;
    }
    pg_params_init(&params);
    pg_op_params(op, &params);
    int rc = pg_borrow_ask(op->pg->serving, (uint64_t)op->tenant, PG_SQL_ACCOUNT_USAGE, &params,
                           op->deadline_us, &conn, &result);
    if (rc < 0) {
        return rc;
    }
    int is_there = pg_rows(result) > 0;
    if (is_there) {
        pg_seen_put(op->store->seen, op->tenant, op->account, pg_get_int64(result, 0, 1),
                    pg_get_int64(result, 0, 2));
    }
    pg_give_back(conn);
    return is_there ? 0 : open_account(op);
}

int pg_op_init(struct pg_op *op, struct mansio_instance *pool, struct mansio_account *account,
               int64_t deadline_us)
{
    struct mansio_instance *theirs = NULL;
    struct pg *pg = pg_of(pool);
    *op = (struct pg_op){.pg = pg, .store = pg->store, .deadline_us = deadline_us};
    if (pg->store == NULL) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "the store isn't started");
    }
    if (mansio_account_store(account, &theirs) == NULL || theirs != pool) {
        return mansio_fail(MANSIO_E_BUG, "the account is another pool's");
    }
    op->facts = mansio_account_facts(account);
    op->tenant = (int64_t)op->facts->tenant_id;
    op->account = (int64_t)op->facts->account_id;
    return 0;
}

int pg_op_open(struct pg_op *op, struct mansio_instance *pool, struct mansio_account *account,
               int64_t deadline_us)
{
    int rc = pg_op_init(op, pool, account, deadline_us);
    return rc == 0 ? ensure_open(op) : rc;
}

/* ---- turns ---------------------------------------------------------------------------------- */

/* Who waits for a turn: a fiber's own. What it came to is said before the event. */
struct pg_turn {
    struct pg_turn *next;
    struct pg_turns *turns;
    struct mansio_event *event;
    enum { TURN_WAITS, TURN_GIVEN, TURN_CLOSED } state;
};

static struct pg_turns *turns_of(const struct pg_op *op)
{
    uint64_t mixed = ((uint64_t)op->tenant * 31 + (uint64_t)op->account) *
                     UINT64_C(0x9e3779b97f4a7c15); /* spreads neighbours */
    return &op->store->turns[mixed >> 32 & (PG_TURNS - 1)];
}

/* The setting may have become less than what is lent. */
static int may_have_turn(const struct pg_store *store, const struct pg_turns *turns)
{
    return turns->held < (store->pg->config.serving_max + 1) / 2;
}

/* Out of the line, which goes through all places. */
static void leave_line(struct pg_store *store, struct pg_turn **at)
{
    struct pg_turn *turn = *at;
    *at = turn->next;
    if (turn->next == NULL) {
        store->turn_end = at;
    }
    turn->turns->waiting--;
}

/* First come, first served. Several at once where the setting has become more. */
static void give_turns(struct pg_store *store, struct pg_turns *turns)
{
    struct pg_turn **at = &store->turn_first;
    while (turns->waiting > 0 && may_have_turn(store, turns)) {
        struct pg_turn *turn = *at;
        if (turn->turns != turns) {
            at = &turn->next;
            continue;
        }
        leave_line(store, at);
        turns->held++;
        pg_store_enter(store);
        turn->state = TURN_GIVEN;
        mansio_event_set(turn->event);
    }
}

static int wait_for_turn(struct pg_op *op, struct pg_turn *turn)
{
    struct mansio_waitable *ready = mansio_event_waitable(turn->event);
    struct pg_store *store = op->store;
    *store->turn_end = turn;
    store->turn_end = &turn->next;
    turn->turns->waiting++;
    int rc = mansio_wait(&ready, 1, op->deadline_us, 0);
    if (turn->state == TURN_WAITS) {
        struct pg_turn **at = &store->turn_first;
        while (*at != turn) {
            at = &(*at)->next;
        }
        leave_line(store, at);
    }
    op->has_turn = turn->state == TURN_GIVEN; /* also when a signal came in the same moment */
    return rc == MANSIO_E_TIMEOUT
               ? mansio_fail(MANSIO_E_BUSY, "the account has all connections that it may have")
           : rc < 0 ? rc
                    : 0;
}

/* 1 if the store is the one that the operation began with: not stopped since. */
static int is_open(const struct pg_op *op)
{
    return op->pg->store == op->store;
}

static int take_turn(struct pg_op *op)
{
    int rc = 0;
    if (is_open(op)) {
        struct pg_turns *turns = turns_of(op);
        if (turns->waiting == 0 && may_have_turn(op->store, turns)) {
            turns->held++;
            pg_store_enter(op->store);
            op->has_turn = 1;
            return 0;
        }
        MANSIO_SCRATCH_BEGIN(scratch);
        struct pg_turn turn = {.turns = turns, .event = mansio_event_new(scratch)};
        rc = wait_for_turn(op, &turn);
        MANSIO_SCRATCH_END(scratch);
    }
    return rc < 0 || is_open(op) ? rc : mansio_fail(MANSIO_E_CLOSED, "the store was stopped");
}

void pg_turns_close(struct pg_store *store)
{
    while (store->turn_first != NULL) {
        struct pg_turn *turn = store->turn_first;
        leave_line(store, &store->turn_first);
        turn->state = TURN_CLOSED;
        mansio_event_set(turn->event);
    }
}

/* The connection, and with it the turn. */
static void give_back(struct pg_op *op)
{
    pg_give_back(op->conn);
    op->conn = NULL;
    if (op->has_turn) {
        struct pg_turns *turns = turns_of(op);
        op->has_turn = 0;
        turns->held--;
        give_turns(op->store, turns); /* nobody waits any more where the store was stopped */
        pg_store_leave(op->store);
    }
}

int pg_op_borrow(struct pg_op *op)
{
    int rc = take_turn(op);
    rc = rc == 0 ? pg_borrow(op->pg->serving, op->deadline_us, &op->conn) : rc;
    if (rc < 0) {
        give_back(op);
        return rc;
    }
    return pg_tenant(op->conn, (uint64_t)op->tenant);
}

int pg_op_turn(struct pg_op *op)
{
    give_back(op);
    return pg_op_borrow(op);
}

int pg_op_begin(struct pg_op *op, struct mansio_instance *pool, struct mansio_account *account,
                int64_t deadline_us)
{
    int rc = pg_op_open(op, pool, account, deadline_us);
    return rc == 0 ? pg_op_borrow(op) : rc;
}

int pg_op_end(struct pg_op *op, int rc)
{
    give_back(op);
    return rc;
}

void pg_op_params(const struct pg_op *op, struct pg_params *params)
{
    pg_add_int64(params, op->tenant);
    pg_add_int64(params, op->account);
}

/* ---- locking -------------------------------------------------------------------------------- */

int pg_op_lock(struct pg_op *op)
{
    struct pg_params params;
    pg_params_init(&params);
    pg_op_params(op, &params);
    return pg_send(op->conn, PG_SQL_ACCOUNT_LOCK, &params);
}

int pg_op_locked(struct pg_op *op)
{
    const struct pg_result *result = NULL;
    int rc = pg_receive(op->conn, op->deadline_us, &result);
    if (rc == 0 && (pg_rows(result) == 0 || pg_get_bool(result, 0, 3))) {
        pg_seen_drop(op->store->seen, op->tenant, op->account);
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "the account is gone");
    }
    return rc;
}

int pg_op_change(struct pg_op *op, unsigned id, const struct pg_params *params,
                 const struct pg_result **out)
{
    int rc = pg_op_lock(op);
    if (rc == 0) {
        rc = pg_send(op->conn, id, params);
    }
    if (rc == 0) {
        rc = pg_sync(op->conn, PG_SYNC_COMMIT);
    }
    if (rc == 0) {
        rc = pg_op_locked(op);
    }
    return rc == 0 ? pg_receive(op->conn, op->deadline_us, out) : rc;
}

void pg_tell(int64_t account, int64_t collection, int64_t modseq)
{
    char topic[MANSIO_BUS_TOPIC_MAX + 1];
    char payload[48];
    int topic_len = snprintf(topic, sizeof topic, "collection/%" PRId64, account);
    int len = snprintf(payload, sizeof payload, "%" PRId64 " %" PRId64, collection, modseq);
    (void)mansio_bus_publish((struct mansio_str){topic, (size_t)topic_len},
                             (struct mansio_str){payload, (size_t)len});
}

/* ---- probing -------------------------------------------------------------------------------- */

int pg_probe_send(struct pg_op *op, uint64_t collection)
{
    struct pg_params params;
    pg_params_init(&params);
    pg_op_params(op, &params);
    pg_add_int64(&params, (int64_t)collection);
    return pg_send(op->conn, PG_SQL_PROBE, &params);
}

int pg_probe_receive(struct pg_op *op, struct pg_probe *out)
{
    const struct pg_result *result = NULL;
    int rc = pg_receive(op->conn, op->deadline_us, &result);
    if (rc < 0) {
        return rc;
    }
    if (pg_rows(result) == 0) {
        return mansio_fail(MANSIO_E_NOT_FOUND, "no such collection");
    }
    *out = (struct pg_probe){
        .uid_next = pg_get_int64(result, 0, 0),
        .uid_validity = pg_get_int64(result, 0, 1),
        .modseq = pg_get_int64(result, 0, 2),
        .last_uid = pg_get_int64(result, 0, 3),
    };
    return 0;
}

int pg_probe(struct pg_op *op, uint64_t collection, struct pg_probe *out)
{
    int rc = pg_probe_send(op, collection);
    if (rc == 0) {
        rc = pg_sync(op->conn, 0);
    }
    if (rc == 0) {
        rc = pg_probe_receive(op, out);
    }
    return rc == 0 ? pg_finish(op->conn, op->deadline_us) : rc;
}

/* ---- texts ---------------------------------------------------------------------------------- */

/* Length of the UTF-8 sequence at @p at (RFC 3629); 0: none. */
static size_t sequence(const unsigned char *at, size_t left)
{
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xC2 ? 0 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    if (at[0] == 0 || at[0] > 0xF4 || len == 0 || len > left) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    int is_overlong = (at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xF0 && at[1] < 0x90);
    int is_beyond = (at[0] == 0xED && at[1] >= 0xA0) || (at[0] == 0xF4 && at[1] >= 0x90);
    return is_overlong || is_beyond ? 0 : len;
}

/* 0 if eight bytes are all of 1 to 127; else bits at what may be others. */
static uint64_t odd_bits(const char *at)
{
    uint64_t eight;
    memcpy(&eight, at, sizeof eight);
    return ((eight - UINT64_C(0x0101010101010101)) | eight) & UINT64_C(0x8080808080808080);
}

int pg_is_text(struct mansio_str s)
{
    enum { WORD = 8, STEP = 4 * WORD };
    for (size_t at = 0; at < s.len;) {
        /* Most text is ASCII. */
        while (s.len - at >= STEP &&
               (odd_bits(s.ptr + at) | odd_bits(s.ptr + at + WORD) |
                odd_bits(s.ptr + at + 2 * WORD) | odd_bits(s.ptr + at + 3 * WORD)) == 0) {
            at += STEP;
        }
        for (size_t end = at + STEP; at < s.len && at < end;) {
            size_t len = sequence((const unsigned char *)s.ptr + at, s.len - at);
            if (len == 0) {
                return 0;
            }
            at += len;
        }
    }
    return 1;
}

int pg_name_check(struct mansio_str name, struct mansio_str *out)
{
    size_t levels = 1;
    if (name.len == 0 || name.len > PG_NAME_MAX || !pg_is_text(name)) {
        return mansio_fail(MANSIO_E_INVALID, "a name of %zu bytes: wanted UTF-8, 1 to %d", name.len,
                           PG_NAME_MAX);
    }
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        int is_c1 = c == 0xC2 && i + 1 < name.len && (unsigned char)name.ptr[i + 1] < 0xA0;
        if (c < ' ' || c == 0x7f || is_c1) {
            return mansio_fail(MANSIO_E_INVALID, "a control character in a collection's name");
        }
        if (c != '/') {
            continue;
        }
        levels++;
        if (i == 0 || i + 1 == name.len || name.ptr[i - 1] == '/' || levels > PG_LEVELS_MAX) {
            return mansio_fail(MANSIO_E_INVALID, "an empty level, or more than %d", PG_LEVELS_MAX);
        }
    }
    *out = mansio_str_ieq(name, MANSIO_STR("INBOX")) ? MANSIO_STR("INBOX") : name;
    return 0;
}

int pg_keywords(struct mansio_arena *arena, struct mansio_str keywords,
                const struct mansio_str **out, size_t *out_count)
{
    struct mansio_str rest = keywords;
    struct mansio_str word;
    size_t count = 0;
    *out = NULL;
    *out_count = 0;
    if (keywords.len == 0) {
        return 0;
    }
    for (size_t i = 0; i < keywords.len; i++) {
        if ((unsigned char)keywords.ptr[i] < ' ' || (unsigned char)keywords.ptr[i] > '~') {
            return mansio_fail(MANSIO_E_INVALID, "a keyword that is no atom");
        }
        count += keywords.ptr[i] == ' ';
    }
    if (++count > KEYWORDS_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "more than %d keywords", KEYWORDS_MAX);
    }
    struct mansio_str *words = mansio_arena_try_alloc(arena, count * sizeof *words);
    if (words == NULL) {
        return MANSIO_E_LIMIT;
    }
    count = 0;
    while (mansio_str_split(&rest, ' ', &word)) {
        if (word.len == 0 || word.len > KEYWORD_MAX) {
            return mansio_fail(MANSIO_E_INVALID, "a keyword of %zu bytes", word.len);
        }
        words[count++] = word;
    }
    *out = words;
    *out_count = count;
    return 0;
}

/* ---- ranges --------------------------------------------------------------------------------- */

int pg_walk_needs_probe(const uint32_t *ranges, size_t count)
{
    return ranges != NULL && count > 0 && ranges[2 * count - 1] == UINT32_MAX &&
           ranges[2 * count - 2] > 1;
}

void pg_walk_init(struct pg_walk *walk, const uint32_t *ranges, size_t count, int64_t last,
                  int64_t end)
{
    walk->ranges = ranges;
    walk->count = ranges != NULL ? count : 0;
    walk->next = 0;
    walk->lo = ranges == NULL;
    walk->hi = ranges == NULL ? UINT32_MAX : 0;
    if (ranges != NULL) {
        walk->lo = 1; /* nothing in hand */
    }
    walk->last = last;
    walk->end = end;
    walk->batch = 0;
    walk->is_cut = 0;
}

/* Bring the next range in hand. 0 at the end. */
static int next_range(struct pg_walk *walk)
{
    while (walk->lo > walk->hi || walk->lo >= walk->end) {
        if (walk->next == walk->count) {
            return 0;
        }
        int64_t before = walk->hi;
        walk->lo = walk->ranges[2 * walk->next];
        walk->hi = walk->ranges[2 * walk->next + 1];
        walk->next++;
        /* "*" is the last there is, also where a range begins after it (RFC 3501 6.4.8). */
        if (walk->hi == UINT32_MAX && walk->lo > walk->last) {
            walk->lo = walk->last > before ? walk->last : before + 1;
        }
    }
    if (walk->hi >= walk->end) {
        walk->hi = walk->end - 1;
    }
    return 1;
}

int pg_walk_next(struct pg_walk *walk)
{
    int64_t room = PG_PAGE;
    walk->batch = 0;
    walk->is_cut = 0;
    while (walk->batch < MANSIO_COUNT(walk->los) && next_range(walk)) {
        int64_t span = walk->hi - walk->lo + 1;
        int is_far = walk->batch > 0 && walk->hi - walk->los[0] >= WINDOW;
        if (is_far || (span > room && walk->batch > 0)) {
            break;
        }
        walk->los[walk->batch] = walk->lo;
        walk->his[walk->batch] = walk->hi;
        walk->batch++;
        if (span > room) {
            walk->is_cut = 1; /* stays in hand until pg_walk_got() */
            break;
        }
        room -= span;
        walk->lo = walk->hi + 1;
    }
    return walk->batch > 0;
}

void pg_walk_got(struct pg_walk *walk, size_t rows, int64_t uid)
{
    if (walk->is_cut) {
        walk->lo = rows < PG_PAGE ? walk->hi + 1 : uid + 1;
    }
}

void pg_walk_params(const struct pg_walk *walk, struct pg_params *params,
                    struct mansio_arena *arena)
{
    pg_add_int64s(params, arena, walk->los, walk->batch);
    pg_add_int64s(params, arena, walk->his, walk->batch);
    pg_add_int32(params, PG_PAGE);
}

void pg_message_fill(struct mansio_message *out, const struct pg_result *result, size_t row)
{
    *out = (struct mansio_message){
        .size = sizeof *out,
        .uid = (uint32_t)pg_get_int64(result, row, 0),
        .modseq = (uint64_t)pg_get_int64(result, row, 1),
        .message_id = (uint64_t)pg_get_int64(result, row, 2),
        .received_us = pg_get_time(result, row, 3),
        .body_bytes = (uint64_t)pg_get_int64(result, row, 4),
        .prefix_bytes = (uint32_t)pg_get_int32(result, row, 5),
        .flags = (uint32_t)pg_get_int32(result, row, 6),
        .keywords = pg_get_str(result, row, 7),
    };
}
