//! Where tenants and keys are kept, and how long the gate goes on without it.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::Resolver;
use crate::config::raw::Span;
use crate::secret::SecretSource;
use crate::store::{Config, DEFAULT_POLL_INTERVAL, DEFAULT_POOL, DEFAULT_STALE_LIMIT, PostgresUrl, StoreUrl};

const DEFAULT_URL: &str = "sqlite:wardgate.db";

/// More than this is another replica's share of a server's usual hundred connections.
const POOL: RangeInclusive<usize> = 1..=100;

/// Beyond half a day nobody remembers that the store is away.
const STALE_LIMIT: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(12 * 3600);

/// Oftener costs more than it gains, and seldomer than every 10 s is no answer to a revoked key.
const POLL_INTERVAL: RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_secs(10);

impl Resolver<'_> {
    pub(in crate::config) fn store(&mut self) -> Config {
        let raw = &self.raw.store;
        let url = self.parsed("store.url", StoreUrl::parse(raw.url.as_deref().unwrap_or(DEFAULT_URL)));
        let password = self.store_password();
        match &url {
            Some(StoreUrl::Sqlite(path)) => self.check_file(path.parent().map(PathBuf::from), password.is_some()),
            Some(StoreUrl::Postgres(url)) => self.check_database(url, password.is_some()),
            None => {}
        }
        let pool = raw.pool.unwrap_or(DEFAULT_POOL);
        if !POOL.contains(&pool) {
            self.wrong("store.pool", "a pool has 1 to 100 connections");
        }
        Config {
            password,
            pool: pool.max(1),
            stale_limit: self.within(
                ("store.stale_limit", "a limit is 1s to 12h"),
                raw.stale_limit,
                STALE_LIMIT,
                DEFAULT_STALE_LIMIT,
            ),
            poll_interval: self.within(
                ("store.poll_interval", "an interval is 50ms to 10s"),
                raw.poll_interval,
                POLL_INTERVAL,
                DEFAULT_POLL_INTERVAL,
            ),
            ..Config::new(url.unwrap_or_else(|| StoreUrl::Sqlite(PathBuf::new())))
        }
    }

    fn store_password(&mut self) -> Option<SecretSource> {
        let source = self.secret("store.password", self.raw.store.password.as_ref()?)?;
        self.parsed("store.password", source.read())?;
        Some(source)
    }

    fn check_file(&mut self, directory: Option<PathBuf>, has_password: bool) {
        if has_password {
            self.warn("store.password", "SQLite has no logins: the password is not used");
        }
        let directory = directory.filter(|directory| !directory.as_os_str().is_empty() && !directory.is_dir());
        if let Some(directory) = directory {
            // A config may be checked where it will not run.
            self.warn("store.url", &format!("the directory {} does not exist here", directory.display()));
        }
    }

    fn check_database(&mut self, url: &PostgresUrl, has_password: bool) {
        match (url.holds_a_password(), has_password) {
            (true, true) => self.wrong("store.password", "the url holds a password too: take it out there"),
            (true, false) => {
                let message = "the url holds a password, and configs, environments and lists of processes are read by \
                               many: write it to store.password, as { file: PATH } or { env: NAME }";
                self.warn("store.url", message);
            }
            (false, _) => {}
        }
        for file in url.files() {
            if let Err(error) = std::fs::metadata(file) {
                self.wrong("store.url", &format!("the file {} cannot be read: {error}", file.display()));
            }
        }
    }

    fn within(
        &mut self,
        (path, message): (&str, &str),
        span: Option<Span>,
        range: RangeInclusive<Duration>,
        default: Duration,
    ) -> Duration {
        let span = span.map_or(default, |span| span.0);
        if !range.contains(&span) {
            self.wrong(path, message);
        }
        span
    }
}
