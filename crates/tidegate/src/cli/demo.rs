//! The flags of `tidegate demo`.

use clap::Args;

use super::values::Size;

const DEMO_HELP: &str = "\
Starts stand-ins of the supported systems and a gateway on loopback, and uploads files of several sizes through every
shipped route: by PUT, by POST, as a form, and over HTTP/2. Each upload is verified: the receipt's size and SHA-256, and
those of the file that arrived. Nothing leaves this machine, and nothing is written to it.

The peak memory is the process's (VmHWM, set back before each upload), stand-ins and client included. With --memory the
gateway is a process of its own and its memory alone is measured, against these bounds: it grows by less than 16 MiB
while a file of 1 GiB passes, whatever the body, and by less than 32 MiB while 200 slow uploads are open at once.

Exit codes:
  0  every upload worked, and every bound held
  1  one did not
  2  wrong usage";

/// See every shipped route work, verified byte for byte.
#[derive(Debug, Args)]
#[command(after_help = DEMO_HELP)]
pub(crate) struct Demo {
    /// Measure the gateway's memory: 1 GiB through each kind of body, then 200 slow uploads at once.
    #[arg(long)]
    pub(crate) memory: bool,
    /// The largest file; larger ones are left out [default: 256MiB, with --memory 1GiB].
    #[arg(long, value_name = "SIZE")]
    pub(crate) largest: Option<Size>,
    /// Print the gateway's log, to stderr.
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Print one JSON object in the place of the table.
    #[arg(long)]
    pub(crate) json: bool,
}
