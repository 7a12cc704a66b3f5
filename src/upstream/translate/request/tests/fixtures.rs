//! Whole requests as clients send them, compared with what a person wrote for the other side.
//!
//! A folder holds one conversation: `chat.json` is both what a caller says and what is expected of the others, unless
//! `messages_to_chat.json` and its like say what is expected of that pair.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{FORMATS, json as body, pairs, said, translated};
use crate::upstream::translate::{Format, Pair};

fn name(format: Format) -> &'static str {
    match format {
        Format::Chat => "chat",
        Format::Messages => "messages",
        Format::Responses => "responses",
    }
}

/// Each request that a fixture has a caller send, by its folder.
fn requests() -> Vec<(PathBuf, Format, String)> {
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/requests")).unwrap();
    let folders = folders.map(|folder| folder.unwrap().path());
    let all = folders.flat_map(|folder| FORMATS.map(|format| (folder.clone(), format)));
    let there = all.filter_map(|(folder, format)| {
        let request = fs::read_to_string(folder.join(format!("{}.json", name(format)))).ok()?;
        Some((folder, format, request))
    });
    there.collect()
}

fn read(file: &Path) -> Option<Value> {
    let text = fs::read_to_string(file).ok()?;
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
}

fn expected(folder: &Path, pair: Pair) -> Value {
    let (caller, upstream) = (name(pair.caller), name(pair.upstream));
    let own = read(&folder.join(format!("{caller}_to_{upstream}.json")));
    let expected = own.or_else(|| read(&folder.join(format!("{upstream}.json"))));
    expected.unwrap_or_else(|| panic!("{}: nothing is expected of {caller} to {upstream}", folder.display()))
}

#[test]
fn fixtures_are_said_as_a_person_would_say_them() {
    let requests = requests();
    assert!(requests.len() > 15, "the fixtures are found");
    for (folder, format, request) in requests {
        for pair in pairs().filter(|pair| pair.caller == format) {
            let said = said(pair, &request);
            let said = body(&said.unwrap_or_else(|refusal| panic!("{}: {pair:?}: {refusal}", folder.display())));
            let expected = expected(&folder, pair);
            assert_eq!(said, expected, "{}: {pair:?}:\n{said:#}\nis not\n{expected:#}", folder.display());
        }
    }
}

#[test]
fn hints_of_claude_code_are_told_once_each() {
    let text = include_str!("../../../../../tests/fixtures/requests/claude_code/messages.json");
    for upstream in [Format::Chat, Format::Responses] {
        let said = said(Pair { caller: Format::Messages, upstream }, text).unwrap();
        assert_eq!(said.left_out, ["context_management", "cache_control", "thinking", "eager_input_streaming"]);
        assert_eq!(said.expects.model, "claude-opus-5");
    }
}

#[test]
fn hints_of_codex_are_told_once_each() {
    let text = include_str!("../../../../../tests/fixtures/requests/codex/responses.json");
    let to_chat = said(Pair { caller: Format::Responses, upstream: Format::Chat }, text).unwrap();
    let mut left_out = vec!["client_metadata", "include", "reasoning", "phase", "reasoning.summary"];
    assert_eq!(to_chat.left_out, left_out);
    let to_messages = said(Pair { caller: Format::Responses, upstream: Format::Messages }, text).unwrap();
    left_out.extend(["verbosity", "prompt_cache_key"]);
    assert_eq!(to_messages.left_out, left_out);
}

/// Nothing is dropped in silence: whatever object of whichever request gets a member that nobody knows, is refused.
#[test]
fn unknown_member_of_any_object_is_refused_at_its_place() {
    let mut tried = 0;
    for (folder, format, request) in requests() {
        let request: Value = serde_json::from_str(&request).unwrap();
        let mut places = Vec::new();
        objects(&request, "", "", &mut places);
        for (pointer, place) in places {
            let mut changed = request.clone();
            let object = changed.pointer_mut(&pointer).and_then(Value::as_object_mut).unwrap();
            object.insert("unheard_of".into(), json!(1));
            for pair in pairs().filter(|pair| pair.caller == format) {
                let refusal = translated(pair.caller, pair.upstream, &changed).map(|said| said.to_string());
                let refusal = refusal.expect_err(&format!("{}: {pair:?}: {pointer}", folder.display()));
                assert_eq!(refusal.place, format!("{place}.unheard_of").trim_start_matches('.'));
                assert!(refusal.problem.starts_with("cannot be said in "), "{refusal}");
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "the objects are found: {tried}");
}

/// Every object whose members are the format's; schemas, inputs and what is left out are the caller's own.
fn objects(value: &Value, pointer: &str, place: &str, found: &mut Vec<(String, String)>) {
    const OWN: [&str; 7] =
        ["parameters", "input_schema", "schema", "cache_control", "client_metadata", "caller", "summary"];
    if let Some(members) = value.as_object() {
        found.push((pointer.to_owned(), place.to_owned()));
        for (key, value) in members {
            let is_input = key == "input" && value.is_object();
            if !OWN.contains(&key.as_str()) && !is_input {
                objects(value, &format!("{pointer}/{key}"), &format!("{place}.{key}"), found);
            }
        }
    }
    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
        objects(value, &format!("{pointer}/{index}"), &format!("{place}[{index}]"), found);
    }
}

#[test]
fn translation_of_the_same_request_is_the_same_to_the_byte() {
    for (_, format, request) in requests() {
        for pair in pairs().filter(|pair| pair.caller == format) {
            assert_eq!(said(pair, &request).unwrap().body, said(pair, &request).unwrap().body);
        }
    }
}
