//! JSON Web Tokens (RFC 7519, RFC 8725): our own, signed with shared secrets, and those of the issuers that are listed.
//!
//! The `iss` of a token says whose keys are asked, and nothing else in it is believed before its signature held. Tokens
//! of ours are verified with secrets alone, tokens from outside with public keys alone: neither path has a type that
//! could hold the other's keys.

pub mod algorithm;
pub mod claim_path;
mod claims;
mod compact;
pub mod config;
pub mod explain;
mod issuer;
pub mod jwks;
pub mod keys;
mod material;
pub mod mint;
mod own;
pub mod pem;
mod refresh;
pub mod token;

#[cfg(test)]
mod fetching_tests;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod keys_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use futures_util::future::join_all;

pub use self::algorithm::{HmacAlgorithm, SignatureAlgorithm};
pub use self::config::{ClaimNames, Config, LEEWAY_MAX, SECRET_BYTES_MIN};
pub use self::mint::{NewToken, TokenKind};
pub use self::token::{NamedTenant, RefreshClaims, TokenError, TokenIssuer, VerifiedToken};

use self::compact::Compact;
use self::issuer::Issuer;
use self::own::Own;
use crate::clock::Timestamp;
use crate::secret::Secret;

/// The verifier of presented tokens.
pub struct Jwt {
    own: Own,
    issuers: Vec<Issuer>,
}

/// Whose keys a token is verified with.
enum Chosen<'a> {
    Own(&'a Own),
    Outside(&'a Issuer),
}

impl Jwt {
    pub fn new(config: Config) -> Jwt {
        Jwt { own: Own::new(&config), issuers: config.issuers.into_iter().map(Issuer::new).collect() }
    }

    /// Verifies an access token. A token that names a key its issuer is not known to have waits for one fetch of the
    /// issuer's keys, where one is allowed; the fetch itself is `refresh`'s, so a caller that goes away stops nothing.
    pub async fn verify(&self, token: &Secret, now: Timestamp) -> Result<VerifiedToken, TokenError> {
        let token = Compact::read(token.expose())?;
        token.asks_for_nothing()?;
        token.is(TokenKind::Access)?;
        match self.chosen(&token)? {
            Chosen::Own(own) => own.verify(&token, now),
            Chosen::Outside(issuer) => issuer.verify(&token, now).await,
        }
    }

    /// Verifies a refresh token of our own; no other issuer's is one here.
    pub fn verify_refresh(&self, token: &Secret, now: Timestamp) -> Result<RefreshClaims, TokenError> {
        let token = Compact::read(token.expose())?;
        token.asks_for_nothing()?;
        token.is(TokenKind::Refresh)?;
        match self.chosen(&token)? {
            Chosen::Own(own) => own.verify_refresh(&token, now),
            Chosen::Outside(_) => Err(TokenError::Issuer),
        }
    }

    /// The `jti` of a token that a secret of ours signed, whatever else is wrong with it.
    pub fn id_of_own(&self, token: &Secret) -> Option<String> {
        let token = Compact::read(token.expose()).ok()?;
        self.own.check(&token).ok()?;
        claims::text(token.claims(), "jti").ok().flatten()
    }

    /// What a cache of verified tokens asks at each hit: the token has not ended, and the key that verified it is still
    /// its issuer's, as far as that was heard of in time.
    pub fn still_holds(&self, token: &VerifiedToken, now: Timestamp) -> Result<(), TokenError> {
        if token.expiry.is_past(now) {
            return Err(TokenError::Expired);
        }
        match &token.issuer {
            TokenIssuer::Own => self.own.still_has(token.key),
            TokenIssuer::Outside(name) => {
                let issuer = self.outside(name).ok_or(TokenError::Issuer)?;
                issuer.still_has(token.key, now)
            }
        }
    }

    /// Keeps every issuer's keys fresh, for as long as it is polled. It never returns.
    pub async fn refresh(&self) {
        join_all(self.issuers.iter().map(Issuer::keep_fresh)).await;
        std::future::pending::<()>().await;
    }

    /// The issuer is told by the exact bytes of `iss` (promise J8); what names none of them, or nobody, can only be ours.
    fn chosen(&self, token: &Compact<'_>) -> Result<Chosen<'_>, TokenError> {
        let named = token.issuer()?;
        let outside = named.and_then(|name| self.outside(&name));
        Ok(outside.map_or(Chosen::Own(&self.own), Chosen::Outside))
    }

    fn outside(&self, name: &str) -> Option<&Issuer> {
        self.issuers.iter().find(|issuer| issuer.name() == name)
    }
}
