/*
 * The core's own settings, as a table. What it says is what the file may say, what
 * `mansiod --explain-settings` prints first, and what documentation is made of.
 */
#include "core/host/config_table.h"

#include "core/host/config.h"
#include "core/host/settings.h"

#include <mansio/time.h>

static const char *const log_formats[] = {"logfmt", "json", NULL};
static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL};

static const struct mansio_setting control_table[] = {
    MANSIO_SETTING(.name = "socket", .type = MANSIO_SETTING_PATH,
                   .default_text = CORE_RUN_DIR "/control.sock",
                   .help = "Unix socket that mansioctl talks to"),
    MANSIO_SETTING(.name = "mode", .type = MANSIO_SETTING_STRING, .default_text = "0660", .min = 3,
                   .max = 4, .help = "Its mode, in octal"),
};

static const struct mansio_setting log_table[] = {
    MANSIO_SETTING(.name = "format", .type = MANSIO_SETTING_CHOICE, .choices = log_formats,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "logfmt",
                   .help = "How a line looks: key=value pairs or one JSON object"),
    MANSIO_SETTING(.name = "level", .type = MANSIO_SETTING_CHOICE, .choices = log_levels,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "info",
                   .help = "Write lines of this level and graver ones"),
    MANSIO_SETTING(.name = "file", .type = MANSIO_SETTING_PATH, .flags = MANSIO_SETTING_LIVE,
                   .help = "Append to this file; empty: standard error, as systemd likes it"),
};

static const struct mansio_setting metrics_table[] = {
    MANSIO_SETTING(.name = "address", .type = MANSIO_SETTING_STRING,
                   .help = "Serve metrics in Prometheus format here, such as 127.0.0.1:9100; "
                           "empty: nowhere"),
};

/* A limit that all workers share. */
#define SHARED(name_, unit_, default_, help_)                                                      \
    MANSIO_SETTING(.name = (name_), .type = MANSIO_SETTING_INT, .unit = (unit_),                   \
                   .flags = MANSIO_SETTING_LIVE, .default_text = (default_), .min = 0,             \
                   .max = 10000000, .help = help_)

/* One of networks, which follows that of addresses unless it is given. */
#define OF_NETWORKS(name_, unit_, help_)                                                           \
    MANSIO_SETTING(.name = (name_), .type = MANSIO_SETTING_INT, .unit = (unit_),                   \
                   .flags = MANSIO_SETTING_LIVE, .default_text = "-1", .min = -1, .max = 10000000, \
                   .help = help_)

static const struct mansio_setting limits_table[] = {
    MANSIO_SETTING(.name = "connections", .type = MANSIO_SETTING_INT, .unit = "connections",
                   .flags = MANSIO_SETTING_LIVE, .default_text = "100000", .min = 0,
                   .max = 10000000, .help = "Open at once on this node; 0: no limit"),
    MANSIO_SETTING(.name = "connections_per_address", .type = MANSIO_SETTING_INT,
                   .unit = "connections", .flags = MANSIO_SETTING_LIVE, .default_text = "100",
                   .min = 0, .max = 10000000,
                   .help = "Open at once from one client address, or IPv6 /64; 0: no limit"),
    OF_NETWORKS("connections_per_network", "connections",
                "Open at once from one network of ipv4_prefix or ipv6_prefix bits; -1: ten times "
                "connections_per_address, none where that is none; 0: no limit"),
    MANSIO_SETTING(.name = "ipv4_prefix", .type = MANSIO_SETTING_INT, .unit = "bits",
                   .flags = MANSIO_SETTING_LIVE, .default_text = "24", .min = 8, .max = 32,
                   .help = "Of an IPv4 address: what makes its network"),
    MANSIO_SETTING(.name = "ipv6_prefix", .type = MANSIO_SETTING_INT, .unit = "bits",
                   .flags = MANSIO_SETTING_LIVE, .default_text = "48", .min = 16, .max = 64,
                   .help = "Of an IPv6 address, likewise"),
    MANSIO_SETTING(.name = "exempt", .type = MANSIO_SETTING_LIST, .unit = "networks",
                   .flags = MANSIO_SETTING_LIVE, .min = 0, .max = 256,
                   .help = "Peers in these networks (192.0.2.0/24, 2001:db8::/32) are counted by "
                           "account and tenant alone, as those of unix sockets always are: "
                           "monitors, web mail, hosts that hand mail on to this one"),
    SHARED("sessions_per_account", "sessions", "10000",
           "Open at once of one account; a quota says otherwise for some; 0: no limit"),
    SHARED("sessions_per_tenant", "sessions", "0",
           "Open at once of all accounts of a tenant; 0: no limit"),
    SHARED("messages_per_address", "messages an hour", "0",
           "That one client address, or IPv6 /64, may bring without a login; 0: no limit"),
    SHARED("messages_per_network", "messages an hour", "0",
           "That one network may bring without a login; 0: no limit"),
    SHARED("messages_per_account", "messages an hour", "0",
           "That one account may send; a quota says otherwise for some; 0: no limit"),
    SHARED("messages_per_tenant", "messages an hour", "0",
           "That all accounts of a tenant may send; 0: no limit"),
    SHARED("recipients_per_address", "recipients an hour", "0",
           "To which one client address may write without a login; 0: no limit"),
    SHARED("recipients_per_network", "recipients an hour", "0",
           "To which one network may write without a login; 0: no limit"),
    SHARED("recipients_per_account", "recipients an hour", "0",
           "To which one account may send; a quota says otherwise for some; 0: no limit"),
    SHARED("recipients_per_tenant", "recipients an hour", "0",
           "To which all accounts of a tenant may send; 0: no limit"),
    SHARED("misses_per_address", "misses an hour", "100",
           "Recipients that nobody has, from one client address, after which each further one "
           "waits tarpit_delay_max and ends its session; 0: no limit"),
    SHARED("misses_per_network", "misses an hour", "1000",
           "Likewise from one network; 0: no limit"),
    MANSIO_SETTING(.name = "window", .type = MANSIO_SETTING_DURATION, .default_text = "1h",
                   .min = 10 * MANSIO_SECOND, .max = 86400 * MANSIO_SECOND,
                   .help = "Over which time an hour's messages, recipients and misses are judged: "
                           "in 10m a sixth of them may come, in 1d twenty-four times as many"),
    MANSIO_SETTING(.name = "misses_free", .type = MANSIO_SETTING_INT, .unit = "misses",
                   .flags = MANSIO_SETTING_LIVE, .default_text = "10", .min = 0, .max = 1000000,
                   .help = "So many of an address in a window are answered at once"),
    MANSIO_SETTING(.name = "tarpit_delay", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "1s", .min = 0,
                   .max = 60 * MANSIO_SECOND,
                   .help = "How long the answer to the first miss after these waits; twice as long "
                           "with each further one"),
    MANSIO_SETTING(.name = "tarpit_delay_max", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "10s", .min = 0,
                   .max = 60 * MANSIO_SECOND,
                   .help = "The longest that it waits; 0: no answer waits"),
    SHARED("tarpit_places", "fibers", "1000",
           "Most that wait for having guessed, logins too, in a worker: beyond them sessions are "
           "ended instead; 0: no limit"),
    MANSIO_SETTING(.name = "sessions", .type = MANSIO_SETTING_INT, .unit = "sessions",
                   .default_text = "200000", .min = 16, .max = 10000000,
                   .help = "Open at once in a worker"),
    MANSIO_SETTING(.name = "fibers", .type = MANSIO_SETTING_INT, .unit = "fibers",
                   .default_text = "200000", .min = 64, .max = 10000000,
                   .help = "Running or waiting at once in a worker"),
    MANSIO_SETTING(.name = "conn_memory", .type = MANSIO_SETTING_SIZE, .default_text = "1M",
                   .min = 16384, .max = 1073741824,
                   .help = "Most memory that a connection's own data may take"),
    MANSIO_SETTING(.name = "content_memory", .type = MANSIO_SETTING_SIZE, .default_text = "256M",
                   .min = 1048576, .max = INT64_C(1) << 40,
                   .help = "Memory of a worker for messages on their way in; those that find none "
                           "left, or are larger than 1M, wait in files"),
    MANSIO_SETTING(.name = "content_directory", .type = MANSIO_SETTING_PATH,
                   .default_text = "/var/tmp", .help = "Where these files are, which have no name"),
    MANSIO_SETTING(.name = "fiber_stack", .type = MANSIO_SETTING_SIZE, .default_text = "256K",
                   .min = 65536, .max = 16777216,
                   .help = "Address space of a fiber's stack; memory is taken as it is used"),
    MANSIO_SETTING(.name = "stacks_kept", .type = MANSIO_SETTING_INT, .unit = "stacks",
                   .default_text = "256", .min = 0, .max = 1000000,
                   .help = "Unused stacks that a worker keeps for the next fiber"),
};

static const struct mansio_setting drain_table[] = {
    MANSIO_SETTING(.name = "time", .type = MANSIO_SETTING_DURATION, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "30s", .min = 0, .max = INT64_C(86400000000),
                   .help = "How long an outgoing generation may finish what it has in hand"),
    MANSIO_SETTING(.name = "spread", .type = MANSIO_SETTING_DURATION, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "5s", .min = 0, .max = INT64_C(86400000000),
                   .help = "Idle sessions are told goodbye evenly over this time"),
};

static const struct mansio_setting offload_table[] = {
    MANSIO_SETTING(.name = "threads", .type = MANSIO_SETTING_INT, .unit = "threads",
                   .default_text = "2", .min = 1, .max = 256,
                   .help = "Helper threads of a worker, for what is slow or blocks"),
    MANSIO_SETTING(.name = "queue", .type = MANSIO_SETTING_INT, .unit = "jobs",
                   .default_text = "1024", .min = 1, .max = 1000000,
                   .help = "Jobs that may wait for a thread"),
};

static const struct mansio_setting watchdog_table[] = {
    MANSIO_SETTING(.name = "limit", .type = MANSIO_SETTING_DURATION, .default_text = "10ms",
                   .min = 0, .max = INT64_C(60000000),
                   .help = "Name in the log who holds a worker for longer; 0: nobody"),
};

static const struct mansio_setting login_table[] = {
    MANSIO_SETTING(.name = "auth", .type = MANSIO_SETTING_LIST, .unit = "instances", .max = 32,
                   .help = "Who judges passwords, asked in this order; empty: every instance that "
                           "can, as they stand under instances"),
    MANSIO_SETTING(.name = "failures_per_address", .type = MANSIO_SETTING_INT, .unit = "failures",
                   .flags = MANSIO_SETTING_LIVE, .default_text = "20", .min = 0, .max = 1000000,
                   .help = "Failed logins from one client address, or IPv6 /64, in a window, after "
                           "which no more are judged; 0: no limit"),
    OF_NETWORKS("failures_per_network", "failures",
                "Failed logins from one network (limits.ipv4_prefix) in a window, likewise; from "
                "half of them on they wait as those of one address do; -1: twenty times "
                "failures_per_address, none where that is none; 0: no limit"),
    MANSIO_SETTING(.name = "failures_per_account", .type = MANSIO_SETTING_INT, .unit = "failures",
                   .flags = MANSIO_SETTING_LIVE, .default_text = "100", .min = 0, .max = 1000000,
                   .help = "Failed logins with one name in a window, likewise; 0: no limit"),
    SHARED("failures_per_tenant", "failures", "1000",
           "Failed logins with names in a tenant's domains in a window, after which the answer to "
           "each further one waits delay_max, unless delay is 0; 0: no limit"),
    MANSIO_SETTING(.name = "window", .type = MANSIO_SETTING_DURATION, .default_text = "10m",
                   .min = 1000000, .max = INT64_C(86400000000),
                   .help = "How long a failed login counts"),
    MANSIO_SETTING(.name = "delay", .type = MANSIO_SETTING_DURATION, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "250ms", .min = 0, .max = INT64_C(60000000),
                   .help = "How long the answer to a failed login waits; twice as long with each "
                           "further failure of the address in the window"),
    MANSIO_SETTING(.name = "delay_max", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "5s", .min = 0,
                   .max = INT64_C(60000000), .help = "The longest that it waits"),
    MANSIO_SETTING(.name = "beat", .type = MANSIO_SETTING_DURATION, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "20ms", .min = 0, .max = MANSIO_SECOND,
                   .help = "Answers to failed logins leave at multiples of this after they began, "
                           "so that small differences of what there was to do for them don't show; "
                           "0: as soon as may be"),
    MANSIO_SETTING(.name = "again", .type = MANSIO_SETTING_DURATION, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "5m", .min = 0, .max = 3600 * MANSIO_SECOND,
                   .help = "For so long a name and password that were right are known again on "
                           "their connection, where each request brings them (HTTP), without "
                           "hashing; policy is asked each time. 0: never"),
    MANSIO_SETTING(.name = "use_every", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "5m", .min = 0,
                   .max = 86400 * MANSIO_SECOND,
                   .help = "That a password was used is recorded so often at most, from each "
                           "worker; 0: never"),
};

static const char *const policy_ends[] = {"closed", "open", NULL};

static const struct mansio_setting policy_table[] = {
    MANSIO_SETTING(.name = "hold", .type = MANSIO_SETTING_DURATION, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "15m", .min = 0, .max = INT64_C(31536000000000),
                   .help = "How long what policy said last holds while the directory's database "
                           "can't be reached"),
    MANSIO_SETTING(.name = "then", .type = MANSIO_SETTING_CHOICE, .flags = MANSIO_SETTING_LIVE,
                   .choices = policy_ends, .default_text = "closed",
                   .help = "After that: nobody is let in and sessions end, or it goes on holding"),
};

static const char *const tls_modes[] = {"off", "starttls", "implicit", NULL};
static const char *const client_certificates[] = {"off", "request", "require", NULL};
static const char *const client_accounts[] = {"san", "subject", "either",
                                              NULL}; /* core/net/tls.h */

static const struct mansio_setting tls_table[] = {
    MANSIO_SETTING(.name = "handshake_time", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "20s", .min = 100000,
                   .max = INT64_C(600000000),
                   .help = "How long a client may take to shake hands on a listener that begins "
                           "with TLS"),
    MANSIO_SETTING(.name = "ticket_secret", .type = MANSIO_SETTING_SECRET,
                   .help = "32 bytes or more from which keys of session tickets are made: the same "
                           "on all nodes, a session is resumed on any; empty: one of this run"),
};

static const struct mansio_setting certificate_table[] = {
    MANSIO_SETTING(.name = "chain", .type = MANSIO_SETTING_PATH, .flags = MANSIO_SETTING_REQUIRED,
                   .help = "PEM file: the certificate, then those that lead to its CA"),
    MANSIO_SETTING(.name = "key", .type = MANSIO_SETTING_PATH, .flags = MANSIO_SETTING_REQUIRED,
                   .help = "PEM file: its key, without a password"),
};

static const struct mansio_setting resolver_table[] = {
    MANSIO_SETTING(.name = "servers", .type = MANSIO_SETTING_LIST, .unit = "addresses", .max = 16,
                   .help = "Resolvers to ask, such as 127.0.0.1 or [2001:db8::53]:5353; empty: "
                           "those of /etc/resolv.conf, as they are when a process starts"),
    MANSIO_SETTING(.name = "trust_ad", .type = MANSIO_SETTING_BOOL, .default_text = "false",
                   .help = "They check DNSSEC and nobody stands between: take their word for it "
                           "(DANE needs it)"),
    MANSIO_SETTING(.name = "timeout", .type = MANSIO_SETTING_DURATION, .default_text = "2s",
                   .min = 10 * MANSIO_MS, .max = 60 * MANSIO_SECOND,
                   .help = "How long an answer may take at the first try; twice as long at each "
                           "one after it"),
    MANSIO_SETTING(.name = "tries", .type = MANSIO_SETTING_INT, .unit = "tries",
                   .default_text = "3", .min = 1, .max = 10,
                   .help = "How often each server is asked before there is no answer"),
    MANSIO_SETTING(.name = "cache", .type = MANSIO_SETTING_SIZE, .default_text = "4M", .min = 0,
                   .max = 1073741824,
                   .help = "Memory of a worker for answers that still hold; 0: ask each time"),
};

static const struct mansio_setting listener_table[] = {
    MANSIO_SETTING(.name = "address", .type = MANSIO_SETTING_LIST, .flags = MANSIO_SETTING_REQUIRED,
                   .unit = "addresses", .min = 1, .max = 32,
                   .help = "Where to listen: 192.0.2.1:25, [2001:db8::1]:25, *:25, "
                           "unix:/run/x.sock"),
    MANSIO_SETTING(.name = "serve", .type = MANSIO_SETTING_STRING, .flags = MANSIO_SETTING_REQUIRED,
                   .min = 1, .max = CORE_NAME_MAX, .help = "The instance that serves it"),
    MANSIO_SETTING(.name = "service", .type = MANSIO_SETTING_STRING, .min = 0,
                   .max = CORE_SERVICE_MAX,
                   .help = "What policy calls this service; empty: the protocol's own name"),
    MANSIO_SETTING(.name = "advertise", .type = MANSIO_SETTING_STRING, .min = 0, .max = 320,
                   .help = "How mail programs are told to reach it: HOST, HOST:PORT or :PORT where "
                           "that differs from how it is bound; no: not at all. Unix sockets never "
                           "are"),
    MANSIO_SETTING(.name = "backlog", .type = MANSIO_SETTING_INT, .unit = "connections",
                   .default_text = "1024", .min = 1, .max = 65535,
                   .help = "Connections that may wait to be accepted"),
    MANSIO_SETTING(.name = "mode", .type = MANSIO_SETTING_STRING, .default_text = "0660", .min = 3,
                   .max = 4, .help = "The mode of its unix sockets, in octal"),
    MANSIO_SETTING(.name = "connections", .type = MANSIO_SETTING_INT, .unit = "connections",
                   .min = 0, .max = 10000000, .default_text = "0",
                   .help = "Open at once on this node; 0: only the node's own limit"),
    MANSIO_SETTING(.name = "plaintext_login", .type = MANSIO_SETTING_BOOL, .default_text = "false",
                   .help = "Take passwords in the clear without TLS. Unix sockets always do"),
    MANSIO_SETTING(.name = "mechanisms", .type = MANSIO_SETTING_LIST, .unit = "names", .max = 16,
                   .help = "SASL mechanisms to offer here; empty: all that are possible"),
    MANSIO_SETTING(.name = "tls", .type = MANSIO_SETTING_CHOICE, .choices = tls_modes,
                   .default_text = "off",
                   .help = "No TLS, TLS when the client asks for it, or from the first byte"),
    MANSIO_SETTING(.name = "certificate", .type = MANSIO_SETTING_STRING, .min = 0,
                   .max = CORE_NAME_MAX,
                   .help = "Which of `certificates` to show to who names no host, or one of none; "
                           "empty: the first"),
    MANSIO_SETTING(.name = "client_ca", .type = MANSIO_SETTING_PATH,
                   .help = "PEM file: CAs of clients' certificates; asks for them"),
    MANSIO_SETTING(.name = "client_crl", .type = MANSIO_SETTING_PATH,
                   .help = "PEM file: lists of revoked certificates, one of each CA in client_ca; "
                           "when a CA's list is out of date, nobody gets in by what it signed"),
    MANSIO_SETTING(.name = "client_certificate", .type = MANSIO_SETTING_CHOICE,
                   .choices = client_certificates,
                   .help = "Whether a client's certificate is asked for (any is taken) or must "
                           "come from client_ca; where there is client_ca, request is the default"),
    MANSIO_SETTING(.name = "client_account", .type = MANSIO_SETTING_CHOICE,
                   .choices = client_accounts, .default_text = "san",
                   .help = "What of a certificate that client_ca vouches for names the account to "
                           "log in to (SASL EXTERNAL): mail addresses of its subjectAltName, "
                           "emailAddress of its subject, or this where there are none of those"),
    MANSIO_SETTING(.name = "proxy_from", .type = MANSIO_SETTING_LIST, .unit = "networks", .min = 0,
                   .max = 256,
                   .help = "Peers in these networks (192.0.2.0/24, 2001:db8::/32, unix) begin with "
                           "a PROXY header, version 1 or 2, and are known by what it says"),
};

static const struct mansio_setting instance_table[] = {
    MANSIO_SETTING(.name = "module", .type = MANSIO_SETTING_STRING,
                   .flags = MANSIO_SETTING_REQUIRED, .min = 1, .max = CORE_SETTINGS_PATH_MAX,
                   .help = "The module's name, or the path of its file"),
    MANSIO_SETTING(.name = "settings", .type = CORE_SETTING_RAW,
                   .help = "The module's own settings"),
};

#define CHILDREN(table) .children = (table), .child_count = MANSIO_COUNT(table)

static const struct mansio_setting core_table[] = {
    MANSIO_SETTING(.name = "include", .type = MANSIO_SETTING_LIST, .unit = "paths",
                   .help = "More files, relative to this one; *, ? and [] match names. Their "
                           "instances and listeners are added, other settings stand in one file"),
    MANSIO_SETTING(.name = "node", .type = MANSIO_SETTING_STRING, .min = 0, .max = 255,
                   .help = "The name of this node; empty: the host's name"),
    MANSIO_SETTING(.name = "workers", .type = MANSIO_SETTING_INT, .unit = "workers",
                   .default_text = "0", .min = 0, .max = CORE_WORKERS_MAX,
                   .help = "Worker processes; 0: one a processor"),
    MANSIO_SETTING(.name = "user", .type = MANSIO_SETTING_STRING, .min = 0, .max = 63,
                   .help = "Run as this user; empty: as who started the daemon"),
    MANSIO_SETTING(.name = "group", .type = MANSIO_SETTING_STRING, .min = 0, .max = 63,
                   .help = "Run as this group; empty: the user's own"),
    MANSIO_SETTING(.name = "module_path", .type = MANSIO_SETTING_LIST, .unit = "folders",
                   .default_text = CORE_MODULE_DIR, .min = 1, .max = 16,
                   .help = "Absolute folders in which modules are looked for, in this order"),
    MANSIO_SETTING(.name = "control", .type = MANSIO_SETTING_SECTION,
                   .help = "The way in for mansioctl", CHILDREN(control_table)),
    MANSIO_SETTING(.name = "log", .type = MANSIO_SETTING_SECTION, .help = "Where log lines go",
                   CHILDREN(log_table)),
    MANSIO_SETTING(.name = "metrics", .type = MANSIO_SETTING_SECTION, .help = "Figures",
                   CHILDREN(metrics_table)),
    MANSIO_SETTING(.name = "limits", .type = MANSIO_SETTING_SECTION,
                   .help = "What may be had at most", CHILDREN(limits_table)),
    MANSIO_SETTING(.name = "directory", .type = MANSIO_SETTING_STRING, .min = 0,
                   .max = CORE_NAME_MAX,
                   .help = "The instance that says who there is; empty: the only one that can"),
    MANSIO_SETTING(.name = "login", .type = MANSIO_SETTING_SECTION, .help = "How users log in",
                   CHILDREN(login_table)),
    MANSIO_SETTING(.name = "policy", .type = MANSIO_SETTING_SECTION,
                   .help = "Who may use what, while nobody can be asked", CHILDREN(policy_table)),
    MANSIO_SETTING(.name = "drain", .type = MANSIO_SETTING_SECTION,
                   .help = "How an old generation ends", CHILDREN(drain_table)),
    MANSIO_SETTING(.name = "offload", .type = MANSIO_SETTING_SECTION, .help = "Helper threads",
                   CHILDREN(offload_table)),
    MANSIO_SETTING(.name = "watchdog", .type = MANSIO_SETTING_SECTION,
                   .help = "Who holds a worker for too long", CHILDREN(watchdog_table)),
    MANSIO_SETTING(.name = "tls", .type = MANSIO_SETTING_SECTION, .help = "TLS of all listeners",
                   CHILDREN(tls_table)),
    MANSIO_SETTING(.name = "certificates", .type = MANSIO_SETTING_MAP, .max = 4096,
                   .help = "By a name of your choice. Chosen by the host that a client names",
                   CHILDREN(certificate_table)),
    MANSIO_SETTING(.name = "resolver", .type = MANSIO_SETTING_SECTION,
                   .help = "Who is asked for DNS", CHILDREN(resolver_table)),
    MANSIO_SETTING(.name = "listeners", .type = MANSIO_SETTING_MAP, .max = 512,
                   .help = "Sockets, by a name of your choice", CHILDREN(listener_table)),
    MANSIO_SETTING(.name = "instances", .type = MANSIO_SETTING_MAP, .max = 4096,
                   .help = "Modules in use, by a name of your choice", CHILDREN(instance_table)),
};

const struct mansio_setting *core_config_table(size_t *out_count)
{
    *out_count = MANSIO_COUNT(core_table);
    return core_table;
}
