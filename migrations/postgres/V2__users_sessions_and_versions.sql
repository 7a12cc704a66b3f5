-- Users, their sessions, what was revoked before its time, and a version for whatever several hands may change.
--
-- A migration that has been released is never edited, not even here: its checksum is part of every database it made.

SET LOCAL search_path = public;
SET LOCAL ROLE wardgate_owner;

-- Counts the updates, so that nobody overwrites what another wrote meanwhile.
ALTER TABLE tenants ADD COLUMN version bigint NOT NULL DEFAULT 1;

ALTER TABLE api_keys
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    -- Who made the key, in words for people; empty where nobody knows any more.
    ADD COLUMN created_by text COLLATE "C" NOT NULL DEFAULT '',
    -- The address that last_used_at goes with.
    ADD COLUMN last_used_from text COLLATE "C",
    -- A key that is laid out to be found, and that nobody may ever use.
    ADD COLUMN canary boolean NOT NULL DEFAULT false;

-- Listings are read in pages, in this order.
CREATE INDEX tenants_in_order ON tenants (created_at, id);
CREATE INDEX api_keys_in_order ON api_keys (created_at, id);
CREATE INDEX api_keys_of_tenant ON api_keys (tenant_id, created_at, id);

CREATE TABLE users (
    id              text        COLLATE "C" NOT NULL PRIMARY KEY CHECK (id <> ''),
    tenant_id       text        COLLATE "C" NOT NULL REFERENCES tenants (id),
    -- In lower case, so that one mailbox is one user.
    email           text        COLLATE "C" NOT NULL CHECK (email = lower(email)),
    name            text        COLLATE "C" NOT NULL DEFAULT '',
    hashed_password text        COLLATE "C" NOT NULL,
    scopes          text[]      NOT NULL DEFAULT '{llm:invoke,llm:models}',
    status          text        COLLATE "C" NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
    version         bigint      NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT date_trunc('second', now()),
    last_login_at   timestamptz,
    UNIQUE (tenant_id, email),
    UNIQUE (id, tenant_id)
);

CREATE INDEX users_in_order ON users (created_at, id);
CREATE INDEX users_of_tenant ON users (tenant_id, created_at, id);

-- One row for each refresh token that was given out; the tokens of one login are a family.
CREATE TABLE refresh_tokens (
    -- The token's jti.
    id         text        COLLATE "C" NOT NULL PRIMARY KEY,
    family     text        COLLATE "C" NOT NULL,
    tenant_id  text        COLLATE "C" NOT NULL REFERENCES tenants (id),
    user_id    text        COLLATE "C" NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    -- The token that was given for this one.
    successor  text        COLLATE "C",
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT date_trunc('second', now()),
    -- A session of another tenant's user cannot be stored, nor can its refusal tell whether there is such a user.
    FOREIGN KEY (user_id, tenant_id) REFERENCES users (id, tenant_id) ON DELETE CASCADE
);

CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_by_user ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_by_end ON refresh_tokens (expires_at);

-- What is refused although its signature is good: a token's jti, the family of a session, or `sha256:` and the digest
-- of a whole token that has no jti. Kept until the token would have ended by itself.
CREATE TABLE revoked_tokens (
    jti        text        COLLATE "C" NOT NULL PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

CREATE INDEX revoked_tokens_by_end ON revoked_tokens (expires_at);

-- What was made for a request that may come again. Each reach has its own words: a tenant does not meet another's.
CREATE TABLE idempotency_keys (
    reach       text        COLLATE "C" NOT NULL DEFAULT current_setting('app.current_tenant_id', true) CHECK (reach <> ''),
    key         text        COLLATE "C" NOT NULL,
    fingerprint text        COLLATE "C" NOT NULL,
    resource_id text        COLLATE "C" NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT date_trunc('second', now()),
    PRIMARY KEY (reach, key)
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- --- Who sees what ------------------------------------------------------------------------------------------------

ALTER TABLE users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON users USING (tenant_id = current_setting('app.current_tenant_id', true));
CREATE POLICY platform ON users TO wardgate_owner, wardgate_admin
    USING (coalesce(current_setting('app.current_tenant_id', true) = '*', false));

ALTER TABLE refresh_tokens ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON refresh_tokens USING (tenant_id = current_setting('app.current_tenant_id', true));
CREATE POLICY platform ON refresh_tokens TO wardgate_owner, wardgate_admin
    USING (coalesce(current_setting('app.current_tenant_id', true) = '*', false));

-- A logout is a tenant's business, and adds to a list that is the platform's to read.
ALTER TABLE revoked_tokens ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY revoke ON revoked_tokens FOR INSERT TO wardgate_owner, wardgate_admin
    WITH CHECK (current_setting('app.current_tenant_id', true) <> '');
CREATE POLICY platform ON revoked_tokens TO wardgate_owner, wardgate_admin
    USING (coalesce(current_setting('app.current_tenant_id', true) = '*', false));

ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY reach ON idempotency_keys TO wardgate_owner, wardgate_admin
    USING (reach = current_setting('app.current_tenant_id', true));

GRANT SELECT, INSERT, UPDATE, DELETE ON users, refresh_tokens, revoked_tokens, idempotency_keys TO wardgate_admin;

-- --- The feed -----------------------------------------------------------------------------------------------------

-- Every column but those of the last use, which the gate itself writes all the time, and the version, which no cache
-- holds and which never changes alone.
DROP TRIGGER key_updated ON api_keys;
CREATE TRIGGER key_updated AFTER UPDATE OF id, tenant_id, key_prefix, hashed_key, name, scopes, models, expires_at,
    revoked_at, created_at, created_by, canary ON api_keys
    FOR EACH ROW EXECUTE FUNCTION wardgate_announce('key', 'id');

CREATE TRIGGER user_inserted AFTER INSERT ON users
    FOR EACH ROW EXECUTE FUNCTION wardgate_announce('user', 'id');
-- Not last_login_at: to log in changes nothing for the tokens that are out.
CREATE TRIGGER user_updated AFTER UPDATE OF id, tenant_id, email, name, hashed_password, scopes, status, created_at ON users
    FOR EACH ROW EXECUTE FUNCTION wardgate_announce('user', 'id');
CREATE TRIGGER user_deleted AFTER DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION wardgate_announce('user', 'id');

CREATE TRIGGER token_revoked AFTER INSERT ON revoked_tokens
    FOR EACH ROW EXECUTE FUNCTION wardgate_announce('token', 'jti');

CREATE TRIGGER users_kept BEFORE TRUNCATE ON users FOR EACH STATEMENT EXECUTE FUNCTION wardgate_refuse_truncate();

-- --- Functions ----------------------------------------------------------------------------------------------------
--
-- Each takes the platform's reach for one statement of its own, and hands the caller's back.

-- Denies a token until a time, and forgets those whose time has come. A second time for the same token keeps the later
-- end. Tenants that log out cannot do this by hand, because they see no row of the list.
CREATE FUNCTION wardgate_revoke_token(jti text, expires_at timestamptz) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    reach text := current_setting('app.current_tenant_id', true);
BEGIN
    PERFORM set_config('app.current_tenant_id', '*', true);
    DELETE FROM public.revoked_tokens r WHERE r.jti IN (
        SELECT o.jti FROM public.revoked_tokens o WHERE o.expires_at <= now() LIMIT 512 FOR UPDATE SKIP LOCKED
    );
    INSERT INTO public.revoked_tokens AS r (jti, expires_at)
        VALUES (wardgate_revoke_token.jti, wardgate_revoke_token.expires_at)
        ON CONFLICT (jti) DO UPDATE SET expires_at = greatest(r.expires_at, excluded.expires_at);
    PERFORM set_config('app.current_tenant_id', reach, true);
END
$$;

-- Everything that is denied now.
CREATE FUNCTION wardgate_revoked_tokens() RETURNS TABLE (jti text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reach text := current_setting('app.current_tenant_id', true);
BEGIN
    PERFORM set_config('app.current_tenant_id', '*', true);
    RETURN QUERY SELECT r.jti FROM public.revoked_tokens r WHERE r.expires_at > now();
    PERFORM set_config('app.current_tenant_id', reach, true);
END
$$;

-- Those of the users who exist and may not go on.
CREATE FUNCTION wardgate_ended_users(ids text[]) RETURNS TABLE (id text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reach text := current_setting('app.current_tenant_id', true);
BEGIN
    PERFORM set_config('app.current_tenant_id', '*', true);
    RETURN QUERY SELECT u.id FROM public.users u WHERE u.id = ANY (ids) AND u.status <> 'active';
    PERFORM set_config('app.current_tenant_id', reach, true);
END
$$;

GRANT EXECUTE ON FUNCTION wardgate_revoke_token(text, timestamptz) TO wardgate_admin;
GRANT EXECUTE ON FUNCTION wardgate_revoked_tokens(), wardgate_ended_users(text[]) TO wardgate_admin, wardgate_proxy;

RESET ROLE;
SET LOCAL search_path TO DEFAULT;
