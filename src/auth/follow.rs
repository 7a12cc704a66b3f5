//! Following the store: what changed is forgotten, and what ended is ended.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::{Authenticator, revocation};
use crate::clock::Timestamp;
use crate::principal::{CredentialId, Principal};
use crate::store::{Change, ChangeKind, Feed, Position, StoreError};
use crate::tenant::TenantId;

/// How far the feed of changes was read.
#[derive(Default)]
pub(super) struct Followed {
    /// `None` before the first answer.
    position: Option<Position>,
    /// The numbers of the last answer's changes, which may come again.
    seen: HashSet<u64>,
}

/// How often revoked tokens that expired since are forgotten.
const RELOAD_INTERVAL: Duration = Duration::from_secs(600);
/// Between two questions, however often it is said that something has changed: a flood of changes is read in pieces.
const REST_MIN: Duration = Duration::from_millis(10);
/// After a failure: at most so long, then twice as long at most, and so on.
const RETRY_MIN: Duration = Duration::from_millis(50);
/// A store that is back is asked within this (promise R21).
const RETRY_MAX: Duration = Duration::from_secs(1);

impl Authenticator {
    /// Reads and acts on changes whenever `heard` says so, and every `poll_interval` all the same, for as long as it is
    /// polled. Every wait for the store is bounded by the store itself.
    pub async fn follow(&self, heard: &Notify, poll_interval: Duration) {
        let mut failures = 0_u32;
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
                    tokio::time::sleep(REST_MIN).await;
                    drop(tokio::time::timeout(poll_interval, heard.notified()).await);
                }
                Err(error) => {
                    // Told once an outage, and not once a try.
                    if failures == 0 {
                        let cause = std::error::Error::source(&error).map(ToString::to_string);
                        tracing::warn!(%error, cause, stale_limit = ?self.lease.limit(),
                            "the store does not tell what has changed; what is known stays good for the stale limit");
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
        let since = followed.position.filter(|_| self.lease.holds());
        match self.store.changes(since).await? {
            Feed::Changes { changes, next } => {
                let answered = Instant::now();
                let seen = changes.iter().map(|change| change.seq).collect();
                let news = changes.into_iter().filter(|change| !followed.seen.contains(&change.seq));
                self.act_on(news.collect(), answered).await?;
                *followed = Followed { position: Some(next), seen };
            }
            Feed::Lost { next } => {
                self.start_over().await?;
                *followed = Followed { position: Some(next), seen: HashSet::new() };
            }
        }
        Ok(())
    }

    /// Reads anew which tokens are revoked: those that expired since are no longer among them.
    pub async fn reload_revocations(&self) -> Result<(), StoreError> {
        // Held, so that no revocation is heard of between the reading and the replacing.
        let _followed = self.followed.lock().await;
        self.revocations.replace(self.store.revoked_tokens(Timestamp::now()).await?);
        Ok(())
    }

    /// Anything may have changed.
    async fn start_over(&self) -> Result<(), StoreError> {
        self.epochs.forget_all();
        self.keys.forget_all().await;
        self.tenants.forget_all().await;
        self.known.forget_all().await;
        self.revocations.replace(self.store.revoked_tokens(Timestamp::now()).await?);
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
    async fn apply(&self, changed: Arc<Changed>) -> Result<(), StoreError> {
        self.revocations.add(changed.tokens.iter().cloned());
        if !changed.tenants.is_empty() {
            self.tenants.forget(changed.tenants.clone()).await;
        }
        if !changed.keys.is_empty() || !changed.tenants.is_empty() {
            let changed = changed.clone();
            let gone = move |principal: &Principal| changed.names(principal) || changed.has_tenant_of(principal);
            self.keys.forget_where(gone).await;
        }
        if !changed.users.is_empty() || !changed.tenants.is_empty() {
            let changed = changed.clone();
            self.known
                .forget_where(move |known| {
                    let principal = &known.principal;
                    changed.users.contains(principal.id.as_str()) || changed.has_tenant_of(principal)
                })
                .await;
        }
        self.end_what_is_over(&changed).await
    }
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
