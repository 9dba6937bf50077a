/*
 * What servers offer, and the commands that they get for it.
 */
#include "core/base/testing.h"

#include "command.h"
#include <mansio/error.h>
#include <mansio/plan.h>
#include <mansio/str.h>

static void offers(void **state)
{
    static const char *const lines[] = {
        "PIPELINING",
        "size 12345",
        "8BITMIME",
        "SMTPUTF8 ",
        "DSN",
        "STARTTLS",
        "AUTH PLAIN LOGIN scram-sha-256 GSSAPI",
        "X-ODD x",
        "",
        "  ",
    };
    struct ob_offer offer = {.features = 0};
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(lines); i++) {
        ob_offer_read(&offer, mansio_str_from_cstr(lines[i]));
    }
    assert_int_equal(offer.features, OB_PIPELINING | OB_SIZE | OB_8BITMIME | OB_SMTPUTF8 | OB_DSN |
                                         OB_STARTTLS | OB_AUTH);
    assert_int_equal(offer.mechanisms, OB_PLAIN | OB_LOGIN | OB_SCRAM_SHA_256);
    assert_int_equal(offer.size_max, 12345);
    ob_offer_read(&offer, MANSIO_STR("SIZE"));
    assert_int_equal(offer.size_max, 0);
    offer = (struct ob_offer){.features = 0};
    ob_offer_read(&offer, MANSIO_STR("AUTH=LOGIN"));
    assert_int_equal(offer.mechanisms, OB_LOGIN);
}

static void paths(void **state)
{
    static const struct {
        const char *path, *ascii;
        int rc;
    } cases[] = {
        {"a@b.test", "a@b.test", 0},
        {"a@m\xc3\xbcnchen.test", "a@xn--mnchen-3ya.test", 0},
        {"\xc3\xbc@b.test", NULL, MANSIO_E_UNSUPPORTED},
        {"\xff@b.test", NULL, MANSIO_E_INVALID},
        {"\"a b\"@\xc3\xbc.test", "\"a b\"@xn--tda.test", 0},
    };
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 20);
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        struct mansio_str out = MANSIO_STR_NONE;
        int rc = ob_ascii_path(arena, mansio_str_from_cstr(cases[i].path), &out);
        assert_int_equal(rc, cases[i].rc);
        if (rc == 0) {
            core_test_str(out, cases[i].ascii);
        }
    }
    mansio_arena_free(arena);
}

static const uint32_t everything = OB_SIZE | OB_8BITMIME | OB_SMTPUTF8 | OB_DSN;

static void mail(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 20);
    struct mansio_buf *out = mansio_buf_new(arena, 65536);
    struct ob_offer offer = {.features = everything};
    struct mansio_spool_item item = {.size = sizeof item,
                                     .message_bytes = 123,
                                     .flags = MANSIO_PLAN_8BIT,
                                     .ret = MANSIO_STR("HDRS"),
                                     .envelope_id = MANSIO_STR("a b+=\x7f")};
    (void)state;
    ob_add_mail(out, &offer, &item, MANSIO_STR("a@b.test"), 1);
    core_test_str(mansio_buf_str(out), "MAIL FROM:<a@b.test> SIZE=123 BODY=8BITMIME SMTPUTF8"
                                       " RET=HDRS ENVID=a+20b+2B+3D+7F\r\n");
    mansio_buf_reset(out);
    offer.features = 0;
    ob_add_mail(out, &offer, &item, MANSIO_STR(""), 0);
    core_test_str(mansio_buf_str(out), "MAIL FROM:<>\r\n");
    mansio_arena_free(arena);
}

static void rcpt(void **state)
{
    static const struct {
        const char *path, *notify, *original, *out;
    } cases[] = {
        {"a@b.test", "", "", "RCPT TO:<a@b.test>\r\n"},
        {"a@b.test", "SUCCESS,DELAY", "rfc822;x+y@b.test",
         "RCPT TO:<a@b.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x+2By@b.test\r\n"},
        /* What is no word or no address of ASCII isn't passed on. */
        {"a@b.test", "NEVER\r\nDATA", "rfc822", "RCPT TO:<a@b.test>\r\n"},
        {"a@b.test", "", "utf-8;\xc3\xbc@b.test", "RCPT TO:<a@b.test>\r\n"},
        {"a@b.test", "", "rfc 822;x@b.test", "RCPT TO:<a@b.test>\r\n"},
        {"a@b.test", "", "rfc822;x\r\n@b.test",
         "RCPT TO:<a@b.test> ORCPT=rfc822;x+0D+0A@b.test\r\n"},
        /* No byte of a path ends the line. */
        {"a\r\nDATA@b.test", "", "", "RCPT TO:<a??DATA@b.test>\r\n"},
    };
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 20);
    struct mansio_buf *out = mansio_buf_new(arena, 65536);
    const struct ob_offer offer = {.features = everything};
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        const struct mansio_spool_item item = {.size = sizeof item,
                                               .notify = mansio_str_from_cstr(cases[i].notify),
                                               .original_recipient =
                                                   mansio_str_from_cstr(cases[i].original)};
        mansio_buf_reset(out);
        ob_add_rcpt(out, &offer, &item, mansio_str_from_cstr(cases[i].path));
        core_test_str(mansio_buf_str(out), cases[i].out);
    }
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers),
        cmocka_unit_test(paths),
        cmocka_unit_test(mail),
        cmocka_unit_test(rcpt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
