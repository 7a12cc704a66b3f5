//! Tokens: signed here, looked into, and refused before their end.

use std::sync::Arc;
use std::time::Duration;

use super::authority::Grant;
use super::{Authority, Manage, ManageError};
use crate::auth::jwt::LEEWAY_MAX;
use crate::auth::jwt::mint::MintError;
use crate::auth::jwt::{HmacAlgorithm, Jwt, NamedTenant, NewToken, VerifiedToken};
use crate::auth::session::ACCESS_TTL_MAX;
use crate::auth::{AuthError, id_of_whole};
use crate::clock::{Expiry, Timestamp};
use crate::principal::PrincipalId;
use crate::scopes::{Models, Scopes};
use crate::secret::Secret;
use crate::store::{Reach, StoreError};
use crate::tenant::{Tenant, TenantStatus};

/// A token to be made.
#[derive(Debug)]
pub struct MintToken {
    pub subject: PrincipalId,
    /// Id or slug.
    pub tenant: String,
    /// `None` makes a token that names no scopes, which is good for those of a credential that names none.
    pub scopes: Option<Scopes>,
    pub expiry: Expiry,
    pub algorithm: HmacAlgorithm,
}

/// A token that was made; handed out this once.
pub struct MintedToken {
    pub token: Secret,
    /// `jti`, by which it can be revoked without being shown again.
    pub id: String,
    /// Whoever suspended it may wonder why the token does not work.
    pub tenant: Arc<Tenant>,
    pub expiry: Expiry,
}

/// What a token says, and every reason for which the gate would refuse it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Inspection {
    /// Whether the gate would let it in now
    pub accepted: bool,
    pub reasons: Vec<Reason>,
    /// As the token has it: believe it only where the token is accepted
    pub header: Option<serde_json::Value>,
    /// As the token has it: believe it only where the token is accepted
    pub claims: Option<serde_json::Value>,
}

/// Why a token would be refused
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Reason {
    /// Stable and machine-readable
    pub reason: String,
    pub problem: String,
}

/// A token or a session that is refused from now on.
#[derive(Debug)]
pub struct RevokedToken {
    /// A token's `jti`, a session's id, or `sha256:` and the digest of a whole token.
    pub id: String,
    /// When the refusal is forgotten, because the token has ended by then.
    pub until: Timestamp,
}

/// The last second of the year 9999: what nobody knows the end of is refused for good.
const FOR_GOOD: Timestamp = Timestamp(253_402_300_799);

impl Manage {
    /// Makes a token that this gate accepts. Needs the tenant's administrator: a token speaks for whomever it names.
    pub async fn mint_token(&self, who: &Authority, new: MintToken) -> Result<MintedToken, ManageError> {
        // Before the store is asked: without a secret there is nothing to ask it for.
        if self.jwt.secrets.is_empty() {
            return Err(ManageError::Token(MintError::NoSecret));
        }
        let tenant = self.tenant(who, &new.tenant).await?;
        who.needs_tenant_admin(&tenant)?;
        let defaults = Scopes::defaults();
        let scopes = new.scopes.as_ref().unwrap_or(&defaults);
        who.needs_width(&tenant, Grant { scopes, models: &Models::All, expiry: new.expiry })?;
        let id = uuid::Uuid::now_v7().to_string();
        let token = NewToken {
            scopes: new.scopes.as_ref(),
            expiry: new.expiry,
            id: Some(id.clone()),
            ..NewToken::access(&new.subject, &tenant, new.algorithm)
        };
        let token = self.jwt.mint(&token, Timestamp::now())?;
        self.announce(who, "token minted", &id).await;
        Ok(MintedToken { token, id, tenant, expiry: new.expiry })
    }

    /// What a token says, and why it would be refused. Whoever has a token may look into it, so no authority is asked.
    pub async fn inspect_token(&self, token: &Secret) -> Result<Inspection, ManageError> {
        let now = Timestamp::now();
        let explained = self.ask(async |jwt: &Jwt| jwt.explain(token, now).await).await;
        let mut reasons: Vec<Reason> = explained.refusals.iter().map(|error| reason(error.reason(), error)).collect();
        if reasons.is_empty() {
            match self.ask(async |jwt: &Jwt| jwt.verify(token, now).await).await {
                Ok(verified) => reasons = self.standing_reasons(token, &verified).await?,
                Err(error) => reasons.push(reason(error.reason(), error)),
            }
        }
        let json = |text: Option<String>| text.map(|text| serde_json::from_str(&text).unwrap_or(text.into()));
        let (header, claims) = (json(explained.header), json(explained.claims));
        Ok(Inspection { accepted: reasons.is_empty(), reasons, header, claims })
    }

    /// Refuses a token from now on: a whole token, the id of one of ours (`jti`), or a session's id. `lasting` is for how
    /// long, where the token does not tell when it ends; it shortens nothing.
    pub async fn revoke_token(
        &self,
        who: &Authority,
        token: &Secret,
        lasting: Option<Duration>,
    ) -> Result<RevokedToken, ManageError> {
        let now = Timestamp::now();
        let named = lasting.map(|span| now.after(span));
        let verified = self.ask(async |jwt: &Jwt| jwt.verify(token, now).await).await;
        let (id, until) = match verified {
            Ok(verified) => {
                self.needs_tenant_of(who, &verified.tenant).await?;
                let id = verified.revoked_by(token);
                let until = end_of(verified.expiry).max(named.unwrap_or(now));
                self.store.revoke_token(&id, until).await?;
                (id, until)
            }
            Err(_) => self.revoke_unverified(who, token, named, now).await?,
        };
        self.announce(who, "token revoked", &id).await;
        Ok(RevokedToken { id, until })
    }

    /// A refresh token ends its session. Whatever else it may be, nothing says whose it is, and so only an operator is
    /// believed.
    async fn revoke_unverified(
        &self,
        who: &Authority,
        token: &Secret,
        named: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(String, Timestamp), ManageError> {
        if let Ok(refresh) = self.ask(async |jwt: &Jwt| jwt.verify_refresh(token, now)).await {
            self.needs_tenant_of(who, &refresh.tenant).await?;
            // Its latest access token may outlive the refresh token that is shown here.
            let until = end_of(refresh.expiry).max(named.unwrap_or(now)).max(sessions_last_until(now));
            self.store.end_session(&who.reach(), &refresh.session, until).await?;
            return Ok((refresh.session, until));
        }
        who.needs_operator()?;
        let until = named.unwrap_or(FOR_GOOD).max(sessions_last_until(now));
        // Ours, and not good at this moment: it may become so, and is then asked for by its own id.
        if let Some(id) = self.ask(async |jwt: &Jwt| jwt.id_of_own(token)).await {
            self.store.revoke_token(&id, FOR_GOOD).await?;
            return Ok((id, FOR_GOOD));
        }
        match unverified_id(token)? {
            // It may be a session's: its refresh tokens end with it.
            Named::Id(id) => self.store.end_session(&Reach::Platform, &id, until).await.map(|()| (id, until)),
            Named::Digest(id) => self.store.revoke_token(&id, until).await.map(|()| (id, until)),
        }
        .map_err(ManageError::from)
    }

    async fn needs_tenant_of(&self, who: &Authority, named: &NamedTenant) -> Result<(), ManageError> {
        let tenant = self.tenant_of(named).await?.ok_or(ManageError::NotFound("tenant"))?;
        who.needs_tenant_admin(&tenant)
    }

    /// Asks the gate's verifier or, where there is no gate, one whose issuers' keys are fetched meanwhile.
    async fn ask<T>(&self, ask: impl AsyncFnOnce(&Jwt) -> T) -> T {
        match &self.authenticator {
            Some(authenticator) => ask(authenticator.jwt()).await,
            None => tokio::select! {
                answer = ask(&self.verifier) => answer,
                () = self.verifier.refresh() => unreachable!("it never returns"),
            },
        }
    }

    /// What a good signature does not tell.
    async fn standing_reasons(&self, token: &Secret, verified: &VerifiedToken) -> Result<Vec<Reason>, ManageError> {
        let mut reasons = Vec::new();
        match self.tenant_of(&verified.tenant).await? {
            None => reasons.push(reason(AuthError::UnknownTenant.reason(), AuthError::UnknownTenant)),
            Some(tenant) if tenant.status != TenantStatus::Active => {
                reasons.push(reason("tenant_not_active", format!("the tenant is {}", tenant.status.as_str())));
            }
            Some(_) => {}
        }
        let revoked = self.store.revoked_tokens().await?;
        let names = names_of(token, verified);
        if revoked.iter().any(|id| names.contains(id)) {
            reasons.push(reason("token_revoked", "the token or its session was revoked"));
        }
        Ok(reasons)
    }

    /// As the chain finds it: by id or slug, which must agree where the token has both.
    async fn tenant_of(&self, named: &NamedTenant) -> Result<Option<Arc<Tenant>>, ManageError> {
        let tenant = match self.store.tenant(&Reach::Platform, &named.name).await {
            Err(StoreError::NotFound(_)) => return Ok(None),
            found => found?,
        };
        let agrees = named.slug.as_ref().is_none_or(|slug| slug == tenant.slug.as_str());
        Ok(agrees.then_some(tenant))
    }
}

fn reason(word: &str, problem: impl std::fmt::Display) -> Reason {
    Reason { reason: word.to_owned(), problem: problem.to_string() }
}

/// Every name by which this token can have been revoked.
fn names_of(token: &Secret, verified: &VerifiedToken) -> Vec<String> {
    [Some(verified.revoked_by(token)), verified.session.clone()].into_iter().flatten().collect()
}

/// When every access token of a session that is ended now has ended.
fn sessions_last_until(now: Timestamp) -> Timestamp {
    now.after(ACCESS_TTL_MAX).after(LEEWAY_MAX)
}

fn digest_of(token: &Secret) -> String {
    id_of_whole(token)
}

/// What something that could not be verified is refused by.
enum Named {
    /// Of a token or a session.
    Id(String),
    /// Of a whole token.
    Digest(String),
}

fn unverified_id(token: &Secret) -> Result<Named, ManageError> {
    let fits = !token.is_empty() && token.expose().iter().all(u8::is_ascii_graphic);
    match std::str::from_utf8(token.expose()) {
        Ok(id) if fits && id.len() <= ID_BYTES_MAX => Ok(Named::Id(id.to_owned())),
        Ok(_) if fits => Ok(Named::Digest(digest_of(token))),
        _ => Err(ManageError::invalid("token", "expected a token, or the id of a token or a session")),
    }
}

/// Ids are UUIDs where they are ours; no signed token is so short.
const ID_BYTES_MAX: usize = 256;

fn end_of(expiry: Expiry) -> Timestamp {
    match expiry {
        Expiry::Never => FOR_GOOD,
        Expiry::At(end) => end,
    }
}
