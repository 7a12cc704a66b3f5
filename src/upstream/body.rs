//! An answer's body, which holds the connection that it comes by.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::connections::Lease;
use super::translate;
use crate::sse::{EventReader, Protocol, Sort};

/// The rest of an answer that has begun. Dropped before its end, it closes the call to the upstream.
pub struct ReplyBody {
    /// What came while it was not known whether this is the answer.
    held: VecDeque<Bytes>,
    rest: Option<Rest>,
}

struct Rest {
    incoming: Incoming,
    lease: Option<Lease>,
    /// Boxed: most answers have none, and are moved often.
    translation: Option<Box<Translation>>,
}

struct Translation {
    stream: translate::Stream,
    out: BytesMut,
}

/// The upstream broke before it was known whether this is the answer.
#[derive(Debug)]
pub(super) enum BrokenBody {
    Reset,
    Stalled,
    /// It is longer than whoever wants it whole can take.
    TooLarge,
}

/// Held at most before an answer goes on its way; what is longer shows by itself that it is one.
const HELD_BYTES_MAX: usize = 64 << 10;

impl ReplyBody {
    pub(super) fn new(incoming: Incoming, lease: Lease) -> ReplyBody {
        let mut rest = Rest { incoming, lease: Some(lease), translation: None };
        rest.give_back_at_end();
        ReplyBody { held: VecDeque::new(), rest: Some(rest) }
    }

    /// One that is here already.
    pub(super) fn whole(bytes: Bytes) -> ReplyBody {
        ReplyBody { held: VecDeque::from([bytes]), rest: None }
    }

    /// Holds the first bytes, so that an upstream which breaks before them can still be replaced.
    pub(super) async fn hold_first(&mut self) -> Result<(), BrokenBody> {
        self.hold_one().await.map(drop)
    }

    /// Holds a short answer whole, so that one which breaks off within it can still be replaced; of a long one no more than
    /// may be held. `idle` bounds each silence.
    pub(super) async fn hold_whole(&mut self, idle: Duration) -> Result<(), BrokenBody> {
        let mut bytes = self.held_bytes();
        while bytes < HELD_BYTES_MAX {
            let held = tokio::time::timeout(idle, self.hold_one()).await;
            match held.unwrap_or(Err(BrokenBody::Stalled))? {
                Some(more) => bytes += more,
                None => break,
            }
        }
        Ok(())
    }

    /// Holds a stream until its first content: until then another upstream may take its place. Says whether that is
    /// content or the upstream's word that it failed.
    pub(super) async fn hold_until_content(&mut self, protocol: Protocol) -> Result<Sort, BrokenBody> {
        let mut reader = EventReader::default();
        let mut read = 0;
        let mut bytes = 0;
        loop {
            for chunk in self.held.range(read..) {
                let mut found = Sort::Lifecycle;
                let whole = reader.read(chunk, |event| {
                    if found == Sort::Lifecycle {
                        found = protocol.sort(&event);
                    }
                });
                bytes += chunk.len();
                // What cannot be read here is passed on, and not judged.
                if found != Sort::Lifecycle || whole.is_err() || bytes > HELD_BYTES_MAX {
                    return Ok(if found == Sort::Lifecycle { Sort::Content } else { found });
                }
            }
            read = self.held.len();
            if self.hold_one().await?.is_none() {
                return Err(BrokenBody::Reset);
            }
        }
    }

    /// As above, for a stream that is translated: what is held is in the caller's words.
    pub(super) async fn translate_until_content(&mut self, stream: translate::Stream) -> Result<Sort, BrokenBody> {
        let mut translation = Box::new(Translation { stream, out: BytesMut::new() });
        let mut pending = std::mem::take(&mut self.held);
        let mut bytes = 0;
        loop {
            while let Some(chunk) = pending.pop_front() {
                bytes += chunk.len();
                let sort = translation.stream.push(&chunk, &mut translation.out);
                if sort == Sort::Lifecycle && bytes <= HELD_BYTES_MAX {
                    continue;
                }
                for chunk in pending {
                    translation.stream.push(&chunk, &mut translation.out);
                }
                if !translation.out.is_empty() {
                    self.held.push_back(translation.out.split().freeze());
                }
                if let Some(rest) = &mut self.rest {
                    rest.translation = Some(translation);
                }
                return Ok(if sort == Sort::Lifecycle { Sort::Content } else { sort });
            }
            match self.next().await {
                Some(Ok(chunk)) => pending.push_back(chunk),
                Some(Err(_)) | None => return Err(BrokenBody::Reset),
            }
        }
    }

    /// The whole answer, of so many bytes at most. `idle` bounds each silence.
    pub(super) async fn collect(&mut self, bytes_max: usize, idle: Duration) -> Result<Bytes, BrokenBody> {
        let mut bytes = self.held_bytes();
        loop {
            if bytes > bytes_max {
                return Err(BrokenBody::TooLarge);
            }
            let held = tokio::time::timeout(idle, self.hold_one()).await;
            match held.unwrap_or(Err(BrokenBody::Stalled))? {
                Some(more) => bytes += more,
                None => break,
            }
        }
        if self.held.len() == 1 {
            return Ok(self.held[0].clone());
        }
        let mut whole = BytesMut::with_capacity(bytes);
        self.held.iter().for_each(|chunk| whole.extend_from_slice(chunk));
        Ok(whole.freeze())
    }

    fn held_bytes(&self) -> usize {
        self.held.iter().map(Bytes::len).sum()
    }

    /// How many bytes more are held; none at the end.
    async fn hold_one(&mut self) -> Result<Option<usize>, BrokenBody> {
        match self.next().await {
            Some(Ok(chunk)) => {
                let bytes = chunk.len();
                self.held.push_back(chunk);
                Ok(Some(bytes))
            }
            Some(Err(_)) => Err(BrokenBody::Reset),
            None => Ok(None),
        }
    }

    /// The next chunk as the upstream sent it.
    async fn next(&mut self) -> Option<Result<Bytes, hyper::Error>> {
        let rest = self.rest.as_mut()?;
        if rest.incoming.is_end_stream() {
            rest.give_back();
            return None;
        }
        loop {
            let frame = rest.incoming.frame().await;
            match frame {
                Some(Ok(frame)) => {
                    rest.give_back_at_end();
                    // Trailers of an upstream mean nothing to the callers of these APIs.
                    if let Ok(chunk) = frame.into_data() {
                        return Some(Ok(chunk));
                    }
                }
                Some(Err(error)) => {
                    rest.lease = None;
                    return Some(Err(error));
                }
                None => {
                    rest.give_back();
                    return None;
                }
            }
        }
    }
}

impl Rest {
    fn give_back_at_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, hyper::Error>>> {
        loop {
            let frame = ready!(Pin::new(&mut self.incoming).poll_frame(context));
            match frame {
                Some(Ok(frame)) => {
                    self.give_back_at_end();
                    let Ok(chunk) = frame.into_data() else { continue };
                    let Some(translation) = &mut self.translation else { return Poll::Ready(Some(Ok(chunk))) };
                    translation.stream.push(&chunk, &mut translation.out);
                    // Empty where it says nothing to the caller, and a sign of life all the same.
                    return Poll::Ready(Some(Ok(translation.out.split().freeze())));
                }
                Some(Err(error)) => {
                    self.lease = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.give_back();
                    return Poll::Ready(None);
                }
            }
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(held) = self.held.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(held))));
        }
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        rest.poll_chunk(context).map_ok(Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.rest.as_ref().is_none_or(|rest| rest.incoming.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held_bytes() as u64;
        let Some(rest) = &self.rest else { return SizeHint::with_exact(held) };
        if rest.translation.is_some() {
            return SizeHint::default();
        }
        let rest = rest.incoming.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + held);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + held);
        }
        hint
    }
}
