-- oldest: 2
-- Quotas of what an account does, beside what it keeps: sessions at once, messages and recipients in
-- an hour. The login tells them, and whose the domain is that was named. NULL: what comes next, at
-- last the configuration.
ALTER TABLE plan_quota ADD COLUMN sessions bigint, ADD COLUMN messages_hour bigint,
    ADD COLUMN recipients_hour bigint;
ALTER TABLE tenant_quota ADD COLUMN sessions bigint, ADD COLUMN messages_hour bigint,
    ADD COLUMN recipients_hour bigint;
ALTER TABLE account_quota ADD COLUMN sessions bigint, ADD COLUMN messages_hour bigint,
    ADD COLUMN recipients_hour bigint;

-- {sessions, messages_hour, recipients_hour}. Not in account_facts, whose columns older programs read
-- by their place. Run with the rights of the one that calls.
CREATE FUNCTION account_limits_of(p_tenant bigint, p_account bigint) RETURNS bigint[]
LANGUAGE sql STABLE AS $$
    SELECT ARRAY[coalesce(aq.sessions, apq.sessions, tq.sessions, tpq.sessions, 0),
                 coalesce(aq.messages_hour, apq.messages_hour, tq.messages_hour,
                          tpq.messages_hour, 0),
                 coalesce(aq.recipients_hour, apq.recipients_hour, tq.recipients_hour,
                          tpq.recipients_hour, 0)]
    FROM account a
    JOIN tenant t USING (tenant_id)
    LEFT JOIN account_quota aq ON aq.tenant_id = a.tenant_id AND aq.account_id = a.account_id
    LEFT JOIN plan_quota apq ON apq.plan_id = a.plan_id
    LEFT JOIN tenant_quota tq ON tq.tenant_id = a.tenant_id
    LEFT JOIN plan_quota tpq ON tpq.plan_id = t.plan_id
    WHERE a.tenant_id = p_tenant AND a.account_id = p_account
$$;

-- With the credentials' versions, the limits and the domain's tenant; the rest as it was.
DROP FUNCTION login_find(text, text);
CREATE FUNCTION login_find(p_local text, p_domain text)
RETURNS TABLE (facts account_facts, ids bigint[], kinds integer[], stored text[], scheme text,
               decoy bytea, is_scram_ready boolean, is_upgrading boolean, is_ours boolean,
               versions bigint[], limits bigint[], of_tenant bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = mansio, pg_temp AS $$
DECLARE
    v_domain record;
    v_tenant bigint;
    v_account bigint;
    v_read bigint;
    v_facts account_facts;
BEGIN
    SELECT * INTO v_domain FROM domain_meant(p_domain);
    v_tenant := v_domain.tenant_id;
    SELECT a.account_id INTO v_account FROM account a
    WHERE a.tenant_id = v_tenant AND a.domain_id = v_domain.domain_id AND a.local = p_local;
    -- For a name that is nobody's somebody's are read, and not told: the time tells nothing either.
    SELECT a.account_id INTO v_read FROM account a WHERE a.tenant_id = v_tenant
    ORDER BY a.account_id LIMIT 1;
    v_read := coalesce(v_account, v_read);
    v_facts := account_facts_of(v_tenant, v_read);
    v_facts.state := greatest(v_facts.state, v_domain.state); -- an alias has a state of its own
    RETURN QUERY
        SELECT CASE WHEN v_account IS NOT NULL THEN v_facts END,
               CASE WHEN v_account IS NOT NULL THEN c.ids END,
               CASE WHEN v_account IS NOT NULL THEN c.kinds END,
               CASE WHEN v_account IS NOT NULL THEN c.stored END,
               coalesce(t.password_scheme, p.password_scheme, ''),
               coalesce(t.decoy, p.decoy, ''),
               NOT EXISTS (SELECT FROM credential n
                           WHERE NOT n.has_scram AND (v_tenant IS NULL OR n.tenant_id = v_tenant)),
               coalesce(t.upgrade_passwords, p.upgrade_passwords, false), v_tenant IS NOT NULL,
               CASE WHEN v_account IS NOT NULL THEN c.versions END,
               CASE WHEN v_account IS NOT NULL THEN f.limits END, coalesce(v_tenant, 0)
        FROM (SELECT account_limits_of(v_tenant, v_read) AS limits OFFSET 0) f,
             (SELECT array_agg(k.credential_id ORDER BY k.label, k.credential_id) AS ids,
                     array_agg(CASE k.label WHEN '' THEN 1 ELSE 2 END
                               ORDER BY k.label, k.credential_id) AS kinds,
                     array_agg(k.stored ORDER BY k.label, k.credential_id) AS stored,
                     array_agg(k.version ORDER BY k.label, k.credential_id) AS versions
              FROM credential k WHERE k.tenant_id = v_tenant AND k.account_id = v_read) c
        LEFT JOIN tenant t ON t.tenant_id = v_tenant
        LEFT JOIN platform p ON true;
END
$$;

GRANT EXECUTE ON FUNCTION account_limits_of TO mansio_door;
GRANT CREATE ON SCHEMA mansio TO mansio_door;
RESET ROLE;
ALTER FUNCTION login_find OWNER TO mansio_door;
REVOKE ALL ON FUNCTION login_find FROM PUBLIC;
GRANT EXECUTE ON FUNCTION login_find TO mansio_serving;
SET LOCAL ROLE mansio_owner;
REVOKE CREATE ON SCHEMA mansio FROM mansio_door;
