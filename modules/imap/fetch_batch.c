/*
 * Batches: which messages, and what is read of them. See fetch_batch.h.
 */
#include "fetch_batch.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "view.h"

enum {
    ENOUGH = 2 << 20,     /* of structures: then a batch is full */
    BATCH_CAP = 20 << 20, /* with the last structure, and the bytes */
    STOPPED = 1,
};

void imap_batch_init(struct imap_batch *batch, struct imap_fetching *fetching,
                     struct mansio_arena *parent)
{
    *batch = (struct imap_batch){
        .arena = mansio_arena_new(parent, "imap.fetch.batch", BATCH_CAP),
        .fetching = fetching,
    };
}

/* ---- the list ---------------------------------------------------------------------------------
 */

/* Keep what the visitor is shown; 0, or MANSIO_E_LIMIT. */
static int keep(struct imap_batch *batch, struct imap_fetched *fetched,
                const struct mansio_message *message)
{
    fetched->message = *message;
    int rc = mansio_arena_copy(batch->arena, message->keywords, &fetched->message.keywords);
    if (rc == 0) {
        rc = mansio_arena_copy(batch->arena, message->structure, &fetched->message.structure);
    }
    return rc == 0 ? imap_fetch_structure(batch->fetching, batch->arena, &fetched->message,
                                          &fetched->root)
                   : rc;
}

static int visit(void *arg, const struct mansio_message *message)
{
    struct imap_batch *batch = arg;
    struct imap_fetched *fetched = &batch->messages[batch->count];
    if (imap_view_number(batch->fetching->session->view, message->uid) == 0) {
        return 0;
    }
    *fetched = (struct imap_fetched){.failed = 0};
    fetched->failed = keep(batch, fetched, message);
    if (fetched->failed == MANSIO_E_LIMIT && batch->count > 0) {
        return STOPPED; /* it comes again, alone if need be */
    }
    batch->count++;
    int is_full = batch->count == IMAP_BATCH_MESSAGES || mansio_arena_used(batch->arena) >= ENOUGH;
    return is_full ? STOPPED : 0;
}

static int list(struct imap_batch *batch, const uint32_t *ranges, size_t range_count)
{
    struct imap_session *session = batch->fetching->session;
    const struct mansio_message_query query = {
        .size = sizeof query,
        .uid_ranges = ranges,
        .range_count = range_count,
        .changed_since = batch->fetching->what.changed_since,
        .flags = batch->fetching->query_flags,
    };
    int rc =
        session->store->message_list(session->pool, session->account, session->view->collection_id,
                                     &query, visit, batch, imap_store_deadline(session));
    batch->is_cut = rc == STOPPED;
    return rc < 0 ? rc : 0;
}

/* ---- bytes ------------------------------------------------------------------------------------
 */

/* From the first byte that a message's sections need to the last. */
static void find_span(const struct imap_fetch *what, struct imap_fetched *fetched)
{
    const struct mansio_message *message = &fetched->message;
    uint64_t first = UINT64_MAX, last = 0;
    for (size_t i = 0; i < what->section_count; i++) {
        const struct imap_section *section = &what->sections[i];
        struct imap_range range;
        if (!imap_section_find(section, fetched->root, message->prefix_bytes, message->body_bytes,
                               &range)) {
            continue;
        }
        if (!imap_section_is_choice(section)) {
            range = imap_section_cut(section, range);
        }
        if (range.length > 0) {
            first = range.offset < first ? range.offset : first;
            last = range.offset + range.length > last ? range.offset + range.length : last;
        }
    }
    fetched->span = last > 0 ? (struct imap_range){first, last - first} : (struct imap_range){0, 0};
}

static int is_read_ahead(const struct imap_fetched *fetched)
{
    return fetched->failed == 0 && fetched->span.length > 0 &&
           fetched->span.length <= IMAP_BATCH_SMALL;
}

/* As many messages as fit; the others are listed again. */
static void fit(struct imap_batch *batch)
{
    batch->bytes = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct imap_fetched *fetched = &batch->messages[i];
        if (fetched->failed == 0) {
            find_span(&batch->fetching->what, fetched);
        }
        size_t length = is_read_ahead(fetched) ? (size_t)fetched->span.length : 0;
        if (batch->bytes + length > IMAP_BATCH_BYTES) {
            batch->count = i;
            batch->is_cut = 1;
            break;
        }
        batch->bytes += length;
    }
}

/* What they need, all at once. Whatever isn't as long as it is listed is judged where it is read
 * singly. */
static int read_spans(struct imap_batch *batch)
{
    struct imap_session *session = batch->fetching->session;
    struct mansio_slice slices[IMAP_BATCH_MESSAGES];
    size_t places[IMAP_BATCH_MESSAGES];
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct imap_fetched *fetched = &batch->messages[i];
        if (is_read_ahead(fetched)) {
            places[count] = i;
            slices[count++] = (struct mansio_slice){
                .size = sizeof slices[0],
                .uid = fetched->message.uid,
                .offset = fetched->span.offset,
                .max = (uint32_t)fetched->span.length,
            };
        }
    }
    if (count == 0 || session->store->message_read_slices == NULL) {
        return 0;
    }
    int rc = session->store->message_read_slices(session->pool, session->account,
                                                 session->view->collection_id, slices, count,
                                                 batch->arena, imap_store_deadline(session));
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct imap_fetched *fetched = &batch->messages[places[i]];
        if (slices[i].bytes.len == fetched->span.length) {
            fetched->bytes = slices[i].bytes;
        }
    }
    return rc == MANSIO_E_LIMIT ? 0 : rc; /* no room for all: then one by one */
}

int imap_batch_read(struct imap_batch *batch, size_t wanted)
{
    uint32_t ranges[2 * IMAP_BATCH_MESSAGES];
    mansio_arena_reset(batch->arena);
    batch->count = 0;
    batch->messages =
        mansio_arena_alloc(batch->arena, IMAP_BATCH_MESSAGES * sizeof batch->messages[0]);
    while (batch->count == 0) {
        size_t range_count = imap_walk_take(&batch->fetching->walk, (uint32_t)wanted, ranges,
                                            MANSIO_COUNT(ranges) / 2);
        if (range_count == 0) {
            return 0;
        }
        int rc = list(batch, ranges, range_count);
        if (rc < 0) {
            return rc;
        }
    }
    fit(batch);
    if (batch->is_cut) {
        imap_walk_behind(&batch->fetching->walk, batch->messages[batch->count - 1].message.uid);
    }
    return read_spans(batch);
}
