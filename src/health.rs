//! Whether the process can serve, told on both listeners.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};

/// Shared by all who change or tell it: the process is ready while it can check credentials and nobody ends it.
#[derive(Clone)]
pub struct Readiness(Arc<Parts>);

struct Parts {
    can_check: Box<dyn Fn() -> bool + Send + Sync>,
    ending: AtomicBool,
}

impl Readiness {
    /// `can_check` is asked each time, so that the answer is never older than the question.
    pub fn new(can_check: impl Fn() -> bool + Send + Sync + 'static) -> Readiness {
        Readiness(Arc::new(Parts { can_check: Box::new(can_check), ending: AtomicBool::new(false) }))
    }

    /// Not ready any more, whatever else happens.
    pub fn end(&self) {
        self.0.ending.store(true, Ordering::Relaxed);
    }

    pub fn is_ready(&self) -> bool {
        !self.0.ending.load(Ordering::Relaxed) && (self.0.can_check)()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_comes_and_goes_with_the_store_and_ends_for_good() {
        let confirmed = Arc::new(AtomicBool::new(false));
        let readiness = Readiness::new({
            let confirmed = confirmed.clone();
            move || confirmed.load(Ordering::Relaxed)
        });
        assert!(!readiness.is_ready());
        confirmed.store(true, Ordering::Relaxed);
        assert!(readiness.is_ready());
        confirmed.store(false, Ordering::Relaxed);
        assert!(!readiness.is_ready());
        confirmed.store(true, Ordering::Relaxed);
        assert!(readiness.is_ready());
        readiness.end();
        assert!(!readiness.is_ready());
    }
}
