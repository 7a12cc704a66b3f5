//! What the product promises where several gates share a PostgreSQL, or where a process shows what a test within it cannot,
//! told of real parts: processes of the binary, the server, PgBouncer, a provider. PROMISES' numbers begin the tests' names.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on fails where it stands")]
#![expect(clippy::disallowed_methods, reason = "what a story spawns ends with its runtime")]

#[path = "../support/client.rs"]
#[expect(dead_code, reason = "other stories need the rest")]
mod client;
#[path = "../support/load.rs"]
mod load;
#[path = "../support/postgres.rs"]
#[expect(dead_code, reason = "other stories need the rest")]
mod postgres;
#[path = "../support/processes.rs"]
mod processes;
#[path = "../support/relay.rs"]
mod relay;

mod crowds;
mod feed;
mod flapping;
mod hanging;
mod operators;
mod outages;
mod pooler;
mod revocation;
