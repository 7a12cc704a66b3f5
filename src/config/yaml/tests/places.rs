//! Where a value stands.

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
