//! How much may be under way at a time. An admitted request holds a `Slot` until its last byte has gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::policy::Permit;

#[derive(Clone, Debug)]
pub struct Config {
    /// Requests under way in this process, streams included.
    pub in_flight_max: usize,
}

/// A stream holds some 40 KiB here and a connection on each side: ten thousand fit the usual sidecar's limits on files.
pub const DEFAULT_IN_FLIGHT_MAX: usize = 10_000;

impl Default for Config {
    fn default() -> Config {
        Config { in_flight_max: DEFAULT_IN_FLIGHT_MAX }
    }
}

/// As many requests are under way as the config allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests are under way")]
pub struct Overloaded;

pub struct Limits {
    config: Config,
    in_flight: Arc<AtomicUsize>,
}

/// One request's place; dropping it gives the place back.
pub struct Slot(Arc<AtomicUsize>);

impl Limits {
    pub fn new(config: Config) -> Limits {
        Limits { config, in_flight: Arc::new(AtomicUsize::new(0)) }
    }

    /// Asks for a permit, so that only requests which were authorised can take up room.
    pub fn admit(&self, _permit: &Permit) -> Result<Slot, Overloaded> {
        let slot = Slot(self.in_flight.clone());
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        if before < self.config.in_flight_max { Ok(slot) } else { Err(Overloaded) }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
