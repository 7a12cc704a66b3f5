//! Following the store: what changed is forgotten, and what ended is ended.

use std::collections::{HashMap, HashSet};

use super::{Authenticator, revocation};
use crate::clock::Timestamp;
use crate::principal::{CredentialId, Principal};
use crate::store::{Change, ChangeKind, Feed, Reach, StoreError, UserStatus};
use crate::tenant::{TenantId, TenantStatus};

impl Authenticator {
    /// Reads what changed since the last time and acts on it, by this process or another. Once it came back, no cache
    /// holds what the changes made untrue. After an error nothing is lost: the same changes are read again.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        let mut seq = self.seq.lock().await;
        match self.store.changes(*seq).await? {
            Feed::Changes { changes, next } => {
                if !changes.is_empty() {
                    self.apply(Changed::of(changes)).await?;
                }
                *seq = Some(next);
            }
            Feed::Lost { next } => {
                self.keys.forget_all();
                self.tenants.forget_all();
                self.known.forget_all();
                self.revocations.replace(self.store.revoked_tokens(Timestamp::now()).await?);
                self.end_what_is_over(&Changed { anything: true, ..Changed::default() }).await?;
                *seq = Some(next);
            }
        }
        Ok(())
    }

    /// Reads anew which tokens are revoked: those that expired since are no longer among them.
    pub async fn reload_revocations(&self) -> Result<(), StoreError> {
        // Held, so that no revocation is heard of between the reading and the replacing.
        let _seq = self.seq.lock().await;
        self.revocations.replace(self.store.revoked_tokens(Timestamp::now()).await?);
        Ok(())
    }

    async fn apply(&self, changed: Changed) -> Result<(), StoreError> {
        self.revocations.add(changed.tokens.iter().cloned());
        if !changed.tenants.is_empty() {
            self.tenants.forget_all();
        }
        if !changed.keys.is_empty() || !changed.tenants.is_empty() {
            self.keys.forget(changed.keys.iter().cloned().collect(), changed.tenants.iter().cloned().collect());
        }
        let (tenants, users) = (changed.tenants.clone(), changed.users.clone());
        self.known.forget_where(move |known| {
            tenants.contains(&known.principal.tenant.id) || users.contains(known.principal.id.as_str())
        });
        self.end_what_is_over(&changed).await
    }

    /// Ends the principals that the changes name and whose records say that they are over. A renamed key ends nothing.
    async fn end_what_is_over(&self, changed: &Changed) -> Result<(), StoreError> {
        let mut tenants = HashMap::new();
        for principal in self.roll.find(|principal| changed.touch(principal)) {
            let over = self.revocations.deny(&principal.credential)
                || !self.tenant_is_active(&principal.tenant.id, &mut tenants).await?
                || changed.name(&principal) && self.record_is_over(&principal).await?;
            if over {
                principal.ended.end();
            }
        }
        Ok(())
    }

    /// Asks the store once for each tenant.
    async fn tenant_is_active(
        &self,
        tenant: &TenantId,
        known: &mut HashMap<TenantId, bool>,
    ) -> Result<bool, StoreError> {
        if let Some(active) = known.get(tenant) {
            return Ok(*active);
        }
        let found = found(self.store.tenant(&Reach::Platform, tenant.as_str()).await)?;
        let active = found.is_some_and(|tenant| tenant.status == TenantStatus::Active);
        known.insert(tenant.clone(), active);
        Ok(active)
    }

    async fn record_is_over(&self, principal: &Principal) -> Result<bool, StoreError> {
        let id = principal.id.as_str();
        match &principal.credential {
            CredentialId::Key => {
                let key = found(self.store.key(&Reach::Platform, id).await)?;
                Ok(key.is_none_or(|key| key.revoked_at.is_some() || key.expiry.is_past(Timestamp::now())))
            }
            CredentialId::Token { session: Some(_), .. } => {
                let user = found(self.store.user(&Reach::Platform, id).await)?;
                // A session that an app of one's own began has no user here: only its revocation ends it.
                Ok(user.is_some_and(|user| user.status != UserStatus::Active))
            }
            CredentialId::Token { session: None, .. } | CredentialId::Connection => Ok(false),
        }
    }
}

fn found<T>(record: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match record {
        Err(StoreError::NotFound(_)) => Ok(None),
        record => record.map(Some),
    }
}

/// The ids in a piece of the feed, by what they name.
#[derive(Default)]
struct Changed {
    /// The feed broke off: anything may have changed.
    anything: bool,
    keys: HashSet<String>,
    users: HashSet<String>,
    tokens: HashSet<String>,
    tenants: HashSet<TenantId>,
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
    fn touch(&self, principal: &Principal) -> bool {
        self.name(principal)
            || self.tenants.contains(&principal.tenant.id)
            || revocation::is_named(&self.tokens, &principal.credential)
    }

    /// Whether the principal's own record changed.
    fn name(&self, principal: &Principal) -> bool {
        let named = match &principal.credential {
            CredentialId::Key => self.keys.contains(principal.id.as_str()),
            CredentialId::Token { .. } => self.users.contains(principal.id.as_str()),
            CredentialId::Connection => false,
        };
        self.anything || named
    }
}
