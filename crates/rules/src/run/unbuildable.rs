//! Why a request cannot be built, and whose fault that is.

use super::Facts;
use crate::expr::{EvalError, Expression, Piece, Template};
use crate::failure::{Blame, Failure, Problem, Violation};
use crate::policy::PolicyMismatch;

/// Why a request cannot be built.
#[derive(Debug)]
pub(super) enum Unbuildable {
    /// An expression failed.
    Expression(EvalError),
    /// What the caller said cannot stand in its place.
    Client {
        /// Such as `params.title`.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// What is known of the client cannot stand in its place.
    Credentials(String),
    /// A URL learned from an answer may not be used.
    NotAllowed(String),
    /// What an answer said contradicts itself or the request that it is for.
    Answer(String),
    /// The form does not fulfil the POST policy in it.
    Policy(PolicyMismatch),
    /// The rule cannot be carried out; `check` should have found it.
    Internal(String),
}

impl From<EvalError> for Unbuildable {
    fn from(error: EvalError) -> Self {
        match &error.misfit {
            Some(name) if error.answer_of.is_none() => {
                Self::Client { name: name.clone(), what: "has a character that its place cannot hold".to_owned() }
            }
            _ => Self::Expression(error),
        }
    }
}

impl Unbuildable {
    /// A value that cannot stand in its place: the fault of the answer that it hangs on, else of the caller's value, else of
    /// the rule.
    pub(super) fn misplaced(pieces: &[Piece], what: &str) -> Self {
        let expressions = || {
            pieces.iter().filter_map(|piece| match piece {
                Piece::Expression(expression) => Some(expression),
                Piece::Text(_) | Piece::Stream(_) => None,
            })
        };
        let answer_of = expressions().find_map(Expression::answer_of);
        let value = || expressions().find_map(|expression| expression.client_value().or_else(|| expression.of_file()));
        match answer_of {
            None => match value() {
                Some(name) => Self::Client { name, what: what.to_owned() },
                None if expressions().any(Expression::uses_client) => Self::Credentials(format!("a value {what}")),
                None => Self::Expression(EvalError::new(format!("a value {what}"), None)),
            },
            answer_of => Self::Expression(EvalError::new(format!("a value {what}"), answer_of)),
        }
    }

    /// A value of the wrong kind; the fault of the answer it hangs on, if any.
    pub(super) fn odd_template(template: &Template, facts: &Facts, what: &str) -> Self {
        let answer_of = template.pieces().iter().find_map(|piece| match piece {
            Piece::Expression(expression) => expression.answer_in(facts),
            Piece::Text(_) | Piece::Stream(_) => None,
        });
        Self::Expression(EvalError::new(what.to_owned(), answer_of))
    }

    /// The failure of the step that would have been sent.
    pub(super) fn into_failure(self, step: &str) -> Failure {
        let failure = match self {
            Self::Expression(error) => return evaluation(error.within(step), step),
            Self::Client { name, what } => {
                let violation = Violation { field: name.clone(), message: what.clone() };
                Failure::new(Problem::InvalidParameter, format!("`{name}` {what}")).with_violations(vec![violation])
            }
            Self::Credentials(cause) => unfit_credentials(format!("step `{step}`: {cause}")),
            Self::NotAllowed(cause) => {
                Failure::new(Problem::UpstreamNotAllowed, format!("the URL for step `{step}` is not allowed: {cause}"))
            }
            Self::Answer(what) => {
                Failure::new(Problem::UpstreamMisbehaved, format!("step `{step}` cannot be sent: {what}"))
            }
            Self::Policy(mismatch @ PolicyMismatch::Size { .. }) => {
                Failure::new(Problem::UpstreamRefusedFile, format!("step `{step}` would be refused: {mismatch}"))
            }
            Self::Policy(mismatch) => {
                Failure::new(Problem::UpstreamMisbehaved, format!("step `{step}` would be refused: {mismatch}"))
            }
            Self::Internal(cause) => Failure::internal(format!("step `{step}`: {cause}")),
        };
        failure.at_step(step)
    }
}

/// What is known of a client is of a kind that a step cannot use. Which claim that is, the log says.
pub(crate) fn unfit_credentials(cause: String) -> Failure {
    let detail = "these credentials say something of you that this route cannot use";
    Failure::new(Problem::Forbidden, detail).with_cause(cause)
}

/// A failed expression is the upstream's fault where it hangs on an answer, the client's where it hangs on an odd claim, else the
/// operator's.
pub(super) fn evaluation(error: EvalError, step: &str) -> Failure {
    match error.answer_of {
        Some(answer) => {
            let detail = format!("the answer of step `{answer}` lacks what step `{step}` needs: {}", error.message);
            Failure::new(Problem::UpstreamMisbehaved, detail).at_step(step)
        }
        None if error.claim.is_some() => unfit_credentials(format!("step `{step}`: {}", error.message)).at_step(step),
        None => Failure::internal(format!("step `{step}`: {}", error.message)).blaming(Blame::Gateway).at_step(step),
    }
}
