//! What a request's head says: method, target, fields in the order and case received, and the framing of the body.

use percent_encoding::percent_decode_str;

/// The head of one request, nothing normalised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The method, as sent.
    pub(crate) method: String,
    /// The request target, as sent: path and query.
    pub(crate) target: String,
    /// The header fields in order, names in the case received.
    pub(crate) headers: Vec<(String, String)>,
    /// Whether the client will accept another exchange on this connection.
    pub(crate) keep_alive: bool,
}

impl Head {
    /// The first field of that name, compared without case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Every field of that name, compared without case.
    pub(crate) fn headers_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The path as sent, without the query.
    pub(crate) fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The query as sent, empty when there is none.
    pub(crate) fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The path's segments, percent-decoded one by one, so that `%2F` stays inside its segment.
    pub(crate) fn segments(&self) -> Vec<String> {
        let path = self.path();
        let path = path.strip_prefix('/').unwrap_or(path);
        path.split('/').map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect()
    }

    /// Whether the body's declared type is this one, parameters aside.
    pub(crate) fn has_type(&self, wanted: &str) -> bool {
        let essence = self.header("content-type").and_then(|value| value.split(';').next());
        essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
    }

    /// The bearer token of the `Authorization` field.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    }
}

/// The parameters of a query, percent-decoded. A `+` stays a plus, as in RFC 3986.
pub(crate) fn decode_query(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// How the end of a request's body is known (RFC 9112, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// No body announced at all.
    Absent,
    /// Exactly this many bytes.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// Framing that no careful client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FramingError {
    #[error("the request has {0} host fields instead of one")]
    Hosts(usize),
    #[error("content-length is not one plain decimal number")]
    Length,
    #[error("content-length stands beside transfer-encoding")]
    LengthAndCoding,
    #[error("the transfer coding is not plain chunked")]
    Coding,
}

impl Framing {
    /// Reads the framing off the head, refusing everything ambiguous.
    pub(crate) fn of(head: &Head) -> Result<Framing, FramingError> {
        let hosts = head.headers_named("host").count();
        if hosts != 1 {
            return Err(FramingError::Hosts(hosts));
        }
        let lengths: Vec<&str> = head.headers_named("content-length").collect();
        let codings: Vec<&str> = head.headers_named("transfer-encoding").collect();
        match (lengths.as_slice(), codings.as_slice()) {
            ([], []) => Ok(Framing::Absent),
            ([length], []) => decimal(length).map(Framing::Length).ok_or(FramingError::Length),
            ([], [coding]) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
            ([], _) => Err(FramingError::Coding),
            (_, []) => Err(FramingError::Length),
            _ => Err(FramingError::LengthAndCoding),
        }
    }
}

/// A number of digits alone, without a leading zero.
fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[(&str, &str)]) -> Head {
        Head {
            method: "POST".into(),
            target: "/a%2Fb/c?x=1%20&y".into(),
            headers: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            keep_alive: true,
        }
    }

    #[test]
    fn refuses_every_ambiguous_framing() {
        let host = ("Host", "h");
        assert_eq!(Framing::of(&head(&[])), Err(FramingError::Hosts(0)));
        assert_eq!(Framing::of(&head(&[host, host])), Err(FramingError::Hosts(2)));
        for bad in ["+1", "01", "1 ", "", "0x1", "18446744073709551616"] {
            assert_eq!(Framing::of(&head(&[host, ("Content-Length", bad)])), Err(FramingError::Length), "{bad:?}");
        }
        let twice = [host, ("Content-Length", "1"), ("content-length", "1")];
        assert_eq!(Framing::of(&head(&twice)), Err(FramingError::Length));
        let both = [host, ("Content-Length", "1"), ("Transfer-Encoding", "chunked")];
        assert_eq!(Framing::of(&head(&both)), Err(FramingError::LengthAndCoding));
        assert_eq!(Framing::of(&head(&[host, ("Transfer-Encoding", "gzip, chunked")])), Err(FramingError::Coding));
    }

    #[test]
    fn reads_the_plain_framings() {
        let host = ("hOsT", "h");
        assert_eq!(Framing::of(&head(&[host])), Ok(Framing::Absent));
        assert_eq!(Framing::of(&head(&[host, ("Content-Length", "0")])), Ok(Framing::Length(0)));
        assert_eq!(Framing::of(&head(&[host, ("Transfer-Encoding", "Chunked")])), Ok(Framing::Chunked));
    }

    #[test]
    fn keeps_an_encoded_slash_inside_its_segment() {
        assert_eq!(head(&[]).segments(), ["a/b", "c"]);
        assert_eq!(
            decode_query(head(&[]).query()),
            [("x".to_owned(), "1 ".to_owned()), ("y".to_owned(), String::new())]
        );
    }
}
