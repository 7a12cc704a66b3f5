//! How a connection to an upstream is opened: name, TCP, TLS.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

use super::failure::{ConnectionError, innermost};
use crate::upstream::config::{Protocol, Timeouts, Upstream};

/// Opens connections, each step within a timeout of its own, and with an error that names it.
pub(super) struct Connector {
    uri: Uri,
    tcp: HttpConnector,
    tls: TlsConnector,
    timeouts: Timeouts,
}

/// What HTTP is spoken over.
pub(super) enum Connected {
    Plain(TcpStream),
    Tls {
        stream: Box<TlsStream<TcpStream>>,
        /// The upstream chose h2.
        http2: bool,
    },
}

impl Connector {
    /// To the scheme, host and port of `uri`.
    pub(super) fn new(upstream: &Upstream, uri: Uri, mut tls: rustls::ClientConfig) -> Connector {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEP_ALIVE));
        // Shared by the addresses that a name has, so that one which is silent leaves time for the others.
        tcp.set_connect_timeout(Some(upstream.timeouts.connect));
        tls.alpn_protocols = match upstream.protocol {
            Protocol::Auto => vec![H2.to_vec(), b"http/1.1".to_vec()],
            // What knows no ALPN is offered none, as ever.
            Protocol::Http1 => vec![],
            Protocol::Http2 => vec![H2.to_vec()],
        };
        Connector { uri, tcp, tls: TlsConnector::from(Arc::new(tls)), timeouts: upstream.timeouts }
    }

    pub(super) async fn connect(&self) -> Result<Connected, ConnectionError> {
        let stream = self.tcp().await?;
        if self.uri.scheme() == Some(&Scheme::HTTP) {
            return Ok(Connected::Plain(stream));
        }
        let stream = self.tls(stream).await?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(H2);
        Ok(Connected::Tls { stream: Box::new(stream), http2 })
    }

    /// The name is looked up, and its addresses are tried in turn, both families beside each other.
    async fn tcp(&self) -> Result<TcpStream, ConnectionError> {
        let connecting = timeout(self.timeouts.connect, self.tcp.clone().call(self.uri.clone()));
        let connected = connecting.await.map_err(|_| ConnectionError::ConnectTimeout)?;
        connected.map(TokioIo::into_inner).map_err(|error| {
            if timed_out(&error) {
                ConnectionError::ConnectTimeout
            } else {
                ConnectionError::Connect(innermost(&error))
            }
        })
    }

    async fn tls(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, ConnectionError> {
        let host = self.uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host).map_err(|error| ConnectionError::Tls(error.to_string()))?;
        let shaken = timeout(self.timeouts.tls, self.tls.connect(name, stream)).await;
        shaken.map_err(|_| ConnectionError::TlsTimeout)?.map_err(|error| ConnectionError::Tls(innermost(&error)))
    }
}

/// Whether the connector's share for one address has passed, or the kernel has given up.
fn timed_out(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return true;
        }
        cause = error.source();
    }
    false
}

const H2: &[u8] = b"h2";

/// Between probes of the kernel's on a silent connection.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
