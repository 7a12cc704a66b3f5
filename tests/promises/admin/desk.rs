//! A gate, and an operator before its admin API.

use serde_json::{Value, json};
use wardgate::cli::mock::Provider;

use crate::support::{ADMIN_TOKEN, Ask, Gate, Reply, gate, open_provider};

/// A gate, and the provider behind it, which lives as long.
pub(crate) struct Desk {
    gate: Gate,
    _provider: Provider,
}

impl std::ops::Deref for Desk {
    type Target = Gate;

    fn deref(&self) -> &Gate {
        &self.gate
    }
}

/// A gate with the tenant `acme`.
pub(crate) async fn desk() -> Desk {
    let provider = open_provider("primary").await;
    Desk { gate: gate().upstream(&provider).tenant("acme").start().await, _provider: provider }
}

/// A request to the admin listener, without a credential.
pub(crate) fn ask(gate: &Gate, method: &str, path: &str) -> Ask {
    Ask::new(gate.admin_address(), method, path)
}

/// An operator's request.
pub(crate) fn admin(gate: &Gate, method: &str, path: &str) -> Ask {
    ask(gate, method, path).bearer(ADMIN_TOKEN)
}

/// An operator's request with a JSON body.
pub(crate) fn says(gate: &Gate, method: &str, path: &str, body: &Value) -> Ask {
    admin(gate, method, path).header("content-type", "application/json").body(body.to_string())
}

pub(crate) async fn get(gate: &Gate, path: &str) -> Reply {
    admin(gate, "GET", path).send().await
}

pub(crate) async fn post(gate: &Gate, path: &str, body: &Value) -> Reply {
    says(gate, "POST", path, body).send().await
}

/// A new key of acme's, as it was answered.
pub(crate) async fn new_key(gate: &Gate) -> Value {
    let made = post(gate, "/admin/v1/keys", &json!({"tenant": "acme"})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

/// Fails unless the answer is a problem of this status and code.
pub(crate) fn is_problem(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert_eq!(reply.header("cache-control"), "no-store");
    let problem = reply.json();
    assert_eq!((problem["status"].as_u64(), problem["code"].as_str()), (Some(status.into()), Some(code)), "{problem}");
    assert!(problem["title"].is_string() && problem["detail"].is_string() && problem["type"] == "about:blank");
}
