//! Puts a stream together to the whole answer, as the providers' SDKs do.

use serde_json::{Value, json};

use super::events;
use crate::upstream::translate::Format;

pub(super) fn accumulate(format: Format, stream: &str) -> Value {
    let data = events(stream).into_iter().filter_map(|event| {
        let (head, data) = event.split_once("data: ")?;
        let data = data.trim_end();
        let value: Option<Value> = (data != "[DONE]").then(|| serde_json::from_str(data).unwrap());
        // Where an event has a name, its data says the same.
        if let (Some(name), Some(value)) = (head.strip_prefix("event: "), &value) {
            assert_eq!(value["type"], name.trim_end());
        }
        value
    });
    match format {
        Format::Chat => chat(data),
        Format::Messages => messages(data),
        Format::Responses => responses(data),
    }
}

fn append(target: &mut Value, more: &Value) {
    if let Some(more) = more.as_str() {
        let whole = target.as_str().unwrap_or_default().to_owned() + more;
        *target = json!(whole);
    }
}

fn chat(chunks: impl Iterator<Item = Value>) -> Value {
    let mut whole = Value::Null;
    let mut message = json!({ "content": null, "refusal": null });
    for mut chunk in chunks {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        for choice in chunk["choices"].as_array().unwrap() {
            assert_eq!(whole["choices"][0]["finish_reason"], Value::Null, "nothing follows the reason to stop");
            let delta = &choice["delta"];
            if delta["role"].is_string() {
                message["role"] = delta["role"].clone();
            }
            for name in ["content", "refusal", "reasoning_content"] {
                append(&mut message[name], &delta[name]);
            }
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                let calls = &mut message["tool_calls"];
                if calls.is_null() {
                    *calls = json!([]);
                }
                let calls = calls.as_array_mut().unwrap();
                let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
                if index == calls.len() {
                    calls.push(json!({ "id": call["id"], "type": call["type"], "function": call["function"] }));
                } else {
                    append(&mut calls[index]["function"]["arguments"], &call["function"]["arguments"]);
                }
            }
        }
        let finish_reason = &chunk["choices"][0]["finish_reason"];
        let finish_reason = if finish_reason.is_null() { &whole["choices"][0]["finish_reason"] } else { finish_reason };
        let choice = json!({ "index": 0, "logprobs": null, "finish_reason": finish_reason });
        chunk["choices"] = json!([choice]);
        whole = chunk;
    }
    if message["reasoning_content"].is_null() {
        message.as_object_mut().unwrap().remove("reasoning_content");
    }
    whole["object"] = json!("chat.completion");
    whole["choices"][0]["message"] = message;
    whole
}

fn messages(events: impl Iterator<Item = Value>) -> Value {
    let mut whole = Value::Null;
    let mut open = None;
    let mut input = String::new();
    let mut stopped = false;
    for event in events {
        assert!(!stopped, "nothing follows the end");
        let index = event["index"].as_u64().map(|index| usize::try_from(index).unwrap());
        match event["type"].as_str().unwrap() {
            "message_start" => {
                assert!(whole.is_null());
                whole = event["message"].clone();
            }
            "content_block_start" => {
                let content = whole["content"].as_array_mut().unwrap();
                assert_eq!((open, index), (None, Some(content.len())), "one block after the other");
                content.push(event["content_block"].clone());
                open = index;
                input.clear();
            }
            "content_block_delta" => {
                assert_eq!(index, open);
                let delta = &event["delta"];
                let block = &mut whole["content"][index.unwrap()];
                match delta["type"].as_str().unwrap() {
                    "text_delta" => append(&mut block["text"], &delta["text"]),
                    "thinking_delta" => append(&mut block["thinking"], &delta["thinking"]),
                    "input_json_delta" => input.push_str(delta["partial_json"].as_str().unwrap()),
                    other => panic!("{other}"),
                }
            }
            "content_block_stop" => {
                assert_eq!(index, open.take());
                if !input.is_empty() {
                    whole["content"][index.unwrap()]["input"] = serde_json::from_str(&input).unwrap();
                }
            }
            "message_delta" => {
                for (name, value) in event["delta"].as_object().unwrap() {
                    whole[name] = value.clone();
                }
                for (name, value) in event["usage"].as_object().unwrap() {
                    whole["usage"][name] = value.clone();
                }
            }
            "message_stop" => stopped = true,
            other => panic!("{other}"),
        }
    }
    assert!(stopped && open.is_none());
    whole
}

fn responses(events: impl Iterator<Item = Value>) -> Value {
    let mut whole = Value::Null;
    for (number, event) in events.enumerate() {
        assert_eq!(event["sequence_number"], number);
        let at = |name: &str| usize::try_from(event[name].as_u64().unwrap()).unwrap();
        let delta = &event["delta"];
        if event["output_index"].is_u64() && event["item_id"].is_string() {
            assert_eq!(whole["output"][at("output_index")]["id"], event["item_id"]);
        }
        match event["type"].as_str().unwrap() {
            "response.created" => whole = event["response"].clone(),
            "response.in_progress" => assert_eq!(whole, event["response"]),
            "response.output_item.added" => {
                let output = whole["output"].as_array_mut().unwrap();
                assert_eq!(output.len(), at("output_index"));
                output.push(event["item"].clone());
            }
            "response.content_part.added" => {
                let content = whole["output"][at("output_index")]["content"].as_array_mut().unwrap();
                assert_eq!(content.len(), at("content_index"));
                content.push(event["part"].clone());
            }
            "response.reasoning_summary_part.added" => {
                let summary = whole["output"][at("output_index")]["summary"].as_array_mut().unwrap();
                assert_eq!(summary.len(), at("summary_index"));
                summary.push(event["part"].clone());
            }
            "response.output_text.delta" => {
                assert_eq!(event["logprobs"], json!([]));
                append(&mut whole["output"][at("output_index")]["content"][at("content_index")]["text"], delta);
            }
            "response.refusal.delta" => {
                append(&mut whole["output"][at("output_index")]["content"][at("content_index")]["refusal"], delta);
            }
            "response.reasoning_summary_text.delta" => {
                append(&mut whole["output"][at("output_index")]["summary"][at("summary_index")]["text"], delta);
            }
            "response.function_call_arguments.delta" => {
                append(&mut whole["output"][at("output_index")]["arguments"], delta);
            }
            "response.output_text.done" => {
                assert_eq!(whole["output"][at("output_index")]["content"][0]["text"], event["text"]);
            }
            "response.refusal.done" => {
                assert_eq!(whole["output"][at("output_index")]["content"][0]["refusal"], event["refusal"]);
            }
            "response.reasoning_summary_text.done" => {
                assert_eq!(whole["output"][at("output_index")]["summary"][0]["text"], event["text"]);
            }
            "response.function_call_arguments.done" => {
                assert_eq!(whole["output"][at("output_index")]["arguments"], event["arguments"]);
            }
            "response.content_part.done" => {
                assert_eq!(whole["output"][at("output_index")]["content"][0], event["part"]);
            }
            "response.reasoning_summary_part.done" => {
                assert_eq!(whole["output"][at("output_index")]["summary"][0], event["part"]);
            }
            "response.output_item.done" => {
                let item = &mut whole["output"][at("output_index")];
                if item["status"].is_string() {
                    item["status"] = event["item"]["status"].clone();
                }
                assert_eq!(*item, event["item"]);
            }
            "response.completed" | "response.incomplete" => {
                assert_eq!(whole["output"], event["response"]["output"], "the last event repeats what was streamed");
                assert_eq!(whole["id"], event["response"]["id"]);
                whole = event["response"].clone();
            }
            other => panic!("{other}"),
        }
    }
    whole
}
