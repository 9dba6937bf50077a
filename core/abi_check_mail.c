/*
 * The layout of the public structs of mail, held at compile time as abi_check.c does for the rest.
 */
#include <mansio/account.h>
#include <mansio/auth.h>
#include <mansio/blob.h>
#include <mansio/directory.h>
#include <mansio/filter.h>
#include <mansio/mail.h>
#include <mansio/plan.h>
#include <mansio/report.h>
#include <mansio/resolver.h>
#include <mansio/search.h>
#include <mansio/store.h>
#include <mansio/structure.h>
#include <mansio/tls.h>

#if defined(__x86_64__) && defined(__LP64__)

#define HOLD_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), "size of " #type)
#define HOLD(type, member, offset)                                                                 \
    _Static_assert(offsetof(struct type, member) == (offset), #type "." #member)

HOLD_SIZE(mansio_account_facts, 144);
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
HOLD(mansio_account_facts, sessions_max, 120);
HOLD(mansio_account_facts, messages_hour, 128);
HOLD(mansio_account_facts, recipients_hour, 136);

HOLD_SIZE(mansio_credential, 48);
HOLD(mansio_credential, size, 0);
HOLD(mansio_credential, id, 8);
HOLD(mansio_credential, kind, 16);
HOLD(mansio_credential, reserved, 20);
HOLD(mansio_credential, stored, 24);
HOLD(mansio_credential, version, 40);

HOLD_SIZE(mansio_login, 88);
HOLD(mansio_login, size, 0);
HOLD(mansio_login, account, 8);
HOLD(mansio_login, credentials, 16);
HOLD(mansio_login, credential_count, 24);
HOLD(mansio_login, scheme, 32);
HOLD(mansio_login, decoy, 48);
HOLD(mansio_login, is_scram_ready, 64);
HOLD(mansio_login, is_upgrading, 68);
HOLD(mansio_login, is_ours, 72);
HOLD(mansio_login, is_remembered, 76);
HOLD(mansio_login, tenant_id, 80);

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

HOLD_SIZE(mansio_blob, 24);
HOLD(mansio_blob, size, 0);
HOLD(mansio_blob, put, 8);
HOLD(mansio_blob, read, 16);

HOLD_SIZE(mansio_route, 56);
HOLD(mansio_route, size, 0);
HOLD(mansio_route, address, 8);
HOLD(mansio_route, detail, 24);
HOLD(mansio_route, accounts, 40);
HOLD(mansio_route, account_count, 48);

HOLD_SIZE(mansio_field_form, 40);
HOLD(mansio_field_form, size, 0);
HOLD(mansio_field_form, name, 8);
HOLD(mansio_field_form, type, 16);
HOLD(mansio_field_form, flags, 20);
HOLD(mansio_field_form, choices, 24);
HOLD(mansio_field_form, help, 32);

HOLD_SIZE(mansio_object_form, 48);
HOLD(mansio_object_form, size, 0);
HOLD(mansio_object_form, kind, 8);
HOLD(mansio_object_form, reserved, 12);
HOLD(mansio_object_form, name, 16);
HOLD(mansio_object_form, key, 24);
HOLD(mansio_object_form, fields, 32);
HOLD(mansio_object_form, field_count, 40);

HOLD_SIZE(mansio_field, 32);
HOLD(mansio_field, name, 0);
HOLD(mansio_field, value, 16);

HOLD_SIZE(mansio_object, 48);
HOLD(mansio_object, size, 0);
HOLD(mansio_object, kind, 8);
HOLD(mansio_object, reserved, 12);
HOLD(mansio_object, key, 16);
HOLD(mansio_object, fields, 32);
HOLD(mansio_object, field_count, 40);

HOLD_SIZE(mansio_actor, 40);
HOLD(mansio_actor, size, 0);
HOLD(mansio_actor, name, 8);
HOLD(mansio_actor, reason, 24);

HOLD_SIZE(mansio_deed, 88);
HOLD(mansio_deed, size, 0);
HOLD(mansio_deed, action, 8);
HOLD(mansio_deed, kind, 24);
HOLD(mansio_deed, object, 40);
HOLD(mansio_deed, tenant, 56);
HOLD(mansio_deed, before, 72);

HOLD_SIZE(mansio_directory, 160);
HOLD(mansio_directory, size, 0);
HOLD(mansio_directory, route, 8);
HOLD(mansio_directory, login, 16);
HOLD(mansio_directory, login_defaults, 24);
HOLD(mansio_directory, credential_upgrade, 32);
HOLD(mansio_directory, object_add, 40);
HOLD(mansio_directory, object_set, 48);
HOLD(mansio_directory, object_remove, 56);
HOLD(mansio_directory, object_list, 64);
HOLD(mansio_directory, schema_apply, 72);
HOLD(mansio_directory, schema_status, 80);
HOLD(mansio_directory, audit_add, 88);
HOLD(mansio_directory, standing_changes, 96);
HOLD(mansio_directory, standings, 104);
HOLD(mansio_directory, domain_standing, 112);
HOLD(mansio_directory, credentials_used, 120);
HOLD(mansio_directory, standing_list, 128);
HOLD(mansio_directory, policy_try, 136);
HOLD(mansio_directory, audit_verify, 144);
HOLD(mansio_directory, login_anew, 152);

HOLD_SIZE(mansio_filter_subject, 120);
HOLD(mansio_filter_subject, size, 0);
HOLD(mansio_filter_subject, session, 8);
HOLD(mansio_filter_subject, arena, 16);
HOLD(mansio_filter_subject, greeting, 24);
HOLD(mansio_filter_subject, reverse_path, 40);
HOLD(mansio_filter_subject, declared_bytes, 56);
HOLD(mansio_filter_subject, recipients, 64);
HOLD(mansio_filter_subject, recipient_count, 72);
HOLD(mansio_filter_subject, recipient, 80);
HOLD(mansio_filter_subject, content, 88);
HOLD(mansio_filter_subject, plan, 96);
HOLD(mansio_filter_subject, prefix, 104);
HOLD(mansio_filter_subject, reply, 112);

HOLD_SIZE(mansio_filter, 24);
HOLD(mansio_filter, size, 0);
HOLD(mansio_filter, stages, 8);
HOLD(mansio_filter, reserved, 12);
HOLD(mansio_filter, look, 16);

HOLD_SIZE(mansio_path, 48);
HOLD(mansio_path, size, 0);
HOLD(mansio_path, local, 8);
HOLD(mansio_path, domain, 24);
HOLD(mansio_path, domain_kind, 40);
HOLD(mansio_path, is_utf8, 44);

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

HOLD_SIZE(mansio_report_recipient, 144);
HOLD(mansio_report_recipient, size, 0);
HOLD(mansio_report_recipient, action, 8);
HOLD(mansio_report_recipient, reserved, 12);
HOLD(mansio_report_recipient, address, 16);
HOLD(mansio_report_recipient, original, 32);
HOLD(mansio_report_recipient, status, 48);
HOLD(mansio_report_recipient, remote, 64);
HOLD(mansio_report_recipient, reply, 80);
HOLD(mansio_report_recipient, reason, 96);
HOLD(mansio_report_recipient, log_id, 112);
HOLD(mansio_report_recipient, last_attempt_us, 128);
HOLD(mansio_report_recipient, retry_until_us, 136);

HOLD_SIZE(mansio_report, 160);
HOLD(mansio_report, size, 0);
HOLD(mansio_report, flags, 8);
HOLD(mansio_report, reserved, 12);
HOLD(mansio_report, hostname, 16);
HOLD(mansio_report, id, 32);
HOLD(mansio_report, reverse_path, 48);
HOLD(mansio_report, envelope_id, 64);
HOLD(mansio_report, ret, 80);
HOLD(mansio_report, message, 96);
HOLD(mansio_report, message_bytes, 112);
HOLD(mansio_report, returned_bytes_max, 120);
HOLD(mansio_report, arrived_us, 128);
HOLD(mansio_report, now_us, 136);
HOLD(mansio_report, recipients, 144);
HOLD(mansio_report, recipient_count, 152);

HOLD_SIZE(mansio_report_text, 56);
HOLD(mansio_report_text, size, 0);
HOLD(mansio_report_text, head, 8);
HOLD(mansio_report_text, tail, 24);
HOLD(mansio_report_text, returned_bytes, 40);
HOLD(mansio_report_text, flags, 48);
HOLD(mansio_report_text, reserved, 52);

HOLD_SIZE(mansio_collection, 88);
HOLD(mansio_collection, size, 0);
HOLD(mansio_collection, id, 8);
HOLD(mansio_collection, kind, 16);
HOLD(mansio_collection, special_use, 20);
HOLD(mansio_collection, name, 24);
HOLD(mansio_collection, uid_validity, 40);
HOLD(mansio_collection, uid_next, 44);
HOLD(mansio_collection, recent_from, 48);
HOLD(mansio_collection, is_subscribed, 52);
HOLD(mansio_collection, messages, 56);
HOLD(mansio_collection, unseen, 64);
HOLD(mansio_collection, bytes, 72);
HOLD(mansio_collection, modseq, 80);

HOLD_SIZE(mansio_message, 96);
HOLD(mansio_message, size, 0);
HOLD(mansio_message, message_id, 8);
HOLD(mansio_message, blob_id, 16);
HOLD(mansio_message, modseq, 24);
HOLD(mansio_message, received_us, 32);
HOLD(mansio_message, body_bytes, 40);
HOLD(mansio_message, uid, 48);
HOLD(mansio_message, prefix_bytes, 52);
HOLD(mansio_message, flags, 56);
HOLD(mansio_message, reserved, 60);
HOLD(mansio_message, keywords, 64);
HOLD(mansio_message, structure, 80);

HOLD_SIZE(mansio_message_query, 40);
HOLD(mansio_message_query, size, 0);
HOLD(mansio_message_query, uid_ranges, 8);
HOLD(mansio_message_query, range_count, 16);
HOLD(mansio_message_query, changed_since, 24);
HOLD(mansio_message_query, flags, 32);
HOLD(mansio_message_query, reserved, 36);

HOLD_SIZE(mansio_flag_change, 56);
HOLD(mansio_flag_change, size, 0);
HOLD(mansio_flag_change, uid_ranges, 8);
HOLD(mansio_flag_change, range_count, 16);
HOLD(mansio_flag_change, operation, 24);
HOLD(mansio_flag_change, flags, 28);
HOLD(mansio_flag_change, keywords, 32);
HOLD(mansio_flag_change, unchanged_since, 48);

HOLD_SIZE(mansio_append, 72);
HOLD(mansio_append, size, 0);
HOLD(mansio_append, content, 8);
HOLD(mansio_append, flags, 16);
HOLD(mansio_append, uid, 20);
HOLD(mansio_append, keywords, 24);
HOLD(mansio_append, prefix, 40);
HOLD(mansio_append, received_us, 56);
HOLD(mansio_append, modseq, 64);

HOLD_SIZE(mansio_change, 40);
HOLD(mansio_change, size, 0);
HOLD(mansio_change, modseq, 8);
HOLD(mansio_change, collection_id, 16);
HOLD(mansio_change, message_id, 24);
HOLD(mansio_change, kind, 32);
HOLD(mansio_change, uid, 36);

HOLD_SIZE(mansio_usage, 32);
HOLD(mansio_usage, size, 0);
HOLD(mansio_usage, bytes, 8);
HOLD(mansio_usage, messages, 16);
HOLD(mansio_usage, modseq, 24);

HOLD_SIZE(mansio_spool_item, 208);
HOLD(mansio_spool_item, size, 0);
HOLD(mansio_spool_item, id, 8);
HOLD(mansio_spool_item, message_bytes, 16);
HOLD(mansio_spool_item, spooled_us, 24);
HOLD(mansio_spool_item, next_us, 32);
HOLD(mansio_spool_item, fence, 40);
HOLD(mansio_spool_item, attempts, 48);
HOLD(mansio_spool_item, flags, 52);
HOLD(mansio_spool_item, tenant, 56);
HOLD(mansio_spool_item, reverse_path, 72);
HOLD(mansio_spool_item, forward_path, 88);
HOLD(mansio_spool_item, envelope_id, 104);
HOLD(mansio_spool_item, ret, 120);
HOLD(mansio_spool_item, notify, 136);
HOLD(mansio_spool_item, original_recipient, 152);
HOLD(mansio_spool_item, last_reply, 168);
HOLD(mansio_spool_item, claim, 184);
HOLD(mansio_spool_item, message_id, 192);
HOLD(mansio_spool_item, prefix_no, 200);
HOLD(mansio_spool_item, reserved, 204);

HOLD_SIZE(mansio_delivery, 24);
HOLD(mansio_delivery, size, 0);
HOLD(mansio_delivery, plan, 8);
HOLD(mansio_delivery, content, 16);

HOLD_SIZE(mansio_spool_outcome, 48);
HOLD(mansio_spool_outcome, size, 0);
HOLD(mansio_spool_outcome, item, 8);
HOLD(mansio_spool_outcome, verdict, 16);
HOLD(mansio_spool_outcome, reserved, 20);
HOLD(mansio_spool_outcome, next_us, 24);
HOLD(mansio_spool_outcome, reply, 32);

HOLD_SIZE(mansio_store, 272);
HOLD(mansio_store, size, 0);
HOLD(mansio_store, collection_list, 8);
HOLD(mansio_store, collection_find, 16);
HOLD(mansio_store, collection_get, 24);
HOLD(mansio_store, collection_create, 32);
HOLD(mansio_store, collection_rename, 40);
HOLD(mansio_store, collection_remove, 48);
HOLD(mansio_store, subscribe, 56);
HOLD(mansio_store, subscription_list, 64);
HOLD(mansio_store, recent_claim, 72);
HOLD(mansio_store, message_list, 80);
HOLD(mansio_store, message_read, 88);
HOLD(mansio_store, message_text, 96);
HOLD(mansio_store, message_flag, 104);
HOLD(mansio_store, message_append, 112);
HOLD(mansio_store, message_copy, 120);
HOLD(mansio_store, message_expunge, 128);
HOLD(mansio_store, changes, 136);
HOLD(mansio_store, usage, 144);
HOLD(mansio_store, may_deliver, 152);
HOLD(mansio_store, deliver, 160);
HOLD(mansio_store, spool_claim, 168);
HOLD(mansio_store, spool_renew, 176);
HOLD(mansio_store, spool_read, 184);
HOLD(mansio_store, spool_finish, 192);
HOLD(mansio_store, spool_list, 200);
HOLD(mansio_store, spool_retry, 208);
HOLD(mansio_store, spool_remove, 216);
HOLD(mansio_store, message_read_many, 224);
HOLD(mansio_store, message_search, 232);
HOLD(mansio_store, spool_look, 240);
HOLD(mansio_store, message_read_slices, 248);
HOLD(mansio_store, deliver_together, 256);
HOLD(mansio_store, spool_change, 264);

HOLD_SIZE(mansio_slice, 40);
HOLD(mansio_slice, size, 0);
HOLD(mansio_slice, offset, 8);
HOLD(mansio_slice, uid, 16);
HOLD(mansio_slice, max, 20);
HOLD(mansio_slice, bytes, 24);

HOLD_SIZE(mansio_search_key, 48);
HOLD(mansio_search_key, size, 0);
HOLD(mansio_search_key, where, 8);
HOLD(mansio_search_key, reserved, 12);
HOLD(mansio_search_key, needle, 16);
HOLD(mansio_search_key, field, 32);

HOLD_SIZE(mansio_address, 88);
HOLD(mansio_address, size, 0);
HOLD(mansio_address, next, 8);
HOLD(mansio_address, kind, 16);
HOLD(mansio_address, reserved, 20);
HOLD(mansio_address, name, 24);
HOLD(mansio_address, route, 40);
HOLD(mansio_address, local, 56);
HOLD(mansio_address, domain, 72);

HOLD_SIZE(mansio_envelope, 136);
HOLD(mansio_envelope, size, 0);
HOLD(mansio_envelope, date, 8);
HOLD(mansio_envelope, subject, 24);
HOLD(mansio_envelope, in_reply_to, 40);
HOLD(mansio_envelope, message_id, 56);
HOLD(mansio_envelope, references, 72);
HOLD(mansio_envelope, from, 88);
HOLD(mansio_envelope, sender, 96);
HOLD(mansio_envelope, reply_to, 104);
HOLD(mansio_envelope, to, 112);
HOLD(mansio_envelope, cc, 120);
HOLD(mansio_envelope, bcc, 128);

HOLD_SIZE(mansio_param, 56);
HOLD(mansio_param, size, 0);
HOLD(mansio_param, next, 8);
HOLD(mansio_param, name, 16);
HOLD(mansio_param, value, 32);
HOLD(mansio_param, is_extended, 48);
HOLD(mansio_param, reserved, 52);

HOLD_SIZE(mansio_part, 248);
HOLD(mansio_part, size, 0);
HOLD(mansio_part, parent, 8);
HOLD(mansio_part, first_child, 16);
HOLD(mansio_part, next, 24);
HOLD(mansio_part, kind, 32);
HOLD(mansio_part, reserved, 36);
HOLD(mansio_part, header_start, 40);
HOLD(mansio_part, body_start, 48);
HOLD(mansio_part, body_end, 56);
HOLD(mansio_part, header_lines, 64);
HOLD(mansio_part, body_lines, 72);
HOLD(mansio_part, type, 80);
HOLD(mansio_part, subtype, 96);
HOLD(mansio_part, params, 112);
HOLD(mansio_part, disposition, 120);
HOLD(mansio_part, disposition_params, 136);
HOLD(mansio_part, encoding, 144);
HOLD(mansio_part, id, 160);
HOLD(mansio_part, description, 176);
HOLD(mansio_part, md5, 192);
HOLD(mansio_part, language, 208);
HOLD(mansio_part, location, 224);
HOLD(mansio_part, envelope, 240);

HOLD_SIZE(mansio_tls_facts, 104);
HOLD(mansio_tls_facts, size, 0);
HOLD(mansio_tls_facts, version, 8);
HOLD(mansio_tls_facts, cipher, 24);
HOLD(mansio_tls_facts, server_name, 40);
HOLD(mansio_tls_facts, cipher_bits, 56);
HOLD(mansio_tls_facts, is_resumed, 60);
HOLD(mansio_tls_facts, is_peer_verified, 64);
HOLD(mansio_tls_facts, reserved, 68);
HOLD(mansio_tls_facts, peer_subject, 72);
HOLD(mansio_tls_facts, peer_fingerprint, 88);

HOLD_SIZE(mansio_tls_client, 48);
HOLD(mansio_tls_client, size, 0);
HOLD(mansio_tls_client, server_name, 8);
HOLD(mansio_tls_client, verify, 24);
HOLD(mansio_tls_client, reserved, 28);
HOLD(mansio_tls_client, ca_file, 32);

#endif

/* Named for debug information, as core_abi_tables is: no public function names these tables. */
struct core_abi_mail_tables {
    const struct mansio_auth *auth;
    const struct mansio_blob *blob;
    const struct mansio_directory *directory;
    const struct mansio_filter *filter;
    const struct mansio_store *store;
};
extern const struct core_abi_mail_tables core_abi_mail_tables;
const struct core_abi_mail_tables core_abi_mail_tables = {0};
