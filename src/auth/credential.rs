//! The credential that a request carries, told by its form before anything is looked up.
//!
//! Credentials are read from headers alone; a query string is never looked at (promise K4).

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use crate::secret::Secret;

/// What a request presents, unverified.
pub enum Credential {
    /// Three base64url parts with dots between (RFC 7519, in compact form).
    Jwt(Secret),
    /// Anything else that could be a key.
    Key(Secret),
}

/// Why no credential could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Two headers name different credentials, or one header comes twice.
    #[error("the request carries more than one credential")]
    Conflicting,
    /// It cannot be a credential: empty, too long, of a character that no key or token has, or of another scheme.
    #[error("the credential is malformed")]
    Malformed,
}

/// The longest key or token that is looked at, in bytes. Tokens of the large identity providers stay under 8 KiB.
const CREDENTIAL_BYTES_MAX: usize = 16 << 10;

impl Credential {
    /// Reads the one credential from the headers that may carry it; `None` when there is none.
    pub fn parse(headers: &HeaderMap, names: &[HeaderName]) -> Result<Option<Credential>, CredentialError> {
        let mut found: Option<&[u8]> = None;
        for name in names {
            let mut values = headers.get_all(name).iter();
            let Some(value) = values.next() else { continue };
            if values.next().is_some() {
                return Err(CredentialError::Conflicting);
            }
            let token = token_of(name, value)?;
            // SDKs that are given both settings send the same key in two headers.
            if found.is_some_and(|earlier| earlier != token) {
                return Err(CredentialError::Conflicting);
            }
            found = Some(token);
        }
        found.map(Credential::of_token).transpose()
    }

    fn of_token(token: &[u8]) -> Result<Credential, CredentialError> {
        let fits = (1..=CREDENTIAL_BYTES_MAX).contains(&token.len()) && token.iter().all(u8::is_ascii_graphic);
        if !fits {
            return Err(CredentialError::Malformed);
        }
        let secret = Secret::new(token);
        Ok(if is_compact_jws(token) { Credential::Jwt(secret) } else { Credential::Key(secret) })
    }
}

/// `Authorization` holds a scheme and a token (RFC 6750, section 2.1); the other headers hold the key alone.
fn token_of<'a>(name: &HeaderName, value: &'a HeaderValue) -> Result<&'a [u8], CredentialError> {
    let bytes = value.as_bytes();
    if name != AUTHORIZATION {
        return Ok(bytes);
    }
    let space = memchr::memchr(b' ', bytes).ok_or(CredentialError::Malformed)?;
    let (scheme, token) = bytes.split_at(space);
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(CredentialError::Malformed);
    }
    Ok(token.trim_ascii_start())
}

fn is_compact_jws(token: &[u8]) -> bool {
    let is_base64url = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'=');
    token.split(|b| *b == b'.').count() == 3 && token.iter().all(|b| *b == b'.' || is_base64url(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [HeaderName; 2] = [AUTHORIZATION, HeaderName::from_static("x-api-key")];

    fn parse(lines: &[(&'static str, &[u8])]) -> Result<Option<String>, CredentialError> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
        }
        let told = |credential: Credential| match credential {
            Credential::Jwt(secret) => format!("jwt {}", String::from_utf8_lossy(secret.expose())),
            Credential::Key(secret) => format!("key {}", String::from_utf8_lossy(secret.expose())),
        };
        Credential::parse(&headers, &NAMES).map(|found| found.map(told))
    }

    #[test]
    fn credential_is_told_by_its_form() {
        assert_eq!(parse(&[]), Ok(None));
        assert_eq!(parse(&[("authorization", b"Bearer wgk_a_b")]), Ok(Some("key wgk_a_b".into())));
        assert_eq!(parse(&[("authorization", b"bearer eyJh.eyJz.c2ln")]), Ok(Some("jwt eyJh.eyJz.c2ln".into())));
        assert_eq!(parse(&[("x-api-key", b"ck_123")]), Ok(Some("key ck_123".into())));
    }

    #[test]
    fn s20_two_credentials_are_refused_and_one_sent_twice_is_not() {
        let twice: [(&str, &[u8]); 2] = [("authorization", b"Bearer a_b"), ("authorization", b"Bearer a_b")];
        assert_eq!(parse(&twice), Err(CredentialError::Conflicting));
        assert_eq!(
            parse(&[("authorization", b"Bearer a_b"), ("x-api-key", b"a_c")]),
            Err(CredentialError::Conflicting)
        );
        assert_eq!(parse(&[("authorization", b"Bearer a_b"), ("x-api-key", b"a_b")]), Ok(Some("key a_b".into())));
    }

    #[test]
    fn s01_what_no_key_or_token_can_be_is_refused_by_its_form() {
        let long = [b"Bearer ".as_slice(), &[b'a'; 1 << 20]].concat();
        for wrong in [b"Bearer ' OR '1'='1".as_slice(), b"Bearer \xff\xfe", b"Bearer ", b"Bearer", b"Basic YTpi", &long]
        {
            assert_eq!(parse(&[("authorization", wrong)]), Err(CredentialError::Malformed));
        }
        assert_eq!(parse(&[("x-api-key", b"")]), Err(CredentialError::Malformed));
    }
}
