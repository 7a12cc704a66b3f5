//! What is measured, and how it is told to Prometheus. Numbers alone: no tenant, no key and no address is a label.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Every measure of the process. Clones of what is counted stand in the registry, which nobody changes after the start.
pub struct Metrics {
    registry: Registry,
    revocation_lag: Histogram,
    store_up: Gauge,
    store_feed: Family<FeedLabels, Gauge>,
    store_confirmed: Gauge<f64, AtomicU64>,
    key_lookups: Counter,
    cached_entries: Gauge,
    upstream_attempts: Family<AttemptLabels, Counter>,
    upstream_shut: Family<TargetLabels, Gauge>,
    retries_refused: Counter,
    hedges: Counter,
    scans: Family<ScanVerdict, Counter>,
    scans_sampled: Counter,
    scan_found: Family<ScanLabels, Counter>,
}

/// What was made of a prompt in which there was something to read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ScanVerdict {
    verdict: &'static str,
}

/// A category that was found in a prompt, what that leads to, and the surest level that it reaches.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ScanLabels {
    pub category: &'static str,
    pub mode: &'static str,
    pub level: &'static str,
}

/// How the process learns that something has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeedMode {
    /// The store says so.
    Listen,
    /// It is asked now and then.
    Poll,
    /// It cannot be heard at this moment; it is asked now and then.
    Down,
}

impl EncodeLabelValue for FeedMode {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        let word = match self {
            FeedMode::Listen => "listen",
            FeedMode::Poll => "poll",
            FeedMode::Down => "down",
        };
        word.encode(encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FeedLabels {
    mode: FeedMode,
}

/// A number that only grows.
pub struct Count(Counter);

impl Count {
    pub fn add(&self) {
        self.0.inc();
    }
}

/// How an attempt at an upstream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptOutcome {
    /// With an answer that went to the caller, whatever it says.
    Answered,
    /// With a status that counts as a failure, or an error as a stream's first event.
    Failed,
    /// With 429 and the wish to be left alone.
    RateLimited,
    /// With no connection, or one that broke before an answer.
    Unreachable,
    Timeout,
    /// With an answer that broke off behind its first content.
    Broken,
}

impl EncodeLabelValue for AttemptOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        let word = match self {
            AttemptOutcome::Answered => "answered",
            AttemptOutcome::Failed => "failed",
            AttemptOutcome::RateLimited => "rate_limited",
            AttemptOutcome::Unreachable => "unreachable",
            AttemptOutcome::Timeout => "timeout",
            AttemptOutcome::Broken => "broken",
        };
        word.encode(encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    upstream: Arc<str>,
    outcome: AttemptOutcome,
}

/// A model of the config's, or none for all that it does not name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TargetLabels {
    upstream: Arc<str>,
    model: String,
}

/// The two texts that scrapers read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' own, version 0.0.4, which `promtool check metrics` reads.
    Text,
}

/// Promise R23 gives a second; past half a minute only the fact counts.
const LAG_SECONDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

impl Metrics {
    #[expect(clippy::new_without_default, reason = "every call makes a registry of its own, which is no default value")]
    pub fn new() -> Metrics {
        let mut registry = Registry::with_prefix("wardgate");
        let revocation_lag = Histogram::new(LAG_SECONDS);
        let help = "Time from a change in the store until it was acted on here";
        registry.register("revocation_lag_seconds", help, revocation_lag.clone());
        let store_up = Gauge::default();
        registry.register("store_up", "Whether the store answered the last question for changes", store_up.clone());
        let store_feed = Family::default();
        let help = "How changes are heard of: 1 for the mode that is in use";
        registry.register("store_feed", help, store_feed.clone());
        let store_confirmed = Gauge::default();
        let help = "Time since the store last confirmed what is cached, or since the start where it never did";
        registry.register("store_confirmed_seconds", help, store_confirmed.clone());
        let key_lookups = Counter::default();
        // The sample of a counter gets `_total` of its own.
        registry.register("key_lookups", "Questions for keys that were sent to the store", key_lookups.clone());
        let cached_entries = Gauge::default();
        let help = "Answers of authentication that are cached, good and bad together";
        registry.register("auth_cached_entries", help, cached_entries.clone());
        let upstream_attempts = Family::default();
        let help = "Attempts at upstreams, by how they ended; one that broke later is counted once more";
        registry.register("upstream_attempts", help, upstream_attempts.clone());
        let upstream_shut = Family::default();
        let help = "Whether a target is left alone because it failed or asked for it";
        registry.register("upstream_shut", help, upstream_shut.clone());
        let retries_refused = Counter::default();
        let help = "Failures that were not followed by another attempt for want of retry budget";
        registry.register("upstream_retries_refused", help, retries_refused.clone());
        let hedges = Counter::default();
        registry.register(
            "upstream_hedges",
            "Second targets that were asked because the first was late",
            hedges.clone(),
        );
        let scans = Family::default();
        registry.register("scans", "Prompts that were scanned, by what was made of them", scans.clone());
        let scans_sampled = Counter::default();
        let help = "Prompts with more text than is scanned, of which a sample was";
        registry.register("scans_sampled", help, scans_sampled.clone());
        let scan_found = Family::default();
        let help = "Prompts in which a category was found, by its mode and the surest level that it reaches";
        registry.register("scan_found", help, scan_found.clone());
        Metrics {
            registry,
            revocation_lag,
            store_up,
            store_feed,
            store_confirmed,
            key_lookups,
            cached_entries,
            upstream_attempts,
            upstream_shut,
            retries_refused,
            hedges,
            scans,
            scans_sampled,
            scan_found,
        }
    }

    pub fn scanned(&self, verdict: &'static str, sampled: bool) {
        self.scans.get_or_create(&ScanVerdict { verdict }).inc();
        if sampled {
            self.scans_sampled.inc();
        }
    }

    pub fn scan_found(&self, labels: ScanLabels) {
        self.scan_found.get_or_create(&labels).inc();
    }

    pub fn attempted(&self, upstream: &Arc<str>, outcome: AttemptOutcome) {
        self.count_of(upstream, outcome).add();
    }

    /// For whoever counts too often to look it up each time.
    pub fn count_of(&self, upstream: &Arc<str>, outcome: AttemptOutcome) -> Count {
        let labels = AttemptLabels { upstream: upstream.clone(), outcome };
        Count(self.upstream_attempts.get_or_create(&labels).clone())
    }

    pub fn upstream_shut(&self, upstream: &Arc<str>, model: &str, shut: bool) {
        let labels = TargetLabels { upstream: upstream.clone(), model: model.to_owned() };
        self.upstream_shut.get_or_create(&labels).set(i64::from(shut));
    }

    pub fn refused_a_retry(&self) {
        self.retries_refused.inc();
    }

    pub fn hedged(&self) {
        self.hedges.inc();
    }

    /// A change was acted on so long after it was made.
    pub fn acted_on_change(&self, lag: Duration) {
        self.revocation_lag.observe(lag.as_secs_f64());
    }

    pub fn store_answered(&self, answered: bool) {
        self.store_up.set(i64::from(answered));
    }

    pub fn store_feed(&self, mode: FeedMode) {
        for each in [FeedMode::Listen, FeedMode::Poll, FeedMode::Down] {
            self.store_feed.get_or_create(&FeedLabels { mode: each }).set(i64::from(each == mode));
        }
    }

    pub fn store_confirmed(&self, ago: Duration) {
        self.store_confirmed.set(ago.as_secs_f64());
    }

    pub fn asked_for_keys(&self) {
        self.key_lookups.inc();
    }

    pub fn cached_entries(&self, entries: u64) {
        self.cached_entries.set(i64::try_from(entries).unwrap_or(i64::MAX));
    }

    /// Everything as it stands now.
    pub fn exposition(&self, format: Format) -> String {
        let mut told = String::new();
        text::encode(&mut told, &self.registry).expect("a string takes all that is written to it");
        match format {
            Format::OpenMetrics => told,
            Format::Text => in_prometheus_words(&told),
        }
    }
}

impl Format {
    /// By what the scraper's `Accept` says.
    pub fn accepted(accept: &str) -> Format {
        if accept.contains("application/openmetrics-text") { Format::OpenMetrics } else { Format::Text }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// OpenMetrics names a counter without the `_total` of its sample and ends with a word of its own; the older text knows
/// neither.
fn in_prometheus_words(open: &str) -> String {
    let counters: Vec<&str> =
        open.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let mut told = String::with_capacity(open.len());
    for line in open.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        let (hash, what, name) = (words.next(), words.next(), words.next());
        match (hash, what, name, words.next()) {
            (Some("#"), Some(what), Some(name), Some(rest)) if counters.contains(&name) => {
                told.push_str(&format!("# {what} {name}_total {rest}\n"));
            }
            _ => {
                told.push_str(line);
                told.push('\n');
            }
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured() -> Metrics {
        let metrics = Metrics::new();
        metrics.acted_on_change(Duration::from_millis(40));
        metrics.store_answered(true);
        metrics.store_feed(FeedMode::Poll);
        metrics.store_confirmed(Duration::from_millis(250));
        metrics.asked_for_keys();
        metrics.cached_entries(3);
        metrics
    }

    #[test]
    fn open_metrics_name_every_measure_and_end_as_they_must() {
        let told = measured().exposition(Format::OpenMetrics);
        for line in [
            "# TYPE wardgate_revocation_lag_seconds histogram",
            "wardgate_revocation_lag_seconds_bucket{le=\"0.05\"} 1",
            "wardgate_revocation_lag_seconds_bucket{le=\"0.025\"} 0",
            "wardgate_store_up 1",
            "wardgate_store_feed{mode=\"poll\"} 1",
            "wardgate_store_feed{mode=\"listen\"} 0",
            "wardgate_store_confirmed_seconds 0.25",
            "# TYPE wardgate_key_lookups counter",
            "wardgate_key_lookups_total 1",
            "wardgate_auth_cached_entries 3",
        ] {
            assert!(told.lines().any(|told| told == line), "{line}\n{told}");
        }
        assert!(told.ends_with("# EOF\n"));
    }

    #[test]
    fn text_describes_a_counter_under_the_name_of_its_sample() {
        let told = measured().exposition(Format::Text);
        assert!(told.contains("# TYPE wardgate_key_lookups_total counter\n"), "{told}");
        assert!(told.contains("# HELP wardgate_key_lookups_total Questions"), "{told}");
        assert!(!told.contains("EOF"));
    }

    #[test]
    fn scraper_is_told_in_the_words_it_asks_for() {
        let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Format::accepted(prometheus), Format::OpenMetrics);
        assert_eq!(Format::accepted("*/*"), Format::Text);
    }
}
