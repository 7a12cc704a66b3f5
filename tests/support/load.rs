//! A steady load from many connections, and what came of each request.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// What is asked for with each credential.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route {
    /// `GET /auth/me`: the gate alone.
    Me,
    /// A chat completion, by way of the provider.
    Chat,
}

/// Requests that go on until they are told to end.
pub(crate) struct Load {
    over: Arc<AtomicBool>,
    workers: Vec<JoinHandle<Vec<Sample>>>,
}

/// One request and its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// When it was sent.
    pub(crate) at: Instant,
    /// Zero where none came.
    pub(crate) status: u16,
    pub(crate) took: Duration,
}

/// What came of a load.
#[derive(Debug)]
pub(crate) struct Samples(pub(crate) Vec<Sample>);

impl Load {
    /// So many requests a second in all, from so many connections, to the gates by turns; each takes the next credential,
    /// and begins again at the first. Where answers are slow, there are fewer.
    pub(crate) fn start(
        gates: &[SocketAddr],
        route: Route,
        credentials: Vec<String>,
        per_second: u32,
        connections: u32,
    ) -> Load {
        let over = Arc::new(AtomicBool::new(false));
        let next = Arc::new(AtomicUsize::new(0));
        let credentials = Arc::new(credentials);
        let pause = Duration::from_secs(1) * connections / per_second;
        let workers = (0..connections).map(|number| {
            let mut line = Line::new(gates[number as usize % gates.len()]);
            let (over, next, credentials) = (over.clone(), next.clone(), credentials.clone());
            tokio::spawn(async move {
                // Spread over the first pause, so that the load is even from its beginning.
                tokio::time::sleep(pause * number / connections).await;
                let mut interval = tokio::time::interval(pause);
                interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                let mut samples = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    interval.tick().await;
                    let credential = &credentials[next.fetch_add(1, Ordering::Relaxed) % credentials.len()];
                    samples.push(line.send(route, credential).await);
                }
                samples
            })
        });
        let workers = workers.collect();
        Load { over, workers }
    }

    pub(crate) async fn end(self) -> Samples {
        self.over.store(true, Ordering::Relaxed);
        let mut samples = Vec::new();
        for worker in self.workers {
            samples.extend(worker.await.unwrap());
        }
        samples.sort_by_key(|sample| sample.at);
        Samples(samples)
    }
}

impl Samples {
    /// How many there were of each status.
    pub(crate) fn statuses(&self) -> BTreeMap<u16, usize> {
        self.0.iter().fold(BTreeMap::new(), |mut statuses, sample| {
            *statuses.entry(sample.status).or_default() += 1;
            statuses
        })
    }

    /// The time that this share of the requests took at most.
    pub(crate) fn percentile(&self, share: f64) -> Duration {
        let mut took: Vec<_> = self.0.iter().map(|sample| sample.took).collect();
        took.sort();
        let rank = (took.len() as f64 * share).ceil() as usize;
        took[rank.clamp(1, took.len()) - 1]
    }
}

/// One connection that is kept, and made again when it was lost.
pub(crate) struct Line {
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// A gate answers in any case.
const PATIENCE: Duration = Duration::from_secs(20);

impl Line {
    pub(crate) fn new(address: SocketAddr) -> Line {
        Line { address, sender: None }
    }

    pub(crate) async fn send(&mut self, route: Route, credential: &str) -> Sample {
        let at = Instant::now();
        let status = match tokio::time::timeout(PATIENCE, self.status(route, credential)).await {
            Ok(Some(status)) => status,
            Ok(None) | Err(_) => {
                self.sender = None;
                0
            }
        };
        Sample { at, status, took: at.elapsed() }
    }

    async fn status(&mut self, route: Route, credential: &str) -> Option<u16> {
        if self.sender.as_ref().is_none_or(SendRequest::is_closed) {
            self.sender = Some(connect(self.address).await?);
        }
        let sender = self.sender.as_mut()?;
        sender.ready().await.ok()?;
        let response = sender.send_request(request(self.address, route, credential)).await.ok()?;
        let status = response.status().as_u16();
        response.into_body().collect().await.ok()?;
        Some(status)
    }
}

async fn connect(address: SocketAddr) -> Option<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}

fn request(address: SocketAddr, route: Route, credential: &str) -> Request<Full<Bytes>> {
    let (method, target, body) = match route {
        Route::Me => (Method::GET, "/auth/me", Bytes::new()),
        Route::Chat => (Method::POST, "/v1/chat/completions", Bytes::from_static(CHAT)),
    };
    let request = Request::builder().method(method).uri(target).header("host", address.to_string());
    let request = request.header("authorization", format!("Bearer {credential}"));
    request.header("content-type", "application/json").body(Full::new(body)).unwrap()
}

const CHAT: &[u8] = br#"{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}"#;
