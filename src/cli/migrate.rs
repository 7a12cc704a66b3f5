//! `wardgate migrate`: the store's schema brought to this build's version.

use clap::Args;

use super::CliError;
use super::output::Answer;
use crate::store::{self, Config};

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// Show what would run, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: MigrateArgs, store: &Config) -> Result<(), CliError> {
    answer(args, store).await?.deliver()
}

async fn answer(args: MigrateArgs, config: &Config) -> Result<Answer, CliError> {
    let names = if args.dry_run { store::pending_migrations(config).await? } else { store::migrate(config).await? };
    if args.json {
        return Answer::json(&names);
    }
    match (names.is_empty(), args.dry_run) {
        (true, _) => Ok(Answer::note("the schema is up to date")),
        (false, true) => Ok(Answer::listing(names.join("\n")).with_note("would run:")),
        (false, false) => Ok(Answer::note(format!("ran {}", names.join(", ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::tests::said;
    use crate::store::StoreUrl;

    #[tokio::test]
    async fn dry_run_shows_what_the_run_then_does() {
        let directory = tempfile::tempdir().unwrap();
        let config = Config::new(StoreUrl::Sqlite(directory.path().join("store.db")));
        let says = async |dry_run, json| said(answer(MigrateArgs { dry_run, json }, &config).await.unwrap());
        let names = ["V1__tenants_and_keys", "V2__users_sessions_and_versions", "V3__verifiers_and_epochs"];
        assert_eq!(says(true, false).await.0, format!("{}\n", names.join("\n")));
        assert_eq!(says(true, true).await.0, format!("[\n  \"{}\"\n]\n", names.join("\",\n  \"")));
        assert_eq!(says(false, false).await, (String::new(), format!("ran {}\n", names.join(", "))));
        assert_eq!(says(false, false).await, (String::new(), "the schema is up to date\n".into()));
        assert_eq!(says(true, true).await.0, "[]\n");
    }
}
