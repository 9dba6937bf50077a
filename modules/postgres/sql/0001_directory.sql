-- oldest: 1
-- The directory: who there is, and what leads from an address or a login name to an account; and
-- what an installation shares: leases, worker numbers, epoch.
--
-- Migrations run as mansio_owner with search_path "mansio, pg_temp", in one transaction each. RESET
-- ROLE gives the migrator's own rights (BYPASSRLS, member of owner and door), which back-fills and
-- changes of a function's owner need.

-- ---- what has no tenant_id; README.md and tables.list say why, and who may do what ----

CREATE TABLE schema_version (
    version integer PRIMARY KEY,
    oldest integer NOT NULL,
    name text NOT NULL,
    applied timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE epoch (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch bigint NOT NULL DEFAULT 1,
    changed timestamptz NOT NULL DEFAULT now()
);
INSERT INTO epoch DEFAULT VALUES;

CREATE TABLE lease (
    name text PRIMARY KEY CHECK (octet_length(name) BETWEEN 1 AND 254),
    holder text NOT NULL,
    fence bigint NOT NULL,
    expires timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE SEQUENCE lease_fence;

-- Of ids: each process holds one, and none is given again before its holder's ids lie in the past.
CREATE TABLE worker_number (
    number integer PRIMARY KEY CHECK (number BETWEEN 0 AND 4095),
    holder text NOT NULL DEFAULT '',
    expires timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);
INSERT INTO worker_number (number) SELECT generate_series(0, 4095);

CREATE TABLE platform (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    password_scheme text,
    upgrade_passwords boolean,
    quota_reply smallint CHECK (quota_reply IN (1, 2)),
    subaddress_separator text,
    postmaster text,
    decoy bytea NOT NULL CHECK (length(decoy) = 32)
);

CREATE TABLE plan (
    plan_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CONSTRAINT plan_name UNIQUE,
    description text,
    created timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE plan_quota (
    plan_id bigint PRIMARY KEY REFERENCES plan ON DELETE CASCADE,
    bytes bigint, messages bigint, message_bytes bigint, accounts bigint, domains bigint
);

-- Names, not ids: it outlives what it tells of. The last two columns are for a chain of hashes.
CREATE TABLE audit (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    action text NOT NULL,
    kind text NOT NULL,
    object text NOT NULL,
    tenant text,
    before jsonb,
    after jsonb,
    reason text NOT NULL DEFAULT '',
    previous bytea,
    hash bytea
);
CREATE INDEX audit_object ON audit (kind, object);

-- ---- of tenants ----

CREATE TABLE tenant (
    tenant_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CONSTRAINT tenant_name UNIQUE,
    plan_id bigint CONSTRAINT tenant_plan REFERENCES plan,
    state smallint NOT NULL DEFAULT 1 CHECK (state IN (1, 2, 3)),
    pool text NOT NULL DEFAULT '',
    password_scheme text,
    upgrade_passwords boolean,
    quota_reply smallint CHECK (quota_reply IN (1, 2)),
    subaddress_separator text,
    postmaster text,
    decoy bytea NOT NULL CHECK (length(decoy) = 32),
    description text,
    created timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX tenant_of_plan ON tenant (plan_id);

CREATE TABLE domain (
    tenant_id bigint NOT NULL REFERENCES tenant ON DELETE CASCADE,
    domain_id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL CONSTRAINT domain_name UNIQUE,
    alias_of bigint,
    state smallint NOT NULL DEFAULT 1 CHECK (state IN (1, 2, 3)),
    created timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, domain_id),
    FOREIGN KEY (tenant_id, alias_of) REFERENCES domain ON DELETE CASCADE
);
CREATE INDEX domain_aliases ON domain (tenant_id, alias_of) WHERE alias_of IS NOT NULL;

CREATE TABLE account (
    tenant_id bigint NOT NULL,
    account_id bigint GENERATED ALWAYS AS IDENTITY,
    domain_id bigint NOT NULL,
    local text NOT NULL CHECK (local <> ''),
    plan_id bigint CONSTRAINT account_plan REFERENCES plan,
    state smallint NOT NULL DEFAULT 1 CHECK (state IN (1, 2, 3)),
    description text,
    created timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, account_id),
    CONSTRAINT account_name UNIQUE (tenant_id, domain_id, local),
    FOREIGN KEY (tenant_id, domain_id) REFERENCES domain ON DELETE CASCADE
);
CREATE INDEX account_of_plan ON account (plan_id) WHERE plan_id IS NOT NULL;

-- local '' is the catch-all. An account's own address is here too.
CREATE TABLE address (
    tenant_id bigint NOT NULL,
    domain_id bigint NOT NULL,
    local text NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, domain_id, local),
    FOREIGN KEY (tenant_id, domain_id) REFERENCES domain ON DELETE CASCADE
);

CREATE TABLE address_account (
    tenant_id bigint NOT NULL,
    domain_id bigint NOT NULL,
    local text NOT NULL,
    account_id bigint NOT NULL,
    PRIMARY KEY (tenant_id, domain_id, local, account_id),
    FOREIGN KEY (tenant_id, domain_id, local) REFERENCES address ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, account_id) REFERENCES account ON DELETE CASCADE
);
CREATE INDEX address_account_account ON address_account (tenant_id, account_id);

CREATE TABLE credential (
    tenant_id bigint NOT NULL,
    account_id bigint NOT NULL,
    credential_id bigint GENERATED ALWAYS AS IDENTITY,
    label text NOT NULL DEFAULT '', -- '': the main password
    stored text NOT NULL,
    scheme text NOT NULL DEFAULT '',
    has_scram boolean NOT NULL DEFAULT false,
    created timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, account_id, credential_id),
    CONSTRAINT credential_label UNIQUE (tenant_id, account_id, label),
    FOREIGN KEY (tenant_id, account_id) REFERENCES account ON DELETE CASCADE
);
CREATE INDEX credential_without_scram ON credential (tenant_id) WHERE NOT has_scram;

CREATE TABLE tenant_quota (
    tenant_id bigint PRIMARY KEY REFERENCES tenant ON DELETE CASCADE,
    bytes bigint, messages bigint, message_bytes bigint, accounts bigint, domains bigint
);

CREATE TABLE account_quota (
    tenant_id bigint NOT NULL,
    account_id bigint NOT NULL,
    bytes bigint, messages bigint, message_bytes bigint,
    PRIMARY KEY (tenant_id, account_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES account ON DELETE CASCADE
);

-- ---- rights: nobody sees another tenant's rows, and no tenant means no rows ----

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['tenant', 'domain', 'account', 'address', 'address_account',
                             'credential', 'tenant_quota', 'account_quota'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant_rows ON %I TO mansio_serving USING '
                       '(tenant_id = nullif(current_setting(''mansio.tenant'', true), '''')::bigint)',
                       t);
        -- Doors answer before a tenant is known.
        EXECUTE format('CREATE POLICY door_reads ON %I FOR SELECT TO mansio_door USING (true)', t);
        EXECUTE format('CREATE POLICY admin_all ON %I TO mansio_admin USING (true)', t);
        EXECUTE format('GRANT SELECT ON %I TO mansio_door', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO mansio_admin', t);
    END LOOP;
END
$$;
-- The one thing that a door changes: of the tenant that is set.
CREATE POLICY door_upgrades ON credential FOR UPDATE TO mansio_door
    USING (tenant_id = nullif(current_setting('mansio.tenant', true), '')::bigint);
GRANT UPDATE (stored, scheme, has_scram) ON credential TO mansio_door;

GRANT SELECT ON platform, plan, plan_quota TO mansio_door;
GRANT SELECT, INSERT, UPDATE, DELETE ON plan, plan_quota TO mansio_admin;
GRANT SELECT, UPDATE ON platform TO mansio_admin;
GRANT SELECT, INSERT ON audit TO mansio_admin;
GRANT SELECT ON schema_version, epoch TO mansio_serving, mansio_spool, mansio_admin;
GRANT UPDATE ON epoch TO mansio_admin;
GRANT SELECT, INSERT, UPDATE ON lease TO mansio_serving;
GRANT USAGE ON SEQUENCE lease_fence TO mansio_serving;
GRANT SELECT, UPDATE ON worker_number TO mansio_serving;

-- ---- mail: what administration asks of the store's tables. The store replaces these ----

-- All mail of an account goes. Called by mansio_admin, mansio.tenant set.
CREATE FUNCTION mail_remove_account(p_tenant bigint, p_account bigint) RETURNS void
LANGUAGE sql AS $$ SELECT $$;

-- What an account holds. Likewise.
CREATE FUNCTION mail_usage(p_tenant bigint, p_account bigint, OUT bytes bigint,
                           OUT messages bigint)
LANGUAGE sql STABLE AS $$ SELECT 0::bigint, 0::bigint $$;

GRANT EXECUTE ON FUNCTION mail_remove_account, mail_usage TO mansio_admin;

-- ---- doors ----

CREATE TYPE account_facts AS (
    tenant_id bigint, account_id bigint, tenant text, plan text, address text, pool text,
    state integer, quota_reply integer, quota_bytes bigint, quota_messages bigint,
    message_bytes bigint
);

-- What the doors say of an account. Not a door itself: run with the rights of the one that calls.
CREATE FUNCTION account_facts_of(p_tenant bigint, p_account bigint) RETURNS account_facts
LANGUAGE sql STABLE AS $$
    SELECT a.tenant_id, a.account_id, t.name, coalesce(ap.name, tp.name, ''),
           a.local || '@' || d.name, t.pool, greatest(t.state, d.state, a.state)::integer,
           coalesce(t.quota_reply, p.quota_reply, 1)::integer,
           coalesce(aq.bytes, apq.bytes, tq.bytes, tpq.bytes, 0),
           coalesce(aq.messages, apq.messages, tq.messages, tpq.messages, 0),
           coalesce(aq.message_bytes, apq.message_bytes, tq.message_bytes, tpq.message_bytes, 0)
    FROM account a
    JOIN tenant t USING (tenant_id)
    JOIN domain d ON d.tenant_id = a.tenant_id AND d.domain_id = a.domain_id
    LEFT JOIN platform p ON true
    LEFT JOIN plan ap ON ap.plan_id = a.plan_id
    LEFT JOIN plan tp ON tp.plan_id = t.plan_id
    LEFT JOIN account_quota aq ON aq.tenant_id = a.tenant_id AND aq.account_id = a.account_id
    LEFT JOIN plan_quota apq ON apq.plan_id = a.plan_id
    LEFT JOIN tenant_quota tq ON tq.tenant_id = a.tenant_id
    LEFT JOIN plan_quota tpq ON tpq.plan_id = t.plan_id
    WHERE a.tenant_id = p_tenant AND a.account_id = p_account
$$;

-- The domain that a name means, aliases followed. No row: not ours.
CREATE FUNCTION domain_meant(p_name text, OUT tenant_id bigint, OUT domain_id bigint,
                             OUT name text, OUT state integer, OUT separators text)
RETURNS SETOF record LANGUAGE sql STABLE AS $$
    SELECT d.tenant_id, coalesce(r.domain_id, d.domain_id), coalesce(r.name, d.name),
           greatest(t.state, d.state, r.state)::integer,
           coalesce(t.subaddress_separator, p.subaddress_separator, '+')
    FROM domain d
    JOIN tenant t USING (tenant_id)
    LEFT JOIN domain r ON r.tenant_id = d.tenant_id AND r.domain_id = d.alias_of
    LEFT JOIN platform p ON true
    WHERE d.name = p_name
$$;

-- Which address of a domain takes a local part: itself, else the longest sub-address base, else the
-- catch-all. No row: none.
CREATE FUNCTION address_meant(p_tenant bigint, p_domain bigint, p_local text, p_separators text,
                              OUT local text, OUT detail text)
RETURNS SETOF record LANGUAGE sql STABLE AS $$
    SELECT a.local, CASE WHEN a.local = '' THEN '' ELSE c.detail END
    FROM (SELECT p_local AS base, ''::text AS detail
          UNION ALL
          SELECT left(p_local, n - 1), substr(p_local, n + 1)
          FROM generate_series(2, least(length(p_local), 256)) n
          WHERE p_separators <> 'none' AND strpos(p_separators, substr(p_local, n, 1)) > 0
          UNION ALL
          SELECT '', '') c
    JOIN address a ON a.tenant_id = p_tenant AND a.domain_id = p_domain AND a.local = c.base
    ORDER BY length(c.base) DESC
    LIMIT 1
$$;

-- Where an address leads. outcome 0: a row for each account; else one row without: 1 no such
-- address, 2 not a domain of ours, 3 refused for now.
CREATE FUNCTION route_address(p_local text, p_domain text)
RETURNS TABLE (outcome integer, address text, detail text, facts account_facts)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = mansio, pg_temp AS $$
DECLARE
    v_domain record;
    v_address record;
    v_postmaster text;
    v_open integer := 0;
BEGIN
    SELECT * INTO v_domain FROM domain_meant(p_domain);
    IF NOT FOUND AND p_domain <> '' THEN
        RETURN QUERY SELECT 2, ''::text, ''::text, NULL::account_facts;
        RETURN;
    END IF;
    IF v_domain.state = 3 THEN
        RETURN QUERY SELECT 3, ''::text, ''::text, NULL::account_facts;
        RETURN;
    END IF;
    SELECT * INTO v_address
    FROM address_meant(v_domain.tenant_id, v_domain.domain_id, p_local, v_domain.separators);
    IF NOT FOUND AND p_local = 'postmaster' THEN
        -- RFC 5321 4.5.1: who has domains, has a postmaster; and one without a domain.
        SELECT coalesce((SELECT t.postmaster FROM tenant t WHERE t.tenant_id = v_domain.tenant_id),
                        (SELECT p.postmaster FROM platform p)) INTO v_postmaster;
        SELECT m.* INTO v_domain FROM domain_meant(substring(v_postmaster from '@([^@]*)$')) m;
        SELECT * INTO v_address
        FROM address_meant(v_domain.tenant_id, v_domain.domain_id,
                           regexp_replace(v_postmaster, '@[^@]*$', ''), v_domain.separators);
    END IF;
    IF v_address.local IS NULL THEN
        RETURN QUERY SELECT 1, ''::text, ''::text, NULL::account_facts;
        RETURN;
    END IF;
    -- Members that are closed are passed over, unless there is nobody else.
    RETURN QUERY
        SELECT 0, v_address.local || '@' || v_domain.name, v_address.detail, f
        FROM (SELECT account_facts_of(aa.tenant_id, aa.account_id) AS f FROM address_account aa
              WHERE aa.tenant_id = v_domain.tenant_id AND aa.domain_id = v_domain.domain_id
                AND aa.local = v_address.local
              ORDER BY aa.account_id) s
        WHERE (f).state < 3;
    GET DIAGNOSTICS v_open = ROW_COUNT;
    IF v_open = 0 THEN
        RETURN QUERY SELECT 3, ''::text, ''::text, NULL::account_facts;
    END IF;
END
$$;

-- What is known of a login name; NULL p_local: of nobody in that domain. Always one row.
CREATE FUNCTION login_find(p_local text, p_domain text)
RETURNS TABLE (facts account_facts, ids bigint[], kinds integer[], stored text[], scheme text,
               decoy bytea, is_scram_ready boolean, is_upgrading boolean, is_ours boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = mansio, pg_temp AS $$
DECLARE
    v_domain record;
    v_tenant bigint;
    v_account bigint;
BEGIN
    SELECT * INTO v_domain FROM domain_meant(p_domain);
    v_tenant := v_domain.tenant_id;
    SELECT a.account_id INTO v_account FROM account a
    WHERE a.tenant_id = v_tenant AND a.domain_id = v_domain.domain_id AND a.local = p_local;
    RETURN QUERY
        SELECT CASE WHEN v_account IS NOT NULL THEN account_facts_of(v_tenant, v_account) END,
               c.ids, c.kinds, c.stored, coalesce(t.password_scheme, p.password_scheme, ''),
               coalesce(t.decoy, p.decoy, ''),
               NOT EXISTS (SELECT FROM credential n
                           WHERE NOT n.has_scram AND (v_tenant IS NULL OR n.tenant_id = v_tenant)),
               coalesce(t.upgrade_passwords, p.upgrade_passwords, false), v_tenant IS NOT NULL
        FROM (SELECT array_agg(k.credential_id ORDER BY k.label, k.credential_id) AS ids,
                     array_agg(CASE k.label WHEN '' THEN 1 ELSE 2 END
                               ORDER BY k.label, k.credential_id) AS kinds,
                     array_agg(k.stored ORDER BY k.label, k.credential_id) AS stored
              FROM credential k WHERE k.tenant_id = v_tenant AND k.account_id = v_account) c
        LEFT JOIN tenant t ON t.tenant_id = v_tenant
        LEFT JOIN platform p ON true;
END
$$;

-- Store a credential anew, in the tenant that is set, unless it is another by now.
CREATE FUNCTION credential_upgrade(p_account bigint, p_credential bigint, p_was text,
                                   p_stored text, p_scheme text, p_has_scram boolean)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = mansio, pg_temp AS $$
BEGIN
    UPDATE credential SET stored = p_stored, scheme = p_scheme, has_scram = p_has_scram
    WHERE tenant_id = nullif(current_setting('mansio.tenant', true), '')::bigint
      AND account_id = p_account AND credential_id = p_credential AND stored = p_was;
    RETURN FOUND;
END
$$;

GRANT CREATE ON SCHEMA mansio TO mansio_door;
GRANT EXECUTE ON FUNCTION account_facts_of, domain_meant, address_meant TO mansio_door;
RESET ROLE;
ALTER FUNCTION route_address OWNER TO mansio_door;
ALTER FUNCTION login_find OWNER TO mansio_door;
ALTER FUNCTION credential_upgrade OWNER TO mansio_door;
-- What a function's owner grants itself went along; nobody else may call it yet but PUBLIC.
REVOKE ALL ON FUNCTION route_address, login_find, credential_upgrade FROM PUBLIC;
GRANT EXECUTE ON FUNCTION route_address, login_find, credential_upgrade TO mansio_serving;
SET LOCAL ROLE mansio_owner;
REVOKE CREATE ON SCHEMA mansio FROM mansio_door;

-- ---- helpers of administration ----

-- A plan's id; NULL for NULL.
CREATE FUNCTION plan_named(p_name text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_id bigint;
BEGIN
    IF p_name IS NULL OR p_name = '' THEN
        RETURN NULL;
    END IF;
    SELECT plan_id INTO v_id FROM plan WHERE name = p_name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no plan %', p_name USING ERRCODE = 'MN001';
    END IF;
    RETURN v_id;
END
$$;

-- The accounts that an address leads to, by their keys: these and no others.
CREATE FUNCTION address_set_accounts(p_tenant bigint, p_domain bigint, p_local text,
                                     p_keys text[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_ids bigint[];
    v_missing text;
BEGIN
    SELECT array_agg(DISTINCT a.account_id), min(k.key) FILTER (WHERE a.account_id IS NULL)
    INTO v_ids, v_missing
    FROM unnest(p_keys) AS k (key)
    LEFT JOIN domain d ON d.tenant_id = p_tenant AND d.name = substring(k.key from '@([^@]*)$')
    LEFT JOIN account a ON a.tenant_id = p_tenant AND a.domain_id = d.domain_id
                       AND a.local = regexp_replace(k.key, '@[^@]*$', '');
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'no account % in the address''s tenant', v_missing
            USING ERRCODE = 'MN001';
    END IF;
    IF coalesce(cardinality(v_ids), 0) NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'field accounts: % of them: expected 1 to 1000',
            coalesce(cardinality(v_ids), 0) USING ERRCODE = 'MN004';
    END IF;
    IF EXISTS (SELECT FROM account a WHERE a.tenant_id = p_tenant AND a.domain_id = p_domain
                 AND a.local = p_local AND a.account_id <> ALL (v_ids)) THEN
        RAISE EXCEPTION 'field accounts: expected the account whose own address it is among them'
            USING ERRCODE = 'MN003';
    END IF;
    DELETE FROM address_account aa WHERE aa.tenant_id = p_tenant AND aa.domain_id = p_domain
       AND aa.local = p_local AND aa.account_id <> ALL (v_ids);
    INSERT INTO address_account (tenant_id, domain_id, local, account_id)
    SELECT p_tenant, p_domain, p_local, unnest(v_ids) ON CONFLICT DO NOTHING;
    RETURN cardinality(v_ids);
END
$$;

CREATE FUNCTION state_text(p_state smallint) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT (ARRAY['active', 'suspended', 'closed'])[p_state] $$;

CREATE FUNCTION state_code(p_state text) RETURNS smallint LANGUAGE sql IMMUTABLE AS
$$ SELECT coalesce(array_position(ARRAY['active', 'suspended', 'closed'], p_state), 1)::smallint $$;

CREATE FUNCTION quota_reply_text(p_reply smallint) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT (ARRAY['temporary', 'permanent'])[p_reply] $$;

CREATE FUNCTION quota_reply_code(p_reply text) RETURNS smallint LANGUAGE sql IMMUTABLE AS
$$ SELECT array_position(ARRAY['temporary', 'permanent'], p_reply)::smallint $$;

CREATE FUNCTION time_text(p_at timestamptz) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;

GRANT EXECUTE ON FUNCTION plan_named, address_set_accounts, state_text, state_code, quota_reply_text, quota_reply_code,
    time_text TO mansio_admin;

-- 32 bytes that nobody else knows, for salts of accounts that don't exist. Of gen_random_uuid():
-- PostgreSQL's strong random source without an extension.
CREATE FUNCTION random_32() RETURNS bytea LANGUAGE sql VOLATILE AS
$$ SELECT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
                 || uuid_send(gen_random_uuid())) $$;
GRANT EXECUTE ON FUNCTION random_32 TO mansio_admin;

INSERT INTO platform (decoy) VALUES (random_32());
