//! What was expected against what came. Pure: a record goes in, differences come out, each with its place in the file.

mod body;
mod json;
mod shown;

use rules::config::{Example, ExpectedRequest, Outcome, Pattern, Placed, ScriptedAnswer, TextMatcher};
use rules::source::Span;

use super::upstream::{Heard, Record};
use crate::client::Answer;
use body::{File, compare_body};
use json::{Extent, Place, compare_json};
use shown::{shown_json, shown_text};

/// One thing that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// Where the expectation stands.
    pub(super) span: Span,
    /// What is compared, such as "header `accept` of request 1".
    pub(super) what: String,
    pub(super) expected: String,
    pub(super) actual: String,
}

/// Where differences are written down.
pub(super) struct Differences(pub(super) Vec<Difference>);

impl Differences {
    pub(super) fn add(
        &mut self,
        span: Span,
        what: impl Into<String>,
        expected: impl Into<String>,
        actual: impl Into<String>,
    ) {
        self.0.push(Difference { span, what: what.into(), expected: expected.into(), actual: actual.into() });
    }
}

/// Compares everything that one example says: the requests in their order, then what the client was told.
pub(super) fn compare(example: &Example, file: &[u8], record: &Record, answer: &Answer) -> Vec<Difference> {
    let mut differences = Differences(Vec::new());
    for (at, exchange) in example.exchanges.iter().enumerate() {
        let of = format!("request {}", at.saturating_add(1));
        let heard = record.heard.iter().find(|heard| heard.exchange == Some(at));
        match (&exchange.value.expected, heard) {
            (Some(expected), Some(heard)) => {
                let must_end = !matches!(exchange.value.answer, ScriptedAnswer::Unfinished);
                compare_request(exchange.span, &of, expected, heard, must_end, File(file), &mut differences);
            }
            (None, _) if record.refused.contains(&at) => {}
            (Some(_), None) if matches!(exchange.value.answer, ScriptedAnswer::Unfinished) => {}
            (expected, _) => {
                let expected = expected.as_ref().map_or_else(|| "a connection to refuse".to_owned(), asked);
                differences.add(exchange.span, format!("{of} did not come"), expected, "nothing");
            }
        }
    }
    unscripted(example, record, &mut differences);
    compare_outcome(&example.outcome, answer, &mut differences);
    differences.0
}

/// Requests that no exchange is about, each told once however often it was tried.
fn unscripted(example: &Example, record: &Record, differences: &mut Differences) {
    let mut told: Vec<(String, usize)> = Vec::new();
    for heard in record.heard.iter().filter(|heard| heard.exchange.is_none()) {
        let request = format!("{} {}", heard.method, shown_text(&heard.url));
        match told.iter_mut().find(|(known, _)| *known == request) {
            Some((_, times)) => *times = times.saturating_add(1),
            None => told.push((request, 1)),
        }
    }
    for (request, times) in told {
        let often = if times == 1 { String::new() } else { format!(", {times} times") };
        let what = "a request that is not scripted";
        differences.add(example.name.span, what, "no further request", format!("{request}{often}"));
    }
}

/// Whether a request is the one that is expected, as far as method and URL tell.
pub(super) fn recognizes(expected: &ExpectedRequest, heard: &Heard) -> bool {
    expected.method.value == heard.method && matches(&expected.url.value, Some(compared_url(expected, heard)))
}

fn asked(expected: &ExpectedRequest) -> String {
    let method = &expected.method.value;
    match &expected.url.value {
        TextMatcher::Matches { written, .. } => format!("{method} to a URL that matches {written}"),
        url => format!("{method} {}", shown_matcher(url)),
    }
}

/// The part of the URL that `url` speaks of.
fn compared_url<'h>(expected: &ExpectedRequest, heard: &'h Heard) -> &'h str {
    match (&expected.query, heard.url.split_once('?')) {
        (Some(_), Some((url, _))) => url,
        _ => &heard.url,
    }
}

fn compare_request(
    span: Span,
    of: &str,
    expected: &ExpectedRequest,
    heard: &Heard,
    must_end: bool,
    file: File<'_>,
    differences: &mut Differences,
) {
    let what = |what: &str| format!("{what} of {of}");
    if expected.method.value != heard.method {
        differences.add(expected.method.span, what("method"), &expected.method.value, &heard.method);
    }
    compare_text(&expected.url, what("URL"), Some(compared_url(expected, heard)), differences);
    let query = heard.url.split_once('?').map_or("", |(_, query)| query);
    let pairs = sandbox::reading::target(&format!("/?{query}")).map(|target| target.query).unwrap_or_default();
    for (name, expected) in expected.query.iter().flatten() {
        let values: Vec<_> = pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
        compare_text(expected, what(&format!("query parameter `{name}`")), joined(&values).as_deref(), differences);
    }
    for (name, expected) in &expected.headers {
        let values = heard.headers.get_all(name.as_str()).iter();
        let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        compare_text(expected, what(&format!("header `{name}`")), joined(&values).as_deref(), differences);
    }
    match (&heard.body, must_end) {
        (Some(_), false) => differences.add(span, what("end"), "a request that is taken back", "a complete request"),
        (None, false) => {}
        (None, true) => differences.add(span, what("end"), "a complete request", "a request that was taken back"),
        (Some(body), true) => {
            let content_type = heard.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            if let Some(expected) = &expected.body {
                compare_body(expected, of, content_type, body, file, differences);
            }
        }
    }
}

/// Several values of one name, as HTTP joins them.
fn joined<T: AsRef<str>>(values: &[T]) -> Option<String> {
    (!values.is_empty()).then(|| values.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", "))
}

fn compare_text(expected: &Placed<TextMatcher>, what: String, actual: Option<&str>, differences: &mut Differences) {
    if !matches(&expected.value, actual) {
        let actual = actual.map_or_else(|| "nothing".to_owned(), shown_text);
        differences.add(expected.span, what, shown_matcher(&expected.value), actual);
    }
}

fn matches(expected: &TextMatcher, actual: Option<&str>) -> bool {
    match (expected, actual) {
        (TextMatcher::Is(expected), Some(actual)) => expected == actual,
        (TextMatcher::Matches { whole, .. }, Some(actual)) => whole.is_match(actual),
        (TextMatcher::Absent, actual) => actual.is_none(),
        (_, None) => false,
    }
}

fn shown_matcher(matcher: &TextMatcher) -> String {
    match matcher {
        TextMatcher::Is(text) => shown_text(text),
        TextMatcher::Matches { written, .. } => format!("a text that matches {written}"),
        TextMatcher::Absent => "nothing".to_owned(),
    }
}

fn compare_outcome(outcome: &Outcome, answer: &Answer, differences: &mut Differences) {
    let (pattern, is_receipt) = match outcome {
        Outcome::Receipt(pattern) => (pattern, true),
        Outcome::Problem(pattern) => (pattern, false),
    };
    if answer.is_receipt() != is_receipt {
        let expected = if is_receipt { "a receipt" } else { "a problem" };
        return differences.add(pattern.span, "the answer to the client", expected, told(answer));
    }
    if !is_receipt && !is_that_problem(pattern, answer) {
        let expected = json::member(pattern, "type").map_or_else(String::new, json::shown_pattern);
        let name = expected.rsplit(':').next().unwrap_or_default();
        return differences.add(pattern.span, "the answer to the client", name, told(answer));
    }
    let of = if is_receipt { "the receipt" } else { "the problem" };
    compare_json(pattern, Some(&answer.json), Extent::Named, &Place::root(of), differences);
}

fn is_that_problem(pattern: &Pattern, answer: &Answer) -> bool {
    let mut told = Differences(Vec::new());
    if let Some(expected) = json::member(pattern, "type") {
        compare_json(expected, answer.json.get("type"), Extent::Named, &Place::root(""), &mut told);
    }
    told.0.is_empty()
}

fn told(answer: &Answer) -> String {
    if answer.is_receipt() {
        format!("{} {}", answer.status.as_u16(), shown_json(&answer.json))
    } else {
        let said = answer.json.get("upstream").map(|said| format!(", upstream: {}", shown_json(said)));
        shown_text(&answer.problem()) + &said.unwrap_or_default()
    }
}
