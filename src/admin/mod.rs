//! The second listener: health for probes, and the API by which operators manage tenants, keys, users and tokens. Away
//! from the traffic, and on loopback unless the config says otherwise.
//!
//! Health and measures are open. Everything under `/admin` asks who is there first, what does not exist among it.

mod answer;
mod api;
mod conditions;
mod document;
mod gate;
mod keys;
mod operator;
mod problem;
mod provider_keys;
mod request;
mod tenants;
mod tokens;
mod users;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

pub use self::api::Api;
pub use self::gate::{GateView, ModelView, TargetView, UpstreamView};

use crate::health::{self, Readiness};
use crate::metrics::{Format, Metrics};
use crate::secret::Secret;

/// Port of the admin listener where the config names none.
pub const DEFAULT_PORT: u16 = 9901;
/// A shorter token could be found by trying.
pub const TOKEN_BYTES_MIN: usize = 32;

#[derive(Clone)]
pub struct Config {
    pub listen: SocketAddr,
    /// Whoever shows it is an operator; without one only credentials with `platform:admin` are.
    pub token: Option<Secret>,
}

/// Serves until `stop` comes back.
pub async fn serve(
    listener: TcpListener,
    readiness: Readiness,
    metrics: Arc<Metrics>,
    api: Api,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = health_router(readiness).merge(metrics_router(metrics, api.clone())).merge(api.router());
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop).await
}

fn health_router(readiness: Readiness) -> Router {
    Router::new()
        .route("/livez", get(alive))
        .route("/health", get(alive))
        .route("/health/", get(alive))
        .route("/", get(alive))
        .route("/readyz", get(ready))
        .route("/health/ready", get(ready))
        .with_state(readiness)
}

async fn alive() -> Response<Body> {
    health::alive().map(Body::from)
}

async fn ready(State(readiness): State<Readiness>) -> Response<Body> {
    readiness.ready().map(Body::from)
}

fn metrics_router(metrics: Arc<Metrics>, api: Api) -> Router {
    Router::new().route("/metrics", get(measures)).with_state((metrics, api))
}

/// For scrapers. Numbers alone, so they are as open as health is.
async fn measures(State((metrics, api)): State<(Arc<Metrics>, Api)>, headers: HeaderMap) -> impl IntoResponse {
    api.auth().measure().await;
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = Format::accepted(accept);
    ([(CONTENT_TYPE, format.media_type())], metrics.exposition(format))
}
