/*
 * What submission does to a message: see repair.h.
 *
 * Fields are put into the message and not, as trace fields are, before it: what is stored beside
 * it (envelope, text for search) is read from the message alone, and a copy that another host gets
 * must be the same one.
 */
#include "repair.h"

#include "author.h"
#include "header.h"
#include "transaction.h"

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/log.h>
#include <mansio/mail.h>
#include <mansio/str.h>

enum {
    SLICE_BYTES = 65536,
    VALUE_MAX = 65536, /* of From, of Sender */
    FIELDS_MAX = 4096, /* what is added */
};

struct repair {
    struct smtp_session *session;
    struct smtp_transaction *transaction;
    struct smtp_header header;
    size_t authors;           /* mailboxes in From */
    struct mansio_buf *added; /* header lines */
    struct mansio_content *made;
};

static int64_t deadline_us(const struct repair *repair)
{
    return mansio_deadline_in(smtp_options(repair->session)->delivery_us);
}

/* ---- looking --------------------------------------------------------------------------------- */

static int read_header(struct repair *repair)
{
    struct mansio_content *content = repair->transaction->content;
    struct mansio_str slice = MANSIO_STR_NONE;
    uint64_t at = 0;
    int rc = 1;

    while (rc > 0 && !repair->header.is_over) {
        rc = mansio_content_read(content, at, SLICE_BYTES, deadline_us(repair), &slice);
        if (rc > 0) {
            smtp_header_feed(&repair->header, slice);
            at += slice.len;
            int paced = mansio_fiber_pace();
            rc = paced < 0 ? paced : rc;
        }
    }
    smtp_header_end(&repair->header);
    return rc < 0 ? rc : 0;
}

/* ---- what is missing ------------------------------------------------------------------------- */

/* Who sends: the address that the client gave, which is the account's, or the account's first. */
static struct mansio_str own_address(const struct repair *repair)
{
    struct mansio_str path = repair->transaction->reverse_path;

    return path.len > 0 ? path : smtp_account_address(repair->session);
}

static void add_fields(struct repair *repair)
{
    uint32_t seen = repair->header.seen;
    struct mansio_str address = own_address(repair);
    int64_t now_us = mansio_wall_us();
    char date[MANSIO_MAIL_DATE_MAX];
    size_t length = mansio_mail_date(now_us, date);

    if (!(seen & SMTP_FIELD_DATE)) { /* RFC 6409 8.2 */
        (void)mansio_buf_printf(repair->added, "Date: %.*s\r\n", (int)length, date);
    }
    if (!(seen & SMTP_FIELD_FROM)) {
        (void)mansio_buf_printf(repair->added, "From: <%.*s>\r\n", MANSIO_STR_ARG(address));
    }
    if (repair->authors > 1 && !(seen & SMTP_FIELD_SENDER)) { /* RFC 6409 8.1, RFC 5322 3.6.2 */
        (void)mansio_buf_printf(repair->added, "Sender: <%.*s>\r\n", MANSIO_STR_ARG(address));
    }
    if (!(seen & SMTP_FIELD_MESSAGE_ID)) { /* RFC 6409 8.3 */
        (void)mansio_buf_printf(repair->added, "Message-ID: <%.*s.%llx@%s>\r\n",
                                MANSIO_STR_ARG(repair->transaction->id), (unsigned long long)now_us,
                                smtp_options(repair->session)->hostname);
    }
}

/* ---- making it anew -------------------------------------------------------------------------- */

static int write_bytes(struct repair *repair, struct mansio_str bytes)
{
    return mansio_content_write(repair->made, bytes, deadline_us(repair));
}

/* Bytes of the message from one place to another. */
static int copy(struct repair *repair, uint64_t from, uint64_t to)
{
    struct mansio_str slice = MANSIO_STR_NONE;
    int rc = 0;

    while (rc >= 0 && from < to) {
        size_t max = to - from < SLICE_BYTES ? (size_t)(to - from) : SLICE_BYTES;
        rc = mansio_content_read(repair->transaction->content, from, max, deadline_us(repair),
                                 &slice);
        if (rc == 0) {
            rc = mansio_fail(MANSIO_E_BUG, "a content ended before its end");
        }
        if (rc > 0) {
            from += slice.len;
            rc = write_bytes(repair, slice);
            rc = rc < 0 ? rc : mansio_fiber_pace();
        }
    }
    return rc < 0 ? rc : 0;
}

/* All of the message but what is cut, and behind a broken header the line that ends it. */
static int copy_all(struct repair *repair)
{
    const struct smtp_header *header = &repair->header;
    uint64_t from = 0;
    int rc = write_bytes(repair, mansio_buf_str(repair->added));

    for (size_t i = 0; rc == 0 && i < header->cut_count; i++) {
        rc = copy(repair, from, header->cuts[i].offset);
        from = header->cuts[i].offset + header->cuts[i].length;
    }
    if (rc == 0) {
        rc = copy(repair, from, header->length);
    }
    if (rc == 0 && header->is_broken) {
        rc = write_bytes(repair, MANSIO_STR("\r\n"));
    }
    if (rc == 0) {
        rc = copy(repair, header->length, mansio_content_size(repair->transaction->content));
    }
    return rc == 0 ? mansio_content_finish(repair->made, deadline_us(repair)) : rc;
}

/* One's own address may be beyond ASCII, whoever wrote the message. */
static uint32_t has_8bit(struct mansio_str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if ((unsigned char)bytes.ptr[i] > 0x7f) {
            return 1;
        }
    }
    return 0;
}

static int make_anew(struct repair *repair)
{
    struct smtp_transaction *transaction = repair->transaction;
    struct mansio_arena *arena = mansio_arena_new(NULL, "smtp repair", 0);

    repair->made = mansio_content_new(arena, transaction->bytes_max + FIELDS_MAX + 2);
    int rc = copy_all(repair);
    if (rc < 0) {
        mansio_arena_free(arena);
        return rc;
    }
    mansio_arena_free(transaction->content_arena);
    transaction->content_arena = arena;
    transaction->content = repair->made;
    transaction->text.is_8bit |= has_8bit(mansio_buf_str(repair->added));
    smtp_count(repair->session, SMTP_REPAIRS, 1);
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int run(struct repair *repair, struct smtp_answer *out)
{
    int rc = read_header(repair);

    if (rc == 0) {
        rc = smtp_author_judge(repair->session, &repair->header, &repair->authors, out);
    }
    if (rc < 0 || out->code != 0) {
        return rc;
    }
    if (repair->header.has_too_many_cuts) {
        *out = smtp_answer(554, "5.6.0", "too many Bcc fields");
        return 0;
    }
    add_fields(repair);
    if (mansio_buf_str(repair->added).len == 0 && repair->header.cut_count == 0 &&
        !repair->header.is_broken) {
        return 0;
    }
    return make_anew(repair);
}

int smtp_repair(struct smtp_session *session, struct smtp_answer *out)
{
    struct repair repair = {.session = session, .transaction = session->transaction};
    struct mansio_arena *arena = mansio_arena_new(NULL, "smtp header", 4 * VALUE_MAX + FIELDS_MAX);

    repair.added = mansio_buf_new(arena, FIELDS_MAX);
    smtp_header_begin(&repair.header, mansio_buf_new(arena, VALUE_MAX),
                      mansio_buf_new(arena, VALUE_MAX));
    int rc = run(&repair, out);
    mansio_arena_free(arena);
    if (rc < 0 && mansio_error_class(rc) != MANSIO_CLASS_CANCELLED) {
        mansio_log(MANSIO_LOG_WARNING, "repair-failed",
                   MANSIO_KV_STR("id", session->transaction->id), MANSIO_KV_CODE("error", rc),
                   MANSIO_KV_END);
        *out = smtp_answer(451, "4.3.0", "something failed here, try again later");
        rc = 0;
    }
    return rc;
}
