//! What the name of a model leads to: groups, other names, patterns, turns by weight, a tenant's own targets, and the
//! list of what there is.

use serde_json::{Value, json};
use wardgate::cli::mock::Provider;
use wardgate::tenant::{TenantPolicy, TenantTarget};

use crate::support::*;

const GROUPS: &str = "
models:
  - name: reasoning
    aliases: [o3, 'claude-opus-*']
    targets: [{ upstream: primary, model: deep-1 }, { upstream: secondary, model: deep-2 }]
  - name: fast
    targets: [{ upstream: secondary }]
  - name: 'mini*'
    targets: [{ upstream: secondary, model: tiny }]
";

fn asking(model: &str) -> String {
    json!({"model": model, "messages": [{"role": "user", "content": "Hi"}]}).to_string()
}

async fn ask(gate: &Gate, model: &str) -> Reply {
    gate.post("/v1/chat/completions", asking(model)).send().await
}

/// The model that a provider was asked for last.
fn asked_for(provider: &Provider) -> String {
    let body: Value = serde_json::from_slice(&provider.requests().pop().unwrap().body).unwrap();
    body["model"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn group_is_found_by_its_name_by_another_and_by_a_pattern() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").config(GROUPS).start().await;
    for name in ["reasoning", "o3", "claude-opus-4-5"] {
        assert_eq!(ask(&gate, name).await.header("x-wardgate-upstream"), "primary", "{name}");
        assert_eq!(asked_for(&primary), "deep-1");
    }
    assert_eq!(ask(&gate, "mini-2").await.header("x-wardgate-upstream"), "secondary");
    assert_eq!(asked_for(&secondary), "tiny");
    assert_eq!(ask(&gate, "fast").await.header("x-wardgate-upstream"), "secondary");
    assert_eq!(asked_for(&secondary), "fast", "a target without a model is asked for what was asked for");
    assert_eq!(ask(&gate, "unheard-of").await.header("x-wardgate-upstream"), "primary");
    assert_eq!(asked_for(&primary), "unheard-of", "any other name passes as it is");
}

#[tokio::test]
async fn s05_name_of_a_model_never_leads_anywhere_but_to_its_targets() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").config(GROUPS).start().await;
    for name in ["mini@evil.example", "mini#/../../v1/files", "mini?api_base=http://evil.example", "mini/../secondary"]
    {
        assert_eq!(ask(&gate, name).await.status, 200);
        let seen = secondary.requests().pop().unwrap();
        assert_eq!(
            (seen.path_and_query.as_str(), asked_for(&secondary).as_str()),
            ("/v1/chat/completions", "tiny"),
            "{name}"
        );
    }
    assert!(primary.requests().is_empty());
}

/// A hundred draws of 9 to 1: that fewer than 70 go to the heavier one happens once in a billion runs.
#[tokio::test]
async fn targets_of_one_rank_share_its_calls_by_weight_and_stand_in_for_each_other() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let config = "models: [{ name: shared, targets: [
        { upstream: primary, rank: 1, weight: 9 }, { upstream: secondary, rank: 1, weight: 1 }] }]";
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").config(config).start().await;
    for _ in 0..100 {
        assert_eq!(ask(&gate, "shared").await.header("x-wardgate-attempts"), "1");
    }
    let to_primary = primary.requests().len();
    assert!((70..100).contains(&to_primary), "{to_primary}");
    primary.set_faults(faults(r#"{"status":503}"#));
    for _ in 0..10 {
        assert_eq!(ask(&gate, "shared").await.header("x-wardgate-upstream"), "secondary");
    }
}

#[tokio::test]
async fn tenants_own_targets_come_before_the_configs_and_are_nobody_elses() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate =
        gate().upstream(&primary).upstream(&secondary).tenant("acme").tenant("globex").config(GROUPS).start().await;
    let target = |upstream: &str, model: Option<&str>| TenantTarget {
        upstream: upstream.to_owned(),
        model: model.map(str::to_owned),
    };
    let own = [
        ("reasoning".to_owned(), vec![target("secondary", Some("own-deep")), target("gone", None)]),
        ("house-special".to_owned(), vec![target("primary", Some("special"))]),
        ("lost".to_owned(), vec![target("gone", None)]),
    ];
    gate.set_policy("acme", TenantPolicy { targets: own.into(), ..TenantPolicy::default() }).await;
    eventually("the policy", async || ask(&gate, "reasoning").await.header("x-wardgate-upstream") == "secondary").await;
    assert_eq!(asked_for(&secondary), "own-deep");
    assert_eq!(ask(&gate, "house-special").await.status, 200);
    assert_eq!(asked_for(&primary), "special");
    let lost = ask(&gate, "lost").await;
    assert_eq!((lost.status.as_u16(), lost.code().as_str()), (404, "no_upstream"), "never by another way");
    let others = gate.post("/v1/chat/completions", asking("reasoning")).bearer(gate.key("globex")).send().await;
    assert_eq!(others.header("x-wardgate-upstream"), "primary");
    assert_eq!(asked_for(&primary), "deep-1");
}

fn ids(listed: &Value) -> Vec<&str> {
    listed["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn list_of_models_has_what_the_tenant_may_use_in_the_callers_dialect() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").config(GROUPS).start().await;
    let get = |path: &str| gate.ask("GET", path).bearer(gate.key("acme"));
    let listed = get("/v1/models").send().await.json();
    assert_eq!((listed["object"].as_str(), ids(&listed)), (Some("list"), vec!["fast", "o3", "reasoning"]));
    assert_eq!(listed["data"][0]["object"], "model");
    let listed = get("/v1/models").header("anthropic-version", "2023-06-01").send().await.json();
    assert_eq!(ids(&listed), ["fast", "o3", "reasoning"]);
    assert_eq!((&listed["data"][0]["type"], &listed["has_more"]), (&json!("model"), &json!(false)));
    assert_eq!(get("/v1/models/o3").send().await.json()["id"], "o3");
    let unknown = get("/v1/models/o4").send().await;
    assert_eq!((unknown.status.as_u16(), unknown.code().as_str()), (404, "model_not_found"));
    // A key that is good for some models alone sees those alone, and so does a tenant that has some alone.
    let key = gate.create_key("acme", KeyTerms { model: Some("fast"), ..KeyTerms::default() }).await;
    assert_eq!(ids(&get("/v1/models").bearer(&key).send().await.json()), ["fast"]);
    gate.bound("acme", "llm:invoke llm:models", &["o3", "mini-7"]).await;
    eventually("the bounds", async || ids(&get("/v1/models").send().await.json()) == ["mini-7", "o3"]).await;
    assert!(primary.requests().is_empty() && secondary.requests().is_empty());
}

#[tokio::test]
async fn list_of_models_is_the_upstreams_own_where_nobody_names_any() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let listed = gate.ask("GET", "/v1/models").bearer(gate.key("acme")).send().await;
    assert_eq!((listed.status.as_u16(), listed.header("x-wardgate-upstream")), (200, "primary"));
    let key = gate.create_key("acme", KeyTerms { model: Some("gpt-4o"), ..KeyTerms::default() }).await;
    let listed = gate.ask("GET", "/v1/models").bearer(&key).send().await.json();
    assert_eq!(ids(&listed), ["gpt-4o"], "but a key that is good for one alone is told of no other");
}
