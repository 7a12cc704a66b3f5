//! `wardgate dev`: the whole gate at work on this machine, without any set-up and without a network.
//!
//! It makes a store with two demo tenants, starts two mock providers, puts the gate before them, and prints a page of
//! commands to paste. The gate is the one of `serve`, by a config that passes the same checks; only what that config
//! says is made up here. With a real provider's key in the environment that provider is asked in its dialect instead.

mod page;
mod providers;
mod temporary;
mod tenants;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::pin::pin;

use clap::Args;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::page::{Page, Paint};
use self::providers::Providers;
use self::temporary::Temporary;
use super::CliError;
use super::healthcheck::reachable;
use super::output::Answer;
use crate::app::{App, StartError};
use crate::config::{Override, Source};
use crate::digest::hex;
use crate::telemetry;

#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// Address and port for clients [default: 127.0.0.1:8080, or a free port where that one is taken]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// SQLite file for the demo tenants, kept and used again [default: a temporary one]
    #[arg(long, value_name = "FILE")]
    store: Option<String>,
    /// Ask mock providers although OPENAI_API_KEY or ANTHROPIC_API_KEY is set
    #[arg(long)]
    mock: bool,
}

pub(crate) async fn run(args: DevArgs, named: Option<PathBuf>) -> Result<(), CliError> {
    // First of all, so that whatever is begun is also ended in order.
    let mut ending = Ending::listen()?;
    let temporary = Temporary::make()?;
    let mut providers = Providers::start(args.mock).await?;
    let flags = overrides(&args, &temporary, &providers)?;
    let (config, warnings) = Source::read(None, super::variables(), flags)?.config()?;
    let app = App::start(config).await.map_err(elsewhere)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let tenants = tenants::prepare(app.manage(), &temporary).await?;
    let page = Page {
        gate: reachable(app.address()),
        avoids: (args.listen.is_none() && app.address() != PREFERRED).then_some(PREFERRED),
        admin: app.admin_address(),
        store: args.store.as_deref(),
        providers: &providers,
        tenants: &tenants,
    };
    let text = page.render(Paint::new(telemetry::paints(&io::stdout())));
    Answer::secret(text, note(named.as_deref())).deliver()?;
    ending.told(&mut providers).await;
    app.stop().await;
    providers.stop().await;
    Ok(())
}

/// What the demo's config says. These win over the environment, so that no variable that is left over in a shell leads
/// the demo to another store or provider; any other key can be tried out by its variable.
fn overrides(args: &DevArgs, temporary: &Temporary, providers: &Providers) -> Result<Vec<Override>, CliError> {
    let secret = temporary.write("jwt-secret", hex(&random()?).as_bytes())?;
    let store = match &args.store {
        Some(file) if file.starts_with(SQLITE) => file.clone(),
        Some(file) => format!("{SQLITE}{file}"),
        None => format!("{SQLITE}{}", temporary.path("wardgate.db")?),
    };
    let listen = args.listen.unwrap_or_else(|| if is_free(PREFERRED) { PREFERRED } else { ANY_PORT });
    let set = |path, text: String, flag| Override { path, text, flag };
    Ok(vec![
        set(&["server", "listen"], listen.to_string(), "--listen"),
        set(&["store", "url"], store, "--store"),
        set(&["admin", "listen"], ANY_PORT.to_string(), "dev"),
        // Nothing routes anybody here: a terminal wants its prompt back.
        set(&["server", "drain_delay"], "0s".into(), "dev"),
        set(&["server", "drain_timeout"], "2s".into(), "dev"),
        // JSON is YAML, and quotes whatever a path holds.
        set(&["auth", "jwt", "secrets"], json!([{ "file": secret }]).to_string(), "dev"),
        set(&["upstreams"], providers.upstreams().to_string(), "dev"),
        set(&["models"], providers.models().to_string(), "dev"),
        set(&["telemetry", "format"], "text".into(), "dev"),
        // The page tells what starts; events are for what goes wrong.
        set(&["telemetry", "level"], "warn".into(), "dev"),
    ])
}

/// Asked before the start, which reads everything else first. Whoever takes the port in between is told by the start.
fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok()
}

fn random() -> Result<[u8; 32], CliError> {
    let mut bytes = [0; 32];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(CliError::Key("the system gives no random numbers".into())),
    }
}

/// A port that is taken is mended by this command's own flag.
fn elsewhere(error: StartError) -> CliError {
    match error {
        StartError::Listen { address, key: "server.listen", error } => CliError::System {
            what: format!("cannot listen on {address}: name another address with --listen"),
            source: error,
        },
        other => other.into(),
    }
}

fn note(named: Option<&Path>) -> String {
    let ignored = |file: &Path| format!("{} is not read: dev makes its own config", file.display());
    named.map(ignored).unwrap_or_default()
}

/// What ends the demo: a terminal's interrupt or its closing, or whoever started it.
struct Ending {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Ending {
    fn listen() -> Result<Ending, CliError> {
        let listen = |kind| {
            signal(kind).map_err(|source| CliError::System { what: "signals cannot be waited for".into(), source })
        };
        Ok(Ending {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Comes back when it is told to. A mock that is killed meanwhile is reaped, and missed aloud.
    async fn told(&mut self, providers: &mut Providers) {
        let mut told = pin!(async {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
                _ = self.hangup.recv() => {}
            }
        });
        loop {
            tokio::select! {
                () = &mut told => return,
                name = providers.lost() => tracing::warn!("{name} is gone; {}", providers.remaining()),
            }
        }
    }
}

/// What clients of most tools try first.
const PREFERRED: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const SQLITE: &str = "sqlite:";
