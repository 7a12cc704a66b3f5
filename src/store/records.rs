//! What goes into the store and what comes out, the same for every engine.

mod feed;
mod keys;
mod policy;
mod sessions;
mod tenants;
mod users;

pub use feed::{Change, ChangeKind, Feed, Hearing, Position};
pub use keys::{KeyLookup, KeyRecord, KeyUpdate, KeyUse, KeyVerifier, NewKey, Rotation};
pub use policy::{check_allow_rules, check_policy_size, check_targets, check_upstream_name};
pub use sessions::{NewRefresh, Refreshed, Successor};
pub use tenants::{NewTenant, TenantRef, TenantUpdate};
pub use users::{Email, EmailError, NewUser, UserRecord, UserStatus, UserUpdate};

use super::StoreError;
use crate::tenant::TenantId;

/// For whom the store is asked. Rows beyond it are as absent as rows that never were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every tenant's.
    Platform,
    /// One tenant's alone.
    Tenant(TenantId),
}

impl Reach {
    /// The tenant outside of which nothing is seen.
    pub fn tenant(&self) -> Option<&TenantId> {
        match self {
            Reach::Platform => None,
            Reach::Tenant(tenant) => Some(tenant),
        }
    }
}

/// A part of a listing, which goes from the oldest to the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The id that the part before ended with; it is not given again. An id that the listing does not have is an error.
    pub after: Option<String>,
    pub limit: usize,
}

impl Page {
    pub fn all() -> Page {
        Page { after: None, limit: usize::MAX }
    }
}

/// What makes a creation happen once, however often it is asked for. Remembered for 24 hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// The caller's own word for its request, 1 to 255 printable ASCII characters. Whoever hands it on keeps callers
    /// apart, so that none finds another's resource by guessing its word.
    pub key: String,
    /// A digest of what was asked: the same word for another request is refused.
    pub fingerprint: String,
}

impl Once {
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if printable(&self.key, ONCE_KEY_MAX) {
            return Ok(());
        }
        Err(StoreError::Invalid("an idempotency key is 1 to 255 printable ASCII characters without spaces"))
    }
}

/// The resource that a creation asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created<T> {
    New(T),
    /// An earlier request with the same idempotency key made it; here as it is now.
    Before(T),
}

impl<T> Created<T> {
    pub fn into_inner(self) -> T {
        match self {
            Created::New(made) | Created::Before(made) => made,
        }
    }

    pub fn was_before(&self) -> bool {
        matches!(self, Created::Before(_))
    }
}

/// The display name of a tenant, a key or a user.
pub fn check_name(text: &str) -> Result<(), &'static str> {
    let fits = (1..=NAME_CHARS_MAX).contains(&text.chars().count())
        && !text.chars().any(char::is_control)
        && text.trim() == text;
    fits.then_some(()).ok_or("a name is 1 to 200 characters, with no control characters and no space at either end")
}

/// A name that Postgres takes as an identifier without quotes.
pub fn check_schema_name(text: &str) -> Result<(), &'static str> {
    let starts_well = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_');
    let fits = text.len() <= SCHEMA_NAME_MAX
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let engines_own = text.starts_with("pg_") || ["public", "information_schema"].contains(&text);
    (starts_well && fits && !engines_own).then_some(()).ok_or(
        "a schema name is 1 to 63 lower-case letters, digits or `_`, not beginning with a digit or `pg_`, and not public",
    )
}

pub fn check_public_id(text: &str) -> Result<(), &'static str> {
    printable(text, PUBLIC_ID_MAX)
        .then_some(())
        .ok_or("a key's public id is 1 to 128 printable ASCII characters without spaces")
}

pub fn check_model(text: &str) -> Result<(), &'static str> {
    let fits = (1..=NAME_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then_some(()).ok_or("a model's name is 1 to 200 characters, with no control characters")
}

/// A name that may be left out.
fn check_optional_name(text: &str) -> Result<(), StoreError> {
    if text.is_empty() { Ok(()) } else { check_name(text).map_err(StoreError::Invalid) }
}

/// Whether an update names another value than the one that stands.
fn differs<T: PartialEq>(asked: &Option<T>, stands: &T) -> bool {
    asked.as_ref().is_some_and(|asked| asked != stands)
}

/// The description that a stored secret has of itself: a scheme, its parameters, its digest.
fn check_hash(text: &str) -> Result<(), StoreError> {
    if printable(text, HASH_MAX) {
        return Ok(());
    }
    Err(StoreError::Invalid("a hash is 1 to 512 printable ASCII characters without spaces"))
}

fn printable(text: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

const NAME_CHARS_MAX: usize = 200;
const SCHEMA_NAME_MAX: usize = 63;
const PUBLIC_ID_MAX: usize = 128;
const HASH_MAX: usize = 512;
const ONCE_KEY_MAX: usize = 255;
