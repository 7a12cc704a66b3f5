//! What an operator types, and what comes out where.

use clap::Parser;
use serde_json::Value;

use super::*;
use crate::cli::output::tests::said;
use crate::cli::tests::desk_with_tenants;
use crate::manage::{ChangeTenant, ManageError};
use crate::tenant::TenantStatus;

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: KeyCommand,
}

struct Desk {
    directory: tempfile::TempDir,
    manage: Manage,
}

impl Desk {
    async fn new() -> Desk {
        let (directory, manage) = desk_with_tenants().await;
        Desk { directory, manage }
    }

    /// Runs one command line.
    async fn says(&self, line: &[&str]) -> Result<(String, String), CliError> {
        let line = Line::try_parse_from([&["key"], line].concat()).unwrap_or_else(|error| panic!("{error}"));
        answer(line.command, &self.manage).await.map(said)
    }

    async fn json(&self, line: &[&str]) -> Value {
        let (out, _) = self.says(line).await.unwrap();
        serde_json::from_str(&out).unwrap()
    }

    /// The public id of a new key.
    async fn made(&self, line: &str) -> String {
        let (out, _) = self.says(&line.split(' ').collect::<Vec<_>>()).await.unwrap();
        out[..16].to_owned()
    }

    async fn key(&self, id: &str) -> KeyRecord {
        self.manage.key(&Authority::cli(), id).await.unwrap()
    }

    async fn keys(&self) -> Vec<KeyRecord> {
        self.manage.list_keys(&Authority::cli(), None, Page::all()).await.unwrap().items
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn k06_key_is_printed_alone_on_stdout_once_and_nowhere_else() {
    let desk = Desk::new().await;
    let (out, err) = desk.says(&["create", "--tenant", "acme"]).await.unwrap();
    let (id, secret) = (&out[..16], out[17..].trim_end());
    assert!(out.starts_with("wgk_") && out.lines().count() == 1, "{out}");
    assert!(err.contains(&format!("{id} for tenant acme")) && !err.contains(secret), "{err}");
    for line in [&["list"][..], &["list", "--json"], &["show", id], &["show", id, "--json"]] {
        let (out, err) = desk.says(line).await.unwrap();
        assert!(out.contains(id) && err.is_empty(), "{line:?}: {out}");
        assert!(!out.contains(secret) && !out.contains("sha256:"), "{line:?}: {out}");
    }
}

#[tokio::test]
async fn created_key_has_what_was_asked_for_and_defaults_for_the_rest() {
    let desk = Desk::new().await;
    let plain = desk.json(&["create", "--tenant", "acme", "--json"]).await;
    assert!(plain["key"].as_str().unwrap().starts_with(plain["key_prefix"].as_str().unwrap()));
    assert_eq!(plain["scopes"], serde_json::json!(["llm:invoke", "llm:models"]));
    assert_eq!((&plain["models"], &plain["expires_at"]), (&serde_json::json!([]), &Value::Null));
    assert_eq!((&plain["canary"], &plain["created_by"], &plain["version"]), (&false.into(), &"cli".into(), &1.into()));
    assert!(!plain.as_object().unwrap().contains_key("hashed_key"));
    let line = "create --tenant acme --name ci --scope session:create --scope llm:invoke \
                --model gpt-4o --expires-in 30d --canary --json";
    let full = desk.json(&line.split(' ').collect::<Vec<_>>()).await;
    assert_eq!(
        (&full["name"], &full["tenant_slug"], &full["status"]),
        (&"ci".into(), &"acme".into(), &"active".into())
    );
    assert_eq!(full["scopes"], serde_json::json!(["session:create", "llm:invoke"]));
    assert_eq!((&full["models"], &full["canary"]), (&serde_json::json!(["gpt-4o"]), &true.into()));
    let Expiry::At(end) = desk.key(full["id"].as_str().unwrap()).await.expiry else { panic!("never") };
    let days = (end.0 - Timestamp::now().0) as f64 / 86_400.0;
    assert!((29.9..=30.0).contains(&days), "{days}");
}

#[tokio::test]
async fn shown_key_tells_by_whom_it_was_made_and_from_where_it_was_used() {
    let desk = Desk::new().await;
    let id = desk.made("create --tenant acme").await;
    let (out, _) = desk.says(&["show", &id]).await.unwrap();
    for line in ["created_by      cli", "last_used_at    never", "last_used_from  -", "canary          no"] {
        assert!(out.contains(line), "{line}: {out}");
    }
}

#[tokio::test]
async fn list_shows_one_tenants_keys_alone_when_asked() {
    let desk = Desk::new().await;
    let id = desk.made("create --tenant acme").await;
    desk.made("create --tenant other").await;
    assert_eq!(desk.json(&["list", "--json"]).await.as_array().unwrap().len(), 2);
    let own = desk.json(&["list", "--tenant", "acme", "--json"]).await;
    assert_eq!((own.as_array().unwrap().len(), &own[0]["key_prefix"]), (1, &id.into()));
    let absent = desk.says(&["list", "--tenant", "nobody"]).await.unwrap_err();
    assert!(matches!(absent, CliError::Manage(ManageError::NotFound("tenant"))));
    let (table, _) = desk.says(&["list"]).await.unwrap();
    assert!(table.starts_with("ID ") && table.contains("llm:invoke,llm:models  all     never"), "{table}");
}

#[tokio::test]
async fn no_key_is_made_for_a_tenant_that_is_absent_or_deleted_or_does_not_have_so_much() {
    let desk = Desk::new().await;
    let absent = desk.says(&["create", "--tenant", "nobody"]).await.unwrap_err();
    assert!(matches!(absent, CliError::Manage(ManageError::NotFound("tenant"))) && absent.exit_code() == 1);
    let mut change = ChangeTenant { scopes: Some(Some(scopes(vec!["llm:*".into()]).unwrap())), ..Default::default() };
    desk.manage.update_tenant(&Authority::cli(), "acme", change, None).await.unwrap();
    let beyond = desk.says(&["create", "--tenant", "acme", "--scope", "session:create"]).await.unwrap_err();
    assert!(beyond.to_string().contains("llm:*") && beyond.exit_code() == 1, "{beyond}");
    change = ChangeTenant { status: Some(TenantStatus::Deleted), ..ChangeTenant::default() };
    desk.manage.update_tenant(&Authority::cli(), "acme", change, None).await.unwrap();
    let deleted = desk.says(&["create", "--tenant", "acme"]).await.unwrap_err();
    assert!(matches!(deleted, CliError::Manage(ManageError::Conflict(_))));
    assert!(desk.keys().await.is_empty());
}

#[tokio::test]
async fn update_changes_what_is_named_and_nothing_else() {
    let desk = Desk::new().await;
    let id = desk.made("create --tenant acme --name ci --model gpt-4o --expires-in 30d").await;
    let updated = desk.json(&["update", &id, "--any-model", "--scope", "session:*", "--json"]).await;
    assert_eq!((&updated["name"], &updated["models"]), (&"ci".into(), &serde_json::json!([])));
    assert_eq!((&updated["scopes"], &updated["version"]), (&serde_json::json!(["session:*"]), &2.into()));
    assert!(updated["expires_at"].is_string());
    let (out, err) = desk.says(&["update", &id, "--no-expiry", "--name", "nightly"]).await.unwrap();
    assert_eq!((out.as_str(), err), ("", format!("updated key {id}\n")));
    assert_eq!((desk.key(&id).await.expiry, desk.key(&id).await.name), (Expiry::Never, "nightly".into()));
}

#[tokio::test]
async fn k07_rotation_prints_the_new_key_and_ends_the_old_after_the_overlap() {
    let desk = Desk::new().await;
    let old = desk.made("create --tenant acme --name ci --model gpt-4o").await;
    let new = desk.json(&["rotate", &old, "--overlap", "24h", "--json"]).await;
    assert!(new["key"].as_str().unwrap().starts_with("wgk_") && new["name"] == "ci");
    assert_eq!((&new["models"], &new["expires_at"]), (&serde_json::json!(["gpt-4o"]), &Value::Null));
    assert_eq!(desk.json(&["show", &old, "--json"]).await["status"], "active");
    let (out, err) = desk.says(&["rotate", &old, "--overlap", "0s"]).await.unwrap();
    assert!(out.starts_with("wgk_") && out.lines().count() == 1, "{out}");
    assert!(err.contains(&format!("{old} ends 20")), "{err}");
    assert_eq!(desk.json(&["show", &old, "--json"]).await["status"], "expired");
}

#[tokio::test]
async fn revoked_key_is_shown_as_such_and_unknown_ids_are_not_repeated() {
    let desk = Desk::new().await;
    let (key, _) = desk.says(&["create", "--tenant", "acme"]).await.unwrap();
    let (out, err) = desk.says(&["revoke", &key[..16]]).await.unwrap();
    assert!(out.is_empty() && err.starts_with(&format!("key {} is revoked since 20", &key[..16])), "{err}");
    assert_eq!(desk.json(&["show", &key[..16], "--json"]).await["status"], "revoked");
    // Somebody pastes the whole key where its id belongs.
    let refused = desk.says(&["revoke", key.trim()]).await.unwrap_err();
    assert_eq!((refused.to_string().as_str(), refused.exit_code()), ("there is no such key", 1));
}

const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuuGVPxRDBpDkSAkQ0SnSIHNjYyOXqg0tW";

#[tokio::test]
async fn imported_key_is_named_by_its_prefix_or_its_digest() {
    let desk = Desk::new().await;
    let import = |hash: &'static str| ["import", "--tenant", "acme", "--json", "--hash", hash];
    let bcrypt = desk.says(&import(BCRYPT)).await.unwrap_err();
    assert!(bcrypt.to_string().contains("--prefix") && bcrypt.exit_code() == 2, "{bcrypt}");
    let line = [&import(BCRYPT)[..], &["--prefix", "llmk_x"]].concat();
    assert_eq!(desk.json(&line).await["key_prefix"], "llmk_x");
    assert_eq!(desk.key("llmk_x").await.hashed_key, BCRYPT);
    let upper = "sha256:0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF";
    assert_eq!(desk.json(&import(upper)).await["key_prefix"], "0123456789ab");
    assert_eq!(desk.key("0123456789ab").await.hashed_key, upper.to_ascii_lowercase(), "as digests are looked for");
    let again = desk.says(&[&line[..], &["--name", "x"]].concat()).await.unwrap_err();
    assert!(matches!(again, CliError::Manage(ManageError::Conflict(_))));
    let wrong = desk.says(&import("md5:00")).await.unwrap_err();
    assert!(wrong.to_string().contains("sha256:") && wrong.exit_code() == 2, "{wrong}");
}

#[tokio::test]
async fn file_is_imported_whole_or_not_at_all() {
    let desk = Desk::new().await;
    let (one, two) = ("a1".repeat(32), "b2".repeat(32));
    let good =
        format!("prefix,hash,tenant,scopes,canary\nllmk_x,{BCRYPT},acme,llm:invoke a:b,\n,sha256:{one},other,,true\n");
    let (out, err) = desk.says(&["import", "--file", &desk.file("good.csv", &good)]).await.unwrap();
    assert_eq!((out.as_str(), err.as_str()), ("", "imported 2 key(s)\n"));
    assert_eq!(desk.key("llmk_x").await.scopes.to_string(), "llm:invoke a:b");
    assert!(desk.key(&one[..12]).await.canary);
    let known = format!(
        "[{{\"hash\":\"sha256:{two}\",\"tenant\":\"acme\"}},\n{{\"hash\":\"sha256:{one}\",\"tenant\":\"acme\"}}]"
    );
    let refused = desk.says(&["import", "--file", &desk.file("known.json", &known)]).await.unwrap_err();
    assert_eq!(refused.to_string(), "nothing was imported: line 2: a key with this hash is stored already");
    let many = format!("hash,tenant,expires_at\nmd5:0,acme,\nsha256:{two},nobody,\nsha256:{two},acme,soon\n");
    let refused = desk.says(&["import", "--file", &desk.file("many.csv", &many)]).await.unwrap_err().to_string();
    for told in ["line 2: hash: ", "line 3: tenant: there is no such tenant", "line 4: expires_at: "] {
        assert!(refused.contains(told), "{told}: {refused}");
    }
    assert_eq!(desk.keys().await.len(), 2, "none of a list with a mistake");
}

#[tokio::test]
async fn ambiguous_prefix_is_an_error_that_names_the_ids() {
    let desk = Desk::new().await;
    for (tenant, hash) in [("acme", "a"), ("other", "b")] {
        let hash = format!("sha256:{}", hash.repeat(64));
        desk.says(&["import", "--tenant", tenant, "--hash", &hash, "--prefix", "same"]).await.unwrap();
    }
    let refused = desk.says(&["revoke", "same"]).await.unwrap_err().to_string();
    let keys = desk.keys().await;
    assert!(keys.iter().all(|key| key.revoked_at.is_none() && refused.contains(&key.id)), "{refused}");
    assert!(desk.says(&["revoke", &keys[0].id]).await.is_ok());
}

#[test]
fn bad_arguments_are_refused_before_the_store_is_asked() {
    for line in [
        "create",
        "create --tenant acme --scope a\"b",
        "create --tenant acme --expires-in soon",
        "create --tenant acme --expires-in 0s",
        "create --tenant acme --expires-in 500ms",
        "create --tenant acme --model",
        "rotate wgk_a",
        "rotate wgk_a --overlap -1h",
        "update wgk_a",
        "update wgk_a --any-model --model m",
        "update wgk_a --no-expiry --expires-in 1h",
        "import --tenant acme",
        "import --hash x",
        "import --file keys.csv --tenant acme",
        "import --tenant acme --hash x --prefix ü",
        "revoke",
    ] {
        assert!(Line::try_parse_from(format!("key {line}").split(' ')).is_err(), "{line}");
    }
}
