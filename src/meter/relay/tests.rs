use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use tokio::sync::mpsc;

use super::*;
use crate::meter::Answer;
use crate::telemetry::{self, LogSink};

impl Guard for () {
    fn upstream_failed(&self) {}
}

/// An upstream's body that is told what comes. An `Err` is a reset, and dropping the sender the polite end.
struct Told(mpsc::UnboundedReceiver<Result<Bytes, io::Error>>);

impl Body for Told {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(context).map(|told| told.map(|told| told.map(Frame::data)))
    }
}

/// One that always has more, and counts what was taken.
struct Endless {
    chunk: Bytes,
    taken: Arc<AtomicUsize>,
}

impl Body for Endless {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.taken.fetch_add(self.chunk.len(), Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(self.chunk.clone()))))
    }
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How a story begins.
struct Scene {
    protocol: Option<Protocol>,
    media: &'static str,
    idle_timeout: Duration,
    keep_alive: Duration,
}

impl Default for Scene {
    fn default() -> Scene {
        Scene {
            protocol: Some(Protocol::ChatCompletions),
            media: "text/event-stream",
            idle_timeout: Duration::from_secs(20),
            keep_alive: Duration::ZERO,
        }
    }
}

/// A relay under way.
struct Story<B> {
    answer: Answer<B, ()>,
    principal: Ended,
    closing: Closing,
    /// How often the event that ends a broken stream was asked for.
    asked: Arc<AtomicUsize>,
    sink: LogSink,
    written: Written,
}

const ERROR_EVENT: &str = "data: {\"error\":";

impl Scene {
    fn of(protocol: Protocol) -> Scene {
        Scene { protocol: Some(protocol), ..Scene::default() }
    }

    fn told(self) -> (mpsc::UnboundedSender<Result<Bytes, io::Error>>, Story<Told>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (sender, self.relay(Told(receiver)))
    }

    fn relay<B: Body<Data = Bytes> + Unpin>(self, upstream: B) -> Story<B> {
        let written = Written::default();
        let sink = LogSink::to(written.clone());
        let log = RequestLog::new(&sink, &telemetry::Config::default(), "id".into(), "peer".into(), "POST".into());
        let (principal, closing) = (Ended::default(), Closing::default());
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let error_event = move |broken: Broken, number: u64| {
            counted.fetch_add(1, Ordering::Relaxed);
            Bytes::from(format!("{ERROR_EVENT}\"{broken:?} {number}\"}}\n\n"))
        };
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(self.media))]);
        let terms = Terms {
            idle_timeout: self.idle_timeout,
            keep_alive: self.keep_alive,
            protocol: self.protocol,
            revocable: Some(&principal),
            closing: &closing,
        };
        let relay = Relay::new(upstream, &headers, terms, (), Box::new(log), error_event);
        Story { answer: Answer::Relayed(Box::new(relay)), principal, closing, asked, sink, written }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Story<B> {
    async fn piece(&mut self) -> Option<Result<String, Broken>> {
        let frame = tokio::time::timeout(Duration::from_secs(10), self.answer.frame()).await.unwrap()?;
        Some(frame.map(|frame| String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()))
    }

    /// All that is left, and how the log has it.
    async fn rest(mut self) -> (String, String) {
        let mut text = String::new();
        while let Some(piece) = self.piece().await {
            text.push_str(&piece.unwrap());
            assert!(text.len() < 1 << 20, "it ends");
        }
        (text, self.outcome())
    }

    fn outcome(self) -> String {
        drop(self.answer);
        self.sink.flush();
        let line: serde_json::Value = serde_json::from_slice(&self.written.0.lock().unwrap()).unwrap();
        line["outcome"].as_str().unwrap().to_owned()
    }
}

const DELTA: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n";

fn wholes() -> [(Protocol, String); 4] {
    let done = "data: [DONE]\n\n";
    let stop = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let delta = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{}}\n\n";
    let text = "data: {\"type\":\"response.output_text.delta\",\"sequence_number\":7}\n\n";
    let completed = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{}}\n\n";
    [
        (Protocol::ChatCompletions, format!("{DELTA}{done}")),
        (Protocol::Completions, format!("data: {{\"choices\":[{{\"text\":\"Hi\"}}]}}\n\n{done}")),
        (Protocol::Messages, format!("{delta}{stop}")),
        (Protocol::Responses, format!("{text}{completed}")),
    ]
}

fn event(text: &str) -> Result<Bytes, io::Error> {
    Ok(Bytes::copy_from_slice(text.as_bytes()))
}

fn reset() -> Result<Bytes, io::Error> {
    Err(io::ErrorKind::ConnectionReset.into())
}

#[tokio::test]
async fn truncated_stream_is_an_error_although_its_upstream_ended_politely() {
    for (protocol, whole) in wholes() {
        let first = whole.find("\n\n").unwrap() + 2;
        // Behind the first event, and within the last.
        for cut in [0, first, first + 8, whole.len() - 3] {
            let (upstream, story) = Scene::of(protocol).told();
            let asked = story.asked.clone();
            upstream.send(event(&whole[..cut])).unwrap();
            drop(upstream);
            let (text, outcome) = story.rest().await;
            let passed = whole[..cut].rfind("\n\n").map_or(0, |at| at + 2);
            let number = if protocol == Protocol::Responses && passed > 0 { 8 } else { 0 };
            let expected = format!("{}{ERROR_EVENT}\"Truncated {number}\"}}\n\n", &whole[..passed]);
            assert_eq!((text, outcome.as_str()), (expected, "upstream_failed"), "{protocol:?} at {cut}");
            assert_eq!(asked.load(Ordering::Relaxed), 1);
        }
    }
}

#[tokio::test]
async fn whole_stream_is_complete_whatever_becomes_of_its_connection() {
    for (protocol, whole) in wholes() {
        for fate in ["end", "reset", "silence", "reset in garbage", "revoked", "closing"] {
            let idle_timeout = Duration::from_millis(30);
            let (upstream, mut story) = Scene { idle_timeout, ..Scene::of(protocol) }.told();
            let asked = story.asked.clone();
            upstream.send(event(&whole)).unwrap();
            let mut text = story.piece().await.unwrap().unwrap();
            match fate {
                "reset" => upstream.send(reset()).unwrap(),
                "reset in garbage" => {
                    upstream.send(event(": and")).unwrap();
                    upstream.send(reset()).unwrap();
                }
                "revoked" => story.principal.end(),
                "closing" => story.closing.close(),
                _ => {}
            }
            let _held = (fate != "end").then_some(upstream);
            let (rest, outcome) = story.rest().await;
            text.push_str(rest.trim_end_matches(": and"));
            assert_eq!((text.as_str(), outcome.as_str()), (whole.as_str(), "complete"), "{protocol:?}: {fate}");
            assert_eq!(asked.load(Ordering::Relaxed), 0);
        }
    }
}

#[tokio::test]
async fn stream_that_ends_without_a_last_line_end_is_whole_where_it_says_done() {
    let (upstream, story) = Scene::default().told();
    upstream.send(event(DELTA)).unwrap();
    upstream.send(event("data: [DONE]")).unwrap();
    drop(upstream);
    assert_eq!(story.rest().await, (format!("{DELTA}data: [DONE]"), "complete".into()));
}

#[tokio::test]
async fn error_of_the_upstreams_own_is_not_told_twice() {
    let errors = [
        (Protocol::ChatCompletions, "data: {\"error\":{\"message\":\"no\"}}\n\n"),
        (Protocol::Messages, "event: error\ndata: {\"type\":\"error\",\"error\":{}}\n\n"),
        (Protocol::Responses, "event: response.failed\ndata: {\"type\":\"response.failed\"}\n\n"),
    ];
    for (protocol, error) in errors {
        for fate in ["end", "reset", "silence"] {
            let idle_timeout = Duration::from_millis(30);
            let (upstream, story) = Scene { idle_timeout, ..Scene::of(protocol) }.told();
            let asked = story.asked.clone();
            upstream.send(event(error)).unwrap();
            if fate == "reset" {
                upstream.send(reset()).unwrap();
            }
            let _held = (fate == "silence").then_some(upstream);
            assert_eq!(story.rest().await, (error.into(), "upstream_failed".into()), "{protocol:?}: {fate}");
            assert_eq!(asked.load(Ordering::Relaxed), 0);
        }
    }
}

#[tokio::test]
async fn stream_without_rules_ends_as_its_upstream_ends_it() {
    let (upstream, story) = Scene { protocol: None, ..Scene::default() }.told();
    upstream.send(event("data: 1\n\ndata: 2")).unwrap();
    drop(upstream);
    assert_eq!(story.rest().await, ("data: 1\n\ndata: 2".into(), "complete".into()));
    let (upstream, story) = Scene { protocol: None, ..Scene::default() }.told();
    upstream.send(event("data: 1\n\ndata: 2")).unwrap();
    upstream.send(reset()).unwrap();
    let expected = format!("data: 1\n\n{ERROR_EVENT}\"Reset 0\"}}\n\n");
    assert_eq!(story.rest().await, (expected, "upstream_failed".into()));
}

#[tokio::test]
async fn silent_upstream_is_covered_by_comments_until_it_speaks_or_was_silent_for_too_long() {
    let scene = || Scene { keep_alive: Duration::from_millis(20), ..Scene::default() };
    let (upstream, mut story) = scene().told();
    upstream.send(event(DELTA)).unwrap();
    assert_eq!(story.piece().await.unwrap().unwrap(), DELTA);
    let began = Instant::now();
    for _ in 0..2 {
        assert_eq!(story.piece().await.unwrap().unwrap(), ": keep-alive\n\n");
    }
    assert!(began.elapsed() >= Duration::from_millis(40));
    // An event that came in part stays held back, so that the client still is between two.
    upstream.send(event("data: [DO")).unwrap();
    assert_eq!(story.piece().await.unwrap().unwrap(), ": keep-alive\n\n");
    upstream.send(event("NE]\n\n")).unwrap();
    drop(upstream);
    assert_eq!(story.rest().await, ("data: [DONE]\n\n".into(), "complete".into()));

    let idle_timeout = Duration::from_millis(300);
    let (_upstream, story) = Scene { idle_timeout, ..scene() }.told();
    let began = Instant::now();
    let (text, outcome) = story.rest().await;
    assert!(began.elapsed() >= idle_timeout);
    let comments = text.matches(": keep-alive\n\n").count();
    assert!((1..=15).contains(&comments), "comments are no sign of life: {text}");
    assert!(text.ends_with("\"Stalled 0\"}\n\n"), "{text}");
    assert_eq!(outcome, "upstream_failed");
}

#[tokio::test]
async fn no_comment_stands_within_an_event_or_behind_the_last_or_in_another_body() {
    let scene = || Scene {
        keep_alive: Duration::from_millis(10),
        idle_timeout: Duration::from_millis(100),
        ..Scene::default()
    };
    let torn = format!("data: {}", "x".repeat(20 << 10));
    let (upstream, story) = scene().told();
    upstream.send(event(&torn)).unwrap();
    let expected = format!("{torn}\n\n{ERROR_EVENT}\"Stalled 0\"}}\n\n");
    assert_eq!(story.rest().await, (expected, "upstream_failed".into()));

    let (upstream, story) = scene().told();
    upstream.send(event("data: [DONE]\n\n")).unwrap();
    assert_eq!(story.rest().await, ("data: [DONE]\n\n".into(), "complete".into()));

    let (upstream, mut story) = Scene { media: "application/json", ..scene() }.told();
    upstream.send(event("{")).unwrap();
    assert_eq!(story.piece().await.unwrap().unwrap(), "{");
    assert_eq!(story.piece().await.unwrap(), Err(Broken::Stalled));
    assert_eq!(story.outcome(), "upstream_failed");

    let (_upstream, story) = Scene { keep_alive: Duration::ZERO, ..scene() }.told();
    assert_eq!(story.rest().await.0, format!("{ERROR_EVENT}\"Stalled 0\"}}\n\n"));
}

#[tokio::test]
async fn closing_ends_a_stream_with_a_word_and_leaves_other_bodies_alone() {
    let (upstream, mut story) = Scene::default().told();
    upstream.send(event(DELTA)).unwrap();
    story.piece().await.unwrap().unwrap();
    story.closing.close();
    assert_eq!(story.rest().await, (format!("{ERROR_EVENT}\"ShuttingDown 0\"}}\n\n"), "shut_down".into()));
    drop(upstream);

    let (upstream, mut story) = Scene { media: "application/json", ..Scene::default() }.told();
    upstream.send(event("{")).unwrap();
    story.piece().await.unwrap().unwrap();
    story.closing.close();
    upstream.send(event("}")).unwrap();
    drop(upstream);
    assert_eq!(story.rest().await, ("}".into(), "complete".into()));
}

/// An upstream that is never waited for must not keep a stream from its end.
#[tokio::test]
async fn stream_whose_upstream_always_has_more_is_interrupted_all_the_same() {
    for revoked in [true, false] {
        let upstream = Endless { chunk: Bytes::from_static(DELTA.as_bytes()), taken: Arc::default() };
        let mut story = Scene::default().relay(upstream);
        story.piece().await.unwrap().unwrap();
        if revoked {
            story.principal.end()
        } else {
            story.closing.close()
        }
        let (text, outcome) = story.rest().await;
        assert!(text.len() < 2 * GATHERED_BYTES_MAX, "{}", text.len());
        assert_eq!(outcome, if revoked { "revoked" } else { "shut_down" });
    }
}

/// What hyper holds is counted in pieces, and what is held here in bytes (promise R16).
#[tokio::test]
async fn r16_pieces_are_small_and_little_is_taken_ahead_of_them() {
    let unfinished = || format!("data: {}", "x".repeat((16 << 10) - 6));
    for (media, chunk) in [
        ("text/event-stream", DELTA.to_owned()),
        ("text/event-stream", DELTA.repeat(300)),
        ("text/event-stream", unfinished()),
        ("application/json", "x".repeat(16 << 10)),
        ("application/json", "x".into()),
    ] {
        let taken = Arc::new(AtomicUsize::new(0));
        let upstream = Endless { chunk: chunk.clone().into(), taken: taken.clone() };
        let mut story = Scene { media, ..Scene::default() }.relay(upstream);
        let mut passed = 0;
        for _ in 0..500 {
            let piece = story.piece().await.unwrap().unwrap();
            assert!(piece.len() <= PIECE_BYTES_MAX, "{}", piece.len());
            passed += piece.len();
            let ahead = taken.load(Ordering::Relaxed) - passed;
            assert!(ahead <= GATHERED_BYTES_MAX + chunk.len(), "{ahead} bytes of {media} in {}", chunk.len());
        }
    }
}
