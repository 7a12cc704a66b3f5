//! Whom the demo's gate asks: mock providers in processes of their own, or the real ones.
//!
//! A mock is this same binary. It lives as long as its standard input is open, and the other end is held here, so it
//! ends with this process however that ends. It has a process group of its own: Ctrl-C at the terminal is for the gate
//! alone, which stops the mocks after its last request.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::select_all;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::cli::CliError;
use crate::route::Dialect;

/// In the order in which they are asked.
pub(super) struct Providers {
    pub(super) real: Vec<Real>,
    pub(super) mocks: Vec<Mock>,
    /// What the mocks are asked in; the real ones take the rest.
    pub(super) mocked: Option<Dialect>,
}

pub(super) struct Real {
    pub(super) name: &'static str,
    pub(super) url: &'static str,
    /// The environment variable that holds its key.
    pub(super) variable: &'static str,
    dialect: Dialect,
}

pub(super) struct Mock {
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    pub(super) pid: u32,
    child: Child,
    /// Closing it ends the mock.
    _alive: ChildStdin,
}

const REAL: [Real; 2] = [
    Real { name: "openai", url: "https://api.openai.com", variable: "OPENAI_API_KEY", dialect: Dialect::OpenAi },
    Real {
        name: "anthropic",
        url: "https://api.anthropic.com",
        variable: "ANTHROPIC_API_KEY",
        dialect: Dialect::Anthropic,
    },
];

impl Providers {
    /// Takes the real providers whose keys there are, unless only mocks are wanted, and mocks for the dialects that
    /// remain. A mock never stands in for a real provider: what it makes up should not be mistaken for an answer.
    pub(super) async fn start(only_mocks: bool) -> Result<Providers, CliError> {
        let is_set = |variable| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
        let real: Vec<Real> = REAL.into_iter().filter(|real| !only_mocks && is_set(real.variable)).collect();
        let mocked = mocked(&real);
        let mut mocks = Vec::new();
        for name in mocked.iter().flat_map(|_| ["primary", "secondary"]) {
            mocks.push(Mock::start(name).await?);
        }
        Ok(Providers { real, mocks, mocked })
    }

    /// The `models` of the config: where some providers are real and some are not, each name has those of one dialect alone.
    pub(super) fn models(&self) -> Value {
        if self.real.is_empty() || self.mocks.is_empty() {
            return json!([]);
        }
        let speaking = |dialect: Dialect| {
            let real = self.real.iter().filter(|real| real.dialect == dialect).map(|real| real.name);
            let mocks = self.mocks.iter().filter(|_| self.mocked == Some(dialect)).map(|mock| mock.name);
            real.chain(mocks).map(|upstream| json!({ "upstream": upstream })).collect::<Vec<_>>()
        };
        json!([
            { "name": "claude*", "targets": speaking(Dialect::Anthropic) },
            { "name": "*", "targets": speaking(Dialect::OpenAi) },
        ])
    }

    /// The `upstreams` of the config.
    pub(super) fn upstreams(&self) -> Value {
        let real = self.real.iter().map(|real| {
            let Real { name, url, variable, dialect } = real;
            json!({ "name": name, "dialect": dialect, "url": url, "api_key": { "env": variable } })
        });
        let mocks = self.mocks.iter().map(|mock| {
            let url = format!("http://{}", mock.address);
            json!({ "name": mock.name, "dialect": self.mocked, "url": url, "metadata": ["headers", "body"] })
        });
        real.chain(mocks).collect()
    }

    /// Comes back with the name of a mock that ended by itself, or was killed.
    pub(super) async fn lost(&mut self) -> &'static str {
        if self.mocks.is_empty() {
            return std::future::pending().await;
        }
        let ends = self.mocks.iter_mut().map(|mock| Box::pin(mock.child.wait()));
        let (_, index, _) = select_all(ends).await;
        self.mocks.remove(index).name
    }

    /// What is to be expected now that a mock is lost.
    pub(super) fn remaining(&self) -> String {
        match self.mocks.first() {
            Some(mock) => format!("{} answers from now on", mock.name),
            None => "no mock is left to answer".to_owned(),
        }
    }

    /// Ends the mocks and waits until they are gone.
    pub(super) async fn stop(self) {
        for mock in self.mocks {
            let Mock { mut child, _alive, .. } = mock;
            drop(_alive);
            if tokio::time::timeout(END_MAX, child.wait()).await.is_err() {
                // It is killed when it is dropped, too; here it is also waited for.
                drop(child.kill().await);
            }
        }
    }
}

/// The dialect that no real provider was found for: one of the two, both, or none.
fn mocked(real: &[Real]) -> Option<Dialect> {
    match real {
        [] => Some(Dialect::Any),
        [one] if one.dialect == Dialect::OpenAi => Some(Dialect::Anthropic),
        [_] => Some(Dialect::OpenAi),
        _ => None,
    }
}

impl Mock {
    async fn start(name: &'static str) -> Result<Mock, CliError> {
        let failed = |source| CliError::System { what: format!("the mock provider `{name}` does not start"), source };
        let mut child = command(name).map_err(failed)?.spawn().map_err(failed)?;
        let announced = tokio::time::timeout(START_MAX, announced(&mut child)).await;
        let address = announced.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())).map_err(failed)?;
        let gone = || failed(std::io::ErrorKind::BrokenPipe.into());
        let pid = child.id().ok_or_else(gone)?;
        // Taken out, because waiting for a child closes what it still holds.
        let alive = child.stdin.take().ok_or_else(gone)?;
        Ok(Mock { name, address, pid, child, _alive: alive })
    }
}

fn command(name: &str) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["mock", "--listen", "127.0.0.1:0", "--print-address", "--exit-with-stdin", "--workers", "1"])
        .args(["--name", name, "--chunk-delay", CHUNK_DELAY])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    Ok(command)
}

/// The address that a mock prints as its first line; what it has to say instead is the error.
async fn announced(child: &mut Child) -> std::io::Result<SocketAddr> {
    let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(std::io::ErrorKind::BrokenPipe.into());
    };
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).await?;
    if let Ok(address) = line.trim().parse() {
        return Ok(address);
    }
    let mut complaint = String::new();
    stderr.read_to_string(&mut complaint).await?;
    Err(std::io::Error::other(complaint.trim().to_owned()))
}

/// Slow enough for eyes to see words come one by one.
const CHUNK_DELAY: &str = "30ms";
/// A loaded machine takes a second or two to start a process.
const START_MAX: Duration = Duration::from_secs(20);
const END_MAX: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mocks_speak_exactly_the_dialects_that_no_real_provider_speaks() {
        let [openai, anthropic] = REAL;
        assert_eq!(mocked(&[]), Some(Dialect::Any));
        assert_eq!(mocked(std::slice::from_ref(&openai)), Some(Dialect::Anthropic));
        assert_eq!(mocked(std::slice::from_ref(&anthropic)), Some(Dialect::OpenAi));
        assert_eq!(mocked(&[openai, anthropic]), None);
    }

    #[test]
    fn real_providers_are_named_with_the_variable_and_never_with_the_key() {
        let providers = Providers { real: REAL.into(), mocks: Vec::new(), mocked: None };
        let upstreams = providers.upstreams();
        assert_eq!(upstreams[0]["api_key"], json!({ "env": "OPENAI_API_KEY" }));
        assert_eq!((&upstreams[0]["dialect"], &upstreams[1]["dialect"]), (&json!("openai"), &json!("anthropic")));
    }
}
