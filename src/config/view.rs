//! The config as operators are shown it: what is in force, and no secret.

use super::Config;
use crate::admin::{GateView, ModelView, TargetView, UpstreamView};
use crate::auth::Authenticating;
use crate::upstream::config::{BaseUrl, ModelGroup, Upstream};

impl Config {
    /// `generation` counts the configs that this process took over.
    pub fn view(&self, generation: u64) -> GateView {
        let models = self.upstreams.models.iter().map(|model| model_view(model, &self.upstreams.upstreams));
        GateView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hash: self.hash.clone(),
            generation,
            listen: self.server.listen.to_string(),
            admin_listen: self.admin.listen.to_string(),
            admin_token: self.admin.token.is_some(),
            store: self.store.url.to_string(),
            auth_order: self.auth.order.iter().map(|asked| authenticating(*asked).to_owned()).collect(),
            credential_headers: self.auth.headers.iter().map(ToString::to_string).collect(),
            issuers: self.auth.jwt.issuers.iter().map(|issuer| issuer.issuer.to_string()).collect(),
            trusted_peers: self.trusted_peers.iter().map(ToString::to_string).collect(),
            scan_mode: self.scan.mode.as_str().to_owned(),
            scan_level: self.scan.level.as_str().to_owned(),
            upstreams: self.upstreams.upstreams.iter().map(upstream_view).collect(),
            models: models.collect(),
            routes: self.routes.iter().map(|route| route.path.clone()).collect(),
        }
    }
}

fn upstream_view(upstream: &Upstream) -> UpstreamView {
    let BaseUrl { scheme, authority, path } = &upstream.base;
    UpstreamView {
        name: upstream.name.to_string(),
        dialect: upstream.dialect.as_str().to_owned(),
        url: format!("{scheme}://{authority}{path}"),
        credential: upstream.credential.is_some(),
    }
}

fn model_view(model: &ModelGroup, upstreams: &[Upstream]) -> ModelView {
    let targets = model.targets.iter().filter_map(|target| {
        let upstream = upstreams.get(target.upstream)?.name.to_string();
        Some(TargetView { upstream, model: target.model.clone().unwrap_or_else(|| model.name.clone()) })
    });
    ModelView { name: model.name.clone(), targets: targets.collect() }
}

fn authenticating(asked: Authenticating) -> &'static str {
    match asked {
        Authenticating::Jwt => "jwt",
        Authenticating::ApiKey => "api_key",
        Authenticating::Mtls => "mtls",
        Authenticating::TrustedHeader => "trusted_header",
    }
}
