//! Public keys as PEM has them (RFC 7468): `PUBLIC KEY`, and `RSA PUBLIC KEY` as older tools write it.

use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, ParsedPublicKey,
    VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::algorithm::SignatureAlgorithm;
use super::jwks::KeyFault;
use super::keys::{KeySet, VerifyingKey};
use super::material::Material;

/// Why a file gives no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    #[error("it is a private key; the gate verifies with the public one: `openssl pkey -in KEY -pubout`")]
    Private,
    #[error("it is a certificate; take the public key out of it: `openssl x509 -in CERT -noout -pubkey`")]
    Certificate,
    #[error("it holds no PEM block named PUBLIC KEY")]
    NoKey,
    #[error("the PEM block is malformed")]
    Malformed,
    #[error("its type or curve is not known: RSA, P-256, P-384, P-521 and Ed25519 are")]
    UnknownType,
    #[error("{0}")]
    Key(KeyFault),
}

impl KeySet {
    /// Every public key of the text. They have no names, so a token's `kid` is not asked for.
    pub fn of_pem(pem: &str) -> Result<KeySet, PemError> {
        let mut keys = Vec::new();
        let mut rest = pem;
        while let Some((label, body, after)) = block(rest)? {
            keys.push(key_of(label, body)?);
            rest = after;
        }
        if keys.is_empty() { Err(PemError::NoKey) } else { Ok(KeySet { keys, confirmed: None }) }
    }
}

/// The next block: its label, its body, and the text behind it.
fn block(text: &str) -> Result<Option<(&str, &str, &str)>, PemError> {
    let Some((_, begun)) = text.split_once("-----BEGIN ") else { return Ok(None) };
    let (label, begun) = begun.split_once("-----").ok_or(PemError::Malformed)?;
    let end = format!("-----END {label}-----");
    let (body, after) = begun.split_once(end.as_str()).ok_or(PemError::Malformed)?;
    Ok(Some((label, body, after)))
}

fn key_of(label: &str, body: &str) -> Result<VerifyingKey, PemError> {
    if label.ends_with("PRIVATE KEY") {
        return Err(PemError::Private);
    }
    if label.ends_with("CERTIFICATE") {
        return Err(PemError::Certificate);
    }
    if label != "PUBLIC KEY" && label != "RSA PUBLIC KEY" {
        return Err(PemError::NoKey);
    }
    let body: String = body.split_ascii_whitespace().collect();
    let der = STANDARD.decode(body).map_err(|_| PemError::Malformed)?;
    Ok(VerifyingKey::new(None, ways_of(&der)?))
}

/// The key says itself of which type it is: it parses as that one alone.
fn ways_of(der: &[u8]) -> Result<Vec<(SignatureAlgorithm, ParsedPublicKey)>, PemError> {
    if let Ok(rsa) = rsa::PublicKey::from_der(der) {
        let (n, e) = components(rsa.as_ref()).ok_or(PemError::Malformed)?;
        return Material::rsa(n.to_vec(), e.to_vec()).and_then(|rsa| rsa.parse_all()).map_err(PemError::Key);
    }
    let others: [(SignatureAlgorithm, &'static dyn VerificationAlgorithm); 4] = [
        (SignatureAlgorithm::Es256, &ECDSA_P256_SHA256_FIXED),
        (SignatureAlgorithm::Es384, &ECDSA_P384_SHA384_FIXED),
        (SignatureAlgorithm::Es512, &ECDSA_P521_SHA512_FIXED),
        (SignatureAlgorithm::EdDsa, &ED25519),
    ];
    let parsed = |(algorithm, verification)| Some((algorithm, ParsedPublicKey::new(verification, der).ok()?));
    others.into_iter().find_map(parsed).map(|way| vec![way]).ok_or(PemError::UnknownType)
}

/// Modulus and exponent of an `RSAPublicKey`, which is a sequence of just these (RFC 8017, appendix A.1.1).
pub(super) fn components(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, _) = element(der, 0x30)?;
    let (modulus, rest) = element(sequence, 0x02)?;
    let (exponent, _) = element(rest, 0x02)?;
    Some((modulus, exponent))
}

/// The contents of the DER element that `der` begins with, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short @ 0..=0x7f => (short, rest),
        long @ 0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(long - 0x80)?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    if *found == tag { rest.split_at_checked(length) } else { None }
}
