//! Which tokens are accepted: our own, and those of the issuers that are listed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;

use super::algorithm::{HmacAlgorithm, SignatureAlgorithm};
use super::claim_path::ClaimPath;
use super::keys::KeySet;
use crate::secret::Secret;

#[derive(Clone)]
pub struct Config {
    /// The first signs, all verify.
    pub secrets: Vec<Secret>,
    pub algorithms: Vec<HmacAlgorithm>,
    /// `iss` of the tokens made here, and the only one accepted when a token of ours names an issuer.
    pub issuer: Option<String>,
    /// When not empty, a token must be meant for one of these; when empty, a token that names an audience is refused.
    pub audiences: Vec<String>,
    /// Clock skew that is forgiven.
    pub leeway: Duration,
    pub require_expiry: bool,
    pub claims: ClaimNames,
    /// Whose tokens are accepted beside our own.
    pub issuers: Vec<IssuerConfig>,
}

/// Which claims of our own tokens say what.
#[derive(Clone, Debug)]
pub struct ClaimNames {
    /// The tenant, by id or by slug.
    pub tenant: String,
    pub scopes: String,
}

/// An issuer from outside.
#[derive(Clone)]
pub struct IssuerConfig {
    /// The exact `iss`, and no other issuer's.
    pub issuer: Arc<str>,
    pub keys: KeySource,
    pub audiences: Vec<String>,
    pub algorithms: Vec<SignatureAlgorithm>,
    /// Clock skew that is forgiven.
    pub leeway: Duration,
    pub require_expiry: bool,
    /// The only `typ` of a token's header that is accepted, as `mint::media_type` writes it; `None` for any of an access
    /// token's, and for none at all.
    pub typ: Option<String>,
    pub required_claims: Vec<RequiredClaim>,
    pub tenant: TenantRule,
    pub scopes: ScopesRule,
    pub subject: ClaimPath,
    pub email: ClaimPath,
    pub name: ClaimPath,
    /// Whether its tokens may hold scopes that reach beyond their tenant.
    pub platform_admin: bool,
    pub freshness: Freshness,
}

/// Where an issuer's keys come from.
#[derive(Clone)]
pub enum KeySource {
    /// PEM: read at start.
    Fixed(Arc<KeySet>),
    /// A JWKS that is read anew when the file changes; `first` is what it held when the config was read.
    File { path: PathBuf, first: Arc<KeySet> },
    /// `ca`: a PEM file of the authorities that sign the server's certificate, in place of the public ones.
    Url { jwks: Uri, ca: Option<PathBuf> },
    /// OpenID Connect discovery, below the issuer's own URL.
    Discovery { ca: Option<PathBuf> },
}

/// A claim that a token must have, and where `equals` is written, with that value, or as a list that holds it.
#[derive(Clone, Debug)]
pub struct RequiredClaim {
    pub claim: ClaimPath,
    pub equals: Option<String>,
}

/// How a token's tenant is told.
#[derive(Clone, Debug)]
pub enum TenantRule {
    /// The claim alone names it, by id or slug: the config says which, and `tenant_slug` beside it says nothing.
    Claim(ClaimPath),
    /// The claim names it, else `tenant_slug`; where a token has both they must agree.
    ClaimOrSlug(ClaimPath),
    /// Every token of the issuer is of this tenant, whatever it says.
    Fixed(String),
}

/// How a token's scopes are told.
#[derive(Clone, Debug)]
pub enum ScopesRule {
    /// The config says which claim: a token without it has no scopes, for its issuer gave it none.
    Claim(ClaimPath),
    /// The first of these that a token has; one that has none of them names no scopes.
    FirstOf(Vec<ClaimPath>),
}

/// How an issuer's keys are kept fresh.
#[derive(Clone, Copy, Debug)]
pub struct Freshness {
    /// Between two fetches in the background.
    pub refresh: Duration,
    /// How long keys are honoured while the issuer cannot be reached (promise R33).
    pub stale_limit: Duration,
    /// Between two fetches for the sake of unknown keys (promise J13).
    pub refetch_interval: Duration,
    /// For one fetch, discovery included (promise S22).
    pub fetch_timeout: Duration,
}

/// Promise J9: a shorter HMAC secret is refused when the config loads.
pub const SECRET_BYTES_MIN: usize = 32;
/// Promise J10.
pub const LEEWAY_MAX: Duration = Duration::from_secs(60);
/// Hosts in a cluster keep time to well under this.
pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
/// Issuers announce keys hours before they sign with them; a retired one is believed for this long.
pub const DEFAULT_REFRESH: Duration = Duration::from_secs(600);
/// A day lets an issuer be down overnight, and keeps a key that may have been stolen no longer.
pub const DEFAULT_STALE_LIMIT: Duration = Duration::from_secs(24 * 3600);
const REFETCH_INTERVAL: Duration = Duration::from_secs(30);
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

impl Default for Config {
    fn default() -> Config {
        Config {
            secrets: Vec::new(),
            algorithms: HmacAlgorithm::ALL.to_vec(),
            issuer: None,
            audiences: Vec::new(),
            leeway: DEFAULT_LEEWAY,
            require_expiry: true,
            claims: ClaimNames { tenant: "tenant_id".into(), scopes: "scope".into() },
            issuers: Vec::new(),
        }
    }
}

impl IssuerConfig {
    /// An issuer with every default: what says the tenant is `tenant_id`, what says the scopes `scope`, `scp` or
    /// `permissions`, whichever comes first.
    pub fn new(issuer: &str, keys: KeySource) -> IssuerConfig {
        IssuerConfig {
            issuer: issuer.into(),
            keys,
            audiences: Vec::new(),
            algorithms: SignatureAlgorithm::ALL.to_vec(),
            leeway: DEFAULT_LEEWAY,
            require_expiry: true,
            typ: None,
            required_claims: Vec::new(),
            tenant: TenantRule::ClaimOrSlug(ClaimPath::of_name("tenant_id")),
            scopes: ScopesRule::FirstOf(["scope", "scp", "permissions"].map(ClaimPath::of_name).to_vec()),
            subject: ClaimPath::of_name("sub"),
            email: ClaimPath::of_name("email"),
            name: ClaimPath::of_name("name"),
            platform_admin: false,
            freshness: Freshness::default(),
        }
    }
}

impl Default for Freshness {
    fn default() -> Freshness {
        Freshness {
            refresh: DEFAULT_REFRESH,
            stale_limit: DEFAULT_STALE_LIMIT,
            refetch_interval: REFETCH_INTERVAL,
            fetch_timeout: FETCH_TIMEOUT,
        }
    }
}
