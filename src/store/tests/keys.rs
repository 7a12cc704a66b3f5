//! Keys: found, made, used and ended.

use super::*;

on_each_engine! {
    key_is_found_by_public_id_or_hash_and_by_nothing_else,
    record_comes_back_as_it_went_in,
    imported_prefixes_may_collide_but_hashes_may_not,
    lookup_that_would_leave_a_candidate_out_is_an_error_and_not_an_absence,
    use_is_noted_with_its_address_never_moves_back_and_is_no_change,
    revocation_keeps_its_first_time,
    rotation_makes_the_new_key_and_ends_the_old_or_does_neither,
    keys_are_listed_for_all_or_for_one_tenant_alone,
    new_key_with_unfit_parts_is_refused,
    key_update_changes_what_it_names_alone_and_counts_up,
    key_update_that_is_stale_unfit_or_too_late_changes_nothing,
    rotation_and_revocation_count_up_where_they_change_something,
    rotated_canary_is_a_canary_and_the_new_key_has_its_own_maker,
    import_stores_all_keys_or_none_and_names_the_one_that_cannot_stand,
}

async fn key_is_found_by_public_id_or_hash_and_by_nothing_else(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let made = bench.key(&tenant, "wgk_a", "sha256:aa").await;
    assert_eq!(bench.find(&["wgk_a"], &[]).await.unwrap(), ["wgk_a"]);
    assert_eq!(bench.find(&["wgk_other"], &["sha256:aa"]).await.unwrap(), ["wgk_a"]);
    assert_eq!(bench.find(&["wgk_a"], &["sha256:aa"]).await.unwrap(), ["wgk_a"]);
    assert!(bench.find(&["sha256:aa", "WGK_A", "wgk_"], &["wgk_a", &made.id]).await.unwrap().is_empty());
    assert_eq!(bench.store.lookups(), 4);
    assert!(bench.find(&[], &[]).await.unwrap().is_empty());
    assert_eq!(bench.store.lookups(), 4, "an empty lookup needs no engine");
    assert!(matches!(bench.find(&["x"; 5], &[]).await, Err(StoreError::Invalid(_))));
}

async fn record_comes_back_as_it_went_in(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let mut new = new_key(&tenant, "wgk_a", "sha256:aa");
    new.scopes = Scopes::new(["session:create"]).unwrap();
    new.models = Models::from_list(vec!["gpt-4o".into(), "a\"b".into()]);
    new.expiry = Expiry::At(Timestamp(4_000_000_000));
    new.canary = true;
    let made = bench.store.create_key(new.clone(), None).await.unwrap().into_inner();
    assert_eq!((made.scopes, made.models, made.expiry), (new.scopes, new.models, new.expiry));
    assert_eq!((&made.hashed_key[..], &made.name[..]), ("sha256:aa", "ci"));
    assert_eq!((&made.created_by[..], made.canary, made.version), ("cli", true, 1));
    assert_eq!((made.tenant, made.revoked_at, made.last_used_at), (tenant, None, None));
}

async fn imported_prefixes_may_collide_but_hashes_may_not(bench: Bench) {
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    let first = bench.key(&acme, "same", "$2b$1").await;
    let second = bench.key(&other, "same", "$2b$2").await;
    assert_eq!(bench.find(&["same"], &[]).await.unwrap().len(), 2);
    let Err(StoreError::Conflict(told)) = bench.store.key(PLATFORM, "same").await else { panic!("ambiguous") };
    assert!(told.contains(&first.id) && told.contains(&second.id), "{told}");
    assert_eq!(bench.store.key(PLATFORM, &second.id).await.unwrap().tenant, other);
    let again = bench.store.create_key(new_key(&other, "new", "$2b$1"), None).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "one hash would speak for two tenants");
}

async fn lookup_that_would_leave_a_candidate_out_is_an_error_and_not_an_absence(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    for n in 0..4 {
        bench.key(&tenant, "same", &format!("sha256:{n}")).await;
    }
    let fifth = bench.store.create_key(new_key(&tenant, "same", "sha256:5"), None).await;
    assert!(matches!(fifth, Err(StoreError::Conflict(_))));
    assert_eq!(bench.find(&["same"], &[]).await.unwrap().len(), 4);
    for n in 5..10 {
        let row = format!("'k{n}', '{}', 'same', 'sha256:h{n}'", tenant.id);
        bench.by_hand(&format!("INSERT INTO api_keys (id, tenant_id, key_prefix, hashed_key) VALUES ({row})")).await;
    }
    let crowded = bench.find(&["same"], &[]).await;
    assert!(matches!(crowded, Err(StoreError::Unavailable(Outage::Crowded { .. }))), "{crowded:?}");
}

async fn use_is_noted_with_its_address_never_moves_back_and_is_no_change(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let key = bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let mut reader = bench.reader().await;
    let used = |id: &str, at, from: &str| KeyUse { id: id.to_owned(), at: Timestamp(at), from: from.to_owned() };
    let last_use = async || {
        let key = bench.store.key(PLATFORM, &key.id).await.unwrap();
        (key.last_used_at, key.last_used_from)
    };
    for at in [100, 50] {
        let uses = vec![used(&key.id, at, &format!("192.0.2.{at}")), used("no such key", at, "")];
        bench.store.touch_keys(uses).await.unwrap();
        assert_eq!(last_use().await, (Some(Timestamp(100)), Some("192.0.2.100".to_owned())));
    }
    bench.store.touch_keys(vec![used(&key.id, 101, "")]).await.unwrap();
    assert_eq!(last_use().await, (Some(Timestamp(101)), None), "an old address would lie about a new time");
    assert!(reader.news().await.is_empty());
    assert_eq!(bench.store.key(PLATFORM, &key.id).await.unwrap().version, 1);
}

async fn revocation_keeps_its_first_time(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let first = bench.store.revoke_key(PLATFORM, "wgk_a", None).await.unwrap().revoked_at;
    assert!(first.is_some());
    bench.by_hand(&format!("UPDATE api_keys SET revoked_at = {}", bench.moment(7))).await;
    assert_eq!(bench.store.revoke_key(PLATFORM, "wgk_a", None).await.unwrap().revoked_at, Some(Timestamp(7)));
    assert!(matches!(bench.store.revoke_key(PLATFORM, "wgk_b", None).await, Err(StoreError::NotFound("key"))));
}

async fn rotation_makes_the_new_key_and_ends_the_old_or_does_neither(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let ends = Timestamp::now().after(Duration::from_secs(60));
    let rotation = |hash: &str| rotation("wgk_b", hash, ends);
    assert!(bench.store.rotate_key(PLATFORM, "wgk_a", rotation("sha256:aa")).await.is_err(), "the hash is taken");
    assert_eq!(bench.store.key(PLATFORM, "wgk_a").await.unwrap().expiry, Expiry::Never);
    let (new, old) = bench.store.rotate_key(PLATFORM, "wgk_a", rotation("sha256:bb")).await.unwrap();
    assert_eq!((new.expiry, old.expiry), (Expiry::Never, Expiry::At(ends)));
    assert_eq!((&new.name, &new.scopes, &new.models), (&old.name, &old.scopes, &old.models));
    bench.store.revoke_key(PLATFORM, "wgk_b", None).await.unwrap();
    assert!(matches!(
        bench.store.rotate_key(PLATFORM, "wgk_b", rotation("sha256:cc")).await,
        Err(StoreError::Conflict(_))
    ));
}

async fn keys_are_listed_for_all_or_for_one_tenant_alone(bench: Bench) {
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    bench.key(&acme, "wgk_a", "sha256:aa").await;
    bench.key(&other, "wgk_b", "sha256:bb").await;
    assert_eq!(bench.store.list_keys(PLATFORM, Page::all()).await.unwrap().len(), 2);
    let listed = bench.store.list_keys(&Reach::Tenant(acme.id.clone()), Page::all()).await.unwrap();
    assert_eq!(listed.iter().map(|key| &key.public_id[..]).collect::<Vec<_>>(), ["wgk_a"]);
    let stranger = TenantId::parse("nobody").unwrap();
    assert!(bench.store.list_keys(&Reach::Tenant(stranger.clone()), Page::all()).await.unwrap().is_empty());
    let orphan = NewKey { tenant: stranger, ..new_key(&acme, "wgk_c", "sha256:cc") };
    assert!(matches!(bench.store.create_key(orphan, None).await, Err(StoreError::NotFound("tenant"))));
}

async fn new_key_with_unfit_parts_is_refused(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let good = new_key(&tenant, "wgk_a", "sha256:aa");
    for wrong in [
        NewKey { public_id: "a b".into(), ..good.clone() },
        NewKey { public_id: String::new(), ..good.clone() },
        NewKey { hashed_key: "sha256:\n".into(), ..good.clone() },
        NewKey { name: "a\u{7}".into(), ..good.clone() },
        NewKey { created_by: "a\nb".into(), ..good.clone() },
        NewKey { created_by: "x".repeat(301), ..good.clone() },
        NewKey { models: Models::Only(vec!["a\nb".into()]), ..good.clone() },
    ] {
        assert!(matches!(bench.store.create_key(wrong, None).await, Err(StoreError::Invalid(_))));
    }
    bench.store.create_key(good, None).await.unwrap();
}

async fn key_update_changes_what_it_names_alone_and_counts_up(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let made = bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let models = Models::from_list(vec!["gpt-4o".into()]);
    let update = KeyUpdate { models: Some(models.clone()), ..KeyUpdate::default() };
    let changed = bench.store.update_key(PLATFORM, "wgk_a", update.clone(), Some(1)).await.unwrap();
    assert_eq!(changed, KeyRecord { models, version: 2, ..made.clone() });
    let mut reader = bench.reader().await;
    assert_eq!(
        bench.store.update_key(PLATFORM, "wgk_a", update, None).await.unwrap(),
        changed,
        "the same again is no change"
    );
    assert!(reader.news().await.is_empty());
    let (scopes, expiry) = (Scopes::new(["session:create"]).unwrap(), Expiry::At(Timestamp(4_000_000_000)));
    let update = KeyUpdate {
        name: Some(String::new()),
        scopes: Some(scopes.clone()),
        models: Some(Models::All),
        expiry: Some(expiry),
    };
    let changed = bench.store.update_key(PLATFORM, &made.id, update, Some(2)).await.unwrap();
    assert_eq!(changed, KeyRecord { name: String::new(), scopes, expiry, version: 3, ..made.clone() });
    let update = KeyUpdate { expiry: Some(Expiry::Never), ..KeyUpdate::default() };
    assert_eq!(bench.store.update_key(PLATFORM, &made.id, update, None).await.unwrap().expiry, Expiry::Never);
    assert_eq!(reader.news().await, [(ChangeKind::Key, made.id)]);
}

async fn key_update_that_is_stale_unfit_or_too_late_changes_nothing(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let rename = |name: &str| KeyUpdate { name: Some(name.to_owned()), ..KeyUpdate::default() };
    assert!(matches!(bench.store.update_key(PLATFORM, "wgk_a", rename("x"), Some(2)).await, Err(StoreError::Stale)));
    assert!(matches!(
        bench.store.update_key(PLATFORM, "wgk_a", rename("a\nb"), None).await,
        Err(StoreError::Invalid(_))
    ));
    assert!(matches!(
        bench.store.update_key(PLATFORM, "wgk_b", rename("x"), None).await,
        Err(StoreError::NotFound("key"))
    ));
    assert_eq!(bench.store.key(PLATFORM, "wgk_a").await.unwrap().name, "ci");
    let revoked = bench.store.revoke_key(PLATFORM, "wgk_a", None).await.unwrap();
    assert!(matches!(bench.store.update_key(PLATFORM, "wgk_a", rename("x"), None).await, Err(StoreError::Conflict(_))));
    assert_eq!(bench.store.key(PLATFORM, "wgk_a").await.unwrap(), revoked);
}

async fn rotation_and_revocation_count_up_where_they_change_something(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let rotation = rotation("wgk_b", "sha256:bb", Timestamp::now());
    let (new, old) = bench.store.rotate_key(PLATFORM, "wgk_a", rotation).await.unwrap();
    assert_eq!((new.version, old.version), (1, 2));
    for _ in 0..2 {
        assert_eq!(bench.store.revoke_key(PLATFORM, "wgk_b", None).await.unwrap().version, 2);
    }
}

async fn rotated_canary_is_a_canary_and_the_new_key_has_its_own_maker(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let trap = NewKey { canary: true, ..new_key(&tenant, "wgk_a", "sha256:aa") };
    bench.store.create_key(trap, None).await.unwrap();
    let rotation = rotation("wgk_b", "sha256:bb", Timestamp::now());
    let (new, old) = bench.store.rotate_key(PLATFORM, "wgk_a", rotation).await.unwrap();
    assert!(new.canary && old.canary);
    assert_eq!((&new.created_by[..], &old.created_by[..]), ("rotator", "cli"));
}

async fn import_stores_all_keys_or_none_and_names_the_one_that_cannot_stand(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let row = |public_id: &str, hash: &str| new_key(&tenant, public_id, hash);
    let (good, twice) = (row("a", "sha256:aa"), row("b", "sha256:aa"));
    let Err(StoreError::Row { index: 1, error }) = bench.store.import_keys(vec![good.clone(), twice]).await else {
        panic!("one hash was stored twice");
    };
    assert!(matches!(*error, StoreError::Conflict(_)), "{error:?}");
    let unfit = bench.store.import_keys(vec![good.clone(), row("b", "sha256:bb"), row("c c", "sha256:cc")]).await;
    let unfit = unfit.unwrap_err();
    assert!(matches!(unfit, StoreError::Row { index: 2, .. }), "{unfit:?}");
    assert!(unfit.to_string().starts_with("number 3: a key's public id is"), "{unfit}");
    assert!(bench.store.list_keys(PLATFORM, Page::all()).await.unwrap().is_empty());
    let stored = bench.store.import_keys(vec![good, row("b", "sha256:bb")]).await.unwrap();
    assert_eq!(stored.iter().map(|key| &key.public_id[..]).collect::<Vec<_>>(), ["a", "b"]);
    assert!(bench.store.import_keys(Vec::new()).await.unwrap().is_empty());
    assert_eq!(bench.store.list_keys(PLATFORM, Page::all()).await.unwrap(), stored);
}
