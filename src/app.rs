//! The only wiring: a config becomes parts, parts become listeners, and all of it ends in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::account::Account;
use crate::admin::{self, Api};
use crate::auth::{Authenticator, WriteError};
use crate::config::Config;
use crate::cors::Cors;
use crate::forever::forever;
use crate::health::Readiness;
use crate::limits::Limits;
use crate::manage::{Manage, Providers};
use crate::metrics::Metrics;
use crate::proxy::{Proxy, Relayed, Rules};
use crate::route::RouteTable;
use crate::scan::Scan;
use crate::seal::{self, Seals};
use crate::server::{self, Draining, Stop, Workers};
use crate::store::{self, Store, StoreError};
use crate::telemetry::{self, LogSink};
use crate::upstream::{Directory, DirectoryError, Upstreams};

/// A gate that listens.
pub struct App {
    address: SocketAddr,
    admin_address: SocketAddr,
    store: Arc<dyn Store>,
    auth: Arc<Authenticator>,
    manage: Arc<Manage>,
    readiness: Readiness,
    workers: Workers,
    stop: Stop,
    accepting: JoinHandle<()>,
    background: Vec<JoinHandle<()>>,
    drain_delay: Duration,
    sink: LogSink,
}

/// Why a gate does not start. Each names what to mend.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Upstreams(#[from] DirectoryError),
    #[error("a tenant's own provider keys cannot be opened: {0}")]
    Sealing(#[from] seal::KeyError),
    #[error("cannot listen on {address}: {error} (set {key})")]
    Listen { address: SocketAddr, key: &'static str, error: io::Error },
    #[error("a worker cannot be started: {0}")]
    Worker(#[from] io::Error),
    #[error("an upstream's address cannot be used: {0}")]
    Address(#[from] http::Error),
}

/// How long a start waits for the store's first word. Without it the gate serves all the same, and is not ready.
const FIRST_WORD_WAIT: Duration = Duration::from_secs(1);
/// The config is read once, at the start.
const GENERATION: u64 = 1;
/// How often the measures of upstreams are brought up to the moment; scrapers come seldomer.
const MEASURE_INTERVAL: Duration = Duration::from_secs(1);
/// How often what was gathered beside the requests is written.
const WRITE_INTERVAL: Duration = Duration::from_secs(2);

impl App {
    /// Starts everything, and is ready when it returns where the store answers at once. Where it does not, the gate
    /// refuses what it cannot check, and is ready as soon as the store was heard. A store that answers and is not fit
    /// is an error.
    pub async fn start(config: Config) -> Result<App, StartError> {
        let sink = LogSink::stderr();
        telemetry::install(&config.telemetry, &sink);
        App::start_with(config, sink).await
    }

    /// Starts everything with log lines going to `sink`.
    pub async fn start_with(config: Config, sink: LogSink) -> Result<App, StartError> {
        let view = config.view(GENERATION);
        let seals = Arc::new(Seals::new(config.sealing)?);
        let names = config.upstreams.upstreams.iter().map(|upstream| upstream.name.to_string()).collect();
        let providers = Providers::new(seals.clone(), names);
        let store = store::open(&config.store).await?;
        let account_prefix = config.auth.session.as_ref().map(|session| session.prefix.clone());
        let metrics = Arc::new(Metrics::new());
        let directory = Arc::new(Directory::new(config.upstreams, seals, metrics.clone())?);
        let stale_limit = config.store.stale_limit;
        let auth = Arc::new(Authenticator::new(config.auth.clone(), store.clone(), stale_limit, metrics.clone()));
        let manage = Arc::new(Manage::new(store.clone(), &config.auth, providers, Some(auth.clone())));
        let api = Api::new(manage.clone(), auth.clone(), config.admin.token, view);
        let listener = listen(config.server.listen, "server.listen").await?;
        let admin_listener = listen(config.admin.listen, "admin.listen").await?;
        let address = listener.local_addr()?;
        let admin_address = admin_listener.local_addr()?;
        let readiness = Readiness::new({
            let auth = auth.clone();
            move || auth.is_confirmed()
        });
        let rules = Arc::new(Rules {
            routes: RouteTable::new(&config.routes).with_account(account_prefix.as_deref()),
            cors: Cors::new(config.cors),
            auth: auth.clone(),
            account: Account::new(auth.clone(), manage.clone(), &config.prompt),
            limits: Limits::new(config.limits),
            prompt: config.prompt,
            scan: Scan::new(config.scan),
            metrics: metrics.clone(),
            trusted_peers: config.trusted_peers,
            readiness: readiness.clone(),
            telemetry: config.telemetry,
            sink: sink.clone(),
        });
        // Whoever comes early is not refused for want of a word that is on its way. What failed is asked again and told
        // by the task that follows.
        drop(tokio::time::timeout(FIRST_WORD_WAIT, auth.catch_up()).await);
        let (stop, draining) = Draining::new();
        let services = proxies(&rules, &directory, config.server.workers)?;
        let workers = Workers::start(services, &config.server, &draining)?;
        let accepting = spawn(workers.acceptor().accept(listener, draining.clone()));
        let heard = Arc::new(Notify::new());
        let background = vec![
            keep("listening to the store", (store.clone(), heard.clone()), listen_for_changes),
            keep("following changes", (auth.clone(), heard, config.store.poll_interval), follow_changes),
            keep("looking up keys", auth.clone(), look_up_keys),
            keep("refreshing issuers", auth.clone(), refresh_issuers),
            keep("checking upstreams", directory.clone(), check_upstreams),
            keep("measuring upstreams", directory.clone(), measure_upstreams),
            keep("writing what was gathered", auth.clone(), write_gathered),
            spawn(serve_admin(admin_listener, readiness.clone(), metrics, api, draining)),
        ];
        tracing::info!(%address, admin = %admin_address, workers = config.server.workers, "wardgate listens");
        let drain_delay = config.server.drain_delay;
        Ok(App {
            address,
            admin_address,
            store,
            auth,
            manage,
            readiness,
            workers,
            stop,
            accepting,
            background,
            drain_delay,
            sink,
        })
    }

    /// Where clients are served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// What changes tenants, keys and users of this gate.
    pub fn manage(&self) -> &Manage {
        &self.manage
    }

    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// Ends in order: not ready; connections finish while new ones are still accepted, until nobody sends any here;
    /// then the last answers; then what is left to write.
    pub async fn stop(self) {
        tracing::info!("stopping: not ready any more, finishing what is under way");
        self.readiness.end();
        self.stop.finish();
        tokio::time::sleep(self.drain_delay).await;
        self.stop.refuse();
        drop(self.accepting.await);
        let joined = tokio::task::spawn_blocking(move || self.workers.join()).await;
        drop(joined);
        for task in &self.background {
            task.abort();
        }
        tell_unwritten(&self.auth.write_gathered().await);
        tracing::info!("stopped");
        self.sink.flush();
    }
}

impl server::Service for Proxy {
    type Body = Relayed;

    async fn serve(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Relayed> {
        self.handle(request, peer).await
    }

    fn close_streams(&self) {
        Proxy::close_streams(self);
    }
}

fn proxies(rules: &Arc<Rules>, directory: &Arc<Directory>, count: usize) -> Result<Vec<Proxy>, http::Error> {
    (0..count).map(|_| Ok(Proxy::new(rules.clone(), Upstreams::new(directory.clone())?))).collect()
}

async fn listen(address: SocketAddr, key: &'static str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| StartError::Listen { address, key, error })
}

/// Hears that something has changed.
async fn listen_for_changes((store, heard): (Arc<dyn Store>, Arc<Notify>)) {
    store.listen(&heard).await;
}

/// Forgets cached answers, and ends what was revoked, as soon as the store says so.
async fn follow_changes((auth, heard, poll_interval): (Arc<Authenticator>, Arc<Notify>, Duration)) {
    auth.follow(&heard, poll_interval).await;
}

/// Asks the store for the keys that requests present.
async fn look_up_keys(auth: Arc<Authenticator>) {
    auth.look_up_keys().await;
}

/// Keeps the keys of outside issuers fresh.
async fn refresh_issuers(auth: Arc<Authenticator>) {
    auth.jwt().refresh().await;
}

/// Asks upstreams for their health beside the requests.
async fn check_upstreams(directory: Arc<Directory>) {
    directory.watch_health().await;
}

async fn measure_upstreams(directory: Arc<Directory>) {
    let mut interval = tokio::time::interval(MEASURE_INTERVAL);
    loop {
        interval.tick().await;
        directory.measure();
    }
}

/// Writes what was gathered beside the requests.
async fn write_gathered(auth: Arc<Authenticator>) {
    let mut interval = tokio::time::interval(WRITE_INTERVAL);
    let mut failing = None;
    loop {
        interval.tick().await;
        let written = auth.write_gathered().await;
        // Told once, and not at every try of an outage.
        let failed = written.as_ref().err().map(std::mem::discriminant);
        if failed != failing {
            tell_unwritten(&written);
        }
        failing = failed;
    }
}

fn tell_unwritten(written: &Result<(), WriteError>) {
    match written {
        Ok(()) => {}
        Err(WriteError::LastUses(error)) => tracing::warn!(%error, "the last uses of keys could not be written"),
        Err(WriteError::Verifiers(error)) => tracing::warn!(%error, "the verifiers of keys could not be written yet"),
    }
}

async fn serve_admin(
    listener: TcpListener,
    readiness: Readiness,
    metrics: Arc<Metrics>,
    api: Api,
    mut draining: Draining,
) {
    let served = admin::serve(listener, readiness, metrics, api, async move { draining.refusing().await }).await;
    if let Err(error) = served {
        tracing::error!(%error, "the admin listener failed");
    }
}

/// A task that a defect of its own does not end.
fn keep<P, F>(name: &'static str, parts: P, task: fn(P) -> F) -> JoinHandle<()>
where
    P: Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    spawn(forever(name, move || task(parts.clone())))
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    #[expect(clippy::disallowed_methods, reason = "the app ends every task that it starts")]
    tokio::spawn(task)
}
