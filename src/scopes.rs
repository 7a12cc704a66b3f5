//! What a credential is good for: scopes, and models.

use serde::{Deserialize, Serialize};

/// What a credential is good for, as a set of words such as `llm:invoke`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
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

    /// Whether what is held is enough for `scope`: the word itself, or a wildcard such as `session:*` above it.
    pub fn covers(&self, scope: &str) -> bool {
        self.0.iter().any(|held| held == scope || is_under(scope, held))
    }

    /// Whether a holder of these may hand on every one of `granted`.
    pub fn cover_all(&self, granted: &Scopes) -> bool {
        granted.iter().all(|scope| self.covers(scope))
    }

    /// Whether any of these reaches beyond the tenant: `platform:admin`, or a wildcard over it.
    pub fn reach_the_platform(&self) -> bool {
        self.0.iter().any(|held| held.starts_with(PLATFORM))
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

impl From<Scopes> for Vec<String> {
    fn from(scopes: Scopes) -> Vec<String> {
        scopes.0
    }
}

impl TryFrom<Vec<String>> for Scopes {
    type Error = ScopeError;

    fn try_from(words: Vec<String>) -> Result<Scopes, ScopeError> {
        Scopes::new(words)
    }
}

/// `session:*` is above `session:create` and above `session:*:read`, not above `session` and `sessions:read`.
fn is_under(scope: &str, wildcard: &str) -> bool {
    wildcard.strip_suffix('*').is_some_and(|stem| stem.len() > 1 && stem.ends_with(':') && scope.starts_with(stem))
}

/// Beginning of the scopes that are not one tenant's.
const PLATFORM: &str = "platform:";

fn is_scope(word: &str) -> bool {
    (1..=128).contains(&word.len()) && word.bytes().all(|b| (b'!'..=b'~').contains(&b) && b != b'"' && b != b'\\')
}

/// Which models a credential may name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
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

    pub fn are_all(&self) -> bool {
        matches!(self, Models::All)
    }

    pub fn allows(&self, model: &str) -> bool {
        match self {
            Models::All => true,
            Models::Only(names) => names.iter().any(|name| name == model),
        }
    }

    /// Whether a holder of these may hand on `granted`.
    pub fn cover(&self, granted: &Models) -> bool {
        match (self, granted) {
            (Models::All, _) => true,
            (Models::Only(_), Models::All) => false,
            (Models::Only(_), Models::Only(names)) => names.iter().all(|name| self.allows(name)),
        }
    }

    pub fn names(&self) -> &[String] {
        match self {
            Models::All => &[],
            Models::Only(names) => names,
        }
    }
}

impl From<Vec<String>> for Models {
    fn from(names: Vec<String>) -> Models {
        Models::from_list(names)
    }
}

impl From<Models> for Vec<String> {
    fn from(models: Models) -> Vec<String> {
        models.names().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn wildcard_covers_what_is_under_it_and_nothing_beside_it() {
        let held = Scopes::parse("session:* llm:invoke").unwrap();
        for covered in ["session:create", "session:*", "session:a:b", "llm:invoke"] {
            assert!(held.covers(covered), "{covered}");
        }
        for other in ["session", "sessions:read", "llm:models", "llm:*", "*"] {
            assert!(!held.covers(other), "{other}");
        }
        assert!(!Scopes::parse("* :*").unwrap().covers("platform:admin"));
        assert!(held.cover_all(&Scopes::parse("session:read llm:invoke").unwrap()));
        assert!(!held.cover_all(&Scopes::parse("session:read llm:models").unwrap()));
        assert!(Scopes::parse("platform:*").unwrap().reach_the_platform());
    }

    #[test]
    fn model_list_covers_no_wider_one() {
        let only = Models::from_list(vec!["a".into(), "b".into()]);
        assert!(only.cover(&Models::from_list(vec!["a".into()])) && Models::All.cover(&only));
        assert!(!only.cover(&Models::All) && !only.cover(&Models::from_list(vec!["c".into()])));
    }
}
