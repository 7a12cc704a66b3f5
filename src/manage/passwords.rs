//! Passwords on their way to a hash: bounded, hashed on a blocking thread, and never kept.

use super::{Manage, ManageError};
use crate::auth::AuthError;
use crate::auth::api_key::{HashMethod, KeyHash, Peppers};
use crate::secret::Secret;
use crate::tenant::TenantId;

/// NIST SP 800-63B, section 5.1.1.2.
pub const PASSWORD_BYTES_MIN: usize = 8;
/// bcrypt reads no more (promise K2): a longer one is refused and never cut.
pub const PASSWORD_BYTES_MAX: usize = 72;

impl Manage {
    /// The hash as the store holds it, at the cost that keys have.
    pub(super) async fn hash_password(&self, tenant: &TenantId, password: Secret) -> Result<String, ManageError> {
        check_password(&password)?;
        let cost = self.keys.bcrypt_cost;
        let work = move || KeyHash::of(&password, HashMethod::Bcrypt, cost, &Peppers::default());
        let hashed = self.hash(tenant, work).await?;
        hashed
            .map(|hash| hash.to_string())
            .map_err(|error| ManageError::Hashing(AuthError::Undecided(error.to_string())))
    }
}

fn check_password(password: &Secret) -> Result<(), ManageError> {
    let fits = (PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&password.len());
    let text = std::str::from_utf8(password.expose()).is_ok();
    // bcrypt repeats a key with a NUL behind it, so `a` and `a\0a` would be one password.
    if fits && text && !password.expose().contains(&0) {
        return Ok(());
    }
    let problem = format!("a password is {PASSWORD_BYTES_MIN} to {PASSWORD_BYTES_MAX} bytes of text without NUL");
    Err(ManageError::invalid("password", problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k02_password_that_bcrypt_would_cut_is_refused() {
        assert!(check_password(&Secret::new("p".repeat(72))).is_ok());
        assert!(check_password(&Secret::new("ü".repeat(36))).is_ok());
        for wrong in ["p".repeat(73), "ü".repeat(37), "1234567".into(), "12345678\0".into()] {
            assert!(check_password(&Secret::new(wrong.clone())).is_err(), "{wrong:?}");
        }
    }
}
