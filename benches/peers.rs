//! Tidegate and other programs that could carry an upload, side by side.
//!
//! `cargo bench -p tidegate-benches --bench peers -- --help` lists what can be chosen.

use std::io::{Write, stdout};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, ensure};
use benches::job::Scale;
use benches::orphans;
use benches::report;
use benches::report::machine::Machine;
use benches::report::targets::SUBJECT;
use benches::run::{Options, run};
use clap::Parser;

/// Runs of each job and peer: with four, one that something disturbed does not decide the median.
const FULL_RUNS: usize = 4;

/// Runs in a quick run, which shows that all works and about what it costs.
const QUICK_RUNS: usize = 2;

/// Measures Tidegate and its peers side by side in one run. Without any option the run is a quick one.
#[derive(Debug, Parser)]
#[command(name = "peers")]
struct Flags {
    /// Jobs, separated by commas; all unless given.
    #[arg(long, value_delimiter = ',')]
    jobs: Vec<String>,
    /// Peers, separated by commas; all unless given.
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// How often each is measured: 4 times, in a quick run 2.
    #[arg(long)]
    runs: Option<usize>,
    /// Measure enough for figures to rely on; takes about 25 minutes for everything. The default with any other option.
    #[arg(long, conflicts_with = "quick")]
    full: bool,
    /// Measure little: the figures are rough.
    #[arg(long)]
    quick: bool,
    /// The program of Tidegate to measure; unless given, it is built in the release profile.
    #[arg(long)]
    tidegate: Option<PathBuf>,
    /// Another program of Tidegate to compare it with, as the peer `tidegate-base`.
    #[arg(long)]
    baseline: Option<PathBuf>,
    /// Where report, plots and history go: `benches`, or `target/peers` for a run that is quick, partial or has a baseline.
    #[arg(long)]
    output: Option<PathBuf>,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let flags = Flags::parse();
    let asked = std::env::args().skip(1).any(|flag| flag != "--bench");
    if !flags.bench && !asked {
        // `cargo test --all-targets` runs this program as well, and tests measure nothing.
        writeln!(stdout(), "nothing is measured without `cargo bench` or an option")?;
        return Ok(ExitCode::SUCCESS);
    }
    let quick = flags.quick || !(asked || flags.full);
    // What is kept beside the sources is whole: every job and every peer.
    let whole = !quick && flags.jobs.is_empty() && flags.peers.is_empty() && flags.baseline.is_none();
    let options = Options {
        jobs: flags.jobs,
        peers: flags.peers,
        runs: flags.runs.unwrap_or(if quick { QUICK_RUNS } else { FULL_RUNS }).max(1),
        scale: if quick { Scale::Quick } else { Scale::Full },
        tidegate: flags.tidegate.map_or_else(build, existing)?,
        baseline: flags.baseline.map(existing).transpose()?,
    };
    orphans::end_with_signals()?;
    // Before the run: afterwards it would tell of the run's own load.
    let machine = Machine::here();
    let mut out = stdout().lock();
    let results = run(&options, &mut out)?;
    let output = flags.output.unwrap_or_else(|| output(whole));
    std::fs::create_dir_all(&output)?;
    report::write(&output, &results, &machine)?;
    writeln!(out, "\n{}", output.join("REPORT.md").display())?;
    let failed = results.jobs.iter().any(|job| job.failures.contains_key(SUBJECT));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A program that was named. Cargo starts benchmarks in the folder of their package, so a relative path may miss.
fn existing(program: PathBuf) -> anyhow::Result<PathBuf> {
    ensure!(program.is_file(), "there is no {}, seen from {}", program.display(), std::env::current_dir()?.display());
    Ok(program)
}

fn output(whole: bool) -> PathBuf {
    let benches = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    if whole { benches } else { benches.join("../target/peers") }
}

/// Builds Tidegate as it ships and tells where it lies.
fn build() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--locked", "--package", "tidegate"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status()
        .context("cargo cannot be started")?;
    ensure!(built.success(), "Tidegate could not be built");
    // Benchmarks lie in `deps` below the folder of release binaries.
    let own = std::env::current_exe()?;
    let folder = own.parent().and_then(|deps| deps.parent()).context("no folder of binaries")?;
    Ok(folder.join("tidegate"))
}
