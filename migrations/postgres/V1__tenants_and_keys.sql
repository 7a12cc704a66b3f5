-- Tenants, their keys, and the feed that tells caches what changed; and who may see which rows of them.
--
-- A migration that has been released is never edited, not even here: its checksum is part of every database it made.
-- Whatever migrations refuse they refuse with SQLSTATE WG001 and a message that an operator can act on. Of the values of
-- rows it names schemas alone.

SET LOCAL search_path = public;

-- --- Roles --------------------------------------------------------------------------------------------------------
--
-- Nobody logs in as one of these. `wardgate_owner` owns every table and function and is what migrations run as;
-- `wardgate_admin` is what commands and the admin API become, inside a transaction that says whom it is for;
-- `wardgate_proxy` may call a few functions and touch no table.
--
-- Roles belong to the whole server, so another database's migration may be making them at this moment. What this login
-- may not do is told in one go, as the statements that a DBA runs.
DO $$
DECLARE
    roles    text[] := '{wardgate_owner,wardgate_admin,wardgate_proxy}';
    database text := current_database();
    -- What a member may do depends on the grant since PostgreSQL 16, and on the member before.
    by_grant boolean := current_setting('server_version_num')::int >= 160000;
    needed   text[] := CASE WHEN by_grant THEN '{USAGE,SET}' ELSE '{USAGE}' END;
    missing  text[] := '{}';
    one      text;
    fits     boolean;
BEGIN
    FOREACH one IN ARRAY roles LOOP
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = one AND (rolsuper OR rolbypassrls)) THEN
            RAISE EXCEPTION USING ERRCODE = 'WG001',
                MESSAGE = format('the role %I passes by row-level security: run `ALTER ROLE %1$I NOSUPERUSER NOBYPASSRLS`', one);
        END IF;
        IF to_regrole(one) IS NULL THEN
            missing := array_append(missing, format('CREATE ROLE %I NOLOGIN', one));
        END IF;
        IF to_regrole(one) IS NULL OR NOT (SELECT bool_and(pg_has_role(current_user, one, p)) FROM unnest(needed) p) THEN
            missing := array_append(missing, format('GRANT %I TO %I', one, current_user)
                || CASE WHEN by_grant THEN ' WITH INHERIT TRUE, SET TRUE' ELSE '' END);
        END IF;
    END LOOP;
    IF NOT by_grant AND EXISTS (SELECT FROM pg_roles WHERE rolname = current_user AND NOT rolinherit AND NOT rolsuper) THEN
        missing := array_append(missing, format('ALTER ROLE %I INHERIT', current_user));
    END IF;
    -- The owner makes tables in the schema `public`, and a schema for each tenant.
    IF to_regrole('wardgate_owner') IS NULL OR NOT (has_schema_privilege('wardgate_owner', 'public', 'USAGE')
        AND has_schema_privilege('wardgate_owner', 'public', 'CREATE')) THEN
        missing := array_append(missing, 'GRANT USAGE, CREATE ON SCHEMA public TO wardgate_owner');
    END IF;
    IF to_regrole('wardgate_owner') IS NULL OR NOT has_database_privilege('wardgate_owner', database, 'CREATE') THEN
        missing := array_append(missing, format('GRANT CREATE ON DATABASE %I TO wardgate_owner', database));
    END IF;
    FOREACH one IN ARRAY roles[2:] LOOP
        IF to_regrole(one) IS NULL OR NOT has_schema_privilege(one, 'public', 'USAGE') THEN
            missing := array_append(missing, format('GRANT USAGE ON SCHEMA public TO %I', one));
        END IF;
    END LOOP;
    FOREACH one IN ARRAY missing LOOP
        BEGIN
            EXECUTE one;
        EXCEPTION
            WHEN insufficient_privilege OR undefined_object OR duplicate_object OR unique_violation THEN NULL;
        END;
    END LOOP;
    SELECT bool_and(to_regrole(r) IS NOT NULL) INTO fits FROM unnest(roles) r;
    IF fits THEN
        SELECT bool_and(pg_has_role(current_user, r, p) AND has_schema_privilege(r, 'public', 'USAGE'))
            AND has_schema_privilege('wardgate_owner', 'public', 'CREATE')
            AND has_database_privilege('wardgate_owner', database, 'CREATE')
            INTO fits FROM unnest(roles) r CROSS JOIN unnest(needed) p;
    END IF;
    IF NOT fits THEN
        RAISE EXCEPTION USING ERRCODE = 'WG001',
            MESSAGE = format('the login %I may not make Wardgate''s roles, or not give them what they need: let a DBA run '
                'in this database `%s`', current_user, array_to_string(missing, '; '));
    END IF;
END
$$;

-- --- An earlier database's tables ---------------------------------------------------------------------------------
--
-- Tables `tenants` and `api_keys` that stand here already are taken over in place: every row stays, columns get our
-- types, missing ones are added, and columns that we do not know are left alone. Four steps, none of which does
-- anything to a database without such tables.

-- 1. What would be in the way is refused or taken down.
DO $$
DECLARE
    ours   regclass[] := array_remove(ARRAY[to_regclass('public.tenants'), to_regclass('public.api_keys')], NULL);
    -- Columns that are converted; by these names later columns of ours are known too.
    known  text[] := '{id,name,slug,db_schema_name,status,created_at,tenant_id,key_prefix,hashed_key,scopes,models,'
        'expires_at,revoked_at,last_used_at}';
    ahead  text[] := '{policy,epoch,version,created_by,last_used_from,canary,verifier}';
    found  record;
BEGIN
    IF cardinality(ours) = 0 THEN
        RETURN;
    END IF;
    FOR found IN SELECT needed.name, needed.attname
        FROM (VALUES ('tenants', 'id'), ('api_keys', 'hashed_key'), ('api_keys', 'tenant_id')) AS needed (name, attname)
        WHERE to_regclass('public.' || needed.name) = ANY (ours) AND NOT EXISTS (SELECT FROM pg_attribute a
            WHERE a.attrelid = to_regclass('public.' || needed.name) AND a.attname = needed.attname) LOOP
        RAISE EXCEPTION USING ERRCODE = 'WG001',
            MESSAGE = format('the table %I is there and has no column %I, so it is not what Wardgate could take over: name another '
                'database', found.name, found.attname);
    END LOOP;
    FOR found IN SELECT oid::regclass AS name, relkind FROM pg_class WHERE oid = ANY (ours) AND relkind <> 'r' LOOP
        RAISE EXCEPTION USING ERRCODE = 'WG001', MESSAGE = format('%s is no plain table, and only such are taken over', found.name);
    END LOOP;
    FOR found IN SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relname IN ('changes', 'users', 'refresh_tokens', 'revoked_tokens', 'idempotency_keys') LOOP
        RAISE EXCEPTION USING ERRCODE = 'WG001',
            MESSAGE = format('the table %I is there already, and Wardgate makes one of that name: rename it first', found.name);
    END LOOP;
    FOR found IN SELECT oid::regclass AS name FROM pg_class WHERE oid = ANY (ours) AND NOT pg_has_role(relowner, 'USAGE') LOOP
        RAISE EXCEPTION USING ERRCODE = 'WG001',
            MESSAGE = format('the table %s belongs to another role: let a DBA run `ALTER TABLE %1$s OWNER TO %I`', found.name,
                current_user);
    END LOOP;
    FOR found IN SELECT DISTINCT r.ev_class::regclass AS reader, d.refobjid::regclass AS name
        FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = ANY (ours) AND r.ev_class <> ALL (ours) LOOP
        RAISE EXCEPTION USING ERRCODE = 'WG001',
            MESSAGE = format('the view %s reads %s: drop it, and make it again afterwards', found.reader, found.name);
    END LOOP;
    -- They would run as the owner and within the platform's reach, with whatever code an earlier role gives them.
    FOR found IN SELECT 'trigger' AS kind, tgname AS called, tgrelid::regclass AS name FROM pg_trigger
            WHERE tgrelid = ANY (ours) AND NOT tgisinternal
        UNION ALL SELECT 'rule', rulename, ev_class::regclass FROM pg_rewrite WHERE ev_class = ANY (ours) LOOP
        RAISE EXCEPTION USING ERRCODE = 'WG001',
            MESSAGE = format('the %s %I of %s would see every tenant: drop it, and look at what it did', found.kind, found.called,
                found.name);
    END LOOP;
    FOR found IN SELECT c.conname, c.conrelid::regclass AS child, c.confrelid::regclass AS name FROM pg_constraint c
        WHERE c.contype = 'f' AND c.confrelid = ANY (ours)
            AND NOT (c.conrelid = ANY (ours) AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.conrelid
                AND a.attnum = ANY (c.conkey) AND a.attname = 'tenant_id')) LOOP
        RAISE EXCEPTION USING ERRCODE = 'WG001',
            MESSAGE = format('%s refers to %s by the foreign key %I, and ids become text: drop that key, migrate, and make it '
                'again with a column of type text', found.child, found.name, found.conname);
    END LOOP;
    -- Foreign keys, checks of the old values, and grants and policies by which others would go on to see every tenant.
    FOR found IN SELECT c.conrelid::regclass AS name, c.conname FROM pg_constraint c WHERE c.conrelid = ANY (ours)
        AND c.contype IN ('f', 'c') AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.conrelid
            AND a.attnum = ANY (c.conkey) AND a.attname = ANY (known || ahead)) ORDER BY c.contype DESC LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.name, found.conname);
    END LOOP;
    FOR found IN SELECT polrelid::regclass AS name, polname FROM pg_policy WHERE polrelid = ANY (ours) LOOP
        EXECUTE format('DROP POLICY %I ON %s', found.polname, found.name);
    END LOOP;
    FOR found IN SELECT c.oid::regclass AS name, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END AS grantee
        FROM pg_class c CROSS JOIN LATERAL (SELECT DISTINCT grantee FROM aclexplode(c.relacl)) g
        WHERE c.oid = ANY (ours) AND g.grantee <> c.relowner LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %s CASCADE', found.name, found.grantee);
    END LOOP;
    FOR found IN SELECT a.attrelid::regclass AS name, a.attname, a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS must,
            a.attname = ANY (ahead) AS is_ahead
        FROM pg_attribute a WHERE a.attrelid = ANY (ours) AND a.attnum > 0 AND NOT a.attisdropped
            AND a.attname <> ALL (known) LOOP
        -- We fill no column that we do not know.
        IF found.must THEN
            EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', found.name, found.attname);
        END IF;
        -- Of another meaning than ours, whatever it is.
        IF found.is_ahead THEN
            EXECUTE format('ALTER TABLE %s RENAME COLUMN %I TO %I', found.name, found.attname, 'earlier_' || found.attname);
        END IF;
    END LOOP;
    FOR found IN SELECT oid::regclass AS name FROM pg_class WHERE oid = ANY (ours) LOOP
        EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY', found.name);
        EXECUTE format('ALTER TABLE %s OWNER TO wardgate_owner', found.name);
    END LOOP;
END
$$;

-- The history of migrations tells every replica whether it fits the database; only migrations write it.
DO $$
BEGIN
    IF to_regclass('public.refinery_schema_history') IS NOT NULL THEN
        ALTER TABLE public.refinery_schema_history OWNER TO wardgate_owner;
        GRANT SELECT ON public.refinery_schema_history TO wardgate_admin, wardgate_proxy;
    END IF;
END
$$;

SET LOCAL ROLE wardgate_owner;

-- Nobody may call a function unless it is given to them. PostgreSQL gives every new function to everybody.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- 2. Each column gets the type that it has in a new database. A time without a zone is meant in UTC, a number counts
-- seconds.
DO $$
DECLARE
    found  record;
    how    text;
    number bigint;
BEGIN
    FOR found IN
        SELECT spec.name, spec.kind, a.attname, base.typname, a.attrelid::regclass AS relation,
            base.typtype = 'e' OR base.typname IN ('text', 'varchar', 'bpchar') AS is_text,
            base.typname IN ('int2', 'int4', 'int8') AS is_whole
        FROM (VALUES
            ('tenants', 'id', 'id'), ('tenants', 'name', 'text'), ('tenants', 'slug', 'text'),
            ('tenants', 'db_schema_name', 'text'), ('tenants', 'status', 'status'), ('tenants', 'created_at', 'time'),
            ('api_keys', 'id', 'id'), ('api_keys', 'tenant_id', 'id'), ('api_keys', 'key_prefix', 'text'),
            ('api_keys', 'hashed_key', 'hash'), ('api_keys', 'name', 'text'), ('api_keys', 'scopes', 'list'),
            ('api_keys', 'models', 'list'), ('api_keys', 'expires_at', 'time'), ('api_keys', 'revoked_at', 'time'),
            ('api_keys', 'last_used_at', 'time'), ('api_keys', 'created_at', 'time')
        ) AS spec (name, attname, kind)
        JOIN pg_attribute a ON a.attrelid = to_regclass('public.' || spec.name) AND a.attname = spec.attname
        JOIN pg_type t ON t.oid = a.atttypid
        JOIN pg_type base ON base.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
    LOOP
        how := CASE
            WHEN found.kind = 'time' AND found.typname IN ('timestamptz', 'timestamp', 'date')
                THEN format('%I::timestamp AT TIME ZONE %L', found.attname, 'UTC')
            WHEN found.kind = 'time' AND (found.is_whole OR found.typname IN ('numeric', 'float8'))
                THEN format('to_timestamp(%I::float8)', found.attname)
            WHEN found.kind = 'list' AND found.typname IN ('_text', '_varchar') THEN format('%I::text[]', found.attname)
            WHEN found.kind = 'id' AND (found.is_text OR found.is_whole OR found.typname = 'uuid')
                THEN format('%I::text', found.attname)
            -- What we cannot tell for active is not let in.
            WHEN found.kind = 'status' AND found.is_text
                THEN format('CASE WHEN lower(%I::text) IN (''active'', ''pending_provisioning'', ''deleted'') '
                    'THEN lower(%1$I::text) ELSE ''suspended'' END', found.attname)
            -- Hashes describe themselves here; the earlier tables held bare SHA-256 digests beside bcrypt hashes.
            WHEN found.kind = 'hash' AND found.is_text
                THEN format('CASE WHEN %I::text ~ ''^[0-9A-Fa-f]{64}$'' THEN ''sha256:'' || lower(%1$I::text) '
                    'ELSE %1$I::text END', found.attname)
            WHEN found.kind = 'text' AND found.is_text THEN format('%I::text', found.attname)
        END;
        IF found.typname = 'timestamptz' AND how IS NOT NULL THEN
            how := format('%I', found.attname);
        END IF;
        IF how IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'WG001',
                MESSAGE = format('the column %I of %s has the type %s, and of that nothing can be made that Wardgate reads',
                    found.attname, found.relation, found.typname);
        END IF;
        -- Seconds reach 1e12 long after the year 9999, milliseconds did in 2001: an end that was meant in them would never come.
        IF starts_with(how, 'to_timestamp') THEN
            EXECUTE format('SELECT count(*) FROM %s WHERE abs(%I::float8) >= 1e12 AND abs(%2$I::float8) <> ''Infinity''',
                found.relation, found.attname) INTO number;
            IF number > 0 THEN
                RAISE EXCEPTION USING ERRCODE = 'WG001',
                    MESSAGE = format('%s rows of %s have a %I that is too large for seconds, as milliseconds are: convert the '
                        'column to seconds or to timestamptz first', number, found.relation, found.attname);
            END IF;
        END IF;
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP IDENTITY IF EXISTS', found.relation, found.attname);
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', found.relation, found.attname);
        BEGIN
            EXECUTE format('ALTER TABLE %s ALTER COLUMN %I TYPE %s USING %s', found.relation, found.attname, CASE found.kind
                WHEN 'time' THEN 'timestamptz' WHEN 'list' THEN 'text[]' ELSE 'text COLLATE "C"' END, how);
        EXCEPTION
            WHEN feature_not_supported OR datatype_mismatch OR undefined_function THEN
                RAISE EXCEPTION USING ERRCODE = 'WG001',
                    MESSAGE = format('the column %I of %s cannot get another type: %s', found.attname, found.relation, SQLERRM);
        END;
    END LOOP;
END
$$;

-- 3. Values that only the earlier tables allowed get their nearest meaning, or are told.
DO $$
DECLARE
    found  record;
    number bigint;
    wanted text;
    free   text;
BEGIN
    IF to_regclass('public.tenants') IS NOT NULL THEN
        ALTER TABLE tenants ADD COLUMN IF NOT EXISTS slug text COLLATE "C";
        ALTER TABLE tenants ADD COLUMN IF NOT EXISTS name text COLLATE "C";
        ALTER TABLE tenants ADD COLUMN IF NOT EXISTS db_schema_name text COLLATE "C";
        ALTER TABLE tenants ADD COLUMN IF NOT EXISTS status text COLLATE "C";
        ALTER TABLE tenants ADD COLUMN IF NOT EXISTS policy jsonb NOT NULL DEFAULT '{}';
        ALTER TABLE tenants ADD COLUMN IF NOT EXISTS epoch bigint NOT NULL DEFAULT 0;
        ALTER TABLE tenants ADD COLUMN IF NOT EXISTS created_at timestamptz;
        SELECT count(*) INTO number FROM tenants WHERE id IS NULL OR id !~ '^[A-Za-z0-9._:-]{1,128}$';
        IF number > 0 THEN
            RAISE EXCEPTION USING ERRCODE = 'WG001',
                MESSAGE = format('%s tenants have an id that is not 1 to 128 letters, digits or `._:-`', number);
        END IF;
        UPDATE tenants SET name = coalesce(nullif(btrim(name), ''), id), status = coalesce(status, 'suspended'),
            -- A schema that no tenant may have: what names one is read by nobody, and the tenant's keys neither.
            db_schema_name = CASE WHEN db_schema_name ~ '^[a-z_][a-z0-9_]{0,62}$'
                AND db_schema_name NOT IN ('public', 'information_schema') AND NOT starts_with(db_schema_name, 'pg_')
                THEN db_schema_name END,
            created_at = CASE WHEN isfinite(created_at) THEN created_at ELSE date_trunc('second', now()) END;
        -- A slug that is good stays. The others are made of the name as a new tenant's is, in the order of the tenants.
        FOR found IN SELECT id, coalesce(nullif(btrim(slug), ''), name) AS words FROM tenants t
            WHERE slug IS NULL OR slug !~ '^[a-z0-9][a-z0-9_-]{0,62}$'
                OR EXISTS (SELECT FROM tenants o WHERE o.slug = t.slug AND o.id < t.id)
            ORDER BY created_at, id LOOP
            wanted := btrim(left(btrim(regexp_replace(lower(found.words COLLATE "C"), '[^a-z0-9]+', '-', 'g'), '-'), 63), '-');
            -- A slug of an id's form could pass for another tenant's id.
            IF wanted = '' OR wanted ~ '^([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$' THEN
                wanted := left('tenant-' || wanted, 63);
                wanted := rtrim(wanted, '-');
            END IF;
            free := wanted;
            number := 1;
            WHILE EXISTS (SELECT FROM tenants WHERE slug = free AND id <> found.id) LOOP
                number := number + 1;
                free := rtrim(left(wanted, 62 - length(number::text)), '-') || '-' || number;
            END LOOP;
            UPDATE tenants SET slug = free WHERE id = found.id;
        END LOOP;
    END IF;
    IF to_regclass('public.api_keys') IS NOT NULL THEN
        ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS id text COLLATE "C" DEFAULT gen_random_uuid()::text;
        ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS key_prefix text COLLATE "C";
        ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS name text COLLATE "C";
        ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS scopes text[];
        ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS models text[];
        ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS expires_at timestamptz;
        ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS revoked_at timestamptz;
        ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS last_used_at timestamptz;
        ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS created_at timestamptz;
        SELECT count(*) INTO number FROM api_keys
            WHERE hashed_key IS NULL OR tenant_id IS NULL OR id IS NULL OR id !~ '^[!-~]{1,255}$' OR id = '*';
        IF number > 0 THEN
            RAISE EXCEPTION USING ERRCODE = 'WG001',
                MESSAGE = format('%s rows of api_keys have no id, no hashed_key or no tenant_id: remove them', number);
        END IF;
        SELECT count(*) - count(DISTINCT hashed_key) INTO number FROM api_keys;
        IF number > 0 THEN
            RAISE EXCEPTION USING ERRCODE = 'WG001',
                MESSAGE = format('%s rows of api_keys have the hashed_key of another row, and a key has one tenant', number);
        END IF;
        SELECT count(*) INTO number FROM api_keys WHERE array_ndims(scopes) > 1 OR EXISTS (SELECT FROM unnest(scopes) AS word
            WHERE word IS NULL OR word !~ '^[!-~]{1,128}$' OR word ~ '["\\]');
        IF number > 0 THEN
            RAISE EXCEPTION USING ERRCODE = 'WG001',
                MESSAGE = format('%s rows of api_keys have scopes that are not a plain list of 1 to 128 printable ASCII characters '
                    'each, without spaces, quotes and backslashes: correct them', number);
        END IF;
        SELECT count(*) INTO number FROM api_keys WHERE array_ndims(models) > 1
            OR EXISTS (SELECT FROM unnest(models) AS model WHERE model IS NULL);
        IF number > 0 THEN
            RAISE EXCEPTION USING ERRCODE = 'WG001',
                MESSAGE = format('%s rows of api_keys have models that are not a plain list of names: correct them', number);
        END IF;
        -- An end that no calendar reaches is none.
        UPDATE api_keys SET key_prefix = coalesce(key_prefix, ''), name = coalesce(name, ''),
            scopes = coalesce(scopes, '{llm:invoke,llm:models}'), models = coalesce(models, '{}'),
            expires_at = CASE WHEN expires_at < '9999-01-01' THEN greatest(expires_at, 'epoch') END,
            revoked_at = CASE WHEN isfinite(revoked_at) THEN revoked_at WHEN revoked_at IS NOT NULL THEN now() END,
            last_used_at = CASE WHEN isfinite(last_used_at) THEN last_used_at END,
            created_at = CASE WHEN isfinite(created_at) THEN created_at ELSE date_trunc('second', now()) END;
    END IF;
    -- A column that we do not know may say that a key or a tenant is over: such a one must not come to life. Its values
    -- are read as text, so that a flag may be a boolean, a number or a word, in a type of whatever name.
    FOR found IN SELECT a.attrelid::regclass AS relation, a.attname, t.typcategory, format_type(t.oid, NULL) AS type,
            CASE WHEN a.attname IN ('status', 'state') THEN 'status'
                WHEN a.attname IN ('active', 'is_active', 'enabled', 'is_enabled') THEN 'alive' ELSE 'over' END AS kind
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid IN (to_regclass('public.tenants'), to_regclass('public.api_keys')) AND a.attnum > 0
            AND NOT a.attisdropped AND NOT (a.attrelid = to_regclass('public.tenants') AND a.attname = 'status')
            AND a.attname ~ ('^((is_)?(active|enabled|revoked|disabled|deleted|archived|expired|blocked|banned|suspended)'
                '|status|state|(disabled|deleted|archived|blocked|banned|suspended)_at)$') LOOP
        IF found.kind = 'status' AND found.typcategory NOT IN ('S', 'E') THEN
            RAISE EXCEPTION USING ERRCODE = 'WG001',
                MESSAGE = format('the column %I of %s has the type %s, and may say who is active: make it text, with the word '
                    '`active` for those who are, or give it another name', found.attname, found.relation, found.type);
        END IF;
        EXECUTE format(CASE WHEN found.relation = to_regclass('public.tenants')
                THEN 'UPDATE %s SET status = ''suspended'' WHERE status IN (''active'', ''pending_provisioning'') AND %s'
                ELSE 'UPDATE %s SET revoked_at = now() WHERE revoked_at IS NULL AND %s' END,
            found.relation,
            format(CASE found.kind
                WHEN 'status' THEN 'lower(btrim(%I::text)) IS DISTINCT FROM ''active'''
                WHEN 'alive' THEN 'coalesce(lower(btrim(%I::text)) NOT IN (''1'', ''t'', ''true'', ''y'', ''yes'', ''on''), true)'
                ELSE 'lower(btrim(%I::text)) NOT IN ('''', ''0'', ''f'', ''false'', ''n'', ''no'', ''off'')' END, found.attname));
    END LOOP;
END
$$;

-- --- Tables -------------------------------------------------------------------------------------------------------
--
-- Names sort by their bytes: in the same order on every machine, which an upgrade of its locales does not change.

CREATE TABLE IF NOT EXISTS tenants (
    id             text        COLLATE "C" NOT NULL,
    -- A deleted tenant keeps its row and so its slug: no newcomer inherits a name that logs and tokens still carry.
    slug           text        COLLATE "C" NOT NULL,
    name           text        COLLATE "C" NOT NULL,
    db_schema_name text        COLLATE "C",
    status         text        COLLATE "C" NOT NULL,
    policy         jsonb       NOT NULL DEFAULT '{}',
    epoch          bigint      NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS api_keys (
    id           text        COLLATE "C" NOT NULL,
    tenant_id    text        COLLATE "C" NOT NULL,
    -- Not unique: two systems whose keys are imported may have drawn the same prefix.
    key_prefix   text        COLLATE "C" NOT NULL,
    -- Unique: a digest that two tenants shared would make one secret speak for both.
    hashed_key   text        COLLATE "C" NOT NULL,
    name         text        COLLATE "C" NOT NULL,
    scopes       text[]      NOT NULL,
    -- An empty list means every model.
    models       text[]      NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz,
    created_at   timestamptz NOT NULL
);

-- 4. From here on new tables and taken ones are the same.
ALTER TABLE tenants
    ALTER COLUMN id SET NOT NULL,
    ALTER COLUMN slug SET NOT NULL,
    ALTER COLUMN name SET NOT NULL,
    ALTER COLUMN status SET NOT NULL,
    ALTER COLUMN created_at SET NOT NULL,
    ALTER COLUMN created_at SET DEFAULT date_trunc('second', now()),
    ALTER COLUMN db_schema_name DROP NOT NULL,
    ADD CONSTRAINT tenants_status CHECK (status IN ('active', 'suspended', 'pending_provisioning', 'deleted')),
    -- The two scopes that are no tenant's: none, and the platform's.
    ADD CONSTRAINT tenants_id CHECK (id NOT IN ('', '*')),
    ADD CONSTRAINT tenants_policy CHECK (jsonb_typeof(policy) = 'object');

ALTER TABLE api_keys
    ALTER COLUMN id SET NOT NULL,
    ALTER COLUMN id DROP DEFAULT,
    ALTER COLUMN tenant_id SET NOT NULL,
    ALTER COLUMN key_prefix SET NOT NULL,
    ALTER COLUMN hashed_key SET NOT NULL,
    ALTER COLUMN name SET NOT NULL,
    ALTER COLUMN name SET DEFAULT '',
    ALTER COLUMN scopes SET NOT NULL,
    ALTER COLUMN scopes SET DEFAULT '{llm:invoke,llm:models}',
    ALTER COLUMN models SET NOT NULL,
    ALTER COLUMN models SET DEFAULT '{}',
    ALTER COLUMN expires_at DROP NOT NULL,
    ALTER COLUMN revoked_at DROP NOT NULL,
    ALTER COLUMN last_used_at DROP NOT NULL,
    ALTER COLUMN created_at SET NOT NULL,
    ALTER COLUMN created_at SET DEFAULT date_trunc('second', now()),
    ADD CONSTRAINT api_keys_id CHECK (id <> '');

-- A taken table may have the same under another name.
DO $$
DECLARE
    wanted record;
    rows   bigint;
BEGIN
    FOR wanted IN SELECT * FROM (VALUES ('tenants', 'id'), ('tenants', 'slug'), ('api_keys', 'id'), ('api_keys', 'hashed_key'))
        AS w (relation, attname) LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
            WHERE i.indrelid = wanted.relation::regclass AND a.attname = wanted.attname AND i.indkey::text = a.attnum::text
                AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL);
        EXECUTE format('SELECT count(*) - count(DISTINCT %I) FROM %I', wanted.attname, wanted.relation) INTO rows;
        IF rows > 0 THEN
            RAISE EXCEPTION USING ERRCODE = 'WG001',
                MESSAGE = format('%s rows of %I have the %I of another row', rows, wanted.relation, wanted.attname);
        END IF;
        IF wanted.attname = 'id' AND NOT EXISTS (SELECT FROM pg_index
            WHERE indrelid = wanted.relation::regclass AND indisprimary) THEN
            EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (id)', wanted.relation);
        ELSE
            EXECUTE format('ALTER TABLE %I ADD UNIQUE (%I)', wanted.relation, wanted.attname);
        END IF;
    END LOOP;
    SELECT count(*) INTO rows FROM api_keys k WHERE NOT EXISTS (SELECT FROM tenants t WHERE t.id = k.tenant_id);
    IF rows > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'WG001',
            MESSAGE = format('%s rows of api_keys are of a tenant that tenants does not have: remove them', rows);
    END IF;
END
$$;

ALTER TABLE api_keys ADD CONSTRAINT api_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id);

CREATE INDEX api_keys_by_prefix ON api_keys (key_prefix);

-- Readers ask for what transactions did that had not ended when they last asked. Numbers are given at the insert, and
-- transactions end in another order, so a reader that went by numbers alone would miss the late ones.
CREATE TABLE changes (
    seq          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text        COLLATE "C" NOT NULL CHECK (kind IN ('tenant', 'key', 'user', 'token')),
    id           text        COLLATE "C" NOT NULL,
    xid          xid8        NOT NULL DEFAULT pg_current_xact_id(),
    announced_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX changes_by_transaction ON changes (xid);

-- --- Who sees what ------------------------------------------------------------------------------------------------
--
-- A transaction says whom it is for: `set_config('app.current_tenant_id', …, true)`, which ends with it, so that no
-- pool and no pooler hands it on. A tenant's id opens that tenant's rows. `*` is the platform's reach, which opens all
-- of them, and only to the owner and to admins. Without a word there is nothing to see, for the owner neither.
--
-- The platform's word stands within coalesce() because the planner takes a plain comparison for one that hardly a row
-- passes, and would then read and sort whole tables for one page of a listing.

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenants USING (id = current_setting('app.current_tenant_id', true));
CREATE POLICY platform ON tenants TO wardgate_owner, wardgate_admin
    USING (coalesce(current_setting('app.current_tenant_id', true) = '*', false));

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON api_keys USING (tenant_id = current_setting('app.current_tenant_id', true));
CREATE POLICY platform ON api_keys TO wardgate_owner, wardgate_admin
    USING (coalesce(current_setting('app.current_tenant_id', true) = '*', false));

-- What a tenant does is announced too, but the feed names other tenants' rows: to read it is the platform's alone.
ALTER TABLE changes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY announce ON changes FOR INSERT TO wardgate_owner WITH CHECK (true);
CREATE POLICY platform ON changes TO wardgate_owner, wardgate_admin
    USING (coalesce(current_setting('app.current_tenant_id', true) = '*', false));

GRANT SELECT, INSERT, UPDATE, DELETE ON tenants, api_keys TO wardgate_admin;
GRANT SELECT ON changes TO wardgate_admin;

-- --- The feed -----------------------------------------------------------------------------------------------------
--
-- It is written by triggers, so that a change made by hand is announced like any other. Those who change a row have no
-- business in the feed, so the triggers run as its owner.

-- The column by which a row is named is the trigger's second argument.
CREATE FUNCTION wardgate_announce() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old_id text;
    new_id text;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        old_id := to_jsonb(OLD) ->> TG_ARGV[1];
    END IF;
    IF TG_OP <> 'DELETE' THEN
        new_id := to_jsonb(NEW) ->> TG_ARGV[1];
    END IF;
    INSERT INTO public.changes (kind, id)
        SELECT DISTINCT TG_ARGV[0], named FROM unnest(ARRAY[old_id, new_id]) AS named WHERE named IS NOT NULL;
    PERFORM pg_notify('wardgate_changes', '');
    RETURN NULL;
END
$$;

-- What is older than a day goes, now and then and some at a time. Whoever finds a row in another's hands leaves it
-- there: no writer waits for another's tidying.
CREATE FUNCTION wardgate_prune_changes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reach text := current_setting('app.current_tenant_id', true);
BEGIN
    PERFORM set_config('app.current_tenant_id', '*', true);
    DELETE FROM public.changes WHERE seq IN (
        SELECT c.seq FROM public.changes c
        WHERE c.seq < (SELECT min(o.seq) FROM public.changes o) + 512
            AND c.announced_at < clock_timestamp() - interval '1 day'
        FOR UPDATE SKIP LOCKED
    );
    PERFORM set_config('app.current_tenant_id', reach, true);
    RETURN NULL;
END
$$;

CREATE TRIGGER changes_pruned AFTER INSERT ON changes
    FOR EACH ROW WHEN (NEW.seq % 128 = 0) EXECUTE FUNCTION wardgate_prune_changes();

CREATE TRIGGER tenant_inserted AFTER INSERT ON tenants
    FOR EACH ROW EXECUTE FUNCTION wardgate_announce('tenant', 'id');
CREATE TRIGGER tenant_updated AFTER UPDATE OF id, slug, name, db_schema_name, status, policy, epoch ON tenants
    FOR EACH ROW EXECUTE FUNCTION wardgate_announce('tenant', 'id');
CREATE TRIGGER tenant_deleted AFTER DELETE ON tenants
    FOR EACH ROW EXECUTE FUNCTION wardgate_announce('tenant', 'id');

CREATE TRIGGER key_inserted AFTER INSERT ON api_keys
    FOR EACH ROW EXECUTE FUNCTION wardgate_announce('key', 'id');
-- Every column but last_used_at, which the gate itself writes all the time and no cache holds.
CREATE TRIGGER key_updated AFTER UPDATE OF id, tenant_id, key_prefix, hashed_key, name, scopes, models, expires_at,
    revoked_at, created_at ON api_keys
    FOR EACH ROW EXECUTE FUNCTION wardgate_announce('key', 'id');
CREATE TRIGGER key_deleted AFTER DELETE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION wardgate_announce('key', 'id');

-- The feed tells of 10,000 rows with one word; to empty a table at once would tell of none.
CREATE FUNCTION wardgate_refuse_truncate() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'WG001', MESSAGE = format('%I is not truncated: caches would not hear of it', TG_TABLE_NAME);
END
$$;

CREATE TRIGGER tenants_kept BEFORE TRUNCATE ON tenants FOR EACH STATEMENT EXECUTE FUNCTION wardgate_refuse_truncate();
CREATE TRIGGER keys_kept BEFORE TRUNCATE ON api_keys FOR EACH STATEMENT EXECUTE FUNCTION wardgate_refuse_truncate();

-- --- A tenant's own schema ----------------------------------------------------------------------------------------

-- Makes the schema that a tenant's row names, and writes on it whose it is. It may have been made before by this very
-- function, for this very tenant; any other schema of the name is refused (42P06), because somebody's data are in it.
-- Anybody may write a comment on a schema of their own, so the schema has to be the owner's as well.
CREATE FUNCTION wardgate_provision_schema(tenant text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reach  text := current_setting('app.current_tenant_id', true);
    -- Not `name`, which is a type.
    wanted text;
    note   text := 'wardgate tenant ' || tenant;
    found  oid;
BEGIN
    PERFORM set_config('app.current_tenant_id', '*', true);
    SELECT t.db_schema_name INTO wanted FROM public.tenants t WHERE t.id = tenant AND t.status <> 'deleted' FOR NO KEY UPDATE;
    PERFORM set_config('app.current_tenant_id', reach, true);
    IF wanted IS NULL OR wanted !~ '^[a-z_][a-z0-9_]{0,62}$' OR wanted IN ('public', 'information_schema')
        OR starts_with(wanted, 'pg_') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_schema_name', MESSAGE = 'the tenant has no schema name that may be made';
    END IF;
    SELECT n.oid INTO found FROM pg_namespace n WHERE n.nspname = wanted;
    IF found IS NULL THEN
        EXECUTE format('CREATE SCHEMA %I', wanted);
        EXECUTE format('COMMENT ON SCHEMA %I IS %L', wanted, note);
    ELSIF obj_description(found, 'pg_namespace') IS DISTINCT FROM note
        OR NOT EXISTS (SELECT FROM pg_namespace n WHERE n.oid = found AND n.nspowner = 'wardgate_owner'::regrole) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_schema', MESSAGE = 'a schema of this name is there, and not this tenant''s';
    END IF;
END
$$;

-- Drops a deleted tenant's schema with all that is in it. One that was not made for this tenant is left to people, and
-- told: whoever purges a tenant is not to believe that its data are gone.
CREATE FUNCTION wardgate_drop_schema(tenant text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reach  text := current_setting('app.current_tenant_id', true);
    wanted text;
    there  record;
BEGIN
    PERFORM set_config('app.current_tenant_id', '*', true);
    SELECT t.db_schema_name INTO wanted FROM public.tenants t WHERE t.id = tenant AND t.status = 'deleted';
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'only a deleted tenant''s schema is dropped';
    END IF;
    PERFORM set_config('app.current_tenant_id', reach, true);
    SELECT n.oid, n.nspowner = 'wardgate_owner'::regrole
            AND obj_description(n.oid, 'pg_namespace') IS NOT DISTINCT FROM 'wardgate tenant ' || tenant AS is_ours
        INTO there FROM pg_namespace n WHERE n.nspname = wanted;
    -- The system's own are no tenant's, whatever its row says.
    IF there.oid IS NULL OR wanted IN ('public', 'information_schema') OR starts_with(wanted, 'pg_') THEN
        RETURN;
    END IF;
    IF NOT there.is_ours THEN
        RAISE EXCEPTION USING ERRCODE = 'WG001',
            MESSAGE = format('the schema %I was not made for this tenant: drop or rename it by hand, then purge again', wanted);
    END IF;
    EXECUTE format('DROP SCHEMA %I CASCADE', wanted);
END
$$;

GRANT EXECUTE ON FUNCTION wardgate_provision_schema(text), wardgate_drop_schema(text) TO wardgate_admin;

RESET ROLE;
SET LOCAL search_path TO DEFAULT;
