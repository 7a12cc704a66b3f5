//! The prepared call: what a client must not say is stripped, what we know is added, once for all attempts.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;

use crate::headers;
use crate::policy::Permit;
use crate::principal::Principal;
use crate::prompt::{Prompt, Told};
use crate::route::{Dialect, Endpoint};

/// A request that may go upstream. Only a `Permit` makes one.
pub struct Call {
    permit: Permit,
    pub method: Method,
    /// Exactly the bytes on which the route was matched, and the query behind them.
    pub path_and_query: PathAndQuery,
    headers: HeaderMap,
    prompt: Prompt,
}

/// What one request is known by, on every side.
pub struct Trace {
    pub request_id: HeaderValue,
    /// W3C Trace Context: the caller's trace where it has one, with a span of ours.
    pub traceparent: HeaderValue,
}

/// Headers that say something of the client's connection to us, or of a coding that we do not pass on.
const NOT_FORWARDED: [HeaderName; 6] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    // Answers are read as they pass, so they come in plain bytes.
    header::ACCEPT_ENCODING,
    header::EXPECT,
    // A browser's cookies belong to the page's site and never to a provider.
    header::COOKIE,
];

impl Call {
    /// `credential_headers` are those that may have carried the client's credential: no upstream sees any of them.
    pub fn prepare(
        permit: Permit,
        parts: Parts,
        prompt: Prompt,
        trace: &Trace,
        credential_headers: &[HeaderName],
    ) -> Call {
        let mut headers = parts.headers;
        headers::strip_hop_by_hop(&mut headers);
        for name in NOT_FORWARDED.iter().chain(credential_headers) {
            headers.remove(name);
        }
        headers.insert(headers::X_REQUEST_ID, trace.request_id.clone());
        headers.insert(headers::TRACEPARENT, trace.traceparent.clone());
        if !prompt.body().is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let path_and_query = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        Call { permit, method: parts.method, path_and_query, headers, prompt }
    }

    /// Adds a header that we vouch for.
    pub fn tell(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    /// The dialect that the caller speaks.
    pub fn dialect(&self) -> Dialect {
        self.permit.route().dialect
    }

    pub fn endpoint(&self) -> Endpoint {
        self.permit.route().endpoint
    }

    pub fn model(&self) -> Option<&str> {
        self.prompt.model()
    }

    /// Whether the caller asked for a stream of events.
    pub fn streams(&self) -> bool {
        self.prompt.streams()
    }

    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.permit.principal()
    }

    /// The headers for an upstream, with the principal's where it is told of it.
    pub fn headers_for(&self, told: bool) -> HeaderMap {
        let mut headers = self.headers.clone();
        if let Some(principal) = self.principal().filter(|_| told) {
            let identity = &principal.identity;
            headers.insert(headers::X_TENANT_ID, identity.tenant_id.clone());
            headers.insert(headers::X_TENANT_SLUG, identity.tenant_slug.clone());
            headers.insert(headers::X_PRINCIPAL_ID, identity.principal_id.clone());
            headers.insert(headers::X_AUTH_METHOD, identity.auth_method.clone());
        }
        headers
    }

    /// The body for an upstream of this dialect: `model` is its name for the model, `told` whether the body tells it of
    /// the principal.
    pub fn body_for(&self, model: Option<&str>, dialect: Dialect, told: bool) -> Bytes {
        let told = self.principal().filter(|_| told).map(|principal| Told {
            tenant_id: principal.tenant.id.as_str(),
            tenant_slug: principal.tenant.slug.as_str(),
            principal_id: principal.id.as_str(),
            opaque: &principal.identity.opaque,
        });
        self.prompt.render(model, dialect, told.as_ref())
    }

    /// The body as the caller has it, with the scanner's edits, and without what the caller says of a principal.
    pub fn body_to_translate(&self) -> Bytes {
        self.prompt.render(None, self.dialect(), None)
    }
}

impl Trace {
    /// Names a request. A caller's trace is continued where its header is well formed.
    pub fn new(id: uuid::Uuid, callers: Option<&HeaderValue>) -> Trace {
        let trace_id = callers.and_then(trace_id_of).unwrap_or_else(|| id.simple().to_string());
        let (_, span_id) = id.as_u64_pair();
        Trace {
            request_id: ascii(&id.hyphenated().to_string()),
            traceparent: ascii(&format!("00-{trace_id}-{span_id:016x}-01")),
        }
    }
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids are hexadecimal digits and dashes")
}

/// The trace id of a `traceparent` (W3C Trace Context, section 3.2.2): 32 lower-case hexadecimal digits, not all zero.
fn trace_id_of(header: &HeaderValue) -> Option<String> {
    let mut parts = header.to_str().ok()?.split('-');
    let (version, trace_id) = (parts.next()?, parts.next()?);
    let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let well_formed =
        version == "00" && trace_id.len() == 32 && trace_id.bytes().all(is_hex) && trace_id.bytes().any(|b| b != b'0');
    well_formed.then(|| trace_id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_trace_is_continued_with_our_own_span_and_any_other_is_not() {
        let id = uuid::Uuid::now_v7();
        let theirs = HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let continued = Trace::new(id, Some(&theirs)).traceparent;
        assert!(continued.to_str().unwrap().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
        assert_ne!(continued, theirs);
        for wrong in ["", "00-0-0-0", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "x"] {
            let own = Trace::new(id, Some(&HeaderValue::from_static(wrong))).traceparent;
            assert!(own.to_str().unwrap().contains(&id.simple().to_string()), "{wrong:?}");
        }
    }
}
