//! What the gate wrote to its log.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use wardgate::telemetry::LogSink;

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn sink(&self) -> LogSink {
        LogSink::to(self.clone())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines of requests, parsed.
    pub(crate) fn requests(&self) -> Vec<serde_json::Value> {
        let lines = self.text();
        let parsed = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        parsed.filter(|line| line["message"] == "request").collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
