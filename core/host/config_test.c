/*
 * The node's configuration: what is made of a good file, what is said of a bad one, and that the
 * sample which is installed is right.
 */
#include <config.h>

#include "core/host/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "core/host/config_table.h"
#include "core/host/log.h"
#include "core/host/source.h"
#include "core/net/tls.h"

static struct mansio_arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = mansio_arena_new(NULL, "test", 64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mansio_arena_free(arena);
    return 0;
}

/* A configuration of one or two texts, as files a and b. */
static int parse(const char *a, const char *b, struct core_source **out_source,
                 struct core_config **out)
{
    struct core_source *source = NULL;
    struct core_source_file *file = NULL;
    assert_int_equal(core_source_of_text(arena, "a", mansio_str_from_cstr(a), &source), 0);
    if (b != NULL) {
        assert_int_equal(
            core_source_add_file(source, "b", "/etc/b", mansio_str_from_cstr(b), &file), 0);
    }
    *out_source = source;
    return core_config_parse(arena, source, out);
}

static struct core_config *config_of(const char *a, const char *b)
{
    struct core_source *source = NULL;
    struct core_config *config = NULL;
    if (parse(a, b, &source, &config) < 0) {
        fail_msg("%s", mansio_error_detail());
    }
    return config;
}

static void has_defaults(void **state)
{
    (void)state;
    struct core_config *config = config_of("", NULL);
    assert_in_range(config->workers, 1, CORE_WORKERS_MAX);
    assert_true(config->node.len > 0);
    assert_string_equal(config->control_socket.ptr, CORE_RUN_DIR "/control.sock");
    assert_int_equal(config->control_mode, 0660);
    assert_int_equal(config->log_format, CORE_LOG_LOGFMT);
    assert_int_equal(config->log_level, MANSIO_LOG_INFO);
    assert_int_equal(config->log_file.len, 0);
    assert_int_equal(config->has_metrics, 0);
    assert_int_equal(config->limits.max[CORE_LIMIT_CONNS], 100000);
    assert_int_equal(config->limits.max[CORE_LIMIT_CONNS_ADDRESS], 100);
    assert_int_equal(config->conn_arena_cap_bytes, 1 << 20);
    assert_int_equal(config->stack_size_bytes, 256 << 10);
    assert_int_equal(config->drain_time_us, 30000000);
    assert_int_equal(config->hold_limit_us, 10000);
    assert_int_equal(config->instance_count, 0);
    assert_int_equal(config->listener_count, 0);
    assert_int_equal(mansio_settings_count(config->settings, "module_path"), 1);
    assert_string_equal(mansio_settings_item(config->settings, "module_path", 0).ptr,
                        CORE_MODULE_DIR);
}

/* Who lifts the limit of an address has lifted that of its network, unless he names it. */
static void limits_of_networks_follow_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t conns, failures;
    } rows[] = {
        {"", 1000, 400},
        {"limits: {connections_per_address: 7}\nlogin: {failures_per_address: 3}\n", 70, 60},
        {"limits: {connections_per_address: 0}\nlogin: {failures_per_address: 0}\n", 0, 0},
        {"limits: {connections_per_address: 0, connections_per_network: 5}\n"
         "login: {failures_per_address: 0, failures_per_network: 6}\n",
         5, 6},
        {"limits: {connections_per_network: 0}\nlogin: {failures_per_network: 0}\n", 0, 0},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct core_config *config = config_of(rows[i].text, NULL);
        assert_int_equal(config->limits.max[CORE_LIMIT_CONNS_NETWORK], rows[i].conns);
        assert_int_equal(config->login.failures_per_network, rows[i].failures);
    }
}

static void takes_what_the_file_says(void **state)
{
    (void)state;
    struct core_config *config =
        config_of("workers: 3\nnode: n1\nuser: mansio\ngroup: mail\n"
                  "control: {socket: c.sock, mode: 0600}\n"
                  "log: {format: json, level: debug, file: /var/log/m}\n"
                  "metrics: {address: '127.0.0.1:9100'}\n"
                  "limits: {connections: 0, connections_per_address: 5, sessions: 16, fibers: 64,\n"
                  "  conn_memory: 16K, fiber_stack: 64K, stacks_kept: 0}\n"
                  "drain: {time: 1s, spread: 500ms}\n"
                  "offload: {threads: 7, queue: 8}\n"
                  "watchdog: {limit: 0}\n",
                  NULL);
    assert_int_equal(config->workers, 3);
    assert_string_equal(config->node.ptr, "n1");
    assert_string_equal(config->user.ptr, "mansio");
    assert_string_equal(config->group.ptr, "mail");
    assert_string_equal(config->control_socket.ptr, "/c.sock");
    assert_int_equal(config->control_mode, 0600);
    assert_int_equal(config->log_format, CORE_LOG_JSON);
    assert_int_equal(config->log_level, MANSIO_LOG_DEBUG);
    assert_string_equal(config->log_file.ptr, "/var/log/m");
    assert_int_equal(config->has_metrics, 1);
    assert_int_equal(ntohs(config->metrics_address.u.ipv4.sin_port), 9100);
    assert_int_equal(config->limits.max[CORE_LIMIT_CONNS], 0);
    assert_int_equal(config->limits.max[CORE_LIMIT_CONNS_ADDRESS], 5);
    assert_int_equal(config->sessions_max, 16);
    assert_int_equal(config->fibers_max, 64);
    assert_int_equal(config->conn_arena_cap_bytes, 16 << 10);
    assert_int_equal(config->stack_size_bytes, 64 << 10);
    assert_int_equal(config->stacks_kept_max, 0);
    assert_int_equal(config->drain_time_us, 1000000);
    assert_int_equal(config->drain_spread_us, 500000);
    assert_int_equal(config->offload_threads, 7);
    assert_int_equal(config->offload_queue_max, 8);
    assert_int_equal(config->hold_limit_us, 0);
}

static void makes_a_row_an_address(void **state)
{
    (void)state;
    struct core_config *config = config_of("listeners:\n"
                                           "  one:\n"
                                           "    address: ['127.0.0.1:1', 'unix:/tmp/x']\n"
                                           "    serve: i\n"
                                           "    service: imap\n"
                                           "    backlog: 9\n"
                                           "    mode: 600\n"
                                           "    connections: 4\n"
                                           "instances:\n"
                                           "  i: {module: hello, settings: {a: b}}\n",
                                           "listeners:\n"
                                           "  two: {address: '[::1]:2', serve: j}\n"
                                           "instances:\n"
                                           "  j: {module: ./m.so}\n");
    assert_int_equal(config->listener_count, 3);
    assert_string_equal(config->listeners[0].name.ptr, "one");
    assert_string_equal(config->listeners[0].instance.ptr, "i");
    assert_string_equal(config->listeners[0].service.ptr, "imap");
    assert_string_equal(config->listeners[0].address_text.ptr, "127.0.0.1:1");
    assert_int_equal(config->listeners[0].address.u.any.sa_family, AF_INET);
    assert_int_equal(config->listeners[0].backlog, 9);
    assert_int_equal(config->listeners[0].unix_mode, 0600);
    assert_int_equal(config->listeners[0].conns_max, 4);
    assert_int_equal(config->listeners[0].where->at.line, 3);
    assert_string_equal(config->listeners[1].name.ptr, "one");
    assert_int_equal(config->listeners[1].address.u.any.sa_family, AF_UNIX);
    assert_string_equal(config->listeners[2].name.ptr, "two");
    assert_string_equal(config->listeners[2].instance.ptr, "j");
    assert_int_equal(config->listeners[2].service.len, 0);
    assert_int_equal(config->listeners[2].conns_max, 0);
    assert_int_equal(config->instance_count, 2);
    assert_string_equal(config->instances[0].module.ptr, "hello");
    assert_int_equal(config->instances[0].node->count, 1);
    assert_string_equal(config->instances[1].name.ptr, "j");
    assert_string_equal(config->instances[1].module.ptr, "/etc/b/m.so");
    assert_null(config->instances[1].node);
    assert_string_equal(config->instances[1].where->at.file->path, "b");
}

static void reads_the_resolver_and_contents(void **state)
{
    (void)state;
    struct core_config *config =
        config_of("resolver: {servers: [192.0.2.53, '[2001:db8::53]:5353'], trust_ad: true,\n"
                  "           timeout: 500ms, tries: 5, cache: 64K}\n"
                  "limits: {content_memory: 2M, content_directory: /tmp/x}\n",
                  NULL);
    assert_int_equal(config->resolver.server_count, 2);
    assert_string_equal(config->resolver.servers[1].ptr, "[2001:db8::53]:5353");
    assert_int_equal(config->resolver.trust_ad, 1);
    assert_int_equal(config->resolver.timeout_us, 500000);
    assert_int_equal(config->resolver.tries, 5);
    assert_int_equal(config->resolver.cache_bytes, 65536);
    assert_int_equal(config->content_memory_bytes, 2 << 20);
    assert_string_equal(config->content_directory.ptr, "/tmp/x");
    config = config_of("workers: 1\n", NULL); /* what nobody said */
    assert_int_equal(config->resolver.server_count, 0);
    assert_int_equal(config->resolver.trust_ad, 0);
    assert_int_equal(config->content_memory_bytes, 256 << 20);
    assert_string_equal(config->content_directory.ptr, "/var/tmp");
}

static void reads_policy_and_what_is_advertised(void **state)
{
    (void)state;
    struct core_config *config =
        config_of("policy: {hold: 5m, then: open}\n"
                  "listeners:\n"
                  "  a: {address: '*:1', serve: i}\n"
                  "  b: {address: '*:2', serve: i, advertise: no}\n"
                  "  c: {address: '*:3', serve: i, advertise: 'Mail.Example.ORG'}\n"
                  "  d: {address: '*:4', serve: i, advertise: 'mail.example.org:993'}\n"
                  "  e: {address: '*:5', serve: i, advertise: ':110'}\n"
                  "instances: {i: {module: m}}\n",
                  NULL);
    static const struct {
        uint32_t is_advertised, port;
        const char *host;
    } wanted[] = {{1, 0, ""},
                  {0, 0, ""},
                  {1, 0, "mail.example.org"},
                  {1, 993, "mail.example.org"},
                  {1, 110, ""}};
    assert_int_equal(config->policy.hold_us, 300000000);
    assert_int_equal(config->policy.is_open, 1);
    for (size_t i = 0; i < MANSIO_COUNT(wanted); i++) {
        const struct core_config_listener *row = &config->listeners[i];
        assert_int_equal(row->is_advertised, wanted[i].is_advertised);
        assert_int_equal(row->advertise_port, wanted[i].port);
        assert_int_equal(row->advertise_host.len, strlen(wanted[i].host));
        assert_true(row->advertise_host.len == 0 ||
                    strcmp(row->advertise_host.ptr, wanted[i].host) == 0);
    }
    config = config_of("workers: 1\n", NULL); /* what nobody said */
    assert_int_equal(config->policy.hold_us, 900000000);
    assert_int_equal(config->policy.is_open, 0);
}

static void reads_tls_and_proxies(void **state)
{
    (void)state;
    struct core_config *config =
        config_of("tls: {handshake_time: 3s, ticket_secret: 0123456789abcdef0123456789abcdef}\n"
                  "certificates: {a: {chain: a.pem, key: a.key}, b: {chain: /b.pem, key: /b.key}}\n"
                  "listeners:\n"
                  "  a: {address: '*:1', serve: i, tls: implicit, certificate: b, client_ca: /ca,\n"
                  "      proxy_from: [192.0.2.0/24, unix]}\n"
                  "  b: {address: '*:2', serve: i, tls: starttls, client_ca: /ca,\n"
                  "      client_certificate: require, client_crl: /crl}\n"
                  "  c: {address: '*:3', serve: i}\n"
                  "instances: {i: {module: m}}\n",
                  NULL);
    assert_int_equal(config->tls_handshake_us, 3 * MANSIO_SECOND);
    assert_int_equal(mansio_secret_bytes(config->tls_ticket_secret).len, 32);
    assert_int_equal(config->certificate_count, 2);
    assert_string_equal(config->certificates[1].chain.ptr, "/b.pem");
    const struct core_config_listener *rows = config->listeners;
    assert_int_equal(rows[0].tls, CORE_TLS_IMPLICIT);
    assert_int_equal(rows[0].certificate, 1);
    assert_int_equal(rows[0].client_certificate, CORE_TLS_CLIENT_REQUEST);
    assert_string_equal(rows[0].client_ca.ptr, "/ca");
    assert_int_equal(rows[0].client_crl.len, 0);
    assert_string_equal(rows[1].client_crl.ptr, "/crl");
    assert_int_equal(rows[0].proxy_count, 2);
    assert_int_equal(rows[0].proxies[0].prefix, 24);
    assert_int_equal(rows[1].tls, CORE_TLS_STARTTLS);
    assert_int_equal(rows[1].certificate, 0);
    assert_int_equal(rows[1].client_certificate, CORE_TLS_CLIENT_REQUIRE);
    assert_int_equal(rows[2].tls, CORE_TLS_OFF);
    assert_int_equal(rows[2].client_certificate, CORE_TLS_CLIENT_OFF);
    assert_int_equal(rows[2].proxy_count, 0);
}

static void reads_logins(void **state)
{
    (void)state;
    struct core_config *config =
        config_of("directory: pg\n"
                  "login: {auth: [one, two], failures_per_address: 3, failures_per_account: 4,\n"
                  "        window: 2m, delay: 10ms, delay_max: 1s}\n"
                  "listeners:\n"
                  "  a: {address: '*:1', serve: i, plaintext_login: true,\n"
                  "      mechanisms: [plain, SCRAM-SHA-256-PLUS]}\n"
                  "  b: {address: '*:2', serve: i}\n"
                  "instances: {i: {module: m}}\n",
                  NULL);
    assert_string_equal(config->directory.ptr, "pg");
    assert_int_equal(config->login.auth_count, 2);
    assert_string_equal(config->login.auth[1].ptr, "two");
    assert_int_equal(config->login.failures_per_address, 3);
    assert_int_equal(config->login.failures_per_account, 4);
    assert_int_equal(config->login.window_us, 120000000);
    assert_int_equal(config->login.delay_us, 10000);
    assert_int_equal(config->login.delay_max_us, 1000000);
    assert_int_equal(config->listeners[0].is_plaintext_login, 1);
    assert_int_equal(config->listeners[0].mechanism_count, 2);
    assert_string_equal(config->listeners[0].mechanisms[0].ptr, "plain");
    assert_int_equal(config->listeners[1].is_plaintext_login, 0);
    assert_int_equal(config->listeners[1].mechanism_count, 0);
    config = config_of("workers: 1\n", NULL); /* what nobody said */
    assert_int_equal(config->directory.len, 0);
    assert_int_equal(config->login.auth_count, 0);
    assert_int_equal(config->login.failures_per_address, 20);
    assert_int_equal(config->login.window_us, 600000000);
}

#define HELLO "instances: {i: {module: m}}\n"
#define MAIL  "certificates: {mail: {chain: /a, key: /b}}\n"

static const struct {
    const char *a, *b;
    const char *problems[5];
} bad[] = {
    {"resolver: {servers: [192.0.2.53, dns.test]}\n",
     NULL,
     {"a:1:21: resolver.servers: found \"dns.test\", expected an address such as 192.0.2.53, "
      "192.0.2.53:5353, 2001:db8::53 or [2001:db8::53]:5353"}},
    {"listeners: {x: {address: '127.0.0.1:1', serve: j}}\n" HELLO,
     NULL,
     {"a:1:48: listeners.x.serve: found \"j\", expected an instance such as i"}},
    {"listeners: {x: {address: '127.0.0.1:1', serve: j}}\n",
     NULL,
     {"a:1:48: listeners.x.serve: found \"j\", expected an instance, but there is none"}},
    {"listeners: {x: {address: '127.0.0.1:1'}}\n" HELLO,
     NULL,
     {"a:1:13: listeners.x.serve: is required: found nothing, expected text, 1 to 63 bytes"}},
    {"listeners: {x: {address: [], serve: i}}\n" HELLO,
     NULL,
     {"a:1:26: listeners.x.address: found 0, expected a list of texts, 1 to 32 addresses"}},
    {"listeners: {x: {address: ['*:1', '*:1'], serve: i}}\n" HELLO,
     NULL,
     {"a:1:34: listeners.x.address: found \"*:1\" a second time; x at a:1:13 has it too"}},
    {"listeners: {x: {address: '*:0', serve: i}, y: {address: '*:0', serve: i}}\n" HELLO,
     NULL,
     {NULL}},
    {"listeners: {x: {address: 'unix:/x', serve: i}}\n" HELLO,
     "listeners: {y: {address: 'unix:/x', serve: i}}\n",
     {"b:1:26: listeners.y.address: found \"unix:/x\" a second time; x at a:1:13 has it too"}},
    {"listeners: {x: {address: '*:1', serve: i, mode: '0888'}}\n" HELLO,
     NULL,
     {"a:1:49: listeners.x.mode: found \"0888\", expected a mode in octal, 0000 to 0777"}},
    {"listeners: {x: {address: '*:1', serve: i, mode: 1777}}\n" HELLO,
     NULL,
     {"a:1:49: listeners.x.mode: found \"1777\", expected a mode in octal, 0000 to 0777"}},
    {"listeners: {x: {address: '*:1', serve: i, service: Im ap}}\n" HELLO,
     NULL,
     {"a:1:52: listeners.x.service: found \"Im ap\", expected lower-case letters, digits and "
      "'-'"}},
    {"listeners: {x: {address: '*:1', serve: i, mechanisms: [PLAIN, GSSAPI]}}\n" HELLO,
     NULL,
     {"a:1:63: listeners.x.mechanisms: found \"GSSAPI\", expected one of EXTERNAL, "
      "SCRAM-SHA-256-PLUS, "
      "SCRAM-SHA-256, PLAIN, LOGIN"}},
    {"listeners: {x: {address: '*:1', serve: i, tls: implicit}}\n" HELLO,
     NULL,
     {"a:1:48: listeners.x.tls: found TLS, but there are no `certificates` to show to clients"}},
    {"listeners: {x: {address: '*:1', serve: i, tls: implicit, certificate: web}}\n" HELLO MAIL,
     NULL,
     {"a:1:71: listeners.x.certificate: found \"web\", expected one of `certificates` such as "
      "mail"}},
    {"listeners: {x: {address: '*:1', serve: i, client_ca: /ca}}\n" HELLO MAIL,
     NULL,
     {"a:1:54: listeners.x.client_ca: found a path, but this listener has no TLS"}},
    {"listeners: {x: {address: '*:1', serve: i, tls: implicit, client_crl: /crl}}\n" HELLO MAIL,
     NULL,
     {"a:1:70: listeners.x.client_crl: found lists of revoked certificates, but no client_ca that "
      "signs them"}},
    {"listeners: {x: {address: '*:1', serve: i, tls: implicit, client_ca: /ca, client_crl: /crl, "
     "client_certificate: off}}\n" HELLO MAIL,
     NULL,
     {"a:1:86: listeners.x.client_crl: found lists of revoked certificates, but client_certificate "
      "is off"}},
    {"listeners: {x: {address: '*:1', serve: i, tls: implicit, client_ca: /ca, client_crl: "
     "''}}\n" HELLO MAIL,
     NULL,
     {"a:1:86: listeners.x.client_crl: found nothing, expected a path"}},
    {"listeners: {x: {address: '*:1', serve: i, tls: implicit, client_certificate: "
     "require}}\n" HELLO MAIL,
     NULL,
     {"a:1:78: listeners.x.client_certificate: found a demand for certificates, but no client_ca "
      "to judge them by"}},
    {"listeners: {x: {address: '*:1', serve: i, proxy_from: ['::1', 10.0.0.1/8]}}\n" HELLO,
     NULL,
     {"a:1:63: listeners.x.proxy_from: network \"10.0.0.1/8\": expected no bits behind the prefix; "
      "\"10.0.0.0/8\"?"}},
    {"listeners: {x: {address: '*:1', serve: i, advertise: 'mail.test:0'}}\n" HELLO,
     NULL,
     {"a:1:54: listeners.x.advertise: found \"mail.test:0\", expected \"no\", mail.example.org, "
      "mail.example.org:993 or :993"}},
    {"listeners: {x: {address: '*:1', serve: i, advertise: 'a b'}}\n" HELLO,
     NULL,
     {"a:1:54: listeners.x.advertise: found \"a b\", expected \"no\", mail.example.org, "
      "mail.example.org:993 or :993"}},
    {"listeners: {x: {address: '*:1', serve: i, advertise: 'a:1:2'}}\n" HELLO,
     NULL,
     {"a:1:54: listeners.x.advertise: found \"a:1:2\", expected \"no\", mail.example.org, "
      "mail.example.org:993 or :993"}},
    {"tls: {ticket_secret: short}\n",
     NULL,
     {"a:1:22: tls.ticket_secret: found 5 bytes, expected 32 or more"}},
    {"certificates: {mail: {chain: /a}}\n",
     NULL,
     {"a:1:16: certificates.mail.key: is required: found nothing, expected a path"}},
    {"listeners: {X: {address: '*:1', serve: i}}\n" HELLO,
     NULL,
     {"a:1:13: listeners.X: found a name of other characters or length, expected lower-case "
      "letters, digits, '-', '_', '.', at most 63"}},
    {"instances: {-i: {module: m}}\n",
     NULL,
     {"a:1:13: instances.-i: found a name of other characters or length, expected lower-case "
      "letters, digits, '-', '_', '.', at most 63"}},
    {"instances: {i: {settings: {}}}\n",
     NULL,
     {"a:1:13: instances.i.module: is required: found nothing, expected text, 1 to 4095 bytes"}},
    {"instances: {i: {modul: x}}\n",
     NULL,
     {"a:1:13: instances.i.module: is required: found nothing, expected text, 1 to 4095 bytes",
      "a:1:17: instances.i: found the unknown setting \"modul\"; did you mean \"module\"?"}},
    {"module_path: [lib, /lib]\n",
     NULL,
     {"a:1:15: module_path: found \"lib\", expected an absolute path"}},
    {"drain: {time: 1s, spread: 2s}\n",
     NULL,
     {"a:1:27: drain.spread: found more than drain.time, expected at most as much"}},
    {"drain: {time: 1s}\n",
     NULL,
     {"a:1:1: drain.spread: found nothing, and its default is more than drain.time: say it too"}},
    {"metrics: {address: '127.0.0.1:25'}\n"
     "instances: {i: {module: m}}\n"
     "listeners: {l: {address: ['127.0.0.1:25'], serve: i}}\n",
     NULL,
     {"a:3:27: listeners.l.address: found \"127.0.0.1:25\", which metrics.address has too"}},
    {"control: {socket: ''}\n", NULL, {"a:1:19: control.socket: found nothing, expected a path"}},
    {"workers: 65\n", NULL, {"a:1:10: workers: found \"65\", expected 0 to 64 workers"}},
    {"- a\n", NULL, {"a:1:1: found a list, expected settings such as \"listeners:\""}},
    {"backlog: 1\n",
     NULL,
     {"a:1:1: found the unknown setting \"backlog\"; it belongs at \"listeners.NAME.backlog\""}},
    {"workers: 1\nlog: {}\n",
     "node: x\nlog: {}\nworkers: 1\n",
     {"b:2:1: found the key \"log\" a second time; it stands at a:2:1 too",
      "b:3:1: found the key \"workers\" a second time; it stands at a:1:1 too"}},
    {HELLO,
     HELLO,
     {"b:1:13: instances: found the key \"i\" a second time; it stands at a:1:13 too"}},
    {"instances: [x]\n",
     HELLO,
     {"a:1:12: instances: found a list, expected named sections, 0 to 4096 sections"}},
    {HELLO,
     "listeners: 7\n",
     {"b:1:12: listeners: found text, expected named sections, 0 to 512 sections"}},
    {"listeners: {}\n",
     "listeners: 7\n",
     {"b:1:12: listeners: found text, expected named sections"}},
    {"include: b\n", "include: c\n", {NULL}},
    {"instances:\n", HELLO, {NULL}},
    {HELLO, "instances:\n", {NULL}},
};

static void tells_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(bad); i++) {
        struct core_source *source = NULL;
        struct core_config *config = NULL;
        int result = parse(bad[i].a, bad[i].b, &source, &config);
        size_t count = core_source_problem_count(source, NULL);
        if ((result < 0) != (bad[i].problems[0] != NULL) || (result < 0) != (config == NULL)) {
            fail_msg("row %zu: %d %s", i, result, mansio_error_detail());
        }
        for (size_t j = 0; j < count; j++) {
            if (bad[i].problems[j] == NULL ||
                strcmp(bad[i].problems[j], core_source_problem(source, j)) != 0) {
                fail_msg("row %zu:\n  %s\n  %s", i, core_source_problem(source, j),
                         bad[i].problems[j]);
            }
        }
        assert_null(bad[i].problems[count]);
    }
}

static void tells_of_bad_metrics_address(void **state)
{
    (void)state;
    struct core_source *source = NULL;
    struct core_config *config = NULL;
    assert_int_equal(parse("metrics: {address: nonsense}\n", NULL, &source, &config),
                     MANSIO_E_INVALID);
    assert_memory_equal(mansio_error_detail(), "a:1:20: metrics.address: ", 25);
    assert_non_null(strstr(mansio_error_detail(), "nonsense"));
}

/* A module's settings are compared by whoever has its table. */
static void leaves_modules_settings_out(void **state)
{
    (void)state;
    const struct core_config *a = config_of("instances: {i: {module: m, settings: {a: b}}}\n", "");
    const struct core_config *b = config_of("instances: {i: {module: m, settings: {a: c}}}\n", "");
    const struct core_config *c = config_of("instances: {i: {module: n}}\n", "");
    const struct core_config *d = config_of("log: {level: debug}\n" HELLO, "");
    assert_int_equal(core_settings_compare(a->settings, b->settings), 0);
    assert_int_equal(core_settings_compare(a->settings, c->settings), 2);
    assert_int_equal(core_settings_compare(a->settings, d->settings), 1);
}

/* The problems of the last parse do not stay. */
static void starts_anew(void **state)
{
    (void)state;
    struct core_source *source = NULL;
    struct core_config *config = NULL;
    assert_true(parse("workers: x\n", NULL, &source, &config) < 0);
    assert_true(core_config_parse(arena, source, &config) < 0);
    size_t total = 0;
    assert_int_equal(core_source_problem_count(source, &total), 1);
    assert_int_equal(total, 1);
}

static void the_sample_is_right(void **state)
{
    (void)state;
    const char *top = getenv("MANSIO_SRCDIR");
    struct mansio_str path = MANSIO_STR_NONE;
    struct core_source *source = NULL;
    struct core_config *config = NULL;
    assert_int_equal(mansio_arena_printf(arena, &path, "%s/packaging/config/mansio.yaml",
                                         top != NULL ? top : "."),
                     0);
    if (core_source_read(arena, path.ptr, &source) < 0 ||
        core_config_parse(arena, source, &config) < 0) {
        fail_msg("%s", mansio_error_detail());
    }
}

/* As an admin would use it: the examples in comments switched on. A line whose text behind '#'
 * follows at once and is no sentence is an example. */
static void its_examples_are_right(void **state)
{
    (void)state;
    const char *top = getenv("MANSIO_SRCDIR");
    struct mansio_str path = MANSIO_STR_NONE;
    struct mansio_buf *text = mansio_buf_new(arena, 65536);
    assert_int_equal(mansio_arena_printf(arena, &path, "%s/packaging/config/mansio.yaml",
                                         top != NULL ? top : "."),
                     0);
    FILE *sample = fopen(path.ptr, "r");
    assert_non_null(sample);
    char line[256];
    while (fgets(line, sizeof line, sample) != NULL) {
        int is_example = line[0] == '#' && line[1] != ' ' && line[1] != '\n';
        int is_inside = line[0] == '#' && strncmp(line, "#  ", 3) == 0 && line[3] != ' ';
        int is_deeper = strncmp(line, "#    ", 5) == 0 || strncmp(line, "#      ", 7) == 0;
        int is_empty_map = strstr(line, ": {}") != NULL;
        if (strncmp(line, "#   mansio", 10) == 0 || strncmp(line, "#include", 8) == 0) {
            continue;
        }
        if (!is_empty_map) {
            mansio_buf_printf(text, "%s", is_example || is_inside || is_deeper ? line + 1 : line);
        }
    }
    fclose(sample);
    struct core_config *config = config_of(mansio_buf_str(text).ptr, NULL);
    assert_int_equal(config->instance_count, 4);
    assert_int_equal(config->listener_count, 5);
    assert_int_equal(config->has_metrics, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_policy_and_what_is_advertised),
        cmocka_unit_test(has_defaults),
        cmocka_unit_test(limits_of_networks_follow_addresses),
        cmocka_unit_test(takes_what_the_file_says),
        cmocka_unit_test(makes_a_row_an_address),
        cmocka_unit_test(reads_tls_and_proxies),
        cmocka_unit_test(reads_logins),
        cmocka_unit_test(reads_the_resolver_and_contents),
        cmocka_unit_test(tells_what_is_wrong),
        cmocka_unit_test(tells_of_bad_metrics_address),
        cmocka_unit_test(leaves_modules_settings_out),
        cmocka_unit_test(starts_anew),
        cmocka_unit_test(the_sample_is_right),
        cmocka_unit_test(its_examples_are_right),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
