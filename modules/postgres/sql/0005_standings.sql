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
    FOR v_at, v_other IN
        SELECT g, extract(epoch FROM (g AT TIME ZONE p_zone) - (g AT TIME ZONE 'UTC'))::integer
        FROM generate_series(p_from, p_until, interval '6 hours') g
    LOOP
        IF v_offset IS NULL THEN
            instants := ARRAY[(extract(epoch FROM v_at) * 1000000)::bigint];
            offsets := ARRAY[v_other];
        ELSIF v_other <> v_offset THEN
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
        v_known := v_at;
        v_offset := v_other;
    END LOOP;
EXCEPTION WHEN invalid_parameter_value THEN
    instants := NULL;
    offsets := NULL;
END
$$;

-- Networks as a word says them, names resolved: a tenant's words know its own names first, the
-- platform's and plans' (p_tenant NULL) the platform's alone, or a tenant could open its lock.
CREATE FUNCTION networks_meant(p_tenant bigint, p_networks text[]) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(DISTINCT m.network), '{}')
    FROM unnest(p_networks) AS said (network)
    LEFT JOIN tenant_network t ON t.tenant_id = p_tenant AND t.name = said.network
    LEFT JOIN platform_network p ON p.name = said.network
    CROSS JOIN LATERAL unnest(CASE WHEN network_is_name(said.network)
                                   THEN coalesce(t.networks, p.networks)
                                   ELSE ARRAY[said.network] END) AS m (network)
$$;

-- What standings are made of. what: 0 the default (verb) and the span of time that is known
-- (instants); 1 a zone's offsets in it; 2 a word; 3 an account or a domain (number as asked), with
-- its words and credentials.
CREATE TYPE standing_row AS (
    what integer, number bigint, facts account_facts, words bigint[], ids bigint[],
    versions bigint[], kinds integer[], expires bigint[], services text[], scope integer,
    verb integer, is_locked boolean, tls integer, credentials integer, service text, owner text,
    networks text[], has_networks boolean, mechanisms text[], hours text, zone text,
    instants bigint[], offsets integer[], is_ours boolean
);

-- Of whoever has these tenants, plans, domains, accounts (0: none), numbered. The planner has no
-- choice but the indexes: it knows averages, and nothing of a new table.
CREATE FUNCTION standing_rows(p_numbers bigint[], p_tenants bigint[], p_plans bigint[],
                              p_domains bigint[], p_accounts bigint[], p_at timestamptz)
RETURNS SETOF standing_row LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
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
        SELECT u.* FROM unnest(p_numbers, p_tenants, p_plans, p_domains, p_accounts)
            AS u (n, tenant_id, plan_id, domain_id, account_id)),
    -- all but accounts' own
    g AS MATERIALIZED (
        SELECT 1 AS scope, NULL::bigint AS tenant_id, NULL::bigint AS plan_id,
               NULL::bigint AS domain_id, ''::text AS owner, w.word_id, w.service, w.verb,
               w.is_locked, w.networks, w.tls, w.mechanisms, w.credentials, w.hours, w.zone
        FROM platform_word w WHERE coalesce(w.plan_id, 0) = 0
        UNION ALL
        SELECT 2, NULL, w.plan_id, NULL, p.name, w.word_id, w.service, w.verb, w.is_locked,
               w.networks, w.tls, w.mechanisms, w.credentials, w.hours, w.zone
        FROM (SELECT DISTINCT k.plan_id FROM k WHERE k.plan_id <> 0) x
        JOIN platform_word w ON coalesce(w.plan_id, 0) = x.plan_id
        JOIN plan p ON p.plan_id = w.plan_id
        UNION ALL
        SELECT 3, w.tenant_id, NULL, NULL, t.name, w.word_id, w.service, w.verb, w.is_locked,
               w.networks, w.tls, w.mechanisms, w.credentials, w.hours, w.zone
        FROM (SELECT DISTINCT k.tenant_id FROM k WHERE k.tenant_id <> 0) x
        JOIN tenant_word w ON w.tenant_id = x.tenant_id AND coalesce(w.domain_id, 0) = 0
                          AND coalesce(w.account_id, 0) = 0
        JOIN tenant t ON t.tenant_id = w.tenant_id
        UNION ALL
        SELECT 4, w.tenant_id, NULL, w.domain_id, d.name, w.word_id, w.service, w.verb,
               w.is_locked, w.networks, w.tls, w.mechanisms, w.credentials, w.hours, w.zone
        FROM (SELECT DISTINCT k.tenant_id, k.domain_id FROM k WHERE k.domain_id <> 0) x
        JOIN tenant_word w ON w.tenant_id = x.tenant_id AND w.domain_id = x.domain_id
        JOIN domain d ON d.tenant_id = w.tenant_id AND d.domain_id = w.domain_id),
    s AS MATERIALIZED (
        SELECT w.*, a.local || '@' || d.name AS owner
        FROM (SELECT DISTINCT k.tenant_id, k.account_id FROM k WHERE k.account_id <> 0) x
        JOIN tenant_word w ON w.tenant_id = x.tenant_id AND w.account_id = x.account_id
        JOIN account a ON a.tenant_id = w.tenant_id AND a.account_id = w.account_id
        JOIN domain d ON d.tenant_id = a.tenant_id AND d.domain_id = a.domain_id),
    w AS (
        SELECT g.scope, g.tenant_id, g.owner, g.word_id, g.service, g.verb, g.is_locked,
               g.networks, g.tls, g.mechanisms, g.credentials, g.hours, g.zone FROM g
        UNION ALL
        SELECT 5, s.tenant_id, s.owner, s.word_id, s.service, s.verb, s.is_locked,
               s.networks, s.tls, s.mechanisms, s.credentials, s.hours, s.zone FROM s)
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
               NULL, NULL, NULL, NULL, NULL, z.zone, o.instants, o.offsets, NULL
        FROM (SELECT DISTINCT w.zone FROM w WHERE w.zone IS NOT NULL) z,
             LATERAL zone_offsets(z.zone, v_from, v_until) o
        UNION ALL
        SELECT 2, w.word_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, w.scope, w.verb,
               w.is_locked, w.tls, w.credentials, w.service, w.owner,
               CASE WHEN w.networks IS NOT NULL THEN networks_meant(w.tenant_id, w.networks) END,
               w.networks IS NOT NULL, w.mechanisms, w.hours, w.zone, NULL, NULL, NULL
        FROM w
        UNION ALL
        SELECT 3, k.n, CASE WHEN k.account_id <> 0
                            THEN account_facts_of(k.tenant_id, k.account_id) END,
               v_platform
               || ARRAY(SELECT x.word_id FROM platform_word x
                        WHERE k.plan_id <> 0 AND coalesce(x.plan_id, 0) = k.plan_id
                        ORDER BY x.service)
               || ARRAY(SELECT x.word_id FROM tenant_word x
                        WHERE x.tenant_id = k.tenant_id AND coalesce(x.domain_id, 0) = 0
                          AND coalesce(x.account_id, 0) = 0 ORDER BY x.service)
               || ARRAY(SELECT x.word_id FROM tenant_word x
                        WHERE x.tenant_id = k.tenant_id AND x.domain_id = k.domain_id
                        ORDER BY x.service)
               || ARRAY(SELECT x.word_id FROM tenant_word x
                        WHERE x.tenant_id = k.tenant_id AND x.account_id = k.account_id
                        ORDER BY x.service),
               c.ids, c.versions, c.kinds, c.expires, c.services, NULL, NULL, NULL, NULL, NULL,
               NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, k.tenant_id <> 0
        FROM k, LATERAL (
            SELECT array_agg(x.credential_id ORDER BY x.label, x.credential_id) AS ids,
                   array_agg(x.version ORDER BY x.label, x.credential_id) AS versions,
                   array_agg(CASE x.label WHEN '' THEN 1 ELSE 2 END
                             ORDER BY x.label, x.credential_id) AS kinds,
                   array_agg(coalesce((extract(epoch FROM x.expires) * 1000000)::bigint, 0)
                             ORDER BY x.label, x.credential_id) AS expires,
                   array_agg(coalesce(array_to_string(x.services, ' '), '')
                             ORDER BY x.label, x.credential_id) AS services
            FROM credential x
            WHERE x.tenant_id = k.tenant_id AND x.account_id = k.account_id) c) r
    ORDER BY 1, 2;
END
$$;

-- Of accounts: one row 3 for each that there is.
CREATE FUNCTION standings_read(p_tenants bigint[], p_accounts bigint[], p_at timestamptz)
RETURNS SETOF standing_row LANGUAGE plpgsql STABLE AS $$
DECLARE
    k record;
BEGIN
    SELECT array_agg(u.n) AS numbers, array_agg(a.tenant_id) AS tenants,
           array_agg(coalesce(a.plan_id, t.plan_id, 0)) AS plans,
           array_agg(a.domain_id) AS domains, array_agg(a.account_id) AS accounts
    INTO k
    FROM unnest(p_tenants, p_accounts) WITH ORDINALITY AS u (tenant_id, account_id, n),
         LATERAL (SELECT x.* FROM account x
                  WHERE x.tenant_id = u.tenant_id AND x.account_id = u.account_id OFFSET 0) a
    JOIN tenant t ON t.tenant_id = a.tenant_id;
    RETURN QUERY SELECT r.* FROM standing_rows(k.numbers, k.tenants, k.plans, k.domains,
                                               k.accounts, p_at) r;
END
$$;

-- Doors.
CREATE FUNCTION standings(p_tenants bigint[], p_accounts bigint[]) RETURNS SETOF standing_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = mansio, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT r.* FROM standings_read(p_tenants, p_accounts, NULL) r;
END
$$;

-- Of who names no account of a domain: its row 3 has number 0, its own name as owner.
CREATE FUNCTION domain_standing(p_domain text) RETURNS SETOF standing_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = mansio, pg_temp AS $$
DECLARE
    d record;
    r standing_row;
BEGIN
    SELECT m.tenant_id, m.domain_id, m.name, m.state, t.plan_id INTO d
    FROM domain_meant(p_domain) m JOIN tenant t ON t.tenant_id = m.tenant_id;
    FOR r IN SELECT * FROM standing_rows(ARRAY[0::bigint], ARRAY[coalesce(d.tenant_id, 0)],
                                         ARRAY[coalesce(d.plan_id, 0)],
                                         ARRAY[coalesce(d.domain_id, 0)], ARRAY[0::bigint], NULL)
    LOOP
        IF r.what = 3 THEN
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

GRANT EXECUTE ON FUNCTION zone_offsets, networks_meant, standing_rows,
    standings_read, account_facts_of TO mansio_door, mansio_admin;
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
