//! The feed by which caches learn what is not true any more.

use std::sync::Arc;
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

/// How far somebody has read the feed, in the words of the engine that told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// The number of the last change.
    Number(u64),
    /// The transactions that had ended, as PostgreSQL writes a snapshot.
    Snapshot(Arc<str>),
}

/// How changes are heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// The database cannot be reached.
    Down,
    /// As they happen.
    Listening,
    /// By asking alone: something in between swallows notifications.
    Polling,
}

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
    /// Everything that was announced, oldest first, and where to go on.
    Changes { changes: Vec<Change>, next: Position },
    /// There is no position yet, or the feed no longer reaches back to it, or never got there: the database was
    /// exchanged for an older one. Anything may have changed. Forget everything, and go on from `next`.
    Lost { next: Position },
}
