//! What the gate adds to a request, part by part: who sent it, what it says, what is found in it.
//!
//! `cargo bench --bench gate` takes some five minutes, most of them for the scan; `-- prompt` runs the groups of that name alone.
//! What a whole request costs, beside a plain proxy, is measured by `benches/load/run`.

mod scan;

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use wardgate::auth::api_key::{self, HashMethod};
use wardgate::auth::jwt::config::{IssuerConfig, KeySource};
use wardgate::auth::jwt::keys::KeySet;
use wardgate::auth::jwt::{self, HmacAlgorithm, Jwt, NewToken};
use wardgate::auth::{self, Authenticator, Presented};
use wardgate::clock::{Expiry, Timestamp};
use wardgate::metrics::Metrics;
use wardgate::principal::PrincipalId;
use wardgate::prompt::json::Document;
use wardgate::prompt::{DEFAULT_DEPTH_MAX, Prompt, Told};
use wardgate::route::{Dialect, Endpoint, Route, RouteTable};
use wardgate::scopes::{Models, Scopes};
use wardgate::secret::Secret;
use wardgate::store::{self, NewKey, NewTenant, Store, StoreUrl};
use wardgate::tenant::{Slug, Tenant, TenantPolicy};

criterion_main!(gate);
criterion_group! {
    name = gate;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    targets = authenticating, prompts, scan::scanning
}

fn authenticating(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("threads and timers");
    let fixture = runtime.block_on(Fixture::new());
    let mut group = criterion.benchmark_group("authenticate");
    for (name, headers) in [("cached key", fixture.with_key()), ("cached token", fixture.with_token())] {
        // The first one fails loudly where the fixture is wrong.
        authenticate(&runtime, &fixture.authenticator, &headers);
        group.bench_function(name, |bench| {
            bench.iter(|| authenticate(&runtime, &fixture.authenticator, black_box(&headers)));
        });
    }
    for (name, token) in fixture.fresh_tokens() {
        group.bench_function(format!("fresh {name} token"), |bench| {
            bench.iter(|| verify(&runtime, fixture.authenticator.jwt(), black_box(&token)));
        });
    }
    group.finish();
}

fn authenticate(runtime: &Runtime, authenticator: &Authenticator, headers: &HeaderMap) {
    let presented = Presented { headers, peer: PEER, word: None, certificate: None };
    let principal = runtime.block_on(authenticator.authenticate(&presented));
    black_box(principal.expect("the fixture's credentials are good"));
}

/// What a token costs that is seen for the first time: everything but the look-up of its tenant.
fn verify(runtime: &Runtime, jwt: &Jwt, token: &Secret) {
    let verified = runtime.block_on(jwt.verify(token, Timestamp::now()));
    black_box(verified.expect("the fixture's tokens are good"));
}

/// JSON alone; the whole reading of a body, JSON included; and the new body with two edits spliced in.
fn prompts(criterion: &mut Criterion) {
    let route = chat_completions();
    let told = Told {
        tenant_id: "0197b2f0-9a7e-7cc3-8b5e-0242ac120002",
        tenant_slug: "acme",
        principal_id: "0197b2f0-9a7e-7cc3-8b5e-0242ac120003",
        opaque: "wg_2c26b46b68ffc68ff99b453c1d304134",
    };
    let mut group = criterion.benchmark_group("prompt");
    for (size, body) in bodies() {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::new("json", size), &body, |bench, body| {
            bench.iter(|| Document::parse(black_box(body).clone(), DEFAULT_DEPTH_MAX).expect("it is JSON"));
        });
        group.bench_with_input(BenchmarkId::new("parse", size), &body, |bench, body| {
            bench.iter(|| read(&route, black_box(body)));
        });
        let prompt = read(&route, &body);
        assert!(prompt.render(Some(UPSTREAM_MODEL), Dialect::OpenAi, Some(&told)).len() > body.len());
        group.bench_with_input(BenchmarkId::new("render", size), &prompt, |bench, prompt| {
            bench.iter(|| black_box(prompt).render(Some(UPSTREAM_MODEL), Dialect::OpenAi, Some(&told)));
        });
    }
    group.finish();
}

fn read(route: &Route, body: &Bytes) -> Prompt {
    Prompt::parse(route, body.clone(), DEFAULT_DEPTH_MAX).expect("it is a chat completion's body")
}

fn chat_completions() -> Arc<Route> {
    let table = RouteTable::new(&[]);
    let found = table.iter().find(|(_, route)| route.endpoint == Endpoint::ChatCompletions);
    found.expect("it is built in").1.clone()
}

/// A store with a tenant and a key, as `wardgate key create` makes them; the hash is quick, for it is made but once.
struct Fixture {
    authenticator: Authenticator,
    key: Secret,
    token: Secret,
    outside: Vec<Outside>,
    _directory: TempDir,
}

impl Fixture {
    async fn new() -> Fixture {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let config = store::Config::new(StoreUrl::Sqlite(directory.path().join("bench.db")));
        let store = store::open(&config).await.expect("a new store");
        let slug = Slug::parse("acme").expect("a slug");
        let new = NewTenant::new("Acme".into(), slug, None, TenantPolicy::default()).expect("a tenant");
        let tenant = store.create_tenant(new, None).await.expect("a new tenant").into_inner();
        let tenant = store.provision_tenant(&tenant.id).await.expect("an active tenant");
        let api_key = api_key::Config { hash: HashMethod::Sha256, ..api_key::Config::default() };
        let outside = vec![Outside::new("RS256"), Outside::new("ES256")];
        let issuers = outside.iter().map(Outside::config).collect();
        let jwt = jwt::Config { secrets: vec![Secret::new(*SIGNING_SECRET)], issuers, ..jwt::Config::default() };
        let key = create_key(&*store, &tenant, &api_key).await;
        let token = mint(&jwt, &tenant);
        let config = auth::Config { api_key, jwt, ..auth::Config::default() };
        let metrics = Arc::new(Metrics::new());
        let authenticator = Authenticator::new(config, store, LEASE, metrics);
        authenticator.catch_up().await.expect("a readable store");
        let headers = with_credential(&key);
        let presented = Presented { headers: &headers, peer: PEER, word: None, certificate: None };
        // The key's first use asks the store, which needs what an app runs beside the requests.
        tokio::select! {
            known = authenticator.authenticate(&presented) => drop(known.expect("the fixture's key is good")),
            () = authenticator.look_up_keys() => unreachable!("it runs on"),
        }
        Fixture { authenticator, key, token, outside, _directory: directory }
    }

    fn fresh_tokens(&self) -> Vec<(String, Secret)> {
        let outside = self.outside.iter().map(|issuer| (issuer.algorithm.to_owned(), issuer.token()));
        [("HS256".to_owned(), self.token.clone())].into_iter().chain(outside).collect()
    }

    fn with_key(&self) -> HeaderMap {
        with_credential(&self.key)
    }

    fn with_token(&self) -> HeaderMap {
        with_credential(&self.token)
    }
}

/// An identity provider with one key.
struct Outside {
    algorithm: &'static str,
    key: KeyPair,
}

impl Outside {
    fn new(algorithm: &'static str) -> Outside {
        let kind = if algorithm == "RS256" { &PKCS_RSA_SHA256 } else { &PKCS_ECDSA_P256_SHA256 };
        Outside { algorithm, key: KeyPair::generate_for(kind).expect("a new key") }
    }

    fn name(&self) -> String {
        format!("https://{}.example", self.algorithm)
    }

    fn config(&self) -> IssuerConfig {
        let keys = KeySet::of_pem(&self.key.public_key_pem()).expect("a public key");
        IssuerConfig::new(&self.name(), KeySource::Fixed(Arc::new(keys)))
    }

    fn token(&self) -> Secret {
        let claims = serde_json::json!({
            "iss": self.name(), "sub": "bench", "tenant_id": "acme", "scope": "llm:invoke llm:models",
            "iat": Timestamp::now().0, "exp": Timestamp::now().0 + 3600, "jti": "0197b2f0-9a7e-7cc3-8b5e-0242ac120003",
        });
        let header = format!(r#"{{"alg":"{}","typ":"at+jwt"}}"#, self.algorithm);
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.sign(message.as_bytes()).expect("the private key that was just made");
        Secret::new(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let (key, random) = (self.key.serialized_der(), SystemRandom::new());
        if self.algorithm == "ES256" {
            let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key).map_err(|_| Unspecified)?;
            return Ok(key.sign(&random, message)?.as_ref().to_vec());
        }
        let key = RsaKeyPair::from_pkcs8(key).map_err(|_| Unspecified)?;
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
        Ok(signature)
    }
}

async fn create_key(store: &dyn Store, tenant: &Tenant, config: &api_key::Config) -> Secret {
    let made = config.generate().expect("random numbers");
    let new = NewKey {
        tenant: tenant.id.clone(),
        public_id: made.public_id,
        hashed_key: made.hash.to_string(),
        verifier: None,
        name: "bench".into(),
        scopes: Scopes::defaults(),
        models: Models::All,
        expiry: Expiry::Never,
        created_by: String::new(),
        canary: false,
    };
    store.create_key(new, None).await.expect("a new key");
    made.key
}

fn mint(config: &jwt::Config, tenant: &Tenant) -> Secret {
    let (subject, scopes) = (PrincipalId::parse("bench").expect("a subject"), Scopes::defaults());
    let now = Timestamp::now();
    let token = NewToken {
        scopes: Some(&scopes),
        expiry: Expiry::At(now.after(Duration::from_secs(3600))),
        ..NewToken::access(&subject, tenant, HmacAlgorithm::Hs256)
    };
    config.mint(&token, now).expect("a signed token")
}

/// What the official OpenAI client for Python sends with a request.
fn with_credential(credential: &Secret) -> HeaderMap {
    let bearer = [b"Bearer ".as_slice(), credential.expose()].concat();
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "127.0.0.1:8080"),
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("user-agent", "OpenAI/Python 2.8.0"),
        ("x-stainless-lang", "python"),
        ("x-stainless-package-version", "2.8.0"),
        ("x-stainless-os", "Linux"),
        ("x-stainless-arch", "x64"),
        ("x-stainless-runtime", "CPython"),
        ("x-stainless-runtime-version", "3.12.3"),
        ("x-stainless-async", "false"),
        ("x-stainless-retry-count", "0"),
        ("x-stainless-read-timeout", "600"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.insert(AUTHORIZATION, HeaderValue::from_bytes(&bearer).expect("credentials are printable"));
    headers
}

fn bodies() -> [(&'static str, Bytes); 2] {
    [("1 KB", conversation(1 << 10)), ("100 KB", conversation(100 << 10))]
}

/// A conversation of a user and an assistant in turn, of just over `bytes_min` bytes.
fn conversation(bytes_min: usize) -> Bytes {
    let system =
        serde_json::json!({ "role": "system", "content": "You are a helpful assistant for a town's council." });
    let mut messages = vec![system];
    let mut bytes = 0;
    for (turn, role) in ["user", "assistant"].into_iter().cycle().enumerate() {
        if bytes >= bytes_min {
            break;
        }
        let sentences = SENTENCES.iter().cycle().skip(turn).take(6).copied();
        let content = sentences.collect::<Vec<_>>().join(if turn % 4 == 0 { "\n" } else { " " });
        bytes += content.len();
        messages.push(serde_json::json!({ "role": role, "content": content }));
    }
    let body = serde_json::json!({ "model": "reasoning", "messages": messages, "temperature": 0.2, "max_tokens": 512 });
    Bytes::from(body.to_string())
}

const UPSTREAM_MODEL: &str = "gpt-4o-mini-2024-07-18";
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Longer than a benchmark takes.
const LEASE: Duration = Duration::from_secs(3600);
const SIGNING_SECRET: &[u8; 32] = b"a secret of 32 bytes, for tests.";

/// Prose with what JSON escapes, numbers, and a word or two of other alphabets' letters.
const SENTENCES: [&str; 8] = [
    "The committee met on Tuesday to review the cost of heating the library over the winter.",
    "Please summarise the minutes below in three points, and keep the names as they are.",
    "Maria said: \"We can't repeat last year's mistake; the boiler was switched off for 11 days.\"",
    "The instructions for the new thermostat are in the drawer beside the front desk.",
    "At 68,400 euros the second offer is cheaper by 12.5 %, but it leaves out the insulation.",
    "Mr. Müller asked whether the café could stay open during the works, from May to August.",
    "def total(rows):\n    return sum(row[\"amount\"] for row in rows if row[\"year\"] == 2024)",
    "It was agreed to ask the engineers for a plan, and to vote on it in the next session.",
];
