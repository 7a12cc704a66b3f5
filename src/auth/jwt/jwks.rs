//! Keys as a JSON Web Key Set has them (RFC 7517; RFC 7518, section 6; RFC 8037).
//!
//! A set may hold keys that are not for us: for encryption, or of types that are not known here. They are left out, and so
//! is a key that would be dangerous. A fetched set goes on without them; in a file of the operator's they are mistakes.

use aws_lc_rs::signature::ParsedPublicKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

use super::algorithm::SignatureAlgorithm;
use super::compact::is_kid;
use super::keys::{KeySet, VerifyingKey};
use super::material::{Curve, Material};
use crate::prompt::json::{Document, Kind, Value};

/// Why a key is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    #[error("it is for another use than signatures")]
    OtherUse,
    #[error("its type or curve is not known")]
    UnknownType,
    #[error("it is a private key: whoever can read it can sign; hand out public keys alone")]
    Private,
    #[error("it is a shared secret (kty oct), which must not be handed out")]
    Symmetric,
    #[error("it is an RSA key of {0} bits; 2048 is the least, 8192 the most")]
    RsaBits(usize),
    #[error("its `kid` is not 1 to 256 printable ASCII characters")]
    Kid,
    #[error("another key of the set has its `kid`")]
    SameKid,
    #[error("its `alg` does not fit its type")]
    Algorithm,
    #[error("it is malformed")]
    Malformed,
}

impl KeyFault {
    /// Whether somebody has to mend it: that a key is not for us is no mistake.
    pub fn is_mistake(self) -> bool {
        !matches!(self, KeyFault::OtherUse | KeyFault::UnknownType)
    }
}

/// Why there is no set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    #[error("it is no JSON Web Key Set: an object whose `keys` is a list of keys")]
    Malformed,
    #[error("it holds more than {KEYS_MAX} keys")]
    TooMany,
    #[error("it holds no key that could verify a token")]
    Empty,
    #[error("key {index}: {fault}", index = .0.index, fault = .0.fault)]
    Key(LeftOut),
}

/// A key that is left out: its place in the list, from 0, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    pub index: usize,
    pub fault: KeyFault,
}

/// A set that was fetched, without what is left out of it.
pub(super) fn read(json: Bytes) -> Result<(Vec<VerifyingKey>, Vec<LeftOut>), KeySetError> {
    let document = Document::parse(json, DEPTH_MAX).map_err(|_| KeySetError::Malformed)?;
    let list = document.root().get("keys").filter(|keys| keys.kind() == Kind::Array).ok_or(KeySetError::Malformed)?;
    if list.elements().nth(KEYS_MAX).is_some() {
        return Err(KeySetError::TooMany);
    }
    let mut keys = Vec::new();
    let mut left_out = Vec::new();
    for (index, jwk) in list.elements().enumerate() {
        match key_of(jwk).and_then(|key| if is_alone(jwk, list) { Ok(key) } else { Err(KeyFault::SameKid) }) {
            Ok(key) => keys.push(key),
            Err(fault) => left_out.push(LeftOut { index, fault }),
        }
    }
    if keys.is_empty() {
        // Where something can be mended, that is the news.
        let first = left_out.iter().find(|left| left.fault.is_mistake());
        return Err(first.map_or(KeySetError::Empty, |left| KeySetError::Key(*left)));
    }
    Ok((keys, left_out))
}

impl KeySet {
    /// A set in a file of the operator's, in which nothing that is dangerous is passed over.
    pub fn of_jwks_file(json: Vec<u8>) -> Result<KeySet, KeySetError> {
        let (keys, left_out) = read(json.into())?;
        match left_out.into_iter().find(|left| left.fault.is_mistake()) {
            Some(left) => Err(KeySetError::Key(left)),
            None => Ok(KeySet { keys, confirmed: None }),
        }
    }
}

/// Of two keys with one `kid` neither is known to be the one that is meant (promise J7).
fn is_alone(jwk: Value<'_>, list: Value<'_>) -> bool {
    let kid = |jwk: Value<'_>| jwk.get("kid").and_then(Value::text).map(String::from);
    let wanted = kid(jwk);
    wanted.is_none() || list.elements().filter(|other| kid(*other) == wanted && is_for_signatures(*other)).count() == 1
}

fn key_of(jwk: Value<'_>) -> Result<VerifyingKey, KeyFault> {
    if jwk.get("d").is_some() {
        return Err(KeyFault::Private);
    }
    let kty = text(jwk, "kty")?.ok_or(KeyFault::Malformed)?;
    if kty == "oct" {
        return Err(KeyFault::Symmetric);
    }
    if !is_for_signatures(jwk) {
        return Err(KeyFault::OtherUse);
    }
    let kid = text(jwk, "kid")?;
    if kid.as_deref().is_some_and(|kid| !is_kid(kid)) {
        return Err(KeyFault::Kid);
    }
    let material = material_of(jwk, &kty)?;
    let ways = allowed(jwk, &material)?.into_iter().map(|algorithm| Ok((algorithm, material.parse(algorithm)?)));
    let ways: Vec<(SignatureAlgorithm, ParsedPublicKey)> = ways.collect::<Result<_, KeyFault>>()?;
    Ok(VerifyingKey::new(kid, ways))
}

fn is_for_signatures(jwk: Value<'_>) -> bool {
    let verifies = |operations: Value<'_>| operations.elements().any(|each| each.text().as_deref() == Some("verify"));
    let by_use = jwk.get("use").is_none_or(|of| of.text().as_deref() == Some("sig"));
    by_use && jwk.get("key_ops").is_none_or(verifies)
}

fn material_of(jwk: Value<'_>, kty: &str) -> Result<Material, KeyFault> {
    match kty {
        "RSA" => Material::rsa(bytes(jwk, "n")?, bytes(jwk, "e")?),
        "EC" => {
            let curve = text(jwk, "crv")?.and_then(|name| Curve::parse(&name)).ok_or(KeyFault::UnknownType)?;
            Material::point(curve, &bytes(jwk, "x")?, &bytes(jwk, "y")?)
        }
        "OKP" if text(jwk, "crv")?.as_deref() == Some("Ed25519") => Material::ed25519(bytes(jwk, "x")?),
        _ => Err(KeyFault::UnknownType),
    }
}

/// What the key's type can do, or the one algorithm that its `alg` names.
fn allowed(jwk: Value<'_>, material: &Material) -> Result<Vec<SignatureAlgorithm>, KeyFault> {
    let Some(name) = text(jwk, "alg")? else { return Ok(material.algorithms().to_vec()) };
    let named = SignatureAlgorithm::parse(&name).filter(|algorithm| material.algorithms().contains(algorithm));
    match named {
        Some(algorithm) => Ok(vec![algorithm]),
        None if name.starts_with("RSA") || name.starts_with("ECDH") => Err(KeyFault::OtherUse),
        None => Err(KeyFault::Algorithm),
    }
}

fn text(jwk: Value<'_>, name: &str) -> Result<Option<String>, KeyFault> {
    jwk.get(name).map(|value| value.text().map(String::from).ok_or(KeyFault::Malformed)).transpose()
}

fn bytes(jwk: Value<'_>, name: &str) -> Result<Vec<u8>, KeyFault> {
    let text = text(jwk, name)?.ok_or(KeyFault::Malformed)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyFault::Malformed)
}

/// The large issuers have under ten.
const KEYS_MAX: usize = 100;
/// A set is an object with a list of objects with lists (promise S22).
const DEPTH_MAX: usize = 8;
