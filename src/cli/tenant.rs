//! `wardgate tenant`: who may send requests at all.

use std::collections::BTreeMap;

use clap::{ArgGroup, Args, Subcommand};

use super::CliError;
use super::key::{model, scope};
use super::output::{Answer, fields, table};
use crate::manage::{Authority, ChangeTenant, CreateTenant, Manage, TenantTargetView, TenantView};
use crate::scopes::{Models, Scopes};
use crate::store::Page;
use crate::tenant::{ScanLevel, ScanMode, Slug, TenantPolicy, TenantStatus, TenantTarget};

pub(super) mod values;

use values::{
    NamedTargets, ScanChoice, level_choice, name, on_or_off, rule, scan_choice, scan_level, scan_mode, schema_name,
    target,
};

#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Make a tenant and, where the store is a PostgreSQL, its schema; a tenant that was left half made is finished
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
    /// Let a tenant's requests pass again; one that was left half made is finished first
    Activate {
        /// Id or slug
        tenant: String,
    },
    /// Refuse a tenant's requests for good; its row and its slug stay
    Delete {
        /// Id or slug
        tenant: String,
    },
    /// Remove for good what a deleted tenant has: keys, users, sessions, and its schema with all that is in it
    Purge {
        /// Id or slug
        tenant: String,
        /// Nothing of it comes back: say that this is meant
        #[arg(long, required = true)]
        yes: bool,
    },
    /// Change a tenant's name, what it has, or what is done with prompts in which the scanner finds something
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
    /// How sure the scanner has to be: strict, balanced or sensitive
    #[arg(long, value_parser = scan_level)]
    scan_level: Option<ScanLevel>,
    /// A rule that its prompts are not held against, as `wardgate scan --rules` names it; may be given several times
    #[arg(long = "allow-rule", value_name = "ID", value_parser = rule)]
    allow_rules: Vec<String>,
    /// What its keys and users may be granted; may be given several times [default: all but the platform's scopes]
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    scopes: Vec<String>,
    /// What its keys may name; may be given several times [default: every model]
    #[arg(long = "model", value_name = "MODEL", value_parser = model)]
    models: Vec<String>,
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("change").required(true).multiple(true).args(["name", "scan_mode", "scan_level", "allow_rules", "no_allow_rule", "scopes", "any_scope", "models", "any_model", "targets", "no_targets", "hedging"])))]
pub(crate) struct UpdateArgs {
    /// Id or slug
    tenant: String,
    /// New display name
    #[arg(long, value_parser = name)]
    name: Option<String>,
    /// block, sanitize, flag, shadow, or default for what the config says
    #[arg(long, value_parser = scan_choice)]
    scan_mode: Option<ScanChoice<ScanMode>>,
    /// strict, balanced, sensitive, or default for what the config says
    #[arg(long, value_parser = level_choice)]
    scan_level: Option<ScanChoice<ScanLevel>>,
    /// A rule that its prompts are not held against from now on, beside the config's; may be given several times
    #[arg(long = "allow-rule", value_name = "ID", value_parser = rule)]
    allow_rules: Vec<String>,
    /// Hold its prompts against every rule of the config's again
    #[arg(long, conflicts_with = "allow_rules")]
    no_allow_rule: bool,
    /// What its keys and users may be granted from now on; may be given several times
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    scopes: Vec<String>,
    /// Take the ceiling of scopes away
    #[arg(long, conflicts_with = "scopes")]
    any_scope: bool,
    /// What its keys may name from now on; may be given several times
    #[arg(long = "model", value_name = "MODEL", value_parser = model)]
    models: Vec<String>,
    /// Let its keys name every model again
    #[arg(long, conflicts_with = "models")]
    any_model: bool,
    /// What a name of a model stands for from now on, tried in this order: reasoning=anthropic:claude-opus-4-5,openai:gpt-4o.
    /// Without a model, that which is asked for; may be given several times
    #[arg(long = "target", value_name = "NAME=UPSTREAM[:MODEL],…", value_parser = target)]
    targets: Vec<NamedTargets>,
    /// Let a name stand for what the config says again; may be given several times
    #[arg(long = "no-target", value_name = "NAME", value_parser = model)]
    no_targets: Vec<String>,
    /// Whether a second upstream may be asked while the first one is late
    #[arg(long, value_name = "on|off", value_parser = on_or_off)]
    hedging: Option<bool>,
}

pub(crate) async fn run(command: TenantCommand, manage: &Manage) -> Result<(), CliError> {
    answer(command, manage).await?.deliver()
}

async fn answer(command: TenantCommand, manage: &Manage) -> Result<Answer, CliError> {
    match command {
        TenantCommand::Create(args) => create(args, manage).await,
        TenantCommand::List { json } => list(json, manage).await,
        TenantCommand::Show { tenant, json } => show(&tenant, json, manage).await,
        TenantCommand::Suspend { tenant } => set_status(&tenant, TenantStatus::Suspended, manage).await,
        TenantCommand::Activate { tenant } => set_status(&tenant, TenantStatus::Active, manage).await,
        TenantCommand::Delete { tenant } => set_status(&tenant, TenantStatus::Deleted, manage).await,
        TenantCommand::Purge { tenant, .. } => purge(&tenant, manage).await,
        TenantCommand::Update(args) => update(args, manage).await,
    }
}

async fn create(args: CreateArgs, manage: &Manage) -> Result<Answer, CliError> {
    let slug = match args.slug {
        Some(slug) => slug,
        None => Slug::from_name(&args.name)
            .map_err(|_| CliError::Argument("no slug can be made of this name: give one with --slug".to_owned()))?,
    };
    let policy = TenantPolicy {
        scan_mode: args.scan_mode,
        scan_level: args.scan_level,
        allow_rules: args.allow_rules,
        scopes: if args.scopes.is_empty() { None } else { Some(scopes(args.scopes)?) },
        models: Models::from_list(args.models),
        ..TenantPolicy::default()
    };
    let new = CreateTenant { name: args.name, slug: Some(slug), db_schema_name: args.schema, policy };
    let tenant = manage.create_tenant(&Authority::cli(), new, None).await?.made;
    let note = format!("created tenant {} ({})", tenant.slug, tenant.id);
    if args.json { Ok(Answer::json(&TenantView::of(&tenant))?.with_note(note)) } else { Ok(Answer::note(note)) }
}

async fn list(json: bool, manage: &Manage) -> Result<Answer, CliError> {
    let tenants = manage.list_tenants(&Authority::cli(), Page::all()).await?.items;
    let views: Vec<TenantView> = tenants.iter().map(|tenant| TenantView::of(tenant)).collect();
    if json {
        return Answer::json(&views);
    }
    let row = |view: &TenantView| columns(view).into_iter().map(|(_, value)| value).take(HEADINGS.len()).collect();
    Ok(Answer::listing(table(HEADINGS, &views.iter().map(row).collect::<Vec<_>>())))
}

async fn show(tenant: &str, json: bool, manage: &Manage) -> Result<Answer, CliError> {
    let view = TenantView::of(&*manage.tenant(&Authority::cli(), tenant).await?);
    if json { Answer::json(&view) } else { Ok(Answer::listing(fields(&columns(&view)))) }
}

async fn set_status(tenant: &str, status: TenantStatus, manage: &Manage) -> Result<Answer, CliError> {
    let change = ChangeTenant { status: Some(status), ..ChangeTenant::default() };
    let tenant = manage.update_tenant(&Authority::cli(), tenant, change, None).await?;
    Ok(Answer::note(format!("tenant {} is {}", tenant.slug, tenant.status.as_str())))
}

async fn purge(tenant: &str, manage: &Manage) -> Result<Answer, CliError> {
    let tenant = manage.purge_tenant(&Authority::cli(), tenant).await?;
    Ok(Answer::note(format!("purged tenant {}; its row stays, and keeps its slug from newcomers", tenant.slug)))
}

async fn update(args: UpdateArgs, manage: &Manage) -> Result<Answer, CliError> {
    let scan_mode = args.scan_mode.map(ScanChoice::own);
    let scan_level = args.scan_level.map(ScanChoice::own);
    let allow_rules = (args.no_allow_rule || !args.allow_rules.is_empty()).then_some(args.allow_rules);
    let ceiling = match args.scopes.is_empty() {
        true => args.any_scope.then_some(None),
        false => Some(Some(scopes(args.scopes)?)),
    };
    let models = (args.any_model || !args.models.is_empty()).then(|| Models::from_list(args.models));
    let targets = targets(args.targets, args.no_targets)?;
    let UpdateArgs { tenant, name, hedging, .. } = args;
    let change = ChangeTenant {
        name,
        scan_mode,
        scan_level,
        allow_rules,
        scopes: ceiling,
        models,
        targets,
        hedging,
        status: None,
    };
    let tenant = manage.update_tenant(&Authority::cli(), &tenant, change, None).await?;
    Ok(Answer::note(format!("updated tenant {}", tenant.slug)))
}

/// Each name by what it stands for, or by nothing for what the config says.
fn targets(
    given: Vec<NamedTargets>,
    taken_away: Vec<String>,
) -> Result<BTreeMap<String, Option<Vec<TenantTarget>>>, CliError> {
    let given = given.into_iter().map(|named| (named.name, Some(named.targets)));
    let taken_away = taken_away.into_iter().map(|name| (name, None));
    let mut targets = BTreeMap::new();
    for (name, stands_for) in given.chain(taken_away) {
        if targets.insert(name.clone(), stands_for).is_some() {
            return Err(CliError::Argument(format!("`{name}` is named twice: list its targets behind one another")));
        }
    }
    Ok(targets)
}

/// The first of them in the order of `HEADINGS`.
fn columns(view: &TenantView) -> Vec<(&'static str, String)> {
    let any = |list: &[String], all: &str| if list.is_empty() { all.to_owned() } else { list.join(",") };
    vec![
        ("id", view.id.clone()),
        ("slug", view.slug.clone()),
        ("name", view.name.clone()),
        ("status", view.status.as_str().to_owned()),
        ("db_schema_name", view.db_schema_name.clone().unwrap_or_default()),
        ("scan_mode", view.scan_mode.map_or("default", |mode| mode.as_str()).to_owned()),
        ("created_at", view.created_at.clone()),
        ("scan_level", view.scan_level.map_or("default", |level| level.as_str()).to_owned()),
        ("allow_rules", view.allow_rules.join(",")),
        ("scopes", view.scopes.as_ref().map_or_else(|| "all".to_owned(), |scopes| any(scopes, "none"))),
        ("models", any(&view.models, "all")),
        ("targets", view.targets.iter().map(named).collect::<Vec<_>>().join(" ")),
        ("hedging", if view.hedging { "on" } else { "off" }.to_owned()),
        ("provider_keys", view.provider_keys.join(",")),
        ("version", view.version.to_string()),
    ]
}

/// As `--target` takes it.
fn named((name, targets): (&String, &Vec<TenantTargetView>)) -> String {
    let target = |target: &TenantTargetView| match &target.model {
        Some(model) => format!("{}:{model}", target.upstream),
        None => target.upstream.clone(),
    };
    format!("{name}={}", targets.iter().map(target).collect::<Vec<_>>().join(","))
}

const HEADINGS: &[&str] = &["ID", "SLUG", "NAME", "STATUS", "SCHEMA", "SCAN MODE", "CREATED"];

/// Each was checked as it was read.
pub(super) fn scopes(words: Vec<String>) -> Result<Scopes, CliError> {
    Scopes::new(words).map_err(|error| CliError::Argument(error.to_string()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::output::tests::said;
    use crate::cli::tests::desk;
    use crate::manage::ManageError;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: TenantCommand,
    }

    /// Runs one command line, and answers what is on stdout and stderr.
    async fn says(manage: &Manage, line: &[&str]) -> Result<(String, String), CliError> {
        let line = Line::try_parse_from([&["tenant"], line].concat()).unwrap_or_else(|error| panic!("{error}"));
        answer(line.command, manage).await.map(said)
    }

    #[tokio::test]
    async fn created_tenant_is_listed_shown_and_told_on_stderr() {
        let (_directory, manage) = desk().await;
        let (out, err) = says(&manage, &["create", "--name", "Acme, Inc."]).await.unwrap();
        assert!(out.is_empty() && err.starts_with("created tenant acme-inc ("), "{out}{err}");
        let (out, _) = says(&manage, &["create", "--name", "B", "--scan-mode", "flag", "--json"]).await.unwrap();
        let made: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&made["slug"], &made["scan_mode"]), (&"b".into(), &"flag".into()));
        assert_eq!(made["db_schema_name"], "tenant_b");
        let (out, err) = says(&manage, &["list", "--json"]).await.unwrap();
        let listed: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&listed[1], err), (&made, String::new()));
        let (out, _) = says(&manage, &["show", made["id"].as_str().unwrap(), "--json"]).await.unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), made);
        let (out, _) = says(&manage, &["list"]).await.unwrap();
        assert!(out.starts_with("ID ") && out.lines().count() == 3 && out.contains("tenant_acme_inc"), "{out}");
        let (out, _) = says(&manage, &["show", "b"]).await.unwrap();
        assert!(out.contains("scan_mode       flag"), "{out}");
    }

    #[tokio::test]
    async fn status_moves_between_active_and_suspended_and_ends_at_deleted() {
        let (_directory, manage) = desk().await;
        says(&manage, &["create", "--name", "Acme"]).await.unwrap();
        assert_eq!(says(&manage, &["suspend", "acme"]).await.unwrap().1, "tenant acme is suspended\n");
        assert_eq!(says(&manage, &["activate", "acme"]).await.unwrap().1, "tenant acme is active\n");
        assert_eq!(says(&manage, &["delete", "acme"]).await.unwrap().1, "tenant acme is deleted\n");
        let refused = says(&manage, &["activate", "acme"]).await.unwrap_err();
        assert!(matches!(refused, CliError::Manage(ManageError::Conflict(_))) && refused.exit_code() == 1);
        let absent = says(&manage, &["suspend", "other"]).await.unwrap_err();
        assert_eq!((absent.to_string().as_str(), absent.exit_code()), ("there is no such tenant", 1));
    }

    #[tokio::test]
    async fn update_sets_a_mode_and_takes_it_back() {
        let (_directory, manage) = desk().await;
        says(&manage, &["create", "--name", "Acme"]).await.unwrap();
        says(&manage, &["update", "acme", "--scan-mode", "shadow", "--name", "Acme II"]).await.unwrap();
        let tenant = manage.tenant(&Authority::cli(), "acme").await.unwrap();
        assert_eq!((&tenant.name[..], tenant.policy.scan_mode), ("Acme II", Some(ScanMode::Shadow)));
        says(&manage, &["update", "acme", "--scan-mode", "default"]).await.unwrap();
        let tenant = manage.tenant(&Authority::cli(), "acme").await.unwrap();
        assert_eq!((&tenant.name[..], tenant.policy.scan_mode), ("Acme II", None));
    }

    #[tokio::test]
    async fn level_and_allowed_rules_are_set_shown_and_taken_back() {
        let (_directory, manage) = desk().await;
        let shown = async || says(&manage, &["show", "acme"]).await.unwrap().0;
        let create = ["create", "--name", "Acme", "--scan-level", "strict", "--allow-rule", "model"];
        says(&manage, &create).await.unwrap();
        assert!(shown().await.contains("scan_level      strict\nallow_rules     model\n"), "{}", shown().await);
        says(&manage, &["update", "acme", "--scan-level", "default"]).await.unwrap();
        assert!(shown().await.contains("scan_level      default\nallow_rules     model\n"), "{}", shown().await);
        says(&manage, &["update", "acme", "--no-allow-rule", "--scan-level", "sensitive"]).await.unwrap();
        assert!(shown().await.contains("scan_level      sensitive\nallow_rules     -\n"), "{}", shown().await);
    }

    #[tokio::test]
    async fn name_without_a_slug_in_it_asks_for_one() {
        let (_directory, manage) = desk().await;
        let refused = says(&manage, &["create", "--name", "名前"]).await.unwrap_err();
        assert!(refused.to_string().contains("--slug") && refused.exit_code() == 2, "{refused}");
        assert!(says(&manage, &["create", "--name", "名前", "--slug", "namae"]).await.is_ok());
    }

    #[tokio::test]
    async fn ceiling_is_set_shown_and_lifted_without_touching_the_rest() {
        let (_directory, manage) = desk().await;
        let create = ["create", "--name", "Acme", "--scan-mode", "flag", "--scope", "session:*", "--model", "gpt-4o"];
        says(&manage, &create).await.unwrap();
        let (out, _) = says(&manage, &["show", "acme"]).await.unwrap();
        assert!(out.contains("scopes          session:*") && out.contains("models          gpt-4o"), "{out}");
        says(&manage, &["update", "acme", "--any-model", "--scope", "llm:invoke"]).await.unwrap();
        let policy = manage.tenant(&Authority::cli(), "acme").await.unwrap().policy.clone();
        assert_eq!((policy.scan_mode, policy.models), (Some(ScanMode::Flag), Models::All));
        assert_eq!(policy.scopes.unwrap().to_string(), "llm:invoke");
        says(&manage, &["update", "acme", "--any-scope"]).await.unwrap();
        assert_eq!(manage.tenant(&Authority::cli(), "acme").await.unwrap().policy.scopes, None);
    }

    #[tokio::test]
    async fn targets_and_hedging_are_set_shown_and_taken_back_name_by_name() {
        let (_directory, manage) = desk().await;
        says(&manage, &["create", "--name", "Acme"]).await.unwrap();
        let shown = async || says(&manage, &["show", "acme"]).await.unwrap().0;
        assert!(
            shown().await.contains("targets         -\nhedging         off\nprovider_keys   -"),
            "{}",
            shown().await
        );
        let reasoning = "reasoning=anthropic:claude-opus-4-5,openai:ft:gpt-4o:acme";
        let update = ["update", "acme", "--target", reasoning, "--target", "gpt-4o=openai", "--hedging", "on"];
        says(&manage, &update).await.unwrap();
        let told = format!("targets         gpt-4o=openai {reasoning}\nhedging         on");
        assert!(shown().await.contains(&told), "{}", shown().await);
        let (out, _) = says(&manage, &["show", "acme", "--json"]).await.unwrap();
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["targets"]["gpt-4o"], serde_json::json!([{"upstream": "openai", "model": null}]));
        assert_eq!(json["targets"]["reasoning"][1]["model"], "ft:gpt-4o:acme");
        says(&manage, &["update", "acme", "--no-target", "reasoning", "--name", "Acme II"]).await.unwrap();
        assert!(shown().await.contains("targets         gpt-4o=openai\nhedging         on"), "{}", shown().await);
        says(&manage, &["update", "acme", "--hedging", "off"]).await.unwrap();
        assert!(shown().await.contains("hedging         off"));
        let twice = says(&manage, &["update", "acme", "--target", "a=openai", "--no-target", "a"]).await.unwrap_err();
        assert!(twice.exit_code() == 2 && twice.to_string().contains("named twice"), "{twice}");
        let unknown = says(&manage, &["update", "acme", "--target", "a=gemini"]).await.unwrap_err();
        assert!(unknown.exit_code() == 2 && unknown.to_string().contains("anthropic, openai"), "{unknown}");
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
            &["create", "--name", "A", "--scan-level", "loose"],
            &["create", "--name", "A", "--allow-rule", "no.such-rule"],
            &["update", "acme"],
            &["update", "acme", "--scan-level", "none"],
            &["update", "acme", "--allow-rule", "model", "--no-allow-rule"],
            &["update", "acme", "--scan-mode", "none"],
            &["update", "acme", "--any-scope", "--scope", "a"],
            &["update", "acme", "--scope", "a b"],
            &["update", "acme", "--target", "reasoning"],
            &["update", "acme", "--target", "reasoning="],
            &["update", "acme", "--target", "=openai:gpt-4o"],
            &["update", "acme", "--target", "reasoning=openai:"],
            &["update", "acme", "--target", "reasoning=openai:gpt-4o,"],
            &["update", "acme", "--target", "reasoning=open ai"],
            &["update", "acme", "--hedging", "maybe"],
            &["suspend"],
        ] {
            assert!(Line::try_parse_from([&["tenant"], line].concat()).is_err(), "{line:?}");
        }
    }
}
