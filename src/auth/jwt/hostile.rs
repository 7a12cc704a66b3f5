//! Hostile tokens: each was believed by some library once, or is what RFC 8725 warns of.
//!
//! A row is a name, the token, and the exact reason for which it is refused. Wherever it can be, the signature of a row is
//! good, so that the check it is about is the only one left.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::testing::{
    Claims, IDP, NOW, OWN, SECRET, Signer, Signers, by_key, by_secret, gate, hmac_of, joined, message, signers,
};
use super::{HmacAlgorithm, TokenError};
use crate::secret::Secret;

mod claims;
mod form;
mod headers;
mod signatures;

/// Name, token, and why it is refused.
type Row = (String, Vec<u8>, TokenError);

const HS256: &str = r#"{"alg":"HS256"}"#;
const RS256: &str = r#"{"alg":"RS256","kid":"rsa"}"#;

fn row(name: impl Into<String>, token: impl Into<Vec<u8>>, reason: TokenError) -> Row {
    (name.into(), token.into(), reason)
}

fn own() -> Claims {
    Claims::of(OWN)
}

fn outside() -> Claims {
    Claims::of(IDP)
}

/// A good signature over whatever the claims are, by us and by an issuer.
fn both(name: &str, change: impl Fn(Claims) -> Claims, reason: TokenError) -> [Row; 2] {
    [
        row(format!("own: {name}"), by_secret(HS256, change(own()).json()), reason),
        row(format!("outside: {name}"), by_key(&signers().rsa, RS256, change(outside()).json()), reason),
    ]
}

fn rows() -> Vec<Row> {
    [signatures::rows(), form::rows(), headers::rows(), claims::rows()].concat()
}

/// Each row is refused, and for its own reason.
async fn assert_refused(rows: &[Row]) {
    let gate = gate();
    let mut wrong = Vec::new();
    for (name, token, reason) in rows {
        let found = gate.verify(&Secret::new(token.as_slice()), NOW).await.map(|token| token.subject);
        if found.as_ref().err() != Some(reason) {
            wrong.push(format!("{name}: {found:?} in place of {reason:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[tokio::test]
async fn every_hostile_token_is_refused_for_its_own_reason() {
    let rows = rows();
    assert!(rows.len() >= 90, "{} rows", rows.len());
    assert_refused(&rows).await;
    let mut names: Vec<&String> = rows.iter().map(|(name, ..)| name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), rows.len(), "each row has a name of its own");
}

#[tokio::test]
async fn j01_no_algorithm_no_signature_and_no_secret_are_refused() {
    assert_refused(&[signatures::no_algorithm(), signatures::spoilt_mac(), signatures::spoilt_signature()].concat())
        .await;
}

#[tokio::test]
async fn j02_key_is_good_for_its_own_type_and_never_for_a_mac() {
    let rows = [signatures::public_key_as_secret(), signatures::other_algorithm(), signatures::other_type()];
    assert_refused(&rows.concat()).await;
}

#[tokio::test]
async fn j03_key_that_a_token_brings_is_no_key() {
    assert_refused(&signatures::brought_key()).await;
}

#[tokio::test]
async fn j04_header_that_asks_for_more_than_is_understood_is_refused() {
    assert_refused(&headers::asks()).await;
}

#[tokio::test]
async fn j05_times_that_are_no_dates_are_refused() {
    assert_refused(&claims::times()).await;
}

#[tokio::test]
async fn j06_name_that_comes_twice_is_refused() {
    assert_refused(&form::json()).await;
}

#[tokio::test]
async fn j07_kid_that_names_no_key_of_the_set_is_refused() {
    assert_refused(&headers::names_of_keys()).await;
}

#[tokio::test]
async fn j08_issuer_and_audience_are_exact_and_other_tokens_are_no_access_tokens() {
    let rows = [claims::issuers(), claims::audiences(), claims::other_kinds(), headers::types()];
    assert_refused(&rows.concat()).await;
}

#[tokio::test]
async fn j11_token_that_is_too_large_or_too_deep_is_refused_before_it_is_believed() {
    assert_refused(&form::depths()).await;
}

#[tokio::test]
async fn s21_subject_that_no_header_could_hold_is_refused() {
    assert_refused(&claims::subjects()).await;
}

/// `verify` and `explain` go through the same checks by two ways: this holds them together.
#[tokio::test]
async fn every_hostile_token_is_explained_by_the_reason_it_is_refused_for() {
    let gate = gate();
    for (name, token, reason) in rows() {
        let explained = gate.explain(&Secret::new(token), NOW).await;
        assert!(explained.refusals.contains(&reason), "{name}: {:?}", explained.refusals);
    }
}

/// Beside each family of rows: the same with nothing wrong is accepted, so that the rows are refused for what they are.
#[tokio::test]
async fn good_tokens_of_every_family_are_accepted() {
    let gate = gate();
    let mut good = form::good();
    good.extend(headers::good());
    good.extend(claims::good());
    good.extend(signatures::good());
    for (name, token) in good {
        let token = Secret::new(token);
        let verified = gate.verify(&token, NOW).await;
        assert!(verified.is_ok(), "{name}: {verified:?}");
        assert_eq!(gate.explain(&token, NOW).await.refusals, [], "{name}");
    }
}
