//! Holds the house to its floors: a file imports from lower floors and from its own room, and what the design keeps in
//! one room stays there.

#![expect(clippy::unwrap_used, reason = "a check that cannot read the sources fails where it stands")]

use std::fs;
use std::path::{Path, PathBuf};

/// The floor of each room; ARCHITECTURE.md says what each is for.
const FLOORS: &[(&str, u8)] = &[
    ("main", 11),
    ("cli", 10),
    ("app", 9),
    ("config", 8),
    ("server", 7),
    ("proxy", 6),
    ("admin", 6),
    ("rejection", 5),
    ("meter", 3),
    ("upstream", 4),
    ("account", 4),
    ("call", 3),
    ("limits", 3),
    ("scan", 3),
    ("manage", 3),
    ("auth", 2),
    ("policy", 2),
    ("cors", 2),
    ("fetch", 1),
    ("store", 1),
    ("prompt", 1),
    ("sse", 1),
    ("backoff", 0),
    ("clock", 0),
    ("digest", 0),
    ("forever", 0),
    ("headers", 0),
    ("health", 0),
    ("metrics", 0),
    ("principal", 0),
    ("route", 0),
    ("scopes", 0),
    ("seal", 0),
    ("secret", 0),
    ("telemetry", 0),
    ("tenant", 0),
    ("tls", 0),
];

#[test]
fn every_file_imports_from_lower_floors_alone() {
    let mut wrong = Vec::new();
    for file in sources() {
        for (line, imported) in imports(&file.text) {
            let vocabulary = floor(&imported) == 0 && floor(&file.room) == 0;
            let allowed = imported == file.room || vocabulary || floor(&imported) < floor(&file.room);
            if !allowed {
                wrong.push(format!(
                    "{}:{line}: `{}` (floor {}) imports `{imported}` (floor {})",
                    file.path,
                    file.room,
                    floor(&file.room),
                    floor(&imported)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "imports that climb:\n{}", wrong.join("\n"));
}

/// The vocabulary is shared by all, and its words may lean on each other as long as none leans back.
#[test]
fn vocabulary_does_not_lean_in_circles() {
    let words: Vec<Source> = sources().into_iter().filter(|file| floor(&file.room) == 0).collect();
    for file in &words {
        let mut reached = vec![file.room.clone()];
        let mut at = 0;
        while at < reached.len() {
            let room = reached[at].clone();
            for (_, next) in words.iter().filter(|word| word.room == room).flat_map(|word| imports(&word.text)) {
                assert!(next != file.room || room == file.room, "`{}` leans on itself by way of `{room}`", file.room);
                if !reached.contains(&next) {
                    reached.push(next);
                }
            }
            at += 1;
        }
    }
}

#[test]
fn what_belongs_to_one_room_stays_in_it() {
    let homes: &[(&str, &[&str])] = &[
        ("rusqlite", &["store"]),
        ("refinery", &["store"]),
        ("moka::", &["auth"]),
        ("bcrypt::", &["auth"]),
        ("tokio_postgres", &["store"]),
        ("deadpool", &["store"]),
        // A certificate's digest binds the login to its channel.
        ("x509_parser", &["auth", "store"]),
        ("regex_automata::", &["scan"]),
        ("saphyr_parser", &["config"]),
        ("clap", &["cli", "main"]),
        ("axum", &["admin"]),
        ("utoipa", &["admin", "manage"]),
        ("csv::", &["manage"]),
        ("prometheus_client", &["metrics"]),
        ("rustls", &["upstream", "fetch", "store", "tls"]),
        ("tracing_subscriber", &["telemetry"]),
        // Refusals get their status in one place; probes and preflights are answers and no refusals.
        ("StatusCode::", &["rejection", "admin", "health", "cors", "account"]),
        // The error types may name a status as data; only these turn one into an answer.
        ("Response::new", &["proxy", "health", "cors", "account"]),
    ];
    let mut wrong = Vec::new();
    for file in sources() {
        // The mock is a provider and no part of the gate.
        if file.path.contains("cli/mock") {
            continue;
        }
        for (what, rooms) in homes.iter().filter(|(_, rooms)| !rooms.contains(&file.room.as_str())) {
            let used = code_lines(&file.text).any(|(_, line)| line.contains(what) && !is_data_about_statuses(line));
            if used {
                wrong.push(format!("{}: `{what}` belongs to {rooms:?}", file.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Promise S12: nothing that a caller sends can run, because nothing that serves starts a process. The one command that
/// does is `dev`, which starts its own mock providers.
#[test]
fn s12_no_room_that_serves_starts_a_process() {
    let starts = ["std::process::Command", "tokio::process", "process::Command", "libc::", "dlopen"];
    for file in sources().iter().filter(|file| file.room != "cli") {
        for (number, line) in code_lines(&file.text) {
            assert!(starts.iter().all(|start| !line.contains(start)), "{}:{number}: {line}", file.path);
        }
    }
}

/// What operators search their logs for stands in one place, whole.
#[test]
fn every_reason_word_of_authentication_is_in_the_docs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_to_string(root.join("docs/authentication.md")).unwrap();
    let mut words = 0;
    for file in sources().iter().filter(|file| file.room == "auth") {
        for body in file.text.split("fn reason(").skip(1) {
            let body = body.split("\n    }\n").next().unwrap();
            for word in body.split('"').skip(1).step_by(2) {
                assert!(
                    docs.contains(&format!("`{word}`")),
                    "{}: `{word}` is not in docs/authentication.md",
                    file.path
                );
                words += 1;
            }
        }
    }
    assert!(words > 30, "the words are found: {words}");
}

#[test]
fn every_room_has_a_floor_and_no_room_is_empty() {
    for file in sources() {
        assert!(
            file.text.lines().next().is_some_and(|line| line.starts_with("//!")) || file.is_tests(),
            "{} says what it is for",
            file.path
        );
        assert!(file.text.lines().count() > 3, "{} is empty", file.path);
        floor(&file.room);
    }
}

struct Source {
    path: String,
    room: String,
    text: String,
}

impl Source {
    fn is_tests(&self) -> bool {
        self.path.ends_with("tests.rs") || self.path.contains("/tests/") || self.path.ends_with("fuzz.rs")
    }
}

/// Parsing a number to a status, or asking what kind it is, decides nothing.
fn is_data_about_statuses(line: &str) -> bool {
    line.contains("StatusCode::from_u16")
}

fn floor(room: &str) -> u8 {
    let found = FLOORS.iter().find(|(name, _)| *name == room);
    found.unwrap_or_else(|| panic!("`{room}` has no floor: give it one in tests/tidy.rs and ARCHITECTURE.md")).1
}

/// Every source file, without its unit tests: those may look into any room.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 20, "the sources are found");
    let read = |path: PathBuf| {
        let relative = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        let room = relative.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
        Source { path: relative, room, text }
    };
    files.into_iter().map(read).filter(|file| file.room != "lib" && !file.is_tests()).collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Each room that a text names after `crate::`, also in a group such as `use crate::{auth, cors};`.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in code_lines(text) {
        for rest in line.split("crate::").skip(1) {
            let names = match rest.strip_prefix('{') {
                Some(group) => group.split('}').next().unwrap().split(',').map(str::trim).collect(),
                None => vec![rest],
            };
            for name in names {
                let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
                if !name[..end].is_empty() {
                    found.push((number, name[..end].to_owned()));
                }
            }
        }
    }
    found
}

fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn imports_are_found_in_every_form() {
    let text =
        "use crate::auth::Config;\nuse crate::{cors, limits};\nlet x = crate::scan::Scan::new();\n// crate::nothing\n";
    let names: Vec<String> = imports(text).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["auth", "cors", "limits", "scan"]);
}
