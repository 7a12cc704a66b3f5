//! The harness keeps its word: its servers die, hang, come back and leave nothing behind.

use std::time::Duration;

use crate::postgres::{Bouncer, Cluster, Database, PrivateCluster, cells, connect, try_connect};

#[tokio::test]
async fn database_is_dropped_with_its_handle() {
    let database = Database::fresh().await;
    let count = format!("SELECT count(*) FROM pg_database WHERE datname = '{}'", database.name());
    let server = connect(Cluster::shared().url()).await;
    assert_eq!(cells(&server, &count).await.unwrap(), [["1"]]);
    drop(database);
    assert_eq!(cells(&server, &count).await.unwrap(), [["0"]]);
}

#[tokio::test]
async fn private_cluster_is_killed_stopped_and_started_again_with_what_it_held() {
    let mut cluster = PrivateCluster::start(&["max_connections=20"]);
    let database = cluster.database().await;
    database.sql("CREATE TABLE kept (x int)").await;
    assert_eq!(database.sql("SHOW max_connections").await, [["20"]]);
    cluster.kill();
    assert!(try_connect(&database.url()).await.is_err());
    cluster.restart();
    assert_eq!(database.sql("SELECT count(*) FROM kept").await, [["0"]]);
    let client = connect(&database.url()).await;
    cluster.stop();
    let asked = client.simple_query("SELECT 1");
    assert!(tokio::time::timeout(Duration::from_millis(300), asked).await.is_err(), "a stopped server is silent");
    cluster.cont();
    client.simple_query("SELECT 1").await.unwrap();
    let directory = cluster.directory();
    assert!(directory.exists());
    drop(database);
    drop(cluster);
    assert!(!directory.exists());
}

#[tokio::test]
async fn bouncer_gives_few_server_connections_to_many_clients_of_any_login() {
    let database = Database::fresh().await;
    let login = format!("login_{}", database.name());
    database.sql(&format!("CREATE ROLE {login} LOGIN PASSWORD 'secret'")).await;
    let mut bouncer = Bouncer::before(&database.url());
    let mut processes = std::collections::BTreeSet::new();
    for _ in 0..6 {
        let client = connect(&bouncer.url_as(&login, "secret")).await;
        let row = cells(&client, "SELECT pg_backend_pid(), current_database(), current_user").await.unwrap().remove(0);
        assert_eq!(row[1..], [database.name().to_owned(), login.clone()]);
        processes.insert(row[0].clone());
    }
    assert!(processes.len() <= 2, "{processes:?}");
    bouncer.kill();
    assert!(try_connect(&bouncer.url()).await.is_err());
    bouncer.restart();
    connect(&bouncer.url()).await;
    bouncer.stop();
    let url = bouncer.url();
    assert!(tokio::time::timeout(Duration::from_millis(300), try_connect(&url)).await.is_err());
    bouncer.cont();
    drop(bouncer);
    database.sql(&format!("DROP ROLE {login}")).await;
}
