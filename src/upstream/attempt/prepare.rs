//! A call said as one target takes it: in its format, at its address, by its credential.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Uri};
use http_body_util::Full;

use crate::call::Call;
use crate::headers;
use crate::route::Dialect;
use crate::sse::Protocol;
use crate::upstream::config::{Metadata, Upstream};
use crate::upstream::credential::Payer;
use crate::upstream::targets::{Candidate, Wire};
use crate::upstream::translate::{self, Asked, Expects, Format, Pair, Untranslatable};

/// What goes out, and what is to be known of it when the answer comes.
pub(in crate::upstream) struct Prepared {
    pub(super) request: Request<Full<Bytes>>,
    pub(in crate::upstream) payer: Payer,
    pub(super) translation: Option<(Pair, Expects)>,
    pub(super) left_out: Vec<&'static str>,
    pub(super) protocol: Option<Protocol>,
}

/// Says the call as the candidate takes it.
pub(in crate::upstream) fn prepare(
    call: &Call,
    candidate: &Candidate<'_>,
    payer: Payer,
) -> Result<Prepared, Untranslatable> {
    let upstream = candidate.upstream;
    let mut left_out = Vec::new();
    let (body, translation) = match candidate.wire {
        Wire::Native => (call.body_for(candidate.model, upstream.dialect, upstream.metadata.body), None),
        Wire::Translated(pair) => {
            let principal = call.principal().filter(|_| upstream.metadata.body);
            let asked = Asked {
                body: &call.body_to_translate(),
                model: candidate.model,
                identifier: principal.map(|principal| principal.identity.opaque.as_str()),
            };
            let said = translate::request(pair, &asked)?;
            left_out = said.left_out;
            (said.body, Some((pair, said.expects)))
        }
    };
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = call.method.clone();
    let format = translation.as_ref().map(|(pair, _)| pair.upstream);
    *request.uri_mut() = target_uri(call, upstream, format);
    *request.headers_mut() = request_headers(call, upstream, format, &payer, &mut left_out);
    Ok(Prepared { request, payer, translation, left_out, protocol: Protocol::of(call.endpoint()) })
}

fn request_headers(
    call: &Call,
    upstream: &Upstream,
    format: Option<Format>,
    payer: &Payer,
    left_out: &mut Vec<&'static str>,
) -> HeaderMap {
    let Metadata { headers: told, body: _ } = upstream.metadata;
    let mut headers = call.headers_for(told);
    if let Ok(host) = HeaderValue::from_str(upstream.base.authority.as_str()) {
        headers.insert(header::HOST, host);
    }
    if let Some(format) = format {
        left_out.extend(HEADERS_LEFT_OUT.into_iter().filter(|name| headers.contains_key(*name)));
        headers::remove_prefixed(&mut headers, "anthropic-");
        headers::remove_prefixed(&mut headers, "openai-");
        if format == Format::Messages {
            headers.insert(ANTHROPIC_VERSION, HeaderValue::from_static(MESSAGES_VERSION));
        }
    }
    if let Some(credential) = payer.credential() {
        match format.map_or(call.dialect(), Format::dialect) {
            Dialect::Anthropic => headers.insert("x-api-key", credential.bare.clone()),
            Dialect::OpenAi | Dialect::Any => headers.insert(header::AUTHORIZATION, credential.bearer.clone()),
        };
    }
    headers
}

/// Of the headers that mean something to the caller's provider alone, those that may change what an answer is or who pays
/// for it.
const HEADERS_LEFT_OUT: [&str; 4] = ["anthropic-beta", "openai-beta", "openai-organization", "openai-project"];
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
/// The version that the translation is written by (Anthropic's API reference, «Versions»).
const MESSAGES_VERSION: &str = "2023-06-01";

/// Scheme, host and prefix are the config's, path and query the caller's, or those of the format that it is translated
/// to: no byte of a request moves between the two.
fn target_uri(call: &Call, upstream: &Upstream, format: Option<Format>) -> Uri {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(upstream.base.scheme.clone());
    parts.authority = Some(upstream.base.authority.clone());
    parts.path_and_query = match format {
        None if upstream.base.path.is_empty() => Some(call.path_and_query.clone()),
        None => upstream.base.join(call.path_and_query.as_str()).parse().ok(),
        Some(format) => upstream.base.join(format.path()).parse().ok(),
    };
    Uri::from_parts(parts).expect("scheme, authority and path were each parsed before")
}
