//! A principal: the tenant and the key or user that a request was proven to come from.

use std::sync::Arc;

use http::HeaderValue;

use crate::clock::Expiry;
use crate::tenant::Tenant;

/// Who a request comes from. Only `auth` makes one of a credential that it verified.
#[derive(Debug)]
pub struct Principal {
    pub tenant: Arc<Tenant>,
    pub id: PrincipalId,
    pub method: AuthMethod,
    pub scopes: Scopes,
    pub models: Models,
    pub expiry: Expiry,
    /// What upstreams are told, rendered once for all the requests that this principal makes.
    pub identity: Identity,
}

impl Principal {
    pub fn new(
        tenant: Arc<Tenant>,
        id: PrincipalId,
        method: AuthMethod,
        scopes: Scopes,
        models: Models,
        expiry: Expiry,
    ) -> Principal {
        let identity = Identity::of(&tenant, &id, method);
        Principal { tenant, id, method, scopes, models, expiry, identity }
    }
}

/// A principal as upstreams see it.
#[derive(Debug)]
pub struct Identity {
    pub tenant_id: HeaderValue,
    pub tenant_slug: HeaderValue,
    pub principal_id: HeaderValue,
    pub auth_method: HeaderValue,
    /// A digest of tenant and principal in 64 hexadecimal digits: stable, and meaningless to a provider.
    pub opaque: String,
}

impl Identity {
    fn of(tenant: &Tenant, id: &PrincipalId, method: AuthMethod) -> Identity {
        let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        // The NUL keeps ("a", "bc") and ("ab", "c") apart; neither part can hold one.
        for part in [tenant.id.as_str().as_bytes(), b"\0", id.as_str().as_bytes()] {
            digest.update(part);
        }
        Identity {
            tenant_id: printable(tenant.id.as_str()),
            tenant_slug: printable(tenant.slug.as_str()),
            principal_id: printable(id.as_str()),
            auth_method: HeaderValue::from_static(method.as_str()),
            opaque: hex(digest.finish().as_ref()),
        }
    }
}

/// The parts of an identity are parsed to printable ASCII when they are made, so none is unfit for a header.
fn printable(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids and slugs are printable ASCII by construction")
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// The key's id, or the token's subject: 1 to 256 bytes of printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrincipalId(Arc<str>);

/// The text is empty, too long, or holds something else than printable ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a subject is 1 to 256 printable ASCII characters")]
pub struct PrincipalIdError;

impl PrincipalId {
    pub fn parse(text: &str) -> Result<PrincipalId, PrincipalIdError> {
        let fits =
            (1..=256).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b)) && text.trim() == text;
        if fits { Ok(PrincipalId(text.into())) } else { Err(PrincipalIdError) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a principal was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    ApiKey,
    Jwt,
}

impl AuthMethod {
    pub fn as_str(self) -> &'static str {
        match self {
            AuthMethod::ApiKey => "api_key",
            AuthMethod::Jwt => "jwt",
        }
    }
}

/// What a credential is good for, as a set of words such as `llm:invoke`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

/// The text is no scope: scopes are printable ASCII without spaces, quotes and backslashes (RFC 6749, section 3.3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is printable ASCII without spaces, quotes and backslashes, such as llm:invoke")]
pub struct ScopeError;

impl Scopes {
    /// What a credential that names no scopes may do: call models and list them.
    pub fn defaults() -> Scopes {
        Scopes(vec!["llm:invoke".into(), "llm:models".into()])
    }

    pub fn new<S: Into<String>>(words: impl IntoIterator<Item = S>) -> Result<Scopes, ScopeError> {
        let mut scopes = Vec::new();
        for word in words {
            let word = word.into();
            if !is_scope(&word) {
                return Err(ScopeError);
            }
            if !scopes.contains(&word) {
                scopes.push(word);
            }
        }
        Ok(Scopes(scopes))
    }

    /// A space-separated list, as the `scope` claim has it (RFC 8693, section 4.2).
    pub fn parse(text: &str) -> Result<Scopes, ScopeError> {
        Scopes::new(text.split_ascii_whitespace())
    }

    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|held| held == scope)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl std::fmt::Display for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

fn is_scope(word: &str) -> bool {
    (1..=128).contains(&word.len()) && word.bytes().all(|b| (b'!'..=b'~').contains(&b) && b != b'"' && b != b'\\')
}

/// Which models a credential may name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Models {
    #[default]
    All,
    Only(Vec<String>),
}

impl Models {
    /// No list means every model; an empty list cannot be told from none and means the same.
    pub fn from_list(names: Vec<String>) -> Models {
        if names.is_empty() { Models::All } else { Models::Only(names) }
    }

    pub fn allows(&self, model: &str) -> bool {
        match self {
            Models::All => true,
            Models::Only(names) => names.iter().any(|name| name == model),
        }
    }

    pub fn names(&self) -> &[String] {
        match self {
            Models::All => &[],
            Models::Only(names) => names,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subject_that_a_header_or_log_line_could_not_hold_is_refused() {
        assert!(PrincipalId::parse("user@example.com").is_ok());
        for wrong in ["", "a\r\nb", "a\0b", " a", "é", &"x".repeat(257)] {
            assert_eq!(PrincipalId::parse(wrong), Err(PrincipalIdError), "{wrong:?}");
        }
    }

    #[test]
    fn scope_list_keeps_each_word_once_and_refuses_what_is_no_scope() {
        let scopes = Scopes::parse("llm:invoke  session:create llm:invoke").unwrap();
        assert_eq!(scopes.to_string(), "llm:invoke session:create");
        assert!(scopes.contains("session:create"));
        assert!(!scopes.contains("session:"));
        assert!(Scopes::new(["a b"]).is_err());
    }

    #[test]
    fn model_list_allows_its_own_names_alone() {
        assert!(Models::All.allows("gpt-4o"));
        let only = Models::from_list(vec!["gpt-4o".into()]);
        assert!(only.allows("gpt-4o"));
        assert!(!only.allows("gpt-4o-mini"));
    }
}
