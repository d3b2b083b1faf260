//! Templates: text with `${ expressions }` in it, compiled once at load.
//!
//! The expressions are minijinja's; its templates are not used. Request data is never compiled, only looked up. What a value
//! turns into is decided by the place it is used in, so that a value can never break out of its place.

mod engine;
mod filters;
mod growth;
mod json;
mod names;
mod reference;
mod scan;
mod strict;
mod text;
mod variables;

use std::fmt;
use std::sync::Arc;

use minijinja::machinery::parse_expr;
use minijinja::value::ValueKind;
use minijinja::{ErrorKind, Value};
use wire::envelope::Encoding;

use crate::run::Facts;
use names::Chain;
use scan::Scanned;

pub(crate) use filters::COMPONENT;
pub(crate) use json::{from_json, parse_json, to_json};
pub(crate) use names::Segment;
pub use reference::{FILTERS, FUNCTIONS, TESTS};
pub use strict::Condition;
pub(crate) use text::to_text;
use variables::Variables;

/// A scalar of a rule: text, or one expression, or text with expressions in it.
#[derive(Debug, Clone)]
pub struct Template {
    pieces: Vec<Piece>,
    references: Vec<Reference>,
}

/// A part of a [`Template`].
#[derive(Debug, Clone)]
pub enum Piece {
    /// Text as it stands.
    Text(String),
    /// A compiled expression.
    Expression(Expression),
    /// `${ file.base64 }` or `${ file.base64url }`: here the file streams.
    Stream(Encoding),
}

/// One compiled expression.
#[derive(Clone)]
pub struct Expression {
    compiled: Arc<minijinja::Expression<'static, 'static>>,
    chains: Arc<[Chain]>,
    /// Values that the strict form has in variables.
    constants: Arc<[Value]>,
    source: Arc<str>,
    shape: Shape,
}

/// What most expressions are, so that they need no engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One name and nothing else: `file.name`.
    Name,
    /// `params.title | default(omit)`.
    NameOrOmit,
    Other,
}

impl Shape {
    /// Of a source in which variables stand for names.
    fn of(rewritten: &str) -> Self {
        let name = variables::name(0);
        let compact: String = rewritten.split_ascii_whitespace().collect();
        match compact.strip_prefix(&name) {
            Some("") => Self::Name,
            Some("|default(omit)") => Self::NameOrOmit,
            _ => Self::Other,
        }
    }
}

/// A scalar that cannot be compiled.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// Byte offset in the scalar's text.
    pub offset: usize,
    /// Length in bytes of the offending part.
    pub len: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A name that an expression uses, such as `create.json.url`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Its segments; list indexes are left out, `headers['etag']` is two segments.
    pub path: Vec<String>,
    /// Byte offset of the name in the scalar's text.
    pub offset: usize,
    /// Length in bytes.
    pub len: usize,
    /// Whether `default(…)`, `is defined` or `is undefined` takes it when it is undefined.
    pub defaulted: bool,
}

/// What an expression gave that cannot be used, or why it gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// What went wrong, without values that could be secret.
    pub message: String,
    /// The step whose answer the expression hangs on: the fault is the upstream's.
    pub answer_of: Option<String>,
    /// The caller's value that cannot be escaped for its place, such as `params.title`.
    pub misfit: Option<String>,
    /// What is known of the client, such as `client.claims.org`, where that has no kind that could stand here.
    pub claim: Option<String>,
}

impl Template {
    /// Compiles a scalar. `$${` is a literal `${`.
    ///
    /// # Errors
    /// An unclosed `${`, a syntax error, an unknown filter, test or function, `file.base64` that does not stand alone.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut references = Vec::new();
        for part in scan::scan(source)? {
            match part {
                Scanned::Text(text) => pieces.push(Piece::Text(text)),
                Scanned::Expression { source, offset } => {
                    if let Some(encoding) = stream_encoding(source) {
                        pieces.push(Piece::Stream(encoding));
                        continue;
                    }
                    let expression = Expression::compile(source).map_err(|error| error.moved_by(offset))?;
                    references.extend(expression.chains.iter().map(|chain| chain.reference(offset)));
                    pieces.push(Piece::Expression(expression));
                }
            }
        }
        Ok(Self { pieces, references })
    }

    /// A template that is nothing but this text, with no meaning given to `${`.
    pub fn literal(text: impl Into<String>) -> Self {
        Self { pieces: vec![Piece::Text(text.into())], references: Vec::new() }
    }

    /// Its parts; never empty.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Every name that the expressions use.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// As written, without braces around a lone expression.
    #[must_use]
    pub fn source(&self) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Expression(expression) => expression.source().to_owned(),
            Piece::Stream(_) => "‹the file in base64›".to_owned(),
        };
        self.pieces.iter().map(text).collect()
    }

    /// Whether any answer is looked at, be it with a default.
    pub(crate) fn uses_answers(&self) -> bool {
        let of_piece = |piece: &Piece| matches!(piece, Piece::Expression(expression) if expression.uses_answers());
        self.pieces.iter().any(of_piece)
    }

    /// How the file streams here, if it does.
    pub fn stream(&self) -> Option<Encoding> {
        self.pieces.iter().find_map(|piece| match piece {
            Piece::Stream(encoding) => Some(*encoding),
            Piece::Text(_) | Piece::Expression(_) => None,
        })
    }

    /// The text, if there is no expression in it.
    pub fn as_literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The typed value: exactly one expression gives its value, anything else a string.
    /// `Ok(None)` means `omit`.
    ///
    /// # Errors
    /// An undefined result, a null, list or map inside text, or any failure of the expression.
    pub fn eval(&self, facts: &Facts) -> Result<Option<Value>, EvalError> {
        match self.pieces.as_slice() {
            [Piece::Expression(expression)] => expression.eval(facts),
            pieces => pieces
                .iter()
                .map(|piece| piece.text(facts))
                .collect::<Result<String, _>>()
                .map(|text| Some(text.into())),
        }
    }

    /// The value as text, as headers, form fields and URLs take it. `Ok(None)` means `omit`.
    ///
    /// # Errors
    /// As for [`Template::eval`]; a null, list or map.
    pub fn eval_text(&self, facts: &Facts) -> Result<Option<String>, EvalError> {
        match self.pieces.as_slice() {
            [Piece::Expression(expression)] => match expression.eval(facts)? {
                Some(value) => expression.text_of(&value, facts).map(Some),
                None => Ok(None),
            },
            pieces => pieces.iter().map(|piece| piece.text(facts)).collect::<Result<String, _>>().map(Some),
        }
    }

    /// Whether a condition holds: a boolean, or any other value by minijinja's truth (empty and zero are false).
    /// The texts `true` and `false` count as booleans. `omit` is false.
    ///
    /// # Errors
    /// As for [`Template::eval`].
    pub fn eval_bool(&self, facts: &Facts) -> Result<bool, EvalError> {
        let value = self.eval(facts)?;
        Ok(value.is_some_and(|value| match value.as_str() {
            Some("false") => false,
            _ => value.is_true(),
        }))
    }
}

impl Piece {
    /// The text of a piece inside a longer scalar.
    pub(crate) fn text(&self, facts: &Facts) -> Result<String, EvalError> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Expression(expression) => {
                let value = expression.eval(facts)?;
                let value =
                    value.ok_or_else(|| expression.error(facts, "`omit` cannot stand inside text".to_owned()))?;
                expression.text_of(&value, facts)
            }
            Self::Stream(_) => Err(EvalError::new("the file cannot stream here".to_owned(), None)),
        }
    }
}

impl Expression {
    fn compile(source: &str) -> Result<Self, TemplateError> {
        let chains = {
            let expr = parse_expr(source).map_err(|error| syntax_error(source, &error))?;
            names::chains(source, &expr)?
        };
        if let Some(chain) = chains.iter().find(|chain| is_stream_name(chain)) {
            return Err(TemplateError {
                offset: chain.start,
                len: chain.end - chain.start,
                message: "the file's base64 form must stand alone in its braces".to_owned(),
                hint: Some(
                    "it is never in memory as a whole; write `${ file.base64 }` without filters or operators"
                        .to_owned(),
                ),
            });
        }
        let rewritten = with_variables(source, &chains);
        let shape = Shape::of(&rewritten);
        let compiled =
            engine::environment().compile_expression_owned(rewritten).map_err(|error| syntax_error(source, &error))?;
        Ok(Self {
            compiled: Arc::new(compiled),
            chains: chains.into(),
            constants: Arc::default(),
            source: source.trim().into(),
            shape,
        })
    }

    /// The same expression, where operators demand the kinds that they are made for and the result is true or false.
    fn strict(&self) -> Result<Self, TemplateError> {
        let unreadable = |error: minijinja::Error| syntax_error(&self.source, &error);
        let expr = parse_expr(&self.source).map_err(unreadable)?;
        let chains = names::chains(&self.source, &expr)?;
        let (rewritten, constants) = strict::rewritten(&self.source, &expr, &chains);
        // A place in what was written anew is none in the source.
        let compiled =
            engine::strict_environment().compile_expression_owned(rewritten).map_err(|error| TemplateError {
                offset: 0,
                len: self.source.len(),
                message: format!("this cannot be a condition of access: {}", error.kind()),
                hint: None,
            })?;
        Ok(Self {
            compiled: Arc::new(compiled),
            chains: chains.into(),
            constants: constants.into(),
            source: Arc::clone(&self.source),
            shape: Shape::Other,
        })
    }

    /// The step whose answer this hangs on, if any.
    pub(crate) fn answer_of(&self) -> Option<String> {
        self.step(None)
    }

    /// The step whose answer gave a value, be it in the place of a default.
    pub(crate) fn answer_in(&self, facts: &Facts) -> Option<String> {
        self.step(Some(facts))
    }

    /// Whether any answer is looked at, be it with a default.
    pub(crate) fn uses_answers(&self) -> bool {
        self.chains.iter().any(|chain| step_of(chain).is_some())
    }

    /// The source between the braces.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The names that it uses, their offsets counted from its own beginning.
    pub(crate) fn references(&self) -> Vec<Reference> {
        self.chains.iter().map(|chain| chain.reference(0)).collect()
    }

    /// The caller's value that this hangs on, such as `params.title`, if any: a parameter or a part of the request's path.
    pub(crate) fn client_value(&self) -> Option<String> {
        self.chains.iter().find_map(|chain| match chain.path.as_slice() {
            [Segment::Name(root), Segment::Name(name), ..] if CLIENT_NAMES.contains(&root.as_str()) => {
                Some(format!("{root}.{name}"))
            }
            _ => None,
        })
    }

    /// Whether it says something of who sends the file.
    pub(crate) fn uses_client(&self) -> bool {
        self.chains.iter().any(is_of_client)
    }

    /// Whether nothing but the request's head and the environment is needed to evaluate it.
    pub(crate) fn is_known_with_head(&self) -> bool {
        self.chains.iter().all(|chain| match chain.path.first() {
            Some(Segment::Name(root)) => HEAD_NAMES.contains(&root.as_str()),
            _ => false,
        })
    }

    /// What it says of the file, such as `file.name`, if anything.
    pub(crate) fn of_file(&self) -> Option<String> {
        let reference =
            self.references().into_iter().find(|reference| reference.path.first().is_some_and(|root| root == "file"));
        reference.map(|reference| reference.path.join("."))
    }

    /// The typed value; `Ok(None)` means `omit`.
    ///
    /// # Errors
    /// An undefined result, or any failure of the expression.
    pub fn eval(&self, facts: &Facts) -> Result<Option<Value>, EvalError> {
        let Some(chain) = self.chains.first().filter(|_| self.shape != Shape::Other) else { return self.run(facts) };
        let value = facts.lookup(&chain.path);
        // The engine would give the same, at ten times the cost. What it fails on is left to it.
        match (value.kind(), self.shape) {
            (ValueKind::Undefined, Shape::NameOrOmit) => Ok(None),
            (ValueKind::Undefined | ValueKind::Invalid, _) => self.run(facts),
            _ => Ok(Some(value)),
        }
    }

    fn run(&self, facts: &Facts) -> Result<Option<Value>, EvalError> {
        let values = self.chains.iter().map(|chain| facts.lookup(&chain.path)).collect();
        let result = self.compiled.eval(Value::from_object(Variables::new(values, &self.constants)));
        let value = result.map_err(|error| {
            let misfit = (error.kind() == ErrorKind::BadEscape)
                .then(|| self.client_value().or_else(|| self.of_file()))
                .flatten();
            EvalError { misfit, ..self.error(facts, self.describe(&error)) }
        })?;
        if engine::is_omit(&value) {
            return Ok(None);
        }
        if value.is_undefined() {
            return Err(self.error(facts, format!("`{}` is undefined", self.source)));
        }
        if value.kind() == ValueKind::Invalid {
            return Err(self.error(facts, format!("`{}` is a number beyond 64 bits", self.source)));
        }
        Ok(Some(value))
    }

    fn text_of(&self, value: &Value, facts: &Facts) -> Result<String, EvalError> {
        to_text(value).map_err(|what| {
            let message = format!("`{}` is {what}, which cannot stand in text", self.source);
            EvalError { answer_of: self.step(None), ..self.error(facts, message) }
        })
    }

    /// Kinds of minijinja's errors carry no values, its details may; details of our own filters begin with a backtick.
    fn describe(&self, error: &minijinja::Error) -> String {
        let ours = error.detail().filter(|detail| detail.starts_with('`'));
        match (error.kind(), ours) {
            (ErrorKind::UndefinedError, _) => format!("`{}` uses something undefined", self.source),
            (_, Some(detail)) => format!("`{}`: {detail}", self.source),
            (kind, None) => format!("`{}`: {kind}", self.source),
        }
    }

    fn error(&self, facts: &Facts, message: String) -> EvalError {
        let odd = |chain: &&Chain| facts.lookup(&chain.path).kind() != ValueKind::String;
        let claim = self.chains.iter().filter(|chain| is_of_client(chain)).find(odd);
        let claim = claim.map(|chain| chain.reference(0).path.join("."));
        EvalError { claim, ..EvalError::new(message, self.step(Some(facts))) }
    }

    /// The step to blame: one whose look-up is undefined before any other.
    fn step(&self, facts: Option<&Facts>) -> Option<String> {
        let missing = |chain: &&Chain| facts.is_some_and(|facts| facts.lookup(&chain.path).is_undefined());
        let steps = || self.chains.iter().filter(|chain| !chain.defaulted && step_of(chain).is_some());
        steps().find(missing).or_else(|| steps().next()).and_then(step_of).or_else(|| self.defaulted_step(facts))
    }

    /// The step whose answer was there, although the expression would have done without it.
    fn defaulted_step(&self, facts: Option<&Facts>) -> Option<String> {
        let facts = facts?;
        let there = |chain: &&Chain| !facts.lookup(&chain.path).is_undefined();
        self.chains.iter().filter(|chain| step_of(chain).is_some()).find(there).and_then(step_of)
    }
}

/// The names of an answer itself, in predicates and error texts.
const ANSWER_NAMES: [&str; 5] = ["status", "headers", "json", "xml", "text"];

/// The names that are no step.
const FACT_NAMES: [&str; 6] = ["file", "params", "path", "env", "upload", "client"];

/// The names under which stands what callers may say freely.
const CLIENT_NAMES: [&str; 2] = ["params", "path"];

/// The names of what is known as soon as the request's head is there.
const HEAD_NAMES: [&str; 3] = ["client", "path", "env"];

fn is_of_client(chain: &Chain) -> bool {
    matches!(chain.path.first(), Some(Segment::Name(root)) if root == "client")
}

fn step_of(chain: &Chain) -> Option<String> {
    match chain.path.first() {
        Some(Segment::Name(root)) if !FACT_NAMES.contains(&root.as_str()) => Some(root.clone()),
        _ => None,
    }
}

impl EvalError {
    /// An error that is nobody's but the rule's, or that of a step's answer.
    pub(crate) fn new(message: String, answer_of: Option<String>) -> Self {
        Self { message, answer_of, misfit: None, claim: None }
    }

    /// The same error, where a name of the answer itself stands for `step`.
    pub(crate) fn within(mut self, step: &str) -> Self {
        if let Some(name) = &mut self.answer_of
            && ANSWER_NAMES.contains(&name.as_str())
        {
            step.clone_into(name);
        }
        self
    }
}

impl TemplateError {
    fn moved_by(mut self, offset: usize) -> Self {
        self.offset += offset;
        self
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${{ {} }}", self.source)
    }
}

fn stream_encoding(source: &str) -> Option<Encoding> {
    match source.trim() {
        "file.base64" => Some(Encoding::Base64),
        "file.base64url" => Some(Encoding::Base64Url { padding: true }),
        _ => None,
    }
}

fn is_stream_name(chain: &Chain) -> bool {
    match chain.path.as_slice() {
        [Segment::Name(root), Segment::Name(name), ..] => root == "file" && (name == "base64" || name == "base64url"),
        _ => false,
    }
}

/// The source with each chain replaced by its variable.
fn with_variables(source: &str, chains: &[Chain]) -> String {
    let mut rewritten = String::with_capacity(source.len());
    let mut from = 0;
    for (index, chain) in chains.iter().enumerate() {
        rewritten.push_str(source.get(from..chain.start).unwrap_or_default());
        rewritten.push_str(&variables::name(index));
        from = chain.end;
    }
    rewritten.push_str(source.get(from..).unwrap_or_default());
    rewritten
}

/// The place is widened to whole characters: the parser stops at the first byte of one that it does not know.
fn syntax_error(source: &str, error: &minijinja::Error) -> TemplateError {
    let range = error.range().unwrap_or(0..source.len());
    let start = source.floor_char_boundary(range.start);
    let end = source.ceil_char_boundary(range.end);
    let message = error.detail().map_or_else(|| error.kind().to_string(), ToOwned::to_owned);
    let empty = source.trim().is_empty();
    TemplateError {
        offset: start,
        len: end.saturating_sub(start),
        message: if empty { "this expression is empty".to_owned() } else { message },
        hint: None,
    }
}

#[cfg(test)]
mod tests;
