//! Header names that Wardgate owns, and what never passes from one side to the other.

use std::net::{IpAddr, SocketAddr};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::Authority;
use http::{Method, Version};

pub const X_TENANT_ID: HeaderName = HeaderName::from_static("x-tenant-id");
pub const X_TENANT_SLUG: HeaderName = HeaderName::from_static("x-tenant-slug");
pub const X_PRINCIPAL_ID: HeaderName = HeaderName::from_static("x-principal-id");
pub const X_AUTH_METHOD: HeaderName = HeaderName::from_static("x-auth-method");
/// The addresses that a request came by, the nearest one last. No standard says so, and every proxy does it.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The request's id as OpenAI's clients read it.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The request's id as Anthropic's clients read it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// W3C Trace Context, level 1, section 3.2.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The name of the upstream that answered.
pub const X_WARDGATE_UPSTREAM: HeaderName = HeaderName::from_static("x-wardgate-upstream");
/// How many upstreams were called for this answer.
pub const X_WARDGATE_ATTEMPTS: HeaderName = HeaderName::from_static("x-wardgate-attempts");
/// Tells an upstream the categories that were found in a flagged prompt.
pub const X_WARDGATE_SCAN: HeaderName = HeaderName::from_static("x-wardgate-scan");
/// What of a translated request the upstream has no word for, and changes no more than the cost.
pub const X_WARDGATE_LEFT_OUT: HeaderName = HeaderName::from_static("x-wardgate-left-out");
/// Server Timing (W3C), section 3.
pub const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// Tells the official SDKs whether to try again.
pub const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// `Retry-After` in milliseconds, which the official SDKs read first.
pub const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// Prefixes of the names that only Wardgate may set on a request.
const OWNED_PREFIXES: [&str; 3] = ["x-tenant-", "x-principal-", "x-wardgate-"];
const OWNED_NAMES: [&str; 6] =
    ["x-tenant", "x-principal", "x-auth-method", "x-request-id", "request-id", "traceparent"];

/// Names by which a proxy in front tells who the client was: believed from listed peers alone.
const FORWARDING_PREFIXES: [&str; 11] = [
    "x-forwarded",
    "x-real-",
    "x-envoy-",
    "x-original-",
    "x-rewrite-",
    "x-client-",
    "x-ssl-",
    "x-arr-",
    "x-amzn-mtls-",
    "x-cluster-client-",
    "ssl-client",
];
const FORWARDING_NAMES: [&str; 6] =
    ["forwarded", "true-client-ip", "fastly-client-ip", "cf-connecting-ip", "client-cert", "client-cert-chain"];

/// Meant for one connection only (RFC 9110, section 7.6.1), and so never forwarded.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Why the head of a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    #[error("The request needs exactly one Host header.")]
    HostCount,
    #[error("The Host header is malformed, or differs from the request's target.")]
    Host,
    #[error("The request's target is too long.")]
    Target,
    #[error("CONNECT and protocol upgrades are not served here.")]
    Upgrade,
}

/// Refuses heads that servers read in different ways (RFC 9112, section 3.2), or that would leave HTTP. No decision is
/// ever made by `Host`.
pub fn check_head(parts: &Parts) -> Result<(), HeadError> {
    if parts.method == Method::CONNECT || parts.headers.contains_key(header::UPGRADE) {
        return Err(HeadError::Upgrade);
    }
    if parts.uri.path_and_query().is_some_and(|target| target.as_str().len() > TARGET_BYTES_MAX) {
        return Err(HeadError::Target);
    }
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    let target = parts.uri.authority();
    // HTTP/2 names the host in `:authority`, and needs no header.
    let named_by_target = parts.version == Version::HTTP_2 && target.is_some();
    if second.is_some() || (host.is_none() && !named_by_target) {
        return Err(HeadError::HostCount);
    }
    let Some(host) = host else { return Ok(()) };
    let host = host.to_str().ok().filter(|host| is_host(host)).ok_or(HeadError::Host)?;
    let agrees = target.is_none_or(|target| target.as_str().eq_ignore_ascii_case(host));
    if agrees { Ok(()) } else { Err(HeadError::Host) }
}

/// With an upstream's own path before it, a target must still be a URI.
const TARGET_BYTES_MAX: usize = 32 << 10;

/// `uri-host [ ":" port ]`, without user name, path or empty host.
fn is_host(host: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:[]%".contains(&b);
    host.bytes().all(plain) && host.parse::<Authority>().is_ok_and(|authority| !authority.host().is_empty())
}

/// What a request's headers say of its tenant and principal, read before they are taken out.
#[derive(Clone, Debug, Default)]
pub struct Claimed {
    pub tenant_ids: Vec<HeaderValue>,
    pub tenant_slugs: Vec<HeaderValue>,
    pub principals: Vec<HeaderValue>,
}

impl Claimed {
    pub fn read(headers: &HeaderMap) -> Claimed {
        let values = |name: HeaderName| headers.get_all(name).iter().cloned().collect();
        Claimed {
            tenant_ids: values(X_TENANT_ID),
            tenant_slugs: values(X_TENANT_SLUG),
            principals: values(X_PRINCIPAL_ID),
        }
    }

    /// Every tenant that is named, by id or slug.
    pub fn tenants(&self) -> impl Iterator<Item = &HeaderValue> {
        self.tenant_ids.iter().chain(&self.tenant_slugs)
    }
}

/// Who the client was, by the word of the proxies in front: the nearest address in `X-Forwarded-For` that is not one of
/// them. `None` where the header is absent or malformed.
pub fn forwarded_for(headers: &HeaderMap, is_proxy: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    // What a client made up beside it, were it no text at all, does not spoil what a proxy added.
    let parts = lines.flat_map(|line| line.as_bytes().rsplit(|b| *b == b','));
    let mut nearest = parts.map(address);
    nearest.find(|address| address.is_none_or(|address| !is_proxy(address))).flatten()
}

/// An address, or one with a port behind it, as some proxies write it.
fn address(part: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(part).ok()?.trim();
    let address = text.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

/// Takes out every copy of a name that a client must not say. `_` counts as `-`: many servers fold the two (CVE-2025-64484).
pub fn strip_spoofed(headers: &mut HeaderMap, peer_is_trusted: bool) {
    let spoofed = |name: &HeaderName| is_owned(name) || (!peer_is_trusted && is_forwarding(name));
    remove_where(headers, spoofed);
}

/// Takes out the headers of one connection, and those that `Connection` names.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        for name in named_by_connection(headers) {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Takes out every header in whose value `secret` stands.
pub fn strip_values_holding(headers: &mut HeaderMap, secret: &[u8]) {
    if secret.is_empty() {
        return;
    }
    let holds = |value: &HeaderValue| memchr::memmem::find(value.as_bytes(), secret).is_some();
    let found: Vec<HeaderName> =
        headers.iter().filter(|(_, value)| holds(value)).map(|(name, _)| name.clone()).collect();
    for name in found {
        headers.remove(name);
    }
}

/// Takes out every header whose name begins so.
pub fn remove_prefixed(headers: &mut HeaderMap, prefix: &str) {
    remove_where(headers, |name| name.as_str().starts_with(prefix));
}

/// Those of these names alone.
pub fn only(headers: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    headers.iter().filter(|(name, _)| names.contains(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn remove_where(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    let found: Vec<HeaderName> = headers.keys().filter(|name| unwanted(name)).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}

fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|token| token.trim().parse().ok()).collect()
}

fn is_owned(name: &HeaderName) -> bool {
    is_one_of(name.as_str(), &OWNED_PREFIXES, &OWNED_NAMES)
}

fn is_forwarding(name: &HeaderName) -> bool {
    is_one_of(name.as_str(), &FORWARDING_PREFIXES, &FORWARDING_NAMES)
}

fn is_one_of(name: &str, prefixes: &[&str], names: &[&str]) -> bool {
    let name = name.as_bytes();
    prefixes.iter().any(|prefix| name.get(..prefix.len()).is_some_and(|head| folds_to(head, prefix)))
        || names.iter().any(|whole| folds_to(name, whole))
}

/// `HeaderName` is ASCII and lower-case already; only `_` and `.` are left to fold.
fn folds_to(name: &[u8], wanted: &str) -> bool {
    let fold = |b: u8| if b == b'_' || b == b'.' { b'-' } else { b };
    name.len() == wanted.len() && name.iter().zip(wanted.bytes()).all(|(byte, wanted)| fold(*byte) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_is_the_nearest_address_that_is_no_proxy() {
        let proxy: IpAddr = "10.0.0.7".parse().unwrap();
        let client = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(X_FORWARDED_FOR, HeaderValue::from_static(line));
            }
            forwarded_for(&headers, |address| address == proxy).map(|address| address.to_string())
        };
        assert_eq!(client(&["203.0.113.9"]).as_deref(), Some("203.0.113.9"));
        // What the client made up stands before what the proxies added.
        assert_eq!(client(&["1.1.1.1, 203.0.113.9, 10.0.0.7"]).as_deref(), Some("203.0.113.9"));
        assert_eq!(client(&["1.1.1.1", "203.0.113.9, ::ffff:10.0.0.7"]).as_deref(), Some("203.0.113.9"));
        assert_eq!(client(&["1.1.1.1, 203.0.113.9:51544"]).as_deref(), Some("203.0.113.9"));
        assert_eq!(client(&["[2001:db8::1]:443, 10.0.0.7"]).as_deref(), Some("2001:db8::1"));
        assert_eq!(client(&["203.0.113.9, unknown"]), None);
        assert_eq!(client(&["10.0.0.7"]), None);
        assert_eq!(client(&[]), None);
    }

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let parsed =
            lines.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_static(value)));
        let mut headers = HeaderMap::new();
        for (name, value) in parsed {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn s17_every_spelling_of_an_owned_name_is_stripped() {
        let mut sent = headers(&[
            ("X-Tenant-ID", "a"),
            ("x-tenant-id", "b"),
            ("X_Tenant_Id", "c"),
            ("x-tenant_slug", "d"),
            ("X.Principal.ID", "e"),
            ("traceparent", "f"),
            ("x-wardgate-scan", "g"),
            ("x-stainless-lang", "python"),
        ]);
        strip_spoofed(&mut sent, false);
        assert_eq!(sent, headers(&[("x-stainless-lang", "python")]));
    }

    #[test]
    fn s14_forwarding_headers_pass_from_listed_peers_alone() {
        let lines = [("x-forwarded-for", "1.2.3.4"), ("x_forwarded_client_cert", "x"), ("ssl-client-cert", "y")];
        let mut sent = headers(&lines);
        strip_spoofed(&mut sent, true);
        assert_eq!(sent, headers(&lines));
        strip_spoofed(&mut sent, false);
        assert!(sent.is_empty());
    }

    #[test]
    fn s02_heads_that_servers_read_in_different_ways_are_refused() {
        let check = |target: &str, hosts: &[&'static str]| {
            let mut request = http::Request::builder().uri(target);
            for host in hosts {
                request = request.header("host", *host);
            }
            check_head(&request.body(()).unwrap().into_parts().0)
        };
        assert_eq!(check("/v1/models", &["localhost:8080"]), Ok(()));
        assert_eq!(check("/v1/models", &["[::1]:8080"]), Ok(()));
        assert_eq!(check("/v1/models", &[]), Err(HeadError::HostCount));
        assert_eq!(check("/v1/models", &["a", "a"]), Err(HeadError::HostCount));
        for wrong in ["localhost/#@evil", "user@host", "", "a b", "a,b"] {
            assert_eq!(check("/v1/models", &[wrong]), Err(HeadError::Host), "{wrong:?}");
        }
        assert_eq!(check("http://evil/v1/models", &["localhost"]), Err(HeadError::Host));
    }

    #[test]
    fn connection_takes_along_what_it_names() {
        let mut sent =
            headers(&[("connection", "close, X-Hop"), ("x-hop", "1"), ("te", "trailers"), ("accept", "*/*")]);
        strip_hop_by_hop(&mut sent);
        assert_eq!(sent, headers(&[("accept", "*/*")]));
    }

    #[test]
    fn header_that_holds_a_secret_anywhere_in_its_value_is_stripped() {
        let mut sent = headers(&[("x-echo", "Bearer sk-canary"), ("x-other", "fine")]);
        strip_values_holding(&mut sent, b"sk-canary");
        assert_eq!(sent, headers(&[("x-other", "fine")]));
    }
}
