//! `wardgate token`: tokens signed with the config's own secret, looked into, and refused before their end.

use std::io::Read;
use std::time::Duration;

use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use super::CliError;
use super::key::lifetime;
use super::output::{Answer, json_text};
use crate::auth::jwt::HmacAlgorithm;
use crate::clock::{Expiry, Timestamp};
use crate::manage::{Authority, Inspection, Manage, MintToken};
use crate::principal::PrincipalId;
use crate::scopes::Scopes;
use crate::secret::Secret;
use crate::tenant::TenantStatus;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it
    Mint(MintArgs),
    /// Show what a token says, and every reason for which the gate would refuse it; exit 1 where it would
    Inspect {
        /// The token; - or nothing for standard input, which keeps it out of the list of processes
        token: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Refuse a token, or all tokens of a session, from now on
    Revoke {
        /// The token, its id (jti), or the session's id; - or nothing for standard input
        token: Option<String>,
        /// For how long, where the token does not tell when it ends [default: for good]
        #[arg(long, value_name = "SPAN", value_parser = lifetime)]
        expires_in: Option<Duration>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct MintArgs {
    /// Whom the token speaks for
    #[arg(long, value_parser = PrincipalId::parse)]
    subject: PrincipalId,
    /// Tenant of the subject: id or slug
    #[arg(long)]
    tenant: String,
    /// May be given several times [default: llm:invoke and llm:models]
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Such as 12h, 30d or 8w; without it the token never expires, where the config allows that
    #[arg(long, value_name = "SPAN", value_parser = lifetime)]
    expires_in: Option<Duration>,
    #[arg(long, default_value = "HS256", value_parser = algorithm)]
    algorithm: HmacAlgorithm,
}

/// The longest token that the gate looks at is a quarter of it.
const INPUT_BYTES_MAX: u64 = 64 << 10;

pub(crate) async fn run(command: TokenCommand, manage: &Manage) -> Result<(), CliError> {
    let (answer, refused) = answer(command, manage, std::io::stdin()).await?;
    answer.deliver()?;
    if refused { Err(CliError::WouldRefuse) } else { Ok(()) }
}

/// What is to be said, and whether the gate would refuse the token that was looked into.
async fn answer(command: TokenCommand, manage: &Manage, stdin: impl Read) -> Result<(Answer, bool), CliError> {
    match command {
        TokenCommand::Mint(args) => Ok((mint(args, manage).await?, false)),
        TokenCommand::Inspect { token, json } => inspect(token_of(token, stdin)?, json, manage).await,
        TokenCommand::Revoke { token, expires_in } => {
            Ok((revoke(token_of(token, stdin)?, expires_in, manage).await?, false))
        }
    }
}

async fn mint(args: MintArgs, manage: &Manage) -> Result<Answer, CliError> {
    let scopes = Scopes::new(args.scopes).map_err(|error| CliError::Argument(error.to_string()))?;
    let new = MintToken {
        subject: args.subject,
        tenant: args.tenant,
        scopes: (!scopes.is_empty()).then_some(scopes),
        expiry: args.expires_in.map_or(Expiry::Never, |span| Expiry::At(Timestamp::now().after(span))),
        algorithm: args.algorithm,
    };
    let minted = manage.mint_token(&Authority::cli(), new).await?;
    let text = Zeroizing::new(String::from_utf8_lossy(minted.token.expose()).into_owned());
    let note = match minted.tenant.status {
        TenantStatus::Active => String::new(),
        status => format!("the tenant is {}: the token works once it is active", status.as_str()),
    };
    Ok(Answer::secret(text, note))
}

async fn inspect(token: Secret, json: bool, manage: &Manage) -> Result<(Answer, bool), CliError> {
    let inspection = manage.inspect_token(&token).await?;
    let answer = if json { Answer::json(&inspection)? } else { Answer::listing(shown(&inspection)?) };
    Ok((answer, !inspection.accepted))
}

/// The token's own words, then ours on it.
fn shown(inspection: &Inspection) -> Result<String, CliError> {
    let mut lines = Vec::new();
    for (name, part) in [("header", &inspection.header), ("claims", &inspection.claims)] {
        if let Some(part) = part {
            lines.push(format!("{name} {}", json_text(part)?));
        }
    }
    match inspection.accepted {
        true => lines.push("the gate would accept it".to_owned()),
        false => lines.push("the gate would refuse it:".to_owned()),
    }
    lines.extend(inspection.reasons.iter().map(|reason| format!("  {} ({})", reason.problem, reason.reason)));
    Ok(lines.join("\n"))
}

async fn revoke(token: Secret, lasting: Option<Duration>, manage: &Manage) -> Result<Answer, CliError> {
    let revoked = manage.revoke_token(&Authority::cli(), &token, lasting).await?;
    Ok(Answer::note(format!("{} is refused until {}", revoked.id, revoked.until)))
}

fn token_of(argument: Option<String>, stdin: impl Read) -> Result<Secret, CliError> {
    if let Some(token) = argument.filter(|token| token != "-") {
        return Ok(Secret::new(token));
    }
    let mut text = Zeroizing::new(String::new());
    let read = stdin.take(INPUT_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|source| CliError::System { what: "standard input could not be read".into(), source })?;
    match text.trim() {
        "" => Err(CliError::Argument("no token was given: name one, or write it to standard input".to_owned())),
        token => Ok(Secret::new(token)),
    }
}

fn algorithm(text: &str) -> Result<HmacAlgorithm, String> {
    HmacAlgorithm::parse(text).ok_or_else(|| "expected HS256, HS384 or HS512".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::Value;

    use super::*;
    use crate::cli::output::tests::said;
    use crate::cli::tests::desk_with_tenants;
    use crate::manage::ChangeTenant;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: TokenCommand,
    }

    /// Runs one command line, and answers what is on stdout and stderr, and whether the exit says refused.
    async fn says(manage: &Manage, line: &[&str], stdin: &str) -> Result<(String, String, bool), CliError> {
        let line = Line::try_parse_from([&["token"], line].concat()).unwrap_or_else(|error| panic!("{error}"));
        let (answer, refused) = answer(line.command, manage, stdin.as_bytes()).await?;
        let (out, err) = said(answer);
        Ok((out, err, refused))
    }

    async fn reasons(manage: &Manage, token: &str) -> Vec<String> {
        let (out, _, refused) = says(manage, &["inspect", token, "--json"], "").await.unwrap();
        let shown: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(shown["accepted"] == Value::Bool(false), refused, "{out}");
        shown["reasons"].as_array().unwrap().iter().map(|each| each["reason"].as_str().unwrap().into()).collect()
    }

    #[tokio::test]
    async fn token_is_shown_with_its_claims_until_something_stands_against_it() {
        let (_directory, manage) = desk_with_tenants().await;
        let mint = ["mint", "--subject", "u1", "--tenant", "acme", "--expires-in", "1h"];
        let (token, _, _) = says(&manage, &mint, "").await.unwrap();
        let (out, err, refused) = says(&manage, &["inspect"], &token).await.unwrap();
        assert!(out.contains("\"sub\": \"u1\"") && out.ends_with("the gate would accept it\n"), "{out}");
        assert!(err.is_empty() && !refused);
        let suspend = |status| ChangeTenant { status: Some(status), ..ChangeTenant::default() };
        manage.update_tenant(&Authority::cli(), "acme", suspend(TenantStatus::Suspended), None).await.unwrap();
        says(&manage, &["revoke", "-"], &token).await.unwrap();
        assert_eq!(reasons(&manage, token.trim()).await, ["tenant_not_active", "token_revoked"]);
        let (out, _, refused) = says(&manage, &["inspect", "-"], "nonsense").await.unwrap();
        assert!(refused && out.starts_with("the gate would refuse it:\n"), "{out}");
    }

    #[tokio::test]
    async fn revocation_lasts_as_long_as_the_token_or_as_one_says() {
        let (_directory, manage) = desk_with_tenants().await;
        let mint = ["mint", "--subject", "u1", "--tenant", "acme", "--expires-in", "1h"];
        let (token, _, _) = says(&manage, &mint, "").await.unwrap();
        let (_, err, _) = says(&manage, &["revoke", token.trim()], "").await.unwrap();
        assert!(!err.contains("9999"), "{err}");
        let (_, err, _) = says(&manage, &["revoke", "some-session"], "").await.unwrap();
        assert_eq!(err, "some-session is refused until 9999-12-31T23:59:59Z\n");
        let (_, err, _) = says(&manage, &["revoke", "some-token", "--expires-in", "1h"], "").await.unwrap();
        assert!(err.starts_with("some-token is refused until 20"), "{err}");
        let empty = says(&manage, &["revoke"], " \n").await.unwrap_err();
        assert_eq!(empty.exit_code(), 2);
    }
}
