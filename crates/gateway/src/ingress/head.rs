//! What a request's head may look like, and what it tells.
//!
//! An attacker would try to have this gateway and a proxy before it disagree on where a request ends or whom it is for. The
//! bytes of HTTP/1 heads passed the gate of `wire::http1`, and h2 has checked those of HTTP/2; what is refused here concerns
//! both protocols alike, or is what h2 lets through. The connection is closed then.

use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue,
};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{Method, Version};
use percent_encoding::percent_decode_str;
use rules::config::Limits;
use rules::failure::{Failure, Problem};
use wire::digest::ClientDigests;
use wire::disposition::{self, Context};
use wire::fields::is_disguised;
use wire::http1::gate::{HeadRefusal, is_authority, is_path_and_query};
use wire::name::{FileName, NameError};

/// Longest file name in bytes that any rule can allow; the route's own limit is checked at admission.
const MAX_NAME: usize = 4096;

/// The field with the exact size of a body that comes without `Content-Length`.
const UPLOAD_LENGTH: &str = "upload-length";

/// Refuses what a strict server must not serve. The connection is closed afterwards.
///
/// # Errors
/// A missing, doubled or malformed `Host`, or one that disagrees with the target; methods that are no request to a server like
/// this; fields in disguise; unknown expectations; content codings; parts of files; more or longer fields than the limits.
pub(crate) fn check(head: &Parts, limits: &Limits) -> Result<(), Failure> {
    if matches!(head.method, Method::CONNECT | Method::TRACE) {
        return Err(malformed("this server takes neither CONNECT nor TRACE"));
    }
    check_host(head)?;
    if head.headers.keys().any(|name| is_disguised(name.as_str().as_bytes())) {
        return Err(malformed("a header field has a name that some servers take for another's"));
    }
    let content_codings = head.headers.get_all(CONTENT_ENCODING).iter();
    if content_codings.into_iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let detail = "files are stored as sent: Content-Encoding is not supported";
        return Err(Failure::new(Problem::CodingNotSupported, detail));
    }
    // RFC 9110 section 14.5: a server that knows no partial PUT must not take a part for the whole.
    if head.headers.contains_key(CONTENT_RANGE) {
        return Err(malformed("files are stored as a whole: Content-Range is not supported"));
    }
    if has_dot_folder(head.uri.path()) {
        return Err(malformed("the path has a segment `.` or `..`"));
    }
    check_sizes(head, limits)?;
    match single(&head.headers, &EXPECT)? {
        Some(expectation) if !expectation.eq_ignore_ascii_case("100-continue") => {
            Err(Failure::new(Problem::ExpectationUnknown, "the only expectation known is 100-continue"))
        }
        _ => Ok(()),
    }
}

/// On HTTP/1 the gate has done this by now, and has told longer heads from others before they were whole.
fn check_sizes(head: &Parts, limits: &Limits) -> Result<(), Failure> {
    let target = head.uri.path_and_query().map_or("", PathAndQuery::as_str);
    if target.len() > limits.target_size {
        let detail = HeadRefusal::TargetTooLong(limits.target_size).to_string();
        return Err(Failure::new(Problem::TargetTooLong, detail));
    }
    if !matches!(target, "" | "*") && !is_path_and_query(target.as_bytes()) {
        return Err(malformed(HeadRefusal::Target.to_string()));
    }
    if head.headers.len() > limits.head_fields {
        let detail = HeadRefusal::TooManyFields(limits.head_fields).to_string();
        return Err(Failure::new(Problem::HeadTooLarge, detail));
    }
    let line_len = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + b": ".len() + value.len();
    if head.headers.iter().map(line_len).any(|len| len > limits.head_line) {
        let detail = HeadRefusal::LineTooLong(limits.head_line).to_string();
        return Err(Failure::new(Problem::HeadTooLarge, detail));
    }
    Ok(())
}

/// Whether a folder of the path is `.` or `..`, encoded or not: a server before this one may have taken it for another path. A last
/// segment is a file's name, which has an answer of its own.
fn has_dot_folder(path: &str) -> bool {
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    folders.split('/').any(|folder| matches!(&*percent_decode_str(folder).decode_utf8_lossy(), "." | ".."))
}

/// Whether the client sends its body only when told to. HTTP/1.0 does not know this (RFC 9110 section 10.1.1).
pub(crate) fn awaits_100(head: &Parts) -> bool {
    head.headers.contains_key(EXPECT) && head.version >= Version::HTTP_11
}

/// RFC 9112, section 3.2: exactly one `Host`, with nothing in it but a host and a port, and the same as the target's if that
/// has one. HTTP/2 has `:authority` in its place (RFC 9113, section 8.3.1).
fn check_host(head: &Parts) -> Result<(), Failure> {
    let fields = head.headers.get_all(HOST).iter().count();
    let authority = head.uri.authority().map(Authority::as_str);
    let expected = match head.version {
        Version::HTTP_2 => fields + usize::from(authority.is_some()) >= 1 && fields <= 1,
        Version::HTTP_11 => fields == 1,
        _ => fields <= 1,
    };
    if !expected {
        return Err(malformed("a request has exactly one Host field"));
    }
    let host = head.headers.get(HOST).map(HeaderValue::as_bytes);
    if [host, authority.map(str::as_bytes)].into_iter().flatten().any(|host| !is_authority(host)) {
        return Err(malformed("the Host field is malformed"));
    }
    match (host, authority) {
        (Some(host), Some(target)) if !host.eq_ignore_ascii_case(target.as_bytes()) => {
            Err(malformed("the Host field disagrees with the request target"))
        }
        _ => Ok(()),
    }
}

/// The one value of a field that may stand once at most.
///
/// # Errors
/// `malformed-request` if it stands twice or is no visible text.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Failure> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(malformed(format!("the field {name} stands more than once")));
    }
    first
        .map(|value| {
            value.to_str().map(str::trim).map_err(|_| malformed(format!("the field {name} is not plain text")))
        })
        .transpose()
}

/// The sizes that the head announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AnnouncedSizes {
    /// `Content-Length`: of the body.
    pub(crate) content_length: Option<u64>,
    /// `Upload-Length`: of the file.
    pub(crate) upload_length: Option<u64>,
}

impl AnnouncedSizes {
    /// Bytes of the body; of a form without `Content-Length` at least the file's.
    pub(crate) fn of_body(self) -> Option<u64> {
        self.content_length.or(self.upload_length)
    }
}

/// Reads the sizes.
///
/// # Errors
/// `malformed-request` for anything but plain decimal digits.
pub(crate) fn announced_sizes(headers: &HeaderMap) -> Result<AnnouncedSizes, Failure> {
    let content_length = decimal(headers, &CONTENT_LENGTH)?;
    let upload_length = decimal(headers, &HeaderName::from_static(UPLOAD_LENGTH))?;
    Ok(AnnouncedSizes { content_length, upload_length })
}

fn decimal(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, Failure> {
    let Some(text) = single(headers, name)? else { return Ok(None) };
    // No sign, and no leading zero, which some read as octal.
    let is_plain = text == "0" || text.starts_with(|first: char| ('1'..='9').contains(&first));
    match text.parse() {
        Ok(number) if is_plain && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Some(number)),
        _ => Err(malformed(format!("the field {name} is not a plain decimal number"))),
    }
}

/// The declared media type, without a form's parameters.
///
/// # Errors
/// `malformed-request` if the field stands twice.
pub(crate) fn content_type(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    Ok(single(headers, &CONTENT_TYPE)?.filter(|value| !value.is_empty()).map(str::to_owned))
}

/// The client's digests: of the file in a raw upload, of the whole body in a form.
///
/// # Errors
/// `malformed-request` for a field that breaks RFC 9530 or RFC 1864.
pub(crate) fn digests(headers: &HeaderMap) -> Result<ClientDigests, Failure> {
    let fields = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    ClientDigests::parse(fields).map_err(|error| malformed(error.to_string()))
}

/// The query's pairs, decoded; a `+` means a space.
///
/// # Errors
/// `malformed-request` for broken percent-encoding or bytes that are no UTF-8.
pub(crate) fn query_pairs(query: Option<&str>) -> Result<Vec<(String, String)>, Failure> {
    split_query(query).map(|(name, value)| Ok((decode(name)?, decode(value)?))).collect()
}

/// The query's pairs as they came.
pub(crate) fn split_query(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn decode(text: &str) -> Result<String, Failure> {
    if !rules::routing::is_well_encoded(text) {
        return Err(malformed("the query has a `%` that is not followed by two hexadecimal digits"));
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| malformed("the query is not UTF-8"))
}

/// The file name of a raw upload: the path's, else `Content-Disposition`'s, else the query's.
///
/// # Errors
/// `name-refused` for a name that could never be one; `malformed-request` for a broken field or two that disagree.
pub(crate) fn file_name(
    headers: &HeaderMap,
    path: Option<&[u8]>,
    query: Option<&str>,
) -> Result<Option<FileName>, Failure> {
    if let Some(name) = path {
        return checked_name(name).map(Some);
    }
    let field = single_bytes(headers)?;
    let disposition = field
        .map(|value| disposition::parse(value, Context::Http))
        .transpose()
        .map_err(|error| malformed(error.to_string()))?
        .and_then(|disposition| disposition.filename);
    match (disposition, query) {
        (Some(field), Some(query)) if field != query => {
            Err(malformed("Content-Disposition and the query's `filename` disagree"))
        }
        (Some(name), _) => checked_name(name.as_bytes()).map(Some),
        (None, Some(name)) => checked_name(name.as_bytes()).map(Some),
        (None, None) => Ok(None),
    }
}

fn single_bytes(headers: &HeaderMap) -> Result<Option<&[u8]>, Failure> {
    let mut values = headers.get_all(http::header::CONTENT_DISPOSITION).iter();
    let first = values.next();
    match values.next() {
        Some(_) => Err(malformed("the field content-disposition stands more than once")),
        None => Ok(first.map(http::HeaderValue::as_bytes)),
    }
}

/// Checks a name from anywhere.
///
/// # Errors
/// `name-refused`.
pub(crate) fn checked_name(name: &[u8]) -> Result<FileName, Failure> {
    let name = std::str::from_utf8(name).map_err(|_| NameError::NotUtf8);
    let name = name.and_then(|name| FileName::parse_with_max(name, MAX_NAME));
    name.map_err(|error| Failure::new(Problem::NameRefused, error.to_string()))
}

fn malformed(detail: impl Into<String>) -> Failure {
    Failure::new(Problem::MalformedRequest, detail)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const MAX_TARGET: usize = 8 * 1024;

    fn head(request: http::request::Builder) -> Parts {
        request.body(()).expect("a request").into_parts().0
    }

    fn plain() -> http::request::Builder {
        Request::put("/a/b").header("host", "gateway.example")
    }

    fn problem_of<T>(result: Result<T, Failure>) -> Option<&'static str> {
        result.err().map(|failure| failure.problem.name())
    }

    #[test]
    fn refuses_heads_that_two_servers_could_read_in_two_ways() {
        let long = format!("/{}", "a".repeat(MAX_TARGET));
        let limits = Limits { head_fields: 8, head_line: 64, ..crate::server::tests::config().limits };
        let cases = [
            ("plain", plain(), None),
            ("with port", Request::put("/a").header("host", "[::1]:8080"), None),
            ("absolute target", Request::put("http://Gateway.example/a").header("host", "gateway.EXAMPLE"), None),
            ("HTTP/1.0 without a host", Request::put("/a").version(Version::HTTP_10), None),
            ("expecting", plain().header("expect", "100-Continue"), None),
            ("identity", plain().header("content-encoding", "identity"), None),
            ("no host", Request::put("/a/b"), Some("malformed-request")),
            ("two hosts", plain().header("host", "gateway.example"), Some("malformed-request")),
            ("user in host", Request::put("/a").header("host", "a@b"), Some("malformed-request")),
            ("path in host", Request::put("/a").header("host", "b/c"), Some("malformed-request")),
            ("list in host", Request::put("/a").header("host", "a, b"), Some("malformed-request")),
            ("empty port in host", Request::put("/a").header("host", "a:"), Some("malformed-request")),
            ("empty host", Request::put("/a").header("host", ""), Some("malformed-request")),
            (
                "other target",
                Request::put("http://other/a").header("host", "gateway.example"),
                Some("malformed-request"),
            ),
            ("user in target", Request::put("http://a@b/").header("host", "a@b"), Some("malformed-request")),
            ("dot segment", Request::put("/a/../b").header("host", "h"), Some("malformed-request")),
            ("encoded dot segment", Request::put("/a/%2E%2e/b").header("host", "h"), Some("malformed-request")),
            ("one dot", Request::put("/./b").header("host", "h"), Some("malformed-request")),
            ("three dots", Request::put("/.../b").header("host", "h"), None),
            ("dots at the end", Request::put("/a/..").header("host", "h"), None),
            ("field in disguise", plain().header("content_length", "1"), Some("malformed-request")),
            ("trace", Request::builder().method("TRACE").uri("/").header("host", "a"), Some("malformed-request")),
            (
                "connect",
                Request::builder().method("CONNECT").uri("a:443").header("host", "a:443"),
                Some("malformed-request"),
            ),
            // Regressed: the part was stored as the whole file.
            ("a part", plain().header("content-range", "bytes 5-9/10"), Some("malformed-request")),
            ("gzip content", plain().header("content-encoding", "gzip"), Some("coding-not-supported")),
            ("unknown expectation", plain().header("expect", "200-ok"), Some("expectation-unknown")),
            ("two expectations", plain().header("expect", "100-continue, x"), Some("expectation-unknown")),
            ("quote in the target", Request::put("/a?b").uri("/a\"b").header("host", "h"), Some("malformed-request")),
            ("long line", plain().header("x", "a".repeat(62)), Some("head-too-large")),
            ("line within the limit", plain().header("x", "a".repeat(61)), None),
            (
                "many fields",
                (0..8).fold(plain(), |head, at| head.header(format!("x-{at}"), "a")),
                Some("head-too-large"),
            ),
            ("long target", Request::put(long).header("host", "h"), Some("target-too-long")),
        ];
        for (name, request, expected) in cases {
            assert_eq!(problem_of(check(&head(request), &limits)), expected, "{name}");
        }
    }

    #[test]
    fn takes_only_plain_decimal_sizes() {
        for (value, expected) in [
            ("0", Some(0)),
            ("12", Some(12)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("+1", None),
            ("-1", None),
            ("1 ", Some(1)),
            ("", None),
            ("0x1", None),
            ("1,1", None),
            ("01", None),
            ("00", None),
        ] {
            let parts = head(plain().header(UPLOAD_LENGTH, value));
            assert_eq!(
                announced_sizes(&parts.headers).ok().and_then(|sizes| sizes.upload_length),
                expected,
                "{value:?}"
            );
        }
        let twice = head(plain().header(UPLOAD_LENGTH, "1").header(UPLOAD_LENGTH, "1"));
        assert_eq!(problem_of(announced_sizes(&twice.headers)), Some("malformed-request"));
    }

    #[test]
    fn decodes_the_query_once() {
        let pairs = query_pairs(Some("a=1&b=x+y%2B%26&&c&a=2")).expect("it is well-formed");
        let expected = [("a", "1"), ("b", "x y+&"), ("c", ""), ("a", "2")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(problem_of(query_pairs(Some("a=%4"))), Some("malformed-request"));
        assert_eq!(problem_of(query_pairs(Some("a=%ff"))), Some("malformed-request"));
    }

    #[test]
    fn takes_the_name_from_the_path_then_the_field_then_the_query() {
        let named =
            head(plain().header("content-disposition", "attachment; filename=\"x.png\"; filename*=UTF-8''y%20z.png"));
        let name = |path: Option<&[u8]>, query| {
            file_name(&named.headers, path, query).map(|name| name.map(|name| name.as_str().to_owned()))
        };
        assert_eq!(name(Some(b"p.png"), None).ok().flatten().as_deref(), Some("p.png"));
        assert_eq!(name(None, None).ok().flatten().as_deref(), Some("y z.png"));
        assert_eq!(name(None, Some("y z.png")).ok().flatten().as_deref(), Some("y z.png"));
        assert_eq!(problem_of(name(None, Some("other.png"))), Some("malformed-request"));
        assert_eq!(problem_of(name(Some(b"a/b"), None)), Some("name-refused"));
        assert_eq!(problem_of(name(Some(b"\xff"), None)), Some("name-refused"));
    }
}
