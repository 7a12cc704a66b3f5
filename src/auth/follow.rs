//! Following the store: what changed is forgotten, and what ended is ended.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::OptionFuture;
use tokio::sync::Notify;

use super::trouble::Trouble;
use super::{Authenticator, revocation};
use crate::principal::{CredentialId, Principal};
use crate::store::{Change, ChangeKind, Feed, Position, StoreError};
use crate::tenant::TenantId;

/// How far the feed of changes was read; `None` before the first answer.
#[derive(Default)]
pub(super) struct Followed(Option<Position>);

/// How often revoked tokens that expired since are forgotten.
const RELOAD_INTERVAL: Duration = Duration::from_secs(600);
/// Between two questions, however often it is said that something has changed: a flood of changes is read in pieces.
const REST_MIN: Duration = Duration::from_millis(10);
/// Forgetting keeps others from what is remembered while it lasts, so that a flood of changes may take a fifth of the
/// time at most; but for this long a rest, which promise R23 allows.
const REST_PER_PASS: u32 = 4;
const REST_MAX: Duration = Duration::from_millis(500);
/// After a failure: at most so long, then twice as long at most, and so on.
const RETRY_MIN: Duration = Duration::from_millis(50);
/// A store that is back is asked within this (promise R21).
const RETRY_MAX: Duration = Duration::from_secs(1);

impl Authenticator {
    /// Reads and acts on changes whenever `heard` says so, and every `poll_interval` all the same, for as long as it is
    /// polled. Every wait for the store is bounded by the store itself.
    pub async fn follow(&self, heard: &Notify, poll_interval: Duration) {
        let mut failures = 0_u32;
        let mut told = HashSet::new();
        let mut reloaded = Instant::now();
        loop {
            let mut followed = self.catch_up().await;
            if followed.is_ok() && reloaded.elapsed() >= RELOAD_INTERVAL {
                followed = self.reload_revocations().await;
                reloaded = Instant::now();
            }
            match followed {
                Ok(()) => {
                    if failures > 0 {
                        tracing::info!("the store tells again what has changed");
                    }
                    failures = 0;
                    told.clear();
                    tokio::time::sleep(rest_after(self.forgetting.take())).await;
                    drop(tokio::time::timeout(poll_interval, heard.notified()).await);
                }
                Err(error) => {
                    // Told once an outage, and not once a try.
                    let trouble = Trouble::of(&error, &self.lease);
                    if told.insert(trouble) {
                        trouble.tell(&error, &self.lease);
                    }
                    failures = failures.saturating_add(1);
                    tokio::time::sleep(retry_delay(failures)).await;
                }
            }
        }
    }

    /// Reads what changed since the last time and acts on it, by this process or another. Once it came back, no cache
    /// holds what the changes made untrue. After an error nothing is lost: the same changes are read again.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        let mut followed = self.followed.lock().await;
        let asked = Instant::now();
        let caught_up = self.read_feed(&mut followed).await;
        self.metrics.store_answered(caught_up.is_ok());
        if caught_up.is_ok() {
            self.lease.renew(asked);
        }
        caught_up
    }

    async fn read_feed(&self, followed: &mut Followed) -> Result<(), StoreError> {
        // Nothing that was known before a lapse is built upon: nobody can tell what the feed forgot meanwhile.
        let since = followed.0.clone().filter(|_| self.lease.holds());
        match self.store.changes(since).await? {
            Feed::Changes { changes, next } => {
                let answered = Instant::now();
                self.act_on(changes, answered).await?;
                followed.0 = Some(next);
            }
            Feed::Lost { next } => {
                self.start_over().await?;
                followed.0 = Some(next);
            }
        }
        Ok(())
    }

    /// Reads anew which tokens are revoked: those that expired since are no longer among them.
    pub async fn reload_revocations(&self) -> Result<(), StoreError> {
        // Held, so that no revocation is heard of between the reading and the replacing.
        let _followed = self.followed.lock().await;
        self.revocations.replace(self.store.revoked_tokens().await?);
        Ok(())
    }

    /// Anything may have changed.
    async fn start_over(&self) -> Result<(), StoreError> {
        let forgetting = Instant::now();
        self.epochs.forget_all();
        self.keys.forget_all().await;
        self.tenants.forget_all().await;
        self.known.forget_all().await;
        self.forgetting.add(forgetting.elapsed());
        self.revocations.replace(self.store.revoked_tokens().await?);
        self.end_what_is_over(&Changed { anything: true, ..Changed::default() }).await
    }

    async fn act_on(&self, changes: Vec<Change>, answered: Instant) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let ages: Vec<Duration> = changes.iter().map(|change| change.age).collect();
        self.apply(Arc::new(Changed::of(changes))).await?;
        let acting = answered.elapsed();
        ages.into_iter().for_each(|age| self.metrics.acted_on_change(age.saturating_add(acting)));
        Ok(())
    }

    /// Forgets first and ends then: a principal that is not on the roll yet is of an answer that is not given any more.
    /// The room of what was forgotten is made last, since nobody waits for it.
    async fn apply(&self, changed: Arc<Changed>) -> Result<(), StoreError> {
        let forgetting = Instant::now();
        self.revocations.add(changed.tokens.iter().cloned());
        let of_tenants = !changed.tenants.is_empty();
        let tenants = of_tenants.then(|| self.tenants.forget(&changed.tenants));
        let keys = (of_tenants || !changed.keys.is_empty()).then(|| {
            let changed = changed.clone();
            self.keys.forget_where(move |principal| changed.names(principal) || changed.has_tenant_of(principal))
        });
        let known = (of_tenants || !changed.users.is_empty()).then(|| {
            let changed = changed.clone();
            self.known.forget_where(move |known| {
                let principal = &known.principal;
                changed.users.contains(principal.id.as_str()) || changed.has_tenant_of(principal)
            })
        });
        self.forgetting.add(forgetting.elapsed());
        let ended = self.end_what_is_over(&changed).await;
        tokio::join!(OptionFuture::from(tenants), OptionFuture::from(keys), OptionFuture::from(known));
        ended
    }
}

/// How long the passes since the last rest took to forget, the waits for the store left out.
#[derive(Default)]
pub(super) struct Forgetting(AtomicU64);

impl Forgetting {
    fn add(&self, took: Duration) {
        self.0.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn take(&self) -> Duration {
        Duration::from_micros(self.0.swap(0, Ordering::Relaxed))
    }
}

fn rest_after(forgetting: Duration) -> Duration {
    forgetting.saturating_mul(REST_PER_PASS).clamp(REST_MIN, REST_MAX)
}

/// Full jitter, so that gates which lost the same store do not come back to it at the same moment.
fn retry_delay(failures: u32) -> Duration {
    let most = RETRY_MIN.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(RETRY_MAX);
    let mut random = [0_u8; 2];
    // Without a random number all gates wait alike, which is no reason to fail.
    match aws_lc_rs::rand::fill(&mut random) {
        Ok(()) => most.mul_f64(f64::from(u16::from_ne_bytes(random)) / f64::from(u16::MAX)),
        Err(_) => most,
    }
}

/// The ids in a piece of the feed, by what they name.
#[derive(Default)]
pub(super) struct Changed {
    /// The feed broke off: anything may have changed.
    pub(super) anything: bool,
    keys: HashSet<String>,
    users: HashSet<String>,
    tokens: HashSet<String>,
    pub(super) tenants: HashSet<TenantId>,
}

impl Changed {
    fn of(changes: Vec<Change>) -> Changed {
        let mut changed = Changed::default();
        for change in changes {
            match change.kind {
                ChangeKind::Key => drop(changed.keys.insert(change.id)),
                ChangeKind::User => drop(changed.users.insert(change.id)),
                ChangeKind::Token => drop(changed.tokens.insert(change.id)),
                ChangeKind::Tenant => changed.tenants.extend(TenantId::parse(&change.id)),
            }
        }
        changed
    }

    /// Whether the principal, its tenant or its token changed.
    pub(super) fn touches(&self, principal: &Principal) -> bool {
        self.names(principal)
            || self.has_tenant_of(principal)
            || revocation::is_named(&self.tokens, &principal.credential)
    }

    pub(super) fn has_tenant_of(&self, principal: &Principal) -> bool {
        self.anything || self.tenants.contains(&principal.tenant.id)
    }

    /// Whether the principal's own record changed.
    pub(super) fn names(&self, principal: &Principal) -> bool {
        let named = match &principal.credential {
            CredentialId::Key => self.keys.contains(principal.id.as_str()),
            CredentialId::Token { .. } => self.users.contains(principal.id.as_str()),
            CredentialId::Connection => false,
        };
        self.anything || named
    }
}

#[cfg(test)]
mod tests;
