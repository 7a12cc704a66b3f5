//! The schema's version: made in an empty database, checked in any other, moved on by `wardgate migrate` alone.
//!
//! All that is pending runs in one transaction, which begins by taking a lock: of ten replicas that start at once one
//! makes the schema, and nine find it made. It is the lock of a transaction and not of a session, so that a pooler may
//! stand in between.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::timeout;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use super::connect::Connector;
use super::failure;
use super::pool::Parameter;
use crate::store::migrations::Migrations;
use crate::store::{Outage, StoreError};

/// Makes the schema where the database is empty and the login may; otherwise it must be exactly this build's.
pub(super) async fn make_or_check(connector: &Connector) -> Result<(), StoreError> {
    let client = connect(connector).await?;
    match version(&client).await? {
        Version::Empty => match run(&client).await {
            // Whoever serves need not be who makes the schema.
            Err(StoreError::Forbidden) => ours().check(0),
            made => made.map(drop),
        },
        Version::At(found) => ours().check(found),
    }
}

/// Brings the schema to this build's version, and names what ran.
pub(super) async fn migrate(connector: &Connector) -> Result<Vec<String>, StoreError> {
    let client = connect(connector).await?;
    if ours().after(version(&client).await?.number()).next().is_none() {
        return Ok(Vec::new());
    }
    run(&client).await
}

/// Names of the migrations that have not run, in their order.
pub(super) async fn pending(connector: &Connector) -> Result<Vec<String>, StoreError> {
    let client = connect(connector).await?;
    Ok(ours().names_after(version(&client).await?.number()))
}

/// How far a database's schema has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// Nobody has put anything there.
    Empty,
    /// 0 is a database with tables of others, or with those of a time before migrations, which `migrate` takes over.
    At(i64),
}

impl Version {
    fn number(self) -> i64 {
        match self {
            Version::Empty => 0,
            Version::At(found) => found,
        }
    }
}

/// A connection that ends with the client: migrations are seldom, and outlast a lookup's patience.
async fn connect(connector: &Connector) -> Result<Client, StoreError> {
    let connected = timeout(CONNECT_TIMEOUT, connector.connect(drop)).await;
    let slow = |_| StoreError::Unavailable(Outage::Slow(CONNECT_TIMEOUT));
    let (client, _) = connected.map_err(slow)?.map_err(|error| failure::told(&error))?;
    Ok(client)
}

async fn version(client: &Client) -> Result<Version, StoreError> {
    let found = client.query_typed(FOUND, &[]).await.map_err(|error| failure::told(&error))?;
    let [found] = found.as_slice() else { return Err(StoreError::SchemaForeign) };
    let (has_history, has_others): (bool, bool) = (found.get(0), found.get(1));
    let history = if has_history { history(client).await? } else { Vec::new() };
    match ours().version(&history)? {
        0 if !has_others => Ok(Version::Empty),
        found => Ok(Version::At(found)),
    }
}

/// Version and checksum of each migration that ran, in their order.
async fn history(client: &Client) -> Result<Vec<(i64, String)>, StoreError> {
    let rows = client.query_typed(HISTORY, &[]).await.map_err(|error| failure::told(&error))?;
    let read = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    read.collect::<Result<_, Error>>().map_err(|_| StoreError::SchemaForeign)
}

/// Runs what is pending once the lock is had, and names it. Where this fails, the connection ends, and the transaction
/// with it.
async fn run(client: &Client) -> Result<Vec<String>, StoreError> {
    client.batch_execute(BEGIN).await.map_err(|error| failure::told(&error))?;
    refuse_open_schema(client).await?;
    let found = version(client).await?.number();
    let ours = ours();
    client.batch_execute(MAKE_HISTORY).await.map_err(|error| failure::told(&error))?;
    for migration in ours.after(found) {
        client.batch_execute(migration.sql().unwrap_or_default()).await.map_err(|error| failure::told(&error))?;
        note(client, migration).await?;
    }
    client.batch_execute("COMMIT").await.map_err(|error| failure::told(&error))?;
    Ok(ours.names_after(found))
}

/// As refinery itself keeps its history.
async fn note(client: &Client, migration: &refinery::Migration) -> Result<(), StoreError> {
    let version = i64::from(migration.version());
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
    let checksum = migration.checksum().to_string();
    let parameters: [Parameter<'_>; 4] =
        [(&version, Type::INT8), (&migration.name(), Type::TEXT), (&now, Type::TEXT), (&checksum, Type::TEXT)];
    client.query_typed(NOTE, &parameters).await.map_err(|error| failure::told(&error)).map(drop)
}

/// Whoever may make objects in `public` could make a function there that a migration then calls in place of the
/// engine's own.
async fn refuse_open_schema(client: &Client) -> Result<(), StoreError> {
    match client.query_typed(ANYBODY_MAKES, &[]).await.map_err(|error| failure::told(&error))?.is_empty() {
        true => Ok(()),
        false => Err(StoreError::Refused(
            "anybody may make objects in the schema public of the store's database: let its owner run \
             `REVOKE CREATE ON SCHEMA public FROM PUBLIC`"
                .to_owned(),
        )),
    }
}

fn ours() -> Migrations {
    Migrations::of(&embedded::migrations::runner())
}

mod embedded {
    refinery::embed_migrations!("migrations/postgres");
}

const ANYBODY_MAKES: &str = "SELECT 1 FROM pg_catalog.pg_namespace AS n, pg_catalog.aclexplode(n.nspacl) AS granted \
     WHERE n.nspname = 'public' AND granted.privilege_type = 'CREATE' AND granted.grantee = 0::oid";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether there is a history, and whether there are tables beside it that no extension brought.
const FOUND: &str = "SELECT pg_catalog.to_regclass('public.refinery_schema_history') IS NOT NULL, EXISTS (\
     SELECT FROM pg_catalog.pg_class c \
     WHERE c.relnamespace = pg_catalog.to_regnamespace('public') AND c.relkind IN ('r', 'p') \
     AND c.relname <> 'refinery_schema_history' \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass \
     AND d.objid = c.oid AND d.deptype = 'e'))";

const HISTORY: &str = "SELECT version::bigint, checksum::text FROM public.refinery_schema_history ORDER BY version";

/// The lock's number is `wardgate` in ASCII. Whoever has to wait for it for a minute is told so.
const BEGIN: &str = "BEGIN; SET LOCAL search_path = public, pg_temp; SET LOCAL statement_timeout = 0; \
     SET LOCAL lock_timeout = '60s'; SELECT pg_catalog.pg_advisory_xact_lock(8602282538811094117)";

const MAKE_HISTORY: &str = "CREATE TABLE IF NOT EXISTS public.refinery_schema_history \
     (version int4 PRIMARY KEY, name varchar(255), applied_on varchar(255), checksum varchar(255))";

const NOTE: &str = "INSERT INTO public.refinery_schema_history (version, name, applied_on, checksum) \
     VALUES ($1::int4, $2, $3, $4)";

#[cfg(test)]
mod tests;
