//! The end of a process in order: not ready, then no new connections, then the last answers, then out.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

/// How far the process has come on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serving,
    /// Connections under way are told that this is their last request.
    Finishing,
    /// No connection is accepted any more.
    Refusing,
}

/// Tells how far the process has come; cloned to all who act on it.
#[derive(Clone)]
pub struct Draining(watch::Receiver<Stage>);

/// Moves the process on; dropping it ends it.
pub struct Stop(watch::Sender<Stage>);

impl Draining {
    pub fn new() -> (Stop, Draining) {
        let (sender, receiver) = watch::channel(Stage::Serving);
        (Stop(sender), Draining(receiver))
    }

    /// Comes back once connections are to finish.
    pub async fn finishing(&mut self) {
        self.reached(Stage::Finishing).await;
    }

    /// Comes back once no connection is to be accepted.
    pub async fn refusing(&mut self) {
        self.reached(Stage::Refusing).await;
    }

    async fn reached(&mut self, stage: Stage) {
        // The sender is gone only when the app is.
        drop(self.0.wait_for(|at| *at >= stage).await);
    }
}

impl Stop {
    pub fn finish(&self) {
        self.0.send_replace(Stage::Finishing);
    }

    pub fn refuse(&self) {
        self.0.send_replace(Stage::Refusing);
    }
}

/// One worker's connections: each holds a `Watch`, and the last one dropped ends the wait.
pub(super) struct Drain {
    draining: Draining,
    alive: mpsc::Sender<()>,
    gone: mpsc::Receiver<()>,
}

/// For one event to be written to whoever reads.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A connection's share in the drain.
pub(super) struct Watch {
    draining: Draining,
    _alive: mpsc::Sender<()>,
}

impl Drain {
    pub(super) fn new(draining: Draining) -> Drain {
        let (alive, gone) = mpsc::channel(1);
        Drain { draining, alive, gone }
    }

    pub(super) fn watch(&self) -> Watch {
        Watch { draining: self.draining.clone(), _alive: self.alive.clone() }
    }

    /// Waits for the last connection, for as long as `timeout`. Then it calls `close`, and waits once more for what that
    /// ends.
    pub(super) async fn finished(mut self, timeout: Duration, close: impl FnOnce()) {
        drop(self.alive);
        if tokio::time::timeout(timeout, self.gone.recv()).await.is_ok() {
            return;
        }
        tracing::warn!("the drain timeout is over: streams are told, and connections that are still open are closed");
        close();
        // What did not end by then is cut with the worker.
        drop(tokio::time::timeout(LAST_WORDS, self.gone.recv()).await);
    }
}

impl Watch {
    pub(super) async fn finishing(&mut self) {
        self.draining.finishing().await;
    }

    pub(super) async fn refusing(&mut self) {
        self.draining.refusing().await;
    }
}
