//! Secrets that are kept in the store, sealed with a key that is not.
//!
//! AES-256-GCM (NIST SP 800-38D) under a key that HKDF-SHA-256 (RFC 5869) makes of a configured secret, with a nonce
//! that is drawn for each sealing. What is sealed names the key that opens it, so that keys can be exchanged, and is
//! bound to its place, so that it opens nowhere else. Whoever has the store alone has nothing to try guesses on but the
//! whole key.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::secret::{MadeOfSecret, Secret, SecretError, SecretSource, Watched};

/// As for secrets that sign tokens: less could be found by trying.
pub const KEY_BYTES_MIN: usize = 32;

/// What is sealed with.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// By id, which is letters, digits and `-_.`. The first seals, all open.
    pub keys: Vec<(String, SecretSource)>,
}

/// A secret, sealed: `v1.<key id>.<nonce and ciphertext>`. It opens for the tenant and the upstream that it was sealed
/// for, and for no others. What is stored under this type may be any text: what was never sealed here does not open.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

/// The keys that seal and open; the first seals, all open. Read anew when their files change.
pub struct Seals {
    keys: Vec<(String, Watched<Key>)>,
}

/// Why nothing is sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("no key to seal with is configured: list one under sealing.keys")]
    NoKey,
    #[error("it was sealed with a key that is not configured, or for another place")]
    Unopened,
    /// Of sealing alone.
    #[error("no random number could be drawn")]
    Random,
}

/// Why a key cannot be sealed with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(transparent)]
    Read(#[from] SecretError),
    #[error("{0} holds {1} bytes; a sealing key has {KEY_BYTES_MIN} at least (make one with `openssl rand -hex 32`)")]
    Short(SecretSource, usize),
    #[error("no key could be derived from {0}")]
    Derivation(SecretSource),
}

impl Seals {
    /// Reads every key. Without one, nothing is sealed or opened.
    pub fn new(config: Config) -> Result<Seals, KeyError> {
        let load = |(id, source)| Ok((id, Watched::load(source)?));
        Ok(Seals { keys: config.keys.into_iter().map(load).collect::<Result<_, KeyError>>()? })
    }

    /// `place` binds what is sealed to where it belongs: tenant and upstream.
    pub fn seal(&self, secret: &Secret, place: &[&str]) -> Result<Sealed, SealError> {
        let (id, key) = self.keys.first().ok_or(SealError::NoKey)?;
        let mut sealed = Zeroizing::new(secret.expose().to_vec());
        let nonce = key.current().0.seal_in_place_append_tag(bound_to(place), &mut *sealed);
        let nonce = nonce.map_err(|Unspecified| SealError::Random)?;
        let text = URL_SAFE_NO_PAD.encode([nonce.as_ref(), sealed.as_slice()].concat());
        Ok(Sealed(format!("{VERSION}{id}.{text}")))
    }

    /// The secret, where it was sealed for just this place by a key that is still here.
    pub fn open(&self, sealed: &Sealed, place: &[&str]) -> Result<Secret, SealError> {
        if self.keys.is_empty() {
            return Err(SealError::NoKey);
        }
        let (id, text) = sealed.parts().ok_or(SealError::Unopened)?;
        let (_, key) = self.keys.iter().find(|(known, _)| known == id).ok_or(SealError::Unopened)?;
        key.current().open(text, place).ok_or(SealError::Unopened)
    }

    /// Whether it was sealed with the key that seals now.
    pub fn is_current(&self, sealed: &Sealed) -> bool {
        self.keys.first().is_some_and(|(id, _)| sealed.key_id() == Some(id))
    }
}

impl Sealed {
    /// Of the key that it was sealed with; nothing where it was never sealed here.
    pub fn key_id(&self) -> Option<&str> {
        self.parts().map(|(id, _)| id)
    }

    /// An id may hold points, and the text behind it holds none.
    fn parts(&self) -> Option<(&str, &str)> {
        self.0.strip_prefix(VERSION)?.rsplit_once('.')
    }
}

/// Nothing of it, so that no log line of a tenant has it.
impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed")
    }
}

/// Whether what a source holds can be sealed with.
pub fn check_key(source: &SecretSource) -> Result<(), KeyError> {
    Key::make(source.read()?, source).map(drop)
}

/// What one secret of the config becomes.
struct Key(RandomizedNonceKey);

impl MadeOfSecret for Key {
    type Error = KeyError;

    const NAME: &'static str = "a sealing key";

    fn make(secret: Secret, source: &SecretSource) -> Result<Key, KeyError> {
        if secret.len() < KEY_BYTES_MIN {
            return Err(KeyError::Short(source.clone(), secret.len()));
        }
        derived(&secret).map(Key).map_err(|Unspecified| KeyError::Derivation(source.clone()))
    }
}

impl Key {
    fn open(&self, text: &str, place: &[&str]) -> Option<Secret> {
        let mut bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        let (nonce, ciphertext) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.0.open_in_place(nonce, bound_to(place), ciphertext).ok()?;
        Some(Secret::new(&*opened))
    }
}

/// The secret may be text, and is used for nothing else under this name.
fn derived(secret: &Secret) -> Result<RandomizedNonceKey, Unspecified> {
    let mut key = Zeroizing::new([0; 32]);
    let extracted = Salt::new(HKDF_SHA256, &[]).extract(secret.expose());
    extracted.expand(&[DERIVED_FOR], &AES_256_GCM)?.fill(key.as_mut_slice())?;
    RandomizedNonceKey::new(&AES_256_GCM, key.as_slice())
}

/// Each part stands behind its length, so that no two places read the same.
fn bound_to(place: &[&str]) -> Aad<Vec<u8>> {
    let mut bytes = Vec::new();
    for part in place {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    Aad::from(bytes)
}

/// Of the form, so that another may stand beside it one day.
const VERSION: &str = "v1.";
const DERIVED_FOR: &[u8] = b"wardgate sealing v1";

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;

    /// Keys in files, which go with it.
    struct Bench {
        directory: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Bench {
            Bench { directory: tempfile::tempdir().unwrap() }
        }

        fn file(&self, id: &str) -> PathBuf {
            self.directory.path().join(id)
        }

        fn write(&self, id: &str, secret: &str) {
            std::fs::write(self.file(id), secret).unwrap();
        }

        /// With these keys, each of a secret of its own.
        fn seals(&self, ids: &[&str]) -> Seals {
            let keys = ids.iter().map(|id| {
                self.write(id, &id.repeat(32));
                ((*id).to_owned(), SecretSource::File(self.file(id)))
            });
            Seals::new(Config { keys: keys.collect() }).unwrap()
        }
    }

    const PLACE: &[&str] = &["0197b2f0-9a7e", "openai"];

    fn opens(seals: &Seals, sealed: &Sealed, place: &[&str]) -> Option<Vec<u8>> {
        seals.open(sealed, place).ok().map(|secret| secret.expose().to_vec())
    }

    #[test]
    fn sealed_text_names_its_key_and_tells_nothing_else() {
        let seals = Bench::new().seals(&["s.1"]);
        let canary = Secret::new("sk-canary");
        let (one, two) = (seals.seal(&canary, PLACE).unwrap(), seals.seal(&canary, PLACE).unwrap());
        assert_ne!(one, two, "a nonce of its own each");
        assert!(one.0.starts_with("v1.s.1.") && !one.0.contains("canary"), "{}", one.0);
        assert_eq!((one.key_id(), format!("{one:?}")), (Some("s.1"), "Sealed".to_owned()));
        assert_eq!(opens(&seals, &one, PLACE).unwrap(), b"sk-canary");
    }

    #[test]
    fn first_key_seals_and_all_open() {
        let bench = Bench::new();
        let old = bench.seals(&["s0"]).seal(&Secret::new("sk-old"), PLACE).unwrap();
        let seals = bench.seals(&["s1", "s0"]);
        assert_eq!(opens(&seals, &old, PLACE).unwrap(), b"sk-old");
        let new = seals.seal(&Secret::new("sk-new"), PLACE).unwrap();
        assert_eq!((new.key_id(), seals.is_current(&new), seals.is_current(&old)), (Some("s1"), true, false));
        let seals = bench.seals(&["s1"]);
        assert!(matches!(seals.open(&old, PLACE), Err(SealError::Unopened)), "its key is gone");
        assert_eq!(opens(&seals, &new, PLACE).unwrap(), b"sk-new");
    }

    #[test]
    fn without_a_key_nothing_is_sealed_or_opened() {
        let sealed = Bench::new().seals(&["s1"]).seal(&Secret::new("sk"), PLACE).unwrap();
        let none = Seals::new(Config::default()).unwrap();
        assert!(matches!(none.seal(&Secret::new("sk"), PLACE), Err(SealError::NoKey)));
        assert!(matches!(none.open(&sealed, PLACE), Err(SealError::NoKey)));
    }

    #[test]
    fn key_that_is_short_or_not_there_is_refused_by_its_place() {
        let bench = Bench::new();
        bench.write("short", &"canary".repeat(5));
        for (id, told) in [("short", "holds 30 bytes"), ("absent", "cannot be read")] {
            let keys = vec![("s1".to_owned(), SecretSource::File(bench.file(id)))];
            let error = Seals::new(Config { keys }).err().unwrap().to_string();
            assert!(error.contains(told) && error.contains(id) && !error.contains("canary"), "{error}");
        }
        bench.write("enough", &"k".repeat(32));
        assert!(check_key(&SecretSource::File(bench.file("enough"))).is_ok());
    }

    #[test]
    fn key_file_that_changes_is_read_anew_and_one_that_is_no_good_leaves_the_old_key() {
        let bench = Bench::new();
        let seals = bench.seals(&["s1"]);
        let sealed = seals.seal(&Secret::new("sk"), PLACE).unwrap();
        bench.write("s1", "half wri");
        assert!(opens(&seals, &sealed, PLACE).is_some(), "half written");
        std::fs::remove_file(bench.file("s1")).unwrap();
        assert!(opens(&seals, &sealed, PLACE).is_some(), "gone");
        bench.write("s1", &"another secret".repeat(3));
        assert!(opens(&seals, &sealed, PLACE).is_none(), "another key under the id");
        bench.write("s1", &"s1".repeat(32));
        assert!(opens(&seals, &sealed, PLACE).is_some(), "the key again");
    }

    /// Other processes have what an earlier version sealed: the form of it does not change by accident.
    #[test]
    fn text_that_was_sealed_before_still_opens() {
        let seals = Bench::new().seals(&["s1"]);
        let before = Sealed("v1.s1.NE8pDxepOoKPCGqzDz2xesMe-wK5tlGiUsHtC72DiSyELPJVYA".into());
        assert_eq!(opens(&seals, &before, &["tenant", "upstream"]).unwrap(), b"sk-before");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn opens_in_its_place_and_in_no_other(
            secret in proptest::collection::vec(any::<u8>(), 0..100),
            tenant in "[a-z]{0,6}", upstream in "[a-z]{0,6}",
            other in proptest::collection::vec("[a-z]{0,6}", 0..4),
        ) {
            let seals = Bench::new().seals(&["s1"]);
            let place = [tenant.as_str(), upstream.as_str()];
            let sealed = seals.seal(&Secret::new(secret.clone()), &place).unwrap();
            prop_assert_eq!(opens(&seals, &sealed, &place), Some(secret));
            let other: Vec<&str> = other.iter().map(String::as_str).collect();
            prop_assert_eq!(opens(&seals, &sealed, &other).is_some(), other == place);
            // The same letters, parted elsewhere.
            let whole = format!("{tenant}{upstream}");
            for at in 0..=whole.len() {
                let parted = [&whole[..at], &whole[at..]];
                prop_assert_eq!(opens(&seals, &sealed, &parted).is_some(), parted == place);
            }
            prop_assert!(opens(&seals, &sealed, &[&whole]).is_none());
        }

        #[test]
        fn text_in_which_one_bit_is_another_does_not_open(secret in "[!-~]{1,60}", at in any::<prop::sample::Index>(), bit in 0_u8..7) {
            let seals = Bench::new().seals(&["s1", "s0"]);
            let sealed = seals.seal(&Secret::new(secret), PLACE).unwrap();
            let mut bytes = sealed.0.clone().into_bytes();
            bytes[at.index(sealed.0.len())] ^= 1_u8 << bit;
            let flipped = Sealed(String::from_utf8(bytes).unwrap());
            prop_assert!(opens(&seals, &flipped, PLACE).is_none(), "{}", flipped.0);
        }

        #[test]
        fn sealed_bytes_in_which_one_bit_is_another_do_not_open(secret in "[!-~]{1,60}", at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let seals = Bench::new().seals(&["s1"]);
            let sealed = seals.seal(&Secret::new(secret), PLACE).unwrap();
            let mut bytes = URL_SAFE_NO_PAD.decode(sealed.parts().unwrap().1).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
            let flipped = Sealed(format!("v1.s1.{}", URL_SAFE_NO_PAD.encode(bytes)));
            prop_assert!(opens(&seals, &flipped, PLACE).is_none());
        }

        #[test]
        fn cut_and_made_up_text_does_not_open(secret in "[!-~]{1,60}", cut in any::<prop::sample::Index>(), made_up in ".{0,80}") {
            let seals = Bench::new().seals(&["s1"]);
            let sealed = seals.seal(&Secret::new(secret), PLACE).unwrap();
            let cut = &sealed.0[..cut.index(sealed.0.len())];
            for text in [cut.to_owned(), made_up.clone(), format!("v1.{made_up}"), format!("v1.s1.{made_up}")] {
                prop_assert!(opens(&seals, &Sealed(text), PLACE).is_none());
            }
        }
    }
}
