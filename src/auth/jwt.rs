//! JSON Web Tokens that Wardgate signs itself: HS256, HS384 and HS512 with tenant claims (RFC 7519, RFC 8725).
//!
//! Header and claims are read by the strict JSON scanner, so that a name which comes twice refuses the token, and
//! nothing in a claim is believed before the signature held.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::Serialize;

use crate::clock::{Expiry, Timestamp};
use crate::principal::PrincipalId;
use crate::prompt::json::{Document, Kind, Value};
use crate::scopes::Scopes;
use crate::secret::Secret;
use crate::tenant::Tenant;

#[derive(Clone)]
pub struct Config {
    /// The first signs, all verify.
    pub secrets: Vec<Secret>,
    pub algorithms: Vec<HmacAlgorithm>,
    /// `iss` of the tokens made here, and the only one accepted when a token names an issuer.
    pub issuer: Option<String>,
    /// When not empty, a token must be meant for one of these; when empty, a token that names an audience is refused.
    pub audiences: Vec<String>,
    /// Clock skew that is forgiven.
    pub leeway: Duration,
    pub require_expiry: bool,
    pub claims: ClaimNames,
}

/// Which claims say what.
#[derive(Clone, Debug)]
pub struct ClaimNames {
    /// The tenant, by id or by slug.
    pub tenant: String,
    pub scopes: String,
}

/// The MAC algorithms of RFC 7518, section 3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum HmacAlgorithm {
    Hs256,
    Hs384,
    Hs512,
}

/// Promise J9: a shorter HMAC secret is refused when the config loads.
pub const SECRET_BYTES_MIN: usize = 32;
/// Promise J10.
pub const LEEWAY_MAX: Duration = Duration::from_secs(60);
/// Hosts in a cluster keep time to well under this.
pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
/// `typ` of the tokens made here (RFC 9068, section 2.1): a refresh token says otherwise.
const ACCESS_TOKEN_TYPE: &str = "at+jwt";
/// Header and claims are flat but for lists and small objects.
const DEPTH_MAX: usize = 8;
const SLUG_CLAIM: &str = "tenant_slug";

impl Default for Config {
    fn default() -> Config {
        Config {
            secrets: Vec::new(),
            algorithms: vec![HmacAlgorithm::Hs256, HmacAlgorithm::Hs384, HmacAlgorithm::Hs512],
            issuer: None,
            audiences: Vec::new(),
            leeway: DEFAULT_LEEWAY,
            require_expiry: true,
            claims: ClaimNames { tenant: "tenant_id".into(), scopes: "scope".into() },
        }
    }
}

impl HmacAlgorithm {
    pub fn parse(name: &str) -> Option<HmacAlgorithm> {
        match name {
            "HS256" => Some(HmacAlgorithm::Hs256),
            "HS384" => Some(HmacAlgorithm::Hs384),
            "HS512" => Some(HmacAlgorithm::Hs512),
            _ => None,
        }
    }

    fn of_jws(self) -> Algorithm {
        match self {
            HmacAlgorithm::Hs256 => Algorithm::HS256,
            HmacAlgorithm::Hs384 => Algorithm::HS384,
            HmacAlgorithm::Hs512 => Algorithm::HS512,
        }
    }
}

/// Why a token is refused. The client learns that it was, the log learns this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token is no compact JWS of strict JSON")]
    Malformed,
    #[error("the token's algorithm is not allowed")]
    Algorithm,
    #[error("the token's header asks for something that is not understood")]
    Critical,
    #[error("the token is of another type than an access token")]
    Type,
    #[error("the token's signature does not hold")]
    Signature,
    #[error("the claim `{0}` is missing or of the wrong type")]
    Claim(&'static str),
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token is from another issuer")]
    Issuer,
    #[error("the token is for another audience")]
    Audience,
    #[error("the token names no known tenant")]
    UnknownTenant,
}

/// What a token proves.
#[derive(Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    pub subject: PrincipalId,
    /// An id or a slug, as the configured claim has it.
    pub tenant: String,
    /// `tenant_slug` where the token has it: it must name the same tenant.
    pub tenant_slug: Option<String>,
    /// `None` when the token names no scopes.
    pub scopes: Option<Scopes>,
    pub expiry: Expiry,
}

/// The verifier of presented tokens.
pub struct Jwt {
    keys: Vec<DecodingKey>,
    config: Config,
}

impl Jwt {
    pub fn new(config: Config) -> Jwt {
        let keys = config.secrets.iter().map(|secret| DecodingKey::from_secret(secret.expose())).collect();
        Jwt { keys, config }
    }

    pub fn verify(&self, token: &Secret, now: Timestamp) -> Result<VerifiedToken, TokenError> {
        let token = std::str::from_utf8(token.expose()).map_err(|_| TokenError::Malformed)?;
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(TokenError::Malformed)?;
        let algorithm = self.check_header(&decode(header)?)?;
        self.check_signature(message, signature, algorithm)?;
        self.check_claims(&decode(claims)?, now)
    }

    /// `jwk`, `jku`, `x5u`, `x5c` and `kid` in a header are not read at all: the keys are ours.
    fn check_header(&self, header: &Document) -> Result<HmacAlgorithm, TokenError> {
        let header = header.root();
        let name = header.get("alg").and_then(Value::text).ok_or(TokenError::Algorithm)?;
        let algorithm = HmacAlgorithm::parse(&name).filter(|found| self.config.algorithms.contains(found));
        let algorithm = algorithm.ok_or(TokenError::Algorithm)?;
        // No extension is understood here, so any is too many (RFC 7515, section 4.1.11).
        if header.get("crit").is_some() || header.get("b64").is_some() {
            return Err(TokenError::Critical);
        }
        match header.get("typ").map(|typ| typ.text().ok_or(TokenError::Type)).transpose()? {
            Some(typ) if !is_access_token_type(&typ) => Err(TokenError::Type),
            _ => Ok(algorithm),
        }
    }

    fn check_signature(&self, message: &str, signature: &str, algorithm: HmacAlgorithm) -> Result<(), TokenError> {
        let holds = |key: &DecodingKey| {
            jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, algorithm.of_jws()).unwrap_or(false)
        };
        if !signature.is_empty() && self.keys.iter().any(holds) { Ok(()) } else { Err(TokenError::Signature) }
    }

    fn check_claims(&self, claims: &Document, now: Timestamp) -> Result<VerifiedToken, TokenError> {
        let claims = claims.root();
        let expiry = self.check_times(claims, now)?;
        self.check_issuer(claims)?;
        self.check_audience(claims)?;
        let subject = text_claim(claims, "sub")?.ok_or(TokenError::Claim("sub"))?;
        let tenant_slug = text_claim(claims, SLUG_CLAIM)?;
        let tenant =
            claims.get(&self.config.claims.tenant).map(|claim| claim.text().ok_or(TokenError::Claim("tenant")));
        let tenant = tenant.transpose()?.map(String::from).or_else(|| tenant_slug.clone());
        Ok(VerifiedToken {
            subject: PrincipalId::parse(&subject).map_err(|_| TokenError::Claim("sub"))?,
            tenant: tenant.ok_or(TokenError::Claim("tenant"))?,
            tenant_slug,
            scopes: self.scopes(claims)?,
            expiry,
        })
    }

    fn check_times(&self, claims: Value<'_>, now: Timestamp) -> Result<Expiry, TokenError> {
        let leeway = self.config.leeway;
        numeric_date(claims, "iat")?;
        if numeric_date(claims, "nbf")?.is_some_and(|start| now.after(leeway) < start) {
            return Err(TokenError::NotYetValid);
        }
        let Some(end) = numeric_date(claims, "exp")? else {
            return if self.config.require_expiry { Err(TokenError::Claim("exp")) } else { Ok(Expiry::Never) };
        };
        let expiry = Expiry::At(end.after(leeway));
        if expiry.is_past(now) { Err(TokenError::Expired) } else { Ok(expiry) }
    }

    fn check_issuer(&self, claims: Value<'_>) -> Result<(), TokenError> {
        let named = text_claim(claims, "iss")?;
        match (&self.config.issuer, named) {
            (Some(wanted), named) if named.as_ref() != Some(wanted) => Err(TokenError::Issuer),
            _ => Ok(()),
        }
    }

    /// A token that names audiences is for them alone (RFC 7519, section 4.1.3).
    fn check_audience(&self, claims: Value<'_>) -> Result<(), TokenError> {
        let named: Vec<String> = match claims.get("aud") {
            None => Vec::new(),
            Some(one) if one.kind() == Kind::String => one.text().map(String::from).into_iter().collect(),
            Some(list) if list.kind() == Kind::Array => list
                .elements()
                .map(|each| each.text().map(String::from).ok_or(TokenError::Claim("aud")))
                .collect::<Result<_, _>>()?,
            Some(_) => return Err(TokenError::Claim("aud")),
        };
        let wanted = &self.config.audiences;
        let meant_for_us = named.iter().any(|audience| wanted.contains(audience));
        if meant_for_us || (named.is_empty() && wanted.is_empty()) { Ok(()) } else { Err(TokenError::Audience) }
    }

    /// `scope` is a list with spaces (RFC 8693, section 4.2); arrays are common and mean the same.
    fn scopes(&self, claims: Value<'_>) -> Result<Option<Scopes>, TokenError> {
        let malformed = TokenError::Claim("scope");
        let Some(claim) = claims.get(&self.config.claims.scopes) else { return Ok(None) };
        let scopes = match claim.kind() {
            Kind::String => Scopes::parse(&claim.text().ok_or(malformed)?),
            Kind::Array => {
                let words = claim.elements().map(|each| each.text().map(String::from).ok_or(malformed));
                Scopes::new(words.collect::<Result<Vec<_>, _>>()?)
            }
            _ => return Err(malformed),
        };
        scopes.map(Some).map_err(|_| malformed)
    }
}

fn is_access_token_type(typ: &str) -> bool {
    ["jwt", ACCESS_TOKEN_TYPE, "application/at+jwt"].iter().any(|known| known.eq_ignore_ascii_case(typ))
}

fn decode(part: &str) -> Result<Document, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)?;
    let document = Document::parse(Bytes::from(json), DEPTH_MAX).map_err(|_| TokenError::Malformed)?;
    if document.root().kind() == Kind::Object { Ok(document) } else { Err(TokenError::Malformed) }
}

fn text_claim(claims: Value<'_>, name: &'static str) -> Result<Option<String>, TokenError> {
    let claim = claims.get(name).map(|claim| claim.text().map(String::from).ok_or(TokenError::Claim(name)));
    claim.transpose()
}

/// A NumericDate (RFC 7519, section 2): a number that is finite, not negative and of this age of the world.
fn numeric_date(claims: Value<'_>, name: &'static str) -> Result<Option<Timestamp>, TokenError> {
    const YEAR_9999: f64 = 253_402_300_800.0;
    let Some(claim) = claims.get(name) else { return Ok(None) };
    if claim.kind() != Kind::Number {
        return Err(TokenError::Claim(name));
    }
    let seconds: f64 = claim.raw().parse().map_err(|_| TokenError::Claim(name))?;
    if !(0.0..YEAR_9999).contains(&seconds) || claim.raw().starts_with('-') {
        return Err(TokenError::Claim(name));
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked above")]
    Ok(Some(Timestamp(seconds as i64)))
}

/// What a new token says.
pub struct NewToken<'a> {
    pub subject: &'a PrincipalId,
    pub tenant: &'a Tenant,
    pub scopes: Option<&'a Scopes>,
    pub expiry: Expiry,
    pub algorithm: HmacAlgorithm,
}

/// Why no token could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    #[error("no signing secret is configured: set auth.jwt.secrets")]
    NoSecret,
    #[error(
        "the config does not allow tokens without an expiry: pass --expires-in, or set auth.jwt.require_expiry to false"
    )]
    ExpiryRequired,
    #[error("the algorithm is not among auth.jwt.algorithms")]
    Algorithm,
    #[error("the token could not be signed")]
    Sign,
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    tenant_id: &'a str,
    tenant_slug: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    jti: String,
}

impl Config {
    /// Makes a token that `Jwt::verify` of the same config accepts.
    pub fn mint(&self, token: &NewToken<'_>, now: Timestamp) -> Result<Secret, MintError> {
        let secret = self.secrets.first().ok_or(MintError::NoSecret)?;
        if !self.algorithms.contains(&token.algorithm) {
            return Err(MintError::Algorithm);
        }
        if self.require_expiry && token.expiry == Expiry::Never {
            return Err(MintError::ExpiryRequired);
        }
        let claims = self.claims_of(token, now);
        let header = Header { typ: Some(ACCESS_TOKEN_TYPE.into()), ..Header::new(token.algorithm.of_jws()) };
        let key = EncodingKey::from_secret(secret.expose());
        jsonwebtoken::encode(&header, &claims, &key).map(Secret::new).map_err(|_| MintError::Sign)
    }

    fn claims_of<'a>(&'a self, token: &NewToken<'a>, now: Timestamp) -> Claims<'a> {
        Claims {
            sub: token.subject.as_str(),
            tenant_id: token.tenant.id.as_str(),
            tenant_slug: token.tenant.slug.as_str(),
            scope: token.scopes.map(Scopes::to_string),
            iat: now.0,
            exp: match token.expiry {
                Expiry::Never => None,
                Expiry::At(end) => Some(end.0),
            },
            iss: self.issuer.as_deref(),
            aud: self.audiences.first().map(String::as_str),
            jti: uuid::Uuid::now_v7().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::tenant::{Slug, TenantId, TenantPolicy, TenantStatus};

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn config() -> Config {
        Config { secrets: vec![Secret::new(SECRET)], ..Config::default() }
    }

    /// Signs whatever it is given, as an attacker who has the secret could, so that only the checks behind the
    /// signature are left to refuse it.
    fn signed(header: &str, claims: &str) -> Secret {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let algorithm = if header.contains("HS512") { Algorithm::HS512 } else { Algorithm::HS256 };
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
        Secret::new(format!("{message}.{signature}"))
    }

    fn verify_with(config: Config, header: &str, claims: &str) -> Result<VerifiedToken, TokenError> {
        Jwt::new(config).verify(&signed(header, claims), NOW)
    }

    fn verify(header: &str, claims: &str) -> Result<VerifiedToken, TokenError> {
        verify_with(config(), header, claims)
    }

    const GOOD_HEADER: &str = r#"{"alg":"HS256"}"#;

    fn claims(more: &str) -> String {
        format!(r#"{{"sub":"u1","tenant_id":"t1","exp":1800000600{more}}}"#)
    }

    #[test]
    fn minted_token_is_accepted_with_all_that_it_says() {
        let tenant = Tenant {
            id: TenantId::parse("t1").unwrap(),
            slug: Slug::parse("acme").unwrap(),
            name: "Acme".into(),
            db_schema_name: None,
            status: TenantStatus::Active,
            policy: TenantPolicy::default(),
            created_at: NOW,
            version: 1,
        };
        let scopes = Scopes::parse("llm:invoke session:create").unwrap();
        for algorithm in [HmacAlgorithm::Hs256, HmacAlgorithm::Hs384, HmacAlgorithm::Hs512] {
            let token = NewToken {
                subject: &PrincipalId::parse("u1").unwrap(),
                tenant: &tenant,
                scopes: Some(&scopes),
                expiry: Expiry::At(NOW.after(Duration::from_secs(60))),
                algorithm,
            };
            let minted = config().mint(&token, NOW).unwrap();
            let verified = Jwt::new(config()).verify(&minted, NOW).unwrap();
            assert_eq!(verified.subject.as_str(), "u1");
            assert_eq!(verified.tenant, "t1");
            assert_eq!(verified.tenant_slug.as_deref(), Some("acme"));
            assert_eq!(verified.scopes, Some(scopes.clone()));
        }
    }

    #[test]
    fn j01_no_algorithm_no_signature_and_no_secret_are_refused() {
        for alg in ["none", "None", "NONE", "nOnE", "", "HS1", "RS256", "hs256"] {
            let header = format!(r#"{{"alg":"{alg}"}}"#);
            assert_eq!(verify(&header, &claims("")), Err(TokenError::Algorithm), "{alg}");
        }
        assert_eq!(verify(r#"{"typ":"JWT"}"#, &claims("")), Err(TokenError::Algorithm));
        let unsigned = format!("{}.{}.", URL_SAFE_NO_PAD.encode(GOOD_HEADER), URL_SAFE_NO_PAD.encode(claims("")));
        assert_eq!(Jwt::new(config()).verify(&Secret::new(unsigned), NOW), Err(TokenError::Signature));
        let blank = EncodingKey::from_secret(b"");
        let by_blank = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &serde_json::json!({"sub": "u1"}), &blank);
        let by_blank = Secret::new(by_blank.unwrap());
        assert_eq!(Jwt::new(config()).verify(&by_blank, NOW), Err(TokenError::Signature));
        let nothing_configured = Config { secrets: Vec::new(), ..config() };
        assert_eq!(Jwt::new(nothing_configured).verify(&by_blank, NOW), Err(TokenError::Signature));
    }

    #[test]
    fn changed_token_and_foreign_secret_are_refused() {
        let token = String::from_utf8(signed(GOOD_HEADER, &claims("")).expose().to_vec()).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let other_claims = URL_SAFE_NO_PAD.encode(claims(r#","scope":"platform:admin""#));
        let (header, _) = message.split_once('.').unwrap();
        let changed = Secret::new(format!("{header}.{other_claims}.{signature}"));
        assert_eq!(Jwt::new(config()).verify(&changed, NOW), Err(TokenError::Signature));
        let foreign = Config { secrets: vec![Secret::new("f".repeat(32))], ..config() };
        assert_eq!(Jwt::new(foreign).verify(&Secret::new(token.clone()), NOW), Err(TokenError::Signature));
        let rotated = Config { secrets: vec![Secret::new("f".repeat(32)), Secret::new(SECRET)], ..config() };
        assert!(Jwt::new(rotated).verify(&Secret::new(token), NOW).is_ok());
    }

    #[test]
    fn j04_header_that_asks_for_more_than_is_understood_is_refused() {
        for header in [
            r#"{"alg":"HS256","crit":["exp"]}"#,
            r#"{"alg":"HS256","crit":[]}"#,
            r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#,
        ] {
            assert_eq!(verify(header, &claims("")), Err(TokenError::Critical), "{header}");
        }
        assert_eq!(verify(r#"{"alg":"HS256","typ":"rt+jwt"}"#, &claims("")), Err(TokenError::Type));
        assert!(verify(r#"{"alg":"HS256","typ":"JWT","kid":"../../etc/passwd"}"#, &claims("")).is_ok());
    }

    #[test]
    fn j05_times_that_are_no_dates_are_refused() {
        for name in ["exp", "nbf", "iat"] {
            for value in [r#""1800000600""#, "null", "-1", "-0", "1e400", "1e300", "true", "[1800000600]", "{}"] {
                let claims = match name {
                    "exp" => format!(r#"{{"sub":"u1","tenant_id":"t1","exp":{value}}}"#),
                    _ => claims(&format!(r#","{name}":{value}"#)),
                };
                assert!(verify(GOOD_HEADER, &claims).is_err(), "{name}: {value}");
            }
        }
        assert!(verify(GOOD_HEADER, &claims(r#","nbf":1800000000,"iat":1.8e9"#)).is_ok());
    }

    #[test]
    fn j05_expiry_is_required_unless_the_config_says_otherwise() {
        let endless = r#"{"sub":"u1","tenant_id":"t1"}"#;
        assert_eq!(verify(GOOD_HEADER, endless), Err(TokenError::Claim("exp")));
        let lenient = Config { require_expiry: false, ..config() };
        assert_eq!(verify_with(lenient, GOOD_HEADER, endless).unwrap().expiry, Expiry::Never);
    }

    #[test]
    fn j10_clock_skew_is_forgiven_up_to_the_leeway_and_no_further() {
        let ends = |at: i64| verify(GOOD_HEADER, &format!(r#"{{"sub":"u1","tenant_id":"t1","exp":{at}}}"#));
        assert!(ends(NOW.0 - 29).is_ok());
        assert_eq!(ends(NOW.0 - 30), Err(TokenError::Expired));
        let starts = |at: i64| verify(GOOD_HEADER, &claims(&format!(r#","nbf":{at}"#)));
        assert!(starts(NOW.0 + 30).is_ok());
        assert_eq!(starts(NOW.0 + 31), Err(TokenError::NotYetValid));
    }

    #[test]
    fn j06_name_that_comes_twice_is_refused() {
        assert_eq!(verify(GOOD_HEADER, &claims(r#","tenant_id":"t2""#)), Err(TokenError::Malformed));
        assert_eq!(verify(GOOD_HEADER, &claims(r#","t\u0065nant_id":"t2""#)), Err(TokenError::Malformed));
        assert_eq!(verify(r#"{"alg":"HS256","alg":"none"}"#, &claims("")), Err(TokenError::Malformed));
    }

    #[test]
    fn issuer_and_audience_are_exact() {
        let strict = || Config { issuer: Some("wardgate".into()), audiences: vec!["llm".into()], ..config() };
        let with = |more: &str| verify_with(strict(), GOOD_HEADER, &claims(more));
        assert!(with(r#","iss":"wardgate","aud":"llm""#).is_ok());
        assert!(with(r#","iss":"wardgate","aud":["other","llm"]"#).is_ok());
        assert_eq!(with(r#","iss":"wardgate/","aud":"llm""#), Err(TokenError::Issuer));
        assert_eq!(with(r#","aud":"llm""#), Err(TokenError::Issuer));
        assert_eq!(with(r#","iss":"wardgate""#), Err(TokenError::Audience));
        assert_eq!(with(r#","iss":"wardgate","aud":"llm2""#), Err(TokenError::Audience));
        // Meant for somebody, and that is not known to be us.
        assert_eq!(verify(GOOD_HEADER, &claims(r#","aud":"llm""#)), Err(TokenError::Audience));
    }

    #[test]
    fn s21_subject_that_no_header_could_hold_is_refused() {
        let with = |sub: &str| verify(GOOD_HEADER, &format!(r#"{{"sub":"{sub}","tenant_id":"t1","exp":1800000600}}"#));
        for wrong in [r"a\r\nX-Tenant-ID: t2", r"a\u0000", "", " "] {
            assert_eq!(with(wrong), Err(TokenError::Claim("sub")), "{wrong}");
        }
    }

    #[test]
    fn scopes_come_as_text_or_as_a_list_and_none_is_not_an_empty_list() {
        let scopes = |more: &str| verify(GOOD_HEADER, &claims(more)).map(|token| token.scopes);
        let both = Some(Scopes::parse("a b").unwrap());
        assert_eq!(scopes(r#","scope":"a b""#), Ok(both.clone()));
        assert_eq!(scopes(r#","scope":["a","b"]"#), Ok(both));
        assert_eq!(scopes(""), Ok(None));
        assert_eq!(scopes(r#","scope":"""#), Ok(Some(Scopes::default())));
        assert_eq!(scopes(r#","scope":7"#), Err(TokenError::Claim("scope")));
    }
}
