//! What a request may say, and how it is told that it is wrong.

use serde_json::{Value, json};

use super::desk::{admin, desk, get, is_problem, new_key, post, says};

#[tokio::test]
async fn malformed_bodies_are_told_with_their_place() {
    let gate = desk().await;
    let body =
        |text: &str| admin(&gate, "POST", "/admin/v1/tenants").header("content-type", "application/json").body(text);
    for (text, told) in [
        ("", "line 1"),
        ("{\"name\":\"B\"", "line 1"),
        ("{\n\"nam\":\"B\"}", "line 2"),
        ("{\"name\":\"B\",\"name\":\"C\"}", "duplicate field"),
        ("{\"name\":7}", "line 1"),
        ("[]", "line 1"),
        ("[\"B\"]", "line 1"),
        ("{\"name\":\"B\",\"scan_mode\":\"off\"}", "unknown variant"),
    ] {
        let refused = body(text).send().await;
        is_problem(&refused, 400, "malformed_request");
        assert!(refused.json()["detail"].as_str().unwrap().contains(told), "{text}: {}", refused.text());
    }
    is_problem(&body("{}").without("content-type").send().await, 415, "unsupported_media_type");
    let form = body("name=B").without("content-type").header("content-type", "application/x-www-form-urlencoded");
    is_problem(&form.send().await, 415, "unsupported_media_type");
    is_problem(&body("{}").header("content-encoding", "gzip").send().await, 415, "unsupported_media_type");
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(1 << 20));
    is_problem(&body(&large).send().await, 413, "body_too_large");
    let rows = admin(&gate, "POST", "/admin/v1/keys/import").header("content-type", "application/json").body("[{]");
    is_problem(&rows.send().await, 400, "malformed_request");
    assert_eq!(get(&gate, "/admin/v1/tenants").await.json()["data"].as_array().unwrap().len(), 1, "none was made");
}

#[tokio::test]
async fn wrong_fields_are_told_by_their_names() {
    let gate = desk().await;
    for (path, body, field) in [
        ("/admin/v1/tenants", json!({"name": " x"}), "name"),
        ("/admin/v1/tenants", json!({"name": "X", "slug": "A B"}), "slug"),
        ("/admin/v1/tenants", json!({"name": "X", "db_schema_name": "a;drop"}), "db_schema_name"),
        ("/admin/v1/tenants", json!({"name": "X", "scopes": ["a b"]}), "scopes"),
        ("/admin/v1/keys", json!({"tenant": "acme", "expires_in": "soon"}), "expires_in"),
        ("/admin/v1/keys", json!({"tenant": "acme", "expires_in": "0s"}), "expires_in"),
        ("/admin/v1/keys", json!({"tenant": "acme", "models": ["a\nb"]}), "models"),
        ("/admin/v1/users", json!({"tenant": "acme", "email": "ab", "password": "12345678"}), "email"),
        ("/admin/v1/users", json!({"tenant": "acme", "email": "a@b", "password": "1234567"}), "password"),
        ("/admin/v1/users", json!({"tenant": "acme", "email": "a@b", "password": "p".repeat(73)}), "password"),
        ("/admin/v1/tokens", json!({"tenant": "acme", "subject": "a\r\nb", "expires_in": "1h"}), "subject"),
    ] {
        let refused = post(&gate, path, &body).await;
        is_problem(&refused, 422, "invalid");
        assert_eq!(refused.json()["errors"][0]["field"], field, "{}", refused.text());
    }
}

#[tokio::test]
async fn queries_are_read_strictly() {
    let gate = desk().await;
    for query in
        ["limit=0", "limit=201", "limit=x", "limit=1&limit=2", "limit=%2B5", "lmit=1", "after=", "tenant=acme&x"]
    {
        is_problem(&get(&gate, &format!("/admin/v1/keys?{query}")).await, 400, "malformed_request");
    }
    is_problem(&get(&gate, "/admin/v1/config?x=1").await, 400, "malformed_request");
    is_problem(&get(&gate, "/admin/v1/keys?after=nobody").await, 404, "not_found");
    is_problem(&get(&gate, "/admin/v1/keys?tenant=nobody").await, 404, "not_found");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let gate = desk().await;
    is_problem(&get(&gate, "/admin/v1/nothing").await, 404, "unknown_path");
    is_problem(&get(&gate, "/admin/v1/keys/").await, 404, "unknown_path");
    let wrong = admin(&gate, "PUT", "/admin/v1/keys").send().await;
    is_problem(&wrong, 405, "method_not_allowed");
    let mut allowed: Vec<&str> = wrong.header("allow").split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
}

#[tokio::test]
async fn pages_follow_each_other_until_the_last() {
    let gate = desk().await;
    for _ in 0..4 {
        new_key(&gate).await;
    }
    let (mut seen, mut path, mut sizes) = (Vec::new(), "/admin/v1/keys?limit=2".to_owned(), Vec::new());
    loop {
        let page = get(&gate, &path).await.json();
        let ids: Vec<Value> = page["data"].as_array().unwrap().iter().map(|key| key["id"].clone()).collect();
        sizes.push(ids.len());
        seen.extend(ids);
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/admin/v1/keys?limit=2&after={next}");
    }
    assert_eq!(sizes, [2, 2, 1]);
    let whole = get(&gate, "/admin/v1/keys?tenant=acme").await.json();
    let ids: Vec<Value> = whole["data"].as_array().unwrap().iter().map(|key| key["id"].clone()).collect();
    assert_eq!((seen, whole["next"].clone()), (ids, Value::Null));
}

#[tokio::test]
async fn creation_under_one_idempotency_key_happens_once() {
    let gate = desk().await;
    let body = json!({"tenant": "acme", "name": "ci"});
    let ask = |body: &Value| says(&gate, "POST", "/admin/v1/keys", body).header("idempotency-key", "order 66");
    let first = ask(&body).send().await;
    assert_eq!((first.status.as_u16(), first.header("idempotent-replayed")), (201, ""));
    let again = ask(&body).send().await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (200, "true"));
    assert_eq!((&again.json()["id"], &again.json()["key"]), (&first.json()["id"], &Value::Null));
    is_problem(&ask(&json!({"tenant": "acme"})).send().await, 422, "idempotency_key_reused");
    let elsewhere =
        says(&gate, "POST", "/admin/v1/tenants", &json!({"name": "B"})).header("idempotency-key", "order 66");
    is_problem(&elsewhere.send().await, 422, "idempotency_key_reused");
    assert_eq!(
        get(&gate, "/admin/v1/keys").await.json()["data"].as_array().unwrap().len(),
        2,
        "the harness's and this"
    );
    for wrong in [&b""[..], b"\xff", &[b'x'; 129]] {
        let refused = says(&gate, "POST", "/admin/v1/keys", &body).header("idempotency-key", wrong).send().await;
        is_problem(&refused, 400, "malformed_request");
    }
}

#[tokio::test]
async fn two_equal_creations_at_once_make_one_record() {
    let gate = desk().await;
    let ask = || says(&gate, "POST", "/admin/v1/tenants", &json!({"name": "B"})).header("idempotency-key", "once");
    let (one, two) = tokio::join!(ask().send(), ask().send());
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!((statuses, &one.json()["id"]), ([200, 201], &two.json()["id"]));
}
