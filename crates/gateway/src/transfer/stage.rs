//! The transfer as a stage of the pipeline: streams the file, and tells the run what became of it.

use rules::run::{NoAnswer, TransferStage, TransferTrouble};

use super::{FileSource, Replay, TransferEnd, TransferOrder, Verification, transfer};
use crate::metrics::StepStatus;
use crate::steps::{Attempt, Prepared};
use crate::surroundings::Surroundings;
use crate::undo::Begun;
use crate::uploads::Stage;

/// The file arrived whole: every proof stood and the upstream answered.
#[derive(Debug)]
pub(crate) struct FileArrived {
    /// The upload; its run knows the answer.
    pub(crate) begun: Begun,
    /// What was streamed, for the receipt.
    pub(crate) file: rules::run::Transferred,
}

/// What became of an attempt.
#[derive(Debug)]
pub(crate) enum Streamed {
    /// It worked.
    Done(Box<FileArrived>),
    /// The run is asked what comes next: a learned URL had expired, or the transfer failed and perhaps a fresh dial helps.
    Again(Box<Begun>),
}

/// What one attempt leaves to the next.
#[derive(Debug, Default)]
pub(crate) struct Leftover {
    replay: Replay,
    fresh_connection: bool,
}

/// Streams the file.
pub(crate) async fn stream(
    prepared: Prepared,
    leftover: &mut Leftover,
    file: &mut dyn FileSource,
    verify: &Verification,
    around: &Surroundings,
) -> Streamed {
    let Prepared { mut begun, request } = prepared;
    around.live.enter(Stage::Transfer, Some(&request.request.step));
    let attempt = Attempt::begin(around, &request.request.step);
    let order = TransferOrder {
        request: &request,
        verify,
        progress: around.live.progress(),
        fresh_connection: leftover.fresh_connection,
        traceparent: around.traceparent.as_deref(),
        memory: &around.memory,
        replay: std::mem::take(&mut leftover.replay),
    };
    match interruptible(order, file, &mut begun, around).await {
        TransferEnd::Done(file) => {
            attempt.end(StepStatus::of(file.answer.status));
            begun.transferred(file.clone());
            Streamed::Done(Box::new(FileArrived { begun, file }))
        }
        TransferEnd::Stale { replay } => {
            *leftover = Leftover { replay, fresh_connection: leftover.fresh_connection };
            Streamed::Again(Box::new(begun))
        }
        TransferEnd::Failed { trouble, stage, replay } => {
            attempt.end(status_of(&trouble));
            // One fresh dial replaces a reused connection that turned out dead; another from the pool may be as dead.
            let is_dead = stage == TransferStage::Replayable
                || matches!(trouble, TransferTrouble::Upstream(NoAnswer::StaleConnection));
            *leftover = Leftover { replay, fresh_connection: is_dead };
            begun.not_transferred(trouble, stage);
            Streamed::Again(Box::new(begun))
        }
    }
}

/// The source itself reports a client that goes while it is read; one that goes while only the upstream is waited for shows
/// here. Once the last bytes were released, only an operator or the end of a drain interrupts.
async fn interruptible(
    order: TransferOrder<'_>,
    file: &mut dyn FileSource,
    begun: &mut Begun,
    around: &Surroundings,
) -> TransferEnd {
    let interrupted = async {
        let may_go_on_alone = || around.live.progress().stage() == TransferStage::Released;
        tokio::select! {
            why = around.live.interrupted() => why,
            () = async {
                around.client_gone.cancelled().await;
                if may_go_on_alone() {
                    std::future::pending::<()>().await;
                }
            } => TransferTrouble::ClientGone,
        }
    };
    tokio::select! {
        biased;
        end = transfer(&around.app.upstreams, order, file, || begun.is_fresh()) => end,
        trouble = interrupted => {
            TransferEnd::Failed { trouble, stage: around.live.progress().stage(), replay: Replay::default() }
        }
    }
}

fn status_of(trouble: &TransferTrouble) -> StepStatus {
    match trouble {
        TransferTrouble::EarlyAnswer(answer) => StepStatus::of(answer.status),
        TransferTrouble::Upstream(NoAnswer::Timeout) => StepStatus::Timeout,
        TransferTrouble::Upstream(_) => StepStatus::Error,
        _ => StepStatus::Cancelled,
    }
}
