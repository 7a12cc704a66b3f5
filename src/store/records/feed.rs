//! The feed by which caches learn what is not true any more.

use std::time::Duration;

/// That something was made, changed or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub seq: u64,
    pub kind: ChangeKind,
    /// The id of a tenant, a key or a user, or what `revoke_token` was told.
    pub id: String,
    /// How long ago, by the store's own clock.
    pub age: Duration,
}

/// How far somebody has read the feed. What the number counts is the engine's affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position(pub(in crate::store) u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    Tenant,
    Key,
    User,
    /// A token or a session was revoked; nothing says when a revocation is forgotten, because its token has ended then.
    Token,
}

impl ChangeKind {
    pub(in crate::store) fn parse(text: &str) -> Option<ChangeKind> {
        match text {
            "tenant" => Some(ChangeKind::Tenant),
            "key" => Some(ChangeKind::Key),
            "user" => Some(ChangeKind::User),
            "token" => Some(ChangeKind::Token),
            _ => None,
        }
    }
}

/// What happened since a position of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feed {
    /// Everything that was announced, oldest first, and where to go on. What was read before may come again, under the
    /// same number.
    Changes { changes: Vec<Change>, next: Position },
    /// There is no position yet, or the feed no longer reaches back to it, or never got there: the database was
    /// exchanged for an older one. Anything may have changed. Forget everything, and go on from `next`.
    Lost { next: Position },
}

/// For stores that tests make up.
#[cfg(test)]
impl Position {
    pub(crate) fn of(number: u64) -> Position {
        Position(number)
    }

    pub(crate) fn number(self) -> u64 {
        self.0
    }
}
