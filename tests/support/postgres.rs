//! Real servers for tests: PostgreSQL and PgBouncer, made and ended by `tests/postgres/cluster`.
//!
//! One file without a word of the crate's, so that unit tests and integration tests share it by `#[path]`.
//!
//! ```ignore
//! let database = Database::fresh().await;
//! database.sql("CREATE TABLE x (y int)").await;
//! let bouncer = Bouncer::before(&database.url());
//! ```

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// The server that all test processes share. It ends by itself once none of them is left.
#[derive(Debug)]
pub(crate) struct Cluster {
    url: String,
    /// Says that the server is in use, for as long as this process lives.
    _held: File,
}

impl Cluster {
    pub(crate) fn shared() -> &'static Cluster {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| {
            let output = script().output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let text = String::from_utf8(output.stdout).unwrap();
            let (url, lock) = text.trim_end().split_once('\n').unwrap();
            let held = File::open(lock).unwrap();
            held.lock_shared().unwrap();
            Cluster { url: url.to_owned(), _held: held }
        })
    }

    /// The superuser's, in the database `postgres`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// A database of its own, made from nothing and dropped in the end. Roles are the whole server's.
#[derive(Debug)]
pub(crate) struct Database {
    server: String,
    name: String,
}

impl Database {
    /// In the shared cluster.
    pub(crate) async fn fresh() -> Database {
        Database::at(Cluster::shared().url()).await
    }

    /// In the server that a superuser's URL names.
    pub(crate) async fn at(server: &str) -> Database {
        Database::copied(server, "template0").await
    }

    async fn copied(server: &str, template: &str) -> Database {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let database = Database { server: server.to_owned(), name };
        // A process of the same number may have been killed before it could tidy up.
        run(server, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", database.name)).await;
        run(server, &format!("CREATE DATABASE {} TEMPLATE {template}", database.name)).await;
        database
    }

    /// A copy of a model that is made once for the whole shared cluster, which takes a tenth of the time. `name` tells what
    /// is in it, and `make` puts it there.
    pub(crate) async fn like(name: &str, make: impl AsyncFnOnce(&Database)) -> Database {
        let server = Cluster::shared().url();
        // Its connection holds the lock, so that nobody copies what is half made and nobody makes it twice.
        let client = connect(server).await;
        cells(&client, "SELECT pg_advisory_lock(hashtextextended('models', 0))").await.unwrap();
        let known = cells(&client, &format!("SELECT FROM pg_database WHERE datname = '{name}'")).await.unwrap();
        if known.is_empty() {
            let model = Database::fresh().await;
            make(&model).await;
            run(server, &format!("ALTER DATABASE {} RENAME TO {name}", model.name)).await;
        }
        drop(client);
        Database::copied(server, name).await
    }

    /// The superuser's.
    pub(crate) fn url(&self) -> String {
        with_database(&self.server, &self.name)
    }

    /// Another login's.
    pub(crate) fn url_as(&self, user: &str, password: &str) -> String {
        with_login(&self.url(), user, password)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs statements as the superuser, and answers with the cells of every row; a null is `-`.
    pub(crate) async fn sql(&self, sql: &str) -> Vec<Vec<String>> {
        run(&self.url(), sql).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, sql) = (self.server.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        // The test's own runtime may be on its way out. A server that a test has killed needs no tidying.
        let tidied = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let work = async { try_connect(&server).await.ok()?.batch_execute(&sql).await.ok() };
            runtime.block_on(async { tokio::time::timeout(std::time::Duration::from_secs(5), work).await.ok() })
        });
        drop(tidied.join());
    }
}

/// A server of one test, to be killed, stopped and started again.
#[derive(Debug)]
pub(crate) struct PrivateCluster(Server);

impl PrivateCluster {
    /// `settings` as in postgresql.conf: `max_connections=20`.
    pub(crate) fn start(settings: &[&str]) -> PrivateCluster {
        PrivateCluster(Server::start(script().arg("own").args(settings)))
    }

    /// The superuser's, in the database `postgres`.
    pub(crate) fn url(&self) -> &str {
        &self.0.url
    }

    /// A new database in it.
    pub(crate) async fn database(&self) -> Database {
        Database::at(self.url()).await
    }

    /// Holds `data`, the server's data directory, and `server.log`.
    pub(crate) fn directory(&self) -> PathBuf {
        self.0.directory.clone()
    }

    /// Ends the server and all its processes with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.0.tell("kill");
    }

    /// SIGSTOP: its port takes connections, and nothing answers.
    pub(crate) fn stop(&mut self) {
        self.0.tell("stop");
    }

    pub(crate) fn cont(&mut self) {
        self.0.tell("cont");
    }

    /// Starts it anew at the same port, killed before or not.
    pub(crate) fn restart(&mut self) {
        self.0.tell("restart");
    }
}

/// PgBouncer in transaction mode, with two server connections for each login and database.
#[derive(Debug)]
pub(crate) struct Bouncer {
    server: Server,
    database: String,
}

impl Bouncer {
    /// Stands before the database that a superuser's URL names.
    pub(crate) fn before(url: &str) -> Bouncer {
        let server = Server::start(script().args(["bouncer", url, "2"]));
        let database = url.rsplit_once('/').unwrap().1.to_owned();
        Bouncer { server, database }
    }

    pub(crate) fn url(&self) -> String {
        with_database(&self.server.url, &self.database)
    }

    /// Another login's.
    pub(crate) fn url_as(&self, user: &str, password: &str) -> String {
        with_login(&self.url(), user, password)
    }

    pub(crate) fn kill(&mut self) {
        self.server.tell("kill");
    }

    pub(crate) fn stop(&mut self) {
        self.server.tell("stop");
    }

    pub(crate) fn cont(&mut self) {
        self.server.tell("cont");
    }

    pub(crate) fn restart(&mut self) {
        self.server.tell("restart");
    }
}

/// A server that lives as long as the script that made it has somebody to listen to: also a test that is killed leaves
/// nothing behind.
#[derive(Debug)]
struct Server {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    url: String,
    directory: PathBuf,
}

impl Server {
    fn start(command: &mut Command) -> Server {
        // In a group of its own, where a runner's signals to the test do not keep it from tidying up.
        std::os::unix::process::CommandExt::process_group(command, 0);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let commands = child.stdin.take();
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let url = line(&mut answers);
        let directory = PathBuf::from(line(&mut answers));
        let process = line(&mut answers);
        assert!(process.parse::<u32>().is_ok(), "the server runs: {process}");
        Server { child, commands, answers, url, directory }
    }

    fn tell(&mut self, command: &str) {
        let commands = self.commands.as_mut().unwrap();
        writeln!(commands, "{command}").unwrap();
        let answer = line(&mut self.answers);
        assert!(answer.starts_with("ok"), "{command}: {answer}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.commands.take());
        drop(self.child.wait());
    }
}

/// Connects, and serves the connection in the background for as long as the client lives.
pub(crate) async fn connect(url: &str) -> Client {
    try_connect(url).await.unwrap_or_else(|error| panic!("{error:?}"))
}

/// As `connect`, where it may go wrong.
#[expect(clippy::disallowed_methods, reason = "a test's connection needs no orderly end")]
pub(crate) async fn try_connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The cells of every row of every statement; a null is `-`.
pub(crate) async fn cells(client: &Client, sql: &str) -> Result<Vec<Vec<String>>, tokio_postgres::Error> {
    let messages = client.simple_query(sql).await?;
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|at| row.get(at).unwrap_or("-").to_owned()).collect()),
        _ => None,
    });
    Ok(rows.collect())
}

async fn run(url: &str, sql: &str) -> Vec<Vec<String>> {
    cells(&connect(url).await, sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

fn with_database(url: &str, name: &str) -> String {
    format!("{}/{name}", url.rsplit_once('/').unwrap().0)
}

fn with_login(url: &str, user: &str, password: &str) -> String {
    format!("postgres://{user}:{password}@{}", url.split_once('@').unwrap().1)
}

fn script() -> Command {
    Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres/cluster"))
}

fn line(lines: &mut impl BufRead) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}
