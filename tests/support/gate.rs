//! A gate in this process, on free ports, over a store of its own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use wardgate::app::App;
use wardgate::auth::api_key;
use wardgate::cli::mock::Provider;
use wardgate::clock::{Expiry, Timestamp};
use wardgate::config::{Config, Source};
use wardgate::scopes::{Models, Scopes};
use wardgate::store::{self, Email, NewKey, NewTenant, NewUser, Rotation, Store, TenantUpdate, UserStatus, UserUpdate};
use wardgate::tenant::{ScanMode, Slug, TenantPolicy, TenantStatus};

use super::client::Ask;
use super::log::Log;
use super::{ADMIN_TOKEN, JWT_SECRET, PLATFORM, PROVIDER_KEY, SEALING_KEY};

pub(crate) fn gate() -> GateBuilder {
    GateBuilder::default()
}

#[derive(Default)]
pub(crate) struct GateBuilder {
    upstreams: Vec<String>,
    tenants: Vec<(String, TenantPolicy)>,
    more: String,
    /// In place of a file.
    database: Option<String>,
    keep_alive: Option<std::time::Duration>,
}

impl GateBuilder {
    /// Over the PostgreSQL database of this URL.
    pub(crate) fn postgres(mut self, url: &str) -> GateBuilder {
        self.database = Some(url.to_owned());
        self
    }

    /// How long a client of a stream waits for a sign of life.
    pub(crate) fn keep_alive(mut self, span: std::time::Duration) -> GateBuilder {
        self.keep_alive = Some(span);
        self
    }

    /// The next upstream in order: it speaks every dialect, and is named `primary`, `secondary`, and so on.
    pub(crate) fn upstream(self, provider: &Provider) -> GateBuilder {
        self.upstream_at(provider.addr(), "any", "")
    }

    /// An upstream that speaks one dialect.
    pub(crate) fn speaking(self, dialect: &str, provider: &Provider) -> GateBuilder {
        self.upstream_at(provider.addr(), dialect, "")
    }

    /// An upstream at an address, with more of its keys in YAML's flow style.
    pub(crate) fn upstream_at(self, address: SocketAddr, dialect: &str, more: &str) -> GateBuilder {
        self.upstream_url(&format!("http://{address}"), dialect, more)
    }

    pub(crate) fn upstream_url(mut self, url: &str, dialect: &str, more: &str) -> GateBuilder {
        let name = ["primary", "secondary", "third", "fourth"][self.upstreams.len()];
        self.upstreams.push(format!("{{ name: {name}, dialect: {dialect}, url: '{url}', {more} }}"));
        self
    }

    /// A tenant with an API key of the default scopes.
    pub(crate) fn tenant(self, slug: &str) -> GateBuilder {
        self.tenant_with(slug, TenantPolicy::default())
    }

    pub(crate) fn scanning(self, slug: &str, mode: ScanMode) -> GateBuilder {
        self.tenant_with(slug, TenantPolicy { scan_mode: Some(mode), ..TenantPolicy::default() })
    }

    fn tenant_with(mut self, slug: &str, policy: TenantPolicy) -> GateBuilder {
        self.tenants.push((slug.to_owned(), policy));
        self
    }

    /// More of the config, as whole sections of YAML.
    pub(crate) fn config(mut self, yaml: &str) -> GateBuilder {
        self.more.push_str(yaml);
        self.more.push('\n');
        self
    }

    pub(crate) async fn start(self) -> Gate {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("provider-key"), PROVIDER_KEY).unwrap();
        std::fs::write(directory.path().join("jwt-secret"), JWT_SECRET).unwrap();
        std::fs::write(directory.path().join("admin-token"), ADMIN_TOKEN).unwrap();
        std::fs::write(directory.path().join("sealing-key"), SEALING_KEY).unwrap();
        let mut config = self.resolve(&directory);
        if let Some(span) = self.keep_alive {
            config.upstreams.failover.keep_alive = span;
        }
        let store = store::open(&config.store).await.unwrap();
        let mut keys = HashMap::new();
        for (slug, policy) in self.tenants {
            let name = slug.clone();
            let new = NewTenant::new(name, Slug::parse(&slug).unwrap(), None, policy).unwrap();
            let made = store.create_tenant(new, None).await.unwrap().into_inner();
            store.provision_tenant(&made.id).await.unwrap();
            let key = create_key(&*store, &slug, KeyTerms::default()).await;
            keys.insert(slug, key);
        }
        // As `serve` does: the first request does not wait for the scanner's tables.
        wardgate::scan::Scanner::builtin().scan("Hi");
        let log = Log::default();
        let jwt = config.auth.jwt.clone();
        let app = App::start_with(config, log.sink()).await.unwrap();
        Gate { app, store, keys, log, jwt, directory }
    }

    fn resolve(&self, directory: &TempDir) -> Config {
        let at = |name: &str| directory.path().join(name).display().to_string();
        let upstreams = self.upstreams.iter().map(|upstream| {
            let key = format!("api_key: {{ file: '{}' }} }}", at("provider-key"));
            format!("  - {}{key}\n", upstream.strip_suffix('}').unwrap_or(upstream))
        });
        let store = self.database.clone().unwrap_or_else(|| format!("sqlite:{}", at("wardgate.db")));
        let mut yaml = format!("store: {{ url: '{store}' }}\nupstreams:\n{}", upstreams.collect::<String>());
        if !self.more.contains("admin:") {
            let token = at("admin-token");
            yaml.push_str(&format!("admin: {{ listen: '127.0.0.1:0', token: {{ file: '{token}' }} }}\n"));
        }
        if !self.more.contains("sealing:") {
            yaml.push_str(&format!("sealing: {{ keys: [{{ id: s1, file: '{}' }}] }}\n", at("sealing-key")));
        }
        let secrets = format!("jwt: {{ secrets: [{{ file: '{}' }}] }}", at("jwt-secret"));
        if !self.more.contains("server:") {
            yaml.push_str("server: { listen: '127.0.0.1:0', drain_delay: 0s }\n");
        }
        if !self.more.contains("auth:") {
            yaml.push_str(&format!("auth: {{ {secrets} }}\n"));
        }
        yaml.push_str(&self.more.replace("JWT_SECRETS", &secrets).replace("JWT_FILE", &at("jwt-secret")));
        let file = directory.path().join("wardgate.yaml");
        std::fs::write(&file, &yaml).unwrap();
        let source =
            Source::read(Some(&file), std::iter::empty(), Vec::new()).unwrap_or_else(|e| panic!("{e}\n{yaml}"));
        source.config().unwrap_or_else(|error| panic!("{error}\n{yaml}")).0
    }
}

pub(crate) struct Gate {
    app: App,
    /// A second handle on the gate's store, as another process would have.
    pub(crate) store: Arc<dyn Store>,
    keys: HashMap<String, String>,
    pub(crate) log: Log,
    pub(crate) jwt: wardgate::auth::jwt::Config,
    directory: TempDir,
}

impl Gate {
    pub(crate) fn address(&self) -> SocketAddr {
        self.app.address()
    }

    pub(crate) fn admin_address(&self) -> SocketAddr {
        self.app.admin_address()
    }

    /// The key of a tenant that the story began with.
    pub(crate) fn key(&self, slug: &str) -> &str {
        &self.keys[slug]
    }

    /// How often the gate asked its store about a key or a tenant.
    pub(crate) fn lookups(&self) -> u64 {
        self.app.store().lookups()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A request to any route, without a credential.
    pub(crate) fn ask(&self, method: &str, target: &str) -> Ask {
        Ask::new(self.address(), method, target)
    }

    /// A chat completion with the first tenant's key.
    pub(crate) fn chat(&self, text: &str) -> Ask {
        let body = serde_json::json!({"model": "gpt-4o", "messages": [{"role": "user", "content": text}]});
        self.post("/v1/chat/completions", body.to_string())
    }

    /// A streamed chat completion with the first tenant's key.
    pub(crate) fn chat_stream(&self, text: &str) -> Ask {
        let messages = serde_json::json!([{"role": "user", "content": text}]);
        let body = serde_json::json!({"model": "gpt-4o", "stream": true, "messages": messages});
        self.post("/v1/chat/completions", body.to_string())
    }

    /// A message of Anthropic's dialect with the first tenant's key.
    pub(crate) fn message(&self, text: &str, stream: bool) -> Ask {
        let messages = serde_json::json!([{"role": "user", "content": text}]);
        let body = serde_json::json!({"model": "claude", "max_tokens": 64, "stream": stream, "messages": messages});
        self.post("/v1/messages", body.to_string()).header("anthropic-version", "2023-06-01")
    }

    /// A JSON body to any route, with the first tenant's key.
    pub(crate) fn post(&self, target: &str, body: impl Into<Vec<u8>>) -> Ask {
        let ask = self.ask("POST", target).header("content-type", "application/json").body(body);
        match self.keys.get("acme") {
            Some(key) => ask.bearer(key),
            None => ask,
        }
    }

    /// A user, by e-mail address and password; answers the id.
    pub(crate) async fn create_user(&self, slug: &str, email: &str, password: &str, scopes: &str) -> String {
        self.create_user_by_hash(slug, email, bcrypt::hash(password, 4).unwrap(), scopes).await
    }

    pub(crate) async fn create_user_by_hash(&self, slug: &str, email: &str, hash: String, scopes: &str) -> String {
        let new = NewUser {
            tenant: self.store.tenant(PLATFORM, slug).await.unwrap().id.clone(),
            email: Email::parse(email).unwrap(),
            name: String::new(),
            hashed_password: hash,
            scopes: Scopes::parse(scopes).unwrap(),
        };
        self.store.create_user(new, None).await.unwrap().into_inner().id
    }

    pub(crate) async fn rename_user(&self, id: &str, name: &str) {
        let update = UserUpdate { name: Some(name.into()), ..UserUpdate::default() };
        self.store.update_user(PLATFORM, id, update, None, Timestamp::now()).await.unwrap();
    }

    pub(crate) async fn disable_user(&self, id: &str) {
        let update = UserUpdate { status: Some(UserStatus::Disabled), ..UserUpdate::default() };
        let soon = Timestamp::now().after(std::time::Duration::from_secs(3600));
        self.store.update_user(PLATFORM, id, update, None, soon).await.unwrap();
    }

    /// Says what a tenant has at most.
    pub(crate) async fn bound(&self, slug: &str, scopes: &str, models: &[&str]) {
        let scopes = Some(Scopes::parse(scopes).unwrap());
        let models = Models::from_list(models.iter().map(ToString::to_string).collect());
        self.set_policy(slug, TenantPolicy { scopes, models, ..TenantPolicy::default() }).await;
    }

    /// Says what a tenant differs in from the config.
    pub(crate) async fn set_policy(&self, slug: &str, policy: TenantPolicy) {
        let update = TenantUpdate { policy: Some(policy), ..TenantUpdate::default() };
        self.store.update_tenant(slug, update, None).await.unwrap();
    }

    /// A key of another system, by its hash.
    pub(crate) async fn import_key(&self, slug: &str, public_id: &str, hash: &str) {
        let new = NewKey {
            tenant: self.store.tenant(PLATFORM, slug).await.unwrap().id.clone(),
            public_id: public_id.to_owned(),
            hashed_key: hash.to_owned(),
            verifier: None,
            name: "imported".into(),
            scopes: Scopes::defaults(),
            models: Models::All,
            expiry: Expiry::Never,
            created_by: String::new(),
            canary: false,
        };
        self.store.create_key(new, None).await.unwrap();
    }

    pub(crate) async fn create_canary(&self, slug: &str) -> String {
        create_key(&*self.store, slug, KeyTerms { canary: true, ..KeyTerms::default() }).await
    }

    /// Makes a key in the place of another.
    pub(crate) async fn rotate_key(&self, old: &str, overlap: std::time::Duration) -> String {
        let made = api_key::Config { bcrypt_cost: 4, ..api_key::Config::default() }.generate().unwrap();
        let rotation = Rotation {
            public_id: made.public_id,
            hashed_key: made.hash.to_string(),
            verifier: None,
            old_ends: Timestamp::now().after(overlap),
            created_by: String::new(),
        };
        self.store.rotate_key(PLATFORM, old.rsplit_once('_').unwrap().0, rotation).await.unwrap();
        String::from_utf8(made.key.expose().to_vec()).unwrap()
    }

    pub(crate) async fn set_status(&self, slug: &str, status: TenantStatus) {
        let update = TenantUpdate { status: Some(status), ..TenantUpdate::default() };
        self.store.update_tenant(slug, update, None).await.unwrap();
    }

    pub(crate) async fn create_key(&self, slug: &str, terms: KeyTerms) -> String {
        create_key(&*self.store, slug, terms).await
    }
}

impl Gate {
    /// Ends the gate in order, as SIGTERM does.
    pub(crate) async fn stop(self) {
        self.app.stop().await;
    }
}

/// What a new key is good for.
#[derive(Default)]
pub(crate) struct KeyTerms {
    pub(crate) scopes: Option<&'static str>,
    pub(crate) model: Option<&'static str>,
    pub(crate) expires_at: Option<i64>,
    pub(crate) canary: bool,
}

async fn create_key(store: &dyn Store, slug: &str, terms: KeyTerms) -> String {
    let config = api_key::Config { bcrypt_cost: 4, ..api_key::Config::default() };
    let made = config.generate().unwrap();
    let new = NewKey {
        tenant: store.tenant(PLATFORM, slug).await.unwrap().id.clone(),
        public_id: made.public_id,
        hashed_key: made.hash.to_string(),
        verifier: None,
        name: "test".into(),
        scopes: terms.scopes.map_or_else(Scopes::defaults, |scopes| Scopes::parse(scopes).unwrap()),
        models: Models::from_list(terms.model.into_iter().map(String::from).collect()),
        expiry: terms.expires_at.map_or(Expiry::Never, |at| Expiry::At(Timestamp(at))),
        created_by: String::new(),
        canary: terms.canary,
    };
    store.create_key(new, None).await.unwrap();
    String::from_utf8(made.key.expose().to_vec()).unwrap()
}
