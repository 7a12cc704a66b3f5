//! The feed of changes misses nothing, whatever the order in which transactions end, and holds nobody up.

use std::time::Duration;

use tokio_postgres::{AsyncMessage, Client, NoTls};

use crate::fixture::{House, migrated};
use crate::postgres::{Database, cells, connect};

/// What `wardgate_changes` answers: where to go on, whether the reader's place was known, and the ids of what changed.
async fn changes(client: &Client, since: Option<&str>, rows_max: i32) -> (String, bool, Vec<String>) {
    let rows = client.query("SELECT * FROM wardgate_changes($1, $2)", &[&since, &rows_max]).await.unwrap();
    let ids = rows.iter().filter_map(|row| row.get::<_, Option<String>>("id")).collect();
    assert!(rows.iter().all(|row| row.get::<_, Option<f64>>("age").is_none_or(|age| (0.0..60.0).contains(&age))));
    (rows[0].get("next"), rows[0].get("known"), ids)
}

/// A place before every transaction, in this history.
async fn beginning(client: &Client) -> String {
    let (next, ..) = changes(client, None, 1).await;
    format!("1:1:  {}", next.rsplit(' ').next().unwrap())
}

fn insert(id: &str) -> String {
    format!("INSERT INTO tenants (id, slug, name, status) VALUES ('{id}', '{id}', '{id}', 'active')")
}

/// A reader that goes on behind the highest number it has seen would never see `slow`: its number is lower, and it ends
/// later.
#[tokio::test]
async fn change_that_is_numbered_early_and_ends_late_is_not_missed() {
    let database = migrated().await;
    let [reader, slow, quick] =
        [connect(&database.url()).await, connect(&database.url()).await, connect(&database.url()).await];
    let (begin, known, ids) = changes(&reader, None, 100).await;
    assert_eq!((known, ids), (false, vec![]));
    slow.simple_query("BEGIN").await.unwrap();
    slow.simple_query(&insert("slow")).await.unwrap();
    quick.simple_query(&insert("quick")).await.unwrap();
    let (next, known, ids) = changes(&reader, Some(&begin), 100).await;
    assert_eq!((known, ids), (true, vec!["quick".to_owned()]));
    slow.simple_query("COMMIT").await.unwrap();
    let (next, known, ids) = changes(&reader, Some(&next), 100).await;
    assert_eq!((known, ids), (true, vec!["slow".to_owned()]), "and the quick one does not come again");
    assert_eq!(changes(&reader, Some(&next), 100).await.2, [""; 0]);
}

/// Many writers whose transactions end in any order, and one reader beside them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "the writers are tasks of the test")]
async fn reader_beside_many_writers_hears_of_every_change() {
    let database = migrated().await;
    let reader = connect(&database.url()).await;
    let (mut next, ..) = changes(&reader, None, 1000).await;
    let mut writers = Vec::new();
    for writer in 0..8 {
        let client = connect(&database.url()).await;
        writers.push(tokio::spawn(async move {
            for round in 0..12 {
                let (sql, nap) = (insert(&format!("t{writer}-{round}")), (writer * 7 + round * 3) % 11);
                let end = if round % 4 == 3 { "ROLLBACK" } else { "COMMIT" };
                client.batch_execute(&format!("BEGIN; {sql}; SELECT pg_sleep(0.00{nap:02}); {end}")).await.unwrap();
            }
        }));
    }
    let mut heard = std::collections::BTreeSet::new();
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        let (then, known, ids) = changes(&reader, Some(&next), 1000).await;
        assert!(known);
        next = then;
        heard.extend(ids);
    }
    heard.extend(changes(&reader, Some(&next), 1000).await.2);
    let all = database.sql("SELECT id FROM tenants").await.concat();
    assert_eq!(all.len(), 8 * 9);
    assert_eq!(heard, all.into_iter().collect());
}

#[tokio::test]
async fn place_of_another_database_is_not_known() {
    let database = migrated().await;
    database.sql(&insert("a")).await;
    let reader = connect(&database.url()).await;
    let (next, ..) = changes(&reader, None, 10).await;
    let [seen, last, line] = <[&str; 3]>::try_from(next.split(' ').collect::<Vec<_>>()).unwrap();
    let (number, transaction) = last.split_once(':').unwrap();
    let other_line = line.replacen(':', ":0", 1);
    for since in [
        None,
        // Transactions that are still to come, a newest change that is not here or is another's, another history.
        Some(format!("90000000000:90000000000: {last} {line}")),
        Some(format!("{seen} {number}9:{transaction} {line}")),
        Some(format!("{seen} {number}:{transaction}9 {line}")),
        Some(format!("{seen} {last} {other_line}")),
        Some(seen.to_owned()),
    ] {
        let (_, known, ids) = changes(&reader, since.as_deref(), 10).await;
        assert_eq!((known, ids), (false, vec![]), "{since:?}");
    }
    assert!(changes(&reader, Some(&next), 10).await.1);
}

#[tokio::test]
async fn answer_is_as_long_as_the_reader_can_take() {
    let database = migrated().await;
    database
        .sql("INSERT INTO tenants (id, slug, name, status) SELECT n, n, n, 'active' FROM generate_series(1, 30) n")
        .await;
    let reader = connect(&database.url()).await;
    let (_, known, ids) = changes(&reader, Some(&beginning(&reader).await), 7).await;
    assert_eq!((known, ids.len()), (true, 7));
    assert_eq!(ids[0], "1", "the oldest first");
}

async fn announced(database: &Database, sql: &str) -> Vec<Vec<String>> {
    database.sql("DELETE FROM changes").await;
    database.sql(sql).await;
    database.sql("SELECT kind, id FROM changes ORDER BY seq").await
}

#[tokio::test]
async fn whatever_changes_by_whoevers_hand_is_announced() {
    let house = House::new().await;
    for (sql, told) in [
        ("UPDATE tenants SET name = 'x' WHERE id = 'victim'", vec![["tenant", "victim"]]),
        ("UPDATE tenants SET epoch = 9 WHERE id = 'victim'", vec![["tenant", "victim"]]),
        ("UPDATE tenants SET version = 9 WHERE id = 'victim'", vec![]),
        ("UPDATE api_keys SET revoked_at = now() WHERE id = 'key-victim'", vec![["key", "key-victim"]]),
        ("UPDATE api_keys SET last_used_at = now(), last_used_from = 'x', verifier = NULL, version = 7", vec![]),
        ("UPDATE api_keys SET canary = true WHERE id = 'key-victim'", vec![["key", "key-victim"]]),
        ("UPDATE api_keys SET id = 'new' WHERE id = 'key-victim'", vec![["key", "key-victim"], ["key", "new"]]),
        ("DELETE FROM api_keys WHERE id = 'new'", vec![["key", "new"]]),
        ("UPDATE users SET status = 'disabled' WHERE id = 'user-victim'", vec![["user", "user-victim"]]),
        ("UPDATE users SET last_login_at = now(), version = 2", vec![]),
        ("INSERT INTO revoked_tokens VALUES ('t', now())", vec![["token", "t"]]),
        ("DELETE FROM revoked_tokens", vec![]),
        ("DELETE FROM users WHERE id = 'user-victim'", vec![["user", "user-victim"]]),
        (
            "INSERT INTO users (id, tenant_id, email, hashed_password) VALUES ('u', 'victim', 'e', 'h')",
            vec![["user", "u"]],
        ),
        (
            "DELETE FROM users WHERE id = 'u'; DELETE FROM tenants WHERE id = 'victim'",
            vec![["user", "u"], ["tenant", "victim"]],
        ),
    ] {
        let mut heard = announced(&house.database, sql).await;
        heard.sort();
        let mut told: Vec<Vec<String>> = told.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
        told.sort();
        assert_eq!(heard, told, "{sql}");
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the connection is a task of the test")]
async fn listener_is_woken_when_the_transaction_ends() {
    let house = House::new().await;
    let (client, mut connection) =
        tokio_postgres::connect(&house.database.url_as(&house.proxy, "secret"), NoTls).await.unwrap();
    let (heard, mut woken) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message {
                heard.send((notification.channel().to_owned(), notification.payload().to_owned())).unwrap();
            }
        }
    });
    client.simple_query("LISTEN wardgate_changes").await.unwrap();
    house.database.sql("UPDATE tenants SET name = 'x'").await;
    let woken = tokio::time::timeout(Duration::from_secs(5), woken.recv()).await.unwrap();
    assert_eq!(woken.unwrap(), ("wardgate_changes".to_owned(), String::new()), "it says that, and not what");
}

#[tokio::test]
async fn feed_forgets_what_is_older_than_a_day_and_waits_for_nobody() {
    let database = migrated().await;
    let fill = "INSERT INTO tenants (id, slug, name, status) SELECT n, n, n, 'active' FROM generate_series($1, $2) n";
    let fill = |from: i32, to: i32| fill.replace("$1", &from.to_string()).replace("$2", &to.to_string());
    database.sql(&fill(1, 100)).await;
    database.sql("UPDATE changes SET announced_at = now() - interval '25 hours' WHERE seq <= 90").await;
    let holder = connect(&database.url()).await;
    holder.batch_execute("BEGIN; SELECT * FROM changes WHERE seq <= 10 FOR UPDATE").await.unwrap();
    database.sql(&format!("SET lock_timeout = '2s'; {}", fill(101, 130))).await;
    let left = "SELECT count(*) FILTER (WHERE seq <= 10), count(*) FILTER (WHERE seq BETWEEN 11 AND 90), count(*) FROM changes";
    assert_eq!(database.sql(left).await, [["10", "0", "50"]], "the held ones stay for the next time");
    holder.batch_execute("ROLLBACK").await.unwrap();
    database.sql(&fill(131, 260)).await;
    assert_eq!(database.sql(left).await, [["0", "0", "170"]]);
}

#[tokio::test]
async fn table_is_not_emptied_past_the_feed() {
    let house = House::new().await;
    let client = connect(&house.database.url()).await;
    for table in ["tenants", "api_keys", "users"] {
        let refused = client.simple_query(&format!("TRUNCATE {table} CASCADE")).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "WG001", "{table}");
    }
}

/// No function reads a table from end to end, once there is more in it than a page.
#[tokio::test]
async fn functions_go_by_indexes_alone() {
    let database = migrated().await;
    database
        .sql(
            "INSERT INTO tenants (id, slug, name, status) SELECT 't' || n, 's' || n, n, 'active' FROM generate_series(1, 1000) n;
             INSERT INTO api_keys (id, tenant_id, key_prefix, hashed_key)
                SELECT 'k' || n, 't' || n % 1000 + 1, 'p' || n, 'h' || n FROM generate_series(1, 8000) n;
             INSERT INTO users (id, tenant_id, email, hashed_password)
                SELECT 'u' || n, 't' || n % 1000 + 1, 'e' || n, 'h' FROM generate_series(1, 8000) n;
             INSERT INTO revoked_tokens SELECT 'j' || n, now() - interval '1 day' FROM generate_series(1, 8000) n",
        )
        .await;
    database.sql("VACUUM ANALYZE").await;
    let client = connect(&database.url()).await;
    let (next, ..) = changes(&client, None, 10).await;
    for call in [
        "SELECT * FROM wardgate_find_keys('{p1,p2}', '{h3,h4}', '{k5,k6}')",
        "SELECT * FROM wardgate_find_keys((SELECT array_agg('p' || n) FROM generate_series(1, 500) n), '{}', '{}')",
        "SELECT * FROM wardgate_find_tenants('{t1,t2}', '{s3}')",
        &format!("SELECT * FROM wardgate_changes('{next}', 1000)"),
        "SELECT * FROM wardgate_revoked_tokens()",
        "SELECT * FROM wardgate_ended_users('{u1,u2}')",
        "SELECT wardgate_touch_keys('{k1,k2}', ARRAY[now(), now()], '{a,b}')",
        "SELECT wardgate_note_verifiers('{k1,k2}', '{h1,h2}', '{a,b}')",
    ] {
        client.simple_query("BEGIN").await.unwrap();
        // Often enough that the server goes over to the plan that it makes for any argument.
        for _ in 0..8 {
            client.simple_query(call).await.unwrap();
        }
        let scanned =
            cells(&client, "SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE seq_scan > 0").await.unwrap();
        client.simple_query("ROLLBACK").await.unwrap();
        assert!(scanned.is_empty(), "{call}: {scanned:?}");
    }
}
