-- What makes a key quick to verify, what makes a tenant's change visible at every hit, and how the proxy reads.
--
-- A migration that has been released is never edited, not even here: its checksum is part of every database it made.

SET LOCAL search_path = public;
SET LOCAL ROLE wardgate_owner;

-- A quick hash of the key beside a slow one: `hmac-sha256:<pepper id>:<hex>`, or `sha256:<hex>` of a key that was made here
-- and is too long to be guessed. It saves the slow hash and replaces it nowhere.
ALTER TABLE api_keys ADD COLUMN verifier text COLLATE "C"
    CHECK (verifier ~ '^(hmac-sha256:[^:]+|sha256):[0-9a-f]{64}$');

-- Two tenants in one schema would read each other's data.
DO $$
DECLARE
    reach text := current_setting('app.current_tenant_id', true);
    twice text;
BEGIN
    PERFORM set_config('app.current_tenant_id', '*', true);
    SELECT string_agg(DISTINCT format('%I', db_schema_name), ', ') INTO twice FROM (
        SELECT db_schema_name FROM tenants WHERE db_schema_name IS NOT NULL GROUP BY db_schema_name HAVING count(*) > 1
    ) AS shared;
    PERFORM set_config('app.current_tenant_id', reach, true);
    IF twice IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'WG001',
            MESSAGE = format('several tenants have the same db_schema_name (%s): give each its own, or none', twice);
    END IF;
END
$$;

CREATE UNIQUE INDEX tenants_by_schema ON tenants (db_schema_name);

-- A tenant's epoch goes up with everything that changes in it, unless the same update sets it.
CREATE FUNCTION wardgate_bump_epoch() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.epoch := OLD.epoch + 1;
    RETURN NEW;
END
$$;

CREATE TRIGGER tenant_epoch BEFORE UPDATE ON tenants FOR EACH ROW
    WHEN (NEW.epoch = OLD.epoch AND (NEW.id, NEW.slug, NEW.name, NEW.db_schema_name, NEW.status, NEW.policy, NEW.created_at)
        IS DISTINCT FROM (OLD.id, OLD.slug, OLD.name, OLD.db_schema_name, OLD.status, OLD.policy, OLD.created_at))
    EXECUTE FUNCTION wardgate_bump_epoch();

-- A verifier goes with the hash that it was made beside.
CREATE FUNCTION wardgate_clear_verifier() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.verifier := NULL;
    RETURN NEW;
END
$$;

CREATE TRIGGER key_verifier BEFORE UPDATE OF hashed_key ON api_keys FOR EACH ROW
    WHEN (NEW.hashed_key <> OLD.hashed_key AND NEW.verifier IS NOT DISTINCT FROM OLD.verifier)
    EXECUTE FUNCTION wardgate_clear_verifier();

-- --- What the proxy may ask ---------------------------------------------------------------------------------------
--
-- All of it: the proxy's role has no privilege on any table of tenants. Each function takes the platform's reach for
-- one statement of its own, and hands the caller's back; each is one round trip, and needs no session.

-- The candidates for presented keys, each with its tenant, none twice. A public id, a hash or an id finds nine keys at
-- most, so that no crowd behind one of them makes the answer large; the caller takes nine for too many.
CREATE FUNCTION wardgate_find_keys(public_ids text[], hashes text[], ids text[]) RETURNS TABLE (
    key_id text, key_prefix text, hashed_key text, verifier text, key_name text, scopes text[], models text[],
    expires_at timestamptz, revoked_at timestamptz, last_used_at timestamptz, last_used_from text,
    key_created_at timestamptz, created_by text, canary boolean, key_version bigint,
    tenant_id text, slug text, tenant_name text, db_schema_name text, status text, policy jsonb, epoch bigint,
    tenant_created_at timestamptz, tenant_version bigint
)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    reach text := current_setting('app.current_tenant_id', true);
BEGIN
    PERFORM set_config('app.current_tenant_id', '*', true);
    RETURN QUERY
        WITH hits AS MATERIALIZED (
            SELECT hit.id FROM unnest(public_ids) AS wanted CROSS JOIN LATERAL
                (SELECT k.id FROM public.api_keys k WHERE k.key_prefix = wanted LIMIT 9) AS hit
            UNION
            SELECT hit.id FROM unnest(hashes) AS wanted CROSS JOIN LATERAL
                (SELECT k.id FROM public.api_keys k WHERE k.hashed_key = wanted LIMIT 9) AS hit
            UNION
            SELECT hit.id FROM unnest(ids) AS wanted CROSS JOIN LATERAL
                (SELECT k.id FROM public.api_keys k WHERE k.id = wanted LIMIT 9) AS hit
        )
        SELECT k.id, k.key_prefix, k.hashed_key, k.verifier, k.name, k.scopes, k.models, k.expires_at, k.revoked_at,
            k.last_used_at, k.last_used_from, k.created_at, k.created_by, k.canary, k.version,
            t.id, t.slug, t.name, t.db_schema_name, t.status, t.policy, t.epoch, t.created_at, t.version
        FROM hits CROSS JOIN LATERAL (SELECT o.* FROM public.api_keys o WHERE o.id = hits.id LIMIT 1) AS k
        CROSS JOIN LATERAL (SELECT o.* FROM public.tenants o WHERE o.id = k.tenant_id LIMIT 1) AS t;
    PERFORM set_config('app.current_tenant_id', reach, true);
END
$$;

-- Tenants by id and by slug, none twice.
CREATE FUNCTION wardgate_find_tenants(ids text[], slugs text[]) RETURNS TABLE (
    tenant_id text, slug text, tenant_name text, db_schema_name text, status text, policy jsonb, epoch bigint,
    tenant_created_at timestamptz, tenant_version bigint
)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    reach text := current_setting('app.current_tenant_id', true);
BEGIN
    PERFORM set_config('app.current_tenant_id', '*', true);
    RETURN QUERY
        WITH hits AS MATERIALIZED (
            SELECT hit.id FROM unnest(ids) AS wanted CROSS JOIN LATERAL
                (SELECT t.id FROM public.tenants t WHERE t.id = wanted LIMIT 1) AS hit
            UNION
            SELECT hit.id FROM unnest(slugs) AS wanted CROSS JOIN LATERAL
                (SELECT t.id FROM public.tenants t WHERE t.slug = wanted LIMIT 1) AS hit
        )
        SELECT t.id, t.slug, t.name, t.db_schema_name, t.status, t.policy, t.epoch, t.created_at, t.version
        FROM hits CROSS JOIN LATERAL (SELECT o.* FROM public.tenants o WHERE o.id = hits.id LIMIT 1) AS t;
    PERFORM set_config('app.current_tenant_id', reach, true);
END
$$;

-- What changed since a reader last asked. The reader comes back with `next`, which says what transactions it has seen the
-- end of (pg_snapshot), and is told what those announced that have ended since: each change once, and none is missed
-- whose number is lower than one that was told before. Behind it stand the newest change that there was, and the history
-- that it is part of (server, timeline, database): by these a database is told apart from one that was restored, or that
-- took another's place without having all it had, and that gives the same numbers to other transactions.
--
-- Always a row, for `next` and `known`; its other columns are null where there is nothing to tell. `known` is false where
-- `since` is none of this database's: the reader knows nothing then, and forgets everything. As many rows as were asked
-- for at most are more than the reader can follow, which is the same to it. `age` is in seconds, by the server's clock.
CREATE FUNCTION wardgate_changes(since text, max_rows integer) RETURNS TABLE (
    next text, known boolean, seq bigint, kind text, id text, age double precision
)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    reach text := current_setting('app.current_tenant_id', true);
    seen  pg_snapshot := split_part(since, ' ', 1)::pg_snapshot;
    -- Its number and its transaction, or nothing where there was no change.
    last  text := split_part(since, ' ', 2);
    line  text;
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION USING ERRCODE = 'read_only_sql_transaction', MESSAGE = 'a standby may be behind what was announced';
    END IF;
    line := (SELECT system_identifier FROM pg_control_system()) || ':' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
        || ':' || (SELECT oid FROM pg_database WHERE datname = current_database());
    PERFORM set_config('app.current_tenant_id', '*', true);
    RETURN QUERY
        WITH head AS MATERIALIZED (
            SELECT pg_current_snapshot()::text || ' '
                    || coalesce((SELECT c.seq || ':' || c.xid FROM public.changes c ORDER BY c.seq DESC LIMIT 1), '')
                    || ' ' || line AS next,
                coalesce(split_part(since, ' ', 3) = line, false)
                    AND pg_snapshot_xmax(seen) <= pg_snapshot_xmax(pg_current_snapshot())
                    AND (last = '' OR EXISTS (SELECT FROM public.changes c
                        WHERE c.seq = split_part(last, ':', 1)::bigint AND c.xid = split_part(last, ':', 2)::xid8)) AS known
        ), fresh AS MATERIALIZED (
            SELECT c.seq, c.kind, c.id, extract(epoch FROM clock_timestamp() - c.announced_at)::double precision AS age
            FROM public.changes c
            WHERE c.xid >= pg_snapshot_xmin(seen) AND NOT pg_visible_in_snapshot(c.xid, seen)
            LIMIT max_rows
        )
        SELECT head.next, head.known, fresh.seq, fresh.kind, fresh.id, fresh.age
        FROM head LEFT JOIN fresh ON head.known
        ORDER BY fresh.seq;
    PERFORM set_config('app.current_tenant_id', reach, true);
END
$$;

-- Notes when and from where keys were last used. A time never moves back, and none is in the future, from where no use
-- would move it again. A key that is gone is passed over, and so is one in another's hands: nobody waits, and no batch is
-- lost for one of its rows.
CREATE FUNCTION wardgate_touch_keys(ids text[], at timestamptz[], used_from text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reach text := current_setting('app.current_tenant_id', true);
BEGIN
    PERFORM set_config('app.current_tenant_id', '*', true);
    WITH used AS MATERIALIZED (
        SELECT DISTINCT ON (u.id) u.id, least(u.at, now()) AS at, u.used_from
        FROM unnest(ids, at, used_from) AS u (id, at, used_from)
        WHERE u.at IS NOT NULL ORDER BY u.id, u.at DESC
    ), locked AS MATERIALIZED (
        SELECT k.id FROM public.api_keys k WHERE k.id = ANY (ids) FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE public.api_keys k SET last_used_at = used.at, last_used_from = nullif(used.used_from, '')
    FROM used JOIN locked ON locked.id = used.id
    WHERE k.id = locked.id AND (k.last_used_at IS NULL OR k.last_used_at < used.at);
    PERFORM set_config('app.current_tenant_id', reach, true);
END
$$;

-- Notes verifiers of keys whose bcrypt hash was just verified: only beside that very hash, and only where there is none
-- yet or one of another pepper. A key in another's hands is passed over here too.
CREATE FUNCTION wardgate_note_verifiers(ids text[], hashed_keys text[], verifiers text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reach text := current_setting('app.current_tenant_id', true);
BEGIN
    PERFORM set_config('app.current_tenant_id', '*', true);
    WITH made AS MATERIALIZED (
        SELECT DISTINCT ON (v.id) v.id, v.hashed_key, v.verifier
        FROM unnest(ids, hashed_keys, verifiers) AS v (id, hashed_key, verifier)
        WHERE v.verifier ~ '^hmac-sha256:[^:]+:[0-9a-f]{64}$' ORDER BY v.id
    ), locked AS MATERIALIZED (
        SELECT k.id FROM public.api_keys k WHERE k.id = ANY (ids) FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE public.api_keys k SET verifier = made.verifier
    FROM made JOIN locked ON locked.id = made.id
    WHERE k.id = locked.id AND k.hashed_key = made.hashed_key AND k.hashed_key LIKE '$2%'
        AND (k.verifier IS NULL OR split_part(k.verifier, ':', 2) <> split_part(made.verifier, ':', 2));
    PERFORM set_config('app.current_tenant_id', reach, true);
END
$$;

GRANT EXECUTE ON FUNCTION wardgate_find_keys(text[], text[], text[]), wardgate_find_tenants(text[], text[]),
    wardgate_changes(text, integer), wardgate_touch_keys(text[], timestamptz[], text[]),
    wardgate_note_verifiers(text[], text[], text[]) TO wardgate_admin, wardgate_proxy;

RESET ROLE;
SET LOCAL search_path TO DEFAULT;
