/*
 * The store's statements. What they are held to:
 *
 * - each names the tenant in its conditions, though row-level security would see to it: so that the
 *   key is used, and a policy that is missing some day shows nothing more;
 * - what changes an account runs in a transaction that has its account_state row locked
 *   (ACCOUNT_LOCK, ACCOUNTS_LOCK, or an UPDATE of that row in front), accounts in the order of
 *   their ids: so nothing deadlocks, and a statement after the lock sees all that others committed;
 * - what can't be done raises (refuse()), which undoes the whole transaction: counters and rows
 *   can't part;
 * - UIDs come as ranges, in arrays. The LATERAL with its LIMIT reads them in the order of the key;
 * - no plan may hang on what the planner thinks of a tenant's size: it takes the average, and knows
 *   nothing of a new table. So what goes by several keys goes by LATERAL subqueries, by ranges, or
 *   by functions that loop (sql/), never by a join that could read all of a tenant or, row by row,
 *   all of a mailbox. "(x IN (SELECT ...)) IS TRUE" is a hash table that isn't turned into a join.
 */
#include "store_sql.h"

#include "store_sql_parts.h"

#define ROW(id) [PG_SQL_##id - PG_SQL_STORE]

/* Laid out by clauses: a part of a WITH begins a line, what follows in it is indented. */
/* clang-format off */
const struct pg_statement pg_store_statements[] = {
    /* ---- ids and accounts ---- */
    ROW(ID_LEASE) = {
        .name = "id_lease",
        .text =
            "UPDATE worker_number w SET holder = $1, expires = now() + $2 * interval '1 us',"
                " from_ms = w.limit_ms, limit_ms = greatest(w.limit_ms, (extract(epoch"
                " FROM now()) * 1000)::int8 - $4) + $3 WHERE w.number = (SELECT f.number"
                " FROM worker_number f WHERE f.expires <= now() ORDER BY f.expires LIMIT 1"
                " FOR UPDATE SKIP LOCKED) RETURNING w.number, w.from_ms, w.limit_ms",
        .params = "tlll", .columns = "ill", .scope = PG_SCOPE_GLOBAL,
        .why = "worker_number: which process makes ids with which number",
    },
    ROW(ID_RENEW) = {
        .name = "id_renew",
        .text =
            "UPDATE worker_number w SET expires = now() + $3 * interval '1 us',"
                " limit_ms = greatest(w.limit_ms, (extract(epoch"
                " FROM now()) * 1000)::int8 - $5 + $4) WHERE w.number = $1 AND w.holder = $2"
                " AND w.expires > now() RETURNING w.limit_ms",
        .params = "itlll", .columns = "l", .scope = PG_SCOPE_GLOBAL,
        .why = "worker_number: which process makes ids with which number",
    },
    ROW(ACCOUNT_OPEN) = {
        .name = "account_open",
        .text =
            "WITH s AS (INSERT INTO account_state (tenant_id, account_id, last_validity)"
                " VALUES ($1, $2, $6) ON CONFLICT DO NOTHING RETURNING modseq),"
            " n AS (SELECT n.id, n.special_use, n.name, s.modseq"
                " FROM s, unnest($3::int8[], $4::int4[], $5::text[]) AS n(id, special_use,"
                " name)),"
            " c AS (INSERT INTO collection (tenant_id, account_id, collection_id, modseq, kind,"
                " special_use, name) SELECT $1, $2, n.id, n.modseq, 1, n.special_use, n.name"
                " FROM n),"
            " u AS (INSERT INTO subscription (tenant_id, account_id, name)"
                " SELECT $1, $2, n.name FROM n)"
            " INSERT INTO collection_counters (tenant_id, account_id, collection_id, modseq,"
                " uid_validity)"
            " SELECT $1, $2, n.id, n.modseq, $6 FROM n",
        .params = "llLITl", .columns = "", .scope = PG_SCOPE_TENANT,
    },
    ROW(ACCOUNT_LOCK) = {
        .name = "account_lock",
        .text =
            "SELECT s.modseq, s.bytes, s.messages, s.is_gone FROM account_state s"
                " WHERE s.tenant_id = $1 AND s.account_id = $2 FOR NO KEY UPDATE",
        .params = "ll", .columns = "lllo", .scope = PG_SCOPE_TENANT,
    },
    ROW(ACCOUNTS_LOCK) = {
        .name = "accounts_lock",
        .text =
            "SELECT s.account_id, s.is_gone FROM unnest($2::int8[]) AS i(account_id)"
                " CROSS JOIN LATERAL (SELECT s.account_id, s.is_gone FROM account_state s"
                " WHERE s.tenant_id = $1 AND s.account_id = i.account_id FOR NO KEY UPDATE) s",
        .params = "lL", .columns = "lo", .scope = PG_SCOPE_TENANT,
    },
    ROW(ACCOUNT_USAGE) = {
        .name = "account_usage",
        .text =
            "SELECT s.modseq, s.bytes, s.messages, s.is_gone, s.horizon FROM account_state s"
                " WHERE s.tenant_id = $1 AND s.account_id = $2",
        .params = "ll", .columns = "lllol", .scope = PG_SCOPE_TENANT,
    },
    /* ---- delivery ---- */
    /* A group waits for nobody's lock for long: all deliveries of a worker wait behind it. */
    ROW(GROUP_BEGIN) = {
        .name = "group_begin",
        .text = "SELECT set_config('lock_timeout', '500ms', true)",
        .params = "", .columns = "t", .scope = PG_SCOPE_GLOBAL, .why = "touches no table",
    },
    /* One message into the INBOX of one account: most of what comes. INBOX has the account's id. No
       row: gone, over quota, or not open yet. */
    ROW(DELIVER_ONE) = {
        .name = "deliver_one",
        .text =
            "WITH a AS (UPDATE account_state s SET modseq = s.modseq + 1,"
                " bytes = s.bytes + $4 + $5, messages = s.messages + 1 WHERE s.tenant_id = $1"
                " AND s.account_id = $2 AND NOT s.is_gone"
                " AND " WITHIN("$4 + $5", "1", "$13", "$14")
                " RETURNING s.modseq, s.bytes, s.messages),"
            " c AS (UPDATE collection_counters k SET uid_next = k.uid_next + 1,"
                " modseq = a.modseq, messages = k.messages + 1, unseen = k.unseen + 1 - ($6 & 1),"
                " bytes = k.bytes + $4 + $5 FROM a WHERE k.tenant_id = $1 AND k.account_id = $2"
                " AND k.collection_id = $2 RETURNING k.uid_next - 1 AS uid),"
            " b AS (INSERT INTO blob (tenant_id, blob_id, size, storage, body)"
                " SELECT $1, $3, $4, 1, $11 FROM c),"
            " m AS (INSERT INTO message (tenant_id, message_id, blob_id, holders, prefix,"
                " structure) SELECT $1, $3, $3, 1, $9, $10 FROM c),"
            " t AS (INSERT INTO message_text (tenant_id, message_id, content) SELECT $1, $3, $12"
                " FROM c WHERE $12 <> ''),"
            " i AS (INSERT INTO message_state (tenant_id, account_id, collection_id, uid, modseq,"
                " message_id, received, body_bytes, prefix_bytes, prefix_no, flags, keywords)"
                " SELECT $1, $2, $2, c.uid, a.modseq, $3, $8, $4, $5, 0, $6, $7 FROM c, a)"
            " SELECT CASE WHEN c.uid IS NULL THEN refuse('MN003') ELSE " GIVEN("c.uid") " END,"
                " a.modseq, a.bytes, a.messages FROM a"
                " LEFT JOIN c ON true",
        .params = "lllliitzbbbtll", .columns = "llll", .scope = PG_SCOPE_TENANT,
    },
    /* A message with its entries in a tenant; their accounts are locked. A row an entry, without a
       UID where it was refused. */
    ROW(DELIVER_MANY) = {
        .name = "deliver_many",
        .text =
            "SELECT d.o_n, CASE WHEN d.o_uid IS NOT NULL THEN " GIVEN("d.o_uid") " END, d.o_target, d.o_modseq, d.o_bytes, d.o_messages"
                " FROM deliver_many($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
                " $15, $16, $17, $18, $19, $20, $21, $22) d",
        .params = "lllibbbtzioLITITIILLIB", .columns = "llllll", .scope = PG_SCOPE_TENANT,
    },
    /* Nothing if there is one of this name or use. */
    ROW(COLLECTION_ENSURE) = {
        .name = "collection_ensure",
        .text =
            NEW_COLLECTION(
                " AND NOT EXISTS (SELECT FROM collection c WHERE c.tenant_id = $1"
                    " AND c.account_id = $2 AND (c.name = $6 OR c.special_use = $5 AND $5 > 1))"),
        .params = "llliitll", .columns = "", .scope = PG_SCOPE_TENANT,
    },
    ROW(SPOOL_ADD) = {
        .name = "spool_add",
        .text =
            "INSERT INTO spool (tenant_id, spool_id, message_id, prefix_no, flags, message_bytes,"
                " tenant, reverse_path, forward_path, envelope_id, ret, notify,"
                " original_recipient)"
            " SELECT $1, e.id, $2, e.prefix_no, $7, $8 + e.prefix_bytes, $3, $4, e.forward_path,"
                " $5, $6, e.notify, e.original_recipient"
                " FROM unnest($9::int8[], $10::int4[], $11::int4[], $12::text[], $13::text[],"
                " $14::text[]) AS e(id, prefix_no, prefix_bytes, forward_path, notify,"
                " original_recipient)",
        .params = "llttttilLIITTT", .columns = "", .scope = PG_SCOPE_TENANT,
    },
    ROW(CHUNK_ADD) = {
        .name = "chunk_add",
        .text = "INSERT INTO blob_chunk (tenant_id, blob_id, chunk, bytes) VALUES ($1, $2, $3, $4)",
        .params = "llib", .columns = "", .scope = PG_SCOPE_TENANT,
    },
    ROW(BLOB_ADD) = {
        .name = "blob_add",
        .text =
            "INSERT INTO blob (tenant_id, blob_id, size, storage, body, loose_since)"
                " VALUES ($1, $2, $3, $4, $5, now())",
        .params = "lllib", .columns = "", .scope = PG_SCOPE_TENANT,
    },
    ROW(BLOB_READ) = {
        .name = "blob_read",
        .text =
            "SELECT b.size, " SLICE " FROM blob b, (SELECT $3::int8 AS first, $4::int8 AS most) w"
                " WHERE b.tenant_id = $1 AND b.blob_id = $2",
        .params = "llll", .columns = "lb", .scope = PG_SCOPE_TENANT,
    },
    /* ---- collections ---- */
    ROW(COLLECTION_LIST) = {
        .name = "collection_list",
        .text = COLLECTION " AND ($3 = 0 OR c.kind = $3) ORDER BY c.name",
        .params = "lli", .columns = "liitlllllllo", .scope = PG_SCOPE_TENANT,
    },
    ROW(COLLECTION_FIND) = {
        .name = "collection_find",
        .text = COLLECTION " AND c.name = $3",
        .params = "llt", .columns = "liitlllllllo", .scope = PG_SCOPE_TENANT,
    },
    ROW(COLLECTION_GET) = {
        .name = "collection_get",
        .text = COLLECTION " AND c.collection_id = $3",
        .params = "lll", .columns = "liitlllllllo", .scope = PG_SCOPE_TENANT,
    },
    ROW(COLLECTION_CREATE) = {
        .name = "collection_create",
        .text = NEW_COLLECTION(""),
        .params = "llliitll", .columns = "", .scope = PG_SCOPE_TENANT,
    },
    /* A collection and all below it; no row: there is none. */
    ROW(COLLECTION_RENAME) = {
        .name = "collection_rename",
        .text =
            "WITH o AS (SELECT c.name FROM collection c WHERE c.tenant_id = $1"
                " AND c.account_id = $2 AND c.collection_id = $3),"
            " n AS (SELECT c.collection_id, $4 || substr(c.name, length(o.name) + 1) AS name"
                " FROM o, collection c WHERE c.tenant_id = $1 AND c.account_id = $2"
                " AND (c.name = o.name OR starts_with(c.name, o.name || '/'))),"
            " a AS (UPDATE account_state s SET modseq = s.modseq + 1 WHERE s.tenant_id = $1"
                " AND s.account_id = $2 AND EXISTS (SELECT FROM o WHERE o.name <> $4)"
                " RETURNING CASE WHEN (SELECT starts_with($4, o.name || '/') FROM o)"
                " OR (SELECT max(octet_length(n.name)) > 1000"
                " OR max(length(n.name) - length(replace(n.name, '/', ''))) > 99"
                " FROM n) THEN refuse('MN004') ELSE s.modseq END AS modseq),"
            " u AS (UPDATE collection c SET name = n.name, modseq = a.modseq FROM n, a"
                " WHERE c.tenant_id = $1 AND c.account_id = $2"
                " AND c.collection_id = n.collection_id)"
            " SELECT o.name FROM o",
        .params = "lllt", .columns = "t", .scope = PG_SCOPE_TENANT,
    },
    ROW(COLLECTION_REMOVE) = {
        .name = "collection_remove",
        .text =
            "WITH k AS (DELETE FROM collection_counters k WHERE k.tenant_id = $1"
                " AND k.account_id = $2 AND k.collection_id = $3 RETURNING k.messages, k.bytes),"
            " a AS (UPDATE account_state s SET modseq = s.modseq + 1,"
                " messages = s.messages - k.messages, bytes = s.bytes - k.bytes FROM k"
                " WHERE s.tenant_id = $1 AND s.account_id = $2 RETURNING s.modseq),"
            " c AS (DELETE FROM collection c WHERE c.tenant_id = $1 AND c.account_id = $2"
                " AND c.collection_id = $3),"
            " s AS (DELETE FROM message_state s WHERE s.tenant_id = $1 AND s.account_id = $2"
                " AND s.collection_id = $3 RETURNING s.message_id),"
            " x AS (DELETE FROM expunged x WHERE x.tenant_id = $1 AND x.account_id = $2"
                " AND x.collection_id = $3),"
            " r AS (" RELEASE("$2", "s") "),"
            " t AS (INSERT INTO collection_removed (tenant_id, account_id, modseq, collection_id)"
                " SELECT $1, $2, a.modseq, $3 FROM a)"
            " SELECT a.modseq FROM a",
        .params = "lll", .columns = "l", .scope = PG_SCOPE_TENANT,
    },
    ROW(SUBSCRIBE) = {
        .name = "subscribe",
        .text =
            "WITH s AS (INSERT INTO subscription (tenant_id, account_id, name)"
                " SELECT $1, $2, CASE WHEN (SELECT count(*) FROM subscription u"
                " WHERE u.tenant_id = $1 AND u.account_id = $2) >= $4 THEN refuse('MN002')::text"
                " ELSE $3 END ON CONFLICT DO NOTHING RETURNING name)," TOUCH,
        .params = "lltl", .columns = "", .scope = PG_SCOPE_TENANT,
    },
    ROW(UNSUBSCRIBE) = {
        .name = "unsubscribe",
        .text =
            "WITH s AS (DELETE FROM subscription u WHERE u.tenant_id = $1 AND u.account_id = $2"
                " AND u.name = $3 RETURNING u.name)," TOUCH,
        .params = "llt", .columns = "", .scope = PG_SCOPE_TENANT,
    },
    ROW(SUBSCRIPTION_LIST) = {
        .name = "subscription_list",
        .text =
            "SELECT u.name FROM subscription u WHERE u.tenant_id = $1 AND u.account_id = $2"
                " AND u.name > $3 ORDER BY u.name LIMIT $4",
        .params = "llti", .columns = "t", .scope = PG_SCOPE_TENANT,
    },
    ROW(RECENT_CLAIM) = {
        .name = "recent_claim",
        .text =
            "WITH o AS (SELECT k.recent_from, k.uid_next FROM collection_counters k"
                " WHERE k.tenant_id = $1 AND k.account_id = $2 AND k.collection_id = $3"
                " FOR NO KEY UPDATE),"
            " u AS (UPDATE collection_counters k SET recent_from = o.uid_next FROM o"
                " WHERE k.tenant_id = $1 AND k.account_id = $2 AND k.collection_id = $3"
                " AND o.recent_from < o.uid_next)"
            " SELECT o.recent_from FROM o",
        .params = "lll", .columns = "l", .scope = PG_SCOPE_TENANT,
    },
    /* ---- messages ---- */
    /* Is there such a collection, and what is its last UID? By the key's end: for max() the planner
       reads the whole of a mailbox that it takes for small. */
    ROW(PROBE) = {
        .name = "probe",
        .text =
            "SELECT k.uid_next, k.uid_validity, k.modseq, coalesce((SELECT m.uid"
                " FROM message_state m WHERE m.tenant_id = $1 AND m.account_id = $2"
                " AND m.collection_id = $3 ORDER BY m.uid DESC LIMIT 1), 0)"
                " FROM collection_counters k JOIN account_state s USING (tenant_id, account_id)"
                " WHERE k.tenant_id = $1 AND k.account_id = $2 AND k.collection_id = $3"
                " AND NOT s.is_gone",
        .params = "lll", .columns = "llll", .scope = PG_SCOPE_TENANT,
    },
    ROW(MESSAGE_LIST) = {
        .name = "message_list",
        .text = RANGES(ENTRY, " AND s.modseq > $7"),
        .params = "lllLLil", .columns = "lllzliit", .scope = PG_SCOPE_TENANT,
    },
    ROW(MESSAGE_LIST_WHOLE) = {
        .name = "message_list_whole",
        .text =
            "SELECT s.*, m.blob_id, m.structure FROM (" RANGES(ENTRY, " AND s.modseq > $7") ") s"
                " CROSS JOIN LATERAL (SELECT m.blob_id, CASE"
                " WHEN $8 THEN m.structure END AS structure FROM message m WHERE m.tenant_id = $1"
                " AND m.message_id = s.message_id OFFSET 0) m",
        .params = "lllLLilo", .columns = "lllzliitlb", .scope = PG_SCOPE_TENANT,
    },
    /* Bytes of messages: those of a blob that was guessed aren't sent. */
    ROW(MESSAGE_READ) = {
        .name = "message_read",
        .text =
            "SELECT s.uid, substring(CASE WHEN s.prefix_no = 0 THEN m.prefix ELSE p.bytes END"
                " FROM least($5, s.prefix_bytes)::int4 + 1 FOR $6::int4), " SLICE ", m.blob_id,"
                " s.message_id, s.body_bytes, s.prefix_bytes"
                " FROM message_state s JOIN message m USING (tenant_id, message_id)"
                " LEFT JOIN blob b ON b.tenant_id = $1 AND b.blob_id = m.blob_id"
                " AND b.blob_id <> $7"
                " LEFT JOIN message_prefix p ON p.tenant_id = s.tenant_id"
                " AND p.message_id = s.message_id AND p.prefix_no = s.prefix_no"
                " CROSS JOIN LATERAL (SELECT greatest($5 - s.prefix_bytes, 0) AS first,"
                " greatest($6 - greatest(s.prefix_bytes - $5, 0), 0) AS most) w"
                " WHERE s.tenant_id = $1 AND s.account_id = $2 AND s.collection_id = $3"
                " AND s.uid = $4 AND (m.blob_id = $7 OR b.blob_id IS NOT NULL)",
        .params = "lllllll", .columns = READ_COLUMNS, .scope = PG_SCOPE_TENANT,
    },
    /* Whole messages whose bytes lie in one place, until $5 is full; $6 guesses. Of a message's
       cost nearly all is the statement's: six are hardly dearer than one. */
    ROW(MESSAGE_READ_MANY) = {
        .name = "message_read_many",
        .text =
            "SELECT s.uid, CASE WHEN s.prefix_no = 0 THEN m.prefix ELSE (SELECT p.bytes"
                " FROM message_prefix p WHERE p.tenant_id = $1 AND p.message_id = s.message_id"
                " AND p.prefix_no = s.prefix_no) END, CASE WHEN m.blob_id <> s.guess THEN"
                " (SELECT b.body FROM blob b WHERE b.tenant_id = $1 AND b.blob_id = m.blob_id"
                " AND b.storage = 1) END, m.blob_id, s.message_id, s.body_bytes, s.prefix_bytes"
                " FROM (SELECT e.*, i.guess,"
                " sum(e.body_bytes + e.prefix_bytes) OVER (ORDER BY e.uid) AS total"
                " FROM unnest($4::int8[], $6::int8[]) AS i(uid, guess)"
                " CROSS JOIN LATERAL (SELECT e.uid,"
                " e.message_id, e.prefix_no, e.body_bytes, e.prefix_bytes FROM message_state e"
                " WHERE e.tenant_id = $1 AND e.account_id = $2 AND e.collection_id = $3"
                " AND e.uid = i.uid OFFSET 0) e) s CROSS JOIN LATERAL (SELECT m.blob_id, m.prefix"
                " FROM message m WHERE m.tenant_id = $1"
                " AND m.message_id = s.message_id OFFSET 0) m WHERE s.total <= $5 ORDER BY s.uid",
        .params = "lllLlL", .columns = READ_COLUMNS, .scope = PG_SCOPE_TENANT,
    },
    /* Slices of messages whose bytes lie in one place: $5 first bytes, $6 lengths, $7 guesses. */
    ROW(MESSAGE_READ_SLICES) = {
        .name = "message_read_slices",
        .text =
            "SELECT s.uid, substring(CASE WHEN s.prefix_no = 0 THEN m.prefix ELSE (SELECT p.bytes"
                " FROM message_prefix p WHERE p.tenant_id = $1 AND p.message_id = s.message_id"
                " AND p.prefix_no = s.prefix_no) END"
                " FROM least(s.first, s.prefix_bytes)::int4 + 1 FOR s.most::int4),"
                " CASE WHEN m.blob_id <> s.guess THEN (SELECT substring(b.body"
                " FROM least(greatest(s.first - s.prefix_bytes, 0), b.size)::int4 + 1"
                " FOR greatest(s.most - greatest(s.prefix_bytes - s.first, 0), 0)::int4)"
                " FROM blob b WHERE b.tenant_id = $1 AND b.blob_id = m.blob_id"
                " AND b.storage = 1) END, m.blob_id, s.message_id, s.body_bytes, s.prefix_bytes"
                " FROM (SELECT e.*, i.first, i.most, i.guess"
                " FROM unnest($4::int8[], $5::int8[], $6::int8[], $7::int8[])"
                " AS i(uid, first, most, guess)"
                " CROSS JOIN LATERAL (SELECT e.uid, e.message_id, e.prefix_no, e.body_bytes,"
                " e.prefix_bytes FROM message_state e WHERE e.tenant_id = $1 AND e.account_id = $2"
                " AND e.collection_id = $3 AND e.uid = i.uid OFFSET 0) e) s"
                " CROSS JOIN LATERAL (SELECT m.blob_id, m.prefix FROM message m"
                " WHERE m.tenant_id = $1 AND m.message_id = s.message_id OFFSET 0) m"
                " ORDER BY s.uid",
        .params = "lllLLLL", .columns = READ_COLUMNS, .scope = PG_SCOPE_TENANT,
    },
    ROW(MESSAGE_TEXT) = {
        .name = "message_text",
        .text =
            "SELECT t.content FROM message_state s LEFT JOIN message_text t USING (tenant_id,"
                " message_id) WHERE s.tenant_id = $1 AND s.account_id = $2"
                " AND s.collection_id = $3 AND s.uid = $4",
        .params = "llll", .columns = "t", .scope = PG_SCOPE_TENANT,
    },
    ROW(MESSAGE_SEARCH_BODY) = {
        .name = "message_search_body",
        .text = SEARCH("CASE WHEN position($7 in t.content) > 0"
                " AND position($7 in split_part(t.content, 'B', 2)) > 0 THEN 1"
                " WHEN starts_with(t.content, 'H') THEN 0 ELSE 2 END"),
        .params = "lllLLit", .columns = "llLL", .scope = PG_SCOPE_TENANT,
    },
    /* $8 the needle as PREFIX_TEXT writes, $9 it has more than ASCII. */
    ROW(MESSAGE_SEARCH_TEXT) = {
        .name = "message_search_text",
        .text = SEARCH("CASE WHEN position($7 in t.content) > 0 THEN 1"
                " ELSE (SELECT CASE WHEN position($8 in x.prefix) > 0 THEN 1"
                " WHEN starts_with(t.content, 'H') AND NOT ($9 AND x.prefix ~ '" PREFIX_8BIT "')"
                " THEN 0 ELSE 2 END FROM (SELECT " PREFIX_TEXT " AS prefix OFFSET 0) x) END"),
        .params = "lllLLitto", .columns = "llLL", .scope = PG_SCOPE_TENANT,
    },
    /* $10 the field, and what follows its name. */
    ROW(MESSAGE_SEARCH_FIELD) = {
        .name = "message_search_field",
        .text = SEARCH("CASE WHEN position($7 in t.content) > 0"
                " AND position(E'\\n' || $10 in t.content) > 0"
                " AND (starts_with(t.content, 'H') OR starts_with(t.content, 'C'))"
                " AND " IN_FIELD("split_part(t.content, 'B', 1)", "$7") " THEN 1"
                " ELSE (SELECT CASE WHEN position(E'\\n' || $10 in x.prefix) > 0"
                " AND " IN_FIELD("x.prefix", "$8") " THEN 1"
                " WHEN starts_with(t.content, 'H') AND NOT ($9 AND x.prefix ~ '" PREFIX_8BIT "')"
                " THEN 0 ELSE 2 END FROM (SELECT " PREFIX_TEXT " AS prefix OFFSET 0) x) END"),
        .params = "lllLLittot", .columns = "llLL", .scope = PG_SCOPE_TENANT,
    },
    /* The account is locked; $7 operation, $10 unchanged since. */
    ROW(MESSAGE_FLAG) = {
        .name = "message_flag",
        .text =
            "WITH src AS MATERIALIZED (" RANGES(ENTRY, "") "),"
            " w AS MATERIALIZED (SELECT src.*, src.modseq > $10 AS is_refused, " NEW_FLAGS("src")
                " AS new_flags, " NEW_KEYWORDS("src") " AS new_keywords FROM src),"
            " d AS MATERIALIZED (SELECT w.uid, w.flags, w.new_flags FROM w WHERE NOT w.is_refused"
                " AND (w.new_flags <> w.flags OR w.new_keywords <> w.keywords)),"
            " b AS MATERIALIZED (SELECT min(d.uid) AS lo, max(d.uid) AS hi,"
                " sum((d.flags & 1) - (d.new_flags & 1)) AS unseen FROM d),"
            " a AS (UPDATE account_state s SET modseq = s.modseq + 1 FROM b"
                " WHERE s.tenant_id = $1 AND s.account_id = $2 AND b.lo IS NOT NULL"
                " RETURNING s.modseq),"
            " k AS (UPDATE collection_counters k SET modseq = a.modseq,"
                " unseen = k.unseen + b.unseen FROM a, b WHERE k.tenant_id = $1"
                " AND k.account_id = $2 AND k.collection_id = $3),"
            " u AS (UPDATE message_state s SET flags = " NEW_FLAGS("s") ", keywords = "
                NEW_KEYWORDS("s") ", modseq = a.modseq FROM a, b WHERE s.tenant_id = $1"
                " AND s.account_id = $2 AND s.collection_id = $3 AND s.uid BETWEEN b.lo AND b.hi"
                " AND (s.uid IN (SELECT d.uid FROM d)) IS TRUE)"
            " SELECT w.uid, CASE WHEN (w.uid IN (SELECT d.uid"
                " FROM d)) IS TRUE THEN (SELECT a.modseq FROM a)"
                " ELSE w.modseq END, w.message_id, w.received, w.body_bytes, w.prefix_bytes, CASE"
                " WHEN w.is_refused THEN w.flags ELSE w.new_flags END, CASE"
                " WHEN w.is_refused THEN w.keywords ELSE w.new_keywords END, w.is_refused FROM w"
                " ORDER BY w.uid",
        .params = "lllLLiiiTl", .columns = "lllzliito", .scope = PG_SCOPE_TENANT,
    },
    /* The account is locked. */
    ROW(MESSAGE_APPEND) = {
        .name = "message_append",
        .text =
            "WITH a AS (UPDATE account_state s SET modseq = s.modseq + 1,"
                " bytes = s.bytes + $5 + $6, messages = s.messages + 1 WHERE s.tenant_id = $1"
                " AND s.account_id = $2 AND " WITHIN("$5 + $6", "1", "$15", "$16")
                " RETURNING s.modseq),"
            " c AS (UPDATE collection_counters k SET uid_next = k.uid_next + 1,"
                " modseq = a.modseq, messages = k.messages + 1, unseen = k.unseen + 1 - ($7 & 1),"
                " bytes = k.bytes + $5 + $6 FROM a WHERE k.tenant_id = $1 AND k.account_id = $2"
                " AND k.collection_id = $3 RETURNING k.uid_next - 1 AS uid, k.uid_validity),"
            " b AS (INSERT INTO blob (tenant_id, blob_id, size, storage, body)"
                " SELECT $1, $4, $5, $12, $13 FROM c),"
            " m AS (INSERT INTO message (tenant_id, message_id, blob_id, holders, prefix,"
                " structure) SELECT $1, $4, $4, 1, $10, $11 FROM c),"
            " t AS (INSERT INTO message_text (tenant_id, message_id, content) SELECT $1, $4, $14"
                " FROM c WHERE $14 <> ''),"
            " i AS (INSERT INTO message_state (tenant_id, account_id, collection_id, uid, modseq,"
                " message_id, received, body_bytes, prefix_bytes, prefix_no, flags, keywords)"
                " SELECT $1, $2, $3, c.uid, a.modseq, $4, $9, $5, $6, 0, $7, $8 FROM c, a)"
            " SELECT CASE WHEN c.uid IS NOT NULL THEN " GIVEN("c.uid") " ELSE refuse(CASE"
                " WHEN a.modseq IS NULL THEN 'MN002' ELSE 'MN001' END) END, c.uid_validity, a.modseq FROM (VALUES (1)) one(x)"
                " LEFT JOIN a ON true LEFT JOIN c ON true",
        .params = "llllliitzbbibtll", .columns = "lll", .scope = PG_SCOPE_TENANT,
    },
    /* The account is locked; $7 the target. The first new UID, and those that were copied. */
    ROW(MESSAGE_COPY) = {
        .name = "message_copy",
        .text =
            "WITH src AS MATERIALIZED (SELECT s.*, row_number() OVER (ORDER BY s.uid) AS place"
                " FROM (" RANGES(ENTRY ", prefix_no", "") ") s),"
            " t AS (SELECT count(*) AS messages, coalesce(sum(src.body_bytes + src.prefix_bytes),"
                " 0)::int8 AS bytes, count(*) FILTER (WHERE src.flags & 1 = 0) AS unseen"
                " FROM src),"
            " a AS (UPDATE account_state s SET modseq = s.modseq + 1, bytes = s.bytes + t.bytes,"
                " messages = s.messages + t.messages FROM t WHERE s.tenant_id = $1"
                " AND s.account_id = $2 AND t.messages > 0"
                " AND " WITHIN("t.bytes", "t.messages", "$8", "$9") " RETURNING s.modseq),"
            " c AS (UPDATE collection_counters k SET uid_next = k.uid_next + t.messages,"
                " modseq = a.modseq, messages = k.messages + t.messages,"
                " unseen = k.unseen + t.unseen, bytes = k.bytes + t.bytes FROM a, t"
                " WHERE k.tenant_id = $1 AND k.account_id = $2 AND k.collection_id = $7"
                " RETURNING k.uid_next - t.messages AS base),"
            " i AS (INSERT INTO message_state (tenant_id, account_id, collection_id, uid, modseq,"
                " message_id, received, body_bytes, prefix_bytes, prefix_no, flags, keywords)"
                " SELECT $1, $2, $7, c.base + src.place - 1, a.modseq, src.message_id,"
                " src.received, src.body_bytes, src.prefix_bytes, src.prefix_no, src.flags,"
                " src.keywords FROM src, a, c)"
            " SELECT CASE WHEN t.messages = 0 THEN 0"
                " WHEN c.base IS NULL THEN refuse('MN002')"
                " WHEN c.base + t.messages > 4294967295 THEN refuse('MN008')"
                " ELSE c.base END, (SELECT array_agg(src.uid"
                " ORDER BY src.uid) FROM src) FROM t LEFT JOIN c ON true",
        .params = "lllLLilll", .columns = "lL", .scope = PG_SCOPE_TENANT,
    },
    /* The account is locked; $7 only those marked as deleted. */
    ROW(MESSAGE_EXPUNGE) = {
        .name = "message_expunge",
        .text =
            "WITH src AS MATERIALIZED (" RANGES(ENTRY, " AND (NOT $7 OR s.flags & 8 <> 0)") "),"
            " t AS MATERIALIZED (SELECT min(src.uid) AS lo, max(src.uid) AS hi,"
                " count(*) AS messages, coalesce(sum(src.body_bytes + src.prefix_bytes),"
                " 0)::int8 AS bytes, count(*) FILTER (WHERE src.flags & 1 = 0) AS unseen"
                " FROM src),"
            " a AS (UPDATE account_state s SET modseq = s.modseq + 1, bytes = s.bytes - t.bytes,"
                " messages = s.messages - t.messages FROM t WHERE s.tenant_id = $1"
                " AND s.account_id = $2 AND t.messages > 0 RETURNING s.modseq),"
            " k AS (UPDATE collection_counters k SET modseq = a.modseq,"
                " messages = k.messages - t.messages, unseen = k.unseen - t.unseen,"
                " bytes = k.bytes - t.bytes FROM a, t WHERE k.tenant_id = $1"
                " AND k.account_id = $2 AND k.collection_id = $3),"
            " d AS (DELETE FROM message_state s USING t WHERE s.tenant_id = $1"
                " AND s.account_id = $2 AND s.collection_id = $3 AND s.uid BETWEEN t.lo AND t.hi"
                " AND (s.uid IN (SELECT src.uid FROM src)) IS TRUE),"
            " x AS (INSERT INTO expunged (tenant_id, account_id, modseq, collection_id, uid,"
                " message_id) SELECT $1, $2, a.modseq, $3, src.uid, src.message_id FROM src, a),"
            " r AS (" RELEASE("$2", "src") ")"
            " SELECT (SELECT array_agg(src.uid ORDER BY src.uid) FROM src)",
        .params = "lllLLio", .columns = "L", .scope = PG_SCOPE_TENANT,
    },
    /* $4 since, $5 up to, $6 to $9 where the page before ended. The horizon is looked at in the
       same moment as the tombstones: the sweep may have come after changes_all() did. */
    ROW(CHANGES) = {
        .name = "changes",
        .text =
            "SELECT v.modseq, v.kind, v.collection_id, v.uid, v.message_id FROM ("
                " SELECT c.modseq, 1 AS kind, c.collection_id, 0::int8 AS uid,"
                " 0::int8 AS message_id FROM collection c WHERE c.tenant_id = $1"
                " AND c.account_id = $2 AND c.modseq > $4"
            " UNION ALL SELECT r.modseq, 2, r.collection_id, 0, 0 FROM collection_removed r"
                " WHERE r.tenant_id = $1 AND r.account_id = $2 AND r.modseq > $4 AND $4 > 0"
            " UNION ALL SELECT s.modseq, 3, s.collection_id, s.uid, s.message_id"
                " FROM message_state s WHERE s.tenant_id = $1 AND s.account_id = $2"
                " AND s.modseq > $4 AND ($3 = 0 OR s.collection_id = $3)"
            " UNION ALL SELECT x.modseq, 4, x.collection_id, x.uid, x.message_id FROM expunged x"
                " WHERE x.tenant_id = $1 AND x.account_id = $2 AND x.modseq > $4 AND $4 > 0) v"
                " WHERE (SELECT CASE WHEN $4 > 0 AND $4 < q.horizon THEN refuse('MN006')"
                " ELSE 0 END FROM account_state q WHERE q.tenant_id = $1"
                " AND q.account_id = $2) = 0 AND ($3 = 0 OR v.collection_id = $3)"
                " AND v.modseq <= $5 AND (v.modseq, v.collection_id, v.kind, v.uid) > ($6, $7,"
                " $8, $9) ORDER BY v.modseq, v.collection_id, v.kind, v.uid LIMIT $10",
        .params = "lllllllili", .columns = "lilll", .scope = PG_SCOPE_TENANT,
    },
    /* ---- the spool ---- */
    ROW(SPOOL_CLAIM) = {
        .name = "spool_claim",
        .text =
            "WITH d AS (SELECT q.tenant_id, q.spool_id FROM spool q WHERE q.next_at <= now()"
                " AND q.claimed_until <= now() ORDER BY q.next_at LIMIT $2"
                " FOR UPDATE SKIP LOCKED)"
            " UPDATE spool s SET holder = $1, fence = s.fence + 1,"
                " claimed_until = now() + $3 * interval '1 us' FROM d"
                " WHERE s.tenant_id = d.tenant_id AND s.spool_id = d.spool_id"
                " RETURNING " SPOOL_ITEM,
        .params = "til", .columns = SPOOL_ITEM_COLUMNS, .scope = PG_SCOPE_SPOOL,
    },
    ROW(SPOOL_NEXT) = {
        .name = "spool_next",
        .text =
            "SELECT least((SELECT s.next_at FROM spool s WHERE s.claimed_until <= now()"
                " ORDER BY s.next_at LIMIT 1), (SELECT min(greatest(s.claimed_until, s.next_at))"
                " FROM spool s WHERE s.claimed_until > now() AND s.holder <> $1))",
        .params = "t", .columns = "z", .scope = PG_SCOPE_SPOOL,
    },
    ROW(SPOOL_RENEW) = {
        .name = "spool_renew",
        .text =
            "WITH u AS (UPDATE spool s SET claimed_until = now() + $5 * interval '1 us'"
                " FROM unnest($2::int8[], $3::int8[], $4::int8[]) AS i(tenant_id, spool_id,"
                " fence) WHERE s.tenant_id = i.tenant_id AND s.spool_id = i.spool_id"
                " AND s.fence = i.fence AND s.holder = $1 AND s.claimed_until > now()"
                " RETURNING 1)"
            " SELECT CASE WHEN (SELECT count(*) FROM u) < cardinality($2) THEN refuse('MN005')"
                " ELSE 0 END",
        .params = "tLLLl", .columns = "l", .scope = PG_SCOPE_SPOOL,
    },
    ROW(SPOOL_READ) = {
        .name = "spool_read",
        .text =
            SPOOL_BYTES("$4", "$5") " WHERE s.tenant_id = $1 AND s.spool_id = $2"
                " AND s.fence = $3 AND s.claimed_until > now()",
        .params = "lllll", .columns = "bb", .scope = PG_SCOPE_TENANT,
    },
    ROW(SPOOL_LOOK) = {
        .name = "spool_look",
        .text = SPOOL_BYTES("$3", "$4") " WHERE s.tenant_id = $1 AND s.spool_id = $2",
        .params = "llll", .columns = "bb", .scope = PG_SCOPE_TENANT,
    },
    ROW(SPOOL_DONE) = {
        .name = "spool_done",
        .text =
            "WITH g AS (DELETE FROM spool s USING unnest($3::int8[], $4::int8[]) AS i(spool_id,"
                " fence) WHERE s.tenant_id = $1 AND s.spool_id = i.spool_id AND s.fence = i.fence"
                " AND s.holder = $2 AND s.claimed_until > now() RETURNING s.message_id),"
            " r AS (" RELEASE("0", "g") ")"
            " SELECT CASE WHEN (SELECT count(*) FROM g) < cardinality($3) THEN refuse('MN005')"
                " ELSE 0 END",
        .params = "ltLL", .columns = "l", .scope = PG_SCOPE_TENANT,
    },
    ROW(SPOOL_AGAIN) = {
        .name = "spool_again",
        .text =
            "WITH g AS (UPDATE spool s SET next_at = CASE WHEN i.next_at = 0 THEN s.next_at"
                " ELSE i.next_at * interval '1 us' + 'epoch'::timestamptz END,"
                " attempts = s.attempts + $7, last_reply = CASE WHEN $7 = 0 AND i.reply = ''"
                " THEN s.last_reply ELSE i.reply END, claimed_until = '-infinity',"
                " holder = '' FROM unnest($3::int8[], $4::int8[], $5::int8[],"
                " $6::text[]) AS i(spool_id, fence, next_at, reply) WHERE s.tenant_id = $1"
                " AND s.spool_id = i.spool_id AND s.fence = i.fence AND s.holder = $2"
                " AND s.claimed_until > now() RETURNING 1)"
            " SELECT CASE WHEN (SELECT count(*) FROM g) < cardinality($3) THEN refuse('MN005')"
                " ELSE 0 END",
        .params = "ltLLLTi", .columns = "l", .scope = PG_SCOPE_TENANT,
    },
    ROW(SPOOL_LIST) = {
        .name = "spool_list",
        .text =
            "SELECT " SPOOL_ITEM " FROM spool s WHERE ($1 = '' OR s.tenant = $1)"
                " AND (s.spooled_at, s.spool_id) > ($2, $3) ORDER BY s.spooled_at, s.spool_id"
                " LIMIT $4",
        .params = "tzli", .columns = SPOOL_ITEM_COLUMNS, .scope = PG_SCOPE_SPOOL,
    },
    ROW(SPOOL_RETRY) = {
        .name = "spool_retry",
        .text =
            "WITH u AS (UPDATE spool s SET next_at = now() WHERE s.spool_id = $1"
                " AND s.claimed_until <= now() RETURNING 1)"
            " SELECT pg_notify('mansio', $2)::text FROM u",
        .params = "lt", .columns = "t", .scope = PG_SCOPE_SPOOL,
    },
    ROW(SPOOL_OF) = {
        .name = "spool_of",
        .text = "SELECT s.tenant_id FROM spool s WHERE s.spool_id = $1",
        .params = "l", .columns = "l", .scope = PG_SCOPE_SPOOL,
    },
    ROW(SPOOL_REMOVE) = {
        .name = "spool_remove",
        .text =
            "WITH g AS (DELETE FROM spool s WHERE s.tenant_id = $1 AND s.spool_id = $2"
                " AND s.claimed_until <= now() RETURNING s.message_id),"
            " r AS (" RELEASE("0", "g") ")"
            " SELECT g.message_id FROM g",
        .params = "ll", .columns = "l", .scope = PG_SCOPE_TENANT,
    },
    /* MANSIO_SPOOL_HOLD, MANSIO_SPOOL_GIVE_UP */
    ROW(SPOOL_CHANGE) = {
        .name = "spool_change",
        .text =
            "UPDATE spool s SET next_at = CASE WHEN $3 = 1 THEN 'infinity' ELSE now() END,"
                " flags = s.flags | CASE WHEN $3 = 2 THEN 65536 ELSE 0 END"
                " WHERE s.tenant_id = $1 AND s.spool_id = $2 AND s.claimed_until <= now()"
                " RETURNING s.message_id",
        .params = "lli", .columns = "l", .scope = PG_SCOPE_TENANT,
    },
    /* ---- the sweep ---- */
    ROW(SWEEP_DUE) = {
        .name = "sweep_due",
        .text =
            "SELECT d.tenant_id, d.account_id, d.work"
                " FROM sweep_due($1 * interval '1 us', $2 * interval '1 us', $3) d",
        .params = "lli", .columns = "lli", .scope = PG_SCOPE_DOOR,
        .why = "which accounts of which tenants have something to sweep, and nothing more of them",
    },
    /* The account is locked, so nothing is copied meanwhile. What it no longer has, it lets go. */
    ROW(SWEEP_ACCOUNT) = {
        .name = "sweep_account",
        .text = "SELECT sweep_account($1, $2, $3 * interval '1 us', $4)",
        .params = "llli", .columns = "l", .scope = PG_SCOPE_TENANT,
    },
    ROW(SWEEP_SPOOL) = {
        .name = "sweep_spool",
        .text = "SELECT sweep_spool($1, $2 * interval '1 us', $3)",
        .params = "lli", .columns = "l", .scope = PG_SCOPE_TENANT,
    },
    ROW(SWEEP_BLOBS) = {
        .name = "sweep_blobs",
        .text =
            "WITH g AS (DELETE FROM blob b WHERE b.tenant_id = $1"
                " AND b.loose_since <= now() - $2 * interval '1 us' RETURNING b.blob_id),"
            " k AS (DELETE FROM blob_chunk k USING g WHERE k.tenant_id = $1"
                " AND k.blob_id = g.blob_id)"
            " SELECT count(*) FROM g",
        .params = "ll", .columns = "l", .scope = PG_SCOPE_TENANT,
    },
    /* The account is locked. */
    ROW(SWEEP_TOMBSTONES) = {
        .name = "sweep_tombstones",
        .text =
            "WITH x AS (DELETE FROM expunged x WHERE x.tenant_id = $1 AND x.account_id = $2"
                " AND x.removed_at <= now() - $3 * interval '1 us' RETURNING x.modseq),"
            " r AS (DELETE FROM collection_removed r WHERE r.tenant_id = $1 AND r.account_id = $2"
                " AND r.removed_at <= now() - $3 * interval '1 us' RETURNING r.modseq)"
            " UPDATE account_state s SET horizon = greatest(s.horizon, (SELECT max(v.modseq)"
                " FROM (SELECT x.modseq FROM x"
            " UNION ALL SELECT r.modseq FROM r) v)) WHERE s.tenant_id = $1 AND s.account_id = $2",
        .params = "lll", .columns = "", .scope = PG_SCOPE_TENANT,
    },
    /* A collection of an account that is gone, and its subscriptions at once. */
    ROW(SWEEP_GONE) = {
        .name = "sweep_gone",
        .text =
            "WITH g AS (SELECT FROM account_state s WHERE s.tenant_id = $1 AND s.account_id = $2"
                " AND s.is_gone),"
            " u AS (DELETE FROM subscription u USING g WHERE u.tenant_id = $1"
                " AND u.account_id = $2)"
            " SELECT c.collection_id FROM g, collection c WHERE c.tenant_id = $1"
                " AND c.account_id = $2 LIMIT 1",
        .params = "ll", .columns = "l", .scope = PG_SCOPE_TENANT,
    },
};
/* clang-format on */
const size_t pg_store_statement_count = sizeof pg_store_statements / sizeof pg_store_statements[0];
