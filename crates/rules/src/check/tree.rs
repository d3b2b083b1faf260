//! JSON trees: bodies and results.

use super::names::Time;
use super::rule::RuleCheck;
use super::template;
use crate::config::Tree;
use crate::diagnostics::Problems;
use crate::source::{Entry, Node, Scalar, Style, Value};

/// Where the file streams into a tree: whether it may, and where it does.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) allowed: bool,
    pub(super) found: Vec<crate::source::Span>,
}

impl RuleCheck<'_> {
    /// Reads a tree; `None` after problems.
    pub(super) fn tree(&mut self, node: &Node, time: Time, streams: &mut Streams) -> Option<Tree> {
        match &node.value {
            Value::Unusable => None,
            Value::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.tree(item, time, streams)).collect();
                items.into_iter().collect::<Option<_>>().map(Tree::List)
            }
            Value::Map(entries) => {
                let entries: Vec<_> = entries.iter().map(|entry| self.tree_entry(entry, time, streams)).collect();
                entries.into_iter().collect::<Option<_>>().map(Tree::Map)
            }
            Value::Scalar(scalar) => self.leaf(node, scalar, time, streams),
        }
    }

    fn tree_entry(&mut self, entry: &Entry, time: Time, streams: &mut Streams) -> Option<(String, Tree)> {
        if entry.key.contains("${") {
            self.problems
                .error(entry.key_span, "a key cannot be computed")
                .hint("write the key out; only values take expressions");
        }
        Some((entry.key.clone(), self.tree(&entry.value, time, streams)?))
    }

    fn leaf(&mut self, node: &Node, scalar: &Scalar, time: Time, streams: &mut Streams) -> Option<Tree> {
        if scalar.style == Style::Plain {
            match constant(node, &scalar.text, self.problems) {
                Constant::Is(value) => return Some(Tree::Constant(value)),
                Constant::Wrong => return None,
                Constant::Text => {}
            }
        }
        let template = template::compile(node, self.text, self.problems)?;
        self.check_names(&template, node, 0, time);
        let places = template.pieces().iter().filter(|piece| matches!(piece, crate::expr::Piece::Stream(_))).count();
        for _ in 0..places {
            streams.found.push(node.span);
        }
        if places > 0 && !streams.allowed {
            self.problems
                .error(node.span, "the file cannot stream here")
                .hint("`file.base64` belongs into the `json:` body of one step");
            return None;
        }
        Some(Tree::Leaf(template))
    }
}

/// Only `true`, `false`, `null` and numbers as JSON writes them are typed; `no`, `0x1F` and dates are texts.
pub(super) fn constant(node: &Node, text: &str, problems: &mut Problems) -> Constant {
    match text {
        "" => {
            problems.error(node.span, "nothing stands here").hint("write `null`, or `\"\"` for an empty text");
            return Constant::Wrong;
        }
        "null" => return Constant::Is(serde_json::Value::Null),
        "true" => return Constant::Is(true.into()),
        "false" => return Constant::Is(false.into()),
        _ => {}
    }
    let Ok(number) = serde_json::from_str::<serde_json::Number>(text) else {
        return overflowing(node, text, problems);
    };
    let integer = text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
    if integer && !number.is_i64() && !number.is_u64() {
        return too_large(node, problems);
    }
    Constant::Is(number.into())
}

/// JSON's grammar knows numbers that no 64-bit float holds, such as `1e999`.
fn overflowing(node: &Node, text: &str, problems: &mut Problems) -> Constant {
    let number = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let is_number = digits(whole)
        && digits(fraction)
        && digits(exponent.trim_start_matches(['+', '-']))
        && (whole == "0" || !whole.starts_with('0'));
    if is_number { too_large(node, problems) } else { Constant::Text }
}

fn too_large(node: &Node, problems: &mut Problems) -> Constant {
    problems.error(node.span, "this number is beyond 64 bits").hint("quote it if it is an identifier and no amount");
    Constant::Wrong
}

/// What a plain scalar is in a JSON tree.
pub(super) enum Constant {
    Is(serde_json::Value),
    Text,
    Wrong,
}
