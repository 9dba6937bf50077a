/*
 * The statements of administration: role admin alone, across tenants by its policies.
 *
 * Fields come as one JSON object of texts, so that all statements of a kind look alike: a field
 * that isn't in it stays as it is, null takes it away.
 */
#include "object_sql.h"

#include "standing_sql.h"

#define AT(id) [(id)-PG_SQL_OBJECT]

/* Laid out by clauses, here and in the table. */
/* clang-format off */
#define ADMIN(name, columns, text)                                                                 \
    {                                                                                              \
        (name), (text), "tttt", (columns), PG_SCOPE_ADMIN, NULL                                    \
    }
/* A page of objects, by their sort key. @p from gives sort, key, tenant, a, b, c, fields. */
#define LIST(name, from)                                                                           \
    {                                                                                              \
        (name),                                                                                    \
            "SELECT sort, key, coalesce(tenant, ''), fields FROM (" from ") o"                     \
            " WHERE sort COLLATE \"C\" > $5 ORDER BY sort COLLATE \"C\" LIMIT $6",                 \
            "tttttl", "tttT", PG_SCOPE_ADMIN, NULL                                                 \
    }

/* A new value of a field, if one was said. */
#define SAID(field, is)  "CASE WHEN f ? '" field "' THEN " is " ELSE o." field " END"
#define SAID_TEXT(field) field " = " SAID(field, "nullif(f->>'" field "', '')")
#define SAID_LONG(field) field " = " SAID(field, "(f->>'" field "')::bigint")
#define SAID_BOOL(field) field " = " SAID(field, "(f->>'" field "')::boolean")
#define FIELDS           "(SELECT $4::jsonb AS f) fields"
#define MATCHES(field, of)                                                                         \
    " AND ($4::jsonb->>'" field "' IS NULL OR " of " = $4::jsonb->>'" field "')"
#define HABITS_SET                                                                                 \
    SAID_TEXT("password_scheme") ", " SAID_BOOL("upgrade_passwords") ", quota_reply = "            \
    SAID("quota_reply", "quota_reply_code(f->>'quota_reply')") ", "                                \
    SAID_TEXT("subaddress_separator") ", " SAID_TEXT("postmaster")
#define HABITS                                                                                     \
    "o.password_scheme, o.upgrade_passwords::text, quota_reply_text(o.quota_reply),"               \
    " o.subaddress_separator, o.postmaster"
#define HABITS_NAMES                                                                               \
    "password_scheme, upgrade_passwords, quota_reply, subaddress_separator, postmaster"
#define HABITS_NEW                                                                                 \
    "nullif(f->>'password_scheme', ''), (f->>'upgrade_passwords')::boolean,"                       \
    " quota_reply_code(f->>'quota_reply'), nullif(f->>'subaddress_separator', ''),"                \
    " nullif(f->>'postmaster', '')"
#define LIMITS_SET(more)                                                                           \
    SAID_LONG("bytes") ", " SAID_LONG("messages") ", " SAID_LONG("message_bytes") ", "             \
    SAID_LONG("sessions") ", " SAID_LONG("messages_hour") ", " SAID_LONG("recipients_hour") more
#define LIMITS_MORE     ", " SAID_LONG("accounts") ", " SAID_LONG("domains")
#define LIMITS_NEW(more)                                                                           \
    "(f->>'bytes')::bigint, (f->>'messages')::bigint, (f->>'message_bytes')::bigint" more          \
    ", (f->>'sessions')::bigint, (f->>'messages_hour')::bigint, (f->>'recipients_hour')::bigint"
#define LIMITS_NEW_MORE ", (f->>'accounts')::bigint, (f->>'domains')::bigint"
#define LIMITS_FLOW     "q.sessions, q.messages_hour, q.recipients_hour"

/* The account with local part $1 in domain $2. */
#define ACCOUNT_FROM                                                                               \
    "account o JOIN domain d ON d.tenant_id = o.tenant_id AND d.domain_id = o.domain_id"           \
    " JOIN tenant t ON t.tenant_id = o.tenant_id"
#define ACCOUNT_IS "o.local = $1 AND d.name = $2"
/* Of rows with tenant_id and account_id: their mail goes. They are locked in the order in which
 * deliveries lock them. */
#define REMOVE_MAIL(from)                                                                          \
    "SELECT count(*) FROM (SELECT set_config('mansio.tenant', i.tenant_id::text, true),"           \
    " mail_remove_account(i.tenant_id, i.account_id) FROM"                                         \
    " (SELECT o.tenant_id, o.account_id FROM " from " ORDER BY 1, 2) i OFFSET 0) m"

const struct pg_statement pg_object_statements[] = {
    AT(PG_SQL_EPOCH_BUMP) = {"epoch_bump",
                             "UPDATE epoch SET epoch = epoch + 1, changed = clock_timestamp(),"
                             " changed_by = pg_current_xact_id()", "",
                             "", PG_SCOPE_ADMIN, NULL},
    AT(PG_SQL_AUDIT_ADD) =
        {"audit_add",
         "INSERT INTO audit (actor, reason, action, kind, object, tenant, before, after) VALUES"
         " ($1, $2, $3, $4, $5, nullif($6, ''), nullif($7, '')::jsonb, nullif($8, '')::jsonb)",
         "tttttttt", "", PG_SCOPE_ADMIN, NULL},
    AT(PG_SQL_TENANT_LIMITS) =
        {"tenant_limits",
         "SELECT (SELECT count(*) FROM account a WHERE a.tenant_id = t.tenant_id),"
         " coalesce(tq.accounts, pq.accounts, 0),"
         " (SELECT count(*) FROM domain d WHERE d.tenant_id = t.tenant_id AND d.alias_of IS NULL),"
         " coalesce(tq.domains, pq.domains, 0)"
         " FROM tenant t LEFT JOIN tenant_quota tq USING (tenant_id)"
         " LEFT JOIN plan_quota pq ON pq.plan_id = t.plan_id WHERE t.name = $1",
         "t", "llll", PG_SCOPE_ADMIN, NULL},
    AT(PG_SQL_ADDRESS_PRUNE) =
        {"address_prune",
         "DELETE FROM address o USING tenant t WHERE t.name = $1 AND o.tenant_id = t.tenant_id"
         " AND NOT EXISTS (SELECT FROM address_account aa WHERE aa.tenant_id = o.tenant_id"
         " AND aa.domain_id = o.domain_id AND aa.local = o.local)",
         "t", "", PG_SCOPE_ADMIN, NULL},

    AT(PG_SQL_PLATFORM_LIST) =
        LIST("platform_list",
             "SELECT '0' AS sort, '' AS key, '' AS tenant, ARRAY[" HABITS ","
             " policy_verb_text(o.policy_default)] AS fields"
             " FROM platform o WHERE $1 IS NULL OR $1 = ''"),
    AT(PG_SQL_PLATFORM_SET) =
        ADMIN("platform_set", "i",
              "UPDATE platform o SET " HABITS_SET ", policy_default = "
              SAID("policy_default", "CASE f->>'policy_default' WHEN 'allow' THEN 1 ELSE 2 END")
              " FROM " FIELDS " RETURNING 1"),

    AT(PG_SQL_PLAN_LIST) =
        LIST("plan_list",
             "SELECT o.name AS sort, o.name AS key, '' AS tenant,"
             " ARRAY[o.description, time_text(o.created)] AS fields"
             " FROM plan o WHERE ($1 IS NULL OR o.name = $1)"),
    AT(PG_SQL_PLAN_ADD) =
        ADMIN("plan_add", "i",
              "INSERT INTO plan (name, description) SELECT $1, nullif(f->>'description', '')"
              " FROM " FIELDS " RETURNING 1"),
    AT(PG_SQL_PLAN_SET) =
        ADMIN("plan_set", "i",
              "UPDATE plan o SET " SAID_TEXT("description")
              " FROM " FIELDS " WHERE o.name = $1 RETURNING 1"),
    AT(PG_SQL_PLAN_HANGS) =
        ADMIN("plan_hangs", "to",
              "SELECT format('%s tenants and %s accounts have it', n, m), true FROM (SELECT"
              " (SELECT count(*) FROM tenant t WHERE t.plan_id = p.plan_id) AS n,"
              " (SELECT count(*) FROM account a WHERE a.plan_id = p.plan_id) AS m"
              " FROM plan p WHERE p.name = $1) s WHERE n + m > 0"),
    AT(PG_SQL_PLAN_REMOVE) =
        ADMIN("plan_remove", "i", "DELETE FROM plan WHERE name = $1 RETURNING 1"),

    AT(PG_SQL_TENANT_LIST) =
        LIST("tenant_list",
             "SELECT o.name AS sort, o.name AS key, o.name AS tenant, ARRAY[p.name,"
             " state_text(o.state), nullif(o.pool, ''), " HABITS
             ", (NOT EXISTS (SELECT FROM credential c WHERE c.tenant_id = o.tenant_id"
             " AND NOT c.has_scram))::text, o.description, time_text(o.created)] AS fields"
             " FROM tenant o LEFT JOIN plan p USING (plan_id)"
             " WHERE ($1 IS NULL OR o.name = $1)"
             MATCHES("plan", "p.name") MATCHES("state", "state_text(o.state)")
             MATCHES("pool", "o.pool")),
    AT(PG_SQL_TENANT_ADD) =
        ADMIN("tenant_add", "i",
              "INSERT INTO tenant (name, plan_id, state, pool, description, decoy, " HABITS_NAMES
              ") SELECT $1, plan_named(f->>'plan'), state_code(f->>'state'),"
              " coalesce(f->>'pool', ''), nullif(f->>'description', ''), random_32(), " HABITS_NEW
              " FROM " FIELDS " RETURNING 1"),
    AT(PG_SQL_TENANT_CHANGE) =
        ADMIN("tenant_change", "i",
              "UPDATE tenant o SET plan_id = CASE WHEN f ? 'plan' THEN plan_named(f->>'plan')"
              " ELSE o.plan_id END, state = " SAID("state", "state_code(f->>'state')") ", "
              SAID_TEXT("description") ", " HABITS_SET
              " FROM " FIELDS " WHERE o.name = $1 RETURNING 1"),
    AT(PG_SQL_TENANT_HANGS) =
        ADMIN("tenant_hangs", "to",
              "SELECT format('%s domains and %s accounts are its own', n, m), false FROM (SELECT"
              " (SELECT count(*) FROM domain d WHERE d.tenant_id = t.tenant_id) AS n,"
              " (SELECT count(*) FROM account a WHERE a.tenant_id = t.tenant_id) AS m"
              " FROM tenant t WHERE t.name = $1) s WHERE n + m > 0"),
    AT(PG_SQL_TENANT_MAIL) =
        ADMIN("tenant_mail", "l",
              REMOVE_MAIL("account o JOIN tenant t USING (tenant_id) WHERE t.name = $1")),
    AT(PG_SQL_TENANT_REMOVE) =
        ADMIN("tenant_remove", "i", "DELETE FROM tenant WHERE name = $1 RETURNING 1"),

    AT(PG_SQL_DOMAIN_LIST) =
        LIST("domain_list",
             "SELECT o.name AS sort, o.name AS key, t.name AS tenant, ARRAY[t.name, r.name,"
             " state_text(o.state), time_text(o.created)] AS fields"
             " FROM domain o JOIN tenant t USING (tenant_id)"
             " LEFT JOIN domain r ON r.tenant_id = o.tenant_id AND r.domain_id = o.alias_of"
             " WHERE ($1 IS NULL OR o.name = $1)"
             MATCHES("tenant", "t.name") MATCHES("state", "state_text(o.state)")),
    AT(PG_SQL_DOMAIN_ADD) =
        ADMIN("domain_add", "i",
              "INSERT INTO domain (tenant_id, name, alias_of, state)"
              " SELECT t.tenant_id, $1, r.domain_id, state_code(f->>'state') FROM " FIELDS
              " JOIN tenant t ON t.name = f->>'tenant'"
              " LEFT JOIN domain r ON r.tenant_id = t.tenant_id AND r.name = f->>'alias_of'"
              "  AND r.alias_of IS NULL"
              " WHERE f->>'alias_of' IS NULL OR r.domain_id IS NOT NULL RETURNING 1"),
    AT(PG_SQL_DOMAIN_SET) =
        ADMIN("domain_set", "i",
              "UPDATE domain o SET state = " SAID("state", "state_code(f->>'state')")
              " FROM " FIELDS " WHERE o.name = $1 RETURNING 1"),
    AT(PG_SQL_DOMAIN_HANGS) = ADMIN(
        "domain_hangs", "to",
        "SELECT format('%s accounts, %s addresses and %s other names are in it', n, m, k), false"
        " FROM (SELECT"
        " (SELECT count(*) FROM account a WHERE a.tenant_id = d.tenant_id"
        "  AND a.domain_id = d.domain_id) AS n,"
        " (SELECT count(*) FROM address a WHERE a.tenant_id = d.tenant_id"
        "  AND a.domain_id = d.domain_id) AS m,"
        " (SELECT count(*) FROM domain a WHERE a.tenant_id = d.tenant_id"
        "  AND a.alias_of = d.domain_id) AS k"
        " FROM domain d WHERE d.name = $1) s WHERE n + m + k > 0"),
    AT(PG_SQL_DOMAIN_MAIL) =
        ADMIN("domain_mail", "l",
              REMOVE_MAIL("account o JOIN domain d ON d.tenant_id = o.tenant_id"
                          " AND d.domain_id = o.domain_id WHERE d.name = $1")),
    AT(PG_SQL_DOMAIN_REMOVE) =
        ADMIN("domain_remove", "i", "DELETE FROM domain WHERE name = $1 RETURNING 1"),

    AT(PG_SQL_ACCOUNT_LIST) =
        LIST("account_list",
             "SELECT d.name || '@' || o.local AS sort, o.local || '@' || d.name AS key,"
             " t.name AS tenant, ARRAY[t.name, d.name, p.name, state_text(o.state), o.description,"
             " (SELECT string_agg(aa.local || '@' || ad.name, ' ' ORDER BY"
             "   (aa.domain_id, aa.local) <> (o.domain_id, o.local), aa.local, ad.name)"
             "  FROM address_account aa JOIN domain ad ON ad.tenant_id = aa.tenant_id"
             "   AND ad.domain_id = aa.domain_id"
             "  WHERE aa.tenant_id = o.tenant_id AND aa.account_id = o.account_id),"
             " time_text(o.created)] AS fields"
             " FROM " ACCOUNT_FROM " LEFT JOIN plan p ON p.plan_id = o.plan_id"
             " WHERE ($1 IS NULL OR o.local = $1) AND ($2 IS NULL OR d.name = $2)"
             MATCHES("tenant", "t.name") MATCHES("domain", "d.name") MATCHES("plan", "p.name")
             MATCHES("state", "state_text(o.state)")),
    AT(PG_SQL_ACCOUNT_ADD) = ADMIN(
        "account_add", "i",
        "WITH a AS (INSERT INTO account (tenant_id, domain_id, local, plan_id, state, description)"
        "  SELECT d.tenant_id, d.domain_id, $1, plan_named(f->>'plan'), state_code(f->>'state'),"
        "  nullif(f->>'description', '') FROM " FIELDS
        " JOIN domain d ON d.name = $2 AND d.alias_of IS NULL"
        "  RETURNING tenant_id, domain_id, local, account_id),"
        " n AS (INSERT INTO address (tenant_id, domain_id, local)"
        "  SELECT tenant_id, domain_id, local FROM a)"
        " INSERT INTO address_account (tenant_id, domain_id, local, account_id)"
        " SELECT tenant_id, domain_id, local, account_id FROM a RETURNING 1"),
    AT(PG_SQL_ACCOUNT_SET) =
        ADMIN("account_set", "i",
              "UPDATE account o SET plan_id = CASE WHEN f ? 'plan' THEN plan_named(f->>'plan')"
              " ELSE o.plan_id END, state = " SAID("state", "state_code(f->>'state')") ", "
              SAID_TEXT("description") " FROM " FIELDS ", domain d"
              " WHERE d.tenant_id = o.tenant_id AND d.domain_id = o.domain_id"
              " AND " ACCOUNT_IS " RETURNING 1"),
    AT(PG_SQL_ACCOUNT_HANGS) =
        ADMIN("account_hangs", "to",
              "SELECT format('%s messages and %s other addresses are its own', n, m), false"
              " FROM (SELECT set_config('mansio.tenant', o.tenant_id::text, true),"
              " (mail_usage(o.tenant_id, o.account_id)).messages AS n,"
              " (SELECT count(*) FROM address_account aa WHERE aa.tenant_id = o.tenant_id"
              "  AND aa.account_id = o.account_id"
              "  AND (aa.domain_id, aa.local) <> (o.domain_id, o.local)) AS m"
              " FROM " ACCOUNT_FROM " WHERE " ACCOUNT_IS " OFFSET 0) s WHERE n + m > 0"),
    AT(PG_SQL_ACCOUNT_MAIL) =
        ADMIN("account_mail", "l", REMOVE_MAIL(ACCOUNT_FROM " WHERE " ACCOUNT_IS)),
    AT(PG_SQL_ACCOUNT_REMOVE) =
        ADMIN("account_remove", "i",
              "DELETE FROM account o USING domain d WHERE d.tenant_id = o.tenant_id"
              " AND d.domain_id = o.domain_id AND " ACCOUNT_IS " RETURNING 1"),

    AT(PG_SQL_ADDRESS_LIST) = LIST(
        "address_list",
        "SELECT d.name || '@' || o.local AS sort, o.local || '@' || d.name AS key,"
        " t.name AS tenant, ARRAY[t.name, d.name,"
        " (SELECT string_agg(a.local || '@' || ad.name, ' ' ORDER BY a.local, ad.name)"
        "  FROM address_account aa JOIN account a ON a.tenant_id = aa.tenant_id"
        "   AND a.account_id = aa.account_id"
        "  JOIN domain ad ON ad.tenant_id = a.tenant_id AND ad.domain_id = a.domain_id"
        "  WHERE aa.tenant_id = o.tenant_id AND aa.domain_id = o.domain_id"
        "   AND aa.local = o.local), NULL, time_text(o.created)] AS fields"
        " FROM address o JOIN domain d ON d.tenant_id = o.tenant_id AND d.domain_id = o.domain_id"
        " JOIN tenant t ON t.tenant_id = o.tenant_id"
        " WHERE ($1 IS NULL OR o.local = $1) AND ($2 IS NULL OR d.name = $2)"
        MATCHES("tenant", "t.name") MATCHES("domain", "d.name")
        " AND ($4::jsonb->>'account' IS NULL OR EXISTS (SELECT"
        "  FROM address_account aa JOIN account a ON"
        "   a.tenant_id = aa.tenant_id AND a.account_id = aa.account_id"
        "  JOIN domain ad ON ad.tenant_id = a.tenant_id AND ad.domain_id = a.domain_id"
        "  WHERE aa.tenant_id = o.tenant_id AND aa.domain_id = o.domain_id"
        "   AND aa.local = o.local"
        "   AND a.local || '@' || ad.name = $4::jsonb->>'account'))"),
    AT(PG_SQL_ADDRESS_ADD) =
        ADMIN("address_add", "i",
              "WITH n AS (INSERT INTO address (tenant_id, domain_id, local)"
              "  SELECT d.tenant_id, d.domain_id, $1 FROM domain d"
              "  WHERE d.name = $2 AND d.alias_of IS NULL RETURNING tenant_id, domain_id, local)"
              " SELECT address_set_accounts(n.tenant_id, n.domain_id, n.local,"
              "  string_to_array(f->>'accounts', ' ')) FROM n, " FIELDS),
    AT(PG_SQL_ADDRESS_SET) =
        ADMIN("address_set", "i",
              "SELECT CASE WHEN f ? 'accounts' THEN address_set_accounts(o.tenant_id, o.domain_id,"
              "  o.local, string_to_array(f->>'accounts', ' ')) ELSE 1 END"
              " FROM address o JOIN domain d ON d.tenant_id = o.tenant_id"
              "  AND d.domain_id = o.domain_id, " FIELDS " WHERE " ACCOUNT_IS),
    AT(PG_SQL_ADDRESS_HANGS) =
        ADMIN("address_hangs", "to",
              "SELECT 'it is the account''s own: remove the account', true"
              " FROM " ACCOUNT_FROM " WHERE " ACCOUNT_IS),
    AT(PG_SQL_ADDRESS_REMOVE) =
        ADMIN("address_remove", "i",
              "DELETE FROM address o USING domain d WHERE d.tenant_id = o.tenant_id"
              " AND d.domain_id = o.domain_id AND " ACCOUNT_IS " RETURNING 1"),

    AT(PG_SQL_CREDENTIAL_LIST) = LIST(
        "credential_list",
        "SELECT d.name || '@' || o.local || '#' || k.label AS sort,"
        " o.local || '@' || d.name || CASE k.label WHEN '' THEN '' ELSE '#' || k.label END AS key,"
        " t.name AS tenant, ARRAY[NULL, nullif(k.scheme, ''), k.has_scram::text,"
        " CASE k.label WHEN '' THEN 'main' ELSE 'app' END, o.local || '@' || d.name,"
        " time_text(k.created), array_to_string(k.services, ' '), time_text(k.expires),"
        " time_text(k.last_used), k.last_service, k.last_network] AS fields"
        " FROM credential k JOIN " ACCOUNT_FROM " ON k.tenant_id = o.tenant_id"
        " AND k.account_id = o.account_id"
        " WHERE ($1 IS NULL OR o.local = $1) AND ($2 IS NULL OR d.name = $2)"
        " AND ($3 IS NULL OR k.label = $3)" MATCHES("account", "o.local || '@' || d.name")),
    AT(PG_SQL_CREDENTIAL_ADD) =
        ADMIN("credential_add", "i",
              "INSERT INTO credential (tenant_id, account_id, label, stored, scheme, has_scram,"
              " services, expires)"
              " SELECT o.tenant_id, o.account_id, $3, f->>'stored', coalesce(f->>'scheme', ''),"
              " coalesce((f->>'scram')::boolean, false), string_to_array(f->>'services', ' '),"
              " (f->>'expires')::timestamptz FROM " FIELDS ", " ACCOUNT_FROM
              " WHERE " ACCOUNT_IS " RETURNING 1"),
    AT(PG_SQL_CREDENTIAL_SET) =
        ADMIN("credential_set", "i",
              "UPDATE credential k SET"
              " stored = CASE WHEN f ? 'stored' THEN f->>'stored' ELSE k.stored END,"
              " scheme = CASE WHEN f ? 'scheme' THEN coalesce(f->>'scheme', '') ELSE k.scheme END,"
              " has_scram = CASE WHEN f ? 'scram' THEN coalesce((f->>'scram')::boolean, false)"
              "  ELSE k.has_scram END,"
              " services = CASE WHEN f ? 'services' THEN string_to_array(f->>'services', ' ')"
              "  ELSE k.services END,"
              " expires = CASE WHEN f ? 'expires' THEN (f->>'expires')::timestamptz"
              "  ELSE k.expires END"
              " FROM " FIELDS ", " ACCOUNT_FROM " WHERE k.tenant_id = o.tenant_id"
              " AND k.account_id = o.account_id AND k.label = $3 AND " ACCOUNT_IS " RETURNING 1"),
    AT(PG_SQL_CREDENTIAL_REMOVE) =
        ADMIN("credential_remove", "i",
              "DELETE FROM credential k USING " ACCOUNT_FROM " WHERE k.tenant_id = o.tenant_id"
              " AND k.account_id = o.account_id AND k.label = $3 AND " ACCOUNT_IS " RETURNING 1"),

    /* A key's parts: a plan's name and "plan"; a tenant's and "tenant"; local part, domain and
     * "account". */
    AT(PG_SQL_QUOTA_LIST) = LIST(
        "quota_list",
        "SELECT 'plan:' || p.name AS sort, 'plan:' || p.name AS key, '' AS tenant,"
        " ARRAY[q.bytes, q.messages, q.message_bytes, q.accounts, q.domains, " LIMITS_FLOW ", NULL, NULL]::text[]"
        "  AS fields"
        " FROM plan_quota q JOIN plan p USING (plan_id)"
        " WHERE ($3 IS NULL OR $3 = 'plan' AND p.name = $1)"
        " UNION ALL SELECT t.name, t.name, t.name,"
        " ARRAY[q.bytes, q.messages, q.message_bytes, q.accounts, q.domains, " LIMITS_FLOW ", NULL, NULL]::text[]"
        " FROM tenant_quota q JOIN tenant t USING (tenant_id)"
        " WHERE ($3 IS NULL OR $3 = 'tenant' AND t.name = $1)"
        " UNION ALL SELECT d.name || '@' || o.local, o.local || '@' || d.name, t.name,"
        " ARRAY[q.bytes, q.messages, q.message_bytes, NULL, NULL, " LIMITS_FLOW ", u.bytes, u.messages]::text[]"
        " FROM " ACCOUNT_FROM " LEFT JOIN account_quota q ON q.tenant_id = o.tenant_id"
        "  AND q.account_id = o.account_id,"
        " LATERAL (SELECT set_config('mansio.tenant', o.tenant_id::text, true) OFFSET 0) s,"
        " LATERAL (SELECT * FROM mail_usage(o.tenant_id, o.account_id) OFFSET 0) u"
        " WHERE (q.account_id IS NOT NULL OR $3 IS NOT NULL)"
        " AND ($3 IS NULL OR $3 = 'account' AND " ACCOUNT_IS ")"),
    AT(PG_SQL_QUOTA_PLAN_ADD) =
        ADMIN("quota_plan_add", "i",
              "INSERT INTO plan_quota SELECT p.plan_id, " LIMITS_NEW(LIMITS_NEW_MORE)
              " FROM plan p, " FIELDS " WHERE p.name = $1 RETURNING 1"),
    AT(PG_SQL_QUOTA_PLAN_SET) =
        ADMIN("quota_plan_set", "i",
              "UPDATE plan_quota o SET " LIMITS_SET(LIMITS_MORE) " FROM plan p, " FIELDS
              " WHERE p.plan_id = o.plan_id AND p.name = $1 RETURNING 1"),
    AT(PG_SQL_QUOTA_PLAN_REMOVE) =
        ADMIN("quota_plan_remove", "i",
              "DELETE FROM plan_quota o USING plan p WHERE p.plan_id = o.plan_id"
              " AND p.name = $1 RETURNING 1"),
    AT(PG_SQL_QUOTA_TENANT_ADD) =
        ADMIN("quota_tenant_add", "i",
              "INSERT INTO tenant_quota SELECT t.tenant_id, " LIMITS_NEW(LIMITS_NEW_MORE)
              " FROM tenant t, " FIELDS " WHERE t.name = $1 RETURNING 1"),
    AT(PG_SQL_QUOTA_TENANT_SET) =
        ADMIN("quota_tenant_set", "i",
              "UPDATE tenant_quota o SET " LIMITS_SET(LIMITS_MORE) " FROM tenant t, " FIELDS
              " WHERE t.tenant_id = o.tenant_id AND t.name = $1 RETURNING 1"),
    AT(PG_SQL_QUOTA_TENANT_REMOVE) =
        ADMIN("quota_tenant_remove", "i",
              "DELETE FROM tenant_quota o USING tenant t WHERE t.tenant_id = o.tenant_id"
              " AND t.name = $1 RETURNING 1"),
    AT(PG_SQL_QUOTA_ACCOUNT_ADD) =
        ADMIN("quota_account_add", "i",
              "INSERT INTO account_quota SELECT o.tenant_id, o.account_id, " LIMITS_NEW("")
              " FROM " ACCOUNT_FROM ", " FIELDS " WHERE " ACCOUNT_IS " RETURNING 1"),
    AT(PG_SQL_QUOTA_ACCOUNT_SET) =
        ADMIN("quota_account_set", "i",
              "UPDATE account_quota o SET " LIMITS_SET("") " FROM account a, domain d, " FIELDS
              " WHERE a.tenant_id = o.tenant_id AND a.account_id = o.account_id"
              " AND d.tenant_id = a.tenant_id AND d.domain_id = a.domain_id"
              " AND a.local = $1 AND d.name = $2 RETURNING 1"),
    AT(PG_SQL_QUOTA_ACCOUNT_REMOVE) =
        ADMIN("quota_account_remove", "i",
              "DELETE FROM account_quota q USING " ACCOUNT_FROM " WHERE q.tenant_id = o.tenant_id"
              " AND q.account_id = o.account_id AND " ACCOUNT_IS " RETURNING 1"),

    AT(PG_SQL_AUDIT_LIST) = LIST(
        "audit_list",
        "SELECT lpad(o.audit_id::text, 20, '0') AS sort, o.audit_id::text AS key, o.tenant,"
        " ARRAY[time_text(o.at), o.actor, o.action, o.kind, o.object, o.tenant, o.before::text,"
        " o.after::text, nullif(o.reason, ''), encode(o.hash, 'hex')] AS fields"
        " FROM audit o WHERE ($1 IS NULL OR o.audit_id = $1::bigint)" MATCHES("actor", "o.actor")
            MATCHES("kind", "o.kind") MATCHES("object", "o.object") MATCHES("tenant", "o.tenant")),
    /* A page from behind row $1, whose hash is $2: how many, the last and its hash, the first that
     * is bad or 0; and what the head says is the last of all. Numbers begin at 1: where there is a
     * row before it, the first one doesn't fit. */
    AT(PG_SQL_AUDIT_CHECK) =
        {"audit_check",
         "WITH p AS (SELECT o.audit_id, o.hash, o.previous, audit_hash(o) AS made,"
         "  lag(o.hash, 1, $2) OVER (ORDER BY o.audit_id) AS wanted"
         "  FROM audit o WHERE o.audit_id > $1 ORDER BY o.audit_id LIMIT $3)"
         " SELECT count(*), coalesce(max(p.audit_id), $1),"
         " (SELECT l.hash FROM p l ORDER BY l.audit_id DESC LIMIT 1),"
         " CASE WHEN EXISTS (SELECT FROM audit x WHERE x.audit_id < 1) THEN 1 ELSE"
         " coalesce(min(p.audit_id) FILTER (WHERE p.previous IS DISTINCT FROM p.wanted"
         "  OR p.hash IS DISTINCT FROM p.made), 0) END,"
         " (SELECT h.audit_id FROM audit_head h), (SELECT h.hash FROM audit_head h) FROM p",
         "lbl", "llbllb", PG_SCOPE_ADMIN, NULL},

    /* A key's parts: the scope's name, the owner, the service. */
    AT(PG_SQL_POLICY_LIST) =
        LIST("policy_list",
             "SELECT o.* FROM policy_listed($1, $2, $3) o WHERE true"
             MATCHES("tenant", "o.tenant") MATCHES("scope", "o.scope")
             MATCHES("service", "o.service")),
    AT(PG_SQL_POLICY_SET) =
        ADMIN("policy_set", "i",
              "SELECT n FROM policy_set($1, $2, $3, $4::jsonb) n WHERE n = 1"),
    AT(PG_SQL_POLICY_REMOVE) =
        ADMIN("policy_remove", "i",
              "SELECT n FROM policy_remove($1, $2, $3) n WHERE n = 1"),
    /* Whoever is stopped in the middle of it lets go of the word all the same. */
    AT(PG_SQL_POLICY_TRYING) =
        {"policy_trying",
         "SELECT set_config('mansio.trying', 'on', true) FROM"
         " set_config('idle_in_transaction_session_timeout', '5000', true)",
         "", "t", PG_SCOPE_ADMIN, NULL},
    AT(PG_SQL_POLICY_ACCOUNTS) =
        {"policy_accounts",
         "SELECT sort, tenant_id, account_id FROM policy_accounts($1, $2, $3, $4)", "tttl", "tll",
         PG_SCOPE_ADMIN, NULL},
    AT(PG_SQL_STANDINGS_READ) =
        {"standings_read", "SELECT " STANDING_COLUMNS " FROM standing_rows($1, $2, NULL, NULL, $3)", "LLz",
         STANDING_TYPES, PG_SCOPE_ADMIN, NULL},

    /* A key's parts: the tenant, empty for the platform; the name. */
    AT(PG_SQL_NETWORK_LIST) =
        LIST("network_list",
             "SELECT o.tenant || ':' || o.name AS sort,"
             " CASE o.tenant WHEN '' THEN '' ELSE o.tenant || ':' END || o.name AS key, o.tenant,"
             " ARRAY[array_to_string(o.networks, ' '), nullif(o.tenant, ''),"
             " time_text(o.created)] AS fields FROM ("
             "SELECT '' AS tenant, p.name, p.networks, p.created FROM platform_network p"
             " UNION ALL SELECT t.name, n.name, n.networks, n.created"
             " FROM tenant_network n JOIN tenant t USING (tenant_id)) o"
             " WHERE ($1 IS NULL OR o.tenant = $1) AND ($2 IS NULL OR o.name = $2)"
             " AND ($3 IS NULL)" MATCHES("tenant", "o.tenant")),
    AT(PG_SQL_NETWORK_ADD) =
        ADMIN("network_add", "i",
              "SELECT n FROM network_add($1, $2, $4::jsonb) n WHERE n = 1"),
    AT(PG_SQL_NETWORK_SET) =
        ADMIN("network_set", "i",
              "SELECT n FROM network_set($1, $2, $4::jsonb) n WHERE n = 1"),
    AT(PG_SQL_NETWORK_HANGS) =
        ADMIN("network_hangs", "to",
              "SELECT format('%s words of policy name it', n), true FROM (SELECT"
              " (SELECT count(*) FROM platform_word w WHERE $1 = '' AND $2 = ANY (w.networks))"
              " + (SELECT count(*) FROM tenant_word w JOIN tenant t USING (tenant_id)"
              "  WHERE $2 = ANY (w.networks) AND CASE $1 WHEN '' THEN NOT EXISTS (SELECT FROM"
              "   tenant_network x WHERE x.tenant_id = w.tenant_id AND x.name = $2)"
              "   ELSE t.name = $1 END) AS n) s WHERE n > 0"),
    AT(PG_SQL_NETWORK_REMOVE) =
        ADMIN("network_remove", "i",
              "SELECT n FROM network_remove($1, $2) n WHERE n = 1"),
};
/* clang-format on */

const size_t pg_object_statement_count = MANSIO_COUNT(pg_object_statements);
