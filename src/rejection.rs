//! Every refusal: its status, code, headers, and JSON in the caller's dialect.
//!
//! Each room's errors are matched here without a wildcard, so that a new variant asks for its status. What a client
//! reads is fixed and small and names what a caller can mend; the cause goes to the log.

mod wire;

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

pub use self::wire::{Speech, error_event, upstream_refused};

use self::wire::error_json;
use crate::account::AccountError;
use crate::auth::AuthError;
use crate::auth::jwt::TokenError;
use crate::auth::session::SessionError;
use crate::headers::{HeadError, RETRY_AFTER_MS, X_SHOULD_RETRY};
use crate::limits::Overloaded;
use crate::manage::ManageError;
use crate::policy::PolicyError;
use crate::prompt::PromptError;
use crate::route::{Dialect, RouteError};
use crate::scan::Refused;
use crate::tenant::TenantStatus;
use crate::upstream::UpstreamError;

/// A refusal, ready to be told.
#[derive(Debug)]
pub struct Rejection {
    pub status: StatusCode,
    /// Stable and machine-readable: the `code` of OpenAI's errors, and the log's `refusal`.
    pub code: &'static str,
    message: String,
    /// For the log alone.
    pub cause: Option<String>,
    retry: Retry,
}

/// Whether the same request may be worth sending again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Retry {
    /// Nothing is said, and clients go by the status.
    Unsaid,
    /// The answer would be the same: without this, Claude Code sends a refused request eleven times.
    Never,
    After(Duration),
    /// The official SDKs are told in a word of their own whether they would wait that long.
    AgainAfter(Duration),
}

/// A store that failed is often back within this.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(1);

/// Long enough for the hashes that wait to be done.
const RETRY_THROTTLED: Duration = Duration::from_secs(1);

/// The official SDKs wait no longer than this, and would come back too early.
const RETRY_WAIT_MAX: Duration = Duration::from_secs(60);

impl Rejection {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Rejection {
        Rejection { status, code, message: message.into(), cause: None, retry: Retry::Unsaid }
    }

    fn final_(self) -> Rejection {
        Rejection { retry: Retry::Never, ..self }
    }

    fn retry_after(self, span: Duration) -> Rejection {
        Rejection { retry: Retry::After(span), ..self }
    }

    fn again_after(self, span: Duration) -> Rejection {
        Rejection { retry: Retry::AgainAfter(span), ..self }
    }

    fn because(self, cause: impl std::fmt::Display) -> Rejection {
        Rejection { cause: Some(cause.to_string()), ..self }
    }

    fn unavailable(cause: impl std::fmt::Display) -> Rejection {
        let message = "The credential cannot be checked right now. Try again shortly.";
        Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", message)
            .retry_after(RETRY_UNAVAILABLE)
            .because(cause)
    }

    fn unconfirmed(cause: impl std::fmt::Display) -> Rejection {
        let message = "What is known of credentials cannot be confirmed right now. Try again shortly.";
        Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "store_stale", message)
            .retry_after(RETRY_UNAVAILABLE)
            .because(cause)
    }

    fn overloaded(cause: impl std::fmt::Display) -> Rejection {
        let message = "The gate is overloaded. Try again shortly.";
        Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message)
            .retry_after(RETRY_UNAVAILABLE)
            .because(cause)
    }

    /// A defect of ours ended the request.
    pub fn internal() -> Rejection {
        Rejection::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "The gate failed to handle the request.")
            .final_()
    }

    /// The process ends before an upstream has answered.
    pub fn shutting_down() -> Rejection {
        let message = "The gate is shutting down. Ask again.";
        Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", message).retry_after(RETRY_UNAVAILABLE)
    }

    /// What a caller can mend, in a sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The body, in the dialect that the caller reads.
    pub fn body(&self, dialect: Dialect, request_id: &str) -> Bytes {
        error_json(dialect, self.status, self.code, &self.message, request_id)
    }

    /// The refusal of a stream that has begun already.
    pub fn event(&self, speech: &Speech) -> Bytes {
        speech.event(self.status, self.code, &self.message, 0)
    }

    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, challenge(self.code));
        }
        match self.retry {
            Retry::Unsaid => {}
            Retry::Never => {
                headers.insert(X_SHOULD_RETRY, HeaderValue::from_static("false"));
            }
            Retry::After(span) => insert_wait(&mut headers, span),
            Retry::AgainAfter(span) => {
                let word = if span <= RETRY_WAIT_MAX { "true" } else { "false" };
                headers.insert(X_SHOULD_RETRY, HeaderValue::from_static(word));
                insert_wait(&mut headers, span);
            }
        }
        headers
    }
}

/// Whole seconds, and never too few of them.
fn insert_wait(headers: &mut HeaderMap, span: Duration) {
    insert_number(headers, header::RETRY_AFTER, (span.as_secs_f64().ceil() as u64).max(1));
    insert_number(headers, RETRY_AFTER_MS, u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
}

fn insert_number(headers: &mut HeaderMap, name: HeaderName, number: u64) {
    headers.insert(name, HeaderValue::from(number));
}

/// RFC 6750, section 3: nothing more is said where no credential was sent.
fn challenge(code: &str) -> HeaderValue {
    let challenge = match code {
        "missing_credential" => r#"Bearer realm="wardgate""#,
        _ => r#"Bearer realm="wardgate", error="invalid_token""#,
    };
    HeaderValue::from_static(challenge)
}

impl From<HeadError> for Rejection {
    fn from(error: HeadError) -> Rejection {
        match error {
            HeadError::HostCount | HeadError::Host | HeadError::Target | HeadError::Upgrade => {
                Rejection::new(StatusCode::BAD_REQUEST, "malformed_request", error.to_string()).final_()
            }
        }
    }
}

impl From<RouteError> for Rejection {
    fn from(error: RouteError) -> Rejection {
        match error {
            RouteError::Unknown => {
                let message =
                    "There is no such route here. See the README for those there are, or declare it under `routes`.";
                Rejection::new(StatusCode::NOT_FOUND, "unknown_route", message).final_()
            }
            RouteError::Ambiguous(why) => {
                Rejection::new(StatusCode::BAD_REQUEST, "ambiguous_path", format!("The path is ambiguous: {why}."))
                    .final_()
            }
        }
    }
}

impl From<AuthError> for Rejection {
    fn from(error: AuthError) -> Rejection {
        let unauthorized = |code, message: &str| Rejection::new(StatusCode::UNAUTHORIZED, code, message).final_();
        match &error {
            AuthError::Missing => unauthorized(
                "missing_credential",
                "No credential was sent. Send a key or token as `Authorization: Bearer …` or `x-api-key: …`.",
            ),
            AuthError::Conflicting => Rejection::new(
                StatusCode::BAD_REQUEST,
                "conflicting_credentials",
                "The request carries more than one credential. Send exactly one.",
            )
            .final_(),
            AuthError::Malformed | AuthError::NotAccepted | AuthError::UnknownCertificate => {
                unauthorized("invalid_api_key", "The credential is not valid.")
            }
            // One answer for every reason: which it was is in the log (promise K3).
            AuthError::Refused(_) => unauthorized("invalid_api_key", "The credential is not valid."),
            AuthError::Expired => unauthorized("expired_credential", "The credential has expired."),
            AuthError::Token(reason) => token_refused(reason),
            AuthError::Revoked => unauthorized("invalid_token", "The token is not valid."),
            AuthError::UnknownTenant => {
                unauthorized("invalid_token", "The credential names no known tenant.").because(&error)
            }
            AuthError::Throttled => throttled(),
            AuthError::Overloaded => Rejection::overloaded(&error),
            AuthError::Unavailable(_) | AuthError::Undecided(_) => Rejection::unavailable(&error),
            AuthError::Unconfirmed => Rejection::unconfirmed(&error),
        }
    }
}

fn token_refused(reason: &TokenError) -> Rejection {
    let unauthorized = |code, message: &str| Rejection::new(StatusCode::UNAUTHORIZED, code, message).final_();
    match reason {
        TokenError::Expired => unauthorized("expired_credential", "The credential has expired."),
        TokenError::KeysUnavailable => Rejection::unavailable(reason),
        TokenError::Malformed
        | TokenError::Algorithm
        | TokenError::Critical
        | TokenError::Type
        | TokenError::Signature
        | TokenError::Claim(_)
        | TokenError::Required
        | TokenError::NotYetValid
        | TokenError::Issuer
        | TokenError::Audience
        | TokenError::UnknownKey => unauthorized("invalid_token", "The token is not valid.").because(reason),
    }
}

/// Too many keys of one tenant, or log-ins, wait to be compared, or too many new secrets to be hashed.
fn throttled() -> Rejection {
    let message = "Too many secrets wait to be checked. Wait before the next attempt.";
    Rejection::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", message).retry_after(RETRY_THROTTLED)
}

impl From<PolicyError> for Rejection {
    fn from(error: PolicyError) -> Rejection {
        let forbidden = |code, message: String| Rejection::new(StatusCode::FORBIDDEN, code, message).final_();
        match error {
            PolicyError::TenantNotActive(status) => tenant_not_active(status),
            PolicyError::OtherTenant => {
                forbidden("other_tenant", "The request names another tenant than its credential.".into())
            }
            PolicyError::ScopeMissing { needed } => {
                forbidden("scope_missing", format!("The credential lacks the scope {needed}."))
            }
            PolicyError::ModelNotAllowed { model: Some(model) } => {
                let model: String = model.chars().filter(|c| !c.is_control()).take(100).collect();
                forbidden("model_not_allowed", format!("The credential is not good for the model `{model}`."))
            }
            PolicyError::ModelNotAllowed { model: None } => {
                forbidden("model_not_allowed", "The credential is good for some models alone: name one of them.".into())
            }
        }
    }
}

fn tenant_not_active(status: TenantStatus) -> Rejection {
    Rejection::new(StatusCode::FORBIDDEN, "tenant_not_active", "The tenant is not active.")
        .final_()
        .because(status.as_str())
}

impl From<AccountError> for Rejection {
    fn from(error: AccountError) -> Rejection {
        match error {
            AccountError::Read(error) => Rejection::from(error),
            AccountError::Body(problem) => {
                let message = format!("The body is not what this route takes: {problem}.");
                Rejection::new(StatusCode::BAD_REQUEST, "invalid_body", message).final_()
            }
            AccountError::Session(error) => Rejection::from(error),
            AccountError::Manage(error) => Rejection::from(error),
            AccountError::Store(error) => Rejection::unavailable(error),
            AccountError::Defect => Rejection::internal().because("an account route without sessions or principal"),
        }
    }
}

impl From<SessionError> for Rejection {
    fn from(error: SessionError) -> Rejection {
        let unauthorized = |code, message: &str| Rejection::new(StatusCode::UNAUTHORIZED, code, message).final_();
        match error {
            SessionError::Wrong => {
                unauthorized("invalid_login", "The tenant, the e-mail address or the password is not right.")
            }
            SessionError::Locked(wait) => {
                let message = "Too many logins failed. Wait before the next one.";
                Rejection::new(StatusCode::TOO_MANY_REQUESTS, "login_locked", message).retry_after(wait)
            }
            SessionError::TenantNotActive(status) => tenant_not_active(status),
            SessionError::Token(reason) => token_refused(&reason),
            SessionError::RefreshRefused => {
                unauthorized("invalid_refresh_token", "The refresh token is not valid any more. Log in again.")
            }
            SessionError::RefreshReused => unauthorized(
                "refresh_token_reused",
                "The refresh token was used before, so its session was ended. Log in again.",
            ),
            SessionError::NoSession => {
                let message = "A key has no session to end. Revoke the key instead.";
                Rejection::new(StatusCode::BAD_REQUEST, "no_session", message).final_()
            }
            SessionError::Mint(reason) => Rejection::internal().because(reason),
            SessionError::Record => Rejection::internal().because(error),
            SessionError::Hashing(error) => Rejection::from(error),
            SessionError::Store(error) => Rejection::unavailable(error),
        }
    }
}

impl From<ManageError> for Rejection {
    fn from(error: ManageError) -> Rejection {
        let told = |status, code| Rejection::new(status, code, format!("Not done: {error}.")).final_();
        match &error {
            ManageError::NotFound(_) => told(StatusCode::NOT_FOUND, "not_found"),
            ManageError::Conflict(_) => told(StatusCode::CONFLICT, "conflict"),
            ManageError::Forbidden(_) | ManageError::Ceiling(_) => told(StatusCode::FORBIDDEN, "grant_too_wide"),
            ManageError::Invalid { .. } => told(StatusCode::BAD_REQUEST, "invalid_body"),
            ManageError::Rows(_) | ManageError::RowsConflict(_) => told(StatusCode::BAD_REQUEST, "invalid_rows"),
            ManageError::Stale => told(StatusCode::PRECONDITION_FAILED, "stale"),
            ManageError::Repeated => told(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
            ManageError::Unavailable(error) => Rejection::unavailable(error),
            ManageError::Hashing(error) => Rejection::from(error.clone()),
            ManageError::Token(_) | ManageError::Key(_) | ManageError::Sealing(_) => {
                Rejection::internal().because(&error)
            }
        }
    }
}

impl From<Overloaded> for Rejection {
    fn from(error: Overloaded) -> Rejection {
        Rejection::overloaded(error)
    }
}

impl From<PromptError> for Rejection {
    fn from(error: PromptError) -> Rejection {
        let (status, code, message) = match &error {
            PromptError::TooLarge { bytes_max } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("The body is larger than {bytes_max} bytes, which is the most that is read here."),
            ),
            PromptError::Timeout => {
                (StatusCode::REQUEST_TIMEOUT, "body_timeout", "The body did not arrive in time.".into())
            }
            PromptError::Incomplete => {
                (StatusCode::BAD_REQUEST, "body_incomplete", "The body broke off before its end.".into())
            }
            PromptError::Encoding => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_content_encoding",
                "Compressed bodies are not read here. Send the body without a content-encoding.".into(),
            ),
            PromptError::Type => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_content_type",
                "Send the body as `Content-Type: application/json`, in UTF-8.".into(),
            ),
            PromptError::Json(problem) => (
                StatusCode::BAD_REQUEST,
                "malformed_json",
                format!("The body is not JSON that every parser reads alike: {problem}."),
            ),
            PromptError::Shape(problem) => {
                (StatusCode::BAD_REQUEST, "invalid_body", format!("The body is not what this route takes: {problem}."))
            }
        };
        Rejection::new(status, code, message).final_()
    }
}

impl From<Refused> for Rejection {
    fn from(refused: Refused) -> Rejection {
        match refused {
            Refused::Blocked { category, .. } => {
                let category = category.as_str();
                let message =
                    format!("The prompt was blocked: it looks like a prompt injection (category: {category}).");
                Rejection::new(StatusCode::BAD_REQUEST, "prompt_injection_detected", message).final_()
            }
            Refused::TooLong { bytes_max } => {
                let message = format!(
                    "The prompt has more than {bytes_max} bytes of text, which is the most that is scanned here."
                );
                Rejection::new(StatusCode::PAYLOAD_TOO_LARGE, "prompt_too_long", message).final_()
            }
            Refused::Overloaded => Rejection::overloaded("a long prompt waited for its scan"),
            Refused::Failed => Rejection::internal().because("the scan failed"),
        }
    }
}

impl From<UpstreamError> for Rejection {
    fn from(error: UpstreamError) -> Rejection {
        match &error {
            UpstreamError::NoTarget(dialect) => Rejection::new(
                StatusCode::NOT_FOUND,
                "no_upstream",
                format!(
                    "No provider that is configured here takes this kind of request in the {} dialect.",
                    dialect.as_str()
                ),
            )
            .final_(),
            UpstreamError::UnknownModel => {
                let message = "There is no model of this name. GET /v1/models lists those there are.";
                Rejection::new(StatusCode::NOT_FOUND, "model_not_found", message).final_()
            }
            UpstreamError::Untranslatable(what) => {
                let message = format!("No provider for this request can take it: {what}.");
                Rejection::new(StatusCode::BAD_REQUEST, "not_translatable", message).final_()
            }
            UpstreamError::AllShut { opens_after } => {
                let message = "Every provider for this request has failed lately and is left alone for a while.";
                Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "upstreams_shut", message)
                    .again_after(*opens_after)
                    .because(&error)
            }
            UpstreamError::Sealed(_) => {
                let message = "The tenant's own provider key cannot be used right now.";
                Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "provider_key_unavailable", message)
                    .retry_after(RETRY_UNAVAILABLE)
                    .because(&error)
            }
            UpstreamError::Unreachable { .. } => {
                let message = "No provider for this request could be reached.";
                Rejection::new(StatusCode::BAD_GATEWAY, "upstream_unreachable", message).because(&error)
            }
            UpstreamError::Timeout { .. } => {
                let message = "No provider for this request answered in time.";
                Rejection::new(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", message).because(&error)
            }
        }
    }
}
