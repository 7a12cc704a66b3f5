//! Identity providers whose keys change, whose answers are bad, and who speak for nobody but themselves.

use futures_util::future::join_all;

use crate::support::*;

/// A gate that takes the tokens of these issuers, each with more of its keys in YAML's flow style.
async fn gate_of(issuers: &[(&Idp, &str)]) -> (Gate, wardgate::cli::mock::Provider) {
    let primary = provider("primary").await;
    let issuer = |(idp, more): &(&Idp, &str)| format!("{{ issuer: '{}', audiences: [wardgate], {more} }}", idp.url());
    let issuers: Vec<String> = issuers.iter().map(issuer).collect();
    let config = format!("auth: {{ jwt: {{ issuers: [{}] }} }}", issuers.join(", "));
    let gate = gate().upstream(&primary).tenant("acme").tenant("globex").config(&config).start().await;
    (gate, primary)
}

async fn sent(gate: &Gate, token: &str) -> Reply {
    gate.chat("Hi").bearer(token).send().await
}

async fn is_let_in(gate: &Gate, token: &str) {
    let reply = sent(gate, token).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// Refused with this status and code, and for this reason, which the log alone learns.
async fn is_refused(gate: &Gate, token: &str, status: u16, code: &str, reason: &str) {
    let reply = sent(gate, token).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (status, code), "{}", reply.text());
    eventually("its line in the log", async || gate.log.requests().iter().any(|line| line["auth"] == reason)).await;
}

#[tokio::test]
async fn s04_token_cached_for_one_issuer_is_not_good_for_another() {
    // Both call their keys alike, as two realms of one product do.
    let (key_of_a, key_of_b) = (IdpKey::new("1"), IdpKey::new("1"));
    let (a, b) = (Idp::start(&[&key_of_a]).await, Idp::start(&[&key_of_b]).await);
    let (gate, primary) = gate_of(&[(&a, ""), (&b, "tenant: globex, typ: at+jwt")]).await;
    let of_a = a.token(&key_of_a, "one");
    for _ in 0..2 {
        is_let_in(&gate, &of_a).await;
    }
    let mut claims = claims_of(&of_a);
    claims["iss"] = b.url().into();
    let forged = key_of_a.sign(&claims);
    for _ in 0..2 {
        is_refused(&gate, &forged, 401, "invalid_token", "token_signature").await;
    }
    assert_eq!(primary.requests().len(), 2, "no upstream saw the forged one");
    is_let_in(&gate, &key_of_b.sign(&claims)).await;
    is_let_in(&gate, &of_a).await;
    let tenants: Vec<_> =
        primary.requests().iter().map(|told| told.header("x-tenant-slug").map(String::from)).collect();
    assert_eq!(tenants.iter().map(Option::as_deref).collect::<Vec<_>>(), ["acme", "acme", "globex", "acme"].map(Some));
}

#[tokio::test]
async fn j12_new_key_works_at_its_first_use_and_a_retired_one_is_refused_although_its_token_is_cached() {
    let (old, new) = (IdpKey::new("old"), IdpKey::new("new"));
    let idp = Idp::start(&[&old]).await;
    let (gate, primary) = gate_of(&[(&idp, "")]).await;
    let of_old = idp.token(&old, "one");
    is_let_in(&gate, &of_old).await;
    is_let_in(&gate, &of_old).await;
    idp.hands_out(&[&new]);
    is_let_in(&gate, &idp.token(&new, "two")).await;
    assert_eq!(idp.asked(), 2, "once at the start, and once for the new key");
    is_refused(&gate, &of_old, 401, "invalid_token", "token_unknown_key").await;
    assert_eq!(primary.requests().len(), 3);
}

#[tokio::test]
async fn j13_flood_of_unknown_keys_costs_the_issuer_one_fetch_and_the_known_key_stays() {
    let known = IdpKey::new("known");
    let idp = Idp::start(&[&known]).await;
    let (gate, primary) = gate_of(&[(&idp, "")]).await;
    is_let_in(&gate, &idp.token(&known, "one")).await;
    let tokens: Vec<String> = (0..200).map(|at| idp.token(&IdpKey::new(&format!("random-{at}")), "x")).collect();
    let replies = join_all(tokens.iter().map(|token| sent(&gate, token))).await;
    assert!(replies.iter().all(|reply| reply.status == 401 && reply.code() == "invalid_token"));
    assert_eq!(idp.asked(), 2, "once at the start, and once for all of them");
    is_let_in(&gate, &idp.token(&known, "two")).await;
    assert_eq!(primary.requests().len(), 2);
}

#[tokio::test]
async fn r33_keys_outlive_an_issuer_that_is_down_up_to_the_limit_and_no_longer() {
    let known = IdpKey::new("known");
    let idp = Idp::start(&[&known]).await;
    let (gate, primary) = gate_of(&[(&idp, "refresh: 2s, stale_limit: 4s")]).await;
    let token = idp.token(&known, "one");
    is_let_in(&gate, &token).await;
    idp.answers("500 Internal Server Error", "");
    // A fetch that fails, and nobody can say whether the issuer has that key.
    let stranger = idp.token(&IdpKey::new("unknown"), "x");
    is_refused(&gate, &stranger, 503, "store_unavailable", "token_keys_unavailable").await;
    assert!(idp.asked() >= 2, "it was asked");
    is_let_in(&gate, &token).await;
    is_let_in(&gate, &idp.token(&known, "two")).await;
    let served = primary.requests().len();
    eventually("the limit", async || sent(&gate, &token).await.status != 200).await;
    assert!(idp.asked() > 2, "it was asked in vain again");
    let after = primary.requests().len();
    assert!(after > served, "the cached token went on through these");
    is_refused(&gate, &token, 503, "store_unavailable", "token_keys_unavailable").await;
    is_refused(&gate, &idp.token(&known, "three"), 503, "store_unavailable", "token_keys_unavailable").await;
    assert_eq!(primary.requests().len(), after);
}

#[tokio::test]
async fn s22_one_bad_answer_after_a_good_one_leaves_the_keys_in_place() {
    let stranger = IdpKey::new("unknown");
    let large = format!(r#"{{"keys":[],"padding":"{}"}}"#, "x".repeat(10 << 20));
    for (status, body) in [
        ("500 Internal Server Error", ""),
        ("200 OK", ""),
        ("200 OK", "<!doctype html><title>Sign in</title>"),
        ("200 OK", r#"{"keys":[]}"#),
        ("200 OK", r#"{"keys":[{"kty":"oct","kid":"unknown","k":"AAAA"}]}"#),
        ("200 OK", &large),
    ] {
        let known = IdpKey::new("known");
        let idp = Idp::start(&[&known]).await;
        let (gate, primary) = gate_of(&[(&idp, "")]).await;
        let cached = idp.token(&known, "one");
        is_let_in(&gate, &cached).await;
        idp.answers(status, body);
        let unknown = idp.token(&stranger, "x");
        is_refused(&gate, &unknown, 503, "store_unavailable", "token_keys_unavailable").await;
        assert!(idp.asked() >= 2, "{status}: it was asked");
        is_let_in(&gate, &cached).await;
        is_let_in(&gate, &idp.token(&known, "two")).await;
        assert_eq!(primary.requests().len(), 3, "{status}");
    }
}
