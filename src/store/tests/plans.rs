//! PostgreSQL's plans, as its own statistics tell them: with many rows in every table, nothing that the store asks reads a
//! whole table. What the functions of the database do inside is counted with the rest.

use std::sync::Mutex;

use super::bench::lookup;
use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_is_asked_of_postgres_goes_by_an_index() {
    let bench = Bench::postgres().await;
    bench.by_hand(ROWS).await;
    bench.by_hand("VACUUM ANALYZE").await;
    let plans = Plans { bench, own: Reach::Tenant(id("t7")), wrong: Mutex::default() };
    plans.of_the_gate().await;
    plans.of_tenants().await;
    plans.of_keys().await;
    plans.of_users().await;
    plans.of_sessions().await;
    let wrong = plans.wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Without it, a test that counted nothing would pass for one that found nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn query_without_an_index_is_counted() {
    let bench = Bench::postgres().await;
    let before = bench.whole_reads().await;
    bench.by_hand("SELECT count(*) FROM users WHERE name = 'x'").await;
    assert_ne!(bench.whole_reads().await, before);
}

struct Plans {
    bench: Bench,
    own: Reach,
    /// What was asked, and the tables that were read as a whole for it.
    wrong: Mutex<Vec<String>>,
}

impl Plans {
    async fn go_by_index(&self, what: &str, ask: impl AsyncFnOnce(&dyn Store)) {
        let before = self.bench.whole_reads().await;
        let store = self.bench.second_handle().await;
        ask(&*store).await;
        drop(store);
        let after = self.bench.whole_reads().await;
        let read = after.iter().filter(|table| !before.contains(table)).map(|table| table[0].as_str());
        let read: Vec<&str> = read.collect();
        if !read.is_empty() {
            self.wrong.lock().unwrap().push(format!("{what}: {}", read.join(", ")));
        }
    }

    async fn of_the_gate(&self) {
        self.go_by_index("find_keys", async |store| {
            let lookups = (1..=100).map(|n| lookup(&[&format!("p{n}"), "absent"], &[&hash(n)], &[&format!("k{n}")]));
            let found = store.find_keys(lookups.collect()).await.unwrap();
            assert!(found.iter().all(|found| found.as_ref().unwrap().len() == 1));
        })
        .await;
        self.go_by_index("find_tenant", async |store| {
            for tenant in [TenantRef::Id(id("t7")), TenantRef::Slug(Slug::parse("slug-7").unwrap())] {
                assert!(store.find_tenant(tenant).await.unwrap().is_some());
            }
        })
        .await;
        self.go_by_index("ended_users", async |store| {
            let ids = (1..=100).map(|n| format!("u{n}")).collect();
            assert!(store.ended_users(ids).await.unwrap().is_empty());
        })
        .await;
        self.go_by_index("changes", async |store| {
            let Feed::Lost { next } = store.changes(None).await.unwrap() else { panic!("there was no position") };
            store.set_name("t7", "renamed").await;
            let Feed::Changes { changes, .. } = store.changes(Some(next)).await.unwrap() else { panic!("it was lost") };
            assert!(changes.iter().any(|change| change.id == "t7"));
        })
        .await;
        self.go_by_index("touch_keys", async |store| {
            let used = |n| KeyUse { id: format!("k{n}"), at: Timestamp::now(), from: String::new() };
            store.touch_keys((1..=100).map(used).collect()).await.unwrap();
        })
        .await;
        self.go_by_index("note_verifiers", async |store| {
            let verifier = format!("hmac-sha256:p:{}", "a".repeat(64));
            let noted = |n| KeyVerifier { id: format!("k{n}"), hashed_key: hash(n), verifier: verifier.clone() };
            store.note_verifiers((1..=100).map(noted).collect()).await.unwrap();
        })
        .await;
        self.go_by_index("ping", async |store| store.ping().await.unwrap()).await;
    }

    async fn of_tenants(&self) {
        self.go_by_index("tenant", async |store| {
            for (reach, name) in [
                (PLATFORM, "t7"),
                (PLATFORM, "slug-7"),
                (&self.own, "t7"),
                (&self.own, "slug-7"),
                (&self.own, "slug-8"),
            ] {
                drop(store.tenant(reach, name).await);
            }
        })
        .await;
        self.go_by_index("list_tenants", async |store| {
            for reach in [PLATFORM, &self.own] {
                let listed = store.list_tenants(reach, page(None)).await.unwrap();
                let after = listed.last().map(|tenant| tenant.id.as_str());
                store.list_tenants(reach, page(after)).await.unwrap();
            }
        })
        .await;
        self.go_by_index("create_tenant and provision_tenant", async |store| {
            let made = store.create_tenant(new_tenant("new"), once("t")).await.unwrap().into_inner();
            store.provision_tenant(&made.id).await.unwrap();
            assert!(store.create_tenant(new_tenant("new"), once("t")).await.unwrap().was_before());
            assert!(store.create_tenant(new_tenant("new"), None).await.is_err());
        })
        .await;
        self.go_by_index("update_tenant and purge_tenant", async |store| {
            let gone = TenantUpdate { status: Some(TenantStatus::Deleted), ..TenantUpdate::default() };
            store.update_tenant("t9", gone, None).await.unwrap();
            store.purge_tenant(&id("t9")).await.unwrap();
        })
        .await;
    }

    async fn of_keys(&self) {
        for reach in [PLATFORM, &self.own] {
            self.go_by_index("key", async |store| {
                for name in ["k7", "p7", "k8", "p8", "absent"] {
                    drop(store.key(reach, name).await);
                }
            })
            .await;
            self.go_by_index("list_keys", async |store| {
                let listed = store.list_keys(reach, page(None)).await.unwrap();
                let after = listed.last().map(|key| &key.id[..]);
                store.list_keys(reach, page(after)).await.unwrap();
            })
            .await;
        }
        self.go_by_index("create_key and import_keys", async |store| {
            let tenant = store.tenant(PLATFORM, "t7").await.unwrap();
            store.create_key(new_key(&tenant, "new", "sha256:new"), once("k")).await.unwrap();
            assert!(store.create_key(new_key(&tenant, "p7", &hash(8)), None).await.is_err());
            let rows = (0..20).map(|n| new_key(&tenant, &format!("import{n}"), &format!("sha256:import{n}")));
            store.import_keys(rows.collect()).await.unwrap();
        })
        .await;
        self.go_by_index("update_key, rotate_key and revoke_key", async |store| {
            let rename = KeyUpdate { name: Some("renamed".into()), ..KeyUpdate::default() };
            store.update_key(&self.own, "k7", rename, None).await.unwrap();
            store.rotate_key(&self.own, "p7", rotation("next", "sha256:next", Timestamp::now())).await.unwrap();
            store.revoke_key(&self.own, "next", None).await.unwrap();
        })
        .await;
    }

    async fn of_users(&self) {
        for reach in [PLATFORM, &self.own] {
            self.go_by_index("user", async |store| {
                for name in ["u7", "u8", "absent"] {
                    drop(store.user(reach, name).await);
                }
            })
            .await;
            self.go_by_index("list_users", async |store| {
                let listed = store.list_users(reach, page(None)).await.unwrap();
                let after = listed.last().map(|user| &user.id[..]);
                store.list_users(reach, page(after)).await.unwrap();
            })
            .await;
        }
        self.go_by_index("find_user and note_login", async |store| {
            let address = Email::parse("u7@example.com").unwrap();
            assert!(store.find_user("slug-7", &address).await.unwrap().is_some());
            store.note_login(&id("t7"), "u7", Timestamp::now()).await.unwrap();
        })
        .await;
        self.go_by_index("create_user and update_user", async |store| {
            let tenant = store.tenant(PLATFORM, "t7").await.unwrap();
            store.create_user(new_user(&tenant, "new@example.com"), once("u")).await.unwrap();
            assert!(store.create_user(new_user(&tenant, "new@example.com"), None).await.is_err());
            let disable = UserUpdate { status: Some(UserStatus::Disabled), ..UserUpdate::default() };
            store.update_user(&self.own, "u7", disable, None, Timestamp::now()).await.unwrap();
        })
        .await;
    }

    async fn of_sessions(&self) {
        let now = Timestamp::now();
        let soon = now.after(Duration::from_secs(60));
        self.go_by_index("start_session and refresh", async |store| {
            let first = NewRefresh {
                id: "first".into(),
                family: "new".into(),
                user: "u8".into(),
                tenant: id("t8"),
                user_version: 1,
                expires_at: soon,
            };
            store.start_session(first).await.unwrap();
            for (used, next) in [("first", "second"), ("first", "third"), ("second", "fourth")] {
                let next = Successor { id: next.into(), expires_at: soon };
                store.refresh(&id("t8"), used, next, now, Duration::from_secs(10), soon).await.unwrap();
            }
        })
        .await;
        self.go_by_index("end_session and revoke_token", async |store| {
            store.end_session(&Reach::Tenant(id("t6")), "f6", soon).await.unwrap();
            store.end_session(PLATFORM, "f5", soon).await.unwrap();
            store.revoke_token("jti", soon).await.unwrap();
        })
        .await;
    }
}

impl dyn Store + '_ {
    async fn set_name(&self, tenant: &str, name: &str) {
        let rename = TenantUpdate { name: Some(name.into()), ..TenantUpdate::default() };
        self.update_tenant(tenant, rename, None).await.unwrap();
    }
}

fn id(text: &str) -> TenantId {
    TenantId::parse(text).unwrap()
}

fn hash(n: u32) -> String {
    format!("$2b$04${n}")
}

fn page(after: Option<&str>) -> Page {
    Page { after: after.map(str::to_owned), limit: 50 }
}

fn once(key: &str) -> Option<Once> {
    Some(Once { key: key.into(), fingerprint: "f".into() })
}

/// 10,000 rows of each kind, of as many tenants; few revoked tokens have ended. The list of them is
/// asked for as a whole, and read so.
const ROWS: &str = "SET session_replication_role = replica;
    INSERT INTO tenants (id, slug, name, db_schema_name, status, created_at)
        SELECT 't' || n, 'slug-' || n, 'Tenant', 'tenant_' || n, 'active', to_timestamp(n) FROM generate_series(1, 10000) n;
    INSERT INTO api_keys (id, tenant_id, key_prefix, hashed_key, created_at)
        SELECT 'k' || n, 't' || n, 'p' || n, '$2b$04$' || n, to_timestamp(n) FROM generate_series(1, 10000) n;
    INSERT INTO users (id, tenant_id, email, hashed_password, created_at)
        SELECT 'u' || n, 't' || n, 'u' || n || '@example.com', '$2b$', to_timestamp(n) FROM generate_series(1, 10000) n;
    INSERT INTO refresh_tokens (id, family, tenant_id, user_id, expires_at, created_at)
        SELECT 'r' || n, 'f' || n, 't' || n, 'u' || n, now() + interval '1 day', to_timestamp(n)
        FROM generate_series(1, 10000) n;
    INSERT INTO revoked_tokens (jti, expires_at)
        SELECT 'j' || n, CASE WHEN n <= 10 THEN now() - interval '1 day' ELSE now() + interval '1 day' END
        FROM generate_series(1, 10000) n;
    INSERT INTO idempotency_keys (reach, key, fingerprint, resource_id, created_at)
        SELECT 't' || n, 'word', 'f', 'x', now() - interval '1 hour' FROM generate_series(1, 10000) n;
    INSERT INTO changes (kind, id) SELECT 'key', 'k' || n FROM generate_series(1, 10000) n";
