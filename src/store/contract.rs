//! What every engine does alike: the one contract, in parts by what they are about.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use super::{
    Created, Email, Feed, Hearing, KeyLookup, KeyRecord, KeyUpdate, KeyUse, KeyVerifier, NewKey, NewRefresh, NewTenant,
    NewUser, Once, Page, Position, Reach, Refreshed, Rotation, StoreError, Successor, TenantRef, TenantUpdate,
    UserRecord, UserUpdate,
};
use crate::clock::Timestamp;
use crate::tenant::{Tenant, TenantId};

/// All that Wardgate keeps.
pub trait Store: Gate + Tenants + Keys + Users + Sessions {}

impl<T: Gate + Tenants + Keys + Users + Sessions> Store for T {}

/// What one lookup found.
pub type Candidates = Result<Vec<KeyRecord>, StoreError>;

/// What the path of requests asks: all that the database login of a sidecar needs to be good for.
#[async_trait]
pub trait Gate: Send + Sync {
    /// The candidates for each presented key, in no order, revoked and expired ones among them; one answer for each
    /// lookup, in the order of the lookups, and one question to the engine for all of them. A record that cannot be read
    /// is the misfortune of the lookups that find it, and of no other.
    async fn find_keys(&self, lookups: Vec<KeyLookup>) -> Result<Vec<Candidates>, StoreError>;

    async fn find_tenant(&self, tenant: TenantRef) -> Result<Option<Arc<Tenant>>, StoreError>;

    /// Which of these users, by id, are known and not active.
    async fn ended_users(&self, ids: Vec<String>) -> Result<Vec<String>, StoreError>;

    /// What was announced since a position, by this process or another. Without a position: where to begin.
    async fn changes(&self, since: Option<Position>) -> Result<Feed, StoreError>;

    /// Notifies `heard` whenever something may have changed, for as long as it is polled. What it misses is found by
    /// asking for changes now and then all the same.
    async fn listen(&self, heard: &Notify);

    /// How changes are heard of at this moment.
    fn hearing(&self) -> Hearing;

    /// Everything that is denied at this time: what `revoke_token` was told, and the families that ended.
    async fn revoked_tokens(&self) -> Result<Vec<String>, StoreError>;

    /// Notes when and from where keys were last used. A time never moves back, and a key that is gone, or that somebody is
    /// changing at this moment, is passed over.
    async fn touch_keys(&self, used: Vec<KeyUse>) -> Result<(), StoreError>;

    /// Keeps what was found by slow hashes, so that nobody computes them again. A key whose hash is another by now, or
    /// that has a verifier under the same pepper, is passed over.
    async fn note_verifiers(&self, verifiers: Vec<KeyVerifier>) -> Result<(), StoreError>;

    /// That the store can be read, and that its schema is this build's, through the same queue as every lookup.
    async fn ping(&self) -> Result<(), StoreError>;

    /// How many questions of `find_keys`, `find_tenant` and `find_user` reached the engine.
    fn lookups(&self) -> u64;
}

#[async_trait]
pub trait Tenants: Send + Sync {
    /// Makes a tenant that still waits for what `provision_tenant` makes.
    async fn create_tenant(&self, new: NewTenant, once: Option<Once>) -> Result<Created<Arc<Tenant>>, StoreError>;

    /// Makes what a tenant's data lives in, where the engine has such a thing, and then activates the tenant. Each step
    /// finds what an earlier attempt did; a tenant that does not wait for it stays as it is.
    async fn provision_tenant(&self, id: &TenantId) -> Result<Arc<Tenant>, StoreError>;

    /// Tenants, the deleted among them, oldest first.
    async fn list_tenants(&self, reach: &Reach, page: Page) -> Result<Vec<Arc<Tenant>>, StoreError>;

    /// The tenant of this id or, where no id is that, of this slug.
    async fn tenant(&self, reach: &Reach, id_or_slug: &str) -> Result<Arc<Tenant>, StoreError>;

    /// A deleted tenant stays deleted and as it is. `expected` is the version that the caller knows; what changes
    /// nothing leaves it as it is.
    async fn update_tenant(
        &self,
        id_or_slug: &str,
        update: TenantUpdate,
        expected: Option<u64>,
    ) -> Result<Arc<Tenant>, StoreError>;

    /// Removes what a deleted tenant has: keys, users, sessions, and what `provision_tenant` made. Its row stays, and
    /// with it the slug, so that no newcomer inherits a name that logs and tokens still carry.
    async fn purge_tenant(&self, id: &TenantId) -> Result<(), StoreError>;
}

#[async_trait]
pub trait Keys: Send + Sync {
    /// A deleted tenant gets no keys, and a hash is stored once: one secret must not speak for two tenants.
    async fn create_key(&self, new: NewKey, once: Option<Once>) -> Result<Created<KeyRecord>, StoreError>;

    /// Stores all of the keys or, where one cannot stand, none, and says which.
    async fn import_keys(&self, new: Vec<NewKey>) -> Result<Vec<KeyRecord>, StoreError>;

    /// Oldest first; the revoked and expired among them.
    async fn list_keys(&self, reach: &Reach, page: Page) -> Result<Vec<KeyRecord>, StoreError>;

    /// The key of this id or, where no id is that, the only one of this public id.
    async fn key(&self, reach: &Reach, id_or_public_id: &str) -> Result<KeyRecord, StoreError>;

    /// A revoked key stays as it is. `expected` is the version that the caller knows; what changes nothing leaves it as
    /// it is.
    async fn update_key(
        &self,
        reach: &Reach,
        id_or_public_id: &str,
        update: KeyUpdate,
        expected: Option<u64>,
    ) -> Result<KeyRecord, StoreError>;

    /// Makes a key like the old one and ends the old one, both or neither. Answers the new key and the old.
    async fn rotate_key(
        &self,
        reach: &Reach,
        id_or_public_id: &str,
        rotation: Rotation,
    ) -> Result<(KeyRecord, KeyRecord), StoreError>;

    /// Ends a key for good. One that was revoked before keeps its first time. `expected` is the version that the caller
    /// knows.
    async fn revoke_key(
        &self,
        reach: &Reach,
        id_or_public_id: &str,
        expected: Option<u64>,
    ) -> Result<KeyRecord, StoreError>;
}

#[async_trait]
pub trait Users: Send + Sync {
    /// A deleted tenant gets no users, and an address is one user's in its tenant.
    async fn create_user(&self, new: NewUser, once: Option<Once>) -> Result<Created<UserRecord>, StoreError>;

    /// Oldest first; the disabled among them.
    async fn list_users(&self, reach: &Reach, page: Page) -> Result<Vec<UserRecord>, StoreError>;

    async fn user(&self, reach: &Reach, id: &str) -> Result<UserRecord, StoreError>;

    /// The user who logs in so, disabled or not; none where the tenant is unknown too. A tenant is named by id or slug.
    async fn find_user(&self, tenant: &str, email: &Email) -> Result<Option<UserRecord>, StoreError>;

    /// `expected` is the version that the caller knows; what changes nothing leaves it as it is.
    ///
    /// Whoever is disabled, gets a new password or other scopes is logged out in the same transaction: the refresh
    /// tokens are revoked, and the sessions denied until `access_until`, when the last access token of any has ended.
    async fn update_user(
        &self,
        reach: &Reach,
        id: &str,
        update: UserUpdate,
        expected: Option<u64>,
        access_until: Timestamp,
    ) -> Result<UserRecord, StoreError>;

    /// Notes when a user last logged in. The time never moves back, and a user who is gone is passed over.
    async fn note_login(&self, tenant: &TenantId, user: &str, at: Timestamp) -> Result<(), StoreError>;
}

#[async_trait]
pub trait Sessions: Send + Sync {
    /// Stores the first refresh token of a session. A user who is not active, or whose tenant is not, gets none: that
    /// is a `Conflict`, because it was otherwise when the password was checked.
    async fn start_session(&self, first: NewRefresh) -> Result<(), StoreError>;

    /// Takes a refresh token of this tenant for its successor, or ends its family, in one transaction.
    ///
    /// A second use within `grace` of the first, while the first one's successor lies unused, is a retry: it gets a
    /// successor of its own, and the first one's is revoked. If both hands go on, the one with the revoked successor
    /// ends the family. A family that ends is denied until `access_until`, when its last access token has ended.
    async fn refresh(
        &self,
        tenant: &TenantId,
        id: &str,
        next: Successor,
        now: Timestamp,
        grace: Duration,
        access_until: Timestamp,
    ) -> Result<Refreshed, StoreError>;

    /// Revokes the family's refresh tokens and denies the family until `access_until`, when its last access token has
    /// ended. A family that nobody knows is denied as well.
    async fn end_session(&self, reach: &Reach, family: &str, access_until: Timestamp) -> Result<(), StoreError>;

    /// Denies a token: by its `jti`, or by `sha256:` and the digest of it in hexadecimal digits. `expires_at` is when it
    /// is refused anyway, so where verification is lenient about clocks, that much after its `exp`. A second time for
    /// the same token keeps the later end.
    async fn revoke_token(&self, jti: &str, expires_at: Timestamp) -> Result<(), StoreError>;
}
