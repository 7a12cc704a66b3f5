//! Floods that must not be felt by those who behave. Bounds are ratios within one run, since machines differ.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::support::*;

/// Promise R29. Good requests are slow at their upstream, as a model is, so that their 99th percentile tells what the
/// flood costs them at the gate and not how busy this machine is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r29_flood_of_keys_with_bad_checksums_asks_no_store_and_is_not_felt() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    primary.set_faults(faults(r#"{"latency_ms":50}"#));
    let key = gate.key("acme").to_owned();
    assert_eq!(gate.chat("Hi").send().await.status, 200);
    let lookups = gate.lookups();
    let quiet = p99_of_good(&gate).await;
    let flood = Flood::start(gate.address(), &key);
    let felt = p99_of_good(&gate).await;
    let (sent, refused, span) = flood.stop();
    let rate = f64::from(u32::try_from(sent).unwrap()) / span.as_secs_f64();
    eprintln!("R29: {rate:.0} bad keys a second; p99 of good requests {quiet:?} without, {felt:?} with the flood");
    assert!(sent > 2_000, "the flood is one: {sent}");
    assert_eq!(refused, sent, "each is refused with 401");
    assert_eq!(gate.lookups(), lookups, "no store query, for bad keys and cached good ones alike");
    assert!(felt <= quiet * 2, "p99 {felt:?} against {quiet:?}");
}

/// 120 good requests, four at a time.
async fn p99_of_good(gate: &Gate) -> Duration {
    let mut taken = Vec::new();
    for _ in 0..30 {
        let asks: Vec<_> = (0..4).map(|_| tokio::spawn(timed(gate.chat("Hi")))).collect();
        for ask in asks {
            taken.push(ask.await.unwrap());
        }
    }
    taken.sort();
    taken[taken.len() * 99 / 100]
}

async fn timed(ask: Ask) -> Duration {
    let began = Instant::now();
    assert_eq!(ask.send().await.status, 200);
    began.elapsed()
}

/// A thread that sends mistyped keys at up to 10,000 a second over connections that it keeps.
struct Flood {
    stop: Arc<AtomicBool>,
    refused: Arc<AtomicUsize>,
    thread: JoinHandle<usize>,
    began: Instant,
}

const RATE: u32 = 10_000;
const CONNECTIONS: u32 = 8;

impl Flood {
    fn start(address: SocketAddr, key: &str) -> Flood {
        let stop = Arc::new(AtomicBool::new(false));
        let refused = Arc::new(AtomicUsize::new(0));
        let (stopped, counted, key) = (stop.clone(), refused.clone(), key.to_owned());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let senders = (0..CONNECTIONS).map(|at| {
                    let (stopped, counted, key) = (stopped.clone(), counted.clone(), key.clone());
                    tokio::spawn(async move { send_bad_keys(address, &key, at, &stopped, &counted).await })
                });
                let mut sent = 0;
                for sender in senders.collect::<Vec<_>>() {
                    sent += sender.await.unwrap();
                }
                sent
            })
        });
        Flood { stop, refused, thread, began: Instant::now() }
    }

    fn stop(self) -> (usize, usize, Duration) {
        self.stop.store(true, Ordering::Relaxed);
        let sent = self.thread.join().unwrap();
        (sent, self.refused.load(Ordering::Relaxed), self.began.elapsed())
    }
}

async fn send_bad_keys(address: SocketAddr, key: &str, at: u32, stop: &AtomicBool, refused: &AtomicUsize) -> usize {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    let mut pace = tokio::time::interval(Duration::from_secs(1) * CONNECTIONS / RATE);
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        pace.tick().await;
        // Each differs from the last, so that no cache of refusals could answer.
        let wrong = format!("{}{at}{:05}", &key[..key.len() - 6], sent % 100_000);
        let request =
            Request::get("/v1/models").header("host", "gate").header("authorization", format!("Bearer {wrong}"));
        let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        refused.fetch_add(usize::from(response.status() == 401), Ordering::Relaxed);
        response.into_body().collect().await.unwrap();
        sent += 1;
    }
    sent
}
