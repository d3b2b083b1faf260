//! `tidegate test`: the examples of routes, each through a whole gateway, without a network.

mod files;

mod authority;
mod sent;
mod upstream;

mod compare;
mod run;

mod report;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use futures::stream::{self, StreamExt as _};
use rules::config::{Example, Examples};

use super::{colours, print};
use crate::cli::Test;
use crate::{FAILED, WRONG_USAGE};
use authority::Authority;
use report::{FileOutcome, FileResult, Results};

/// Examples at once. Each is a gateway that mostly waits: for a pause between attempts, or between two looks.
const AT_ONCE: usize = 16;

/// Runs the examples; fails if one did.
pub(crate) fn run(flags: &Test) -> anyhow::Result<ExitCode> {
    let files = if flags.paths.is_empty() {
        match gateway::load::route_files(&flags.config) {
            Ok(files) => files,
            Err(report) => bail!("the main file cannot be used\n\n{}", report.render(colours(&std::io::stderr()))),
        }
    } else {
        match files::of_paths(&flags.paths) {
            Ok(files) => files,
            Err(error) => {
                crate::fail(&error);
                return Ok(ExitCode::from(WRONG_USAGE));
            }
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    let results = runtime.block_on(run_all(files, flags))?;
    if flags.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&results.as_json())?))?;
    } else {
        print(&results.for_people(colours(&std::io::stdout())))?;
    }
    // A filter with a slip in it would pass for ever.
    if let (Some(filter), 0, true) = (&flags.filter, results.run(), results.is_good()) {
        bail!("no example has `{filter}` in its name or in its route's");
    }
    Ok(if results.is_good() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

async fn run_all(files: Vec<String>, flags: &Test) -> anyhow::Result<Results> {
    let authority = Arc::new(Authority::new()?);
    let mut results = Vec::new();
    for file in files {
        let outcome = match gateway::load::read_examples(&file) {
            Ok(examples) => {
                let verdicts = run_file(&file, &examples, flags, &authority).await;
                FileOutcome::Run(examples, verdicts)
            }
            Err(report) => FileOutcome::Unusable(report),
        };
        results.push(FileResult { file, outcome });
    }
    Ok(Results { files: results, require_examples: flags.require_examples })
}

async fn run_file(
    file: &str,
    examples: &Examples,
    flags: &Test,
    authority: &Arc<Authority>,
) -> Vec<(Example, run::Verdict)> {
    let is_meant = |text: &str| flags.filter.as_ref().is_none_or(|filter| text.contains(filter.as_str()));
    let meant = examples.list.iter().filter(|example| is_meant(&example.name.value) || is_meant(&examples.route));
    stream::iter(meant.cloned())
        .map(|example| async move {
            let verdict = run::run(file, &example, authority).await;
            (example, verdict)
        })
        .buffered(AT_ONCE)
        .collect()
        .await
}
