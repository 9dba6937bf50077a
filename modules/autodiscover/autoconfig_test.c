/*
 * What Thunderbird is answered, byte for byte.
 */
#include "testing.h"

#include "autoconfig.h"
#include <mansio/buf.h>

#define HEAD "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"

static struct autodiscover_config config_of(uint32_t version)
{
    return (struct autodiscover_config){
        .version = version,
        .domain = MANSIO_STR("example.org"),
        .user = MANSIO_STR("%EMAILADDRESS%"),
    };
}

static struct mansio_str written(const struct autodiscover_config *config, const struct row *rows,
                                 size_t count)
{
    struct mansio_buf *out = mansio_buf_new(arena, 20000);
    size_t told = autodiscover_config_write(out, config, servers_of(rows, count));

    assert_int_equal(told == 0, mansio_buf_str(out).len == 0);
    return mansio_buf_str(out);
}

static void writes_version_1_1(void **state)
{
    static const struct row rows[] = {
        {"submission", "smtp.x", 465, MANSIO_OFFER_IMPLICIT, EVERYWHERE},
        {"imap", "", 993, MANSIO_OFFER_IMPLICIT, EVERYWHERE},
        {"imap", "", 143, MANSIO_OFFER_STARTTLS, EVERYWHERE " CRAM-MD5 EXTERNAL"},
        {"pop3", "", 110, MANSIO_OFFER_PLAIN, "PASSWORD"},
        {"pop3", "", 995, MANSIO_OFFER_IMPLICIT, "SCRAM-SHA-256"},
    };
    struct autodiscover_config config = config_of(AUTODISCOVER_V1_1);

    (void)state;
    core_test_str(written(&config, rows, MANSIO_COUNT(rows)),
                  HEAD "<clientConfig version=\"1.1\">\n"
                       "  <emailProvider id=\"example.org\">\n"
                       "    <domain>example.org</domain>\n"
                       "    <displayName>example.org</displayName>\n"
                       "    <displayShortName>example.org</displayShortName>\n"
                       "    <incomingServer type=\"imap\">\n"
                       "      <hostname>mail.example.org</hostname>\n"
                       "      <port>993</port>\n"
                       "      <socketType>SSL</socketType>\n"
                       "      <username>%EMAILADDRESS%</username>\n"
                       "      <authentication>password-cleartext</authentication>\n"
                       "    </incomingServer>\n"
                       "    <incomingServer type=\"imap\">\n"
                       "      <hostname>mail.example.org</hostname>\n"
                       "      <port>143</port>\n"
                       "      <socketType>STARTTLS</socketType>\n"
                       "      <username>%EMAILADDRESS%</username>\n"
                       "      <authentication>password-cleartext</authentication>\n"
                       "      <authentication>password-encrypted</authentication>\n"
                       "      <authentication>TLS-client-cert</authentication>\n"
                       "    </incomingServer>\n"
                       "    <incomingServer type=\"pop3\">\n"
                       "      <hostname>mail.example.org</hostname>\n"
                       "      <port>110</port>\n"
                       "      <socketType>plain</socketType>\n"
                       "      <username>%EMAILADDRESS%</username>\n"
                       "      <authentication>password-cleartext</authentication>\n"
                       "    </incomingServer>\n"
                       "    <outgoingServer type=\"smtp\">\n"
                       "      <hostname>smtp.x</hostname>\n"
                       "      <port>465</port>\n"
                       "      <socketType>SSL</socketType>\n"
                       "      <username>%EMAILADDRESS%</username>\n"
                       "      <authentication>password-cleartext</authentication>\n"
                       "    </outgoingServer>\n"
                       "  </emailProvider>\n"
                       "</clientConfig>\n");
}

static void names_mechanisms_in_version_1_2(void **state)
{
    static const struct row rows[] = {
        {"imap", "", 993, MANSIO_OFFER_IMPLICIT, "SCRAM-SHA-256-PLUS SCRAM-SHA-256"},
        {"submission", "", 465, MANSIO_OFFER_IMPLICIT, EVERYWHERE " CRAM-MD5"},
    };
    struct autodiscover_config config = config_of(AUTODISCOVER_V1_2);

    (void)state;
    config.asked = MANSIO_STR("alias<.test");
    config.user = MANSIO_STR("o'neill@example.org");
    config.name = MANSIO_STR("Mail & More");
    config.short_name = MANSIO_STR("M&M");
    core_test_str(written(&config, rows, MANSIO_COUNT(rows)),
                  HEAD "<clientConfig version=\"1.2\">\n"
                       "  <emailProvider id=\"example.org\">\n"
                       "    <domain>example.org</domain>\n"
                       "    <domain>alias&lt;.test</domain>\n"
                       "    <displayName>Mail &amp; More</displayName>\n"
                       "    <displayShortName>M&amp;M</displayShortName>\n"
                       "    <incomingServer type=\"imap\">\n"
                       "      <hostname>mail.example.org</hostname>\n"
                       "      <port>993</port>\n"
                       "      <socketType>SSL</socketType>\n"
                       "      <username>o&apos;neill@example.org</username>\n"
                       "      <authentication system=\"sasl\">SCRAM-SHA-256-PLUS</authentication>\n"
                       "      <authentication system=\"sasl\">SCRAM-SHA-256</authentication>\n"
                       "      <authentication>password-encrypted</authentication>\n"
                       "    </incomingServer>\n"
                       "    <outgoingServer type=\"smtp\">\n"
                       "      <hostname>mail.example.org</hostname>\n"
                       "      <port>465</port>\n"
                       "      <socketType>SSL</socketType>\n"
                       "      <username>o&apos;neill@example.org</username>\n"
                       "      <authentication system=\"sasl\">SCRAM-SHA-256</authentication>\n"
                       "      <authentication>password-cleartext</authentication>\n"
                       "      <authentication>password-encrypted</authentication>\n"
                       "    </outgoingServer>\n"
                       "  </emailProvider>\n"
                       "</clientConfig>\n");
}

/* A server whose only way in a program doesn't know is a promise that fails at login. */
static void writes_nothing_rather_than_what_fails(void **state)
{
    static const struct row rows[] = {
        {"imap", "", 993, MANSIO_OFFER_IMPLICIT, "SCRAM-SHA-256"},
    };
    struct autodiscover_config old = config_of(AUTODISCOVER_V1_1);
    struct autodiscover_config new = config_of(AUTODISCOVER_V1_2);

    (void)state;
    core_test_str(written(&old, rows, 1), "");
    core_test_str(written(&old, rows, 0), "");
    core_test_str(written(&new, rows, 0), "");
    assert_true(written(&new, rows, 1).len > 0);
}

/* draft, displayName: at most 60 characters, and 20 of the short one. */
static void keeps_names_short(void **state)
{
    static const struct row rows[] = {{"imap", "", 993, MANSIO_OFFER_IMPLICIT, EVERYWHERE}};
    static const struct {
        const char *domain, *name, *short_name;
    } cases[] = {
        {"a.very-long-name-of-a-domain.test", "<displayName>a.very-long-name-of-a-domain.test<",
         "<displayShortName>a<"},
        {"a-label-that-is-much-longer-than-any-short-name-may-be-and-then-some.test",
         "<displayName>Mail<", "<displayShortName>Mail<"},
        {"\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4.test",
         "<displayName>\xc3\xa4", "<displayShortName>\xc3\xa4"},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        struct autodiscover_config config = config_of(AUTODISCOVER_V1_1);
        config.domain = core_test_slice(cases[i].domain);
        struct mansio_str text = written(&config, rows, 1);
        assert_non_null(strstr(text.ptr, cases[i].name));
        assert_non_null(strstr(text.ptr, cases[i].short_name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_version_1_1),
        cmocka_unit_test(names_mechanisms_in_version_1_2),
        cmocka_unit_test(writes_nothing_rather_than_what_fails),
        cmocka_unit_test(keeps_names_short),
    };
    return cmocka_run_group_tests(tests, make_arena, end_arena);
}
