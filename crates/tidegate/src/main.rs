//! The `tidegate` command: flags, runtime, logging and exit codes. Everything else is done by the libraries.

mod allocator;
mod cli;
mod client;
mod commands;
mod logging;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};

/// What was asked for could not be done: the exit code of every failure but wrong usage, which is clap's 2.
const FAILED: u8 = 1;

/// The same code as clap's, for what only a look at the disk can tell.
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    allocator::keep_nothing();
    // First of all: rustls refuses to guess a provider, and whoever builds a TLS configuration relies on it.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return fail(&anyhow::anyhow!("the cryptographic provider was installed twice"));
    }
    let done = match Cli::parse().command {
        Command::Demo(flags) => commands::demo::run(&flags),
        Command::Serve(flags) => commands::serve::run(&flags),
        Command::Check(flags) => commands::check::run(&flags),
        Command::Explain(flags) => commands::explain::run(&flags),
        Command::Test(flags) => commands::test::run(&flags),
        Command::Keys(flags) => commands::keys::run(&flags),
        Command::Schema(flags) => commands::schema::run(&flags),
        Command::Upload(flags) => commands::upload::run(&flags),
        Command::Sandbox(flags) => commands::sandbox::run(&flags),
        Command::Completions(flags) => commands::completions::run(&flags),
        Command::Manual(flags) => commands::manual::run(&flags),
    };
    done.unwrap_or_else(|error| fail(&error))
}

#[expect(clippy::print_stderr, reason = "the last word of a command that failed")]
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("tidegate: {error:#}");
    ExitCode::from(FAILED)
}
