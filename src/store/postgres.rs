//! The store in a PostgreSQL that many gates share.
//!
//! The path of requests calls functions of the database that do one thing each, and needs no more rights than that; what
//! manages records runs in transactions under `wardgate_admin`, each with the reach that it was asked for, which the
//! database's own row-level security holds it to. No statement is prepared and no session keeps anything, so that a
//! pooler may stand in between.

mod change;
mod connect;
mod failure;
mod gate;
mod keys;
mod listen;
mod paging;
mod pool;
mod rows;
mod schema;
mod sessions;
mod tenants;
mod tls;
mod url;
mod users;

use std::sync::atomic::AtomicU64;

pub use self::url::{PostgresUrl, PostgresUrlError};

use self::listen::Listener;
use self::pool::Pool;
use super::{Config, StoreError, StoreUrl};

/// A store whose database may be down: it is looked for again with each question.
pub(super) struct Postgres {
    pool: Pool,
    listener: Listener,
    lookups: AtomicU64,
}
