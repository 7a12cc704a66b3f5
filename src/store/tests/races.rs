//! Two hands at one moment: what each of them is told, and what is stored in the end.

use super::*;

on_each_engine! {
    of_two_rotations_at_once_each_makes_a_key_of_its_own_and_the_earlier_end_stands,
    of_two_updates_of_one_version_at_once_one_is_stale,
    of_two_tenants_with_one_slug_at_once_one_is_made,
    of_two_keys_with_one_hash_at_once_one_is_made,
    keys_that_are_made_at_once_crowd_no_public_id,
    tenants_that_are_provisioned_at_once_by_many_are_active_once,
    session_that_begins_while_its_user_is_disabled_is_over,
    uses_that_are_noted_at_once_hold_nobody_up_and_the_next_one_stands,
    import_of_two_thousand_keys_stands_whole,
}

/// Runs all of these at one moment, and answers in their order.
async fn at_once<T: Send + 'static>(
    works: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let running: Vec<_> = works.into_iter().map(tokio::spawn).collect();
    let mut outcomes = Vec::new();
    for work in running {
        outcomes.push(work.await.unwrap());
    }
    outcomes
}

async fn of_two_rotations_at_once_each_makes_a_key_of_its_own_and_the_earlier_end_stands(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let old = bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let now = Timestamp::now();
    let ends = [600, 60].map(|seconds| now.after(Duration::from_secs(seconds)));
    let rotating = (0..2).map(|n| {
        let (store, id) = (Arc::clone(&bench.store), old.id.clone());
        let rotation = rotation(&format!("wgk_new{n}"), &format!("sha256:new{n}"), ends[n]);
        async move { store.rotate_key(PLATFORM, &id, rotation).await }
    });
    let outcomes = at_once(rotating.collect::<Vec<_>>()).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let left = bench.store.key(PLATFORM, &old.id).await.unwrap();
    assert_eq!(left.expiry, Expiry::At(ends[1]), "nobody prolongs what another has ended");
    assert_eq!(bench.store.list_keys(PLATFORM, Page::all()).await.unwrap().len(), 3);
}

async fn of_two_updates_of_one_version_at_once_one_is_stale(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let (key, user) = (bench.key(&tenant, "wgk_a", "sha256:aa").await, bench.user(&tenant, "ada@example.com").await);
    for _ in 0..5 {
        let keys = (0..4).map(|n| {
            let (store, id) = (Arc::clone(&bench.store), key.id.clone());
            async move {
                let version = store.key(PLATFORM, &id).await.unwrap().version;
                let update = KeyUpdate { name: Some(format!("{version} of {n}")), ..KeyUpdate::default() };
                (version, store.update_key(PLATFORM, &id, update, Some(version)).await)
            }
        });
        one_each(at_once(keys.collect::<Vec<_>>()).await);
        let users = (0..4).map(|n| {
            let (store, id) = (Arc::clone(&bench.store), user.id.clone());
            async move {
                let version = store.user(PLATFORM, &id).await.unwrap().version;
                let update = UserUpdate { name: Some(format!("{version} of {n}")), ..UserUpdate::default() };
                (version, store.update_user(PLATFORM, &id, update, Some(version), Timestamp::now()).await)
            }
        });
        one_each(at_once(users.collect::<Vec<_>>()).await);
        let tenants = (0..4).map(|n| {
            let store = Arc::clone(&bench.store);
            async move {
                let version = store.tenant(PLATFORM, "acme").await.unwrap().version;
                let update = TenantUpdate { name: Some(format!("{version} of {n}")), ..TenantUpdate::default() };
                (version, store.update_tenant("acme", update, Some(version)).await)
            }
        });
        one_each(at_once(tenants.collect::<Vec<_>>()).await);
    }
}

/// Each version was followed by one update, and the others were told that they know an old one.
fn one_each<T: std::fmt::Debug>(outcomes: Vec<(u64, Result<T, StoreError>)>) {
    let mut followed: Vec<u64> =
        outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|&(from, _)| from).collect();
    let done = followed.len();
    followed.sort_unstable();
    followed.dedup();
    assert_eq!((followed.len(), done > 0), (done, true), "{outcomes:?}");
    assert!(outcomes.iter().all(|(_, outcome)| matches!(outcome, Ok(_) | Err(StoreError::Stale))), "{outcomes:?}");
}

async fn of_two_tenants_with_one_slug_at_once_one_is_made(bench: Bench) {
    let making = (0..4).map(|_| {
        let store = Arc::clone(&bench.store);
        async move { store.create_tenant(new_tenant("acme"), None).await }
    });
    let outcomes = at_once(making.collect::<Vec<_>>()).await;
    let refused = outcomes.iter().filter(|outcome| matches!(outcome, Err(StoreError::Conflict(_)))).count();
    assert_eq!((refused, bench.count("tenants").await), (3, 1), "{outcomes:?}");
}

async fn of_two_keys_with_one_hash_at_once_one_is_made(bench: Bench) {
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    let making = [acme.clone(), other.clone(), acme, other].into_iter().enumerate().map(|(n, tenant)| {
        let store = Arc::clone(&bench.store);
        async move { store.create_key(new_key(&tenant, &format!("wgk_{n}"), "sha256:aa"), None).await }
    });
    let outcomes = at_once(making.collect::<Vec<_>>()).await;
    let refused = outcomes.iter().filter(|outcome| matches!(outcome, Err(StoreError::Conflict(_)))).count();
    assert_eq!((refused, bench.count("api_keys").await), (3, 1), "{outcomes:?}");
}

async fn keys_that_are_made_at_once_crowd_no_public_id(bench: Bench) {
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    let making = (0..8).map(|n| {
        let (store, tenant) = (Arc::clone(&bench.store), if n % 2 == 0 { acme.clone() } else { other.clone() });
        async move { store.create_key(new_key(&tenant, "same", &format!("sha256:{n}")), None).await }
    });
    let outcomes = at_once(making.collect::<Vec<_>>()).await;
    let refused = outcomes.iter().filter(|outcome| matches!(outcome, Err(StoreError::Conflict(_)))).count();
    assert_eq!((refused, bench.find(&["same"], &[]).await.unwrap().len()), (4, 4), "{outcomes:?}");
}

async fn tenants_that_are_provisioned_at_once_by_many_are_active_once(bench: Bench) {
    let made = bench.store.create_tenant(new_tenant("acme"), None).await.unwrap().into_inner();
    let provisioning = (0..4).map(|_| {
        let (store, id) = (Arc::clone(&bench.store), made.id.clone());
        async move { store.provision_tenant(&id).await.map(|tenant| (tenant.status, tenant.version)) }
    });
    for outcome in at_once(provisioning.collect::<Vec<_>>()).await {
        assert_eq!(outcome.unwrap(), (TenantStatus::Active, 2));
    }
}

/// Whichever is first: no session of a disabled user goes on.
async fn session_that_begins_while_its_user_is_disabled_is_over(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let soon = Timestamp::now().after(Duration::from_secs(60));
    for n in 0..8 {
        let user = bench.user(&tenant, &format!("user-{n}@example.com")).await;
        let family = format!("family-{n}");
        let first = NewRefresh {
            id: format!("r{n}"),
            family: family.clone(),
            user: user.id.clone(),
            tenant: tenant.id.clone(),
            user_version: user.version,
            expires_at: soon,
        };
        let (store, disabling) = (Arc::clone(&bench.store), Arc::clone(&bench.store));
        let beginning = tokio::spawn(async move { store.start_session(first).await });
        let disable = UserUpdate { status: Some(UserStatus::Disabled), ..UserUpdate::default() };
        let id = user.id.clone();
        let disabling =
            tokio::spawn(async move { disabling.update_user(PLATFORM, &id, disable, None, soon).await.map(drop) });
        disabling.await.unwrap().unwrap();
        match beginning.await.unwrap() {
            Ok(()) => {
                let denied = bench.store.revoked_tokens().await.unwrap();
                assert!(denied.contains(&family), "it began first, and was ended");
            }
            Err(StoreError::Conflict(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
        let next = Successor { id: format!("r{n}-next"), expires_at: soon };
        let now = Timestamp::now();
        let refreshed = bench.store.refresh(&tenant.id, &format!("r{n}"), next, now, Duration::ZERO, soon).await;
        assert_eq!(refreshed.unwrap(), Refreshed::Refused);
    }
}

/// Many sidecars note the uses of the same keys, each in an order of its own.
async fn uses_that_are_noted_at_once_hold_nobody_up_and_the_next_one_stands(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(bench.key(&tenant, &format!("wgk_{n}"), &format!("sha256:{n}")).await.id);
    }
    let noting = (1..=8).map(|at| {
        let store = Arc::clone(&bench.store);
        let mut uses: Vec<KeyUse> =
            ids.iter().map(|id| KeyUse { id: id.clone(), at: Timestamp(at), from: String::new() }).collect();
        if at % 2 == 0 {
            uses.reverse();
        }
        async move { store.touch_keys(uses).await }
    });
    for outcome in at_once(noting.collect::<Vec<_>>()).await {
        outcome.unwrap();
    }
    let noted = |at| ids.iter().map(|id| KeyUse { id: id.clone(), at: Timestamp(at), from: String::new() }).collect();
    bench.store.touch_keys(noted(9)).await.unwrap();
    bench.store.touch_keys(noted(3)).await.unwrap();
    let keys = bench.store.list_keys(PLATFORM, Page::all()).await.unwrap();
    assert!(keys.iter().all(|key| key.last_used_at == Some(Timestamp(9))), "{keys:?}");
}

async fn import_of_two_thousand_keys_stands_whole(bench: Bench) {
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    let rows = (0..2_000)
        .map(|n| new_key(if n % 2 == 0 { &acme } else { &other }, &format!("import-{n}"), &format!("sha256:{n:064}")));
    let stored = bench.store.import_keys(rows.collect()).await.unwrap();
    assert_eq!(stored.len(), 2_000);
    assert!(
        stored.iter().enumerate().all(|(n, key)| key.public_id == format!("import-{n}")),
        "in the order of the rows"
    );
    assert_eq!(bench.count("api_keys").await, 2_000);
    assert_eq!(bench.store.list_keys(&Reach::Tenant(acme.id.clone()), Page::all()).await.unwrap().len(), 1_000);
}
