//! Times, issuers, audiences, subjects, tenants, and tokens of other kinds (RFC 8725, sections 3.8 to 3.12).

use super::*;

pub(super) fn good() -> Vec<(String, String)> {
    type Change = fn(Claims) -> Claims;
    let changes: [(&str, Change); 9] = [
        ("nothing", |claims| claims),
        ("iss with escaped slashes", |claims| claims),
        ("exp as a fraction", |claims| claims.with("exp", "1800000600.5")),
        ("exp with an exponent", |claims| claims.with("exp", "1.8000006e9")),
        ("nbf and iat", |claims| claims.with("nbf", "1800000000").with("iat", "1800000000")),
        ("aud in a list", |claims| claims.with("aud", r#"["other","wardgate"]"#)),
        ("typ Bearer, as Keycloak has it", |claims| claims.with("typ", r#""Bearer""#)),
        ("token_use access, as Cognito has it", |claims| claims.with("token_use", r#""access""#)),
        ("an escaped subject", |claims| claims.with("sub", r#""\u00751""#)),
    ];
    let mut good = Vec::new();
    for (name, change) in changes {
        good.push((format!("own: {name}"), by_secret(HS256, change(own()).json())));
        let json = change(outside()).json();
        let json = if name.starts_with("iss") { json.replace("https://", r"https:\/\/") } else { json };
        good.push((format!("outside: {name}"), by_key(&signers().rsa, RS256, json)));
    }
    good
}

pub(super) fn rows() -> Vec<Row> {
    [times(), issuers(), audiences(), subjects(), tenants(), other_kinds(), others()].concat()
}

/// J5.
pub(super) fn times() -> Vec<Row> {
    let mut rows = Vec::new();
    for name in ["exp", "nbf", "iat"] {
        let values = [
            (r#""1800000600""#, TokenError::Claim(name)),
            ("null", TokenError::Claim(name)),
            ("-1", TokenError::Claim(name)),
            ("-0", TokenError::Claim(name)),
            ("true", TokenError::Claim(name)),
            ("[1800000600]", TokenError::Claim(name)),
            ("{}", TokenError::Claim(name)),
            ("1e300", TokenError::Claim(name)),
            ("9223372036854775808", TokenError::Claim(name)),
            ("1e400", TokenError::Malformed),
            ("NaN", TokenError::Malformed),
        ];
        for (value, reason) in values {
            rows.extend(both(&format!("{name} is {value}"), |claims| claims.with(name, value), reason));
        }
    }
    rows.extend(both("no exp", |claims| claims.without("exp"), TokenError::Claim("exp")));
    rows.extend(both("exp is 0", |claims| claims.with("exp", "0"), TokenError::Expired));
    rows.extend(both("exp is past by the leeway", |claims| claims.with("exp", "1799999970"), TokenError::Expired));
    rows.extend(both("nbf is beyond the leeway", |claims| claims.with("nbf", "1800000031"), TokenError::NotYetValid));
    rows.extend(both("nbf after exp", |claims| claims.with("nbf", "1800000700"), TokenError::NotYetValid));
    rows
}

/// J8: what is not an issuer's name byte for byte is nobody's.
pub(super) fn issuers() -> Vec<Row> {
    let mut rows = Vec::new();
    let look_alikes = [
        "https://idp.example.com/",
        "https://IDP.example.com",
        "HTTPS://idp.example.com",
        "http://idp.example.com",
        "https://idp.example.com:443",
        "https://idp.example.com.evil.example",
        "https://idp.example.com@evil.example",
        "https://idp.example.com#",
        "https://idp.example.com\\u0000",
        " https://idp.example.com",
        "https://idp.exаmple.com",
        "https://idp%2eexample.com",
        "",
    ];
    for name in look_alikes {
        let json = outside().with("iss", &format!("\"{name}\"")).json();
        let token = by_key(&signers().rsa, RS256, json);
        rows.push(row(format!("outside: iss is {name:?}"), token, TokenError::Issuer));
    }
    for name in ["Wardgate", "wardgate ", "wardgate/"] {
        let token = by_secret(HS256, own().with("iss", &format!("\"{name}\"")).json());
        rows.push(row(format!("own: iss is {name:?}"), token, TokenError::Issuer));
    }
    rows.push(row("own: no iss", by_secret(HS256, own().without("iss").json()), TokenError::Issuer));
    for value in ["null", "7", r#"["https://idp.example.com"]"#, "{}"] {
        rows.extend(both(&format!("iss is {value}"), |claims| claims.with("iss", value), TokenError::Claim("iss")));
    }
    rows
}

pub(super) fn audiences() -> Vec<Row> {
    let others = [r#""wardgate2""#, r#""Wardgate""#, r#""ward""#, r#""""#, r#""wardgate other""#, r#"["other"]"#, "[]"];
    let mut rows: Vec<Row> = Vec::new();
    for value in others {
        rows.extend(both(&format!("aud is {value}"), |claims| claims.with("aud", value), TokenError::Audience));
    }
    for value in ["null", "7", "{}", r#"["wardgate",7]"#, r#"[["wardgate"]]"#] {
        rows.extend(both(&format!("aud is {value}"), |claims| claims.with("aud", value), TokenError::Claim("aud")));
    }
    rows.extend(both("no aud", |claims| claims.without("aud"), TokenError::Audience));
    rows
}

/// S21: what no header and no log line could hold.
pub(super) fn subjects() -> Vec<Row> {
    let long = format!("{:?}", "u".repeat(257));
    let wrong = [
        r#""""#,
        r#"" ""#,
        r#"" u1""#,
        r#""u1\r\nX-Tenant-ID: t2""#,
        r#""u1\u0000""#,
        r#""u1\u007f""#,
        r#""ü1""#,
        r#""u1\u202e""#,
        "7",
        "null",
        r#"["u1"]"#,
        &long,
    ];
    let mut rows = Vec::new();
    for value in wrong {
        let name = format!("sub is {}", &value[..value.floor_char_boundary(24)]);
        rows.extend(both(&name, |claims| claims.with("sub", value), TokenError::Claim("sub")));
    }
    rows.extend(both("no sub", |claims| claims.without("sub"), TokenError::Claim("sub")));
    rows
}

fn tenants() -> Vec<Row> {
    let mut rows = Vec::new();
    for value in ["7", "null", r#"["t1"]"#, r#"{"id":"t1"}"#] {
        let reason = TokenError::Claim("tenant");
        rows.extend(both(&format!("tenant_id is {value}"), |claims| claims.with("tenant_id", value), reason));
        let reason = TokenError::Claim("tenant_slug");
        rows.extend(both(&format!("tenant_slug is {value}"), |claims| claims.with("tenant_slug", value), reason));
    }
    rows.extend(both("no tenant", |claims| claims.without("tenant_id"), TokenError::Claim("tenant")));
    rows
}

/// J8: what is signed with the same keys and is no access token.
pub(super) fn other_kinds() -> Vec<Row> {
    let kinds = [
        ("nonce", r#""n""#),
        ("at_hash", r#""h""#),
        ("c_hash", r#""h""#),
        ("events", r#"{"http://schemas.openid.net/event/backchannel-logout":{}}"#),
        ("typ", r#""ID""#),
        ("typ", r#""Refresh""#),
        ("typ", r#""Offline""#),
        ("typ", r#""Logout""#),
        ("token_use", r#""id""#),
        ("token_use", r#""refresh""#),
    ];
    let mut rows = Vec::new();
    for (name, value) in kinds {
        rows.extend(both(&format!("{name} is {value}"), |claims| claims.with(name, value), TokenError::Type));
    }
    rows
}

fn others() -> Vec<Row> {
    let mut rows = Vec::new();
    for value in ["7", "null", "{}", r#"["llm:invoke",7]"#, r#"[["llm:invoke"]]"#] {
        let reason = TokenError::Claim("scope");
        rows.extend(both(&format!("scope is {value}"), |claims| claims.with("scope", value), reason));
    }
    for value in ["7", "null", r#""""#, r#""a\nb""#, r#"["a"]"#] {
        rows.extend(both(&format!("jti is {value}"), |claims| claims.with("jti", value), TokenError::Claim("jti")));
        let token = by_secret(HS256, own().with("sid", value).json());
        rows.push(row(format!("own: sid is {value}"), token, TokenError::Claim("sid")));
    }
    let unfit = by_secret(HS256, own().with("scope", r#""llm:invoke \"admin\"""#).json());
    rows.push(row("own: scope with quotes", unfit, TokenError::Claim("scope")));
    rows
}
