//! Parser events → tree.

use std::collections::BTreeMap;

use granit_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::budget::{self, MAX_DEPTH, MAX_EXPANDED_NODES};
use super::{Entry, MAX_FILE_LEN, Node, Scalar, Span, Style, Value, syntax};
use crate::diagnostics::Problems;

/// Parses a file. Duplicate keys, tags and merge keys are reported and the rest is kept; after a syntax error or a broken
/// bound there is no tree.
pub fn parse(text: &str, problems: &mut Problems) -> Option<Node> {
    if text.len() > MAX_FILE_LEN {
        problems.error(Span::default(), format!("the file is larger than {} KiB", MAX_FILE_LEN / 1024));
        return None;
    }
    if let Some(breach) = budget::breach(text) {
        problems
            .error(Span::default(), breach)
            .hint("a configuration file needs far less; look for a list or anchor that repeats itself");
        return None;
    }
    let options =
        granit_parser::options! { emit_comments: false, block_nesting_limit: MAX_DEPTH, flow_nesting_limit: MAX_DEPTH };
    let mut builder =
        Builder { text, problems, stack: Vec::new(), anchors: BTreeMap::new(), nodes: 0, root: None, documents: 0 };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => builder.take(event, range(text, &span))?,
            Err(error) => {
                builder.syntax_error(&error);
                return None;
            }
        }
    }
    if builder.root.is_none() {
        builder
            .problems
            .error(Span::default(), "the file is empty")
            .hint("write into it what belongs there, or do not name it in the main file");
    }
    builder.root
}

/// A map or list that is not finished.
struct Frame {
    start: usize,
    anchor: usize,
    value: Value,
    /// A map's key that waits for its value.
    key: Option<(String, Span)>,
}

struct Builder<'t, 'p> {
    text: &'t str,
    problems: &'p mut Problems,
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
    documents: usize,
}

impl Builder<'_, '_> {
    /// Takes one event; `None` ends the parse.
    fn take(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        match event {
            Event::DocumentStart(..) => self.begin_document(span),
            Event::Scalar(text, style, anchor, tag) => {
                let style = self.style(style, tag.as_deref(), span);
                // The parser says `~` where nothing stands.
                let text = if span.start == span.end && style == Style::Plain { "".into() } else { text };
                let node = Node { span, value: Value::Scalar(Scalar { text: text.into_owned(), style }) };
                self.finish(node, anchor, 1)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                self.begin(span, anchor, Value::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                self.begin(span, anchor, Value::Map(Vec::new()))
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let frame = self.stack.pop()?;
                // A flow collection ends with its bracket; a block one where its last value does, not at the next key.
                let end = if span.end > span.start { span.end } else { last_end(&frame.value) };
                let node = Node { span: Span::new(frame.start, end), value: frame.value };
                self.finish(node, frame.anchor, 0)
            }
            Event::Alias(anchor) => self.alias(anchor, span),
            _ => Some(()),
        }
    }

    fn begin_document(&mut self, span: Span) -> Option<()> {
        self.documents += 1;
        if self.documents < 2 {
            return Some(());
        }
        self.problems.error(span, "a second document begins here").hint("put one route into each file");
        None
    }

    fn begin(&mut self, span: Span, anchor: usize, value: Value) -> Option<()> {
        self.nodes += 1;
        self.stack.push(Frame { start: span.start, anchor, value, key: None });
        Some(())
    }

    /// An alias stands for a copy of its anchor's value; what all copies come to is bounded before one is made.
    fn alias(&mut self, anchor: usize, span: Span) -> Option<()> {
        let Some(node) = self.anchors.get(&anchor) else {
            self.problems
                .error(span, "this alias stands inside the value that it repeats")
                .hint("an anchor cannot contain itself");
            return None;
        };
        let weight = node.weight();
        let too_many = self.nodes.saturating_add(weight) > MAX_EXPANDED_NODES;
        if too_many || self.stack.len().saturating_add(node.depth()) > MAX_DEPTH {
            self.problems
                .error(span, "the aliases of this file repeat too much")
                .hint("write the value out where it is needed");
            return None;
        }
        let node = node.clone();
        self.finish(node, 0, weight)
    }

    /// Hands a finished value to the map or list around it.
    fn finish(&mut self, node: Node, anchor: usize, weight: usize) -> Option<()> {
        self.nodes = self.nodes.saturating_add(weight);
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Some(());
        };
        match (&mut frame.value, frame.key.take()) {
            (Value::List(items), _) => items.push(node),
            (Value::Map(_), None) => frame.key = Some(key_of(node, self.problems)),
            (Value::Map(entries), Some((key, key_span))) => {
                add_entry(entries, Entry { key, key_span, value: node }, self.problems);
            }
            (Value::Scalar(_) | Value::Unusable, _) => {}
        }
        Some(())
    }

    fn style(&mut self, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Style {
        if tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str")) {
            return Style::Quoted;
        }
        self.refuse_tag(tag, span);
        match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        }
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, span: Span) {
        if tag.is_some() {
            self.problems
                .error(span, "YAML tags (`!name`) have no meaning here")
                .hint("remove the tag; quote the value if the `!` belongs to it");
        }
    }

    fn syntax_error(&mut self, error: &granit_parser::ScanError) {
        let at = offset(self.text, error.marker()).min(self.text.len());
        let (message, hint) = syntax::explain(error.kind(), self.text, at);
        self.problems.error(syntax::place(error.kind(), self.text, at), message).hint(hint);
    }
}

fn key_of(node: Node, problems: &mut Problems) -> (String, Span) {
    let span = node.span;
    match node.value {
        Value::Scalar(scalar) => {
            if scalar.text == "<<" && scalar.style == Style::Plain {
                problems
                    .error(span, "merge keys (`<<`) are not supported")
                    .hint("repeat the keys, or anchor and alias a whole value");
            }
            (scalar.text, span)
        }
        _ => {
            problems.error(span, "a key must be text").hint("quote it if it begins with `{` or `[`");
            (String::new(), span)
        }
    }
}

fn add_entry(entries: &mut Vec<Entry>, entry: Entry, problems: &mut Problems) {
    let first = entries.iter().find(|other| other.key == entry.key);
    match first {
        Some(first) => {
            let message = format!("`{}` is given twice", entry.key);
            problems
                .error(entry.key_span, message)
                .label("again here")
                .related(first.key_span, "first given here")
                .hint("keep one of the two");
        }
        None => entries.push(entry),
    }
}

fn last_end(value: &Value) -> usize {
    match value {
        Value::List(items) => items.last().map_or(0, |item| item.span.end),
        Value::Map(entries) => entries.last().map_or(0, |entry| entry.value.span.end.max(entry.key_span.end)),
        Value::Scalar(_) | Value::Unusable => 0,
    }
}

fn range(text: &str, span: &granit_parser::Span) -> Span {
    let start = offset(text, &span.start);
    let end = offset(text, &span.end);
    let trimmed = text.get(start..end).map_or(0, |body| body.trim_end().len());
    Span::new(start, start + trimmed)
}

fn offset(text: &str, marker: &Marker) -> usize {
    marker
        .byte_offset()
        .or_else(|| text.char_indices().nth(marker.index()).map(|(at, _)| at))
        .unwrap_or(text.len())
        .min(text.len())
}
