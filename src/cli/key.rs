//! `wardgate key`: what tenants show at the gate.
//!
//! How a key is made and hashed is `auth`'s; here it comes as a `NewSecret`, goes to the store as a hash and to stdout
//! once. Listings never show hashes.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;
use zeroize::Zeroizing;

use super::CliError;
use super::output::{Answer, fields, json_text, table, time_or_never};
use super::tenant::name;
use crate::auth::api_key::{self, KeyHash};
use crate::clock::{Expiry, Timestamp, parse_duration};
use crate::scopes::{Models, Scopes};
use crate::secret::Secret;
use crate::store::{KeyRecord, NewKey, Page, Rotation, Store, check_model, check_public_id};

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
    /// Show one key's record
    Show {
        /// Id or public id
        id: String,
        #[arg(long)]
        json: bool,
    },
    /// Make a key like an old one and print it; the old one ends after the overlap
    Rotate(RotateArgs),
    /// End a key at once
    Revoke {
        /// Id or public id
        id: String,
    },
    /// Take over a key of another system by its hash
    Import(ImportArgs),
}

/// What a key is good for.
#[derive(Debug, Args)]
pub(crate) struct Grant {
    /// Tenant that the key speaks for: id or slug
    #[arg(long)]
    tenant: String,
    /// What the key is for, in words
    #[arg(long, value_parser = name)]
    name: Option<String>,
    /// May be given several times [default: llm:invoke and llm:models]
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    scopes: Vec<String>,
    /// May be given several times [default: every model]
    #[arg(long = "model", value_name = "MODEL", value_parser = model)]
    models: Vec<String>,
    /// Such as 12h, 30d or 8w [default: never]
    #[arg(long, value_name = "SPAN", value_parser = lifetime)]
    expires_in: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    grant: Grant,
    /// Print the record as JSON, the key in it
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// Id or public id
    id: String,
    /// How long the old key still works beside the new one, such as 24h; 0s ends it now
    #[arg(long, value_name = "SPAN", value_parser = parse_duration)]
    overlap: Duration,
    /// Print the new record as JSON, the key in it
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    grant: Grant,
    /// $2b$… (bcrypt), sha256:… or hmac-sha256:<key id>:…; in single quotes, because of the dollars
    #[arg(long)]
    hash: String,
    /// Public part of the key, by which a bcrypt hash is found; the others are found by themselves
    #[arg(long, value_parser = public_id)]
    prefix: Option<String>,
    #[arg(long)]
    json: bool,
}

/// A key that was just made.
pub(crate) struct NewSecret {
    pub(crate) public_id: String,
    /// What the tenant sends.
    pub(crate) whole: Secret,
    pub(crate) hashed_key: String,
}

/// Makes a key by the config's brand and hash.
pub(crate) fn make(config: &api_key::Config) -> Result<NewSecret, CliError> {
    let made = config.generate().map_err(|error| CliError::Key(error.to_string()))?;
    Ok(NewSecret { public_id: made.public_id, whole: made.key, hashed_key: made.hash.to_string() })
}

/// Whether a hash could ever match a key.
pub(crate) fn check_hash(hash: &str) -> Result<(), String> {
    hash.parse::<KeyHash>().map(drop).map_err(|error| error.to_string())
}

/// `make` is called at most once, and only once the key is known to be wanted. `check_hash` says why a hash could
/// never match a key.
pub(crate) async fn run(
    command: KeyCommand,
    store: &Store,
    make: impl FnOnce() -> Result<NewSecret, CliError>,
    check_hash: impl Fn(&str) -> Result<(), String>,
) -> Result<(), CliError> {
    answer(command, store, make, check_hash).await?.deliver()
}

async fn answer(
    command: KeyCommand,
    store: &Store,
    make: impl FnOnce() -> Result<NewSecret, CliError>,
    check_hash: impl Fn(&str) -> Result<(), String>,
) -> Result<Answer, CliError> {
    match command {
        KeyCommand::Create(args) => create(args, store, make).await,
        KeyCommand::List { tenant, json } => list(tenant.as_deref(), json, store).await,
        KeyCommand::Show { id, json } => show(&id, json, store).await,
        KeyCommand::Rotate(args) => rotate(args, store, make).await,
        KeyCommand::Revoke { id } => revoke(&id, store).await,
        KeyCommand::Import(args) => import(args, store, check_hash).await,
    }
}

async fn create(
    args: CreateArgs,
    store: &Store,
    make: impl FnOnce() -> Result<NewSecret, CliError>,
) -> Result<Answer, CliError> {
    // Asked before a key is made: bcrypt takes its time, and a mistyped tenant should not.
    store.tenant(&args.grant.tenant).await?;
    let secret = make()?;
    let new = new_key(args.grant, secret.public_id.clone(), secret.hashed_key.clone(), store).await?;
    let record = store.create_key(new, None).await?.into_inner();
    let note = format!("created key {} for tenant {}; it is shown this once", record.public_id, record.tenant.slug);
    reveal(&record, &secret.whole, args.json, note)
}

async fn rotate(
    args: RotateArgs,
    store: &Store,
    make: impl FnOnce() -> Result<NewSecret, CliError>,
) -> Result<Answer, CliError> {
    let old = store.key(&args.id).await?;
    let secret = make()?;
    let rotation = Rotation {
        public_id: secret.public_id.clone(),
        hashed_key: secret.hashed_key.clone(),
        old_ends: Timestamp::now().after(args.overlap),
        created_by: MAKER.to_owned(),
    };
    let (new, old) = store.rotate_key(&old.id, rotation).await?;
    let ends = time_or_never(end(old.expiry));
    let note = format!("created key {}; it is shown this once; {} ends {ends}", new.public_id, old.public_id);
    reveal(&new, &secret.whole, args.json, note)
}

async fn import(
    args: ImportArgs,
    store: &Store,
    check_hash: impl Fn(&str) -> Result<(), String>,
) -> Result<Answer, CliError> {
    check_hash(&args.hash).map_err(CliError::Argument)?;
    let public_id = match args.prefix {
        Some(prefix) => prefix,
        None => prefix_of(&args.hash)?,
    };
    let record = store.create_key(new_key(args.grant, public_id, args.hash, store).await?, None).await?.into_inner();
    let note = format!("imported key {} ({}) for tenant {}", record.public_id, record.id, record.tenant.slug);
    if args.json { Ok(Answer::json(&KeyView::of(&record))?.with_note(note)) } else { Ok(Answer::note(note)) }
}

async fn list(tenant: Option<&str>, json: bool, store: &Store) -> Result<Answer, CliError> {
    let tenant = match tenant {
        Some(tenant) => Some(store.tenant(tenant).await?.id.clone()),
        None => None,
    };
    let keys = store.list_keys(tenant, Page::all()).await?;
    let views: Vec<KeyView> = keys.iter().map(KeyView::of).collect();
    if json {
        return Answer::json(&views);
    }
    let row = |view: &KeyView| view.columns().into_iter().map(|(_, value)| value).collect();
    Ok(Answer::listing(table(HEADINGS, &views.iter().map(row).collect::<Vec<_>>())))
}

async fn show(id: &str, json: bool, store: &Store) -> Result<Answer, CliError> {
    let view = KeyView::of(&store.key(id).await?);
    if json { Answer::json(&view) } else { Ok(Answer::listing(fields(&view.columns()))) }
}

async fn revoke(id: &str, store: &Store) -> Result<Answer, CliError> {
    let key = store.revoke_key(id).await?;
    Ok(Answer::note(format!("key {} is revoked since {}", key.public_id, time_or_never(key.revoked_at))))
}

async fn new_key(grant: Grant, public_id: String, hashed_key: String, store: &Store) -> Result<NewKey, CliError> {
    let tenant = store.tenant(&grant.tenant).await?.id.clone();
    let scopes = if grant.scopes.is_empty() {
        Scopes::defaults()
    } else {
        Scopes::new(grant.scopes).map_err(|error| CliError::Argument(error.to_string()))?
    };
    let expiry = grant.expires_in.map_or(Expiry::Never, |span| Expiry::At(Timestamp::now().after(span)));
    let (name, models) = (grant.name.unwrap_or_default(), Models::from_list(grant.models));
    let (created_by, canary) = (MAKER.to_owned(), false);
    Ok(NewKey { tenant, public_id, hashed_key, name, scopes, models, expiry, created_by, canary })
}

/// The key alone on its line for a shell's `$(…)`, or the record with the key in it.
fn reveal(record: &KeyRecord, whole: &Secret, json: bool, note: String) -> Result<Answer, CliError> {
    let key = std::str::from_utf8(whole.expose()).map_err(|_| CliError::Key("it is not text".to_owned()))?;
    let text = if json { json_text(&Revealed { record: KeyView::of(record), key })? } else { key.to_owned() };
    Ok(Answer::secret(Zeroizing::new(text), note))
}

/// A digest is found by itself, and its first digits do for a name; bcrypt's salt keeps it from being found so.
fn prefix_of(hash: &str) -> Result<String, CliError> {
    match hash.rsplit_once(':') {
        Some((_, digest)) => Ok(digest.chars().take(DIGEST_PREFIX_CHARS).collect()),
        None => {
            Err(CliError::Argument("a bcrypt hash is found by the key's public part: give it with --prefix".into()))
        }
    }
}

/// A key as listings show it: never its hash.
#[derive(Serialize)]
struct KeyView {
    id: String,
    key_prefix: String,
    tenant_id: String,
    tenant_slug: String,
    name: String,
    status: &'static str,
    scopes: Vec<String>,
    /// Empty for every model.
    models: Vec<String>,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    last_used_at: Option<String>,
    created_at: String,
}

/// The one place where a key is printed beside its record.
#[derive(Serialize)]
struct Revealed<'a> {
    #[serde(flatten)]
    record: KeyView,
    key: &'a str,
}

impl KeyView {
    fn of(key: &KeyRecord) -> KeyView {
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        KeyView {
            id: key.id.clone(),
            key_prefix: key.public_id.clone(),
            tenant_id: key.tenant.id.to_string(),
            tenant_slug: key.tenant.slug.to_string(),
            name: key.name.clone(),
            status: status(key),
            scopes: key.scopes.iter().map(str::to_owned).collect(),
            models: key.models.names().to_vec(),
            expires_at: time(end(key.expiry)),
            revoked_at: time(key.revoked_at),
            last_used_at: time(key.last_used_at),
            created_at: key.created_at.to_string(),
        }
    }

    /// In the order of `HEADINGS`.
    fn columns(&self) -> Vec<(&'static str, String)> {
        let time = |at: &Option<String>| at.clone().unwrap_or_else(|| "never".to_owned());
        let models = if self.models.is_empty() { "all".to_owned() } else { self.models.join(",") };
        vec![
            ("id", self.id.clone()),
            ("key_prefix", self.key_prefix.clone()),
            ("tenant", self.tenant_slug.clone()),
            ("name", self.name.clone()),
            ("status", self.status.to_owned()),
            ("scopes", self.scopes.join(",")),
            ("models", models),
            ("expires_at", time(&self.expires_at)),
            ("revoked_at", time(&self.revoked_at)),
            ("last_used_at", time(&self.last_used_at)),
            ("created_at", self.created_at.clone()),
        ]
    }
}

fn status(key: &KeyRecord) -> &'static str {
    if key.revoked_at.is_some() {
        "revoked"
    } else if key.expiry.is_past(Timestamp::now()) {
        "expired"
    } else {
        "active"
    }
}

fn end(expiry: Expiry) -> Option<Timestamp> {
    match expiry {
        Expiry::Never => None,
        Expiry::At(end) => Some(end),
    }
}

fn scope(text: &str) -> Result<String, String> {
    Scopes::new([text]).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn model(text: &str) -> Result<String, &'static str> {
    check_model(text).map(|()| text.to_owned())
}

fn public_id(text: &str) -> Result<String, &'static str> {
    check_public_id(text).map(|()| text.to_owned())
}

/// The store counts in seconds, and a key that is over when it is made helps nobody.
fn lifetime(text: &str) -> Result<Duration, String> {
    let span = parse_duration(text).map_err(|error| error.to_string())?;
    if span < Duration::from_secs(1) {
        return Err("a key lives for a second at least".to_owned());
    }
    Ok(span)
}

const HEADINGS: &[&str] =
    &["ID", "PREFIX", "TENANT", "NAME", "STATUS", "SCOPES", "MODELS", "EXPIRES", "REVOKED", "LAST USED", "CREATED"];

/// Who makes the keys that a command makes.
const MAKER: &str = "cli";

/// Enough of a digest to tell an operator's keys apart.
const DIGEST_PREFIX_CHARS: usize = 12;

#[cfg(test)]
mod tests;
