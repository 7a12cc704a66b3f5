//! Why a token would be refused: for people, who want to know all of it at once.

use super::compact::Compact;
use super::mint::TokenKind;
use super::token::{TokenError, TokenIssuer};
use super::{Chosen, Jwt};
use crate::clock::Timestamp;
use crate::secret::Secret;

/// What a token says, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The header's JSON as it came, whether or not it is true; `None` where it cannot be read.
    pub header: Option<String>,
    /// The claims' JSON as it came, whether or not it is true; `None` where it cannot be read.
    pub claims: Option<String>,
    /// Whose keys it was checked with; `None` where it cannot be read.
    pub issuer: Option<TokenIssuer>,
    /// Every reason for which it is refused as an access token; empty where it is accepted.
    pub refusals: Vec<TokenError>,
}

impl Jwt {
    /// Checks everything that `verify` does and goes on after the first fault. The keys of outside issuers are had by
    /// `refresh`, which must be polled beside it.
    pub async fn explain(&self, token: &Secret, now: Timestamp) -> Explained {
        let (header, claims) = Compact::words(token.expose());
        let mut explained = Explained { header, claims, issuer: None, refusals: Vec::new() };
        match Compact::read(token.expose()) {
            Ok(token) => self.explain_read(&mut explained, &token, now).await,
            Err(error) => explained.refusals.push(error),
        }
        explained
    }

    async fn explain_read(&self, explained: &mut Explained, token: &Compact<'_>, now: Timestamp) {
        let mut found = vec![token.asks_for_nothing().err(), token.is(TokenKind::Access).err()];
        // A token whose `iss` is no text has nobody's keys: ours are as good as any to say what else is wrong.
        let chosen = self.chosen(token).unwrap_or(Chosen::Own(&self.own));
        let rules = match chosen {
            Chosen::Own(own) => {
                explained.issuer = Some(TokenIssuer::Own);
                found.push(own.check(token).err());
                own.rules()
            }
            Chosen::Outside(issuer) => {
                explained.issuer = Some(TokenIssuer::Outside(issuer.config.issuer.clone()));
                found.push(issuer.is_named_so(token).err());
                found.push(issuer.check(token, now).await.err());
                issuer.rules()
            }
        };
        for fault in found.into_iter().flatten().chain(rules.faults(token.claims(), now)) {
            if !explained.refusals.contains(&fault) {
                explained.refusals.push(fault);
            }
        }
    }
}
