//! The product as operators run it: processes of the one binary, in a directory with a config.
//!
//! ```ignore
//! let mock = Mock::start("").await;
//! let site = Site::new(&database.url(), &mock, "poll_interval: 200ms");
//! let key = site.tenant_with_key("acme").await;
//! let gates = site.serve_three().await;
//! ```

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use super::client::{Ask, Reply};

/// What operators show at the admin API.
pub(crate) const ADMIN_TOKEN: &str = "canary-admin-token-0123456789abcdef";
const JWT_SECRET: &str = "canary-signing-secret-0123456789abcdef";
const PROVIDER_KEY: &str = "sk-canary-provider-5b1f0d9e";

/// No process takes longer to start or to end, whatever else the machine does.
const PATIENCE: Duration = Duration::from_secs(30);

/// A directory with a config, for processes that share a database.
pub(crate) struct Site {
    directory: TempDir,
}

impl Site {
    /// `store` is more of the config's section of that name, in YAML's flow style.
    pub(crate) fn new(url: &str, mock: &Mock, store: &str) -> Site {
        let site = Site { directory: tempfile::tempdir().unwrap() };
        let (url, password) = without_password(url);
        for (name, text) in [
            ("jwt-secret", JWT_SECRET),
            ("admin-token", ADMIN_TOKEN),
            ("provider-key", PROVIDER_KEY),
            ("db-password", &password),
            ("wardgate.yaml", &config(&url, mock, store)),
        ] {
            std::fs::write(site.file(name), text).unwrap();
        }
        site
    }

    /// One more upstream, behind the first.
    pub(crate) fn add_upstream(&self, name: &str, mock: &Mock) {
        let config = std::fs::read_to_string(self.file("wardgate.yaml")).unwrap();
        let more = format!(", {}]\ntelemetry:", upstream(name, mock));
        std::fs::write(self.file("wardgate.yaml"), config.replace("]\ntelemetry:", &more)).unwrap();
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs a command to its end.
    pub(crate) async fn runs(&self, arguments: &[&str]) -> Said {
        self.tells(arguments, "").await
    }

    /// Runs a command with a text on standard input.
    pub(crate) async fn tells(&self, arguments: &[&str], text: &str) -> Said {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that reads nothing may have closed it.
        drop(child.stdin.take().unwrap().write_all(text.as_bytes()).await);
        let ended = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        said(ended.unwrap_or_else(|_| panic!("{arguments:?} does not end")).unwrap())
    }

    /// Runs a command that succeeds, and answers what is on standard output.
    pub(crate) async fn done(&self, arguments: &[&str]) -> String {
        let said = self.runs(arguments).await;
        assert_eq!(said.code, 0, "{arguments:?}: {}", said.stderr);
        said.stdout.trim_end().to_owned()
    }

    pub(crate) async fn tenant(&self, slug: &str) {
        self.done(&["tenant", "create", "--name", slug]).await;
    }

    /// A new key of a tenant, with scopes other than the usual where some are given.
    pub(crate) async fn key(&self, tenant: &str, scopes: &[&str]) -> String {
        let scopes = scopes.iter().flat_map(|scope| ["--scope", scope]);
        self.done(&["key", "create", "--tenant", tenant].into_iter().chain(scopes).collect::<Vec<_>>()).await
    }

    pub(crate) async fn tenant_with_key(&self, slug: &str) -> String {
        self.tenant(slug).await;
        self.key(slug, &[]).await
    }

    /// A token of ours; nothing but its signature and the tenant is looked at.
    pub(crate) async fn token(&self, tenant: &str) -> String {
        self.done(&["token", "mint", "--subject", "robot", "--tenant", tenant, "--expires-in", "1h"]).await
    }

    /// A user who can log in; answers the id.
    pub(crate) async fn user(&self, tenant: &str, email: &str) -> String {
        let create = ["user", "create", "--tenant", tenant, "--email", email, "--password-stdin", "--json"];
        let said = self.tells(&create, PASSWORD).await;
        assert_eq!(said.code, 0, "{}", said.stderr);
        let made: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        made["id"].as_str().unwrap().to_owned()
    }

    /// A gate that listens, ready or not.
    pub(crate) async fn serve(&self) -> Replica {
        let mut starting = self.start();
        starting.listens().await;
        starting
    }

    /// Three gates that are ready.
    pub(crate) async fn serve_three(&self) -> [Replica; 3] {
        let mut gates = [self.start(), self.start(), self.start()];
        for gate in &mut gates {
            gate.listens().await;
            gate.until_ready().await;
        }
        gates
    }

    /// A process that was told to serve, and has said nothing yet.
    pub(crate) fn start(&self) -> Replica {
        let log = self.file(&format!("serve-{}.log", uuid::Uuid::now_v7()));
        let stderr = std::fs::File::create(&log).unwrap();
        let process = self.command(&["serve"]).stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        Replica { process, log, address: nowhere, admin: nowhere }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wardgate"));
        command.args(arguments).current_dir(self.directory.path()).env_remove("WARDGATE_CONFIG");
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

/// Every user's.
pub(crate) const PASSWORD: &str = "correct horse battery";

fn config(url: &str, mock: &Mock, store: &str) -> String {
    format!(
        "server: {{ listen: '127.0.0.1:0', workers: 1, drain_delay: 0s, drain_timeout: 1s }}
admin: {{ listen: '127.0.0.1:0', token: {{ file: admin-token }} }}
store: {{ url: '{url}', password: {{ file: db-password }}, {store} }}
auth: {{ api_key: {{ hash: sha256 }}, jwt: {{ secrets: [{{ file: jwt-secret }}] }}, session: {{ enabled: true }} }}
upstreams: [{}]
telemetry: {{ format: json }}
",
        upstream("mock", mock)
    )
}

fn upstream(name: &str, mock: &Mock) -> String {
    format!("{{ name: {name}, dialect: any, url: 'http://{}', api_key: {{ file: provider-key }} }}", mock.address)
}

/// `postgres://user:password@…` as a URL without the password, and the password.
fn without_password(url: &str) -> (String, String) {
    let (login, server) = url.strip_prefix("postgres://").unwrap().split_once('@').unwrap();
    let (user, password) = login.split_once(':').unwrap();
    (format!("postgres://{user}@{server}"), password.to_owned())
}

/// What a command that ended left behind.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

fn said(output: Output) -> Said {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A `serve` process; killed when it is dropped.
pub(crate) struct Replica {
    process: Child,
    log: PathBuf,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Replica {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A request for clients, with a credential.
    pub(crate) fn ask(&self, method: &str, target: &str, credential: &str) -> Ask {
        Ask::new(self.address, method, target).header("content-type", "application/json").bearer(credential)
    }

    /// Who am I: what needs a credential and nothing more.
    pub(crate) async fn me(&self, credential: &str) -> Reply {
        self.ask("GET", "/auth/me", credential).send().await
    }

    /// A completion that goes through to the provider.
    pub(crate) fn chat(&self, credential: &str, text: &str, stream: bool) -> Ask {
        let messages = serde_json::json!([{"role": "user", "content": text}]);
        let body = serde_json::json!({"model": "gpt-4o", "stream": stream, "messages": messages});
        self.ask("POST", "/v1/chat/completions", credential).body(body.to_string())
    }

    /// The same in Anthropic's dialect.
    pub(crate) fn message(&self, credential: &str, text: &str, stream: bool) -> Ask {
        let messages = serde_json::json!([{"role": "user", "content": text}]);
        let body = serde_json::json!({"model": "claude", "max_tokens": 64, "stream": stream, "messages": messages});
        self.ask("POST", "/v1/messages", credential).header("anthropic-version", "2023-06-01").body(body.to_string())
    }

    /// A session of a user's: its access token.
    pub(crate) async fn log_in(&self, tenant: &str, email: &str) -> String {
        let reply = self.try_log_in(tenant, email).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn try_log_in(&self, tenant: &str, email: &str) -> Reply {
        let body = serde_json::json!({"tenant": tenant, "email": email, "password": PASSWORD});
        let ask = Ask::new(self.address, "POST", "/auth/login").header("content-type", "application/json");
        ask.body(body.to_string()).send().await
    }

    /// A request to the admin API, with the operators' token.
    pub(crate) fn admin(&self, method: &str, target: &str) -> Ask {
        Ask::new(self.admin, method, target).header("content-type", "application/json").bearer(ADMIN_TOKEN)
    }

    pub(crate) async fn is_ready(&self) -> bool {
        match Ask::new(self.admin, "GET", "/readyz").send().await.status.as_u16() {
            200 => true,
            503 => false,
            other => panic!("readiness is {other}"),
        }
    }

    pub(crate) async fn until_ready(&self) {
        until("the gate is ready", || self.is_ready()).await;
    }

    /// A sample of /metrics; several of a name are added up.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = Ask::new(self.admin, "GET", "/metrics").send().await.text();
        let samples = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let value = rest.rsplit_once(' ').filter(|(labels, _)| labels.is_empty() || labels.starts_with('{'))?.1;
            value.parse::<f64>().ok()
        });
        samples.sum()
    }

    /// Questions for keys that it sent to the database.
    pub(crate) async fn lookups(&self) -> f64 {
        self.metric("wardgate_key_lookups_total").await
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Bytes of memory that it has at the moment.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id().unwrap())).unwrap();
        let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap().trim();
        kilobytes.split(' ').next().unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Sockets and files that it has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process.id().unwrap())).unwrap().count()
    }

    /// Waits until it says where it listens.
    pub(crate) async fn listens(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some((address, admin)) = told_addresses(&self.log) {
                (self.address, self.admin) = (address, admin);
                return;
            }
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "it does not listen, {ended:?}: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Tells it to end, as an orchestrator does.
    pub(crate) fn terminate(&self) {
        let pid = self.process.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits for its end, and answers the exit code.
    pub(crate) async fn ends(&mut self) -> i32 {
        let status = tokio::time::timeout(PATIENCE, self.process.wait()).await;
        status.unwrap_or_else(|_| panic!("it does not end: {}", self.log())).unwrap().code().unwrap_or(-1)
    }
}

fn told_addresses(log: &Path) -> Option<(SocketAddr, SocketAddr)> {
    let text = std::fs::read_to_string(log).unwrap();
    let line = text.lines().find(|line| line.contains("wardgate listens"))?;
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    Some((line["address"].as_str()?.parse().ok()?, line["admin"].as_str()?.parse().ok()?))
}

/// A provider in a process of its own, which ends with its standard input.
pub(crate) struct Mock {
    address: SocketAddr,
    _process: Child,
}

impl Mock {
    /// `latency` such as 30ms.
    pub(crate) async fn start(latency: &str) -> Mock {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wardgate"));
        command.args(["mock", "--listen", "127.0.0.1:0", "--print-address", "--exit-with-stdin"]);
        command.args(["--require-key", PROVIDER_KEY, "--latency", latency, "--workers", "1"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
        Mock { address: line.trim().parse().unwrap(), _process: process }
    }

    /// Faults as the mock's own JSON has them, for every request from now on.
    pub(crate) async fn faults(&self, json: &str) {
        let reply = Ask::new(self.address, "POST", "/_mock/faults").body(json).send().await;
        assert_eq!(reply.status, 204, "{}", reply.text());
    }

    /// The newest requests that it saw.
    pub(crate) async fn requests(&self) -> Vec<serde_json::Value> {
        let seen = Ask::new(self.address, "GET", "/_mock/requests").send().await.json();
        seen["requests"].as_array().unwrap().clone()
    }
}

/// Asks again until it holds, and fails when it does not for too long. Answers how long it took.
pub(crate) async fn until<F>(what: &str, mut holds: impl FnMut() -> F) -> Duration
where
    F: Future<Output = bool>,
{
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    begun.elapsed()
}
