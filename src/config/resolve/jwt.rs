//! Whose tokens come in: the section `auth.jwt`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;

use super::Resolver;
use crate::auth::jwt::claim_path::ClaimPath;
use crate::auth::jwt::config::{Freshness, IssuerConfig, KeySource, RequiredClaim, ScopesRule, TenantRule};
use crate::auth::jwt::keys::KeySet;
use crate::auth::jwt::mint::media_type;
use crate::auth::jwt::{self, ClaimNames, LEEWAY_MAX, SECRET_BYTES_MIN, TokenKind};
use crate::config::raw::Span;
use crate::config::raw::jwt as raw;
use crate::fetch;
use crate::secret::Secret;
use crate::tenant::{Slug, TenantId};

/// What RFC 7519, section 4.1, and the tokens made here give another meaning.
const CLAIMS_TAKEN: [&str; 9] = ["sub", "iss", "aud", "exp", "nbf", "iat", "jti", "sid", "typ"];
/// Oftener would be a load on the issuer and tell nothing new.
const REFRESH_MIN: Duration = Duration::from_secs(1);

impl Resolver<'_> {
    pub(super) fn jwt(&mut self) -> jwt::Config {
        let raw = &self.raw.auth.jwt;
        let defaults = jwt::Config::default();
        let claims = self.jwt_claims(&defaults);
        let secrets = self.jwt_secrets();
        let no_algorithm = raw.algorithms.as_ref().is_some_and(Vec::is_empty);
        if no_algorithm && !secrets.is_empty() && !self.tree.contains("auth.jwt.algorithms[0]") {
            self.wrong("auth.jwt.algorithms", "an empty list would accept no token: leave the key out for all");
        }
        let mut config = jwt::Config {
            secrets,
            algorithms: raw.algorithms.clone().unwrap_or(defaults.algorithms),
            issuer: raw.issuer.clone(),
            audiences: raw.audiences.clone(),
            leeway: self.jwt_leeway("auth.jwt.leeway", raw.leeway, defaults.leeway),
            require_expiry: raw.require_expiry.unwrap_or(defaults.require_expiry),
            claims,
            issuers: Vec::new(),
        };
        for (index, raw) in raw.issuers.iter().enumerate() {
            let issuer = self.issuer(&format!("auth.jwt.issuers[{index}]"), raw, &config);
            config.issuers.extend(issuer);
        }
        config
    }

    fn jwt_claims(&mut self, defaults: &jwt::Config) -> ClaimNames {
        let raw = &self.raw.auth.jwt.claims;
        let names = ClaimNames {
            tenant: raw.tenant.clone().unwrap_or_else(|| defaults.claims.tenant.clone()),
            scopes: raw.scopes.clone().unwrap_or_else(|| defaults.claims.scopes.clone()),
        };
        for (key, name) in [("tenant", &names.tenant), ("scopes", &names.scopes)] {
            if CLAIMS_TAKEN.contains(&name.as_str()) {
                let message = format!("`{name}` says something else in every token: choose another claim");
                self.wrong(&format!("auth.jwt.claims.{key}"), &message);
            }
        }
        if names.tenant == names.scopes {
            let key = if raw.tenant.is_some() { "tenant" } else { "scopes" };
            self.wrong(&format!("auth.jwt.claims.{key}"), "one claim can not say both the tenant and the scopes");
        }
        names
    }

    fn jwt_secrets(&mut self) -> Vec<Secret> {
        let mut secrets = Vec::new();
        for (index, secret) in self.raw.auth.jwt.secrets.iter().enumerate() {
            let path = format!("auth.jwt.secrets[{index}]");
            let Some(source) = self.secret(&path, secret) else { continue };
            let Some(secret) = self.parsed(&path, source.read()) else { continue };
            if secret.len() < SECRET_BYTES_MIN {
                let message = format!(
                    "{source} holds {} bytes; an HMAC secret has {SECRET_BYTES_MIN} at least (make one with `openssl rand -hex 32`)",
                    secret.len()
                );
                self.wrong(&path, &message);
            }
            secrets.push(secret);
        }
        secrets
    }

    fn jwt_leeway(&mut self, path: &str, span: Option<Span>, default: Duration) -> Duration {
        let leeway = span.map_or(default, |span| span.0);
        if leeway > LEEWAY_MAX {
            self.wrong(path, "more than 60s of clock skew is not forgiven");
        }
        leeway
    }

    /// `config` has what issuers take over, and those that came before.
    fn issuer(&mut self, path: &str, raw: &raw::Issuer, config: &jwt::Config) -> Option<IssuerConfig> {
        self.check_issuer_name(path, raw, config);
        let audiences = raw.audiences.clone().unwrap_or_else(|| config.audiences.clone());
        if audiences.is_empty() {
            let message = "without audiences a token is accepted if it names none, whomever it was made for, and refused if it names one: list the audience that the issuer gives to this gate";
            self.warn(&format!("{path}.audiences"), message);
        }
        let keys = self.issuer_key_source(path, raw);
        let tenant = self.issuer_tenant(path, raw);
        let typ = self.issuer_typ(path, raw);
        let required_claims = self.issuer_required_claims(path, raw);
        let freshness = self.issuer_freshness(path, raw);
        let leeway = self.jwt_leeway(&format!("{path}.leeway"), raw.leeway, config.leeway);
        let defaults = IssuerConfig::new(&raw.issuer, keys?);
        let none_written = !self.tree.contains(&format!("{path}.algorithms[0]"));
        if raw.algorithms.as_ref().is_some_and(Vec::is_empty) && none_written {
            self.wrong(&format!("{path}.algorithms"), "an empty list would accept no token: leave the key out for all");
        }
        let scopes = self.issuer_claim(path, "scopes", raw.claims.scopes.as_ref());
        Some(IssuerConfig {
            audiences,
            algorithms: raw.algorithms.clone().unwrap_or(defaults.algorithms),
            leeway,
            require_expiry: raw.require_expiry.unwrap_or(config.require_expiry),
            typ,
            required_claims,
            tenant: tenant.unwrap_or(defaults.tenant),
            scopes: scopes.map_or(defaults.scopes, ScopesRule::Claim),
            subject: self.issuer_claim(path, "subject", raw.claims.subject.as_ref()).unwrap_or(defaults.subject),
            email: self.issuer_claim(path, "email", raw.claims.email.as_ref()).unwrap_or(defaults.email),
            name: self.issuer_claim(path, "name", raw.claims.name.as_ref()).unwrap_or(defaults.name),
            platform_admin: raw.platform_admin.unwrap_or(defaults.platform_admin),
            freshness,
            issuer: defaults.issuer,
            keys: defaults.keys,
        })
    }

    fn check_issuer_name(&mut self, path: &str, raw: &raw::Issuer, config: &jwt::Config) {
        let path = format!("{path}.issuer");
        if raw.issuer.is_empty() {
            self.wrong(&path, "an issuer is the exact `iss` of its tokens");
        }
        if config.issuer.as_ref() == Some(&raw.issuer) {
            self.wrong(&path, "this is auth.jwt.issuer, the name of our own tokens");
        }
        if config.issuers.iter().any(|earlier| *earlier.issuer == *raw.issuer) {
            self.wrong(&path, "another issuer has this name");
        }
    }

    fn issuer_key_source(&mut self, path: &str, raw: &raw::Issuer) -> Option<KeySource> {
        match (&raw.jwks_url, &raw.jwks_file, &raw.pem) {
            (None, None, None) => {
                let mend = "keys are discovered below an issuer that is an https URL (http on this host); name jwks_url, jwks_file or pem for another";
                self.issuer_url(&format!("{path}.issuer"), &raw.issuer, mend)?;
                Some(KeySource::Discovery { ca: self.issuer_authorities(path, raw) })
            }
            (Some(url), None, None) => {
                let mend = "expected an https URL (http on this host alone)";
                let jwks = self.issuer_url(&format!("{path}.jwks_url"), url, mend)?;
                Some(KeySource::Url { jwks, ca: self.issuer_authorities(path, raw) })
            }
            (None, Some(file), None) => {
                let read = |bytes| KeySet::of_jwks_file(bytes).map_err(|error| error.to_string());
                let first = Arc::new(self.issuer_keys(path, raw, "jwks_file", file, read)?);
                Some(KeySource::File { path: PathBuf::from(file), first })
            }
            (None, None, Some(file)) => {
                let read = |bytes: Vec<u8>| {
                    let text = String::from_utf8(bytes).map_err(|_| "it is no PEM, which is text".to_owned())?;
                    KeySet::of_pem(&text).map_err(|error| error.to_string())
                };
                Some(KeySource::Fixed(Arc::new(self.issuer_keys(path, raw, "pem", file, read)?)))
            }
            _ => {
                self.wrong(path, "keys come from one place: name one of jwks_url, jwks_file and pem");
                None
            }
        }
    }

    fn issuer_url(&mut self, path: &str, url: &str, mend: &str) -> Option<Uri> {
        let url = url.parse::<Uri>().ok().filter(fetch::is_confidential);
        if url.is_none() {
            self.wrong(path, mend);
        }
        url
    }

    fn issuer_authorities(&mut self, path: &str, raw: &raw::Issuer) -> Option<PathBuf> {
        let ca = raw.ca.as_ref().map(PathBuf::from)?;
        self.parsed(&format!("{path}.ca"), fetch::check_authorities(&ca));
        Some(ca)
    }

    fn issuer_keys(
        &mut self,
        path: &str,
        raw: &raw::Issuer,
        key: &str,
        file: &str,
        read: impl FnOnce(Vec<u8>) -> Result<KeySet, String>,
    ) -> Option<KeySet> {
        if raw.ca.is_some() {
            self.wrong(&format!("{path}.ca"), "nothing is fetched where the keys are in a file");
        }
        let bytes = std::fs::read(Path::new(file)).map_err(|error| format!("the file cannot be read: {error}"));
        self.parsed(&format!("{path}.{key}"), bytes.and_then(read))
    }

    fn issuer_tenant(&mut self, path: &str, raw: &raw::Issuer) -> Option<TenantRule> {
        let Some(tenant) = &raw.tenant else {
            return self.issuer_claim(path, "tenant", raw.claims.tenant.as_ref()).map(TenantRule::Claim);
        };
        let key = format!("{path}.tenant");
        if raw.claims.tenant.is_some() {
            self.wrong(&key, "`tenant` and `claims.tenant` exclude each other");
        }
        if TenantId::parse(tenant).is_err() && Slug::parse(tenant).is_err() {
            self.wrong(&key, "this is neither a tenant's id nor a slug");
        }
        if raw.typ.is_none() && raw.required_claims.is_empty() {
            let message = "every token of the issuer for this audience is of this tenant, and an ID token without a sign of being one is told from an access token by nothing: set `typ: at+jwt`, or `required_claims` that only the callers' access tokens have";
            self.warn(&key, message);
        }
        Some(TenantRule::Fixed(tenant.clone()))
    }

    fn issuer_typ(&mut self, path: &str, raw: &raw::Issuer) -> Option<String> {
        let typ = raw.typ.as_ref()?;
        if !TokenKind::Access.takes(Some(typ)) {
            self.wrong(&format!("{path}.typ"), "the `typ` of an access token is at+jwt or JWT");
        }
        Some(media_type(typ))
    }

    fn issuer_required_claims(&mut self, path: &str, raw: &raw::Issuer) -> Vec<RequiredClaim> {
        let mut claims = Vec::new();
        for (index, required) in raw.required_claims.iter().enumerate() {
            let path = format!("{path}.required_claims[{index}].claim");
            let claim = self.parsed(&path, ClaimPath::parse(&required.claim));
            claims.extend(claim.map(|claim| RequiredClaim { claim, equals: required.equals.clone() }));
        }
        claims
    }

    fn issuer_claim(&mut self, path: &str, key: &str, text: Option<&String>) -> Option<ClaimPath> {
        text.and_then(|text| self.parsed(&format!("{path}.claims.{key}"), ClaimPath::parse(text)))
    }

    fn issuer_freshness(&mut self, path: &str, raw: &raw::Issuer) -> Freshness {
        let defaults = Freshness::default();
        let refresh = raw.refresh.map_or(defaults.refresh, |span| span.0);
        let stale_limit = raw.stale_limit.map_or(defaults.stale_limit.max(refresh), |span| span.0);
        if refresh < REFRESH_MIN {
            self.wrong(&format!("{path}.refresh"), "keys are fetched once a second at most");
        }
        if stale_limit < refresh {
            self.wrong(&format!("{path}.stale_limit"), "shorter than `refresh`, it would end keys between two fetches");
        }
        Freshness { refresh, stale_limit, ..defaults }
    }
}
