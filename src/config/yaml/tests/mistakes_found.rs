//! Every mistake at once, each with its place.

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
    let (settings, mistakes) = decode("pair:\n  left: { name: [], url: x }\n  right: r\n  guard: log\nworkers: 3\n");
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
