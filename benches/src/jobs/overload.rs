//! Four times as much as a peer can carry: how much of it still gets through, and how soon the rest is told.
//!
//! The load generator shares the machine, so it may not manage four times: how much it really sent, and how busy it was, is told
//! beside the other figures. A connection that was closed with its refusal is replaced, which costs both sides.

use std::time::Duration;

use anyhow::ensure;

use super::crowd_sink::CrowdSink;
use super::proof::{prove, request};
use crate::figure::{CPU_PER_UPLOAD, GENERATOR, GOODPUT, OFFERED, REFUSAL_P50, REFUSAL_P99, UPLOADS_PER_SECOND};
use crate::job::{Job, JobKind, Sample, Scale, Stage};
use crate::open_files;
use crate::open_loop::{self, Load, Pace};
use crate::peer::Setting;
use crate::process;

/// Of each upload.
const LEN: u64 = 64 * 1024;

/// Clients that keep a peer busy without a queue that grows: the peak. Fewer than the uploads that Tidegate is told to take.
const PEAK_CONNECTIONS: usize = 32;

/// Connections at once under overload. A peer that takes everything and lets it wait fills them.
const CONNECTIONS: usize = 1024;

/// Of the peak.
const TIMES: f64 = 4.0;

/// Descriptors: those of the load, those of the sink, and what is closing.
const FILES: u64 = 4 * CONNECTIONS as u64;

/// The job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Overload;

fn time(scale: Scale) -> Duration {
    match scale {
        Scale::Smoke => Duration::from_millis(200),
        Scale::Quick => Duration::from_millis(1_500),
        Scale::Full => Duration::from_secs(4),
    }
}

impl Job for Overload {
    fn kind(&self) -> JobKind {
        JobKind::Overload
    }

    fn about(&self, _: Scale) -> String {
        format!(
            "uploads of 64 KiB: as many as get through over {PEAK_CONNECTIONS} connections, then {TIMES} times as many over up to \
             {CONNECTIONS}; refusals are answers 503, from when the upload was sent"
        )
    }

    fn verify(&self, stage: &Stage<'_>) -> anyhow::Result<()> {
        prove(stage, &stage.start()?, usize::try_from(LEN)?)
    }

    fn measure(&self, stage: &Stage<'_>) -> anyhow::Result<Sample> {
        open_files::allow(FILES)?;
        let sink = process::pinned(stage.other_core, CrowdSink::start)??;
        let running = stage.peer.start(&Setting { upstream: sink.address(), ..stage.setting.clone() })?;
        let request = request(stage, LEN)?;
        let lasts = time(stage.scale);
        process::pinned(stage.other_core, || {
            let send = |pace, lasts, connections| {
                open_loop::run(&Load { address: running.address, request: &request, pace, lasts, connections })
            };
            send(Pace::Closed, lasts / 4, PEAK_CONNECTIONS)?;
            let before = running.processes()?.cpu()?;
            let peak = send(Pace::Closed, lasts, PEAK_CONNECTIONS)?;
            let cpu = running.processes()?.cpu()?.saturating_sub(before);
            let best = peak.goodput();
            ensure!(best > 0.0, "no upload got through: {}", peak.trouble().unwrap_or_default());
            let tally = send(Pace::Fixed { per_second: best * TIMES }, lasts, CONNECTIONS)?;
            let mut sample = vec![
                (UPLOADS_PER_SECOND, best),
                // Of the peak: where other programs take the core meanwhile, this still holds.
                (CPU_PER_UPLOAD, cpu.as_secs_f64() * 1e6 / peak.completed.count() as f64),
                (OFFERED, tally.begun_per_second() / best),
                (GOODPUT, tally.goodput() * 100.0 / best),
                (GENERATOR, tally.generator_load() * 100.0),
            ];
            let refusals = [(REFUSAL_P50, 0.5), (REFUSAL_P99, 0.99)];
            let told = refusals.map(|(figure, share)| tally.refused.quantile(share).map(|time| (figure, time)));
            sample.extend(told.into_iter().flatten());
            Ok(sample)
        })?
    }
}
