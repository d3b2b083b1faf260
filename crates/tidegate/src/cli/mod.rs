//! What can be typed. The texts here are the reference of the command line.

mod demo;
mod explain;
mod keys;
mod sandbox;
mod shell;
mod test;
mod upload;
pub(crate) mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use demo::Demo;
pub(crate) use explain::Explain;
pub(crate) use keys::{Keys, KeysCommand, NewKey};
pub(crate) use sandbox::Sandbox;
pub(crate) use shell::{Completions, Manual};
pub(crate) use test::Test;
pub(crate) use upload::Upload;

/// The build's revision, where whoever builds it says so.
pub(crate) const REVISION: &str = match option_env!("TIDEGATE_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  what was asked for failed; the last line on stderr says why
  2  wrong usage";

/// One streaming proxy in front of every place a file must go.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(Demo),
    Serve(Serve),
    Check(Check),
    Explain(Explain),
    Test(Test),
    Keys(Keys),
    Schema(Schema),
    Upload(Upload),
    Sandbox(Sandbox),
    Completions(Completions),
    Manual(Manual),
}

const SERVE_HELP: &str = "\
Signals:
  SIGTERM, SIGINT  drain: /readyz turns 503, new requests are refused, the listeners close, and uploads in
                   flight have `timeouts.drain` to end. A second one aborts them at once; a third ends the
                   process without taking back what aborted uploads began upstream.

Environment:
  RUST_LOG         a filter for the log, in the place of `log.level`, such as `info,gateway=debug`
  Every variable that the configuration names. The shipped one names TIDEGATE_LISTEN, TIDEGATE_ADMIN and
  TIDEGATE_ALLOW_PRIVATE beside those of its routes.

The log goes to stderr: for people on a terminal, one JSON object a line otherwise.

Exit codes:
  0  drained, and no upload was lost
  1  the configuration has errors, the gateway could not start, or a drain had to abort uploads
  2  wrong usage";

/// Run the gateway.
#[derive(Debug, Args)]
#[command(after_help = SERVE_HELP)]
pub(crate) struct Serve {
    /// The main file of the configuration; paths in it are relative to it.
    #[arg(
        long,
        short,
        value_name = "FILE",
        env = "TIDEGATE_CONFIG",
        hide_env_values = true,
        default_value = "config/tidegate.yaml"
    )]
    pub(crate) config: PathBuf,
}

const CHECK_HELP: &str = "\
Checks what `serve` would read, in the environment in which it would run: syntax, names, units, facts that are
used before they are known, paths that overlap, variables that are not set. Nothing is sent anywhere.

Exit codes:
  0  no errors; there may be warnings
  1  errors
  2  wrong usage";

/// Report every problem of a configuration at once, each with its place and a hint.
#[derive(Debug, Args)]
#[command(after_help = CHECK_HELP)]
pub(crate) struct Check {
    /// The main file of the configuration; paths in it are relative to it.
    #[arg(
        long,
        short,
        value_name = "FILE",
        env = "TIDEGATE_CONFIG",
        hide_env_values = true,
        default_value = "config/tidegate.yaml"
    )]
    pub(crate) config: PathBuf,
    /// Print the report as JSON: `errors`, `warnings`, and `problems` with file, line, column, text, message and hint.
    #[arg(long)]
    pub(crate) json: bool,
    /// Take variables that are not set for warnings: to check rules where their secrets are not.
    #[arg(long)]
    pub(crate) without_environment: bool,
}

const SCHEMA_HELP: &str = "\
For editors that speak the YAML language server's protocol, put this line first in a file:
  # yaml-language-server: $schema=tidegate-route.schema.json";

/// Print the JSON Schema of the configuration, for editors.
#[derive(Debug, Args)]
#[command(after_help = SCHEMA_HELP)]
pub(crate) struct Schema {
    /// The schema of a route's file instead of the main file's.
    #[arg(long)]
    pub(crate) route: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_that_a_newcomer_sees_first_is_what_was_agreed() {
        insta::assert_snapshot!("help", Cli::command().render_long_help());
    }

    #[test]
    fn the_help_of_every_command_is_what_was_agreed() {
        let mut command = Cli::command();
        command.build();
        for sub in command.get_subcommands_mut() {
            let name = sub.get_name().to_owned();
            if name == "help" {
                continue;
            }
            insta::assert_snapshot!(format!("help_{name}"), sub.render_long_help());
            for below in sub.get_subcommands_mut().filter(|below| below.get_name() != "help") {
                insta::assert_snapshot!(format!("help_{name}_{}", below.get_name()), below.render_long_help());
            }
        }
    }
}
