//! Keys: made, shown once, narrowed, rotated, revoked, and taken over from other systems.

use std::time::Duration;

use super::authority::{Grant, needs_room};
use super::tenants::{check, check_models};
use super::{Authority, Idempotency, Listed, Made, Manage, ManageError, over_others, with_one_more};
use crate::auth::api_key;
use crate::clock::{Expiry, Timestamp};
use crate::scopes::{Models, Scopes};
use crate::secret::Secret;
use crate::store::{KeyRecord, KeyUpdate, NewKey, Page, Reach, Rotation, StoreError, check_name};
use crate::tenant::{Tenant, TenantId};

/// A key to be made.
#[derive(Debug)]
pub struct CreateKey {
    /// Id or slug.
    pub tenant: String,
    /// May be empty.
    pub name: String,
    /// `None` for those of a credential that names none.
    pub scopes: Option<Scopes>,
    pub models: Models,
    pub expiry: Expiry,
    /// A key that nobody is meant to use: its use is an alarm.
    pub canary: bool,
}

/// What changes in a key; `None` leaves a part as it is.
#[derive(Clone, Debug, Default)]
pub struct ChangeKey {
    pub name: Option<String>,
    pub scopes: Option<Scopes>,
    pub models: Option<Models>,
    pub expiry: Option<Expiry>,
}

/// A key that was made.
pub struct IssuedKey {
    pub record: KeyRecord,
    /// Handed out this once (promise K6); `None` where an earlier request under the same idempotency key made it.
    pub secret: Option<Secret>,
}

/// A key that took another's place.
pub struct RotatedKey {
    pub record: KeyRecord,
    pub secret: Secret,
    /// The old one, with the end that it has now.
    pub old: KeyRecord,
}

impl Manage {
    pub async fn create_key(
        &self,
        who: &Authority,
        new: CreateKey,
        once: Option<Idempotency>,
    ) -> Result<IssuedKey, ManageError> {
        let tenant = self.tenant(who, &new.tenant).await?;
        check_key_name(&new.name)?;
        check_models(&new.models)?;
        let scopes = new.scopes.unwrap_or_else(Scopes::defaults);
        who.needs_width(&tenant, Grant { scopes: &scopes, models: &new.models, expiry: new.expiry })?;
        let drawn = self.draw_key(&tenant.id).await?;
        let row = NewKey {
            tenant: tenant.id.clone(),
            public_id: drawn.public_id,
            hashed_key: drawn.hash.to_string(),
            verifier: drawn.verifier.as_ref().map(ToString::to_string),
            name: new.name,
            scopes,
            models: new.models,
            expiry: new.expiry,
            created_by: who.by().into_owned(),
            canary: new.canary,
        };
        let made = Made::from(self.store.create_key(row, once.map(|once| once.once(who))).await?);
        if !made.repeated {
            self.announce(who, "key created", &made.made.id).await;
        }
        Ok(IssuedKey { record: made.made, secret: (!made.repeated).then_some(drawn.key) })
    }

    /// In the order in which they were made, the revoked and expired among them. Without a tenant: all of them for
    /// operators, one's own tenant's for a principal.
    pub async fn list_keys(
        &self,
        who: &Authority,
        tenant: Option<&str>,
        page: Page,
    ) -> Result<Listed<KeyRecord>, ManageError> {
        let reach = match tenant {
            Some(name) => Reach::Tenant(self.tenant(who, name).await?.id.clone()),
            None => who.reach(),
        };
        let limit = page.limit;
        let found = self.store.list_keys(&reach, with_one_more(page)).await?;
        Ok(Listed::cut(found, limit, |key| &key.id))
    }

    /// By id or public id.
    pub async fn key(&self, who: &Authority, id: &str) -> Result<KeyRecord, ManageError> {
        let within = self.store.key(&who.reach(), id).await;
        let Err(StoreError::NotFound(_)) = within else { return Ok(within?) };
        // Nobody's or somebody else's: which of the two is told where one key alone has the name, and no more than that.
        let beyond = self.store.key(&Reach::Platform, id).await.ok();
        beyond.iter().try_for_each(|key| who.needs_reach(&key.tenant))?;
        Err(ManageError::NotFound("key"))
    }

    pub async fn update_key(
        &self,
        who: &Authority,
        id: &str,
        change: ChangeKey,
        expected: Option<u64>,
    ) -> Result<KeyRecord, ManageError> {
        change.name.iter().try_for_each(|name| check_key_name(name))?;
        change.models.iter().try_for_each(check_models)?;
        let key = over_others(expected, || self.try_update_key(who, id, &change, expected)).await?;
        self.announce(who, "key updated", &key.id).await;
        Ok(key)
    }

    async fn try_update_key(
        &self,
        who: &Authority,
        id: &str,
        change: &ChangeKey,
        expected: Option<u64>,
    ) -> Result<KeyRecord, ManageError> {
        let current = self.key(who, id).await?;
        // What the key will be is what is granted, the parts that stay among it: a new expiry prolongs them too.
        let grant = Grant {
            scopes: change.scopes.as_ref().unwrap_or(&current.scopes),
            models: change.models.as_ref().unwrap_or(&current.models),
            expiry: change.expiry.unwrap_or(current.expiry),
        };
        who.needs_to_hold(&current.tenant, grant)?;
        // A ceiling that was narrowed since binds what is given now. What stays is bound wherever it is used.
        let nothing = Scopes::default();
        let given = Grant {
            scopes: change.scopes.as_ref().unwrap_or(&nothing),
            models: change.models.as_ref().unwrap_or(&Models::All),
            expiry: Expiry::Never,
        };
        needs_room(&current.tenant, given)?;
        let ChangeKey { name, scopes, models, expiry } = change.clone();
        let update = KeyUpdate { name, scopes, models, expiry };
        // Of the version that was checked, so that nothing is granted that was not.
        Ok(self.store.update_key(&who.reach(), &current.id, update, Some(expected.unwrap_or(current.version))).await?)
    }

    /// Makes a key like an old one, which ends once the overlap is over.
    pub async fn rotate_key(&self, who: &Authority, id: &str, overlap: Duration) -> Result<RotatedKey, ManageError> {
        let current = self.key(who, id).await?;
        // Whoever gets the new secret has what the old key has.
        who.needs_to_hold(&current.tenant, grant_of(&current))?;
        let drawn = self.draw_key(&current.tenant.id).await?;
        let rotation = Rotation {
            public_id: drawn.public_id,
            hashed_key: drawn.hash.to_string(),
            verifier: drawn.verifier.as_ref().map(ToString::to_string),
            old_ends: Timestamp::now().after(overlap),
            created_by: who.by().into_owned(),
        };
        let (record, old) = self.store.rotate_key(&who.reach(), &current.id, rotation).await?;
        self.announce(who, "key rotated", &old.id).await;
        Ok(RotatedKey { record, secret: drawn.key, old })
    }

    /// Ends a key at once, and again without effect; where `expected` is given, the key at that version alone.
    pub async fn revoke_key(&self, who: &Authority, id: &str, expected: Option<u64>) -> Result<KeyRecord, ManageError> {
        let current = self.key(who, id).await?;
        // Whoever could not have made it does not end it either, but for its time: a thief of a small key silences no
        // canary and takes nobody's key away.
        who.needs_to_hold(&current.tenant, Grant { expiry: Expiry::At(Timestamp(0)), ..grant_of(&current) })?;
        let key = self.store.revoke_key(&who.reach(), &current.id, expected).await?;
        self.announce(who, "key revoked", &key.id).await;
        Ok(key)
    }

    async fn draw_key(&self, tenant: &TenantId) -> Result<api_key::NewKey, ManageError> {
        let config = self.keys.clone();
        self.hash(tenant, move || config.generate()).await?.map_err(ManageError::Key)
    }

    /// What a row of an import becomes, once it is known to be allowed.
    pub(super) fn check_import(&self, who: &Authority, tenant: &Tenant, new: &NewKey) -> Result<(), ManageError> {
        check_key_name(&new.name)?;
        check_models(&new.models)?;
        who.needs_width(tenant, Grant { scopes: &new.scopes, models: &new.models, expiry: new.expiry })
    }
}

fn grant_of(key: &KeyRecord) -> Grant<'_> {
    Grant { scopes: &key.scopes, models: &key.models, expiry: key.expiry }
}

fn check_key_name(name: &str) -> Result<(), ManageError> {
    if name.is_empty() { Ok(()) } else { check("name", check_name(name)) }
}
