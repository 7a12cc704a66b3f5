//! Promise R45: a defect ends its own request, and no other.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use wardgate::account::Account;
use wardgate::auth::Authenticator;
use wardgate::config::Source;
use wardgate::cors::Cors;
use wardgate::health::Readiness;
use wardgate::limits::Limits;
use wardgate::manage::{Manage, Providers};
use wardgate::metrics::Metrics;
use wardgate::proxy::{Proxy, Rules};
use wardgate::route::RouteTable;
use wardgate::scan::Scan;
use wardgate::seal::Seals;
use wardgate::store;
use wardgate::upstream::{Directory, Upstreams};

use crate::support::*;

/// A body that meets a defect as soon as it is read.
struct Defective;

impl Body for Defective {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("a defect")
    }
}

/// A pipeline without a listener before it, whose one route of an app is open to all.
async fn proxy(directory: &std::path::Path, upstream: std::net::SocketAddr) -> Proxy {
    let file = directory.join("wardgate.yaml");
    let database = directory.join("wardgate.db");
    let yaml = format!(
        "store: {{ url: 'sqlite:{}' }}\nupstreams: [{{ name: primary, dialect: any, url: 'http://{upstream}' }}]\n\
         auth: {{ public_paths: [/notes] }}\nroutes: [{{ path: /notes, user_text: [/text] }}]\n",
        database.display()
    );
    std::fs::write(&file, yaml).unwrap();
    let (config, _) = Source::read(Some(&file), std::iter::empty(), Vec::new()).unwrap().config().unwrap();
    let metrics = Arc::new(Metrics::new());
    let seals = Arc::new(Seals::new(config.sealing).unwrap());
    let store = store::open(&config.store).await.unwrap();
    let parts = (config.auth.clone(), store.clone(), config.store.stale_limit, metrics.clone());
    let auth = Arc::new(Authenticator::new(parts.0, parts.1, parts.2, parts.3));
    let providers = Providers::new(seals.clone(), vec!["primary".to_owned()]);
    let manage = Arc::new(Manage::new(store, &config.auth, providers, Some(auth.clone())));
    let rules = Rules {
        routes: RouteTable::new(&config.routes),
        cors: Cors::new(config.cors),
        account: Account::new(auth.clone(), manage, &config.prompt),
        auth,
        limits: Limits::new(config.limits),
        prompt: config.prompt,
        scan: Scan::new(config.scan),
        metrics: metrics.clone(),
        trusted_peers: config.trusted_peers,
        readiness: Readiness::new(|| true),
        telemetry: config.telemetry,
        sink: wardgate::telemetry::LogSink::to(std::io::sink()),
    };
    let upstreams = Arc::new(Directory::new(config.upstreams, seals, metrics).unwrap());
    Proxy::new(Arc::new(rules), Upstreams::new(upstreams).unwrap())
}

#[tokio::test]
async fn r45_panic_in_a_handler_is_its_own_requests_500_and_the_next_one_is_answered() {
    let primary = open_provider("primary").await;
    let directory = tempfile::tempdir().unwrap();
    let proxy = proxy(directory.path(), primary.addr()).await;
    let peer = "127.0.0.1:9".parse().unwrap();
    let request = || Request::post("/notes").header("host", "gate");
    let answer = proxy.handle(request().body(Defective).unwrap(), peer).await;
    assert_eq!(answer.status(), 500);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["error"]["code"], "internal_error", "{body}");
    assert!(primary.requests().is_empty());
    let note = Full::new(Bytes::from_static(br#"{"text":"Hi"}"#));
    proxy.handle(request().body(note).unwrap(), peer).await;
    assert_eq!(primary.requests().len(), 1);
}
