/*
 * The layout of the public structs of policy, discovery and HTTP, held at compile time as
 * abi_check.c does for the rest.
 */
#include <mansio/discovery.h>
#include <mansio/http.h>
#include <mansio/policy.h>

#if defined(__x86_64__) && defined(__LP64__)

#define HOLD_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), "size of " #type)
#define HOLD(type, member, offset)                                                                 \
    _Static_assert(offsetof(struct type, member) == (offset), #type "." #member)

HOLD_SIZE(mansio_time_span, 16);
HOLD(mansio_time_span, from_us, 0);
HOLD(mansio_time_span, until_us, 8);

HOLD_SIZE(mansio_policy_word, 120);
HOLD(mansio_policy_word, size, 0);
HOLD(mansio_policy_word, scope, 8);
HOLD(mansio_policy_word, verb, 12);
HOLD(mansio_policy_word, is_locked, 16);
HOLD(mansio_policy_word, tls, 20);
HOLD(mansio_policy_word, credential_kinds, 24);
HOLD(mansio_policy_word, has_hours, 28);
HOLD(mansio_policy_word, service, 32);
HOLD(mansio_policy_word, owner, 48);
HOLD(mansio_policy_word, networks, 64);
HOLD(mansio_policy_word, network_count, 72);
HOLD(mansio_policy_word, mechanisms, 80);
HOLD(mansio_policy_word, mechanism_count, 88);
HOLD(mansio_policy_word, hours, 96);
HOLD(mansio_policy_word, hour_count, 104);
HOLD(mansio_policy_word, has_networks, 112);
HOLD(mansio_policy_word, reserved, 116);

HOLD_SIZE(mansio_standing_credential, 56);
HOLD(mansio_standing_credential, size, 0);
HOLD(mansio_standing_credential, id, 8);
HOLD(mansio_standing_credential, version, 16);
HOLD(mansio_standing_credential, kind, 24);
HOLD(mansio_standing_credential, reserved, 28);
HOLD(mansio_standing_credential, expires_us, 32);
HOLD(mansio_standing_credential, services, 40);
HOLD(mansio_standing_credential, service_count, 48);

HOLD_SIZE(mansio_standing, 80);
HOLD(mansio_standing, size, 0);
HOLD(mansio_standing, account, 8);
HOLD(mansio_standing, words, 16);
HOLD(mansio_standing, word_count, 24);
HOLD(mansio_standing, credentials, 32);
HOLD(mansio_standing, credential_count, 40);
HOLD(mansio_standing, default_verb, 48);
HOLD(mansio_standing, is_ours, 52);
HOLD(mansio_standing, hours_known_us, 56);
HOLD(mansio_standing, domain, 64);

HOLD_SIZE(mansio_account_key, 16);
HOLD(mansio_account_key, tenant_id, 0);
HOLD(mansio_account_key, account_id, 8);

HOLD_SIZE(mansio_standing_change, 40);
HOLD(mansio_standing_change, size, 0);
HOLD(mansio_standing_change, tenant_id, 8);
HOLD(mansio_standing_change, account_id, 16);
HOLD(mansio_standing_change, plan, 24);

HOLD_SIZE(mansio_standing_changes, 40);
HOLD(mansio_standing_changes, size, 0);
HOLD(mansio_standing_changes, epoch, 8);
HOLD(mansio_standing_changes, is_all, 16);
HOLD(mansio_standing_changes, reserved, 20);
HOLD(mansio_standing_changes, changes, 24);
HOLD(mansio_standing_changes, change_count, 32);

HOLD_SIZE(mansio_credential_use, 72);
HOLD(mansio_credential_use, size, 0);
HOLD(mansio_credential_use, account, 8);
HOLD(mansio_credential_use, credential_id, 24);
HOLD(mansio_credential_use, at_us, 32);
HOLD(mansio_credential_use, service, 40);
HOLD(mansio_credential_use, network, 56);

HOLD_SIZE(mansio_offer, 80);
HOLD(mansio_offer, size, 0);
HOLD(mansio_offer, protocol, 8);
HOLD(mansio_offer, service, 24);
HOLD(mansio_offer, host, 40);
HOLD(mansio_offer, port, 56);
HOLD(mansio_offer, tls, 60);
HOLD(mansio_offer, mechanisms, 64);

HOLD_SIZE(mansio_offers, 56);
HOLD(mansio_offers, size, 0);
HOLD(mansio_offers, domain, 8);
HOLD(mansio_offers, address, 24);
HOLD(mansio_offers, offers, 40);
HOLD(mansio_offers, offer_count, 48);

HOLD_SIZE(mansio_http_route, 40);
HOLD(mansio_http_route, size, 0);
HOLD(mansio_http_route, host, 8);
HOLD(mansio_http_route, path, 16);
HOLD(mansio_http_route, methods, 24);
HOLD(mansio_http_route, flags, 28);
HOLD(mansio_http_route, body_max_bytes, 32);

HOLD_SIZE(mansio_http_handler, 40);
HOLD(mansio_http_handler, size, 0);
HOLD(mansio_http_handler, service, 8);
HOLD(mansio_http_handler, routes, 16);
HOLD(mansio_http_handler, route_count, 24);
HOLD(mansio_http_handler, handle, 32);

HOLD_SIZE(mansio_http, 104);
HOLD(mansio_http, size, 0);
HOLD(mansio_http, method, 8);
HOLD(mansio_http, host, 16);
HOLD(mansio_http, port, 24);
HOLD(mansio_http, path, 32);
HOLD(mansio_http, query, 40);
HOLD(mansio_http, header, 48);
HOLD(mansio_http, body, 56);
HOLD(mansio_http, is_tls, 64);
HOLD(mansio_http, arena, 72);
HOLD(mansio_http, set_status, 80);
HOLD(mansio_http, add_header, 88);
HOLD(mansio_http, set_body, 96);

#endif

/* Named for debug information, as core_abi_tables is: no public function names these tables. */
struct core_abi_policy_tables {
    const struct mansio_http_handler *http_handler;
    const struct mansio_http *http;
    const struct mansio_standing *standing;
    const struct mansio_standing_changes *changes;
};
extern const struct core_abi_policy_tables core_abi_policy_tables;
const struct core_abi_policy_tables core_abi_policy_tables = {0};
