//! Fast clients before a slow upstream: what a peer holds of each upload once nothing moves.

mod thin_sink;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::proof::prove;
use crate::admin;
use crate::content::Content;
use crate::crowd::Crowd;
use crate::figure::{BUDGET_USED, MEMORY_PER_UPLOAD, MEMORY_PER_UPLOAD_SMALL_WINDOW, PEAK_RSS};
use crate::job::{Job, JobKind, Sample, Scale, Stage};
use crate::load::message::Request;
use crate::peer::{Running, Setting};
use crate::process::{self, pause};
use crate::stats::percentile;
use thin_sink::ThinSink;

/// Uploads at once.
const CLIENTS: usize = 64;

/// Of each file: more than all buffers on the way together, so that none ends.
const BODY_LEN: usize = 1 << 30;

/// What a client offers the kernel at once.
const OFFER: usize = 256 * 1024;

/// What a client offers in one turn at most: it is as fast as the peer reads, and none is served twice before the others.
const MOST_PER_TURN: usize = 1024 * 1024;

/// Between two turns. A peer that has room for more in it waits for it no longer than this.
const TURN: Duration = Duration::from_millis(5);

/// The upstream reads so much of each upload, four times a second: 4 KiB/s.
const READ_PER_TURN: usize = 1024;

/// The upstream's receive buffer where it is small. Linux doubles it.
const SMALL_WINDOW: usize = 8 * 1024;

/// What is proved to pass before.
const PROVED_LEN: usize = 1024 * 1024;

/// Every so many turns the peer is asked for its budget.
const TURNS_PER_LOOK: usize = 20;

/// Uploads stand when in this time …
const QUIET: Duration = Duration::from_millis(500);

/// … less moved than one part in so many of all that was sent: whole windows are opened anew from time to time.
const STILL_MOVES: usize = 20;

/// A peer that takes more and more for so long stores what comes.
const STALLS_WITHIN: Duration = Duration::from_secs(20);

/// The job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pressure;

/// What one round gave.
struct Held {
    each: f64,
    peak: f64,
    /// Of the peer's own budget, in per cent; none if it tells of none.
    budget: Option<f64>,
}

fn time(scale: Scale) -> Duration {
    match scale {
        Scale::Smoke => Duration::from_millis(200),
        Scale::Quick => Duration::from_secs(1),
        Scale::Full => Duration::from_secs(4),
    }
}

impl Job for Pressure {
    fn kind(&self) -> JobKind {
        JobKind::Pressure
    }

    fn about(&self, _: Scale) -> String {
        format!(
            "{CLIENTS} clients as fast as they may before an upstream that reads 4 KiB/s of each, with the system's receive buffer \
             and with one of {} KiB",
            SMALL_WINDOW / 1024
        )
    }

    fn verify(&self, stage: &Stage<'_>) -> anyhow::Result<()> {
        prove(stage, &stage.start()?, PROVED_LEN)
    }

    fn measure(&self, stage: &Stage<'_>) -> anyhow::Result<Sample> {
        let default = hold(stage, None).context("with the system's receive buffer")?;
        let small = hold(stage, Some(SMALL_WINDOW)).context("with a small receive buffer")?;
        let mut sample = vec![
            (MEMORY_PER_UPLOAD, default.each),
            (MEMORY_PER_UPLOAD_SMALL_WINDOW, small.each),
            (PEAK_RSS, default.peak.max(small.peak)),
        ];
        if let (Some(one), Some(other)) = (default.budget, small.budget) {
            sample.push((BUDGET_USED, one.max(other)));
        }
        Ok(sample)
    }
}

/// Lets all uploads run into a slow upstream and looks at the peer when they stand.
fn hold(stage: &Stage<'_>, receive_buffer: Option<usize>) -> anyhow::Result<Held> {
    let sink = process::pinned(stage.other_core, || ThinSink::start(READ_PER_TURN, receive_buffer))??;
    let setting = Setting { upstream: sink.address(), ..stage.setting.clone() };
    let running = stage.peer.start(&setting)?;
    let processes = running.processes()?;
    processes.reset_peak()?;
    let idle = processes.memory().resident as f64;
    let head = Request::of(JobKind::Pressure).head(&Content::repeated(BODY_LEN as u64));
    let mut flood = Flood {
        crowd: Crowd::open(running.address, CLIENTS, &head, BODY_LEN, OFFER)?,
        running: &running,
        budget: Budget::default(),
    };
    let mut resident = Vec::new();
    process::pinned(stage.other_core, || -> anyhow::Result<()> {
        let began = Instant::now();
        while flood.go_on(QUIET, || {})? > flood.crowd.sent() / STILL_MOVES {
            ensure!(began.elapsed() < STALLS_WITHIN, "uploads go on, so the peer stores what comes");
        }
        flood.go_on(time(stage.scale), || resident.push(processes.memory().resident as f64))?;
        Ok(())
    })??;
    // Some peers dial as soon as anybody connects, so also for whoever looked whether they are ready.
    ensure!(sink.connections() >= CLIENTS as u64, "{} uploads reached the upstream", sink.connections());
    ensure!(sink.read() > 0, "nothing of the uploads reached the upstream");
    let crowd = &flood.crowd;
    ensure!(crowd.count_open() == CLIENTS, "uploads ended: {}", crowd.first_answer().unwrap_or_default());
    let resident = percentile(&resident, 0.5).context("there was no time to look")?;
    let each = (resident - idle).max(0.0) / CLIENTS as f64;
    Ok(Held { each, peak: processes.memory().peak as f64 / 1024.0, budget: flood.budget.most })
}

/// Fast clients, and who is asked for its budget meanwhile.
struct Flood<'a> {
    crowd: Crowd,
    running: &'a Running,
    budget: Budget,
}

impl Flood<'_> {
    /// Lets clients send for that long, calling `look` now and then. Returns how many bytes were taken.
    fn go_on(&mut self, time: Duration, mut look: impl FnMut()) -> anyhow::Result<usize> {
        let began = Instant::now();
        let mut taken = 0;
        for turn in 0.. {
            taken += self.crowd.feed(0, 1, MOST_PER_TURN);
            if turn % TURNS_PER_LOOK == 0 {
                self.budget.look(self.running)?;
                look();
            }
            if began.elapsed() > time {
                break;
            }
            pause(TURN);
        }
        Ok(taken)
    }
}

/// What a gateway says of its budget.
#[derive(Debug, Default)]
struct Budget {
    most: Option<f64>,
}

impl Budget {
    fn look(&mut self, running: &Running) -> anyhow::Result<()> {
        let Some(admin) = running.admin else { return Ok(()) };
        let metrics = admin::get(admin, "/metrics")?;
        let used = admin::series(&metrics, "tidegate_buffer_bytes")?;
        let limit = admin::series(&metrics, "tidegate_buffer_limit_bytes")?;
        ensure!(used <= limit, "{used} bytes are granted out of a budget of {limit}");
        let share = used * 100.0 / limit;
        self.most = Some(self.most.map_or(share, |most| most.max(share)));
        Ok(())
    }
}
