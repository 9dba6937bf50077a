/*
 * Autodiscover: a request of Outlook, and the same bytes as an address, a host and mechanisms that
 * a listener offers. A request cut anywhere reads as the whole does; an address that is accepted
 * can be written into every answer, is well-formed there, and reads back as it was.
 *
 * The first byte says where to cut and whether HTTP said UTF-8; the rest is the text.
 */
#include "tests/fuzz/fuzz.h"

#include <expat.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "modules/autodiscover/address.h"
#include "modules/autodiscover/autoconfig.h"
#include "modules/autodiscover/pox.h"
#include "modules/autodiscover/request.h"
#include "modules/autodiscover/servers.h"

const char fuzz_name[] = "autodiscover";

/* Looks for the text of an element in an answer. */
struct search {
    const char *element;
    int is_inside, found;
    size_t len;
    char text[1024];
};

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    struct search *s = arg;
    (void)attributes;
    s->is_inside = strcmp(name, s->element) == 0 && s->found == 0;
    s->found += s->is_inside;
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
    struct search *s = arg;
    (void)name;
    s->is_inside = 0;
}

static void XMLCALL on_text(void *arg, const XML_Char *bytes, int len)
{
    struct search *s = arg;
    if (s->is_inside) {
        MANSIO_ASSERT((size_t)len <= sizeof s->text - s->len);
        memcpy(s->text + s->len, bytes, (size_t)len);
        s->len += (size_t)len;
    }
}

static void check_answer(const struct mansio_buf *answer, const char *element,
                         struct mansio_str wanted)
{
    struct search s = {.element = element};
    struct mansio_str text = mansio_buf_str(answer);
    XML_Parser parser = XML_ParserCreate(NULL);

    MANSIO_ASSERT(parser != NULL && mansio_buf_status(answer) == 0);
    XML_SetUserData(parser, &s);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    MANSIO_ASSERT(XML_Parse(parser, text.ptr, (int)text.len, 1) == XML_STATUS_OK);
    XML_ParserFree(parser);
    MANSIO_ASSERT(s.found == 1 && mansio_str_eq((struct mansio_str){s.text, s.len}, wanted));
}

/* What people would be told, with texts of the peer in each place that takes one. */
static void check_answers(struct mansio_arena *arena, struct mansio_str address,
                          struct mansio_str domain, const struct autodiscover_servers *servers)
{
    for (uint32_t version = AUTODISCOVER_V1_1; version <= AUTODISCOVER_V1_2; version++) {
        const struct autodiscover_config config = {
            .version = version, .domain = domain, .asked = address, .user = address};
        struct mansio_buf *out = mansio_buf_new(arena, 65536);
        if (autodiscover_config_write(out, &config, servers) > 0) {
            check_answer(out, "username", address);
        }
    }
    struct mansio_buf *out = mansio_buf_new(arena, 65536);
    if (autodiscover_pox_settings(out, address, servers) > 0) {
        check_answer(out, "LoginName", address);
    }
}

static void check_address(struct mansio_arena *arena, struct mansio_str text,
                          struct mansio_str mechanisms)
{
    struct autodiscover_address address;
    struct autodiscover_servers servers = {.count = 0};
    const struct mansio_offer rows[] = {
        {.protocol = MANSIO_STR("imap"), .port = 993, .tls = MANSIO_OFFER_IMPLICIT},
        {.protocol = MANSIO_STR("submission"),
         .host = MANSIO_STR("x.test"),
         .port = 587,
         .tls = MANSIO_OFFER_STARTTLS,
         .mechanisms = MANSIO_STR("PLAIN SCRAM-SHA-256 CRAM-MD5")},
        {.protocol = MANSIO_STR("pop3"), .tls = MANSIO_OFFER_PLAIN},
    };
    struct mansio_offer offers[MANSIO_COUNT(rows)];
    const struct mansio_offer *all[MANSIO_COUNT(rows)];

    if (autodiscover_address_parse(text, &address) < 0) {
        return;
    }
    MANSIO_ASSERT(address.domain.len > 0 && address.domain.len + 2 <= address.whole.len);
    MANSIO_ASSERT(address.whole.ptr >= text.ptr &&
                  mansio_str_ends(text, address.domain) + (text.len > address.whole.len) > 0);
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        offers[i] = rows[i];
        offers[i].mechanisms = rows[i].mechanisms.len > 0 ? rows[i].mechanisms : mechanisms;
        all[i] = &offers[i];
    }
    const struct mansio_offers offered = {
        .domain = address.domain, .offers = all, .offer_count = MANSIO_COUNT(all)};
    MANSIO_ASSERT(autodiscover_servers(arena, &offered, MANSIO_STR("mail.%d"), &servers) == 0);
    MANSIO_ASSERT(servers.count >= 1);
    check_answers(arena, address.whole, address.domain, &servers);
}

static void check_request(struct mansio_arena *arena, struct mansio_str text, size_t cut,
                          struct mansio_str charset)
{
    const struct mansio_str parts[] = {mansio_str_sub(text, 0, cut),
                                       mansio_str_sub(text, cut, SIZE_MAX)};
    struct autodiscover_request whole, pieces;
    int rc = autodiscover_request_read(arena, &text, 1, charset, &whole);

    MANSIO_ASSERT(rc == 0 || mansio_error_detail()[0] != '\0');
    MANSIO_ASSERT((autodiscover_request_read(arena, parts, 2, charset, &pieces) == 0) == (rc == 0));
    if (rc < 0) {
        return;
    }
    MANSIO_ASSERT(mansio_str_eq(whole.address.whole, pieces.address.whole));
    MANSIO_ASSERT(whole.schema == pieces.schema && whole.schema != 0);
    if (whole.address.whole.len > 0) {
        check_address(arena, whole.address.whole, MANSIO_STR("PASSWORD"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    struct mansio_str text = {(const char *)data + 1, size - 1};
    struct mansio_str host = autodiscover_host_domain(text), rest = text, mechanisms;
    size_t cut = (data[0] & 0x7fU) < text.len ? data[0] & 0x7fU : text.len;
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", 1 << 20);

    MANSIO_ASSERT(mansio_str_ends(text, host));
    MANSIO_ASSERT(!autodiscover_host_is_plain(text) || mansio_str_find_char(text, '/') < 0);
    check_request(arena, text, cut, data[0] & 0x80 ? MANSIO_STR("utf-8") : MANSIO_STR(""));
    /* An address, and behind a NUL mechanisms. */
    if (mansio_str_split(&rest, '\0', &mechanisms)) {
        check_address(arena, mechanisms, autodiscover_is_text(rest) ? rest : MANSIO_STR(""));
    }
    for (uint32_t code = 600; code <= 601; code++) {
        struct mansio_buf *out = mansio_buf_new(arena, 4096);
        autodiscover_pox_fault(out, (int64_t)size * 12345678901, (uint32_t)size, code);
        check_answer(out, "ErrorCode", code == 600 ? MANSIO_STR("600") : MANSIO_STR("601"));
    }
    mansio_arena_free(arena);
    return 0;
}
