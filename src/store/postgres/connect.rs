//! One connection: TCP, TLS and login, all on the runtime that opened the store, whatever runtime asks.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::Connect;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Client, Connection, Error, Socket};

use super::tls::{self, Stream, Tls};
use super::url::PostgresUrl;
use crate::secret::{Secret, SecretSource};
use crate::store::{Config, Outage, StoreError};

/// Everything that a new connection needs.
#[derive(Clone)]
pub(super) struct Connector(Arc<Inner>);

struct Inner {
    url: PostgresUrl,
    source: Option<SecretSource>,
    /// The newest that could be read.
    held: Mutex<Credentials>,
    runtime: Handle,
    /// The host to begin with.
    first: AtomicUsize,
}

#[derive(Clone)]
struct Credentials {
    password: Option<Secret>,
    tls: Tls,
}

impl Connector {
    /// Reads password and certificates, and connects to nothing. The runtime that this is called on carries every
    /// connection.
    pub(super) fn new(url: &PostgresUrl, config: &Config) -> Result<Connector, StoreError> {
        let held = Mutex::new(read(url, config.password.as_ref()).map_err(StoreError::Unavailable)?);
        Ok(Connector(Arc::new(Inner {
            url: url.clone(),
            source: config.password.clone(),
            held,
            runtime: Handle::current(),
            first: AtomicUsize::new(0),
        })))
    }

    /// Opens a connection, which lives as long as the client, and ends at once when the task is aborted. `hear` gets
    /// what the server says unasked.
    pub(super) async fn connect(
        &self,
        hear: impl FnMut(AsyncMessage) + Send + 'static,
    ) -> Result<(Client, JoinHandle<()>), Error> {
        let connector = self.clone();
        // A set and not a task, so that a caller that goes away takes the attempt with it.
        let mut attempt = JoinSet::new();
        attempt.spawn_on(async move { connector.attempt(hear).await }, &self.0.runtime);
        match attempt.join_next().await {
            Some(Ok(connected)) => connected,
            Some(Err(ended)) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
            // The runtime is going down, and the caller's own patience ends the wait.
            Some(Err(_)) | None => pending().await,
        }
    }

    /// Asks one host after the other, beginning with the one that answered last.
    async fn attempt(
        &self,
        hear: impl FnMut(AsyncMessage) + Send + 'static,
    ) -> Result<(Client, JoinHandle<()>), Error> {
        let hosts = self.0.url.host_count();
        let first = self.0.first.load(Ordering::Relaxed);
        let mut tried = 0;
        loop {
            let host = (first + tried) % hosts;
            tried += 1;
            // Should the caller give up while this one is silent, the next attempt begins after it.
            self.0.first.store((host + 1) % hosts, Ordering::Relaxed);
            let asked = self.ask(host);
            let answer = if tried < hosts { timeout(HOST_TIMEOUT, asked).await } else { Ok(asked.await) };
            match answer {
                Ok(Ok((client, connection))) => {
                    self.0.first.store(host, Ordering::Relaxed);
                    return Ok((client, self.0.runtime.spawn(carry(connection, hear))));
                }
                Ok(Err(error)) if tried == hosts => return Err(error),
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }

    async fn ask(&self, host: usize) -> Result<(Client, Connection<Socket, Stream<Socket>>), Error> {
        let Credentials { password, tls } = self.credentials();
        let mut config = self.0.url.client_config(host, password.as_ref());
        config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(TCP_USER_TIMEOUT);
        config.keepalives_idle(KEEPALIVE_IDLE).keepalives_interval(KEEPALIVE_INTERVAL);
        config.keepalives_retries(KEEPALIVE_RETRIES);
        config.connect(tls).await
    }

    /// Asks the server to give up what it does for this client. Best effort: nobody waits for it.
    pub(super) fn cancel(&self, client: &Client) {
        let token = client.cancel_token();
        let tls = self.credentials().tls;
        self.0.runtime.spawn(async move {
            let _ = timeout(CONNECT_TIMEOUT, token.cancel_query(tls)).await;
        });
    }

    /// Password and certificates as the files have them now; those of before where they cannot be read, for a file that
    /// is being replaced is no outage.
    fn credentials(&self) -> Credentials {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        match read(&self.0.url, self.0.source.as_ref()) {
            Ok(credentials) => *held = credentials,
            Err(error) => {
                tracing::warn!(%error, "the store's credentials cannot be read anew; the old ones stay in force")
            }
        }
        held.clone()
    }
}

fn read(url: &PostgresUrl, password: Option<&SecretSource>) -> Result<Credentials, Outage> {
    let password = password.map(SecretSource::read).transpose().map_err(Outage::Password)?;
    let tls = tls::connector(url.tls()).map_err(Outage::Tls)?;
    Ok(Credentials { password, tls })
}

/// Moves bytes until either side ends. An error of the connection reaches whoever waits for an answer on it.
async fn carry(mut connection: Connection<Socket, Stream<Socket>>, mut hear: impl FnMut(AsyncMessage)) {
    while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
        hear(message);
    }
}

/// For the pool, which hands back the settings that it was made with: those here are newer.
impl Connect for Connector {
    fn connect(&self, _: &tokio_postgres::Config) -> Connecting<'_> {
        Box::pin(self.connect(drop))
    }
}

type Connecting<'a> = Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

/// For TCP alone, each address by itself; callers bound the whole.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// For TCP, TLS and login with a host that is not the last: so a lookup still has the time to ask the next one.
const HOST_TIMEOUT: Duration = Duration::from_millis(800);

/// Bytes that nobody acknowledges for so long end the connection.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that lies idle is found dead within about 20 seconds.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(3);
const KEEPALIVE_RETRIES: u32 = 3;
