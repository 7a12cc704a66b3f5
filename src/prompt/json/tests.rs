//! What is read, what is refused, and where each value stands.

use proptest::{prelude::*, sample::select};
use serde_json::Value as Oracle;

use super::{literal::tests::literal, *};

const DEPTH_MAX: usize = 64;

fn parse(body: impl AsRef<[u8]>) -> Result<Document, JsonError> {
    Document::parse(Bytes::copy_from_slice(body.as_ref()), DEPTH_MAX)
}

fn accepted(body: impl AsRef<[u8]>) -> Document {
    match parse(&body) {
        Ok(document) => document,
        Err(error) => panic!("{error}: {}", String::from_utf8_lossy(body.as_ref())),
    }
}

fn refusal(body: impl AsRef<[u8]>) -> String {
    match parse(&body) {
        Ok(_) => panic!("accepted: {}", String::from_utf8_lossy(body.as_ref())),
        Err(error) => error.to_string(),
    }
}

fn oracle(body: &[u8]) -> Option<Oracle> {
    serde_json::from_slice(body).ok()
}

#[test]
fn body_of_nothing_but_values_ends_at_their_limit() {
    let zeros = |count: usize| Bytes::from(format!("[{}0]", "0,".repeat(count - 1)));
    assert!(Document::parse(zeros(VALUES_MAX - 1), 2).is_ok());
    assert_eq!(Document::parse(zeros(VALUES_MAX + 2), 2).err(), Some(JsonError::TooManyValues));
}

#[test]
fn a_chat_body_is_read_by_name_and_order() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"},{"content":"yo"}],"n":1.5,"stream":true}"#;
    let document = accepted(body);
    let root = document.root();
    assert_eq!(root.kind(), Kind::Object);
    assert_eq!(root.span(), 0..body.len());
    let contents: Vec<_> = root.get("messages").unwrap().elements().map(|message| message.get("content")).collect();
    let texts: Vec<_> = contents.iter().map(|content| content.unwrap().text().unwrap()).collect();
    assert_eq!(texts, ["hi", "yo"]);
    let names: Vec<_> = root.members().map(|(key, value)| (key.raw(), value.kind())).collect();
    let kinds = [Kind::String, Kind::Array, Kind::Number, Kind::Bool];
    assert_eq!(
        names,
        [r#""model""#, r#""messages""#, r#""n""#, r#""stream""#].into_iter().zip(kinds).collect::<Vec<_>>()
    );
    assert_eq!(root.get("n").unwrap().raw(), "1.5");
    assert!(root.get("content").is_none(), "a nested name is not the root's");
    assert_eq!(document.bytes(), body.as_bytes());
}

#[test]
fn a_strings_span_includes_its_quotes() {
    let document = accepted(" [ \"a\\\"b\" ] ");
    let string = document.root().elements().next().unwrap();
    assert_eq!((string.span(), string.raw()), (3..9, r#""a\"b""#));
    assert_eq!(document.root().span(), 1..11);
}

#[test]
fn text_is_borrowed_unless_it_holds_an_escape() {
    let document = accepted(r#"["plain é","tab\tbed",7]"#);
    let texts: Vec<_> = document.root().elements().map(Value::text).collect();
    assert!(matches!(texts[0], Some(Cow::Borrowed("plain é"))));
    assert!(matches!(&texts[1], Some(Cow::Owned(text)) if text == "tab\tbed"));
    assert_eq!(texts[2], None);
}

#[test]
fn a_member_is_found_however_its_name_is_spelled() {
    let document = accepted(r#"{"\u006dodel":1,"mod\u0065":2}"#);
    assert_eq!(document.root().get("model").unwrap().raw(), "1");
    assert_eq!(document.root().get("mode").unwrap().raw(), "2");
    assert!(document.root().get(r"\u006dodel").is_none());
}

#[test]
fn members_and_elements_are_of_their_kind_alone() {
    let document = accepted(r#"[{"a":[]},"s",{},[]]"#);
    let root = document.root();
    assert!(root.get("a").is_none());
    assert_eq!(root.members().count(), 0);
    let children: Vec<_> = root.elements().collect();
    assert_eq!(children[0].elements().count(), 0);
    assert_eq!(children[1].elements().count() + children[1].members().count(), 0);
    let empty: Vec<_> = children.iter().map(|child| child.is_empty()).collect();
    assert_eq!(empty, [false, false, true, true]);
    assert!(children[0].get("a").unwrap().is_empty());
}

#[test]
fn a_key_that_differs_by_case_alone_is_a_look_alike() {
    let spelling = |body: &str, key: &str| accepted(body).root().look_alike(key).map(|key| key.raw().to_owned());
    for look_alike in [r#""Messages""#, r#""MESSAGES""#, r#""me\u0053sages""#, r#""meſſages""#, r#""me\u017fsages""#]
    {
        let body = format!(r#"{{"messages":1,{look_alike}:2}}"#);
        assert_eq!(spelling(&body, "messages").as_deref(), Some(look_alike));
    }
    assert_eq!(spelling("{\"to\u{212A}ens\":1}", "tokens").as_deref(), Some("\"to\u{212A}ens\""));
    for innocent in [r#"{"messages":1}"#, r#"{"\u006dessages":1}"#, r#"{"message":1,"m":2}"#, r#"["Messages"]"#] {
        assert_eq!(spelling(innocent, "messages"), None, "{innocent}");
    }
}

#[test]
fn a_repeated_name_is_refused_in_any_spelling_and_at_any_depth() {
    assert_eq!(refusal(r#"{"a":1,"a":2}"#), "duplicate key at byte 7");
    assert_eq!(refusal(r#"{"a":1,"\u0061":2}"#), "duplicate key at byte 7");
    assert_eq!(refusal(r#"{"\/":1,"/":2}"#), "duplicate key at byte 8");
    assert_eq!(refusal(r#"[{"x":{"":1,"b":{},"":2}}]"#), "duplicate key at byte 19");
    accepted(r#"{"a":{"a":[{"a":1},{"a":1}]},"A":1,"\\u0061":2}"#);
}

#[test]
fn a_repeated_name_is_found_among_few_and_many() {
    for keys in 1..3 * FEW_KEYS {
        let members: Vec<_> = (0..keys).map(|key| format!(r#""k{key}":{{"k0":0}}"#)).collect();
        accepted(format!("{{{}}}", members.join(",")));
        for repeated in [0, keys / 2, keys - 1] {
            let body = format!(r#"{{{},"k{repeated}":0}}"#, members.join(","));
            let expected = format!("duplicate key at byte {}", body.rfind("\"k").unwrap());
            assert_eq!(refusal(body), expected);
        }
    }
}

/// Comparing each of these keys with each would take minutes.
#[test]
fn a_hundred_thousand_keys_are_no_quadratic_work() {
    let members: Vec<_> = (0..100_000).map(|key| format!(r#""{key:05}":0"#)).collect();
    let document = accepted(format!("{{{}}}", members.join(",")));
    assert_eq!(document.root().members().count(), 100_000);
    assert!(refusal(format!(r#"{{{},"0\u003000{}":0}}"#, members.join(","), 7)).starts_with("duplicate key"));
}

#[test]
fn nesting_is_bounded_and_the_bound_itself_allowed() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    accepted(nested(DEPTH_MAX));
    assert_eq!(refusal(nested(DEPTH_MAX + 1)), "nested deeper than 64");
    assert_eq!(refusal(format!("{}1", r#"{"a":"#.repeat(65))), "nested deeper than 64");
    assert!(Document::parse(Bytes::from_static(b"1"), 0).is_ok());
    assert_eq!(Document::parse(Bytes::from_static(b"[]"), 0).err(), Some(JsonError::TooDeep { depth_max: 0 }));
}

/// A recursive scan would overflow its stack here.
#[test]
fn half_a_million_levels_are_read_where_the_caller_allows_them() {
    let depth = VALUES_MAX;
    let body = "[".repeat(depth) + &"]".repeat(depth);
    let document = Document::parse(Bytes::from(body), usize::MAX).ok().unwrap();
    assert_eq!(document.root().span(), 0..2 * depth);
}

#[test]
fn refusals_tell_what_and_where() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "unexpected end of body at byte 0"),
        (b" \n", "unexpected end of body at byte 2"),
        (b"\xEF\xBB\xBF{}", "byte-order mark"),
        (b"[\"\xFF\"]", "invalid UTF-8 at byte 2"),
        (b"\"\xED\xA0\x80\"", "invalid UTF-8 at byte 1"),
        (b"\"\xC0\x80\"", "invalid UTF-8 at byte 1"),
        (b"\"\xE2\x82", "invalid UTF-8 at byte 1"),
        (b"{} {}", "trailing data at byte 3"),
        (b"{}\0", "trailing data at byte 2"),
        (b"01", "trailing data at byte 1"),
        (b"[01]", "unexpected byte at 2"),
        (b"+1", "unexpected byte at 0"),
        (b".5", "unexpected byte at 0"),
        (b"-", "unexpected end of body at byte 1"),
        (b"[-]", "unexpected byte at 2"),
        (b"[1.]", "unexpected byte at 3"),
        (b"[1e]", "unexpected byte at 3"),
        (b"[1e+]", "unexpected byte at 4"),
        (b"[0x1]", "unexpected byte at 2"),
        (b"[1_0]", "unexpected byte at 2"),
        (b"NaN", "unexpected byte at 0"),
        (b"Infinity", "unexpected byte at 0"),
        (b"[1e999]", "number out of range at byte 1"),
        (b"nul", "unexpected end of body at byte 3"),
        (b"[nulL]", "unexpected byte at 4"),
        (b"[1,]", "unexpected byte at 3"),
        (b"[,1]", "unexpected byte at 1"),
        (b"[1 2]", "unexpected byte at 3"),
        (b"[1}", "unexpected byte at 2"),
        (b"{\"a\":1]", "unexpected byte at 6"),
        (b"{\"a\":1,}", "unexpected byte at 7"),
        (b"{\"a\"}", "unexpected byte at 4"),
        (b"{\"a\":}", "unexpected byte at 5"),
        (b"{a:1}", "unexpected byte at 1"),
        (b"{'a':1}", "unexpected byte at 1"),
        (b"[1]//", "trailing data at byte 3"),
        (b"[/**/1]", "unexpected byte at 1"),
        (b"[\"a", "unexpected end of body at byte 3"),
        (b"[\"a\\", "unexpected end of body at byte 4"),
        (b"[\"\n\"]", "unexpected byte at 2"),
        (b"[\"\\n\n\"]", "unexpected byte at 4"),
        (b"[\"\\x41\"]", "unexpected byte at 3"),
        (b"[\"\\'\"]", "unexpected byte at 3"),
        (b"[\"\\U0041\"]", "unexpected byte at 3"),
        (b"[\"\\u00g0\"]", "unexpected byte at 6"),
        (b"[\"\\u+041\"]", "unexpected byte at 4"),
        (b"[\"\\u004", "unexpected end of body at byte 7"),
        (b"[\"\\ud800\"]", "unpaired surrogate escape at byte 2"),
        (b"[\"\\ude00\"]", "unpaired surrogate escape at byte 2"),
        (b"[\"\\ud800\\ud800\"]", "unpaired surrogate escape at byte 2"),
        (b"[\"\\ud800\\u0041\"]", "unpaired surrogate escape at byte 2"),
        (b"[\"\\ude00\\ud83d\"]", "unpaired surrogate escape at byte 2"),
        (b"[\xC2\xA01]", "unexpected byte at 1"),
        (b"[\x0C1]", "unexpected byte at 1"),
    ];
    for (body, expected) in cases {
        assert_eq!(refusal(body), *expected, "{}", String::from_utf8_lossy(body));
        assert_eq!(oracle(body), None, "serde_json agrees on {}", String::from_utf8_lossy(body));
    }
}

#[test]
fn numbers_of_the_grammar_are_accepted_as_spelled() {
    for number in ["0", "-0", "10", "-1.50", "1e5", "1E+05", "2.5e-007", "0e999", "12345678901234567890123", "1e308"] {
        assert_eq!(accepted(number).root().raw(), number);
    }
    let longest = "9".repeat(308);
    assert_eq!(accepted(&longest).root().raw(), longest);
    assert_eq!(refusal("9".repeat(400)), "number out of range at byte 0");
    assert_eq!(refusal(format!("-{}.0", "9".repeat(400))), "number out of range at byte 0");
    accepted(format!("0.{}", "9".repeat(4000)));
}

/// The scan passes text in words and blocks; a stop must be seen on each side of each of their edges.
#[test]
fn a_control_byte_is_refused_and_an_escape_read_wherever_it_stands() {
    for length in 0..200 {
        for at in [0, length / 3, length / 2, length] {
            let text = |stop: &str| format!("\"{}{stop}{}\"", "é".repeat(at), "x".repeat(length - at));
            let stop_at = 1 + 2 * at;
            for control in [0x00, 0x0A, 0x1F] {
                let body = text(&char::from(control).to_string());
                assert_eq!(refusal(body), format!("unexpected byte at {stop_at}"));
            }
            assert_eq!(accepted(text("\u{7F}")).root().text(), Some(text("\u{7F}").trim_matches('"').into()));
            assert_eq!(accepted(text("\\n")).root().text(), Some(text("\n").trim_matches('"').into()));
            assert_eq!(refusal(text("\"")), format!("trailing data at byte {}", stop_at + 1), "{length} {at}");
        }
    }
}

/// Well-formed JSON; few names, so that some repeat.
fn json() -> impl Strategy<Value = String> {
    const NAMES: &[&str] =
        &[r#""a""#, r#""\u0061""#, r#""A""#, r#""b""#, r#""\n""#, r#""\u000A""#, r#""""#, r#""content""#];
    const WORDS: &[&str] = &[
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-12.5e+3",
        "1E-2",
        "\"\"",
        "[]",
        "{}",
        "\"a\\u0062\"",
        "18446744073709551616",
    ];
    let leaf = prop_oneof![select(WORDS).prop_map(str::to_owned), literal().prop_map(|(_, literal)| literal)];
    let key = prop_oneof![select(NAMES).prop_map(str::to_owned), literal().prop_map(|(_, literal)| literal)];
    leaf.prop_recursive(6, 60, 20, move |value| {
        let space = || select(&["", "", " ", "\n", "\t\r "][..]);
        let member = (key.clone(), space(), space(), value.clone());
        let members =
            prop::collection::vec(member.prop_map(|(key, a, b, value)| format!("{key}{a}:{b}{value}")), 0..20);
        let elements =
            prop::collection::vec((space(), value, space()).prop_map(|(a, value, b)| a.to_owned() + &value + b), 0..6);
        prop_oneof![
            (members, space(), space())
                .prop_map(|(members, a, b)| format!("{a}{{{b}{}{a}}}{b}", members.join(&format!("{b},{a}")))),
            (elements, space()).prop_map(|(elements, a)| format!("{a}[{a}{}]", elements.join(","))),
        ]
    })
}

/// Tokens in no order, which is often nearly JSON.
fn soup() -> impl Strategy<Value = String> {
    const TOKENS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\"a\"",
        "\"\\u0061\":",
        "\"a\":",
        "{\"b\":",
        "0",
        "1",
        "-",
        ".",
        "e",
        "E+",
        "1e400",
        "true",
        "nul",
        "null",
        "\\",
        "\\u",
        "\\ud83d",
        "\\ude00",
        "00e9",
        " ",
        "\n",
        "\u{0}",
        "\u{FEFF}",
        "é",
        "/",
        "\"\\n\"",
    ];
    prop::collection::vec(select(TOKENS), 0..12).prop_map(|tokens| tokens.concat())
}

/// How many keys and values there are.
fn count(value: &Oracle) -> usize {
    match value {
        Oracle::Array(elements) => 1 + elements.iter().map(count).sum::<usize>(),
        Oracle::Object(members) => 1 + members.values().map(|value| 1 + count(value)).sum::<usize>(),
        _ => 1,
    }
}

fn depth(value: &Oracle) -> usize {
    match value {
        Oracle::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        Oracle::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn assert_same(value: Value<'_>, oracle: &Oracle) {
    assert_eq!(serde_json::from_str::<Oracle>(value.raw()).unwrap(), *oracle, "the span is the value's own");
    match oracle {
        Oracle::Null => assert_eq!(value.kind(), Kind::Null),
        Oracle::Bool(_) => assert_eq!(value.kind(), Kind::Bool),
        Oracle::Number(_) => assert_eq!(value.kind(), Kind::Number),
        Oracle::String(text) => assert_eq!(value.text().as_deref(), Some(text.as_str())),
        Oracle::Array(elements) => {
            assert_eq!((value.kind(), value.is_empty()), (Kind::Array, elements.is_empty()));
            assert_eq!(value.elements().count(), elements.len());
            value.elements().zip(elements).for_each(|(value, oracle)| assert_same(value, oracle));
        }
        Oracle::Object(members) => {
            assert_eq!((value.kind(), value.is_empty()), (Kind::Object, members.is_empty()));
            assert_eq!(value.members().count(), members.len());
            for (key, oracle) in members {
                assert_same(value.get(key).unwrap(), oracle);
            }
        }
    }
}

fn assert_agrees_with_serde(body: &[u8]) {
    match (parse(body), oracle(body)) {
        (Ok(document), Some(oracle)) => {
            // Of two equal names serde_json keeps one, so equal counts say that no name was there twice.
            assert_eq!(document.tape.len(), count(&oracle));
            assert_same(document.root(), &oracle);
        }
        (Err(JsonError::DuplicateKey { .. }), Some(_)) => assert_repetitions_are_real(body),
        (Err(_), None) => {}
        (Ok(_), None) => panic!("accepted against serde_json: {}", String::from_utf8_lossy(body)),
        (Err(error), Some(_)) => panic!("{error}, against serde_json: {}", String::from_utf8_lossy(body)),
    }
}

/// Marks the repetitions one by one until the body is accepted; then each, unmarked alone, must cover another member.
fn assert_repetitions_are_real(body: &[u8]) {
    let mut marked = str::from_utf8(body).unwrap().to_owned();
    let mut marks = Vec::new();
    while let Some(JsonError::DuplicateKey { at }) = parse(&marked).err() {
        marks.push(format!("<mark {}>", marks.len()));
        marked.insert_str(at + 1, &marks[marks.len() - 1]);
    }
    assert_agrees_with_serde(marked.as_bytes());
    let all = count(&oracle(marked.as_bytes()).unwrap());
    for mark in marks {
        let kept = count(&oracle(marked.replace(&mark, "").as_bytes()).unwrap());
        assert!(kept < all, "no repetition at {mark} of {marked}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200), depth_max in 0_usize..4) {
        let _ = Document::parse(Bytes::from(body.clone()), depth_max);
        assert_agrees_with_serde(&body);
    }

    #[test]
    fn well_formed_bodies_read_as_serde_json_reads_them(body in json()) {
        assert_agrees_with_serde(body.as_bytes());
    }

    #[test]
    fn damaged_bodies_are_judged_as_serde_json_judges_them(
        body in json(), at in any::<prop::sample::Index>(), cut in 0_usize..3,
        insert in prop_oneof![Just(vec![]), prop::collection::vec(any::<u8>(), 1), select(&b"\"\\{}[],:0-.e u\n"[..]).prop_map(|byte| vec![byte])],
    ) {
        let mut body = body.into_bytes();
        let at = at.index(body.len());
        body.splice(at..(at + cut).min(body.len()), insert);
        assert_agrees_with_serde(&body);
    }

    #[test]
    fn token_soup_is_judged_as_serde_json_judges_it(body in soup()) {
        assert_agrees_with_serde(body.as_bytes());
    }

    #[test]
    fn depth_is_counted_as_serde_json_nests(body in json(), depth_max in 0_usize..6) {
        if parse(&body).is_ok() {
            let deep = Document::parse(Bytes::from(body.clone()), depth_max).err();
            let expected = (depth(&oracle(body.as_bytes()).unwrap()) > depth_max).then_some(JsonError::TooDeep { depth_max });
            prop_assert_eq!(deep, expected);
        }
    }

    #[test]
    fn a_literal_reads_as_its_text((text, raw) in literal()) {
        let document = accepted(&raw);
        prop_assert_eq!(document.root().text().unwrap(), text.as_str());
        let body = format!("{{{raw}:1}}");
        prop_assert_eq!(accepted(body).root().get(&text).map(Value::span), Some(raw.len() + 2..raw.len() + 3));
    }
}
