//! `access` of a route: which providers it takes, and on what condition.

use std::net::SocketAddr;
use std::sync::Arc;

use super::access::{PUBLIC, Ways, unknown_provider};
use super::names::Time;
use super::rule::RuleCheck;
use crate::config::{Access, AccessRule, Provider, ProviderKind};
use crate::diagnostics::Problems;
use crate::expr::Condition;
use crate::source::{Node, Span, Value};

/// What a route says, before its expressions were read.
#[derive(Debug, Default)]
pub(super) enum Written {
    /// Nothing.
    #[default]
    Unsaid,
    /// `public`.
    Public,
    /// Providers that can be used; one that cannot is left out after it was reported.
    Providers(Vec<Arc<Provider>>),
}

/// Reads which providers a route takes.
pub(super) fn read(node: Option<&Node>, ways: &Ways, problems: &mut Problems) -> Written {
    let Some(node) = node else { return Written::Unsaid };
    if node.text() == Some(PUBLIC) {
        return Written::Public;
    }
    let list = node.get("any-of").unwrap_or(node);
    if matches!(list.value, Value::List(_)) && list.items().is_empty() {
        problems
            .error(list.span, "nobody may use this route")
            .hint("name at least one provider, or write `access: public` for anybody");
    }
    let mut usable: Vec<Arc<Provider>> = Vec::new();
    for item in list.one_or_more() {
        let Some(name) = item.text() else { continue };
        if let (Some(stand_in), false) = (&ways.stand_in, name == PUBLIC) {
            usable = vec![Arc::clone(stand_in)];
        } else if name == PUBLIC {
            problems
                .error(item.span, "`public` stands alone: it lets in anybody, whatever else is named")
                .hint("write `access: public`, or name providers");
        } else if let Some(provider) = ways.usable.iter().find(|provider| &*provider.name == name) {
            if matches!(provider.kind, ProviderKind::Mtls(_)) && !ways.asks_for_certificates {
                problems
                    .error(item.span, "no listener asks clients for certificates")
                    .hint("add `client-ca: { file: … }` to the `tls` of a listener");
            }
            if usable.iter().any(|other| other.name == provider.name) {
                problems.error(item.span, "this provider is named twice").hint("remove one of the two");
            }
            usable.push(Arc::clone(provider));
        } else if !ways.declared.iter().any(|declared| declared == name) {
            unknown_provider(problems, item.span, name, ways.declared.iter().map(String::as_str));
        }
    }
    Written::Providers(usable)
}

impl Written {
    /// Whether clients are known to the route.
    pub(super) fn knows_clients(&self) -> bool {
        matches!(self, Self::Providers(_))
    }
}

impl RuleCheck<'_> {
    /// Reads the condition of a route's access.
    pub(super) fn access_condition(&mut self, node: Option<&Node>) -> Option<Option<Condition>> {
        let Some(that) = node.and_then(|node| node.get("that")) else { return Some(None) };
        match Condition::new(self.condition(that, Time::Head)?) {
            Ok(condition) => Some(Some(condition)),
            Err(error) => {
                let problem = self.problems.error(that.span, error.message);
                if let Some(hint) = error.hint {
                    problem.hint(hint);
                }
                None
            }
        }
    }
}

/// Puts a route's access together, when all its expressions were read.
pub(super) fn finish(
    written: Written,
    that: Option<Condition>,
    needed_claims: Vec<Vec<String>>,
    used_claims: Vec<String>,
) -> Access {
    match written {
        Written::Unsaid => Access::Unsaid,
        Written::Public => Access::Public,
        Written::Providers(any_of) => {
            Access::Demanded(Arc::new(AccessRule { any_of, that, needed_claims, used_claims }))
        }
    }
}

/// A route that asks nobody who they are, at an address that strangers can reach, is an open relay into its upstream.
pub(super) fn refuse_open_relay(name: Span, address: SocketAddr, problems: &mut Problems) {
    problems
        .error(name, format!("anybody who reaches {address} could upload by this route: it has no `access`"))
        .label("a route without `access` is served on loopback listeners only")
        .hint(
            "say who may use it, such as `access: [teams]` with a provider of the main file's `access`, or `access: public` if \
             everybody may; or listen at a loopback address such as `127.0.0.1:8080`",
        );
}
