//! How a key is written: `wgk_<12 base62>_<43 base62><6 checksum>` for our own, and what is known of imported ones.
//!
//! The head `wgk_<12 base62>` is the public id. The 43 digits hold 256 bits, and the checksum lets a mistyped key be
//! refused offline, before any store or hash is asked (promise K1).

use crate::secret::Secret;

/// A key as it was presented, told by its form alone.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyForm<'a> {
    /// Ours, with a good checksum.
    Branded { public_id: &'a str },
    /// Of another system: `<brand>_<prefix>_<secret>`, or a text without any such parts.
    Foreign { head: Option<ForeignHead<'a>> },
}

/// The part of an imported key that may be its public id, as systems store it with or without their brand.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ForeignHead<'a> {
    pub(super) with_brand: &'a str,
    pub(super) bare: &'a str,
}

/// It has our brand, and is mistyped or made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadChecksum;

impl<'a> KeyForm<'a> {
    pub(super) fn parse(key: &'a str, brand: &str) -> Result<KeyForm<'a>, BadChecksum> {
        match key.strip_prefix(brand).and_then(|rest| rest.strip_prefix('_')) {
            Some(rest) => branded(key, rest).ok_or(BadChecksum),
            None => Ok(KeyForm::Foreign { head: foreign_head(key) }),
        }
    }
}

fn branded<'a>(key: &'a str, rest: &str) -> Option<KeyForm<'a>> {
    let (id, secret) = rest.split_once('_')?;
    let is_base62 = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric());
    let well_formed =
        id.len() == ID_DIGITS && secret.len() == SECRET_DIGITS + CHECKSUM_DIGITS && is_base62(id) && is_base62(secret);
    if !well_formed {
        return None;
    }
    let (head, checksum) = key.split_at(key.len() - CHECKSUM_DIGITS);
    let public_id = &key[..key.len() - SECRET_DIGITS - CHECKSUM_DIGITS - 1];
    (checksum_of(head) == checksum).then_some(KeyForm::Branded { public_id })
}

fn foreign_head(key: &str) -> Option<ForeignHead<'_>> {
    let (brand, rest) = key.split_once('_')?;
    let (bare, secret) = rest.split_once('_')?;
    let complete = !brand.is_empty() && !bare.is_empty() && !secret.is_empty();
    complete.then(|| ForeignHead { with_brand: &key[..brand.len() + 1 + bare.len()], bare })
}

/// Makes a new key: its public id and the whole of it.
pub(super) fn generate(brand: &str) -> Result<(String, Secret), aws_lc_rs::error::Unspecified> {
    let public_id = format!("{brand}_{}", random_base62(ID_DIGITS)?);
    let mut key = format!("{public_id}_{}", random_base62(SECRET_DIGITS)?);
    let checksum = checksum_of(&key);
    key.push_str(&checksum);
    Ok((public_id, Secret::new(key)))
}

/// CRC-32 (IEEE 802.3) of all that stands before it, in base62.
fn checksum_of(head: &str) -> String {
    let mut rest = crc32fast::hash(head.as_bytes());
    let mut digits = [b'0'; CHECKSUM_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().copied().map(char::from).collect()
}

/// Each digit is drawn evenly: bytes past the largest multiple of 62 are thrown away.
fn random_base62(digits: usize) -> Result<String, aws_lc_rs::error::Unspecified> {
    let mut text = String::with_capacity(digits);
    while text.len() < digits {
        let mut bytes = [0; 64];
        aws_lc_rs::rand::fill(&mut bytes)?;
        let even = bytes.iter().filter(|b| **b < 248).map(|b| char::from(BASE62[usize::from(b % 62)]));
        text.extend(even.take(digits - text.len()));
    }
    Ok(text)
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_DIGITS: usize = 12;
/// 62^43 is a little more than 2^256.
const SECRET_DIGITS: usize = 43;
const CHECKSUM_DIGITS: usize = 6;
/// A whole key stays below the 72 bytes of bcrypt.
pub const BRAND_BYTES_MAX: usize =
    super::hash::BCRYPT_BYTES_MAX - (1 + ID_DIGITS + 1 + SECRET_DIGITS + CHECKSUM_DIGITS) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn new_key() -> (String, String) {
        let (public_id, key) = generate("wgk").unwrap();
        (public_id, String::from_utf8(key.expose().to_vec()).unwrap())
    }

    #[test]
    fn k01_new_key_has_brand_public_id_secret_and_checksum() {
        let (public_id, key) = new_key();
        assert_eq!(key.len(), 4 + 12 + 1 + 43 + 6);
        assert!(key.starts_with(&format!("{public_id}_")));
        assert_eq!(KeyForm::parse(&key, "wgk"), Ok(KeyForm::Branded { public_id: &public_id }));
        assert_ne!(new_key().1, key);
    }

    #[test]
    fn k01_any_mistyped_letter_breaks_the_checksum() {
        let (_, key) = new_key();
        for at in 4..key.len() {
            let mut wrong = key.clone().into_bytes();
            wrong[at] = if wrong[at] == b'a' { b'b' } else { b'a' };
            let wrong = String::from_utf8(wrong).unwrap();
            assert_eq!(KeyForm::parse(&wrong, "wgk"), Err(BadChecksum), "{at}");
        }
        for wrong in ["wgk_", "wgk_a_b", &key[..key.len() - 1], &format!("{key}0")] {
            assert_eq!(KeyForm::parse(wrong, "wgk"), Err(BadChecksum));
        }
    }

    #[test]
    fn keys_of_other_systems_show_what_may_be_their_public_id() {
        let head = ForeignHead { with_brand: "llmk_ab12", bare: "ab12" };
        assert_eq!(KeyForm::parse("llmk_ab12_s_e_c", "wgk"), Ok(KeyForm::Foreign { head: Some(head) }));
        assert_eq!(KeyForm::parse("ck_0123", "wgk"), Ok(KeyForm::Foreign { head: None }));
    }
}
