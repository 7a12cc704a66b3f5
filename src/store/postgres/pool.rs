//! The connections to a PostgreSQL, and the queue in front of them.
//!
//! Whatever the database does, a caller has an answer in time: so many calls run, so many wait, one more is refused at
//! once. A call that was given up takes its connection with it, so that no answer is ever read by another caller.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, PoolError, RecyclingMethod};
use tokio::sync::Semaphore;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use super::connect::Connector;
use super::failure;
use super::url::PostgresUrl;
use crate::store::{Config, Outage, Reach, StoreError};

/// A bounded set of connections, made when they are needed and again when they are lost. Clones share it.
#[derive(Clone)]
pub(super) struct Pool(Arc<Inner>);

struct Inner {
    connections: deadpool_postgres::Pool,
    connector: Connector,
    /// One for each call that runs or waits.
    places: Semaphore,
    /// The same for changes, so that those who wait for a lock keep nobody from asking.
    change_places: Semaphore,
    /// Half of the connections at most: changes that wait for a lock must not keep lookups waiting.
    transactions: Semaphore,
    waiting_max: usize,
    lookup_timeout: Duration,
}

/// A parameter of a statement, and its type: statements are never prepared, which no pooler in between could follow.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

impl Pool {
    /// Reads the credentials and connects to nothing: the database may be down. The runtime that this is called on
    /// carries the connections, for callers on any other.
    pub(super) fn open(url: &PostgresUrl, config: &Config) -> Result<Pool, StoreError> {
        let connector = Connector::new(url, config)?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(tokio_postgres::Config::new(), connector.clone(), recycling);
        let connections = deadpool_postgres::Pool::builder(manager).max_size(config.pool).build();
        let turns = (config.pool / 2).max(1);
        Ok(Pool(Arc::new(Inner {
            connections: connections.expect("a pool without timeouts needs no runtime of its own"),
            connector,
            places: Semaphore::new(config.pool + config.waiting_max),
            change_places: Semaphore::new(turns + config.waiting_max),
            transactions: Semaphore::new(turns),
            waiting_max: config.waiting_max,
            lookup_timeout: config.lookup_timeout,
        })))
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.0.connector
    }

    /// Runs one statement by itself. It is run again where a connection turns out to be lost, so it must be one that may
    /// run twice.
    pub(super) async fn query(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, StoreError> {
        self.bounded(&self.0.places, self.0.lookup_timeout, async {
            match self.query_once(sql, parameters).await {
                // Where one is lost, the others that lie idle are as well: a restart ends them all.
                Err(Refusal::Lost(_)) => {
                    self.0.connections.retain(|_, _| false);
                    self.query_once(sql, parameters).await.map_err(StoreError::from)
                }
                answer => answer.map_err(StoreError::from),
            }
        })
        .await
    }

    async fn query_once(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Refusal> {
        let mut lent = self.lend().await?;
        lent.begin();
        let answer = lent.client().query_typed(sql, parameters).await;
        lent.answered(answer)
    }

    /// Runs `work` in a transaction, as `wardgate_admin` and with the reach that is asked for. Where it fails, nothing of
    /// it is done; where it collides with another, it is run again.
    pub(super) async fn transaction<T, W>(
        &self,
        reach: &Reach,
        work: impl Fn(Transaction) -> W + Send,
    ) -> Result<T, StoreError>
    where
        T: Send,
        W: Future<Output = Result<T, StoreError>> + Send,
    {
        self.bounded(&self.0.change_places, CHANGE_TIMEOUT, async {
            let _turn = self.0.transactions.acquire().await.map_err(|_| StoreError::Unavailable(Outage::Worker))?;
            let mut tries = 1;
            loop {
                let begun = self.begin(reach).await?;
                match begun.run(&work).await {
                    Err(error) if failure::is_contention(&error) && tries < TRIES_MAX => tries += 1,
                    outcome => return outcome,
                }
            }
        })
        .await
    }

    async fn begin(&self, reach: &Reach) -> Result<Transaction, StoreError> {
        match self.begin_once(reach).await {
            Err(Refusal::Lost(_)) => {
                self.0.connections.retain(|_, _| false);
                self.begin_once(reach).await.map_err(StoreError::from)
            }
            begun => begun.map_err(StoreError::from),
        }
    }

    async fn begin_once(&self, reach: &Reach) -> Result<Transaction, Refusal> {
        let mut lent = self.lend().await?;
        lent.begin();
        let scope = reach.scope();
        let parameters: [Parameter<'_>; 1] = [(&scope, Type::TEXT)];
        // Both are on their way before the first is answered. Outside a transaction the second would do nothing.
        let client = lent.client();
        let (begun, scoped) = tokio::join!(client.batch_execute(BEGIN), client.query_typed(SCOPE, &parameters));
        if let Err(error) = begun.and(scoped.map(drop)) {
            // A transaction that failed halfway is still open.
            lent.state = State::Lost;
            return Err(error.into());
        }
        Ok(Transaction(Arc::new(Open { lent, failed: AtomicBool::new(false) })))
    }

    /// Answers within `patience` in any case, and at once where too many wait already.
    async fn bounded<T>(
        &self,
        places: &Semaphore,
        patience: Duration,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let Ok(_place) = places.try_acquire() else {
            return Err(StoreError::Unavailable(Outage::Overloaded(self.0.waiting_max)));
        };
        let answer = tokio::time::timeout(patience, work).await;
        answer.unwrap_or(Err(StoreError::Unavailable(Outage::Slow(patience))))
    }

    async fn lend(&self) -> Result<Lent, Refusal> {
        match self.0.connections.get().await {
            Ok(connection) => {
                Ok(Lent { connection: Some(connection), connector: self.0.connector.clone(), state: State::Idle })
            }
            Err(PoolError::Backend(error)) => Err(Refusal::Told(failure::told(&error))),
            Err(PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::Timeout(_))
            | Err(PoolError::PostCreateHook(_)) => Err(Refusal::Told(StoreError::Unavailable(Outage::Worker))),
        }
    }
}

/// Why a statement was not run.
enum Refusal {
    /// The connection was lost before the answer; another one may be in order.
    Lost(StoreError),
    Told(StoreError),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        let told = failure::told(&error);
        if failure::is_lost(&error) { Refusal::Lost(told) } else { Refusal::Told(told) }
    }
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> StoreError {
        match refusal {
            Refusal::Lost(error) | Refusal::Told(error) => error,
        }
    }
}

/// A transaction that is open. Clones share it; it ends when `work` has.
pub(super) struct Transaction(Arc<Open>);

struct Open {
    lent: Lent,
    /// A statement failed: the engine takes no other, and would answer COMMIT with a silent ROLLBACK.
    failed: AtomicBool,
}

impl Transaction {
    pub(super) async fn query(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, StoreError> {
        let answer = self.0.lent.client().query_typed(sql, parameters).await;
        answer.map_err(|error| {
            self.0.failed.store(true, Ordering::Relaxed);
            failure::told(&error)
        })
    }

    /// Commits what `work` did, or rolls it back.
    async fn run<T, W>(self, work: impl FnOnce(Transaction) -> W) -> Result<T, StoreError>
    where
        W: Future<Output = Result<T, StoreError>>,
    {
        let outcome = work(Transaction(Arc::clone(&self.0))).await;
        // Whoever still holds the other half keeps the connection from the pool, and from being committed.
        let open = Arc::into_inner(self.0).ok_or(StoreError::Unavailable(Outage::Worker))?;
        let failed = open.failed.into_inner();
        match outcome {
            Ok(done) if !failed => open.lent.end("COMMIT").await.map(|()| done),
            Ok(_) => {
                open.lent.end("ROLLBACK").await?;
                let state = SqlState::IN_FAILED_SQL_TRANSACTION.code().to_owned();
                Err(StoreError::Unavailable(Outage::Refused { state, name: "in_failed_sql_transaction" }))
            }
            Err(error) => {
                // Where this fails, the connection goes, and with it the transaction.
                let _ = open.lent.end("ROLLBACK").await;
                Err(error)
            }
        }
    }
}

/// A connection of the pool's. It goes back when it is dropped, unless an answer is still to come on it, or it is lost.
struct Lent {
    connection: Option<Object>,
    connector: Connector,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    /// An answer is still to come, or a transaction is open.
    Asking,
    Lost,
}

impl Lent {
    fn client(&self) -> &Client {
        self.connection.as_ref().expect("it is taken out in `drop` alone")
    }

    /// To be called before anything is sent, so that a caller who goes away leaves nothing behind.
    fn begin(&mut self) {
        self.state = State::Asking;
    }

    /// Takes note of the answer by which the connection is free again, or lost.
    fn answered<T>(&mut self, answer: Result<T, Error>) -> Result<T, Refusal> {
        self.state = match &answer {
            Err(error) if failure::is_lost(error) => State::Lost,
            Ok(_) | Err(_) => State::Idle,
        };
        answer.map_err(Refusal::from)
    }

    async fn end(mut self, sql: &str) -> Result<(), StoreError> {
        let answer = self.client().batch_execute(sql).await;
        self.answered(answer).map_err(StoreError::from)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if self.state == State::Idle {
            return;
        }
        // Out of the pool, which makes another; the connection itself ends as this is dropped.
        let connection = Object::take(connection);
        if self.state == State::Asking && !connection.is_closed() {
            self.connector.cancel(&connection);
        }
    }
}

const BEGIN: &str = "BEGIN; SET LOCAL ROLE wardgate_admin";

/// The server gives up a statement as soon as we do: where the request to cancel does not reach it, by itself.
const SCOPE: &str = "SELECT pg_catalog.set_config('app.current_tenant_id', $1, true), \
     pg_catalog.set_config('statement_timeout', '10s', true)";

/// Writers wait for each other's locks, and an operator or a background task can.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// A transaction that collided goes through next time, for the other one is done then.
const TRIES_MAX: usize = 4;

#[cfg(test)]
mod tests;
