//! What the checks of one route share.

use ipnet::IpNet;

use super::names::{Names, Scope, Time};
use super::secret_at;
use super::template;
use super::variables::Variables;
use crate::config::{HeaderItem, SecretRef};
use crate::diagnostics::{Problems, is_written_credential};
use crate::expr::Template;
use crate::source::{Entry, Node};

/// One route's file under check.
pub(super) struct RuleCheck<'r> {
    /// The text of the file.
    pub(super) text: &'r str,
    pub(super) names: &'r Names,
    pub(super) variables: &'r Variables<'r>,
    pub(super) problems: &'r mut Problems,
    /// Private networks that the main file permits to every target; none where it could not be read.
    pub(super) permitted: Option<&'r [IpNet]>,
}

/// Header fields that the gateway writes itself, and those that speak of one connection only (RFC 9110, 7.6.1).
const RESERVED_HEADERS: [&str; 12] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "proxy-connection",
    "proxy-authorization",
    "proxy-authenticate",
];

impl RuleCheck<'_> {
    /// Compiles a scalar and checks its names.
    pub(super) fn template(&mut self, node: &Node, time: Time) -> Option<Template> {
        let template = template::compile(node, self.text, self.problems)?;
        if template.stream().is_some() {
            self.problems.error(node.span, "the file cannot stream here").hint(
                "`file.base64` belongs into the `json:` body of one step; use `body: file` or a form for the bytes as they are",
            );
            return None;
        }
        self.check_names(&template, node, 0, time);
        Some(template)
    }

    /// Compiles a scalar that is there or not: `Some(None)` if it is not.
    pub(super) fn optional_template(&mut self, node: Option<&Node>, time: Time) -> Option<Option<Template>> {
        match node {
            Some(node) => self.template(node, time).map(Some),
            None => Some(None),
        }
    }

    /// Compiles a condition: an expression, `true` or `false`.
    pub(super) fn condition(&mut self, node: &Node, time: Time) -> Option<Template> {
        let template = self.template(node, time)?;
        if let Some(literal) = template.as_literal()
            && !matches!(literal, "true" | "false")
        {
            let hint = format!("write it as an expression: `${{ {} }}`", literal.trim());
            self.problems.error(node.span, "this is text and no condition").hint(hint);
            return None;
        }
        Some(template)
    }

    /// Checks the names of a template that begins at `offset` of the node's text.
    pub(super) fn check_names(&mut self, template: &Template, node: &Node, offset: usize, time: Time) {
        let scope = Scope { names: self.names, time, variables: self.variables, text: self.text };
        scope.check(template, node, offset, self.problems);
    }

    /// A reference to a secret.
    pub(super) fn secret(&mut self, node: &Node, optional: bool) -> Option<SecretRef> {
        secret_at(node, optional, self.variables, self.problems)
    }

    /// Headers: a map, or a list of maps and `fields`.
    pub(super) fn headers(&mut self, node: Option<&Node>, time: Time) -> Vec<HeaderItem> {
        let Some(node) = node else { return Vec::new() };
        let mut items = Vec::new();
        for entry in node.entries() {
            if entry.key == "fields" {
                let hint = "write `headers` as a list: `- fields: ${ … }`";
                self.problems.error(entry.key_span, "`fields` adds learned headers only in a list").hint(hint);
            } else {
                items.extend(self.header(entry, time));
            }
        }
        for entry in node.items().iter().flat_map(Node::entries) {
            if entry.key == "fields" {
                items.extend(self.template(&entry.value, time).map(HeaderItem::Learned));
            } else {
                items.extend(self.header(entry, time));
            }
        }
        self.check_repeated(node);
        items
    }

    fn header(&mut self, entry: &Entry, time: Time) -> Option<HeaderItem> {
        let name = entry.key.as_str();
        let lower = name.to_ascii_lowercase();
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            self.problems.error(entry.key_span, "this is no header name").hint("use letters, digits and `-`");
        } else if RESERVED_HEADERS.contains(&lower.as_str()) {
            let message = format!("the gateway writes `{name}` itself");
            self.problems
                .error(entry.key_span, message)
                .hint("remove it: framing and connection headers follow from the request");
        }
        if !entry.value.entries().is_empty() {
            return self.secret(&entry.value, false).map(|secret| HeaderItem::Secret(name.to_owned(), secret));
        }
        let template = self.template(&entry.value, time)?;
        if template.as_literal().is_some_and(|text| text.chars().any(|c| c.is_control() && c != '\t')) {
            self.problems
                .error(entry.value.span, "a header value is one line without control characters")
                .hint("write it on one line, without `|` or `>`");
        }
        if template.as_literal().is_some_and(|text| is_written_credential(name, text)) {
            self.problems
                .warning(entry.value.span, format!("the credential in `{name}` is written out"))
                .mask(entry.value.span)
                .hint("whoever reads this file has it: use `auth` of the target, or `{ env: NAME }` or `{ file: PATH }` in its place");
        }
        Some(HeaderItem::Written(name.to_owned(), template))
    }

    fn check_repeated(&mut self, node: &Node) {
        let entries: Vec<&Entry> = node.entries().iter().chain(node.items().iter().flat_map(Node::entries)).collect();
        for (index, entry) in entries.iter().enumerate() {
            let earlier = entries.get(..index).unwrap_or_default();
            let same = |other: &&&Entry| other.key.eq_ignore_ascii_case(&entry.key) && entry.key != "fields";
            if let Some(first) = earlier.iter().find(same) {
                let message = format!("header `{}` is given twice", entry.key);
                self.problems
                    .error(entry.key_span, message)
                    .related(first.key_span, "first given here")
                    .hint("keep one of the two; names of headers have no case");
            }
        }
    }

    /// A map of names and values.
    pub(super) fn pairs(&mut self, node: Option<&Node>, time: Time) -> Vec<(String, Template)> {
        let entries = node.map(Node::entries).unwrap_or_default();
        entries.iter().filter_map(|entry| Some((entry.key.clone(), self.template(&entry.value, time)?))).collect()
    }
}
