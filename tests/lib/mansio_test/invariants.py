"""What must be so of stored mail after whatever happened: counters equal counts, no UID twice,
what is referred to is there.

    /usr/bin/python3 invariants.py DSN

The DSN's user must see past row-level security. Prints what is not so, a line each; exits 1 then.
"""

import sys

import psycopg2

# Each query gives a row for each thing that is wrong.
INVARIANTS = {
    "uid_next is beyond every UID": """
        SELECT k.tenant_id, k.account_id, k.collection_id, k.uid_next, max(s.uid)
        FROM collection_counters k JOIN message_state s USING (tenant_id, account_id, collection_id)
        GROUP BY 1, 2, 3, 4 HAVING max(s.uid) > k.uid_next - 1""",
    "no UID twice": """
        SELECT tenant_id, account_id, collection_id, uid, count(*) FROM (
            SELECT tenant_id, account_id, collection_id, uid FROM message_state
            UNION ALL SELECT tenant_id, account_id, collection_id, uid FROM expunged) u
        GROUP BY 1, 2, 3, 4 HAVING count(*) > 1""",
    "counters equal counts": """
        SELECT k.tenant_id, k.account_id, k.collection_id, k.messages, c.messages, k.unseen,
               c.unseen, k.bytes, c.bytes
        FROM collection_counters k CROSS JOIN LATERAL (
            SELECT count(*) AS messages, count(*) FILTER (WHERE s.flags & 1 = 0) AS unseen,
                   coalesce(sum(s.body_bytes + s.prefix_bytes), 0) AS bytes
            FROM message_state s WHERE s.tenant_id = k.tenant_id AND s.account_id = k.account_id
                AND s.collection_id = k.collection_id) c
        WHERE (k.messages, k.unseen, k.bytes) IS DISTINCT FROM (c.messages, c.unseen, c.bytes)""",
    "usage equals sums": """
        SELECT a.tenant_id, a.account_id, a.messages, c.messages, a.bytes, c.bytes
        FROM account_state a CROSS JOIN LATERAL (
            SELECT coalesce(sum(k.messages), 0) AS messages, coalesce(sum(k.bytes), 0) AS bytes
            FROM collection_counters k
            WHERE k.tenant_id = a.tenant_id AND k.account_id = a.account_id) c
        WHERE (a.messages, a.bytes) IS DISTINCT FROM (c.messages, c.bytes)""",
    "modseqs are not beyond the account's": """
        SELECT a.tenant_id, a.account_id, a.modseq, m.modseq FROM account_state a JOIN (
            SELECT tenant_id, account_id, max(modseq) AS modseq FROM (
                SELECT tenant_id, account_id, modseq FROM message_state
                UNION ALL SELECT tenant_id, account_id, modseq FROM collection
                UNION ALL SELECT tenant_id, account_id, modseq FROM collection_counters
                UNION ALL SELECT tenant_id, account_id, modseq FROM expunged
                UNION ALL SELECT tenant_id, account_id, modseq FROM collection_removed) u
            GROUP BY 1, 2) m USING (tenant_id, account_id)
        WHERE m.modseq > a.modseq""",
    "a collection's modseq is not before its entries'": """
        SELECT k.tenant_id, k.account_id, k.collection_id, k.modseq, max(s.modseq)
        FROM collection_counters k JOIN message_state s USING (tenant_id, account_id, collection_id)
        GROUP BY 1, 2, 3, 4 HAVING max(s.modseq) > k.modseq""",
    "collections have counters, and counters collections": """
        SELECT * FROM (SELECT tenant_id, account_id, collection_id FROM collection) c
        FULL JOIN (SELECT tenant_id, account_id, collection_id, 1 AS one
                   FROM collection_counters) k USING (tenant_id, account_id, collection_id)
        WHERE k.one IS NULL OR collection_id NOT IN (SELECT collection_id FROM collection)""",
    "every open account has its INBOX": """
        SELECT a.tenant_id, a.account_id FROM account_state a
        WHERE NOT a.is_gone AND NOT EXISTS (
            SELECT FROM collection c WHERE c.tenant_id = a.tenant_id
                AND c.account_id = a.account_id AND c.name = 'INBOX')""",
    "entries have messages": """
        SELECT s.tenant_id, s.account_id, s.collection_id, s.uid FROM message_state s
        WHERE NOT EXISTS (SELECT FROM message m WHERE m.tenant_id = s.tenant_id
                          AND m.message_id = s.message_id)""",
    "spooled items have messages": """
        SELECT s.tenant_id, s.spool_id FROM spool s
        WHERE NOT EXISTS (SELECT FROM message m WHERE m.tenant_id = s.tenant_id
                          AND m.message_id = s.message_id)""",
    "entries have collections": """
        SELECT s.tenant_id, s.account_id, s.collection_id, s.uid FROM message_state s
        WHERE NOT EXISTS (SELECT FROM collection_counters k WHERE k.tenant_id = s.tenant_id
                          AND k.account_id = s.account_id
                          AND k.collection_id = s.collection_id)""",
    "prefixes are as long as entries say": """
        SELECT s.tenant_id, s.account_id, s.collection_id, s.uid, s.prefix_bytes
        FROM message_state s JOIN message m USING (tenant_id, message_id)
        LEFT JOIN message_prefix p ON p.tenant_id = s.tenant_id AND p.message_id = s.message_id
            AND p.prefix_no = s.prefix_no
        WHERE s.prefix_bytes IS DISTINCT FROM
            octet_length(CASE WHEN s.prefix_no = 0 THEN m.prefix ELSE p.bytes END)""",
    "messages have their bytes, all of them": """
        SELECT m.tenant_id, m.message_id, b.size, b.storage
        FROM message m LEFT JOIN blob b USING (tenant_id, blob_id)
        WHERE b.blob_id IS NULL
           OR b.storage = 1 AND octet_length(b.body) IS DISTINCT FROM b.size
           OR b.storage = 2 AND b.size IS DISTINCT FROM (
               SELECT sum(octet_length(k.bytes)) FROM blob_chunk k
               WHERE k.tenant_id = b.tenant_id AND k.blob_id = b.blob_id)""",
    "entries have the size of their bytes": """
        SELECT s.tenant_id, s.account_id, s.collection_id, s.uid, s.body_bytes, b.size
        FROM message_state s JOIN message m USING (tenant_id, message_id)
        JOIN blob b USING (tenant_id, blob_id) WHERE b.size <> s.body_bytes""",
    "chunks and prefixes belong to something": """
        SELECT k.tenant_id, k.blob_id, k.chunk FROM blob_chunk k
        WHERE NOT EXISTS (SELECT FROM blob b WHERE b.tenant_id = k.tenant_id
                          AND b.blob_id = k.blob_id)
        UNION ALL SELECT p.tenant_id, p.message_id, p.prefix_no FROM message_prefix p
        WHERE NOT EXISTS (SELECT FROM message m WHERE m.tenant_id = p.tenant_id
                          AND m.message_id = p.message_id)""",
    "holders are those who hold it, or have let go of it": """
        SELECT m.tenant_id, m.message_id, m.holders, h.holders FROM message m LEFT JOIN (
            SELECT tenant_id, message_id, count(*) AS holders FROM (
                SELECT tenant_id, message_id, account_id FROM message_state
                UNION SELECT tenant_id, message_id, account_id FROM message_released
                UNION SELECT tenant_id, message_id, 0 FROM spool) u GROUP BY 1, 2) h
            USING (tenant_id, message_id)
        WHERE m.holders IS DISTINCT FROM h.holders""",
    "blobs that no message has are known to be loose": """
        SELECT b.tenant_id, b.blob_id FROM blob b
        WHERE b.loose_since IS NULL AND NOT EXISTS (
            SELECT FROM message m WHERE m.tenant_id = b.tenant_id AND m.blob_id = b.blob_id)""",
}


def violations(connection):
    """(invariant, row) for all that is not so, ten rows of each at most. One snapshot."""
    found = []
    with connection, connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SET LOCAL search_path = mansio")
        for name, query in INVARIANTS.items():
            cursor.execute(query)
            found += [(name, row) for row in cursor.fetchmany(10)]
    return found


def check(dsn):
    """Raise AssertionError if anything is not so."""
    connection = psycopg2.connect(dsn)
    try:
        found = violations(connection)
    finally:
        connection.close()
    assert not found, "\n".join(f"not so: {name}: {row}" for name, row in found)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        check(sys.argv[1])
    except AssertionError as error:
        print(error, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
