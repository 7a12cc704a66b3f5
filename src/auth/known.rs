//! Principals of credentials that are no keys: tokens, client certificates, and the words of trusted peers.

use std::sync::Arc;

use super::api_key::time_left;
use super::epochs::Epoch;
use super::jwt::VerifiedToken;
use super::mtls::ClientCertificate;
use super::remembered::{self, Remembered};
use super::tenants::Named;
use super::{AuthError, Authenticator, trusted_header};
use crate::clock::{Expiry, Timestamp};
use crate::digest::sha256;
use crate::headers::Claimed;
use crate::principal::{AuthMethod, Contact, CredentialId, Principal, PrincipalId, Proven};
use crate::scopes::{Models, Scopes};
use crate::secret::Secret;

/// Those that were proven lately, under the digest of what was shown.
pub(super) type KnownPrincipals = Remembered<[u8; 32], Arc<Known>>;

/// What is remembered of a credential that is no key.
pub(super) struct Known {
    pub(super) principal: Arc<Principal>,
    epoch: Epoch,
    /// Asked at each hit whether it still holds.
    token: Option<VerifiedToken>,
}

impl remembered::Answer for Arc<Known> {
    fn epoch(&self) -> Option<&Epoch> {
        Some(&self.epoch)
    }
}

/// Who may be remembered beside the keys.
const KNOWN_MAX: u64 = 100_000;

pub(super) fn nobody_yet() -> KnownPrincipals {
    Remembered::new(KNOWN_MAX, |known: &Arc<Known>| time_left(known.principal.expiry))
}

impl Authenticator {
    pub(super) async fn by_token(&self, token: &Secret) -> Result<Arc<Principal>, AuthError> {
        let digest = sha256(token.expose());
        let known = self.known.get_or(&digest, || self.verify_token(token)).await?;
        if let Some(token) = &known.token {
            self.jwt.still_holds(token, Timestamp::now()).map_err(AuthError::Token)?;
        }
        if self.revocations.deny(&known.principal.credential) {
            return Err(AuthError::Revoked);
        }
        Ok(known.principal.clone())
    }

    async fn verify_token(&self, token: &Secret) -> Result<Arc<Known>, AuthError> {
        let verified = self.jwt.verify(token, Timestamp::now()).await.map_err(AuthError::Token)?;
        let Named { tenant, epoch } = self.tenant_of(&verified).await?;
        let principal = Principal::new(Proven {
            tenant,
            id: verified.subject.clone(),
            method: AuthMethod::Jwt,
            credential: CredentialId::Token { id: verified.revoked_by(token), session: verified.session.clone() },
            // A token that names no scopes is a plain user's; one that names some is good for exactly those.
            scopes: verified.scopes.clone().unwrap_or_else(Scopes::defaults),
            models: Models::All,
            expiry: verified.expiry,
            contact: verified.contact.clone(),
        });
        Ok(Arc::new(Known { principal: self.roll.enter(principal), epoch, token: Some(verified) }))
    }

    async fn tenant_of(&self, token: &VerifiedToken) -> Result<Named, AuthError> {
        let claimed = &token.tenant;
        let named = self.tenants.named(&claimed.name).await?.ok_or(AuthError::UnknownTenant)?;
        let agrees = claimed.slug.as_ref().is_none_or(|slug| slug == named.tenant.slug.as_str());
        if agrees { Ok(named) } else { Err(AuthError::UnknownTenant) }
    }

    pub(super) async fn by_certificate(&self, certificate: &ClientCertificate) -> Result<Arc<Principal>, AuthError> {
        let expiry = Expiry::At(certificate.not_after);
        if expiry.is_past(Timestamp::now()) {
            return Err(AuthError::UnknownCertificate);
        }
        let map = || async {
            let mapped = self.mtls.map(certificate).ok_or(AuthError::UnknownCertificate)?;
            let named = self.tenants.named(mapped.tenant).await?.ok_or(AuthError::UnknownTenant)?;
            Ok(self.of_connection(named, mapped.id, AuthMethod::Mtls, mapped.scopes, expiry))
        };
        Ok(self.known.get_or(&certificate.fingerprint, map).await?.principal.clone())
    }

    pub(super) async fn by_word(&self, word: &Claimed) -> Result<Arc<Principal>, AuthError> {
        let said = trusted_header::read(word).map_err(|_| AuthError::Malformed)?;
        let find = || async {
            let named = self.tenants.named(said.tenant).await?.ok_or(AuthError::UnknownTenant)?;
            if said.slug.is_some_and(|slug| slug != named.tenant.slug.as_str()) {
                return Err(AuthError::UnknownTenant);
            }
            let scopes = &self.trusted_header.scopes;
            Ok(self.of_connection(named, said.id.clone(), AuthMethod::TrustedHeader, scopes, Expiry::Never))
        };
        Ok(self.known.get_or(&said.digest(), find).await?.principal.clone())
    }

    fn of_connection(
        &self,
        named: Named,
        id: PrincipalId,
        method: AuthMethod,
        scopes: &Scopes,
        expiry: Expiry,
    ) -> Arc<Known> {
        let Named { tenant, epoch } = named;
        let principal = Principal::new(Proven {
            tenant,
            id,
            method,
            credential: CredentialId::Connection,
            scopes: scopes.clone(),
            models: Models::All,
            expiry,
            contact: Contact::default(),
        });
        Arc::new(Known { principal: self.roll.enter(principal), epoch, token: None })
    }
}
