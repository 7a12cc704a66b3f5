use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::claim_path::ClaimPath;
use super::config::{IssuerConfig, KeySource, RequiredClaim, ScopesRule, TenantRule};
use super::keys::KeySet;
use super::testing::{
    Claims, IDP, NOW, SECRET, Signer, by_key, by_secret, gate, gate_with, issuer, joined, jwks, signers,
};
use super::*;
use crate::clock::Expiry;
use crate::principal::{Contact, PrincipalId};
use crate::scopes::Scopes;
use crate::tenant::{Slug, Tenant, TenantId, TenantPolicy, TenantStatus};

fn config() -> Config {
    Config { secrets: vec![Secret::new(SECRET)], ..Config::default() }
}

fn acme() -> Tenant {
    Tenant {
        id: TenantId::parse("t1").unwrap(),
        slug: Slug::parse("acme").unwrap(),
        name: "Acme".into(),
        db_schema_name: None,
        status: TenantStatus::Active,
        policy: TenantPolicy::default(),
        created_at: NOW,
        epoch: 0,
        version: 1,
    }
}

fn u1() -> PrincipalId {
    PrincipalId::parse("u1").unwrap()
}

const GOOD_HEADER: &str = r#"{"alg":"HS256"}"#;
const RS256: &str = r#"{"alg":"RS256","kid":"rsa"}"#;

fn claims(more: &str) -> String {
    format!(r#"{{"sub":"u1","tenant_id":"t1","exp":1800000600{more}}}"#)
}

async fn verify_with(config: Config, claims: &str) -> Result<VerifiedToken, TokenError> {
    Jwt::new(config).verify(&Secret::new(by_secret(GOOD_HEADER, claims)), NOW).await
}

async fn verify(claims: &str) -> Result<VerifiedToken, TokenError> {
    verify_with(config(), claims).await
}

/// By the issuer's RSA key.
async fn verify_outside(gate: &Jwt, claims: &Claims) -> Result<VerifiedToken, TokenError> {
    gate.verify(&Secret::new(by_key(&signers().rsa, RS256, claims.json())), NOW).await
}

#[tokio::test]
async fn minted_token_is_accepted_with_all_that_it_says() {
    let (tenant, subject) = (acme(), u1());
    let scopes = Scopes::parse("llm:invoke session:create").unwrap();
    for algorithm in HmacAlgorithm::ALL {
        let token = NewToken {
            scopes: Some(&scopes),
            expiry: Expiry::At(NOW.after(Duration::from_secs(60))),
            id: Some("token-1".into()),
            session: Some("session-1"),
            contact: Contact { email: Some("u1@acme.example".into()), name: Some("Ü. One".into()) },
            ..NewToken::access(&subject, &tenant, algorithm)
        };
        let minted = config().mint(&token, NOW).unwrap();
        let verified = Jwt::new(config()).verify(&minted, NOW).await.unwrap();
        assert_eq!((verified.subject.as_str(), &verified.issuer), ("u1", &TokenIssuer::Own));
        assert_eq!(verified.tenant, NamedTenant { name: "t1".into(), slug: Some("acme".into()) });
        assert_eq!(verified.scopes, Some(scopes.clone()));
        assert_eq!((verified.id.as_deref(), verified.session.as_deref()), (Some("token-1"), Some("session-1")));
        assert_eq!(verified.contact, token.contact);
        assert_eq!(verified.expiry, Expiry::At(NOW.after(Duration::from_secs(60 + 30))), "with the leeway");
    }
}

#[tokio::test]
async fn minted_token_speaks_the_claims_of_its_config() {
    let (tenant, subject) = (acme(), u1());
    let named = Config {
        claims: ClaimNames { tenant: "org".into(), scopes: "permissions".into() },
        issuer: Some("gate".into()),
        audiences: vec!["llm".into(), "other".into()],
        require_expiry: false,
        ..config()
    };
    let scopes = Scopes::parse("session:create").unwrap();
    let token = NewToken { scopes: Some(&scopes), ..NewToken::access(&subject, &tenant, HmacAlgorithm::Hs256) };
    let verified = Jwt::new(named.clone()).verify(&named.mint(&token, NOW).unwrap(), NOW).await.unwrap();
    assert_eq!((verified.tenant.name.as_str(), verified.scopes), ("t1", Some(scopes.clone())));
    assert!(verified.id.is_some(), "a token that is given no id gets one");
}

#[test]
fn nothing_is_minted_that_would_be_refused() {
    let (tenant, subject) = (acme(), u1());
    let token = NewToken::access(&subject, &tenant, HmacAlgorithm::Hs256);
    let refused = |config: Config| config.mint(&token, NOW).err();
    assert_eq!(refused(Config::default()), Some(mint::MintError::NoSecret));
    assert_eq!(refused(config()), Some(mint::MintError::ExpiryRequired));
    let other = Config { algorithms: vec![HmacAlgorithm::Hs512], ..config() };
    assert_eq!(refused(other), Some(mint::MintError::Algorithm));
}

#[tokio::test]
async fn j08_refresh_token_is_no_access_token_and_the_other_way_round() {
    let (tenant, subject) = (acme(), u1());
    let new = |kind| NewToken {
        kind,
        expiry: Expiry::At(NOW.after(Duration::from_secs(60))),
        id: Some("r1".into()),
        session: Some("s1"),
        ..NewToken::access(&subject, &tenant, HmacAlgorithm::Hs256)
    };
    let gate = Jwt::new(config());
    let refresh = config().mint(&new(TokenKind::Refresh), NOW).unwrap();
    let access = config().mint(&new(TokenKind::Access), NOW).unwrap();
    assert_eq!(gate.verify(&refresh, NOW).await, Err(TokenError::Type));
    assert_eq!(gate.verify_refresh(&access, NOW), Err(TokenError::Type));
    let spent = gate.verify_refresh(&refresh, NOW).unwrap();
    assert_eq!((spent.id.as_str(), spent.session.as_str(), spent.subject.as_str()), ("r1", "s1", "u1"));
    assert_eq!(spent.tenant.name, "t1");
    assert_eq!(gate.verify_refresh(&refresh, NOW.after(Duration::from_secs(90))), Err(TokenError::Expired));
}

#[test]
fn refresh_token_without_id_session_or_end_is_refused() {
    let lenient = Jwt::new(Config { require_expiry: false, ..config() });
    let refused = |claims: &str| {
        let token = by_secret(r#"{"alg":"HS256","typ":"rt+jwt"}"#, claims);
        lenient.verify_refresh(&Secret::new(token), NOW).err()
    };
    assert_eq!(refused(&claims(r#","jti":"r1","sid":"s1""#)), None);
    assert_eq!(refused(&claims(r#","sid":"s1""#)), Some(TokenError::Claim("jti")));
    assert_eq!(refused(&claims(r#","jti":"r1""#)), Some(TokenError::Claim("sid")));
    let endless = r#"{"sub":"u1","tenant_id":"t1","jti":"r1","sid":"s1"}"#;
    assert_eq!(refused(endless), Some(TokenError::Claim("exp")));
}

#[test]
fn refresh_token_of_an_outside_issuer_is_refused() {
    let claims = Claims::of(IDP).with("jti", r#""r1""#).with("sid", r#""s1""#).json();
    let token = by_key(&signers().rsa, r#"{"alg":"RS256","kid":"rsa","typ":"rt+jwt"}"#, claims);
    assert_eq!(gate().verify_refresh(&Secret::new(token), NOW), Err(TokenError::Issuer));
}

/// Promise J1, where no secret is configured: an empty list signs nothing.
#[tokio::test]
async fn j01_gate_without_a_secret_accepts_no_token_of_its_own() {
    let without = Config::default();
    assert_eq!(verify_with(without, &claims("")).await, Err(TokenError::Signature));
}

#[tokio::test]
async fn first_secret_signs_and_all_verify() {
    let (tenant, subject) = (acme(), u1());
    let with = |secrets: &[&str]| Config { secrets: secrets.iter().map(|s| Secret::new(*s)).collect(), ..config() };
    let (old, new) = ("o".repeat(32), "n".repeat(32));
    let token = NewToken {
        expiry: Expiry::At(NOW.after(Duration::from_secs(60))),
        ..NewToken::access(&subject, &tenant, HmacAlgorithm::Hs256)
    };
    let of_old = with(&[&old]).mint(&token, NOW).unwrap();
    let rotating = with(&[&new, &old]);
    let of_new = rotating.mint(&token, NOW).unwrap();
    let rotating = Jwt::new(rotating);
    let verified = rotating.verify(&of_old, NOW).await.unwrap();
    assert!(rotating.verify(&of_new, NOW).await.is_ok());
    assert_eq!(rotating.still_holds(&verified, NOW), Ok(()));
    let rotated = Jwt::new(with(&[&new]));
    assert_eq!(rotated.verify(&of_old, NOW).await, Err(TokenError::Signature));
    assert!(rotated.verify(&of_new, NOW).await.is_ok());
    assert_eq!(rotated.still_holds(&verified, NOW), Err(TokenError::UnknownKey), "a cached one ends with its secret");
}

#[tokio::test]
async fn j05_expiry_is_required_unless_the_config_says_otherwise() {
    let endless = r#"{"sub":"u1","tenant_id":"t1"}"#;
    assert_eq!(verify(endless).await, Err(TokenError::Claim("exp")));
    let lenient = Config { require_expiry: false, ..config() };
    assert_eq!(verify_with(lenient, endless).await.unwrap().expiry, Expiry::Never);
}

#[tokio::test]
async fn j10_clock_skew_is_forgiven_up_to_the_leeway_and_no_further() {
    let ends = async |at: i64| verify(&format!(r#"{{"sub":"u1","tenant_id":"t1","exp":{at}}}"#)).await;
    assert!(ends(NOW.0 - 29).await.is_ok());
    assert_eq!(ends(NOW.0 - 30).await, Err(TokenError::Expired));
    let starts = async |at: i64| verify(&claims(&format!(r#","nbf":{at}"#))).await;
    assert!(starts(NOW.0 + 30).await.is_ok());
    assert_eq!(starts(NOW.0 + 31).await, Err(TokenError::NotYetValid));
}

#[tokio::test]
async fn token_from_the_cache_ends_when_it_expires() {
    let verified = verify(&claims("")).await.unwrap();
    let gate = Jwt::new(config());
    assert_eq!(gate.still_holds(&verified, Timestamp(1_800_000_629)), Ok(()));
    assert_eq!(gate.still_holds(&verified, Timestamp(1_800_000_630)), Err(TokenError::Expired));
}

#[tokio::test]
async fn audience_is_asked_for_and_one_that_nobody_asked_for_is_refused() {
    let strict = || Config { issuer: Some("wardgate".into()), audiences: vec!["llm".into()], ..config() };
    let with = async |more: &str| verify_with(strict(), &claims(more)).await;
    assert!(with(r#","iss":"wardgate","aud":["other","llm"]"#).await.is_ok());
    assert_eq!(with(r#","aud":"llm""#).await, Err(TokenError::Issuer));
    assert_eq!(with(r#","iss":"wardgate""#).await, Err(TokenError::Audience));
    // Meant for somebody, and that is not known to be us.
    assert_eq!(verify(&claims(r#","aud":"llm""#)).await, Err(TokenError::Audience));
}

#[tokio::test]
async fn scopes_come_as_text_or_as_a_list_and_none_is_not_an_empty_list() {
    let scopes = async |more: &str| verify(&claims(more)).await.map(|token| token.scopes);
    let both = Some(Scopes::parse("a b").unwrap());
    assert_eq!(scopes(r#","scope":"a b""#).await, Ok(both.clone()));
    assert_eq!(scopes(r#","scope":["a","b"]"#).await, Ok(both));
    assert_eq!(scopes("").await, Ok(None));
    assert_eq!(scopes(r#","scope":"""#).await, Ok(Some(Scopes::default())));
}

#[tokio::test]
async fn s21_contact_that_no_header_could_hold_is_left_out() {
    let contact = async |more: &str| verify(&claims(more)).await.unwrap().contact;
    let good = contact(r#","email":"u1@acme.example","name":"Ü. One""#).await;
    assert_eq!(good.email.as_deref(), Some("u1@acme.example"));
    assert_eq!(good.name.as_deref(), Some("Ü. One"));
    let long = "x".repeat(255);
    for wrong in [r#""a\r\nX-Tenant-ID: t2""#, r#""a\u0000""#, r#""""#, "7", &format!("{long:?}")] {
        assert_eq!(contact(&format!(r#","email":{wrong},"name":{wrong}"#)).await, Contact::default(), "{wrong}");
    }
}

#[tokio::test]
async fn s04_tokens_of_two_issuers_verify_by_their_own_keys_alone() {
    const OTHER: &str = "https://idp.example.org";
    let keys = KeySet::of_jwks_file(jwks(&[signers().foreign.jwk("rsa")])).unwrap();
    let other = IssuerConfig { issuer: OTHER.into(), keys: KeySource::Fixed(keys.into()), ..issuer() };
    let gate = Jwt::new(Config { issuers: vec![issuer(), other], ..config() });
    let token = |signer: &Signer, issuer: &str| Secret::new(by_key(signer, RS256, Claims::of(issuer).json()));
    let verified = gate.verify(&token(&signers().rsa, IDP), NOW).await.unwrap();
    assert_eq!(verified.issuer, TokenIssuer::Outside(IDP.into()));
    assert!(gate.verify(&token(&signers().foreign, OTHER), NOW).await.is_ok());
    assert_eq!(gate.verify(&token(&signers().rsa, OTHER), NOW).await, Err(TokenError::Signature));
    assert_eq!(gate.verify(&token(&signers().foreign, IDP), NOW).await, Err(TokenError::Signature));
    // Nor does a cached token of the one stand for the other, or outlive its issuer.
    let moved = VerifiedToken { issuer: TokenIssuer::Outside(OTHER.into()), ..verified.clone() };
    assert_eq!(gate.still_holds(&verified, NOW), Ok(()));
    assert_eq!(gate.still_holds(&moved, NOW), Err(TokenError::UnknownKey));
    assert_eq!(Jwt::new(config()).still_holds(&verified, NOW), Err(TokenError::Issuer));
}

#[tokio::test]
async fn claims_are_found_where_the_config_says() {
    let path = |text: &str| ClaimPath::parse(text).unwrap();
    let gate = gate_with(|issuer| {
        issuer.tenant = TenantRule::Claim(path("/https:~1~1acme.example~1tenants/0/id"));
        issuer.scopes = ScopesRule::Claim(path("/realm_access/roles"));
        issuer.subject = path("preferred_username");
        issuer.email = path("/contact/mail");
    });
    let claims = Claims::of(IDP)
        .with("https://acme.example/tenants", r#"[{"id":"acme"}]"#)
        .with("realm_access", r#"{"roles":["llm:invoke","offline access","session:*"]}"#)
        .with("preferred_username", r#""alice""#)
        .with("contact", r#"{"mail":"alice@acme.example"}"#);
    let verified = verify_outside(&gate, &claims).await.unwrap();
    assert_eq!((verified.tenant.name.as_str(), verified.subject.as_str()), ("acme", "alice"));
    assert_eq!(verified.scopes, Some(Scopes::parse("llm:invoke session:*").unwrap()), "no scope is no reason");
    assert_eq!(verified.contact.email.as_deref(), Some("alice@acme.example"));
    let elsewhere = claims.with("https://acme.example/tenants", "[]");
    assert_eq!(verify_outside(&gate, &elsewhere).await, Err(TokenError::Claim("tenant")));
}

#[tokio::test]
async fn scopes_of_an_issuer_are_its_first_of_scope_scp_and_permissions() {
    let scopes =
        async |claims: Claims| verify_outside(&gate(), &claims).await.unwrap().scopes.map(|all| all.to_string());
    let none = Claims::of(IDP);
    let permissions = none.clone().with("permissions", r#"["read:x"]"#);
    let scp = permissions.clone().with("scp", r#""a b""#);
    let scope = scp.clone().with("scope", r#""c""#);
    assert_eq!(scopes(none).await, None);
    assert_eq!(scopes(permissions).await.as_deref(), Some("read:x"));
    assert_eq!(scopes(scp).await.as_deref(), Some("a b"));
    assert_eq!(scopes(scope).await.as_deref(), Some("c"));
}

/// An issuer that says by a claim of its own who may do what has given nothing to whom it does not name.
#[tokio::test]
async fn token_without_the_scopes_claim_that_the_config_names_has_no_scopes() {
    let gate = gate_with(|issuer| issuer.scopes = ScopesRule::Claim(ClaimPath::parse("/access/roles").unwrap()));
    let scopes = async |claims: Claims| verify_outside(&gate, &claims).await.unwrap().scopes;
    let claims = Claims::of(IDP).with("scope", r#""llm:invoke""#).with("permissions", r#"["llm:invoke"]"#);
    assert_eq!(scopes(claims.clone()).await, Some(Scopes::default()));
    assert_eq!(scopes(claims.clone().with("access", "{}")).await, Some(Scopes::default()));
    let given = claims.with("access", r#"{"roles":["llm:models"]}"#);
    assert_eq!(scopes(given).await, Some(Scopes::parse("llm:models").unwrap()));
}

#[tokio::test]
async fn tenant_slug_counts_only_where_the_config_names_no_tenants_claim() {
    let tenant = async |gate: &Jwt, claims: &Claims| verify_outside(gate, claims).await.map(|token| token.tenant);
    let named = |name: &str, slug: Option<&str>| NamedTenant { name: name.into(), slug: slug.map(str::to_owned) };
    let mapped = gate_with(|issuer| issuer.tenant = TenantRule::Claim(ClaimPath::of_name("org")));
    let claims = Claims::of(IDP).without("tenant_id").with("tenant_slug", r#""globex""#);
    assert_eq!(tenant(&mapped, &claims).await, Err(TokenError::Claim("tenant")));
    assert_eq!(tenant(&gate(), &claims).await, Ok(named("globex", Some("globex"))));
    let claims = claims.with("org", r#""acme""#);
    assert_eq!(tenant(&mapped, &claims).await, Ok(named("acme", None)), "it does not contradict either");
    assert!(tenant(&mapped, &claims.with("tenant_slug", "7")).await.is_ok(), "nor is it looked at");
}

/// Anybody can write (r, s) as (r, n - s), and the same token must not come back by that.
#[tokio::test]
async fn revoked_token_stays_revoked_when_its_signature_is_written_anew() {
    let token = by_key(&signers().p256, r#"{"alg":"ES256","kid":"p256"}"#, Claims::of(IDP).json());
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let flipped = joined(message, &[&signature[..32], &order_less(&signature[32..])].concat());
    assert_ne!(token, flipped);
    let mut ids = Vec::new();
    for token in [Secret::new(token), Secret::new(flipped)] {
        ids.push(gate().verify(&token, NOW).await.unwrap().revoked_by(&token));
    }
    assert_eq!(ids[0], ids[1]);
    let other =
        by_key(&signers().p256, r#"{"alg":"ES256","kid":"p256"}"#, Claims::of(IDP).with("sub", r#""u2""#).json());
    assert_ne!(crate::auth::id_of_whole(&Secret::new(other)), ids[0]);
}

/// n - s, of the order of P-256 (SP 800-186, section 3.2.1.3).
fn order_less(s: &[u8]) -> Vec<u8> {
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let mut borrow = 0;
    let mut difference: Vec<u8> = (0..32)
        .rev()
        .map(|at| {
            let left = i16::from(u8::from_str_radix(&ORDER[2 * at..2 * at + 2], 16).unwrap()) - borrow;
            let left = left - i16::from(s[at]);
            borrow = i16::from(left < 0);
            u8::try_from(left.rem_euclid(256)).unwrap()
        })
        .collect();
    difference.reverse();
    difference
}

#[tokio::test]
async fn issuer_reaches_the_platform_only_where_the_config_lets_it() {
    let claims = Claims::of(IDP).with("scope", r#""llm:invoke platform:admin platform:*""#);
    let scopes = async |gate: &Jwt, claims| verify_outside(gate, claims).await.unwrap().scopes;
    assert_eq!(scopes(&gate(), &claims).await, Some(Scopes::parse("llm:invoke").unwrap()));
    // What is left of nothing but platform scopes is nothing, and not the defaults of a token without any.
    let alone = Claims::of(IDP).with("scope", r#""platform:admin""#);
    assert_eq!(scopes(&gate(), &alone).await, Some(Scopes::default()));
    let trusted = gate_with(|issuer| issuer.platform_admin = true);
    assert!(scopes(&trusted, &claims).await.unwrap().contains("platform:admin"));
}

#[tokio::test]
async fn issuer_of_one_tenant_speaks_for_no_other_whatever_its_tokens_say() {
    let gate = gate_with(|issuer| issuer.tenant = TenantRule::Fixed("acme".into()));
    let claims = Claims::of(IDP).with("tenant_id", r#""globex""#).with("tenant_slug", r#""globex""#);
    let verified = verify_outside(&gate, &claims).await.unwrap();
    assert_eq!(verified.tenant, NamedTenant { name: "acme".into(), slug: None });
    assert!(verify_outside(&gate, &claims.without("tenant_id")).await.is_ok());
}

#[tokio::test]
async fn session_of_another_system_is_none_of_ours() {
    let claims = Claims::of(IDP).with("sid", r#""s1""#).with("jti", r#""j1""#);
    let verified = verify_outside(&gate(), &claims).await.unwrap();
    assert_eq!((verified.session, verified.id.as_deref()), (None, Some("j1")));
}

#[tokio::test]
async fn required_claims_are_there_with_their_values() {
    let required = |claim: &str, equals: Option<&str>| RequiredClaim {
        claim: ClaimPath::parse(claim).unwrap(),
        equals: equals.map(str::to_owned),
    };
    let refused = async |required: RequiredClaim, value: Option<&str>| {
        let gate = gate_with(|issuer| issuer.required_claims = vec![required]);
        let claims = Claims::of(IDP);
        let claims = value.map_or(claims.clone(), |value| claims.with("x", value));
        verify_outside(&gate, &claims).await.err()
    };
    for value in ["true", "7", r#""anything""#, "[]"] {
        assert_eq!(refused(required("x", None), Some(value)).await, None, "{value}");
    }
    for (wanted, value) in [("true", "true"), ("true", r#""true""#), ("acme", r#"["b","acme"]"#), ("7", "7")] {
        assert_eq!(refused(required("x", Some(wanted)), Some(value)).await, None, "{value}");
    }
    for value in [None, Some("null")] {
        assert_eq!(refused(required("x", None), value).await, Some(TokenError::Required), "{value:?}");
    }
    for value in ["false", r#""True""#, r#"["true "]"#, "[[true]]", "{}", "1"] {
        assert_eq!(refused(required("x", Some("true")), Some(value)).await, Some(TokenError::Required), "{value}");
    }
}

/// An ID token without any sign of being one is told by its type alone.
#[tokio::test]
async fn j08_type_that_the_config_names_is_the_only_one_that_is_accepted() {
    let by = |member: &str| {
        let header = format!(r#"{{"alg":"RS256","kid":"rsa"{member}}}"#);
        Secret::new(by_key(&signers().rsa, &header, Claims::of(IDP).json()))
    };
    let strict = gate_with(|issuer| issuer.typ = Some("at+jwt".into()));
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+JWT"] {
        let token = by(&format!(r#","typ":"{typ}""#));
        assert!(strict.verify(&token, NOW).await.is_ok(), "{typ}");
        assert_eq!(strict.explain(&token, NOW).await.refusals, [], "{typ}");
    }
    for member in ["", r#","typ":"JWT""#, r#","typ":"application/jwt""#] {
        assert!(gate().verify(&by(member), NOW).await.is_ok(), "{member}");
        assert_eq!(strict.verify(&by(member), NOW).await, Err(TokenError::Type), "{member}");
        assert_eq!(strict.explain(&by(member), NOW).await.refusals, [TokenError::Type], "{member}");
    }
    let plain = gate_with(|issuer| issuer.typ = Some("jwt".into()));
    assert!(plain.verify(&by(r#","typ":"JWT""#), NOW).await.is_ok());
    assert_eq!(plain.verify(&by(r#","typ":"at+jwt""#), NOW).await, Err(TokenError::Type));
}

#[tokio::test]
async fn j08_token_of_an_issuer_that_is_not_listed_is_refused_for_its_issuer() {
    let unnamed = Jwt::new(Config { audiences: vec!["wardgate".into()], ..config() });
    let refused = async |header: &str, claims: Claims| {
        unnamed.verify(&Secret::new(by_key(&signers().rsa, header, claims.json())), NOW).await.err()
    };
    assert_eq!(refused(RS256, Claims::of(IDP)).await, Some(TokenError::Issuer));
    assert_eq!(refused(RS256, Claims::of(IDP).without("iss")).await, Some(TokenError::Algorithm));
    assert_eq!(refused(r#"{"alg":"none"}"#, Claims::of(IDP)).await, Some(TokenError::Algorithm));
    // With a secret of ours any name will do where none is configured.
    assert!(unnamed.verify(&Secret::new(by_secret(GOOD_HEADER, Claims::of(IDP).json())), NOW).await.is_ok());
}

#[tokio::test]
async fn explanation_names_every_fault_and_not_only_the_first() {
    let claims = Claims::of(IDP).with("exp", "1").with("aud", r#""other""#).without("sub");
    let token = by_key(&signers().foreign, RS256, claims.json());
    let explained = gate().explain(&Secret::new(token), NOW).await;
    let expected = [TokenError::Signature, TokenError::Expired, TokenError::Audience, TokenError::Claim("sub")];
    assert_eq!(explained.refusals, expected);
    assert_eq!(explained.issuer, Some(TokenIssuer::Outside(IDP.into())));
    assert_eq!(explained.header.as_deref(), Some(RS256));
    assert_eq!(explained.claims, Some(claims.json()));
    let unreadable = gate().explain(&Secret::new("no token"), NOW).await;
    assert_eq!((unreadable.header, unreadable.refusals), (None, vec![TokenError::Malformed]));
}

#[test]
fn every_refusal_has_a_word_of_its_own() {
    let all = [
        TokenError::Malformed,
        TokenError::Algorithm,
        TokenError::Critical,
        TokenError::Type,
        TokenError::Signature,
        TokenError::Claim("sub"),
        TokenError::Required,
        TokenError::Expired,
        TokenError::NotYetValid,
        TokenError::Issuer,
        TokenError::Audience,
        TokenError::UnknownKey,
        TokenError::KeysUnavailable,
    ];
    let words: std::collections::BTreeSet<&str> = all.iter().map(TokenError::reason).collect();
    assert_eq!(words.len(), all.len());
    assert!(words.iter().all(|word| word.starts_with("token_")));
}
