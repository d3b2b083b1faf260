//! The flags of `tidegate sandbox`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

const SANDBOX_HELP: &str = "\
The stand-ins are strict where the real systems are: they verify signatures, policies, lengths, types and tokens. Of a
file they keep size and SHA-256 alone. They listen on loopback only.

To try the shipped routes, run this in one terminal:
  tidegate sandbox
and this in another:
  eval \"$(tidegate sandbox --env)\"
  tidegate serve";

/// Run stand-ins of the supported systems.
#[derive(Debug, Args)]
#[command(after_help = SANDBOX_HELP)]
pub(crate) struct Sandbox {
    /// Where the first system listens; the others take the ports after it. Port 0 lets the system choose all of them.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9100")]
    pub(crate) address: SocketAddr,
    /// Start nothing: print the environment of a sandbox at this address, for a shell to evaluate.
    #[arg(long, conflicts_with_all = ["env_file", "json"])]
    pub(crate) env: bool,
    /// Write the environment to a file once the stand-ins listen, for a shell to source.
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
    /// Print one JSON object once the stand-ins listen: `systems` and `environment`.
    #[arg(long)]
    pub(crate) json: bool,
}
