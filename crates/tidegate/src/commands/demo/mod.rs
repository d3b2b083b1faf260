//! `tidegate demo`: every shipped route at work, verified byte for byte, without leaving this machine.
//!
//! One mode uploads through everything, with stand-ins, gateway and client in this process; the other measures the memory of a
//! gateway in a process of its own.

mod attempt;
mod case;
mod content;
mod peak;
mod shipped;

mod every_route;

mod gateway_process;
mod memory;
mod slow;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::FAILED;
use crate::cli::Demo;

/// Runs the mode that was asked for; fails if one upload or bound did.
pub(crate) fn run(flags: &Demo) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    let good =
        if flags.memory { runtime.block_on(memory::run(flags))? } else { runtime.block_on(every_route::run(flags))? };
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// What is being done, on a terminal only: each line takes the place of the one before, and an empty one wipes it.
fn show_progress(line: &str) {
    let mut terminal = io::stderr().lock();
    if terminal.is_terminal() {
        // A terminal that has gone is no reason to stop.
        let _unseen = write!(terminal, "\r\x1b[2K{line}").and_then(|()| terminal.flush());
    }
}
