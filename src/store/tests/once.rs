//! Creations that happen once, however often they are asked for.

use super::*;

on_each_engine! {
    repeated_creation_answers_the_resource_as_it_is_now,
    idempotency_key_of_another_request_is_refused,
    refused_creation_is_not_remembered,
    tenant_is_made_once_and_again_after_a_day_only_by_its_own_rules,
    requests_that_race_make_one_resource,
    unfit_idempotency_key_is_refused,
}

fn once(fingerprint: &str) -> Option<Once> {
    Some(Once { key: "order-66".into(), fingerprint: fingerprint.into() })
}

async fn repeated_creation_answers_the_resource_as_it_is_now(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let new = new_key(&tenant, "wgk_a", "sha256:aa");
    let first = bench.store.create_key(new.clone(), once("f")).await.unwrap();
    let Created::New(first) = first else { panic!("it was never made before") };
    let revoked = bench.store.revoke_key(PLATFORM, &first.id, None).await.unwrap();
    // A key that is made again has another secret; the request is the same for all that.
    let again = NewKey { public_id: "wgk_b".into(), hashed_key: "sha256:bb".into(), ..new };
    let again = bench.store.create_key(again, once("f")).await.unwrap();
    assert!(again.was_before());
    assert_eq!(again.into_inner(), revoked);
    assert_eq!(bench.store.list_keys(PLATFORM, Page::all()).await.unwrap().len(), 1);
}

async fn idempotency_key_of_another_request_is_refused(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let key = |hash: &str| new_key(&tenant, "wgk_a", hash);
    bench.store.create_key(key("sha256:aa"), once("f")).await.unwrap();
    let other = bench.store.create_key(key("sha256:bb"), once("g")).await;
    assert!(matches!(other, Err(StoreError::Repeated)), "{other:?}");
    let of_another_kind = bench.store.create_user(new_user(&tenant, "ada@example.com"), once("f")).await;
    assert!(matches!(of_another_kind, Err(StoreError::Repeated)), "{of_another_kind:?}");
    assert_eq!(bench.store.list_keys(PLATFORM, Page::all()).await.unwrap().len(), 1);
}

async fn refused_creation_is_not_remembered(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    bench.user(&tenant, "ada@example.com").await;
    let taken = bench.store.create_user(new_user(&tenant, "ada@example.com"), once("f")).await;
    assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
    let other = bench.store.create_user(new_user(&tenant, "bob@example.com"), once("g")).await.unwrap();
    assert!(!other.was_before());
}

async fn tenant_is_made_once_and_again_after_a_day_only_by_its_own_rules(bench: Bench) {
    let new = |slug| NewTenant::new("Acme".into(), Slug::parse(slug).unwrap(), None, TenantPolicy::default()).unwrap();
    let first = bench.store.create_tenant(new("acme"), once("f")).await.unwrap().into_inner();
    let again = bench.store.create_tenant(new("acme"), once("f")).await.unwrap();
    assert_eq!(again, Created::Before(first));
    let yesterday = bench.before("created_at", 86_401);
    bench.by_hand(&format!("UPDATE idempotency_keys SET created_at = {yesterday}")).await;
    let late = bench.store.create_tenant(new("acme"), once("f")).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "the slug is taken: {late:?}");
    assert!(!bench.store.create_tenant(new("other"), once("g")).await.unwrap().was_before());
}

async fn requests_that_race_make_one_resource(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let store = &bench.store;
    let racing: Vec<_> = (0..8)
        .map(|n| {
            let (store, new) = (store.clone(), new_key(&tenant, "wgk_a", &format!("sha256:{n}")));
            tokio::spawn(async move { store.create_key(new, once("f")).await.unwrap() })
        })
        .collect();
    let mut made = Vec::new();
    for created in racing {
        made.push(created.await.unwrap());
    }
    assert_eq!(made.iter().filter(|created| !created.was_before()).count(), 1);
    assert!(made.iter().all(|created| created.clone().into_inner() == made[0].clone().into_inner()));
}

async fn unfit_idempotency_key_is_refused(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    for wrong in [String::new(), "a b".into(), "ü".into(), "x".repeat(256)] {
        let once = Some(Once { key: wrong, fingerprint: "f".into() });
        let refused = bench.store.create_key(new_key(&tenant, "wgk_a", "sha256:aa"), once).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
    }
}
