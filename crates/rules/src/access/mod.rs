//! Who may send what: the client as a fact, the predicate of a route, claims of tokens, and upload tickets. Without IO.
//!
//! Whether a key, a signature or a certificate is genuine is the gateway's business; what follows from that is decided here. An
//! attacker would try to have one credential count for what another may do, so each verdict names everything that it binds.

mod claims;
mod fit;
mod mint;
mod request;
mod ticket;

use std::sync::{Arc, LazyLock};

use minijinja::Value;
use serde_json::Map;
use wire::name::FileName;

use crate::admission::MediaType;
use crate::config::{AccessRule, Environment, TypePattern};
use crate::expr::from_json;
use crate::failure::{Failure, Problem};
use crate::run::too_large;

pub use claims::{ClaimsError, check as check_claims, end_of};
pub use fit::fits;
pub use mint::{Minter, mint, url_of};
pub use request::MintRequest;
pub use ticket::{MAX_TICKET_LEN, Ticket, TicketError, key_id, open, seal};

/// Who a client is. Of a route that asks nobody, everything is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Client {
    /// The provider that vouches for it.
    pub provider: Option<Arc<str>>,
    /// `client.subject`.
    pub subject: Option<Arc<str>>,
    /// `client.claims`.
    pub claims: Map<String, serde_json::Value>,
}

/// With what a request was let in: who sent it, and how far a ticket narrows it.
#[derive(Debug, Clone, Default)]
pub struct Pass {
    /// Who.
    pub client: Client,
    /// What its ticket allows; none: whatever the route allows.
    pub grant: Option<Grant>,
}

/// What a ticket allows, within what its route allows anyway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// Largest file in bytes.
    pub max_size: Option<u64>,
    /// If not empty, the file's type must match one.
    pub types: Vec<TypePattern>,
    /// The file's name.
    pub name: Option<FileName>,
    /// Parameters that are fixed.
    pub params: Vec<(String, String)>,
}

impl Client {
    /// Bytes that its subject and claims take about, for the memory budget.
    #[must_use]
    pub fn weight(&self) -> usize {
        let subject = self.subject.as_ref().map_or(0, |subject| subject.len());
        self.claims.iter().map(|(name, value)| name.len().saturating_add(weight(value))).sum::<usize>() + subject
    }

    /// The provider that vouches for it and its name there: what tells two clients apart.
    #[must_use]
    pub fn identity(&self) -> Option<(&str, &str)> {
        self.provider.as_deref().zip(self.subject.as_deref())
    }

    /// As expressions see it.
    pub(crate) fn facts(&self) -> Value {
        static NOBODY: LazyLock<Value> = LazyLock::new(|| Client::default().known_facts());
        if *self == Self::default() { NOBODY.clone() } else { self.known_facts() }
    }

    fn known_facts(&self) -> Value {
        let text = |value: &Option<Arc<str>>| value.as_deref().map_or(Value::UNDEFINED, Value::from);
        let claims = from_json(&without_nulls(&self.claims).into());
        let known = self.provider.is_some();
        Value::from_pairs([
            ("provider", text(&self.provider)),
            ("subject", text(&self.subject)),
            ("claims", if known { claims } else { Value::UNDEFINED }),
        ])
    }

    fn has(&self, claim: &[String]) -> bool {
        let Some((first, rest)) = claim.split_first() else { return true };
        let mut value = self.claims.get(first);
        for name in rest {
            // What is inside a list is not told apart by name: the list itself is what must be there.
            value = value.and_then(|value| if value.is_array() { Some(value) } else { value.get(name) });
        }
        value.is_some_and(|value| !value.is_null())
    }
}

/// A claim that is null says as little as one that is missing, and is treated as such: a `default(…)` takes its place.
fn without_nulls(members: &Map<String, serde_json::Value>) -> Map<String, serde_json::Value> {
    let kept = members.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| match value {
        serde_json::Value::Object(inner) => (name.clone(), without_nulls(inner).into()),
        value => (name.clone(), value.clone()),
    });
    kept.collect()
}

/// A node of JSON costs about as much as the pointer pair and tag that hold it, and its text.
fn weight(value: &serde_json::Value) -> usize {
    const NODE: usize = 64;
    let below = match value {
        serde_json::Value::String(text) => text.len(),
        serde_json::Value::Array(items) => items.iter().map(weight).sum(),
        serde_json::Value::Object(members) => members.iter().map(|(name, value)| name.len() + weight(value)).sum(),
        _ => 0,
    };
    below.saturating_add(NODE)
}

/// Whether a route lets a client in that has shown who it is. A predicate that cannot be evaluated does not hold.
///
/// # Errors
/// `forbidden`. The client is not told which of its claims would have to be another; the log is.
pub fn judge(
    rule: &AccessRule,
    client: &Client,
    captures: &[(String, String)],
    env: &Arc<Environment>,
) -> Result<(), Failure> {
    if let Some(claim) = rule.needed_claims.iter().find(|claim| !client.has(claim)) {
        let cause = format!("the client's credentials lack the claim `{}`", claim.join("."));
        return Err(forbidden("these credentials lack what this route needs to know of a client").with_cause(cause));
    }
    let Some(that) = &rule.that else { return Ok(()) };
    let facts = client.known_with_head(captures, env);
    match that.holds(&facts) {
        Ok(true) => Ok(()),
        Ok(false) => Err(forbidden("these credentials do not allow this").with_cause("`access.that` does not hold")),
        Err(error) => Err(forbidden("these credentials do not allow this").with_cause(error.message)),
    }
}

fn forbidden(detail: impl Into<String>) -> Failure {
    Failure::new(Problem::Forbidden, detail)
}

impl Grant {
    /// The file's name: the ticket's where the client gave none.
    ///
    /// # Errors
    /// `forbidden` for another name than the ticket's.
    pub(crate) fn name(&self, given: Option<FileName>) -> Result<Option<FileName>, Failure> {
        match (&self.name, given) {
            (None, given) => Ok(given),
            (Some(bound), None) => Ok(Some(bound.clone())),
            (Some(bound), Some(given)) if *bound == given => Ok(Some(given)),
            (Some(_), Some(_)) => Err(forbidden("this ticket is for a file of another name")),
        }
    }

    /// The client's parameters with the fixed ones among them.
    ///
    /// # Errors
    /// `forbidden` for a parameter that the ticket fixes to another value.
    pub(crate) fn params(&self, given: &[(String, String)]) -> Result<Vec<(String, String)>, Failure> {
        let mut all = given.to_vec();
        for (name, fixed) in &self.params {
            let mut same = given.iter().filter(|(given, _)| given == name).map(|(_, value)| value).peekable();
            if same.peek().is_none() {
                all.push((name.clone(), fixed.clone()));
            } else if same.any(|value| value != fixed) {
                return Err(forbidden(format!("this ticket fixes the parameter `{name}` to another value")));
            }
        }
        Ok(all)
    }

    /// # Errors
    /// `forbidden` for a type that the ticket is not for.
    pub(crate) fn check_type(&self, media_type: &MediaType) -> Result<(), Failure> {
        if self.types.is_empty() || self.types.iter().any(|pattern| media_type.matches(pattern)) {
            return Ok(());
        }
        Err(forbidden("this ticket is for files of another type"))
    }

    /// # Errors
    /// `file-too-large` for an announced size beyond the ticket's.
    pub(crate) fn check_size(&self, announced: Option<u64>) -> Result<(), Failure> {
        match (self.max_size, announced) {
            (Some(max), Some(size)) if size > max => Err(too_large(max)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod condition_tests;
#[cfg(test)]
mod tests;
