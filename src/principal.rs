//! A principal: the tenant and the key or user that a request was proven to come from.

use std::sync::Arc;

use http::HeaderValue;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::clock::Expiry;
use crate::digest::hex;
use crate::scopes::{Models, Scopes};
use crate::tenant::Tenant;

/// Who a request comes from. Only `auth` makes one of a credential that it verified.
///
/// One value serves every request of its credential for as long as it is cached, and each request holds on to it: ending
/// it reaches them all.
#[derive(Debug)]
pub struct Principal {
    pub tenant: Arc<Tenant>,
    pub id: PrincipalId,
    pub method: AuthMethod,
    pub credential: CredentialId,
    pub scopes: Scopes,
    pub models: Models,
    pub expiry: Expiry,
    pub contact: Contact,
    /// What upstreams are told, rendered once for all the requests that this principal makes.
    pub identity: Identity,
    pub ended: Ended,
}

/// What a verified credential says of its holder.
pub struct Proven {
    pub tenant: Arc<Tenant>,
    pub id: PrincipalId,
    pub method: AuthMethod,
    pub credential: CredentialId,
    pub scopes: Scopes,
    pub models: Models,
    pub expiry: Expiry,
    pub contact: Contact,
}

impl Principal {
    pub fn new(proven: Proven) -> Principal {
        let Proven { tenant, id, method, credential, scopes, models, expiry, contact } = proven;
        let identity = Identity::of(&tenant, &id, method);
        let ended = Ended::default();
        Principal { tenant, id, method, credential, scopes, models, expiry, contact, identity, ended }
    }

    /// Whether a scope is held, within what the tenant has.
    pub fn holds(&self, scope: &str) -> bool {
        self.scopes.covers(scope) && self.tenant.policy.scopes.as_ref().is_none_or(|bounds| bounds.covers(scope))
    }
}

/// By which name a credential can be revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialId {
    /// A key: its id is the principal's.
    Key,
    /// A token: its `jti` where it is ours, else a digest of what its issuer signed; and the session of ours that it was
    /// issued in.
    Token { id: String, session: Option<String> },
    /// A client certificate, or a peer whose word is believed: only the config can end it.
    Connection,
}

/// How people know a user, where the credential tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    pub email: Option<String>,
    pub name: Option<String>,
}

/// Whether a principal was revoked while requests of it were under way.
#[derive(Clone, Debug, Default)]
pub struct Ended(CancellationToken);

impl Ended {
    /// Ends every answer that streams to this principal.
    pub fn end(&self) {
        self.0.cancel();
    }

    /// Comes back once the principal is revoked; never, where it is not.
    pub fn ending(&self) -> WaitForCancellationFutureOwned {
        self.0.clone().cancelled_owned()
    }
}

/// A principal as upstreams see it.
#[derive(Debug)]
pub struct Identity {
    pub tenant_id: HeaderValue,
    pub tenant_slug: HeaderValue,
    pub principal_id: HeaderValue,
    pub auth_method: HeaderValue,
    /// A digest of tenant and principal in 64 hexadecimal digits: stable, and meaningless to a provider.
    pub opaque: String,
}

impl Identity {
    fn of(tenant: &Tenant, id: &PrincipalId, method: AuthMethod) -> Identity {
        let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        // The NUL keeps ("a", "bc") and ("ab", "c") apart; neither part can hold one.
        for part in [tenant.id.as_str().as_bytes(), b"\0", id.as_str().as_bytes()] {
            digest.update(part);
        }
        Identity {
            tenant_id: printable(tenant.id.as_str()),
            tenant_slug: printable(tenant.slug.as_str()),
            principal_id: printable(id.as_str()),
            auth_method: HeaderValue::from_static(method.as_str()),
            opaque: hex(digest.finish().as_ref()),
        }
    }
}

/// The parts of an identity are parsed to printable ASCII when they are made, so none is unfit for a header.
fn printable(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids and slugs are printable ASCII by construction")
}

/// The key's id, or the token's subject: 1 to 256 bytes of printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrincipalId(Arc<str>);

/// The text is empty, too long, or holds something else than printable ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a subject is 1 to 256 printable ASCII characters")]
pub struct PrincipalIdError;

impl PrincipalId {
    pub fn parse(text: &str) -> Result<PrincipalId, PrincipalIdError> {
        let fits =
            (1..=256).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b)) && text.trim() == text;
        if fits { Ok(PrincipalId(text.into())) } else { Err(PrincipalIdError) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a principal was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    ApiKey,
    Jwt,
    /// A client certificate.
    Mtls,
    /// The word of a listed peer.
    TrustedHeader,
}

impl AuthMethod {
    pub fn as_str(self) -> &'static str {
        match self {
            AuthMethod::ApiKey => "api_key",
            AuthMethod::Jwt => "jwt",
            AuthMethod::Mtls => "mtls",
            AuthMethod::TrustedHeader => "trusted_header",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subject_that_a_header_or_log_line_could_not_hold_is_refused() {
        assert!(PrincipalId::parse("user@example.com").is_ok());
        for wrong in ["", "a\r\nb", "a\0b", " a", "é", &"x".repeat(257)] {
            assert_eq!(PrincipalId::parse(wrong), Err(PrincipalIdError), "{wrong:?}");
        }
    }
}
