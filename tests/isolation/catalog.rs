//! What the catalog says of every table and every function of ours, so that what a migration to come forgets is told.

use std::collections::BTreeMap;

use crate::fixture::House;
use crate::postgres::Database;

/// Who may call a function, and whether it runs as its owner. A function that is not here is a complaint.
const FUNCTIONS: &[(&str, bool, &str)] = &[
    ("wardgate_announce", true, ""),
    ("wardgate_bump_epoch", false, ""),
    ("wardgate_changes", true, "wardgate_admin wardgate_proxy"),
    ("wardgate_clear_verifier", false, ""),
    ("wardgate_drop_schema", true, "wardgate_admin"),
    ("wardgate_ended_users", true, "wardgate_admin wardgate_proxy"),
    ("wardgate_find_keys", true, "wardgate_admin wardgate_proxy"),
    ("wardgate_find_tenants", true, "wardgate_admin wardgate_proxy"),
    ("wardgate_note_verifiers", true, "wardgate_admin wardgate_proxy"),
    ("wardgate_provision_schema", true, "wardgate_admin"),
    ("wardgate_prune_changes", true, ""),
    ("wardgate_refuse_truncate", false, ""),
    ("wardgate_revoke_token", true, "wardgate_admin"),
    ("wardgate_revoked_tokens", true, "wardgate_admin wardgate_proxy"),
    ("wardgate_touch_keys", true, "wardgate_admin wardgate_proxy"),
];

/// What is wrong with the schema, if anything.
async fn complaints(database: &Database) -> Vec<String> {
    let mut wrong = Vec::new();
    let tables = database.sql(
        "SELECT c.relname, c.relkind, c.relrowsecurity AND c.relforcerowsecurity, c.relowner::regrole,
            (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid),
            coalesce((SELECT string_agg(DISTINCT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END, ' ')
                FROM aclexplode(c.relacl) g WHERE g.grantee <> c.relowner), ''),
            coalesce((SELECT string_agg(DISTINCT g.privilege_type, ' ') FROM aclexplode(c.relacl) g
                WHERE g.grantee = 'wardgate_admin'::regrole AND g.privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')), ''),
            (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL)
         FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind NOT IN ('i', 'I', 'c')",
    );
    for row in tables.await {
        let [name, kind, secured, owner, policies, grantees, beyond, columns] = row.try_into().unwrap();
        let mut complain = |what: &str| wrong.push(format!("{name}: {what}"));
        if owner != "wardgate_owner" {
            complain("is not the owner's");
        }
        if kind == "S" {
            if !grantees.is_empty() {
                complain("a sequence is granted");
            }
            continue;
        }
        if kind != "r" {
            complain("is no plain table: a view shows what its owner sees");
        }
        if secured != "t" || policies == "0" {
            complain("has no row-level security, or does not force it");
        }
        if !["", "wardgate_admin"].contains(&grantees.as_str()) || !beyond.is_empty() || columns != "0" {
            complain("is granted beyond what admins need");
        }
    }
    let functions = database.sql(
        "SELECT p.proname, p.prosecdef, p.proowner::regrole, coalesce(array_to_string(p.proconfig, '; '), ''),
            coalesce((SELECT string_agg(g.name, ' ' ORDER BY g.name) FROM (SELECT DISTINCT
                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS name
                FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee <> p.proowner) g), '')
         FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace",
    );
    let wanted: BTreeMap<&str, (bool, &str)> =
        FUNCTIONS.iter().map(|&(name, definer, callers)| (name, (definer, callers))).collect();
    let found = functions.await;
    if found.len() != wanted.len() {
        wrong.push(format!("{} functions instead of {}", found.len(), wanted.len()));
    }
    for row in found {
        let [name, definer, owner, settings, callers] = row.try_into().unwrap();
        if owner != "wardgate_owner" {
            wrong.push(format!("{name}: is not the owner's"));
        }
        if settings != "search_path=pg_catalog, pg_temp" {
            wrong.push(format!("{name}: its search_path is not pinned: {settings:?}"));
        }
        if wanted.get(name.as_str()) != Some(&(definer == "t", callers.as_str())) {
            wrong.push(format!("{name}: runs as its owner: {definer}, callers: {callers:?}"));
        }
    }
    wrong
}

#[tokio::test]
async fn every_table_forces_row_security_and_every_function_is_pinned_and_granted_as_it_should() {
    let database = crate::fixture::migrated().await;
    let wrong = complaints(&database).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_a_migration_forgets_is_told() {
    for (mistake, told) in [
        ("CREATE TABLE notes (x text)", "notes: has no row-level security"),
        ("ALTER TABLE changes NO FORCE ROW LEVEL SECURITY", "changes: has no row-level security"),
        ("GRANT SELECT (id) ON tenants TO wardgate_proxy", "tenants: is granted beyond"),
        ("GRANT TRUNCATE ON users TO wardgate_admin", "users: is granted beyond"),
        ("GRANT SELECT ON users TO PUBLIC", "users: is granted beyond"),
        ("CREATE VIEW all_keys AS SELECT * FROM api_keys", "all_keys: is no plain table"),
        ("GRANT USAGE ON SEQUENCE changes_seq_seq TO PUBLIC", "changes_seq_seq: a sequence is granted"),
        ("CREATE FUNCTION wardgate_new() RETURNS int LANGUAGE sql AS 'SELECT 1'", "16 functions instead of 15"),
        ("ALTER FUNCTION wardgate_changes(text, integer) RESET search_path", "its search_path is not pinned"),
        ("ALTER FUNCTION wardgate_changes(text, integer) OWNER TO app", "wardgate_changes: is not the owner's"),
        ("GRANT EXECUTE ON FUNCTION wardgate_drop_schema(text) TO wardgate_proxy", "wardgate_drop_schema: runs as"),
        ("GRANT EXECUTE ON FUNCTION wardgate_announce() TO PUBLIC", "wardgate_announce: runs as"),
    ] {
        let database = crate::fixture::migrated().await;
        database.sql(mistake).await;
        let wrong = complaints(&database).await;
        assert!(wrong.iter().any(|one| one.contains(told)), "{mistake}: {wrong:#?}");
    }
}

/// A function that the owner makes from now on is nobody's until it is given to somebody.
#[tokio::test]
async fn new_function_of_the_owners_is_not_everybodys() {
    let house = House::new().await;
    house.database.sql("SET ROLE wardgate_owner; CREATE FUNCTION later() RETURNS int LANGUAGE sql AS 'SELECT 1'").await;
    let proxy = house.connect_as(&house.proxy).await;
    assert_eq!(proxy.simple_query("SELECT later()").await.unwrap_err().code().unwrap().code(), "42501");
}
