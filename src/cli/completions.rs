//! `wardgate completions`: a script that teaches a shell the commands.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::output::Answer;
use super::{Cli, CliError};

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "wardgate", &mut script);
    Answer::listing(String::from_utf8_lossy(&script).into_owned()).deliver()
}
