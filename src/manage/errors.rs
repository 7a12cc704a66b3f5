//! Why something was not done, one variant for each decision of those who ask.

use crate::auth::AuthError;
use crate::auth::api_key::GenerateError;
use crate::auth::jwt::mint::MintError;
use crate::seal::SealError;
use crate::store::StoreError;

/// Why something was not done. Holds no secret, and nothing that a caller may not know.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// `tenant`, `key`, `user`, `provider key`, or `cursor` for the id after which a page should begin.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// It cannot stand beside what is stored.
    #[error("{0}")]
    Conflict(String),
    /// The authority does not reach so far (promise S10); asking again will not help.
    #[error("{0}")]
    Forbidden(String),
    /// The tenant itself does not have what should be granted, whoever asks.
    #[error("{0}")]
    Ceiling(String),
    /// The field's name as records have it; empty where no single one is wrong.
    #[error("{}", named(field, problem))]
    Invalid { field: &'static str, problem: String },
    /// Rows of an import; none of them was taken.
    #[error("nothing was imported: {}", lines(.0))]
    Rows(Vec<RowMistake>),
    /// As `Rows`, where every row is well formed and does not fit what is stored or allowed.
    #[error("nothing was imported: {}", lines(.0))]
    RowsConflict(Vec<RowMistake>),
    #[error("it has changed since it was read")]
    Stale,
    #[error("the idempotency key was used for another request")]
    Repeated,
    /// Tokens of this kind are not made here, by the config.
    #[error("no token could be made: {0}")]
    Token(MintError),
    /// Nothing is known; after a write, not even whether it was done.
    #[error(transparent)]
    Unavailable(StoreError),
    /// No secret could be drawn or hashed.
    #[error("no key could be made: {0}")]
    Key(GenerateError),
    /// No provider key could be sealed.
    #[error("the key could not be sealed: {0}")]
    Sealing(SealError),
    /// More secrets wait to be hashed than may, or the hash could not be made.
    #[error("the secret could not be hashed: {0}")]
    Hashing(AuthError),
}

/// What is wrong with one row of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowMistake {
    /// Counted from 1, as editors do.
    pub line: usize,
    /// Empty where the whole row is meant.
    pub field: String,
    pub problem: String,
}

impl std::fmt::Display for RowMistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, named(&self.field, &self.problem))
    }
}

impl ManageError {
    pub(super) fn invalid(field: &'static str, problem: impl std::fmt::Display) -> ManageError {
        ManageError::Invalid { field, problem: problem.to_string() }
    }
}

fn named(field: &str, problem: &str) -> String {
    if field.is_empty() { problem.to_owned() } else { format!("{field}: {problem}") }
}

fn lines(mistakes: &[RowMistake]) -> String {
    mistakes.iter().map(RowMistake::to_string).collect::<Vec<_>>().join("; ")
}

impl From<MintError> for ManageError {
    fn from(error: MintError) -> ManageError {
        ManageError::Token(error)
    }
}

impl From<SealError> for ManageError {
    fn from(error: SealError) -> ManageError {
        ManageError::Sealing(error)
    }
}

impl From<StoreError> for ManageError {
    fn from(error: StoreError) -> ManageError {
        match error {
            StoreError::NotFound(what) => ManageError::NotFound(what),
            StoreError::Conflict(why) => ManageError::Conflict(why),
            StoreError::Invalid(problem) => ManageError::Invalid { field: "", problem: problem.to_owned() },
            StoreError::Stale => ManageError::Stale,
            StoreError::Repeated => ManageError::Repeated,
            StoreError::Row { error, .. } => ManageError::from(*error),
            error @ (StoreError::Unavailable(_)
            | StoreError::Corrupt { .. }
            | StoreError::Forbidden
            | StoreError::Refused(_)
            | StoreError::SchemaTooOld { .. }
            | StoreError::SchemaTooNew { .. }
            | StoreError::SchemaForeign) => ManageError::Unavailable(error),
        }
    }
}
