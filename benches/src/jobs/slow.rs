//! Thousands of uploads at once, each slow: what an open upload costs in memory, and whether others get through.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::crowd_sink::CrowdSink;
use super::proof::{prove, request};
use crate::content::Content;
use crate::crowd::Crowd;
use crate::figure::{CPU_PER_SECOND, MEANWHILE_P50, MEANWHILE_P99, MEMORY_OF_UPLOADS, MEMORY_PER_UPLOAD, PEAK_RSS};
use crate::job::{Job, JobKind, Sample, Scale, Stage};
use crate::load::message::Request;
use crate::open_files;
use crate::open_loop::{self, Load, Pace};
use crate::peer::Setting;
use crate::process::{self, Group, pause};
use crate::stats::percentile;

/// Of each slow body. At this pace it would take three quarters of an hour, so none ends while it is measured.
const BODY_LEN: usize = 1024 * 1024;

/// What each sends per second, at once: a phone at the edge of its network.
const BYTES_PER_SECOND: usize = 400;

/// The uploads of one second are spread over so many turns.
const TURNS: usize = 10;

/// Between two turns.
const TURN: Duration = Duration::from_millis(100);

/// A small upload that comes meanwhile.
const SMALL_LEN: u64 = 16 * 1024;

/// Small uploads per second meanwhile; 50 in all.
const SMALL_PER_SECOND: f64 = 25.0;

/// Descriptors per slow upload: the client's end, and the upstream's.
const FILES_EACH: u64 = 2;

/// Small uploads before any slow one, over as many connections: pools, threads and code that any first upload brings are no cost of
/// the slow ones.
const WARM_UP: Duration = Duration::from_millis(200);

/// Connections of small uploads.
const SMALL_CONNECTIONS: usize = 8;

/// Descriptors beside them.
const FILES_BESIDE: u64 = 512;

/// One such job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slow {
    kind: JobKind,
    count: usize,
}

/// Both.
pub(super) const ALL: [Slow; 2] =
    [Slow { kind: JobKind::Slow2000, count: 2000 }, Slow { kind: JobKind::Slow5000, count: 5000 }];

/// How long each part of a run takes.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// From when the last upload was opened.
    settle: Duration,
    /// Memory and CPU are looked at.
    look: Duration,
    /// Small uploads come as well.
    meanwhile: Duration,
}

impl Slow {
    fn count(self, scale: Scale) -> usize {
        if scale == Scale::Smoke { 50 } else { self.count }
    }
}

fn times(scale: Scale) -> Times {
    let seconds = |settle, look, meanwhile| Times {
        settle: Duration::from_millis(settle),
        look: Duration::from_millis(look),
        meanwhile: Duration::from_millis(meanwhile),
    };
    match scale {
        Scale::Smoke => seconds(500, 500, 500),
        Scale::Quick => seconds(3_000, 2_000, 2_000),
        // Longer than the grace that a gateway may give a slow client before it measures its pace.
        Scale::Full => seconds(10_000, 5_000, 2_000),
    }
}

impl Job for Slow {
    fn kind(&self) -> JobKind {
        self.kind
    }

    fn about(&self, scale: Scale) -> String {
        let count = self.count(scale);
        format!(
            "{count} uploads of 1 MiB open at once, each at {BYTES_PER_SECOND} bytes a second; small ones meanwhile"
        )
    }

    fn verify(&self, stage: &Stage<'_>) -> anyhow::Result<()> {
        prove(stage, &stage.start()?, BODY_LEN)
    }

    fn measure(&self, stage: &Stage<'_>) -> anyhow::Result<Sample> {
        let count = self.count(stage.scale);
        // Before the peer is started, which inherits it.
        open_files::allow(count as u64 * FILES_EACH + FILES_BESIDE)?;
        let sink = process::pinned(stage.other_core, CrowdSink::start)??;
        let running = stage.peer.start(&Setting { upstream: sink.address(), ..stage.setting.clone() })?;
        let small = request(stage, SMALL_LEN)?;
        let load = Load {
            address: running.address,
            request: &small,
            pace: Pace::Closed,
            lasts: WARM_UP,
            connections: SMALL_CONNECTIONS,
        };
        process::pinned(stage.other_core, || open_loop::run(&load))??;
        let processes = running.processes()?;
        processes.reset_peak()?;
        let idle = processes.memory().resident;
        let head = Request::of(self.kind).head(&Content::repeated(BODY_LEN as u64));
        let times = times(stage.scale);
        process::pinned(stage.other_core, || -> anyhow::Result<Sample> {
            let crowd = Crowd::open(running.address, count, &head, BODY_LEN, BYTES_PER_SECOND)
                .context("not all uploads could be opened")?;
            let mut trickle = Trickle { crowd, turn: 0 };
            trickle.go_on(times.settle, || {});
            let mut sample = trickle.look(&processes, times.look, idle, count)?;
            let pace = Pace::Fixed { per_second: SMALL_PER_SECOND };
            sample.extend(trickle.meanwhile(&Load { pace, lasts: times.meanwhile, ..load })?);
            let open = trickle.crowd.count_open();
            ensure!(
                open == count,
                "{} of {count} slow uploads ended early: {}",
                count - open,
                trickle.crowd.first_answer().unwrap_or_default()
            );
            Ok(sample)
        })?
    }
}

/// A crowd that goes on sending.
struct Trickle {
    crowd: Crowd,
    turn: usize,
}

impl Trickle {
    /// Lets uploads trickle for that long, calling `between` at each turn.
    fn go_on(&mut self, time: Duration, mut between: impl FnMut()) {
        let began = Instant::now();
        let mut turns = 0;
        while began.elapsed() < time {
            self.crowd.feed(self.turn % TURNS, TURNS, BYTES_PER_SECOND);
            self.turn += 1;
            turns += 1;
            between();
            // By the clock and not by adding up pauses, so that the pace holds.
            pause((TURN * turns).saturating_sub(began.elapsed()));
        }
    }

    /// What open uploads cost.
    fn look(&mut self, processes: &Group, time: Duration, idle: u64, count: usize) -> anyhow::Result<Sample> {
        let (began, before) = (Instant::now(), processes.cpu()?);
        let mut resident = Vec::new();
        self.go_on(time, || resident.push(processes.memory().resident as f64));
        let cpu = processes.cpu()?.saturating_sub(before);
        let resident = percentile(&resident, 0.5).context("there was no time to look")?;
        let peak = processes.memory().peak as f64;
        let beyond_idle = |kib: f64| (kib - idle as f64).max(0.0);
        Ok(vec![
            (MEMORY_PER_UPLOAD, beyond_idle(resident) / count as f64),
            (MEMORY_OF_UPLOADS, beyond_idle(peak) / 1024.0),
            (PEAK_RSS, peak / 1024.0),
            (CPU_PER_SECOND, cpu.as_secs_f64() * 1000.0 / began.elapsed().as_secs_f64()),
        ])
    }

    /// Small uploads while the slow ones go on.
    fn meanwhile(&mut self, load: &Load<'_>) -> anyhow::Result<Sample> {
        let tally = std::thread::scope(|scope| {
            let sending = scope.spawn(|| open_loop::run(load));
            while !sending.is_finished() {
                self.go_on(TURN, || {});
            }
            sending.join()
        });
        let tally = tally.map_err(|_| anyhow::anyhow!("the small uploads' thread panicked"))??;
        ensure!(tally.trouble().is_none(), "small uploads meanwhile: {}", tally.trouble().unwrap_or_default());
        let quantile = |share| tally.completed.quantile(share).context("no small upload got through");
        Ok(vec![(MEANWHILE_P50, quantile(0.5)?), (MEANWHILE_P99, quantile(0.99)?)])
    }
}
