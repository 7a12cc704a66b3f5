//! An upstream's own credential: read when the gate starts, and anew as soon as its file changes (promise S29).

use std::sync::Arc;

use http::HeaderValue;

use crate::secret::{MadeOfSecret, Secret, SecretError, SecretSource, Watched};

/// A credential as it is sent, and the bare secret to look for in answers.
pub(super) struct Loaded {
    pub(super) bearer: HeaderValue,
    pub(super) bare: HeaderValue,
    pub(super) secret: Secret,
}

/// The credential could not be read, or no header could carry it.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    #[error(transparent)]
    Read(#[from] SecretError),
    #[error("the credential from {0} has characters that no header can carry")]
    NotAHeader(SecretSource),
}

/// Whose credential a call is paid by.
#[derive(Clone)]
pub(super) enum Payer {
    /// The upstream wants none, or nobody was asked who they are: without a tenant nothing is spent.
    Nobody,
    House(Arc<Loaded>),
    /// What the upstream says of it, such as a rate limit, says nothing of other tenants' calls.
    Tenant(Arc<Loaded>),
}

impl Payer {
    pub(super) fn credential(&self) -> Option<&Arc<Loaded>> {
        match self {
            Payer::Nobody => None,
            Payer::House(loaded) | Payer::Tenant(loaded) => Some(loaded),
        }
    }

    pub(super) fn is_a_tenant(&self) -> bool {
        matches!(self, Payer::Tenant(_))
    }
}

pub(super) struct Credential(Watched<Loaded>);

impl Credential {
    pub(super) fn load(source: SecretSource) -> Result<Credential, CredentialError> {
        Watched::load(source).map(Credential)
    }

    /// The credential of this very moment.
    pub(super) fn current(&self) -> Arc<Loaded> {
        self.0.current()
    }
}

impl Loaded {
    /// None where no header could carry it.
    pub(super) fn of(secret: Secret) -> Option<Loaded> {
        let header = |bytes: &[u8]| {
            let mut value = HeaderValue::from_bytes(bytes).ok()?;
            value.set_sensitive(true);
            Some(value)
        };
        let bearer = header(&[b"Bearer ", secret.expose()].concat())?;
        let bare = header(secret.expose())?;
        Some(Loaded { bearer, bare, secret })
    }
}

impl MadeOfSecret for Loaded {
    type Error = CredentialError;

    const NAME: &'static str = "an upstream's credential";

    fn make(secret: Secret, source: &SecretSource) -> Result<Loaded, CredentialError> {
        Loaded::of(secret).ok_or_else(|| CredentialError::NotAHeader(source.clone()))
    }
}
