//! A client that sends exactly what it is told, and keeps what it got.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A request to be sent.
#[derive(Clone)]
pub(crate) struct Ask {
    address: SocketAddr,
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// An answer of which the head has come. Dropping it closes the connection.
pub(crate) struct Stream {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    _connection: Connection,
}

/// Closes with its stream.
struct Connection(JoinHandle<()>);

/// No story waits longer than this.
const PATIENCE: Duration = Duration::from_secs(20);

impl Ask {
    pub(crate) fn new(address: SocketAddr, method: &str, target: &str) -> Ask {
        let (method, target) = (method.to_owned(), target.to_owned());
        Ask { address, method, target, headers: Vec::new(), body: Bytes::new() }
    }

    /// Adds a header; one more of the same name makes two.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Ask {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Takes a header out again.
    pub(crate) fn without(mut self, name: &str) -> Ask {
        self.headers.retain(|(held, _)| !held.eq_ignore_ascii_case(name));
        self
    }

    /// Puts a credential in place of the one there was.
    pub(crate) fn bearer(self, credential: &str) -> Ask {
        self.without("authorization").header("authorization", format!("Bearer {credential}"))
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Ask {
        self.body = Bytes::from(body.into());
        self
    }

    /// Sends it and reads the whole answer; panics where the answer breaks off.
    pub(crate) async fn send(self) -> Reply {
        self.try_send().await.unwrap()
    }

    pub(crate) async fn try_send(self) -> Result<Reply, hyper::Error> {
        let Stream { status, headers, body, _connection } = self.open().await?;
        let body = tokio::time::timeout(PATIENCE, body.collect()).await.expect("the answer ends")?.to_bytes();
        Ok(Reply { status, headers, body })
    }

    /// Sends it and waits for the head of the answer.
    pub(crate) async fn open(self) -> Result<Stream, hyper::Error> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let _connection = Connection(tokio::spawn(async move { drop(connection.await) }));
        let mut request = Request::builder().method(self.method.as_str()).uri(&self.target);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header("host", self.address.to_string());
        }
        for (name, value) in &self.headers {
            request = request.header(name, value.as_slice());
        }
        let sending = sender.send_request(request.body(Full::new(self.body)).unwrap());
        let response = tokio::time::timeout(PATIENCE, sending).await.expect("the answer begins")?;
        let (parts, body) = response.into_parts();
        Ok(Stream { status: parts.status, headers: parts.headers, body, _connection })
    }
}

impl Reply {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The machine-readable code of a refusal, in either dialect.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The data of each event.
    pub(crate) fn events(&self) -> Vec<String> {
        let text = self.text();
        text.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect()
    }
}

impl Stream {
    /// The next chunk; `None` at the end.
    pub(crate) async fn chunk(&mut self) -> Option<Result<Bytes, hyper::Error>> {
        let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("the next chunk comes")?;
        Some(frame.map(|frame| frame.into_data().unwrap_or_default()))
    }

    /// Everything until the end.
    pub(crate) async fn rest(mut self) -> String {
        let mut text = Vec::new();
        while let Some(chunk) = self.chunk().await {
            text.extend_from_slice(&chunk.unwrap());
        }
        String::from_utf8(text).unwrap()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Writes bytes as they are, and reads the status of the answer.
pub(crate) async fn raw_status(address: SocketAddr, bytes: &[u8]) -> String {
    let head = raw(address, bytes).await;
    head.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// Writes bytes as they are, and reads what comes until the connection closes or the first part of it.
pub(crate) async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The gate may answer and close before it has read everything.
    drop(stream.write_all(bytes).await);
    let mut answer = vec![0; 4096];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut answer)).await.expect("an answer comes");
    answer.truncate(read.unwrap_or(0));
    String::from_utf8_lossy(&answer).into_owned()
}
