/*
 * SASL as a client (RFC 4422): PLAIN (4616), LOGIN, SCRAM-SHA-256 (5802, 7677). Messages before and
 * after base64 are the client's.
 */
#ifndef MANSIO_MODULES_OUTBOUND_SASL_H
#define MANSIO_MODULES_OUTBOUND_SASL_H

#include <mansio/arena.h>
#include <mansio/base.h>

enum { OB_ITERATIONS_MAX = 1000000 };

struct ob_scram {
    struct mansio_str user, password; /* borrowed */
    struct mansio_str first;          /* client-first-message-bare */
    char nonce[33];
    unsigned char server_key_proof[32]; /* the ServerSignature that is expected */
    int is_proved;
};

/** PLAIN's one message. @return 0; MANSIO_E_INVALID: NUL in a name or password */
MANSIO_MUST_CHECK int ob_plain_message(struct mansio_arena *arena, struct mansio_str user,
                                       struct mansio_str password, struct mansio_str *out);

/** SCRAM's first message. @param nonce  as random as can be, 18 bytes */
MANSIO_MUST_CHECK int ob_scram_first(struct mansio_arena *arena, struct ob_scram *scram,
                                     struct mansio_str user, struct mansio_str password,
                                     const unsigned char nonce[18], struct mansio_str *out);

/** SCRAM's answer to the server's first message.
 * @return 0; MANSIO_E_INVALID: it isn't one, or too costly @yields yes: hashing takes a while */
MANSIO_MUST_CHECK int ob_scram_final(struct mansio_arena *arena, struct ob_scram *scram,
                                     struct mansio_str server_first, int64_t deadline_us,
                                     struct mansio_str *out);

/** Does the server know the password, too? @return 0; MANSIO_E_DENIED */
MANSIO_MUST_CHECK int ob_scram_check(struct mansio_arena *arena, struct ob_scram *scram,
                                     struct mansio_str server_final);

#endif
