//! What the upstream hears and says.

use http::{HeaderName, HeaderValue, StatusCode};

use super::pattern::{base64, json, matcher, matchers, pattern, placed};
use crate::check::fields::Fields;
use crate::config::{
    ExpectedBody, ExpectedPart, ExpectedRequest, Placed, ScriptedAnswer, ScriptedExchange, TextMatcher,
};
use crate::diagnostics::Problems;
use crate::schema::table::example::{EXCHANGE, EXPECTED_PART, EXPECTED_REQUEST, SCRIPTED_ANSWER};
use crate::source::Node;

/// Fields that say where a message ends: the runner writes them.
const FRAMING: [&str; 3] = ["content-length", "transfer-encoding", "connection"];

/// Reads one exchange; `None` after problems.
pub(super) fn read(node: &Node, text: &str, problems: &mut Problems) -> Option<Placed<ScriptedExchange>> {
    let file = Fields::new(Some(node), &EXCHANGE);
    let expected = file.get("expect").map(|node| expected(node, text, problems));
    let answer = answer(file.get("answer")?, problems)?;
    match (&answer, file.get("expect")) {
        (ScriptedAnswer::Refused, Some(node)) => {
            problems
                .error(node.span, "nothing is heard on a connection that is refused")
                .hint("remove `expect`, or let the answer be `reset`");
            return None;
        }
        (ScriptedAnswer::Refused, None) => {}
        (_, None) => {
            problems
                .error(node.span, "this exchange does not say which request it answers")
                .hint("add `expect: { method: …, url: … }`");
            return None;
        }
        (ScriptedAnswer::Unfinished, Some(node)) => no_body(node, problems)?,
        (_, Some(_)) => {}
    }
    let expected = match expected {
        Some(expected) => Some(expected?),
        None => None,
    };
    Some(placed(node, ScriptedExchange { expected, answer }))
}

fn no_body(node: &Node, problems: &mut Problems) -> Option<()> {
    let keys = ["body", "text", "json", "base64", "form", "urlencoded"];
    let Some(entry) = node.entries().iter().find(|entry| keys.contains(&entry.key.as_str())) else { return Some(()) };
    problems
        .error(entry.key_span, "the body of an unfinished request is not known")
        .hint("how much of it is sent depends on timing: remove the key");
    None
}

fn expected(node: &Node, text: &str, problems: &mut Problems) -> Option<ExpectedRequest> {
    let file = Fields::new(Some(node), &EXPECTED_REQUEST);
    let method = file.get("method").and_then(|node| Some(placed(node, node.text()?.to_owned())));
    let url = file.get("url").and_then(|node| matcher(node, text, problems));
    if let Some(url) = &url {
        check_url(url, file.get("query").is_some(), problems)?;
    }
    let query = match file.get("query") {
        Some(node) => Some(matchers(node, text, problems)?),
        None => None,
    };
    let headers = match file.get("headers") {
        Some(node) => matchers(node, text, problems)?,
        None => Vec::new(),
    };
    let body = body(&file, text, problems)?;
    Some(ExpectedRequest { method: method?, url: url?, query, headers, body })
}

fn check_url(url: &Placed<TextMatcher>, has_query: bool, problems: &mut Problems) -> Option<()> {
    let wrong = match &url.value {
        TextMatcher::Matches { .. } => return Some(()),
        TextMatcher::Absent => Some(("a request has a URL", "write it, or `{ $matches: … }`")),
        TextMatcher::Is(url) if !url.starts_with("https://") && !url.starts_with("http://") => Some((
            "this is no whole URL",
            "write it as it is sent: `https://api.example.com/v1/files`; where a target's `url` comes from a variable without a default, \
             the example sets it in `env`",
        )),
        TextMatcher::Is(url) if has_query && url.contains('?') => {
            Some(("the query is told twice", "end `url` before its `?`, or remove `query`"))
        }
        TextMatcher::Is(_) => None,
    };
    let Some((message, hint)) = wrong else { return Some(()) };
    problems.error(url.span, message).hint(hint);
    None
}

/// `Some(None)` where no body is named.
fn body(file: &Fields<'_>, text: &str, problems: &mut Problems) -> Option<Option<Placed<ExpectedBody>>> {
    let kinds = ["body", "text", "json", "base64", "form", "urlencoded"];
    let Some((kind, node)) = kinds.iter().find_map(|kind| Some((*kind, file.get(kind)?))) else { return Some(None) };
    let value = match kind {
        "body" if node.text()? == "file" => ExpectedBody::File,
        "body" => ExpectedBody::Nothing,
        "text" => ExpectedBody::Text(matcher(node, text, problems)?.value),
        "json" => ExpectedBody::Json(pattern(node, text, problems)?),
        "base64" => ExpectedBody::Bytes(base64(node, problems)?),
        "urlencoded" => ExpectedBody::Urlencoded(matchers(node, text, problems)?),
        _ => {
            let parts: Vec<_> = node.items().iter().map(|part| self::part(part, text, problems)).collect();
            ExpectedBody::Form(parts.into_iter().collect::<Option<_>>()?)
        }
    };
    Some(Some(placed(node, value)))
}

fn part(node: &Node, text: &str, problems: &mut Problems) -> Option<Placed<ExpectedPart>> {
    let file = Fields::new(Some(node), &EXPECTED_PART);
    let mut optional = |key: &str| match file.get(key) {
        Some(node) => matcher(node, text, problems).map(Some),
        None => Some(None),
    };
    let (filename, content_type) = (optional("filename"), optional("type"));
    let content = body(&file, text, problems)?;
    let part = ExpectedPart { name: file.text("name")?, filename: filename?, content_type: content_type?, content };
    Some(placed(node, part))
}

fn answer(node: &Node, problems: &mut Problems) -> Option<ScriptedAnswer> {
    match node.text() {
        Some("refused") => return Some(ScriptedAnswer::Refused),
        Some("reset") => return Some(ScriptedAnswer::Reset),
        Some(_) => return Some(ScriptedAnswer::Unfinished),
        None => {}
    }
    let file = Fields::new(Some(node), &SCRIPTED_ANSWER);
    let status = file.read("status", |text| crate::schema::values::integer(text, 200, 599));
    let headers = headers(file.get("headers"), &FRAMING, problems);
    let (body, default_type) = if let Some(node) = file.get("json") {
        (json(node, problems)?.to_string().into_bytes(), Some("application/json"))
    } else if let Some(node) = file.get("base64") {
        (base64(node, problems)?, None)
    } else {
        (file.text("text").unwrap_or_default().into_bytes(), None)
    };
    let mut headers = headers?;
    if let Some(media_type) = default_type
        && !headers.iter().any(|(name, _)| *name == http::header::CONTENT_TYPE)
    {
        headers.push((http::header::CONTENT_TYPE, HeaderValue::from_static(media_type)));
    }
    let status = StatusCode::from_u16(u16::try_from(status?).ok()?).ok()?;
    Some(ScriptedAnswer::Answer { status, headers, body })
}

/// Header fields that are sent; `None` after problems.
pub(super) fn headers(
    node: Option<&Node>,
    refused: &[&str],
    problems: &mut Problems,
) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let mut read = Vec::new();
    let mut sound = true;
    for entry in node.map(Node::entries).unwrap_or_default() {
        let name = HeaderName::from_bytes(entry.key.as_bytes());
        if let Some(name) = name.as_ref().ok().filter(|name| refused.contains(&name.as_str())) {
            problems
                .error(entry.key_span, format!("`{name}` is not written here"))
                .hint("it follows from the rest of the example");
        } else if name.is_err() {
            problems.error(entry.key_span, "this is no header's name").hint("write a name such as `X-Request-Id`");
        }
        let value = entry.value.text().map(|text| HeaderValue::from_str(text.trim_end_matches('\n')));
        if matches!(value, Some(Err(_))) {
            problems
                .error(entry.value.span, "this value cannot be sent in a header")
                .hint("a header holds one line without control characters");
        }
        match (name, value) {
            (Ok(name), Some(Ok(value))) if !refused.contains(&name.as_str()) => read.push((name, value)),
            _ => sound = false,
        }
    }
    sound.then_some(read)
}
