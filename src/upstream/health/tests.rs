use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::*;
use crate::route::Dialect;
use crate::tls;
use crate::upstream::breaker::{Admission, State};
use crate::upstream::config::{Apis, BaseUrl, BreakerConfig, Metadata, Protocol, Timeouts};

/// An upstream that answers each GET as it was told last: with a status, or with nothing (0).
struct Server {
    url: String,
    answer: Arc<Mutex<u16>>,
    /// The heads that it was sent.
    asked: UnboundedReceiver<String>,
}

async fn server() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base/v1", listener.local_addr().unwrap());
    let answer = Arc::new(Mutex::new(200));
    let (heard, asked) = unbounded_channel();
    let told = answer.clone();
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let status = *told.lock().unwrap();
            if status > 0 {
                let answer = format!("HTTP/1.1 {status} Told\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            held.push(stream);
            drop(heard.send(String::from_utf8(head).unwrap()));
        }
    });
    Server { url, answer, asked }
}

impl Server {
    /// Until it was asked so often from now on.
    async fn is_asked(&mut self, times: usize) {
        while self.asked.try_recv().is_ok() {}
        for _ in 0..times {
            timeout(Duration::from_secs(10), self.asked.recv()).await.unwrap().unwrap();
        }
    }

    fn answers(&self, status: u16) {
        *self.answer.lock().unwrap() = status;
    }
}

fn check(url: &str, health: Option<HealthCheck>) -> (Option<Check>, Arc<Breaker>) {
    let upstream = Upstream {
        name: "primary".into(),
        dialect: Dialect::OpenAi,
        base: BaseUrl::parse(url).unwrap(),
        credential: None,
        metadata: Metadata { headers: false, body: false },
        protocol: Protocol::Auto,
        model: None,
        timeouts: Timeouts::default(),
        apis: Apis::of(Dialect::OpenAi),
        health,
        ca_file: None,
    };
    let breaker = Breaker::new(BreakerConfig::default());
    (Check::new(&upstream, tls::client_config(None).unwrap(), vec![breaker.clone()]).unwrap(), breaker)
}

fn health() -> HealthCheck {
    let (interval, timeout) = (Duration::from_millis(20), Duration::from_millis(200));
    HealthCheck { path: "/v1/models".into(), interval, timeout, failures: 3 }
}

fn state(breaker: &Breaker) -> State {
    breaker.state(Instant::now())
}

async fn becomes(breaker: &Breaker, wanted: State) {
    let waiting = async {
        while state(breaker) != wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), waiting).await.unwrap_or_else(|_| panic!("it is {:?}", state(breaker)));
}

#[tokio::test]
async fn upstream_that_fails_its_checks_is_left_alone_until_it_passes_one() {
    let mut server = server().await;
    let (check, breaker) = check(&server.url, Some(health()));
    let checks = [check.unwrap()];
    let story = async {
        server.is_asked(3).await;
        assert_eq!(state(&breaker), State::Closed);
        for bad in [503, 429, 0] {
            server.answers(bad);
            becomes(&breaker, State::Open).await;
            server.is_asked(2).await;
            assert!(matches!(breaker.admit(Instant::now()), Admission::Shut { .. }), "{bad}");
            server.answers(401);
            becomes(&breaker, State::HalfOpen).await;
            let Admission::Admitted(probe) = breaker.admit(Instant::now()) else { panic!("one probe is let in") };
            probe.succeeded(Instant::now());
            assert_eq!(state(&breaker), State::Closed);
        }
    };
    tokio::select! {
        () = watch(&checks) => unreachable!("it goes on for ever"),
        () = story => {}
    }
}

#[tokio::test]
async fn check_is_a_get_behind_the_base_path_without_a_credential() {
    let mut server = server().await;
    let (check, _breaker) = check(&server.url, Some(health()));
    check.unwrap().ask().await.unwrap();
    let head = server.asked.recv().await.unwrap().to_lowercase();
    assert!(head.starts_with("get /base/v1/models http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nhost: 127.0.0.1:"), "{head}");
    assert!(!head.contains("authorization") && !head.contains("api-key"), "{head}");
}

#[tokio::test]
async fn upstream_is_not_ill_before_so_many_failures_in_a_row() {
    let (check, breaker) = check("http://127.0.0.1:1", Some(health()));
    let check = check.unwrap();
    let mut failures = 0;
    for _ in 0..3 {
        check.tell(&mut failures, Err(Failure::Status(500)));
        check.tell(&mut failures, Err(Failure::Status(500)));
        check.tell(&mut failures, Ok(()));
    }
    check.tell(&mut failures, Err(Failure::Status(500)));
    check.tell(&mut failures, Err(Failure::Status(500)));
    assert_eq!(state(&breaker), State::Closed);
    check.tell(&mut failures, Err(Failure::Status(500)));
    assert_eq!(state(&breaker), State::Open);
}

#[tokio::test]
async fn answers_below_500_are_well_but_429_and_silence_is_ill_after_the_timeout() {
    let server = server().await;
    let (check, _breaker) = check(&server.url, Some(health()));
    let check = check.unwrap();
    for (status, is_well) in
        [(200, true), (301, true), (404, true), (499, true), (429, false), (500, false), (529, false)]
    {
        server.answers(status);
        assert_eq!(check.ask().await.is_ok(), is_well, "{status}");
    }
    server.answers(0);
    let started = Instant::now();
    assert!(matches!(check.ask().await, Err(Failure::Timeout(_))));
    assert!(started.elapsed() >= health().timeout);
}

#[tokio::test]
async fn upstream_without_a_check_is_not_asked() {
    let (check, _breaker) = check("http://127.0.0.1:1", None);
    assert!(check.is_none());
    watch(&[]).await;
}
