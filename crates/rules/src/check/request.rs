//! A request as a rule writes it: method, URL, target, headers, query.

use std::sync::Arc;

use super::names::{ROOTS, StepName, Time};
use super::rule::RuleCheck;
use super::targets::auth_header;
use super::template::compile_part;
use crate::config::{Body, RequestRule, Target, UrlRule};
use crate::diagnostics::{did_you_mean, listing};
use crate::expr::{Piece, Template};
use crate::source::{Node, Span};

/// Methods that an upstream's API may want.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// The keys that hold a body.
const BODY_KEYS: [&str; 5] = ["json", "form", "urlencoded", "text", "body"];

/// A request line: the method, and where the URL begins in the text.
struct RequestLine<'n> {
    method: http::Method,
    url: &'n str,
    offset: usize,
}

impl RuleCheck<'_> {
    /// Reads the request of a step or undo. `target` is the node that names the target.
    pub(super) fn request(
        &mut self,
        node: &Node,
        target: Option<&Arc<Target>>,
        body: Body,
        time: Time,
    ) -> Option<RequestRule> {
        let headers = self.headers(node.get("headers"), time);
        let query = self.pairs(node.get("query"), time);
        let request = node.get("request")?;
        let line = self.request_line(request)?;
        self.body_fits(&line, &body, node);
        let url = self.url(request, &line, time);
        let target = Arc::clone(target?);
        let url = url?;
        self.url_fits(request, &url, &target);
        self.headers_fit(&body, &target, node);
        Some(RequestRule { method: line.method, url, target, headers, query, body })
    }

    fn request_line<'n>(&mut self, node: &'n Node) -> Option<RequestLine<'n>> {
        let text = node.text()?;
        let (method, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        let url = rest.trim_start();
        if !METHODS.contains(&method) {
            let upper = method.to_ascii_uppercase();
            let hint = if METHODS.contains(&upper.as_str()) {
                Some(format!("write `{upper}`"))
            } else {
                did_you_mean(&upper, METHODS)
            };
            let hint = hint.unwrap_or_else(|| format!("begin with {}, then a space and the path", listing(METHODS)));
            let span = node.locate(self.text, 0, method.len());
            self.problems.error(span, "a request begins with its method").hint(hint);
            return None;
        }
        if url.is_empty() {
            self.problems
                .error(node.span, "this request has no path")
                .hint(format!("write the path after the method: `{method} /v1/files`"));
            return None;
        }
        let offset = text.len() - url.len();
        http::Method::from_bytes(method.as_bytes()).ok().map(|method| RequestLine { method, url, offset })
    }

    fn url(&mut self, node: &Node, line: &RequestLine<'_>, time: Time) -> Option<UrlRule> {
        let template = compile_part(node, line.offset, line.url, self.text, self.problems)?;
        if template.stream().is_some() {
            self.problems
                .error(node.span, "the file cannot stream here")
                .hint("`file.base64` belongs into a `json:` body");
            return None;
        }
        self.check_names(&template, node, line.offset, time);
        self.url_text(node, line, &template)?;
        let learned = matches!(template.pieces().first(), Some(Piece::Expression(_)));
        if !learned {
            return Some(UrlRule::Path(template));
        }
        let from_configuration =
            template.references().iter().all(|reference| reference.path.first().is_some_and(|root| root == "env"));
        if from_configuration {
            let span = node.locate(self.text, line.offset, line.url.len());
            self.problems
                .error(span, "this URL does not come from an answer")
                .hint("put it into the target's `url`, and write the path alone here");
            return None;
        }
        Some(UrlRule::Learned(template))
    }

    /// Checks what stands in the URL between its expressions.
    fn url_text(&mut self, node: &Node, line: &RequestLine<'_>, template: &Template) -> Option<()> {
        let span = node.locate(self.text, line.offset, line.url.len());
        let mut problem = |message: &str, hint: &str| {
            self.problems.error(span, message).hint(hint);
        };
        let texts = || {
            template.pieces().iter().filter_map(|piece| match piece {
                Piece::Text(text) => Some(text.as_str()),
                Piece::Expression(_) | Piece::Stream(_) => None,
            })
        };
        let first = line.url.chars().next()?;
        if line.url.contains("://") && !line.url.starts_with("${") {
            problem(
                "a step gives the path alone, its target the rest",
                "put scheme and host into the target's `url`, and begin with `/` here",
            );
            return None;
        }
        if first != '/' && !line.url.starts_with("${") {
            problem("a path begins with `/`", "write the whole path after the method, such as `POST /v1/files`");
            return None;
        }
        if texts().any(|text| text.contains('#')) {
            problem("a request has no fragment (`#`)", "write `%23` for a `#` that belongs to the path");
            return None;
        }
        if texts().any(|text| {
            text.chars().any(|c| c.is_whitespace() || c.is_control() || !c.is_ascii() || "\"<>\\^`{|}".contains(c))
        }) {
            problem(
                "there is a character here that no URL has",
                "percent-encode it (a space is `%20`), or use an expression, which is encoded by place",
            );
            return None;
        }
        Some(())
    }

    fn url_fits(&mut self, node: &Node, url: &UrlRule, target: &Target) {
        match url {
            UrlRule::Path(_) if target.origin.is_none() => {
                let message = format!("target `{}` has no `url`, so it takes no path", target.name);
                self.problems
                    .error(node.span, message)
                    .hint("give the target a `url`, or begin with the expression that yields a full URL");
            }
            UrlRule::Learned(_) if target.allow.is_empty() => {
                let message = format!(
                    "this URL comes from an answer, and target `{}` does not say where it may point",
                    target.name
                );
                let hint = "give the target `allow`, such as `allow: https://*.amazonaws.com`; without it an answer could send the file anywhere";
                self.problems.error(node.span, message).hint(hint);
            }
            UrlRule::Path(_) | UrlRule::Learned(_) => {}
        }
    }

    fn body_fits(&mut self, line: &RequestLine<'_>, body: &Body, node: &Node) {
        if matches!(body, Body::None) || !matches!(line.method, http::Method::GET | http::Method::HEAD) {
            return;
        }
        let body_key = BODY_KEYS.into_iter().find_map(|key| node.entry(key));
        let span = body_key.map_or(node.span, |entry| entry.key_span);
        let message = format!("a {} request has no body", line.method);
        self.problems.error(span, message).hint("send values in `query`, or use `POST`");
    }

    fn headers_fit(&mut self, body: &Body, target: &Target, node: &Node) {
        let names = || {
            node.get("headers")
                .into_iter()
                .flat_map(|node| node.entries().iter().chain(node.items().iter().flat_map(Node::entries)))
        };
        let find =
            |wanted: &str| names().find(|entry| entry.key.eq_ignore_ascii_case(wanted)).map(|entry| entry.key_span);
        let own_type = match body {
            Body::Form(_) => Some("the boundary of the form"),
            Body::Urlencoded(_) => Some("the kind of the body"),
            _ => None,
        };
        if let (Some(what), Some(span)) = (own_type, find("content-type")) {
            self.problems
                .error(span, format!("the gateway writes `Content-Type` itself: it names {what}"))
                .hint("remove this header");
        }
        if let Some(span) = target.auth.as_ref().and_then(auth_header).and_then(find) {
            let message = format!("target `{}` writes this header itself", target.name);
            self.problems.error(span, message).hint("remove it here, or use a target without `auth`");
        }
    }

    /// The target that a node names, by its index.
    pub(super) fn target_named<'t>(
        &mut self,
        node: Option<&Node>,
        targets: &'t [Arc<Target>],
        declared: &[String],
    ) -> Option<&'t Arc<Target>> {
        let node = node?;
        let name = node.text()?;
        if !declared.iter().any(|target| target == name) {
            let names = || declared.iter().map(String::as_str);
            let hint = did_you_mean(name, names())
                .unwrap_or_else(|| format!("`targets` has {}", listing(names()).replace(" or ", " and ")));
            self.problems.error(node.span, format!("there is no target `{name}`")).hint(hint);
        }
        targets.iter().find(|target| &*target.name == name)
    }
}

/// The names of the steps, as far as they can be read.
pub(super) fn step_names(steps: Option<&Node>) -> Vec<StepName> {
    let items = steps.map(Node::items).unwrap_or_default();
    items.iter().map(step_name).collect()
}

fn step_name(step: &Node) -> StepName {
    let id = step.get("id").and_then(Node::text).unwrap_or_default().to_owned();
    let condition = step.get("when").and_then(Node::text).filter(|text| text.trim() != "true");
    let references = condition.and_then(|text| Template::parse(text).ok());
    let guarded = references.map(|template| {
        let params = template
            .references()
            .iter()
            .filter(|reference| reference.path.first().is_some_and(|root| root == "params"));
        params.map(|reference| reference.path.clone()).collect()
    });
    StepName {
        id,
        when: condition.map(|text| text.chars().filter(|c| !c.is_whitespace()).collect()),
        guarded: guarded.unwrap_or_default(),
    }
}

/// Reports step ids that are taken.
pub(super) fn check_ids(steps: Option<&Node>, problems: &mut crate::diagnostics::Problems) {
    let mut seen: Vec<(&str, Span)> = Vec::new();
    for node in steps.map(Node::items).unwrap_or_default().iter().filter_map(|step| step.get("id")) {
        let Some(id) = node.text() else { continue };
        let taken = ROOTS
            .iter()
            .chain(&super::names::ANSWER_PARTS)
            .chain(&["omit", "none", "true", "false", "not", "and", "or", "in", "is", "if", "else"]);
        if taken.into_iter().any(|name| *name == id) {
            problems
                .error(node.span, format!("`{id}` means something else in expressions"))
                .hint("give the step another id, such as `create`, `store` or `complete`");
        }
        match seen.iter().find(|(other, _)| *other == id) {
            Some((_, first)) => {
                problems
                    .error(node.span, format!("two steps are called `{id}`"))
                    .related(*first, "first given here")
                    .hint("give each step its own id");
            }
            None => seen.push((id, node.span)),
        }
    }
}
