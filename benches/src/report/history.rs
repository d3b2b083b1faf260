//! Figures of earlier runs, one line of JSON for each job and peer, so that a regression shows.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::machine::Machine;
use crate::job::Scale;
use crate::run::Results;
use crate::stats::Spread;

/// What one run found out about one peer at one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When, RFC 3339.
    pub date: String,
    /// Of the project.
    pub version: String,
    /// Of the source tree.
    pub commit: String,
    /// `full` or `quick`; figures of different scales are not compared.
    pub scale: String,
    /// Where: figures of different machines are not compared.
    pub machine: String,
    /// Its name.
    pub job: String,
    /// Its name.
    pub peer: String,
    /// By name.
    pub figures: BTreeMap<String, Kept>,
}

/// A spread as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Half of the runs gave less.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
    /// How many there were.
    pub runs: usize,
}

/// Everything that the file holds, oldest first; nothing if there is none.
///
/// # Errors
/// It cannot be read, or a line is no entry; the message says which.
pub fn read(file: &Path) -> anyhow::Result<Vec<Entry>> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            serde_json::from_str(line).with_context(|| format!("line {} of {}", index + 1, file.display()))
        })
        .collect()
}

/// Adds a run at the end of the file.
///
/// # Errors
/// It cannot be written.
pub fn append(file: &Path, entries: &[Entry]) -> anyhow::Result<()> {
    let mut lines = String::new();
    for entry in entries {
        lines.push_str(&serde_json::to_string(entry)?);
        lines.push('\n');
    }
    let mut file = OpenOptions::new().append(true).create(true).open(file).context("cannot open the history")?;
    Ok(file.write_all(lines.as_bytes())?)
}

/// A run as entries.
#[must_use]
pub fn entries(results: &Results, machine: &Machine) -> Vec<Entry> {
    let scale = if results.scale == Scale::Full { "full" } else { "quick" };
    let mut entries = Vec::new();
    for job in &results.jobs {
        for (peer, figures) in job.counted() {
            let kept = figures.iter().filter_map(|(figure, values)| {
                let Spread { median, min, max, runs } = Spread::of(values)?;
                Some((figure.name.to_owned(), Kept { median, min, max, runs }))
            });
            entries.push(Entry {
                date: machine.date.clone(),
                version: machine.version.clone(),
                commit: machine.commit.clone(),
                scale: scale.to_owned(),
                machine: machine.processor.clone(),
                job: job.kind.name().to_owned(),
                peer: peer.to_owned(),
                figures: kept.collect(),
            });
        }
    }
    entries
}
