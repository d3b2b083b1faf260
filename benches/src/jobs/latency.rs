//! What a peer adds to the time of an upload when it has half as much to do as it could.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::crowd_sink::CrowdSink;
use super::proof::{prove, request};
use crate::figure::{ADDED_P50, ADDED_P50_COMMON, ADDED_P99, ADDED_P99_COMMON, ADDED_P999, Figure, GENERATOR, RATE};
use crate::job::{Job, JobKind, Sample, Scale, Stage};
use crate::open_loop::{self, Load, Pace, Tally};
use crate::peer::Setting;
use crate::process;

/// Of each upload.
const LEN: u64 = 64 * 1024;

/// Clients that keep a peer busy without a queue that grows: the peak.
const PEAK_CONNECTIONS: usize = 32;

/// Connections of a fixed rate: far more than are under way at once at half load.
const CONNECTIONS: usize = 256;

/// Uploads per second that every peer can carry, so that all are compared doing the same.
const COMMON_PER_SECOND: f64 = 400.0;

/// The job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Latency;

#[derive(Debug, Clone, Copy)]
struct Times {
    peak: Duration,
    fixed: Duration,
}

fn times(scale: Scale) -> Times {
    let (peak, fixed) = match scale {
        Scale::Smoke => (100, 200),
        Scale::Quick => (800, 1_500),
        Scale::Full => (2_000, 6_000),
    };
    Times { peak: Duration::from_millis(peak), fixed: Duration::from_millis(fixed) }
}

impl Job for Latency {
    fn kind(&self) -> JobKind {
        JobKind::Latency
    }

    fn about(&self, _: Scale) -> String {
        format!(
            "uploads of 64 KiB at half of each peer's own peak, and at {COMMON_PER_SECOND} a second for all; each counts from when it \
             was due, and what it takes without a peer is taken off"
        )
    }

    fn verify(&self, stage: &Stage<'_>) -> anyhow::Result<()> {
        prove(stage, &stage.start()?, usize::try_from(LEN)?)
    }

    fn measure(&self, stage: &Stage<'_>) -> anyhow::Result<Sample> {
        let sink = process::pinned(stage.other_core, CrowdSink::start)??;
        let running = stage.peer.start(&Setting { upstream: sink.address(), ..stage.setting.clone() })?;
        let request = request(stage, LEN)?;
        let times = times(stage.scale);
        process::pinned(stage.other_core, || {
            let send = |address, pace, lasts, connections| {
                open_loop::run(&Load { address, request: &request, pace, lasts, connections })
            };
            // Once without being counted: connections are made, and code is paged in.
            send(running.address, Pace::Closed, times.peak / 4, PEAK_CONNECTIONS)?;
            let peak = send(running.address, Pace::Closed, times.peak, PEAK_CONNECTIONS)?;
            let half = peak.goodput() / 2.0;
            ensure!(half > 0.0, "no upload got through: {}", peak.trouble().unwrap_or_default());
            let mut sample = vec![(RATE, half)];
            let fixed = |address: SocketAddr, per_second| {
                let tally = send(address, Pace::Fixed { per_second }, times.fixed, CONNECTIONS)?;
                ensure!(tally.trouble().is_none(), "at {per_second}/s: {}", tally.trouble().unwrap_or_default());
                Ok(tally)
            };
            let (direct, through) = (fixed(sink.address(), half)?, fixed(running.address, half)?);
            sample.extend(added(&direct, &through, &[(ADDED_P50, 0.5), (ADDED_P99, 0.99), (ADDED_P999, 0.999)])?);
            sample.push((GENERATOR, through.generator_load() * 100.0));
            let common = COMMON_PER_SECOND.min(half);
            let (direct, through) = (fixed(sink.address(), common)?, fixed(running.address, common)?);
            sample.extend(added(&direct, &through, &[(ADDED_P50_COMMON, 0.5), (ADDED_P99_COMMON, 0.99)])?);
            Ok(sample)
        })?
    }
}

/// What a peer added to each quantile. Where noise makes that less than nothing, nothing.
fn added(direct: &Tally, through: &Tally, wanted: &[(Figure, f64)]) -> anyhow::Result<Sample> {
    let quantile = |tally: &Tally, share| tally.completed.quantile(share).context("no upload got through");
    let added = |(figure, share): &(Figure, f64)| {
        Ok((*figure, (quantile(through, *share)? - quantile(direct, *share)?).max(0.0)))
    };
    wanted.iter().map(added).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(millis: impl Iterator<Item = u64>) -> Tally {
        let mut tally = Tally::default();
        millis.for_each(|millis| tally.completed.add(Duration::from_millis(millis)));
        tally
    }

    #[test]
    fn takes_off_what_an_upload_takes_without_a_peer() {
        let (direct, through) = (tally(1..=100), tally((1..=100).map(|millis| millis * 3)));
        let sample = added(&direct, &through, &[(ADDED_P50, 0.5), (ADDED_P99, 0.99)]).expect("both have uploads");
        assert_eq!(sample, [(ADDED_P50, 100.0), (ADDED_P99, 198.0)]);
        let sample = added(&through, &direct, &[(ADDED_P50, 0.5)]).expect("both have uploads");
        assert_eq!(sample, [(ADDED_P50, 0.0)]);
        assert!(added(&direct, &Tally::default(), &[(ADDED_P50, 0.5)]).is_err());
    }
}
