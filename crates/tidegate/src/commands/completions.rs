//! `tidegate completions`: what a shell completes after the command's name.

use std::process::ExitCode;

use clap::CommandFactory as _;

use super::print;
use crate::cli::{Cli, Completions};

/// Prints the script of a shell.
pub(crate) fn run(flags: &Completions) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut Cli::command(), "tidegate", &mut script);
    print(&String::from_utf8(script)?)?;
    Ok(ExitCode::SUCCESS)
}
