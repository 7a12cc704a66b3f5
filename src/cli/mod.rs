//! The commands, one file each. Secrets go to stdout once, all else to stderr; exit 0 done, 1 it did not work out, 2
//! what was typed can not be meant.

mod check;
mod completions;
mod dev;
mod healthcheck;
mod input;
mod key;
mod migrate;
pub mod mock;
mod output;
mod provider_key;
mod scan;
mod schema;
mod serve;
mod tenant;
mod token;
mod user;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use crate::app::StartError;
use crate::config::{Mistakes, Override, Records, Source};
use crate::manage::{Manage, ManageError, Providers};
use crate::seal::{self, Seals};
use crate::store::{self, StoreError};

/// A gate that lets requests to LLM providers through only as a known tenant.
#[derive(Debug, Parser)]
#[command(name = "wardgate", version, max_term_width = 100, propagate_version = true)]
pub struct Cli {
    /// Config file [default: wardgate.yaml in this directory where it exists, else built-in defaults]
    #[arg(long, short, global = true, env = "WARDGATE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try it: an embedded store, demo tenants and mock providers, without any set-up
    Dev(dev::DevArgs),
    /// Run the gate
    Serve(serve::ServeArgs),
    /// Find every mistake of a config without starting
    Check,
    /// Print the JSON Schema of the config
    Schema,
    /// Bring the store's schema to this version
    Migrate(migrate::MigrateArgs),
    /// Make and manage tenants
    #[command(subcommand)]
    Tenant(tenant::TenantCommand),
    /// Make and manage API keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Make and manage users, who log in with a password
    #[command(subcommand)]
    User(user::UserCommand),
    /// Give tenants keys of their own at providers, which the store holds sealed
    #[command(subcommand)]
    ProviderKey(provider_key::ProviderKeyCommand),
    /// Make tokens, look into them, and refuse them before their end
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Find prompt injections in a text or a request body; exit 3 where the gate would block it
    Scan(scan::ScanArgs),
    /// Run a fake provider that speaks OpenAI's and Anthropic's dialects, with faults on demand
    Mock(mock::Args),
    /// Ask the admin listener whether the gate is ready; for images without a shell
    Healthcheck(healthcheck::HealthcheckArgs),
    /// Print a completion script
    Completions(completions::CompletionsArgs),
}

/// Why a command did not do its work. The cause chain goes to stderr too: it holds no secrets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Manage(#[from] ManageError),
    #[error(transparent)]
    Config(#[from] Mistakes),
    #[error(transparent)]
    Start(#[from] StartError),
    /// What was typed cannot be meant; exit 2, as for clap's own refusals.
    #[error("{0}")]
    Argument(String),
    #[error("standard output could not be written")]
    Output(#[source] std::io::Error),
    /// The key is stored, and nobody has it.
    #[error("the new key could not be written to standard output and is lost: revoke it and create another")]
    SecretLost(#[source] std::io::Error),
    /// No key could be made; the text is the maker's.
    #[error("no key could be made: {0}")]
    Key(String),
    #[error("no token could be made: {0}")]
    Token(String),
    #[error(transparent)]
    Sealing(#[from] seal::KeyError),
    /// What could not be opened; the rest was sealed anew.
    #[error("{0}")]
    Unopened(String),
    #[error("{what}")]
    System { what: String, source: std::io::Error },
    #[error("{0}")]
    Unhealthy(String),
    /// What was given to be read cannot be; the text names the place and the mend.
    #[error("{0}")]
    Input(String),
    /// The scanner would block it; the findings were printed.
    #[error("the gate would block this")]
    WouldBlock,
    /// The gate would not let the token in; the reasons were printed.
    #[error("the gate would refuse this token")]
    WouldRefuse,
}

impl CliError {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            CliError::Argument(_)
            | CliError::Store(StoreError::Invalid(_))
            | CliError::Manage(ManageError::Invalid { .. }) => 2,
            CliError::WouldBlock => 3,
            CliError::Store(_)
            | CliError::Manage(_)
            | CliError::WouldRefuse
            | CliError::Config(_)
            | CliError::Start(_)
            | CliError::Output(_)
            | CliError::SecretLost(_)
            | CliError::Key(_)
            | CliError::Token(_)
            | CliError::Sealing(_)
            | CliError::Unopened(_)
            | CliError::System { .. }
            | CliError::Input(_)
            | CliError::Unhealthy(_) => 1,
        }
    }
}

/// Runs the command of this process.
pub fn main() -> ExitCode {
    match start(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The verdict was said already, beside the findings.
            if !matches!(error, CliError::WouldBlock | CliError::WouldRefuse) {
                tell(&error);
            }
            ExitCode::from(error.exit_code())
        }
    }
}

fn start(cli: Cli) -> Result<(), CliError> {
    // The mock sizes its own runtime: load tests bound its threads.
    if let Command::Mock(args) = &cli.command {
        return mock::run(args).map_err(|source| CliError::System { what: "the mock stopped".into(), source });
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|source| CliError::System { what: "the runtime does not start".into(), source })?;
    let outcome = runtime.block_on(run(cli));
    // A thread that hashes must not keep the process.
    runtime.shutdown_background();
    outcome
}

async fn run(cli: Cli) -> Result<(), CliError> {
    let config = cli.config;
    match cli.command {
        Command::Mock(_) => Ok(()),
        Command::Dev(args) => dev::run(args, config).await,
        Command::Serve(args) => serve::run(args, config).await,
        Command::Check => check::run(config),
        Command::Schema => schema::run(),
        Command::Migrate(args) => migrate::run(args, &source(config, Vec::new())?.records()?.store).await,
        Command::Tenant(command) => tenant::run(command, &open(config).await?).await,
        Command::Key(command) => key::run(command, &open(config).await?).await,
        Command::User(command) => user::run(command, &open(config).await?).await,
        Command::ProviderKey(command) => provider_key::run(command, &open(config).await?).await,
        Command::Token(command) => {
            let records = source(config, Vec::new())?.records()?;
            // Before the store is opened: without a secret there is nothing to ask it for.
            if matches!(command, token::TokenCommand::Mint(_)) && records.auth.jwt.secrets.is_empty() {
                return Err(CliError::Token("no signing secret is configured: set auth.jwt.secrets".into()));
            }
            token::run(command, &manage(records).await?).await
        }
        Command::Scan(args) => scan::run(&args, config),
        Command::Healthcheck(args) => healthcheck::run(args, config).await,
        Command::Completions(args) => completions::run(&args),
    }
}

/// What commands on records act through.
async fn open(config: Option<PathBuf>) -> Result<Manage, CliError> {
    manage(source(config, Vec::new())?.records()?).await
}

async fn manage(records: Records) -> Result<Manage, CliError> {
    let providers = Providers::new(Arc::new(Seals::new(records.sealing)?), records.upstreams);
    Ok(Manage::new(store::open(&records.store).await?, &records.auth, providers, None))
}

/// The config that is named, or the one in this directory.
fn source(named: Option<PathBuf>, flags: Vec<Override>) -> Result<Source, Mistakes> {
    let here = PathBuf::from(DEFAULT_FILE);
    let file = named.or_else(|| here.exists().then_some(here));
    Source::read(file.as_deref(), variables(), flags)
}

/// The environment; a variable that is no UTF-8 is not one of ours.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

const DEFAULT_FILE: &str = "wardgate.yaml";

/// The error and its causes, by hand: backtraces and debug forms are not for operators.
fn tell(error: &CliError) {
    eprintln!("wardgate: {error}");
    let mut cause = error.source();
    while let Some(deeper) = cause {
        eprintln!("  because: {deeper}");
        cause = deeper.source();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth;
    use crate::auth::api_key::{self, HashMethod};
    use crate::auth::jwt;
    use crate::manage::{Authority, CreateTenant};
    use crate::secret::{Secret, SecretSource};
    use crate::store::StoreUrl;
    use crate::tenant::{Slug, TenantPolicy};

    /// What a command acts through, over a store of its own, with hashes that cost nothing.
    pub(super) async fn desk() -> (tempfile::TempDir, Manage) {
        let directory = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(directory.path().join("store.db"));
        let auth = auth::Config {
            api_key: api_key::Config { hash: HashMethod::Sha256, bcrypt_cost: 4, ..Default::default() },
            jwt: jwt::Config { secrets: vec![Secret::new([7; 32])], ..Default::default() },
            ..Default::default()
        };
        let upstreams = ["anthropic", "openai"].map(String::from).to_vec();
        let key = directory.path().join("sealing-key");
        std::fs::write(&key, "s".repeat(32)).unwrap();
        let sealing = seal::Config { keys: vec![("s1".into(), SecretSource::File(key))] };
        let records = Records { store: store::Config::new(url), auth, sealing, upstreams };
        let manage = manage(records).await.unwrap();
        (directory, manage)
    }

    /// With the tenants `acme` and `other`.
    pub(super) async fn desk_with_tenants() -> (tempfile::TempDir, Manage) {
        let (directory, manage) = desk().await;
        for slug in ["acme", "other"] {
            let (slug, policy) = (Some(Slug::parse(slug).unwrap()), TenantPolicy::default());
            let new = CreateTenant { name: "Acme".into(), slug, db_schema_name: None, policy };
            manage.create_tenant(&Authority::cli(), new, None).await.unwrap();
        }
        (directory, manage)
    }
}
