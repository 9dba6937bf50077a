-- oldest: 2
-- Mail: collections, messages, bytes, the change log, the spool. README.md (Store) tells the why.
--
-- Whoever changes something in an account takes the row lock of its account_state first: it is
-- where the modseq comes from, and the one order in which locks are taken (tenant, account).

-- An account as this pool knows it, made with its collections at first need. modseq: the last one
-- given. last_validity: the greatest UIDVALIDITY given. horizon: tombstones up to this modseq are
-- forgotten. is_gone stays when the account goes, so that who has a handle can't bring it back.
CREATE TABLE account_state (
    tenant_id bigint NOT NULL,
    account_id bigint NOT NULL,
    modseq bigint NOT NULL DEFAULT 1,
    bytes bigint NOT NULL DEFAULT 0,
    messages bigint NOT NULL DEFAULT 0,
    last_validity bigint NOT NULL DEFAULT 0,
    horizon bigint NOT NULL DEFAULT 0,
    is_gone boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, account_id)
) WITH (fillfactor = 50);

CREATE TABLE collection (
    tenant_id bigint NOT NULL,
    account_id bigint NOT NULL,
    collection_id bigint NOT NULL,
    modseq bigint NOT NULL,
    kind integer NOT NULL,
    special_use integer NOT NULL,
    name text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, account_id, collection_id),
    CONSTRAINT collection_name UNIQUE (tenant_id, account_id, name)
);
CREATE UNIQUE INDEX collection_special ON collection (tenant_id, account_id, special_use)
    WHERE special_use > 1;

-- What every delivery changes of a collection: narrow, so that it stays in its page.
CREATE TABLE collection_counters (
    tenant_id bigint NOT NULL,
    account_id bigint NOT NULL,
    collection_id bigint NOT NULL,
    modseq bigint NOT NULL,
    uid_validity bigint NOT NULL,
    uid_next bigint NOT NULL DEFAULT 1,
    recent_from bigint NOT NULL DEFAULT 1,
    messages bigint NOT NULL DEFAULT 0,
    unseen bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, account_id, collection_id)
) WITH (fillfactor = 50);

CREATE TABLE collection_removed (
    tenant_id bigint NOT NULL,
    account_id bigint NOT NULL,
    modseq bigint NOT NULL,
    collection_id bigint NOT NULL,
    removed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, account_id, modseq, collection_id)
);

CREATE TABLE subscription (
    tenant_id bigint NOT NULL,
    account_id bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, account_id, name)
);

-- Entries of collections: all that changes of a message. No index but its key, above all none on
-- modseq or flags: setting flags then stays in the page. prefix_no 0 is the message's own prefix.
CREATE TABLE message_state (
    tenant_id bigint NOT NULL,
    account_id bigint NOT NULL,
    collection_id bigint NOT NULL,
    uid bigint NOT NULL,
    modseq bigint NOT NULL,
    message_id bigint NOT NULL,
    received timestamptz NOT NULL,
    body_bytes bigint NOT NULL,
    prefix_bytes integer NOT NULL,
    prefix_no integer NOT NULL,
    flags integer NOT NULL,
    keywords text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, account_id, collection_id, uid)
) WITH (fillfactor = 50);

CREATE TABLE expunged (
    tenant_id bigint NOT NULL,
    account_id bigint NOT NULL,
    modseq bigint NOT NULL,
    collection_id bigint NOT NULL,
    uid bigint NOT NULL,
    message_id bigint NOT NULL,
    removed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, account_id, modseq, collection_id, uid)
);
CREATE INDEX expunged_removed ON expunged USING brin (removed_at);
CREATE INDEX account_state_gone ON account_state (account_id) WHERE is_gone;

-- Messages, immutable but for holders: how many accounts have entries of it, and one for the
-- spool. Only the sweep changes that, so COPY and MOVE never write here.
CREATE TABLE message (
    tenant_id bigint NOT NULL,
    message_id bigint NOT NULL,
    blob_id bigint NOT NULL,
    holders integer NOT NULL,
    prefix bytea NOT NULL,
    structure bytea NOT NULL,
    PRIMARY KEY (tenant_id, message_id)
);
ALTER TABLE message ALTER structure SET COMPRESSION lz4, ALTER prefix SET STORAGE MAIN;

-- Further prefixes of a message, where its recipients have different ones.
CREATE TABLE message_prefix (
    tenant_id bigint NOT NULL,
    message_id bigint NOT NULL,
    prefix_no integer NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (tenant_id, message_id, prefix_no)
);

CREATE TABLE message_text (
    tenant_id bigint NOT NULL,
    message_id bigint NOT NULL,
    content text NOT NULL,
    PRIMARY KEY (tenant_id, message_id)
);
ALTER TABLE message_text ALTER content SET COMPRESSION lz4;

-- An account let go of a message (account_id 0: the spool did); the sweep looks whether it still
-- has it elsewhere.
CREATE TABLE message_released (
    tenant_id bigint NOT NULL,
    account_id bigint NOT NULL,
    message_id bigint NOT NULL,
    released_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, account_id, message_id)
);

-- Bytes as they came: inline, or in rows of 256 KiB, or (storage 3, later) outside, where hash and
-- key_id say what they must be and what opens them. loose_since: nothing refers to it yet.
CREATE TABLE blob (
    tenant_id bigint NOT NULL,
    blob_id bigint NOT NULL,
    size bigint NOT NULL,
    storage integer NOT NULL,
    body bytea,
    hash bytea,
    key_id bigint,
    loose_since timestamptz,
    PRIMARY KEY (tenant_id, blob_id)
) WITH (toast_tuple_target = 4080);
ALTER TABLE blob ALTER body SET STORAGE EXTERNAL;
CREATE INDEX blob_loose ON blob (loose_since) WHERE loose_since IS NOT NULL;

CREATE TABLE blob_chunk (
    tenant_id bigint NOT NULL,
    blob_id bigint NOT NULL,
    chunk integer NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (tenant_id, blob_id, chunk)
);
ALTER TABLE blob_chunk ALTER bytes SET STORAGE EXTERNAL;

CREATE TABLE spool (
    tenant_id bigint NOT NULL,
    spool_id bigint NOT NULL,
    message_id bigint NOT NULL,
    prefix_no integer NOT NULL,
    flags integer NOT NULL,
    message_bytes bigint NOT NULL,
    spooled_at timestamptz NOT NULL DEFAULT now(),
    next_at timestamptz NOT NULL DEFAULT now(),
    claimed_until timestamptz NOT NULL DEFAULT '-infinity',
    fence bigint NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    holder text NOT NULL DEFAULT '',
    tenant text NOT NULL,
    reverse_path text NOT NULL,
    forward_path text NOT NULL,
    envelope_id text NOT NULL,
    ret text NOT NULL,
    notify text NOT NULL,
    original_recipient text NOT NULL,
    last_reply text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, spool_id)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX spool_id ON spool (spool_id);
CREATE INDEX spool_due ON spool (next_at);
CREATE INDEX spool_message ON spool (tenant_id, message_id);

-- ---- ids: a process makes them of its number and of milliseconds from from_ms up to limit_ms, so
-- that no two are the same whatever clocks say ----
ALTER TABLE worker_number
    ADD from_ms bigint NOT NULL DEFAULT 0,
    ADD limit_ms bigint NOT NULL DEFAULT 0;

-- ---- rights ----
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['account_state', 'collection', 'collection_counters',
                             'collection_removed', 'subscription', 'message_state', 'expunged',
                             'message', 'message_prefix', 'message_text', 'message_released',
                             'blob', 'blob_chunk', 'spool'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant_rows ON %I TO mansio_serving USING '
                       '(tenant_id = nullif(current_setting(''mansio.tenant'', true), '''')::bigint)',
                       t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO mansio_serving', t);
    END LOOP;
    -- What tells whether there is something to sweep.
    FOREACH t IN ARRAY ARRAY['account_state', 'collection', 'collection_removed', 'expunged',
                             'message_released', 'blob'] LOOP
        EXECUTE format('CREATE POLICY door_reads ON %I FOR SELECT TO mansio_door USING (true)', t);
    END LOOP;
END
$$;
GRANT SELECT (tenant_id, account_id, is_gone) ON account_state TO mansio_door;
GRANT SELECT (tenant_id, account_id) ON collection TO mansio_door;
GRANT SELECT (tenant_id, account_id, removed_at) ON collection_removed, expunged TO mansio_door;
GRANT SELECT (tenant_id, account_id, released_at) ON message_released TO mansio_door;
GRANT SELECT (tenant_id, loose_since) ON blob TO mansio_door;

-- The scheduler sees the spool of all tenants and nothing else.
CREATE POLICY spool_all ON spool TO mansio_spool USING (true);
GRANT SELECT ON spool TO mansio_spool;
GRANT UPDATE (next_at, claimed_until, fence, holder) ON spool TO mansio_spool;

-- Administration: what an account holds, and that it is gone.
CREATE POLICY admin_all ON account_state TO mansio_admin USING (true);
GRANT SELECT, INSERT, UPDATE ON account_state TO mansio_admin;

-- ---- functions ----

-- End the transaction with one of our SQLSTATEs (error.c). Returns, as far as types are concerned.
CREATE FUNCTION refuse(p_state text) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RAISE EXCEPTION 'refused' USING ERRCODE = p_state;
END
$$;

-- Keywords, separated by one space: 1 with the given ones, 2 without them, 3 the given ones alone.
-- They compare without case; what was there keeps its spelling and its place.
CREATE FUNCTION keywords_apply(p_old text, p_operation integer, p_given text[]) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_old text[] := CASE p_old WHEN '' THEN '{}' ELSE string_to_array(p_old, ' ') END;
    v_lower text[] := CASE p_old WHEN '' THEN '{}' ELSE string_to_array(lower(p_old), ' ') END;
    v_given text[] := '{}';
    v_new text[] := '{}';
    v_word text;
BEGIN
    FOREACH v_word IN ARRAY p_given LOOP
        v_given := v_given || lower(v_word);
    END LOOP;
    FOR i IN 1 .. cardinality(v_old) LOOP
        IF (p_operation = 1) OR ((v_lower[i] = ANY (v_given)) = (p_operation = 3)) THEN
            v_new := v_new || v_old[i];
        END IF;
    END LOOP;
    IF p_operation <> 2 THEN
        FOR i IN 1 .. cardinality(p_given) LOOP
            IF v_given[i] <> ALL (v_lower)
               AND array_position(v_given, v_given[i]) = i THEN
                v_new := v_new || p_given[i];
            END IF;
        END LOOP;
    END IF;
    IF cardinality(v_new) > 200 THEN
        PERFORM refuse('MN002');
    END IF;
    RETURN array_to_string(v_new, ' ');
END
$$;
GRANT EXECUTE ON FUNCTION refuse TO mansio_serving, mansio_spool;
GRANT EXECUTE ON FUNCTION keywords_apply TO mansio_serving;

-- A message with its entries in a tenant, whose accounts are locked; entries come sorted by account.
-- A row an entry, without a UID where it was refused; strict: none is refused. A loop of statements
-- by key, so that no plan depends on how many accounts a tenant has.
CREATE FUNCTION deliver_many(
    p_tenant bigint, p_message bigint, p_size bigint, p_storage integer, p_body bytea,
    p_prefix bytea, p_structure bytea, p_text text, p_received timestamptz, p_spool integer,
    p_strict boolean, p_accounts bigint[], p_uses integer[], p_names text[], p_flags integer[],
    p_keywords text[], p_prefix_nos integer[], p_prefix_bytes integer[], p_quota_bytes bigint[],
    p_quota_messages bigint[], p_further_nos integer[], p_further bytea[],
    OUT o_n bigint, OUT o_uid bigint, OUT o_target bigint, OUT o_modseq bigint,
    OUT o_bytes bigint, OUT o_messages bigint)
RETURNS SETOF record LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_size bigint;
    v_holders integer := p_spool;
    v_last bigint := 0; -- the account that got it last
BEGIN
    FOR i IN 1 .. cardinality(p_accounts) LOOP
        o_n := i;
        o_uid := NULL;
        v_size := p_size + p_prefix_bytes[i];
        o_target := CASE WHEN p_uses[i] = 2 THEN p_accounts[i] WHEN p_uses[i] > 2 THEN
            (SELECT c.collection_id FROM collection c WHERE c.tenant_id = p_tenant
             AND c.account_id = p_accounts[i] AND c.special_use = p_uses[i]) END;
        IF o_target IS NULL THEN
            o_target := coalesce(
                (SELECT c.collection_id FROM collection c WHERE c.tenant_id = p_tenant
                 AND c.account_id = p_accounts[i] AND c.name = p_names[i] AND c.kind = 1),
                p_accounts[i]);
        END IF;
        UPDATE account_state s SET modseq = s.modseq + 1, bytes = s.bytes + v_size,
            messages = s.messages + 1
        WHERE s.tenant_id = p_tenant AND s.account_id = p_accounts[i] AND NOT s.is_gone
            AND (p_quota_bytes[i] = 0 OR s.bytes + v_size <= p_quota_bytes[i])
            AND (p_quota_messages[i] = 0 OR s.messages + 1 <= p_quota_messages[i])
        RETURNING s.modseq, s.bytes, s.messages INTO o_modseq, o_bytes, o_messages;
        IF FOUND THEN
            UPDATE collection_counters k SET uid_next = k.uid_next + 1, modseq = o_modseq,
                messages = k.messages + 1, unseen = k.unseen + 1 - (p_flags[i] & 1),
                bytes = k.bytes + v_size
            WHERE k.tenant_id = p_tenant AND k.account_id = p_accounts[i]
                AND k.collection_id = o_target
            RETURNING k.uid_next - 1 INTO o_uid;
            IF NOT FOUND THEN
                PERFORM refuse('MN003');
            END IF;
            INSERT INTO message_state (tenant_id, account_id, collection_id, uid, modseq,
                message_id, received, body_bytes, prefix_bytes, prefix_no, flags, keywords)
            VALUES (p_tenant, p_accounts[i], o_target, o_uid, o_modseq, p_message, p_received,
                p_size, p_prefix_bytes[i], p_prefix_nos[i], p_flags[i], p_keywords[i]);
            IF v_last <> p_accounts[i] THEN
                v_holders := v_holders + 1;
                v_last := p_accounts[i];
            END IF;
        ELSIF p_strict THEN
            PERFORM refuse(CASE WHEN EXISTS (
                SELECT FROM account_state s WHERE s.tenant_id = p_tenant
                AND s.account_id = p_accounts[i] AND NOT s.is_gone) THEN 'MN002' ELSE 'MN001' END);
        END IF;
        RETURN NEXT;
    END LOOP;
    IF v_holders > 0 THEN
        INSERT INTO blob (tenant_id, blob_id, size, storage, body)
        VALUES (p_tenant, p_message, p_size, p_storage, p_body);
        INSERT INTO message (tenant_id, message_id, blob_id, holders, prefix, structure)
        VALUES (p_tenant, p_message, p_message, v_holders, p_prefix, p_structure);
        IF p_text <> '' THEN
            INSERT INTO message_text (tenant_id, message_id, content)
            VALUES (p_tenant, p_message, p_text);
        END IF;
        INSERT INTO message_prefix (tenant_id, message_id, prefix_no, bytes)
        SELECT p_tenant, p_message, x.no, x.bytes
        FROM unnest(p_further_nos, p_further) AS x(no, bytes);
    ELSE
        DELETE FROM blob_chunk k WHERE k.tenant_id = p_tenant AND k.blob_id = p_message;
    END IF;
END
$$;

-- Messages that somebody let go of: those that nobody holds go, with their bytes. How many went.
CREATE FUNCTION sweep_messages(p_tenant bigint, p_messages bigint[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_message bigint;
    v_blob bigint;
    v_swept bigint := 0;
BEGIN
    FOREACH v_message IN ARRAY p_messages LOOP
        UPDATE message m SET holders = m.holders - 1
        WHERE m.tenant_id = p_tenant AND m.message_id = v_message AND m.holders > 1;
        CONTINUE WHEN FOUND;
        DELETE FROM message m WHERE m.tenant_id = p_tenant AND m.message_id = v_message
        RETURNING m.blob_id INTO v_blob;
        CONTINUE WHEN NOT FOUND;
        DELETE FROM message_text t WHERE t.tenant_id = p_tenant AND t.message_id = v_message;
        DELETE FROM message_prefix p WHERE p.tenant_id = p_tenant AND p.message_id = v_message;
        DELETE FROM blob_chunk k WHERE k.tenant_id = p_tenant AND k.blob_id = v_blob;
        DELETE FROM blob b WHERE b.tenant_id = p_tenant AND b.blob_id = v_blob;
        v_swept := v_swept + 1;
    END LOOP;
    RETURN v_swept;
END
$$;

-- What an account (0: the spool) let go of long enough ago, taken off the list. One that it lets go
-- of again meanwhile stays on it, or comes onto it anew once this is committed: so what is looked at
-- after this is not looked at too early, and a holder is counted down once.
CREATE FUNCTION sweep_take(p_tenant bigint, p_account bigint, p_grace interval, p_most integer)
RETURNS bigint[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_due bigint[];
BEGIN
    v_due := ARRAY(SELECT r.message_id FROM message_released r WHERE r.tenant_id = p_tenant
                   AND r.account_id = p_account AND r.released_at <= now() - p_grace
                   ORDER BY r.message_id LIMIT p_most);
    WITH d AS (
        DELETE FROM message_released r WHERE r.tenant_id = p_tenant AND r.account_id = p_account
        AND r.released_at <= now() - p_grace
        AND (r.message_id IN (SELECT u.id FROM unnest(v_due) AS u(id))) IS TRUE
        RETURNING r.message_id)
    SELECT coalesce(array_agg(d.message_id ORDER BY d.message_id), '{}') INTO v_due FROM d;
    RETURN v_due;
END
$$;

-- Of an account, which is locked, so that nothing is copied meanwhile: what it let go of and has
-- nowhere else. It is read once, whole.
CREATE FUNCTION sweep_account(p_tenant bigint, p_account bigint, p_grace interval, p_most integer)
RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_due bigint[] := sweep_take(p_tenant, p_account, p_grace, p_most);
BEGIN
    RETURN sweep_messages(p_tenant, ARRAY(
        SELECT d.id FROM unnest(v_due) AS d(id) WHERE (d.id IN (
            SELECT s.message_id FROM message_state s
            WHERE s.tenant_id = p_tenant AND s.account_id = p_account)) IS NOT TRUE));
END
$$;

-- The same of the spool.
CREATE FUNCTION sweep_spool(p_tenant bigint, p_grace interval, p_most integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_due bigint[] := sweep_take(p_tenant, 0, p_grace, p_most);
BEGIN
    RETURN sweep_messages(p_tenant, ARRAY(
        SELECT d.id FROM unnest(v_due) AS d(id) WHERE NOT EXISTS (
            SELECT FROM spool s WHERE s.tenant_id = p_tenant AND s.message_id = d.id)));
END
$$;
GRANT EXECUTE ON FUNCTION deliver_many, sweep_messages, sweep_take, sweep_account, sweep_spool
    TO mansio_serving;

-- All mail of an account goes: the mark at once, the rest by the sweep.
CREATE OR REPLACE FUNCTION mail_remove_account(p_tenant bigint, p_account bigint) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO account_state (tenant_id, account_id, is_gone) VALUES (p_tenant, p_account, true)
    ON CONFLICT (tenant_id, account_id) DO UPDATE SET is_gone = true
$$;

CREATE OR REPLACE FUNCTION mail_usage(p_tenant bigint, p_account bigint, OUT bytes bigint,
                                      OUT messages bigint)
LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(s.bytes), 0)::bigint, coalesce(sum(s.messages), 0)::bigint
    FROM account_state s
    WHERE s.tenant_id = p_tenant AND s.account_id = p_account AND NOT s.is_gone
$$;

-- What there is to sweep: 1 messages let go of (account_id 0: by the spool), 2 tombstones, 4 the
-- collections of an account that is gone, 8 blobs that nothing refers to.
CREATE FUNCTION sweep_due(p_grace interval, p_keep interval, p_most integer)
RETURNS TABLE (tenant_id bigint, account_id bigint, work integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = mansio, pg_temp AS $$
    SELECT d.tenant_id, d.account_id, bit_or(d.work) FROM (
        SELECT r.tenant_id, r.account_id, 1 AS work FROM message_released r
        WHERE r.released_at <= now() - p_grace
        UNION ALL SELECT x.tenant_id, x.account_id, 2 FROM expunged x
        WHERE x.removed_at <= now() - p_keep
        UNION ALL SELECT c.tenant_id, c.account_id, 2 FROM collection_removed c
        WHERE c.removed_at <= now() - p_keep
        UNION ALL SELECT s.tenant_id, s.account_id, 4 FROM account_state s
        WHERE s.is_gone AND EXISTS (SELECT FROM collection c WHERE c.tenant_id = s.tenant_id
                                    AND c.account_id = s.account_id)
        UNION ALL SELECT b.tenant_id, 0, 8 FROM blob b WHERE b.loose_since <= now() - p_grace) d
    GROUP BY 1, 2 ORDER BY 1, 2 LIMIT p_most
$$;
GRANT CREATE ON SCHEMA mansio TO mansio_door;
RESET ROLE;
ALTER FUNCTION sweep_due OWNER TO mansio_door;
REVOKE ALL ON FUNCTION sweep_due FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sweep_due TO mansio_serving;
SET LOCAL ROLE mansio_owner;
REVOKE CREATE ON SCHEMA mansio FROM mansio_door;
