//! `tidegate check`.

use std::process::ExitCode;

use rules::check::Missing;

use super::{colours, print};
use crate::FAILED;
use crate::cli::Check;

/// Prints the report; fails if there is an error in it.
pub(crate) fn run(flags: &Check) -> anyhow::Result<ExitCode> {
    let missing = if flags.without_environment { Missing::Tolerated } else { Missing::Refused };
    let report = gateway::load::check(&flags.config, missing);
    let sound = report.errors() == 0;
    if flags.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?;
    } else {
        print(&report.render(colours(&std::io::stdout())))?;
        if sound && report.warnings() == 0 {
            print("no problem found\n")?;
        }
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}
