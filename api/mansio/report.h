/*
 * Delivery status notifications, composed: what tells a sender what became of a message (RFC 3464
 * in a multipart/report of RFC 6522; the wishes of RFC 3461; RFC 6533 for UTF-8). Pure.
 *
 * Facts go in, a message comes out, which is ready to be delivered or spooled with the null
 * reverse-path (RFC 3461 6.1). Whether one is due is mansio_report_is_due()'s to say. Here, and not
 * in a module, since several need it: outbound reports failure, delay and relaying, who delivers to
 * mailboxes reports success.
 *
 * One report may tell of many recipients, but of one message alone. It is given in two pieces, so
 * that what is returned of the message may lie elsewhere and be large: write `head`, then the first
 * `returned_bytes` bytes of the message, then `tail`.
 */
#ifndef MANSIO_REPORT_H
#define MANSIO_REPORT_H

#include <mansio/arena.h>
#include <mansio/base.h>

enum mansio_report_action {
    MANSIO_REPORT_FAILED = 1,
    MANSIO_REPORT_DELAYED = 2,
    MANSIO_REPORT_DELIVERED = 3,
    MANSIO_REPORT_RELAYED = 4, /* to where nobody will report success (RFC 3461 5.2.2) */
    MANSIO_REPORT_EXPANDED = 5,
};

/** What became of one recipient. Texts may come from peers: they are made safe here. */
struct mansio_report_recipient {
    size_t size;                /* sizeof(struct mansio_report_recipient): also the stride */
    uint32_t action;            /* enum mansio_report_action */
    uint32_t reserved;          /* 0 */
    struct mansio_str address;  /* the forward path that we had: "user@example.org" */
    struct mansio_str original; /* ORCPT, decoded: "rfc822;user@example.org"; may be empty */
    struct mansio_str status;   /* "5.1.1" (RFC 3463); empty: what `reply` says, else x.0.0 */
    struct mansio_str remote;   /* name of the server that said `reply`; empty: none did */
    struct mansio_str reply;    /* its words: "550 5.1.1 no such user", lines separated by LF
                                 * or CRLF; may be empty */
    struct mansio_str reason;   /* ours, where no server spoke: "connecting to mx.example.org:
                                 * Connection refused", one line; may be empty */
    struct mansio_str log_id;   /* what to look for in our log; may be empty */
    int64_t last_attempt_us;    /* wall clock; 0: not known */
    int64_t retry_until_us;     /* DELAYED: when we give up; 0: not known */
};

enum mansio_report_flags {
    MANSIO_REPORT_8BIT = 1, /* the message has bytes beyond ASCII (MANSIO_PLAN_8BIT) */
    MANSIO_REPORT_UTF8 = 2, /* it came with SMTPUTF8 (MANSIO_PLAN_UTF8) */
};

struct mansio_report {
    size_t size;                    /* sizeof(struct mansio_report) */
    uint32_t flags;                 /* enum mansio_report_flags */
    uint32_t reserved;              /* 0 */
    struct mansio_str hostname;     /* ours: "mail.example.net" */
    struct mansio_str id;           /* like no other and not to be guessed: 16 to 64 letters,
                                     * digits, '-' and '.' (mansio_report_id()). Boundary and
                                     * Message-ID come of it */
    struct mansio_str reverse_path; /* whom it is for; not empty */
    struct mansio_str envelope_id;  /* ENVID, decoded; may be empty */
    struct mansio_str ret;          /* "FULL", "HDRS" or empty, as the sender wished */
    struct mansio_str message;      /* the message's beginning: its whole header, if that is within
                                     * MANSIO_REPORT_HEADER_MAX; more is ignored */
    uint64_t message_bytes;         /* of all of it */
    uint64_t returned_bytes_max;    /* return a larger one's header alone (RFC 3461 6.2) */
    int64_t arrived_us;             /* wall clock: when the message came to us */
    int64_t now_us;                 /* wall clock: the report's date */
    const struct mansio_report_recipient *recipients;
    size_t recipient_count; /* 1 to MANSIO_REPORT_RECIPIENTS_MAX */
};

/** What is looked at of a message, and the most that is returned of a header. */
#define MANSIO_REPORT_HEADER_MAX 65536

/** Most recipients of one report. */
#define MANSIO_REPORT_RECIPIENTS_MAX 1000

struct mansio_report_text {
    size_t size;             /* sizeof(struct mansio_report_text), set by the caller */
    struct mansio_str head;  /* up to what is returned; lines end in CRLF */
    struct mansio_str tail;  /* what follows it */
    uint64_t returned_bytes; /* how much of the message goes between, from its first byte; 0 when a
                              * header is returned: that is in `head` */
    uint32_t flags;          /* MANSIO_REPORT_8BIT, MANSIO_REPORT_UTF8: what the report itself
                              * needs of who carries it */
    uint32_t reserved;       /* 0 */
};

/**
 * Compose a report.
 *
 * The whole message is returned when something failed, the sender didn't ask for HDRS, and it isn't
 * too large; else its header (RFC 3461 4.3).
 *
 * @param arena   owns the texts: up to 200 KiB, and 32 KiB a recipient, if peers talk a lot
 * @param report  facts
 * @param out     its size set
 * @return 0; MANSIO_E_INVALID for facts that make no report: no reverse path or one that isn't
 *         a mailbox, no recipient or too many, an action, id or hostname that is none;
 *         MANSIO_E_LIMIT when the arena is full
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_report_compose(struct mansio_arena *arena,
                                                          const struct mansio_report *report,
                                                          struct mansio_report_text *out);

/**
 * A new id for a report: 32 digits, of which nobody can guess any.
 *
 * @param out  in @p arena
 * @return 0; MANSIO_E_LIMIT; MANSIO_E_IO: the system has no random numbers
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_report_id(struct mansio_arena *arena,
                                                     struct mansio_str *out);

/**
 * Is a sender to be told (RFC 3461 4.1, 6.1)? Never the null reverse-path: there is no bounce of a
 * bounce. Failure and delay when `notify` says so or nothing; the rest only when asked.
 *
 * @param notify        NOTIFY as it came: "NEVER", "SUCCESS,DELAY", ...; empty: none came. Words
 *                      that are none are passed over
 * @param action        enum mansio_report_action
 * @param reverse_path  of the message
 * @return 1 or 0
 * @yields no     @since 1.0
 */
MANSIO_EXPORT int mansio_report_is_due(struct mansio_str notify, uint32_t action,
                                       struct mansio_str reverse_path);

#endif
