//! Asking upstreams how they are, beside the requests.
//!
//! Whoever fails its checks is left alone before a request finds out, and whoever passes them again is tried at once. The
//! checks go the way that requests go, by the upstream's own protocol, authorities and timeouts, on a connection of their
//! own each time; they carry no credential.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use http::header::{HOST, USER_AGENT};
use http::{HeaderValue, Request};
use http_body_util::Full;

use super::breaker::Breaker;
use super::config::{HealthCheck, Upstream};
use super::connections::{ConnectionError, Connections};
use crate::backoff::{full_jitter, shortened};

/// An upstream that is asked, and the breakers that are told.
pub(super) struct Check {
    upstream: Arc<str>,
    config: HealthCheck,
    request: Request<Full<Bytes>>,
    connections: Connections,
    breakers: Vec<Arc<Breaker>>,
}

/// Why a check failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("it was answered with status {0}")]
    Status(u16),
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error("no answer within {0:?}")]
    Timeout(Duration),
}

/// Asks each upstream at its interval. Never returns where there is one to ask.
pub(super) async fn watch(checks: &[Check]) {
    join_all(checks.iter().map(Check::watch)).await;
}

impl Check {
    /// Nothing where the config has no check for it.
    pub(super) fn new(
        upstream: &Upstream,
        tls: rustls::ClientConfig,
        breakers: Vec<Arc<Breaker>>,
    ) -> Result<Option<Check>, http::Error> {
        let Some(config) = upstream.health.clone() else { return Ok(None) };
        let base = &upstream.base;
        let target = format!("{}://{}{}", base.scheme, base.authority, base.join(&config.path));
        let request = Request::get(target)
            .header(HOST, base.authority.as_str())
            .header(USER_AGENT, HeaderValue::from_static("wardgate-health-check"))
            .body(Full::default())?;
        let connections = Connections::new(upstream, tls)?;
        Ok(Some(Check { upstream: upstream.name.clone(), config, request, connections, breakers }))
    }

    async fn watch(&self) {
        // Replicas that start together do not ask together, neither at first nor later.
        tokio::time::sleep(full_jitter(0, self.config.interval, self.config.interval)).await;
        let mut failures = 0;
        loop {
            let outcome = self.ask().await;
            self.tell(&mut failures, outcome);
            tokio::time::sleep(shortened(self.config.interval, JITTER)).await;
        }
    }

    /// What an upstream answers to a GET without a credential says little but that it answers: 401 and 404 are well.
    async fn ask(&self) -> Result<(), Failure> {
        let timeout = self.config.timeout;
        let answering = tokio::time::timeout(timeout, self.connections.send(self.request.clone(), true));
        let (response, _lease) = answering.await.map_err(|_| Failure::Timeout(timeout))??;
        match response.status().as_u16() {
            status @ (429 | 500..) => Err(Failure::Status(status)),
            _ => Ok(()),
        }
    }

    fn tell(&self, failures: &mut u32, outcome: Result<(), Failure>) {
        let (before, bound) = (*failures, self.config.failures);
        *failures = if outcome.is_ok() { 0 } else { before.saturating_add(1) };
        match outcome {
            Ok(()) => {
                if before >= bound {
                    tracing::info!(upstream = %self.upstream, "the upstream is well again by its health check");
                }
                self.breakers.iter().for_each(|breaker| breaker.well(Instant::now()));
            }
            Err(_) if *failures < bound => {}
            Err(failure) => {
                if before < bound {
                    tracing::warn!(upstream = %self.upstream, %failure, failures, "the upstream is ill by its health check, and is left alone");
                }
                self.breakers.iter().for_each(|breaker| breaker.ill(Instant::now()));
            }
        }
    }
}

/// The share of an interval by which it may be shorter.
const JITTER: f64 = 0.1;

#[cfg(test)]
mod tests;
