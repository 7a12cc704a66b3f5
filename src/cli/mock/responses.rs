//! OpenAI's `/v1/responses`.
//!
//! Shapes and order of events after <https://platform.openai.com/docs/api-reference/responses-streaming>. Unlike the
//! older endpoints its events are named and numbered, and no `[DONE]` follows them.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    answer::{self, Answer, SIGNATURE, Voice, named_event, pieces, tokens},
    ask::{Ask, Call},
    reply::{Reply, Stop},
};

pub(super) fn answer(voice: &Voice<'_>, ask: &Ask) -> Answer {
    let response = Response { voice, ask, reply: Reply::new(voice, ask) };
    match ask.streams {
        true => Answer::Events(response.events()),
        false => Answer::Whole(answer::json(&response.finished())),
    }
}

/// The event that reports a failure within a stream, after so many others.
pub(super) fn error_event(code: &str, message: &str, events: usize) -> Bytes {
    let data = json!({"type": "error", "code": code, "message": message, "param": null, "sequence_number": events});
    named_event("error", &data)
}

struct Response<'a> {
    voice: &'a Voice<'a>,
    ask: &'a Ask,
    reply: Reply,
}

/// One thing of the output.
enum Item<'a> {
    Thought { id: String, summary: &'a str },
    Message { id: String, text: &'a str, is_whole: bool },
    Call { id: String, call_id: String, call: &'a Call },
}

impl Response<'_> {
    fn items(&self) -> Vec<Item<'_>> {
        let (voice, reply) = (self.voice, &self.reply);
        let thought = reply.thinking.as_deref().map(|summary| Item::Thought { id: voice.id("rs_"), summary });
        let is_whole = reply.stop != Stop::Length;
        let message = Item::Message { id: voice.id("msg_"), text: &reply.text, is_whole };
        let message = Some(message).filter(|_| !reply.text.is_empty() || reply.calls.is_empty());
        let calls = reply.calls.iter().enumerate().map(|(index, call)| Item::Call {
            id: voice.nth_id("fc_", index),
            call_id: voice.nth_id("call_", index),
            call,
        });
        thought.into_iter().chain(message).chain(calls).collect()
    }

    fn events(&self) -> Vec<Bytes> {
        let begun = self.response("in_progress", json!([]), Value::Null);
        let mut script = Script::default();
        script.add("response.created", json!({"response": begun}), &Value::Null);
        script.add("response.in_progress", json!({"response": begun}), &Value::Null);
        for (index, item) in self.items().iter().enumerate() {
            let place = json!({"output_index": index});
            script.add("response.output_item.added", json!({"item": item.begun()}), &place);
            item.play(index, &mut script);
            script.add("response.output_item.done", json!({"item": item.finished()}), &place);
        }
        let end = format!("response.{}", self.status());
        script.add(&end, json!({"response": self.finished()}), &Value::Null);
        script.events
    }

    fn status(&self) -> &'static str {
        match self.reply.stop {
            Stop::Length => "incomplete",
            Stop::End | Stop::Sequence(_) | Stop::Calls => "completed",
        }
    }

    fn finished(&self) -> Value {
        let reply = &self.reply;
        // Cached tokens are counted among those of the prompt.
        let (input_tokens, output_tokens) = (reply.input_tokens + reply.cached_tokens, reply.output_tokens());
        let usage = json!({
            "input_tokens": input_tokens,
            "input_tokens_details": {"cached_tokens": reply.cached_tokens, "cache_write_tokens": 0},
            "output_tokens": output_tokens,
            "output_tokens_details": {"reasoning_tokens": reply.thinking_tokens()},
            "total_tokens": input_tokens + output_tokens,
        });
        let output: Vec<Value> = self.items().iter().map(Item::finished).collect();
        self.response(self.status(), json!(output), usage)
    }

    fn response(&self, status: &str, output: Value, usage: Value) -> Value {
        let incomplete = match status {
            "incomplete" => json!({"reason": "max_output_tokens"}),
            _ => Value::Null,
        };
        json!({
            "id": self.voice.id("resp_"),
            "object": "response",
            "created_at": self.voice.created,
            "status": status,
            "error": null,
            "incomplete_details": incomplete,
            "instructions": null,
            "max_output_tokens": self.ask.tokens_max,
            "metadata": {},
            "model": self.ask.model,
            "output": output,
            "parallel_tool_calls": true,
            "previous_response_id": null,
            "store": true,
            "temperature": 1.0,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": usage,
        })
    }
}

impl Item<'_> {
    /// As it is announced, still empty.
    fn begun(&self) -> Value {
        match self {
            Item::Thought { id, .. } => json!({"id": id, "type": "reasoning", "summary": []}),
            Item::Message { id, .. } => message(id, "in_progress", json!([])),
            Item::Call { id, call_id, call } => call_item(id, "in_progress", call_id, &call.name, ""),
        }
    }

    fn finished(&self) -> Value {
        match self {
            Item::Thought { id, summary } => json!({
                "id": id, "type": "reasoning", "summary": [summary_part(summary)], "encrypted_content": SIGNATURE,
            }),
            Item::Message { id, text, is_whole } => {
                let status = if *is_whole { "completed" } else { "incomplete" };
                message(id, status, json!([text_part(text)]))
            }
            Item::Call { id, call_id, call } => call_item(id, "completed", call_id, &call.name, call.arguments.get()),
        }
    }

    /// The events between its announcement and its end.
    fn play(&self, index: usize, script: &mut Script) {
        match self {
            Item::Thought { id, summary } => {
                let place = json!({"item_id": id, "output_index": index, "summary_index": 0});
                script.add("response.reasoning_summary_part.added", json!({"part": summary_part("")}), &place);
                for token in tokens(summary) {
                    script.add("response.reasoning_summary_text.delta", json!({"delta": token}), &place);
                }
                script.add("response.reasoning_summary_text.done", json!({"text": summary}), &place);
                script.add("response.reasoning_summary_part.done", json!({"part": summary_part(summary)}), &place);
            }
            Item::Message { id, text, .. } => {
                let place = json!({"item_id": id, "output_index": index, "content_index": 0});
                script.add("response.content_part.added", json!({"part": text_part("")}), &place);
                for token in tokens(text) {
                    script.add("response.output_text.delta", json!({"delta": token, "logprobs": []}), &place);
                }
                script.add("response.output_text.done", json!({"text": text, "logprobs": []}), &place);
                script.add("response.content_part.done", json!({"part": text_part(text)}), &place);
            }
            Item::Call { id, call, .. } => {
                let place = json!({"item_id": id, "output_index": index});
                let arguments = call.arguments.get();
                for piece in pieces(arguments) {
                    script.add("response.function_call_arguments.delta", json!({"delta": piece}), &place);
                }
                let done = json!({"name": call.name, "arguments": arguments});
                script.add("response.function_call_arguments.done", done, &place);
            }
        }
    }
}

fn message(id: &str, status: &str, content: Value) -> Value {
    json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content})
}

fn call_item(id: &str, status: &str, call_id: &str, name: &str, arguments: &str) -> Value {
    json!({
        "id": id, "type": "function_call", "status": status, "call_id": call_id, "name": name, "arguments": arguments,
    })
}

fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn summary_part(text: &str) -> Value {
    json!({"type": "summary_text", "text": text})
}

/// Numbers the events as they are added.
#[derive(Default)]
struct Script {
    events: Vec<Bytes>,
}

impl Script {
    /// `place` says which part of the output the event belongs to, for those that belong to one.
    fn add(&mut self, kind: &str, mut data: Value, place: &Value) {
        data["type"] = json!(kind);
        data["sequence_number"] = json!(self.events.len());
        for (name, value) in place.as_object().into_iter().flatten() {
            data[name] = value.clone();
        }
        self.events.push(named_event(kind, &data));
    }
}
