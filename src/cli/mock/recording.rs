//! What the mock saw: its requests, and how each of them ended.
//!
//! A proxy is judged by what it lets through as much as by what it answers, so tests read from here that nothing
//! arrived, which credential arrived, and that an upstream request was given up when its client left.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{Method, request};
use memchr::memmem;
use serde::Serialize;
use tokio::sync::watch;

use super::wire::Connection;

/// Requests kept; older ones make room. Enough for any test, and a mock left running does not grow without bound.
const KEPT_REQUESTS_MAX: usize = 1_000;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub method: Method,
    pub path_and_query: String,
    /// In order of arrival; a value that is not text is rendered lossily.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    outcome: watch::Receiver<Outcome>,
}

impl Recorded {
    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// How the exchange stands at this moment.
    pub fn outcome(&self) -> Outcome {
        *self.outcome.borrow()
    }

    /// True once the peer closed its connection, or reset its HTTP/2 stream, before the answer was complete.
    pub fn is_left(&self) -> bool {
        self.outcome() == Outcome::PeerLeft
    }

    /// Waits for the end of the exchange; never answers [`Outcome::Underway`].
    pub async fn ended(&self) -> Outcome {
        let mut outcome = self.outcome.clone();
        // The sender settles the outcome before it goes, so its absence leaves a settled value behind.
        let _ = outcome.wait_for(|outcome| *outcome != Outcome::Underway).await;
        *outcome.borrow()
    }
}

/// The state of one exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The answer is still being given, or withheld.
    Underway,
    /// The last byte of the answer was handed to the connection.
    Answered,
    /// The peer went away first.
    PeerLeft,
    /// The mock broke the connection, by a fault or because it was killed.
    Reset,
}

/// The requests of one provider, in order of arrival.
#[derive(Debug)]
pub(super) struct Journal {
    kept: Option<Mutex<Kept>>,
    arrived: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Kept {
    requests: VecDeque<Recorded>,
    /// How many requests had each id. Only tests send ids, and no more than they can count.
    ids: HashMap<String, usize>,
}

impl Journal {
    /// A journal that keeps nothing costs nothing on the path of a request.
    pub(super) fn new(record: bool) -> Self {
        Self { kept: record.then(Mutex::default), arrived: watch::Sender::new(0) }
    }

    /// Notes a request and returns the guard that will tell how it ended.
    pub(super) fn open(&self, head: &request::Parts, body: &Bytes, connection: Arc<Connection>) -> Exchange {
        let Some(kept) = &self.kept else {
            return Exchange::unrecorded(connection);
        };
        let (sender, outcome) = watch::channel(Outcome::Underway);
        let mut kept = lock(kept);
        if kept.requests.len() == KEPT_REQUESTS_MAX {
            kept.requests.pop_front();
        }
        kept.requests.push_back(record(head, body, outcome));
        for id in ids(body) {
            *kept.ids.entry(id).or_default() += 1;
        }
        drop(kept);
        self.arrived.send_modify(|arrived| *arrived += 1);
        Exchange { outcome: Some(sender), connection }
    }

    pub(super) fn requests(&self) -> Vec<Recorded> {
        let kept = self.kept.as_ref().map(lock);
        kept.map(|kept| kept.requests.iter().cloned().collect()).unwrap_or_default()
    }

    /// All that arrived, those that made room included.
    pub(super) fn total(&self) -> usize {
        *self.arrived.borrow()
    }

    pub(super) fn seen(&self, id: &str) -> usize {
        let kept = self.kept.as_ref().map(lock);
        kept.and_then(|kept| kept.ids.get(id).copied()).unwrap_or_default()
    }

    /// How often each id was seen.
    pub(super) fn ids(&self) -> HashMap<String, usize> {
        let kept = self.kept.as_ref().map(lock);
        kept.map(|kept| kept.ids.clone()).unwrap_or_default()
    }

    /// Forgets every request and starts counting at zero.
    pub(super) fn clear(&self) {
        if let Some(kept) = &self.kept {
            *lock(kept) = Kept::default();
        }
        self.arrived.send_replace(0);
    }

    /// Resolves when `count` requests arrived since the start or the last [`Journal::clear`].
    pub(super) async fn wait_for(&self, count: usize) {
        let mut arrived = self.arrived.subscribe();
        // Cannot fail: the sender lives as long as this journal.
        let _ = arrived.wait_for(|arrived| *arrived >= count).await;
    }
}

/// One exchange under way. Dropped before [`Exchange::finish`], it reports that the peer left.
#[derive(Debug)]
pub(super) struct Exchange {
    outcome: Option<watch::Sender<Outcome>>,
    connection: Arc<Connection>,
}

impl Exchange {
    /// For requests that are nobody's business: the control endpoints, and everything while recording is off.
    pub(super) fn unrecorded(connection: Arc<Connection>) -> Self {
        Self { outcome: None, connection }
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The answer is complete; whatever happens to the connection afterwards is no longer this exchange's matter.
    pub(super) fn finish(&mut self) {
        self.settle(Outcome::Answered);
    }

    fn settle(&mut self, outcome: Outcome) {
        if let Some(sender) = self.outcome.take() {
            sender.send_replace(outcome);
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // What ends without an answer was broken from here, or given up over there.
        if self.connection.is_reset() {
            self.settle(Outcome::Reset);
        } else {
            self.settle(Outcome::PeerLeft);
        }
    }
}

fn record(head: &request::Parts, body: &Bytes, outcome: watch::Receiver<Outcome>) -> Recorded {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Recorded {
        method: head.method.clone(),
        path_and_query: head.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        headers: head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
        body: body.clone(),
        outcome,
    }
}

/// The ids of a request: what follows `#id-` in its body, each once. A client writes one into its text.
fn ids(body: &[u8]) -> BTreeSet<String> {
    let starts = memmem::find_iter(body, b"#id-").map(|at| &body[at + b"#id-".len()..]);
    let id = |rest: &[u8]| {
        rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).map(|byte| char::from(*byte)).collect()
    };
    starts.map(id).collect()
}

/// A panic elsewhere leaves a list that lacks a request at most.
fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
