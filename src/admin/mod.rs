//! The second listener: health for probes, away from the traffic. Loopback unless the config says otherwise.

use std::io;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::health::{self, Readiness};

/// Port of the admin listener where the config names none.
pub const DEFAULT_PORT: u16 = 9901;

/// Serves until `stop` comes back.
pub async fn serve(
    listener: TcpListener,
    readiness: Readiness,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router(readiness)).with_graceful_shutdown(stop).await
}

fn router(readiness: Readiness) -> Router {
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
