/*
 * The settings, compiled. A set of options lives as long as somebody uses it: a reload makes a new
 * one, and what runs goes on with the one it began with.
 */
#ifndef MANSIO_MODULES_OUTBOUND_OPTIONS_H
#define MANSIO_MODULES_OUTBOUND_OPTIONS_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/module.h>
#include <mansio/settings.h>

#include "schedule.h"

enum { OB_HOSTNAME_MAX = 255 };

/** How a connection is protected: the order of the setting's words. */
enum ob_tls {
    OB_TLS_NONE = 0,
    OB_TLS_MAY = 1,     /* RFC 7435 */
    OB_TLS_ENCRYPT = 2, /* or not at all; any certificate */
    OB_TLS_VERIFY = 3,  /* or not at all; a certificate of the host's name */
};

enum ob_family { OB_FAMILY_BOTH = 0, OB_FAMILY_IPV6 = 1, OB_FAMILY_IPV4 = 2 };

/** Where mail goes that doesn't follow DNS, or how it goes. */
struct ob_relay {
    struct mansio_str name; /* for people and as a key */
    struct mansio_str host; /* a name, an address or a literal; empty: as DNS has it */
    uint32_t port;
    uint32_t tls;           /* enum ob_tls */
    int is_tls_first;       /* TLS from the first byte (RFC 8314 3.3) */
    struct mansio_str user; /* empty: no AUTH */
    struct mansio_secret *password;
};

/** A domain that takes another way. */
struct ob_domain {
    struct mansio_str name; /* one spelling; with is_below its subdomains alone */
    int is_below;           /* ".example.org" */
    const struct ob_relay *relay;
};

struct ob_timeouts {
    int64_t connect_us, greeting_us, hello_us, mail_us, recipient_us, data_us, block_us, end_us,
        quit_us, lookup_us, store_us;
};

struct ob_options {
    struct mansio_arena *arena; /* its own */
    size_t users;
    char hostname[OB_HOSTNAME_MAX + 1];
    struct ob_relay by_dns;            /* port and tls of what has no other way */
    const struct ob_relay *smart_host; /* NULL: none */
    const struct ob_domain *domains;
    size_t domain_count;
    struct mansio_str ca_file;
    const struct mansio_str *own_names, *own_addresses;
    size_t own_name_count, own_address_count;
    int may_loop_back;
    uint32_t family; /* enum ob_family */
    size_t connections_max, destination_max, recipients_max, messages_max, addresses_max;
    size_t claim_max, held_max;
    int64_t claim_us;
    struct ob_schedule schedule;
    int64_t dead_us, dead_max_us;
    int sends_8bit;
    uint64_t returned_max;
    int tells_postmaster;
    struct ob_timeouts timeouts;
};

enum { OB_SETTING_COUNT = 27 };
extern const struct mansio_setting ob_settings[];

/** Read the settings. @param out  with one user @return 0; MANSIO_E_INVALID with the place */
MANSIO_MUST_CHECK int ob_options_read(struct mansio_instance *instance, struct ob_options **out);

/** One more user. */
struct ob_options *ob_options_use(struct ob_options *options);

/** One user less; NULL does nothing. */
void ob_options_leave(struct ob_options *options);

/** The way of a domain, in one spelling, or of a literal. Never NULL. */
const struct ob_relay *ob_options_relay(const struct ob_options *options, struct mansio_str domain);

#endif
