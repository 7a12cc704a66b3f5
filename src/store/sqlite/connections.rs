//! Connections to one SQLite file, and the queue in front of them.
//!
//! SQLite blocks its thread, so every call runs in tokio's blocking pool. A lane bounds how many run, how many wait
//! and how long: an ill disk then costs as many threads as there are connections, and callers an error in time.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use tokio::sync::Semaphore;

use super::engine;
use crate::store::{Outage, StoreError};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Lookups; the engine itself refuses this one to write.
    Read,
    Write,
    /// A look at a file that must stay as it is, down to its journal mode.
    Look,
}

/// Connections that do the same kind of work.
pub(super) struct Lane {
    connections: Vec<Mutex<Connection>>,
    /// One for each connection. Held by the blocking task and not by its caller, who may have gone.
    turns: Arc<Semaphore>,
    /// One for each call that runs or waits.
    places: Semaphore,
    waiting_max: usize,
    patience: Duration,
}

impl Lane {
    pub(super) fn new(connections: Vec<Connection>, waiting_max: usize, patience: Duration) -> Lane {
        Lane {
            turns: Arc::new(Semaphore::new(connections.len())),
            places: Semaphore::new(connections.len() + waiting_max),
            connections: connections.into_iter().map(Mutex::new).collect(),
            waiting_max,
            patience,
        }
    }

    /// Runs `work` on a free connection, and answers within the lane's patience in any case.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Ok(_place) = self.places.try_acquire() else {
            return Err(StoreError::Unavailable(Outage::Overloaded(self.waiting_max)));
        };
        let answer = tokio::time::timeout(self.patience, self.take_turn(work)).await;
        answer.unwrap_or(Err(StoreError::Unavailable(Outage::Slow(self.patience))))
    }

    async fn take_turn<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| worker_gone())?;
        let lane = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&mut lane.free_connection())
        });
        task.await.unwrap_or_else(|_| Err(worker_gone()))
    }

    /// Whoever has a turn finds a connection free. A panic while it was held poisons a lock and harms nothing: the
    /// transaction was rolled back on the way out.
    fn free_connection(&self) -> MutexGuard<'_, Connection> {
        let free = self.connections.iter().find_map(|connection| match connection.try_lock() {
            Ok(free) => Some(free),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        free.unwrap_or_else(|| self.connections[0].lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn worker_gone() -> StoreError {
    StoreError::Unavailable(Outage::Worker)
}

/// Makes a missing file before SQLite would, which asks the umask who may read the hashes. The `-wal` and `-shm` files
/// take over its mode. A file that is there already is not even opened: to close it again would drop the locks that
/// this process' other connections hold on it (POSIX, fcntl).
pub(super) fn create_file(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(reason) => Err(StoreError::Unavailable(Outage::File { path: path.to_owned(), reason })),
    }
}

pub(super) fn connect(path: &Path, access: Access) -> Result<Connection, StoreError> {
    // Not FULL_MUTEX: the lane's locks see to it that one thread at a time holds a connection.
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX
        | match access {
            Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Access::Write | Access::Look => OpenFlags::SQLITE_OPEN_READ_WRITE,
        };
    let mut connection = Connection::open_with_flags(path, flags).map_err(engine)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(engine)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(engine)?;
    if access == Access::Write {
        // Taken at the start, the write lock is waited for; taken in the middle of a transaction, it fails at once.
        connection.set_transaction_behavior(TransactionBehavior::Immediate);
        enter_wal(&connection)?;
        // A power cut may lose the last writes and never harms the file.
        connection.pragma_update(None, "synchronous", "NORMAL").map_err(engine)?;
    }
    Ok(connection)
}

/// Some network file systems cannot share memory between processes; there the engine stays in another mode and
/// says so in its answer alone.
fn enter_wal(connection: &Connection) -> Result<(), StoreError> {
    let mode = ask_for_wal(connection).map_err(engine)?;
    if mode != "wal" {
        return Err(StoreError::Unavailable(Outage::Engine("this file system cannot hold a WAL database".to_owned())));
    }
    Ok(())
}

/// Where several processes make one file at the same moment, the engine does not wait for the others here as it does
/// everywhere else: it answers "busy" at once, so the waiting is done by hand.
fn ask_for_wal(connection: &Connection) -> rusqlite::Result<String> {
    let began = Instant::now();
    loop {
        let mode = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0));
        match mode {
            Err(error) if is_busy(&error) && began.elapsed() < BUSY_TIMEOUT => std::thread::sleep(WAL_RETRY),
            answer => return answer,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// A writer in another process holds the lock for milliseconds; one that takes longer is stuck.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// About as long as making a schema takes.
const WAL_RETRY: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn lane(waiting_max: usize, patience: Duration) -> Arc<Lane> {
        Arc::new(Lane::new(vec![Connection::open_in_memory().unwrap()], waiting_max, patience))
    }

    /// Occupies the lane's only connection until the sender is dropped.
    async fn occupy(lane: &Arc<Lane>) -> (mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
        let (release, held) = mpsc::channel::<()>();
        let (began, mut has_begun) = tokio::sync::oneshot::channel();
        let lane = Arc::clone(lane);
        let task = tokio::spawn(async move {
            let work = move |_: &mut Connection| {
                let _ = began.send(());
                let _ = held.recv();
                Ok(())
            };
            let _ = lane.run(work).await;
        });
        (&mut has_begun).await.unwrap();
        (release, task)
    }

    #[tokio::test]
    async fn slow_connection_answers_unavailable_and_serves_again_once_free() {
        let lane = lane(4, Duration::from_millis(20));
        let (release, task) = occupy(&lane).await;
        let answer = lane.run(|_| Ok(())).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(Outage::Slow(_)))), "{answer:?}");
        drop(release);
        task.await.unwrap();
        // The blocking task lets go of its turn a moment after its caller gave up: wait for the turn itself.
        drop(lane.turns.acquire().await.unwrap());
        lane.run(|_| Ok(())).await.unwrap();
    }

    #[tokio::test]
    async fn one_call_more_than_may_wait_is_refused_at_once() {
        let lane = lane(1, Duration::from_secs(60));
        let (release, task) = occupy(&lane).await;
        let waiting = tokio::spawn({
            let lane = Arc::clone(&lane);
            async move { lane.run(|_| Ok(())).await }
        });
        while lane.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = lane.run(|_| Ok(())).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(Outage::Overloaded(1)))), "{refused:?}");
        drop(release);
        waiting.await.unwrap().unwrap();
        task.await.unwrap();
        lane.run(|_| Ok(())).await.unwrap();
    }

    #[tokio::test]
    async fn panic_on_a_connection_leaves_it_usable() {
        let lane = lane(1, Duration::from_secs(60));
        let answer: Result<(), _> = lane.run(|_| panic!("a bug in a query")).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(Outage::Worker))), "{answer:?}");
        lane.run(|_| Ok(())).await.unwrap();
    }
}
