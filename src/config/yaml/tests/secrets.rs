//! What is never repeated in a mistake.

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
