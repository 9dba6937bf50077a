/*
 * What Outlook is answered, byte for byte.
 */
#include "testing.h"

#include <stdio.h>

#include "pox.h"
#include <mansio/buf.h>

#define HEAD "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
#define BASE "http://schemas.microsoft.com/exchange/autodiscover/"

static void tells_the_best_of_each(void **state)
{
    static const struct row rows[] = {
        {"imap", "", 993, MANSIO_OFFER_IMPLICIT, EVERYWHERE},
        {"submission", "", 587, MANSIO_OFFER_STARTTLS, EVERYWHERE},
        {"imap", "", 143, MANSIO_OFFER_STARTTLS, EVERYWHERE},
        {"pop3", "pop.x", 110, MANSIO_OFFER_PLAIN, "PASSWORD"},
    };
    struct mansio_buf *out = mansio_buf_new(arena, 10000);

    (void)state;
    assert_int_equal(autodiscover_pox_settings(out, MANSIO_STR("a&b@example.org"),
                                               servers_of(rows, MANSIO_COUNT(rows))),
                     3);
    core_test_str(mansio_buf_str(out),
                  HEAD "<Autodiscover xmlns=\"" BASE "responseschema/2006\">\n"
                       "  <Response xmlns=\"" BASE "outlook/responseschema/2006a\">\n"
                       "    <User>\n"
                       "      <DisplayName>a&amp;b@example.org</DisplayName>\n"
                       "    </User>\n"
                       "    <Account>\n"
                       "      <AccountType>email</AccountType>\n"
                       "      <Action>settings</Action>\n"
                       "      <Protocol>\n"
                       "        <Type>IMAP</Type>\n"
                       "        <Server>mail.example.org</Server>\n"
                       "        <Port>993</Port>\n"
                       "        <LoginName>a&amp;b@example.org</LoginName>\n"
                       "        <DomainRequired>off</DomainRequired>\n"
                       "        <SPA>off</SPA>\n"
                       "        <SSL>on</SSL>\n"
                       "        <Encryption>SSL</Encryption>\n"
                       "        <AuthRequired>on</AuthRequired>\n"
                       "      </Protocol>\n"
                       "      <Protocol>\n"
                       "        <Type>POP3</Type>\n"
                       "        <Server>pop.x</Server>\n"
                       "        <Port>110</Port>\n"
                       "        <LoginName>a&amp;b@example.org</LoginName>\n"
                       "        <DomainRequired>off</DomainRequired>\n"
                       "        <SPA>off</SPA>\n"
                       "        <SSL>off</SSL>\n"
                       "        <Encryption>None</Encryption>\n"
                       "        <AuthRequired>on</AuthRequired>\n"
                       "      </Protocol>\n"
                       "      <Protocol>\n"
                       "        <Type>SMTP</Type>\n"
                       "        <Server>mail.example.org</Server>\n"
                       "        <Port>587</Port>\n"
                       "        <LoginName>a&amp;b@example.org</LoginName>\n"
                       "        <DomainRequired>off</DomainRequired>\n"
                       "        <SPA>off</SPA>\n"
                       "        <SSL>on</SSL>\n"
                       "        <Encryption>TLS</Encryption>\n"
                       "        <AuthRequired>on</AuthRequired>\n"
                       "        <UsePOPAuth>on</UsePOPAuth>\n"
                       "        <SMTPLast>off</SMTPLast>\n"
                       "      </Protocol>\n"
                       "    </Account>\n"
                       "  </Response>\n"
                       "</Autodiscover>\n");
}

/* The best that takes a password: SCRAM is nothing to Outlook. */
static void passes_over_what_outlook_cant_use(void **state)
{
    static const struct row rows[] = {
        {"imap", "", 993, MANSIO_OFFER_IMPLICIT, "SCRAM-SHA-256"},
        {"imap", "", 143, MANSIO_OFFER_STARTTLS, "PLAIN"},
        {"pop3", "", 995, MANSIO_OFFER_IMPLICIT, "EXTERNAL"},
    };
    struct mansio_buf *out = mansio_buf_new(arena, 10000);

    (void)state;
    assert_int_equal(autodiscover_pox_settings(out, MANSIO_STR("a@b"), servers_of(rows, 1)), 0);
    assert_int_equal(mansio_buf_str(out).len, 0);
    assert_int_equal(autodiscover_pox_settings(out, MANSIO_STR("a@b"), servers_of(rows, 3)), 1);
    assert_non_null(strstr(mansio_buf_str(out).ptr, "<Port>143</Port>"));
    assert_null(strstr(mansio_buf_str(out).ptr, "995"));
}

static void words_errors(void **state)
{
    static const struct {
        uint32_t code;
        const char *message;
    } rows[] = {
        {AUTODISCOVER_POX_NOT_FOUND, "The email address can&apos;t be found."},
        {AUTODISCOVER_POX_INVALID, "Invalid Request"},
        {AUTODISCOVER_POX_NO_PROVIDER, "Provider is not available"},
    };
    int64_t day = INT64_C(86400) * 1000000,
            us = 20000 * day + (INT64_C(21) * 3600 + 25 * 60 + 4) * 1000000 + 889708;

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_buf *out = mansio_buf_new(arena, 10000);
        char wanted[1000];
        autodiscover_pox_fault(out, us, 4130155072U, rows[i].code);
        (void)snprintf(wanted, sizeof wanted,
                       HEAD "<Autodiscover xmlns=\"" BASE "responseschema/2006\">\n"
                            "  <Response xmlns=\"" BASE "responseschema/2006\">\n"
                            "    <Error Time=\"21:25:04.8897080\" Id=\"4130155072\">\n"
                            "      <ErrorCode>%u</ErrorCode>\n"
                            "      <Message>%s</Message>\n"
                            "      <DebugData/>\n"
                            "    </Error>\n"
                            "  </Response>\n"
                            "</Autodiscover>\n",
                       (unsigned)rows[i].code, rows[i].message);
        core_test_str(mansio_buf_str(out), wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_best_of_each),
        cmocka_unit_test(passes_over_what_outlook_cant_use),
        cmocka_unit_test(words_errors),
    };
    return cmocka_run_group_tests(tests, make_arena, end_arena);
}
