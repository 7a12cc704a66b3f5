//! What is said of issuers that cannot be used.

use std::time::Duration;

use super::*;
use crate::auth::jwt::SignatureAlgorithm;
use crate::auth::jwt::config::{KeySource, TenantRule};

const SET: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

/// A config with these issuers, in YAML's flow style.
fn with(issuers: &str) -> String {
    format!("{UPSTREAM}auth: {{ jwt: {{ issuer: ours, audiences: [gate], issuers: [{issuers}] }} }}\n")
}

/// Whether the only mistake is this one, at this key.
fn is_refused(issuer: &str, key: &str, message: &str) {
    let found = mistakes(&with(issuer));
    assert_eq!(found.len(), 1, "{issuer}: {found:?}");
    assert!(found[0].contains(key) && found[0].contains(message) && found[0].contains("line 2"), "{found:?}");
}

#[test]
fn issuer_takes_over_what_it_does_not_say() {
    let text = format!(
        "{UPSTREAM}auth: {{ jwt: {{ audiences: [gate], leeway: 5s, require_expiry: false, issuers: [{{ issuer: 'https://a' }}, {{ issuer: 'https://b', jwks_url: 'https://b/keys', audiences: [b], leeway: 7s, require_expiry: true, algorithms: [ES512, EdDSA], tenant: acme, platform_admin: true, typ: Application/AT+jwt, refresh: 1m, stale_limit: 1h }}] }} }}\n"
    );
    let (config, warnings) = read(&text, &[], Vec::new()).unwrap();
    assert!(warnings.is_empty());
    let [a, b] = config.auth.jwt.issuers.as_slice() else { panic!("two issuers") };
    assert_eq!(
        (a.audiences.as_slice(), a.leeway, a.require_expiry),
        (["gate".to_owned()].as_slice(), Duration::from_secs(5), false)
    );
    assert!(matches!(a.keys, KeySource::Discovery { ca: None }) && !a.platform_admin);
    assert_eq!(a.algorithms, SignatureAlgorithm::ALL);
    assert_eq!((a.freshness.refresh.as_secs(), a.freshness.stale_limit.as_secs()), (600, 86_400));
    assert_eq!(
        (b.audiences.as_slice(), b.leeway, b.require_expiry),
        (["b".to_owned()].as_slice(), Duration::from_secs(7), true)
    );
    assert!(matches!(&b.keys, KeySource::Url { jwks, .. } if jwks == "https://b/keys") && b.platform_admin);
    assert_eq!(b.algorithms, [SignatureAlgorithm::Es512, SignatureAlgorithm::EdDsa]);
    assert!(matches!(&b.tenant, TenantRule::Fixed(tenant) if tenant == "acme"));
    assert_eq!((a.typ.as_deref(), b.typ.as_deref()), (None, Some("at+jwt")));
    assert_eq!((b.freshness.refresh.as_secs(), b.freshness.stale_limit.as_secs()), (60, 3600));
}

#[test]
fn issuer_without_an_audience_is_warned_of() {
    let text = format!("{UPSTREAM}auth: {{ jwt: {{ issuers: [{{ issuer: 'https://a' }}] }} }}\n");
    let (_, warnings) = read(&text, &[], Vec::new()).unwrap();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].to_string().contains("without audiences"), "{}", warnings[0]);
}

#[test]
fn issuer_of_one_tenant_whose_id_tokens_could_pass_is_warned_of() {
    let warned = |more: &str| {
        let (_, warnings) = read(&with(&format!("{{ issuer: 'https://a', {more} }}")), &[], Vec::new()).unwrap();
        warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let found = warned("tenant: acme");
    assert!(found.len() == 1 && found[0].contains("issuers[0].tenant") && found[0].contains("ID token"), "{found:?}");
    assert_eq!(warned("tenant: acme, typ: at+jwt"), Vec::<String>::new());
    assert_eq!(warned("tenant: acme, required_claims: [{ claim: client_id }]"), Vec::<String>::new());
    assert_eq!(warned("claims: { tenant: org }"), Vec::<String>::new());
}

/// Whether the only mistake in `auth.jwt` is this one, at this key.
fn is_refused_of_ours(more: &str, key: &str, message: &str) {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret");
    std::fs::write(&secret, "0123456789abcdef0123456789abcdef").unwrap();
    let secrets = format!("secrets: [{{ file: '{}' }}]", secret.display());
    let found = mistakes(&format!("{UPSTREAM}auth: {{ jwt: {{ {secrets}, {more} }} }}\n"));
    assert_eq!(found.len(), 1, "{more}: {found:?}");
    assert!(found[0].contains(key) && found[0].contains(message) && found[0].contains("line 2"), "{found:?}");
}

#[test]
fn j10_leeway_over_60_s_is_a_mistake() {
    is_refused_of_ours("leeway: 61s", "auth.jwt.leeway", "60s");
    is_refused("{ issuer: 'https://a', leeway: 61s }", "issuers[0].leeway", "60s");
    for leeway in ["60s", "1m"] {
        let text = with(&format!("{{ issuer: 'https://a', leeway: {leeway} }}"));
        assert!(mistakes(&text).is_empty(), "{leeway}");
        assert!(mistakes(&format!("{UPSTREAM}auth: {{ jwt: {{ leeway: {leeway} }} }}\n")).is_empty(), "{leeway}");
    }
}

#[test]
fn mistakes_in_our_own_tokens_are_told_with_their_place() {
    is_refused_of_ours("algorithms: []", "auth.jwt.algorithms", "no token");
    is_refused_of_ours("algorithms: [RS256]", "auth.jwt.algorithms[0]", "HS256");
    for taken in ["sub", "iss", "aud", "exp", "nbf", "iat", "jti", "sid", "typ"] {
        is_refused_of_ours(&format!("claims: {{ tenant: {taken} }}"), "auth.jwt.claims.tenant", "something else");
        is_refused_of_ours(&format!("claims: {{ scopes: {taken} }}"), "auth.jwt.claims.scopes", "something else");
    }
    is_refused_of_ours("claims: { tenant: org, scopes: org }", "auth.jwt.claims.tenant", "both");
    is_refused_of_ours("claims: { tenant: scope }", "auth.jwt.claims.tenant", "both");
    is_refused_of_ours("claims: { scopes: tenant_id }", "auth.jwt.claims.scopes", "both");
    assert!(mistakes(&format!("{UPSTREAM}auth: {{ jwt: {{ algorithms: [] }} }}\n")).is_empty(), "nothing is signed");
}

#[test]
fn mistakes_in_an_issuer_are_told_with_their_place_and_the_mend() {
    is_refused("{ issuer: ours, jwks_url: 'https://a' }", "issuers[0].issuer", "our own tokens");
    is_refused("{ issuer: '', jwks_url: 'https://a' }", "issuers[0].issuer", "the exact `iss`");
    is_refused("{ issuer: 'https://a' }, { issuer: 'https://a' }", "issuers[1].issuer", "another issuer");
    is_refused("{ issuer: 'http://a' }", "issuers[0].issuer", "https URL");
    is_refused("{ issuer: corp }", "issuers[0].issuer", "jwks_url, jwks_file or pem");
    is_refused("{ issuer: a, jwks_url: 'http://a/keys' }", "issuers[0].jwks_url", "https URL");
    is_refused("{ issuer: 'https://a', jwks_url: 'https://a', pem: x }", "issuers[0]", "one of jwks_url");
    is_refused("{ issuer: a, jwks_file: /nowhere }", "issuers[0].jwks_file", "cannot be read");
    is_refused("{ issuer: a, pem: /nowhere }", "issuers[0].pem", "cannot be read");
    is_refused("{ issuer: 'https://a', ca: /nowhere }", "issuers[0].ca", "");
    is_refused("{ issuer: 'https://a', algorithms: [] }", "issuers[0].algorithms", "empty list");
    is_refused("{ issuer: 'https://a', algorithms: [HS256] }", "issuers[0].algorithms[0]", "RS256");
    is_refused("{ issuer: 'https://a', typ: id+jwt }", "issuers[0].typ", "at+jwt or JWT");
    is_refused("{ issuer: 'https://a', refresh: 0s }", "issuers[0].refresh", "once a second");
    is_refused("{ issuer: 'https://a', stale_limit: 1m }", "issuers[0].stale_limit", "shorter");
    is_refused("{ issuer: 'https://a', tenant: 'No Slug' }", "issuers[0].tenant", "neither");
    is_refused("{ issuer: 'https://a', tenant: acme, claims: { tenant: org } }", "issuers[0].tenant", "exclude");
    is_refused("{ issuer: 'https://a', claims: { scopes: '/a~b' } }", "issuers[0].claims.scopes", "JSON Pointer");
    is_refused("{ issuer: 'https://a', required_claims: [{ claim: '' }] }", "required_claims[0].claim", "a name");
    is_refused("{ issuer: 'https://a', jwks: 'https://a' }", "issuers[0]", "jwks");
}

#[test]
fn j09_key_file_that_is_no_good_public_key_is_refused_when_the_config_loads() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys");
    let vectors: serde_json::Value = serde_json::from_str(include_str!("../../auth/jwt/vectors.json")).unwrap();
    let refused = |key: &str, content: &str, message: &str| {
        std::fs::write(&path, content).unwrap();
        is_refused(&format!("{{ issuer: a, {key}: '{}' }}", path.display()), key, message);
    };
    let short = &vectors["refused"]["short_rsa_pem"];
    refused("pem", short.as_str().unwrap(), "RSA key of 1024 bits");
    refused("pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "private key");
    refused("pem", "0123456789abcdef0123456789abcdef", "no PEM block named PUBLIC KEY");
    let set = |key: &str| format!(r#"{{"keys":[{key}]}}"#);
    refused("jwks_file", &set(&vectors["refused"]["short_rsa_jwk"].to_string()), "RSA key of 1024 bits");
    refused("jwks_file", &set(r#"{"kty":"oct","k":"c2VjcmV0"}"#), "shared secret");
    refused("jwks_file", &SET.replace(r#""x""#, r#""d":"AA","x""#), "private key");
    refused("jwks_file", &set(r#"{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}"#), "malformed");
    refused("jwks_file", &set(""), "no key");
    std::fs::write(&path, SET).unwrap();
    assert!(mistakes(&with(&format!("{{ issuer: a, jwks_file: '{}' }}", path.display()))).is_empty());
    is_refused(&format!("{{ issuer: a, jwks_file: '{0}', ca: '{0}' }}", path.display()), "ca", "");
}
