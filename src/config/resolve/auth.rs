//! Who may come in: the sections `auth.api_key` and `auth.jwt`, and the peers whose word is believed.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Resolver, cores};
use crate::auth::api_key::{self, BCRYPT_COST_MAX, BRAND_BYTES_MAX, HashMethod, Peppers};
use crate::auth::jwt::{self, ClaimNames, LEEWAY_MAX, SECRET_BYTES_MIN};
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
            self.wrong("auth.order", "an empty list would let nobody in: name jwt, api_key or both");
        }
        auth::Config { order, headers: headers.unwrap_or(defaults.headers), api_key: self.api_key(), jwt: self.jwt() }
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
            cache_ttl: raw.cache_ttl.map_or(defaults.cache_ttl, |span| span.0),
            unknown_ttl: raw.unknown_ttl.map_or(defaults.unknown_ttl, |span| span.0),
            hash_threads: raw.hash_threads.unwrap_or(cores() / 2).max(1),
        }
    }

    fn peppers(&mut self) -> Peppers {
        let mut peppers: Vec<(String, Secret)> = Vec::new();
        for (index, pepper) in self.raw.auth.api_key.peppers.iter().enumerate() {
            let path = format!("auth.api_key.peppers[{index}]");
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            if pepper.id.is_empty() || !pepper.id.bytes().all(plain) {
                self.wrong(&format!("{path}.id"), "a pepper's id is letters, digits and `-_.`");
            }
            if peppers.iter().any(|(id, _)| *id == pepper.id) {
                self.wrong(&format!("{path}.id"), "another pepper has this id");
            }
            let source = self.secret_source(&path, pepper.env.as_ref(), pepper.file.as_ref());
            if let Some(secret) = source.and_then(|source| self.parsed(&path, source.read())) {
                peppers.push((pepper.id.clone(), secret));
            }
        }
        if peppers.len() > PEPPERS_MAX {
            self.wrong("auth.api_key.peppers", &format!("at most {PEPPERS_MAX} peppers are looked for"));
        }
        Peppers(peppers)
    }

    fn jwt(&mut self) -> jwt::Config {
        let raw = &self.raw.auth.jwt;
        let defaults = jwt::Config::default();
        let leeway = raw.leeway.map_or(defaults.leeway, |span| span.0);
        if leeway > LEEWAY_MAX {
            self.wrong("auth.jwt.leeway", "more than 60s of clock skew is not forgiven");
        }
        let claims = ClaimNames {
            tenant: raw.claims.tenant.clone().unwrap_or(defaults.claims.tenant),
            scopes: raw.claims.scopes.clone().unwrap_or(defaults.claims.scopes),
        };
        jwt::Config {
            secrets: self.jwt_secrets(),
            algorithms: raw.algorithms.clone().unwrap_or(defaults.algorithms),
            issuer: raw.issuer.clone(),
            audiences: raw.audiences.clone(),
            leeway,
            require_expiry: raw.require_expiry.unwrap_or(defaults.require_expiry),
            claims,
        }
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
}
