//! One problem, and the collector that a check writes into.

use std::sync::Arc;

use crate::source::Span;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used, but hardly does what was meant.
    Warning,
}

/// Something wrong at a place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file as named to `load` or by its glob.
    pub file: Arc<str>,
    /// Where; an empty range at 0 means the file as a whole.
    pub span: Span,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// A few words at the caret.
    pub label: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Other places of the same or another file that belong to it, with a few words each.
    pub related: Vec<Related>,
    /// Places of its file whose text may be a secret that does not belong there: reports show asterisks instead.
    pub masked: Vec<Span>,
}

/// A place that belongs to a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// The file.
    pub file: Arc<str>,
    /// Where.
    pub span: Span,
    /// A few words.
    pub label: String,
}

impl Problem {
    /// Says a few words at the caret.
    pub fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(label.into());
        self
    }

    /// Says what to do.
    pub fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says what to do, if there is something to say.
    pub fn maybe_hint(&mut self, hint: Option<String>) -> &mut Self {
        self.hint = hint.or(self.hint.take());
        self
    }

    /// Hides the text of a place that may be a secret.
    pub fn mask(&mut self, span: Span) -> &mut Self {
        self.masked.push(span);
        self
    }

    /// Shows another place of the same file.
    pub fn related(&mut self, span: Span, label: impl Into<String>) -> &mut Self {
        let file = Arc::clone(&self.file);
        self.related_in(file, span, label)
    }

    /// Shows a place of any file.
    pub fn related_in(&mut self, file: Arc<str>, span: Span, label: impl Into<String>) -> &mut Self {
        self.related.push(Related { file, span, label: label.into() });
        self
    }
}

/// The problems of one file, as they are found.
#[derive(Debug)]
pub struct Problems {
    file: Arc<str>,
    found: Vec<Problem>,
}

impl Problems {
    /// None yet.
    #[must_use]
    pub fn new(file: Arc<str>) -> Self {
        Self { file, found: Vec::new() }
    }

    /// The file they are about.
    #[must_use]
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// Adds an error and hands it back for a label and a hint.
    pub fn error(&mut self, span: Span, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Error, span, message.into())
    }

    /// Adds a warning and hands it back for a label and a hint.
    pub fn warning(&mut self, span: Span, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Warning, span, message.into())
    }

    /// Whether an error is among them.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// All of them, in the order found.
    #[must_use]
    pub fn into_vec(self) -> Vec<Problem> {
        self.found
    }

    fn add(&mut self, severity: Severity, span: Span, message: String) -> &mut Problem {
        let problem = Problem {
            severity,
            file: Arc::clone(&self.file),
            span,
            message,
            label: None,
            hint: None,
            related: Vec::new(),
            masked: Vec::new(),
        };
        self.found.push(problem);
        let last = self.found.len() - 1;
        &mut self.found[last]
    }
}
