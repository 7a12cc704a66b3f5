//! Whether the process can serve, told on both listeners.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};

/// Shared by all who set or tell it; not ready until the app says so.
#[derive(Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }

    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether requests should be sent here.
    pub fn ready(&self) -> Response<Bytes> {
        if self.is_ready() {
            told(StatusCode::OK, r#"{"status":"ready"}"#)
        } else {
            told(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"not ready"}"#)
        }
    }
}

/// Whether the process is alive: it is, or it would not say so.
pub fn alive() -> Response<Bytes> {
    told(StatusCode::OK, r#"{"status":"ok"}"#)
}

fn told(status: StatusCode, body: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
