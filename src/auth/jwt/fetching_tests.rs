//! How keys are had from an issuer that answers well, badly, or not at all.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::config::{Freshness, IssuerConfig, KeySource};
use super::keys::KeySet;
use super::testing::{Claims, Signer, by_key, jwks};
use super::*;

/// An issuer on this host, that answers by a script and counts what it is asked.
#[derive(Clone)]
struct Idp {
    address: SocketAddr,
    script: Arc<Mutex<Answer>>,
    asked: Arc<AtomicUsize>,
}

#[derive(Clone)]
enum Answer {
    /// To every path.
    Bytes(Vec<u8>),
    /// At `/.well-known/openid-configuration`, and elsewhere.
    Discovery(Vec<u8>, Vec<u8>),
    Silence,
    /// The bytes, once they are let go.
    Held(Arc<tokio::sync::Semaphore>, Vec<u8>),
    Nothing,
}

fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    [format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn status(line: &str) -> Vec<u8> {
    format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

impl Idp {
    async fn start(keys: &[Value]) -> Idp {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let script = Arc::new(Mutex::new(Answer::Bytes(ok(jwks(keys)))));
        let idp = Idp { address: listener.local_addr().unwrap(), script, asked: Arc::default() };
        let serving = idp.clone();
        tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                tokio::spawn(serving.clone().answer(connection));
            }
        });
        idp
    }

    async fn answer(self, mut connection: TcpStream) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(connection.read_u8().await.unwrap());
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        let script = self.script.lock().unwrap().clone();
        let answer = match script {
            Answer::Bytes(bytes) => bytes,
            Answer::Discovery(document, _) if request.starts_with(b"GET /.well-known/openid-configuration ") => {
                document
            }
            Answer::Discovery(_, keys) => keys,
            Answer::Silence => return std::future::pending().await,
            Answer::Held(gate, bytes) => {
                gate.acquire().await.unwrap().forget();
                bytes
            }
            Answer::Nothing => return,
        };
        // A client that has read enough hangs up.
        drop(connection.write_all(&answer).await);
    }

    fn says(&self, answer: Answer) {
        *self.script.lock().unwrap() = answer;
    }

    fn has(&self, keys: &[Value]) {
        self.says(Answer::Bytes(ok(jwks(keys))));
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn jwks(&self) -> KeySource {
        KeySource::Url { jwks: format!("{}/jwks", self.url()).parse().unwrap(), ca: None }
    }

    /// A gate that fetches its keys, and may ask for unknown ones as the issuer's config has it.
    fn gate(&self, keys: KeySource, change: impl FnOnce(&mut Freshness)) -> Arc<Jwt> {
        let mut issuer = IssuerConfig::new(&self.url(), keys);
        issuer.audiences = vec!["wardgate".to_owned()];
        change(&mut issuer.freshness);
        let gate = Arc::new(Jwt::new(Config { issuers: vec![issuer], ..Config::default() }));
        let refreshing = gate.clone();
        tokio::spawn(async move { refreshing.refresh().await });
        gate
    }

    fn token(&self, signer: &Signer, kid: &str) -> Secret {
        let claims = Claims::of(&self.url()).with("exp", &(Timestamp::now().0 + 30 * 86_400).to_string());
        Secret::new(by_key(signer, &format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#), claims.json()))
    }
}

async fn verify(gate: &Jwt, token: &Secret) -> Result<(), TokenError> {
    gate.verify(token, Timestamp::now()).await.map(drop)
}

/// Comes back once it holds; a test that waits for what never comes fails.
async fn until(holds: impl AsyncFn() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("what is waited for comes");
}

#[tokio::test]
async fn j12_new_kid_works_at_its_first_use_and_a_retired_one_fails_once_it_has_left_the_set() {
    let (old, new) = (Signer::ed(), Signer::ed());
    let idp = Idp::start(&[old.jwk("old")]).await;
    let gate = idp.gate(idp.jwks(), |_| {});
    let of_old = idp.token(&old, "old");
    let verified = gate.verify(&of_old, Timestamp::now()).await.unwrap();
    assert_eq!(gate.still_holds(&verified, Timestamp::now()), Ok(()));
    idp.has(&[new.jwk("new")]);
    assert_eq!(verify(&gate, &idp.token(&new, "new")).await, Ok(()));
    assert_eq!(idp.asked(), 2, "once at the start, and once for the new key");
    assert_eq!(verify(&gate, &of_old).await, Err(TokenError::UnknownKey));
    assert_eq!(gate.still_holds(&verified, Timestamp::now()), Err(TokenError::UnknownKey), "a cached token ends too");
    assert_eq!(idp.asked(), 2);
}

/// A key is another one when its numbers are, whatever it is called.
#[tokio::test]
async fn j12_cached_token_ends_when_its_kid_gets_another_key() {
    let (old, new) = (Signer::ed(), Signer::ed());
    let idp = Idp::start(&[old.jwk("k")]).await;
    let gate = idp.gate(idp.jwks(), |_| {});
    let verified = gate.verify(&idp.token(&old, "k"), Timestamp::now()).await.unwrap();
    idp.has(&[new.jwk("k")]);
    // Whatever makes the gate ask.
    assert_eq!(verify(&gate, &idp.token(&old, "unknown")).await, Err(TokenError::UnknownKey));
    assert_eq!(gate.still_holds(&verified, Timestamp::now()), Err(TokenError::UnknownKey));
    assert_eq!(verify(&gate, &idp.token(&old, "k")).await, Err(TokenError::Signature));
    assert_eq!(verify(&gate, &idp.token(&new, "k")).await, Ok(()));
}

#[tokio::test]
async fn j13_flood_of_unknown_kids_costs_one_fetch_and_evicts_no_known_key() {
    let (known, stranger) = (Signer::ed(), Signer::ed());
    let idp = Idp::start(&[known.jwk("known")]).await;
    let gate = idp.gate(idp.jwks(), |_| {});
    assert_eq!(verify(&gate, &idp.token(&known, "known")).await, Ok(()));
    let tokens: Vec<Secret> = (0..5000).map(|at| idp.token(&stranger, &format!("random-{at}"))).collect();
    let answers = join_all(tokens.iter().map(|token| verify(&gate, token))).await;
    assert!(answers.iter().all(|answer| *answer == Err(TokenError::UnknownKey)));
    assert_eq!(idp.asked(), 2, "once at the start, and once for all of them");
    assert_eq!(verify(&gate, &idp.token(&known, "known")).await, Ok(()));
}

#[tokio::test]
async fn j13_unknown_kids_are_asked_for_again_after_the_interval() {
    let (known, stranger) = (Signer::ed(), Signer::ed());
    let idp = Idp::start(&[known.jwk("known")]).await;
    let gate = idp.gate(idp.jwks(), |freshness| freshness.refetch_interval = Duration::ZERO);
    for at in 1..=3 {
        assert_eq!(verify(&gate, &idp.token(&stranger, "unknown")).await, Err(TokenError::UnknownKey));
        assert!(idp.asked() > at, "{}", idp.asked());
    }
}

#[tokio::test]
async fn keys_are_fetched_in_the_background() {
    let (old, new) = (Signer::ed(), Signer::ed());
    let idp = Idp::start(&[old.jwk("old")]).await;
    let gate = idp.gate(idp.jwks(), |freshness| {
        freshness.refresh = Duration::from_millis(10);
        freshness.refetch_interval = Duration::from_secs(3600);
    });
    let verified = gate.verify(&idp.token(&old, "old"), Timestamp::now()).await.unwrap();
    idp.has(&[new.jwk("new")]);
    // No token asks: the cached one ends by what the gate hears of itself.
    until(async || gate.still_holds(&verified, Timestamp::now()).is_err()).await;
    assert_eq!(verify(&gate, &idp.token(&new, "new")).await, Ok(()));
}

/// Promise S22: whatever the issuer answers, the gate goes on with the keys that it has.
#[tokio::test]
async fn s22_bad_key_sets_leave_the_old_keys_in_place() {
    let known = Signer::ed();
    let elsewhere = Idp::start(&[Signer::ed().jwk("unknown")]).await;
    let redirect =
        format!("HTTP/1.1 302 Found\r\nlocation: {}/jwks\r\ncontent-length: 0\r\n\r\n", elsewhere.url()).into_bytes();
    let good = String::from_utf8(jwks(&[known.jwk("known")])).unwrap();
    let under = |line: &str| {
        let whole = String::from_utf8(ok(&good)).unwrap();
        whole.replace("200 OK", line).into_bytes()
    };
    let many: Vec<Value> = (0..101).map(|at| known.jwk(&format!("{at}"))).collect();
    let padded = format!("{}{}", good, " ".repeat(10 << 20));
    let chunked =
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{padded}\r\n0\r\n\r\n", padded.len());
    let bad: Vec<(&str, Answer)> = vec![
        ("500 with a good set", Answer::Bytes(under("500 Internal Server Error"))),
        ("201 with a good set", Answer::Bytes(under("201 Created"))),
        ("404", Answer::Bytes(status("404 Not Found"))),
        ("204", Answer::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())),
        ("a redirect", Answer::Bytes(redirect)),
        ("nothing", Answer::Bytes(ok(""))),
        ("an empty set", Answer::Bytes(ok(r#"{"keys":[]}"#))),
        ("no keys", Answer::Bytes(ok("{}"))),
        ("HTML", Answer::Bytes(ok("<!doctype html><title>Sign in</title>"))),
        ("null", Answer::Bytes(ok("null"))),
        ("keys twice", Answer::Bytes(ok(good.replacen('{', r#"{"keys":[],"#, 1)))),
        ("10 MB", Answer::Bytes(ok(&padded))),
        ("10 MB in chunks", Answer::Bytes(chunked.into_bytes())),
        ("deeply nested", Answer::Bytes(ok("[".repeat(100_000)))),
        (
            "deeply nested within a key",
            Answer::Bytes(ok(format!(r#"{{"keys":[{{"x":{}1{}}}]}}"#, "[".repeat(1000), "]".repeat(1000)))),
        ),
        ("101 keys", Answer::Bytes(ok(jwks(&many)))),
        (
            "only keys of other kinds",
            Answer::Bytes(ok(r#"{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"EC","crv":"X"}]}"#)),
        ),
        ("half of it", Answer::Bytes(ok(&good)[..100].to_vec())),
        ("a closed connection", Answer::Nothing),
        ("no HTTP", Answer::Bytes(b"\x16\x03\x01\x02\x00\x01\x00\x01".to_vec())),
        ("silence", Answer::Silence),
    ];
    for (name, answer) in bad {
        let idp = Idp::start(&[known.jwk("known")]).await;
        let gate = idp.gate(idp.jwks(), |freshness| freshness.fetch_timeout = Duration::from_secs(2));
        let token = idp.token(&known, "known");
        assert_eq!(verify(&gate, &token).await, Ok(()), "{name}");
        idp.says(answer);
        // Whether the issuer has the key could not be told.
        let unknown = verify(&gate, &idp.token(&Signer::ed(), "unknown")).await;
        assert_eq!(unknown, Err(TokenError::KeysUnavailable), "{name}");
        assert_eq!(idp.asked(), 2, "{name}");
        assert_eq!(verify(&gate, &token).await, Ok(()), "{name}: the old key stays");
    }
    assert_eq!(elsewhere.asked(), 0, "no redirect is followed");
}

#[tokio::test]
async fn s22_dangerous_keys_are_left_out_of_a_fetched_set_and_the_others_serve() {
    let known = Signer::ed();
    let short: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let mut private = Signer::ed().jwk("private");
    private["d"] = "AAAA".into();
    let keys = [
        known.jwk("known"),
        short["refused"]["short_rsa_jwk"].clone(),
        private,
        json!({ "kty": "oct", "kid": "secret", "k": "AAAA" }),
        Signer::ed().jwk("twice"),
        known.jwk("twice"),
    ];
    let idp = Idp::start(&keys).await;
    let gate = idp.gate(idp.jwks(), |_| {});
    assert_eq!(verify(&gate, &idp.token(&known, "known")).await, Ok(()));
    for kid in ["short", "private", "secret", "twice"] {
        assert_eq!(verify(&gate, &idp.token(&known, kid)).await, Err(TokenError::UnknownKey), "{kid}");
    }
}

#[tokio::test]
async fn r33_keys_are_honoured_up_to_the_limit_while_the_issuer_is_down_and_no_longer() {
    let known = Signer::ed();
    let idp = Idp::start(&[known.jwk("known")]).await;
    let limit = Duration::from_secs(3600);
    let gate = idp.gate(idp.jwks(), |freshness| freshness.stale_limit = limit);
    let token = idp.token(&known, "known");
    let now = Timestamp::now();
    let verified = gate.verify(&token, now).await.unwrap();
    idp.says(Answer::Nothing);
    let just_before = now.after(limit - Duration::from_secs(30));
    assert!(gate.verify(&token, just_before).await.is_ok());
    assert_eq!(gate.still_holds(&verified, just_before), Ok(()));
    let just_after = now.after(limit + Duration::from_secs(30));
    assert_eq!(gate.verify(&token, just_after).await, Err(TokenError::KeysUnavailable));
    assert_eq!(gate.still_holds(&verified, just_after), Err(TokenError::KeysUnavailable));
}

/// An hour in which every fetch fails, each of them brought about by a token with an unknown key.
#[tokio::test]
async fn r33_failing_fetches_wear_the_known_keys_down_by_nothing() {
    let (known, stranger) = (Signer::ed(), Signer::ed());
    let idp = Idp::start(&[known.jwk("known")]).await;
    let gate = idp.gate(idp.jwks(), |freshness| {
        freshness.refetch_interval = Duration::ZERO;
        freshness.stale_limit = Duration::from_secs(3600);
    });
    let (token, unknown) = (idp.token(&known, "known"), idp.token(&stranger, "unknown"));
    let start = Timestamp::now();
    let cached = gate.verify(&token, start).await.unwrap();
    idp.says(Answer::Bytes(status("500 Internal Server Error")));
    let mut asked = idp.asked();
    for minutes in (5..60).step_by(5) {
        let now = start.after(Duration::from_secs(minutes * 60));
        assert_eq!(gate.verify(&unknown, now).await, Err(TokenError::KeysUnavailable), "{minutes} min");
        assert!(idp.asked() > asked, "a fetch failed in between");
        asked = idp.asked();
        assert!(gate.verify(&token, now).await.is_ok(), "{minutes} min");
        assert_eq!(gate.still_holds(&cached, now), Ok(()), "{minutes} min");
    }
    let after = start.after(Duration::from_secs(61 * 60));
    assert_eq!(gate.verify(&token, after).await, Err(TokenError::KeysUnavailable), "no failure confirms a key");
    assert_eq!(gate.still_holds(&cached, after), Err(TokenError::KeysUnavailable));
    // The issuer is back.
    idp.has(&[known.jwk("known")]);
    assert_eq!(verify(&gate, &unknown).await, Err(TokenError::UnknownKey));
    let later = Timestamp::now().after(Duration::from_secs(3500));
    assert!(gate.verify(&token, later).await.is_ok(), "confirmed anew");
}

#[tokio::test]
async fn r33_issuer_that_was_down_at_the_start_is_asked_again() {
    let known = Signer::ed();
    let idp = Idp::start(&[known.jwk("known")]).await;
    idp.says(Answer::Nothing);
    let gate = idp.gate(idp.jwks(), |_| {});
    let token = idp.token(&known, "known");
    assert_eq!(verify(&gate, &token).await, Err(TokenError::KeysUnavailable));
    idp.has(&[known.jwk("known")]);
    // The next try comes after a second, and no token may hurry it.
    until(async || verify(&gate, &token).await.is_ok()).await;
}

#[tokio::test]
async fn gate_that_fetches_nothing_answers_in_time_that_it_cannot_tell() {
    let idp = Idp::start(&[]).await;
    let mut issuer = IssuerConfig::new(&idp.url(), idp.jwks());
    issuer.freshness.fetch_timeout = Duration::from_millis(10);
    let gate = Jwt::new(Config { issuers: vec![issuer], ..Config::default() });
    assert_eq!(verify(&gate, &idp.token(&Signer::ed(), "k")).await, Err(TokenError::KeysUnavailable));
}

#[tokio::test]
async fn client_that_leaves_takes_no_fetch_with_it() {
    let (old, new) = (Signer::ed(), Signer::ed());
    let idp = Idp::start(&[old.jwk("old")]).await;
    let gate = idp.gate(idp.jwks(), |_| {});
    assert_eq!(verify(&gate, &idp.token(&old, "old")).await, Ok(()));
    let held = Arc::new(tokio::sync::Semaphore::new(0));
    idp.says(Answer::Held(held.clone(), ok(jwks(&[new.jwk("new")]))));
    let (impatient, token) = (gate.clone(), idp.token(&new, "new"));
    let request = tokio::spawn(async move { verify(&impatient, &token).await });
    until(async || idp.asked() == 2).await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    held.add_permits(1);
    assert_eq!(verify(&gate, &idp.token(&new, "new")).await, Ok(()));
    assert_eq!(idp.asked(), 2, "the fetch that the first client asked for served the second");
}

#[tokio::test]
async fn discovery_finds_the_keys_of_the_very_issuer_that_was_asked() {
    let known = Signer::ed();
    let idp = Idp::start(&[]).await;
    let keys = ok(jwks(&[known.jwk("known")]));
    let document = |issuer: &str, jwks: &str| ok(json!({ "issuer": issuer, "jwks_uri": jwks }).to_string());
    let found = async |document: Vec<u8>| {
        idp.says(Answer::Discovery(document, keys.clone()));
        let gate = idp.gate(KeySource::Discovery { ca: None }, |_| {});
        verify(&gate, &idp.token(&known, "known")).await
    };
    let here = format!("{}/keys", idp.url());
    assert_eq!(found(document(&idp.url(), &here)).await, Ok(()));
    assert_eq!(idp.asked(), 2);
    for wrong in [
        document(&format!("{}/", idp.url()), &here),
        document("https://idp.example.com", &here),
        document(&idp.url(), "http://192.0.2.1/keys"),
        document(&idp.url(), "file:///etc/passwd"),
        document(&idp.url(), "/keys"),
        ok(json!({ "issuer": idp.url() }).to_string()),
        ok("{}"),
        ok("[".repeat(10_000)),
        status("404 Not Found"),
    ] {
        let told = String::from_utf8_lossy(&wrong).into_owned();
        let asked = idp.asked();
        assert_eq!(found(wrong).await, Err(TokenError::KeysUnavailable), "{told}");
        assert!(idp.asked() <= asked + 2, "the keys of {told} are not asked for");
    }
}

#[tokio::test]
async fn j12_key_set_in_a_file_is_read_anew_when_it_changes() {
    let (old, new) = (Signer::ed(), Signer::ed());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.json");
    let write = |keys: &[Value]| std::fs::write(&path, jwks(keys)).unwrap();
    write(&[old.jwk("old")]);
    let first = Arc::new(KeySet::of_jwks_file(std::fs::read(&path).unwrap()).unwrap());
    let idp = Idp::start(&[]).await;
    let source = KeySource::File { path: path.clone(), first };
    let gate = idp.gate(source, |freshness| freshness.refetch_interval = Duration::ZERO);
    // The task that follows the file has begun once it answers for an unknown key.
    assert_eq!(verify(&gate, &idp.token(&new, "new")).await, Err(TokenError::UnknownKey));
    assert_eq!(verify(&gate, &idp.token(&old, "old")).await, Ok(()));
    write(&[old.jwk("old"), new.jwk("new")]);
    assert_eq!(verify(&gate, &idp.token(&new, "new")).await, Ok(()));
    // A file that is no set, or holds a private key, changes nothing.
    let mut private = new.jwk("private");
    private["d"] = "AAAA".into();
    write(&[private]);
    assert_eq!(verify(&gate, &idp.token(&new, "another")).await, Err(TokenError::KeysUnavailable));
    assert_eq!(verify(&gate, &idp.token(&old, "old")).await, Ok(()));
    assert_eq!(idp.asked(), 0);
}

/// Promise J3: a token that says where its key is makes nobody look there.
#[tokio::test]
async fn j03_address_of_a_key_in_a_header_is_not_asked() {
    let (known, stranger) = (Signer::ed(), Signer::ed());
    let idp = Idp::start(&[known.jwk("known")]).await;
    let evil = Idp::start(&[stranger.jwk("known")]).await;
    let gate = idp.gate(idp.jwks(), |_| {});
    for name in ["jku", "x5u"] {
        let header = format!(r#"{{"alg":"EdDSA","kid":"known","{name}":"{}/jwks"}}"#, evil.url());
        let token = Secret::new(by_key(&stranger, &header, Claims::of(&idp.url()).with("exp", "9999999999").json()));
        assert_eq!(verify(&gate, &token).await, Err(TokenError::Signature), "{name}");
    }
    assert_eq!(evil.asked(), 0);
}
