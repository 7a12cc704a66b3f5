//! Users: people of a tenant who log in with a password.

use super::authority::Grant;
use super::tenants::check;
use super::{Authority, Idempotency, Listed, Made, Manage, ManageError, over_others, with_one_more};
use crate::auth::jwt::LEEWAY_MAX;
use crate::auth::session::ACCESS_TTL_MAX;
use crate::clock::{Expiry, Timestamp};
use crate::scopes::{Models, Scopes};
use crate::secret::Secret;
use crate::store::{Email, NewUser, Page, Reach, StoreError, UserRecord, UserStatus, UserUpdate, check_name};

/// A user to be made.
pub struct CreateUser {
    /// Id or slug.
    pub tenant: String,
    pub email: Email,
    /// May be empty.
    pub name: String,
    /// `None` for those of a credential that names none.
    pub scopes: Option<Scopes>,
    pub password: Secret,
}

/// What changes in a user; `None` leaves a part as it is.
#[derive(Clone, Debug, Default)]
pub struct ChangeUser {
    pub name: Option<String>,
    pub scopes: Option<Scopes>,
    pub status: Option<UserStatus>,
}

impl Manage {
    pub async fn create_user(
        &self,
        who: &Authority,
        new: CreateUser,
        once: Option<Idempotency>,
    ) -> Result<Made<UserRecord>, ManageError> {
        let tenant = self.tenant(who, &new.tenant).await?;
        who.needs_tenant_admin(&tenant)?;
        check_user_name(&new.name)?;
        check_email(&new.email)?;
        let scopes = new.scopes.unwrap_or_else(Scopes::defaults);
        who.needs_width(&tenant, lasting(&scopes))?;
        let hashed_password = self.hash_password(&tenant.id, new.password).await?;
        let row = NewUser { tenant: tenant.id.clone(), email: new.email, name: new.name, hashed_password, scopes };
        let made = Made::from(self.store.create_user(row, once.map(|once| once.once(who))).await?);
        if !made.repeated {
            self.announce(who, "user created", &made.made.id).await;
        }
        Ok(made)
    }

    /// As `list_keys`.
    pub async fn list_users(
        &self,
        who: &Authority,
        tenant: Option<&str>,
        page: Page,
    ) -> Result<Listed<UserRecord>, ManageError> {
        let tenant = match (tenant, who.tenant()) {
            (Some(name), _) => Some(self.tenant(who, name).await?),
            (None, Some(own)) => Some(self.tenant(who, own.as_str()).await?),
            (None, None) => None,
        };
        tenant.iter().try_for_each(|tenant| who.needs_tenant_admin(tenant))?;
        let limit = page.limit;
        let reach = tenant.map_or(Reach::Platform, |tenant| Reach::Tenant(tenant.id.clone()));
        let found = self.store.list_users(&reach, with_one_more(page)).await?;
        Ok(Listed::cut(found, limit, |user| &user.id))
    }

    pub async fn user(&self, who: &Authority, id: &str) -> Result<UserRecord, ManageError> {
        let within = self.store.user(&who.reach(), id).await;
        if let Err(StoreError::NotFound(_)) = within {
            // Nobody's or somebody else's: no more than that is told.
            let beyond = self.store.user(&Reach::Platform, id).await.ok();
            beyond.iter().try_for_each(|user| who.needs_reach(&user.tenant))?;
        }
        let user = within?;
        who.needs_tenant_admin(&user.tenant)?;
        Ok(user)
    }

    /// Disabling a user and changing the scopes end every session that the user has.
    pub async fn update_user(
        &self,
        who: &Authority,
        id: &str,
        change: ChangeUser,
        expected: Option<u64>,
    ) -> Result<UserRecord, ManageError> {
        change.name.iter().try_for_each(|name| check_user_name(name))?;
        over_others(expected, || self.try_update_user(who, id, &change, expected)).await
    }

    async fn try_update_user(
        &self,
        who: &Authority,
        id: &str,
        change: &ChangeUser,
        expected: Option<u64>,
    ) -> Result<UserRecord, ManageError> {
        let current = self.user(who, id).await?;
        // Taking something away needs no more than being the administrator.
        if change.scopes.is_some() || change.status == Some(UserStatus::Active) {
            who.needs_width(&current.tenant, lasting(change.scopes.as_ref().unwrap_or(&current.scopes)))?;
        }
        let ChangeUser { name, scopes, status } = change.clone();
        let update = UserUpdate { name, scopes, status, hashed_password: None };
        self.write_user(who, "user updated", &current, update, expected).await
    }

    /// Gives a user another password, and ends every session of theirs.
    pub async fn set_password(&self, who: &Authority, id: &str, password: Secret) -> Result<UserRecord, ManageError> {
        let current = self.user(who, id).await?;
        // Whoever knows the password has what the user has.
        who.needs_width(&current.tenant, lasting(&current.scopes))?;
        let hashed_password = Some(self.hash_password(&current.tenant.id, password).await?);
        let update = UserUpdate { hashed_password, ..UserUpdate::default() };
        self.write_user(who, "password set", &current, update, None).await
    }

    /// Of the version that was checked, so that nothing is granted that was not.
    async fn write_user(
        &self,
        who: &Authority,
        done: &'static str,
        current: &UserRecord,
        update: UserUpdate,
        expected: Option<u64>,
    ) -> Result<UserRecord, ManageError> {
        let until = Timestamp::now().after(ACCESS_TTL_MAX).after(LEEWAY_MAX);
        let version = expected.unwrap_or(current.version);
        let user = self.store.update_user(&who.reach(), &current.id, update, Some(version), until).await?;
        self.announce(who, done, &user.id).await;
        Ok(user)
    }
}

/// A user is given scopes for good, and every model that the tenant has.
fn lasting(scopes: &Scopes) -> Grant<'_> {
    Grant { scopes, models: &Models::All, expiry: Expiry::Never }
}

/// Two spellings of one letter would be two users, and few mail systems take more than ASCII (RFC 6531).
fn check_email(email: &Email) -> Result<(), ManageError> {
    match email.as_str().is_ascii() {
        true => Ok(()),
        false => Err(ManageError::invalid("email", "an address is written in ASCII here")),
    }
}

fn check_user_name(name: &str) -> Result<(), ManageError> {
    if name.is_empty() { Ok(()) } else { check("name", check_name(name)) }
}
