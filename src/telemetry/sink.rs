//! Lines go through a bounded buffer to one writer thread, so that a log sink that blocks costs lines and never
//! requests; what was dropped is counted and told (promise R46).

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Where lines go: standard error, through a bounded buffer and a writer thread of its own.
#[derive(Clone)]
pub struct LogSink(Arc<Shared>);

struct Shared {
    /// Whether a person reads the lines in colour.
    paints: bool,
    pending: Mutex<Pending>,
    filled: Condvar,
    written: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Pending {
    lines: Vec<u8>,
    /// The writer thread holds lines that it took and has not written yet.
    writing: bool,
}

/// Lines that a blocked sink may hold up before the next ones are dropped.
const BUFFER_BYTES_MAX: usize = 4 << 20;
/// How long lines may gather, so that a busy process writes in batches.
const GATHER: Duration = Duration::from_millis(20);

impl LogSink {
    pub fn stderr() -> LogSink {
        LogSink::new(io::stderr(), paints(&io::stderr()))
    }

    pub fn to(output: impl Write + Send + 'static) -> LogSink {
        LogSink::new(output, false)
    }

    fn new(output: impl Write + Send + 'static, paints: bool) -> LogSink {
        let shared = Arc::new(Shared {
            paints,
            pending: Mutex::new(Pending::default()),
            filled: Condvar::new(),
            written: Condvar::new(),
            dropped: AtomicU64::new(0),
        });
        let writer = shared.clone();
        let started = std::thread::Builder::new().name("log".into()).spawn(move || writer.drain(output));
        // Without its thread the buffer fills and lines are dropped and counted: worse logs, the same service.
        drop(started);
        LogSink(shared)
    }

    pub(super) fn paints(&self) -> bool {
        self.0.paints
    }

    /// Waits until what was pushed so far is written, a second at most.
    pub fn flush(&self) {
        let busy = |pending: &mut Pending| pending.writing || !pending.lines.is_empty();
        drop(self.0.written.wait_timeout_while(self.0.lock(), Duration::from_secs(1), busy));
    }

    pub(super) fn push(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut pending = self.0.lock();
        if pending.lines.len() > BUFFER_BYTES_MAX {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let was_empty = pending.lines.is_empty();
        write(&mut pending.lines);
        drop(pending);
        if was_empty {
            self.0.filled.notify_one();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer thread; it ends with the process.
    fn drain(&self, mut output: impl Write) {
        let mut batch = Vec::new();
        loop {
            self.take(&mut batch);
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                batch.extend_from_slice(dropped_line(dropped).as_bytes());
            }
            // A closed or full sink is nobody's reason to stop serving.
            drop(output.write_all(&batch).and_then(|()| output.flush()));
            batch.clear();
            self.lock().writing = false;
            self.written.notify_all();
            std::thread::sleep(GATHER);
        }
    }

    /// Waits for lines and takes them all.
    fn take(&self, batch: &mut Vec<u8>) {
        let waited = self.filled.wait_while(self.lock(), |pending| pending.lines.is_empty());
        let mut pending = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut pending.lines, batch);
        pending.writing = true;
    }
}

fn dropped_line(count: u64) -> String {
    format!(
        "{{\"level\":\"WARN\",\"message\":\"log lines were dropped because the sink was too slow\",\"dropped\":{count}}}\n"
    )
}

/// A writer for `tracing`: each event is one push.
pub struct EventWriter(LogSink, Vec<u8>);

impl<'a> MakeWriter<'a> for LogSink {
    type Writer = EventWriter;

    fn make_writer(&'a self) -> EventWriter {
        EventWriter(self.clone(), Vec::new())
    }
}

impl Write for EventWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for EventWriter {
    fn drop(&mut self) {
        self.0.push(|buffer| buffer.append(&mut self.1));
    }
}

/// Whether colours are for this stream: a terminal, unless its user wants none (<https://no-color.org>).
pub fn paints(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise R46: the pipe behind standard error is full and nobody reads it.
    #[test]
    fn r46_blocked_sink_drops_lines_and_never_blocks_the_request() {
        struct Blocked;
        impl Write for Blocked {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                loop {
                    std::thread::park();
                }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let sink = LogSink::to(Blocked);
        let line = |buffer: &mut Vec<u8>| buffer.extend_from_slice(&[b'.'; 300]);
        sink.push(line);
        // The writer takes what is there, and is stuck with it from here on.
        while !sink.0.lock().writing {
            std::thread::yield_now();
        }
        for _ in 0..40_000 {
            sink.push(line);
        }
        assert!(sink.0.dropped.load(Ordering::Relaxed) > 0);
        assert!(sink.0.lock().lines.len() < BUFFER_BYTES_MAX + 4096);
    }
}
