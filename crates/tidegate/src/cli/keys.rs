//! The flags of `tidegate keys`.

use clap::{Args, Subcommand};

const NEW_HELP: &str = "\
The key is random, of 256 bits. It is printed once and stored nowhere: hand it to its holder, and put the entry into
the file of keys (`access: { NAME: { api-keys: { file: … } } }`) or into the main file. A running gateway reads the
file again within a second or two.

Examples:
  tidegate keys new --id web-team
  tidegate keys new --id ci --not-after 2027-01-31 --json";

/// Make API keys.
#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    New(NewKey),
}

/// Make a key, and print it and the entry that stands for it in a configuration.
#[derive(Debug, Args)]
#[command(after_help = NEW_HELP)]
pub(crate) struct NewKey {
    /// Who gets it: `client.subject` in rules, and its name in logs.
    #[arg(long, value_name = "ID")]
    pub(crate) id: String,
    /// The day or time (UTC) from which on the key is refused.
    #[arg(long, value_name = "TIME")]
    pub(crate) not_after: Option<String>,
    /// Print one JSON object: `key` and `entry`.
    #[arg(long)]
    pub(crate) json: bool,
}
