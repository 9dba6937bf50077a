/*
 * Parts that several of the store's statements have in common.
 */
#ifndef MANSIO_MODULES_POSTGRES_STORE_SQL_PARTS_H
#define MANSIO_MODULES_POSTGRES_STORE_SQL_PARTS_H

/* Entries of a collection by ranges: $1 tenant, $2 account, $3 collection, $4 and $5 ranges, $6
 * most of each. */
#define RANGES(columns, also)                                                                      \
    "SELECT s.* FROM unnest($4::int8[], $5::int8[]) AS r(lo, hi) CROSS JOIN LATERAL "              \
    "(SELECT " columns " FROM message_state s WHERE s.tenant_id = $1 AND s.account_id = $2"        \
    " AND s.collection_id = $3 AND s.uid BETWEEN r.lo AND r.hi" also " ORDER BY s.uid LIMIT $6) s"

/* A UID that was given out, if it is one: 32 bits, and UIDNEXT must be one, too (RFC 3501 2.3.1.1).
 * The transaction ends with the last of them, as UIDs never come again. */
#define GIVEN(uid) "CASE WHEN " uid " < 4294967295 THEN " uid " ELSE refuse('MN008') END"

#define ENTRY "uid, modseq, message_id, received, body_bytes, prefix_bytes, flags, keywords"

/* How many entries of a page there were, and the last; those that have a text, verdict 1, and those
 * of which it isn't known, 2. The text is unpacked once a message, whatever the verdict asks of it.
 * mansio/search.h has its form. */
#define SEARCH(verdict)                                                                            \
    "SELECT count(*), coalesce(max(e.uid), 0),"                                                    \
    " array_agg(e.uid ORDER BY e.uid) FILTER (WHERE e.verdict = 1),"                               \
    " array_agg(e.uid ORDER BY e.uid) FILTER (WHERE e.verdict = 2)"                                \
    " FROM (SELECT s.uid, " verdict " AS verdict"                                                  \
    " FROM (" RANGES(                                                                              \
        "uid, message_id, prefix_no, prefix_bytes",                                                \
        "") ") s"                                                                                  \
            " LEFT JOIN LATERAL (SELECT t.content || '' AS content FROM message_text t"            \
            " WHERE t.tenant_id = $1 AND t.message_id = s.message_id OFFSET 0) t ON true OFFSET "  \
            "0) e"

/* Lines before a message in the form of its text; what isn't ASCII as escapes, for nobody says that
 * it is UTF-8, and its case stays. */
#define PREFIX_TEXT                                                                                \
    "CASE WHEN s.prefix_bytes = 0 THEN '' ELSE E'\\n' || replace(lower(translate(replace(replace(" \
    "encode(CASE WHEN s.prefix_no = 0 THEN (SELECT m.prefix FROM message m"                        \
    " WHERE m.tenant_id = $1 AND m.message_id = s.message_id) ELSE (SELECT p.bytes"                \
    " FROM message_prefix p WHERE p.tenant_id = $1 AND p.message_id = s.message_id"                \
    " AND p.prefix_no = s.prefix_no) END, 'escape'), E'\\r\\n ', ' '), E'\\r\\n\\t', ' '),"        \
    " E'\\t', ' ') COLLATE \"C\"), E'\\r\\n', E'\\n') END"
#define PREFIX_8BIT "\\\\[23]"

/* A line that begins with $10 and has @p needle behind it. */
#define IN_FIELD(lines, needle)                                                                    \
    "EXISTS (SELECT FROM string_to_table(" lines ", E'\\n') l(line) WHERE"                         \
    " starts_with(l.line, $10) AND position(" needle                                               \
    " in substring(l.line FROM length($10) + 1)) > 0)"

/* What a change of flags makes of an entry: $7 operation, $8 flags, $9 keywords. */
#define NEW_FLAGS(entry)                                                                           \
    "CASE $7 WHEN 1 THEN " entry ".flags | $8 WHEN 2 THEN " entry ".flags & ~$8 ELSE $8 END"
#define NEW_KEYWORDS(entry)                                                                        \
    "CASE WHEN $7 < 3 AND cardinality($9) = 0 THEN " entry ".keywords"                             \
    " ELSE keywords_apply(" entry ".keywords, $7, $9) END"

/* Within a quota: so many bytes and messages more; 0 is no quota. */
#define WITHIN(bytes, messages, quota_bytes, quota_messages)                                       \
    "(" quota_bytes " = 0 OR s.bytes + " bytes " <= " quota_bytes ") AND (" quota_messages         \
    " = 0 OR s.messages + " messages " <= " quota_messages ")"

/* Part of a blob b, from w.first, w.most bytes of it. */
#define SLICE                                                                                      \
    "CASE b.storage WHEN 1 THEN"                                                                   \
    " substring(b.body FROM least(w.first, b.size)::int4 + 1 FOR w.most::int4)"                    \
    " ELSE (SELECT string_agg(substring(k.bytes"                                                   \
    " FROM greatest(w.first - k.chunk * 262144::int8, 0)::int4 + 1"                                \
    " FOR (least(262144, w.first + w.most - k.chunk * 262144::int8)"                               \
    " - greatest(w.first - k.chunk * 262144::int8, 0))::int4), ''::bytea ORDER BY k.chunk)"        \
    " FROM blob_chunk k WHERE k.tenant_id = b.tenant_id AND k.blob_id = b.blob_id"                 \
    " AND k.chunk >= w.first / 262144 AND k.chunk * 262144::int8 < w.first + w.most) END"

/* What statements that read messages give: UID, prefix, body, blob, message, bytes of body and of
 * prefix. */
#define READ_COLUMNS "lbbllli"

/* An account (0: the spool) let go of the messages of @p rows. In one order, so that nothing
 * deadlocks; the grace time begins with the last time. */
#define RELEASE(account, rows)                                                                     \
    "INSERT INTO message_released (tenant_id, account_id, message_id)"                             \
    " SELECT DISTINCT $1, " account "::int8, " rows ".message_id FROM " rows " ORDER BY 3"         \
    " ON CONFLICT (tenant_id, account_id, message_id) DO UPDATE SET released_at = now()"

#define COLLECTION                                                                                 \
    "SELECT c.collection_id, c.kind, c.special_use, c.name, k.uid_validity, k.uid_next,"           \
    " k.recent_from, k.messages, k.unseen, k.bytes, greatest(k.modseq, c.modseq),"                 \
    " EXISTS (SELECT FROM subscription u WHERE u.tenant_id = c.tenant_id"                          \
    " AND u.account_id = c.account_id AND u.name = c.name)"                                        \
    " FROM collection c JOIN collection_counters k USING (tenant_id, account_id, collection_id)"   \
    " JOIN account_state s USING (tenant_id, account_id)"                                          \
    " WHERE c.tenant_id = $1 AND c.account_id = $2 AND NOT s.is_gone"

#define SPOOL_ITEM                                                                                 \
    "s.tenant_id, s.spool_id, s.message_bytes, s.spooled_at, s.next_at, s.fence, s.attempts,"      \
    " s.flags, s.tenant, s.reverse_path, s.forward_path, s.envelope_id, s.ret, s.notify,"          \
    " s.original_recipient, s.last_reply, s.claimed_until > now(), s.message_id, s.prefix_no"
#define SPOOL_ITEM_COLUMNS "lllzzliittttttttoli"

/* Bytes of items' messages: a window on prefix and message as one, of the rest of the prefix and
 * the rest of the message. */
#define SPOOL_BYTES(offset, max)                                                                   \
    "SELECT substring(w.prefix FROM least(" offset ", octet_length(w.prefix))::int4 + 1 FOR " max  \
    "::int4), " SLICE " FROM spool s JOIN message m USING (tenant_id, message_id)"                 \
    " JOIN blob b USING (tenant_id, blob_id)"                                                      \
    " LEFT JOIN message_prefix p ON p.tenant_id = s.tenant_id AND p.message_id = s.message_id"     \
    " AND p.prefix_no = s.prefix_no CROSS JOIN LATERAL (SELECT CASE WHEN s.prefix_no = 0"          \
    " THEN m.prefix ELSE p.bytes END AS prefix) v CROSS JOIN LATERAL (SELECT v.prefix,"            \
    " greatest(" offset " - octet_length(v.prefix), 0) AS first,"                                  \
    " greatest(" max " - greatest(octet_length(v.prefix) - " offset ", 0), 0) AS most) w"

/* Make a collection: $1 tenant, $2 account, $3 its id, $4 kind, $5 use, $6 name, $7 UIDVALIDITY if
 * the account has given none as great, $8 most collections. */
#define NEW_COLLECTION(unless)                                                                     \
    "WITH a AS (UPDATE account_state s SET modseq = s.modseq + 1,"                                 \
    " last_validity = greatest(s.last_validity + 1, $7)"                                           \
    " WHERE s.tenant_id = $1 AND s.account_id = $2 AND NOT s.is_gone" unless                       \
    " RETURNING CASE WHEN (SELECT count(*) FROM collection c WHERE c.tenant_id = $1"               \
    " AND c.account_id = $2) >= $8 THEN refuse('MN002') ELSE s.modseq END AS modseq,"              \
    " s.last_validity),"                                                                           \
    " c AS (INSERT INTO collection (tenant_id, account_id, collection_id, modseq, kind,"           \
    " special_use, name) SELECT $1, $2, $3, a.modseq, $4, $5, $6 FROM a)"                          \
    " INSERT INTO collection_counters (tenant_id, account_id, collection_id, modseq,"              \
    " uid_validity) SELECT $1, $2, $3, a.modseq, a.last_validity FROM a"

/* A collection whose subscription changed is a change of it: s has its name. */
#define TOUCH                                                                                      \
    " a AS (UPDATE account_state q SET modseq = q.modseq + 1 FROM s WHERE q.tenant_id = $1"        \
    " AND q.account_id = $2 AND EXISTS (SELECT FROM collection c WHERE c.tenant_id = $1"           \
    " AND c.account_id = $2 AND c.name = $3) RETURNING q.modseq)"                                  \
    " UPDATE collection c SET modseq = a.modseq FROM a WHERE c.tenant_id = $1"                     \
    " AND c.account_id = $2 AND c.name = $3"

#endif
