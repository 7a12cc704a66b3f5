//! Every table × every role × every scope × every way to read or write, straight and through PgBouncer.

use futures_util::StreamExt;
use tokio_postgres::Client;

use crate::fixture::{ATTACKER, House, PASSWORD, SCOPES, Scope, VICTIM, attempt, begin, code};
use crate::postgres::{Bouncer, connect};

/// Whoever may become a role does so inside the transaction; the others try as what they are.
struct Who {
    client: Client,
    name: String,
    role: Option<&'static str>,
}

async fn everybody(house: &House, url_as: impl Fn(&str) -> String) -> Vec<Who> {
    let mut all = Vec::new();
    let roles = [(&house.member, Some("wardgate_owner")), (&house.member, Some("wardgate_admin"))];
    let others = [(&house.member, Some("wardgate_proxy")), (&house.proxy, None), (&house.careless, None)];
    for (login, role) in roles.into_iter().chain(others) {
        let client = connect(&url_as(login)).await;
        all.push(Who { client, name: role.unwrap_or(login).to_owned(), role });
    }
    all
}

impl Who {
    fn has_privileges(&self) -> bool {
        !self.name.contains("proxy")
    }

    /// Whether the platform's reach is theirs: then they see everything, and that is how the admin API works.
    fn reaches(&self, scope: Scope) -> bool {
        scope == Scope::Of("*") && matches!(self.role, Some("wardgate_owner" | "wardgate_admin"))
    }
}

/// The rows of a table that are the attacker's own to see: where a row has no tenant, none.
async fn own_rows(house: &House, table: &str) -> usize {
    if matches!(table, "changes" | "revoked_tokens") {
        return 0;
    }
    house.rows(table).await.iter().filter(|row| row.contains(ATTACKER)).count()
}

/// Reads and writes everything as everybody, and says what went through that must not.
async fn leaks(house: &House, all: &[Who], tables: &[String]) -> Vec<String> {
    let mut leaks = Vec::new();
    for table in tables {
        if !house.rows(table).await.iter().any(|row| row.contains(VICTIM)) {
            leaks.push(format!("{table}: no row of the victim's is there to be found: give it one in `seeds`"));
        }
        let sql = format!(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'public.{table}'::regclass AND attnum > 0
                AND attidentity = '' AND NOT attisdropped ORDER BY attnum LIMIT 1"
        );
        let column = house.database.sql(&sql).await.remove(0).remove(0);
        let own = own_rows(house, table).await;
        for who in all {
            for &scope in SCOPES.iter().filter(|&&scope| !who.reaches(scope)) {
                let allowed = if scope == Scope::Of(ATTACKER) { own } else { 0 };
                let at = format!("{table}, {} for {scope:?}", who.name);
                for (verb, sql) in [
                    ("SELECT", format!("SELECT t::text FROM {table} t")),
                    ("UPDATE", format!("UPDATE {table} t SET {column} = {column} RETURNING t::text")),
                    ("DELETE", format!("DELETE FROM {table} t RETURNING t::text")),
                    ("lock", format!("SELECT t::text FROM {table} t FOR UPDATE")),
                ] {
                    let seen = attempt(&who.client, who.role, scope, &sql).await;
                    leaks.extend(judge(seen, allowed, who).map(|leak| format!("{verb}, {at}: {leak}")));
                }
                let copied = copy_out(&who.client, who.role, scope, table).await;
                leaks.extend(judge(copied, allowed, who).map(|leak| format!("COPY, {at}: {leak}")));
                for blind in [format!("UPDATE {table} SET {column} = {column}"), format!("DELETE FROM {table}")] {
                    begin(&who.client, who.role, scope).await;
                    // Without a look at any row: other policies hold for this than for the above.
                    let touched = who.client.execute(&blind, &[]).await.unwrap_or(0);
                    who.client.simple_query("ROLLBACK").await.unwrap();
                    if touched > allowed as u64 {
                        leaks.push(format!("{blind}, {at}: {touched} rows"));
                    }
                }
            }
        }
    }
    leaks
}

fn judge(seen: Result<Vec<String>, String>, allowed: usize, who: &Who) -> Option<String> {
    match seen {
        Ok(_) if !who.has_privileges() => Some("the proxy has a privilege on a table".to_owned()),
        Ok(rows) if rows.iter().any(|row| row.contains(VICTIM)) => Some(format!("{rows:?}")),
        Ok(rows) if rows.len() > allowed => Some(format!("{} rows instead of {allowed}", rows.len())),
        Ok(_) => None,
        // Foreign keys stop a DELETE of one's own; the others are refusals.
        Err(code) if ["42501", "23503"].contains(&code.as_str()) => None,
        Err(code) => Some(format!("SQLSTATE {code}")),
    }
}

async fn copy_out(client: &Client, role: Option<&str>, scope: Scope, table: &str) -> Result<Vec<String>, String> {
    begin(client, role, scope).await;
    let copied = async {
        let stream = client.copy_out(&format!("COPY {table} TO STDOUT")).await?;
        Ok(Box::pin(stream).collect::<Vec<_>>().await)
    };
    let copied: Result<Vec<_>, tokio_postgres::Error> = copied.await;
    client.simple_query("ROLLBACK").await.unwrap();
    let lines = copied.map_err(|error| code(&error))?;
    Ok(lines.into_iter().map(|line| String::from_utf8(line.unwrap().to_vec()).unwrap()).collect())
}

#[tokio::test]
async fn no_role_and_no_scope_shows_a_row_of_another_tenant() {
    let house = House::new().await;
    let all = everybody(&house, |login| house.database.url_as(login, PASSWORD)).await;
    let leaks = leaks(&house, &all, &house.tables().await).await;
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

#[tokio::test]
async fn no_role_and_no_scope_shows_a_row_of_another_tenant_through_a_pooler() {
    let house = House::new().await;
    let bouncer = Bouncer::before(&house.database.url());
    let all = everybody(&house, |login| bouncer.url_as(login, PASSWORD)).await;
    let leaks = leaks(&house, &all, &house.tables().await).await;
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

/// The suite above finds what it is for: each of these is a mistake that somebody may make in a migration to come.
#[tokio::test]
async fn table_that_forgets_its_tenants_is_found() {
    for (table, mistake, told) in [
        ("notes", "CREATE TABLE notes (x text); GRANT SELECT ON notes TO wardgate_admin", "no row of the victim's"),
        (
            "notes",
            "CREATE TABLE notes (x text); INSERT INTO notes VALUES ('victim'); GRANT SELECT ON notes TO wardgate_admin",
            "SELECT, notes, wardgate_admin for Unset",
        ),
        ("users", "ALTER TABLE users NO FORCE ROW LEVEL SECURITY", "SELECT, users, wardgate_owner for Unset"),
        ("users", "ALTER TABLE users DISABLE ROW LEVEL SECURITY", "COPY, users, wardgate_admin for Unset"),
        (
            "everyone",
            "CREATE VIEW everyone AS SELECT * FROM users; GRANT SELECT ON everyone TO wardgate_admin",
            "SELECT, everyone, wardgate_admin",
        ),
        ("users", "CREATE POLICY open ON users FOR DELETE USING (true)", "DELETE FROM users, users, wardgate_admin"),
        ("users", "GRANT SELECT ON users TO wardgate_proxy", "the proxy has a privilege on a table"),
    ] {
        let house = House::new().await;
        house.database.sql(mistake).await;
        let all = everybody(&house, |login| house.database.url_as(login, PASSWORD)).await;
        assert!(house.tables().await.contains(&table.to_owned()), "the suite looks at {table} by itself");
        let leaks = leaks(&house, &all, &[table.to_owned()]).await;
        assert!(leaks.iter().any(|leak| leak.contains(told)), "{mistake}: {leaks:#?}");
    }
}

/// A row is not put under another tenant's name, neither as a new one nor by moving one's own, nor brought in by COPY.
#[tokio::test]
async fn nothing_is_written_in_the_name_of_another_tenant() {
    let house = House::new().await;
    let all = everybody(&house, |login| house.database.url_as(login, PASSWORD)).await;
    let expiry = "now() + '1 day'";
    let inserts = [
        ("tenants", "INSERT INTO tenants (id, slug, name, status) VALUES ('third', 'third', 'x', 'active')".to_owned()),
        (
            "api_keys",
            format!("INSERT INTO api_keys (id, tenant_id, key_prefix, hashed_key) VALUES ('n', '{VICTIM}', 'n', 'n')"),
        ),
        (
            "users",
            format!("INSERT INTO users (id, tenant_id, email, hashed_password) VALUES ('n', '{VICTIM}', 'n', 'n')"),
        ),
        (
            "refresh_tokens",
            format!(
                "INSERT INTO refresh_tokens (id, family, tenant_id, user_id, expires_at)
                 VALUES ('n', 'n', '{VICTIM}', 'user-{VICTIM}', {expiry})"
            ),
        ),
        (
            "idempotency_keys",
            format!(
                "INSERT INTO idempotency_keys (reach, key, fingerprint, resource_id) VALUES ('{VICTIM}', 'n', 'n', 'n')"
            ),
        ),
        ("changes", "INSERT INTO changes (kind, id) VALUES ('token', 'n')".to_owned()),
        ("api_keys", format!("UPDATE api_keys SET tenant_id = '{VICTIM}'")),
        ("users", format!("UPDATE users SET tenant_id = '{VICTIM}'")),
        ("refresh_tokens", format!("UPDATE refresh_tokens SET tenant_id = '{VICTIM}'")),
        ("idempotency_keys", format!("UPDATE idempotency_keys SET reach = '{VICTIM}'")),
        ("tenants", "UPDATE tenants SET id = 'third'".to_owned()),
    ];
    for (table, sql) in &inserts {
        let before = house.rows(table).await;
        // The owner's own word for the feed is what the triggers need.
        for who in all.iter().filter(|who| !(*table == "changes" && who.role == Some("wardgate_owner"))) {
            for &scope in SCOPES.iter().filter(|&&scope| !who.reaches(scope)) {
                begin(&who.client, who.role, scope).await;
                let outcome = who.client.execute(sql, &[]).await;
                who.client.simple_query("COMMIT").await.unwrap();
                let harmless = match &outcome {
                    Ok(touched) => *touched == 0,
                    Err(error) => ["42501", "23503"].contains(&code(error).as_str()),
                };
                assert!(harmless, "{sql}, {} for {scope:?}: {outcome:?}", who.name);
            }
        }
        assert_eq!(house.rows(table).await, before, "{sql}");
    }
}

/// A session of another tenant's user would be that user's: the reference holds the tenant too.
#[tokio::test]
async fn session_of_another_tenants_user_is_not_stored_in_ones_own_name() {
    let house = House::new().await;
    let client = house.connect_as(&house.member).await;
    for user in [format!("user-{VICTIM}"), "nobody".to_owned()] {
        let sql = format!(
            "INSERT INTO refresh_tokens (id, family, tenant_id, user_id, expires_at)
             VALUES ('n', 'n', '{ATTACKER}', '{user}', now() + '1 day')"
        );
        let outcome = attempt(&client, Some("wardgate_admin"), Scope::Of(ATTACKER), &sql).await;
        assert_eq!(outcome.unwrap_err(), "23503", "the same answer whether there is such a user or not");
    }
}

/// A scope's names cannot be a tenant's, or its rows would be the platform's, or everybody's.
#[tokio::test]
async fn no_tenant_is_named_like_no_scope_or_the_platforms() {
    let house = House::new().await;
    let client = house.connect_as(&house.member).await;
    for id in ["", "*"] {
        let sql = format!("INSERT INTO tenants (id, slug, name, status) VALUES ('{id}', 'third', 'x', 'active')");
        let outcome = attempt(&client, Some("wardgate_admin"), Scope::Of("*"), &sql).await;
        assert_eq!(outcome.unwrap_err(), "23514", "{id:?}");
    }
}

/// The yes beside all the noes: for its own tenant an admin reads and writes, and for the platform everything.
#[tokio::test]
async fn admin_sees_its_tenants_rows_and_the_platforms_reach_sees_all() {
    let house = House::new().await;
    let client = house.connect_as(&house.member).await;
    for table in house.tables().await {
        let sql = format!("SELECT t::text FROM {table} t");
        let own = attempt(&client, Some("wardgate_admin"), Scope::Of(ATTACKER), &sql).await.unwrap();
        assert_eq!(own.len(), own_rows(&house, &table).await, "{table}");
        let mut reached = attempt(&client, Some("wardgate_admin"), Scope::Of("*"), &sql).await.unwrap();
        let mut all = house.rows(&table).await;
        if table == "idempotency_keys" {
            // Words for requests are each reach's own, the platform's too.
            all.clear();
        }
        all.sort();
        reached.sort();
        assert_eq!(reached, all, "{table}");
    }
}
