//! `wardgate check`: everything that starting would find wrong, without starting.

use std::path::PathBuf;
use std::sync::Arc;

use super::CliError;
use crate::app::StartError;
use crate::metrics::Metrics;
use crate::seal::Seals;
use crate::upstream::Directory;

pub(crate) fn run(config: Option<PathBuf>) -> Result<(), CliError> {
    let (config, warnings) = super::source(config, Vec::new())?.config()?;
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
    let upstreams = config.upstreams.upstreams.len();
    let seals = Arc::new(Seals::new(config.sealing).map_err(StartError::from)?);
    let directory = Directory::new(config.upstreams, seals, Arc::new(Metrics::new())).map_err(StartError::from)?;
    drop(directory);
    eprintln!("the config is good: {upstreams} upstream(s), listening on {}", config.server.listen);
    Ok(())
}
