//! Issuers for the tests: keys of every kind, and tokens made by hand.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::config::{Config, IssuerConfig, KeySource};
use super::keys::KeySet;
use super::{HmacAlgorithm, Jwt, pem};
use crate::clock::Timestamp;
use crate::secret::Secret;

pub(super) const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub(super) const NOW: Timestamp = Timestamp(1_800_000_000);
/// An issuer from outside.
pub(super) const IDP: &str = "https://idp.example.com";
/// The `iss` of our own tokens, where they have one.
pub(super) const OWN: &str = "wardgate";

pub(super) enum Signer {
    Rsa(rsa::KeyPair),
    Ec(EcdsaKeyPair, &'static str),
    Ed(Ed25519KeyPair),
}

/// One signer of each kind, and an RSA key that nobody trusts.
pub(super) struct Signers {
    pub(super) rsa: Signer,
    pub(super) p256: Signer,
    pub(super) p384: Signer,
    pub(super) p521: Signer,
    pub(super) ed: Signer,
    pub(super) foreign: Signer,
}

pub(super) fn signers() -> &'static Signers {
    static SIGNERS: OnceLock<Signers> = OnceLock::new();
    SIGNERS.get_or_init(|| Signers {
        rsa: Signer::rsa(),
        p256: Signer::ec("P-256"),
        p384: Signer::ec("P-384"),
        p521: Signer::ec("P-521"),
        ed: Signer::ed(),
        foreign: Signer::rsa(),
    })
}

impl Signer {
    pub(super) fn rsa() -> Signer {
        Signer::Rsa(rsa::KeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub(super) fn ed() -> Signer {
        Signer::Ed(Ed25519KeyPair::generate().unwrap())
    }

    fn ec(curve: &'static str) -> Signer {
        let algorithm = match curve {
            "P-256" => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            "P-384" => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
            _ => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
        };
        Signer::Ec(EcdsaKeyPair::generate(algorithm).unwrap(), curve)
    }

    /// `alg` matters to RSA alone.
    pub(super) fn sign(&self, alg: &str, message: &str) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Signer::Rsa(pair) => {
                let encoding: &dyn signature::RsaEncoding = match alg {
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    "PS512" => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut made = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message.as_bytes(), &mut made).unwrap();
                made
            }
            Signer::Ec(pair, _) => pair.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Signer::Ed(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
        }
    }

    pub(super) fn jwk(&self, kid: &str) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Signer::Rsa(pair) => {
                let (n, e) = pem::components(pair.public_key().as_ref()).unwrap();
                let n = &n[n.iter().take_while(|byte| **byte == 0).count()..];
                json!({ "kid": kid, "kty": "RSA", "n": text(n), "e": text(e) })
            }
            Signer::Ec(pair, curve) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({ "kid": kid, "kty": "EC", "crv": curve, "x": text(x), "y": text(y) })
            }
            Signer::Ed(pair) => {
                json!({ "kid": kid, "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref()) })
            }
        }
    }

    /// The `SubjectPublicKeyInfo`.
    pub(super) fn der(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match self {
            Signer::Rsa(pair) => pair.public_key().as_der().unwrap(),
            Signer::Ec(pair, _) => pair.public_key().as_der().unwrap(),
            Signer::Ed(pair) => pair.public_key().as_der().unwrap(),
        };
        der.as_ref().to_vec()
    }

    pub(super) fn pem(&self) -> String {
        let body = STANDARD.encode(self.der());
        let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }
}

pub(super) fn hmac_of(algorithm: HmacAlgorithm, secret: &[u8], message: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm.mac(), secret), message.as_bytes()).as_ref().to_vec()
}

pub(super) fn message(header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

pub(super) fn joined(message: &str, signature: &[u8]) -> String {
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Signed with our own secret, as somebody who has it could, so that only the other checks are left to refuse it.
pub(super) fn by_secret(header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
    let message = message(header, claims);
    joined(&message, &hmac_of(HmacAlgorithm::Hs256, SECRET.as_bytes(), &message))
}

/// Signed by a key of an issuer's.
pub(super) fn by_key(signer: &Signer, header: &str, claims: impl AsRef<[u8]>) -> String {
    let alg = header.split_once(r#""alg":""#).and_then(|(_, rest)| rest.split_once('"')).map_or("", |(alg, _)| alg);
    let message = message(header, claims);
    joined(&message, &signer.sign(alg, &message))
}

/// Claims in their own spelling, to be spoilt one at a time.
#[derive(Clone)]
pub(super) struct Claims(Vec<(String, String)>);

impl Claims {
    /// What is good for the gate of `gate`.
    pub(super) fn of(issuer: &str) -> Claims {
        let claims = Claims(Vec::new()).with("iss", &format!("{issuer:?}")).with("aud", r#""wardgate""#);
        claims.with("sub", r#""u1""#).with("tenant_id", r#""t1""#).with("exp", "1800000600")
    }

    /// `value` is JSON as it is spelled.
    pub(super) fn with(mut self, name: &str, value: &str) -> Claims {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => value.clone_into(known),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    pub(super) fn without(mut self, name: &str) -> Claims {
        self.0.retain(|(known, _)| known != name);
        self
    }

    pub(super) fn json(&self) -> String {
        let members: Vec<String> = self.0.iter().map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
        format!("{{{}}}", members.join(","))
    }
}

pub(super) fn jwks(keys: &[Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

/// Every signer but the foreign one, under a `kid` each.
pub(super) fn issuer() -> IssuerConfig {
    let Signers { rsa, p256, p384, p521, ed, .. } = signers();
    let keys = [rsa.jwk("rsa"), p256.jwk("p256"), p384.jwk("p384"), p521.jwk("p521"), ed.jwk("ed")];
    let keys = Arc::new(KeySet::of_jwks_file(jwks(&keys)).unwrap());
    let audiences = vec!["wardgate".to_owned()];
    IssuerConfig { audiences, ..IssuerConfig::new(IDP, KeySource::Fixed(keys)) }
}

/// A gate that takes its own tokens and those of one issuer.
pub(super) fn gate() -> Jwt {
    let secrets = vec![Secret::new(SECRET)];
    let audiences = vec!["wardgate".to_owned()];
    Jwt::new(Config { secrets, issuer: Some(OWN.into()), audiences, issuers: vec![issuer()], ..Config::default() })
}

/// The same issuer with something else about it, and no tokens of our own.
pub(super) fn gate_with(change: impl FnOnce(&mut IssuerConfig)) -> Jwt {
    let mut issuer = issuer();
    change(&mut issuer);
    Jwt::new(Config { issuers: vec![issuer], ..Config::default() })
}
