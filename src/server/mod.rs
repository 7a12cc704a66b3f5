//! Accepts connections, speaks HTTP/1.1 and h2 on them, and lets them finish when the process ends.
//!
//! One acceptor hands connections to workers in turn. A worker is a thread with a runtime and a service of its own, so
//! that a request is read, forwarded and answered on one core, without locks and wake-ups between threads.

mod drain;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};

use self::drain::Drain;
pub use self::drain::{Draining, Stop};

#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    /// Threads that serve requests.
    pub workers: usize,
    /// From a connection's opening, or the end of its last request, to the end of the next request's head.
    pub head_timeout: Duration,
    /// Streams that one HTTP/2 connection may have open.
    pub h2_streams_max: u32,
    /// How long requests under way may go on when the process is told to stop. Streams are then told that it ends, and
    /// connections closed within another second.
    pub drain_timeout: Duration,
    /// How long connections are still accepted after the process is told to stop, until nobody sends new ones here.
    pub drain_delay: Duration,
}

/// Longer than the pooled connections of the usual clients live idle.
pub const DEFAULT_HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// RFC 9113, section 6.5.2, recommends no fewer than 100.
pub const DEFAULT_H2_STREAMS_MAX: u32 = 256;
/// Kubernetes kills a pod 30 s after it told it to stop.
pub const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(25);
/// Endpoints take about this long to leave the load balancers of a cluster; a sidecar's app is gone by then.
pub const DEFAULT_DRAIN_DELAY: Duration = Duration::from_secs(2);
/// A head larger than this is answered 431.
const HEAD_BYTES_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 100;
/// Of each HTTP/2 stream, what its client does not read yet (promise R16). What HTTP/1.1 holds is bounded by the size of
/// an answer's pieces.
const SEND_BYTES_MAX: usize = 14 << 10;
/// How long the acceptor rests when the system is out of descriptors or memory.
const ACCEPT_REST: Duration = Duration::from_millis(50);
/// Connections that a worker may be behind by before the acceptor waits for it.
const HANDED_MAX: usize = 1024;

/// What a server serves.
pub trait Service: Send + Sync + 'static {
    type Body: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static;

    fn serve(&self, request: Request<Incoming>, peer: SocketAddr) -> impl Future<Output = Response<Self::Body>> + Send;

    /// The drain's time is over. Answers that can tell their clients so shall do it now and end; what is left is cut
    /// shortly after.
    fn close_streams(&self);
}

type Connection = (std::net::TcpStream, SocketAddr);

/// The threads that serve.
pub struct Workers {
    acceptor: Acceptor,
    threads: Vec<JoinHandle<()>>,
}

/// Hands connections to the workers, each in its turn.
#[derive(Clone)]
pub struct Acceptor(Vec<mpsc::Sender<Connection>>);

impl Workers {
    /// Starts a thread for each service. They end once the drain has, or its time is over.
    pub fn start<S: Service>(services: Vec<S>, config: &Config, draining: &Draining) -> io::Result<Workers> {
        let mut workers = Workers { acceptor: Acceptor(Vec::new()), threads: Vec::new() };
        for (number, service) in services.into_iter().enumerate() {
            let (hand, handed) = mpsc::channel(HANDED_MAX);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (config, draining) = (config.clone(), draining.clone());
            let serve = move || runtime.block_on(work(service, handed, config, draining));
            workers.threads.push(std::thread::Builder::new().name(format!("worker-{number}")).spawn(serve)?);
            workers.acceptor.0.push(hand);
        }
        Ok(workers)
    }

    pub fn acceptor(&self) -> Acceptor {
        self.acceptor.clone()
    }

    /// Waits for the workers' end, which comes after every acceptor's.
    pub fn join(self) {
        drop(self.acceptor);
        for thread in self.threads {
            // A worker that panicked has said so; the others' end still counts.
            drop(thread.join());
        }
    }
}

impl Acceptor {
    /// Accepts until `draining` says that nobody new is to be served; then the workers finish what they have.
    pub async fn accept(self, listener: TcpListener, mut draining: Draining) {
        let mut next = 0;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = draining.refusing() => return,
            };
            match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
                Ok(connection) => {
                    // A worker ends only with the process, and then so do the connections handed to it.
                    next = (next + 1) % self.0.len();
                    drop(self.0[next].send(connection).await);
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
    }
}

async fn work<S: Service>(service: S, mut handed: mpsc::Receiver<Connection>, config: Config, draining: Draining) {
    let service = Arc::new(service);
    let drain = Drain::new(draining);
    let builder = Arc::new(connection_builder(&config));
    while let Some((stream, peer)) = handed.recv().await {
        let Ok(stream) = TcpStream::from_std(stream) else { continue };
        let connection =
            serve_connection(stream, peer, service.clone(), builder.clone(), drain.watch(), config.head_timeout);
        #[expect(clippy::disallowed_methods, reason = "the drain below waits for every connection")]
        tokio::spawn(connection);
    }
    drain.finished(config.drain_timeout, || service.close_streams()).await;
}

fn connection_builder(config: &Config) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(config.head_timeout)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(config.h2_streams_max)
        .max_send_buf_size(SEND_BYTES_MAX)
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .keep_alive_interval(Some(config.head_timeout))
        .keep_alive_timeout(config.head_timeout);
    builder
}

async fn serve_connection<S: Service>(
    stream: TcpStream,
    peer: SocketAddr,
    service: Arc<S>,
    builder: Arc<auto::Builder<TokioExecutor>>,
    mut watch: drain::Watch,
    head_timeout: Duration,
) {
    // Small writes are whole events: none waits for the next.
    drop(stream.set_nodelay(true));
    // Which protocol is spoken is told by the first bytes, and a connection that sends none is held by nobody else.
    let first_bytes = tokio::time::timeout(head_timeout, stream.readable());
    tokio::select! {
        readable = first_bytes => if !matches!(readable, Ok(Ok(()))) { return },
        () = watch.refusing() => return,
    }
    let requested = Arc::new(Notify::new());
    let asked = requested.clone();
    let respond = service_fn(move |request| {
        asked.notify_one();
        let service = service.clone();
        async move { Ok::<_, Infallible>(service.serve(request, peer).await) }
    });
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), respond));
    // Whoever connected before the others were told not to gets an answer: a connection is ended behind a request.
    let last_request = async {
        watch.finishing().await;
        requested.notified().await;
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = last_request => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection closed with an error");
    }
}
