//! Connections to one upstream, kept open between requests.
//!
//! Each worker has its own, so that a request never leaves its thread. A connection is returned by its reply's body
//! once that was read to its end; a body that is dropped before closes the connection with it.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower_service::Service;

use super::config::{Protocol, Upstream};

/// Why no connection could be had, or why it broke before an answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error("cannot connect: {0}")]
    Connect(String),
    #[error("no connection within the connect timeout")]
    ConnectTimeout,
    #[error("the connection broke before the answer: {error}")]
    Broken {
        error: hyper::Error,
        /// It had served before: the upstream may have closed it just as the request was sent.
        reused: bool,
    },
}

pub(super) struct Connections {
    uri: Uri,
    protocol: Protocol,
    connect_timeout: Duration,
    connector: HttpsConnector<HttpConnector>,
    idle: Arc<Mutex<Vec<Idle>>>,
    shared: Mutex<Vec<Multiplexed>>,
    /// The upstream was found to speak h2.
    negotiated: AtomicBool,
    /// Held while connecting to an upstream that speaks h2, so that a burst opens one connection and not one each.
    opening: tokio::sync::Mutex<()>,
}

pub(super) struct Idle {
    sender: http1::SendRequest<Full<Bytes>>,
    since: Instant,
}

/// An h2 connection and how many streams are open on it.
#[derive(Clone)]
struct Multiplexed {
    sender: http2::SendRequest<Full<Bytes>>,
    streams: Arc<AtomicUsize>,
}

/// Held by a reply's body: what becomes of the connection depends on whether the body was read to its end.
pub(super) enum Lease {
    Exclusive {
        sender: http1::SendRequest<Full<Bytes>>,
        idle: Arc<Mutex<Vec<Idle>>>,
    },
    /// Counts as open until it is dropped.
    Stream {
        _count: StreamCount,
    },
}

pub(super) struct StreamCount(Arc<AtomicUsize>);

/// Most servers close idle connections after 60 s or more; ours must be the earlier.
const IDLE_MAX: Duration = Duration::from_secs(50);
/// Idle HTTP/1.1 connections kept for each worker and upstream.
const IDLE_CONNECTIONS_MAX: usize = 512;
/// Servers commonly allow 100 streams on a connection.
const STREAMS_MAX: usize = 96;

impl Connections {
    pub(super) fn new(upstream: &Upstream, tls: rustls::ClientConfig) -> Result<Connections, http::Error> {
        let uri = Uri::builder()
            .scheme(upstream.base.scheme.clone())
            .authority(upstream.base.authority.clone())
            .path_and_query("/")
            .build()?;
        Ok(Connections {
            uri,
            protocol: upstream.protocol,
            connect_timeout: upstream.connect_timeout,
            connector: connector(upstream, tls),
            idle: Arc::default(),
            shared: Mutex::default(),
            negotiated: AtomicBool::new(false),
            opening: tokio::sync::Mutex::default(),
        })
    }

    /// Sends a request whose target is in absolute form; HTTP/1.1 gets the path and a `Host` header of it.
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        fresh: bool,
    ) -> Result<(Response<Incoming>, Lease), ConnectionError> {
        let mut request = request;
        let mut fresh = fresh;
        loop {
            let (sender, reused) = self.checkout(fresh).await?;
            match sender.send(request, &self.idle).await {
                Ok(answered) => return Ok(answered),
                // The connection was closed before any byte of the request went out: this was no attempt.
                Err(SendError { unsent: Some(returned), .. }) if reused => {
                    request = returned;
                    fresh = true;
                }
                Err(SendError { error, .. }) => return Err(ConnectionError::Broken { error, reused }),
            }
        }
    }

    /// A connection, and whether it has served before. A fresh one is asked for where a kept one was broken.
    async fn checkout(&self, fresh: bool) -> Result<(Sender, bool), ConnectionError> {
        if fresh {
            lock(&self.shared).clear();
        } else if let Some(sender) = self.open_one() {
            return Ok((sender, true));
        }
        let connecting = tokio::time::timeout(self.connect_timeout, self.open());
        connecting.await.map_err(|_| ConnectionError::ConnectTimeout)?
    }

    /// A connection that is open already.
    fn open_one(&self) -> Option<Sender> {
        if let Some(multiplexed) = self.open_multiplexed() {
            return Some(Sender::Multiplexed(multiplexed));
        }
        let mut idle = lock(&self.idle);
        while let Some(candidate) = idle.pop() {
            if candidate.sender.is_ready() && candidate.since.elapsed() < IDLE_MAX {
                return Some(Sender::Exclusive(candidate.sender));
            }
        }
        None
    }

    fn open_multiplexed(&self) -> Option<Multiplexed> {
        let mut shared = lock(&self.shared);
        if shared.is_empty() {
            return None;
        }
        shared.retain(|each| !each.sender.is_closed());
        shared.iter().find(|each| each.streams.load(Ordering::Relaxed) < STREAMS_MAX).cloned()
    }

    async fn open(&self) -> Result<(Sender, bool), ConnectionError> {
        let multiplexes = self.protocol == Protocol::Http2 || self.negotiated.load(Ordering::Relaxed);
        let opening = if multiplexes { Some(self.opening.lock().await) } else { None };
        // Whoever waited for the lock finds the connection that its holder opened.
        if opening.is_some()
            && let Some(multiplexed) = self.open_multiplexed()
        {
            return Ok((Sender::Multiplexed(multiplexed), true));
        }
        let connected = self.connector.clone().call(self.uri.clone()).await;
        let io = connected.map_err(|error| ConnectionError::Connect(innermost(&*error)))?;
        let http2 = self.protocol == Protocol::Http2 || io.connected().is_negotiated_h2();
        let handshake = |error: hyper::Error| ConnectionError::Connect(innermost(&error));
        if http2 {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.timer(TokioTimer::new()).keep_alive_interval(KEEP_ALIVE).keep_alive_timeout(KEEP_ALIVE);
            let (sender, connection) = builder.handshake(io).await.map_err(handshake)?;
            drive(connection);
            let multiplexed = Multiplexed { sender, streams: Arc::default() };
            lock(&self.shared).push(multiplexed.clone());
            self.negotiated.store(true, Ordering::Relaxed);
            return Ok((Sender::Multiplexed(multiplexed), false));
        }
        let (sender, connection) = http1::handshake(io).await.map_err(handshake)?;
        drive(connection);
        Ok((Sender::Exclusive(sender), false))
    }
}

/// How often an h2 connection with open streams is asked whether it is alive, and how long it may take to say so.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

impl Lease {
    /// The body was read to its end, so the connection may serve again.
    pub(super) fn give_back(self) {
        if let Lease::Exclusive { sender, idle } = self
            && !sender.is_closed()
        {
            let mut idle = lock(&idle);
            if idle.len() < IDLE_CONNECTIONS_MAX {
                idle.push(Idle { sender, since: Instant::now() });
            }
        }
    }
}

impl Drop for StreamCount {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

enum Sender {
    Exclusive(http1::SendRequest<Full<Bytes>>),
    Multiplexed(Multiplexed),
}

struct SendError {
    error: hyper::Error,
    /// The request, where no byte of it went out.
    unsent: Option<Request<Full<Bytes>>>,
}

impl Sender {
    async fn send(
        self,
        mut request: Request<Full<Bytes>>,
        idle: &Arc<Mutex<Vec<Idle>>>,
    ) -> Result<(Response<Incoming>, Lease), SendError> {
        let failed = |mut error: hyper::client::conn::TrySendError<Request<Full<Bytes>>>| SendError {
            unsent: error.take_message(),
            error: error.into_error(),
        };
        match self {
            Sender::Exclusive(mut sender) => {
                let target = request.uri().path_and_query().cloned();
                *request.uri_mut() = target.map(Uri::from).unwrap_or_default();
                let response = sender.try_send_request(request).await.map_err(failed)?;
                Ok((response, Lease::Exclusive { sender, idle: idle.clone() }))
            }
            Sender::Multiplexed(mut multiplexed) => {
                multiplexed.streams.fetch_add(1, Ordering::Relaxed);
                let count = StreamCount(multiplexed.streams.clone());
                request.headers_mut().remove(http::header::HOST);
                let response = multiplexed.sender.try_send_request(request).await.map_err(failed)?;
                Ok((response, Lease::Stream { _count: count }))
            }
        }
    }
}

fn connector(upstream: &Upstream, tls: rustls::ClientConfig) -> HttpsConnector<HttpConnector> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(Duration::from_secs(60)));
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    match upstream.protocol {
        Protocol::Auto => builder.enable_http1().enable_http2().wrap_connector(tcp),
        Protocol::Http1 => builder.enable_http1().wrap_connector(tcp),
        Protocol::Http2 => builder.enable_http2().wrap_connector(tcp),
    }
}

/// Runs a connection until it closes. It ends with its last handle or with the worker, so nothing waits for it.
fn drive(connection: impl Future<Output = hyper::Result<()>> + Send + 'static) {
    let run = async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "an upstream connection closed with an error");
        }
    };
    #[expect(clippy::disallowed_methods, reason = "upstream connections are driven beside the requests they serve")]
    tokio::spawn(run);
}

/// The deepest cause: connectors wrap `connection refused` in several layers that say less.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
