//! PgBouncer in transaction mode between the gates and the database.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::outages::{could_not_tell, public_id, unknown_key};
use crate::postgres::{Bouncer, Database};
use crate::processes::{Mock, Replica, Site, until};

/// A tenant, and a key of it that may manage keys.
struct House {
    slug: &'static str,
    key: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r26_behind_a_pooler_gates_poll_serve_and_never_mix_tenants() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let bouncer = Bouncer::before(&database.url());
    let site = Site::new(&bouncer.url(), &mock, "poll_interval: 500ms");
    let mut houses = Vec::new();
    for slug in ["acme", "globex"] {
        site.tenant(slug).await;
        houses.push(House { slug, key: site.key(slug, &["llm:*", "tenant:admin"]).await });
    }
    let gates = site.serve_three().await;
    let over = AtomicBool::new(false);
    let traffic = futures_util::future::join_all(
        gates.iter().flat_map(|gate| houses.iter().map(move |house| (gate, house))).map(|(gate, house)| {
            let over = &over;
            async move {
                let mut rounds = 0;
                while !over.load(Ordering::Relaxed) || rounds < 3 {
                    lives(gate, house).await;
                    rounds += 1;
                }
                rounds
            }
        }),
    );
    let managed = async {
        for round in 0..4 {
            for house in &houses {
                let key = site.key(house.slug, &[]).await;
                // By a gate that has not seen it, and by one that has.
                for gate in [&gates[round % 3], &gates[round % 3]] {
                    assert_eq!(gate.me(&key).await.json()["tenant_slug"], house.slug);
                }
                site.done(&["key", "revoke", public_id(&key)]).await;
                let revoked = Instant::now();
                until("the key is refused", async || gates[round % 3].me(&key).await.status == 401).await;
                assert!(revoked.elapsed() < Duration::from_millis(1500), "{:?}", revoked.elapsed());
            }
        }
        over.store(true, Ordering::Relaxed);
    };
    let (rounds, ()) = tokio::join!(traffic, managed);
    println!("r26: rounds of each tenant at each gate: {rounds:?}");
    sent_as_whom(&mock, &database).await;
    for gate in &gates {
        until("the gate says that it polls", async || {
            gate.log().contains("notifications do not arrive, as behind PgBouncer")
        })
        .await;
        assert!(gate.is_ready().await && !gate.log().contains("changes are heard of as they happen"));
    }
    // Nothing else goes on now that would make a gate ask what has changed.
    let key = site.key("acme", &[]).await;
    for gate in &gates {
        assert_eq!(gate.me(&key).await.status, 200);
    }
    site.done(&["key", "revoke", public_id(&key)]).await;
    let revoked = Instant::now();
    for gate in &gates {
        until("the key is refused", async || gate.me(&key).await.status == 401).await;
    }
    println!("r26: polled twice a second, refused by three {:?} after the command", revoked.elapsed());
    assert!(revoked.elapsed() < Duration::from_millis(1500), "{:?}", revoked.elapsed());
}

/// What the provider was told of each request's tenant.
async fn sent_as_whom(mock: &Mock, database: &Database) {
    let requests = mock.requests().await;
    assert!(requests.len() > 10);
    for request in &requests {
        let header = |name: &str| {
            let headers = request["headers"].as_array().unwrap();
            headers.iter().find(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap().to_owned())
        };
        let slug = header("x-tenant-slug").unwrap();
        assert!(request["body"].as_str().unwrap().contains(&format!("I am of {slug}")), "{request}");
    }
    let ids = database.sql("SELECT slug, id FROM tenants").await;
    for row in ids {
        let of_tenant = |request: &&Value| request["body"].as_str().unwrap().contains(&format!("I am of {}", row[0]));
        for request in requests.iter().filter(of_tenant) {
            assert!(request["headers"].to_string().contains(&row[1]), "{request}");
        }
    }
}

/// Everything by which a tenant might see another's rows, once.
async fn lives(gate: &Replica, house: &House) {
    let me = gate.me(&house.key).await;
    assert_eq!((me.status.as_u16(), &me.json()["tenant_slug"]), (200, &Value::from(house.slug)));
    let said = format!("I am of {}", house.slug);
    assert_eq!(gate.chat(&house.key, &said, false).send().await.status, 200);
    let terms = serde_json::json!({"name": format!("of {}", house.slug)}).to_string();
    let made = gate.ask("POST", "/auth/keys", &house.key).body(terms).send().await;
    assert_eq!(made.status, 201, "{}", made.text());
    let listed = gate.ask("GET", "/auth/keys", &house.key).send().await;
    assert_eq!(listed.status, 200, "{}", listed.text());
    let tenant = &me.json()["tenant_id"];
    let keys = listed.json()["data"].as_array().unwrap().clone();
    assert!(!keys.is_empty());
    for key in keys {
        assert_eq!(&key["tenant_id"], tenant, "{key}");
        assert!(key["name"] == "" || key["name"] == format!("of {}", house.slug), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r20_killed_pooler_leaves_the_known_served_and_is_found_again() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let mut bouncer = Bouncer::before(&database.url());
    let site = Site::new(&bouncer.url(), &mock, "poll_interval: 200ms, stale_limit: 60s");
    let key = site.tenant_with_key("acme").await;
    let gate = site.serve().await;
    gate.until_ready().await;
    assert_eq!(gate.me(&key).await.status, 200);
    bouncer.kill();
    for _ in 0..10 {
        assert_eq!(gate.me(&key).await.status, 200);
        could_not_tell(&gate.me(&unknown_key()).await, "store_unavailable");
        assert!(gate.is_ready().await);
    }
    bouncer.restart();
    let restarted = Instant::now();
    until("unknown keys are refused again", async || gate.me(&unknown_key()).await.status == 401).await;
    site.done(&["key", "revoke", public_id(&key)]).await;
    until("the key is refused", async || gate.me(&key).await.status == 401).await;
    println!("r20: found the pooler and heard of a revocation {:?} after its restart", restarted.elapsed());
    assert!(restarted.elapsed() < Duration::from_secs(5), "{:?}", restarted.elapsed());
}
