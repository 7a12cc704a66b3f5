//! Wardgate: a gate that stands beside an app, or before an LLM provider, and lets a request through only as a known
//! tenant.
//!
//! The life of a request stands in [`proxy`], on one screen. ARCHITECTURE.md tells the floors: a module imports from
//! lower ones alone, and `tests/tidy.rs` holds it to that.

#![cfg_attr(test, expect(clippy::disallowed_methods, reason = "what a test spawns ends with its runtime"))]

pub mod account;
pub mod admin;
pub mod app;
pub mod auth;
mod backoff;
pub mod call;
pub mod cli;
pub mod clock;
pub mod config;
pub mod cors;
pub mod digest;
pub mod fetch;
mod forever;
pub mod headers;
pub mod health;
pub mod limits;
pub mod manage;
pub mod meter;
pub mod metrics;
pub mod policy;
pub mod principal;
pub mod prompt;
pub mod proxy;
pub mod rejection;
pub mod route;
pub mod scan;
pub mod scopes;
pub mod seal;
pub mod secret;
pub mod server;
pub mod sse;
pub mod store;
pub mod telemetry;
pub mod tenant;
pub mod tls;
pub mod upstream;
