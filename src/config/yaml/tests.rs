use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use serde::{Deserialize, Deserializer, de};

use super::{Kind, Mistake, Node, Place, Tree};

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    listen: Option<String>,
    workers: u16,
    ratio: f64,
    verbose: bool,
    pepper: Option<String>,
    pepper_bits: u16,
    store: Store,
    upstreams: Vec<Upstream>,
    tenants: BTreeMap<Name, Tenant>,
    guard: Guard,
    timeout: Option<Pause>,
    range: Option<(u32, u32)>,
    window: Window,
    pair: Option<Pair>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Store {
    url: Option<Location>,
    api_key: Option<Pause>,
    pool: Pool,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Pool {
    size: u32,
    patience: Option<Pause>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Upstream {
    name: String,
    url: String,
    #[serde(default)]
    weight: u32,
    #[serde(default)]
    limit: Option<Limit>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Tenant {
    models: Vec<String>,
    token: Option<u64>,
    rate: Option<Rate>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Name(String);

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Guard {
    #[default]
    Block,
    Log,
    Sample(f64),
    Redirect {
        to: String,
    },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Rate {
    PerMinute(u64),
    Full { count: u64, every: Pause },
    Named(String),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Limit {
    Requests { count: u32 },
    Bytes { bytes: u64 },
}

/// Its own `Deserialize`, which quotes what it refuses.
#[derive(Debug, PartialEq)]
struct Pause(Duration);

impl<'de> Deserialize<'de> for Pause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let seconds = text.strip_suffix('s').and_then(|digits| digits.parse().ok());
        seconds
            .map(|seconds| Self(Duration::from_secs(seconds)))
            .ok_or_else(|| de::Error::custom(format_args!("`{text}` is not a duration such as `5s`")))
    }
}

#[derive(Debug, PartialEq)]
struct Location(String);

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.starts_with("redis://") {
            Ok(Self(text))
        } else {
            Err(de::Error::custom(format_args!("no store at {text}")))
        }
    }
}

/// Checks one field against the other.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "RawWindow")]
struct Window {
    low: u32,
    high: u32,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawWindow {
    low: u32,
    high: u32,
}

impl Default for RawWindow {
    fn default() -> Self {
        Self { low: 0, high: 10 }
    }
}

impl TryFrom<RawWindow> for Window {
    type Error = String;

    fn try_from(RawWindow { low, high }: RawWindow) -> Result<Self, String> {
        if low <= high { Ok(Self { low, high }) } else { Err(format!("low ({low}) is above high ({high})")) }
    }
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    left: Upstream,
    right: Name,
    guard: Guard,
}

fn parse(text: &str) -> Tree {
    Tree::parse(text).unwrap()
}

fn decode(text: &str) -> (Option<Settings>, Vec<String>) {
    shown(parse(text).decode())
}

fn shown<T>((value, mistakes): (Option<T>, Vec<Mistake>)) -> (Option<T>, Vec<String>) {
    (value, mistakes.iter().map(ToString::to_string).collect())
}

/// The settings, of which nothing may be mistaken.
fn settings(text: &str) -> Settings {
    let (settings, mistakes) = decode(text);
    assert_eq!(mistakes, [""; 0]);
    settings.unwrap()
}

fn mistakes(text: &str) -> Vec<String> {
    decode(text).1
}

fn refusal(text: &str) -> String {
    Tree::parse(text).unwrap_err().to_string()
}

fn variable(name: &str) -> Place {
    Place::Environment(name.to_owned())
}

mod decoding {
    use super::*;

    #[test]
    fn a_whole_document_is_decoded() {
        let decoded = settings(
            r#"
# the front
listen: 127.0.0.1:8080
workers: 4
ratio: 1
verbose: true
pepper: "12345"
store: { url: "redis://h", pool: { size: 0x10, patience: 3s } }
upstreams:
  - name: one
    url: http://one # a comment
    weight: 2
    limit: { kind: requests, count: 3 }
  - { name: two, url: 'http://two' }
tenants:
  acme.com:
    models: [a, "1"]
    rate: 5
  007: { rate: { count: 1, every: 1s } }
  third: { rate: often }
guard: { redirect: { to: x } }
timeout: ~
range: [1, 2]
"#,
        );
        assert_eq!(decoded.listen.as_deref(), Some("127.0.0.1:8080"));
        assert_eq!((decoded.workers, decoded.ratio, decoded.verbose), (4, 1.0, true));
        assert_eq!(decoded.store.pool, Pool { size: 16, patience: Some(Pause(Duration::from_secs(3))) });
        assert_eq!(decoded.upstreams[0].limit, Some(Limit::Requests { count: 3 }));
        assert_eq!(decoded.upstreams[1].url, "http://two");
        let rate = |tenant: &str| decoded.tenants[&Name(tenant.to_owned())].rate.as_ref().unwrap();
        assert_eq!(rate("acme.com"), &Rate::PerMinute(5));
        assert_eq!(rate("007"), &Rate::Full { count: 1, every: Pause(Duration::from_secs(1)) });
        assert_eq!(rate("third"), &Rate::Named("often".to_owned()));
        assert_eq!(decoded.guard, Guard::Redirect { to: "x".to_owned() });
        assert_eq!((decoded.timeout, decoded.range), (None, Some((1, 2))));
    }

    #[test]
    fn an_empty_document_is_an_empty_map() {
        for text in ["", "\n", "# nothing\n", "---\n", "---\n...\n", "\u{feff}"] {
            assert_eq!(settings(text), Settings::default(), "{text:?}");
        }
    }

    #[test]
    fn enums_are_text_or_a_map_of_one_key() {
        assert_eq!(settings("guard: log").guard, Guard::Log);
        assert_eq!(settings("guard: { log: }").guard, Guard::Log);
        assert_eq!(settings("guard: { sample: 0.5 }").guard, Guard::Sample(0.5));
        assert_eq!(
            mistakes("guard: { sample: 1, log: }"),
            ["line 1, column 8: guard: expected one of `block`, `log`, `sample`, `redirect` as the only key"]
        );
        assert_eq!(
            mistakes("guard: sample"),
            ["line 1, column 8: guard: `sample` needs more: write it as the key of a map, `sample: …`"]
        );
        assert_eq!(mistakes("guard: { log: 1 }"), ["line 1, column 15: guard.log: `log` takes nothing below it"]);
        assert_eq!(
            mistakes("guard: 3"),
            ["line 1, column 8: guard: expected one of `block`, `log`, `sample`, `redirect`, found the number 3"]
        );
    }

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        let kind = |text: &str| match parse(&format!("[{text}]")).root.kind {
            Kind::List(items) => items.into_iter().next().unwrap().kind,
            _ => panic!("not a list"),
        };
        for text in ["~", "null", "Null", "NULL"] {
            assert!(matches!(kind(text), Kind::Null), "{text}");
        }
        assert!(matches!(kind("True"), Kind::Bool(true)));
        assert!(matches!(kind("FALSE"), Kind::Bool(false)));
        let unsigned =
            [("0", 0), ("007", 7), ("+12", 12), ("0o17", 15), ("0xFf", 255), ("18446744073709551615", u64::MAX)];
        for (text, number) in unsigned {
            assert!(matches!(kind(text), Kind::Unsigned(read) if read == number), "{text}");
        }
        assert!(matches!(kind("-5"), Kind::Signed(-5)));
        let floats =
            [("1.5", 1.5), ("-.5", -0.5), ("1.", 1.0), ("1e3", 1000.0), ("18446744073709551616", 2f64.powi(64))];
        for (text, number) in floats {
            assert!(matches!(kind(text), Kind::Float(read) if read.to_bits() == f64::to_bits(number)), "{text}");
        }
        assert!(matches!(kind(".inf"), Kind::Float(f64::INFINITY)));
        assert!(matches!(kind("-.INF"), Kind::Float(f64::NEG_INFINITY)));
        assert!(matches!(kind(".nan"), Kind::Float(read) if read.is_nan()));
        let texts = [
            "yes",
            "no",
            "on",
            "off",
            "y",
            "nULL",
            "tRUE",
            "inf",
            "NaN",
            "nan",
            "+",
            ".",
            "e5",
            "1e400",
            "1_000",
            "0x+1",
            "0b1",
            "12:30",
            "1.2.3",
            "2024-01-01",
            "\"1\"",
            "'true'",
            "''",
            "5s",
        ];
        for text in texts {
            assert!(matches!(kind(text), Kind::Text(_)), "{text}");
        }
    }

    #[test]
    fn block_scalars_are_text() {
        assert_eq!(settings("listen: |\n  12\n").listen.as_deref(), Some("12\n"));
    }
}

mod mistakes_found {
    use super::*;

    #[test]
    fn mistakes_of_all_kinds_at_all_depths_are_listed_once_with_their_lines() {
        let text = "\
listen: 8080
workers: many
upstreams:
  - name: one
    url: http://one
    weight: -1
  - name: two
    urk: http://two
  - name: three
    url: http://three
tenants:
  acme:
    models: [a]
    modles: [b]
guard: blok
store:
  pool:
    patience: soon
";
        let (settings, mistakes) = decode(text);
        assert_eq!(
            mistakes,
            [
                "line 1, column 9: listen: expected text, found a number: quote it",
                "line 2, column 10: workers: expected a whole number, found text \"many\"",
                "line 6, column 13: upstreams[0].weight: expected a whole number from 0 to 4294967295, found the number -1",
                "line 8, column 5: upstreams[1]: unknown key `urk`; did you mean `url`?",
                "line 14, column 5: tenants.acme: unknown key `modles`; did you mean `models`?",
                "line 15, column 8: guard: unknown value `blok`; expected one of `block`, `log`, `sample`, `redirect`; did you mean `block`?",
                "line 18, column 15: store.pool.patience: `soon` is not a duration such as `5s`",
            ]
        );
        // What had a mistake at heart is gone, the rest is there.
        let settings = settings.unwrap();
        let names: Vec<_> = settings.upstreams.iter().map(|upstream| &*upstream.name).collect();
        assert_eq!(names, ["one", "three"]);
        assert!(settings.tenants.contains_key(&Name("acme".to_owned())));
    }

    #[test]
    fn a_mandatory_key_that_was_wrong_is_not_missing_as_well() {
        let (settings, mistakes) = decode("upstreams:\n- name: one\n  url: 5\n- {name: two, url: x}\n");
        assert_eq!(mistakes, ["line 3, column 8: upstreams[0].url: expected text, found a number: quote it"]);
        assert_eq!(settings.unwrap().upstreams.len(), 1);
    }

    #[test]
    fn a_misspelt_mandatory_key_is_not_missing_as_well() {
        assert_eq!(
            mistakes("upstreams: [{ name: one, urk: 5 }]"),
            ["line 1, column 26: upstreams[0]: unknown key `urk`; did you mean `url`?"]
        );
        // Its no: `colour` means no key that is known, and `ulr` beside `url` takes nothing from it.
        assert_eq!(
            mistakes("upstreams: [{ name: one, colour: 5 }, { name: n, url: u, ulr: u }]"),
            [
                "line 1, column 13: upstreams[0]: missing key `url`",
                "line 1, column 26: upstreams[0]: unknown key `colour`; known here: `name`, `url`, `weight`, `limit`",
                "line 1, column 58: upstreams[1]: unknown key `ulr`; did you mean `url`?",
            ]
        );
    }

    #[test]
    fn an_echo_climbs_silently_through_mandatory_parents() {
        let (settings, mistakes) =
            decode("pair:\n  left: { name: [], url: x }\n  right: r\n  guard: log\nworkers: 3\n");
        assert_eq!(mistakes, ["line 2, column 17: pair.left.name: expected text, found a list"]);
        let settings = settings.unwrap();
        assert_eq!((settings.pair, settings.workers), (None, 3));
    }

    #[test]
    fn all_missing_keys_of_a_map_are_listed_and_no_stand_in_leaves() {
        let (settings, mistakes) = decode("upstreams: [{ weight: 1 }]\npair: {}\n");
        assert_eq!(
            mistakes,
            [
                "line 1, column 13: upstreams[0]: missing key `name`",
                "line 1, column 13: upstreams[0]: missing key `url`",
                "line 2, column 7: pair: missing key `left`",
            ]
        );
        let settings = settings.unwrap();
        assert_eq!((settings.upstreams.len(), settings.pair), (0, None));
    }

    #[test]
    fn a_missing_key_at_the_top_leaves_no_value() {
        let (upstream, mistakes) = shown(parse("name: x\nweight: y").decode::<Upstream>());
        assert_eq!(upstream, None);
        assert_eq!(
            mistakes,
            [
                "line 2, column 9: weight: expected a whole number, found text \"y\"",
                "the file as a whole: missing key `url`",
            ]
        );
    }

    #[test]
    fn a_check_of_a_whole_that_lost_a_part_is_an_echo() {
        assert_eq!(
            mistakes("window:\n  low: 20\n  high: x\n"),
            ["line 3, column 9: window.high: expected a whole number, found text \"x\""]
        );
        // Its no: nothing is lost by an unknown key, and the check stands.
        assert_eq!(
            mistakes("window:\n  low: 20\n  colour: 30\n"),
            [
                "line 1, column 1: window: low (20) is above high (10)",
                "line 3, column 3: window: unknown key `colour`; known here: `low`, `high`",
            ]
        );
    }

    #[test]
    fn a_failure_of_an_enum_variant_is_placed_within_it() {
        assert_eq!(
            mistakes("guard:\n  redirect:\n    to: 5\n"),
            ["line 3, column 9: guard.redirect.to: expected text, found a number: quote it"]
        );
        assert_eq!(
            mistakes("guard: { smaple: 1 }"),
            [
                "line 1, column 10: guard: unknown value `smaple`; expected one of `block`, `log`, `sample`, `redirect`; did you mean `sample`?"
            ]
        );
    }

    #[test]
    fn kinds_are_told_in_plain_words() {
        let cases = [
            ("listen: true", "listen: expected text, found true or false: quote it"),
            ("listen: [a]", "listen: expected text, found a list"),
            ("workers: 2.0", "workers: expected a whole number, found the number 2.0"),
            ("workers: 70000", "workers: expected a whole number from 0 to 65535, found the number 70000"),
            ("workers:", "workers: expected a whole number, found nothing"),
            ("ratio: much", "ratio: expected a number, found text \"much\""),
            ("verbose: yes", "verbose: expected true or false, found text \"yes\""),
            ("upstreams: 1", "upstreams: expected a list, found the number 1"),
            ("upstreams:", "upstreams: expected a list, found nothing (an empty list is `[]`)"),
            ("tenants: []", "tenants: expected a map, found a list"),
            ("store: [x]", "store: expected a map, found a list"),
            ("store:", "store: expected a map, found nothing (an empty map is `{}`)"),
            ("range: [1, 2, 3]", "range: the list is too long: 2 elements are expected"),
            ("range: [1]", "range: expected a tuple of size 2, found 1 elements"),
            ("timeout: 5m", "timeout: `5m` is not a duration such as `5s`"),
        ];
        for (text, expected) in cases {
            let found = mistakes(text);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].ends_with(&format!(": {expected}")), "{found:?}");
        }
    }

    #[test]
    fn a_document_that_is_no_map_is_one_mistake() {
        let (settings, mistakes) = decode("just text");
        assert_eq!(settings, None);
        assert_eq!(mistakes, ["the file as a whole: expected a map, found text \"just text\""]);
    }

    #[test]
    fn unknown_keys_list_the_known_ones_when_they_are_few_and_none_is_near() {
        assert_eq!(
            mistakes("store: { colour: red }"),
            ["line 1, column 10: store: unknown key `colour`; known here: `url`, `api_key`, `pool`"]
        );
        assert_eq!(mistakes("colour: red"), ["line 1, column 1: unknown key `colour`"]);
        assert_eq!(
            mistakes("store: { API-KEY: 1s }"),
            ["line 1, column 10: store: unknown key `API-KEY`; did you mean `api_key`?"]
        );
    }

    #[test]
    fn untagged_and_internally_tagged_enums_are_placed_at_their_value() {
        assert_eq!(
            mistakes("tenants:\n  acme:\n    rate: [1]\n"),
            ["line 3, column 11: tenants.acme.rate: a list has none of the forms that are allowed here"]
        );
        let limit = |limit: &str| mistakes(&format!("upstreams:\n- name: n\n  url: u\n  limit: {limit}\n"));
        assert_eq!(
            limit("{ kind: requests, cuont: 5, count: 3 }"),
            ["line 4, column 28: upstreams[0].limit: unknown key `cuont`; did you mean `count`?"]
        );
        assert_eq!(limit("{ count: 5 }"), ["line 4, column 10: upstreams[0].limit: missing key `kind`"]);
        assert_eq!(limit("{ kind: requests }"), ["line 4, column 10: upstreams[0].limit: missing key `count`"]);
    }

    #[test]
    fn a_failure_in_a_key_is_placed_at_the_key() {
        #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Side {
            Left,
            Right,
        }
        let (sides, mistakes) = shown(parse("left: 1\nrihgt: 2\n").decode::<BTreeMap<Side, u8>>());
        assert_eq!(sides, Some(BTreeMap::from([(Side::Left, 1)])));
        assert_eq!(
            mistakes,
            ["line 2, column 1: unknown value `rihgt`; expected one of `left`, `right`; did you mean `right`?"]
        );
    }

    #[test]
    fn very_many_mistakes_are_cut_off_with_a_word() {
        let text: String = (0..500).map(|n| format!("x{n}: 1\n")).collect();
        let (settings, mistakes) = decode(&text);
        assert_eq!((settings, mistakes.len()), (None, 101));
        assert_eq!(mistakes[100], "the file as a whole: only the first 100 mistakes are shown; there may be more");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let found = mistakes("\"a\\e[31m\\nb\": 1\ntimeout: \"\\e[2J\"\n");
        assert!(found.iter().all(|mistake| !mistake.contains(char::is_control)), "{found:?}");
        assert!(found[0].contains("\\u{1b}[31m\\nb"), "{found:?}");
    }
}

mod secrets {
    use super::*;

    fn assert_withheld(text: &str, path: &str, words: &str) {
        let found = parse(text).decode::<Settings>().1;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((&*found[0].path, &*found[0].message), (path, words));
    }

    #[test]
    fn a_value_under_a_key_that_looks_secret_is_never_shown() {
        assert_withheld("pepper_bits: hunter2", "pepper_bits", "expected a whole number, found text");
        assert_withheld("pepper_bits: 98765", "pepper_bits", "expected a whole number from 0 to 65535, found a number");
        assert_withheld("pepper: 98765", "pepper", "expected text, found a number: quote it");
        assert_withheld("pepper: [hunter2]", "pepper", "expected text, found a list");
        assert_withheld("tenants: {a: {token: hunter2}}", "tenants.a.token", "expected a whole number, found text");
    }

    #[test]
    fn a_custom_message_that_quotes_a_secret_is_withheld() {
        assert_withheld(
            "store: { api_key: hunter2 }",
            "store.api_key",
            "this is not accepted; the reason quotes a secret and is withheld",
        );
    }

    #[test]
    fn a_custom_message_that_quotes_no_secret_is_kept() {
        #[derive(Debug)]
        struct Strict;
        impl<'de> Deserialize<'de> for Strict {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?;
                Err(de::Error::custom("at least 16 characters are needed"))
            }
        }
        let found = parse("admin_token: hunter2").decode::<BTreeMap<String, Strict>>().1;
        assert_eq!(found[0].message, "at least 16 characters are needed");
    }

    #[test]
    fn a_message_about_a_parent_does_not_quote_a_secret_below_it() {
        #[derive(Debug, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        #[expect(dead_code, reason = "only the failure matters")]
        enum Login {
            Basic { user: String, password: u32 },
        }
        let found = parse("login: { kind: basic, user: u, password: hunter2 }").decode::<BTreeMap<String, Login>>().1;
        assert_eq!(found[0].to_string(), "line 1, column 8: login: expected a whole number, found text");
    }

    #[test]
    fn a_url_with_a_password_is_not_quoted() {
        assert_withheld(
            "store: { url: 'http://user:hunter2@host' }",
            "store.url",
            "this is not accepted; the reason quotes a secret and is withheld",
        );
        // Its no: a URL without one is.
        assert_withheld("store: { url: 'http://host' }", "store.url", "no store at http://host");
    }

    #[test]
    fn a_tree_does_not_print_its_content() {
        assert!(!format!("{:?}", parse("pepper: hunter2")).contains("hunter2"));
    }

    #[test]
    fn a_value_from_outside_that_is_malformed_is_not_shown() {
        let mut tree = parse("");
        let mistake = tree.set(&["pepper"], "[hunter2", variable("WARDGATE__PEPPER")).unwrap_err();
        assert!(!mistake.to_string().contains("hunter2"), "{mistake}");
    }
}

mod syntax {
    use super::*;

    #[test]
    fn a_syntax_mistake_has_its_place() {
        assert_eq!(
            refusal("listen: a\nworkers: b: c\n"),
            "line 2, column 11: a `:` is not expected here: quote a text that holds `: `, and check the indentation"
        );
        assert_eq!(refusal("host: @home\n"), "line 1, column 7: this character cannot begin a text: quote the text");
        assert!(refusal("a: [1, 2\nb: 3\n").starts_with("line 2, column "));
        assert!(refusal("a:\n\t- b\n").starts_with("line 2, column "));
    }

    #[test]
    fn what_a_configuration_does_not_need_is_refused() {
        let cases = [
            ("a: &x 1\n", "line 1, column 4: anchors"),
            ("a: &x [1]\n", "line 1, column 4: anchors"),
            ("a: &x 1\nb: *x\n", "line 1, column 4: anchors"),
            ("host: *.example.com\n", "line 1, column 7: aliases"),
            ("a: !!str 1\n", "line 1, column 4: tags"),
            ("a: !mine {}\n", "line 1, column 4: tags"),
            ("a: ! x\n", "line 1, column 4: tags"),
            ("a: {}\nb:\n  <<: 1\n", "line 3, column 3: merge keys"),
            ("a: 1\n---\nb: 2\n", "line 2, column 1: a second document"),
            (
                "a: 1\nb:\n  c: 1\n  \"c\": 2\n",
                "line 4, column 3: the key `c` is given twice; the first stands at line 3, column 3",
            ),
            ("? [a]\n: b\n", "line 1, column 3: a key must be text"),
            (": b\n", "line 1, column 1: a key is missing before the `:`"),
        ];
        for (text, expected) in cases {
            assert!(refusal(text).starts_with(expected), "{text:?}: {}", refusal(text));
        }
        assert!(Tree::parse("'<<': 1\n").is_ok(), "quoted, it is a key like others");
        assert!(Tree::parse("---\na: 1\n...\n# end\n").is_ok());
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Tree::parse(&nested(30)).is_ok());
        assert!(refusal(&nested(100)).ends_with("nested too deeply: at most 32 levels are read"));
        assert!(refusal(&"[".repeat(100_000)).contains("nested too deeply"));
        assert!(refusal(&"- ".repeat(100_000)).contains("nested too deeply"));
        assert!(refusal(&"{a: ".repeat(100_000)).contains("nested too deeply"));
    }

    #[test]
    fn size_is_bounded() {
        let sized = |bytes: usize| format!("a: {}", "x".repeat(bytes - 3));
        assert!(Tree::parse(&sized(1 << 20)).is_ok());
        assert_eq!(
            refusal(&sized((1 << 20) + 1)),
            "the file as a whole: 1048577 bytes are too many: at most 1048576 are read"
        );
    }

    /// Reading and reporting stay near linear: seconds would mean a square somewhere.
    #[test]
    fn the_largest_file_is_read_swiftly() {
        let begun = std::time::Instant::now();
        let keys: String = (0..70_000).map(|n| format!("k{n}: {n}\n")).collect();
        assert_eq!(parse(&keys).decode::<BTreeMap<String, u32>>().0.unwrap().len(), 70_000);
        let items = "- {a: b}\n".repeat(100_000);
        assert_eq!(parse(&items).decode::<Vec<u32>>().1.len(), 101);
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    }
}

mod places {
    use super::*;

    const TEXT: &str = "\nlisten: x\nupstreams:\n  - name: one\n    url: u\ntenants:\n  acme.com: { models: [a, b] }\n  acme:\n    models:\n";

    fn line(text: &str, path: &str) -> (usize, usize) {
        match parse(text).locate(path).0 {
            Place::File { line, column } => (line, column),
            other => panic!("{path} stands at {other}"),
        }
    }

    #[test]
    fn a_value_is_found_by_its_path() {
        assert_eq!(line(TEXT, "listen"), (2, 9));
        assert_eq!(line(TEXT, "upstreams[0].url"), (5, 10));
        assert_eq!(line(TEXT, "upstreams[0]"), (4, 5));
        assert_eq!(line(TEXT, "tenants.acme.com.models[1]"), (7, 27));
    }

    #[test]
    fn what_begins_on_a_later_line_stands_at_its_key() {
        assert_eq!(line(TEXT, "upstreams"), (3, 1));
        assert_eq!(line(TEXT, "tenants.acme"), (8, 3));
        assert_eq!(line(TEXT, "tenants.acme.models"), (9, 5));
    }

    #[test]
    fn an_absent_path_falls_back_to_its_nearest_parent() {
        assert_eq!(line(TEXT, "upstreams[0].weight"), (4, 5));
        assert_eq!(line(TEXT, "upstreams[7].url"), (3, 1));
        assert_eq!(line(TEXT, "listen.deeper"), (2, 9));
        assert_eq!(parse(TEXT).locate("store.url").0, Place::Whole);
        assert_eq!(parse(TEXT).locate("").0, Place::Whole);
    }

    #[test]
    fn contains_means_the_whole_path() {
        let tree = parse(TEXT);
        for path in ["listen", "upstreams[0].url", "tenants.acme.models", "tenants.acme.com", ""] {
            assert!(tree.contains(path), "{path}");
        }
        for path in ["lis", "listen.x", "upstreams[1]", "upstreams[x]", "upstreams.0", "tenants.acme.co", "..", "["] {
            assert!(!tree.contains(path), "{path}");
        }
    }
}

mod from_outside {
    use super::*;

    fn set(text: &str, path: &[&str], value: &str) -> Tree {
        let mut tree = parse(text);
        tree.set(path, value, variable("V")).unwrap();
        tree
    }

    fn decode(tree: &Tree) -> Settings {
        let mut tree = Tree { root: tree.root.clone(), decoded: None };
        let (settings, mistakes) = shown(tree.decode());
        assert_eq!(mistakes, [""; 0]);
        settings.unwrap()
    }

    #[test]
    fn a_value_is_set_replaced_and_placed() {
        let tree = set("store: { url: 'redis://a' }\n", &["store", "url"], "redis://b:1/0#x");
        assert_eq!(decode(&tree).store.url, Some(Location("redis://b:1/0#x".to_owned())));
        assert_eq!(tree.locate("store.url").0, variable("V"));
        assert_eq!(tree.locate("store").0, Place::File { line: 1, column: 8 });
    }

    #[test]
    fn missing_maps_and_lists_are_created() {
        assert_eq!(decode(&set("", &["store", "pool", "size"], "5")).store.pool.size, 5);
        assert_eq!(decode(&set("store:\n", &["store", "pool", "size"], "5")).store.pool.size, 5);
        let mut tree = set("", &["upstreams", "0", "url"], "u");
        tree.set(&["upstreams", "0", "name"], "n", variable("V")).unwrap();
        assert_eq!(decode(&tree).upstreams[0].name, "n");
    }

    #[test]
    fn numbers_count_list_elements_and_append_at_the_end() {
        let text = "upstreams: [{ name: a, url: a }]";
        assert_eq!(decode(&set(text, &["upstreams", "0", "url"], "b")).upstreams[0].url, "b");
        let appended = decode(&set(text, &["upstreams", "1"], "{ name: c, url: c }"));
        assert_eq!(appended.upstreams[1].name, "c");
    }

    #[test]
    fn flow_collections_and_quotes_are_read_as_yaml() {
        let decoded = decode(&set("", &["tenants"], "{a: {models: [x, \"1\"]}}"));
        assert_eq!(decoded.tenants[&Name("a".to_owned())].models, ["x", "1"]);
        assert_eq!(decode(&set("", &["listen"], "'[::1]:80'")).listen.as_deref(), Some("[::1]:80"));
        assert_eq!(decode(&set("", &["listen"], "null")).listen, None);
        assert_eq!(decode(&set("listen: x", &["listen"], "")).listen, None);
    }

    #[test]
    fn other_text_is_taken_as_it_stands() {
        for text in ["a: b", "*x", "&x", "!x", "%x", "@x", "a #b", "- a", "-----BEGIN KEY-----\nabc\n-----END KEY-----"]
        {
            assert_eq!(decode(&set("", &["pepper"], text)).pepper.as_deref(), Some(text));
        }
    }

    /// A secret store hands out what it holds; nobody can put quotes into it.
    #[test]
    fn digits_from_outside_are_text_where_text_is_asked_for() {
        assert_eq!(decode(&set("", &["pepper"], "0123")).pepper.as_deref(), Some("0123"));
        assert_eq!(decode(&set("", &["workers"], "12\n")).workers, 12);
        let tree = set("", &["tenants", "a", "rate"], "12");
        assert_eq!(decode(&tree).tenants[&Name("a".to_owned())].rate, Some(Rate::PerMinute(12)));
    }

    #[test]
    fn mistakes_name_the_variable() {
        let found = |path: &[&str], value: &str| shown(set("", path, value).decode::<Settings>()).1;
        assert_eq!(
            found(&["workers"], "many"),
            ["environment variable V: workers: expected a whole number, found text \"many\""]
        );
        assert_eq!(found(&["lisen"], "x"), ["environment variable V: unknown key `lisen`; did you mean `listen`?"]);
        assert_eq!(
            found(&["upstreams", "0", "name"], "x"),
            ["environment variable V: upstreams[0]: missing key `url`"]
        );
        let mut tree = parse("");
        tree.set(&["workers"], "x", Place::Flag("--workers".to_owned())).unwrap();
        assert!(tree.decode::<Settings>().1[0].to_string().starts_with("flag --workers: workers: "));
    }

    #[test]
    fn a_value_that_cannot_be_set_leaves_the_tree_as_it_was() {
        let text = "listen: x\nupstreams: [{ name: a, url: a }]\n";
        let cases: [(&[&str], &str, &str); 9] = [
            (&[], "x", "does not name a key"),
            (&["store", ""], "x", "does not name a key"),
            (&["a"; 33], "x", "does not name a key"),
            (&["listen", "deeper"], "x", "below a plain value"),
            (&["upstreams", "2", "url"], "x", "does not count an element of a list of 1"),
            (&["upstreams", "first"], "x", "does not count an element"),
            (&["store"], "{a: b", "must stand in quotes itself"),
            (&["store"], "'a' b", "must stand in quotes itself"),
            (&["store"], "\"a\": b", "more follows after the closing quote"),
        ];
        for (path, value, expected) in cases {
            let mut tree = parse(text);
            let mistake = tree.set(path, value, variable("V")).unwrap_err().to_string();
            assert!(mistake.starts_with("environment variable V: ") && mistake.contains(expected), "{mistake}");
            assert_eq!(decode(&tree), settings(text));
        }
    }
}

/// Pieces from which every rule of the grammar is met far sooner than by chance.
fn yamlish() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "listen",
        "upstreams",
        "name",
        "url",
        "limit",
        "kind",
        "requests",
        "count",
        "guard",
        "sample",
        "redirect",
        "to",
        "tenants",
        "rate",
        "pair",
        "left",
        "window",
        "low",
        "store",
        "pepper",
        ": ",
        ":",
        "- ",
        "\n",
        "\n  ",
        "\n    ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "'",
        "\"",
        "|\n",
        ">",
        "#",
        " ",
        "&x",
        "*x",
        "!t",
        "---\n",
        "...",
        "<<",
        "?",
        "1",
        "-1",
        "1.5",
        "true",
        "~",
        "é",
        "\t",
        "\\",
        "%",
        "5s",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..60).prop_map(|pieces| pieces.concat())
}

/// Whatever is read is decoded without a panic, and with no value there is a mistake.
fn exercise(text: &str) {
    let Ok(mut tree) = Tree::parse(text) else {
        return;
    };
    for _ in 0..2 {
        let (settings, mistakes) = tree.decode::<Settings>();
        assert!(settings.is_some() || !mistakes.is_empty());
        let (upstream, mistakes) = tree.decode::<Upstream>();
        assert!(upstream.is_some() || !mistakes.is_empty());
        let _ = tree.decode::<BTreeMap<String, Rate>>();
        let _ = tree.decode::<Vec<Guard>>();
        let _ = (tree.locate(text).0, tree.contains(text));
        let _ = tree.set(&["upstreams", "0", "limit", "count"], text, Place::Whole);
    }
}

fn nodes(node: &Node) -> usize {
    1 + match &node.kind {
        Kind::Map(entries) => entries.iter().map(|entry| nodes(&entry.value)).sum(),
        Kind::List(items) => items.iter().map(nodes).sum(),
        _ => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        exercise(&text);
    }

    #[test]
    fn arbitrary_yaml_never_panics(text in yamlish()) {
        exercise(&text);
    }

    #[test]
    fn arbitrary_values_from_outside_never_panic(part in "[a-z0]{0,3}", text in yamlish()) {
        let mut tree = parse("a: [1]\nstore: { url: x }\n");
        let _ = tree.set(&["store", &part], &text, Place::Whole);
        let _ = tree.set(&["a", &part, &part], &text, Place::Whole);
        prop_assert!(nodes(&tree.root) >= 4);
        let _ = tree.decode::<Settings>();
    }
}
