//! What an operator types, and what comes out where.

use clap::Parser;
use serde_json::Value;

use super::*;
use crate::cli::output::tests::said;
use crate::store::{Config, NewTenant, StoreError, StoreUrl, TenantUpdate};
use crate::tenant::{Slug, TenantPolicy, TenantStatus};

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: KeyCommand,
}

struct Desk {
    _directory: tempfile::TempDir,
    store: Store,
}

impl Desk {
    async fn new() -> Desk {
        let directory = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(directory.path().join("store.db"));
        let store = Store::open(&Config::new(url)).await.unwrap();
        for slug in ["acme", "other"] {
            let slug = Slug::parse(slug).unwrap();
            let new = NewTenant::new("Acme".into(), slug, None, TenantPolicy::default()).unwrap();
            store.create_tenant(new, None).await.unwrap();
        }
        Desk { _directory: directory, store }
    }

    /// Runs one command line, where a key that is made would be `wgk_<public>_canary<public>`.
    async fn says(&self, public: &str, line: &[&str]) -> Result<(String, String), CliError> {
        let line = Line::try_parse_from([&["key"], line].concat()).unwrap_or_else(|error| panic!("{error}"));
        let make = || {
            Ok(NewSecret {
                public_id: format!("wgk_{public}"),
                whole: Secret::new(format!("wgk_{public}_canary{public}")),
                hashed_key: format!("sha256:hash{public}"),
            })
        };
        let check = |hash: &str| if hash == "wrong" { Err("no hash".to_owned()) } else { Ok(()) };
        answer(line.command, &self.store, make, check).await.map(said)
    }

    async fn json(&self, public: &str, line: &[&str]) -> Value {
        let (out, _) = self.says(public, line).await.unwrap();
        serde_json::from_str(&out).unwrap()
    }
}

#[tokio::test]
async fn key_is_printed_alone_on_stdout_once_and_nowhere_else() {
    let desk = Desk::new().await;
    let (out, err) = desk.says("a", &["create", "--tenant", "acme"]).await.unwrap();
    assert_eq!(out, "wgk_a_canarya\n");
    assert!(err.contains("wgk_a for tenant acme") && !err.contains("canary"), "{err}");
    for line in [&["list"][..], &["list", "--json"], &["show", "wgk_a"], &["show", "wgk_a", "--json"]] {
        let (out, err) = desk.says("", line).await.unwrap();
        assert!(out.contains("wgk_a") && err.is_empty(), "{line:?}: {out}");
        assert!(!out.contains("canary") && !out.contains("hash"), "{line:?}: {out}");
    }
}

#[tokio::test]
async fn created_key_has_what_was_asked_for_and_defaults_for_the_rest() {
    let desk = Desk::new().await;
    let plain = desk.json("a", &["create", "--tenant", "acme", "--json"]).await;
    assert_eq!(plain["key"], "wgk_a_canarya");
    assert_eq!(plain["scopes"], serde_json::json!(["llm:invoke", "llm:models"]));
    assert_eq!((&plain["models"], &plain["expires_at"]), (&serde_json::json!([]), &Value::Null));
    assert!(!plain.as_object().unwrap().contains_key("hashed_key"));
    let line = "create --tenant acme --name ci --scope session:create --scope llm:invoke \
                --model gpt-4o --expires-in 30d --json";
    let full = desk.json("b", &line.split(' ').collect::<Vec<_>>()).await;
    assert_eq!(
        (&full["name"], &full["tenant_slug"], &full["status"]),
        (&"ci".into(), &"acme".into(), &"active".into())
    );
    assert_eq!(full["scopes"], serde_json::json!(["session:create", "llm:invoke"]));
    assert_eq!(full["models"], serde_json::json!(["gpt-4o"]));
    let Expiry::At(end) = desk.store.key("wgk_b").await.unwrap().expiry else { panic!("never") };
    let days = (end.0 - Timestamp::now().0) as f64 / 86_400.0;
    assert!((29.9..=30.0).contains(&days), "{days}");
}

#[tokio::test]
async fn list_shows_one_tenants_keys_alone_when_asked() {
    let desk = Desk::new().await;
    desk.says("a", &["create", "--tenant", "acme"]).await.unwrap();
    desk.says("b", &["create", "--tenant", "other"]).await.unwrap();
    assert_eq!(desk.json("", &["list", "--json"]).await.as_array().unwrap().len(), 2);
    let own = desk.json("", &["list", "--tenant", "acme", "--json"]).await;
    assert_eq!((own.as_array().unwrap().len(), &own[0]["key_prefix"]), (1, &"wgk_a".into()));
    let absent = desk.says("", &["list", "--tenant", "nobody"]).await.unwrap_err();
    assert!(matches!(absent, CliError::Store(StoreError::NotFound("tenant"))));
    let (table, _) = desk.says("", &["list"]).await.unwrap();
    assert!(table.starts_with("ID ") && table.contains("llm:invoke,llm:models  all     never"), "{table}");
}

#[tokio::test]
async fn no_key_is_made_for_a_tenant_that_is_absent_or_deleted() {
    let desk = Desk::new().await;
    let line = Line::try_parse_from(["key", "create", "--tenant", "nobody"]).unwrap();
    let make = || panic!("a key was made for nobody");
    let absent = answer(line.command, &desk.store, make, |_| Ok(())).await.err().unwrap();
    assert!(matches!(absent, CliError::Store(StoreError::NotFound("tenant"))));
    let deleted = TenantUpdate { status: Some(TenantStatus::Deleted), ..TenantUpdate::default() };
    desk.store.update_tenant("acme", deleted, None).await.unwrap();
    let deleted = desk.says("a", &["create", "--tenant", "acme"]).await.unwrap_err();
    assert!(matches!(deleted, CliError::Store(StoreError::Conflict(_))));
    assert!(desk.store.list_keys(None, Page::all()).await.unwrap().is_empty());
}

#[tokio::test]
async fn rotation_prints_the_new_key_and_ends_the_old_after_the_overlap() {
    let desk = Desk::new().await;
    desk.says("a", &["create", "--tenant", "acme", "--name", "ci", "--model", "gpt-4o"]).await.unwrap();
    let new = desk.json("b", &["rotate", "wgk_a", "--overlap", "24h", "--json"]).await;
    assert_eq!((&new["key"], &new["name"]), (&"wgk_b_canaryb".into(), &"ci".into()));
    assert_eq!((&new["models"], &new["expires_at"]), (&serde_json::json!(["gpt-4o"]), &Value::Null));
    assert_eq!(desk.json("", &["show", "wgk_a", "--json"]).await["status"], "active");
    let (out, err) = desk.says("c", &["rotate", "wgk_a", "--overlap", "0s"]).await.unwrap();
    assert_eq!(out, "wgk_c_canaryc\n");
    assert!(err.contains("wgk_a ends 20"), "{err}");
    assert_eq!(desk.json("", &["show", "wgk_a", "--json"]).await["status"], "expired");
}

#[tokio::test]
async fn revoked_key_is_shown_as_such_and_unknown_ids_are_not_repeated() {
    let desk = Desk::new().await;
    desk.says("a", &["create", "--tenant", "acme"]).await.unwrap();
    let (out, err) = desk.says("", &["revoke", "wgk_a"]).await.unwrap();
    assert!(out.is_empty() && err.starts_with("key wgk_a is revoked since 20"), "{err}");
    assert_eq!(desk.json("", &["show", "wgk_a", "--json"]).await["status"], "revoked");
    // Somebody pastes the whole key where its id belongs.
    let refused = desk.says("", &["revoke", "wgk_a_canarya"]).await.unwrap_err();
    assert_eq!((refused.to_string().as_str(), refused.exit_code()), ("there is no such key", 1));
}

#[tokio::test]
async fn imported_key_is_named_by_its_prefix_or_its_digest() {
    let desk = Desk::new().await;
    let import = |hash: &'static str| ["import", "--tenant", "acme", "--json", "--hash", hash];
    let bcrypt = desk.says("", &import("$2b$12$abc")).await.unwrap_err();
    assert!(bcrypt.to_string().contains("--prefix") && bcrypt.exit_code() == 2, "{bcrypt}");
    let line = [&import("$2b$12$abc")[..], &["--prefix", "llmk_x"]].concat();
    assert_eq!(desk.json("", &line).await["key_prefix"], "llmk_x");
    assert_eq!(desk.store.key("llmk_x").await.unwrap().hashed_key, "$2b$12$abc");
    assert_eq!(desk.json("", &import("sha256:0123456789abcdef")).await["key_prefix"], "0123456789ab");
    assert_eq!(desk.json("", &import("hmac-sha256:k1:fedcba9876543210")).await["key_prefix"], "fedcba987654");
    let again = desk.says("", &[&line[..], &["--name", "x"]].concat()).await.unwrap_err();
    assert!(matches!(again, CliError::Store(StoreError::Conflict(_))));
    let wrong = desk.says("", &import("wrong")).await.unwrap_err();
    assert_eq!((wrong.to_string().as_str(), wrong.exit_code()), ("no hash", 2));
}

#[tokio::test]
async fn ambiguous_prefix_is_an_error_that_names_the_ids() {
    let desk = Desk::new().await;
    for (tenant, hash) in [("acme", "$2b$1"), ("other", "$2b$2")] {
        desk.says("", &["import", "--tenant", tenant, "--hash", hash, "--prefix", "same"]).await.unwrap();
    }
    let refused = desk.says("", &["revoke", "same"]).await.unwrap_err().to_string();
    let keys = desk.store.list_keys(None, Page::all()).await.unwrap();
    assert!(keys.iter().all(|key| key.revoked_at.is_none() && refused.contains(&key.id)), "{refused}");
    assert!(desk.says("", &["revoke", &keys[0].id]).await.is_ok());
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
        "import --tenant acme",
        "import --tenant acme --hash x --prefix ü",
        "revoke",
    ] {
        assert!(Line::try_parse_from(format!("key {line}").split(' ')).is_err(), "{line}");
    }
}
