//! What operators change, and that the gate obeys.

use serde_json::{Value, json};

use super::desk::{admin, desk, get, is_problem, new_key, post, says};

#[tokio::test]
async fn etag_keeps_a_change_from_undoing_another() {
    let gate = desk().await;
    let read = get(&gate, "/admin/v1/tenants/acme").await;
    let tag = read.header("etag").to_owned();
    assert_eq!(tag, format!("\"{}\"", read.json()["version"]));
    let patch = |body: &Value| says(&gate, "PATCH", "/admin/v1/tenants/acme", body);
    let first = patch(&json!({"name": "Acme II"})).header("if-match", &tag).send().await;
    assert_eq!(first.status, 200);
    assert_ne!(first.header("etag"), tag);
    let late = patch(&json!({"name": "Acme III"})).header("if-match", &tag).send().await;
    is_problem(&late, 412, "stale");
    for never in ["W/\"2\"", "\"02\"", "\"x\""] {
        is_problem(&patch(&json!({"name": "x"})).header("if-match", never).send().await, 412, "stale");
    }
    for wrong in ["2", "\"1\", \"2\""] {
        is_problem(&patch(&json!({"name": "x"})).header("if-match", wrong).send().await, 400, "malformed_request");
    }
    assert_eq!(get(&gate, "/admin/v1/tenants/acme").await.json()["name"], "Acme II");
    assert_eq!(patch(&json!({"name": "Acme IV"})).header("if-match", "*").send().await.status, 200);
    assert_eq!(patch(&json!({"name": "Acme V"})).send().await.status, 200, "the condition is the client's choice");
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    let gate = desk().await;
    let path = "/admin/v1/tenants/acme".to_owned();
    let tag = get(&gate, &path).await.header("etag").to_owned();
    for same in [tag.clone(), format!("W/{tag}"), format!("\"99\", {tag}"), "*".to_owned()] {
        let unchanged = admin(&gate, "GET", &path).header("if-none-match", &same).send().await;
        assert_eq!((unchanged.status.as_u16(), unchanged.body.len()), (304, 0), "{same}");
        assert_eq!(unchanged.header("etag"), tag);
    }
    says(&gate, "PATCH", &path, &json!({"name": "ci"})).send().await;
    assert_eq!(admin(&gate, "GET", &path).header("if-none-match", &tag).send().await.status, 200);
    // A key's last use changes without a version: there nothing is ever the same.
    let key = format!("/admin/v1/keys/{}", new_key(&gate).await["id"].as_str().unwrap());
    let tag = get(&gate, &key).await.header("etag").to_owned();
    assert_eq!(admin(&gate, "GET", &key).header("if-none-match", &tag).send().await.status, 200);
}

#[tokio::test]
async fn made_key_works_at_once_and_a_revoked_one_no_more() {
    let gate = desk().await;
    let made = new_key(&gate).await;
    let key = made["key"].as_str().unwrap().to_owned();
    assert_eq!(gate.chat("Hi").bearer(&key).send().await.status, 200);
    let path = format!("/admin/v1/keys/{}", made["id"].as_str().unwrap());
    is_problem(&admin(&gate, "DELETE", &path).header("if-match", "\"7\"").send().await, 412, "stale");
    let revoked = admin(&gate, "DELETE", &path).send().await;
    assert_eq!((revoked.status.as_u16(), &revoked.json()["status"]), (200, &"revoked".into()));
    assert_eq!(
        gate.chat("Hi").bearer(&key).send().await.status,
        401,
        "the answer came after every cache had forgotten"
    );
    is_problem(&says(&gate, "PATCH", &path, &json!({"name": "x"})).send().await, 409, "conflict");
    is_problem(
        &says(&gate, "POST", &format!("{path}/rotate"), &json!({"overlap": "1h"})).send().await,
        409,
        "conflict",
    );
}

#[tokio::test]
async fn k07_rotated_key_and_its_successor_both_work_for_the_overlap() {
    let gate = desk().await;
    let old = new_key(&gate).await;
    let path = format!("/admin/v1/keys/{}/rotate", old["id"].as_str().unwrap());
    let new = post(&gate, &path, &json!({"overlap": "1h"})).await;
    assert_eq!(new.status, 201);
    for key in [&old, &new.json()] {
        assert_eq!(gate.chat("Hi").bearer(key["key"].as_str().unwrap()).send().await.status, 200);
    }
    let cut = post(&gate, &path, &json!({"overlap": "0s"})).await;
    assert_eq!(cut.status, 201, "{}", cut.text());
    assert_eq!(gate.chat("Hi").bearer(old["key"].as_str().unwrap()).send().await.status, 401);
}

#[tokio::test]
async fn suspended_tenant_is_refused_until_it_is_active_and_a_deleted_one_for_good() {
    let gate = desk().await;
    let standing = |status: &str| says(&gate, "PATCH", "/admin/v1/tenants/acme", &json!({ "status": status }));
    assert_eq!(standing("suspended").send().await.status, 200);
    assert_eq!(gate.chat("Hi").send().await.status, 403);
    assert_eq!(standing("active").send().await.status, 200);
    assert_eq!(gate.chat("Hi").send().await.status, 200);
    is_problem(&standing("deleted").send().await, 400, "malformed_request");
    let deleted = admin(&gate, "DELETE", "/admin/v1/tenants/acme").send().await;
    assert_eq!((deleted.status.as_u16(), &deleted.json()["status"]), (200, &"deleted".into()));
    is_problem(&standing("active").send().await, 409, "conflict");
    is_problem(&post(&gate, "/admin/v1/keys", &json!({"tenant": "acme"})).await, 409, "conflict");
}

#[tokio::test]
async fn what_may_be_null_is_taken_away_by_null_and_kept_where_it_is_absent() {
    let gate = desk().await;
    let patch = async |body: Value| says(&gate, "PATCH", "/admin/v1/tenants/acme", &body).send().await.json();
    let scanned = json!({"scan_level": "strict", "allow_rules": ["model"]});
    let said = patch(scanned).await;
    assert_eq!((&said["scan_level"], &said["allow_rules"]), (&"strict".into(), &json!(["model"])));
    let set = patch(json!({"scan_mode": "flag", "scopes": ["llm:*"], "models": ["gpt-4o"], "scan_level": null})).await;
    assert_eq!((&set["scan_mode"], &set["scopes"]), (&"flag".into(), &json!(["llm:*"])));
    assert_eq!((&set["scan_level"], &set["allow_rules"]), (&Value::Null, &json!(["model"])));
    let unknown = says(&gate, "PATCH", "/admin/v1/tenants/acme", &json!({"allow_rules": ["no.such"]})).send().await;
    is_problem(&unknown, 422, "invalid");
    let kept = patch(json!({"name": "Acme II"})).await;
    assert_eq!(
        (&kept["scan_mode"], &kept["scopes"], &kept["models"]),
        (&"flag".into(), &json!(["llm:*"]), &json!(["gpt-4o"]))
    );
    let lifted = patch(json!({"scan_mode": null, "scopes": null, "models": []})).await;
    assert_eq!((&lifted["scan_mode"], &lifted["scopes"], &lifted["models"]), (&Value::Null, &Value::Null, &json!([])));
    let key = format!("/admin/v1/keys/{}", new_key(&gate).await["id"].as_str().unwrap());
    let dated = says(&gate, "PATCH", &key, &json!({"expires_in": "1h"})).send().await.json();
    assert!(dated["expires_at"].is_string());
    let endless = says(&gate, "PATCH", &key, &json!({"expires_in": null})).send().await.json();
    assert_eq!(endless["expires_at"], Value::Null);
}

#[tokio::test]
async fn s10_ceiling_of_a_tenant_binds_operators_too() {
    let gate = desk().await;
    let ceiling = json!({"scopes": ["llm:*"], "models": ["gpt-4o"]});
    assert_eq!(says(&gate, "PATCH", "/admin/v1/tenants/acme", &ceiling).send().await.status, 200);
    for beyond in
        [json!({"scopes": ["session:create"]}), json!({"scopes": ["platform:admin"]}), json!({"models": ["o1"]})]
    {
        let mut body = beyond;
        body["tenant"] = "acme".into();
        let refused = post(&gate, "/admin/v1/keys", &body).await;
        is_problem(&refused, 403, "tenant_ceiling");
        assert!(refused.json()["detail"].as_str().unwrap().contains("acme"), "{}", refused.text());
    }
    assert_eq!(post(&gate, "/admin/v1/keys", &json!({"tenant": "acme", "scopes": ["llm:invoke"]})).await.status, 201);
}

#[tokio::test]
async fn list_is_imported_whole_or_not_at_all() {
    let gate = desk().await;
    let rows = |last: &str| {
        json!([
            {"tenant": "acme", "hash": format!("sha256:{}", "a1".repeat(32))},
            {"tenant": last, "hash": format!("sha256:{}", "b2".repeat(32)), "canary": true},
        ])
    };
    let refused = post(&gate, "/admin/v1/keys/import", &rows("nobody")).await;
    is_problem(&refused, 409, "conflicting_rows");
    assert_eq!(refused.json()["errors"][0]["field"], "tenant");
    is_problem(
        &post(&gate, "/admin/v1/keys/import", &json!([{"tenant": "acme", "hash": "md5:0"}])).await,
        422,
        "invalid_rows",
    );
    is_problem(
        &post(&gate, "/admin/v1/keys/import", &json!([{"tenant": "acme", "hsh": "x"}])).await,
        422,
        "invalid_rows",
    );
    assert_eq!(get(&gate, "/admin/v1/keys").await.json()["data"].as_array().unwrap().len(), 1, "nothing was imported");
    let taken = post(&gate, "/admin/v1/keys/import", &rows("acme")).await;
    assert_eq!((taken.status.as_u16(), &taken.json()["data"][1]["canary"]), (201, &true.into()), "{}", taken.text());
    is_problem(&post(&gate, "/admin/v1/keys/import", &rows("acme")).await, 409, "conflicting_rows");
}

#[tokio::test]
async fn user_is_made_changed_and_disabled() {
    let gate = desk().await;
    let new =
        json!({"tenant": "acme", "email": "Ada@Acme.example", "password": "correct horse", "scopes": ["llm:invoke"]});
    let made = post(&gate, "/admin/v1/users", &new).await;
    assert_eq!((made.status.as_u16(), &made.json()["email"]), (201, &"ada@acme.example".into()));
    is_problem(&post(&gate, "/admin/v1/users", &new).await, 409, "conflict");
    let path = format!("/admin/v1/users/{}", made.json()["id"].as_str().unwrap());
    let changed =
        says(&gate, "PATCH", &path, &json!({"name": "Ada"})).header("if-match", made.header("etag")).send().await;
    assert_eq!((changed.status.as_u16(), &changed.json()["name"]), (200, &"Ada".into()));
    let password = says(&gate, "PUT", &format!("{path}/password"), &json!({"password": "another horse"})).send().await;
    assert_eq!(password.status, 200);
    let disabled = admin(&gate, "DELETE", &path).send().await;
    assert_eq!((disabled.status.as_u16(), &disabled.json()["status"]), (200, &"disabled".into()));
    let listed = get(&gate, "/admin/v1/users?tenant=acme").await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn token_is_minted_looked_into_and_revoked() {
    let gate = desk().await;
    let new = json!({"tenant": "acme", "subject": "u1", "expires_in": "1h", "algorithm": "HS512"});
    let minted = post(&gate, "/admin/v1/tokens", &new).await;
    assert_eq!(minted.status, 201, "{}", minted.text());
    let token = minted.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(gate.chat("Hi").bearer(&token).send().await.status, 200);
    let inspect = async |token: &str| post(&gate, "/admin/v1/tokens/inspect", &json!({ "token": token })).await.json();
    let good = inspect(&token).await;
    assert_eq!(
        (&good["accepted"], &good["claims"]["sub"], &good["header"]["alg"]),
        (&true.into(), &"u1".into(), &"HS512".into())
    );
    let revoked = post(&gate, "/admin/v1/tokens/revoke", &json!({ "token": token })).await;
    assert_eq!((revoked.status.as_u16(), &revoked.json()["id"]), (200, &minted.json()["jti"]));
    let bad = inspect(&token).await;
    assert_eq!((&bad["accepted"], &bad["reasons"][0]["reason"]), (&false.into(), &"token_revoked".into()));
    let session = post(&gate, "/admin/v1/tokens/revoke", &json!({"jti": "some-session", "expires_in": "1h"})).await;
    assert_eq!(session.json()["id"], "some-session");
    let both = post(&gate, "/admin/v1/tokens/revoke", &json!({"jti": "x", "token": "y"})).await;
    is_problem(&both, 400, "malformed_request");
}
