//! Tenants are kept apart by the database itself. Written as an attacker would: every table, every role, every scope,
//! straight and through a pooler; and not one row of another tenant.
//!
//! All of it speaks SQL to a real server, past our own code: whatever that code may one day forget, the database holds.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails where it stands")]

#[expect(dead_code, reason = "other tests use the rest of it")]
#[path = "../support/postgres.rs"]
mod postgres;

mod catalog;
mod climbing;
mod feed;
mod fixture;
mod functions;
mod legacy;
mod migrating;
mod pooling;
mod rows;
mod servers;
