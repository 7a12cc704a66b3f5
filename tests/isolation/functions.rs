//! What the functions answer, and to what they have no ear.

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::fixture::{House, Scope, VICTIM, attempt, code};

const ADMIN: Option<&str> = Some("wardgate_admin");

async fn find_keys(client: &Client, public_ids: &[&str], hashes: &[&str], ids: &[&str]) -> Vec<Row> {
    let sql = "SELECT * FROM wardgate_find_keys($1, $2, $3)";
    client
        .query_typed(sql, &[(&public_ids, Type::TEXT_ARRAY), (&hashes, Type::TEXT_ARRAY), (&ids, Type::TEXT_ARRAY)])
        .await
        .unwrap()
}

fn ids(rows: &[Row]) -> Vec<String> {
    let mut ids: Vec<String> = rows.iter().map(|row| row.get("key_id")).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn key_is_found_by_each_of_its_names_once_and_with_its_tenant() {
    let house = House::new().await;
    let proxy = house.connect_as(&house.proxy).await;
    for (public_ids, hashes, named) in [
        (vec!["prefix-victim"], vec![], vec![]),
        (vec![], vec!["sha256:victim"], vec![]),
        (vec![], vec![], vec!["key-victim"]),
        (vec!["prefix-victim", "prefix-victim", "none"], vec!["sha256:victim"], vec!["key-victim", "none"]),
    ] {
        let rows = find_keys(&proxy, &public_ids, &hashes, &named).await;
        assert_eq!(ids(&rows), ["key-victim"]);
        assert_eq!(rows[0].get::<_, &str>("tenant_id"), VICTIM);
        assert_eq!(rows[0].get::<_, &str>("status"), "active");
        assert_eq!(rows[0].get::<_, Vec<String>>("scopes"), ["llm:invoke", "llm:models"]);
        assert_eq!(rows[0].get::<_, serde_json::Value>("policy"), serde_json::json!({}));
    }
    assert!(find_keys(&proxy, &[], &[], &[]).await.is_empty());
}

#[tokio::test]
async fn crowd_behind_one_public_id_is_cut_at_nine_and_leaves_the_others_theirs() {
    let house = House::new().await;
    house
        .database
        .sql("INSERT INTO api_keys (id, tenant_id, key_prefix, hashed_key) SELECT 'c' || n, 'victim', 'crowd', 'h' || n FROM generate_series(1, 100) n")
        .await;
    let proxy = house.connect_as(&house.proxy).await;
    assert_eq!(find_keys(&proxy, &["crowd"], &[], &[]).await.len(), 9);
    let both = find_keys(&proxy, &["crowd", "prefix-victim"], &[], &[]).await;
    assert_eq!(both.len(), 10);
    assert!(ids(&both).contains(&"key-victim".to_owned()));
}

/// Promise S1: arguments are values, whatever they look like.
#[tokio::test]
async fn s01_arguments_with_sql_in_them_find_nothing_and_change_nothing() {
    let house = House::new().await;
    let proxy = house.connect_as(&house.proxy).await;
    let long = "x".repeat(1_000_000);
    let hostile = [
        "' OR '1'='1",
        "'; DROP TABLE tenants; --",
        "%",
        "_",
        "key-%",
        "{key-victim}",
        "$1",
        "",
        "*",
        "\\",
        "\u{202e}",
        &long,
    ];
    let (times, no_keys) =
        (vec![time::OffsetDateTime::UNIX_EPOCH; hostile.len()], find_keys(&proxy, &hostile, &hostile, &hostile));
    assert!(no_keys.await.is_empty());
    let all = hostile.as_slice();
    let texts = |sql: &'static str, count: usize| {
        let arguments = vec![(&all as &(dyn tokio_postgres::types::ToSql + Sync), Type::TEXT_ARRAY); count];
        let proxy = &proxy;
        async move { proxy.query_typed(sql, &arguments).await.unwrap() }
    };
    assert!(texts("SELECT * FROM wardgate_find_tenants($1, $2)", 2).await.is_empty());
    assert!(texts("SELECT * FROM wardgate_ended_users($1)", 1).await.is_empty());
    texts("SELECT wardgate_note_verifiers($1, $2, $3)", 3).await;
    let touch = [(&all as _, Type::TEXT_ARRAY), (&times as _, Type::TIMESTAMPTZ_ARRAY), (&all as _, Type::TEXT_ARRAY)];
    proxy.query_typed("SELECT wardgate_touch_keys($1, $2, $3)", &touch).await.unwrap();
    assert_eq!(house.database.sql("SELECT count(*) FROM tenants").await, [["2"]]);
    assert_eq!(house.database.sql("SELECT count(*) FROM api_keys WHERE last_used_at IS NOT NULL").await, [["0"]]);
    let nulls = proxy.simple_query("SELECT * FROM wardgate_find_keys(NULL, ARRAY[NULL], '{}')").await.unwrap();
    assert_eq!(nulls.len(), 2, "a description and an end");
    let nul =
        proxy.query_typed("SELECT * FROM wardgate_find_tenants($1, $1)", &[(&vec!["a\0b"], Type::TEXT_ARRAY)]).await;
    assert_eq!(code(&nul.unwrap_err()), "22021", "no text of PostgreSQL's holds a NUL");
}

#[tokio::test]
async fn last_use_moves_forward_alone() {
    let house = House::new().await;
    let proxy = house.connect_as(&house.proxy).await;
    let stamp = "SELECT extract(epoch FROM last_used_at)::int, last_used_from FROM api_keys WHERE id = 'key-victim'";
    for (at, from, stands) in [
        ("epoch + 100", "::1", ["100", "::1"]),
        ("epoch + 50", "::2", ["100", "::1"]),
        ("epoch + 100", "::3", ["100", "::1"]),
        ("epoch + 200", "", ["200", "-"]),
    ] {
        let at = at.replace("epoch +", "");
        let sql = format!(
            "SELECT wardgate_touch_keys('{{key-victim,gone}}', ARRAY[to_timestamp({at}), now()], '{{\"{from}\",x}}')"
        );
        proxy.simple_query(&sql).await.unwrap();
        assert_eq!(house.database.sql(stamp).await, [stands], "{sql}");
    }
    for future in ["now() + interval '1 year'", "'infinity'"] {
        let sql = format!("SELECT wardgate_touch_keys('{{key-attacker}}', ARRAY[{future}]::timestamptz[], '{{x}}')");
        proxy.simple_query(&sql).await.unwrap();
        let sane = "SELECT last_used_at <= now() FROM api_keys WHERE id = 'key-attacker'";
        assert_eq!(house.database.sql(sane).await, [["t"]], "{future}");
    }
    let changes = "SELECT count(*) FROM changes WHERE kind = 'key'";
    assert_eq!(house.database.sql(changes).await, [["2"]], "a use is no change");
}

/// Somebody holds one row for long; the others' are noted at once.
#[tokio::test]
async fn one_locked_key_does_not_hold_up_the_others() {
    let house = House::new().await;
    house.database.sql("UPDATE api_keys SET hashed_key = '$2b$10$' || id").await;
    let (holder, proxy) = (house.connect_as(&house.member).await, house.connect_as(&house.proxy).await);
    crate::fixture::begin(&holder, ADMIN, Scope::Of("victim")).await;
    holder.simple_query("SELECT FROM api_keys FOR UPDATE").await.unwrap();
    let verifier = format!("hmac-sha256:p:{}", "a".repeat(64));
    proxy
        .batch_execute(&format!(
            "SET statement_timeout = '5s';
             SELECT wardgate_touch_keys('{{key-victim,key-attacker}}', ARRAY[now(), now()], '{{x,x}}');
             SELECT wardgate_note_verifiers('{{key-victim,key-attacker}}', '{{$2b$10$key-victim,$2b$10$key-attacker}}',
                '{{{verifier},{verifier}}}')"
        ))
        .await
        .unwrap();
    let noted = "SELECT id FROM api_keys WHERE last_used_from = 'x' AND verifier IS NOT NULL";
    assert_eq!(house.database.sql(noted).await, [["key-attacker"]]);
}

#[tokio::test]
async fn verifier_stands_beside_the_bcrypt_hash_that_it_was_made_for_alone() {
    let house = House::new().await;
    house.database.sql("UPDATE api_keys SET hashed_key = '$2b$10$x' WHERE id = 'key-victim'").await;
    let proxy = house.connect_as(&house.proxy).await;
    let verifier = |pepper: &str, digit: &str| format!("hmac-sha256:{pepper}:{}", digit.repeat(64));
    let (first, again, other) = (verifier("p1", "a"), verifier("p1", "b"), verifier("p2", "c"));
    let none = "-".to_owned();
    for (id, hash, noted, stands) in [
        ("key-victim", "$2b$10$y", &first, &none),
        ("key-attacker", "sha256:attacker", &first, &none),
        ("key-victim", "$2b$10$x", &"hmac-sha256:p1:short".to_owned(), &none),
        ("key-victim", "$2b$10$x", &"sha256:anything".to_owned(), &none),
        ("key-victim", "$2b$10$x", &first, &first),
        ("key-victim", "$2b$10$x", &again, &first),
        ("key-victim", "$2b$10$x", &other, &other),
    ] {
        let sql = "SELECT wardgate_note_verifiers($1, $2, $3)";
        let arguments = [vec![id], vec![hash], vec![noted.as_str()]];
        let typed = arguments.each_ref().map(|argument| (argument as _, Type::TEXT_ARRAY));
        proxy.query_typed(sql, &typed).await.unwrap();
        let found = house.database.sql(&format!("SELECT verifier FROM api_keys WHERE id = '{id}'")).await;
        assert_eq!(&found[0][0], stands, "{id} {hash} {noted}");
    }
    house.database.sql("UPDATE api_keys SET name = 'x' WHERE id = 'key-victim'").await;
    let found = "SELECT verifier FROM api_keys WHERE id = 'key-victim'";
    assert_eq!(house.database.sql(found).await, [[other.as_str()]]);
    house.database.sql("UPDATE api_keys SET hashed_key = '$2b$10$z' WHERE id = 'key-victim'").await;
    assert_eq!(house.database.sql(found).await, [["-"]], "another hash, another verifier");
    let both = format!("UPDATE api_keys SET hashed_key = '$2b$10$q', verifier = '{first}' WHERE id = 'key-victim'");
    house.database.sql(&both).await;
    assert_eq!(house.database.sql(found).await, [[first.as_str()]]);
}

#[tokio::test]
async fn epoch_counts_what_changes_in_a_tenant_unless_it_is_set() {
    let house = House::new().await;
    for (set, epoch) in [
        ("name = 'x'", "1"),
        ("name = 'x'", "1"),
        ("version = version + 1", "1"),
        ("status = 'suspended', policy = '{\"scan_mode\":\"flag\"}'", "2"),
        ("status = 'active', epoch = 40", "40"),
        ("db_schema_name = NULL", "41"),
    ] {
        let sql = format!("UPDATE tenants SET {set} WHERE id = 'victim' RETURNING epoch");
        assert_eq!(house.database.sql(&sql).await, [[epoch]], "{set}");
    }
}

#[tokio::test]
async fn tenants_schema_is_made_once_and_is_nobody_elses() {
    let house = House::new().await;
    let admin = house.connect_as(&house.member).await;
    let schemas = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'schema_victim'";
    for _ in 0..2 {
        admin
            .batch_execute("BEGIN; SET LOCAL ROLE wardgate_admin; SELECT wardgate_provision_schema('victim'); COMMIT")
            .await
            .unwrap();
        assert_eq!(house.database.sql(schemas).await, [["wardgate tenant victim"]]);
    }
    let drop = "SELECT wardgate_drop_schema('victim')";
    assert_eq!(attempt(&admin, ADMIN, Scope::Unset, drop).await.unwrap_err(), "55000", "the tenant is not deleted");
    house
        .database
        .sql("CREATE TABLE schema_victim.notes (x text); UPDATE tenants SET status = 'deleted' WHERE id = 'victim'")
        .await;
    let provision = "SELECT wardgate_provision_schema('victim')";
    assert_eq!(attempt(&admin, ADMIN, Scope::Unset, provision).await.unwrap_err(), "3F000", "the tenant is deleted");
    for _ in 0..2 {
        admin.batch_execute(&format!("BEGIN; SET LOCAL ROLE wardgate_admin; {drop}; COMMIT")).await.unwrap();
        assert!(house.database.sql(schemas).await.is_empty());
    }
}

#[tokio::test]
async fn schema_of_somebody_elses_is_neither_taken_nor_dropped() {
    let house = House::new().await;
    let admin = house.connect_as(&house.member).await;
    let (ours, theirs) = ("wardgate_owner", house.careless.as_str());
    for (comment, owner) in [
        ("NULL", ours),
        ("'wardgate tenant attacker'", ours),
        ("'something'", ours),
        ("'wardgate tenant victim'", theirs),
    ] {
        house
            .database
            .sql(&format!(
                "DROP SCHEMA IF EXISTS schema_victim; CREATE SCHEMA schema_victim AUTHORIZATION {owner};
                 COMMENT ON SCHEMA schema_victim IS {comment}"
            ))
            .await;
        let outcome = attempt(&admin, ADMIN, Scope::Unset, "SELECT wardgate_provision_schema('victim')").await;
        assert_eq!(outcome.unwrap_err(), "42P06", "{comment}");
        house.database.sql("UPDATE tenants SET status = 'deleted' WHERE id = 'victim'").await;
        let refused = admin
            .batch_execute("BEGIN; SET LOCAL ROLE wardgate_admin; SELECT wardgate_drop_schema('victim'); COMMIT")
            .await
            .unwrap_err();
        assert_eq!(code(&refused), "WG001", "{comment}");
        let told = refused.as_db_error().unwrap().message();
        assert!(told.starts_with("the schema schema_victim was not made for this tenant: drop or rename it"), "{told}");
        admin.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(
            house.database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'schema_victim'").await,
            [["1"]]
        );
        house.database.sql("UPDATE tenants SET status = 'active' WHERE id = 'victim'").await;
    }
    house.database.sql("UPDATE tenants SET status = 'deleted', db_schema_name = 'public' WHERE id = 'victim'").await;
    assert!(attempt(&admin, ADMIN, Scope::Unset, "SELECT wardgate_drop_schema('victim')").await.is_ok());
}

#[tokio::test]
async fn schema_name_that_is_the_systems_or_needs_quotes_is_not_made() {
    let house = House::new().await;
    let admin = house.connect_as(&house.member).await;
    let long = "x".repeat(64);
    for name in [
        "public",
        "information_schema",
        "pg_catalog",
        "pg_toast",
        "pg_x",
        "A",
        "a-b",
        "1a",
        "a\"; DROP SCHEMA public; --",
        "",
        &long,
    ] {
        house.database.sql(&format!("UPDATE tenants SET db_schema_name = '{name}' WHERE id = 'victim'")).await;
        let outcome = attempt(&admin, ADMIN, Scope::Unset, "SELECT wardgate_provision_schema('victim')").await;
        assert_eq!(outcome.unwrap_err(), "3F000", "{name:?}");
    }
    let longest = "x".repeat(63);
    house.database.sql(&format!("UPDATE tenants SET db_schema_name = '{longest}' WHERE id = 'victim'")).await;
    let provision = "SELECT wardgate_provision_schema('victim')";
    assert!(attempt(&admin, ADMIN, Scope::Unset, provision).await.is_ok());
    for tenant in ["nobody", "", "*", "' OR '1'='1"] {
        let sql = format!("SELECT wardgate_provision_schema('{}')", tenant.replace('\'', "''"));
        assert_eq!(attempt(&admin, ADMIN, Scope::Unset, &sql).await.unwrap_err(), "3F000", "{tenant:?}");
    }
}

/// A tenant's log-out denies a token without a look at the list of all tenants'.
#[tokio::test]
async fn token_is_revoked_in_a_tenants_own_scope_and_keeps_its_later_end() {
    let house = House::new().await;
    let admin = house.connect_as(&house.member).await;
    house.database.sql("INSERT INTO revoked_tokens VALUES ('over', now() - interval '1 second')").await;
    for hours in [2, 1] {
        let sql = format!("SELECT wardgate_revoke_token('new', date_trunc('day', now()) + interval '{hours} days')");
        crate::fixture::begin(&admin, ADMIN, Scope::Of("attacker")).await;
        admin.simple_query(&sql).await.unwrap();
        assert!(crate::postgres::cells(&admin, "SELECT jti FROM revoked_tokens").await.unwrap().is_empty());
        admin.simple_query("COMMIT").await.unwrap();
    }
    let stands =
        "SELECT expires_at = date_trunc('day', now()) + interval '2 days' FROM revoked_tokens WHERE jti = 'new'";
    assert_eq!(house.database.sql(stands).await, [["t"]]);
    assert_eq!(
        house.database.sql("SELECT count(*) FROM revoked_tokens WHERE jti = 'over'").await,
        [["0"]],
        "forgotten"
    );
    assert_eq!(house.database.sql("SELECT count(*) FROM changes WHERE id = 'new'").await, [["1"]], "announced once");
    let proxy = house.connect_as(&house.proxy).await;
    let mut denied = crate::postgres::cells(&proxy, "SELECT * FROM wardgate_revoked_tokens()").await.unwrap().concat();
    denied.sort();
    assert_eq!(denied, ["jti-attacker", "jti-victim", "new"]);
}

#[tokio::test]
async fn ended_users_are_those_who_exist_and_are_not_active() {
    let house = House::new().await;
    let proxy = house.connect_as(&house.proxy).await;
    let ended = "SELECT * FROM wardgate_ended_users('{user-victim,user-attacker,gone}')";
    assert!(crate::postgres::cells(&proxy, ended).await.unwrap().is_empty());
    house.database.sql("UPDATE users SET status = 'disabled' WHERE id = 'user-victim'").await;
    assert_eq!(crate::postgres::cells(&proxy, ended).await.unwrap(), [["user-victim"]]);
}

#[tokio::test]
async fn one_schema_is_one_tenants() {
    let house = House::new().await;
    let admin = house.connect_as(&house.member).await;
    let sql = "UPDATE tenants SET db_schema_name = 'schema_victim' WHERE id = 'attacker'";
    assert_eq!(attempt(&admin, ADMIN, Scope::Of("*"), sql).await.unwrap_err(), "23505");
    house.database.sql("UPDATE tenants SET db_schema_name = NULL").await;
}
