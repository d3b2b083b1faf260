//! The file, streamed from the client to one upstream in the upload's own task.

mod stage;

mod exchange;

mod feed;

mod outbox;

mod answer;

mod stall;

mod progress;

#[cfg(test)]
pub(crate) mod tests;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use rules::plan::TransferPlan;
use rules::run::{Answer, NoAnswer, TransferRequest, TransferStage, TransferTrouble, Transferred};
use wire::digest::{ClientDigests, DigestSet};
use wire::http1::RequestFraming;

use crate::memory::UploadMemory;
use crate::upstream::{Payload, UpstreamStream, Upstreams};
use answer::AnswerReader;
use exchange::{Exchange, Terms};
use feed::FileFeed;
use outbox::Outbox;
use stall::Stall;

pub use progress::{Progress, Side};
pub(crate) use stage::{FileArrived, Leftover, Streamed, stream};

/// The file's bytes as the client sends them.
pub trait FileSource: Send {
    /// The next bytes, never an empty chunk. `Ok(None)` is given only on proof of the end: the announced count was reached,
    /// the framing ended truly, the form was closed; after it, it is given again. Pace is the source's business: it gives
    /// `ClientTooSlow` on its own.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransferTrouble>>;

    /// Whether the next chunk was read already: taking it costs nothing, and more of them go out in one write.
    fn has_at_hand(&self) -> bool {
        false
    }

    /// The bytes are taken slower than they come: large chunks would only fill memory.
    fn slow_down(&mut self) {}

    /// Whom a chunk that is pending waits for.
    fn awaited(&self) -> Side {
        Side::Client
    }
}

/// What must hold before the last bytes are released.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    /// What to compute.
    pub digests: DigestSet,
    /// What the client says they are.
    pub client: ClientDigests,
    /// The largest size that the route takes.
    pub max_len: Option<u64>,
    /// The smallest.
    pub min_len: Option<u64>,
}

impl Verification {
    /// What a plan demands.
    #[must_use]
    pub fn of(plan: &TransferPlan) -> Self {
        Self {
            digests: plan.digests(),
            client: plan.client_digests().clone(),
            max_len: plan.max_len(),
            min_len: plan.min_len(),
        }
    }
}

/// File bytes that were taken from the source and that no upstream has: the next attempt sends them first.
#[derive(Debug, Default)]
pub struct Replay {
    chunks: Vec<Bytes>,
}

/// One attempt at a transfer.
pub struct TransferOrder<'a> {
    /// What to send, and where.
    pub request: &'a TransferRequest,
    /// What must hold before the last bytes are released.
    pub verify: &'a Verification,
    /// Told how far it is.
    pub progress: &'a Progress,
    /// Dial, and take no connection from the pool: for the attempt after [`TransferStage::Replayable`].
    pub fresh_connection: bool,
    /// Sent to targets with their own URL.
    pub traceparent: Option<&'a str>,
    /// Pays for the answer.
    pub memory: &'a Arc<UploadMemory>,
    /// From the attempt before; the default at first.
    pub replay: Replay,
}

/// How an attempt ended.
#[derive(Debug)]
pub enum TransferEnd {
    /// The upstream answered a complete request, well or badly.
    Done(Transferred),
    /// `before_head` said no: nothing was sent, the connection went into the pool.
    Stale {
        /// For the next attempt.
        replay: Replay,
    },
    /// There is no complete exchange.
    Failed {
        /// Why.
        trouble: TransferTrouble,
        /// Where it stood.
        stage: TransferStage,
        /// For the next attempt, where `stage` allows one ([`TransferStage::NothingSent`], [`TransferStage::Replayable`]).
        replay: Replay,
    },
}

/// Why an attempt has no answer.
enum Halt {
    Stale,
    Failed(TransferTrouble, TransferStage),
}

/// Streams one file to one upstream. Everything that is demanded is proved before the last bytes are released.
///
/// `before_head` is asked once, when the first bytes of the file are there, the connection stands and the head is about to
/// be written. Dropping the future closes the connection; withheld bytes are never sent then.
pub async fn transfer(
    upstreams: &Upstreams,
    order: TransferOrder<'_>,
    source: &mut dyn FileSource,
    before_head: impl FnOnce() -> bool,
) -> TransferEnd {
    let TransferOrder { request, verify, progress, fresh_connection, traceparent, memory, replay } = order;
    progress.set_stage(TransferStage::NothingSent);
    let mut feed = match FileFeed::open(request, verify, progress, replay, source) {
        Ok(feed) => feed,
        Err(trouble) => return failed(trouble, TransferStage::NothingSent, Replay::default()),
    };
    let way = Way { upstreams, request, progress, fresh_connection, traceparent, memory };
    match way.attempt(&mut feed, before_head).await {
        Err(Halt::Stale) => TransferEnd::Stale { replay: feed.into_replay() },
        Err(Halt::Failed(trouble, stage)) => failed(trouble, stage, feed.into_replay()),
        Ok(answer) => match feed.into_proof() {
            Some((file_len, digests)) => TransferEnd::Done(Transferred { file_len, digests, answer }),
            None => failed(TransferTrouble::EarlyAnswer(answer), TransferStage::Withheld, Replay::default()),
        },
    }
}

fn failed(trouble: TransferTrouble, stage: TransferStage, replay: Replay) -> TransferEnd {
    let replay = match stage {
        TransferStage::NothingSent | TransferStage::Replayable => replay,
        TransferStage::Withheld | TransferStage::Released => Replay::default(),
    };
    TransferEnd::Failed { trouble, stage, replay }
}

/// Where an attempt goes.
struct Way<'a> {
    upstreams: &'a Upstreams,
    request: &'a TransferRequest,
    progress: &'a Progress,
    fresh_connection: bool,
    traceparent: Option<&'a str>,
    memory: &'a Arc<UploadMemory>,
}

impl Way<'_> {
    /// The file's first bytes, then the connection, then the exchange: a client that says nothing holds no connection, and
    /// one from the pool is looked at right before it is written to.
    async fn attempt(&self, feed: &mut FileFeed<'_>, before_head: impl FnOnce() -> bool) -> Result<Answer, Halt> {
        let step = &self.request.request;
        let nothing_sent = |why| Halt::Failed(TransferTrouble::Upstream(why), TransferStage::NothingSent);
        let mut outbox = Outbox::default();
        self.first_bytes(feed, &mut outbox)
            .await
            .map_err(|trouble| Halt::Failed(trouble, TransferStage::NothingSent))?;
        let head = self.head().map_err(nothing_sent)?;
        let (mut stream, is_reused) = self.connect().await.map_err(nothing_sent)?;
        if !before_head() {
            self.upstreams.give_back(&step.target, &step.url.origin, stream);
            return Err(Halt::Stale);
        }
        outbox.push_head(head, self.request.body_len == Some(0));
        let terms = Terms {
            is_chunked: self.is_chunked(),
            is_reused,
            idle_limit: self.upstreams.idle_limit(),
            answer_limit: self.upstreams.answer_limit(step),
        };
        let answer = AnswerReader::new(&step.method, Arc::clone(self.memory));
        let exchanged = Exchange::new(&mut stream, feed, outbox, answer, self.progress, terms).run().await;
        let exchanged = exchanged.map_err(|(trouble, stage)| Halt::Failed(trouble, stage))?;
        if exchanged.is_usable {
            self.upstreams.give_back(&step.target, &step.url.origin, stream);
        }
        Ok(exchanged.answer)
    }

    /// Waits until there is something of the file to send, or the proof of an empty one.
    async fn first_bytes(&self, feed: &mut FileFeed<'_>, outbox: &mut Outbox) -> Result<(), TransferTrouble> {
        let mut stall = Stall::new(self.progress);
        loop {
            outbox.fill(feed, self.is_chunked());
            if feed.is_proved() || (feed.has_begun() && !outbox.is_empty()) {
                return Ok(());
            }
            poll_fn(|cx| {
                let taken = feed.poll_take(cx);
                if taken.is_pending() {
                    stall.begin(feed.awaited());
                }
                taken
            })
            .await?;
            stall.end();
        }
    }

    fn head(&self) -> Result<Bytes, NoAnswer> {
        let framing = self.request.body_len.map_or(RequestFraming::Chunked, RequestFraming::Length);
        self.upstreams.head(&self.request.request, Payload::Streamed, self.traceparent)?.to_bytes(framing)
    }

    async fn connect(&self) -> Result<(UpstreamStream, bool), NoAnswer> {
        let mut stall = Stall::new(self.progress);
        stall.begin(Side::Upstream);
        let step = &self.request.request;
        self.upstreams.connect(&step.target, &step.url.origin, self.fresh_connection).await
    }

    fn is_chunked(&self) -> bool {
        self.request.body_len.is_none()
    }
}
