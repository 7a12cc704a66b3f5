//! The script of faults: how an answer shall go wrong.
//!
//! [`Faults`] is the form in which a person, a test or a request header asks for trouble. [`Faults::plan`] resolves it
//! for one request into a [`Plan`], in which contradictions are settled: what harms most wins, and the [`Tail`] only
//! matters once an answer is being sent.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// Everything that can be made to go wrong. The default is a provider in good health.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Wait before the head of the answer.
    pub latency_ms: u64,
    /// Wait between one stream event and the next.
    pub chunk_delay_ms: u64,
    /// Answer with this status (300 to 599) and an error body in the dialect of the request.
    pub status: Option<u16>,
    /// Share (0 to 1) of the requests that get `status`, or 500 when there is none; the others are answered normally.
    pub error_rate: Option<f64>,
    /// Seconds to put into the `retry-after` header of an answer with `status`.
    pub retry_after: Option<u64>,
    /// Send so many events, then reset the connection.
    pub cut_after: Option<usize>,
    /// Send so many events and half of the next one's bytes, then reset the connection.
    pub cut_bytes: Option<usize>,
    /// Send so many events, then keep the stream open in silence.
    pub stall_after: Option<usize>,
    /// Send so many events, then end the body politely, without the event that closes a stream.
    pub truncate_after: Option<usize>,
    /// Answer a streaming request with 200 and an error as its only event.
    pub first_event_error: bool,
    /// Reset the connection instead of answering.
    pub reset: bool,
    /// Read the request and never answer.
    pub hang: bool,
    /// Request headers to return as `x-echo-NAME`.
    pub echo_headers: Vec<String>,
    /// Answer 302 with this `location`.
    pub redirect: Option<String>,
    /// Send every event after the first only when `Provider::release` lets it go. For tests in this process.
    #[serde(skip)]
    pub hold: bool,
}

impl Faults {
    /// Reads the JSON of a header or of the control endpoint. The error is a sentence for the person who wrote it.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let faults: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if faults.status.is_some_and(|status| !(300..=599).contains(&status)) {
            return Err("status must be between 300 and 599".into());
        }
        if faults.error_rate.is_some_and(|rate| !(0.0..=1.0).contains(&rate)) {
            return Err("error_rate must be between 0 and 1".into());
        }
        Ok(faults)
    }

    /// What shall happen to one request. `draw` is that request's number between 0 and 1, held against `error_rate`.
    pub(super) fn plan(&self, draw: f64) -> Plan {
        Plan {
            latency: Duration::from_millis(self.latency_ms),
            silence: self.silence(),
            head: self.head(draw),
            tail: self.tail(),
            chunk_delay: Duration::from_millis(self.chunk_delay_ms),
        }
    }

    fn silence(&self) -> Option<Silence> {
        if self.reset {
            return Some(Silence::Reset);
        }
        self.hang.then_some(Silence::Hang)
    }

    fn head(&self, draw: f64) -> Head {
        if let Some(location) = &self.redirect {
            return Head::Redirect(location.clone());
        }
        if let Some(status) = self.refusal(draw) {
            return Head::Refuse { status, retry_after: self.retry_after };
        }
        match self.first_event_error {
            true => Head::AnswerWithError,
            false => Head::Answer,
        }
    }

    fn refusal(&self, draw: f64) -> Option<StatusCode> {
        let status =
            self.status.map(|status| StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        match self.error_rate {
            None => status,
            Some(rate) if draw < rate => Some(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)),
            Some(_) => None,
        }
    }

    fn tail(&self) -> Tail {
        if let Some(events) = self.cut_after {
            return Tail::Cut(events);
        }
        if let Some(events) = self.cut_bytes {
            return Tail::CutInside(events);
        }
        if let Some(events) = self.stall_after {
            return Tail::Stall(events);
        }
        self.truncate_after.map_or(Tail::Whole, Tail::Truncate)
    }
}

/// The faults of one request, resolved.
#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) latency: Duration,
    pub(super) silence: Option<Silence>,
    pub(super) head: Head,
    pub(super) tail: Tail,
    pub(super) chunk_delay: Duration,
}

/// Why there is no answer at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Silence {
    Reset,
    Hang,
}

/// How the answer begins.
#[derive(Debug, PartialEq)]
pub(super) enum Head {
    Redirect(String),
    Refuse { status: StatusCode, retry_after: Option<u64> },
    AnswerWithError,
    Answer,
}

/// How the answer ends. The number counts the events that are sent in full; a whole answer counts as a single event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tail {
    Whole,
    Cut(usize),
    CutInside(usize),
    Stall(usize),
    Truncate(usize),
}

/// One thing a body does next; a body without steps left has ended politely.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Step {
    Send(Bytes),
    Stall,
    Reset,
}

impl Tail {
    /// Whether the fault reaches a whole answer, which is one event. Its length is announced, so that it cannot be
    /// truncated politely.
    pub(super) fn touches_whole(self) -> bool {
        match self {
            Tail::Whole | Tail::Truncate(_) => false,
            Tail::Cut(kept) | Tail::CutInside(kept) | Tail::Stall(kept) => kept == 0,
        }
    }

    /// Turns the events of an undisturbed answer into what is really played.
    pub(super) fn steps(self, events: Vec<Bytes>) -> VecDeque<Step> {
        let kept = match self {
            Tail::Whole => usize::MAX,
            Tail::Cut(kept) | Tail::CutInside(kept) | Tail::Stall(kept) | Tail::Truncate(kept) => kept,
        };
        let mut events = events.into_iter();
        let mut steps: VecDeque<Step> = events.by_ref().take(kept).map(Step::Send).collect();
        match self {
            Tail::Whole | Tail::Truncate(_) => {}
            Tail::Stall(_) => steps.push_back(Step::Stall),
            Tail::Cut(_) => steps.push_back(Step::Reset),
            Tail::CutInside(_) => {
                let half = events.next().map(|event| event.slice(..event.len() / 2));
                steps.extend(half.map(Step::Send));
                steps.push_back(Step::Reset);
            }
        }
        steps
    }
}

/// The number of request `index`, between 0 and 1: as good as random for a share of requests, yet the same in every
/// run, so that a failure seen once is seen again (SplitMix64, Steele et al., OOPSLA 2014).
pub(super) fn draw(index: u64) -> f64 {
    let mut bits = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    // The upper 53 bits are what an f64 holds exactly.
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> Vec<Bytes> {
        vec![Bytes::from_static(b"aa"), Bytes::from_static(b"bbbb"), Bytes::from_static(b"cc")]
    }

    fn send(text: &'static str) -> Step {
        Step::Send(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn a_cut_inside_an_event_sends_half_of_it() {
        assert_eq!(Tail::CutInside(1).steps(events()), [send("aa"), send("bb"), Step::Reset]);
    }

    #[test]
    fn a_truncated_answer_just_ends() {
        assert_eq!(Tail::Truncate(2).steps(events()), [send("aa"), send("bbbb")]);
    }

    #[test]
    fn a_cut_beyond_the_last_event_still_cuts() {
        assert_eq!(Tail::Cut(9).steps(events()), [send("aa"), send("bbbb"), send("cc"), Step::Reset]);
    }

    #[test]
    fn the_error_rate_is_the_share_of_refused_requests() {
        let faults = Faults { error_rate: Some(0.1), ..Faults::default() };
        let refused = (0..10_000).filter(|index| faults.refusal(draw(*index)).is_some()).count();
        assert!((900..=1_100).contains(&refused), "{refused} of 10,000");
    }

    #[test]
    fn an_error_rate_alone_refuses_with_500_and_with_a_status_uses_that() {
        let alone = Faults::parse(br#"{"error_rate":1}"#).unwrap();
        let both = Faults::parse(br#"{"error_rate":1,"status":529}"#).unwrap();
        assert_eq!(alone.refusal(0.5).unwrap(), 500);
        assert_eq!(both.refusal(0.5).unwrap(), 529);
    }

    #[test]
    fn unknown_and_senseless_faults_are_refused() {
        assert!(Faults::parse(br#"{"statsu":529}"#).is_err());
        assert!(Faults::parse(br#"{"status":200}"#).is_err());
        assert!(Faults::parse(br#"{"error_rate":2}"#).is_err());
        assert!(Faults::parse(br#"{"hold":true}"#).is_err());
    }
}
