//! The flags of `tidegate completions` and `tidegate manual`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

const COMPLETIONS_HELP: &str = "\
Examples:
  tidegate completions bash > ~/.local/share/bash-completion/completions/tidegate
  tidegate completions zsh > ~/.zfunc/_tidegate
  tidegate completions fish > ~/.config/fish/completions/tidegate.fish";

/// Print what a shell needs to complete this command's flags.
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_HELP)]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

const MANUAL_HELP: &str = "\
Examples:
  tidegate manual | man -l -
  tidegate manual --directory ~/.local/share/man/man1";

/// Print the manual page of this command, or write those of all its commands.
#[derive(Debug, Args)]
#[command(after_help = MANUAL_HELP)]
pub(crate) struct Manual {
    /// Write a page for each command into this folder, which is made if it is not there.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) directory: Option<PathBuf>,
}
