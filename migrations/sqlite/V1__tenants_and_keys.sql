-- Tenants, their keys, and the feed that tells caches what changed.
--
-- A migration that has been released is never edited, not even here: its checksum is part of every database it made.
-- Times are whole seconds since 1970-01-01T00:00:00Z. Lists are JSON arrays of strings.

CREATE TABLE tenants (
    id             TEXT    NOT NULL PRIMARY KEY,
    -- A deleted tenant keeps its row and so its slug: no newcomer inherits a name that logs and tokens still carry.
    slug           TEXT    NOT NULL UNIQUE,
    name           TEXT    NOT NULL,
    db_schema_name TEXT,
    status         TEXT    NOT NULL CHECK (status IN ('active', 'suspended', 'pending_provisioning', 'deleted')),
    policy         TEXT    NOT NULL DEFAULT '{}' CHECK (json_valid(policy)),
    epoch          INTEGER NOT NULL DEFAULT 0,
    created_at     INTEGER NOT NULL DEFAULT (unixepoch())
) STRICT;

CREATE TABLE api_keys (
    id           TEXT    NOT NULL PRIMARY KEY,
    tenant_id    TEXT    NOT NULL REFERENCES tenants (id),
    -- Not unique: two systems whose keys are imported may have drawn the same prefix.
    key_prefix   TEXT    NOT NULL,
    -- Unique: a digest that two tenants shared would make one secret speak for both.
    hashed_key   TEXT    NOT NULL UNIQUE,
    name         TEXT    NOT NULL DEFAULT '',
    scopes       TEXT    NOT NULL DEFAULT '["llm:invoke","llm:models"]' CHECK (json_valid(scopes)),
    -- An empty list means every model.
    models       TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(models)),
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER,
    created_at   INTEGER NOT NULL DEFAULT (unixepoch())
) STRICT;

CREATE INDEX api_keys_by_prefix ON api_keys (key_prefix);
CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id);

-- AUTOINCREMENT: a number is never given twice, so a reader that stopped at one misses nothing behind it.
CREATE TABLE changes (
    seq  INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('tenant', 'key')),
    id   TEXT NOT NULL
) STRICT;

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

-- Every column but last_used_at, which the gate itself writes all the time and no cache holds.
CREATE TRIGGER key_updated AFTER UPDATE OF id, tenant_id, key_prefix, hashed_key, name, scopes, models, expires_at,
    revoked_at, created_at ON api_keys
BEGIN
    INSERT INTO changes (kind, id) SELECT 'key', OLD.id UNION SELECT 'key', NEW.id;
END;

CREATE TRIGGER key_deleted AFTER DELETE ON api_keys
BEGIN
    INSERT INTO changes (kind, id) VALUES ('key', OLD.id);
END;
