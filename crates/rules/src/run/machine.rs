//! The state machine: which step is at work, what is awaited, what was begun and must perhaps be taken back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::facts::AnswerFacts;
use super::judge::{self, Bad};
use super::request::Builder;
use super::retry::Attempts;
use super::seed::Seed;
use super::unbuildable::{Unbuildable, evaluation};
use super::{
    Action, Answer, Facts, NoAnswer, Now, Receipt, RetryReason, StepRequest, TransferRequest, TransferStage,
    TransferTrouble, Transferred, UndoRequest, body, failure_of, trouble,
};
use crate::config::{Poll, RetryClass, Route, Step};
use crate::failure::{Committed, Failure, Problem};
use crate::plan::TransferPlan;
use crate::when;

/// How far the clocks of gateway and upstream may lie apart: the end of a URL is taken to be this much earlier, but never
/// by more than a fifth of its life, as some live for five seconds.
const CLOCK_SKEW: Duration = Duration::from_secs(30);

/// An upload under way.
#[derive(Debug)]
pub struct Run {
    route: Arc<Route>,
    facts: Facts,
    seed: Seed,
    /// Index of the step at work; past the last one all is done.
    at: usize,
    state: State,
    attempts: Attempts,
    /// Since when the step at work is asked again and again.
    polling_since: Option<Duration>,
    /// Whether polling ended without an outcome, as the rule allows.
    processing: bool,
    /// What was begun, in order.
    undo: Vec<(usize, UndoRequest)>,
    /// Undo requests to send before a stale step runs again.
    taking_back: VecDeque<UndoRequest>,
    /// Until when what a step gave may be used, in order.
    ends: Vec<(usize, OffsetDateTime)>,
    /// Whether a stale step was run again already.
    refreshed: bool,
    committed: Committed,
}

#[derive(Debug)]
enum State {
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
    TakingBack(Box<StepRequest>),
    /// The file streams.
    Transferring(Box<TransferRequest>),
    Finished(Receipt),
    Failed(Box<Failure>),
}

impl Run {
    /// Begins with the first step. `seed`: 128 random bits, from which boundaries, pauses and a missing idempotency key come.
    pub fn begin(plan: &TransferPlan, seed: [u8; 16]) -> Self {
        let seed = Seed(seed);
        let key = uuid::Builder::from_random_bytes(seed.bytes("idempotency key")).into_uuid().to_string();
        Self {
            route: Arc::clone(plan.route()),
            facts: plan.facts(&key),
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
            State::Sent(request) | State::TakingBack(request) => Action::Send(StepRequest::clone(request)),
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
            return Ok(State::TakingBack(Box::new(undo.request)));
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

    fn stale_step(&self, now: Now) -> Option<usize> {
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

    /// Reports the answer to a [`Action::Send`].
    pub fn answered(&mut self, answer: Answer, now: Now) {
        match &self.state {
            State::TakingBack(_) => self.state = State::Ready,
            State::Sent(_) => {
                if let Some(step) = self.current_step() {
                    self.judge_answer(&step, answer, now);
                }
            }
            _ => {}
        }
    }

    fn judge_answer(&mut self, step: &Arc<Step>, answer: Answer, now: Now) {
        let answer = AnswerFacts::new(answer);
        let seen = self.facts.with_current(&step.id, &answer);
        if let Err(bad) = judge::judge(step, &seen, &answer, now.wall) {
            self.keep_suspected_undo(step, &seen, &answer, now);
            let retryable = self.is_retryable(step) || (bad.nothing_done && self.at < self.route.transfer);
            return self.again_or_fail(*bad, retryable, now);
        }
        if let Err(failure) = self.accept_answer(step, &seen, answer, now) {
            return self.fail(failure);
        }
        match step.poll.as_ref().map(|poll| self.poll(step, poll, &seen, now)) {
            None => self.move_on(),
            Some(Ok(true)) => self.move_on(),
            Some(Ok(false)) => {}
            Some(Err(failure)) => self.fail(failure),
        }
    }

    /// Keeps a good answer: its undo, its end, its checks.
    fn accept_answer(
        &mut self,
        step: &Arc<Step>,
        seen: &Facts,
        answer: AnswerFacts,
        now: Now,
    ) -> Result<(), Box<Failure>> {
        self.facts.keep(Arc::clone(&step.id), answer);
        let undo = self.undo_of(step, seen, now);
        if let Some(Ok(undo)) = undo {
            // A polled step is begun once.
            self.undo.retain(|(at, _)| *at != self.at);
            self.undo.push((self.at, undo));
        } else if let Some(Err(failure)) = undo {
            return Err(failure);
        }
        if let Some(end) = &step.expires
            && let Some(value) = end.eval(seen).map_err(|error| evaluation(error.within(&step.id), &step.id))?
        {
            let end = when::parse(&value).ok_or_else(|| {
                let detail =
                    format!("the answer of step `{}` says with something that is no time when it ends", step.id);
                Failure::new(Problem::UpstreamMisbehaved, detail).at_step(&step.id)
            })?;
            self.ends.push((self.at, usable_until(end, now.wall)));
        }
        judge::check(step, seen)
    }

    /// An answer that is no success but a 2xx may have begun something all the same.
    fn keep_suspected_undo(&mut self, step: &Step, seen: &Facts, answer: &AnswerFacts, now: Now) {
        if (200..300).contains(&answer.answer().status)
            && let Some(Ok(undo)) = self.undo_of(step, seen, now)
        {
            self.undo.push((self.at, undo));
        }
    }

    fn undo_of(&self, step: &Step, seen: &Facts, now: Now) -> Option<Result<UndoRequest, Box<Failure>>> {
        let undo = step.undo.as_ref()?;
        let builder = Builder { facts: seen, seed: &self.seed, soon: now.wall };
        let request = builder.undo(step, &undo.request).map_err(|why| Box::new(why.into_failure(&step.id)));
        let removes_file = self.at <= self.route.transfer;
        Some(request.map(|request| UndoRequest { request, statuses: undo.statuses.clone(), removes_file }))
    }

    /// Whether polling is done.
    fn poll(&mut self, step: &Step, poll: &Poll, seen: &Facts, now: Now) -> Result<bool, Box<Failure>> {
        let holds = |condition: &crate::expr::Template| {
            condition.eval_bool(seen).map_err(|error| Box::new(evaluation(error.within(&step.id), &step.id)))
        };
        if poll.fail_when.as_ref().map(holds).transpose()?.unwrap_or(false) {
            let (problem, what) = if poll.fail_refuses_file {
                (Problem::UpstreamRefusedFile, "the upstream refused the file")
            } else {
                (Problem::UpstreamRefused, "the upstream refused the upload")
            };
            return Err(Box::new(Failure::new(problem, format!("{what} in step `{}`", step.id)).at_step(&step.id)));
        }
        if holds(&poll.until)? {
            return Ok(true);
        }
        let since = *self.polling_since.get_or_insert(now.monotonic);
        let next = now.monotonic.saturating_add(poll.every);
        if next.saturating_sub(since) <= poll.within {
            self.attempts = Attempts::default();
            self.state = State::Waiting { until: next, retry: None };
            return Ok(false);
        }
        if poll.otherwise_processing {
            self.processing = true;
            self.at = self.route.steps.len();
            self.state = State::Ready;
            return Ok(false);
        }
        let detail = format!("the upstream was not done in time with what step `{}` waits for", step.id);
        Err(Box::new(Failure::new(Problem::UpstreamTimeout, detail).at_step(&step.id)))
    }

    /// Reports that a [`Action::Send`] got no answer.
    pub fn not_answered(&mut self, why: NoAnswer, now: Now) {
        match &self.state {
            State::TakingBack(_) => self.state = State::Ready,
            State::Sent(request) => {
                let creates = creates(&request.method);
                if let Some(step) = self.current_step() {
                    self.judge_silence(&step, why, creates, now);
                }
            }
            _ => {}
        }
    }

    fn judge_silence(&mut self, step: &Step, why: NoAnswer, creates: bool, now: Now) {
        let nothing_sent = matches!(why, NoAnswer::Unreachable(_) | NoAnswer::StaleConnection);
        let was_sent = matches!(why, NoAnswer::Broken(_) | NoAnswer::Timeout | NoAnswer::Misbehaved(_));
        let retry = retry_reason(&why);
        let mut failure = trouble::no_answer(why, &format!("target `{}`", step.request.target.name)).at_step(&step.id);
        if creates && was_sent {
            // An object whose creating answer was lost may exist.
            failure.committed = Committed::Unknown;
        }
        if nothing_sent && self.attempts.dial_again() {
            return self.pause_for(Duration::ZERO, retry, now);
        }
        let bad = Bad { failure, retry, retry_after: None, nothing_done: nothing_sent };
        let retryable = self.is_retryable(step);
        self.again_or_fail(bad, retryable, now);
    }

    fn is_retryable(&self, step: &Step) -> bool {
        step.retry == RetryClass::Idempotent
    }

    fn again_or_fail(&mut self, bad: Bad, retryable: bool, now: Now) {
        let pause = match bad.retry {
            Some(_) if retryable => self.attempts.next_pause(&self.seed, &self.step_id(), bad.retry_after),
            _ => None,
        };
        match pause {
            Some(pause) => self.pause_for(pause, bad.retry, now),
            None => self.fail(Box::new(bad.failure)),
        }
    }

    fn pause_for(&mut self, pause: Duration, retry: Option<RetryReason>, now: Now) {
        self.state = State::Waiting { until: now.monotonic.saturating_add(pause), retry };
    }

    /// Whether what the transfer uses is still fresh; if not, call [`Run::next`] again, which re-runs the step that gave it.
    pub fn is_fresh(&mut self, now: Now) -> bool {
        let fresh = self.stale_step(now).is_none();
        if !fresh && matches!(self.state, State::Transferring(_)) {
            self.state = State::Ready;
        }
        fresh
    }

    /// Reports the end of the transfer.
    pub fn transferred(&mut self, transferred: Transferred, now: Now) {
        let (State::Transferring(_), Some(step)) = (&self.state, self.current_step()) else { return };
        if let Some(file) = &mut self.facts.file {
            file.size = Some(transferred.file_len);
            file.digests = Some(transferred.digests);
        }
        let answer = AnswerFacts::new(transferred.answer);
        let seen = self.facts.with_current(&step.id, &answer);
        if let Err(bad) = judge::judge(&step, &seen, &answer, now.wall) {
            self.keep_suspected_undo(&step, &seen, &answer, now);
            // The whole file was there: only a refusal says that it was not kept.
            let refused = bad.nothing_done || (400..500).contains(&answer.answer().status);
            self.committed = if refused { Committed::No } else { Committed::Unknown };
            return self.fail(Box::new(bad.failure));
        }
        self.committed = Committed::Yes;
        match self.accept_answer(&step, &seen, answer, now) {
            Ok(()) => self.move_on(),
            Err(failure) => self.fail(failure),
        }
    }

    /// Reports that the transfer failed. [`Run::next`] then gives a fresh [`Action::Transfer`] where the contract allows one, else [`Action::Fail`].
    pub fn not_transferred(&mut self, trouble: TransferTrouble, stage: TransferStage, now: Now) {
        let (State::Transferring(_), Some(step)) = (&self.state, self.current_step()) else { return };
        if stage == TransferStage::Released {
            self.committed = Committed::Unknown;
        }
        match trouble {
            TransferTrouble::Upstream(why) => {
                let retry = retry_reason(&why);
                let replayable = matches!(stage, TransferStage::NothingSent | TransferStage::Replayable);
                if replayable && retry.is_some() && self.attempts.dial_again() {
                    return self.pause_for(Duration::ZERO, retry, now);
                }
                let whom = format!("target `{}`", step.request.target.name);
                self.fail(Box::new(trouble::no_answer(why, &whom).at_step(&step.id)));
            }
            TransferTrouble::EarlyAnswer(answer) => self.early_answer(&step, answer, now),
            other => self.fail(Box::new(failure_of(other).at_step(&step.id))),
        }
    }

    /// A final answer before the body was finished is never a success.
    fn early_answer(&mut self, step: &Arc<Step>, answer: Answer, now: Now) {
        let answer = AnswerFacts::new(answer);
        let seen = self.facts.with_current(&step.id, &answer);
        let failure = match judge::judge(step, &seen, &answer, now.wall) {
            Err(bad) => bad.failure,
            Ok(()) => {
                let detail = format!("the upstream answered step `{}` before it had the whole file", step.id);
                Failure::new(Problem::UpstreamMisbehaved, detail).at_step(&step.id)
            }
        };
        if (200..300).contains(&answer.answer().status) {
            self.committed = Committed::Unknown;
        }
        self.fail(Box::new(failure));
    }

    /// Aborts from outside (client gone or drain between the stages); [`Run::next`] then gives [`Action::Fail`].
    pub fn abort(&mut self, trouble: TransferTrouble) {
        if matches!(self.state, State::Finished(_) | State::Failed(_)) {
            return;
        }
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
        let begun = std::mem::take(&mut self.undo);
        if matches!(self.state, State::Finished(_)) {
            return Vec::new();
        }
        let interrupted = self.taking_back.drain(..);
        interrupted.chain(begun.into_iter().rev().map(|(_, undo)| undo)).collect()
    }

    fn move_on(&mut self) {
        self.at += 1;
        self.attempts = Attempts::default();
        self.polling_since = None;
        self.state = State::Ready;
    }

    fn fail(&mut self, failure: Box<Failure>) {
        self.state = self.failed(failure);
    }

    fn failed(&self, mut failure: Box<Failure>) -> State {
        if self.committed != Committed::No {
            failure.committed = self.committed;
        }
        State::Failed(failure)
    }

    fn current_step(&self) -> Option<Arc<Step>> {
        self.route.steps.get(self.at).map(Arc::clone)
    }

    fn step_id(&self) -> Arc<str> {
        self.current_step().map_or_else(|| Arc::from(""), |step| Arc::clone(&step.id))
    }
}

/// Whether a request may leave something behind whose answer is lost.
fn creates(method: &http::Method) -> bool {
    !matches!(*method, http::Method::GET | http::Method::HEAD)
}

fn retry_reason(why: &NoAnswer) -> Option<RetryReason> {
    match why {
        NoAnswer::Unreachable(_) => Some(RetryReason::Unreachable),
        NoAnswer::StaleConnection | NoAnswer::Broken(_) => Some(RetryReason::Broken),
        NoAnswer::Timeout => Some(RetryReason::Timeout),
        NoAnswer::NotAllowed(_) | NoAnswer::Misbehaved(_) | NoAnswer::NoCredentials(_) => None,
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

fn usable_until(end: OffsetDateTime, wall: OffsetDateTime) -> OffsetDateTime {
    let life = Duration::try_from(end - wall).unwrap_or(Duration::ZERO);
    end - CLOCK_SKEW.min(life / 5)
}
