/* Trace fields: RFC 5321 4.4, RFC 3848, RFC 6531 4.3. */
#include "trace.h"

#include "core/base/testing.h"

#include <mansio/str.h>

static const struct {
    uint32_t protocol;
    const char *keyword;
} KEYWORDS[] = {
    {0, "SMTP"},
    {SMTP_TRACE_EXTENDED, "ESMTP"},
    {SMTP_TRACE_EXTENDED | SMTP_TRACE_TLS, "ESMTPS"},
    {SMTP_TRACE_LMTP, "LMTP"},
    {SMTP_TRACE_LMTP | SMTP_TRACE_TLS, "LMTPS"},
    {SMTP_TRACE_EXTENDED | SMTP_TRACE_UTF8, "UTF8SMTP"},
    {SMTP_TRACE_EXTENDED | SMTP_TRACE_UTF8 | SMTP_TRACE_TLS, "UTF8SMTPS"},
    {SMTP_TRACE_LMTP | SMTP_TRACE_UTF8, "UTF8LMTP"},
    {SMTP_TRACE_LMTP | SMTP_TRACE_UTF8 | SMTP_TRACE_TLS, "UTF8LMTPS"},
    {SMTP_TRACE_EXTENDED | SMTP_TRACE_AUTH, "ESMTPA"},
    {SMTP_TRACE_EXTENDED | SMTP_TRACE_AUTH | SMTP_TRACE_TLS, "ESMTPSA"},
    {SMTP_TRACE_EXTENDED | SMTP_TRACE_AUTH | SMTP_TRACE_UTF8, "UTF8SMTPA"},
    {SMTP_TRACE_EXTENDED | SMTP_TRACE_AUTH | SMTP_TRACE_TLS | SMTP_TRACE_UTF8, "UTF8SMTPSA"},
};

static void keywords(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(KEYWORDS); i++) {
        assert_string_equal(smtp_trace_keyword(KEYWORDS[i].protocol), KEYWORDS[i].keyword);
    }
}

static const struct {
    struct smtp_trace trace;
    const char *wanted;
} ROWS[] = {
    {{SMTP_TRACE_EXTENDED, MANSIO_STR("mx.example.org"), MANSIO_STR("192.0.2.1"),
      MANSIO_STR("mail.alpha.test"), MANSIO_STR_NONE, MANSIO_STR("abc-1.1"),
      MANSIO_STR("user1@alpha.test"), 0},
     "Received: from mx.example.org ([192.0.2.1])\r\n"
     "\tby mail.alpha.test with ESMTP\r\n"
     "\tid abc-1.1\r\n"
     "\tfor <user1@alpha.test>;\r\n"
     "\tThu, 01 Jan 1970 00:00:00 +0000\r\n"},
    {{SMTP_TRACE_EXTENDED | SMTP_TRACE_TLS, MANSIO_STR("[IPv6:2001:db8::1]"),
      MANSIO_STR("2001:db8::1"), MANSIO_STR("m"), MANSIO_STR("TLSv1.3 with cipher X, 256 bits"),
      MANSIO_STR("i"), MANSIO_STR_NONE, 0},
     "Received: from [IPv6:2001:db8::1] ([IPv6:2001:db8::1])\r\n"
     "\tby m with ESMTPS\r\n"
     "\t(TLSv1.3 with cipher X, 256 bits)\r\n"
     "\tid i;\r\n"
     "\tThu, 01 Jan 1970 00:00:00 +0000\r\n"},
    /* What is no name stands in a comment, where it can do nothing. */
    {{0, MANSIO_STR("a_b)(\\"), MANSIO_STR("192.0.2.1"), MANSIO_STR("m"), MANSIO_STR_NONE,
      MANSIO_STR("i"), MANSIO_STR_NONE, 0},
     "Received: from [192.0.2.1] ([192.0.2.1])\r\n"
     "\t(hello=a_b\\)\\(\\\\)\r\n"
     "\tby m with SMTP\r\n"
     "\tid i;\r\n"
     "\tThu, 01 Jan 1970 00:00:00 +0000\r\n"},
    {{SMTP_TRACE_LMTP, MANSIO_STR("_"), MANSIO_STR("unix"), MANSIO_STR("m"), MANSIO_STR_NONE,
      MANSIO_STR("i"), MANSIO_STR_NONE, 0},
     "Received: from localhost (unix)\r\n"
     "\t(hello=_)\r\n"
     "\tby m with LMTP\r\n"
     "\tid i;\r\n"
     "\tThu, 01 Jan 1970 00:00:00 +0000\r\n"},
};

static void received(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(ROWS); i++) {
        struct mansio_buf *out = mansio_buf_new(arena, 4096);
        smtp_trace_received(arena, out, &ROWS[i].trace);
        core_test_str(mansio_buf_str(out), ROWS[i].wanted);
    }
    mansio_arena_free(arena);
}

static void others(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_buf *out = mansio_buf_new(arena, 4096);

    (void)state;
    smtp_trace_return_path(out, MANSIO_STR_NONE);
    smtp_trace_return_path(out, MANSIO_STR("\"a b\"@x.test"));
    smtp_trace_delivered_to(out, MANSIO_STR("user1@alpha.test"));
    core_test_str(mansio_buf_str(out), "Return-Path: <>\r\n"
                                       "Return-Path: <\"a b\"@x.test>\r\n"
                                       "Delivered-To: user1@alpha.test\r\n");
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keywords),
        cmocka_unit_test(received),
        cmocka_unit_test(others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
