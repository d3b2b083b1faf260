//! Examples of a route: one upload each, with the answers of a scripted upstream, and what must come of it.
//!
//! A running gateway does not keep them; `tidegate test` reads them from the file. Everything that is compared has its place.

use std::sync::Arc;

use regex::Regex;
use serde_json::Value;

use super::Environment;
use crate::source::Span;

/// The examples of one route's file.
#[derive(Debug, Clone)]
pub struct Examples {
    /// The route's name.
    pub route: Arc<str>,
    /// The file's text, into which the places point.
    pub text: Arc<str>,
    /// In the order of the file.
    pub list: Vec<Example>,
}

/// Something that stands at a place of the file.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    /// Where.
    pub span: Span,
    /// What.
    pub value: T,
}

/// One upload and what must come of it.
#[derive(Debug, Clone)]
pub struct Example {
    /// Its name, at its place; no two examples of a file share one.
    pub name: Placed<String>,
    /// The environment in which the rule is loaded.
    pub env: Environment,
    /// What the client sends.
    pub request: ExampleRequest,
    /// What the upstream hears and answers, in order.
    pub exchanges: Vec<Placed<ScriptedExchange>>,
    /// What the client is told.
    pub outcome: Outcome,
}

/// What the client sends.
#[derive(Debug, Clone)]
pub struct ExampleRequest {
    /// In which form.
    pub form: RequestForm,
    /// The path, as it is sent; a named `PUT` adds the file's name.
    pub path: String,
    /// The file's name, if it has one beside the path.
    pub filename: Option<String>,
    /// The file's media type, if it is told.
    pub media_type: Option<String>,
    /// Parameters of the route.
    pub params: Vec<(String, String)>,
    /// Further header fields; each can be sent.
    pub headers: Vec<(http::HeaderName, http::HeaderValue)>,
    /// Who sends it, on a route that asks.
    pub client: Option<ExampleClient>,
    /// The file.
    pub content: ExampleContent,
}

/// The forms of an upload request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestForm {
    /// `PUT`, the name in the path.
    Put,
    /// `POST`, the name in `Content-Disposition`.
    Post,
    /// `POST`, `multipart/form-data`.
    Form,
}

/// Who sends an upload.
#[derive(Debug, Clone)]
pub struct ExampleClient {
    /// `client.subject`.
    pub subject: Arc<str>,
    /// `client.claims`.
    pub claims: serde_json::Map<String, Value>,
}

/// The file of an example.
#[derive(Debug, Clone)]
pub enum ExampleContent {
    /// These bytes.
    Written(Vec<u8>),
    /// So many bytes that follow from their number.
    Generated(u64),
}

/// What the upstream hears, and what it says.
#[derive(Debug, Clone)]
pub struct ScriptedExchange {
    /// What it hears; none for a connection that is refused.
    pub expected: Option<ExpectedRequest>,
    /// What it says.
    pub answer: ScriptedAnswer,
}

/// What the upstream says.
#[derive(Debug, Clone)]
pub enum ScriptedAnswer {
    /// An answer.
    Answer {
        /// Its status.
        status: http::StatusCode,
        /// Its header fields; each can be sent.
        headers: Vec<(http::HeaderName, http::HeaderValue)>,
        /// Its body.
        body: Vec<u8>,
    },
    /// The connection is refused.
    Refused,
    /// The connection is reset when the request was heard.
    Reset,
    /// Nothing: the request must not come to its end.
    Unfinished,
}

/// What the upstream must hear. What is not named is not compared.
#[derive(Debug, Clone)]
pub struct ExpectedRequest {
    /// The method.
    pub method: Placed<String>,
    /// Scheme, host, path, and the query unless that is told apart.
    pub url: Placed<TextMatcher>,
    /// Parameters of the query.
    pub query: Option<Vec<(String, Placed<TextMatcher>)>>,
    /// Header fields.
    pub headers: Vec<(String, Placed<TextMatcher>)>,
    /// The whole body.
    pub body: Option<Placed<ExpectedBody>>,
}

/// What a text must be.
#[derive(Debug, Clone)]
pub enum TextMatcher {
    /// This text.
    Is(String),
    /// Any text that matches.
    Matches {
        /// The expression as written.
        written: String,
        /// The expression for the whole text.
        whole: Regex,
    },
    /// Nothing.
    Absent,
}

/// What a body must be.
#[derive(Debug, Clone)]
pub enum ExpectedBody {
    /// Empty.
    Nothing,
    /// The file of the request.
    File,
    /// This text.
    Text(TextMatcher),
    /// This JSON.
    Json(Pattern),
    /// These bytes.
    Bytes(Vec<u8>),
    /// A form of exactly these parts.
    Form(Vec<Placed<ExpectedPart>>),
    /// A form of exactly these pairs.
    Urlencoded(Vec<(String, Placed<TextMatcher>)>),
}

/// A part of a form.
#[derive(Debug, Clone)]
pub struct ExpectedPart {
    /// Its name.
    pub name: String,
    /// Its file name.
    pub filename: Option<Placed<TextMatcher>>,
    /// Its type.
    pub content_type: Option<Placed<TextMatcher>>,
    /// Its content; never a form itself.
    pub content: Option<Placed<ExpectedBody>>,
}

/// A JSON value with matchers in it.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// Where it stands.
    pub span: Span,
    /// What must be there.
    pub value: PatternValue,
}

/// What must be there.
#[derive(Debug, Clone)]
pub enum PatternValue {
    /// A text, or nothing.
    Text(TextMatcher),
    /// `null`, a boolean or a number.
    Constant(Value),
    /// A list of exactly these.
    List(Vec<Pattern>),
    /// An object.
    Map(Vec<(String, Pattern)>),
}

/// What the client is told: of the JSON, what is named is compared.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A receipt.
    Receipt(Pattern),
    /// A problem.
    Problem(Pattern),
}
