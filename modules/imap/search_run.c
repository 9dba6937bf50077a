/*
 * Running a search: see search_run.h. The mailbox is gone through in blocks, so that memory is
 * bounded. In a block, first entries are listed and, if that hasn't decided, structures; a message
 * is kept with what is known of it only as long as it is undecided. Then the store looks for one
 * text after the other among those that are left; and what it can't know is read.
 */
#include "search_run.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/search.h>
#include <mansio/str.h>
#include <mansio/structure.h>

#include "search_leaf.h"
#include "view.h"

enum {
    BLOCK = 16384, /* messages */
    WORDS = IMAP_SEARCH_LEAVES_MAX / 64,
    READ_BYTES = 1 << 20,
    STRUCTURE_MAX = 16 << 20, /* a structure, read: far more than stores keep of a message */
};

/* A message that isn't decided. Answers follow it: values, then what is unknown. */
struct candidate {
    uint32_t uid;
    uint32_t is_over; /* decided by now, or gone */
    uint64_t modseq;
};

struct run {
    struct imap_session *session;
    const struct imap_search *search;
    struct imap_search_found *found;
    struct imap_set *sets; /* by leaf */
    struct imap_set block; /* UIDs in hand */
    struct imap_search_work work;
    struct mansio_arena *arena;      /* of the run */
    struct mansio_arena *structures; /* reset from message to message */
    size_t words;                    /* of answers */
    uint64_t late[WORDS];            /* leaves that entries don't answer */
    uint64_t texts[WORDS];           /* leaves that structures don't answer either */
    uint32_t has_early, has_structures, has_texts;
    uint32_t kinds;     /* a bit for each kind of leaf that there is */
    uint32_t is_asking; /* the list that runs has structures */
    struct candidate *candidates;
    uint64_t *answers;
    size_t count, room; /* of candidates */
    size_t at;          /* the candidate that a visit has come to */
    size_t leaf;        /* that is asked for */
};

static uint64_t *values_of(const struct run *run, size_t index)
{
    return run->answers + index * 2 * run->words;
}

static uint64_t *unknown_of(const struct run *run, size_t index)
{
    return values_of(run, index) + run->words;
}

static void set_bit(uint64_t *bits, size_t at, int is_on)
{
    bits[at / 64] =
        (bits[at / 64] & ~(UINT64_C(1) << (at % 64))) | (is_on ? UINT64_C(1) << (at % 64) : 0);
}

static int has_bit(const uint64_t *bits, size_t at)
{
    return (bits[at / 64] >> (at % 64) & 1) != 0;
}

/* ---- preparing ------------------------------------------------------------------------------ */

/* What a set of the client's means here. What is required narrows the whole. */
static int resolve(struct run *run, struct imap_set *wanted)
{
    const struct imap_search *search = run->search;
    int rc = 0;
    run->sets =
        mansio_arena_try_alloc(run->session->arena, (search->leaf_count + 1) * sizeof *run->sets);
    if (run->sets == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; rc == 0 && i < search->leaf_count; i++) {
        const struct imap_search_leaf *leaf = &search->leaves[i];
        int is_uid = leaf->kind == IMAP_SEARCH_UIDS;
        if (!is_uid && leaf->kind != IMAP_SEARCH_NUMBERS) {
            continue;
        }
        rc = imap_view_resolve(run->session->view, &leaf->set, is_uid, run->session->arena,
                               &run->sets[i]);
        if (rc == 0 && leaf->is_required) {
            rc = imap_set_intersect(run->session->arena, wanted, &run->sets[i], wanted);
        }
    }
    return rc;
}

/* Which leaves are answered when. */
static void sort_leaves(struct run *run)
{
    for (size_t i = 0; i < run->search->leaf_count; i++) {
        uint32_t kind = run->search->leaves[i].kind;
        run->kinds |= UINT32_C(1) << kind;
        set_bit(run->late, i, kind >= IMAP_SEARCH_SENT_BEFORE);
        set_bit(run->texts, i, kind >= IMAP_SEARCH_FIELD);
        run->has_texts |= kind >= IMAP_SEARCH_FIELD;
        run->has_structures |= kind >= IMAP_SEARCH_SENT_BEFORE && kind < IMAP_SEARCH_FIELD;
        /* Which messages are looked at has answered these. */
        int is_answered =
            run->search->leaves[i].is_required &&
            (kind == IMAP_SEARCH_ALL || kind == IMAP_SEARCH_NUMBERS || kind == IMAP_SEARCH_UIDS);
        run->has_early |= kind < IMAP_SEARCH_SENT_BEFORE && !is_answered;
    }
}

/* ---- deciding ------------------------------------------------------------------------------- */

static int keep_found(struct run *run, uint32_t uid, uint64_t modseq)
{
    run->found->modseq = modseq > run->found->modseq ? modseq : run->found->modseq;
    return imap_gather_add(&run->found->uids, uid, uid);
}

static int keep_candidate(struct run *run, const struct mansio_message *message,
                          const uint64_t *values, const uint64_t *unknown)
{
    if (run->count == run->room) {
        return mansio_fail(MANSIO_E_BUG, "more messages than UIDs"); /* a store's mistake */
    }
    run->candidates[run->count] =
        (struct candidate){.uid = message->uid, .modseq = message->modseq};
    memcpy(values_of(run, run->count), values, run->words * sizeof *values);
    memcpy(unknown_of(run, run->count), unknown, run->words * sizeof *unknown);
    run->count++;
    return 0;
}

/* What is known of a candidate may decide now. What is found here is told in no order: the gather
 * brings it into one. */
static int decide(struct run *run, size_t index)
{
    struct candidate *candidate = &run->candidates[index];
    enum imap_search_answer answer =
        imap_search_join(run->search, values_of(run, index), unknown_of(run, index));
    candidate->is_over = answer != IMAP_SEARCH_UNKNOWN;
    return answer == IMAP_SEARCH_YES ? keep_found(run, candidate->uid, candidate->modseq) : 0;
}

/* ---- entries and structures ----------------------------------------------------------------- */

/* Answer what the structure does. One that can't be read leaves it open: the message is read. */
static void ask_structure(struct run *run, const struct mansio_message *message, uint64_t *values,
                          uint64_t *unknown)
{
    const struct mansio_part *root = NULL;
    mansio_arena_reset(run->structures);
    if (mansio_structure_read(run->structures, message->structure, &root) < 0 ||
        root->envelope == NULL) {
        return;
    }
    imap_search_work_take(&run->work, root->envelope);
    /* Kind by kind: so each field is decoded once. */
    for (uint32_t kind = IMAP_SEARCH_SENT_BEFORE; kind < IMAP_SEARCH_FIELD; kind++) {
        for (size_t i = 0; (run->kinds >> kind & 1) && i < run->search->leaf_count; i++) {
            if (run->search->leaves[i].kind == kind && has_bit(unknown, i)) {
                set_bit(values, i, imap_search_envelope(&run->search->leaves[i], &run->work));
                set_bit(unknown, i, 0);
            }
        }
    }
}

static void ask_entry(struct run *run, const struct mansio_message *message, uint64_t *values)
{
    const struct imap_search_place place = {
        .is_recent = (uint32_t)imap_view_is_recent(run->session->view, message->uid),
        .sets = run->sets,
    };
    for (size_t i = 0; i < run->search->leaf_count; i++) {
        if (!has_bit(run->late, i)) {
            set_bit(values, i, imap_search_entry(&run->search->leaves[i], i, message, &place));
        }
    }
}

/* An entry as the list shows it. What it and, where it is there, the structure don't decide is
 * kept. */
static int see_entry(void *arg, const struct mansio_message *message)
{
    struct run *run = arg;
    uint64_t values[WORDS] = {0};
    uint64_t unknown[WORDS];
    if (!imap_set_has(&run->block, message->uid)) {
        return 0;
    }
    memcpy(unknown, run->late, sizeof unknown);
    ask_entry(run, message, values);
    enum imap_search_answer answer = imap_search_join(run->search, values, unknown);
    if (answer == IMAP_SEARCH_UNKNOWN && run->is_asking) {
        ask_structure(run, message, values, unknown);
        answer = imap_search_join(run->search, values, unknown);
    }
    return answer == IMAP_SEARCH_YES  ? keep_found(run, message->uid, message->modseq)
           : answer == IMAP_SEARCH_NO ? 0
                                      : keep_candidate(run, message, values, unknown);
}

/* A structure of one of those that are left. */
static int see_structure(void *arg, const struct mansio_message *message)
{
    struct run *run = arg;
    while (run->at < run->count && run->candidates[run->at].uid < message->uid) {
        run->at++;
    }
    if (run->at == run->count || run->candidates[run->at].uid != message->uid) {
        return 0;
    }
    ask_structure(run, message, values_of(run, run->at), unknown_of(run, run->at));
    return decide(run, run->at);
}

static int list(struct run *run, const struct imap_set *uids, uint32_t flags,
                mansio_message_fn visit)
{
    struct imap_session *session = run->session;
    const struct mansio_message_query query = {
        .size = sizeof query,
        .uid_ranges = uids->ranges,
        .range_count = uids->count,
        .flags = flags,
    };
    return session->store->message_list(session->pool, session->account,
                                        session->view->collection_id, &query, visit, run,
                                        imap_store_deadline(session));
}

/* Those that aren't decided, close together again; their UIDs as a set. */
static int gather_left(struct run *run, struct imap_set *out)
{
    struct imap_gather gather = {.arena = run->arena};
    size_t left = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < run->count; i++) {
        if (run->candidates[i].is_over) {
            continue;
        }
        if (i != left) {
            run->candidates[left] = run->candidates[i];
            memcpy(values_of(run, left), values_of(run, i), 2 * run->words * sizeof(uint64_t));
        }
        rc = imap_gather_add(&gather, run->candidates[left].uid, run->candidates[left].uid);
        left++;
    }
    imap_gather_end(&gather);
    run->count = left;
    run->at = 0;
    *out = gather.set;
    return rc;
}

static int ask_structures(struct run *run)
{
    struct imap_set left;
    int rc = gather_left(run, &left);
    return rc < 0 || run->count == 0 ? rc : list(run, &left, MANSIO_QUERY_STRUCTURE, see_structure);
}

/* ---- texts ---------------------------------------------------------------------------------- */

static struct mansio_search_key key_of(const struct imap_search_leaf *leaf)
{
    struct mansio_str field = imap_search_field(leaf);
    return (struct mansio_search_key){
        .size = sizeof(struct mansio_search_key),
        .where = leaf->kind == IMAP_SEARCH_BODY   ? MANSIO_SEARCH_BODY
                 : leaf->kind == IMAP_SEARCH_TEXT ? MANSIO_SEARCH_TEXT
                                                  : MANSIO_SEARCH_FIELD,
        .needle = leaf->text,
        .field = field.len > 0 ? field : leaf->field,
    };
}

/* A message that has the text, or may have it. */
static int see_text(void *arg, uint32_t uid, uint32_t is_certain)
{
    struct run *run = arg;
    while (run->at < run->count && run->candidates[run->at].uid < uid) {
        run->at++;
    }
    if (run->at < run->count && run->candidates[run->at].uid == uid) {
        set_bit(is_certain ? values_of(run, run->at) : unknown_of(run, run->at), run->leaf, 1);
    }
    return 0;
}

/* Ask the store for one leaf's text among those that are left. */
static int ask_text(struct run *run)
{
    struct imap_session *session = run->session;
    const struct mansio_search_key key = key_of(&run->search->leaves[run->leaf]);
    struct imap_set left;
    int rc = gather_left(run, &left);
    if (rc < 0 || run->count == 0 || session->store->message_search == NULL) {
        return rc;
    }
    for (size_t i = 0; i < run->count; i++) {
        set_bit(unknown_of(run, i), run->leaf, 0);
    }
    rc = session->store->message_search(session->pool, session->account,
                                        session->view->collection_id, left.ranges, left.count, &key,
                                        see_text, run, imap_store_deadline(session));
    for (size_t i = 0; rc == 0 && i < run->count; i++) {
        rc = decide(run, i);
        rc = rc == 0 ? mansio_fiber_pace() : rc;
    }
    return rc;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* What is still unknown of a message, as keys of a scan. Of what has no text (a date that a damaged
 * structure hides) nothing is found. */
static size_t open_keys(struct run *run, size_t index, struct mansio_search_key *keys,
                        uint16_t *leaves)
{
    size_t count = 0;
    for (size_t i = 0; i < run->search->leaf_count; i++) {
        if (!has_bit(unknown_of(run, index), i)) {
            continue;
        }
        set_bit(unknown_of(run, index), i, 0);
        if (run->search->leaves[i].text.len > 0 ||
            run->search->leaves[i].kind == IMAP_SEARCH_FIELD) {
            leaves[count] = (uint16_t)i;
            keys[count++] = key_of(&run->search->leaves[i]);
        }
    }
    return count;
}

/* All bytes of a message through a scan. @param bytes  of it, if they are at hand */
static int feed(struct run *run, struct mansio_arena *arena, struct mansio_scan *scan, uint32_t uid,
                struct mansio_str bytes)
{
    struct imap_session *session = run->session;
    if (bytes.len > 0) {
        return mansio_scan_feed(scan, bytes);
    }
    int rc = 0;
    for (uint64_t at = 0;; at += bytes.len) {
        struct mansio_arena *piece = mansio_arena_new(arena, "imap.search.piece", 0);
        rc = session->store->message_read(session->pool, session->account,
                                          session->view->collection_id, uid, at, READ_BYTES, piece,
                                          imap_store_deadline(session), &bytes);
        rc = rc == 0 ? mansio_scan_feed(scan, bytes) : rc;
        mansio_arena_free(piece);
        if (rc < 0 || bytes.len == 0) {
            return rc;
        }
    }
}

static int read_one(struct run *run, size_t index, struct mansio_str bytes)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "imap.search.read", 0);
    size_t room = run->search->leaf_count;
    struct mansio_search_key *keys = mansio_arena_try_alloc(arena, room * sizeof *keys);
    uint16_t *leaves = mansio_arena_try_alloc(arena, room * sizeof *leaves);
    int rc = keys == NULL || leaves == NULL ? MANSIO_E_LIMIT : 0;
    if (rc == 0) {
        size_t count = open_keys(run, index, keys, leaves);
        struct mansio_scan *scan = mansio_scan_new(arena, keys, count);
        rc = feed(run, arena, scan, run->candidates[index].uid, bytes);
        rc = rc == 0 ? mansio_scan_finish(scan) : rc;
        for (size_t i = 0; rc == 0 && i < count; i++) {
            set_bit(values_of(run, index), leaves[i], mansio_scan_found(scan, i));
        }
    }
    mansio_arena_free(arena);
    if (rc == MANSIO_E_NOT_FOUND) {
        run->candidates[index].is_over = 1; /* expunged meanwhile */
        return 0;
    }
    return rc == 0 ? decide(run, index) : rc;
}

/* Some messages, in one go where they are small. */
static int read_some(struct run *run, size_t first, size_t count)
{
    struct imap_session *session = run->session;
    uint32_t uids[MANSIO_READ_MANY_MAX];
    struct mansio_str bytes[MANSIO_READ_MANY_MAX] = {{NULL, 0}};
    struct mansio_arena *arena = mansio_arena_new(NULL, "imap.search.some", 0);
    int rc = 0;
    for (size_t i = 0; i < count; i++) {
        uids[i] = run->candidates[first + i].uid;
    }
    if (session->store->message_read_many != NULL && count > 1) {
        rc = session->store->message_read_many(
            session->pool, session->account, session->view->collection_id, uids, count, READ_BYTES,
            arena, imap_store_deadline(session), bytes);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = read_one(run, first + i, bytes[i]);
    }
    mansio_arena_free(arena);
    return rc;
}

static int read_left(struct run *run)
{
    struct imap_set left;
    int rc = gather_left(run, &left);
    for (size_t i = 0; rc == 0 && i < run->count; i += MANSIO_READ_MANY_MAX) {
        size_t count = run->count - i;
        rc = read_some(run, i, count < MANSIO_READ_MANY_MAX ? count : MANSIO_READ_MANY_MAX);
    }
    return rc;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* A block. Where nothing but structures is asked they come with the entries, else only for those
 * that entries leave open. */
static int run_block(struct run *run, const struct imap_set *uids)
{
    run->block = *uids;
    run->count = 0;
    run->is_asking = run->has_structures && !run->has_early;
    int rc = list(run, uids, run->is_asking ? MANSIO_QUERY_STRUCTURE : 0, see_entry);
    if (rc == 0 && run->has_structures && !run->is_asking) {
        rc = ask_structures(run);
    }
    for (size_t i = 0; rc == 0 && i < run->search->leaf_count; i++) {
        if (has_bit(run->texts, i)) {
            run->leaf = i;
            rc = ask_text(run);
        }
    }
    return rc == 0 ? read_left(run) : rc;
}

static int make_room(struct run *run, const struct imap_set *wanted)
{
    uint64_t count = imap_set_count(wanted);
    run->room = count < BLOCK ? (size_t)count : BLOCK;
    run->words = (run->search->leaf_count + 63) / 64;
    run->arena = mansio_arena_new(run->session->arena, "imap.search", 0);
    run->structures = mansio_arena_new(run->session->arena, "imap.search.structure", STRUCTURE_MAX);
    imap_search_work_init(&run->work, run->session->arena);
    run->candidates =
        mansio_arena_try_alloc(run->session->arena, run->room * sizeof *run->candidates);
    run->answers = mansio_arena_try_alloc(run->session->arena,
                                          run->room * 2 * run->words * sizeof *run->answers);
    return run->room > 0 && (run->candidates == NULL || run->answers == NULL) ? MANSIO_E_LIMIT : 0;
}

int imap_search_run(struct imap_session *session, const struct imap_search *search,
                    struct imap_search_found *out)
{
    struct run *run = mansio_arena_alloc(session->arena, sizeof *run);
    struct imap_set wanted = imap_view_uids(session->view);
    struct imap_pieces pieces;
    *out = (struct imap_search_found){.uids = {.arena = session->arena}};
    *run = (struct run){.session = session, .search = search, .found = out};
    sort_leaves(run);
    int rc = resolve(run, &wanted);
    if (rc == 0 && !run->has_early && !run->has_structures && !run->has_texts) {
        out->uids.set = wanted; /* nothing is asked but which messages: no store has to tell */
        return 0;
    }
    rc = rc == 0 ? make_room(run, &wanted) : rc;
    rc = rc == 0 ? imap_pieces_begin(&pieces, session->arena, &wanted, BLOCK) : rc;
    while (rc == 0 && imap_pieces_next(&pieces)) {
        rc = run_block(run, &pieces.piece);
        mansio_arena_reset(run->arena);
    }
    imap_gather_end(&out->uids);
    return rc;
}
