/*
 * Recipients: where an address leads. Brings it into its one spelling, asks the directory, and
 * makes handles of what it says. Knows neither aliases nor sub-addresses: the directory does.
 */
#include <mansio/account.h>

#include <mansio/error.h>
#include <mansio/mail.h>
#include <mansio/str.h>

#include "core/host/account.h"

struct mansio_recipient {
    struct mansio_str address, detail;
    struct mansio_account **accounts;
    size_t count;
};

/* RFC 5321 4.5.1: Postmaster without a domain, in any case; else a domain must be there. */
static int normalize(struct mansio_arena *arena, struct mansio_str *local,
                     struct mansio_str *domain)
{
    if (domain->len == 0) {
        if (!mansio_str_ieq(*local, MANSIO_STR("postmaster"))) {
            return mansio_fail(MANSIO_E_INVALID, "an address without a domain");
        }
        *local = MANSIO_STR("postmaster");
        return 0;
    }
    if (domain->ptr[0] == '[') {
        return mansio_fail(MANSIO_E_UNSUPPORTED, "%.*s: no mail is taken for address literals",
                           MANSIO_STR_ARG(mansio_str_sub(*domain, 0, 80)));
    }
    int err = mansio_domain_normalize(arena, *domain, domain);
    return err < 0 ? err : mansio_local_normalize(arena, *local, local);
}

static int make(struct mansio_arena *arena, const struct core_directory *directory,
                const struct mansio_route *route, struct mansio_recipient **out)
{
    if (route->account_count == 0) {
        return mansio_fail(MANSIO_E_BUG, "%.*s: directory %.*s gave a route that leads nowhere",
                           MANSIO_STR_ARG(route->address),
                           MANSIO_STR_ARG(mansio_instance_name(directory->instance)));
    }
    struct mansio_recipient *recipient = mansio_arena_try_alloc(arena, sizeof *recipient);
    struct mansio_account **accounts =
        mansio_arena_try_alloc(arena, route->account_count * sizeof *accounts);
    if (recipient == NULL || accounts == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < route->account_count; i++) {
        int err = core_account_adopt(arena, route->accounts[i], &accounts[i]);
        if (err < 0) {
            return err;
        }
    }
    *recipient = (struct mansio_recipient){
        .address = route->address,
        .detail = route->detail,
        .accounts = accounts,
        .count = route->account_count,
    };
    *out = recipient;
    return 0;
}

int mansio_recipient_resolve(struct mansio_arena *arena, struct mansio_str local,
                             struct mansio_str domain, int64_t deadline_us,
                             struct mansio_recipient **out)
{
    const struct core_directory *directory = core_directory_current();
    if (directory == NULL) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "no directory says who there is");
    }
    struct mansio_route route = {.size = sizeof route};
    int err = normalize(arena, &local, &domain);
    if (err == 0) {
        err =
            directory->table.route(directory->instance, local, domain, arena, deadline_us, &route);
    }
    return err < 0 ? err : make(arena, directory, &route, out);
}

int mansio_recipient_remote(struct mansio_arena *arena, struct mansio_str local,
                            struct mansio_str domain, struct mansio_recipient **out)
{
    struct mansio_recipient *recipient = mansio_arena_try_alloc(arena, sizeof *recipient);
    int err = recipient == NULL ? MANSIO_E_LIMIT : 0;

    if (err == 0 && (domain.len == 0 || domain.ptr[0] != '[')) {
        err = mansio_domain_normalize(arena, domain, &domain);
    }
    if (err == 0) {
        *recipient = (struct mansio_recipient){.count = 0};
        err = mansio_mailbox_print(arena, local, domain, &recipient->address);
    }
    if (err == 0) {
        *out = recipient;
    }
    return err;
}

struct mansio_str mansio_recipient_address(const struct mansio_recipient *recipient)
{
    return recipient->address;
}

struct mansio_str mansio_recipient_detail(const struct mansio_recipient *recipient)
{
    return recipient->detail;
}

size_t mansio_recipient_count(const struct mansio_recipient *recipient)
{
    return recipient->count;
}

struct mansio_account *mansio_recipient_account(const struct mansio_recipient *recipient,
                                                size_t index)
{
    MANSIO_ASSERT(index < recipient->count);
    return recipient->accounts[index];
}
