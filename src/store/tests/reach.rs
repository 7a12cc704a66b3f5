//! Whoever is bound to a tenant sees and changes what is the tenant's: for all else, as if it had never been.

use super::*;

on_each_engine! {
    foreign_tenant_is_not_found_and_not_listed,
    foreign_keys_are_neither_found_nor_changed,
    foreign_users_are_neither_found_nor_changed,
    foreign_sessions_neither_go_on_nor_end,
    public_id_that_tenants_share_is_ones_own_key_within_ones_reach,
    own_records_are_as_near_as_they_are_to_the_platform,
}

async fn foreign_tenant_is_not_found_and_not_listed(bench: Bench) {
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    let reach = Reach::Tenant(other.id.clone());
    for name in [acme.id.as_str(), "acme"] {
        let found = bench.store.tenant(&reach, name).await;
        assert!(matches!(found, Err(StoreError::NotFound("tenant"))), "{name}: {found:?}");
    }
    assert_eq!(bench.store.list_tenants(&reach, Page::all()).await.unwrap(), [other]);
    for text in ["nobody", "x", "' OR '1'='1"] {
        // An id can have any of the characters that a tenant's id has; of nobody's there is nothing to be seen.
        let Ok(stranger) = TenantId::parse(text) else { continue };
        assert!(bench.store.list_tenants(&Reach::Tenant(stranger), Page::all()).await.unwrap().is_empty());
    }
}

async fn foreign_keys_are_neither_found_nor_changed(bench: Bench) {
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    let key = bench.key(&acme, "wgk_a", "sha256:aa").await;
    let reach = &Reach::Tenant(other.id.clone());
    let mut reader = bench.reader().await;
    for name in [&key.id[..], "wgk_a"] {
        let store = &bench.store;
        let rename = KeyUpdate { name: Some("theirs".into()), ..KeyUpdate::default() };
        let rotation = rotation("wgk_b", "sha256:bb", Timestamp::now());
        let outcomes = [
            store.key(reach, name).await.map(drop),
            store.update_key(reach, name, rename, None).await.map(drop),
            store.rotate_key(reach, name, rotation).await.map(drop),
            store.revoke_key(reach, name, None).await.map(drop),
            store.revoke_key(reach, name, Some(1)).await.map(drop),
        ];
        for (at, outcome) in outcomes.into_iter().enumerate() {
            assert!(matches!(outcome, Err(StoreError::NotFound("key"))), "{name}, {at}: {outcome:?}");
        }
    }
    assert!(bench.store.list_keys(reach, Page::all()).await.unwrap().is_empty());
    assert!(reader.news().await.is_empty());
    assert_eq!(bench.store.list_keys(PLATFORM, Page::all()).await.unwrap(), [key]);
}

async fn foreign_users_are_neither_found_nor_changed(bench: Bench) {
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    let ada = bench.user(&acme, "ada@example.com").await;
    let reach = &Reach::Tenant(other.id.clone());
    let mut reader = bench.reader().await;
    let disable = UserUpdate { status: Some(UserStatus::Disabled), ..UserUpdate::default() };
    let soon = Timestamp::now().after(Duration::from_secs(60));
    let outcomes = [
        bench.store.user(reach, &ada.id).await.map(drop),
        bench.store.update_user(reach, &ada.id, disable, None, soon).await.map(drop),
    ];
    for outcome in outcomes {
        assert!(matches!(outcome, Err(StoreError::NotFound("user"))), "{outcome:?}");
    }
    bench.store.note_login(&other.id, &ada.id, Timestamp(100)).await.unwrap();
    assert!(bench.store.list_users(reach, Page::all()).await.unwrap().is_empty());
    assert!(reader.news().await.is_empty());
    assert_eq!(bench.store.list_users(PLATFORM, Page::all()).await.unwrap(), [ada]);
}

async fn foreign_sessions_neither_go_on_nor_end(bench: Bench) {
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    let ada = bench.user(&acme, "ada@example.com").await;
    let now = Timestamp::now();
    let soon = now.after(Duration::from_secs(60));
    let first = NewRefresh {
        id: "r0".into(),
        family: "f".into(),
        user: ada.id.clone(),
        tenant: acme.id.clone(),
        user_version: ada.version,
        expires_at: soon,
    };
    let elsewhere = NewRefresh { tenant: other.id.clone(), ..first.clone() };
    assert!(matches!(bench.store.start_session(elsewhere).await, Err(StoreError::NotFound("user"))));
    bench.store.start_session(first).await.unwrap();
    let next = |id: &str| Successor { id: id.into(), expires_at: soon };
    let theirs = bench.store.refresh(&other.id, "r0", next("x"), now, Duration::ZERO, soon).await.unwrap();
    assert_eq!(theirs, Refreshed::Refused);
    assert!(bench.store.revoked_tokens().await.unwrap().is_empty(), "it was no reuse either");
    // The name of a session that one does not know is denied as any word is, and the tokens of it stand as they stood.
    bench.store.end_session(&Reach::Tenant(other.id.clone()), "f", soon).await.unwrap();
    assert_eq!(bench.count("refresh_tokens WHERE revoked_at IS NULL AND used_at IS NULL").await, 1);
    bench.by_hand("DELETE FROM revoked_tokens").await;
    let own = bench.store.refresh(&acme.id, "r0", next("r1"), now, Duration::ZERO, soon).await.unwrap();
    assert!(matches!(own, Refreshed::Done { .. }), "{own:?}");
}

async fn public_id_that_tenants_share_is_ones_own_key_within_ones_reach(bench: Bench) {
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    let own = bench.key(&acme, "same", "sha256:1").await;
    let theirs = bench.key(&other, "same", "sha256:2").await;
    assert!(matches!(bench.store.key(PLATFORM, "same").await, Err(StoreError::Conflict(_))));
    for (tenant, key) in [(&acme, &own), (&other, &theirs)] {
        assert_eq!(bench.store.key(&Reach::Tenant(tenant.id.clone()), "same").await.unwrap(), *key);
    }
    bench.store.revoke_key(&Reach::Tenant(other.id.clone()), "same", None).await.unwrap();
    assert_eq!(bench.store.key(PLATFORM, &own.id).await.unwrap(), own);
    let third = bench.key(&acme, "same", "sha256:3").await;
    let Err(StoreError::Conflict(told)) = bench.store.key(&Reach::Tenant(acme.id.clone()), "same").await else {
        panic!("two keys of one's own have this public id")
    };
    assert!(told.contains(&own.id) && told.contains(&third.id) && !told.contains(&theirs.id), "{told}");
}

async fn own_records_are_as_near_as_they_are_to_the_platform(bench: Bench) {
    let acme = bench.tenant("acme").await;
    let (key, user) = (bench.key(&acme, "wgk_a", "sha256:aa").await, bench.user(&acme, "ada@example.com").await);
    let reach = &Reach::Tenant(acme.id.clone());
    let store = &bench.store;
    for name in [acme.id.as_str(), "acme"] {
        assert_eq!(store.tenant(reach, name).await.unwrap(), acme);
    }
    assert_eq!(store.key(reach, "wgk_a").await.unwrap(), key);
    assert_eq!(store.user(reach, &user.id).await.unwrap(), user);
    let rename = KeyUpdate { name: Some("mine".into()), ..KeyUpdate::default() };
    assert_eq!(store.update_key(reach, &key.id, rename, Some(1)).await.unwrap().name, "mine");
    let (new, _) = store.rotate_key(reach, "wgk_a", rotation("wgk_b", "sha256:bb", Timestamp::now())).await.unwrap();
    assert!(store.revoke_key(reach, &new.id, Some(1)).await.unwrap().revoked_at.is_some());
    let rename = UserUpdate { name: Some("Ada L.".into()), ..UserUpdate::default() };
    let renamed = store.update_user(reach, &user.id, rename, Some(1), Timestamp::now()).await.unwrap();
    assert_eq!(renamed.name, "Ada L.");
    assert_eq!(store.list_keys(reach, Page::all()).await.unwrap().len(), 2);
    assert_eq!(store.list_users(reach, Page::all()).await.unwrap(), [renamed]);
}
