//! An issuer from outside, and the keys that it has at the moment.
//!
//! Requests read the set and may ask for a newer one; only `keep_fresh`, which the app runs, fetches it. So a flood of
//! unknown keys costs the issuer one fetch in a while (promise J13), and a client that leaves takes no fetch with it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::algorithm::SignatureAlgorithm;
use super::claims::Rules;
use super::compact::Compact;
use super::config::{IssuerConfig, KeySource};
use super::keys::{KeyId, KeySet};
use super::token::{TokenError, VerifiedToken};
use crate::clock::Timestamp;

pub(super) struct Issuer {
    pub(super) config: IssuerConfig,
    rules: Rules,
    pub(super) state: watch::Sender<State>,
    /// Wakes the task that fetches.
    pub(super) wanted: Notify,
}

/// What is known of the issuer's keys.
pub(super) struct State {
    /// `None` until they were first had.
    pub(super) keys: Option<Arc<KeySet>>,
    /// A fetch is under way, or was asked for: its end is worth waiting for.
    pub(super) pending: bool,
    /// The last fetch failed, so that a key which is not there may be one all the same.
    pub(super) failed: bool,
    /// When a fetch was last asked for by a token with an unknown key.
    asked: Option<Instant>,
}

impl Issuer {
    pub(super) fn new(config: IssuerConfig) -> Issuer {
        let (keys, pending) = match &config.keys {
            KeySource::Fixed(keys) | KeySource::File { first: keys, .. } => (Some(keys.clone()), false),
            KeySource::Url { .. } | KeySource::Discovery { .. } => (None, true),
        };
        let state = watch::Sender::new(State { keys, pending, failed: false, asked: None });
        Issuer { rules: Rules::of(&config), config, state, wanted: Notify::new() }
    }

    pub(super) fn name(&self) -> &str {
        &self.config.issuer
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(super) async fn verify(&self, token: &Compact<'_>, now: Timestamp) -> Result<VerifiedToken, TokenError> {
        self.is_named_so(token)?;
        let key = self.check(token, now).await?;
        self.rules.verified(token.claims(), key, now)
    }

    /// Whether the token's header gives it the type that the config wants of this issuer's.
    pub(super) fn is_named_so(&self, token: &Compact<'_>) -> Result<(), TokenError> {
        self.config.typ.as_deref().map_or(Ok(()), |typ| token.says_it_is(typ))
    }

    /// The key of the issuer's that signed the token.
    pub(super) async fn check(&self, token: &Compact<'_>, now: Timestamp) -> Result<KeyId, TokenError> {
        let algorithm = SignatureAlgorithm::parse(&token.algorithm()?);
        let algorithm = algorithm.filter(|found| self.config.algorithms.contains(found));
        let algorithm = algorithm.ok_or(TokenError::Algorithm)?;
        let kid = token.key()?;
        let keys = self.keys_for(kid.as_deref()).await?;
        self.in_time(&keys, now)?;
        keys.verify(kid.as_deref(), algorithm, token.message, &token.signature)
    }

    pub(super) fn still_has(&self, key: KeyId, now: Timestamp) -> Result<(), TokenError> {
        let keys = self.state.borrow().keys.clone().ok_or(TokenError::KeysUnavailable)?;
        self.in_time(&keys, now)?;
        if keys.holds(key) { Ok(()) } else { Err(TokenError::UnknownKey) }
    }

    /// Promise R33: keys outlive a silent issuer up to the limit, and are then not known to be its keys any more.
    fn in_time(&self, keys: &KeySet, now: Timestamp) -> Result<(), TokenError> {
        let limit = self.config.freshness.stale_limit;
        let late = keys.confirmed.is_some_and(|confirmed| now > confirmed.after(limit));
        if late { Err(TokenError::KeysUnavailable) } else { Ok(()) }
    }

    async fn keys_for(&self, kid: Option<&str>) -> Result<Arc<KeySet>, TokenError> {
        // The first wait may be for a fetch that began before the issuer had the key; the second is not.
        for _ in 0..2 {
            if let Some(keys) = self.keys_with(kid) {
                return Ok(keys);
            }
            if !self.ask() || !self.fetched().await {
                break;
            }
        }
        self.keys_with(kid).ok_or_else(|| self.absence())
    }

    fn keys_with(&self, kid: Option<&str>) -> Option<Arc<KeySet>> {
        let state = self.state.borrow();
        state.keys.as_ref().filter(|keys| kid.is_none_or(|kid| keys.knows(kid))).cloned()
    }

    /// Whether a fetch is to come, having asked for one where that is allowed.
    fn ask(&self) -> bool {
        if matches!(self.config.keys, KeySource::Fixed(_)) {
            return false;
        }
        let mut pending = false;
        self.state.send_if_modified(|state| {
            let interval = self.config.freshness.refetch_interval;
            if !state.pending && state.asked.is_none_or(|asked| asked.elapsed() >= interval) {
                state.asked = Some(Instant::now());
                state.pending = true;
                self.wanted.notify_one();
            }
            pending = state.pending;
            false
        });
        pending
    }

    /// Comes back once no fetch is under way; false when it should long have ended.
    async fn fetched(&self) -> bool {
        let mut changes = self.state.subscribe();
        let ended = changes.wait_for(|state| !state.pending);
        tokio::time::timeout(self.config.freshness.fetch_timeout + GRACE, ended).await.is_ok()
    }

    fn absence(&self) -> TokenError {
        let state = self.state.borrow();
        let unsure = state.pending || state.failed || state.keys.is_none();
        if unsure { TokenError::KeysUnavailable } else { TokenError::UnknownKey }
    }
}

/// For the fetching task to be woken and to publish what it found.
const GRACE: Duration = Duration::from_millis(500);
