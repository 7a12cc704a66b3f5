//! From the file's words to each part's values, gathering every mistake on the way.

mod auth;
mod jwt;
mod scan;
mod sealing;
mod store;
mod upstreams;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, Method};

use super::Config;
use super::raw::{self, Raw, Span};
use super::yaml::{Mistake, Tree};
use crate::auth::session::DEFAULT_PREFIX;
use crate::cors::Origins;
use crate::route::{Access, AppRoute, Pointer, RouteTable, is_declarable};
use crate::scopes::Scopes;
use crate::secret::{Secret, SecretSource};
use crate::{admin, cors, headers, limits, prompt, server, telemetry};

/// Resolves one section after the other; a mistake leaves a default in its place and is told at the end.
pub(super) struct Resolver<'a> {
    tree: &'a Tree,
    raw: &'a Raw,
    mistakes: Vec<Mistake>,
    warnings: Vec<Mistake>,
}

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
const DEFAULT_ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), admin::DEFAULT_PORT);
const DEFAULT_CORS_MAX_AGE: Duration = Duration::from_secs(600);

impl<'a> Resolver<'a> {
    pub(super) fn new(tree: &'a Tree, raw: &'a Raw, mistakes: Vec<Mistake>) -> Resolver<'a> {
        Resolver { tree, raw, mistakes, warnings: Vec::new() }
    }

    pub(super) fn found(self) -> (Vec<Mistake>, Vec<Mistake>) {
        (self.mistakes, self.warnings)
    }

    pub(super) fn config(&mut self, hash: String) -> Config {
        let routes = self.routes();
        let upstreams = self.upstreams();
        self.check_app_routes_lead_somewhere(&upstreams);
        Config {
            server: self.server(),
            admin: admin::Config { listen: self.admin(), token: self.admin_token() },
            store: self.store(),
            auth: self.auth(),
            sealing: self.sealing(),
            trusted_peers: self.trusted_peers(),
            upstreams,
            scan: self.scan(),
            prompt: self.prompt(),
            limits: self.limits(),
            cors: self.cors(),
            telemetry: self.telemetry(),
            routes,
            hash,
        }
    }

    pub(super) fn admin(&mut self) -> SocketAddr {
        self.address("admin.listen", self.raw.admin.listen.as_ref(), DEFAULT_ADMIN)
    }

    fn admin_token(&mut self) -> Option<Secret> {
        let source = self.secret("admin.token", self.raw.admin.token.as_ref()?)?;
        let token = self.parsed("admin.token", source.read())?;
        let graphic = token.expose().iter().all(u8::is_ascii_graphic);
        if token.len() < admin::TOKEN_BYTES_MIN || !graphic {
            let message = format!(
                "{source} holds {} bytes; an admin token has {} at least, of printable ASCII without spaces (make one with `openssl rand -hex 32`)",
                token.len(),
                admin::TOKEN_BYTES_MIN
            );
            self.wrong("admin.token", &message);
        }
        Some(token)
    }

    fn server(&mut self) -> server::Config {
        let raw = &self.raw.server;
        let workers = raw.workers.unwrap_or_else(cores);
        if workers == 0 {
            self.wrong("server.workers", "at least one worker is needed");
        }
        server::Config {
            listen: self.address("server.listen", raw.listen.as_ref(), DEFAULT_LISTEN),
            workers: workers.max(1),
            head_timeout: self.positive("server.head_timeout", raw.head_timeout, server::DEFAULT_HEAD_TIMEOUT),
            h2_streams_max: self.some("server.h2_streams_max", raw.h2_streams_max, server::DEFAULT_H2_STREAMS_MAX),
            drain_timeout: raw.drain_timeout.map_or(server::DEFAULT_DRAIN_TIMEOUT, |span| span.0),
            drain_delay: raw.drain_delay.map_or(server::DEFAULT_DRAIN_DELAY, |span| span.0),
        }
    }

    fn prompt(&mut self) -> prompt::Config {
        let raw = &self.raw.server;
        prompt::Config {
            body_bytes_max: self.some(
                "server.body_max",
                raw.body_max.map(|size| size.0),
                prompt::DEFAULT_BODY_BYTES_MAX,
            ),
            depth_max: self.some("server.depth_max", raw.depth_max, prompt::DEFAULT_DEPTH_MAX),
            read_timeout: self.positive("server.body_timeout", raw.body_timeout, prompt::DEFAULT_READ_TIMEOUT),
        }
    }

    fn limits(&mut self) -> limits::Config {
        let asked = self.raw.limits.in_flight_max;
        limits::Config { in_flight_max: self.some("limits.in_flight_max", asked, limits::DEFAULT_IN_FLIGHT_MAX) }
    }

    fn telemetry(&mut self) -> telemetry::Config {
        let raw = &self.raw.telemetry;
        let defaults = telemetry::Config::default();
        let level = raw.level.clone().unwrap_or(defaults.level);
        self.parsed("telemetry.level", telemetry::parse_level(&level));
        telemetry::Config {
            format: raw.format.unwrap_or(defaults.format),
            level,
            requests: raw.requests.unwrap_or(defaults.requests),
        }
    }

    fn cors(&mut self) -> cors::Config {
        let raw = &self.raw.cors;
        let origins = match raw.origins.as_slice() {
            [] => Origins::None,
            [any] if any == "*" => Origins::Any,
            listed => Origins::Listed(listed.to_vec()),
        };
        for (index, origin) in raw.origins.iter().enumerate() {
            let malformed = !origin.starts_with("http://") && !origin.starts_with("https://")
                || origin.splitn(3, '/').nth(2).is_none_or(|host| host.is_empty() || host.contains('/'));
            if origin != "*" && malformed || origin == "*" && raw.origins.len() > 1 {
                let message = "an origin is scheme and host, such as https://app.example.com, or `*` alone";
                self.wrong(&format!("cors.origins[{index}]"), message);
            }
        }
        let methods = raw.methods.as_ref().map(|methods| self.methods("cors.methods", methods));
        let exposed = raw.expose.as_ref().map(|names| self.header_names("cors.expose", names));
        cors::Config {
            origins,
            methods: methods.unwrap_or_else(|| vec![Method::GET, Method::POST]),
            headers: self.header_names("cors.headers", &raw.headers),
            exposed: exposed.unwrap_or_else(|| EXPOSED.to_vec()),
            max_age: raw.max_age.map_or(DEFAULT_CORS_MAX_AGE, |span| span.0),
        }
    }

    fn routes(&mut self) -> Vec<AppRoute> {
        let mut routes: Vec<AppRoute> = Vec::new();
        for (index, raw) in self.raw.routes.iter().enumerate() {
            let path = format!("routes[{index}]");
            if !is_declarable(&raw.path) {
                let message = "a path is /segments with whole {names} between slashes, such as /sessions/{id}/messages";
                self.wrong(&format!("{path}.path"), message);
                continue;
            }
            let methods = raw.methods.as_ref().map(|methods| self.methods(&format!("{path}.methods"), methods));
            let methods = methods.unwrap_or_else(|| vec![Method::POST]);
            let known = RouteTable::new(&routes);
            if methods.iter().any(|method| known.contains(method, &raw.path)) {
                self.wrong(&format!("{path}.path"), "another route has this path and method");
            }
            let user_text =
                raw.user_text.iter().enumerate().filter_map(|(index, text)| {
                    self.parsed(&format!("{path}.user_text[{index}]"), Pointer::parse(text))
                });
            let user_text = user_text.collect();
            let (access, scan) = (self.access(&path, raw), self::scan::terms(raw.scan));
            routes.push(AppRoute { path: raw.path.clone(), methods, access, user_text, scan });
        }
        self.check_public_paths(&routes);
        self.check_account_paths(&routes);
        routes
    }

    fn access(&mut self, path: &str, raw: &raw::Route) -> Access {
        if self.raw.auth.public_paths.contains(&raw.path) {
            return Access::Public;
        }
        let scopes = |resolver: &mut Self, key: &str, words: &[String]| {
            let path = format!("{path}.{key}");
            if words.is_empty() {
                resolver.wrong(&path, "an empty list would let every principal in: name a scope, or leave the key out");
            }
            resolver.parsed(&path, Scopes::new(words.iter().cloned())).unwrap_or_default()
        };
        match (&raw.scopes, &raw.any_scope) {
            (Some(_), Some(_)) => {
                self.wrong(&format!("{path}.any_scope"), "`scopes` and `any_scope` exclude each other");
                Access::AllOf(Scopes::default())
            }
            (Some(all), None) => Access::AllOf(scopes(self, "scopes", all)),
            (None, Some(any)) => Access::AnyOf(scopes(self, "any_scope", any)),
            (None, None) => Access::AllOf(scopes(self, "scopes", &["llm:invoke".to_owned()])),
        }
    }

    /// What is public is listed in two places, so that neither a typing mistake nor a provider's route opens a door.
    fn check_public_paths(&mut self, routes: &[AppRoute]) {
        let builtin = RouteTable::new(&[]);
        for (index, path) in self.raw.auth.public_paths.iter().enumerate() {
            let place = format!("auth.public_paths[{index}]");
            let known = builtin.iter().find(|(_, route)| *route.name == *path);
            match known {
                Some((_, route)) if route.access != Access::Public => {
                    self.wrong(
                        &place,
                        "a provider's route can not be public: whoever finds it could spend the provider's credential",
                    );
                }
                None if !routes.iter().any(|route| route.path == *path) => {
                    self.wrong(&place, "no route has this path: declare it under `routes` first");
                }
                _ => {}
            }
        }
    }

    /// The app's own login must not be answered here by surprise.
    fn check_account_paths(&mut self, routes: &[AppRoute]) {
        let session = &self.raw.auth.session;
        if !session.enabled {
            return;
        }
        let prefix = session.prefix.as_deref().unwrap_or(DEFAULT_PREFIX);
        for (index, _) in routes.iter().enumerate().filter(|(_, route)| route.path.starts_with(&format!("{prefix}/"))) {
            let message =
                format!("{prefix}/… is where sessions are: name another path, or another auth.session.prefix");
            self.wrong(&format!("routes[{index}].path"), &message);
        }
    }

    fn secret(&mut self, path: &str, raw: &raw::SecretRef) -> Option<SecretSource> {
        self.secret_source(path, raw.env.as_ref(), raw.file.as_ref())
    }

    fn secret_source(&mut self, path: &str, env: Option<&String>, file: Option<&String>) -> Option<SecretSource> {
        match (env, file) {
            (Some(name), None) => Some(SecretSource::Env(name.clone())),
            (None, Some(file)) => Some(SecretSource::File(PathBuf::from(file))),
            _ => {
                self.wrong(path, "a secret is a reference: write { env: NAME } or { file: PATH }");
                None
            }
        }
    }

    /// Where a secret is kept that what is made with it names, under an id of its own.
    fn named_secret(&mut self, path: &str, what: &str, raw: &raw::NamedSecret, taken: bool) -> Option<SecretSource> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if raw.id.is_empty() || !raw.id.bytes().all(plain) {
            self.wrong(&format!("{path}.id"), &format!("the id of a {what} is letters, digits and `-_.`"));
        }
        if taken {
            self.wrong(&format!("{path}.id"), &format!("another {what} has this id"));
        }
        self.secret_source(path, raw.env.as_ref(), raw.file.as_ref())
    }

    fn header_names(&mut self, path: &str, names: &[String]) -> Vec<HeaderName> {
        let mut parsed = Vec::new();
        for (index, name) in names.iter().enumerate() {
            match name.parse::<HeaderName>() {
                Ok(name) => parsed.push(name),
                Err(_) => self.wrong(&format!("{path}[{index}]"), "this is no header name"),
            }
        }
        parsed
    }

    fn methods(&mut self, path: &str, names: &[String]) -> Vec<Method> {
        let mut methods = Vec::new();
        for (index, name) in names.iter().enumerate() {
            match name.as_str() {
                "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" => methods.extend(name.parse::<Method>()),
                _ => self.wrong(&format!("{path}[{index}]"), "expected GET, HEAD, POST, PUT, PATCH or DELETE"),
            }
        }
        methods
    }

    fn address(&mut self, path: &str, text: Option<&String>, default: SocketAddr) -> SocketAddr {
        let Some(text) = text else { return default };
        text.parse().unwrap_or_else(|_| {
            self.wrong(path, "expected an address and a port, such as 127.0.0.1:8080 or [::]:8080");
            default
        })
    }

    fn positive(&mut self, path: &str, span: Option<Span>, default: Duration) -> Duration {
        if span.is_some_and(|span| span.0.is_zero()) {
            self.wrong(path, "a timeout of nothing would refuse everything");
        }
        span.map_or(default, |span| span.0)
    }

    /// A bound that is not zero.
    fn some<N: Default + PartialEq>(&mut self, path: &str, bound: Option<N>, default: N) -> N {
        if bound == Some(N::default()) {
            self.wrong(path, "a bound of 0 would refuse everything");
        }
        bound.unwrap_or(default)
    }

    fn parsed<T, E: std::fmt::Display>(&mut self, path: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.wrong(path, &error.to_string())).ok()
    }

    fn wrong(&mut self, path: &str, message: &str) {
        let mistake = self.mistake(path, message);
        self.mistakes.push(mistake);
    }

    fn warn(&mut self, path: &str, message: &str) {
        let warning = self.mistake(path, message);
        self.warnings.push(warning);
    }

    fn mistake(&self, path: &str, message: &str) -> Mistake {
        let (place, path) = self.tree.locate(path);
        Mistake { place, path, message: message.to_owned() }
    }
}

/// What a page's script usually needs of an answer.
const EXPOSED: [HeaderName; 7] = [
    headers::X_REQUEST_ID,
    headers::REQUEST_ID,
    http::header::RETRY_AFTER,
    headers::RETRY_AFTER_MS,
    headers::X_WARDGATE_UPSTREAM,
    headers::X_WARDGATE_ATTEMPTS,
    headers::X_WARDGATE_LEFT_OUT,
];

/// Cores that this process may use: a container's quota counts.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}
