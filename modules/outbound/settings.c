/*
 * The table of settings, and nothing else; options.c reads them.
 */
#include "options.h"

#include <mansio/settings.h>
#include <mansio/time.h>

#define MINUTES   (60 * MANSIO_SECOND)
#define HOURS     (3600 * MANSIO_SECOND)
#define DAYS      (24 * HOURS)
#define LIVE(...) MANSIO_SETTING(.flags = MANSIO_SETTING_LIVE, __VA_ARGS__)
#define TIMEOUT(setting, text, words)                                                              \
    LIVE(.name = (setting), .type = MANSIO_SETTING_DURATION, .default_text = (text),               \
         .min = 10 * MANSIO_MS, .max = HOURS, .help = (words))

static const char *const tls_words[] = {"none", "may", "encrypt", "verify", NULL};
static const char *const family_words[] = {"both", "ipv6", "ipv4", NULL};
static const char *const bits_words[] = {"refuse", "send", NULL};
static const char *const double_words[] = {"drop", "postmaster", NULL};

static const struct mansio_setting smart_host_settings[] = {
    LIVE(.name = "host", .type = MANSIO_SETTING_STRING, .max = 255,
         .help = "Name or address of a server that takes all mail; empty: mail goes where DNS "
                 "says"),
    LIVE(.name = "port", .type = MANSIO_SETTING_INT, .default_text = "587", .min = 1, .max = 65535,
         .help = "Its port"),
    LIVE(.name = "tls", .type = MANSIO_SETTING_CHOICE, .default_text = "verify",
         .choices = tls_words, .help = "As `tls`; a password is never sent without"),
    LIVE(.name = "implicit_tls", .type = MANSIO_SETTING_BOOL, .default_text = "false",
         .help = "TLS from the first byte, as port 465 has it"),
    LIVE(.name = "user", .type = MANSIO_SETTING_STRING, .max = 255,
         .help = "Who we are to it (AUTH); empty: nobody"),
    LIVE(.name = "password", .type = MANSIO_SETTING_SECRET, .help = "The password"),
};

static const struct mansio_setting route_settings[] = {
    LIVE(.name = "domains", .type = MANSIO_SETTING_LIST, .min = 1, .max = 10000,
         .help = "Whose mail it is; .example.org is all below example.org"),
    LIVE(.name = "host", .type = MANSIO_SETTING_STRING, .max = 255,
         .help = "Name or address of the server that takes it; empty: as DNS says"),
    LIVE(.name = "port", .type = MANSIO_SETTING_INT, .default_text = "0", .min = 0, .max = 65535,
         .help = "Its port; 0: as `port`"),
    LIVE(.name = "tls", .type = MANSIO_SETTING_CHOICE, .default_text = "may", .choices = tls_words,
         .help = "As `tls`"),
    LIVE(.name = "implicit_tls", .type = MANSIO_SETTING_BOOL, .default_text = "false",
         .help = "TLS from the first byte"),
    LIVE(.name = "user", .type = MANSIO_SETTING_STRING, .max = 255, .help = "Who we are to it"),
    LIVE(.name = "password", .type = MANSIO_SETTING_SECRET, .help = "The password"),
};

static const struct mansio_setting timeout_settings[] = {
    TIMEOUT("connect", "30s", "For a connection"),
    TIMEOUT("greeting", "5m", "For the greeting (RFC 5321 4.5.3.2.1)"),
    TIMEOUT("hello", "5m", "For EHLO, HELO, STARTTLS and each step of AUTH"),
    TIMEOUT("mail", "5m", "For MAIL (4.5.3.2.2) and RSET"),
    TIMEOUT("recipient", "5m", "For RCPT (4.5.3.2.3)"),
    TIMEOUT("data", "2m", "For DATA (4.5.3.2.4)"),
    TIMEOUT("block", "3m", "For a block of the message to be taken (4.5.3.2.5)"),
    TIMEOUT("end", "10m", "For the reply to the final dot (4.5.3.2.6)"),
    TIMEOUT("quit", "5s", "For QUIT, which nothing depends on"),
    TIMEOUT("lookup", "60s", "For what DNS is asked on the way to one host"),
    TIMEOUT("store", "30s", "For a step of the store"),
};

/* clang-format off */
const struct mansio_setting ob_settings[] = {
    LIVE(.name = "hostname", .type = MANSIO_SETTING_STRING, .max = OB_HOSTNAME_MAX,
         .help = "Our name in EHLO and in reports; empty: the machine's"),
    LIVE(.name = "smart_host", .type = MANSIO_SETTING_SECTION, .children = smart_host_settings,
         .child_count = MANSIO_COUNT(smart_host_settings),
         .help = "A server that takes all mail which no route is for"),
    LIVE(.name = "routes", .type = MANSIO_SETTING_MAP, .max = 1000, .children = route_settings,
         .child_count = MANSIO_COUNT(route_settings),
         .help = "Domains whose mail goes another way, or another manner"),
    LIVE(.name = "port", .type = MANSIO_SETTING_INT, .default_text = "25", .min = 1, .max = 65535,
         .help = "The port of hosts that DNS names"),
    LIVE(.name = "tls", .type = MANSIO_SETTING_CHOICE, .default_text = "may", .choices = tls_words,
         .help = "none; may: if it works, unverified (RFC 7435); encrypt: or not at all; verify: "
                 "with a certificate of the host's name"),
    LIVE(.name = "ca_file", .type = MANSIO_SETTING_PATH,
         .help = "Authorities that `verify` trusts, PEM; the system's if left out"),
    LIVE(.name = "ip", .type = MANSIO_SETTING_CHOICE, .default_text = "both",
         .choices = family_words,
         .help = "Which addresses of hosts are used; of both, IPv6 and IPv4 in turn"),
    LIVE(.name = "own_names", .type = MANSIO_SETTING_LIST, .max = 1000,
         .help = "Names of hosts that are ourselves, beside `hostname`: mail that DNS sends there "
                 "would come back"),
    LIVE(.name = "own_addresses", .type = MANSIO_SETTING_LIST, .max = 1000,
         .help = "Addresses that are ourselves, likewise"),
    LIVE(.name = "loopback", .type = MANSIO_SETTING_BOOL, .default_text = "false",
         .help = "Deliver to loopback addresses that DNS or an address names; for tests"),
    LIVE(.name = "connections", .type = MANSIO_SETTING_INT, .unit = "connections",
         .default_text = "200", .min = 1, .max = 10000, .help = "Most connections at once"),
    LIVE(.name = "destination_connections", .type = MANSIO_SETTING_INT, .unit = "connections",
         .default_text = "20", .min = 1, .max = 1000,
         .help = "Most connections at once to one destination, once it has shown that it takes "
                 "mail; it begins with 2"),
    LIVE(.name = "recipients", .type = MANSIO_SETTING_INT, .unit = "recipients",
         .default_text = "100", .min = 1, .max = 1000,
         .help = "Most recipients of one transaction (RFC 5321 4.5.3.1.8)"),
    LIVE(.name = "messages", .type = MANSIO_SETTING_INT, .unit = "messages", .default_text = "100",
         .min = 1, .max = 100000, .help = "Most messages over one connection"),
    LIVE(.name = "addresses", .type = MANSIO_SETTING_INT, .unit = "addresses",
         .default_text = "8", .min = 1, .max = 100,
         .help = "Most addresses of a destination that one attempt tries"),
    LIVE(.name = "claim", .type = MANSIO_SETTING_INT, .unit = "recipients", .default_text = "250",
         .min = 1, .max = 1000, .help = "How many recipients are claimed at once"),
    LIVE(.name = "hold", .type = MANSIO_SETTING_INT, .unit = "recipients", .default_text = "2000",
         .min = 1, .max = 100000, .help = "Most recipients in hand"),
    LIVE(.name = "claim_time", .type = MANSIO_SETTING_DURATION, .default_text = "5m",
         .min = 2 * MANSIO_SECOND, .max = HOURS,
         .help = "How long a claim lasts unless renewed: what a node had in hand when it died is "
                 "taken up after that"),
    LIVE(.name = "retry", .type = MANSIO_SETTING_LIST, .max = OB_WAITS_MAX,
         .help = "Waits after the first, second, ... attempt, 15 % more or less; the last one "
                 "repeats. Left out: 5m, 10m, 20m, 40m, 1h, 2h, 4h"),
    LIVE(.name = "give_up", .type = MANSIO_SETTING_DURATION, .default_text = "5d",
         .min = MANSIO_SECOND, .max = 30 * DAYS,
         .help = "The age at which mail goes back (RFC 5321 4.5.4.1)"),
    LIVE(.name = "delay_report", .type = MANSIO_SETTING_DURATION, .default_text = "4h", .min = 0,
         .max = 30 * DAYS, .help = "The age at which senders are told of a delay; 0s: never"),
    LIVE(.name = "dead_time", .type = MANSIO_SETTING_DURATION, .default_text = "1m",
         .min = 10 * MANSIO_MS, .max = HOURS,
         .help = "How long a destination is left alone that couldn't be reached; doubles each time"),
    LIVE(.name = "dead_time_max", .type = MANSIO_SETTING_DURATION, .default_text = "30m",
         .min = 10 * MANSIO_MS, .max = DAYS, .help = "Up to this"),
    LIVE(.name = "eight_bit", .type = MANSIO_SETTING_CHOICE, .default_text = "refuse",
         .choices = bits_words,
         .help = "What comes of 8-bit mail for a server without 8BITMIME: back to its sender "
                 "(RFC 6152 3), or sent as it is"),
    LIVE(.name = "report_size", .type = MANSIO_SETTING_SIZE, .default_text = "50K", .min = 0,
         .max = 104857600,
         .help = "Of a larger message a report returns the header alone"),
    LIVE(.name = "double_bounce", .type = MANSIO_SETTING_CHOICE, .default_text = "drop",
         .choices = double_words,
         .help = "What comes of a report that can't be delivered: nothing but a line in the log, "
                 "or a report to the platform's postmaster"),
    LIVE(.name = "timeouts", .type = MANSIO_SETTING_SECTION, .children = timeout_settings,
         .child_count = MANSIO_COUNT(timeout_settings), .help = "How long others may take"),
};
/* clang-format on */
_Static_assert(MANSIO_COUNT(ob_settings) == OB_SETTING_COUNT, "the count in options.h");
