//! Keys that verify, and the set of them that an issuer has.

use aws_lc_rs::digest;
use aws_lc_rs::signature::ParsedPublicKey;

use super::algorithm::SignatureAlgorithm;
use super::compact::is_plain_kid;
use super::token::TokenError;
use crate::clock::Timestamp;

/// Tells one key from another, and nothing of a secret: a digest of a public key, or a MAC under a secret one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyId(pub(super) [u8; 32]);

/// A public key, and the algorithms that it may be used with: those of its type, and no more than its JWK allows.
#[derive(Clone)]
pub(super) struct VerifyingKey {
    pub(super) id: KeyId,
    pub(super) kid: Option<String>,
    ways: Vec<(SignatureAlgorithm, ParsedPublicKey)>,
}

impl VerifyingKey {
    /// `ways` are of one key, which has at least one.
    pub(super) fn new(kid: Option<String>, ways: Vec<(SignatureAlgorithm, ParsedPublicKey)>) -> VerifyingKey {
        let mut digest = digest::Context::new(&digest::SHA256);
        digest.update(kid.as_deref().unwrap_or_default().as_bytes());
        digest.update(b"\0");
        if let Some((_, key)) = ways.first() {
            digest.update(key.as_ref());
        }
        let mut id = [0; 32];
        id.copy_from_slice(digest.finish().as_ref());
        VerifyingKey { id: KeyId(id), kid, ways }
    }

    fn takes(&self, algorithm: SignatureAlgorithm) -> bool {
        self.ways.iter().any(|(way, _)| *way == algorithm)
    }

    fn verifies(&self, algorithm: SignatureAlgorithm, message: &[u8], signature: &[u8]) -> bool {
        let way = self.ways.iter().find(|(way, _)| *way == algorithm);
        way.is_some_and(|(_, key)| key.verify_sig(message, signature).is_ok())
    }
}

/// What an issuer signs with.
#[derive(Clone)]
pub struct KeySet {
    pub(super) keys: Vec<VerifyingKey>,
    /// When the issuer last said so; `None` for keys of a file, which are honoured for as long as they are there.
    pub(super) confirmed: Option<Timestamp>,
}

impl KeySet {
    pub(super) fn holds(&self, id: KeyId) -> bool {
        self.keys.iter().any(|key| key.id == id)
    }

    pub(super) fn knows(&self, kid: &str) -> bool {
        self.has_no_kids() || self.keys.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// The key that made the signature. One that is named is the only one that is tried.
    pub(super) fn verify(
        &self,
        kid: Option<&str>,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<KeyId, TokenError> {
        if self.has_no_kids() && kid.is_some_and(|kid| !is_plain_kid(kid)) {
            return Err(TokenError::UnknownKey);
        }
        let tried: Vec<&VerifyingKey> = match kid.filter(|_| !self.has_no_kids()) {
            Some(kid) => self.keys.iter().filter(|key| key.kid.as_deref() == Some(kid)).collect(),
            None => self.keys.iter().filter(|key| key.takes(algorithm)).collect(),
        };
        if tried.is_empty() || tried.len() > TRIED_MAX {
            return Err(TokenError::UnknownKey);
        }
        if !tried.iter().any(|key| key.takes(algorithm)) {
            return Err(TokenError::Algorithm);
        }
        let by = tried.iter().find(|key| key.verifies(algorithm, message, signature));
        by.map(|key| key.id).ok_or(TokenError::Signature)
    }

    /// Keys of a PEM file have no names, so a token's name for its key says nothing; it must be a plain one all the same.
    fn has_no_kids(&self) -> bool {
        self.keys.iter().all(|key| key.kid.is_none())
    }
}

/// A token that names no key is tried against this many: each try costs what a forger does not pay.
const TRIED_MAX: usize = 4;
