//! Which paths exist, who may ask for them, and where user text stands in an app's own JSON.
//!
//! Only known routes exist. A rule is matched on exactly the bytes that are forwarded, so a path that two servers could
//! read in two ways is refused before any rule is asked.

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, Method};

use crate::scopes::Scopes;
use crate::tenant::ScanTerms;

/// The wire format of a provider's API, and of the errors a caller expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    OpenAi,
    Anthropic,
    /// An upstream that speaks every dialect, or an app's own JSON.
    Any,
}

impl Dialect {
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::OpenAi => "openai",
            Dialect::Anthropic => "anthropic",
            Dialect::Any => "any",
        }
    }

    /// The dialect a caller reads errors in, told before its route is known.
    pub fn of_caller(path: &str, headers: &HeaderMap) -> Dialect {
        let anthropic =
            path == "/v1/messages" || path.starts_with("/v1/messages/") || headers.contains_key("anthropic-version");
        if anthropic { Dialect::Anthropic } else { Dialect::OpenAi }
    }

    /// Whether an upstream of this dialect understands a call of that one.
    pub fn understands(self, call: Dialect) -> bool {
        self == Dialect::Any || self == call
    }
}

/// What a route does, and so how its body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    ChatCompletions,
    Responses,
    Completions,
    Embeddings,
    Messages,
    CountTokens,
    /// The list of models, or one of them.
    Models,
    /// An app's own JSON, by the config.
    App,
    /// Answered here: the process is alive.
    Health,
    /// Answered here: the process can serve.
    Ready,
    /// Answered here: users' sessions, and a tenant's own keys.
    Account(AccountEndpoint),
}

/// What stands under the prefix of `auth.session`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountEndpoint {
    Login,
    Refresh,
    Logout,
    Me,
    ListKeys,
    CreateKey,
    /// The key is named in the path.
    RevokeKeyInPath,
    /// The key is named in the body.
    RevokeKeyInBody,
}

impl Endpoint {
    /// Whether a provider's model does the work.
    pub fn takes_a_model(self) -> bool {
        match self {
            Endpoint::ChatCompletions
            | Endpoint::Responses
            | Endpoint::Completions
            | Endpoint::Embeddings
            | Endpoint::Messages
            | Endpoint::CountTokens => true,
            Endpoint::Models | Endpoint::App | Endpoint::Health | Endpoint::Ready | Endpoint::Account(_) => false,
        }
    }
}

/// Who may ask for a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone, without a credential.
    Public,
    /// A principal that holds every one of these.
    AllOf(Scopes),
    /// A principal that holds one of these at least.
    AnyOf(Scopes),
}

/// A path that exists.
#[derive(Clone, Debug)]
pub struct Route {
    /// The path as it was declared, such as `/v1/models/{id}`: the name in logs.
    pub name: Arc<str>,
    pub endpoint: Endpoint,
    pub dialect: Dialect,
    pub access: Access,
    pub user_text: Vec<Pointer>,
    pub scan: ScanTerms,
    /// Which segment of the path names a tenant, counted from 0 before the first slash.
    pub tenant_segment: Option<usize>,
}

impl Route {
    fn new(name: &str, endpoint: Endpoint, dialect: Dialect, access: Access, user_text: Vec<Pointer>) -> Route {
        let names_a_tenant = |segment: &str| matches!(segment, "{tenant}" | "{tenant_id}" | "{tenant_slug}");
        let tenant_segment = name.split('/').position(names_a_tenant);
        Route { name: name.into(), endpoint, dialect, access, user_text, scan: ScanTerms::default(), tenant_segment }
    }

    /// The tenant that a path of this route names, by id or slug.
    pub fn tenant_in<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.split('/').nth(self.tenant_segment?)
    }
}

/// Why a path leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    #[error("no such route")]
    Unknown,
    /// Two servers could read the path in two ways.
    #[error("the path is ambiguous: {0}")]
    Ambiguous(&'static str),
}

/// An app's route, resolved from the config.
#[derive(Clone, Debug)]
pub struct AppRoute {
    pub path: String,
    pub methods: Vec<Method>,
    pub access: Access,
    pub user_text: Vec<Pointer>,
    /// What is done with its texts, where that is said for the route.
    pub scan: ScanTerms,
}

/// Every route there is. A dozen declarations: looking through them in order is as quick as a map.
pub struct RouteTable(Vec<Entry>);

struct Entry {
    method: Method,
    template: Template,
    route: Arc<Route>,
}

impl RouteTable {
    pub fn new(apps: &[AppRoute]) -> RouteTable {
        let mut entries: Vec<Entry> = builtin().collect();
        for app in apps {
            entries.extend(app.methods.iter().map(|method| Entry::of(method.clone(), app.route())));
        }
        RouteTable(entries)
    }

    /// Adds the routes of users' sessions under a prefix such as `/auth`.
    pub fn with_account(mut self, prefix: Option<&str>) -> RouteTable {
        self.0.extend(prefix.into_iter().flat_map(account));
        self
    }

    pub fn find(&self, parts: &Parts) -> Result<&Arc<Route>, RouteError> {
        let path = parts.uri.path();
        check_path(path)?;
        let dialect = Dialect::of_caller(path, &parts.headers);
        let serves = |entry: &&Entry| {
            entry.method == parts.method
                && entry.template.matches(path)
                && (entry.route.endpoint != Endpoint::Models || entry.route.dialect == dialect)
        };
        self.0.iter().find(serves).map(|entry| &entry.route).ok_or(RouteError::Unknown)
    }

    /// Whether some route already answers this method and path.
    pub fn contains(&self, method: &Method, path: &str) -> bool {
        self.0.iter().any(|entry| entry.method == *method && entry.template.matches(path))
    }

    /// Every method and route there is, for tests that must not miss one.
    pub fn iter(&self) -> impl Iterator<Item = (&Method, &Arc<Route>)> {
        self.0.iter().map(|entry| (&entry.method, &entry.route))
    }
}

impl Entry {
    fn of(method: Method, route: Route) -> Entry {
        Entry { method, template: Template::parse(&route.name), route: Arc::new(route) }
    }
}

impl AppRoute {
    fn route(&self) -> Route {
        let route = Route::new(&self.path, Endpoint::App, Dialect::Any, self.access.clone(), self.user_text.clone());
        Route { scan: self.scan, ..route }
    }
}

/// The routes of DESIGN, section 5.
fn builtin() -> impl Iterator<Item = Entry> {
    use Dialect::{Anthropic, Any, OpenAi};
    use Endpoint::{ChatCompletions, Completions, CountTokens, Embeddings, Health, Messages, Models, Ready, Responses};
    let invoke = || Access::AllOf(scope("llm:invoke"));
    let list = || Access::AllOf(scope("llm:models"));
    let public = || Access::Public;
    [
        (Method::POST, "/v1/chat/completions", ChatCompletions, OpenAi, invoke()),
        (Method::POST, "/v1/messages", Messages, Anthropic, invoke()),
        (Method::POST, "/v1/responses", Responses, OpenAi, invoke()),
        (Method::POST, "/v1/completions", Completions, OpenAi, invoke()),
        (Method::POST, "/v1/embeddings", Embeddings, OpenAi, invoke()),
        (Method::POST, "/v1/messages/count_tokens", CountTokens, Anthropic, invoke()),
        (Method::GET, "/v1/models", Models, OpenAi, list()),
        (Method::GET, "/v1/models", Models, Anthropic, list()),
        (Method::GET, "/v1/models/{id}", Models, OpenAi, list()),
        (Method::GET, "/v1/models/{id}", Models, Anthropic, list()),
        (Method::GET, "/health", Health, Any, public()),
        (Method::HEAD, "/health", Health, Any, public()),
        (Method::GET, "/health/", Health, Any, public()),
        (Method::HEAD, "/health/", Health, Any, public()),
        (Method::GET, "/health/ready", Ready, Any, public()),
        (Method::HEAD, "/health/ready", Ready, Any, public()),
        // Claude Code asks this before its first call.
        (Method::HEAD, "/", Health, Any, public()),
    ]
    .into_iter()
    .map(|(method, path, endpoint, dialect, access)| {
        Entry::of(method, Route::new(path, endpoint, dialect, access, Vec::new()))
    })
}

/// The routes of users' sessions. Whoever holds `tenant:admin` may do with the tenant's keys what the keys' own scopes
/// allow.
fn account(prefix: &str) -> impl Iterator<Item = Entry> {
    use AccountEndpoint::{CreateKey, ListKeys, Login, Logout, Me, Refresh, RevokeKeyInBody, RevokeKeyInPath};
    let anyone = || Access::AllOf(Scopes::default());
    let one_of = |words: &str| Access::AnyOf(Scopes::parse(words).expect("the built-in scopes are well formed"));
    [
        (Method::POST, "/login", Login, Access::Public),
        (Method::POST, "/refresh", Refresh, Access::Public),
        (Method::POST, "/logout", Logout, anyone()),
        (Method::GET, "/me", Me, anyone()),
        (Method::GET, "/keys", ListKeys, one_of("keys:read keys:write tenant:admin")),
        (Method::POST, "/keys", CreateKey, one_of("keys:write tenant:admin")),
        (Method::DELETE, "/keys", RevokeKeyInBody, one_of("keys:write tenant:admin")),
        (Method::DELETE, "/keys/{id}", RevokeKeyInPath, one_of("keys:write tenant:admin")),
    ]
    .into_iter()
    .map(move |(method, path, endpoint, access)| {
        let name = format!("{prefix}{path}");
        Entry::of(method, Route::new(&name, Endpoint::Account(endpoint), Dialect::Any, access, Vec::new()))
    })
}

fn scope(word: &str) -> Scopes {
    Scopes::new([word]).expect("the built-in scopes are well formed")
}

/// A declared path: literal segments, and `{name}` for any one segment.
#[derive(Debug)]
enum Template {
    Literal(String),
    Segments(Vec<Option<String>>),
}

impl Template {
    fn parse(path: &str) -> Template {
        if !path.contains('{') {
            return Template::Literal(path.to_owned());
        }
        let segment = |text: &str| (!text.starts_with('{')).then(|| text.to_owned());
        Template::Segments(path.split('/').map(segment).collect())
    }

    fn matches(&self, path: &str) -> bool {
        match self {
            Template::Literal(literal) => literal == path,
            Template::Segments(segments) => {
                let mut given = path.split('/');
                segments.iter().all(|wanted| match (wanted, given.next()) {
                    (Some(literal), Some(segment)) => literal == segment,
                    (None, Some(segment)) => !segment.is_empty(),
                    (_, None) => false,
                }) && given.next().is_none()
            }
        }
    }
}

/// Whether a path may be declared in the config: `/a/{b}`, with whole segments in braces.
pub fn is_declarable(path: &str) -> bool {
    let segment_is_plain = |segment: &str| {
        let inner = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(segment);
        !inner.contains(['{', '}', '?', '#', '*', ' '])
    };
    path.starts_with('/') && path.split('/').all(segment_is_plain) && check_path(&path.replace(['{', '}'], "")).is_ok()
}

/// Refuses what some servers decode, collapse or cut before they match (CVE-2025-54576 and its kind).
fn check_path(path: &str) -> Result<(), RouteError> {
    let bytes = path.as_bytes();
    if bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"/-_".contains(b)) && !path.contains("//") {
        return Ok(());
    }
    if !path.starts_with('/') {
        return Err(RouteError::Ambiguous("it must begin with /"));
    }
    if path.contains("//") || path.split('/').any(|segment| segment == "." || segment == "..") {
        return Err(RouteError::Ambiguous("it has empty or dot segments"));
    }
    if bytes.iter().any(|b| matches!(b, b'\\' | b';' | b'#' | b'?') || !b.is_ascii_graphic()) {
        return Err(RouteError::Ambiguous("it has a character that servers read in different ways"));
    }
    if path.contains('%') {
        return Err(RouteError::Ambiguous("it has percent-encoded characters"));
    }
    Ok(())
}

/// Where user text stands in an app's JSON: `/messages/*/content`, after JSON Pointer (RFC 6901) with `*` for each element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(pub Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Key(String),
    Each,
}

/// The text is no pointer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a pointer: write /key/key, with * for each element of a list, such as /messages/*/content")]
pub struct PointerError(String);

impl Pointer {
    pub fn parse(text: &str) -> Result<Pointer, PointerError> {
        let rest = text.strip_prefix('/').ok_or_else(|| PointerError(text.to_owned()))?;
        let step = |part: &str| match part {
            "" => Err(PointerError(text.to_owned())),
            "*" => Ok(Step::Each),
            key => Ok(Step::Key(key.replace("~1", "/").replace("~0", "~"))),
        };
        rest.split('/').map(step).collect::<Result<_, _>>().map(Pointer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(method: Method, target: &str) -> Result<Arc<str>, RouteError> {
        let apps = [AppRoute {
            path: "/sessions/{id}/messages".into(),
            methods: vec![Method::POST],
            access: Access::AllOf(scope("session:create")),
            user_text: Vec::new(),
            scan: ScanTerms::default(),
        }];
        let (parts, ()) = http::Request::builder().method(method).uri(target).body(()).unwrap().into_parts();
        RouteTable::new(&apps).find(&parts).map(|route| route.name.clone())
    }

    #[test]
    fn known_routes_are_found_and_the_rest_is_unknown() {
        assert_eq!(&*find(Method::POST, "/v1/chat/completions").unwrap(), "/v1/chat/completions");
        assert_eq!(&*find(Method::POST, "/v1/messages?beta=true").unwrap(), "/v1/messages");
        assert_eq!(&*find(Method::GET, "/v1/models/gpt-4o.1:x").unwrap(), "/v1/models/{id}");
        assert_eq!(&*find(Method::POST, "/sessions/7/messages").unwrap(), "/sessions/{id}/messages");
        for (method, path) in [
            (Method::GET, "/v1/chat/completions"),
            (Method::POST, "/v1/chat/completions/"),
            (Method::POST, "/V1/chat/completions"),
            (Method::GET, "/v1/models/"),
            (Method::GET, "/v1/models/a/b"),
            (Method::POST, "/sessions/7/8/messages"),
            (Method::GET, "/"),
        ] {
            assert_eq!(find(method, path), Err(RouteError::Unknown), "{path}");
        }
    }

    #[test]
    fn path_that_two_servers_could_read_in_two_ways_is_refused() {
        for path in [
            "//v1/models",
            "/v1//models",
            "/v1/../v1/models",
            "/v1/./models",
            "/v1/%6dodels",
            "/v1%2fmodels",
            "/health%2e",
            "/health;x",
            "/v1/models;x",
            "/v1\\models",
            "/v1/models/%2e%2e",
            "/v1/models/a@evil%00",
        ] {
            assert!(matches!(find(Method::GET, path), Err(RouteError::Ambiguous(_))), "{path}");
        }
    }

    #[test]
    fn query_and_fragment_do_not_reach_the_match() {
        assert_eq!(&*find(Method::GET, "/v1/models?x=/health").unwrap(), "/v1/models");
        assert_eq!(find(Method::GET, "/nothing?x=/health"), Err(RouteError::Unknown));
    }

    #[test]
    fn only_whole_segments_may_be_templates() {
        assert!(is_declarable("/v1/sessions/{id}/messages"));
        for wrong in ["v1", "/a/{b}c", "/a/{b", "/a//b", "/a?b", "/a/*", "/a b", "/a/../b"] {
            assert!(!is_declarable(wrong), "{wrong}");
        }
    }

    #[test]
    fn pointers_name_keys_and_each_element() {
        let pointer = Pointer::parse("/messages/*/a~1b").unwrap();
        assert_eq!(pointer.0, [Step::Key("messages".into()), Step::Each, Step::Key("a/b".into())]);
        assert!(Pointer::parse("messages").is_err());
        assert!(Pointer::parse("/a//b").is_err());
    }
}
