mod jwt;
mod scan;
mod sealing;

use super::*;

fn read(text: &str, variables: &[(&str, &str)], flags: Vec<Override>) -> Result<(Config, Vec<Mistake>), Mistakes> {
    source(text, variables, flags)?.config()
}

fn source(text: &str, variables: &[(&str, &str)], flags: Vec<Override>) -> Result<Source, Mistakes> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("wardgate.yaml");
    std::fs::write(&file, text).unwrap();
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Source::read(Some(&file), variables, flags)
}

fn mistakes(text: &str) -> Vec<String> {
    let found = read(text, &[], Vec::new()).err().map(|found| found.list).unwrap_or_default();
    found.iter().map(ToString::to_string).collect()
}

const UPSTREAM: &str = "upstreams: [{ name: primary, dialect: openai, url: 'http://127.0.0.1:9' }]\n";

#[test]
fn short_form_of_two_upstreams_is_enough() {
    let (config, warnings) = read(
        "upstreams:\n  - { name: a, dialect: openai, url: 'http://127.0.0.1:9' }\n  - { name: b, dialect: any, url: 'https://b' }\n",
        &[],
        Vec::new(),
    )
    .unwrap();
    assert_eq!(config.upstreams.upstreams.len(), 2);
    assert!(config.upstreams.upstreams[0].metadata.body && !config.upstreams.upstreams[1].metadata.body);
    assert!(warnings.is_empty());
}

#[test]
fn every_mistake_is_told_at_once_with_its_line_and_the_mend() {
    let found = mistakes(
        "server:\n  lisen: 127.0.0.1:80\n  body_timeout: 5 fortnights\nauth:\n  jwt:\n    secrets:\n      - plain-text\n  public_paths: [/v1/chat/completions]\nupstreams:\n  - { name: a, dialect: opneai, url: 'http://x' }\n  - { name: b, dialect: any, url: 'ftp://x' }\nscan: { mode: blok }\n",
    );
    let told = found.join("\n");
    for expected in [
        "line 2, column 3",
        "did you mean `listen`?",
        "line 3, column 17",
        "`5 fortnights` is not a duration",
        "line 7, column 9",
        "line 8, column",
        "a provider's route can not be public",
        "line 10, column",
        "did you mean `openai`?",
        "line 11, column",
        "an upstream's url is http:// or https://",
        "line 12, column",
        "did you mean `block`?",
    ] {
        assert!(told.contains(expected), "{expected:?} is missing in:\n{told}");
    }
    assert_eq!(found.len(), 7, "{told}");
}

#[test]
fn admin_token_that_could_be_guessed_or_not_be_sent_is_a_mistake() {
    let directory = tempfile::tempdir().unwrap();
    let with = |token: &str| {
        let file = directory.path().join("token");
        std::fs::write(&file, token).unwrap();
        mistakes(&format!("{UPSTREAM}admin:\n  token: {{ file: '{}' }}\n", file.display()))
    };
    assert!(with(&"t".repeat(32)).is_empty());
    for wrong in ["t".repeat(31), format!("{} {}", "t".repeat(20), "t".repeat(20)), "ü".repeat(32)] {
        let found = with(&wrong);
        assert!(found.len() == 1 && found[0].contains("openssl rand") && !found[0].contains(&wrong), "{found:?}");
    }
    let written_out = mistakes(&format!("{UPSTREAM}admin: {{ token: {{}} }}\n"));
    assert!(written_out[0].contains("a secret is a reference"), "{written_out:?}");
}

#[test]
fn hash_of_a_config_tells_whether_two_gates_were_told_the_same() {
    let hash = |text: &str, variables: &[(&str, &str)]| read(text, variables, Vec::new()).unwrap().0.hash;
    let other = format!("{UPSTREAM}scan: {{ mode: flag }}\n");
    let variable = [("WARDGATE__SCAN__MODE", "flag")];
    assert_eq!(hash(UPSTREAM, &[]), hash(UPSTREAM, &[("HOME", "/root")]));
    assert!(hash(UPSTREAM, &[]) != hash(&other, &[]) && hash(UPSTREAM, &[]) != hash(UPSTREAM, &variable));
}

#[test]
fn j09_hmac_secret_under_32_bytes_is_refused_when_the_config_loads() {
    let directory = tempfile::tempdir().unwrap();
    let short = directory.path().join("short");
    std::fs::write(&short, "0123456789abcdef0123456789abcde\n").unwrap();
    let long = directory.path().join("long");
    std::fs::write(&long, "0123456789abcdef0123456789abcdef\n").unwrap();
    let with = |path: &Path| {
        mistakes(&format!("{UPSTREAM}auth: {{ jwt: {{ secrets: [{{ file: '{}' }}] }} }}\n", path.display()))
    };
    let refused = with(&short).join("\n");
    assert!(refused.contains("holds 31 bytes") && refused.contains("auth.jwt.secrets[0]"), "{refused}");
    assert!(!refused.contains("0123456789"), "the secret is not told");
    assert!(with(&long).is_empty());
}

#[test]
fn flags_win_over_variables_which_win_over_the_file() {
    let text = format!("{UPSTREAM}server: {{ listen: '127.0.0.1:1' }}\n");
    let listen = |variables: &[(&str, &str)], flags| read(&text, variables, flags).unwrap().0.server.listen.port();
    let variable = [("WARDGATE__SERVER__LISTEN", "127.0.0.1:2")];
    let flag = || vec![Override { path: &["server", "listen"], text: "127.0.0.1:3".into(), flag: "--listen" }];
    assert_eq!(listen(&[], Vec::new()), 1);
    assert_eq!(listen(&variable, Vec::new()), 2);
    assert_eq!(listen(&variable, flag()), 3);
}

#[test]
fn mistake_from_outside_the_file_names_where_it_came_from() {
    let variable = [("WARDGATE__SERVER__LISTEN", "nowhere")];
    let told = read(UPSTREAM, &variable, Vec::new()).err().unwrap().to_string();
    assert!(told.contains("WARDGATE__SERVER__LISTEN") && told.contains("server.listen"), "{told}");
}

#[test]
fn missing_file_and_broken_yaml_are_told() {
    let missing = Source::read(Some(Path::new("/nowhere/wardgate.yaml")), std::iter::empty(), Vec::new());
    assert!(missing.err().unwrap().to_string().contains("/nowhere/wardgate.yaml cannot be read"));
    assert!(mistakes("server: [").first().unwrap().starts_with("line "));
    assert!(mistakes("").join("").contains("at least one upstream is needed"));
}

#[test]
fn routes_of_an_app_are_checked() {
    let app = "upstreams: [{ name: app, dialect: any, url: 'http://127.0.0.1:9' }]\n";
    let with = |routes: &str| mistakes(&format!("{app}routes:\n{routes}"));
    assert!(
        with("  - { path: '/sessions/{id}/messages', scopes: ['session:create'], user_text: [/message] }\n").is_empty()
    );
    for (routes, expected) in [
        ("  - { path: sessions }\n", "a path is /segments"),
        ("  - { path: /v1/chat/completions }\n", "another route has this path"),
        ("  - { path: /a, scopes: [] }\n", "an empty list would let every principal in"),
        ("  - { path: /a, scopes: [a], any_scope: [b] }\n", "exclude each other"),
        ("  - { path: /a, methods: [FETCH] }\n", "expected GET"),
        ("  - { path: /a, user_text: [message] }\n", "is not a pointer"),
    ] {
        let told = with(routes).join("\n");
        assert!(told.contains(expected) && told.contains("line "), "{routes} gives {told}");
    }
    let nowhere = mistakes(&format!("{UPSTREAM}routes: [{{ path: /a }}]\n")).join("\n");
    assert!(nowhere.contains("upstreams of dialect `any`"), "{nowhere}");
}

#[test]
fn wide_network_of_trusted_peers_is_a_warning() {
    let (_, warnings) =
        read(&format!("{UPSTREAM}auth: {{ trusted_peers: [10.0.0.0/8, 10.0.0.7] }}\n"), &[], Vec::new()).unwrap();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].to_string().contains("auth.trusted_peers[0]"));
}

#[test]
fn store_is_told_what_it_cannot_be_without_its_password() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "canary\n").unwrap();
    let store = |store: &str| read(&format!("{UPSTREAM}store: {store}\n"), &[], Vec::new());
    let password = format!("password: {{ file: '{}' }}", file.display());

    let (config, warnings) =
        store(&format!("{{ url: 'postgres://u@h/db', {password}, pool: 3, stale_limit: 1m, poll_interval: 100ms }}"))
            .unwrap();
    assert!(warnings.is_empty());
    assert_eq!(config.store.url.to_string(), "postgres://u@h:5432/db?sslmode=verify-full");
    let limits = (config.store.pool, config.store.stale_limit.as_secs(), config.store.poll_interval.as_millis());
    assert_eq!(limits, (3, 60, 100));

    let (config, warnings) = store("{ url: 'postgres://u:canary@h/db' }").unwrap();
    assert!(warnings.len() == 1 && warnings[0].message.contains("store.password"));
    assert!(!format!("{:?} {}", config.store, serde_json::to_string(&config.view(1)).unwrap()).contains("canary"));
    assert_eq!(store(&format!("{{ {password} }}")).unwrap().1.len(), 1, "SQLite has no password");

    for (wrong, told) in [
        (format!("{{ url: 'postgres://u:canary@h/db', {password} }}"), "holds a password too"),
        ("{ url: 'postgres://u:canary@h' }".to_owned(), "names no database"),
        ("{ url: 'postgres://u:canary@h/db?sslmode=prefer' }".to_owned(), "fall back to plain text"),
        ("{ url: 'postgres://u:canary@h/db?sslrootcert=/no/ca.pem' }".to_owned(), "/no/ca.pem cannot be read"),
        ("{ password: { file: /no/password } }".to_owned(), "cannot be read"),
        ("{ pool: 0 }".to_owned(), "1 to 100"),
        ("{ pool: 101 }".to_owned(), "1 to 100"),
        ("{ stale_limit: 999ms }".to_owned(), "1s to 12h"),
        ("{ stale_limit: 13h }".to_owned(), "1s to 12h"),
        ("{ poll_interval: 49ms }".to_owned(), "50ms to 10s"),
        ("{ poll_interval: 11s }".to_owned(), "50ms to 10s"),
    ] {
        let found = mistakes(&format!("{UPSTREAM}store: {wrong}\n")).join("\n");
        assert!(found.contains(told) && !found.contains("canary"), "{wrong}: {found}");
    }
}
