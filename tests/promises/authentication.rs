//! Nobody passes unknown: credentials of every form, good and bad, and what is said to each.

use crate::support::*;
use base64::Engine;
use wardgate::auth::jwt::{HmacAlgorithm, NewToken};
use wardgate::clock::{Expiry, Timestamp};
use wardgate::principal::PrincipalId;
use wardgate::route::{Access, RouteTable};
use wardgate::scopes::Scopes;
use wardgate::secret::Secret;
use wardgate::tenant::TenantStatus;

#[tokio::test]
async fn known_key_passes_in_every_header_that_may_carry_it() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    for (header, value) in [
        ("authorization", format!("Bearer {}", gate.key("acme"))),
        ("authorization", format!("bearer {}", gate.key("acme"))),
        ("x-api-key", gate.key("acme").to_owned()),
        ("api-key", gate.key("acme").to_owned()),
        ("X-LLMCore-API-Key", gate.key("acme").to_owned()),
    ] {
        let reply = gate.chat("Hi").without("authorization").header(header, value).send().await;
        assert_eq!(reply.status, 200, "{header}: {}", reply.text());
    }
}

#[tokio::test]
async fn s01_credentials_that_no_key_can_be_are_refused_before_any_store_is_asked() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    for wrong in [b"' OR '1'='1".as_slice(), b"\xff\xfe\xfd", b"a\tb", b"", &[b'a'; 40_000], b"wgk_' OR 1=1 --_x"] {
        let before = gate.lookups();
        let credential = [b"Bearer ", wrong].concat();
        let reply = gate.chat("Hi").without("authorization").header("authorization", credential).send().await;
        assert_eq!(reply.status, 401, "{:?}", String::from_utf8_lossy(wrong));
        assert_eq!(gate.lookups(), before, "no store is asked");
    }
    assert!(primary.requests().is_empty());
}

/// What HTTP itself cannot carry is refused by the connection: a NUL with 400, a megabyte with 431.
#[tokio::test]
async fn s01_credentials_that_no_header_can_carry_never_reach_a_check() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let long = "a".repeat(1 << 20);
    for (credential, statuses) in [("a\0b", ["400", "400"]), (&*long, ["431", "401"])] {
        let before = gate.lookups();
        let head = format!("GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {credential}\r\n\r\n");
        let status = raw_status(gate.address(), head.as_bytes()).await;
        assert!(statuses.contains(&status.as_str()), "{status}");
        assert_eq!(gate.lookups(), before);
    }
}

#[tokio::test]
async fn s03_keys_that_share_their_first_or_last_characters_never_meet_in_a_cache() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").tenant("globex").start().await;
    let import = async |tenant: &str, key: &str| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.as_bytes());
        import_hash(&gate, tenant, key, &format!("sha256:{}", wardgate::digest::hex(digest.as_ref()))).await;
    };
    let (first, second) = ("ck_0123456789abcdefghij-A-0123456789abcdef", "ck_0123456789abcdefghij-B-0123456789abcdef");
    import("acme", first).await;
    import("globex", second).await;
    for _ in 0..2 {
        for (key, tenant) in [(first, "acme"), (second, "globex")] {
            assert_eq!(gate.chat("Hi").bearer(key).send().await.status, 200);
            assert_eq!(primary.requests().last().unwrap().header("x-tenant-slug"), Some(tenant));
        }
    }
    let third = "ck_0123456789abcdefghij-C-0123456789abcdef";
    assert_eq!(gate.chat("Hi").bearer(third).send().await.status, 401);
}

#[tokio::test]
async fn s06_every_route_there_is_wants_a_credential_save_the_public_list() {
    let primary = open_provider("primary").await;
    let gate = gate()
        .upstream(&primary)
        .tenant("acme")
        .config("auth: { public_paths: [/docs], session: { enabled: true }, JWT_SECRETS }")
        .config("routes: [{ path: /docs, methods: [GET] }, { path: '/sessions/{id}', methods: [GET, POST] }]")
        .start()
        .await;
    let access = || Access::AllOf(Scopes::parse("llm:invoke").unwrap());
    let apps =
        [("/docs", Access::Public), ("/sessions/{id}", access())].map(|(path, access)| wardgate::route::AppRoute {
            path: path.into(),
            methods: vec![http::Method::GET, http::Method::POST],
            access,
            user_text: Vec::new(),
            scan: wardgate::tenant::ScanTerms::default(),
        });
    let mut public = Vec::new();
    for (method, route) in RouteTable::new(&apps).with_account(Some("/auth")).iter() {
        let target = route.name.replace("{id}", "x");
        if (method.as_str(), target.as_str()) == ("POST", "/docs") {
            continue;
        }
        let reply = gate.ask(method.as_str(), &target).body("{}").send().await;
        match reply.status.as_u16() {
            401 => assert!(reply.header("www-authenticate").starts_with("Bearer"), "{target}"),
            200 => public.push(format!("{method} {target}")),
            // Open to whoever has a password or a refresh token: an empty body has neither.
            400 if reply.code() == "invalid_body" => public.push(format!("{method} {target}")),
            // The mock behind the public path knows nothing of documents.
            404 if target == "/docs" && !primary.requests().is_empty() => public.push(format!("{method} {target}")),
            other => panic!("{method} {target} answers {other}"),
        }
    }
    public.sort();
    let expected = [
        "GET /docs",
        "GET /health",
        "GET /health/",
        "GET /health/ready",
        "HEAD /",
        "HEAD /health",
        "HEAD /health/",
        "HEAD /health/ready",
        "POST /auth/login",
        "POST /auth/refresh",
    ];
    assert_eq!(public, expected);
    assert_eq!(primary.requests().len(), 1, "the one public path that leads upstream");
}

#[tokio::test]
async fn s20_two_credentials_are_a_bad_request_and_one_sent_twice_is_not() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").tenant("globex").start().await;
    let bearer = format!("Bearer {}", gate.key("acme"));
    let twice = gate.chat("Hi").header("authorization", &bearer).send().await;
    assert_eq!((twice.status.as_u16(), twice.code().as_str()), (400, "conflicting_credentials"));
    let differing = gate.chat("Hi").header("x-api-key", gate.key("globex")).send().await;
    assert_eq!(differing.status, 400);
    let token_and_key = gate.chat("Hi").header("x-api-key", mint(&gate, "u1", HmacAlgorithm::Hs256).await).send().await;
    assert_eq!(token_and_key.status, 400);
    assert!(primary.requests().is_empty());
    let same = gate.chat("Hi").header("x-api-key", gate.key("acme")).send().await;
    assert_eq!(same.status, 200);
}

#[tokio::test]
async fn k01_bad_checksum_is_refused_without_asking_the_store() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let mut mistyped = gate.key("acme").to_owned();
    let last = if mistyped.ends_with('0') { '1' } else { '0' };
    mistyped.pop();
    mistyped.push(last);
    let before = gate.lookups();
    assert_eq!(gate.chat("Hi").bearer(&mistyped).send().await.status, 401);
    assert_eq!(gate.lookups(), before);
}

#[tokio::test]
async fn k02_key_over_72_bytes_is_not_taken_for_its_first_72() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let stored = format!("llmk_abcd1234_{}", "x".repeat(72 - 14));
    import_hash(&gate, "acme", &stored, &bcrypt::hash(&stored, 4).unwrap()).await;
    assert_eq!(gate.chat("Hi").bearer(&stored).send().await.status, 200);
    assert_eq!(gate.chat("Hi").bearer(&format!("{stored}y")).send().await.status, 401);
}

#[tokio::test]
async fn k03_unknown_wrong_and_revoked_keys_read_the_same_answer() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let hash = |key: &str| bcrypt::hash(key, 4).unwrap();
    import_hash(&gate, "acme", "llmk_known123_right", &hash("llmk_known123_right")).await;
    import_hash(&gate, "acme", "llmk_gone1234_right", &hash("llmk_gone1234_right")).await;
    gate.store.revoke_key(PLATFORM, "gone1234", None).await.unwrap();
    let mut answers = Vec::new();
    for key in ["llmk_nobody12_right", "llmk_known123_wrong", "llmk_gone1234_right"] {
        let reply = gate.chat("Hi").bearer(key).send().await;
        assert_eq!(reply.status, 401, "{key}");
        let mut headers = reply.headers.clone();
        for changing in ["x-request-id", "request-id", "date"] {
            headers.remove(changing);
        }
        answers.push((format!("{headers:?}"), reply.text()));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    assert_eq!(gate.chat("Hi").bearer("llmk_known123_right").send().await.status, 200);
}

#[tokio::test]
async fn k04_credential_in_a_query_string_is_no_credential() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    for name in ["api_key", "key", "access_token", "authorization"] {
        let target = format!("/v1/models?{name}={}", gate.key("acme"));
        let reply = gate.ask("GET", &target).send().await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "missing_credential"));
    }
    assert!(primary.requests().is_empty());
}

#[tokio::test]
async fn k06_secret_of_a_key_is_stored_nowhere() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    assert_eq!(gate.chat("Hi").send().await.status, 200);
    let secret = gate.key("acme").rsplit('_').next().unwrap().to_owned();
    for name in ["wardgate.db", "wardgate.db-wal", "wardgate.db-shm"] {
        let bytes = std::fs::read(gate.file(name)).unwrap_or_default();
        assert!(memchr::memmem::find(&bytes, secret.as_bytes()).is_none(), "{name}");
    }
    assert!(!gate.log.text().contains(&secret));
}

/// The feed of changes, and not the end of a cache's time, is what brings it about.
#[tokio::test]
async fn revoked_key_and_suspended_tenant_are_refused_soon_although_cached() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").tenant("globex").start().await;
    let revoked = gate.key("globex").to_owned();
    assert_eq!(gate.chat("Hi").bearer(&revoked).send().await.status, 200);
    assert_eq!(gate.chat("Hi").send().await.status, 200);
    let public_id = revoked.rsplit_once('_').unwrap().0.to_owned();
    gate.store.revoke_key(PLATFORM, &public_id, None).await.unwrap();
    gate.set_status("acme", TenantStatus::Suspended).await;
    eventually("the revocation", async || gate.chat("Hi").bearer(&revoked).send().await.status == 401).await;
    eventually("the suspension", async || gate.chat("Hi").send().await.status == 403).await;
    let refused = gate.chat("Hi").send().await;
    assert_eq!(refused.code(), "tenant_not_active");
    assert_eq!(refused.header("x-should-retry"), "false");
    gate.set_status("acme", TenantStatus::Active).await;
    eventually("the return", async || gate.chat("Hi").send().await.status == 200).await;
}

#[tokio::test]
async fn r27_key_created_after_its_id_was_cached_as_unknown_works_within_two_seconds() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let key = "llmk_later123_secret";
    assert_eq!(gate.chat("Hi").bearer(key).send().await.status, 401);
    import_hash(&gate, "acme", key, &bcrypt::hash(key, 4).unwrap()).await;
    let created = std::time::Instant::now();
    eventually("the new key", async || gate.chat("Hi").bearer(key).send().await.status == 200).await;
    assert!(created.elapsed() < std::time::Duration::from_secs(2), "{:?}", created.elapsed());
}

#[tokio::test]
async fn expired_key_is_refused_although_cached() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let soon = Timestamp::now().0 + 2;
    let key = gate.create_key("acme", KeyTerms { expires_at: Some(soon), ..KeyTerms::default() }).await;
    assert_eq!(gate.chat("Hi").bearer(&key).send().await.status, 200);
    eventually("the expiry", async || gate.chat("Hi").bearer(&key).send().await.status == 401).await;
    assert!(Timestamp::now().0 >= soon, "not before its time");
    assert_eq!(gate.chat("Hi").bearer(&key).send().await.code(), "expired_credential");
}

#[tokio::test]
async fn one_store_lookup_serves_all_who_ask_for_a_key_at_the_same_time() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let before = gate.lookups();
    let asks: Vec<_> = (0..16).map(|_| tokio::spawn(gate.chat("Hi").send())).collect();
    for ask in asks {
        assert_eq!(ask.await.unwrap().status, 200);
    }
    assert_eq!(gate.lookups() - before, 1);
}

#[tokio::test]
async fn last_use_of_a_key_is_written_away_from_the_request() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let started = Timestamp::now();
    assert_eq!(gate.chat("Hi").send().await.status, 200);
    let public_id = gate.key("acme").rsplit_once('_').unwrap().0.to_owned();
    let used_at = async || gate.store.key(PLATFORM, &public_id).await.unwrap().last_used_at;
    eventually("the stamp", async || used_at().await.is_some_and(|at| at >= started)).await;
}

#[tokio::test]
async fn seeds_of_earlier_systems_load_and_work() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let bcrypted = "llmk_ab12cd34_S3cret_with_underscores";
    import_hash(&gate, "acme", bcrypted, &bcrypt::hash(bcrypted, 4).unwrap()).await;
    let sent = gate.chat("Hi").without("authorization").header("X-LLMCore-API-Key", bcrypted).send().await;
    assert_eq!(sent.status, 200);
    let digested = "ck_6f1f5a1c9d2e4b7f8a0b";
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, digested.as_bytes());
    import_hash(&gate, "acme", "ck_6f1f", &format!("sha256:{}", wardgate::digest::hex(digest.as_ref()))).await;
    let sent = gate.chat("Hi").without("authorization").header("X-API-Key", digested).send().await;
    assert_eq!(sent.status, 200);
    let token = mint(&gate, "u1", HmacAlgorithm::Hs512).await;
    assert_eq!(gate.chat("Hi").bearer(&token).send().await.status, 200);
    let told = primary.requests().pop().unwrap();
    assert_eq!(told.header("x-principal-id"), Some("u1"));
    assert_eq!(told.header("x-auth-method"), Some("jwt"));
}

#[tokio::test]
async fn j01_forged_tokens_do_not_pass_the_gate() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let tenant = gate.store.tenant(PLATFORM, "acme").await.unwrap();
    let claims = encode(&format!(r#"{{"sub":"u1","tenant_id":"{}","exp":4000000000}}"#, tenant.id));
    let good = mint(&gate, "u1", HmacAlgorithm::Hs256).await;
    let signature = good.rsplit('.').next().unwrap().to_owned();
    for token in [
        format!("{}.{claims}.", encode(r#"{"alg":"none"}"#)),
        format!("{}.{claims}.{signature}", encode(r#"{"alg":"NoNe"}"#)),
        format!("{}.{claims}.", encode(r#"{"alg":"HS256"}"#)),
        format!("{}.{claims}.{signature}", encode(r#"{"alg":"HS256"}"#)),
    ] {
        let reply = gate.chat("Hi").bearer(&token).send().await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "invalid_token"), "{token}");
    }
    assert!(primary.requests().is_empty());
    assert_eq!(gate.chat("Hi").bearer(&good).send().await.status, 200);
}

#[tokio::test]
async fn token_of_an_unknown_tenant_is_refused_and_of_a_suspended_one_forbidden() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let token = mint(&gate, "u1", HmacAlgorithm::Hs256).await;
    assert_eq!(gate.chat("Hi").bearer(&token).send().await.status, 200);
    gate.set_status("acme", TenantStatus::Suspended).await;
    eventually("the suspension", async || gate.chat("Hi").bearer(&token).send().await.status == 403).await;
    let mut elsewhere = (*gate.store.tenant(PLATFORM, "acme").await.unwrap()).clone();
    elsewhere.id = wardgate::tenant::TenantId::parse("nobody").unwrap();
    let foreign = mint_for(&gate, &elsewhere, "u1", HmacAlgorithm::Hs256);
    assert_eq!(gate.chat("Hi").bearer(&foreign).send().await.status, 401);
}

#[tokio::test]
async fn scopes_and_models_of_a_key_are_kept() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let narrow = gate.create_key("acme", KeyTerms { scopes: Some("session:create"), ..KeyTerms::default() }).await;
    let refused = gate.chat("Hi").bearer(&narrow).send().await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "scope_missing"));
    assert!(refused.text().contains("llm:invoke"));
    let one_model = gate.create_key("acme", KeyTerms { model: Some("gpt-4o-mini"), ..KeyTerms::default() }).await;
    let refused = gate.chat("Hi").bearer(&one_model).send().await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "model_not_allowed"));
    let allowed =
        gate.post("/v1/chat/completions", r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi"}]}"#);
    assert_eq!(allowed.bearer(&one_model).send().await.status, 200);
    let unnamed = gate.post("/v1/chat/completions", r#"{"messages":[{"role":"user","content":"Hi"}]}"#);
    assert_eq!(unnamed.bearer(&one_model).send().await.status, 403, "an upstream could take any model");
    assert_eq!(primary.requests().len(), 1);
}

async fn import_hash(gate: &Gate, tenant: &str, key: &str, hash: &str) {
    let public_id = key.split('_').nth(1).filter(|_| key.starts_with("llmk_")).unwrap_or(&key[..key.len().min(20)]);
    gate.import_key(tenant, public_id, hash).await;
}

async fn mint(gate: &Gate, subject: &str, algorithm: HmacAlgorithm) -> String {
    let tenant = gate.store.tenant(PLATFORM, "acme").await.unwrap();
    mint_for(gate, &tenant, subject, algorithm)
}

fn mint_for(gate: &Gate, tenant: &wardgate::tenant::Tenant, subject: &str, algorithm: HmacAlgorithm) -> String {
    let now = Timestamp::now();
    let subject = PrincipalId::parse(subject).unwrap();
    let token = NewToken {
        expiry: Expiry::At(now.after(std::time::Duration::from_secs(600))),
        ..NewToken::access(&subject, tenant, algorithm)
    };
    let minted: Secret = gate.jwt.mint(&token, now).unwrap();
    String::from_utf8(minted.expose().to_vec()).unwrap()
}
