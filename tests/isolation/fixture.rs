//! A migrated database with two tenants in every table, and everybody who may try something.

use std::fmt::Write;
use std::path::Path;

use tokio_postgres::{Client, Error};

use crate::postgres::{Database, cells, connect};

/// The tenant in whose name the attacker speaks.
pub(crate) const ATTACKER: &str = "attacker";
/// The tenant whose rows nobody else may see. Every row of its has this word in it.
pub(crate) const VICTIM: &str = "victim";
/// Every login of the fixture has it.
pub(crate) const PASSWORD: &str = "secret";

/// A login that has all roles of ours, one that has the proxy's alone, and one to which a careless DBA granted every
/// privilege there is on every table.
pub(crate) struct House {
    pub(crate) database: Database,
    pub(crate) member: String,
    pub(crate) proxy: String,
    pub(crate) careless: String,
}

impl House {
    pub(crate) async fn new() -> House {
        let database = migrated().await;
        let login = |kind: &str| format!("{kind}_{}", database.name());
        let (member, proxy, careless) = (login("member"), login("proxy"), login("careless"));
        let mut sql = String::new();
        for login in [&member, &proxy, &careless] {
            // A process of the same number may have left one.
            write!(sql, "DROP ROLE IF EXISTS {login}; CREATE ROLE {login} LOGIN PASSWORD '{PASSWORD}';").unwrap();
        }
        write!(
            sql,
            "GRANT wardgate_owner, wardgate_admin, wardgate_proxy TO {member};
             GRANT wardgate_proxy TO {proxy};
             GRANT ALL ON ALL TABLES IN SCHEMA public TO {careless};"
        )
        .unwrap();
        for tenant in [ATTACKER, VICTIM] {
            sql.push_str(&seeds(tenant));
        }
        database.sql(&sql).await;
        House { database, member, proxy, careless }
    }

    pub(crate) async fn connect_as(&self, login: &str) -> Client {
        connect(&self.database.url_as(login, PASSWORD)).await
    }

    /// Every table and view of the schema, from the catalog: a new one is here by itself.
    pub(crate) async fn tables(&self) -> Vec<String> {
        let found = self.database.sql(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
             ORDER BY relname",
        );
        found.await.into_iter().map(|mut row| row.remove(0)).collect()
    }

    /// Every row of a table as text, seen by the superuser.
    pub(crate) async fn rows(&self, table: &str) -> Vec<String> {
        self.database
            .sql(&format!("SELECT t::text FROM {table} t"))
            .await
            .into_iter()
            .map(|mut row| row.remove(0))
            .collect()
    }
}

/// One row of a tenant in every table. Some come of triggers.
fn seeds(tenant: &str) -> String {
    format!(
        "INSERT INTO tenants (id, slug, name, db_schema_name, status)
            VALUES ('{tenant}', '{tenant}', '{tenant}', 'schema_{tenant}', 'active');
         INSERT INTO api_keys (id, tenant_id, key_prefix, hashed_key)
            VALUES ('key-{tenant}', '{tenant}', 'prefix-{tenant}', 'sha256:{tenant}');
         INSERT INTO users (id, tenant_id, email, hashed_password)
            VALUES ('user-{tenant}', '{tenant}', 'user@{tenant}', 'hash-{tenant}');
         INSERT INTO refresh_tokens (id, family, tenant_id, user_id, expires_at)
            VALUES ('token-{tenant}', 'family-{tenant}', '{tenant}', 'user-{tenant}', now() + '1 day');
         INSERT INTO revoked_tokens (jti, expires_at) VALUES ('jti-{tenant}', now() + '1 day');
         INSERT INTO idempotency_keys (reach, key, fingerprint, resource_id)
            VALUES ('{tenant}', 'once-{tenant}', 'print', 'key-{tenant}');"
    )
}

pub(crate) async fn migrated() -> Database {
    let database = Database::fresh().await;
    migrate(&connect(&database.url()).await).await.unwrap();
    database
}

/// Runs the migrations in their order, each in a transaction, one process at a time.
pub(crate) async fn migrate(client: &Client) -> Result<(), Error> {
    for migration in migrations() {
        let sql = format!("BEGIN; SELECT pg_advisory_xact_lock(8110); {migration}; COMMIT");
        if let Err(error) = client.simple_query(&sql).await {
            client.simple_query("ROLLBACK").await?;
            return Err(error);
        }
    }
    Ok(())
}

/// All of them in one transaction, as the program does where several are pending.
pub(crate) async fn migrate_at_once(client: &Client) -> Result<(), Error> {
    let sql = format!("BEGIN; SELECT pg_advisory_xact_lock(8110); {}; COMMIT", migrations().join("; "));
    let outcome = client.batch_execute(&sql).await;
    client.batch_execute("ROLLBACK").await?;
    outcome
}

fn migrations() -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
    let mut paths: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// Whom a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Nobody said.
    Unset,
    Of(&'static str),
}

/// Nobody, nothing, tenants that do not exist or are no name at all, the attacker's own, and the platform's.
pub(crate) const SCOPES: &[Scope] = &[
    Scope::Unset,
    Scope::Of(""),
    Scope::Of("nobody"),
    Scope::Of("' OR '1'='1"),
    Scope::Of("%"),
    Scope::Of(ATTACKER),
    Scope::Of("*"),
];

/// Begins a transaction as a role and for a scope, as our code does.
pub(crate) async fn begin(client: &Client, role: Option<&str>, scope: Scope) {
    client.simple_query("BEGIN").await.unwrap();
    if let Some(role) = role {
        client.simple_query(&format!("SET LOCAL ROLE {role}")).await.unwrap();
    }
    if let Scope::Of(scope) = scope {
        client.query("SELECT set_config('app.current_tenant_id', $1, true)", &[&scope]).await.unwrap();
    }
}

/// What a statement inside such a transaction gives; the transaction is rolled back.
pub(crate) async fn attempt(
    client: &Client,
    role: Option<&str>,
    scope: Scope,
    sql: &str,
) -> Result<Vec<String>, String> {
    begin(client, role, scope).await;
    let outcome = cells(client, sql).await;
    client.simple_query("ROLLBACK").await.unwrap();
    let rows = outcome.map_err(|error| code(&error))?;
    Ok(rows.into_iter().map(|row| row.join("|")).collect())
}

/// The SQLSTATE of a refusal.
pub(crate) fn code(error: &Error) -> String {
    error.code().unwrap_or_else(|| panic!("{error:?}")).code().to_owned()
}
