//! JSON against a pattern: each difference is told by its place in the document.

use rules::config::{Pattern, PatternValue, TextMatcher};
use serde_json::Value;

use super::shown::shown_json;
use super::{Differences, matches, shown_matcher};

/// How much of an object is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// What the pattern names.
    Named,
    /// All of it.
    Whole,
}

/// A place in a document, in words.
#[derive(Debug, Clone)]
pub(super) struct Place {
    path: String,
    of: String,
}

impl Place {
    /// The document itself.
    pub(super) fn root(of: &str) -> Self {
        Self { path: String::new(), of: of.to_owned() }
    }

    fn key(&self, key: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { path: format!("{}{dot}{key}", self.path), of: self.of.clone() }
    }

    fn index(&self, index: usize) -> Self {
        Self { path: format!("{}[{index}]", self.path), of: self.of.clone() }
    }

    fn words(&self) -> String {
        if self.path.is_empty() { self.of.clone() } else { format!("`{}` in {}", self.path, self.of) }
    }
}

/// Compares; `actual` is none for a key that is not there.
pub(super) fn compare_json(
    expected: &Pattern,
    actual: Option<&Value>,
    extent: Extent,
    place: &Place,
    differences: &mut Differences,
) {
    match (&expected.value, actual) {
        (PatternValue::Map(entries), Some(Value::Object(found))) => {
            for (key, pattern) in entries {
                compare_json(pattern, found.get(key), extent, &place.key(key), differences);
            }
            let unexpected = found.iter().filter(|(key, _)| !entries.iter().any(|(known, _)| known == *key));
            for (key, value) in unexpected.filter(|_| extent == Extent::Whole) {
                differences.add(expected.span, place.key(key).words(), "nothing", shown_json(value));
            }
        }
        (PatternValue::List(items), Some(Value::Array(found))) if items.len() == found.len() => {
            for (index, (pattern, value)) in items.iter().zip(found).enumerate() {
                compare_json(pattern, Some(value), extent, &place.index(index), differences);
            }
        }
        (value, actual) if is_equal(value, actual) => {}
        (_, actual) => {
            let actual = actual.map_or_else(|| "nothing".to_owned(), |value| distinct(expected, value));
            differences.add(expected.span, place.words(), shown_pattern(expected), actual);
        }
    }
}

fn is_equal(expected: &PatternValue, actual: Option<&Value>) -> bool {
    match (expected, actual) {
        (PatternValue::Text(matcher), Some(Value::String(text))) => matches(matcher, Some(text)),
        (PatternValue::Text(matcher), None) => matches(matcher, None),
        (PatternValue::Constant(expected), Some(actual)) => expected == actual,
        _ => false,
    }
}

/// `70` and `"70"` must not look alike.
fn distinct(expected: &Pattern, actual: &Value) -> String {
    let shown = shown_json(actual);
    match (&expected.value, actual) {
        (PatternValue::Constant(_), Value::String(_)) => format!("the text {shown}"),
        (PatternValue::Text(TextMatcher::Is(_)), Value::Number(_)) => format!("the number {shown}"),
        (PatternValue::List(_), Value::Array(items)) => format!("{shown}, {} items", items.len()),
        _ => shown,
    }
}

/// The value of a key of a pattern.
pub(super) fn member<'p>(pattern: &'p Pattern, key: &str) -> Option<&'p Pattern> {
    match &pattern.value {
        PatternValue::Map(entries) => entries.iter().find(|(known, _)| known == key).map(|(_, value)| value),
        _ => None,
    }
}

/// A pattern in one line.
pub(super) fn shown_pattern(pattern: &Pattern) -> String {
    match &pattern.value {
        PatternValue::Text(matcher) => shown_matcher(matcher),
        _ => shown_json(&as_json(pattern)),
    }
}

/// A pattern as the JSON that it stands for, matchers as they are written.
fn as_json(pattern: &Pattern) -> Value {
    match &pattern.value {
        PatternValue::Text(TextMatcher::Is(text)) => text.as_str().into(),
        PatternValue::Text(matcher) => format!("({})", shown_matcher(matcher)).into(),
        PatternValue::Constant(value) => value.clone(),
        PatternValue::List(items) => items.iter().map(as_json).collect(),
        PatternValue::Map(entries) => entries.iter().map(|(key, value)| (key.clone(), as_json(value))).collect(),
    }
}
