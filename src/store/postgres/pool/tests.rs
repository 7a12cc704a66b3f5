use std::time::Instant;

use super::*;
use crate::store::postgres::testing::{config, eventually, made, pool};
use crate::store::servers::{Bouncer, PrivateCluster, connect};
use crate::tenant::TenantId;

const SECOND: Duration = Duration::from_secs(1);

async fn number(pool: &Pool, sql: &str) -> Result<i32, StoreError> {
    pool.query(sql, &[]).await.map(|rows| rows[0].get(0))
}

async fn process(pool: &Pool) -> i32 {
    number(pool, "SELECT pg_backend_pid()").await.unwrap()
}

/// Role and scope of the session that answers.
async fn session(transaction: &Transaction) -> Result<(String, String), StoreError> {
    let rows = transaction.query(SESSION, &[]).await?;
    Ok((rows[0].get(0), rows[0].get(1)))
}

const SESSION: &str = "SELECT current_user::text, coalesce(current_setting('app.current_tenant_id', true), '')";

#[tokio::test]
async fn transaction_has_its_role_and_its_reach_and_leaves_neither_behind() {
    let database = made().await;
    let mut config = config(&database.url());
    config.pool = 1;
    let pool = pool(&config);
    let acme = TenantId::parse("acme").unwrap();
    for (reach, scope) in [(Reach::Platform, "*"), (Reach::Tenant(acme.clone()), "acme")] {
        let seen = pool.transaction(&reach, |open| async move { session(&open).await }).await.unwrap();
        assert_eq!(seen, ("wardgate_admin".to_owned(), scope.to_owned()));
        let rows = pool.query(SESSION, &[]).await.unwrap();
        assert_eq!((rows[0].get::<_, &str>(0), rows[0].get::<_, &str>(1)), ("app", ""));
        let failed: Result<(), _> = pool.transaction(&reach, |_| async { Err(StoreError::Stale) }).await;
        assert!(matches!(failed, Err(StoreError::Stale)));
        let rows = pool.query(SESSION, &[]).await.unwrap();
        assert_eq!((rows[0].get::<_, &str>(0), rows[0].get::<_, &str>(1)), ("app", ""));
    }
}

#[tokio::test]
async fn transaction_that_fails_does_nothing_even_when_its_failure_is_passed_over() {
    let database = made().await;
    database.sql("CREATE TABLE notes (id int PRIMARY KEY); GRANT ALL ON notes TO wardgate_admin").await;
    let pool = pool(&config(&database.url()));
    let write = |id: i32| {
        let pool = pool.clone();
        async move {
            pool.transaction(&Reach::Platform, |open| async move {
                open.query("INSERT INTO public.notes VALUES ($1)", &[(&id, Type::INT4)]).await
            })
            .await
        }
    };
    write(1).await.unwrap();
    let violated = write(1).await;
    assert!(
        matches!(&violated, Err(StoreError::Unavailable(Outage::Violated { constraint })) if constraint == "notes_pkey"),
        "{violated:?}"
    );
    let passed_over = pool
        .transaction(&Reach::Platform, |open| async move {
            open.query("INSERT INTO public.notes VALUES (2)", &[]).await?;
            let _ = open.query("INSERT INTO public.notes VALUES (1)", &[]).await;
            Ok(())
        })
        .await;
    assert!(matches!(passed_over, Err(StoreError::Unavailable(Outage::Refused { .. }))), "{passed_over:?}");
    assert_eq!(database.sql("SELECT id FROM notes").await, [["1"]]);
}

#[tokio::test]
async fn slow_statement_costs_its_caller_and_the_server_gives_it_up() {
    let database = made().await;
    let mut config = config(&database.url());
    (config.pool, config.lookup_timeout) = (1, Duration::from_millis(300));
    let pool = pool(&config);
    let before = process(&pool).await;
    let began = Instant::now();
    let slow = pool.query("SELECT pg_sleep(60)", &[]).await;
    assert!(matches!(slow, Err(StoreError::Unavailable(Outage::Slow(_)))), "{slow:?}");
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
    assert_ne!(process(&pool).await, before, "its connection is not handed out again");
    eventually("the server gives up", async || {
        let sleeping = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()",
            database.name()
        );
        database.sql(&sleeping).await == [["0"]]
    })
    .await;
}

#[tokio::test]
async fn caller_that_goes_away_leaves_no_answer_to_the_next() {
    let database = made().await;
    let mut config = config(&database.url());
    config.pool = 1;
    let pool = pool(&config);
    for wait in 0..20 {
        let query = pool.query("SELECT 666 FROM pg_sleep(0.01)", &[]);
        let _ = tokio::time::timeout(Duration::from_millis(wait), query).await;
        let change = pool.transaction(&Reach::Platform, |open| async move {
            open.query("SELECT 667 FROM pg_sleep(0.01)", &[]).await.map(drop)
        });
        let _ = tokio::time::timeout(Duration::from_millis(wait), change).await;
        assert_eq!(number(&pool, "SELECT 42").await.unwrap(), 42, "after {wait} ms");
        let rows = pool.query(SESSION, &[]).await.unwrap();
        assert_eq!((rows[0].get::<_, &str>(0), rows[0].get::<_, &str>(1)), ("app", ""), "after {wait} ms");
    }
}

#[tokio::test]
async fn one_call_more_than_may_wait_is_refused_at_once_and_connections_stay_bounded() {
    let database = made().await;
    let mut config = config(&database.url());
    (config.pool, config.waiting_max) = (2, 3);
    let pool = pool(&config);
    let calls = (0..40).map(|_| pool.query("SELECT 1 FROM pg_sleep(0.5)", &[]));
    let answers = futures_util::future::join_all(calls).await;
    let overloaded =
        answers.iter().filter(|answer| matches!(answer, Err(StoreError::Unavailable(Outage::Overloaded(3)))));
    assert_eq!(overloaded.count(), 35);
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 5);
    let connections = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND application_name = 'wardgate'",
        database.name()
    );
    assert_eq!(database.sql(&connections).await, [["2"]]);
}

#[tokio::test]
async fn connection_that_the_server_ended_is_never_handed_out() {
    let database = made().await;
    let pool = pool(&config(&database.url()));
    for round in 0..10 {
        let (one, other) = tokio::join!(process(&pool), process(&pool));
        database
            .sql(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid IN ({one}, {other})"))
            .await;
        number(&pool, "SELECT 1").await.unwrap_or_else(|error| panic!("round {round}: {error:?}"));
        let begun = pool.transaction(&Reach::Platform, |open| async move { session(&open).await }).await;
        begun.unwrap_or_else(|error| panic!("round {round}: {error:?}"));
    }
}

#[tokio::test]
async fn transactions_that_collide_are_run_again() {
    let database = made().await;
    database.sql("CREATE TABLE sums (id int, sum int); INSERT INTO sums VALUES (1, 0), (2, 0); GRANT ALL ON sums TO wardgate_admin").await;
    let mut config = config(&database.url());
    config.pool = 4;
    let pool = pool(&config);
    let add = |first: i32, second: i32| {
        pool.transaction(&Reach::Platform, move |open| async move {
            for id in [first, second] {
                open.query("UPDATE public.sums SET sum = sum + 1 WHERE id = $1", &[(&id, Type::INT4)]).await?;
                open.query("SELECT pg_sleep(0.1)", &[]).await?;
            }
            Ok(())
        })
    };
    let (one, other) = tokio::join!(add(1, 2), add(2, 1));
    one.unwrap();
    other.unwrap();
    assert_eq!(database.sql("SELECT sum FROM sums").await, [["2"], ["2"]]);
}

#[tokio::test]
async fn what_keeps_the_login_out_is_told_with_what_mends_it() {
    let database = made().await;
    let role = format!("outsider_{}", database.name());
    database.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'canary-password'")).await;
    let asked = async |url: String| number(&pool(&config(&url)), "SELECT 1").await.unwrap_err();
    let wrong = asked(database.url_as(&role, "canary-wrong")).await;
    assert!(matches!(wrong, StoreError::Unavailable(Outage::Login)), "{wrong:?}");
    let other = format!("{}_no_such", database.url());
    let missing = asked(other).await;
    assert!(matches!(missing, StoreError::Unavailable(Outage::NoDatabase)), "{missing:?}");
    let outsider = pool(&config(&database.url_as(&role, "canary-password")));
    number(&outsider, "SELECT 1").await.unwrap();
    let lacking = outsider.transaction(&Reach::Platform, |open| async move { session(&open).await }).await;
    assert!(matches!(lacking, Err(StoreError::Forbidden)), "{lacking:?}");
    let lacking = outsider.query("SELECT * FROM public.tenants", &[]).await;
    assert!(matches!(lacking, Err(StoreError::Forbidden)), "{lacking:?}");
    for told in [format!("{wrong:?}"), format!("{missing:?}"), format!("{lacking:?}")] {
        assert!(!told.contains("canary"), "{told}");
    }
    drop(outsider);
    database.sql(&format!("DROP ROLE {role}")).await;
}

#[tokio::test]
async fn engine_is_quoted_by_its_code_and_never_by_its_message() {
    let database = made().await;
    let pool = pool(&config(&database.url()));
    let refused = pool.query("SELECT 'canary'::int", &[]).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Unavailable(Outage::Refused { state, .. }) if state == "22P02"),
        "{refused:?}"
    );
    assert!(!format!("{refused:?}").contains("canary"));
    assert_eq!(number(&pool, "SELECT 7").await.unwrap(), 7, "the connection goes on");
}

#[tokio::test]
async fn password_file_is_read_anew_for_each_connection() {
    let database = made().await;
    let role = format!("rotated_{}", database.name());
    database.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'first'")).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    let mut config = config(&database.url_as(&role, "not-this-one"));
    config.password = Some(crate::secret::SecretSource::File(file.clone()));
    let unread = Pool::open(&super::super::testing::url(&database.url()), &config);
    assert!(matches!(unread.err(), Some(StoreError::Unavailable(Outage::Password(_)))), "there is no file yet");
    std::fs::write(&file, "first\n").unwrap();
    let pool = pool(&config);
    let old = process(&pool).await;
    database.sql(&format!("ALTER ROLE {role} PASSWORD 'second'; SELECT pg_terminate_backend({old})")).await;
    std::fs::write(&file, "second\n").unwrap();
    assert_ne!(process(&pool).await, old);
    let old = process(&pool).await;
    std::fs::remove_file(&file).unwrap();
    database.sql(&format!("SELECT pg_terminate_backend({old})")).await;
    assert_ne!(process(&pool).await, old, "a file that is gone leaves the password of before");
    drop(pool);
    database.sql(&format!("DROP ROLE {role}")).await;
}

/// Requests come from workers, each with a runtime of its own, and a worker may end.
#[tokio::test(flavor = "multi_thread")]
async fn connections_outlive_the_runtimes_that_ask() {
    let database = made().await;
    let mut config = config(&database.url());
    config.pool = 1;
    let pool = pool(&config);
    let ask = || {
        let pool = pool.clone();
        let worker = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(process(&pool))
        };
        tokio::task::spawn_blocking(move || std::thread::spawn(worker).join().unwrap())
    };
    let first = ask().await.unwrap();
    assert_eq!(ask().await.unwrap(), first);
    assert_eq!(process(&pool).await, first);
}

#[tokio::test]
async fn database_that_is_down_keeps_nobody_waiting_and_is_found_again() {
    let mut cluster = PrivateCluster::start(&[]);
    let mut config = config(cluster.url());
    config.lookup_timeout = SECOND;
    cluster.kill();
    let pool = pool(&config);
    let down = number(&pool, "SELECT 1").await;
    assert!(matches!(down, Err(StoreError::Unavailable(Outage::Unreachable(_)))), "{down:?}");
    cluster.restart();
    eventually("it is found", async || number(&pool, "SELECT 1").await.is_ok()).await;
    for _ in 0..3 {
        cluster.kill();
        assert!(number(&pool, "SELECT 1").await.is_err());
        cluster.restart();
        eventually("it is found again", async || number(&pool, "SELECT 1").await.is_ok()).await;
    }
}

#[tokio::test]
async fn database_that_hangs_is_given_up_in_time_with_old_connections_and_new_ones() {
    let mut cluster = PrivateCluster::start(&[]);
    let mut config = config(cluster.url());
    (config.pool, config.lookup_timeout) = (2, SECOND);
    let pool = pool(&config);
    number(&pool, "SELECT 1").await.unwrap();
    cluster.stop();
    for _ in 0..3 {
        let began = Instant::now();
        let hung = number(&pool, "SELECT 1").await;
        assert!(matches!(hung, Err(StoreError::Unavailable(Outage::Slow(_)))), "{hung:?}");
        assert!(began.elapsed() < SECOND * 2, "{:?}", began.elapsed());
    }
    cluster.cont();
    eventually("it answers again", async || number(&pool, "SELECT 1").await.is_ok()).await;
}

/// The port of a server on loopback.
fn port(url: &str) -> &str {
    url.rsplit_once('/').unwrap().0.rsplit_once(':').unwrap().1
}

#[tokio::test]
async fn first_host_that_takes_writes_is_used_and_a_silent_one_is_passed_over() {
    let (mut first, second) = (PrivateCluster::start(&[]), PrivateCluster::start(&[]));
    let standby = PrivateCluster::start(&["default_transaction_read_only=on"]);
    for cluster in [&first, &second, &standby] {
        let client = connect(cluster.url()).await;
        client.batch_execute("SET default_transaction_read_only = off").await.unwrap();
        client.batch_execute("ALTER ROLE app PASSWORD 'same'").await.unwrap();
    }
    let hosts = |ports: &[&str]| {
        let hosts: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("postgres://app:same@{}/postgres", hosts.join(","))
    };
    let reaches_second = async |pool: &Pool| {
        let sql = "SELECT pg_catalog.current_setting('port')::int";
        let answer = pool.query(sql, &[]).await.map(|rows| rows[0].get::<_, i32>(0));
        answer.is_ok_and(|found| found.to_string() == port(second.url()))
    };
    for before in [port(standby.url()), "1"] {
        let pool = pool(&config(&hosts(&[before, port(second.url())])));
        assert!(reaches_second(&pool).await, "behind {before}");
    }
    first.stop();
    let pool = pool(&config(&hosts(&[port(first.url()), port(second.url())])));
    let began = Instant::now();
    assert!(reaches_second(&pool).await, "behind one that hangs");
    assert!(began.elapsed() < SECOND * 2, "{:?}", began.elapsed());
    assert!(reaches_second(&pool).await);
    first.cont();
}

/// Three logical clients on two connections of the server: what one sets is never seen by another.
#[tokio::test]
async fn r26_reaches_do_not_mix_behind_a_pooler() {
    let database = made().await;
    let bouncer = Bouncer::before(&database.url());
    let mut config = config(&bouncer.url());
    config.pool = 10;
    let pool = pool(&config);
    let calls = (0..60).map(|call| {
        let pool = pool.clone();
        async move {
            let tenant = TenantId::parse(&format!("tenant-{call}")).unwrap();
            let (tenant, first) = (&tenant, call % 3);
            let work = |open: Transaction| async move {
                let before = session(&open).await?;
                open.query("SELECT pg_catalog.pg_sleep(0.002)", &[]).await?;
                let after = session(&open).await?;
                assert_eq!(before, after);
                // Some end badly.
                if first == 0 { Err(StoreError::Stale) } else { Ok(after) }
            };
            let outcome = pool.transaction(&Reach::Tenant(tenant.clone()), work).await;
            match outcome {
                Ok(seen) => assert_eq!(seen, ("wardgate_admin".to_owned(), tenant.as_str().to_owned())),
                Err(error) => assert!(matches!(error, StoreError::Stale), "{error:?}"),
            }
            let rows = pool.query(SESSION, &[]).await.unwrap();
            assert_eq!((rows[0].get::<_, &str>(0), rows[0].get::<_, &str>(1)), ("app", ""));
        }
    });
    futures_util::future::join_all(calls).await;
}

#[tokio::test]
async fn slow_statement_behind_a_pooler_is_given_up_as_well() {
    let database = made().await;
    let bouncer = Bouncer::before(&database.url());
    let mut config = config(&bouncer.url());
    (config.pool, config.lookup_timeout) = (2, Duration::from_millis(300));
    let pool = pool(&config);
    for _ in 0..4 {
        let slow = pool.query("SELECT pg_catalog.pg_sleep(60)", &[]).await;
        assert!(matches!(slow, Err(StoreError::Unavailable(Outage::Slow(_)))), "{slow:?}");
    }
    eventually("a connection of the pooler's is free", async || number(&pool, "SELECT 1").await.is_ok()).await;
}
