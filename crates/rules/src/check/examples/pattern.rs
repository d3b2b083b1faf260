//! What is compared: texts, JSON, and the matchers that may stand in their places.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use regex::Regex;
use serde_json::Value as Json;

use crate::check::accept::regex;
use crate::check::tree::{Constant, constant};
use crate::config::{Pattern, PatternValue, Placed, TextMatcher};
use crate::diagnostics::{Problems, did_you_mean};
use crate::schema::table::example::MATCHER;
use crate::source::{Node, Style, Value};

/// How keys begin that are no keys of the JSON.
const MARK: char = '$';

const MATCHERS: &str = "a matcher is `{ $matches: REGULAR-EXPRESSION }` or `{ $absent: true }`";

/// A value with its place.
pub(super) fn placed<T>(node: &Node, value: T) -> Placed<T> {
    Placed { span: node.span, value }
}

/// A text or a matcher.
pub(super) fn matcher(node: &Node, text: &str, problems: &mut Problems) -> Option<Placed<TextMatcher>> {
    let value = match &node.value {
        Value::Scalar(scalar) => TextMatcher::Is(scalar.text.clone()),
        Value::Map(_) => marked(node, text, problems)?,
        Value::List(_) | Value::Unusable => return None,
    };
    Some(placed(node, value))
}

/// Texts or matchers by their names.
pub(super) fn matchers(node: &Node, text: &str, problems: &mut Problems) -> Option<Vec<(String, Placed<TextMatcher>)>> {
    let read: Vec<_> =
        node.entries().iter().map(|entry| Some((entry.key.clone(), matcher(&entry.value, text, problems)?))).collect();
    read.into_iter().collect()
}

/// The map of a matcher. Its keys were looked at where the table knows it; in JSON it stands alone.
fn marked(node: &Node, text: &str, problems: &mut Problems) -> Option<TextMatcher> {
    if let Some(node) = node.get("$matches") {
        let whole = anchored(node, text, problems)?;
        return Some(TextMatcher::Matches { written: node.text()?.to_owned(), whole });
    }
    let absent = node.get("$absent")?;
    if absent.text() == Some("true") {
        return Some(TextMatcher::Absent);
    }
    if absent.text().is_some() {
        problems.error(absent.span, "`$absent` is `true`, or is not there").hint(MATCHERS);
    }
    None
}

fn anchored(node: &Node, text: &str, problems: &mut Problems) -> Option<Regex> {
    regex(node, text, problems, |pattern| format!(r"\A(?:{pattern})\z"))
}

/// JSON with matchers in it; `None` after problems.
pub(super) fn pattern(node: &Node, text: &str, problems: &mut Problems) -> Option<Pattern> {
    let value = match &node.value {
        Value::Unusable => return None,
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| pattern(item, text, problems)).collect();
            PatternValue::List(items.into_iter().collect::<Option<_>>()?)
        }
        Value::Map(entries) if entries.iter().any(|entry| entry.key.starts_with(MARK)) => {
            PatternValue::Text(json_matcher(node, text, problems)?)
        }
        Value::Map(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|entry| Some((entry.key.clone(), pattern(&entry.value, text, problems)?))).collect();
            PatternValue::Map(entries.into_iter().collect::<Option<_>>()?)
        }
        Value::Scalar(_) => match scalar(node, problems)? {
            Json::String(text) => PatternValue::Text(TextMatcher::Is(text)),
            other => PatternValue::Constant(other),
        },
    };
    Some(Pattern { span: node.span, value })
}

fn json_matcher(node: &Node, text: &str, problems: &mut Problems) -> Option<TextMatcher> {
    let [entry] = node.entries() else {
        problems.error(node.span, "a matcher stands alone in its map").hint(MATCHERS);
        return None;
    };
    if MATCHER.key(&entry.key).is_none() {
        let hint = did_you_mean(&entry.key, MATCHER.names()).unwrap_or_else(|| MATCHERS.to_owned());
        problems.error(entry.key_span, format!("there is no matcher `{}`", entry.key)).hint(hint);
        return None;
    }
    if entry.value.as_scalar().is_none() || entry.value.is_nothing() {
        problems.error(entry.value.span, format!("`{}` cannot be this", entry.key)).hint(MATCHERS);
        return None;
    }
    marked(node, text, problems)
}

/// JSON as it stands; `None` after problems.
pub(super) fn json(node: &Node, problems: &mut Problems) -> Option<Json> {
    match &node.value {
        Value::Unusable => None,
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| json(item, problems)).collect();
            items.into_iter().collect::<Option<_>>().map(Json::Array)
        }
        Value::Map(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|entry| Some((entry.key.clone(), json(&entry.value, problems)?))).collect();
            entries.into_iter().collect::<Option<_>>().map(Json::Object)
        }
        Value::Scalar(_) => scalar(node, problems),
    }
}

/// As in the `json:` of a step, but without expressions.
fn scalar(node: &Node, problems: &mut Problems) -> Option<Json> {
    let scalar = node.as_scalar()?;
    if scalar.style != Style::Plain {
        return Some(scalar.text.as_str().into());
    }
    match constant(node, &scalar.text, problems) {
        Constant::Is(value) => Some(value),
        Constant::Text => Some(scalar.text.as_str().into()),
        Constant::Wrong => None,
    }
}

/// Bytes that are written as base64; line breaks and spaces may stand between.
pub(super) fn base64(node: &Node, problems: &mut Problems) -> Option<Vec<u8>> {
    let text: String = node.text()?.split_ascii_whitespace().collect();
    match BASE64_STANDARD.decode(text) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            problems
                .error(
                    node.span,
                    format!("this is no base64: {}", error.to_string().to_lowercase().trim_end_matches('.')),
                )
                .hint("write the standard alphabet with its padding, as `base64` prints it");
            None
        }
    }
}
