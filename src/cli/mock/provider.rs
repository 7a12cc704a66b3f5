//! The mock as a test holds it: a listener, its options, and what can be asked of it while it runs.

use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::Instant,
};

use super::{
    answer::Voice,
    faults::Faults,
    recording::{Journal, Recorded},
    schedule::{Dice, Moment},
    serve::serve,
    wire::{Connection, Wire},
};

/// How a provider behaves as long as it lives; its faults can be changed while it runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who answers, as the text of every answer says.
    pub name: String,
    /// Keep requests for [`Provider::requests`]. Off, nothing is kept and nothing can be waited for.
    pub record: bool,
    /// Honour faults that a request brings in its `x-mock-faults` header.
    pub header_faults: bool,
    /// Answer 401 unless this key comes as bearer token, or in Anthropic's dialect in `x-api-key`.
    pub required_key: Option<String>,
    /// Tokens of every text; `None` for as many as the text has.
    pub tokens: Option<usize>,
    /// The faults to begin with.
    pub faults: Faults,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: DEFAULT_NAME.to_owned(),
            record: true,
            header_faults: true,
            required_key: None,
            tokens: None,
            faults: Faults::default(),
        }
    }
}

/// The name of a mock that was given none.
pub(super) const DEFAULT_NAME: &str = "mock";

/// A running mock. Dropped, it stops as if killed, only without anyone waiting for it.
#[derive(Debug)]
pub struct Provider {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<()>,
}

impl Provider {
    /// Listens and serves HTTP/1.1 and HTTP/2 with prior knowledge. Port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says to the address.
    pub async fn start(listen: SocketAddr, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared::new(options));
        let (stop, stopped) = watch::channel(());
        #[expect(clippy::disallowed_methods, reason = "a fake provider stops by dropping its tasks")]
        tokio::spawn(accept(listener, Arc::clone(&shared), stopped));
        Ok(Self { addr, shared, stop })
    }

    /// Where it listens, with the real port.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The last 1,000 requests, oldest first.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.journal.requests()
    }

    /// How many requests arrived since the start or the last [`Provider::clear_requests`], kept or not.
    pub fn total(&self) -> usize {
        self.shared.journal.total()
    }

    /// How many of them had `#id-` and this id in their body, so that a caller can tell whether one was doubled.
    pub fn seen(&self, id: &str) -> usize {
        self.shared.journal.seen(id)
    }

    /// Forgets all requests, for a test with several acts.
    pub fn clear_requests(&self) {
        self.shared.journal.clear();
    }

    /// Waits until `count` requests arrived since the start or the last [`Provider::clear_requests`].
    pub async fn wait_for_requests(&self, count: usize) -> Vec<Recorded> {
        self.shared.journal.wait_for(count).await;
        self.requests()
    }

    /// Replaces the standing faults, for requests that arrive from now on, and closes the gate of [`Faults::hold`].
    pub fn set_faults(&self, faults: Faults) {
        self.shared.set_faults(faults);
    }

    /// Lets so many more events pass where [`Faults::hold`] holds them back. A stream's first event needs no release.
    pub fn release(&self, events: usize) {
        self.shared.standing().gate.add_permits(events);
    }

    /// Stops listening and resets every connection; both have happened when this returns.
    pub async fn kill(&self) {
        self.stop.send_replace(());
        // The listener's task and each connection's hold a receiver until they are gone.
        self.stop.closed().await;
    }
}

/// What all requests of a provider share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) name: String,
    pub(super) header_faults: bool,
    pub(super) required_key: Option<String>,
    pub(super) journal: Journal,
    tokens: Option<usize>,
    standing: Mutex<Arc<Standing>>,
    answered: AtomicU64,
}

/// The faults that hold for every request, and the gate that belongs to them: a request keeps those it began with.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) faults: Faults,
    pub(super) gate: Arc<Semaphore>,
    since: Instant,
    met: AtomicU64,
}

impl Standing {
    fn new(faults: Faults) -> Arc<Self> {
        let gate = Arc::new(Semaphore::new(0));
        Arc::new(Self { faults, gate, since: Instant::now(), met: AtomicU64::new(0) })
    }

    /// The moment of a request that meets these faults.
    pub(super) fn moment(&self, dice: Dice) -> Moment {
        Moment { earlier: self.met.fetch_add(1, Ordering::Relaxed), elapsed: self.since.elapsed(), dice }
    }
}

impl Shared {
    fn new(options: Options) -> Self {
        Self {
            name: options.name,
            header_faults: options.header_faults,
            required_key: options.required_key,
            journal: Journal::new(options.record),
            tokens: options.tokens,
            standing: Mutex::new(Standing::new(options.faults)),
            answered: AtomicU64::new(0),
        }
    }

    pub(super) fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.lock())
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        *self.lock() = Standing::new(faults);
    }

    /// The voice of the next answer.
    pub(super) fn voice(&self) -> Voice<'_> {
        let number = self.answered.fetch_add(1, Ordering::Relaxed);
        Voice::new(&self.name, self.tokens, number)
    }

    /// A panic elsewhere leaves a whole `Arc` behind: it is only ever swapped.
    fn lock(&self) -> MutexGuard<'_, Arc<Standing>> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Accepts until the provider is killed or dropped.
async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<()>) {
    loop {
        let accepted = tokio::select! {
            _ = stopped.changed() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                #[expect(clippy::disallowed_methods, reason = "a fake provider stops by dropping its tasks")]
                tokio::spawn(connection(stream, Arc::clone(&shared), stopped.clone()));
            }
            Err(error) => {
                // Most likely no file descriptors are left; asking again at once would only burn the processor.
                tracing::warn!(%error, "mock cannot accept");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Serves one connection until it ends, is reset by a fault, or the provider stops.
async fn connection(stream: TcpStream, shared: Arc<Shared>, mut stopped: watch::Receiver<()>) {
    // Without it an event could wait for the acknowledgement of the one before. A dead socket refuses, and is found dead.
    let _ = stream.set_nodelay(true);
    let connection = Arc::new(Connection::default());
    let wire = Wire::new(stream, Arc::clone(&connection));
    let service = service_fn(|request| serve(Arc::clone(&shared), Arc::clone(&connection), request));
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut serving = pin!(builder.serve_connection(TokioIo::new(wire), service));
    loop {
        tokio::select! {
            // hyper first: what it was given before the order to reset is written before the order is obeyed.
            biased;
            served = &mut serving => {
                if let Err(error) = served {
                    tracing::debug!(error, "mock connection ended");
                }
                return;
            }
            () = connection.reset_ordered() => return,
            () = connection.close_ordered() => serving.as_mut().graceful_shutdown(),
            _ = stopped.changed() => return connection.reset(),
        }
    }
}
