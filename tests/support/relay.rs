//! A cable to a server that a test can cut, stretch and plug: what a firewall, a dead switch or a far network does, without
//! the rights that it takes to make a real one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Forwards connections to one server. Dropped, it ends all of them.
pub(crate) struct Relay {
    address: SocketAddr,
    server: watch::Sender<SocketAddr>,
    state: watch::Sender<State>,
    accepting: JoinHandle<()>,
}

/// What the cable does to connections, those that stand and those to come.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Bytes stay where they are, and nobody is told.
    silent: bool,
    /// Each piece from the server comes so much later.
    delay: Duration,
    /// A connection that asks to LISTEN is closed.
    deaf: bool,
    /// What the server says to those that listen is lost, and their connections stay.
    muffled: bool,
    /// Since when it listens again.
    listening: Option<Instant>,
}

impl Relay {
    /// Before the server of a `postgres://` URL.
    pub(crate) async fn before(url: &str) -> Relay {
        let server = watch::Sender::new(server_of(url));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = watch::Sender::new(State::default());
        let accepting = tokio::spawn(accept(listener, server.clone(), state.clone()));
        Relay { address, server, state, accepting }
    }

    /// The same URL by way of the relay.
    pub(crate) fn url(&self, url: &str) -> String {
        url.replace(&server_of(url).to_string(), &self.address.to_string())
    }

    /// Nothing passes, and nobody is told: connections open and stay, and are silent.
    pub(crate) fn silence(&self) {
        self.state.send_modify(|state| state.silent = true);
    }

    pub(crate) fn resume(&self) {
        self.state.send_modify(|state| state.silent = false);
    }

    /// Another server takes the place of the first: connections end, and lead there when they are made again.
    pub(crate) fn redirect(&self, url: &str) {
        self.server.send_replace(server_of(url));
    }

    /// Answers come so much later.
    pub(crate) fn delay(&self, delay: Duration) {
        self.state.send_modify(|state| state.delay = delay);
    }

    /// Whoever tries to LISTEN from now on is cut off.
    pub(crate) fn deafen(&self) {
        self.state.send_modify(|state| (state.deaf, state.listening) = (true, None));
    }

    pub(crate) fn undeafen(&self) {
        self.state.send_modify(|state| state.deaf = false);
    }

    /// What is told to those that LISTEN is lost on the way.
    pub(crate) fn muffle(&self) {
        self.state.send_modify(|state| state.muffled = true);
    }

    /// When somebody began to LISTEN; waits for it.
    pub(crate) async fn listening(&self) -> Instant {
        let mut state = self.state.subscribe();
        let found = state.wait_for(|state| state.listening.is_some());
        let found = tokio::time::timeout(Duration::from_secs(20), found).await;
        found.expect("somebody listens").unwrap().listening.unwrap()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, server: watch::Sender<SocketAddr>, state: watch::Sender<State>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                connections.spawn(carry(client, server.subscribe(), state.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Ends when either side does, or the relay cuts it.
async fn carry(client: TcpStream, mut at: watch::Receiver<SocketAddr>, state: watch::Sender<State>) {
    let address = *at.borrow_and_update();
    let Ok(server) = TcpStream::connect(address).await else { return };
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    let listens = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asking = async {
        let mut bytes = vec![0; 16 << 10];
        while let Ok(read @ 1..) = from_client.read(&mut bytes).await {
            if bytes[..read].windows(7).any(|word| word == b"LISTEN ") {
                if state.borrow().deaf {
                    return;
                }
                listens.store(true, std::sync::atomic::Ordering::Relaxed);
                state.send_modify(|state| state.listening = Some(Instant::now()));
            }
            passes(&state).await;
            if to_server.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    };
    let answering = async {
        let mut bytes = vec![0; 16 << 10];
        while let Ok(read @ 1..) = from_server.read(&mut bytes).await {
            let State { delay, muffled, .. } = *state.borrow();
            if muffled && listens.load(std::sync::atomic::Ordering::Relaxed) {
                continue;
            }
            tokio::time::sleep(delay).await;
            passes(&state).await;
            if to_client.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = asking => {}
        () = answering => {}
        _ = at.changed() => {}
    }
}

async fn passes(state: &watch::Sender<State>) {
    drop(state.subscribe().wait_for(|state| !state.silent).await);
}

fn server_of(url: &str) -> SocketAddr {
    let server = url.split_once('@').unwrap().1;
    server.split_once('/').unwrap().0.parse().unwrap()
}
