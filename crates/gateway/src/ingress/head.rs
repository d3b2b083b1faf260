//! What a request's head may look like, and what it tells.
//!
//! An attacker would try to have this gateway and a proxy before it disagree on where a request ends. hyper has parsed the
//! head by now; whatever it lets through that a strict proxy must refuse is refused here, and the connection is closed.

use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, HeaderMap, HeaderName, TRANSFER_ENCODING,
};
use http::{Version, request::Parts};
use percent_encoding::percent_decode_str;
use rules::failure::{Failure, Problem};
use wire::digest::ClientDigests;
use wire::disposition::{self, Context};
use wire::name::{FileName, NameError};

/// Longest request target in bytes: room for many parameters, far below what would fill a head.
const MAX_TARGET: usize = 8 * 1024;

/// Longest file name in bytes that any rule can allow; the route's own limit is checked at admission.
const MAX_NAME: usize = 4096;

/// The field with the exact size of a body that comes without `Content-Length`.
const UPLOAD_LENGTH: &str = "upload-length";

/// Refuses what hyper dispatches and a strict server must not. The connection is closed afterwards.
///
/// # Errors
/// Ambiguous framing, a missing or doubled `Host`, methods that are no request to a server like this, unknown expectations,
/// transfer and content codings that are not plain.
pub(crate) fn check(head: &Parts) -> Result<(), Failure> {
    let framing_is_ambiguous =
        head.headers.contains_key(CONTENT_LENGTH) && head.headers.contains_key(TRANSFER_ENCODING);
    if framing_is_ambiguous {
        return Err(malformed("the request has both Content-Length and Transfer-Encoding"));
    }
    if head.version < Version::HTTP_11 && head.headers.contains_key(TRANSFER_ENCODING) {
        return Err(malformed("Transfer-Encoding does not exist in HTTP/1.0"));
    }
    check_host(head)?;
    check_codings(&head.headers)?;
    let target_len = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target_len > MAX_TARGET {
        return Err(Failure::new(
            Problem::TargetTooLong,
            format!("the request target is longer than {MAX_TARGET} bytes"),
        ));
    }
    match single(&head.headers, &EXPECT)? {
        Some(expectation) if !expectation.eq_ignore_ascii_case("100-continue") => {
            Err(Failure::new(Problem::ExpectationUnknown, "the only expectation known is 100-continue"))
        }
        _ => Ok(()),
    }
}

/// RFC 9112, section 3.2: exactly one `Host`, and no user information in it. HTTP/2 has `:authority` in its place.
fn check_host(head: &Parts) -> Result<(), Failure> {
    let fields = head.headers.get_all(HOST).iter().count();
    let authority = head.uri.authority();
    let expected = match head.version {
        Version::HTTP_2 => fields + usize::from(authority.is_some()) >= 1 && fields <= 1,
        Version::HTTP_11 => fields == 1,
        _ => fields <= 1,
    };
    if !expected {
        return Err(malformed("a request has exactly one Host field"));
    }
    let Some(host) = head.headers.get(HOST) else { return Ok(()) };
    let host = host.to_str().ok().and_then(|host| host.parse::<http::uri::Authority>().ok());
    match (host, authority) {
        (Some(host), _) if host.as_str().contains('@') => Err(malformed("the Host field holds user information")),
        (Some(host), Some(target)) if !host.as_str().eq_ignore_ascii_case(target.as_str()) => {
            Err(malformed("the Host field disagrees with the request target"))
        }
        (Some(_), _) => Ok(()),
        (None, _) => Err(malformed("the Host field is malformed")),
    }
}

fn check_codings(headers: &HeaderMap) -> Result<(), Failure> {
    let refused = |name: &HeaderName, plain: &str| {
        headers.get_all(name).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(plain.as_bytes()))
    };
    if headers.get_all(TRANSFER_ENCODING).iter().count() > 1 || refused(&TRANSFER_ENCODING, "chunked") {
        return Err(Failure::new(Problem::CodingNotSupported, "the only transfer coding accepted is one `chunked`"));
    }
    if refused(&CONTENT_ENCODING, "identity") {
        return Err(Failure::new(
            Problem::CodingNotSupported,
            "files are stored as sent: Content-Encoding is not supported",
        ));
    }
    Ok(())
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
    let digits_only = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits_only => Ok(Some(number)),
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
    let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| Ok((decode(name)?, decode(value)?)))
        .collect()
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
        let cases = [
            ("plain", plain(), None),
            ("with length", plain().header("content-length", "3"), None),
            ("chunked", plain().header("transfer-encoding", "chunked"), None),
            ("expecting", plain().header("expect", "100-Continue"), None),
            ("identity", plain().header("content-encoding", "identity"), None),
            (
                "both framings",
                plain().header("content-length", "3").header("transfer-encoding", "chunked"),
                Some("malformed-request"),
            ),
            ("no host", Request::put("/a/b"), Some("malformed-request")),
            ("two hosts", plain().header("host", "gateway.example"), Some("malformed-request")),
            ("user in host", Request::put("/a").header("host", "a@b"), Some("malformed-request")),
            ("path in host", Request::put("/a").header("host", "b/c"), Some("malformed-request")),
            ("empty host", Request::put("/a").header("host", ""), Some("malformed-request")),
            (
                "other target",
                Request::put("http://other/a").header("host", "gateway.example"),
                Some("malformed-request"),
            ),
            (
                "twice chunked",
                plain().header("transfer-encoding", "chunked").header("transfer-encoding", "chunked"),
                Some("coding-not-supported"),
            ),
            ("gzip, chunked", plain().header("transfer-encoding", "gzip, chunked"), Some("coding-not-supported")),
            (
                "1.0 chunked",
                plain().version(Version::HTTP_10).header("transfer-encoding", "chunked"),
                Some("malformed-request"),
            ),
            ("gzip content", plain().header("content-encoding", "gzip"), Some("coding-not-supported")),
            ("unknown expectation", plain().header("expect", "200-ok"), Some("expectation-unknown")),
            ("long target", Request::put(long).header("host", "h"), Some("target-too-long")),
        ];
        for (name, request, expected) in cases {
            assert_eq!(problem_of(check(&head(request))), expected, "{name}");
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
