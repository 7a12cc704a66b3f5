//! What the providers refuse of a conversation, in their own words: a wrong translation ends here, as it would there.

use std::collections::HashSet;

use super::{
    Malformed,
    body::Body,
    message::{Message, Part, Said},
    tools::Tool,
};
use crate::cli::mock::answer::SIGNATURE;

/// Refuses what OpenAI's chat completions refuse.
pub(super) fn chat(body: &Body<'_>, messages: &[Message<'_>]) -> Result<(), Malformed> {
    temperature(body, 2.0)?;
    for (index, tool) in body.tools.iter().flatten().enumerate() {
        let is_known = matches!(tool.kind.as_deref(), Some("function" | "custom"));
        if !is_known || (tool.kind.as_deref() == Some("function") && tool.function.is_none()) {
            return refused(
                format!("tools[{index}].function"),
                format!("Missing required parameter: 'tools[{index}].function'."),
            );
        }
    }
    for (index, message) in messages.iter().enumerate() {
        if !["system", "developer", "user", "assistant", "tool", "function"].contains(&&*message.role) {
            let problem = format!(
                "Invalid value: '{}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.",
                message.role
            );
            return refused(format!("messages[{index}].role"), problem);
        }
        let place = || format!("messages[{index}].content");
        parts(message.content.as_ref(), place, &["text", "image_url", "input_audio", "file", "refusal"])?;
    }
    chat_tools(messages)
}

/// Each call is answered by the messages that follow it at once, and nothing else is.
fn chat_tools(messages: &[Message<'_>]) -> Result<(), Malformed> {
    let mut open = HashSet::new();
    for (index, message) in messages.iter().enumerate() {
        if message.role == "tool" {
            if !message.tool_call_id.as_ref().is_some_and(|id| open.remove(id)) {
                let problem = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
                return refused(format!("messages.[{index}].role"), problem.to_owned());
            }
            continue;
        }
        unanswered(&open)?;
        open.extend(message.tool_calls.iter().flatten().map(|call| call.id.clone()));
    }
    unanswered(&open)
}

fn unanswered(open: &HashSet<String>) -> Result<(), Malformed> {
    match open.iter().next() {
        None => Ok(()),
        Some(id) => refused(
            "messages".to_owned(),
            format!(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {id}"
            ),
        ),
    }
}

/// Refuses what OpenAI's responses refuse.
pub(super) fn responses(body: &Body<'_>, items: &[Message<'_>]) -> Result<(), Malformed> {
    temperature(body, 2.0)?;
    for (index, tool) in body.tools.iter().flatten().enumerate() {
        if tool.kind.as_deref() == Some("function") && tool.name.is_none() {
            return refused(
                format!("tools[{index}].name"),
                format!("Missing required parameter: 'tools[{index}].name'."),
            );
        }
    }
    for (index, item) in items.iter().enumerate().filter(|(_, item)| item.kind() == "message") {
        if !["system", "developer", "user", "assistant"].contains(&&*item.role) {
            let problem = format!(
                "Invalid value: '{}'. Supported values are: 'assistant', 'system', 'developer', and 'user'.",
                item.role
            );
            return refused(format!("input[{index}].role"), problem);
        }
        let kinds: &[&str] = match &*item.role {
            "assistant" => &["output_text", "refusal"],
            _ => &["input_text", "input_image", "input_file", "input_audio"],
        };
        parts(item.content.as_ref(), || format!("input[{index}].content"), kinds)?;
    }
    match body.continues {
        // What the provider has kept may hold the other half.
        true => Ok(()),
        false => response_tools(items),
    }
}

fn response_tools(items: &[Message<'_>]) -> Result<(), Malformed> {
    let ids = |kind: &str| -> Vec<&str> {
        items.iter().filter(|item| item.kind() == kind).filter_map(|item| item.call_id.as_deref()).collect()
    };
    let (calls, outputs) = (ids("function_call"), ids("function_call_output"));
    if let Some(id) = outputs.iter().find(|id| !calls.contains(id)) {
        return refused("input".to_owned(), format!("No tool call found for function call output with call_id {id}."));
    }
    match calls.iter().find(|id| !outputs.contains(id)) {
        None => Ok(()),
        Some(id) => refused("input".to_owned(), format!("No tool output found for function call {id}.")),
    }
}

/// Refuses what Anthropic's messages refuse.
pub(super) fn messages(body: &Body<'_>, messages: &[Message<'_>]) -> Result<(), Malformed> {
    temperature(body, 1.0)?;
    thinking(body)?;
    for (index, tool) in body.tools.iter().flatten().enumerate() {
        let is_custom = matches!(tool.kind.as_deref(), None | Some("custom"));
        if is_custom && let Some(missing) = missing(tool) {
            return refused(format!("tools.{index}.{missing}"), "Field required".to_owned());
        }
    }
    let mut calls = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        if !["user", "assistant", "system"].contains(&&*message.role) {
            return refused(format!("messages.{index}.role"), "Input should be 'user' or 'assistant'".to_owned());
        }
        parts(message.content.as_ref(), || format!("messages.{index}.content"), BLOCKS)?;
        blocks(message, index)?;
        calls = message_tools(message, index, &calls)?;
    }
    match calls.is_empty() {
        true => Ok(()),
        false => unused(messages.len() - 1, &calls),
    }
}

fn missing(tool: &Tool) -> Option<&'static str> {
    match (&tool.name, &tool.input_schema) {
        (None, _) => Some("name"),
        (_, None) => Some("input_schema"),
        (Some(_), Some(_)) => None,
    }
}

fn thinking(body: &Body<'_>) -> Result<(), Malformed> {
    let Some(thinking) = &body.thinking else { return Ok(()) };
    match (thinking.kind.as_str(), thinking.budget_tokens, body.max_tokens) {
        ("adaptive" | "disabled", _, _) => Ok(()),
        ("enabled", None, _) => refused("thinking.enabled.budget_tokens".to_owned(), "Field required".to_owned()),
        ("enabled", Some(..1024), _) => refused(
            "thinking.enabled.budget_tokens".to_owned(),
            "Input should be greater than or equal to 1024".to_owned(),
        ),
        ("enabled", Some(budget), Some(max)) if budget >= max => {
            refused("max_tokens".to_owned(), "`max_tokens` must be greater than `thinking.budget_tokens`".to_owned())
        }
        ("enabled", Some(_), _) => Ok(()),
        (_, _, _) => refused(
            "thinking".to_owned(),
            "Input tag does not match any of the expected tags: 'adaptive', 'disabled', 'enabled'".to_owned(),
        ),
    }
}

fn blocks(message: &Message<'_>, index: usize) -> Result<(), Malformed> {
    for (part, block) in message.blocks().enumerate() {
        let place = || format!("messages.{index}.content.{part}");
        if block.kind == "text" && block.text.is_empty() {
            return refused(place(), "text content blocks must be non-empty".to_owned());
        }
        if block.kind == "thinking" && block.signature.as_deref() != Some(SIGNATURE) {
            return refused(place(), "Invalid `signature` in `thinking` block".to_owned());
        }
    }
    Ok(())
}

/// Holds a message against the `calls` of the one before it; returns its own.
fn message_tools(message: &Message<'_>, index: usize, calls: &[String]) -> Result<Vec<String>, Malformed> {
    let mut open: Vec<&String> = calls.iter().collect();
    for (part, block) in message.blocks().enumerate().filter(|(_, block)| block.kind == "tool_result") {
        let id = block.tool_use_id.as_deref().unwrap_or_default();
        let Some(at) = open.iter().position(|call| *call == id) else {
            let problem = format!(
                "unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            );
            return refused(format!("messages.{index}.content.{part}"), problem);
        };
        open.remove(at);
    }
    if !open.is_empty() {
        return unused(index - 1, calls);
    }
    Ok(message.blocks().filter(|block| block.kind == "tool_use").filter_map(|block| block.id.clone()).collect())
}

fn unused<T>(index: usize, calls: &[String]) -> Result<T, Malformed> {
    let problem = format!(
        "`tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
        calls.join(", ")
    );
    refused(format!("messages.{index}"), problem)
}

fn temperature(body: &Body<'_>, max: f64) -> Result<(), Malformed> {
    match body.temperature {
        Some(temperature) if !(0.0..=max).contains(&temperature) => {
            refused("temperature".to_owned(), format!("must be between 0 and {max}"))
        }
        _ => Ok(()),
    }
}

/// Refuses parts of kinds that the format does not have, and parts that show nothing. `place` is asked for only then.
fn parts(content: Option<&Said<'_>>, place: impl Fn() -> String, kinds: &[&str]) -> Result<(), Malformed> {
    let parts = match content {
        None | Some(Said::Text(_)) => return Ok(()),
        Some(Said::Other(_)) => return refused(place(), "must be a text or a list of parts".to_owned()),
        Some(Said::Parts(parts)) => parts,
    };
    for (index, part) in parts.iter().enumerate() {
        let place = || format!("{}[{index}]", place());
        let Part::Block(block) = part else {
            return refused(place(), "is no part of a content".to_owned());
        };
        if !kinds.contains(&&*block.kind) {
            let problem = format!("Invalid value: '{}'. Supported values are: '{}'.", block.kind, kinds.join("', '"));
            return refused(format!("{}.type", place()), problem);
        }
        if let Err(problem) = block.media() {
            return refused(place(), problem);
        }
    }
    Ok(())
}

fn refused<T>(place: String, problem: String) -> Result<T, Malformed> {
    Err(Malformed::Refused { place, problem })
}

/// The blocks of a message that a client may send.
const BLOCKS: &[&str] = &[
    "text",
    "image",
    "document",
    "search_result",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "tool_result",
    "server_tool_use",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "container_upload",
];
