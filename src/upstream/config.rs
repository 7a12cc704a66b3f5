//! What upstreams there are, and when the next one is tried.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::uri::{Authority, Scheme, Uri};

use crate::route::Dialect;
use crate::secret::SecretSource;

#[derive(Clone)]
pub struct Config {
    /// In order: the first is the primary, the next one the secondary.
    pub upstreams: Vec<Upstream>,
    pub models: Vec<ModelGroup>,
    pub failover: Failover,
}

#[derive(Clone)]
pub struct Upstream {
    pub name: Arc<str>,
    pub dialect: Dialect,
    pub base: BaseUrl,
    pub credential: Option<SecretSource>,
    pub metadata: Metadata,
    pub protocol: Protocol,
    /// TCP and TLS together.
    pub connect_timeout: Duration,
    /// A PEM file with the authorities that sign this upstream's certificate, in place of the public ones.
    pub ca_file: Option<std::path::PathBuf>,
}

/// What an upstream is told of the principal beside the request's id and trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// `X-Tenant-ID`, `X-Tenant-Slug`, `X-Principal-ID`, `X-Auth-Method`.
    pub headers: bool,
    /// The provider's own field in the body.
    pub body: bool,
}

/// How an upstream is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP/2 where TLS negotiates it, else HTTP/1.1.
    Auto,
    Http1,
    /// HTTP/2 from the first byte, also without TLS (RFC 9113, section 3.3).
    Http2,
}

/// Scheme, authority and path prefix of an upstream. No request changes any of them.
#[derive(Clone, Debug)]
pub struct BaseUrl {
    pub scheme: Scheme,
    pub authority: Authority,
    /// Without a `/` at its end.
    pub path: String,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    #[error("an upstream's url is http:// or https:// with a host, such as https://api.openai.com")]
    Malformed,
    #[error("an upstream's url has no query, fragment or user name; credentials go to `api_key`")]
    Superfluous,
}

impl BaseUrl {
    pub fn parse(text: &str) -> Result<BaseUrl, BaseUrlError> {
        if text.contains(['?', '#', '@']) {
            return Err(BaseUrlError::Superfluous);
        }
        let parts = text.parse::<Uri>().map_err(|_| BaseUrlError::Malformed)?.into_parts();
        let scheme = parts.scheme.filter(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
        let path = parts.path_and_query.map(|path| path.path().trim_end_matches('/').to_owned());
        Ok(BaseUrl {
            scheme: scheme.ok_or(BaseUrlError::Malformed)?,
            authority: parts.authority.ok_or(BaseUrlError::Malformed)?,
            path: path.unwrap_or_default(),
        })
    }

    /// The target of a request: prefix and path, with the `/v1` that both may have said once.
    pub fn join(&self, path_and_query: &str) -> String {
        let doubled = self.path.ends_with("/v1") && path_and_query.starts_with("/v1/");
        let prefix = if doubled { &self.path[..self.path.len() - "/v1".len()] } else { &self.path };
        format!("{prefix}{path_and_query}")
    }
}

/// A name that clients ask for, and what it stands for at each upstream, in the order in which they are tried.
#[derive(Clone, Debug)]
pub struct ModelGroup {
    pub name: String,
    pub targets: Vec<ModelTarget>,
}

#[derive(Clone, Debug)]
pub struct ModelTarget {
    /// Index into `Config::upstreams`.
    pub upstream: usize,
    pub model: String,
}

#[derive(Clone, Debug)]
pub struct Failover {
    /// Answers that count as a failure of the upstream, before its first byte.
    pub statuses: Vec<StatusCode>,
    /// Of one attempt, connecting included, until the first byte of the answer's body.
    pub first_byte_timeout: Duration,
    /// The longest silence between two chunks of an answer.
    pub idle_timeout: Duration,
}

/// Twice the retransmission time of a lost SYN.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Models that think before they answer, and are not streamed, take minutes.
pub const DEFAULT_FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(120);
/// Providers send a ping every 15 s or so while a model thinks.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// 408, 429, the usual 5xx, and Anthropic's 529 `overloaded_error`.
pub const DEFAULT_STATUSES: [u16; 7] = [408, 429, 500, 502, 503, 504, 529];

impl Default for Failover {
    fn default() -> Failover {
        let statuses = DEFAULT_STATUSES.iter().filter_map(|code| StatusCode::from_u16(*code).ok());
        Failover {
            statuses: statuses.collect(),
            first_byte_timeout: DEFAULT_FIRST_BYTE_TIMEOUT,
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_url_says_v1_once() {
        let join = |base: &str| BaseUrl::parse(base).unwrap().join("/v1/messages?beta=true");
        assert_eq!(join("https://api.anthropic.com"), "/v1/messages?beta=true");
        assert_eq!(join("https://api.anthropic.com/"), "/v1/messages?beta=true");
        assert_eq!(join("https://host/v1"), "/v1/messages?beta=true");
        assert_eq!(join("https://host/api/v1/"), "/api/v1/messages?beta=true");
        assert_eq!(join("https://host/gateway"), "/gateway/v1/messages?beta=true");
    }

    #[test]
    fn urls_that_name_no_upstream_are_refused() {
        for wrong in ["", "api.openai.com", "ftp://host", "/v1", "http://"] {
            assert_eq!(BaseUrl::parse(wrong).err(), Some(BaseUrlError::Malformed), "{wrong}");
        }
        for wrong in ["https://user:secret@host", "https://host?x=1", "https://host/#x"] {
            assert_eq!(BaseUrl::parse(wrong).err(), Some(BaseUrlError::Superfluous), "{wrong}");
        }
    }
}
