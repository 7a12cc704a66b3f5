//! What a model refuses by its name is kept from it, and told to a model that takes it.

use bytes::Bytes;
use serde_json::{Value, json};

use super::refusals::request as body;
use crate::upstream::translate::Format::{self, Chat, Messages, Responses};
use crate::upstream::translate::request::request;
use crate::upstream::translate::{Asked, Pair, Said, Untranslatable};

/// Says a request to a model of the upstream's.
fn to(upstream: Format, model: &str, changes: Value) -> Result<Said, Untranslatable> {
    let caller = if upstream == Chat { Responses } else { Chat };
    let text = Bytes::from(body(caller, changes).to_string());
    request(Pair { caller, upstream }, &Asked { body: &text, model: Some(model), identifier: None })
}

fn said(upstream: Format, model: &str, changes: Value) -> (Value, Vec<&'static str>) {
    let said = to(upstream, model, changes).unwrap();
    (super::json(&said), said.left_out)
}

#[test]
fn temperature_is_refused_where_the_model_does_not_sample() {
    let takes = |upstream, model: &str, changes: Value| to(upstream, model, changes).map_err(|refusal| refusal.place);
    for name in ["temperature", "top_p"] {
        for (upstream, model) in [
            (Responses, "o3-mini"),
            (Responses, "gpt-5"),
            (Responses, "openai/gpt-5-mini-2025-08-07"),
            (Chat, "gpt-5.1"),
            (Responses, "gpt-5.2-pro"),
            (Responses, "gpt-5.5"),
            (Messages, "claude-opus-4-7"),
            (Messages, "anthropic/claude-opus-4.8"),
            (Messages, "claude-sonnet-5"),
            (Messages, "claude-fable-5-1"),
        ] {
            assert_eq!(takes(upstream, model, json!({name: 0.5})).unwrap_err(), name, "{model}");
            let (default, left_out) = said(upstream, model, json!({name: 1.0}));
            assert!(default.get(name).is_none() && left_out.is_empty(), "{default}");
        }
        for (upstream, model) in [
            (Responses, "gpt-4o"),
            (Responses, "gpt-5-chat-latest"),
            (Responses, "gpt-5.2"),
            (Responses, "a-model"),
            (Messages, "claude-opus-4-6"),
            (Messages, "claude-opus-4@20250514"),
            (Messages, "a-model"),
        ] {
            assert_eq!(said(upstream, model, json!({name: 0.5})).0[name], 0.5, "{model}");
        }
    }
    let reasoning = |effort: &str| json!({"temperature": 0.5, "reasoning_effort": effort});
    assert_eq!(takes(Responses, "gpt-5.2", reasoning("low")).unwrap_err(), "temperature");
    assert!(takes(Responses, "gpt-5.5", reasoning("none")).is_ok());
}

#[test]
fn temperature_beside_top_p_is_refused_for_newer_claudes() {
    let both = json!({"temperature": 0.5, "top_p": 0.9});
    assert_eq!(to(Messages, "claude-sonnet-4.5", both.clone()).unwrap_err().place, "top_p");
    assert!(to(Messages, "claude-3-7-sonnet-20250219", both).is_ok());
    assert!(to(Messages, "claude-sonnet-4.5", json!({"temperature": 1, "top_p": 0.9})).is_ok());
}

#[test]
fn tools_and_reasoning_together_are_refused_in_chat_where_the_model_does_it_by_responses_alone() {
    let tools = json!([{"type": "function", "name": "f", "parameters": {"type": "object"}}]);
    let asked = |effort: &str| json!({"reasoning": {"effort": effort}, "tools": tools});
    for model in ["gpt-5.4", "gpt-5.5-2026-04-23"] {
        assert_eq!(to(Chat, model, asked("low")).unwrap_err().place, "tools[0].name");
        assert!(to(Chat, model, asked("none")).is_ok());
        assert!(to(Chat, model, json!({"reasoning": {"effort": "low"}})).is_ok());
    }
    assert!(to(Chat, "gpt-5.2", asked("low")).is_ok());
}

#[test]
fn effort_is_the_nearest_that_the_model_takes() {
    for (model, asked, takes) in [
        ("o3", "xhigh", "high"),
        ("o3", "none", "low"),
        ("gpt-5", "max", "high"),
        ("gpt-5", "none", "minimal"),
        ("gpt-5.1", "minimal", "low"),
        ("gpt-5-pro", "low", "high"),
        ("gpt-5.4", "max", "xhigh"),
        ("gpt-5.1-codex-max", "max", "xhigh"),
        ("gpt-5.1-codex", "none", "low"),
    ] {
        let (said, left_out) = said(Responses, model, json!({"reasoning_effort": asked}));
        assert_eq!((&said["reasoning"]["effort"], left_out), (&json!(takes), vec!["effort"]), "{model}");
    }
    for (model, asked, takes) in [
        ("claude-opus-4-5", "max", "high"),
        ("us.anthropic.claude-opus-4-6-v1:0", "xhigh", "high"),
        ("claude-opus-4.6", "xhigh", "high"),
        ("claude-opus-5-5", "none", "low"),
        ("a-model", "minimal", "low"),
    ] {
        let (said, left_out) = said(Messages, model, json!({"reasoning_effort": asked}));
        assert_eq!((&said["output_config"]["effort"], left_out), (&json!(takes), vec!["effort"]), "{model}");
    }
    for (model, asked) in [("gpt-5.1", "none"), ("gpt-5.2", "xhigh"), ("gpt-5.6", "max"), ("a-model", "minimal")] {
        let (said, left_out) = said(Responses, model, json!({"reasoning_effort": asked}));
        assert_eq!((&said["reasoning"]["effort"], left_out), (&json!(asked), vec![]), "{model}");
    }
    assert_eq!(said(Messages, "claude-opus-4-7", json!({"reasoning_effort": "xhigh"})).1, Vec::<&str>::new());
}

#[test]
fn effort_is_left_out_for_a_model_that_takes_none() {
    for (upstream, model) in [
        (Responses, "gpt-4o"),
        (Responses, "gpt-4.1-mini"),
        (Responses, "gpt-35-turbo"),
        (Messages, "claude-sonnet-4-5@20250929"),
        (Messages, "claude-opus-4-20250514"),
        (Messages, "claude-3-5-haiku-latest"),
    ] {
        let (said, left_out) = said(upstream, model, json!({"reasoning_effort": "high"}));
        assert_eq!(left_out, ["reasoning_effort"], "{model}");
        assert!(!said.to_string().contains("effort"), "{said}");
    }
}

#[test]
fn most_tokens_are_no_more_than_the_model_writes() {
    for (upstream, model, most, name) in [
        (Responses, "gpt-4o-mini", 16_384, "max_output_tokens"),
        (Responses, "gpt-4.1", 32_768, "max_output_tokens"),
        (Messages, "claude-opus-4-1-20250805", 32_000, "max_tokens"),
        (Messages, "claude-opus-4-20250514", 32_000, "max_tokens"),
    ] {
        let (more, left_out) = said(upstream, model, json!({"max_tokens": most + 1}));
        assert_eq!((&more[name], left_out), (&json!(most), vec!["max_tokens"]), "{model}");
        let (as_many, left_out) = said(upstream, model, json!({"max_tokens": most}));
        assert_eq!((&as_many[name], left_out), (&json!(most), vec![]), "{model}");
    }
    assert_eq!(said(Messages, "claude-opus-4-5", json!({"max_tokens": 64_000})).0["max_tokens"], 64_000);
}

#[test]
fn later_prompt_of_the_system_is_refused_for_models_that_take_none() {
    let turns = json!({"messages": [{"role": "user", "content": "x"}, {"role": "system", "content": "z"}]});
    for model in ["claude-opus-4-7", "claude-sonnet-4.6", "claude-3-opus-20240229"] {
        assert_eq!(to(Messages, model, turns.clone()).unwrap_err().place, "messages[1]", "{model}");
    }
    for model in ["claude-opus-4-8", "claude-sonnet-5", "claude-opus-5", "a-model"] {
        assert_eq!(said(Messages, model, turns.clone()).0["messages"][1]["role"], "system", "{model}");
    }
}
