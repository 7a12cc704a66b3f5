//! Who may do what (promise S10), and what is told of it.

mod provider_keys;

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::auth::api_key::HashMethod;
use crate::auth::jwt::HmacAlgorithm;
use crate::clock::{Expiry, Timestamp};
use crate::principal::{AuthMethod, Contact, CredentialId, Principal, PrincipalId, Proven};
use crate::scopes::{Models, Scopes};
use crate::seal::Seals;
use crate::secret::Secret;
use crate::store::{self, Email, StoreUrl, UserStatus};
use crate::tenant::{Slug, Tenant, TenantPolicy, TenantStatus};

struct Bench {
    directory: tempfile::TempDir,
    manage: Manage,
}

const OPERATOR: fn() -> Authority = Authority::cli;

impl Bench {
    /// With the tenants `acme` and `other`.
    async fn new() -> Bench {
        let directory = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(directory.path().join("store.db"));
        let config = auth::Config {
            api_key: api_key::Config { hash: HashMethod::Sha256, bcrypt_cost: 4, ..Default::default() },
            jwt: jwt::Config { secrets: vec![Secret::new([7; 32])], ..Default::default() },
            ..Default::default()
        };
        let store = store::open(&store::Config::new(url)).await.unwrap();
        let providers = Providers::new(Arc::new(Seals::new(Default::default()).unwrap()), Vec::new());
        let bench = Bench { directory, manage: Manage::new(store, &config, providers, None) };
        bench.tenant("acme", TenantPolicy::default()).await;
        bench.tenant("other", TenantPolicy::default()).await;
        bench
    }

    async fn tenant(&self, slug: &str, policy: TenantPolicy) {
        let slug = Some(Slug::parse(slug).unwrap());
        let new = CreateTenant { name: "T".into(), slug, db_schema_name: None, policy };
        self.manage.create_tenant(&OPERATOR(), new, None).await.unwrap();
    }

    /// Somebody of a tenant who holds these.
    async fn holder(&self, tenant: &str, scopes: &str, more: Holds) -> Authority {
        let tenant = self.manage.tenant(&OPERATOR(), tenant).await.unwrap();
        Authority::of(Arc::new(Principal::new(Proven {
            tenant,
            id: PrincipalId::parse("somebody").unwrap(),
            method: more.method,
            credential: CredentialId::Key,
            scopes: words(scopes),
            models: Models::from_list(more.models.iter().map(|name| (*name).to_owned()).collect()),
            expiry: more.expiry,
            contact: Contact::default(),
        })))
    }

    async fn makes(&self, who: &Authority, new: CreateKey) -> Result<KeyRecordOf, ManageError> {
        self.manage.create_key(who, new, None).await.map(|issued| KeyRecordOf(issued.record.id))
    }
}

struct KeyRecordOf(String);

struct Holds {
    models: &'static [&'static str],
    expiry: Expiry,
    method: AuthMethod,
}

impl Default for Holds {
    fn default() -> Holds {
        Holds { models: &[], expiry: Expiry::Never, method: AuthMethod::ApiKey }
    }
}

fn words(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

fn key(tenant: &str, scopes: &str, models: &[&str]) -> CreateKey {
    CreateKey {
        tenant: tenant.into(),
        name: String::new(),
        scopes: Some(words(scopes)),
        models: Models::from_list(models.iter().map(|name| (*name).to_owned()).collect()),
        expiry: Expiry::Never,
        canary: false,
    }
}

fn in_seconds(seconds: u64) -> Expiry {
    Expiry::At(Timestamp::now().after(Duration::from_secs(seconds)))
}

fn forbidden<T>(result: Result<T, ManageError>) -> bool {
    matches!(result, Err(ManageError::Forbidden(_)))
}

#[tokio::test]
async fn s10_nobody_grants_a_scope_a_tenant_or_a_model_beyond_their_own() {
    let bench = Bench::new().await;
    let holds = Holds { models: &["gpt-4o", "o1"], ..Holds::default() };
    let who = bench.holder("acme", "keys:write llm:invoke session:*", holds).await;
    for (tenant, scopes, models) in [
        ("acme", "llm:invoke", &["gpt-4o"][..]),
        ("acme", "session:create session:*", &["gpt-4o", "o1"]),
        ("acme", "", &["o1"]),
    ] {
        assert!(bench.makes(&who, key(tenant, scopes, models)).await.is_ok(), "{scopes} {models:?}");
    }
    for (tenant, scopes, models) in [
        ("acme", "llm:models", &["gpt-4o"][..]),
        ("acme", "llm:invoke tenant:admin", &["gpt-4o"]),
        ("acme", "platform:admin", &["gpt-4o"]),
        ("acme", "llm:*", &["gpt-4o"]),
        ("acme", "llm:invoke", &["gpt-5"]),
        ("acme", "llm:invoke", &[]),
        ("other", "llm:invoke", &["gpt-4o"]),
    ] {
        assert!(forbidden(bench.makes(&who, key(tenant, scopes, models)).await), "{tenant} {scopes} {models:?}");
    }
    // The defaults of a key that names no scopes are more than this one holds.
    let unnamed = CreateKey { scopes: None, ..key("acme", "", &["gpt-4o"]) };
    assert!(forbidden(bench.makes(&who, unnamed).await));
}

#[tokio::test]
async fn s10_tenants_administrator_grants_what_the_tenant_has_and_nothing_of_the_platform() {
    let bench = Bench::new().await;
    let policy = TenantPolicy { scopes: Some(words("llm:* tenant:admin")), ..TenantPolicy::default() };
    bench.tenant("bounded", policy).await;
    let who = bench.holder("acme", "tenant:admin", Holds::default()).await;
    assert!(bench.makes(&who, key("acme", "anything:at:all tenant:admin", &["gpt-4o"])).await.is_ok());
    for scopes in ["platform:admin", "platform:*", "platform:new"] {
        assert!(forbidden(bench.makes(&who, key("acme", scopes, &[])).await), "{scopes}");
    }
    assert!(forbidden(bench.makes(&who, key("other", "llm:invoke", &[])).await));
    let bounded = bench.holder("bounded", "tenant:admin", Holds::default()).await;
    assert!(bench.makes(&bounded, key("bounded", "llm:invoke", &[])).await.is_ok());
    let beyond = bench.makes(&bounded, key("bounded", "session:create", &[])).await;
    assert!(matches!(beyond, Err(ManageError::Ceiling(_))));
}

#[tokio::test]
async fn s10_ceiling_binds_operators_and_names_itself() {
    let bench = Bench::new().await;
    let models = Models::from_list(vec!["gpt-4o".into()]);
    bench.tenant("bounded", TenantPolicy { scopes: Some(words("llm:*")), models, ..TenantPolicy::default() }).await;
    assert!(bench.makes(&OPERATOR(), key("acme", "platform:admin", &[])).await.is_ok(), "where there is no ceiling");
    assert!(bench.makes(&OPERATOR(), key("bounded", "llm:invoke", &["gpt-4o"])).await.is_ok());
    assert!(bench.makes(&OPERATOR(), key("bounded", "llm:invoke", &[])).await.is_ok(), "every model that it has");
    for (scopes, models, told) in
        [("session:a", &[][..], "llm:*"), ("platform:admin", &[], "llm:*"), ("llm:invoke", &["o1"], "gpt-4o")]
    {
        let Err(ManageError::Ceiling(why)) = bench.makes(&OPERATOR(), key("bounded", scopes, models)).await else {
            panic!("{scopes} {models:?} was granted")
        };
        assert!(why.contains(told) && why.contains("bounded"), "{why}");
    }
}

#[tokio::test]
async fn s10_key_that_ends_makes_none_that_outlives_it() {
    let bench = Bench::new().await;
    let holds = Holds { expiry: in_seconds(3600), ..Holds::default() };
    let who = bench.holder("acme", "llm:invoke tenant:admin", holds).await;
    let lasting = |expiry| CreateKey { expiry, ..key("acme", "llm:invoke", &[]) };
    assert!(bench.makes(&who, lasting(in_seconds(1800))).await.is_ok());
    assert!(forbidden(bench.makes(&who, lasting(in_seconds(7200))).await));
    assert!(forbidden(bench.makes(&who, lasting(Expiry::Never)).await));
    let holds = Holds { expiry: in_seconds(3600), method: AuthMethod::Jwt, ..Holds::default() };
    let session = bench.holder("acme", "llm:invoke", holds).await;
    assert!(bench.makes(&session, lasting(Expiry::Never)).await.is_ok(), "a session is not the person's end");
}

/// Whoever rotates, prolongs or widens a key ends up with what it has.
#[tokio::test]
async fn s10_stronger_key_of_the_same_tenant_is_neither_rotated_nor_changed() {
    let bench = Bench::new().await;
    let strong = bench.makes(&OPERATOR(), key("acme", "tenant:admin", &[])).await.unwrap().0;
    let weak = bench.makes(&OPERATOR(), key("acme", "llm:invoke", &[])).await.unwrap().0;
    let who = bench.holder("acme", "keys:write llm:invoke", Holds::default()).await;
    let manage = &bench.manage;
    assert!(forbidden(manage.rotate_key(&who, &strong, Duration::ZERO).await));
    let prolong = || ChangeKey { expiry: Some(Expiry::Never), ..ChangeKey::default() };
    assert!(forbidden(manage.update_key(&who, &strong, prolong(), None).await));
    let widen = ChangeKey { scopes: Some(words("llm:invoke tenant:admin")), ..ChangeKey::default() };
    assert!(forbidden(manage.update_key(&who, &weak, widen, None).await));
    assert!(manage.update_key(&who, &weak, prolong(), None).await.is_ok());
    assert!(manage.rotate_key(&who, &weak, Duration::ZERO).await.is_ok());
    assert!(forbidden(manage.revoke_key(&who, &strong, None).await), "nor ended");
}

#[tokio::test]
async fn s10_records_of_another_tenant_are_out_of_reach() {
    let bench = Bench::new().await;
    let manage = &bench.manage;
    let theirs = bench.makes(&OPERATOR(), key("other", "llm:invoke", &[])).await.unwrap().0;
    let who = bench.holder("acme", "tenant:admin keys:write", Holds::default()).await;
    assert!(forbidden(manage.key(&who, &theirs).await));
    assert!(forbidden(manage.revoke_key(&who, &theirs, None).await));
    assert!(forbidden(manage.rotate_key(&who, &theirs, Duration::ZERO).await));
    assert!(forbidden(manage.list_keys(&who, Some("other"), Page::all()).await));
    assert!(forbidden(manage.list_users(&who, Some("other"), Page::all()).await));
    assert!(forbidden(manage.tenant(&who, "other").await));
    assert!(manage.list_keys(&who, None, Page::all()).await.unwrap().items.is_empty());
    let seen = manage.list_tenants(&who, Page::all()).await.unwrap().items;
    assert_eq!(seen.iter().map(|tenant| tenant.slug.as_str()).collect::<Vec<_>>(), ["acme"]);
    let row = format!("[{{\"tenant\":\"other\",\"hash\":\"sha256:{}\"}}]", "a".repeat(64));
    let imported = manage.import_keys(&who, parse_json(&row).unwrap()).await;
    assert!(matches!(imported, Err(ManageError::RowsConflict(_))));
}

#[tokio::test]
async fn s10_tenants_users_and_tokens_are_for_those_whose_business_they_are() {
    let bench = Bench::new().await;
    let manage = &bench.manage;
    let plain = bench.holder("acme", "llm:invoke keys:write", Holds::default()).await;
    let admin = bench.holder("acme", "tenant:admin", Holds::default()).await;
    for who in [&plain, &admin] {
        let lift = ChangeTenant { scopes: Some(None), ..ChangeTenant::default() };
        assert!(forbidden(manage.update_tenant(who, "acme", lift, None).await));
        let new = CreateTenant { name: "X".into(), slug: None, db_schema_name: None, policy: TenantPolicy::default() };
        assert!(forbidden(manage.create_tenant(who, new, None).await));
        assert!(forbidden(manage.revoke_token(who, &Secret::new("some-session"), None).await));
    }
    let user = |scopes: &str| CreateUser {
        tenant: "acme".into(),
        email: Email::parse("a@b").unwrap(),
        name: String::new(),
        scopes: Some(words(scopes)),
        password: Secret::new("correct horse"),
    };
    let token = |scopes: &str| MintToken {
        subject: PrincipalId::parse("somebody-else").unwrap(),
        tenant: "acme".into(),
        scopes: Some(words(scopes)),
        expiry: in_seconds(60),
        algorithm: HmacAlgorithm::Hs256,
    };
    assert!(forbidden(manage.create_user(&plain, user("llm:invoke"), None).await));
    assert!(forbidden(manage.mint_token(&plain, token("llm:invoke")).await));
    assert!(forbidden(manage.create_user(&admin, user("platform:admin"), None).await));
    assert!(forbidden(manage.mint_token(&admin, token("platform:admin")).await));
    assert!(manage.create_user(&admin, user("llm:invoke"), None).await.is_ok());
    assert!(manage.mint_token(&admin, token("llm:invoke")).await.is_ok());
}

/// A password is as good as the user's scopes.
#[tokio::test]
async fn s10_password_of_a_stronger_user_is_not_set() {
    let bench = Bench::new().await;
    let manage = &bench.manage;
    let new = CreateUser {
        tenant: "acme".into(),
        email: Email::parse("root@acme.example").unwrap(),
        name: String::new(),
        scopes: Some(words("platform:admin")),
        password: Secret::new("correct horse"),
    };
    let root = manage.create_user(&OPERATOR(), new, None).await.unwrap().made.id;
    let admin = bench.holder("acme", "tenant:admin", Holds::default()).await;
    assert!(forbidden(manage.set_password(&admin, &root, Secret::new("my own horse")).await));
    let enable = ChangeUser { status: Some(UserStatus::Active), ..ChangeUser::default() };
    assert!(forbidden(manage.update_user(&admin, &root, enable, None).await));
    let disable = ChangeUser { status: Some(UserStatus::Disabled), ..ChangeUser::default() };
    assert!(manage.update_user(&admin, &root, disable, None).await.is_ok(), "to end one grants nothing");
}

#[tokio::test]
async fn holder_of_platform_admin_is_an_operator_under_their_own_name() {
    let bench = Bench::new().await;
    let who = bench.holder("acme", "platform:*", Holds::default()).await;
    assert!(matches!(&who, Authority::Operator { by } if by == "api_key somebody"));
    let made = bench.makes(&who, key("other", "platform:admin", &[])).await.unwrap().0;
    assert_eq!(bench.manage.key(&OPERATOR(), &made).await.unwrap().created_by, "api_key somebody");
}

#[tokio::test]
async fn idempotency_keys_of_one_tenant_are_not_those_of_another() {
    let bench = Bench::new().await;
    let once = || Some(Idempotency { key: "order 66".into(), fingerprint: "same".into() });
    let mut made = Vec::new();
    for tenant in ["acme", "other"] {
        let who = bench.holder(tenant, "llm:invoke", Holds::default()).await;
        let issued = bench.manage.create_key(&who, key(tenant, "llm:invoke", &[]), once()).await.unwrap();
        assert!(issued.secret.is_some());
        made.push(issued.record.id);
    }
    let who = bench.holder("acme", "llm:invoke", Holds::default()).await;
    let again = bench.manage.create_key(&who, key("acme", "llm:invoke", &[]), once()).await.unwrap();
    assert!(again.secret.is_none() && again.record.id == made[0], "the secret is not handed out again");
}

#[tokio::test]
async fn two_changes_of_a_tenants_policy_at_once_both_hold() {
    let bench = Bench::new().await;
    let who = OPERATOR();
    let models = ChangeTenant { models: Some(Models::from_list(vec!["m".into()])), ..ChangeTenant::default() };
    let scopes = ChangeTenant { scopes: Some(Some(words("llm:*"))), ..ChangeTenant::default() };
    let (one, two) = tokio::join!(
        bench.manage.update_tenant(&who, "acme", models, None),
        bench.manage.update_tenant(&who, "acme", scopes, None),
    );
    assert!(one.is_ok() && two.is_ok());
    let policy = bench.manage.tenant(&who, "acme").await.unwrap().policy.clone();
    assert_eq!((policy.models.names().len(), policy.scopes), (1, Some(words("llm:*"))));
}

#[tokio::test]
async fn status_of_a_tenant_does_not_keep_it_from_being_managed_but_deletion_does() {
    let bench = Bench::new().await;
    let standing = |status| ChangeTenant { status: Some(status), ..ChangeTenant::default() };
    bench.manage.update_tenant(&OPERATOR(), "acme", standing(TenantStatus::Suspended), None).await.unwrap();
    assert!(bench.makes(&OPERATOR(), key("acme", "llm:invoke", &[])).await.is_ok());
    bench.manage.update_tenant(&OPERATOR(), "acme", standing(TenantStatus::Deleted), None).await.unwrap();
    let refused = bench.makes(&OPERATOR(), key("acme", "llm:invoke", &[])).await;
    assert!(matches!(refused, Err(ManageError::Conflict(_))));
}

/// A subject is another's word: an identity provider may call somebody `cli`.
#[tokio::test]
async fn nobody_passes_for_an_operator_by_the_name_of_a_subject() {
    let who = async |id: &str, method| {
        let bench = Bench::new().await;
        let tenant = bench.manage.tenant(&OPERATOR(), "acme").await.unwrap();
        Authority::of(Arc::new(Principal::new(Proven {
            tenant,
            id: PrincipalId::parse(id).unwrap(),
            method,
            credential: CredentialId::Connection,
            scopes: words("keys:write"),
            models: Models::All,
            expiry: Expiry::Never,
            contact: Contact::default(),
        })))
    };
    assert_eq!(who("cli", AuthMethod::Jwt).await.by(), "jwt cli");
    assert_eq!(who("admin token", AuthMethod::TrustedHeader).await.by(), "trusted_header admin token");
    assert_eq!(OPERATOR().by(), "cli");
}

#[tokio::test]
async fn s10_tenant_of_another_name_is_forbidden_whether_there_is_one_or_not() {
    let bench = Bench::new().await;
    let who = bench.holder("acme", "tenant:admin", Holds::default()).await;
    for other in ["other", "nobody", "ACME", ""] {
        assert!(forbidden(bench.manage.tenant(&who, other).await), "{other}");
    }
    assert!(bench.manage.tenant(&who, "acme").await.is_ok());
}

/// Two systems drew the same prefix for two tenants: neither is told of the other's key.
#[tokio::test]
async fn public_id_that_tenants_share_is_ones_own_key_to_each() {
    let bench = Bench::new().await;
    let row = |tenant: &str, digit: &str| ImportRow {
        prefix: Some("shared12".into()),
        hash: format!("sha256:{}", digit.repeat(64)),
        tenant: tenant.into(),
        ..ImportRow::default()
    };
    let own = bench.manage.import_key(&OPERATOR(), row("acme", "a")).await.unwrap();
    bench.manage.import_key(&OPERATOR(), row("other", "b")).await.unwrap();
    let who = bench.holder("acme", "tenant:admin", Holds::default()).await;
    assert_eq!(bench.manage.key(&who, "shared12").await.unwrap().id, own.id);
    assert!(matches!(bench.manage.key(&OPERATOR(), "shared12").await, Err(ManageError::Conflict(_))));
}

#[tokio::test]
async fn span_of_a_revocation_shortens_nothing() {
    let bench = Bench::new().await;
    let in_a_week = Expiry::At(Timestamp::now().after(Duration::from_secs(7 * 86_400)));
    let new = MintToken {
        subject: PrincipalId::parse("u").unwrap(),
        tenant: "acme".into(),
        scopes: None,
        expiry: in_a_week,
        algorithm: HmacAlgorithm::Hs256,
    };
    let minted = bench.manage.mint_token(&OPERATOR(), new).await.unwrap();
    let hour = Some(Duration::from_secs(3600));
    let revoked = bench.manage.revoke_token(&OPERATOR(), &minted.token, hour).await.unwrap();
    assert_eq!(revoked.id, minted.id);
    assert!(
        Expiry::At(revoked.until) == in_a_week
            || revoked.until > Timestamp::now().after(Duration::from_secs(6 * 86_400))
    );
}

/// What a key holds beyond a ceiling that was narrowed is good for nothing, and keeps nobody from ending it.
#[tokio::test]
async fn key_above_a_narrowed_ceiling_is_renamed_rotated_and_ended_and_given_nothing() {
    let bench = Bench::new().await;
    let id = bench.makes(&OPERATOR(), key("acme", "session:create", &[])).await.unwrap().0;
    let ceiling = ChangeTenant { scopes: Some(Some(words("llm:*"))), ..ChangeTenant::default() };
    bench.manage.update_tenant(&OPERATOR(), "acme", ceiling, None).await.unwrap();
    let soon = Some(Expiry::At(Timestamp::now().after(Duration::from_secs(3600))));
    let change = ChangeKey { name: Some("old".into()), expiry: soon, ..ChangeKey::default() };
    assert!(bench.manage.update_key(&OPERATOR(), &id, change, None).await.is_ok());
    assert!(bench.manage.rotate_key(&OPERATOR(), &id, Duration::ZERO).await.is_ok());
    let wider = ChangeKey { scopes: Some(words("session:*")), ..ChangeKey::default() };
    let given = bench.manage.update_key(&OPERATOR(), &id, wider, None).await;
    assert!(matches!(given, Err(ManageError::Ceiling(_))), "{given:?}");
}
