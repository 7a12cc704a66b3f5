//! OpenAI's `/v1/responses`, for texts.
//!
//! Shapes and order of events after <https://platform.openai.com/docs/api-reference/responses-streaming>. Unlike the
//! older endpoints its events are named and numbered, and no `[DONE]` follows them.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    answer::{self, Answer, Voice, count_tokens, named_event, tokens},
    ask::Ask,
};

pub(super) fn answer(voice: &Voice<'_>, ask: &Ask) -> Answer {
    let reply = Reply { voice, ask, item_id: voice.id("msg_"), text: voice.reply(ask) };
    match ask.streams {
        true => Answer::Events(reply.events()),
        false => Answer::Whole(answer::json(&reply.completed())),
    }
}

/// The event that reports a failure within a stream.
pub(super) fn error_event(message: &str) -> Bytes {
    let data = json!({
        "type": "error", "code": "server_error", "message": message, "param": null, "sequence_number": 0,
    });
    named_event("error", &data)
}

struct Reply<'a> {
    voice: &'a Voice<'a>,
    ask: &'a Ask,
    item_id: String,
    text: String,
}

impl Reply<'_> {
    fn events(&self) -> Vec<Bytes> {
        let place = json!({"item_id": self.item_id, "output_index": 0, "content_index": 0});
        let mut script = Script::default();
        script.add("response.created", json!({"response": self.in_progress()}), &Value::Null);
        script.add("response.in_progress", json!({"response": self.in_progress()}), &Value::Null);
        script.add(
            "response.output_item.added",
            json!({"output_index": 0, "item": self.item("in_progress", json!([]))}),
            &Value::Null,
        );
        script.add("response.content_part.added", json!({"part": part("")}), &place);
        for token in tokens(&self.text) {
            script.add("response.output_text.delta", json!({"delta": token, "logprobs": []}), &place);
        }
        script.add("response.output_text.done", json!({"text": self.text, "logprobs": []}), &place);
        script.add("response.content_part.done", json!({"part": part(&self.text)}), &place);
        script.add("response.output_item.done", json!({"output_index": 0, "item": self.finished_item()}), &Value::Null);
        script.add("response.completed", json!({"response": self.completed()}), &Value::Null);
        script.events
    }

    fn in_progress(&self) -> Value {
        self.response("in_progress", json!([]), Value::Null)
    }

    fn completed(&self) -> Value {
        let output_tokens = count_tokens(&self.text);
        let usage = json!({
            "input_tokens": self.ask.input_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": self.ask.input_tokens + output_tokens,
        });
        self.response("completed", json!([self.finished_item()]), usage)
    }

    fn response(&self, status: &str, output: Value, usage: Value) -> Value {
        json!({
            "id": self.voice.id("resp_"),
            "object": "response",
            "created_at": self.voice.created,
            "status": status,
            "error": null,
            "incomplete_details": null,
            "instructions": null,
            "max_output_tokens": null,
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

    fn finished_item(&self) -> Value {
        self.item("completed", json!([part(&self.text)]))
    }

    fn item(&self, status: &str, content: Value) -> Value {
        json!({"id": self.item_id, "type": "message", "status": status, "role": "assistant", "content": content})
    }
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
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
