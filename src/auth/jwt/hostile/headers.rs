//! What a header asks for, says the token is, and names as its key (RFC 8725, sections 3.1, 3.10 and 3.11).

use super::*;

pub(super) fn good() -> Vec<(String, String)> {
    let own_types = ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"];
    let typed = own_types.iter().map(|typ| {
        let header = format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#);
        (format!("own: typ {typ}"), by_secret(header, own().json()))
    });
    let more = [
        // Our secrets have no names: a plain one that a token gives them is not compared with any.
        ("own: a kid", by_secret(r#"{"alg":"HS256","kid":"2026-11.a_b:c+d="}"#, own().json())),
        ("own: a header that nobody knows", by_secret(r#"{"alg":"HS256","x":[1]}"#, own().json())),
        (
            "outside: jku, x5u, x5c and jwk beside a good key",
            by_key(
                &signers().rsa,
                r#"{"alg":"RS256","kid":"rsa","jku":"http://127.0.0.1:9/","x5u":"http://127.0.0.1:9/","x5c":[],"jwk":{}}"#,
                outside().json(),
            ),
        ),
    ];
    typed.chain(more.map(|(name, token)| (name.to_owned(), token))).collect()
}

pub(super) fn rows() -> Vec<Row> {
    [asks(), types(), names_of_keys()].concat()
}

/// J4.
pub(super) fn asks() -> Vec<Row> {
    let asks = [
        r#""crit":["exp"]"#,
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""crit":"exp""#,
        r#""crit":["b64"],"b64":false"#,
        r#""crit":["http://example.com/UNDEFINED"]"#,
        r#""b64":false"#,
        r#""b64":true"#,
        r#""enc":"A256GCM""#,
        r#""zip":"DEF""#,
    ];
    asks.iter().flat_map(|ask| with(ask, ask, TokenError::Critical)).collect()
}

/// J8.
pub(super) fn types() -> Vec<Row> {
    let types = [
        r#""typ":"rt+jwt""#,
        r#""typ":"application/rt+jwt""#,
        r#""typ":"id+jwt""#,
        r#""typ":"logout+jwt""#,
        r#""typ":"secevent+jwt""#,
        r#""typ":"dpop+jwt""#,
        r#""typ":"JOSE""#,
        r#""typ":"at+jwt ""#,
        r#""typ":"""#,
        r#""typ":7"#,
        r#""typ":null"#,
        r#""typ":["at+jwt"]"#,
        r#""cty":"JWT""#,
        r#""cty":"application/jwt""#,
    ];
    types.iter().flat_map(|typ| with(typ, typ, TokenError::Type)).collect()
}

/// J7.
pub(super) fn names_of_keys() -> Vec<Row> {
    let long = format!("{:?}", "k".repeat(10 << 10));
    let just_too_long = format!("{:?}", "k".repeat(257));
    let kids = [
        ("a path to a secret", r#""../../etc/passwd""#, TokenError::UnknownKey),
        ("a path", r#""../../../../dev/null""#, TokenError::UnknownKey),
        ("SQL", r#""' UNION SELECT 'key' --""#, TokenError::UnknownKey),
        ("a command", r#""| /bin/true""#, TokenError::UnknownKey),
        ("a URL", r#""http://127.0.0.1:9/key""#, TokenError::UnknownKey),
        ("another case", r#""RSA""#, TokenError::UnknownKey),
        ("a space behind", r#""rsa ""#, TokenError::UnknownKey),
        ("a pattern", r#""*""#, TokenError::UnknownKey),
        ("a NUL behind", r#""rsa\u0000""#, TokenError::Malformed),
        ("a line break", r#""rsa\r\nX-Tenant-ID: t2""#, TokenError::Malformed),
        ("beyond ASCII", r#""rsá""#, TokenError::Malformed),
        ("empty", r#""""#, TokenError::Malformed),
        ("a number", "7", TokenError::Malformed),
        ("null", "null", TokenError::Malformed),
        ("a list", r#"["rsa"]"#, TokenError::Malformed),
        ("of 257 bytes", &just_too_long, TokenError::Malformed),
        ("of 10 KiB", &long, TokenError::Malformed),
    ];
    let outside = |kid: &str| by_key(&signers().rsa, &format!(r#"{{"alg":"RS256","kid":{kid}}}"#), outside().json());
    let own = |kid: &str| by_secret(format!(r#"{{"alg":"HS256","kid":{kid}}}"#), own().json());
    // Names beside those of an issuer's keys are plain, and our secrets have none that a plain one could miss.
    let of_own = kids.iter().filter(|(name, ..)| *name != "another case");
    let of_own = of_own.map(|(name, kid, reason)| row(format!("own: kid is {name}"), own(kid), *reason));
    let dots = row("own: kid is two dots", own(r#""a..b""#), TokenError::UnknownKey);
    let of_issuers =
        kids.iter().map(|(name, kid, reason)| row(format!("outside: kid is {name}"), outside(kid), *reason));
    of_issuers.chain(of_own).chain([dots]).collect()
}

fn with(name: &str, member: &str, reason: TokenError) -> [Row; 2] {
    let header = format!(r#"{{"alg":"HS256",{member}}}"#);
    let of_issuer = format!(r#"{{"alg":"RS256","kid":"rsa",{member}}}"#);
    [
        row(format!("own: header with {name}"), by_secret(header, own().json()), reason),
        row(format!("outside: header with {name}"), by_key(&signers().rsa, &of_issuer, outside().json()), reason),
    ]
}
