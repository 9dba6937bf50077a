/*
 * Sending sections (RFC 3501 6.4.5 and 7.4.2). A literal is announced when its first bytes are
 * there; what isn't small is read in slices while it is sent. If reading fails behind that, the
 * session ends: no other word would be understood.
 */
#include "fetch.h"

#include <inttypes.h>

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/str.h>

#include "fetch_batch.h"
#include "view.h"

enum {
    FIRST_MESSAGES = 8,   /* of the first batch: before it nothing can be sent */
    COPY_MAX = 8 << 10,   /* bytes that are rather copied than sent apart */
    SLICE = 512 << 10,    /* of what isn't small */
    HEADER_MAX = 1 << 20, /* of which fields are chosen */
    SLICE_CAP = 2 * HEADER_MAX + (64 << 10),
    CHOSEN_MAX = HEADER_MAX + 4,
};

/* One message on its way. */
struct sending {
    struct imap_fetching *fetching;
    struct imap_fetched *fetched;
    struct mansio_arena *arena; /* of a slice */
    struct mansio_buf *chosen;  /* fields of a header */
    uint32_t is_begun;          /* a part of the response has left the line */
};

/* ---- \Seen ------------------------------------------------------------------------------------
 */

struct seeing {
    struct imap_batch *batch;
    size_t at;
};

static int see(void *arg, const struct mansio_message *message)
{
    struct seeing *seeing = arg;
    struct imap_batch *batch = seeing->batch;
    while (seeing->at < batch->count && batch->messages[seeing->at].message.uid < message->uid) {
        seeing->at++;
    }
    if (seeing->at == batch->count || batch->messages[seeing->at].message.uid != message->uid) {
        return 0;
    }
    struct mansio_message *ours = &batch->messages[seeing->at].message;
    struct mansio_str keywords = MANSIO_STR_NONE;
    if (mansio_arena_copy(batch->arena, message->keywords, &keywords) == 0) {
        ours->keywords = keywords;
    }
    ours->flags = message->flags;
    ours->modseq = message->modseq;
    return 0;
}

/* All of a batch in one transaction. Those that change say so: they get another modseq. */
static int set_seen(struct imap_batch *batch, uint64_t *before)
{
    struct imap_session *session = batch->fetching->session;
    uint32_t ranges[2 * IMAP_BATCH_MESSAGES];
    struct mansio_flag_change change = {
        .size = sizeof change,
        .uid_ranges = ranges,
        .operation = MANSIO_FLAGS_ADD,
        .flags = MANSIO_FLAG_SEEN,
        .unchanged_since = UINT64_MAX,
    };
    struct seeing seeing = {.batch = batch};
    for (size_t i = 0; i < batch->count; i++) {
        const struct imap_fetched *fetched = &batch->messages[i];
        before[i] = fetched->message.modseq;
        if (fetched->failed == 0 && (fetched->message.flags & MANSIO_FLAG_SEEN) == 0) {
            ranges[2 * change.range_count] = fetched->message.uid;
            ranges[2 * change.range_count + 1] = fetched->message.uid;
            change.range_count++;
        }
    }
    if (change.range_count == 0 || !batch->fetching->what.sets_seen ||
        session->view->is_read_only) {
        return 0;
    }
    return session->store->message_flag(session->pool, session->account,
                                        session->view->collection_id, &change, see, NULL, &seeing,
                                        imap_store_deadline(session));
}

/* ---- pieces -----------------------------------------------------------------------------------
 */

/* Half of a response leaves: from here on it must be finished. */
static int flush_line(struct sending *sending)
{
    struct imap_fetching *fetching = sending->fetching;
    int rc = mansio_buf_status(fetching->line);
    if (rc < 0) {
        return rc;
    }
    sending->is_begun = 1;
    mansio_buf_add(fetching->session->out, mansio_buf_str(fetching->line));
    mansio_buf_reset(fetching->line);
    return 0;
}

/* Many sections may be more than a line holds. */
static int spill(struct sending *sending)
{
    struct imap_fetching *fetching = sending->fetching;
    if (mansio_buf_str(fetching->line).len < IMAP_OUT_FLUSH) {
        return 0;
    }
    int rc = flush_line(sending);
    if (rc == 0) {
        fetching->session->is_mid_response = 1;
        rc = imap_fetch_send(fetching, 1);
    }
    return rc;
}

static int send_run(struct sending *sending, struct mansio_str bytes)
{
    struct imap_fetching *fetching = sending->fetching;
    if (bytes.len <= COPY_MAX) {
        return mansio_buf_add(fetching->line, bytes);
    }
    int rc = flush_line(sending);
    if (rc == 0) {
        fetching->session->is_mid_response = 1;
        rc = imap_send_bytes(fetching->session, bytes);
        fetching->is_broken |= rc < 0;
    }
    return rc;
}

/* A literal has no NUL (RFC 3501 9: CHAR8); a message that came by other ways may. */
static int send_bytes(struct sending *sending, struct mansio_str bytes)
{
    ptrdiff_t nul = mansio_str_find_char(bytes, '\0');
    int rc = 0;
    while (rc == 0 && nul >= 0) {
        rc = send_run(sending, mansio_str_sub(bytes, 0, (size_t)nul));
        if (rc == 0) {
            rc = mansio_buf_add_char(sending->fetching->line, ' ');
        }
        bytes = mansio_str_sub(bytes, (size_t)nul + 1, SIZE_MAX);
        nul = mansio_str_find_char(bytes, '\0');
    }
    return rc == 0 ? send_run(sending, bytes) : rc;
}

/* "BODY[1] {n}": the bytes must follow. */
static void announce(struct sending *sending, const struct imap_section *section, uint64_t length)
{
    mansio_buf_add(sending->fetching->line, section->label);
    mansio_buf_printf(sending->fetching->line, length == 0 ? " \"\"" : " {%" PRIu64 "}\r\n",
                      length);
}

static int read_slice(struct sending *sending, uint64_t offset, uint64_t length,
                      struct mansio_str *out)
{
    struct imap_session *session = sending->fetching->session;
    mansio_arena_reset(sending->arena);
    int rc =
        session->store->message_read(session->pool, session->account, session->view->collection_id,
                                     sending->fetched->message.uid, offset, (size_t)length,
                                     sending->arena, imap_store_deadline(session), out);
    if (rc == 0 && out->len == 0) {
        rc = mansio_fail(MANSIO_E_UNAVAILABLE, "message %" PRIu32 " has no byte %" PRIu64,
                         sending->fetched->message.uid, offset);
    }
    return rc;
}

/* A range, piece by piece, as it is read. */
static int stream(struct sending *sending, const struct imap_section *section,
                  struct imap_range range)
{
    struct mansio_str slice = MANSIO_STR_NONE;
    uint64_t left = range.length;
    int rc = 0;
    while (rc == 0 && left > 0) {
        rc = read_slice(sending, range.offset, left < SLICE ? left : SLICE, &slice);
        if (rc == 0 && left == range.length) {
            announce(sending, section, left);
        }
        if (rc == 0) {
            range.offset += slice.len;
            left -= slice.len;
            rc = send_bytes(sending, slice);
        }
        if (rc == 0) {
            rc = mansio_fiber_pace();
        }
        sending->is_begun |= left < range.length; /* what was announced must come */
    }
    return rc;
}

/* ---- sections ---------------------------------------------------------------------------------
 */

/* A range of what was read ahead; 0 if it isn't there. */
static int held(const struct imap_fetched *fetched, struct imap_range range, struct mansio_str *out)
{
    uint64_t from = range.offset - fetched->span.offset;
    if (range.offset < fetched->span.offset || from + range.length > fetched->bytes.len) {
        return 0;
    }
    *out = (struct mansio_str){fetched->bytes.ptr + from, (size_t)range.length};
    return 1;
}

static int send_choice(struct sending *sending, const struct imap_section *section,
                       struct imap_range range)
{
    struct mansio_str header = MANSIO_STR("");
    int rc = 0;
    if (range.length > 0 && !held(sending->fetched, range, &header)) {
        rc = read_slice(sending, range.offset,
                        range.length < HEADER_MAX ? range.length : HEADER_MAX, &header);
    }
    if (rc < 0) {
        return rc;
    }
    mansio_buf_reset(sending->chosen);
    imap_section_choose(sending->chosen, section, header);
    rc = mansio_buf_status(sending->chosen);
    struct mansio_str bytes = imap_section_cut_bytes(section, mansio_buf_str(sending->chosen));
    if (rc == 0) {
        announce(sending, section, bytes.len);
        rc = send_bytes(sending, bytes);
    }
    return rc;
}

static int send_section(struct sending *sending, const struct imap_section *section)
{
    const struct imap_fetched *fetched = sending->fetched;
    struct imap_range range;
    struct mansio_str bytes = MANSIO_STR_NONE;
    if (!imap_section_find(section, fetched->root, fetched->message.prefix_bytes,
                           fetched->message.body_bytes, &range)) {
        mansio_buf_add(sending->fetching->line, section->label);
        mansio_buf_add(sending->fetching->line, MANSIO_STR(" NIL"));
        return 0;
    }
    if (imap_section_is_choice(section)) {
        return send_choice(sending, section, range);
    }
    range = imap_section_cut(section, range);
    if (range.length > 0 && !held(fetched, range, &bytes)) {
        return stream(sending, section, range);
    }
    announce(sending, section, bytes.len);
    return send_bytes(sending, bytes);
}

/* What was not read with others. */
static int read_span(struct sending *sending)
{
    struct imap_fetched *fetched = sending->fetched;
    if (fetched->span.length == 0 || fetched->span.length > IMAP_BATCH_SMALL ||
        fetched->bytes.len > 0) {
        return 0;
    }
    int rc = read_slice(sending, fetched->span.offset, fetched->span.length, &fetched->bytes);
    if (fetched->bytes.len < fetched->span.length) {
        fetched->bytes = MANSIO_STR_NONE; /* section by section, as far as it goes */
    }
    return rc;
}

/* ---- messages ---------------------------------------------------------------------------------
 */

/* An error that costs this message its answer: the others can still be given. */
static int give_up(struct sending *sending, int rc)
{
    struct imap_fetching *fetching = sending->fetching;
    mansio_buf_reset(fetching->line);
    if (sending->is_begun) {
        fetching->is_broken = 1;
        return rc;
    }
    if (rc == MANSIO_E_NOT_FOUND) {
        return 0; /* expunged since it was listed */
    }
    if (mansio_error_class(rc) == MANSIO_CLASS_TRANSIENT ||
        mansio_error_class(rc) == MANSIO_CLASS_CANCELLED) {
        return rc;
    }
    imap_fetch_failed(fetching, rc);
    return 0;
}

static int send_message(struct sending *sending, uint32_t what)
{
    struct imap_fetching *fetching = sending->fetching;
    const struct imap_fetched *fetched = sending->fetched;
    uint32_t number = imap_view_number(fetching->session->view, fetched->message.uid);
    if (fetched->failed < 0) {
        return give_up(sending, fetched->failed);
    }
    int rc = read_span(sending);
    if (rc < 0) {
        return give_up(sending, rc);
    }
    imap_fetch_print(fetching, number, what, &fetched->message, fetched->root);
    for (size_t i = 0; rc == 0 && i < fetching->what.section_count; i++) {
        if (i > 0 || what != 0) {
            mansio_buf_add_char(fetching->line, ' ');
        }
        rc = send_section(sending, &fetching->what.sections[i]);
        if (rc == 0) {
            rc = spill(sending);
        }
        rc = rc == 0 ? mansio_fiber_pace() : rc; /* choosing fields takes its time */
    }
    mansio_buf_add(fetching->line, MANSIO_STR(")\r\n"));
    if (rc == 0) {
        rc = flush_line(sending);
    }
    if (rc < 0) {
        return give_up(sending, rc);
    }
    imap_fetch_told(fetching, what, &fetched->message);
    return imap_fetch_send(fetching, IMAP_OUT_FLUSH);
}

static int send_batch(struct sending *sending, struct imap_batch *batch)
{
    struct imap_fetching *fetching = sending->fetching;
    struct imap_session *session = fetching->session;
    uint64_t before[IMAP_BATCH_MESSAGES];
    int rc = set_seen(batch, before);
    for (size_t i = 0; rc == 0 && i < batch->count; i++) {
        uint32_t what = fetching->what.what;
        sending->fetched = &batch->messages[i];
        sending->is_begun = 0;
        if (sending->fetched->message.modseq != before[i]) {
            what |= IMAP_FETCH_FLAGS; /* RFC 3501 6.4.5: it changed them */
            what |= imap_fetch_flags_items(session, what);
        }
        rc = send_message(sending, what);
        if (rc == 0) {
            rc = mansio_fiber_pace();
        }
    }
    /* Its last response has left the session: a goodbye may follow. */
    int sent = fetching->is_broken ? 0 : imap_fetch_send(fetching, 1);
    if (sent == 0 && !fetching->is_broken) {
        session->is_mid_response = 0;
    }
    return rc < 0 ? rc : sent;
}

/* ---- reading ahead ----------------------------------------------------------------------------
 */

/* How many messages fill a batch, going by the last one: what is listed beyond that is listed
 * again. */
static size_t next_wanted(const struct imap_batch *batch, size_t wanted)
{
    if (batch->is_cut) {
        return batch->count;
    }
    size_t fit = batch->bytes > 0 ? batch->count * IMAP_BATCH_BYTES / batch->bytes : SIZE_MAX;
    wanted = fit < 2 * wanted ? fit : 2 * wanted;
    return wanted < IMAP_BATCH_MESSAGES ? wanted : IMAP_BATCH_MESSAGES;
}

static int read_ahead(void *arg)
{
    struct imap_batch *batch = arg;
    return imap_batch_read(batch, batch->wanted);
}

/* Without a fiber for it, it is read when it is wanted. */
static void begin_reading(struct mansio_group *group, struct imap_batch *batch, size_t wanted)
{
    batch->wanted = wanted;
    batch->reader = NULL;
    if (mansio_group_spawn(group, "imap-fetch", read_ahead, batch, &batch->reader) < 0) {
        batch->reader = NULL;
    }
}

static int wait_for(struct imap_batch *batch)
{
    int result = 0;
    if (batch->reader == NULL) {
        return read_ahead(batch);
    }
    int rc = mansio_fiber_join(batch->reader, MANSIO_NEVER, &result);
    return rc < 0 ? rc : result;
}

/* Two batches in turn: one is sent while the other is read. */
static int send_all(struct imap_fetching *fetching, struct sending *sending,
                    struct imap_batch batches[2], struct mansio_group *group)
{
    size_t at = 0, wanted = FIRST_MESSAGES;
    int rc = imap_batch_read(&batches[0], wanted);
    while (rc == 0 && batches[at].count > 0) {
        struct imap_batch *now = &batches[at], *next = &batches[1 - at];
        int is_last = imap_walk_is_at_end(&fetching->walk);
        wanted = next_wanted(now, wanted);
        if (!is_last) {
            begin_reading(group, next, wanted);
        }
        rc = send_batch(sending, now);
        if (rc < 0 || is_last) {
            break;
        }
        rc = wait_for(next);
        at = 1 - at;
    }
    return rc;
}

int imap_fetch_bodies(struct imap_fetching *fetching)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "imap.fetch", 0);
    struct mansio_group *group = mansio_group_new("imap-fetch");
    struct imap_batch batches[2];
    struct sending sending = {
        .fetching = fetching,
        .arena = mansio_arena_new(arena, "imap.fetch.slice", SLICE_CAP),
        .chosen = mansio_buf_new(arena, CHOSEN_MAX),
    };
    imap_batch_init(&batches[0], fetching, arena);
    imap_batch_init(&batches[1], fetching, arena);
    int rc = send_all(fetching, &sending, batches, group);
    mansio_group_close(group);
    mansio_arena_free(arena);
    return rc;
}
