use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::AtomicU32;
use std::task::{Context, Poll, Waker};

use http_body_util::BodyExt;
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::*;
use crate::route::Dialect;
use crate::tls;
use crate::upstream::config::{Apis, BaseUrl, Metadata, Timeouts};

const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(200);

fn upstream(url: &str, protocol: Protocol, connect: Duration, tls: Duration) -> Upstream {
    Upstream {
        name: "primary".into(),
        dialect: Dialect::OpenAi,
        base: BaseUrl::parse(url).unwrap(),
        credential: None,
        metadata: Metadata { headers: false, body: false },
        protocol,
        model: None,
        timeouts: Timeouts { connect, tls, ..Timeouts::default() },
        apis: Apis::of(Dialect::OpenAi),
        health: None,
        ca_file: None,
    }
}

fn connections(url: &str, protocol: Protocol, connect: Duration, tls: Duration) -> Connections {
    let config = tls::client_config(None).unwrap();
    Connections::new(&upstream(url, protocol, connect, tls), config).unwrap()
}

fn to(address: SocketAddr, protocol: Protocol) -> Connections {
    connections(&format!("http://{address}"), protocol, LONG, LONG)
}

fn request() -> Request<Full<Bytes>> {
    let builder = Request::post("http://upstream.example/v1/chat/completions").header("host", "upstream.example");
    builder.body(Full::from("{}")).unwrap()
}

/// A listener whose backlog is full, so that the kernel drops whatever else knocks. Both are held.
async fn black_hole() -> (SocketAddr, (tokio::net::TcpListener, Vec<TcpStream>)) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(stream) = tokio::time::timeout(SHORT, TcpStream::connect(address)).await {
        held.push(stream.unwrap());
    }
    (address, (listener, held))
}

#[tokio::test]
async fn r02_upstream_that_drops_syns_times_out_by_the_connect_timeout() {
    let (address, _held) = black_hole().await;
    for scheme in ["http", "https"] {
        let connections = connections(&format!("{scheme}://{address}"), Protocol::Auto, SHORT, LONG);
        let started = Instant::now();
        let error = connections.send(request(), false).await.err().unwrap();
        assert!(matches!(error, ConnectionError::ConnectTimeout), "{error}");
        assert!(error.is_unprocessed());
        assert!((SHORT..SHORT * 5).contains(&started.elapsed()), "{:?}", started.elapsed());
    }
}

/// One of them connects for all, and all of them hear that it could not.
#[tokio::test]
async fn r02_burst_to_an_h2_upstream_that_drops_syns_fails_as_one() {
    let (address, _held) = black_hole().await;
    let connections = Arc::new(connections(&format!("http://{address}"), Protocol::Http2, SHORT, LONG));
    let started = Instant::now();
    let mut burst = JoinSet::new();
    for _ in 0..50 {
        let connections = connections.clone();
        burst.spawn(async move { connections.send(request(), false).await.err() });
    }
    for error in burst.join_all().await {
        assert!(matches!(error, Some(ConnectionError::ConnectTimeout)), "{error:?}");
    }
    assert!(started.elapsed() < SHORT * 5, "{:?}", started.elapsed());
    let started = Instant::now();
    connections.send(request(), false).await.err().unwrap();
    assert!(started.elapsed() >= SHORT, "whoever comes later tries anew");
}

#[tokio::test]
async fn upstream_that_never_shakes_hands_times_out_by_the_tls_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let connections = connections(&url, Protocol::Auto, LONG, SHORT);
    let started = Instant::now();
    let error = connections.send(request(), false).await.err().unwrap();
    assert!(matches!(error, ConnectionError::TlsTimeout), "{error}");
    assert!(error.is_unprocessed());
    assert!((SHORT..SHORT * 5).contains(&started.elapsed()), "{:?}", started.elapsed());
}

#[tokio::test]
async fn upstream_that_refuses_connections_or_speaks_no_tls_says_which() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answering = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        // The first of the client's bytes; the rest does not matter.
        stream.read_u8().await.unwrap();
    });
    let error = connections(&format!("https://{address}"), Protocol::Auto, LONG, LONG).send(request(), false).await;
    assert!(matches!(error, Err(ConnectionError::Tls(_))));
    answering.await.unwrap();
    let error = to(address, Protocol::Auto).send(request(), false).await.err().unwrap();
    assert!(matches!(&error, ConnectionError::Connect(cause) if cause.contains("refused")), "{error}");
}

/// What an h2 server does with the first request of a connection.
#[derive(Clone, Copy)]
enum Turn {
    Serve,
    /// RST_STREAM with REFUSED_STREAM.
    Refuse,
    /// RST_STREAM with INTERNAL_ERROR: it may have been processed.
    Reset,
    /// GOAWAY that says of no stream that it was processed.
    GoAwayBefore,
    /// GOAWAY that says of this stream that it was processed, and the end.
    GoAwayAfter,
}

/// An h2 server that speaks in frames made by hand. Its turns are the connections', the last for all that follow; tells
/// how many connections and requests there were.
async fn h2_server(turns: &'static [Turn]) -> (SocketAddr, Arc<[AtomicU32; 2]>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
    let tally = seen.clone();
    tokio::spawn(async move {
        for connection in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tally[0].fetch_add(1, Ordering::Relaxed);
            let turn = turns.get(connection).or(turns.last()).copied().unwrap();
            let tally = tally.clone();
            tokio::spawn(async move { drop(speak_h2(stream, turn, &tally[1]).await) });
        }
    });
    (address, seen)
}

async fn speak_h2(mut stream: TcpStream, turn: Turn, requests: &AtomicU32) -> std::io::Result<()> {
    stream.read_exact(&mut [0; 24]).await?;
    stream.write_all(&frame(4, 0, 0, &[])).await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        stream.read_exact(&mut vec![0; length as usize]).await?;
        let (kind, id) = (head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]]));
        if kind != 1 {
            continue;
        }
        requests.fetch_add(1, Ordering::Relaxed);
        let answer = match turn {
            // `:status: 200`, and no body.
            Turn::Serve => frame(1, 5, id, &[0x88]),
            Turn::Refuse => frame(3, 0, id, &7_u32.to_be_bytes()),
            Turn::Reset => frame(3, 0, id, &2_u32.to_be_bytes()),
            Turn::GoAwayBefore => frame(7, 0, 0, &[0; 8]),
            Turn::GoAwayAfter => frame(7, 0, 0, &[id.to_be_bytes(), [0; 4]].concat()),
        };
        stream.write_all(&answer).await?;
        if let Turn::GoAwayAfter = turn {
            return stream.shutdown().await;
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn counts(seen: &[AtomicU32; 2]) -> [u32; 2] {
    [seen[0].load(Ordering::Relaxed), seen[1].load(Ordering::Relaxed)]
}

#[tokio::test]
async fn request_that_h2_turned_away_is_served_by_a_fresh_connection() {
    for turns in [&[Turn::Refuse, Turn::Serve], &[Turn::GoAwayBefore, Turn::Serve]] {
        let (address, seen) = h2_server(turns).await;
        let connections = to(address, Protocol::Http2);
        let (response, _lease) = connections.send(request(), false).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(counts(&seen), [2, 2]);
        let (response, _lease) = connections.send(request(), false).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(counts(&seen), [2, 3], "and the next is sent where this one was served");
    }
}

#[tokio::test]
async fn request_that_h2_turned_away_twice_is_given_up() {
    for turns in [&[Turn::Refuse], &[Turn::GoAwayBefore]] {
        let (address, seen) = h2_server(turns).await;
        let error = to(address, Protocol::Http2).send(request(), false).await.err().unwrap();
        assert!(matches!(error, ConnectionError::Refused(_)), "{error}");
        assert!(error.is_unprocessed());
        assert_eq!(counts(&seen), [2, 2]);
    }
}

#[tokio::test]
async fn request_that_h2_may_have_processed_is_not_repeated() {
    for turns in [&[Turn::Reset], &[Turn::GoAwayAfter]] {
        let (address, seen) = h2_server(turns).await;
        let error = to(address, Protocol::Http2).send(request(), false).await.err().unwrap();
        assert!(matches!(error, ConnectionError::Broken { reused: false, .. }), "{error}");
        assert!(!error.is_unprocessed());
        assert_eq!(counts(&seen), [1, 1]);
    }
}

#[tokio::test]
async fn stream_that_was_reset_ends_no_connection() {
    let (address, seen) = h2_server(&[Turn::Reset]).await;
    let connections = to(address, Protocol::Http2);
    for _ in 0..3 {
        assert!(connections.send(request(), false).await.is_err());
    }
    assert_eq!(counts(&seen), [1, 3]);
}

/// All of a burst are refused by the connection that they shared; one other is opened for all of them.
#[tokio::test]
async fn burst_that_was_refused_shares_one_other_connection() {
    let (address, seen) = h2_server(&[Turn::Refuse, Turn::Serve]).await;
    let connections = Arc::new(to(address, Protocol::Http2));
    let mut burst = JoinSet::new();
    for _ in 0..50 {
        let connections = connections.clone();
        burst.spawn(async move { connections.send(request(), false).await.map(|(response, _)| response.status()) });
    }
    assert!(burst.join_all().await.iter().all(|status| status.as_ref().is_ok_and(|status| *status == 200)));
    assert_eq!(counts(&seen)[0], 2);
}

#[tokio::test]
async fn kept_connection_that_was_closed_meanwhile_is_replaced_unseen() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connections = to(listener.local_addr().unwrap(), Protocol::Http1);
    for _ in 0..3 {
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            assert!(stream.read(&mut head).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            // It says that it stays open, and does not.
            stream.shutdown().await.unwrap();
        };
        let client = async {
            let (response, lease) = connections.send(request(), false).await.unwrap();
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
            lease.give_back();
        };
        tokio::join!(server, client);
    }
}

/// An upstream whose answer never ends and is there as soon as it is read. Tells how much of it was read.
struct Endless {
    head: &'static [u8],
    /// Repeated for ever.
    body: Vec<u8>,
    asked: bool,
    waiting: Option<Waker>,
    read: Arc<AtomicUsize>,
}

impl Read for Endless {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        if !self.asked {
            self.waiting = Some(context.waker().clone());
            return Poll::Pending;
        }
        while buffer.remaining() > 0 {
            let at = self.read.load(Ordering::Relaxed);
            let rest = match at.checked_sub(self.head.len()) {
                None => &self.head[at..],
                Some(at) => &self.body[at % self.body.len()..],
            };
            let piece = &rest[..rest.len().min(buffer.remaining())];
            buffer.put_slice(piece);
            self.read.fetch_add(piece.len(), Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Endless {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.asked = true;
        self.waiting.take().into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Until nothing more happens of what is not waited for.
async fn settle() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn r16_no_more_is_read_of_http1_than_a_slow_client_may_cost() {
    const LENGTH: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n";
    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for chunk in [None, Some(100), Some(10_000), Some(1 << 20)] {
        let body = vec![b'x'; chunk.unwrap_or(1 << 20)];
        let (head, body) = match chunk {
            None => (LENGTH, body),
            Some(chunk) => (CHUNKED, [format!("{chunk:x}\r\n").as_bytes(), &body, b"\r\n"].concat()),
        };
        let read = Arc::new(AtomicUsize::new(0));
        let connections = to("127.0.0.1:1".parse().unwrap(), Protocol::Http1);
        let server = Endless { head, body, asked: false, waiting: None, read: read.clone() };
        let sender = connections.begin(server, false).await.unwrap();
        let (response, _lease) = connections.send_on(sender, request()).await.map_err(|error| error.cause).unwrap();
        let mut body = response.into_body();
        let mut taken = 0;
        // Buffers grow while a client keeps up, and then it does not.
        for _ in 0..1000 {
            taken += body.frame().await.unwrap().unwrap().into_data().unwrap().len();
        }
        settle().await;
        // Chunks' sizes and line ends were read too, and say where a body ends.
        let framing = chunk.map_or(0, |chunk| (taken / chunk + 1) * (format!("{chunk:x}").len() + 4));
        let ahead = read.load(Ordering::Relaxed) - taken - framing;
        assert!(ahead <= READ_AHEAD_MAX, "{chunk:?}: {ahead}");
        assert!(ahead >= READ_AHEAD_MAX / 4, "nor so little that it would be slow: {chunk:?}: {ahead}");
    }
}

/// A client of an h2 stream that takes nothing costs its window, and the other streams nothing.
#[tokio::test]
async fn r16_no_more_is_read_of_h2_than_a_slow_client_may_cost_and_no_other_stream_waits_for_it() {
    const WHOLE: usize = 1 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connections = to(listener.local_addr().unwrap(), Protocol::Http2);
    let sent = Arc::new(AtomicUsize::new(0));
    let tally = sent.clone();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let tally = tally.clone();
            tokio::spawn(async move {
                let mut body = respond.send_response(Response::new(()), false).unwrap();
                let mut left = WHOLE;
                while left > 0 {
                    body.reserve_capacity(left);
                    let Some(Ok(room)) = std::future::poll_fn(|context| body.poll_capacity(context)).await else {
                        return;
                    };
                    tally.fetch_add(room, Ordering::Relaxed);
                    left -= room;
                    body.send_data(Bytes::from(vec![b'x'; room]), left == 0).unwrap();
                }
            });
        }
    });
    let mut slow = Vec::new();
    for _ in 1..STREAMS_MAX {
        slow.push(connections.send(request(), false).await.unwrap());
    }
    let (response, _lease) = connections.send(request(), false).await.unwrap();
    let whole = tokio::time::timeout(LONG, response.into_body().collect()).await;
    assert_eq!(whole.expect("it waits for nobody").unwrap().to_bytes().len(), WHOLE);
    let ahead = sent.load(Ordering::Relaxed) - WHOLE;
    assert_eq!(ahead, slow.len() * READ_AHEAD_MAX);
}

#[tokio::test]
async fn fresh_h2_connection_takes_the_place_of_those_that_were_kept() {
    let (address, seen) = h2_server(&[Turn::Serve]).await;
    let connections = to(address, Protocol::Http2);
    connections.send(request(), false).await.unwrap();
    let long_ago = Instant::now().checked_sub(FRESH).unwrap();
    lock(&connections.shared).iter_mut().for_each(|each| each.opened = long_ago);
    connections.send(request(), true).await.unwrap();
    connections.send(request(), true).await.unwrap();
    connections.send(request(), false).await.unwrap();
    assert_eq!(counts(&seen), [2, 4]);
    assert_eq!(lock(&connections.shared).len(), 1);
}
