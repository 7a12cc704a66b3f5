//! `wardgate tenant`: who may send requests at all.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::CliError;
use super::output::{Answer, fields, table};
use crate::store::{NewTenant, Page, Store, TenantUpdate, check_name, check_schema_name};
use crate::tenant::{ScanMode, Slug, Tenant, TenantPolicy, TenantStatus};

#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Make a tenant; it begins active
    Create(CreateArgs),
    /// List all tenants, the deleted among them
    List {
        #[arg(long)]
        json: bool,
    },
    /// Show one tenant
    Show {
        /// Id or slug
        tenant: String,
        #[arg(long)]
        json: bool,
    },
    /// Refuse a tenant's requests until it is activated again
    Suspend {
        /// Id or slug
        tenant: String,
    },
    /// Let a tenant's requests pass again
    Activate {
        /// Id or slug
        tenant: String,
    },
    /// Refuse a tenant's requests for good; its row and its slug stay
    Delete {
        /// Id or slug
        tenant: String,
    },
    /// Change a tenant's name or what is done with prompts in which the scanner finds something
    Update(UpdateArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Display name
    #[arg(long, value_parser = name)]
    name: String,
    /// Short name for URLs, tokens and logs; made of the name when left out
    #[arg(long, value_parser = Slug::parse)]
    slug: Option<Slug>,
    /// Database schema that an app keeps the tenant's data in [default: tenant_<slug>]
    #[arg(long, value_parser = schema_name)]
    schema: Option<String>,
    /// What is done with prompts in which the scanner finds something: block, sanitize, flag or shadow
    #[arg(long, value_parser = scan_mode)]
    scan_mode: Option<ScanMode>,
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// Id or slug
    tenant: String,
    /// New display name
    #[arg(long, value_parser = name, required_unless_present = "scan_mode")]
    name: Option<String>,
    /// block, sanitize, flag, shadow, or default for what the config says
    #[arg(long, value_parser = scan_choice, required_unless_present = "name")]
    scan_mode: Option<ScanChoice>,
}

/// A tenant's own scan mode, or the config's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScanChoice {
    Default,
    Own(ScanMode),
}

pub(crate) async fn run(command: TenantCommand, store: &Store) -> Result<(), CliError> {
    answer(command, store).await?.deliver()
}

async fn answer(command: TenantCommand, store: &Store) -> Result<Answer, CliError> {
    match command {
        TenantCommand::Create(args) => create(args, store).await,
        TenantCommand::List { json } => list(json, store).await,
        TenantCommand::Show { tenant, json } => show(&tenant, json, store).await,
        TenantCommand::Suspend { tenant } => set_status(&tenant, TenantStatus::Suspended, store).await,
        TenantCommand::Activate { tenant } => set_status(&tenant, TenantStatus::Active, store).await,
        TenantCommand::Delete { tenant } => set_status(&tenant, TenantStatus::Deleted, store).await,
        TenantCommand::Update(args) => update(args, store).await,
    }
}

async fn create(args: CreateArgs, store: &Store) -> Result<Answer, CliError> {
    let slug = match args.slug {
        Some(slug) => slug,
        None => Slug::from_name(&args.name)
            .map_err(|_| CliError::Argument("no slug can be made of this name: give one with --slug".to_owned()))?,
    };
    let policy = TenantPolicy { scan_mode: args.scan_mode, ..TenantPolicy::default() };
    let tenant = store.create_tenant(NewTenant::new(args.name, slug, args.schema, policy)?, None).await?.into_inner();
    let note = format!("created tenant {} ({})", tenant.slug, tenant.id);
    if args.json { Ok(Answer::json(&TenantView::of(&tenant))?.with_note(note)) } else { Ok(Answer::note(note)) }
}

async fn list(json: bool, store: &Store) -> Result<Answer, CliError> {
    let tenants = store.list_tenants(Page::all()).await?;
    let views: Vec<TenantView> = tenants.iter().map(|tenant| TenantView::of(tenant)).collect();
    if json {
        return Answer::json(&views);
    }
    let row = |view: &TenantView| view.fields().into_iter().map(|(_, value)| value).collect();
    Ok(Answer::listing(table(HEADINGS, &views.iter().map(row).collect::<Vec<_>>())))
}

async fn show(tenant: &str, json: bool, store: &Store) -> Result<Answer, CliError> {
    let view = TenantView::of(&*store.tenant(tenant).await?);
    if json { Answer::json(&view) } else { Ok(Answer::listing(fields(&view.fields()))) }
}

async fn set_status(tenant: &str, status: TenantStatus, store: &Store) -> Result<Answer, CliError> {
    let update = TenantUpdate { status: Some(status), ..TenantUpdate::default() };
    let tenant = store.update_tenant(tenant, update, None).await?;
    Ok(Answer::note(format!("tenant {} is {}", tenant.slug, tenant.status.as_str())))
}

async fn update(args: UpdateArgs, store: &Store) -> Result<Answer, CliError> {
    let policy = args.scan_mode.map(|choice| match choice {
        ScanChoice::Default => TenantPolicy::default(),
        ScanChoice::Own(mode) => TenantPolicy { scan_mode: Some(mode), ..TenantPolicy::default() },
    });
    let update = TenantUpdate { name: args.name, policy, status: None };
    let tenant = store.update_tenant(&args.tenant, update, None).await?;
    Ok(Answer::note(format!("updated tenant {}", tenant.slug)))
}

/// A tenant as listings show it.
#[derive(Serialize)]
struct TenantView {
    id: String,
    slug: String,
    name: String,
    status: &'static str,
    db_schema_name: Option<String>,
    /// `null` where the config decides.
    scan_mode: Option<ScanMode>,
    created_at: String,
}

impl TenantView {
    fn of(tenant: &Tenant) -> TenantView {
        TenantView {
            id: tenant.id.to_string(),
            slug: tenant.slug.to_string(),
            name: tenant.name.clone(),
            status: tenant.status.as_str(),
            db_schema_name: tenant.db_schema_name.clone(),
            scan_mode: tenant.policy.scan_mode,
            created_at: tenant.created_at.to_string(),
        }
    }

    /// In the order of `HEADINGS`.
    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("id", self.id.clone()),
            ("slug", self.slug.clone()),
            ("name", self.name.clone()),
            ("status", self.status.to_owned()),
            ("db_schema_name", self.db_schema_name.clone().unwrap_or_default()),
            ("scan_mode", self.scan_mode.map_or("default", ScanMode::as_str).to_owned()),
            ("created_at", self.created_at.clone()),
        ]
    }
}

const HEADINGS: &[&str] = &["ID", "SLUG", "NAME", "STATUS", "SCHEMA", "SCAN MODE", "CREATED"];

pub(super) fn name(text: &str) -> Result<String, &'static str> {
    check_name(text).map(|()| text.to_owned())
}

fn schema_name(text: &str) -> Result<String, &'static str> {
    check_schema_name(text).map(|()| text.to_owned())
}

fn scan_mode(text: &str) -> Result<ScanMode, &'static str> {
    let modes = [ScanMode::Block, ScanMode::Sanitize, ScanMode::Flag, ScanMode::Shadow];
    modes.into_iter().find(|mode| mode.as_str() == text).ok_or("a scan mode is block, sanitize, flag or shadow")
}

fn scan_choice(text: &str) -> Result<ScanChoice, &'static str> {
    if text == "default" {
        return Ok(ScanChoice::Default);
    }
    scan_mode(text).map(ScanChoice::Own).map_err(|_| "a scan mode is block, sanitize, flag, shadow or default")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::output::tests::said;
    use crate::store::{Config, StoreError, StoreUrl};

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: TenantCommand,
    }

    async fn store() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(directory.path().join("store.db"));
        let store = Store::open(&Config::new(url)).await.unwrap();
        (directory, store)
    }

    /// Runs one command line, and answers what is on stdout and stderr.
    async fn says(store: &Store, line: &[&str]) -> Result<(String, String), CliError> {
        let line = Line::try_parse_from([&["tenant"], line].concat()).unwrap_or_else(|error| panic!("{error}"));
        answer(line.command, store).await.map(said)
    }

    #[tokio::test]
    async fn created_tenant_is_listed_shown_and_told_on_stderr() {
        let (_directory, store) = store().await;
        let (out, err) = says(&store, &["create", "--name", "Acme, Inc."]).await.unwrap();
        assert!(out.is_empty() && err.starts_with("created tenant acme-inc ("), "{out}{err}");
        let (out, _) = says(&store, &["create", "--name", "B", "--scan-mode", "flag", "--json"]).await.unwrap();
        let made: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&made["slug"], &made["scan_mode"]), (&"b".into(), &"flag".into()));
        assert_eq!(made["db_schema_name"], "tenant_b");
        let (out, err) = says(&store, &["list", "--json"]).await.unwrap();
        let listed: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&listed[1], err), (&made, String::new()));
        let (out, _) = says(&store, &["show", made["id"].as_str().unwrap(), "--json"]).await.unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), made);
        let (out, _) = says(&store, &["list"]).await.unwrap();
        assert!(out.starts_with("ID ") && out.lines().count() == 3 && out.contains("tenant_acme_inc"), "{out}");
        let (out, _) = says(&store, &["show", "b"]).await.unwrap();
        assert!(out.contains("scan_mode       flag"), "{out}");
    }

    #[tokio::test]
    async fn status_moves_between_active_and_suspended_and_ends_at_deleted() {
        let (_directory, store) = store().await;
        says(&store, &["create", "--name", "Acme"]).await.unwrap();
        assert_eq!(says(&store, &["suspend", "acme"]).await.unwrap().1, "tenant acme is suspended\n");
        assert_eq!(says(&store, &["activate", "acme"]).await.unwrap().1, "tenant acme is active\n");
        assert_eq!(says(&store, &["delete", "acme"]).await.unwrap().1, "tenant acme is deleted\n");
        let refused = says(&store, &["activate", "acme"]).await.unwrap_err();
        assert!(matches!(refused, CliError::Store(StoreError::Conflict(_))) && refused.exit_code() == 1);
        let absent = says(&store, &["suspend", "other"]).await.unwrap_err();
        assert_eq!((absent.to_string().as_str(), absent.exit_code()), ("there is no such tenant", 1));
    }

    #[tokio::test]
    async fn update_sets_a_mode_and_takes_it_back() {
        let (_directory, store) = store().await;
        says(&store, &["create", "--name", "Acme"]).await.unwrap();
        says(&store, &["update", "acme", "--scan-mode", "shadow", "--name", "Acme II"]).await.unwrap();
        let tenant = store.tenant("acme").await.unwrap();
        assert_eq!((&tenant.name[..], tenant.policy.scan_mode), ("Acme II", Some(ScanMode::Shadow)));
        says(&store, &["update", "acme", "--scan-mode", "default"]).await.unwrap();
        let tenant = store.tenant("acme").await.unwrap();
        assert_eq!((&tenant.name[..], tenant.policy.scan_mode), ("Acme II", None));
    }

    #[tokio::test]
    async fn name_without_a_slug_in_it_asks_for_one() {
        let (_directory, store) = store().await;
        let refused = says(&store, &["create", "--name", "名前"]).await.unwrap_err();
        assert!(refused.to_string().contains("--slug") && refused.exit_code() == 2, "{refused}");
        assert!(says(&store, &["create", "--name", "名前", "--slug", "namae"]).await.is_ok());
    }

    #[test]
    fn bad_arguments_are_refused_before_the_store_is_asked() {
        for line in [
            &["create"][..],
            &["create", "--name", ""],
            &["create", "--name", "a\nb"],
            &["create", "--name", "A", "--slug", "A B"],
            &["create", "--name", "A", "--schema", "a;drop"],
            &["create", "--name", "A", "--scan-mode", "off"],
            &["update", "acme"],
            &["update", "acme", "--scan-mode", "none"],
            &["suspend"],
        ] {
            assert!(Line::try_parse_from([&["tenant"], line].concat()).is_err(), "{line:?}");
        }
    }
}
