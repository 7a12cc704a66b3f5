//! Why a request has no answer: what failed, and whether it may have been processed.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::client::conn::TrySendError;

/// Why no connection could be had, or why it broke before an answer.
#[derive(Clone, Debug, thiserror::Error)]
pub(in crate::upstream) enum ConnectionError {
    #[error("cannot connect: {0}")]
    Connect(String),
    #[error("no connection within the connect timeout")]
    ConnectTimeout,
    #[error("no TLS: {0}")]
    Tls(String),
    #[error("no TLS within its timeout")]
    TlsTimeout,
    /// It said itself that it did not process the request, on a second connection too.
    #[error("the request was turned away unseen: {0}")]
    Refused(String),
    #[error("the connection broke before the answer: {cause}")]
    Broken {
        cause: String,
        /// It had served before: the upstream may have closed it just as the request was sent.
        reused: bool,
    },
}

impl ConnectionError {
    /// Whether nothing of the request can have reached an application, so that nothing is done twice if it is sent anew.
    pub(in crate::upstream) fn is_unprocessed(&self) -> bool {
        match self {
            ConnectionError::Connect(_)
            | ConnectionError::ConnectTimeout
            | ConnectionError::Tls(_)
            | ConnectionError::TlsTimeout
            | ConnectionError::Refused(_) => true,
            ConnectionError::Broken { .. } => false,
        }
    }

    pub(in crate::upstream) fn is_timeout(&self) -> bool {
        match self {
            ConnectionError::ConnectTimeout | ConnectionError::TlsTimeout => true,
            ConnectionError::Connect(_)
            | ConnectionError::Tls(_)
            | ConnectionError::Refused(_)
            | ConnectionError::Broken { .. } => false,
        }
    }
}

/// Why a request that was handed to a connection has no answer.
pub(super) struct SendError {
    pub(super) cause: String,
    /// The request, where it is certain that no application has it.
    pub(super) unprocessed: Option<Unprocessed>,
}

pub(super) enum Unprocessed {
    /// No byte of it went out.
    Unsent(Request<Full<Bytes>>),
    /// The upstream said so.
    Refused(Request<Full<Bytes>>),
}

impl SendError {
    /// hyper gives a request back of which nothing went out.
    pub(super) fn new(
        mut error: TrySendError<Request<Full<Bytes>>>,
        unprocessed: impl FnOnce(Option<Request<Full<Bytes>>>) -> Option<Unprocessed>,
    ) -> SendError {
        let unsent = error.take_message();
        SendError { cause: innermost(&error.into_error()), unprocessed: unprocessed(unsent) }
    }
}

/// REFUSED_STREAM, or a GOAWAY whose last stream is before ours: that request was not processed (RFC 9113, section 8.7).
/// Streams that a GOAWAY does not give up do not hear of it.
pub(super) fn is_refusal(error: &hyper::Error) -> bool {
    h2_cause(error).is_some_and(|cause| {
        cause.is_remote() && (cause.is_go_away() || cause.reason() == Some(h2::Reason::REFUSED_STREAM))
    })
}

pub(super) fn h2_cause(error: &hyper::Error) -> Option<&h2::Error> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// The deepest cause: connectors wrap `connection refused` in several layers that say less.
pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
