//! What the mock says to a request, before any format words it.
//!
//! The text tells who answers and what arrived, to a person and to a test alike: what the user said, what tools gave
//! back, what was shown. The rule by which tools are called stands in `ask/tools.rs`.

use serde_json::{Map, Value, json};

use super::{
    answer::{Voice, count_tokens, tokens},
    ask::{Ask, Call, Media, Thought},
};

/// An answer in nobody's words.
#[derive(Debug)]
pub(super) struct Reply {
    /// What was thought first; empty where that is hidden.
    pub(super) thinking: Option<String>,
    /// Empty where only tools are called.
    pub(super) text: String,
    pub(super) calls: Vec<Call>,
    pub(super) stop: Stop,
    /// Words of the prompt, and those that a fault says came from a cache.
    pub(super) input_tokens: u64,
    pub(super) cached_tokens: u64,
}

/// Why an answer ends.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Stop {
    /// All is said.
    End,
    /// At the caller's limit.
    Length,
    /// Before this text, which the caller named.
    Sequence(String),
    Calls,
}

impl Reply {
    pub(super) fn new(voice: &Voice<'_>, ask: &Ask) -> Self {
        let mut reply = Self {
            thinking: None,
            text: String::new(),
            calls: ask.calls.clone(),
            stop: Stop::End,
            input_tokens: ask.input_tokens,
            cached_tokens: voice.cached_tokens,
        };
        reply.thinking = match ask.thought {
            Thought::None => None,
            Thought::Shown => Some(format!("The user said: {}", ask.said)),
            Thought::Hidden => Some(String::new()),
        };
        if reply.calls.is_empty() {
            reply.text = text(voice, ask);
            reply.end(ask);
        } else {
            reply.text.clone_from(&ask.preface);
            reply.stop = Stop::Calls;
        }
        reply
    }

    /// What is thought counts, and so does what tools are told.
    pub(super) fn output_tokens(&self) -> u64 {
        let told: u64 = self.calls.iter().map(|call| 1 + count_tokens(call.arguments.get())).sum();
        count_tokens(&self.text) + self.thinking_tokens() + told
    }

    pub(super) fn thinking_tokens(&self) -> u64 {
        self.thinking.as_deref().map_or(0, count_tokens)
    }

    /// Ends the text where the caller wants it to end.
    fn end(&mut self, ask: &Ask) {
        let found = ask.stops.iter().filter_map(|stop| Some((self.text.find(stop.as_str())?, stop)));
        if let Some((at, stop)) = found.min_by_key(|(at, _)| *at) {
            self.stop = Stop::Sequence(stop.clone());
            self.text.truncate(at);
        }
        let Some(max) = ask.tokens_max.and_then(|max| usize::try_from(max).ok()) else { return };
        if tokens(&self.text).nth(max).is_some() {
            self.stop = Stop::Length;
            self.text.truncate(tokens(&self.text).take(max).map(str::len).sum());
        }
    }
}

fn text(voice: &Voice<'_>, ask: &Ask) -> String {
    if let Some(schema) = &ask.json {
        let said = if ask.results.is_empty() { ask.said.clone() } else { ask.results.join("; ") };
        return object(schema, &said).to_string();
    }
    let sentence = format!("Hello from {}.{}", voice.name, heard(ask));
    match voice.tokens {
        None => sentence,
        Some(count) => repeated(&sentence, count),
    }
}

fn heard(ask: &Ask) -> String {
    let mut heard = String::new();
    if !ask.results.is_empty() {
        heard.push_str(" The tools said: ");
        heard.push_str(&ask.results.join("; "));
        heard.push('.');
    }
    if ask.said_since || ask.results.is_empty() {
        heard.push_str(" You said: ");
        heard.push_str(&ask.said);
    }
    for noun in ["image", "document", "sound"] {
        let media: Vec<&Media> = ask.media.iter().filter(|media| media.noun == noun).collect();
        if !media.is_empty() {
            let all: Vec<&str> = media.iter().map(|media| media.what.as_str()).collect();
            let plural = if media.len() == 1 { "" } else { "s" };
            heard.push_str(&format!(" I see {} {noun}{plural}: {}.", media.len(), all.join(", ")));
        }
    }
    heard
}

fn repeated(sentence: &str, count: usize) -> String {
    let endless = format!("{} ", sentence.trim_end());
    let mut text: String = tokens(&endless).cycle().take(count).collect();
    text.truncate(text.trim_end().len());
    text
}

/// An object that is valid for schemas of plain properties; `{"said": …}` where there are none.
fn object(schema: &Value, said: &str) -> Value {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return json!({"said": said});
    };
    let values = properties.iter().map(|(name, schema)| (name.clone(), value(schema, said)));
    Value::Object(values.collect::<Map<_, _>>())
}

fn value(schema: &Value, said: &str) -> Value {
    if let Some(first) = schema.get("enum").and_then(|values| values.get(0)) {
        return first.clone();
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => object(schema, said),
        Some("array") => json!([]),
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        Some(_) | None => json!(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(said: &str) -> Ask {
        Ask { said: said.into(), said_since: true, ..Ask::default() }
    }

    fn reply(tokens: Option<usize>) -> String {
        Reply::new(&Voice::new("primary", tokens, 1), &ask("good day")).text
    }

    fn ended(stops: &[&str], tokens_max: Option<u64>) -> (String, Stop) {
        let stops = stops.iter().map(|stop| (*stop).to_owned()).collect();
        let reply = Reply::new(&Voice::new("primary", None, 1), &Ask { stops, tokens_max, ..ask("good day") });
        (reply.text, reply.stop)
    }

    #[test]
    fn a_reply_names_the_provider_and_repeats_the_user() {
        assert_eq!(reply(None), "Hello from primary. You said: good day");
    }

    #[test]
    fn a_reply_has_exactly_the_tokens_asked_for() {
        assert_eq!(reply(Some(2)), "Hello from");
        assert_eq!(count_tokens(&reply(Some(100))), 100);
        assert_eq!(reply(Some(0)), "");
    }

    #[test]
    fn a_limit_cuts_only_what_is_longer() {
        assert_eq!(ended(&[], Some(7)), ("Hello from primary. You said: good day".to_owned(), Stop::End));
        assert_eq!(ended(&[], Some(6)), ("Hello from primary. You said: good ".to_owned(), Stop::Length));
    }

    #[test]
    fn the_first_stop_in_the_text_ends_it_not_the_first_in_the_list() {
        assert_eq!(
            ended(&["good", "You"], None),
            ("Hello from primary. ".to_owned(), Stop::Sequence("You".to_owned()))
        );
        assert_eq!(ended(&["bad"], None).1, Stop::End);
    }

    #[test]
    fn a_json_answer_has_the_schemas_properties() {
        let schema = json!({"type": "object", "properties": {
            "city": {"type": "string"}, "n": {"type": "integer"}, "unit": {"enum": ["c", "f"]},
            "inner": {"type": "object", "properties": {"ok": {"type": "boolean"}}}}});
        let expected = json!({"city": "Paris", "n": 1, "unit": "c", "inner": {"ok": true}});
        assert_eq!(object(&schema, "Paris"), expected);
        assert_eq!(object(&Value::Null, "Paris"), json!({"said": "Paris"}));
    }
}
