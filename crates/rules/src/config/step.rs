//! Steps: each is one HTTP request.

use std::sync::Arc;
use std::time::Duration;

use super::{SecretRef, Target};
use crate::expr::Template;

/// One HTTP request of a rule.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its id: the name of its answer in expressions, and a metric label.
    pub id: Arc<str>,
    /// Method, URL, headers, query and body.
    pub request: RequestRule,
    /// Which answers are a success.
    pub expect: Expect,
    /// The step is skipped when this is false.
    pub when: Option<Template>,
    /// Ask again until something holds.
    pub poll: Option<Poll>,
    /// May the request be sent again?
    pub retry: RetryClass,
    /// When the URL or policy that this step's answer gives ends: RFC 3339 text or Unix seconds.
    pub expires: Option<Template>,
    /// Takes this step back.
    pub undo: Option<Undo>,
    /// Assertions on the answer.
    pub check: Vec<Template>,
    /// Time limit for the answer, in place of the target's.
    pub timeout: Option<Duration>,
}

/// A request as a rule writes it.
#[derive(Debug, Clone)]
pub struct RequestRule {
    /// `GET`, `POST`, …
    pub method: http::Method,
    /// Where to.
    pub url: UrlRule,
    /// Whose allow-list, credentials and error texts apply.
    pub target: Arc<Target>,
    /// Header fields, later ones win over earlier ones; learned ones over written ones.
    pub headers: Vec<HeaderItem>,
    /// Added to whatever query the URL has.
    pub query: Vec<(String, Template)>,
    /// What to send.
    pub body: Body,
}

/// A URL as a rule writes it.
#[derive(Debug, Clone)]
pub enum UrlRule {
    /// A path (and query) below the target's origin; expressions are encoded by place.
    Path(Template),
    /// A full URL learned from an answer; may be followed by text.
    Learned(Template),
}

/// What to send.
#[derive(Debug, Clone)]
pub enum Body {
    /// Nothing; `Content-Length: 0` where the method has a body by custom.
    None,
    /// The file as it is.
    File,
    /// JSON.
    Json(Tree),
    /// `multipart/form-data`.
    Form(Vec<FormItem>),
    /// `application/x-www-form-urlencoded`.
    Urlencoded(Vec<(String, Template)>),
    /// Any text.
    Text(Template),
}

/// A JSON tree with expressions at its leaves.
#[derive(Debug, Clone)]
pub enum Tree {
    /// `null`, `true`, `false` or a number.
    Constant(serde_json::Value),
    /// Text or an expression; typed when it is exactly one expression.
    Leaf(Template),
    /// A list.
    List(Vec<Tree>),
    /// An object, in the order of writing.
    Map(Vec<(String, Tree)>),
}

/// An item of a form.
#[derive(Debug, Clone)]
pub enum FormItem {
    /// One field.
    Field {
        /// Its name.
        name: Template,
        /// Its value.
        value: Template,
        /// Its `Content-Type`.
        content_type: Option<Template>,
    },
    /// Fields learned from an answer, in the order received.
    Fields {
        /// A map, or a list of `{name, value}` or `{key, value}`.
        from: Template,
        /// New names by old ones.
        rename: Vec<(String, String)>,
        /// Names to leave out.
        drop: Vec<String>,
        /// If not empty, the only names to take.
        keep: Vec<String>,
        /// Leave out fields whose value is empty.
        drop_empty: bool,
    },
    /// The streamed file.
    File {
        /// The part's name.
        part: Template,
        /// The file name sent; the upload's by default.
        filename: Option<Template>,
        /// The part's `Content-Type`; the upload's by default.
        content_type: Option<Template>,
    },
}

/// An item of a `headers` list.
#[derive(Debug, Clone)]
pub enum HeaderItem {
    /// A header with an expression as value.
    Written(String, Template),
    /// A header with a secret as value.
    Secret(String, SecretRef),
    /// Headers learned from an answer: a map, or a list of `{name, value}` or `{key, value}`.
    Learned(Template),
}

/// Which answers are a success.
#[derive(Debug, Clone)]
pub struct Expect {
    /// Inclusive status ranges.
    pub statuses: Vec<(u16, u16)>,
    /// A predicate on the answer.
    pub that: Option<Template>,
}

/// Polling.
#[derive(Debug, Clone)]
pub struct Poll {
    /// Done when this holds.
    pub until: Template,
    /// Failed when this holds.
    pub fail_when: Option<Template>,
    /// Whether `fail-when` blames the file (`upstream-refused-file`) and not the upstream (`upstream-refused`).
    pub fail_refuses_file: bool,
    /// Between two requests.
    pub every: Duration,
    /// In all.
    pub within: Duration,
    /// Past `within`: end as `processing` (true) or fail with `upstream-timeout` (false).
    pub otherwise_processing: bool,
}

/// May a request be sent again?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryClass {
    /// Sending it twice does no harm.
    Idempotent,
    /// Only when it is certain that nothing was done.
    Never,
}

/// A request that takes a step back, and the answers that mean it worked (2xx and 404 unless said).
#[derive(Debug, Clone)]
pub struct Undo {
    /// The request.
    pub request: RequestRule,
    /// Inclusive status ranges.
    pub statuses: Vec<(u16, u16)>,
}
