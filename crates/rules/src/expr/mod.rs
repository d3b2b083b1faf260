//! Templates: text with `${ expressions }` in it, compiled once at load.

use minijinja::Value;

/// A scalar of a rule: text, or one expression, or text with expressions in it.
#[derive(Debug, Clone)]
pub struct Template {}

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
    /// Whether `default(…)` takes it when it is undefined.
    pub defaulted: bool,
}

/// What an expression gave that cannot be used, or why it gave nothing.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// What went wrong, without values that could be secret.
    pub message: String,
    /// The step whose answer the expression hangs on: the fault is the upstream's.
    pub answer_of: Option<String>,
}

impl Template {
    /// Compiles a scalar. `$${` is a literal `${`.
    ///
    /// # Errors
    /// An unclosed `${`, a syntax error, an unknown filter or function.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        todo!("{source}")
    }

    /// Every name that the expressions use.
    pub fn references(&self) -> &[Reference] {
        todo!()
    }

    /// The text, if there is no expression in it.
    pub fn as_literal(&self) -> Option<&str> {
        todo!()
    }

    /// The typed value: exactly one expression gives its value, anything else a string.
    /// `Ok(None)` means `omit`.
    ///
    /// # Errors
    /// An undefined result, a null, list or map inside text, or any failure of the expression.
    pub fn eval(&self, facts: &crate::run::Facts) -> Result<Option<Value>, EvalError> {
        todo!("{facts:?}")
    }
}
