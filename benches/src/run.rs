//! One run of everything that was asked for: proofs first, then the measurements, peers in turn.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rcgen::CertifiedKey;

use crate::figure::Figure;
use crate::job::{Job, JobKind, Scale, Stage};
use crate::jobs;
use crate::peer::{Peer, Setting, TlsFiles};
use crate::peers;
use crate::process;
use crate::sink::Sink;
use crate::stats::Spread;

/// What is measured.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names of jobs; none means all.
    pub jobs: Vec<String>,
    /// Names of peers; none means all.
    pub peers: Vec<String>,
    /// How often each is measured.
    pub runs: usize,
    /// How much is measured at once.
    pub scale: Scale,
    /// Tidegate's program.
    pub tidegate: PathBuf,
    /// A second one to compare it with, as the peer `tidegate-base`.
    pub baseline: Option<PathBuf>,
}

/// Everything that a run found out.
#[derive(Debug, Clone)]
pub struct Results {
    /// Who was asked for.
    pub peers: Vec<Competitor>,
    /// What was measured, in the order of the report.
    pub jobs: Vec<Measured>,
    /// How often.
    pub runs: usize,
    /// How much at once.
    pub scale: Scale,
    /// The core of the peers and that of load and sink; none where there is but one.
    pub cores: Option<(usize, usize)>,
}

/// A peer that was asked for.
#[derive(Debug, Clone)]
pub struct Competitor {
    /// Its name.
    pub name: &'static str,
    /// Version and settings.
    pub about: String,
    /// What to install, if it is not.
    pub missing: Option<String>,
}

/// What one job gave.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Which job.
    pub kind: JobKind,
    /// What was sent.
    pub about: String,
    /// By peer and figure, one value a run.
    pub values: BTreeMap<&'static str, BTreeMap<Figure, Vec<f64>>>,
    /// Peers that did not do what they should, and what that was. Their figures, if any, do not count.
    pub failures: BTreeMap<&'static str, String>,
}

impl Results {
    /// The spread of a figure; none if it was not measured, or the peer failed.
    #[must_use]
    pub fn spread(&self, job: JobKind, peer: &str, figure: Figure) -> Option<Spread> {
        let job = self.jobs.iter().find(|measured| measured.kind == job)?;
        let (_, figures) = job.counted().find(|(name, _)| *name == peer)?;
        Spread::of(figures.get(&figure)?)
    }

    /// The same, its median.
    #[must_use]
    pub fn median(&self, job: JobKind, peer: &str, figure: Figure) -> Option<f64> {
        self.spread(job, peer, figure).map(|spread| spread.median)
    }
}

impl Measured {
    /// Figures of the peers that did what they should.
    pub fn counted(&self) -> impl Iterator<Item = (&'static str, &BTreeMap<Figure, Vec<f64>>)> {
        let all = self.values.iter().map(|(peer, figures)| (*peer, figures));
        all.filter(|(peer, _)| !self.failures.contains_key(peer))
    }

    /// What was measured, in the order of [`crate::figure::ALL`].
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let measured = |figure: &Figure| self.counted().any(|(_, figures)| figures.contains_key(figure));
        crate::figure::ALL.iter().copied().filter(measured).collect()
    }
}

/// Measures, telling on `out` what goes on.
///
/// # Errors
/// Names of jobs or peers that do not exist, a machine that cannot measure, or `out` that fails. A peer that fails is no error.
pub fn run(options: &Options, out: &mut dyn Write) -> anyhow::Result<Results> {
    let mut jobs = chosen(jobs::all(), &options.jobs, |job| job.kind().name(), "job")?;
    if options.scale == Scale::Quick && options.jobs.is_empty() {
        let slow: Vec<_> = jobs.extract_if(.., |job| !job.kind().is_quick()).map(|job| job.kind().name()).collect();
        writeln!(out, "NOTE: a quick run leaves out {}; name them with --jobs to have them", slow.join(", "))?;
    }
    let peers = chosen(peers::all(options), &options.peers, |peer| peer.name(), "peer")?;
    let cores = match process::cores()?.as_slice() {
        [one, .., other] => Some((*one, *other)),
        _ => None,
    };
    if cores.is_none() {
        writeln!(out, "NOTE: there is one core only, so peers, load and sink share it")?;
    }
    let competitors: Vec<_> = peers
        .iter()
        .map(|peer| {
            let missing = peer.installed().err();
            let about = if missing.is_none() { peer.about() } else { String::new() };
            Competitor { name: peer.name(), about, missing }
        })
        .collect();
    for peer in &competitors {
        match &peer.missing {
            None => writeln!(out, "{}: {}", peer.name, peer.about)?,
            Some(missing) => writeln!(out, "{}: NOT INSTALLED, so not measured: {missing}", peer.name)?,
        }
    }
    let ready: Vec<_> = peers.iter().filter(|peer| peer.installed().is_ok()).map(AsRef::as_ref).collect();
    let folder = tempfile::tempdir()?;
    let round = Round { cores, tls: certificate(folder.path())?, folder: folder.path(), options, peers: &ready };
    let measured = jobs.iter().map(|job| round.job(job.as_ref(), out)).collect::<anyhow::Result<_>>()?;
    Ok(Results { peers: competitors, jobs: measured, runs: options.runs, scale: options.scale, cores })
}

/// Those of the names, all where there is none.
fn chosen<T>(all: Vec<T>, names: &[String], name: impl Fn(&T) -> &'static str, what: &str) -> anyhow::Result<Vec<T>> {
    let known: Vec<_> = all.iter().map(&name).collect();
    if let Some(unknown) = names.iter().find(|wanted| !known.contains(&wanted.as_str())) {
        bail!("there is no {what} `{unknown}`; there are {}", known.join(", "));
    }
    Ok(all.into_iter().filter(|one| names.is_empty() || names.iter().any(|wanted| wanted == name(one))).collect())
}

/// What all jobs of one run share.
struct Round<'a> {
    cores: Option<(usize, usize)>,
    tls: TlsFiles,
    folder: &'a Path,
    options: &'a Options,
    peers: &'a [&'a dyn Peer],
}

impl Round<'_> {
    fn job(&self, job: &dyn Job, out: &mut dyn Write) -> anyhow::Result<Measured> {
        let (kind, scale) = (job.kind(), self.options.scale);
        let mut measured =
            Measured { kind, about: job.about(scale), values: BTreeMap::new(), failures: BTreeMap::new() };
        writeln!(out, "\n{}: {}", kind.name(), measured.about)?;
        // A sink of the job's own: what one job leaves open is no burden to the next.
        let sink = Sink::start(self.cores.map(|(_, other)| other))?;
        let peers: Vec<_> = self.peers.iter().filter(|peer| peer.supports(kind)).collect();
        for peer in &peers {
            if let Err(error) = self.staged(**peer, job, &sink, 0, |stage| job.verify(stage)) {
                writeln!(out, "  {}: FAILED ITS PROOF, so not measured: {error:#}", peer.name())?;
                measured.failures.insert(peer.name(), format!("failed its proof: {error:#}"));
            }
        }
        for run in 1..=self.options.runs {
            for peer in &peers {
                if measured.failures.contains_key(peer.name()) {
                    continue;
                }
                match self.staged(**peer, job, &sink, run, |stage| job.measure(stage)) {
                    Ok(sample) => {
                        let figures = measured.values.entry(peer.name()).or_default();
                        let mut told = String::new();
                        for (figure, value) in sample {
                            figures.entry(figure).or_default().push(value);
                            told.push_str(&format!("  {} {}", crate::stats::short(value), figure.unit));
                        }
                        writeln!(out, "  {run} {:16}{told}", peer.name())?;
                    }
                    Err(error) => {
                        writeln!(out, "  {run} {}: FAILED: {error:#}", peer.name())?;
                        measured.failures.insert(peer.name(), format!("failed in run {run}: {error:#}"));
                    }
                }
            }
        }
        Ok(measured)
    }

    /// Calls `act` with a folder and a setting that are this step's own.
    fn staged<T>(
        &self,
        peer: &dyn Peer,
        job: &dyn Job,
        sink: &Sink,
        run: usize,
        act: impl FnOnce(&Stage<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let dir = self.folder.join(format!("{}-{}-{run}", job.kind().name(), peer.name()));
        std::fs::create_dir_all(&dir)?;
        let setting = Setting {
            upstream: sink.address(),
            job: job.kind(),
            dir: dir.clone(),
            core: self.cores.map(|(one, _)| one),
            tls: self.tls.clone(),
        };
        let other_core = self.cores.map(|(_, other)| other);
        let result = act(&Stage { peer, setting: &setting, sink, scale: self.options.scale, other_core });
        // Logs of tens of thousands of uploads are of no use to anybody.
        std::fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        result
    }
}

/// A fresh certificate for `localhost` in that folder.
///
/// # Errors
/// The folder cannot be written to.
pub fn certificate(folder: &Path) -> anyhow::Result<TlsFiles> {
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let files = TlsFiles { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.certificate, cert.pem())?;
    std::fs::write(&files.key, signing_key.serialize_pem())?;
    Ok(files)
}
