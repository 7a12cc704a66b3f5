//! What an operator types after `wardgate key`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};

use crate::cli::tenant::values::name;
use crate::clock::parse_duration;
use crate::scopes::Scopes;
use crate::store::{check_model, check_public_id};

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key and print it; it cannot be printed again
    Create(CreateArgs),
    /// List keys, the revoked and expired among them
    List {
        /// Only this tenant's: id or slug
        #[arg(long)]
        tenant: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Show one key's record: what it is good for, by whom it was made, when and from where it was last used
    Show {
        /// Id or public id
        id: String,
        #[arg(long)]
        json: bool,
    },
    /// Change what a key is good for; the key itself stays
    Update(UpdateArgs),
    /// Make a key like an old one and print it; the old one ends after the overlap
    Rotate(RotateArgs),
    /// End a key at once
    Revoke {
        /// Id or public id
        id: String,
    },
    /// Take over keys of another system by their hashes: one, or a whole file
    Import(ImportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Tenant that the key speaks for: id or slug
    #[arg(long)]
    pub(super) tenant: String,
    /// What the key is for, in words
    #[arg(long, value_parser = name)]
    pub(super) name: Option<String>,
    /// May be given several times [default: llm:invoke and llm:models]
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    pub(super) scopes: Vec<String>,
    /// May be given several times [default: every model]
    #[arg(long = "model", value_name = "MODEL", value_parser = model)]
    pub(super) models: Vec<String>,
    /// Such as 12h, 30d or 8w [default: never]
    #[arg(long, value_name = "SPAN", value_parser = lifetime)]
    pub(super) expires_in: Option<Duration>,
    /// A key to be laid where thieves look: nobody uses it, it is refused, and its use is an alarm
    #[arg(long)]
    pub(super) canary: bool,
    /// Print the record as JSON, the key in it
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("change").required(true).multiple(true).args(["name", "scopes", "models", "any_model", "expires_in", "no_expiry"])))]
pub(crate) struct UpdateArgs {
    /// Id or public id
    pub(super) id: String,
    /// What the key is for, in words
    #[arg(long, value_parser = name)]
    pub(super) name: Option<String>,
    /// In place of those it has; may be given several times
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    pub(super) scopes: Vec<String>,
    /// In place of those it has; may be given several times
    #[arg(long = "model", value_name = "MODEL", value_parser = model)]
    pub(super) models: Vec<String>,
    /// Make it good for every model that its tenant has
    #[arg(long, conflicts_with = "models")]
    pub(super) any_model: bool,
    /// From now on, such as 12h, 30d or 8w
    #[arg(long, value_name = "SPAN", value_parser = lifetime)]
    pub(super) expires_in: Option<Duration>,
    /// Let it never expire
    #[arg(long, conflicts_with = "expires_in")]
    pub(super) no_expiry: bool,
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// Id or public id
    pub(super) id: String,
    /// How long the old key still works beside the new one, such as 24h; 0s ends it now
    #[arg(long, value_name = "SPAN", value_parser = parse_duration)]
    pub(super) overlap: Duration,
    /// Print the new record as JSON, the key in it
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// CSV with the header prefix,hash,tenant,name,scopes,models,expires_at,canary (hash and tenant must be there; lists
    /// have spaces between), or a JSON array of the same fields; all of it is taken, or nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tenant", "hash", "prefix", "name", "scopes", "models", "expires_in", "canary"])]
    pub(super) file: Option<PathBuf>,
    /// Tenant that the key speaks for: id or slug
    #[arg(long, required_unless_present = "file")]
    pub(super) tenant: Option<String>,
    /// $2b$… (bcrypt), sha256:… or hmac-sha256:<key id>:…; in single quotes, because of the dollars
    #[arg(long, required_unless_present = "file")]
    pub(super) hash: Option<String>,
    /// Public part of the key, by which a bcrypt hash is found; the others are found by themselves
    #[arg(long, value_parser = public_id)]
    pub(super) prefix: Option<String>,
    /// What the key is for, in words
    #[arg(long, value_parser = name)]
    pub(super) name: Option<String>,
    /// May be given several times [default: llm:invoke and llm:models]
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    pub(super) scopes: Vec<String>,
    /// May be given several times [default: every model]
    #[arg(long = "model", value_name = "MODEL", value_parser = model)]
    pub(super) models: Vec<String>,
    /// Such as 12h, 30d or 8w [default: never]
    #[arg(long, value_name = "SPAN", value_parser = lifetime)]
    pub(super) expires_in: Option<Duration>,
    /// A key that nobody is meant to use: it is refused, and its use is an alarm
    #[arg(long)]
    pub(super) canary: bool,
    #[arg(long)]
    pub(super) json: bool,
}

pub(in crate::cli) fn scope(text: &str) -> Result<String, String> {
    Scopes::new([text]).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

pub(in crate::cli) fn model(text: &str) -> Result<String, &'static str> {
    check_model(text).map(|()| text.to_owned())
}

fn public_id(text: &str) -> Result<String, &'static str> {
    check_public_id(text).map(|()| text.to_owned())
}

/// The store counts in seconds, and what is over when it is made helps nobody.
pub(in crate::cli) fn lifetime(text: &str) -> Result<Duration, String> {
    let span = parse_duration(text).map_err(|error| error.to_string())?;
    if span < Duration::from_secs(1) {
        return Err("it has to last for a second at least".to_owned());
    }
    Ok(span)
}
