//! Users: found, made, changed, and logged out by their changes.

use super::*;

on_each_engine! {
    user_comes_back_as_it_went_in,
    user_is_found_by_tenant_and_address_and_in_no_other_tenant,
    user_row_that_does_not_parse_is_refused_and_named,
    address_is_one_users_in_its_tenant_and_free_in_another,
    user_for_no_tenant_or_a_deleted_one_or_with_unfit_parts_is_refused,
    user_update_changes_what_it_names_alone_and_counts_up,
    login_is_noted_never_moves_back_and_counts_as_no_change,
    disabling_a_new_password_and_other_scopes_end_every_session_of_the_user_alone,
    other_changes_leave_sessions_alone,
    stale_update_ends_no_session,
}

async fn user_comes_back_as_it_went_in(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let new = NewUser { scopes: Scopes::new(["tenant:admin"]).unwrap(), ..new_user(&tenant, "Ada@Example.com") };
    let made = bench.store.create_user(new.clone(), None).await.unwrap().into_inner();
    assert_eq!((made.email.as_str(), &made.name[..]), ("ada@example.com", "Ada"));
    assert_eq!((&made.hashed_password, &made.scopes), (&new.hashed_password, &new.scopes));
    assert_eq!((made.status, made.last_login_at, made.version), (UserStatus::Active, None, 1));
    assert_eq!(made.tenant, tenant);
    assert_eq!(bench.store.user(PLATFORM, &made.id).await.unwrap(), made);
    assert!(matches!(bench.store.user(PLATFORM, "nobody").await, Err(StoreError::NotFound("user"))));
}

async fn user_is_found_by_tenant_and_address_and_in_no_other_tenant(bench: Bench) {
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    let ada = bench.user(&acme, "ada@example.com").await;
    let address = Email::parse("ADA@example.com").unwrap();
    let before = bench.store.lookups();
    for name in ["acme", acme.id.as_str()] {
        assert_eq!(bench.store.find_user(name, &address).await.unwrap().as_ref(), Some(&ada));
    }
    for name in ["other", other.id.as_str(), "nobody", "", "acme\0", "' OR 1=1 --"] {
        assert_eq!(bench.store.find_user(name, &address).await.unwrap(), None, "{name:?}");
    }
    let stranger = Email::parse("%@example.com").unwrap();
    assert_eq!(bench.store.find_user("acme", &stranger).await.unwrap(), None);
    assert_eq!(bench.store.lookups(), before + 9);
}

async fn user_row_that_does_not_parse_is_refused_and_named(bench: Bench) {
    for (damage, column) in [
        ("UPDATE users SET id = 'a\rb'", "user_id"),
        ("UPDATE users SET scopes = LIST", "scopes"),
        ("UPDATE users SET status = 'super'", "user_status"),
        ("UPDATE users SET version = -1", "user_version"),
        ("UPDATE tenants SET slug = 'A B'", "slug"),
    ] {
        let bench = bench.another().await;
        let tenant = bench.tenant("acme").await;
        let user = bench.user(&tenant, "ada@example.com").await;
        bench.damage(damage).await;
        match bench.store.find_user(tenant.id.as_str(), &user.email).await {
            Err(StoreError::Corrupt { column: told, .. }) => assert_eq!(told, column, "{damage}"),
            other => panic!("{damage}: {other:?}"),
        }
    }
}

async fn address_is_one_users_in_its_tenant_and_free_in_another(bench: Bench) {
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    bench.user(&acme, "ada@example.com").await;
    let again = bench.store.create_user(new_user(&acme, "ADA@example.com"), None).await;
    let Err(StoreError::Conflict(told)) = again else { panic!("two users have one address") };
    assert_eq!(told, "a user of the tenant `acme` has this e-mail address already");
    bench.user(&other, "ada@example.com").await;
}

async fn user_for_no_tenant_or_a_deleted_one_or_with_unfit_parts_is_refused(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let good = new_user(&tenant, "ada@example.com");
    for wrong in [
        NewUser { name: "a\nb".into(), ..good.clone() },
        NewUser { hashed_password: String::new(), ..good.clone() },
        NewUser { hashed_password: "pass word".into(), ..good.clone() },
    ] {
        assert!(matches!(bench.store.create_user(wrong, None).await, Err(StoreError::Invalid(_))));
    }
    let orphan = NewUser { tenant: TenantId::parse("nobody").unwrap(), ..good.clone() };
    assert!(matches!(bench.store.create_user(orphan, None).await, Err(StoreError::NotFound("tenant"))));
    bench.set_status("acme", TenantStatus::Deleted).await.unwrap();
    assert!(matches!(bench.store.create_user(good, None).await, Err(StoreError::Conflict(_))));
}

async fn user_update_changes_what_it_names_alone_and_counts_up(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let made = bench.user(&tenant, "ada@example.com").await;
    let update =
        async |update, expected| bench.store.update_user(PLATFORM, &made.id, update, expected, Timestamp(0)).await;
    let rename = UserUpdate { name: Some("Ada L.".into()), ..UserUpdate::default() };
    let renamed = update(rename.clone(), Some(1)).await.unwrap();
    assert_eq!(renamed, UserRecord { name: "Ada L.".into(), version: 2, ..made.clone() });
    assert!(matches!(update(rename.clone(), Some(1)).await, Err(StoreError::Stale)));
    assert_eq!(update(rename, Some(2)).await.unwrap(), renamed, "the same again is no change");
    let scopes = Scopes::new(["keys:read"]).unwrap();
    let more = UserUpdate {
        scopes: Some(scopes.clone()),
        status: Some(UserStatus::Disabled),
        hashed_password: Some("$2b$04$new".into()),
        ..UserUpdate::default()
    };
    let changed = update(more, None).await.unwrap();
    let (hashed_password, status) = ("$2b$04$new".to_owned(), UserStatus::Disabled);
    assert_eq!(changed, UserRecord { scopes, hashed_password, status, version: 3, ..renamed });
    let unfit = UserUpdate { hashed_password: Some("a b".into()), ..UserUpdate::default() };
    assert!(matches!(update(unfit, None).await, Err(StoreError::Invalid(_))));
    let absent = bench.store.update_user(PLATFORM, "nobody", UserUpdate::default(), None, Timestamp(0)).await;
    assert!(matches!(absent, Err(StoreError::NotFound("user"))));
}

async fn login_is_noted_never_moves_back_and_counts_as_no_change(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let user = bench.user(&tenant, "ada@example.com").await;
    for at in [100, 50] {
        bench.store.note_login(&tenant.id, &user.id, Timestamp(at)).await.unwrap();
        let noted = bench.store.user(PLATFORM, &user.id).await.unwrap();
        assert_eq!((noted.last_login_at, noted.version), (Some(Timestamp(100)), 1));
    }
    bench.store.note_login(&tenant.id, "nobody", Timestamp(1)).await.unwrap();
}

async fn disabling_a_new_password_and_other_scopes_end_every_session_of_the_user_alone(bench: Bench) {
    let disabling = UserUpdate { status: Some(UserStatus::Disabled), ..UserUpdate::default() };
    let password = UserUpdate { hashed_password: Some("$2b$04$new".into()), ..UserUpdate::default() };
    let scopes = UserUpdate { scopes: Some(Scopes::default()), ..UserUpdate::default() };
    for update in [disabling, password, scopes] {
        let (bench, now) = (bench.another().await, Timestamp::now());
        let tenant = bench.tenant("acme").await;
        let (ada, bob) = (bench.user(&tenant, "ada@example.com").await, bench.user(&tenant, "bob@example.com").await);
        log_in(&bench, &ada, &["ada-1", "ada-2"]).await;
        log_in(&bench, &bob, &["bob-1"]).await;
        let until = now.after(Duration::from_secs(900));
        bench.store.update_user(PLATFORM, &ada.id, update, None, until).await.unwrap();
        assert_eq!(bench.denied_in(0).await, ["ada-1", "ada-2"]);
        assert!(bench.denied_in(901).await.is_empty(), "no access token is good any longer");
        assert_eq!(refresh(&bench, &tenant.id, "ada-1", now).await, Refreshed::Refused);
        assert!(matches!(refresh(&bench, &tenant.id, "bob-1", now).await, Refreshed::Done { .. }));
    }
}

async fn other_changes_leave_sessions_alone(bench: Bench) {
    let now = Timestamp::now();
    let tenant = bench.tenant("acme").await;
    let ada = bench.user(&tenant, "ada@example.com").await;
    log_in(&bench, &ada, &["ada-1"]).await;
    let update = UserUpdate {
        name: Some("Ada L.".into()),
        scopes: Some(ada.scopes.clone()),
        status: Some(UserStatus::Active),
        hashed_password: None,
    };
    bench.store.update_user(PLATFORM, &ada.id, update, None, now.after(Duration::from_secs(900))).await.unwrap();
    assert!(bench.denied_in(0).await.is_empty());
    assert!(matches!(refresh(&bench, &tenant.id, "ada-1", now).await, Refreshed::Done { .. }));
}

async fn stale_update_ends_no_session(bench: Bench) {
    let now = Timestamp::now();
    let tenant = bench.tenant("acme").await;
    let ada = bench.user(&tenant, "ada@example.com").await;
    log_in(&bench, &ada, &["ada-1"]).await;
    let update = UserUpdate { status: Some(UserStatus::Disabled), ..UserUpdate::default() };
    let stale = bench.store.update_user(PLATFORM, &ada.id, update, Some(7), now.after(Duration::from_secs(900))).await;
    assert!(matches!(stale, Err(StoreError::Stale)));
    assert!(bench.denied_in(0).await.is_empty());
}

/// One session for each name; its first refresh token bears it too.
async fn log_in(bench: &Bench, user: &UserRecord, names: &[&str]) {
    for &name in names {
        let first = NewRefresh {
            id: name.to_owned(),
            family: name.to_owned(),
            user: user.id.clone(),
            tenant: user.tenant.id.clone(),
            user_version: bench.store.user(PLATFORM, &user.id).await.unwrap().version,
            expires_at: Timestamp::now().after(Duration::from_secs(3600)),
        };
        bench.store.start_session(first).await.unwrap();
    }
}

async fn refresh(bench: &Bench, tenant: &TenantId, id: &str, now: Timestamp) -> Refreshed {
    let next = Successor { id: format!("{id}-next"), expires_at: now.after(Duration::from_secs(3600)) };
    bench.store.refresh(tenant, id, next, now, Duration::ZERO, now).await.unwrap()
}
