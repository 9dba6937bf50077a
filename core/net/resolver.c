/*
 * The resolver: see resolver.h.
 *
 * c-ares owns the sockets, the tries and the ids; we watch its sockets, give it the time, and wait
 * for its answers in fibers. A question can't be taken back from it: one whose fiber has gone is
 * left alone, and its answer is dropped when it comes.
 */
#include "core/net/resolver.h"

#include "core/base/alloc.h"
#include "core/loop/loop.h"
#include "core/net/address.h"
#include "core/net/dns.h"
#include "core/net/dns_cache.h"
#include "core/net/domain.h"

#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include <ares.h>
#include <ev.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum {
    WAITING_MAX = 4096, /* questions at once */
    SOCKETS_MAX = 64,   /* c-ares has two for each server */
    EDNS_BYTES = 1232,  /* what passes everywhere unfragmented (DNS flag day 2020) */
    PACKET_AD = 0x20,   /* in the fourth byte (RFC 6840 5.7) */
    SERVER_TEXT_MAX = 128,
};

struct question {
    struct mansio_arena *arena;
    struct mansio_event *answered;
    char *packet; /* on the heap */
    size_t length;
    int status; /* of c-ares */
    int is_abandoned;
};

struct watch {
    ev_io io;
    int is_used;
};

/* One a process. */
static struct {
    int is_ready;
    int trust_ad;
    ares_channel channel;
    struct mansio_arena *arena;
    struct core_dns_cache *cache; /* NULL: none */
    struct watch watches[SOCKETS_MAX];
    ev_timer timer;
    struct core_resolver_stats stats;
} self;

/* ---- c-ares on the loop */

/* When it wants to be called though nothing came. */
static void set_timer(void)
{
    struct timeval most = {.tv_sec = 3600};
    struct timeval left = {.tv_sec = 0};
    const struct timeval *next = ares_timeout(self.channel, &most, &left);

    ev_timer_stop(core_loop_ev(), &self.timer);
    if (self.stats.waiting > 0) {
        ev_timer_set(&self.timer, (double)next->tv_sec + (double)next->tv_usec / 1e6 + 1e-3, 0.);
        ev_timer_start(core_loop_ev(), &self.timer);
    }
}

static void on_socket(struct ev_loop *ev, ev_io *io, int events)
{
    int fd = io->fd;

    (void)ev;
    ares_process_fd(self.channel, (events & EV_READ) != 0 ? fd : ARES_SOCKET_BAD,
                    (events & EV_WRITE) != 0 ? fd : ARES_SOCKET_BAD);
    set_timer();
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
    (void)ev;
    (void)timer;
    (void)events;
    ares_process_fd(self.channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer();
}

/* c-ares says what to watch a socket for; nothing: it is about to be closed. */
static void on_socket_state(void *arg, ares_socket_t fd, int is_readable, int is_writable)
{
    struct watch *watch = NULL;
    int events = (is_readable ? EV_READ : 0) | (is_writable ? EV_WRITE : 0);

    (void)arg;
    for (size_t i = 0; i < SOCKETS_MAX && watch == NULL; i++) {
        watch = self.watches[i].is_used && self.watches[i].io.fd == fd ? &self.watches[i] : NULL;
    }
    for (size_t i = 0; i < SOCKETS_MAX && watch == NULL && events != 0; i++) {
        watch = !self.watches[i].is_used ? &self.watches[i] : NULL;
    }
    if (watch == NULL) {
        return; /* one socket too many isn't heard: its question runs out of time */
    }
    if (watch->is_used) {
        ev_io_stop(core_loop_ev(), &watch->io);
    }
    watch->is_used = events != 0;
    if (events != 0) {
        ev_io_init(&watch->io, on_socket, fd, events);
        ev_io_start(core_loop_ev(), &watch->io);
    }
}

/* ---- servers */

/* A server as c-ares takes it, port and all. */
static int print_server(struct mansio_str text, char out[SERVER_TEXT_MAX])
{
    struct core_address address;
    char with_port[SERVER_TEXT_MAX];
    int is_bare_ipv6 = mansio_str_find_char(text, ':') >= 0 && text.ptr[0] != '[';

    if (text.len > SERVER_TEXT_MAX - 16) {
        return mansio_fail(MANSIO_E_INVALID, "found %zu bytes, expected an address", text.len);
    }
    /* As it stands, and where that has no port, with that of DNS. */
    if (core_address_parse(text, &address) < 0) {
        (void)snprintf(with_port, sizeof with_port, is_bare_ipv6 ? "[%.*s]:53" : "%.*s:53",
                       MANSIO_STR_ARG(text));
        if (core_address_parse(mansio_str_from_cstr(with_port), &address) < 0) {
            return mansio_fail(MANSIO_E_INVALID,
                               "found \"%.*s\", expected an address such as 192.0.2.53, "
                               "192.0.2.53:5353, 2001:db8::53 or [2001:db8::53]:5353",
                               MANSIO_STR_ARG(text));
        }
    }
    if (address.u.any.sa_family == AF_UNIX || address.is_dual ||
        address.u.ipv4.sin_port == 0) { /* at the same place as IPv6's */
        return mansio_fail(MANSIO_E_INVALID, "found \"%.*s\", expected a server's address",
                           MANSIO_STR_ARG(text));
    }
    (void)core_address_print(&address, out);
    return 0;
}

int core_resolver_check_server(struct mansio_str text)
{
    char ignored[SERVER_TEXT_MAX];

    return print_server(text, ignored);
}

static int set_servers(const struct core_resolver_options *options)
{
    struct mansio_buf *list = mansio_buf_new(self.arena, 65536);
    const char *text = NULL;
    int rc;

    if (options->server_count == 0) {
        return 0;
    }
    for (size_t i = 0; i < options->server_count; i++) {
        char server[SERVER_TEXT_MAX];

        rc = print_server(options->servers[i], server);
        if (rc < 0) {
            return rc;
        }
        (void)mansio_buf_printf(list, "%s%s", i > 0 ? "," : "", server);
    }
    rc = mansio_cstr(self.arena, mansio_buf_str(list), &text);
    if (rc < 0) {
        return rc;
    }
    rc = ares_set_servers_ports_csv(self.channel, text);
    return rc == ARES_SUCCESS ? 0
                              : mansio_fail(MANSIO_E_INVALID, "resolver: servers \"%s\": %s", text,
                                            ares_strerror(rc));
}

int core_resolver_init(const struct core_resolver_options *options)
{
    char lookups[] = "b"; /* DNS alone: no file of hosts */
    struct ares_options given = {
        .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
        .timeout = (int)(options->timeout_us / MANSIO_MS),
        .tries = (int)options->tries,
        .ednspsz = EDNS_BYTES,
        .lookups = lookups,
        .sock_state_cb = on_socket_state,
    };
    int rc = ares_library_init(ARES_LIB_INIT_ALL);

    if (rc == ARES_SUCCESS) {
        rc = ares_init_options(&self.channel, &given,
                               ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                                   ARES_OPT_EDNSPSZ | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
    }
    if (rc != ARES_SUCCESS) {
        return mansio_fail(MANSIO_E_IO, "resolver: %s", ares_strerror(rc));
    }
    self.arena = mansio_arena_new(NULL, "resolver", 0);
    self.cache =
        options->cache_bytes > 0 ? core_dns_cache_new(self.arena, options->cache_bytes) : NULL;
    self.trust_ad = options->trust_ad;
    self.stats = (struct core_resolver_stats){.asked = 0};
    ev_timer_init(&self.timer, on_timer, 0., 0.);
    self.is_ready = 1;
    rc = set_servers(options);
    if (rc < 0) {
        core_resolver_fini();
    }
    return rc;
}

void core_resolver_fini(void)
{
    if (!self.is_ready) {
        return;
    }
    ares_destroy(self.channel); /* calls back for all that is open, and closes sockets */
    ev_timer_stop(core_loop_ev(), &self.timer);
    ares_library_cleanup();
    mansio_arena_free(self.arena);
    self.is_ready = 0;
    self.channel = NULL;
    self.arena = NULL;
    self.cache = NULL;
}

void core_resolver_stats(struct core_resolver_stats *out)
{
    *out = self.stats;
    out->cache_bytes = self.cache != NULL ? core_dns_cache_bytes(self.cache) : 0;
    out->cache_entries = self.cache != NULL ? core_dns_cache_entries(self.cache) : 0;
}

/* ---- one question */

static void end_question(struct question *question)
{
    core_free(question->packet);
    mansio_arena_free(question->arena); /* it is in it */
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *packet, int length)
{
    struct question *question = arg;

    (void)timeouts;
    self.stats.waiting--;
    if (question->is_abandoned) {
        end_question(question);
        return;
    }
    question->status = status;
    if (status == ARES_SUCCESS && length > 0) {
        question->packet = core_alloc((size_t)length);
        if (question->packet != NULL) {
            memcpy(question->packet, packet, (size_t)length);
            question->length = (size_t)length;
        } else {
            question->status = ARES_ENOMEM;
        }
    }
    mansio_event_set(question->answered);
}

/* Make the question's packet; its id is not to be guessed. @return 0; MANSIO_E_NOT_FOUND for a name
 * that DNS must not be asked for; a code */
static int make_query(struct mansio_str name, uint32_t type, int has_edns, unsigned char **out,
                      int *out_length)
{
    char text[CORE_DNS_NAME_MAX];
    unsigned short id = 0;
    int status;

    if (name.len >= sizeof text || mansio_str_find_char(name, '\\') >= 0) {
        return mansio_fail(MANSIO_E_UNAVAILABLE,
                           "resolver: a CNAME leads to \"%.*s\", a name that can't be asked for",
                           MANSIO_STR_ARG(name));
    }
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "resolver: the system gives no random number");
    }
    status =
        ares_create_query(text, 1, (int)type, id, 1, out, out_length, has_edns ? EDNS_BYTES : 0);
    if (status == ARES_ENOTFOUND) {
        return MANSIO_E_NOT_FOUND; /* .onion is no name of DNS (RFC 7686 2) */
    }
    if (status != ARES_SUCCESS) {
        return mansio_fail(status == ARES_EBADNAME ? MANSIO_E_INVALID : MANSIO_E_UNAVAILABLE,
                           "resolver: \"%s\": %s", text, ares_strerror(status));
    }
    if (self.trust_ad && *out_length > 3) {
        (*out)[3] |= PACKET_AD; /* RFC 6840 5.7: "tell me" */
    }
    return 0;
}

/* Ask the servers and wait. @param out  the packet, in @p arena */
static int ask(struct mansio_arena *arena, struct mansio_str name, uint32_t type, int has_edns,
               int64_t deadline_us, struct mansio_str *out)
{
    struct mansio_arena *own = NULL;
    struct question *question;
    struct mansio_waitable *source;
    unsigned char *query = NULL;
    int length = 0;
    int rc;

    if (self.stats.waiting >= WAITING_MAX) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "resolver: %d questions wait already",
                           (int)WAITING_MAX);
    }
    rc = make_query(name, type, has_edns, &query, &length);
    if (rc < 0) {
        return rc;
    }
    own = mansio_arena_new(NULL, "question", 0);
    question = mansio_arena_alloc(own, sizeof *question);
    question->arena = own;
    question->answered = mansio_event_new(own);
    self.stats.asked++;
    self.stats.waiting++;
    ares_send(self.channel, query, length, on_answer, question); /* may call back at once */
    ares_free_string(query);
    set_timer();
    source = mansio_event_waitable(question->answered);
    rc = mansio_wait(&source, 1, deadline_us, 0);
    if (!mansio_event_is_set(question->answered)) {
        question->is_abandoned = 1;
        return rc < 0 ? rc : MANSIO_E_UNAVAILABLE;
    }
    if (rc >= 0 && question->status != ARES_SUCCESS) {
        self.stats.failed++;
        rc = mansio_fail(MANSIO_E_UNAVAILABLE, "resolver: no answer for \"%.*s\": %s",
                         MANSIO_STR_ARG(name), ares_strerror(question->status));
    } else if (rc >= 0) {
        rc = mansio_arena_copy(arena, (struct mansio_str){question->packet, question->length}, out);
    }
    end_question(question);
    return rc;
}

/* ---- a query: kept or asked, over CNAMEs that lead out of an answer */

/* What a name gives. @param out  its records in @p arena, aged as what is kept has aged */
static int look_up(struct mansio_arena *arena, struct mansio_str name, uint32_t type,
                   int64_t deadline_us, struct core_dns_result *out)
{
    struct mansio_arena *work = mansio_arena_new(NULL, "answer", 0);
    struct mansio_str packet = MANSIO_STR_NONE;
    uint32_t age = 0;
    int is_kept;
    int rc = 0;

    if (self.cache != NULL) {
        packet = core_dns_cache_get(self.cache, name, type, mansio_now_us(), &age);
    }
    is_kept = packet.ptr != NULL;
    self.stats.kept += (uint64_t)is_kept;
    if (!is_kept) {
        rc = ask(work, name, type, 1, deadline_us, &packet);
    }
    if (rc == MANSIO_E_NOT_FOUND) {
        mansio_arena_free(work);
        *out = (struct core_dns_result){.rcode = CORE_DNS_NXDOMAIN};
        return 0;
    }
    if (rc == 0) {
        rc = core_dns_parse(arena, packet, name, type, out);
    }
    if (rc == MANSIO_E_UNSUPPORTED && out->rcode == CORE_DNS_FORMERR) {
        /* RFC 6891 7: a server that is older than EDNS. */
        rc = ask(work, name, type, 0, deadline_us, &packet);
        rc = rc == 0 ? core_dns_parse(arena, packet, name, type, out) : rc;
    }
    if (rc == 0 && !is_kept && self.cache != NULL) {
        core_dns_cache_put(self.cache, name, type, packet, out->ttl, mansio_now_us());
    }
    mansio_arena_free(work);
    if (rc == MANSIO_E_INVALID || rc == MANSIO_E_UNSUPPORTED) {
        /* A broken answer is no broken question: another resolver, another time may do better. */
        self.stats.failed++;
        return MANSIO_E_UNAVAILABLE;
    }
    for (size_t i = 0; rc == 0 && is_kept && i < out->count; i++) {
        struct mansio_dns_record *record = NULL;
        const struct mansio_dns_record *const *at = &out->records[i];

        memcpy(&record, at, sizeof record); /* ours, made just now */
        record->ttl -= age < record->ttl ? age : record->ttl;
    }
    return rc;
}

static int is_known_type(uint32_t type)
{
    static const uint32_t TYPES[] = {MANSIO_DNS_A,   MANSIO_DNS_CNAME, MANSIO_DNS_PTR,
                                     MANSIO_DNS_MX,  MANSIO_DNS_TXT,   MANSIO_DNS_AAAA,
                                     MANSIO_DNS_SRV, MANSIO_DNS_TLSA};

    for (size_t i = 0; i < MANSIO_COUNT(TYPES); i++) {
        if (TYPES[i] == type) {
            return 1;
        }
    }
    return 0;
}

/* The name to ask for, in its one spelling. */
static int name_of(struct mansio_arena *arena, struct mansio_str name, uint32_t type,
                   struct mansio_str *out)
{
    int rc = type == MANSIO_DNS_PTR ? core_dns_reverse(arena, name, out) : MANSIO_E_NOT_FOUND;

    return rc == MANSIO_E_NOT_FOUND
               ? core_domain_normalize(arena, name, CORE_DOMAIN_UNDERSCORE, out)
               : rc;
}

int mansio_dns_query(struct mansio_arena *arena, struct mansio_str name, uint32_t type,
                     int64_t deadline_us, struct mansio_dns_answer *out)
{
    struct core_dns_result result = {.rcode = 0};
    struct mansio_dns_answer full = {.size = out->size};
    uint32_t is_authentic = 1;
    uint32_t steps = 0;
    int rc = is_known_type(type)
                 ? name_of(arena, name, type, &name)
                 : mansio_fail(MANSIO_E_INVALID, "resolver: no type of record is %u", type);

    if (rc < 0) {
        return rc;
    }
    if (!self.is_ready) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "resolver: there is none in this process");
    }
    for (;;) {
        rc = look_up(arena, name, type, deadline_us, &result);
        if (rc < 0) {
            return rc;
        }
        is_authentic &= result.is_authentic;
        steps += result.steps;
        if (result.next.ptr == NULL) {
            break;
        }
        if (steps >= CORE_DNS_CHAIN_MAX) {
            return mansio_fail(MANSIO_E_UNAVAILABLE, "resolver: more than %d CNAMEs",
                               (int)CORE_DNS_CHAIN_MAX);
        }
        name = result.next;
        result = (struct core_dns_result){.rcode = 0};
    }
    full.records = result.records;
    full.count = result.count;
    full.is_authentic = self.trust_ad && is_authentic;
    full.is_name_known = result.rcode != CORE_DNS_NXDOMAIN;
    memcpy(out, &full, out->size < sizeof full ? out->size : sizeof full);
    return 0;
}
