//! `wardgate key`: what tenants show at the gate.
//!
//! A key goes to stdout once, when it is made. Listings never show hashes.

mod args;

use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

pub(crate) use self::args::KeyCommand;
pub(in crate::cli) use self::args::{lifetime, model, scope};

use self::args::{CreateArgs, ImportArgs, RotateArgs, UpdateArgs};
use super::CliError;
use super::output::{Answer, fields, json_text, table, time_or_never};
use super::tenant::scopes;
use crate::clock::{Expiry, Timestamp};
use crate::manage::{Authority, ChangeKey, CreateKey, ImportRow, KeyView, Manage, NewKeyView, parse_csv, parse_json};
use crate::scopes::Models;
use crate::secret::Secret;
use crate::store::{KeyRecord, Page};

pub(crate) async fn run(command: KeyCommand, manage: &Manage) -> Result<(), CliError> {
    answer(command, manage).await?.deliver()
}

async fn answer(command: KeyCommand, manage: &Manage) -> Result<Answer, CliError> {
    match command {
        KeyCommand::Create(args) => create(args, manage).await,
        KeyCommand::List { tenant, json } => list(tenant.as_deref(), json, manage).await,
        KeyCommand::Show { id, json } => show(&id, json, manage).await,
        KeyCommand::Update(args) => update(args, manage).await,
        KeyCommand::Rotate(args) => rotate(args, manage).await,
        KeyCommand::Revoke { id } => revoke(&id, manage).await,
        KeyCommand::Import(args) => match &args.file {
            Some(file) => import_file(file, args.json, manage).await,
            None => import(args, manage).await,
        },
    }
}

async fn create(args: CreateArgs, manage: &Manage) -> Result<Answer, CliError> {
    let new = CreateKey {
        tenant: args.tenant,
        name: args.name.unwrap_or_default(),
        scopes: if args.scopes.is_empty() { None } else { Some(scopes(args.scopes)?) },
        models: Models::from_list(args.models),
        expiry: expiry(args.expires_in),
        canary: args.canary,
    };
    let issued = manage.create_key(&Authority::cli(), new, None).await?;
    let secret = issued.secret.ok_or_else(|| CliError::Key("an earlier request made it".to_owned()))?;
    let record = issued.record;
    let note = format!("created key {} for tenant {}; it is shown this once", record.public_id, record.tenant.slug);
    reveal(&record, &secret, args.json, note)
}

async fn update(args: UpdateArgs, manage: &Manage) -> Result<Answer, CliError> {
    let change = ChangeKey {
        name: args.name,
        scopes: if args.scopes.is_empty() { None } else { Some(scopes(args.scopes)?) },
        models: (args.any_model || !args.models.is_empty()).then(|| Models::from_list(args.models)),
        expiry: (args.no_expiry || args.expires_in.is_some()).then(|| expiry(args.expires_in)),
    };
    let key = manage.update_key(&Authority::cli(), &args.id, change, None).await?;
    let note = format!("updated key {}", key.public_id);
    if args.json { Ok(Answer::json(&KeyView::of(&key))?.with_note(note)) } else { Ok(Answer::note(note)) }
}

async fn rotate(args: RotateArgs, manage: &Manage) -> Result<Answer, CliError> {
    let rotated = manage.rotate_key(&Authority::cli(), &args.id, args.overlap).await?;
    let ends = KeyView::of(&rotated.old).expires_at.unwrap_or_else(|| "never".to_owned());
    let (new, old) = (&rotated.record.public_id, &rotated.old.public_id);
    let note = format!("created key {new}; it is shown this once; {old} ends {ends}");
    reveal(&rotated.record, &rotated.secret, args.json, note)
}

async fn import(args: ImportArgs, manage: &Manage) -> Result<Answer, CliError> {
    let hash = args.hash.unwrap_or_default();
    if args.prefix.is_none() && hash.starts_with('$') {
        let mend = "a bcrypt hash is found by the key's public part: give it with --prefix";
        return Err(CliError::Argument(mend.to_owned()));
    }
    let row = ImportRow {
        prefix: args.prefix,
        hash,
        tenant: args.tenant.unwrap_or_default(),
        name: args.name.unwrap_or_default(),
        scopes: args.scopes,
        models: args.models,
        expires_at: args.expires_in.map(|span| Timestamp::now().after(span).to_string()),
        canary: args.canary,
        line: 1,
    };
    let record = manage.import_key(&Authority::cli(), row).await?;
    let note = format!("imported key {} ({}) for tenant {}", record.public_id, record.id, record.tenant.slug);
    if args.json { Ok(Answer::json(&KeyView::of(&record))?.with_note(note)) } else { Ok(Answer::note(note)) }
}

async fn import_file(file: &Path, json: bool, manage: &Manage) -> Result<Answer, CliError> {
    let text = std::fs::read_to_string(file)
        .map_err(|source| CliError::System { what: format!("{} cannot be read", file.display()), source })?;
    // A JSON list begins with its bracket, which no column's name does.
    let rows = if text.trim_start().starts_with('[') { parse_json(&text)? } else { parse_csv(&text)? };
    let keys = manage.import_keys(&Authority::cli(), rows).await?;
    let note = format!("imported {} key(s)", keys.len());
    if json { Ok(Answer::json(&views(&keys))?.with_note(note)) } else { Ok(Answer::note(note)) }
}

async fn list(tenant: Option<&str>, json: bool, manage: &Manage) -> Result<Answer, CliError> {
    let views = views(&manage.list_keys(&Authority::cli(), tenant, Page::all()).await?.items);
    if json {
        return Answer::json(&views);
    }
    let row = |view: &KeyView| columns(view).into_iter().map(|(_, value)| value).take(HEADINGS.len()).collect();
    Ok(Answer::listing(table(HEADINGS, &views.iter().map(row).collect::<Vec<_>>())))
}

async fn show(id: &str, json: bool, manage: &Manage) -> Result<Answer, CliError> {
    let view = KeyView::of(&manage.key(&Authority::cli(), id).await?);
    if json { Answer::json(&view) } else { Ok(Answer::listing(fields(&columns(&view)))) }
}

async fn revoke(id: &str, manage: &Manage) -> Result<Answer, CliError> {
    let key = manage.revoke_key(&Authority::cli(), id, None).await?;
    Ok(Answer::note(format!("key {} is revoked since {}", key.public_id, time_or_never(key.revoked_at))))
}

/// The key alone on its line for a shell's `$(…)`, or the record with the key in it.
fn reveal(record: &KeyRecord, secret: &Secret, json: bool, note: String) -> Result<Answer, CliError> {
    let key = std::str::from_utf8(secret.expose()).map_err(|_| CliError::Key("it is not text".to_owned()))?;
    let key = Zeroizing::new(key.to_owned());
    let text = match json {
        true => Zeroizing::new(json_text(&NewKeyView::of(record, Some(&key)))?),
        false => key,
    };
    Ok(Answer::secret(text, note))
}

fn views(keys: &[KeyRecord]) -> Vec<KeyView> {
    keys.iter().map(KeyView::of).collect()
}

fn expiry(lasting: Option<Duration>) -> Expiry {
    lasting.map_or(Expiry::Never, |span| Expiry::At(Timestamp::now().after(span)))
}

/// The first of them in the order of `HEADINGS`.
fn columns(view: &KeyView) -> Vec<(&'static str, String)> {
    let time = |at: &Option<String>| at.clone().unwrap_or_else(|| "never".to_owned());
    let models = if view.models.is_empty() { "all".to_owned() } else { view.models.join(",") };
    vec![
        ("id", view.id.clone()),
        ("key_prefix", view.key_prefix.clone()),
        ("tenant", view.tenant_slug.clone()),
        ("name", view.name.clone()),
        ("status", view.status.as_str().to_owned()),
        ("scopes", view.scopes.join(",")),
        ("models", models),
        ("expires_at", time(&view.expires_at)),
        ("revoked_at", time(&view.revoked_at)),
        ("last_used_at", time(&view.last_used_at)),
        ("created_at", view.created_at.clone()),
        ("last_used_from", view.last_used_from.clone().unwrap_or_default()),
        ("created_by", view.created_by.clone()),
        ("canary", if view.canary { "yes" } else { "no" }.to_owned()),
        ("version", view.version.to_string()),
    ]
}

const HEADINGS: &[&str] =
    &["ID", "PREFIX", "TENANT", "NAME", "STATUS", "SCOPES", "MODELS", "EXPIRES", "REVOKED", "LAST USED", "CREATED"];

#[cfg(test)]
mod tests;
