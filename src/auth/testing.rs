//! A store in memory that does what a test wants of it: goes away, holds its answers back, counts its questions.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use http::header::{AUTHORIZATION, HeaderMap};
use tokio::sync::{Notify, Semaphore};

use super::{AuthError, Authenticator, Config, Presented, api_key};
use crate::clock::{Expiry, Timestamp};
use crate::metrics::{Format, Metrics};
use crate::principal::Principal;
use crate::scopes::{Models, Scopes};
use crate::secret::Secret;
use crate::store::{
    Candidates, Change, ChangeKind, Created, Email, Feed, Gate, Hearing, KeyLookup, KeyRecord, KeyUpdate, KeyUse,
    KeyVerifier, Keys, NewKey, NewRefresh, NewTenant, NewUser, Once, Outage, Page, Position, Reach, Refreshed,
    Rotation, Sessions, StoreError, Successor, TenantRef, TenantUpdate, Tenants, UserRecord, UserUpdate, Users,
};
use crate::tenant::{Slug, Tenant, TenantId, TenantPolicy, TenantStatus};

pub(super) fn tenant(id: &str, epoch: u64) -> Tenant {
    Tenant {
        id: TenantId::parse(id).unwrap(),
        slug: Slug::parse(id).unwrap(),
        name: id.to_owned(),
        db_schema_name: None,
        status: TenantStatus::Active,
        policy: TenantPolicy::default(),
        created_at: Timestamp(0),
        epoch,
        version: 1,
    }
}

/// A record of a new key, as a store holds it.
pub(super) fn record(id: &str, tenant: Tenant, made: &api_key::NewKey) -> KeyRecord {
    KeyRecord {
        id: id.to_owned(),
        tenant: Arc::new(tenant),
        public_id: made.public_id.clone(),
        hashed_key: made.hash.to_string(),
        verifier: made.verifier.as_ref().map(ToString::to_string),
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
    }
}

#[derive(Default)]
pub(super) struct TestStore {
    rows: Mutex<Rows>,
    pub(super) down: AtomicBool,
    /// The next question of any kind panics.
    pub(super) broken: AtomicBool,
    /// How many rows each write of last uses or verifiers had.
    pub(super) written: Mutex<Vec<usize>>,
    /// Key look-ups that read their answer and then wait for a permit; none wait where there is no semaphore.
    held: Mutex<Option<Arc<Semaphore>>>,
    /// Each question for keys.
    pub(super) questions: Mutex<Vec<Vec<KeyLookup>>>,
    /// Each position that changes were asked from.
    pub(super) asked_since: Mutex<Vec<Option<Position>>>,
    pub(super) noted: Mutex<Vec<KeyVerifier>>,
    pub(super) tenant_lookups: AtomicU64,
}

#[derive(Default)]
pub(super) struct Rows {
    pub(super) keys: HashMap<String, KeyRecord>,
    pub(super) feed: Vec<Change>,
    pub(super) ended_users: HashSet<String>,
    /// Keys whose rows cannot be read.
    pub(super) corrupt: HashSet<String>,
    pub(super) feed_lost: bool,
}

impl TestStore {
    pub(super) fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap()
    }

    pub(super) fn announce(&self, kind: ChangeKind, id: &str) {
        let mut rows = self.rows();
        let seq = rows.feed.len() as u64 + 1;
        rows.feed.push(Change { seq, kind, id: id.to_owned(), age: Duration::from_millis(3) });
    }

    pub(super) fn revoke(&self, key: &str) {
        self.rows().keys.get_mut(key).unwrap().revoked_at = Some(Timestamp::now());
        self.announce(ChangeKind::Key, key);
    }

    /// Changes all that the keys know of a tenant.
    pub(super) fn set_tenant(&self, tenant: &Tenant) {
        for key in self.rows().keys.values_mut().filter(|key| key.tenant.id == tenant.id) {
            key.tenant = Arc::new(tenant.clone());
        }
        self.announce(ChangeKind::Tenant, tenant.id.as_str());
    }

    /// From now on a look-up for keys ends with one permit each.
    pub(super) fn hold(&self) -> Arc<Semaphore> {
        let permits = Arc::new(Semaphore::new(0));
        *self.held.lock().unwrap() = Some(permits.clone());
        permits
    }

    pub(super) fn questions_count(&self) -> usize {
        self.questions.lock().unwrap().len()
    }

    fn up(&self) -> Result<(), StoreError> {
        assert!(!self.broken.swap(false, Ordering::SeqCst), "it is broken, as the test wants it");
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable(Outage::Engine("it is down".to_owned())));
        }
        Ok(())
    }
}

impl Rows {
    fn find(&self, lookup: &KeyLookup) -> Candidates {
        let wanted = |key: &&KeyRecord| {
            lookup.public_ids.contains(&key.public_id)
                || lookup.hashes.contains(&key.hashed_key)
                || lookup.ids.contains(&key.id)
        };
        let found: Vec<KeyRecord> = self.keys.values().filter(wanted).cloned().collect();
        match found.iter().find(|key| self.corrupt.contains(&key.id)) {
            Some(key) => Err(StoreError::Corrupt { table: "api_keys", id: key.id.clone(), column: "scopes" }),
            None => Ok(found),
        }
    }
}

#[async_trait]
impl Gate for TestStore {
    async fn find_keys(&self, lookups: Vec<KeyLookup>) -> Result<Vec<Candidates>, StoreError> {
        self.up()?;
        self.questions.lock().unwrap().push(lookups.clone());
        let found = {
            let rows = self.rows();
            lookups.iter().map(|lookup| rows.find(lookup)).collect()
        };
        let held = self.held.lock().unwrap().clone();
        if let Some(held) = held {
            held.acquire().await.unwrap().forget();
        }
        Ok(found)
    }

    async fn find_tenant(&self, tenant: TenantRef) -> Result<Option<Arc<Tenant>>, StoreError> {
        self.up()?;
        self.tenant_lookups.fetch_add(1, Ordering::SeqCst);
        let found = self.rows().keys.values().map(|key| key.tenant.clone()).find(|held| match &tenant {
            TenantRef::Id(id) => held.id == *id,
            TenantRef::Slug(slug) => held.slug == *slug,
        });
        Ok(found)
    }

    async fn ended_users(&self, ids: Vec<String>) -> Result<Vec<String>, StoreError> {
        self.up()?;
        let rows = self.rows();
        Ok(ids.into_iter().filter(|id| rows.ended_users.contains(id)).collect())
    }

    async fn changes(&self, since: Option<Position>) -> Result<Feed, StoreError> {
        self.up()?;
        self.asked_since.lock().unwrap().push(since.clone());
        let rows = self.rows();
        let next = Position::Number(rows.feed.len() as u64);
        match since {
            Some(Position::Number(from)) if !rows.feed_lost => {
                Ok(Feed::Changes { changes: rows.feed[usize::try_from(from).unwrap()..].to_vec(), next })
            }
            _ => Ok(Feed::Lost { next }),
        }
    }

    async fn listen(&self, _: &Notify) {
        std::future::pending().await
    }

    fn hearing(&self) -> Hearing {
        Hearing::Polling
    }

    async fn revoked_tokens(&self) -> Result<Vec<String>, StoreError> {
        self.up().map(|()| Vec::new())
    }

    async fn touch_keys(&self, uses: Vec<KeyUse>) -> Result<(), StoreError> {
        self.written.lock().unwrap().push(uses.len());
        self.up()
    }

    async fn note_verifiers(&self, verifiers: Vec<KeyVerifier>) -> Result<(), StoreError> {
        self.written.lock().unwrap().push(verifiers.len());
        self.up()?;
        self.noted.lock().unwrap().extend(verifiers);
        Ok(())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.up()
    }

    fn lookups(&self) -> u64 {
        self.questions_count() as u64
    }
}

/// A gate's authentication over the store, with everything running that an app runs beside it.
pub(super) struct Bench {
    pub(super) store: Arc<TestStore>,
    pub(super) auth: Arc<Authenticator>,
    pub(super) metrics: Arc<Metrics>,
    keys: api_key::Config,
}

impl Bench {
    pub(super) fn new(stale_limit: Duration) -> Bench {
        Bench::with(stale_limit, api_key::Config { bcrypt_cost: 4, ..api_key::Config::default() })
    }

    pub(super) fn with(stale_limit: Duration, keys: api_key::Config) -> Bench {
        let (store, metrics) = (Arc::new(TestStore::default()), Arc::new(Metrics::new()));
        let config = Config { api_key: keys.clone(), ..Config::default() };
        let auth = Arc::new(Authenticator::new(config, store.clone(), stale_limit, metrics.clone()));
        let asking = auth.clone();
        tokio::spawn(async move { asking.look_up_keys().await });
        Bench { store, auth, metrics, keys }
    }

    /// A key of a tenant, in the store under this id.
    pub(super) fn key(&self, id: &str, tenant: Tenant) -> Secret {
        let made = self.keys.generate().unwrap();
        self.store.rows().keys.insert(id.to_owned(), record(id, tenant, &made));
        made.key
    }

    pub(super) async fn present(&self, key: &Secret) -> Result<Arc<Principal>, AuthError> {
        let mut headers = HeaderMap::new();
        let bearer = [b"Bearer ".as_slice(), key.expose()].concat();
        headers.insert(AUTHORIZATION, bearer.as_slice().try_into().unwrap());
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        self.auth.authenticate(&Presented { headers: &headers, peer, word: None, certificate: None }).await
    }

    /// The word of the log for what became of it.
    pub(super) async fn outcome(&self, key: &Secret) -> &'static str {
        self.present(key).await.map_or_else(|error| error.reason(), |_| "accepted")
    }

    /// A measure, by its line's beginning.
    pub(super) fn measured(&self, line: &str) -> f64 {
        let told = self.metrics.exposition(Format::Text);
        let found = told.lines().find_map(|told| told.strip_prefix(line)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no {line} in\n{told}")).parse().unwrap()
    }
}

// What the path of requests does not ask.

#[async_trait]
impl Tenants for TestStore {
    async fn create_tenant(&self, _: NewTenant, _: Option<Once>) -> Result<Created<Arc<Tenant>>, StoreError> {
        unasked()
    }

    async fn provision_tenant(&self, _: &TenantId) -> Result<Arc<Tenant>, StoreError> {
        unasked()
    }

    async fn list_tenants(&self, _: &Reach, _: Page) -> Result<Vec<Arc<Tenant>>, StoreError> {
        unasked()
    }

    async fn tenant(&self, _: &Reach, _: &str) -> Result<Arc<Tenant>, StoreError> {
        unasked()
    }

    async fn update_tenant(&self, _: &str, _: TenantUpdate, _: Option<u64>) -> Result<Arc<Tenant>, StoreError> {
        unasked()
    }

    async fn purge_tenant(&self, _: &TenantId) -> Result<(), StoreError> {
        unasked()
    }
}

#[async_trait]
impl Keys for TestStore {
    async fn create_key(&self, _: NewKey, _: Option<Once>) -> Result<Created<KeyRecord>, StoreError> {
        unasked()
    }

    async fn import_keys(&self, _: Vec<NewKey>) -> Result<Vec<KeyRecord>, StoreError> {
        unasked()
    }

    async fn list_keys(&self, _: &Reach, _: Page) -> Result<Vec<KeyRecord>, StoreError> {
        unasked()
    }

    async fn key(&self, _: &Reach, _: &str) -> Result<KeyRecord, StoreError> {
        unasked()
    }

    async fn update_key(&self, _: &Reach, _: &str, _: KeyUpdate, _: Option<u64>) -> Result<KeyRecord, StoreError> {
        unasked()
    }

    async fn rotate_key(&self, _: &Reach, _: &str, _: Rotation) -> Result<(KeyRecord, KeyRecord), StoreError> {
        unasked()
    }

    async fn revoke_key(&self, _: &Reach, _: &str, _: Option<u64>) -> Result<KeyRecord, StoreError> {
        unasked()
    }
}

#[async_trait]
impl Users for TestStore {
    async fn create_user(&self, _: NewUser, _: Option<Once>) -> Result<Created<UserRecord>, StoreError> {
        unasked()
    }

    async fn list_users(&self, _: &Reach, _: Page) -> Result<Vec<UserRecord>, StoreError> {
        unasked()
    }

    async fn user(&self, _: &Reach, _: &str) -> Result<UserRecord, StoreError> {
        unasked()
    }

    async fn find_user(&self, _: &str, _: &Email) -> Result<Option<UserRecord>, StoreError> {
        unasked()
    }

    async fn update_user(
        &self,
        _: &Reach,
        _: &str,
        _: UserUpdate,
        _: Option<u64>,
        _: Timestamp,
    ) -> Result<UserRecord, StoreError> {
        unasked()
    }

    async fn note_login(&self, _: &TenantId, _: &str, _: Timestamp) -> Result<(), StoreError> {
        unasked()
    }
}

#[async_trait]
impl Sessions for TestStore {
    async fn start_session(&self, _: NewRefresh) -> Result<(), StoreError> {
        unasked()
    }

    async fn refresh(
        &self,
        _: &TenantId,
        _: &str,
        _: Successor,
        _: Timestamp,
        _: Duration,
        _: Timestamp,
    ) -> Result<Refreshed, StoreError> {
        unasked()
    }

    async fn end_session(&self, _: &Reach, _: &str, _: Timestamp) -> Result<(), StoreError> {
        unasked()
    }

    async fn revoke_token(&self, _: &str, _: Timestamp) -> Result<(), StoreError> {
        unasked()
    }
}

fn unasked<T>() -> Result<T, StoreError> {
    Err(StoreError::Invalid("no test of authentication asks for this"))
}
