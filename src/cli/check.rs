//! `wardgate check`: everything that starting would find wrong, without starting.

use std::path::PathBuf;

use super::CliError;
use crate::upstream::Directory;

pub(crate) fn run(config: Option<PathBuf>) -> Result<(), CliError> {
    let (config, warnings) = super::source(config, Vec::new())?.config()?;
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
    let upstreams = config.upstreams.upstreams.len();
    let directory = Directory::new(config.upstreams).map_err(crate::app::StartError::from)?;
    drop(directory);
    eprintln!("the config is good: {upstreams} upstream(s), listening on {}", config.server.listen);
    Ok(())
}
