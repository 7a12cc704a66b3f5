//! What the product promises, one file a theme, told over one harness. PROMISES' numbers begin the tests' names.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on fails where it stands")]
#![expect(clippy::disallowed_methods, reason = "what a story spawns ends with its runtime")]

#[path = "../support/mod.rs"]
mod support;

mod admin;
mod authentication;
mod bodies;
mod budget;
mod chain;
mod chaos;
mod defects;
mod dialects;
mod failover;
mod isolation;
mod issuers;
mod models;
mod overload;
mod own_keys;
mod revocation;
mod scanning;
mod secrecy;
mod sessions;
mod shutdown;
#[cfg(target_os = "linux")]
mod slow;
mod store;
mod storms;
mod streaming;
mod translation;
mod transport;
mod waiting;
