//! Bodies. A form is read by a strict server's reader that shares no code with the gateway.

use rules::config::{ExpectedBody, ExpectedPart, Placed, TextMatcher};
use sandbox::reading::{self, Part};
use serde_json::Value;

use super::json::{Extent, Place, compare_json};
use super::shown::{shown_bytes, shown_text};
use super::{Differences, compare_text, matches, shown_matcher};

/// The file of the request.
#[derive(Debug, Clone, Copy)]
pub(super) struct File<'f>(pub(super) &'f [u8]);

/// Compares a body, or the content of a part, whole.
pub(super) fn compare_body(
    expected: &Placed<ExpectedBody>,
    of: &str,
    content_type: Option<&str>,
    actual: &[u8],
    file: File<'_>,
    differences: &mut Differences,
) {
    let what = format!("body of {of}");
    let mut differs = |expected_text: String| {
        differences.add(expected.span, what.clone(), expected_text, shown_bytes(actual));
    };
    match &expected.value {
        ExpectedBody::Nothing if !actual.is_empty() => differs("nothing".to_owned()),
        ExpectedBody::File if actual != file.0 => differs(format!("the file: {}", shown_bytes(file.0))),
        ExpectedBody::Bytes(bytes) if actual != bytes => differs(shown_bytes(bytes)),
        ExpectedBody::Nothing | ExpectedBody::File | ExpectedBody::Bytes(_) => {}
        ExpectedBody::Text(matcher) => {
            if !std::str::from_utf8(actual).is_ok_and(|text| matches(matcher, Some(text))) {
                differs(shown_matcher(matcher));
            }
        }
        ExpectedBody::Json(pattern) => match serde_json::from_slice::<Value>(actual) {
            Ok(json) => {
                compare_json(pattern, Some(&json), Extent::Whole, &Place::root(&format!("the {what}")), differences);
            }
            Err(_) => differs("JSON".to_owned()),
        },
        ExpectedBody::Form(parts) => match content_type.and_then(|kind| reading::form(kind, actual)) {
            Some(found) => compare_parts(expected, parts, of, &found, file, differences),
            None => differs("a form of the type multipart/form-data".to_owned()),
        },
        ExpectedBody::Urlencoded(pairs) => match std::str::from_utf8(actual).ok().and_then(reading::urlencoded) {
            Some(found) => compare_pairs(expected, pairs, of, &found, differences),
            None => differs("a form of the type application/x-www-form-urlencoded".to_owned()),
        },
    }
}

fn compare_parts(
    body: &Placed<ExpectedBody>,
    expected: &[Placed<ExpectedPart>],
    of: &str,
    found: &[Part],
    file: File<'_>,
    differences: &mut Differences,
) {
    let wanted: Vec<_> = expected.iter().map(|part| part.value.name.as_str()).collect();
    let names: Vec<_> = found.iter().map(|part| part.name.as_str()).collect();
    if wanted != names {
        return differences.add(body.span, format!("parts of {of}"), listed(&wanted), listed(&names));
    }
    for (expected, part) in expected.iter().map(|part| &part.value).zip(found) {
        let of = format!("part `{}` of {of}", expected.name);
        if let Some(filename) = &expected.filename {
            compare_text(filename, format!("filename of {of}"), part.filename.as_deref(), differences);
        }
        if let Some(content_type) = &expected.content_type {
            compare_text(content_type, format!("type of {of}"), part.content_type.as_deref(), differences);
        }
        if let Some(content) = &expected.content {
            compare_body(content, &of, part.content_type.as_deref(), &part.content, file, differences);
        }
    }
}

fn compare_pairs(
    body: &Placed<ExpectedBody>,
    expected: &[(String, Placed<TextMatcher>)],
    of: &str,
    found: &[(String, String)],
    differences: &mut Differences,
) {
    // One that must be absent is no pair.
    let must_be = || expected.iter().filter(|(_, matcher)| !matches!(matcher.value, TextMatcher::Absent));
    let wanted: Vec<_> = must_be().map(|(name, _)| name.as_str()).collect();
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    if wanted != names {
        return differences.add(body.span, format!("pairs of {of}"), listed(&wanted), listed(&names));
    }
    for ((name, expected), (_, value)) in must_be().zip(found) {
        compare_text(expected, format!("pair `{name}` of {of}"), Some(value), differences);
    }
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.iter().map(|name| shown_text(name)).collect::<Vec<_>>().join(", "),
    }
}
