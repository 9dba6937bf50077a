/*
 * A mail transaction: see transaction.h. Its arenas stand beside the conn's, whose cap is made for
 * idle dialogues; they have a cap of their own.
 */
#include "transaction.h"

#include <string.h>

#include <mansio/error.h>

enum {
    BASE_BYTES = 256 * 1024,    /* envelope, headers to put before the message, what filters keep */
    RECIPIENT_BYTES = 8 * 1024, /* handles, facts, prefixes, plan entries of one recipient */
    ROOM_AT_FIRST = 4,
};

struct smtp_transaction *smtp_transaction_new(uint32_t recipients_max)
{
    size_t cap = BASE_BYTES + (size_t)recipients_max * RECIPIENT_BYTES;
    struct mansio_arena *arena = mansio_arena_new(NULL, "smtp transaction", cap);
    struct smtp_transaction *transaction = mansio_arena_alloc(arena, sizeof *transaction);

    transaction->arena = arena;
    transaction->begun_us = mansio_now_us();
    return transaction;
}

void smtp_transaction_free(struct smtp_transaction *transaction)
{
    if (transaction != NULL) {
        mansio_arena_free(transaction->content_arena);
        mansio_arena_free(transaction->arena);
    }
}

/* Twice the room, at least: what is left behind is no more than what is used. */
static int grow(struct smtp_transaction *transaction)
{
    size_t room = transaction->room > 0 ? 2 * transaction->room : ROOM_AT_FIRST;
    struct smtp_recipient *recipients =
        mansio_arena_try_alloc(transaction->arena, room * sizeof *recipients);
    const struct mansio_recipient **resolved =
        mansio_arena_try_alloc(transaction->arena, room * sizeof(void *));

    if (recipients == NULL || resolved == NULL) {
        return MANSIO_E_LIMIT;
    }
    if (transaction->count > 0) {
        memcpy(recipients, transaction->recipients, transaction->count * sizeof *recipients);
        memcpy(resolved, transaction->resolved, transaction->count * sizeof(void *));
    }
    transaction->recipients = recipients;
    transaction->resolved = resolved;
    transaction->room = room;
    return 0;
}

int smtp_transaction_add(struct smtp_transaction *transaction,
                         const struct smtp_recipient *recipient)
{
    if (transaction->count == transaction->room && grow(transaction) < 0) {
        return MANSIO_E_LIMIT;
    }
    transaction->recipients[transaction->count] = *recipient;
    transaction->resolved[transaction->count] = recipient->resolved;
    transaction->count++;
    return 0;
}
