//! What a token's claims must say, and what is read from them once its signature held.

use std::sync::Arc;
use std::time::Duration;

use super::claim_path::ClaimPath;
use super::config::{Config, IssuerConfig, RequiredClaim, ScopesRule, TenantRule};
use super::keys::KeyId;
use super::token::{NamedTenant, RefreshClaims, TokenError, TokenIssuer, VerifiedToken};
use crate::clock::{Expiry, Timestamp};
use crate::principal::{Contact, PrincipalId};
use crate::prompt::json::{Kind, Value};
use crate::scopes::Scopes;

/// What is asked of the tokens of one issuer.
pub(super) struct Rules {
    whose: TokenIssuer,
    issuer: Option<Arc<str>>,
    audiences: Vec<String>,
    leeway: Duration,
    require_expiry: bool,
    required: Vec<RequiredClaim>,
    tenant: TenantRule,
    scopes: ScopesRule,
    subject: ClaimPath,
    email: ClaimPath,
    name: ClaimPath,
    platform_admin: bool,
}

type Check = fn(&Rules, Value<'_>, Timestamp) -> Result<(), TokenError>;

/// Times come first: an expired token is told so whatever else is wrong with it, for its holder can mend that.
const CHECKS: [Check; 11] = [
    Rules::issued_at,
    Rules::not_before,
    Rules::expires,
    Rules::issued_by,
    Rules::meant_for_us,
    Rules::no_other_token,
    Rules::has_required,
    Rules::names_subject,
    Rules::names_tenant,
    Rules::names_scopes,
    Rules::names_ids,
];

impl Rules {
    pub(super) fn own(config: &Config) -> Rules {
        Rules {
            whose: TokenIssuer::Own,
            issuer: config.issuer.as_deref().map(Arc::from),
            audiences: config.audiences.clone(),
            leeway: config.leeway,
            require_expiry: config.require_expiry,
            required: Vec::new(),
            tenant: TenantRule::ClaimOrSlug(ClaimPath::of_name(&config.claims.tenant)),
            scopes: ScopesRule::FirstOf(vec![ClaimPath::of_name(&config.claims.scopes)]),
            subject: ClaimPath::of_name("sub"),
            email: ClaimPath::of_name("email"),
            name: ClaimPath::of_name("name"),
            platform_admin: true,
        }
    }

    pub(super) fn of(config: &IssuerConfig) -> Rules {
        Rules {
            whose: TokenIssuer::Outside(config.issuer.clone()),
            issuer: Some(config.issuer.clone()),
            audiences: config.audiences.clone(),
            leeway: config.leeway,
            require_expiry: config.require_expiry,
            required: config.required_claims.clone(),
            tenant: config.tenant.clone(),
            scopes: config.scopes.clone(),
            subject: config.subject.clone(),
            email: config.email.clone(),
            name: config.name.clone(),
            platform_admin: config.platform_admin,
        }
    }

    /// Every reason for which the claims are refused, found as far as it is asked for.
    pub(super) fn faults<'a>(&'a self, claims: Value<'a>, now: Timestamp) -> impl Iterator<Item = TokenError> + 'a {
        CHECKS.iter().filter_map(move |check| check(self, claims, now).err())
    }

    pub(super) fn verified(&self, claims: Value<'_>, key: KeyId, now: Timestamp) -> Result<VerifiedToken, TokenError> {
        if let Some(fault) = self.faults(claims, now).next() {
            return Err(fault);
        }
        let session = if self.whose == TokenIssuer::Own { id(claims, "sid")? } else { None };
        Ok(VerifiedToken {
            subject: self.subject_of(claims)?,
            tenant: self.tenant_of(claims)?,
            scopes: self.scopes_of(claims)?,
            expiry: self.expiry_of(claims)?,
            id: id(claims, "jti")?,
            session,
            contact: Contact { email: printable(&self.email, claims), name: printable(&self.name, claims) },
            issuer: self.whose.clone(),
            key,
        })
    }

    /// A refresh token is ours, has an end, and names itself and its session: by these it is found and spent.
    pub(super) fn refresh(&self, claims: Value<'_>, now: Timestamp) -> Result<RefreshClaims, TokenError> {
        if let Some(fault) = self.faults(claims, now).next() {
            return Err(fault);
        }
        let expiry = self.expiry_of(claims)?;
        if expiry == Expiry::Never {
            return Err(TokenError::Claim("exp"));
        }
        Ok(RefreshClaims {
            id: id(claims, "jti")?.ok_or(TokenError::Claim("jti"))?,
            session: id(claims, "sid")?.ok_or(TokenError::Claim("sid"))?,
            subject: self.subject_of(claims)?,
            tenant: self.tenant_of(claims)?,
            expiry,
        })
    }

    fn issued_at(&self, claims: Value<'_>, _: Timestamp) -> Result<(), TokenError> {
        numeric_date(claims, "iat").map(drop)
    }

    fn not_before(&self, claims: Value<'_>, now: Timestamp) -> Result<(), TokenError> {
        let start = numeric_date(claims, "nbf")?;
        if start.is_some_and(|start| now.after(self.leeway) < start) { Err(TokenError::NotYetValid) } else { Ok(()) }
    }

    fn expires(&self, claims: Value<'_>, now: Timestamp) -> Result<(), TokenError> {
        match self.expiry_of(claims)? {
            Expiry::Never if self.require_expiry => Err(TokenError::Claim("exp")),
            expiry if expiry.is_past(now) => Err(TokenError::Expired),
            _ => Ok(()),
        }
    }

    fn issued_by(&self, claims: Value<'_>, _: Timestamp) -> Result<(), TokenError> {
        let named = text(claims, "iss")?;
        match &self.issuer {
            Some(wanted) if named.as_deref() != Some(wanted) => Err(TokenError::Issuer),
            _ => Ok(()),
        }
    }

    /// A token that names audiences is for them alone (RFC 7519, section 4.1.3).
    fn meant_for_us(&self, claims: Value<'_>, _: Timestamp) -> Result<(), TokenError> {
        let named = match claims.get("aud") {
            None => Vec::new(),
            Some(claim) => words(claim).ok_or(TokenError::Claim("aud"))?,
        };
        let among_them = named.iter().any(|audience| self.audiences.contains(audience));
        if among_them || (named.is_empty() && self.audiences.is_empty()) { Ok(()) } else { Err(TokenError::Audience) }
    }

    /// Tokens of other kinds come with the same signature (RFC 8725, section 3.12). ID tokens hold a `nonce` or the hash
    /// of what they were handed out with (OpenID Connect Core, 3.1.3.6 and 3.3.2.11), logout tokens `events`; Keycloak
    /// and Cognito name the kind in a claim.
    fn no_other_token(&self, claims: Value<'_>, _: Timestamp) -> Result<(), TokenError> {
        let is_one_of = |name: &str, kinds: &[&str]| {
            let said = claims.get(name).and_then(Value::text);
            said.is_some_and(|said| kinds.iter().any(|kind| kind.eq_ignore_ascii_case(&said)))
        };
        let other = ["nonce", "at_hash", "c_hash", "events"].iter().any(|name| claims.get(name).is_some())
            || is_one_of("typ", &["ID", "Refresh", "Offline", "Logout"])
            || is_one_of("token_use", &["id", "refresh"]);
        if other { Err(TokenError::Type) } else { Ok(()) }
    }

    fn has_required(&self, claims: Value<'_>, _: Timestamp) -> Result<(), TokenError> {
        let met = self.required.iter().all(|required| {
            let found = required.claim.find(claims).filter(|claim| claim.kind() != Kind::Null);
            match (&required.equals, found) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(wanted), Some(claim)) => is_or_holds(claim, wanted),
            }
        });
        if met { Ok(()) } else { Err(TokenError::Required) }
    }

    fn names_subject(&self, claims: Value<'_>, _: Timestamp) -> Result<(), TokenError> {
        self.subject_of(claims).map(drop)
    }

    fn names_tenant(&self, claims: Value<'_>, _: Timestamp) -> Result<(), TokenError> {
        self.tenant_of(claims).map(drop)
    }

    fn names_scopes(&self, claims: Value<'_>, _: Timestamp) -> Result<(), TokenError> {
        self.scopes_of(claims).map(drop)
    }

    fn names_ids(&self, claims: Value<'_>, _: Timestamp) -> Result<(), TokenError> {
        id(claims, "jti")?;
        if self.whose == TokenIssuer::Own { id(claims, "sid").map(drop) } else { Ok(()) }
    }

    fn expiry_of(&self, claims: Value<'_>) -> Result<Expiry, TokenError> {
        let end = numeric_date(claims, "exp")?;
        Ok(end.map_or(Expiry::Never, |end| Expiry::At(end.after(self.leeway))))
    }

    fn subject_of(&self, claims: Value<'_>) -> Result<PrincipalId, TokenError> {
        let subject = self.subject.find(claims).and_then(Value::text).ok_or(TokenError::Claim("sub"))?;
        PrincipalId::parse(&subject).map_err(|_| TokenError::Claim("sub"))
    }

    fn tenant_of(&self, claims: Value<'_>) -> Result<NamedTenant, TokenError> {
        let (path, slug) = match &self.tenant {
            TenantRule::Fixed(name) => return Ok(NamedTenant { name: name.clone(), slug: None }),
            TenantRule::Claim(path) => (path, None),
            TenantRule::ClaimOrSlug(path) => (path, text(claims, "tenant_slug")?),
        };
        let name = path.find(claims).map(|claim| claim.text().map(String::from).ok_or(TokenError::Claim("tenant")));
        let name = name.transpose()?.or_else(|| slug.clone()).ok_or(TokenError::Claim("tenant"))?;
        Ok(NamedTenant { name, slug })
    }

    /// `scope` is a list with spaces (RFC 8693, section 4.2); arrays are common and mean the same.
    fn scopes_of(&self, claims: Value<'_>) -> Result<Option<Scopes>, TokenError> {
        let malformed = TokenError::Claim("scope");
        let (found, absent) = match &self.scopes {
            ScopesRule::Claim(path) => (path.find(claims), Some(Scopes::default())),
            ScopesRule::FirstOf(paths) => (paths.iter().find_map(|path| path.find(claims)), None),
        };
        let Some(claim) = found else { return Ok(absent) };
        let words = match claim.text() {
            Some(text) => text.split_ascii_whitespace().map(str::to_owned).collect(),
            None => words(claim).ok_or(malformed)?,
        };
        let words = if self.whose == TokenIssuer::Own { words } else { self.usable(words) };
        Scopes::new(words).map(Some).map_err(|_| malformed)
    }

    /// Issuers put roles and groups beside scopes: a word that can be no scope grants nothing here, and one that reaches
    /// the platform only where the config lets it.
    fn usable(&self, words: Vec<String>) -> Vec<String> {
        let is_usable = |word: &String| {
            Scopes::new([word.as_str()]).is_ok_and(|scope| self.platform_admin || !scope.reach_the_platform())
        };
        words.into_iter().filter(is_usable).collect()
    }
}

fn is_or_holds(claim: Value<'_>, wanted: &str) -> bool {
    match claim.kind() {
        Kind::String => claim.text().is_some_and(|text| text == wanted),
        Kind::Array => claim.elements().any(|each| each.text().is_some_and(|text| text == wanted)),
        _ => claim.raw() == wanted,
    }
}

/// One text, or a list of nothing but texts.
fn words(claim: Value<'_>) -> Option<Vec<String>> {
    match claim.kind() {
        Kind::String => claim.text().map(|one| vec![one.into_owned()]),
        Kind::Array => claim.elements().map(|each| each.text().map(String::from)).collect(),
        _ => None,
    }
}

pub(super) fn text(claims: Value<'_>, name: &'static str) -> Result<Option<String>, TokenError> {
    let claim = claims.get(name).map(|claim| claim.text().map(String::from).ok_or(TokenError::Claim(name)));
    claim.transpose()
}

/// What a token is found by again: it goes to logs and to the store.
fn id(claims: Value<'_>, name: &'static str) -> Result<Option<String>, TokenError> {
    match text(claims, name)? {
        Some(id) if id.is_empty() || id.len() > ID_BYTES_MAX || id.chars().any(char::is_control) => {
            Err(TokenError::Claim(name))
        }
        id => Ok(id),
    }
}

/// Nothing hangs on a name or an address, so one that no header or log line could hold (promise S21) is left out.
fn printable(path: &ClaimPath, claims: Value<'_>) -> Option<String> {
    let text = path.find(claims)?.text()?;
    let fits = (1..=CONTACT_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
    fits.then(|| text.into_owned())
}

/// A NumericDate (RFC 7519, section 2): a number that is finite, not negative and of this age of the world.
fn numeric_date(claims: Value<'_>, name: &'static str) -> Result<Option<Timestamp>, TokenError> {
    const YEAR_9999: f64 = 253_402_300_800.0;
    let Some(claim) = claims.get(name) else { return Ok(None) };
    if claim.kind() != Kind::Number {
        return Err(TokenError::Claim(name));
    }
    let seconds: f64 = claim.raw().parse().map_err(|_| TokenError::Claim(name))?;
    if !(0.0..YEAR_9999).contains(&seconds) || claim.raw().starts_with('-') {
        return Err(TokenError::Claim(name));
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked above")]
    Ok(Some(Timestamp(seconds as i64)))
}

/// Ids of the large issuers are UUIDs or half as long again.
const ID_BYTES_MAX: usize = 256;
/// The longest e-mail address (RFC 5321, section 4.5.3.1.3, less the brackets).
const CONTACT_BYTES_MAX: usize = 254;
