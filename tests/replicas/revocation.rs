//! What is revoked in one place is dead everywhere, whatever becomes of the announcement.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::client::Stream;
use crate::outages::{generated, public_id};
use crate::postgres::Database;
use crate::processes::{Mock, Replica, Site, until};
use crate::relay::Relay;

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Does `work` while every gate is asked without a pause, and answers how long after the change was made the last of them
/// refused what it had served, by the clock that the database shares with us.
async fn lag(
    database: &Database,
    gates: &[Replica],
    credential: &str,
    status: u16,
    work: impl Future<Output = ()>,
) -> Duration {
    for gate in gates {
        assert_eq!(gate.me(credential).await.status, 200);
    }
    let refusals = futures_util::future::join_all(gates.iter().map(|gate| refused_at(gate, credential, status)));
    let (refused, ()) = tokio::join!(refusals, work);
    let newest = "SELECT extract(epoch FROM announced_at) FROM changes ORDER BY seq DESC LIMIT 1";
    let made: f64 = database.sql(newest).await[0][0].parse().unwrap();
    let last = refused.into_iter().fold(0.0, f64::max);
    Duration::from_secs_f64((last - made).max(0.0))
}

async fn refused_at(gate: &Replica, credential: &str, status: u16) -> f64 {
    until("the gate refuses", async || {
        let reply = gate.me(credential).await;
        assert!([200, status].contains(&reply.status.as_u16()), "{}", reply.text());
        reply.status.as_u16() == status
    })
    .await;
    now()
}

/// Nothing that is refused once is let in again.
async fn stays_refused(gates: &[Replica], credential: &str) {
    for gate in gates {
        for _ in 0..5 {
            assert_ne!(gate.me(credential).await.status, 200);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r23_key_revoked_by_a_command_or_a_replica_is_refused_everywhere_within_a_second() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let site = Site::new(&database.url(), &mock, "poll_interval: 5s");
    site.tenant("acme").await;
    let (first, second) = (site.key("acme", &[]).await, site.key("acme", &[]).await);
    let gates = site.serve_three().await;
    for gate in &gates {
        until("the gate hears", async || gate.log().contains("changes are heard of as they happen")).await;
    }
    let by_command = lag(&database, &gates, &first, 401, async {
        site.done(&["key", "revoke", public_id(&first)]).await;
    });
    let by_command = by_command.await;
    let by_replica = lag(&database, &gates, &second, 401, async {
        let reply = gates[0].admin("DELETE", &format!("/admin/v1/keys/{}", public_id(&second))).send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    });
    let by_replica = by_replica.await;
    println!("r23: refused by three after {by_command:?} (a command), {by_replica:?} (a replica)");
    assert!(by_command.max(by_replica) < Duration::from_secs(1), "{by_command:?} {by_replica:?}");
    stays_refused(&gates, &first).await;
    for gate in &gates {
        let told = gate.metric("wardgate_revocation_lag_seconds_count").await;
        let within = gate.metric("wardgate_revocation_lag_seconds_bucket{le=\"1.0\"}").await;
        assert!(told >= 2.0 && within == told, "{told} {within}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r23_suspended_tenant_disabled_user_and_revoked_token_are_refused_everywhere_within_a_second() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let site = Site::new(&database.url(), &mock, "poll_interval: 5s");
    let key = site.tenant_with_key("acme").await;
    let globex = site.tenant_with_key("globex").await;
    let [token, of_globex] = [site.token("acme").await, site.token("globex").await];
    let user = site.user("acme", "ann@acme.example").await;
    let gates = site.serve_three().await;
    for gate in &gates {
        until("the gate hears", async || gate.log().contains("changes are heard of as they happen")).await;
    }
    let session = gates[1].log_in("acme", "ann@acme.example").await;
    let disabled = lag(&database, &gates, &session, 401, async {
        site.done(&["user", "disable", &user]).await;
    });
    let disabled = disabled.await;
    let revoked = lag(&database, &gates, &token, 401, async {
        site.done(&["token", "revoke", &token]).await;
    });
    let revoked = revoked.await;
    let suspended = lag(&database, &gates, &globex, 403, async {
        site.done(&["tenant", "suspend", "globex"]).await;
    });
    let suspended = suspended.await;
    println!("r23: disabled user {disabled:?}, revoked token {revoked:?}, suspended tenant {suspended:?}");
    assert!(disabled.max(revoked).max(suspended) < Duration::from_secs(1));
    stays_refused(&gates, &session).await;
    stays_refused(&gates, &of_globex).await;
    for gate in &gates {
        assert_eq!(gate.me(&key).await.status, 200, "nobody else is");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r23_live_streams_of_a_revoked_key_end_everywhere_with_an_error_event_in_their_dialect() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let site = Site::new(&database.url(), &mock, "poll_interval: 5s");
    let key = site.tenant_with_key("acme").await;
    let other = site.key("acme", &[]).await;
    let gates = site.serve_three().await;
    for gate in &gates {
        until("the gate hears", async || gate.log().contains("changes are heard of as they happen")).await;
    }
    mock.faults(r#"{"stall_after": 4}"#).await;
    let mut streams = Vec::new();
    for gate in &gates {
        streams.push((begun(gate.chat(&key, "Hi", true)).await, begun(gate.message(&key, "Hi", true)).await));
    }
    let mut unharmed = begun(gates[0].chat(&other, "Hi", true)).await;
    site.done(&["key", "revoke", public_id(&key)]).await;
    let revoked = Instant::now();
    for (of_openai, of_anthropic) in streams {
        let rest = of_openai.rest().await;
        let event = last_event(&rest);
        assert_eq!(event["error"]["code"], "credential_revoked", "{rest}");
        let rest = of_anthropic.rest().await;
        let event = last_event(&rest);
        assert!(rest.contains("event: error"), "{rest}");
        assert_eq!((&event["type"], &event["error"]["type"]), (&json!("error"), &json!("authentication_error")));
    }
    println!("r23: six streams ended {:?} after the command", revoked.elapsed());
    assert!(revoked.elapsed() < Duration::from_secs(1), "{:?}", revoked.elapsed());
    // What had come before is read, and no end is.
    while let Ok(more) = tokio::time::timeout(Duration::from_millis(200), unharmed.chunk()).await {
        more.unwrap().expect("another key's stream goes on");
    }
}

/// A stream of which the first event has come.
async fn begun(ask: crate::client::Ask) -> Stream {
    let mut stream = ask.open().await.unwrap();
    assert_eq!(stream.status, 200);
    stream.chunk().await.unwrap().unwrap();
    stream
}

fn last_event(text: &str) -> Value {
    let last = text.lines().rfind(|line| line.starts_with("data: ")).unwrap_or_default();
    serde_json::from_str(last.trim_start_matches("data: ")).unwrap_or_default()
}

/// Changes are still written, and nobody is told of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r24_without_a_notification_a_revoked_key_is_refused_by_the_next_poll() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let site = Site::new(&database.url(), &mock, "poll_interval: 1s");
    let key = site.tenant_with_key("acme").await;
    let gates = site.serve_three().await;
    database
        .sql(
            "DO $$ DECLARE f record; BEGIN
                 FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosrc LIKE '%pg_notify%' LOOP
                     EXECUTE replace(pg_get_functiondef(f.oid), 'PERFORM pg_notify', 'PERFORM concat');
                 END LOOP;
             END $$",
        )
        .await;
    let left = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosrc LIKE '%pg_notify%'";
    assert_eq!(database.sql(left).await, [["0"]]);
    let lag = lag(&database, &gates, &key, 401, async {
        site.done(&["key", "revoke", public_id(&key)]).await;
    });
    let lag = lag.await;
    println!("r24: polled each second, refused by three after {lag:?}");
    assert!(lag < Duration::from_secs(2), "{lag:?}");
}

/// The line that listens stands, and what is said on it is lost on the way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r24_on_a_line_that_swallows_notifications_a_revoked_key_is_refused_by_the_next_poll() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let relay = Relay::before(&database.url()).await;
    let site = Site::new(&relay.url(&database.url()), &mock, "poll_interval: 1s");
    let key = site.tenant_with_key("acme").await;
    let gates = [site.serve().await];
    gates[0].until_ready().await;
    until("the gate hears", async || gates[0].log().contains("changes are heard of as they happen")).await;
    relay.muffle();
    let lag = lag(&database, &gates, &key, 401, async {
        site.done(&["key", "revoke", public_id(&key)]).await;
    });
    let lag = lag.await;
    println!("r24: muffled, refused after {lag:?}");
    assert!(lag < Duration::from_secs(2), "{lag:?}");
}

/// The line that listens is cut by the server and kept from coming back, while everything else works. Polls are far
/// apart, so that it is the reconnect that tells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r25_key_revoked_while_nobody_listens_is_refused_within_a_second_of_the_reconnect() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let relay = Relay::before(&database.url()).await;
    let site = Site::new(&relay.url(&database.url()), &mock, "poll_interval: 10s");
    let key = site.tenant_with_key("acme").await;
    let gate = site.serve().await;
    gate.until_ready().await;
    until("the gate hears", async || gate.log().contains("changes are heard of as they happen")).await;
    assert_eq!(gate.me(&key).await.status, 200);
    relay.deafen();
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    assert_eq!(database.sql(cut).await, [["1"]]);
    // Whatever the cut itself made it ask for is over by then.
    sleep(Duration::from_millis(1500)).await;
    site.done(&["key", "revoke", public_id(&key)]).await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(gate.me(&key).await.status, 200, "nobody has told it");
    relay.undeafen();
    let reconnected = relay.listening().await;
    until("the key is refused", async || gate.me(&key).await.status == 401).await;
    println!("r25: refused {:?} after the reconnect", reconnected.elapsed());
    assert!(reconnected.elapsed() < Duration::from_secs(1), "{:?}", reconnected.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r27_key_made_after_it_was_unknown_works_everywhere_within_two_seconds() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let site = Site::new(&database.url(), &mock, "poll_interval: 200ms");
    site.tenant("acme").await;
    let gates = site.serve_three().await;
    let (key, hash) = generated();
    for gate in &gates {
        for _ in 0..3 {
            assert_eq!(gate.me(&key).await.status, 401);
        }
    }
    site.done(&["key", "import", "--tenant", "acme", "--hash", &hash, "--prefix", public_id(&key)]).await;
    let made = Instant::now();
    for gate in &gates {
        until("the key works", async || gate.me(&key).await.status == 200).await;
    }
    println!("r27: three knew the new key after {:?}", made.elapsed());
    assert!(made.elapsed() < Duration::from_secs(2), "{:?}", made.elapsed());
}
