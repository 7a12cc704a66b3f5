//! A primary that is well and ill by turns, for as long as it likes: nobody waits for it, and nothing grows.

use std::time::Duration;

use tokio::time::sleep;

use crate::load::{Load, Route};
use crate::postgres::Database;
use crate::processes::{Mock, Site};

/// Long enough for every pool and window to have filled.
const WARM_UP: Duration = Duration::from_secs(8);
const FLAPPING: Duration = Duration::from_secs(16);

/// Ten minutes of it are simulated beside the breaker, which keeps the time; here it is a process and its memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r14_primary_that_flaps_costs_no_error_few_switches_and_no_memory() {
    let (primary, secondary, database) = (Mock::start("0ms").await, Mock::start("0ms").await, Database::fresh().await);
    let site = Site::new(&database.url(), &primary, "poll_interval: 500ms");
    site.add_upstream("secondary", &secondary);
    let key = site.tenant_with_key("acme").await;
    let gate = site.serve().await;
    gate.until_ready().await;
    // Every half second: eight times as often as a penalty of two seconds lasts.
    primary.faults(r#"{"flap_ms":500,"status":503}"#).await;
    let load = Load::start(&[gate.address()], Route::Chat, vec![key], 100, 10);
    sleep(WARM_UP).await;
    let before = gate.memory();
    sleep(FLAPPING).await;
    let after = gate.memory();
    let statuses = load.end().await.statuses();
    let answered_by = gate.log().lines().filter_map(answered_by).collect::<Vec<_>>();
    let switches = answered_by.windows(2).filter(|pair| pair[0] == "mock" && pair[1] == "secondary").count();
    let drift = (after as f64 / before as f64 - 1.0) * 100.0;
    println!("r14: {statuses:?}, {switches} switches in {:?}, memory {drift:+.1} %", WARM_UP + FLAPPING);
    assert_eq!(statuses.keys().collect::<Vec<_>>(), [&200]);
    // A primary that is asked each time would have switched 24 times. A penalty of a second, which doubles and is drawn with
    // jitter, and probes of which every other finds it ill, leave less than half of that.
    assert!((1..12).contains(&switches), "{switches}");
    assert!(drift < 5.0, "{before} and {after} bytes");
}

/// Who answered the request of a log line; the three that are let in before a breaker opens are answered by the secondary.
fn answered_by(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    Some(line.get("upstream")?.as_str()?.to_owned())
}
