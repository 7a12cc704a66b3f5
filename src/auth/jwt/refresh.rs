//! How an issuer's keys are had anew: in the background, and when a token names a key that is not known.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Uri;

use super::config::KeySource;
use super::issuer::Issuer;
use super::jwks::{self, KeySetError, LeftOut};
use super::keys::{KeySet, VerifyingKey};
use crate::backoff::shortened;
use crate::clock::Timestamp;
use crate::fetch::{self, FetchError};
use crate::prompt::json::{Document, Value};

/// Why the keys that are there stay.
#[derive(Debug, thiserror::Error)]
enum RefreshError {
    #[error("{url}: {error}")]
    Fetch { url: Uri, error: FetchError },
    #[error("the key set is refused: {0}")]
    Keys(#[from] KeySetError),
    #[error("the discovery document is no JSON object with `issuer` and `jwks_uri`")]
    Discovery,
    #[error("the discovery document is another issuer's")]
    OtherIssuer,
    #[error("{0} is no place for keys: https alone is, but for an issuer on this host")]
    Insecure(Uri),
    #[error("no whole answer within {0:?}")]
    Timeout(Duration),
    #[error("the file cannot be read: {0}")]
    File(#[from] std::io::Error),
}

type Found = (Vec<VerifyingKey>, Vec<LeftOut>);

impl Issuer {
    pub(super) async fn keep_fresh(&self) {
        match &self.config.keys {
            KeySource::Fixed(_) => {}
            KeySource::File { path, .. } => self.follow_file(path).await,
            KeySource::Url { jwks, ca } => self.follow_server(Some(jwks), ca.as_deref()).await,
            KeySource::Discovery { ca } => self.follow_server(None, ca.as_deref()).await,
        }
    }

    /// Without `jwks`, the place of the keys is discovered at each fetch.
    async fn follow_server(&self, jwks: Option<&Uri>, ca: Option<&Path>) {
        let mut failures = 0;
        let mut known = Vec::new();
        loop {
            self.state.send_modify(|state| state.pending = true);
            let wait = match self.fetch(jwks, ca).await {
                Ok((keys, left_out)) => {
                    failures = 0;
                    self.tell(&mut known, left_out);
                    self.publish(KeySet { keys, confirmed: Some(Timestamp::now()) });
                    self.config.freshness.refresh
                }
                Err(error) => {
                    failures += 1;
                    self.keep(&error);
                    retry_delay(failures)
                }
            };
            // Gates which started together do not ask together.
            self.rest(shortened(wait, 0.1)).await;
        }
    }

    /// The file is looked at often, since that costs nothing, and read when it has changed.
    async fn follow_file(&self, path: &Path) {
        let mut seen = stamp(path);
        loop {
            self.rest(FILE_INTERVAL).await;
            let found = stamp(path);
            if found == seen {
                self.state.send_modify(|state| state.pending = false);
                continue;
            }
            seen = found;
            match read_file(path) {
                Ok(keys) => self.publish(keys),
                Err(error) => self.keep(&error),
            }
        }
    }

    /// Until the time has passed, or a token asks.
    async fn rest(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.wanted.notified() => {}
        }
    }

    fn publish(&self, keys: KeySet) {
        let before = self.state.borrow().keys.clone();
        let same = before.is_some_and(|before| {
            before.keys.len() == keys.keys.len() && keys.keys.iter().all(|key| before.holds(key.id))
        });
        if !same {
            tracing::info!(issuer = self.name(), keys = keys.keys.len(), "the issuer's keys are new");
        }
        self.state.send_modify(|state| {
            state.keys = Some(Arc::new(keys));
            state.pending = false;
            state.failed = false;
        });
    }

    fn keep(&self, error: &RefreshError) {
        tracing::warn!(issuer = self.name(), %error, "the issuer's keys cannot be had; those that are known stay");
        self.state.send_modify(|state| {
            state.pending = false;
            state.failed = true;
        });
    }

    /// Says once which keys are left out, and again when that changes.
    fn tell(&self, known: &mut Vec<LeftOut>, left_out: Vec<LeftOut>) {
        if *known == left_out {
            return;
        }
        for LeftOut { index, fault } in left_out.iter().filter(|left| left.fault.is_mistake()) {
            tracing::warn!(issuer = self.name(), index, %fault, "a key of the issuer's is left out");
        }
        *known = left_out;
    }

    async fn fetch(&self, jwks: Option<&Uri>, ca: Option<&Path>) -> Result<Found, RefreshError> {
        let timeout = self.config.freshness.fetch_timeout;
        let fetching = async {
            let found = match jwks {
                Some(jwks) => jwks.clone(),
                None => self.discover(ca).await?,
            };
            Ok(jwks::read(self.get(&found, ca).await?)?)
        };
        tokio::time::timeout(timeout, fetching).await.unwrap_or(Err(RefreshError::Timeout(timeout)))
    }

    /// OpenID Connect Discovery 1.0, section 4: below the issuer, whose own `/` at the end goes.
    async fn discover(&self, ca: Option<&Path>) -> Result<Uri, RefreshError> {
        let url = format!("{}/.well-known/openid-configuration", self.name().trim_end_matches('/'));
        let url: Uri = url.parse().map_err(|_| RefreshError::Discovery)?;
        discovered(self.get(&url, ca).await?, self.name(), &url)
    }

    async fn get(&self, url: &Uri, ca: Option<&Path>) -> Result<Bytes, RefreshError> {
        let fetched = fetch::get(url, ca, DOCUMENT_BYTES_MAX, self.config.freshness.fetch_timeout).await;
        fetched.map_err(|error| RefreshError::Fetch { url: url.clone(), error })
    }
}

/// Section 4.3: the document names the very issuer that was asked, or it is another's.
fn discovered(document: Bytes, issuer: &str, asked: &Uri) -> Result<Uri, RefreshError> {
    let document = Document::parse(document, DISCOVERY_DEPTH_MAX).map_err(|_| RefreshError::Discovery)?;
    let text = |name| document.root().get(name).and_then(Value::text).ok_or(RefreshError::Discovery);
    if text("issuer")? != issuer {
        return Err(RefreshError::OtherIssuer);
    }
    let jwks: Uri = text("jwks_uri")?.parse().map_err(|_| RefreshError::Discovery)?;
    let as_safe = jwks.scheme_str() == Some("https") || asked.scheme_str() == Some("http");
    if as_safe && fetch::is_confidential(&jwks) { Ok(jwks) } else { Err(RefreshError::Insecure(jwks)) }
}

fn read_file(path: &Path) -> Result<KeySet, RefreshError> {
    Ok(KeySet::of_jwks_file(std::fs::read(path)?)?)
}

/// When the file was last written, and its length, for file systems that tell time by the second.
fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// 1 s, 2 s, 4 s, up to a minute.
fn retry_delay(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(6)).min(RETRY_MAX)
}

/// Of a key set and of a discovery document. A hundred keys with their certificates stay under this.
const DOCUMENT_BYTES_MAX: usize = 512 << 10;
/// Discovery documents are flat but for lists and one object of endpoints.
const DISCOVERY_DEPTH_MAX: usize = 8;
const RETRY_MAX: Duration = Duration::from_secs(60);
const FILE_INTERVAL: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_discovered_where_somebody_on_the_way_could_change_them() {
        let found = |issuer: &str, jwks: &str| {
            let document = serde_json::json!({ "issuer": issuer, "jwks_uri": jwks }).to_string();
            discovered(document.into(), issuer, &issuer.parse().unwrap()).map(|url| url.to_string())
        };
        let (public, here) = ("https://idp.example.com", "http://127.0.0.1:8080");
        assert_eq!(found(public, "https://keys.example.net/set").unwrap(), "https://keys.example.net/set");
        assert_eq!(found(here, "http://localhost:8080/set").unwrap(), "http://localhost:8080/set");
        for (issuer, jwks) in [
            (public, "http://idp.example.com/set"),
            (public, "http://127.0.0.1/set"),
            (here, "http://idp.example.com/set"),
            (here, "ftp://127.0.0.1/set"),
            (here, "/set"),
        ] {
            assert!(matches!(found(issuer, jwks), Err(RefreshError::Insecure(_))), "{issuer} {jwks}");
        }
    }

    #[test]
    fn retries_slow_down_to_once_a_minute() {
        let seconds: Vec<u64> = [1, 2, 3, 6, 7, 8, 1000].map(|failures| retry_delay(failures).as_secs()).to_vec();
        assert_eq!(seconds, [1, 2, 4, 32, 60, 60, 60]);
    }
}
