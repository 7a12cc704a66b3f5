-- Fast hashes beside slow ones, epochs that count, and the moment of each change.
--
-- A migration that has been released is never edited, not even here: its checksum is part of every database it made.

-- A hash that is quick to compare, kept once the slow one in hashed_key was found to match. No trigger announces it: it
-- says nothing that hashed_key does not say.
ALTER TABLE api_keys ADD COLUMN verifier TEXT;

-- A verifier speaks of one hash: another hash takes it away, unless it comes with a verifier of its own.
CREATE TRIGGER verifier_outdated AFTER UPDATE OF hashed_key ON api_keys
WHEN NEW.hashed_key IS NOT OLD.hashed_key AND NEW.verifier IS OLD.verifier
BEGIN
    UPDATE api_keys SET verifier = NULL WHERE id = NEW.id;
END;

-- Whatever changes in a tenant begins an epoch, so that what was worked out in an earlier one is told apart.
CREATE TRIGGER tenant_epoch AFTER UPDATE OF id, slug, name, db_schema_name, status, policy ON tenants
WHEN NEW.epoch IS OLD.epoch
BEGIN
    UPDATE tenants SET epoch = OLD.epoch + 1 WHERE id = NEW.id;
END;

-- Two tenants in one schema would read each other's rows.
CREATE UNIQUE INDEX tenants_by_schema ON tenants (db_schema_name) WHERE db_schema_name IS NOT NULL;

-- Unix seconds with fractions; readers tell how long a change took to reach them.
ALTER TABLE changes ADD COLUMN announced_at REAL;

CREATE TRIGGER change_dated AFTER INSERT ON changes
BEGIN
    UPDATE changes SET announced_at = unixepoch('subsec') WHERE seq = NEW.seq;
END;
