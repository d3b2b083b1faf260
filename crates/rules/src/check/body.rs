//! What a request sends.

use super::fields::Fields;
use super::names::Time;
use super::rule::RuleCheck;
use super::tree::Streams;
use crate::config::{Body, FormItem};
use crate::expr::{Piece, Reference, Template};
use crate::schema::table::body::FIELDS;
use crate::schema::values::boolean;
use crate::source::{Entry, Node, Span, Value};

impl RuleCheck<'_> {
    /// Reads the body of a step (or, with `file` false, of an undo), and where the file streams in it.
    pub(super) fn body(&mut self, node: &Node, time: Time, file: bool) -> Option<Body> {
        if let Some(tree) = node.get("json") {
            let mut streams = Streams { allowed: file, found: Vec::new() };
            let body = self.tree(tree, time, &mut streams).map(Body::Json);
            self.once(&streams.found);
            return body;
        }
        if let Some(form) = node.get("form") {
            return self.form(form, time);
        }
        if node.get("urlencoded").is_some() {
            return Some(Body::Urlencoded(self.pairs(node.get("urlencoded"), time)));
        }
        if let Some(text) = node.get("text") {
            let template = self.template(text, time)?;
            self.text(text, &template);
            return Some(Body::Text(template));
        }
        match node.get("body") {
            Some(body) => match body.text()? {
                "file" => Some(Body::File),
                _ => Some(Body::None),
            },
            None => Some(Body::None),
        }
    }

    /// In every other body the place tells how a value is encoded. A text has no places, so each value that callers choose freely
    /// must say how: bare in XML or GraphQL, it would write elements or arguments of its own.
    fn text(&mut self, node: &Node, template: &Template) {
        for piece in template.pieces() {
            let Piece::Expression(expression) = piece else { continue };
            let Some(name) = free_value(&expression.references()) else { continue };
            let last = expression.source().rsplit_once('|').map(|(_, filter)| filter.trim());
            let last = last.map(|filter| filter.split('(').next().unwrap_or_default().trim());
            if last.is_none_or(|filter| !ENCODERS.contains(&filter)) {
                self.problems
                    .error(node.span, format!("`{name}` stands bare in a text, where callers could write more than a value"))
                    .hint(format!(
                        "end its expression in a filter that fits the text: `${{ {name} | xml }}`, `| json` or `| urlencode`; \
                         `| string` if the text is for people and has no syntax"
                    ));
            }
        }
    }

    fn once(&mut self, found: &[Span]) {
        if let [first, second, ..] = found {
            self.problems
                .error(*second, "the file streams twice in this body")
                .related(*first, "first here")
                .hint("the file is never in memory as a whole, so it can be sent only once");
        }
    }

    fn form(&mut self, node: &Node, time: Time) -> Option<Body> {
        if node.items().is_empty() {
            self.problems
                .error(node.span, "this form is empty")
                .hint("add `- file: file`, the part that holds the file");
            return None;
        }
        let items: Vec<_> = node.items().iter().map(|item| self.form_item(item, time)).collect();
        self.once(
            &node.items().iter().filter_map(|item| item.entry("file")).map(|entry| entry.key_span).collect::<Vec<_>>(),
        );
        items.into_iter().collect::<Option<_>>().map(Body::Form)
    }

    fn form_item(&mut self, node: &Node, time: Time) -> Option<FormItem> {
        let content_type = self.optional_template(node.get("type"), time);
        if let Some(name) = node.get("field") {
            let (name, value) =
                (self.template(name, time), node.get("value").and_then(|value| self.template(value, time)));
            return Some(FormItem::Field { name: name?, value: value?, content_type: content_type? });
        }
        if let Some(part) = node.get("file") {
            let (part, filename) = (self.template(part, time), self.optional_template(node.get("filename"), time));
            return Some(FormItem::File { part: part?, filename: filename?, content_type: content_type? });
        }
        let from = self.template(node.get("fields")?, time)?;
        let fields = Fields::new(Some(node), &FIELDS);
        let (keep, drop) = (fields.texts("keep"), fields.texts("drop"));
        if let (Some(both), Some(place)) = (keep.iter().find(|name| drop.contains(name)), fields.get("drop")) {
            self.problems
                .error(place.span, format!("`{both}` is kept and dropped"))
                .hint("remove it from one of the two lists");
        }
        let rename = fields.get("rename").map(Node::entries).unwrap_or_default();
        let rename =
            rename.iter().filter_map(|entry| Some((entry.key.clone(), entry.value.text()?.to_owned()))).collect();
        Some(FormItem::Fields { from, rename, drop, keep, drop_empty: fields.read("drop-empty", boolean)? })
    }
}

/// Filters after which a value has no syntax of its own in some kind of text, and `string`, by which an author says that the text
/// has none.
const ENCODERS: [&str; 10] =
    ["b64", "hex", "http_date", "iso8601", "json", "rfc5987", "string", "tus_metadata", "urlencode", "xml"];

/// The first of the values that callers choose freely.
fn free_value(references: &[Reference]) -> Option<String> {
    let is_free = |reference: &&Reference| {
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        matches!(
            path.as_slice(),
            ["params" | "path", ..] | ["file", "name" | "stem" | "extension" | "type"] | ["upload", "idempotency_key"]
        )
    };
    references.iter().find(is_free).map(|reference| reference.path.join("."))
}

/// Where a step's body holds the file, if it does.
pub(super) fn file_place(step: &Node) -> Option<Span> {
    // A body that cannot be used, or not yet, was meant to hold the file.
    let meant = |entry: &&Entry| entry.value.text() == Some("file") || matches!(entry.value.value, Value::Unusable);
    if let Some(body) = step.entry("body").filter(meant).or_else(|| step.entry("s3")) {
        return Some(Span::new(body.key_span.start, body.value.span.end));
    }
    let parts = step.get("form").map(Node::items).unwrap_or_default();
    if let Some(part) = parts.iter().find_map(|item| item.entry("file")) {
        return Some(Span::new(part.key_span.start, part.value.span.end));
    }
    step.get("json").and_then(streaming)
}

fn streaming(node: &Node) -> Option<Span> {
    if let Some(text) = node.text() {
        // What does not compile is reported elsewhere; here only the author's intent counts.
        let streams =
            Template::parse(text).map_or(text.contains("file.base64"), |template| template.stream().is_some());
        return streams.then_some(node.span);
    }
    node.items().iter().chain(node.entries().iter().map(|entry| &entry.value)).find_map(streaming)
}
