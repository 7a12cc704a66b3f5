-- What makes a key quick to verify, what makes a tenant's change visible at every hit, and when a change was announced.
--
-- A migration that has been released is never edited, not even here: its checksum is part of every database it made.
-- Times are whole seconds since 1970-01-01T00:00:00Z, but for announced_at, which has fractions. Lists are JSON arrays
-- of strings.

-- A quick hash of the key beside a slow one: `hmac-sha256:<pepper id>:<hex>`, or `sha256:<hex>` of a key that was made here
-- and is too long to be guessed. It saves the slow hash and replaces it nowhere.
ALTER TABLE api_keys ADD COLUMN verifier TEXT;

-- Two tenants in one schema would read each other's data. Where there are such already, each needs its own before this
-- migration, or none.
CREATE UNIQUE INDEX tenants_by_schema ON tenants (db_schema_name);

-- A tenant's epoch goes up with everything that changes in it, unless the same update sets it. Here that is a second
-- update, and that one is what the feed announces.
DROP TRIGGER tenant_updated;

CREATE TRIGGER tenant_epoch AFTER UPDATE OF id, slug, name, db_schema_name, status, policy, created_at ON tenants
    WHEN NEW.epoch = OLD.epoch AND (NEW.id, NEW.slug, NEW.name, NEW.db_schema_name, NEW.status, NEW.policy, NEW.created_at)
        IS NOT (OLD.id, OLD.slug, OLD.name, OLD.db_schema_name, OLD.status, OLD.policy, OLD.created_at)
BEGIN
    INSERT INTO changes (kind, id) SELECT 'tenant', OLD.id WHERE OLD.id <> NEW.id;
    UPDATE tenants SET epoch = OLD.epoch + 1 WHERE id = NEW.id;
END;

CREATE TRIGGER tenant_updated AFTER UPDATE OF id, slug, name, db_schema_name, status, policy, epoch ON tenants
    WHEN NEW.epoch <> OLD.epoch OR (NEW.id, NEW.slug, NEW.name, NEW.db_schema_name, NEW.status, NEW.policy, NEW.created_at)
        IS (OLD.id, OLD.slug, OLD.name, OLD.db_schema_name, OLD.status, OLD.policy, OLD.created_at)
BEGIN
    INSERT INTO changes (kind, id) SELECT 'tenant', OLD.id UNION SELECT 'tenant', NEW.id;
END;

-- A verifier goes with the hash that it was made beside.
CREATE TRIGGER key_verifier AFTER UPDATE OF hashed_key ON api_keys
    WHEN NEW.hashed_key <> OLD.hashed_key AND NEW.verifier IS OLD.verifier
BEGIN
    UPDATE api_keys SET verifier = NULL WHERE id = NEW.id;
END;

-- SQLite adds no column whose default is an expression, so a trigger gives the time. Changes from before have none. The
-- days since noon of 4714 BC are what every version of SQLite tells with fractions.
ALTER TABLE changes ADD COLUMN announced_at REAL;

CREATE TRIGGER change_announced AFTER INSERT ON changes
BEGIN
    UPDATE changes SET announced_at = (julianday('now') - 2440587.5) * 86400.0 WHERE seq = NEW.seq;
END;
