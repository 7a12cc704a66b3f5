//! HTTP/2 on both sides, and TLS to the upstream.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::*;

#[tokio::test]
async fn client_that_speaks_http2_from_the_first_byte_is_served() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let stream = TcpStream::connect(gate.address()).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;
    let request = Request::post(format!("http://{}/v1/chat/completions", gate.address()))
        .header("x-api-key", gate.key("acme"))
        .header("content-type", "application/json")
        .header("x-tenant-id", "spoofed");
    let response = sender.send_request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    let text = response.into_body().collect().await.unwrap().to_bytes();
    assert!(text.ends_with(b"data: [DONE]\n\n"));
    assert_ne!(primary.requests().pop().unwrap().header("x-tenant-id"), Some("spoofed"));
}

#[tokio::test]
async fn upstream_behind_tls_is_spoken_to_in_the_protocol_it_negotiates() {
    let primary = provider("primary").await;
    for protocol in ["h2", "http/1.1"] {
        let tls = TlsFront::start(primary.addr(), protocol).await;
        let gate = tls.gate_before(&tls.authority()).await;
        for _ in 0..3 {
            assert_eq!(gate.chat("Hi").send().await.status, 200, "{protocol}");
        }
        assert!(gate.chat_stream("Hi").send().await.text().ends_with("data: [DONE]\n\n"));
    }
}

#[tokio::test]
async fn upstream_whose_certificate_nobody_vouches_for_is_not_spoken_to() {
    let primary = provider("primary").await;
    let tls = TlsFront::start(primary.addr(), "http/1.1").await;
    let stranger = TlsFront::start(primary.addr(), "http/1.1").await;
    let gate = tls.gate_before(&stranger.authority()).await;
    let reply = gate.chat("Hi").send().await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (502, "upstream_unreachable"));
    assert!(primary.requests().is_empty());
}

/// Terminates TLS with a certificate of its own and passes the bytes on.
struct TlsFront {
    address: SocketAddr,
    directory: tempfile::TempDir,
}

impl TlsFront {
    async fn start(behind: SocketAddr, protocol: &str) -> TlsFront {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), made.cert.pem()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut client) = acceptor.accept(stream).await else { return };
                    let mut server = TcpStream::connect(behind).await.unwrap();
                    drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
                });
            }
        });
        TlsFront { address, directory }
    }

    fn authority(&self) -> String {
        path_text(&self.directory.path().join("ca.pem"))
    }

    /// A gate whose upstream this is, and that trusts the authority in the file.
    async fn gate_before(&self, authority: &str) -> Gate {
        let more = format!("tls: {{ ca: '{authority}' }},");
        let url = format!("https://localhost:{}", self.address.port());
        gate().upstream_url(&url, "any", &more).tenant("acme").start().await
    }
}

fn path_text(path: &Path) -> String {
    path.display().to_string()
}
