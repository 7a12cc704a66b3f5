//! Tokens that are refused although they verify: logged out, revoked, or of a session that was ended.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use crate::digest::{hex, sha256};
use crate::principal::CredentialId;
use crate::secret::Secret;

/// The ids that the store denies, all of them in memory: there are only as many as tokens that were revoked and have
/// not expired yet.
#[derive(Default)]
pub(super) struct Revocations(RwLock<HashSet<String>>);

impl Revocations {
    /// Whether a token is denied, itself or its session.
    pub(super) fn deny(&self, credential: &CredentialId) -> bool {
        is_named(&self.0.read().unwrap_or_else(PoisonError::into_inner), credential)
    }

    pub(super) fn add(&self, ids: impl Iterator<Item = String>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).extend(ids);
    }

    pub(super) fn replace(&self, ids: Vec<String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = ids.into_iter().collect();
    }
}

/// Whether one of `ids` is a token's own or its session's.
pub(super) fn is_named(ids: &HashSet<String>, credential: &CredentialId) -> bool {
    let CredentialId::Token { id, session } = credential else { return false };
    !ids.is_empty() && (ids.contains(id) || session.as_ref().is_some_and(|session| ids.contains(session)))
}

/// The id by which a token without a `jti`, or one from outside, is revoked: a digest of all that its signature is over.
///
/// The signature itself is left out, for an ECDSA one can be written anew by anybody: beside (r, s), (r, n - s) verifies
/// too (SEC 1, section 4.1.4), and would be the same token under another id.
pub fn id_of_whole(token: &Secret) -> String {
    let whole = token.expose();
    let signed = whole.iter().rposition(|byte| *byte == b'.').map_or(whole, |end| &whole[..end]);
    format!("sha256:{}", hex(&sha256(signed)))
}
