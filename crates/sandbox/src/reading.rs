//! What a strict server reads out of a request that was recorded as it came: for tests that compare it with what was meant.

use percent_encoding::percent_decode_str;

pub use crate::http::WholePart as Part;

/// The parts of a `multipart/form-data` body; `None` when it is malformed in any way.
pub fn form(content_type: &str, body: &[u8]) -> Option<Vec<Part>> {
    crate::http::read_form(content_type, body)
}

/// A request target, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The path's segments, decoded one by one, so that `%2F` stays inside its segment.
    pub segments: Vec<String>,
    /// The query's pairs, decoded; a `+` stays a plus.
    pub query: Vec<(String, String)>,
}

/// Reads a target; `None` when it is no path, has a character that no target may have, a broken encoding or bytes that are no
/// UTF-8.
pub fn target(target: &str) -> Option<Target> {
    if !target.bytes().all(|byte| byte.is_ascii_graphic() && !b"#<>\"\\".contains(&byte)) {
        return None;
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let segments = path.strip_prefix('/')?.split('/').map(decode).collect::<Option<_>>()?;
    Some(Target { segments, query: pairs(query, decode)? })
}

/// The pairs of an `application/x-www-form-urlencoded` body, in which a `+` is a space.
pub fn urlencoded(body: &str) -> Option<Vec<(String, String)>> {
    pairs(body, |text| decode(&text.replace('+', " ")))
}

fn pairs(text: &str, decode: impl Fn(&str) -> Option<String>) -> Option<Vec<(String, String)>> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((decode(name)?, decode(value)?))
        })
        .collect()
}

fn decode(text: &str) -> Option<String> {
    let complete = |rest: &str| rest.as_bytes().get(..2).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit));
    let whole = text.split('%').skip(1).all(complete);
    whole.then(|| percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned))?
}
