//! An identity provider on this host: it has keys, hands out a key set, and signs tokens.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone)]
pub(crate) struct Idp {
    address: SocketAddr,
    /// Status line and body of the key set.
    answer: Arc<Mutex<(&'static str, String)>>,
    asked: Arc<AtomicUsize>,
}

/// A key that tokens are signed with, under the name that they give it.
pub(crate) struct IdpKey {
    kid: String,
    pair: Ed25519KeyPair,
}

impl Idp {
    pub(crate) async fn start(keys: &[&IdpKey]) -> Idp {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let idp = Idp { address, answer: Arc::default(), asked: Arc::default() };
        idp.hands_out(keys);
        let serving = idp.clone();
        tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                tokio::spawn(serving.clone().serve(connection));
            }
        });
        idp
    }

    async fn serve(self, mut connection: TcpStream) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(connection.read_u8().await.unwrap());
        }
        let (status, body) = if request.starts_with(b"GET /.well-known/openid-configuration ") {
            ("200 OK", json!({ "issuer": self.url(), "jwks_uri": format!("{}/jwks", self.url()) }).to_string())
        } else {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.answer.lock().unwrap().clone()
        };
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
        // A gate that has read enough hangs up.
        drop(connection.write_all((head + &body).as_bytes()).await);
    }

    /// Has these keys from now on, and no others.
    pub(crate) fn hands_out(&self, keys: &[&IdpKey]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        self.answers("200 OK", &json!({ "keys": keys }).to_string());
    }

    /// What is answered in place of a key set.
    pub(crate) fn answers(&self, status: &'static str, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
    }

    /// How often the key set was asked for.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The `iss` of its tokens, below which its keys are discovered.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A token for user `u1` of the tenant `acme`, good for an hour; the id tells it from others.
    pub(crate) fn token(&self, key: &IdpKey, id: &str) -> String {
        let soon = wardgate::clock::Timestamp::now().0 + 3600;
        let claims = json!({
            "iss": self.url(), "aud": "wardgate", "sub": "u1", "tenant_id": "acme", "exp": soon, "jti": id,
        });
        key.sign(&claims)
    }
}

impl IdpKey {
    pub(crate) fn new(kid: &str) -> IdpKey {
        IdpKey { kid: kid.to_owned(), pair: Ed25519KeyPair::generate().unwrap() }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": self.kid }).to_string();
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.pair.sign(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        json!({ "kid": self.kid, "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": x })
    }
}
