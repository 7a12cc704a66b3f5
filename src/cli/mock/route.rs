//! Which endpoint a request addresses, and in which dialect it expects an answer even when there is none.

use bytes::Bytes;
use http::{Method, StatusCode, request::Parts};

use super::{answer::Dialect, anthropic, openai};

/// Whom a request addresses.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Route {
    OpenAi(openai::Endpoint),
    Anthropic(anthropic::Endpoint),
    Unknown(Dialect),
}

impl Route {
    pub(super) fn of(head: &Parts) -> Self {
        let path = head.uri.path();
        // Both dialects list their models at the same path; only Anthropic's clients send a version.
        let is_anthropic = path.starts_with("/v1/messages") || head.headers.contains_key("anthropic-version");
        let route = match head.method {
            Method::POST => Self::post(path),
            Method::GET if is_anthropic => Self::get_anthropic(path),
            Method::GET => Self::get_openai(path),
            _ => None,
        };
        route.unwrap_or(match is_anthropic {
            true => Self::Unknown(Dialect::Anthropic),
            false => Self::Unknown(Dialect::OpenAi),
        })
    }

    fn post(path: &str) -> Option<Self> {
        Some(match path {
            "/v1/chat/completions" => Self::OpenAi(openai::Endpoint::ChatCompletions),
            "/v1/completions" => Self::OpenAi(openai::Endpoint::Completions),
            "/v1/embeddings" => Self::OpenAi(openai::Endpoint::Embeddings),
            "/v1/responses" => Self::OpenAi(openai::Endpoint::Responses),
            "/v1/messages" => Self::Anthropic(anthropic::Endpoint::Messages),
            "/v1/messages/count_tokens" => Self::Anthropic(anthropic::Endpoint::CountTokens),
            _ => return None,
        })
    }

    fn get_openai(path: &str) -> Option<Self> {
        if path == "/v1/models" {
            return Some(Self::OpenAi(openai::Endpoint::Models));
        }
        let id = path.strip_prefix("/v1/models/")?;
        Some(Self::OpenAi(openai::Endpoint::Model(id.to_owned())))
    }

    fn get_anthropic(path: &str) -> Option<Self> {
        if path == "/v1/models" {
            return Some(Self::Anthropic(anthropic::Endpoint::Models));
        }
        let id = path.strip_prefix("/v1/models/")?;
        Some(Self::Anthropic(anthropic::Endpoint::Model(id.to_owned())))
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::OpenAi(_) => Dialect::OpenAi,
            Self::Anthropic(_) => Dialect::Anthropic,
            Self::Unknown(dialect) => *dialect,
        }
    }

    /// The body of the 400 for a prompt that is too long.
    pub(super) fn context_window(&self, request_id: &str) -> Bytes {
        match self {
            Self::OpenAi(endpoint) => {
                let (message, param) = endpoint.context_window();
                openai::error(StatusCode::BAD_REQUEST, message, Some(param), Some("context_length_exceeded"))
            }
            Self::Anthropic(_) | Self::Unknown(_) => {
                anthropic::error(StatusCode::BAD_REQUEST, anthropic::PROMPT_TOO_LONG, None, request_id)
            }
        }
    }
}
