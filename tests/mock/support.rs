//! A client that hides nothing: each call is one connection, and a broken one is an error rather than a retry.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use wardgate::cli::mock::{Faults, Options, Provider};

pub(crate) async fn provider(options: Options) -> Provider {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    Provider::start(listen, options).await.unwrap()
}

/// A provider called `primary` with these faults.
pub(crate) async fn faulty(faults: Faults) -> Provider {
    provider(Options { name: "primary".into(), faults, ..Options::default() }).await
}

/// Faults as the mock's own JSON has them.
pub(crate) fn faults(json: &str) -> Faults {
    Faults::parse(json.as_bytes()).unwrap()
}

pub(crate) fn chat(stream: bool) -> Value {
    json!({"model": "gpt-4.1", "stream": stream, "messages": [{"role": "user", "content": "good day"}]})
}

pub(crate) fn message(stream: bool) -> Value {
    json!({"model": "claude", "max_tokens": 9, "stream": stream,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "good day"}]}]})
}

/// An answer read to its end.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Whole {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The data of each event; `[DONE]` is a string.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = std::str::from_utf8(&self.body).unwrap();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data))).collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

pub(crate) fn request(method: Method, path: &str, headers: &[(&str, &str)], body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path).header("host", "mock");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(body)).unwrap()
}

/// Sends over HTTP/1.1 and returns at the head of the answer.
pub(crate) async fn send(addr: SocketAddr, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
    let stream = TcpStream::connect(addr).await.unwrap();
    let (mut sender, connection) = conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    sender.send_request(request).await
}

/// Sends over HTTP/2 with prior knowledge.
pub(crate) async fn send_h2(addr: SocketAddr, mut request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
    *request.uri_mut() = format!("http://{addr}{}", request.uri()).parse().unwrap();
    request.headers_mut().remove("host");
    let stream = TcpStream::connect(addr).await.unwrap();
    let (mut sender, connection) = conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    sender.send_request(request).await
}

pub(crate) async fn read(response: Response<Incoming>) -> hyper::Result<Whole> {
    let (head, body) = response.into_parts();
    Ok(Whole { status: head.status, headers: head.headers, body: body.collect().await?.to_bytes() })
}

/// With the version where Anthropic asks for it.
pub(crate) async fn try_post(addr: SocketAddr, path: &str, body: &Value) -> hyper::Result<Whole> {
    let body = Bytes::from(body.to_string());
    let headers = [VERSION];
    let headers = if path.starts_with("/v1/messages") { &headers[..] } else { &[] };
    read(send(addr, request(Method::POST, path, headers, body)).await?).await
}

pub(crate) const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

pub(crate) async fn post(addr: SocketAddr, path: &str, body: &Value) -> Whole {
    try_post(addr, path, body).await.unwrap()
}

pub(crate) async fn post_with(addr: SocketAddr, path: &str, headers: &[(&str, &str)], body: &Value) -> Whole {
    let request = request(Method::POST, path, headers, Bytes::from(body.to_string()));
    read(send(addr, request).await.unwrap()).await.unwrap()
}

pub(crate) async fn get(addr: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Whole {
    let request = request(Method::GET, path, headers, Bytes::new());
    read(send(addr, request).await.unwrap()).await.unwrap()
}

/// The next frame of a body as text; `None` at its end.
pub(crate) async fn frame(response: &mut Response<Incoming>) -> Option<String> {
    let frame = response.frame().await?.unwrap();
    Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
}

/// A request on a bare socket, for tests of what happens below HTTP.
pub(crate) async fn raw(addr: SocketAddr, path: &str, body: &Value) -> TcpStream {
    let body = body.to_string();
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!("POST {path} HTTP/1.1\r\nhost: mock\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Everything up to the end, and how the end came: `None` for FIN.
pub(crate) async fn drain(mut stream: TcpStream) -> (String, Option<std::io::ErrorKind>) {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await;
    (String::from_utf8(bytes).unwrap(), end.err().map(|error| error.kind()))
}
