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
    // Each differs from the last, so that no cache of refusals could answer.
    let mistyped = move |at: usize| format!("{}{:06}", &key[..key.len() - 6], at % 1_000_000);
    let flood = Flood::start(gate.address(), 10_000, mistyped);
    let felt = p99_of_good(&gate).await;
    let answers = flood.stop();
    eprintln!("R29: {:.0} bad keys a second; p99 {quiet:?} without, {felt:?} with the flood", answers.rate());
    assert!(answers.sent > 2_000, "the flood is one: {}", answers.sent);
    assert_eq!(answers.refused, answers.sent, "each is refused with 401");
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

/// Promise R31: a known public id of another tenant, and a secret that is wrong each time, each worth a bcrypt run of its
/// own. The hashes of that tenant take their turns on one thread, and what does not fit into its queue is told to wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r31_flood_of_wrong_secrets_holds_one_hash_thread_and_others_do_not_feel_it() {
    let primary = provider("primary").await;
    let two = "auth: { api_key: { hash_threads: 2 }, JWT_SECRETS }";
    let gate = gate().upstream(&primary).tenant("acme").tenant("globex").config(two).start().await;
    primary.set_faults(faults(r#"{"latency_ms":50}"#));
    let stored = bcrypt::hash("llmk_known123_right", 10).unwrap();
    gate.import_key("globex", "known123", &stored).await;
    assert_eq!(gate.chat("Hi").send().await.status, 200);
    let quiet = p99_of_good(&gate).await;
    let flood = Flood::start(gate.address(), 1_000, |at| format!("llmk_known123_wrong{at}"));
    let felt = p99_of_good(&gate).await;
    // Keys that nobody has seen yet need a hash of their own, and get their turn.
    for _ in 0..3 {
        let fresh = gate.create_key("acme", KeyTerms::default()).await;
        assert_eq!(gate.chat("Hi").bearer(&fresh).send().await.status, 200);
    }
    let answers = flood.stop();
    let (refused, throttled) = (answers.refused, answers.throttled);
    eprintln!("R31: {:.0} wrong secrets a second; p99 {quiet:?} without, {felt:?} with the flood", answers.rate());
    assert_eq!(refused + throttled, answers.sent, "nothing else is answered");
    assert!(throttled > refused, "the excess is told to wait: {throttled} of {}", answers.sent);
    let began = Instant::now();
    assert!(!bcrypt::verify("llmk_known123_other", &stored).unwrap());
    let one_hash = began.elapsed().as_secs_f64();
    let hashed = f64::from(u32::try_from(refused).unwrap()) * one_hash;
    assert!(hashed < answers.span.as_secs_f64() * 1.5, "{refused} hashes of {one_hash:.3} s: more than one thread");
    assert!(felt <= quiet * 2, "p99 {felt:?} against {quiet:?}");
    let told = gate.chat("Hi").bearer("llmk_known123_right").send().await;
    assert!([200, 429].contains(&told.status.as_u16()), "the right secret was never refused");
    eventually("the right one's turn", async || {
        gate.chat("Hi").bearer("llmk_known123_right").send().await.status == 200
    })
    .await;
}

/// A thread that sends bad credentials over connections that it keeps.
struct Flood {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Answers>,
    began: Instant,
}

/// What came of a flood.
#[derive(Default)]
struct Answers {
    sent: usize,
    /// 401.
    refused: usize,
    /// 429.
    throttled: usize,
    span: Duration,
}

const CONNECTIONS: u32 = 64;

impl Flood {
    /// Sends up to `rate` credentials a second; `credential` is asked for each by its number.
    fn start(address: SocketAddr, rate: u32, credential: impl Fn(usize) -> String + Send + Sync + 'static) -> Flood {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, credential) = (stop.clone(), Arc::new(credential));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let numbers = Arc::new(AtomicUsize::new(0));
                let senders = (0..CONNECTIONS).map(|_| {
                    let (stopped, numbers, credential) = (stopped.clone(), numbers.clone(), credential.clone());
                    let next = move || credential(numbers.fetch_add(1, Ordering::Relaxed));
                    tokio::spawn(async move { send_bad(address, rate, next, &stopped).await })
                });
                let mut all = Answers::default();
                for sender in senders.collect::<Vec<_>>() {
                    all.add(&sender.await.unwrap());
                }
                all
            })
        });
        Flood { stop, thread, began: Instant::now() }
    }

    fn stop(self) -> Answers {
        self.stop.store(true, Ordering::Relaxed);
        let answers = self.thread.join().unwrap();
        Answers { span: self.began.elapsed(), ..answers }
    }
}

impl Answers {
    fn add(&mut self, other: &Answers) {
        self.sent += other.sent;
        self.refused += other.refused;
        self.throttled += other.throttled;
    }

    fn rate(&self) -> f64 {
        f64::from(u32::try_from(self.sent).unwrap()) / self.span.as_secs_f64()
    }
}

async fn send_bad(address: SocketAddr, rate: u32, next: impl Fn() -> String, stop: &AtomicBool) -> Answers {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    let mut pace = tokio::time::interval(Duration::from_secs(1) * CONNECTIONS / rate);
    let mut answers = Answers::default();
    while !stop.load(Ordering::Relaxed) {
        pace.tick().await;
        let request =
            Request::get("/v1/models").header("host", "gate").header("authorization", format!("Bearer {}", next()));
        let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        answers.refused += usize::from(response.status() == 401);
        answers.throttled += usize::from(response.status() == 429);
        answers.sent += 1;
        response.into_body().collect().await.unwrap();
    }
    answers
}
