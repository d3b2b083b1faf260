//! From the results of a run to `REPORT.md`, its plots, and the history.

pub mod history;
pub mod machine;
mod plots;
mod tables;
pub mod targets;

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::run::Results;
use crate::stats::Spread;
use history::Entry;
use machine::Machine;

/// Writes `REPORT.md`, `plots/*.svg` and one more run of `history.jsonl` into a folder.
///
/// # Errors
/// The folder cannot be written to, or its history cannot be read.
pub fn write(folder: &Path, results: &Results, machine: &Machine) -> anyhow::Result<()> {
    let history = folder.join("history.jsonl");
    let before = history::read(&history)?;
    let plots = folder.join("plots");
    fs::create_dir_all(&plots).with_context(|| format!("cannot create {}", plots.display()))?;
    for job in &results.jobs {
        // The first figure of a job is what it is about.
        let Some(figure) = job.figures().first().copied() else { continue };
        let rows = job.counted().filter_map(|(peer, figures)| Some((peer, Spread::of(figures.get(&figure)?)?)));
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by(|(_, one), (_, other)| one.median.total_cmp(&other.median));
        if !figure.less_is_better {
            rows.reverse();
        }
        let title = format!(
            "{}: {}, {}",
            job.kind.name(),
            figure.unit,
            if figure.less_is_better { "less is better" } else { "more is better" }
        );
        plots::bars(&plots.join(format!("{}.svg", job.kind.name())), &title, &rows, |peer| {
            peer.starts_with(targets::SUBJECT)
        })?;
    }
    fs::write(folder.join("REPORT.md"), text(results, machine, &before))?;
    history::append(&history, &history::entries(results, machine))
}

/// The report itself.
#[must_use]
pub fn text(results: &Results, machine: &Machine, before: &[Entry]) -> String {
    [
        tables::opening(results, machine),
        tables::targets(results),
        tables::jobs(results),
        tables::history(results, machine, before),
    ]
    .concat()
}

#[cfg(test)]
mod tests;
