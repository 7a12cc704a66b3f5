//! What went wrong, as `application/problem+json` (RFC 9457).

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::jwt::mint::MintError;
use crate::manage::{ManageError, RowMistake};
use crate::rejection::Rejection;
use crate::seal::SealError;

/// A refusal.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<FieldProblem>,
    /// Apart, so that a refusal is small to pass on.
    headers: Box<HeaderMap>,
    /// For the log alone.
    cause: Option<String>,
}

/// What went wrong (RFC 9457)
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemView {
    /// Always `about:blank`: the code says more
    r#type: &'static str,
    /// The status in words
    title: &'static str,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What can be mended, in a sentence
    detail: String,
    /// Stable and machine-readable
    code: &'static str,
    /// Which fields are wrong, where that is known
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
}

/// One field that is wrong
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = FieldProblem)]
pub(super) struct FieldProblem {
    /// Empty where no single field is
    field: String,
    problem: String,
    /// Of an import: where the row stands in the body, counted from 1
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, code, detail: detail.into(), errors: Vec::new(), headers: Box::default(), cause: None }
    }

    pub(super) fn forbidden(code: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, code, detail)
    }

    pub(super) fn unknown_path() -> Problem {
        Problem::new(
            StatusCode::NOT_FOUND,
            "unknown_path",
            "There is nothing at this path: see /admin/v1/openapi.json.",
        )
    }

    /// The router adds `Allow`.
    pub(super) fn wrong_method() -> Problem {
        let detail = "This path does not take this method: see the Allow header.";
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }

    pub(super) fn malformed(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "malformed_request", detail)
    }

    pub(super) fn media_type(detail: &str) -> Problem {
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    pub(super) fn too_large(bytes_max: usize) -> Problem {
        let detail = format!("The body is larger than {bytes_max} bytes, which is the most that is read here.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    }

    pub(super) fn timeout() -> Problem {
        Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", "The body did not arrive in time.")
    }

    pub(super) fn invalid(field: &str, problem: impl Into<String>) -> Problem {
        let problem = problem.into();
        let detail = if field.is_empty() { problem.clone() } else { format!("{field}: {problem}") };
        let errors = vec![FieldProblem { field: field.to_owned(), problem, line: None }];
        Problem { errors, ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail) }
    }

    pub(super) fn stale() -> Problem {
        let detail = "It has changed since it was read: read it again, and decide anew.";
        Problem::new(StatusCode::PRECONDITION_FAILED, "stale", detail)
    }

    fn rows(status: StatusCode, code: &'static str, mistakes: &[RowMistake]) -> Problem {
        let told = |mistake: &RowMistake| FieldProblem {
            field: mistake.field.clone(),
            problem: mistake.problem.clone(),
            line: Some(mistake.line),
        };
        let detail = format!("Nothing was imported: {} row(s) cannot be.", mistakes.len());
        Problem { errors: mistakes.iter().map(told).collect(), ..Problem::new(status, code, detail) }
    }

    fn unavailable(cause: &impl std::fmt::Display) -> Problem {
        let detail = "This cannot be done right now, and it is not known whether it was. Try again shortly.";
        let mut problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
        problem.headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        Problem { cause: Some(cause.to_string()), ..problem }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Problem {
        let mut problem = Problem::new(rejection.status, rejection.code, rejection.message());
        *problem.headers = rejection.headers();
        Problem { cause: rejection.cause, ..problem }
    }
}

impl From<ManageError> for Problem {
    fn from(error: ManageError) -> Problem {
        match error {
            ManageError::NotFound(what) => {
                Problem::new(StatusCode::NOT_FOUND, "not_found", format!("There is no such {what}."))
            }
            ManageError::Conflict(why) => Problem::new(StatusCode::CONFLICT, "conflict", why),
            ManageError::Forbidden(why) => Problem::forbidden("forbidden", why),
            ManageError::Ceiling(why) => Problem::forbidden("tenant_ceiling", why),
            ManageError::Invalid { field, problem } => Problem::invalid(field, problem),
            ManageError::Rows(mistakes) => Problem::rows(StatusCode::UNPROCESSABLE_ENTITY, "invalid_rows", &mistakes),
            ManageError::RowsConflict(mistakes) => Problem::rows(StatusCode::CONFLICT, "conflicting_rows", &mistakes),
            ManageError::Stale => Problem::stale(),
            ManageError::Repeated => {
                let detail = "The idempotency key was used for another request.";
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail)
            }
            ManageError::Token(error) => token_problem(error),
            ManageError::Sealing(error) => sealing_problem(&error),
            ManageError::Unavailable(error) => Problem::unavailable(&error),
            ManageError::Key(error) => Problem::unavailable(&error),
            ManageError::Hashing(error) => Problem::from(Rejection::from(error)),
        }
    }
}

/// The config decides about the first and the last, the request about the other.
fn token_problem(error: MintError) -> Problem {
    match error {
        MintError::NoSecret => Problem::new(StatusCode::CONFLICT, "no_signing_secret", error.to_string()),
        MintError::ExpiryRequired => Problem::invalid("expires_in", error.to_string()),
        MintError::Algorithm => Problem::new(StatusCode::CONFLICT, "algorithm_not_allowed", error.to_string()),
    }
}

/// Only that there is no key can be mended, by the config.
fn sealing_problem(error: &SealError) -> Problem {
    match error {
        SealError::NoKey => Problem::new(StatusCode::CONFLICT, "no_sealing_key", format!("Not done: {error}.")),
        SealError::Unopened | SealError::Random => Problem::unavailable(error),
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.cause {
            tracing::warn!(reason = self.code, cause, "the admin API could not answer");
        }
        let view = ProblemView {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Refused"),
            status: self.status.as_u16(),
            detail: self.detail,
            code: self.code,
            errors: self.errors,
        };
        let mut response = (self.status, *self.headers, Json(view)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        response
    }
}

pub(super) const MEDIA_TYPE: &str = "application/problem+json";
