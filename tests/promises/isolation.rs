//! What a client says of itself never passes, and what it asks for never leads elsewhere.

use crate::support::*;

#[tokio::test]
async fn upstream_is_told_who_calls_and_nothing_of_the_clients_credential() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let reply = gate.chat("Hi").send().await;
    assert_eq!(reply.status, 200);
    let seen = primary.requests().pop().unwrap();
    let tenant = gate.store.tenant(PLATFORM, "acme").await.unwrap();
    assert_eq!(seen.header("x-tenant-id"), Some(tenant.id.as_str()));
    assert_eq!(seen.header("x-tenant-slug"), Some("acme"));
    assert_eq!(seen.header("x-auth-method"), Some("api_key"));
    assert_eq!(seen.header("x-request-id"), Some(reply.header("x-request-id")));
    assert_eq!(reply.header("request-id"), reply.header("x-request-id"));
    assert!(seen.header("traceparent").is_some_and(|trace| trace.starts_with("00-")));
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {PROVIDER_KEY}").as_str()));
    assert!(seen.headers.iter().all(|(_, value)| !value.contains(gate.key("acme"))));
    assert_eq!(reply.header("x-wardgate-upstream"), "primary");
    assert_eq!(reply.header("x-wardgate-attempts"), "1");
    assert!(reply.header("server-timing").starts_with("wardgate;dur="));
}

#[tokio::test]
async fn each_dialect_gets_its_own_credential_header_and_field() {
    let (openai, anthropic) = (provider("openai").await, provider("anthropic").await);
    let gate = gate().speaking("openai", &openai).speaking("anthropic", &anthropic).tenant("acme").start().await;
    assert_eq!(gate.chat("Hi").send().await.status, 200);
    let seen = openai.requests().pop().unwrap();
    let body: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
    let digest = body["safety_identifier"].as_str().unwrap().to_owned();
    assert_eq!(digest.len(), 64, "an opaque digest");
    assert_eq!(gate.message("Hi", false).send().await.status, 200);
    let seen = anthropic.requests().pop().unwrap();
    assert_eq!(seen.header("x-api-key"), Some(PROVIDER_KEY));
    assert_eq!(seen.header("authorization"), None);
    assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"));
    let body: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(body["metadata"]["user_id"], digest.as_str());
}

/// A provider's own `metadata` is the caller's to fill, but not to say who the caller is.
#[tokio::test]
async fn metadata_of_a_provider_names_no_other_tenant() {
    let (openai, anthropic) = (provider("openai").await, provider("anthropic").await);
    let gate = gate().speaking("openai", &openai).speaking("anthropic", &anthropic).tenant("acme").start().await;
    let metadata = r#""metadata":{"tenant_id":"globex","tenant_slug":"acme","principal_id":7,"note":"mine"}"#;
    for (path, primary) in [("/v1/chat/completions", &openai), ("/v1/messages", &anthropic)] {
        let body =
            format!(r#"{{"model":"m","max_tokens":9,{metadata},"messages":[{{"role":"user","content":"Hi"}}]}}"#);
        let reply = gate.post(path, body).header("anthropic-version", "2023-06-01").send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let seen = String::from_utf8(primary.requests().pop().unwrap().body.to_vec()).unwrap();
        assert!(!seen.contains("globex"), "{seen}");
        assert!(seen.contains(r#""tenant_id":"","tenant_slug":"acme","principal_id":"","note":"mine""#), "{seen}");
    }
}

/// An endpoint that has no field for a principal tells of none, whoever claims to be one.
#[tokio::test]
async fn older_endpoints_take_no_principal_of_a_clients() {
    let openai = provider("openai").await;
    let gate = gate().speaking("openai", &openai).tenant("acme").start().await;
    let body = r#"{"model":"m","input":"Hi","safety_identifier":"spoofed"}"#;
    assert_eq!(gate.post("/v1/embeddings", body).send().await.status, 200);
    let seen = String::from_utf8(openai.requests().pop().unwrap().body.to_vec()).unwrap();
    assert!(seen.contains(r#""safety_identifier":null"#), "{seen}");
}

#[tokio::test]
async fn what_a_client_says_in_our_fields_is_replaced_and_the_rest_stays_byte_for_byte() {
    let primary = provider("primary").await;
    let gate = gate().speaking("anthropic", &primary).tenant("acme").start().await;
    let body = br#"{ "metadata" : {"user_id":"somebody else", "note" : 1.50 } ,"model":"cl\u0061ude" ,"max_tokens":5,  "messages":[{"role":"user","content":"caf\u00e9 \/ \ud83d\ude00"}]}"#;
    let reply = gate.post("/v1/messages", body.as_slice()).header("anthropic-version", "2023-06-01").send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = primary.requests().pop().unwrap();
    let seen = String::from_utf8(seen.body.to_vec()).unwrap();
    let (before, rest) = seen.split_once("\"user_id\":\"").unwrap();
    let (digest, after) = rest.split_once('"').unwrap();
    assert_eq!(before, r#"{ "metadata" : {"#);
    assert_eq!(digest.len(), 64);
    assert_eq!(
        after,
        r#", "note" : 1.50 } ,"model":"cl\u0061ude" ,"max_tokens":5,  "messages":[{"role":"user","content":"caf\u00e9 \/ \ud83d\ude00"}]}"#
    );
}

#[tokio::test]
async fn s05_client_cannot_choose_the_upstream() {
    let (primary, other) = (provider("primary").await, provider("other").await);
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let evil = other.addr();
    for model in [format!("gpt-4o#@{evil}/"), format!("gpt@{evil}"), "../../x?y#z".into()] {
        let body = serde_json::json!({
            "model": model, "api_base": format!("http://{evil}"), "base_url": format!("http://{evil}"),
            "messages": [{"role": "user", "content": "Hi"}],
        });
        let ask = gate.post("/v1/chat/completions", body.to_string());
        let ask =
            ["x-api-base", "x-base-url", "x-original-url", "x-rewrite-url", "x-wardgate-upstream", "x-forwarded-host"]
                .iter()
                .fold(ask, |ask, name| ask.header(name, format!("http://{evil}")));
        // OpenAI has no such fields and says so. What counts is who was asked.
        assert_eq!(ask.send().await.status, 400);
    }
    for id in [format!("a@{evil}"), "a:b".to_owned()] {
        let reply = gate.post(&format!("/v1/models/{id}"), "").send().await;
        assert_eq!(reply.status, 404, "POST is no route");
        let ask = gate.ask("GET", &format!("/v1/models/{id}")).bearer(gate.key("acme"));
        ask.send().await;
    }
    for target in [format!("/v1/models/a%2f..%2f{evil}"), format!("/v1/models/..//{evil}"), "/v1/models/a;b".into()] {
        let reply = gate.ask("GET", &target).bearer(gate.key("acme")).send().await;
        assert_eq!(reply.status, 400, "{target}");
    }
    let absolute = gate.ask("GET", &format!("http://{evil}/v1/models")).bearer(gate.key("acme")).send().await;
    assert_eq!(absolute.status, 400);
    assert!(other.requests().is_empty());
    assert_eq!(primary.requests().len(), 5);
}

#[tokio::test]
async fn s07_redirect_of_an_upstream_is_relayed_and_never_followed() {
    let (primary, elsewhere) = (provider("primary").await, provider("elsewhere").await);
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    primary.set_faults(faults(&format!(r#"{{"redirect":"http://{}/v1/models"}}"#, elsewhere.addr())));
    let reply = gate.chat("Hi").send().await;
    assert!(reply.status.is_redirection(), "{}", reply.status);
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn s08_provider_key_that_an_upstream_echoes_is_stripped() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    primary.set_faults(faults(r#"{"echo_headers":["authorization","user-agent"]}"#));
    let reply = gate.chat("Hi").header("user-agent", "story").send().await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-echo-user-agent"), "story", "the mock does echo");
    assert!(!format!("{:?}", reply.headers).contains(PROVIDER_KEY));
    assert!(!reply.headers.contains_key("x-echo-authorization"));
    primary.set_faults(faults(r#"{"echo_headers":["x-api-key"]}"#));
    let reply = gate.message("Hi", false).send().await;
    assert_eq!(reply.status, 200);
    assert!(!format!("{:?}", reply.headers).contains(PROVIDER_KEY));
}

#[tokio::test]
async fn s14_forwarding_headers_of_a_peer_that_is_not_listed_are_stripped() {
    let primary = provider("primary").await;
    let names = [
        "x-arr-clientcert",
        "x-client-verify",
        "x-ssl-cert",
        "x-forwarded",
        "x-forwarded-for",
        "x-forwarded-client-cert",
        "x-real-ip",
        "forwarded",
        "x-ssl-client-cert",
    ];
    let send = async |gate: &Gate| {
        let ask = names.iter().fold(gate.chat("Hi"), |ask, name| ask.header(name, "spoofed"));
        assert_eq!(ask.header("x-tenant-id", "spoofed").send().await.status, 200);
        let seen = primary.requests().pop().unwrap();
        assert_ne!(seen.header("x-tenant-id"), Some("spoofed"), "no peer may say who the tenant is");
        names.iter().filter(|name| seen.header(name).is_some()).count()
    };
    let strict = gate().upstream(&primary).tenant("acme").start().await;
    assert_eq!(send(&strict).await, 0);
    let trusting = gate().upstream(&primary).tenant("acme").config("auth: { trusted_peers: [127.0.0.1], JWT_SECRETS }");
    assert_eq!(send(&trusting.start().await).await, names.len());
}

#[tokio::test]
async fn s16_ambiguous_paths_and_unknown_routes_are_not_forwarded() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    for (target, status) in [
        ("/v1/chat/completions?x=/health", 401),
        ("//v1/models", 400),
        ("/v1/../v1/models", 400),
        ("/v1/%6dodels", 400),
        ("/health;x", 400),
        ("/health/..;/v1/models", 400),
        ("/v1/files", 404),
        ("/_mock/requests", 404),
    ] {
        let method = if target.contains("chat") { "POST" } else { "GET" };
        let mut ask = gate.ask(method, target);
        if status != 401 {
            ask = ask.bearer(gate.key("acme"));
        }
        assert_eq!(ask.send().await.status, status, "{target}");
    }
    assert!(primary.requests().is_empty());
}

#[tokio::test]
async fn s17_every_spelling_of_our_headers_is_stripped() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let spellings = [
        "X-Tenant-Id",
        "x-tenant-id",
        "X_Tenant_Id",
        "x-tenant_slug",
        "X.Principal.Id",
        "X-Auth-Method",
        "X_Request_ID",
        "x-wardgate-scan",
    ];
    let ask = spellings.iter().fold(gate.chat("Hi"), |ask, name| ask.header(name, "spoofed"));
    assert_eq!(ask.header("x-stainless-lang", "rust").send().await.status, 200);
    let seen = primary.requests().pop().unwrap();
    assert!(seen.headers.iter().all(|(_, value)| value != "spoofed"), "{:?}", seen.headers);
    assert_eq!(seen.headers.iter().filter(|(name, _)| name == "x-tenant-id").count(), 1);
    assert_eq!(seen.header("x-stainless-lang"), Some("rust"), "what is not ours passes");
}

#[tokio::test]
async fn s18_connection_cannot_take_our_metadata_away() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let ask = gate.chat("Hi").header("connection", "X-Tenant-ID, X-Request-ID, x-hop").header("x-hop", "1");
    assert_eq!(ask.send().await.status, 200);
    let seen = primary.requests().pop().unwrap();
    assert!(seen.header("x-tenant-id").is_some() && seen.header("x-request-id").is_some());
    assert_eq!(seen.header("x-hop"), None);
}

#[tokio::test]
async fn s19_spoofed_headers_are_stripped_on_public_paths_and_preflights_too() {
    let primary = provider("primary").await;
    let gate = gate()
        .upstream(&primary)
        .tenant("acme")
        .config("auth: { public_paths: [/docs], JWT_SECRETS }")
        .config("routes: [{ path: /docs, methods: [GET] }]")
        .config("cors: { origins: ['https://app.example.com'] }")
        .start()
        .await;
    let ask = gate.ask("GET", "/docs").header("x-tenant-id", "spoofed").header("X_Tenant_Slug", "spoofed");
    let reply = ask.bearer(gate.key("acme")).header("origin", "https://app.example.com").send().await;
    // The mock knows no such path; what counts is what it was told.
    assert_eq!(reply.header("access-control-allow-origin"), "https://app.example.com");
    let seen = primary.requests().pop().unwrap();
    assert!(seen.headers.iter().all(|(name, value)| value != "spoofed" && !name.starts_with("x-tenant")));
    assert_eq!(seen.header("authorization"), None, "neither the client's credential nor ours");
    let preflight = gate
        .ask("OPTIONS", "/v1/chat/completions")
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization, x-tenant-id")
        .header("x-tenant-id", "spoofed")
        .send()
        .await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-methods"), "GET, POST");
    assert!(!format!("{:?}", preflight.headers).contains("spoofed"));
    let stranger = gate.ask("OPTIONS", "/v1/chat/completions").header("origin", "https://evil.example.com");
    let stranger = stranger.header("access-control-request-method", "POST").send().await;
    assert_eq!(stranger.status, 404);
    assert!(!stranger.headers.contains_key("access-control-allow-origin"));
    assert_eq!(primary.requests().len(), 1);
}

#[tokio::test]
async fn refusals_speak_the_callers_dialect_and_plain_clients_find_the_detail() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let openai = gate.chat("Hi").bearer("wgk_wrong").send().await.json();
    assert_eq!(openai["error"]["code"], "invalid_api_key");
    assert_eq!(openai["error"]["param"], serde_json::Value::Null);
    assert_eq!(openai["detail"], openai["error"]["message"]);
    let anthropic = gate.message("Hi", false).bearer("wgk_wrong").send().await;
    let json = anthropic.json();
    assert_eq!((json["type"].as_str(), json["error"]["type"].as_str()), (Some("error"), Some("authentication_error")));
    assert_eq!(json["request_id"], anthropic.header("request-id"));
    assert_eq!(json["detail"], json["error"]["message"]);
}

#[tokio::test]
async fn client_cannot_bring_a_credential_in_a_header_that_is_not_read() {
    let primary = open_provider("primary").await;
    let gate = gate()
        .upstream(&primary)
        .tenant("acme")
        .config("auth: { api_key: { headers: [x-api-key] }, JWT_SECRETS }")
        .start()
        .await;
    let ask = gate.message("Hi", false).bearer("somebody elses").header("x-api-key", gate.key("acme"));
    assert_eq!(ask.header("api-key", "z").send().await.status, 200);
    let seen = primary.requests().pop().unwrap();
    assert_eq!((seen.header("authorization"), seen.header("api-key")), (None, None));
    assert_eq!(seen.header("x-api-key"), Some(PROVIDER_KEY));
}

#[tokio::test]
async fn client_cannot_say_who_it_is_where_the_body_tells_nothing() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let body = r#"{"model":"m", "safety_identifier":"x","metadata":{"tenant_id":"globex","a":1.0},"messages":[{"role":"user","content":"Hi"}]}"#;
    assert_eq!(gate.post("/v1/chat/completions", body).send().await.status, 200);
    let seen = primary.requests().pop().unwrap();
    let expected = r#"{"model":"m", "safety_identifier":null,"metadata":{"tenant_id":null,"a":1.0},"messages":[{"role":"user","content":"Hi"}]}"#;
    assert_eq!(seen.body, expected.as_bytes());
}

/// The same gate over the other engine: who passes there passes here, and who is ended there is ended here.
#[tokio::test]
async fn r23_gate_over_postgres_keeps_tenants_apart_and_hears_of_revocations() {
    let database = postgres::Database::fresh().await;
    let primary = provider("primary").await;
    let gate = gate().postgres(&database.url()).upstream(&primary).tenant("acme").tenant("globex").start().await;
    assert_eq!(gate.chat("Hi").send().await.status, 200);
    assert_eq!(gate.chat("Hi").bearer(gate.key("globex")).send().await.status, 200);
    let public_id = gate.key("acme").rsplit_once('_').unwrap().0;
    let globex = gate.store.tenant(PLATFORM, "globex").await.unwrap();
    let theirs = gate.store.revoke_key(&wardgate::store::Reach::Tenant(globex.id.clone()), public_id, None).await;
    assert!(matches!(theirs, Err(wardgate::store::StoreError::NotFound("key"))), "{theirs:?}");
    gate.store.revoke_key(PLATFORM, public_id, None).await.unwrap();
    eventually("the revocation", async || gate.chat("Hi").send().await.status == 401).await;
    assert_eq!(gate.chat("Hi").bearer(gate.key("globex")).send().await.status, 200);
    gate.stop().await;
}
