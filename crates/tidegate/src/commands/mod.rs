//! One file per command.

pub(crate) mod demo;

pub(crate) mod serve;

pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod keys;
pub(crate) mod schema;
pub(crate) mod test;

pub(crate) mod upload;

pub(crate) mod completions;
pub(crate) mod manual;

pub(crate) mod sandbox;

mod numbers;
mod open_files;
mod reload;
mod signals;
mod table;

use std::io::{self, Write as _};

use rules::diagnostics::Colours;

/// Writes a command's result. A reader that has gone, such as `head`, is no error.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// Colours only where a person sees them and does not mind.
pub(crate) fn colours(out: &impl io::IsTerminal) -> Colours {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if out.is_terminal() && !unwanted { Colours::Always } else { Colours::Never }
}
