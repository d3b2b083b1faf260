//! What comes back: answers and their absence, judged and turned into the next state of the machine.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::facts::AnswerFacts;
use super::judge::{self, Bad};
use super::machine::{Run, State};
use super::request::Builder;
use super::retry::Attempts;
use super::unbuildable::evaluation;
use super::{
    Answer, Facts, NoAnswer, Now, RetryReason, TransferStage, TransferTrouble, Transferred, UndoRequest, failure_of,
    trouble,
};
use crate::config::{Poll, RetryClass, Step};
use crate::expr::Template;
use crate::failure::{Committed, Failure, Problem};
use crate::when;

/// How far the clocks of gateway and upstream may lie apart: the end of a URL is taken to be this much earlier, but never
/// by more than a fifth of its life, as some live for five seconds.
const CLOCK_SKEW: Duration = Duration::from_secs(30);

impl Run {
    /// Reports the answer to a [`Action::Send`](super::Action::Send).
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
        let holds = |condition: &Template| {
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

    /// Reports that a [`Action::Send`](super::Action::Send) got no answer.
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
        let was_sent =
            matches!(why, NoAnswer::Broken(_) | NoAnswer::Timeout | NoAnswer::NoMemory | NoAnswer::Misbehaved(_));
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

    /// Reports the end of the transfer.
    pub fn transferred(&mut self, transferred: Transferred, now: Now) {
        let (State::Transferring(_), Some(step)) = (&self.state, self.current_step()) else { return };
        if let Some(file) = self.facts.file.as_mut().map(Arc::make_mut) {
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

    /// Reports that the transfer failed. [`Run::next`] then gives a fresh [`Action::Transfer`](super::Action::Transfer) where the contract allows one, else [`Action::Fail`](super::Action::Fail).
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
}

/// Whether a request may leave something behind whose answer is lost.
pub(super) fn creates(method: &http::Method) -> bool {
    !matches!(*method, http::Method::GET | http::Method::HEAD)
}

fn retry_reason(why: &NoAnswer) -> Option<RetryReason> {
    match why {
        NoAnswer::Unreachable(_) => Some(RetryReason::Unreachable),
        NoAnswer::StaleConnection | NoAnswer::Broken(_) => Some(RetryReason::Broken),
        NoAnswer::Timeout => Some(RetryReason::Timeout),
        NoAnswer::NotAllowed(_) | NoAnswer::Misbehaved(_) | NoAnswer::NoMemory | NoAnswer::NoCredentials(_) => None,
    }
}

fn usable_until(end: OffsetDateTime, wall: OffsetDateTime) -> OffsetDateTime {
    let life = Duration::try_from(end - wall).unwrap_or(Duration::ZERO);
    end - CLOCK_SKEW.min(life / 5)
}
