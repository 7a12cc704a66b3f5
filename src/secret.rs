//! Values that must never be seen: provider keys, peppers, signing secrets, presented credentials.
//!
//! A `Secret` cannot be printed, serialised or compared in variable time, and its memory is zeroed when it goes.

use std::path::PathBuf;

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
    /// A file, of which one trailing line break is not part of the secret. Upstreams read theirs anew when it changes.
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
}
