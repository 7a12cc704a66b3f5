//! Tokens that are made here, signed with the first secret.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::algorithm::HmacAlgorithm;
use super::config::Config;
use crate::clock::{Expiry, Timestamp};
use crate::principal::{Contact, PrincipalId};
use crate::scopes::Scopes;
use crate::secret::Secret;
use crate::tenant::Tenant;

/// What a new token says.
pub struct NewToken<'a> {
    pub kind: TokenKind,
    pub subject: &'a PrincipalId,
    pub tenant: &'a Tenant,
    pub scopes: Option<&'a Scopes>,
    pub expiry: Expiry,
    pub algorithm: HmacAlgorithm,
    /// `jti`; without one the token gets an id of its own.
    pub id: Option<String>,
    /// `sid`: the session that the token belongs to.
    pub session: Option<&'a str>,
    pub contact: Contact,
}

/// What a token of ours is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// To call the gate.
    Access,
    /// To be exchanged for another pair, once.
    Refresh,
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
}

impl<'a> NewToken<'a> {
    /// An access token outside any session, that lasts as long as it may.
    pub fn access(subject: &'a PrincipalId, tenant: &'a Tenant, algorithm: HmacAlgorithm) -> NewToken<'a> {
        NewToken {
            kind: TokenKind::Access,
            subject,
            tenant,
            scopes: None,
            expiry: Expiry::Never,
            algorithm,
            id: None,
            session: None,
            contact: Contact::default(),
        }
    }
}

impl TokenKind {
    /// `typ` of the tokens made here (RFC 9068, section 2.1): a refresh token says otherwise.
    pub fn typ(self) -> &'static str {
        match self {
            TokenKind::Access => "at+jwt",
            TokenKind::Refresh => "rt+jwt",
        }
    }

    /// Whether a token of this `typ` may be used as one of this kind. A refresh token is always named so; an access token
    /// may be named as it was before RFC 9068, or not at all.
    pub fn takes(self, typ: Option<&str>) -> bool {
        let known: &[&str] = match self {
            TokenKind::Access => &["jwt", "at+jwt"],
            TokenKind::Refresh => &["rt+jwt"],
        };
        match typ {
            None => self == TokenKind::Access,
            Some(typ) => known.contains(&media_type(typ).as_str()),
        }
    }
}

impl Config {
    /// Makes a token that `Jwt` of the same config accepts as one of its kind.
    pub fn mint(&self, token: &NewToken<'_>, now: Timestamp) -> Result<Secret, MintError> {
        let secret = self.secrets.first().ok_or(MintError::NoSecret)?;
        if !self.algorithms.contains(&token.algorithm) {
            return Err(MintError::Algorithm);
        }
        if self.require_expiry && token.expiry == Expiry::Never {
            return Err(MintError::ExpiryRequired);
        }
        let header = json!({ "typ": token.kind.typ(), "alg": token.algorithm.name() });
        let message = format!("{}.{}", encoded(&header), encoded(&self.claims_of(token, now)));
        let key = hmac::Key::new(token.algorithm.mac(), secret.expose());
        let signature = hmac::sign(&key, message.as_bytes());
        Ok(Secret::new(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }

    fn claims_of(&self, token: &NewToken<'_>, now: Timestamp) -> Value {
        let mut claims = Map::new();
        let mut say = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                claims.insert(name.to_owned(), value);
            }
        };
        let end = match token.expiry {
            Expiry::Never => None,
            Expiry::At(end) => Some(end.0),
        };
        let id = token.id.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        say("sub", Some(token.subject.as_str().into()));
        say(&self.claims.tenant, Some(token.tenant.id.as_str().into()));
        say("tenant_slug", Some(token.tenant.slug.as_str().into()));
        say(&self.claims.scopes, token.scopes.map(|scopes| scopes.to_string().into()));
        say("iat", Some(now.0.into()));
        say("exp", end.map(Value::from));
        say("iss", self.issuer.as_deref().map(Value::from));
        say("aud", self.audiences.first().map(|audience| audience.as_str().into()));
        say("jti", Some(id.into()));
        say("sid", token.session.map(Value::from));
        say("email", token.contact.email.as_deref().map(Value::from));
        say("name", token.contact.name.as_deref().map(Value::from));
        Value::Object(claims)
    }
}

/// A `typ` as it is compared: in lower case, and without the `application/` that may be left out (RFC 7515, section 4.1.9).
pub fn media_type(typ: &str) -> String {
    let typ = typ.to_ascii_lowercase();
    typ.strip_prefix("application/").map(str::to_owned).unwrap_or(typ)
}

fn encoded(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}
