//! `tidegate schema`.

use std::process::ExitCode;

use rules::schema::{Which, json_schema};

use super::print;
use crate::cli::Schema;

/// Prints the JSON Schema.
pub(crate) fn run(flags: &Schema) -> anyhow::Result<ExitCode> {
    let which = if flags.route { Which::Route } else { Which::Config };
    print(&format!("{}\n", serde_json::to_string_pretty(&json_schema(which))?))?;
    Ok(ExitCode::SUCCESS)
}
