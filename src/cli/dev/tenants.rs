//! The demo's tenants, each with a key that is made anew at every start.

use std::time::Duration;

use zeroize::Zeroizing;

use super::temporary::Temporary;
use crate::auth::jwt::HmacAlgorithm;
use crate::cli::CliError;
use crate::clock::{Expiry, Timestamp};
use crate::manage::{Authority, CreateKey, CreateTenant, Manage, ManageError, MintToken};
use crate::principal::PrincipalId;
use crate::scopes::{Models, Scopes};
use crate::secret::Secret;
use crate::store::Page;
use crate::tenant::{Slug, TenantPolicy, TenantStatus};

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
pub(super) async fn prepare(manage: &Manage, temporary: &Temporary) -> Result<Tenants, CliError> {
    let who = Authority::Operator { by: KEY_NAME.to_owned() };
    let acme = demo("acme", "Acme", manage, &who).await?;
    let globex = demo("globex", "Globex", manage, &who).await?;
    let token = token(acme.slug, manage, &who).await?;
    let token_file = temporary.write("token", token.as_bytes())?;
    Ok(Tenants { acme, globex, token, token_file })
}

async fn demo(slug: &'static str, name: &str, manage: &Manage, who: &Authority) -> Result<Demo, CliError> {
    let tenant = match manage.tenant(who, slug).await {
        Err(ManageError::NotFound(_)) => {
            let parsed = Slug::parse(slug).expect("the demo's slugs are well formed");
            let (name, policy) = (name.to_owned(), TenantPolicy::default());
            let new = CreateTenant { name, slug: Some(parsed), db_schema_name: None, policy };
            manage.create_tenant(who, new, None).await?.made
        }
        found => found?,
    };
    for old in manage.list_keys(who, Some(slug), Page::all()).await?.items {
        if old.name == KEY_NAME && old.revoked_at.is_none() {
            manage.revoke_key(who, &old.id, None).await?;
        }
    }
    let issued = manage.create_key(who, new_key(slug, KEY_NAME), None).await?;
    let secret = issued.secret.ok_or_else(|| CliError::Key("an earlier request made it".to_owned()))?;
    Ok(Demo { slug, key: text(&secret), status: tenant.status })
}

fn new_key(tenant: &str, name: &str) -> CreateKey {
    let (tenant, name) = (tenant.to_owned(), name.to_owned());
    CreateKey { tenant, name, scopes: None, models: Models::All, expiry: Expiry::Never, canary: false }
}

async fn token(tenant: &str, manage: &Manage, who: &Authority) -> Result<Zeroizing<String>, CliError> {
    let new = MintToken {
        subject: PrincipalId::parse(SUBJECT).expect("the demo's subject is well formed"),
        tenant: tenant.to_owned(),
        scopes: Some(Scopes::defaults()),
        expiry: Expiry::At(Timestamp::now().after(TOKEN_LIFETIME)),
        algorithm: HmacAlgorithm::Hs256,
    };
    Ok(text(&manage.mint_token(who, new).await?.token))
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
    use crate::cli::tests::desk;

    #[tokio::test]
    async fn second_start_on_a_store_takes_its_tenants_and_ends_only_the_keys_of_the_first() {
        let (_directory, manage) = desk().await;
        let who = Authority::cli();
        let first = prepare(&manage, &Temporary::make().unwrap()).await.unwrap();
        manage.create_key(&who, new_key("acme", "mine"), None).await.unwrap();
        let second = prepare(&manage, &Temporary::make().unwrap()).await.unwrap();
        assert_eq!(manage.list_tenants(&who, Page::all()).await.unwrap().items.len(), 2);
        let keys = manage.list_keys(&who, Some("acme"), Page::all()).await.unwrap().items;
        let states: Vec<_> = keys.iter().map(|key| (key.name.as_str(), key.revoked_at.is_some())).collect();
        assert_eq!(states, [("dev", true), ("mine", false), ("dev", false)]);
        assert_ne!(*first.acme.key, *second.acme.key);
    }
}
