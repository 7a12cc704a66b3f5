//! The numbers of a public key, checked and made ready for each algorithm of its type.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};

use super::algorithm::SignatureAlgorithm;
use super::jwks::KeyFault;

pub(super) enum Material {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// An uncompressed point (SEC 1, section 2.3.3).
    Point(Curve, Vec<u8>),
    Ed25519(Vec<u8>),
}

/// The curves of RFC 7518, section 6.2.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    pub(super) fn parse(name: &str) -> Option<Curve> {
        match name {
            "P-256" => Some(Curve::P256),
            "P-384" => Some(Curve::P384),
            "P-521" => Some(Curve::P521),
            _ => None,
        }
    }

    /// Of one coordinate.
    fn bytes(self) -> usize {
        match self {
            Curve::P256 => 32,
            Curve::P384 => 48,
            Curve::P521 => 66,
        }
    }

    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Curve::P256 => &ECDSA_P256_SHA256_FIXED,
            Curve::P384 => &ECDSA_P384_SHA384_FIXED,
            Curve::P521 => &ECDSA_P521_SHA512_FIXED,
        }
    }
}

impl Material {
    /// Big-endian numbers; a leading zero, which some issuers write against RFC 7518, section 6.3.1.1, says nothing.
    pub(super) fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Material, KeyFault> {
        let (n, e) = (without_zeros(n), without_zeros(e));
        let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
        if !RSA_BITS.contains(&bits) {
            return Err(KeyFault::RsaBits(bits));
        }
        // An exponent of 1 verifies everything, and an even one nothing.
        if e.len() > 8 || e == [1] || e.last().is_none_or(|last| last % 2 == 0) {
            return Err(KeyFault::Malformed);
        }
        Ok(Material::Rsa(RsaPublicKeyComponents { n, e }))
    }

    /// Both coordinates in their full length (RFC 7518, section 6.2.1.2).
    pub(super) fn point(curve: Curve, x: &[u8], y: &[u8]) -> Result<Material, KeyFault> {
        if x.len() != curve.bytes() || y.len() != curve.bytes() {
            return Err(KeyFault::Malformed);
        }
        Ok(Material::Point(curve, [&[4], x, y].concat()))
    }

    pub(super) fn ed25519(x: Vec<u8>) -> Result<Material, KeyFault> {
        if x.len() == 32 { Ok(Material::Ed25519(x)) } else { Err(KeyFault::Malformed) }
    }

    /// What a key of this type can verify, and nothing else can (RFC 8725, section 3.1).
    pub(super) fn algorithms(&self) -> &'static [SignatureAlgorithm] {
        use SignatureAlgorithm::{EdDsa, Es256, Es384, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        match self {
            Material::Rsa(_) => &[Rs256, Rs384, Rs512, Ps256, Ps384, Ps512],
            Material::Point(Curve::P256, _) => &[Es256],
            Material::Point(Curve::P384, _) => &[Es384],
            Material::Point(Curve::P521, _) => &[Es512],
            Material::Ed25519(_) => &[EdDsa],
        }
    }

    /// Refuses what is no key, such as a point beside its curve. `algorithm` is one of `algorithms`.
    pub(super) fn parse(&self, algorithm: SignatureAlgorithm) -> Result<ParsedPublicKey, KeyFault> {
        let parsed = match self {
            Material::Rsa(components) => {
                let parameters = rsa_parameters(algorithm).ok_or(KeyFault::Algorithm)?;
                components.to_parsed_public_key(parameters)
            }
            Material::Point(curve, point) => ParsedPublicKey::new(curve.verification(), point),
            Material::Ed25519(key) => ParsedPublicKey::new(&ED25519, key),
        };
        parsed.map_err(|_| KeyFault::Malformed)
    }

    pub(super) fn parse_all(&self) -> Result<Vec<(SignatureAlgorithm, ParsedPublicKey)>, KeyFault> {
        self.algorithms().iter().map(|algorithm| Ok((*algorithm, self.parse(*algorithm)?))).collect()
    }
}

fn rsa_parameters(algorithm: SignatureAlgorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        SignatureAlgorithm::Rs256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        SignatureAlgorithm::Rs384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        SignatureAlgorithm::Rs512 => Some(&RSA_PKCS1_2048_8192_SHA512),
        SignatureAlgorithm::Ps256 => Some(&RSA_PSS_2048_8192_SHA256),
        SignatureAlgorithm::Ps384 => Some(&RSA_PSS_2048_8192_SHA384),
        SignatureAlgorithm::Ps512 => Some(&RSA_PSS_2048_8192_SHA512),
        SignatureAlgorithm::Es256
        | SignatureAlgorithm::Es384
        | SignatureAlgorithm::Es512
        | SignatureAlgorithm::EdDsa => None,
    }
}

fn without_zeros(number: Vec<u8>) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number[zeros..].to_vec()
}

/// Promise J9; above, a signature costs more to check than a request is worth.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
