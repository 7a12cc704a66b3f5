//! What the tests of this room begin with: a database of their own, and a pool before it.

use std::time::Duration;

use super::pool::Pool;
use super::schema;
use super::url::PostgresUrl;
use crate::store::servers::Database;
use crate::store::{Config, StoreUrl};

pub(super) fn url(text: &str) -> PostgresUrl {
    PostgresUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(super) fn config(text: &str) -> Config {
    let mut config = Config::new(StoreUrl::Postgres(Box::new(url(text))));
    config.pool = 2;
    config
}

pub(super) fn pool(config: &Config) -> Pool {
    let StoreUrl::Postgres(url) = &config.url else { unreachable!("these tests are of PostgreSQL") };
    Pool::open(url, config).unwrap()
}

/// A database with the whole schema.
pub(super) async fn made() -> Database {
    let database = Database::fresh().await;
    schema::migrate(pool(&config(&database.url())).connector()).await.unwrap();
    database
}

/// Asks again and again until it is so.
pub(super) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap_or_else(|_| panic!("it never happened: {what}"));
}
