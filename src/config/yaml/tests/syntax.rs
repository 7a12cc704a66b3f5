//! What is no configuration at all.

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
