//! What an answer means: success, a failure with somebody to blame, or a reason to ask again.

use std::time::Duration;

use time::OffsetDateTime;

use super::errors::ErrorTexts;
use super::facts::AnswerFacts;
use super::unbuildable::evaluation;
use super::{Facts, RetryReason};
use crate::config::{FileRefusal, Step};
use crate::failure::{Blame, Failure, Problem, UpstreamError};
use crate::when;

/// An answer that is no success.
#[derive(Debug)]
pub(super) struct Bad {
    pub(super) failure: Failure,
    /// Whether asking again may help, and why.
    pub(super) retry: Option<RetryReason>,
    /// What its `Retry-After` says.
    pub(super) retry_after: Option<Duration>,
    /// Whether the upstream said that it did nothing, so that asking again does no harm.
    pub(super) nothing_done: bool,
}

/// Statuses that speak of the file wherever they come from.
const FILE_STATUSES: [u16; 3] = [413, 415, 422];

/// Codes of S3 that speak of the file.
const FILE_CODES: [&str; 2] = ["EntityTooLarge", "EntityTooSmall"];

/// Judges an answer by `expect`. `facts` see it under the bare names.
pub(super) fn judge(step: &Step, facts: &Facts, answer: &AnswerFacts, wall: OffsetDateTime) -> Result<(), Box<Bad>> {
    let status = answer.answer().status;
    let expected = step.expect.statuses.iter().any(|(low, high)| (*low..=*high).contains(&status));
    // A predicate that cannot be evaluated is false: the body may be an HTML page.
    let holds = || step.expect.that.as_ref().is_none_or(|that| that.eval_bool(facts).unwrap_or(false));
    if expected && holds() {
        return Ok(());
    }
    let texts = ErrorTexts::extract(&step.request.target.errors, facts);
    let mut bad = classify(step, status, expected, &texts);
    if bad.failure.problem == Problem::UpstreamBusy {
        bad.retry_after = retry_after(answer, wall);
        bad.failure.retry_after = bad.retry_after.or(bad.failure.retry_after);
    }
    // Without the header a 503 may come from a proxy in front of a service that did its work.
    bad.nothing_done = status == 429 || (status == 503 && bad.retry_after.is_some());
    bad.failure.step = Some(step.id.to_string());
    bad.failure.violations = texts.violations;
    bad.failure.upstream = Some(UpstreamError { status, code: texts.code, message: texts.message });
    Err(Box::new(bad))
}

fn classify(step: &Step, status: u16, expected: bool, texts: &ErrorTexts) -> Bad {
    let id = &step.id;
    let code = texts.code.as_deref();
    let bad = |problem, detail: String, retry| Bad {
        failure: Failure::new(problem, detail),
        retry,
        retry_after: None,
        nothing_done: false,
    };
    if refuses_file(&step.request.target.errors.refuses_file, status, code) {
        let detail = match &texts.message {
            Some(message) => format!("the upstream refused the file: {message}"),
            None => format!("the upstream refused the file with status {status}"),
        };
        return bad(Problem::UpstreamRefusedFile, detail, None);
    }
    match status {
        _ if expected && texts.says_something() => bad(
            Problem::UpstreamRefused,
            format!("the upstream refused step `{id}` inside an answer of status {status}"),
            None,
        ),
        401 | 403 => {
            let detail = format!("the upstream refused the gateway's credentials or permissions for step `{id}`");
            let bad = bad(Problem::UpstreamRefused, detail, None);
            Bad { failure: bad.failure.blaming(Blame::Gateway), ..bad }
        }
        429 | 503 => bad(
            Problem::UpstreamBusy,
            format!("the upstream is busy: step `{id}` got status {status}"),
            Some(RetryReason::Busy),
        ),
        400..=499 => {
            bad(Problem::UpstreamRefused, format!("the upstream refused step `{id}` with status {status}"), None)
        }
        500..=599 => bad(
            Problem::UpstreamFailed,
            format!("the upstream failed in step `{id}` with status {status}"),
            Some(RetryReason::Failed),
        ),
        300..=399 => {
            let detail = format!("the upstream redirected step `{id}` (status {status}); redirects are not followed");
            bad(Problem::UpstreamMisbehaved, detail, None)
        }
        _ => bad(
            Problem::UpstreamMisbehaved,
            format!("the upstream answered step `{id}` unexpectedly with status {status}"),
            None,
        ),
    }
}

fn refuses_file(rules: &[FileRefusal], status: u16, code: Option<&str>) -> bool {
    let fits = |rule: &FileRefusal| {
        let of_status = rule.status.is_none_or(|expected| expected == status);
        let of_code = rule.codes.is_empty() || code.is_some_and(|code| rule.codes.iter().any(|known| known == code));
        of_status && of_code
    };
    FILE_STATUSES.contains(&status) || code.is_some_and(|code| FILE_CODES.contains(&code)) || rules.iter().any(fits)
}

/// RFC 9110, 10.2.3: seconds or a date.
pub(super) fn retry_after(answer: &AnswerFacts, wall: OffsetDateTime) -> Option<Duration> {
    let text = answer.header("retry-after")?;
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = when::parse_text(&text)? - wall;
    Some(until.try_into().unwrap_or(Duration::ZERO))
}

/// Evaluates the step's assertions on a good answer.
pub(super) fn check(step: &Step, facts: &Facts) -> Result<(), Box<Failure>> {
    for assertion in &step.check {
        let holds = assertion.eval_bool(facts);
        let holds = holds.map_err(|error| Box::new(evaluation(error.within(&step.id), &step.id)))?;
        if !holds {
            let detail =
                format!("the answer of step `{}` contradicts what was sent: a check of the rule failed", step.id);
            return Err(Box::new(Failure::new(Problem::UpstreamMisbehaved, detail).at_step(&step.id)));
        }
    }
    Ok(())
}
