//! `wardgate token`: tokens signed with the config's own secret.

use std::time::Duration;

use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use super::CliError;
use super::output::Answer;
use crate::auth::jwt::{Config, HmacAlgorithm, NewToken};
use crate::clock::{Expiry, Timestamp, parse_duration};
use crate::principal::PrincipalId;
use crate::scopes::Scopes;
use crate::store::{self, Store};
use crate::tenant::TenantStatus;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it
    Mint(MintArgs),
}

#[derive(Debug, Args)]
pub(crate) struct MintArgs {
    /// Whom the token speaks for
    #[arg(long, value_parser = subject)]
    subject: PrincipalId,
    /// Tenant of the subject: id or slug
    #[arg(long)]
    tenant: String,
    /// May be given several times [default: llm:invoke and llm:models]
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Such as 12h, 30d or 8w; without it the token never expires, where the config allows that
    #[arg(long, value_name = "SPAN", value_parser = parse_duration)]
    expires_in: Option<Duration>,
    #[arg(long, default_value = "HS256", value_parser = algorithm)]
    algorithm: HmacAlgorithm,
}

pub(crate) async fn run(command: TokenCommand, store: &store::Config, config: &Config) -> Result<(), CliError> {
    let TokenCommand::Mint(args) = command;
    // Before the store is asked: without a secret there is nothing to ask it for.
    if config.secrets.is_empty() {
        return Err(CliError::Token("no signing secret is configured: set auth.jwt.secrets".into()));
    }
    let scopes = Scopes::new(args.scopes).map_err(|error| CliError::Argument(error.to_string()))?;
    let tenant = Store::open(store).await?.tenant(&args.tenant).await?;
    let now = Timestamp::now();
    let token = NewToken {
        subject: &args.subject,
        tenant: &tenant,
        scopes: (!scopes.is_empty()).then_some(&scopes),
        expiry: args.expires_in.map_or(Expiry::Never, |span| Expiry::At(now.after(span))),
        algorithm: args.algorithm,
    };
    let minted = config.mint(&token, now).map_err(|error| CliError::Token(error.to_string()))?;
    let text = Zeroizing::new(String::from_utf8_lossy(minted.expose()).into_owned());
    let note = match tenant.status {
        TenantStatus::Active => String::new(),
        status => format!("the tenant is {}: the token works once it is active", status.as_str()),
    };
    Answer::secret(text, note).deliver()
}

fn subject(text: &str) -> Result<PrincipalId, String> {
    PrincipalId::parse(text).map_err(|error| error.to_string())
}

fn algorithm(text: &str) -> Result<HmacAlgorithm, String> {
    HmacAlgorithm::parse(text).ok_or_else(|| "expected HS256, HS384 or HS512".to_owned())
}
