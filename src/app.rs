//! The only wiring: a config becomes parts, parts become listeners, and all of it ends in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::account::Account;
use crate::admin::{self, Api};
use crate::auth::Authenticator;
use crate::config::Config;
use crate::cors::Cors;
use crate::health::Readiness;
use crate::limits::Limits;
use crate::manage::Manage;
use crate::proxy::{Proxy, Relayed, Rules};
use crate::route::RouteTable;
use crate::scan::Scan;
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
    #[error("cannot listen on {address}: {error} (set {key})")]
    Listen { address: SocketAddr, key: &'static str, error: io::Error },
    #[error("a worker cannot be started: {0}")]
    Worker(#[from] io::Error),
    #[error("an upstream's address cannot be used: {0}")]
    Address(#[from] http::Error),
}

/// How often the store is asked what has changed: a revoked key is refused within twice this.
const CHANGES_INTERVAL: Duration = Duration::from_millis(250);
/// How often revoked tokens that expired since are forgotten.
const RELOAD_INTERVAL: Duration = Duration::from_secs(600);
/// The config is read once, at the start.
const GENERATION: u64 = 1;
/// How often the times of last use are written.
const LAST_USED_INTERVAL: Duration = Duration::from_secs(2);

impl App {
    /// Starts everything, and is ready when it returns.
    pub async fn start(config: Config) -> Result<App, StartError> {
        let sink = LogSink::stderr();
        telemetry::install(&config.telemetry, &sink);
        App::start_with(config, sink).await
    }

    /// Starts everything with log lines going to `sink`.
    pub async fn start_with(config: Config, sink: LogSink) -> Result<App, StartError> {
        let view = config.view(GENERATION);
        let directory = Arc::new(Directory::new(config.upstreams)?);
        let store = store::open(&config.store).await?;
        let account_prefix = config.auth.session.as_ref().map(|session| session.prefix.clone());
        let auth = Arc::new(Authenticator::open(config.auth.clone(), &store).await?);
        let manage = Arc::new(Manage::new(store.clone(), &config.auth, Some(auth.clone())));
        let api = Api::new(manage.clone(), auth.clone(), config.admin.token, view);
        let listener = listen(config.server.listen, "server.listen").await?;
        let admin_listener = listen(config.admin.listen, "admin.listen").await?;
        let address = listener.local_addr()?;
        let admin_address = admin_listener.local_addr()?;
        let readiness = Readiness::default();
        let rules = Arc::new(Rules {
            routes: RouteTable::new(&config.routes).with_account(account_prefix.as_deref()),
            cors: Cors::new(config.cors),
            auth: auth.clone(),
            account: Account::new(auth.clone(), manage.clone(), &config.prompt),
            limits: Limits::new(config.limits),
            prompt: config.prompt,
            scan: Scan::new(config.scan),
            trusted_peers: config.trusted_peers,
            readiness: readiness.clone(),
            telemetry: config.telemetry,
            sink: sink.clone(),
        });
        let (stop, draining) = Draining::new();
        let services = proxies(&rules, &directory, config.server.workers)?;
        let workers = Workers::start(services, &config.server, &draining)?;
        let accepting = spawn(workers.acceptor().accept(listener, draining.clone()));
        let background = vec![
            spawn(follow_changes(auth.clone())),
            spawn(refresh_issuers(auth.clone())),
            spawn(write_last_used(store.clone(), auth.clone())),
            spawn(serve_admin(admin_listener, readiness.clone(), api, draining)),
        ];
        readiness.set(true);
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
        self.readiness.set(false);
        self.stop.finish();
        tokio::time::sleep(self.drain_delay).await;
        self.stop.refuse();
        drop(self.accepting.await);
        let joined = tokio::task::spawn_blocking(move || self.workers.join()).await;
        drop(joined);
        for task in &self.background {
            task.abort();
        }
        if let Err(error) = self.auth.last_used().write(self.store.as_ref()).await {
            tracing::warn!(%error, "the last uses of keys could not be written");
        }
        tracing::info!("stopped");
        self.sink.flush();
    }
}

impl server::Service for Proxy {
    type Body = Relayed;

    async fn serve(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Relayed> {
        self.handle(request, peer).await
    }
}

fn proxies(rules: &Arc<Rules>, directory: &Arc<Directory>, count: usize) -> Result<Vec<Proxy>, http::Error> {
    (0..count).map(|_| Ok(Proxy::new(rules.clone(), Upstreams::new(directory.clone())?))).collect()
}

async fn listen(address: SocketAddr, key: &'static str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| StartError::Listen { address, key, error })
}

/// Forgets cached answers, and ends what was revoked, as soon as the store says so.
async fn follow_changes(auth: Arc<Authenticator>) {
    let mut interval = tokio::time::interval(CHANGES_INTERVAL);
    let mut reloaded = Instant::now();
    loop {
        interval.tick().await;
        let mut followed = auth.catch_up().await;
        if followed.is_ok() && reloaded.elapsed() >= RELOAD_INTERVAL {
            followed = auth.reload_revocations().await;
            reloaded = Instant::now();
        }
        if let Err(error) = followed {
            tracing::warn!(%error, "the store does not tell what has changed; cached answers end by their own time");
        }
    }
}

/// Keeps the keys of outside issuers fresh.
async fn refresh_issuers(auth: Arc<Authenticator>) {
    auth.jwt().refresh().await;
}

async fn write_last_used(store: Arc<dyn Store>, auth: Arc<Authenticator>) {
    let mut interval = tokio::time::interval(LAST_USED_INTERVAL);
    loop {
        interval.tick().await;
        if let Err(error) = auth.last_used().write(store.as_ref()).await {
            tracing::warn!(%error, "the last uses of keys could not be written");
        }
    }
}

async fn serve_admin(listener: TcpListener, readiness: Readiness, api: Api, mut draining: Draining) {
    let served = admin::serve(listener, readiness, api, async move { draining.refusing().await }).await;
    if let Err(error) = served {
        tracing::error!(%error, "the admin listener failed");
    }
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    #[expect(clippy::disallowed_methods, reason = "the app ends every task that it starts")]
    tokio::spawn(task)
}
