-- oldest: 2
-- Standings: all that bears on an account or a domain, in one answer; doors for the gate.

-- The offsets from UTC that a zone has from one instant to another, in seconds, each with the
-- instant from which it holds, in microseconds. NULL for a zone that PostgreSQL doesn't know.
CREATE FUNCTION zone_offsets(p_zone text, p_from timestamptz, p_until timestamptz,
                             OUT instants bigint[], OUT offsets integer[])
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_known timestamptz; -- has v_offset
    v_at timestamptz;
    v_middle timestamptz;
    v_offset integer;
    v_other integer;
BEGIN
    FOR v_at, v_known, v_other IN
        SELECT z.g, z.known, z.seconds
        FROM (SELECT y.*, lag(y.g) OVER w AS known, lag(y.seconds) OVER w AS was
              FROM (SELECT g, extract(epoch FROM (g AT TIME ZONE p_zone)
                                                 - (g AT TIME ZONE 'UTC'))::integer AS seconds
                    FROM generate_series(p_from, p_until, interval '6 hours') g) y
              WINDOW w AS (ORDER BY y.g)) z
        WHERE z.seconds IS DISTINCT FROM z.was ORDER BY z.g
    LOOP
        IF v_offset IS NULL THEN
            instants := ARRAY[(extract(epoch FROM v_at) * 1000000)::bigint];
            offsets := ARRAY[v_other];
        ELSE
            -- Between these two; to the second.
            WHILE v_at - v_known > interval '1 second' LOOP
                v_middle := v_known + date_trunc('second', (v_at - v_known) / 2);
                IF extract(epoch FROM (v_middle AT TIME ZONE p_zone)
                                      - (v_middle AT TIME ZONE 'UTC')) = v_offset THEN
                    v_known := v_middle;
                ELSE
                    v_at := v_middle;
                END IF;
            END LOOP;
            instants := instants || (extract(epoch FROM v_at) * 1000000)::bigint;
            offsets := offsets || v_other;
        END IF;
        v_offset := v_other;
    END LOOP;
EXCEPTION WHEN invalid_parameter_value THEN
    instants := NULL;
    offsets := NULL;
END
$$;

-- What standings are made of. what: 0 the default (verb) and the span of time that is known
-- (instants); 1 a zone's offsets in it; 2 a word; 3 all credentials (ids to services) and whose
-- each is (words: numbers as asked), ascending; 4 an account or a domain (number as asked) and its
-- words.
CREATE TYPE standing_row AS (
    what integer, number bigint, facts account_facts, words bigint[], ids bigint[],
    versions bigint[], kinds integer[], expires bigint[], services text[], scope integer,
    verb integer, is_locked boolean, tls integer, credentials integer, service text, owner text,
    networks text[], has_networks boolean, mechanisms text[], hours text, zone text,
    instants bigint[], offsets integer[], is_ours boolean
);

-- Of these accounts, numbered from 1, or (where they are NULL) of this domain (0: none), as number
-- 0. Each row is looked up once: of tables by their index alone (LATERAL with OFFSET 0), which are
-- then joined by hashing: the planner has no choice, for it knows averages, nothing of a new table
-- and not how many are asked for. What is forced looks dear to it, as if compiling were worth
-- while; it isn't.
CREATE FUNCTION standing_rows(p_tenants bigint[], p_accounts bigint[], p_tenant bigint,
                              p_domain bigint, p_at timestamptz)
RETURNS SETOF standing_row LANGUAGE plpgsql STABLE
SET jit = off SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_bitmapscan = off SET enable_nestloop = off SET enable_mergejoin = off AS $$
DECLARE
    v_at CONSTANT timestamptz := date_trunc('second', coalesce(p_at, clock_timestamp()));
    v_from CONSTANT timestamptz := v_at - interval '1 day';
    v_until CONSTANT timestamptz := v_at + interval '9 days';
    v_platform CONSTANT bigint[] :=
        ARRAY(SELECT x.word_id FROM platform_word x WHERE coalesce(x.plan_id, 0) = 0
              ORDER BY x.service);
BEGIN
    RETURN QUERY
    WITH k AS MATERIALIZED (
        SELECT u.n, a.*
        FROM unnest(p_tenants, p_accounts) WITH ORDINALITY AS u (tenant_id, account_id, n)
        CROSS JOIN LATERAL (SELECT x.tenant_id, x.domain_id, x.account_id, x.local, x.plan_id,
                                   x.state FROM account x
                            WHERE x.tenant_id = u.tenant_id AND x.account_id = u.account_id
                            OFFSET 0) a
        UNION ALL
        SELECT 0, p_tenant, p_domain, 0, NULL, NULL, NULL WHERE p_accounts IS NULL),
    -- tenants, plans, domains: each once, with its words' numbers
    t AS MATERIALIZED (
        SELECT x.tenant_id, l.name, l.pool, l.state, l.plan_id,
               coalesce(l.quota_reply, (SELECT y.quota_reply FROM platform y), 1)::integer AS reply,
               coalesce(q.bytes, pq.bytes, 0) AS bytes,
               coalesce(q.messages, pq.messages, 0) AS messages,
               coalesce(q.message_bytes, pq.message_bytes, 0) AS message_bytes,
               ARRAY(SELECT y.word_id FROM tenant_word y
                     WHERE y.tenant_id = x.tenant_id AND coalesce(y.domain_id, 0) = 0
                       AND coalesce(y.account_id, 0) = 0 ORDER BY y.service) AS words
        FROM (SELECT DISTINCT k.tenant_id FROM k WHERE k.tenant_id <> 0) x
        CROSS JOIN LATERAL (SELECT y.* FROM tenant y WHERE y.tenant_id = x.tenant_id OFFSET 0) l
        LEFT JOIN LATERAL (SELECT y.* FROM tenant_quota y
                           WHERE y.tenant_id = x.tenant_id OFFSET 0) q ON true
        LEFT JOIN LATERAL (SELECT y.* FROM plan_quota y
                           WHERE y.plan_id = l.plan_id OFFSET 0) pq ON true),
    p AS MATERIALIZED (
        SELECT x.plan_id, l.name, q.bytes, q.messages, q.message_bytes,
               ARRAY(SELECT y.word_id FROM platform_word y WHERE coalesce(y.plan_id, 0) = x.plan_id
                     ORDER BY y.service) AS words
        FROM (SELECT k.plan_id FROM k WHERE k.plan_id IS NOT NULL
              UNION SELECT t.plan_id FROM t WHERE t.plan_id IS NOT NULL) x
        CROSS JOIN LATERAL (SELECT y.name FROM plan y WHERE y.plan_id = x.plan_id OFFSET 0) l
        LEFT JOIN LATERAL (SELECT y.* FROM plan_quota y WHERE y.plan_id = x.plan_id OFFSET 0) q
            ON true),
    d AS MATERIALIZED (
        SELECT x.tenant_id, x.domain_id, l.name, l.state,
               ARRAY(SELECT y.word_id FROM tenant_word y
                     WHERE y.tenant_id = x.tenant_id AND y.domain_id = x.domain_id
                     ORDER BY y.service) AS words
        FROM (SELECT DISTINCT k.tenant_id, k.domain_id FROM k WHERE k.domain_id <> 0) x
        CROSS JOIN LATERAL (SELECT y.name, y.state FROM domain y
                            WHERE y.tenant_id = x.tenant_id AND y.domain_id = x.domain_id
                            OFFSET 0) l),
    -- accounts' own words
    s AS MATERIALIZED (
        SELECT k.n, w.*
        FROM k CROSS JOIN LATERAL (SELECT y.* FROM tenant_word y
                                   WHERE y.tenant_id = k.tenant_id AND y.account_id = k.account_id
                                   OFFSET 0) w
        WHERE k.account_id <> 0),
    o AS (
        SELECT x.n, array_agg(x.word_id) AS words
        FROM (SELECT s.n, s.word_id FROM s ORDER BY s.n, s.service) x GROUP BY x.n),
    -- whom it concerns
    f AS MATERIALIZED (
        SELECT k.n, k.tenant_id, k.local || '@' || d.name AS address,
               CASE WHEN k.account_id <> 0 THEN
                   ROW(k.tenant_id, k.account_id, t.name, coalesce(p.name, ''),
                       k.local || '@' || d.name, t.pool,
                       greatest(t.state, d.state, k.state)::integer, t.reply,
                       coalesce(q.bytes, CASE WHEN k.plan_id IS NOT NULL THEN p.bytes END,
                                t.bytes),
                       coalesce(q.messages, CASE WHEN k.plan_id IS NOT NULL THEN p.messages END,
                                t.messages),
                       coalesce(q.message_bytes,
                                CASE WHEN k.plan_id IS NOT NULL THEN p.message_bytes END,
                                t.message_bytes))::account_facts END AS facts,
               v_platform || p.words || t.words || d.words || o.words AS words
        FROM k
        LEFT JOIN t ON t.tenant_id = k.tenant_id
        LEFT JOIN p ON p.plan_id = coalesce(k.plan_id, t.plan_id)
        LEFT JOIN d ON d.tenant_id = k.tenant_id AND d.domain_id = k.domain_id
        LEFT JOIN o ON o.n = k.n
        LEFT JOIN LATERAL (SELECT y.* FROM account_quota y
                           WHERE y.tenant_id = k.tenant_id AND y.account_id = k.account_id
                           OFFSET 0) q ON true),
    w AS MATERIALIZED (
        SELECT 1 AS scope, 0::bigint AS tenant_id, ''::text AS owner, w.word_id, w.service, w.verb,
               w.is_locked, w.networks, w.tls, w.mechanisms, w.credentials, w.hours, w.zone
        FROM platform_word w WHERE coalesce(w.plan_id, 0) = 0
        UNION ALL
        SELECT 2, 0, p.name, w.word_id, w.service, w.verb, w.is_locked, w.networks, w.tls,
               w.mechanisms, w.credentials, w.hours, w.zone
        FROM p CROSS JOIN LATERAL (SELECT y.* FROM platform_word y
                                   WHERE coalesce(y.plan_id, 0) = p.plan_id OFFSET 0) w
        UNION ALL
        SELECT 3, w.tenant_id, t.name, w.word_id, w.service, w.verb, w.is_locked, w.networks,
               w.tls, w.mechanisms, w.credentials, w.hours, w.zone
        FROM t CROSS JOIN LATERAL (SELECT y.* FROM tenant_word y
                                   WHERE y.tenant_id = t.tenant_id
                                     AND coalesce(y.domain_id, 0) = 0
                                     AND coalesce(y.account_id, 0) = 0 OFFSET 0) w
        UNION ALL
        SELECT 4, w.tenant_id, d.name, w.word_id, w.service, w.verb, w.is_locked, w.networks,
               w.tls, w.mechanisms, w.credentials, w.hours, w.zone
        FROM d CROSS JOIN LATERAL (SELECT y.* FROM tenant_word y
                                   WHERE y.tenant_id = d.tenant_id AND y.domain_id = d.domain_id
                                   OFFSET 0) w
        UNION ALL
        SELECT 5, s.tenant_id, f.address, s.word_id, s.service, s.verb, s.is_locked, s.networks,
               s.tls, s.mechanisms, s.credentials, s.hours, s.zone
        FROM s JOIN f ON f.n = s.n),
    -- Networks as words say them, names resolved: a tenant's words know its own names first, the
    -- platform's and plans' (tenant 0) the platform's alone, or a tenant could open its lock.
    m AS (
        SELECT x.tenant_id, x.networks, r.meant
        FROM (SELECT DISTINCT w.tenant_id, w.networks FROM w WHERE w.networks IS NOT NULL) x
        CROSS JOIN LATERAL (
            SELECT coalesce(array_agg(DISTINCT e.network), '{}') AS meant
            FROM unnest(x.networks) AS said (network)
            CROSS JOIN LATERAL (
                SELECT unnest(CASE WHEN network_is_name(said.network) THEN
                    coalesce((SELECT y.networks FROM tenant_network y
                              WHERE y.tenant_id = x.tenant_id AND y.name = said.network),
                             (SELECT y.networks FROM platform_network y
                              WHERE y.name = said.network))
                    ELSE ARRAY[said.network] END)) AS e (network)) r)
    SELECT r.* FROM (
        SELECT 0, 0::bigint, NULL::account_facts, NULL::bigint[], NULL::bigint[], NULL::bigint[],
               NULL::integer[], NULL::bigint[], NULL::text[], NULL::integer,
               (SELECT p.policy_default FROM platform p)::integer, NULL::boolean, NULL::integer,
               NULL::integer, NULL::text, NULL::text, NULL::text[], NULL::boolean, NULL::text[],
               NULL::text, NULL::text, ARRAY[(extract(epoch FROM v_from) * 1000000)::bigint,
                                             (extract(epoch FROM v_until) * 1000000)::bigint],
               NULL::integer[], NULL::boolean
        UNION ALL
        SELECT 1, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
               NULL, NULL, NULL, NULL, NULL, z.zone, h.instants, h.offsets, NULL
        FROM (SELECT DISTINCT w.zone FROM w WHERE w.zone IS NOT NULL) z,
             LATERAL zone_offsets(z.zone, v_from, v_until) h
        UNION ALL
        SELECT 2, w.word_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, w.scope, w.verb,
               w.is_locked, w.tls, w.credentials, w.service, w.owner, m.meant,
               w.networks IS NOT NULL, w.mechanisms, w.hours, w.zone, NULL, NULL, NULL
        FROM w LEFT JOIN m ON m.tenant_id = w.tenant_id AND m.networks = w.networks
        UNION ALL
        SELECT 3, 0, NULL, array_agg(x.n), array_agg(x.credential_id), array_agg(x.version),
               array_agg(CASE x.label WHEN '' THEN 1 ELSE 2 END),
               array_agg(coalesce((extract(epoch FROM x.expires) * 1000000)::bigint, 0)),
               array_agg(coalesce(array_to_string(x.services, ' '), '')), NULL, NULL, NULL, NULL,
               NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
        FROM (SELECT k.n, y.*
              FROM k CROSS JOIN LATERAL (
                  SELECT z.credential_id, z.version, z.label, z.expires, z.services
                  FROM credential z
                  WHERE z.tenant_id = k.tenant_id AND z.account_id = k.account_id OFFSET 0) y
              WHERE k.account_id <> 0
              ORDER BY k.n, y.label, y.credential_id) x
        UNION ALL
        SELECT 4, f.n, f.facts, f.words, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
               NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, f.tenant_id <> 0
        FROM f) r
    ORDER BY 1, 2;
END
$$;

-- Doors.
CREATE FUNCTION standings(p_tenants bigint[], p_accounts bigint[]) RETURNS SETOF standing_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = mansio, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT r.* FROM standing_rows(p_tenants, p_accounts, NULL, NULL, NULL) r;
END
$$;

-- Of who names no account of a domain: its row 4 has number 0, its own name as owner.
CREATE FUNCTION domain_standing(p_domain text) RETURNS SETOF standing_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = mansio, pg_temp AS $$
DECLARE
    d record;
    r standing_row;
BEGIN
    SELECT m.tenant_id, m.domain_id, m.name, m.state INTO d FROM domain_meant(p_domain) m;
    FOR r IN SELECT * FROM standing_rows(NULL, NULL, coalesce(d.tenant_id, 0),
                                         coalesce(d.domain_id, 0), NULL)
    LOOP
        IF r.what = 4 THEN
            r.owner := coalesce(d.name, '');
            r.is_ours := coalesce(d.state = 1, false);
        END IF;
        RETURN NEXT r;
    END LOOP;
END
$$;

-- What changed since an epoch; is_all: nobody knows what, or it is much.
CREATE FUNCTION standing_changes(p_since bigint)
RETURNS TABLE (newest bigint, is_all boolean, tenants bigint[], accounts bigint[], plans text[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = mansio, pg_temp AS $$
DECLARE
    v_from bigint;
BEGIN
    SELECT e.epoch, greatest(e.log_from, e.epoch - 2000) INTO newest, v_from FROM epoch e;
    is_all := p_since < v_from OR p_since > newest;
    IF NOT is_all AND p_since < newest THEN
        SELECT array_agg(c.tenant_id), array_agg(c.account_id), array_agg(c.plan)
        INTO tenants, accounts, plans
        FROM (SELECT DISTINCT n.tenant_id, n.account_id, n.plan FROM standing_change n
              WHERE n.epoch > p_since AND n.epoch <= newest LIMIT 1001) c;
        is_all := coalesce(cardinality(tenants), 0) > 1000;
    END IF;
    IF is_all THEN
        tenants := NULL;
        accounts := NULL;
        plans := NULL;
    END IF;
    RETURN NEXT;
END
$$;

-- Credentials of the tenant that is set were used. Rows are locked in the order given. What a crash
-- forgets of it doesn't matter.
CREATE FUNCTION credentials_used(p_accounts bigint[], p_credentials bigint[], p_times bigint[],
                                 p_services text[], p_networks text[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = mansio, pg_temp AS $$
DECLARE
    u record;
    v_at timestamptz;
    v_count integer := 0;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    FOR u IN SELECT * FROM unnest(p_accounts, p_credentials, p_times, p_services, p_networks)
             AS x (account_id, credential_id, at_us, service, network)
    LOOP
        v_at := timestamptz 'epoch' + u.at_us * interval '1 microsecond';
        UPDATE credential c SET last_used = v_at, last_service = u.service,
                                last_network = u.network
        WHERE c.tenant_id = nullif(current_setting('mansio.tenant', true), '')::bigint
          AND c.account_id = u.account_id AND c.credential_id = u.credential_id
          AND (c.last_used IS NULL OR c.last_used < v_at);
        IF FOUND THEN
            v_count := v_count + 1;
        END IF;
    END LOOP;
    RETURN v_count;
END
$$;

GRANT EXECUTE ON FUNCTION zone_offsets, standing_rows TO mansio_door, mansio_admin;
GRANT CREATE ON SCHEMA mansio TO mansio_door;
RESET ROLE;
ALTER FUNCTION standings OWNER TO mansio_door;
ALTER FUNCTION domain_standing OWNER TO mansio_door;
ALTER FUNCTION standing_changes OWNER TO mansio_door;
ALTER FUNCTION credentials_used OWNER TO mansio_door;
REVOKE ALL ON FUNCTION standings, domain_standing, standing_changes, credentials_used FROM PUBLIC;
GRANT EXECUTE ON FUNCTION standings, domain_standing, standing_changes, credentials_used
    TO mansio_serving;
SET LOCAL ROLE mansio_owner;
REVOKE CREATE ON SCHEMA mansio FROM mansio_door;
