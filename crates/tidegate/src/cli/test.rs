//! `tidegate test`.

use std::path::PathBuf;

use clap::Args;

const TEST_HELP: &str = "\
Runs the `examples` of routes: each upload goes through a whole gateway in this process, whose upstreams are all
played from the example. No name is looked up, nothing leaves the machine, and no variable needs to be set: an
example brings its own, and secrets have stand-ins. Each route's file stands for itself; the main file tells no
more than which files there are.

Of a folder, every `.yaml` and `.yml` file below it is taken that has a `route`.

Exit codes:
  0  every example passed
  1  an example failed, or a file has errors
  2  wrong usage, or a path that is not there";

/// Run the examples that routes carry, without a network.
#[derive(Debug, Args)]
#[command(after_help = TEST_HELP)]
pub(crate) struct Test {
    /// Files of routes, or folders of such; without any, the routes of the configuration.
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
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
    /// Run only examples with this text in their name or in their route's.
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    /// Fail for a route that has no examples.
    #[arg(long)]
    pub(crate) require_examples: bool,
    /// Print one JSON document: `passed`, `failed`, and `files` with their examples and differences.
    #[arg(long)]
    pub(crate) json: bool,
}
