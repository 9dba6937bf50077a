/*
 * What an instance is for, and what follows from that: one row of rules a mode, so that code asks
 * for a rule and not for a mode. Pure.
 */
#ifndef MANSIO_MODULES_SMTP_MODE_H
#define MANSIO_MODULES_SMTP_MODE_H

#include <mansio/base.h>

/* Commands and parameters say in which of them they exist: bits 1 << mode. */
enum smtp_mode {
    SMTP_MODE_MX = 0,         /* order of the setting's choices */
    SMTP_MODE_LMTP = 1,       /* RFC 2033 */
    SMTP_MODE_SUBMISSION = 2, /* RFC 6409 */
    SMTP_MODE_COUNT,
};

enum smtp_mode_bits {
    SMTP_IN_MX = 1 << SMTP_MODE_MX,
    SMTP_IN_LMTP = 1 << SMTP_MODE_LMTP,
    SMTP_IN_SUBMISSION = 1 << SMTP_MODE_SUBMISSION,
    SMTP_IN_SMTP = SMTP_IN_MX | SMTP_IN_SUBMISSION,
    SMTP_IN_ALL = SMTP_IN_SMTP | SMTP_IN_LMTP,
};

struct smtp_rules {
    const char *greeting;       /* the protocol's name in the greeting */
    uint32_t answers_each;      /* after the message: a reply for each recipient (RFC 2033 4.2) */
    uint32_t counts_unknown;    /* guessing at addresses is an error of the client */
    uint32_t cuts_loops;        /* what was delivered to somebody before isn't again */
    uint32_t junks_rejected;    /* what filters reject for some recipients goes to their \Junk: who
                                 * sent it can't be told of some */
    uint32_t wants_login;       /* mail is taken on somebody's behalf, and from nobody else */
    uint32_t sends;             /* recipients elsewhere are taken, into the spool */
    uint32_t notifies;          /* DSN (RFC 3461): success is reported to the sender */
    uint32_t repairs;           /* headers are completed (RFC 6409 8) */
    uint32_t keeps_from_port25; /* RFC 2033 5 */
};

/* The rules of a mode. */
const struct smtp_rules *smtp_mode_rules(uint32_t mode);

#endif
