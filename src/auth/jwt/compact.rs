//! A token in its compact form (RFC 7515, section 7.1), read and not yet believed.
//!
//! Header and claims are read by the strict JSON scanner, so that a name which comes twice refuses the token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

use super::mint::{TokenKind, media_type};
use super::token::TokenError;
use crate::prompt::json::{Document, Kind, Value};

pub(super) struct Compact<'a> {
    header: Document,
    claims: Document,
    /// What the signature is over.
    pub(super) message: &'a [u8],
    pub(super) signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    pub(super) fn read(token: &'a [u8]) -> Result<Compact<'a>, TokenError> {
        let (message, header, claims, signature) = parts(token).ok_or(TokenError::Malformed)?;
        Ok(Compact {
            header: object(header).ok_or(TokenError::Malformed)?,
            claims: object(claims).ok_or(TokenError::Malformed)?,
            message: message.as_bytes(),
            signature: URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?,
        })
    }

    /// The header's and the claims' own words, as far as they can be read.
    pub(super) fn words(token: &[u8]) -> (Option<String>, Option<String>) {
        let Some((_, header, claims, _)) = parts(token) else { return (None, None) };
        let words = |part| object(part).map(|document| document.root().raw().to_owned());
        (words(header), words(claims))
    }

    pub(super) fn claims(&self) -> Value<'_> {
        self.claims.root()
    }

    /// The issuer that it says it is from; whether it is, its keys tell.
    pub(super) fn issuer(&self) -> Result<Option<String>, TokenError> {
        super::claims::text(self.claims(), "iss")
    }

    pub(super) fn algorithm(&self) -> Result<String, TokenError> {
        self.header.root().get("alg").and_then(Value::text).map(String::from).ok_or(TokenError::Algorithm)
    }

    /// The key that it names: 1 to 256 characters of printable ASCII, before anything is looked up (promise J7).
    /// `jwk`, `jku`, `x5u` and `x5c` are not read at all: a token does not bring its own key (promise J3).
    pub(super) fn key(&self) -> Result<Option<String>, TokenError> {
        let Some(kid) = self.header.root().get("kid") else { return Ok(None) };
        let kid = kid.text().filter(|kid| is_kid(kid)).ok_or(TokenError::Malformed)?;
        Ok(Some(kid.into_owned()))
    }

    /// No extension is understood here, so any is too many (RFC 7515, section 4.1.11); `enc` and `zip` are of JWE.
    pub(super) fn asks_for_nothing(&self) -> Result<(), TokenError> {
        let asks = ["crit", "b64", "enc", "zip"].iter().any(|name| self.header.root().get(name).is_some());
        if asks { Err(TokenError::Critical) } else { Ok(()) }
    }

    /// RFC 8725, section 3.11. A `cty` announces a token within the token (RFC 7519, section 5.2).
    pub(super) fn is(&self, kind: TokenKind) -> Result<(), TokenError> {
        let fits = kind.takes(self.typ()?.as_deref()) && self.header.root().get("cty").is_none();
        if fits { Ok(()) } else { Err(TokenError::Type) }
    }

    /// Whether its `typ` is this very one, which `media_type` wrote.
    pub(super) fn says_it_is(&self, wanted: &str) -> Result<(), TokenError> {
        let fits = self.typ()?.is_some_and(|typ| media_type(&typ) == wanted);
        if fits { Ok(()) } else { Err(TokenError::Type) }
    }

    fn typ(&self) -> Result<Option<String>, TokenError> {
        let typ = self.header.root().get("typ").map(|typ| typ.text().map(String::from).ok_or(TokenError::Type));
        typ.transpose()
    }
}

pub(super) fn is_kid(text: &str) -> bool {
    (1..=KID_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b))
}

/// What a `kid` may be where the keys have no names to compare it with: no path, no query and no command (promise J7).
pub(super) fn is_plain_kid(kid: &str) -> bool {
    !kid.contains("..") && kid.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:=+".contains(&b))
}

/// Message, header, claims and signature.
fn parts(token: &[u8]) -> Option<(&str, &str, &str, &str)> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let token = std::str::from_utf8(token).ok()?;
    let (message, signature) = token.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    Some((message, header, claims, signature))
}

fn object(part: &str) -> Option<Document> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    let document = Document::parse(Bytes::from(json), DEPTH_MAX).ok()?;
    (document.root().kind() == Kind::Object).then_some(document)
}

/// Promise J11, here for callers that have a token from elsewhere than a header.
const TOKEN_BYTES_MAX: usize = 16 << 10;
/// Header and claims are flat but for lists and small objects.
const DEPTH_MAX: usize = 8;
/// Thumbprints and UUIDs are well under this.
const KID_BYTES_MAX: usize = 256;
