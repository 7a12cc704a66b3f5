//! Canary keys: left where only a thief would find them, and good for nothing but an alarm.

use std::net::IpAddr;

use crate::store::{KeyRecord, Store, TenantUpdate};
use crate::tenant::TenantStatus;

/// Tells operators that a canary key was presented, and suspends its tenant where the config says so.
///
/// Told once a look-up and not once a request: a refused key is remembered for a second, so a flood of them cannot
/// flood the log.
pub(super) async fn raise(key: &KeyRecord, peer: IpAddr, suspends_tenant: bool, store: &dyn Store) {
    tracing::error!(
        target: "audit",
        event = "canary_key_presented",
        key_id = %key.id,
        key_prefix = %key.public_id,
        tenant = %key.tenant.slug,
        tenant_id = %key.tenant.id,
        %peer,
        suspends_tenant,
        "a canary key was presented: whoever holds it found it where it was left"
    );
    if suspends_tenant && key.tenant.status == TenantStatus::Active {
        suspend(key, store).await;
    }
}

async fn suspend(key: &KeyRecord, store: &dyn Store) {
    let update = TenantUpdate { status: Some(TenantStatus::Suspended), ..TenantUpdate::default() };
    if let Err(error) = store.update_tenant(key.tenant.id.as_str(), update, None).await {
        let tenant = &key.tenant.slug;
        tracing::error!(target: "audit", event = "tenant_not_suspended", %tenant, %error, "suspend the tenant by hand");
    }
}
