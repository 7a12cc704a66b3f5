//! Keys as they are found, made and changed.

use std::sync::Arc;

use super::{StoreError, check_hash, check_model, check_optional_name, check_public_id, differs};
use crate::clock::{Expiry, Timestamp};
use crate::scopes::{Models, Scopes};
use crate::tenant::{Tenant, TenantId};

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
    /// A fast hash beside a slow one, known since the slow one was once computed. Never shown.
    pub verifier: Option<String>,
    pub name: String,
    pub scopes: Scopes,
    pub models: Models,
    pub expiry: Expiry,
    pub revoked_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    /// The address that `last_used_at` goes with.
    pub last_used_from: Option<String>,
    pub created_at: Timestamp,
    /// Who made it, in words for people; empty where nobody knows.
    pub created_by: String,
    /// Laid out to be found: whoever uses it has taken it.
    pub canary: bool,
    /// Counts the changes; neither a lookup nor a use is one.
    pub version: u64,
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
            .field("canary", &self.canary)
            .finish_non_exhaustive()
    }
}

/// What keys are looked for by: those whose public id, whose hash or whose id is any of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeyLookup {
    /// At most `KeyLookup::FIELDS_MAX`.
    pub public_ids: Vec<String>,
    /// At most `KeyLookup::FIELDS_MAX`.
    pub hashes: Vec<String>,
    /// At most `KeyLookup::FIELDS_MAX`.
    pub ids: Vec<String>,
}

impl KeyLookup {
    /// How many public ids, how many hashes and how many ids one lookup may name.
    pub const FIELDS_MAX: usize = 4;
    /// How many candidates one lookup answers. Each may cost a bcrypt run, so the store keeps the number small where
    /// keys are made, and a lookup that finds more is an error: leaving one out could leave out the right one.
    pub const ROWS_MAX: usize = 8;

    /// Nothing is looked for, and so nothing found.
    pub(in crate::store) fn is_empty(&self) -> bool {
        self.public_ids.is_empty() && self.hashes.is_empty() && self.ids.is_empty()
    }

    pub(in crate::store) fn check(&self) -> Result<(), StoreError> {
        let fields = [&self.public_ids, &self.hashes, &self.ids];
        match fields.iter().all(|field| field.len() <= KeyLookup::FIELDS_MAX) {
            true => Ok(()),
            false => Err(StoreError::Invalid("a key lookup names at most four public ids, four hashes and four ids")),
        }
    }
}

/// A key to be made; the secret itself never comes here.
#[derive(Clone)]
pub struct NewKey {
    pub tenant: TenantId,
    pub public_id: String,
    pub hashed_key: String,
    /// As `KeyRecord` has it.
    pub verifier: Option<String>,
    /// May be empty.
    pub name: String,
    pub scopes: Scopes,
    pub models: Models,
    pub expiry: Expiry,
    /// Who makes it, in words for people, of at most 300 characters; may be empty.
    pub created_by: String,
    pub canary: bool,
}

impl NewKey {
    pub(in crate::store) fn check(&self) -> Result<(), StoreError> {
        check_public_id(&self.public_id).map_err(StoreError::Invalid)?;
        check_hash(&self.hashed_key)?;
        self.verifier.as_deref().map_or(Ok(()), check_hash)?;
        check_optional_name(&self.name)?;
        check_creator(&self.created_by)?;
        check_models(&self.models)
    }
}

/// What changes in a key; `None` leaves a part as it is.
#[derive(Clone, Debug, Default)]
pub struct KeyUpdate {
    /// May be empty.
    pub name: Option<String>,
    pub scopes: Option<Scopes>,
    pub models: Option<Models>,
    pub expiry: Option<Expiry>,
}

impl KeyUpdate {
    pub(in crate::store) fn check(&self) -> Result<(), StoreError> {
        self.name.as_deref().map_or(Ok(()), check_optional_name)?;
        self.models.as_ref().map_or(Ok(()), check_models)
    }

    pub(in crate::store) fn changes(&self, key: &KeyRecord) -> bool {
        differs(&self.name, &key.name)
            || differs(&self.scopes, &key.scopes)
            || differs(&self.models, &key.models)
            || differs(&self.expiry, &key.expiry)
    }
}

/// That a key was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// The key's id.
    pub id: String,
    pub at: Timestamp,
    /// The address that the request came from; empty where it is not known.
    pub from: String,
}

/// A fast hash of a key that was found to match its slow one.
#[derive(Clone)]
pub struct KeyVerifier {
    /// The key's id.
    pub id: String,
    /// The slow hash that was computed.
    pub hashed_key: String,
    /// `hmac-sha256:<pepper id>:<hex>`.
    pub verifier: String,
}

/// A key that takes another's place: it has the old one's tenant, name, scopes, models and expiry, and is a canary
/// where the old one was.
#[derive(Clone)]
pub struct Rotation {
    pub public_id: String,
    pub hashed_key: String,
    /// As `KeyRecord` has it.
    pub verifier: Option<String>,
    /// When the old key ends, unless it ends earlier anyway.
    pub old_ends: Timestamp,
    /// Who makes the new key, as in `NewKey`.
    pub created_by: String,
}

fn check_models(models: &Models) -> Result<(), StoreError> {
    models.names().iter().try_for_each(|model| check_model(model).map_err(StoreError::Invalid))
}

fn check_creator(text: &str) -> Result<(), StoreError> {
    if text.chars().count() <= CREATOR_CHARS_MAX && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(StoreError::Invalid("the maker of a key is told in 300 characters at most, with no control characters"))
}

/// The longest subject of a token, and what kind of caller it is.
const CREATOR_CHARS_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::{Slug, TenantPolicy};

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
                epoch: 0,
                version: 1,
            }),
            public_id: "wgk_abc".into(),
            hashed_key: "sha256:secret".into(),
            verifier: Some("sha256:secret".into()),
            name: String::new(),
            scopes: Scopes::defaults(),
            models: Models::All,
            expiry: Expiry::Never,
            revoked_at: None,
            last_used_at: None,
            last_used_from: None,
            created_at: Timestamp(0),
            created_by: String::new(),
            canary: false,
            version: 1,
        };
        let printed = format!("{record:?}");
        assert!(printed.contains("wgk_abc") && !printed.contains("secret"), "{printed}");
    }
}
