//! The file on its way through the envelope: counted, digested and proved. What comes out may be written to the upstream.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use rules::run::{NoAnswer, TransferRequest, TransferTrouble};
use wire::digest::{Digester, Digests};
use wire::envelope::{EnvelopeWriter, LengthError};
use wire::transform::Transform as _;

use super::{FileSource, Progress, Replay, Side, Verification};
use crate::memory::HELD_FILE_BYTES;

/// A file that is being read.
pub(super) struct FileFeed<'a> {
    source: &'a mut dyn FileSource,
    verify: &'a Verification,
    progress: &'a Progress,
    writer: EnvelopeWriter,
    announced: Option<u64>,
    digester: Option<Digester>,
    /// Taken by an earlier attempt: given before the source is asked.
    replayed: VecDeque<Bytes>,
    held: Held,
    proved: Option<Digests>,
}

/// What a call of [`FileFeed::poll_take`] brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// More of the file.
    Chunk,
    /// The end, and every proof stood.
    Proof,
}

/// The file bytes taken so far, while they are few.
struct Held {
    chunks: Vec<Bytes>,
    len: usize,
    /// Until something was sent all of it is held, whatever it is: that is at most the first chunks.
    policy: HoldPolicy,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum HoldPolicy {
    All,
    Few,
    Nothing,
}

impl<'a> FileFeed<'a> {
    /// Opens the envelope.
    ///
    /// # Errors
    /// The body's length does not fit 64 bits, or is not the one that was planned.
    pub(super) fn open(
        request: &TransferRequest,
        verify: &'a Verification,
        progress: &'a Progress,
        replay: Replay,
        source: &'a mut dyn FileSource,
    ) -> Result<Self, TransferTrouble> {
        let announced = request.file_len;
        let writer = request.envelope.open(announced).map_err(trouble)?;
        if writer.output_len() != request.body_len {
            return Err(TransferTrouble::Upstream(NoAnswer::Misbehaved(
                "the planned length is not the length of the body".to_owned(),
            )));
        }
        Ok(Self {
            source,
            verify,
            progress,
            writer,
            announced,
            digester: Some(Digester::new(verify.digests.union(verify.client.algorithms()))),
            replayed: replay.chunks.into(),
            held: Held { chunks: Vec::new(), len: 0, policy: HoldPolicy::All },
            proved: None,
        })
    }

    /// Takes the next bytes of the file; all output must have been pulled. After [`Taken::Proof`] it is not called again.
    ///
    /// # Errors
    /// The source failed, or a proof did.
    pub(super) fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<Result<Taken, TransferTrouble>> {
        let chunk = match self.replayed.pop_front() {
            Some(chunk) => chunk,
            None => match ready!(self.source.poll_chunk(cx))? {
                Some(chunk) => {
                    self.progress.add_received(len_of(&chunk));
                    chunk
                }
                None => return Poll::Ready(self.prove().map(|()| Taken::Proof)),
            },
        };
        Poll::Ready(self.take(chunk).map(|()| Taken::Chunk))
    }

    /// Whether the next bytes were read already.
    pub(super) fn has_at_hand(&self) -> bool {
        !self.replayed.is_empty() || self.source.has_at_hand()
    }

    /// The upstream is slower than the source.
    pub(super) fn slow_down(&mut self) {
        self.source.slow_down();
    }

    /// Whom the next bytes wait for, after [`FileFeed::poll_take`] was pending.
    pub(super) fn awaited(&self) -> Side {
        self.source.awaited()
    }

    fn take(&mut self, chunk: Bytes) -> Result<(), TransferTrouble> {
        let received = self.writer.file_bytes().saturating_add(len_of(&chunk));
        if let Some(limit) = self.verify.max_len.filter(|limit| received > *limit) {
            return Err(TransferTrouble::TooLarge { limit });
        }
        if let Some(digester) = &mut self.digester {
            digester.update(&chunk);
        }
        self.held.push(&chunk);
        self.writer.push(chunk).map_err(trouble)
    }

    fn prove(&mut self) -> Result<(), TransferTrouble> {
        self.writer.finish().map_err(trouble)?;
        let received = self.writer.file_bytes();
        if let Some(limit) = self.verify.min_len.filter(|limit| received < *limit) {
            return Err(TransferTrouble::TooSmall { limit, received });
        }
        let digests = self.digester.take().map(Digester::finish).unwrap_or_default();
        self.verify.client.verify(&digests).map_err(|mismatch| TransferTrouble::Digest(mismatch.to_string()))?;
        self.proved = Some(digests);
        self.writer.release();
        Ok(())
    }

    /// The next bytes of the body. Those behind the gate come only after [`Taken::Proof`].
    pub(super) fn pull(&mut self) -> Option<Bytes> {
        self.writer.pull()
    }

    /// Whether all announced bytes came: only the end, or an error, can follow, so asking for it costs no memory.
    pub(super) fn awaits_only_the_end(&self) -> bool {
        self.proved.is_none() && self.announced == Some(self.writer.file_bytes())
    }

    /// Whether any byte of the file was taken.
    pub(super) fn has_begun(&self) -> bool {
        self.writer.file_bytes() > 0
    }

    /// Whether every proof stood.
    pub(super) fn is_proved(&self) -> bool {
        self.proved.is_some()
    }

    /// The length of the file and its digests; before the proof there are none.
    pub(super) fn into_proof(self) -> Option<(u64, Digests)> {
        Some((self.writer.file_bytes(), self.proved?))
    }

    /// Bytes are about to be sent: on a connection that may turn out dead a few are held, else none.
    pub(super) fn hold(&mut self, few: bool) {
        self.held.limit(if few { HoldPolicy::Few } else { HoldPolicy::Nothing });
    }

    /// Whether every file byte taken so far is still held.
    pub(super) fn holds_all(&self) -> bool {
        self.held.policy != HoldPolicy::Nothing
    }

    /// What the next attempt has to send first; nothing when it could not be all.
    pub(super) fn into_replay(self) -> Replay {
        let mut chunks = self.held.chunks;
        if self.held.policy != HoldPolicy::Nothing {
            chunks.extend(self.replayed);
        }
        Replay { chunks }
    }
}

impl Held {
    fn push(&mut self, chunk: &Bytes) {
        if self.policy != HoldPolicy::Nothing {
            self.chunks.push(chunk.clone());
            self.len = self.len.saturating_add(chunk.len());
            self.limit(self.policy);
        }
    }

    fn limit(&mut self, policy: HoldPolicy) {
        let fits = policy == HoldPolicy::All || (policy == HoldPolicy::Few && self.len <= HELD_FILE_BYTES);
        self.policy = if fits { policy } else { HoldPolicy::Nothing };
        if !fits {
            self.chunks = Vec::new();
        }
    }
}

fn trouble(error: LengthError) -> TransferTrouble {
    match error {
        LengthError::TooLong { announced } => TransferTrouble::RanOver { expected: announced },
        LengthError::TooShort { announced, received } => TransferTrouble::EndedShort { expected: announced, received },
        LengthError::Overflow { .. } | LengthError::AfterEnd => TransferTrouble::TooLarge { limit: u64::MAX },
    }
}

fn len_of(chunk: &Bytes) -> u64 {
    chunk.len() as u64
}
