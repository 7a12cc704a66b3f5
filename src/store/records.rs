//! What goes into the store and what comes out, the same for every engine.

use std::sync::Arc;

use uuid::Uuid;

use super::StoreError;
use crate::clock::{Expiry, Timestamp};
use crate::scopes::{Models, Scopes};
use crate::tenant::{Slug, Tenant, TenantId, TenantPolicy};

/// A key as the store holds it, with the tenant it belongs to. Whether it may be used is for `auth` to say:
/// revoked and expired keys, and those of suspended tenants, are records like any other.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// A header can carry it: it is the principal's id.
    pub id: String,
    pub tenant: Arc<Tenant>,
    /// The part of the key that is no secret; the column `key_prefix`. Imported keys may share one.
    pub public_id: String,
    /// Says by its form how it was made: `$2b$…`, `sha256:…`, `hmac-sha256:<key id>:…`. Never shown.
    pub hashed_key: String,
    pub name: String,
    pub scopes: Scopes,
    pub models: Models,
    pub expiry: Expiry,
    pub revoked_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// Leaves the hash out, so that no log line can carry it.
impl std::fmt::Debug for KeyRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let KeyRecord { id, tenant, public_id, name, scopes, models, expiry, .. } = self;
        f.debug_struct("KeyRecord")
            .field("id", id)
            .field("tenant", &tenant.slug)
            .field("public_id", public_id)
            .field("name", name)
            .field("scopes", scopes)
            .field("models", models)
            .field("expiry", expiry)
            .field("revoked_at", &self.revoked_at)
            .finish_non_exhaustive()
    }
}

/// A presented key: keys whose public id or whose hash is any of these are candidates for it.
#[derive(Clone, Default)]
pub struct KeyLookup {
    /// At most `KeyLookup::FIELDS_MAX`.
    pub public_ids: Vec<String>,
    /// At most `KeyLookup::FIELDS_MAX`.
    pub hashes: Vec<String>,
}

impl KeyLookup {
    /// How many public ids, and how many hashes, one lookup may name.
    pub const FIELDS_MAX: usize = 4;
    /// How many candidates one lookup answers. Each may cost a bcrypt run, so the store keeps the number small where
    /// keys are made, and a lookup that finds more is an error: leaving one out could leave out the right one.
    pub const ROWS_MAX: usize = 8;
}

/// The two names of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TenantRef {
    Id(TenantId),
    Slug(Slug),
}

/// A tenant to be made; it begins active. Only `NewTenant::new` makes one, so that its parts are fit to be stored.
#[derive(Clone, Debug)]
pub struct NewTenant {
    pub(super) slug: Slug,
    pub(super) name: String,
    pub(super) db_schema_name: String,
    pub(super) policy: TenantPolicy,
}

impl NewTenant {
    /// Without a schema name the tenant's is made of the slug: `acme-2` keeps its data in `tenant_acme_2`.
    pub fn new(
        name: String,
        slug: Slug,
        db_schema_name: Option<String>,
        policy: TenantPolicy,
    ) -> Result<NewTenant, StoreError> {
        check_name(&name).map_err(StoreError::Invalid)?;
        // Wherever a tenant is named by id or slug, such a slug could pass for another tenant's id.
        if Uuid::try_parse(slug.as_str()).is_ok() {
            return Err(StoreError::Invalid("a tenant slug must not have the form of a tenant id"));
        }
        let db_schema_name = db_schema_name.unwrap_or_else(|| default_schema_name(&slug));
        check_schema_name(&db_schema_name).map_err(StoreError::Invalid)?;
        Ok(NewTenant { slug, name, db_schema_name, policy })
    }
}

/// Postgres cuts identifiers at 63 bytes, so the name is cut here, where it can be seen.
fn default_schema_name(slug: &Slug) -> String {
    let mut name = format!("tenant_{}", slug.as_str().replace('-', "_"));
    name.truncate(SCHEMA_NAME_MAX);
    name
}

/// What changes in a tenant; `None` leaves a part as it is.
#[derive(Clone, Debug, Default)]
pub struct TenantUpdate {
    pub name: Option<String>,
    pub policy: Option<TenantPolicy>,
}

/// A key to be made; the secret itself never comes here.
#[derive(Clone)]
pub struct NewKey {
    pub tenant: TenantId,
    pub public_id: String,
    pub hashed_key: String,
    /// May be empty.
    pub name: String,
    pub scopes: Scopes,
    pub models: Models,
    pub expiry: Expiry,
}

impl NewKey {
    pub(super) fn check(&self) -> Result<(), StoreError> {
        check_public_id(&self.public_id).map_err(StoreError::Invalid)?;
        if !printable(&self.hashed_key, HASH_MAX) {
            return Err(StoreError::Invalid("a key's hash is 1 to 512 printable ASCII characters without spaces"));
        }
        if !self.name.is_empty() {
            check_name(&self.name).map_err(StoreError::Invalid)?;
        }
        self.models.names().iter().try_for_each(|model| check_model(model).map_err(StoreError::Invalid))
    }
}

/// A key that takes another's place: it has the old one's tenant, name, scopes, models and expiry.
#[derive(Clone)]
pub struct Rotation {
    pub public_id: String,
    pub hashed_key: String,
    /// When the old key ends, unless it ends earlier anyway.
    pub old_ends: Timestamp,
}

/// That a tenant or a key was made, changed or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub seq: u64,
    pub kind: ChangeKind,
    /// The tenant's or the key's id.
    pub id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    Tenant,
    Key,
}

/// What happened since a number of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feed {
    /// Everything that happened, oldest first; the last one's `seq` is where to go on.
    Changes(Vec<Change>),
    /// The feed no longer reaches back to the number, or never got there: the file was exchanged for an older one.
    /// Anything may have changed. Forget everything, and go on from `latest`.
    Lost { latest: u64 },
}

/// The display name of a tenant or a key.
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
    (starts_well && fits)
        .then_some(())
        .ok_or("a schema name is 1 to 63 lower-case letters, digits or `_`, not beginning with a digit")
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

fn printable(text: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

const NAME_CHARS_MAX: usize = 200;
const SCHEMA_NAME_MAX: usize = 63;
const PUBLIC_ID_MAX: usize = 128;
const HASH_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn new_tenant(name: &str, slug: &str, schema: Option<&str>) -> Result<NewTenant, StoreError> {
        let slug = Slug::parse(slug).unwrap();
        NewTenant::new(name.to_owned(), slug, schema.map(str::to_owned), TenantPolicy::default())
    }

    #[test]
    fn schema_name_is_made_of_the_slug_and_fits_an_identifier() {
        assert_eq!(new_tenant("Acme", "acme-2", None).unwrap().db_schema_name, "tenant_acme_2");
        assert_eq!(new_tenant("Acme", &"a".repeat(63), None).unwrap().db_schema_name.len(), 63);
        assert_eq!(new_tenant("Acme", "acme", Some("acme_data")).unwrap().db_schema_name, "acme_data");
    }

    #[test]
    fn schema_name_that_would_need_quotes_is_refused() {
        for wrong in ["", "1a", "A", "a-b", "a;drop table tenants", "a\"", &"a".repeat(64)] {
            assert!(matches!(new_tenant("Acme", "acme", Some(wrong)), Err(StoreError::Invalid(_))), "{wrong:?}");
        }
    }

    #[test]
    fn names_are_text_of_one_line() {
        assert!(new_tenant("Größe & Söhne 株式会社", "g", None).is_ok());
        for wrong in ["", "a\nb", "a\u{1b}[2J", " a", &"x".repeat(201)] {
            assert!(new_tenant(wrong, "g", None).is_err(), "{wrong:?}");
        }
        assert!(new_tenant(&"ü".repeat(200), "g", None).is_ok());
    }

    #[test]
    fn slug_that_could_pass_for_a_tenant_id_is_refused() {
        assert!(new_tenant("Acme", "0197b2f0-9a7e-7cc3-8b5e-0242ac120002", None).is_err());
        assert!(new_tenant("Acme", "0197b2f0-9a7e", None).is_ok());
    }

    #[test]
    fn key_record_does_not_print_its_hash() {
        let record = KeyRecord {
            id: "k1".into(),
            tenant: Arc::new(Tenant {
                id: TenantId::parse("t1").unwrap(),
                slug: Slug::parse("acme").unwrap(),
                name: "Acme".into(),
                db_schema_name: None,
                status: crate::tenant::TenantStatus::Active,
                policy: TenantPolicy::default(),
                created_at: Timestamp(0),
            }),
            public_id: "wgk_abc".into(),
            hashed_key: "sha256:canary".into(),
            name: String::new(),
            scopes: Scopes::defaults(),
            models: Models::All,
            expiry: Expiry::Never,
            revoked_at: None,
            last_used_at: None,
            created_at: Timestamp(0),
        };
        let printed = format!("{record:?}");
        assert!(printed.contains("wgk_abc") && !printed.contains("canary"), "{printed}");
    }
}
