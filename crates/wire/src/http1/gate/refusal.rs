//! Why a head does not pass.

/// Why a request's head is refused. Nothing after it on its connection is read as a request.
///
/// No variant carries bytes of the client: what is said of a refused head can be logged and sent as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HeadRefusal {
    /// The head is longer than the limit, in bytes.
    #[error("the request head is longer than {0} bytes")]
    HeadTooLong(usize),
    /// A line of the head is longer than the limit, in bytes.
    #[error("a line of the request head is longer than {0} bytes")]
    LineTooLong(usize),
    /// The head has more fields than the limit.
    #[error("the request head has more than {0} fields")]
    TooManyFields(usize),
    /// The target is longer than the limit, in bytes.
    #[error("the request target is longer than {0} bytes")]
    TargetTooLong(usize),
    /// A line feed without a carriage return before it (RFC 9112 section 2.2 lets a recipient accept it; a proxy may not).
    #[error("a line of the request head ends with a bare line feed")]
    BareLineFeed,
    /// A carriage return without a line feed behind it.
    #[error("a line of the request head holds a bare carriage return")]
    BareCarriageReturn,
    /// NUL or another control character.
    #[error("the request head holds a control character")]
    ControlCharacter,
    /// The request line is not `METHOD target HTTP/1.x` with single spaces.
    #[error("the request line is malformed")]
    RequestLine,
    /// The method is no token, or a very long one.
    #[error("the request method is malformed")]
    Method,
    /// CONNECT would turn the connection into a tunnel; TRACE would echo credentials.
    #[error("this server takes neither CONNECT nor TRACE")]
    ForbiddenMethod,
    /// The target is none of the forms of RFC 9112 section 3.2 or holds a character that no URI has.
    #[error("the request target is malformed")]
    Target,
    /// Anything but `HTTP/1.1` and `HTTP/1.0`.
    #[error("the protocol version is not HTTP/1.1 or HTTP/1.0")]
    Version,
    /// A field line without a colon or with a name that is no token; white space before the colon is one of these.
    #[error("a header field is malformed")]
    Field,
    /// A field line that begins with white space: line folding, which RFC 9112 section 5.2 tells servers to refuse.
    #[error("a header field is folded over several lines")]
    FoldedField,
    /// A field that decides about the message with bytes that are not ASCII.
    #[error("a header field of the connection holds bytes that are not ASCII")]
    NotAscii,
    /// `Content-Length` is not a plain decimal number of 64 bits: a sign, a list, a leading zero or nothing at all.
    #[error("Content-Length is not a plain decimal number")]
    ContentLength,
    /// More than one `Content-Length`, equal or not.
    #[error("Content-Length stands more than once")]
    RepeatedContentLength,
    /// `Content-Length` beside `Transfer-Encoding`.
    #[error("the request has both Content-Length and Transfer-Encoding")]
    LengthBesideCoding,
    /// `Transfer-Encoding` that is malformed, repeated, or does not end in one `chunked`.
    #[error("Transfer-Encoding is ambiguous")]
    AmbiguousCoding,
    /// A transfer coding beside `chunked`.
    #[error("the only transfer coding accepted is one `chunked`")]
    UnknownCoding,
    /// `Transfer-Encoding` in an HTTP/1.0 request (RFC 9112 section 6.1).
    #[error("Transfer-Encoding does not exist in HTTP/1.0")]
    CodingInHttp10,
}
