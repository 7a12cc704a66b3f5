//! Algorithms, signatures, and keys that are taken for others (RFC 8725, sections 3.1 to 3.4).

use super::*;

pub(super) fn good() -> Vec<(String, String)> {
    let Signers { rsa, p256, p384, p521, ed, .. } = signers();
    let kinds: [(&Signer, &str, &[&str]); 5] = [
        (rsa, "rsa", &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]),
        (p256, "p256", &["ES256"]),
        (p384, "p384", &["ES384"]),
        (p521, "p521", &["ES512"]),
        (ed, "ed", &["EdDSA"]),
    ];
    let mut good = vec![("HS256".to_owned(), by_secret(HS256, own().json()))];
    for (signer, kid, algorithms) in kinds {
        for alg in algorithms {
            let header = format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#);
            good.push(((*alg).to_owned(), by_key(signer, &header, outside().json())));
            let header = format!(r#"{{"alg":"{alg}"}}"#);
            good.push((format!("{alg} without kid"), by_key(signer, &header, outside().json())));
        }
    }
    good
}

pub(super) fn rows() -> Vec<Row> {
    [
        no_algorithm(),
        other_algorithm(),
        public_key_as_secret(),
        spoilt_mac(),
        spoilt_signature(),
        other_type(),
        brought_key(),
    ]
    .concat()
}

/// J1: `none` in every spelling, with and without something in the signature's place.
pub(super) fn no_algorithm() -> Vec<Row> {
    let mut rows = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", " none", "none ", "", "null", "hs256", "HS256 ", "HS1", "HS256\\u0000"]
    {
        let header = format!(r#"{{"alg":"{alg}"}}"#);
        let unsigned = format!("{}.", message(&header, own().json()));
        rows.push(row(format!("own: alg {alg:?}, unsigned"), unsigned, TokenError::Algorithm));
        rows.push(row(format!("own: alg {alg:?}, signed"), by_secret(&header, own().json()), TokenError::Algorithm));
        let unsigned = format!("{}.", message(&header, outside().json()));
        rows.push(row(format!("outside: alg {alg:?}, unsigned"), unsigned, TokenError::Algorithm));
    }
    for alg in ["256", "null", "true", r#"["HS256"]"#, r#"{"alg":"HS256"}"#] {
        let token = by_secret(format!(r#"{{"alg":{alg}}}"#), own().json());
        rows.push(row(format!("own: alg is {alg}"), token, TokenError::Algorithm));
    }
    rows.push(row("own: no alg", by_secret(r#"{"typ":"JWT"}"#, own().json()), TokenError::Algorithm));
    rows
}

/// An issuer's own algorithms alone: neither ours for an issuer, nor an issuer's for us, nor what nobody knows.
pub(super) fn other_algorithm() -> Vec<Row> {
    let Signers { rsa, p256, .. } = signers();
    let secret_for_issuer = by_secret(HS256, outside().json());
    vec![
        row("outside: HS256 with our own secret", secret_for_issuer, TokenError::Algorithm),
        row("own: RS256 by an issuer's key", by_key(rsa, RS256, own().json()), TokenError::Algorithm),
        row("own: no iss, RS256", by_key(rsa, RS256, own().without("iss").json()), TokenError::Algorithm),
        row(
            "outside: ES256K",
            by_key(p256, r#"{"alg":"ES256K","kid":"p256"}"#, outside().json()),
            TokenError::Algorithm,
        ),
        row("outside: RS1", by_key(rsa, r#"{"alg":"RS1","kid":"rsa"}"#, outside().json()), TokenError::Algorithm),
        row("outside: eddsa", by_key(rsa, r#"{"alg":"eddsa","kid":"ed"}"#, outside().json()), TokenError::Algorithm),
        row(
            "outside: RSA-OAEP, as if it were signed",
            by_key(rsa, r#"{"alg":"RSA-OAEP","kid":"rsa"}"#, outside().json()),
            TokenError::Algorithm,
        ),
    ]
}

/// J2: what an issuer publishes, used as the secret of a MAC.
pub(super) fn public_key_as_secret() -> Vec<Row> {
    let Signers { rsa, p256, ed, .. } = signers();
    let mut rows = Vec::new();
    for (kind, kid, signer) in [("RSA", "rsa", rsa), ("EC", "p256", p256), ("Ed25519", "ed", ed)] {
        let forms: [(&str, Vec<u8>); 5] = [
            ("PEM", signer.pem().into_bytes()),
            ("PEM without its last line break", signer.pem().trim_end().as_bytes().to_vec()),
            ("DER", signer.der()),
            ("JWK", signer.jwk(kid).to_string().into_bytes()),
            ("base64 of DER", STANDARD.encode(signer.der()).into_bytes()),
        ];
        for (form, secret) in forms {
            let header = format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#);
            for (whose, claims, reason) in
                [("own", own(), TokenError::Signature), ("outside", outside(), TokenError::Algorithm)]
            {
                let message = message(&header, claims.json());
                let token = joined(&message, &hmac_of(HmacAlgorithm::Hs256, &secret, &message));
                rows.push(row(format!("{whose}: {kind} public key in {form} as the secret"), token, reason));
            }
        }
    }
    rows
}

pub(super) fn spoilt_mac() -> Vec<Row> {
    let message = message(HS256, own().json());
    let good = hmac_of(HmacAlgorithm::Hs256, SECRET.as_bytes(), &message);
    let hexadecimal = crate::digest::hex(&good);
    let of_512 = hmac_of(HmacAlgorithm::Hs512, SECRET.as_bytes(), &message);
    let flipped: Vec<u8> = good.iter().enumerate().map(|(at, byte)| if at == 31 { byte ^ 1 } else { *byte }).collect();
    let macs: [(&str, Vec<u8>); 10] = [
        ("empty", Vec::new()),
        ("its first half", good[..16].to_vec()),
        ("its first byte", good[..1].to_vec()),
        ("with a byte more", [good.as_slice(), &[0]].concat()),
        ("of zeros", vec![0; 32]),
        ("with one bit flipped", flipped),
        ("in hexadecimal", hexadecimal.into_bytes()),
        ("of HS512 under HS256", of_512[..32].to_vec()),
        ("under a blank secret", hmac_of(HmacAlgorithm::Hs256, b"", &message)),
        ("over the claims alone", hmac_of(HmacAlgorithm::Hs256, SECRET.as_bytes(), message.split_once('.').unwrap().1)),
    ];
    let mut rows: Vec<Row> = macs
        .into_iter()
        .map(|(name, mac)| row(format!("own: a MAC {name}"), joined(&message, &mac), TokenError::Signature))
        .collect();
    let other = own().with("scope", r#""platform:admin""#).json();
    rows.push(row("own: another token's MAC", joined(&super::message(HS256, other), &good), TokenError::Signature));
    rows
}

pub(super) fn spoilt_signature() -> Vec<Row> {
    let Signers { rsa, p256, p521, ed, .. } = signers();
    let mut rows = Vec::new();
    let mut spoilt = |name: &str, header: &str, make: &dyn Fn(&str) -> Vec<u8>| {
        let message = message(header, outside().json());
        rows.push(row(format!("outside: {name}"), joined(&message, &make(&message)), TokenError::Signature));
    };
    let es256 = r#"{"alg":"ES256","kid":"p256"}"#;
    let es512 = r#"{"alg":"ES512","kid":"p521"}"#;
    let eddsa = r#"{"alg":"EdDSA","kid":"ed"}"#;
    spoilt("RS256, empty", RS256, &|_| Vec::new());
    spoilt("RS256, zeros", RS256, &|_| vec![0; 256]);
    spoilt("RS256, one", RS256, &|_| [vec![0; 255], vec![1]].concat());
    spoilt("RS256, truncated", RS256, &|message| rsa.sign("RS256", message)[1..].to_vec());
    spoilt("RS256, with a leading zero", RS256, &|message| [vec![0], rsa.sign("RS256", message)].concat());
    spoilt("RS256 by a foreign key", RS256, &|message| signers().foreign.sign("RS256", message));
    spoilt("RS256 that is PS256", RS256, &|message| rsa.sign("PS256", message));
    spoilt("PS256 that is RS256", r#"{"alg":"PS256","kid":"rsa"}"#, &|message| rsa.sign("RS256", message));
    spoilt("PS256 that is PS512", r#"{"alg":"PS256","kid":"rsa"}"#, &|message| rsa.sign("PS512", message));
    spoilt("RS512 that is RS256", r#"{"alg":"RS512","kid":"rsa"}"#, &|message| rsa.sign("RS256", message));
    spoilt("RS256 that is a MAC", RS256, &|message| hmac_of(HmacAlgorithm::Hs256, SECRET.as_bytes(), message));
    // CVE-2022-21449: r and s of nothing held for every message.
    spoilt("ES256, r and s are 0", es256, &|_| vec![0; 64]);
    spoilt("ES256, r is 0", es256, &|message| [vec![0; 32], p256.sign("", message)[32..].to_vec()].concat());
    spoilt("ES256, s is 0", es256, &|message| [p256.sign("", message)[..32].to_vec(), vec![0; 32]].concat());
    spoilt("ES256, r and s are the order", es256, &|_| [P256_ORDER, P256_ORDER].concat());
    spoilt("ES256, r and s are 1", es256, &|_| {
        [[vec![0; 31], vec![1]].concat(), [vec![0; 31], vec![1]].concat()].concat()
    });
    spoilt("ES256, r and s swapped", es256, &|message| {
        let made = p256.sign("", message);
        [&made[32..], &made[..32]].concat()
    });
    spoilt("ES256 in DER", es256, &|message| der_of(&p256.sign("", message)));
    spoilt("ES256, padded to the length of ES512", es256, &|message| {
        let made = p256.sign("", message);
        [&[0; 34], &made[..32], &[0; 34], &made[32..]].concat()
    });
    spoilt("ES256, truncated", es256, &|message| p256.sign("", message)[..63].to_vec());
    spoilt("ES256, empty", es256, &|_| Vec::new());
    spoilt("ES256 that is RS256", es256, &|message| rsa.sign("RS256", message));
    spoilt("ES512, r and s are 0", es512, &|_| vec![0; 132]);
    spoilt("ES512, without its leading bytes", es512, &|message| {
        let made = p521.sign("", message);
        [&made[1..66], &made[67..]].concat()
    });
    spoilt("EdDSA, zeros", eddsa, &|_| vec![0; 64]);
    spoilt("EdDSA, empty", eddsa, &|_| Vec::new());
    spoilt("EdDSA, S beyond the order", eddsa, &|message| beyond_the_order(&ed.sign("", message)));
    spoilt("EdDSA, R is the neutral point and S is 0", eddsa, &|_| [vec![1], vec![0; 63]].concat());
    rows
}

/// A key that the issuer has, used for what it is not.
pub(super) fn other_type() -> Vec<Row> {
    let Signers { rsa, p256, p384, ed, .. } = signers();
    let mixed = [
        ("ES384 with a P-256 key", "ES384", "p256", p256),
        ("ES256 with a P-384 key", "ES256", "p384", p384),
        ("ES512 with a P-256 key", "ES512", "p256", p256),
        ("EdDSA with an RSA key", "EdDSA", "rsa", rsa),
        ("RS256 with an EC key", "RS256", "p256", rsa),
        ("ES256 with an Ed25519 key", "ES256", "ed", ed),
    ];
    let signed = mixed.into_iter().map(|(name, alg, kid, signer)| {
        let header = format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#);
        row(format!("outside: {name}"), by_key(signer, &header, outside().json()), TokenError::Algorithm)
    });
    signed.collect()
}

/// J3: a key that the issuer has not, with all that a header can say for it.
pub(super) fn brought_key() -> Vec<Row> {
    let foreign = &signers().foreign;
    let signed = |signer: &Signer, header: &str| by_key(signer, header, outside().json());
    let unnamed = signed(foreign, r#"{"alg":"RS256"}"#);
    let mut rows = vec![row("outside: a foreign key without kid", unnamed, TokenError::Signature)];
    let jwk = foreign.jwk("rsa");
    let brought = [
        ("jwk", jwk.to_string()),
        ("jku", r#""http://127.0.0.1:9/jwks""#.to_owned()),
        ("x5u", r#""http://127.0.0.1:9/chain""#.to_owned()),
        ("x5c", format!("[{:?}]", STANDARD.encode(foreign.der()))),
        ("x5t", r#""AAAAAAAAAAAAAAAAAAAAAAAAAAA""#.to_owned()),
    ];
    for (name, value) in brought {
        let header = format!(r#"{{"alg":"RS256","kid":"rsa","{name}":{value}}}"#);
        rows.push(row(format!("outside: a foreign key in {name}"), signed(foreign, &header), TokenError::Signature));
        let header = format!(r#"{{"alg":"RS256","kid":"mine","{name}":{value}}}"#);
        let of_own_name = signed(foreign, &header);
        rows.push(row(
            format!("outside: a foreign key of its own name in {name}"),
            of_own_name,
            TokenError::UnknownKey,
        ));
    }
    rows
}

/// As `openssl` writes a signature: two integers in a sequence.
fn der_of(fixed: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let number = [&[0], number].concat();
        let zeros = number.windows(2).take_while(|pair| pair[0] == 0 && pair[1] < 0x80).count();
        let number = &number[zeros..];
        [&[2, u8::try_from(number.len()).unwrap()], number].concat()
    };
    let both = [integer(&fixed[..32]), integer(&fixed[32..])].concat();
    [&[0x30, u8::try_from(both.len()).unwrap()], both.as_slice()].concat()
}

/// S plus the order of the group: the same point, in another spelling (RFC 8032, section 5.1.7, forbids it).
fn beyond_the_order(made: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut spoilt = made.to_vec();
    let mut carry = 0;
    for (byte, add) in spoilt[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    spoilt
}

const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7,
    0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
