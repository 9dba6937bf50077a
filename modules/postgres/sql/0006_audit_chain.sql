-- oldest: 2
-- The audit log as a chain of hashes: a row that is changed, removed or put in between doesn't fit.

-- The last row's: without it, rows cut off at the end wouldn't be missed.
CREATE TABLE audit_head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    audit_id bigint NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32)
);
GRANT SELECT, UPDATE ON audit_head TO mansio_admin;

-- Of a row: SHA-256 over the previous row's, then each column as "LENGTH:TEXT," or "-,"; times in
-- microseconds. So no two rows have one text.
CREATE FUNCTION audit_hash(p audit) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(p.previous || convert_to(string_agg(
               coalesce(octet_length(c.value) || ':' || c.value, '-') || ',' , '' ORDER BY c.n),
               'UTF8'))
    FROM unnest(ARRAY[p.audit_id::text, (extract(epoch FROM p.at) * 1000000)::bigint::text,
                      p.actor, p.action, p.kind, p.object, p.tenant, p.before::text, p.after::text,
                      p.reason]) WITH ORDINALITY AS c (value, n)
$$;
GRANT EXECUTE ON FUNCTION audit_hash TO mansio_admin;

-- Rows of before, in their order.
DO $$
DECLARE
    r audit;
    v_last bytea := decode(repeat('00', 32), 'hex');
    v_id bigint := 0;
BEGIN
    FOR r IN SELECT * FROM audit ORDER BY audit_id LOOP
        r.previous := v_last;
        v_last := audit_hash(r);
        v_id := r.audit_id;
        UPDATE audit SET previous = r.previous, hash = v_last WHERE audit_id = v_id;
    END LOOP;
    INSERT INTO audit_head (audit_id, hash) VALUES (v_id, v_last);
END
$$;
ALTER TABLE audit ALTER COLUMN previous SET NOT NULL, ALTER COLUMN hash SET NOT NULL;

-- One writer at a time, numbers without gaps, whatever a row says of itself.
CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_head audit_head;
BEGIN
    SELECT * INTO STRICT v_head FROM audit_head FOR UPDATE;
    NEW.audit_id := v_head.audit_id + 1;
    NEW.previous := v_head.hash;
    NEW.hash := audit_hash(NEW);
    UPDATE audit_head SET audit_id = NEW.audit_id, hash = NEW.hash;
    RETURN NEW;
END
$$;
CREATE TRIGGER chain BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_chain();
