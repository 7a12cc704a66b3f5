-- Users, their sessions, what was revoked before its time, and a version for whatever several hands may change.
--
-- A migration that has been released is never edited, not even here: its checksum is part of every database it made.
-- Times are whole seconds since 1970-01-01T00:00:00Z. Lists are JSON arrays of strings.

-- Triggers name tables, and the feed's table is made anew below: they go first and come back last.
DROP TRIGGER changes_pruned;
DROP TRIGGER tenant_inserted;
DROP TRIGGER tenant_updated;
DROP TRIGGER tenant_deleted;
DROP TRIGGER key_inserted;
DROP TRIGGER key_updated;
DROP TRIGGER key_deleted;

-- Counts the updates, so that nobody overwrites what another wrote meanwhile.
ALTER TABLE tenants ADD COLUMN version INTEGER NOT NULL DEFAULT 1;

ALTER TABLE api_keys ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
-- Who made the key, in words for people; empty where nobody knows any more.
ALTER TABLE api_keys ADD COLUMN created_by TEXT NOT NULL DEFAULT '';
-- The address that last_used_at goes with.
ALTER TABLE api_keys ADD COLUMN last_used_from TEXT;
-- A key that is laid out to be found, and that nobody may ever use.
ALTER TABLE api_keys ADD COLUMN canary INTEGER NOT NULL DEFAULT 0 CHECK (canary IN (0, 1));

-- Listings are read in pages, in this order.
CREATE INDEX tenants_in_order ON tenants (created_at, id);
CREATE INDEX api_keys_in_order ON api_keys (created_at, id);
CREATE INDEX api_keys_of_tenant ON api_keys (tenant_id, created_at, id);
DROP INDEX api_keys_by_tenant;

CREATE TABLE users (
    id              TEXT    NOT NULL PRIMARY KEY,
    tenant_id       TEXT    NOT NULL REFERENCES tenants (id),
    -- In lower case, so that one mailbox is one user.
    email           TEXT    NOT NULL CHECK (email = lower(email)),
    name            TEXT    NOT NULL DEFAULT '',
    hashed_password TEXT    NOT NULL,
    scopes          TEXT    NOT NULL DEFAULT '["llm:invoke","llm:models"]' CHECK (json_valid(scopes)),
    status          TEXT    NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
    version         INTEGER NOT NULL DEFAULT 1,
    created_at      INTEGER NOT NULL DEFAULT (unixepoch()),
    last_login_at   INTEGER,
    UNIQUE (tenant_id, email)
) STRICT;

CREATE INDEX users_in_order ON users (created_at, id);
CREATE INDEX users_of_tenant ON users (tenant_id, created_at, id);

-- One row for each refresh token that was given out; the tokens of one login are a family.
CREATE TABLE refresh_tokens (
    -- The token's jti.
    id         TEXT    NOT NULL PRIMARY KEY,
    family     TEXT    NOT NULL,
    tenant_id  TEXT    NOT NULL REFERENCES tenants (id),
    user_id    TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER,
    -- The token that was given for this one.
    successor  TEXT,
    revoked_at INTEGER,
    created_at INTEGER NOT NULL DEFAULT (unixepoch())
) STRICT;

CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_by_user ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_by_end ON refresh_tokens (expires_at);

-- What is refused although its signature is good: a token's jti, the family of a session, or `sha256:` and the digest
-- of a whole token that has no jti. Kept until the token would have ended by itself.
CREATE TABLE revoked_tokens (
    jti        TEXT    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX revoked_tokens_by_end ON revoked_tokens (expires_at);

-- What was made for a request that may come again.
CREATE TABLE idempotency_keys (
    key         TEXT    NOT NULL PRIMARY KEY,
    fingerprint TEXT    NOT NULL,
    resource_id TEXT    NOT NULL,
    created_at  INTEGER NOT NULL DEFAULT (unixepoch())
) STRICT;

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- A CHECK cannot be altered, so the feed gets a new table. Its numbers go on where they were, also where the feed is
-- empty: SQLite's own counter is taken over by hand, because readers hold numbers of it.
CREATE TABLE changes_new (
    seq  INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('tenant', 'key', 'user', 'token')),
    id   TEXT NOT NULL
) STRICT;

INSERT INTO changes_new (seq, kind, id) SELECT seq, kind, id FROM changes ORDER BY seq;
DELETE FROM sqlite_sequence WHERE name = 'changes_new';
INSERT INTO sqlite_sequence (name, seq) SELECT 'changes_new', seq FROM sqlite_sequence WHERE name = 'changes';
DROP TABLE changes;
ALTER TABLE changes_new RENAME TO changes;

-- The feed is written by triggers, so that a change made by hand is announced like any other.

CREATE TRIGGER changes_pruned AFTER INSERT ON changes
BEGIN
    DELETE FROM changes WHERE seq <= NEW.seq - 10000;
END;

CREATE TRIGGER tenant_inserted AFTER INSERT ON tenants
BEGIN
    INSERT INTO changes (kind, id) VALUES ('tenant', NEW.id);
END;

CREATE TRIGGER tenant_updated AFTER UPDATE OF id, slug, name, db_schema_name, status, policy, epoch ON tenants
BEGIN
    INSERT INTO changes (kind, id) SELECT 'tenant', OLD.id UNION SELECT 'tenant', NEW.id;
END;

CREATE TRIGGER tenant_deleted AFTER DELETE ON tenants
BEGIN
    INSERT INTO changes (kind, id) VALUES ('tenant', OLD.id);
END;

CREATE TRIGGER key_inserted AFTER INSERT ON api_keys
BEGIN
    INSERT INTO changes (kind, id) VALUES ('key', NEW.id);
END;

-- Every column but those of the last use, which the gate itself writes all the time, and the version, which no cache
-- holds and which never changes alone.
CREATE TRIGGER key_updated AFTER UPDATE OF id, tenant_id, key_prefix, hashed_key, name, scopes, models, expires_at,
    revoked_at, created_at, created_by, canary ON api_keys
BEGIN
    INSERT INTO changes (kind, id) SELECT 'key', OLD.id UNION SELECT 'key', NEW.id;
END;

CREATE TRIGGER key_deleted AFTER DELETE ON api_keys
BEGIN
    INSERT INTO changes (kind, id) VALUES ('key', OLD.id);
END;

CREATE TRIGGER user_inserted AFTER INSERT ON users
BEGIN
    INSERT INTO changes (kind, id) VALUES ('user', NEW.id);
END;

-- Not last_login_at: to log in changes nothing for the tokens that are out.
CREATE TRIGGER user_updated AFTER UPDATE OF id, tenant_id, email, name, hashed_password, scopes, status, created_at
    ON users
BEGIN
    INSERT INTO changes (kind, id) SELECT 'user', OLD.id UNION SELECT 'user', NEW.id;
END;

CREATE TRIGGER user_deleted AFTER DELETE ON users
BEGIN
    INSERT INTO changes (kind, id) VALUES ('user', OLD.id);
END;

CREATE TRIGGER token_revoked AFTER INSERT ON revoked_tokens
BEGIN
    INSERT INTO changes (kind, id) VALUES ('token', NEW.jti);
END;
