//! Ending the principals whose records say that they are over, so that what streams to them ends too.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::join_all;

use super::Authenticator;
use super::follow::Changed;
use crate::clock::Timestamp;
use crate::principal::{CredentialId, Principal};
use crate::store::{KeyLookup, KeyRecord, Outage, StoreError, TenantRef};
use crate::tenant::{TenantId, TenantStatus};

/// Keys in one question.
const KEYS_MAX: usize = 512;
/// Users in one question.
const USERS_MAX: usize = 1000;
/// Tenants that are asked for side by side.
const TENANTS_AT_ONCE: usize = 4;

impl Authenticator {
    /// Ends those that the changes name and whose records say that they are over. A renamed key ends nothing.
    ///
    /// A record that cannot be read is over for its own principal, and is no reason to leave the others as they are.
    pub(super) async fn end_what_is_over(&self, changed: &Changed) -> Result<(), StoreError> {
        let touched = self.roll.find(|principal| changed.touches(principal));
        let records = self.read_records(changed, &touched).await?;
        for principal in touched {
            if self.revocations.deny(&principal.credential) || records.end(&principal, changed) {
                principal.ended.end();
            }
        }
        Ok(())
    }

    async fn read_records(&self, changed: &Changed, touched: &[Arc<Principal>]) -> Result<Records, StoreError> {
        let named = || touched.iter().filter(|principal| changed.names(principal));
        let ids = |wanted: fn(&CredentialId) -> bool| -> Vec<String> {
            let ids: HashSet<&str> = named()
                .filter(|principal| wanted(&principal.credential))
                .map(|principal| principal.id.as_str())
                .collect();
            ids.into_iter().map(str::to_owned).collect()
        };
        let keys = self.read_keys(ids(|credential| matches!(credential, CredentialId::Key))).await?;
        let users = ids(|credential| matches!(credential, CredentialId::Token { session: Some(_), .. }));
        let ended_users = self.read_ended_users(users).await?;
        let mut tenants: HashSet<TenantId> = self.epochs.held_among(&changed.tenants).into_iter().collect();
        let has_record = |principal: &Principal| keys.contains_key(principal.id.as_str());
        let others = touched.iter().filter(|principal| changed.has_tenant_of(principal) && !has_record(principal));
        tenants.extend(others.map(|principal| principal.tenant.id.clone()));
        let active_tenants = self.read_tenants(tenants).await?;
        Ok(Records { keys, ended_users, active_tenants })
    }

    /// The keys that are there and can be read, by their ids.
    async fn read_keys(&self, ids: Vec<String>) -> Result<HashMap<String, KeyRecord>, StoreError> {
        let mut keys = HashMap::new();
        for ids in ids.chunks(KEYS_MAX) {
            let lookup = |id: &String| KeyLookup { ids: vec![id.clone()], ..KeyLookup::default() };
            self.metrics.asked_for_keys();
            for found in self.store.find_keys(ids.iter().map(lookup).collect()).await? {
                match found {
                    Err(error) if is_of_a_row(&error) => {}
                    found => keys.extend(found?.into_iter().map(|record| (record.id.clone(), record))),
                }
            }
        }
        Ok(keys)
    }

    async fn read_ended_users(&self, ids: Vec<String>) -> Result<HashSet<String>, StoreError> {
        let mut ended = HashSet::new();
        for ids in ids.chunks(USERS_MAX) {
            ended.extend(self.store.ended_users(ids.to_vec()).await?);
        }
        Ok(ended)
    }

    /// Those of the tenants that are active. Whoever remembers something of one hears which epoch it is in.
    async fn read_tenants(&self, ids: HashSet<TenantId>) -> Result<HashSet<TenantId>, StoreError> {
        let ids: Vec<TenantId> = ids.into_iter().collect();
        let mut active = HashSet::new();
        for ids in ids.chunks(TENANTS_AT_ONCE) {
            let answers = join_all(ids.iter().map(|id| self.store.find_tenant(TenantRef::Id(id.clone())))).await;
            for (id, answer) in ids.iter().zip(answers) {
                let tenant = match answer {
                    Err(error) if is_of_a_row(&error) => None,
                    answer => answer?,
                };
                self.epochs.heard(id, tenant.as_ref().map(|tenant| tenant.epoch));
                if tenant.is_some_and(|tenant| tenant.status == TenantStatus::Active) {
                    active.insert(id.clone());
                }
            }
        }
        Ok(active)
    }
}

/// What the store says of the principals that changes touch.
struct Records {
    keys: HashMap<String, KeyRecord>,
    ended_users: HashSet<String>,
    active_tenants: HashSet<TenantId>,
}

impl Records {
    fn end(&self, principal: &Principal, changed: &Changed) -> bool {
        let id = principal.id.as_str();
        let key = self.keys.get(id).filter(|_| principal.credential == CredentialId::Key);
        if let Some(key) = key {
            let over = key.revoked_at.is_some() || key.expiry.is_past(Timestamp::now());
            return over || key.tenant.status != TenantStatus::Active;
        }
        let record_is_over = match &principal.credential {
            CredentialId::Key => changed.names(principal),
            // A session that an app of one's own began has no user here: only its revocation ends it.
            CredentialId::Token { session: Some(_), .. } => self.ended_users.contains(id),
            CredentialId::Token { session: None, .. } | CredentialId::Connection => false,
        };
        record_is_over || changed.has_tenant_of(principal) && !self.active_tenants.contains(&principal.tenant.id)
    }
}

/// Whether the store answered, and what it found cannot be used.
fn is_of_a_row(error: &StoreError) -> bool {
    matches!(error, StoreError::Corrupt { .. } | StoreError::Unavailable(Outage::Crowded { .. }))
}
