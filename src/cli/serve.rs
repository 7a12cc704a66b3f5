//! `wardgate serve`: the gate, until it is told to stop.

use std::path::PathBuf;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::CliError;
use crate::app::App;
use crate::config::Override;
use crate::scan::Scanner;

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address and port for clients, in place of server.listen
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Address and port for probes, in place of admin.listen
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<String>,
    /// Where tenants and keys are kept, in place of store.url
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

impl ServeArgs {
    fn overrides(self) -> Vec<Override> {
        let given = [
            (self.listen, &["server", "listen"], "--listen"),
            (self.admin_listen, &["admin", "listen"], "--admin-listen"),
            (self.store, &["store", "url"], "--store"),
        ];
        let set = given.into_iter().filter_map(|(text, path, flag)| Some(Override { path, text: text?, flag }));
        set.collect()
    }
}

pub(crate) async fn run(args: ServeArgs, config: Option<PathBuf>) -> Result<(), CliError> {
    let (config, warnings) = super::source(config, args.overrides())?.config()?;
    // Before the first request, and not in `App`: tests start many of them.
    if !config.scan.categories.is_empty() {
        Scanner::warm();
    }
    let app = App::start(config).await?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    until_told().await?;
    app.stop().await;
    Ok(())
}

/// Comes back at SIGTERM, as Kubernetes sends it, or at SIGINT, as a terminal does.
pub(super) async fn until_told() -> Result<(), CliError> {
    let failed = |source| CliError::System { what: "signals cannot be waited for".into(), source };
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            // Operators send it to have a config read anew, and mean anything but an end.
            _ = hangup.recv() => tracing::warn!("SIGHUP: the config is read at start alone; restart to change it"),
        }
    }
}
