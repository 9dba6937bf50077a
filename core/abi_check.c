/*
 * The layout of every public struct, held at compile time (amd64): a change that would break a
 * module built before stops the build, before abidiff or a kept binary have to find it. Members
 * are added at the end, with their line here; nothing here is ever changed otherwise.
 */
#include <mansio/account.h>
#include <mansio/auth.h>
#include <mansio/base.h>
#include <mansio/interface.h>
#include <mansio/lease.h>
#include <mansio/mail.h>
#include <mansio/metrics.h>
#include <mansio/module.h>
#include <mansio/plan.h>
#include <mansio/protocol.h>
#include <mansio/resolver.h>
#include <mansio/settings.h>

#if defined(__x86_64__) && defined(__LP64__)

#define HOLD_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), "size of " #type)
#define HOLD(type, member, offset)                                                                 \
    _Static_assert(offsetof(struct type, member) == (offset), #type "." #member)

HOLD_SIZE(mansio_str, 16);
HOLD(mansio_str, ptr, 0);
HOLD(mansio_str, len, 8);

HOLD_SIZE(mansio_module, 112);
HOLD(mansio_module, size, 0);
HOLD(mansio_module, abi_major, 8);
HOLD(mansio_module, abi_minor, 12);
HOLD(mansio_module, name, 16);
HOLD(mansio_module, version, 24);
HOLD(mansio_module, summary, 32);
HOLD(mansio_module, settings, 40);
HOLD(mansio_module, setting_count, 48);
HOLD(mansio_module, metrics, 56);
HOLD(mansio_module, metric_count, 64);
HOLD(mansio_module, load, 72);
HOLD(mansio_module, start, 80);
HOLD(mansio_module, reconfigure, 88);
HOLD(mansio_module, drain, 96);
HOLD(mansio_module, stop, 104);

HOLD_SIZE(mansio_setting, 88);
HOLD(mansio_setting, size, 0);
HOLD(mansio_setting, name, 8);
HOLD(mansio_setting, type, 16);
HOLD(mansio_setting, flags, 20);
HOLD(mansio_setting, unit, 24);
HOLD(mansio_setting, default_text, 32);
HOLD(mansio_setting, help, 40);
HOLD(mansio_setting, min, 48);
HOLD(mansio_setting, max, 56);
HOLD(mansio_setting, choices, 64);
HOLD(mansio_setting, children, 72);
HOLD(mansio_setting, child_count, 80);

HOLD_SIZE(mansio_metric, 40);
HOLD(mansio_metric, size, 0);
HOLD(mansio_metric, name, 8);
HOLD(mansio_metric, type, 16);
HOLD(mansio_metric, reserved_flags, 20);
HOLD(mansio_metric, unit, 24);
HOLD(mansio_metric, help, 32);

HOLD_SIZE(mansio_protocol, 32);
HOLD(mansio_protocol, size, 0);
HOLD(mansio_protocol, service, 8);
HOLD(mansio_protocol, serve, 16);
HOLD(mansio_protocol, goodbye, 24);

HOLD_SIZE(mansio_lease, 32);
HOLD(mansio_lease, size, 0);
HOLD(mansio_lease, acquire, 8);
HOLD(mansio_lease, renew, 16);
HOLD(mansio_lease, release, 24);

HOLD_SIZE(mansio_path, 48);
HOLD(mansio_path, size, 0);
HOLD(mansio_path, local, 8);
HOLD(mansio_path, domain, 24);
HOLD(mansio_path, domain_kind, 40);
HOLD(mansio_path, is_utf8, 44);

HOLD_SIZE(mansio_dns_record, 72);
HOLD(mansio_dns_record, size, 0);
HOLD(mansio_dns_record, ttl, 8);
HOLD(mansio_dns_record, preference, 12);
HOLD(mansio_dns_record, weight, 16);
HOLD(mansio_dns_record, port, 20);
HOLD(mansio_dns_record, usage, 24);
HOLD(mansio_dns_record, selector, 28);
HOLD(mansio_dns_record, matching, 32);
HOLD(mansio_dns_record, name, 40);
HOLD(mansio_dns_record, data, 56);

HOLD_SIZE(mansio_dns_answer, 32);
HOLD(mansio_dns_answer, size, 0);
HOLD(mansio_dns_answer, records, 8);
HOLD(mansio_dns_answer, count, 16);
HOLD(mansio_dns_answer, is_authentic, 24);
HOLD(mansio_dns_answer, is_name_known, 28);

HOLD_SIZE(mansio_account_facts, 120);
HOLD(mansio_account_facts, size, 0);
HOLD(mansio_account_facts, tenant_id, 8);
HOLD(mansio_account_facts, account_id, 16);
HOLD(mansio_account_facts, tenant, 24);
HOLD(mansio_account_facts, plan, 40);
HOLD(mansio_account_facts, address, 56);
HOLD(mansio_account_facts, pool, 72);
HOLD(mansio_account_facts, state, 88);
HOLD(mansio_account_facts, quota_reply, 92);
HOLD(mansio_account_facts, quota_bytes, 96);
HOLD(mansio_account_facts, quota_messages, 104);
HOLD(mansio_account_facts, message_bytes_max, 112);

HOLD_SIZE(mansio_credential, 40);
HOLD(mansio_credential, size, 0);
HOLD(mansio_credential, id, 8);
HOLD(mansio_credential, kind, 16);
HOLD(mansio_credential, reserved, 20);
HOLD(mansio_credential, stored, 24);

HOLD_SIZE(mansio_login, 80);
HOLD(mansio_login, size, 0);
HOLD(mansio_login, account, 8);
HOLD(mansio_login, credentials, 16);
HOLD(mansio_login, credential_count, 24);
HOLD(mansio_login, scheme, 32);
HOLD(mansio_login, decoy, 48);
HOLD(mansio_login, is_scram_ready, 64);
HOLD(mansio_login, is_upgrading, 68);
HOLD(mansio_login, is_ours, 72);
HOLD(mansio_login, reserved, 76);

HOLD_SIZE(mansio_scram_keys, 72);
HOLD(mansio_scram_keys, size, 0);
HOLD(mansio_scram_keys, iterations, 8);
HOLD(mansio_scram_keys, reserved, 12);
HOLD(mansio_scram_keys, salt, 16);
HOLD(mansio_scram_keys, stored_key, 32);
HOLD(mansio_scram_keys, server_key, 48);
HOLD(mansio_scram_keys, credential_id, 64);

HOLD_SIZE(mansio_auth_result, 40);
HOLD(mansio_auth_result, size, 0);
HOLD(mansio_auth_result, credential_id, 8);
HOLD(mansio_auth_result, kind, 16);
HOLD(mansio_auth_result, reserved, 20);
HOLD(mansio_auth_result, upgrade, 24);

HOLD_SIZE(mansio_auth, 40);
HOLD(mansio_auth, size, 0);
HOLD(mansio_auth, check_password, 8);
HOLD(mansio_auth, scram_keys, 16);
HOLD(mansio_auth, make, 24);
HOLD(mansio_auth, inspect, 32);

HOLD_SIZE(mansio_plan_entry, 144);
HOLD(mansio_plan_entry, size, 0);
HOLD(mansio_plan_entry, action, 8);
HOLD(mansio_plan_entry, recipient, 12);
HOLD(mansio_plan_entry, account, 16);
HOLD(mansio_plan_entry, collection, 24);
HOLD(mansio_plan_entry, is_creating, 40);
HOLD(mansio_plan_entry, flags, 44);
HOLD(mansio_plan_entry, keywords, 48);
HOLD(mansio_plan_entry, prefix, 64);
HOLD(mansio_plan_entry, forward_path, 80);
HOLD(mansio_plan_entry, notify, 96);
HOLD(mansio_plan_entry, original_recipient, 112);
HOLD(mansio_plan_entry, reply, 128);

HOLD_SIZE(mansio_plan_facts, 72);
HOLD(mansio_plan_facts, size, 0);
HOLD(mansio_plan_facts, flags, 8);
HOLD(mansio_plan_facts, reserved, 12);
HOLD(mansio_plan_facts, received_us, 16);
HOLD(mansio_plan_facts, reverse_path, 24);
HOLD(mansio_plan_facts, envelope_id, 40);
HOLD(mansio_plan_facts, ret, 56);

HOLD_SIZE(mansio_plan_outcome, 24);
HOLD(mansio_plan_outcome, size, 0);
HOLD(mansio_plan_outcome, code, 8);
HOLD(mansio_plan_outcome, uid, 12);
HOLD(mansio_plan_outcome, collection_id, 16);

_Static_assert(MANSIO_NOTE_SIZE == 372, "layout of the note");

#endif

/*
 * No public function names the tables that modules hand over, so debug information, and with it
 * the ABI record, would leave them out: this names them all.
 */
struct core_abi_tables {
    const struct mansio_module *module;
    const struct mansio_setting *setting;
    const struct mansio_metric *metric;
    const struct mansio_protocol *protocol;
    const struct mansio_lease *lease;
    const struct mansio_auth *auth;
};
extern const struct core_abi_tables core_abi_tables;
const struct core_abi_tables core_abi_tables = {0};
