/*
 * The names of an account's mailboxes as LIST and LSUB see them: those that there are, those that
 * are only subscribed to, and the levels above them that are neither, in one hierarchy.
 */
#ifndef MANSIO_MODULES_IMAP_NAMES_H
#define MANSIO_MODULES_IMAP_NAMES_H

#include <mansio/arena.h>
#include <mansio/base.h>

struct imap_session;

enum imap_name_flags {
    IMAP_NAME_EXISTS = 1,
    IMAP_NAME_SUBSCRIBED = 2,
    /* For who walks over them (imap_names_carry()). */
    IMAP_NAME_MATCHES = 4,       /* a pattern */
    IMAP_NAME_SELECTED = 8,      /* what was asked for */
    IMAP_NAME_ABOVE_EXISTS = 16, /* there is a mailbox below */
    IMAP_NAME_ABOVE_SUBSCRIBED = 32,
    IMAP_NAME_ABOVE_SELECTED = 64, /* below there is what was asked for */
    IMAP_NAME_ABOVE_HIDDEN = 128,  /* ... that matches no pattern */
};

struct imap_name {
    struct mansio_str name;
    uint32_t flags;       /* enum imap_name_flags */
    uint32_t special_use; /* enum mansio_special_use; 0: none */
    size_t parent;        /* its place; SIZE_MAX: none */
};

/* In the order of the hierarchy: each name before those below it. */
struct imap_names {
    struct mansio_arena *arena;
    struct imap_name *rows;
    size_t count, room;
    int status; /* of adding: 0 or MANSIO_E_LIMIT */
};

/* Add a name, perhaps once more; its text is copied. */
void imap_names_add(struct imap_names *names, struct mansio_str name, uint32_t flags,
                    uint32_t special_use);

/* All have been added: bring them in order, once each, with the levels above.
 * @return 0; MANSIO_E_LIMIT */
MANSIO_MUST_CHECK int imap_names_arrange(struct imap_names *names);

/* Tell the levels above what EXISTS, SUBSCRIBED, SELECTED say of those below. */
void imap_names_carry(struct imap_names *names);

/* Ask the store for all of an account's. @return 0, or the store's error. Yields. */
MANSIO_MUST_CHECK int imap_names_load(struct imap_session *session, struct imap_names *out);

/* "\Sent" and its like (RFC 6154); NULL: a use that has no attribute. */
const char *imap_special_use_name(uint32_t special_use);
/* enum mansio_special_use of an attribute, any case; 0: none that we have. */
uint32_t imap_special_use_find(struct mansio_str attribute);

#endif
