//! Any conversation that all formats can say, written in each by hand: what is translated from one to another is what
//! was written in the other.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::{pairs, translated};
use crate::upstream::translate::Format;

#[derive(Clone, Debug)]
struct Talk {
    system: Vec<String>,
    rounds: Vec<Round>,
    /// What the user says at last.
    last: Vec<Seen>,
    tools: Vec<(String, Option<String>, Value, bool)>,
    choice: Option<&'static str>,
    parallel: bool,
    max_tokens: u32,
    temperature: Option<f64>,
    top_p: Option<f64>,
    effort: Option<&'static str>,
    schema: Option<Value>,
    streams: bool,
}

/// What the user says, what the assistant answers, and what its tools say to that.
#[derive(Clone, Debug)]
struct Round {
    user: Vec<Seen>,
    said: Vec<String>,
    calls: Vec<(String, Value, Vec<String>)>,
}

#[derive(Clone, Debug)]
enum Seen {
    Text(String),
    ImageUrl(String),
    Image(String, String),
    Pdf(String, String),
}

fn text() -> impl Strategy<Value = String> {
    let text = prop_oneof!["[a-zA-Z ]{1,12}", "\\PC{1,8}", Just("\"quoted\\\n\u{1F600}".to_owned())];
    text.prop_filter("a text shows something", |text| !text.trim().is_empty())
}

fn seen() -> impl Strategy<Value = Vec<Seen>> {
    let base64 = "[A-Za-z0-9+/]{4,12}={0,2}";
    let media = select(vec!["image/jpeg", "image/png", "image/gif", "image/webp"]);
    let part = prop_oneof![
        4 => text().prop_map(Seen::Text),
        1 => "https://[a-z]{3,8}\\.example/[a-z]{0,4}\\.png".prop_map(Seen::ImageUrl),
        1 => (media, base64).prop_map(|(media, data)| Seen::Image(media.into(), data)),
        1 => ("[a-z]{1,8}\\.pdf", base64).prop_map(|(name, data)| Seen::Pdf(name, data)),
    ];
    prop::collection::vec(part, 1..4)
}

fn object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(
        "[a-z]{1,4}",
        prop_oneof![text().prop_map(Value::from), any::<i32>().prop_map(Value::from)],
        0..3,
    )
    .prop_map(|members| json!(members))
}

fn schema() -> impl Strategy<Value = Value> {
    object().prop_map(|properties| json!({"type": "object", "properties": properties}))
}

/// What all providers can guarantee.
fn strict_schema() -> impl Strategy<Value = Value> {
    object().prop_map(|properties| {
        let required: Vec<&String> = properties.as_object().unwrap().keys().collect();
        json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false})
    })
}

fn round() -> impl Strategy<Value = Round> {
    let call = ("[a-zA-Z_]{1,10}", object(), prop::collection::vec(text(), 1..3));
    let answer = (prop::collection::vec(text(), 0..3), prop::collection::vec(call, 0..3));
    let answer = answer.prop_filter("an answer says something", |(said, calls)| !said.is_empty() || !calls.is_empty());
    (seen(), answer).prop_map(|(user, (said, calls))| Round { user, said, calls })
}

prop_compose! {
    fn talk()(
        system in prop::collection::vec(text(), 0..3),
        rounds in prop::collection::vec(round(), 0..4),
        last in seen(),
        tools in prop::collection::vec(("[a-zA-Z0-9_-]{1,12}", option::of(text()), schema(), any::<bool>()), 0..3),
        choice in option::of(select(vec!["none", "any", "tool"])),
        parallel in any::<bool>(),
        // Responses take no fewer.
        max_tokens in 16_u32..100_000,
        temperature in option::of(select(vec![0.0, 0.2, 0.75])),
        top_p in option::of(select(vec![0.1, 0.9])),
        effort in option::of(select(vec!["low", "medium", "high", "xhigh", "max"])),
        schema in option::of(strict_schema()),
        streams in any::<bool>(),
    ) -> Talk {
        let mut tools = tools;
        if tools.is_empty() && rounds.iter().any(|round| !round.calls.is_empty()) {
            // Without any, messages are told of the tools that were called.
            tools.push(("f".to_owned(), None, json!({"type": "object", "properties": {}}), false));
        }
        let choice = choice.filter(|_| !tools.is_empty());
        // Where no tool may be called, that several may not be called at once is not said.
        let parallel = parallel || tools.is_empty() || choice == Some("none");
        Talk { system, rounds, last, tools, choice, parallel, max_tokens, temperature, top_p, effort, schema, streams }
    }
}

impl Talk {
    fn is_in(&self, format: Format) -> Value {
        let mut body = match format {
            Format::Chat => self.chat(),
            Format::Messages => self.messages(),
            Format::Responses => self.responses(),
        };
        body["model"] = json!("a-model");
        for (name, number) in [("temperature", self.temperature), ("top_p", self.top_p)] {
            put(&mut body, name, number.map(Value::from));
        }
        put(&mut body, "stream", self.streams.then_some(json!(true)));
        body
    }

    fn tool(&self) -> &str {
        &self.tools[0].0
    }

    fn chat(&self) -> Value {
        let text = |text: &String| json!({"type": "text", "text": text});
        let seen = |seen: &[Seen]| {
            one_or_list(seen, |seen| match seen {
                Seen::Text(said) => text(said),
                Seen::ImageUrl(url) => json!({"type": "image_url", "image_url": {"url": url}}),
                Seen::Image(media, data) => {
                    json!({"type": "image_url", "image_url": {"url": format!("data:{media};base64,{data}")}})
                }
                Seen::Pdf(name, data) => {
                    let file_data = format!("data:application/pdf;base64,{data}");
                    json!({"type": "file", "file": {"filename": name, "file_data": file_data}})
                }
            })
        };
        let mut messages = Vec::new();
        if !self.system.is_empty() {
            messages.push(json!({"role": "system", "content": texts(&self.system, text)}));
        }
        for (at, round) in self.rounds.iter().enumerate() {
            messages.push(json!({"role": "user", "content": seen(&round.user)}));
            let mut answer = json!({"role": "assistant"});
            if !round.said.is_empty() {
                answer["content"] = texts(&round.said, text);
            }
            if !round.calls.is_empty() {
                let call = |(index, (name, input, _)): (usize, &(String, Value, _))| {
                    let function = json!({"name": name, "arguments": input.to_string()});
                    json!({"id": id(at, index), "type": "function", "function": function})
                };
                answer["tool_calls"] = round.calls.iter().enumerate().map(call).collect();
            }
            messages.push(answer);
            for (index, (_, _, result)) in round.calls.iter().enumerate() {
                messages.push(json!({"role": "tool", "tool_call_id": id(at, index), "content": texts(result, text)}));
            }
        }
        messages.push(json!({"role": "user", "content": seen(&self.last)}));
        let mut body = json!({"messages": messages, "max_completion_tokens": self.max_tokens});
        let tools: Vec<Value> = self
            .tools
            .iter()
            .map(|(name, description, schema, strict)| {
                let mut function = json!({"name": name, "parameters": schema, "strict": strict});
                put(&mut function, "description", description.clone().map(Value::from));
                json!({"type": "function", "function": function})
            })
            .collect();
        put(&mut body, "tools", (!tools.is_empty()).then_some(json!(tools)));
        put(
            &mut body,
            "tool_choice",
            self.choice.map(|choice| match choice {
                "any" => json!("required"),
                "tool" => json!({"type": "function", "function": {"name": self.tool()}}),
                word => json!(word),
            }),
        );
        put(&mut body, "parallel_tool_calls", (!self.parallel).then_some(json!(false)));
        put(&mut body, "reasoning_effort", self.effort.map(Value::from));
        put(&mut body, "response_format", self.schema.as_ref().map(|schema| {
            json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": true}})
        }));
        put(&mut body, "stream_options", self.streams.then_some(json!({"include_usage": true})));
        body
    }

    fn messages(&self) -> Value {
        let text = |text: &String| json!({"type": "text", "text": text});
        let seen = |seen: &Seen| match seen {
            Seen::Text(said) => text(said),
            Seen::ImageUrl(url) => json!({"type": "image", "source": {"type": "url", "url": url}}),
            Seen::Image(media, data) => {
                json!({"type": "image", "source": {"type": "base64", "media_type": media, "data": data}})
            }
            Seen::Pdf(name, data) => {
                let source = json!({"type": "base64", "media_type": "application/pdf", "data": data});
                json!({"type": "document", "title": name, "source": source})
            }
        };
        let mut messages = Vec::new();
        let mut results: Vec<Value> = Vec::new();
        for (at, round) in self.rounds.iter().enumerate() {
            results.extend(round.user.iter().map(seen));
            messages.push(json!({"role": "user", "content": blocks(std::mem::take(&mut results))}));
            let mut answer: Vec<Value> = round.said.iter().map(text).collect();
            for (index, (name, input, result)) in round.calls.iter().enumerate() {
                answer.push(json!({"type": "tool_use", "id": id(at, index), "name": name, "input": input}));
                let content = texts(result, text);
                results.push(json!({"type": "tool_result", "tool_use_id": id(at, index), "content": content}));
            }
            messages.push(json!({"role": "assistant", "content": blocks(answer)}));
        }
        results.extend(self.last.iter().map(seen));
        messages.push(json!({"role": "user", "content": blocks(results)}));
        let mut body = json!({"messages": messages, "max_tokens": self.max_tokens});
        put(&mut body, "system", (!self.system.is_empty()).then(|| texts(&self.system, text)));
        let tools: Vec<Value> = self
            .tools
            .iter()
            .map(|(name, description, schema, strict)| {
                let mut tool = json!({"name": name, "input_schema": schema, "strict": strict});
                put(&mut tool, "description", description.clone().map(Value::from));
                tool
            })
            .collect();
        put(&mut body, "tools", (!tools.is_empty()).then_some(json!(tools)));
        let mut choice = self.choice.map(|choice| match choice {
            "tool" => json!({"type": "tool", "name": self.tool()}),
            word => json!({"type": word}),
        });
        if !self.parallel {
            choice.get_or_insert(json!({"type": "auto"}))["disable_parallel_tool_use"] = json!(true);
        }
        put(&mut body, "tool_choice", choice);
        let mut output = Map::new();
        output.extend(self.effort.map(|effort| ("effort".to_owned(), json!(effort))));
        let format = self.schema.as_ref().map(|schema| json!({"type": "json_schema", "schema": schema}));
        output.extend(format.map(|format| ("format".to_owned(), format)));
        put(&mut body, "output_config", (!output.is_empty()).then_some(Value::Object(output)));
        body
    }

    fn responses(&self) -> Value {
        let text = |text: &String| json!({"type": "input_text", "text": text});
        let seen = |seen: &[Seen]| {
            one_or_list(seen, |seen| match seen {
                Seen::Text(said) => text(said),
                Seen::ImageUrl(url) => json!({"type": "input_image", "image_url": url, "detail": "auto"}),
                Seen::Image(media, data) => {
                    json!({"type": "input_image", "image_url": format!("data:{media};base64,{data}"), "detail": "auto"})
                }
                Seen::Pdf(name, data) => {
                    let file_data = format!("data:application/pdf;base64,{data}");
                    json!({"type": "input_file", "filename": name, "file_data": file_data})
                }
            })
        };
        let mut input = Vec::new();
        if self.system.len() > 1 {
            input.push(json!({"type": "message", "role": "system", "content": texts(&self.system, text)}));
        }
        for (at, round) in self.rounds.iter().enumerate() {
            input.push(json!({"type": "message", "role": "user", "content": seen(&round.user)}));
            if !round.said.is_empty() {
                let said = texts(&round.said, |text| json!({"type": "output_text", "text": text}));
                input.push(json!({"type": "message", "role": "assistant", "content": said}));
            }
            for (index, (name, arguments, _)) in round.calls.iter().enumerate() {
                let arguments = arguments.to_string();
                input.push(json!({
                    "type": "function_call", "call_id": id(at, index), "name": name, "arguments": arguments
                }));
            }
            for (index, (_, _, result)) in round.calls.iter().enumerate() {
                let output = texts(result, text);
                input.push(json!({"type": "function_call_output", "call_id": id(at, index), "output": output}));
            }
        }
        input.push(json!({"type": "message", "role": "user", "content": seen(&self.last)}));
        let mut body = json!({"input": input, "max_output_tokens": self.max_tokens, "store": false});
        put(&mut body, "instructions", (self.system.len() == 1).then(|| json!(self.system[0])));
        let tools: Vec<Value> = self
            .tools
            .iter()
            .map(|(name, description, schema, strict)| {
                let mut tool = json!({"type": "function", "name": name, "parameters": schema, "strict": strict});
                put(&mut tool, "description", description.clone().map(Value::from));
                tool
            })
            .collect();
        put(&mut body, "tools", (!tools.is_empty()).then_some(json!(tools)));
        put(
            &mut body,
            "tool_choice",
            self.choice.map(|choice| match choice {
                "any" => json!("required"),
                "tool" => json!({"type": "function", "name": self.tool()}),
                word => json!(word),
            }),
        );
        put(&mut body, "parallel_tool_calls", (!self.parallel).then_some(json!(false)));
        put(&mut body, "reasoning", self.effort.map(|effort| json!({"effort": effort})));
        put(
            &mut body,
            "text",
            self.schema.as_ref().map(
                |schema| json!({"format": {"type": "json_schema", "name": "answer", "schema": schema, "strict": true}}),
            ),
        );
        body
    }
}

fn id(round: usize, call: usize) -> String {
    format!("call_{round}_{call}")
}

fn put(object: &mut Value, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        object[name] = value;
    }
}

fn texts(all: &[String], part: impl Fn(&String) -> Value) -> Value {
    match all {
        [one] => json!(one),
        all => all.iter().map(part).collect(),
    }
}

fn one_or_list(seen: &[Seen], part: impl Fn(&Seen) -> Value) -> Value {
    match seen {
        [Seen::Text(one)] => json!(one),
        seen => seen.iter().map(part).collect(),
    }
}

fn blocks(mut blocks: Vec<Value>) -> Value {
    let is_text = blocks.len() == 1 && blocks[0]["type"] == "text";
    if is_text { blocks[0]["text"].take() } else { Value::Array(blocks) }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_all_formats_can_say_is_said_alike_in_each(talk in talk()) {
        for pair in pairs() {
            let said = translated(pair.caller, pair.upstream, &talk.is_in(pair.caller));
            prop_assert_eq!(said, Ok(talk.is_in(pair.upstream)), "{:?}", pair);
        }
    }

    #[test]
    fn there_and_back_again_says_the_same(talk in talk()) {
        for pair in pairs() {
            let first = talk.is_in(pair.caller);
            let there = translated(pair.caller, pair.upstream, &first).unwrap();
            prop_assert_eq!(translated(pair.upstream, pair.caller, &there), Ok(first), "{:?}", pair);
        }
    }
}
