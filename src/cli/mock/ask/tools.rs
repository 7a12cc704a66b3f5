//! The tools of a request, and the rule by which the mock calls them.
//!
//! A model decides by itself; the mock obeys. `use NAME` in the user's text calls that tool, more follow after `and` or a
//! comma, and each may bring its arguments: `use get_weather {"city":"Paris"} and get_time`. What stands between `say`
//! and `use` is said first: `say One moment. use get_time`.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// A tool as any of the formats declares it.
#[derive(Deserialize)]
pub(super) struct Tool {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) name: Option<String>,
    /// Chat nests what the others have at the top.
    pub(super) function: Option<Function>,
    /// Messages alone.
    pub(super) input_schema: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Function {
    pub(super) name: String,
}

/// `tool_choice`: a word of OpenAI's, or an object.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Choice {
    Word(String),
    Object(ChoiceObject),
}

#[derive(Deserialize)]
pub(super) struct ChoiceObject {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) name: Option<String>,
    pub(super) function: Option<Function>,
    pub(super) disable_parallel_tool_use: Option<bool>,
}

/// What the caller lets the model do with its tools.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Freedom {
    Forbidden,
    Free,
    /// Some tool, whatever the text.
    Forced,
    /// This tool, whatever the text.
    Bound(String),
}

/// One call of a tool.
#[derive(Clone, Debug)]
pub(in super::super) struct Call {
    pub(in super::super) name: String,
    /// A JSON object.
    pub(in super::super) arguments: Box<RawValue>,
}

impl Tool {
    /// The name by which the model calls it; what providers run themselves is not called by name.
    pub(super) fn callable(&self) -> Option<&str> {
        let name = self.function.as_ref().map(|function| &function.name).or(self.name.as_ref());
        match self.kind.as_deref() {
            None | Some("function" | "custom") => name.map(String::as_str),
            Some(_) => None,
        }
    }
}

impl Choice {
    /// `None` where it is no choice that the dialect has.
    pub(super) fn freedom(&self) -> Option<Freedom> {
        match self {
            Choice::Word(word) => match word.as_str() {
                "none" => Some(Freedom::Forbidden),
                "auto" => Some(Freedom::Free),
                "required" => Some(Freedom::Forced),
                _ => None,
            },
            Choice::Object(choice) => choice.freedom(),
        }
    }

    pub(super) fn allows_one_call(&self) -> bool {
        match self {
            Choice::Word(_) => false,
            Choice::Object(choice) => choice.disable_parallel_tool_use == Some(true),
        }
    }
}

impl ChoiceObject {
    fn freedom(&self) -> Option<Freedom> {
        match self.kind.as_str() {
            "none" => Some(Freedom::Forbidden),
            "auto" | "allowed_tools" => Some(Freedom::Free),
            "any" => Some(Freedom::Forced),
            "tool" => self.name.clone().map(Freedom::Bound),
            "function" => self
                .function
                .as_ref()
                .map(|function| &function.name)
                .or(self.name.as_ref())
                .cloned()
                .map(Freedom::Bound),
            _ => None,
        }
    }
}

/// What a text orders: what to say first, and what to call.
#[derive(Debug, Default)]
pub(super) struct Orders {
    pub(super) preface: String,
    pub(super) calls: Vec<Call>,
}

/// Reads the orders in `text` to the tools of these `names`.
pub(super) fn orders(text: &str, names: &[&str]) -> Orders {
    let all = text.match_indices("use ").map(|(at, word)| (&text[..at], calls(&text[at + word.len()..], names)));
    let Some((before, calls)) = all.into_iter().find(|(_, calls)| !calls.is_empty()) else {
        return Orders::default();
    };
    let preface = before.split_once("say ").map_or("", |(_, said)| said.trim());
    Orders { preface: preface.to_owned(), calls }
}

fn calls(mut text: &str, names: &[&str]) -> Vec<Call> {
    let mut calls = Vec::new();
    while let Some((call, after)) = call(text, names) {
        calls.push(call);
        let Some(next) = ["and ", ", "].iter().find_map(|link| after.strip_prefix(link)) else { break };
        text = next;
    }
    calls
}

/// The call that a text begins with, and what follows it.
fn call<'t>(text: &'t str, names: &[&str]) -> Option<(Call, &'t str)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let name = names.iter().find(|known| **known == name)?;
    let mut values = serde_json::Deserializer::from_str(rest.trim_start()).into_iter::<Box<RawValue>>();
    let given = values.next().and_then(Result::ok).filter(|value| value.get().starts_with('{'));
    let (arguments, after) = match given {
        Some(arguments) => (arguments, &rest.trim_start()[values.byte_offset()..]),
        None => (no_arguments(), rest),
    };
    // A comma stands at the name itself, and `and` behind a space.
    Some((Call { name: (*name).to_owned(), arguments }, after.trim_start()))
}

/// A call of that tool, with the arguments that the text has for it.
pub(super) fn call_of(name: &str, ordered: Vec<Call>) -> Call {
    let ordered = ordered.into_iter().find(|call| call.name == name);
    ordered.unwrap_or_else(|| Call { name: name.to_owned(), arguments: no_arguments() })
}

fn no_arguments() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).expect("an empty object is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &["get_weather", "get_time"];

    fn calls(text: &str) -> Vec<(String, String)> {
        let pair = |call: &Call| (call.name.clone(), call.arguments.get().to_owned());
        orders(text, NAMES).calls.iter().map(pair).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, arguments)| ((*name).to_owned(), (*arguments).to_owned())).collect()
    }

    #[test]
    fn tools_are_called_in_the_order_of_the_text_with_the_arguments_it_has() {
        assert_eq!(calls("please use get_time."), pairs(&[("get_time", "{}")]));
        assert_eq!(
            calls(r#"use get_weather {"city": "a } b", "n": [1]} and get_time"#),
            pairs(&[("get_weather", r#"{"city": "a } b", "n": [1]}"#), ("get_time", "{}")])
        );
        assert_eq!(
            calls("use get_time, get_time and get_weather"),
            pairs(&[("get_time", "{}"), ("get_time", "{}"), ("get_weather", "{}")])
        );
    }

    #[test]
    fn what_is_no_tool_is_only_text() {
        assert_eq!(calls("use your head"), []);
        assert_eq!(calls("get_time"), []);
        assert_eq!(calls("because your clock is slow, use get_time"), pairs(&[("get_time", "{}")]));
        assert!(orders("use get_time", &[]).calls.is_empty());
        assert_eq!(calls("use get_time and your head"), pairs(&[("get_time", "{}")]));
    }

    #[test]
    fn what_is_said_first_stands_between_say_and_use() {
        assert_eq!(orders("say One moment. use get_time", NAMES).preface, "One moment.");
        assert_eq!(orders("use get_time", NAMES).preface, "");
    }
}
