//! What a document becomes.

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
    let unsigned = [("0", 0), ("007", 7), ("+12", 12), ("0o17", 15), ("0xFf", 255), ("18446744073709551615", u64::MAX)];
    for (text, number) in unsigned {
        assert!(matches!(kind(text), Kind::Unsigned(read) if read == number), "{text}");
    }
    assert!(matches!(kind("-5"), Kind::Signed(-5)));
    let floats = [("1.5", 1.5), ("-.5", -0.5), ("1.", 1.0), ("1e3", 1000.0), ("18446744073709551616", 2f64.powi(64))];
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
