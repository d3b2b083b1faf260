//! What expressions may name, and when it is known.
//!
//! A rule's facts have a time: request head, file size, first bytes, end of the file, the answer of step N. An expression has a
//! time too, and may use what is known by then. On the way, what the rule needs of clients is gathered.

use std::cell::RefCell;
use std::collections::BTreeSet;

use wire::digest::{Algorithm, DigestSet};

use super::variables::Variables;
use crate::diagnostics::{Problems, did_you_mean, listing};
use crate::expr::{Reference, Template};
use crate::run::algorithm;
use crate::source::{Node, Span};

/// When an expression is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    /// When the request's head is there.
    Head,
    /// When the request of step N is built.
    Request(usize),
    /// When step N was answered.
    Answer(usize),
    /// When step N is taken back.
    Undo(usize),
    /// With every request to a target.
    AnyRequest,
    /// When an upstream's error is read.
    ErrorAnswer,
    /// When all steps are done.
    Result,
}

/// The names that are no step.
pub(super) const ROOTS: [&str; 6] = ["file", "params", "path", "env", "upload", "client"];

/// The parts of an answer, and its bare names.
pub(super) const ANSWER_PARTS: [&str; 5] = ["status", "headers", "json", "xml", "text"];

const FILE_PARTS: [&str; 14] = [
    "name",
    "stem",
    "extension",
    "type",
    "detected_type",
    "size",
    "sha256",
    "sha512",
    "sha1",
    "md5",
    "crc32c",
    "crc64nvme",
    "base64",
    "base64url",
];

/// A step as other steps see it.
#[derive(Debug, Clone)]
pub(super) struct StepName {
    pub(super) id: String,
    /// The source of its condition, white space removed.
    pub(super) when: Option<String>,
    /// The parameters that its condition names.
    pub(super) guarded: Vec<Vec<String>>,
}

/// Everything that a rule's expressions can name.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Declared parameters, and whether each always has a value.
    pub(super) params: Vec<(String, bool)>,
    /// Captures of the path.
    pub(super) captures: Vec<String>,
    /// The steps in order.
    pub(super) steps: Vec<StepName>,
    /// The step whose body holds the file.
    pub(super) transfer: Option<usize>,
    /// Whether the route says `require: [digest]`.
    pub(super) requires_digest: bool,
    /// Whether the file's first bytes are looked at.
    pub(super) detects: bool,
    /// Whether clients show who they are.
    pub(super) knows_clients: bool,
    /// What was used so far.
    pub(super) used: RefCell<Used>,
}

impl Names {
    /// A transfer that may be skipped is reported as such; its answer counts as certain, so that the fault is told once.
    pub(super) fn with_certain_transfer(mut self) -> Self {
        if let Some(step) = self.transfer.and_then(|index| self.steps.get_mut(index)) {
            step.when = None;
        }
        self
    }
}

/// What a rule's expressions use.
#[derive(Debug, Default)]
pub(super) struct Used {
    /// Variables.
    pub(super) env: BTreeSet<String>,
    /// Parameters.
    pub(super) params: BTreeSet<String>,
    /// First segments of claims.
    pub(super) claims: BTreeSet<String>,
    /// Claims that must be there: paths below `client.claims`.
    pub(super) needed_claims: BTreeSet<Vec<String>>,
    /// Digests.
    pub(super) digests: DigestSet,
    /// Digests needed before the file was read, and the step that needs the first of them (none: a target).
    pub(super) early_digests: DigestSet,
    /// The step that needs a digest first.
    pub(super) early_digest_step: Option<String>,
    /// Who uses `file.size` before the transfer's end: the step, or none for a target's headers.
    pub(super) size: Option<Option<String>>,
    /// Which steps' answers each step's request uses.
    pub(super) answers: BTreeSet<(usize, String)>,
}

/// One expression's surroundings.
pub(super) struct Scope<'s> {
    pub(super) names: &'s Names,
    pub(super) time: Time,
    pub(super) variables: &'s Variables<'s>,
    /// The text of the file.
    pub(super) text: &'s str,
}

impl Scope<'_> {
    /// Checks every name of a template; `offset` is where it begins in the scalar's text.
    pub(super) fn check(&self, template: &Template, node: &Node, offset: usize, problems: &mut Problems) {
        for reference in template.references() {
            let span = node.locate(self.text, offset.saturating_add(reference.offset), reference.len);
            // One look at whether a value is there covers every use of it in the same scalar.
            let covered =
                template.references().iter().any(|other| other.defaulted && reference.path.starts_with(&other.path));
            self.reference(reference, covered, span, problems);
        }
    }

    fn reference(&self, reference: &Reference, covered: bool, span: Span, problems: &mut Problems) {
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["env", rest @ ..] => self.variable(rest, covered, span, problems),
            ["params" | "file", ..] if self.time == Time::Head => self.not_in_head(path[0], span, problems),
            ["params", rest @ ..] => self.param(rest, covered, span, problems),
            ["path", rest @ ..] => self.capture(rest, span, problems),
            ["file", rest @ ..] => self.file(rest, span, problems),
            ["upload", rest @ ..] => one_of("upload", rest, &["id", "idempotency_key", "time"], span, problems),
            ["client", rest @ ..] => self.client(rest, covered, span, problems),
            [] => {}
            [root, rest @ ..] => self.answer(root, rest, covered, span, problems),
        }
    }

    fn client(&self, rest: &[&str], covered: bool, span: Span, problems: &mut Problems) {
        match rest {
            ["claims", claim, below @ ..] => {
                let mut used = self.names.used.borrow_mut();
                used.claims.insert((*claim).to_owned());
                // The predicate is false without its claims; a step could not be sent.
                if !covered && self.time != Time::Head {
                    let below = below.iter().map(|part| (*part).to_owned());
                    used.needed_claims.insert(std::iter::once((*claim).to_owned()).chain(below).collect());
                }
            }
            ["claims"] => {
                problems
                    .error(span, "`client.claims` is no value by itself")
                    .hint("say which claim, such as `client.claims.tenant`");
                return;
            }
            _ => one_of("client", rest, &["subject", "provider", "claims"], span, problems),
        }
        self.not_in_errors("client", span, problems);
        if !self.names.knows_clients && !covered {
            problems
                .error(span, format!("`client.{}` is not known: this route asks nobody who they are", rest.join(".")))
                .hint("name who may use the route, such as `access: [teams]`, or add `| default(…)`");
        }
    }

    fn not_in_head(&self, root: &str, span: Span, problems: &mut Problems) {
        problems
            .error(span, format!("`{root}` is not known when access is decided"))
            .hint("that is when the request's head is there: `client`, `path` and `env` are known then");
    }

    fn variable(&self, rest: &[&str], covered: bool, span: Span, problems: &mut Problems) {
        let [name] = rest else {
            problems.error(span, "`env` wants the name of one variable").hint("write `env.NAME`");
            return;
        };
        self.names.used.borrow_mut().env.insert((*name).to_owned());
        if covered {
            self.variables.note(name);
        } else {
            self.variables.demand(name, span, false, problems);
        }
    }

    fn param(&self, rest: &[&str], covered: bool, span: Span, problems: &mut Problems) {
        let [name, ..] = rest else {
            problems.error(span, "`params` wants the name of a parameter").hint("write `params.NAME`");
            return;
        };
        self.names.used.borrow_mut().params.insert((*name).to_owned());
        let declared = || self.names.params.iter().map(|(name, _)| name.as_str());
        let Some((_, always)) = self.names.params.iter().find(|(param, _)| param == name) else {
            let hint = did_you_mean(name, declared());
            let hint = hint.unwrap_or_else(|| format!("declare it: `params: {{ {name}: {{ … }} }}`"));
            problems
                .error(span, format!("there is no parameter `{name}`"))
                .label("not declared in `params`")
                .hint(hint);
            return;
        };
        let guarded = || {
            self.step()
                .is_some_and(|step| step.guarded.iter().any(|path| path.get(1).is_some_and(|guard| guard == name)))
        };
        if !always && !covered && !guarded() {
            let message = format!("`params.{name}` may be missing");
            let hint = format!(
                "write `params.{name} | default(omit)` to leave its place out then, or `| default(\"…\")`, or give the parameter a `default`"
            );
            problems.error(span, message).label("it is not required and has no default").hint(hint);
        }
    }

    fn capture(&self, rest: &[&str], span: Span, problems: &mut Problems) {
        let names: Vec<&str> = self.names.captures.iter().map(String::as_str).collect();
        match rest {
            [name] if names.contains(name) => {}
            [name, ..] => {
                let hint = did_you_mean(name, names.iter().copied());
                let hint = hint.unwrap_or_else(|| format!("add a segment `{{{name}}}` to the route's `path`"));
                problems.error(span, format!("the route's path captures no `{name}`")).hint(hint);
            }
            [] => {
                problems.error(span, "`path` wants the name of a capture").hint("write `path.NAME`");
            }
        }
    }

    fn file(&self, rest: &[&str], span: Span, problems: &mut Problems) {
        match rest {
            ["size"] => self.size(span, problems),
            ["detected_type"] if !self.names.detects => {
                problems
                    .error(
                        span,
                        "`file.detected_type` is not known: this route does not look at the file's first bytes",
                    )
                    .hint("set `accept.types.detect` to `must-match` or `prefer-detected`, or use `file.type`");
            }
            ["name" | "stem" | "extension" | "type" | "detected_type"] => self.not_in_errors("file", span, problems),
            [name, form @ ..] if algorithm(name).is_some() => self.digest(name, form, span, problems),
            _ => one_of("file", rest, &FILE_PARTS, span, problems),
        }
    }

    fn size(&self, span: Span, problems: &mut Problems) {
        self.not_in_errors("file", span, problems);
        if self.before_end_of_file() {
            let step = self.step().map(|step| step.id.clone());
            self.names.used.borrow_mut().size.get_or_insert(step);
        }
    }

    fn digest(&self, name: &str, form: &[&str], span: Span, problems: &mut Problems) {
        let Some(algorithm) = algorithm(name) else { return };
        if !matches!(form, ["hex" | "base64"]) {
            let hint = format!("write `file.{name}.hex` or `file.{name}.base64`");
            problems.error(span, format!("`file.{name}` is a digest, which can be written in two ways")).hint(hint);
            return;
        }
        self.names.used.borrow_mut().digests.insert(algorithm);
        if self.before_end_of_file() {
            self.early_digest(name, algorithm, span, problems);
        }
    }

    fn early_digest(&self, name: &str, algorithm: Algorithm, span: Span, problems: &mut Problems) {
        // What RFC 9530 and RFC 1864 let clients send.
        let clients_send = matches!(algorithm, Algorithm::Sha256 | Algorithm::Sha512 | Algorithm::Md5);
        if self.names.requires_digest && clients_send {
            let mut used = self.names.used.borrow_mut();
            used.early_digests.insert(algorithm);
            if used.early_digest_step.is_none() {
                used.early_digest_step = self.step().map(|step| step.id.clone());
            }
            return;
        }
        let hint = if clients_send {
            "use it in a step after the transfer, or let clients bring it: `require: [digest]`"
        } else {
            "use it in a step after the transfer; clients cannot announce this one"
        };
        problems.error(span, format!("`file.{name}` is not known before the file was read")).hint(hint);
    }

    fn answer(&self, root: &str, rest: &[&str], covered: bool, span: Span, problems: &mut Problems) {
        let own = matches!(self.time, Time::Answer(_) | Time::Undo(_) | Time::ErrorAnswer);
        if ANSWER_PARTS.contains(&root) {
            if !own {
                self.bare_name_too_early(root, span, problems);
            }
            return;
        }
        let Some(index) = self.names.steps.iter().position(|step| step.id == root) else {
            return self.unknown_root(root, own, span, problems);
        };
        if self.time == Time::ErrorAnswer {
            problems
                .error(span, "a step's answer is not known here")
                .hint("`status`, `headers`, `json`, `xml` and `text` are those of the failing answer");
            return;
        }
        match rest {
            [part, ..] if ANSWER_PARTS.contains(part) => self.answer_in_time(index, covered, span, problems),
            _ => one_of(root, rest, &ANSWER_PARTS, span, problems),
        }
    }

    fn answer_in_time(&self, index: usize, covered: bool, span: Span, problems: &mut Problems) {
        let Some(step) = self.names.steps.get(index) else { return };
        if let Time::Request(user) = self.time {
            self.names.used.borrow_mut().answers.insert((user, step.id.clone()));
        }
        let known_from = match self.time {
            Time::Request(here) => index < here,
            Time::Answer(here) | Time::Undo(here) => index <= here,
            Time::Result => true,
            Time::Head | Time::AnyRequest | Time::ErrorAnswer => false,
        };
        if !known_from {
            let (message, hint) = self.too_early(index, &step.id);
            problems.error(span, message).hint(hint);
            return;
        }
        let own = matches!(self.time, Time::Answer(here) | Time::Undo(here) if here == index);
        let same_condition = || self.step().is_some_and(|user| user.when == step.when);
        if step.when.is_some() && !own && !covered && !same_condition() {
            let message = format!("step `{}` may be skipped, and then it has no answer", step.id);
            problems.error(span, message).hint("add `| default(…)`, or give this step the same `when`");
        }
    }

    fn too_early(&self, index: usize, id: &str) -> (String, &'static str) {
        match self.time {
            Time::Request(here) if here == index => (
                format!("step `{id}` uses its own answer before it has one"),
                "name an earlier step, or move this to `check`, `until` or `expect.that`",
            ),
            Time::Head => (
                format!("the answer of `{id}` is not known when access is decided"),
                "no step has run by then: `client`, `path` and `env` are known",
            ),
            Time::AnyRequest => (
                format!("the answer of `{id}` is not known to every request of this target"),
                "put this header into the steps that need it",
            ),
            _ => (
                format!("step `{id}` runs later, so its answer is not known here"),
                "move that step before this one, or name an earlier step",
            ),
        }
    }

    fn bare_name_too_early(&self, root: &str, span: Span, problems: &mut Problems) {
        let step = self.names.steps.first().map_or("STEP", |step| step.id.as_str());
        let hint = format!("say whose: `{step}.{root}`");
        problems
            .error(span, format!("`{root}` alone means the answer of this very step, which is not there yet"))
            .hint(hint);
    }

    fn unknown_root(&self, root: &str, own: bool, span: Span, problems: &mut Problems) {
        let steps = self.names.steps.iter().map(|step| step.id.as_str());
        let parts = if own { ANSWER_PARTS.as_slice() } else { &[] };
        let known: Vec<&str> = steps.chain(ROOTS).chain(parts.iter().copied()).collect();
        let as_param =
            || self.names.params.iter().any(|(name, _)| name == root).then(|| format!("did you mean `params.{root}`?"));
        let hint = as_param().or_else(|| did_you_mean(root, known.iter().copied()));
        let hint = hint.unwrap_or_else(|| {
            format!("known here: {}; a text needs quotes", listing(known.iter().copied()).replace(" or ", " and "))
        });
        problems.error(span, format!("there is no `{root}` here")).label("neither a step nor a known name").hint(hint);
    }

    fn not_in_errors(&self, root: &str, span: Span, problems: &mut Problems) {
        if self.time == Time::ErrorAnswer {
            problems
                .error(span, format!("`{root}` is not known here"))
                .hint("`status`, `headers`, `json`, `xml` and `text` are those of the failing answer");
        }
    }

    fn before_end_of_file(&self) -> bool {
        let Some(transfer) = self.names.transfer else { return false };
        match self.time {
            Time::Request(step) => step <= transfer,
            // A transfer may be taken back although it never ended.
            Time::Answer(step) => step < transfer,
            Time::Undo(step) => step <= transfer,
            Time::Head | Time::AnyRequest => true,
            Time::ErrorAnswer | Time::Result => false,
        }
    }

    fn step(&self) -> Option<&StepName> {
        match self.time {
            Time::Request(index) | Time::Answer(index) | Time::Undo(index) => self.names.steps.get(index),
            Time::Head | Time::AnyRequest | Time::ErrorAnswer | Time::Result => None,
        }
    }
}

/// Reports a second segment that is not there.
fn one_of(root: &str, rest: &[&str], known: &[&str], span: Span, problems: &mut Problems) {
    match rest {
        [name] if known.contains(name) => {}
        [name, ..] => {
            let all = listing(known.iter().copied()).replace(" or ", " and ");
            let hint = did_you_mean(name, known.iter().copied()).unwrap_or_else(|| format!("it has {all}"));
            problems.error(span, format!("`{root}` has no `{name}`")).hint(hint);
        }
        [] => {
            let first = known.first().unwrap_or(&"…");
            problems
                .error(span, format!("`{root}` is no value by itself"))
                .hint(format!("say what of it, such as `{root}.{first}`"));
        }
    }
}
