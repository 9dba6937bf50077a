/*
 * Address lists of header fields (RFC 5322 3.4 with the obsolete forms of 4.4, RFC 6532).
 *
 * Reading never fails on input: what is no address becomes one without a domain, or is passed. The
 * strict reader of SMTP's paths is path.h. Time is linear, nothing recurses.
 */
#ifndef MANSIO_CORE_MAIL_ADDRESS_H
#define MANSIO_CORE_MAIL_ADDRESS_H

#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/str.h>

enum {
    CORE_MAIL_MAILBOX = 0,
    CORE_MAIL_GROUP_START = 1, /* its name is in local */
    CORE_MAIL_GROUP_END = 2,
};

/* One entry of a list, in the order of the text. Missing pieces have a NULL ptr. */
struct core_mail_address {
    struct core_mail_address *next;
    uint32_t kind;
    struct mansio_str name;   /* quotes resolved, encoded words as they stand; a comment if there
                                 is no phrase */
    struct mansio_str route;  /* "@a,@b" of an obsolete source route */
    struct mansio_str local;  /* quotes resolved */
    struct mansio_str domain; /* a mailbox always has one, empty if the text has none */
};

struct core_mail_address_list {
    struct core_mail_address *first; /* NULL if there is none */
    struct core_mail_address *last;
    uint32_t count;
};

/*
 * Append what a field's value says to a list.
 *
 * @param arena  owns the entries; nothing points into @p text
 * @param max    entries the list may have in all; what follows is left out
 * @return 0; 1 if entries were left out; MANSIO_E_LIMIT if the arena is full (the list is whole
 *         up to there)
 */
MANSIO_MUST_CHECK int core_mail_address_parse(struct mansio_arena *arena, struct mansio_str text,
                                              uint32_t max, struct core_mail_address_list *list);

/* Append a local part, quoted if it must be (RFC 5321 4.1.2, RFC 5322 3.4.1). */
void core_mail_address_print_local(struct mansio_buf *out, struct mansio_str local);

/* Append local part, "@" and domain; the local part alone if the domain is empty. */
void core_mail_address_print_spec(struct mansio_buf *out, const struct core_mail_address *address);

/* Append a list as a field's value: UTF-8 stays (RFC 6532), routes are left out. */
void core_mail_address_print(struct mansio_buf *out, const struct core_mail_address_list *list);

#endif
