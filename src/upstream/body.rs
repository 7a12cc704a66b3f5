//! An answer's body, which holds the connection that it comes by.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::connections::Lease;

/// The rest of an answer whose first byte has come. Dropped before its end, it closes the call to the upstream.
pub struct ReplyBody {
    first: Option<Frame<Bytes>>,
    rest: Incoming,
    lease: Option<Lease>,
}

impl ReplyBody {
    /// Waits for the first frame, so that an upstream which breaks before it can still be replaced.
    pub(super) async fn open(mut rest: Incoming, lease: Lease) -> Result<ReplyBody, hyper::Error> {
        let first = rest.frame().await.transpose()?;
        let mut body = ReplyBody { first, rest, lease: Some(lease) };
        body.give_back_at_end();
        Ok(body)
    }

    fn give_back_at_end(&mut self) {
        if self.rest.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
            lease.give_back();
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
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let frame = ready!(Pin::new(&mut self.rest).poll_frame(context));
        match &frame {
            Some(Ok(_)) => self.give_back_at_end(),
            Some(Err(_)) => self.lease = None,
            None => {
                if let Some(lease) = self.lease.take() {
                    lease.give_back();
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + first);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + first);
        }
        hint
    }
}
