/*
 * Commands of an SMTP client: see command.h.
 *
 * What comes out of the spool was checked when it came in, but a command is a line all the same:
 * whatever a path or a parameter holds, no byte of it ends one.
 */
#include "command.h"

#include <mansio/error.h>
#include <mansio/mail.h>
#include <mansio/plan.h>
#include <mansio/str.h>

static const struct {
    struct mansio_str word;
    uint32_t feature;
} features[] = {
    {MANSIO_STR("PIPELINING"), OB_PIPELINING},
    {MANSIO_STR("SIZE"), OB_SIZE},
    {MANSIO_STR("8BITMIME"), OB_8BITMIME},
    {MANSIO_STR("SMTPUTF8"), OB_SMTPUTF8},
    {MANSIO_STR("DSN"), OB_DSN},
    {MANSIO_STR("STARTTLS"), OB_STARTTLS},
    {MANSIO_STR("AUTH"), OB_AUTH},
};

static const struct {
    struct mansio_str word;
    uint32_t mechanism;
} mechanisms[] = {
    {MANSIO_STR("SCRAM-SHA-256"), OB_SCRAM_SHA_256},
    {MANSIO_STR("PLAIN"), OB_PLAIN},
    {MANSIO_STR("LOGIN"), OB_LOGIN},
};

static void read_mechanisms(struct ob_offer *offer, struct mansio_str words)
{
    struct mansio_str word;
    while (mansio_str_split(&words, ' ', &word)) {
        for (size_t i = 0; i < MANSIO_COUNT(mechanisms); i++) {
            if (mansio_str_ieq(word, mechanisms[i].word)) {
                offer->mechanisms |= mechanisms[i].mechanism;
            }
        }
    }
}

void ob_offer_read(struct ob_offer *offer, struct mansio_str words)
{
    struct mansio_str rest = mansio_str_trim(words);
    struct mansio_str word = MANSIO_STR_NONE;
    uint32_t feature = 0;

    /* Some old servers say "AUTH=LOGIN". */
    if (mansio_str_istarts(rest, MANSIO_STR("AUTH="))) {
        offer->features |= OB_AUTH;
        read_mechanisms(offer, mansio_str_sub(rest, 5, SIZE_MAX));
        return;
    }
    if (!mansio_str_split(&rest, ' ', &word)) {
        return;
    }
    for (size_t i = 0; i < MANSIO_COUNT(features); i++) {
        if (mansio_str_ieq(word, features[i].word)) {
            feature = features[i].feature;
        }
    }
    offer->features |= feature;
    if (feature == OB_AUTH) {
        read_mechanisms(offer, rest);
    } else if (feature == OB_SIZE &&
               mansio_parse_u64(mansio_str_trim(rest), UINT64_MAX, &offer->size_max) < 0) {
        offer->size_max = 0; /* RFC 1870 3: no number, or 0: no fixed limit */
    }
}

int ob_is_beyond_ascii(struct mansio_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80) {
            return 1;
        }
    }
    return 0;
}

void ob_add_xtext(struct mansio_buf *out, struct mansio_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < '!' || c > '~' || c == '+' || c == '=') {
            (void)mansio_buf_printf(out, "+%02X", c);
        } else {
            (void)mansio_buf_add_char(out, (char)c);
        }
    }
}

int ob_ascii_path(struct mansio_arena *arena, struct mansio_str path, struct mansio_str *out)
{
    struct mansio_path parsed = {.size = sizeof parsed};
    struct mansio_str domain = MANSIO_STR_NONE;
    int rc;

    if (!ob_is_beyond_ascii(path)) {
        *out = path;
        return 0;
    }
    rc = mansio_mailbox_parse(arena, path, MANSIO_PATH_UTF8, &parsed);
    if (rc == 0 && ob_is_beyond_ascii(parsed.local)) {
        rc = mansio_fail(MANSIO_E_UNSUPPORTED, "the address %.*s needs SMTPUTF8",
                         MANSIO_STR_ARG(path));
    }
    rc = rc == 0 ? mansio_domain_normalize(arena, parsed.domain, &domain) : rc;
    return rc == 0 ? mansio_mailbox_print(arena, parsed.local, domain, out) : rc;
}

static void add_path(struct mansio_buf *out, struct mansio_str path)
{
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];
        (void)mansio_buf_add_char(out, (char)(c < ' ' || c == 0x7f ? '?' : c));
    }
}

/* A word that is one: letters, digits, commas. Else nothing is said. */
static int is_word(struct mansio_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == ',')) {
            return 0;
        }
    }
    return text.len > 0;
}

void ob_add_mail(struct mansio_buf *out, const struct ob_offer *offer,
                 const struct mansio_spool_item *item, struct mansio_str path, int is_utf8)
{
    (void)mansio_buf_add(out, MANSIO_STR("MAIL FROM:<"));
    add_path(out, path);
    (void)mansio_buf_add_char(out, '>');
    if ((offer->features & OB_SIZE) != 0) {
        (void)mansio_buf_printf(out, " SIZE=%llu", (unsigned long long)item->message_bytes);
    }
    if ((offer->features & OB_8BITMIME) != 0 &&
        (item->flags & (MANSIO_PLAN_8BIT | MANSIO_PLAN_UTF8)) != 0) {
        (void)mansio_buf_add(out, MANSIO_STR(" BODY=8BITMIME"));
    }
    if ((offer->features & OB_SMTPUTF8) != 0 && is_utf8) {
        (void)mansio_buf_add(out, MANSIO_STR(" SMTPUTF8"));
    }
    if ((offer->features & OB_DSN) != 0) {
        if (is_word(item->ret)) {
            (void)mansio_buf_printf(out, " RET=%.*s", MANSIO_STR_ARG(item->ret));
        }
        if (item->envelope_id.len > 0) {
            (void)mansio_buf_add(out, MANSIO_STR(" ENVID="));
            ob_add_xtext(out, item->envelope_id);
        }
    }
    (void)mansio_buf_add(out, MANSIO_STR("\r\n"));
}

/* ORCPT: the type as it is, the address as xtext (RFC 3461 4.2); UTF-8 as RFC 6533 3 has it needs
 * a type of its own, so an address beyond ASCII isn't passed on. */
static void add_orcpt(struct mansio_buf *out, struct mansio_str original)
{
    ptrdiff_t split = mansio_str_find_char(original, ';');
    if (split <= 0 || ob_is_beyond_ascii(original)) {
        return;
    }
    struct mansio_str type = mansio_str_sub(original, 0, (size_t)split);
    for (size_t i = 0; i < type.len; i++) {
        char c = type.ptr[i];
        if (c <= ' ' || c >= 0x7f || c == '+' || c == '=') {
            return;
        }
    }
    (void)mansio_buf_printf(out, " ORCPT=%.*s;", MANSIO_STR_ARG(type));
    ob_add_xtext(out, mansio_str_sub(original, (size_t)split + 1, SIZE_MAX));
}

void ob_add_rcpt(struct mansio_buf *out, const struct ob_offer *offer,
                 const struct mansio_spool_item *item, struct mansio_str path)
{
    (void)mansio_buf_add(out, MANSIO_STR("RCPT TO:<"));
    add_path(out, path);
    (void)mansio_buf_add_char(out, '>');
    if ((offer->features & OB_DSN) != 0) {
        if (is_word(item->notify)) {
            (void)mansio_buf_printf(out, " NOTIFY=%.*s", MANSIO_STR_ARG(item->notify));
        }
        add_orcpt(out, item->original_recipient);
    }
    (void)mansio_buf_add(out, MANSIO_STR("\r\n"));
}
