//! The flags of `tidegate explain`.

use std::path::PathBuf;

use clap::Args;

use super::values::{Pair, Size};

const EXPLAIN_HELP: &str = "\
Nothing is sent. What only an upstream's answer can tell stands as ‹create.json.url›, secrets stand as ***. A file
that would be refused ends with the problem that its client would see.

Example:
  tidegate explain kustomer-media --file photo.jpg --size 2MiB

Exit codes:
  0  the upload would begin
  1  it would be refused, or the configuration has errors
  2  wrong usage";

/// Print the plan of one upload: requests, exact lengths, and what the route needs of the client.
#[derive(Debug, Args)]
#[command(after_help = EXPLAIN_HELP)]
pub(crate) struct Explain {
    /// The route's name.
    #[arg(value_name = "ROUTE")]
    pub(crate) route: String,
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
    /// The file: its name, its size if it exists, and the type that belongs to its extension.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The size, in the place of the file's own.
    #[arg(long, value_name = "SIZE")]
    pub(crate) size: Option<Size>,
    /// The media type, in the place of the one that belongs to the extension.
    #[arg(long = "type", short = 't', value_name = "TYPE")]
    pub(crate) media_type: Option<String>,
    /// A parameter, or a part of the path that the route takes; may be given several times.
    #[arg(long, short, value_name = "NAME=VALUE")]
    pub(crate) param: Vec<Pair>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
