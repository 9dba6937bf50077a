/*
 * Local parts in the one spelling that our directories compare: case-folded, NFC (RFC 5321 2.4
 * leaves it to the host whether "Bob" is "bob"; here it is).
 */
#ifndef MANSIO_CORE_MAIL_LOCAL_H
#define MANSIO_CORE_MAIL_LOCAL_H

enum {
    /* Of what is given, and of what comes out; folding makes text up to three times as long. */
    CORE_MAIL_LOCAL_SPELLING_MAX = 256,
};

#endif
