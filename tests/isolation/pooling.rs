//! A scope ends with its transaction, on a connection that is used again and on one that a pooler hands to somebody else.

use tokio_postgres::Client;

use crate::fixture::{ATTACKER, House, PASSWORD, Scope, VICTIM, attempt, begin};
use crate::postgres::{Bouncer, cells, connect};

const LOOK: &str = "SELECT id FROM tenants";
const ADMIN: Option<&str> = Some("wardgate_admin");

/// Leaves a scope behind in every way that a transaction can end.
async fn leave_scope_behind(client: &Client, scope: &'static str) {
    for end in ["COMMIT", "ROLLBACK", "SELECT 1 / 0", "SAVEPOINT a; SELECT id FROM tenants; ROLLBACK TO a; COMMIT"] {
        begin(client, ADMIN, Scope::Of(scope)).await;
        let ended = client.simple_query(end).await;
        assert_eq!(ended.is_err(), end.contains('/'));
        client.simple_query("ROLLBACK").await.unwrap();
    }
}

#[tokio::test]
async fn scope_is_gone_after_a_commit_a_rollback_and_an_error() {
    let house = House::new().await;
    let client = house.connect_as(&house.member).await;
    for left in [VICTIM, "*"] {
        leave_scope_behind(&client, left).await;
        assert!(attempt(&client, ADMIN, Scope::Unset, LOOK).await.unwrap().is_empty(), "{left} is still in force");
        assert_eq!(attempt(&client, ADMIN, Scope::Of(ATTACKER), LOOK).await.unwrap(), [ATTACKER]);
    }
}

/// The functions take the platform's reach and hand back the one they found, for which a call counts as little as a
/// failure does.
#[tokio::test]
async fn functions_leave_the_scope_as_they_found_it() {
    let house = House::new().await;
    let client = house.connect_as(&house.member).await;
    let calls = [
        "SELECT * FROM wardgate_find_keys('{prefix-victim}', '{}', '{}')",
        "SELECT * FROM wardgate_find_tenants('{victim}', '{}')",
        "SELECT * FROM wardgate_changes('1:1:', 100)",
        "SELECT * FROM wardgate_revoked_tokens()",
        "SELECT * FROM wardgate_ended_users('{user-victim}')",
        "SELECT wardgate_touch_keys('{key-victim}', ARRAY[now()], '{::1}')",
        "SELECT wardgate_note_verifiers('{key-victim}', '{x}', '{x}')",
        "SELECT wardgate_revoke_token('new', now() + '1 hour')",
        "SELECT wardgate_provision_schema('victim')",
        // Announced, and 128 of them prune the feed.
        "UPDATE api_keys SET name = name FROM generate_series(1, 3)",
        "SAVEPOINT a; SELECT wardgate_drop_schema('victim')",
        "SAVEPOINT a; SELECT wardgate_touch_keys('{key-victim,key-victim}', NULL, '{{a},{b}}')",
    ];
    for call in calls {
        for (scope, seen) in [(Scope::Unset, vec![]), (Scope::Of(ATTACKER), vec![ATTACKER.to_owned()])] {
            begin(&client, ADMIN, scope).await;
            if client.simple_query(call).await.is_err() {
                client.simple_query("ROLLBACK TO a").await.unwrap();
            }
            let rows = cells(&client, LOOK).await.unwrap();
            client.simple_query("COMMIT").await.unwrap();
            assert_eq!(rows.concat(), seen, "{call}");
        }
        assert!(attempt(&client, ADMIN, Scope::Unset, LOOK).await.unwrap().is_empty(), "{call}");
    }
}

/// Twelve clients on two server connections, each for one tenant, whose statements fall between each other's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "the clients are tasks of the test")]
async fn interleaved_clients_of_a_pooler_never_see_each_others_tenant() {
    let house = House::new().await;
    let bouncer = Bouncer::before(&house.database.url());
    let mut clients = Vec::new();
    for number in 0..12 {
        let client = connect(&bouncer.url_as(&house.member, PASSWORD)).await;
        let tenant = [ATTACKER, VICTIM][number % 2];
        clients.push(tokio::spawn(async move {
            let mut servers = std::collections::BTreeSet::new();
            for round in 0..25 {
                begin(&client, ADMIN, Scope::Of(tenant)).await;
                for _ in 0..2 {
                    let seen =
                        cells(&client, "SELECT id FROM tenants UNION SELECT tenant_id FROM api_keys").await.unwrap();
                    assert_eq!(seen, [[tenant]]);
                    servers.insert(
                        cells(&client, "SELECT pg_backend_pid(), pg_sleep(0.001)").await.unwrap()[0][0].clone(),
                    );
                }
                let end = ["COMMIT", "ROLLBACK"][round % 2];
                client.simple_query(end).await.unwrap();
                // Whoever forgets to say whom it asks for sees nothing of whoever was there before.
                let unscoped = attempt(&client, ADMIN, Scope::Unset, LOOK).await.unwrap();
                assert!(unscoped.is_empty(), "{unscoped:?}");
            }
            servers
        }));
    }
    let mut servers = std::collections::BTreeSet::new();
    for client in clients {
        servers.extend(client.await.unwrap());
    }
    assert!(servers.len() <= 2, "they shared connections: {servers:?}");
}

/// Through the pooler the proxy's calls are single statements of any connection, without a prepared statement.
#[tokio::test]
async fn proxys_calls_work_through_a_pooler() {
    use tokio_postgres::types::Type;
    let house = House::new().await;
    let bouncer = Bouncer::before(&house.database.url());
    let clients = [
        connect(&bouncer.url_as(&house.proxy, PASSWORD)).await,
        connect(&bouncer.url_as(&house.proxy, PASSWORD)).await,
    ];
    for client in clients.iter().cycle().take(10) {
        let sql = "SELECT key_id FROM wardgate_find_keys($1, '{}', '{}')";
        let rows = client.query_typed(sql, &[(&["prefix-victim"].as_slice(), Type::TEXT_ARRAY)]).await.unwrap();
        assert_eq!(rows[0].get::<_, String>("key_id"), "key-victim");
    }
}
