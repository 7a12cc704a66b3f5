//! Errors: both providers' bodies and events of a stream (their API references, «Errors»).

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::words::Text;
use crate::route::Dialect;
use crate::upstream::too_long::SAID_OF_TOO_LONG;

/// What an upstream says that went wrong.
#[derive(Debug)]
pub(super) struct Failure {
    kind: Kind,
    message: String,
    /// OpenAI's own words, which stay as they are between its formats.
    named: Option<Named>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Invalid,
    /// Clients shorten the conversation by themselves once they are told this.
    TooLong,
    Authentication,
    Billing,
    Permission,
    NotFound,
    TooLarge,
    RateLimited,
    Timeout,
    Overloaded,
    Server,
}

#[derive(Debug, Default)]
struct Named {
    r#type: Option<String>,
    code: Option<String>,
    param: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBody<'a> {
    #[serde(borrow)]
    error: ErrorObject<'a>,
}

/// Anthropic's has type and message alone.
#[derive(Deserialize)]
pub(super) struct ErrorObject<'a> {
    #[serde(borrow)]
    pub(super) message: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) r#type: Option<Text<'a>>,
    /// Compatible servers have numbers here.
    #[serde(borrow)]
    pub(super) code: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) param: Option<&'a RawValue>,
}

impl Failure {
    /// The status says what kind of error it is, and the body what is wrong.
    pub(super) fn of_body(upstream: Dialect, status: StatusCode, body: &[u8]) -> Failure {
        let kind = Kind::of_status(status);
        let nested = serde_json::from_slice(body).map(|ErrorBody { error }| error);
        // Mistral's and older servers' of open models have its fields at the top.
        match nested.or_else(|_| serde_json::from_slice::<ErrorObject<'_>>(body)) {
            Ok(error) if error.message.is_some() => Failure::new(upstream, kind, &error),
            _ => {
                let message = format!("The provider answered with status {}.", status.as_u16());
                Failure { kind, message, named: None }
            }
        }
    }

    /// An event of a stream has no status.
    pub(super) fn of_event(upstream: Dialect, error: &ErrorObject<'_>) -> Failure {
        let code = error.code.map(word).unwrap_or_default();
        let kind = Kind::of_name(&code).or_else(|| Kind::of_name(error.r#type.as_deref().unwrap_or_default()));
        Failure::new(upstream, kind.unwrap_or(Kind::Server), error)
    }

    /// The upstream's stream is not what its format promises.
    pub(super) fn unreadable() -> Failure {
        let message = "The provider's answer cannot be read. What was sent before is all there is.".to_owned();
        let code = Some("upstream_unreadable".to_owned());
        Failure { kind: Kind::Server, message, named: Some(Named { code, ..Named::default() }) }
    }

    fn new(upstream: Dialect, kind: Kind, error: &ErrorObject<'_>) -> Failure {
        let message = error.message.as_deref().unwrap_or("The provider failed.");
        let code = error.code.map(word);
        let says = |known: &&str| message.contains(known) || code.as_deref() == Some(known);
        let too_long = matches!(kind, Kind::Invalid | Kind::TooLarge) && SAID_OF_TOO_LONG.iter().any(says);
        let kind = if too_long { Kind::TooLong } else { kind };
        // It is our own key that was refused: the caller cannot mend it, and OpenAI's message has a part of it.
        if kind == Kind::Authentication {
            let message = "The provider did not accept the gate's credential.".to_owned();
            return Failure { kind, message, named: None };
        }
        let named = (upstream == Dialect::OpenAi).then(|| Named {
            r#type: error.r#type.as_deref().map(str::to_owned),
            code: code.map(Cow::into_owned),
            param: error.param.map(|param| word(param).into_owned()),
        });
        Failure { kind, message: message.to_owned(), named }
    }

    /// The body of an answer, with our own `detail` beside the provider's fields.
    pub(super) fn body(&self, caller: Dialect, request_id: &str) -> Bytes {
        Bytes::from(self.json(caller, Some(request_id)))
    }

    /// The data of an error event in Anthropic's format or in OpenAI's chat completions.
    pub(super) fn event(&self, caller: Dialect) -> Vec<u8> {
        self.json(caller, None)
    }

    fn json(&self, caller: Dialect, request_id: Option<&str>) -> Vec<u8> {
        let json = match caller {
            Dialect::Anthropic => {
                let message = self.anthropic_message();
                serde_json::to_vec(&WrittenAnthropic {
                    r#type: "error",
                    error: WrittenAnthropicDetail { r#type: self.kind.anthropic_type(), message: &message },
                    request_id,
                    detail: &message,
                })
            }
            Dialect::OpenAi | Dialect::Any => {
                serde_json::to_vec(&WrittenOpenAi { error: self.openai(), detail: &self.message })
            }
        };
        json.expect("texts always serialise")
    }

    /// As it stands under `error` in all of OpenAI's formats.
    pub(super) fn openai(&self) -> WrittenOpenAiDetail<'_> {
        let named = self.named.as_ref();
        WrittenOpenAiDetail {
            message: &self.message,
            r#type: named.and_then(|named| named.r#type.as_deref()).unwrap_or_else(|| self.kind.openai_type()),
            param: named.and_then(|named| named.param.as_deref()),
            // Servers of open models have a code of their own, or the status, where OpenAI's clients look for this one.
            code: match named {
                Some(named) if self.kind != Kind::TooLong => named.code.as_deref(),
                _ => self.kind.openai_code(),
            },
        }
    }

    /// Clients of Anthropic's know a conversation that is too long by these words alone.
    fn anthropic_message(&self) -> Cow<'_, str> {
        match self.kind {
            Kind::TooLong if !self.message.contains(TOO_LONG_WORDS) => {
                Cow::Owned(format!("{TOO_LONG_WORDS}: {}", self.message))
            }
            _ => Cow::Borrowed(&self.message),
        }
    }
}

/// OpenAI has no 529.
pub(super) fn status(caller: Dialect, status: StatusCode) -> StatusCode {
    match (caller, status.as_u16()) {
        (Dialect::OpenAi | Dialect::Any, 529) => StatusCode::from_u16(503).expect("it is a status"),
        _ => status,
    }
}

/// A string's text, or a number's digits.
fn word(value: &RawValue) -> Cow<'_, str> {
    serde_json::from_str::<Text<'_>>(value.get()).map_or(Cow::Borrowed(value.get()), |text| text.0)
}

impl Kind {
    fn of_status(status: StatusCode) -> Kind {
        match status.as_u16() {
            401 => Kind::Authentication,
            402 => Kind::Billing,
            403 => Kind::Permission,
            404 => Kind::NotFound,
            408 | 504 => Kind::Timeout,
            413 => Kind::TooLarge,
            429 => Kind::RateLimited,
            503 | 529 => Kind::Overloaded,
            400..=499 => Kind::Invalid,
            _ => Kind::Server,
        }
    }

    /// By an error's type in either dialect, or its code in OpenAI's.
    fn of_name(name: &str) -> Option<Kind> {
        match name {
            "invalid_request_error" => Some(Kind::Invalid),
            TOO_LONG_CODE => Some(Kind::TooLong),
            "authentication_error" | "invalid_api_key" => Some(Kind::Authentication),
            "billing_error" => Some(Kind::Billing),
            "permission_error" => Some(Kind::Permission),
            "not_found_error" | "model_not_found" => Some(Kind::NotFound),
            "request_too_large" => Some(Kind::TooLarge),
            "rate_limit_error" | "rate_limit_exceeded" | "insufficient_quota" => Some(Kind::RateLimited),
            "timeout_error" => Some(Kind::Timeout),
            "overloaded_error" | "service_unavailable_error" | OVERLOADED_CODE => Some(Kind::Overloaded),
            "api_error" | "server_error" => Some(Kind::Server),
            _ => None,
        }
    }

    fn anthropic_type(self) -> &'static str {
        match self {
            Kind::Invalid | Kind::TooLong => "invalid_request_error",
            Kind::Authentication => "authentication_error",
            Kind::Billing => "billing_error",
            Kind::Permission => "permission_error",
            Kind::NotFound => "not_found_error",
            Kind::TooLarge => "request_too_large",
            Kind::RateLimited => "rate_limit_error",
            Kind::Timeout => "timeout_error",
            Kind::Overloaded => "overloaded_error",
            Kind::Server => "api_error",
        }
    }

    fn openai_type(self) -> &'static str {
        match self {
            Kind::Invalid | Kind::TooLong | Kind::NotFound | Kind::TooLarge => "invalid_request_error",
            Kind::Authentication => "authentication_error",
            Kind::Billing => "insufficient_quota",
            Kind::Permission => "permission_error",
            Kind::RateLimited => "rate_limit_error",
            Kind::Overloaded => "service_unavailable_error",
            Kind::Timeout | Kind::Server => "server_error",
        }
    }

    fn openai_code(self) -> Option<&'static str> {
        match self {
            Kind::TooLong => Some(TOO_LONG_CODE),
            Kind::Authentication => Some("invalid_api_key"),
            Kind::Billing => Some("insufficient_quota"),
            // Of what Anthropic's API is asked for here, only the model can be missing.
            Kind::NotFound => Some("model_not_found"),
            Kind::TooLarge => Some("request_too_large"),
            Kind::RateLimited => Some("rate_limit_exceeded"),
            Kind::Overloaded => Some(OVERLOADED_CODE),
            Kind::Invalid | Kind::Permission | Kind::Timeout | Kind::Server => None,
        }
    }
}

const TOO_LONG_CODE: &str = "context_length_exceeded";
const TOO_LONG_WORDS: &str = "prompt is too long";
const OVERLOADED_CODE: &str = "server_is_overloaded";

#[derive(Serialize)]
struct WrittenAnthropic<'a> {
    r#type: &'static str,
    error: WrittenAnthropicDetail<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    detail: &'a str,
}

#[derive(Serialize)]
struct WrittenAnthropicDetail<'a> {
    r#type: &'static str,
    message: &'a str,
}

#[derive(Serialize)]
struct WrittenOpenAi<'a> {
    error: WrittenOpenAiDetail<'a>,
    detail: &'a str,
}

#[derive(Serialize)]
pub(super) struct WrittenOpenAiDetail<'a> {
    pub(super) message: &'a str,
    pub(super) r#type: &'a str,
    pub(super) param: Option<&'a str>,
    pub(super) code: Option<&'a str>,
}
