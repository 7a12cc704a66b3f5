//! `wardgate user`: people who log in with a password, which is read from standard input alone: no argument, which
//! everybody on the machine could list, and no variable, which children inherit.

use std::io::Read;

use clap::{Args, Subcommand};

use super::CliError;
use super::input::secret_of;
use super::key::scope;
use super::output::{Answer, fields, table};
use super::tenant::scopes;
use super::tenant::values::name;
use crate::manage::{Authority, ChangeUser, CreateUser, Manage, UserView};
use crate::secret::Secret;
use crate::store::{Email, Page, UserStatus};

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make a user; the password is read from standard input
    Create(CreateArgs),
    /// List users, the disabled among them
    List {
        /// Only this tenant's: id or slug
        #[arg(long)]
        tenant: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Show one user
    Show {
        id: String,
        #[arg(long)]
        json: bool,
    },
    /// Refuse a user's log-ins and end their sessions until they are enabled again
    Disable { id: String },
    /// Let a disabled user log in again
    Enable { id: String },
    /// Give a user another password, and end their sessions
    Passwd {
        id: String,
        #[command(flatten)]
        password: PasswordArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Tenant of the user: id or slug
    #[arg(long)]
    tenant: String,
    /// Address that the user logs in with
    #[arg(long, value_parser = Email::parse)]
    email: Email,
    #[arg(long, value_parser = name)]
    name: Option<String>,
    /// May be given several times [default: llm:invoke and llm:models]
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    scopes: Vec<String>,
    #[command(flatten)]
    password: PasswordArgs,
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PasswordArgs {
    /// Read the password from standard input, where it must come from: 8 to 72 bytes, and a line break that does not count
    #[arg(long, required = true)]
    password_stdin: bool,
}

pub(crate) async fn run(command: UserCommand, manage: &Manage) -> Result<(), CliError> {
    answer(command, manage, std::io::stdin()).await?.deliver()
}

async fn answer(command: UserCommand, manage: &Manage, stdin: impl Read) -> Result<Answer, CliError> {
    match command {
        UserCommand::Create(args) => create(args, manage, secret_of(stdin)?).await,
        UserCommand::List { tenant, json } => list(tenant.as_deref(), json, manage).await,
        UserCommand::Show { id, json } => show(&id, json, manage).await,
        UserCommand::Disable { id } => set_status(&id, UserStatus::Disabled, manage).await,
        UserCommand::Enable { id } => set_status(&id, UserStatus::Active, manage).await,
        UserCommand::Passwd { id, .. } => passwd(&id, manage, secret_of(stdin)?).await,
    }
}

async fn create(args: CreateArgs, manage: &Manage, password: Secret) -> Result<Answer, CliError> {
    let new = CreateUser {
        tenant: args.tenant,
        email: args.email,
        name: args.name.unwrap_or_default(),
        scopes: if args.scopes.is_empty() { None } else { Some(scopes(args.scopes)?) },
        password,
    };
    let user = manage.create_user(&Authority::cli(), new, None).await?.made;
    let note = format!("created user {} ({}) of tenant {}", user.email, user.id, user.tenant.slug);
    if args.json { Ok(Answer::json(&UserView::of(&user))?.with_note(note)) } else { Ok(Answer::note(note)) }
}

async fn list(tenant: Option<&str>, json: bool, manage: &Manage) -> Result<Answer, CliError> {
    let users = manage.list_users(&Authority::cli(), tenant, Page::all()).await?.items;
    let views: Vec<UserView> = users.iter().map(UserView::of).collect();
    if json {
        return Answer::json(&views);
    }
    let row = |view: &UserView| columns(view).into_iter().map(|(_, value)| value).collect();
    Ok(Answer::listing(table(HEADINGS, &views.iter().map(row).collect::<Vec<_>>())))
}

async fn show(id: &str, json: bool, manage: &Manage) -> Result<Answer, CliError> {
    let view = UserView::of(&manage.user(&Authority::cli(), id).await?);
    if json { Answer::json(&view) } else { Ok(Answer::listing(fields(&columns(&view)))) }
}

async fn set_status(id: &str, status: UserStatus, manage: &Manage) -> Result<Answer, CliError> {
    let change = ChangeUser { status: Some(status), ..ChangeUser::default() };
    let user = manage.update_user(&Authority::cli(), id, change, None).await?;
    Ok(Answer::note(format!("user {} is {}", user.email, user.status.as_str())))
}

async fn passwd(id: &str, manage: &Manage, password: Secret) -> Result<Answer, CliError> {
    let user = manage.set_password(&Authority::cli(), id, password).await?;
    Ok(Answer::note(format!("user {} has a new password, and no session any more", user.email)))
}

/// In the order of `HEADINGS`.
fn columns(view: &UserView) -> Vec<(&'static str, String)> {
    vec![
        ("id", view.id.clone()),
        ("tenant", view.tenant_slug.clone()),
        ("email", view.email.clone()),
        ("name", view.name.clone()),
        ("status", view.status.as_str().to_owned()),
        ("scopes", view.scopes.join(",")),
        ("last_login_at", view.last_login_at.clone().unwrap_or_else(|| "never".to_owned())),
        ("created_at", view.created_at.clone()),
    ]
}

const HEADINGS: &[&str] = &["ID", "TENANT", "EMAIL", "NAME", "STATUS", "SCOPES", "LAST LOGIN", "CREATED"];

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::output::tests::said;
    use crate::cli::tests::desk_with_tenants;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: UserCommand,
    }

    /// Runs one command line with a text on standard input.
    async fn says(manage: &Manage, line: &[&str], stdin: &str) -> Result<(String, String), CliError> {
        let line = Line::try_parse_from([&["user"], line].concat()).unwrap_or_else(|error| panic!("{error}"));
        answer(line.command, manage, stdin.as_bytes()).await.map(said)
    }

    #[tokio::test]
    async fn user_is_made_listed_disabled_enabled_and_given_a_password() {
        let (_directory, manage) = desk_with_tenants().await;
        let create = ["create", "--tenant", "acme", "--email", "Ada@Acme.example", "--password-stdin", "--json"];
        let (out, err) = says(&manage, &create, "correct horse\n").await.unwrap();
        let made: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert!(err.starts_with("created user ada@acme.example (") && !out.contains("horse"), "{out}{err}");
        assert!(!out.contains("$2b$") && made["last_login_at"].is_null());
        let id = made["id"].as_str().unwrap();
        assert_eq!(says(&manage, &["disable", id], "").await.unwrap().1, "user ada@acme.example is disabled\n");
        let (out, _) = says(&manage, &["list", "--tenant", "acme"], "").await.unwrap();
        assert!(out.contains("ada@acme.example") && out.contains("disabled"), "{out}");
        assert_eq!(says(&manage, &["list", "--tenant", "other", "--json"], "").await.unwrap().0, "[]\n");
        says(&manage, &["enable", id], "").await.unwrap();
        says(&manage, &["passwd", id, "--password-stdin"], "another horse\r\n").await.unwrap();
        let (out, _) = says(&manage, &["show", id, "--json"], "").await.unwrap();
        let shown: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&shown["status"], &shown["version"]), (&"active".into(), &4.into()));
    }

    #[tokio::test]
    async fn k02_password_that_is_too_short_or_too_long_ends_with_two() {
        let (_directory, manage) = desk_with_tenants().await;
        let create = ["create", "--tenant", "acme", "--email", "a@b", "--password-stdin"];
        for wrong in ["", "short\n", &"p".repeat(73), &"p".repeat(10_000)] {
            let refused = says(&manage, &create, wrong).await.unwrap_err();
            assert_eq!(refused.exit_code(), 2, "{refused}");
            assert!(wrong.is_empty() || !refused.to_string().contains(wrong.trim()), "{refused}");
        }
        assert!(says(&manage, &create, &format!("{}\n", "p".repeat(72))).await.is_ok());
        let again = says(&manage, &create, "correct horse").await.unwrap_err();
        assert_eq!(again.exit_code(), 1, "{again}");
    }

    #[test]
    fn bad_arguments_are_refused_before_the_store_is_asked() {
        for line in [
            "create --tenant acme --email a@b",
            "create --tenant acme --email ab --password-stdin",
            "create --email a@b --password-stdin",
            "create --tenant acme --email a@b --password-stdin=secret",
            "passwd u1",
            "disable",
        ] {
            assert!(Line::try_parse_from(format!("user {line}").split(' ')).is_err(), "{line}");
        }
    }
}
