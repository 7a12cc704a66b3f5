//! Hearing at once that something has changed: a connection of its own that listens, for ever and ever again.
//!
//! Hearing is for speed alone. Whoever is notified asks the feed what has changed, and asks it now and then without having
//! heard anything: a notification that is lost costs time and no revocation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Notification};

use super::failure;
use super::pool::Pool;
use crate::backoff::full_jitter;
use crate::store::{Hearing, Outage, StoreError};

/// Listens on a connection of its own, beside the pool's.
pub(super) struct Listener {
    pool: Pool,
    state: HearingState,
}

/// How changes are heard of at this moment.
#[derive(Default)]
struct HearingState(AtomicU8);

impl HearingState {
    fn hearing(&self) -> Hearing {
        match self.0.load(Ordering::Relaxed) {
            LISTENING => Hearing::Listening,
            POLLING => Hearing::Polling,
            _ => Hearing::Down,
        }
    }

    /// Whether it was another before.
    fn change(&self, to: Hearing) -> bool {
        let code = match to {
            Hearing::Down => DOWN,
            Hearing::Listening => LISTENING,
            Hearing::Polling => POLLING,
        };
        self.0.swap(code, Ordering::Relaxed) != code
    }
}

const DOWN: u8 = 0;
const LISTENING: u8 = 1;
const POLLING: u8 = 2;

/// Why a connection no longer listens.
enum End {
    Lost(StoreError),
    /// What was announced did not arrive, though both connections are well.
    Unheard,
}

impl Listener {
    pub(super) fn new(pool: Pool) -> Listener {
        Listener { pool, state: HearingState::default() }
    }

    pub(super) fn hearing(&self) -> Hearing {
        self.state.hearing()
    }

    /// Notifies `heard` of every announcement, and whenever some may have been missed. Never returns.
    pub(super) async fn listen(&self, heard: &Notify) {
        let mut failures = 0;
        loop {
            let rest = match self.session(heard, &mut failures).await {
                End::Unheard => {
                    if self.state.change(Hearing::Polling) {
                        tracing::warn!(
                            "the database's notifications do not arrive, as behind PgBouncer in transaction mode; changes are asked for instead"
                        );
                    }
                    failures = 0;
                    POLLING_REST
                }
                End::Lost(error) => {
                    if self.state.change(Hearing::Down) || failures == 0 {
                        tracing::warn!(%error, cause = cause(&error), "the connection that hears of changes is lost; it is made again");
                    }
                    failures += 1;
                    full_jitter(failures, BACKOFF_MIN, BACKOFF_MAX).max(BACKOFF_LEAST)
                }
            };
            tokio::time::sleep(rest).await;
        }
    }

    /// One connection, from its making to its end.
    async fn session(&self, heard: &Notify, failures: &mut u32) -> End {
        let ear = Arc::new(Ear { probe: format!("{PROBE}{}", uuid::Uuid::now_v7()), ..Ear::default() });
        let mut line = match self.open(ear.clone()).await {
            Ok(line) => line,
            Err(error) => return End::Lost(error),
        };
        match self.probe(&ear).await {
            Ok(true) => {}
            Ok(false) => return End::Unheard,
            Err(error) => return End::Lost(error),
        }
        *failures = 0;
        if self.state.change(Hearing::Listening) {
            tracing::info!("changes are heard of as they happen");
        }
        // Whatever was announced before this line stood, nobody heard.
        heard.notify_one();
        loop {
            tokio::select! {
                () = ear.announced.notified() => heard.notify_one(),
                _ = &mut line.task => return End::Lost(lost()),
                () = tokio::time::sleep(CHECK_INTERVAL) => match line.check().await {
                    Ok(()) => {}
                    Err(error) => return End::Lost(error),
                },
            }
        }
    }

    async fn open(&self, ear: Arc<Ear>) -> Result<Line, StoreError> {
        let connecting = self.pool.connector().connect(move |message| ear.hear(message));
        let connected = timeout(OPEN_TIMEOUT, connecting).await.map_err(|_| slow(OPEN_TIMEOUT))?;
        let (client, task) = connected.map_err(|error| failure::told(&error))?;
        let line = Line { client, task };
        line.run("LISTEN wardgate_changes").await?;
        Ok(line)
    }

    /// Whether an announcement on another connection, as every change makes it, arrives on this one.
    async fn probe(&self, ear: &Ear) -> Result<bool, StoreError> {
        self.pool.query(ANNOUNCE, &[(&ear.probe, Type::TEXT)]).await?;
        Ok(timeout(PROBE_TIMEOUT, ear.probed.notified()).await.is_ok())
    }
}

/// What the connection's task hears.
#[derive(Default)]
struct Ear {
    announced: Notify,
    probed: Notify,
    probe: String,
}

impl Ear {
    fn hear(&self, message: AsyncMessage) {
        let AsyncMessage::Notification(notification) = message else { return };
        self.hear_of(&notification);
    }

    /// Probes of other replicas announce nothing.
    fn hear_of(&self, notification: &Notification) {
        match notification.payload() {
            ours if ours == self.probe => self.probed.notify_one(),
            others if others.starts_with(PROBE) => {}
            _ => self.announced.notify_one(),
        }
    }
}

/// The connection that listens. It ends at once when it is dropped, although the other end may be silent.
struct Line {
    client: Client,
    task: JoinHandle<()>,
}

impl Line {
    /// That somebody is still there: a cable that was cut says nothing by itself.
    async fn check(&self) -> Result<(), StoreError> {
        self.run("SELECT 1").await
    }

    async fn run(&self, sql: &str) -> Result<(), StoreError> {
        let answer = timeout(ANSWER_TIMEOUT, self.client.batch_execute(sql)).await;
        answer.map_err(|_| slow(ANSWER_TIMEOUT))?.map_err(|error| failure::told(&error))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn slow(patience: Duration) -> StoreError {
    StoreError::Unavailable(Outage::Slow(patience))
}

fn lost() -> StoreError {
    StoreError::Unavailable(Outage::Unreachable("the connection was closed".to_owned()))
}

fn cause(error: &StoreError) -> String {
    std::error::Error::source(error).map_or_else(String::new, ToString::to_string)
}

const ANNOUNCE: &str = "SELECT pg_catalog.pg_notify('wardgate_changes', $1)";

/// What the payload of a probe begins with; a change's is empty.
const PROBE: &str = "probe ";

/// Name, TCP, TLS and login together.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// A notification arrives within milliseconds, or never.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// A pooler in between is seldom taken away, and each try costs one of its connections for a while.
const POLLING_REST: Duration = Duration::from_secs(5 * 60);

const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(2);
const BACKOFF_LEAST: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests;
