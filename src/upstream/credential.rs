//! An upstream's own credential: read when the gate starts, and anew as soon as its file changes (promise S29).

use std::fs::Metadata;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use http::HeaderValue;

use crate::secret::{Secret, SecretError, SecretSource};

/// A credential as it is sent, and the bare secret to look for in answers.
pub(super) struct Loaded {
    pub(super) bearer: HeaderValue,
    pub(super) bare: HeaderValue,
    pub(super) secret: Secret,
    stamp: Option<Stamp>,
}

/// The credential could not be read, or no header could carry it.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    #[error(transparent)]
    Read(#[from] SecretError),
    #[error("the credential from {0} has characters that no header can carry")]
    NotAHeader(SecretSource),
}

pub(super) struct Credential {
    source: SecretSource,
    current: RwLock<Arc<Loaded>>,
}

impl Credential {
    pub(super) fn load(source: SecretSource) -> Result<Credential, CredentialError> {
        let loaded = read(&source)?;
        Ok(Credential { source, current: RwLock::new(Arc::new(loaded)) })
    }

    /// The credential of this very moment. Looking at a file's stamp takes about a microsecond, and environments do
    /// not change.
    pub(super) fn current(&self) -> Arc<Loaded> {
        let held = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        let SecretSource::File(path) = &self.source else { return held };
        if held.stamp.is_some() && held.stamp == Stamp::of(path) {
            return held;
        }
        self.reload(held)
    }

    /// A file that is gone or half written leaves the old credential in force.
    fn reload(&self, held: Arc<Loaded>) -> Arc<Loaded> {
        match read(&self.source) {
            Ok(loaded) => {
                let loaded = Arc::new(loaded);
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = loaded.clone();
                loaded
            }
            Err(error) => {
                tracing::warn!(%error, "an upstream's credential cannot be read anew; the old one stays in force");
                held
            }
        }
    }
}

fn read(source: &SecretSource) -> Result<Loaded, CredentialError> {
    // The stamp is taken first: a change between the two is seen at the next request.
    let stamp = match source {
        SecretSource::File(path) => Stamp::of(path),
        SecretSource::Env(_) => None,
    };
    let secret = source.read()?;
    let header = |bytes: &[u8]| {
        let mut value = HeaderValue::from_bytes(bytes).map_err(|_| CredentialError::NotAHeader(source.clone()))?;
        value.set_sensitive(true);
        Ok::<_, CredentialError>(value)
    };
    let bearer = header(&[b"Bearer ", secret.expose()].concat())?;
    let bare = header(secret.expose())?;
    Ok(Loaded { bearer, bare, secret, stamp })
}

/// What changes when a file is written, or when the link to it is swapped as Kubernetes does.
#[derive(PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Stamp> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Stamp { modified: metadata.modified().ok(), bytes: metadata.len(), inode: inode(&metadata) })
    }
}

fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}
