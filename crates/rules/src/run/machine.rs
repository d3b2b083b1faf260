//! The state machine: which step is at work, what is awaited, what was begun and must perhaps be taken back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::request::Builder;
use super::retry::Attempts;
use super::seed::Seed;
use super::settle::creates;
use super::unbuildable::{Unbuildable, evaluation};
use super::{
    Action, Facts, IdempotencyKey, Now, Receipt, RetryReason, StepRequest, TransferRequest, TransferTrouble,
    UndoRequest, body, failure_of,
};
use crate::config::{Route, Step};
use crate::failure::{Committed, Failure, Problem};
use crate::plan::TransferPlan;
use crate::withheld::KnowsSecrets;

/// An upload under way.
#[derive(Debug)]
pub struct Run {
    pub(super) route: Arc<Route>,
    pub(super) facts: Facts,
    pub(super) seed: Seed,
    /// Index of the step at work; past the last one all is done.
    pub(super) at: usize,
    pub(super) state: State,
    pub(super) attempts: Attempts,
    /// Since when the step at work is asked again and again.
    pub(super) polling_since: Option<Duration>,
    /// Whether polling ended without an outcome, as the rule allows.
    pub(super) processing: bool,
    /// What was begun, in order.
    pub(super) undo: Vec<(usize, UndoRequest)>,
    /// Undo requests to send before a stale step runs again.
    pub(super) taking_back: VecDeque<UndoRequest>,
    /// Until when what a step gave may be used, in order.
    pub(super) ends: Vec<(usize, OffsetDateTime)>,
    /// Whether a stale step was run again already.
    pub(super) refreshed: bool,
    pub(super) committed: Committed,
}

#[derive(Debug)]
pub(super) enum State {
    /// The step at work is to be built and sent.
    Ready,
    /// Nothing before this monotonic time.
    Waiting {
        until: Duration,
        retry: Option<RetryReason>,
    },
    /// Sent; the answer is awaited.
    Sent(Box<StepRequest>),
    /// An undo request was sent before a step runs again.
    TakingBack(Box<UndoRequest>),
    /// The file streams.
    Transferring(Box<TransferRequest>),
    Finished(Receipt),
    Failed(Box<Failure>),
}

impl Run {
    /// Begins with the first step. `seed`: 128 random bits, from which boundaries, pauses and a missing idempotency key come.
    pub fn begin(plan: &TransferPlan, seed: [u8; 16]) -> Self {
        let seed = Seed(seed);
        Self {
            route: Arc::clone(plan.route()),
            facts: plan.facts(IdempotencyKey::Seeded(seed.clone())),
            seed,
            at: 0,
            state: State::Ready,
            attempts: Attempts::default(),
            polling_since: None,
            processing: false,
            undo: Vec::new(),
            taking_back: VecDeque::new(),
            ends: Vec::new(),
            refreshed: false,
            committed: Committed::No,
        }
    }

    /// Keeps the operator's secrets out of what the run says of upstreams' texts.
    #[must_use]
    pub fn withholding(mut self, own: Arc<dyn KnowsSecrets>) -> Self {
        self.facts.withhold(own);
        self
    }

    /// Says what to do. Calling it again without a report gives the same action.
    pub fn next(&mut self, now: Now) -> Action {
        if let State::Waiting { until, .. } = self.state
            && now.monotonic >= until
        {
            self.state = State::Ready;
        }
        if matches!(self.state, State::Ready) {
            self.state = self.advance(now).unwrap_or_else(|failure| self.failed(failure));
        }
        match &self.state {
            State::Ready | State::Waiting { .. } => self.wait(now),
            State::Sent(request) => Action::Send(StepRequest::clone(request)),
            State::TakingBack(undo) => Action::Send(undo.request.clone()),
            State::Transferring(request) => Action::Transfer(TransferRequest::clone(request)),
            State::Finished(receipt) => Action::Finish(receipt.clone()),
            State::Failed(failure) => Action::Fail(Failure::clone(failure)),
        }
    }

    fn wait(&self, now: Now) -> Action {
        let (until, retry) = match self.state {
            State::Waiting { until, retry } => (until, retry),
            _ => (now.monotonic, None),
        };
        Action::Wait { pause: until.saturating_sub(now.monotonic), step: self.step_id(), retry }
    }

    /// Goes on from `Ready` to whatever the gateway has to do.
    fn advance(&mut self, now: Now) -> Result<State, Box<Failure>> {
        if let Some(undo) = self.taking_back.pop_front() {
            return Ok(State::TakingBack(Box::new(undo)));
        }
        while let Some(step) = self.route.steps.get(self.at).map(Arc::clone) {
            let wanted = match &step.when {
                Some(when) => when.eval_bool(&self.facts).map_err(|error| evaluation(error, &step.id))?,
                None => true,
            };
            if !wanted {
                self.move_on();
                continue;
            }
            if self.at == self.route.transfer {
                return self.begin_transfer(&step, now);
            }
            let builder = Builder { facts: &self.facts, seed: &self.seed, soon: now.wall };
            let request = builder.step(&step, self.attempts.number()).map_err(|why| why.into_failure(&step.id))?;
            return Ok(State::Sent(Box::new(request)));
        }
        let result = body::tree_value(&self.route.result, &self.facts);
        let result = result.map_err(result_failure)?;
        Ok(State::Finished(Receipt { processing: self.processing, result: result.unwrap_or_default() }))
    }

    fn begin_transfer(&mut self, step: &Step, now: Now) -> Result<State, Box<Failure>> {
        if let Some(stale) = self.stale_step(now) {
            if self.refreshed {
                let id = self.route.steps.get(stale).map(|step| step.id.to_string()).unwrap_or_default();
                let detail = format!("what step `{id}` gave had ended before it could be used, twice");
                return Err(Box::new(Failure::new(Problem::UpstreamMisbehaved, detail).at_step(&step.id)));
            }
            self.refresh(stale);
            return self.advance(now);
        }
        let builder = Builder { facts: &self.facts, seed: &self.seed, soon: now.wall };
        let request = builder.transfer(step, self.attempts.number()).map_err(|why| why.into_failure(&step.id))?;
        Ok(State::Transferring(Box::new(request)))
    }

    pub(super) fn stale_step(&self, now: Now) -> Option<usize> {
        self.ends.iter().find(|(_, end)| *end <= now.wall).map(|(step, _)| *step)
    }

    /// Goes back to a step whose answer is stale: what it and the steps after it began is taken back first.
    fn refresh(&mut self, stale: usize) {
        self.refreshed = true;
        let begun = std::mem::take(&mut self.undo);
        let (kept, taken_back): (Vec<_>, Vec<_>) = begun.into_iter().partition(|(step, _)| *step < stale);
        self.undo = kept;
        self.taking_back = taken_back.into_iter().rev().map(|(_, undo)| undo).collect();
        self.ends.retain(|(step, _)| *step < stale);
        self.at = stale;
        self.attempts = Attempts::default();
        self.state = State::Ready;
    }

    /// Whether what the transfer uses is still fresh; if not, call [`Run::next`] again, which re-runs the step that gave it.
    pub fn is_fresh(&mut self, now: Now) -> bool {
        let fresh = self.stale_step(now).is_none();
        if !fresh && matches!(self.state, State::Transferring(_)) {
            self.state = State::Ready;
        }
        fresh
    }

    /// Aborts from outside (client gone or drain between the stages); [`Run::next`] then gives [`Action::Fail`].
    pub fn abort(&mut self, trouble: TransferTrouble) {
        if matches!(self.state, State::Finished(_) | State::Failed(_)) {
            return;
        }
        self.keep_interrupted_undo();
        let mut failure = failure_of(trouble);
        if let State::Sent(request) = &self.state
            && creates(&request.method)
        {
            failure.committed = Committed::Unknown;
        }
        if let Some(step) = self.current_step() {
            failure = failure.at_step(&step.id);
        }
        self.fail(Box::new(failure));
    }

    /// The requests that take back what was begun, latest step first; empties the list. Called after a failure, or when the
    /// upload is dropped. Nothing is taken back of an upload that ended well.
    pub fn take_undo(&mut self) -> Vec<UndoRequest> {
        self.keep_interrupted_undo();
        let begun = std::mem::take(&mut self.undo);
        if matches!(self.state, State::Finished(_)) {
            return Vec::new();
        }
        let interrupted = self.taking_back.drain(..);
        interrupted.chain(begun.into_iter().rev().map(|(_, undo)| undo)).collect()
    }

    /// An undo request whose answer was not seen is sent once more.
    fn keep_interrupted_undo(&mut self) {
        if let State::TakingBack(undo) = &self.state {
            let undo = UndoRequest::clone(undo);
            self.taking_back.push_front(undo);
            self.state = State::Ready;
        }
    }

    pub(super) fn move_on(&mut self) {
        self.at += 1;
        self.attempts = Attempts::default();
        self.polling_since = None;
        self.state = State::Ready;
    }

    pub(super) fn fail(&mut self, failure: Box<Failure>) {
        self.state = self.failed(failure);
    }

    fn failed(&self, mut failure: Box<Failure>) -> State {
        if self.committed != Committed::No {
            failure.committed = self.committed;
        }
        State::Failed(failure)
    }

    pub(super) fn current_step(&self) -> Option<Arc<Step>> {
        self.route.steps.get(self.at).map(Arc::clone)
    }

    pub(super) fn step_id(&self) -> Arc<str> {
        self.current_step().map_or_else(|| Arc::from(""), |step| Arc::clone(&step.id))
    }
}

/// A result that cannot be written belongs to no step.
fn result_failure(why: Unbuildable) -> Box<Failure> {
    let failure = match why {
        Unbuildable::Expression(error) => match error.answer_of {
            Some(step) => {
                let detail = format!("the answer of step `{step}` lacks what the result needs: {}", error.message);
                Failure::new(Problem::UpstreamMisbehaved, detail)
            }
            None => Failure::internal(format!("the result: {}", error.message)),
        },
        other => Failure::internal(format!("the result: {other:?}")),
    };
    Box::new(failure)
}
