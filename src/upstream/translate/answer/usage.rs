//! Tokens, as OpenAI's two formats count them: each has its own words for the counts, and the same for what is in them.

use serde::{Deserialize, Serialize};

use super::words::Usage;

#[derive(Default, Deserialize)]
pub(super) struct InputDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
pub(super) struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

/// What is not told is none. What was cached is counted into the input.
pub(super) fn read(
    (input, input_details): (Option<u64>, Option<InputDetails>),
    (output, output_details): (Option<u64>, Option<OutputDetails>),
) -> Usage {
    let InputDetails { cached_tokens, cache_write_tokens } = input_details.unwrap_or_default();
    let OutputDetails { reasoning_tokens } = output_details.unwrap_or_default();
    let (cache_read, cache_written) = (cached_tokens.unwrap_or(0), cache_write_tokens.unwrap_or(0));
    Usage {
        fresh: input.unwrap_or(0).saturating_sub(cache_read).saturating_sub(cache_written),
        cache_read,
        cache_written,
        output: output.unwrap_or(0),
        reasoning: reasoning_tokens.unwrap_or(0),
    }
}

#[derive(Serialize)]
pub(super) struct WrittenInputDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Serialize)]
pub(super) struct WrittenOutputDetails {
    reasoning_tokens: u64,
}

impl From<&Usage> for WrittenInputDetails {
    fn from(usage: &Usage) -> WrittenInputDetails {
        WrittenInputDetails { cached_tokens: usage.cache_read, cache_write_tokens: usage.cache_written }
    }
}

impl From<&Usage> for WrittenOutputDetails {
    fn from(usage: &Usage) -> WrittenOutputDetails {
        WrittenOutputDetails { reasoning_tokens: usage.reasoning }
    }
}
