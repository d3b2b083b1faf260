//! The filters of the trade, and those of minijinja that would print values its own way.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, State, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use regex::Regex;

use super::{growth, to_json, to_text};
use crate::when;

/// What RFC 3986 (2.3) leaves unreserved.
pub(crate) const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// RFC 8187, 3.2.1: `attr-char`.
const ATTR_CHAR: &AsciiSet =
    &COMPONENT.remove(b'!').remove(b'#').remove(b'$').remove(b'&').remove(b'+').remove(b'^').remove(b'`').remove(b'|');

pub(super) fn add_to(environment: &mut Environment<'static>) {
    for unwanted in ["safe", "escape", "e", "pprint", "indent", "format"] {
        environment.remove_filter(unwanted);
    }
    environment.add_filter("basename", |text: &str| basename(text).to_owned());
    environment.add_filter("extension", |text: &str| extension(text).to_owned());
    environment.add_filter("b64", b64);
    environment.add_filter("hex", hex);
    environment.add_filter("json", json);
    environment.add_filter("urlencode", urlencode);
    environment.add_filter("rfc5987", rfc5987);
    environment.add_filter("xml", xml);
    environment.add_filter("unquote", |text: &str| unquote(text).to_owned());
    environment.add_filter("split", split);
    environment.add_filter("regex", regex_group);
    environment.add_filter("ceil_div", ceil_div);
    environment.add_filter("iso8601", |time: Value| when::iso8601(instant(&time)?).ok_or_else(no_time));
    environment.add_filter("unix", |time: Value| Ok::<_, Error>(instant(&time)?.unix_timestamp()));
    environment.add_filter("http_date", |time: Value| when::http_date(instant(&time)?).ok_or_else(no_time));
    environment.add_filter("tus_metadata", tus_metadata);
    environment.add_filter("policy_expiry", policy_expiry);
    environment.add_filter("string", |value: Value| scalar(&value));
    environment.add_filter("join", growth::join);
    environment.add_filter("replace", growth::replace);
    environment.add_filter("slice", growth::slice);
    environment.add_filter("batch", growth::batch);
}

/// An error of ours: its text names the problem and never the value.
pub(super) fn failed(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

fn no_time() -> Error {
    failed("`time` is no time that can be written")
}

pub(super) fn scalar(value: &Value) -> Result<String, Error> {
    to_text(value).map_err(|what| Error::new(ErrorKind::InvalidOperation, format!("`text` expected, not {what}")))
}

fn instant(value: &Value) -> Result<time::OffsetDateTime, Error> {
    when::parse(value).ok_or_else(|| failed("`time` is no RFC 3339 text, HTTP date or Unix seconds"))
}

fn basename(text: &str) -> &str {
    text.rsplit(['/', '\\']).next().unwrap_or(text)
}

fn extension(text: &str) -> &str {
    basename(text).trim_end_matches(['.', ' ']).rsplit_once('.').map_or("", |(_, suffix)| suffix)
}

#[expect(clippy::needless_pass_by_value, reason = "a filter takes its arguments by value")]
fn b64(state: &mut State<'_, '_>, text: Value) -> Result<String, Error> {
    growth::counted(state, BASE64_STANDARD.encode(scalar(&text)?))
}

#[expect(clippy::needless_pass_by_value, reason = "a filter takes its arguments by value")]
fn hex(state: &mut State<'_, '_>, text: Value) -> Result<String, Error> {
    growth::counted(state, crate::run::hex(scalar(&text)?.as_bytes()))
}

#[expect(clippy::needless_pass_by_value, reason = "a filter takes its arguments by value")]
fn json(state: &mut State<'_, '_>, value: Value) -> Result<String, Error> {
    let unfit = |what| Error::new(ErrorKind::InvalidOperation, format!("`json` cannot hold {what}"));
    growth::counted(state, to_json(&value).map_err(unfit)?.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "a filter takes its arguments by value")]
fn urlencode(state: &mut State<'_, '_>, value: Value) -> Result<String, Error> {
    let encode = |text: &str| utf8_percent_encode(text, COMPONENT).to_string();
    if value.kind() != ValueKind::Map {
        return growth::counted(state, encode(&scalar(&value)?));
    }
    let pairs = pairs(&value)?;
    let pairs: Vec<_> = pairs.iter().map(|(name, text)| format!("{}={}", encode(name), encode(text))).collect();
    growth::counted(state, pairs.join("&"))
}

#[expect(clippy::needless_pass_by_value, reason = "a filter takes its arguments by value")]
fn rfc5987(state: &mut State<'_, '_>, text: Value) -> Result<String, Error> {
    growth::counted(state, format!("UTF-8''{}", utf8_percent_encode(&scalar(&text)?, ATTR_CHAR)))
}

/// For element text and for attributes in either kind of quotes. What XML 1.0 cannot hold at all (section 2.2) is an error, as
/// a receiver would refuse the whole document for it.
#[expect(clippy::needless_pass_by_value, reason = "a filter takes its arguments by value")]
fn xml(text: Value) -> Result<String, Error> {
    let text = scalar(&text)?;
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // As they stand, a parser would turn them into spaces or line feeds.
            '\t' | '\n' | '\r' => escaped.push_str(&format!("&#{};", u32::from(c))),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                return Err(Error::new(ErrorKind::BadEscape, "`xml` got a character that XML cannot hold"));
            }
            c => escaped.push(c),
        }
    }
    Ok(escaped)
}

fn unquote(text: &str) -> &str {
    let tag = text.strip_prefix("W/").unwrap_or(text);
    tag.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(text)
}

fn split(text: &str, separator: &str) -> Result<Vec<String>, Error> {
    if separator.is_empty() {
        return Err(failed("`split` needs a separator"));
    }
    Ok(text.split(separator).map(ToOwned::to_owned).collect())
}

fn regex_group(text: &str, pattern: &str) -> Result<Value, Error> {
    let regex = Regex::new(pattern).map_err(|_| failed("`regex` got a pattern that is no regular expression"))?;
    let Some(captures) = regex.captures(text) else { return Ok(Value::UNDEFINED) };
    let found = captures.get(1).or_else(|| captures.get(0));
    Ok(found.map_or(Value::UNDEFINED, |found| found.as_str().into()))
}

fn ceil_div(dividend: u64, divisor: u64) -> Result<u64, Error> {
    if divisor == 0 {
        return Err(failed("`ceil_div` by zero"));
    }
    Ok(dividend.div_ceil(divisor))
}

#[expect(clippy::needless_pass_by_value, reason = "a filter takes its arguments by value")]
fn tus_metadata(map: Value) -> Result<String, Error> {
    let mut items = Vec::new();
    for (name, text) in pairs(&map)? {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',') {
            return Err(failed("`tus_metadata` has a key that is empty, not ASCII or has spaces or commas"));
        }
        items.push(if text.is_empty() { name } else { format!("{name} {}", BASE64_STANDARD.encode(text)) });
    }
    Ok(items.join(","))
}

fn policy_expiry(policy: &str) -> Result<String, Error> {
    crate::policy::expiration(policy)
        .ok_or_else(|| failed("`policy_expiry` got no base64 POST policy with an expiration"))
}

/// The pairs of a map of scalars.
fn pairs(map: &Value) -> Result<Vec<(String, String)>, Error> {
    let not_a_map = || failed("`map` expected");
    let keys = map.try_iter().map_err(|_| not_a_map())?;
    keys.map(|key| Ok((scalar(&key)?, scalar(&map.get_item(&key).map_err(|_| not_a_map())?)?))).collect()
}
