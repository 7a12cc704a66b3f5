//! The script of faults: how an answer shall go wrong.
//!
//! [`Faults`] is the form in which a person, a test or a request header asks for trouble. Where they change from request
//! to request, `schedule` chooses; [`Faults::plan`] resolves those of one request into a [`Plan`], in which contradictions
//! are settled: what harms most wins, and the [`Tail`] only matters once an answer is being sent.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::schedule::{Act, Alternative};

/// Everything that can be made to go wrong. The default is a provider in good health.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Wait before the head of the answer.
    pub latency_ms: u64,
    /// Wait between the head of the answer and its first byte.
    pub body_delay_ms: u64,
    /// Wait between one stream event and the next.
    pub chunk_delay_ms: u64,
    /// Send every body in pieces of 16 bytes, and wait so long between them.
    pub drip_ms: u64,
    /// Answer with this status (300 to 599) and an error body in the dialect of the request.
    pub status: Option<u16>,
    /// Share (0 to 1) of the requests that get `status`, or 500 when there is none; the others are answered normally.
    pub error_rate: Option<f64>,
    /// What the error of an answer with `status` is called: OpenAI's `code`, Anthropic's `type`.
    pub error_code: Option<String>,
    /// Answer 400 as the provider does when a prompt is too long.
    pub context_window: bool,
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
    /// Send so many events, then one that reports an error, and no other.
    pub error_after: Option<usize>,
    /// What that event says.
    pub error_event: ErrorEvent,
    /// Answer a streaming request with 200 and an error as its only event, as `error_after` 0 does.
    pub first_event_error: bool,
    /// Reset the connection instead of answering.
    pub reset: bool,
    /// Read the request and never answer.
    pub hang: bool,
    /// Request headers to return as `x-echo-NAME`.
    pub echo_headers: Vec<String>,
    /// Answer 302 with this `location`.
    pub redirect: Option<String>,
    /// Close each connection after so many answers: with `connection: close`, or GOAWAY.
    pub close_after: Option<u64>,
    /// Say that so many tokens of the prompt, beside its own, came from a cache.
    pub cached_tokens: u64,
    /// Share (0 to 1) of the requests that meet these faults; the others are answered normally.
    pub share: Option<f64>,
    /// Be well for so long, then meet requests with these faults for as long, and so on.
    pub flap_ms: u64,
    /// Faults for the requests to come, in place of these; good health after the last.
    pub script: Vec<Act>,
    /// Faults to choose from for each request, in place of these.
    pub mix: Vec<Alternative>,
    /// Send every event after the first only when `Provider::release` lets it go. For tests in this process.
    #[serde(skip)]
    pub hold: bool,
}

impl Faults {
    /// Reads the JSON of a header or of the control endpoint. The error is a sentence for the person who wrote it.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let faults: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        faults.check()?;
        Ok(faults)
    }

    fn check(&self) -> Result<(), String> {
        if self.status.is_some_and(|status| !(300..=599).contains(&status)) {
            return Err("status must be between 300 and 599".into());
        }
        for (name, share) in [("error_rate", self.error_rate), ("share", self.share)] {
            if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
                return Err(format!("{name} must be between 0 and 1"));
            }
        }
        let weights = self.mix.iter().map(|alternative| alternative.weight);
        if weights.clone().any(|weight| weight < 0.0) || (!self.mix.is_empty() && weights.sum::<f64>() <= 0.0) {
            return Err("weights must not be negative, and some must be more than 0".into());
        }
        let nested = self.script.iter().map(|act| &act.faults);
        nested.chain(self.mix.iter().map(|alternative| &alternative.faults)).try_for_each(Self::check)
    }

    /// What shall happen to one request. `draw` is that request's number between 0 and 1, held against `error_rate`.
    pub(super) fn plan(&self, draw: f64) -> Plan {
        Plan {
            latency: Duration::from_millis(self.latency_ms),
            silence: self.silence(),
            head: self.head(draw),
            error_after: self.error_after.or(self.first_event_error.then_some(0)),
            tail: self.tail(),
            body_delay: Duration::from_millis(self.body_delay_ms),
            chunk_delay: Duration::from_millis(self.chunk_delay_ms),
            drip: Duration::from_millis(self.drip_ms),
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
        if self.context_window {
            return Head::TooLong;
        }
        match self.refusal(draw) {
            Some(status) => {
                Head::Refuse(Refusal { status, code: self.error_code.clone(), retry_after: self.retry_after })
            }
            None => Head::Answer,
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

/// What an event within a stream says of a failure; where it says nothing, what the provider commonly says.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorEvent {
    /// The error's `type`; in responses its `code`.
    pub kind: Option<String>,
    pub message: Option<String>,
}

/// The faults of one request, resolved.
#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) latency: Duration,
    pub(super) silence: Option<Silence>,
    pub(super) head: Head,
    /// The events of a stream before one that reports an error and ends it.
    pub(super) error_after: Option<usize>,
    pub(super) tail: Tail,
    pub(super) body_delay: Duration,
    pub(super) chunk_delay: Duration,
    pub(super) drip: Duration,
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
    Refuse(Refusal),
    TooLong,
    Answer,
}

/// An error in place of an answer.
#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: Option<String>,
    pub(super) retry_after: Option<u64>,
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

impl Step {
    /// The same in pieces.
    pub(super) fn dripping(self) -> Vec<Step> {
        match self {
            Step::Send(bytes) => {
                let starts = (0..bytes.len()).step_by(DRIP_BYTES);
                starts.map(|at| Step::Send(bytes.slice(at..bytes.len().min(at + DRIP_BYTES)))).collect()
            }
            Step::Stall | Step::Reset => vec![self],
        }
    }
}

/// Less than any event, so that none comes in one piece.
const DRIP_BYTES: usize = 16;

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

#[cfg(test)]
mod tests {
    use super::{super::schedule::Dice, *};

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
        let refused = (0..10_000).filter(|index| faults.refusal(Dice::of(*index).roll()).is_some()).count();
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
        assert!(Faults::parse(br#"{"share":-0.1}"#).is_err());
        assert!(Faults::parse(br#"{"mix":[{"weight":0}]}"#).is_err());
        assert!(Faults::parse(br#"{"mix":[{"weight":2},{"weight":-1}]}"#).is_err());
        assert!(Faults::parse(br#"{"script":[{"faults":{"status":200}}]}"#).is_err());
    }
}
