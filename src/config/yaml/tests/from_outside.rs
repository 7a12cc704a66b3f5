//! Values that variables and flags set.

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
    for text in ["a: b", "*x", "&x", "!x", "%x", "@x", "a #b", "- a", "-----BEGIN KEY-----\nabc\n-----END KEY-----"] {
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
    assert_eq!(found(&["upstreams", "0", "name"], "x"), ["environment variable V: upstreams[0]: missing key `url`"]);
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
