//! Users log in, stay logged in, and are out at once when they should be.

use std::time::Duration;

use serde_json::{Value, json};
use wardgate::tenant::TenantStatus;

use crate::support::*;

const PASSWORD: &str = "correct horse battery";

async fn gate_with_users(primary: &wardgate::cli::mock::Provider) -> Gate {
    let gate = gate()
        .upstream(primary)
        .tenant("acme")
        .tenant("globex")
        .config("auth: { session: { enabled: true }, JWT_SECRETS }")
        .start()
        .await;
    gate.create_user("acme", "ann@acme.example", PASSWORD, "llm:invoke llm:models").await;
    gate.create_user("acme", "admin@acme.example", PASSWORD, "llm:invoke tenant:admin").await;
    gate
}

fn login(gate: &Gate, tenant: &str, email: &str, password: &str) -> Ask {
    let body = json!({"tenant": tenant, "email": email, "password": password});
    gate.post("/auth/login", body.to_string()).without("authorization")
}

async fn tokens(gate: &Gate, email: &str) -> Value {
    let reply = login(gate, "acme", email, PASSWORD).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

async fn refreshed(gate: &Gate, token: &Value) -> Reply {
    let body = json!({"refresh_token": token});
    gate.post("/auth/refresh", body.to_string()).without("authorization").send().await
}

fn with(gate: &Gate, access: &Value) -> Ask {
    gate.chat("Hi").bearer(text(access))
}

#[tokio::test]
async fn login_gives_two_tokens_and_the_access_token_says_who_calls() {
    let primary = provider("primary").await;
    let gate = gate_with_users(&primary).await;
    let reply = login(&gate, "acme", "Ann@ACME.example", PASSWORD).send().await;
    assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (200, "no-store"));
    let tokens = reply.json();
    let names: Vec<&String> = tokens.as_object().unwrap().keys().collect();
    assert_eq!(names, ["access_token", "expires_in", "refresh_token", "token_type"]);
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(with(&gate, &tokens["access_token"]).send().await.status, 200);
    let told = primary.requests().pop().unwrap();
    assert_eq!((told.header("x-tenant-slug"), told.header("x-auth-method")), (Some("acme"), Some("jwt")));
    let me = gate.ask("GET", "/auth/me").bearer(text(&tokens["access_token"])).send().await.json();
    assert_eq!((&me["tenant_slug"], &me["email"]), (&json!("acme"), &json!("ann@acme.example")));
    assert_eq!(me["scopes"], json!(["llm:invoke", "llm:models"]));
    assert_eq!(Some(text(&me["principal_id"])), told.header("x-principal-id"));
}

/// Promise S11: everything that a login gives ends, and it makes no key.
#[tokio::test]
async fn s11_login_gives_no_lasting_key() {
    let primary = provider("primary").await;
    let gate = gate_with_users(&primary).await;
    let keys = gate.store.list_keys(PLATFORM, wardgate::store::Page::all()).await.unwrap().len();
    let tokens = tokens(&gate, "ann@acme.example").await;
    for token in ["access_token", "refresh_token"] {
        let claims = claims_of(text(&tokens[token]));
        let lasts = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        assert!((1..=7 * 86_400).contains(&lasts), "{token} lasts {lasts} s");
    }
    assert_eq!(gate.store.list_keys(PLATFORM, wardgate::store::Page::all()).await.unwrap().len(), keys);
}

#[tokio::test]
async fn unknown_tenant_unknown_user_wrong_password_and_disabled_user_read_the_same_answer() {
    let primary = provider("primary").await;
    let gate = gate_with_users(&primary).await;
    let gone = gate.create_user("acme", "gone@acme.example", PASSWORD, "llm:invoke").await;
    gate.disable_user(&gone).await;
    let mut answers = Vec::new();
    for (tenant, email, password) in [
        ("nobody", "ann@acme.example", PASSWORD),
        ("globex", "ann@acme.example", PASSWORD),
        ("acme", "bob@acme.example", PASSWORD),
        ("acme", "no address", PASSWORD),
        ("acme", "ann@acme.example", "wrong"),
        ("acme", "ann@acme.example", &"x".repeat(200)),
        ("acme", "gone@acme.example", PASSWORD),
    ] {
        let reply = login(&gate, tenant, email, password).send().await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "invalid_login"), "{tenant} {email}");
        answers.push(reply.text());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    let words: Vec<Value> = gate.log.requests().iter().map(|line| line["auth"].clone()).collect();
    assert!(words.iter().all(|word| word == "login_wrong"), "{words:?}");
    assert!(!gate.log.text().contains(PASSWORD));
}

/// The quickest of three each, within one run: without the hash of nobody's password the unknown would be answered some
/// twenty times sooner.
#[tokio::test]
async fn unknown_user_costs_as_much_work_as_a_wrong_password() {
    let primary = provider("primary").await;
    let gate = gate_with_users(&primary).await;
    let hash = bcrypt::hash(PASSWORD, wardgate::auth::api_key::DEFAULT_BCRYPT_COST).unwrap();
    gate.create_user_by_hash("acme", "slow@acme.example", hash, "llm:invoke").await;
    let quickest = async |email: &str| {
        let mut quickest = Duration::MAX;
        for _ in 0..3 {
            let began = std::time::Instant::now();
            assert_eq!(login(&gate, "acme", email, "wrong").send().await.status, 401);
            quickest = quickest.min(began.elapsed());
        }
        quickest
    };
    let (known, unknown) = (quickest("slow@acme.example").await, quickest("nobody@acme.example").await);
    assert!(unknown > known / 2 && known > unknown / 2, "known {known:?}, unknown {unknown:?}");
}

#[tokio::test]
async fn failures_lock_the_account_for_a_while_that_the_answer_names() {
    let primary = provider("primary").await;
    let gate = gate_with_users(&primary).await;
    for _ in 0..5 {
        assert_eq!(login(&gate, "acme", "ann@acme.example", "wrong").send().await.status, 401);
    }
    let locked = login(&gate, "acme", "ann@acme.example", PASSWORD).send().await;
    assert_eq!((locked.status.as_u16(), locked.code().as_str()), (429, "login_locked"));
    assert_eq!(locked.header("retry-after"), "1");
    let other = login(&gate, "acme", "admin@acme.example", PASSWORD).send().await;
    assert_eq!(other.status, 200, "another account is free");
    eventually("the end of the lock", async || {
        login(&gate, "acme", "ann@acme.example", PASSWORD).send().await.status == 200
    })
    .await;
}

/// A log-in whose password was right when it was compared, and was changed before its session began, begins none.
#[tokio::test]
async fn password_reset_outruns_a_login_that_is_under_way() {
    let primary = provider("primary").await;
    let gate = gate_with_users(&primary).await;
    let user = gate.create_user("acme", "eve@acme.example", PASSWORD, "llm:invoke").await;
    let stale = gate.store.user(PLATFORM, &user).await.unwrap();
    gate.rename_user(&user, "Eve").await;
    let first = wardgate::store::NewRefresh {
        id: "r".into(),
        family: "f".into(),
        user,
        tenant: stale.tenant.id.clone(),
        user_version: stale.version,
        expires_at: wardgate::clock::Timestamp::now().after(Duration::from_secs(60)),
    };
    assert!(gate.store.start_session(first).await.is_err());
    assert_eq!(login(&gate, "acme", "eve@acme.example", PASSWORD).send().await.status, 200, "a new one reads it anew");
}

#[tokio::test]
async fn k05_refresh_token_used_twice_revokes_its_whole_family() {
    let primary = provider("primary").await;
    let gate = gate_with_users(&primary).await;
    let first = tokens(&gate, "ann@acme.example").await;
    let other = tokens(&gate, "ann@acme.example").await;
    let second = refreshed(&gate, &first["refresh_token"]).await.json();
    let third = refreshed(&gate, &second["refresh_token"]).await.json();
    assert_eq!(with(&gate, &third["access_token"]).send().await.status, 200);
    // Its successor was used already: whoever repeats the first one stole it.
    let reused = refreshed(&gate, &first["refresh_token"]).await;
    assert_eq!((reused.status.as_u16(), reused.code().as_str()), (401, "refresh_token_reused"));
    for token in [&first, &second, &third] {
        assert_eq!(refreshed(&gate, &token["refresh_token"]).await.status, 401);
        let refused = with(&gate, &token["access_token"]).send().await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (401, "invalid_token"));
    }
    assert_eq!(with(&gate, &other["access_token"]).send().await.status, 200, "another session goes on");
    assert_eq!(refreshed(&gate, &other["refresh_token"]).await.status, 200);
}

#[tokio::test]
async fn k05_retry_after_a_lost_response_does_not_revoke() {
    let primary = provider("primary").await;
    let gate = gate_with_users(&primary).await;
    let first = tokens(&gate, "ann@acme.example").await;
    let lost = refreshed(&gate, &first["refresh_token"]).await;
    assert_eq!(lost.status, 200);
    let repeated = refreshed(&gate, &first["refresh_token"]).await;
    assert_eq!(repeated.status, 200, "{}", repeated.text());
    let repeated = repeated.json();
    assert_eq!(with(&gate, &repeated["access_token"]).send().await.status, 200);
    assert_eq!(refreshed(&gate, &repeated["refresh_token"]).await.status, 200);
}

#[tokio::test]
async fn j08_refresh_token_is_no_access_token_and_the_other_way_round() {
    let primary = provider("primary").await;
    let gate = gate_with_users(&primary).await;
    let tokens = tokens(&gate, "ann@acme.example").await;
    assert_eq!(with(&gate, &tokens["refresh_token"]).send().await.status, 401);
    assert_eq!(refreshed(&gate, &tokens["access_token"]).await.status, 401);
    assert_eq!(refreshed(&gate, &json!(gate.key("acme"))).await.status, 401);
    assert!(primary.requests().is_empty());
}

#[tokio::test]
async fn refresh_token_that_was_revoked_by_its_id_is_good_for_nothing() {
    let primary = provider("primary").await;
    let gate = gate_with_users(&primary).await;
    let tokens = tokens(&gate, "ann@acme.example").await;
    let id = claims_of(text(&tokens["refresh_token"]))["jti"].as_str().unwrap().to_owned();
    let later = wardgate::clock::Timestamp::now().after(Duration::from_secs(3600));
    gate.store.revoke_token(&id, later).await.unwrap();
    let refused = refreshed(&gate, &tokens["refresh_token"]).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (401, "invalid_refresh_token"));
}

#[tokio::test]
async fn logout_ends_the_whole_session_at_once() {
    let primary = provider("primary").await;
    let gate = gate_with_users(&primary).await;
    let first = tokens(&gate, "ann@acme.example").await;
    let second = refreshed(&gate, &first["refresh_token"]).await.json();
    let other = tokens(&gate, "ann@acme.example").await;
    for token in [&first, &second, &other] {
        assert_eq!(with(&gate, &token["access_token"]).send().await.status, 200);
    }
    let out = gate.ask("POST", "/auth/logout").bearer(text(&second["access_token"])).send().await;
    assert_eq!((out.status.as_u16(), out.text().as_str()), (204, ""));
    // Asked once and not again: no cache needs time to hear of it.
    for token in [&first, &second] {
        assert_eq!(with(&gate, &token["access_token"]).send().await.status, 401);
        assert_eq!(refreshed(&gate, &token["refresh_token"]).await.status, 401);
    }
    assert_eq!(with(&gate, &other["access_token"]).send().await.status, 200);
    let key = gate.ask("POST", "/auth/logout").bearer(gate.key("acme")).send().await;
    assert_eq!((key.status.as_u16(), key.code().as_str()), (400, "no_session"));
}

#[tokio::test]
async fn disabled_user_and_suspended_tenant_are_out_with_all_their_tokens() {
    let primary = provider("primary").await;
    let gate = gate_with_users(&primary).await;
    let user = gate.create_user("acme", "bob@acme.example", PASSWORD, "llm:invoke").await;
    let tokens = tokens(&gate, "bob@acme.example").await;
    assert_eq!(with(&gate, &tokens["access_token"]).send().await.status, 200);
    gate.disable_user(&user).await;
    eventually("the end", async || with(&gate, &tokens["access_token"]).send().await.status == 401).await;
    assert_eq!(refreshed(&gate, &tokens["refresh_token"]).await.status, 401);
    gate.set_status("acme", TenantStatus::Suspended).await;
    let refused = login(&gate, "acme", "ann@acme.example", PASSWORD).send().await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "tenant_not_active"));
}

#[tokio::test]
async fn administrator_makes_lists_and_revokes_keys_of_the_own_tenant() {
    let primary = provider("primary").await;
    let gate = gate_with_users(&primary).await;
    let admin = tokens(&gate, "admin@acme.example").await;
    let admin = text(&admin["access_token"]);
    let terms = json!({"name": "ci", "scopes": ["llm:invoke"], "models": ["gpt-4o"], "expires_in": "30d"});
    let made = gate.post("/auth/keys", terms.to_string()).bearer(admin).send().await;
    assert_eq!((made.status.as_u16(), made.header("cache-control")), (201, "no-store"));
    let made = made.json();
    assert_eq!(gate.chat("Hi").bearer(text(&made["key"])).send().await.status, 200);
    let listed = gate.ask("GET", "/auth/keys").bearer(admin).send().await;
    assert!(!listed.text().contains(text(&made["key"])) && !listed.text().contains("$2b$"));
    let listed = listed.json();
    let tenants: Vec<&Value> = listed["data"].as_array().unwrap().iter().map(|key| &key["tenant_slug"]).collect();
    assert!(tenants.len() == 2 && tenants.iter().all(|slug| **slug == "acme"), "{listed}");
    assert_eq!(listed["data"][1]["created_by"], json!(format!("jwt {}", text(&claims_of(admin)["sub"]))));
    let target = format!("/auth/keys/{}", text(&made["id"]));
    assert_eq!(gate.ask("DELETE", &target).bearer(admin).send().await.status, 200);
    let refused = gate.chat("Hi").bearer(text(&made["key"])).send().await;
    assert_eq!(refused.status, 401, "at once, although it was cached");
    let again = gate.ask("DELETE", "/auth/keys").header("content-type", "application/json").bearer(admin);
    assert_eq!(again.body(json!({"id": made["id"]}).to_string()).send().await.status, 200);
}

#[tokio::test]
async fn s10_weak_key_ends_no_stronger_one_and_does_not_see_which_are_traps() {
    let primary = provider("primary").await;
    let gate = gate_with_users(&primary).await;
    let weak = gate.create_key("acme", KeyTerms { scopes: Some("keys:write"), ..KeyTerms::default() }).await;
    let canary = gate.create_canary("acme").await;
    let listed = gate.ask("GET", "/auth/keys").bearer(&weak).send().await;
    assert!(listed.status == 200 && !listed.text().contains("canary"), "{}", listed.text());
    for stronger in [gate.key("acme"), canary.as_str()] {
        let target = format!("/auth/keys/{}", stronger.rsplit_once('_').unwrap().0);
        assert_eq!(gate.ask("DELETE", &target).bearer(&weak).send().await.status, 403);
    }
    let own = format!("/auth/keys/{}", weak.rsplit_once('_').unwrap().0);
    assert_eq!(gate.ask("DELETE", &own).bearer(&weak).send().await.status, 200);
}

/// Promise S10: nobody hands out more than they hold, and nobody reaches into another tenant.
#[tokio::test]
async fn s10_nobody_makes_a_key_that_is_wider_than_the_own_credential() {
    let primary = provider("primary").await;
    let gate = gate_with_users(&primary).await;
    let held = "keys:write llm:invoke session:read";
    let soon = wardgate::clock::Timestamp::now().0 + 3600;
    let terms = KeyTerms { scopes: Some(held), model: Some("gpt-4o"), expires_at: Some(soon), canary: false };
    let key = gate.create_key("acme", terms).await;
    let ask = async |body: Value| gate.post("/auth/keys", body.to_string()).bearer(&key).send().await;
    let narrow = json!({"scopes": ["llm:invoke"], "models": ["gpt-4o"], "expires_in": "30m"});
    assert_eq!(ask(narrow.clone()).await.status, 201);
    for (field, wider) in [
        ("scopes", json!(["llm:models"])),
        ("scopes", json!(["llm:*"])),
        ("scopes", json!(["session:*"])),
        ("scopes", json!(["tenant:admin"])),
        ("scopes", json!(["platform:admin"])),
        ("models", json!(["gpt-4o", "o3"])),
        ("models", json!([])),
        ("expires_in", json!("30d")),
        ("expires_in", json!(null)),
        ("tenant", json!("globex")),
    ] {
        let mut body = narrow.clone();
        body[field] = wider.clone();
        let reply = ask(body).await;
        assert_eq!(reply.status, 403, "{field} {wider}: {}", reply.text());
    }
    let foreign = gate.key("globex").rsplit_once('_').unwrap().0.to_owned();
    assert_eq!(gate.ask("DELETE", &format!("/auth/keys/{foreign}")).bearer(&key).send().await.status, 403);
    assert_eq!(gate.chat("Hi").bearer(gate.key("globex")).send().await.status, 200, "it goes on");
    let plain = gate.post("/auth/keys", narrow.to_string()).bearer(gate.key("acme")).send().await;
    assert_eq!((plain.status.as_u16(), plain.code().as_str()), (403, "scope_missing"));
}

#[tokio::test]
async fn s10_administrator_grants_what_the_tenant_has_and_no_more() {
    let primary = provider("primary").await;
    let gate = gate_with_users(&primary).await;
    let admin = tokens(&gate, "admin@acme.example").await;
    let ask = async |scopes: Value| {
        let body = json!({"scopes": scopes});
        gate.post("/auth/keys", body.to_string()).bearer(text(&admin["access_token"])).send().await
    };
    assert_eq!(ask(json!(["session:create", "keys:write"])).await.status, 201);
    assert_eq!(ask(json!(["platform:admin"])).await.status, 403);
    assert_eq!(ask(json!(["platform:*"])).await.status, 403);
    gate.bound("acme", "llm:* tenant:admin", &["gpt-4o"]).await;
    eventually("the bounds", async || ask(json!(["session:create"])).await.status == 403).await;
    assert_eq!(ask(json!(["llm:invoke"])).await.status, 201);
}

#[tokio::test]
async fn bodies_that_are_not_what_a_session_takes_are_refused_without_an_echo() {
    let primary = provider("primary").await;
    let gate = gate_with_users(&primary).await;
    for body in [
        "",
        "{",
        "[]",
        r#"["acme","ann@acme.example","correct horse battery"]"#,
        r#"{"tenant":"acme","email":"a@b.c"}"#,
        r#"{"tenant":"acme","email":"a@b.c","password":["s3cret-canary"]}"#,
        r#"{"tenant":"acme","email":"a@b.c","password":"s3cret-canary","password":"x"}"#,
        r#"{"tenant":"acme","email":"a@b.c","password":"s3cret-canary","s3cret-canary":1}"#,
    ] {
        let reply = gate.post("/auth/login", body).without("authorization").send().await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.text());
        assert!(!reply.text().contains("canary"), "{}", reply.text());
    }
    let large = gate.post("/auth/login", vec![b' '; 70_000]).without("authorization").send().await;
    assert_eq!(large.status, 413);
    let form = gate.ask("POST", "/auth/login").header("content-type", "application/x-www-form-urlencoded").body("a=b");
    assert_eq!(form.send().await.status, 415);
    assert!(!gate.log.text().contains("canary"));
}

#[tokio::test]
async fn sessions_exist_only_where_the_config_turns_them_on() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    for (method, target) in [("POST", "/auth/login"), ("POST", "/auth/refresh"), ("GET", "/auth/me")] {
        assert_eq!(gate.ask(method, target).send().await.status, 404);
    }
    let elsewhere = gate_at_prefix(&primary).await;
    assert_eq!(elsewhere.ask("GET", "/account/me").bearer(elsewhere.key("acme")).send().await.status, 200);
}

async fn gate_at_prefix(primary: &wardgate::cli::mock::Provider) -> Gate {
    let session = "session: { enabled: true, prefix: /account, access_ttl: 1s }";
    gate().upstream(primary).tenant("acme").config(&format!("auth: {{ {session}, JWT_SECRETS }}")).start().await
}

/// The leeway for clocks that differ is all that an access token lives on.
#[tokio::test]
async fn access_token_ends_when_it_said() {
    let primary = provider("primary").await;
    let session = "session: { enabled: true, access_ttl: 1s }, jwt: { leeway: 0s, secrets: [{ file: 'JWT_FILE' }] }";
    let gate = gate().upstream(&primary).tenant("acme").config(&format!("auth: {{ {session} }}")).start().await;
    gate.create_user("acme", "ann@acme.example", PASSWORD, "llm:invoke").await;
    let tokens = tokens(&gate, "ann@acme.example").await;
    eventually("the end", async || with(&gate, &tokens["access_token"]).send().await.status == 401).await;
    assert_eq!(with(&gate, &tokens["access_token"]).send().await.code(), "expired_credential");
    let again = refreshed(&gate, &tokens["refresh_token"]).await;
    assert_eq!(again.status, 200);
    assert!(again.json()["expires_in"].as_u64() <= Some(Duration::from_secs(1).as_secs()));
}
