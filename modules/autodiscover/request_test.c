/*
 * Requests of Outlook: good ones in every encoding and cut anywhere, and what must be refused.
 */
#include "core/base/testing.h"

#include <stdlib.h>

#include "request.h"
#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/str.h>

#define SPACE   "http://schemas.microsoft.com/exchange/autodiscover/"
#define REQUEST SPACE "outlook/requestschema/2006"
#define WANTED  SPACE "outlook/responseschema/2006a"
#define MOBILE  SPACE "mobilesync/responseschema/2006"
#define BODY(address, schema)                                                                      \
    "<Autodiscover xmlns=\"" REQUEST "\"><Request><EMailAddress>" address "</EMailAddress>"        \
    "<AcceptableResponseSchema>" schema "</AcceptableResponseSchema></Request></Autodiscover>"
#define GOOD "<?xml version=\"1.0\" encoding=\"utf-8\"?>" BODY("fred@alpha.test", WANTED)

static struct mansio_arena *arena;

static int make_arena(void **state)
{
    (void)state;
    arena = mansio_arena_new(NULL, "test", 0);
    return 0;
}

static int end_arena(void **state)
{
    (void)state;
    mansio_arena_free(arena);
    return 0;
}

static int read_one(struct mansio_str body, const char *charset, struct autodiscover_request *out)
{
    return autodiscover_request_read(arena, &body, 1, core_test_slice(charset), out);
}

static void reads_requests(void **state)
{
    static const struct {
        const char *body, *address, *domain;
        uint32_t schema;
    } rows[] = {
        {GOOD, "fred@alpha.test", "alpha.test", AUTODISCOVER_SCHEMA_OUTLOOK},
        {"\xef\xbb\xbf" GOOD, "fred@alpha.test", "alpha.test", AUTODISCOVER_SCHEMA_OUTLOOK},
        {BODY("fred@alpha.test", MOBILE), "fred@alpha.test", "alpha.test",
         AUTODISCOVER_SCHEMA_OTHER},
        {BODY("fred@alpha.test", "x"), "fred@alpha.test", "alpha.test", AUTODISCOVER_SCHEMA_OTHER},
        {BODY("\n  fred@alpha.test\n ", "\n " WANTED " \r\n"), "fred@alpha.test", "alpha.test",
         AUTODISCOVER_SCHEMA_OUTLOOK},
        {BODY("a&amp;&#98;@alpha.test", WANTED), "a&b@alpha.test", "alpha.test",
         AUTODISCOVER_SCHEMA_OUTLOOK},
        {BODY("<![CDATA[fred@]]>alpha.test", WANTED), "fred@alpha.test", "alpha.test",
         AUTODISCOVER_SCHEMA_OUTLOOK},
        {BODY("fred<!-- x -->@alpha.test", WANTED), "fred@alpha.test", "alpha.test",
         AUTODISCOVER_SCHEMA_OUTLOOK},
        /* in any order, with a prefix, among what others added */
        {"<a:Autodiscover xmlns:a=\"" REQUEST "\" xmlns:b=\"urn:b\"><b:x>1</b:x><a:Request b:c='1'>"
         "<a:Other><a:EMailAddress>no</a:EMailAddress></a:Other>"
         "<a:AcceptableResponseSchema>" WANTED "</a:AcceptableResponseSchema>"
         "<b:EMailAddress>no@x</b:EMailAddress><a:EMailAddress>u@x.test</a:EMailAddress>"
         "</a:Request></a:Autodiscover>",
         "u@x.test", "x.test", AUTODISCOVER_SCHEMA_OUTLOOK},
        /* as the reference pages have it */
        {"<Autodiscover xmlns=\"https://schemas.microsoft.com/exchange/autodiscover/outlook/"
         "requestschema/2006\"><Request><EMailAddress>user@contoso.com</EMailAddress>"
         "<AcceptableResponseSchema>https://schemas.microsoft.com/exchange/autodiscover/outlook/"
         "responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>",
         "user@contoso.com", "contoso.com", AUTODISCOVER_SCHEMA_OUTLOOK},
        {"<Autodiscover xmlns=\"" SPACE "mobilesync/requestschema/2006\"><Request>"
         "<EMailAddress>u@x</EMailAddress><AcceptableResponseSchema>" MOBILE
         "</AcceptableResponseSchema></Request></Autodiscover>",
         "u@x", "x", AUTODISCOVER_SCHEMA_OTHER},
        {"<Autodiscover xmlns=\"" REQUEST "\"><Request><LegacyDN>/o=x</LegacyDN>"
         "<AcceptableResponseSchema>" WANTED "</AcceptableResponseSchema></Request></Autodiscover>",
         "", "", AUTODISCOVER_SCHEMA_OUTLOOK},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct autodiscover_request request;
        assert_int_equal(read_one(core_test_slice(rows[i].body), "", &request), 0);
        core_test_str(request.address.whole, rows[i].address);
        core_test_str(request.address.domain, rows[i].domain);
        assert_int_equal(request.schema, rows[i].schema);
    }
}

static void refuses_what_is_no_request(void **state)
{
    static const char *const rows[] = {
        "",
        " ",
        "x",
        "<",
        "<Autodiscover/>",
        "<Autodiscover xmlns=\"" SPACE "responseschema/2006\"/>",
        "<Autodiscover xmlns=\"" REQUEST "\"/>",
        "<Autodiscover xmlns=\"" REQUEST "\"><Request/></Autodiscover>",
        "<autodiscover xmlns=\"" REQUEST "\"><Request/></autodiscover>",
        "<Request xmlns=\"" REQUEST "\"><EMailAddress>a@b</EMailAddress></Request>",
        BODY("fred", WANTED),
        BODY("", WANTED),
        BODY("fred&#10;x@alpha.test", WANTED),
        BODY("fred@alpha.test", ""),
        BODY("fred@alpha.test", "  "),
        BODY("<b>fred@alpha.test</b>", WANTED),
        BODY("fred&unknown;@alpha.test", WANTED),
        BODY("fred\xff@alpha.test", WANTED),
        BODY("fred@alpha.test</EMailAddress><EMailAddress>b@x", WANTED),
        BODY("fred@alpha.test", WANTED) "<x/>",
        BODY("fred@alpha.test</EMailAddress></Request><Request><EMailAddress>", WANTED),
        "<Autodiscover xmlns=\"" REQUEST "\"><Request><EMailAddress>a@b</EMailAddress>"
        "</Request></Autodiscover>",
        "<Autodiscover xmlns=\"" REQUEST "\"><Request><AcceptableResponseSchema>" WANTED
        "</AcceptableResponseSchema></Request></Autodiscover>",
        "<?xml version=\"1.0\" encoding=\"utf-7\"?>" BODY("a@b", WANTED),
        "<?xml version=\"1.0\" encoding=\"utf-16\"?>" BODY("a@b", WANTED),
        "<?xml version=\"1.1\"?>" BODY("a@b", WANTED) "]]>",
        "POST / HTTP/1.1",
        "{\"a\":1}",
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct autodiscover_request request;
        assert_int_equal(read_one(core_test_slice(rows[i]), "", &request), MANSIO_E_INVALID);
    }
}

/* XML 1.0 4: without a document type there is nothing to expand and nothing to fetch. */
static void refuses_document_types(void **state)
{
    static const char *const rows[] = {
        "<!DOCTYPE a>" BODY("a@b", WANTED),
        "<!DOCTYPE a [<!ENTITY e \"x\">]>" BODY("a&e;@b", WANTED),
        "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>" BODY("a&e;@b", WANTED),
        "<!DOCTYPE a SYSTEM \"http://127.0.0.1/x.dtd\">" BODY("a@b", WANTED),
        "<!DOCTYPE a PUBLIC \"-//x\" \"http://127.0.0.1/x.dtd\">" BODY("a@b", WANTED),
        "<!DOCTYPE a [<!ENTITY % p SYSTEM \"http://127.0.0.1/x\"> %p;]>" BODY("a@b", WANTED),
        "<!DOCTYPE a [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">"
        "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;\">]>" BODY(
            "&d;@b", WANTED),
        "<!DOCTYPE a [<!ATTLIST EMailAddress x CDATA \"1\">]>" BODY("a@b", WANTED),
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct autodiscover_request request;
        assert_int_equal(read_one(core_test_slice(rows[i]), "", &request), MANSIO_E_INVALID);
        assert_non_null(strstr(mansio_error_detail(), "document type"));
    }
}

static void refuses_what_is_too_much(void **state)
{
    struct autodiscover_request request;
    struct mansio_buf *deep = mansio_buf_new(arena, 100000);
    struct mansio_buf *wide = mansio_buf_new(arena, 100000);
    struct mansio_buf *long_text = mansio_buf_new(arena, 100000);
    struct mansio_buf *large = mansio_buf_new(arena, 100000);

    (void)state;
    mansio_buf_printf(deep, "<Autodiscover xmlns=\"" REQUEST "\"><Request><EMailAddress>a@b"
                            "</EMailAddress><AcceptableResponseSchema>" WANTED
                            "</AcceptableResponseSchema>");
    for (int i = 0; i < 28; i++) {
        mansio_buf_printf(deep, "%s", i < 14 ? "<a>" : "</a>"); /* 16 deep, as it may be */
    }
    mansio_buf_printf(deep, "%s", "</Request></Autodiscover>");
    assert_int_equal(read_one(mansio_buf_str(deep), "", &request), 0);
    mansio_buf_reset(deep);
    mansio_buf_printf(deep, "<Autodiscover xmlns=\"" REQUEST "\">");
    for (int i = 0; i < 16; i++) {
        mansio_buf_printf(deep, "<a>");
    }
    assert_int_equal(read_one(mansio_buf_str(deep), "", &request), MANSIO_E_LIMIT);
    mansio_buf_printf(wide, "<Autodiscover xmlns=\"" REQUEST "\">");
    for (int i = 0; i < 1000; i++) {
        mansio_buf_printf(wide, "<a/>");
    }
    assert_int_equal(read_one(mansio_buf_str(wide), "", &request), MANSIO_E_LIMIT);
    mansio_buf_printf(long_text, BODY("%0600d@b", WANTED), 1);
    assert_int_equal(read_one(mansio_buf_str(long_text), "", &request), MANSIO_E_LIMIT);
    mansio_buf_printf(large, "%s<!-- %0*d -->", GOOD, AUTODISCOVER_REQUEST_MAX, 1);
    assert_int_equal(read_one(mansio_buf_str(large), "", &request), MANSIO_E_LIMIT);
}

/* UTF-16 with a byte order mark, made of ASCII. */
static struct mansio_str utf16(const char *text, int is_big)
{
    struct mansio_buf *out = mansio_buf_new(arena, 100000);

    mansio_buf_add(out, is_big ? MANSIO_STR("\xfe\xff") : MANSIO_STR("\xff\xfe"));
    for (size_t i = 0; text[i] != '\0'; i++) {
        mansio_buf_add_char(out, is_big ? '\0' : text[i]);
        mansio_buf_add_char(out, is_big ? text[i] : '\0');
    }
    return mansio_buf_str(out);
}

static void reads_encodings(void **state)
{
    static const char latin[] =
        "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>" BODY("fr\xe9"
                                                               "d@alpha.test",
                                                               WANTED);
    static const char lie[] =
        "<?xml version=\"1.0\" encoding=\"utf-16\"?>" BODY("fred@alpha.test", WANTED);
    const struct {
        struct mansio_str body;
        const char *charset, *address;
    } rows[] = {
        {utf16(GOOD, 0), "", NULL}, /* says UTF-8 of itself */
        {utf16(BODY("fred@alpha.test", WANTED), 0), "", "fred@alpha.test"},
        {utf16(BODY("fred@alpha.test", WANTED), 1), "utf-16", "fred@alpha.test"},
        {utf16(lie, 0), "utf-8", "fred@alpha.test"}, /* the mark knows better */
        {core_test_slice(lie), "UTF-8", "fred@alpha.test"},
        {core_test_slice(lie), "", NULL},
        {core_test_slice(latin), "",
         "fr\xc3\xa9"
         "d@alpha.test"},
        {core_test_slice(latin), "utf-8", NULL},
        {core_test_slice(GOOD), "iso-8859-1", "fred@alpha.test"},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct autodiscover_request request;
        int rc = read_one(rows[i].body, rows[i].charset, &request);
        if (rows[i].address == NULL) {
            assert_int_equal(rc, MANSIO_E_INVALID);
        } else {
            assert_int_equal(rc, 0);
            core_test_str(request.address.whole, rows[i].address);
        }
    }
}

static void reads_the_same_cut_at_every_byte(void **state)
{
    const struct mansio_str rows[] = {
        core_test_slice(GOOD),
        utf16(BODY("fred@alpha.test", WANTED), 0),
        core_test_slice("<!DOCTYPE a>" BODY("a@b", WANTED)),
        core_test_slice(BODY("a&lt;b\xc3\xa4@b", MOBILE)),
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct autodiscover_request whole, request;
        int rc = read_one(rows[i], "", &whole);
        for (size_t cut = 0; cut <= rows[i].len; cut++) {
            const struct mansio_str parts[] = {mansio_str_sub(rows[i], 0, cut),
                                               mansio_str_sub(rows[i], cut, SIZE_MAX)};
            assert_int_equal(autodiscover_request_read(arena, parts, 2, MANSIO_STR(""), &request),
                             rc);
            if (rc == 0) {
                assert_true(mansio_str_eq(request.address.whole, whole.address.whole));
                assert_int_equal(request.schema, whole.schema);
            }
        }
        struct mansio_str *bytes = calloc(rows[i].len, sizeof *bytes);
        assert_non_null(bytes);
        for (size_t k = 0; k < rows[i].len; k++) {
            bytes[k] = mansio_str_sub(rows[i], k, 1);
        }
        assert_int_equal(
            autodiscover_request_read(arena, bytes, rows[i].len, MANSIO_STR(""), &request), rc);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_requests),
        cmocka_unit_test(refuses_what_is_no_request),
        cmocka_unit_test(refuses_document_types),
        cmocka_unit_test(refuses_what_is_too_much),
        cmocka_unit_test(reads_encodings),
        cmocka_unit_test(reads_the_same_cut_at_every_byte),
    };
    return cmocka_run_group_tests(tests, make_arena, end_arena);
}
