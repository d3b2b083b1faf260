//! Prepare and finalize: sends the requests that `rules::run` asks for and reports what came back.
//!
//! No decision is made here. An upload can be interrupted between and during requests: by its client until the last bytes
//! were released, and by an operator or the end of a drain at any time. What a request began is learned before it is given up.

use std::pin::pin;
use std::time::Instant;

use futures::FutureExt as _;
use rules::failure::Failure;
use rules::run::{Action, Answer, NoAnswer, Receipt, StepRequest, TransferRequest, TransferTrouble};

use crate::metrics::{StepMetrics, StepStatus};
use crate::surroundings::Surroundings;
use crate::undo::Begun;
use crate::uploads::Stage;

/// The prepare steps are done; the transfer comes next.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The upload.
    pub(crate) begun: Begun,
    /// What to stream where. Boxed, as it stays with the upload for as long as that takes.
    pub(crate) request: Box<TransferRequest>,
}

/// An upload that failed, and what was begun for it.
#[derive(Debug)]
pub(crate) struct Broken {
    /// Why.
    pub(crate) failure: Failure,
    /// What is to be taken back.
    pub(crate) begun: Begun,
}

/// Runs the steps before the transfer.
///
/// # Errors
/// Whatever a step can meet.
pub(crate) async fn prepare(mut begun: Begun, around: &Surroundings) -> Result<Prepared, Box<Broken>> {
    match carry_out(&mut begun, around, Interrupts::ByAnyone).await {
        Ok(Pause::Transfer(request)) => Ok(Prepared { begun, request }),
        Ok(Pause::Finished(_)) => Err(broken(Failure::internal("the rule ended before its transfer"), begun)),
        Err(failure) => Err(broken(*failure, begun)),
    }
}

/// Runs the steps after the transfer. The client's going away does not stop them.
///
/// # Errors
/// Whatever a step can meet.
pub(crate) async fn finalize(mut begun: Begun, around: &Surroundings) -> Result<Receipt, Box<Broken>> {
    match carry_out(&mut begun, around, Interrupts::ByOperator).await {
        Ok(Pause::Finished(receipt)) => Ok(receipt),
        Ok(Pause::Transfer(_)) => Err(broken(Failure::internal("the rule asked for a second transfer"), begun)),
        Err(failure) => Err(broken(*failure, begun)),
    }
}

fn broken(failure: Failure, begun: Begun) -> Box<Broken> {
    Box::new(Broken { failure, begun })
}

/// Where the steps stop for something else.
enum Pause {
    Transfer(Box<TransferRequest>),
    Finished(Receipt),
}

/// Who may interrupt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Interrupts {
    /// The client, an operator, or the end of a drain.
    ByAnyone,
    /// An operator or the end of a drain.
    ByOperator,
}

impl Interrupts {
    const fn stage(self) -> Stage {
        match self {
            Self::ByAnyone => Stage::Prepare,
            Self::ByOperator => Stage::Finalize,
        }
    }

    /// Returns when somebody interrupts.
    async fn interrupted(self, around: &Surroundings) -> TransferTrouble {
        tokio::select! {
            why = around.live.interrupted() => why,
            () = around.client_gone.cancelled(), if self == Self::ByAnyone => TransferTrouble::ClientGone,
        }
    }
}

async fn carry_out(begun: &mut Begun, around: &Surroundings, interrupts: Interrupts) -> Result<Pause, Box<Failure>> {
    loop {
        match begun.next() {
            // Boxed, as an upload without such steps should not carry their size.
            Action::Send(request) => send_or_abort(begun, &request, around, interrupts).boxed().await,
            Action::Wait { pause, step, retry } => {
                if let Some(reason) = retry {
                    around.live.route().step(&step).retried(reason);
                }
                tokio::select! {
                    biased;
                    () = tokio::time::sleep(pause) => {}
                    why = interrupts.interrupted(around) => begun.abort(why),
                }
            }
            Action::Transfer(request) => return Ok(Pause::Transfer(Box::new(request))),
            Action::Finish(receipt) => return Ok(Pause::Finished(receipt)),
            Action::Fail(failure) => return Err(Box::new(failure)),
        }
    }
}

/// Sends a request and reports its answer. An interrupted one that can be taken back is awaited all the same: its answer
/// names what it began, and without that nothing could be taken back.
async fn send_or_abort(begun: &mut Begun, request: &StepRequest, around: &Surroundings, interrupts: Interrupts) {
    let mut answer = pin!(send(request, around, interrupts.stage()));
    tokio::select! {
        biased;
        answer = &mut answer => begun.report(answer),
        why = interrupts.interrupted(around) => {
            if around.route.steps.iter().any(|step| step.id == request.step && step.undo.is_some()) {
                begun.report(answer.await);
            }
            begun.abort(why);
        }
    }
}

async fn send(request: &StepRequest, around: &Surroundings, stage: Stage) -> Result<Answer, NoAnswer> {
    around.live.enter(stage, Some(&request.step));
    let attempt = Attempt::begin(around, &request.step);
    let answer = around.app.upstreams.send(request, around.traceparent.as_deref(), &around.memory).await;
    attempt.end(match &answer {
        Ok(answer) => StepStatus::of(answer.status),
        Err(NoAnswer::Timeout) => StepStatus::Timeout,
        Err(_) => StepStatus::Error,
    });
    answer
}

/// One attempt of a step, counted once: dropped without an end, it was cancelled.
#[derive(Debug)]
pub(crate) struct Attempt {
    metrics: StepMetrics,
    begun: Instant,
    status: StepStatus,
}

impl Attempt {
    /// Begins.
    pub(crate) fn begin(around: &Surroundings, step: &str) -> Self {
        let metrics = around.live.route().step(step);
        Self { metrics, begun: Instant::now(), status: StepStatus::Cancelled }
    }

    /// Ends.
    pub(crate) fn end(mut self, status: StepStatus) {
        self.status = status;
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.metrics.requested(self.status, self.begun.elapsed());
    }
}
