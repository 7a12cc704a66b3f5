//! A tenant made in steps, and unmade.

use super::*;

on_each_engine! {
    tenant_waits_until_it_is_provisioned_and_is_then_active_for_good,
    provisioning_goes_on_where_an_earlier_attempt_stopped,
    only_what_waits_is_activated,
    schema_is_one_tenants_alone,
    purge_removes_what_a_deleted_tenant_has_and_keeps_its_name,
    tenant_that_is_not_deleted_is_not_purged,
    epoch_grows_with_every_change_of_the_tenant_and_with_no_other,
}

async fn tenant_waits_until_it_is_provisioned_and_is_then_active_for_good(bench: Bench) {
    let made = bench.store.create_tenant(new_tenant("acme"), None).await.unwrap().into_inner();
    assert_eq!((made.status, made.version), (TenantStatus::PendingProvisioning, 1));
    assert_eq!(made.db_schema_name.as_deref(), Some("tenant_acme"));
    let ready = bench.store.provision_tenant(&made.id).await.unwrap();
    assert_eq!((ready.status, ready.version), (TenantStatus::Active, 2));
    assert_eq!(bench.store.provision_tenant(&made.id).await.unwrap(), ready, "the same again is no change");
    let nobody = TenantId::parse("nobody").unwrap();
    assert!(matches!(bench.store.provision_tenant(&nobody).await, Err(StoreError::NotFound("tenant"))));
}

async fn provisioning_goes_on_where_an_earlier_attempt_stopped(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    // The schema is there, and the process died before it said so.
    bench.by_hand("UPDATE tenants SET status = 'pending_provisioning'").await;
    let ready = bench.store.provision_tenant(&tenant.id).await.unwrap();
    assert_eq!((ready.status, &ready.db_schema_name), (TenantStatus::Active, &tenant.db_schema_name));
}

async fn only_what_waits_is_activated(bench: Bench) {
    for status in [TenantStatus::Suspended, TenantStatus::Deleted] {
        let tenant = bench.tenant(status.as_str()).await;
        let stands = bench.set_status(tenant.id.as_str(), status).await.unwrap();
        assert_eq!(bench.store.provision_tenant(&tenant.id).await.unwrap(), stands);
    }
}

async fn schema_is_one_tenants_alone(bench: Bench) {
    let first = bench.tenant("acme-2").await;
    // Another slug, and the name that is made of it is the same.
    let Err(StoreError::Conflict(told)) = bench.store.create_tenant(new_tenant("acme_2"), None).await else {
        panic!("two tenants share a schema")
    };
    assert_eq!(told, "the schema name `tenant_acme_2` is taken: name another with --schema");
    let named = |schema: &str| {
        let slug = Slug::parse("acme_2").unwrap();
        NewTenant::new("Acme".into(), slug, Some(schema.to_owned()), TenantPolicy::default()).unwrap()
    };
    let second = bench.store.create_tenant(named("acme_two"), None).await.unwrap().into_inner();
    let second = bench.store.provision_tenant(&second.id).await.unwrap();
    assert_eq!(second.db_schema_name.as_deref(), Some("acme_two"));
    assert_eq!(first.db_schema_name.as_deref(), Some("tenant_acme_2"));
}

async fn purge_removes_what_a_deleted_tenant_has_and_keeps_its_name(bench: Bench) {
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    let key = bench.key(&acme, "wgk_a", "sha256:aa").await;
    let user = bench.user(&acme, "ada@example.com").await;
    let first = NewRefresh {
        id: "r0".into(),
        family: "f".into(),
        user: user.id.clone(),
        tenant: acme.id.clone(),
        user_version: user.version,
        expires_at: Timestamp::now().after(Duration::from_secs(60)),
    };
    bench.store.start_session(first).await.unwrap();
    let (others_key, others_user) =
        (bench.key(&other, "wgk_b", "sha256:bb").await, bench.user(&other, "bob@example.com").await);
    bench.set_status("acme", TenantStatus::Deleted).await.unwrap();
    let mut reader = bench.reader().await;
    bench.store.purge_tenant(&acme.id).await.unwrap();
    let news = reader.news().await;
    for gone in [(ChangeKind::Key, key.id), (ChangeKind::User, user.id)] {
        assert!(news.contains(&gone), "{gone:?}");
    }
    assert_eq!(bench.store.list_keys(PLATFORM, Page::all()).await.unwrap(), [others_key]);
    assert_eq!(bench.store.list_users(PLATFORM, Page::all()).await.unwrap(), [others_user]);
    assert_eq!(bench.count("refresh_tokens").await, 0);
    let left = bench.store.tenant(PLATFORM, "acme").await.unwrap();
    assert_eq!((left.status, left.db_schema_name.as_deref()), (TenantStatus::Deleted, None));
    bench.store.purge_tenant(&acme.id).await.unwrap();
    assert_eq!(bench.store.tenant(PLATFORM, "acme").await.unwrap(), left, "said twice is no mistake");
    let again = bench.store.create_tenant(new_tenant("acme"), None).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "the slug is kept: {again:?}");
}

async fn tenant_that_is_not_deleted_is_not_purged(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let key = bench.key(&tenant, "wgk_a", "sha256:aa").await;
    for status in [TenantStatus::Active, TenantStatus::Suspended] {
        bench.set_status("acme", status).await.unwrap();
        let refused = bench.store.purge_tenant(&tenant.id).await;
        assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    }
    let nobody = TenantId::parse("nobody").unwrap();
    assert!(matches!(bench.store.purge_tenant(&nobody).await, Err(StoreError::NotFound("tenant"))));
    assert_eq!(bench.store.key(PLATFORM, &key.id).await.unwrap().id, key.id);
}

async fn epoch_grows_with_every_change_of_the_tenant_and_with_no_other(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let epoch = async || bench.store.tenant(PLATFORM, tenant.id.as_str()).await.unwrap().epoch;
    let mut last = epoch().await;
    let policy = TenantPolicy { scan_mode: Some(ScanMode::Flag), ..TenantPolicy::default() };
    for update in [
        TenantUpdate { name: Some("Acme II".into()), ..TenantUpdate::default() },
        TenantUpdate { policy: Some(policy), ..TenantUpdate::default() },
        TenantUpdate { status: Some(TenantStatus::Suspended), ..TenantUpdate::default() },
        TenantUpdate { status: Some(TenantStatus::Active), ..TenantUpdate::default() },
    ] {
        bench.store.update_tenant("acme", update.clone(), None).await.unwrap();
        let now = epoch().await;
        assert!(now > last, "{update:?}: {last} to {now}");
        last = now;
    }
    for by_hand in ["slug = 'acme-2'", "db_schema_name = 'elsewhere'", "epoch = epoch + 7"] {
        bench.by_hand(&format!("UPDATE tenants SET {by_hand}")).await;
        let now = epoch().await;
        assert!(now > last, "{by_hand}: {last} to {now}");
        last = now;
    }
    let (key, user) = (bench.key(&tenant, "wgk_a", "sha256:aa").await, bench.user(&tenant, "ada@example.com").await);
    let used = KeyUse { id: key.id.clone(), at: Timestamp(100), from: String::new() };
    bench.store.touch_keys(vec![used]).await.unwrap();
    bench.store.note_login(&tenant.id, &user.id, Timestamp(100)).await.unwrap();
    bench.store.revoke_key(PLATFORM, &key.id, None).await.unwrap();
    bench.by_hand("UPDATE tenants SET version = version + 1").await;
    let same = TenantUpdate { status: Some(TenantStatus::Active), ..TenantUpdate::default() };
    bench.store.update_tenant(tenant.id.as_str(), same, None).await.unwrap();
    assert_eq!(epoch().await, last);
}
