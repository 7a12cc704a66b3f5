//! What tenants' own keys at providers are sealed with.

use super::*;

fn with(directory: &tempfile::TempDir, keys: &str) -> String {
    for (name, text) in [("good", "0123456789abcdef0123456789abcdef\n"), ("short", "canary"), ("empty", "")] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let keys = keys.replace("AT/", &format!("{}/", directory.path().display()));
    format!("{UPSTREAM}sealing: {{ keys: [{keys}] }}\n")
}

#[test]
fn sealing_keys_are_taken_in_their_order() {
    let directory = tempfile::tempdir().unwrap();
    let keys = "{ id: s1, file: AT/good }, { id: s.0, file: AT/good }";
    let (config, warnings) = read(&with(&directory, keys), &[], Vec::new()).unwrap();
    let ids: Vec<&str> = config.sealing.keys.iter().map(|(id, _)| &id[..]).collect();
    assert_eq!((ids, warnings.len()), (vec!["s1", "s.0"], 0));
    let none = read(UPSTREAM, &[], Vec::new()).unwrap().0;
    assert!(none.sealing.keys.is_empty(), "nothing is sealed unless somebody asks for it");
}

#[test]
fn sealing_key_that_is_no_good_is_a_mistake_that_names_its_place_and_not_the_key() {
    let directory = tempfile::tempdir().unwrap();
    for (keys, told) in [
        ("{ id: s1, file: AT/short }", "holds 6 bytes; a sealing key has 32 at least"),
        ("{ id: s1, file: AT/empty }", "is empty"),
        ("{ id: s1, file: AT/absent }", "cannot be read"),
        ("{ id: s1, env: WARDGATE_TEST_NO_SUCH_VARIABLE }", "WARDGATE_TEST_NO_SUCH_VARIABLE is not set"),
        ("{ id: s1 }", "a secret is a reference"),
        ("{ id: 's 1', file: AT/good }", "letters, digits and"),
        ("{ id: '', file: AT/good }", "letters, digits and"),
        ("{ id: s1, file: AT/good }, { id: s1, file: AT/good }", "another sealing key has this id"),
        (
            "{ id: a, file: AT/good }, { id: b, file: AT/good }, { id: c, file: AT/good }, { id: d, file: AT/good }",
            "at most 3",
        ),
    ] {
        let found = mistakes(&with(&directory, keys)).join("\n");
        assert!(found.contains(told) && found.contains("sealing.keys") && !found.contains("canary"), "{keys}: {found}");
    }
}

/// Commands on records run where no upstream could be used, and know the upstreams' names all the same.
#[test]
fn commands_get_the_sealing_keys_and_the_names_of_upstreams_whose_secrets_are_missing() {
    let directory = tempfile::tempdir().unwrap();
    let text = with(&directory, "{ id: s1, file: AT/good }");
    let text = text.replace("name: primary", "name: primary, api_key: { env: WARDGATE_TEST_NO_SUCH_VARIABLE }");
    assert!(source(&text, &[], Vec::new()).unwrap().config().is_err());
    let records = source(&text, &[], Vec::new()).unwrap().records().unwrap();
    assert_eq!((records.sealing.keys.len(), records.upstreams), (1, vec!["primary".to_owned()]));
    let broken = source(&with(&directory, "{ id: s1, file: AT/short }"), &[], Vec::new()).unwrap().records();
    assert!(broken.err().unwrap().to_string().contains("a sealing key has 32"));
}
