//! `steps`: each one HTTP request.

use std::sync::Arc;
use std::time::Duration;

use super::body::file_place;
use super::fields::Fields;
use super::names::Time;
use super::rule::RuleCheck;
use super::tree::Streams;
use crate::config::{Body, Expect, HeaderItem, Poll, RequestRule, RetryClass, Step, Target, Tree, Undo};
use crate::diagnostics::Problems;
use crate::expr::Template;
use crate::schema::table::step::STEP;
use crate::schema::values::{parse_duration, parse_statuses};
use crate::source::{Node, Span};

/// Between two requests of a poll, where the rule says nothing: fast enough for scans that take seconds, and polite.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// How long to poll, where the rule says nothing: what a client waits without giving up.
const POLL_WITHIN: Duration = Duration::from_secs(30);

/// What `expect` means where a rule says nothing.
const SUCCESS: (u16, u16) = (200, 299);

/// What an undo takes for done: success, or nothing there any more.
const UNDONE: [(u16, u16); 2] = [SUCCESS, (404, 404)];

/// Keys that mean something only beside `until`.
const POLL_KEYS: [&str; 5] = ["fail-when", "fail-as", "every", "within", "otherwise"];

/// The targets of a rule: those that can be used, and the names of all.
pub(super) struct Targets {
    pub(super) usable: Vec<Arc<Target>>,
    pub(super) declared: Vec<String>,
}

/// The step whose body holds the file. None and more than one are reported.
pub(super) fn find_transfer(steps: Option<&Node>, root: &Node, problems: &mut Problems) -> Option<usize> {
    let items = steps.map(Node::items).unwrap_or_default();
    let places: Vec<(usize, Span)> =
        items.iter().enumerate().filter_map(|(index, step)| Some((index, file_place(step)?))).collect();
    match places.as_slice() {
        [] => {
            if let Some(steps) = steps.filter(|steps| !matches!(steps.value, crate::source::Value::Unusable)) {
                let place = root.entry("steps").map_or(steps.span, |entry| entry.key_span);
                let form = items.iter().any(|step| step.get("form").is_some());
                let hint = if form {
                    "add the part that holds the file to the form: `- file: file`"
                } else {
                    "send it in one step: `body: file`, a form with `- file: file`, or `json:` with `${ file.base64 }`"
                };
                problems.error(place, "no step sends the file").hint(hint);
            }
            None
        }
        [(index, _)] => Some(*index),
        [(index, first), rest @ ..] => {
            for (_, second) in rest {
                problems
                    .error(*second, "a second step sends the file")
                    .label("here again")
                    .related(*first, "first sent here")
                    .hint("the file is read once, while it streams: exactly one step can send it; use two routes for two places");
            }
            Some(*index)
        }
    }
}

impl RuleCheck<'_> {
    /// Reads one step; `None` after problems.
    pub(super) fn step(&mut self, index: usize, node: &Node, targets: &Targets) -> Option<Step> {
        let fields = Fields::new(Some(node), &STEP);
        let asked = Time::Request(index);
        let target = self.target_named(fields.get("target"), &targets.usable, &targets.declared);
        let body = self.body(node, asked, true);
        let when = self.when(index, fields.get("when"));
        let request = self.request(node, target, body.clone().unwrap_or(Body::None), asked);
        let expect = self.expect(index, fields.get("expect"));
        let poll = self.poll(index, &fields, node);
        let expires = self.expires(index, node);
        let undo = fields.get("undo").map(|undo| self.undo(index, undo, target, targets));
        let check = self.checks(index, fields.get("check"));
        let retry = self.retry(index, &fields, request.as_ref());
        body?;
        Some(Step {
            id: fields.text("id")?.as_str().into(),
            retry: retry?,
            request: request?,
            expect: expect?,
            when: when?,
            poll: poll?,
            expires: expires?,
            undo: undo.map_or(Some(None), |undo| undo.map(Some))?,
            check: check?,
            timeout: fields.read_optional("timeout", parse_duration)?,
        })
    }

    fn is_transfer(&self, index: usize) -> bool {
        self.names.transfer == Some(index)
    }

    fn when(&mut self, index: usize, node: Option<&Node>) -> Option<Option<Template>> {
        let Some(node) = node else { return Some(None) };
        let condition = self.condition(node, Time::Request(index))?;
        if self.is_transfer(index) {
            self.problems
                .error(node.span, "the step that sends the file cannot be skipped")
                .hint("remove `when`; use two routes if the file goes to one of two places");
        }
        let constant = node.text().map(|text| text.chars().filter(|c| !c.is_whitespace()).collect::<String>());
        if matches!(constant.as_deref(), Some("false" | "${false}")) {
            self.problems
                .error(node.span, "this step never runs")
                .hint("remove the step, or write a condition such as `${ params.wait }`");
        }
        Some(Some(condition))
    }

    fn expect(&mut self, index: usize, node: Option<&Node>) -> Option<Expect> {
        let Some(node) = node else { return Some(Expect { statuses: vec![SUCCESS], that: None }) };
        let is_map = !node.entries().is_empty();
        let statuses = if is_map { node.get("status") } else { Some(node) };
        let that = match node.get("that") {
            Some(that) => Some(self.condition(that, Time::Answer(index))?),
            None => None,
        };
        Some(Expect { statuses: self.statuses(statuses, &[SUCCESS])?, that })
    }

    fn statuses(&mut self, node: Option<&Node>, otherwise: &[(u16, u16)]) -> Option<Vec<(u16, u16)>> {
        let Some(node) = node else { return Some(otherwise.to_vec()) };
        if node.one_or_more().is_empty() {
            self.problems
                .error(node.span, "no status is expected, so every answer would be a failure")
                .hint("list the statuses of success, such as `[200, 201]`");
            return None;
        }
        node.one_or_more().iter().map(|status| parse_statuses(status.text()?).ok()).collect()
    }

    fn poll(&mut self, index: usize, fields: &Fields<'_>, node: &Node) -> Option<Option<Poll>> {
        let Some(until) = fields.get("until") else {
            for entry in POLL_KEYS.iter().filter_map(|key| node.entry(key)) {
                let message = format!("`{}` means nothing without `until`", entry.key);
                self.problems
                    .error(entry.key_span, message)
                    .hint("add `until: ${ … }`, the condition on which polling ends");
            }
            return Some(None);
        };
        self.poll_makes_sense(index, until, fields);
        let condition = self.condition(until, Time::Answer(index));
        let fail_when = match fields.get("fail-when") {
            Some(node) => self.condition(node, Time::Answer(index)).map(Some),
            None => Some(None),
        };
        if let (None, Some(entry)) = (fields.get("fail-when"), node.entry("fail-as")) {
            self.problems
                .error(entry.key_span, "`fail-as` means nothing without `fail-when`")
                .hint("add `fail-when: ${ … }`, or remove it");
        }
        let every = fields.read_optional("every", parse_duration)?.unwrap_or(POLL_EVERY);
        let within = fields.read_optional("within", parse_duration)?.unwrap_or(POLL_WITHIN);
        if let (true, Some(place)) = (every > within, fields.get("every").or(fields.get("within"))) {
            self.problems
                .error(place.span, "`every` is longer than `within`, so it would ask only once")
                .hint("wait less between requests, or go on for longer");
        }
        Some(Some(Poll {
            until: condition?,
            fail_when: fail_when?,
            fail_refuses_file: fields.is("fail-as", "refuses-file"),
            every,
            within,
            otherwise_processing: fields.is("otherwise", "processing"),
        }))
    }

    fn poll_makes_sense(&mut self, index: usize, until: &Node, fields: &Fields<'_>) {
        if self.is_transfer(index) {
            self.problems
                .error(until.span, "the step that sends the file cannot be repeated")
                .hint("poll in a step after it");
        }
        let early = self.names.transfer.is_some_and(|transfer| index < transfer);
        if let (true, Some(node)) = (early, fields.get("otherwise")) {
            self.problems
                .error(node.span, "an upload cannot be `processing` before its file was sent")
                .hint("move this step behind the transfer, or remove `otherwise`");
        }
    }

    fn expires(&mut self, index: usize, node: &Node) -> Option<Option<Template>> {
        let Some(expires) = node.get("expires") else { return Some(None) };
        let template = self.template(expires, Time::Answer(index))?;
        let place = node.entry("expires").map_or(expires.span, |entry| entry.key_span);
        if self.names.transfer.is_some_and(|transfer| index >= transfer) {
            self.problems
                .error(place, "`expires` belongs to a step before the transfer")
                .hint("nothing is sent to this answer's URL any more; remove it");
        }
        Some(Some(template))
    }

    fn checks(&mut self, index: usize, node: Option<&Node>) -> Option<Vec<Template>> {
        let nodes = node.map(Node::one_or_more).unwrap_or_default();
        let checks: Vec<_> = nodes.iter().map(|node| self.condition(node, Time::Answer(index))).collect();
        checks.into_iter().collect()
    }

    fn undo(&mut self, index: usize, node: &Node, own: Option<&Arc<Target>>, targets: &Targets) -> Option<Undo> {
        let target = match node.get("target") {
            Some(target) => self.target_named(Some(target), &targets.usable, &targets.declared),
            None => own,
        };
        let time = Time::Undo(index);
        let body = self.body(node, time, false);
        let request = self.request(node, target, body.clone().unwrap_or(Body::None), time);
        let statuses = self.statuses(node.get("expect"), &UNDONE);
        body?;
        let last = self.names.steps.len() == index.saturating_add(1);
        if last && !self.is_transfer(index) {
            self.problems.warning(node.span, "this undo never runs: no step follows that could fail").hint("remove it");
        }
        Some(Undo { request: request?, statuses: statuses? })
    }

    fn retry(&mut self, index: usize, fields: &Fields<'_>, request: Option<&RequestRule>) -> Option<RetryClass> {
        let written = fields.get("retry");
        if let (true, Some(node)) = (self.is_transfer(index) && fields.is("retry", "idempotent"), written) {
            self.problems
                .warning(node.span, "`retry` has no effect on the step that sends the file")
                .hint("a streamed file cannot be sent again; clients repeat the upload");
        }
        match written {
            Some(node) => {
                node.text().map(|text| if text == "idempotent" { RetryClass::Idempotent } else { RetryClass::Never })
            }
            None => request.map(default_retry),
        }
    }

    /// Reads the receipt's `result`.
    pub(super) fn result(&mut self, node: Option<&Node>) -> Option<Tree> {
        let Some(node) = node else { return Some(Tree::Map(Vec::new())) };
        self.tree(node, Time::Result, &mut Streams::default())
    }
}

/// What may be sent twice without a word from the rule.
fn default_retry(request: &RequestRule) -> RetryClass {
    let by_method =
        matches!(request.method, http::Method::GET | http::Method::HEAD | http::Method::PUT | http::Method::DELETE);
    if by_method || templates(request).any(carries_key) { RetryClass::Idempotent } else { RetryClass::Never }
}

fn carries_key(template: &Template) -> bool {
    template.references().iter().any(|reference| reference.path == ["upload", "idempotency_key"])
}

/// Every template of a request that could carry an idempotency key.
fn templates(request: &RequestRule) -> impl Iterator<Item = &Template> {
    let headers = request.headers.iter().filter_map(|item| match item {
        HeaderItem::Written(_, template) | HeaderItem::Learned(template) => Some(template),
        HeaderItem::Secret(..) => None,
    });
    let query = request.query.iter().map(|(_, template)| template);
    headers.chain(query).chain(body_templates(&request.body))
}

fn body_templates(body: &Body) -> Vec<&Template> {
    match body {
        Body::Json(tree) => leaves(tree),
        Body::Urlencoded(pairs) => pairs.iter().map(|(_, template)| template).collect(),
        Body::Text(template) => vec![template],
        Body::None | Body::File | Body::Form(_) => Vec::new(),
    }
}

fn leaves(tree: &Tree) -> Vec<&Template> {
    match tree {
        Tree::Constant(_) => Vec::new(),
        Tree::Leaf(template) => vec![template],
        Tree::List(items) => items.iter().flat_map(leaves).collect(),
        Tree::Map(entries) => entries.iter().flat_map(|(_, item)| leaves(item)).collect(),
    }
}
