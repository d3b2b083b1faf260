//! Environment variables in the configuration: which are read, and expressions that are evaluated at load.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::Environment;
use crate::diagnostics::Problems;
use crate::expr::{Reference, Template, to_text};
use crate::run::Facts;
use crate::source::{Node, Scalar, Span, Style, Value};

use super::template;

/// What a variable that is not set means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// An error: the configuration is to be used here and now.
    Refused,
    /// A warning: the configuration is only looked at, as in a repository's checks.
    Tolerated,
    /// An error, unless it is a secret's, which is nothing to speak of: an example brings all the others.
    SecretsTolerated,
}

/// The environment, and a note of every variable that the configuration names.
#[derive(Debug)]
pub(super) struct Variables<'e> {
    pub(super) environment: &'e Environment,
    missing: Missing,
    facts: Facts,
    named: RefCell<BTreeSet<String>>,
}

impl<'e> Variables<'e> {
    pub(super) fn new(environment: &'e Environment, missing: Missing) -> Self {
        let facts = Facts::of_environment(Arc::new(environment.clone()));
        Self { environment, missing, facts, named: RefCell::default() }
    }

    /// Every variable that the configuration names, in alphabetical order.
    pub(super) fn into_named(self) -> Vec<String> {
        self.named.into_inner().into_iter().collect()
    }

    /// Notes a variable and reports it if it has no value. Says whether it has one.
    pub(super) fn demand(&self, name: &str, span: Span, secret: bool, problems: &mut Problems) -> bool {
        self.note(name);
        if self.environment.get(name).is_some() || (secret && self.missing == Missing::SecretsTolerated) {
            return true;
        }
        let what = if secret { "the secret in the environment variable" } else { "the environment variable" };
        let message = format!("{what} `{name}` is not set");
        let hint = if self.missing == Missing::SecretsTolerated {
            format!("set `{name}` in the example's `env`, or give a default: `env.{name} | default(\"…\")`")
        } else if secret {
            format!(
                "set `{name}` in the environment of tidegate, or remove this route from `routes` if you do not use it"
            )
        } else {
            format!("set `{name}` in the environment of tidegate, or give a default: `env.{name} | default(\"…\")`")
        };
        match self.missing {
            Missing::Refused | Missing::SecretsTolerated => problems.error(span, message),
            Missing::Tolerated => problems.warning(span, message),
        }
        .hint(hint);
        false
    }

    /// Whether the configuration names a variable, as far as it was read.
    pub(super) fn names(&self, name: &str) -> bool {
        self.named.borrow().contains(name)
    }

    /// Every variable that was named so far.
    pub(super) fn all_names(&self) -> BTreeSet<String> {
        self.named.borrow().clone()
    }

    /// Notes a variable that may be missing.
    pub(super) fn note(&self, name: &str) {
        self.named.borrow_mut().insert(name.to_owned());
    }

    /// Replaces a scalar by what its expressions give; they may use nothing but `env`.
    pub(super) fn resolve(&self, node: &mut Node, text: &str, problems: &mut Problems) {
        let value = self.value(node, text, problems);
        node.value = match value {
            Some(text) => Value::Scalar(Scalar { text, style: Style::Computed }),
            None => Value::Unusable,
        };
    }

    fn value(&self, node: &Node, text: &str, problems: &mut Problems) -> Option<String> {
        let template = template::compile(node, text, problems)?;
        let mut usable = true;
        for reference in template.references() {
            usable &= self.is_usable(node, reference, text, problems);
        }
        if !usable {
            return None;
        }
        match evaluate(&template, &self.facts) {
            Ok(value) => Some(value),
            Err(message) => {
                problems.error(node.span, message).hint("at load, an expression must give text or a number");
                None
            }
        }
    }

    fn is_usable(&self, node: &Node, reference: &Reference, text: &str, problems: &mut Problems) -> bool {
        let span = node.locate(text, reference.offset, reference.len);
        match reference.path.as_slice() {
            [root, name] if root == "env" && reference.defaulted => {
                self.note(name);
                true
            }
            [root, name] if root == "env" => self.demand(name, span, false, problems),
            _ => {
                let message = format!("`{}` is not known when the configuration is loaded", reference.path.join("."));
                problems
                    .error(span, message)
                    .hint("here an expression can use environment variables only: `${ env.NAME }`");
                false
            }
        }
    }
}

fn evaluate(template: &Template, facts: &Facts) -> Result<String, String> {
    let value = template.eval(facts).map_err(|error| error.message)?;
    let value = value.ok_or("`omit` has no meaning here")?;
    to_text(&value).map_err(|what| format!("this expression gives {what}"))
}
