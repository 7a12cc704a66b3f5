//! Our own tokens: a MAC under one of the secrets that the config lists.

use aws_lc_rs::hmac;

use super::algorithm::{HmacAlgorithm, SignatureAlgorithm};
use super::claims::Rules;
use super::compact::{Compact, is_plain_kid};
use super::config::Config;
use super::keys::KeyId;
use super::token::{RefreshClaims, TokenError, VerifiedToken};
use crate::clock::Timestamp;
use crate::secret::Secret;

pub(super) struct Own {
    secrets: Vec<SecretKey>,
    algorithms: Vec<HmacAlgorithm>,
    issuer: Option<String>,
    rules: Rules,
}

/// A secret, made ready for each algorithm that is allowed.
struct SecretKey {
    id: KeyId,
    macs: Vec<(HmacAlgorithm, hmac::Key)>,
}

impl Own {
    pub(super) fn new(config: &Config) -> Own {
        Own {
            secrets: config.secrets.iter().map(|secret| SecretKey::new(secret, &config.algorithms)).collect(),
            algorithms: config.algorithms.clone(),
            issuer: config.issuer.clone(),
            rules: Rules::own(config),
        }
    }

    pub(super) fn verify(&self, token: &Compact<'_>, now: Timestamp) -> Result<VerifiedToken, TokenError> {
        let key = self.check(token)?;
        self.rules.verified(token.claims(), key, now)
    }

    pub(super) fn verify_refresh(&self, token: &Compact<'_>, now: Timestamp) -> Result<RefreshClaims, TokenError> {
        self.check(token)?;
        self.rules.refresh(token.claims(), now)
    }

    pub(super) fn still_has(&self, key: KeyId) -> Result<(), TokenError> {
        if self.secrets.iter().any(|secret| secret.id == key) { Ok(()) } else { Err(TokenError::UnknownKey) }
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(super) fn check(&self, token: &Compact<'_>) -> Result<KeyId, TokenError> {
        // First, so that a token of an issuer that is not listed is told as such and not by its algorithm.
        let named = token.issuer()?;
        if self.issuer.is_some() && named.is_some() && named != self.issuer {
            return Err(TokenError::Issuer);
        }
        let name = token.algorithm()?;
        if self.issuer.is_none() && named.is_some() && SignatureAlgorithm::parse(&name).is_some() {
            return Err(TokenError::Issuer);
        }
        let algorithm = HmacAlgorithm::parse(&name).filter(|found| self.algorithms.contains(found));
        let algorithm = algorithm.ok_or(TokenError::Algorithm)?;
        if token.key()?.is_some_and(|kid| !is_plain_kid(&kid)) {
            return Err(TokenError::UnknownKey);
        }
        let by = self.secrets.iter().find(|secret| secret.made(token, algorithm));
        by.map(|secret| secret.id).ok_or(TokenError::Signature)
    }
}

impl SecretKey {
    fn new(secret: &Secret, algorithms: &[HmacAlgorithm]) -> SecretKey {
        let mac = |algorithm: &HmacAlgorithm| (*algorithm, hmac::Key::new(algorithm.mac(), secret.expose()));
        SecretKey { id: id_of(secret), macs: algorithms.iter().map(mac).collect() }
    }

    fn made(&self, token: &Compact<'_>, algorithm: HmacAlgorithm) -> bool {
        let key = self.macs.iter().find(|(of, _)| *of == algorithm);
        key.is_some_and(|(_, key)| hmac::verify(key, token.message, &token.signature).is_ok())
    }
}

/// A MAC of a fixed text: it tells secrets apart, and neither a token's signature nor the secret can be had from it.
fn id_of(secret: &Secret) -> KeyId {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
    let mut id = [0; 32];
    id.copy_from_slice(hmac::sign(&key, b"wardgate: which secret is this").as_ref());
    KeyId(id)
}
