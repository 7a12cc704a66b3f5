//! The endpoints under `/_mock/`, by which a test in another process does what one in this process does by calls.

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, request::Parts};
use serde::Serialize;

use super::{
    answer,
    body::AnswerBody,
    faults::Faults,
    provider::Shared,
    recording::{Exchange, Outcome, Recorded},
    serve::response,
};

/// No provider has a path like it.
pub(super) const PREFIX: &str = "/_mock/";

pub(super) fn answer(shared: &Shared, head: &Parts, body: &[u8], exchange: Exchange) -> Response<AnswerBody> {
    let path = head.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let (status, bytes) = match (&head.method, path) {
        (&Method::GET, "health") => (StatusCode::OK, health(shared)),
        (&Method::GET, "faults") => (StatusCode::OK, answer::json(&shared.standing().faults)),
        (&Method::POST, "faults") => set_faults(shared, body),
        (&Method::DELETE, "faults") => {
            shared.set_faults(Faults::default());
            (StatusCode::NO_CONTENT, Bytes::new())
        }
        (&Method::GET, "requests") => (StatusCode::OK, requests(shared)),
        (&Method::DELETE, "requests") => {
            shared.journal.clear();
            (StatusCode::NO_CONTENT, Bytes::new())
        }
        _ => (StatusCode::NOT_FOUND, problem("no such endpoint of the mock")),
    };
    let json = HeaderValue::from_static("application/json");
    response(status, json, AnswerBody::whole(bytes, exchange))
}

fn set_faults(shared: &Shared, body: &[u8]) -> (StatusCode, Bytes) {
    match Faults::parse(body) {
        Ok(faults) => {
            shared.set_faults(faults);
            (StatusCode::NO_CONTENT, Bytes::new())
        }
        Err(error) => (StatusCode::BAD_REQUEST, problem(&error)),
    }
}

fn health(shared: &Shared) -> Bytes {
    answer::json(&serde_json::json!({"status": "ok", "name": shared.name}))
}

fn problem(message: &str) -> Bytes {
    answer::json(&serde_json::json!({"error": message}))
}

fn requests(shared: &Shared) -> Bytes {
    let requests = shared.journal.requests();
    let kept = requests.iter().map(Shown::of).collect();
    answer::json(&Requests { total: shared.journal.total(), ids: shared.journal.ids(), requests: kept })
}

/// The requests that were kept, and what was counted of all.
#[derive(Serialize)]
struct Requests<'a> {
    total: usize,
    /// How many had each `#id-…` in their body.
    ids: HashMap<String, usize>,
    requests: Vec<Shown<'a>>,
}

/// A recorded request as JSON. Headers are pairs, because a name may occur twice.
#[derive(Serialize)]
struct Shown<'a> {
    method: &'a str,
    path: &'a str,
    headers: &'a [(String, String)],
    body: String,
    outcome: Outcome,
}

impl<'a> Shown<'a> {
    fn of(recorded: &'a Recorded) -> Self {
        Self {
            method: recorded.method.as_str(),
            path: &recorded.path_and_query,
            headers: &recorded.headers,
            body: String::from_utf8_lossy(&recorded.body).into_owned(),
            outcome: recorded.outcome(),
        }
    }
}
