//! The file, streamed from the client to one upstream in the upload's own task.

mod progress;
mod stage;

use std::task::{Context, Poll};

use bytes::Bytes;
use rules::plan::TransferPlan;
use rules::run::{TransferRequest, TransferStage, TransferTrouble, Transferred};
use wire::digest::{ClientDigests, DigestSet};

use crate::upstream::Upstreams;

pub use progress::{Progress, Side};
pub(crate) use stage::{FileArrived, Leftover, Streamed, stream};

/// The file's bytes as the client sends them.
pub trait FileSource: Send {
    /// The next bytes, never an empty chunk. `Ok(None)` is given only on proof of the end: the announced count was reached,
    /// the framing ended truly, the form was closed; after it, it is given again. Pace is the source's business: it gives
    /// `ClientTooSlow` on its own.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransferTrouble>>;
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
    let _ = (upstreams, order, source, before_head());
    todo!()
}
