//! From nothing to ready, what an idle process takes, and how large the program is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use super::proof::prove;
use crate::admin;
use crate::figure::{BINARY_SIZE, COLD_START, FIRST_UPLOAD, IDLE_RSS, RSS_AFTER_UPLOAD};
use crate::job::{Job, JobKind, Sample, Scale, Stage};
use crate::peer::Running;
use crate::process::pause;
use crate::stats::percentile;

/// The first upload.
const LEN: usize = 16 * 1024;

/// How long a process that takes connections may take until it says that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// Between two questions. Short, since a cold start may be 10 ms.
const ASK_EVERY: Duration = Duration::from_micros(500);

/// What is still being set up after the first connection is over by then.
const IDLE_AFTER: Duration = Duration::from_millis(500);

/// The job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start;

fn starts(scale: Scale) -> usize {
    match scale {
        Scale::Smoke => 1,
        Scale::Quick => 5,
        Scale::Full => 20,
    }
}

impl Job for Start {
    fn kind(&self) -> JobKind {
        JobKind::Start
    }

    fn about(&self, scale: Scale) -> String {
        format!("the median of {} starts, idle memory half a second later, and the stripped binary", starts(scale))
    }

    fn verify(&self, stage: &Stage<'_>) -> anyhow::Result<()> {
        prove(stage, &stage.start()?, LEN)
    }

    fn measure(&self, stage: &Stage<'_>) -> anyhow::Result<Sample> {
        let (mut ready, mut first) = (Vec::new(), Vec::new());
        for _ in 0..starts(stage.scale) {
            let running = stage.start()?;
            let began = Instant::now();
            await_ready(&running)?;
            ready.push(millis(running.ready_after + began.elapsed()));
            prove(stage, &running, LEN)?;
            first.push(millis(running.ready_after + began.elapsed()));
        }
        let running = stage.start()?;
        await_ready(&running)?;
        pause(IDLE_AFTER);
        let idle = running.processes()?.memory().resident;
        prove(stage, &running, LEN)?;
        let after = running.processes()?.memory().resident;
        let median = |values: &[f64]| percentile(values, 0.5).context("there was no start");
        let mut sample = vec![
            (COLD_START, median(&ready)?),
            (FIRST_UPLOAD, median(&first)?),
            (IDLE_RSS, idle as f64 / 1024.0),
            (RSS_AFTER_UPLOAD, after as f64 / 1024.0),
        ];
        if let Some(bytes) = stripped_len(&program(&running)?, stage)? {
            sample.push((BINARY_SIZE, bytes as f64 / 1e6));
        }
        Ok(sample)
    }
}

/// Who can say that it is ready is asked; of others a taken connection says it.
fn await_ready(running: &Running) -> anyhow::Result<()> {
    let Some(admin) = running.admin else { return Ok(()) };
    let began = Instant::now();
    while let Err(error) = admin::get(admin, "/readyz") {
        ensure!(began.elapsed() < READY_WITHIN, "it is not ready: {error:#}");
        pause(ASK_EVERY);
    }
    Ok(())
}

fn program(running: &Running) -> anyhow::Result<PathBuf> {
    fs::read_link(format!("/proc/{}/exe", running.id())).context("the peer's program cannot be told")
}

/// Of the program without symbols; none where there is no `strip`. Libraries and scripts that it loads do not count.
fn stripped_len(program: &Path, stage: &Stage<'_>) -> anyhow::Result<Option<u64>> {
    let stripped = stage.dir().join("stripped");
    let done = match Command::new("strip").arg("-o").arg(&stripped).arg(program).output() {
        Ok(done) => done,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => bail!("strip cannot be started: {error}"),
    };
    ensure!(
        done.status.success(),
        "{} cannot be stripped: {}",
        program.display(),
        String::from_utf8_lossy(&done.stderr)
    );
    let len = fs::metadata(&stripped)?.len();
    fs::remove_file(&stripped)?;
    Ok(Some(len))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
