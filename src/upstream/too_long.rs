//! How providers say that a conversation is longer than the model takes.

/// OpenAI's code for it, and how Anthropic and the usual servers of open models word it.
pub(super) const SAID_OF_TOO_LONG: [&str; 4] =
    ["context_length_exceeded", "prompt is too long", "maximum context length", "exceed context limit"];
