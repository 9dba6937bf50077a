/*
 * SCRAM-SHA-256 (RFC 5802, RFC 7677): its messages read and written, its arithmetic. Pure: who
 * logs in, and with which keys, is sasl_scram.c's business.
 */
#ifndef MANSIO_CORE_HOST_SCRAM_H
#define MANSIO_CORE_HOST_SCRAM_H

#include <mansio/arena.h>
#include <mansio/auth.h>

enum {
    CORE_SCRAM_HASH_BYTES = 32, /* SHA-256 */
    CORE_SCRAM_NONCE_MAX = 256, /* of a client; ours adds to it */
};

/* What a client says of channel binding (RFC 5802 6). */
enum core_scram_binding {
    CORE_SCRAM_BINDING_NO = 1,     /* "n": it can't */
    CORE_SCRAM_BINDING_UNUSED = 2, /* "y": it could, and thinks that we can't */
    CORE_SCRAM_BINDING_WANTED = 3, /* "p=NAME" */
};

/* client-first-message. Slices point into it but for those unescaped. */
struct core_scram_first {
    uint32_t binding;               /* enum core_scram_binding */
    struct mansio_str binding_name; /* "tls-exporter" */
    struct mansio_str authzid;      /* unescaped; most often empty */
    struct mansio_str name;         /* unescaped */
    struct mansio_str nonce;
    struct mansio_str header; /* gs2-header, as it was */
    struct mansio_str bare;   /* client-first-message-bare */
};

/* client-final-message. */
struct core_scram_final {
    struct mansio_str binding; /* decoded: the gs2-header again, and the channel's data */
    struct mansio_str nonce;
    struct mansio_str proof;         /* decoded, CORE_SCRAM_HASH_BYTES */
    struct mansio_str without_proof; /* client-final-message-without-proof */
};

/* 0; MANSIO_E_INVALID; MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int core_scram_read_first(struct mansio_arena *arena, struct mansio_str message,
                                            struct core_scram_first *out);
MANSIO_MUST_CHECK int core_scram_read_final(struct mansio_arena *arena, struct mansio_str message,
                                            struct core_scram_final *out);

/* server-first-message. */
MANSIO_MUST_CHECK int core_scram_print_first(struct mansio_arena *arena, struct mansio_str nonce,
                                             const struct mansio_scram_keys *keys,
                                             struct mansio_str *out);

/* Does the proof belong to these keys? Looks at all that there is to look at whatever it finds.
 * 1, and the server's signature; 0 if not; MANSIO_E_LIMIT if the library fails. */
MANSIO_MUST_CHECK int core_scram_verify(const struct mansio_scram_keys *keys,
                                        struct mansio_str auth_message, struct mansio_str proof,
                                        unsigned char out_signature[CORE_SCRAM_HASH_BYTES]);

#endif
