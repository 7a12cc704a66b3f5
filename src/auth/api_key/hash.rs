//! Hashes of keys, told apart by their form: `$2b$…`, `sha256:<hex>`, `hmac-sha256:<pepper id>:<hex>`.
//!
//! What is hashed is always the whole key. A key of 256 random bits needs no slow hash; bcrypt stays the default
//! because imported keys may be short, and it costs nothing once a key is cached.

use std::str::FromStr;

use aws_lc_rs::{constant_time, hmac};

use crate::digest::{hex, sha256};
use crate::secret::Secret;

/// How new keys are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
pub enum HashMethod {
    #[serde(rename = "bcrypt")]
    Bcrypt,
    #[serde(rename = "sha256")]
    Sha256,
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
}

/// Server-side secrets under their ids: the first is used for new keys, all verify.
#[derive(Clone, Default)]
pub struct Peppers(pub Vec<(String, Secret)>);

impl Peppers {
    fn find(&self, id: &str) -> Option<&Secret> {
        self.0.iter().find(|(held, _)| held == id).map(|(_, pepper)| pepper)
    }

    /// Whether new hashes are made with the pepper of this id.
    pub(super) fn is_first(&self, id: &str) -> bool {
        self.0.first().is_some_and(|(first, _)| first == id)
    }
}

/// A stored hash, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyHash {
    Bcrypt(String),
    Sha256([u8; 32]),
    HmacSha256 { pepper_id: String, mac: [u8; 32] },
}

/// The text is no hash that could ever match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a key's hash is $2a$, $2b$ or $2y$ (bcrypt, cost 4 to {BCRYPT_COST_MAX}), sha256:<64 hex digits> or hmac-sha256:<pepper id>:<64 hex digits>"
)]
pub struct KeyHashError;

/// Why a hash could not be compared with a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    #[error("the pepper `{0}` of the key's hash is not configured")]
    UnknownPepper(String),
    #[error("the bcrypt hash cannot be computed")]
    Bcrypt,
}

impl FromStr for KeyHash {
    type Err = KeyHashError;

    fn from_str(text: &str) -> Result<KeyHash, KeyHashError> {
        if let Some(digits) = text.strip_prefix("sha256:") {
            return unhex(digits).map(KeyHash::Sha256).ok_or(KeyHashError);
        }
        if let Some(rest) = text.strip_prefix("hmac-sha256:") {
            let (pepper_id, digits) = rest.rsplit_once(':').ok_or(KeyHashError)?;
            let mac = unhex(digits).ok_or(KeyHashError)?;
            return Ok(KeyHash::HmacSha256 { pepper_id: pepper_id.to_owned(), mac });
        }
        let parts: bcrypt::HashParts = text.parse().map_err(|_| KeyHashError)?;
        let known = ["$2a$", "$2b$", "$2y$"].iter().any(|version| text.starts_with(version));
        let bounded = (4..=BCRYPT_COST_MAX).contains(&parts.get_cost());
        if known && bounded && text.len() == 60 { Ok(KeyHash::Bcrypt(text.to_owned())) } else { Err(KeyHashError) }
    }
}

impl KeyHash {
    /// Hashes a key by the configured method. Bcrypt takes tens of milliseconds of a core.
    pub fn of(key: &Secret, method: HashMethod, cost: u32, peppers: &Peppers) -> Result<KeyHash, VerifyError> {
        match method {
            // What bcrypt would cut off is refused (promise K2). The crate's own check for it counts a NUL as well that
            // no other bcrypt asks room for, and so refuses 72 bytes too.
            HashMethod::Bcrypt if key.len() > BCRYPT_BYTES_MAX => Err(VerifyError::Bcrypt),
            HashMethod::Bcrypt => {
                bcrypt::hash(key.expose(), cost).map(KeyHash::Bcrypt).map_err(|_| VerifyError::Bcrypt)
            }
            HashMethod::Sha256 => Ok(KeyHash::Sha256(sha256(key.expose()))),
            HashMethod::HmacSha256 => {
                KeyHash::peppered(key, peppers).ok_or_else(|| VerifyError::UnknownPepper("none".into()))
            }
        }
    }

    /// Compares in constant time. Bcrypt takes tens of milliseconds of a core.
    pub fn verify(&self, key: &Secret, peppers: &Peppers) -> Result<bool, VerifyError> {
        match self {
            // What bcrypt would cut off must not count as proven (promise K2).
            KeyHash::Bcrypt(_) if key.len() > BCRYPT_BYTES_MAX => Ok(false),
            KeyHash::Bcrypt(hash) => bcrypt::verify(key.expose(), hash).map_err(|_| VerifyError::Bcrypt),
            KeyHash::Sha256(hash) => Ok(same(hash, &sha256(key.expose()))),
            KeyHash::HmacSha256 { pepper_id, mac } => {
                let pepper = peppers.find(pepper_id).ok_or_else(|| VerifyError::UnknownPepper(pepper_id.clone()))?;
                Ok(same(mac, &hmac_sha256(pepper, key.expose())))
            }
        }
    }

    /// The HMAC under the pepper that new hashes get; `None` where none is configured.
    pub(super) fn peppered(key: &Secret, peppers: &Peppers) -> Option<KeyHash> {
        let (id, pepper) = peppers.0.first()?;
        Some(KeyHash::HmacSha256 { pepper_id: id.clone(), mac: hmac_sha256(pepper, key.expose()) })
    }

    /// A hash that is fast to compare, for a key that cannot be guessed.
    pub(super) fn fast(key: &Secret, peppers: &Peppers) -> KeyHash {
        KeyHash::peppered(key, peppers).unwrap_or_else(|| KeyHash::Sha256(sha256(key.expose())))
    }

    /// Whether `verify` is slow enough to need a thread of its own.
    pub fn is_slow(&self) -> bool {
        matches!(self, KeyHash::Bcrypt(_))
    }

    /// The texts by which a key with a fast hash is found without knowing its public id.
    pub(super) fn digests(key: &Secret, peppers: &Peppers) -> Vec<String> {
        let plain = KeyHash::Sha256(sha256(key.expose()));
        let peppered = peppers
            .0
            .iter()
            .map(|(id, pepper)| KeyHash::HmacSha256 { pepper_id: id.clone(), mac: hmac_sha256(pepper, key.expose()) });
        std::iter::once(plain).chain(peppered).map(|hash| hash.to_string()).collect()
    }
}

/// The form in which the store holds it.
impl std::fmt::Display for KeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            KeyHash::Bcrypt(hash) => f.write_str(hash),
            KeyHash::Sha256(hash) => write!(f, "sha256:{}", hex(hash)),
            KeyHash::HmacSha256 { pepper_id, mac } => write!(f, "hmac-sha256:{pepper_id}:{}", hex(mac)),
        }
    }
}

fn hmac_sha256(pepper: &Secret, bytes: &[u8]) -> [u8; 32] {
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, pepper.expose()), bytes);
    mac.as_ref().try_into().expect("SHA-256 gives 32 bytes")
}

fn same(left: &[u8; 32], right: &[u8; 32]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

fn unhex(digits: &str) -> Option<[u8; 32]> {
    let digits = digits.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

/// bcrypt reads 72 bytes and ignores the rest.
pub(super) const BCRYPT_BYTES_MAX: usize = 72;
/// Cost 15 takes two seconds of a core: a higher one in an imported hash would let one key stall the process.
pub const BCRYPT_COST_MAX: u32 = 15;

#[cfg(test)]
mod tests {
    use super::*;

    fn peppers() -> Peppers {
        Peppers(vec![("p1".into(), Secret::new("pepper-one")), ("p2".into(), Secret::new("pepper-two"))])
    }

    #[test]
    fn every_method_accepts_its_own_key_and_no_other() {
        let (key, other) = (Secret::new("wgk_key"), Secret::new("wgk_kez"));
        for method in [HashMethod::Bcrypt, HashMethod::Sha256, HashMethod::HmacSha256] {
            let hash = KeyHash::of(&key, method, 4, &peppers()).unwrap();
            let stored: KeyHash = hash.to_string().parse().unwrap();
            assert_eq!(stored, hash);
            assert_eq!(stored.verify(&key, &peppers()), Ok(true));
            assert_eq!(stored.verify(&other, &peppers()), Ok(false));
        }
    }

    #[test]
    fn k02_key_over_72_bytes_is_never_truncated_into_bcrypt() {
        let long = "k".repeat(73);
        let truncated = bcrypt::hash(&long[..72], 4).unwrap();
        let hash: KeyHash = truncated.parse().unwrap();
        assert_eq!(hash.verify(&Secret::new(&long[..72]), &peppers()), Ok(true));
        assert_eq!(hash.verify(&Secret::new(long.as_str()), &peppers()), Ok(false));
        assert!(KeyHash::of(&Secret::new(long.as_str()), HashMethod::Bcrypt, 4, &peppers()).is_err());
        let whole = KeyHash::of(&Secret::new(&long[..72]), HashMethod::Bcrypt, 4, &peppers()).unwrap();
        assert_eq!(whole.verify(&Secret::new(&long[..72]), &peppers()), Ok(true));
        assert_eq!(whole.verify(&Secret::new(&long[..71]), &peppers()), Ok(false));
        assert!(KeyHash::of(&Secret::new(long.as_str()), HashMethod::Sha256, 4, &peppers()).is_ok());
    }

    #[test]
    fn unknown_pepper_is_could_not_tell_and_not_a_mismatch() {
        let key = Secret::new("k");
        let hash = KeyHash::of(&key, HashMethod::HmacSha256, 4, &peppers()).unwrap();
        assert_eq!(hash.verify(&key, &Peppers::default()), Err(VerifyError::UnknownPepper("p1".into())));
    }

    #[test]
    fn texts_that_are_no_hash_are_refused() {
        for wrong in [
            "",
            "sha256:",
            "sha256:zz",
            "hmac-sha256:00",
            "$2b$31$",
            "md5:00",
            "$2b$20$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
        ] {
            assert_eq!(wrong.parse::<KeyHash>(), Err(KeyHashError), "{wrong}");
        }
    }
}
