//! The demo's tenants, each with a key that is made anew at every start.

use std::time::Duration;

use zeroize::Zeroizing;

use super::temporary::Temporary;
use crate::auth;
use crate::auth::jwt::{HmacAlgorithm, NewToken};
use crate::cli::{CliError, key};
use crate::clock::{Expiry, Timestamp};
use crate::principal::PrincipalId;
use crate::scopes::{Models, Scopes};
use crate::secret::Secret;
use crate::store::{NewKey, NewTenant, Page, Store, StoreError};
use crate::tenant::{Slug, Tenant, TenantPolicy, TenantStatus};

/// Who may pass, and what each shows at the gate.
pub(super) struct Tenants {
    pub(super) acme: Demo,
    pub(super) globex: Demo,
    /// A token of acme's, for an hour or twelve.
    pub(super) token: Zeroizing<String>,
    /// Where the token is kept as well: it is too long for a line to paste.
    pub(super) token_file: String,
}

pub(super) struct Demo {
    pub(super) slug: &'static str,
    pub(super) key: Zeroizing<String>,
    /// Other than active in a named store whose owner made it so.
    pub(super) status: TenantStatus,
}

/// Finds or makes the tenants, ends the keys of earlier starts, and makes new ones.
pub(super) async fn prepare(store: &Store, auth: &auth::Config, temporary: &Temporary) -> Result<Tenants, CliError> {
    let (acme, tenant) = demo("acme", "Acme", store, auth).await?;
    let (globex, _) = demo("globex", "Globex", store, auth).await?;
    let token = token(&tenant, auth)?;
    let token_file = temporary.write("token", token.as_bytes())?;
    Ok(Tenants { acme, globex, token, token_file })
}

async fn demo(
    slug: &'static str,
    name: &str,
    store: &Store,
    auth: &auth::Config,
) -> Result<(Demo, std::sync::Arc<Tenant>), CliError> {
    let tenant = match store.tenant(slug).await {
        Err(StoreError::NotFound(_)) => {
            let parsed = Slug::parse(slug).expect("the demo's slugs are well formed");
            let new = NewTenant::new(name.to_owned(), parsed, None, TenantPolicy::default())?;
            store.create_tenant(new, None).await?.into_inner()
        }
        found => found?,
    };
    for old in store.list_keys(Some(tenant.id.clone()), Page::all()).await? {
        if old.name == KEY_NAME && old.revoked_at.is_none() {
            store.revoke_key(&old.id).await?;
        }
    }
    let made = key::make(&auth.api_key)?;
    let new = NewKey {
        tenant: tenant.id.clone(),
        public_id: made.public_id,
        hashed_key: made.hashed_key,
        name: KEY_NAME.to_owned(),
        scopes: Scopes::defaults(),
        models: Models::All,
        expiry: Expiry::Never,
        created_by: KEY_NAME.to_owned(),
        canary: false,
    };
    store.create_key(new, None).await?;
    Ok((Demo { slug, key: text(&made.whole), status: tenant.status }, tenant))
}

fn token(tenant: &Tenant, auth: &auth::Config) -> Result<Zeroizing<String>, CliError> {
    let now = Timestamp::now();
    let subject = PrincipalId::parse(SUBJECT).expect("the demo's subject is well formed");
    let token = NewToken {
        subject: &subject,
        tenant,
        scopes: Some(&Scopes::defaults()),
        expiry: Expiry::At(now.after(TOKEN_LIFETIME)),
        algorithm: HmacAlgorithm::Hs256,
    };
    let minted = auth.jwt.mint(&token, now).map_err(|error| CliError::Token(error.to_string()))?;
    Ok(text(&minted))
}

/// Keys and tokens are ASCII.
fn text(secret: &Secret) -> Zeroizing<String> {
    Zeroizing::new(String::from_utf8_lossy(secret.expose()).into_owned())
}

/// Keys of this name are the demo's, and end when the next one starts.
const KEY_NAME: &str = "dev";
const SUBJECT: &str = "demo@acme.example";
/// A working day with its evening.
const TOKEN_LIFETIME: Duration = Duration::from_secs(12 * 3600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::jwt;
    use crate::store::{self, StoreUrl};

    #[tokio::test]
    async fn second_start_on_a_store_takes_its_tenants_and_ends_only_the_keys_of_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(directory.path().join("named.db"));
        let store = Store::open(&store::Config::new(url)).await.unwrap();
        let secrets = vec![Secret::new([7; 32])];
        let mut auth = auth::Config { jwt: jwt::Config { secrets, ..Default::default() }, ..Default::default() };
        auth.api_key.bcrypt_cost = 4;
        let first = prepare(&store, &auth, &Temporary::make().unwrap()).await.unwrap();
        let kept = key::make(&auth.api_key).unwrap();
        let tenant = store.tenant("acme").await.unwrap().id.clone();
        let new = NewKey {
            tenant: tenant.clone(),
            public_id: kept.public_id,
            hashed_key: kept.hashed_key,
            name: "mine".into(),
            scopes: Scopes::defaults(),
            models: Models::All,
            expiry: Expiry::Never,
            created_by: KEY_NAME.to_owned(),
            canary: false,
        };
        store.create_key(new, None).await.unwrap();
        let second = prepare(&store, &auth, &Temporary::make().unwrap()).await.unwrap();
        assert_eq!(store.list_tenants(Page::all()).await.unwrap().len(), 2);
        let keys = store.list_keys(Some(tenant), Page::all()).await.unwrap();
        let states: Vec<_> = keys.iter().map(|key| (key.name.as_str(), key.revoked_at.is_some())).collect();
        assert_eq!(states, [("dev", true), ("mine", false), ("dev", false)]);
        assert_ne!(*first.acme.key, *second.acme.key);
    }
}
