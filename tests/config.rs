//! The documented config and its examples: each is valid, and the documented one forgets no key.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its files fails where it stands")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use saphyr_parser::{Event, Parser};
use serde_json::Value;
use tempfile::TempDir;
use wardgate::config::{self, Source};

#[test]
fn documented_config_and_every_example_pass_the_check() {
    let files = files();
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        let checked = check(&file);
        assert!(checked.status.success(), "{}: {}", file.display(), stderr(&checked));
        assert!(!stderr(&checked).contains("warning"), "{}: {}", file.display(), stderr(&checked));
    }
}

/// The check does look: without the secrets that a file names, it says which are missing.
#[test]
fn example_whose_secrets_are_missing_does_not_pass() {
    let checked = command().args(["check", "--config"]).arg(root().join("config/wardgate.yaml")).output().unwrap();
    assert_eq!(checked.status.code(), Some(1));
    for name in ["OPENAI_API_KEY", "STANDBY_API_KEY"] {
        assert!(stderr(&checked).contains(name), "{}", stderr(&checked));
    }
}

#[test]
fn documented_config_is_valid_with_every_key_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let whole = write_whole(&directory);
    let checked = check(&whole);
    assert!(checked.status.success(), "{}", stderr(&checked));
    Source::read(Some(&whole), std::iter::empty(), Vec::new()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
}

#[test]
fn documented_config_names_every_key_of_the_schema() {
    let schema = schema();
    let mut known = BTreeSet::new();
    keys_of_schema(&schema, &schema, "", &mut known);
    assert!(known.contains("upstreams[].tls.ca") && known.contains("auth.jwt.secrets[].env"), "{known:?}");
    let documented = keys_of_yaml(&uncommented(&documented()));
    // A secret is named in one way or the other, and the file's head tells both.
    let other_way =
        |key: &str| key.strip_suffix(".env").is_some_and(|secret| documented.contains(&format!("{secret}.file")));
    let forgotten: Vec<_> = known.difference(&documented).filter(|key| !other_way(key)).collect();
    assert!(forgotten.is_empty(), "config/wardgate.yaml says nothing of {forgotten:?}");
}

#[test]
fn documented_config_names_every_word_that_a_key_may_hold() {
    let mut words = BTreeSet::new();
    choices(&schema(), &mut words);
    assert!(words.contains("shadow") && words.contains("http2"), "{words:?}");
    let text = documented();
    let used: BTreeSet<&str> = text.split(|c: char| !c.is_alphanumeric() && !"-_".contains(c)).collect();
    let forgotten: Vec<_> = words.iter().filter(|word| !used.contains(word.as_str())).collect();
    assert!(forgotten.is_empty(), "config/wardgate.yaml says nothing of {forgotten:?}");
}

#[test]
fn schema_command_prints_the_schema_that_stands_beside_the_config() {
    let printed = command().arg("schema").output().unwrap();
    assert!(printed.status.success() && printed.stderr.is_empty(), "{}", stderr(&printed));
    assert_eq!(serde_json::from_slice::<Value>(&printed.stdout).unwrap(), schema());
    let beside = std::fs::read(root().join("config/wardgate.schema.json")).unwrap();
    let mend = "write it anew: wardgate schema > config/wardgate.schema.json";
    assert_eq!(String::from_utf8(beside).unwrap(), String::from_utf8(printed.stdout).unwrap(), "{mend}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documented() -> String {
    std::fs::read_to_string(root().join("config/wardgate.yaml")).unwrap()
}

fn schema() -> Value {
    serde_json::to_value(config::schema()).unwrap()
}

fn files() -> Vec<PathBuf> {
    let listed =
        ["config", "config/examples"].into_iter().flat_map(|name| std::fs::read_dir(root().join(name)).unwrap());
    let paths = listed.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect()
}

/// Nothing of the environment that the tests run in decides.
fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wardgate"));
    command.env_clear();
    command
}

/// Checks a file with every variable set that it names.
fn check(file: &Path) -> Output {
    let text = std::fs::read_to_string(file).unwrap();
    let names = text.split("env: ").skip(1).filter_map(|rest| rest.split([' ', '}', '\n']).next());
    let variables = names.map(|name| (name.to_owned(), SECRET));
    command().args(["check", "--config"]).arg(file).envs(variables).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The documented config with every key in use, beside the files that it names.
fn write_whole(directory: &TempDir) -> PathBuf {
    let at = directory.path();
    let text = uncommented(&documented()).replace("/run/secrets", at.to_str().unwrap());
    for name in [
        "anthropic-api-key",
        "wardgate-pepper-1",
        "wardgate-jwt-secret-old",
        "wardgate-admin-token",
        "wardgate-store-password",
        "wardgate-sealing-2",
    ] {
        std::fs::write(at.join(name), SECRET).unwrap();
    }
    let authority = rcgen::generate_simple_self_signed(["upstream.internal".to_owned()]).unwrap();
    std::fs::write(at.join("upstream-ca.pem"), authority.cert.pem()).unwrap();
    std::fs::write(at.join("issuer-ca.pem"), authority.cert.pem()).unwrap();
    std::fs::write(at.join("legacy-portal.pem"), authority.signing_key.public_key_pem()).unwrap();
    std::fs::write(at.join("build-system.jwks"), JWKS).unwrap();
    let file = at.join("wardgate.yaml");
    std::fs::write(&file, text).unwrap();
    file
}

/// Takes the `#` from every key that is left out, as the file's head says. Prose has one space behind its `#`.
fn uncommented(text: &str) -> String {
    let body = text.find("# ---").expect("a rule ends the file's head");
    let lines = text[body..].lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with("  ") || !rest.starts_with(' ') => rest,
        _ => line,
    });
    lines.map(|line| format!("{line}\n")).collect()
}

/// Every key, such as `upstreams[].tls.ca`.
fn keys_of_schema(part: &Value, whole: &Value, path: &str, keys: &mut BTreeSet<String>) {
    if let Some(name) = part["$ref"].as_str() {
        let target = whole.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name} is defined"));
        return keys_of_schema(target, whole, path, keys);
    }
    for (name, property) in part["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        keys_of_schema(property, whole, &path, keys);
        keys.insert(path);
    }
    if part["items"].is_object() {
        keys_of_schema(&part["items"], whole, &format!("{path}[]"), keys);
    }
    for each in ["anyOf", "oneOf", "allOf"].iter().filter_map(|name| part[*name].as_array()).flatten() {
        keys_of_schema(each, whole, path, keys);
    }
}

/// Every word that stands for a choice.
fn choices(part: &Value, words: &mut BTreeSet<String>) {
    match part {
        Value::Object(members) => {
            words.extend(members.get("const").and_then(Value::as_str).map(str::to_owned));
            let listed = members.get("enum").and_then(Value::as_array).into_iter().flatten();
            words.extend(listed.filter_map(Value::as_str).map(str::to_owned));
            members.values().for_each(|each| choices(each, words));
        }
        Value::Array(elements) => elements.iter().for_each(|each| choices(each, words)),
        _ => {}
    }
}

/// Where the parser stands: in a list, or in a map before a key or before the value of one.
enum Within {
    List,
    Map { key: Option<String> },
}

/// Every key of a YAML text, written as those of the schema are.
fn keys_of_yaml(text: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let mut open: Vec<Within> = Vec::new();
    for event in Parser::new_from_str(text) {
        match event.unwrap().0 {
            Event::MappingStart(..) => open.push(Within::Map { key: None }),
            Event::SequenceStart(..) => open.push(Within::List),
            Event::MappingEnd | Event::SequenceEnd => {
                open.pop();
                value_ended(&mut open);
            }
            Event::Scalar(text, ..) => match open.last_mut() {
                Some(Within::Map { key: key @ None }) => {
                    *key = Some(text.into_owned());
                    keys.insert(path_of(&open));
                }
                _ => value_ended(&mut open),
            },
            _ => {}
        }
    }
    keys
}

fn value_ended(open: &mut [Within]) {
    if let Some(Within::Map { key }) = open.last_mut() {
        *key = None;
    }
}

fn path_of(open: &[Within]) -> String {
    let step = |within: &Within| match within {
        Within::List => "[]".to_owned(),
        Within::Map { key } => format!(".{}", key.as_deref().unwrap_or_default()),
    };
    open.iter().map(step).collect::<String>().trim_start_matches('.').to_owned()
}

/// Long enough for whatever a secret is for.
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef";
/// The public key of RFC 8037, appendix A.2.
const JWKS: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
