-- oldest: 2
-- Policy: words and what they name; credentials' versions and limits; and the log of what changed, by
-- which the gate knows what to judge again.

-- ---- words ----

-- What holds where no scope speaks: 1 allow, 2 deny. Who had tenants before there was policy shuts
-- nobody out by an upgrade.
ALTER TABLE platform ADD COLUMN policy_default smallint NOT NULL DEFAULT 2
    CHECK (policy_default IN (1, 2));
RESET ROLE;
UPDATE platform SET policy_default = 1 WHERE EXISTS (SELECT FROM tenant);
SET LOCAL ROLE mansio_owner;

-- Names for networks; a word says "office" and means what that is at the time.
CREATE TABLE platform_network (
    name text PRIMARY KEY,
    networks text[] NOT NULL,
    created timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE tenant_network (
    tenant_id bigint NOT NULL REFERENCES tenant ON DELETE CASCADE,
    name text NOT NULL,
    networks text[] NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, name)
);

-- One numbering for the words of both tables.
CREATE SEQUENCE policy_word_id;

-- The platform's words (plan_id NULL) and plans'. networks, mechanisms, hours NULL, tls 0,
-- credentials 0 (else bits 1 << kind): no condition.
CREATE TABLE platform_word (
    word_id bigint PRIMARY KEY DEFAULT nextval('policy_word_id'),
    plan_id bigint REFERENCES plan ON DELETE CASCADE,
    service text NOT NULL,
    verb smallint NOT NULL CHECK (verb IN (1, 2)),
    is_locked boolean NOT NULL DEFAULT false,
    networks text[],
    tls smallint NOT NULL DEFAULT 0 CHECK (tls IN (0, 1, 2)),
    mechanisms text[],
    credentials integer NOT NULL DEFAULT 0,
    hours text,
    zone text,
    changed timestamptz NOT NULL DEFAULT now(),
    CHECK ((hours IS NULL) = (zone IS NULL))
);
CREATE UNIQUE INDEX platform_word_one ON platform_word (coalesce(plan_id, 0), service);

-- Words of a tenant, of one of its domains, of one of its accounts.
CREATE TABLE tenant_word (
    tenant_id bigint NOT NULL REFERENCES tenant ON DELETE CASCADE,
    word_id bigint NOT NULL DEFAULT nextval('policy_word_id'),
    domain_id bigint,
    account_id bigint,
    service text NOT NULL,
    verb smallint NOT NULL CHECK (verb IN (1, 2)),
    is_locked boolean NOT NULL DEFAULT false,
    networks text[],
    tls smallint NOT NULL DEFAULT 0 CHECK (tls IN (0, 1, 2)),
    mechanisms text[],
    credentials integer NOT NULL DEFAULT 0,
    hours text,
    zone text,
    changed timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, word_id),
    FOREIGN KEY (tenant_id, domain_id) REFERENCES domain ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, account_id) REFERENCES account ON DELETE CASCADE,
    CHECK (num_nonnulls(domain_id, account_id) < 2),
    CHECK ((hours IS NULL) = (zone IS NULL))
);
CREATE UNIQUE INDEX tenant_word_one
    ON tenant_word (tenant_id, coalesce(domain_id, 0), coalesce(account_id, 0), service);
CREATE INDEX tenant_word_domain ON tenant_word (tenant_id, domain_id) WHERE domain_id IS NOT NULL;
CREATE INDEX tenant_word_account ON tenant_word (tenant_id, account_id)
    WHERE account_id IS NOT NULL;

-- ---- credentials ----

ALTER TABLE credential
    ADD COLUMN version bigint NOT NULL DEFAULT 1, -- another one with another secret
    ADD COLUMN services text[],                   -- NULL: good for all
    ADD COLUMN expires timestamptz,
    ADD COLUMN last_used timestamptz,
    ADD COLUMN last_service text,
    ADD COLUMN last_network text;
ALTER TABLE credential SET (fillfactor = 80);

-- What a login stores anew (a door, of the same password) is no other secret.
CREATE FUNCTION credential_renew() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END
$$;
CREATE TRIGGER renew BEFORE UPDATE ON credential FOR EACH ROW
    WHEN (OLD.stored IS DISTINCT FROM NEW.stored AND current_user <> 'mansio_door')
    EXECUTE FUNCTION credential_renew();

-- ---- what changed ----

-- Written by triggers, so that whoever changes something, also by hand, is seen by every gate.
-- tenant_id, account_id 0 and plan '': any. Kept for 2000 epochs.
CREATE TABLE standing_change (
    tenant_id bigint NOT NULL,
    epoch bigint NOT NULL,
    account_id bigint NOT NULL,
    plan text NOT NULL,
    PRIMARY KEY (tenant_id, epoch, account_id, plan)
);
CREATE INDEX standing_change_epoch ON standing_change (epoch);

-- changed_by: the transaction that raised it last. log_from: what changed up to it isn't known.
ALTER TABLE epoch ADD COLUMN changed_by xid8, ADD COLUMN log_from bigint NOT NULL DEFAULT 1;
UPDATE epoch SET log_from = epoch;

-- Note it under the epoch of this transaction, which is raised if it wasn't yet. Where a change is
-- only tried (and undone) nobody is told, nor kept waiting.
CREATE FUNCTION standing_changed(p_tenant bigint, p_account bigint, p_plan text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_epoch bigint;
BEGIN
    IF current_setting('mansio.trying', true) = 'on' OR p_plan IS NULL THEN
        RETURN;
    END IF;
    UPDATE epoch SET epoch = epoch + 1, changed = clock_timestamp(),
                     changed_by = pg_current_xact_id()
    WHERE changed_by IS DISTINCT FROM pg_current_xact_id();
    SELECT e.epoch INTO v_epoch FROM epoch e;
    IF EXISTS (SELECT FROM standing_change c WHERE c.epoch = v_epoch AND c.account_id = 0
                 AND c.plan = '' AND c.tenant_id IN (0, p_tenant)) THEN
        RETURN; -- said more widely already
    END IF;
    IF (SELECT count(*) FROM (SELECT FROM standing_change c WHERE c.epoch = v_epoch
                              LIMIT 1000) s) = 1000 THEN
        INSERT INTO standing_change VALUES (0, v_epoch, 0, '');
        RETURN;
    END IF;
    INSERT INTO standing_change VALUES (p_tenant, v_epoch, p_account, p_plan)
    ON CONFLICT DO NOTHING;
    DELETE FROM standing_change c WHERE c.epoch < v_epoch - 2000;
END
$$;

CREATE FUNCTION standing_note() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    IF TG_OP = 'DELETE' THEN
        r := OLD;
    ELSE
        r := NEW;
        IF TG_OP = 'UPDATE' THEN -- a word that is given to somebody else: by hand alone
            IF TG_ARGV[0] = 'tenant_word' THEN
                PERFORM standing_changed(OLD.tenant_id, coalesce(OLD.account_id, 0), '');
            ELSIF TG_ARGV[0] = 'platform_word' THEN
                PERFORM standing_changed(0, 0, coalesce(p.name, ''))
                FROM (SELECT) one LEFT JOIN plan p ON p.plan_id = OLD.plan_id;
            END IF;
        END IF;
    END IF;
    CASE TG_ARGV[0]
    WHEN 'everybody' THEN
        PERFORM standing_changed(0, 0, '');
    WHEN 'tenant' THEN
        PERFORM standing_changed(r.tenant_id, 0, '');
    WHEN 'account' THEN
        PERFORM standing_changed(r.tenant_id, r.account_id, '');
    WHEN 'platform_word' THEN
        IF r.plan_id IS NULL THEN
            PERFORM standing_changed(0, 0, '');
        ELSE -- of a plan that is being removed: nobody has it
            PERFORM standing_changed(0, 0,
                                     (SELECT p.name FROM plan p WHERE p.plan_id = r.plan_id));
        END IF;
    WHEN 'tenant_word' THEN
        PERFORM standing_changed(r.tenant_id, coalesce(r.account_id, 0), '');
    END CASE;
    RETURN r;
END
$$;

CREATE TRIGGER standing AFTER UPDATE ON platform FOR EACH ROW
    WHEN (OLD.policy_default IS DISTINCT FROM NEW.policy_default)
    EXECUTE FUNCTION standing_note('everybody');
CREATE TRIGGER standing AFTER UPDATE ON tenant FOR EACH ROW
    WHEN ((OLD.name, OLD.plan_id, OLD.state) IS DISTINCT FROM (NEW.name, NEW.plan_id, NEW.state))
    EXECUTE FUNCTION standing_note('tenant');
CREATE TRIGGER standing AFTER UPDATE ON domain FOR EACH ROW
    WHEN ((OLD.name, OLD.alias_of, OLD.state) IS DISTINCT FROM (NEW.name, NEW.alias_of, NEW.state))
    EXECUTE FUNCTION standing_note('tenant');
-- Who was told that it is nobody's is to ask again.
CREATE TRIGGER standing_known AFTER INSERT ON domain FOR EACH ROW
    EXECUTE FUNCTION standing_note('tenant');
CREATE TRIGGER standing AFTER UPDATE ON account FOR EACH ROW
    WHEN ((OLD.domain_id, OLD.local, OLD.plan_id, OLD.state) IS DISTINCT FROM
          (NEW.domain_id, NEW.local, NEW.plan_id, NEW.state))
    EXECUTE FUNCTION standing_note('account');
-- What is kept knows plans by name.
CREATE TRIGGER standing AFTER UPDATE ON plan FOR EACH ROW
    WHEN (OLD.name IS DISTINCT FROM NEW.name)
    EXECUTE FUNCTION standing_note('everybody');
-- Before what hangs on it goes: that is then said already.
CREATE TRIGGER standing_gone BEFORE DELETE ON tenant FOR EACH ROW
    EXECUTE FUNCTION standing_note('tenant');
CREATE TRIGGER standing_gone BEFORE DELETE ON domain FOR EACH ROW
    EXECUTE FUNCTION standing_note('tenant');
CREATE TRIGGER standing_gone BEFORE DELETE ON account FOR EACH ROW
    EXECUTE FUNCTION standing_note('account');
CREATE TRIGGER standing_known AFTER INSERT OR DELETE ON credential FOR EACH ROW
    EXECUTE FUNCTION standing_note('account');
CREATE TRIGGER standing AFTER UPDATE ON credential FOR EACH ROW
    WHEN ((OLD.version, OLD.services, OLD.expires) IS DISTINCT FROM
          (NEW.version, NEW.services, NEW.expires))
    EXECUTE FUNCTION standing_note('account');
CREATE TRIGGER standing AFTER INSERT OR UPDATE OR DELETE ON platform_network FOR EACH ROW
    EXECUTE FUNCTION standing_note('everybody');
CREATE TRIGGER standing AFTER INSERT OR UPDATE OR DELETE ON tenant_network FOR EACH ROW
    EXECUTE FUNCTION standing_note('tenant');
CREATE TRIGGER standing AFTER INSERT OR UPDATE OR DELETE ON platform_word FOR EACH ROW
    EXECUTE FUNCTION standing_note('platform_word');
CREATE TRIGGER standing AFTER INSERT OR UPDATE OR DELETE ON tenant_word FOR EACH ROW
    EXECUTE FUNCTION standing_note('tenant_word');

-- ---- rights ----

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['tenant_network', 'tenant_word', 'standing_change'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant_rows ON %I TO mansio_serving USING '
                       '(tenant_id = nullif(current_setting(''mansio.tenant'', true), '''')::bigint)',
                       t);
        EXECUTE format('CREATE POLICY door_reads ON %I FOR SELECT TO mansio_door USING (true)', t);
        EXECUTE format('CREATE POLICY admin_all ON %I TO mansio_admin USING (true)', t);
        EXECUTE format('GRANT SELECT ON %I TO mansio_door', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO mansio_admin', t);
    END LOOP;
END
$$;
GRANT SELECT ON platform_network, platform_word, epoch TO mansio_door;
GRANT SELECT, INSERT, UPDATE, DELETE ON platform_network, platform_word TO mansio_admin;
GRANT USAGE ON SEQUENCE policy_word_id TO mansio_admin;
GRANT UPDATE (last_used, last_service, last_network) ON credential TO mansio_door;
GRANT EXECUTE ON FUNCTION standing_changed TO mansio_admin;

-- ---- administration of policy ----

-- A name, or a network: names begin with a letter and have no ':'.
CREATE FUNCTION network_is_name(p_network text) RETURNS boolean LANGUAGE sql IMMUTABLE AS
$$ SELECT p_network ~ '^[a-z][^:]*$' AND p_network <> 'unix' $$;

-- Whose words: of a scope's name. Raises if there is no such owner.
CREATE FUNCTION policy_owner(p_scope text, p_owner text, OUT plan_id bigint, OUT tenant_id bigint,
                             OUT domain_id bigint, OUT account_id bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_alias text;
BEGIN
    CASE p_scope
    WHEN 'platform' THEN
        RETURN;
    WHEN 'plan' THEN
        SELECT p.plan_id INTO plan_id FROM plan p WHERE p.name = p_owner;
    WHEN 'tenant' THEN
        SELECT t.tenant_id INTO tenant_id FROM tenant t WHERE t.name = p_owner;
    WHEN 'domain' THEN
        SELECT d.tenant_id, d.domain_id, r.name INTO tenant_id, domain_id, v_alias
        FROM domain d LEFT JOIN domain r ON r.tenant_id = d.tenant_id AND r.domain_id = d.alias_of
        WHERE d.name = p_owner;
        IF v_alias IS NOT NULL THEN
            RAISE EXCEPTION 'domain % is another name for %: expected that one, whose words hold',
                p_owner, v_alias USING ERRCODE = 'MN004';
        END IF;
    WHEN 'account' THEN
        SELECT a.tenant_id, a.account_id INTO tenant_id, account_id
        FROM domain d JOIN account a ON a.tenant_id = d.tenant_id AND a.domain_id = d.domain_id
        WHERE d.name = substring(p_owner from '@([^@]*)$')
          AND a.local = regexp_replace(p_owner, '@[^@]*$', '');
    ELSE
        RAISE EXCEPTION 'no scope %: expected platform, plan, tenant, domain or account', p_scope
            USING ERRCODE = 'MN004';
    END CASE;
    IF plan_id IS NULL AND tenant_id IS NULL THEN
        RAISE EXCEPTION 'no % %', p_scope, p_owner USING ERRCODE = 'MN001';
    END IF;
END
$$;

CREATE FUNCTION policy_verb_text(p_verb smallint) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT (ARRAY['allow', 'deny'])[p_verb] $$;

CREATE FUNCTION credential_kinds_text(p_bits integer) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT nullif(concat_ws(' ', CASE WHEN p_bits & 2 <> 0 THEN 'main' END,
                           CASE WHEN p_bits & 4 <> 0 THEN 'app' END,
                           CASE WHEN p_bits & 8 <> 0 THEN 'certificate' END), '') $$;

CREATE FUNCTION credential_kinds_bits(p_text text) RETURNS integer LANGUAGE sql IMMUTABLE AS
$$ SELECT coalesce(bit_or(1 << array_position(ARRAY['main', 'app', 'certificate'], k)), 0)
   FROM unnest(string_to_array(p_text, ' ')) k $$;

-- Words as they are listed: all, or one (p_scope not NULL).
CREATE FUNCTION policy_listed(p_scope text, p_owner text, p_service text)
RETURNS TABLE (sort text, key text, tenant text, scope text, service text, fields text[])
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    o record;
BEGIN
    SELECT NULL::bigint AS plan_id, NULL::bigint AS tenant_id, NULL::bigint AS domain_id,
           NULL::bigint AS account_id INTO o;
    IF p_scope IS NOT NULL THEN
        SELECT * INTO o FROM policy_owner(p_scope, p_owner);
    END IF;
    RETURN QUERY
    SELECT w.level || ' ' || w.owner || '/' || w.service,
           w.scope || CASE w.owner WHEN '' THEN '' ELSE ':' || w.owner END || '/' || w.service,
           w.tenant, w.scope, w.service,
           ARRAY[policy_verb_text(w.verb), w.is_locked::text, array_to_string(w.networks, ' '),
                 CASE w.tls WHEN 1 THEN 'required' WHEN 2 THEN 'absent' END,
                 array_to_string(w.mechanisms, ' '), credential_kinds_text(w.credentials),
                 w.hours, w.zone, nullif(w.tenant, ''), w.scope, w.service]
    FROM (
        SELECT CASE WHEN n.plan_id IS NULL THEN 1 ELSE 2 END AS level,
               CASE WHEN n.plan_id IS NULL THEN 'platform' ELSE 'plan' END AS scope,
               coalesce(p.name, '') AS owner, ''::text AS tenant, n.service, n.verb, n.is_locked,
               n.networks, n.tls, n.mechanisms, n.credentials, n.hours, n.zone
        FROM platform_word n LEFT JOIN plan p USING (plan_id)
        WHERE p_scope IS NULL OR p_scope IN ('platform', 'plan')
          AND coalesce(n.plan_id, 0) = coalesce(o.plan_id, 0) AND n.service = p_service
        UNION ALL
        SELECT CASE WHEN a.account_id IS NOT NULL THEN 5 WHEN d.domain_id IS NOT NULL THEN 4
                    ELSE 3 END,
               CASE WHEN a.account_id IS NOT NULL THEN 'account'
                    WHEN d.domain_id IS NOT NULL THEN 'domain' ELSE 'tenant' END,
               coalesce(a.local || '@' || ad.name, d.name, t.name), t.name, n.service, n.verb,
               n.is_locked, n.networks, n.tls, n.mechanisms, n.credentials, n.hours, n.zone
        FROM tenant_word n JOIN tenant t USING (tenant_id)
        LEFT JOIN domain d ON d.tenant_id = n.tenant_id AND d.domain_id = n.domain_id
        LEFT JOIN account a ON a.tenant_id = n.tenant_id AND a.account_id = n.account_id
        LEFT JOIN domain ad ON ad.tenant_id = a.tenant_id AND ad.domain_id = a.domain_id
        WHERE p_scope IS NULL OR n.tenant_id = o.tenant_id
          AND coalesce(n.domain_id, 0) = coalesce(o.domain_id, 0)
          AND coalesce(n.account_id, 0) = coalesce(o.account_id, 0) AND n.service = p_service) w;
END
$$;

-- Refuse networks' names that nobody gave.
CREATE FUNCTION networks_check(p_tenant bigint, p_networks text[]) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_missing text;
BEGIN
    SELECT min(n.name) INTO v_missing FROM unnest(p_networks) AS n (name)
    WHERE network_is_name(n.name)
      AND NOT EXISTS (SELECT FROM platform_network p WHERE p.name = n.name)
      AND NOT EXISTS (SELECT FROM tenant_network t WHERE t.tenant_id = p_tenant
                        AND t.name = n.name);
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'no network named %: expected one of `network list`, an address, "unix", '
            'or a network as "192.0.2.0/24"', v_missing USING ERRCODE = 'MN001';
    END IF;
END
$$;

-- How many networks are meant, names resolved as standings do it.
CREATE FUNCTION networks_count(p_tenant bigint, p_networks text[]) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT count(DISTINCT e.network)
    FROM unnest(p_networks) AS said (network)
    CROSS JOIN LATERAL (
        SELECT unnest(CASE WHEN network_is_name(said.network) THEN
            coalesce((SELECT t.networks FROM tenant_network t
                      WHERE t.tenant_id = p_tenant AND t.name = said.network),
                     (SELECT p.networks FROM platform_network p WHERE p.name = said.network))
            ELSE ARRAY[said.network] END)) AS e (network)
$$;

-- Refuse what nobody could read any more: these scopes' words (0: not of that kind), each with its
-- networks and all together, and how many there are. What five scopes may come to by these bounds
-- is what the gate keeps of a standing (core/host/standing_rules.c).
CREATE FUNCTION policy_bounds_check(p_plans bigint[], p_tenants bigint[], p_domains bigint[],
                                    p_accounts bigint[]) RETURNS void
LANGUAGE plpgsql STABLE SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    v_word_max CONSTANT integer := 2000;
    v_scope_max CONSTANT integer := 4000;
    v_services_max CONSTANT integer := 64;
    r record;
    v_scope text;
BEGIN
    WITH s AS MATERIALIZED (
        SELECT DISTINCT u.* FROM unnest(p_plans, p_tenants, p_domains, p_accounts)
            AS u (plan_id, tenant_id, domain_id, account_id)),
    w AS MATERIALIZED (
        SELECT s.*, n.service, n.networks
        FROM s CROSS JOIN LATERAL (SELECT p.* FROM platform_word p
                                   WHERE coalesce(p.plan_id, 0) = s.plan_id OFFSET 0) n
        WHERE s.tenant_id = 0
        UNION ALL
        SELECT s.*, n.service, n.networks
        FROM s CROSS JOIN LATERAL (SELECT t.* FROM tenant_word t
                                   WHERE t.tenant_id = s.tenant_id
                                     AND coalesce(t.domain_id, 0) = s.domain_id
                                     AND coalesce(t.account_id, 0) = s.account_id OFFSET 0) n
        WHERE s.tenant_id <> 0),
    m AS MATERIALIZED (
        SELECT d.tenant_id, d.networks, networks_count(d.tenant_id, d.networks) AS n
        FROM (SELECT DISTINCT w.tenant_id, w.networks FROM w WHERE w.networks IS NOT NULL) d),
    c AS (
        SELECT w.*, coalesce(m.n, 0) AS n, sum(m.n) OVER o AS total, count(*) OVER o AS services
        FROM w LEFT JOIN m ON m.tenant_id = w.tenant_id AND m.networks = w.networks
        WINDOW o AS (PARTITION BY w.plan_id, w.tenant_id, w.domain_id, w.account_id))
    SELECT c.* INTO r FROM c
    WHERE c.n > v_word_max OR c.total > v_scope_max OR c.services > v_services_max
    ORDER BY c.n DESC, c.service LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    v_scope := CASE
        WHEN r.account_id <> 0 THEN
            (SELECT 'account:' || a.local || '@' || d.name
             FROM account a JOIN domain d ON d.tenant_id = a.tenant_id AND d.domain_id = a.domain_id
             WHERE a.tenant_id = r.tenant_id AND a.account_id = r.account_id)
        WHEN r.domain_id <> 0 THEN
            (SELECT 'domain:' || d.name FROM domain d
             WHERE d.tenant_id = r.tenant_id AND d.domain_id = r.domain_id)
        WHEN r.tenant_id <> 0 THEN
            (SELECT 'tenant:' || t.name FROM tenant t WHERE t.tenant_id = r.tenant_id)
        WHEN r.plan_id <> 0 THEN
            (SELECT 'plan:' || p.name FROM plan p WHERE p.plan_id = r.plan_id)
        ELSE 'platform' END;
    IF r.n > v_word_max THEN
        RAISE EXCEPTION 'policy %/%: % networks, names resolved: expected at most %',
            v_scope, r.service, r.n, v_word_max USING ERRCODE = 'MN002';
    ELSIF r.total > v_scope_max THEN
        RAISE EXCEPTION 'policy of %: % networks in all its words, names resolved: expected at '
            'most %', v_scope, r.total, v_scope_max USING ERRCODE = 'MN002';
    END IF;
    RAISE EXCEPTION 'policy of %: words about % services: expected at most %',
        v_scope, r.services, v_services_max USING ERRCODE = 'MN002';
END
$$;

-- The same of all scopes whose words mean this network. p_tenant 0: the platform's.
CREATE FUNCTION network_bounds_check(p_tenant bigint, p_name text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
    s record;
BEGIN
    SELECT array_agg(n.plan_id) AS plans, array_agg(n.tenant_id) AS tenants,
           array_agg(n.domain_id) AS domains, array_agg(n.account_id) AS accounts INTO s
    FROM (SELECT coalesce(w.plan_id, 0) AS plan_id, 0::bigint AS tenant_id, 0::bigint AS domain_id,
                 0::bigint AS account_id
          FROM platform_word w WHERE p_tenant = 0 AND p_name = ANY (w.networks)
          UNION
          SELECT 0, w.tenant_id, coalesce(w.domain_id, 0), coalesce(w.account_id, 0)
          FROM tenant_word w
          WHERE p_name = ANY (w.networks)
            AND CASE p_tenant WHEN 0 THEN
                    NOT EXISTS (SELECT FROM tenant_network x
                                WHERE x.tenant_id = w.tenant_id AND x.name = p_name)
                ELSE w.tenant_id = p_tenant END) n;
    PERFORM policy_bounds_check(s.plans, s.tenants, s.domains, s.accounts);
END
$$;

-- Whether PostgreSQL knows a zone by name. Its view of them reads every file, 0.1 s; names without
-- digits can't be mistaken for a POSIX rule, so they are just tried.
CREATE FUNCTION zone_is_known(p_zone text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_zone ~ '^[A-Za-z_]+(/[A-Za-z_-]+)+$' OR p_zone = 'UTC' THEN
        PERFORM now() AT TIME ZONE p_zone;
        RETURN true;
    END IF;
    RETURN EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = p_zone);
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false;
END
$$;

-- Say a word: with a verb it replaces the one that was, conditions and all (the lock stays unless
-- something is said of it); without, it changes what is said of one that is there. 0: there is none.
CREATE FUNCTION policy_set(p_scope text, p_owner text, p_service text, f jsonb) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    o record; -- whose
    w record; -- the word as it was
    v_is_there boolean;
    v_is_new CONSTANT boolean := f ? 'verb';
    v_is_shared CONSTANT boolean := p_scope IN ('platform', 'plan');
BEGIN
    SELECT * INTO o FROM policy_owner(p_scope, p_owner);
    IF v_is_shared THEN
        SELECT n.* INTO w FROM platform_word n
        WHERE coalesce(n.plan_id, 0) = coalesce(o.plan_id, 0) AND n.service = p_service FOR UPDATE;
    ELSE
        SELECT n.* INTO w FROM tenant_word n
        WHERE n.tenant_id = o.tenant_id AND coalesce(n.domain_id, 0) = coalesce(o.domain_id, 0)
          AND coalesce(n.account_id, 0) = coalesce(o.account_id, 0) AND n.service = p_service
        FOR UPDATE;
    END IF;
    v_is_there := FOUND;
    IF NOT v_is_there AND NOT v_is_new THEN
        RETURN 0;
    END IF;
    w.verb := CASE WHEN v_is_new THEN CASE f->>'verb' WHEN 'allow' THEN 1 ELSE 2 END
                   ELSE w.verb END;
    w.is_locked := CASE WHEN f ? 'locked' THEN coalesce((f->>'locked')::boolean, false)
                        ELSE coalesce(w.is_locked, false) END;
    w.networks := CASE WHEN f ? 'networks' OR v_is_new THEN string_to_array(f->>'networks', ' ')
                       ELSE w.networks END;
    w.tls := CASE WHEN f ? 'tls' OR v_is_new
                  THEN coalesce(array_position(ARRAY['required', 'absent'], f->>'tls'), 0)
                  ELSE w.tls END;
    w.mechanisms := CASE WHEN f ? 'mechanisms' OR v_is_new
                         THEN string_to_array(f->>'mechanisms', ' ') ELSE w.mechanisms END;
    w.credentials := CASE WHEN f ? 'credentials' OR v_is_new
                          THEN credential_kinds_bits(f->>'credentials') ELSE w.credentials END;
    w.hours := CASE WHEN f ? 'hours' OR v_is_new THEN f->>'hours' ELSE w.hours END;
    w.zone := CASE WHEN f ? 'zone' OR v_is_new THEN f->>'zone' ELSE w.zone END;
    IF w.hours IS NOT NULL AND w.zone IS NULL THEN
        RAISE EXCEPTION 'hours without a zone: expected one as "Europe/Berlin" or "UTC"'
            USING ERRCODE = 'MN004';
    ELSIF w.zone IS NOT NULL AND w.hours IS NULL THEN
        RAISE EXCEPTION 'a zone without hours: expected some as "Mon-Fri 08:00-18:00"'
            USING ERRCODE = 'MN004';
    ELSIF f->>'zone' IS NOT NULL AND NOT zone_is_known(f->>'zone') THEN
        RAISE EXCEPTION 'no time zone %: expected a name as "Europe/Berlin" or "UTC"', f->>'zone'
            USING ERRCODE = 'MN004';
    END IF;
    PERFORM networks_check(o.tenant_id, w.networks);
    IF v_is_there AND v_is_shared THEN
        UPDATE platform_word n SET verb = w.verb, is_locked = w.is_locked, networks = w.networks,
            tls = w.tls, mechanisms = w.mechanisms, credentials = w.credentials, hours = w.hours,
            zone = w.zone, changed = clock_timestamp()
        WHERE n.word_id = w.word_id;
    ELSIF v_is_there THEN
        UPDATE tenant_word n SET verb = w.verb, is_locked = w.is_locked, networks = w.networks,
            tls = w.tls, mechanisms = w.mechanisms, credentials = w.credentials, hours = w.hours,
            zone = w.zone, changed = clock_timestamp()
        WHERE n.tenant_id = w.tenant_id AND n.word_id = w.word_id;
    ELSIF v_is_shared THEN
        INSERT INTO platform_word (plan_id, service, verb, is_locked, networks, tls, mechanisms,
                                   credentials, hours, zone)
        VALUES (o.plan_id, p_service, w.verb, w.is_locked, w.networks, w.tls, w.mechanisms,
                w.credentials, w.hours, w.zone);
    ELSE
        INSERT INTO tenant_word (tenant_id, domain_id, account_id, service, verb, is_locked,
                                 networks, tls, mechanisms, credentials, hours, zone)
        VALUES (o.tenant_id, o.domain_id, o.account_id, p_service, w.verb, w.is_locked, w.networks,
                w.tls, w.mechanisms, w.credentials, w.hours, w.zone);
    END IF;
    PERFORM policy_bounds_check(ARRAY[coalesce(o.plan_id, 0)], ARRAY[coalesce(o.tenant_id, 0)],
                                ARRAY[coalesce(o.domain_id, 0)], ARRAY[coalesce(o.account_id, 0)]);
    RETURN 1;
END
$$;

-- 0: there is none.
CREATE FUNCTION policy_remove(p_scope text, p_owner text, p_service text) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    o record;
BEGIN
    SELECT * INTO o FROM policy_owner(p_scope, p_owner);
    IF p_scope IN ('platform', 'plan') THEN
        DELETE FROM platform_word n
        WHERE coalesce(n.plan_id, 0) = coalesce(o.plan_id, 0) AND n.service = p_service;
    ELSE
        DELETE FROM tenant_word n
        WHERE n.tenant_id = o.tenant_id AND coalesce(n.domain_id, 0) = coalesce(o.domain_id, 0)
          AND coalesce(n.account_id, 0) = coalesce(o.account_id, 0) AND n.service = p_service;
    END IF;
    RETURN FOUND::integer;
END
$$;

-- A page of the accounts that a scope's words concern, by address.
CREATE FUNCTION policy_accounts(p_scope text, p_owner text, p_after text, p_most bigint)
RETURNS TABLE (sort text, tenant_id bigint, account_id bigint)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    o record;
BEGIN
    SELECT * INTO o FROM policy_owner(p_scope, p_owner);
    RETURN QUERY
    SELECT s.sort, s.tenant_id, s.account_id
    FROM (SELECT (d.name || '@' || a.local) COLLATE "C" AS sort, a.tenant_id, a.account_id
          FROM account a
          JOIN domain d ON d.tenant_id = a.tenant_id AND d.domain_id = a.domain_id
          JOIN tenant t ON t.tenant_id = a.tenant_id
          WHERE (o.tenant_id IS NULL OR a.tenant_id = o.tenant_id)
            AND (o.domain_id IS NULL OR a.domain_id = o.domain_id)
            AND (o.account_id IS NULL OR a.account_id = o.account_id)
            AND (o.plan_id IS NULL OR coalesce(a.plan_id, t.plan_id) = o.plan_id)) s
    WHERE s.sort > p_after ORDER BY s.sort LIMIT p_most;
END
$$;

-- Name networks, or name them anew. p_tenant '': the platform. 0: there is none to change, or no
-- such tenant.
CREATE FUNCTION network_add(p_tenant text, p_name text, f jsonb) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    v_tenant bigint := 0;
    v_count integer;
BEGIN
    IF p_tenant = '' THEN
        INSERT INTO platform_network (name, networks)
        VALUES (p_name, string_to_array(f->>'networks', ' '));
        v_count := 1;
    ELSE
        INSERT INTO tenant_network (tenant_id, name, networks)
        SELECT t.tenant_id, p_name, string_to_array(f->>'networks', ' ')
        FROM tenant t WHERE t.name = p_tenant
        RETURNING tenant_id INTO v_tenant;
        v_count := FOUND::integer;
    END IF;
    PERFORM network_bounds_check(v_tenant, p_name); -- a tenant's may stand before the platform's
    RETURN v_count;
END
$$;

CREATE FUNCTION network_set(p_tenant text, p_name text, f jsonb) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    v_tenant bigint := 0;
    v_count integer;
BEGIN
    IF p_tenant = '' THEN
        UPDATE platform_network n
        SET networks = coalesce(string_to_array(f->>'networks', ' '), n.networks)
        WHERE n.name = p_name;
        v_count := FOUND::integer;
    ELSE
        UPDATE tenant_network n
        SET networks = coalesce(string_to_array(f->>'networks', ' '), n.networks)
        FROM tenant t WHERE t.name = p_tenant AND n.tenant_id = t.tenant_id AND n.name = p_name
        RETURNING n.tenant_id INTO v_tenant;
        v_count := FOUND::integer;
    END IF;
    PERFORM network_bounds_check(v_tenant, p_name);
    RETURN v_count;
END
$$;

CREATE FUNCTION network_remove(p_tenant text, p_name text) RETURNS integer
LANGUAGE plpgsql AS $$
BEGIN
    IF p_tenant = '' THEN
        DELETE FROM platform_network n WHERE n.name = p_name;
    ELSE
        DELETE FROM tenant_network n USING tenant t
        WHERE t.name = p_tenant AND n.tenant_id = t.tenant_id AND n.name = p_name;
    END IF;
    RETURN FOUND::integer;
END
$$;

GRANT EXECUTE ON FUNCTION network_is_name TO mansio_door;
GRANT EXECUTE ON FUNCTION network_is_name, policy_owner, policy_verb_text, credential_kinds_text,
    credential_kinds_bits, policy_listed, networks_check, networks_count, policy_bounds_check,
    network_bounds_check, zone_is_known, policy_set, policy_remove,
    policy_accounts, network_add, network_set, network_remove TO mansio_admin;
