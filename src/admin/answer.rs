//! Good answers: one record with its entity tag, or a page of them.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{ETAG, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::conditions::IfNoneMatch;
use crate::manage::{KeyView, Listed, NewKeyView, ProviderKeysView, TenantView, UserView};

/// Something that has a version.
pub(super) trait Versioned: Serialize {
    fn version(&self) -> u64;
}

impl Versioned for TenantView {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Versioned for ProviderKeysView {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Versioned for KeyView {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Versioned for NewKeyView {
    fn version(&self) -> u64 {
        self.record.version
    }
}

impl Versioned for UserView {
    fn version(&self) -> u64 {
        self.version
    }
}

/// One record.
pub(super) fn one(view: &impl Versioned) -> Response {
    tagged(StatusCode::OK, view)
}

/// One record, unless the client has it already.
pub(super) fn one_unless(view: &impl Versioned, held: &IfNoneMatch) -> Response {
    match held.has(view.version()) {
        true => (StatusCode::NOT_MODIFIED, [(ETAG, tag(view.version()))]).into_response(),
        false => one(view),
    }
}

/// A record that was just made, or was made by an earlier request under the same idempotency key.
pub(super) fn made(view: &impl Versioned, repeated: bool) -> Response {
    match repeated {
        false => tagged(StatusCode::CREATED, view),
        true => {
            let mut response = one(view);
            response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
            response
        }
    }
}

fn tagged(status: StatusCode, view: &impl Versioned) -> Response {
    (status, [(ETAG, tag(view.version()))], Json(view)).into_response()
}

fn tag(version: u64) -> String {
    format!("\"{version}\"")
}

/// A page of a listing
#[derive(Serialize, ToSchema)]
pub(super) struct PageOf<T> {
    pub(super) data: Vec<T>,
    /// What `after` takes to go on; `null` on the last page
    pub(super) next: Option<String>,
}

pub(super) fn page<R, T: Serialize>(listed: Listed<R>, view: impl Fn(&R) -> T) -> Json<PageOf<T>> {
    Json(PageOf { data: listed.items.iter().map(view).collect(), next: listed.next })
}

const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
