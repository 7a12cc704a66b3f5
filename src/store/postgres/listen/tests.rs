use super::*;
use crate::store::postgres::testing::{config, eventually, made, pool};
use crate::store::servers::{Bouncer, PrivateCluster};

/// A listener at work, and what it notifies.
struct Listening {
    listener: Arc<Listener>,
    heard: Arc<Notify>,
    _task: tokio::task::JoinSet<()>,
}

fn listen(url: &str) -> Listening {
    let (listener, heard) = (Arc::new(Listener::new(pool(&config(url)))), Arc::new(Notify::new()));
    let mut task = tokio::task::JoinSet::new();
    let (at_work, told) = (listener.clone(), heard.clone());
    task.spawn(async move { at_work.listen(&told).await });
    Listening { listener, heard, _task: task }
}

impl Listening {
    async fn becomes(&self, wanted: Hearing) {
        eventually(&format!("{wanted:?}"), async || self.listener.hearing() == wanted).await;
    }

    async fn hears(&self) -> bool {
        self.hears_within(Duration::from_secs(10)).await
    }

    async fn hears_within(&self, patience: Duration) -> bool {
        timeout(patience, self.heard.notified()).await.is_ok()
    }
}

const ANNOUNCED: &str = "SELECT pg_notify('wardgate_changes', '')";
const END_LISTENER: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";

#[tokio::test]
async fn announcement_is_heard_at_once_and_a_probe_is_none() {
    let database = made().await;
    let listening = listen(&database.url());
    assert_eq!(listening.listener.hearing(), Hearing::Down, "before the first connection");
    listening.becomes(Hearing::Listening).await;
    assert!(listening.hears().await, "what was announced before is asked for");
    database.sql("SELECT pg_notify('wardgate_changes', 'probe of another replica')").await;
    assert!(!listening.hears_within(Duration::from_secs(1)).await);
    database.sql(ANNOUNCED).await;
    assert!(listening.hears().await);
}

#[tokio::test]
async fn lost_connection_is_made_again_and_what_was_missed_is_asked_for() {
    let database = made().await;
    let listening = listen(&database.url());
    for connection in 0..4 {
        // Each connection that stands asks once; how it was down in between may be too short to be seen.
        assert!(listening.hears().await, "connection {connection}");
        listening.becomes(Hearing::Listening).await;
        database.sql(END_LISTENER).await;
    }
}

#[tokio::test]
async fn r26_pooler_that_swallows_notifications_is_found_out() {
    let database = made().await;
    let bouncer = Bouncer::before(&database.url());
    let listening = listen(&bouncer.url());
    listening.becomes(Hearing::Polling).await;
}

#[tokio::test]
async fn silent_server_is_noticed_and_heard_again_when_it_speaks() {
    let mut cluster = PrivateCluster::start(&[]);
    let listening = listen(cluster.url());
    listening.becomes(Hearing::Listening).await;
    cluster.stop();
    listening.becomes(Hearing::Down).await;
    cluster.cont();
    listening.becomes(Hearing::Listening).await;
    cluster.kill();
    listening.becomes(Hearing::Down).await;
    cluster.restart();
    listening.becomes(Hearing::Listening).await;
}
