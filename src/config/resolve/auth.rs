//! Who may come in: the section `auth.api_key`, and the peers whose word is believed.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Resolver, cores, raw};
use crate::auth::Authenticating;
use crate::auth::api_key::{self, BCRYPT_COST_MAX, BRAND_BYTES_MAX, HashMethod, Peppers};
use crate::auth::mtls::{self, Pattern, RuleTenant};
use crate::auth::session;
use crate::route::is_declarable;
use crate::scopes::Scopes;
use crate::secret::Secret;
use crate::{auth, store};

/// One query looks for the plain digest and for one under each pepper.
const PEPPERS_MAX: usize = store::KeyLookup::FIELDS_MAX - 1;

impl Resolver<'_> {
    pub(in crate::config) fn auth(&mut self) -> auth::Config {
        let raw = &self.raw.auth;
        let defaults = auth::Config::default();
        let headers = raw.api_key.headers.as_ref().map(|names| self.header_names("auth.api_key.headers", names));
        if headers.as_ref().is_some_and(Vec::is_empty) {
            self.wrong("auth.api_key.headers", "an empty list would let nobody in: name authorization at least");
        }
        let order = raw.order.clone().unwrap_or(defaults.order);
        if order.is_empty() {
            self.wrong("auth.order", "an empty list would let nobody in: name jwt, api_key, mtls or trusted_header");
        }
        self.check_order(&order);
        auth::Config {
            order,
            headers: headers.unwrap_or(defaults.headers),
            api_key: self.api_key(),
            jwt: self.jwt(),
            mtls: self.mtls(),
            trusted_header: self.trusted_header(),
            session: self.session(),
        }
    }

    /// What is asked of nobody is no mistake, and not what was meant either.
    fn check_order(&mut self, order: &[Authenticating]) {
        let raw = &self.raw.auth;
        if order.contains(&Authenticating::TrustedHeader) && raw.trusted_peers.is_empty() {
            self.warn("auth.order", "trusted_header believes listed peers alone, and auth.trusted_peers is empty");
        }
        let first = order.iter().position(|asked| *asked == Authenticating::TrustedHeader);
        if first.is_some_and(|at| at + 1 < order.len()) {
            self.warn(
                "auth.order",
                "what stands behind trusted_header is not looked at where a listed peer names a tenant",
            );
        }
        if order.contains(&Authenticating::Mtls) {
            self.warn(
                "auth.order",
                "this build's listener does not ask for client certificates yet: nobody gets in by mtls",
            );
        }
        if !raw.mtls.identities.is_empty() && !order.contains(&Authenticating::Mtls) {
            self.warn("auth.mtls", "certificates are not looked at: auth.order does not name mtls");
        }
        if raw.session.enabled && !order.contains(&Authenticating::Jwt) {
            self.wrong("auth.session.enabled", "tokens of sessions would let nobody in: auth.order does not name jwt");
        }
    }

    fn mtls(&mut self) -> mtls::Config {
        let mut identities = Vec::new();
        for (index, raw) in self.raw.auth.mtls.identities.iter().enumerate() {
            identities.extend(self.certificate_rule(&format!("auth.mtls.identities[{index}]"), raw));
        }
        mtls::Config { identities }
    }

    fn certificate_rule(&mut self, path: &str, raw: &raw::CertificateRule) -> Option<mtls::Rule> {
        let pattern = match (&raw.spiffe, &raw.dns) {
            (Some(text), None) => self.parsed(&format!("{path}.spiffe"), Pattern::spiffe(text))?,
            (None, Some(text)) => self.parsed(&format!("{path}.dns"), Pattern::dns(text))?,
            _ => {
                self.wrong(path, "a rule names certificates by `spiffe` or by `dns`, one of the two");
                return None;
            }
        };
        let tenant = match (&raw.tenant, pattern.names_a_tenant()) {
            (Some(tenant), false) => RuleTenant::Fixed(tenant.clone()),
            (None, true) => RuleTenant::Matched,
            (Some(_), true) => {
                self.wrong(&format!("{path}.tenant"), "the name has {tenant} in it: leave this key or that place out");
                return None;
            }
            (None, false) => {
                self.wrong(path, "a rule needs a tenant: name it under `tenant`, or put {tenant} into the name");
                return None;
            }
        };
        Some(mtls::Rule { pattern, tenant, scopes: self.scopes(&format!("{path}.scopes"), raw.scopes.as_ref()) })
    }

    fn trusted_header(&mut self) -> auth::TrustedHeaderConfig {
        let scopes = self.raw.auth.trusted_header.scopes.as_ref();
        auth::TrustedHeaderConfig { scopes: self.scopes("auth.trusted_header.scopes", scopes) }
    }

    fn scopes(&mut self, path: &str, words: Option<&Vec<String>>) -> Scopes {
        let Some(words) = words else { return Scopes::defaults() };
        self.parsed(path, Scopes::new(words.iter().cloned())).unwrap_or_default()
    }

    fn session(&mut self) -> Option<session::Config> {
        let raw = &self.raw.auth.session;
        let defaults = session::Config::default();
        let prefix = raw.prefix.clone().unwrap_or(defaults.prefix);
        if prefix.len() < 2 || prefix.ends_with('/') || prefix.contains('{') || !is_declarable(&prefix) {
            self.wrong("auth.session.prefix", "a prefix is a path without a slash at its end, such as /auth");
        }
        let access_ttl = self.positive("auth.session.access_ttl", raw.access_ttl, defaults.access_ttl);
        let refresh_ttl = self.positive("auth.session.refresh_ttl", raw.refresh_ttl, defaults.refresh_ttl);
        if access_ttl > session::ACCESS_TTL_MAX {
            self.wrong("auth.session.access_ttl", "an access token of a session lasts 24h at most: it is refreshed");
        }
        if refresh_ttl < access_ttl {
            self.wrong("auth.session.refresh_ttl", "a refresh token that ends before the access token is of no use");
        }
        if raw.enabled && self.raw.auth.jwt.secrets.is_empty() {
            self.wrong(
                "auth.session.enabled",
                "sessions need a secret to sign their tokens with: set auth.jwt.secrets",
            );
        }
        raw.enabled.then_some(session::Config { prefix, access_ttl, refresh_ttl })
    }

    pub(super) fn trusted_peers(&mut self) -> Vec<IpNet> {
        let mut peers = Vec::new();
        for (index, text) in self.raw.auth.trusted_peers.iter().enumerate() {
            let path = format!("auth.trusted_peers[{index}]");
            let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            let Ok(network) = network else {
                self.wrong(&path, "expected an address or a network, such as 10.0.0.7 or 10.0.0.0/28");
                continue;
            };
            if u32::from(network.max_prefix_len() - network.prefix_len()) > 16 {
                self.warn(&path, "this network is wide: every host in it may say who the client was");
            }
            peers.push(network);
        }
        peers
    }

    fn api_key(&mut self) -> api_key::Config {
        let raw = &self.raw.auth.api_key;
        let defaults = api_key::Config::default();
        let brand = raw.brand.clone().unwrap_or(defaults.brand);
        if !(1..=BRAND_BYTES_MAX).contains(&brand.len()) || !brand.bytes().all(|b| b.is_ascii_alphanumeric()) {
            self.wrong(
                "auth.api_key.brand",
                &format!("a brand is 1 to {BRAND_BYTES_MAX} letters and digits, so that whole keys fit bcrypt"),
            );
        }
        let bcrypt_cost = raw.bcrypt_cost.unwrap_or(defaults.bcrypt_cost);
        if !(4..=BCRYPT_COST_MAX).contains(&bcrypt_cost) {
            self.wrong("auth.api_key.bcrypt_cost", &format!("bcrypt's cost is 4 to {BCRYPT_COST_MAX}"));
        }
        let peppers = self.peppers();
        let hash = raw.hash.unwrap_or(defaults.hash);
        if hash == HashMethod::HmacSha256 && peppers.0.is_empty() && raw.peppers.is_empty() {
            self.wrong("auth.api_key.hash", "hmac-sha256 needs a pepper: list one under auth.api_key.peppers");
        }
        api_key::Config {
            brand,
            hash,
            bcrypt_cost,
            peppers,
            cache_entries_max: raw.cache_entries_max.unwrap_or(defaults.cache_entries_max),
            unknown_ttl: raw.unknown_ttl.map_or(defaults.unknown_ttl, |span| span.0),
            hash_threads: raw.hash_threads.unwrap_or(cores() / 2).max(1),
            canary_suspends_tenant: raw.canary_suspends_tenant.unwrap_or(defaults.canary_suspends_tenant),
        }
    }

    fn peppers(&mut self) -> Peppers {
        let mut peppers: Vec<(String, Secret)> = Vec::new();
        for (index, pepper) in self.raw.auth.api_key.peppers.iter().enumerate() {
            let path = format!("auth.api_key.peppers[{index}]");
            let taken = peppers.iter().any(|(id, _)| *id == pepper.id);
            let source = self.named_secret(&path, "pepper", pepper, taken);
            if let Some(secret) = source.and_then(|source| self.parsed(&path, source.read())) {
                peppers.push((pepper.id.clone(), secret));
            }
        }
        if peppers.len() > PEPPERS_MAX {
            self.wrong("auth.api_key.peppers", &format!("at most {PEPPERS_MAX} peppers are looked for"));
        }
        Peppers(peppers)
    }
}
