//! The compact form, base64url, and JSON that two parsers read in two ways (RFC 7515, section 3.1; RFC 8725, section 3.7).

use super::*;

pub(super) fn good() -> Vec<(String, String)> {
    vec![
        ("own: spaces within the JSON".into(), by_secret(" {\n\"alg\" : \"HS256\" } ", own().json())),
        ("own: escapes within the JSON".into(), by_secret(r#"{"al\u0067":"HS25\u0036"}"#, own().json())),
        ("own: lists within lists".into(), by_secret(HS256, own().with("x", "[[[[[[[1]]]]]]]").json())),
    ]
}

pub(super) fn rows() -> Vec<Row> {
    [parts(), base64(), json(), depths()].concat()
}

fn malformed(name: &str, token: impl Into<Vec<u8>>) -> Row {
    row(format!("own: {name}"), token, TokenError::Malformed)
}

fn parts() -> Vec<Row> {
    let good = by_secret(HS256, own().json());
    let (message, mac) = good.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let flattened = format!(r#"{{"protected":"{header}","payload":"{claims}","signature":"{mac}"}}"#);
    vec![
        malformed("nothing", ""),
        malformed("dots alone", ".."),
        malformed("one part", header),
        malformed("two parts", message),
        malformed("four parts", format!("{good}.{mac}")),
        malformed("five parts, as a JWE has", format!("{good}.{mac}.{mac}")),
        malformed("no header", format!(".{claims}.{mac}")),
        malformed("no claims", format!("{header}..{mac}")),
        malformed("a dot before", format!(".{good}")),
        malformed("a dot behind", format!("{good}.")),
        malformed("a space before", format!(" {good}")),
        malformed("a line break behind", format!("{good}\n")),
        malformed("a space within", good.replace('.', ". ")),
        malformed("in quotes", format!("{good:?}")),
        malformed("in the JSON form of RFC 7515, section 7.2", flattened),
        malformed("percent-encoded", good.replace('.', "%2E")),
        malformed("a byte beyond ASCII", [good.as_bytes(), b"\xff"].concat()),
        malformed("a token within the token", by_secret(HS256, &good)),
    ]
}

fn base64() -> Vec<Row> {
    let good = by_secret(HS256, own().json());
    let (message, mac) = good.rsplit_once('.').unwrap();
    // 32 bytes leave two bits of the last character unused; RFC 4648, section 3.5, wants them to be 0.
    let last = mac.chars().last().unwrap();
    let next = char::from(u8::try_from(last).unwrap() + 1);
    let claims = own().with("x", r#""~~~???>>>""#).json();
    let of_standard = format!("{}.{}", STANDARD_NO_PAD.encode(HS256), STANDARD_NO_PAD.encode(&claims));
    assert!(of_standard.contains(['+', '/']), "the other alphabet is used");
    let header = URL_SAFE.encode(r#"{"alg":"HS256" }"#);
    assert!(header.ends_with('='), "the header is padded");
    let padded = format!("{header}.{}", URL_SAFE_NO_PAD.encode(own().json()));
    let sign = |message: &str| joined(message, &hmac_of(HmacAlgorithm::Hs256, SECRET.as_bytes(), message));
    let broken = message.replace('.', "\n.");
    vec![
        malformed("a padded header", sign(&padded)),
        malformed("a padded MAC", format!("{good}=")),
        malformed("a MAC with unused bits set", format!("{message}.{}{next}", &mac[..mac.len() - 1])),
        malformed("the other alphabet of base64", sign(&of_standard)),
        malformed("a line break in the base64", sign(&broken)),
        malformed("a MAC of no whole bytes", format!("{message}.{}", &mac[..41])),
    ]
}

pub(super) fn json() -> Vec<Row> {
    let claims = own().json();
    let inside = &claims[1..claims.len() - 1];
    let with = |more: &str| by_secret(HS256, format!("{{{inside},{more}}}"));
    let mut rows = vec![
        malformed("header: alg twice", by_secret(r#"{"alg":"HS256","alg":"none"}"#, &claims)),
        malformed("header: alg twice, once escaped", by_secret(r#"{"alg":"HS256","al\u0067":"none"}"#, &claims)),
        malformed("claims: tenant_id twice", with(r#""tenant_id":"t2""#)),
        malformed("claims: tenant_id twice, once escaped", with(r#""t\u0065nant_id":"t2""#)),
        malformed("claims: exp twice", with(r#""exp":9999999999"#)),
        malformed("claims: a name twice within an object", with(r#""x":{"a":1,"a":2}"#)),
        malformed("claims: trailing comma", by_secret(HS256, format!("{{{inside},}}"))),
        malformed("claims: a comment", by_secret(HS256, format!("{{{inside}/* */}}"))),
        malformed("claims: more behind the end", by_secret(HS256, format!("{claims}{claims}"))),
        malformed("claims: a NUL behind the end", by_secret(HS256, format!("{claims}\0"))),
        malformed("claims: single quotes", by_secret(HS256, claims.replace('"', "'"))),
        malformed("claims: an unpaired surrogate", with(r#""x":"\ud800""#)),
        malformed("claims: a raw line break in a text", with("\"x\":\"\n\"")),
        malformed("claims: NaN", with(r#""x":NaN"#)),
        malformed("claims: Infinity", with(r#""x":Infinity"#)),
        malformed("claims: a number beyond all", with(r#""x":1e400"#)),
        malformed("claims: a number with a leading zero", with(r#""x":01"#)),
        malformed("claims: a number with a plus", with(r#""x":+1"#)),
        malformed("claims: a hexadecimal number", with(r#""x":0x10"#)),
        malformed("header: a byte-order mark", by_secret(format!("\u{feff}{HS256}"), &claims)),
        malformed("claims: a byte-order mark", by_secret(HS256, format!("\u{feff}{claims}"))),
        malformed("claims: no UTF-8", by_secret(HS256, [claims.as_bytes(), b"\xc3\x28"].concat())),
        malformed(
            "claims: UTF-16",
            by_secret(HS256, claims.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>()),
        ),
        malformed("header: YAML", by_secret("alg: HS256", &claims)),
    ];
    for other in ["[]", "null", "true", "7", r#""text""#, ""] {
        rows.push(malformed(&format!("claims are {other:?}"), by_secret(HS256, other)));
        rows.push(malformed(&format!("header is {other:?}"), by_secret(other, &claims)));
    }
    rows
}

pub(super) fn depths() -> Vec<Row> {
    let nested = |depth: usize| own().with("x", &format!("{}{}", "[".repeat(depth), "]".repeat(depth))).json();
    let large = own().with("x", &format!("{:?}", "x".repeat(13 << 10))).json();
    vec![
        malformed("over 16 KiB", by_secret(HS256, large)),
        malformed("claims: nested 9 deep", by_secret(HS256, nested(8))),
        malformed("claims: nested 4000 deep", by_secret(HS256, nested(4000))),
        malformed("claims: opened 8000 times and never closed", by_secret(HS256, "[".repeat(8000))),
    ]
}
