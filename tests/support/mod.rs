//! The harness: a real gate over a real store before mock providers, told as a story.
//!
//! ```ignore
//! let primary = provider("primary").await;
//! let gate = gate().upstream(&primary).tenant("acme").start().await;
//! let answer = gate.chat("Hi").send().await;
//! ```

mod by_hand;
mod client;
mod gate;
mod idp;
mod log;
#[expect(dead_code, reason = "other tests use the rest of it")]
pub(crate) mod postgres;

use base64::Engine;
use wardgate::cli::mock::{Faults, Options, Provider};

pub(crate) use by_hand::upstream_by_hand;
pub(crate) use client::{Ask, Reply, Stream, raw_status};
pub(crate) use gate::{Gate, KeyTerms, gate};
pub(crate) use idp::{Idp, IdpKey};

/// A provider that listens on a free port. It wants the key that the gate has for it, as a real one does.
pub(crate) async fn provider(name: &str) -> Provider {
    provider_with(name, Faults::default()).await
}

pub(crate) async fn provider_with(name: &str, faults: Faults) -> Provider {
    let required_key = Some(PROVIDER_KEY.to_owned());
    let options = Options { name: name.to_owned(), required_key, faults, ..Options::default() };
    Provider::start("127.0.0.1:0".parse().unwrap(), options).await.unwrap()
}

/// A provider that takes whoever comes, as an app of one's own behind a public path does.
pub(crate) async fn open_provider(name: &str) -> Provider {
    let options = Options { name: name.to_owned(), ..Options::default() };
    Provider::start("127.0.0.1:0".parse().unwrap(), options).await.unwrap()
}

/// Faults as the mock's own JSON has them.
pub(crate) fn faults(json: &str) -> Faults {
    Faults::parse(json.as_bytes()).unwrap()
}

/// One chat after the other; how many had which status, and how many attempts they took in all.
pub(crate) async fn calls(gate: &Gate, count: usize) -> (Vec<u16>, u32) {
    let mut statuses = Vec::new();
    let mut attempts = 0;
    for _ in 0..count {
        let reply = gate.chat("Hi").send().await;
        statuses.push(reply.status.as_u16());
        attempts += reply.header("x-wardgate-attempts").parse().unwrap_or(0);
    }
    (statuses, attempts)
}

/// A request past the gate.
pub(crate) fn direct(address: std::net::SocketAddr, method: &str, target: &str) -> Ask {
    Ask::new(address, method, target).header("content-type", "application/json")
}

/// An address at which nobody listens, nor will: it stays taken until the process ends, so that no test beside gets it.
pub(crate) fn nobody() -> std::net::SocketAddr {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    std::mem::forget(socket);
    address
}

/// An address that drops SYNs, as one behind a firewall does: its listener accepts nobody, and its queue is full.
pub(crate) struct BlackHole {
    listener: tokio::net::TcpListener,
    _queued: Vec<tokio::net::TcpStream>,
}

impl BlackHole {
    pub(crate) async fn dig() -> BlackHole {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queued = Vec::new();
        let patience = std::time::Duration::from_millis(200);
        while let Ok(connected) = tokio::time::timeout(patience, tokio::net::TcpStream::connect(address)).await {
            queued.push(connected.unwrap());
        }
        BlackHole { listener, _queued: queued }
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.listener.local_addr().unwrap()
    }
}

/// Asks again until it holds, and fails after ten seconds.
pub(crate) async fn eventually<F>(what: &str, mut holds: impl FnMut() -> F)
where
    F: Future<Output = bool>,
{
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !holds().await {
        assert!(std::time::Instant::now() < deadline, "{what} did not come true");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// The claims of a token, unverified.
pub(crate) fn claims_of(token: &str) -> serde_json::Value {
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

/// A token of any claims, signed as the gate signs its own.
pub(crate) fn sign_claims(claims: &serde_json::Value) -> String {
    let encode = |json: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json);
    let message = format!("{}.{}", encode(r#"{"alg":"HS256","typ":"at+jwt"}"#), encode(&claims.to_string()));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, JWT_SECRET.as_bytes());
    let signature = aws_lc_rs::hmac::sign(&key, message.as_bytes());
    let signature = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(signature.as_ref());
    format!("{message}.{signature}")
}

/// The key that the gate holds for its providers, and no client ever sees.
pub(crate) const PROVIDER_KEY: &str = "sk-canary-provider-5b1f0d9e";
/// The secret that tokens are signed with.
pub(crate) const JWT_SECRET: &str = "canary-signing-secret-0123456789abcdef";
/// The reach of an operator who asks the store itself.
pub(crate) const PLATFORM: &wardgate::store::Reach = &wardgate::store::Reach::Platform;
/// What operators show at the admin API.
pub(crate) const ADMIN_TOKEN: &str = "canary-admin-token-0123456789abcdef";
/// What tenants' own provider keys are sealed with.
pub(crate) const SEALING_KEY: &str = "canary-sealing-key-0123456789abcdef";
