//! Cross-origin requests of browsers (Fetch standard, section 3.2), by config; off unless origins are listed.

use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};

#[derive(Clone, Debug, Default)]
pub struct Config {
    pub origins: Origins,
    pub methods: Vec<Method>,
    /// Request headers beyond those that browsers always allow; empty allows those that the preflight names.
    pub headers: Vec<HeaderName>,
    /// Response headers that a page's script may read.
    pub exposed: Vec<HeaderName>,
    pub max_age: Duration,
}

#[derive(Clone, Debug, Default)]
pub enum Origins {
    #[default]
    None,
    Any,
    /// Compared byte for byte, as `https://app.example.com`.
    Listed(Vec<String>),
}

pub struct Cors(Config);

impl Cors {
    pub fn new(config: Config) -> Cors {
        Cors(config)
    }

    /// The answer to a preflight; `None` when the request is none, or its origin is not allowed.
    pub fn preflight(&self, parts: &Parts) -> Option<Response<()>> {
        let asked = parts.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
        let allowed = parts.headers.get(header::ORIGIN).is_some_and(|origin| self.allows(origin));
        if parts.method != Method::OPTIONS || !allowed {
            return None;
        }
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        let method_is_allowed = self.0.methods.iter().any(|method| method.as_str().as_bytes() == asked.as_bytes());
        if method_is_allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, list(self.0.methods.iter().map(Method::as_str)));
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(self.0.max_age.as_secs()));
            if let Some(allowed) = self.allowed_headers(&parts.headers) {
                headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
            }
        }
        headers.append(header::VARY, HeaderValue::from_static("access-control-request-headers"));
        Some(response)
    }

    /// Tells a browser that the page may read an answer, a preflight's too.
    pub fn decorate(&self, headers: &mut HeaderMap, origin: Option<&HeaderValue>) {
        let Some(origin) = origin.filter(|origin| self.allows(origin)) else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        if !self.0.exposed.is_empty() {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, list(self.0.exposed.iter().map(HeaderName::as_str)));
        }
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        match &self.0.origins {
            Origins::None => false,
            Origins::Any => true,
            Origins::Listed(origins) => origins.iter().any(|listed| listed.as_bytes() == origin.as_bytes()),
        }
    }

    fn allowed_headers(&self, asked: &HeaderMap) -> Option<HeaderValue> {
        if self.0.headers.is_empty() {
            return asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        }
        Some(list(self.0.headers.iter().map(HeaderName::as_str)))
    }
}

/// What an upstream says of origins is not for our callers.
pub fn strip(headers: &mut HeaderMap) {
    for name in OWNED {
        headers.remove(name);
    }
}

const OWNED: [HeaderName; 6] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
];

fn list<'a>(names: impl Iterator<Item = &'a str>) -> HeaderValue {
    HeaderValue::from_str(&names.collect::<Vec<_>>().join(", ")).expect("names of methods and headers fit a header")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: Origins) -> Cors {
        Cors::new(Config {
            origins,
            methods: vec![Method::POST],
            max_age: Duration::from_secs(600),
            ..Config::default()
        })
    }

    fn preflight(cors: &Cors, origin: &str, method: &str) -> Option<HeaderMap> {
        let request = http::Request::builder()
            .method(Method::OPTIONS)
            .uri("/v1/chat/completions")
            .header("origin", origin)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "authorization");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        cors.preflight(&parts).map(|response| response.headers().clone())
    }

    #[test]
    fn preflight_of_a_listed_origin_is_answered_and_of_another_is_not() {
        let listed = cors(Origins::Listed(vec!["https://app.example.com".into()]));
        let mut answer = preflight(&listed, "https://app.example.com", "POST").unwrap();
        listed.decorate(&mut answer, Some(&HeaderValue::from_static("https://app.example.com")));
        assert_eq!(answer["access-control-allow-origin"], "https://app.example.com");
        assert_eq!(answer["access-control-allow-methods"], "POST");
        assert_eq!(answer["access-control-allow-headers"], "authorization");
        assert!(preflight(&listed, "https://app.example.com.evil.com", "POST").is_none());
        assert!(preflight(&cors(Origins::None), "https://app.example.com", "POST").is_none());
    }

    #[test]
    fn method_that_is_not_allowed_gets_no_leave() {
        let answer = preflight(&cors(Origins::Any), "https://a", "DELETE").unwrap();
        assert!(!answer.contains_key("access-control-allow-methods"));
    }

    #[test]
    fn what_an_upstream_says_of_origins_never_passes() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        strip(&mut headers);
        cors(Origins::None).decorate(&mut headers, Some(&HeaderValue::from_static("https://a")));
        assert!(headers.is_empty());
    }
}
