//! A client that does not read costs little: what waits for it waits at the upstream, or in the kernel.
//!
//! The kernel tells how much of each connection it holds itself (proc(5), `/proc/net/tcp`). What the gate has taken of the
//! upstream and neither the kernel nor the client has, the gate holds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::*;

/// What is promised.
const HELD_BYTES_MAX: usize = 64 << 10;
/// Of the kernel's buffers at both ends, so that little waits there.
const SOCKET_BYTES: u32 = 16 << 10;

/// A provider that never comes to an end, and counts what it could write.
struct Fountain {
    address: SocketAddr,
    /// What it writes over and over again, and how much of that is what it says.
    piece: Arc<[u8]>,
    said_bytes: usize,
    written: Arc<AtomicUsize>,
}

impl Fountain {
    /// Sends an event again and again, in chunks.
    async fn of_events(bytes: usize) -> Fountain {
        let event = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n", "x".repeat(bytes));
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        Fountain::start(head, format!("{:x}\r\n{event}\r\n", event.len()).into_bytes(), event.len()).await
    }

    /// Sends one body that is as good as endless.
    async fn of_bytes() -> Fountain {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000000\r\n\r\n";
        Fountain::start(head, vec![b'x'; 64 << 10], 64 << 10).await
    }

    async fn start(head: &'static str, piece: Vec<u8>, said_bytes: usize) -> Fountain {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(SOCKET_BYTES).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1024).unwrap();
        let address = listener.local_addr().unwrap();
        let fountain = Fountain { address, piece: piece.into(), said_bytes, written: Arc::default() };
        let (piece, written) = (fountain.piece.clone(), fountain.written.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (piece, written) = (piece.clone(), written.clone());
                tokio::spawn(async move { drop(pour(stream, head, &piece, &written).await) });
            }
        });
        fountain
    }

    /// How much of what it said the gate has taken, once it takes no more.
    async fn taken(&self) -> usize {
        let written = self.dry().await;
        (written - in_kernel(self.address.port())) * self.said_bytes / self.piece.len()
    }

    /// Comes back once nothing more can be written: for half a second no byte was.
    async fn dry(&self) -> usize {
        let mut before = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let written = self.written.load(Ordering::Relaxed);
            if written > 0 && written == before {
                return written;
            }
            before = written;
        }
    }
}

async fn pour(mut stream: TcpStream, head: &str, piece: &[u8], written: &AtomicUsize) -> std::io::Result<()> {
    let mut request = [0; 4 << 10];
    // It is small, and comes as a whole.
    if stream.read(&mut request).await? == 0 {
        return Ok(());
    }
    stream.write_all(head.as_bytes()).await?;
    loop {
        let mut left = piece;
        while !left.is_empty() {
            let count = stream.write(left).await?;
            written.fetch_add(count, Ordering::Relaxed);
            left = &left[count..];
        }
    }
}

/// Bytes that the kernel holds of all connections with this port at either end.
fn in_kernel(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let ours = format!(":{port:04X}");
    let mut bytes = 0;
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, remote, state, queues) = (fields[1], fields[2], fields[3], fields[4]);
        const ESTABLISHED: &str = "01";
        if state == ESTABLISHED && (local.ends_with(&ours) || remote.ends_with(&ours)) {
            let (sent, received) = queues.split_once(':').unwrap();
            bytes += usize::from_str_radix(sent, 16).unwrap() + usize::from_str_radix(received, 16).unwrap();
        }
    }
    bytes
}

const CHAT: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;

async fn gate_before(fountain: &Fountain) -> Gate {
    gate()
        .upstream_at(fountain.address, "any", "")
        .tenant("acme")
        .config("telemetry: { requests: false }")
        .start()
        .await
}

/// A connection with small buffers, so that little of what is sent waits in the kernel.
async fn connect(gate: &Gate) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(SOCKET_BYTES).unwrap();
    socket.connect(gate.address()).await.unwrap()
}

/// A connection that has asked over HTTP/1.1, and reads nothing.
async fn ask(gate: &Gate) -> TcpStream {
    let mut client = connect(gate).await;
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{CHAT}",
        gate.key("acme"),
        CHAT.len(),
    );
    client.write_all(request.as_bytes()).await.unwrap();
    client
}

/// The same over HTTP/2, of which the client allows more than it reads.
async fn ask_over_http2(gate: &Gate) -> OwnedReadHalf {
    let (from_gate, mut to_gate) = connect(gate).await.into_split();
    let (client, wire) = tokio::io::duplex(64 << 10);
    tokio::spawn(async move {
        let (mut from_client, _to_client) = tokio::io::split(wire);
        drop(tokio::io::copy(&mut from_client, &mut to_gate).await);
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(1 << 30).initial_connection_window_size(1 << 30);
    let (mut sender, connection) = builder.handshake(TokioIo::new(client)).await.unwrap();
    let request = Request::post(format!("http://{}/v1/chat/completions", gate.address()))
        .header("x-api-key", gate.key("acme"))
        .header("content-type", "application/json");
    let request = request.body(Full::new(Bytes::from(CHAT))).unwrap();
    tokio::spawn(async move { drop(connection.await) });
    tokio::spawn(async move { drop(sender.send_request(request).await) });
    from_gate
}

/// How much of the body is in the first bytes of an answer.
fn body_bytes(answer: &[u8]) -> usize {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let (head, mut body) = answer.split_at(end);
    if !String::from_utf8_lossy(head).contains("chunked") {
        return body.len();
    }
    let mut bytes = 0;
    while let Some(line) = body.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&body[..line]).unwrap(), 16).unwrap();
        body = &body[line + 2..];
        bytes += size.min(body.len());
        body = &body[(size + 2).min(body.len())..];
    }
    bytes
}

/// How much of bodies is in the first frames of a connection (RFC 9113, section 4.1).
fn data_bytes(mut frames: &[u8]) -> usize {
    const DATA: u8 = 0;
    let mut bytes = 0;
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = frames {
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        let (payload, rest) = rest.split_at(length.min(rest.len()));
        bytes += if *kind == DATA { payload.len() } else { 0 };
        frames = rest;
    }
    bytes
}

async fn fountains() -> [Fountain; 4] {
    [
        Fountain::of_events(200).await,
        Fountain::of_events(30_000).await,
        Fountain::of_events(3_000_000).await,
        Fountain::of_bytes().await,
    ]
}

#[tokio::test]
async fn r16_client_that_does_not_read_has_64_kib_buffered_at_most() {
    for fountain in fountains().await {
        let gate = gate_before(&fountain).await;
        let mut client = ask(&gate).await;
        let taken = fountain.taken().await;
        let mut sent = vec![0; in_kernel(gate.address().port())];
        client.read_exact(&mut sent).await.unwrap();
        let held = taken - body_bytes(&sent);
        assert!(held <= HELD_BYTES_MAX, "{held} bytes of {taken}, {} a time", fountain.said_bytes);
    }
}

#[tokio::test]
async fn r16_client_that_does_not_read_over_http2_has_64_kib_buffered_at_most() {
    for fountain in fountains().await {
        let gate = gate_before(&fountain).await;
        let mut client = ask_over_http2(&gate).await;
        let taken = fountain.taken().await;
        let mut sent = vec![0; in_kernel(gate.address().port())];
        client.read_exact(&mut sent).await.unwrap();
        let held = taken - data_bytes(&sent);
        assert!(held <= HELD_BYTES_MAX, "{held} bytes of {taken}, {} a time", fountain.said_bytes);
    }
}

/// The same for many at once, by the memory of a process that has provider, gate and clients in it, with two connections
/// for each of them. The buffers that a connection has anyway are 32 KiB of it.
#[tokio::test]
async fn r16_a_hundred_clients_that_do_not_read_cost_little_memory() {
    const CLIENTS: usize = 100;
    let fountain = Fountain::of_events(900).await;
    let gate = gate_before(&fountain).await;
    let mut clients = vec![ask(&gate).await];
    fountain.dry().await;
    let before = resident();
    for _ in 0..CLIENTS {
        clients.push(ask(&gate).await);
    }
    fountain.dry().await;
    let each = resident().saturating_sub(before) / CLIENTS;
    assert!(each <= 2 * HELD_BYTES_MAX, "{each} bytes a client");
}

/// What this process has in memory.
fn resident() -> usize {
    const PAGE_BYTES: usize = 4096;
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * PAGE_BYTES
}
