//! A bounded GET of a small document, such as an issuer's keys.
//!
//! It is asked for seldom, so no connection is kept. No redirect is followed: whoever answers for the address could send
//! the gate anywhere.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::tls;

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("the authorities' certificates cannot be used: {0}")]
    Authorities(String),
    #[error("no answer: {0}")]
    Connect(String),
    #[error("it was answered with status {0}")]
    Status(u16),
    #[error("the answer broke off, or is of more than {0} bytes")]
    Body(usize),
    #[error("no whole answer within {0:?}")]
    Timeout(Duration),
}

/// Fetches `url` (http or https), whatever it says its type is. `authorities` is a PEM file in place of the public ones.
pub async fn get(
    url: &Uri,
    authorities: Option<&Path>,
    bytes_max: usize,
    timeout: Duration,
) -> Result<Bytes, FetchError> {
    let fetched = tokio::time::timeout(timeout, unbounded(url, authorities, bytes_max));
    fetched.await.unwrap_or(Err(FetchError::Timeout(timeout)))
}

async fn unbounded(url: &Uri, authorities: Option<&Path>, bytes_max: usize) -> Result<Bytes, FetchError> {
    let tls = tls::client_config(authorities).map_err(FetchError::Authorities)?;
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build::<_, Empty<Bytes>>(connector);
    let response = client.get(url.clone()).await.map_err(|error| FetchError::Connect(innermost(&error)))?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(FetchError::Status(status));
    }
    let body = Limited::new(response.into_body(), bytes_max).collect().await;
    Ok(body.map_err(|_| FetchError::Body(bytes_max))?.to_bytes())
}

/// Whether what is fetched from there can be changed by nobody on the way: https, or http on this very host.
pub fn is_confidential(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match url.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => is_here,
        _ => false,
    }
}

/// Whether the file holds certificates that `get` could use.
pub fn check_authorities(path: &Path) -> Result<(), String> {
    tls::client_config(Some(path)).map(drop)
}

/// The deepest cause: connectors wrap `connection refused` in several layers that say less.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Answers one request on `https://localhost` with a certificate of its own, whose PEM is the second value.
    async fn server(answer: &'static str) -> (Uri, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/keys", listener.local_addr().unwrap().port());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            while stream.read_u8().await.is_ok_and(|byte| byte != b'\n') {}
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        (url.parse().unwrap(), made.cert.pem())
    }

    const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nkeys";

    #[tokio::test]
    async fn server_is_believed_whose_certificate_the_named_authority_signed_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let ca = directory.path().join("ca.pem");
        let (url, pem) = server(ANSWER).await;
        std::fs::write(&ca, pem).unwrap();
        assert_eq!(get(&url, Some(&ca), 4, SECOND).await.unwrap(), "keys");
        let (url, _) = server(ANSWER).await;
        assert!(matches!(get(&url, Some(&ca), 4, SECOND).await, Err(FetchError::Connect(_))), "another authority's");
        let (url, _) = server(ANSWER).await;
        assert!(matches!(get(&url, None, 4, SECOND).await, Err(FetchError::Connect(_))), "no public one's");
    }

    #[tokio::test]
    async fn s22_answer_is_bounded_to_the_byte() {
        let directory = tempfile::tempdir().unwrap();
        let ca = directory.path().join("ca.pem");
        let (url, pem) = server(ANSWER).await;
        std::fs::write(&ca, pem).unwrap();
        assert!(matches!(get(&url, Some(&ca), 3, SECOND).await, Err(FetchError::Body(3))));
    }

    #[test]
    fn authorities_are_checked_before_they_are_used() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        assert!(check_authorities(&path).is_err(), "there is no such file");
        std::fs::write(&path, "no certificate").unwrap();
        assert!(check_authorities(&path).unwrap_err().contains("no certificate"));
    }

    #[test]
    fn only_https_and_this_host_are_confidential() {
        let is = |url: &str| is_confidential(&url.parse().unwrap());
        for good in ["https://idp.example.com", "http://localhost:1/a", "http://127.0.0.2", "http://[::1]:80/"] {
            assert!(is(good), "{good}");
        }
        for bad in
            ["http://idp.example.com", "http://localhost.evil.example", "http://10.0.0.1", "ftp://localhost", "/a"]
        {
            assert!(!is(bad), "{bad}");
        }
    }
}
