//! `wardgate provider-key`: keys that a tenant has of its own at providers. A key is read from standard input alone, and
//! is never shown.

use std::io::Read;

use clap::{Args, Subcommand};

use super::CliError;
use super::input::secret_of;
use super::output::{Answer, table};
use crate::manage::{Authority, Manage, ProviderKeyView, ProviderKeysView, Resealed};
use crate::secret::Secret;

#[derive(Debug, Subcommand)]
pub(crate) enum ProviderKeyCommand {
    /// Give a tenant a key of its own at an upstream, in place of the one it had; it is read from standard input
    Set(SetArgs),
    /// List the upstreams at which a tenant has a key of its own, and what each is sealed with
    List {
        /// Id or slug
        tenant: String,
        #[arg(long)]
        json: bool,
    },
    /// Take a tenant's own key away: its calls of that upstream go with the gate's from then on
    Remove {
        /// Id or slug
        tenant: String,
        /// Name of the upstream
        upstream: String,
    },
    /// Seal all of them with the first of sealing.keys, so that the others can go; exit 1 where one could not be opened
    Reseal,
}

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// Id or slug
    tenant: String,
    /// Name of the upstream
    upstream: String,
    /// Read the key from standard input, where it must come from; a line break at its end does not count
    #[arg(long, required = true)]
    key_stdin: bool,
}

pub(crate) async fn run(command: ProviderKeyCommand, manage: &Manage) -> Result<(), CliError> {
    answer(command, manage, std::io::stdin()).await?.deliver()
}

async fn answer(command: ProviderKeyCommand, manage: &Manage, stdin: impl Read) -> Result<Answer, CliError> {
    match command {
        ProviderKeyCommand::Set(args) => set(&args, secret_of(stdin)?, manage).await,
        ProviderKeyCommand::List { tenant, json } => list(&tenant, json, manage).await,
        ProviderKeyCommand::Remove { tenant, upstream } => remove(&tenant, &upstream, manage).await,
        ProviderKeyCommand::Reseal => reseal(manage).await,
    }
}

async fn set(args: &SetArgs, key: Secret, manage: &Manage) -> Result<Answer, CliError> {
    let SetArgs { tenant, upstream, .. } = args;
    let tenant = manage.set_provider_key(&Authority::cli(), tenant, upstream, &key, None).await?;
    Ok(Answer::note(format!("tenant {} has a key of its own at {upstream}", tenant.slug)))
}

async fn list(tenant: &str, json: bool, manage: &Manage) -> Result<Answer, CliError> {
    let views = ProviderKeysView::of(&*manage.provider_keys(&Authority::cli(), tenant).await?).data;
    if json {
        return Answer::json(&views);
    }
    let row = |view: &ProviderKeyView| vec![view.upstream.clone(), view.sealed_with.clone().unwrap_or_default()];
    Ok(Answer::listing(table(HEADINGS, &views.iter().map(row).collect::<Vec<_>>())))
}

async fn remove(tenant: &str, upstream: &str, manage: &Manage) -> Result<Answer, CliError> {
    let tenant = manage.remove_provider_key(&Authority::cli(), tenant, upstream, None).await?;
    Ok(Answer::note(format!("tenant {} has no key of its own at {upstream} any more", tenant.slug)))
}

/// Whoever is about to throw an old key away has to notice what that would lose.
async fn reseal(manage: &Manage) -> Result<Answer, CliError> {
    let Resealed { resealed, current, unopened } = manage.reseal_provider_keys(&Authority::cli()).await?;
    let told = format!("{resealed} sealed anew, {current} sealed with the first key already");
    if unopened.is_empty() {
        return Ok(Answer::note(told));
    }
    let which: Vec<String> = unopened.iter().map(|(tenant, upstream)| format!("{tenant} at {upstream}")).collect();
    Err(CliError::Unopened(format!("{told}, {} could not be opened: {}", unopened.len(), which.join(", "))))
}

const HEADINGS: &[&str] = &["UPSTREAM", "SEALED WITH"];

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::output::tests::said;
    use crate::cli::tests::desk_with_tenants;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: ProviderKeyCommand,
    }

    /// Runs one command line with a text on standard input.
    async fn says(manage: &Manage, line: &[&str], stdin: &str) -> Result<(String, String), CliError> {
        let line = Line::try_parse_from([&["provider-key"], line].concat()).unwrap_or_else(|error| panic!("{error}"));
        answer(line.command, manage, stdin.as_bytes()).await.map(said)
    }

    #[tokio::test]
    async fn provider_key_is_set_listed_sealed_anew_and_removed_and_never_shown() {
        let (_directory, manage) = desk_with_tenants().await;
        let set = ["set", "acme", "openai", "--key-stdin"];
        let (out, err) = says(&manage, &set, "sk-canary\r\n").await.unwrap();
        assert_eq!((&out[..], &err[..]), ("", "tenant acme has a key of its own at openai\n"));
        let (out, _) = says(&manage, &["list", "acme"], "").await.unwrap();
        assert_eq!(out, "UPSTREAM  SEALED WITH\nopenai    s1\n");
        let (out, _) = says(&manage, &["list", "acme", "--json"], "").await.unwrap();
        let listed: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(listed, serde_json::json!([{"upstream": "openai", "sealed_with": "s1"}]));
        assert_eq!(says(&manage, &["list", "other", "--json"], "").await.unwrap().0, "[]\n");
        let (out, err) = says(&manage, &["reseal"], "").await.unwrap();
        assert_eq!((&out[..], &err[..]), ("", "0 sealed anew, 1 sealed with the first key already\n"));
        let (_, err) = says(&manage, &["remove", "acme", "openai"], "").await.unwrap();
        assert_eq!(err, "tenant acme has no key of its own at openai any more\n");
        let absent = says(&manage, &["remove", "acme", "openai"], "").await.unwrap_err();
        assert_eq!((absent.to_string().as_str(), absent.exit_code()), ("there is no such provider key", 1));
    }

    #[tokio::test]
    async fn upstream_that_is_not_there_and_key_that_cannot_be_one_end_with_two() {
        let (_directory, manage) = desk_with_tenants().await;
        let unknown = says(&manage, &["set", "acme", "opneai", "--key-stdin"], "sk").await.unwrap_err();
        assert!(unknown.to_string().contains("anthropic, openai") && unknown.exit_code() == 2, "{unknown}");
        for wrong in ["", "\n", "sk canary", "sk-canary\n\n", &"canary".repeat(20_000)] {
            let refused = says(&manage, &["set", "acme", "openai", "--key-stdin"], wrong).await.unwrap_err();
            assert!(refused.exit_code() == 2 && !refused.to_string().contains("canary"), "{refused}");
        }
        assert_eq!(says(&manage, &["list", "acme", "--json"], "").await.unwrap().0, "[]\n");
        assert_eq!(says(&manage, &["list", "nobody"], "").await.unwrap_err().exit_code(), 1);
    }

    #[test]
    fn key_is_taken_from_standard_input_alone() {
        for line in
            ["set acme openai", "set acme openai sk-1", "set acme openai --key-stdin=sk-1", "set acme --key-stdin"]
        {
            assert!(Line::try_parse_from(format!("provider-key {line}").split(' ')).is_err(), "{line}");
        }
    }
}
