//! Which keys verify what, and which are refused.

use serde_json::Value;

use super::config::{IssuerConfig, KeySource};
use super::jwks::{KeyFault, KeySetError, LeftOut};
use super::keys::KeySet;
use super::pem::PemError;
use super::testing::{Claims, IDP, NOW, SECRET, Signer, by_key, gate_with, jwks, signers};
use super::*;
use crate::principal::PrincipalId;

fn config() -> Config {
    Config { secrets: vec![Secret::new(SECRET)], ..Config::default() }
}

fn u1() -> PrincipalId {
    PrincipalId::parse("u1").unwrap()
}

/// Tokens and keys that Node.js and OpenSSL made.
fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

fn vector(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn tokens_of_other_implementations_verify() {
    let vectors = vectors();
    let keys = KeySet::of_jwks_file(vectors["jwks"].to_string().into_bytes()).unwrap();
    let issuer = IssuerConfig::new(IDP, KeySource::Fixed(keys.into()));
    let gate = Jwt::new(Config { issuers: vec![issuer], ..config() });
    let tokens = vectors["tokens"].as_object().unwrap();
    assert_eq!(tokens.len(), SignatureAlgorithm::ALL.len() + HmacAlgorithm::ALL.len());
    for (algorithm, token) in tokens {
        let verified = gate.verify(&Secret::new(vector(token)), NOW).await;
        assert_eq!(verified.map(|token| token.subject), Ok(u1()), "{algorithm}");
        // The last character but one: the last may carry unused bits.
        let at = vector(token).len() - 2;
        let changed = if &vector(token)[at..=at] == "A" { "B" } else { "A" };
        let spoilt = format!("{}{changed}{}", &vector(token)[..at], &vector(token)[at + 1..]);
        assert_eq!(gate.verify(&Secret::new(spoilt), NOW).await, Err(TokenError::Signature), "{algorithm}");
    }
}

#[tokio::test]
async fn keys_in_pem_verify_whatever_the_token_calls_them() {
    let vectors = vectors();
    for (file, kinds) in [
        ("rsa", "RS256 PS512"),
        ("rsa_pkcs1", "RS384"),
        ("p256", "ES256"),
        ("p384", "ES384"),
        ("p521", "ES512"),
        ("ed", "EdDSA"),
    ] {
        let keys = KeySet::of_pem(vector(&vectors["pem"][file])).unwrap();
        let issuer = IssuerConfig::new(IDP, KeySource::Fixed(keys.into()));
        let gate = Jwt::new(Config { issuers: vec![issuer], ..Config::default() });
        for algorithm in kinds.split(' ') {
            let verified = gate.verify(&Secret::new(vector(&vectors["tokens"][algorithm])), NOW).await;
            assert!(verified.is_ok(), "{file} {algorithm}: {verified:?}");
        }
        let other = if file == "ed" { "ES256" } else { "EdDSA" };
        let refused = gate.verify(&Secret::new(vector(&vectors["tokens"][other])), NOW).await;
        assert_eq!(refused, Err(TokenError::UnknownKey), "{file} has no key for {other}");
    }
}

#[tokio::test]
async fn j07_kid_that_is_no_plain_name_is_refused_where_the_keys_have_no_names() {
    let keys = KeySet::of_pem(&signers().rsa.pem()).unwrap();
    let gate = gate_with(|issuer| issuer.keys = KeySource::Fixed(keys.into()));
    let verified = async |kid: &str| {
        let token = by_key(&signers().rsa, &format!(r#"{{"alg":"RS256","kid":{kid}}}"#), Claims::of(IDP).json());
        gate.verify(&Secret::new(token), NOW).await.map(|token| token.subject)
    };
    assert_eq!(verified(r#""2026-11.a_b:c+d=""#).await, Ok(u1()));
    for wrong in [r#""../../etc/passwd""#, r#""a..b""#, r#""' OR 1=1 --""#, r#""a/b""#, r#""$(id)""#] {
        assert_eq!(verified(wrong).await, Err(TokenError::UnknownKey), "{wrong}");
    }
    for wrong in ["7", "null", "\"\"", r#""a\nb""#] {
        assert_eq!(verified(wrong).await, Err(TokenError::Malformed), "{wrong}");
    }
}

#[tokio::test]
async fn j02_algorithm_that_the_config_leaves_out_is_refused_although_the_key_could() {
    let gate = gate_with(|issuer| issuer.algorithms = vec![SignatureAlgorithm::Rs256]);
    let by = |alg: &str| {
        let header = format!(r#"{{"alg":"{alg}","kid":"rsa"}}"#);
        Secret::new(by_key(&signers().rsa, &header, Claims::of(IDP).json()))
    };
    assert!(gate.verify(&by("RS256"), NOW).await.is_ok());
    assert_eq!(gate.verify(&by("RS512"), NOW).await, Err(TokenError::Algorithm));
    assert_eq!(gate.verify(&by("PS256"), NOW).await, Err(TokenError::Algorithm));
}

/// A key whose JWK names an algorithm is good for that one alone.
#[tokio::test]
async fn j02_algorithm_that_a_jwk_names_is_the_only_one_of_its_key() {
    let mut jwk = signers().rsa.jwk("rsa");
    jwk["alg"] = "PS256".into();
    let keys = KeySet::of_jwks_file(jwks(&[jwk])).unwrap();
    let gate = gate_with(|issuer| issuer.keys = KeySource::Fixed(keys.into()));
    let by = |alg: &str| {
        let header = format!(r#"{{"alg":"{alg}","kid":"rsa"}}"#);
        Secret::new(by_key(&signers().rsa, &header, Claims::of(IDP).json()))
    };
    assert!(gate.verify(&by("PS256"), NOW).await.is_ok());
    assert_eq!(gate.verify(&by("RS256"), NOW).await, Err(TokenError::Algorithm));
}

#[tokio::test]
async fn token_without_a_kid_is_tried_against_four_keys_and_no_more() {
    let verified = async |count: usize| {
        let mut keys: Vec<Value> = (1..count).map(|at| Signer::ed().jwk(&format!("other-{at}"))).collect();
        keys.push(signers().ed.jwk("ed"));
        let keys = KeySet::of_jwks_file(jwks(&keys)).unwrap();
        let gate = gate_with(|issuer| issuer.keys = KeySource::Fixed(keys.into()));
        let token = by_key(&signers().ed, r#"{"alg":"EdDSA"}"#, Claims::of(IDP).json());
        gate.verify(&Secret::new(token), NOW).await.map(|token| token.subject)
    };
    assert_eq!(verified(4).await, Ok(u1()));
    assert_eq!(verified(5).await, Err(TokenError::UnknownKey));
}

#[test]
fn j09_weak_and_private_keys_of_a_file_are_mistakes() {
    let vectors = vectors();
    let fault = |jwk: Value| KeySet::of_jwks_file(jwks(&[signers().rsa.jwk("good"), jwk])).err();
    let at_1 = |fault| Some(KeySetError::Key(LeftOut { index: 1, fault }));
    assert_eq!(fault(vectors["refused"]["short_rsa_jwk"].clone()), at_1(KeyFault::RsaBits(1024)));
    let with = |jwk: Value, name: &str, value: Value| {
        let mut jwk = jwk;
        jwk[name] = value;
        jwk
    };
    let p256 = || signers().p256.jwk("p256");
    assert_eq!(fault(with(p256(), "d", "AA".into())), at_1(KeyFault::Private));
    assert_eq!(fault(serde_json::json!({ "kty": "oct", "k": "c2VjcmV0" })), at_1(KeyFault::Symmetric));
    assert_eq!(fault(with(p256(), "kid", "good".into())), Some(same_kid()));
    assert_eq!(fault(with(p256(), "kid", "".into())), at_1(KeyFault::Kid));
    assert_eq!(fault(with(p256(), "alg", "ES384".into())), at_1(KeyFault::Algorithm));
    assert_eq!(fault(with(p256(), "crv", "P-384".into())), at_1(KeyFault::Malformed));
    assert_eq!(fault(with(p256(), "x", p256()["y"].clone())), at_1(KeyFault::Malformed), "no point of the curve");
    assert_eq!(fault(with(signers().rsa.jwk("b"), "e", "AQ".into())), at_1(KeyFault::Malformed), "1 verifies all");
    // What is not for us is no mistake: it is left out.
    assert_eq!(fault(vectors["refused"]["secp256k1_jwk"].clone()), None);
    assert_eq!(fault(with(p256(), "use", "enc".into())), None);
    assert_eq!(fault(with(p256(), "key_ops", serde_json::json!(["sign"]))), None);
    assert_eq!(fault(with(p256(), "key_ops", serde_json::json!(["verify"]))), None);
}

#[test]
fn key_for_another_use_verifies_nothing() {
    let alone = |name: &str, value: Value| {
        let mut jwk = signers().p256.jwk("k");
        jwk[name] = value;
        KeySet::of_jwks_file(jwks(&[jwk])).err()
    };
    assert_eq!(alone("use", "sig".into()), None);
    assert_eq!(alone("key_ops", serde_json::json!(["sign", "verify"])), None);
    assert_eq!(alone("use", "enc".into()), Some(KeySetError::Empty));
    assert_eq!(alone("use", Value::Null), Some(KeySetError::Empty));
    assert_eq!(alone("key_ops", serde_json::json!(["sign"])), Some(KeySetError::Empty));
    assert_eq!(alone("key_ops", "verify".into()), Some(KeySetError::Empty), "no list");
    assert_eq!(alone("alg", "ECDH-ES".into()), Some(KeySetError::Empty));
}

/// Both keys of a `kid` are left out, and the first of them is told.
fn same_kid() -> KeySetError {
    KeySetError::Key(LeftOut { index: 0, fault: KeyFault::SameKid })
}

#[test]
fn set_that_is_none_or_holds_too_much_is_refused() {
    let refused = |text: &str| KeySet::of_jwks_file(text.as_bytes().to_vec()).err();
    for wrong in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
        assert_eq!(refused(wrong), Some(KeySetError::Malformed), "{wrong}");
    }
    assert_eq!(refused(r#"{"keys":[]}"#), Some(KeySetError::Empty));
    let many: Vec<Value> = (0..101).map(|at| signers().ed.jwk(&at.to_string())).collect();
    assert_eq!(KeySet::of_jwks_file(jwks(&many)).err(), Some(KeySetError::TooMany));
    assert!(KeySet::of_jwks_file(jwks(&many[..100])).is_ok());
}

#[test]
fn j09_pem_that_is_no_good_public_key_is_refused() {
    let vectors = vectors();
    let refused = |pem: &str| KeySet::of_pem(pem).err();
    assert_eq!(refused(vector(&vectors["refused"]["short_rsa_pem"])), Some(PemError::Key(KeyFault::RsaBits(1024))));
    assert_eq!(refused(vector(&vectors["refused"]["secp256k1_pem"])), Some(PemError::UnknownType));
    assert_eq!(refused(vector(&vectors["refused"]["ed448_pem"])), Some(PemError::UnknownType));
    for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
        let pem = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        assert_eq!(refused(&pem), Some(PemError::Private), "{label}");
        let beside = format!("{}{pem}", vector(&vectors["pem"]["rsa"]));
        assert_eq!(refused(&beside), Some(PemError::Private), "{label} beside a public key");
    }
    let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(refused(certificate), Some(PemError::Certificate));
    assert_eq!(refused(SECRET), Some(PemError::NoKey), "a secret is no PEM");
    assert_eq!(refused("-----BEGIN PUBLIC KEY-----\nAAAA"), Some(PemError::Malformed));
    let two = format!("{}{}", vector(&vectors["pem"]["rsa"]), vector(&vectors["pem"]["ed"]));
    assert_eq!(refused(&two), None);
}
