/*
 * Messages read ahead, for a client that fetches one after the other: most do, and what a message
 * costs the database is nearly all the asking. From the second RETR in a row on, the messages that
 * follow are read with it, up to 256 KiB; they are held until they are sent, or the client asks for
 * something else.
 */
#ifndef MANSIO_MODULES_POP3_AHEAD_H
#define MANSIO_MODULES_POP3_AHEAD_H

#include "maildrop.h"

enum { POP3_AHEAD_MESSAGES = 16 };

struct pop3_ahead {
    struct mansio_arena *arena; /* of the bytes held */
    uint32_t last;              /* the number asked for last; 0: none */
    uint32_t count;
    uint32_t numbers[POP3_AHEAD_MESSAGES]; /* ascending */
    struct mansio_str bytes[POP3_AHEAD_MESSAGES];
};

/* @param parent  arena of the session */
void pop3_ahead_init(struct pop3_ahead *ahead, struct mansio_arena *parent);

/* RETR asks for message @p number. Its bytes, whole, until pop3_ahead_sent(); empty: it wasn't read
 * ahead, nor with others now: read it singly. That also says why where reading failed. Yields. */
struct mansio_str pop3_ahead_get(struct pop3_ahead *ahead, const struct pop3_maildrop *drop,
                                 uint32_t number, int64_t deadline_us);

/* It was sent: if it was the last one held, nothing is held any more. */
void pop3_ahead_sent(struct pop3_ahead *ahead, uint32_t number);

#endif
