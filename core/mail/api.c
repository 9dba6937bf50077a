/*
 * <mansio/mail.h>: paths and mailboxes as modules have them. What is done lies in path.h and
 * address.h; here the public struct is filled in, as far as its reader knows it.
 */
#include <mansio/mail.h>
#include <mansio/str.h>

#include "core/mail/address.h"
#include "core/mail/path.h"

#include <mansio/buf.h>

#include <string.h>

_Static_assert((int)MANSIO_PATH_NULL == CORE_MAIL_PATH_NULL &&
                   (int)MANSIO_PATH_POSTMASTER == CORE_MAIL_PATH_POSTMASTER &&
                   (int)MANSIO_PATH_UTF8 == CORE_MAIL_PATH_UTF8,
               "bits are passed on");
/* 0 means "unspecified" in api/. */
_Static_assert((int)MANSIO_DOMAIN_NONE == CORE_MAIL_DOMAIN_NONE + 1 &&
                   (int)MANSIO_DOMAIN_NAME == CORE_MAIL_DOMAIN_NAME + 1 &&
                   (int)MANSIO_DOMAIN_IPV4 == CORE_MAIL_DOMAIN_IPV4 + 1 &&
                   (int)MANSIO_DOMAIN_IPV6 == CORE_MAIL_DOMAIN_IPV6 + 1,
               "kinds are passed on, one higher");

static void give(const struct core_mail_path *path, struct mansio_path *out)
{
    const struct mansio_path full = {
        .size = out->size,
        .local = path->local,
        .domain = path->domain,
        .domain_kind = path->domain_kind + 1,
        .is_utf8 = path->is_utf8,
    };

    memcpy(out, &full, out->size < sizeof full ? out->size : sizeof full);
}

int mansio_path_parse(struct mansio_arena *arena, struct mansio_str text, uint32_t allow,
                      struct mansio_path *out)
{
    struct core_mail_path path = {.domain_kind = CORE_MAIL_DOMAIN_NONE};
    int result = core_mail_path_parse(arena, text, allow, &path);

    if (result >= 0) {
        give(&path, out);
    }
    return result;
}

int mansio_mailbox_parse(struct mansio_arena *arena, struct mansio_str text, uint32_t allow,
                         struct mansio_path *out)
{
    struct core_mail_path path = {.domain_kind = CORE_MAIL_DOMAIN_NONE};
    int result = core_mail_mailbox_parse(arena, text, allow, &path);

    if (result >= 0) {
        give(&path, out);
    }
    return result;
}

int mansio_mailbox_print(struct mansio_arena *arena, struct mansio_str local,
                         struct mansio_str domain, struct mansio_str *out)
{
    const struct core_mail_address address = {.local = local, .domain = domain};
    struct mansio_buf *text = mansio_buf_new(arena, 2 * local.len + domain.len + 3);
    int result;

    core_mail_address_print_spec(text, &address);
    result = mansio_buf_status(text);
    if (result == 0) {
        *out = mansio_buf_str(text);
    }
    return result;
}
