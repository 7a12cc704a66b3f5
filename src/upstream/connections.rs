//! Connections to one upstream, kept open between requests.
//!
//! Each worker has its own, so that a request never leaves its thread. A connection is returned by its reply's body
//! once that was read to its end; a body that is dropped before closes the connection with it.

mod connect;
mod failure;

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

pub(super) use self::failure::ConnectionError;

use self::connect::{Connected, Connector};
use self::failure::{SendError, Unprocessed, h2_cause, innermost, is_refusal};
use super::config::{Protocol, Upstream};

pub(super) struct Connections {
    protocol: Protocol,
    connector: Connector,
    idle: Arc<Mutex<Vec<Idle>>>,
    shared: Mutex<Vec<Multiplexed>>,
    /// The upstream was found to speak h2.
    negotiated: AtomicBool,
    /// Held while connecting to an upstream that speaks h2, so that a burst opens one connection and not one each. Holds
    /// when that last failed, and why: whoever waited for it has failed too, and does not try as long again.
    opening: tokio::sync::Mutex<Option<(Instant, ConnectionError)>>,
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
    opened: Instant,
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
/// An h2 connection of this age was not kept. Those whom another one turned away together come back together, and share it.
const FRESH: Duration = Duration::from_secs(1);
/// How often an h2 connection with open streams is asked whether it is alive, and how long it may take to say so.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How much of an answer is read ahead of a client that does not take it: with what the client's own connection holds,
/// no more than 64 KiB (promise R16). hyper holds one buffer that was read, and one that is being filled.
const READ_AHEAD_MAX: usize = 32 << 10;
/// Slow streams take nothing from the others of their connection, however many there are.
const CONNECTION_WINDOW: usize = READ_AHEAD_MAX * STREAMS_MAX;

impl Connections {
    pub(super) fn new(upstream: &Upstream, tls: rustls::ClientConfig) -> Result<Connections, http::Error> {
        let uri = Uri::builder()
            .scheme(upstream.base.scheme.clone())
            .authority(upstream.base.authority.clone())
            .path_and_query("/")
            .build()?;
        Ok(Connections {
            protocol: upstream.protocol,
            connector: Connector::new(upstream, uri, tls),
            idle: Arc::default(),
            shared: Mutex::default(),
            negotiated: AtomicBool::new(false),
            opening: tokio::sync::Mutex::default(),
        })
    }

    /// Sends a request whose target is in absolute form; HTTP/1.1 gets the path and a `Host` header of it. With `fresh`
    /// it takes no connection that was kept from before.
    ///
    /// A request that was not processed was no attempt: it is sent once more on another connection.
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        fresh: bool,
    ) -> Result<(Response<Incoming>, Lease), ConnectionError> {
        let mut request = request;
        let mut fresh = fresh;
        let mut turned_away = false;
        loop {
            let (sender, reused) = self.checkout(fresh).await?;
            let SendError { cause, unprocessed } = match self.send_on(sender, request).await {
                Ok(answered) => return Ok(answered),
                Err(error) => error,
            };
            request = match unprocessed {
                // A kept connection was closed before any byte of the request went out, which happens to all of them.
                Some(Unprocessed::Unsent(returned)) if reused => returned,
                Some(Unprocessed::Unsent(returned) | Unprocessed::Refused(returned)) if !turned_away => {
                    turned_away = true;
                    returned
                }
                Some(_) => return Err(ConnectionError::Refused(cause)),
                None => return Err(ConnectionError::Broken { cause, reused }),
            };
            fresh = true;
        }
    }

    /// A connection, and whether it has served before.
    async fn checkout(&self, fresh: bool) -> Result<(Sender, bool), ConnectionError> {
        let kept = if fresh { None } else { self.kept() };
        match kept {
            Some(sender) => Ok((sender, true)),
            None => Ok((self.open(fresh).await?, false)),
        }
    }

    /// A connection that is open already.
    fn kept(&self) -> Option<Sender> {
        if let Some(multiplexed) = self.multiplexed(false) {
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

    fn multiplexed(&self, fresh: bool) -> Option<Multiplexed> {
        let mut shared = lock(&self.shared);
        if shared.is_empty() {
            return None;
        }
        shared.retain(|each| !each.sender.is_closed());
        let mut candidates = shared.iter().filter(|each| !fresh || each.opened.elapsed() < FRESH);
        candidates.find(|each| each.streams.load(Ordering::Relaxed) < STREAMS_MAX).cloned()
    }

    async fn open(&self, fresh: bool) -> Result<Sender, ConnectionError> {
        if self.protocol != Protocol::Http2 && !self.negotiated.load(Ordering::Relaxed) {
            return self.connect().await;
        }
        let asked = Instant::now();
        let mut failed = self.opening.lock().await;
        // Whoever waited for the lock finds what its holder found: a connection, or that there is none.
        if let Some(multiplexed) = self.multiplexed(fresh) {
            return Ok(Sender::Multiplexed(multiplexed));
        }
        if let Some((at, error)) = &*failed
            && *at >= asked
        {
            return Err(error.clone());
        }
        let connected = self.connect().await;
        *failed = connected.as_ref().err().map(|error| (Instant::now(), error.clone()));
        // Whoever asks for a fresh one trusts none of the others. They end with their streams, so that none is left over.
        if let (true, Ok(Sender::Multiplexed(multiplexed))) = (fresh, &connected) {
            lock(&self.shared).retain(|each| Arc::ptr_eq(&each.streams, &multiplexed.streams));
        }
        connected
    }

    async fn connect(&self) -> Result<Sender, ConnectionError> {
        let prior_knowledge = self.protocol == Protocol::Http2;
        match self.connector.connect().await? {
            Connected::Plain(stream) => self.begin(TokioIo::new(stream), prior_knowledge).await,
            Connected::Tls { stream, http2 } => self.begin(TokioIo::new(stream), prior_knowledge || http2).await,
        }
    }

    /// Begins to speak HTTP on what was connected.
    async fn begin<I>(&self, io: I, http2: bool) -> Result<Sender, ConnectionError>
    where
        I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    {
        self.negotiated.store(http2, Ordering::Relaxed);
        let failed = |error: hyper::Error| ConnectionError::Connect(innermost(&error));
        if http2 {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.timer(TokioTimer::new()).keep_alive_interval(KEEP_ALIVE).keep_alive_timeout(KEEP_ALIVE);
            builder.initial_stream_window_size(READ_AHEAD_MAX as u32);
            builder.initial_connection_window_size(CONNECTION_WINDOW as u32);
            let (sender, connection) = builder.handshake(io).await.map_err(failed)?;
            drive(connection);
            let multiplexed = Multiplexed { sender, streams: Arc::default(), opened: Instant::now() };
            lock(&self.shared).push(multiplexed.clone());
            return Ok(Sender::Multiplexed(multiplexed));
        }
        let handshake = http1::Builder::new().max_buf_size(READ_AHEAD_MAX / 2).handshake(io);
        let (sender, connection) = handshake.await.map_err(failed)?;
        drive(connection);
        Ok(Sender::Exclusive(sender))
    }

    async fn send_on(
        &self,
        sender: Sender,
        request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Lease), SendError> {
        match sender {
            Sender::Exclusive(sender) => self.send_alone(sender, request).await,
            Sender::Multiplexed(multiplexed) => self.send_among_others(multiplexed, request).await,
        }
    }

    async fn send_alone(
        &self,
        mut sender: http1::SendRequest<Full<Bytes>>,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Lease), SendError> {
        let target = request.uri().path_and_query().cloned();
        *request.uri_mut() = target.map(Uri::from).unwrap_or_default();
        let answered = sender.try_send_request(request).await;
        let response = answered.map_err(|error| SendError::new(error, |unsent| unsent.map(Unprocessed::Unsent)))?;
        Ok((response, Lease::Exclusive { sender, idle: self.idle.clone() }))
    }

    async fn send_among_others(
        &self,
        mut multiplexed: Multiplexed,
        request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Lease), SendError> {
        multiplexed.streams.fetch_add(1, Ordering::Relaxed);
        let count = StreamCount(multiplexed.streams.clone());
        let mut sent = request.clone();
        sent.headers_mut().remove(http::header::HOST);
        let error = match multiplexed.sender.try_send_request(sent).await {
            Ok(response) => return Ok((response, Lease::Stream { _count: count })),
            Err(error) => error,
        };
        let refused = is_refusal(error.error());
        // What a single stream was told says nothing of the connection, unless it has room for none.
        if refused || !h2_cause(error.error()).is_some_and(h2::Error::is_reset) {
            self.forget(&multiplexed);
        }
        Err(SendError::new(error, |unsent| match unsent {
            Some(_) => Some(Unprocessed::Unsent(request)),
            None => refused.then_some(Unprocessed::Refused(request)),
        }))
    }

    /// No other request is sent on it. Its open streams go on.
    fn forget(&self, multiplexed: &Multiplexed) {
        lock(&self.shared).retain(|each| !Arc::ptr_eq(&each.streams, &multiplexed.streams));
    }
}

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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
