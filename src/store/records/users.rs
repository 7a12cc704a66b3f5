//! Users as they are found, made and changed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{StoreError, check_hash, check_optional_name, differs};
use crate::clock::Timestamp;
use crate::scopes::Scopes;
use crate::tenant::{Tenant, TenantId};

/// An e-mail address as people log in with it: 3 to 254 bytes (RFC 5321, section 4.5.3.1.3, as erratum 1690 of RFC 3696
/// reads it), with something on both sides of its one `@`. Always in lower case. Whether mail arrives there is not known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email(Arc<str>);

/// The text is no e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an e-mail address is 3 to 254 bytes with one `@`, and without spaces and control characters")]
pub struct EmailError;

impl Email {
    pub fn parse(text: &str) -> Result<Email, EmailError> {
        let text = text.to_lowercase();
        let fits = (3..=254).contains(&text.len()) && !text.chars().any(|c| c.is_whitespace() || c.is_control());
        let parts = text.split_once('@').ok_or(EmailError)?;
        let one_at = !parts.0.is_empty() && !parts.1.is_empty() && !parts.1.contains('@');
        if fits && one_at { Ok(Email(text.into())) } else { Err(EmailError) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A disabled user logs in no more, and no session of theirs goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    Active,
    Disabled,
}

impl UserStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            UserStatus::Active => "active",
            UserStatus::Disabled => "disabled",
        }
    }

    pub fn parse(text: &str) -> Option<UserStatus> {
        match text {
            "active" => Some(UserStatus::Active),
            "disabled" => Some(UserStatus::Disabled),
            _ => None,
        }
    }
}

/// A user as the store holds it, with the tenant it belongs to. Disabled users are records like any other.
#[derive(Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// A header can carry it: it is the principal's id.
    pub id: String,
    pub tenant: Arc<Tenant>,
    /// No other user of the tenant has it.
    pub email: Email,
    pub name: String,
    /// Never shown.
    pub hashed_password: String,
    pub scopes: Scopes,
    pub status: UserStatus,
    pub created_at: Timestamp,
    pub last_login_at: Option<Timestamp>,
    /// Counts the changes; to log in is none.
    pub version: u64,
}

/// Leaves the hash out, so that no log line can carry it, and the name and the address, which are a person's.
impl std::fmt::Debug for UserRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserRecord")
            .field("id", &self.id)
            .field("tenant", &self.tenant.slug)
            .field("scopes", &self.scopes)
            .field("status", &self.status)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// A user to be made, who begins active; the password itself never comes here.
#[derive(Clone)]
pub struct NewUser {
    pub tenant: TenantId,
    pub email: Email,
    /// May be empty.
    pub name: String,
    pub hashed_password: String,
    pub scopes: Scopes,
}

impl NewUser {
    pub(in crate::store) fn check(&self) -> Result<(), StoreError> {
        check_optional_name(&self.name)?;
        check_hash(&self.hashed_password)
    }
}

/// What changes in a user; `None` leaves a part as it is.
#[derive(Clone, Default)]
pub struct UserUpdate {
    /// May be empty.
    pub name: Option<String>,
    pub scopes: Option<Scopes>,
    pub status: Option<UserStatus>,
    pub hashed_password: Option<String>,
}

impl UserUpdate {
    pub(in crate::store) fn check(&self) -> Result<(), StoreError> {
        self.name.as_deref().map_or(Ok(()), check_optional_name)?;
        self.hashed_password.as_deref().map_or(Ok(()), check_hash)
    }

    pub(in crate::store) fn changes(&self, user: &UserRecord) -> bool {
        differs(&self.name, &user.name) || differs(&self.status, &user.status) || self.ends_sessions(user)
    }

    /// Whether tokens that are out say something of the user that is no longer so.
    pub(in crate::store) fn ends_sessions(&self, user: &UserRecord) -> bool {
        self.status == Some(UserStatus::Disabled)
            || self.hashed_password.is_some()
            || differs(&self.scopes, &user.scopes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::{Slug, TenantPolicy, TenantStatus};

    #[test]
    fn address_is_kept_in_lower_case() {
        assert_eq!(Email::parse("Ada@Example.COM").unwrap().as_str(), "ada@example.com");
        assert_eq!(Email::parse("ÄDA@bücher.example").unwrap().as_str(), "äda@bücher.example");
        assert_eq!(Email::parse("a@b").unwrap(), Email::parse("A@B").unwrap());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@b.example", "a".repeat(245));
        for wrong in ["", "a", "@", "a@", "@ab", "ab", "a@b@c", "a b@c", "a@b\r\n", "a@b\u{a0}", "a@\0b", &long] {
            assert_eq!(Email::parse(wrong), Err(EmailError), "{wrong:?}");
        }
        assert!(Email::parse(&long[1..]).is_ok(), "254 bytes");
    }

    #[test]
    fn user_record_prints_neither_hash_nor_person() {
        let tenant = Tenant {
            id: TenantId::parse("t1").unwrap(),
            slug: Slug::parse("acme").unwrap(),
            name: "Acme".into(),
            db_schema_name: None,
            status: TenantStatus::Active,
            policy: TenantPolicy::default(),
            created_at: Timestamp(0),
            epoch: 0,
            version: 1,
        };
        let record = UserRecord {
            id: "u1".into(),
            tenant: Arc::new(tenant),
            email: Email::parse("canary@example.com").unwrap(),
            name: "canary".into(),
            hashed_password: "$2b$canary".into(),
            scopes: Scopes::defaults(),
            status: UserStatus::Active,
            created_at: Timestamp(0),
            last_login_at: None,
            version: 1,
        };
        let printed = format!("{record:?}");
        assert!(printed.contains("u1") && !printed.contains("canary"), "{printed}");
    }
}
