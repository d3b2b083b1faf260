//! A kind of upload, and what one needs to measure it.

use std::path::Path;

use crate::figure::Figure;
use crate::peer::{Peer, Running, Setting};
use crate::sink::Sink;

/// Every job, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobKind {
    /// `PUT /raw/{name}` of 64 MiB, sent on as the same.
    Raw,
    /// `PUT /raw/{name}` of 16 KiB, sent on as the same.
    Small,
    /// `PUT /raw/{name}` in chunks, its size in `Upload-Length`.
    Chunked,
    /// `PUT /form/{name}`, sent on as `POST /form`, `multipart/form-data` with the file in the part `file`.
    RawToForm,
    /// `PUT /json/{name}`, sent on as `POST /json`, the file as base64 in the key `data`.
    RawToJson,
    /// `POST /unform`, `multipart/form-data` with the file in the part `file`, sent on as `PUT /raw/{name}`.
    FormToRaw,
    /// `PUT /policy/{name}`: `POST /policy/prepare` gives a URL and fields, then the form is posted there.
    PostPolicy,
    /// `PUT /presigned/{name}`: `POST /presigned/start` gives a URL, the file is put there, then `POST /presigned/{id}/complete`.
    PresignedPut,
    /// `Raw` over TLS towards the client.
    TlsIn,
    /// `Raw` over TLS and HTTP/2 towards the client.
    Http2In,
    /// 2,000 uploads open at once, each slow.
    Slow2000,
    /// 5,000 uploads open at once, each slow.
    Slow5000,
    /// Fast clients before a slow upstream.
    Pressure,
    /// Uploads of 64 KiB at half load and a fixed rate.
    Latency,
    /// Four times the load that can be carried.
    Overload,
    /// From nothing to ready; idle memory; size of the binary.
    Start,
}

impl JobKind {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 16] = [
        Self::Raw,
        Self::Small,
        Self::Chunked,
        Self::RawToForm,
        Self::RawToJson,
        Self::FormToRaw,
        Self::PostPolicy,
        Self::PresignedPut,
        Self::TlsIn,
        Self::Http2In,
        Self::Slow2000,
        Self::Slow5000,
        Self::Pressure,
        Self::Latency,
        Self::Overload,
        Self::Start,
    ];

    /// As flags, the report and the history write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Small => "small",
            Self::Chunked => "chunked",
            Self::RawToForm => "raw-to-form",
            Self::RawToJson => "raw-to-json",
            Self::FormToRaw => "form-to-raw",
            Self::PostPolicy => "post-policy",
            Self::PresignedPut => "presigned-put",
            Self::TlsIn => "tls-in",
            Self::Http2In => "http2-in",
            Self::Slow2000 => "slow-2000",
            Self::Slow5000 => "slow-5000",
            Self::Pressure => "pressure",
            Self::Latency => "latency",
            Self::Overload => "overload",
            Self::Start => "start",
        }
    }

    /// The job of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether a quick run that names no jobs has it. The others need many seconds with each peer however little they measure.
    #[must_use]
    pub fn is_quick(self) -> bool {
        !matches!(self, Self::Slow2000 | Self::Slow5000 | Self::Pressure | Self::Latency | Self::Overload)
    }

    /// Whether clients come over TLS.
    #[must_use]
    pub fn tls(self) -> bool {
        matches!(self, Self::TlsIn | Self::Http2In)
    }
}

/// How much is measured at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scale {
    /// A few small uploads: shows that it works, not what it costs.
    Smoke,
    /// Figures within a few per cent in a second each.
    Quick,
    /// Figures to rely on.
    Full,
}

/// Everything that a job may use.
#[derive(Debug)]
pub struct Stage<'a> {
    /// Who is measured.
    pub peer: &'a dyn Peer,
    /// What to start it with.
    pub setting: &'a Setting,
    /// Where the peer sends to. Its counts are reset before each measurement.
    pub sink: &'a Sink,
    /// How much to measure.
    pub scale: Scale,
    /// The core for load and sink: not the peer's.
    pub other_core: Option<usize>,
}

impl Stage<'_> {
    /// Starts the peer and waits until it takes connections.
    ///
    /// # Errors
    /// It does not start; the message holds the end of its log.
    pub fn start(&self) -> anyhow::Result<Running> {
        self.peer.start(self.setting)
    }

    /// A folder that is this measurement's own.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.setting.dir
    }
}

/// Figures of one run.
pub type Sample = Vec<(Figure, f64)>;

/// A kind of upload that can be verified and measured.
pub trait Job: std::fmt::Debug {
    /// Which one.
    fn kind(&self) -> JobKind;

    /// What is sent and how much, in one sentence for the report.
    fn about(&self, scale: Scale) -> String;

    /// Starts the peer and proves that the content arrives byte for byte. Called once per peer, before any measurement.
    ///
    /// # Errors
    /// What did not arrive, or how the peer failed. It is not measured then.
    fn verify(&self, stage: &Stage<'_>) -> anyhow::Result<()>;

    /// Starts the peer and measures one run.
    ///
    /// # Errors
    /// The peer failed, or not everything was counted by the sink.
    fn measure(&self, stage: &Stage<'_>) -> anyhow::Result<Sample>;
}
