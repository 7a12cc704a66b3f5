//! The answer's way back: bytes pass as they come, are counted, and end in something a client can read.

mod relay;
mod silence;
mod waiting;

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body::{Body, Frame, SizeHint};
use tokio_util::sync::CancellationToken;

pub use self::relay::{Relay, Terms, interrupted};
pub use self::waiting::{Coming, Waiting};

use self::waiting::Waited;

use crate::telemetry::{Outcome, RequestLog};

/// What a client receives: an answer of our own, or an upstream's as it comes.
///
/// `B` is the upstream's body, `G` a guard that the request holds until its last byte has gone.
pub enum Answer<B, G> {
    /// Ours, with the log of its request, which is written once it went out.
    Own {
        body: Option<Bytes>,
        log: Box<RequestLog>,
    },
    Relayed(Box<Relay<B, G>>),
    /// One that is still to come, and then takes this one's place.
    Waiting(Box<Waiting<B, G>>),
}

/// What a request holds until the last byte of its answer has gone.
pub trait Guard {
    /// The upstream broke the answer off, or said within it that it failed.
    fn upstream_failed(&self);
}

/// Why an answer ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("the upstream broke off the answer")]
    Reset,
    #[error("the upstream ended the answer before its end")]
    Truncated,
    #[error("the upstream was silent for longer than the idle timeout")]
    Stalled,
    #[error("the credential was revoked while the answer was on its way")]
    Revoked,
    #[error("the process ended before the answer did")]
    ShuttingDown,
}

impl Broken {
    pub fn outcome(self) -> Outcome {
        match self {
            Broken::Reset | Broken::Truncated | Broken::Stalled => Outcome::UpstreamFailed,
            Broken::Revoked => Outcome::Revoked,
            Broken::ShuttingDown => Outcome::ShutDown,
        }
    }
}

/// The end of every stream of events that a worker has under way.
#[derive(Clone, Debug, Default)]
pub struct Closing(CancellationToken);

impl Closing {
    /// Ends them, and those that begin later.
    pub fn close(&self) {
        self.0.cancel();
    }

    /// Comes back once streams are to end.
    async fn closed(&self) {
        self.0.cancelled().await;
    }
}

/// Media type of server-sent events, whatever parameters follow it. Events in a coding that was not asked for are bytes.
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    if headers.contains_key(CONTENT_ENCODING) {
        return false;
    }
    let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let media = content_type.split(|b| *b == b';').next().unwrap_or_default();
    media.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

impl<B, G> Body for Answer<B, G>
where
    B: Body<Data = Bytes> + Unpin,
    G: Guard + Unpin,
{
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.get_mut();
        loop {
            match this {
                Answer::Own { body, .. } => return Poll::Ready(body.take().map(|bytes| Ok(Frame::data(bytes)))),
                Answer::Relayed(relay) => return relay.poll_frame(context),
                Answer::Waiting(waiting) => match ready!(waiting.poll(context)) {
                    Waited::Comment(comment) => return Poll::Ready(Some(Ok(Frame::data(comment)))),
                    Waited::Answer(answer) => *this = answer,
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Answer::Own { body, .. } => body.is_none(),
            Answer::Relayed(relay) => relay.is_end_stream(),
            Answer::Waiting(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Answer::Own { body, .. } => SizeHint::with_exact(body.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Answer::Relayed(relay) => relay.size_hint(),
            Answer::Waiting(_) => SizeHint::default(),
        }
    }
}

impl<B, G> Answer<B, G> {
    pub fn own(body: Bytes, mut log: Box<RequestLog>) -> Answer<B, G> {
        log.line.outcome = Outcome::Complete;
        log.line.bytes_out = body.len() as u64;
        Answer::Own { body: (!body.is_empty()).then_some(body), log }
    }

    /// A stream of events that begins with comments, at this interval, until the answer comes.
    pub fn waiting(coming: Coming<B, G>, every: Duration) -> Answer<B, G> {
        Answer::Waiting(Box::new(Waiting::new(coming, every)))
    }

    /// What the log shall say of how it ended, of one of ours.
    pub fn end_as(&mut self, outcome: Outcome) {
        if let Answer::Own { log, .. } = self {
            log.line.outcome = outcome;
        }
    }
}
