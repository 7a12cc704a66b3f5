//! Values that must never be seen: provider keys, peppers, signing secrets, presented credentials.
//!
//! A `Secret` cannot be printed, serialised or compared in variable time, and its memory is zeroed when it goes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use zeroize::Zeroizing;

/// Bytes that only `expose` lets out.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Secret {
        Secret(Zeroizing::new(bytes.into()))
    }

    /// The bytes themselves; every caller is a place to review.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for Secret {}

/// Where a secret is kept: a config names it, and never holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable, read once at start.
    Env(String),
    /// A file, of which one trailing line break is not part of the secret. What is `Watched` is read anew when it changes.
    File(PathBuf),
}

/// Why a secret could not be read. Names the place, never the value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("the environment variable {0} is not set")]
    MissingVariable(String),
    #[error("the secret file {0} cannot be read: {1}")]
    UnreadableFile(PathBuf, #[source] std::io::Error),
    #[error("the secret from {0} is empty")]
    Empty(SecretSource),
}

impl SecretSource {
    pub fn read(&self) -> Result<Secret, SecretError> {
        let bytes = match self {
            SecretSource::Env(name) => {
                std::env::var(name).map_err(|_| SecretError::MissingVariable(name.clone()))?.into_bytes()
            }
            SecretSource::File(path) => {
                trimmed(std::fs::read(path).map_err(|error| SecretError::UnreadableFile(path.clone(), error))?)
            }
        };
        if bytes.is_empty() {
            return Err(SecretError::Empty(self.clone()));
        }
        Ok(Secret::new(bytes))
    }
}

impl std::fmt::Display for SecretSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SecretSource::Env(name) => write!(f, "the environment variable {name}"),
            SecretSource::File(path) => write!(f, "the file {}", path.display()),
        }
    }
}

/// What is made of a secret.
pub trait MadeOfSecret: Sized {
    type Error: From<SecretError> + std::fmt::Display;

    /// What the log calls it: `an upstream's credential`.
    const NAME: &'static str;

    /// Errors name the source, never the value.
    fn make(secret: Secret, source: &SecretSource) -> Result<Self, Self::Error>;
}

/// Something made of a secret, and made anew as soon as the secret's file changes (promise S29).
pub struct Watched<T> {
    source: SecretSource,
    current: RwLock<Stamped<T>>,
}

/// What was made, and how its file looked then.
struct Stamped<T> {
    made: Arc<T>,
    stamp: Option<Stamp>,
}

impl<T: MadeOfSecret> Watched<T> {
    pub fn load(source: SecretSource) -> Result<Watched<T>, T::Error> {
        Stamped::read(&source).map(|read| Watched { source, current: RwLock::new(read) })
    }

    /// What is in force at this very moment. Looking at a file's stamp takes about a microsecond, and environments do
    /// not change.
    pub fn current(&self) -> Arc<T> {
        let held = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        let SecretSource::File(path) = &self.source else { return held.made };
        if held.stamp.is_some() && held.stamp == Stamp::of(path) {
            return held.made;
        }
        self.reload(held.made)
    }

    /// A file that is gone or half written leaves the old secret in force.
    fn reload(&self, held: Arc<T>) -> Arc<T> {
        match Stamped::<T>::read(&self.source) {
            Ok(read) => {
                let made = read.made.clone();
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = read;
                made
            }
            Err(error) => {
                tracing::warn!(%error, "{} cannot be read anew; the old one stays in force", T::NAME);
                held
            }
        }
    }
}

impl<T: MadeOfSecret> Stamped<T> {
    fn read(source: &SecretSource) -> Result<Stamped<T>, T::Error> {
        // The stamp is taken first: a change between the two is seen the next time.
        let stamp = match source {
            SecretSource::File(path) => Stamp::of(path),
            SecretSource::Env(_) => None,
        };
        Ok(Stamped { made: Arc::new(T::make(source.read()?, source)?), stamp })
    }
}

impl<T> Clone for Stamped<T> {
    fn clone(&self) -> Stamped<T> {
        Stamped { made: self.made.clone(), stamp: self.stamp }
    }
}

/// What changes when a file is written, or when the link to it is swapped as Kubernetes does.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Stamp> {
        let metadata = std::fs::metadata(path).ok()?;
        let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
        Some(Stamp { modified: metadata.modified().ok(), bytes: metadata.len(), inode })
    }
}

/// Editors and `echo` end a file with a line break that nobody meant as part of the secret.
fn trimmed(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Secret` has no `Debug`, `Display` or `Serialize`: a method of the same name on a blanket trait is found only
    /// where the type lacks its own, so these answers are read off the type itself.
    #[test]
    fn secret_cannot_be_printed_or_serialised() {
        trait Absent {
            const PRINTS: bool = false;
            const SERIALISES: bool = false;
        }
        impl<T> Absent for T {}
        struct Debugs<T>(std::marker::PhantomData<T>);
        impl<T: std::fmt::Debug> Debugs<T> {
            const PRINTS: bool = true;
        }
        struct Displays<T>(std::marker::PhantomData<T>);
        impl<T: std::fmt::Display> Displays<T> {
            const PRINTS: bool = true;
        }
        struct Serialises<T>(std::marker::PhantomData<T>);
        impl<T: serde::Serialize> Serialises<T> {
            const SERIALISES: bool = true;
        }
        const {
            assert!(Debugs::<String>::PRINTS && Displays::<String>::PRINTS && Serialises::<String>::SERIALISES);
            assert!(!Debugs::<Secret>::PRINTS && !Displays::<Secret>::PRINTS && !Serialises::<Secret>::SERIALISES);
        }
    }

    #[test]
    fn trailing_line_break_of_a_file_is_not_part_of_the_secret() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, "sk-canary\r\n").unwrap();
        assert_eq!(SecretSource::File(path).read().ok().unwrap().expose(), b"sk-canary");
    }

    #[test]
    fn missing_and_empty_secrets_are_told_apart() {
        let missing = SecretSource::Env("WARDGATE_TEST_NO_SUCH_VARIABLE".into()).read();
        assert!(matches!(missing, Err(SecretError::MissingVariable(_))));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("empty");
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(SecretSource::File(path).read(), Err(SecretError::Empty(_))));
    }

    /// The secret itself, of four bytes or more.
    struct Plain(Vec<u8>);

    impl MadeOfSecret for Plain {
        type Error = SecretError;
        const NAME: &'static str = "a secret of a test";

        fn make(secret: Secret, source: &SecretSource) -> Result<Plain, SecretError> {
            if secret.len() < 4 { Err(SecretError::Empty(source.clone())) } else { Ok(Plain(secret.expose().to_vec())) }
        }
    }

    #[test]
    fn watched_secret_is_read_anew_when_its_file_changes_and_kept_while_that_is_no_good() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, "first").unwrap();
        let watched = Watched::<Plain>::load(SecretSource::File(path.clone())).ok().unwrap();
        assert_eq!(watched.current().0, b"first");
        std::fs::write(&path, "second").unwrap();
        assert_eq!(watched.current().0, b"second");
        for no_good in ["", "2"] {
            std::fs::write(&path, no_good).unwrap();
            assert_eq!(watched.current().0, b"second", "{no_good:?}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(watched.current().0, b"second");
        // As Kubernetes does: another file under the same name.
        std::fs::write(directory.path().join("next"), "third!").unwrap();
        std::fs::rename(directory.path().join("next"), &path).unwrap();
        assert_eq!(watched.current().0, b"third!");
    }

    #[test]
    fn watched_secret_that_is_no_good_at_first_is_an_error() {
        assert!(Watched::<Plain>::load(SecretSource::File("/nowhere/at/all".into())).is_err());
    }
}
