/*
 * <mansio/structure.h>: what a stored message is made of, as modules have it. What is done lies in
 * stored.h, word.h, fold.h and charset.h; here public structs are filled in, one for each of ours.
 */
#include <mansio/structure.h>

#include "core/mail/charset.h"
#include "core/mail/fold.h"
#include "core/mail/stored.h"
#include "core/mail/word.h"

#include <mansio/error.h>

/* 0 means "unspecified" in api/. */
_Static_assert((int)MANSIO_PART_LEAF == CORE_MAIL_PART_LEAF + 1 &&
                   (int)MANSIO_PART_MULTIPART == CORE_MAIL_PART_MULTIPART + 1 &&
                   (int)MANSIO_PART_MESSAGE == CORE_MAIL_PART_MESSAGE + 1,
               "kinds of parts are passed on, one higher");
_Static_assert((int)MANSIO_ADDRESS_MAILBOX == CORE_MAIL_MAILBOX + 1 &&
                   (int)MANSIO_ADDRESS_GROUP_START == CORE_MAIL_GROUP_START + 1 &&
                   (int)MANSIO_ADDRESS_GROUP_END == CORE_MAIL_GROUP_END + 1,
               "kinds of addresses are passed on, one higher");

/* A part with where its next child goes. */
struct made {
    struct mansio_part part;
    struct made *parent;
    const struct mansio_part **end;
};

struct giving {
    struct mansio_arena *arena;
    int is_full; /* sticky: what is asked for after it is left out */
};

static void *get_record(struct giving *giving, size_t size)
{
    void *record = giving->is_full ? NULL : mansio_arena_try_alloc(giving->arena, size);

    giving->is_full |= record == NULL;
    return record;
}

static const struct mansio_param *give_params(struct giving *giving,
                                              const struct core_mail_param *from)
{
    const struct mansio_param *first = NULL;
    const struct mansio_param **end = &first;

    for (; from != NULL; from = from->next) {
        struct mansio_param *param = get_record(giving, sizeof *param);

        if (param == NULL) {
            break;
        }
        *param = (struct mansio_param){
            .size = sizeof *param,
            .name = from->name,
            .value = from->value,
            .is_extended = from->is_extended,
        };
        *end = param;
        end = &param->next;
    }
    return first;
}

static const struct mansio_address *give_addresses(struct giving *giving,
                                                   const struct core_mail_address_list *list)
{
    const struct mansio_address *first = NULL;
    const struct mansio_address **end = &first;

    for (const struct core_mail_address *from = list->first; from != NULL; from = from->next) {
        struct mansio_address *address = get_record(giving, sizeof *address);

        if (address == NULL) {
            break;
        }
        *address = (struct mansio_address){
            .size = sizeof *address,
            .kind = from->kind + 1,
            .name = from->name,
            .route = from->route,
            .local = from->local,
            .domain = from->domain,
        };
        *end = address;
        end = &address->next;
    }
    return first;
}

static const struct mansio_envelope *give_envelope(struct giving *giving,
                                                   const struct core_mail_envelope *from)
{
    struct mansio_envelope *envelope = from != NULL ? get_record(giving, sizeof *envelope) : NULL;

    if (envelope == NULL) {
        return NULL;
    }
    *envelope = (struct mansio_envelope){
        .size = sizeof *envelope,
        .date = from->date,
        .subject = from->subject,
        .in_reply_to = from->in_reply_to,
        .message_id = from->message_id,
        .references = from->references,
        .from = give_addresses(giving, &from->from),
        .sender = give_addresses(giving, &from->sender),
        .reply_to = give_addresses(giving, &from->reply_to),
        .to = give_addresses(giving, &from->to),
        .cc = give_addresses(giving, &from->cc),
        .bcc = give_addresses(giving, &from->bcc),
    };
    return envelope;
}

static struct made *give_part(struct giving *giving, const struct core_mail_part *from,
                              struct made *parent)
{
    struct made *made = get_record(giving, sizeof *made);

    if (made == NULL) {
        return NULL;
    }
    made->part = (struct mansio_part){
        .size = sizeof made->part,
        .parent = parent != NULL ? &parent->part : NULL,
        .kind = from->kind + 1,
        .header_start = from->header_start,
        .body_start = from->body_start,
        .body_end = from->body_end,
        .header_lines = from->header_lines,
        .body_lines = from->body_lines,
        .type = from->type.value,
        .subtype = from->type.subtype,
        .params = give_params(giving, from->type.first),
        .disposition = from->disposition.value,
        .disposition_params = give_params(giving, from->disposition.first),
        .encoding = from->encoding,
        .id = from->id,
        .description = from->description,
        .md5 = from->md5,
        .language = from->language,
        .location = from->location,
        .envelope = give_envelope(giving, from->envelope),
    };
    made->parent = parent;
    made->end = &made->part.first_child;
    if (parent != NULL) {
        *parent->end = &made->part;
        parent->end = &made->part.next;
    }
    return made;
}

int mansio_structure_read(struct mansio_arena *arena, struct mansio_str bytes,
                          const struct mansio_part **out)
{
    struct core_mail_message message = {.root = NULL};
    struct giving giving = {.arena = arena};
    struct made *root = NULL;
    struct made *last = NULL;
    int result = core_mail_stored_read(arena, bytes, &message);

    if (result < 0) {
        return result;
    }
    for (const struct core_mail_part *from = message.root, *before = NULL; from != NULL;
         before = from, from = from->following) {
        /* The parent of what follows is the part before it, or one that holds that. */
        for (; before != from->parent; before = before->parent) {
            last = last->parent;
        }
        last = give_part(&giving, from, last);
        if (last == NULL) {
            break;
        }
        root = root != NULL ? root : last;
    }
    if (giving.is_full) {
        return MANSIO_E_LIMIT;
    }
    *out = &root->part;
    return 0;
}

int mansio_address_list_read(struct mansio_arena *arena, struct mansio_str text, uint32_t max,
                             const struct mansio_address **out)
{
    struct core_mail_address_list list = {.first = NULL};
    struct giving giving = {.arena = arena};
    int result = core_mail_address_parse(arena, text, max, &list);
    const struct mansio_address *first = result >= 0 ? give_addresses(&giving, &list) : NULL;

    if (giving.is_full) {
        return MANSIO_E_LIMIT;
    }
    if (result >= 0) {
        *out = first;
    }
    return result;
}

void mansio_text_decode(struct mansio_buf *out, struct mansio_str text)
{
    core_mail_word_decode(out, text);
}

void mansio_text_fold(struct mansio_buf *out, size_t max, struct mansio_str text)
{
    (void)core_mail_fold(out, max, text);
}

int mansio_text_from_charset(struct mansio_buf *out, struct mansio_str charset,
                             struct mansio_str text)
{
    struct core_mail_charset converter;
    int is_known = core_mail_charset_open(&converter, charset);

    if (is_known) {
        core_mail_charset_feed(&converter, text, out);
        core_mail_charset_flush(&converter, out);
    }
    core_mail_charset_close(&converter);
    return is_known;
}
