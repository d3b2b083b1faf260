//! Jobs that ask what one upload, or one byte, costs a peer that has enough to do.

use std::time::Duration;

use anyhow::ensure;
use sha2::{Digest, Sha256};

use crate::content::Content;
use crate::figure::{CPU_PER_GIB, CPU_PER_UPLOAD, LOAD_CPU, PEAK_RSS, THROUGHPUT, UPLOADS_PER_SECOND};
use crate::job::{Job, JobKind, Sample, Scale, Stage};
use crate::load::Load;
use crate::process::own_cpu;
use crate::sink::Mode;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// Sizes that are proved: nothing, less than one buffer of anybody, lengths that base64 pads, and one that fills every
/// buffer on the way several times.
const PROVED: [usize; 5] = [0, 1, 70_001, 70_002, 9 * MIB as usize + 1];

/// One such job.
#[derive(Debug, Clone, Copy)]
pub struct Throughput {
    kind: JobKind,
    /// Of one file.
    len: u64,
    /// Of all files of one full run together.
    volume: u64,
    connections: usize,
}

/// All of them, in the order of the report.
pub const ALL: [Throughput; 10] = [
    large(JobKind::Raw),
    // Sixteen clients keep a core busy without a queue that grows.
    Throughput { kind: JobKind::Small, len: 16 * KIB, volume: 40_000 * 16 * KIB, connections: 16 },
    large(JobKind::Chunked),
    large(JobKind::RawToForm),
    large(JobKind::RawToJson),
    large(JobKind::FormToRaw),
    called(JobKind::PostPolicy),
    called(JobKind::PresignedPut),
    large(JobKind::TlsIn),
    large(JobKind::Http2In),
];

/// Four clients, so that the peer always finds one that has sent something.
const fn large(kind: JobKind) -> Throughput {
    Throughput { kind, len: 64 * MIB, volume: 3 * GIB, connections: 4 }
}

/// Files small enough that what the calls around them cost shows.
const fn called(kind: JobKind) -> Throughput {
    Throughput { kind, len: 256 * KIB, volume: 6_000 * 256 * KIB, connections: 8 }
}

impl Throughput {
    /// How many uploads one run sends.
    fn uploads(self, scale: Scale) -> usize {
        let whole = self.volume / self.len;
        let uploads = match scale {
            Scale::Full => whole,
            Scale::Quick => whole / 6,
            Scale::Smoke => 8,
        };
        usize::try_from(uploads).unwrap_or(usize::MAX)
    }

    /// Of one file.
    fn len(self, scale: Scale) -> u64 {
        if scale == Scale::Smoke { self.len.min(MIB) } else { self.len }
    }

    fn load(self, stage: &Stage<'_>, content: Content, uploads: usize) -> Load {
        Load {
            job: self.kind,
            content,
            uploads,
            connections: self.connections,
            core: stage.other_core,
            tls: stage.setting.tls.clone(),
        }
    }
}

impl Job for Throughput {
    fn kind(&self) -> JobKind {
        self.kind
    }

    fn about(&self, scale: Scale) -> String {
        let (len, uploads) = (self.len(scale) / KIB, self.uploads(scale));
        format!("{uploads} files of {len} KiB over {} connections", self.connections)
    }

    fn verify(&self, stage: &Stage<'_>) -> anyhow::Result<()> {
        let running = stage.start()?;
        for len in PROVED {
            // An empty file is no upload to some programs; Tidegate's own tests prove it.
            if len == 0 && stage.scale != Scale::Smoke {
                continue;
            }
            stage.sink.reset(Mode::Keep);
            let content = Content::unique(len);
            let sha256: [u8; 32] = content.pieces().fold(Sha256::new(), Sha256::chain_update).finalize().into();
            let sent = self.load(stage, content, 1).run(running.address);
            let complaints = stage.sink.complaints();
            ensure!(complaints.is_empty(), "{len} bytes: the upstream complains: {}", complaints.join("; "));
            sent?;
            let stored = stage.sink.stored();
            ensure!(stored.len() == 1, "{len} bytes: {} files arrived", stored.len());
            for file in stored {
                ensure!(file.len == len as u64, "{len} bytes: {} arrived", file.len);
                ensure!(file.sha256 == sha256, "{len} bytes: other bytes arrived");
            }
        }
        Ok(())
    }

    fn measure(&self, stage: &Stage<'_>) -> anyhow::Result<Sample> {
        let running = stage.start()?;
        let content = Content::repeated(self.len(stage.scale));
        let uploads = self.uploads(stage.scale);
        // Connections are made, pools filled and code paged in before anything counts.
        let warm_up = (uploads / 20).max(self.connections);
        self.load(stage, content.clone(), warm_up).run(running.address)?;

        let processes = running.processes()?;
        processes.reset_peak()?;
        stage.sink.reset(Mode::Count);
        let (before, own_before) = (processes.cpu()?, own_cpu()?);
        let wall = self.load(stage, content.clone(), uploads).run(running.address)?;
        let cpu = running.processes()?.cpu()?.saturating_sub(before);
        let own = own_cpu()?.saturating_sub(own_before);
        let peak = processes.memory().peak;

        let tally = stage.sink.tally();
        ensure!(tally.files == uploads as u64, "{} of {uploads} files arrived", tally.files);
        ensure!(tally.body_bytes >= content.len() * uploads as u64, "{} bytes arrived", tally.body_bytes);
        let mut sample = self.figures(uploads as f64, content.len() as f64, cpu, wall);
        sample.push((PEAK_RSS, peak as f64 / KIB as f64));
        sample.push((LOAD_CPU, 100.0 * own.as_secs_f64() / cpu.as_secs_f64()));
        Ok(sample)
    }
}

impl Throughput {
    /// The cost of a byte where files are large, that of an upload where they are small.
    fn figures(self, uploads: f64, len: f64, cpu: Duration, wall: Duration) -> Sample {
        let (cpu, wall) = (cpu.as_secs_f64(), wall.as_secs_f64());
        if self.len < MIB {
            return vec![(CPU_PER_UPLOAD, cpu * 1e6 / uploads), (UPLOADS_PER_SECOND, uploads / wall)];
        }
        let bytes = uploads * len;
        vec![(CPU_PER_GIB, cpu / (bytes / GIB as f64)), (THROUGHPUT, bytes / MIB as f64 / wall)]
    }
}
