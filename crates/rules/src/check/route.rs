//! A route's file → [`Route`].

use std::cell::RefCell;
use std::sync::Arc;

use wire::digest::{Algorithm, DigestSet};

use super::access::Ways;
use super::fields::Fields;
use super::names::{Names, Used};
use super::request::{check_ids, step_names};
use super::rule::RuleCheck;
use super::steps::{Targets, find_transfer};
use super::variables::Variables;
use super::{accept, cors, examples, fair_use, needs, params, path, route_access};
use crate::config::{Accept, Detect, FairUse, Param, PathPattern, Route, Step};
use crate::diagnostics::Problems;
use crate::schema::ROUTE;
use crate::schema::table::fair_use::ROUTE_LIMITS;
use crate::source::{Node, Span};

/// A route with what the checks across routes need of its file.
pub(super) struct CheckedRoute {
    pub(super) route: Route,
    pub(super) limits: fair_use::Said,
    pub(super) name_span: Span,
    pub(super) path_span: Span,
}

/// Reads a route's file; `None` after problems.
pub(super) fn read(
    root: &Node,
    text: &str,
    variables: &Variables<'_>,
    ways: &Ways,
    problems: &mut Problems,
) -> Option<CheckedRoute> {
    let file = Fields::new(Some(root), &ROUTE);
    let path = file.get("path").and_then(|node| path::read(node, text, problems));
    let params = params::read(file.get("params"), text, problems);
    let accept = accept::read(file.get("accept"), text, problems);
    let cors = cors::read(file.get("cors"), text, problems);
    let limits = fair_use::read(file.get("limits"), &ROUTE_LIMITS, problems);
    let largest = accept.as_ref().and_then(|accept| accept.size.max);
    fair_use::warn_small_quotas(file.get("limits"), largest, problems);
    let access = route_access::read(file.get("access"), ways, problems);
    if let (route_access::Written::Unsaid, Some(address)) = (&access, ways.open_address) {
        route_access::refuse_open_relay(file.get("route").map_or(root.span, |name| name.span), address, problems);
    }
    let transfer = find_transfer(file.get("steps"), root, problems);
    let names = names(&file, path.as_ref(), &params, accept.as_ref(), transfer, access.knows_clients());
    check_ids(file.get("steps"), problems);
    let permitted = ways.permitted.as_deref();
    let mut check = RuleCheck { text, names: &names, variables, problems, permitted };
    let that = check.access_condition(file.get("access"));
    let targets = check.targets(file.get("targets"));
    let targets = Targets { usable: targets, declared: file.get("targets").map(keys).unwrap_or_default() };
    let steps = check.steps(file.get("steps"), &targets);
    let result = check.result(file.get("result"));
    // Read for their problems alone: a gateway does not run them.
    examples::read(root, text, variables, problems);
    let digests = digests(&file, &names.used.borrow());
    if !problems.has_errors() {
        warn_unused(&file, &names, problems);
        needs::check_expiry(&file, &names, problems);
    }
    let (accept, steps) = (accept?, steps?);
    let transfer = names.transfer?;
    let needs = needs::derive(&names, &accept, &steps, transfer);
    let used = names.used.take();
    let needed_claims = used.needed_claims.iter().cloned().collect();
    let used_claims = used.claims.iter().cloned().collect();
    let route = Route {
        name: file.text("route")?.as_str().into(),
        path: path?,
        description: file.text("description"),
        access: route_access::finish(access, that?, needed_claims, used_claims),
        require_digest: names.requires_digest,
        digests,
        params,
        accept,
        cors: cors?,
        // The main file's defaults are not known here.
        limits: FairUse::default(),
        targets: targets.usable,
        steps,
        transfer,
        env: Arc::new(variables.environment.only(used.env.iter().map(String::as_str))),
        result: result?,
        needs,
    };
    let span = |key: &str| file.get(key).map(|node| node.span).unwrap_or_default();
    Some(CheckedRoute { route, limits: limits?, name_span: span("route"), path_span: span("path") })
}

/// Everything that the rule's expressions can name.
fn names(
    file: &Fields<'_>,
    path: Option<&PathPattern>,
    params: &[Param],
    accept: Option<&Accept>,
    transfer: Option<usize>,
    knows_clients: bool,
) -> Names {
    let names = Names {
        params: declared_params(file, params),
        captures: path.map(path::captures).unwrap_or_default(),
        steps: step_names(file.get("steps")),
        transfer,
        requires_digest: file.texts("require").iter().any(|word| word == "digest"),
        knows_clients,
        detects: accept.is_none_or(|accept| accept.types.detect != Detect::Ignore),
        used: RefCell::default(),
    };
    names.with_certain_transfer()
}

impl RuleCheck<'_> {
    fn steps(&mut self, node: Option<&Node>, targets: &Targets) -> Option<Vec<Arc<Step>>> {
        let items = node.map(Node::items).unwrap_or_default();
        let steps: Vec<_> = items.iter().enumerate().map(|(index, step)| self.step(index, step, targets)).collect();
        steps.into_iter().map(|step| step.map(Arc::new)).collect()
    }
}

/// Parameters with a fault of their own are still declared: a second complaint about their name would mislead.
fn declared_params(file: &Fields<'_>, params: &[Param]) -> Vec<(String, bool)> {
    let always = |name: &str| {
        params.iter().find(|param| param.name == name).is_none_or(|param| param.required || param.default.is_some())
    };
    file.get("params").map(keys).unwrap_or_default().into_iter().map(|name| (name.clone(), always(&name))).collect()
}

fn keys(node: &Node) -> Vec<String> {
    node.entries().iter().map(|entry| entry.key.clone()).collect()
}

fn digests(file: &Fields<'_>, used: &Used) -> DigestSet {
    let written = file.texts("digests").into_iter().filter_map(|name| Algorithm::from_name(&name));
    written.fold(used.digests.with(Algorithm::Crc64Nvme), DigestSet::with)
}

/// What was declared and then forgotten is often a slip in a name elsewhere.
fn warn_unused(file: &Fields<'_>, names: &Names, problems: &mut Problems) {
    let used = names.used.borrow();
    for entry in file.get("params").map(Node::entries).unwrap_or_default() {
        if !used.params.contains(&entry.key) {
            let message = format!("nothing uses parameter `{}`", entry.key);
            let hint = format!("send it on with `${{ params.{} }}`, or remove it", entry.key);
            problems.warning(entry.key_span, message).hint(hint);
        }
    }
    let steps = file.get("steps").map(Node::items).unwrap_or_default();
    let named = |target: &str| {
        let undo = |step: &Node| step.get("undo").and_then(|undo| undo.get("target")?.text()) == Some(target);
        steps.iter().any(|step| step.get("target").and_then(Node::text) == Some(target) || undo(step))
    };
    for entry in file.get("targets").map(Node::entries).unwrap_or_default() {
        if !named(&entry.key) {
            problems.warning(entry.key_span, format!("no step talks to target `{}`", entry.key)).hint("remove it");
        }
    }
}
